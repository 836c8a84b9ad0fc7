/*
 * worker.c - the loop of a processor. Read this file first.
 *
 * A packet's walk:
 *
 *	source queue (TAP, receive ring)	worker_queue: mark the queue busy, take a burst
 *	header copied, parsed, checked		source_enter: switch_input, first pass (vsw/forward.c)
 *	source check, VLAN, learn, look up
 *	grouped by receiver			switch_input, second pass
 *	copied once into the receiver's sink	sink->put (guest/tap.c, nic/uplink_tx.c)
 *	buffers given back in order		source->give, unmark the queue
 *
 * and only then the next queue. A round visits each hot queue once, so one busy queue costs the others a burst, not their
 * turn, and idle ones nothing. A queue that had nothing for a while cools: whoever fills it is asked to kick.
 *
 * Sleep. A worker that found nothing for a moment cools all, and sleeps in one epoll_wait; nic/hotset.h has the protocol.
 * Every 100 ms it looks at all queues in any case, and counts a missed kick when it finds something; at what nobody kicks it looks
 * more often (nic/mute.h). Under load it does not
 * sleep so: when a round was thin it naps, so that bursts are full and nobody pays for a kick; nic/pace.h says how long. However it
 * sleeps, an interrupt of a receiver that was held back (nic/hold.h) is sent in time.
 */
#include "worker.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/qsbr.h"
#include "base/thread.h"
#include "nic/cap.h"
#include "nic/frontend.h"
#include "nic/hold.h"
#include "nic/mute.h"
#include "nic/pace.h"
#include "nic/queue.h"

#define SAFETY_MS 100 /* the timer of the sleep protocol; also how soon a stop is seen without a wake-up */
#define BLIND_MS 1    /* the same for an uplink that cannot wake, and for a kick that may be on its way */
#define HOT_US 200  /* without a packet until a queue cools: kicks, at 5 us each, then take 2.5 % of the time at most */
#define EPOLL_US 20 /* how long descriptors may wait while memory queues are busy. Our choice */
#define SPIN_US 10  /* "polls a little" before it arms; about what a sleep and a kick cost */
_Static_assert(HOT_US > PACE_MAX_US, "a nap without a packet cools no queue");

struct worker {
	struct processor *p;
	struct lane *lane;
	struct cap cap;
	uint64_t spin_cycles, epoll_cycles, hot_cycles, ms_cycles;
	uint64_t now, last_work, last_epoll, next_look; /* cycles; next_look: at all queues */
	struct pace pace;
	/* Since the last nap: */
	struct pace_ring fullest;
	unsigned untold; /* packets of sources that do not tell how many waited */
	bool thick;      /* this round: a source gave half a burst, or has more */
};

/* Takes and forwards one burst of a source of q, which the caller has marked busy. Returns its packets. */
static unsigned
forward_burst(struct lane *lane, struct queue *q, struct source *s)
{
	unsigned n = s->ops->take(s, lane), dropped;
	struct burst *b = &lane->burst;
	uint64_t bytes = 0;

	if (n == 0)
		return 0;
	for (unsigned i = 0; i < n; i++)
		bytes += b->pkt[i].len;
	dropped = source_enter(s, lane);
	if (s->ops->give != NULL)
		s->ops->give(s, lane);
	count_add(&q->packets, n);
	count_add(&q->bytes, bytes);
	count_add(&q->drops, dropped);
	return n;
}

static unsigned
worker_source(struct worker *w, struct queue *q, struct source *s, int which)
{
	unsigned n = forward_burst(w->lane, q, s);

	if (n == 0)
		return 0;
	if (s->slots > 0) {
		w->thick |= s->waiting > n;
		pace_find(&w->fullest, s->waiting, s->slots);
		atomic_store_explicit(&q->backlog[which], s->slots << 16 | s->waiting, memory_order_relaxed);
	} else {
		w->thick |= n >= PKT_BURST / 2 || source_has_work(s);
		w->untold += n;
	}
	return n;
}

/* One look at the clock for each queue with work: what passed since the last one is this queue's. */
static void
worked_at(struct worker *w, struct queue *q)
{
	uint64_t now = clock_cycles();

	count_add(&q->cycles, now - w->now);
	atomic_store_explicit(&q->worked, now, memory_order_relaxed);
	w->now = now;
}

static unsigned
worker_queue(struct worker *w, unsigned id)
{
	struct queue *q = atomic_load_explicit(&queue_table[id], memory_order_acquire);
	unsigned n = 0;

	if (q == NULL || !queue_has_work(q)) {
		if (q == NULL || w->now - count_get(&q->worked) > w->hot_cycles)
			queue_cool(w->p, id);
		return 0;
	}
	if (!queue_enter(q, w->p->id)) {
		queue_cool(w->p, id);
		return 0;
	}
	for (int i = 0; i < QUEUE_SOURCES; i++) {
		struct source *s = atomic_load_explicit(&q->source[i], memory_order_acquire);

		if (s != NULL && source_has_work(s))
			n += worker_source(w, q, s, i);
	}
	if (n > 0)
		worked_at(w, q);
	queue_leave(q, w->p->id);
	return n;
}

/* Every hot queue once, inline front ends first. Returns what there was to do, in packets. */
static unsigned
worker_round(struct worker *w)
{
	unsigned sorted = frontend_poll_inline(w->p, w->lane), n = 0;
	uint64_t begin = w->now;

	w->thick = sorted >= PKT_BURST / 2;
	w->untold += sorted;
	if (sorted > 0)
		w->now = clock_cycles();
	for (int id = hotset_next(&w->p->hot, 0); id >= 0; id = hotset_next(&w->p->hot, (unsigned)id + 1)) {
		unsigned k = worker_queue(w, (unsigned)id);

		n += k;
		/* A grace period lasts a burst, not a round over a thousand busy queues. */
		if (k > 0)
			qsbr_quiescent(w->lane->reader);
	}
	qsbr_quiescent(w->lane->reader);
	count_add(&w->p->packets, n);
	count_add(&w->p->work_cycles, w->now - begin);
	return sorted + n;
}

static void
look_at_descriptors(struct worker *w)
{
	processor_take_events(w->p);
	w->last_epoll = w->now;
}

static void
look_at_all(struct worker *w)
{
	w->next_look = w->now + w->ms_cycles * (queue_look_at_all(w->p) ? BLIND_MS : SAFETY_MS);
}

static void
sleep_until_kicked(struct worker *w)
{
	uint64_t now = clock_cycles(), until = now + w->ms_cycles * BLIND_MS;

	if (!frontend_inline_is_blind(w->p) && until < w->next_look)
		until = w->next_look;
	until = RTE_MIN(until, holds_next(w->lane));
	processor_sleep(w->p, until > now ? clock_cycles_to_ns(until - now) : 0);
}

/* After a thin round under load. Returns whether it did. */
static bool
nap(struct worker *w)
{
	uint64_t cycles;

	if (w->thick || w->p->poll)
		return false;
	pace_find(&w->fullest, w->untold, PACE_RING);
	cycles = pace_nap(&w->pace, clock_cycles(), count_get(&w->p->packets), w->fullest);
	if (cycles == 0)
		return false;
	lane_nap(w->lane, clock_cycles() + cycles + (uint64_t)w->pace.excess, (uint64_t)w->pace.excess);
	w->last_work = w->now = clock_cycles(); /* poll a little in any case when it brought nothing */
	pace_wake(&w->pace, w->now);
	w->fullest = (struct pace_ring){ 0 };
	w->untold = 0;
	look_at_descriptors(w);
	return true;
}

/* Nothing to do right now: a little polling, then sleep. Cycles spent here with the core in use are not busy ones. */
static void
worker_idle(struct worker *w)
{
	if (!w->p->poll && w->now - w->last_work >= w->spin_cycles) {
		sleep_until_kicked(w);
		return;
	}
	look_at_descriptors(w);
	rte_pause();
	count_add(&w->p->empty_cycles, clock_cycles() - w->now);
}

static void
worker_init(struct worker *w, struct processor *p)
{
	*w = (struct worker){ .p = p, .lane = &p->lane };
	/* An emulated processor does not spin: its CPU time is what is being shown. */
	w->spin_cycles = p->speed_percent ? 0 : clock_us_to_cycles(SPIN_US);
	w->epoll_cycles = clock_us_to_cycles(EPOLL_US);
	w->hot_cycles = clock_us_to_cycles(HOT_US);
	w->ms_cycles = clock_us_to_cycles(1000);
	pace_init(&w->pace, rte_get_tsc_hz(), clock_cycles());
	cap_init(&w->cap, p->speed_percent);
}

static void *
worker_main(void *arg)
{
	struct processor *p = arg;
	struct worker w;
	uint64_t pause_ns;
	unsigned n;

	p->tid = lane_enter(&p->lane);
	worker_init(&w, p);
	w.now = clock_cycles();
	while (!atomic_load_explicit(&p->stop, memory_order_relaxed)) {
		holds_run(w.lane, w.now);
		mute_look(p, w.now);
		if (w.now >= w.next_look)
			look_at_all(&w);
		n = worker_round(&w);
		if (n > 0) {
			w.last_work = w.now;
			count_add(&p->bursts, 1);
			if (w.now - w.last_epoll > w.epoll_cycles)
				look_at_descriptors(&w);
		}
		if (!nap(&w) && n == 0)
			worker_idle(&w);
		pause_ns = cap_pause_ns(&w.cap, w.now);
		lane_pause(w.lane, pause_ns);
		if (n == 0 || pause_ns > 0) /* else it is as good as now: the end of the last burst, or of the nap */
			w.now = clock_cycles();
	}
	holds_close(w.lane);
	lane_leave(&p->lane);
	return NULL;
}

int
worker_start(struct processor *p)
{
	char name[16];

	direct_register(forward_burst);
	holds_open(&p->lane, rte_get_tsc_hz());
	snprintf(name, sizeof(name), "fl-worker-%u", p->id);
	return thread_start(&p->thread, name, (int)p->cpu, worker_main, p);
}

void
worker_stop(struct processor *p)
{
	atomic_store(&p->stop, true);
	processor_look(p);
	pthread_join(p->thread, NULL);
}
