#ifndef PKT_PKT_H
#define PKT_PKT_H
/*
 * pkt.h - the packet view: a checked copy of the headers, and where the rest lies.
 *
 * A packet stays in its sender's memory. Its first bytes (at most PKT_HDR_MAX) are
 * copied once into the worker's own cache, and only that copy is parsed, edited and
 * sent on, so that a sender that rewrites its memory changes payload, never a header
 * that was checked. What was copied stands for the first `skip` bytes of `segs`.
 *
 * One outer 802.1Q tag is taken out of the copy into vid/pcp/tagged at parse time and
 * put back, or not, for each receiver.
 *
 * Checksum and segmentation state is re-made from our own parse, never copied from
 * what a sender claims. Written by: the worker that polled the burst. Workers only.
 */
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/uio.h>

#include "pkt/drop.h"

#define PKT_HDR_MAX 128                /* design idea 2; longer headers are dropped with a reason of their own */
#define PKT_BURST 32                   /* packets taken from one queue at a time */
#define PKT_FRAME_MAX (65535 + 14 + 4) /* an IPv4 packet of full length, Ethernet header, one tag */
#define PKT_SEGS_MAX 28                /* spans that one packet may consist of at a sink, headers included */
#define PKT_GSO_FRAMES_MAX 2340        /* 65535 bytes at 28 a segment: TCP at IPv4's least MTU, 68 (RFC 791, 3.2) */

enum pkt_csum {
	PKT_CSUM_NONE,    /* complete, as far as the sender says: the receiver checks it */
	PKT_CSUM_PARTIAL, /* L4 checksum field holds the pseudo header sum; someone must finish it */
	PKT_CSUM_GOOD,    /* checked by a NIC; the receiver need not */
	PKT_CSUM_UNKNOWN, /* from a wire, not checked by anybody */
};

enum pkt_gso { PKT_GSO_NONE, PKT_GSO_TCP4, PKT_GSO_TCP6, PKT_GSO_UDP4, PKT_GSO_UDP6 };

/* What a sender says of a frame (a virtio-net header), before we believe any of it. Host byte order. */
struct pkt_claim {
	bool csum;            /* wants its checksum finished: csum_start and csum_offset count */
	uint16_t csum_start;  /* bytes from the start of the frame as it lies in memory */
	uint16_t csum_offset; /* bytes from csum_start */
	bool csum_good;       /* a NIC checked it (uplinks only) */
	bool unchecked;       /* from a wire, and nobody checked it: PKT_CSUM_UNKNOWN unless csum_good */
	enum pkt_gso gso;
	uint16_t gso_size; /* payload bytes per segment */
};

struct pkt {
	uint8_t hdr[PKT_HDR_MAX];
	uint16_t hdr_len; /* valid bytes in hdr, tag taken out */
	uint16_t skip;    /* bytes at the start of segs that hdr stands for, tag counted */
	uint32_t len;     /* bytes of the frame, tag not counted: hdr_len + rest of segs */

	const struct iovec *segs; /* the frame as it lies in the sender's memory */
	uint16_t n_segs;
	bool writable; /* segs is one span of the worker's own memory (a TAP read buffer): its bytes may be edited */

	uint16_t vid; /* 0 untagged or priority tagged, else 1 to 4094 */
	uint8_t pcp;
	bool tagged; /* a tag was taken out of hdr */

	/* Down to payload_off: filled by pkt_parse, and where csum is PARTIAL or GOOD; pkt_admit leaves them alone else. */
	uint8_t ip_version;   /* 4, 6, or 0 for anything else; the IP header stands at ETH_HEADER_LEN in hdr */
	uint8_t l4_proto;     /* IPPROTO_* that the IP headers name, of a fragment too; 0 when they break off */
	bool fragment;        /* any fragment, the first one too: hashed by address pair */
	uint16_t l4_off;      /* bytes from the start of hdr; 0 when there is no whole TCP or UDP header */
	uint16_t payload_off; /* end of the L4 header; 0 likewise */

	uint8_t csum; /* enum pkt_csum */
	uint8_t gso;  /* enum pkt_gso; always with PKT_CSUM_PARTIAL */
	bool gso_ecn; /* with gso: CWR is set, VIRTIO_NET_HDR_GSO_ECN */
	uint16_t gso_size;

	struct pkt_claim claim; /* the sender's, as read; input of pkt_parse only */
	void *cookie;           /* the source's own: an mbuf, a descriptor head */
};

/*
 * n <= PKT_HDR_MAX bytes, in moves of constant length: a call of memcpy costs as much as what it copies here. Some bytes are
 * moved twice.
 */
static inline void
pkt_copy_header(void *to, const void *from, uint32_t n)
{
	if (n >= 64) {
		memcpy(to, from, 64);
		if (n > 64)
			memcpy((uint8_t *)to + n - 64, (const uint8_t *)from + n - 64, 64);
	} else if (n >= 32) {
		memcpy(to, from, 32);
		memcpy((uint8_t *)to + n - 32, (const uint8_t *)from + n - 32, 32);
	} else {
		memcpy(to, from, n);
	}
}

/* The header copy of a frame whose first len bytes lie at bytes: fills hdr, hdr_len, skip and len. */
static inline void
pkt_view(struct pkt *pkt, const void *bytes, uint32_t len)
{
	pkt->len = len;
	pkt->hdr_len = (uint16_t)(len < PKT_HDR_MAX ? len : PKT_HDR_MAX);
	pkt->skip = pkt->hdr_len;
	pkt_copy_header(pkt->hdr, bytes, pkt->hdr_len);
}

/*
 * Reads pkt->hdr (filled with the first bytes of the frame as it lies in memory: hdr_len = skip =
 * min(frame, PKT_HDR_MAX), len = whole frame) and pkt->claim; fills all fields behind n_segs, takes one
 * 802.1Q tag (0x8100) out of hdr (its DEI bit is not kept). Malformed L3 or L4 of a frame that asks for nothing is
 * not an error: it is forwarded as a switch does, with ip_version 0 (L3) or l4_off 0 (L4). gso is NONE when
 * one segment holds all; csum is GOOD only with an L4 header that our own parse finds too.
 *
 * Returns
 *	0	parsed
 *	1	finish the checksum first: claim.csum without gso, inside the frame, but not the request that our own
 *		parse would make (a tunnel, an IPv6 routing header). A source whose frame lies in its own memory calls
 *		pkt_claim_finish and fills and parses pkt anew without a claim; any other drops it for *why.
 *	-1	drop it for *why: RUNT (below 14 bytes, or 18 with a tag), VLAN_DENIED (VID 4095), HEADERS_TOO_LONG (a
 *		claim needs headers that are not in the copy), BAD_OFFLOAD (gso without csum, gso_size 0, another
 *		protocol, checksum field outside the frame, more than PKT_GSO_FRAMES_MAX frames)
 * After 1 and -1 pkt holds no packet.
 */
int pkt_parse(struct pkt *pkt, enum drop_reason *why);

/*
 * Makes a parsed packet again what pkt_parse takes, as if it had come with TCI `tag` (-1: without a tag): for who parses it a second time.
 * With hdr full to its last four bytes, a tag that is added puts as many out of the copy, back to where they lie in segs.
 */
void pkt_unparse(struct pkt *pkt, int tag);

/*
 * Finishes a checksum request (claim.csum) at any place inside a frame that lies in one writable buffer of ours
 * (a TAP read buffer), when pkt_parse says so. start counts from the start of the frame as it lies in memory, a tag
 * counted; the field holds the sender's pseudo header sum. Returns 0, or -1 when start + offset + 2 lies outside.
 */
int pkt_claim_finish(uint8_t *frame, uint32_t len, uint16_t start, uint16_t offset);

/* Whether a receiver without segmentation needs pkt cut (build.h). */
static inline bool
pkt_is_gso(const struct pkt *pkt)
{
	return pkt->gso != PKT_GSO_NONE;
}
#endif
