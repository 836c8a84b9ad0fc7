#ifndef NIC_DIRECT_H
#define NIC_DIRECT_H
/*
 * direct.h - the first frame after silence is delivered by the front end that found it.
 *
 * From the wire three sleepers would follow each other: front end, worker, receiver. Waking a virtual CPU that sleeps takes
 * 40 us and more, each time. So where the worker of a ring's queue sleeps, the front end marks the queue busy in its place and
 * serves the ring: the word that makes that exclusive is the queue's owner (queue.h). Nothing else changes: the worker sleeps
 * on, the queue stays cold, other sources of it are the worker's, and when the queue is busy or moves away meanwhile, the
 * worker is woken as ever. Frames that lay in the ring before go first, for they are taken out of it in order.
 *
 * Only a few frames, and rarely: under load everything is the worker's. And never for an emulated processor, whose time is
 * what is being shown. What it costs is time of the front end, the NIC's.
 */
#include "nic/rxring.h"

/* Written by: the front end. */
struct direct {
	uint64_t next_at; /* cycles: not again before */
	counter packets;  /* delivered so */
};

/*
 * One burst of s, a source of q, which the caller has marked busy: take, forward, give, count. Returns its
 * packets. Any lane.
 */
typedef unsigned (*direct_forward)(struct lane *lane, struct queue *q, struct source *s);

/* Who serves queues tells how it is done; before it does, all is left to workers. Control. */
void direct_register(direct_forward forward);

/*
 * After frames were added to r: delivers what lies in it, when its queue is cold, its worker sleeps, and the rest of the above allows
 * it. lane: of the caller, online. Returns false when there is still something to do: kick. The front end whose ring it is.
 */
bool direct_deliver(struct direct *d, struct lane *lane, struct rxring *r);
#endif
