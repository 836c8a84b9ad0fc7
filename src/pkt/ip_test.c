/* ip_test.c - the walk through IP headers. Expected offsets are sums of header lengths (RFC 791, RFC 8200). */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "pkt/ip.h"
#include "pkt/testframe.h"

#define IP_AT 14 /* in an untagged frame */

static uint8_t frame[TESTFRAME_MAX];

static const struct row {
	const char *name;
	struct testframe f;
	struct ip_walk want;
} rows[] = {
	{ "IPv4", { .version = 4, .proto = 6 }, { 4, 6, false, false, 20, 40 } },
	{ "40 bytes of options", { .version = 4, .proto = 17, .ip_options = 40 }, { 4, 17, false, false, 60, 68 } },
	{ "IPv4, first fragment", { .version = 4, .proto = 17, .fragment = 0x2000 }, { 4, 17, true, false, 0, 28 } },
	{ "IPv4, last fragment", { .version = 4, .proto = 17, .fragment = 0x00b9 }, { 4, 17, true, false, 0, 28 } },
	{ "IPv4, don't fragment", { .version = 4, .proto = 17, .fragment = 0x4000 }, { 4, 17, false, false, 20, 28 } },
	{ "IPv6", { .version = 6, .proto = 6 }, { 6, 6, false, false, 40, 60 } },
	{ "three headers", { .version = 6, .proto = 6, .ext = "hrd" }, { 6, 6, false, false, 64, 84 } },
	{ "IPv6 fragment", { .version = 6, .proto = 17, .ext = "hf" }, { 6, 17, true, false, 0, 64 } },
	{ "IPv6, ESP", { .version = 6, .proto = 50, .payload = 20 }, { 6, 50, false, false, 40, 60 } },
	{ "IPv6, no next header", { .version = 6, .proto = 59 }, { 6, 59, false, false, 40, 40 } },
};

static void
check(const char *name, const struct ip_walk *got, const struct ip_walk *want)
{
	if (got->version != want->version || got->proto != want->proto || got->fragment != want->fragment ||
	    got->beyond != want->beyond || got->off != want->off || got->len != want->len)
		fail_msg("%s: got version %u proto %u fragment %d beyond %d off %u len %u", name, got->version,
			 got->proto, got->fragment, got->beyond, got->off, got->len);
}

static void
the_walk_ends_at_what_the_packet_carries(void **state)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct testplace at = testframe_make(&rows[i].f, frame);
		struct ip_walk got;

		assert_true(ip_walk(frame + IP_AT, at.len - IP_AT, rows[i].f.version == 4 ? 0x0800 : 0x86dd, &got));
		check(rows[i].name, &got, &rows[i].want);
	}
}

static void
a_broken_fixed_part_is_no_ip(void **state)
{
	struct ip_walk got;

	testframe_make(&(struct testframe){ .version = 4, .proto = 6 }, frame);
	assert_false(ip_walk(frame + IP_AT, 19, 0x0800, &got));
	assert_false(ip_walk(frame + IP_AT, 40, 0x86dd, &got)); /* version 4 under IPv6's EtherType */
	assert_false(ip_walk(frame + IP_AT, 40, 0x0806, &got));
	frame[IP_AT] = 0x44; /* 16 bytes of header */
	assert_false(ip_walk(frame + IP_AT, 40, 0x0800, &got));
	frame[IP_AT] = 0x45;
	frame[IP_AT + 3] = 19; /* shorter than its header */
	assert_false(ip_walk(frame + IP_AT, 40, 0x0800, &got));
	testframe_make(&(struct testframe){ .version = 6, .proto = 6 }, frame);
	assert_false(ip_walk(frame + IP_AT, 39, 0x86dd, &got));
	check("nothing is left of a refused one", &got, &(struct ip_walk){ 0 });
}

static void
a_chain_that_leaves_the_bytes_given_goes_beyond(void **state)
{
	struct ip_walk got;

	testframe_make(&(struct testframe){ .version = 6, .proto = 6, .ext = "hd" }, frame);
	assert_true(ip_walk(frame + IP_AT, 55, 0x86dd, &got));
	check("one byte of the second header missing", &got, &(struct ip_walk){ 6, 0, false, true, 0, 76 });
	assert_true(ip_walk(frame + IP_AT, 56, 0x86dd, &got));
	check("both there, TCP behind", &got, &(struct ip_walk){ 6, 6, false, false, 56, 76 });
}

static void
a_chain_that_leaves_the_packet_breaks_off(void **state)
{
	struct ip_walk got;

	testframe_make(&(struct testframe){ .version = 6, .proto = 6, .ext = "hd", .payload = 200 }, frame);
	frame[IP_AT + 4] = 0;
	frame[IP_AT + 5] = 15; /* payload length: the second header's last byte is outside */
	assert_true(ip_walk(frame + IP_AT, 200, 0x86dd, &got));
	check("header across the end", &got, &(struct ip_walk){ 6, 0, false, false, 0, 55 });
	testframe_make(&(struct testframe){ .version = 6, .proto = 6, .ext = "hf", .payload = 200 }, frame);
	frame[IP_AT + 4] = 0;
	frame[IP_AT + 5] = 15;
	assert_true(ip_walk(frame + IP_AT, 200, 0x86dd, &got));
	check("fragment header across the end", &got, &(struct ip_walk){ 6, 0, false, false, 0, 55 });
	testframe_make(&(struct testframe){ .version = 6, .proto = 6, .ext = "hd", .payload = 200 }, frame);
	frame[IP_AT + 4] = 0;
	frame[IP_AT + 5] = 16;
	frame[IP_AT + 48 + 1] = 1; /* the second header says 16 bytes, 8 are there */
	assert_true(ip_walk(frame + IP_AT, 200, 0x86dd, &got));
	check("header's own length across the end", &got, &(struct ip_walk){ 6, 0, false, false, 0, 56 });
}

/* ---- Mobile IPv6 ---- */

#define H16 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16

/*
 * Extension headers behind an IPv6 header, which ends at 40, and where the home addresses then lie: RFC 6275, 6.3 (option 201 of 16
 * bytes) and 6.4 (routing type 2, length 2, one segment left). 8 and 24: where nothing counts.
 */
static const struct home_row {
	const char *name;
	uint8_t first;     /* the next header of the IPv6 header */
	uint8_t bytes[72]; /* the headers, the last of which says that TCP (6) follows */
	uint8_t len, n;    /* of bytes; n: that may be read, 0: all */
	uint32_t src, dst;
} home_rows[] = {
	{ "none", 6, { 0 }, 0, 0, 8, 24 },
	{ "home address", 60, { 6, 2, 1, 2, 0, 0, 201, 16, H16 }, 24, 0, 48, 24 },
	{ "behind Pad1 and PadN", 60, { 6, 2, 0, 1, 1, 0, 201, 16, H16 }, 24, 0, 48, 24 },
	{ "behind another option", 60, { 6, 3, 5, 2, 0, 0, 0, 0, 0, 0, 1, 2, 0, 0, 201, 16, H16 }, 32, 0, 56, 24 },
	{ "in the second header", 60, { 60, 0, 1, 4, 0, 0, 0, 0, 6, 2, 1, 2, 0, 0, 201, 16, H16 }, 32, 0, 56, 24 },
	{ "behind hop-by-hop", 0, { 60, 0, 1, 4, 0, 0, 0, 0, 6, 2, 1, 2, 0, 0, 201, 16, H16 }, 32, 0, 56, 24 },
	{ "in hop-by-hop: not there", 0, { 6, 2, 1, 2, 0, 0, 201, 16, H16 }, 24, 0, 8, 24 },
	{ "of 15 bytes", 60, { 6, 2, 1, 3, 0, 0, 0, 201, 15, H16 }, 24, 0, 8, 24 },
	{ "across the header's end", 60, { 6, 2, 1, 3, 0, 0, 0, 201, 16, H16 }, 24, 0, 8, 24 },
	{ "behind an option too long", 60, { 6, 2, 5, 255, 0, 0, 201, 16, H16 }, 24, 0, 8, 24 },
	{ "header across the packet's end", 60, { 6, 3, 1, 2, 0, 0, 201, 16, H16 }, 24, 0, 8, 24 },
	{ "one byte not to be read", 60, { 6, 2, 1, 2, 0, 0, 201, 16, H16 }, 24, 63, 8, 24 },
	{ "behind a fragment header", 44, { 60, 0, 0, 1, 0, 0, 0, 9, 6, 2, 1, 2, 0, 0, 201, 16, H16 }, 32, 0, 8, 24 },
	{ "routing, type 2", 43, { 6, 2, 2, 1, 0, 0, 0, 0, H16 }, 24, 0, 8, 48 },
	{ "routing, type 0", 43, { 6, 2, 0, 1, 0, 0, 0, 0, H16 }, 24, 0, 8, 24 },
	{ "no segment left", 43, { 6, 2, 2, 0, 0, 0, 0, 0, H16 }, 24, 0, 8, 24 },
	{ "two segments left", 43, { 6, 2, 2, 2, 0, 0, 0, 0, H16 }, 24, 0, 8, 24 },
	{ "of another length", 43, { 6, 3, 2, 1, 0, 0, 0, 0, H16, 0, 0, 0, 0, 0, 0, 0, 0 }, 32, 0, 8, 24 },
	{ "both", 43, { 60, 2, 2, 1, 0, 0, 0, 0, H16, 6, 2, 1, 2, 0, 0, 201, 16, H16 }, 48, 0, 72, 48 },
	{ "the first of two counts",
	  60,
	  { 60, 2, 1, 2, 0, 0, 201, 16, H16, 6, 2, 1, 2, 0, 0, 201, 16, H16 },
	  48,
	  0,
	  48,
	  24 },
};

static void
home_addresses_are_found_where_they_may_stand(void **state)
{
	for (size_t i = 0; i < sizeof(home_rows) / sizeof(home_rows[0]); i++) {
		const struct home_row *row = &home_rows[i];
		uint8_t ip[40 + sizeof(row->bytes)] = { 0x60 };
		size_t n = row->n != 0 ? row->n : 40u + row->len;
		struct ip6_home home;

		ip[5] = row->len;
		ip[6] = row->first;
		memcpy(ip + 40, row->bytes, row->len);
		ip6_find_home(ip, n, &home);
		if (home.src != row->src || home.dst != row->dst)
			fail_msg("%s: got %u and %u", row->name, home.src, home.dst);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_walk_ends_at_what_the_packet_carries),
		cmocka_unit_test(a_broken_fixed_part_is_no_ip),
		cmocka_unit_test(a_chain_that_leaves_the_bytes_given_goes_beyond),
		cmocka_unit_test(a_chain_that_leaves_the_packet_breaks_off),
		cmocka_unit_test(home_addresses_are_found_where_they_may_stand),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
