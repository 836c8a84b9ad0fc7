#ifndef SRIOV_VF_RING_H
#define SRIOV_VF_RING_H
/*
 * vf_ring.h - inside vf_rings.h: what its rings are made of. vf_look.h is how a lane looks at one.
 */
#include <stdatomic.h>

#include "base/spin.h"
#include "nic/rate.h"
#include "nic/spread.h"
#include "sriov/vf_rings.h"

struct vf_desc {
	uint64_t low, high; /* little-endian */
};

struct vf_ring {
	uint8_t *block;        /* its registers, on the guest's page */
	_Atomic bool on;       /* lanes may use it. Written by: control, or who has it, to false */
	_Atomic uint8_t fault; /* enum vf_fault; not NONE: broken */
	_Atomic uint32_t head; /* the first descriptor that is not the guest's again */

	/* As latched. */
	uint64_t base;
	uint32_t len, size;
	uint32_t srrctl; /* receive */

	unsigned base_hint, hint; /* guest_span's: for the ring, for buffers */
	counter frames, bytes;
};

/* A receive ring: lanes have it by its lock. */
struct vf_rx {
	struct spin lock __rte_cache_aligned;
	struct vf_ring ring;
	counter multicast;
};

/* A transmit ring: a lane has it by its queue's mark. */
struct vf_tx {
	struct vf_ring ring;
	struct vf_desc context[2]; /* by index: 7.2.3.2.3, "IDX" */

	/* From take to give. */
	struct vf_desc *desc;
	uint32_t next; /* head to be */
	unsigned n_frames, n_bytes, n_done;
	uint16_t done[PKT_BURST]; /* descriptors that ask for a report */
};

struct vf_tx_source {
	struct source source;     /* first */
	_Atomic unsigned enabled; /* bit i: ring[i] may be on; an idle VF is known by this line. Written by: control */
	struct vf_rings *of;
	unsigned index; /* of its queue: rings index and index + 2 of the VF */
	unsigned turn;  /* the ring that is looked at first */
	struct vf_tx *taken;
	struct vf_tx ring[VF_TX_RINGS / VF_RX_RINGS];
};

/* struct vf_rx_rules, carried out. */
struct vf_rx_state {
	bool link, rss;
	uint32_t max_frame;
	struct toeplitz *toeplitz; /* NULL without RSS */
	struct spread spread;
};

struct vf_rings {
	struct sink sink; /* first */
	const struct guest_mem *_Atomic *mem;
	struct vf_interrupt *interrupt;
	const struct vf_rx_state *_Atomic state; /* NULL: none yet */
	bool fixed_rlpml, trapped;
	struct rate rate; /* of what the guest sends */
	struct queue *queue[VF_RX_RINGS];
	struct vf_rx rx[VF_RX_RINGS];
	struct vf_tx_source tx[VF_RX_RINGS];
};

extern const struct sink_ops vf_sink_ops;
extern const struct source_ops vf_source_ops, vf_trapped_source_ops;

static inline struct vf_tx *
vf_tx_ring(struct vf_rings *r, unsigned i)
{
	return &r->tx[i % VF_RX_RINGS].ring[i / VF_RX_RINGS];
}
#endif
