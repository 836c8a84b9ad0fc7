/* test_rxplan.c - rings and plans for tests; see test_rxplan.h. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "nic/test_eal.h"
#include "nic/test_rxplan.h"

struct rte_mempool *pool;
struct queue *queues[RINGS];
struct rxring *rings[RINGS];
struct rxplan *_Atomic plan;
static struct vport vport;

struct mac
mac_of(unsigned v)
{
	return (struct mac){ { 0x02, 0xf1, 0, 0, 1, (uint8_t)v } };
}

int
open_all(void **state)
{
	if (test_eal_start(state) < 0)
		return -1;
	pool = test_pool_open(2047);
	return 0;
}

int
close_all(void **state)
{
	assert_int_equal(rte_mempool_in_use_count(pool), 0); /* every buffer came home */
	rte_mempool_free(pool);
	return 0;
}

int
open_rings(void **state)
{
	test_processors_open(WORKERS, 0);
	for (unsigned i = 0; i < RINGS; i++) {
		char name[16];

		snprintf(name, sizeof(name), "plan%u", i);
		queues[i] = queue_new(&vport, i);
		assert_non_null(queues[i]);
		rings[i] = rxring_new(name, queues[i], &vport, NULL);
		assert_non_null(rings[i]);
		queue_set_source(queues[i], QUEUE_FROM_WIRE, &rings[i]->source);
		assert_int_equal(queue_move(queues[i], i % WORKERS), 0);
	}
	return 0;
}

int
close_rings(void **state)
{
	rxplan_free(atomic_exchange(&plan, NULL));
	for (unsigned i = 0; i < RINGS; i++) {
		queue_free(queues[i]);
		rxring_free(rings[i], NULL);
	}
	test_processors_close();
	return 0;
}

struct rxplan *
plan_of(const struct rxplan *former, const struct vport_row *rows, unsigned n, unsigned entries, unsigned key)
{
	static uint8_t keys[2][TOEPLITZ_KEY_LEN];
	struct rxplan_hash hash = { keys[key], HASH_IPV4 | HASH_UDP_IPV4 };
	struct rxring *list[VPORTS][RINGS];
	struct rxplan_share shares[VPORTS];

	memcpy(keys[0], toeplitz_default_key, TOEPLITZ_KEY_LEN);
	for (unsigned i = 0; i < TOEPLITZ_KEY_LEN; i++)
		keys[1][i] = toeplitz_default_key[TOEPLITZ_KEY_LEN - 1 - i];
	for (unsigned i = 0; i < n; i++) {
		unsigned k = 0;

		for (; rows[i].ring[k] >= 0; k++)
			list[i][k] = rings[rows[i].ring[k]];
		shares[i] = (struct rxplan_share){ .mac = mac_of(rows[i].mac ? rows[i].mac : i),
						   .vid = rows[i].vid,
						   .ring = list[i],
						   .n_rings = k,
						   .n_entries = entries,
						   .first = rows[i].spared,
						   .n_used = k - rows[i].spared };
	}
	return rxplan_new(former, shares, n, &hash);
}

bool
is_limited(unsigned ring)
{
	return atomic_load(&rings[ring]->limit) != RXRING_NO_LIMIT;
}
