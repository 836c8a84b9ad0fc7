/*
 * parse.c - from a header copy and a sender's claim to a packet that was checked; see pkt.h.
 *
 * Nothing is read but pkt->hdr, the worker's own. A claim is never taken over: our own parse says what a sender
 * that means it would have to claim, down to the pseudo header sum, and the claim must be just that. So a packet
 * whose real pseudo header is not the one that its headers show (an IPv6 routing header, a source route, a
 * tunnel) is never given a checksum that is wrong without a word.
 */
#include "pkt/pkt.h"

#include <netinet/in.h>

#include "pkt/admit.h"
#include "pkt/csum.h"
#include "pkt/ip.h"
#include "pkt/l4.h"
#include "pkt/wire.h"

static int
refuse(enum drop_reason *why, enum drop_reason reason)
{
	*why = reason;
	return -1;
}

static int
take_tag(struct pkt *pkt, enum drop_reason *why)
{
	uint16_t tci;

	pkt->tagged = get_be16(pkt->hdr + ETH_ADDRS_LEN) == TYPE_VLAN;
	pkt->vid = 0;
	pkt->pcp = 0;
	if (!pkt->tagged)
		return 0;
	if (pkt->hdr_len < ETH_HEADER_LEN + VLAN_TAG_LEN)
		return refuse(why, DROP_RUNT);
	tci = get_be16(pkt->hdr + ETH_HEADER_LEN);
	pkt->vid = tci & 0xfff;
	pkt->pcp = (uint8_t)(tci >> 13);
	if (pkt->vid == VID_RESERVED)
		return refuse(why, DROP_VLAN_DENIED);
	/* All of the room: a move of constant length is a few vector moves, one of hdr_len bytes a call. */
	memmove(pkt->hdr + ETH_ADDRS_LEN, pkt->hdr + ETH_ADDRS_LEN + VLAN_TAG_LEN,
		PKT_HDR_MAX - ETH_ADDRS_LEN - VLAN_TAG_LEN);
	pkt->hdr_len -= VLAN_TAG_LEN;
	pkt->len -= VLAN_TAG_LEN;
	return 0;
}

/* Length of the TCP or UDP header at off, whose packet ends at end; 0 when it does not fit in it. */
static uint32_t
l4_header_len(const struct pkt *pkt, uint32_t off, uint32_t end)
{
	uint32_t len;

	if (pkt->l4_proto == IPPROTO_UDP) {
		len = get_be16(pkt->hdr + off + UDP_LEN_AT);
		return len < UDP_HEADER_LEN || len > end - off ? 0 : UDP_HEADER_LEN;
	}
	len = (pkt->hdr[off + TCP_OFFSET_AT] >> 4) * 4u;
	return len < TCP_HEADER_LEN || len > end - off ? 0 : len;
}

/* Sets l4_off and payload_off when a whole header is there. Returns whether it goes on behind the copy. */
static bool
find_l4(struct pkt *pkt, uint32_t off, uint32_t end)
{
	uint32_t least = pkt->l4_proto == IPPROTO_TCP ? TCP_HEADER_LEN : UDP_HEADER_LEN, len;

	if (off + least > end)
		return false;
	if (off + least > pkt->hdr_len)
		return true;
	len = l4_header_len(pkt, off, end);
	if (len == 0)
		return false;
	if (off + len > pkt->hdr_len)
		return true;
	pkt->l4_off = (uint16_t)off;
	pkt->payload_off = (uint16_t)(off + len);
	return false;
}

/* Fills the fields of L3 and L4. Returns whether headers go on behind the copy. */
static bool
find_headers(struct pkt *pkt)
{
	struct ip_walk walk;

	ip_walk(pkt->hdr + ETH_HEADER_LEN, pkt->hdr_len - ETH_HEADER_LEN, get_be16(pkt->hdr + ETH_ADDRS_LEN), &walk);
	pkt->ip_version = walk.version;
	pkt->l4_proto = walk.proto;
	pkt->fragment = walk.fragment;
	pkt->l4_off = 0;
	pkt->payload_off = 0;
	if (walk.beyond)
		return true;
	if (walk.off == 0 || walk.len > pkt->len - ETH_HEADER_LEN)
		return false;
	if (walk.proto != IPPROTO_TCP && walk.proto != IPPROTO_UDP)
		return false;
	return find_l4(pkt, ETH_HEADER_LEN + walk.off, ETH_HEADER_LEN + walk.len);
}

/*
 * Whether the checksum request is the one that our parse would make. A sender of segments may leave the length out
 * of the sum, as NDIS has it for LSO; then the field is made whole, so that PARTIAL has one meaning.
 */
static bool
claim_is_ours(struct pkt *pkt)
{
	const struct pkt_claim *claim = &pkt->claim;
	uint16_t start = pkt->l4_off + (pkt->tagged ? VLAN_TAG_LEN : 0), found, want;
	uint8_t *field;

	if (pkt->l4_off == 0 || claim->csum_start != start || claim->csum_offset != l4_csum_at(pkt))
		return false;
	field = pkt->hdr + pkt->l4_off + claim->csum_offset;
	found = csum_load(field);
	want = l4_pseudo_sum(pkt, l4_len(pkt));
	if (csum_same(found, want))
		return true;
	if (claim->gso == PKT_GSO_NONE || !csum_same(found, l4_pseudo_sum(pkt, 0)))
		return false;
	csum_store(field, want);
	return true;
}

/* Takes over a segmentation request for which claim_is_ours. Returns whether it fits the packet. */
static bool
accept_gso(struct pkt *pkt)
{
	static const struct {
		uint8_t ip_version, l4_proto;
	} kinds[] = {
		[PKT_GSO_TCP4] = { 4, IPPROTO_TCP },
		[PKT_GSO_TCP6] = { 6, IPPROTO_TCP },
		[PKT_GSO_UDP4] = { 4, IPPROTO_UDP },
		[PKT_GSO_UDP6] = { 6, IPPROTO_UDP },
	};
	unsigned kind = pkt->claim.gso, size = pkt->claim.gso_size;
	uint32_t total = l4_payload_len(pkt);

	if (kind >= sizeof(kinds) / sizeof(kinds[0]) || kinds[kind].ip_version != pkt->ip_version ||
	    kinds[kind].l4_proto != pkt->l4_proto)
		return false;
	/* A UDP length short of the packet leaves bytes that belong to no datagram (RFC 768: none do). */
	if (size == 0 || total > size * PKT_GSO_FRAMES_MAX || pkt->l4_off + l4_len(pkt) != ip_end(pkt))
		return false;
	if (total <= size)
		return true;
	pkt->gso = (uint8_t)kind;
	pkt->gso_size = (uint16_t)size;
	pkt->gso_ecn = pkt->l4_proto == IPPROTO_TCP && (pkt->hdr[pkt->l4_off + TCP_FLAGS_AT] & TCP_CWR);
	return true;
}

static int
accept_claim(struct pkt *pkt, bool beyond, enum drop_reason *why)
{
	const struct pkt_claim *claim = &pkt->claim;
	uint32_t frame_len = pkt->len + (pkt->tagged ? VLAN_TAG_LEN : 0);
	bool gso = claim->gso != PKT_GSO_NONE;

	/* Virtio 1.2, 5.1.6.2.1: segmentation MUST come with NEEDS_CSUM. */
	if (!claim->csum || (uint32_t)claim->csum_start + claim->csum_offset + 2 > frame_len)
		return refuse(why, DROP_BAD_OFFLOAD);
	if (!claim_is_ours(pkt)) {
		*why = beyond ? DROP_HEADERS_TOO_LONG : DROP_BAD_OFFLOAD;
		return gso ? -1 : 1;
	}
	pkt->csum = PKT_CSUM_PARTIAL;
	if (gso && !accept_gso(pkt))
		return refuse(why, DROP_BAD_OFFLOAD);
	return 0;
}

int
pkt_parse(struct pkt *pkt, enum drop_reason *why)
{
	const struct pkt_claim *claim = &pkt->claim;
	bool beyond;

	if (pkt->hdr_len < ETH_HEADER_LEN)
		return refuse(why, DROP_RUNT);
	if (take_tag(pkt, why) < 0)
		return -1;
	pkt->csum = PKT_CSUM_NONE;
	pkt->gso = PKT_GSO_NONE;
	pkt->gso_ecn = false;
	pkt->gso_size = 0;
	beyond = find_headers(pkt);
	if (claim->csum || claim->gso != PKT_GSO_NONE)
		return accept_claim(pkt, beyond, why);
	if (claim->csum_good && pkt->l4_off != 0)
		pkt->csum = PKT_CSUM_GOOD;
	else if (claim->unchecked)
		pkt->csum = PKT_CSUM_UNKNOWN;
	return 0;
}

void
pkt_unparse(struct pkt *pkt, int tag)
{
	unsigned over = pkt->hdr_len > PKT_HDR_MAX - VLAN_TAG_LEN ? pkt->hdr_len - (PKT_HDR_MAX - VLAN_TAG_LEN) : 0;

	if (pkt->tagged)
		pkt->claim.csum_start -= pkt->claim.csum ? VLAN_TAG_LEN : 0;
	pkt->tagged = false;
	if (tag < 0)
		return;
	pkt->claim.csum_start += pkt->claim.csum ? VLAN_TAG_LEN : 0;
	pkt->hdr_len -= over;
	pkt->skip -= over;
	memmove(pkt->hdr + ETH_ADDRS_LEN + VLAN_TAG_LEN, pkt->hdr + ETH_ADDRS_LEN, pkt->hdr_len - ETH_ADDRS_LEN);
	put_be16(pkt->hdr + ETH_ADDRS_LEN, TYPE_VLAN);
	put_be16(pkt->hdr + ETH_HEADER_LEN, (uint16_t)tag);
	pkt->hdr_len += VLAN_TAG_LEN;
	pkt->len += VLAN_TAG_LEN;
}

int
pkt_claim_finish(uint8_t *frame, uint32_t len, uint16_t start, uint16_t offset)
{
	uint16_t sum;

	if ((uint32_t)start + offset + 2 > len)
		return -1;
	sum = csum_fold(csum_add(0, frame + start, len - start));
	/* A sum of zero means "no checksum" to UDP, which is what tunnels carry; 0xffff is the same number to all. */
	csum_store(frame + start + offset, sum == 0xffff ? sum : (uint16_t)~sum);
	return 0;
}
