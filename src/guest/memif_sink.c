/*
 * memif_sink.c - delivering to a memif's peer.
 *
 * Under the ring's lock: reserve, copy, publish, once per burst. The slots of a burst lie together: they are loaded first, and the
 * lines that will be written, which another core had last, fetched for writing; without that each frame waits for its lines,
 * which was half of what a frame of 64 bytes cost. A frame that one buffer does not hold goes on in the next ones. There are no
 * offloads: checksums and segments are finished here.
 */
#include <string.h>

#include "guest/copy.h"
#include "guest/interrupt.h"
#include "guest/memif_slot.h"
#include "pkt/build.h"
#include "pkt/wire.h"

/* Of 576 bytes for the largest frames; a peer that posts buffers of a byte would keep its senders' lanes for milliseconds. Our choice. */
#define FRAME_SLOTS_MAX 16

/* A burst on its way into the ring. */
struct writer {
	struct memif_rings *r;
	struct lane *lane;
	const struct guest_mem *mem;
	unsigned available;                  /* slots that the peer has posted, from tx.next on */
	unsigned used;                       /* of them */
	unsigned known;                      /* slots that were looked at: piece[0..known) */
	struct memif_piece piece[PKT_BURST]; /* of the first slots */
};

static void
look_ahead(struct writer *w, struct pkt *const *pkts, unsigned n)
{
	struct memif_ring *tx = &w->r->tx;
	unsigned per_line = RTE_CACHE_LINE_SIZE / sizeof(struct memif_slot);

	prefetch_to_write(&tx->shared->tail);
	for (unsigned i = 0; i < n; i += per_line)
		prefetch_to_write(memif_slot_at(tx, i));
	for (w->known = 0; w->known < n && memif_look(w->r, tx, w->mem, w->known, &w->piece[w->known]); w->known++) {
		prefetch_to_write(w->piece[w->known].va);
		if (pkts[w->known]->len > RTE_CACHE_LINE_SIZE)
			prefetch_to_write(w->piece[w->known].va + RTE_CACHE_LINE_SIZE);
	}
}

/* The buffer of slot w->used. Returns 0, or the drop reason. */
static int
next_buffer(struct writer *w, struct memif_piece *out)
{
	if (w->used < w->known) {
		*out = w->piece[w->used];
		return 0;
	}
	/* The ring is looked at once more: the peer may have posted buffers meanwhile. */
	if (w->used >= w->available)
		w->available = memif_available(w->r, &w->r->tx);
	if (w->used >= w->available)
		return memif_rings_fault(w->r) != MEMIF_FAULT_NONE ? DROP_LINK_DOWN : DROP_RECEIVER_FULL;
	return memif_look(w->r, &w->r->tx, w->mem, w->used, out) ? 0 : DROP_LINK_DOWN;
}

/* Slot w->used holds len bytes now. */
static inline void
close_slot(struct writer *w, uint32_t len, bool more)
{
	struct memif_slot *slot = memif_slot_at(&w->r->tx, w->used++);

	slot->flags = more ? MEMIF_SLOT_NEXT : 0;
	slot->len = len;
}

/* A whole frame that lies in memory of ours, over as many buffers as it takes. */
static int
write_bytes(struct writer *w, const uint8_t *from, uint32_t len)
{
	for (unsigned slots = 0; len > 0; slots++) {
		struct memif_piece to;
		int why = next_buffer(w, &to);
		uint32_t here;

		if (why != 0)
			return why;
		if (slots == FRAME_SLOTS_MAX)
			return DROP_BUFFER_TOO_SMALL;
		here = to.len < len ? to.len : len;
		memcpy(to.va, from, here);
		from += here;
		len -= here;
		close_slot(w, here, len > 0);
	}
	return 0;
}

/* The next frame that a packet is cut into: into the peer's buffer where it surely fits, else by way of the lane's spare room. */
static int
write_cut(struct writer *w, struct pkt_cut *cut, uint32_t longest)
{
	struct memif_piece to;
	int why = next_buffer(w, &to), len;
	bool fits;

	if (why != 0)
		return why;
	fits = to.len >= longest;
	len = pkt_cut_next(cut, fits ? to.va : w->lane->spare, fits ? to.len : BURST_ROOM);
	if (len <= 0)
		return DROP_TOO_BIG; /* in more pieces than are kept of one */
	if (!fits)
		return write_bytes(w, w->lane->spare, (uint32_t)len);
	close_slot(w, (uint32_t)len, false);
	return 0;
}

/* All frames of a packet or none. Returns 0, or the drop reason. */
static int
write_frames(struct writer *w, const struct pkt *pkt, int tag)
{
	uint32_t longest = pkt_cut_longest(pkt, tag);
	unsigned used = w->used;
	struct pkt_cut cut;
	int why = 0;

	pkt_cut_start(&cut, pkt, tag);
	while (!cut.finished && why == 0)
		why = write_cut(w, &cut, longest);
	if (why != 0)
		w->used = used;
	return why;
}

/* Whether pkt is a frame as it stands, in one piece but for its header copy, and slot w->used holds it. */
static inline bool
is_simple(const struct writer *w, const struct pkt *pkt, int tag)
{
	return w->used < w->known && w->piece[w->used].len >= pkt->len && pkt->csum != PKT_CSUM_PARTIAL &&
	       tag == PKT_TAG_NONE && pkt->n_segs == 1 && pkt->segs[0].iov_len >= pkt->skip &&
	       pkt->segs[0].iov_len - pkt->skip >= pkt->len - pkt->hdr_len;
}

static inline void
write_simple(struct writer *w, const struct pkt *pkt)
{
	uint8_t *to = w->piece[w->used].va;
	uint32_t rest = pkt->len - pkt->hdr_len;

	pkt_copy_header(to, pkt->hdr, pkt->hdr_len);
	if (rest > 0)
		guest_copy(to + pkt->hdr_len, (const uint8_t *)pkt->segs[0].iov_base + pkt->skip, rest);
	close_slot(w, pkt->len, false);
}

static inline uint8_t
write_packet(struct writer *w, const struct pkt *pkt, int tag, uint32_t longest)
{
	int why;

	if (unlikely(pkt->len > longest && pkt_cut_longest(pkt, PKT_TAG_NONE) > longest))
		return DROP_TOO_BIG;
	if (likely(is_simple(w, pkt, tag))) {
		write_simple(w, pkt);
		return SINK_TAKEN;
	}
	why = write_frames(w, pkt, tag);
	return why == 0 ? SINK_TAKEN : (uint8_t)why;
}

/* Makes what was written visible. Returns whether the peer is to be interrupted. */
static bool
publish(struct writer *w)
{
	struct memif_ring *tx = &w->r->tx;

	tx->next = (uint16_t)(tx->next + w->used);
	/* Release: slots and frames before the tail; partner: the client's acquire. */
	__atomic_store_n(&tx->shared->tail, tx->next, __ATOMIC_RELEASE);
	/* Partner: the client's fence between its flags and its last look at tail. */
	atomic_thread_fence(memory_order_seq_cst);
	return !(__atomic_load_n(&tx->shared->flags, __ATOMIC_RELAXED) & MEMIF_NO_INTERRUPT);
}

static void
memif_put(struct sink *s, struct lane *lane, struct pkt *const *pkts, const int *tags, unsigned n, uint8_t *verdict)
{
	struct memif_rings *r = RTE_PTR_SUB(s, offsetof(struct memif_rings, sink));
	uint32_t longest = atomic_load_explicit(&r->mtu, memory_order_relaxed) + ETH_HEADER_LEN;
	struct writer w = { .r = r, .lane = lane };
	bool call = false;

	spin_lock(&r->lock);
	/* Acquire: what memif_rings_start set is seen. */
	if (unlikely(!atomic_load_explicit(&r->running, memory_order_acquire) ||
		     memif_rings_fault(r) != MEMIF_FAULT_NONE)) {
		spin_unlock(&r->lock);
		memset(verdict, DROP_LINK_DOWN, n);
		return;
	}
	w.mem = atomic_load_explicit(&r->mem, memory_order_acquire);
	w.available = memif_available(r, &r->tx);
	look_ahead(&w, pkts, w.available < n ? w.available : n);
	for (unsigned i = 0; i < n; i++)
		verdict[i] = write_packet(&w, pkts[i], tags[i], longest);
	if (w.used > 0)
		call = publish(&w);
	spin_unlock(&r->lock);
	if (call) {
		/* Not count_add: several lanes interrupt, each when it has let go of the lock. */
		atomic_fetch_add_explicit(&r->interrupts, 1, memory_order_relaxed);
		interrupt_send(r->call_fd);
	}
}

const struct sink_ops memif_sink_ops = { memif_put };
