/* mute_test.c - how often a queue is looked at that nobody kicks, step by step and with the time told. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "base/clock.h"
#include "nic/mute.h"
#include "nic/test_eal.h"

#define TEST(f) cmocka_unit_test_setup_teardown(f, open_all, close_all)
#define N 8

/* A source that counts how often it was looked at. */
struct counted {
	struct source source;
	struct queue *queue;
	bool has_work;
	unsigned looks;
};

static struct counted some[N];

static unsigned
take_nothing(struct source *s, struct lane *lane)
{
	return 0;
}

static bool
pending(struct source *s)
{
	struct counted *c = (struct counted *)s;

	c->looks++;
	return c->has_work;
}

static void
arm(struct source *s)
{
}

static const struct source_ops mute_ops = { .take = take_nothing, .pending = pending, .arm = arm };
static const struct source_ops kicked_ops = { .take = take_nothing, .pending = pending };

static int
open_all(void **state)
{
	static struct vport vport;

	test_processors_open(2, 0);
	memset((void *)some, 0, sizeof(some));
	for (unsigned i = 0; i < N; i++) {
		source_init(&some[i].source, &mute_ops, -1, NULL);
		some[i].source.look_us = 5000;
		some[i].queue = queue_new(&vport, 0);
		assert_non_null(some[i].queue);
		assert_int_equal(queue_set_source(some[i].queue, QUEUE_FROM_SENDER, &some[i].source), 0);
		assert_int_equal(queue_move(some[i].queue, 0), 0);
	}
	return 0;
}

static int
close_all(void **state)
{
	for (unsigned i = 0; i < N; i++)
		queue_free(some[i].queue);
	test_processors_close();
	return 0;
}

static bool
is_hot(unsigned i, unsigned p)
{
	return hotset_has(&processors[p]->hot, some[i].queue->id);
}

static void
cool_all(void)
{
	for (unsigned i = 0; i < N; i++) {
		queue_cool(processors[0], some[i].queue->id);
		some[i].looks = 0;
	}
}

static uint64_t
us(uint64_t n)
{
	return clock_us_to_cycles(n);
}

/* Goes on in time until queue i was looked at once more. */
static void
until_look(unsigned i)
{
	unsigned before = some[i].looks;

	while (some[i].looks == before)
		mute_look(processors[0], processors[0]->mute_first);
}

static void
gaps_double_until_the_queue_is_quiet(void **state)
{
	struct processor *p = processors[0];
	uint64_t before = clock_cycles(), now;
	unsigned gap = 50;

	queue_cool(p, some[0].queue->id);
	assert_in_range(p->mute_first, before + us(50), clock_cycles() + us(50));
	some[0].looks = 0;
	for (unsigned look = 1; look <= 7; look++) {
		now = p->mute_first;
		mute_look(p, now - 1);
		assert_int_equal(some[0].looks, look - 1);
		mute_look(p, now);
		assert_int_equal(some[0].looks, look);
		gap *= 2;
		assert_int_equal(p->mute_first, now + us(gap < 5000 ? gap : 5000));
	}
	/* From here on with all that are quiet, each 5 ms. */
	for (unsigned i = 0; i < 3; i++) {
		now = p->mute_first;
		mute_look(p, now);
		assert_int_equal(p->mute_first, now + us(5000));
	}
	assert_int_equal(some[0].looks, 7 + 3);
	assert_false(is_hot(0, 0));
}

static void
quiet_queues_are_looked_at_together(void **state)
{
	struct processor *p = processors[0];
	unsigned looks = 0;
	uint64_t end;

	cool_all();
	end = p->mute_first + us(20000);
	while (p->mute_first < end)
		mute_look(p, p->mute_first);
	for (unsigned i = 0; i < N; i++)
		some[i].looks = 0;
	for (end = p->mute_first + us(50000); p->mute_first < end; looks++)
		mute_look(p, p->mute_first);
	assert_in_range(looks, 10, 11);
	for (unsigned i = 0; i < N; i++)
		assert_int_equal(some[i].looks, looks);
}

static void
work_that_is_found_makes_the_queue_hot(void **state)
{
	struct processor *p = processors[0];

	cool_all();
	some[3].has_work = true; /* soon after */
	until_look(3);
	assert_true(is_hot(3, 0));
	assert_false(is_hot(2, 0));
	some[3].has_work = false;
	queue_cool(p, some[3].queue->id);
	for (uint64_t end = p->mute_first + us(20000); p->mute_first < end;)
		mute_look(p, p->mute_first);
	some[4].has_work = true; /* after long silence */
	until_look(4);
	assert_true(is_hot(4, 0));
	assert_false(is_hot(3, 0));
	assert_int_equal(count_get(&p->missed_kicks), 0);
}

static void
what_is_expected_is_looked_for_at_once_unless_it_is_anyway(void **state)
{
	struct processor *p = processors[0];

	cool_all();
	queue_expect(some[0].queue); /* within 50 us */
	assert_false(is_hot(0, 0));
	until_look(0); /* 100 us */
	until_look(0); /* 200 us */
	queue_expect(some[0].queue);
	assert_false(is_hot(0, 0));
	until_look(0); /* 400 us */
	queue_expect(some[0].queue);
	assert_true(is_hot(0, 0));
	queue_expect(some[0].queue);
	queue_cool(p, some[0].queue->id);
	queue_expect(some[0].queue);
	assert_false(is_hot(0, 0));
}

static void
a_queue_that_moves_is_looked_after_where_it_goes(void **state)
{
	struct processor *p = processors[0];

	cool_all();
	assert_int_equal(queue_move(some[0].queue, 1), 0);
	some[0].looks = 0;
	for (uint64_t end = p->mute_first + us(20000); p->mute_first < end;)
		mute_look(p, p->mute_first);
	assert_int_equal(some[0].looks, 0);
	assert_true(is_hot(0, 1));
	queue_cool(processors[1], some[0].queue->id);
	some[0].looks = 0;
	mute_look(processors[1], processors[1]->mute_first);
	assert_int_equal(some[0].looks, 1);
}

static void
without_mute_sources_nothing_is_due(void **state)
{
	struct processor *p = processors[0];

	for (unsigned i = 0; i < N; i++) {
		some[i].source.ops = &kicked_ops;
		queue_cool(p, some[i].queue->id);
	}
	assert_int_equal(p->mute_first, UINT64_MAX);
	mute_look(p, clock_cycles());
	assert_int_equal(p->mute_first, UINT64_MAX);
}

/* A hardware queue may not wait for as long as a VF. */
static void
each_source_has_its_own_longest_gap(void **state)
{
	struct processor *p = processors[0];
	uint64_t now;

	some[5].source.look_us = SOURCE_LOOK_US;
	cool_all();
	for (uint64_t end = p->mute_first + us(20000); p->mute_first < end;)
		mute_look(p, p->mute_first);
	now = p->mute_first;
	mute_look(p, now);
	assert_int_equal(p->mute_first, now + us(1000));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(gaps_double_until_the_queue_is_quiet),
		TEST(quiet_queues_are_looked_at_together),
		TEST(work_that_is_found_makes_the_queue_hot),
		TEST(what_is_expected_is_looked_for_at_once_unless_it_is_anyway),
		TEST(a_queue_that_moves_is_looked_after_where_it_goes),
		TEST(without_mute_sources_nothing_is_due),
		TEST(each_source_has_its_own_longest_gap),
	};

	return cmocka_run_group_tests(tests, test_eal_start, NULL);
}
