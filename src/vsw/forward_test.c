/* forward_test.c - where each frame goes, with which tag, by VLAN, source and destination. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "vsw/learn.h"
#include "vsw/test_rig.h"

#define LEN(a) (sizeof(a) / sizeof((a)[0]))

static const struct mac broadcast = { { 255, 255, 255, 255, 255, 255 } };

/* Fails unless exactly the ports of want[] got one frame, with that tag: NO for none. */
#define NO (-3)
#define PLAIN TEST_NO_TAG

static void
expect_at(const char *what, const int *want)
{
	for (unsigned i = 0; i < N_PORTS; i++) {
		if (rig_p[i].n != (want[i] != NO))
			fail_msg("%s: port %s got %u frames, want %u", what, rig_p[i].vport.name, rig_p[i].n,
				 want[i] != NO);
		if (rig_p[i].n == 1 && rig_p[i].kept[0].tag != want[i])
			fail_msg("%s: port %s got tag %x, want %x", what, rig_p[i].vport.name,
				 (unsigned)rig_p[i].kept[0].tag, (unsigned)want[i]);
		if (rig_p[i].n == 1) {
			assert_int_equal(test_frame_number(&rig_p[i].kept[0]), 4711);
			assert_memory_equal(rig_p[i].kept[0].bytes + (want[i] == PLAIN ? 12 : 16), "\x88\xb5", 2);
		}
	}
	test_books(rig_all, N_PORTS);
	rig_forget();
}

/* ---- VLANs ---- */

#define PRIO(n) ((n) << 13)

static const struct vlan_row {
	const char *what;
	unsigned in;
	int tci;
	enum drop_reason denied; /* DROP_REASON_COUNT: not */
	int want[N_PORTS];       /* tag at each port */
} vlan_rows[] = {
	/*                                                           U      A      B      T      N      R      X      V */
	{ "untagged", U, PLAIN, DROP_REASON_COUNT, { NO, NO, NO, PLAIN, NO, NO, PLAIN, PLAIN } },
	{ "untagged, prio", U, PRIO(5), DROP_REASON_COUNT, { NO, NO, NO, PLAIN, NO, NO, PLAIN, PLAIN } },
	{ "untagged, tagged", U, 10, DROP_VLAN_DENIED, { NO, NO, NO, NO, NO, NO, NO, NO } },
	{ "untagged, vid 4094", U, 4094, DROP_VLAN_DENIED, { NO, NO, NO, NO, NO, NO, NO, NO } },
	{ "access", A, PLAIN, DROP_REASON_COUNT, { NO, NO, NO, 10, PLAIN, NO, 10, NO } },
	{ "access, prio", A, PRIO(3), DROP_REASON_COUNT, { NO, NO, NO, PRIO(3) | 10, PLAIN, NO, PRIO(3) | 10, NO } },
	{ "access, own tag", A, 10, DROP_VLAN_DENIED, { NO, NO, NO, NO, NO, NO, NO, NO } },
	{ "access, other tag", A, 20, DROP_VLAN_DENIED, { NO, NO, NO, NO, NO, NO, NO, NO } },
	{ "access 20", B, PLAIN, DROP_REASON_COUNT, { NO, NO, NO, 20, 20, 20, 20, NO } },
	{ "trunk, 10", T, 10, DROP_REASON_COUNT, { NO, PLAIN, NO, NO, PLAIN, NO, 10, NO } },
	{ "trunk, 20", T, 20, DROP_REASON_COUNT, { NO, NO, PLAIN, NO, 20, 20, 20, NO } },
	{ "trunk, 30", T, 30, DROP_VLAN_DENIED, { NO, NO, NO, NO, NO, NO, NO, NO } },
	{ "trunk, untagged", T, PLAIN, DROP_REASON_COUNT, { PLAIN, NO, NO, NO, NO, NO, PLAIN, PLAIN } },
	{ "trunk, prio", T, PRIO(7), DROP_REASON_COUNT, { PLAIN, NO, NO, NO, NO, NO, PLAIN, PLAIN } },
	{ "native, untagged", N, PLAIN, DROP_REASON_COUNT, { NO, PLAIN, NO, 10, NO, NO, 10, NO } },
	{ "native, prio", N, PRIO(1), DROP_REASON_COUNT, { NO, PLAIN, NO, PRIO(1) | 10, NO, NO, PRIO(1) | 10, NO } },
	{ "native, own tag", N, 10, DROP_REASON_COUNT, { NO, PLAIN, NO, 10, NO, NO, 10, NO } },
	{ "native, 30", N, 30, DROP_REASON_COUNT, { NO, NO, NO, NO, NO, NO, 30, NO } },
	{ "native, 40", N, 40, DROP_VLAN_DENIED, { NO, NO, NO, NO, NO, NO, NO, NO } },
	{ "restricted, untagged", R, PLAIN, DROP_VLAN_DENIED, { NO, NO, NO, NO, NO, NO, NO, NO } },
	{ "restricted, prio", R, PRIO(2), DROP_VLAN_DENIED, { NO, NO, NO, NO, NO, NO, NO, NO } },
	{ "restricted, 20",
	  R,
	  PRIO(6) | 20,
	  DROP_REASON_COUNT,
	  { NO, NO, PLAIN, PRIO(6) | 20, PRIO(6) | 20, NO, PRIO(6) | 20, NO } },
	{ "restricted, 10", R, 10, DROP_VLAN_DENIED, { NO, NO, NO, NO, NO, NO, NO, NO } },
	{ "uplink, untagged", X, PLAIN, DROP_REASON_COUNT, { PLAIN, NO, NO, PLAIN, NO, NO, NO, PLAIN } },
	{ "uplink, 10", X, 10, DROP_REASON_COUNT, { NO, PLAIN, NO, 10, PLAIN, NO, NO, NO } },
	{ "uplink, prio 5, DEI",
	  X,
	  PRIO(5) | 0x1000 | 10,
	  DROP_REASON_COUNT,
	  { NO, PLAIN, NO, PRIO(5) | 10, PLAIN, NO, NO, NO } },
	{ "uplink, 99", X, 99, DROP_NO_RECEIVER, { NO, NO, NO, NO, NO, NO, NO, NO } },
	{ "uplink, 4095", X, 4095, DROP_VLAN_DENIED, { NO, NO, NO, NO, NO, NO, NO, NO } },
};

static void
expect_vlan_row(const struct vlan_row *row, const struct mac *dst)
{
	struct mac src = test_mac(100);
	bool denied = row->denied != DROP_REASON_COUNT;
	uint64_t before = denied ? rig_drops(row->in, row->denied) : 0;

	assert_int_equal(rig_input(row->in, dst, &src, row->tci), denied);
	if (denied && rig_drops(row->in, row->denied) != before + 1)
		fail_msg("%s: not booked as %s", row->what, drop_reason_name(row->denied));
	expect_at(row->what, row->want);
}

static void
a_broadcast_reaches_its_vlan_with_the_tag_of_each_port(void **state)
{
	for (size_t i = 0; i < LEN(vlan_rows); i++)
		expect_vlan_row(&vlan_rows[i], &broadcast);
}

static void
an_unknown_station_is_looked_for_in_the_whole_vlan(void **state)
{
	struct mac nobody = test_mac(200);

	for (size_t i = 0; i < LEN(vlan_rows); i++)
		expect_vlan_row(&vlan_rows[i], &nobody);
}

/* Known to be at a port, a frame goes there and nowhere else, if that port is in its VLAN. */
static void
a_known_station_gets_what_the_vlan_lets_it_have(void **state)
{
	for (size_t i = 0; i < LEN(vlan_rows); i++) {
		const struct vlan_row *row = &vlan_rows[i];
		uint16_t vid = row->in == A || row->tci == 10 ? 10 : row->in == B || (row->tci & 0xfff) == 20 ? 20 : 0;

		for (unsigned at = 0; at < N_PORTS; at++) {
			struct mac dst = test_mac(201), src = test_mac(100);
			int want[N_PORTS] = { NO, NO, NO, NO, NO, NO, NO, NO };

			if (row->denied != DROP_REASON_COUNT || at == row->in || row->in == N || row->tci == 30 ||
			    (row->in == X && row->tci > 20))
				continue;
			learn_lock();
			assert_int_equal(fdb_add_static(rig_sw->fdb, fdb_key(dst.byte, vid), rig_p[at].port.slot), 0);
			learn_unlock();
			want[at] = row->want[at];
			assert_int_equal(rig_input(row->in, &dst, &src, row->tci), want[at] == NO);
			expect_at(row->what, want);
			learn_lock();
			assert_int_equal(fdb_remove_static(rig_sw->fdb, fdb_key(dst.byte, vid), rig_p[at].port.slot),
					 0);
			learn_unlock();
		}
	}
	assert_true(rig_drops(U, DROP_NO_RECEIVER) > 0);
}

/* A second tag must not become the first: what leaves without its own tag would be read as one of the inner VLAN. */
static void
an_inner_tag_never_chooses_the_vlan(void **state)
{
	static const struct {
		unsigned in;
		int outer;
		uint16_t inner;
		bool denied;
	} rows[] = {
		{ U, PRIO(0), 20, true }, /* VID 0 is taken off: 20 would be left */
		{ A, PRIO(4), 20, true }, { T, PRIO(0), 20, true }, { T, 10, 20, false },
		{ X, PRIO(0), 20, true }, { X, 10, 20, false },
	};

	for (size_t i = 0; i < LEN(rows); i++) {
		struct mac src = test_mac(100);
		uint8_t *f = rig_frames[0];

		test_frame(&broadcast, &src, rows[i].outer, 1, f);
		memcpy(f + 16, "\x81\x00\x00", 3);
		f[19] = (uint8_t)rows[i].inner;
		test_add(&rig_lane, f, 64);
		assert_int_equal(test_input(&rig_lane, &rig_p[rows[i].in]), rows[i].denied);
		for (unsigned k = 0; k < N_PORTS; k++) {
			if (rows[i].denied)
				assert_int_equal(rig_p[k].n, 0);
			/* A trunk that it leaves by has it with both tags, or not at all. */
			if ((k == T || k == N || k == R || k == X) && rig_p[k].n > 0)
				assert_memory_equal(rig_p[k].kept[0].bytes + 12, "\x81\x00\x00\x0a\x81\x00\x00\x14", 8);
		}
		test_books(rig_all, N_PORTS);
		rig_forget();
	}
}

/* ---- sources ---- */

static void
a_source_that_cannot_be_one_is_dropped(void **state)
{
	static const struct mac rows[] = { { { 0 } },
					   { { 255, 255, 255, 255, 255, 255 } },
					   { { 0x01, 0, 0x5e, 0, 0, 1 } },
					   { { 0x03, 0xf1, 0, 0, 0, 1 } } };

	for (size_t i = 0; i < LEN(rows); i++) {
		assert_int_equal(rig_input(U, &broadcast, &rows[i], PLAIN), 1);
		assert_int_equal(rig_drops(U, DROP_BAD_SOURCE), i + 1);
		test_books(rig_all, N_PORTS);
	}
	for (unsigned i = 0; i < N_PORTS; i++)
		assert_int_equal(rig_p[i].n, 0);
	learn_drain();
	for (size_t i = 0; i < LEN(rows); i++)
		assert_int_equal(fdb_lookup(rig_sw->fdb, fdb_key(rows[i].byte, 0)), FDB_MISS);
}

static void
another_address_than_its_own_is_spoofed(void **state)
{
	struct mac own = test_mac(1), other = test_mac(2);
	struct port_conf conf = test_conf_untagged(&own);

	conf.spoof_check = true;
	assert_int_equal(port_set_conf(&rig_p[U].port, &conf), 0);
	assert_int_equal(rig_input(U, &broadcast, &own, PLAIN), 0);
	assert_int_equal(rig_input(U, &broadcast, &other, PLAIN), 1);
	assert_int_equal(rig_drops(U, DROP_SPOOFED), 1);
	assert_int_equal(rig_p[V].n, 1);
	learn_drain();
	assert_int_equal(fdb_lookup(rig_sw->fdb, fdb_key(other.byte, 0)), FDB_MISS); /* nor is it learned */
	/* Off again, it may use any. */
	conf.spoof_check = false;
	assert_int_equal(port_set_conf(&rig_p[U].port, &conf), 0);
	assert_int_equal(rig_input(U, &broadcast, &other, PLAIN), 0);
	test_books(rig_all, N_PORTS);
}

/* Its guest says it by its first frame; until then nobody knows better. */
static void
the_first_source_of_a_port_without_an_address_is_noted(void **state)
{
	struct mac none = { 0 }, first = test_mac(0x51), other = test_mac(0x52), noted;
	struct port_conf conf = test_conf_untagged(&none);

	conf.spoof_check = true;
	assert_int_equal(port_set_conf(&rig_p[U].port, &conf), 0);
	assert_false(port_first_source(&rig_p[U].port, &noted));
	assert_int_equal(rig_input(U, &broadcast, &broadcast, PLAIN), 1); /* no station's */
	assert_false(port_first_source(&rig_p[U].port, &noted));
	assert_int_equal(rig_input(U, &broadcast, &first, PLAIN), 0);
	assert_int_equal(rig_input(U, &broadcast, &other, PLAIN), 0);
	assert_true(port_first_source(&rig_p[U].port, &noted));
	assert_memory_equal(&noted, &first, sizeof(first));
	/* With an address it is checked as any other port, and notes nothing. */
	conf.mac = first;
	assert_int_equal(port_set_conf(&rig_p[U].port, &conf), 0);
	atomic_store(&rig_p[U].port.first_source, 0);
	assert_int_equal(rig_input(U, &broadcast, &other, PLAIN), 1);
	assert_int_equal(rig_drops(U, DROP_SPOOFED), 1);
	assert_false(port_first_source(&rig_p[U].port, &noted));
	/* Nobody else's own address is taken for it. */
	conf.mac = none;
	assert_int_equal(port_set_conf(&rig_p[U].port, &conf), 0);
	conf.mac = other;
	assert_int_equal(port_set_conf(&rig_p[V].port, &conf), 0);
	assert_int_equal(rig_input(U, &broadcast, &other, PLAIN), 1);
	assert_int_equal(rig_drops(U, DROP_SPOOFED), 2);
	assert_false(port_first_source(&rig_p[U].port, &noted));
	/* And one whose source nobody checks has none to be known. */
	conf = test_conf_untagged(&none);
	assert_int_equal(port_set_conf(&rig_p[U].port, &conf), 0);
	assert_int_equal(rig_input(U, &broadcast, &first, PLAIN), 0);
	assert_false(port_first_source(&rig_p[U].port, &noted));
	test_books(rig_all, N_PORTS);
}

/* A VM that takes another's address, which is the other port's own, changes nothing: that entry is static. */
static void
a_ports_own_address_cannot_be_taken_over(void **state)
{
	struct mac own = test_mac(1), peer = test_mac(9);
	struct port_conf conf = test_conf_untagged(&own);
	int want[N_PORTS] = { PLAIN, NO, NO, NO, NO, NO, NO, NO };

	assert_int_equal(port_set_conf(&rig_p[U].port, &conf), 0);
	rig_input(V, &broadcast, &own, PLAIN);
	learn_drain();
	rig_forget();
	rig_input(X, &own, &peer, PLAIN);
	expect_at("to its owner", want);
}

/* ---- destinations ---- */

/* IEEE 802.1Q-2022, table 8-1: 01-80-C2-00-00-00 to -0F are for the bridge itself; the next ones are ordinary groups. */
static void
reserved_group_addresses_are_not_forwarded(void **state)
{
	struct mac src = test_mac(100), group = { { 0x01, 0x80, 0xc2, 0, 0, 0 } };

	for (unsigned last = 0; last < 256; last++) {
		group.byte[5] = (uint8_t)last;
		assert_int_equal(rig_input(U, &group, &src, PLAIN), last < 16);
	}
	assert_int_equal(rig_drops(U, DROP_LINK_LOCAL), 16);
	assert_int_equal(rig_p[V].n, 240);
	group.byte[5] = 0;
	group.byte[4] = 1;
	rig_forget();
	assert_int_equal(rig_input(U, &group, &src, PLAIN), 0);
	assert_int_equal(rig_p[V].n, 1);
	test_books(rig_all, N_PORTS);
}

static void
a_miss_becomes_a_hit_once_the_station_has_spoken(void **state)
{
	struct mac a = test_mac(1), b = test_mac(2);
	int to_v[N_PORTS] = { NO, NO, NO, NO, NO, NO, NO, PLAIN },
	    to_u[N_PORTS] = { PLAIN, NO, NO, NO, NO, NO, NO, NO };

	rig_input(U, &b, &a, PLAIN); /* b is nowhere yet: all of the VLAN */
	assert_int_equal(rig_p[V].n + rig_p[T].n + rig_p[X].n, 3);
	rig_forget();
	learn_drain();
	rig_input(V, &a, &b, PLAIN); /* a is known */
	expect_at("to a", to_u);
	learn_drain();
	rig_input(U, &b, &a, PLAIN);
	expect_at("to b", to_v);
	assert_int_equal(rig_drops(U, DROP_NO_RECEIVER), 0);
}

static void
a_station_that_moves_is_followed(void **state)
{
	struct mac a = test_mac(1), b = test_mac(2);
	int to_t[N_PORTS] = { NO, NO, NO, PLAIN, NO, NO, NO, NO };

	rig_input(V, &broadcast, &b, PLAIN);
	learn_drain();
	rig_input(T, &broadcast, &b, PLAIN); /* heard at T from now on */
	learn_drain();
	rig_forget();
	rig_input(U, &b, &a, PLAIN);
	expect_at("after the move", to_t);
}

static void
a_frame_to_where_it_came_from_is_filtered(void **state)
{
	struct mac a = test_mac(1), b = test_mac(2);

	rig_input(X, &broadcast, &a, PLAIN);
	rig_input(X, &broadcast, &b, PLAIN);
	learn_drain();
	rig_forget();
	assert_int_equal(rig_input(X, &a, &b, PLAIN), 1); /* both are on the wire */
	assert_int_equal(rig_input(X, &b, &b, PLAIN), 1); /* to itself */
	assert_int_equal(rig_drops(X, DROP_SAME_PORT), 2);
	for (unsigned i = 0; i < N_PORTS; i++)
		assert_int_equal(rig_p[i].n, 0);
	test_books(rig_all, N_PORTS);
}

/* Nobody has it; an empty place of the table must not be taken for it (fdb_test.c). */
static void
a_frame_to_the_zero_address_is_flooded(void **state)
{
	struct mac src = test_mac(100), zero = { { 0 } };
	int want[N_PORTS] = { NO, NO, NO, PLAIN, NO, NO, PLAIN, PLAIN };

	rig_input(U, &zero, &src, PLAIN);
	expect_at("to 00:00:00:00:00:00", want);
}

static void
stations_are_known_in_each_vlan_by_itself(void **state)
{
	struct mac a = test_mac(1), b = test_mac(2);

	rig_input(T, &broadcast, &a, 10);
	rig_input(X, &broadcast, &a, 20);
	learn_drain();
	assert_int_equal(fdb_lookup(rig_sw->fdb, fdb_key(a.byte, 10)), (int)rig_p[T].port.slot);
	assert_int_equal(fdb_lookup(rig_sw->fdb, fdb_key(a.byte, 20)), (int)rig_p[X].port.slot);
	rig_forget();
	rig_input(A, &a, &b, PLAIN);
	rig_input(B, &a, &b, PLAIN);
	assert_int_equal(rig_p[T].n, 1);
	assert_int_equal(rig_p[X].n, 1);
	assert_int_equal(rig_p[T].kept[0].tag, 10);
	assert_int_equal(rig_p[X].kept[0].tag, 20);
	test_books(rig_all, N_PORTS);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_open, rig_close)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_broadcast_reaches_its_vlan_with_the_tag_of_each_port),
		TEST(an_unknown_station_is_looked_for_in_the_whole_vlan),
		TEST(a_known_station_gets_what_the_vlan_lets_it_have),
		TEST(an_inner_tag_never_chooses_the_vlan),
		TEST(a_source_that_cannot_be_one_is_dropped),
		TEST(another_address_than_its_own_is_spoofed),
		TEST(the_first_source_of_a_port_without_an_address_is_noted),
		TEST(a_ports_own_address_cannot_be_taken_over),
		TEST(reserved_group_addresses_are_not_forwarded),
		TEST(a_miss_becomes_a_hit_once_the_station_has_spoken),
		TEST(a_station_that_moves_is_followed),
		TEST(a_frame_to_where_it_came_from_is_filtered),
		TEST(a_frame_to_the_zero_address_is_flooded),
		TEST(stations_are_known_in_each_vlan_by_itself),
	};

	return cmocka_run_group_tests(tests, rig_start, rig_stop);
}
