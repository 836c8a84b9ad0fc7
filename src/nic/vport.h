#ifndef NIC_VPORT_H
#define NIC_VPORT_H
/*
 * vport.h - whatever sends and receives through the NIC switch, and its books.
 *
 * Counters have one writer each: every data-path thread ("lane": a processor's worker, an adapter's front end) has a
 * slot of its own in each vport, and readers add the slots up. Directions are the switch's: rx is what the vport's
 * sender gave us, tx is what was meant for its receiver. On each vport
 *
 *	rx_packets == forwarded + sum(rx_drops)		tx_offered == tx_packets + sum(tx_drops)
 *
 * and over the host, copies counted, sum(forwarded + copies) == sum(tx_offered).
 */
#include <stdbool.h>
#include <stdint.h>

#include <rte_common.h>

#include "base/count.h"
#include "pkt/drop.h"

#define VPORT_NAME_MAX 32

struct vport_stats {
	counter rx_packets, rx_bytes; /* frames as handed over: an LSO frame counts once, with all its bytes */
	counter copies;               /* receivers beyond the first of flooded frames */
	counter tx_offered, tx_packets, tx_bytes;
	counter rx_drops[DROP_REASON_COUNT];
	counter tx_drops[DROP_REASON_COUNT];
} __rte_cache_aligned;

struct vport {
	char name[VPORT_NAME_MAX];
	struct vport_stats *stats; /* one per lane */
};

/* The same, summed over all lanes. */
struct vport_totals {
	uint64_t rx_packets, rx_bytes, copies, tx_offered, tx_packets, tx_bytes;
	uint64_t rx_dropped, tx_dropped;
	uint64_t drops[DROP_REASON_COUNT]; /* both directions */
};

/* How many lanes this process will ever have; before the first vport. Control. */
void vport_set_lanes(unsigned n);

/*
 * Lane id may count from now on. A host has room for many more lanes than it has, and in a list of a thousand vports each that is looked
 * at costs a thousand cache misses. By lane_init. Control.
 */
void vport_use_lane(unsigned id);

/* One slot more, in which control counts what ends in its hands. Control. */
unsigned vport_control_lane(void);

/* Returns 0 or -ENOMEM. Control. vport_fini only when no lane can count any more. */
int vport_init(struct vport *vp, const char *name);
void vport_fini(struct vport *vp);

/* Control; any time. */
void vport_sum(const struct vport *vp, struct vport_totals *out);

/* Has the cache fetch what vport_sum will read. Control. */
void vport_prefetch(const struct vport *vp);

/* Adds b to a. */
void vport_totals_add(struct vport_totals *a, const struct vport_totals *b);

/* The books of all vports that are no more: their peers' books speak of the same frames. Control. */
void vport_sum_gone(struct vport_totals *out);

/* A frame that vp's sender gave us, counted in rx_packets, ends here. Its bytes stay the sender's. Lanes. */
static inline void
drop_rx(struct vport *vp, unsigned lane, enum drop_reason why)
{
	count_add(&vp->stats[lane].rx_drops[why], 1);
}

/* A frame that was meant for vp's receiver, counted in tx_offered, ends here. Lanes. */
static inline void
drop_tx(struct vport *vp, unsigned lane, enum drop_reason why)
{
	count_add(&vp->stats[lane].tx_drops[why], 1);
}
#endif
