/* cpulist_test.c - the CPUs of our affinity mask, and how the kernel says they lie. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <sched.h>

#include "base/cpulist.h"

#define NO_SUCH_CPU 999999

static void
the_list_is_the_affinity_mask(void **state)
{
	static struct cpu cpus[CPU_SETSIZE];
	cpu_set_t mask;
	unsigned k = 0;
	int n;

	assert_int_equal(sched_getaffinity(0, sizeof(mask), &mask), 0);
	n = cpulist_online(cpus, CPU_SETSIZE);
	assert_int_equal(n, CPU_COUNT(&mask));
	for (unsigned id = 0; id < CPU_SETSIZE; id++)
		if (CPU_ISSET(id, &mask))
			assert_int_equal(cpus[k++].id, id);
}

static void
a_narrower_mask_gives_a_shorter_list(void **state)
{
	cpu_set_t all, one;
	struct cpu cpu;
	unsigned id;

	assert_int_equal(sched_getaffinity(0, sizeof(all), &all), 0);
	for (id = CPU_SETSIZE; id-- > 0 && !CPU_ISSET(id, &all);)
		;
	CPU_ZERO(&one);
	CPU_SET(id, &one);
	assert_int_equal(sched_setaffinity(0, sizeof(one), &one), 0);
	assert_int_equal(cpulist_online(&cpu, 1), 1);
	assert_int_equal(cpu.id, id);
	assert_int_equal(sched_setaffinity(0, sizeof(all), &all), 0);
}

static void
more_than_fit_are_counted_and_not_written(void **state)
{
	struct cpu guard = { 7, 7, 7 };
	cpu_set_t all;

	assert_int_equal(sched_getaffinity(0, sizeof(all), &all), 0);
	assert_int_equal(cpulist_online(&guard, 0), CPU_COUNT(&all));
	assert_int_equal(guard.id, 7);
}

/* A core is named by its lowest CPU, so a CPU's core is a CPU whose core is itself. */
static void
a_core_is_named_by_its_lowest_cpu(void **state)
{
	static struct cpu cpus[CPU_SETSIZE];
	int n = cpulist_online(cpus, CPU_SETSIZE);

	for (int i = 0; i < n; i++) {
		assert_true(cpus[i].core <= cpus[i].id);
		assert_int_equal(cpulist_describe(cpus[i].core).core, cpus[i].core);
	}
}

static void
an_unknown_cpu_is_a_core_of_its_own_on_node_0(void **state)
{
	struct cpu cpu = cpulist_describe(NO_SUCH_CPU);

	assert_int_equal(cpu.id, NO_SUCH_CPU);
	assert_int_equal(cpu.core, NO_SUCH_CPU);
	assert_int_equal(cpu.numa, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_list_is_the_affinity_mask),
		cmocka_unit_test(a_narrower_mask_gives_a_shorter_list),
		cmocka_unit_test(more_than_fit_are_counted_and_not_written),
		cmocka_unit_test(a_core_is_named_by_its_lowest_cpu),
		cmocka_unit_test(an_unknown_cpu_is_a_core_of_its_own_on_node_0),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
