#ifndef PKT_CLAIM_H
#define PKT_CLAIM_H
/*
 * claim.h - what a virtio-net header asks for, for pkt_parse to judge (virtio 1.2, 5.1.6.2). Workers only.
 */
#include <linux/virtio_net.h>

#include "pkt/pkt.h"

/* Fills pkt->claim from a header with flags or a segmentation type. pkt->hdr holds the first bytes of the frame. */
void pkt_claim_offloads(struct pkt *pkt, const struct virtio_net_hdr *h);

/* The same for any header. h is a copy of ours: the sender cannot change it any more. */
static inline void
pkt_claim_read(struct pkt *pkt, const struct virtio_net_hdr *h)
{
	memset(&pkt->claim, 0, sizeof(pkt->claim));
	if (h->flags != 0 || h->gso_type != VIRTIO_NET_HDR_GSO_NONE)
		pkt_claim_offloads(pkt, h);
}
#endif
