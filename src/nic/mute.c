/* mute.c - see mute.h. */
#include "nic/mute.h"

#include <rte_prefetch.h>

#include "base/clock.h"

#define AHEAD 4 /* queues whose lines are on their way. Our choice */

/* The shortest look_us of q's mute sources; 0: it has none. */
static unsigned
most_us(struct queue *q)
{
	unsigned us = 0;

	for (int i = 0; i < QUEUE_SOURCES; i++) {
		struct source *s = atomic_load_explicit(&q->source[i], memory_order_acquire);

		if (s != NULL && source_is_mute(s) && (us == 0 || s->look_us < us))
			us = s->look_us;
	}
	return us;
}

static void
set_gap(struct queue *q, unsigned us)
{
	atomic_store_explicit(&q->mute_us, us, memory_order_relaxed);
}

/* In so many us from now on; returns when that is. */
static uint64_t
look_in(struct queue *q, uint64_t now, unsigned us)
{
	uint64_t at = now + clock_us_to_cycles(us);

	set_gap(q, us);
	atomic_store_explicit(&q->mute_at, at, memory_order_relaxed);
	return at;
}

void
mute_cool(struct processor *p, struct queue *q)
{
	uint64_t at;

	if (most_us(q) == 0) {
		set_gap(q, 0);
		return;
	}
	at = look_in(q, clock_cycles(), MUTE_FIRST_US);
	hotset_put(&p->alert, q->id);
	p->mute_first = RTE_MIN(p->mute_first, at);
}

static bool
is_mine(const struct processor *p, const struct queue *q)
{
	return q != NULL && queue_processor(q) == p->id;
}

/* Returns when to look at it again; 0: not as one that was busy a moment ago. */
static uint64_t
look_at(struct processor *p, struct queue *q, uint64_t now)
{
	uint64_t at = atomic_load_explicit(&q->mute_at, memory_order_relaxed);
	unsigned us = 2 * atomic_load_explicit(&q->mute_us, memory_order_relaxed), most;

	if (at > now)
		return at;
	if (queue_has_work(q)) {
		hotset_put(&p->hot, q->id);
		return 0;
	}
	most = most_us(q);
	if (us < most)
		return look_in(q, now, us);
	set_gap(q, most);
	p->mute_scan = RTE_MIN(p->mute_scan, now + clock_us_to_cycles(most));
	return 0;
}

/* Those that were busy a moment ago. Returns when the next one is due. */
static uint64_t
look_at_alert(struct processor *p, uint64_t now)
{
	uint64_t next = UINT64_MAX;

	for (int id = hotset_next(&p->alert, 0); id >= 0; id = hotset_next(&p->alert, (unsigned)id + 1)) {
		struct queue *q = atomic_load_explicit(&queue_table[id], memory_order_acquire);
		uint64_t at = 0;

		if (is_mine(p, q) && !hotset_has(&p->hot, (unsigned)id))
			at = look_at(p, q, now);
		if (at == 0)
			hotset_clear(&p->alert, (unsigned)id);
		else
			next = RTE_MIN(next, at);
	}
	return next;
}

/* Those that are quiet. */
static void
look_at_quiet(struct processor *p, uint64_t now)
{
	const struct queue_list *list = atomic_load_explicit(&p->queues, memory_order_acquire);
	unsigned least = 0;

	for (unsigned i = 0; list != NULL && i < list->n; i++) {
		struct queue *q = list->queue[i];
		unsigned us;

		if (i + AHEAD < list->n)
			rte_prefetch0(list->queue[i + AHEAD]);
		if (!is_mine(p, q) || hotset_has(&p->hot, q->id) || hotset_has(&p->alert, q->id))
			continue;
		us = most_us(q);
		if (us == 0)
			continue;
		if (queue_has_work(q))
			hotset_put(&p->hot, q->id);
		if (least == 0 || us < least)
			least = us;
	}
	p->mute_scan = least > 0 ? now + clock_us_to_cycles(least) : UINT64_MAX;
}

void
mute_look(struct processor *p, uint64_t now)
{
	uint64_t next;

	if (now < p->mute_first)
		return;
	next = look_at_alert(p, now);
	if (now >= p->mute_scan)
		look_at_quiet(p, now);
	p->mute_first = RTE_MIN(next, p->mute_scan);
}

void
queue_expect(struct queue *q)
{
	unsigned p = queue_processor(q), us;

	if (p < n_processors && hotset_has(&processors[p]->hot, q->id))
		return;
	us = atomic_load_explicit(&q->mute_us, memory_order_relaxed);
	if (us == 0 || us > MUTE_SOON_US)
		queue_kick(q);
}
