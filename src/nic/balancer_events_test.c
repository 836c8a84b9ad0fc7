/* balancer_events_test.c - the ring of the last moves, as who follows it sees it. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "nic/balancer_events.h"

static struct balancer_event out[BALANCER_EVENTS + 1];

static void
add(unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		struct balancer_event e = { .queue = i, .from = 1, .to = 2, .why = BALANCER_EVEN, .to_after = 50 };

		strcpy(e.port, "vm1");
		balancer_event_add(&e);
	}
}

/* First: the ring begins empty. */
static void
before_the_first_move_there_is_none(void **state)
{
	assert_int_equal(balancer_events_last(), 0);
	assert_int_equal(balancer_events(0, out, BALANCER_EVENTS), 0);
	assert_int_equal(balancer_events(7, out, BALANCER_EVENTS), 0);
}

static void
a_follower_gets_each_once_and_in_order(void **state)
{
	uint64_t since = balancer_events_last(), seen = since;
	unsigned n;

	add(5);
	assert_int_equal(balancer_events_last(), since + 5);
	while ((n = balancer_events(seen, out, 2)) > 0) {
		assert_true(n <= 2);
		for (unsigned i = 0; i < n; i++) {
			assert_int_equal(out[i].serial, seen + 1);
			assert_int_equal(out[i].queue, seen - since);
			seen = out[i].serial;
		}
	}
	assert_int_equal(seen, since + 5);
}

static void
what_was_told_comes_back(void **state)
{
	struct balancer_event e = { .serial = 99,
				    .queue = 17,
				    .index = 3,
				    .from = 4,
				    .to = 5,
				    .why = BALANCER_OVERLOAD,
				    .from_before = 97,
				    .from_after = 48,
				    .to_before = 3,
				    .to_after = 52 };
	uint64_t since = balancer_events_last();
	struct timespec now;

	strcpy(e.adapter, "wire");
	strcpy(e.port, "vm2");
	clock_gettime(CLOCK_REALTIME, &now);
	balancer_event_add(&e);
	assert_int_equal(balancer_events(since, out, 1), 1);
	assert_int_equal(out[0].serial, since + 1); /* the ring's own */
	assert_true(out[0].at_ns >= (uint64_t)now.tv_sec * NSEC_PER_S + (uint64_t)now.tv_nsec);
	assert_true(out[0].at_ns < (uint64_t)(now.tv_sec + 10) * NSEC_PER_S);
	assert_string_equal(out[0].adapter, "wire");
	assert_string_equal(out[0].port, "vm2");
	assert_true(out[0].queue == 17 && out[0].index == 3 && out[0].from == 4 && out[0].to == 5);
	assert_int_equal(out[0].why, BALANCER_OVERLOAD);
	assert_true(out[0].from_before == 97 && out[0].from_after == 48 && out[0].to_before == 3 &&
		    out[0].to_after == 52);
}

static void
old_ones_are_forgotten_and_the_gap_shows(void **state)
{
	uint64_t since = balancer_events_last();

	add(BALANCER_EVENTS + 10);
	assert_int_equal(balancer_events(since, out, BALANCER_EVENTS + 1), BALANCER_EVENTS);
	assert_int_equal(out[0].serial, since + 11);
	assert_int_equal(out[BALANCER_EVENTS - 1].serial, balancer_events_last());
	assert_int_equal(balancer_events(0, out, 1), 1);
	assert_int_equal(out[0].serial, since + 11);
	/* From the future, as after a restart of the daemon: nothing, and no harm. */
	assert_int_equal(balancer_events(UINT64_MAX, out, BALANCER_EVENTS), 0);
}

static void
each_reason_has_a_word_and_a_text(void **state)
{
	for (unsigned i = 0; i < BALANCER_WHY_COUNT; i++) {
		assert_true(strlen(balancer_why_word((enum balancer_why)i)) > 2);
		assert_true(strlen(balancer_why_text((enum balancer_why)i)) > 10);
		for (unsigned k = 0; k < i; k++)
			assert_string_not_equal(balancer_why_word((enum balancer_why)i),
						balancer_why_word((enum balancer_why)k));
	}
	assert_string_equal(balancer_why_word(BALANCER_OVERLOAD), "overload");
	assert_string_equal(balancer_why_word(BALANCER_WHY_COUNT), "unknown");
	assert_string_equal(balancer_why_text((enum balancer_why) - 1), "unknown");
}

static int
be_quiet(void **state)
{
	log_set_level(LOG_LEVEL_ERROR);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(before_the_first_move_there_is_none),
		cmocka_unit_test(a_follower_gets_each_once_and_in_order),
		cmocka_unit_test(what_was_told_comes_back),
		cmocka_unit_test(old_ones_are_forgotten_and_the_gap_shows),
		cmocka_unit_test(each_reason_has_a_word_and_a_text),
	};

	return cmocka_run_group_tests(tests, be_quiet, NULL);
}
