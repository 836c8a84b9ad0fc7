/* balancer_sample_test.c - counters to percents, by arithmetic. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "nic/balancer_sample.h"
#include "nic/test_eal.h"

#define PERIOD_NS (20 * NSEC_PER_MS)

static struct balancer_sample sample;
static struct vport vport;
static struct queue *queue;
static uint64_t now_ns;

/* q's worker on processor p worked for it for so many us. */
static void
work(struct queue *q, unsigned p, uint64_t us)
{
	count_add(&q->cycles, clock_us_to_cycles(us));
	count_add(&processors[p]->work_cycles, clock_us_to_cycles(us));
}

static void
begin(uint64_t ns)
{
	now_ns += ns;
	assert_true(balancer_sample_begin(&sample, now_ns));
}

static struct plan_balance_queue
look(void)
{
	struct plan_balance_queue to = { 0 };

	balancer_sample_queue(&sample, queue, &to);
	return to;
}

static void
open_rig(unsigned n, unsigned speed_percent)
{
	test_processors_open(n, speed_percent);
	queue = queue_new(&vport, 0);
	assert_int_equal(queue_move(queue, 0), 0);
	now_ns = NSEC_PER_S;
	balancer_sample_init(&sample);
	begin(PERIOD_NS);
	look();
}

static void
close_rig(void)
{
	queue_free(queue);
	test_processors_close();
}

static void
assert_near(double got, double want)
{
	if (fabs(got - want) > 0.01)
		fail_msg("got %g, want %g", got, want);
}

/* percent = 100 * work / (window * share) */
static void
a_percent_is_of_the_time_that_a_processor_has(void **state)
{
	static const struct {
		unsigned speed_percent;
		uint64_t window_ms, work_us;
		double want;
	} rows[] = {
		{ 0, 20, 5000, 25 },                                               /* 5 of 20 ms */
		{ 0, 40, 5000, 12.5 }, { 0, 20, 0, 0 },       { 10, 20, 500, 25 }, /* 0.5 of the 2 ms that 10 % are */
		{ 10, 20, 2000, 100 }, { 50, 100, 5000, 10 },
	};

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		open_rig(1, rows[i].speed_percent);
		work(queue, 0, rows[i].work_us);
		begin(rows[i].window_ms * NSEC_PER_MS);
		assert_near(sample.processor[0].load, rows[i].want);
		assert_near(look().demand, rows[i].want);
		assert_int_equal(sample.busy, rows[i].work_us > 0);
		/* What was counted once is not counted again. */
		begin(PERIOD_NS);
		assert_near(sample.processor[0].load, 0);
		assert_near(look().demand, 0);
		assert_false(sample.busy);
		close_rig();
	}
}

/* 30 ms within 20: the worker and control do not read the clock at the same moment. */
static void
nothing_is_more_than_all_of_a_processor(void **state)
{
	open_rig(1, 0);
	work(queue, 0, 30000);
	begin(PERIOD_NS);
	assert_near(sample.processor[0].load, 100);
	assert_near(look().demand, 100);
	close_rig();
}

static void
what_a_processor_does_beside_is_its_load_and_no_queues(void **state)
{
	open_rig(2, 0);
	work(queue, 0, 4000);
	count_add(&processors[0]->work_cycles, clock_us_to_cycles(10000)); /* a front end inline */
	begin(PERIOD_NS);
	assert_near(sample.processor[0].load, 70);
	assert_near(sample.processor[1].load, 0);
	assert_near(look().demand, 20);
	close_rig();
}

static void
a_queue_that_is_new_has_no_past(void **state)
{
	struct plan_balance_queue to = { 0 };
	struct queue *fresh;

	open_rig(1, 0);
	fresh = queue_new(&vport, 1);
	assert_int_equal(queue_move(fresh, 0), 0);
	work(fresh, 0, 5000);
	begin(PERIOD_NS);
	assert_false(balancer_sample_knows(&sample, fresh));
	balancer_sample_queue(&sample, fresh, &to);
	assert_near(to.demand, 0);
	work(fresh, 0, 5000);
	begin(PERIOD_NS);
	assert_true(balancer_sample_knows(&sample, fresh));
	balancer_sample_queue(&sample, fresh, &to);
	assert_near(to.demand, 25);
	queue_free(fresh);
	close_rig();
}

/* 192 of 256 is 3/4; the fuller of two rings counts. */
static void
backlog_is_the_share_of_the_fullest_ring_that_waits(void **state)
{
	static const struct {
		uint32_t sender_slots, sender_waiting, wire_slots, wire_waiting;
		double want;
	} rows[] = {
		{ 256, 0, 0, 0, 0 },        { 256, 192, 0, 0, 0.75 },       { 256, 256, 0, 0, 1 },
		{ 0, 0, 1024, 896, 0.875 }, { 256, 192, 1024, 896, 0.875 }, { 256, 192, 1024, 0, 0.75 },
		{ 32768, 32768, 0, 0, 1 }, /* the largest ring of a guest: 2^15 */
	};

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		open_rig(1, 0);
		atomic_store(&queue->backlog[QUEUE_FROM_SENDER], rows[i].sender_slots << 16 | rows[i].sender_waiting);
		atomic_store(&queue->backlog[QUEUE_FROM_WIRE], rows[i].wire_slots << 16 | rows[i].wire_waiting);
		work(queue, 0, 1000);
		begin(PERIOD_NS);
		assert_near(look().backlog, rows[i].want);
		/* A queue that did nothing since has none: what is noted is old. */
		begin(PERIOD_NS);
		assert_near(look().backlog, 0);
		close_rig();
	}
}

/* 1000 frames took 25 %, so the 448 that wait will take 11.2 %. */
static void
what_waits_is_told_in_time_too(void **state)
{
	struct plan_balance_queue to;

	open_rig(1, 0);
	atomic_store(&queue->backlog[QUEUE_FROM_SENDER], 256u << 16 | 192);
	atomic_store(&queue->backlog[QUEUE_FROM_WIRE], 1024u << 16 | 256);
	work(queue, 0, 5000);
	count_add(&queue->packets, 1000);
	begin(PERIOD_NS);
	to = look();
	assert_near(to.waiting, 11.2);
	assert_near(to.demand, 25);
	begin(PERIOD_NS);
	assert_near(look().waiting, 0);
	close_rig();
}

/* 300 of 1000 found no room. */
static void
lost_frames_are_a_share_of_all(void **state)
{
	struct plan_balance_queue to;

	open_rig(1, 0);
	work(queue, 0, 1000);
	count_add(&queue->packets, 700);
	count_add(&queue->overflowed, 300);
	begin(PERIOD_NS);
	to = look();
	if (to.lost < 0.299 || to.lost > 0.301)
		fail_msg("lost %g, want 0.3", to.lost);
	/* All of them, of a queue that its worker never came to. */
	count_add(&queue->overflowed, 1000);
	begin(PERIOD_NS);
	to = look();
	assert_true(to.lost > 0.99 && to.lost <= 1 && sample.busy);
	begin(PERIOD_NS);
	assert_near(look().lost, 0);
	close_rig();
}

/* Queues that move together: demands add up, the fullest ring and the greatest loss count. */
static void
queues_that_move_together_are_added_up(void **state)
{
	struct plan_balance_queue to = { 0 };
	struct queue *second;

	open_rig(1, 0);
	second = queue_new(&vport, 1);
	assert_int_equal(queue_move(second, 0), 0);
	balancer_sample_queue(&sample, second, &to);
	atomic_store(&queue->backlog[QUEUE_FROM_SENDER], 256u << 16 | 192);
	atomic_store(&second->backlog[QUEUE_FROM_SENDER], 256u << 16 | 256);
	work(queue, 0, 5000);
	work(second, 0, 3000);
	begin(PERIOD_NS);
	balancer_sample_queue(&sample, queue, &to);
	balancer_sample_queue(&sample, second, &to);
	assert_near(to.demand, 40);
	assert_near(to.backlog, 1);
	queue_free(second);
	close_rig();
}

static void
a_queue_that_stands_nowhere_has_nothing_to_do(void **state)
{
	open_rig(1, 0);
	work(queue, 0, 5000);
	assert_int_equal(queue_move(queue, PROCESSOR_NONE), 0);
	begin(PERIOD_NS);
	assert_near(look().demand, 0);
	close_rig();
}

static void
without_time_there_is_no_sample(void **state)
{
	open_rig(1, 0);
	work(queue, 0, 5000);
	assert_false(balancer_sample_begin(&sample, now_ns));
	assert_false(balancer_sample_begin(&sample, now_ns - 1));
	begin(PERIOD_NS);
	assert_near(look().demand, 25);
	close_rig();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_percent_is_of_the_time_that_a_processor_has),
		cmocka_unit_test(nothing_is_more_than_all_of_a_processor),
		cmocka_unit_test(what_a_processor_does_beside_is_its_load_and_no_queues),
		cmocka_unit_test(a_queue_that_is_new_has_no_past),
		cmocka_unit_test(backlog_is_the_share_of_the_fullest_ring_that_waits),
		cmocka_unit_test(what_waits_is_told_in_time_too),
		cmocka_unit_test(lost_frames_are_a_share_of_all),
		cmocka_unit_test(queues_that_move_together_are_added_up),
		cmocka_unit_test(a_queue_that_stands_nowhere_has_nothing_to_do),
		cmocka_unit_test(without_time_there_is_no_sample),
	};

	return cmocka_run_group_tests(tests, test_eal_start, NULL);
}
