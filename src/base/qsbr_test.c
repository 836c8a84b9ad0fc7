/* qsbr_test.c - nothing is freed, and nobody is told that it may be, while a reader can still hold it. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/qsbr.h"

#define ROUNDS 20000

/* free() of everything that is linked into this program (--wrap=free): which pointers it got. */
static void *watched[4];
static unsigned freed[4];

void __real_free(void *p);
void __wrap_free(void *p);

void
__wrap_free(void *p)
{
	for (int i = 0; i < 4; i++)
		freed[i] += p != NULL && p == watched[i];
	__real_free(p);
}

static void *
watch(int i)
{
	watched[i] = malloc(100);
	assert_non_null(watched[i]);
	freed[i] = 0;
	return watched[i];
}

static int
start(void **state)
{
	return qsbr_init();
}

static void
a_token_passes_when_every_online_reader_was_quiescent(void **state)
{
	int a = qsbr_register(), b = qsbr_register();
	uint64_t token;

	assert_true(a >= 0 && b >= 0 && a != b);
	qsbr_online(a);
	qsbr_online(b);
	token = qsbr_token();
	assert_false(qsbr_passed(token));
	qsbr_quiescent(a);
	assert_false(qsbr_passed(token));
	qsbr_quiescent(b);
	assert_true(qsbr_passed(token));
	qsbr_offline(a);
	qsbr_offline(b);
	qsbr_unregister(a);
	qsbr_unregister(b);
}

/* The quiescent state of before the token says nothing of what the reader loaded since. */
static void
a_quiescent_state_before_the_token_does_not_count(void **state)
{
	int a = qsbr_register();
	uint64_t first, second;

	qsbr_online(a);
	first = qsbr_token();
	qsbr_quiescent(a);
	second = qsbr_token();
	assert_true(qsbr_passed(first));
	assert_false(qsbr_passed(second));
	qsbr_quiescent(a);
	assert_true(qsbr_passed(second));
	qsbr_offline(a);
	qsbr_unregister(a);
}

static void
a_reader_that_sleeps_holds_nobody_up(void **state)
{
	int a = qsbr_register();
	uint64_t token = qsbr_token();

	assert_true(qsbr_passed(token)); /* registered, never online */
	qsbr_online(a);
	token = qsbr_token();
	assert_false(qsbr_passed(token));
	qsbr_offline(a);
	assert_true(qsbr_passed(token));
	qsbr_synchronize();
	qsbr_unregister(a);
}

/* Coming online later, a reader can only have loaded what is published now. */
static void
a_reader_that_comes_later_holds_nobody_up(void **state)
{
	int a = qsbr_register();
	uint64_t token = qsbr_token();

	qsbr_online(a);
	assert_true(qsbr_passed(token));
	qsbr_offline(a);
	qsbr_unregister(a);
}

static void
memory_is_freed_after_its_grace_period_and_once(void **state)
{
	int a = qsbr_register();

	qsbr_online(a);
	qsbr_free(watch(0));
	qsbr_free(watch(1));
	qsbr_reclaim();
	assert_int_equal(freed[0] + freed[1], 0);
	qsbr_quiescent(a);
	qsbr_free(watch(2));
	assert_int_equal(freed[0], 1);
	assert_int_equal(freed[1], 1);
	assert_int_equal(freed[2], 0);
	qsbr_offline(a);
	qsbr_reclaim();
	qsbr_reclaim();
	for (int i = 0; i < 3; i++) {
		assert_int_equal(freed[i], 1);
		watched[i] = NULL;
	}
	qsbr_free(NULL);
	qsbr_unregister(a);
}

static void
ids_are_bounded_and_used_again(void **state)
{
	int ids[QSBR_READERS_MAX];

	for (int i = 0; i < QSBR_READERS_MAX; i++) {
		ids[i] = qsbr_register();
		assert_true(ids[i] >= 0 && ids[i] < QSBR_READERS_MAX);
		for (int k = 0; k < i; k++)
			assert_int_not_equal(ids[i], ids[k]);
	}
	assert_int_equal(qsbr_register(), -ENOSPC);
	qsbr_unregister(ids[77]);
	assert_int_equal(qsbr_register(), ids[77]);
	for (int i = 0; i < QSBR_READERS_MAX; i++)
		qsbr_unregister(ids[i]);
}

static void
a_reader_that_leaves_holds_nobody_up(void **state)
{
	int a = qsbr_register();
	uint64_t token;

	qsbr_online(a);
	token = qsbr_token();
	qsbr_offline(a);
	qsbr_unregister(a);
	assert_true(qsbr_passed(token));
	assert_true(qsbr_passed(qsbr_token()));
}

struct waiter {
	pthread_t thread;
	_Atomic bool done;
};

static void *
wait_for_readers(void *arg)
{
	struct waiter *w = arg;

	qsbr_synchronize();
	atomic_store(&w->done, true);
	return NULL;
}

static void
synchronize_returns_when_the_reader_has_passed_and_not_before(void **state)
{
	struct waiter w = { .done = false };
	int a = qsbr_register();

	qsbr_online(a);
	assert_int_equal(pthread_create(&w.thread, NULL, wait_for_readers, &w), 0);
	usleep(50000);
	assert_false(atomic_load(&w.done));
	/* Again and again: on a busy machine the thread may begin only now, and what was before it does not count. */
	while (!atomic_load(&w.done))
		qsbr_quiescent(a);
	assert_int_equal(pthread_join(w.thread, NULL), 0);
	qsbr_offline(a);
	qsbr_unregister(a);
}

/* What readers follow while a writer replaces it: an object says whether it has been ended. */
struct object {
	_Atomic unsigned alive;
};

static struct object *_Atomic published;
static _Atomic bool stop_reading;
static _Atomic unsigned dead_seen;

static void *
read_objects(void *arg)
{
	int id = qsbr_register();
	unsigned n = 0;

	qsbr_online(id);
	while (!atomic_load_explicit(&stop_reading, memory_order_relaxed)) {
		const struct object *o = atomic_load_explicit(&published, memory_order_acquire);

		if (atomic_load_explicit((_Atomic unsigned *)(uintptr_t)&o->alive, memory_order_relaxed) != 1)
			atomic_fetch_add(&dead_seen, 1);
		if (++n % 64 == 0) { /* now and then it sleeps, as a worker does */
			qsbr_offline(id);
			sched_yield();
			qsbr_online(id);
		}
		qsbr_quiescent(id);
	}
	qsbr_offline(id);
	qsbr_unregister(id);
	return NULL;
}

static void
readers_never_meet_an_object_that_was_ended(void **state)
{
	static struct object pool[2];
	pthread_t reader[2];

	atomic_store(&pool[0].alive, 1);
	atomic_store(&published, &pool[0]);
	for (int i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&reader[i], NULL, read_objects, NULL), 0);
	for (unsigned i = 1; i <= ROUNDS; i++) {
		struct object *next = &pool[i % 2], *last = &pool[(i + 1) % 2];

		atomic_store_explicit(&next->alive, 1, memory_order_relaxed);
		atomic_store_explicit(&published, next, memory_order_release);
		qsbr_synchronize();
		atomic_store_explicit(&last->alive, 0, memory_order_relaxed);
	}
	atomic_store(&stop_reading, true);
	for (int i = 0; i < 2; i++)
		pthread_join(reader[i], NULL);
	assert_int_equal(atomic_load(&dead_seen), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_token_passes_when_every_online_reader_was_quiescent),
		cmocka_unit_test(a_quiescent_state_before_the_token_does_not_count),
		cmocka_unit_test(a_reader_that_sleeps_holds_nobody_up),
		cmocka_unit_test(a_reader_that_comes_later_holds_nobody_up),
		cmocka_unit_test(memory_is_freed_after_its_grace_period_and_once),
		cmocka_unit_test(ids_are_bounded_and_used_again),
		cmocka_unit_test(a_reader_that_leaves_holds_nobody_up),
		cmocka_unit_test(synchronize_returns_when_the_reader_has_passed_and_not_before),
		cmocka_unit_test(readers_never_meet_an_object_that_was_ended),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}
