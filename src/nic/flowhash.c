/* flowhash.c - the hash types, and the packets whose headers have to be walked; see flowhash.h. */
#include "nic/flowhash.h"

#include <assert.h>

#include "pkt/ip.h"
#include "pkt/pkt.h"

static_assert(FLOWHASH_REACH == PKT_HDR_MAX - ETH_HEADER_LEN - VLAN_TAG_LEN,
	      "a tagged packet's header copy reaches as far");

/* Of two types for the same packets the wanted one, _EX first; else what there is without ports. */
static uint16_t
choose(unsigned types, unsigned ex, unsigned plain, uint16_t pair)
{
	return (uint16_t)(types & ex ? ex : types & plain ? plain : pair);
}

void
flowhash_init(struct flowhash *h, const struct toeplitz *toeplitz, unsigned types)
{
	if (toeplitz == NULL)
		types = 0;
	h->toeplitz = toeplitz;
	h->pair4 = types & HASH_IPV4;
	h->pair6 = choose(types, HASH_IPV6_EX, HASH_IPV6, 0);
	for (unsigned proto = 0; proto < 256; proto++) {
		h->type4[proto] = h->pair4;
		h->type6[proto] = h->pair6;
	}
	h->type4[IPPROTO_TCP] = choose(types, 0, HASH_TCP_IPV4, h->pair4);
	h->type4[IPPROTO_UDP] = choose(types, 0, HASH_UDP_IPV4, h->pair4);
	h->type6[IPPROTO_TCP] = choose(types, HASH_TCP_IPV6_EX, HASH_TCP_IPV6, h->pair6);
	h->type6[IPPROTO_UDP] = choose(types, HASH_UDP_IPV6_EX, HASH_UDP_IPV6, h->pair6);
}

/* Writes the addresses that are hashed; returns their length. */
static size_t
addresses(const struct ip_walk *walk, const uint8_t *ip, size_t n, uint16_t type, uint8_t *out)
{
	struct ip6_home home;

	if (walk->version == 4) {
		memcpy(out, ip + IP4_ADDRS_AT, IP4_ADDRS_LEN);
		return IP4_ADDRS_LEN;
	}
	if (type & HASH_TYPES_EX) {
		ip6_find_home(ip, n, &home);
		memcpy(out, ip + home.src, IP6_ADDR_LEN);
		memcpy(out + IP6_ADDR_LEN, ip + home.dst, IP6_ADDR_LEN);
	} else {
		memcpy(out, ip + IP6_ADDRS_AT, IP6_ADDRS_LEN);
	}
	return IP6_ADDRS_LEN;
}

uint16_t
flowhash_walk(const struct flowhash *h, const uint8_t *ip, size_t n, uint16_t ether_type, uint32_t *hash)
{
	uint8_t input[TOEPLITZ_INPUT_MAX];
	struct ip_walk walk;
	uint16_t type;
	size_t len;

	if (n > FLOWHASH_REACH)
		n = FLOWHASH_REACH;
	if (!ip_walk(ip, n, ether_type, &walk))
		return 0;
	type = walk.version == 4 ? h->pair4 : h->pair6;
	if (walk.off != 0 && walk.off + PORTS_LEN <= n)
		type = walk.version == 4 ? h->type4[walk.proto] : h->type6[walk.proto];
	if (type == 0)
		return 0;
	len = addresses(&walk, ip, n, type, input);
	if (!(type & HASH_TYPES_PAIR)) {
		memcpy(input + len, ip + walk.off, PORTS_LEN);
		len += PORTS_LEN;
	}
	*hash = toeplitz_hash(h->toeplitz, input, len);
	return type;
}
