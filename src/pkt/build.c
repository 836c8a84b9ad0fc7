/* build.c - a packet as spans and as a virtio-net header; see build.h. */
#include "pkt/build.h"

#include <endian.h>

#include "pkt/l4.h"
#include "pkt/wire.h"

/* The spans of the header copy, 1 or 3. Returns how many. */
static unsigned
head_spans(const struct pkt *pkt, int tag, uint8_t tag_room[VLAN_TAG_LEN], struct iovec out[3])
{
	uint8_t *hdr = (uint8_t *)(uintptr_t)pkt->hdr; /* an iovec has no const */

	if (tag == PKT_TAG_NONE) {
		out[0] = (struct iovec){ hdr, pkt->hdr_len };
		return 1;
	}
	put_be16(tag_room, TYPE_VLAN);
	put_be16(tag_room + 2, (uint16_t)tag);
	out[0] = (struct iovec){ hdr, ETH_ADDRS_LEN };
	out[1] = (struct iovec){ tag_room, VLAN_TAG_LEN };
	out[2] = (struct iovec){ hdr + ETH_ADDRS_LEN, pkt->hdr_len - ETH_ADDRS_LEN };
	return 3;
}

unsigned
pkt_spans(const struct pkt *pkt, int tag, uint8_t tag_room[4], struct iovec *out, unsigned max)
{
	size_t left = pkt->len - pkt->hdr_len, skip = pkt->skip;
	unsigned n;

	if (max < (tag == PKT_TAG_NONE ? 1 : 3))
		return 0;
	n = head_spans(pkt, tag, tag_room, out);
	for (unsigned i = 0; i < pkt->n_segs && left > 0; i++) {
		const struct iovec *seg = &pkt->segs[i];
		size_t len = seg->iov_len;

		if (len <= skip) {
			skip -= len;
			continue;
		}
		if (n == max)
			return 0;
		len = len - skip < left ? len - skip : left;
		out[n++] = (struct iovec){ (uint8_t *)seg->iov_base + skip, len };
		skip = 0;
		left -= len;
	}
	return left == 0 ? n : 0;
}

uint32_t
pkt_gather(struct pkt *pkt, uint8_t *room, uint32_t size, struct iovec *seg)
{
	uint32_t len = 0;

	for (unsigned i = 0; i < pkt->n_segs; i++) {
		if (pkt->segs[i].iov_len > size - len)
			return 0;
		memcpy(room + len, pkt->segs[i].iov_base, pkt->segs[i].iov_len);
		len += (uint32_t)pkt->segs[i].iov_len;
	}
	*seg = (struct iovec){ room, len };
	pkt->segs = seg;
	pkt->n_segs = 1;
	pkt->writable = true;
	return len;
}

void
pkt_virtio_header(const struct pkt *pkt, int tag, struct virtio_net_hdr *out)
{
	static const uint8_t kinds[] = {
		[PKT_GSO_NONE] = VIRTIO_NET_HDR_GSO_NONE,  [PKT_GSO_TCP4] = VIRTIO_NET_HDR_GSO_TCPV4,
		[PKT_GSO_TCP6] = VIRTIO_NET_HDR_GSO_TCPV6, [PKT_GSO_UDP4] = VIRTIO_NET_GSO_UDP_L4,
		[PKT_GSO_UDP6] = VIRTIO_NET_GSO_UDP_L4,
	};
	uint16_t tag_len = tag == PKT_TAG_NONE ? 0 : VLAN_TAG_LEN;

	*out = (struct virtio_net_hdr){ 0 };
	if (pkt->csum == PKT_CSUM_GOOD)
		out->flags = VIRTIO_NET_HDR_F_DATA_VALID;
	if (pkt->csum != PKT_CSUM_PARTIAL)
		return;
	out->flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
	out->csum_start = htole16(pkt->l4_off + tag_len);
	out->csum_offset = htole16(l4_csum_at(pkt));
	if (!pkt_is_gso(pkt))
		return;
	out->gso_type = kinds[pkt->gso] | (pkt->gso_ecn ? VIRTIO_NET_HDR_GSO_ECN : 0);
	out->gso_size = htole16(pkt->gso_size);
	out->hdr_len = htole16(pkt->payload_off + tag_len);
}
