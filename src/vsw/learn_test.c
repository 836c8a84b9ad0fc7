/* learn_test.c - what lanes tell is entered by the learner alone; what nobody says any more is forgotten. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/qsbr.h"
#include "nic/test_eal.h"
#include "vsw/learn.h"
#include "vsw/switch.h"

#define LANES 4
#define RING 511 /* events that a lane's ring of 512 holds: rte_ring keeps one place free */

static struct vswitch *sw;

static uint64_t
key_of(unsigned n)
{
	uint8_t mac[MAC_LEN] = { 0x02, 0xf1, 0, (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n };

	return fdb_key(mac, 7);
}

static int
start(void **state)
{
	return test_eal_start(state) < 0 ? -1 : learn_start(LANES);
}

static int
stop(void **state)
{
	learn_stop();
	return 0;
}

static int
open_switch(void **state)
{
	sw = switch_new("sw", SWITCH_KIND_PRIVATE, 8192, 300);
	usleep(3000); /* what a test before this one told is not "just told" any more */
	return sw != NULL ? 0 : -1;
}

static int
close_switch(void **state)
{
	switch_free(sw);
	return 0;
}

/* Waits until key is found at slot, FDB_MISS for "not at all", up to ms. */
static bool
becomes(uint64_t key, int slot, unsigned ms)
{
	uint64_t end = clock_ns() + ms * NSEC_PER_MS;

	while (fdb_lookup(sw->fdb, key) != slot && clock_ns() < end)
		usleep(200);
	return fdb_lookup(sw->fdb, key) == slot;
}

/* The learner sleeps: it is woken by an event, long before its next tick in a second. */
static void
an_event_wakes_the_learner(void **state)
{
	for (unsigned i = 0; i < 20; i++) {
		uint64_t told;

		usleep(10000);
		told = clock_ns();
		learn_tell(i % LANES, key_of(i), sw->index, i);
		assert_true(becomes(key_of(i), (int)i, 900));
		assert_true(clock_ns() - told < 900 * NSEC_PER_MS);
	}
}

static void
a_drain_enters_all_that_was_told_before(void **state)
{
	for (unsigned i = 0; i < 100; i++)
		learn_tell(i % LANES, key_of(i), sw->index, i % 10);
	learn_drain();
	for (unsigned i = 0; i < 100; i++)
		assert_int_equal(fdb_lookup(sw->fdb, key_of(i)), (int)(i % 10));
}

/* A station that moves between two ports of one lane within a moment is told each time. */
static void
a_move_is_told_at_once(void **state)
{
	for (unsigned i = 0; i < 10; i++) {
		learn_tell(0, key_of(1), sw->index, i % 2);
		learn_drain();
		assert_int_equal(fdb_lookup(sw->fdb, key_of(1)), (int)(i % 2));
	}
}

/* One address on two switches, as a VM with two NICs of one address has: one must not hide the other. */
static void
an_address_is_told_for_each_switch(void **state)
{
	struct vswitch *other = switch_new("other", SWITCH_KIND_PRIVATE, 64, 300);

	assert_non_null(other);
	learn_tell(0, key_of(1), sw->index, 3);
	learn_tell(0, key_of(1), other->index, 3);
	learn_drain();
	assert_int_equal(fdb_lookup(sw->fdb, key_of(1)), 3);
	assert_int_equal(fdb_lookup(other->fdb, key_of(1)), 3);
	switch_free(other);
}

/* While the control thread holds the lock, lanes go on; what finds the ring full is counted, and told anew later. */
static void
a_full_ring_is_counted_and_the_next_frame_tries_again(void **state)
{
	uint64_t missed = learn_missed();

	learn_lock();
	for (unsigned i = 0; i < RING + 100; i++)
		learn_tell(1, key_of(i), sw->index, i % 16);
	learn_unlock();
	/* The learner may have held one event in its hand when it met the lock. */
	assert_in_range(learn_missed() - missed, 99, 100);
	learn_drain();
	assert_int_equal(fdb_lookup(sw->fdb, key_of(RING + 99)), FDB_MISS);
	usleep(3000);
	learn_tell(1, key_of(RING + 99), sw->index, 5);
	learn_drain();
	assert_int_equal(fdb_lookup(sw->fdb, key_of(RING + 99)), 5);
}

/* A frame of a burst after the other tells the same: once is enough, for two milliseconds. */
static void
the_same_is_not_told_for_each_frame(void **state)
{
	uint64_t missed = learn_missed();

	learn_lock();
	for (unsigned i = 0; i < 100000; i++)
		learn_tell(2, key_of(1), sw->index, 4);
	learn_unlock();
	assert_int_equal(learn_missed(), missed); /* 100,000 would not have fitted */
	learn_drain();
	assert_int_equal(fdb_lookup(sw->fdb, key_of(1)), 4);
}

static void
an_event_of_a_switch_that_is_gone_is_dropped(void **state)
{
	struct vswitch *gone = switch_new("gone", SWITCH_KIND_PRIVATE, 64, 300);

	assert_non_null(gone);
	learn_lock();
	learn_tell(0, key_of(1), gone->index, 1);
	learn_unlock();
	switch_free(gone);
	learn_drain();
	assert_int_equal(fdb_lookup(sw->fdb, key_of(1)), FDB_MISS);
}

/* Seconds are coarse: one that is silent goes after one to three of them, one that speaks stays. */
static void
silent_stations_are_forgotten(void **state)
{
	uint64_t end = clock_ns() + 3500 * NSEC_PER_MS;

	atomic_store(&sw->ageing_s, 1);
	learn_tell(0, key_of(1), sw->index, 1);
	learn_tell(0, key_of(2), sw->index, 2);
	learn_drain();
	while (fdb_lookup(sw->fdb, key_of(2)) != FDB_MISS && clock_ns() < end) {
		assert_true(fdb_refresh(sw->fdb, key_of(1), 1, learn_now_s()));
		usleep(20000);
	}
	assert_int_equal(fdb_lookup(sw->fdb, key_of(2)), FDB_MISS);
	assert_int_equal(fdb_lookup(sw->fdb, key_of(1)), 1);
}

/* ---- many lanes ---- */

static void *
tell(void *arg)
{
	unsigned lane = (unsigned)(uintptr_t)arg;

	for (unsigned i = 0; i < 1000; i++) {
		learn_tell(lane, key_of(lane * 1000 + i), sw->index, lane * 4 + i % 4);
		if (i % 100 == 99)
			usleep(1000);
	}
	return NULL;
}

static void
lanes_tell_side_by_side(void **state)
{
	uint64_t missed = learn_missed();
	pthread_t thread[LANES];
	unsigned found = 0;

	for (uintptr_t i = 0; i < LANES; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, tell, (void *)i), 0);
	for (unsigned i = 0; i < LANES; i++)
		pthread_join(thread[i], NULL);
	learn_drain();
	for (unsigned n = 0; n < LANES * 1000; n++) {
		int slot = fdb_lookup(sw->fdb, key_of(n));

		found += slot != FDB_MISS;
		if (slot != FDB_MISS)
			assert_int_equal(slot, (int)(n / 1000 * 4 + n % 1000 % 4));
	}
	assert_int_equal(found + learn_missed() - missed, LANES * 1000);
}

static _Atomic bool stop_flood;

static void *
flood(void *arg)
{
	unsigned lane = (unsigned)(uintptr_t)arg, n = lane << 22;

	while (!atomic_load_explicit(&stop_flood, memory_order_relaxed))
		learn_tell(lane, key_of(n++), sw->index, lane);
	return NULL;
}

/* Guests that invent an address for each frame, on every lane: ports must still come and go. */
static void
a_flood_of_addresses_keeps_nobody_from_the_lock(void **state)
{
	uint64_t begin, missed = learn_missed();
	pthread_t thread[LANES];

	atomic_store(&stop_flood, false);
	for (uintptr_t i = 0; i < LANES; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, flood, (void *)i), 0);
	usleep(200000);
	begin = clock_ns();
	for (unsigned i = 0; i < 200 && clock_ns() - begin < 5 * NSEC_PER_S; i++) {
		learn_drain();
		learn_lock();
		learn_unlock();
	}
	begin = clock_ns() - begin;
	atomic_store(&stop_flood, true);
	for (unsigned i = 0; i < LANES; i++)
		pthread_join(thread[i], NULL);
	print_message("          200 times in %lu ms\n", (unsigned long)(begin / NSEC_PER_MS));
	assert_true(learn_missed() > missed); /* it was one */
	assert_true(begin < 3 * NSEC_PER_S);
}

static void
the_learner_can_start_again(void **state)
{
	learn_stop();
	learn_stop(); /* twice is as good */
	assert_int_equal(learn_start(LANES), 0);
	learn_tell(0, key_of(1), sw->index, 1);
	assert_true(becomes(key_of(1), 1, 900));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_switch, close_switch)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_event_wakes_the_learner),
		TEST(a_drain_enters_all_that_was_told_before),
		TEST(a_move_is_told_at_once),
		TEST(an_address_is_told_for_each_switch),
		TEST(a_full_ring_is_counted_and_the_next_frame_tries_again),
		TEST(the_same_is_not_told_for_each_frame),
		TEST(an_event_of_a_switch_that_is_gone_is_dropped),
		TEST(lanes_tell_side_by_side),
		TEST(a_flood_of_addresses_keeps_nobody_from_the_lock),
		TEST(the_learner_can_start_again),
		TEST(silent_stations_are_forgotten),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
