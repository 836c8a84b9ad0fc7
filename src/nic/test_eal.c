/* test_eal.c - what tests of the data path stand on; see test_eal.h. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_eal.h>

#include "base/qsbr.h"
#include "nic/test_eal.h"
#include "nic/vport.h"

int
test_eal_start(void **state)
{
	static char text[][32] = { "test",
				   "--no-huge",
				   "--no-pci",
				   "--no-telemetry",
				   "--no-shconf",
				   "-m",
				   "64",
				   "--lcores",
				   "0@0",
				   "--log-level=*:error",
				   "--log-level=lib.eal:critical" };
	char *argv[RTE_DIM(text)];
	cpu_set_t cpus;
	int ret;

	for (unsigned i = 0; i < RTE_DIM(text); i++)
		argv[i] = text[i];
	sched_getaffinity(0, sizeof(cpus), &cpus);
	setenv("RUNTIME_DIRECTORY", "/proc/none", 1); /* or EAL makes a folder and leaves it, as ctl/eal.c says */
	ret = rte_eal_init(RTE_DIM(argv), argv);
	unsetenv("RUNTIME_DIRECTORY");
	sched_setaffinity(0, sizeof(cpus), &cpus); /* EAL pins its caller */
	if (ret < 0 || qsbr_init() < 0)
		return -1;
	vport_set_lanes(TEST_LANES);
	return 0;
}

void
test_processors_open(unsigned n, unsigned speed_percent)
{
	for (unsigned i = 0; i < n; i++) {
		processors[i] = processor_new(i, 0, speed_percent, false);
		assert_non_null(processors[i]);
		processors[i]->core = i;
	}
	n_processors = n;
}

void
test_processors_close(void)
{
	qsbr_reclaim();
	for (unsigned i = 0; i < n_processors; i++) {
		processor_free(processors[i]);
		processors[i] = NULL;
	}
	n_processors = 0;
}

struct rte_mempool *
test_pool_open(unsigned n)
{
	static unsigned opened;
	struct rte_mempool *pool;
	char name[32];

	snprintf(name, sizeof(name), "test.%u", opened++);
	pool = rte_pktmbuf_pool_create(name, n, 0, 0, RTE_PKTMBUF_HEADROOM + 2048, SOCKET_ID_ANY);
	assert_non_null(pool);
	return pool;
}

struct rte_mbuf *
test_mbuf(struct rte_mempool *pool, const void *bytes, uint32_t len)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(pool);

	if (m != NULL)
		memcpy(rte_pktmbuf_append(m, (uint16_t)len), bytes, len);
	return m;
}
