/* toeplitz_test.c - the RSS hash: published vectors on both ways, and both against the definition bit by bit. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "pkt/toeplitz.h"
#include "pkt/wire.h"

#define LEN(a) (sizeof(a) / sizeof((a)[0]))

/* NDIS, "Verifying the RSS Hash Calculation"; the source comes first in the input. */
static const struct {
	int family;
	const char *src, *dst;
	uint16_t sport, dport;
	uint32_t pair, with_ports;
} vectors[] = {
	{ AF_INET, "66.9.149.187", "161.142.100.80", 2794, 1766, 0x323e8fc2, 0x51ccc178 },
	{ AF_INET, "199.92.111.2", "65.69.140.83", 14230, 4739, 0xd718262a, 0xc626b0ea },
	{ AF_INET, "24.19.198.95", "12.22.207.184", 12898, 38024, 0xd2d0a5de, 0x5c2b394a },
	{ AF_INET, "38.27.205.30", "209.142.163.6", 48228, 2217, 0x82989176, 0xafc7327f },
	{ AF_INET, "153.39.163.191", "202.188.127.2", 44251, 1303, 0x5d1809c5, 0x10e828a2 },
	{ AF_INET6, "3ffe:2501:200:1fff::7", "3ffe:2501:200:3::1", 2794, 1766, 0x2cc18cd5, 0x40207d3d },
	{ AF_INET6, "3ffe:501:8::260:97ff:fe40:efab", "ff02::1", 14230, 4739, 0x0f0c461c, 0xdde51bbf },
	{ AF_INET6, "3ffe:1900:4545:3:200:f8ff:fe21:67cf", "fe80::200:f8ff:fe21:67cf", 44251, 38024, 0x4b61e985,
	  0x02d1feef },
};

/* The definition: for each input bit that is set, the leftmost 32 bits of the key; the key moves left by one. */
static uint32_t
hash_by_bits(const uint8_t key[TOEPLITZ_KEY_LEN], const uint8_t *input, size_t len)
{
	uint32_t window = get_be32(key), hash = 0;

	for (size_t bit = 0; bit < 8 * len; bit++) {
		size_t next = bit + 32;

		if (input[bit / 8] & 0x80 >> bit % 8)
			hash ^= window;
		window <<= 1;
		if (next < 8 * TOEPLITZ_KEY_LEN)
			window |= (uint32_t)(key[next / 8] >> (7 - next % 8) & 1);
	}
	return hash;
}

static struct toeplitz *
open_way(const uint8_t key[TOEPLITZ_KEY_LEN], bool gfni)
{
	struct toeplitz *t = toeplitz_new(key, gfni);

	assert_non_null(t);
	if (!gfni)
		assert_false(toeplitz_is_gfni(t));
	return t;
}

static void
both_ways_give_the_published_hashes(void **state)
{
	for (int gfni = 0; gfni < 2; gfni++) {
		struct toeplitz *t = open_way(toeplitz_default_key, gfni);

		for (size_t i = 0; i < LEN(vectors); i++) {
			size_t n = vectors[i].family == AF_INET ? 4 : 16;
			uint8_t input[TOEPLITZ_INPUT_MAX];

			assert_int_equal(inet_pton(vectors[i].family, vectors[i].src, input), 1);
			assert_int_equal(inet_pton(vectors[i].family, vectors[i].dst, input + n), 1);
			put_be16(input + 2 * n, vectors[i].sport);
			put_be16(input + 2 * n + 2, vectors[i].dport);
			assert_int_equal(toeplitz_hash(t, input, 2 * n), vectors[i].pair);
			assert_int_equal(toeplitz_hash(t, input, 2 * n + 4), vectors[i].with_ports);
			assert_int_equal(hash_by_bits(toeplitz_default_key, input, 2 * n + 4), vectors[i].with_ports);
		}
		toeplitz_free(t);
	}
}

static void
fill_random(uint8_t *p, size_t n)
{
	while (n-- > 0)
		p[n] = (uint8_t)(rand() >> 7);
}

static void
both_ways_agree_with_the_definition_at_every_length(void **state)
{
	srand(2);
	for (int round = 0; round < 300; round++) {
		uint8_t key[TOEPLITZ_KEY_LEN], input[TOEPLITZ_INPUT_MAX];
		struct toeplitz *tables, *fast;

		fill_random(key, sizeof(key));
		fill_random(input, sizeof(input));
		tables = open_way(key, false);
		fast = open_way(key, true);
		for (size_t len = 0; len <= TOEPLITZ_INPUT_MAX; len++) {
			uint8_t *exact = malloc(len + 1); /* so that a read behind it is seen */
			uint32_t want = hash_by_bits(key, input, len);

			assert_non_null(exact);
			memcpy(exact + 1, input, len);
			assert_int_equal(toeplitz_hash(tables, exact + 1, len), want);
			assert_int_equal(toeplitz_hash(fast, exact + 1, len), want);
			free(exact);
		}
		toeplitz_free(tables);
		toeplitz_free(fast);
	}
}

static void
each_single_bit_gives_its_window_of_the_key(void **state)
{
	struct toeplitz *tables = open_way(toeplitz_default_key, false), *fast = open_way(toeplitz_default_key, true);

	for (unsigned bit = 0; bit < 8 * TOEPLITZ_INPUT_MAX; bit++) {
		uint8_t input[TOEPLITZ_INPUT_MAX] = { 0 };
		uint32_t want;

		input[bit / 8] = (uint8_t)(0x80 >> bit % 8);
		want = hash_by_bits(toeplitz_default_key, input, sizeof(input));
		assert_int_equal(toeplitz_hash(tables, input, sizeof(input)), want);
		assert_int_equal(toeplitz_hash(fast, input, sizeof(input)), want);
	}
	toeplitz_free(tables);
	toeplitz_free(fast);
}

/* Bytes behind len must not count: a frame goes on behind its ports. */
static void
what_follows_the_input_does_not_count(void **state)
{
	struct toeplitz *fast = open_way(toeplitz_default_key, true);
	uint8_t input[64];

	memset(input, 0xff, sizeof(input));
	assert_int_equal(toeplitz_hash(fast, input, 12), hash_by_bits(toeplitz_default_key, input, 12));
	memset(input + 12, 0, sizeof(input) - 12);
	assert_int_equal(toeplitz_hash(fast, input, 12), hash_by_bits(toeplitz_default_key, input, 12));
	toeplitz_free(fast);
}

static void
the_fast_way_is_taken_where_the_processor_has_it(void **state)
{
	struct toeplitz *fast = open_way(toeplitz_default_key, true);

#ifdef __x86_64__
	assert_int_equal(toeplitz_is_gfni(fast), __builtin_cpu_supports("gfni") &&
							 __builtin_cpu_supports("avx512vbmi") &&
							 __builtin_cpu_supports("avx512bw"));
#else
	assert_false(toeplitz_is_gfni(fast));
#endif
	toeplitz_free(fast);
	toeplitz_free(NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_ways_give_the_published_hashes),
		cmocka_unit_test(both_ways_agree_with_the_definition_at_every_length),
		cmocka_unit_test(each_single_bit_gives_its_window_of_the_key),
		cmocka_unit_test(what_follows_the_input_does_not_count),
		cmocka_unit_test(the_fast_way_is_taken_where_the_processor_has_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
