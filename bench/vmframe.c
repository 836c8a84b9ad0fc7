/* vmframe.c - see vmframe.h. */
#include "bench/vmframe.h"

#include <linux/virtio_net.h>
#include <netinet/in.h>
#include <string.h>

#define ETHERTYPE_IPV4 0x0800
#define ETHERTYPE_PROBE 0x88b5 /* IEEE 802-2014, 9.2.3: for local experiments */
#define TCP_CSUM 16            /* RFC 9293, 3.1: offset of the checksum */

uint32_t
vmframe_sum(uint32_t sum, const uint8_t *data, size_t len)
{
	for (size_t i = 0; i + 1 < len; i += 2) {
		sum += (uint32_t)data[i] << 8 | data[i + 1];
		sum = (sum & 0xffff) + (sum >> 16);
	}
	return len % 2 == 0 ? sum : sum + ((uint32_t)data[len - 1] << 8);
}

uint16_t
vmframe_fold(uint32_t sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)((sum & 0xffff) + (sum >> 16));
}

static void
put16(uint8_t *at, unsigned value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static void
put_ethernet(uint8_t *at, const struct vmframe *f, unsigned type)
{
	memcpy(at, f->to, 6);
	memcpy(at + 6, f->from, 6);
	put16(at + 12, type);
}

static void
put_ipv4(uint8_t *ip, const struct vmframe *f, unsigned protocol)
{
	memset(ip, 0, VM_IPV4);
	ip[0] = 0x45; /* RFC 791, 3.1: version 4, five words */
	put16(ip + 2, f->len - VM_ETHERNET);
	ip[6] = 0x40; /* do not fragment */
	ip[8] = 64;   /* RFC 1700: time to live */
	ip[9] = (uint8_t)protocol;
	/* RFC 2544, C.2.2: 198.18.0.0/15 is for benchmarks. */
	memcpy(ip + 12, (uint8_t[]){ 198, 18, 0, (uint8_t)(1 + f->way) }, 4);
	memcpy(ip + 16, (uint8_t[]){ 198, 18, 0, (uint8_t)(2 - f->way) }, 4);
	put16(ip + 10, (uint16_t)~vmframe_fold(vmframe_sum(0, ip, VM_IPV4)));
}

void
vmframe_udp(uint8_t *at, const struct vmframe *f)
{
	uint8_t *ip = at + VM_HEADER + VM_ETHERNET, *udp = ip + VM_IPV4;
	uint32_t udp_len = f->len - VM_ETHERNET - VM_IPV4;

	memset(at, 0, VM_HEADER + f->len);
	put_ethernet(at + VM_HEADER, f, ETHERTYPE_IPV4);
	put_ipv4(ip, f, IPPROTO_UDP);
	put16(udp, VM_UDP_PORT + f->flow);
	put16(udp + 2, VM_UDP_PORT);
	put16(udp + 4, udp_len);
	for (uint32_t i = VM_UDP; i < udp_len; i++)
		udp[i] = (uint8_t)i;
}

void
vmframe_lso(uint8_t *at, const struct vmframe *f, uint16_t mss)
{
	const struct virtio_net_hdr_v1 header = {
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
		.gso_type = VIRTIO_NET_HDR_GSO_TCPV4,
		.hdr_len = VM_ETHERNET + VM_IPV4 + VM_TCP,
		.gso_size = mss,
		.csum_start = VM_ETHERNET + VM_IPV4,
		.csum_offset = TCP_CSUM,
	};
	uint8_t *ip = at + VM_HEADER + VM_ETHERNET, *tcp = ip + VM_IPV4;

	memcpy(at, &header, VM_HEADER);
	put_ethernet(at + VM_HEADER, f, ETHERTYPE_IPV4);
	put_ipv4(ip, f, IPPROTO_TCP);
	memset(tcp, 0, VM_TCP);
	put16(tcp, VM_UDP_PORT + f->flow);
	put16(tcp + 2, VM_UDP_PORT);
	tcp[12] = VM_TCP / 4 << 4; /* RFC 9293, 3.1: words of the header, */
	tcp[13] = 0x10;            /* ACK, */
	put16(tcp + 14, 0xffff);   /* window */
	/* virtio 1.2, 5.1.6.2: the field holds the sum of the pseudo header, not inverted. */
	put16(tcp + TCP_CSUM, vmframe_fold(vmframe_sum(IPPROTO_TCP + f->len - VM_ETHERNET - VM_IPV4, ip + 12, 8)));
}

void
vmframe_probe(uint8_t *at, const struct vmframe *f)
{
	memset(at, 0, VM_HEADER + f->len);
	put_ethernet(at + VM_HEADER, f, ETHERTYPE_PROBE);
}
