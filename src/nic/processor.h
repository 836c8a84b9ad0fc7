#ifndef NIC_PROCESSOR_H
#define NIC_PROCESSOR_H
/*
 * processor.h - a processor of the host as the NIC switch sees it: one worker thread, the queues that stand on it, and
 * what its time went to.
 *
 * An emulated processor is a worker capped at a share of a core, so that a host with many slow processors can be shown
 * on a small machine. A cap works by not taking from sources; nothing is stored anywhere.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/count.h"
#include "nic/hotset.h"
#include "nic/lane.h"

#define PROCESSORS_MAX 64
#define PROCESSOR_NONE 0x7fff           /* owner of a queue that stands nowhere */
#define PROCESSOR_EVENT_WAKE UINT32_MAX /* epoll data that is no queue's id: only a wake-up */

struct queue;
struct frontend;

/* The queues of one processor; immutable, replaced as a whole by the control thread. */
struct queue_list {
	unsigned n;
	struct queue *queue[];
};

struct processor {
	unsigned id;
	unsigned cpu, core, numa;
	unsigned speed_percent; /* 0: real */
	bool poll;              /* never sleeps */
	int epfd, wake_fd;
	_Atomic int tid; /* Linux thread id, 0 until the worker runs */
	pthread_t thread;
	struct lane lane;

	const struct queue_list *_Atomic queues;
	struct frontend
		*_Atomic inline_frontends; /* a list: polled here instead of by threads; hosts with one processor */
	_Atomic bool stop;

	struct hotset hot;   /* queues that want a look */
	struct hotset alert; /* mute queues that were hot a moment ago: mute.h. Worker alone, as is this: */
	uint64_t mute_first,
		mute_scan;  /* cycles: when to look at mute queues; at all that are quiet. UINT64_MAX: never */
	_Atomic bool armed; /* worker is about to sleep or sleeps: whoever makes a queue hot must wake it; hotset.h */

	/* Written by: the worker. */
	counter packets, bursts, wakeups, missed_kicks;
	counter empty_cycles; /* of rounds that found nothing: not busy, though the core was in use */
	counter work_cycles;  /* of rounds that found something, with the time when another thread had the core */
};

/* What a processor's time went to, percent of the last sampling window; the sum is 100. */
struct processor_load {
	double busy, waiting, idle; /* waiting: runnable, but another thread had the core */
	double wakeups_per_s;       /* beside them: how often it was woken */
};

/*
 * Makes processor id on that CPU, without a thread: worker_start (worker.c) runs it. Returns NULL without memory or descriptors. Control.
 */
struct processor *processor_new(unsigned id, unsigned cpu, unsigned speed_percent, bool poll);
void processor_free(struct processor *p);

/* All of them, by id; NULL beyond the last. Control and lanes. */
extern struct processor *processors[PROCESSORS_MAX];
extern unsigned n_processors;

/* Wakes p if it sleeps or is about to; returns whether it did. Call after a queue became hot. Any thread. */
bool processor_wake(struct processor *p);

/* Wakes p in any case. Control. */
void processor_look(struct processor *p);

/* Makes the queues hot of whose descriptors epoll reports something, without waiting. Worker of p, online. */
void processor_take_events(struct processor *p);

/*
 * Cools every hot queue; when none stays hot, sleeps until one is, but at most max_ns, offline. Takes the events. Worker of p,
 * online.
 */
void processor_sleep(struct processor *p, uint64_t max_ns);

/* Takes a sample of every processor's CPU and waiting time, and of what its queues took of it; about every half second. Control. */
void processor_sample(void);

/* From the last two samples that lie at least 150 ms apart. Control. */
struct processor_load processor_load(const struct processor *p);
#endif
