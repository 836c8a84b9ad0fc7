/* ip.c - the way through IP headers; see ip.h. */
#include "pkt/ip.h"

#include <netinet/in.h>

#include "pkt/wire.h"

#define IP6_EXT_UNIT 8u /* RFC 8200, 4.3: lengths in 8 octets, the first 8 not counted */

static bool
ip4_walk(const uint8_t *ip, size_t n, struct ip_walk *out)
{
	uint32_t header, len;

	if (n < IP4_HEADER_LEN || ip[0] >> 4 != 4)
		return false;
	header = (ip[0] & 0xfu) * 4;
	len = get_be16(ip + IP4_LEN_AT);
	if (header < IP4_HEADER_LEN || len < header)
		return false;
	out->version = 4;
	out->len = len;
	out->proto = ip[IP4_PROTO_AT];
	out->fragment = get_be16(ip + IP4_FRAGMENT_AT) & IP4_FRAGMENT_BITS;
	if (!out->fragment)
		out->off = header;
	return true;
}

static bool
is_extension(uint8_t proto)
{
	return proto == IPPROTO_HOPOPTS || proto == IPPROTO_ROUTING || proto == IPPROTO_DSTOPTS ||
	       proto == IPPROTO_FRAGMENT;
}

/* The chain breaks off, with proto and off 0, where a header would end behind the packet or behind n. */
static void
ip6_walk_chain(const uint8_t *ip, size_t n, struct ip_walk *out)
{
	uint32_t off = IP6_HEADER_LEN;
	uint8_t proto = ip[IP6_NEXT_AT];

	/* Each step is 8 bytes at least, so n bounds the walk. */
	while (is_extension(proto)) {
		if (off + IP6_EXT_UNIT > out->len)
			return;
		if (off + IP6_EXT_UNIT > n) {
			out->beyond = true;
			return;
		}
		out->fragment = proto == IPPROTO_FRAGMENT;
		proto = ip[off];
		if (out->fragment) {
			out->proto = proto;
			return;
		}
		off += (ip[off + 1] + 1) * IP6_EXT_UNIT;
	}
	if (off > out->len)
		return;
	out->proto = proto;
	out->off = off;
}

static bool
ip6_walk(const uint8_t *ip, size_t n, struct ip_walk *out)
{
	if (n < IP6_HEADER_LEN || ip[0] >> 4 != 6)
		return false;
	out->version = 6;
	out->len = IP6_HEADER_LEN + get_be16(ip + IP6_LEN_AT);
	ip6_walk_chain(ip, n, out);
	return true;
}

bool
ip_walk(const uint8_t *ip, size_t n, uint16_t ether_type, struct ip_walk *out)
{
	*out = (struct ip_walk){ 0 };
	if (ether_type == TYPE_IPV4)
		return ip4_walk(ip, n, out);
	return ether_type == TYPE_IPV6 && ip6_walk(ip, n, out);
}
