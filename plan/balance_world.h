#ifndef PLAN_BALANCE_WORLD_H
#define PLAN_BALANCE_WORLD_H
/* balance_world.h - a small host for the balancer's tests: what stands where, and one sample after the other. */
#include <stdbool.h>
#include <string.h>

#include "plan/balance.h"

#define WORLD_QUEUES 1024
#define MS 1000000ull
#define S (1000 * MS)

struct world {
	struct plan_balance_params params;
	struct plan_balance_state state;
	struct plan_balance_processor processors[PLAN_BALANCE_PROCESSORS_MAX];
	double other[PLAN_BALANCE_PROCESSORS_MAX]; /* percent, what a processor does beside its queues */
	struct plan_balance_queue queues[WORLD_QUEUES];
	struct plan_balance_move moves[WORLD_QUEUES];
	struct plan_balance_result result;
	size_t n_processors, n_queues, most;
	uint64_t now_ns;
};

/* Usable processors of one node without queues. */
static inline void
world_begin(struct world *w, size_t n_processors)
{
	memset(w, 0, sizeof(*w));
	w->params = plan_balance_defaults;
	w->n_processors = n_processors;
	w->most = WORLD_QUEUES;
	w->now_ns = 100 * S;
	for (size_t p = 0; p < n_processors; p++)
		w->processors[p].usable = true;
}

/* One more queue on processor p, which may stand anywhere, at home on 0. Returns its index. */
static inline unsigned
world_queue(struct world *w, unsigned p, double demand)
{
	struct plan_balance_queue *q = &w->queues[w->n_queues];

	for (size_t k = 0; k < w->n_processors; k++) {
		q->allowed |= (uint64_t)1 << k;
		q->order[k] = (uint8_t)k;
	}
	q->n_order = (uint8_t)w->n_processors;
	q->processor = (uint8_t)p;
	q->demand = demand;
	return (unsigned)w->n_queues++;
}

/* Percent of processor p that its queues and the rest want. */
static inline double
world_load(const struct world *w, unsigned p)
{
	double load = w->other[p];

	for (size_t i = 0; i < w->n_queues; i++)
		load += w->queues[i].processor == p ? w->queues[i].demand : 0;
	return load;
}

/* A sample 20 ms after the last one; a processor does at most 100 %. Returns how many queues moved. */
static inline unsigned
world_sample(struct world *w)
{
	w->now_ns += 20 * MS;
	for (unsigned p = 0; p < w->n_processors; p++) {
		double load = world_load(w, p);

		w->processors[p].load = load < 100 ? load : 100;
	}
	plan_balance(&w->params, &w->state, w->now_ns, w->processors, w->n_processors, w->queues, w->n_queues, w->moves,
		     w->most, &w->result);
	return w->result.n_moves;
}

/* Samples for so long; returns how many queues moved. */
static inline unsigned
world_run(struct world *w, uint64_t ns)
{
	unsigned moves = 0;

	for (uint64_t end = w->now_ns + ns; w->now_ns < end;)
		moves += world_sample(w);
	return moves;
}

/* How many queues stand on p. */
static inline unsigned
world_count(const struct world *w, unsigned p)
{
	unsigned n = 0;

	for (size_t i = 0; i < w->n_queues; i++)
		n += w->queues[i].processor == p;
	return n;
}
#endif
