#ifndef NIC_MUTE_H
#define NIC_MUTE_H
/*
 * mute.h - looking at what nobody kicks (a mute source, source.h): doorbells of a guest that are plain memory, rings whose peer gave no
 * descriptor.
 *
 * A hot queue is looked at in each round, mute or not. One that has cooled is looked at after MUTE_FIRST_US, after twice that, and so on;
 * when the gap has come to its source's look_us it is quiet, and all quiet queues of a processor are looked at together, each look_us.
 * So what was busy a moment ago is found soon, and hundreds of idle ones cost a walk over them now and then. Work that is found, a kick,
 * and queue_expect begin anew.
 */
#include "nic/queue.h"

#define MUTE_FIRST_US 50 /* DESIGN: from 50 us to 5 ms */
#define MUTE_SOON_US 200 /* a gap that is short enough for an answer. Our choice */

/* q, which stands on p, has cooled. Worker of p. */
void mute_cool(struct processor *p, struct queue *q);

/* Looks at those that are due at `now` (cycles), and makes those hot that have work. Worker of p, online. */
void mute_look(struct processor *p, uint64_t now);

/*
 * Somebody may soon have work for q and not say so: it was given something to answer. Looks at a quiet queue begin anew; who looks
 * each MUTE_SOON_US, or in each round, is not disturbed. Any thread.
 */
void queue_expect(struct queue *q);
#endif
