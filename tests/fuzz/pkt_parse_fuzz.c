/*
 * pkt_parse_fuzz.c - any bytes as a frame with any claim: parsed, given out as spans, cut.
 *
 * Input: claim flags, tag, seg length, csum_start, csum_offset, gso, gso_size (CLAIM_LEN bytes), then the frame.
 */
#include <stdlib.h>

#include "pkt/build.h"
#include "pkt/wire.h"

#define CLAIM_LEN 11
#define CHECK(cond) ((cond) ? (void)0 : abort())

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t out[PKT_FRAME_MAX + VLAN_TAG_LEN];

static void
load(struct pkt *pkt, const uint8_t *frame, uint32_t len, struct iovec *segs, uint32_t piece)
{
	uint32_t done = 0;

	for (pkt->n_segs = 0; done < len; pkt->n_segs++) {
		uint32_t n = len - done;

		if (piece > 0 && n > piece && pkt->n_segs < PKT_SEGS_MAX - 4)
			n = piece;
		segs[pkt->n_segs] = (struct iovec){ (uint8_t *)(uintptr_t)frame + done, n };
		done += n;
	}
	pkt->segs = segs;
	pkt->len = len;
	pkt->hdr_len = pkt->skip = (uint16_t)(len < PKT_HDR_MAX ? len : PKT_HDR_MAX);
	memcpy(pkt->hdr, frame, pkt->hdr_len);
}

static void
check_fields(const struct pkt *pkt)
{
	CHECK(pkt->vid <= 4094 && pkt->pcp <= 7 && (pkt->tagged || pkt->vid == 0));
	CHECK(pkt->hdr_len >= ETH_HEADER_LEN && pkt->hdr_len <= PKT_HDR_MAX && pkt->len >= pkt->hdr_len);
	CHECK((pkt->l4_off == 0) == (pkt->payload_off == 0));
	CHECK(pkt->payload_off <= pkt->hdr_len && pkt->l4_off <= pkt->payload_off);
	CHECK(pkt->l4_off == 0 || !pkt->fragment);
	CHECK(pkt->csum != PKT_CSUM_PARTIAL || pkt->l4_off != 0);
	CHECK(!pkt_is_gso(pkt) || (pkt->csum == PKT_CSUM_PARTIAL && pkt->gso_size > 0));
}

static void
check_spans(const struct pkt *pkt, int tag)
{
	struct iovec spans[PKT_SEGS_MAX];
	uint8_t tag_room[VLAN_TAG_LEN];
	uint64_t sum = 0;
	unsigned n = pkt_spans(pkt, tag, tag_room, spans, PKT_SEGS_MAX);

	CHECK(n > 0);
	for (unsigned i = 0; i < n; i++)
		sum += spans[i].iov_len;
	CHECK(sum == pkt_out_len(pkt, tag));
}

static void
check_cut(const struct pkt *pkt, int tag)
{
	uint32_t longest = pkt_cut_longest(pkt, tag), sum = 0;
	unsigned frames = 0;
	struct pkt_cut cut;
	int n;

	CHECK(longest <= sizeof(out));
	pkt_cut_start(&cut, pkt, tag);
	for (; (n = pkt_cut_next(&cut, out, longest)) > 0; frames++) {
		CHECK((uint32_t)n <= longest);
		sum += (uint32_t)n;
	}
	CHECK(n == 0 && frames == pkt_cut_count(pkt) && frames <= PKT_GSO_FRAMES_MAX);
	if (!pkt_is_gso(pkt))
		CHECK(sum == pkt_out_len(pkt, tag));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct iovec segs[PKT_SEGS_MAX];
	struct virtio_net_hdr header;
	enum drop_reason why = DROP_REASON_COUNT;
	struct pkt pkt;
	int tag, got;

	if (size < CLAIM_LEN || size > CLAIM_LEN + PKT_FRAME_MAX)
		return 0;
	pkt.claim = (struct pkt_claim){ .csum = data[0] & 1,
					.csum_good = data[0] & 2,
					.unchecked = data[0] & 4,
					.csum_start = get_be16(data + 4),
					.csum_offset = get_be16(data + 6),
					.gso = (enum pkt_gso)data[8],
					.gso_size = get_be16(data + 9) };
	tag = data[0] & 8 ? get_be16(data + 1) : PKT_TAG_NONE;
	load(&pkt, data + CLAIM_LEN, (uint32_t)(size - CLAIM_LEN), segs, data[3]);
	got = pkt_parse(&pkt, &why);
	CHECK(got == 0 || why < DROP_REASON_COUNT);
	if (got == 1) {
		memcpy(out, data + CLAIM_LEN, size - CLAIM_LEN);
		CHECK(pkt_claim_finish(out, (uint32_t)(size - CLAIM_LEN), pkt.claim.csum_start,
				       pkt.claim.csum_offset) == 0);
	}
	if (got != 0)
		return 0;
	check_fields(&pkt);
	pkt_virtio_header(&pkt, tag, &header);
	check_spans(&pkt, tag);
	check_cut(&pkt, tag);
	return 0;
}
