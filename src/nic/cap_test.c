/* cap_test.c - a capped loop gets its share of CPU time, and a cap of nothing costs nothing. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "nic/cap.h"
#include "nic/test_eal.h"

#define WALL_MS 500
#define WAIT_MAX_MS 25 /* of 500: more, and the core was not ours to have a share of */
#define TRIES 5

/* Time that this thread was runnable and did not run, ns: the second word of schedstat. */
static uint64_t
waited_ns(void)
{
	unsigned long long run, wait = 0;
	FILE *f = fopen("/proc/thread-self/schedstat", "re");

	assert_non_null(f);
	assert_int_equal(fscanf(f, "%llu %llu", &run, &wait), 2);
	fclose(f);
	return wait;
}

static void
sleep_ns(uint64_t ns)
{
	struct timespec ts = { (time_t)(ns / NSEC_PER_S), (long)(ns % NSEC_PER_S) };

	nanosleep(&ts, NULL);
}

/* Burns burst_us of CPU time at a time for WALL_MS, pausing as told. Returns percent of a core used. */
static double
burn(unsigned percent, unsigned burst_us)
{
	uint64_t begin = clock_ns(), cpu = clock_thread_cpu_ns(), end = begin + WALL_MS * NSEC_PER_MS;
	struct cap cap;

	cap_init(&cap, percent);
	while (clock_ns() < end) {
		uint64_t until = clock_thread_cpu_ns() + burst_us * NSEC_PER_US, pause;

		while (clock_thread_cpu_ns() < until)
			;
		pause = cap_pause_ns(&cap, clock_cycles());
		if (pause > 0)
			sleep_ns(pause);
	}
	return 100.0 * (double)(clock_thread_cpu_ns() - cpu) / (double)(clock_ns() - begin);
}

/* Never more than the share; not much less either, in a window in which the core was there when it was wanted. */
static void
expect_share(unsigned percent, unsigned burst_us)
{
	double got = 0;

	for (int i = 0; i < TRIES; i++) {
		uint64_t waited = waited_ns();

		got = burn(percent, burst_us);
		if (got > percent * 1.2)
			fail_msg("%u %% in bursts of %u us: used %.1f %%", percent, burst_us, got);
		if (got >= percent * 0.8)
			return;
		if (waited_ns() - waited < WAIT_MAX_MS * NSEC_PER_MS)
			fail_msg("%u %% in bursts of %u us: used only %.1f %%", percent, burst_us, got);
	}
	print_message("          the machine is too busy to tell: %u %%, used %.1f %%\n", percent, got);
}

static void
a_capped_loop_uses_its_share_of_cpu_time(void **state)
{
	expect_share(10, 5);
	expect_share(25, 50);
	expect_share(50, 20);
}

/* A burst longer than the whole budget is a debt that is paid before the next one. */
static void
long_bursts_are_paid_back(void **state)
{
	expect_share(10, 2000);
}

static void
no_cap_means_no_pause(void **state)
{
	struct cap cap;

	cap_init(&cap, 0);
	for (int i = 0; i < 100000; i++)
		assert_int_equal(cap_pause_ns(&cap, clock_cycles()), 0);
}

/* Between two samples nothing is asked of the kernel: 0.5 us each time would be a burst's worth. */
static void
calls_within_the_sample_gap_ask_nothing(void **state)
{
	uint64_t now = clock_cycles();
	struct cap cap;

	cap_init(&cap, 1);
	cap_pause_ns(&cap, now);
	for (uint64_t until = clock_thread_cpu_ns() + 5 * NSEC_PER_MS; clock_thread_cpu_ns() < until;)
		;
	assert_int_equal(cap_pause_ns(&cap, now + 1), 0);
	/* The same moment, told as later: 5 ms at 1 % are half a second of debt, less what was saved up. */
	assert_in_range(cap_pause_ns(&cap, now + clock_us_to_cycles(1000000)), 400 * NSEC_PER_MS, 600 * NSEC_PER_MS);
}

/* Idle time is not saved up without end: after a long sleep, a share of 2 ms at most (20 us of 1 %) is free. */
static void
idle_time_is_saved_for_one_period_only(void **state)
{
	uint64_t start;
	struct cap cap;

	cap_init(&cap, 1);
	sleep_ns(100 * NSEC_PER_MS); /* 1 ms of CPU time at 1 %, were it all saved */
	cap_pause_ns(&cap, clock_cycles());
	start = clock_thread_cpu_ns();
	while (clock_thread_cpu_ns() - start < 500 * NSEC_PER_US)
		;
	assert_true(cap_pause_ns(&cap, clock_cycles() + clock_us_to_cycles(1000)) > 20 * NSEC_PER_MS);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_capped_loop_uses_its_share_of_cpu_time),
		cmocka_unit_test(long_bursts_are_paid_back),
		cmocka_unit_test(no_cap_means_no_pause),
		cmocka_unit_test(calls_within_the_sample_gap_ask_nothing),
		cmocka_unit_test(idle_time_is_saved_for_one_period_only),
	};

	return cmocka_run_group_tests(tests, test_eal_start, NULL);
}
