/*
 * worker.c - the loop of a processor. Read this file first.
 *
 * A packet's walk:
 *
 *	source queue (TAP, receive ring)	worker_queue: mark the queue busy, take a burst
 *	header copied, parsed, checked		switch_input, first pass (vsw/forward.c)
 *	source check, VLAN, learn, look up
 *	grouped by receiver			switch_input, second pass
 *	copied once into the receiver's sink	sink->put (guest/tap.c, nic/uplink_tx.c)
 *	buffers given back in order		source->give, unmark the queue
 *
 * and only then the next queue. A round visits each queue that has something once, so one busy queue costs the others
 * a burst, not their turn.
 *
 * Sleep. A round that finds nothing arms (p->armed), fences, looks at everything once more, and sleeps in one epoll_wait.
 * Whoever adds work in memory (nic/rxring.c) fences and looks at `armed`; descriptors wake epoll by themselves. A timer
 * of 100 ms looks again in any case and counts a missed kick when it finds something. Under load the worker does not
 * arm: it naps for the time that half a burst takes to arrive, so that bursts are full and nobody pays for a kick.
 */
#include "worker.h"

#include <stdio.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/qsbr.h"
#include "base/thread.h"
#include "nic/cap.h"
#include "nic/frontend.h"
#include "nic/queue.h"
#include "vsw/switch.h"

#define EVENTS 64
#define SAFETY_MS 100 /* the timer of the sleep protocol; also how soon a stop is seen without a wake-up */
#define BLIND_MS 1    /* the same when an uplink without a descriptor is polled inline */
#define EPOLL_US 20   /* how long descriptors may wait while memory queues are busy. Our choice */
#define SPIN_US 10    /* "polls a little" before it arms; about what a sleep and a kick cost */
#define NAP_MAX_NS (50 * NSEC_PER_US) /* half a receive ring at 10 Mpps */
#define NAP_PACKETS (PKT_BURST / 4)   /* fewer since the last idle moment are no load: one packet must not cost a nap */
#define NAP_RATE 200000               /* packets a second above which napping beats kicks: 5 us of CPU each */

struct worker {
	struct processor *p;
	struct lane *lane;
	struct cap cap;
	uint64_t spin_cycles, epoll_cycles;
	uint64_t now, last_work, last_epoll; /* cycles */
	uint64_t rate_since, rate_packets;   /* since the last idle moment */
};

static void
sleep_ns(const struct worker *w, uint64_t ns)
{
	struct timespec ts = { .tv_sec = (time_t)(ns / NSEC_PER_S), .tv_nsec = (long)(ns % NSEC_PER_S) };

	if (ns == 0)
		return;
	qsbr_offline(w->lane->reader);
	nanosleep(&ts, NULL);
	qsbr_online(w->lane->reader);
}

/* Takes and forwards one burst of one source. Returns its packets. */
static unsigned
worker_source(struct worker *w, struct queue *q, struct source *s)
{
	unsigned n = s->ops->take(s, w->lane), dropped;
	struct burst *b = &w->lane->burst;
	uint64_t bytes = 0;

	if (n == 0)
		return 0;
	for (unsigned i = 0; i < n; i++)
		bytes += b->pkt[i].len;
	dropped = switch_input(w->lane, s->port, b);
	if (s->ops->give != NULL)
		s->ops->give(s, w->lane);
	count_add(&q->packets, n);
	count_add(&q->bytes, bytes);
	count_add(&q->drops, dropped);
	return n;
}

static bool
worth_a_look(struct source *s)
{
	return s != NULL && source_has_work(s);
}

static unsigned
worker_queue(struct worker *w, struct queue *q)
{
	unsigned n = 0;
	bool look = false;

	for (int i = 0; i < QUEUE_SOURCES; i++)
		look |= worth_a_look(atomic_load_explicit(&q->source[i], memory_order_acquire));
	if (!look || !queue_enter(q, w->p->id))
		return 0;
	for (int i = 0; i < QUEUE_SOURCES; i++) {
		struct source *s = atomic_load_explicit(&q->source[i], memory_order_acquire);

		if (worth_a_look(s))
			n += worker_source(w, q, s);
	}
	queue_leave(q, w->p->id);
	return n;
}

/* Every queue once, inline front ends first. Returns what there was to do, in packets. */
static unsigned
worker_round(struct worker *w)
{
	const struct queue_list *list = atomic_load_explicit(&w->p->queues, memory_order_acquire);
	unsigned sorted = frontend_poll_inline(w->p, w->lane), n = 0;

	for (unsigned i = 0; list != NULL && i < list->n; i++) {
		unsigned k = worker_queue(w, list->queue[i]);

		if (k == 0)
			continue;
		n += k;
		/* A grace period lasts a burst, not a round over a thousand busy queues. */
		qsbr_quiescent(w->lane->reader);
		list = atomic_load_explicit(&w->p->queues, memory_order_acquire);
	}
	qsbr_quiescent(w->lane->reader);
	count_add(&w->p->packets, n);
	return sorted + n;
}

/* Marks the queues whose descriptors epoll reported. Called online: queue_table entries are valid until the next quiescent state. */
static void
mark_ready(struct worker *w, const struct epoll_event *events, int n)
{
	for (int i = 0; i < n; i++) {
		uint64_t count;
		struct queue *q;

		if (events[i].data.u32 == PROCESSOR_EVENT_WAKE) {
			/* Nothing to read: a socket of an uplink, or read already. */
			if (read(w->p->wake_fd, &count, sizeof(count)) < 0 && (events[i].events & EPOLLERR))
				frontend_inline_take_errors(w->p);
			continue;
		}
		q = atomic_load_explicit(&queue_table[events[i].data.u32 % QUEUES_MAX], memory_order_acquire);
		for (int k = 0; q != NULL && k < QUEUE_SOURCES; k++) {
			struct source *s = atomic_load_explicit(&q->source[k], memory_order_acquire);

			if (s == NULL || s->fd < 0 || s->ops->pending != NULL)
				continue; /* memory is looked at in any case */
			if (atomic_load_explicit(&s->dead, memory_order_relaxed))
				epoll_ctl(w->p->epfd, EPOLL_CTL_DEL, s->fd, NULL); /* or it reports for ever */
			else if (!atomic_exchange_explicit(&s->ready, true, memory_order_relaxed))
				count_add(&q->interrupts, 1);
		}
	}
}

static void
look_at_descriptors(struct worker *w)
{
	struct epoll_event events[EVENTS];

	mark_ready(w, events, epoll_wait(w->p->epfd, events, EVENTS, 0));
	w->last_epoll = w->now;
}

/* Whether anything in memory is waiting; the last look before sleep. */
static bool
anything_pending(const struct worker *w)
{
	const struct queue_list *list = atomic_load_explicit(&w->p->queues, memory_order_acquire);

	for (unsigned i = 0; list != NULL && i < list->n; i++) {
		for (int k = 0; k < QUEUE_SOURCES; k++) {
			struct source *s = atomic_load_explicit(&list->queue[i]->source[k], memory_order_acquire);

			if (s != NULL && s->ops->pending != NULL && s->ops->pending(s) &&
			    queue_processor(list->queue[i]) == w->p->id)
				return true;
		}
	}
	return false;
}

static void
sleep_until_kicked(struct worker *w)
{
	int timeout_ms = frontend_inline_is_blind(w->p) ? BLIND_MS : SAFETY_MS;
	struct epoll_event events[EVENTS];
	bool kicked;
	int n;

	atomic_store_explicit(&w->p->armed, true, memory_order_relaxed);
	/* Partner: the fence in processor_wake. */
	atomic_thread_fence(memory_order_seq_cst);
	if (anything_pending(w) || atomic_load(&w->p->stop)) {
		atomic_store_explicit(&w->p->armed, false, memory_order_relaxed);
		return;
	}
	qsbr_offline(w->lane->reader);
	n = epoll_wait(w->p->epfd, events, EVENTS, timeout_ms);
	qsbr_online(w->lane->reader);
	/* Whoever kicks takes `armed` first: a kick that comes just behind the timer is not a missed one. */
	kicked = !atomic_exchange_explicit(&w->p->armed, false, memory_order_relaxed);
	mark_ready(w, events, n);
	if (n > 0)
		count_add(&w->p->wakeups, 1);
	else if (!kicked && anything_pending(w))
		count_add(&w->p->missed_kicks, 1);
}

/*
 * Nothing to do right now. Under load a nap; else a little polling, then sleep. Cycles spent here with the core in use
 * are not busy ones.
 */
static void
worker_idle(struct worker *w)
{
	uint64_t elapsed = w->now - w->rate_since;
	uint64_t rate = elapsed ? w->rate_packets * rte_get_tsc_hz() / elapsed : 0;

	if (w->rate_packets >= NAP_PACKETS && rate > NAP_RATE && !w->p->poll) {
		uint64_t ns = PKT_BURST / 2 * NSEC_PER_S / rate;

		sleep_ns(w, ns < NAP_MAX_NS ? ns : NAP_MAX_NS);
		look_at_descriptors(w);
	} else if (w->p->poll || w->now - w->last_work < w->spin_cycles) {
		look_at_descriptors(w);
		rte_pause();
		count_add(&w->p->empty_cycles, clock_cycles() - w->now);
		return; /* the rate goes on being measured */
	} else {
		sleep_until_kicked(w);
	}
	w->rate_since = clock_cycles();
	w->rate_packets = 0;
}

static void
worker_init(struct worker *w, struct processor *p)
{
	*w = (struct worker){ .p = p, .lane = &p->lane };
	/* An emulated processor does not spin: its CPU time is what is being shown. */
	w->spin_cycles = p->speed_percent ? 0 : clock_us_to_cycles(SPIN_US);
	w->epoll_cycles = clock_us_to_cycles(EPOLL_US);
	w->rate_since = clock_cycles();
	cap_init(&w->cap, p->speed_percent);
}

static void *
worker_main(void *arg)
{
	struct processor *p = arg;
	struct worker w;
	unsigned n;

	p->tid = lane_enter(&p->lane);
	worker_init(&w, p);
	while (!atomic_load_explicit(&p->stop, memory_order_relaxed)) {
		w.now = clock_cycles();
		n = worker_round(&w);
		if (n == 0) {
			worker_idle(&w);
		} else {
			w.last_work = w.now;
			w.rate_packets += n;
			count_add(&p->bursts, 1);
			if (w.now - w.last_epoll > w.epoll_cycles)
				look_at_descriptors(&w);
		}
		sleep_ns(&w, cap_pause_ns(&w.cap, w.now));
	}
	lane_leave(&p->lane);
	return NULL;
}

int
worker_start(struct processor *p)
{
	char name[16];

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
