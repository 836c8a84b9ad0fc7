#ifndef NIC_SOURCE_H
#define NIC_SOURCE_H
/*
 * source.h - a source queue: where frames come from (a TAP's read side, a guest's transmit ring, what the front end
 * sorted for a vport), as the worker of its processor sees it.
 *
 * A source belongs to one queue, and through it to one processor at a time. All operations are called by the worker
 * that has marked the queue busy; `pending` also while it arms.
 */
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "nic/lane.h"

struct source;

struct source_ops {
	/*
	 * Takes up to PKT_BURST frames in ring order into lane->burst: hdr, hdr_len, skip, len, segs, n_segs, claim,
	 * cookie of each. Returns how many, 0 when there is nothing. A frame that cannot even be shown is the source's
	 * to count and to skip.
	 */
	unsigned (*take)(struct source *s, struct lane *lane);
	/* Gives the buffers of the last take back, in ring order. NULL when there are none to give. */
	void (*give)(struct source *s, struct lane *lane);
	/*
	 * Whether a take would find something. Sources with a descriptor need none: epoll looks for them.
	 * Called between arming and sleeping, after a full fence.
	 */
	bool (*pending)(struct source *s);
	/* Asks whoever fills the source to kick its descriptor from now on. NULL: nothing to ask. The caller fences, and looks once more. */
	void (*arm)(struct source *s);
};

struct source {
	const struct source_ops *ops;
	int fd;     /* level-triggered in the owner's epoll while there is something to take; -1: memory, see pending */
	unsigned slots; /* packets that the medium holds before its sender finds it full; 0: not known */
	void *port; /* struct port of the switch that its frames enter */
	_Atomic bool
		ready; /* a descriptor that epoll reported and take has not emptied. Owning worker, but a late event of a former owner may set it: harmless, one empty look */
	_Atomic bool dead; /* the medium is gone (interface deleted): no more looks; control tells and repairs */
};

static inline void
source_init(struct source *s, const struct source_ops *ops, int fd, void *port)
{
	s->ops = ops;
	s->fd = fd;
	s->slots = 0;
	s->port = port;
	atomic_init(&s->ready, fd >= 0); /* one unconditional look */
	atomic_init(&s->dead, false);
}
#endif
