/* queue_test.c - a queue has one worker at a time, wherever it moves, and nothing gets lost or out of order. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/qsbr.h"
#include "nic/queue.h"
#include "nic/test_eal.h"
#include "nic/test_numbers.h"

#define LEN(a) (sizeof(a) / sizeof((a)[0]))
#define WORKERS 4
#define QUEUES 3
#define MOVES 100000

static struct queue *
open_queue(void)
{
	static struct vport vport;
	struct queue *q = queue_new(&vport, 0);

	assert_non_null(q);
	return q;
}

static bool
stands_on(const struct queue *q, unsigned p)
{
	const struct queue_list *list = atomic_load(&processors[p]->queues);

	for (unsigned i = 0; list != NULL && i < list->n; i++)
		if (list->queue[i] == q)
			return true;
	return false;
}

/* Events that p's epoll reports now, but for wake-ups; those are read away. */
static unsigned
events_of(unsigned p, uint32_t *id)
{
	struct epoll_event events[16];
	int n = epoll_wait(processors[p]->epfd, events, 16, 0);
	unsigned count = 0;

	for (int i = 0; i < n; i++) {
		uint64_t value;

		if (events[i].data.u32 == PROCESSOR_EVENT_WAKE) {
			assert_int_equal(read(processors[p]->wake_fd, &value, sizeof(value)), sizeof(value));
			continue;
		}
		*id = events[i].data.u32;
		count++;
	}
	return count;
}

static void
a_new_queue_stands_nowhere(void **state)
{
	struct queue *q;

	test_processors_open(2, 0);
	q = open_queue();
	assert_int_equal(queue_processor(q), PROCESSOR_NONE);
	assert_ptr_equal(atomic_load(&queue_table[q->id]), q);
	assert_false(queue_enter(q, 0));
	assert_false(queue_enter(q, 1));
	assert_int_equal(queue_move(q, 2), -EINVAL);
	assert_int_equal(queue_move(q, PROCESSORS_MAX), -EINVAL);
	assert_int_equal(queue_move(q, UINT32_MAX), -EINVAL);
	assert_int_equal(queue_processor(q), PROCESSOR_NONE);
	queue_free(q);
	test_processors_close();
}

static void
a_move_changes_owner_and_lists(void **state)
{
	struct queue *q, *other;

	test_processors_open(2, 0);
	q = open_queue();
	other = open_queue();
	assert_int_equal(queue_move(other, 0), 0);
	assert_int_equal(queue_move(q, 0), 0);
	assert_true(stands_on(q, 0) && !stands_on(q, 1));
	assert_int_equal(count_get(&q->moved), 0); /* it was placed, not moved */
	assert_int_equal(queue_move(q, 0), 0);
	assert_int_equal(queue_move(q, 1), 0);
	assert_true(!stands_on(q, 0) && stands_on(q, 1) && stands_on(other, 0));
	assert_int_equal(count_get(&q->moved), 1);
	assert_false(queue_enter(q, 0));
	assert_true(queue_enter(q, 1));
	assert_false(queue_enter(q, 1)); /* busy */
	queue_leave(q, 1);
	assert_true(queue_enter(q, 1));
	queue_leave(q, 1);
	assert_int_equal(queue_move(q, PROCESSOR_NONE), 0);
	assert_false(stands_on(q, 1));
	assert_false(queue_enter(q, 1));
	queue_free(q);
	queue_free(other);
	assert_false(stands_on(other, 0));
	queue_free(NULL);
	test_processors_close();
}

static void
ids_are_bounded_and_used_again(void **state)
{
	static struct queue *all[QUEUES_MAX];
	static struct vport vport;
	unsigned id;

	for (unsigned i = 0; i < QUEUES_MAX; i++) {
		all[i] = queue_new(&vport, i);
		assert_non_null(all[i]);
		assert_int_equal(all[i]->id, i);
	}
	assert_null(queue_new(&vport, 0));
	id = all[1234]->id;
	queue_free(all[1234]);
	assert_null(atomic_load(&queue_table[id]));
	all[1234] = queue_new(&vport, 7);
	assert_int_equal(all[1234]->id, id);
	for (unsigned i = 0; i < QUEUES_MAX; i++)
		queue_free(all[i]);
}

/* ---- descriptors ---- */

static void
a_descriptor_is_watched_where_its_queue_stands(void **state)
{
	static const struct source_ops none;
	struct source source;
	uint64_t one = 1;
	uint32_t id = 0;
	struct queue *q;
	int fd = eventfd(1, EFD_NONBLOCK | EFD_CLOEXEC); /* readable from now on */

	test_processors_open(2, 0);
	q = open_queue();
	source_init(&source, &none, fd, NULL);
	assert_true(atomic_load(&source.ready));
	assert_int_equal(queue_set_source(q, QUEUE_FROM_SENDER, &source), 0);
	assert_int_equal(events_of(0, &id) + events_of(1, &id), 0);
	assert_int_equal(queue_move(q, 0), 0);
	assert_int_equal(events_of(0, &id), 1);
	assert_int_equal(id, q->id);
	/* What the old epoll had reported is not lost: the queue gets one look in any case. */
	atomic_store(&source.ready, false);
	assert_int_equal(queue_move(q, 1), 0);
	assert_true(atomic_load(&source.ready));
	assert_int_equal(events_of(0, &id), 0);
	assert_int_equal(events_of(1, &id), 1);
	assert_int_equal(queue_move(q, PROCESSOR_NONE), 0);
	assert_int_equal(events_of(1, &id), 0);
	assert_int_equal(queue_move(q, 0), 0);
	assert_int_equal(queue_set_source(q, QUEUE_FROM_SENDER, NULL), 0);
	assert_int_equal(events_of(0, &id), 0);
	assert_int_equal(write(fd, &one, sizeof(one)), sizeof(one));
	assert_int_equal(queue_set_source(q, QUEUE_FROM_SENDER, &source), 0);
	assert_int_equal(events_of(0, &id), 1);
	queue_free(q);
	assert_int_equal(events_of(0, &id), 0);
	close(fd);
	test_processors_close();
}

/* An interface that was deleted reports for ever: nobody may watch it again. */
static void
a_dead_descriptor_is_not_watched_again(void **state)
{
	static const struct source_ops none;
	struct source source;
	uint32_t id = 0;
	struct queue *q;
	int fd = eventfd(1, EFD_NONBLOCK | EFD_CLOEXEC);

	test_processors_open(2, 0);
	q = open_queue();
	source_init(&source, &none, fd, NULL);
	atomic_store(&source.dead, true);
	queue_set_source(q, QUEUE_FROM_SENDER, &source);
	assert_int_equal(queue_move(q, 0), 0);
	assert_int_equal(queue_move(q, 1), 0);
	assert_int_equal(events_of(0, &id) + events_of(1, &id), 0);
	queue_free(q);
	close(fd);
	test_processors_close();
}

static bool
never(struct source *s)
{
	return false;
}

static const struct source_ops memory_ops = { .pending = never };

/* Memory with a descriptor: each kick is an event, though nobody ever reads one. */
static void
a_kick_is_a_hint_that_nobody_reads(void **state)
{
	struct source source;
	uint64_t one = 1;
	uint32_t id = 0;
	struct queue *q;
	int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);

	test_processors_open(2, 0);
	q = open_queue();
	source_init(&source, &memory_ops, fd, NULL);
	assert_false(atomic_load(&source.ready));
	assert_int_equal(queue_move(q, 0), 0);
	assert_int_equal(queue_set_source(q, QUEUE_FROM_SENDER, &source), 0);
	assert_int_equal(events_of(0, &id), 0);
	for (unsigned kicks = 0; kicks < 3; kicks++) {
		assert_int_equal(write(fd, &one, sizeof(one)), sizeof(one));
		assert_int_equal(events_of(0, &id), 1);
		assert_int_equal(id, q->id);
		assert_int_equal(events_of(0, &id), 0); /* one kick, one event */
	}
	/* The new processor may have missed the last ones: it is told once. */
	assert_int_equal(queue_move(q, 1), 0);
	assert_int_equal(events_of(1, &id), 1);
	assert_int_equal(events_of(1, &id), 0);
	assert_int_equal(write(fd, &one, sizeof(one)), sizeof(one));
	assert_int_equal(events_of(0, &id), 0);
	assert_int_equal(events_of(1, &id), 1);
	assert_false(atomic_load(&source.ready)); /* it is memory, wherever it goes */
	assert_int_equal(queue_set_source(q, QUEUE_FROM_SENDER, NULL), 0);
	assert_int_equal(write(fd, &one, sizeof(one)), sizeof(one));
	assert_int_equal(events_of(1, &id), 0);
	queue_free(q);
	close(fd);
	test_processors_close();
}

/* epoll_ctl(2): EPERM, the target file does not support epoll; EEXIST, it is there already. */
static void
a_descriptor_that_cannot_be_watched_is_refused(void **state)
{
	struct source file, good, again;
	uint32_t id = 0;
	struct queue *q;
	int file_fd = memfd_create("fl", MFD_CLOEXEC), fd = eventfd(1, EFD_NONBLOCK | EFD_CLOEXEC);

	test_processors_open(2, 0);
	q = open_queue();
	source_init(&file, &memory_ops, file_fd, NULL);
	source_init(&good, &memory_ops, fd, NULL);
	source_init(&again, &memory_ops, fd, NULL);
	assert_int_equal(queue_move(q, 0), 0);
	assert_int_equal(queue_set_source(q, QUEUE_FROM_SENDER, &good), 0);
	assert_int_equal(events_of(0, &id), 1);
	/* Refused, and the former one is gone all the same: its owner frees it. */
	assert_int_equal(queue_set_source(q, QUEUE_FROM_SENDER, &file), -EPERM);
	assert_null(atomic_load(&q->source[QUEUE_FROM_SENDER]));
	assert_int_equal(events_of(0, &id), 0);
	/* Twice in one queue; the first one stays. */
	assert_int_equal(queue_set_source(q, QUEUE_FROM_SENDER, &good), 0);
	assert_int_equal(queue_set_source(q, QUEUE_FROM_WIRE, &again), -EEXIST);
	assert_null(atomic_load(&q->source[QUEUE_FROM_WIRE]));
	assert_int_equal(events_of(0, &id), 1);
	/* Given while the queue stood nowhere: it cannot be placed, and nothing of it stays behind. */
	assert_int_equal(queue_move(q, PROCESSOR_NONE), 0);
	assert_int_equal(queue_set_source(q, QUEUE_FROM_WIRE, &file), 0);
	assert_int_equal(queue_move(q, 1), -EPERM);
	assert_int_equal(queue_processor(q), PROCESSOR_NONE);
	assert_false(stands_on(q, 1));
	assert_int_equal(events_of(1, &id), 0);
	/* A dead one is not watched, so it cannot be in the way. */
	atomic_store(&file.dead, true);
	assert_int_equal(queue_move(q, 1), 0);
	assert_int_equal(events_of(1, &id), 1);
	queue_free(q);
	close(file_fd);
	close(fd);
	test_processors_close();
}

static void
whoever_gets_a_queue_or_a_source_is_woken(void **state)
{
	static const struct source_ops none;
	struct source source;
	struct queue *q;
	uint64_t count;

	test_processors_open(2, 0);
	q = open_queue();
	source_init(&source, &none, -1, NULL);
	assert_int_equal(queue_move(q, 0), 0);
	assert_int_equal(read(processors[0]->wake_fd, &count, sizeof(count)), sizeof(count));
	queue_set_source(q, QUEUE_FROM_WIRE, &source);
	assert_int_equal(read(processors[0]->wake_fd, &count, sizeof(count)), sizeof(count));
	assert_int_equal(queue_move(q, 1), 0);
	assert_int_equal(read(processors[0]->wake_fd, &count, sizeof(count)), -1);
	assert_int_equal(read(processors[1]->wake_fd, &count, sizeof(count)), sizeof(count));
	queue_free(q);
	test_processors_close();
}

static void
only_an_armed_processor_is_woken_and_once(void **state)
{
	uint64_t count;

	test_processors_open(1, 0);
	assert_false(processor_wake(processors[0]));
	assert_int_equal(read(processors[0]->wake_fd, &count, sizeof(count)), -1);
	atomic_store(&processors[0]->armed, true);
	assert_true(processor_wake(processors[0]));
	assert_false(processor_wake(processors[0]));
	assert_int_equal(read(processors[0]->wake_fd, &count, sizeof(count)), sizeof(count));
	assert_int_equal(count, 1);
	test_processors_close();
}

/* ---- workers beside a mover ---- */

static struct numbers numbers[QUEUES];
static struct queue *moved[QUEUES]; /* numbers[i] is the source of moved[i] */

static void
move_about(void)
{
	unsigned r = 1;

	for (unsigned i = 0; i < MOVES; i++) {
		struct queue *q = moved[(r = r * 1664525 + 1013904223) % QUEUES];
		unsigned to = r >> 16 & 31;

		/* Elsewhere each time, now and then off all; and another one is without its source for a moment. */
		if (to == 31)
			assert_int_equal(queue_move(q, PROCESSOR_NONE), 0);
		else
			assert_int_equal(queue_move(q, (queue_processor(q) + 1 + to % (WORKERS - 1)) % WORKERS), 0);
		if (r >> 26 == 0) {
			struct source *s;

			q = moved[i % QUEUES];
			s = atomic_load(&q->source[QUEUE_FROM_SENDER]);
			assert_int_equal(queue_set_source(q, QUEUE_FROM_SENDER, NULL), 0);
			assert_int_equal(atomic_load(&((struct numbers *)s)->inside), 0);
			assert_int_equal(queue_set_source(q, QUEUE_FROM_SENDER, s), 0);
		}
	}
}

static void
no_two_workers_meet_in_a_queue_that_moves(void **state)
{
	test_processors_open(WORKERS, 0);
	for (unsigned i = 0; i < QUEUES; i++) {
		source_init(&numbers[i].source, &numbers_ops, -1, NULL);
		moved[i] = open_queue();
		queue_set_source(moved[i], QUEUE_FROM_SENDER, &numbers[i].source);
	}
	for (unsigned i = 0; i < WORKERS; i++)
		assert_int_equal(pthread_create(&processors[i]->thread, NULL, numbers_work, processors[i]), 0);
	move_about();
	for (unsigned i = 0; i < QUEUES; i++) /* their sources are readable by us from here on */
		queue_move(moved[i], PROCESSOR_NONE);
	for (unsigned i = 0; i < QUEUES; i++) {
		assert_int_equal(atomic_load(&numbers[i].met), 0);
		assert_int_equal(atomic_load(&numbers[i].wrong), 0);
		assert_true(numbers[i].next == numbers[i].delivered);
		assert_true(numbers[i].next > MOVES / 100);
	}
	atomic_store(&numbers_stop, true);
	for (unsigned i = 0; i < WORKERS; i++) {
		pthread_join(processors[i]->thread, NULL);
		assert_true(atomic_load(&numbers_bursts[i]) > 100); /* each had its turn */
	}
	for (unsigned i = 0; i < QUEUES; i++)
		queue_free(moved[i]);
	test_processors_close();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_new_queue_stands_nowhere),
		cmocka_unit_test(a_move_changes_owner_and_lists),
		cmocka_unit_test(ids_are_bounded_and_used_again),
		cmocka_unit_test(a_descriptor_is_watched_where_its_queue_stands),
		cmocka_unit_test(a_dead_descriptor_is_not_watched_again),
		cmocka_unit_test(a_kick_is_a_hint_that_nobody_reads),
		cmocka_unit_test(a_descriptor_that_cannot_be_watched_is_refused),
		cmocka_unit_test(whoever_gets_a_queue_or_a_source_is_woken),
		cmocka_unit_test(only_an_armed_processor_is_woken_and_once),
		cmocka_unit_test(no_two_workers_meet_in_a_queue_that_moves),
	};

	return cmocka_run_group_tests(tests, test_eal_start, NULL);
}
