/* direct.c - a front end in a sleeping worker's place; see direct.h. */
#include "nic/direct.h"

#include "base/clock.h"

#define FRAMES_MAX 4 /* a first frame and what came with it; more is load. Our choice */
#define GAP_US 100   /* a second frame sooner than that is the worker's, who then stays awake for a while. Our choice */
#define SHARE 10 /* at most one part in so many of the front end's time: a flood to a thousand ports takes some ms */

static _Atomic(direct_forward) forward;

void
direct_register(direct_forward how)
{
	atomic_store_explicit(&forward, how, memory_order_release);
}

/*
 * Whether q is cold and the worker of its processor p sleeps, or is about to, and need not be seen to work. This may be past
 * already: then the queue is busy, moved, or served once by us and looked at in vain by the worker. The bit comes first, which
 * is read by whoever kicks: the other words lie beside what the worker writes.
 */
static bool
is_asleep(const struct queue *q, unsigned p)
{
	return p < n_processors && !hotset_has(&processors[p]->hot, q->id) && processors[p]->speed_percent == 0 &&
	       atomic_load_explicit(&processors[p]->armed, memory_order_relaxed);
}

bool
direct_deliver(struct direct *d, struct lane *lane, struct rxring *r)
{
	unsigned p = queue_processor(r->queue), n;
	direct_forward how;
	uint64_t begin, took;

	if (!is_asleep(r->queue, p) || rxring_held(r) > FRAMES_MAX)
		return false;
	how = atomic_load_explicit(&forward, memory_order_acquire);
	begin = clock_cycles();
	if (how == NULL || begin < d->next_at || !queue_enter(r->queue, p))
		return false;
	n = how(lane, r->queue, &r->source);
	queue_leave(r->queue, p);
	count_add(&d->packets, n);
	took = clock_cycles() - begin;
	d->next_at = begin + took + RTE_MAX(clock_us_to_cycles(GAP_US), took * (SHARE - 1));
	return n > 0 && !r->source.ops->pending(&r->source);
}
