#ifndef CLI_TOP_CLOCK_H
#define CLI_TOP_CLOCK_H
/*
 * top_clock.h - the time, for rates: base/clock.h is the data path's and needs DPDK, which the command line does not link.
 */
#include <stdint.h>
#include <time.h>

/* CLOCK_MONOTONIC, ns; never 0 on a machine that has booted. */
static inline uint64_t
top_clock_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000ull + (uint64_t)ts.tv_nsec;
}
#endif
