/*
 * toeplitz_gfni.c - the RSS hash as matrix products; see toeplitz_gfni.h. Compiled for GFNI and AVX-512: nothing
 * here may run before toeplitz_gfni_supported.
 *
 * Bit j of input byte i (from its most significant bit on) adds the 32 key bits from 8i + j on to the hash. Byte r
 * of the hash takes the eight of them from 8(i + r) + j on. So what input byte i gives to hash byte r is
 * the product of one 8 by 8 bit matrix and the input byte, and that matrix depends on i + r alone: matrix k is made
 * of key bits 8k to 8k + 14. GF2P8AFFINEQB multiplies the eight bytes of a 64-bit lane by that lane's matrix; lane k
 * gets the input bytes k - 3 to k, and its four products are parts of the hash's bytes 3 to 0. The exclusive or of
 * all lanes is the hash. A lane's upper half multiplies bytes that nobody asks for.
 */
#include <immintrin.h>

#include "pkt/toeplitz.h"
#include "pkt/toeplitz_gfni.h"

#define LANES 8 /* of 64 bits, in a vector */

/* Key bit number n, 0 behind the end. */
static unsigned
key_bit(const uint8_t *key, unsigned n)
{
	return n < 8 * TOEPLITZ_KEY_LEN ? key[n / 8] >> (7 - n % 8) & 1 : 0;
}

/* Row of result bit b (0 lowest) is byte 7 - b of the matrix; in it, bit c counts for input bit c: Intel SDM vol. 2. */
void
toeplitz_gfni_fill(uint64_t matrix[TOEPLITZ_GFNI_MATRICES], const uint8_t *key)
{
	for (unsigned k = 0; k < TOEPLITZ_GFNI_MATRICES; k++) {
		matrix[k] = 0;
		for (unsigned b = 0; b < 8; b++)
			for (unsigned c = 0; c < 8; c++)
				matrix[k] |= (uint64_t)key_bit(key, 8 * k + (7 - b) + (7 - c)) << (8 * (7 - b) + c);
	}
}

uint32_t
toeplitz_gfni_hash(const uint64_t matrix[TOEPLITZ_GFNI_MATRICES], const uint8_t *input, size_t len)
{
	/* Byte p of lane k: k - 3 + p, modulo 64; below zero it meets the zeros behind the input. */
	static const uint8_t spread[64] = {
		61, 62, 63, 0, 1, 2, 3, 4, 62, 63, 0, 1, 2, 3, 4, 5, 63, 0, 1, 2, 3, 4, 5, 6,  0, 1, 2, 3, 4, 5, 6,  7,
		1,  2,  3,  4, 5, 6, 7, 8, 2,  3,  4, 5, 6, 7, 8, 9, 3,  4, 5, 6, 7, 8, 9, 10, 4, 5, 6, 7, 8, 9, 10, 11,
	};
	__m512i bytes = _mm512_maskz_loadu_epi8((1ull << len) - 1, input);
	__m512i index = _mm512_loadu_si512(spread), sum = _mm512_setzero_si512();
	__m256i half;
	__m128i quarter;
	size_t k = 0;

	do {
		__m512i lanes = _mm512_permutexvar_epi8(index, bytes);

		sum = _mm512_xor_si512(sum, _mm512_gf2p8affine_epi64_epi8(lanes, _mm512_loadu_si512(matrix + k), 0));
		index = _mm512_add_epi8(index, _mm512_set1_epi8(LANES));
		k += LANES;
	} while (k < len + 3);
	half = _mm256_xor_si256(_mm512_castsi512_si256(sum), _mm512_extracti64x4_epi64(sum, 1));
	quarter = _mm_xor_si128(_mm256_castsi256_si128(half), _mm256_extracti128_si256(half, 1));
	quarter = _mm_xor_si128(quarter, _mm_unpackhi_epi64(quarter, quarter));
	return (uint32_t)_mm_cvtsi128_si32(quarter);
}
