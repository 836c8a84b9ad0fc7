#ifndef NIC_FLOWHASH_H
#define NIC_FLOWHASH_H
/*
 * flowhash.h - which bytes of an IP packet the RSS hash is made of, by the NDIS hash types. One function for the front end,
 * which looks at frames, and for spread.h, which has packets that were parsed: both find the same hash. Any thread; immutable once
 * made.
 */
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pkt/toeplitz.h"
#include "pkt/wire.h"

/*
 * Hash types, OR-ed: NDIS_HASH_*, in numbers of our own. A packet takes the widest that fits it: addresses and ports, else the address
 * pair, else none at all; fragments, the first one too, take the pair. Of IPv6, where both are asked for, the _EX one: the home
 * addresses of Mobile IPv6 in place of source and destination, where a packet has them (RFC 6275, 6.3 and 6.4).
 */
#define HASH_IPV4 0x1
#define HASH_TCP_IPV4 0x2
#define HASH_UDP_IPV4 0x4
#define HASH_IPV6 0x8
#define HASH_TCP_IPV6 0x10
#define HASH_UDP_IPV6 0x20
#define HASH_IPV6_EX 0x40
#define HASH_TCP_IPV6_EX 0x80
#define HASH_UDP_IPV6_EX 0x100
#define HASH_TYPES_ALL 0x1ff
#define HASH_TYPES_PLAIN 0x3f /* all but _EX: the default */
#define HASH_TYPES_PAIR (HASH_IPV4 | HASH_IPV6 | HASH_IPV6_EX)
#define HASH_TYPES_EX (HASH_IPV6_EX | HASH_TCP_IPV6_EX | HASH_UDP_IPV6_EX)

/*
 * Bytes from the IP header on in which headers are looked for: what a packet's header copy (PKT_HDR_MAX) holds behind Ethernet and a
 * tag. Ports further behind are not found, and the address pair is hashed.
 */
#define FLOWHASH_REACH 110

struct flowhash {
	const struct toeplitz *toeplitz; /* borrowed */
	uint16_t type4[256];             /* one HASH_* by IP protocol, 0: no hash */
	uint16_t type6[256];
	uint16_t pair4, pair6; /* the same of what shows no ports */
};

/* types: HASH_*; with toeplitz NULL nothing is hashed. Control. */
void flowhash_init(struct flowhash *h, const struct toeplitz *toeplitz, unsigned types);

/* Any IP packet: options, extension headers, fragments, what is too short. As flowhash_ip. */
uint16_t flowhash_walk(const struct flowhash *h, const uint8_t *ip, size_t n, uint16_t ether_type, uint32_t *hash);

/*
 * The hash of the packet whose IP header is at ip, n bytes of which may be read; any bytes, any length. Ports are hashed where the
 * headers say that TCP or UDP begins, lengths in them do not matter; AH and ESP are hashed by address pair. Returns one HASH_*, or 0 and leaves
 * *hash alone: not IP, or of no type that was asked for. For the frames that matter (IPv4 without options, IPv6 without extension
 * headers) addresses and ports lie beside each other and are hashed where they lie.
 */
static inline uint16_t
flowhash_ip(const struct flowhash *h, const uint8_t *ip, size_t n, uint16_t ether_type, uint32_t *hash)
{
	uint16_t type;

	if (ether_type == TYPE_IPV4 && n >= IP4_HEADER_LEN + PORTS_LEN && ip[0] == IP4_NO_OPTIONS &&
	    !(get_be16(ip + IP4_FRAGMENT_AT) & IP4_FRAGMENT_BITS)) {
		type = h->type4[ip[IP4_PROTO_AT]];
		if (type != 0)
			*hash = toeplitz_hash(h->toeplitz, ip + IP4_ADDRS_AT,
					      IP4_ADDRS_LEN + (type == HASH_IPV4 ? 0 : PORTS_LEN));
		return type;
	}
	if (ether_type == TYPE_IPV6 && n >= IP6_HEADER_LEN + PORTS_LEN && ip[0] >> 4 == 6 &&
	    (ip[IP6_NEXT_AT] == IPPROTO_TCP || ip[IP6_NEXT_AT] == IPPROTO_UDP)) {
		type = h->type6[ip[IP6_NEXT_AT]];
		if (type != 0)
			*hash = toeplitz_hash(h->toeplitz, ip + IP6_ADDRS_AT,
					      IP6_ADDRS_LEN + (type & HASH_TYPES_PAIR ? 0 : PORTS_LEN));
		return type;
	}
	return flowhash_walk(h, ip, n, ether_type, hash);
}
#endif
