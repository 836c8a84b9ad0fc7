/*
 * uplink_test.c - an uplink as a sink: frames cut and summed on their way to the wire; and interfaces that go and come back.
 *
 * The wire is DPDK's ring device, which receives what is sent to it, and a veth pair in a namespace of our own. Needs root.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_ethdev.h>

#include "nic/test_eal.h"
#include "nic/uplink.h"
#include "pkt/build.h"
#include "pkt/testframe.h"

#define LEN(a) (sizeof(a) / sizeof((a)[0]))

static struct uplink wire;
static struct lane lane;
static uint8_t bytes[PKT_BURST][2048], big[TESTFRAME_MAX];
static struct pkt pkts[PKT_BURST];
static struct iovec segs[PKT_BURST][PKT_SEGS_MAX];

static int
start(void **state)
{
	if (unshare(CLONE_NEWNET) < 0 || test_eal_start(state) < 0)
		return -1;
	return lane_init(&lane, 0);
}

static int
stop(void **state)
{
	lane_fini(&lane);
	return 0;
}

static void
open_wire(enum uplink_type type, const char *arg, unsigned mtu)
{
	struct err err = { 0 };

	uplink_init(&wire, "wire", type, arg);
	if (uplink_open(&wire, mtu, &err) < 0)
		fail_msg("%s", err.msg);
}

static void
close_wire(void)
{
	uplink_detach(&wire);
	uplink_close(&wire);
	rte_mempool_free(wire.pool);
}

static int
open_ring(void **state)
{
	open_wire(UPLINK_TYPE_RING, "", 0);
	return 0;
}

static int
close_ring(void **state)
{
	close_wire();
	return 0;
}

/* The next frame of the wire, copied to out; its length, or 0. */
static uint32_t
arrived(uint8_t *out)
{
	struct rte_mbuf *m;
	uint32_t len;

	if (rte_eth_rx_burst((uint16_t)uplink_port(&wire), 0, &m, 1) == 0)
		return 0;
	len = rte_pktmbuf_pkt_len(m);
	memcpy(out, rte_pktmbuf_mtod(m, void *), len);
	rte_pktmbuf_free(m);
	return len;
}

/* Makes packet i of a frame that lies at p. */
static void
load(unsigned i, uint8_t *p, uint32_t len, struct pkt_claim claim)
{
	enum drop_reason why;

	memset(&pkts[i], 0, sizeof(pkts[i]));
	testframe_load(&pkts[i], p, len, segs[i], 0);
	pkts[i].claim = claim;
	assert_int_equal(pkt_parse(&pkts[i], &why), 0);
}

static void
put(unsigned n, int tag, uint8_t *verdict)
{
	struct pkt *list[PKT_BURST];
	int tags[PKT_BURST];

	for (unsigned i = 0; i < n; i++) {
		list[i] = &pkts[i];
		tags[i] = tag;
	}
	wire.sink.ops->put(&wire.sink, &lane, list, tags, n, verdict);
}

/* A frame of no IP with a number, 64 bytes. */
static void
load_number(unsigned i, uint32_t number)
{
	static const uint8_t header[14] = { 0x02, 0xf1, 0, 0, 0, 2, 0x02, 0xf1, 0, 0, 0, 1, 0x88, 0xb5 };

	memset(bytes[i], 0, 64);
	memcpy(bytes[i], header, sizeof(header));
	memcpy(bytes[i] + 60, &number, sizeof(number));
	load(i, bytes[i], 64, (struct pkt_claim){ 0 });
}

static void
frames_leave_in_order(void **state)
{
	uint8_t verdict[PKT_BURST], frame[2048];
	uint32_t next = 0, number;

	for (uint32_t burst = 0; burst < 10; burst++) {
		for (unsigned i = 0; i < PKT_BURST; i++)
			load_number(i, burst * PKT_BURST + i);
		put(PKT_BURST, PKT_TAG_NONE, verdict);
		for (unsigned i = 0; i < PKT_BURST; i++)
			assert_int_equal(verdict[i], SINK_TAKEN);
	}
	while (arrived(frame) == 64) {
		memcpy(&number, frame + 60, sizeof(number));
		assert_int_equal(number, next++);
	}
	assert_int_equal(next, 10 * PKT_BURST);
	assert_int_equal(rte_mempool_in_use_count(wire.pool), 0);
}

/* A wire knows no offloads: whatever was asked for is done, as a judge says that knows nothing of us. */
static void
large_segments_arrive_as_whole_frames(void **state)
{
	static const struct {
		uint8_t version, proto;
		enum pkt_gso gso;
		uint16_t size;
		int tag;
	} rows[] = {
		{ 4, 6, PKT_GSO_TCP4, 1448, PKT_TAG_NONE }, { 4, 6, PKT_GSO_TCP4, 1460, 0x600a },
		{ 6, 6, PKT_GSO_TCP6, 1400, PKT_TAG_NONE }, { 4, 17, PKT_GSO_UDP4, 1000, PKT_TAG_NONE },
		{ 6, 17, PKT_GSO_UDP6, 1400, 0x0005 },      { 4, 6, PKT_GSO_TCP4, 100, PKT_TAG_NONE },
	};

	for (size_t i = 0; i < LEN(rows); i++) {
		struct testframe f = { .version = rows[i].version, .proto = rows[i].proto, .payload = 60000 };
		uint8_t verdict[1], frame[2048];
		uint32_t len, payload = 0, n = 0;
		struct testplace at, place;

		f.partial = true;
		at = testframe_make(&f, big);
		load(0, big, at.len, testframe_claim(&at, rows[i].gso, rows[i].size));
		put(1, rows[i].tag, verdict);
		assert_int_equal(verdict[0], SINK_TAKEN);
		while ((len = arrived(frame)) > 0) {
			if (!testframe_judge(frame, len, &place))
				fail_msg("row %zu: frame %u is none", i, n);
			if (rows[i].tag != PKT_TAG_NONE)
				assert_true(frame[12] == 0x81 && frame[14] == rows[i].tag >> 8 &&
					    frame[15] == (rows[i].tag & 255));
			for (uint32_t k = place.payload; k < place.end; k++)
				if (frame[k] != testframe_byte(payload++))
					fail_msg("row %zu: frame %u: byte %u differs", i, n, k);
			n++;
		}
		assert_int_equal(payload, 60000);
		assert_int_equal(n, (60000 + rows[i].size - 1) / rows[i].size);
	}
}

static void
a_checksum_is_finished_before_the_wire(void **state)
{
	struct testframe f = { .version = 4, .proto = 17, .payload = 333, .partial = true };
	struct testplace at = testframe_make(&f, bytes[0]), place;
	uint8_t verdict[1], frame[2048];
	uint32_t len;

	assert_false(testframe_judge(bytes[0], at.len, &place));
	load(0, bytes[0], at.len, testframe_claim(&at, PKT_GSO_NONE, 0));
	put(1, PKT_TAG_NONE, verdict);
	len = arrived(frame);
	assert_int_equal(len, at.len);
	assert_true(testframe_judge(frame, len, &place));
}

static void
what_is_longer_than_the_mtu_is_too_big(void **state)
{
	uint8_t verdict[2], frame[2048];
	struct testplace at;
	struct testframe f = { .version = 4, .proto = 6, .payload = 5000, .partial = true };

	close_wire();
	open_wire(UPLINK_TYPE_RING, "", 1000);
	assert_int_equal(atomic_load(&wire.mtu), 1000);
	memset(bytes, 0x11, sizeof(bytes));
	bytes[0][0] = bytes[1][0] = 0x02;
	load(0, bytes[0], 1014, (struct pkt_claim){ 0 });
	load(1, bytes[1], 1015, (struct pkt_claim){ 0 });
	put(2, 10, verdict);
	assert_int_equal(verdict[0], SINK_TAKEN); /* a tag does not count */
	assert_int_equal(verdict[1], DROP_TOO_BIG);
	assert_int_equal(arrived(frame), 1018);
	assert_int_equal(arrived(frame), 0);
	for (uint16_t size = 960; size <= 961; size++) { /* 1000 less 20 and 20 of headers */
		at = testframe_make(&f, big);
		load(0, big, at.len, testframe_claim(&at, PKT_GSO_TCP4, size));
		put(1, PKT_TAG_NONE, verdict);
		assert_int_equal(verdict[0], size == 960 ? SINK_TAKEN : DROP_TOO_BIG);
	}
	while (arrived(frame) > 0)
		;
}

static void
a_wire_that_is_absent_has_no_link(void **state)
{
	uint8_t verdict[2];

	assert_true(uplink_has_link(&wire));
	uplink_detach(&wire);
	assert_false(uplink_has_link(&wire));
	load_number(0, 0);
	load_number(1, 1);
	put(2, PKT_TAG_NONE, verdict);
	assert_int_equal(verdict[0], DROP_LINK_DOWN);
	assert_int_equal(verdict[1], DROP_LINK_DOWN);
	assert_int_equal(rte_mempool_in_use_count(wire.pool), 0);
}

/* Nobody reads: what does not fit any more is refused and given back, each frame for itself. */
static void
a_full_wire_refuses_and_loses_no_buffer(void **state)
{
	uint8_t verdict[PKT_BURST], frame[2048];
	uint32_t taken = 0, full = 0, number, last = 0;

	for (unsigned burst = 0; burst < 100; burst++) {
		for (unsigned i = 0; i < PKT_BURST; i++)
			load_number(i, 1 + taken + i);
		put(PKT_BURST, PKT_TAG_NONE, verdict);
		for (unsigned i = 0; i < PKT_BURST; i++) {
			assert_in_set(verdict[i], ((LargestIntegralType[]){ SINK_TAKEN, DROP_RECEIVER_FULL }), 2);
			taken += verdict[i] == SINK_TAKEN;
			full += verdict[i] == DROP_RECEIVER_FULL;
		}
	}
	assert_int_equal(taken + full, 100 * PKT_BURST);
	assert_true(full > 0);
	assert_int_equal(rte_mempool_in_use_count(wire.pool), taken);
	for (; arrived(frame) == 64; taken--) {
		memcpy(&number, frame + 60, sizeof(number));
		assert_int_equal(number, ++last);
	}
	assert_int_equal(taken, 0);
	assert_int_equal(rte_mempool_in_use_count(wire.pool), 0);
}

static void
without_buffers_a_frame_ends_for_that_reason(void **state)
{
	static struct rte_mbuf *all[16384];
	uint8_t verdict[1], frame[2048];
	unsigned n = 0;

	while ((all[n] = rte_pktmbuf_alloc(wire.pool)) != NULL)
		n++;
	load_number(0, 7);
	put(1, PKT_TAG_NONE, verdict);
	assert_int_equal(verdict[0], DROP_NO_BUFFER);
	assert_int_equal(arrived(frame), 0);
	while (n > 0)
		rte_pktmbuf_free(all[--n]);
	put(1, PKT_TAG_NONE, verdict);
	assert_int_equal(verdict[0], SINK_TAKEN);
	assert_int_equal(arrived(frame), 64);
}

/* ---- several workers ---- */

#define SENDERS 2
#define EACH 20000

static void *
send_numbers(void *arg)
{
	uint32_t who = (uint32_t)(uintptr_t)arg;
	static uint8_t room[SENDERS][64];
	struct iovec seg = { room[who], 64 };
	struct pkt pkt, *list = &pkt;
	int tag = PKT_TAG_NONE;

	memset(room[who], 2, 64);
	for (uint32_t i = 0; i < EACH; i++) {
		uint8_t verdict = DROP_RECEIVER_FULL;
		enum drop_reason why;

		memcpy(room[who] + 56, &who, 4);
		memcpy(room[who] + 60, &i, 4);
		memset(&pkt, 0, sizeof(pkt));
		pkt_view(&pkt, room[who], 64);
		pkt.segs = &seg;
		pkt.n_segs = 1;
		if (pkt_parse(&pkt, &why) != 0)
			return NULL;
		for (; verdict != SINK_TAKEN; sched_yield())
			wire.sink.ops->put(&wire.sink, &lane, &list, &tag, 1, &verdict);
	}
	return NULL;
}

static void
two_workers_send_side_by_side(void **state)
{
	uint32_t next[SENDERS] = { 0 }, who, number;
	pthread_t thread[SENDERS];
	uint8_t frame[2048];

	for (uintptr_t i = 0; i < SENDERS; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, send_numbers, (void *)i), 0);
	for (unsigned n = 0; n < SENDERS * EACH;) {
		if (arrived(frame) != 64) {
			sched_yield();
			continue;
		}
		memcpy(&who, frame + 56, 4);
		memcpy(&number, frame + 60, 4);
		assert_true(who < SENDERS);
		assert_int_equal(number, next[who]++);
		n++;
	}
	for (unsigned i = 0; i < SENDERS; i++)
		pthread_join(thread[i], NULL);
	assert_int_equal(rte_mempool_in_use_count(wire.pool), 0);
}

/* ---- interfaces ---- */

static void
make_veth(void)
{
	assert_int_equal(system("ip link add flunit0 type veth peer name flunit1 && "
				"ip link set flunit0 up && ip link set flunit1 up"),
			 0);
}

/* The kernel tells of carrier by a worker of its own, up to a second late. */
static bool
link_becomes(bool up)
{
	for (unsigned ms = 0; ms < 10000 && uplink_has_link(&wire) != up; ms++)
		usleep(1000);
	return uplink_has_link(&wire) == up;
}

static void
an_interface_that_goes_and_comes_back_is_noticed(void **state)
{
	struct err err = { 0 };
	int port;

	make_veth();
	open_wire(UPLINK_TYPE_AF_PACKET, "flunit0", 0);
	port = uplink_port(&wire);
	assert_true(port >= 0);
	assert_true(wire.n_fds > 0); /* found, to sleep on */
	assert_true(uplink_exists(&wire) && link_becomes(true) && !uplink_is_replaced(&wire));
	assert_int_equal(system("ip link set flunit1 down"), 0);
	assert_true(link_becomes(false)); /* no carrier */
	assert_int_equal(system("ip link set flunit1 up"), 0);
	assert_int_equal(system("ip link delete flunit0"), 0);
	assert_false(uplink_exists(&wire));
	assert_false(uplink_has_link(&wire));
	make_veth(); /* the same name, another interface */
	assert_true(uplink_exists(&wire));
	assert_true(uplink_is_replaced(&wire));
	uplink_detach(&wire);
	uplink_close(&wire);
	uplink_close(&wire); /* twice is as good */
	if (uplink_open(&wire, 0, &err) < 0)
		fail_msg("%s", err.msg);
	assert_false(uplink_is_replaced(&wire));
	close_wire();
	assert_int_equal(system("ip link delete flunit0"), 0);
}

static void
the_mtu_is_the_interfaces_own_unless_less_is_asked_for(void **state)
{
	static const struct {
		unsigned asked, want;
	} rows[] = { { 0, 1500 }, { 1400, 1400 }, { 600, 600 } };

	for (size_t i = 0; i < LEN(rows); i++) {
		make_veth();
		open_wire(UPLINK_TYPE_AF_PACKET, "flunit0", rows[i].asked);
		assert_int_equal(atomic_load(&wire.mtu), rows[i].want);
		close_wire();
		assert_int_equal(system("ip link delete flunit0"), 0);
	}
}

static bool
veth_is(const char *what)
{
	char command[128];

	snprintf(command, sizeof(command), "ip -d link show flunit0 | grep -q '%s'", what);
	return system(command) == 0;
}

static void
an_interface_is_left_as_it_was_found(void **state)
{
	make_veth();
	open_wire(UPLINK_TYPE_AF_PACKET, "flunit0", 1400);
	assert_true(veth_is("PROMISC.* mtu 1400 "));
	close_wire();
	assert_true(veth_is("promiscuity 0 ") && veth_is(" mtu 1500 "));
	assert_int_equal(system("ip link set flunit0 promisc on mtu 1300"), 0);
	open_wire(UPLINK_TYPE_AF_PACKET, "flunit0", 0);
	close_wire();
	assert_true(veth_is("PROMISC.* mtu 1300 ")); /* as the user has set it */
	assert_int_equal(system("ip link delete flunit0"), 0);
}

static void
opens_that_fail_leave_nothing_behind(void **state)
{
	static const struct {
		enum uplink_type type;
		const char *arg;
	} rows[] = {
		{ UPLINK_TYPE_AF_PACKET, "flunosuch" },
		{ UPLINK_TYPE_AF_XDP, "flunosuch" },
		{ UPLINK_TYPE_PCAP, "/nowhere/at/all.pcap" },
		{ UPLINK_TYPE_PCAP, "" },
	};
	unsigned ports = rte_eth_dev_count_avail();

	for (unsigned round = 0; round < 3; round++) {
		for (size_t i = 0; i < LEN(rows); i++) {
			struct err err = { 0 };

			uplink_init(&wire, "wire", rows[i].type, rows[i].arg);
			assert_true(uplink_open(&wire, 0, &err) < 0);
			assert_true(err.code < 0 && err.msg[0] != '\0');
			assert_non_null(strstr(err.msg, "'wire'"));
			assert_int_equal(uplink_port(&wire), UPLINK_ABSENT);
			assert_int_equal(rte_eth_dev_count_avail(), ports);
			uplink_close(&wire);
			rte_mempool_free(wire.pool);
		}
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_ring, close_ring)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(frames_leave_in_order),
		TEST(large_segments_arrive_as_whole_frames),
		TEST(a_checksum_is_finished_before_the_wire),
		TEST(what_is_longer_than_the_mtu_is_too_big),
		TEST(a_wire_that_is_absent_has_no_link),
		TEST(a_full_wire_refuses_and_loses_no_buffer),
		TEST(without_buffers_a_frame_ends_for_that_reason),
		TEST(two_workers_send_side_by_side),
		cmocka_unit_test(an_interface_that_goes_and_comes_back_is_noticed),
		cmocka_unit_test(the_mtu_is_the_interfaces_own_unless_less_is_asked_for),
		cmocka_unit_test(an_interface_is_left_as_it_was_found),
		cmocka_unit_test(opens_that_fail_leave_nothing_behind),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
