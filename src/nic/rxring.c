/* rxring.c - mbufs from the front end as a source queue; see rxring.h. */
#include "nic/rxring.h"

#include <stdlib.h>
#include <string.h>

static void
view(struct pkt *pkt, struct iovec *seg, struct rte_mbuf *m)
{
	uint32_t csum = m->ol_flags & RTE_MBUF_F_RX_L4_CKSUM_MASK;
	uint16_t n = 0;

	pkt->cookie = m;
	pkt_view(pkt, rte_pktmbuf_mtod(m, void *), rte_pktmbuf_data_len(m));
	pkt->len = rte_pktmbuf_pkt_len(m);
	pkt->writable = false;
	memset(&pkt->claim, 0, sizeof(pkt->claim));
	/* What comes from an uplink is never good unless the NIC said so. */
	pkt->claim.csum_good = csum == RTE_MBUF_F_RX_L4_CKSUM_GOOD;
	pkt->claim.unchecked = true;
	for (struct rte_mbuf *part = m; part != NULL && n < BURST_SEGS; part = part->next)
		seg[n++] = (struct iovec){ rte_pktmbuf_mtod(part, void *), rte_pktmbuf_data_len(part) };
	pkt->segs = seg;
	pkt->n_segs = n;
}

void
rxring_show(struct burst *b, struct rte_mbuf **mbufs, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		if (i + 2 < n)
			rte_prefetch0(rte_pktmbuf_mtod(mbufs[i + 2], void *));
		view(&b->pkt[i], &b->seg[i * BURST_SEGS], mbufs[i]);
	}
	b->n = n;
}

void
rxring_free_shown(struct burst *b)
{
	struct rte_mbuf *mbufs[PKT_BURST];

	for (unsigned i = 0; i < b->n; i++)
		mbufs[i] = b->pkt[i].cookie;
	rte_pktmbuf_free_bulk(mbufs, b->n);
}

/*
 * How many frames the consumer may take. The ring's tail is read before the limit: who sees a frame beyond a fence sees the
 * limit there, too. Partner: rxring_fence, whose store comes before the release of the tail in rxring_add. rte_ring_count would do but for
 * ThreadSanitizer, which takes its plain loads for a data race.
 */
static unsigned
takeable(const struct rxring *r)
{
	uint32_t taken = __atomic_load_n(&r->ring->cons.tail, __ATOMIC_ACQUIRE);
	uint32_t n = __atomic_load_n(&r->ring->prod.tail, __ATOMIC_ACQUIRE) - taken;
	uint64_t limit = atomic_load_explicit((_Atomic uint64_t *)(uintptr_t)&r->limit, memory_order_relaxed), left;

	if (likely(limit == RXRING_NO_LIMIT))
		return n;
	left = limit - atomic_load_explicit((_Atomic uint64_t *)(uintptr_t)&r->done, memory_order_relaxed);
	return left < n ? (unsigned)left : n;
}

static unsigned
rxring_take(struct source *s, struct lane *lane)
{
	struct rxring *r = (struct rxring *)s;
	struct rte_mbuf *mbufs[PKT_BURST];
	unsigned n = takeable(r), left;

	if (n == 0)
		return 0;
	n = rte_ring_sc_dequeue_burst(r->ring, (void **)mbufs, RTE_MIN(n, (unsigned)PKT_BURST), &left);
	s->waiting = n + left;
	rxring_show(&lane->burst, mbufs, n);
	return n;
}

static void
rxring_give(struct source *s, struct lane *lane)
{
	struct rxring *r = (struct rxring *)s;
	unsigned n = lane->burst.n;

	rxring_free_shown(&lane->burst);
	/* Release: control that sees the position knows that the frames before it were delivered. */
	atomic_store_explicit(&r->done, atomic_load_explicit(&r->done, memory_order_relaxed) + n, memory_order_release);
}

static bool
rxring_pending(struct source *s)
{
	return takeable((struct rxring *)s) > 0;
}

static const struct source_ops rxring_ops = { .take = rxring_take, .give = rxring_give, .pending = rxring_pending };

struct rxring *
rxring_new(const char *name, struct queue *queue, struct vport *vport, struct ingress *ingress)
{
	struct rxring *r = aligned_alloc(64, RTE_ALIGN_CEIL(sizeof(*r), 64));

	if (r == NULL)
		return NULL;
	memset((void *)r, 0, sizeof(*r));
	r->ring = rte_ring_create(name, RXRING_SIZE, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
	if (r->ring == NULL) {
		free(r);
		return NULL;
	}
	source_init(&r->source, &rxring_ops, -1, ingress);
	r->source.slots = RXRING_SIZE - 1; /* rte_ring tells full from empty by a free one */
	r->queue = queue;
	r->vport = vport;
	atomic_store(&r->limit, RXRING_NO_LIMIT);
	return r;
}

void
rxring_free(struct rxring *r, unsigned *lost)
{
	void *m;
	unsigned n = 0;

	while (r != NULL && rte_ring_sc_dequeue(r->ring, &m) == 0) {
		rte_pktmbuf_free(m);
		n++;
	}
	if (lost != NULL)
		*lost = n;
	if (r == NULL)
		return;
	rte_ring_free(r->ring);
	free(r);
}

unsigned
rxring_add(struct rxring *r, struct rte_mbuf **mbufs, unsigned n)
{
	unsigned done = rte_ring_sp_enqueue_burst(r->ring, (void **)mbufs, n, NULL);

	if (done > 0)
		atomic_store_explicit(&r->put, atomic_load_explicit(&r->put, memory_order_relaxed) + done,
				      memory_order_release);
	return done;
}

void
rxring_kick(struct rxring *r)
{
	if (queue_kick(r->queue))
		count_add(&r->interrupts, 1);
}

unsigned
rxring_put(struct rxring *r, struct rte_mbuf **mbufs, unsigned n)
{
	unsigned done = rxring_add(r, mbufs, n);

	if (done > 0)
		rxring_kick(r);
	return done;
}

uint64_t
rxring_position(const struct rxring *r)
{
	return atomic_load_explicit((_Atomic uint64_t *)(uintptr_t)&r->put, memory_order_acquire);
}

bool
rxring_passed(const struct rxring *r, uint64_t position)
{
	return atomic_load_explicit((_Atomic uint64_t *)(uintptr_t)&r->done, memory_order_acquire) >= position;
}

bool
rxring_passed_fence(const struct rxring *r)
{
	return rxring_passed(r, atomic_load_explicit((_Atomic uint64_t *)(uintptr_t)&r->fence, memory_order_relaxed));
}

void
rxring_fence(struct rxring *r, bool limited)
{
	uint64_t at = rxring_position(r);

	atomic_store_explicit(&r->fence, at, memory_order_relaxed);
	if (limited)
		atomic_store_explicit(&r->limit, at, memory_order_relaxed);
}

void
rxring_lift(struct rxring *r)
{
	atomic_store_explicit(&r->limit, RXRING_NO_LIMIT, memory_order_release);
	queue_kick(r->queue); /* what came in meanwhile */
}
