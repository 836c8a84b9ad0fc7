/* fdb_test.c - the filtering database: what it knows, how it is bounded, and that no reader ever sees another key's port. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/qsbr.h"
#include "vsw/fdb.h"

#define LEN(a) (sizeof(a) / sizeof((a)[0]))

/* A key for station n; different n differ in MAC and VLAN. */
static uint64_t
key_of(unsigned n)
{
	uint8_t mac[MAC_LEN] = { 0x02, 0xf1, (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n, 0 };

	return fdb_key(mac, (uint16_t)(n % 4095));
}

static struct fdb *
open_fdb(unsigned entries)
{
	struct fdb *fdb = fdb_new(entries);

	assert_non_null(fdb);
	return fdb;
}

static struct fdb_usage
usage_of(const struct fdb *fdb)
{
	struct fdb_usage usage;

	fdb_usage(fdb, &usage);
	return usage;
}

static int
start(void **state)
{
	return qsbr_init();
}

static void
a_key_is_mac_and_vlan_and_nothing_else(void **state)
{
	static const uint8_t zero[MAC_LEN], ones[MAC_LEN] = { 255, 255, 255, 255, 255, 255 };
	static const uint8_t a[MAC_LEN] = { 2, 0, 0, 0, 0, 1 }, b[MAC_LEN] = { 2, 0, 0, 0, 1, 0 };

	assert_true(fdb_key(a, 1) != fdb_key(a, 2));
	assert_true(fdb_key(a, 1) != fdb_key(b, 1));
	assert_true(fdb_key(a, 256) != fdb_key(b, 0));
	assert_true(fdb_key(zero, 0) != fdb_key(ones, 4095));
	assert_true(fdb_key(zero, 1) != fdb_key(zero, 0));
}

static void
a_station_is_found_where_it_was_learned(void **state)
{
	struct fdb *fdb = open_fdb(64);

	assert_int_equal(fdb_lookup(fdb, key_of(1)), FDB_MISS);
	assert_false(fdb_refresh(fdb, key_of(1), 7, 1));
	assert_int_equal(fdb_learn(fdb, key_of(1), 7, 1), 0);
	assert_int_equal(fdb_lookup(fdb, key_of(1)), 7);
	assert_int_equal(fdb_lookup(fdb, key_of(2)), FDB_MISS);
	assert_true(fdb_refresh(fdb, key_of(1), 7, 1));
	assert_int_equal(fdb_learn(fdb, key_of(1), 7, 2), 0); /* told twice: entered once */
	assert_int_equal(usage_of(fdb).used, 1);
	fdb_free(fdb);
}

/* The slot of an uplink with 1024 ports is 1024, and nothing of the value may leak into it. */
static void
every_slot_number_comes_back(void **state)
{
	static const unsigned slots[] = { 0, 1, 255, 256, 1023, 1024, 65535 };
	struct fdb *fdb = open_fdb(64);

	for (unsigned i = 0; i < LEN(slots); i++) {
		assert_int_equal(fdb_learn(fdb, key_of(i), slots[i], UINT32_MAX), 0);
		assert_int_equal(fdb_lookup(fdb, key_of(i)), (int)slots[i]);
		assert_int_equal(fdb_add_static(fdb, key_of(i), slots[LEN(slots) - 1 - i]), 0);
		assert_int_equal(fdb_lookup(fdb, key_of(i)), (int)slots[LEN(slots) - 1 - i]);
	}
	fdb_free(fdb);
}

/*
 * An empty place is a key of 0. A frame to 00:00:00:00:00:00 without a tag asks for the zero address, which nobody has:
 * it must not be found in the next empty place, with the port of whoever was there before.
 */
static void
the_zero_address_is_nobodys(void **state)
{
	static const uint8_t zero[MAC_LEN];
	struct fdb *fdb = open_fdb(64);

	assert_int_equal(fdb_lookup(fdb, fdb_key(zero, 0)), FDB_MISS);
	for (unsigned i = 0; i < 16; i++)
		assert_int_equal(fdb_learn(fdb, key_of(i), 5, 1), 0);
	fdb_flush(fdb, 5, false);
	for (unsigned vid = 0; vid < 4095; vid++)
		assert_int_equal(fdb_lookup(fdb, fdb_key(zero, (uint16_t)vid)), FDB_MISS);
	fdb_free(fdb);
}

static void
a_station_that_moves_is_found_at_its_new_port(void **state)
{
	struct fdb *fdb = open_fdb(64);

	fdb_learn(fdb, key_of(1), 7, 1);
	assert_false(fdb_refresh(fdb, key_of(1), 8, 2)); /* the learner should hear of it */
	assert_int_equal(fdb_lookup(fdb, key_of(1)), 7); /* until then it stays */
	assert_int_equal(fdb_learn(fdb, key_of(1), 8, 2), 0);
	assert_int_equal(fdb_lookup(fdb, key_of(1)), 8);
	assert_true(fdb_refresh(fdb, key_of(1), 8, 2));
	assert_false(fdb_refresh(fdb, key_of(1), 7, 2));
	assert_int_equal(usage_of(fdb).moved, 1);
	assert_int_equal(usage_of(fdb).used, 1);
	fdb_free(fdb);
}

/* Removed when nobody refreshed it for more than ageing_s. The clock is coarse and may wrap. */
static void
a_silent_station_ages_out_and_a_speaking_one_stays(void **state)
{
	static const uint32_t starts[] = { 0, 100, UINT32_MAX - 5 };

	for (size_t i = 0; i < LEN(starts); i++) {
		struct fdb *fdb = open_fdb(64);
		uint32_t t = starts[i];

		fdb_learn(fdb, key_of(1), 1, t);
		fdb_learn(fdb, key_of(2), 2, t);
		fdb_age(fdb, t + 10, 10);
		assert_int_equal(usage_of(fdb).used, 2);
		assert_true(fdb_refresh(fdb, key_of(1), 1, t + 10));
		assert_false(fdb_refresh(fdb, key_of(2), 3, t + 10)); /* seen elsewhere: not a sign of life at 2 */
		fdb_age(fdb, t + 11, 10);
		assert_int_equal(fdb_lookup(fdb, key_of(1)), 1);
		assert_int_equal(fdb_lookup(fdb, key_of(2)), FDB_MISS);
		fdb_age(fdb, t + 20, 10);
		assert_int_equal(fdb_lookup(fdb, key_of(1)), 1);
		fdb_age(fdb, t + 21, 10);
		assert_int_equal(fdb_lookup(fdb, key_of(1)), FDB_MISS);
		assert_int_equal(usage_of(fdb).used, 0);
		fdb_free(fdb);
	}
}

static void
a_static_entry_does_not_move_age_or_yield(void **state)
{
	struct fdb *fdb = open_fdb(64);

	assert_int_equal(fdb_add_static(fdb, key_of(1), 4), 0);
	assert_int_equal(fdb_lookup(fdb, key_of(1)), 4);
	assert_true(fdb_refresh(fdb, key_of(1), 9, 1)); /* seen elsewhere: nothing to tell, it does not move */
	assert_int_equal(fdb_learn(fdb, key_of(1), 9, 1), -EPERM);
	assert_int_equal(fdb_learn(fdb, key_of(1), 4, 1), -EPERM);
	fdb_age(fdb, 1000000, 1);
	fdb_flush(fdb, 4, false);
	assert_int_equal(fdb_lookup(fdb, key_of(1)), 4);
	assert_int_equal(fdb_add_static(fdb, key_of(1), 5), -EEXIST);
	assert_int_equal(fdb_add_static(fdb, key_of(1), 4), 0); /* said twice */
	assert_int_equal(usage_of(fdb).used, 1);
	assert_int_equal(usage_of(fdb).moved, 0);
	assert_int_equal(fdb_remove_static(fdb, key_of(1), 5), -ENOENT); /* another port's */
	assert_int_equal(fdb_lookup(fdb, key_of(1)), 4);
	assert_int_equal(fdb_remove_static(fdb, key_of(1), 4), 0);
	assert_int_equal(fdb_remove_static(fdb, key_of(1), 4), -ENOENT);
	assert_int_equal(fdb_lookup(fdb, key_of(1)), FDB_MISS);
	fdb_free(fdb);
}

static void
a_static_entry_takes_the_place_of_a_learned_one(void **state)
{
	struct fdb *fdb = open_fdb(64);

	fdb_learn(fdb, key_of(1), 7, 1);
	assert_int_equal(fdb_remove_static(fdb, key_of(1), 4), -ENOENT); /* a learned one is not its to remove */
	assert_int_equal(fdb_lookup(fdb, key_of(1)), 7);
	assert_int_equal(fdb_add_static(fdb, key_of(1), 4), 0);
	assert_int_equal(fdb_lookup(fdb, key_of(1)), 4);
	assert_int_equal(usage_of(fdb).used, 1);
	fdb_flush(fdb, 4, true);
	assert_int_equal(usage_of(fdb).used, 0);
	/* The books of slot 7 were closed: it may hold its whole quarter, 16 of 64, again. */
	for (unsigned i = 0; i < 16; i++)
		assert_int_equal(fdb_learn(fdb, key_of(100 + i), 7, 1), 0);
	assert_int_equal(fdb_learn(fdb, key_of(200), 7, 1), -ENOSPC);
	fdb_free(fdb);
}

static void
a_flush_takes_the_stations_of_its_port_alone(void **state)
{
	struct fdb *fdb = open_fdb(64);

	fdb_learn(fdb, key_of(1), 1, 1);
	fdb_learn(fdb, key_of(2), 2, 1);
	fdb_add_static(fdb, key_of(3), 1);
	fdb_flush(fdb, 1, false);
	assert_int_equal(fdb_lookup(fdb, key_of(1)), FDB_MISS);
	assert_int_equal(fdb_lookup(fdb, key_of(2)), 2);
	assert_int_equal(fdb_lookup(fdb, key_of(3)), 1);
	fdb_flush(fdb, 1, true);
	assert_int_equal(fdb_lookup(fdb, key_of(3)), FDB_MISS);
	assert_int_equal(usage_of(fdb).used, 1);
	fdb_free(fdb);
}

static void
the_size_is_rounded_up_and_bounded(void **state)
{
	static const struct {
		unsigned asked, want;
	} rows[] = { { 0, 64 }, { 64, 64 }, { 65, 128 }, { 8192, 8192 }, { 8193, 16384 }, { UINT32_MAX, 1u << 20 } };

	for (size_t i = 0; i < LEN(rows); i++) {
		struct fdb *fdb = open_fdb(rows[i].asked);

		assert_int_equal(usage_of(fdb).entries, rows[i].want);
		fdb_free(fdb);
	}
	fdb_free(NULL);
}

/* One port holds a quarter at most, also by moving others' stations to itself; refusals are counted. */
static void
a_port_holds_a_quarter_at_most(void **state)
{
	struct fdb *fdb = open_fdb(1024);

	for (unsigned i = 0; i < 1000; i++)
		assert_int_equal(fdb_learn(fdb, key_of(i), 3, 1), i < 256 ? 0 : -ENOSPC);
	assert_int_equal(usage_of(fdb).used, 256);
	assert_int_equal(usage_of(fdb).full, 744);
	assert_int_equal(fdb_learn(fdb, key_of(2000), 4, 1), 0); /* others still find room */
	assert_int_equal(fdb_learn(fdb, key_of(2000), 3, 1), -ENOSPC);
	assert_int_equal(fdb_lookup(fdb, key_of(2000)), 4);
	assert_int_equal(usage_of(fdb).full, 745);
	assert_int_equal(usage_of(fdb).moved, 0);
	/* One leaves by moving, one by ageing out: two come in. */
	assert_int_equal(fdb_learn(fdb, key_of(0), 4, 1), 0);
	assert_int_equal(fdb_learn(fdb, key_of(3000), 3, 1), 0);
	assert_int_equal(fdb_learn(fdb, key_of(3001), 3, 1), -ENOSPC);
	for (unsigned i = 2; i < 256; i++)
		fdb_refresh(fdb, key_of(i), 3, 50);
	fdb_refresh(fdb, key_of(3000), 3, 50);
	fdb_age(fdb, 51, 10); /* key 1 of port 3, and both of port 4 */
	assert_int_equal(usage_of(fdb).used, 255);
	assert_int_equal(fdb_learn(fdb, key_of(3001), 3, 51), 0);
	assert_int_equal(fdb_learn(fdb, key_of(3002), 3, 51), -ENOSPC);
	fdb_free(fdb);
}

static void
the_uplink_holds_three_quarters(void **state)
{
	struct fdb *fdb = open_fdb(1024);

	fdb_set_uplink(fdb, 3);
	for (unsigned i = 0; i < 1000; i++)
		assert_int_equal(fdb_learn(fdb, key_of(i), 3, 1), i < 768 ? 0 : -ENOSPC);
	for (unsigned i = 1000; i < 1300; i++)
		assert_int_equal(fdb_learn(fdb, key_of(i), 4, 1), i < 1256 ? 0 : -ENOSPC);
	fdb_set_uplink(fdb, -1);
	fdb_flush(fdb, 4, false);
	assert_int_equal(fdb_learn(fdb, key_of(2000), 3, 1), -ENOSPC);
	fdb_free(fdb);
}

/* A bucket that is full while the table is not is rare: with 40 tables of 8192 entries filled to the last, none. */
static void
a_table_can_be_filled_to_the_last_entry(void **state)
{
	for (unsigned round = 0; round < 40; round++) {
		struct fdb *fdb = open_fdb(8192);

		for (unsigned i = 0; i < 8192; i++)
			if (fdb_learn(fdb, key_of(round << 16 | i), i % 8, 1) < 0)
				fail_msg("round %u: no room for entry %u of 8192", round, i);
		assert_int_equal(usage_of(fdb).used, 8192);
		assert_int_equal(fdb_learn(fdb, key_of(0x700000), 9, 1), -ENOSPC);
		for (unsigned i = 0; i < 8192; i++)
			assert_int_equal(fdb_lookup(fdb, key_of(round << 16 | i)), (int)(i % 8));
		fdb_free(fdb);
	}
}

/* Four guests that invent addresses fill the table: the fifth must get a port with its own address all the same. */
static void
a_static_entry_finds_room_in_a_full_table(void **state)
{
	for (unsigned round = 0; round < 200; round++) { /* the table's seed is another one each time */
		struct fdb *fdb = open_fdb(64);

		for (unsigned i = 0; i < 64; i++)
			fdb_learn(fdb, key_of(i), i % 4, 1);
		assert_true(usage_of(fdb).used > 60);
		for (unsigned i = 0; i < 32; i++) {
			assert_int_equal(fdb_add_static(fdb, key_of(1000 + i), 10 + i), 0);
			assert_int_equal(fdb_lookup(fdb, key_of(1000 + i)), (int)(10 + i));
			assert_true(usage_of(fdb).used <= 64);
		}
		fdb_free(fdb);
	}
}

static void
the_list_shows_every_entry_once(void **state)
{
	static struct fdb_entry list[64];
	static const uint8_t mac[MAC_LEN] = { 0x02, 0xf1, 0xab, 0xcd, 0xef, 0x09 };
	struct fdb *fdb = open_fdb(64);

	fdb_learn(fdb, fdb_key(mac, 4094), 1023, 77);
	assert_int_equal(fdb_list(fdb, list, 64), 1);
	assert_memory_equal(list[0].mac.byte, mac, MAC_LEN);
	assert_int_equal(list[0].vid, 4094);
	assert_int_equal(list[0].slot, 1023);
	assert_int_equal(list[0].stamp_s, 77);
	assert_false(list[0].is_static);
	fdb_add_static(fdb, fdb_key(mac, 0), 2);
	assert_int_equal(fdb_list(fdb, list, 64), 2);
	assert_int_equal(list[0].is_static + list[1].is_static, 1);
	list[1].vid = 0x5a5a;
	assert_int_equal(fdb_list(fdb, list, 1), 2); /* more than asked for are counted, not written */
	assert_int_equal(list[1].vid, 0x5a5a);
	fdb_free(fdb);
}

/* A reader that has looked may still hold the place: until it passed, no other key may get it. */
static void
a_place_is_used_again_only_after_a_grace_period(void **state)
{
	struct fdb *fdb = open_fdb(64); /* 128 places: 16 buckets of 8 */
	int reader = qsbr_register();
	unsigned used = 0;

	qsbr_online(reader);
	/* Each round takes 16 places for ever, as long as the reader is silent: the 128 cannot serve 20 rounds. */
	for (unsigned round = 0; round < 20; round++) {
		for (unsigned i = 0; i < 16; i++)
			used += fdb_learn(fdb, key_of(round * 16 + i), 1, 1) == 0;
		fdb_flush(fdb, 1, false);
	}
	assert_in_range(used, 64, 128);
	assert_int_equal(usage_of(fdb).used, 0);
	qsbr_quiescent(reader);
	for (unsigned i = 0; i < 16; i++)
		assert_int_equal(fdb_learn(fdb, key_of(5000 + i), 1, 1), 0);
	qsbr_offline(reader);
	qsbr_unregister(reader);
	fdb_free(fdb);
}

/* ---- readers beside a writer ---- */

#define CHURN 10000000u
#define MOVES 1000000u
#define CHURN_KEYS 4096u
#define CHURN_ENTRIES 1024u

static struct fdb *shared;
static _Atomic bool stop;
static _Atomic uint64_t wrong, hits;

/* The two ports where station n may be: nobody else may ever be. */
static unsigned
home_of(unsigned n)
{
	return n % 500 * 2;
}

static void *
look_up(void *arg)
{
	unsigned n = (unsigned)(uintptr_t)arg * 977;
	uint64_t bad = 0, found = 0;
	int reader = qsbr_register();

	qsbr_online(reader);
	while (!atomic_load_explicit(&stop, memory_order_relaxed)) {
		for (int i = 0; i < 32; i++) {
			int slot;

			n = (n * 1664525 + 1013904223) % CHURN_KEYS; /* visits all: Hull and Dobell */
			slot = fdb_lookup(shared, key_of(n));
			found += slot != FDB_MISS;
			bad += slot != FDB_MISS && ((unsigned)slot & ~1u) != home_of(n);
			fdb_refresh(shared, key_of(n), home_of(n), (uint32_t)found);
		}
		qsbr_quiescent(reader);
	}
	qsbr_offline(reader);
	qsbr_unregister(reader);
	atomic_fetch_add(&wrong, bad);
	atomic_fetch_add(&hits, found);
	return NULL;
}

/* Enters, moves, pins, unpins and takes away; returns how many entries it made. */
static uint64_t
churn(void)
{
	uint64_t made = 0;
	unsigned r = 1;

	for (unsigned i = 0; i < CHURN; i++) {
		unsigned n = (r = r * 1664525 + 1013904223) >> 8 & (CHURN_KEYS - 1);

		switch (r >> 29) {
		case 0: /* waits for the readers when there is no room, so not every time */
			if (i % 65536 < 64)
				made += fdb_add_static(shared, key_of(n), home_of(n)) == 0;
			break;
		case 1:
			fdb_remove_static(shared, key_of(n), home_of(n));
			break;
		case 2:
			if (i % 1024 == 0)
				fdb_age(shared, i, 1000);
			else if (i % 1024 == 1)
				fdb_flush(shared, home_of(n), true);
			break;
		default:
			made += fdb_learn(shared, key_of(n), home_of(n) + (r >> 28 & 1), i) == 0;
		}
	}
	return made;
}

static void
readers_beside_a_writer_never_get_a_wrong_port(void **state)
{
	pthread_t reader[2];
	uint64_t made;

	shared = open_fdb(CHURN_ENTRIES);
	for (uintptr_t i = 0; i < LEN(reader); i++)
		assert_int_equal(pthread_create(&reader[i], NULL, look_up, (void *)i), 0);
	made = churn();
	atomic_store(&stop, true);
	for (size_t i = 0; i < LEN(reader); i++)
		pthread_join(reader[i], NULL);
	print_message("          %lu entries made, %lu lookups hit\n", (unsigned long)made,
		      (unsigned long)atomic_load(&hits));
	assert_int_equal(atomic_load(&wrong), 0);
	assert_true(made > CHURN / 100); /* else nothing was tested */
	assert_true(atomic_load(&hits) > 10000);
	fdb_free(shared);
}

static void *
refresh(void *arg)
{
	unsigned slot = (unsigned)(uintptr_t)arg;
	int reader = qsbr_register();

	qsbr_online(reader);
	for (uint32_t now = 1; !atomic_load_explicit(&stop, memory_order_relaxed); now++) {
		fdb_refresh(shared, key_of(1), slot, now);
		qsbr_quiescent(reader);
	}
	qsbr_offline(reader);
	qsbr_unregister(reader);
	return NULL;
}

/* The stamp is written beside the slot: a worker that refreshes what it saw before a move must not bring that back. */
static void
a_refresh_never_undoes_a_move(void **state)
{
	pthread_t reader[2];
	uint64_t undone = 0;

	atomic_store(&stop, false);
	shared = open_fdb(64);
	fdb_learn(shared, key_of(1), 0, 0);
	for (uintptr_t i = 0; i < LEN(reader); i++)
		assert_int_equal(pthread_create(&reader[i], NULL, refresh, (void *)i), 0);
	for (unsigned i = 1; i <= MOVES; i++) {
		fdb_learn(shared, key_of(1), i % 2, i);
		for (int k = 0; k < 20; k++)
			undone += fdb_lookup(shared, key_of(1)) != (int)(i % 2);
	}
	atomic_store(&stop, true);
	for (size_t i = 0; i < LEN(reader); i++)
		pthread_join(reader[i], NULL);
	assert_int_equal(undone, 0);
	assert_int_equal(usage_of(shared).moved, MOVES);
	fdb_free(shared);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_key_is_mac_and_vlan_and_nothing_else),
		cmocka_unit_test(a_station_is_found_where_it_was_learned),
		cmocka_unit_test(every_slot_number_comes_back),
		cmocka_unit_test(the_zero_address_is_nobodys),
		cmocka_unit_test(a_station_that_moves_is_found_at_its_new_port),
		cmocka_unit_test(a_silent_station_ages_out_and_a_speaking_one_stays),
		cmocka_unit_test(a_static_entry_does_not_move_age_or_yield),
		cmocka_unit_test(a_static_entry_takes_the_place_of_a_learned_one),
		cmocka_unit_test(a_flush_takes_the_stations_of_its_port_alone),
		cmocka_unit_test(the_size_is_rounded_up_and_bounded),
		cmocka_unit_test(a_port_holds_a_quarter_at_most),
		cmocka_unit_test(the_uplink_holds_three_quarters),
		cmocka_unit_test(a_table_can_be_filled_to_the_last_entry),
		cmocka_unit_test(a_static_entry_finds_room_in_a_full_table),
		cmocka_unit_test(the_list_shows_every_entry_once),
		cmocka_unit_test(a_place_is_used_again_only_after_a_grace_period),
		cmocka_unit_test(readers_beside_a_writer_never_get_a_wrong_port),
		cmocka_unit_test(a_refresh_never_undoes_a_move),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}
