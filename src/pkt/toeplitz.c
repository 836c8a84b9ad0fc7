/*
 * toeplitz.c - the RSS hash by tables, and the choice of the way; see toeplitz.h.
 *
 * The hash is linear: it is the exclusive or of what each input byte gives at its place. One table of 256 for each
 * of 36 places, 36 KiB in all, of which IPv4 with ports touches 12.
 */
#include "pkt/toeplitz.h"

#include <stdlib.h>
#include <string.h>

#include "pkt/toeplitz_gfni.h"

#define WORD 4u

/* NDIS, "Verifying the RSS Hash Calculation". */
const uint8_t toeplitz_default_key[TOEPLITZ_KEY_LEN] = {
	0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67, 0x25, 0x3d, 0x43, 0xa3,
	0x8f, 0xb0, 0xd0, 0xca, 0x2b, 0xcb, 0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3,
	0x80, 0x30, 0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa,
};

struct toeplitz {
	_Alignas(64) uint64_t matrix[TOEPLITZ_GFNI_MATRICES]; /* a vector of them is one cache line */
	bool gfni;
	uint32_t table[][256]; /* TOEPLITZ_INPUT_MAX of them, none with gfni */
};

/* The 32 key bits from bit number first on. */
static uint32_t
key_window(const uint8_t key[TOEPLITZ_KEY_LEN], unsigned first)
{
	const uint8_t *p = key + first / 8;
	unsigned shift = first % 8;
	uint32_t window = (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];

	return shift == 0 ? window : window << shift | p[4] >> (8 - shift);
}

static void
fill_tables(struct toeplitz *t, const uint8_t key[TOEPLITZ_KEY_LEN])
{
	for (unsigned at = 0; at < TOEPLITZ_INPUT_MAX; at++) {
		t->table[at][0] = 0;
		for (unsigned byte = 1; byte < 256; byte++) {
			unsigned lowest = (unsigned)__builtin_ctz(byte);

			/* One bit more than a byte that is done already. */
			t->table[at][byte] = t->table[at][byte & (byte - 1)] ^ key_window(key, 8 * at + 7 - lowest);
		}
	}
}

struct toeplitz *
toeplitz_new(const uint8_t key[TOEPLITZ_KEY_LEN], bool gfni)
{
	bool use_gfni = gfni && toeplitz_gfni_supported();
	struct toeplitz *t;

	t = aligned_alloc(_Alignof(struct toeplitz),
			  sizeof(*t) + (use_gfni ? 0 : TOEPLITZ_INPUT_MAX * sizeof(t->table[0])));
	if (!t)
		return NULL;
	t->gfni = use_gfni;
	if (use_gfni)
		toeplitz_gfni_fill(t->matrix, key);
	else
		fill_tables(t, key);
	return t;
}

void
toeplitz_free(struct toeplitz *t)
{
	free(t);
}

bool
toeplitz_is_gfni(const struct toeplitz *t)
{
	return t->gfni;
}

uint32_t
toeplitz_hash(const struct toeplitz *t, const uint8_t *input, size_t len)
{
	const uint32_t(*place)[256] = t->table;
	uint32_t hash = 0;

	if (t->gfni)
		return toeplitz_gfni_hash(t->matrix, input, len);
	/* All inputs of RSS are whole words; the inner loop is unrolled by the compiler. */
	for (; len >= WORD; len -= WORD, input += WORD, place += WORD)
		for (unsigned i = 0; i < WORD; i++)
			hash ^= place[i][input[i]];
	for (; len > 0; len--, input++, place++)
		hash ^= (*place)[*input];
	return hash;
}
