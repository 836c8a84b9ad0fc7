/*
 * uplink_tx.c - sending to an uplink: the one place where a packet becomes mbufs.
 *
 * None of the drivers used so far finishes checksums or cuts segments, so both happen in the pass of the one copy, into
 * the mbuf. Frames of one packet go out together; the transmit queue is one, so the order of a source is the order on
 * the wire whichever worker it stands on.
 */
#include "nic/uplink_tx.h"

#include <string.h>

#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include "nic/uplink.h"
#include "pkt/build.h"

#define TX_FRAMES_MAX 128 /* frames gathered before a send: a burst of full packets, or two LSO frames. Our choice */

/* Frames of one put that wait for the driver; owner[i] is the packet that frame i is a part of. */
struct tx_batch {
	struct rte_mbuf *frame[TX_FRAMES_MAX];
	uint8_t owner[TX_FRAMES_MAX];
	unsigned n;
	struct rte_mbuf *spare[PKT_BURST]; /* buffers for frames to come */
	unsigned n_spare;
};

/* A buffer, taken with up to n - 1 others that will be needed. NULL: there is none. */
static struct rte_mbuf *
take_buffer(const struct uplink *u, struct tx_batch *batch, unsigned n)
{
	if (batch->n_spare == 0 && rte_pktmbuf_alloc_bulk(u->pool, batch->spare, n) == 0)
		batch->n_spare = n;
	/* All of them or none: what is left may still be enough for some. */
	return batch->n_spare > 0 ? batch->spare[--batch->n_spare] : rte_pktmbuf_alloc(u->pool);
}

static void
flush(struct uplink *u, struct tx_batch *batch, uint8_t *verdict)
{
	int port = uplink_port(u);
	unsigned sent = 0;

	if (batch->n == 0)
		return;
	if (port != UPLINK_ABSENT) {
		spin_lock(&u->tx_lock);
		sent = rte_eth_tx_burst((uint16_t)port, 0, batch->frame, (uint16_t)batch->n);
		if (sent < batch->n) /* one more try: the first one may have reclaimed descriptors */
			sent += rte_eth_tx_burst((uint16_t)port, 0, &batch->frame[sent], (uint16_t)(batch->n - sent));
		spin_unlock(&u->tx_lock);
	}
	for (unsigned i = sent; i < batch->n; i++) {
		verdict[batch->owner[i]] = port == UPLINK_ABSENT ? DROP_LINK_DOWN : DROP_RECEIVER_FULL;
		rte_pktmbuf_free(batch->frame[i]);
	}
	batch->n = 0;
}

static inline void
add_frame(struct tx_batch *batch, struct rte_mbuf *m, uint32_t len, uint8_t i)
{
	m->data_len = (uint16_t)len;
	m->pkt_len = len;
	batch->owner[batch->n] = i;
	batch->frame[batch->n++] = m;
}

/* Adds the frames of packet i, cut and finished, to the batch. */
static void
add_cut(struct uplink *u, struct tx_batch *batch, const struct pkt *pkt, int tag, uint8_t i, uint8_t *verdict)
{
	unsigned bulk = pkt_is_gso(pkt) ? PKT_BURST : 1;
	struct pkt_cut cut;

	pkt_cut_start(&cut, pkt, tag);
	while (!cut.finished && verdict[i] == SINK_TAKEN) {
		struct rte_mbuf *m = take_buffer(u, batch, bulk);
		int len;

		if (m == NULL) {
			verdict[i] = DROP_NO_BUFFER;
			return;
		}
		len = pkt_cut_next(&cut, rte_pktmbuf_mtod(m, uint8_t *), rte_pktmbuf_tailroom(m));
		if (len <= 0) {
			rte_pktmbuf_free(m);
			verdict[i] = DROP_TOO_BIG;
			return;
		}
		add_frame(batch, m, (uint32_t)len, i);
		if (batch->n == TX_FRAMES_MAX)
			flush(u, batch, verdict);
	}
}

/* Whether pkt is a frame as it stands, with what is not in its header copy in one piece. */
static inline bool
is_simple(const struct pkt *pkt, int tag)
{
	return pkt->csum != PKT_CSUM_PARTIAL && tag == PKT_TAG_NONE && pkt->n_segs == 1 &&
	       pkt->segs[0].iov_len >= pkt->skip && pkt->segs[0].iov_len - pkt->skip >= pkt->len - pkt->hdr_len;
}

/* Adds such a frame, the first of `left` packets. */
static inline void
add_simple(struct uplink *u, struct tx_batch *batch, const struct pkt *pkt, uint8_t i, unsigned left, uint8_t *verdict)
{
	struct rte_mbuf *m = take_buffer(u, batch, left);
	uint8_t *to;

	if (unlikely(m == NULL)) {
		verdict[i] = DROP_NO_BUFFER;
		return;
	}
	to = rte_pktmbuf_mtod(m, uint8_t *);
	pkt_copy_header(to, pkt->hdr, pkt->hdr_len);
	if (pkt->len > pkt->hdr_len)
		memcpy(to + pkt->hdr_len, (const uint8_t *)pkt->segs[0].iov_base + pkt->skip, pkt->len - pkt->hdr_len);
	add_frame(batch, m, pkt->len, i);
	if (unlikely(batch->n == TX_FRAMES_MAX))
		flush(u, batch, verdict);
}

static void
uplink_put(struct sink *s, struct lane *lane, struct pkt *const *pkts, const int *tags, unsigned n, uint8_t *verdict)
{
	struct uplink *u = RTE_PTR_SUB(s, offsetof(struct uplink, sink));
	uint32_t longest = atomic_load_explicit(&u->mtu, memory_order_relaxed) + RTE_ETHER_HDR_LEN;
	struct tx_batch batch;

	batch.n = batch.n_spare = 0;
	for (unsigned i = 0; i < n; i++) {
		const struct pkt *pkt = pkts[i];

		verdict[i] = SINK_TAKEN;
		if (unlikely(uplink_port(u) == UPLINK_ABSENT))
			verdict[i] = DROP_LINK_DOWN;
		else if (unlikely(pkt->len > longest && pkt_cut_longest(pkt, PKT_TAG_NONE) > longest))
			verdict[i] = DROP_TOO_BIG;
		else if (likely(is_simple(pkt, tags[i])))
			add_simple(u, &batch, pkt, (uint8_t)i, n - i, verdict);
		else
			add_cut(u, &batch, pkt, tags[i], (uint8_t)i, verdict);
	}
	flush(u, &batch, verdict);
	if (batch.n_spare > 0)
		rte_pktmbuf_free_bulk(batch.spare, batch.n_spare);
}

const struct sink_ops uplink_sink_ops = { uplink_put };
