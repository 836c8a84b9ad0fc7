/*
 * vring_sink.c - delivering into a guest's receive ring.
 *
 * Under the ring's lock: reserve, copy, publish, once per destination and burst. Buffers of one descriptor, which is what
 * drivers post, are found for the whole burst first, with the cache lines of the next step on their way. Everything else
 * (a chain, a frame over several mergeable buffers, one that must be cut) goes through the writer. The guest sees a burst
 * at once, and is interrupted when the lock is free.
 */
#include <string.h>

#include "guest/frame.h"
#include "guest/vhost_rings.h"
#include "guest/vring_writer.h"
#include "pkt/build.h"

#define HEADER_MAX 12 /* struct virtio_net_hdr_mrg_rxbuf */

/* num_buffers is 1 unless the writer says otherwise, also without mergeable buffers: virtio 1.2, 5.1.6.3.2. */
static const uint8_t plain_header[HEADER_MAX] = { [10] = 1 };

/* Buffers at r->next_avail + i, i < n: those of one descriptor. Bit i: it is one. */
struct posted {
	unsigned n;
	uint32_t simple;
	uint16_t head[PKT_BURST];
	struct vring_span at[PKT_BURST];
};

static void
look_ahead(struct vring *r, const struct guest_mem *mem, unsigned n, struct posted *out)
{
	unsigned i;

	vring_used_fetch(r, n);
	out->n = n;
	out->simple = 0;
	for (i = 0; i < n; i++) {
		out->head[i] = vring_head(r, i);
		if (likely(out->head[i] < r->size))
			rte_prefetch0(&r->desc[out->head[i]]);
	}
	for (i = 0; i < n; i++) {
		if (unlikely(out->head[i] >= r->size) ||
		    unlikely(!vring_simple(r, mem, out->head[i], VRING_DESC_F_WRITE, &out->at[i])))
			continue;
		out->simple |= 1u << i;
		prefetch_to_write(out->at[i].va);
		prefetch_to_write(out->at[i].va + RTE_CACHE_LINE_SIZE);
	}
}

/* Whether the guest takes pkt as it is: virtio 1.2, 5.1.3.1, what each GUEST_ feature allows. */
static inline bool
takes_whole(const struct vring_features *is, const struct pkt *pkt)
{
	if (likely(pkt->csum != PKT_CSUM_PARTIAL))
		return true;
	if (!is->guest_csum || (pkt->gso_ecn && !is->guest_ecn))
		return false;
	switch (pkt->gso) {
	case PKT_GSO_TCP4:
		return is->guest_tso4;
	case PKT_GSO_TCP6:
		return is->guest_tso6;
	case PKT_GSO_UDP4:
		return is->guest_uso4;
	case PKT_GSO_UDP6:
		return is->guest_uso6;
	default:
		return true;
	}
}

/* Whether the header for pkt says nothing but "one buffer". */
static inline bool
header_is_plain(const struct vring_features *is, const struct pkt *pkt)
{
	return pkt->csum != PKT_CSUM_PARTIAL && (pkt->csum != PKT_CSUM_GOOD || !is->guest_csum);
}

static void
make_header(const struct vring_features *is, const struct pkt *pkt, int tag, uint8_t header[HEADER_MAX])
{
	memcpy(header, plain_header, HEADER_MAX);
	if (!header_is_plain(is, pkt))
		pkt_virtio_header(pkt, tag, (struct virtio_net_hdr *)header);
}

/* One span after the other. Returns 0, or the drop reason. */
static int
write_spans(struct vring_writer *w, const struct iovec *span, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		int why = vring_writer_put(w, span[i].iov_base, (uint32_t)span[i].iov_len);

		if (why != 0)
			return why;
	}
	return 0;
}

static int
write_whole(struct vring_writer *w, const struct pkt *pkt, int tag)
{
	struct iovec span[PKT_SEGS_MAX];
	uint8_t header[HEADER_MAX], tag_room[4];
	unsigned n = pkt_spans(pkt, tag, tag_room, span, PKT_SEGS_MAX);
	int why;

	if (n == 0)
		return DROP_TOO_BIG; /* an uplink's frame in more pieces than are kept of one */
	make_header(&w->r->is, pkt, tag, header);
	why = vring_writer_begin(w, header);
	if (why == 0)
		why = write_spans(w, span, n);
	if (why == 0)
		vring_writer_end(w);
	else
		vring_writer_abort(w);
	return why;
}

/*
 * The next frame that pkt is cut into: into the guest's buffer where it fits, else by way of the lane's spare room. Returns 0 at
 * the last, 1 before it, or minus the drop reason.
 */
static int
write_cut(struct vring_writer *w, struct lane *lane, struct pkt_cut *cut, uint32_t longest)
{
	uint8_t *room;
	int len, why;

	if (cut->finished)
		return 0;
	why = vring_writer_begin(w, plain_header);
	if (why != 0)
		return -why;
	room = vring_writer_room(w, longest);
	len = pkt_cut_next(cut, room != NULL ? room : lane->spare, room != NULL ? longest : BURST_ROOM);
	if (len < 0)
		return -DROP_TOO_BIG; /* as in write_whole */
	if (room != NULL)
		vring_writer_skip(w, (uint32_t)len);
	else
		why = vring_writer_put(w, lane->spare, (uint32_t)len);
	if (why != 0)
		return -why;
	vring_writer_end(w);
	return 1;
}

/* All frames of it or none. Returns 0, or the drop reason. */
static int
write_frames(struct vring_writer *w, struct lane *lane, const struct pkt *pkt, int tag)
{
	uint32_t longest = pkt_cut_longest(pkt, tag);
	unsigned used = w->used;
	struct pkt_cut cut;
	int more;

	pkt_cut_start(&cut, pkt, tag);
	do {
		more = write_cut(w, lane, &cut, longest);
	} while (more > 0);
	if (more < 0)
		w->used = used;
	return -more;
}

/* pkt, untagged and whole, into one buffer that holds it: the path that nearly all frames take. */
static inline void
write_simple(struct vring_writer *w, const struct vring_span *at, uint16_t head, const struct pkt *pkt)
{
	uint32_t header_len = w->r->is.header_len, rest = pkt->len - pkt->hdr_len;
	uint8_t header[HEADER_MAX], *to = at->va;

	if (likely(header_is_plain(&w->r->is, pkt) && header_len == HEADER_MAX)) {
		memcpy(to, plain_header, HEADER_MAX);
	} else {
		make_header(&w->r->is, pkt, PKT_TAG_NONE, header);
		memcpy(to, header, header_len);
	}
	to += header_len;
	pkt_copy_header(to, pkt->hdr, pkt->hdr_len);
	if (rest > 0)
		guest_copy(to + pkt->hdr_len, (const uint8_t *)pkt->segs[0].iov_base + pkt->skip, rest);
	guest_log_write(w->mem, at->gpa, header_len + pkt->len);
	vring_used_set(w->r, w->used++, head, header_len + pkt->len);
}

static inline bool
is_simple(const struct vring_writer *w, const struct posted *posted, const struct pkt *pkt, int tag)
{
	unsigned i = w->used;

	return i < posted->n && posted->simple >> i & 1 && tag == PKT_TAG_NONE && pkt->segs[0].iov_len >= pkt->skip &&
	       pkt->segs[0].iov_len - pkt->skip >= pkt->len - pkt->hdr_len &&
	       posted->at[i].len >= w->r->is.header_len + pkt->len;
}

/* Returns how many were taken. */
static unsigned
write_burst(struct vring_writer *w, struct lane *lane, struct pkt *const *pkts, const int *tags, unsigned n,
	    uint8_t *verdict)
{
	struct posted posted;
	unsigned taken = 0;

	look_ahead(w->r, w->mem, w->available < n ? w->available : n, &posted);
	for (unsigned i = 0; i < n; i++) {
		bool whole = takes_whole(&w->r->is, pkts[i]);
		int why;

		if (likely(whole && is_simple(w, &posted, pkts[i], tags[i]))) {
			write_simple(w, &posted.at[w->used], posted.head[w->used], pkts[i]);
			verdict[i] = SINK_TAKEN;
			taken++;
			continue;
		}
		why = whole ? write_whole(w, pkts[i], tags[i]) : write_frames(w, lane, pkts[i], tags[i]);
		verdict[i] = why == 0 ? SINK_TAKEN : (uint8_t)why;
		taken += why == 0;
		if (why == DROP_PORT_DOWN)
			posted.n = 0; /* nothing goes on in a broken ring */
	}
	return taken;
}

void
vring_put(struct vring *r, struct lane *lane, struct pkt *const *pkts, const int *tags, unsigned n, uint8_t *verdict)
{
	struct vring_writer w;
	bool call = false;

	spin_lock(&r->lock);
	/* Acquire: what vring_start set is seen. */
	w.mem = atomic_load_explicit(&r->running, memory_order_acquire) && !vring_is_broken(r)
			? atomic_load_explicit(r->mem, memory_order_acquire)
			: NULL;
	if (unlikely(w.mem == NULL)) {
		spin_unlock(&r->lock);
		memset(verdict, DROP_PORT_DOWN, n);
		return;
	}
	w.r = r;
	w.used = 0;
	w.walked = 0;
	w.available = vring_available(r);
	count_add(&r->delivered, write_burst(&w, lane, pkts, tags, n, verdict));
	if (w.used > 0) {
		r->next_avail = (uint16_t)(r->next_avail + w.used);
		call = vring_used_publish(r, lane, w.mem, w.used);
	}
	spin_unlock(&r->lock);
	if (call)
		vring_call(r);
}

/* All of pkts from first on that the table sends to the same queue; the others stay for later. */
static void
put_group(struct vhost_rings *v, struct lane *lane, struct pkt *const *pkts, const int *tags, unsigned n,
	  uint8_t *queue, unsigned first, uint8_t *verdict)
{
	uint8_t q = queue[first];
	struct frame_group g;

	g.n = 0;
	for (unsigned i = first; i < n; i++) {
		if (queue[i] != q)
			continue;
		queue[i] = VHOST_PAIRS_MAX;
		frame_group_add(&g, pkts[i], tags[i], i);
	}
	vring_put(&v->rx[q], lane, g.pkt, g.tag, g.n, g.verdict);
	frame_group_verdicts(&g, verdict);
}

static void
put_spread(struct vhost_rings *v, const struct spread *spread, struct lane *lane, struct pkt *const *pkts,
	   const int *tags, unsigned n, uint8_t *verdict)
{
	uint8_t queue[PKT_BURST];

	for (unsigned i = 0; i < n; i++)
		queue[i] = (uint8_t)spread_queue(spread, pkts[i]);
	for (unsigned i = 0; i < n; i++)
		if (queue[i] < VHOST_PAIRS_MAX)
			put_group(v, lane, pkts, tags, n, queue, i, verdict);
}

static void
put_all(struct vhost_rings *v, const struct spread *spread, struct lane *lane, struct pkt *const *pkts, const int *tags,
	unsigned n, uint8_t *verdict)
{
	if (likely(spread->n_entries <= 1))
		vring_put(&v->rx[spread->entry[0]], lane, pkts, tags, n, verdict);
	else
		put_spread(v, spread, lane, pkts, tags, n, verdict);
}

/* Those that fit still go together: one that does not costs the others no lock and no interrupt each. */
static void
put_fitting(struct vhost_rings *v, const struct spread *spread, struct lane *lane, struct pkt *const *pkts,
	    const int *tags, unsigned n, uint32_t longest, uint8_t *verdict)
{
	struct frame_group g;

	g.n = 0;
	for (unsigned i = 0; i < n; i++) {
		if (frame_fits(pkts[i], longest))
			frame_group_add(&g, pkts[i], tags[i], i);
		else
			verdict[i] = DROP_TOO_BIG;
	}
	if (g.n == 0)
		return;
	put_all(v, spread, lane, g.pkt, g.tag, g.n, g.verdict);
	frame_group_verdicts(&g, verdict);
}

static void
vhost_put(struct sink *s, struct lane *lane, struct pkt *const *pkts, const int *tags, unsigned n, uint8_t *verdict)
{
	struct vhost_rings *v = (struct vhost_rings *)s;
	const struct spread *spread = atomic_load_explicit(&v->spread, memory_order_acquire);
	uint32_t longest = atomic_load_explicit(&v->mtu, memory_order_relaxed) + 14; /* Ethernet header */

	if (unlikely(spread == NULL))
		memset(verdict, DROP_PORT_DOWN, n);
	else if (likely(frames_fit(pkts, n, longest)))
		put_all(v, spread, lane, pkts, tags, n, verdict);
	else
		put_fitting(v, spread, lane, pkts, tags, n, longest, verdict);
}

const struct sink_ops vhost_sink_ops = { vhost_put };
