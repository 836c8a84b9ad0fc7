#ifndef PKT_IP_H
#define PKT_IP_H
/*
 * ip.h - the way through IP headers to what they carry: one walk for everybody who looks at a frame. Any thread.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ip_walk {
	uint8_t version; /* 4 or 6 */
	uint8_t proto;   /* IPPROTO_* behind the headers that were walked, 0 when they broke off; of a fragment too */
	bool fragment;   /* any fragment, the first and the only one too */
	bool beyond;     /* the headers go on behind the bytes given */
	uint32_t off;    /* bytes from the IP header to the header of proto; 0: a fragment, or never reached */
	uint32_t len;    /* bytes of the packet as its header says, the IP header counted */
};

/*
 * Walks the IP header at ip, of which n bytes may be read, and IPv6 extension headers behind it (hop-by-hop, routing,
 * destination options; AH and ESP end the walk, because nothing behind them may be changed). Returns false, with
 * *out zero, when it is not IPv4 or IPv6 or its fixed part is broken. out->off may lie behind n.
 */
bool ip_walk(const uint8_t *ip, size_t n, uint16_t ether_type, struct ip_walk *out);

/* The addresses of an IPv6 packet that stay the same when its ends move (Mobile IPv6); bytes from the IP header. */
struct ip6_home {
	uint32_t src; /* to the home address of its sender (RFC 6275, 6.3), where there is none to the source address */
	uint32_t
		dst; /* to that of its receiver (type 2 routing header, 6.4), where there is none to the destination address */
};

/* For a packet of which ip_walk says that it is IPv6, by the same ip and n. What is malformed counts as not there. */
void ip6_find_home(const uint8_t *ip, size_t n, struct ip6_home *out);
#endif
