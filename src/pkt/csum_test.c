/* csum_test.c - the Internet checksum against RFC 1071 and against the slow reference. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>

#include "pkt/csum.h"
#include "pkt/testframe.h"
#include "pkt/wire.h"

static uint16_t
sum_of(const uint8_t *p, size_t len)
{
	uint8_t field[2];

	csum_store(field, csum_fold(csum_add(0, p, len)));
	return get_be16(field);
}

/* RFC 1071, 3: the words 0001 f203 f4f5 f6f7 add up to ddf2 (2ddf0 with the carries added). */
static void
the_example_of_rfc_1071_adds_up(void **state)
{
	static const uint8_t words[] = { 0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7 };

	assert_int_equal(sum_of(words, sizeof(words)), 0xddf2);
}

/* An odd byte is the left one of its word: 0x0100 + 0x0200. */
static void
an_odd_last_byte_counts_as_the_left_one(void **state)
{
	static const uint8_t bytes[] = { 0x01, 0x00, 0x02, 0xff };

	assert_int_equal(sum_of(bytes, 3), 0x0300);
}

/* 32768 words of ffff: the sum stays ffff, whatever the number of carries. */
static void
carries_never_get_lost(void **state)
{
	static uint8_t ones[65536];

	memset(ones, 0xff, sizeof(ones));
	assert_int_equal(sum_of(ones, sizeof(ones)), 0xffff);
	assert_int_equal(csum_fold(UINT64_MAX), 0xffff);
	assert_int_equal(csum_fold(0x1ffffffff), 1);
}

static void
every_length_and_start_agrees_with_the_slow_sum(void **state)
{
	uint8_t bytes[320];

	srand(1);
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)rand();
	for (size_t start = 0; start < 16; start++)
		for (size_t len = 0; len + start <= sizeof(bytes); len++)
			assert_int_equal(sum_of(bytes + start, len), testframe_sum(0, bytes + start, len));
}

static void
a_sum_in_even_pieces_is_the_sum_of_the_whole(void **state)
{
	uint8_t bytes[64];

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(250 - i);
	for (size_t cut = 0; cut <= sizeof(bytes); cut += 2)
		assert_int_equal(csum_fold(csum_add(csum_add(0, bytes, cut), bytes + cut, sizeof(bytes) - cut)),
				 csum_fold(csum_add(0, bytes, sizeof(bytes))));
}

static void
a_number_in_host_order_is_added_as_it_goes_on_the_wire(void **state)
{
	static const uint8_t bytes[] = { 0x12, 0x34 };

	assert_int_equal(csum_fold(csum_add16(0, 0x1234)), csum_fold(csum_add(0, bytes, 2)));
}

static void
both_zeros_of_ones_complement_are_the_same(void **state)
{
	assert_true(csum_same(0, 0xffff));
	assert_true(csum_same(0xffff, 0));
	assert_true(csum_same(7, 7));
	assert_false(csum_same(0, 1));
	assert_false(csum_same(0xffff, 0xfffe));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_example_of_rfc_1071_adds_up),
		cmocka_unit_test(an_odd_last_byte_counts_as_the_left_one),
		cmocka_unit_test(carries_never_get_lost),
		cmocka_unit_test(every_length_and_start_agrees_with_the_slow_sum),
		cmocka_unit_test(a_sum_in_even_pieces_is_the_sum_of_the_whole),
		cmocka_unit_test(a_number_in_host_order_is_added_as_it_goes_on_the_wire),
		cmocka_unit_test(both_zeros_of_ones_complement_are_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
