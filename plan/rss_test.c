/* rss_test.c - tables of processors, places and entries; expected values are those of NDIS' examples, or counted by the rules in rss.h. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "plan/rss.h"

#define MOST 64
#define NO PLAN_NONE
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* 4 cores with 8 logical processors (windows-semantics, 2.5 and 3.3). */
static const struct plan_cpu neighbours[] = { { 0, 0, 0 }, { 1, 0, 0 }, { 2, 1, 0 }, { 3, 1, 0 },
					      { 4, 2, 0 }, { 5, 2, 0 }, { 6, 3, 0 }, { 7, 3, 0 } };
/* 2 nodes of 4 cores, one after the other. */
static const struct plan_cpu nodes_2[] = { { 0, 0, 0 }, { 1, 1, 0 }, { 2, 2, 0 }, { 3, 3, 0 },
					   { 4, 4, 1 }, { 5, 5, 1 }, { 6, 6, 1 }, { 7, 7, 1 } };
/* 3 nodes whose processors alternate; node 2 has fewer. */
static const struct plan_cpu mixed[] = { { 0, 0, 0 }, { 1, 1, 1 }, { 2, 2, 2 }, { 3, 3, 1 },
					 { 4, 4, 0 }, { 5, 5, 0 }, { 6, 6, 1 } };
/*
 * The field example of 2.4: two nodes of 16 logical processors each, siblings beside each other, of which 0 to 3 and 16 to 19 have other
 * work: queues on 4, 20, 6, 22.
 */
#define PAIR(p, node)            \
	{ p, p, node },          \
	{                        \
		(p) + 1, p, node \
	}
static const struct plan_cpu field[] = { PAIR(4, 0),  PAIR(6, 0),  PAIR(8, 0),  PAIR(10, 0), PAIR(12, 0), PAIR(14, 0),
					 PAIR(20, 1), PAIR(22, 1), PAIR(24, 1), PAIR(26, 1), PAIR(28, 1), PAIR(30, 1) };

/* The range example of 2.5: a processor is group:number, 64 a group. Given: those of the example, of which some are not eligible. */
#define AT(group, number) ((group)*64 + (number))
#define ALONE(group, number)                            \
	{                                               \
		AT(group, number), AT(group, number), 0 \
	}
static const struct plan_cpu groups[] = { ALONE(0, 0),  ALONE(0, 32), ALONE(1, 0),  ALONE(1, 15), ALONE(1, 16),
					  ALONE(1, 31), ALONE(2, 0),  ALONE(2, 63), ALONE(3, 0),  ALONE(3, 8),
					  ALONE(3, 9),  ALONE(3, 31), ALONE(4, 0) };

static const struct order {
	const char *name;
	const struct plan_cpu *cpus;
	size_t n_cpus;
	struct plan_range range; /* base, last, most */
	enum plan_rss_profile profile;
	enum plan_range_error result;
	size_t n;
	unsigned out[MOST];
} orders[] = {
#define ON(cpus) cpus, COUNT(cpus)
	{ "the range example of NDIS",
	  ON(groups),
	  { AT(1, 16), AT(3, 8), 0 },
	  PLAN_RSS_NUMA_STATIC,
	  PLAN_RANGE_OK,
	  6,
	  { AT(1, 16), AT(1, 31), AT(2, 0), AT(2, 63), AT(3, 0), AT(3, 8) } },
	{ "the hyper-thread example: one a core",
	  ON(neighbours),
	  { 0, NO, 0 },
	  PLAN_RSS_NUMA_STATIC,
	  PLAN_RANGE_OK,
	  4,
	  { 0, 2, 4, 6 } },
	{ "by default core 0 stays free",
	  ON(neighbours),
	  { NO, NO, 0 },
	  PLAN_RSS_CLOSEST,
	  PLAN_RANGE_OK,
	  3,
	  { 2, 4, 6 } },
	{ "the field example: nodes in turn",
	  ON(field),
	  { 4, 30, 16 },
	  PLAN_RSS_NUMA_STATIC,
	  PLAN_RANGE_OK,
	  12,
	  { 4, 20, 6, 22, 8, 24, 10, 26, 12, 28, 14, 30 } },
	{ "NUMA: as NUMAStatic", ON(field), { 4, 30, 4 }, PLAN_RSS_NUMA, PLAN_RANGE_OK, 4, { 4, 20, 6, 22 } },
	{ "Closest: the base's node first",
	  ON(field),
	  { 4, 30, 7 },
	  PLAN_RSS_CLOSEST,
	  PLAN_RANGE_OK,
	  7,
	  { 4, 6, 8, 10, 12, 14, 20 } },
	{ "ClosestStatic: as Closest",
	  ON(nodes_2),
	  { 2, NO, 0 },
	  PLAN_RSS_CLOSEST_STATIC,
	  PLAN_RANGE_OK,
	  6,
	  { 2, 3, 4, 5, 6, 7 } },
	{ "a node that ends early leaves the others their turns",
	  ON(nodes_2),
	  { 3, NO, 0 },
	  PLAN_RSS_NUMA_STATIC,
	  PLAN_RANGE_OK,
	  5,
	  { 3, 4, 5, 6, 7 } },
	{ "Closest gathers a node whose processors are scattered",
	  ON(mixed),
	  { 0, NO, 0 },
	  PLAN_RSS_CLOSEST,
	  PLAN_RANGE_OK,
	  7,
	  { 0, 4, 5, 1, 3, 6, 2 } },
	{ "NUMA keeps to the order of the first round",
	  ON(mixed),
	  { 0, NO, 0 },
	  PLAN_RSS_NUMA,
	  PLAN_RANGE_OK,
	  7,
	  { 0, 1, 2, 4, 3, 5, 6 } },
	{ "the base's node is first also when it is not node 0",
	  ON(mixed),
	  { 2, NO, 0 },
	  PLAN_RSS_CLOSEST,
	  PLAN_RANGE_OK,
	  5,
	  { 2, 3, 6, 4, 5 } },
	{ "Conservative: as Closest", ON(mixed), { 1, 5, 3 }, PLAN_RSS_CONSERVATIVE, PLAN_RANGE_OK, 3, { 1, 3, 2 } },
	{ "most cuts after the order is made",
	  ON(nodes_2),
	  { 0, NO, 3 },
	  PLAN_RSS_NUMA,
	  PLAN_RANGE_OK,
	  3,
	  { 0, 4, 1 } },
	{ "one processor", ON(neighbours), { 6, 6, 1 }, PLAN_RSS_NUMA, PLAN_RANGE_OK, 1, { 6 } },
	{ "no such base", ON(neighbours), { 8, NO, 0 }, PLAN_RSS_NUMA, PLAN_RANGE_NO_BASE, 0, { 0 } },
	{ "the base is a sibling", ON(neighbours), { 5, NO, 0 }, PLAN_RSS_CLOSEST, PLAN_RANGE_SIBLING, 0, { 0 } },
	{ "the last one is below the base", ON(neighbours), { 4, 2, 0 }, PLAN_RSS_CLOSEST, PLAN_RANGE_EMPTY, 0, { 0 } },
};

static void
processors_come_in_the_order_of_the_profile(void **state)
{
	for (size_t i = 0; i < COUNT(orders); i++) {
		const struct order *o = &orders[i];
		unsigned out[MOST];
		size_t n = 99;

		print_message("%s\n", o->name);
		assert_int_equal(plan_rss_processors(o->cpus, o->n_cpus, &o->range, o->profile, out, &n), o->result);
		assert_int_equal(n, o->n);
		for (size_t j = 0; j < n; j++)
			assert_int_equal(out[j], o->out[j]);
	}
}

/* 2.4: 16 rows x 8 = 128 entries, 4 queues as processors 4, 20, 6, 22, repeating. */
static void
the_field_example_has_its_table_of_128_entries(void **state)
{
	static const unsigned want[] = { 4, 20, 6, 22 };
	struct plan_range range = { 4, 30, 16 };
	unsigned order[MOST], place[4], rows = 0;
	uint16_t entries[128];
	size_t n;

	assert_int_equal(plan_rss_processors(ON(field), &range, PLAN_RSS_NUMA_STATIC, order, &n), PLAN_RANGE_OK);
	plan_rss_place(PLAN_RSS_NUMA_STATIC, order, n, place, 4);
	plan_rss_table(entries, 128, 4);
	for (size_t row = 0; row < 128 / 8; row++, rows++)
		for (size_t i = 0; i < 8; i++)
			assert_int_equal(place[entries[row * 8 + i]], want[i % 4]);
	assert_int_equal(rows, 16);
}

static const struct place {
	const char *name;
	enum plan_rss_profile profile;
	size_t n_order;
	unsigned order[4];
	size_t n_queues;
	unsigned out[8];
} places[] = {
	{ "static: in turn", PLAN_RSS_NUMA_STATIC, 3, { 1, 2, 3 }, 3, { 1, 2, 3 } },
	{ "more queues than processors", PLAN_RSS_CLOSEST_STATIC, 3, { 5, 1, 3 }, 8, { 5, 1, 3, 5, 1, 3, 5, 1 } },
	{ "fewer queues than processors: a subset", PLAN_RSS_NUMA_STATIC, 4, { 0, 4, 1, 5 }, 2, { 0, 4 } },
	/* under rising load RSS spreads from the base on. */
	{ "Closest begins on the base", PLAN_RSS_CLOSEST, 3, { 2, 3, 1 }, 4, { 2, 2, 2, 2 } },
	{ "NUMA begins on the base", PLAN_RSS_NUMA, 2, { 3, 1 }, 2, { 3, 3 } },
	{ "Conservative begins on the base", PLAN_RSS_CONSERVATIVE, 2, { 1, 0 }, 3, { 1, 1, 1 } },
	{ "one of each", PLAN_RSS_NUMA_STATIC, 1, { 7 }, 1, { 7 } },
};

static void
queues_stand_where_the_profile_puts_them(void **state)
{
	for (size_t i = 0; i < COUNT(places); i++) {
		const struct place *p = &places[i];
		unsigned out[8];

		print_message("%s\n", p->name);
		plan_rss_place(p->profile, p->order, p->n_order, out, p->n_queues);
		for (size_t j = 0; j < p->n_queues; j++)
			assert_int_equal(out[j], p->out[j]);
	}
}

/* No queue has two entries more than another; the sizes are those that a table may have. */
static void
a_table_names_every_queue_as_often_as_the_others(void **state)
{
	uint16_t entries[PLAN_RSS_ENTRIES_MAX];

	for (size_t n = 1; n <= PLAN_RSS_ENTRIES_MAX; n *= 2) {
		for (size_t queues = 1; queues <= 256; queues++) {
			unsigned named[256] = { 0 };

			plan_rss_table(entries, n, queues);
			for (size_t i = 0; i < n; i++) {
				assert_true(entries[i] < queues);
				named[entries[i]]++;
			}
			for (size_t q = 0; q < queues; q++)
				assert_in_range(named[q], n / queues, (n + queues - 1) / queues);
		}
	}
}

/* 2.5: Closest, NUMA and Conservative are rebalanced at run time, the static ones are not. */
static void
the_profiles_have_their_words_and_their_nature(void **state)
{
	static const struct {
		enum plan_rss_profile profile;
		const char *text;
		bool dynamic;
	} rows[] = {
		{ PLAN_RSS_CLOSEST, "closest", true },
		{ PLAN_RSS_CLOSEST_STATIC, "closest-static", false },
		{ PLAN_RSS_NUMA, "numa", true },
		{ PLAN_RSS_NUMA_STATIC, "numa-static", false },
		{ PLAN_RSS_CONSERVATIVE, "conservative", true },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		assert_string_equal(plan_rss_profile_text(rows[i].profile), rows[i].text);
		assert_int_equal(plan_rss_is_dynamic(rows[i].profile), rows[i].dynamic);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(processors_come_in_the_order_of_the_profile),
		cmocka_unit_test(the_field_example_has_its_table_of_128_entries),
		cmocka_unit_test(queues_stand_where_the_profile_puts_them),
		cmocka_unit_test(a_table_names_every_queue_as_often_as_the_others),
		cmocka_unit_test(the_profiles_have_their_words_and_their_nature),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
