#ifndef GUEST_FRAME_H
#define GUEST_FRAME_H
/*
 * frame.h - inside sources and sinks of guests, whatever their rings look like: limits of a burst, the view of a frame in pieces, and
 * bursts that are sorted by receive ring. Lanes.
 */
#include <rte_branch_prediction.h>

#include "pkt/build.h"
#include "pkt/pkt.h"

/* Bytes that one burst moves: with 64 KiB frames it would otherwise keep the other queues waiting for 200 us. As in tap.c. */
#define BURST_BYTES (256 * 1024)
/*
 * Descriptors that one burst looks at, beyond frames of one: 32 chains of 1024 that are no frame would keep the other queues waiting for
 * 300 us, these for 40. 32 frames of 64 KiB have 1,100 from FreeBSD. Our choice.
 */
#define BURST_DESCS 4096

/* The view of a frame of len bytes that lies in pkt->segs. */
static inline void
frame_view(struct pkt *pkt, uint32_t len)
{
	uint16_t done = 0;

	pkt->len = len;
	pkt->hdr_len = (uint16_t)(len < PKT_HDR_MAX ? len : PKT_HDR_MAX);
	pkt->skip = pkt->hdr_len;
	for (const struct iovec *seg = pkt->segs; done < pkt->hdr_len; seg++) {
		uint16_t left = pkt->hdr_len - done, here = seg->iov_len < left ? (uint16_t)seg->iov_len : left;

		memcpy(pkt->hdr + done, seg->iov_base, here);
		done += here;
	}
}

/* Whether pkt, cut or not, has no frame of more than `longest` bytes, tag not counted. */
static inline bool
frame_fits(const struct pkt *pkt, uint32_t longest)
{
	return likely(pkt->len <= longest) || pkt_cut_longest(pkt, PKT_TAG_NONE) <= longest;
}

static inline bool
frames_fit(struct pkt *const *pkts, unsigned n, uint32_t longest)
{
	for (unsigned i = 0; i < n; i++)
		if (unlikely(!frame_fits(pkts[i], longest)))
			return false;
	return true;
}

/* Some of a burst's packets, in order, and where they stand in it. */
struct frame_group {
	struct pkt *pkt[PKT_BURST];
	int tag[PKT_BURST];
	uint8_t verdict[PKT_BURST], at[PKT_BURST];
	unsigned n;
};

static inline void
frame_group_add(struct frame_group *g, struct pkt *pkt, int tag, unsigned at)
{
	g->pkt[g->n] = pkt;
	g->tag[g->n] = tag;
	g->at[g->n++] = (uint8_t)at;
}

/* Their verdicts to their places in the burst. */
static inline void
frame_group_verdicts(const struct frame_group *g, uint8_t *verdict)
{
	for (unsigned i = 0; i < g->n; i++)
		verdict[g->at[i]] = g->verdict[i];
}
#endif
