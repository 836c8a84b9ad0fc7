#ifndef NIC_PACE_H
#define NIC_PACE_H
/*
 * pace.h - how long a worker naps under load, so that it finds full bursts and nobody pays for kicks. Worker.
 *
 * An eager worker finds two or three packets at a time: the rings' cache lines then travel for each of them, and its core is
 * never idle. A nap lets packets gather. The time from its beginning to its end is to be what it takes until the fullest ring is half
 * full, and 128 us at most: more would lose packets, or keep them for too long. How full the fullest ring gets is seen at the end of
 * each nap, and taken in relation to the rate at which packets come: it says how much of the load goes through one ring. Four
 * rings with a quarter of the load each allow naps four times as long as one ring with all of it.
 *
 * A nap is longer than was asked for: by 3 us where a timer is cheap, by 15 in some virtual machines, and most of that is work for
 * the CPU. So the excess is learned, as the median, and asked for less. A nap for which not a quarter of it is left to ask for would
 * be over before the worker is asleep; there is none then.
 *
 * For an open stream (packets come at their own rate) the longest nap is the best one. For a closed loop (somebody waits for answers
 * before he sends more: ping-pong, TCP, a load tool with so many packets in flight) a nap longer than the loop takes is time
 * lost: the packets are all there, and no more will come. Which of the two it is shows only by trying: a nap is free as long
 * as the rate stays what it was. So the nap's length is one of five levels, from none to the longest, each as long at least as is
 * worth it, and:
 *
 *	in each epoch (some naps, a thousand packets) one level is in force, and the rate is measured;
 *	now and then one epoch tries the next level up or down. Up is kept unless the rate fell, down when the rate rose, by a 16th each;
 *	what was kept is tried again in the same direction at once; what was not, in the other one, after a number of epochs that
 *	doubles with each trial in vain: a steady load is left alone;
 *	a rate that changes by a quarter without a trial starts one; below 200,000 packets a second there are no naps;
 *	an epoch with naps in which less than half of the packets come that the rate promised, 64 at least, ends early;
 *	an epoch in which nothing came for half a millisecond tells nothing: the worker, or who sends to it, was off its CPU.
 *
 * With thresholds of a 16th a closed loop keeps 7/8 of the rate that it has without naps: each level is twice the one below at most,
 * so naps stop growing when one adds a 16th to what a turn of the loop takes, which is 2/15 of it at most. All of this is our choice.
 */
#include <stdbool.h>
#include <stdint.h>

#define PACE_LEVELS 4    /* naps of 1/8, 1/4, 1/2 and all of what is allowed; 0: none */
#define PACE_RING 256    /* entries that a ring has of which nothing is known: QEMU's default for each direction */
#define PACE_RING_MIN 64 /* a smaller one finds us late: it may not keep the core awake for all. Two bursts */
#define PACE_MAX_US 128  /* how long a packet may wait; half a ring of 256 at 1 Mpps */

struct pace {
	uint64_t nap_max, epoch_min, epoch_max; /* cycles */
	double quiet;                           /* packets a cycle below which there are no naps */

	uint64_t epoch_at, epoch_packets; /* cycles, and packets so far, when this epoch began */
	uint64_t call_at, call_packets;   /* when something had come last; then the last nap began, if there was one */
	uint64_t window_at, window_packets; /* since when it is watched whether the rate stays */

	double base;             /* packets a cycle at this level */
	unsigned level;          /* in force but for trials */
	int trial, next_trial;   /* -1, 0, 1: added to the level in this epoch; the next one's */
	unsigned hold, patience; /* epochs until the next trial; after the next one in vain */

	uint64_t asked;      /* for the last nap, cycles */
	uint64_t gathered;   /* cycles from its beginning to its end; 0: it is no news any more */
	bool napped;         /* in this epoch */
	double excess, step; /* what naps take more than was asked for; how fast that is learned; cycles */
	double share;        /* how much of the fullest ring a packet of the load fills */
};

/* The fullest ring that was found: waiting of slots packets. slots is 0 when nothing was found. */
struct pace_ring {
	unsigned waiting, slots;
};

/* Makes r what is found in a ring, if that is fuller. */
static inline void
pace_find(struct pace_ring *r, unsigned waiting, unsigned slots)
{
	if (slots < PACE_RING_MIN)
		slots = PACE_RING_MIN;
	if ((uint64_t)waiting * r->slots >= (uint64_t)r->waiting * slots)
		*r = (struct pace_ring){ waiting, slots };
}

/* hz: cycles a second. now: cycles. */
void pace_init(struct pace *p, uint64_t hz, uint64_t now);

/*
 * Whether to nap at this moment, when there is little to do: returns for how many cycles, 0: not. packets: taken so far, ever. fullest:
 * of the rings that were looked at since the last nap.
 */
uint64_t pace_nap(struct pace *p, uint64_t now, uint64_t packets, struct pace_ring fullest);

/* The nap that pace_nap asked for is over. */
void pace_wake(struct pace *p, uint64_t now);
#endif
