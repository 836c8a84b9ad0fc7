/* hotset_test.c - a set of queues: what is put is found, in order, and no member gets lost between two threads. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <time.h>

#include "nic/hotset.h"

#define LEN(a) (sizeof(a) / sizeof((a)[0]))
#define ROUNDS 2000000
#define WALL_MAX_S 2 /* on a busy machine: when to be content with less */

static struct hotset set;

static int
empty_it(void **state)
{
	memset((void *)&set, 0, sizeof(set));
	return 0;
}

static unsigned
count_members(void)
{
	unsigned n = 0;

	for (int id = hotset_next(&set, 0); id >= 0; id = hotset_next(&set, (unsigned)id + 1))
		n++;
	return n;
}

static void
members_are_found_in_order(void **state)
{
	static const unsigned ids[] = { 0, 1, 63, 64, 65, 127, 128, 2047, 2048, 4031, 4032, 4094, 4095 };

	assert_true(hotset_is_empty(&set));
	assert_int_equal(hotset_next(&set, 0), -1);
	for (unsigned i = 0; i < LEN(ids); i++) {
		unsigned id = ids[(i * 5) % LEN(ids)]; /* 5 and 13 have no common divisor: each once */

		assert_false(hotset_has(&set, id));
		assert_true(hotset_put(&set, id));
		assert_false(hotset_put(&set, id)); /* is there already */
		assert_true(hotset_has(&set, id));
		assert_false(hotset_is_empty(&set));
	}
	assert_int_equal(count_members(), LEN(ids));
	for (unsigned i = 0; i < LEN(ids); i++) {
		int after = i + 1 < LEN(ids) ? (int)ids[i + 1] : -1;

		assert_int_equal(hotset_next(&set, ids[i]), ids[i]);
		assert_int_equal(hotset_next(&set, ids[i] + 1), after);
	}
	assert_int_equal(hotset_next(&set, HOTSET_IDS), -1);
}

static void
what_is_cleared_is_gone_and_its_neighbours_are_not(void **state)
{
	for (unsigned id = 0; id < HOTSET_IDS; id++)
		hotset_put(&set, id);
	assert_int_equal(count_members(), HOTSET_IDS);
	for (unsigned id = 0; id < HOTSET_IDS; id += 2)
		hotset_clear(&set, id);
	assert_int_equal(count_members(), HOTSET_IDS / 2);
	assert_int_equal(hotset_next(&set, 0), 1);
	hotset_clear(&set, 0); /* was none */
	assert_int_equal(count_members(), HOTSET_IDS / 2);
	for (unsigned id = 1; id < HOTSET_IDS; id += 2) {
		assert_false(hotset_is_empty(&set));
		hotset_clear(&set, id);
	}
	assert_true(hotset_is_empty(&set));
	assert_int_equal(hotset_next(&set, 0), -1);
	assert_true(hotset_put(&set, 77)); /* and it can be used again */
	assert_int_equal(hotset_next(&set, 0), 77);
}

/* Its member was found and cleared between the two steps of hotset_put. */
static void
a_summary_that_says_too_much_is_put_right(void **state)
{
	atomic_fetch_or(&set.summary, 1ull << 5 | 1ull << 63);
	hotset_put(&set, 6 * 64);
	assert_int_equal(hotset_next(&set, 0), 6 * 64);
	assert_int_equal(hotset_next(&set, 6 * 64 + 1), -1);
	hotset_clear(&set, 6 * 64);
	assert_true(hotset_is_empty(&set));
}

/* ---- two threads ---- */

/*
 * Both levels race: the putter adds members of one word while the clearer takes each out that it finds. Whatever was added and not
 * yet taken out has to be found, or the putter waits for ever.
 */
static _Atomic uint64_t put_count[4], seen_count[4];
static _Atomic bool stop;

static void *
clear_all(void *arg)
{
	static const unsigned first = 128;
	unsigned idle = 0;

	while (!atomic_load_explicit(&stop, memory_order_relaxed)) {
		for (int id = hotset_next(&set, 0); id >= 0; id = hotset_next(&set, (unsigned)id + 1)) {
			unsigned i = (unsigned)id - first;

			hotset_clear(&set, (unsigned)id);
			atomic_store(&seen_count[i], atomic_load(&put_count[i]));
		}
		if (idle++ % 1024 == 0)
			sched_yield(); /* the other may need this core */
	}
	return NULL;
}

static bool
is_seen(unsigned i, uint64_t n)
{
	for (unsigned spins = 0; atomic_load(&seen_count[i]) < n; spins++) {
		if (spins > 200)
			sched_yield();
		if (spins > 20000000)
			return false;
	}
	return true;
}

static void
no_member_is_lost_between_two_threads(void **state)
{
	time_t end = time(NULL) + WALL_MAX_S;
	unsigned random = 1, round;
	pthread_t thread;

	atomic_store(&stop, false);
	assert_int_equal(pthread_create(&thread, NULL, clear_all, NULL), 0);
	for (round = 0; round < ROUNDS && (round % 1024 != 0 || time(NULL) < end); round++) {
		unsigned i = (random = random * 1664525 + 1013904223) >> 30;
		uint64_t n = atomic_load(&put_count[i]) + 1;

		atomic_store(&put_count[i], n);
		atomic_thread_fence(memory_order_seq_cst);
		hotset_put(&set, 128 + i);
		/* Mostly wait for an earlier one: two members at a time are in the word, or one, or none. */
		if (!is_seen(random >> 28 & 3, atomic_load(&put_count[random >> 28 & 3]))) {
			fail_msg("member %u was lost in round %u", i, round);
			break;
		}
	}
	for (unsigned i = 0; i < 4; i++)
		assert_true(is_seen(i, atomic_load(&put_count[i])));
	atomic_store(&stop, true);
	pthread_join(thread, NULL);
	print_message("          %u rounds\n", round);
	assert_true(round > ROUNDS / 2000); /* or nothing was tested */
	assert_int_equal(hotset_next(&set, 0), -1);
	assert_true(hotset_is_empty(&set));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(members_are_found_in_order, empty_it),
		cmocka_unit_test_setup(what_is_cleared_is_gone_and_its_neighbours_are_not, empty_it),
		cmocka_unit_test_setup(a_summary_that_says_too_much_is_put_right, empty_it),
		cmocka_unit_test_setup(no_member_is_lost_between_two_threads, empty_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
