#ifndef PKT_TOEPLITZ_H
#define PKT_TOEPLITZ_H
/*
 * toeplitz.h - the RSS hash (NdisHashFunctionToeplitz), 32-bit, 40-byte key.
 *
 * Two ways that give the same numbers: tables (any x86-64-v2, arm64) and GFNI with AVX-512 (chosen at run
 * time, toeplitz_gfni.c). Any thread; a struct toeplitz is immutable once made.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TOEPLITZ_KEY_LEN 40   /* covers 36 bytes of input and the 32-bit window */
#define TOEPLITZ_INPUT_MAX 36 /* two IPv6 addresses and two ports */

extern const uint8_t toeplitz_default_key[TOEPLITZ_KEY_LEN]; /* NDIS, "Verifying the RSS Hash Calculation" */

struct toeplitz; /* key and what was prepared from it */

/* Returns a new one that the caller frees with toeplitz_free, NULL without memory. gfni: use that path when the processor has it. */
struct toeplitz *toeplitz_new(const uint8_t key[TOEPLITZ_KEY_LEN], bool gfni);
void toeplitz_free(struct toeplitz *t);

/* Whether t runs on the GFNI path. */
bool toeplitz_is_gfni(const struct toeplitz *t);

/* Hash of len bytes in network byte order. len is at most TOEPLITZ_INPUT_MAX. */
uint32_t toeplitz_hash(const struct toeplitz *t, const uint8_t *input, size_t len);
#endif
