/* worker_test.c - real workers: no wake-up is lost, whatever brings it and wherever the queue moves. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/qsbr.h"
#include "nic/direct.h"
#include "nic/test_eal.h"
#include "test_worker.h"

#define ITEMS 100000
#define WALL_MAX_NS (2 * NSEC_PER_S)
#define ARM_MAX_NS (200 * NSEC_PER_US)

/*
 * One item at a time, each delivered before the next is sent: a kick that is lost leaves it to the safety timer. Items
 * come at random times around the moment at which the worker arms, as it was seen last, where a kick can be lost.
 */
struct pace {
	uint64_t arm_ns; /* from a delivery to `armed` */
	uint64_t end_ns; /* on a busy machine: when to be content with less */
	unsigned random;
};

static void
pause_until_it_arms(struct pace *pace, const struct processor *p)
{
	uint64_t begin = clock_ns(), now = begin, pause = pace->arm_ns;
	bool seen = false;

	pace->random = pace->random * 1664525 + 1013904223;
	pause += (pace->random >> 16) % 2000;
	pause = pause > 1500 ? pause - 1500 : 0;
	for (; now - begin < pause; now = clock_ns()) {
		if (!seen && atomic_load_explicit(&p->armed, memory_order_relaxed)) {
			pace->arm_ns = now - begin;
			seen = true;
		}
	}
	if (!seen && pace->arm_ns < ARM_MAX_NS)
		pace->arm_ns += 200;
}

static void
wait_for_delivery(uint32_t i)
{
	uint64_t begin = clock_ns(), now = begin;

	while (atomic_load_explicit(&rig_watcher.n, memory_order_relaxed) <= i && now - begin < 5 * NSEC_PER_S) {
		now = clock_ns();
		if (now - begin > 50 * NSEC_PER_US)
			sched_yield(); /* the worker may need this core */
	}
}

/* Sends up to n items by `send`; q moves to another worker after each `moves` of them, 0: never. Returns how many. */
static uint32_t
send_one_by_one(void (*send)(uint32_t), struct queue *q, uint32_t n, uint32_t moves)
{
	struct pace pace = { .arm_ns = 10000, .end_ns = clock_ns() + WALL_MAX_NS };
	uint64_t waited = rig_waited_ns();
	uint32_t i;

	for (i = 0; i < n && clock_ns() < pace.end_ns; i++) {
		send(i);
		if (moves > 0 && i % moves == 0)
			assert_int_equal(queue_move(q, i / moves % WORKERS), 0);
		wait_for_delivery(i);
		pause_until_it_arms(&pace, processors[queue_processor(q)]);
	}
	rig_expect(i);
	rig_expect_kicks(waited);
	assert_true(i >= n / 500); /* or nothing was tested */
	return i;
}

/* ---- wake-ups ---- */

static void
put_one(uint32_t i)
{
	rig_put(i, 1);
}

static void
no_wake_up_is_lost(void **state)
{
	uint32_t n;

	rig_workers(1, 0, false);
	rig_ring_open(0);
	n = send_one_by_one(put_one, rig_ring->queue, ITEMS, 0);
	print_message("          %lu of %u items woke the worker, worst wait %lu us\n",
		      (unsigned long)count_get(&rig_ring->interrupts), n,
		      (unsigned long)(atomic_load(&rig_watcher.worst_ns) / 1000));
	assert_true(count_get(&rig_ring->interrupts) > n / 100); /* or it never slept */
	assert_true(count_get(&processors[0]->wakeups) > n / 100);
	rig_ring_close();
	rig_workers_stop();
}

static void
no_wake_up_is_lost_while_the_queue_moves(void **state)
{
	rig_workers(2, 0, false);
	rig_ring_open(0);
	send_one_by_one(put_one, rig_ring->queue, ITEMS / 5, 3);
	assert_true(count_get(&processors[0]->packets) > 10);
	assert_true(count_get(&processors[1]->packets) > 10);
	rig_ring_close();
	rig_workers_stop();
}

static struct lane front_end;
static struct direct direct;

/* As a front end does it, whose turn comes at one time and not at another. */
static void
add_one(uint32_t i)
{
	rig_add(i, 1);
	qsbr_online(front_end.reader);
	if (!direct_deliver(&direct, &front_end, rig_ring))
		rxring_kick(rig_ring);
	qsbr_offline(front_end.reader);
}

static void
a_front_end_delivers_what_would_wake_the_worker(void **state)
{
	uint64_t direct_packets;
	uint32_t n;

	assert_int_equal(lane_init(&front_end, TEST_LANES - 1), 0);
	memset((void *)&direct, 0, sizeof(direct));
	rig_workers(2, 0, false);
	rig_ring_open(0);
	n = send_one_by_one(add_one, rig_ring->queue, ITEMS / 5, 3);
	direct_packets = count_get(&direct.packets);
	print_message("          %lu of %u items delivered at once, %lu woke a worker\n", (unsigned long)direct_packets,
		      n, (unsigned long)count_get(&rig_ring->interrupts));
	assert_true(direct_packets > n / 100);
	assert_true(direct_packets < n);
	assert_int_equal(count_get(&rig_ring->queue->packets), n);
	assert_int_equal(count_get(&processors[0]->packets) + count_get(&processors[1]->packets), n - direct_packets);
	rig_ring_close();
	rig_workers_stop();
	lane_fini(&front_end);
}

/* Under load it naps instead of arming: bursts get fuller, and nothing is lost or waits. */
static void
a_flood_is_taken_in_bursts(void **state)
{
	uint32_t number = 0;
	uint64_t end;

	rig_workers(1, 0, false);
	rig_ring_open(0);
	end = clock_ns() + 200 * NSEC_PER_MS;
	while (clock_ns() < end) {
		rig_put(number, PKT_BURST);
		number += PKT_BURST;
	}
	rig_expect(number);
	assert_int_equal(rig_missed_kicks(), 0);
	assert_true(count_get(&processors[0]->packets) / count_get(&processors[0]->bursts) >= 4);
	rig_ring_close();
	rig_workers_stop();
}

static void
a_polling_processor_never_sleeps(void **state)
{
	rig_workers(1, 0, true);
	rig_ring_open(0);
	usleep(50000);
	for (uint32_t i = 0; i < 100; i++) {
		rig_put(i, 1);
		usleep(100);
	}
	rig_expect(100);
	assert_int_equal(count_get(&processors[0]->wakeups), 0);
	assert_int_equal(count_get(&rig_ring->interrupts), 0);
	assert_true(count_get(&processors[0]->empty_cycles) > 0);
	rig_ring_close();
	rig_workers_stop();
}

/* ---- descriptors ---- */

/* A source with a descriptor: frames are datagrams of a socket pair, as they are of a TAP. */
struct socket_source {
	struct source source;
	_Atomic unsigned looks;
};

static unsigned
socket_take(struct source *s, struct lane *lane)
{
	struct socket_source *from = (struct socket_source *)s;
	struct burst *b = &lane->burst;

	atomic_fetch_add(&from->looks, 1);
	for (b->n = 0; b->n < PKT_BURST;) {
		uint8_t *room = burst_room(b, b->n);
		ssize_t len = read(s->fd, room, BURST_ROOM);

		if (len <= 0) {
			atomic_store(&s->ready, false);
			if (len == 0 || errno != EAGAIN)
				atomic_store(&s->dead, true);
			break;
		}
		test_add(lane, room, (uint32_t)len);
	}
	return b->n;
}

static const struct source_ops socket_ops = { .take = socket_take };

static int
open_socket(struct socket_source *s)
{
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
	source_init(&s->source, &socket_ops, pair[0], &rig_in.port.ingress);
	atomic_store(&s->looks, 0);
	return pair[1];
}

static int other_end;

static void
write_one(uint32_t i)
{
	uint8_t frame[FRAME_LEN];

	rig_stamp(i, frame);
	assert_int_equal(write(other_end, frame, FRAME_LEN), FRAME_LEN);
}

static void
a_descriptor_wakes_its_worker_wherever_it_moves(void **state)
{
	struct socket_source s;
	struct queue *q;
	uint32_t n;

	rig_workers(2, 0, false);
	other_end = open_socket(&s);
	q = rig_queue(&s.source, QUEUE_FROM_SENDER);
	assert_int_equal(queue_move(q, 0), 0);
	n = send_one_by_one(write_one, q, ITEMS / 5, 16);
	assert_true(count_get(&q->interrupts) > n / 100);
	assert_int_equal(count_get(&q->packets), n);
	assert_int_equal(count_get(&q->bytes), n * FRAME_LEN);
	queue_free(q);
	close(s.source.fd);
	close(other_end);
	rig_workers_stop();
}

/* Its other end is gone: the descriptor reports that for ever, and must not keep the worker awake for ever. */
static void
a_dead_descriptor_does_not_spin(void **state)
{
	struct socket_source s;
	struct queue *q;
	uint64_t wakeups, cpu;
	unsigned looks;

	rig_workers(2, 0, false);
	close(open_socket(&s));
	q = rig_queue(&s.source, QUEUE_FROM_SENDER);
	assert_int_equal(queue_move(q, 0), 0);
	for (unsigned to = 0; to < 2; to++) {
		assert_int_equal(queue_move(q, to), 0);
		for (unsigned i = 0;
		     i < 1000 && (i < 50 || !atomic_load(&s.source.dead) || atomic_load(&s.source.ready)); i++)
			usleep(1000);
		assert_true(atomic_load(&s.source.dead));
		wakeups = count_get(&processors[to]->wakeups);
		cpu = rig_cpu_ns(processors[to]);
		looks = atomic_load(&s.looks);
		usleep(200000);
		assert_true(count_get(&processors[to]->wakeups) - wakeups <= 2);
		assert_true(rig_cpu_ns(processors[to]) - cpu < 10 * NSEC_PER_MS);
		assert_int_equal(atomic_load(&s.looks), looks);
	}
	queue_free(q);
	close(s.source.fd);
	rig_workers_stop();
}

/* What the balancer goes by. Taking, parsing, looking up and delivering a frame is not done in 20 cycles anywhere. */
static void
a_queue_is_charged_with_the_time_of_its_bursts(void **state)
{
	uint64_t begin, all, cycles;
	struct queue *q;
	uint32_t n;

	rig_workers(1, 0, false);
	begin = clock_cycles();
	rig_ring_open(0);
	q = rig_ring->queue;
	for (n = 0; n < ITEMS; n += PKT_BURST)
		rig_put(n, PKT_BURST);
	rig_expect(n);
	usleep(2000); /* the last burst is delivered, but may not be counted */
	cycles = count_get(&q->cycles);
	all = clock_cycles() - begin;
	assert_true(cycles > 20ul * n);
	assert_true(cycles <= count_get(&processors[0]->work_cycles));
	assert_true(count_get(&processors[0]->work_cycles) < all);
	assert_int_equal(atomic_load(&q->backlog[QUEUE_FROM_SENDER]), 0);
	assert_int_equal(atomic_load(&q->backlog[QUEUE_FROM_WIRE]) >> 16, rig_ring->source.slots);
	assert_in_range(atomic_load(&q->backlog[QUEUE_FROM_WIRE]) & UINT16_MAX, 1, RXRING_SIZE);
	/* Looks that find nothing, naps and sleep are nobody's. */
	usleep(50000);
	assert_int_equal(count_get(&q->cycles), cycles);
	rig_ring_close();
	rig_workers_stop();
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_open, rig_close)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(no_wake_up_is_lost),
		TEST(no_wake_up_is_lost_while_the_queue_moves),
		TEST(a_front_end_delivers_what_would_wake_the_worker),
		TEST(a_flood_is_taken_in_bursts),
		TEST(a_polling_processor_never_sleeps),
		TEST(a_descriptor_wakes_its_worker_wherever_it_moves),
		TEST(a_dead_descriptor_does_not_spin),
		TEST(a_queue_is_charged_with_the_time_of_its_bursts),
	};

	return cmocka_run_group_tests(tests, rig_start, rig_stop);
}
