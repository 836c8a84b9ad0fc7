#ifndef NIC_BALANCER_H
#define NIC_BALANCER_H
/*
 * balancer.h - moves queues between processors while traffic runs: samples what they cost, asks plan/balance.c, carries it out.
 *
 * Which queues:
 *
 *	adapter			queues
 *	vmq, dynamic		a member's queue pairs together, when it holds a VM queue and vRSS is off; where vRSS is on and its
 *				scheduling dynamic, each VM queue by itself
 *	rss, dynamic profile	the adapter's receive queues
 *
 * Everything else stays where it is, and counts as load (balancer_sample.h): default queues, pinned queues, members without a VM queue,
 * and all queues of an adapter that is not dynamic.
 *
 * Where vRSS is dynamic it also folds and opens the port's table (plan/fold.h).
 *
 * Cost: a thousand queues are read in some tens of microseconds. Whatever a run costs, the next one comes no sooner than 250 times as long
 * after it: it stays below half a percent of a processor; and while no queue has work, every 50 ms is enough.
 *
 * Control thread only.
 */
#include "nic/adapter.h"
#include "nic/balancer_events.h"

struct balancer;

/* Returns NULL without memory. */
struct balancer *balancer_new(void);
void balancer_free(struct balancer *b);

/* Whether a has queues that the balancer may move under its present settings. */
bool balancer_wants(const struct adapter *a);

/*
 * One run over adapters[0..n), of which it passes over those that balancer_wants does not say yes to. now_ns: CLOCK_MONOTONIC. Returns in how many
 * ns the next run is due; 0: there is nothing to balance, none before settings change. Without memory it leaves an adapter alone.
 */
uint64_t balancer_run(struct balancer *b, struct adapter *const *adapters, unsigned n, uint64_t now_ns);

/* q was just moved from processor `from` by hand: tells, and lets it rest like a queue that the balancer moved. */
void balancer_moved_by_hand(struct queue *q, unsigned from);

/* What it has done so far, and what it cost; cpu_ns: CPU time. b: NULL for none, all 0. */
struct balancer_stats {
	uint64_t runs, moves, cpu_ns;
	unsigned queues; /* seen in the last run */
};
struct balancer_stats balancer_stats(const struct balancer *b);
#endif
