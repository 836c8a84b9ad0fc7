/* fold_test.c - when a table folds and opens; expected values follow from the rule in fold.h. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "plan/fold.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define SECOND 1000000000ull

static const struct plan_balance_params params = { .low = 40, .quiet_ns = 5 * SECOND };

/* One call at second 100. Quiet is less than 40 / 4. */
static void
one_look_decides_as_the_rule_says(void **state)
{
	static const struct {
		const char *name;
		struct plan_fold_port port;
		unsigned used;
		uint64_t since;
	} rows[] = {
		{ "a load opens", { 4, 1, 1, 40.5, 0 }, 4, 0 },
		{ "at the mark it does not", { 4, 1, 1, 40, 0 }, 1, 0 },
		{ "loss opens", { 4, 1, 1, 1, 0.01 }, 4, 0 },
		{ "quiet begins", { 4, 1, 4, 9.9, 0 }, 4, 100 * SECOND },
		{ "quiet is not long enough", { 4, 1, 4, 9.9, 0, 96 * SECOND }, 4, 96 * SECOND },
		{ "quiet is long enough", { 4, 1, 4, 9.9, 0, 95 * SECOND }, 1, 95 * SECOND },
		{ "some load ends the quiet", { 4, 1, 4, 10, 0, 95 * SECOND }, 4, 0 },
		{ "some load does not open", { 4, 1, 1, 10, 0 }, 1, 0 },
		{ "the least that may be", { 4, 2, 4, 0, 0, 95 * SECOND }, 2, 95 * SECOND },
		{ "a higher least opens that far", { 4, 3, 1, 0, 0 }, 3, 0 },
		{ "no more than there are", { 2, 9, 2, 0, 0, 95 * SECOND }, 2, 95 * SECOND },
		{ "0 means 1", { 4, 0, 4, 0, 0, 95 * SECOND }, 1, 95 * SECOND },
		{ "one queue", { 1, 1, 1, 0, 0 }, 1, 0 },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct plan_fold_port port = rows[i].port;

		print_message("%s\n", rows[i].name);
		assert_int_equal(plan_fold(&params, 100 * SECOND, &port), rows[i].used);
		assert_int_equal(port.quiet_since_ns, rows[i].since);
	}
}

/* Square waves between nothing and 100 %: a change needs 5 s of quiet, so in a minute there are 12 folds at most, each opened once. */
static void
a_load_that_comes_and_goes_folds_no_more_often_than_quiet_lasts(void **state)
{
	static const unsigned half_ms[] = { 20, 100, 500, 2500, 4980, 5020, 10000, 30000 };

	for (size_t i = 0; i < COUNT(half_ms); i++) {
		struct plan_fold_port port = { 4, 1, 4, 0, 0 };
		unsigned folds = 0;

		for (unsigned ms = 20; ms <= 60000; ms += 20) {
			unsigned next;

			port.demand = ms / half_ms[i] % 2 == 0 ? 0 : 100;
			next = plan_fold(&params, SECOND + ms * 1000000ull, &port);
			folds += next < port.used;
			port.used = next;
			assert_true(port.demand == 0 || next == 4);
		}
		if (half_ms[i] < 5000)
			assert_int_equal(folds, 0);
		assert_true(folds <= 12);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_look_decides_as_the_rule_says),
		cmocka_unit_test(a_load_that_comes_and_goes_folds_no_more_often_than_quiet_lasts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
