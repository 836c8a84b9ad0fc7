/* hwrss_test.c - an adapter whose NIC hashes by itself: what it is told, by which queues frames come, and what when it fails. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <sched.h>
#include <unistd.h>

#include <rte_ethdev.h>

#include "base/clock.h"
#include "nic/test_eal.h"
#include "nic/test_hwrss.h"

#define CHANGES 300

static void
frames_come_by_the_nics_own_queues_in_order(void **state)
{
	unsigned used = 0;

	assert_int_equal(adapter->uplink.rx_queues, QUEUES);
	expect_told(QUEUES);
	send_each(100);
	expect_all_arrived();
	assert_int_equal(atomic_load(&disorder), 0);
	assert_int_equal(atomic_load(&by_front_end), 0);
	assert_int_equal(count_get(&adapter->frontend.packets), 0);
	for (unsigned i = 0; i < FLOWS; i++) {
		assert_int_equal(atomic_load(&seen_by[i]), queue_of(i));
		used |= 1u << queue_of(i);
	}
	assert_int_equal(
		used,
		0xf); /* 32 flows in 4 queues: that one stays empty is a chance of 4 (3/4)^32, and the key is fixed */
	for (unsigned i = 0; i < QUEUES; i++)
		assert_int_equal(queue_processor(adapter->queue[i]), i % WORKERS); /* numa-static */
}

static void
settings_are_programmed_as_they_change(void **state)
{
	struct adapter_settings s = rss(2);

	set(&s);
	expect_told(2);
	assert_int_equal(adapter->uplink.rx_queues, QUEUES); /* two are left unused */
	s.rss.key[7] ^= 0x55;
	s.rss.hash_types = HASH_UDP_IPV4 | HASH_UDP_IPV6;
	s.rss.entries = 64;
	set(&s);
	expect_told(2);
	assert_int_equal(read_key((uint8_t[TOEPLITZ_KEY_LEN]){ 0 }),
			 RTE_ETH_RSS_NONFRAG_IPV4_UDP | RTE_ETH_RSS_NONFRAG_IPV6_UDP);
	s.mode = ADAPTER_MODE_NONE;
	set(&s);
	expect_told(1);
	s = rss(QUEUES);
	set(&s);
	expect_told(QUEUES);
}

static void
more_queues_than_it_was_opened_with_are_configured(void **state)
{
	struct adapter_settings s = rss(8);

	set(&s);
	assert_int_equal(adapter->uplink.rx_queues, 8);
	expect_told(8);
	send_each(20);
	expect_all_arrived();
	assert_int_equal(atomic_load(&by_front_end), 0);
}

static void
what_the_nic_has_not_is_the_front_ends(void **state)
{
	struct {
		unsigned queues, entries;
	} rows[] = { { HWQUEUES_MAX + 1, 128 }, { QUEUES, 512 }, { 1, 128 } };

	for (unsigned i = 0; i < RTE_DIM(rows); i++) {
		struct adapter_settings s = rss(rows[i].queues);

		s.rss.entries = rows[i].entries;
		set(&s);
		expect_told(1);
		assert_int_equal(adapter->n_queues, rows[i].queues);
		atomic_store(&by_front_end, 0);
		send_each(10);
		expect_all_arrived();
		assert_int_equal(atomic_load(&by_front_end), 10 * FLOWS);
		s = rss(QUEUES);
		set(&s);
		expect_told(QUEUES);
	}
}

static void
a_queue_that_leaves_the_table_is_worked_off_first(void **state)
{
	struct adapter_settings s = rss(2);

	for (unsigned modes = 0; modes < 2; modes++) {
		atomic_store(&rest_until, clock_ns() + 100 * NSEC_PER_S / 1000);
		send_each(3);
		assert_false(rte_ring_empty(rings[2]));
		assert_false(rte_ring_empty(rings[3]));
		set(&s);
		/* Nobody takes from them any more. */
		assert_true(rte_ring_empty(rings[2]));
		assert_true(rte_ring_empty(rings[3]));
		expect_all_arrived();
		s = rss(QUEUES);
		set(&s);
		s.mode = ADAPTER_MODE_NONE;
	}
}

static void
a_nic_that_does_not_take_a_table_is_not_asked_again(void **state)
{
	struct adapter_settings s = rss(3);
	unsigned times;

	atomic_store(&refuses, true);
	set(&s);
	times = refused;
	assert_true(times > 0);
	assert_int_equal(adapter->hw.n, 0);
	assert_false(atomic_load(&adapter->frontend.idle));
	assert_int_equal(adapter->uplink.rx_queues, 1); /* or it would go on to hash into queues that nobody reads */
	assert_int_equal(adapter->n_queues, 3);
	for (unsigned i = 0; i < 10; i++)
		set(&s);
	assert_int_equal(refused, times);
	atomic_store(&refuses, false);
	s = rss(QUEUES); /* something else */
	set(&s);
	expect_told(QUEUES);
	send_each(5);
	expect_all_arrived();
}

/* Tends the adapter, as often as it is looked at, until its uplink is there. */
static void
tend_until_present(void)
{
	for (unsigned i = 0; i < 1000 && (adapter->leaving || uplink_port(&adapter->uplink) == UPLINK_ABSENT); i++) {
		adapter_tend(adapter);
		usleep(10000);
	}
	assert_false(adapter->leaving);
	assert_int_not_equal(uplink_port(&adapter->uplink), UPLINK_ABSENT);
}

static void
a_nic_that_goes_and_comes_is_told_again(void **state)
{
	unsigned former = adapter->uplink.generation;
	struct adapter_settings s = rss(3);

	send_each(5);
	expect_all_arrived();
	atomic_store(&replaced, true);
	adapter_tend(adapter); /* its rings are empty: it opens the next one at once, or soon */
	atomic_store(&replaced, false);
	tend_until_present();
	assert_int_not_equal(adapter->uplink.generation, former);
	expect_told(QUEUES);
	assert_int_equal(adapter->uplink.rx_queues, QUEUES);
	send_each(5);
	expect_all_arrived();
	assert_int_equal(atomic_load(&by_front_end), 0);
	assert_int_equal(atomic_load(&disorder), 0);
	set(&s);
	expect_told(3);
}

/* It is stopped to get more queues, and starts no more, with as many or with one; the next time it is opened it does. */
static void
a_nic_that_does_not_start_again_is_opened_anew(void **state)
{
	struct adapter_settings s = rss(8);

	send_each(5);
	expect_all_arrived();
	stubborn = 2;
	set(&s);
	assert_int_equal(stubborn, 0);
	assert_int_equal(uplink_port(&adapter->uplink), UPLINK_ABSENT);
	assert_true(adapter->leaving);
	assert_int_equal(adapter->hw.n, 0);
	tend_until_present();
	send_each(5);
	expect_all_arrived();
	s = rss(4); /* something else */
	set(&s);
	expect_told(4);
	send_each(5);
	expect_all_arrived();
}

/* It has no place for more queues than one, then: the front end hashes. */
static void
a_nic_that_starts_with_one_queue_alone_is_left_to_the_front_end(void **state)
{
	struct adapter_settings s = rss(8);

	stubborn = 1;
	set(&s);
	assert_int_equal(stubborn, 0);
	assert_int_equal(adapter->uplink.rx_queues, 1);
	expect_told(1);
	send_each(5);
	expect_all_arrived();
	assert_int_equal(atomic_load(&by_front_end), 5 * FLOWS);
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

static void
changes_under_load_lose_nothing(void **state)
{
	struct adapter_settings s = rss(QUEUES);
	struct vport_totals t;
	uint64_t all = 0;
	pthread_t loader;

	atomic_store(&stop_load, false);
	assert_int_equal(pthread_create(&loader, NULL, load, NULL), 0);
	for (unsigned i = 0; i < CHANGES; i++) {
		s.mode = i % 7 == 6 ? ADAPTER_MODE_NONE : ADAPTER_MODE_RSS;
		s.queues = 1 + i % QUEUES;
		s.rss.key[i % 40]++;
		set(&s);
	}
	s = rss(QUEUES);
	set(&s);
	atomic_store(&stop_load, true);
	pthread_join(loader, NULL);
	expect_all_arrived();
	for (unsigned i = 0; i < FLOWS; i++)
		all += sent[i];
	assert_true(all > CHANGES);
	vport_sum(&adapter->wire, &t);
	assert_int_equal(t.rx_dropped, 0);
	expect_told(QUEUES);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(frames_come_by_the_nics_own_queues_in_order),
		TEST(settings_are_programmed_as_they_change),
		TEST(more_queues_than_it_was_opened_with_are_configured),
		TEST(what_the_nic_has_not_is_the_front_ends),
		TEST(a_queue_that_leaves_the_table_is_worked_off_first),
		TEST(a_nic_that_does_not_take_a_table_is_not_asked_again),
		TEST(a_nic_that_goes_and_comes_is_told_again),
		TEST(a_nic_that_does_not_start_again_is_opened_anew),
		TEST(a_nic_that_starts_with_one_queue_alone_is_left_to_the_front_end),
		TEST(changes_under_load_lose_nothing),
	};

	return cmocka_run_group_tests(tests, test_eal_start, NULL);
}
