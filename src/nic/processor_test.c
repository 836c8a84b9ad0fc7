/* processor_test.c - a queue's part of its processor's time, by arithmetic. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <unistd.h>

#include "base/clock.h"
#include "nic/queue.h"
#include "nic/test_eal.h"

static struct vport vport;

/* Both processors have this thread's time, so both are busy. */
static void
open_rig(void)
{
	test_processors_open(2, 0);
	for (unsigned i = 0; i < 2; i++)
		atomic_store(&processors[i]->tid, gettid());
}

static struct queue *
open_queue(unsigned p)
{
	struct queue *q = queue_new(&vport, 0);

	assert_non_null(q);
	assert_int_equal(queue_move(q, p), 0);
	return q;
}

/* At work until a window of samples is over. */
static void
next_sample(void)
{
	uint64_t end = clock_ns() + 160 * NSEC_PER_MS;

	while (clock_ns() < end)
		;
	processor_sample();
}

static void
assert_part(const struct queue *q, double part)
{
	double want = processor_load(processors[queue_processor(q)]).busy * part;

	assert_true(processor_load(processors[queue_processor(q)]).busy > 0);
	if (fabs(queue_busy(q) - want) > 1e-9)
		fail_msg("queue %u: got %g, want %g", q->id, queue_busy(q), want);
}

static void
a_queue_has_the_part_of_its_processors_time_that_its_bursts_took(void **state)
{
	static const struct {
		uint64_t took, worked;
		double part;
	} rows[] = {
		{ 600, 1000, 0.6 }, { 1000, 1000, 1 }, { 0, 1000, 0 },
		{ 0, 0, 0 },        { 1200, 1000, 1 }, /* a burst is under way: counted, and its round not yet */
	};

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct queue *q[2];

		open_rig();
		q[0] = open_queue(0);
		q[1] = open_queue(1);
		count_add(&q[0]->cycles, 5000); /* before the window */
		count_add(&processors[0]->work_cycles, 5000);
		next_sample();
		count_add(&q[0]->cycles, rows[i].took);
		count_add(&processors[0]->work_cycles, rows[i].worked);
		count_add(&processors[1]->work_cycles, 1000);
		next_sample();
		assert_part(q[0], rows[i].part);
		assert_part(q[1], 0);
		processor_sample(); /* too soon: the window stays */
		count_add(&q[0]->cycles, 1000);
		assert_part(q[0], rows[i].part);
		queue_free(q[0]);
		queue_free(q[1]);
		test_processors_close();
	}
}

static void
of_a_queue_that_came_within_the_window_nothing_is_known(void **state)
{
	struct queue *q, *fresh;
	unsigned number;

	open_rig();
	q = open_queue(0);
	assert_true(queue_busy(q) < 0);
	next_sample();
	assert_true(queue_busy(q) < 0);
	fresh = open_queue(0);
	count_add(&q->cycles, 500);
	count_add(&processors[0]->work_cycles, 1000);
	next_sample();
	assert_part(q, 0.5);
	assert_true(queue_busy(fresh) < 0);
	assert_int_equal(queue_move(q, 1), 0);
	assert_true(queue_busy(q) < 0);
	next_sample();
	assert_true(queue_busy(q) < 0);
	assert_part(fresh, 0);
	count_add(&q->cycles, 250);
	count_add(&processors[1]->work_cycles, 1000);
	next_sample();
	assert_part(q, 0.25);
	assert_int_equal(queue_move(q, PROCESSOR_NONE), 0);
	assert_true(queue_busy(q) < 0);
	number = fresh->id;
	queue_free(fresh);
	fresh = open_queue(0);
	assert_int_equal(fresh->id, number);
	assert_true(queue_busy(fresh) < 0);
	queue_free(q);
	queue_free(fresh);
	test_processors_close();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_queue_has_the_part_of_its_processors_time_that_its_bursts_took),
		cmocka_unit_test(of_a_queue_that_came_within_the_window_nothing_is_known),
	};

	return cmocka_run_group_tests(tests, test_eal_start, NULL);
}
