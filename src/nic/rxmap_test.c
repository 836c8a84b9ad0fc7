/* rxmap_test.c - the receive filter by the VLAN table of NDIS, the hash types, and the indirection tables. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "nic/rxmap.h"
#include "pkt/testframe.h"

#define LEN(a) (sizeof(a) / sizeof((a)[0]))
#define ALL_TYPES 0x3f

static uint8_t frame[TESTFRAME_MAX];

static struct mac
mac_of(uint32_t n)
{
	return (struct mac){ { 0x02, 0xf1, (uint8_t)(n >> 24), (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n } };
}

static struct toeplitz *
open_toeplitz(bool gfni)
{
	struct toeplitz *t = toeplitz_new(toeplitz_default_key, gfni);

	assert_non_null(t);
	return t;
}

static struct rxmap *
open_filters(const struct rxmap_filter *filters, size_t n)
{
	static const struct rxmap_vport vports[8];
	struct rxmap *map = rxmap_new(vports, LEN(vports), filters, n, NULL, 0);

	assert_non_null(map);
	return map;
}

/* tci -1: no tag. */
static uint16_t
vport_of(const struct rxmap *map, struct mac dst, int tci)
{
	struct testframe f = { .tagged = tci >= 0, .tci = (uint16_t)tci, .version = 4, .proto = 17, .payload = 20 };
	struct testplace at = testframe_make(&f, frame);
	struct rxmap_verdict verdict;

	memcpy(frame, dst.byte, MAC_LEN);
	rxmap_classify(map, frame, at.len, &verdict);
	if (!mac_is_group(&dst))
		assert_int_equal(rxmap_vport(map, frame, tci < 0 ? 0 : tci & 0xfff), verdict.vport);
	return verdict.vport;
}

/* NDIS, "Receive filters": MAC with the flag "untagged or zero", MAC and VLAN, MAC with the flag clear. */
static void
a_vlan_is_accepted_as_ndis_says(void **state)
{
	static const struct {
		uint16_t vid; /* of the filter */
		int tci;
		uint16_t want;
	} rows[] = {
		{ RXMAP_VID_UNTAGGED, -1, 1 },
		{ RXMAP_VID_UNTAGGED, 0, 1 },
		{ RXMAP_VID_UNTAGGED, 0xf000, 1 },
		{ RXMAP_VID_UNTAGGED, 10, 0 },
		{ 10, 10, 1 },
		{ 10, 0xf00a, 1 },
		{ 10, -1, 0 },
		{ 10, 0, 0 },
		{ 10, 11, 0 },
		{ 4094, 4094, 1 },
		{ RXMAP_VID_ANY, -1, 1 },
		{ RXMAP_VID_ANY, 0, 1 },
		{ RXMAP_VID_ANY, 10, 1 },
		{ RXMAP_VID_ANY, 4094, 1 },
	};

	for (size_t i = 0; i < LEN(rows); i++) {
		struct rxmap_filter filter = { mac_of(1), rows[i].vid, 1 };
		struct rxmap *map = open_filters(&filter, 1);

		if (vport_of(map, mac_of(1), rows[i].tci) != rows[i].want)
			fail_msg("filter %u, tci %d: got vport %u", rows[i].vid, rows[i].tci,
				 vport_of(map, mac_of(1), rows[i].tci));
		assert_int_equal(vport_of(map, mac_of(2), rows[i].tci), 0);
		rxmap_free(map);
	}
}

static void
filters_of_one_vport_or_and_a_named_vlan_counts_first(void **state)
{
	static const struct {
		int tci;
		uint16_t want;
	} rows[] = { { -1, 3 }, { 0, 3 }, { 10, 1 }, { 11, 1 }, { 12, 2 } };
	const struct rxmap_filter filters[] = {
		{ mac_of(1), RXMAP_VID_ANY, 2 },
		{ mac_of(1), 10, 1 },
		{ mac_of(1), 11, 1 },
		{ mac_of(1), RXMAP_VID_UNTAGGED, 3 },
		{ mac_of(9), RXMAP_VID_ANY, 1 },
	};
	struct rxmap *map = open_filters(filters, LEN(filters));

	for (size_t i = 0; i < LEN(rows); i++)
		assert_int_equal(vport_of(map, mac_of(1), rows[i].tci), rows[i].want);
	assert_int_equal(vport_of(map, mac_of(9), 77), 1);
	rxmap_free(map);
}

static void
the_first_of_two_equal_filters_counts(void **state)
{
	const struct rxmap_filter filters[] = { { mac_of(1), 10, 4 }, { mac_of(1), 10, 5 } };
	struct rxmap *map = open_filters(filters, LEN(filters));

	assert_int_equal(vport_of(map, mac_of(1), 10), 4);
	rxmap_free(map);
}

static void
group_frames_belong_to_the_default_vport(void **state)
{
	static const struct mac groups[] = {
		{ { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff } },
		{ { 0x01, 0x00, 0x5e, 0, 0, 1 } },
		{ { 0x03, 0xf1, 0, 0, 0, 1 } }, /* the filter's address with the group bit */
	};
	const struct rxmap_filter filters[] = { { mac_of(1), RXMAP_VID_ANY, 1 }, { mac_of(1), 10, 1 } };
	struct rxmap *map = open_filters(filters, LEN(filters));

	for (size_t i = 0; i < LEN(groups); i++) {
		assert_int_equal(vport_of(map, groups[i], -1), 0);
		assert_int_equal(vport_of(map, groups[i], 10), 0);
	}
	rxmap_free(map);
}

/* 5000 addresses in six VLANs each, dense numbers first, then scattered ones: some places of the table collide. */
static void
thousands_of_filters_are_told_apart(void **state)
{
	enum { MACS = 5000, VIDS = 6 };
	struct rxmap_filter *filters = calloc(MACS * VIDS, sizeof(*filters));
	struct rxmap *map;

	assert_non_null(filters);
	for (int scattered = 0; scattered < 2; scattered++) {
		uint32_t step = scattered ? 0x9e3779b1 : 1; /* odd: all different */

		for (uint32_t i = 0; i < MACS * VIDS; i++)
			filters[i] = (struct rxmap_filter){ mac_of(i / VIDS * step), (uint16_t)(i % VIDS * 700),
							    (uint16_t)(1 + i % 7) };
		map = open_filters(filters, MACS * VIDS);
		for (uint32_t i = 0; i < MACS * VIDS; i++)
			assert_int_equal(vport_of(map, filters[i].mac, filters[i].vid), filters[i].vport);
		for (uint32_t i = 0; i < MACS; i++)
			assert_int_equal(vport_of(map, filters[i * VIDS].mac, 3501), 0);
		rxmap_free(map);
	}
	free(filters);
}

static void
without_filters_all_is_default(void **state)
{
	static const uint16_t queue = 7;
	const struct rxmap_vport vport = { 1, &queue };
	struct rxmap *map = rxmap_new(&vport, 1, NULL, 0, NULL, 0);
	struct rxmap_verdict verdict;

	assert_non_null(map);
	for (size_t len = 0; len < 64; len++) {
		memset(frame, 0, sizeof(frame));
		rxmap_classify(map, frame, len, &verdict);
		assert_int_equal(verdict.vport, 0);
		assert_int_equal(verdict.slot, 7);
		assert_int_equal(verdict.hash_type, 0);
	}
	rxmap_free(map);
	rxmap_free(NULL);
}

/* What is hashed: l4 bytes of addresses and ports from the frame itself. */
static const struct {
	const char *name;
	struct testframe f;
	unsigned types;
	uint8_t want_type;
	uint8_t addrs, n; /* from the IP header's start: the addresses; then bytes hashed without or with ports */
} hashes[] = {
	{ "TCP", { .version = 4, .proto = 6 }, ALL_TYPES, HASH_TCP_IPV4, 12, 12 },
	{ "UDP", { .version = 4, .proto = 17 }, ALL_TYPES, HASH_UDP_IPV4, 12, 12 },
	{ "TCP, tagged", { .tagged = true, .tci = 5, .version = 4, .proto = 6 }, ALL_TYPES, HASH_TCP_IPV4, 12, 12 },
	{ "TCP with options", { .version = 4, .proto = 6, .ip_options = 12 }, ALL_TYPES, HASH_TCP_IPV4, 12, 12 },
	{ "ICMP", { .version = 4, .proto = 1, .payload = 8 }, ALL_TYPES, HASH_IPV4, 12, 8 },
	{ "first fragment", { .version = 4, .proto = 17, .fragment = 0x2000 }, ALL_TYPES, HASH_IPV4, 12, 8 },
	{ "later fragment", { .version = 4, .proto = 17, .fragment = 0x0001 }, ALL_TYPES, HASH_IPV4, 12, 8 },
	{ "UDP by address", { .version = 4, .proto = 17 }, HASH_IPV4 | HASH_TCP_IPV4, HASH_IPV4, 12, 8 },
	{ "UDP, only TCP hashed", { .version = 4, .proto = 17 }, HASH_TCP_IPV4, 0, 0, 0 },
	{ "fragment, only TCP", { .version = 4, .proto = 6, .fragment = 0x2000 }, HASH_TCP_IPV4, 0, 0, 0 },
	{ "TCP, only UDP of IPv6", { .version = 4, .proto = 6 }, HASH_UDP_IPV6, 0, 0, 0 },
	{ "TCP over IPv6", { .version = 6, .proto = 6 }, ALL_TYPES, HASH_TCP_IPV6, 8, 36 },
	{ "UDP over IPv6", { .version = 6, .proto = 17 }, ALL_TYPES, HASH_UDP_IPV6, 8, 36 },
	{ "UDP over IPv6, tagged", { .tagged = true, .version = 6, .proto = 17 }, ALL_TYPES, HASH_UDP_IPV6, 8, 36 },
	{ "extension headers", { .version = 6, .proto = 6, .ext = "hrd" }, ALL_TYPES, HASH_TCP_IPV6, 8, 36 },
	{ "fragment of IPv6", { .version = 6, .proto = 17, .ext = "f" }, ALL_TYPES, HASH_IPV6, 8, 32 },
	{ "TCP6 by address", { .version = 6, .proto = 6 }, HASH_IPV6 | HASH_UDP_IPV6, HASH_IPV6, 8, 32 },
	{ "UDP6, only TCP hashed", { .version = 6, .proto = 17, .ext = "d" }, HASH_TCP_IPV6, 0, 0, 0 },
	{ "ICMPv6", { .version = 6, .proto = 58, .payload = 8 }, ALL_TYPES, HASH_IPV6, 8, 32 },
	{ "no IP", { .payload = 46 }, ALL_TYPES, 0, 0, 0 },
};

static void
the_widest_hash_that_fits_is_taken(void **state)
{
	static uint16_t entries[RXMAP_TABLE_MAX];
	const struct rxmap_vport vport = { RXMAP_TABLE_MAX, entries };

	for (uint16_t i = 0; i < RXMAP_TABLE_MAX; i++)
		entries[i] = (uint16_t)(1000 + i);
	for (size_t i = 0; i < 2 * LEN(hashes); i++) {
		struct toeplitz *toeplitz = open_toeplitz(i & 1);
		struct rxmap *map = rxmap_new(&vport, 1, NULL, 0, toeplitz, hashes[i / 2].types);
		struct testplace at = testframe_make(&hashes[i / 2].f, frame);
		const uint8_t *ip = frame + at.ip;
		uint8_t input[TOEPLITZ_INPUT_MAX], n = hashes[i / 2].n, pair = n > 12 ? 32 : 8;
		struct rxmap_verdict verdict;
		uint32_t want = 0;

		assert_non_null(map);
		if (n > 0) {
			memcpy(input, ip + hashes[i / 2].addrs, pair);
			memcpy(input + pair, frame + at.l4, 4);
			want = toeplitz_hash(toeplitz, input, n);
		}
		rxmap_classify(map, frame, at.len, &verdict);
		if (verdict.hash_type != hashes[i / 2].want_type || verdict.hash != want)
			fail_msg("%s: got type %x hash %x", hashes[i / 2].name, verdict.hash_type, verdict.hash);
		assert_int_equal(verdict.slot, 1000 + want % RXMAP_TABLE_MAX);
		rxmap_free(map);
		toeplitz_free(toeplitz);
	}
}

/* NDIS, "Verifying the RSS Hash Calculation", first row: the frame's hash is 51ccc178, its 7 lowest bits 120. */
static void
a_published_flow_finds_its_entry(void **state)
{
	static const uint8_t tuple[] = { 66,  9,  149,       187,        161,       142,
					 100, 80, 2794 >> 8, 2794 & 255, 1766 >> 8, 1766 & 255 };
	static uint16_t entries[128];
	const struct rxmap_vport vports[] = { { 0, NULL }, { 128, entries } };
	const struct rxmap_filter filter = { mac_of(1), RXMAP_VID_UNTAGGED, 1 };
	struct toeplitz *toeplitz = open_toeplitz(true);
	struct rxmap *map = rxmap_new(vports, 2, &filter, 1, toeplitz, ALL_TYPES);
	struct testplace at = testframe_make(&(struct testframe){ .version = 4, .proto = 6 }, frame);
	struct rxmap_verdict verdict;

	assert_non_null(map);
	entries[120] = 3; /* copied by rxmap_new: this comes too late */
	memcpy(frame, filter.mac.byte, MAC_LEN);
	memcpy(frame + at.ip + 12, tuple, sizeof(tuple));
	rxmap_classify(map, frame, at.len, &verdict);
	assert_int_equal(verdict.hash, 0x51ccc178);
	assert_int_equal(verdict.slot, 0);
	rxmap_free(map);
	map = rxmap_new(vports, 2, &filter, 1, toeplitz, ALL_TYPES);
	assert_non_null(map);
	rxmap_classify(map, frame, at.len, &verdict);
	assert_int_equal(verdict.vport, 1);
	assert_int_equal(verdict.slot, 3);
	rxmap_free(map);
	toeplitz_free(toeplitz);
}

static void
each_vport_has_a_table_of_its_own(void **state)
{
	static const uint16_t none[] = { 5 }, two[] = { 20, 21 }, four[] = { 40, 41, 42, 43 };
	const struct rxmap_vport vports[] = { { 1, none }, { 2, two }, { 0, NULL }, { 4, four } };
	const struct rxmap_filter filters[] = {
		{ mac_of(1), 0, 1 },
		{ mac_of(2), 0, 2 },
		{ mac_of(3), 0, 3 },
	};
	struct toeplitz *toeplitz = open_toeplitz(false);
	struct rxmap *map = rxmap_new(vports, LEN(vports), filters, LEN(filters), toeplitz, ALL_TYPES);
	struct testplace at = testframe_make(&(struct testframe){ .version = 4, .proto = 6 }, frame);

	assert_non_null(map);
	for (uint32_t vport = 0; vport < LEN(vports); vport++)
		for (uint32_t port = 0; port < 64; port++) {
			struct rxmap_verdict got;
			uint16_t want;

			memcpy(frame, mac_of(vport).byte, MAC_LEN);
			frame[at.l4] = (uint8_t)port;
			rxmap_classify(map, frame, at.len, &got);
			assert_int_equal(got.hash_type, HASH_TCP_IPV4);
			want = vport == 0 ? 5 : vport == 1 ? two[got.hash & 1] : vport == 2 ? 0 : four[got.hash & 3];
			assert_int_equal(got.vport, vport);
			assert_int_equal(got.slot, want);
		}
	rxmap_free(map);
	toeplitz_free(toeplitz);
}

static void
every_length_of_a_cut_off_frame_is_survived(void **state)
{
	static uint16_t entries[4] = { 1, 2, 3, 4 };
	const struct rxmap_vport vports[] = { { 4, entries }, { 4, entries } };
	const struct rxmap_filter filter = { { { 0x02, 0xf1, 0, 0, 0, 2 } }, RXMAP_VID_ANY, 1 };

	for (size_t i = 0; i < 2 * LEN(hashes); i++) {
		struct toeplitz *toeplitz = open_toeplitz(i & 1);
		struct rxmap *map = rxmap_new(vports, 2, &filter, 1, toeplitz, ALL_TYPES);
		struct testplace at = testframe_make(&hashes[i / 2].f, frame);

		assert_non_null(map);
		for (uint32_t len = 0; len <= at.len; len++) {
			uint8_t *exact = malloc(len + 1); /* so that a read behind it is seen */
			struct rxmap_verdict verdict;

			assert_non_null(exact);
			memcpy(exact + 1, frame, len);
			rxmap_classify(map, exact + 1, len, &verdict);
			assert_int_equal(verdict.vport, len < 14 ? 0 : 1);
			assert_true(verdict.slot >= 1 && verdict.slot <= 4);
			if (len < at.ip + 20)
				assert_int_equal(verdict.hash_type, 0);
			else if (hashes[i / 2].f.version == 4 && len < at.l4 + 4)
				assert_int_equal(verdict.hash_type, HASH_IPV4);
			free(exact);
		}
		rxmap_free(map);
		toeplitz_free(toeplitz);
	}
}

static void
arguments_out_of_range_make_no_map(void **state)
{
	static const uint16_t entries[RXMAP_TABLE_MAX * 2];
	static const struct rxmap_vport bad_vports[] = {
		{ 3, entries }, { 1024, entries }, { 2, NULL }, { 2, entries }
	};
	static const struct rxmap_filter bad_filters[] = {
		{ { { 2, 0, 0, 0, 0, 1 } }, 4095, 1 }, /* reserved */
		{ { { 2, 0, 0, 0, 0, 1 } }, 4096, 1 }, /* no VID */
		{ { { 2, 0, 0, 0, 0, 1 } }, 0, 0 },    /* the default vport needs no filter */
		{ { { 2, 0, 0, 0, 0, 1 } }, 0, 2 },    /* no such vport */
		{ { { 1, 0, 0x5e, 0, 0, 1 } }, 0, 1 }, /* group */
		{ { { 0 } }, 0, 1 },
	};
	static const struct rxmap_vport good[2];

	for (size_t i = 0; i < LEN(bad_vports); i++)
		assert_null(rxmap_new(&bad_vports[i], 1, NULL, 0, NULL, ALL_TYPES)); /* the last: no toeplitz */
	for (size_t i = 0; i < LEN(bad_filters); i++)
		assert_null(rxmap_new(good, 2, &bad_filters[i], 1, NULL, 0));
	assert_null(rxmap_new(good, 0, NULL, 0, NULL, 0));
	assert_null(rxmap_new(good, 65537, NULL, 0, NULL, 0));
	assert_null(rxmap_new(good, 2, NULL, 0, NULL, HASH_TYPES_ALL + 1));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_vlan_is_accepted_as_ndis_says),
		cmocka_unit_test(filters_of_one_vport_or_and_a_named_vlan_counts_first),
		cmocka_unit_test(the_first_of_two_equal_filters_counts),
		cmocka_unit_test(group_frames_belong_to_the_default_vport),
		cmocka_unit_test(thousands_of_filters_are_told_apart),
		cmocka_unit_test(without_filters_all_is_default),
		cmocka_unit_test(the_widest_hash_that_fits_is_taken),
		cmocka_unit_test(a_published_flow_finds_its_entry),
		cmocka_unit_test(each_vport_has_a_table_of_its_own),
		cmocka_unit_test(every_length_of_a_cut_off_frame_is_survived),
		cmocka_unit_test(arguments_out_of_range_make_no_map),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
