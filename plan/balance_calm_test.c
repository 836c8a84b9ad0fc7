/* balance_calm_test.c - when nothing shall move: all processors are full, or a load was spread a moment ago and only jumps. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "plan/balance_world.h"

static struct world w;

/* Processor 0 has these queues, processor 1 those; percent; 0 ends. How many move in a second, the first to act. */
static unsigned
moves_of(const double *first, const double *second)
{
	world_begin(&w, 2);
	for (; *first > 0; first++)
		world_queue(&w, 0, *first);
	for (; *second > 0; second++)
		world_queue(&w, 1, *second);
	return world_run(&w, S);
}

static void
between_full_processors_only_much_more_to_do_moves_a_queue(void **state)
{
	static const struct {
		double first[6], second[6];
		unsigned moves;
	} rows[] = {
		{ { 60, 60, 10 }, { 55, 55 }, 0 },         /* 130 beside 110: 120 and 120 would be no more work done */
		{ { 60, 60, 20 }, { 50, 45 }, 0 },         /* 140 beside 95: 5 points to spare are not worth it */
		{ { 60, 60, 10, 10, 10 }, { 50, 50 }, 1 }, /* 150 beside 100 is half as much more, 140 beside 110 not */
		{ { 60, 60, 12 }, { 45, 40 }, 1 },         /* 132 beside 85: 15 points to spare are */
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		unsigned moves = moves_of(rows[i].first, rows[i].second);

		if (moves != rows[i].moves)
			fail_msg("row %zu: %u moves, want %u", i, moves, rows[i].moves);
	}
}

/* 120 of twelve queues on processor 0 become 60 and 60, and rest. */
static void
spread_twelve(void)
{
	world_begin(&w, 2);
	for (int i = 0; i < 12; i++)
		world_queue(&w, 0, 10);
	assert_int_equal(world_run(&w, 3 * S), 6);
}

/* The queues of processor 0 want three times as much, 180; lost: the share that finds no room. How many move in so many samples. */
static unsigned
jump(double lost, unsigned samples)
{
	unsigned moves = 0, n = 0;

	for (unsigned i = 0; i < w.n_queues; i++)
		if (w.queues[i].processor == 0) {
			w.queues[i].demand *= 3;
			w.queues[i].lost = lost;
			n++;
		}
	assert_int_equal(n, 6);
	while (samples-- > 0)
		moves += world_sample(&w);
	for (unsigned i = 0; i < w.n_queues; i++) {
		w.queues[i].demand = 10;
		w.queues[i].lost = 0;
	}
	return moves;
}

static void
soon_after_a_spread_a_jump_moves_nothing_as_long_as_nothing_is_lost(void **state)
{
	spread_twelve();
	for (int i = 0; i < 10; i++) {
		assert_int_equal(jump(0, 2), 0);
		assert_int_equal(world_run(&w, 500 * MS), 0);
	}
}

static void
soon_after_a_spread_a_step_moves_queues_once_the_means_show_it(void **state)
{
	spread_twelve();
	/* 640 ms: by then a mean has gone 63 % of the way, from 60 to 136. */
	assert_in_range(jump(0, 32), 1, 6);
}

/* A fifth of 225: 45 points. The mean of 320 ms is above 4 after two samples. */
static void
soon_after_a_spread_what_is_lost_moves_queues_at_once(void **state)
{
	spread_twelve();
	assert_in_range(jump(0.2, 3), 1, 6);
}

static void
ten_calm_seconds_make_the_balancer_quick_again(void **state)
{
	spread_twelve();
	assert_int_equal(world_run(&w, 8 * S), 0); /* 11 s since the spread */
	assert_in_range(jump(0, 2), 1, 6);
}

static void
so_do_two_seconds_with_little_to_do(void **state)
{
	spread_twelve();
	for (unsigned i = 0; i < w.n_queues; i++)
		w.queues[i].demand = 6;
	assert_int_equal(world_run(&w, 2 * S + 100 * MS), 0); /* 36 and 36: low is 50 */
	for (unsigned i = 0; i < w.n_queues; i++)
		w.queues[i].demand = 10;
	assert_in_range(jump(0, 2), 1, 6);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(between_full_processors_only_much_more_to_do_moves_a_queue),
		cmocka_unit_test(soon_after_a_spread_a_jump_moves_nothing_as_long_as_nothing_is_lost),
		cmocka_unit_test(soon_after_a_spread_a_step_moves_queues_once_the_means_show_it),
		cmocka_unit_test(soon_after_a_spread_what_is_lost_moves_queues_at_once),
		cmocka_unit_test(ten_calm_seconds_make_the_balancer_quick_again),
		cmocka_unit_test(so_do_two_seconds_with_little_to_do),
	};

	return cmocka_run_group_tests_name("plan/balance_calm", tests, NULL, NULL);
}
