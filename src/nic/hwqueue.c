/* hwqueue.c - telling a NIC how to hash, and taking what it sorted; see hwqueue.h. */
#include "nic/hwqueue.h"

#include <errno.h>
#include <string.h>

#include <rte_ethdev.h>

#include "base/clock.h"
#include "nic/frontend.h"

#define LOOK_MIN_US 5 /* after a look that found nothing the next one waits so long, then twice as long ... */
#define LOOK_MAX_US \
	500 /* ... up to this: below the millisecond after which a sleeping worker looks. Our choice, as LOOK_MIN_US */

/* ---- what it can do ---- */

/* A hash type as ethdevs name it. Which packets an ethdev means by the last two of `pair` and which by the first differs by driver. */
static const struct {
	unsigned type;
	uint64_t one, pair; /* either will do; pair: all of it */
} names[] = {
	{ HASH_IPV4, RTE_ETH_RSS_IPV4, RTE_ETH_RSS_FRAG_IPV4 | RTE_ETH_RSS_NONFRAG_IPV4_OTHER },
	{ HASH_TCP_IPV4, RTE_ETH_RSS_NONFRAG_IPV4_TCP, 0 },
	{ HASH_UDP_IPV4, RTE_ETH_RSS_NONFRAG_IPV4_UDP, 0 },
	{ HASH_IPV6, RTE_ETH_RSS_IPV6, RTE_ETH_RSS_FRAG_IPV6 | RTE_ETH_RSS_NONFRAG_IPV6_OTHER },
	{ HASH_TCP_IPV6, RTE_ETH_RSS_NONFRAG_IPV6_TCP, 0 },
	{ HASH_UDP_IPV6, RTE_ETH_RSS_NONFRAG_IPV6_UDP, 0 },
	{ HASH_IPV6_EX, RTE_ETH_RSS_IPV6_EX, 0 },
	{ HASH_TCP_IPV6_EX, RTE_ETH_RSS_IPV6_TCP_EX, 0 },
	{ HASH_UDP_IPV6_EX, RTE_ETH_RSS_IPV6_UDP_EX, 0 },
};

/* The types as far as `offered` has them; *all: whether it has each. */
static uint64_t
translate(unsigned types, uint64_t offered, bool *all)
{
	uint64_t hf = 0;

	*all = types != 0;
	for (unsigned i = 0; i < RTE_DIM(names); i++) {
		bool has_pair = names[i].pair != 0 && (offered & names[i].pair) == names[i].pair;

		if (!(types & names[i].type))
			continue;
		*all &= has_pair || (offered & names[i].one) != 0;
		hf |= offered & (names[i].one | names[i].pair);
	}
	return hf;
}

static bool
is_power_of_2(unsigned n)
{
	return n != 0 && (n & (n - 1)) == 0;
}

bool
hwqueue_can(uint16_t port, const struct hwqueue_rule *rule)
{
	struct rte_eth_dev_info info;
	bool all;

	if (rule->queues < 2 || rule->queues > HWQUEUES_MAX || rte_eth_dev_info_get(port, &info) != 0)
		return false;
	translate(rule->hash_types, info.flow_type_rss_offloads, &all);
	/* rte_ethdev.h, rss_key_len: who names no length has the 40 bytes that all had before there was one. */
	return all && info.max_rx_queues >= rule->queues && is_power_of_2(info.reta_size) &&
	       info.reta_size >= RTE_ETH_RETA_GROUP_SIZE && info.reta_size <= HWQUEUE_TABLE_MAX &&
	       info.reta_size >= rule->entries && (info.hash_key_size == TOEPLITZ_KEY_LEN || info.hash_key_size == 0);
}

/* ---- telling it ---- */

static struct rte_eth_rss_conf
conf_of(const struct rte_eth_dev_info *info, const struct hwqueue_rule *rule)
{
	bool all;

	return (struct rte_eth_rss_conf){ .rss_key = (uint8_t *)(uintptr_t)rule->key,
					  .rss_key_len = TOEPLITZ_KEY_LEN,
					  .rss_hf = translate(rule->hash_types, info->flow_type_rss_offloads, &all) };
}

void
hwqueue_configure(uint16_t port, const struct hwqueue_rule *rule, struct rte_eth_conf *conf)
{
	struct rte_eth_dev_info info;

	if (rte_eth_dev_info_get(port, &info) != 0)
		return;
	conf->rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
	conf->rx_adv_conf.rss_conf = conf_of(&info, rule);
}

static int
program_hash(uint16_t port, const struct rte_eth_dev_info *info, const struct hwqueue_rule *rule)
{
	struct rte_eth_rss_conf conf = conf_of(info, rule);
	uint8_t key[TOEPLITZ_KEY_LEN] = { 0 };
	struct rte_eth_rss_conf is = { .rss_key = key, .rss_key_len = sizeof(key) };
	int ret = rte_eth_dev_rss_hash_update(port, &conf);

	if (ret != 0)
		return ret < 0 ? ret : -EIO;
	ret = rte_eth_dev_rss_hash_conf_get(port, &is);
	if (ret == -ENOTSUP)
		return 0;
	return ret == 0 && is.rss_hf == conf.rss_hf && memcmp(key, rule->key, sizeof(key)) == 0 ? 0 : -EIO;
}

static int
program_table(uint16_t port, unsigned size, const uint16_t *entry, unsigned n_entries)
{
	struct rte_eth_rss_reta_entry64 table[HWQUEUE_TABLE_MAX / RTE_ETH_RETA_GROUP_SIZE] = { 0 };
	struct rte_eth_rss_reta_entry64 is[RTE_DIM(table)] = { 0 };
	int ret;

	for (unsigned i = 0; i < size; i++) {
		table[i / RTE_ETH_RETA_GROUP_SIZE].reta[i % RTE_ETH_RETA_GROUP_SIZE] = entry[i & (n_entries - 1)];
		table[i / RTE_ETH_RETA_GROUP_SIZE].mask = UINT64_MAX;
		is[i / RTE_ETH_RETA_GROUP_SIZE].mask = UINT64_MAX;
	}
	ret = rte_eth_dev_rss_reta_update(port, table, (uint16_t)size);
	if (ret != 0)
		return ret < 0 ? ret : -EIO;
	ret = rte_eth_dev_rss_reta_query(port, is, (uint16_t)size);
	if (ret == -ENOTSUP)
		return 0;
	for (unsigned i = 0; i < size && ret == 0; i++)
		if (is[i / RTE_ETH_RETA_GROUP_SIZE].reta[i % RTE_ETH_RETA_GROUP_SIZE] != entry[i & (n_entries - 1)])
			ret = -EIO;
	return ret <= 0 ? ret : -EIO;
}

/* An ethdev may have become another one since it was asked, so what follows from its size is looked at again. */
static int
info_of(uint16_t port, struct rte_eth_dev_info *info)
{
	int ret = rte_eth_dev_info_get(port, info);

	if (ret != 0)
		return ret < 0 ? ret : -EIO;
	return is_power_of_2(info->reta_size) && info->reta_size >= RTE_ETH_RETA_GROUP_SIZE &&
			       info->reta_size <= HWQUEUE_TABLE_MAX
		       ? 0
		       : -ENOTSUP;
}

int
hwqueue_program(uint16_t port, const struct hwqueue_rule *rule, const uint16_t *entry, unsigned n_entries)
{
	struct rte_eth_dev_info info;
	int ret = info_of(port, &info);

	if (ret == 0 && n_entries > info.reta_size)
		ret = -EINVAL;
	if (ret == 0)
		ret = program_hash(port, &info, rule);
	return ret == 0 ? program_table(port, info.reta_size, entry, n_entries) : ret;
}

int
hwqueue_unite(uint16_t port)
{
	static const uint16_t first[1];
	struct rte_eth_dev_info info;
	int ret = info_of(port, &info);

	return ret == 0 ? program_table(port, info.reta_size, first, 1) : ret;
}

/* ---- a queue as a source ---- */

static void
found_nothing(struct hwqueue *q)
{
	uint64_t most = clock_us_to_cycles(LOOK_MAX_US);

	q->gap = q->gap == 0 ? clock_us_to_cycles(LOOK_MIN_US) : RTE_MIN(q->gap * 2, most);
	atomic_store_explicit(&q->look_at, clock_cycles() + q->gap, memory_order_relaxed);
	/* Release: control that sees it knows that what was taken before was delivered. */
	atomic_store_explicit(&q->empty, atomic_load_explicit(&q->empty, memory_order_relaxed) + 1,
			      memory_order_release);
}

static unsigned
hwqueue_take(struct source *s, struct lane *lane)
{
	struct hwqueue *q = (struct hwqueue *)s;
	int port = uplink_port(q->fe->uplink);
	struct rte_mbuf *mbufs[PKT_BURST];
	unsigned n = port != UPLINK_ABSENT ? rte_eth_rx_burst((uint16_t)port, q->index, mbufs, PKT_BURST) : 0;

	if (n == 0) {
		found_nothing(q);
		return 0;
	}
	q->gap = 0;
	atomic_store_explicit(&q->look_at, 0, memory_order_relaxed);
	if (atomic_load_explicit(&q->fe->doubts_checksums, memory_order_relaxed))
		for (unsigned i = 0; i < n; i++)
			mbufs[i]->ol_flags &= ~(uint64_t)RTE_MBUF_F_RX_L4_CKSUM_MASK;
	rxring_show(&lane->burst, mbufs, n);
	return n;
}

static void
hwqueue_give(struct source *s, struct lane *lane)
{
	rxring_free_shown(&lane->burst);
}

/* An ethdev cannot be asked without taking: there may be something whenever the time to look has come. */
static bool
hwqueue_pending(struct source *s)
{
	const struct hwqueue *q = (const struct hwqueue *)s;

	return clock_cycles() >= atomic_load_explicit(&q->look_at, memory_order_relaxed);
}

/* Nobody can be asked for kicks. That there is this, and no descriptor, makes it mute. */
static void
hwqueue_arm(struct source *s)
{
}

static const struct source_ops hwqueue_ops = {
	.take = hwqueue_take, .give = hwqueue_give, .pending = hwqueue_pending, .arm = hwqueue_arm
};

void
hwqueue_init(struct hwqueue *q, const struct frontend *fe, unsigned index, struct ingress *ingress)
{
	source_init(&q->source, &hwqueue_ops, -1, ingress);
	q->fe = fe;
	q->index = (uint16_t)index;
	atomic_init(&q->look_at, 0);
	atomic_init(&q->empty, 0);
	q->gap = 0;
}

uint64_t
hwqueue_empty(const struct hwqueue *q)
{
	return atomic_load_explicit((_Atomic uint64_t *)(uintptr_t)&q->empty, memory_order_acquire);
}
