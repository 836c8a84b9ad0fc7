/*
 * adapter_test.c - VM queues come and go under load: no frame is lost, none overtakes another of its flow.
 *
 * The wire is DPDK's ring device, which receives what is sent to it. Workers of the test serve the queues as worker.c
 * does, and see each frame's flow and number.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <rte_ethdev.h>

#include "base/clock.h"
#include "base/qsbr.h"
#include "nic/adapter.h"
#include "nic/test_eal.h"

#define WORKERS 2
#define MEMBERS 3
#define FLOWS (MEMBERS + 1) /* one of nobody's address */
#define FRAME_LEN 64
#define OUTSTANDING 400 /* frames on their way: a closed default ring of 1023 can hold them all */
#define CHANGES 400

struct flow_frame {
	struct mac dst, src;
	uint16_t type;
	uint32_t flow;
	uint64_t number;
} __attribute__((packed));

static struct adapter *adapter;
static struct vport vports[MEMBERS];
static struct queue *queues[MEMBERS];
static struct adapter_member members[MEMBERS];
static int ingress;

static pthread_t workers[WORKERS];
static _Atomic bool stop, paused;
/* Per flow. seen: of the worker that delivers; its order is what is tested, so it is exchanged, not added to. */
static _Atomic uint64_t sent[FLOWS], seen[FLOWS], disorder, by_vm_queue;

static void
look_at(const struct source *s, const struct pkt *pkt)
{
	const struct flow_frame *frame = (const struct flow_frame *)pkt->hdr;
	uint64_t number = atomic_exchange(&seen[frame->flow], frame->number + 1);

	if (number != frame->number)
		atomic_fetch_add(&disorder, 1);
	if (s != &adapter->default_ring->source)
		atomic_fetch_add_explicit(&by_vm_queue, 1, memory_order_relaxed);
}

static unsigned
serve(struct queue *q, struct lane *lane, unsigned p)
{
	struct source *s;
	unsigned n = 0;

	if (!queue_enter(q, p))
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

static void *
work(void *arg)
{
	struct processor *p = arg;

	qsbr_online(p->lane.reader);
	while (!atomic_load_explicit(&stop, memory_order_relaxed)) {
		const struct queue_list *list = atomic_load_explicit(&p->queues, memory_order_acquire);
		unsigned n = 0;

		for (unsigned i = 0; list != NULL && i < list->n && !atomic_load(&paused); i++)
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

static struct mac
mac_of(uint32_t flow)
{
	return (struct mac){ { 0x02, 0xf1, 0, 0, 0, (uint8_t)(flow + 1) } };
}

static int
open_adapter(void **state)
{
	struct adapter_settings settings = {
		.mode = ADAPTER_MODE_VMQ, .queues = MEMBERS, .base = -1, .max_processor = -1
	};
	struct err err = { 0 };

	atomic_store(&stop, false);
	atomic_store(&disorder, 0);
	atomic_store(&by_vm_queue, 0);
	test_processors_open(WORKERS, 0);
	adapter = adapter_new("up", UPLINK_TYPE_RING, "", 0, &settings, WORKERS, &ingress, &err);
	if (adapter == NULL)
		fail_msg("%s", err.msg);
	assert_int_equal(adapter_start(adapter, &err), 0);
	for (unsigned i = 0; i < MEMBERS; i++) {
		assert_int_equal(vport_init(&vports[i], "vm"), 0);
		queues[i] = queue_new(&vports[i], 0);
		members[i] = (struct adapter_member){ .vport = &vports[i],
						      .queues = &queues[i],
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
	for (unsigned i = 0; i < WORKERS; i++)
		assert_int_equal(pthread_create(&workers[i], NULL, work, processors[i]), 0);
	return 0;
}

static int
close_adapter(void **state)
{
	for (unsigned i = 0; i < MEMBERS; i++) {
		adapter_leave(adapter, &members[i]);
		queue_free(queues[i]);
	}
	adapter_stop(adapter);
	atomic_store(&stop, true);
	for (unsigned i = 0; i < WORKERS; i++)
		pthread_join(workers[i], NULL);
	assert_int_equal(rte_mempool_in_use_count(adapter->uplink.pool), 0); /* every buffer came home */
	adapter_free(adapter);
	for (unsigned i = 0; i < MEMBERS; i++)
		vport_fini(&vports[i]);
	test_processors_close();
	return 0;
}

/* ---- load ---- */

static uint64_t
outstanding(void)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < FLOWS; i++)
		n += atomic_load(&sent[i]) - atomic_load(&seen[i]);
	return n;
}

/* Puts the next frame of a flow on the wire; false when there is no room. */
static bool
send_one(uint32_t flow)
{
	struct flow_frame frame = { .dst = mac_of(flow),
				    .src = mac_of(200),
				    .type = 0xb588,
				    .flow = flow,
				    .number = atomic_load(&sent[flow]) };
	uint8_t bytes[FRAME_LEN] = { 0 };
	struct rte_mbuf *m;

	memcpy(bytes, &frame, sizeof(frame));
	m = test_mbuf(adapter->uplink.pool, bytes, FRAME_LEN);
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

/* Up to two seconds. */
static bool
all_arrived(void)
{
	uint64_t end = clock_ns() + 2 * NSEC_PER_S;

	while (outstanding() > 0 && clock_ns() < end)
		usleep(100);
	return outstanding() == 0;
}

static uint64_t
seen_in_all(void)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < FLOWS; i++)
		n += atomic_load(&seen[i]);
	return n;
}

static void
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

static void
replan(void)
{
	struct err err = { 0 };

	if (adapter_replan(adapter, &err) < 0)
		fail_msg("%s", err.msg);
}

/* ---- tests ---- */

static void
a_member_with_a_queue_gets_its_frames_by_it(void **state)
{
	for (unsigned i = 0; i < MEMBERS; i++) {
		assert_non_null(members[i].ring);
		assert_in_range(members[i].vm_queue, 1, MEMBERS);
		for (unsigned k = 0; k < i; k++)
			assert_int_not_equal(members[i].vm_queue, members[k].vm_queue);
		for (unsigned k = 0; k < 50; k++)
			assert_true(send_one(i));
	}
	expect_nothing_lost();
	assert_int_equal(atomic_load(&by_vm_queue), 50 * MEMBERS);
	for (unsigned k = 0; k < 50; k++)
		assert_true(send_one(MEMBERS)); /* nobody's: the default queue */
	members[1].weight = 0;
	replan();
	assert_null(members[1].ring);
	assert_int_equal(queue_processor(queues[1]), adapter_base(adapter));
	for (unsigned k = 0; k < 50; k++)
		assert_true(send_one(1));
	expect_nothing_lost();
	assert_int_equal(atomic_load(&by_vm_queue), 50 * MEMBERS);
}

static void
queues_beyond_the_settings_are_given_back_and_numbered_anew(void **state)
{
	adapter->settings.queues = 1;
	replan();
	assert_non_null(members[0].ring); /* who came last loses: plan/vmq.h */
	assert_null(members[1].ring);
	assert_null(members[2].ring);
	adapter->settings.queues = MEMBERS;
	replan();
	members[0].weight = 0;
	replan();
	adapter->settings.queues = 2; /* of 2 and 3 */
	replan();
	assert_null(members[0].ring);
	for (unsigned i = 1; i < MEMBERS; i++) {
		assert_non_null(members[i].ring);
		assert_in_range(members[i].vm_queue, 1, 2);
	}
	assert_int_not_equal(members[1].vm_queue, members[2].vm_queue);
	adapter->settings.mode = ADAPTER_MODE_NONE;
	replan();
	for (unsigned i = 0; i < MEMBERS; i++)
		assert_null(members[i].ring);
}

/* Weights, number of queues, base, members that leave and join: under load. */
static void
change_something(unsigned r)
{
	struct adapter_member *m = &members[r % MEMBERS];
	struct err err = { 0 };

	switch (r >> 8 & 7) {
	case 0:
		adapter->settings.queues = (r >> 16) % (MEMBERS + 1);
		break;
	case 1:
		adapter->settings.base = (int)((r >> 16) % (WORKERS + 1)) - 1;
		break;
	case 2:
		adapter->settings.mode =
			adapter->settings.mode == ADAPTER_MODE_VMQ ? ADAPTER_MODE_NONE : ADAPTER_MODE_VMQ;
		break;
	case 3:
		adapter_leave(adapter, m);
		assert_null(m->ring);
		assert_int_equal(adapter_join(adapter, m, &err), 0);
		break;
	default:
		m->weight = m->weight ? 0 : 100;
	}
	replan();
}

static void
queues_come_and_go_under_load_without_loss_or_disorder(void **state)
{
	pthread_t loader;
	unsigned r = 7, gained = 0;
	uint64_t begin;

	atomic_store(&stop_load, false);
	assert_int_equal(pthread_create(&loader, NULL, load, NULL), 0);
	for (unsigned i = 0; i < CHANGES; i++) {
		unsigned held = 0;

		r = r * 1664525 + 1013904223;
		change_something(r >> 4);
		for (unsigned k = 0; k < MEMBERS; k++)
			held += members[k].ring != NULL;
		gained += held;
		/* Half of the changes follow at once, the others when there was some traffic. */
		begin = seen_in_all();
		for (unsigned k = 0; k < 100 && r >> 31 && seen_in_all() - begin < 200; k++)
			usleep(200);
	}
	atomic_store(&stop_load, true);
	pthread_join(loader, NULL);
	expect_nothing_lost();
	print_message("          %lu frames, %lu of them by VM queues\n", (unsigned long)seen_in_all(),
		      (unsigned long)atomic_load(&by_vm_queue));
	assert_true(gained > CHANGES / 4);
	assert_true(atomic_load(&by_vm_queue) > 1000);
	for (unsigned i = 0; i < FLOWS; i++)
		assert_true(atomic_load(&seen[i]) > 1000);
}

/*
 * A processor that gets no time at all: after two seconds its ring is given up, and what it held is in the books, of the wire
 * and of the port: sum(forwarded + copies) == sum(tx_offered), vport.h.
 */
static void
a_ring_that_is_given_up_is_booked(void **state)
{
	struct vport_totals wire, vm;

	atomic_store(&paused, true);
	for (unsigned k = 0; k < 100; k++)
		assert_true(send_one(2));
	while (rxring_position(members[2].ring) < 100)
		usleep(100);
	members[2].weight = 0;
	replan();
	atomic_store(&paused, false);
	atomic_fetch_add(&seen[2], 100);
	vport_sum(&adapter->wire, &wire);
	vport_sum(&vports[2], &vm);
	assert_int_equal(vm.drops[DROP_QUEUE_FULL], 100);
	assert_int_equal(vm.tx_offered, vm.tx_packets + vm.tx_dropped);
	assert_int_equal(wire.rx_packets, 100);
	assert_int_equal(wire.rx_packets - wire.rx_dropped, vm.tx_offered);
	assert_true(send_one(2)); /* and what comes afterwards arrives by the default queue */
	assert_true(all_arrived());
}

static void *
leave(void *arg)
{
	adapter_leave(adapter, arg);
	return NULL;
}

/*
 * A worker that saw the default ring open, and was put off its core before it took from it: frames that the next plan leads
 * there would overtake those that wait in the member's own ring.
 */
static void
the_default_ring_is_closed_for_all_before_it_gets_a_members_frames(void **state)
{
	const struct rxplan *before = adapter->plan;
	int late = qsbr_register();
	pthread_t leaving;

	assert_true(late >= 0);
	qsbr_online(late);
	assert_int_equal(pthread_create(&leaving, NULL, leave, &members[0]), 0);
	while (atomic_load(&adapter->default_ring->open))
		sched_yield();
	usleep(20000);
	assert_ptr_equal(atomic_load(&adapter->frontend.plan), before);
	qsbr_offline(late);
	pthread_join(leaving, NULL);
	assert_ptr_not_equal(adapter->plan, before);
	assert_true(atomic_load(&adapter->default_ring->open));
	qsbr_unregister(late);
}

/* Untagged and any VLAN mean the same to its flow. The others wait for a queue all the time, and get none of these. */
static void
a_filter_changes_under_load_and_its_member_keeps_the_queue(void **state)
{
	struct adapter_member *m = &members[1], next = *m;
	struct err err = { 0 };
	unsigned processor;
	pthread_t loader;

	adapter->settings.queues = 1;
	members[0].weight = members[2].weight = 0;
	replan();
	members[0].weight = members[2].weight = 100;
	processor = queue_processor(queues[1]);
	atomic_store(&stop_load, false);
	assert_int_equal(pthread_create(&loader, NULL, load, NULL), 0);
	for (unsigned i = 0; i < CHANGES; i++) {
		next.vid = i % 2 ? RXMAP_VID_UNTAGGED : RXMAP_VID_ANY;
		next.weight = 1 + i % 100;
		assert_int_equal(adapter_change(adapter, m, &next, &err), 0);
		assert_int_equal(m->vid, next.vid);
		assert_non_null(m->ring);
		assert_null(members[0].ring);
		assert_int_equal(m->vm_queue, 1);
		assert_int_equal(queue_processor(queues[1]), processor);
	}
	for (unsigned i = 0; i < 20000 && atomic_load(&by_vm_queue) == 0; i++)
		usleep(100); /* the load may not have had a core yet */
	atomic_store(&stop_load, true);
	pthread_join(loader, NULL);
	expect_nothing_lost();
	assert_true(atomic_load(&by_vm_queue) > 0);
}

static void
settings_that_do_not_fit_the_host_change_nothing(void **state)
{
	struct adapter_settings bad = adapter->settings;
	struct rxring *had = members[0].ring;
	struct err err = { 0 };

	bad.base = WORKERS;
	assert_int_equal(adapter_check(adapter, &bad, &err), -EINVAL);
	assert_string_equal(err.msg, "adapter 'up': base processor 2 does not exist");
	assert_ptr_equal(members[0].ring, had);
	assert_int_equal(adapter_check(adapter, &adapter->settings, &err), 0);
}

static void
an_uplink_that_cannot_be_opened_is_told_in_a_sentence(void **state)
{
	struct adapter_settings settings = { .base = -1, .max_processor = -1 };
	struct err err = { 0 };
	unsigned before = rte_eth_dev_count_avail();

	assert_null(adapter_new("other", UPLINK_TYPE_PCAP, "/nowhere/at/all.pcap", 0, &settings, WORKERS + 1, &ingress,
				&err));
	assert_true(err.code < 0);
	assert_non_null(strstr(err.msg, "adapter 'other'"));
	assert_non_null(strstr(err.msg, "/nowhere/at/all.pcap"));
	assert_int_equal(rte_eth_dev_count_avail(), before);
	assert_null(
		adapter_new("other", UPLINK_TYPE_AF_PACKET, "flnosuchif", 0, &settings, WORKERS + 1, &ingress, &err));
	assert_non_null(strstr(err.msg, "flnosuchif"));
	assert_true(err.hint[0] != '\0');
	assert_int_equal(rte_eth_dev_count_avail(), before);
	settings.base = 99;
	assert_null(adapter_new("other", UPLINK_TYPE_NULL, "", 0, &settings, WORKERS + 1, &ingress, &err));
	assert_string_equal(err.msg, "adapter 'other': base processor 99 does not exist");
	assert_int_equal(rte_eth_dev_count_avail(), before);
	adapter_free(NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_adapter, close_adapter)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_member_with_a_queue_gets_its_frames_by_it),
		TEST(queues_beyond_the_settings_are_given_back_and_numbered_anew),
		TEST(queues_come_and_go_under_load_without_loss_or_disorder),
		TEST(a_ring_that_is_given_up_is_booked),
		TEST(the_default_ring_is_closed_for_all_before_it_gets_a_members_frames),
		TEST(a_filter_changes_under_load_and_its_member_keeps_the_queue),
		TEST(settings_that_do_not_fit_the_host_change_nothing),
		TEST(an_uplink_that_cannot_be_opened_is_told_in_a_sentence),
	};

	return cmocka_run_group_tests(tests, test_eal_start, NULL);
}
