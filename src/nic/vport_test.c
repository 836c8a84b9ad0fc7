/* vport_test.c - books that add up over lanes, and stay when their vport is gone. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <string.h>

#include "nic/vport.h"

#define LANES 4
#define ADDS 1000000

static void
open_vport(struct vport *vp, const char *name)
{
	vport_set_lanes(LANES);
	for (unsigned lane = 0; lane < LANES; lane++)
		vport_use_lane(lane);
	assert_int_equal(vport_init(vp, name), 0);
}

static void
a_new_vport_has_empty_books(void **state)
{
	struct vport_totals t, zero = { 0 };
	struct vport vp;

	open_vport(&vp, "vm1");
	memset(&t, 0xee, sizeof(t));
	vport_sum(&vp, &t);
	assert_memory_equal(&t, &zero, sizeof(t));
	assert_string_equal(vp.name, "vm1");
	vport_fini(&vp);
	vport_fini(&vp); /* twice is as good */
}

static void
a_long_name_is_cut(void **state)
{
	struct vport vp;

	open_vport(&vp, "a-name-of-more-than-thirty-one-letters");
	assert_string_equal(vp.name, "a-name-of-more-than-thirty-one-");
	vport_fini(&vp);
}

/* Every counter of every lane has a value of its own, so that a sum with one left out or taken twice is another number. */
static void
sums_hold_every_counter_of_every_lane(void **state)
{
	struct vport_totals t;
	struct vport vp;
	uint64_t rx_drops = 0, tx_drops = 0, fives = 0;

	open_vport(&vp, "vm1");
	for (unsigned lane = 0; lane < LANES; lane++) {
		struct vport_stats *s = &vp.stats[lane];
		uint64_t five = lane == 0 ? 1 : 5 * fives;

		fives = five; /* 1, 5, 25, 125 */
		count_add(&s->rx_packets, five);
		count_add(&s->rx_bytes, 1000 * five);
		count_add(&s->copies, 2 * five);
		count_add(&s->tx_offered, 3 * five);
		count_add(&s->tx_packets, 4 * five);
		count_add(&s->tx_bytes, 7000 * five);
		for (unsigned r = 0; r < DROP_REASON_COUNT; r++) {
			for (unsigned k = 0; k <= r; k++)
				drop_rx(&vp, lane, (enum drop_reason)r);
			drop_tx(&vp, lane, (enum drop_reason)r);
			rx_drops += r + 1;
			tx_drops += 1;
		}
	}
	vport_sum(&vp, &t);
	assert_int_equal(t.rx_packets, 156); /* 1 + 5 + 25 + 125 */
	assert_int_equal(t.rx_bytes, 156000);
	assert_int_equal(t.copies, 312);
	assert_int_equal(t.tx_offered, 468);
	assert_int_equal(t.tx_packets, 624);
	assert_int_equal(t.tx_bytes, 1092000);
	assert_int_equal(t.rx_dropped, rx_drops);
	assert_int_equal(t.tx_dropped, tx_drops);
	for (unsigned r = 0; r < DROP_REASON_COUNT; r++)
		assert_int_equal(t.drops[r], LANES * (r + 2));
	vport_fini(&vp);
}

/* One below a lane that is used is looked at, too: they may come in any order. */
static void
lanes_count_from_their_first_use_on(void **state)
{
	struct vport_totals t;
	struct vport vp;

	vport_set_lanes(LANES);
	assert_int_equal(vport_init(&vp, "vm1"), 0);
	count_add(&vp.stats[vport_control_lane()].rx_packets, 1);
	vport_sum(&vp, &t);
	assert_int_equal(t.rx_packets, 1);
	vport_use_lane(2);
	vport_use_lane(0);
	count_add(&vp.stats[2].rx_packets, 10);
	count_add(&vp.stats[0].rx_packets, 100);
	vport_sum(&vp, &t);
	assert_int_equal(t.rx_packets, 111);
	vport_fini(&vp);
}

static void
the_books_of_gone_vports_stay(void **state)
{
	struct vport_totals before, after, sum;
	struct vport vp;

	vport_sum_gone(&before);
	open_vport(&vp, "vm1");
	count_add(&vp.stats[3].rx_packets, 11);
	count_add(&vp.stats[0].tx_offered, 5);
	drop_rx(&vp, 3, DROP_SPOOFED);
	drop_tx(&vp, 0, DROP_SPOOFED);
	vport_sum(&vp, &sum);
	vport_fini(&vp);
	vport_sum_gone(&after);
	vport_totals_add(&before, &sum);
	assert_memory_equal(&before, &after, sizeof(after));
	assert_int_equal(sum.drops[DROP_SPOOFED], 2);
}

/* ---- a reader beside writers ---- */

static void *
count(void *arg)
{
	struct vport_stats *s = arg;

	for (unsigned i = 0; i < ADDS; i++) {
		count_add(&s->rx_packets, 1);
		count_add(&s->rx_bytes, (1ull << 32) + 1); /* a torn value would show */
	}
	return NULL;
}

static void
lanes_count_without_losing_while_somebody_reads(void **state)
{
	struct vport_totals t, last = { 0 };
	pthread_t thread[LANES];
	struct vport vp;

	open_vport(&vp, "vm1");
	for (unsigned i = 0; i < LANES; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, count, &vp.stats[i]), 0);
	do {
		vport_sum(&vp, &t);
		assert_true(t.rx_packets >= last.rx_packets && t.rx_bytes >= last.rx_bytes);
		assert_true((uint32_t)t.rx_bytes == t.rx_bytes >> 32);
		last = t;
	} while (t.rx_packets < (uint64_t)LANES * ADDS);
	for (unsigned i = 0; i < LANES; i++)
		pthread_join(thread[i], NULL);
	vport_sum(&vp, &t);
	assert_int_equal(t.rx_packets, (uint64_t)LANES * ADDS);
	vport_fini(&vp);
}

/* Two lanes that share a cache line would slow each other down. */
static void
lanes_lie_on_cache_lines_of_their_own(void **state)
{
	struct vport vp;

	open_vport(&vp, "vm1");
	for (unsigned i = 0; i < LANES; i++)
		assert_int_equal((uintptr_t)&vp.stats[i] % RTE_CACHE_LINE_SIZE, 0);
	vport_fini(&vp);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_new_vport_has_empty_books),
		cmocka_unit_test(a_long_name_is_cut),
		cmocka_unit_test(sums_hold_every_counter_of_every_lane),
		cmocka_unit_test(lanes_count_from_their_first_use_on),
		cmocka_unit_test(the_books_of_gone_vports_stay),
		cmocka_unit_test(lanes_count_without_losing_while_somebody_reads),
		cmocka_unit_test(lanes_lie_on_cache_lines_of_their_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
