#ifndef PLAN_SIMULATE_H
#define PLAN_SIMULATE_H
/*
 * simulate.h - a host in numbers: processors with a capacity, queues with loads, rings, and senders that back off; and three rules
 * that place the queues: plan_balance(), the published rule of OVS's automatic load balancing, and the best placement.
 *
 * In steps of 5 ms a processor shares its time evenly among queues with work. What it cannot do waits on the queue's ring, which holds
 * a millisecond of a processor's work (1024 frames at 1 Mpps); what finds no room is lost. Senders of a TCP load send less after a loss,
 * or wait while the ring is full, and come back slowly. Every 20 ms the rule gets a sample, with an error of up to 5 percent in each value.
 */
#include <stddef.h>
#include <stdint.h>

#include "plan/balance.h"
#include "plan/sim_load.h"

#define SIM_SAMPLE_MS 20

enum sim_rule {
	SIM_OURS, /* plan_balance() */
	/*
	 * Each 10 s it looks which processors were above 95 %; once a minute, if one was in 6 such intervals in a row, the queues are
	 * placed anew by what they used in the last minute, the greatest first to the emptiest processor, if that improves the variance
	 * of the processors' loads by a quarter. When processors come or go all is placed anew at once. (OVS, PMD threads,
	 * "PMD Automatic Load Balance", with pmd-rxq-assign=group, which is the better of its two placements here, and the default
	 * thresholds.)
	 */
	SIM_OVS,
	/*
	 * Each sample all are placed anew by what they want, which it is told: the greatest first to the emptiest processor, or, for up
	 * to 8 queues, the best of all placements. Moves cost it nothing. A bound, not a rule that could be used.
	 */
	SIM_BEST,
	SIM_RULES
};

struct sim_figures {
	unsigned events,
		reached; /* steps that left the host out of balance; those after which it was balanced before the next one */
	double balance_ms; /* the median of these: until it was balanced, and for 100 ms; -1 when none was */
	double moves_per_minute;
	double late_per_minute; /* the same, of the last minute */
	double imbalance; /* the fullest processor through the mean, by what is wanted; mean while more than half of the host is wanted */
	double lost_percent; /* of what was wanted, what was not done */
	double in_use;       /* processors with a queue that wants something, mean over time */
};

/*
 * Plays a load on a host under a rule, ms long. params: of SIM_OURS. Balanced means, for every rule and all params: no processor
 * is above 90 %, or none is more than 10 points above the fullest one of the best placement. Returns 0 or -ENOMEM.
 */
int simulate(struct sim_load *load, enum sim_rule rule, const struct plan_balance_params *params, unsigned ms,
	     struct sim_figures *out);
#endif
