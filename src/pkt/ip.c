/* ip.c - the way through IP headers; see ip.h. */
#include "pkt/ip.h"

#include <netinet/in.h>

#include "pkt/wire.h"

#define IP6_EXT_UNIT 8u /* RFC 8200, 4.3: lengths in 8 octets, the first 8 not counted */

#define OPTION_PAD1 0           /* RFC 8200, 4.2: the only option without a length */
#define OPTION_HOME_ADDRESS 201 /* RFC 6275, 6.3 */
#define ROUTING_TYPE_2 2        /* RFC 6275, 6.4 */
#define ROUTING_2_UNITS 2       /* its length, always */
#define ROUTING_2_HOME_AT 8

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

/* The home address among the options that fill ip[off..end); 0 when there is none. */
static uint32_t
find_home_option(const uint8_t *ip, uint32_t off, uint32_t end)
{
	while (off + 2 <= end) {
		uint32_t len = ip[off + 1];

		if (ip[off] == OPTION_PAD1) {
			off++;
			continue;
		}
		if (off + 2 + len > end)
			return 0;
		if (ip[off] == OPTION_HOME_ADDRESS && len == IP6_ADDR_LEN)
			return off + 2;
		off += 2 + len;
	}
	return 0;
}

/* The home address in the routing header at off; 0 when it is none of type 2 that still has its one segment to go. */
static uint32_t
find_home_segment(const uint8_t *ip, uint32_t off)
{
	return ip[off + 1] == ROUTING_2_UNITS && ip[off + 2] == ROUTING_TYPE_2 && ip[off + 3] == 1
		       ? off + ROUTING_2_HOME_AT
		       : 0;
}

void
ip6_find_home(const uint8_t *ip, size_t n, struct ip6_home *out)
{
	uint32_t off = IP6_HEADER_LEN, end = IP6_HEADER_LEN + get_be16(ip + IP6_LEN_AT), src = 0, dst = 0;
	uint8_t proto = ip[IP6_NEXT_AT];

	if (end > n)
		end = (uint32_t)n;
	while (is_extension(proto) && proto != IPPROTO_FRAGMENT && off + IP6_EXT_UNIT <= end) {
		uint32_t len = (ip[off + 1] + 1) * IP6_EXT_UNIT;

		if (off + len > end)
			break;
		if (proto == IPPROTO_DSTOPTS && src == 0)
			src = find_home_option(ip, off + 2, off + len);
		if (proto == IPPROTO_ROUTING && dst == 0)
			dst = find_home_segment(ip, off);
		proto = ip[off];
		off += len;
	}
	out->src = src != 0 ? src : IP6_ADDRS_AT;
	out->dst = dst != 0 ? dst : IP6_ADDRS_AT + IP6_ADDR_LEN;
}
