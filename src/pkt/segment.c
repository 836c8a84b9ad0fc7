/*
 * segment.c - complete frames out of one packet, cut where it asks for segments; see build.h.
 *
 * Every frame is `head` bytes of the header copy (tag put in) and a piece of what follows. Without gso, head is the
 * whole copy and the one piece is the rest. With gso, head ends where the payload begins, so the first payload bytes
 * may still lie in the copy: they go first.
 */
#include "pkt/build.h"

#include "pkt/l4.h"
#include "pkt/wire.h"

/* Bytes of frame behind the head that lie in hdr. */
static uint32_t
rest_in_hdr(const struct pkt_cut *cut)
{
	return cut->pkt->hdr_len - cut->head;
}

void
pkt_cut_start(struct pkt_cut *cut, const struct pkt *pkt, int tag)
{
	*cut = (struct pkt_cut){ .pkt = pkt, .tag = tag, .seg_off = pkt->skip };
	if (pkt_is_gso(pkt)) {
		cut->head = pkt->payload_off;
		cut->total = l4_payload_len(pkt);
	} else {
		cut->head = pkt->hdr_len;
		cut->total = pkt->len - pkt->hdr_len;
	}
}

/* Copies the head with the tag in it; returns how many bytes that is. */
static uint32_t
put_head(const struct pkt_cut *cut, uint8_t *dst)
{
	const uint8_t *hdr = cut->pkt->hdr;

	if (cut->tag == PKT_TAG_NONE) {
		memcpy(dst, hdr, cut->head);
		return cut->head;
	}
	memcpy(dst, hdr, ETH_ADDRS_LEN);
	put_be16(dst + ETH_ADDRS_LEN, TYPE_VLAN);
	put_be16(dst + ETH_ADDRS_LEN + 2, (uint16_t)cut->tag);
	memcpy(dst + ETH_ADDRS_LEN + VLAN_TAG_LEN, hdr + ETH_ADDRS_LEN, cut->head - ETH_ADDRS_LEN);
	return cut->head + VLAN_TAG_LEN;
}

/* Copies the next n bytes behind the head. Returns false when segs hold fewer. */
static bool
put_rest(struct pkt_cut *cut, uint8_t *dst, uint32_t n)
{
	const struct pkt *pkt = cut->pkt;
	uint32_t here = rest_in_hdr(cut);

	here = cut->done < here ? here - cut->done : 0;
	here = here < n ? here : n;
	if (here > 0)
		memcpy(dst, pkt->hdr + cut->head + cut->done, here);
	cut->done += n;
	for (dst += here, n -= here; n > 0; dst += here, n -= here) {
		const struct iovec *seg;

		if (cut->seg == pkt->n_segs)
			return false;
		seg = &pkt->segs[cut->seg];
		if (cut->seg_off >= seg->iov_len) {
			cut->seg_off -= seg->iov_len;
			cut->seg++;
			here = 0;
			continue;
		}
		here = seg->iov_len - cut->seg_off < n ? (uint32_t)(seg->iov_len - cut->seg_off) : n;
		memcpy(dst, (const uint8_t *)seg->iov_base + cut->seg_off, here);
		cut->seg_off += here;
	}
	return true;
}

static void
edit_ip(const struct pkt_cut *cut, uint8_t *ip, uint32_t len)
{
	const uint8_t *ours = cut->pkt->hdr + ETH_HEADER_LEN;

	if (cut->pkt->ip_version == 6) {
		put_be16(ip + IP6_LEN_AT, (uint16_t)(len - IP6_HEADER_LEN));
		return;
	}
	put_be16(ip + IP4_LEN_AT, (uint16_t)len);
	put_be16(ip + IP4_ID_AT, (uint16_t)(get_be16(ours + IP4_ID_AT) + cut->index));
	put_be16(ip + IP4_CSUM_AT, 0);
	csum_store(ip + IP4_CSUM_AT, (uint16_t)~csum_fold(csum_add(0, ip, (ours[0] & 0xfu) * 4)));
}

static void
edit_l4(const struct pkt_cut *cut, uint8_t *l4, uint32_t len, uint32_t first)
{
	const struct pkt *pkt = cut->pkt;
	const uint8_t *ours = pkt->hdr + pkt->l4_off;
	uint8_t flags;

	csum_store(l4 + l4_csum_at(pkt), l4_pseudo_sum(pkt, len));
	if (pkt->l4_proto == IPPROTO_UDP) {
		put_be16(l4 + UDP_LEN_AT, (uint16_t)len);
		return;
	}
	flags = ours[TCP_FLAGS_AT];
	if (cut->done < cut->total)
		flags &= (uint8_t) ~(TCP_FIN | TCP_PSH);
	if (first > 0)
		flags &= (uint8_t)~TCP_CWR;
	l4[TCP_FLAGS_AT] = flags;
	put_be32(l4 + TCP_SEQ_AT, get_be32(ours + TCP_SEQ_AT) + first);
}

/* The checksum of len bytes at l4, whose field holds the pseudo header's sum. */
static void
finish_l4(const struct pkt *pkt, uint8_t *l4, uint32_t len)
{
	uint16_t csum = (uint16_t)~csum_fold(csum_add(0, l4, len));

	/* RFC 768: zero means that there is none, so a computed zero is sent as ones. */
	if (csum == 0 && pkt->l4_proto == IPPROTO_UDP)
		csum = 0xffff;
	csum_store(l4 + l4_csum_at(pkt), csum);
}

int
pkt_cut_next(struct pkt_cut *cut, uint8_t *dst, uint32_t room)
{
	const struct pkt *pkt = cut->pkt;
	uint32_t first = cut->done, piece = cut->total - first, head;

	if (cut->finished)
		return 0;
	if (pkt_is_gso(pkt) && piece > pkt->gso_size)
		piece = pkt->gso_size;
	if (room < cut->head + piece + (cut->tag == PKT_TAG_NONE ? 0 : VLAN_TAG_LEN))
		return -1;
	head = put_head(cut, dst);
	if (!put_rest(cut, dst + head, piece))
		return -1;
	if (pkt->csum == PKT_CSUM_PARTIAL) {
		uint8_t *eth = dst + (head - cut->head);
		uint32_t len = l4_len(pkt);

		if (pkt_is_gso(pkt)) {
			len = cut->head - pkt->l4_off + piece;
			edit_ip(cut, eth + ETH_HEADER_LEN, pkt->l4_off - ETH_HEADER_LEN + len);
			edit_l4(cut, eth + pkt->l4_off, len, first);
		}
		finish_l4(pkt, eth + pkt->l4_off, len);
	}
	cut->index++;
	cut->finished = cut->done == cut->total;
	return (int)(head + piece);
}

unsigned
pkt_cut_count(const struct pkt *pkt)
{
	/* A division, but per packet that is cut into frames, not per frame. */
	return pkt_is_gso(pkt) ? (l4_payload_len(pkt) + pkt->gso_size - 1) / pkt->gso_size : 1;
}

uint32_t
pkt_cut_longest(const struct pkt *pkt, int tag)
{
	if (!pkt_is_gso(pkt))
		return pkt_out_len(pkt, tag);
	return pkt->payload_off + pkt->gso_size + (tag == PKT_TAG_NONE ? 0 : VLAN_TAG_LEN);
}
