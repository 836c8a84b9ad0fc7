/* test_adapter.c - an adapter between a ring device and workers that look at each frame; see test_adapter.h. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

#include <rte_ethdev.h>

#include "base/clock.h"
#include "base/qsbr.h"
#include "nic/test_adapter.h"
#include "nic/test_eal.h"
#include "nic/test_worker.h"
#include "pkt/wire.h"

#define OUTSTANDING 400 /* frames on their way: one ring of 1023 can hold them all */

/* Ethernet, IPv4 without options, UDP, and what the test looks at. */
struct flow_frame {
	struct mac dst, src;
	uint8_t type[2];
	uint8_t ip[IP4_HEADER_LEN];
	uint8_t ports[PORTS_LEN], udp[UDP_HEADER_LEN - PORTS_LEN];
	uint32_t flow;
	uint64_t number;
	uint8_t pad[10]; /* to 64 bytes */
} __attribute__((packed));

struct adapter *adapter;
struct vport vports[MEMBERS];
struct queue *queues[MEMBERS][PAIRS];
struct adapter_member members[MEMBERS];
struct ingress ingress;

static pthread_t workers[WORKERS];
static _Atomic bool stop;
_Atomic bool paused;
_Atomic uint64_t sent[FLOWS], seen[FLOWS], by_vm_queue;
static _Atomic uint64_t disorder;

static bool
is_default(const struct source *s)
{
	return ((const struct rxring *)s)->vport == &adapter->wire;
}

static void
look_at(const struct source *s, const struct pkt *pkt)
{
	const struct flow_frame *frame = (const struct flow_frame *)pkt->hdr;
	uint64_t number = atomic_exchange(&seen[frame->flow], frame->number + 1);

	if (number != frame->number)
		atomic_fetch_add(&disorder, 1);
	if (!is_default(s))
		atomic_fetch_add_explicit(&by_vm_queue, 1, memory_order_relaxed);
}

static unsigned
serve(struct queue *q, struct lane *lane, unsigned p)
{
	struct source *s;
	unsigned n = 0;

	if (atomic_load(&paused) || !queue_enter(q, p))
		return 0;
	s = atomic_load_explicit(&q->source[QUEUE_FROM_WIRE], memory_order_acquire);
	if (s != NULL)
		n = s->ops->take(s, lane);
	for (unsigned i = 0; i < n; i++)
		look_at(s, &lane->burst.pkt[i]);
	if (n > 0)
		s->ops->give(s, lane);
	queue_leave(q, p);
	return n;
}

static unsigned
round_of(struct processor *p)
{
	unsigned n = frontend_poll_inline(p, &p->lane);

	return n + test_serve_all(p, serve);
}

static void *
work(void *arg)
{
	test_work(arg, &stop, round_of);
	return NULL;
}

static struct mac
mac_of(uint32_t flow)
{
	return (struct mac){ { 0x02, 0xf1, 0, 0, 0, (uint8_t)(flow + 1) } };
}

static int
open_on(unsigned n)
{
	struct adapter_settings settings;
	struct err err = { 0 };

	adapter_settings_init(&settings);
	settings.mode = ADAPTER_MODE_VMQ;
	settings.queues = MEMBERS;
	atomic_store(&stop, false);
	atomic_store(&disorder, 0);
	atomic_store(&by_vm_queue, 0);
	test_processors_open(n, 0);
	adapter = adapter_new("up", UPLINK_TYPE_RING, "", 0, &settings, WORKERS, &ingress, &err);
	if (adapter == NULL)
		fail_msg("%s", err.msg);
	assert_int_equal(adapter_start(adapter, &err), 0);
	for (unsigned i = 0; i < MEMBERS; i++) {
		assert_int_equal(vport_init(&vports[i], "vm"), 0);
		for (unsigned k = 0; k < PAIRS; k++)
			queues[i][k] = queue_new(&vports[i], k);
		members[i] = (struct adapter_member){ .vport = &vports[i],
						      .queues = queues[i],
						      .n_queues = 1,
						      .mac = mac_of(i),
						      .vid = RXMAP_VID_UNTAGGED,
						      .weight = 100 };
		assert_int_equal(adapter_join(adapter, &members[i], &err), 0);
	}
	for (unsigned i = 0; i < FLOWS; i++) {
		atomic_store(&sent[i], 0);
		atomic_store(&seen[i], 0);
	}
	for (unsigned i = 0; i < n_processors; i++)
		assert_int_equal(pthread_create(&workers[i], NULL, work, processors[i]), 0);
	return 0;
}

int
open_adapter(void **state)
{
	return open_on(WORKERS);
}

int
open_adapter_inline(void **state)
{
	return open_on(1);
}

int
close_adapter(void **state)
{
	for (unsigned i = 0; i < MEMBERS; i++) {
		adapter_leave(adapter, &members[i]);
		for (unsigned k = 0; k < PAIRS; k++)
			queue_free(queues[i][k]);
	}
	adapter_stop(adapter);
	atomic_store(&stop, true);
	for (unsigned i = 0; i < n_processors; i++)
		pthread_join(workers[i], NULL);
	assert_int_equal(rte_mempool_in_use_count(adapter->uplink.pool), 0); /* every buffer came home */
	adapter_free(adapter);
	for (unsigned i = 0; i < MEMBERS; i++)
		vport_fini(&vports[i]);
	test_processors_close();
	return 0;
}

static uint64_t
outstanding(void)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < FLOWS; i++)
		n += atomic_load(&sent[i]) - atomic_load(&seen[i]);
	return n;
}

bool
send_one(uint32_t flow)
{
	struct flow_frame frame = { .dst = mac_of(flow % (MEMBERS + 1)),
				    .src = mac_of(200),
				    .flow = flow,
				    .number = atomic_load(&sent[flow]) };
	struct rte_mbuf *m;

	put_be16(frame.type, TYPE_IPV4);
	frame.ip[0] = 0x45;
	frame.ip[IP4_PROTO_AT] = IPPROTO_UDP;
	put_be16(frame.ports, (uint16_t)(1000 + flow));
	m = test_mbuf(adapter->uplink.pool, &frame, sizeof(frame));
	if (m == NULL)
		return false;
	if (rte_eth_tx_burst((uint16_t)uplink_port(&adapter->uplink), 0, &m, 1) == 0) {
		rte_pktmbuf_free(m);
		return false;
	}
	atomic_fetch_add(&sent[flow], 1);
	return true;
}

static _Atomic bool stop_load;
static pthread_t loader;

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

void
begin_load(void)
{
	atomic_store(&stop_load, false);
	assert_int_equal(pthread_create(&loader, NULL, load, NULL), 0);
}

void
end_load(void)
{
	atomic_store(&stop_load, true);
	pthread_join(loader, NULL);
}

bool
all_arrived(void)
{
	uint64_t end = clock_ns() + 2 * NSEC_PER_S;

	while (outstanding() > 0 && clock_ns() < end)
		usleep(100);
	return outstanding() == 0;
}

uint64_t
seen_in_all(void)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < FLOWS; i++)
		n += atomic_load(&seen[i]);
	return n;
}

void
expect_nothing_lost(void)
{
	struct vport_totals t;

	assert_true(all_arrived());
	assert_int_equal(atomic_load(&disorder), 0);
	vport_sum(&adapter->wire, &t);
	assert_int_equal(t.rx_dropped + t.tx_dropped, 0);
	for (unsigned i = 0; i < MEMBERS; i++) {
		vport_sum(&vports[i], &t);
		assert_int_equal(t.rx_dropped + t.tx_dropped, 0);
	}
}

void
replan(void)
{
	struct err err = { 0 };

	if (adapter_replan(adapter, true, &err) < 0)
		fail_msg("%s", err.msg);
}
