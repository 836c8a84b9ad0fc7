#ifndef PLAN_VMQ_H
#define PLAN_VMQ_H
/*
 * vmq.h - which vports get VM queues, and which processor each queue stands on.
 *
 * Pure decisions: libc only, no clock, no I/O; the same input gives the same answer. Rules:
 *
 *  - The usable processors begin with the base; hyper-thread siblings are skipped (NDIS: one logical processor a core).
 *  - A vport asks for one VM queue, or, when its frames are spread (vRSS, VMMQ), for one for each of its queue pairs. It may get fewer.
 *  - Queues are handed out first come, first served: as many as it asks for, as far as they go. Among those that wait when a queue is
 *    free those without any go first, of these the higher weight, then who came first. Weight 0 never gets one.
 *  - Nothing is taken from a holder, and its first queue stays on its processor, except: its weight is now 0, it asks for fewer, its
 *    processor is not usable any more (it is placed anew), or there are fewer queues than are held (then each keeps one before any keeps
 *    a second, and who came last loses).
 *  - A new first queue stands on the usable processor with the fewest queues, in list order; the default queue, which always
 *    stands on the base, counts as one. The others follow on the next usable processors. With dynamic VMQ all begin on the base, and
 *    the balancer moves them.
 */
#include <stdbool.h>
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
	unsigned weight;      /* 0 to 100 */
	int queue;            /* number of its VM queues, 1 to queues and nobody else's, or PLAN_NONE; in and out */
	int processor;        /* of the first of them, or PLAN_NONE; in and out */
	unsigned granted;     /* how many it holds; 0 with PLAN_NONE; in and out */
	unsigned asked;       /* how many it asks for, 1 or more */
	bool exclude_primary; /* none but the first on the first one's processor, when there are others */
};

struct plan_vmq_pool {
	unsigned queues;        /* VM queues of the adapter, beside the default queue */
	const unsigned *usable; /* processors: n_usable >= 1 of them, from plan_vmq_range */
	size_t n_usable;
	bool dynamic;
};

/* Decides anew. vports[0..n) in the order in which they came. */
void plan_vmq_assign(struct plan_vmq_vport *vports, size_t n, const struct plan_vmq_pool *pool);

/*
 * The processor for queue i of a vport whose first one stands on `primary`: the i-th after it in the list, which begins again at its end.
 * exclude_primary: primary itself is left out for i > 0, when it is not the only one.
 */
unsigned plan_vmq_pair(const struct plan_vmq_pool *pool, unsigned primary, unsigned i, bool exclude_primary);
#endif
