/* vuser.c - set-up of a device over vhost-user; see vuser.h. Messages are in message.c. */
#include "bench/vuser/vuser.h"

#include <linux/virtio_config.h>
#include <linux/virtio_net.h>
#include <linux/virtio_ring.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* virtio 1.2, 2.1: ACKNOWLEDGE, DRIVER, FEATURES_OK and DRIVER_OK. */
#define STATUS_RUNNING \
	(VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER | VIRTIO_CONFIG_S_FEATURES_OK | VIRTIO_CONFIG_S_DRIVER_OK)

#define TIMEOUT_MS 5000 /* our choice: a busy back end maps and populates memory in less */

static int
accept_one(int listener, unsigned timeout_ms)
{
	struct pollfd p = { .fd = listener, .events = POLLIN };
	int n = poll(&p, 1, (int)timeout_ms), sock;

	if (n <= 0)
		return n < 0 ? -errno : -ETIMEDOUT;
	sock = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	return sock < 0 ? -errno : sock;
}

static int
serve(int sock, const struct sockaddr_un *at, unsigned timeout_ms)
{
	struct stat old;
	int got;

	/* What an ended program left; anything but a socket makes bind fail. */
	if (lstat(at->sun_path, &old) == 0 && S_ISSOCK(old.st_mode))
		unlink(at->sun_path);
	if (bind(sock, (const struct sockaddr *)at, sizeof(*at)) < 0)
		return -errno;
	got = listen(sock, 1) < 0 ? -errno : accept_one(sock, timeout_ms);
	unlink(at->sun_path);
	return got;
}

int
vuser_connect(struct vuser *v, const struct vuser_options *o)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int sock, got;

	if (v->stream.timeout_ms == 0)
		v->stream.timeout_ms = TIMEOUT_MS;
	v->stream.sock = -1;
	v->features = v->protocol_features = 0;
	if (strlen(o->path) >= sizeof(at.sun_path))
		return -ENAMETOOLONG;
	strcpy(at.sun_path, o->path);
	sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (sock < 0)
		return -errno;
	if (!o->server) {
		got = connect(sock, (struct sockaddr *)&at, sizeof(at)) < 0 ? -errno : 0;
		if (got < 0)
			close(sock);
		else
			v->stream.sock = sock;
		return got;
	}
	got = serve(sock, &at, v->stream.timeout_ms);
	close(sock);
	v->stream.sock = got < 0 ? -1 : got;
	return got < 0 ? got : 0;
}

static int
tell_u64(struct vuser *v, enum vuser_request request, uint64_t value)
{
	struct vuser_msg m = { .request = request, .size = sizeof(m.u64), .u64 = value };

	return vuser_tell(v, &m, NULL, 0);
}

static int
tell_state(struct vuser *v, enum vuser_request request, unsigned index, unsigned num)
{
	struct vuser_msg m = { .request = request, .size = sizeof(m.state), .state = { index, num } };

	return vuser_tell(v, &m, NULL, 0);
}

static int
ask_u64(struct vuser *v, enum vuser_request request, uint64_t *value)
{
	struct vuser_msg m = { .request = request };
	int err = vuser_ask(v, &m, sizeof(m.u64));

	if (err == 0)
		*value = m.u64;
	return err;
}

static int
negotiate_protocol(struct vuser *v, const struct vuser_options *o)
{
	uint64_t pairs = 1;
	int err = ask_u64(v, VUSER_GET_PROTOCOL_FEATURES, &v->protocol_offered);

	if (err < 0)
		return err;
	v->protocol_features = 0; /* nothing is acknowledged before this is known */
	err = tell_u64(v, VUSER_SET_PROTOCOL_FEATURES, v->protocol_offered & o->protocol_features);
	if (err < 0)
		return err;
	v->protocol_features = v->protocol_offered & o->protocol_features;
	if (vuser_has_protocol(v, VUSER_PROTOCOL_MQ))
		err = ask_u64(v, VUSER_GET_QUEUE_NUM, &pairs);
	if (err < 0)
		return err;
	v->pairs_max = pairs < VUSER_PAIRS_MAX ? (unsigned)pairs : VUSER_PAIRS_MAX;
	if (o->mtu > 0 && vuser_has_protocol(v, VUSER_PROTOCOL_NET_MTU))
		err = tell_u64(v, VUSER_NET_SET_MTU, o->mtu);
	return err;
}

int
vuser_negotiate(struct vuser *v, const struct vuser_options *o)
{
	struct vuser_msg owner = { .request = VUSER_SET_OWNER };
	int err = ask_u64(v, VUSER_GET_FEATURES, &v->offered);

	if (err < 0)
		return err;
	v->pairs_max = 1;
	v->features = v->offered & o->features;
	err = vuser_tell(v, &owner, NULL, 0);
	if (err == 0 && vuser_has(v, VUSER_F_PROTOCOL_FEATURES))
		err = negotiate_protocol(v, o);
	if (err == 0 && o->n_pairs > v->pairs_max)
		err = -EOPNOTSUPP;
	if (err == 0)
		err = tell_u64(v, VUSER_SET_FEATURES, v->features);
	return err;
}

static struct vuser_region
region_of(const struct vuser_mem *mem)
{
	return (struct vuser_region){ mem->gpa, mem->len, (uintptr_t)mem->va, 0 };
}

int
vuser_share(struct vuser *v, const struct vuser_mem *mem, unsigned n)
{
	struct vuser_msg m = { .request = VUSER_SET_MEM_TABLE };
	int fds[VUSER_TABLE_MAX], err = 0;

	if (vuser_has_protocol(v, VUSER_PROTOCOL_MEM_SLOTS)) {
		for (unsigned i = 0; i < n && err == 0; i++) {
			m = (struct vuser_msg){ .request = VUSER_ADD_MEM_REG, .size = sizeof(m.slot) };
			m.slot.region = region_of(&mem[i]);
			err = vuser_tell(v, &m, &mem[i].fd, 1);
		}
		return err;
	}
	if (n > VUSER_TABLE_MAX)
		return -EINVAL;
	m.table.n = n;
	for (unsigned i = 0; i < n; i++) {
		m.table.region[i] = region_of(&mem[i]);
		fds[i] = mem[i].fd;
	}
	m.size = (uint32_t)(offsetof(struct vuser_msg, table.region[n]) - VUSER_HEADER_LEN);
	return vuser_tell(v, &m, fds, n);
}

int
vuser_unshare(struct vuser *v, const struct vuser_mem *mem)
{
	struct vuser_msg m = { .request = VUSER_REM_MEM_REG, .size = sizeof(m.slot) };

	m.slot.region = region_of(mem);
	return vuser_tell(v, &m, NULL, 0);
}

static int
tell_addresses(struct vuser *v, unsigned index)
{
	const struct vuser_queue *q = &v->queue[index];
	struct vuser_msg m = { .request = VUSER_SET_VRING_ADDR, .size = sizeof(m.addr) };

	m.addr.index = index;
	m.addr.desc = (uintptr_t)q->desc;
	m.addr.used = (uintptr_t)q->used;
	m.addr.avail = (uintptr_t)q->avail;
	return vuser_tell(v, &m, NULL, 0);
}

static int
tell_fd(struct vuser *v, enum vuser_request request, unsigned index, int fd)
{
	struct vuser_msg m = { .request = request, .size = sizeof(m.u64), .u64 = index };

	if (fd < 0)
		m.u64 |= VUSER_NO_FD;
	return vuser_tell(v, &m, &fd, fd < 0 ? 0 : 1);
}

int
vuser_queue_start(struct vuser *v, unsigned index, uint16_t base)
{
	const struct vuser_queue *q = &v->queue[index];
	int err = tell_state(v, VUSER_SET_VRING_NUM, index, q->size);

	if (err == 0)
		err = tell_state(v, VUSER_SET_VRING_BASE, index, base);
	if (err == 0)
		err = tell_addresses(v, index);
	if (err == 0)
		err = tell_fd(v, VUSER_SET_VRING_CALL, index, q->call_fd);
	if (err == 0)
		err = tell_fd(v, VUSER_SET_VRING_KICK, index, q->kick_fd);
	return err;
}

int
vuser_queue_enable(struct vuser *v, unsigned index, bool on)
{
	return tell_state(v, VUSER_SET_VRING_ENABLE, index, on);
}

int
vuser_queue_stop(struct vuser *v, unsigned index, uint16_t *base)
{
	struct vuser_msg m = { .request = VUSER_GET_VRING_BASE, .size = sizeof(m.state), .state = { index, 0 } };
	int err = vuser_ask(v, &m, sizeof(m.state));

	if (err == 0)
		*base = (uint16_t)m.state.num;
	return err;
}

static int
make_queues(struct vuser *v, const struct vuser_options *o, struct vuser_mem *mem)
{
	struct vuser_rules rules = {
		.event_idx = vuser_has(v, VIRTIO_RING_F_EVENT_IDX),
		.in_order = vuser_has(v, VIRTIO_F_IN_ORDER),
		.all_written = o->all_written,
		.mergeable = vuser_has(v, VIRTIO_NET_F_MRG_RXBUF),
	};

	v->n_pairs = o->n_pairs;
	v->queue = calloc(2 * o->n_pairs, sizeof(*v->queue));
	if (v->queue == NULL)
		return -ENOMEM;
	for (; v->n_queues < 2 * o->n_pairs; v->n_queues++) {
		unsigned size = v->n_queues % 2 == 0 ? o->rx_size : o->tx_size;
		int err = vuser_queue_init(&v->queue[v->n_queues], mem, size, &rules);

		if (err < 0)
			return err;
	}
	return 0;
}

int
vuser_start(struct vuser *v, const struct vuser_options *o, struct vuser_mem *mem)
{
	int err = v->queue == NULL ? make_queues(v, o, mem) : 0;

	for (unsigned i = 0; i < v->n_queues && err == 0; i++)
		err = vuser_queue_start(v, i, v->queue[i].used->idx);
	/* Without protocol features a ring is enabled from its start ("Ring states"). */
	for (unsigned i = 0; i < v->n_queues && err == 0 && vuser_has(v, VUSER_F_PROTOCOL_FEATURES); i++)
		err = vuser_queue_enable(v, i, true);
	if (err == 0 && vuser_has_protocol(v, VUSER_PROTOCOL_STATUS))
		err = tell_u64(v, VUSER_SET_STATUS, STATUS_RUNNING);
	return err;
}

int
vuser_open(struct vuser *v, const struct vuser_options *o, struct vuser_mem *mem)
{
	int err = vuser_connect(v, o);

	if (err == 0)
		err = vuser_negotiate(v, o);
	if (err == 0)
		err = vuser_share(v, mem, 1);
	if (err == 0)
		err = vuser_start(v, o, mem);
	if (err < 0)
		vuser_close(v);
	return err;
}

void
vuser_hang_up(struct vuser *v)
{
	if (v->stream.sock >= 0)
		close(v->stream.sock);
	v->stream.sock = -1;
}

void
vuser_close(struct vuser *v)
{
	vuser_hang_up(v);
	for (unsigned i = 0; i < v->n_queues; i++)
		vuser_queue_fini(&v->queue[i]);
	free(v->queue);
	v->queue = NULL;
	v->n_queues = 0;
}
