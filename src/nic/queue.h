#ifndef NIC_QUEUE_H
#define NIC_QUEUE_H
/*
 * queue.h - a queue pair: the unit that stands on a processor and can move.
 *
 * Ownership is one word, {processor, busy}. The owner's worker marks it busy for a burst; a mover changes the processor
 * when it is not busy, without the old worker's help (that one may sleep, be paused by its cap, or be preempted). Nothing
 * is copied, nothing drained: the sources are the same before and after.
 *
 *	state			worker of that processor	control
 *	{p, idle}		may mark busy			may change p
 *	{p, busy}		takes, forwards, gives, unmarks	waits
 *	{NONE, idle}		-				may free, after a grace period
 */
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/count.h"
#include "nic/processor.h"
#include "nic/source.h"
#include "nic/vport.h"

#define QUEUES_MAX HOTSET_IDS
#define QUEUE_SOURCES 2 /* what the vport's own sender gives, and what the adapter sorted for the vport */

enum queue_source { QUEUE_FROM_SENDER, QUEUE_FROM_WIRE };

/* Three lines: what is read of a thousand queues fifty times a second (balancer.h); the rest of the worker's; others'. */
struct queue {
	_Alignas(64) unsigned id;
	_Atomic uint32_t owner; /* processor << 1 | busy */
	struct source *_Atomic source[QUEUE_SOURCES];
	struct vport *vport;

	/* Written by: the owning worker; packets, bytes and drops by a front end in its place, which has marked it busy (direct.h). */
	counter worked; /* cycles: when it last had a packet; it stays hot for a while after */
	counter cycles; /* that its bursts took, with the time when another thread had the core */
	counter packets;
	_Atomic uint32_t backlog[QUEUE_SOURCES]; /* at its last burst, of sources with slots: slots << 16 | waiting */

	counter bytes, drops;
	_Atomic uint64_t
		stuck; /* one more than its packets when queue_look_at_all found it cold with work in memory; else 0 */
	counter interrupts;       /* times that a descriptor of it woke the processor; a receive ring counts its own */
	_Atomic unsigned mute_us; /* mute.h: the gap between looks; 0: it is hot, or nobody is mute */
	_Atomic uint64_t mute_at; /* cycles: the next one */
	unsigned index;           /* in its vport */
	counter moved;            /* written by: control */

	_Alignas(64) counter overflowed; /* frames for it that found its receive ring full; written by: front end */
	/* Written by: control. */
	uint64_t placed_ns; /* CLOCK_MONOTONIC: when somebody put it by hand where it stands; 0: nobody */
	bool pinned;        /* the balancer leaves it where it is */
	bool unsplittable;  /* more than a processor by itself, no move would help; the balancer's verdict */
	float mean_percent; /* of a processor, over the last samples; of all that move together, with the first of them */
	/* The balancer's. */
	uint64_t seen_cycles, seen_packets, seen_overflowed; /* in sample number seen_in; 0: none */
	uint64_t seen_in;
	uint64_t filled_ns; /* CLOCK_MONOTONIC: when it last had nearly more than a processor can do */
};
_Static_assert(sizeof(struct queue) == 192, "three lines");

/* By id, NULL where there is none: events carry ids, because a late one may name a queue that is gone. */
extern struct queue *_Atomic queue_table[QUEUES_MAX];

/* What a queue's bursts had taken when its processor's time was read; by id, [0] is the newest. processor_sample's. */
struct queue_look {
	unsigned processor;
	uint64_t at_ns, cycles;
};
extern struct queue_look queue_looks[QUEUES_MAX][2];

/* A queue that stands nowhere and has no sources. NULL when there are QUEUES_MAX or no memory. Control. */
struct queue *queue_new(struct vport *vport, unsigned index);

/*
 * Puts s (NULL: none) into q, and its descriptor into the owner's epoll. Returns 0; or -errno when that one cannot be watched, and q
 * has no such source then: -EPERM for a regular file, -EEXIST, -ELOOP, -ENOMEM, -ENOSPC (epoll_ctl(2)). What a queue without a
 * processor gets is not looked at before queue_move. In any case no worker uses the former source any more when this returns. Control.
 */
int queue_set_source(struct queue *q, enum queue_source which, struct source *s);

/*
 * Moves q to processor `to` (PROCESSOR_NONE: off all, which cannot fail) and wakes the new one. Returns 0; or, with q where it was,
 * -EINVAL for a processor that does not exist, -ENOMEM, or what queue_set_source says of a descriptor. After a return with 0
 * the old worker does not touch q any more. Control.
 */
int queue_move(struct queue *q, unsigned to);

/*
 * Work in memory was published for q: makes it hot, and wakes its processor if that sleeps; returns whether it did. What a full
 * fence has to come before, it does itself. Any thread.
 */
bool queue_kick(struct queue *q);

/* Whether the balancer may move q. Who pins it still moves it by hand. Control. */
void queue_pin(struct queue *q, bool pinned);

/* Moves q off all processors and frees it; its sources are the caller's to free, after this. Control. */
void queue_free(struct queue *q);

/* Whether a take from any of q's sources may find something. The worker of the processor that q stands on, or stood on a moment ago. */
bool queue_has_work(struct queue *q);

/*
 * Takes queue id out of p's hot set, armed, unless there is work in it: then it stays. For a queue of another processor or one that is
 * gone, too. Worker of p, online.
 */
void queue_cool(struct processor *p, unsigned id);

/*
 * The safety net: looks at every queue that stands on p. One that is cold with work in memory, twice in a row and without a packet in
 * between, is made hot and counted in p->missed_kicks; where nobody kicks, at once and not counted. Returns whether to look again soon:
 * a kick is missing or on its way. Worker of p, online.
 */
bool queue_look_at_all(struct processor *p);

/*
 * Percent of its processor, as processor_load has it, that q's bursts took between that processor's last two samples. -1: not known,
 * because q stands nowhere, or did not stand there at both. Control.
 */
double queue_busy(const struct queue *q);

static inline unsigned
queue_processor(const struct queue *q)
{
	return atomic_load_explicit((_Atomic uint32_t *)(uintptr_t)&q->owner, memory_order_acquire) >> 1;
}

/* Worker of processor p, or who stands in for it (direct.h): marks q busy. False when it is not p's: leave it alone. */
static inline bool
queue_enter(struct queue *q, unsigned p)
{
	uint32_t want = p << 1;

	/* Acquire: what the former owner wrote (ring positions) is seen; partner: the release in queue_leave, through
	 * the mover's exchange in queue_move. */
	return atomic_compare_exchange_strong_explicit(&q->owner, &want, want | 1, memory_order_acquire,
						       memory_order_relaxed);
}

static inline void
queue_leave(struct queue *q, unsigned p)
{
	atomic_store_explicit(&q->owner, p << 1, memory_order_release);
}
#endif
