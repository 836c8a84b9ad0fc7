#ifndef PKT_WIRE_H
#define PKT_WIRE_H
/*
 * wire.h - numbers of Ethernet, IP, TCP and UDP headers, and fields in network byte order. Any thread.
 */
#include <stdint.h>
#include <string.h>

#define ETH_ADDRS_LEN 12 /* two addresses; a tag goes behind them: IEEE 802.1Q-2022, 9.3 */
#define ETH_HEADER_LEN 14
#define VLAN_TAG_LEN 4
#define VID_RESERVED 4095 /* IEEE 802.1Q-2022, table 9-2 */

#define TYPE_IPV4 0x0800
#define TYPE_VLAN 0x8100
#define TYPE_IPV6 0x86dd

/* RFC 791, 3.1 */
#define IP4_HEADER_LEN 20
#define IP4_NO_OPTIONS 0x45 /* version 4, 5 words of header */
#define IP4_LEN_AT 2
#define IP4_ID_AT 4
#define IP4_FRAGMENT_AT 6
#define IP4_FRAGMENT_BITS 0x3fff /* more fragments, and the offset */
#define IP4_PROTO_AT 9
#define IP4_CSUM_AT 10
#define IP4_ADDRS_AT 12
#define IP4_ADDRS_LEN 8

/* RFC 8200, 3 */
#define IP6_HEADER_LEN 40
#define IP6_LEN_AT 4
#define IP6_NEXT_AT 6
#define IP6_ADDRS_AT 8
#define IP6_ADDRS_LEN 32
#define IP6_ADDR_LEN 16

/* RFC 9293, 3.1 */
#define TCP_HEADER_LEN 20
#define TCP_SEQ_AT 4
#define TCP_OFFSET_AT 12
#define TCP_FLAGS_AT 13
#define TCP_CSUM_AT 16
#define TCP_FIN 0x01
#define TCP_PSH 0x08
#define TCP_CWR 0x80

/* RFC 768 */
#define UDP_HEADER_LEN 8
#define UDP_LEN_AT 4
#define UDP_CSUM_AT 6

#define PORTS_LEN 4 /* source and destination port, first in TCP's and in UDP's header */

static inline uint16_t
get_be16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static inline uint32_t
get_be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static inline void
put_be16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static inline void
put_be32(uint8_t *p, uint32_t v)
{
	put_be16(p, (uint16_t)(v >> 16));
	put_be16(p + 2, (uint16_t)v);
}
#endif
