#ifndef NIC_TEST_EAL_H
#define NIC_TEST_EAL_H
/*
 * test_eal.h - for tests: DPDK on ordinary memory, grace periods, processors without workers, and frames in mbufs.
 *
 * One thread, the test's own, is "control"; a test that calls data-path functions itself is the only lane then.
 */
#include <rte_mbuf.h>

#include "nic/processor.h"

#define TEST_LANES 8

/* Group setup, once per program: EAL without devices, telemetry and shared files, qsbr, TEST_LANES lanes. 0 or -1. */
int test_eal_start(void **state);

/* Makes processors 0..n-1 without workers, each on a core of its own as far as they know; and frees them. Fail the test without memory. */
void test_processors_open(unsigned n, unsigned speed_percent);
void test_processors_close(void);

/* n packet buffers of 2048 bytes. */
struct rte_mempool *test_pool_open(unsigned n);

/* A frame in an mbuf of pool; NULL when the pool is empty. */
struct rte_mbuf *test_mbuf(struct rte_mempool *pool, const void *bytes, uint32_t len);
#endif
