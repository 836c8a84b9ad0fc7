#ifndef PLAN_SIM_RULE_H
#define PLAN_SIM_RULE_H
/* sim_rule.h - how a simulated host asks a rule where its queues shall stand. */
#include "plan/balance.h"
#include "plan/sim_load.h"
#include "plan/simulate.h"

#define SIM_INTERVALS 6 /* OVS: 10 s each, a minute */

/* What a rule sees, and keeps. */
struct sim_rule_state {
	enum sim_rule rule;
	const struct plan_balance_params *params;
	unsigned n_processors, n_queues;
	struct plan_balance_processor processors[SIM_PROCESSORS_MAX];
	struct plan_balance_queue queues[SIM_QUEUES_MAX]; /* the samples; and where each queue stands */
	const double *want;                               /* what they want in truth: for SIM_BEST */
	/* SIM_OURS */
	struct plan_balance_state balance;
	struct plan_balance_move moves[SIM_QUEUES_MAX];
	/* SIM_OVS */
	double used[SIM_QUEUES_MAX][SIM_INTERVALS + 1]; /* percent, mean of each interval; [0] is the one that runs */
	double busy[SIM_PROCESSORS_MAX];                /* percent, sum over the samples of this interval */
	unsigned above[SIM_PROCESSORS_MAX];             /* intervals in a row */
	unsigned samples, intervals;
	uint64_t usable;               /* of SIM_BEST, too: when it placed last */
	double placed[SIM_QUEUES_MAX]; /* SIM_BEST: what it placed by */
};

/* Asks for a placement at t_ms; returns how many queues moved. */
unsigned sim_rule_ask(struct sim_rule_state *s, unsigned t_ms);

/*
 * The greatest of demand[0..n_queues) first to the emptiest usable processor: fills place[]. Returns how full the fullest one is.
 * Exact for up to 8 queues on up to 4 processors.
 */
double sim_place_best(const struct sim_rule_state *s, const double *demand, uint8_t *place);
#endif
