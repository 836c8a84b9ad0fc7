/* balance_test.c - each rule of balance.h by itself; expected values follow from the rules by arithmetic, which stands beside them. */
#include <math.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "plan/balance_world.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static struct world w;

/* Two samples, after which a full processor is relieved; returns how many queues moved. */
static unsigned
two_samples(void)
{
	unsigned moves = world_sample(&w);

	return moves + world_sample(&w);
}

static void
nothing_moves_while_no_processor_is_above_high(void **state)
{
	world_begin(&w, 2);
	for (int i = 0; i < 9; i++)
		world_queue(&w, 0, 10);
	assert_int_equal(world_run(&w, 4 * S), 0); /* 90 and 0 %: high is 90 */
}

static void
one_sample_above_high_moves_nothing_and_the_second_does(void **state)
{
	world_begin(&w, 2);
	for (int i = 0; i < 10; i++)
		world_queue(&w, 0, 10);
	assert_int_equal(world_sample(&w), 0);
	assert_int_equal(world_sample(&w), 5); /* 50 and 50 */
	for (unsigned k = 0; k < 5; k++) {
		assert_int_equal(w.moves[k].why, PLAN_BALANCE_OVERLOAD);
		assert_int_equal(w.moves[k].from, 0);
		assert_int_equal(w.moves[k].to, 1);
		assert_float_equal(w.moves[k].from_before, 100 - 10.0 * k, 1e-9);
		assert_float_equal(w.moves[k].from_after, 90 - 10.0 * k, 1e-9);
		assert_float_equal(w.moves[k].to_before, 10.0 * k, 1e-9);
		assert_float_equal(w.moves[k].to_after, 10 + 10.0 * k, 1e-9);
	}
}

static void
samples_above_high_must_come_in_a_row(void **state)
{
	unsigned q;

	world_begin(&w, 2);
	world_queue(&w, 0, 50);
	q = world_queue(&w, 0, 45);
	for (int i = 0; i < 20; i++) {
		w.queues[q].demand = i % 2 ? 45 : 35; /* 95 and 85 by turns */
		assert_int_equal(world_sample(&w), 0);
	}
}

static void
a_swing_too_fast_for_two_samples_in_a_row_is_seen_by_what_it_loses(void **state)
{
	unsigned a, b;

	world_begin(&w, 2);
	a = world_queue(&w, 0, 50);
	b = world_queue(&w, 0, 50);
	for (int i = 0; i < 3; i++) { /* one of three samples is above, and loses */
		w.queues[a].demand = w.queues[b].demand = i % 3 ? 5 : 50;
		w.queues[a].lost = w.queues[b].lost = i % 3 ? 0 : 0.25;
		assert_int_equal(world_sample(&w), 0);
	}
	w.queues[a].demand = w.queues[b].demand = 50;
	w.queues[a].lost = w.queues[b].lost = 0.25;
	assert_int_equal(world_sample(&w), 1);
	assert_int_equal(w.queues[a].processor + w.queues[b].processor, 1);
}

struct spread_row {
	const char *name;
	unsigned n_processors, n_queues;
	struct {
		unsigned processor;
		double demand;
	} queues[8];
	unsigned moves;
	double fullest; /* after */
};

static const struct spread_row spreads[] = {
	{ "the great one leaves when one move is enough", 2, 4, { { 0, 50 }, { 0, 20 }, { 0, 20 }, { 0, 10 } }, 1, 50 },
	/* 120: 40 goes; 80 and 40 are 40 apart, one more would only swap them. */
	/* 40 to 2: 56, 20, 42. 20 to 20: 36, 40, 42. */
	{ "the picture of docs/balancer.md",
	  3,
	  6,
	  { { 0, 40 }, { 0, 20 }, { 0, 20 }, { 0, 16 }, { 1, 20 }, { 2, 2 } },
	  2,
	  42 },
	/* 95 and 70: every single move makes it worse, 60 for 50 makes 85 and 80 of it. */
	{ "two queues change places", 2, 4, { { 0, 60 }, { 0, 35 }, { 1, 50 }, { 1, 20 } }, 2, 85 },
	{ "what would only swap two processors stays", 2, 3, { { 0, 40 }, { 0, 40 }, { 0, 40 } }, 1, 80 },
	/* 100 and 10: 50 is more than half of the difference, but 50 and 60 are closer than 100 and 10. */
	{ "one that is more than half of the difference", 2, 3, { { 0, 50 }, { 0, 50 }, { 1, 10 } }, 1, 60 },
	{ "all full alike", 2, 4, { { 0, 50 }, { 0, 50 }, { 1, 50 }, { 1, 50 } }, 0, 100 },
	{ "less than `within` apart", 2, 4, { { 0, 92 }, { 0, 4 }, { 1, 82 }, { 1, 4 } }, 0, 96 },
	/* 2 x 4 is less than 10. */
	{ "a gain below `gain`", 2, 3, { { 0, 88 }, { 0, 4 }, { 1, 70 } }, 0, 92 },
	/* 2 x 6 is not. */
	{ "a gain above `gain`", 2, 3, { { 0, 86 }, { 0, 6 }, { 1, 70 } }, 1, 86 },
	/* The greatest of both full ones first: 80 and 60 to the empty ones, and not 60 and the small ones before 80. */
	{ "two full ones at once", 4, 6, { { 0, 60 }, { 0, 20 }, { 0, 20 }, { 1, 80 }, { 1, 20 }, { 1, 20 } }, 2, 80 },
	/* 50 leaves the full one for the empty one: 50, 80 and 60; then 20 leaves 80: 70, 60, 60, within 10 points. */
	{ "others are evened out on the way",
	  3,
	  6,
	  { { 0, 50 }, { 0, 50 }, { 1, 40 }, { 1, 20 }, { 1, 20 }, { 2, 10 } },
	  2,
	  70 },
};

static void
queues_leave_full_processors_as_far_as_that_gains(void **state)
{
	for (size_t k = 0; k < COUNT(spreads); k++) {
		const struct spread_row *row = &spreads[k];
		double fullest = 0;
		unsigned moves;

		world_begin(&w, row->n_processors);
		for (unsigned i = 0; i < row->n_queues; i++)
			world_queue(&w, row->queues[i].processor, row->queues[i].demand);
		moves = two_samples();
		for (unsigned p = 0; p < row->n_processors; p++)
			fullest = fmax(fullest, world_load(&w, p));
		if (moves != row->moves || fabs(fullest - row->fullest) > 1e-9)
			fail_msg("%s: %u moves, fullest %.0f; want %u and %.0f", row->name, moves, fullest, row->moves,
				 row->fullest);
	}
}

static void
both_moves_of_an_exchange_tell_what_comes_of_both(void **state)
{
	unsigned great;

	world_begin(&w, 2);
	great = world_queue(&w, 0, 60);
	world_queue(&w, 0, 35);
	world_queue(&w, 1, 50);
	world_queue(&w, 1, 20);
	assert_int_equal(two_samples(), 2);
	assert_int_equal(w.moves[0].queue, great);
	assert_int_equal(w.moves[0].why, PLAN_BALANCE_OVERLOAD);
	assert_int_equal(w.moves[1].why, PLAN_BALANCE_EVEN);
	for (unsigned k = 0; k < 2; k++) {
		const struct plan_balance_move *m = &w.moves[k];

		assert_float_equal(k == 0 ? m->from_before : m->to_before, 95, 1e-9);
		assert_float_equal(k == 0 ? m->from_after : m->to_after, 85, 1e-9);
		assert_float_equal(k == 0 ? m->to_before : m->from_before, 70, 1e-9);
		assert_float_equal(k == 0 ? m->to_after : m->from_after, 80, 1e-9);
	}
}

static void
what_was_lost_counts_as_demand(void **state)
{
	unsigned a, b, c;

	world_begin(&w, 2);
	a = world_queue(&w, 0, 40);
	b = world_queue(&w, 0, 30);
	c = world_queue(&w, 0, 30);
	w.queues[b].lost = w.queues[c].lost = 0.5; /* 30 / 0.5: 60 each beside 40. 60 leave: 100 and 60. */
	assert_int_equal(two_samples(), 1);
	assert_int_equal(w.queues[a].processor, 0);
	assert_float_equal(w.moves[0].from_before, 160, 1e-9);
	assert_float_equal(w.moves[0].to_after, 60, 1e-9);
}

static void
what_came_to_wait_counts_as_demand(void **state)
{
	unsigned q;

	world_begin(&w, 2);
	q = world_queue(&w, 0, 60);
	world_queue(&w, 0, 30);
	world_sample(&w);
	for (int i = 1; i <= 2; i++) {
		w.queues[q].waiting = 10 * i; /* 10 points more in each sample: 60 used, 70 wanted */
		world_sample(&w);
	}
	assert_int_equal(w.result.n_moves, 1);
	assert_float_equal(w.moves[0].from_before, 100, 1e-9);
}

static void
a_full_ring_on_a_full_processor_wants_more_than_it_gets(void **state)
{
	world_begin(&w, 2);
	for (int i = 0; i < 2; i++) {
		unsigned q = world_queue(&w, 0, 50);

		w.queues[q].backlog = 1;
	}
	two_samples();
	assert_int_equal(w.result.n_moves, 1);
	assert_float_equal(w.moves[0].from_before, 150, 1e-9); /* the sender waits: half as much again is our guess */
}

static void
a_processor_that_works_off_what_waited_is_not_overloaded(void **state)
{
	unsigned q;

	world_begin(&w, 2);
	q = world_queue(&w, 0, 60);
	world_queue(&w, 0, 40);
	w.queues[q].backlog = 1;
	for (int i = 0; i < 8; i++) {
		assert_int_equal(world_sample(&w), 0);
		w.queues[q].backlog *= 0.7;
	}
}

static void
a_queue_rests_for_a_second_after_a_move(void **state)
{
	unsigned a, b;
	uint64_t moved;

	world_begin(&w, 2);
	a = world_queue(&w, 0, 50);
	b = world_queue(&w, 0, 50);
	w.queues[b].allowed = 0;
	assert_int_equal(two_samples(), 1);
	moved = w.now_ns;
	w.other[1] = 50; /* now the other processor is full, and only the queue that has just come could leave it */
	w.queues[b].demand = 0;
	while (world_sample(&w) == 0)
		assert_true(w.now_ns < moved + 2 * S);
	assert_int_equal(w.queues[a].processor, 0);
	assert_true(w.now_ns >= moved + S && w.now_ns < moved + S + 40 * MS);
}

static void
what_was_moved_by_hand_since_the_sample_rests_too(void **state)
{
	unsigned q;

	world_begin(&w, 2);
	q = world_queue(&w, 0, 50);
	w.other[0] = 50;
	w.queues[q].memory.moved_ns = w.now_ns + 50 * MS;
	assert_int_equal(world_run(&w, 1040 * MS), 0);
	assert_int_equal(two_samples(), 1);
}

static void
who_moves_soon_after_a_rest_rests_longer_up_to_eight_seconds(void **state)
{
	uint64_t moved, rest[5];
	unsigned q;

	world_begin(&w, 2);
	q = world_queue(&w, 0, 50);
	w.other[0] = 50;
	two_samples();
	moved = w.now_ns;
	for (int i = 0; i < 5; i++) {
		unsigned at = w.queues[q].processor;

		w.other[at] = 50; /* wherever it goes, that processor becomes full */
		w.other[1 - at] = 0;
		w.state.unrest = 0; /* of the host, not of the queue: it would wait, too */
		while (world_sample(&w) == 0)
			assert_true(w.now_ns < moved + 100 * S);
		rest[i] = (w.now_ns - moved) / S;
		moved = w.now_ns;
	}
	assert_int_equal(rest[0], 1);
	assert_int_equal(rest[1], 2);
	assert_int_equal(rest[2], 4);
	assert_int_equal(rest[3], 8);
	assert_int_equal(rest[4], 8);
}

static void
who_stood_long_rests_once_again(void **state)
{
	unsigned q;

	world_begin(&w, 2);
	q = world_queue(&w, 0, 50);
	w.other[0] = 50;
	two_samples();
	w.queues[q].memory.restless = 3; /* as if it had moved often: 8 s */
	assert_int_equal(world_run(&w, 33 * S), 0);
	w.other[0] = 0;
	w.other[1] = 50;
	assert_int_equal(two_samples(), 1); /* 33 s are more than four rests */
	assert_int_equal(w.queues[q].memory.restless, 0);
}

static void
queues_leave_a_processor_that_was_taken_away_at_once(void **state)
{
	world_begin(&w, 3);
	for (int i = 0; i < 6; i++)
		world_queue(&w, 2, 10 + i);
	world_sample(&w);
	w.queues[0].memory.moved_ns = w.now_ns; /* it should rest, and cannot */
	w.processors[2].usable = false;
	assert_int_equal(world_sample(&w), 6);
	assert_int_equal(world_count(&w, 2), 0);
	assert_int_equal(w.moves[0].why, PLAN_BALANCE_GONE);
	/* 15 14 13 12 11 10, the greatest first: 15 12 11 and 14 13 10, or the like: 37 and 38. */
	assert_float_equal(fabs(world_load(&w, 0) - world_load(&w, 1)), 1, 1e-9);
	assert_int_equal(w.result.n_stranded, 0);
}

static void
who_has_no_other_processor_is_counted_as_stranded(void **state)
{
	unsigned a, b;

	world_begin(&w, 2);
	a = world_queue(&w, 1, 10);
	b = world_queue(&w, 1, 10);
	world_queue(&w, 1, 10);
	w.queues[a].allowed = 0;
	w.queues[b].allowed = 1u << 1;
	w.processors[1].usable = false;
	world_sample(&w);
	assert_int_equal(w.result.n_stranded, 2);
	assert_int_equal(w.result.n_moves, 1);
	assert_int_equal(world_count(&w, 1), 2);
}

static void
a_pinned_queue_never_moves(void **state)
{
	world_begin(&w, 4);
	for (int i = 0; i < 10; i++)
		w.queues[world_queue(&w, 0, 12)].allowed = 0;
	assert_int_equal(world_run(&w, 12 * S), 0);
}

static void
a_queue_goes_only_where_it_may(void **state)
{
	world_begin(&w, 4);
	for (int i = 0; i < 10; i++) {
		unsigned q = world_queue(&w, 0, 12);

		w.queues[q].allowed = 0x5; /* siblings 1 and 3 are not for it */
	}
	assert_int_equal(two_samples(), 5);
	assert_int_equal(world_count(&w, 2), 5);
}

static void
a_move_prefers_the_node_of_the_home(void **state)
{
	world_begin(&w, 4);
	w.processors[2].numa = w.processors[3].numa = 1;
	for (int i = 0; i < 4; i++)
		world_queue(&w, 0, 24);
	w.other[1] = 8; /* emptier by 8 points is not worth another node; within is 10 */
	w.other[2] = w.other[3] = 100;
	w.params.samples = 1;
	assert_int_equal(world_sample(&w), 2);
	assert_int_equal(world_count(&w, 1), 2);

	world_begin(&w, 3);
	w.processors[2].numa = 1;
	for (int i = 0; i < 4; i++)
		world_queue(&w, 0, 24);
	w.other[1] = 60; /* by 60 it is */
	w.params.samples = 1;
	world_sample(&w);
	assert_int_equal(world_count(&w, 2), 2);
	assert_int_equal(world_count(&w, 1), 0);
}

static void
a_queue_above_high_by_itself_is_reported_and_the_others_leave_it(void **state)
{
	unsigned mouse, elephant;

	world_begin(&w, 2);
	mouse = world_queue(&w, 0, 2);
	elephant = world_queue(&w, 0, 98);
	world_sample(&w);
	assert_int_equal(world_sample(&w), 1); /* 2 points are less than `gain`: beside it they count */
	assert_int_equal(w.queues[mouse].processor, 1);
	assert_int_equal(world_run(&w, 10 * S), 0);
	assert_int_equal(w.result.n_stuck, 1);
	assert_int_equal(w.result.first_stuck, elephant);
	assert_int_equal(w.queues[elephant].processor, 0);
}

static void
a_queue_above_high_gets_a_processor_of_its_own(void **state)
{
	unsigned pinned, elephant;

	world_begin(&w, 3);
	pinned = world_queue(&w, 0, 40);
	elephant = world_queue(&w, 0, 60);
	world_queue(&w, 1, 30);
	w.queues[pinned].allowed = 0;
	w.queues[elephant].lost = 0.5; /* 120 */
	assert_int_equal(two_samples(), 1);
	assert_int_equal(w.queues[elephant].processor, 2);
}

static void
what_was_placed_wrong_is_put_right_when_it_has_rested(void **state)
{
	world_begin(&w, 2);
	for (int i = 0; i < 8; i++) {
		unsigned q = world_queue(&w, 0, 12.5);

		w.queues[q].lost = i < 2 ? 0.75 : 0; /* two seem to want 50 */
	}
	two_samples();
	for (unsigned i = 0; i < 8; i++) { /* in truth all want 11 */
		w.queues[i].lost = 0;
		w.queues[i].demand = 11;
	}
	world_run(&w, 3 * S);
	assert_int_equal(world_count(&w, 0), 4);
	assert_int_equal(world_count(&w, 1), 4);
}

static void
no_more_moves_than_there_is_room_for(void **state)
{
	world_begin(&w, 2);
	for (int i = 0; i < 20; i++)
		world_queue(&w, 0, 5);
	w.most = 3;
	assert_int_equal(two_samples(), 3);
	w.most = 0;
	w.processors[1].usable = false;
	assert_int_equal(world_sample(&w), 0);
	assert_int_equal(world_count(&w, 1), 3);
}

static void
an_idle_processor_is_used_only_when_those_in_use_are_filled(void **state)
{
	world_begin(&w, 4);
	w.params.fill = 70;
	for (int i = 0; i < 10; i++)
		world_queue(&w, 0, 10);
	world_queue(&w, 1, 2);
	two_samples();
	assert_int_equal(world_count(&w, 0), 5); /* 50 and 52: nobody above 70 */
	assert_int_equal(world_count(&w, 1), 6);
	assert_int_equal(world_count(&w, 2) + world_count(&w, 3), 0);
}

static void
mistakes_in_a_sample_do_no_harm(void **state)
{
	static const double wrong[] = { NAN, INFINITY, -INFINITY, -1, 1e300 };

	for (size_t k = 0; k < COUNT(wrong); k++) {
		world_begin(&w, 2);
		for (int i = 0; i < 4; i++)
			world_queue(&w, 0, 10);
		w.queues[0].demand = w.queues[1].lost = w.queues[2].backlog = w.queues[3].waiting = wrong[k];
		w.queues[world_queue(&w, 200, 50)].memory.moved_ns = 0; /* on no processor that there is */
		for (int i = 0; i < 4; i++) {
			world_sample(&w);
			w.processors[0].load = wrong[k];
			for (unsigned m = 0; m < w.result.n_moves; m++)
				assert_true(isfinite(w.moves[m].from_before) && isfinite(w.moves[m].to_after));
		}
		assert_int_equal(w.queues[4].processor, 200);
		for (unsigned i = 0; i < 4; i++)
			assert_true(isfinite(w.queues[i].memory.smooth));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_moves_while_no_processor_is_above_high),
		cmocka_unit_test(one_sample_above_high_moves_nothing_and_the_second_does),
		cmocka_unit_test(samples_above_high_must_come_in_a_row),
		cmocka_unit_test(a_swing_too_fast_for_two_samples_in_a_row_is_seen_by_what_it_loses),
		cmocka_unit_test(queues_leave_full_processors_as_far_as_that_gains),
		cmocka_unit_test(both_moves_of_an_exchange_tell_what_comes_of_both),
		cmocka_unit_test(what_was_lost_counts_as_demand),
		cmocka_unit_test(what_came_to_wait_counts_as_demand),
		cmocka_unit_test(a_full_ring_on_a_full_processor_wants_more_than_it_gets),
		cmocka_unit_test(a_processor_that_works_off_what_waited_is_not_overloaded),
		cmocka_unit_test(a_queue_rests_for_a_second_after_a_move),
		cmocka_unit_test(what_was_moved_by_hand_since_the_sample_rests_too),
		cmocka_unit_test(who_moves_soon_after_a_rest_rests_longer_up_to_eight_seconds),
		cmocka_unit_test(who_stood_long_rests_once_again),
		cmocka_unit_test(queues_leave_a_processor_that_was_taken_away_at_once),
		cmocka_unit_test(who_has_no_other_processor_is_counted_as_stranded),
		cmocka_unit_test(a_pinned_queue_never_moves),
		cmocka_unit_test(a_queue_goes_only_where_it_may),
		cmocka_unit_test(a_move_prefers_the_node_of_the_home),
		cmocka_unit_test(a_queue_above_high_by_itself_is_reported_and_the_others_leave_it),
		cmocka_unit_test(a_queue_above_high_gets_a_processor_of_its_own),
		cmocka_unit_test(what_was_placed_wrong_is_put_right_when_it_has_rested),
		cmocka_unit_test(no_more_moves_than_there_is_room_for),
		cmocka_unit_test(an_idle_processor_is_used_only_when_those_in_use_are_filled),
		cmocka_unit_test(mistakes_in_a_sample_do_no_harm),
	};

	return cmocka_run_group_tests_name("plan/balance", tests, NULL, NULL);
}
