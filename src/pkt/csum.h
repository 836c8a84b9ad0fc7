#ifndef PKT_CSUM_H
#define PKT_CSUM_H
/*
 * csum.h - the Internet checksum (RFC 1071), as a running sum in the machine's byte order. Any thread.
 *
 * A sum is opened with 0, grows by csum_add and csum_add16, and is closed by csum_fold. RFC 1071, 2 (B): the sum
 * does not depend on byte order as long as its 16 bits are stored as they are (csum_store).
 */
#include <arpa/inet.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* sum and len bytes more. An odd last byte counts as if a zero followed, so only the last piece may be odd. */
uint64_t csum_add(uint64_t sum, const void *data, size_t len);

/* sum and a 16-bit number more, given in host byte order. */
static inline uint64_t
csum_add16(uint64_t sum, uint16_t host)
{
	return sum + htons(host);
}

/* The one's complement sum in 16 bits, not inverted. */
static inline uint16_t
csum_fold(uint64_t sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

/* Whether two folded sums are the same number: one's complement has two zeros. */
static inline bool
csum_same(uint16_t a, uint16_t b)
{
	return a == b || (a == 0 && b == 0xffff) || (a == 0xffff && b == 0);
}

static inline void
csum_store(uint8_t *field, uint16_t folded)
{
	memcpy(field, &folded, sizeof(folded));
}

static inline uint16_t
csum_load(const uint8_t *field)
{
	uint16_t folded;

	memcpy(&folded, field, sizeof(folded));
	return folded;
}
#endif
