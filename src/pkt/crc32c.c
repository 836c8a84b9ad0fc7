/* crc32c.c - see crc32c.h. */
#include "pkt/crc32c.h"

#include <string.h>

#if defined(__SSE4_2__)
#include <nmmintrin.h>

uint32_t
crc32c(const void *data, size_t len)
{
	const uint8_t *p = data;
	uint64_t crc = UINT32_MAX, eight;

	for (; len >= sizeof(eight); len -= sizeof(eight), p += sizeof(eight)) {
		memcpy(&eight, p, sizeof(eight));
		crc = _mm_crc32_u64(crc, eight);
	}
	for (; len > 0; len--, p++)
		crc = _mm_crc32_u8((uint32_t)crc, *p);
	return ~(uint32_t)crc;
}
#else
/* Four bits at a time: of 0x82f63b78, the polynomial 0x1edc6f41 with its bits the other way round. */
uint32_t
crc32c(const void *data, size_t len)
{
	static const uint32_t table[16] = { 0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc, 0x5125dad3,
					    0x61c69362, 0x7198540d, 0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9,
					    0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75 };
	const uint8_t *p = data;
	uint32_t crc = UINT32_MAX;

	for (; len > 0; len--) {
		crc ^= *p++;
		crc = crc >> 4 ^ table[crc & 15];
		crc = crc >> 4 ^ table[crc & 15];
	}
	return ~crc;
}
#endif
