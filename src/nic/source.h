#ifndef NIC_SOURCE_H
#define NIC_SOURCE_H
/*
 * source.h - a source queue: where frames come from (a TAP's read side, a guest's transmit ring, what the front end
 * sorted for a vport), as the worker of its processor sees it.
 *
 * A source belongs to one queue, and through it to one processor at a time. Its operations are called by the worker that
 * has marked the queue busy; `pending` at any time by the worker whose queue it is or was a moment ago.
 *
 *	                 pending    fd       who says that there is something
 *	a descriptor     NULL       >= 0     epoll, level-triggered: `ready`
 *	memory, ours     set        -1       whoever fills it calls queue_kick
 *	memory, a guest's  set      >= 0     the guest kicks an eventfd once it was asked to (arm)
 *	the same, mute   set        -1       nobody: its worker looks now and then (mute.h)
 */
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "nic/ingress.h"
#include "nic/lane.h"

#define SOURCE_LOOK_US 1000 /* our choice */

struct source;

struct source_ops {
	/*
	 * Takes up to PKT_BURST frames in ring order into lane->burst: hdr, hdr_len, skip, len, segs, n_segs, claim,
	 * cookie of each. Returns how many, 0 when there is nothing. A frame that cannot even be shown is the source's
	 * to count and to skip. A source that was armed stops asking for kicks here: its worker looks by itself from
	 * now on, until it arms again.
	 */
	unsigned (*take)(struct source *s, struct lane *lane);
	/* Gives the buffers of the last take back, in ring order. NULL when there are none to give. */
	void (*give)(struct source *s, struct lane *lane);
	/*
	 * Whether a take would make progress; NULL: a descriptor, epoll looks for it. It changes nothing, since the queue
	 * may have another worker by now, and false for ever once the medium is broken: a worker with something pending does
	 * not sleep.
	 */
	bool (*pending)(struct source *s);
	/*
	 * Asks whoever fills the source to kick its descriptor from now on; a full fence and a look at pending follow. NULL:
	 * there is nothing to ask. May be called twice in a row.
	 */
	void (*arm)(struct source *s);
};

struct source {
	const struct source_ops *ops;
	/*
	 * In the owner's epoll. Without pending: level-triggered, for take to read. With pending: an eventfd that is a hint and
	 * no more, edge-triggered and never read, so that one which is kicked without end costs no more than the looks.
	 */
	int fd;
	unsigned slots;   /* packets that the medium holds before its sender finds it full; 0: unknown */
	unsigned waiting; /* where slots are known: how many of them the last take found. Written by: take */
	unsigned
		look_us; /* mute: how long it may be left alone at most when it is quiet; SOURCE_LOOK_US unless set otherwise */
	struct ingress *_Atomic ingress; /* where its frames enter. Written by: control */
	_Atomic bool
		ready; /* a descriptor that epoll reported and take has not emptied. Owning worker, but a late event of a former owner may set it: harmless, one empty look */
	_Atomic bool dead; /* the medium is gone (interface deleted): no more looks; control tells and repairs */
};

/* slots and waiting are 0 afterwards. */
static inline void
source_init(struct source *s, const struct source_ops *ops, int fd, struct ingress *ingress)
{
	s->ops = ops;
	s->fd = fd;
	s->slots = s->waiting = 0;
	s->look_us = SOURCE_LOOK_US;
	atomic_init(&s->ingress, ingress);
	atomic_init(&s->ready, ops->pending == NULL && fd >= 0); /* one unconditional look */
	atomic_init(&s->dead, false);
}

/*
 * Where its frames enter from the next burst on; lanes may use the former ingress until a grace period (qsbr_synchronize) has passed.
 * A burst enters one of the two, whole. Control.
 */
static inline void
source_set_ingress(struct source *s, struct ingress *ingress)
{
	atomic_store_explicit(&s->ingress, ingress, memory_order_release);
}

/* Hands the burst that was just taken from s over; returns what the ingress does. The worker that took it. */
static inline unsigned
source_enter(struct source *s, struct lane *lane)
{
	struct ingress *in = atomic_load_explicit(&s->ingress, memory_order_acquire);

	lane->table = NULL;
	return in->input(lane, in, &lane->burst);
}

/* Whether a take may find something. The worker whose queue it is, or was a moment ago. */
static inline bool
source_has_work(struct source *s)
{
	return s->ops->pending != NULL ? s->ops->pending(s) : atomic_load_explicit(&s->ready, memory_order_relaxed);
}

/* Whether it has someone to ask for kicks, but nothing to kick. */
static inline bool
source_is_mute(const struct source *s)
{
	return s->ops->arm != NULL && s->fd < 0;
}
#endif
