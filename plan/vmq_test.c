/* vmq_test.c - tables of who gets a queue and where; expected values follow from the rules in vmq.h by counting. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "plan/vmq.h"

#define MOST 8
#define NO PLAN_NONE
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

struct range {
	const char *name;
	size_t n_cpus;
	struct plan_cpu cpus[MOST];
	int base;
	unsigned most;
	enum plan_range_error result;
	size_t n;
	unsigned out[MOST];
	int last;
};

/* 4 cores with 8 logical processors, numbered as Windows does and as Linux mostly does. */
#define NEIGHBOURS                                                                    \
	8,                                                                            \
	{                                                                             \
		{ 0, 0 }, { 1, 0 }, { 2, 1 }, { 3, 1 }, { 4, 2 }, { 5, 2 }, { 6, 3 }, \
		{                                                                     \
			7, 3                                                          \
		}                                                                     \
	}
#define HALVES                                                                        \
	8,                                                                            \
	{                                                                             \
		{ 0, 0 }, { 1, 1 }, { 2, 2 }, { 3, 3 }, { 4, 0 }, { 5, 1 }, { 6, 2 }, \
		{                                                                     \
			7, 3                                                          \
		}                                                                     \
	}
#define CORES_4                               \
	4,                                    \
	{                                     \
		{ 0, 0 }, { 1, 1 }, { 2, 2 }, \
		{                             \
			3, 3                  \
		}                             \
	}

static const struct range ranges[] = {
	/* windows-semantics, 3.3: 4 cores with 8 logical processors: 0, 2, 4, 6 are usable. */
	{ "siblings are skipped", NEIGHBOURS, 0, 0, PLAN_RANGE_OK, 4, { 0, 2, 4, 6 } },
	/* 3.3: base 2 or more with hyper-threads, 1 or more without, so that core 0 stays free. */
	{ "by default core 0 stays free with hyper-threads", NEIGHBOURS, NO, 0, PLAN_RANGE_OK, 3, { 2, 4, 6 } },
	{ "by default core 0 stays free without", CORES_4, NO, 0, PLAN_RANGE_OK, 3, { 1, 2, 3 } },
	{ "siblings in the upper half are skipped", HALVES, NO, 0, PLAN_RANGE_OK, 3, { 1, 2, 3 } },
	{ "two processors: core 0 is used", 2, { { 0, 0 }, { 1, 1 } }, NO, 0, PLAN_RANGE_OK, 2, { 0, 1 } },
	{ "three processors: core 0 stays free",
	  3,
	  { { 0, 0 }, { 1, 1 }, { 2, 2 } },
	  NO,
	  0,
	  PLAN_RANGE_OK,
	  2,
	  { 1, 2 } },
	{ "one processor", 1, { { 0, 0 } }, NO, 0, PLAN_RANGE_OK, 1, { 0 } },
	{ "nothing but core 0", 3, { { 0, 0 }, { 1, 0 }, { 2, 0 } }, NO, 0, PLAN_RANGE_OK, 1, { 0 } },
	/* 3.3, two NICs: base 2 with LPs 2 and 4, base 6 with LP 6. */
	{ "first NIC of the partitioning example", NEIGHBOURS, 2, 2, PLAN_RANGE_OK, 2, { 2, 4 } },
	{ "second NIC of the partitioning example", NEIGHBOURS, 6, 2, PLAN_RANGE_OK, 1, { 6 } },
	{ "max_processors cuts", CORES_4, 1, 1, PLAN_RANGE_OK, 1, { 1 } },
	{ "max_processors beyond the end", CORES_4, 2, 9, PLAN_RANGE_OK, 2, { 2, 3 } },
	{ "no such base", CORES_4, 4, 0, PLAN_RANGE_NO_BASE, 0, { 0 } },
	{ "a base far out", CORES_4, 1 << 30, 0, PLAN_RANGE_NO_BASE, 0, { 0 } },
	{ "a number below PLAN_NONE is no base", CORES_4, -2, 0, PLAN_RANGE_NO_BASE, 0, { 0 } },
	{ "the base is a sibling", NEIGHBOURS, 3, 0, PLAN_RANGE_SIBLING, 0, { 0 } },
	{ "the base is a sibling in the upper half", HALVES, 4, 0, PLAN_RANGE_SIBLING, 0, { 0 } },
	{ "the last processor is used", CORES_4, 1, 0, PLAN_RANGE_OK, 2, { 1, 2 }, .last = 2 },
	{ "the last processor need not exist", CORES_4, 1, 0, PLAN_RANGE_OK, 3, { 1, 2, 3 }, .last = 63 },
	{ "the last processor is a sibling", NEIGHBOURS, 2, 0, PLAN_RANGE_OK, 2, { 2, 4 }, .last = 5 },
	{ "the fewer of last and most", CORES_4, 0, 2, PLAN_RANGE_OK, 2, { 0, 1 }, .last = 2 },
	{ "the last processor is below the base", CORES_4, 2, 0, PLAN_RANGE_EMPTY, 0, { 0 }, .last = 1 },
	{ "no processors", 0, { { 0, 0 } }, NO, 0, PLAN_RANGE_NO_BASE, 0, { 0 } },
};

static void
usable_processors_follow_base_siblings_and_most(void **state)
{
	for (size_t i = 0; i < COUNT(ranges); i++) {
		const struct range *r = &ranges[i];
		/* The tables' 0 is no limit: only rows about it have a last processor. */
		struct plan_range range = { r->base, r->last > 0 ? r->last : NO, r->most };
		unsigned out[MOST];
		size_t n = 99;

		print_message("%s\n", r->name);
		assert_int_equal(plan_vmq_range(r->cpus, r->n_cpus, &range, out, &n), r->result);
		assert_int_equal(n, r->n);
		for (size_t j = 0; j < n; j++)
			assert_int_equal(out[j], r->out[j]);
	}
}

struct assignment {
	const char *name;
	unsigned queues;
	size_t n_usable;
	unsigned usable[MOST];
	size_t n;
	struct plan_vmq_vport in[MOST];
	struct {
		int queue, processor;
	} out[MOST];
	/* All that follow hold one and ask for one, unless the row says so. */
	unsigned held[MOST], asked[MOST], granted[MOST];
	bool dynamic;
};

#define NEW(weight)            \
	{                      \
		weight, NO, NO \
	}
#define ON_DEFAULT     \
	{              \
		NO, NO \
	}

static const struct assignment assignments[] = {
	/* B-12: N queues and N + 1 VMs in start order: the last is on the default queue. */
	{ "first come, first served",
	  2,
	  3,
	  { 1, 2, 3 },
	  3,
	  { NEW(100), NEW(100), NEW(100) },
	  { { 1, 2 }, { 2, 3 }, ON_DEFAULT } },
	/* B-12: a VM of weight 0 never takes one, even when one is free. */
	{ "weight 0 never takes one", 2, 2, { 1, 2 }, 2, { NEW(0), NEW(1) }, { ON_DEFAULT, { 1, 2 } } },
	/* B-12: release, and the next gets it: queue 1 is free, its number and the emptier processor are used again. */
	{ "a released queue goes to the one that waited",
	  2,
	  2,
	  { 1, 2 },
	  2,
	  { { 100, 2, 1 }, NEW(100) },
	  { { 2, 1 }, { 1, 2 } } },
	{ "the higher weight goes first, then who came first",
	  2,
	  3,
	  { 1, 2, 3 },
	  4,
	  { NEW(50), NEW(100), NEW(50), NEW(100) },
	  { ON_DEFAULT, { 1, 2 }, ON_DEFAULT, { 2, 3 } } },
	{ "nothing is taken from a holder for a higher weight",
	  1,
	  2,
	  { 1, 2 },
	  2,
	  { { 1, 1, 2 }, NEW(100) },
	  { { 1, 2 }, ON_DEFAULT } },
	{ "a holder stays although its processor is the fullest",
	  4,
	  2,
	  { 1, 2 },
	  4,
	  { { 100, 1, 1 }, { 100, 2, 1 }, { 100, 3, 1 }, NEW(100) },
	  { { 1, 1 }, { 2, 1 }, { 3, 1 }, { 4, 2 } } },
	{ "a holder whose weight is 0 now gives its queue to the next",
	  1,
	  2,
	  { 1, 2 },
	  2,
	  { { 0, 1, 2 }, NEW(10) },
	  { ON_DEFAULT, { 1, 2 } } },
	{ "fewer queues: who came last loses",
	  2,
	  3,
	  { 1, 2, 3 },
	  4,
	  { { 10, 3, 2 }, NEW(100), { 100, 1, 3 }, { 100, 2, 1 } },
	  { { 2, 2 }, ON_DEFAULT, { 1, 3 }, ON_DEFAULT } },
	{ "no queues", 0, 1, { 0 }, 2, { { 100, 1, 0 }, NEW(100) }, { ON_DEFAULT, ON_DEFAULT } },
	{ "a processor that is not usable any more",
	  2,
	  2,
	  { 2, 3 },
	  2,
	  { { 100, 1, 1 }, { 100, 2, 3 } },
	  { { 1, 2 }, { 2, 3 } } },
	/* base (1): default queue, so 1 + 0; 2 and 3 fill first; then each has one, the lowest in the list is next. */
	{ "the default queue counts as one, and the list's order decides",
	  7,
	  3,
	  { 1, 2, 3 },
	  7,
	  { NEW(1), NEW(1), NEW(1), NEW(1), NEW(1), NEW(1), NEW(1) },
	  { { 1, 2 }, { 2, 3 }, { 3, 1 }, { 4, 2 }, { 5, 3 }, { 6, 1 }, { 7, 2 } } },
	{ "the order of the list, not the number, decides",
	  2,
	  3,
	  { 6, 4, 2 },
	  2,
	  { NEW(1), NEW(1) },
	  { { 1, 4 }, { 2, 2 } } },
	{ "one processor takes all", 3, 1, { 0 }, 3, { NEW(1), NEW(1), NEW(1) }, { { 1, 0 }, { 2, 0 }, { 3, 0 } } },
	{ "more queues than VMs", 256, 2, { 0, 1 }, 1, { NEW(100) }, { { 1, 1 } } },
	{ "two that claim one queue: the first has it",
	  3,
	  2,
	  { 1, 2 },
	  2,
	  { { 100, 1, 2 }, { 100, 1, 2 } },
	  { { 1, 2 }, { 2, 2 } } },
	{ "the default queue's number is nobody's", 3, 2, { 1, 2 }, 1, { { 100, 0, 2 } }, { { 1, 2 } } },
	{ "nobody", 8, 1, { 0 }, 0, { NEW(0) }, { ON_DEFAULT } },
	{ "dynamic: all begin on the base",
	  3,
	  3,
	  { 2, 4, 6 },
	  3,
	  { NEW(1), NEW(1), NEW(1) },
	  { { 1, 2 }, { 2, 2 }, { 3, 2 } },
	  .dynamic = true },
	{ "dynamic: what the balancer moved stays, what stands on a processor taken away goes to the base",
	  2,
	  2,
	  { 2, 4 },
	  2,
	  { { 1, 1, 4 }, { 1, 2, 6 } },
	  { { 1, 4 }, { 2, 2 } },
	  .dynamic = true },
	/* vRSS: one for each queue pair. 4 + 2 of 8 are taken when the third comes: it gets what is left, the fourth nothing. */
	{ "several queues each, as far as they go",
	  8,
	  1,
	  { 0 },
	  4,
	  { NEW(1), NEW(1), NEW(1), NEW(1) },
	  { { 1, 0 }, { 2, 0 }, { 3, 0 }, ON_DEFAULT },
	  .asked = { 4, 2, 4, 1 },
	  .granted = { 4, 2, 2, 0 } },
	{ "who waits with none comes before who wants more",
	  5,
	  1,
	  { 0 },
	  3,
	  { { 100, 1, 0 }, { 1, 2, 0 }, NEW(1) },
	  { { 1, 0 }, { 2, 0 }, { 3, 0 } },
	  .held = { 1, 1, 0 },
	  .asked = { 4, 4, 2 },
	  .granted = { 2, 1, 2 } },
	{ "of those who want more the higher weight, then who came first",
	  6,
	  1,
	  { 0 },
	  3,
	  { { 1, 1, 0 }, { 2, 2, 0 }, { 2, 3, 0 } },
	  { { 1, 0 }, { 2, 0 }, { 3, 0 } },
	  .held = { 1, 1, 1 },
	  .asked = { 4, 3, 4 },
	  .granted = { 1, 3, 2 } },
	{ "who asks for fewer gives back",
	  4,
	  1,
	  { 0 },
	  2,
	  { { 1, 1, 0 }, NEW(1) },
	  { { 1, 0 }, { 2, 0 } },
	  .held = { 4, 0 },
	  .asked = { 1, 2 },
	  .granted = { 1, 2 } },
	{ "fewer queues: each keeps one before any keeps a second",
	  4,
	  1,
	  { 0 },
	  3,
	  { { 1, 1, 0 }, { 1, 2, 0 }, { 1, 3, 0 } },
	  { { 1, 0 }, { 2, 0 }, { 3, 0 } },
	  .held = { 2, 3, 3 },
	  .asked = { 2, 3, 3 },
	  .granted = { 2, 1, 1 } },
	/* The first one's stand on 2, 3 and 1, where the default queue is, too: 2 and 3 have one each, 2 comes first in the list. */
	{ "further queues count where they are put",
	  6,
	  3,
	  { 1, 2, 3 },
	  2,
	  { NEW(1), NEW(1) },
	  { { 1, 2 }, { 2, 2 } },
	  .asked = { 3, 1 },
	  .granted = { 3, 1 } },
};

static void
queues_go_to_whom_the_rules_name(void **state)
{
	for (size_t i = 0; i < COUNT(assignments); i++) {
		const struct assignment *a = &assignments[i];
		struct plan_vmq_pool pool = { a->queues, a->usable, a->n_usable, a->dynamic };
		struct plan_vmq_vport v[MOST];

		print_message("%s\n", a->name);
		for (size_t j = 0; j < a->n; j++) {
			v[j] = a->in[j];
			v[j].asked = a->asked[0] ? a->asked[j] : 1;
			v[j].granted = a->asked[0] ? a->held[j] : a->in[j].queue != NO;
		}
		/* Twice: what was decided stays when nothing changed. */
		for (int twice = 0; twice < 2; twice++) {
			plan_vmq_assign(v, a->n, &pool);
			for (size_t j = 0; j < a->n; j++) {
				assert_int_equal(v[j].granted, a->asked[0] ? a->granted[j] : a->out[j].queue != NO);
				assert_int_equal(v[j].queue, a->out[j].queue);
				assert_int_equal(v[j].processor, a->out[j].processor);
			}
		}
	}
}

#define PORTS 24

/* What must hold after any decision, whatever came before. */
static void
check(const struct plan_vmq_vport *before, const struct plan_vmq_vport *now, size_t n, unsigned queues, size_t n_usable)
{
	unsigned held = 0, waiting = 0, growing = 0;

	for (size_t i = 0; i < n; i++) {
		held += now[i].granted;
		growing += now[i].granted > 0 && now[i].granted < now[i].asked;
		waiting += now[i].queue == NO && now[i].weight > 0;
		assert_int_equal(now[i].queue == NO, now[i].processor == NO);
		assert_int_equal(now[i].queue == NO, now[i].granted == 0);
		assert_true(now[i].granted <= now[i].asked);
		assert_true(now[i].queue == NO ||
			    (now[i].queue >= 1 && now[i].queue <= (int)queues && now[i].weight > 0));
		assert_true(now[i].processor < (int)n_usable);
		for (size_t j = 0; j < i; j++)
			assert_true(now[i].queue == NO || now[i].queue != now[j].queue);
		/* Who holds in both holds on the same processor, if that is usable. */
		if (before[i].queue != NO && now[i].queue != NO && before[i].processor < (int)n_usable)
			assert_int_equal(now[i].processor, before[i].processor);
	}
	assert_true(held <= queues);
	assert_true(waiting + growing == 0 || held == queues);
}

static void
any_history_keeps_the_books(void **state)
{
	static const unsigned usable[MOST] = { 0, 1, 2, 3, 4, 5, 6, 7 };
	struct plan_vmq_vport v[PORTS], before[PORTS];
	uint32_t x = 1;

	for (size_t i = 0; i < PORTS; i++)
		v[i] = (struct plan_vmq_vport)NEW(0);
	for (unsigned round = 0; round < 20000; round++) {
		struct plan_vmq_pool pool = { .usable = usable, .dynamic = round % 2 };
		size_t port;

		x = x * 1664525u + 1013904223u; /* Numerical Recipes' generator: any will do, but the same each run */
		port = (x >> 8) % PORTS;
		pool.queues = (x >> 16) % (2 * PORTS);
		pool.n_usable = 1 + (x >> 24) % MOST;
		v[port].weight = (x >> 5) % 3 * 50;
		v[port].asked = 1 + (x >> 12) % 4;
		if (x & 1) {
			v[port].queue = v[port].processor = NO;
			v[port].granted = 0;
		}
		for (size_t i = 0; i < PORTS; i++)
			before[i] = v[i];
		plan_vmq_assign(v, PORTS, &pool);
		check(before, v, PORTS, pool.queues, pool.n_usable);
	}
}

/* Where queue i of a vport stands whose first one is on `primary`. */
static void
further_queues_follow_on_the_next_processors(void **state)
{
	static const unsigned usable[] = { 1, 2, 5 };
	static const struct {
		unsigned n_usable, primary;
		bool exclude_primary;
		unsigned place[5];
	} rows[] = {
		{ 3, 1, false, { 1, 2, 5, 1, 2 } }, { 3, 5, false, { 5, 1, 2, 5, 1 } },
		{ 3, 2, true, { 2, 5, 1, 5, 1 } },  { 2, 2, true, { 2, 1, 1, 1, 1 } },
		{ 1, 1, true, { 1, 1, 1, 1, 1 } },  { 3, 7, false, { 1, 2, 5, 1, 2 } },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct plan_vmq_pool pool = { .usable = usable, .n_usable = rows[i].n_usable };

		for (unsigned k = 0; k < 5; k++)
			assert_int_equal(plan_vmq_pair(&pool, rows[i].primary, k, rows[i].exclude_primary),
					 rows[i].place[k]);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(usable_processors_follow_base_siblings_and_most),
		cmocka_unit_test(queues_go_to_whom_the_rules_name),
		cmocka_unit_test(any_history_keeps_the_books),
		cmocka_unit_test(further_queues_follow_on_the_next_processors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
