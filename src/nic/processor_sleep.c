/* processor_sleep.c - how a processor hears of work, and sleeps until there is some; see processor.h, and hotset.h for the protocol. */
#include <sys/epoll.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/qsbr.h"
#include "nic/frontend.h"
#include "nic/processor.h"
#include "nic/queue.h"

#define EVENTS 64 /* at a time; the kernel gives the others first the next time. Our choice */

/* A queue of which epoll says that there is something. */
static void
mark(struct processor *p, struct queue *q)
{
	bool was_cold = hotset_put(&p->hot, q->id), kicked = false;

	for (int i = 0; i < QUEUE_SOURCES; i++) {
		struct source *s = atomic_load_explicit(&q->source[i], memory_order_acquire);

		if (s == NULL || s->fd < 0)
			continue;
		if (s->ops->pending != NULL)
			kicked |= was_cold;
		else if (atomic_load_explicit(&s->dead, memory_order_relaxed))
			epoll_ctl(p->epfd, EPOLL_CTL_DEL, s->fd, NULL); /* or it reports for ever */
		else
			kicked |= !atomic_exchange_explicit(&s->ready, true, memory_order_relaxed);
	}
	if (kicked)
		count_add(&q->interrupts, 1);
}

static void
take(struct processor *p, const struct epoll_event *events, int n)
{
	for (int i = 0; i < n; i++) {
		uint64_t count;
		struct queue *q;

		if (events[i].data.u32 == PROCESSOR_EVENT_WAKE) {
			/* Nothing to read: a socket of an uplink, or read already. */
			if (read(p->wake_fd, &count, sizeof(count)) < 0 && (events[i].events & EPOLLERR))
				frontend_inline_take_errors(p);
			continue;
		}
		q = atomic_load_explicit(&queue_table[events[i].data.u32 % QUEUES_MAX], memory_order_acquire);
		/* Of a queue that has moved, or is about to come: the mover has its new worker look in any case. */
		if (q != NULL && queue_processor(q) == p->id)
			mark(p, q);
	}
}

void
processor_take_events(struct processor *p)
{
	struct epoll_event events[EVENTS];

	take(p, events, epoll_wait(p->epfd, events, EVENTS, 0));
}

/* Cooling the last queues may have brought it nearer. */
static uint64_t
until_mute_ns(const struct processor *p)
{
	uint64_t now;

	if (p->mute_first == UINT64_MAX)
		return UINT64_MAX;
	now = clock_cycles();
	return p->mute_first > now ? clock_cycles_to_ns(p->mute_first - now) : 0;
}

void
processor_sleep(struct processor *p, uint64_t max_ns)
{
	struct timespec most;
	struct epoll_event events[EVENTS];
	int n;

	for (int id = hotset_next(&p->hot, 0); id >= 0; id = hotset_next(&p->hot, (unsigned)id + 1))
		queue_cool(p, (unsigned)id);
	atomic_store_explicit(&p->armed, true, memory_order_relaxed);
	/* Sleep 3, hotset.h. Partner: the fence in processor_wake. */
	atomic_thread_fence(memory_order_seq_cst);
	if (!hotset_is_empty(&p->hot) || atomic_load(&p->stop)) {
		atomic_store_explicit(&p->armed, false, memory_order_relaxed);
		/* A queue that always has work, and never a frame, would keep the others' kicks from being seen. */
		processor_take_events(p);
		return;
	}
	max_ns = RTE_MIN(max_ns, until_mute_ns(p));
	most = (struct timespec){ (time_t)(max_ns / NSEC_PER_S), (long)(max_ns % NSEC_PER_S) };
	qsbr_offline(p->lane.reader);
	n = epoll_pwait2(p->epfd, events, EVENTS, &most, NULL);
	qsbr_online(p->lane.reader);
	atomic_store_explicit(&p->armed, false, memory_order_relaxed);
	take(p, events, n);
	if (n > 0)
		count_add(&p->wakeups, 1);
}
