/* thread_test.c - a thread has its name and its CPU, or there is none. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <unistd.h>

#include "base/thread.h"

static _Atomic bool stop;
static _Atomic unsigned begun;

static void *
run(void *arg)
{
	atomic_fetch_add(&begun, 1);
	while (!atomic_load(&stop))
		usleep(1000);
	return arg;
}

static void
a_thread_has_its_name_and_its_cpu(void **state)
{
	int cpus[] = { sched_getcpu(), THREAD_ANY_CPU };

	for (unsigned i = 0; i < 2; i++) {
		cpu_set_t is, ours;
		char name[16];
		pthread_t t;
		void *result;

		atomic_store(&stop, false);
		assert_int_equal(thread_start(&t, "fl-test-15bytes", cpus[i], run, &stop), 0);
		assert_int_equal(pthread_getname_np(t, name, sizeof(name)), 0);
		assert_string_equal(name, "fl-test-15bytes");
		assert_int_equal(pthread_getaffinity_np(t, sizeof(is), &is), 0);
		sched_getaffinity(0, sizeof(ours), &ours);
		assert_int_equal(CPU_COUNT(&is), i == 0 ? 1 : CPU_COUNT(&ours));
		assert_true(i == 1 || CPU_ISSET(cpus[0], &is));
		atomic_store(&stop, true);
		pthread_join(t, &result);
		assert_ptr_equal(result, &stop);
	}
}

static void
a_cpu_that_does_not_exist_starts_nothing(void **state)
{
	unsigned before = atomic_load(&begun);
	pthread_t t;

	assert_int_equal(thread_start(&t, "fl-test", CPU_SETSIZE - 1, run, NULL), -EINVAL);
	usleep(20000);
	assert_int_equal(atomic_load(&begun), before);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_thread_has_its_name_and_its_cpu),
		cmocka_unit_test(a_cpu_that_does_not_exist_starts_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
