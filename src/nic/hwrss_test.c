/*
 * hwrss_test.c - an adapter whose NIC hashes by itself.
 *
 * The NIC is DPDK's null device, which keeps queues, key and table as it is told; its frames are the test's. What takes a frame from a
 * queue is replaced: that takes it from a ring, into which the test's wire put it by the key and the table that the device has then.
 */
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
#include <rte_ring.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/qsbr.h"
#include "nic/hwrss.h"
#include "nic/test_eal.h"
#include "pkt/wire.h"

#define WORKERS 2
#define QUEUES 4
#define TABLE 128 /* entries of the null device's */
#define FLOWS 32
#define OUTSTANDING 200
#define CHANGES 300

struct flow_frame {
	uint8_t dst[6], src[6], type[2];
	uint8_t ip[IP4_HEADER_LEN];
	uint8_t ports[PORTS_LEN], udp[UDP_HEADER_LEN - PORTS_LEN];
	uint32_t flow;
	uint64_t number;
	uint8_t pad[10];
} __attribute__((packed));

static struct adapter *adapter;
static struct ingress ingress;
static struct rte_ring *rings[HWQUEUES_MAX];
static pthread_t workers[WORKERS];
static _Atomic bool stop;
static _Atomic uint64_t rest_until; /* ns: workers do nothing before */
static _Atomic uint64_t seen[FLOWS], disorder, by_front_end;
static _Atomic int seen_by[FLOWS]; /* the queue's index, of the last frame */
static uint64_t sent[FLOWS];

/* ---- the NIC ---- */

static unsigned refused;     /* times that it was told a table in vain */
static _Atomic bool refuses; /* it does not take a table */

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
	int ret = __real_rte_eth_dev_start(port);

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

static uint64_t
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

/* Which queue the device puts a flow into, by what it was told last. */
static unsigned
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

static bool
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

	if (!queue_enter(q, p))
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

static void *
work(void *arg)
{
	struct processor *p = arg;

	qsbr_online(p->lane.reader);
	while (!atomic_load_explicit(&stop, memory_order_relaxed)) {
		const struct queue_list *list = atomic_load_explicit(&p->queues, memory_order_acquire);
		unsigned n = 0;

		for (unsigned i = 0; list != NULL && i < list->n && clock_ns() > atomic_load(&rest_until); i++)
			n += serve(list->queue[i], &p->lane, p->id);
		qsbr_quiescent(p->lane.reader);
		if (n == 0) {
			qsbr_offline(p->lane.reader);
			usleep(20);
			qsbr_online(p->lane.reader);
		}
	}
	qsbr_offline(p->lane.reader);
	return NULL;
}

/* ---- the adapter ---- */

static struct adapter_settings
rss(unsigned queues)
{
	struct adapter_settings s;

	adapter_settings_init(&s);
	s.mode = ADAPTER_MODE_RSS;
	s.queues = queues;
	return s;
}

static void
set(const struct adapter_settings *s)
{
	struct err err = { 0 };

	if (adapter_set(adapter, s, &err) < 0)
		fail_msg("%s", err.msg);
}

static int
open_nic(void **state)
{
	struct adapter_settings s = rss(QUEUES);
	struct err err = { 0 };

	log_set_level(LOG_LEVEL_ERROR);
	atomic_store(&stop, false);
	atomic_store(&refuses, false);
	atomic_store(&disorder, 0);
	atomic_store(&by_front_end, 0);
	refused = 0;
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

static int
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

static uint64_t
outstanding(void)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < FLOWS; i++)
		n += sent[i] - atomic_load(&seen[i]);
	return n;
}

static void
send_each(unsigned times)
{
	for (unsigned k = 0; k < times * FLOWS; k++)
		while (outstanding() > OUTSTANDING || !send_one(k % FLOWS))
			sched_yield();
}

static void
expect_all_arrived(void)
{
	uint64_t end = clock_ns() + 2 * NSEC_PER_S;

	while (outstanding() > 0 && clock_ns() < end)
		usleep(100);
	assert_int_equal(outstanding(), 0);
}

/* What the NIC has been told: n queues in turn, none behind them, and the settings' key. n 1: no more than the table. */
static void
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

static void
frames_come_by_the_nics_own_queues_in_order(void **state)
{
	unsigned used = 0;

	assert_int_equal(adapter->uplink.rx_queues, QUEUES);
	expect_told(QUEUES);
	send_each(100);
	expect_all_arrived();
	assert_int_equal(atomic_load(&disorder), 0);
	assert_int_equal(atomic_load(&by_front_end), 0);
	assert_int_equal(count_get(&adapter->frontend.packets), 0);
	for (unsigned i = 0; i < FLOWS; i++) {
		assert_int_equal(atomic_load(&seen_by[i]), queue_of(i));
		used |= 1u << queue_of(i);
	}
	assert_int_equal(
		used,
		0xf); /* 32 flows in 4 queues: that one stays empty is a chance of 4 (3/4)^32, and the key is fixed */
	for (unsigned i = 0; i < QUEUES; i++)
		assert_int_equal(queue_processor(adapter->queue[i]), i % WORKERS); /* numa-static */
}

static void
settings_are_programmed_as_they_change(void **state)
{
	struct adapter_settings s = rss(2);

	set(&s);
	expect_told(2);
	assert_int_equal(adapter->uplink.rx_queues, QUEUES); /* two are left unused */
	s.rss.key[7] ^= 0x55;
	s.rss.hash_types = HASH_UDP_IPV4 | HASH_UDP_IPV6;
	s.rss.entries = 64;
	set(&s);
	expect_told(2);
	assert_int_equal(read_key((uint8_t[TOEPLITZ_KEY_LEN]){ 0 }),
			 RTE_ETH_RSS_NONFRAG_IPV4_UDP | RTE_ETH_RSS_NONFRAG_IPV6_UDP);
	s.mode = ADAPTER_MODE_NONE;
	set(&s);
	expect_told(1);
	s = rss(QUEUES);
	set(&s);
	expect_told(QUEUES);
}

static void
more_queues_than_it_was_opened_with_are_configured(void **state)
{
	struct adapter_settings s = rss(8);

	set(&s);
	assert_int_equal(adapter->uplink.rx_queues, 8);
	expect_told(8);
	send_each(20);
	expect_all_arrived();
	assert_int_equal(atomic_load(&by_front_end), 0);
}

static void
what_the_nic_has_not_is_the_front_ends(void **state)
{
	struct {
		unsigned queues, entries;
	} rows[] = { { HWQUEUES_MAX + 1, 128 }, { QUEUES, 512 }, { 1, 128 } };

	for (unsigned i = 0; i < RTE_DIM(rows); i++) {
		struct adapter_settings s = rss(rows[i].queues);

		s.rss.entries = rows[i].entries;
		set(&s);
		expect_told(1);
		assert_int_equal(adapter->n_queues, rows[i].queues);
		atomic_store(&by_front_end, 0);
		send_each(10);
		expect_all_arrived();
		assert_int_equal(atomic_load(&by_front_end), 10 * FLOWS);
		s = rss(QUEUES);
		set(&s);
		expect_told(QUEUES);
	}
}

static void
a_queue_that_leaves_the_table_is_worked_off_first(void **state)
{
	struct adapter_settings s = rss(2);

	for (unsigned modes = 0; modes < 2; modes++) {
		atomic_store(&rest_until, clock_ns() + 100 * NSEC_PER_S / 1000);
		send_each(3);
		assert_false(rte_ring_empty(rings[2]));
		assert_false(rte_ring_empty(rings[3]));
		set(&s);
		/* Nobody takes from them any more. */
		assert_true(rte_ring_empty(rings[2]));
		assert_true(rte_ring_empty(rings[3]));
		expect_all_arrived();
		s = rss(QUEUES);
		set(&s);
		s.mode = ADAPTER_MODE_NONE;
	}
}

static void
a_nic_that_does_not_take_a_table_is_not_asked_again(void **state)
{
	struct adapter_settings s = rss(3);
	unsigned times;

	atomic_store(&refuses, true);
	set(&s);
	times = refused;
	assert_true(times > 0);
	assert_int_equal(adapter->hw.n, 0);
	assert_false(atomic_load(&adapter->frontend.idle));
	assert_int_equal(adapter->uplink.rx_queues, 1); /* or it would go on to hash into queues that nobody reads */
	assert_int_equal(adapter->n_queues, 3);
	for (unsigned i = 0; i < 10; i++)
		set(&s);
	assert_int_equal(refused, times);
	atomic_store(&refuses, false);
	s = rss(QUEUES); /* something else */
	set(&s);
	expect_told(QUEUES);
	send_each(5);
	expect_all_arrived();
}

static _Atomic bool stop_load;

static void *
load(void *arg)
{
	unsigned r = 1;

	while (!atomic_load(&stop_load)) {
		r = r * 1664525 + 1013904223;
		if (outstanding() > OUTSTANDING || !send_one((r >> 16) % FLOWS))
			sched_yield();
	}
	return NULL;
}

static void
changes_under_load_lose_nothing(void **state)
{
	struct adapter_settings s = rss(QUEUES);
	struct vport_totals t;
	uint64_t all = 0;
	pthread_t loader;

	atomic_store(&stop_load, false);
	assert_int_equal(pthread_create(&loader, NULL, load, NULL), 0);
	for (unsigned i = 0; i < CHANGES; i++) {
		s.mode = i % 7 == 6 ? ADAPTER_MODE_NONE : ADAPTER_MODE_RSS;
		s.queues = 1 + i % QUEUES;
		s.rss.key[i % 40]++;
		set(&s);
	}
	s = rss(QUEUES);
	set(&s);
	atomic_store(&stop_load, true);
	pthread_join(loader, NULL);
	expect_all_arrived();
	for (unsigned i = 0; i < FLOWS; i++)
		all += sent[i];
	assert_true(all > CHANGES);
	vport_sum(&adapter->wire, &t);
	assert_int_equal(t.rx_dropped, 0);
	expect_told(QUEUES);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_nic, close_nic)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(frames_come_by_the_nics_own_queues_in_order),
		TEST(settings_are_programmed_as_they_change),
		TEST(more_queues_than_it_was_opened_with_are_configured),
		TEST(what_the_nic_has_not_is_the_front_ends),
		TEST(a_queue_that_leaves_the_table_is_worked_off_first),
		TEST(a_nic_that_does_not_take_a_table_is_not_asked_again),
		TEST(changes_under_load_lose_nothing),
	};

	return cmocka_run_group_tests(tests, test_eal_start, NULL);
}
