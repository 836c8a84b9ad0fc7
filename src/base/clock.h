#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H
/*
 * clock.h - time: the cycle counter for the data path, nanoseconds for everything else. Any thread.
 */
#include <stdint.h>
#include <time.h>

#include <rte_cycles.h>

#define NSEC_PER_S 1000000000ull
#define NSEC_PER_MS 1000000ull
#define NSEC_PER_US 1000ull

/* CLOCK_MONOTONIC, ns. */
static inline uint64_t
clock_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * NSEC_PER_S + (uint64_t)ts.tv_nsec;
}

/* CPU time of the calling thread, ns. Costs about half a microsecond (a real system call): sample it, rarely. */
static inline uint64_t
clock_thread_cpu_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * NSEC_PER_S + (uint64_t)ts.tv_nsec;
}

/* The cycle counter; constant rate on every machine that DPDK supports. */
static inline uint64_t
clock_cycles(void)
{
	return rte_get_tsc_cycles();
}

/* Cycles in us microseconds. Valid after EAL start. */
static inline uint64_t
clock_us_to_cycles(uint64_t us)
{
	return us * rte_get_tsc_hz() / 1000000;
}

static inline uint64_t
clock_cycles_to_ns(uint64_t cycles)
{
	return (uint64_t)((double)cycles * 1e9 / (double)rte_get_tsc_hz());
}
#endif
