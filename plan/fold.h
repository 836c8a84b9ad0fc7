#ifndef PLAN_FOLD_H
#define PLAN_FOLD_H
/*
 * fold.h - to how many of a port's VM queues its indirection table leads: few while there is little to do, all under load (dynamic vRSS).
 *
 * A folded table keeps a quiet port's frames on few queues, so fewer of them have to be looked at and woken for. It opens at once, since
 * one queue cannot be split by moving it; it folds only after a long quiet time, and the two marks lie far apart: a load that comes
 * and goes changes the table no more often than once in that time.
 *
 * Pure: libc only, no clock, no I/O.
 */
#include <stdint.h>

#include "plan/balance.h"

struct plan_fold_port {
	unsigned n;              /* VM queues that it holds, 1 or more */
	unsigned min;            /* that stay in the table at least; beyond n: all */
	unsigned used;           /* in the table now, 1 to n */
	double demand;           /* percent of a processor that all of them have to do together */
	double lost;             /* the most that one of them lost, as a share of its frames */
	uint64_t quiet_since_ns; /* since when there was little to do, 0: there is; in and out */
};

/*
 * How many the table should lead to. Folded, and more than params->low to do, or frames lost: all n. Open, and less than a quarter of
 * low for params->quiet_ns: min. now_ns: of any clock that does not go back, not 0.
 */
unsigned plan_fold(const struct plan_balance_params *params, uint64_t now_ns, struct plan_fold_port *port);
#endif
