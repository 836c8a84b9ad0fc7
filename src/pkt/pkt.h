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
#include <sys/uio.h>

#include "pkt/drop.h"

#define PKT_HDR_MAX 128                /* design idea 2; longer headers are dropped with a reason of their own */
#define PKT_BURST 32                   /* packets taken from one queue at a time */
#define PKT_FRAME_MAX (65535 + 14 + 4) /* an IPv4 packet of full length, Ethernet header, one tag */
#define PKT_SEGS_MAX 20                /* spans that one packet may consist of at a sink, headers included */

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
	enum pkt_gso gso;
	bool gso_ecn;      /* first segment may carry CWR: VIRTIO_NET_HDR_GSO_ECN */
	uint16_t gso_size; /* payload bytes per segment */
};

struct pkt {
	uint8_t hdr[PKT_HDR_MAX];
	uint16_t hdr_len; /* valid bytes in hdr, tag taken out */
	uint16_t skip;    /* bytes at the start of segs that hdr stands for, tag counted */
	uint32_t len;     /* bytes of the frame, tag not counted: hdr_len + rest of segs */

	const struct iovec *segs; /* the frame as it lies in the sender's memory */
	uint16_t n_segs;

	uint16_t vid; /* 0 untagged or priority tagged, else 1 to 4094 */
	uint8_t pcp;
	bool tagged; /* a tag was taken out of hdr */

	uint8_t ip_version;   /* 4, 6, or 0 for anything else */
	uint8_t l4_proto;     /* IPPROTO_*, 0 when there is none that we know */
	bool fragment;        /* any fragment, the first one too: hashed by address pair */
	uint16_t l4_off;      /* bytes from the start of hdr; 0 when there is no L4 header */
	uint16_t payload_off; /* end of the L4 header; 0 likewise */

	uint8_t csum; /* enum pkt_csum */
	uint8_t gso;  /* enum pkt_gso */
	bool gso_ecn;
	uint16_t gso_size;

	struct pkt_claim claim; /* the sender's, as read; input of pkt_parse only */
	void *cookie;           /* the source's own: an mbuf, a descriptor head */
};

/*
 * Reads pkt->hdr (filled with the first bytes of the frame as it lies in memory: hdr_len = skip =
 * min(frame, PKT_HDR_MAX), len = whole frame) and pkt->claim; fills all fields behind n_segs, takes one
 * 802.1Q tag (0x8100) out of hdr. Malformed L3 or L4 of a frame that asks for nothing is not an error: it is
 * forwarded as plain Ethernet (ip_version 0), as a switch does. A claim that does not fit the frame is one,
 * except a plain checksum request at another place than our parse finds (tunnels), see pkt_claim_finish.
 * Returns 0, or -1 and *why: RUNT (below 14 bytes), HEADERS_TOO_LONG (a claim needs headers that are not in
 * the copy), BAD_OFFLOAD (gso_size 0, wrong protocol, checksum field outside the frame).
 */
int pkt_parse(struct pkt *pkt, enum drop_reason *why);

/*
 * Finishes a checksum request (claim.csum) at any place inside a frame that lies in one writable buffer of ours
 * (a TAP read buffer): for requests that pkt_parse cannot express as its own L4 (tunnels). Called before the
 * header is copied. Returns 0, or -1 when start + offset + 2 lies outside the frame.
 */
int pkt_claim_finish(uint8_t *frame, uint32_t len, uint16_t start, uint16_t offset);

/* Whether the L4 checksum request in claim is the one that our own parse would make. Call after pkt_parse. */
bool pkt_is_gso(const struct pkt *pkt);
#endif
