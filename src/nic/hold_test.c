/* hold_test.c - interrupts that are held back: each is sent once, by one, in time. ThreadSanitizer judges it, too. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <string.h>

#include "base/clock.h"
#include "base/qsbr.h"
#include "nic/hold.h"
#include "nic/test_eal.h"

#define LEN(a) (sizeof(a) / sizeof((a)[0]))
#define HZ 1000000000ull /* of the tests that make up their time: a cycle is a ns */
#define US 1000ull

struct interrupt {
	struct hold hold; /* first */
	_Atomic uint64_t sent;
	uint64_t at; /* cycles; the real ones */
};

static struct lane lane;
static struct interrupt some[HOLDS_MAX + 1];

static void
count_sent(struct hold *h)
{
	struct interrupt *i = (struct interrupt *)h;

	i->at = clock_cycles();
	atomic_fetch_add(&i->sent, 1);
}

static int
open_lane(void **state)
{
	for (unsigned i = 0; i < LEN(some); i++) {
		memset((void *)&some[i], 0, sizeof(some[i]));
		some[i].hold.send = count_sent;
	}
	if (lane_init(&lane, 0) != 0)
		return -1;
	holds_open(&lane, HZ);
	return 0;
}

static int
close_lane(void **state)
{
	holds_close(&lane);
	lane_fini(&lane);
	return 0;
}

static void
one_is_sent_when_it_is_due_and_once(void **state)
{
	assert_false(hold_is_on(&some[0].hold));
	assert_true(holds_next(&lane) == HOLD_NEVER);
	assert_true(hold_begin(&some[0].hold, &lane, 100 * US));
	assert_true(hold_is_on(&some[0].hold));
	assert_int_equal(holds_next(&lane), 100 * US);
	holds_run(&lane, (100 - HOLD_EARLY_US) * US - 1);
	assert_int_equal(some[0].sent, 0);
	holds_run(&lane, (100 - HOLD_EARLY_US) * US);
	assert_int_equal(some[0].sent, 1);
	assert_false(hold_is_on(&some[0].hold));
	assert_true(holds_next(&lane) == HOLD_NEVER);
	holds_run(&lane, 1000 * US);
	assert_int_equal(some[0].sent, 1);
}

static void
the_next_one_is_always_known(void **state)
{
	static const uint64_t due_us[] = { 300, 100, 200, 400, 150 };
	static const struct {
		uint64_t now_us, next_us;
		unsigned sent;
	} rows[] = { { 90, 100, 0 }, { 100, 150, 1 }, { 160, 200, 2 }, { 320, 400, 4 }, { 500, 0, 5 } };

	for (size_t i = 0; i < LEN(due_us); i++)
		assert_true(hold_begin(&some[i].hold, &lane, due_us[i] * US));
	for (size_t i = 0; i < LEN(rows); i++) {
		unsigned sent = 0;

		holds_run(&lane, rows[i].now_us * US);
		for (size_t k = 0; k < LEN(due_us); k++)
			sent += (unsigned)some[k].sent;
		assert_int_equal(sent, rows[i].sent);
		assert_true(holds_next(&lane) == (rows[i].next_us > 0 ? rows[i].next_us * US : HOLD_NEVER));
	}
}

static void
one_that_was_taken_is_not_sent(void **state)
{
	assert_false(hold_take(&some[0].hold));
	assert_true(hold_begin(&some[0].hold, &lane, 100 * US));
	assert_true(hold_take(&some[0].hold));
	assert_false(hold_is_on(&some[0].hold));
	assert_false(hold_take(&some[0].hold));
	/* Again, while the lane has not looked since: the former time says nothing. */
	assert_true(hold_begin(&some[0].hold, &lane, 200 * US));
	holds_run(&lane, 150 * US);
	assert_int_equal(some[0].sent, 0);
	assert_true(hold_is_on(&some[0].hold));
	holds_run(&lane, 200 * US);
	assert_int_equal(some[0].sent, 1);
}

/* Where one was held before, another is now: it is not mistaken for it. */
static void
a_place_is_used_again(void **state)
{
	assert_true(hold_begin(&some[0].hold, &lane, 100 * US));
	holds_run(&lane, 100 * US);
	assert_true(hold_begin(&some[1].hold, &lane, 200 * US));
	assert_ptr_equal(some[0].hold.at, some[1].hold.at);
	assert_false(hold_is_on(&some[0].hold));
	assert_false(hold_take(&some[0].hold));
	assert_true(hold_is_on(&some[1].hold));
}

static void
a_lane_that_can_hold_no_more_says_so(void **state)
{
	for (unsigned i = 0; i < HOLDS_MAX; i++)
		assert_true(hold_begin(&some[i].hold, &lane, (100 + i) * US));
	assert_false(hold_begin(&some[HOLDS_MAX].hold, &lane, 50 * US));
	assert_false(hold_is_on(&some[HOLDS_MAX].hold));
	assert_int_equal(holds_next(&lane), 100 * US);
	holds_run(&lane, 100 * US);
	assert_true(hold_begin(&some[HOLDS_MAX].hold, &lane, 50 * US));
	assert_int_equal(holds_next(&lane), 50 * US);
}

static void
a_lane_that_was_not_opened_for_it_holds_none(void **state)
{
	struct lane other;

	assert_int_equal(lane_init(&other, 1), 0);
	assert_false(hold_begin(&some[0].hold, &other, 1));
	holds_run(&other, 1000 * US);
	assert_true(holds_next(&other) == HOLD_NEVER);
	lane_fini(&other);
}

static void
a_lane_that_ends_sends_all(void **state)
{
	for (unsigned i = 0; i < 100; i++)
		assert_true(hold_begin(&some[i].hold, &lane, HOLD_NEVER - 1 - i));
	holds_close(&lane);
	for (unsigned i = 0; i < 100; i++)
		assert_int_equal(some[i].sent, 1);
}

/* ---- sleeping, on the real clock ---- */

static void
a_nap_sends_what_comes_due_and_lasts_as_long(void **state)
{
	uint64_t begin, ms = clock_us_to_cycles(1000), early = clock_us_to_cycles(HOLD_EARLY_US);

	holds_open(&lane, rte_get_tsc_hz());
	qsbr_online(lane.reader);
	begin = clock_cycles();
	assert_true(hold_begin(&some[0].hold, &lane, begin + 2 * ms));
	assert_true(hold_begin(&some[1].hold, &lane, begin + 4 * ms));
	assert_true(hold_begin(&some[2].hold, &lane, begin + 1000 * ms));
	lane_nap(&lane, begin + 6 * ms, 0);
	assert_true(clock_cycles() - begin >= 6 * ms);
	assert_int_equal(some[0].sent, 1);
	assert_int_equal(some[1].sent, 1);
	assert_int_equal(some[2].sent, 0);
	assert_true(some[0].at >= begin + 2 * ms - early);
	assert_true(some[1].at >= begin + 4 * ms - early);
	qsbr_offline(lane.reader);
}

static void
a_pause_sends_before_it_begins(void **state)
{
	uint64_t begin, ms = clock_us_to_cycles(1000);

	holds_open(&lane, rte_get_tsc_hz());
	qsbr_online(lane.reader);
	begin = clock_cycles();
	assert_true(hold_begin(&some[0].hold, &lane, begin + 4 * ms));
	assert_true(hold_begin(&some[1].hold, &lane, begin + 1000 * ms));
	lane_pause(&lane, 0);
	assert_int_equal(some[0].sent, 0);
	begin = clock_cycles();
	lane_pause(&lane, 5 * NSEC_PER_MS);
	assert_true(clock_cycles() - begin >= 5 * ms);
	assert_int_equal(some[0].sent, 1);
	assert_true(some[0].at < begin + 5 * ms);
	assert_int_equal(some[1].sent, 0);
	qsbr_offline(lane.reader);
}

/* ---- several at once ---- */

#define RACES 50000                  /* of each kind */
#define WALL_MAX_NS (3 * NSEC_PER_S) /* on a busy machine: when to be content with less */

static _Atomic uint64_t taken;
static _Atomic bool stop;

static void *
run_taker(void *arg)
{
	while (!atomic_load(&stop))
		for (unsigned i = 0; i < 4; i++)
			if (hold_take(&some[i].hold))
				atomic_fetch_add(&taken, 1);
	return NULL;
}

static uint64_t
sum_sent(void)
{
	return some[0].sent + some[1].sent + some[2].sent + some[3].sent;
}

/* The lane holds and sends at once, as far as two others do not take before. Who begins is sure that nobody holds it. */
static void
each_is_sent_by_exactly_one(void **state)
{
	uint64_t end = clock_ns() + WALL_MAX_NS, begun = 0;
	pthread_t taker[2];

	atomic_store(&taken, 0);
	atomic_store(&stop, false);
	for (size_t i = 0; i < LEN(taker); i++)
		assert_int_equal(pthread_create(&taker[i], NULL, run_taker, NULL), 0);
	for (unsigned k = 0; (sum_sent() < RACES || atomic_load(&taken) < RACES) && clock_ns() < end; k++) {
		struct hold *h = &some[k % 4].hold;

		if (!hold_is_on(h) && hold_begin(h, &lane, US))
			begun++;
		if (k % 4 == 3)
			holds_run(&lane, US);
	}
	holds_close(&lane);
	atomic_store(&stop, true);
	for (size_t i = 0; i < LEN(taker); i++)
		pthread_join(taker[i], NULL);
	print_message("          %lu sent, %lu taken\n", sum_sent(), atomic_load(&taken));
	assert_int_equal(sum_sent() + atomic_load(&taken), begun);
	assert_true(sum_sent() > 0);
	assert_true(atomic_load(&taken) > 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_lane, close_lane)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(one_is_sent_when_it_is_due_and_once),  TEST(the_next_one_is_always_known),
		TEST(one_that_was_taken_is_not_sent),       TEST(a_place_is_used_again),
		TEST(a_lane_that_can_hold_no_more_says_so), TEST(a_lane_that_was_not_opened_for_it_holds_none),
		TEST(a_lane_that_ends_sends_all),           TEST(a_nap_sends_what_comes_due_and_lasts_as_long),
		TEST(a_pause_sends_before_it_begins),       TEST(each_is_sent_by_exactly_one),
	};

	return cmocka_run_group_tests(tests, test_eal_start, NULL);
}
