#ifndef PKT_TOEPLITZ_GFNI_H
#define PKT_TOEPLITZ_GFNI_H
/*
 * toeplitz_gfni.h - the RSS hash as products of 8 by 8 bit matrices (x86-64 with GFNI and AVX-512). For toeplitz.c.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TOEPLITZ_GFNI_MATRICES 40 /* 39 are needed for 36 bytes of input; five vectors of eight */

#ifdef __x86_64__
/* Whether this processor, and its operating system, can run toeplitz_gfni_hash. */
static inline bool
toeplitz_gfni_supported(void)
{
	return __builtin_cpu_supports("gfni") && __builtin_cpu_supports("avx512f") &&
	       __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vbmi");
}

void toeplitz_gfni_fill(uint64_t matrix[TOEPLITZ_GFNI_MATRICES], const uint8_t *key);
uint32_t toeplitz_gfni_hash(const uint64_t matrix[TOEPLITZ_GFNI_MATRICES], const uint8_t *input, size_t len);
#else
static inline bool
toeplitz_gfni_supported(void)
{
	return false;
}

static inline void
toeplitz_gfni_fill(uint64_t matrix[TOEPLITZ_GFNI_MATRICES], const uint8_t *key)
{
}

static inline uint32_t
toeplitz_gfni_hash(const uint64_t matrix[TOEPLITZ_GFNI_MATRICES], const uint8_t *input, size_t len)
{
	return 0;
}
#endif
#endif
