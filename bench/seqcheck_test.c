/* seqcheck_test.c - numbered streams with known faults, and what is counted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "bench/seqcheck.h"

static struct seqcheck s;

/* Feeds numbers, ended by UINT64_MAX, into a fresh check. */
static void
feed(const uint64_t *seq)
{
	memset(&s, 0, sizeof(s));
	for (; *seq != UINT64_MAX; seq++)
		seqcheck_see(&s, *seq);
}

static void
each_fault_is_counted_as_what_it_is(void **state)
{
	static const struct {
		uint64_t seq[8], sent, lost, reordered, duplicates;
	} rows[] = {
		{ { UINT64_MAX }, 0, 0, 0, 0 },
		{ { UINT64_MAX }, 3, 3, 0, 0 },             /* nothing came */
		{ { 0, 1, 2, UINT64_MAX }, 3, 0, 0, 0 },    /* as sent */
		{ { 0, 2, 3, UINT64_MAX }, 4, 1, 0, 0 },    /* 1 lost */
		{ { 1, 2, UINT64_MAX }, 4, 2, 0, 0 },       /* the first and the last lost */
		{ { 0, 2, 1, 3, UINT64_MAX }, 4, 0, 1, 0 }, /* 2 overtook 1 */
		{ { 3, 0, 1, 2, UINT64_MAX }, 4, 0, 3, 0 }, /* 3 overtook three */
		{ { 0, 1, 1, 2, UINT64_MAX }, 3, 0, 0, 1 }, /* 1 came twice */
		{ { 0, 2, 1, 1, UINT64_MAX }, 4, 1, 1, 1 }, /* overtaken, doubled, and 3 lost */
	};

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		feed(rows[i].seq);
		assert_int_equal(seqcheck_lost(&s, rows[i].sent), rows[i].lost);
		assert_int_equal(s.reordered, rows[i].reordered);
		assert_int_equal(s.duplicates, rows[i].duplicates);
	}
}

static void
counting_goes_on_past_the_window(void **state)
{
	memset(&s, 0, sizeof(s));
	for (uint64_t seq = 0; seq < 3 * SEQCHECK_WINDOW; seq++)
		seqcheck_see(&s, seq);
	assert_int_equal(seqcheck_lost(&s, 3 * SEQCHECK_WINDOW), 0);
	assert_int_equal(s.reordered + s.duplicates, 0);
}

static void
a_straggler_from_before_the_window_hides_no_later_duplicate(void **state)
{
	/* 5 and 5 + SEQCHECK_WINDOW share a place. */
	feed((const uint64_t[]){ 5 + SEQCHECK_WINDOW, 5, 5 + SEQCHECK_WINDOW, UINT64_MAX });
	assert_int_equal(s.received, 2);
	assert_int_equal(s.reordered, 1);
	assert_int_equal(s.duplicates, 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_fault_is_counted_as_what_it_is),
		cmocka_unit_test(counting_goes_on_past_the_window),
		cmocka_unit_test(a_straggler_from_before_the_window_hides_no_later_duplicate),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
