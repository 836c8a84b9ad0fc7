#ifndef NIC_DELIVER_H
#define NIC_DELIVER_H
/*
 * deliver.h - the beginning and the end of what a switch does with a burst, the one of an adapter or the extensible one. Lanes.
 */
#include <rte_branch_prediction.h>

#include "nic/sink.h"
#include "nic/vport.h"
#include "pkt/admit.h"
#include "pkt/build.h"

/*
 * A checksum request that pkt_parse cannot express (a tunnel): finished in memory of our own, where the frame is copied to if
 * it is not there already, and parsed as a frame that asks for nothing. pkt: of b. Returns 0, or -1 and *why.
 */
int burst_finish(struct burst *b, struct pkt *pkt, enum drop_reason *why);

/* pkt_admit, and what it cannot do. Returns 0, or -1 and *why. */
static inline int
burst_admit(struct burst *b, struct pkt *pkt, enum drop_reason *why)
{
	int parsed = pkt_admit(pkt, why);

	return unlikely(parsed > 0) ? burst_finish(b, pkt, why) : parsed;
}

/* Gives pkts to out's receiver, whose sink may be NULL, and books what became of them. Returns how many it took. */
static inline unsigned
deliver(struct lane *lane, struct vport *out, struct sink *sink, struct pkt *const *pkts, const int *tags, unsigned n)
{
	struct vport_stats *books = &out->stats[lane->id];
	uint8_t verdict[PKT_BURST];
	uint64_t bytes = 0;
	unsigned taken = 0;

	if (likely(sink != NULL))
		sink->ops->put(sink, lane, pkts, tags, n, verdict);
	else
		memset(verdict, DROP_PORT_DOWN, n);
	for (unsigned i = 0; i < n; i++) {
		if (likely(verdict[i] == SINK_TAKEN)) {
			taken++;
			bytes += pkt_out_len(pkts[i], tags[i]);
		} else {
			drop_tx(out, lane->id, verdict[i]);
		}
	}
	count_add(&books->tx_offered, n);
	count_add(&books->tx_packets, taken);
	count_add(&books->tx_bytes, bytes);
	return taken;
}
#endif
