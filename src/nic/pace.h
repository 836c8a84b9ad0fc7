#ifndef NIC_PACE_H
#define NIC_PACE_H
/*
 * pace.h - how long a worker naps under load, so that it finds full bursts and nobody pays for kicks. Worker.
 *
 * An eager worker finds two or three packets at a time: the rings' cache lines then travel for each of them, and its core is
 * never idle. A nap lets packets gather. It may last as long as half a ring takes to fill at the current rate, 64 us at most:
 * more would lose packets, or keep them for too long.
 *
 * For an open stream (packets come at their own rate) the longest nap is the best one. For a closed loop (somebody waits for answers
 * before he sends more: ping-pong, TCP, a load tool with so many packets in flight) a nap longer than the loop takes is time
 * lost: the packets are all there, and no more will come. Which of the two it is shows only by trying: a nap is free as long
 * as the rate stays what it was. So the nap's length is one of five levels, from none to the longest, and:
 *
 *	in each epoch (some naps, a thousand packets) one level is in force, and the rate is measured;
 *	now and then one epoch tries the next level up or down. Up is kept unless the rate fell, down when the rate rose, by a 16th each;
 *	what was kept is tried again in the same direction at once; what was not, in the other one, after a number of epochs that
 *	doubles with each trial in vain: a steady load is left alone;
 *	a rate that changes by a quarter without a trial starts one; below 200,000 packets a second there are no naps;
 *	an epoch in which less than half of the packets come that the rate promised, 64 at least, ends early.
 *
 * With thresholds of a 16th a closed loop keeps 7/8 of the rate that it has without naps: each level is twice the one below, so naps
 * stop growing when one adds a 16th to what a turn of the loop takes, which is 2/15 of it at most. All of this is our choice.
 */
#include <stdint.h>

#define PACE_LEVELS 4 /* naps of 1/8, 1/4, 1/2 and all of what is allowed; 0: none */
#define PACE_ROOM 128 /* packets that a nap may bring: half a ring of 256 entries, QEMU's default for each direction */
#define PACE_ROOM_MIN 32 /* a burst. Smaller rings find us late: one of them may not keep the core awake for all */
#define PACE_MAX_US 64   /* what half such a ring takes to fill at 2 Mpps */

struct pace {
	uint64_t nap_max, epoch_min, epoch_max; /* cycles */
	double quiet;                           /* packets a cycle below which there are no naps */

	uint64_t epoch_at, epoch_packets;   /* cycles, and packets so far, when this epoch began */
	uint64_t nap_at, nap_packets;       /* at the last nap */
	uint64_t window_at, window_packets; /* since when it is watched whether the rate stays */

	double base;             /* packets a cycle at this level */
	unsigned level;          /* in force but for trials */
	int trial, next_trial;   /* -1, 0, 1: added to the level in this epoch; the next one's */
	unsigned hold, patience; /* epochs until the next trial; after the next one in vain */
};

/* hz: cycles a second. now: cycles. */
void pace_init(struct pace *p, uint64_t hz, uint64_t now);

/*
 * Whether to nap at this moment, when there is little to do: returns for how many cycles, 0: not. packets: taken so far, ever. slots:
 * the fewest that a sender's ring has of those that brought something since the last nap, 0: unknown.
 */
uint64_t pace_nap(struct pace *p, uint64_t now, uint64_t packets, unsigned slots);
#endif
