#ifndef NIC_FRONTEND_H
#define NIC_FRONTEND_H
/*
 * frontend.h - what a NIC's silicon does, for an uplink with one hardware queue: filter, hash, put on the queue's ring.
 *
 * A thread of its own, never capped, shown apart from the processors; on a host with one processor that worker
 * polls it inline instead. It idles where the NIC hashes by itself (hwrss.h).
 */
#include <pthread.h>

#include "nic/direct.h"
#include "nic/lane.h"
#include "nic/rxplan.h"
#include "nic/uplink.h"

struct frontend {
	struct uplink *uplink;
	struct vport *wire; /* books of the frames that no queue had room for */
	struct rxplan *_Atomic plan;
	struct lane lane; /* its own thread's; unused when polled inline */
	pthread_t thread;
	bool threaded;
	uint64_t held_cycles;          /* between two counts of `held` */
	struct processor *inline_on;   /* NULL when threaded */
	struct frontend *_Atomic next; /* of those that are inline on the same processor */
	_Atomic int tid;
	int epfd, wake_fd;
	_Atomic bool stop;
	_Atomic bool
		doubts_checksums; /* the uplink's word on them is not passed on: receivers look. Written by: control */

	_Atomic bool idle; /* it takes nothing: the uplink's queues have other readers. Written by: control */

	struct {
		uint64_t at_ns, cpu_ns;
	} sample[2]; /* control only; [0] is the newest */

	/* Written by: the lane that polls. */
	counter packets, bursts, wakeups;
	struct direct direct;
	unsigned held;    /* frames in the rings of the plan, at most */
	uint64_t held_at; /* cycles: when they were counted; those put in since are added */
};

/*
 * Starts the front end of an uplink: as a thread, pinned nowhere, with counters in slot lane_id; or, with `inline_on`, polled by that
 * processor. The uplink may be absent. Returns 0 or -errno with nothing left. Control.
 */
int frontend_start(struct frontend *fe, struct uplink *uplink, struct vport *wire, unsigned lane_id,
		   struct processor *inline_on);
void frontend_stop(struct frontend *fe);

/*
 * Publishes the first plan, or none (NULL), and waits until the former one is not used any more; returns that. From one to the next:
 * rxplan_switch. Control.
 */
struct rxplan *frontend_set_plan(struct frontend *fe, struct rxplan *plan);

/* Looks at the uplink's descriptors again: it was opened or closed. Control. */
void frontend_refresh(struct frontend *fe);

/* Whether nothing can wake whoever polls: an uplink without a descriptor; and whether a front end that is inline on p is such a one. Worker. */
bool frontend_is_blind(const struct frontend *fe);
bool frontend_inline_is_blind(const struct processor *p);

/* One burst. lane: of the caller. Returns the frames received. Front end thread, or the worker that it is inline on. */
unsigned frontend_poll(struct frontend *fe, const struct lane *lane);

/* One burst of each front end that is inline on p. Returns the frames received. Worker of p. */
unsigned frontend_poll_inline(const struct processor *p, const struct lane *lane);

/* Takes what the sockets of front ends that are inline on p report beside frames (the interface went down). Worker of p. */
void frontend_inline_take_errors(const struct processor *p);

/* CPU time of the thread so far, ns; 0 when inline. Control. */
uint64_t frontend_cpu_ns(const struct frontend *fe);

/* Takes a sample of that time; about every half second. Control. */
void frontend_sample(struct frontend *fe);

/* Percent of a core that the thread used between the last two samples, which lie at least 150 ms apart. Control. */
double frontend_load(const struct frontend *fe);
#endif
