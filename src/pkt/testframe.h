#ifndef PKT_TESTFRAME_H
#define PKT_TESTFRAME_H
/*
 * testframe.h - frames for tests, and a judge of frames that shares no code with what it judges.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pkt/pkt.h"

#define TESTFRAME_MAX (65535 + 14 + 4 + 64)

struct testframe {
	bool tagged;
	uint16_t tci;
	uint8_t version; /* 4, 6, or 0 for a frame of no IP */
	uint8_t proto;
	uint8_t ip_options; /* bytes of IPv4 options, a multiple of 4 up to 40 */
	uint16_t fragment;  /* the IPv4 field */
	const char
		*ext; /* IPv6 extension headers of 8 bytes, one letter each: h hop-by-hop, r routing, d, f fragment */
	uint8_t tcp_options;
	uint8_t tcp_flags;
	uint32_t seq;
	uint16_t id;
	uint32_t payload; /* bytes behind the L4 header */
	uint16_t padding; /* bytes behind the IP packet, 0xee each */
	bool partial;     /* the L4 checksum field holds the pseudo header's sum */
	bool udp_no_csum; /* the field is zero */
};

/* Where things lie in a frame that was made or judged; offsets from its start. */
struct testplace {
	uint32_t ip, l4, payload, end, len; /* end: of the IP packet; len: of the frame */
	uint16_t csum_at;                   /* in the L4 header */
};

/* Writes the frame to out (room for TESTFRAME_MAX bytes) and says where things lie. */
struct testplace testframe_make(const struct testframe *f, uint8_t *out);

/* The byte that testframe_make writes as payload byte number i. */
uint8_t testframe_byte(uint32_t i);

/* RFC 1071 read aloud: 16-bit big-endian words, end-around carry at each step, an odd byte at the left. */
uint16_t testframe_sum(uint16_t sum, const uint8_t *p, size_t len);

/*
 * Walks a frame of TCP or UDP (8-byte IPv6 extension headers allowed) and checks lengths and both checksums; UDP's
 * must be there. Returns true and *out, or false.
 */
bool testframe_judge(const uint8_t *frame, size_t len, struct testplace *out);

/*
 * Makes pkt stand for the frame at bytes, in segs of `piece` bytes each (0: one for all), as a source does before
 * pkt_parse; the claim is left as it is. Room in segs for PKT_SEGS_MAX - 3; the last takes what is left.
 */
void testframe_load(struct pkt *pkt, uint8_t *bytes, uint32_t len, struct iovec *segs, uint32_t piece);

/* The claim of an honest sender for a frame with `partial`. */
struct pkt_claim testframe_claim(const struct testplace *at, enum pkt_gso gso, uint16_t gso_size);
#endif
