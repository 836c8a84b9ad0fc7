/*
 * vring_source.c - a guest's transmit ring as a source queue.
 *
 * A take loads heads, then descriptors, then the first bytes of the buffers, each step for the whole burst with the next
 * step's cache lines on their way: what another core wrote last takes a hundred cycles to come. The virtio-net header may
 * share a buffer with the frame, or be spread over several: only bytes count. Frames stay where they are until `give`.
 */
#include <string.h>

#include "guest/frame.h"
#include "guest/vring_chain.h"
#include "pkt/claim.h"

#define RARP_LEN 60 /* the least of an Ethernet frame, IEEE 802.3, 4A.4.2, without its FCS */

/* A chain of len bytes that cannot be shown to the switch, but belongs into the books. Returns false: no frame. */
static bool
refuse(struct vring *r, const struct lane *lane, uint32_t len)
{
	struct vport_stats *books = &r->vport->stats[lane->id];
	bool runt = len < r->is.header_len;

	count_add(&books->rx_packets, 1);
	count_add(&books->rx_bytes, runt ? 0 : len - r->is.header_len);
	drop_rx(r->vport, lane->id, runt ? DROP_RUNT : DROP_TOO_BIG);
	return false;
}

/* Copies the first n bytes of a chain that holds as many. */
static void
copy_first(uint8_t *dst, const struct vring_chain *chain, uint32_t n)
{
	for (const struct vring_span *s = chain->span; n > 0; s++) {
		uint32_t here = s->len < n ? s->len : n;

		memcpy(dst, s->va, here);
		dst += here;
		n -= here;
	}
}

/* A frame whose buffer is one span at va, header first. Returns whether there is a frame. */
static inline bool
show_simple(struct vring *r, const struct lane *lane, struct pkt *pkt, struct iovec *seg, const struct vring_span *at)
{
	struct virtio_net_hdr h;
	uint32_t len;

	if (unlikely(at->len < r->is.header_len || at->len - r->is.header_len > PKT_FRAME_MAX))
		return refuse(r, lane, at->len);
	len = at->len - r->is.header_len;
	memcpy(&h, at->va, sizeof(h)); /* num_buffers, where it follows, means nothing on transmit */
	*seg = (struct iovec){ at->va + r->is.header_len, len };
	pkt->segs = seg;
	pkt->n_segs = 1;
	pkt->writable = false;
	pkt_view(pkt, seg->iov_base, len);
	pkt_claim_read(pkt, &h);
	return true;
}

/* The chain's spans behind the header become those of a frame. Returns how many. */
static unsigned
skip_header(const struct vring_chain *chain, uint32_t skip, struct iovec *seg, unsigned max)
{
	unsigned n = 0;

	for (unsigned i = 0; i < chain->n; i++) {
		const struct vring_span *s = &chain->span[i];

		if (s->len <= skip) {
			skip -= s->len;
			continue;
		}
		if (n == max)
			return max + 1;
		seg[n++] = (struct iovec){ s->va + skip, s->len - skip };
		skip = 0;
	}
	return n;
}

/* A frame in more spans than a burst keeps: copied together, the only one that is copied twice. */
static void
gather(struct pkt *pkt, const struct vring_chain *chain, uint32_t skip, uint8_t *room, struct iovec *seg)
{
	uint32_t len = 0;

	for (unsigned i = 0; i < chain->n; i++) {
		const struct vring_span *s = &chain->span[i];
		uint32_t from = s->len < skip ? s->len : skip;

		guest_copy(room + len, s->va + from, s->len - from);
		len += s->len - from;
		skip -= from;
	}
	*seg = (struct iovec){ room, len };
	pkt->n_segs = 1;
	pkt->writable = true;
}

/* A frame of any layout. Returns whether there is one, 1 or 0, or -1: the ring broke. */
static int
show_chain(struct vring *r, struct lane *lane, const struct guest_mem *mem, uint16_t head, unsigned i)
{
	struct pkt *pkt = &lane->burst.pkt[i];
	struct iovec *seg = &lane->burst.seg[i * BURST_SEGS];
	struct virtio_net_hdr h;
	struct vring_chain chain;
	unsigned n;

	if (!vring_walk(r, mem, head, 0, &chain))
		return -1;
	r->walked += chain.descs;
	if (chain.len < r->is.header_len || chain.more || chain.len - r->is.header_len > PKT_FRAME_MAX)
		return refuse(r, lane, chain.len);
	copy_first((uint8_t *)&h, &chain, sizeof(h));
	n = skip_header(&chain, r->is.header_len, seg, BURST_SEGS);
	pkt->segs = seg;
	pkt->n_segs = (uint16_t)n;
	pkt->writable = false;
	if (n > BURST_SEGS)
		gather(pkt, &chain, r->is.header_len, burst_room(&lane->burst, i), seg);
	frame_view(pkt, chain.len - r->is.header_len);
	pkt_claim_read(pkt, &h);
	return 1;
}

/* What a broadcast frame from addr looks like that tells switches where it is now: RARP "reverse request" (RFC 903). */
static unsigned
show_announcement(struct vring *r, struct lane *lane)
{
	static const uint8_t arp[] = { 0x80, 0x35, 0, 1, 8, 0, 6, 4, 0, 3 };
	uint64_t address = atomic_exchange_explicit(&r->announce, 0, memory_order_acquire);
	uint8_t *frame = burst_room(&lane->burst, 0);
	struct pkt *pkt = &lane->burst.pkt[0];
	uint8_t mac[6];

	memcpy(mac, &address, sizeof(mac));
	memset(frame, 0, RARP_LEN);
	memset(frame, 0xff, 6);
	memcpy(frame + 6, mac, 6);
	memcpy(frame + 12, arp, sizeof(arp));
	memcpy(frame + 22, mac, 6); /* sender and target are the same station; its protocol addresses stay zero */
	memcpy(frame + 32, mac, 6);
	lane->burst.seg[0] = (struct iovec){ frame, RARP_LEN };
	pkt->segs = lane->burst.seg;
	pkt->n_segs = 1;
	pkt->writable = true;
	pkt_view(pkt, frame, RARP_LEN);
	memset(&pkt->claim, 0, sizeof(pkt->claim));
	lane->burst.n = 1;
	return 1;
}

/* Loads up to PKT_BURST heads and has their descriptors fetched. Returns how many; fewer where the ring broke. */
static unsigned
take_heads(struct vring *r)
{
	unsigned n = vring_available(r), i;

	r->source.waiting = n;
	if (n > PKT_BURST)
		n = PKT_BURST;
	vring_used_fetch(r, n);
	for (i = 0; i < n; i++) {
		uint16_t head = vring_head(r, i);

		if (unlikely(head >= r->size)) {
			vring_break(r, VRING_FAULT_BAD_HEAD);
			break;
		}
		r->head[i] = head;
		rte_prefetch0(&r->desc[head]);
	}
	return i;
}

/* Shows the frames of heads r->head[0..n). Returns how many heads were dealt with; *frames of them became frames. */
static unsigned
show(struct vring *r, struct lane *lane, const struct guest_mem *mem, unsigned n, unsigned *frames)
{
	struct vring_span at[PKT_BURST];
	uint32_t simple = 0;
	unsigned i, k = 0, bytes = 0;

	r->walked = 0;
	for (i = 0; i < n; i++) {
		if (unlikely(!vring_simple(r, mem, r->head[i], 0, &at[i])))
			continue;
		simple |= 1u << i;
		rte_prefetch0(at[i].va);
		rte_prefetch0(at[i].va + RTE_CACHE_LINE_SIZE);
	}
	for (i = 0; i < n && bytes < BURST_BYTES && r->walked < BURST_DESCS; i++) {
		struct pkt *pkt = &lane->burst.pkt[k];

		if (likely(simple >> i & 1)) {
			if (unlikely(!show_simple(r, lane, pkt, &lane->burst.seg[k * BURST_SEGS], &at[i])))
				continue;
		} else {
			int shown = show_chain(r, lane, mem, r->head[i], k);

			if (shown < 0)
				break;
			if (shown == 0)
				continue;
		}
		bytes += pkt->len;
		k++;
	}
	*frames = k;
	return i;
}

static void vring_give(struct source *s, struct lane *lane);

/* What was shown is offered, and ends here. Returns the frames that are left. */
static unsigned
discard(struct vring *r, struct lane *lane, unsigned n)
{
	struct vport_stats *books = &r->vport->stats[lane->id];

	for (unsigned i = 0; i < n; i++) {
		count_add(&books->rx_packets, 1);
		count_add(&books->rx_bytes, lane->burst.pkt[i].len);
		drop_rx(r->vport, lane->id, DROP_QUEUE_DISABLED);
	}
	return 0;
}

static unsigned
vring_take(struct source *s, struct lane *lane)
{
	struct vring *r = (struct vring *)s;
	const struct guest_mem *mem = atomic_load_explicit(r->mem, memory_order_acquire);
	unsigned frames = 0;

	if (unlikely(vring_is_broken(r) || mem == NULL))
		return 0;
	if (unlikely(atomic_load_explicit(&r->announce, memory_order_relaxed) != 0))
		return show_announcement(r, lane);
	r->n_heads = (uint16_t)show(r, lane, mem, take_heads(r), &frames);
	r->next_avail = (uint16_t)(r->next_avail + r->n_heads);
	if (r->armed && r->n_heads > 0)
		vring_disarm(r);
	if (unlikely(atomic_load_explicit(&r->discards, memory_order_relaxed)))
		frames = discard(r, lane, frames);
	lane->burst.n = frames;
	if (unlikely(frames == 0 && r->n_heads > 0))
		vring_give(s, lane);
	return frames;
}

/* Every chain that was taken, a refused one too, in ring order. */
static void
vring_give(struct source *s, struct lane *lane)
{
	struct vring *r = (struct vring *)s;
	unsigned n = r->n_heads;

	if (unlikely(n == 0))
		return;
	for (unsigned i = 0; i < n; i++)
		vring_used_set(r, i, r->head[i], 0);
	r->n_heads = 0;
	if (vring_used_publish(r, lane, atomic_load_explicit(r->mem, memory_order_acquire), n))
		vring_call(r);
}

static bool
vring_pending(struct source *s)
{
	struct vring *r = (struct vring *)s;

	if (unlikely(vring_is_broken(r)))
		return false;
	return guest_load16(&r->avail->idx) != r->next_avail ||
	       atomic_load_explicit(&r->announce, memory_order_relaxed) != 0;
}

/* virtio 1.2, 2.7.7.1 and 2.7.10: what asks the driver to kick, and what it compares. The caller fences. */
static void
vring_arm(struct source *s)
{
	struct vring *r = (struct vring *)s;
	const struct guest_mem *mem = atomic_load_explicit(r->mem, memory_order_acquire);

	if (r->is.event_idx) {
		guest_store16((uint16_t *)&r->used->ring[r->size], r->next_avail);
		if (unlikely(r->used_log))
			guest_log_write(mem,
					r->used_log_gpa + offsetof(struct vring_used, ring) +
						r->size * sizeof(struct vring_used_elem),
					2);
	} else {
		guest_store16(&r->used->flags, 0);
		if (unlikely(r->used_log))
			guest_log_write(mem, r->used_log_gpa, sizeof(r->used->flags));
	}
	r->armed = true;
}

const struct source_ops vring_source_ops = {
	.take = vring_take,
	.give = vring_give,
	.pending = vring_pending,
	.arm = vring_arm,
};
