/* worker_time_test.c - where a worker's time goes: turns of queues, caps, idleness, start and stop; inline front ends. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <rte_ethdev.h>

#include "base/clock.h"
#include "nic/frontend.h"
#include "nic/rxring.h"
#include "nic/test_eal.h"
#include "test_worker.h"
#include "worker.h"

/* ---- fairness, caps, idleness ---- */

/* Always a full burst, of frames that nobody else holds. */
struct endless_source {
	struct source source;
	uint64_t last, longest_wait; /* in turns; written by: the worker */
	uint8_t frame[PKT_BURST][FRAME_LEN];
};

static uint64_t turns; /* that all of them had; one worker */
static _Atomic bool all_stand;

static unsigned
endless_take(struct source *s, struct lane *lane)
{
	struct endless_source *from = (struct endless_source *)s;
	uint64_t turn = ++turns, wait = from->last > 0 ? turn - from->last : 0;

	from->last = turn;
	if (wait > from->longest_wait && atomic_load(&all_stand))
		from->longest_wait = wait;
	lane->burst.n = 0;
	for (unsigned i = 0; i < PKT_BURST; i++)
		test_add(lane, from->frame[i], FRAME_LEN);
	return PKT_BURST;
}

static bool
endless_pending(struct source *s)
{
	return true;
}

static const struct source_ops endless_ops = { endless_take, NULL, endless_pending };

static void
open_endless(struct endless_source *s)
{
	memset((void *)s, 0, sizeof(*s));
	source_init(&s->source, &endless_ops, -1, &rig_in.port.ingress);
	for (unsigned i = 0; i < PKT_BURST; i++)
		rig_stamp(0, s->frame[i]);
}

static void
every_queue_has_its_burst_in_each_round(void **state)
{
	static struct endless_source s[3];
	struct queue *q[3];

	atomic_store(&rig_out.port.sink, &rig_out.sink);
	rig_workers(1, 0, false);
	for (unsigned i = 0; i < 3; i++) {
		open_endless(&s[i]);
		q[i] = rig_queue(&s[i].source, i == 2 ? QUEUE_FROM_WIRE : QUEUE_FROM_SENDER);
		assert_int_equal(queue_move(q[i], 0), 0);
	}
	usleep(1000);
	atomic_store(&all_stand, true);
	usleep(50000);
	atomic_store(&all_stand, false); /* a list that changes during a round may cost somebody a turn */
	for (unsigned i = 0; i < 3; i++)
		queue_free(q[i]);
	for (unsigned i = 0; i < 3; i++) {
		assert_true(s[i].last > 100);
		assert_true(s[i].longest_wait <= 3); /* turns: its own, and one of each other */
	}
	rig_workers_stop();
}

static void
a_capped_worker_uses_its_share(void **state)
{
	static struct endless_source s;
	struct processor_load load;
	struct queue *q;
	uint64_t cpu, begin;
	double percent;

	atomic_store(&rig_out.port.sink, &rig_out.sink);
	rig_workers(1, 10, false);
	open_endless(&s);
	q = rig_queue(&s.source, QUEUE_FROM_SENDER);
	assert_int_equal(queue_move(q, 0), 0);
	usleep(100000);
	processor_sample();
	cpu = rig_cpu_ns(processors[0]);
	begin = clock_ns();
	usleep(500000);
	percent = 100.0 * (double)(rig_cpu_ns(processors[0]) - cpu) / (double)(clock_ns() - begin);
	processor_sample();
	load = processor_load(processors[0]);
	print_message("          used %.1f %% of a core; busy %.0f, waiting %.0f, idle %.0f\n", percent, load.busy,
		      load.waiting, load.idle);
	assert_true(percent > 4 && percent < 12); /* less when others have the core; cap_test.c is exact */
	assert_true(load.busy + load.waiting > 40);
	assert_true(load.busy + load.waiting + load.idle > 99.9 && load.busy + load.waiting + load.idle < 100.1);
	queue_free(q);
	rig_workers_stop();
}

static void
an_idle_worker_costs_next_to_nothing(void **state)
{
	struct processor_load load;
	uint64_t cpu;

	rig_workers(2, 0, false);
	rig_ring_open(0);
	usleep(50000);
	processor_sample();
	cpu = rig_cpu_ns(processors[0]) + rig_cpu_ns(processors[1]);
	usleep(500000);
	assert_true(rig_cpu_ns(processors[0]) + rig_cpu_ns(processors[1]) - cpu <
		    5 * NSEC_PER_MS); /* 0.5 % of a core each */
	processor_sample();
	load = processor_load(processors[0]);
	assert_true(load.busy < 1);
	assert_true(count_get(&processors[0]->wakeups) < 10);
	assert_int_equal(rig_missed_kicks(), 0);
	rig_ring_close();
	rig_workers_stop();
}

/* ---- idle queues ---- */

/* Memory with nothing in it, and how often somebody looked. */
struct idle_source {
	struct source source;
	_Atomic unsigned looks, arms;
};

static unsigned
idle_take(struct source *s, struct lane *lane)
{
	return 0;
}

static bool
idle_pending(struct source *s)
{
	atomic_fetch_add(&((struct idle_source *)s)->looks, 1);
	return false;
}

static void
idle_arm(struct source *s)
{
	atomic_fetch_add(&((struct idle_source *)s)->arms, 1);
}

static const struct source_ops idle_ops = { .take = idle_take, .pending = idle_pending, .arm = idle_arm };

static void
open_idle(struct idle_source *s, struct queue **q, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);

		memset((void *)&s[i], 0, sizeof(s[i]));
		source_init(&s[i].source, &idle_ops, fd, &rig_in.port.ingress);
		q[i] = rig_queue(&s[i].source, QUEUE_FROM_SENDER);
		assert_int_equal(queue_move(q[i], 0), 0);
	}
}

/* A thousand ports beside one that works: looked at when they come, and by the safety timer; each is asked to kick. */
static void
idle_queues_cost_next_to_nothing(void **state)
{
	static struct idle_source idle[1023];
	static struct queue *q[RTE_DIM(idle)];
	static struct endless_source busy;
	struct queue *of_busy;
	uint64_t begin, bursts, looks = 0;

	atomic_store(&rig_out.port.sink, &rig_out.sink);
	rig_workers(1, 0, false);
	open_endless(&busy);
	of_busy = rig_queue(&busy.source, QUEUE_FROM_SENDER);
	assert_int_equal(queue_move(of_busy, 0), 0);
	open_idle(idle, q, RTE_DIM(idle));
	usleep(20000);
	for (unsigned i = 0; i < RTE_DIM(idle); i++) {
		assert_true(atomic_load(&idle[i].arms) > 0);
		atomic_store(&idle[i].looks, 0);
		atomic_store(&idle[i].arms, 0);
	}
	begin = clock_ns();
	bursts = count_get(&processors[0]->bursts);
	usleep(300000);
	bursts = count_get(&processors[0]->bursts) - bursts;
	begin = clock_ns() - begin;
	for (unsigned i = 0; i < RTE_DIM(idle); i++) {
		looks += atomic_load(&idle[i].looks);
		assert_int_equal(atomic_load(&idle[i].arms), 0);
	}
	print_message("          %lu looks at an idle queue in %lu rounds\n", (unsigned long)(looks / RTE_DIM(idle)),
		      (unsigned long)bursts);
	assert_true(bursts > 1000);
	assert_true(looks <= RTE_DIM(idle) * (begin / SAFETY_NS + 1));
	queue_free(of_busy);
	for (unsigned i = 0; i < RTE_DIM(idle); i++) {
		queue_free(q[i]);
		close(idle[i].source.fd);
	}
	rig_workers_stop();
}

/* Each kick wakes it for one look, whatever it finds; and the first one after silence is as good as any. */
static void
kicks_of_an_empty_queue_are_one_look_each(void **state)
{
	static struct idle_source idle;
	uint64_t one = 1;
	struct queue *q;
	unsigned before;

	rig_workers(1, 0, false);
	open_idle(&idle, &q, 1);
	usleep(20000);
	before = atomic_load(&idle.looks);
	for (unsigned i = 0; i < 100; i++) {
		assert_int_equal(write(idle.source.fd, &one, sizeof(one)), sizeof(one));
		usleep(500);
	}
	usleep(20000);
	/* One as it is hot, one behind the fence when it cools; and the safety timer's. */
	assert_true(atomic_load(&idle.looks) - before <= 220);
	assert_true(count_get(&q->interrupts) <= 100);
	assert_true(count_get(&q->interrupts) > 10);
	assert_int_equal(rig_missed_kicks(), 0);
	queue_free(q);
	close(idle.source.fd);
	rig_workers_stop();
}

/* One frame in memory that nobody tells of. */
struct silent_source {
	struct source source;
	_Atomic bool full;
	uint8_t frame[FRAME_LEN];
};

static unsigned
silent_take(struct source *s, struct lane *lane)
{
	struct silent_source *from = (struct silent_source *)s;

	lane->burst.n = 0;
	atomic_store(&from->full, false);
	test_add(lane, from->frame, FRAME_LEN);
	return 1;
}

static bool
silent_pending(struct source *s)
{
	return atomic_load(&((struct silent_source *)s)->full);
}

static const struct source_ops silent_ops = { .take = silent_take, .pending = silent_pending };

static void
fill_silently(struct silent_source *s)
{
	usleep(5000); /* its queue is cold by now */
	atomic_store(&s->full, true);
	for (unsigned i = 0; i < 5000 && atomic_load(&s->full); i++)
		usleep(1000);
	assert_false(atomic_load(&s->full));
}

/* By its timer: asleep, and just as well while another queue keeps it busy. */
static void
a_kick_that_stays_away_is_counted_and_made_up_for(void **state)
{
	static struct silent_source silent = { .full = false };
	static struct endless_source busy;
	struct queue *q, *other;

	atomic_store(&rig_out.port.sink, &rig_out.sink);
	rig_workers(1, 0, false);
	source_init(&silent.source, &silent_ops, -1, &rig_in.port.ingress);
	rig_stamp(0, silent.frame);
	q = rig_queue(&silent.source, QUEUE_FROM_SENDER);
	assert_int_equal(queue_move(q, 0), 0);
	fill_silently(&silent);
	assert_int_equal(rig_missed_kicks(), 1);
	open_endless(&busy);
	other = rig_queue(&busy.source, QUEUE_FROM_SENDER);
	assert_int_equal(queue_move(other, 0), 0);
	fill_silently(&silent);
	assert_int_equal(rig_missed_kicks(), 2);
	assert_int_equal(count_get(&q->packets), 2);
	queue_free(other);
	queue_free(q);
	rig_workers_stop();
}

/* Woken, not by its timer, which has about 90 ms to go: at least once of eight times that is seen on a busy machine too. */
static void
a_sleeping_worker_stops_at_once(void **state)
{
	uint64_t begin, best = UINT64_MAX;

	for (unsigned i = 0; i < 8; i++) {
		rig_workers(2, 0, false);
		usleep(10000);
		begin = clock_ns();
		rig_workers_stop();
		begin = clock_ns() - begin;
		best = begin < best ? begin : best;
	}
	assert_true(best < SAFETY_NS / 2);
}

static void
a_cpu_that_does_not_exist_leaves_no_thread(void **state)
{
	struct processor *p = processor_new(0, CPU_SETSIZE - 1, 0, false);

	assert_non_null(p);
	assert_int_equal(worker_start(p), -EINVAL);
	usleep(10000);
	assert_int_equal(p->tid, 0);
	processor_free(p);
}

/* ---- front ends that a worker polls inline ---- */

struct wire {
	struct uplink uplink;
	struct frontend fe;
	struct rxplan *plan;
	struct rxring *ring;
	struct queue *queue;
};

static void
open_wire(struct wire *w, const char *name)
{
	static const uint16_t zero[1];
	const struct rxmap_vport vport = { 1, zero };
	struct err err = { 0 };

	uplink_init(&w->uplink, name, UPLINK_TYPE_RING, "");
	if (uplink_open(&w->uplink, 0, &err) < 0)
		fail_msg("%s", err.msg);
	w->queue = queue_new(&rig_in.vport, 0);
	w->ring = rxring_new(name, w->queue, &rig_in.vport, &rig_in.port.ingress);
	assert_non_null(w->ring);
	queue_set_source(w->queue, QUEUE_FROM_WIRE, &w->ring->source);
	w->plan = calloc(1, sizeof(*w->plan) + sizeof(w->plan->ring[0]));
	assert_non_null(w->plan);
	w->plan->n_rings = 1;
	w->plan->ring[0] = w->ring;
	w->plan->map = rxmap_new(&vport, 1, NULL, 0, NULL, 0);
	assert_int_equal(frontend_start(&w->fe, &w->uplink, &rig_in.vport, 1, processors[0]), 0);
	frontend_set_plan(&w->fe, w->plan);
	frontend_refresh(&w->fe);
	assert_int_equal(queue_move(w->queue, 0), 0);
}

static void
close_wire(struct wire *w)
{
	frontend_set_plan(&w->fe, NULL);
	frontend_stop(&w->fe);
	queue_free(w->queue);
	rxring_free(w->ring, NULL);
	rxmap_free(w->plan->map);
	free(w->plan);
	uplink_detach(&w->uplink);
	uplink_close(&w->uplink);
	rte_mempool_free(w->uplink.pool);
}

static void
two_front_ends_are_polled_inline(void **state)
{
	static struct wire wires[2];
	uint8_t frame[FRAME_LEN];
	uint64_t waited;

	rig_workers(1, 0, false);
	waited = rig_waited_ns();
	open_wire(&wires[0], "one");
	open_wire(&wires[1], "two");
	for (uint32_t i = 0; i < 200; i++) {
		struct uplink *u = &wires[i / 2 % 2].uplink;
		struct rte_mbuf *m;

		rig_stamp(i, frame);
		m = test_mbuf(u->pool, frame, FRAME_LEN);
		assert_int_equal(rte_eth_tx_burst((uint16_t)uplink_port(u), 0, &m, 1), 1);
		rig_expect(i + 1);
	}
	rig_expect_kicks(waited);
	close_wire(&wires[0]);
	close_wire(&wires[1]);
	rig_workers_stop();
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_open, rig_close)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(every_queue_has_its_burst_in_each_round),
		TEST(a_capped_worker_uses_its_share),
		TEST(an_idle_worker_costs_next_to_nothing),
		TEST(idle_queues_cost_next_to_nothing),
		TEST(kicks_of_an_empty_queue_are_one_look_each),
		TEST(a_kick_that_stays_away_is_counted_and_made_up_for),
		TEST(a_sleeping_worker_stops_at_once),
		TEST(a_cpu_that_does_not_exist_leaves_no_thread),
		TEST(two_front_ends_are_polled_inline),
	};

	return cmocka_run_group_tests(tests, rig_start, rig_stop);
}
