#ifndef BENCH_VMPOOL_H
#define BENCH_VMPOOL_H
/*
 * vmpool.h - free buffers, first in, first out: how many there are is the working set, whatever is under way. One thread.
 */
#include <errno.h>
#include <stdlib.h>

#include "bench/netns.h"
#include "bench/vuser/ring.h"

struct vmpool {
	uint64_t *token; /* addresses */
	uint32_t mask;
	uint32_t taken, given; /* counted; they wrap */
};

/* Makes an empty pool with room for n; ends the program without memory. */
static inline void
vmpool_init(struct vmpool *pool, uint32_t n)
{
	uint32_t room = 1;

	while (room < n)
		room *= 2;
	*pool = (struct vmpool){ .token = calloc(room, sizeof(*pool->token)), .mask = room - 1 };
	if (pool->token == NULL)
		bench_fail("a pool of buffers", ENOMEM);
}

static inline void
vmpool_fini(struct vmpool *pool)
{
	free(pool->token);
	*pool = (struct vmpool){ 0 };
}

static inline uint32_t
vmpool_count(const struct vmpool *pool)
{
	return pool->given - pool->taken;
}

static inline void
vmpool_give(struct vmpool *pool, uint64_t token)
{
	pool->token[pool->given++ & pool->mask] = token;
}

static inline unsigned
vmpool_take(struct vmpool *pool, uint64_t *token, unsigned n)
{
	if (n > vmpool_count(pool))
		n = vmpool_count(pool);
	for (unsigned i = 0; i < n; i++)
		token[i] = pool->token[pool->taken++ & pool->mask];
	return n;
}

/* Harvests what a transmit ring has sent. Returns how many, or -EPROTO. */
static inline int
vmpool_reclaim(struct vmpool *pool, struct vuser_queue *tx)
{
	struct vuser_done done[256];
	int n = vuser_take(tx, done, 256);

	for (int i = 0; i < n; i++)
		vmpool_give(pool, done[i].token);
	return n;
}
#endif
