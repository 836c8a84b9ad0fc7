/* hwqueue_test.c - what an ethdev says that it can, what it is told, and its queues as sources; with DPDK's null and ring devices. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <rte_bus_vdev.h>
#include <rte_eth_ring.h>
#include <rte_ethdev.h>

#include "nic/frontend.h"
#include "nic/test_eal.h"

#define QUEUES 4
#define TABLE 128 /* entries of the null device's */

static struct rte_mempool *pool;
static uint16_t null_port, ring_port;
static struct rte_ring *rings[QUEUES];

static struct hwqueue_rule
rule_of(unsigned queues, unsigned types, unsigned entries)
{
	struct hwqueue_rule rule = { .queues = queues, .hash_types = types, .entries = entries };

	memcpy(rule.key, toeplitz_default_key, sizeof(rule.key));
	return rule;
}

static void
start(uint16_t port, const struct hwqueue_rule *rule)
{
	struct rte_eth_conf conf = { 0 };

	if (rule != NULL)
		hwqueue_configure(port, rule, &conf);
	assert_int_equal(rte_eth_dev_configure(port, QUEUES, 1, &conf), 0);
	for (uint16_t i = 0; i < QUEUES; i++)
		assert_int_equal(rte_eth_rx_queue_setup(port, i, 64, 0, NULL, pool), 0);
	assert_int_equal(rte_eth_tx_queue_setup(port, 0, 64, 0, NULL), 0);
	assert_int_equal(rte_eth_dev_start(port), 0);
}

static int
open_ports(void **state)
{
	int port;

	if (test_eal_start(state) < 0)
		return -1;
	pool = test_pool_open(256);
	assert_int_equal(rte_vdev_init("net_null_hwq", "no-rx=1"), 0);
	assert_int_equal(rte_eth_dev_get_port_by_name("net_null_hwq", &null_port), 0);
	for (unsigned i = 0; i < QUEUES; i++) {
		char name[] = { 'h', 'w', 'q', (char)('0' + i), '\0' };

		rings[i] = rte_ring_create(name, 64, SOCKET_ID_ANY, 0);
		assert_non_null(rings[i]);
	}
	port = rte_eth_from_rings("hwq", rings, QUEUES, rings, 1, 0);
	assert_true(port >= 0);
	ring_port = (uint16_t)port;
	return 0;
}

static int
close_ports(void **state)
{
	rte_eth_dev_close(null_port);
	rte_vdev_uninit("net_null_hwq");
	rte_eth_dev_close(ring_port);
	for (unsigned i = 0; i < QUEUES; i++)
		rte_ring_free(rings[i]);
	rte_mempool_free(pool);
	return 0;
}

static void
what_an_ethdev_says_decides(void **state)
{
	static const struct {
		unsigned queues, types, entries;
		bool can;
	} rows[] = {
		{ 4, HASH_TYPES_PLAIN, 128, true },
		{ 4, HASH_TYPES_ALL, 128, true },
		{ 4, HASH_IPV4, 64, true },
		{ 2, HASH_TYPES_PLAIN, 1, true },
		{ 0, HASH_TYPES_PLAIN, 128, false },
		{ 1, HASH_TYPES_PLAIN, 128, false }, /* nothing to spread */
		{ HWQUEUES_MAX, HASH_TYPES_PLAIN, 128, true },
		{ HWQUEUES_MAX + 1, HASH_TYPES_PLAIN, 128, false }, /* no buffers for so many */
		{ 4, HASH_TYPES_PLAIN, 256, false },                /* its table has 128 */
		{ 4, 0, 128, false },
	};

	for (unsigned i = 0; i < RTE_DIM(rows); i++) {
		struct hwqueue_rule rule = rule_of(rows[i].queues, rows[i].types, rows[i].entries);

		if (hwqueue_can(null_port, &rule) != rows[i].can)
			fail_msg("row %u", i);
		assert_false(hwqueue_can(ring_port, &rule)); /* four queues, but neither table nor hash */
		assert_false(hwqueue_can(RTE_MAX_ETHPORTS - 1, &rule));
	}
}

static void
expect_table(uint16_t port, const uint16_t *entry, unsigned n)
{
	struct rte_eth_rss_reta_entry64 is[TABLE / RTE_ETH_RETA_GROUP_SIZE] = { { .mask = UINT64_MAX },
										{ .mask = UINT64_MAX } };

	assert_int_equal(rte_eth_dev_rss_reta_query(port, is, TABLE), 0);
	for (unsigned i = 0; i < TABLE; i++)
		assert_int_equal(is[i / RTE_ETH_RETA_GROUP_SIZE].reta[i % RTE_ETH_RETA_GROUP_SIZE], entry[i % n]);
}

static void
key_types_and_table_are_programmed(void **state)
{
	static const uint16_t entry[8] = { 0, 1, 2, 3, 3, 2, 1, 0 }, first[1];
	struct hwqueue_rule rule = rule_of(QUEUES, HASH_TCP_IPV4 | HASH_IPV6, 8);
	uint8_t key[TOEPLITZ_KEY_LEN];
	struct rte_eth_rss_conf is = { .rss_key = key, .rss_key_len = sizeof(key) };

	rule.key[0] = 0x01;
	rule.key[39] = 0x27;
	start(null_port, &rule);
	assert_int_equal(hwqueue_program(null_port, &rule, entry, 8), 0);
	assert_int_equal(rte_eth_dev_rss_hash_conf_get(null_port, &is), 0);
	assert_memory_equal(key, rule.key, sizeof(key));
	assert_int_equal(is.rss_hf, RTE_ETH_RSS_NONFRAG_IPV4_TCP | RTE_ETH_RSS_IPV6 | RTE_ETH_RSS_FRAG_IPV6 |
					    RTE_ETH_RSS_NONFRAG_IPV6_OTHER);
	expect_table(null_port, entry, 8);
	assert_int_equal(hwqueue_unite(null_port), 0);
	expect_table(null_port, first, 1);
	assert_int_equal(rte_eth_dev_stop(null_port), 0);
}

static void
what_cannot_be_programmed_is_told(void **state)
{
	static const uint16_t beyond[2] = { 0, QUEUES };
	static const uint16_t many[2 * TABLE];
	struct hwqueue_rule rule = rule_of(QUEUES, HASH_TYPES_PLAIN, 2);

	start(null_port, &rule);
	assert_true(hwqueue_program(null_port, &rule, beyond, 2) < 0); /* a queue that does not exist */
	assert_int_equal(hwqueue_program(null_port, &rule, many, 2 * TABLE), -EINVAL);
	assert_int_equal(rte_eth_dev_stop(null_port), 0);
	start(null_port, NULL);
	assert_true(hwqueue_program(null_port, &rule, many, 2) < 0); /* it was not configured to hash */
	assert_int_equal(rte_eth_dev_stop(null_port), 0);
	start(ring_port, NULL);
	assert_true(hwqueue_program(ring_port, &rule, many, 2) < 0);
	assert_true(hwqueue_unite(ring_port) < 0);
	assert_int_equal(rte_eth_dev_stop(ring_port), 0);
}

static void
an_uplink_is_opened_with_the_queues_that_it_can_have(void **state)
{
	static const struct {
		unsigned asked, opened;
	} rows[] = { { 4, 4 }, { 0, 1 }, { HWQUEUES_MAX, HWQUEUES_MAX }, { HWQUEUES_MAX + 1, 1 } };
	static const uint16_t first[1];
	static struct uplink u;

	for (unsigned i = 0; i < RTE_DIM(rows); i++) {
		struct rte_eth_dev_info info;
		struct err err;

		uplink_init(&u, "up", UPLINK_TYPE_NULL, "");
		u.rss = rule_of(rows[i].asked, HASH_TYPES_PLAIN, 128);
		assert_int_equal(uplink_open(&u, 0, &err), 0);
		assert_int_equal(u.rx_queues, rows[i].opened);
		assert_int_equal(rte_eth_dev_info_get((uint16_t)uplink_port(&u), &info), 0);
		assert_int_equal(info.nb_rx_queues, rows[i].opened);
		if (rows[i].opened > 1) /* nobody reads the others yet */
			expect_table((uint16_t)uplink_port(&u), first, 1);
		uplink_detach(&u);
		uplink_close(&u);
		rte_mempool_free(u.pool);
	}
}

/* ---- as a source ---- */

static struct uplink uplink;
static struct frontend frontend;
static struct lane lane;

static void
open_source(struct hwqueue *q, unsigned index)
{
	uplink_init(&uplink, "up", UPLINK_TYPE_RING, "");
	memset((void *)&frontend, 0, sizeof(frontend));
	frontend.uplink = &uplink;
	atomic_store(&uplink.port, ring_port);
	assert_int_equal(lane_init(&lane, 0), 0);
	start(ring_port, NULL);
	hwqueue_init(q, &frontend, index, NULL);
}

static void
close_source(void)
{
	lane_fini(&lane);
	assert_int_equal(rte_eth_dev_stop(ring_port), 0);
	assert_int_equal(rte_mempool_in_use_count(pool), 0);
}

static void
put(unsigned queue, uint8_t number, uint64_t flags)
{
	uint8_t frame[60] = { [59] = number };
	struct rte_mbuf *m = test_mbuf(pool, frame, sizeof(frame));

	assert_non_null(m);
	m->ol_flags |= flags;
	assert_int_equal(rte_ring_enqueue(rings[queue], m), 0);
}

static void
a_source_gives_the_frames_of_its_queue_in_order(void **state)
{
	struct hwqueue q;
	unsigned n;

	open_source(&q, 2);
	assert_true(source_is_mute(&q.source)); /* nobody kicks for it */
	for (unsigned i = 0; i < QUEUES; i++)
		put(i, (uint8_t)i, 0);
	for (unsigned i = 0; i < PKT_BURST; i++)
		put(2, (uint8_t)(100 + i), 0);
	assert_true(source_has_work(&q.source));
	n = q.source.ops->take(&q.source, &lane);
	assert_int_equal(n, PKT_BURST);
	assert_int_equal(lane.burst.pkt[0].len, 60);
	assert_int_equal(lane.burst.pkt[0].hdr[59], 2);
	for (unsigned i = 1; i < PKT_BURST; i++)
		assert_int_equal(lane.burst.pkt[i].hdr[59], 100 + i - 1);
	q.source.ops->give(&q.source, &lane);
	assert_true(source_has_work(&q.source)); /* a full burst: there is more */
	assert_int_equal(q.source.ops->take(&q.source, &lane), 1);
	q.source.ops->give(&q.source, &lane);
	assert_int_equal(hwqueue_empty(&q), 0);
	for (unsigned i = 0; i < QUEUES; i++) {
		void *m;

		while (rte_ring_dequeue(rings[i], &m) == 0) {
			assert_int_not_equal(i, 2);
			rte_pktmbuf_free(m);
		}
	}
	close_source();
}

static void
an_empty_queue_is_looked_at_more_and_more_seldom(void **state)
{
	struct hwqueue q;
	uint64_t gap = 0;

	open_source(&q, 0);
	for (unsigned i = 1; i <= 20; i++) {
		assert_int_equal(q.source.ops->take(&q.source, &lane), 0);
		assert_int_equal(hwqueue_empty(&q), i);
		assert_true(q.gap >= gap);
		gap = q.gap;
	}
	assert_false(source_has_work(&q.source));
	usleep(1000); /* after which a worker that sleeps looks */
	assert_true(source_has_work(&q.source));
	put(0, 7, 0);
	assert_int_equal(q.source.ops->take(&q.source, &lane), 1);
	q.source.ops->give(&q.source, &lane);
	assert_true(source_has_work(&q.source));
	assert_int_equal(q.source.ops->take(&q.source, &lane), 0);
	assert_true(q.gap < gap);
	close_source();
}

static void
the_uplinks_word_on_checksums_is_passed_on_or_not(void **state)
{
	struct hwqueue q;

	open_source(&q, 1);
	for (unsigned doubts = 0; doubts < 2; doubts++) {
		atomic_store(&frontend.doubts_checksums, doubts);
		put(1, 0, RTE_MBUF_F_RX_L4_CKSUM_GOOD);
		assert_int_equal(q.source.ops->take(&q.source, &lane), 1);
		assert_int_equal(lane.burst.pkt[0].claim.csum_good, !doubts);
		q.source.ops->give(&q.source, &lane);
	}
	close_source();
}

static void
of_an_absent_uplink_there_is_nothing_to_take(void **state)
{
	struct hwqueue q;
	void *m = NULL;

	open_source(&q, 0);
	put(0, 0, 0);
	atomic_store(&uplink.port, UPLINK_ABSENT);
	assert_int_equal(q.source.ops->take(&q.source, &lane), 0);
	assert_int_equal(rte_ring_dequeue(rings[0], &m), 0);
	rte_pktmbuf_free(m);
	close_source();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_an_ethdev_says_decides),
		cmocka_unit_test(key_types_and_table_are_programmed),
		cmocka_unit_test(what_cannot_be_programmed_is_told),
		cmocka_unit_test(an_uplink_is_opened_with_the_queues_that_it_can_have),
		cmocka_unit_test(a_source_gives_the_frames_of_its_queue_in_order),
		cmocka_unit_test(an_empty_queue_is_looked_at_more_and_more_seldom),
		cmocka_unit_test(the_uplinks_word_on_checksums_is_passed_on_or_not),
		cmocka_unit_test(of_an_absent_uplink_there_is_nothing_to_take),
	};

	return cmocka_run_group_tests(tests, open_ports, close_ports);
}
