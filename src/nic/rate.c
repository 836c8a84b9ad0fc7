/* rate.c - a cap on what a sender sends; see rate.h. */
#include "nic/rate.h"

#define BITS_OF_MBPS UINT64_C(1000000)

void
rate_set(struct rate *r, unsigned mbps, uint64_t hz)
{
	uint64_t bytes_per_s = mbps * BITS_OF_MBPS / 8;

	r->depth = hz / 1000 * RATE_DEPTH_MS;
	atomic_store_explicit(&r->due, 0, memory_order_relaxed); /* what a lower rate had to be waited for */
	atomic_store_explicit(&r->price, mbps == 0 ? 0 : (hz << RATE_SHIFT) / bytes_per_s, memory_order_relaxed);
}

void
rate_charge(struct rate *r, uint64_t bytes, uint64_t now)
{
	uint64_t cost = bytes * atomic_load_explicit(&r->price, memory_order_relaxed) >> RATE_SHIFT;
	uint64_t due = atomic_load_explicit(&r->due, memory_order_relaxed);

	while (!atomic_compare_exchange_weak_explicit(&r->due, &due, (due > now ? due : now) + cost,
						      memory_order_relaxed, memory_order_relaxed))
		;
}
