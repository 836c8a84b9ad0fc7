/*
 * vring_faults_test.c - what a driver may not do costs it the ring, and nobody anything else: what came before is delivered and
 * given back, nothing outside of its memory is touched (ASan: it is poisoned), and a reset makes the ring good again.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "guest/test_rings.h"
#include "pkt/admit.h"
#include "pkt/build.h"
#include "pkt/testframe.h"

#define LEN(a) (sizeof(a) / sizeof((a)[0]))
#define HIGH 40 /* descriptors from here on are the tests' own */
#define GOOD 3  /* frames in front of what is bad */

#define ISLAND 0x5000ull /* a region with nothing around it, in either sense */
#define ISLAND_LEN 0x1000u
#define TOP (UINT64_MAX - 0xfff) /* a region that ends with the address space; there is one at 0, too */

static uint8_t *island;

static int
open_rings(void **state)
{
	struct guest_region region[4];

	rings_open(&rings_full);
	island = rings_buffer(ISLAND_LEN);
	region[0] = (struct guest_region){ .gpa = 0, .len = 0x1000, .va = rings_buffer(0x1000) };
	region[1] = (struct guest_region){ .gpa = ISLAND, .len = ISLAND_LEN, .va = island };
	region[2] = (struct guest_region){ .gpa = VUSER_GPA, .len = RINGS_MEMORY, .va = rings_mem.va };
	region[3] = (struct guest_region){ .gpa = TOP, .len = 0x1000, .va = rings_buffer(0x1000) };
	rings_set_regions(region, LEN(region));
	return 0;
}

static int
close_rings(void **state)
{
	rings_close();
	return 0;
}

/* ---- what is bad: writes descriptors from HIGH on, whose buffers go in direction dir; returns the head to offer ---- */

static void
desc(struct vuser_queue *q, unsigned i, uint64_t gpa, uint32_t len, unsigned flags, unsigned next)
{
	q->desc[HIGH + i] = (struct vuser_desc){ gpa, len, (uint16_t)flags, (uint16_t)next };
}

static uint16_t
head_of_size(struct vuser_queue *q, uint16_t dir)
{
	return q->size;
}

static uint16_t
head_of_65535(struct vuser_queue *q, uint16_t dir)
{
	return 65535;
}

static uint16_t
next_of_size(struct vuser_queue *q, uint16_t dir)
{
	desc(q, 0, ISLAND, 20, dir | VUSER_DESC_NEXT, q->size);
	return HIGH;
}

static uint16_t
next_of_65535(struct vuser_queue *q, uint16_t dir)
{
	desc(q, 0, ISLAND, 20, dir | VUSER_DESC_NEXT, 65535);
	return HIGH;
}

static uint16_t
own_tail(struct vuser_queue *q, uint16_t dir)
{
	desc(q, 0, ISLAND, 20, dir | VUSER_DESC_NEXT, HIGH);
	return HIGH;
}

static uint16_t
loop_of_three(struct vuser_queue *q, uint16_t dir)
{
	desc(q, 0, ISLAND, 20, dir | VUSER_DESC_NEXT, HIGH + 1);
	desc(q, 1, ISLAND, 0, dir | VUSER_DESC_NEXT, HIGH + 2);
	desc(q, 2, ISLAND, 20, dir | VUSER_DESC_NEXT, HIGH);
	return HIGH;
}

/* A table of n entries in the island, each with the next behind it; the head names the first bytes of them. */
static struct vuser_desc *
table(struct vuser_queue *q, uint16_t dir, unsigned n, uint32_t bytes)
{
	struct vuser_desc *t = (void *)rings_buffer(n * (uint32_t)sizeof(*t));

	for (unsigned i = 0; i < n; i++)
		t[i] = (struct vuser_desc){ ISLAND, 20, (uint16_t)(dir | (i + 1 < n ? VUSER_DESC_NEXT : 0)),
					    (uint16_t)(i + 1) };
	desc(q, 0, vuser_gpa(&rings_mem, t), bytes, VUSER_DESC_INDIRECT, 0);
	return t;
}

static uint16_t
loop_in_a_table(struct vuser_queue *q, uint16_t dir)
{
	struct vuser_desc *t = table(q, dir, 4, 64);

	t[3].flags |= VUSER_DESC_NEXT;
	t[3].next = 1;
	return HIGH;
}

static uint16_t
next_outside_of_a_table(struct vuser_queue *q, uint16_t dir)
{
	table(q, dir, 4, 48)[1].next = 3; /* the fourth entry is there, but not in the table */
	return HIGH;
}

static uint16_t
chain_of_1025(struct vuser_queue *q, uint16_t dir)
{
	table(q, dir, 1025, 1025 * 16);
	return HIGH;
}

static uint16_t
at_0x2000(struct vuser_queue *q, uint16_t dir)
{
	desc(q, 0, 0x2000, 100, dir, 0);
	return HIGH;
}

static uint16_t
over_the_edge(struct vuser_queue *q, uint16_t dir)
{
	desc(q, 0, ISLAND + ISLAND_LEN - 99, 100, dir, 0);
	return HIGH;
}

static uint16_t
before_the_edge(struct vuser_queue *q, uint16_t dir)
{
	desc(q, 0, ISLAND - 1, 100, dir, 0);
	return HIGH;
}

static uint16_t
behind_the_edge(struct vuser_queue *q, uint16_t dir)
{
	desc(q, 0, ISLAND + ISLAND_LEN, 1, dir, 0);
	return HIGH;
}

static uint16_t
around_the_world(struct vuser_queue *q, uint16_t dir)
{
	desc(q, 0, UINT64_MAX - 49, 100, dir, 0);
	return HIGH;
}

static uint16_t
of_4_gib(struct vuser_queue *q, uint16_t dir)
{
	desc(q, 0, ISLAND, UINT32_MAX, dir, 0);
	return HIGH;
}

static uint16_t
second_nowhere(struct vuser_queue *q, uint16_t dir)
{
	desc(q, 0, ISLAND, 20, dir | VUSER_DESC_NEXT, HIGH + 1);
	desc(q, 1, 0x2000, 100, dir, 0);
	return HIGH;
}

static uint16_t
other_direction(struct vuser_queue *q, uint16_t dir)
{
	desc(q, 0, ISLAND, 100, dir ^ VUSER_DESC_WRITE, 0);
	return HIGH;
}

static uint16_t
second_in_other_direction(struct vuser_queue *q, uint16_t dir)
{
	desc(q, 0, ISLAND, 20, dir | VUSER_DESC_NEXT, HIGH + 1);
	desc(q, 1, ISLAND, 100, dir ^ VUSER_DESC_WRITE, 0);
	return HIGH;
}

static uint16_t
other_direction_in_a_table(struct vuser_queue *q, uint16_t dir)
{
	table(q, dir, 4, 64)[2].flags ^= VUSER_DESC_WRITE;
	return HIGH;
}

static uint16_t
table_in_a_table(struct vuser_queue *q, uint16_t dir)
{
	struct vuser_desc *t = table(q, dir, 4, 64);

	t[2] = q->desc[HIGH];
	return HIGH;
}

static uint16_t
table_that_is_its_own_first_entry(struct vuser_queue *q, uint16_t dir)
{
	struct vuser_desc *t = table(q, dir, 4, 64);

	t[0] = q->desc[HIGH];
	return HIGH;
}

static uint16_t
table_of_0(struct vuser_queue *q, uint16_t dir)
{
	table(q, dir, 4, 0);
	return HIGH;
}

static uint16_t
table_of_15(struct vuser_queue *q, uint16_t dir)
{
	table(q, dir, 4, 15);
	return HIGH;
}

static uint16_t
table_of_17(struct vuser_queue *q, uint16_t dir)
{
	table(q, dir, 4, 17);
	return HIGH;
}

/* More than the 32768 descriptors of a chain: virtio 1.2, 2.7.5.3.1. */
static uint16_t
table_of_32769(struct vuser_queue *q, uint16_t dir)
{
	table(q, dir, 4, 32769 * 16);
	return HIGH;
}

static uint16_t
table_that_is_not_aligned(struct vuser_queue *q, uint16_t dir)
{
	table(q, dir, 4, 48);
	q->desc[HIGH].addr += 4;
	return HIGH;
}

static uint16_t
table_nowhere(struct vuser_queue *q, uint16_t dir)
{
	desc(q, 0, 0x2000, 64, VUSER_DESC_INDIRECT, 0);
	return HIGH;
}

static uint16_t
table_over_the_edge(struct vuser_queue *q, uint16_t dir)
{
	desc(q, 0, ISLAND + ISLAND_LEN - 16, 32, VUSER_DESC_INDIRECT, 0);
	return HIGH;
}

static uint16_t
table_around_the_world(struct vuser_queue *q, uint16_t dir)
{
	desc(q, 0, UINT64_MAX - 15, 32, VUSER_DESC_INDIRECT, 0);
	return HIGH;
}

#define ROW(name, fault)                         \
	{                                        \
#name, name, VRING_FAULT_##fault \
	}

static const struct row {
	const char *name;
	uint16_t (*make)(struct vuser_queue *q, uint16_t dir);
	enum vring_fault want;
} rows[] = {
	ROW(head_of_size, BAD_HEAD),
	ROW(head_of_65535, BAD_HEAD),
	ROW(next_of_size, BAD_HEAD),
	ROW(next_of_65535, BAD_HEAD),
	ROW(next_outside_of_a_table, BAD_HEAD),
	ROW(own_tail, LOOP),
	ROW(loop_of_three, LOOP),
	ROW(loop_in_a_table, LOOP),
	ROW(chain_of_1025, LOOP),
	ROW(at_0x2000, BAD_ADDRESS),
	ROW(over_the_edge, BAD_ADDRESS),
	ROW(before_the_edge, BAD_ADDRESS),
	ROW(behind_the_edge, BAD_ADDRESS),
	ROW(around_the_world, BAD_ADDRESS),
	ROW(of_4_gib, BAD_ADDRESS),
	ROW(second_nowhere, BAD_ADDRESS),
	ROW(table_nowhere, BAD_ADDRESS),
	ROW(table_over_the_edge, BAD_ADDRESS),
	ROW(table_around_the_world, BAD_ADDRESS),
	ROW(other_direction, BAD_DIRECTION),
	ROW(second_in_other_direction, BAD_DIRECTION),
	ROW(other_direction_in_a_table, BAD_DIRECTION),
	ROW(table_in_a_table, BAD_INDIRECT),
	ROW(table_that_is_its_own_first_entry, BAD_INDIRECT),
	ROW(table_of_0, BAD_INDIRECT),
	ROW(table_of_15, BAD_INDIRECT),
	ROW(table_of_17, BAD_INDIRECT),
	ROW(table_of_32769, BAD_INDIRECT),
	ROW(table_that_is_not_aligned, BAD_INDIRECT),
};

static void
check_fault(const struct row *row, const struct vring *r)
{
	if (vring_fault(r) != row->want)
		fail_msg("%s: '%s', not '%s'", row->name, vring_fault_text(vring_fault(r)),
			 vring_fault_text(row->want));
}

static void
a_transmit_ring_ends_with_what_its_driver_breaks(void **state)
{
	struct source *s = &rings.tx[0].source;

	for (size_t i = 0; i < LEN(rows); i++) {
		close_rings(NULL);
		open_rings(NULL);
		rings_send_plain(GOOD, 60, 0);
		vuser_offer(&rings_tx, rows[i].make(&rings_tx, 0), 0, 0);
		vuser_publish(&rings_tx);
		rings_send_plain(2, 60, 100);
		assert_true(s->ops->pending(s));
		if (rings_take() != GOOD)
			fail_msg("%s: %u frames, not %u", rows[i].name, rings_lane.burst.n, GOOD);
		check_fault(&rows[i], &rings.tx[0]);
		for (unsigned k = 0; k < GOOD; k++)
			assert_int_equal(rings_lane.burst.pkt[k].hdr[20], k);
		rings_give();
		assert_int_equal(rings_tx.used->idx, GOOD);
		assert_int_equal(rings_take(), 0);
		assert_false(s->ops->pending(s));
		assert_int_equal(rings_tx.used->idx, GOOD);
		assert_int_equal(rings_refused(), 0);
	}
}

static void
put_three(uint8_t verdict[3])
{
	static uint8_t bytes[3][60];
	static struct iovec seg[3][PKT_SEGS_MAX];
	static struct pkt pkt[3];
	struct pkt *const pkts[3] = { &pkt[0], &pkt[1], &pkt[2] };
	static const int tags[3] = { PKT_TAG_NONE, PKT_TAG_NONE, PKT_TAG_NONE };
	enum drop_reason why;

	for (unsigned i = 0; i < 3; i++) {
		testframe_load(&pkt[i], bytes[i], 60, seg[i], 0);
		memset(&pkt[i].claim, 0, sizeof(pkt[i].claim));
		assert_int_equal(pkt_admit(&pkt[i], &why), 0);
	}
	rings.sink.ops->put(&rings.sink, &rings_lane, pkts, tags, 3, verdict);
}

static void
a_receive_ring_ends_with_what_its_driver_breaks(void **state)
{
	for (size_t i = 0; i < LEN(rows); i++) {
		uint8_t verdict[3];

		close_rings(NULL);
		open_rings(NULL);
		rings_post(1, 1000);
		vuser_offer(&rings_rx, rows[i].make(&rings_rx, VUSER_DESC_WRITE), 0, 1000);
		vuser_publish(&rings_rx);
		rings_post(5, 1000);
		put_three(verdict);
		check_fault(&rows[i], &rings.rx[0]);
		for (unsigned k = 0; k < 3; k++)
			if (verdict[k] != (k < 1 ? SINK_TAKEN : DROP_PORT_DOWN))
				fail_msg("%s: frame %u: %u", rows[i].name, k, verdict[k]);
		assert_int_equal(rings_rx.used->idx, 1);
		put_three(verdict);
		for (unsigned k = 0; k < 3; k++)
			assert_int_equal(verdict[k], DROP_PORT_DOWN);
		assert_int_equal(rings_rx.used->idx, 1);
	}
}

/* virtio 1.2, 2.7.13: no more than the ring's size can be available. What is then known of the entries is nothing. */
static void
an_index_may_be_the_size_of_the_ring_ahead_and_no_more(void **state)
{
	static const struct {
		uint16_t ahead;
		bool good;
	} jumps[] = { { RINGS_SIZE, true }, { RINGS_SIZE + 1, false }, { 0x8000, false }, { 0xffff, false } };
	enum vring_fault want;
	uint8_t verdict[3];

	for (size_t i = 0; i < LEN(jumps); i++) {
		close_rings(NULL);
		open_rings(NULL);
		want = jumps[i].good ? VRING_FAULT_NONE : VRING_FAULT_INDEX_JUMPED;
		rings_send_plain(RINGS_SIZE, 60, 0);
		rings_tx.avail->idx = jumps[i].ahead;
		rings_post(RINGS_SIZE, 1000);
		rings_rx.avail->idx = jumps[i].ahead;
		assert_int_equal(rings_take(), jumps[i].good ? 32 : 0);
		assert_int_equal(vring_fault(&rings.tx[0]), want);
		rings_give();
		put_three(verdict);
		assert_int_equal(verdict[0], jumps[i].good ? SINK_TAKEN : DROP_PORT_DOWN);
		assert_int_equal(vring_fault(&rings.rx[0]), want);
		assert_int_equal(rings_rx.used->idx, jumps[i].good ? 3 : 0);
	}
}

/*
 * What lies behind the table of descriptors is the available ring, which reads as a good descriptor here: address 0x40000010000 from
 * flags, index and the first two entries, 72 bytes from the next two, flags from the fifth.
 */
static void
a_head_behind_the_table_is_not_looked_at(void **state)
{
	static const uint64_t gpa = 0x40000010000;
	struct guest_region there = { .gpa = gpa, .len = 72, .va = rings_buffer(72) };
	struct vuser_queue *const queues[] = { &rings_tx, &rings_rx };
	uint8_t verdict[3];

	rings_set_regions(&there, 1);
	for (unsigned i = 0; i < 2; i++) {
		uint16_t *entry = queues[i]->avail->ring;

		assert_ptr_equal(queues[i]->avail, queues[i]->desc + RINGS_SIZE);
		entry[0] = RINGS_SIZE;
		entry[2] = 72;
		entry[4] = i == 0 ? 0 : VUSER_DESC_WRITE;
		assert_int_equal(queues[i]->desc[RINGS_SIZE].addr & ~0xffffffffull, gpa & ~0xffffffffull);
		queues[i]->avail->idx = 1;
		assert_int_equal(queues[i]->desc[RINGS_SIZE].addr, gpa);
	}
	assert_int_equal(rings_take(), 0);
	assert_int_equal(vring_fault(&rings.tx[0]), VRING_FAULT_BAD_HEAD);
	put_three(verdict);
	assert_int_equal(verdict[0], DROP_PORT_DOWN);
	assert_int_equal(vring_fault(&rings.rx[0]), VRING_FAULT_BAD_HEAD);
}

/* A frame finds the fault in its second buffer; the next one would find its only buffer good. */
static void
nothing_goes_on_in_a_ring_that_breaks_within_a_burst(void **state)
{
	static uint8_t bytes[300];
	static const int tags[2] = { PKT_TAG_NONE, PKT_TAG_NONE };

	for (unsigned pieces = 0; pieces < 2; pieces++) {
		struct iovec seg[2][PKT_SEGS_MAX];
		struct pkt pkt[2], *pkts[2] = { &pkt[0], &pkt[1] };
		uint8_t verdict[2];
		enum drop_reason why;

		close_rings(NULL);
		open_rings(NULL);
		rings_post(1, 100);
		vuser_offer(&rings_rx, RINGS_SIZE, 0, 0);
		vuser_publish(&rings_rx);
		for (unsigned i = 0; i < 2; i++) {
			/* In one piece, or in several: two ways to write it. */
			testframe_load(&pkt[i], bytes, i == 0 ? 300 : 60, seg[i], pieces ? 20 : 0);
			memset(&pkt[i].claim, 0, sizeof(pkt[i].claim));
			assert_int_equal(pkt_admit(&pkt[i], &why), 0);
		}
		rings.sink.ops->put(&rings.sink, &rings_lane, pkts, tags, 2, verdict);
		assert_int_equal(verdict[0], DROP_PORT_DOWN);
		assert_int_equal(verdict[1], DROP_PORT_DOWN);
		assert_int_equal(rings_rx.used->idx, 0);
	}
}

static void
a_broken_ring_is_good_again_after_a_reset(void **state)
{
	uint8_t verdict[3];

	vuser_offer(&rings_tx, head_of_size(&rings_tx, 0), 0, 0);
	vuser_publish(&rings_tx);
	vuser_offer(&rings_rx, head_of_size(&rings_rx, 0), 0, 0);
	vuser_publish(&rings_rx);
	assert_int_equal(rings_take(), 0);
	put_three(verdict);
	assert_int_equal(vring_fault(&rings.tx[0]), VRING_FAULT_BAD_HEAD);
	assert_int_equal(vring_fault(&rings.rx[0]), VRING_FAULT_BAD_HEAD);

	vring_stop(&rings.tx[0]);
	vring_stop(&rings.rx[0]);
	vuser_queue_reset(&rings_tx, 0);
	vuser_queue_reset(&rings_rx, 0);
	assert_int_equal(rings_run(&rings.tx[0], &rings_tx, &rings_full, 0), 0);
	assert_int_equal(rings_run(&rings.rx[0], &rings_rx, &rings_full, 0), 0);
	rings_send_plain(2, 60, 0);
	assert_int_equal(rings_take(), 2);
	rings_give();
	assert_int_equal(rings_sent(), 2);
	rings_post(3, 1000);
	put_three(verdict);
	for (unsigned k = 0; k < 3; k++)
		assert_int_equal(verdict[k], SINK_TAKEN);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_rings, close_rings)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_transmit_ring_ends_with_what_its_driver_breaks),
		TEST(a_receive_ring_ends_with_what_its_driver_breaks),
		TEST(an_index_may_be_the_size_of_the_ring_ahead_and_no_more),
		TEST(a_head_behind_the_table_is_not_looked_at),
		TEST(nothing_goes_on_in_a_ring_that_breaks_within_a_burst),
		TEST(a_broken_ring_is_good_again_after_a_reset),
	};

	return cmocka_run_group_tests(tests, rings_group_start, rings_group_end);
}
