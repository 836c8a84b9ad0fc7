/* test_hwrss.c - an adapter, workers, and a NIC that hashes; see test_hwrss.h. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

#include <rte_ethdev.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/qsbr.h"
#include "nic/test_eal.h"
#include "nic/test_hwrss.h"
#include "nic/test_worker.h"
#include "pkt/wire.h"

#define TABLE 128 /* entries of the null device's */

struct flow_frame {
	uint8_t dst[6], src[6], type[2];
	uint8_t ip[IP4_HEADER_LEN];
	uint8_t ports[PORTS_LEN], udp[UDP_HEADER_LEN - PORTS_LEN];
	uint32_t flow;
	uint64_t number;
	uint8_t pad[10];
} __attribute__((packed));

struct adapter *adapter;
static struct ingress ingress;
struct rte_ring *rings[HWQUEUES_MAX];
static pthread_t workers[WORKERS];
static _Atomic bool stop;
_Atomic uint64_t rest_until;
static _Atomic uint64_t seen[FLOWS];
_Atomic uint64_t disorder, by_front_end;
_Atomic int seen_by[FLOWS];
uint64_t sent[FLOWS];

/* ---- the NIC ---- */

unsigned refused;
_Atomic bool refuses;

int __real_rte_eth_dev_rss_reta_update(uint16_t port, struct rte_eth_rss_reta_entry64 *table, uint16_t size);
int __wrap_rte_eth_dev_rss_reta_update(uint16_t port, struct rte_eth_rss_reta_entry64 *table, uint16_t size);

int
__wrap_rte_eth_dev_rss_reta_update(uint16_t port, struct rte_eth_rss_reta_entry64 *table, uint16_t size)
{
	if (!atomic_load(&refuses))
		return __real_rte_eth_dev_rss_reta_update(port, table, size);
	refused++;
	return -EIO;
}

unsigned stubborn;
_Atomic bool replaced;

bool __wrap_uplink_is_replaced(const struct uplink *u);

bool
__wrap_uplink_is_replaced(const struct uplink *u)
{
	return atomic_load(&replaced);
}

static uint16_t nic_port;

static uint16_t
nic_rx(void *queue, struct rte_mbuf **mbufs, uint16_t n)
{
	for (unsigned i = 0; i < HWQUEUES_MAX; i++)
		if (rte_eth_fp_ops[nic_port].rxq.data[i] == queue)
			return (uint16_t)rte_ring_sc_dequeue_burst(rings[i], (void **)mbufs, n, NULL);
	return 0;
}

int __real_rte_eth_dev_start(uint16_t port);
int __wrap_rte_eth_dev_start(uint16_t port);

/* No lane can use the port yet. */
int
__wrap_rte_eth_dev_start(uint16_t port)
{
	int ret = stubborn > 0 ? -EIO : __real_rte_eth_dev_start(port);

	if (ret < 0) {
		stubborn--;
		return ret;
	}
	nic_port = port;
	rte_eth_fp_ops[port].rx_pkt_burst = nic_rx;
	return ret;
}

static void
read_table(uint16_t *entry)
{
	struct rte_eth_rss_reta_entry64 is[TABLE / RTE_ETH_RETA_GROUP_SIZE] = { { .mask = UINT64_MAX },
										{ .mask = UINT64_MAX } };

	assert_int_equal(rte_eth_dev_rss_reta_query((uint16_t)uplink_port(&adapter->uplink), is, TABLE), 0);
	for (unsigned i = 0; i < TABLE; i++)
		entry[i] = is[i / RTE_ETH_RETA_GROUP_SIZE].reta[i % RTE_ETH_RETA_GROUP_SIZE];
}

uint64_t
read_key(uint8_t *key)
{
	struct rte_eth_rss_conf is = { .rss_key = key, .rss_key_len = TOEPLITZ_KEY_LEN };

	assert_int_equal(rte_eth_dev_rss_hash_conf_get((uint16_t)uplink_port(&adapter->uplink), &is), 0);
	return is.rss_hf;
}

static struct flow_frame
frame_of(uint32_t flow)
{
	struct flow_frame frame = { .dst = { 2 }, .src = { 2, 1 }, .flow = flow, .number = sent[flow] };

	put_be16(frame.type, TYPE_IPV4);
	frame.ip[0] = IP4_NO_OPTIONS;
	frame.ip[IP4_PROTO_AT] = IPPROTO_UDP;
	put_be16(frame.ports, (uint16_t)(1000 + flow));
	return frame;
}

unsigned
queue_of(uint32_t flow)
{
	struct flow_frame frame = frame_of(flow);
	uint8_t key[TOEPLITZ_KEY_LEN];
	struct toeplitz *toeplitz;
	uint16_t entry[TABLE];
	uint32_t hash;

	read_table(entry);
	read_key(key);
	toeplitz = toeplitz_new(key, true);
	assert_non_null(toeplitz);
	hash = toeplitz_hash(toeplitz, frame.ip + IP4_ADDRS_AT, IP4_ADDRS_LEN + PORTS_LEN);
	toeplitz_free(toeplitz);
	return entry[hash % TABLE];
}

bool
send_one(uint32_t flow)
{
	struct flow_frame frame = frame_of(flow);
	struct rte_mbuf *m = test_mbuf(adapter->uplink.pool, &frame, sizeof(frame));

	if (m == NULL)
		return false;
	if (rte_ring_sp_enqueue(rings[queue_of(flow)], m) < 0) {
		rte_pktmbuf_free(m);
		return false;
	}
	sent[flow]++;
	return true;
}

/* ---- workers ---- */

static void
look_at(const struct queue *q, const struct source *s, const struct pkt *pkt)
{
	const struct flow_frame *frame = (const struct flow_frame *)pkt->hdr;

	if (atomic_fetch_add(&seen[frame->flow], 1) != frame->number)
		atomic_fetch_add(&disorder, 1);
	atomic_store(&seen_by[frame->flow], (int)q->index);
	if (s == atomic_load(&q->source[QUEUE_FROM_WIRE]))
		atomic_fetch_add(&by_front_end, 1);
}

static unsigned
serve(struct queue *q, struct lane *lane, unsigned p)
{
	unsigned n = 0;

	if (clock_ns() <= atomic_load(&rest_until) || !queue_enter(q, p))
		return 0;
	for (int i = 0; i < QUEUE_SOURCES; i++) {
		struct source *s = atomic_load_explicit(&q->source[i], memory_order_acquire);
		unsigned k = s != NULL && source_has_work(s) ? s->ops->take(s, lane) : 0;

		for (unsigned j = 0; j < k; j++)
			look_at(q, s, &lane->burst.pkt[j]);
		if (k > 0)
			s->ops->give(s, lane);
		n += k;
	}
	queue_leave(q, p);
	return n;
}

static unsigned
round_of(struct processor *p)
{
	return test_serve_all(p, serve);
}

static void *
work(void *arg)
{
	test_work(arg, &stop, round_of);
	return NULL;
}

/* ---- the adapter ---- */

struct adapter_settings
rss(unsigned queues)
{
	struct adapter_settings s;

	adapter_settings_init(&s);
	s.mode = ADAPTER_MODE_RSS;
	s.queues = queues;
	return s;
}

void
set(const struct adapter_settings *s)
{
	struct err err = { 0 };

	if (adapter_set(adapter, s, &err) < 0)
		fail_msg("%s", err.msg);
}

int
open_nic(void **state)
{
	struct adapter_settings s = rss(QUEUES);
	struct err err = { 0 };

	log_set_level(LOG_LEVEL_ERROR);
	atomic_store(&stop, false);
	atomic_store(&refuses, false);
	atomic_store(&disorder, 0);
	atomic_store(&by_front_end, 0);
	atomic_store(&replaced, false);
	refused = stubborn = 0;
	memset(sent, 0, sizeof(sent));
	for (unsigned i = 0; i < FLOWS; i++)
		atomic_store(&seen[i], 0);
	for (unsigned i = 0; i < HWQUEUES_MAX; i++) {
		char name[] = { 'n', 'i', 'c', (char)('a' + i), '\0' };

		rings[i] = rte_ring_create(name, 1024, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
		assert_non_null(rings[i]);
	}
	test_processors_open(WORKERS, 0);
	adapter = adapter_new("up", UPLINK_TYPE_NULL, "", 0, &s, WORKERS, &ingress, &err);
	if (adapter == NULL)
		fail_msg("%s", err.msg);
	for (unsigned i = 0; i < WORKERS; i++)
		assert_int_equal(pthread_create(&workers[i], NULL, work, processors[i]), 0);
	assert_int_equal(adapter_start(adapter, &err), 0);
	return 0;
}

int
close_nic(void **state)
{
	adapter_stop(adapter);
	assert_int_equal(adapter->hw.n, 0);
	atomic_store(&stop, true);
	for (unsigned i = 0; i < WORKERS; i++)
		pthread_join(workers[i], NULL);
	assert_int_equal(rte_mempool_in_use_count(adapter->uplink.pool), 0); /* every buffer came home */
	adapter_free(adapter);
	test_processors_close();
	for (unsigned i = 0; i < HWQUEUES_MAX; i++)
		rte_ring_free(rings[i]);
	return 0;
}

uint64_t
outstanding(void)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < FLOWS; i++)
		n += sent[i] - atomic_load(&seen[i]);
	return n;
}

void
send_each(unsigned times)
{
	for (unsigned k = 0; k < times * FLOWS; k++)
		while (outstanding() > OUTSTANDING || !send_one(k % FLOWS))
			sched_yield();
}

void
expect_all_arrived(void)
{
	uint64_t end = clock_ns() + 2 * NSEC_PER_S;

	while (outstanding() > 0 && clock_ns() < end)
		usleep(100);
	assert_int_equal(outstanding(), 0);
}

void
expect_told(unsigned n)
{
	uint8_t key[TOEPLITZ_KEY_LEN];
	uint16_t entry[TABLE];

	read_table(entry);
	for (unsigned i = 0; i < TABLE; i++)
		assert_int_equal(entry[i], i % n);
	assert_int_equal(adapter->hw.n, n > 1 ? n : 0);
	assert_int_equal(atomic_load(&adapter->frontend.idle), n > 1);
	for (unsigned i = 0; i < adapter->n_queues; i++)
		assert_ptr_equal(atomic_load(&adapter->queue[i]->source[QUEUE_FROM_SENDER]),
				 i < adapter->hw.n ? &adapter->hw.queue[i].source : NULL);
	if (n == 1)
		return;
	read_key(key);
	assert_memory_equal(key, adapter->settings.rss.key, sizeof(key));
}
