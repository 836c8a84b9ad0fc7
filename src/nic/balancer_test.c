/* balancer_test.c - made-up loads on made-up processors: what moves, what stays, what is told. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/qsbr.h"
#include "nic/balancer.h"
#include "nic/test_eal.h"

#define PERIOD_MS 20
#define MEMBERS 8
#define PAIRS 4

static struct adapter adapter;
static struct adapter *adapters[] = { &adapter };
static struct adapter_member members[MEMBERS];
static struct vport vports[MEMBERS];
static struct queue *pairs[MEMBERS][PAIRS];
static double load[MEMBERS][PAIRS]; /* percent of a processor; given without asking what else is there */
static struct balancer *balancer;
static uint64_t now_ns;
static unsigned n_pairs;

/* Members with `pairs_each` queue pairs and a VM queue, all on processor 0 of n. */
static void
open_rig(unsigned n, unsigned pairs_each)
{
	test_processors_open(n, 0);
	memset((void *)&adapter, 0, sizeof(adapter));
	memset(load, 0, sizeof(load));
	strcpy(adapter.name, "wire");
	adapter.settings = (struct adapter_settings){ .mode = ADAPTER_MODE_VMQ,
						      .queues = MEMBERS,
						      .base = 0,
						      .max_processor = -1,
						      .dynamic = true,
						      .period_ms = PERIOD_MS,
						      .balance = plan_balance_defaults };
	n_pairs = pairs_each;
	for (unsigned i = 0; i < MEMBERS; i++) {
		snprintf(vports[i].name, sizeof(vports[i].name), "vm%u", i);
		for (unsigned k = 0; k < n_pairs; k++) {
			pairs[i][k] = queue_new(&vports[i], k);
			assert_int_equal(queue_move(pairs[i][k], 0), 0);
		}
		members[i] = (struct adapter_member){ .vport = &vports[i],
						      .queues = pairs[i],
						      .n_queues = n_pairs,
						      .n_rings = n_pairs,
						      .vm_queue = i + 1 };
		adapter.members[i] = &members[i];
	}
	adapter.n_members = MEMBERS;
	balancer = balancer_new();
	assert_non_null(balancer);
	now_ns = 100 * NSEC_PER_S;
}

static void
close_rig(void)
{
	balancer_free(balancer);
	for (unsigned i = 0; i < MEMBERS; i++)
		for (unsigned k = 0; k < n_pairs; k++)
			queue_free(pairs[i][k]);
	test_processors_close();
}

/* The loads for one period: what workers would have counted. A processor does 100 percent, all of its queues the less. */
static void
pass(uint64_t ms)
{
	double wanted[PROCESSORS_MAX] = { 0 };

	now_ns += ms * NSEC_PER_MS;
	for (unsigned i = 0; i < MEMBERS; i++)
		for (unsigned k = 0; k < n_pairs; k++)
			wanted[queue_processor(pairs[i][k])] += load[i][k];
	for (unsigned i = 0; i < MEMBERS; i++)
		for (unsigned k = 0; k < n_pairs; k++) {
			unsigned p = queue_processor(pairs[i][k]);
			double gets = load[i][k] * (wanted[p] > 100 ? 100 / wanted[p] : 1);
			uint64_t cycles = (uint64_t)(gets / 100 * (double)clock_us_to_cycles(ms * 1000));

			count_add(&pairs[i][k]->cycles, cycles);
			count_add(&pairs[i][k]->packets, cycles / 1000);
			count_add(&processors[p]->work_cycles, cycles);
		}
}

/* So many periods; returns the moves. */
static unsigned
run(unsigned periods)
{
	uint64_t before = balancer_stats(balancer).moves;

	for (unsigned i = 0; i < periods; i++) {
		pass(PERIOD_MS);
		balancer_run(balancer, adapters, 1, now_ns);
	}
	return (unsigned)(balancer_stats(balancer).moves - before);
}

static double
load_of(unsigned p)
{
	double sum = 0;

	for (unsigned i = 0; i < MEMBERS; i++)
		for (unsigned k = 0; k < n_pairs; k++)
			sum += queue_processor(pairs[i][k]) == p ? load[i][k] : 0;
	return sum;
}

/* ---- what moves ---- */

/* 4 x 30 on one of four: the first sample is of no use, the next two have to agree, so balanced after 3 periods, 60 ms. */
static void
a_skewed_load_is_spread_within_three_periods_and_stays(void **state)
{
	open_rig(4, 1);
	for (unsigned i = 0; i < 4; i++)
		load[i][0] = 30;
	assert_int_equal(run(2), 0);
	assert_true(run(1) >= 1);
	for (unsigned p = 0; p < 4; p++)
		assert_true(load_of(p) <= 90);
	run(50);
	/* A second of rest is over by then: nothing swings. */
	assert_int_equal(run(200), 0);
	for (unsigned p = 0; p < 4; p++)
		assert_true(load_of(p) <= 90);
	close_rig();
}

static void
each_move_is_told_with_its_reason_and_what_it_is_to_bring(void **state)
{
	struct balancer_event e[MEMBERS];
	uint64_t since = balancer_events_last();
	unsigned n;

	open_rig(2, 1);
	load[2][0] = load[5][0] = 60;
	assert_int_equal(run(10), 1);
	n = balancer_events(since, e, MEMBERS);
	assert_int_equal(n, 1);
	assert_string_equal(e[0].adapter, "wire");
	assert_true(strcmp(e[0].port, "vm2") == 0 || strcmp(e[0].port, "vm5") == 0);
	assert_int_equal(e[0].why, BALANCER_OVERLOAD);
	assert_true(e[0].from == 0 && e[0].to == 1);
	assert_true(e[0].from_before > 90 && e[0].to_before < 1);
	assert_true(e[0].from_after < e[0].from_before - 10 && e[0].to_after > 10);
	assert_int_equal(queue_processor(pairs[2][0]) + queue_processor(pairs[5][0]), 1);
	assert_int_equal(count_get(&pairs[2][0]->moved) + count_get(&pairs[5][0]->moved), 1);
	close_rig();
}

static void
when_little_is_left_to_do_queues_come_home(void **state)
{
	open_rig(4, 1);
	for (unsigned i = 0; i < 4; i++)
		load[i][0] = 40;
	assert_true(run(5) > 0);
	for (unsigned i = 0; i < 4; i++)
		load[i][0] = 2;
	/* quiet_ns, then what peaks are remembered: 10 s; rests are over by then. */
	run(20 * 1000 / PERIOD_MS);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(queue_processor(pairs[i][0]), 0);
	close_rig();
}

static void
a_port_without_vrss_moves_as_a_whole(void **state)
{
	open_rig(2, PAIRS);
	for (unsigned i = 0; i < 2; i++)
		load[i][0] = load[i][1] = 30;
	assert_int_equal(run(5), 1);
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(queue_processor(pairs[i][0]), queue_processor(pairs[i][1]));
	assert_int_not_equal(queue_processor(pairs[0][0]), queue_processor(pairs[1][0]));
	close_rig();
}

static void
with_vrss_each_queue_pair_moves_by_itself(void **state)
{
	open_rig(2, PAIRS);
	members[3].vrss.enabled = members[3].vrss.dynamic = true;
	load[3][0] = load[3][1] = 60;
	assert_int_equal(run(5), 1);
	assert_int_not_equal(queue_processor(pairs[3][0]), queue_processor(pairs[3][1]));
	close_rig();
}

/* Two VM queues for four queue pairs: what pairs 2 and 3 send goes with 0 and 1. */
static void
pairs_without_a_vm_queue_go_with_those_that_have_one(void **state)
{
	open_rig(2, PAIRS);
	members[3].vrss.enabled = members[3].vrss.dynamic = true;
	members[3].n_rings = 2;
	for (unsigned k = 0; k < PAIRS; k++)
		load[3][k] = 30;
	assert_int_equal(run(5), 1);
	assert_int_not_equal(queue_processor(pairs[3][0]), queue_processor(pairs[3][1]));
	assert_int_equal(queue_processor(pairs[3][0]), queue_processor(pairs[3][2]));
	assert_int_equal(queue_processor(pairs[3][1]), queue_processor(pairs[3][3]));
	close_rig();
}

/* The wire's own queues, which stand in for member 0's here. */
static void
receive_queues_move_under_a_dynamic_profile(void **state)
{
	static const struct {
		enum plan_rss_profile profile;
		unsigned least, most; /* processors that 4 x 40 % are on in the end */
	} rows[] = {
		{ PLAN_RSS_CLOSEST, 4, 4 },        { PLAN_RSS_NUMA, 4, 4 },
		{ PLAN_RSS_CONSERVATIVE, 2, 3 }, /* two would do; a third may be taken to even them out */
		{ PLAN_RSS_CLOSEST_STATIC, 1, 1 }, { PLAN_RSS_NUMA_STATIC, 1, 1 },
	};

	for (unsigned row = 0; row < sizeof(rows) / sizeof(rows[0]); row++) {
		uint64_t used = 0;

		open_rig(4, PAIRS);
		adapter.settings.mode = ADAPTER_MODE_RSS;
		adapter.settings.rss.profile = rows[row].profile;
		adapter.n_queues = 4;
		for (unsigned k = 0; k < 4; k++) {
			adapter.queue[k] = pairs[0][k];
			load[0][k] = 40;
		}
		run(100); /* what the first moves left uneven is evened out when it has rested */
		for (unsigned k = 0; k < 4; k++)
			used |= 1ull << queue_processor(pairs[0][k]);
		assert_in_range(__builtin_popcountll(used), rows[row].least, rows[row].most);
		assert_int_equal(run(200), 0);
		close_rig();
	}
}

/* ---- what stays ---- */

static void
queues_that_may_not_move_stay(void **state)
{
	static const char *const what[] = { "static", "pinned", "static vRSS", "without a VM queue", "in no VMQ mode" };

	for (unsigned row = 0; row < sizeof(what) / sizeof(what[0]); row++) {
		open_rig(4, PAIRS);
		adapter.settings.dynamic = row != 0;
		for (unsigned i = 0; i < 4; i++) {
			load[i][0] = load[i][1] = 30;
			if (row == 1)
				queue_pin(pairs[i][0], true);
			members[i].vrss.enabled = row == 2;
			if (row == 3)
				members[i].n_rings = 0;
		}
		if (row == 4)
			adapter.settings.mode = ADAPTER_MODE_NONE;
		if (run(100) != 0)
			fail_msg("a queue moved: %s", what[row]);
		assert_true(load_of(0) > 200);
		close_rig();
	}
}

static void
a_queue_that_is_released_moves_again(void **state)
{
	open_rig(2, 1);
	load[0][0] = load[1][0] = 60;
	queue_pin(pairs[0][0], true);
	queue_pin(pairs[1][0], true);
	assert_int_equal(run(10), 0);
	queue_pin(pairs[1][0], false);
	assert_int_equal(run(10), 1);
	assert_int_equal(queue_processor(pairs[0][0]), 0);
	assert_int_equal(queue_processor(pairs[1][0]), 1);
	close_rig();
}

static void
dynamic_can_be_switched_while_running(void **state)
{
	open_rig(2, 1);
	adapter.settings.dynamic = false;
	load[0][0] = load[1][0] = 60;
	assert_int_equal(run(10), 0);
	assert_false(balancer_wants(&adapter));
	adapter.settings.dynamic = true;
	assert_true(balancer_wants(&adapter));
	assert_int_equal(run(3), 1);
	adapter.settings.dynamic = false;
	assert_int_equal(queue_move(pairs[0][0], 0), 0);
	assert_int_equal(queue_move(pairs[1][0], 0), 0);
	assert_int_equal(run(100), 0);
	close_rig();
}

static void
queues_stay_within_the_adapters_processors(void **state)
{
	open_rig(6, 1);
	adapter.settings.base = 1;
	adapter.settings.max_processors = 2;
	for (unsigned i = 0; i < MEMBERS; i++) {
		queue_move(pairs[i][0], 1);
		load[i][0] = 30;
	}
	assert_true(run(5) > 0);
	run(300);
	for (unsigned i = 0; i < MEMBERS; i++)
		assert_true(queue_processor(pairs[i][0]) == 1 || queue_processor(pairs[i][0]) == 2);
	close_rig();
}

/* rest_ns is a second: 50 periods. By the real clock, which is what moves by hand are noted by. */
static void
a_queue_that_was_moved_by_hand_rests(void **state)
{
	struct balancer_event e;
	uint64_t since;

	open_rig(2, 1);
	now_ns = clock_ns();
	for (unsigned i = 0; i < 2; i++) {
		load[i][0] = 60;
		assert_int_equal(queue_move(pairs[i][0], 1), 0);
		assert_int_equal(queue_move(pairs[i][0], 0), 0);
	}
	since = balancer_events_last();
	balancer_moved_by_hand(pairs[0][0], 1);
	assert_int_equal(balancer_events(since, &e, 1), 1);
	assert_int_equal(e.why, BALANCER_HAND);
	assert_string_equal(e.adapter, "");
	assert_string_equal(e.port, "vm0");
	assert_true(e.from == 1 && e.to == 0);
	balancer_moved_by_hand(pairs[1][0], 1);
	assert_int_equal(run(45), 0);
	assert_int_equal(run(15), 1);
	close_rig();
}

/* Who moves a second after the last move rests twice as long; but nobody would put a queue by hand where it may not leave for 8 s. */
static void
by_hand_a_queue_rests_a_second_however_restless_it_was(void **state)
{
	open_rig(2, 1);
	for (int round = 0; round < 5; round++) {
		for (unsigned i = 0; i < 2; i++) {
			load[i][0] = 60;
			assert_int_equal(queue_move(pairs[i][0], 0), 0);
			pairs[i][0]->placed_ns = now_ns;
		}
		assert_int_equal(run(45), 0);
		assert_int_equal(run(15), 1);
	}
	close_rig();
}

/* The table leaves the first pair out, and the balancer its processor: of three of 40 on 1, one goes to 2, and none to 0. */
static void
no_pair_of_a_table_goes_to_the_processor_of_the_pair_that_it_leaves_out(void **state)
{
	open_rig(3, PAIRS);
	members[0].vrss.enabled = members[0].vrss.dynamic = members[0].vrss.exclude_primary = true;
	members[0].n_rings = PAIRS;
	load[0][0] = 5;
	for (unsigned k = 1; k < PAIRS; k++) {
		load[0][k] = 40;
		assert_int_equal(queue_move(pairs[0][k], 1), 0);
	}
	assert_int_equal(run(150), 1);
	assert_int_equal(queue_processor(pairs[0][0]), 0);
	for (unsigned k = 1; k < PAIRS; k++)
		assert_int_not_equal(queue_processor(pairs[0][k]), 0);
	assert_true(load_of(1) <= 90);
	close_rig();
}

/* ---- what is told, and when the next run is due ---- */

static void
a_queue_that_is_too_much_for_a_processor_is_told_once_while_it_lasts(void **state)
{
	struct balancer_event e[4];
	uint64_t since = balancer_events_last();

	open_rig(2, 1);
	load[6][0] = 150;
	run(100);
	assert_true(pairs[6][0]->unsplittable);
	assert_int_equal(balancer_events(since, e, 4), 1);
	assert_int_equal(e[0].why, BALANCER_UNSPLITTABLE);
	assert_int_equal(e[0].queue, pairs[6][0]->id);
	assert_true(e[0].from == e[0].to && e[0].from_before > 90);
	run(500);
	assert_int_equal(balancer_events(since, e, 4), 1);
	/* Less for a moment, because its sender paused or its processor's thread had no core, is no end of it. quiet_ns is. */
	load[6][0] = 10;
	run(4 * 1000 / PERIOD_MS);
	assert_true(pairs[6][0]->unsplittable);
	load[6][0] = 150;
	run(50);
	assert_int_equal(balancer_events(since, e, 4), 1);
	load[6][0] = 30;
	run(6 * 1000 / PERIOD_MS);
	assert_false(pairs[6][0]->unsplittable);
	load[6][0] = 150;
	run(100);
	assert_int_equal(balancer_events(since, e, 4), 2);
	close_rig();
}

static void
what_was_said_of_a_queue_is_taken_back_when_nobody_looks_any_more(void **state)
{
	for (unsigned row = 0; row < 2; row++) {
		open_rig(2, 1);
		load[6][0] = 150;
		run(100);
		assert_true(pairs[6][0]->unsplittable);
		adapter.settings.dynamic = false;
		now_ns += PERIOD_MS * NSEC_PER_MS;
		assert_int_equal(balancer_run(balancer, adapters, row, now_ns),
				 0); /* it is asked about, or is not any more */
		assert_false(pairs[6][0]->unsplittable);
		close_rig();
	}
}

static void
the_next_run_is_due_by_what_there_is_to_do(void **state)
{
	open_rig(2, 1);
	pass(PERIOD_MS);
	assert_int_equal(balancer_run(balancer, adapters, 0, now_ns), 0);
	balancer_run(balancer, adapters, 1, now_ns);
	pass(PERIOD_MS);
	assert_int_equal(balancer_run(balancer, adapters, 1, now_ns), 50 * NSEC_PER_MS); /* nobody has work */
	load[0][0] = 1;
	pass(PERIOD_MS);
	assert_in_range(balancer_run(balancer, adapters, 1, now_ns), PERIOD_MS * NSEC_PER_MS, 50 * NSEC_PER_MS);
	adapter.settings.dynamic = false;
	assert_int_equal(balancer_run(balancer, adapters, 1, now_ns), 0);
	close_rig();
}

/* Members come and go: each queue keeps its own memory, and no other's. */
static void
a_queue_keeps_its_rest_when_members_leave(void **state)
{
	open_rig(2, 1);
	load[2][0] = load[5][0] = 60;
	assert_int_equal(run(3), 1);
	/* Whichever of the two was moved goes back on top of the other at once: it is resting, and stays there. */
	for (unsigned i = 0; i < MEMBERS; i++)
		queue_move(pairs[i][0], 0);
	adapter.members[0] = &members[5];
	adapter.members[1] = &members[2];
	adapter.n_members = 2;
	queue_pin(pairs[count_get(&pairs[2][0]->moved) > 1 ? 5 : 2][0], true);
	assert_int_equal(run(40), 0);
	assert_int_equal(run(20), 1);
	close_rig();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_skewed_load_is_spread_within_three_periods_and_stays),
		cmocka_unit_test(each_move_is_told_with_its_reason_and_what_it_is_to_bring),
		cmocka_unit_test(when_little_is_left_to_do_queues_come_home),
		cmocka_unit_test(a_port_without_vrss_moves_as_a_whole),
		cmocka_unit_test(with_vrss_each_queue_pair_moves_by_itself),
		cmocka_unit_test(pairs_without_a_vm_queue_go_with_those_that_have_one),
		cmocka_unit_test(receive_queues_move_under_a_dynamic_profile),
		cmocka_unit_test(queues_that_may_not_move_stay),
		cmocka_unit_test(a_queue_that_is_released_moves_again),
		cmocka_unit_test(dynamic_can_be_switched_while_running),
		cmocka_unit_test(queues_stay_within_the_adapters_processors),
		cmocka_unit_test(a_queue_that_was_moved_by_hand_rests),
		cmocka_unit_test(by_hand_a_queue_rests_a_second_however_restless_it_was),
		cmocka_unit_test(no_pair_of_a_table_goes_to_the_processor_of_the_pair_that_it_leaves_out),
		cmocka_unit_test(a_queue_that_is_too_much_for_a_processor_is_told_once_while_it_lasts),
		cmocka_unit_test(what_was_said_of_a_queue_is_taken_back_when_nobody_looks_any_more),
		cmocka_unit_test(the_next_run_is_due_by_what_there_is_to_do),
		cmocka_unit_test(a_queue_keeps_its_rest_when_members_leave),
	};

	log_set_level(LOG_LEVEL_ERROR);
	return cmocka_run_group_tests(tests, test_eal_start, NULL);
}
