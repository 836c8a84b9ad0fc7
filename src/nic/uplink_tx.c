/*
 * uplink_tx.c - sending to an uplink: the one place where a packet becomes mbufs.
 *
 * None of the drivers used so far finishes checksums or cuts segments, so both happen in the pass of the one copy, into
 * the mbuf. Frames of one packet go out together; the transmit queue is one, so the order of a source is the order on
 * the wire whichever worker it stands on.
 */
#include "nic/uplink_tx.h"

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
};

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

/* Adds the frames of packet i, cut and finished, to the batch. */
static void
add(struct uplink *u, struct tx_batch *batch, const struct pkt *pkt, int tag, uint8_t i, uint8_t *verdict)
{
	struct pkt_cut cut;
	int len;

	pkt_cut_start(&cut, pkt, tag);
	do {
		struct rte_mbuf *m = rte_pktmbuf_alloc(u->pool);

		if (m == NULL) {
			verdict[i] = DROP_NO_BUFFER;
			return;
		}
		len = pkt_cut_next(&cut, rte_pktmbuf_mtod(m, uint8_t *), rte_pktmbuf_tailroom(m));
		if (len <= 0) {
			rte_pktmbuf_free(m);
			if (len < 0)
				verdict[i] = DROP_TOO_BIG;
			return;
		}
		rte_pktmbuf_append(m, (uint16_t)len);
		batch->owner[batch->n] = i;
		batch->frame[batch->n++] = m;
		if (batch->n == TX_FRAMES_MAX)
			flush(u, batch, verdict);
	} while (verdict[i] == SINK_TAKEN);
}

static void
uplink_put(struct sink *s, struct lane *lane, struct pkt *const *pkts, const int *tags, unsigned n, uint8_t *verdict)
{
	struct uplink *u = RTE_PTR_SUB(s, offsetof(struct uplink, sink));
	uint32_t longest = atomic_load_explicit(&u->mtu, memory_order_relaxed) + RTE_ETHER_HDR_LEN;
	struct tx_batch batch = { .n = 0 };

	for (unsigned i = 0; i < n; i++) {
		verdict[i] = SINK_TAKEN;
		if (uplink_port(u) == UPLINK_ABSENT)
			verdict[i] = DROP_LINK_DOWN;
		else if (pkt_cut_longest(pkts[i], PKT_TAG_NONE) > longest)
			verdict[i] = DROP_TOO_BIG;
		else
			add(u, &batch, pkts[i], tags[i], (uint8_t)i, verdict);
	}
	flush(u, &batch, verdict);
}

const struct sink_ops uplink_sink_ops = { uplink_put };
