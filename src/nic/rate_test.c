/* rate_test.c - what a cap lets through in a time that the test makes up. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "nic/rate.h"

#define HZ UINT64_C(3000000000)

/* Bytes in a second, by one look every step cycles and takes of `take` bytes while they are allowed. */
static uint64_t
sent(struct rate *r, uint64_t begin, uint64_t step, uint64_t take)
{
	uint64_t bytes = 0;

	for (uint64_t now = begin; now < begin + HZ; now += step) {
		while (rate_allows(r, now) && bytes < UINT64_C(10000000000)) {
			rate_charge(r, take, now);
			bytes += take;
		}
	}
	return bytes;
}

/* A second at so many Mb/s is mbps * 125,000 bytes; the depth, and one take beyond it, come on top. */
static void
each_rate_is_held_within_a_burst(void **state)
{
	static const struct {
		unsigned mbps;
		uint64_t step, take;
	} rows[] = {
		{ 1, HZ / 1000, 60 },       { 1, HZ / 1000, 1514 },    { 100, HZ / 1000, 32 * 1514 },
		{ 1000, HZ / 200, 65536 },  { 2500, HZ / 1000, 1514 }, { 10000, HZ / 1000, 32 * 1514 },
		{ 10000, HZ / 200, 65536 },
	};

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint64_t want = rows[i].mbps * UINT64_C(125000);
		struct rate r = { 0 };
		uint64_t got;

		rate_set(&r, rows[i].mbps, HZ);
		assert_true(rate_is_set(&r));
		got = sent(&r, HZ, rows[i].step, rows[i].take);
		assert_in_range(got, want - want / 100,
				want + want / 100 + want * RATE_DEPTH_MS / 1000 + 2 * rows[i].take);
	}
}

static void
idle_time_is_not_saved_up(void **state)
{
	struct rate r = { 0 };

	rate_set(&r, 100, HZ);
	rate_charge(&r, 1, HZ);
	assert_in_range(sent(&r, 1000 * HZ, HZ / 1000, 1514), 12375000, 12750000 + 3028);
}

static void
without_a_cap_nothing_waits(void **state)
{
	struct rate r = { 0 };

	rate_set(&r, 10, HZ);
	rate_charge(&r, UINT64_C(1) << 30, HZ);
	assert_false(rate_allows(&r, 2 * HZ));
	rate_set(&r, 20, HZ); /* another rate begins anew */
	assert_true(rate_allows(&r, 2 * HZ));
	rate_set(&r, 0, HZ);
	assert_false(rate_is_set(&r));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_rate_is_held_within_a_burst),
		cmocka_unit_test(idle_time_is_not_saved_up),
		cmocka_unit_test(without_a_cap_nothing_waits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
