#ifndef BASE_ADDR_H
#define BASE_ADDR_H
/*
 * addr.h - MAC addresses and IP prefixes as text and bytes. Any thread.
 */
#include <endian.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define MAC_LEN 6
#define MAC_TEXT_LEN 18 /* "02:f1:00:00:00:01" and its NUL */
#define PREFIX_TEXT_LEN 52

struct mac {
	uint8_t byte[MAC_LEN];
};

/* An interface address: 10.77.0.1/24 or fd00::1/64. */
struct prefix {
	uint8_t family;   /* AF_INET or AF_INET6 */
	uint8_t bits;     /* 0 to 32 or 128 */
	uint8_t addr[16]; /* network byte order; an IPv4 address uses the first 4 */
};

/* Takes "xx:xx:xx:xx:xx:xx" (either case). Returns 0, or -EINVAL. */
int mac_parse(const char *text, struct mac *out);

/* Writes MAC_TEXT_LEN bytes, lower case; returns out. */
char *mac_format(const struct mac *mac, char out[MAC_TEXT_LEN]);

/* Takes ADDRESS/BITS; without /BITS the whole address counts. Returns 0, or -EINVAL. */
int prefix_parse(const char *text, struct prefix *out);

/* Writes PREFIX_TEXT_LEN bytes; returns out. */
char *prefix_format(const struct prefix *p, char out[PREFIX_TEXT_LEN]);

static inline bool
mac_is_zero(const struct mac *m)
{
	return (m->byte[0] | m->byte[1] | m->byte[2] | m->byte[3] | m->byte[4] | m->byte[5]) == 0;
}

/* Group addresses, broadcast among them: IEEE 802-2014, 8.2.2, the I/G bit. */
static inline bool
mac_is_group(const struct mac *m)
{
	return m->byte[0] & 1;
}

/* 01-80-C2-00-00-00 to -0F, which no bridge forwards: IEEE 802.1Q-2022, 8.6.3, table 8-1. */
static inline bool
mac_is_link_local(const struct mac *m)
{
	return mac_is_group(m) && m->byte[0] == 0x01 && m->byte[1] == 0x80 && m->byte[2] == 0xc2 && m->byte[3] == 0 &&
	       m->byte[4] == 0 && m->byte[5] < 0x10;
}

static inline bool
mac_equal(const struct mac *a, const struct mac *b)
{
	return memcmp(a->byte, b->byte, MAC_LEN) == 0;
}

/* The six bytes as a number, first byte on the wire highest. */
static inline uint64_t
mac_number(const uint8_t m[MAC_LEN])
{
	uint32_t high;
	uint16_t low;

	memcpy(&high, m, sizeof(high));
	memcpy(&low, m + sizeof(high), sizeof(low));
	return (uint64_t)be32toh(high) << 16 | be16toh(low);
}
#endif
