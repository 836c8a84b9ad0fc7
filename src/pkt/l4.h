#ifndef PKT_L4_H
#define PKT_L4_H
/*
 * l4.h - lengths and sums of a parsed packet's L4, from its header copy. For pkt/ itself: all of it needs
 * pkt->l4_off != 0. Workers only.
 */
#include <netinet/in.h>

#include "pkt/csum.h"
#include "pkt/pkt.h"
#include "pkt/wire.h"

/* Where the checksum stands in the L4 header. */
static inline uint16_t
l4_csum_at(const struct pkt *pkt)
{
	return pkt->l4_proto == IPPROTO_TCP ? TCP_CSUM_AT : UDP_CSUM_AT;
}

/* Bytes from the start of hdr to the end of the IP packet; what follows in the frame is Ethernet padding. */
static inline uint32_t
ip_end(const struct pkt *pkt)
{
	const uint8_t *ip = pkt->hdr + ETH_HEADER_LEN;

	if (pkt->ip_version == 4)
		return ETH_HEADER_LEN + get_be16(ip + IP4_LEN_AT);
	return ETH_HEADER_LEN + IP6_HEADER_LEN + get_be16(ip + IP6_LEN_AT);
}

/* Bytes that the L4 checksum covers: header and payload. */
static inline uint32_t
l4_len(const struct pkt *pkt)
{
	if (pkt->l4_proto == IPPROTO_UDP)
		return get_be16(pkt->hdr + pkt->l4_off + UDP_LEN_AT);
	return ip_end(pkt) - pkt->l4_off;
}

static inline uint32_t
l4_payload_len(const struct pkt *pkt)
{
	return l4_len(pkt) - (pkt->payload_off - pkt->l4_off);
}

/* The pseudo header's sum for len bytes of L4, below 64 KiB (RFC 9293, 3.1; RFC 8200, 8.1). */
static inline uint16_t
l4_pseudo_sum(const struct pkt *pkt, uint32_t len)
{
	const uint8_t *ip = pkt->hdr + ETH_HEADER_LEN;
	uint64_t sum = csum_add16(csum_add16(0, pkt->l4_proto), (uint16_t)len);

	if (pkt->ip_version == 4)
		return csum_fold(csum_add(sum, ip + IP4_ADDRS_AT, IP4_ADDRS_LEN));
	return csum_fold(csum_add(sum, ip + IP6_ADDRS_AT, IP6_ADDRS_LEN));
}
#endif
