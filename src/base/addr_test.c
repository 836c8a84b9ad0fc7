/* addr_test.c - addresses as text: what is accepted, what is not, and what comes out. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "base/addr.h"

#define LEN(a) (sizeof(a) / sizeof((a)[0]))

static void
a_mac_address_is_read_and_written(void **state)
{
	static const struct mac want = { { 0x02, 0xf1, 0x00, 0xab, 0xcd, 0xef } };
	struct mac mac;
	char text[MAC_TEXT_LEN];

	assert_int_equal(mac_parse("02:F1:00:ab:Cd:eF", &mac), 0);
	assert_memory_equal(mac.byte, want.byte, MAC_LEN);
	assert_string_equal(mac_format(&mac, text), "02:f1:00:ab:cd:ef");
}

static void
what_is_no_mac_address_is_refused(void **state)
{
	static const char *const rows[] = {
		"",
		"02:f1:00:00:00",
		"02:f1:00:00:00:0",
		"02:f1:00:00:00:001",
		"02:f1:00:00:00:01:",
		" 2:f1:00:00:00:01",
		"0x:f1:00:00:00:01",
		"02-f1-00-00-00-01",
		"02f1:00:00:00:0001",
		"02:f1:00:00:00:0g",
		"02:f1:00:00:00:+1",
		"\xb2:f1:00:00:00:01", /* the same low bits as '2' */
		"02:f1:00:00:00/01",
		"::::::::::::::::",
	};

	for (size_t i = 0; i < LEN(rows); i++) {
		struct mac mac;

		if (mac_parse(rows[i], &mac) != -EINVAL)
			fail_msg("'%s' was accepted", rows[i]);
	}
}

static void
a_mac_address_tells_what_it_is(void **state)
{
	static const struct {
		struct mac mac;
		bool zero, group;
		uint64_t number;
	} rows[] = {
		{ { { 0, 0, 0, 0, 0, 0 } }, true, false, 0 },
		{ { { 0, 0, 0, 0, 0, 1 } }, false, false, 1 },
		{ { { 0x80, 0, 0, 0, 0, 0 } }, false, false, 0x800000000000 },
		{ { { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff } }, false, true, 0xffffffffffff },
		{ { { 0x01, 0x80, 0xc2, 0, 0, 0 } },
		  false,
		  true,
		  0x0180c2000000 }, /* I/G is the lowest bit of byte 0 */
		{ { { 0x02, 0x01, 0, 0, 0, 0x01 } }, false, false, 0x020100000001 },
	};

	for (size_t i = 0; i < LEN(rows); i++) {
		assert_int_equal(mac_is_zero(&rows[i].mac), rows[i].zero);
		assert_int_equal(mac_is_group(&rows[i].mac), rows[i].group);
		assert_true(mac_number(rows[i].mac.byte) == rows[i].number);
		for (size_t k = 0; k < LEN(rows); k++)
			assert_int_equal(mac_equal(&rows[i].mac, &rows[k].mac), i == k);
	}
}

static void
a_prefix_is_read_and_written(void **state)
{
	static const struct {
		const char *text;
		int family;
		unsigned bits;
		const char *out;
	} rows[] = {
		{ "10.77.0.1/24", AF_INET, 24, "10.77.0.1/24" },
		{ "0.0.0.0/0", AF_INET, 0, "0.0.0.0/0" },
		{ "255.255.255.255", AF_INET, 32, "255.255.255.255/32" },
		{ "fd00::1/64", AF_INET6, 64, "fd00::1/64" },
		{ "::/0", AF_INET6, 0, "::/0" },
		{ "FD00:0:0:0:0:0:0:2", AF_INET6, 128, "fd00::2/128" },
		{ "::ffff:10.0.0.1/128", AF_INET6, 128, "::ffff:10.0.0.1/128" },
		/* the longest text of an address, 45 letters (RFC 4291, 2.2) */
		{ "ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255/128", AF_INET6, 128,
		  "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128" },
	};

	for (size_t i = 0; i < LEN(rows); i++) {
		char out[PREFIX_TEXT_LEN];
		struct prefix p;

		memset(&p, 0xee, sizeof(p));
		if (prefix_parse(rows[i].text, &p) != 0)
			fail_msg("'%s' was refused", rows[i].text);
		assert_int_equal(p.family, rows[i].family);
		assert_int_equal(p.bits, rows[i].bits);
		assert_string_equal(prefix_format(&p, out), rows[i].out);
	}
}

static void
the_bytes_of_a_prefix_are_in_network_order(void **state)
{
	struct prefix p;

	assert_int_equal(prefix_parse("10.77.0.1/24", &p), 0);
	assert_memory_equal(p.addr, "\x0a\x4d\x00\x01\0\0\0\0\0\0\0\0\0\0\0\0", 16);
}

static void
what_is_no_prefix_is_refused(void **state)
{
	static const char *const rows[] = {
		"",
		"/",
		"/24",
		"10.0.0.1/",
		"10.0.0.1/33",
		"10.0.0.1/-1",
		"10.0.0.1/+1",
		"10.0.0.1/ 1",
		"10.0.0.1/24x",
		"10.0.0.1/24/24",
		"10.0.0/24",
		"10.0.0.256/24",
		"fd00::1/129",
		"fd00::1::2/64",
		"fd00::1%eth0/64",
		"10.0.0.1 /24",
		"ten/24",
		"10.0.0.1/18446744073709551640", /* 2^64 + 24 */
		"10.0.0.1/4294967320",           /* 2^32 + 24 */
		"10.0.0.1/280",                  /* 256 + 24: the field has 8 bits */
		"0000000000000000000000000000000000000000000000000000000000000010.0.0.1/24",
	};

	for (size_t i = 0; i < LEN(rows); i++) {
		struct prefix p;

		if (prefix_parse(rows[i], &p) != -EINVAL)
			fail_msg("'%s' was accepted", rows[i]);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_mac_address_is_read_and_written),
		cmocka_unit_test(what_is_no_mac_address_is_refused),
		cmocka_unit_test(a_mac_address_tells_what_it_is),
		cmocka_unit_test(a_prefix_is_read_and_written),
		cmocka_unit_test(the_bytes_of_a_prefix_are_in_network_order),
		cmocka_unit_test(what_is_no_prefix_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
