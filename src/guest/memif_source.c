/*
 * memif_source.c - the ring that a memif's peer sends by, as a source queue.
 *
 * Slots lie one behind the other, so a take loads those of a burst, has the first bytes of their frames fetched, and then looks at
 * them. Frames stay where they are until `give`.
 */
#include <string.h>

#include "guest/memif_slot.h"

#define BURST_BYTES (256 * 1024) /* that one burst moves: as vring_source.c */

static struct memif_rings *
rings_of(struct source *s)
{
	return (struct memif_rings *)s;
}

/* Frames of len bytes that cannot be shown to the switch belong into the books all the same. */
static void
refuse(struct memif_rings *r, const struct lane *lane, uint64_t len)
{
	struct vport_stats *books = &r->vport->stats[lane->id];

	count_add(&books->rx_packets, 1);
	count_add(&books->rx_bytes, len);
	drop_rx(r->vport, lane->id, DROP_TOO_BIG);
}

static void
view(struct pkt *pkt, struct iovec *seg, unsigned n, uint32_t len)
{
	uint16_t done = 0;

	pkt->segs = seg;
	pkt->n_segs = (uint16_t)n;
	pkt->writable = false;
	memset(&pkt->claim, 0, sizeof(pkt->claim));
	pkt->claim.unchecked = true; /* it is a wire */
	if (likely(n == 1)) {
		pkt_view(pkt, seg->iov_base, len);
		return;
	}
	pkt->len = len;
	pkt->hdr_len = pkt->skip = (uint16_t)(len < PKT_HDR_MAX ? len : PKT_HDR_MAX);
	for (; done < pkt->hdr_len; seg++) {
		uint16_t left = pkt->hdr_len - done, here = seg->iov_len < left ? (uint16_t)seg->iov_len : left;

		memcpy(pkt->hdr + done, seg->iov_base, here);
		done += here;
	}
}

/*
 * The frame that begins `at` slots ahead and goes on over several; n slots were handed over, and only whole frames are. Returns how
 * many it has, 0 when that is not so; *shown: it became packet i.
 */
static unsigned
show_chain(struct memif_rings *r, struct lane *lane, const struct guest_mem *mem, unsigned at, unsigned n, unsigned i,
	   bool *shown)
{
	struct iovec *seg = &lane->burst.seg[i * BURST_SEGS];
	struct memif_piece piece = { .more = true };
	unsigned slots = 0;
	uint64_t len = 0;

	while (piece.more) {
		if (at + slots == n)
			return memif_break(r, MEMIF_FAULT_ENDLESS);
		if (!memif_look(r, &r->rx, mem, at + slots, &piece))
			return 0;
		if (slots < BURST_SEGS)
			seg[slots] = (struct iovec){ piece.va, piece.len };
		slots++;
		len += piece.len;
	}
	*shown = slots <= BURST_SEGS && len <= PKT_FRAME_MAX;
	if (*shown)
		view(&lane->burst.pkt[i], seg, slots, (uint32_t)len);
	else
		refuse(r, lane, len);
	return slots;
}

static unsigned
fetch(struct memif_rings *r, const struct guest_mem *mem, unsigned n, struct memif_piece *piece)
{
	unsigned i;

	for (i = 0; i < n && memif_look(r, &r->rx, mem, i, &piece[i]); i++) {
		rte_prefetch0(piece[i].va);
		if (piece[i].len > RTE_CACHE_LINE_SIZE)
			rte_prefetch0(piece[i].va + RTE_CACHE_LINE_SIZE);
	}
	return i;
}

/* Shows frames of the n slots that are there. Returns how many slots were dealt with; *frames of them became frames. */
static unsigned
show(struct memif_rings *r, struct lane *lane, const struct guest_mem *mem, unsigned n, unsigned *frames)
{
	struct memif_piece piece[PKT_BURST];
	unsigned fetched = fetch(r, mem, n < PKT_BURST ? n : PKT_BURST, piece);
	unsigned slots = 0, k = 0, bytes = 0;

	while (slots < fetched && bytes < BURST_BYTES) {
		struct pkt *pkt = &lane->burst.pkt[k];
		struct iovec *seg = &lane->burst.seg[k * BURST_SEGS];
		bool shown = true;
		unsigned here = 1;

		if (likely(!piece[slots].more && piece[slots].len <= PKT_FRAME_MAX)) {
			*seg = (struct iovec){ piece[slots].va, piece[slots].len };
			view(pkt, seg, 1, piece[slots].len);
		} else {
			here = show_chain(r, lane, mem, slots, n, k, &shown);
		}
		if (unlikely(here == 0))
			break;
		slots += here;
		if (likely(shown)) {
			bytes += pkt->len;
			k++;
		}
	}
	*frames = k;
	return slots;
}

static void memif_give(struct source *s, struct lane *lane);

static unsigned
memif_take(struct source *s, struct lane *lane)
{
	struct memif_rings *r = rings_of(s);
	const struct guest_mem *mem = atomic_load_explicit(&r->mem, memory_order_acquire);
	unsigned frames = 0;

	if (unlikely(mem == NULL || memif_rings_fault(r) != MEMIF_FAULT_NONE))
		return 0;
	s->waiting = memif_available(r, &r->rx);
	r->taken = show(r, lane, mem, s->waiting, &frames);
	if (r->armed && r->taken > 0) {
		__atomic_store_n(&r->rx.shared->flags, MEMIF_NO_INTERRUPT, __ATOMIC_RELAXED);
		r->armed = false;
	}
	lane->burst.n = frames;
	if (unlikely(frames == 0 && r->taken > 0))
		memif_give(s, lane);
	return frames;
}

static void
memif_give(struct source *s, struct lane *lane)
{
	struct memif_rings *r = rings_of(s);

	r->rx.next = (uint16_t)(r->rx.next + r->taken);
	r->taken = 0;
	/* Release: frames were read before; partner: the client's acquire, before it fills them anew. */
	__atomic_store_n(&r->rx.shared->tail, r->rx.next, __ATOMIC_RELEASE);
}

static bool
memif_pending(struct source *s)
{
	struct memif_rings *r = rings_of(s);

	if (unlikely(memif_rings_fault(r) != MEMIF_FAULT_NONE))
		return false;
	return __atomic_load_n(&r->rx.shared->head, __ATOMIC_RELAXED) != r->rx.next;
}

static void
memif_arm(struct source *s)
{
	struct memif_rings *r = rings_of(s);

	__atomic_store_n(&r->rx.shared->flags, 0, __ATOMIC_RELAXED);
	r->armed = true;
}

const struct source_ops memif_source_ops = {
	.take = memif_take,
	.give = memif_give,
	.pending = memif_pending,
	.arm = memif_arm,
};
