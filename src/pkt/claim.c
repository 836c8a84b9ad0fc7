/* claim.c - a virtio-net header read; see claim.h. */
#include "pkt/claim.h"

#include <endian.h>

#include "pkt/build.h"
#include "pkt/wire.h"

/* A UDP segmentation request names no IP version: our own look at the frame decides, tag or not. */
static enum pkt_gso
udp_gso_kind(const struct pkt *pkt)
{
	const uint8_t *type = &pkt->hdr[ETH_ADDRS_LEN];

	if (get_be16(type) == TYPE_VLAN)
		type += VLAN_TAG_LEN;
	return get_be16(type) == TYPE_IPV4 ? PKT_GSO_UDP4 : PKT_GSO_UDP6;
}

static enum pkt_gso
gso_kind(const struct pkt *pkt, uint8_t type)
{
	switch (type & ~VIRTIO_NET_HDR_GSO_ECN) {
	case VIRTIO_NET_HDR_GSO_TCPV4:
		return PKT_GSO_TCP4;
	case VIRTIO_NET_HDR_GSO_TCPV6:
		return PKT_GSO_TCP6;
	case VIRTIO_NET_GSO_UDP_L4:
		return udp_gso_kind(pkt);
	default:
		return PKT_GSO_NONE;
	}
}

void
pkt_claim_offloads(struct pkt *pkt, const struct virtio_net_hdr *h)
{
	struct pkt_claim *c = &pkt->claim;

	c->csum = h->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM;
	c->csum_start = le16toh(h->csum_start);
	c->csum_offset = le16toh(h->csum_offset);
	c->gso = gso_kind(pkt, h->gso_type);
	c->gso_size = le16toh(h->gso_size);
}
