/* test_taps.c - two TAPs in a network namespace of the test's own, and packet sockets on them; see test_taps.h. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "guest/test_taps.h"
#include "nic/test_eal.h"

#define HEADER sizeof(struct virtio_net_hdr)

struct side taps_a, taps_b;
struct lane taps_lane;
struct toeplitz *taps_toeplitz;
int taps_refuse;
uint8_t taps_sent[TAPS_ROOM], taps_got[TAPS_ROOM];

/* ---- the keeper's part ---- */

void
taps_ioctl(const char *name, unsigned long request, int value)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq ifr = { 0 };

	assert_true(fd >= 0);
	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name);
	if (request == SIOCSIFMTU)
		ifr.ifr_mtu = value;
	else
		ifr.ifr_flags = (short)value;
	assert_int_equal(ioctl(fd, request, &ifr), 0);
	close(fd);
}

int
keep_tap_open(const struct keep_tap *want, int *fds, struct mac *mac_out, struct err *err)
{
	if (taps_refuse != 0)
		return err_set(err, -taps_refuse, "interface '%s' is taken", want->interface);
	for (unsigned i = 0; i < want->queues; i++) {
		struct ifreq ifr = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | IFF_MULTI_QUEUE };

		snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", want->interface);
		fds[i] = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
		assert_true(fds[i] >= 0);
		assert_int_equal(ioctl(fds[i], TUNSETIFF, &ifr), 0);
	}
	taps_ioctl(want->interface, SIOCSIFMTU, want->mtu ? (int)want->mtu : 1500);
	taps_ioctl(want->interface, SIOCSIFFLAGS, IFF_UP);
	*mac_out = (struct mac){ { 0x02, 0xf1, 0, 0, 0, 9 } };
	return 0;
}

int
keep_tap_set(const struct keep_tap *want, struct err *err)
{
	if (taps_refuse != 0)
		return err_set(err, -taps_refuse, "interface '%s' cannot be changed", want->interface);
	taps_ioctl(want->interface, SIOCSIFMTU, want->mtu ? (int)want->mtu : 1500);
	return 0;
}

/* ---- rig ---- */

static void
write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0) /* no IPv6 at all is as quiet */
		return;
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

int
taps_start(void **state)
{
	if (unshare(CLONE_NEWNET) < 0) {
		perror("a network namespace of our own");
		return -1;
	}
	write_file("/proc/sys/net/ipv6/conf/default/disable_ipv6",
		   "1"); /* or the kernel would speak on our interfaces */
	taps_toeplitz = toeplitz_new(toeplitz_default_key, false);
	if (taps_toeplitz == NULL || test_eal_start(state) < 0)
		return -1;
	return lane_init(&taps_lane, 0);
}

int
taps_stop(void **state)
{
	lane_fini(&taps_lane);
	toeplitz_free(taps_toeplitz);
	return 0;
}

int
taps_socket(const char *interface, struct sockaddr_ll *at)
{
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0), one = 1, room = 8 << 20;

	assert_true(fd >= 0);
	*at = (struct sockaddr_ll){ .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL) };
	at->sll_ifindex = (int)if_nametoindex(interface);
	assert_int_equal(setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &one, sizeof(one)), 0);
	assert_int_equal(setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof(one)), 0);
	assert_int_equal(setsockopt(fd, SOL_PACKET, PACKET_AUXDATA, &one, sizeof(one)), 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room)), 0);
	assert_int_equal(bind(fd, (struct sockaddr *)at, sizeof(*at)), 0);
	return fd;
}

void
taps_open_side(struct side *s, const char *interface, unsigned queues, unsigned mtu)
{
	struct keep_tap want = { .queues = queues, .mtu = mtu };
	struct err err = { 0 };

	snprintf(want.interface, sizeof(want.interface), "%s", interface);
	s->tap = tap_open(&want, NULL, taps_toeplitz, &err);
	if (s->tap == NULL)
		fail_msg("%s", err.msg);
	s->sock = taps_socket(interface, &s->at);
}

void
taps_close_side(struct side *s)
{
	close(s->sock);
	tap_close(s->tap);
	s->tap = NULL;
}

int
taps_open(void **state)
{
	taps_refuse = 0;
	taps_open_side(&taps_a, "flunit0", 1, MTU_MAX);
	taps_open_side(&taps_b, "flunit1", 1, MTU_MAX);
	return 0;
}

int
taps_close(void **state)
{
	taps_close_side(&taps_a);
	taps_close_side(&taps_b);
	assert_int_equal(if_nametoindex("flunit0"), 0); /* its end takes the interface with it */
	return 0;
}

unsigned
taps_take(struct side *s)
{
	struct source *from = &s->tap->queue[0].source;

	return from->ops->take(from, &taps_lane);
}

bool
taps_transmit(struct side *s, const struct virtio_net_hdr *header, size_t len)
{
	struct iovec part[2] = { { (void *)(uintptr_t)header, HEADER }, { taps_sent, len } };
	struct msghdr msg = { .msg_name = &s->at, .msg_namelen = sizeof(s->at), .msg_iov = part, .msg_iovlen = 2 };

	return sendmsg(s->sock, &msg, 0) == (ssize_t)(HEADER + len);
}

size_t
taps_receive(struct side *s, struct virtio_net_hdr *header, int *tci)
{
	struct iovec part[2] = { { header, HEADER }, { taps_got, TAPS_ROOM } };
	char control[CMSG_SPACE(sizeof(struct tpacket_auxdata))];
	struct msghdr msg = {
		.msg_iov = part, .msg_iovlen = 2, .msg_control = control, .msg_controllen = sizeof(control)
	};
	struct pollfd pfd = { .fd = s->sock, .events = POLLIN };
	ssize_t n;

	if (poll(&pfd, 1, 200) != 1)
		return 0;
	n = recvmsg(s->sock, &msg, 0);
	*tci = -1;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&msg); c != NULL; c = CMSG_NXTHDR(&msg, c)) {
		struct tpacket_auxdata aux;

		memcpy(&aux, CMSG_DATA(c), sizeof(aux));
		if (aux.tp_status & TP_STATUS_VLAN_VALID)
			*tci = aux.tp_vlan_tci;
	}
	return n > (ssize_t)HEADER ? (size_t)n - HEADER : 0;
}

uint8_t
taps_put(struct side *s, unsigned i, int tag)
{
	struct pkt *pkt = &taps_lane.burst.pkt[i];
	uint8_t verdict = 0;

	s->tap->sink.ops->put(&s->tap->sink, &taps_lane, &pkt, &tag, 1, &verdict);
	return verdict;
}

int
taps_parse(unsigned i)
{
	enum drop_reason why;

	return pkt_parse(&taps_lane.burst.pkt[i], &why);
}

struct virtio_net_hdr
taps_header(const struct testplace *at, uint8_t gso_type, uint16_t gso_size)
{
	return (struct virtio_net_hdr){ .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
					.gso_type = gso_type,
					.hdr_len = (uint16_t)at->payload,
					.gso_size = gso_size,
					.csum_start = (uint16_t)at->l4,
					.csum_offset = at->csum_at };
}
