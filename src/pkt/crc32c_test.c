/* crc32c_test.c - published check values of CRC-32C. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "pkt/crc32c.h"

/* RFC 3720, B.4; "123456789" is the check value of the catalogue of CRC algorithms (CRC-32/ISCSI). */
static void
published_vectors_are_met(void **state)
{
	uint8_t zeros[32] = { 0 }, ones[32], up[32], down[32];

	memset(ones, 0xff, sizeof(ones));
	for (unsigned i = 0; i < 32; i++) {
		up[i] = (uint8_t)i;
		down[i] = (uint8_t)(31 - i);
	}
	assert_int_equal(crc32c("123456789", 9), 0xe3069283);
	assert_int_equal(crc32c(zeros, 32), 0x8a9136aa);
	assert_int_equal(crc32c(ones, 32), 0x62a8ab43);
	assert_int_equal(crc32c(up, 32), 0x46dd794e);
	assert_int_equal(crc32c(down, 32), 0x113fdb5c);
	assert_int_equal(crc32c(zeros, 0), 0);
}

/* Bit by bit, as the polynomial is defined. */
static uint32_t
slowly(const uint8_t *p, size_t len)
{
	uint32_t crc = UINT32_MAX;

	for (; len > 0; len--) {
		crc ^= *p++;
		for (int i = 0; i < 8; i++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78 : 0);
	}
	return ~crc;
}

static void
every_length_is_as_the_definition_says(void **state)
{
	uint8_t bytes[67];

	for (unsigned i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 37 + 11);
	for (size_t len = 0; len <= sizeof(bytes); len++)
		assert_int_equal(crc32c(bytes, len), slowly(bytes, len));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(published_vectors_are_met),
		cmocka_unit_test(every_length_is_as_the_definition_says),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
