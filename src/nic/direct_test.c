/* direct_test.c - when a front end serves a ring in its worker's place, and that nobody is in it twice or out of order. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

#include <rte_pause.h>

#include "base/clock.h"
#include "base/qsbr.h"
#include "nic/direct.h"
#include "nic/test_eal.h"

#define LEN(a) (sizeof(a) / sizeof((a)[0]))
#define FRONT_END 2 /* its lane */
#define FRAMES 200000
#define FRAMES_MIN (FRAMES / 2000)   /* or nothing was tested */
#define WALL_MAX_NS (2 * NSEC_PER_S) /* on a busy machine: when to be content with less */
#define LOST_NS (10 * NSEC_PER_S)    /* much more than another thread may keep a core */
#define SLEEP_NS (60 * NSEC_PER_S)   /* no timer makes up for a lost wake-up here */

static struct rte_mempool *pool;
static struct vport vport;
static struct queue *queue;
static struct rxring *ring;
static struct lane lane; /* the front end's */
static struct direct direct;
static struct ingress ingress;
static uint32_t next_number; /* written by: who marked the queue busy, and nobody else, says ThreadSanitizer */
static uint64_t by_lane[FRONT_END + 1]; /* frames; likewise */
static _Atomic uint64_t n_come;
static _Atomic bool disordered, stop;
static unsigned take_us; /* that a delivery lasts */

/* In place of the switch: looks at the numbers. */
static unsigned
forward(struct lane *who, struct queue *q, struct source *s)
{
	unsigned n = s->ops->take(s, who);
	uint64_t end = clock_ns() + take_us * NSEC_PER_US;

	for (unsigned i = 0; i < n; i++) {
		uint32_t number;

		memcpy(&number, who->burst.pkt[i].hdr, sizeof(number));
		if (number != next_number++)
			atomic_store(&disordered, true);
	}
	by_lane[who->id] += n;
	while (take_us > 0 && clock_ns() < end)
		;
	if (n > 0)
		s->ops->give(s, who);
	count_add(&q->packets, n);
	atomic_fetch_add_explicit(&n_come, n, memory_order_release);
	return n;
}

static int
open_group(void **state)
{
	if (test_eal_start(state) < 0)
		return -1;
	pool = test_pool_open(4095);
	return lane_init(&lane, FRONT_END);
}

static int
close_group(void **state)
{
	lane_fini(&lane);
	rte_mempool_free(pool);
	return 0;
}

static int
open_all(void **state)
{
	test_processors_open(2, 0);
	queue = queue_new(&vport, 0);
	ring = rxring_new("ring", queue, &vport, &ingress);
	assert_non_null(ring);
	assert_int_equal(queue_set_source(queue, QUEUE_FROM_WIRE, &ring->source), 0);
	assert_int_equal(queue_move(queue, 0), 0);
	memset((void *)&direct, 0, sizeof(direct));
	memset(by_lane, 0, sizeof(by_lane));
	next_number = 0;
	take_us = 0;
	atomic_store(&n_come, 0);
	atomic_store(&disordered, false);
	atomic_store(&stop, false);
	direct_register(forward);
	return 0;
}

static int
close_all(void **state)
{
	queue_free(queue);
	rxring_free(ring, NULL);
	test_processors_close();
	assert_int_equal(rte_mempool_in_use_count(pool), 0); /* every buffer came home */
	return 0;
}

/* Adds n frames from number `from` on to the ring; tells nobody. */
static void
add(uint32_t from, unsigned n)
{
	struct rte_mbuf *m;

	for (unsigned i = 0; i < n; i++) {
		uint32_t number[15] = { from + i };

		m = test_mbuf(pool, number, sizeof(number));
		assert_non_null(m);
		assert_int_equal(rxring_add(ring, &m, 1), 1);
	}
}

/* The queue cold, its worker asleep. */
static void
fall_asleep(void)
{
	queue_cool(processors[0], queue->id);
	assert_true(hotset_is_empty(&processors[0]->hot) || !hotset_has(&processors[0]->hot, queue->id));
	atomic_store(&processors[0]->armed, true);
}

static bool
deliver(void)
{
	return direct_deliver(&direct, &lane, ring);
}

/* ---- one step at a time ---- */

static void
the_first_frame_wakes_no_worker(void **state)
{
	fall_asleep();
	add(0, 1);
	assert_true(deliver());
	assert_int_equal(by_lane[FRONT_END], 1);
	assert_int_equal(count_get(&direct.packets), 1);
	assert_int_equal(count_get(&queue->packets), 1);
	assert_int_equal(rxring_held(ring), 0);
	/* As if nothing had been. */
	assert_true(atomic_load(&processors[0]->armed));
	assert_false(hotset_has(&processors[0]->hot, queue->id));
	assert_int_equal(queue_processor(queue), 0);
	assert_true(queue_enter(queue, 0));
	queue_leave(queue, 0);
	assert_int_equal(count_get(&ring->interrupts), 0);
}

static void
frames_that_lay_there_go_first(void **state)
{
	fall_asleep();
	add(0, 2);
	add(2, 2);
	assert_true(deliver());
	assert_int_equal(by_lane[FRONT_END], 4);
	assert_false(atomic_load(&disordered));
}

static void
be_awake(void)
{
	atomic_store(&processors[0]->armed, false);
}

static void
be_hot(void)
{
	hotset_put(&processors[0]->hot, queue->id);
}

static void
be_emulated(void)
{
	processors[0]->speed_percent = 10;
}

static void
be_moved(void)
{
	assert_int_equal(queue_move(queue, 1), 0);
	hotset_clear(&processors[1]->hot, queue->id);
}

static void
be_nowhere(void)
{
	assert_int_equal(queue_move(queue, PROCESSOR_NONE), 0);
}

static void
be_full(void)
{
	add(1, 4);
}

static void
be_limited(void)
{
	atomic_store(&ring->limit, 0); /* the frame is of a flow that has to wait for another ring */
}

static void
be_alone(void)
{
	direct_register(NULL);
}

static void
otherwise_it_is_the_workers(void **state)
{
	static void (*const rows[])(void) = { be_awake,   be_hot,  be_emulated, be_moved,
					      be_nowhere, be_full, be_limited,  be_alone };

	for (unsigned i = 0; i < LEN(rows); i++) {
		fall_asleep();
		add(0, 1);
		rows[i]();
		if (deliver() || by_lane[FRONT_END] != 0)
			fail_msg("row %u was delivered", i);
		close_all(state);
		open_all(state);
	}
}

/* It is marked busy by another, not by us: who leaves it then would let a second one in. */
static void
a_queue_that_is_busy_stays_so(void **state)
{
	fall_asleep();
	add(0, 1);
	assert_true(queue_enter(queue, 0));
	assert_false(deliver());
	assert_false(queue_enter(queue, 0));
	queue_leave(queue, 0);
	assert_true(deliver());
}

static void
it_is_rare_and_takes_a_tenth_of_the_time_at_most(void **state)
{
	static const struct {
		unsigned take_us, rest_us;
	} rows[] = { { 0, 100 }, { 50, 450 } };

	for (unsigned i = 0; i < LEN(rows); i++) {
		uint64_t end;

		direct.next_at = 0;
		take_us = rows[i].take_us;
		fall_asleep();
		add(next_number, 1);
		assert_true(deliver());
		end = clock_cycles();
		assert_true(direct.next_at >= end + clock_us_to_cycles(rows[i].rest_us) - clock_us_to_cycles(50));
		add(next_number, 1);
		assert_false(deliver());
		while (clock_cycles() < direct.next_at)
			;
		assert_true(deliver());
	}
}

/* ---- threads ---- */

/* What worker.c does, but it sleeps as soon as it can. */
static void *
work(void *arg)
{
	struct processor *p = arg;

	qsbr_online(p->lane.reader);
	while (!atomic_load_explicit(&stop, memory_order_relaxed)) {
		for (int id = hotset_next(&p->hot, 0); id >= 0; id = hotset_next(&p->hot, (unsigned)id + 1)) {
			struct queue *q = atomic_load_explicit(&queue_table[id], memory_order_acquire);

			if (q != NULL && queue_has_work(q) && queue_enter(q, p->id)) {
				struct source *s = atomic_load(&q->source[QUEUE_FROM_WIRE]);

				if (s != NULL)
					forward(&p->lane, q, s);
				queue_leave(q, p->id);
			}
			queue_cool(p, (unsigned)id);
		}
		qsbr_quiescent(p->lane.reader);
		if (hotset_is_empty(&p->hot))
			processor_sleep(p, SLEEP_NS);
	}
	qsbr_offline(p->lane.reader);
	return NULL;
}

static bool
all_came(uint64_t n)
{
	uint64_t begin = clock_ns();

	for (unsigned spins = 1; atomic_load_explicit(&n_come, memory_order_acquire) < n; spins++) {
		if (spins % 256 == 0)
			sched_yield(); /* the worker may need this core */
		if (spins % 4096 == 0 && clock_ns() - begin > LOST_NS)
			return false;
	}
	return true;
}

static void
pause_for(unsigned spins)
{
	for (volatile unsigned i = 0; i < spins; i++)
		;
}

/* What a front end does. Returns the number of the frame that was lost, or NULL. */
static void *
receive(void *arg)
{
	uint64_t end = clock_ns() + WALL_MAX_NS;
	unsigned *sent = arg, random = 1;

	qsbr_online(lane.reader);
	for (*sent = 0; *sent < FRAMES && clock_ns() < end;) {
		unsigned n = 1 + ((random = random * 1664525 + 1013904223) >> 30);

		add(*sent, n);
		*sent += n;
		/* As often as can be, or not at all: as much wakes the worker as finds it asleep. */
		direct.next_at = random >> 20 & 1 ? 0 : UINT64_MAX;
		if (!direct_deliver(&direct, &lane, ring))
			rxring_kick(ring);
		qsbr_quiescent(lane.reader);
		/* Mostly the worker sleeps by then; sometimes it is about to; sometimes several are under way. */
		if (random >> 27 & 7 && !all_came(*sent))
			break;
		if (random >> 24 & 3)
			pause_for(random >> 12 & 2047);
	}
	if (!all_came(*sent))
		atomic_store(&disordered, true);
	qsbr_offline(lane.reader);
	return NULL;
}

static void
run(unsigned n_workers)
{
	unsigned sent = 0, moves = 0;
	pthread_t front_end;

	for (unsigned i = 0; i < n_workers; i++)
		assert_int_equal(pthread_create(&processors[i]->thread, NULL, work, processors[i]), 0);
	assert_int_equal(pthread_create(&front_end, NULL, receive, &sent), 0);
	while (pthread_tryjoin_np(front_end, NULL) != 0) {
		if (n_workers > 1)
			assert_int_equal(queue_move(queue, moves % 2), 0);
		moves++;
		qsbr_reclaim();
		usleep(50);
	}
	atomic_store(&stop, true);
	for (unsigned i = 0; i < n_workers; i++) {
		atomic_store(&processors[i]->stop, true);
		processor_look(processors[i]);
		pthread_join(processors[i]->thread, NULL);
	}
	print_message("          %u frames, %lu of them by the front end, %lu wake-ups, %u moves\n", sent,
		      (unsigned long)by_lane[FRONT_END], (unsigned long)count_get(&ring->interrupts),
		      n_workers > 1 ? moves : 0);
	assert_false(atomic_load(&disordered));
	assert_int_equal(next_number, sent);
	assert_true(sent > FRAMES_MIN);
	assert_true(by_lane[FRONT_END] > FRAMES_MIN / 10);
	assert_true(by_lane[0] + by_lane[1] > FRAMES_MIN / 10);
	assert_int_equal(by_lane[FRONT_END], count_get(&direct.packets));
	assert_int_equal(count_get(&queue->packets), sent);
}

static void
nobody_is_in_a_ring_twice(void **state)
{
	run(1);
}

static void
nobody_is_in_a_ring_twice_while_its_queue_moves(void **state)
{
	run(2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_all, close_all)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_first_frame_wakes_no_worker),
		TEST(frames_that_lay_there_go_first),
		TEST(otherwise_it_is_the_workers),
		TEST(a_queue_that_is_busy_stays_so),
		TEST(it_is_rare_and_takes_a_tenth_of_the_time_at_most),
		TEST(nobody_is_in_a_ring_twice),
		TEST(nobody_is_in_a_ring_twice_while_its_queue_moves),
	};

	return cmocka_run_group_tests(tests, open_group, close_group);
}
