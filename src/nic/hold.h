#ifndef NIC_HOLD_H
#define NIC_HOLD_H
/*
 * hold.h - interrupts of receivers that are held back, and the lane that sends each when it is due.
 *
 * A lane that has published something, and finds it too early to interrupt for it (moderation.h), holds the interrupt back: it notes
 * it in a place of its own, with the time. While it is noted there, others who publish in the same ring leave it to that lane.
 * The one word that says so is place->what: it names the interrupt, or nothing. Who changes it to nothing, by compare and exchange,
 * sends the interrupt: the lane when it is due, somebody who publishes when it cannot wait any longer (hold_take), or control that
 * stops the ring. Exactly one of them succeeds.
 *
 *	who publishes (ring's lock, or its queue)	the lane that holds it (holds_run)	the driver
 *	  1 used index					  1 exchange `what` for nothing		  1 event index, or flags
 *	  2 fence					  2 fence				  2 fence
 *	  3 event or flags: wanted?			  3 event or flags: still wanted?	  3 used index: more there? go on
 *	  4 `what` is it? leave it to the lane		  4 interrupt				    else sleep
 *	    else interrupt, or hold it back
 *
 * Nothing is lost, because of two things on two sides each side writes one and then reads the other, a fence between:
 *	publish 1/3 and driver 1/3:	the driver sees the entry, or who published sees that it is wanted (virtio 1.2, 2.7.7.1)
 *	publish 1/4 and lane 1/3:	who published finds the interrupt gone and sends it himself; or the lane reads event and used
 *					index after that entry. Then the driver had not asked yet: it looks after asking, driver 3; or
 *					the lane sees that it is wanted
 *
 * Places lie in memory that is never freed, so a ring may look at where its interrupt was held last whatever has become of that
 * lane. A ring must not go while a place names it:
 *
 *	control, stopping a ring
 *	  1 nobody begins to publish any more; grace period: nobody does
 *	  2 hold_take; if that succeeds, send it: the driver, or whoever goes on with the ring, was told of everything
 *	  3 grace period: a lane that took it in place of us has sent it
 *	  4 descriptors may be closed, memory unmapped, the ring freed
 *
 * A lane sleeps until its first one is due at most, or sends before what would come due meanwhile. A lane without a timer of its own
 * (a front end's thread) holds none: it interrupts at once.
 */
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "nic/lane.h"

#define HOLDS_MAX 256   /* of a lane; more are sent at once. A multiple of 64; our choice */
#define HOLD_EARLY_US 4 /* so much before it is due one may be sent: about what a timer is late */
#define HOLD_NEVER UINT64_MAX

struct hold_place;

/* An interrupt, as part of what has a receiver to interrupt. All zero but for send: none is held. */
struct hold {
	/* Looks once more whether it is wanted (lane 3), and sends it if so. Lane, online. */
	void (*send)(struct hold *h);
	struct hold_place *_Atomic at; /* where it was held last; NULL: never. Written by: who publishes */
};

/* From now on lane holds interrupts. Its id is below PROCESSORS_MAX; hz: cycles a second. Control, before the lane runs. */
void holds_open(struct lane *lane, uint64_t hz);

/* Sends all that are held. The lane, at its end. */
void holds_close(struct lane *lane);

/* Whether h is held, and will be sent. Who publishes, after a full fence since he did (publish 4). */
bool hold_is_on(const struct hold *h);

/* Holds h, which is not held, until `due` (cycles). False: the lane can hold no more: send it. Who publishes, in his own lane. */
bool hold_begin(struct hold *h, struct lane *lane, uint64_t due);

/* Takes h from whoever holds it. True: it is the caller's to send. Who publishes, or control. */
bool hold_take(struct hold *h);

/* Sends those that are due at `now` (cycles), or nearly. The lane, online. */
void holds_run(struct lane *lane, uint64_t now);

/* When the first one is due, cycles; HOLD_NEVER: there is none. The lane. */
uint64_t holds_next(const struct lane *lane);
#endif
