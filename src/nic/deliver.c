/* deliver.c - what burst_admit seldom does; see deliver.h. */
#include "nic/deliver.h"

int
burst_finish(struct burst *b, struct pkt *pkt, enum drop_reason *why)
{
	unsigned i = (unsigned)(pkt - b->pkt);
	uint8_t *frame;
	uint32_t len;

	if (!pkt->writable && pkt_gather(pkt, burst_room(b, i), BURST_ROOM, &b->seg[i * BURST_SEGS]) == 0)
		return -1;
	frame = pkt->segs[0].iov_base;
	len = (uint32_t)pkt->segs[0].iov_len;
	if (pkt_claim_finish(frame, len, pkt->claim.csum_start, pkt->claim.csum_offset) < 0)
		return -1;
	pkt_view(pkt, frame, len);
	memset(&pkt->claim, 0, sizeof(pkt->claim));
	return pkt_parse(pkt, why) == 0 ? 0 : -1;
}
