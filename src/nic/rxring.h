#ifndef NIC_RXRING_H
#define NIC_RXRING_H
/*
 * rxring.h - a receive queue of an adapter: what the front end sorted for one queue, waiting for its processor.
 *
 * One producer (the adapter's front end), one consumer at a time (the owner of the queue). Frames in it are mbufs; they
 * are "in the NIC" and in no book until they are taken.
 *
 * A flow that is to arrive by another ring may not overtake itself: the new ring has a limit until the old one's consumer has
 * passed the position where the front end stopped using it for that flow, its fence. rxplan.h has the whole of it.
 */
#include <rte_mbuf.h>
#include <rte_ring.h>

#include "nic/queue.h"
#include "nic/source.h"

#define RXRING_SIZE 1024 /* descriptors of a NIC's receive queue; holds 256 us at 4 Mpps. Our choice */

#define RXRING_NO_LIMIT UINT64_MAX

struct rxring {
	/* Written by: consumer. */
	struct source source;  /* first: the source is the ring */
	_Atomic uint64_t done; /* frames ever taken and delivered or dropped */

	/* Seldom written. */
	_Alignas(64) struct rte_ring *ring;
	struct queue *queue;    /* whose processor is to be woken; set before the front end sees the ring */
	struct vport *vport;    /* whose books a frame enters that finds the ring full */
	_Atomic uint64_t fence; /* written by: who adopts a plan. Position at that moment */
	_Atomic uint64_t
		limit; /* the consumer takes nothing from this position on. The same; and control, who lifts it */

	/* Written by: front end. */
	_Alignas(64) _Atomic uint64_t put; /* frames ever put in */
	counter interrupts;                /* times that it woke the processor */
};

/* Returns NULL without memory. name: unique, for DPDK's list. ingress: where its frames enter. Control. */
struct rxring *rxring_new(const char *name, struct queue *queue, struct vport *vport, struct ingress *ingress);

/* Frees r and the frames still in it; the number of those goes to *lost (NULL: do not care). No lane may use it any more. Control. */
void rxring_free(struct rxring *r, unsigned *lost);

/*
 * Adds mbufs[0..n); returns how many found room, the rest stay the caller's. When there are any, they lie there until
 * rxring_kick has told the processor. put: both. Front end.
 */
unsigned rxring_add(struct rxring *r, struct rte_mbuf **mbufs, unsigned n);
void rxring_kick(struct rxring *r);
unsigned rxring_put(struct rxring *r, struct rte_mbuf **mbufs, unsigned n);

/*
 * Frames of an uplink as packets: fills lane->burst's b with views of mbufs[0..n), n <= PKT_BURST; and frees those that it shows. The
 * worker whose burst it is.
 */
void rxring_show(struct burst *b, struct rte_mbuf **mbufs, unsigned n);
void rxring_free_shown(struct burst *b);

/*
 * Notes where r's producer is, and, `limited`, lets the consumer go no further than there until rxring_lift. Front end; or control while
 * no front end can put a frame in.
 */
void rxring_fence(struct rxring *r, bool limited);

/* Lifts the limit, and has the ring looked at. Control. */
void rxring_lift(struct rxring *r);

/* Frames in it, or taken and not delivered yet; at most, since the consumer goes on. Front end. */
static inline unsigned
rxring_held(const struct rxring *r)
{
	return (unsigned)(atomic_load_explicit((_Atomic uint64_t *)(uintptr_t)&r->put, memory_order_relaxed) -
			  atomic_load_explicit((_Atomic uint64_t *)(uintptr_t)&r->done, memory_order_relaxed));
}

/* Position behind the last frame put in, and whether the consumer has passed one; or the fence. Control. */
uint64_t rxring_position(const struct rxring *r);
bool rxring_passed(const struct rxring *r, uint64_t position);
bool rxring_passed_fence(const struct rxring *r);
#endif
