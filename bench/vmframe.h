#ifndef BENCH_VMFRAME_H
#define BENCH_VMFRAME_H
/* vmframe.h - frames that load programs send: a virtio-net header, Ethernet, IPv4, UDP or TCP. Any thread. */
#include <stddef.h>
#include <stdint.h>

#define VM_HEADER 12   /* bytes of the virtio-net header with VERSION_1 (virtio 1.2, 5.1.6) */
#define VM_ETHERNET 14 /* of an Ethernet header */
#define VM_IPV4 20     /* of an IPv4 header without options */
#define VM_UDP 8
#define VM_TCP 20
#define VM_UDP_PORT 7000 /* source port of flow 0 (our choice) */

#define VM_L4_AT (VM_HEADER + VM_ETHERNET + VM_IPV4) /* from the virtio-net header on */
#define VM_NUMBER_AT (VM_L4_AT + VM_UDP)             /* where a program may write a number into a UDP frame */
#define VM_SEQ_AT (VM_L4_AT + 4)                     /* the sequence number of a TCP frame */

struct vmframe {
	const uint8_t *from, *to; /* MAC addresses */
	unsigned way;             /* 0 or 1: which IPv4 address sends */
	unsigned flow;            /* added to VM_UDP_PORT */
	uint32_t len;             /* bytes of the frame, at least VM_NUMBER_AT - VM_HEADER */
};

/*
 * Writes a virtio-net header of zeros and a UDP frame, without a UDP checksum (RFC 768 allows it), so that numbers in it may change.
 */
void vmframe_udp(uint8_t *at, const struct vmframe *f);

/*
 * Writes a TCP frame that the device is to cut into segments of mss bytes: TSO asked for in the virtio-net header, a partial
 * checksum. Its payload, from VM_L4_AT + VM_TCP on, stays what it is.
 */
void vmframe_lso(uint8_t *at, const struct vmframe *f, uint16_t mss);

/* Writes the shortest frame, of len 60, of no protocol: looks for somebody who forwards. */
void vmframe_probe(uint8_t *at, const struct vmframe *f);

/* RFC 1071 over len bytes, added to sum; and a sum in 16 bits, not inverted. */
uint32_t vmframe_sum(uint32_t sum, const uint8_t *data, size_t len);
uint16_t vmframe_fold(uint32_t sum);
#endif
