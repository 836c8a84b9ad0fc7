#ifndef PLAN_VMQ_H
#define PLAN_VMQ_H
/*
 * vmq.h - which vports get a VM queue, and which processor each queue stands on. Static VMQ.
 *
 * Pure decisions: libc only, no clock, no I/O; the same input gives the same answer. Rules:
 *
 *  - The usable processors begin with the base; hyper-thread siblings are skipped (NDIS: one logical processor a core).
 *  - Queues are handed out first come, first served. Among those that wait when a queue is free the higher weight goes
 *    first, then who came first. Weight 0 never gets one.
 *  - Nothing is taken from a holder, and its queue stays on its processor, except: its weight is now 0, its processor is not
 *    usable any more (it is placed anew), or there are fewer queues than holders (who came last loses).
 *  - A new queue stands on the usable processor with the fewest queues, in list order; the default queue, which always
 *    stands on the base, counts as one.
 */
#include <stddef.h>

#define PLAN_NONE (-1)

struct plan_cpu {
	unsigned processor; /* its number */
	unsigned core;      /* physical core: equal for siblings; 0 is the first core of the host */
	unsigned numa;      /* its node */
};

enum plan_range_error {
	PLAN_RANGE_OK,
	PLAN_RANGE_NO_BASE, /* no processor of that number */
	PLAN_RANGE_SIBLING, /* the base is a sibling of a lower processor */
	PLAN_RANGE_EMPTY,   /* the last processor lies below the base */
};

struct plan_range {
	int base; /* number of a processor; PLAN_NONE: the first one that is not on core 0 when there are more than two, else the first */
	int last;      /* highest number that may be used, inclusive; it need not exist. PLAN_NONE: no limit */
	unsigned most; /* how many; 0: all */
};

/*
 * The usable processors: fills out[0..n_cpus) in order and *n, at least 1 with PLAN_RANGE_OK. cpus[0..n_cpus): rising by number.
 * Emulated processors: give each a core of its own.
 */
enum plan_range_error plan_vmq_range(const struct plan_cpu *cpus, size_t n_cpus, const struct plan_range *range,
				     unsigned *out, size_t *n);

struct plan_vmq_vport {
	unsigned weight; /* 0 to 100 */
	int queue;       /* VM queue that it holds, 1 to queues, or PLAN_NONE; in and out */
	int processor;   /* of that queue, or PLAN_NONE; in and out */
};

/*
 * Decides anew. vports[0..n) in the order in which they came. queues: VM queues of the adapter, numbered from 1; the default queue is 0.
 * usable[0..n_usable), n_usable >= 1, from plan_vmq_range.
 */
void plan_vmq_assign(struct plan_vmq_vport *vports, size_t n, unsigned queues, const unsigned *usable, size_t n_usable);
#endif
