/* tap_test.c - frames through a TAP's descriptors: what the kernel says of them, and of the interface, is understood. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "guest/tap.h"
#include "nic/test_eal.h"

#define FRAME_LEN 64

static int given; /* what the keeper hands over */
static struct ingress ingress;

int
keep_tap_open(const struct keep_tap *tap, int *fds, struct mac *mac_out, struct err *err)
{
	fds[0] = given;
	*mac_out = (struct mac){ { 2, 0, 0, 0, 0, 1 } };
	return 0;
}

int
keep_tap_set(const struct keep_tap *tap, struct err *err)
{
	return 0;
}

static struct tap *
open_tap(int fd)
{
	static const struct keep_tap want = { .interface = "flt", .queues = 1 };
	struct err err;
	struct tap *tap;

	given = fd;
	tap = tap_open(&want, &ingress, NULL, &err);
	assert_non_null(tap);
	return tap;
}

static unsigned
take(struct tap *tap)
{
	struct source *s = &tap->queue[0].source;

	return s->ops->take(s, &processors[0]->lane);
}

static uint8_t
put(struct tap *tap, uint32_t len)
{
	static uint8_t frame[2048] = { 2, 0, 0, 0, 0, 9, 2, 0, 0, 0, 0, 8, 0x88, 0xb5 };
	struct iovec segs = { frame, len };
	struct pkt pkt = { .segs = &segs, .n_segs = 1 }, *list = &pkt;
	enum drop_reason why;
	uint8_t verdict;
	int tag = -1;

	pkt_view(&pkt, frame, len);
	assert_int_equal(pkt_parse(&pkt, &why), 0);
	tap->sink.ops->put(&tap->sink, &processors[0]->lane, &list, &tag, 1, &verdict);
	return verdict;
}

/* A socket keeps frames apart as a TAP does. */
static void
a_frame_comes_with_what_its_header_claims(void **state)
{
	struct virtio_net_hdr header = { .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
					 .gso_type = VIRTIO_NET_HDR_GSO_TCPV4 | VIRTIO_NET_HDR_GSO_ECN,
					 .gso_size = 1448,
					 .csum_start = 34,
					 .csum_offset = 16 };
	uint8_t bytes[sizeof(header) + FRAME_LEN] = { 0 };
	const struct burst *b = &processors[0]->lane.burst;
	struct tap *tap;
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, pair), 0);
	tap = open_tap(pair[0]);
	memcpy(bytes, &header, sizeof(header));
	bytes[sizeof(header)] = 2;
	for (int i = 0; i < PKT_BURST + 1; i++) {
		bytes[sizeof(bytes) - 1] = (uint8_t)i;
		assert_int_equal(write(pair[1], bytes, sizeof(bytes)), sizeof(bytes));
	}
	assert_int_equal(take(tap), PKT_BURST);
	for (unsigned i = 0; i < PKT_BURST; i++) {
		const struct pkt *pkt = &b->pkt[i];

		assert_int_equal(pkt->len, FRAME_LEN);
		assert_int_equal(pkt->hdr[FRAME_LEN - 1], i);
		assert_int_equal(pkt->segs->iov_len, FRAME_LEN);
		assert_true(pkt->writable && pkt->claim.csum);
		assert_int_equal(pkt->claim.csum_start, 34);
		assert_int_equal(pkt->claim.csum_offset, 16);
		assert_int_equal(pkt->claim.gso, PKT_GSO_TCP4);
		assert_int_equal(pkt->claim.gso_size, 1448);
	}
	assert_true(atomic_load(&tap->queue[0].source.ready)); /* there may be more */
	assert_int_equal(take(tap), 1);
	assert_false(atomic_load(&tap->queue[0].source.ready)); /* there was not */
	assert_false(tap_is_gone(tap));
	tap_close(tap);
	close(pair[1]);
}

/* tun_put_user (drivers/net/tun.c) has one for a frame that it cannot describe: the interface is as alive as before. */
static void
an_error_of_one_read_is_not_the_end_of_the_interface(void **state)
{
	struct tap *tap = open_tap(open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC)); /* EISDIR */

	assert_int_equal(take(tap), 0);
	assert_false(atomic_load(&tap->queue[0].source.ready));
	assert_false(tap_is_gone(tap));
	tap_close(tap);
}

static int
make_interface(const char *name)
{
	struct ifreq ifr = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | IFF_MULTI_QUEUE };
	int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);

	strcpy(ifr.ifr_name, name);
	if (fd < 0 || ioctl(fd, TUNSETIFF, &ifr) < 0)
		fail_msg("no TAP: %s", strerror(errno));
	return fd;
}

static void
an_interface_that_is_down_takes_nothing_and_one_that_was_deleted_is_gone(void **state)
{
	struct tap *tap = open_tap(make_interface("flt"));

	assert_int_equal(put(tap, FRAME_LEN), DROP_PORT_DOWN);
	assert_int_equal(take(tap), 0);
	assert_false(tap_is_gone(tap));
	assert_int_equal(system("ip link set flt up"), 0);
	assert_int_equal(put(tap, FRAME_LEN), SINK_TAKEN);
	assert_int_equal(put(tap, 1514), SINK_TAKEN);
	assert_int_equal(put(tap, 1515), DROP_TOO_BIG);
	assert_int_equal(system("ip link del flt"), 0);
	assert_int_equal(put(tap, FRAME_LEN), DROP_PORT_DOWN);
	assert_false(tap_is_gone(tap)); /* it is the reader who tells */
	assert_int_equal(take(tap), 0);
	assert_true(tap_is_gone(tap));
	tap_close(tap);
}

static void
a_receiver_that_takes_no_more_is_full(void **state)
{
	struct tap *tap;
	unsigned n = 0;
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, pair), 0);
	tap = open_tap(pair[0]);
	while (n < 100000 && put(tap, FRAME_LEN) == SINK_TAKEN)
		n++;
	assert_true(n > 0 && n < 100000);
	assert_int_equal(put(tap, FRAME_LEN), DROP_RECEIVER_FULL);
	tap_close(tap);
	close(pair[1]);
}

static int
open_all(void **state)
{
	if (unshare(CLONE_NEWNET) < 0 || test_eal_start(state) < 0)
		return -1;
	test_processors_open(1, 0);
	return 0;
}

static int
close_all(void **state)
{
	test_processors_close();
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_frame_comes_with_what_its_header_claims),
		cmocka_unit_test(an_error_of_one_read_is_not_the_end_of_the_interface),
		cmocka_unit_test(an_interface_that_is_down_takes_nothing_and_one_that_was_deleted_is_gone),
		cmocka_unit_test(a_receiver_that_takes_no_more_is_full),
	};

	return cmocka_run_group_tests(tests, open_all, close_all);
}
