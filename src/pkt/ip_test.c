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

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_walk_ends_at_what_the_packet_carries),
		cmocka_unit_test(a_broken_fixed_part_is_no_ip),
		cmocka_unit_test(a_chain_that_leaves_the_bytes_given_goes_beyond),
		cmocka_unit_test(a_chain_that_leaves_the_packet_breaks_off),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
