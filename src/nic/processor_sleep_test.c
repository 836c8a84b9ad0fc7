/* processor_sleep_test.c - queues heat up and cool, and whoever brings work finds a worker awake, or wakes it. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <rte_pause.h>

#include "base/clock.h"
#include "base/qsbr.h"
#include "nic/queue.h"
#include "nic/test_eal.h"

#define ROUNDS 2000000
#define ROUNDS_MIN (ROUNDS / 2000)   /* or nothing was tested */
#define WALL_MAX_NS (2 * NSEC_PER_S) /* on a busy machine: when to be content with less */
#define LOST_NS (10 * NSEC_PER_S)    /* much more than another thread may keep a core */
#define SLEEP_NS (60 * NSEC_PER_S)   /* no timer makes up for a lost wake-up here */

/* Memory in which work is a number that somebody counts up: a ring of ours, or of a guest that kicks when asked to. */
struct work {
	struct source source;
	struct queue *queue;
	/* A line each: a store then takes as long as can be to be seen, and what a missing fence lets through shows. */
	_Alignas(64) _Atomic uint64_t published;
	_Alignas(64) _Atomic uint64_t taken;
	_Alignas(64) _Atomic bool asked;
	_Alignas(64) _Atomic unsigned arms;
};

static unsigned
work_take(struct source *s, struct lane *lane)
{
	struct work *from = (struct work *)s;

	atomic_store_explicit(&from->asked, false, memory_order_relaxed);
	/* As a ring: its consumer's position, then what was published. */
	atomic_store_explicit(&from->taken, atomic_load_explicit(&from->published, memory_order_acquire),
			      memory_order_release);
	return 1;
}

static bool
work_pending(struct source *s)
{
	struct work *from = (struct work *)s;

	return atomic_load_explicit(&from->published, memory_order_acquire) !=
	       atomic_load_explicit(&from->taken, memory_order_relaxed);
}

static void
work_arm(struct source *s)
{
	struct work *from = (struct work *)s;

	atomic_fetch_add_explicit(&from->arms, 1, memory_order_relaxed);
	atomic_store_explicit(&from->asked, true, memory_order_relaxed);
}

static const struct source_ops ours_ops = { .take = work_take, .pending = work_pending };
static const struct source_ops guest_ops = { .take = work_take, .pending = work_pending, .arm = work_arm };

static struct work ours, guest;
static _Atomic bool stop;

static void
open_work(struct work *w, const struct source_ops *ops, int fd)
{
	static struct vport vport;

	memset((void *)w, 0, sizeof(*w));
	source_init(&w->source, ops, fd, NULL);
	w->queue = queue_new(&vport, 0);
	assert_non_null(w->queue);
	assert_int_equal(queue_set_source(w->queue, QUEUE_FROM_SENDER, &w->source), 0);
}

static int
open_all(void **state)
{
	test_processors_open(2, 0);
	open_work(&ours, &ours_ops, -1);
	open_work(&guest, &guest_ops, eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
	atomic_store(&stop, false);
	return 0;
}

static int
close_all(void **state)
{
	queue_free(ours.queue);
	queue_free(guest.queue);
	if (guest.source.fd >= 0)
		close(guest.source.fd);
	test_processors_close();
	return 0;
}

static bool
is_hot(const struct work *w, unsigned p)
{
	return hotset_has(&processors[p]->hot, w->queue->id);
}

/* ---- one step at a time ---- */

/* As a ring of a guest that sends only what is no frame: the worker would go to sleep, and cannot. */
static void
work_without_frames_keeps_no_kick_from_being_seen(void **state)
{
	uint64_t one = 1;

	assert_int_equal(queue_move(ours.queue, 0), 0);
	assert_int_equal(queue_move(guest.queue, 0), 0);
	processor_take_events(processors[0]);
	atomic_store(&ours.published, 1);
	queue_cool(processors[0], guest.queue->id);
	assert_false(is_hot(&guest, 0));
	assert_int_equal(write(guest.source.fd, &one, sizeof(one)), sizeof(one));
	processor_sleep(processors[0], SLEEP_NS);
	assert_true(is_hot(&ours, 0));
	assert_true(is_hot(&guest, 0));
}

static void
a_queue_is_hot_where_it_stands_and_when_it_is_kicked(void **state)
{
	assert_false(queue_kick(ours.queue)); /* stands nowhere */
	assert_int_equal(queue_move(ours.queue, 0), 0);
	assert_true(is_hot(&ours, 0));
	queue_cool(processors[0], ours.queue->id);
	assert_false(is_hot(&ours, 0));
	assert_false(queue_kick(ours.queue)); /* nobody sleeps */
	assert_true(is_hot(&ours, 0));
	queue_cool(processors[0], ours.queue->id);
	atomic_store(&processors[0]->armed, true);
	assert_true(queue_kick(ours.queue));
	assert_false(atomic_load(&processors[0]->armed));
	assert_false(queue_kick(ours.queue));
	assert_int_equal(queue_move(ours.queue, 1), 0);
	assert_true(is_hot(&ours, 1));
	queue_cool(processors[1], ours.queue->id);
	assert_int_equal(queue_set_source(ours.queue, QUEUE_FROM_SENDER, &ours.source), 0);
	assert_true(is_hot(&ours, 1));
}

static void
a_queue_with_work_does_not_cool(void **state)
{
	assert_int_equal(queue_move(guest.queue, 0), 0);
	atomic_store(&guest.published, 1);
	queue_cool(processors[0], guest.queue->id);
	assert_true(is_hot(&guest, 0));
	assert_true(atomic_load(&guest.asked)); /* a useless kick is better than none */
	work_take(&guest.source, &processors[0]->lane);
	assert_false(atomic_load(&guest.asked));
	queue_cool(processors[0], guest.queue->id);
	assert_false(is_hot(&guest, 0));
	assert_true(atomic_load(&guest.asked));
}

/* Bits of queues that are not there, or not here, are taken out; nothing is asked in their name. */
static void
a_worker_forgets_what_is_not_its_own(void **state)
{
	unsigned none = ours.queue->id + 1000, asked;

	hotset_put(&processors[0]->hot, none);
	queue_cool(processors[0], none);
	assert_false(hotset_has(&processors[0]->hot, none));
	assert_int_equal(queue_move(guest.queue, 1), 0);
	asked = atomic_load(&guest.arms);
	atomic_store(&guest.published, 1);
	hotset_put(&processors[0]->hot, guest.queue->id);
	queue_cool(processors[0], guest.queue->id);
	assert_false(is_hot(&guest, 0));
	assert_true(is_hot(&guest, 1));
	assert_int_equal(atomic_load(&guest.arms), asked);
}

static void
only_a_kick_that_stays_away_is_missed(void **state)
{
	struct processor *p = processors[0];

	assert_int_equal(queue_move(ours.queue, 0), 0);
	assert_false(queue_look_at_all(p));
	queue_cool(p, ours.queue->id);
	assert_false(queue_look_at_all(p));
	atomic_store(&ours.published, 1);  /* and no kick */
	assert_true(queue_look_at_all(p)); /* it may be on its way */
	assert_false(is_hot(&ours, 0));
	assert_int_equal(count_get(&p->missed_kicks), 0);
	assert_false(queue_look_at_all(p));
	assert_true(is_hot(&ours, 0));
	assert_int_equal(count_get(&p->missed_kicks), 1);
	/* One that comes a little late is none. */
	work_take(&ours.source, &p->lane);
	count_add(&ours.queue->packets, 1);
	queue_cool(p, ours.queue->id);
	atomic_store(&ours.published, 2);
	assert_true(queue_look_at_all(p));
	queue_kick(ours.queue);
	assert_false(queue_look_at_all(p));
	assert_int_equal(count_get(&p->missed_kicks), 1);
	/* Nor are two of them, one at each look. */
	work_take(&ours.source, &p->lane);
	count_add(&ours.queue->packets, 1);
	queue_cool(p, ours.queue->id);
	atomic_store(&ours.published, 3);
	assert_true(queue_look_at_all(p));
	work_take(&ours.source, &p->lane);
	count_add(&ours.queue->packets, 1);
	atomic_store(&ours.published, 4);
	assert_true(queue_look_at_all(p));
	assert_int_equal(count_get(&p->missed_kicks), 1);
}

/* A front end that gave no descriptor to kick: nobody misses what was never promised. */
static void
work_of_a_mute_source_is_no_missed_kick(void **state)
{
	struct processor *p = processors[0];

	assert_int_equal(queue_set_source(guest.queue, QUEUE_FROM_SENDER, NULL), 0);
	close(guest.source.fd);
	guest.source.fd = -1;
	assert_int_equal(queue_set_source(guest.queue, QUEUE_FROM_SENDER, &guest.source), 0);
	assert_int_equal(queue_move(guest.queue, 0), 0);
	queue_cool(p, guest.queue->id);
	assert_false(queue_look_at_all(p));
	assert_false(is_hot(&guest, 0));
	atomic_store(&guest.published, 1);
	assert_false(queue_look_at_all(p));
	assert_true(is_hot(&guest, 0));
	assert_int_equal(count_get(&p->missed_kicks), 0);
}

static void
kicks_without_end_cost_one_look_each(void **state)
{
	struct processor *p = processors[0];
	uint64_t one = 1;

	assert_int_equal(queue_move(guest.queue, 0), 0);
	processor_take_events(p);
	queue_cool(p, guest.queue->id);
	for (unsigned i = 0; i < 100; i++) {
		assert_int_equal(write(guest.source.fd, &one, sizeof(one)), sizeof(one));
		assert_int_equal(write(guest.source.fd, &one, sizeof(one)), sizeof(one));
		processor_take_events(p);
		assert_true(is_hot(&guest, 0));
		queue_cool(p, guest.queue->id); /* nothing in it */
		assert_false(is_hot(&guest, 0));
		processor_take_events(p);
		assert_false(is_hot(&guest, 0)); /* one event for both */
	}
	assert_int_equal(count_get(&guest.queue->interrupts), 100);
}

/* ---- threads ---- */

/* What worker.c does, but it cools at once, so that each piece of work comes beside a queue that cools. */
static void *
work_all(void *arg)
{
	struct processor *p = arg;
	unsigned random = p->id;

	qsbr_online(p->lane.reader);
	while (!atomic_load_explicit(&stop, memory_order_relaxed)) {
		for (int id = hotset_next(&p->hot, 0); id >= 0; id = hotset_next(&p->hot, (unsigned)id + 1)) {
			struct queue *q = atomic_load_explicit(&queue_table[id], memory_order_acquire);

			if (q != NULL && queue_has_work(q) && queue_enter(q, p->id)) {
				struct source *s = atomic_load(&q->source[QUEUE_FROM_SENDER]);

				if (s != NULL && source_has_work(s))
					s->ops->take(s, &p->lane);
				queue_leave(q, p->id);
			}
			queue_cool(p, (unsigned)id);
		}
		qsbr_quiescent(p->lane.reader);
		/* A sleep takes as long as a hundred rounds without. */
		for (unsigned spins = random >> 22 & 1023; spins > 0 && hotset_is_empty(&p->hot); spins--)
			rte_pause();
		random = random * 1664525 + 1013904223;
		if (hotset_is_empty(&p->hot))
			processor_sleep(p, SLEEP_NS);
	}
	qsbr_offline(p->lane.reader);
	return NULL;
}

/* What a ring's producer does, and what a guest does. */
static void
publish(struct work *w)
{
	uint64_t one = 1;

	atomic_store_explicit(&w->published, atomic_load_explicit(&w->published, memory_order_relaxed) + 1,
			      memory_order_release);
	if (w == &ours) {
		queue_kick(w->queue);
		return;
	}
	atomic_thread_fence(memory_order_seq_cst);
	if (atomic_load_explicit(&w->asked, memory_order_relaxed) &&
	    write(w->source.fd, &one, sizeof(one)) != sizeof(one))
		fail();
}

static bool
is_taken(struct work *w)
{
	uint64_t want = atomic_load_explicit(&w->published, memory_order_relaxed), begin = clock_ns();

	for (unsigned spins = 1; atomic_load_explicit(&w->taken, memory_order_acquire) != want; spins++) {
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

/* Publishes one by one, at random distances from the moment when the one before was taken. Returns the first that was lost, or NULL. */
static void *
bring_work(void *arg)
{
	uint64_t end = clock_ns() + WALL_MAX_NS;
	unsigned *rounds = arg, random = 1;

	for (*rounds = 0; *rounds < ROUNDS && (*rounds % 256 != 0 || clock_ns() < end); (*rounds)++) {
		struct work *w = (random = random * 1664525 + 1013904223) >> 29 ? &ours : &guest;

		publish(w);
		if (!is_taken(w))
			return w;
		pause_for(random >> 16 & 127);
	}
	return NULL;
}

static void
start(unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		assert_int_equal(pthread_create(&processors[i]->thread, NULL, work_all, processors[i]), 0);
}

static void
finish(unsigned n)
{
	atomic_store(&stop, true);
	for (unsigned i = 0; i < n; i++) {
		atomic_store(&processors[i]->stop, true);
		processor_look(processors[i]);
		pthread_join(processors[i]->thread, NULL);
	}
}

static void
no_wake_up_is_lost_beside_a_worker_that_cools(void **state)
{
	unsigned rounds;
	void *lost;

	assert_int_equal(queue_move(ours.queue, 0), 0);
	assert_int_equal(queue_move(guest.queue, 0), 0);
	start(1);
	lost = bring_work(&rounds);
	finish(1);
	print_message("          %u rounds, %lu wake-ups, %u times asked for a kick\n", rounds,
		      (unsigned long)count_get(&processors[0]->wakeups), atomic_load(&guest.arms));
	assert_null(lost);
	assert_true(rounds > ROUNDS_MIN);
	assert_true(count_get(&processors[0]->wakeups) > ROUNDS_MIN / 200);
	assert_true(atomic_load(&guest.arms) > ROUNDS_MIN / 20);
}

static void
no_wake_up_is_lost_while_queues_move(void **state)
{
	unsigned rounds, moves = 0;
	pthread_t producer;
	void *lost = NULL;

	assert_int_equal(queue_move(ours.queue, 0), 0);
	assert_int_equal(queue_move(guest.queue, 1), 0);
	start(2);
	assert_int_equal(pthread_create(&producer, NULL, bring_work, &rounds), 0);
	while (pthread_tryjoin_np(producer, &lost) != 0) {
		struct queue *q = moves % 3 == 0 ? ours.queue : guest.queue;

		/* There and back again at once, too: the one that has it may be about to forget it. */
		assert_int_equal(queue_move(q, 1 - queue_processor(q)), 0);
		if (moves % 2 == 0)
			assert_int_equal(queue_move(q, 1 - queue_processor(q)), 0);
		qsbr_reclaim();
		if (moves++ % 16 == 0)
			usleep(50);
	}
	finish(2);
	print_message("          %u rounds, %u moves\n", rounds, moves);
	assert_null(lost);
	assert_true(rounds > ROUNDS_MIN);
	assert_true(moves > 100);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_all, close_all)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(work_without_frames_keeps_no_kick_from_being_seen),
		TEST(a_queue_is_hot_where_it_stands_and_when_it_is_kicked),
		TEST(a_queue_with_work_does_not_cool),
		TEST(a_worker_forgets_what_is_not_its_own),
		TEST(only_a_kick_that_stays_away_is_missed),
		TEST(work_of_a_mute_source_is_no_missed_kick),
		TEST(kicks_without_end_cost_one_look_each),
		TEST(no_wake_up_is_lost_beside_a_worker_that_cools),
		TEST(no_wake_up_is_lost_while_queues_move),
	};

	return cmocka_run_group_tests(tests, test_eal_start, NULL);
}
