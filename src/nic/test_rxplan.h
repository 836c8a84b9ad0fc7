#ifndef NIC_TEST_RXPLAN_H
#define NIC_TEST_RXPLAN_H
/*
 * test_rxplan.h - for tests of receive plans: eight rings with a queue each on three processors, and plans that deal them to vports.
 */
#include "nic/rxplan.h"

#define WORKERS 3
#define RINGS 8
#define VPORTS 3 /* the default one, and two with a filter in some plans */

extern struct rte_mempool *pool;
extern struct queue *queues[RINGS];
extern struct rxring *rings[RINGS];
extern struct rxplan *_Atomic plan; /* what close_rings frees */

/* Group: EAL and the pool; per test: processors without workers, queue i and ring i on processor i mod WORKERS. */
int open_all(void **state);
int close_all(void **state);
int open_rings(void **state);
int close_rings(void **state);

/* The address that vport v has a filter for, unless its row says another. */
struct mac mac_of(unsigned v);

/* A vport: rings by number, ended by -1, how many of them the table leaves out, and its filter's VLAN. */
struct vport_row {
	int ring[RINGS + 1];
	unsigned spared;
	uint16_t vid;
	unsigned mac; /* 0: as its place in the plan */
};

/* A plan of n rows, made to follow `former`. key: 0 or 1, one of two. */
struct rxplan *plan_of(const struct rxplan *former, const struct vport_row *rows, unsigned n, unsigned entries,
		       unsigned key);

bool is_limited(unsigned ring);
#endif
