/*
 * frontend_test.c - frames of a wire to their queues, by MAC and VLAN; in order; and a full queue in the right books.
 *
 * The wire is DPDK's ring device, which receives what is sent to it, and pcap files that the test writes.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_ethdev.h>

#include "base/clock.h"
#include "base/qsbr.h"
#include "nic/frontend.h"
#include "nic/test_eal.h"

#define LEN(a) (sizeof(a) / sizeof((a)[0]))
#define RINGS 4
#define FRAME_LEN 64
#define TAGGED(vid) (vid)
#define NO_TAG (-1)

static const struct mac macs[] = {
	{ { 0x02, 0xf1, 0, 0, 0, 0 } }, /* nobody's: the default queue */
	{ { 0x02, 0xf1, 0, 0, 0, 1 } },
	{ { 0x02, 0xf1, 0, 0, 0, 2 } },
	{ { 0x02, 0xf1, 0, 0, 0, 3 } },
};
static const uint16_t vids[] = { 0, RXMAP_VID_UNTAGGED, 10, RXMAP_VID_ANY };

/* A front end on a wire, its plan with the default ring and three others, and their vports. */
static struct rig {
	struct uplink uplink;
	struct frontend fe;
	struct vport vport[RINGS]; /* [0]: the wire's */
	struct queue *queue[RINGS];
	struct rxring *ring[RINGS];
	struct rxplan *plan;
} rig;

static struct rxplan *
make_plan(void)
{
	static const uint16_t entry[RINGS] = { 0, 1, 2, 3 };
	struct rxplan *plan = calloc(1, sizeof(*plan) + RINGS * sizeof(plan->ring[0]));
	struct rxmap_vport vports[RINGS];
	struct rxmap_filter filters[RINGS - 1];

	assert_non_null(plan);
	for (unsigned i = 0; i < RINGS; i++) {
		plan->ring[i] = rig.ring[i];
		vports[i] = (struct rxmap_vport){ 1, &entry[i] };
		if (i > 0)
			filters[i - 1] = (struct rxmap_filter){ macs[i], vids[i], (uint16_t)i };
	}
	plan->n_rings = RINGS;
	plan->map = rxmap_new(vports, RINGS, filters, RINGS - 1, NULL, 0);
	assert_non_null(plan->map);
	return plan;
}

static void
open_rig(enum uplink_type type, const char *arg, bool threaded)
{
	struct err err = { 0 };

	memset((void *)&rig, 0, sizeof(rig));
	test_processors_open(2, 0);
	uplink_init(&rig.uplink, "wire", type, arg);
	if (uplink_open(&rig.uplink, 0, &err) < 0)
		fail_msg("%s", err.msg);
	for (unsigned i = 0; i < RINGS; i++) {
		char name[16];

		snprintf(name, sizeof(name), i ? "vm%u" : "wire", i);
		assert_int_equal(vport_init(&rig.vport[i], name), 0);
		rig.queue[i] = queue_new(&rig.vport[i], 0);
		rig.ring[i] = rxring_new(name, rig.queue[i], &rig.vport[i], NULL);
		assert_non_null(rig.ring[i]);
	}
	rig.plan = make_plan();
	assert_int_equal(frontend_start(&rig.fe, &rig.uplink, &rig.vport[0], TEST_LANES - 1,
					threaded ? NULL : processors[0]),
			 0);
	assert_null(frontend_set_plan(&rig.fe, rig.plan));
	frontend_refresh(&rig.fe);
}

static void
close_rig(void)
{
	assert_ptr_equal(frontend_set_plan(&rig.fe, NULL), rig.plan);
	frontend_stop(&rig.fe);
	rxmap_free(rig.plan->map);
	free(rig.plan);
	for (unsigned i = 0; i < RINGS; i++) {
		queue_free(rig.queue[i]);
		rxring_free(rig.ring[i], NULL);
		vport_fini(&rig.vport[i]);
	}
	uplink_detach(&rig.uplink);
	uplink_close(&rig.uplink);
	assert_int_equal(rte_mempool_in_use_count(rig.uplink.pool), 0); /* every buffer came home */
	rte_mempool_free(rig.uplink.pool);
	test_processors_close();
}

/* A frame of FRAME_LEN bytes with a number at its end. */
static void
make_frame(const struct mac *dst, int tag, uint32_t number, uint8_t *out)
{
	memset(out, 0, FRAME_LEN);
	memcpy(out, dst->byte, MAC_LEN);
	memcpy(out + MAC_LEN, "\x02\xf1\xee\0\0\1", MAC_LEN);
	if (tag != NO_TAG) {
		out[12] = 0x81;
		out[14] = (uint8_t)(tag >> 8);
		out[15] = (uint8_t)tag;
	} else {
		out[12] = 0x88; /* 0x88b5: IEEE 802, local experiments */
		out[13] = 0xb5;
	}
	memcpy(out + FRAME_LEN - sizeof(number), &number, sizeof(number));
}

/* Puts a frame on the wire. */
static void
arrive(const struct mac *dst, int tag, uint32_t number)
{
	uint8_t frame[FRAME_LEN];
	struct rte_mbuf *m;

	make_frame(dst, tag, number, frame);
	m = test_mbuf(rig.uplink.pool, frame, FRAME_LEN);
	assert_non_null(m);
	assert_int_equal(rte_eth_tx_burst((uint16_t)uplink_port(&rig.uplink), 0, &m, 1), 1);
}

static unsigned
poll_wire(void)
{
	return frontend_poll(&rig.fe, &processors[0]->lane);
}

/* Takes a burst from ring i; *numbers gets theirs. */
static unsigned
take(unsigned i, uint32_t *numbers)
{
	struct lane *lane = &processors[1]->lane;
	struct source *s = &rig.ring[i]->source;
	unsigned n = s->ops->take(s, lane);

	for (unsigned k = 0; k < n; k++) {
		const struct iovec *seg = &lane->burst.pkt[k].segs[0];

		memcpy(&numbers[k], (uint8_t *)seg->iov_base + seg->iov_len - sizeof(*numbers), sizeof(*numbers));
	}
	if (n > 0)
		s->ops->give(s, lane);
	return n;
}

static void
frames_go_to_the_ring_of_their_address_and_vlan(void **state)
{
	static const struct mac broadcast = { { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff } };
	static const struct mac group = { { 0x01, 0x00, 0x5e, 0, 0, 1 } };
	static const struct {
		const struct mac *dst;
		int tag;
		unsigned ring;
	} rows[] = {
		{ &macs[0], NO_TAG, 0 },       { &macs[1], NO_TAG, 1 },
		{ &macs[1], 0x6000, 1 }, /* priority alone is untagged */
		{ &macs[1], TAGGED(10), 0 },   { &macs[2], TAGGED(10), 2 },
		{ &macs[2], 0xa000 | 10, 2 },  { &macs[2], TAGGED(11), 0 },
		{ &macs[2], NO_TAG, 0 },       { &macs[3], NO_TAG, 3 },
		{ &macs[3], TAGGED(4094), 3 }, { &broadcast, NO_TAG, 0 },
		{ &group, TAGGED(10), 0 },
	};
	uint32_t numbers[PKT_BURST];

	open_rig(UPLINK_TYPE_RING, "", false);
	for (uint32_t i = 0; i < LEN(rows); i++) {
		arrive(rows[i].dst, rows[i].tag, i);
		assert_int_equal(poll_wire(), 1);
		for (unsigned r = 0; r < RINGS; r++) {
			unsigned n = take(r, numbers);

			if (n != (r == rows[i].ring))
				fail_msg("row %u: ring %u got %u, want ring %u", i, r, n, rows[i].ring);
			if (n == 1)
				assert_int_equal(numbers[0], i);
		}
	}
	assert_int_equal(count_get(&rig.fe.packets), LEN(rows));
	assert_int_equal(count_get(&rig.fe.bursts), LEN(rows));
	close_rig();
}

/* Receive checksum offload (windows-semantics, 2.6): off, whoever receives looks by himself. */
static void
what_the_uplink_says_of_checksums_is_passed_on_unless_it_is_doubted(void **state)
{
	static const struct {
		bool doubts;
		uint64_t said;
		bool good;
	} rows[] = {
		{ false, RTE_MBUF_F_RX_L4_CKSUM_GOOD, true },
		{ false, RTE_MBUF_F_RX_L4_CKSUM_BAD, false },
		{ false, 0, false },
		{ true, RTE_MBUF_F_RX_L4_CKSUM_GOOD, false },
		{ true, 0, false },
		{ false, RTE_MBUF_F_RX_L4_CKSUM_GOOD, true },
	};

	open_rig(UPLINK_TYPE_RING, "", false);
	for (size_t i = 0; i < LEN(rows); i++) {
		struct source *s = &rig.ring[1]->source;
		struct lane *lane = &processors[1]->lane;
		uint8_t frame[FRAME_LEN];
		struct rte_mbuf *m;

		make_frame(&macs[1], NO_TAG, (uint32_t)i, frame);
		m = test_mbuf(rig.uplink.pool, frame, FRAME_LEN);
		assert_non_null(m);
		m->ol_flags |= rows[i].said;
		atomic_store(&rig.fe.doubts_checksums, rows[i].doubts);
		assert_int_equal(rte_eth_tx_burst((uint16_t)uplink_port(&rig.uplink), 0, &m, 1), 1);
		assert_int_equal(poll_wire(), 1);
		assert_int_equal(s->ops->take(s, lane), 1);
		assert_int_equal(lane->burst.pkt[0].claim.csum_good, rows[i].good);
		s->ops->give(s, lane);
	}
	close_rig();
}

/* Whatever is mixed with them in a burst. */
static void
frames_of_a_ring_keep_their_order(void **state)
{
	uint32_t numbers[PKT_BURST], next[RINGS] = { 0 };
	unsigned r = 1, left = 1000;

	open_rig(UPLINK_TYPE_RING, "", false);
	while (left > 0) {
		unsigned n = left < 100 ? left : 100;

		for (unsigned i = 0; i < n; i++) {
			unsigned to = (r = r * 1664525 + 1013904223) >> 30;

			arrive(&macs[to], to == 2 ? 10 : NO_TAG, left - i);
		}
		left -= n;
		while (poll_wire() > 0)
			;
		for (unsigned k = 0; k < RINGS; k++) {
			unsigned got;

			while ((got = take(k, numbers)) > 0) {
				for (unsigned i = 0; i < got; i++) {
					assert_true(next[k] == 0 || numbers[i] < next[k]); /* they count down */
					next[k] = numbers[i];
				}
			}
		}
	}
	for (unsigned k = 0; k < RINGS; k++)
		assert_true(next[k] > 0 && next[k] < 100);
	close_rig();
}

/* Until a ring is full, then until nobody could say where they went; returns frames sent to `to`. */
static unsigned
overfill(unsigned to)
{
	unsigned n = 0;

	for (unsigned round = 0; round < 12; round++) {
		for (unsigned i = 0; i < 100; i++)
			arrive(&macs[to], NO_TAG, n++);
		while (poll_wire() > 0)
			;
	}
	return n;
}

/*
 * A frame that no ring has room for is in the books all the same: it came in by the wire; what was meant for a VM's queue
 * ends there, what was meant for the default queue ends on the wire. sum(forwarded + copies) == sum(tx_offered), vport.h.
 */
static void
a_full_queue_is_booked_where_it_is_full(void **state)
{
	static const unsigned rings[] = { 0, 1 };

	for (unsigned i = 0; i < LEN(rings); i++) {
		struct vport_totals wire, vm;
		unsigned sent, lost;

		open_rig(UPLINK_TYPE_RING, "", false);
		sent = overfill(rings[i]);
		lost = sent - (RXRING_SIZE - 1);
		vport_sum(&rig.vport[0], &wire);
		vport_sum(&rig.vport[1], &vm);
		assert_int_equal(wire.rx_packets, lost);
		assert_int_equal(wire.rx_bytes, lost * FRAME_LEN);
		assert_int_equal(wire.drops[DROP_QUEUE_FULL], rings[i] == 0 ? lost : 0);
		assert_int_equal(vm.drops[DROP_QUEUE_FULL], rings[i] == 1 ? lost : 0);
		assert_int_equal(vm.tx_offered, vm.tx_packets + vm.tx_dropped);
		assert_int_equal(wire.rx_packets - wire.rx_dropped, vm.tx_offered);
		assert_int_equal(wire.tx_offered, 0);
		vport_sum(&rig.vport[2], &vm);
		assert_int_equal(vm.tx_offered, 0);
		close_rig();
	}
}

static void
without_a_plan_or_a_wire_nothing_is_received(void **state)
{
	uint32_t numbers[PKT_BURST];

	open_rig(UPLINK_TYPE_RING, "", false);
	arrive(&macs[1], NO_TAG, 1);
	assert_ptr_equal(frontend_set_plan(&rig.fe, NULL), rig.plan);
	assert_int_equal(poll_wire(), 0);
	assert_null(frontend_set_plan(&rig.fe, rig.plan));
	assert_true(frontend_is_blind(&rig.fe)); /* nothing of a ring device can wake anybody */
	assert_int_equal(poll_wire(), 1);
	assert_int_equal(take(1, numbers), 1);
	uplink_detach(&rig.uplink);
	assert_int_equal(poll_wire(), 0);
	assert_false(frontend_is_blind(&rig.fe));
	close_rig();
}

static void
a_runt_goes_to_the_default_queue(void **state)
{
	static const uint8_t bytes[13] = { 0x02, 0xf1, 0, 0, 0, 1 };
	struct rte_mbuf *m;
	uint32_t number;

	open_rig(UPLINK_TYPE_RING, "", false);
	for (uint16_t len = 4; len <= sizeof(bytes); len++) {
		m = test_mbuf(rig.uplink.pool, bytes, len);
		assert_int_equal(rte_eth_tx_burst((uint16_t)uplink_port(&rig.uplink), 0, &m, 1), 1);
		assert_int_equal(poll_wire(), 1);
		assert_int_equal(take(0, &number), 1);
	}
	close_rig();
}

static void *
take_plan_away(void *arg)
{
	_Atomic bool *done = arg;

	assert_ptr_equal(frontend_set_plan(&rig.fe, NULL), rig.plan);
	atomic_store(done, true);
	return NULL;
}

/* Whoever polls may be in the middle of a burst with the former plan: it comes back when that is over. */
static void
a_plan_comes_back_when_nobody_uses_it_any_more(void **state)
{
	int reader = qsbr_register();
	_Atomic bool done = false;
	pthread_t thread;

	open_rig(UPLINK_TYPE_RING, "", false);
	qsbr_online(reader);
	assert_int_equal(pthread_create(&thread, NULL, take_plan_away, (void *)&done), 0);
	usleep(20000);
	assert_false(atomic_load(&done));
	/* Again and again: on a busy machine the thread may begin only now, and what was before it does not count. */
	while (!atomic_load(&done))
		qsbr_quiescent(reader);
	pthread_join(thread, NULL);
	qsbr_offline(reader);
	qsbr_unregister(reader);
	assert_null(frontend_set_plan(&rig.fe, rig.plan));
	close_rig();
}

/* Waits until n frames came out of ring i, up to a second; returns how many did. */
static unsigned
wait_for(unsigned i, unsigned n)
{
	uint32_t numbers[PKT_BURST], next = 0;
	uint64_t end = clock_ns() + NSEC_PER_S;
	unsigned got = 0;

	while (got < n && clock_ns() < end) {
		unsigned k = take(i, numbers);

		for (unsigned j = 0; j < k; j++)
			assert_int_equal(numbers[j], next++);
		got += k;
		if (k == 0)
			usleep(100);
	}
	return got;
}

static void
a_front_end_thread_finds_its_frames_by_itself(void **state)
{
	uint64_t cpu;

	open_rig(UPLINK_TYPE_RING, "", true);
	usleep(50000); /* asleep by now, scanning every 5 ms */
	for (uint32_t i = 0; i < 500; i++)
		arrive(&macs[1], NO_TAG, i);
	assert_int_equal(wait_for(1, 500), 500);
	cpu = frontend_cpu_ns(&rig.fe);
	usleep(200000);
	assert_true(frontend_cpu_ns(&rig.fe) - cpu <
		    20 * NSEC_PER_MS); /* idle costs little: a tenth of 200 ms at most */
	assert_true(rig.fe.tid > 0);
	close_rig();
}

/* ---- pcap files as a wire; the format is draft-ietf-opsawg-pcap, sections 4 and 5 ---- */

static void
put32(FILE *f, uint32_t v)
{
	assert_int_equal(fwrite(&v, sizeof(v), 1, f), 1);
}

static void
write_pcap(const char *path, unsigned n)
{
	static const uint16_t version[2] = { 2, 4 };
	FILE *f = fopen(path, "we");

	assert_non_null(f);
	put32(f, 0xa1b2c3d4);
	assert_int_equal(fwrite(version, sizeof(version), 1, f), 1);
	put32(f, 0);
	put32(f, 0);
	put32(f, 65535);
	put32(f, 1); /* LINKTYPE_ETHERNET */
	for (uint32_t i = 0; i < n; i++) {
		uint8_t frame[FRAME_LEN];

		make_frame(&macs[1 + i % 2], i % 2 ? 10 : NO_TAG, i / 2, frame);
		put32(f, i);
		put32(f, 0);
		put32(f, FRAME_LEN);
		put32(f, FRAME_LEN);
		assert_int_equal(fwrite(frame, FRAME_LEN, 1, f), 1);
	}
	assert_int_equal(fclose(f), 0);
}

static void
a_pcap_file_is_a_wire(void **state)
{
	char dir[] = "/tmp/flunit.XXXXXX", path[64];

	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/in.pcap", dir);
	write_pcap(path, 300);
	open_rig(UPLINK_TYPE_PCAP, path, true);
	assert_int_equal(wait_for(1, 150), 150);
	assert_int_equal(wait_for(2, 150), 150);
	assert_int_equal(count_get(&rig.fe.packets), 300);
	close_rig();
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(dir), 0);
}

static void
a_null_wire_never_brings_anything(void **state)
{
	open_rig(UPLINK_TYPE_NULL, "", false);
	for (int i = 0; i < 100; i++)
		assert_int_equal(poll_wire(), 0);
	close_rig();
}

static void
a_front_end_can_start_again(void **state)
{
	for (int i = 0; i < 3; i++) {
		open_rig(UPLINK_TYPE_NULL, "", true);
		close_rig();
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frames_go_to_the_ring_of_their_address_and_vlan),
		cmocka_unit_test(what_the_uplink_says_of_checksums_is_passed_on_unless_it_is_doubted),
		cmocka_unit_test(frames_of_a_ring_keep_their_order),
		cmocka_unit_test(a_full_queue_is_booked_where_it_is_full),
		cmocka_unit_test(without_a_plan_or_a_wire_nothing_is_received),
		cmocka_unit_test(a_runt_goes_to_the_default_queue),
		cmocka_unit_test(a_plan_comes_back_when_nobody_uses_it_any_more),
		cmocka_unit_test(a_front_end_thread_finds_its_frames_by_itself),
		cmocka_unit_test(a_pcap_file_is_a_wire),
		cmocka_unit_test(a_null_wire_never_brings_anything),
		cmocka_unit_test(a_front_end_can_start_again),
	};

	return cmocka_run_group_tests(tests, test_eal_start, NULL);
}
