/* uplink.c - opening, losing and finding ethdev ports again; see uplink.h. Sending is in uplink_tx.c. */
#include "nic/uplink.h"

#include <dirent.h>
#include <errno.h>
#include <linux/bpf.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <rte_bus_vdev.h>
#include <rte_ethdev.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/qsbr.h"
#include "nic/packet_socket.h"
#include "nic/processor.h"
#include "nic/uplink_queues.h"
#include "nic/uplink_tx.h"
#include "nic/uplink_xdp.h"

/*
 * Buffers: those that the AF_XDP driver keeps in the kernel's fill ring (ETH_AF_XDP_DFLT_NUM_DESCS) and in the transmit
 * ring, what lanes have in their caches, what receive rings may hold, and some to build frames in. Without a bound for
 * the rings, eight slow VMs held all of them, and nobody's frames came in any more. 8191 is 2^13 - 1, the optimum for
 * rte_mempool's ring (rte_mempool_create(3)).
 */
#define UPLINK_BUFS 8191
#define UPLINK_BUFS_FILL 2048
#define UPLINK_BUF_CACHE 64 /* two bursts */
/* Of 16 lanes, each half over its size before it is flushed; more lanes have smaller ones. */
#define UPLINK_BUFS_CACHED (16 * UPLINK_BUF_CACHE * 3 / 2)
static_assert(UPLINK_BUFS_FILL + UPLINK_DESC + UPLINK_BUFS_CACHED + UPLINK_BUFS_IN_RINGS < UPLINK_BUFS,
	      "no frame would come in");
/* A NIC's own queues have no rings behind them. */
static_assert(HWQUEUE_DESC + UPLINK_DESC + UPLINK_BUFS_CACHED < UPLINK_BUFS, "no frame would come in");
#define UPLINK_BUF_ROOM (RTE_PKTMBUF_HEADROOM + 2048)
#define UPLINK_FRAME_MAX 2048 /* one buffer, one frame: AF_XDP has no more */

/* That the kernel may take to give a queue free: 5 to 20 ms were seen on an idle machine. RPC waits meanwhile. */
#define XDP_PATIENCE_NS (250 * NSEC_PER_MS)
#define XDP_RETRY_US 10000

struct fd_set_of {
	int fd[512]; /* of every adapter: two sockets or five maps each, and what sends while we look */
	unsigned n;
};

void
uplink_init(struct uplink *u, const char *name, enum uplink_type type, const char *arg)
{
	memset((void *)u, 0, sizeof(*u));
	snprintf(u->name, sizeof(u->name), "%s", name);
	snprintf(u->arg, sizeof(u->arg), "%s", arg);
	u->type = type;
	u->claim = -1;
	atomic_init(&u->port, UPLINK_ABSENT);
	u->sink.ops = &uplink_sink_ops;
}

static int
socket_domain(int fd)
{
	int domain;
	socklen_t len = sizeof(domain);

	return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) == 0 ? domain : AF_UNSPEC;
}

static bool
is_packet_socket(int fd)
{
	int domain = socket_domain(fd);

	return domain == AF_XDP || domain == AF_PACKET;
}

static bool
is_bpf_map(int fd)
{
	static const char kind[] = "anon_inode:bpf-map";
	char path[32], target[sizeof(kind)];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return readlink(path, target, sizeof(target)) == sizeof(kind) - 1 &&
	       memcmp(target, kind, sizeof(kind) - 1) == 0;
}

/* Our descriptors of one kind. */
static void
descriptors(bool (*is)(int fd), struct fd_set_of *out)
{
	DIR *dir = opendir("/proc/self/fd");
	struct dirent *entry;

	out->n = 0;
	if (dir == NULL)
		return;
	while ((entry = readdir(dir)) != NULL && out->n < RTE_DIM(out->fd)) {
		int fd = atoi(entry->d_name);

		if (is(fd))
			out->fd[out->n++] = fd;
	}
	closedir(dir);
}

/* Those of one kind that were not there before: at most max, into fds. Returns how many. */
static unsigned
new_descriptors(bool (*is)(int fd), const struct fd_set_of *before, int *fds, unsigned max)
{
	struct fd_set_of now;
	unsigned n = 0;

	descriptors(is, &now);
	for (unsigned i = 0; i < now.n && n < max; i++) {
		bool known = false;

		for (unsigned k = 0; k < before->n; k++)
			known |= before->fd[k] == now.fd[i];
		if (!known)
			fds[n++] = now.fd[i];
	}
	return n;
}

bool
uplink_is_interface(const struct uplink *u)
{
	return u->type == UPLINK_TYPE_AF_XDP || u->type == UPLINK_TYPE_AF_PACKET;
}

/* One netdevice(7) request about the interface. */
static bool
ask_interface(const struct uplink *u, unsigned long what, struct ifreq *answer)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool known;

	if (fd < 0)
		return false;
	snprintf(answer->ifr_name, sizeof(answer->ifr_name), "%.15s", u->arg);
	known = ioctl(fd, what, answer) == 0;
	close(fd);
	return known;
}

/* The same for ethtool(8): sends *value with a command that sets something, and gets it with one that asks. */
static bool
ask_ethtool(const struct uplink *u, uint32_t command, uint32_t *value)
{
	struct ethtool_value question = { command, *value };
	struct ifreq request = { .ifr_data = (void *)&question };
	bool known = ask_interface(u, SIOCETHTOOL, &request);

	*value = question.data;
	return known;
}

/*
 * Receive offload joins TCP segments before a packet socket, or XDP without the driver's help, sees them: what comes of it is
 * longer than a buffer, and lost. On real NICs it is on unless somebody said otherwise.
 */
static void
set_receive_offload(const struct uplink *u, uint32_t on)
{
	ask_ethtool(u, ETHTOOL_SGRO, &on);
}

static void
device_arguments(const struct uplink *u, char *device, size_t device_len, char *args, size_t len)
{
	const char *comma = strchr(u->arg, ',');
	const char *driver[] = { "net_af_xdp", "net_af_packet", "net_pcap", "net_null", "net_ring" };

	/* The number makes each name new: long ones may begin alike, and DPDK does not forget a device that failed to close. */
	snprintf(device, device_len, "%s_%.16s_%u", driver[u->type], u->name, u->generation);
	args[0] = '\0';
	switch (u->type) {
	case UPLINK_TYPE_AF_XDP:
		/* busy_budget=0: preferred busy polling would keep the socket from waking our epoll. */
		snprintf(args, len, "iface=%s,start_queue=0,queue_count=1,busy_budget=0", u->arg);
		break;
	case UPLINK_TYPE_AF_PACKET:
		snprintf(args, len, "iface=%s,qpairs=1,framesz=2048,blocksz=4096,framecnt=1024", u->arg);
		break;
	case UPLINK_TYPE_PCAP:
		if (comma != NULL)
			snprintf(args, len, "rx_pcap=%.*s,tx_pcap=%s", (int)(comma - u->arg), u->arg, comma + 1);
		else
			snprintf(args, len, "rx_pcap=%s", u->arg);
		break;
	case UPLINK_TYPE_NULL:
		snprintf(args, len, "no-rx=1");
		break;
	case UPLINK_TYPE_RING:
	case UPLINK_TYPE_MEMIF: /* a medium */
		break;
	}
}

/* The largest MTU whose frames fit both ways; the kernel drops longer ones from the wire, and no book has them. */
static unsigned
mtu_max(const struct uplink *u)
{
	switch (u->type) {
	case UPLINK_TYPE_AF_XDP:
		/* net/xdp/xsk_buff_pool.c: what a program may put in front of a frame is taken from the buffer's room. */
		return UPLINK_FRAME_MAX - XDP_PACKET_HEADROOM - RTE_ETHER_HDR_LEN - RTE_VLAN_HLEN;
	case UPLINK_TYPE_AF_PACKET:
		return PACKET_SOCKET_LONGEST - RTE_ETHER_HDR_LEN;
	default:
		return UPLINK_FRAME_MAX - RTE_ETHER_HDR_LEN - RTE_VLAN_HLEN;
	}
}

/* The driver's word for it is 1500, whatever the interface's is. */
static unsigned
mtu_now(const struct uplink *u, uint16_t port)
{
	uint16_t mtu = 0;
	struct ifreq request;

	if (uplink_is_interface(u))
		return ask_interface(u, SIOCGIFMTU, &request) ? (unsigned)request.ifr_mtu : RTE_ETHER_MTU;
	return rte_eth_dev_get_mtu(port, &mtu) == 0 && mtu != 0 ? mtu : RTE_ETHER_MTU;
}

static void
hint_privileges(struct err *err)
{
	err_hint(err, "the daemon keeps what the uplinks of its file need when it starts: if none of them was of this "
		      "kind, start it again with this one");
}

static int
start_device(struct uplink *u, uint16_t port, unsigned mtu, struct err *err)
{
	unsigned most = mtu_max(u), n = hwqueue_can(port, &u->rss) ? u->rss.queues : 1, own;
	int ret;

	if (uplink_is_interface(u) && mtu > most) {
		ret = err_set(err, -EINVAL, "adapter '%s': an MTU of %u is too much for %s", u->name, mtu, u->arg);
		err_hint(err, "an uplink of this kind carries up to %u bytes", most);
		return ret;
	}
	ret = uplink_start_queues(u, port, n, mtu);
	if (ret != 0 && n > 1)
		ret = uplink_start_queues(u, port, n = 1, mtu);
	if (ret != 0) {
		err_set(err, ret < 0 ? ret : -EIO, "adapter '%s': cannot start uplink %s", u->name, u->arg);
		if (uplink_is_interface(u))
			hint_privileges(err);
		return ret < 0 ? ret : -EIO;
	}
	u->rx_queues = n;
	/* VMs have addresses of their own. A driver that cannot is one that takes every frame anyway (pcap, null). */
	rte_eth_promiscuous_enable(port);
	own = mtu_now(u, port);
	if (own > most && uplink_is_interface(u))
		log_warn("uplink loses longer frames than its buffers adapter=%s interface=%s mtu=%u most=%u", u->name,
			 u->arg, own, most);
	own = own < most ? own : most;
	atomic_store(&u->mtu, mtu != 0 && mtu < own ? mtu : own);
	return 0;
}

/*
 * Not rte_pktmbuf_pool_create: in ordinary memory that never lets a buffer cross a page, so one fits in each. The AF_XDP
 * driver, which gives the pool to the kernel as it lies, reckons with buffers that lie close (22.11 to 24.11): those
 * beyond its sum are invalid to the kernel, and lost.
 */
static struct rte_mempool *
pool_new(const char *name)
{
	struct rte_pktmbuf_pool_private conf = { .mbuf_data_room_size = UPLINK_BUF_ROOM };
	unsigned cache = RTE_MIN(UPLINK_BUF_CACHE, UPLINK_BUFS_CACHED * 2 / 3 / (n_processors + 1));
	struct rte_mempool *pool =
		rte_mempool_create_empty(name, UPLINK_BUFS, sizeof(struct rte_mbuf) + UPLINK_BUF_ROOM, cache,
					 sizeof(conf), SOCKET_ID_ANY, RTE_MEMPOOL_F_NO_IOVA_CONTIG);

	if (pool == NULL)
		return NULL;
	rte_pktmbuf_pool_init(pool, &conf);
	if (rte_mempool_populate_default(pool) < 0) {
		rte_mempool_free(pool);
		return NULL;
	}
	rte_mempool_obj_iter(pool, rte_pktmbuf_init, NULL);
	return pool;
}

static int
make_pool(struct uplink *u, struct err *err)
{
	char name[RTE_MEMPOOL_NAMESIZE];

	/* The former one: all its frames came home before uplink_close, but for those that the kernel had. */
	rte_mempool_free(u->pool);
	snprintf(name, sizeof(name), "%.15s.%u", u->name, u->generation);
	u->pool = pool_new(name);
	if (u->pool == NULL) {
		err_set(err, -ENOMEM, "adapter '%s': no memory for %u packet buffers", u->name, UPLINK_BUFS);
		err_hint(err, "DPDK's memory is set when the daemon starts: fewer adapters, or start it again");
		return -ENOMEM;
	}
	return 0;
}

/* The device with a port of its own, configured by nobody yet. */
static int
make_device(struct uplink *u, uint16_t *port, struct err *err)
{
	char args[256];
	int ret;

	device_arguments(u, u->device, sizeof(u->device), args, sizeof(args));
	ret = rte_vdev_init(u->device, args);
	if (ret == 0 && (ret = rte_eth_dev_get_port_by_name(u->device, port)) != 0)
		rte_vdev_uninit(u->device);
	if (ret == 0)
		return 0;
	ret = err_set(err, ret < 0 ? ret : -EIO, "adapter '%s': cannot open uplink %s: %s", u->name, u->arg,
		      strerror(ret < 0 ? -ret : EIO));
	if (uplink_is_interface(u) && ret != -EPERM)
		err_hint(err, "is '%s' an interface of this network namespace (ip link)?", u->arg);
	else if (uplink_is_interface(u))
		hint_privileges(err);
	return ret;
}

static void
release(struct uplink *u)
{
	if (u->claim >= 0)
		close(u->claim);
	u->claim = -1;
}

/*
 * The AF_XDP driver of DPDK 22.11 leaves its socket open: it never deletes the umem that the socket belongs to. The kernel
 * would keep the interface's queue for it, and nobody could open that again. And libxdp (1.3.1) forgets a descriptor of its
 * program's map, one for each time that an uplink goes and comes. Control opens descriptors, so no other can have the number.
 */
static void
close_device(struct uplink *u, uint16_t port)
{
	rte_eth_dev_close(port);
	rte_vdev_uninit(u->device);
	for (unsigned i = 0; i < u->n_fds; i++)
		if (socket_domain(u->fds[i]) == AF_XDP)
			close(u->fds[i]);
	for (unsigned i = 0; i < u->n_maps; i++)
		if (is_bpf_map(u->maps[i]))
			close(u->maps[i]);
	u->n_fds = u->n_maps = 0;
}

static void
remember(struct uplink *u, unsigned mtu)
{
	struct ifreq request;
	uint32_t gro = 0;

	u->was_promiscuous = ask_interface(u, SIOCGIFFLAGS, &request) && (request.ifr_flags & IFF_PROMISC);
	u->was_mtu = mtu != 0 && ask_interface(u, SIOCGIFMTU, &request) ? (uint16_t)request.ifr_mtu : 0;
	u->was_joining = ask_ethtool(u, ETHTOOL_GGRO, &gro) && gro;
}

/* The drivers set both at the interface itself, where they would outlive us. */
static void
give_back(struct uplink *u, uint16_t port)
{
	if (!uplink_is_interface(u) || uplink_is_replaced(u))
		return;
	if (!u->was_promiscuous)
		rte_eth_promiscuous_disable(port);
	if (u->was_joining)
		set_receive_offload(u, 1);
	if (u->was_mtu != 0)
		rte_eth_dev_set_mtu(port, u->was_mtu);
}

/* Returns 0, or -errno with nothing left but the pool. */
static int
open_device(struct uplink *u, unsigned mtu, struct err *err)
{
	struct fd_set_of before, maps_before;
	uint16_t port;
	int ret;

	descriptors(is_packet_socket, &before);
	descriptors(is_bpf_map, &maps_before);
	u->ifindex = uplink_is_interface(u) ? if_nametoindex(u->arg) : 0;
	if (uplink_is_interface(u))
		remember(u, mtu);
	ret = make_device(u, &port, err);
	if (ret < 0)
		return ret;
	if (u->was_joining)
		set_receive_offload(u, 0);
	ret = start_device(u, port, mtu, err);
	u->n_fds = new_descriptors(is_packet_socket, &before, u->fds, UPLINK_FDS_MAX);
	u->n_maps = new_descriptors(is_bpf_map, &maps_before, u->maps, UPLINK_FDS_MAX);
	if (ret < 0) {
		give_back(u, port);
		close_device(u, port);
		return ret;
	}
	atomic_store_explicit(&u->port, port, memory_order_release);
	return 0;
}

/* One try. Returns 0, or -errno with nothing left. */
static int
open_once(struct uplink *u, unsigned mtu, struct err *err)
{
	static unsigned opens;
	int ret;

	u->generation = ++opens;
	ret = make_pool(u, err);
	if (ret == 0)
		ret = open_device(u, mtu, err);
	if (ret < 0) {
		rte_mempool_free(u->pool);
		u->pool = NULL;
	}
	return ret;
}

int
uplink_open(struct uplink *u, unsigned mtu, struct err *err)
{
	uint64_t end = clock_ns() + XDP_PATIENCE_NS;
	int ret;

	if (u->type != UPLINK_TYPE_AF_XDP)
		return open_once(u, mtu, err);
	u->claim = uplink_xdp_claim(u->name, u->arg, err);
	if (u->claim < 0)
		return u->claim;
	ret = open_once(u, mtu, err);
	/* The kernel gives a queue free some time after its former socket was closed: net/xdp/xsk_buff_pool.c, xp_put_pool. */
	while (ret < 0 && uplink_exists(u) && clock_ns() < end) {
		usleep(XDP_RETRY_US);
		ret = open_once(u, mtu, err);
	}
	if (ret < 0)
		release(u);
	return ret;
}

void
uplink_detach(struct uplink *u)
{
	atomic_store_explicit(&u->port, UPLINK_ABSENT, memory_order_release);
	qsbr_synchronize();
}

void
uplink_close(struct uplink *u)
{
	uint16_t port;

	if (u->medium != NULL)
		u->medium->ops->close(u->medium);
	u->medium = NULL;
	if (u->device[0] == '\0' || rte_eth_dev_get_port_by_name(u->device, &port) != 0)
		return;
	rte_eth_dev_stop(port);
	give_back(u, port);
	close_device(u, port);
	release(u);
}

int
uplink_configure_again(struct uplink *u, unsigned mtu, struct err *err)
{
	int port = uplink_port(u), ret;

	if (port == UPLINK_ABSENT)
		return err_set(err, -ENODEV, "adapter '%s': uplink %s is absent", u->name, u->arg);
	uplink_detach(u);
	ret = rte_eth_dev_stop((uint16_t)port);
	if (ret == 0)
		ret = start_device(u, (uint16_t)port, mtu, err);
	else
		err_set(err, ret < 0 ? ret : -EIO, "adapter '%s': cannot stop uplink %s", u->name, u->arg);
	if (ret != 0)
		return err->code;
	atomic_store_explicit(&u->port, port, memory_order_release);
	return 0;
}

/* ---- media that are no ethdev ---- */

static uplink_medium_open open_medium[UPLINK_TYPE_MEMIF + 1];

void
uplink_register(enum uplink_type type, uplink_medium_open open)
{
	open_medium[type] = open;
}

bool
uplink_is_medium(const struct uplink *u)
{
	return u->type == UPLINK_TYPE_MEMIF;
}

int
uplink_open_medium(struct uplink *u, unsigned mtu, struct uplink_medium_options *options, struct err *err)
{
	if (open_medium[u->type] == NULL)
		return err_set(err, -ENOTSUP, "adapter '%s': nothing here opens uplinks of this kind", u->name);
	options->name = u->name;
	options->arg = u->arg;
	options->mtu = mtu != 0 ? mtu : RTE_ETHER_MTU;
	u->medium = open_medium[u->type](options, err);
	if (u->medium == NULL)
		return err->code;
	atomic_store(&u->mtu, options->mtu);
	return 0;
}

/* ---- what can be seen of it ---- */

bool
uplink_exists(const struct uplink *u)
{
	return !uplink_is_interface(u) || if_nametoindex(u->arg) != 0;
}

bool
uplink_is_replaced(const struct uplink *u)
{
	return uplink_is_interface(u) && if_nametoindex(u->arg) != u->ifindex;
}

bool
uplink_has_link(const struct uplink *u)
{
	struct rte_eth_link link;
	struct ifreq request;
	int port = uplink_port(u);

	if (u->medium != NULL)
		return u->medium->ops->has_link(u->medium);
	if (port == UPLINK_ABSENT)
		return false;
	if (!uplink_is_interface(u))
		return rte_eth_link_get_nowait((uint16_t)port, &link) == 0 && link.link_status == RTE_ETH_LINK_UP;
	/* IFF_RUNNING is carrier for kernel interfaces, netdevice(7). */
	return ask_interface(u, SIOCGIFFLAGS, &request) && (request.ifr_flags & IFF_RUNNING);
}
