/* forward_burst_test.c - whole bursts: order, full receivers, odd lengths and claims; and the books after anything. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "pkt/testframe.h"
#include "vsw/learn.h"
#include "vsw/test_rig.h"

static const struct mac broadcast = { { 255, 255, 255, 255, 255, 255 } };

#define PLAIN TEST_NO_TAG

static void
know(const struct mac *mac, unsigned at)
{
	learn_lock();
	assert_int_equal(fdb_learn(rig_sw->fdb, fdb_key(mac->byte, 0), rig_p[at].port.slot, learn_now_s()), 0);
	learn_unlock();
}

/* Destinations mixed in one burst: each gets its frames in the order in which they came. */
static void
frames_of_one_destination_keep_their_order(void **state)
{
	static const unsigned to[] = { U, V, T };
	struct mac src = test_mac(100), dst[3];
	unsigned r = 3;

	for (unsigned i = 0; i < 3; i++) {
		dst[i] = test_mac((uint8_t)(1 + i));
		know(&dst[i], to[i]);
	}
	for (uint32_t number = 0; number < 20 * PKT_BURST; number++) {
		unsigned i = number % PKT_BURST;

		r = r * 1664525 + 1013904223;
		test_add(&rig_lane, rig_frames[i], test_frame(&dst[(r >> 20) % 3], &src, PLAIN, number, rig_frames[i]));
		if (i == PKT_BURST - 1)
			assert_int_equal(test_input(&rig_lane, &rig_p[X]), 0);
	}
	assert_int_equal(rig_p[U].n_taken + rig_p[V].n_taken + rig_p[T].n_taken, 20 * PKT_BURST);
	for (unsigned i = 0; i < 3; i++) {
		const struct test_port *out = &rig_p[to[i]];

		assert_true(out->n > 100);
		for (unsigned k = 1; k < out->n; k++)
			assert_true(test_frame_number(&out->kept[k]) > test_frame_number(&out->kept[k - 1]));
	}
	test_books(rig_all, N_PORTS);
}

static void
a_full_receiver_costs_its_own_frames_alone(void **state)
{
	struct mac src = test_mac(100), u = test_mac(1), v = test_mac(2);

	know(&u, U);
	know(&v, V);
	rig_p[U].room = 5;
	for (unsigned i = 0; i < PKT_BURST; i++)
		test_add(&rig_lane, rig_frames[i], test_frame(i % 2 ? &v : &u, &src, PLAIN, i, rig_frames[i]));
	assert_int_equal(test_input(&rig_lane, &rig_p[X]), PKT_BURST / 2 - 5);
	assert_int_equal(rig_p[U].n, 5);
	assert_int_equal(rig_p[V].n, PKT_BURST / 2);
	assert_int_equal(rig_drops(U, DROP_RECEIVER_FULL), PKT_BURST / 2 - 5);
	assert_int_equal(rig_drops(X, DROP_RECEIVER_FULL), 0); /* the sender did nothing wrong */
	test_books(rig_all, N_PORTS);
}

/* Of a flooded frame, some receivers may be full: it ended in a drop only when nobody took it. */
static void
a_flood_counts_as_dropped_when_nobody_took_it(void **state)
{
	struct mac src = test_mac(100);
	struct vport_totals t;

	rig_p[V].room = 0;
	rig_p[T].refusal = DROP_TOO_BIG;
	rig_p[T].room = 0;
	assert_int_equal(rig_input(U, &broadcast, &src, PLAIN), 0); /* X took it */
	rig_p[X].room = 0;
	rig_p[X].refusal = DROP_LINK_DOWN;
	assert_int_equal(rig_input(U, &broadcast, &src, PLAIN), 1);
	assert_int_equal(rig_drops(V, DROP_RECEIVER_FULL), 2);
	assert_int_equal(rig_drops(T, DROP_TOO_BIG), 2);
	assert_int_equal(rig_drops(X, DROP_LINK_DOWN), 1);
	vport_sum(&rig_p[U].vport, &t);
	assert_int_equal(t.rx_packets, 2);
	assert_int_equal(t.rx_dropped, 0);
	assert_int_equal(t.copies, 4); /* three receivers each: two beyond the first */
	test_books(rig_all, N_PORTS);
}

static void
a_port_without_an_interface_is_down(void **state)
{
	struct mac src = test_mac(100), v = test_mac(2);

	know(&v, V);
	atomic_store(&rig_p[V].port.sink, NULL);
	assert_int_equal(rig_input(U, &v, &src, PLAIN), 1);
	assert_int_equal(rig_input(U, &broadcast, &src, PLAIN), 0);
	assert_int_equal(rig_drops(V, DROP_PORT_DOWN), 2);
	test_books(rig_all, N_PORTS);
}

/* What points to a port that is gone: the frame has no receiver, nobody else gets it. */
static void
a_port_that_left_gets_nothing(void **state)
{
	struct mac src = test_mac(100), v = test_mac(2);
	struct port_conf conf = test_conf_untagged(NULL);
	unsigned slot = rig_p[V].port.slot;

	know(&v, V);
	port_detach(&rig_p[V].port);
	assert_int_equal(fdb_lookup(rig_sw->fdb, fdb_key(v.byte, 0)), FDB_MISS);
	learn_lock();
	assert_int_equal(fdb_learn(rig_sw->fdb, fdb_key(v.byte, 0), slot, 0), 0); /* as if an event came late */
	learn_unlock();
	assert_int_equal(rig_input(U, &v, &src, PLAIN), 1);
	assert_int_equal(rig_drops(U, DROP_NO_RECEIVER), 1);
	assert_int_equal(rig_p[V].n + rig_p[T].n + rig_p[X].n, 0);
	assert_int_equal(port_attach(&rig_p[V].port, rig_sw, &conf), 0);
	test_books(rig_all, N_PORTS);
}

/* ---- lengths and claims ---- */

static void
bytes_are_counted_with_the_tags_they_came_and_go_with(void **state)
{
	struct mac src = test_mac(100);
	struct vport_totals t;

	rig_input(X, &broadcast, &src, 10); /* 64 bytes with a tag, 60 without */
	vport_sum(&rig_p[X].vport, &t);
	assert_int_equal(t.rx_bytes, 64);
	vport_sum(&rig_p[T].vport, &t);
	assert_int_equal(t.tx_bytes, 64);
	vport_sum(&rig_p[A].vport, &t);
	assert_int_equal(t.tx_bytes, 60);
	assert_int_equal(rig_p[A].kept[0].len, 60);
	assert_int_equal(rig_p[T].kept[0].len, 64);
}

static void
what_cannot_be_a_frame_ends_at_its_sender(void **state)
{
	struct mac src = test_mac(100);
	uint8_t *f = rig_frames[0];

	for (uint32_t len = 0; len < 14; len++) {
		test_frame(&broadcast, &src, PLAIN, 0, f);
		test_add(&rig_lane, f, len);
		assert_int_equal(test_input(&rig_lane, &rig_p[U]), 1);
	}
	for (uint32_t len = 14; len < 18; len++) { /* a tag that breaks off */
		test_frame(&broadcast, &src, 10, 0, f);
		test_add(&rig_lane, f, len);
		assert_int_equal(test_input(&rig_lane, &rig_p[X]), 1);
	}
	assert_int_equal(rig_drops(U, DROP_RUNT), 14);
	assert_int_equal(rig_drops(X, DROP_RUNT), 4);
	test_frame(&broadcast, &src, PLAIN, 0, f);
	test_add(&rig_lane, f, 64);
	rig_lane.burst.pkt[0].claim = (struct pkt_claim){ .csum = true, .csum_start = 62, .csum_offset = 2 };
	assert_int_equal(test_input(&rig_lane, &rig_p[U]), 1);
	assert_int_equal(rig_drops(U, DROP_BAD_OFFLOAD), 1);
	for (unsigned i = 0; i < N_PORTS; i++)
		assert_int_equal(rig_p[i].n, 0);
	test_books(rig_all, N_PORTS);
}

/*
 * A checksum request of a tunnel is finished in our own memory: in place where the frame lies there, else in a copy.
 * The sum of 0x0102 and 0x0304 (and zeros) is 0x0406, its complement 0xfbf9 (RFC 1071).
 */
static void
a_strange_checksum_request_is_finished_in_our_own_memory(void **state)
{
	struct mac src = test_mac(100);
	uint8_t *f = rig_frames[0];

	for (int writable = 0; writable < 2; writable++) {
		test_frame(&broadcast, &src, PLAIN, 0, f);
		memcpy(f + 20, "\x01\x02\x03\x04", 4);
		test_add(&rig_lane, f, 64);
		rig_lane.burst.pkt[0].claim = (struct pkt_claim){ .csum = true, .csum_start = 20, .csum_offset = 10 };
		rig_lane.burst.pkt[0].writable = writable;
		assert_int_equal(test_input(&rig_lane, &rig_p[U]), 0);
		assert_int_equal(rig_p[V].n, writable + 1);
		assert_memory_equal(rig_p[V].kept[writable].bytes + 30, "\xfb\xf9", 2);
		assert_int_equal(memcmp(f + 30, "\xfb\xf9", 2) == 0, writable);
	}
	test_books(rig_all, N_PORTS);
}

static void
a_large_frame_counts_once_with_all_its_bytes(void **state)
{
	static uint8_t big[TESTFRAME_MAX];
	struct testframe frame = { .version = 4, .proto = 6, .payload = 60000, .partial = true };
	struct testplace at = testframe_make(&frame, big);
	struct vport_totals t;

	test_add(&rig_lane, big, at.len);
	rig_lane.burst.pkt[0].claim = testframe_claim(&at, PKT_GSO_TCP4, 1448);
	assert_int_equal(test_input(&rig_lane, &rig_p[U]), 0);
	vport_sum(&rig_p[U].vport, &t);
	assert_int_equal(t.rx_packets, 1);
	assert_int_equal(t.rx_bytes, 60054); /* 14 + 20 + 20 + 60000 */
	vport_sum(&rig_p[V].vport, &t);
	assert_int_equal(t.tx_packets, 1);
	assert_int_equal(t.tx_bytes, 60054);
	test_books(rig_all, N_PORTS);
}

/* ---- anything, from anywhere ---- */

static void
the_books_balance_whatever_comes(void **state)
{
	unsigned r = 11;

	for (unsigned round = 0; round < 20000; round++) {
		unsigned from = (r = r * 1664525 + 1013904223) >> 29, n = 1 + (r >> 8) % PKT_BURST;

		for (unsigned i = 0; i < n; i++) {
			struct mac dst, src;
			uint32_t len;
			int tci = -1;

			r = r * 1664525 + 1013904223;
			dst = r >> 28 == 0 ? broadcast : test_mac((uint8_t)(r >> 24 & 15));
			src = test_mac((uint8_t)(r >> 20 & 15));
			src.byte[0] |= (r >> 8 & 63) == 0;
			if (r >> 16 & 1)
				tci = (int)(r >> 4 & 3) * 10 | ((r >> 6 & 1) << 13);
			len = test_frame(&dst, &src, tci, round, rig_frames[i]);
			test_add(&rig_lane, rig_frames[i], (r >> 9 & 63) == 0 ? r % 20 : len);
		}
		rig_p[r >> 27 & 7].room = r >> 20 & 31; /* somebody is about to be full, somebody else has room again */
		rig_p[r >> 10 & 7].room = UINT32_MAX;
		test_input(&rig_lane, &rig_p[from]);
		if (round % 100 == 0)
			test_books(rig_all, N_PORTS);
		if (round % 50 == 0)
			learn_drain();
	}
	test_books(rig_all, N_PORTS);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_open, rig_close)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(frames_of_one_destination_keep_their_order),
		TEST(a_full_receiver_costs_its_own_frames_alone),
		TEST(a_flood_counts_as_dropped_when_nobody_took_it),
		TEST(a_port_without_an_interface_is_down),
		TEST(a_port_that_left_gets_nothing),
		TEST(bytes_are_counted_with_the_tags_they_came_and_go_with),
		TEST(what_cannot_be_a_frame_ends_at_its_sender),
		TEST(a_strange_checksum_request_is_finished_in_our_own_memory),
		TEST(a_large_frame_counts_once_with_all_its_bytes),
		TEST(the_books_balance_whatever_comes),
	};

	return cmocka_run_group_tests(tests, rig_start, rig_stop);
}
