/* tap_frames_test.c - frames of any length through real TAPs, both ways; their limits, ends and queues. Needs root. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <net/if.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "guest/test_taps.h"
#include "pkt/build.h"
#include "pkt/testframe.h"

static const struct virtio_net_hdr none;
static const struct testframe large = { .version = 4, .proto = 6, .payload = 65000, .partial = true };

/* A frame of len bytes in taps_sent, to the interface b: its EtherType is IEEE 802's for local experiments. */
static void
make_plain(size_t len)
{
	static const uint8_t header[14] = { 0x02, 0xf1, 0, 0, 0, 9, 0x02, 0xf1, 0, 0, 0, 1, 0x88, 0xb5 };

	memcpy(taps_sent, header, sizeof(header));
	if (len >= 18)
		memcpy(taps_sent + 14, &len, 4);
}

static void
fill_pattern(void)
{
	for (size_t i = 0; i < TAPS_ROOM; i++)
		taps_sent[i] = testframe_byte((uint32_t)i);
}

static void
frames_of_every_length_pass_whole(void **state)
{

	fill_pattern();
	for (size_t len = 14; len <= MTU_MAX + 14; len++) {
		struct virtio_net_hdr header;
		int tci;

		make_plain(len);
		if (!taps_transmit(&taps_a, &none, len))
			fail_msg("%zu bytes: not sent", len);
		if (taps_take(&taps_a) != 1 || taps_lane.burst.pkt[0].len != len)
			fail_msg("%zu bytes: not taken", len);
		assert_int_equal(taps_parse(0), 0);
		assert_int_equal(taps_lane.burst.pkt[0].csum, PKT_CSUM_NONE);
		if (taps_put(&taps_b, 0, PKT_TAG_NONE) != SINK_TAKEN || taps_receive(&taps_b, &header, &tci) != len ||
		    memcmp(taps_got, taps_sent, len) != 0 || header.flags != 0 ||
		    header.gso_type != VIRTIO_NET_HDR_GSO_NONE)
			fail_msg("%zu bytes: arrived otherwise", len);
	}
	assert_int_equal(taps_take(&taps_a), 0);
	assert_false(atomic_load(&taps_a.tap->queue[0].source.ready)); /* empty now: epoll tells of the next */
	assert_false(tap_is_gone(taps_a.tap));
}

static void
a_burst_is_bounded_in_frames_and_bytes(void **state)
{
	unsigned n = 0, bursts = 0, k;

	for (int i = 0; i < 70; i++) {
		make_plain(60);
		assert_true(taps_transmit(&taps_a, &none, 60));
	}
	assert_int_equal(taps_take(&taps_a), PKT_BURST);
	assert_true(atomic_load(&taps_a.tap->queue[0].source.ready)); /* there is more */
	assert_int_equal(taps_take(&taps_a), PKT_BURST);
	assert_int_equal(taps_take(&taps_a), 70 - 2 * PKT_BURST);
	assert_int_equal(taps_take(&taps_a), 0);
	for (int i = 0; i < 16; i++) {
		make_plain(65000);
		assert_true(taps_transmit(&taps_a, &none, 65000));
	}
	for (; (k = taps_take(&taps_a)) > 0; n += k, bursts++) {
		assert_in_range(k, 1, 5); /* 256 KiB, and the frame that reaches it */
		for (unsigned i = 0; i < k; i++)
			assert_int_equal(taps_lane.burst.pkt[i].len, 65000);
	}
	assert_int_equal(n, 16);
	assert_true(bursts >= 4);
}

/* ---- limits and ends ---- */

static void
what_is_longer_than_the_mtu_is_too_big(void **state)
{
	struct keep_tap want = taps_b.tap->is;
	struct virtio_net_hdr out, in;
	struct testplace at;
	struct err err;
	int tci;

	want.mtu = 1500;
	assert_int_equal(tap_change(taps_b.tap, &want, &err), 0);
	for (size_t len = 1514; len <= 1515; len++) {
		make_plain(len);
		assert_true(taps_transmit(&taps_a, &none, len));
		assert_int_equal(taps_take(&taps_a), 1);
		assert_int_equal(taps_parse(0), 0);
		assert_int_equal(taps_put(&taps_b, 0, PKT_TAG_NONE), len == 1514 ? SINK_TAKEN : DROP_TOO_BIG);
	}
	assert_int_equal(taps_receive(&taps_b, &in, &tci), 1514);
	/* Of a large segment, what it will be cut to counts: 14 + 20 + 20 + gso_size. */
	for (uint16_t size = 1460; size <= 1461; size++) {
		at = testframe_make(&large, taps_sent);
		out = taps_header(&at, VIRTIO_NET_HDR_GSO_TCPV4, size);
		assert_true(taps_transmit(&taps_a, &out, at.len));
		assert_int_equal(taps_take(&taps_a), 1);
		assert_int_equal(taps_parse(0), 0);
		assert_int_equal(taps_put(&taps_b, 0, PKT_TAG_NONE), size == 1460 ? SINK_TAKEN : DROP_TOO_BIG);
	}
	/* A tag does not count: it is no payload. */
	make_plain(1514);
	assert_true(taps_transmit(&taps_a, &none, 1514));
	assert_int_equal(taps_take(&taps_a), 1);
	assert_int_equal(taps_parse(0), 0);
	assert_int_equal(taps_put(&taps_b, 0, 10), SINK_TAKEN);
}

/* Down is not gone: it may come up again. */
static void
an_interface_that_is_down_takes_nothing_and_lives_on(void **state)
{
	struct virtio_net_hdr in;
	int tci;

	make_plain(100);
	assert_true(taps_transmit(&taps_a, &none, 100));
	assert_int_equal(taps_take(&taps_a), 1);
	assert_int_equal(taps_parse(0), 0);
	taps_ioctl("flunit1", SIOCSIFFLAGS, 0);
	assert_int_equal(taps_put(&taps_b, 0, PKT_TAG_NONE), DROP_PORT_DOWN);
	for (int i = 0; i < 3; i++)
		assert_int_equal(taps_take(&taps_b), 0);
	assert_false(tap_is_gone(taps_b.tap));
	taps_ioctl("flunit1", SIOCSIFFLAGS, IFF_UP);
	close(taps_b.sock);
	taps_b.sock = taps_socket("flunit1", &taps_b.at); /* the kernel unbinds it when the interface goes down */
	assert_int_equal(taps_put(&taps_b, 0, PKT_TAG_NONE), SINK_TAKEN);
	assert_int_equal(taps_receive(&taps_b, &in, &tci), 100);
	make_plain(200);
	assert_true(taps_transmit(&taps_b, &none, 200));
	assert_int_equal(taps_take(&taps_b), 1);
}

static void
an_interface_that_was_deleted_is_dead(void **state)
{
	struct pollfd pfd = { .fd = taps_b.tap->queue[0].source.fd, .events = POLLIN };

	make_plain(100);
	assert_true(taps_transmit(&taps_a, &none, 100));
	assert_int_equal(taps_take(&taps_a), 1);
	assert_int_equal(taps_parse(0), 0);
	assert_false(tap_is_gone(taps_b.tap));
	assert_int_equal(system("ip link delete flunit1"), 0);
	assert_int_equal(poll(&pfd, 1, 1000), 1); /* reports itself, for ever: the worker's part is in worker_test.c */
	assert_int_equal(taps_put(&taps_b, 0, PKT_TAG_NONE), DROP_PORT_DOWN);
	assert_int_equal(taps_take(&taps_b), 0);
	assert_true(tap_is_gone(taps_b.tap));
	assert_false(atomic_load(&taps_b.tap->queue[0].source.ready));
	assert_int_equal(taps_take(&taps_b), 0);
	assert_false(tap_is_gone(taps_a.tap)); /* the other one is not touched */
}

static void
what_the_keeper_refuses_leaves_nothing_behind(void **state)
{
	struct keep_tap want = { .interface = "flunit2", .queues = 4, .mtu = 1500 };
	struct err err = { 0 };
	unsigned mtu = atomic_load(&taps_b.tap->mtu);

	taps_refuse = EBUSY;
	assert_null(tap_open(&want, NULL, taps_toeplitz, &err));
	assert_int_equal(err.code, -EBUSY);
	assert_string_equal(err.msg, "interface 'flunit2' is taken");
	assert_int_equal(tap_change(taps_b.tap, &want, &err), -EBUSY);
	assert_int_equal(atomic_load(&taps_b.tap->mtu), mtu);
	assert_string_equal(taps_b.tap->is.interface, "flunit1");
	tap_close(NULL);
}

/* ---- several queues ---- */

/* The kernel sends a flow out by the queue that it last came in by (drivers/net/tun.c): so it shows which one we took. */
static void
a_flow_goes_in_by_the_queue_of_its_hash(void **state)
{
	bool used[4] = { false };
	struct side m;

	taps_open_side(&m, "flunit4", 4, 1500);
	for (unsigned flow = 0; flow < 40; flow++) {
		struct testframe frame = { .version = 4, .proto = 6, .payload = 100 };
		struct testplace at = testframe_make(&frame, taps_sent);
		struct pkt *pkt = &taps_lane.burst.pkt[0];
		uint8_t addrs[8], ports[4];
		unsigned want, by = 4;

		taps_sent[at.l4 + 1] = (uint8_t)flow;
		assert_true(taps_transmit(&taps_a, &none, at.len));
		assert_int_equal(taps_take(&taps_a), 1);
		assert_int_equal(taps_parse(0), 0);
		want = spread_queue(atomic_load(&m.tap->spread), pkt);
		assert_int_equal(taps_put(&m, 0, PKT_TAG_NONE), SINK_TAKEN);
		/* The answer: addresses and ports the other way round. */
		memcpy(addrs, taps_sent + at.ip + 12, 8);
		memcpy(ports, taps_sent + at.l4, 4);
		memcpy(taps_sent + at.ip + 12, addrs + 4, 4);
		memcpy(taps_sent + at.ip + 16, addrs, 4);
		memcpy(taps_sent + at.l4, ports + 2, 2);
		memcpy(taps_sent + at.l4 + 2, ports, 2);
		assert_true(taps_transmit(&m, &none, at.len));
		for (unsigned q = 0; q < 4; q++) {
			struct source *s = &m.tap->queue[q].source;

			if (s->ops->take(s, &taps_lane) > 0)
				by = q;
		}
		if (by != want)
			fail_msg("flow %u: went in by queue %u, want %u", flow, by, want);
		used[want] = true;
	}
	for (unsigned q = 0; q < 4; q++)
		assert_true(used[q]);
	taps_close_side(&m);
}

static struct spread_rule
rule_of(bool enabled, uint16_t only)
{
	struct spread_rule rule;

	spread_rule_init(&rule, taps_toeplitz);
	rule.enabled = enabled;
	rule.n_entries = 4;
	for (unsigned i = 0; i < 4; i++)
		rule.entry[i] = only;
	return rule;
}

/* All flows by the queue that the rule names, from the next burst on. */
static void
a_rule_holds_from_the_next_frame_on(void **state)
{
	static const struct {
		bool enabled;
		uint16_t only, want;
	} rows[] = { { true, 2, 2 }, { false, 2, 0 }, { true, 3, 3 }, { true, 1, 1 } };
	struct side m;

	taps_open_side(&m, "flunit4", 4, 1500);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct spread_rule rule = rule_of(rows[i].enabled, rows[i].only);

		assert_int_equal(tap_set_spread(m.tap, &rule), 0);
		for (unsigned flow = 0; flow < 20; flow++) {
			struct testframe frame = { .version = 4, .proto = 17, .payload = 100 };
			struct testplace at = testframe_make(&frame, taps_sent);
			uint64_t before = count_get(&m.tap->queue[rows[i].want].written);

			taps_sent[at.l4 + 1] = (uint8_t)flow;
			assert_true(taps_transmit(&taps_a, &none, at.len));
			assert_int_equal(taps_take(&taps_a), 1);
			assert_int_equal(taps_parse(0), 0);
			assert_int_equal(taps_put(&m, 0, PKT_TAG_NONE), SINK_TAKEN);
			assert_int_equal(count_get(&m.tap->queue[rows[i].want].written), before + 1);
		}
	}
	taps_close_side(&m);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, taps_open, taps_close)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(frames_of_every_length_pass_whole),
		TEST(a_burst_is_bounded_in_frames_and_bytes),
		TEST(what_is_longer_than_the_mtu_is_too_big),
		TEST(an_interface_that_is_down_takes_nothing_and_lives_on),
		TEST(an_interface_that_was_deleted_is_dead),
		TEST(what_the_keeper_refuses_leaves_nothing_behind),
		TEST(a_flow_goes_in_by_the_queue_of_its_hash),
		TEST(a_rule_holds_from_the_next_frame_on),
	};

	return cmocka_run_group_tests(tests, taps_start, taps_stop);
}
