#ifndef NIC_RATE_H
#define NIC_RATE_H
/*
 * rate.h - a cap on what a sender sends, by not taking from it: a generic cell rate algorithm (ITU-T I.371, annex A) in one word, so that
 * queues of one sender on different processors share it.
 *
 * due is when all that was taken has been paid for. A take may begin while that lies no further ahead than RATE_DEPTH_MS; what it takes is
 * charged whole, so a burst may overdraw, and the next one waits for longer. What was not used is not saved up.
 */
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define RATE_DEPTH_MS 10 /* more than the time between two looks at a ring that nobody kicks for. Our choice */

struct rate {
	_Atomic uint64_t price; /* of a byte, in cycles / 2^RATE_SHIFT; 0: no cap. Written by: control */
	_Atomic uint64_t due;   /* cycles */
	uint64_t depth;         /* cycles */
};

#define RATE_SHIFT 10

/* mbps: 0 to 1,000,000; 0: no cap. hz: cycles of a second. Any time. Control. */
void rate_set(struct rate *r, unsigned mbps, uint64_t hz);

/* Whether a take may begin now, in cycles. Lanes. */
static inline bool
rate_allows(const struct rate *r, uint64_t now)
{
	return atomic_load_explicit(&((struct rate *)(uintptr_t)r)->due, memory_order_relaxed) <= now + r->depth;
}

static inline bool
rate_is_set(const struct rate *r)
{
	return atomic_load_explicit(&((struct rate *)(uintptr_t)r)->price, memory_order_relaxed) != 0;
}

/* What was taken. Lanes. */
void rate_charge(struct rate *r, uint64_t bytes, uint64_t now);
#endif
