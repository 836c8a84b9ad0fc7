/*
 * rxplan_load_test.c - from one receive plan to the next under load, with a producer, consumers and control as threads: no frame is lost,
 * none overtakes another of its flow.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/qsbr.h"
#include "nic/test_eal.h"
#include "nic/test_rxplan.h"
#include "nic/test_worker.h"
#include "pkt/wire.h"

#define FLOWS 48
#define OUTSTANDING 300 /* frames on their way: one ring can hold them all */
#define CHANGES 1000

/* Ethernet, IPv4 without options, UDP, and what the test looks at. */
struct frame {
	struct mac dst, src;
	uint8_t type[2];
	uint8_t ip[IP4_HEADER_LEN];
	uint8_t ports[PORTS_LEN], udp[4];
	uint32_t flow, pad;
	uint64_t number;
} __attribute__((packed));

static _Atomic bool stop, stop_load;
static _Atomic uint64_t sent[FLOWS], seen[FLOWS], disorder, full;

static void
look_at(const struct pkt *pkt)
{
	const struct frame *frame = (const struct frame *)pkt->hdr;
	uint64_t number = atomic_exchange(&seen[frame->flow], frame->number + 1);

	if (number != frame->number)
		atomic_fetch_add(&disorder, 1);
}

static unsigned
serve(struct queue *q, struct lane *lane, unsigned p)
{
	struct source *s;
	unsigned n;

	if (!queue_enter(q, p))
		return 0;
	s = atomic_load_explicit(&q->source[QUEUE_FROM_WIRE], memory_order_acquire);
	n = s->ops->take(s, lane);
	for (unsigned i = 0; i < n; i++)
		look_at(&lane->burst.pkt[i]);
	if (n > 0)
		s->ops->give(s, lane);
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

static uint64_t
outstanding(void)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < FLOWS; i++)
		n += atomic_load(&sent[i]) - atomic_load(&seen[i]);
	return n;
}

/* Every third flow is of one vport; the source port tells flows apart. */
static bool
send_one(struct rxplan *by, uint32_t flow)
{
	struct frame frame = { .dst = mac_of(flow % VPORTS), .flow = flow, .number = atomic_load(&sent[flow]) };
	struct rxmap_verdict verdict;
	struct rte_mbuf *m;

	put_be16(frame.type, TYPE_IPV4);
	frame.ip[0] = 0x45;
	frame.ip[IP4_PROTO_AT] = 17;
	put_be16(frame.ports, (uint16_t)(1000 + flow));
	m = test_mbuf(pool, &frame, sizeof(frame));
	if (m == NULL)
		return false;
	rxmap_classify(by->map, rte_pktmbuf_mtod(m, uint8_t *), sizeof(frame), &verdict);
	atomic_fetch_add(&sent[flow], 1);
	if (rxring_put(by->ring[verdict.slot], &m, 1) == 1)
		return true;
	atomic_fetch_add(&full, 1);
	rte_pktmbuf_free(m);
	return false;
}

/* As a front end does: bursts by one plan, now and then asleep. */
static void *
produce(void *arg)
{
	int reader = qsbr_register();
	unsigned r = 1;

	qsbr_online(reader);
	while (!atomic_load(&stop_load)) {
		struct rxplan *by = atomic_load_explicit(&plan, memory_order_acquire);
		bool idle = !rxplan_is_ready(by) || outstanding() > OUTSTANDING - PKT_BURST;

		r = r * 1664525 + 1013904223;
		for (unsigned i = 0; i < PKT_BURST && !idle; i++)
			idle = !send_one(by, (r + i * 7) % FLOWS);
		qsbr_quiescent(reader);
		if (idle || r >> 24 == 0) {
			qsbr_offline(reader);
			usleep(r >> 24 == 0 ? 100 : 5);
			qsbr_online(reader);
		}
	}
	qsbr_offline(reader);
	qsbr_unregister(reader);
	return NULL;
}

/* Deals rings to one to three vports, in any order, some to nobody. */
static struct rxplan *
any_plan(const struct rxplan *former, unsigned *r)
{
	unsigned n = 1 + (*r >> 8) % VPORTS, left = RINGS, entries = 4u << (*r >> 12) % 6, key = *r >> 16 & 1;
	struct vport_row rows[VPORTS] = { 0 };
	int deck[RINGS];

	for (int i = 0; i < RINGS; i++)
		deck[i] = i;
	for (unsigned v = 0; v < n; v++) {
		unsigned most = left - (n - v - 1), k = 0;

		*r = *r * 1664525 + 1013904223;
		for (unsigned want = 1 + (*r >> 20) % (most < 4 ? most : 4); k < want; k++) {
			unsigned at = (*r >> (3 + k)) % left;

			rows[v].ring[k] = deck[at];
			deck[at] = deck[--left];
		}
		rows[v].ring[k] = -1;
		rows[v].vid = *r >> 28 & 1 ? RXMAP_VID_ANY : 0;
		rows[v].spared = k > 1 && *r >> 27 & 1;
	}
	return plan_of(former, rows, n, entries, key);
}

static void
begin_load(pthread_t *threads)
{
	atomic_store(&stop, false);
	atomic_store(&stop_load, false);
	for (unsigned i = 0; i < FLOWS; i++) {
		atomic_store(&sent[i], 0);
		atomic_store(&seen[i], 0);
	}
	for (unsigned i = 0; i < WORKERS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, work, processors[i]), 0);
	assert_int_equal(pthread_create(&threads[WORKERS], NULL, produce, NULL), 0);
}

/* Returns the frames that arrived. */
static uint64_t
end_load(pthread_t *threads)
{
	uint64_t end = clock_ns() + 5 * NSEC_PER_S, n = 0;

	atomic_store(&stop_load, true);
	pthread_join(threads[WORKERS], NULL);
	while (outstanding() > 0 && clock_ns() < end)
		usleep(100);
	atomic_store(&stop, true);
	for (unsigned i = 0; i < WORKERS; i++)
		pthread_join(threads[i], NULL);
	for (unsigned i = 0; i < FLOWS; i++)
		n += atomic_load(&seen[i]);
	return n;
}

static void
a_thousand_changes_and_moves_under_load_lose_and_reorder_nothing(void **state)
{
	struct vport_row first[] = { { { 0, -1 } } };
	pthread_t threads[WORKERS + 1];
	unsigned r = 5, late = 0;
	uint64_t arrived;

	atomic_store(&plan, plan_of(NULL, first, 1, 8, 0));
	begin_load(threads);
	for (unsigned i = 0; i < CHANGES; i++) {
		struct rxplan *next;

		r = r * 1664525 + 1013904223;
		next = any_plan(atomic_load(&plan), &r);
		assert_non_null(next);
		late += !rxplan_switch(&plan, next);
		assert_int_equal(queue_move(queues[(r >> 8) % RINGS], (r >> 16) % WORKERS), 0);
		for (unsigned k = 0; k < RINGS; k++)
			assert_false(is_limited(k));
		if (r >> 31)
			usleep(300);
	}
	arrived = end_load(threads);
	print_message("          %lu frames, %lu out of order\n", (unsigned long)arrived, (unsigned long)disorder);
	assert_int_equal(outstanding(), 0);
	assert_int_equal(atomic_load(&full), 0);
	assert_int_equal(atomic_load(&disorder), 0);
	assert_int_equal(late, 0);
	assert_true(arrived > 10 * CHANGES);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_thousand_changes_and_moves_under_load_lose_and_reorder_nothing,
						open_rings, close_rings),
	};

	return cmocka_run_group_tests(tests, open_all, close_all);
}
