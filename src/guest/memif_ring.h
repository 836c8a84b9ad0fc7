#ifndef GUEST_MEMIF_RING_H
#define GUEST_MEMIF_RING_H
/*
 * memif_ring.h - the data path of a memif from the server's side: a ring that the peer sends by, which is a source, and one that we
 * send by, which is a sink.
 *
 * All memory is the client's. In a ring to us it says by head up to where frames lie; in a ring to it, up to where buffers do that
 * we may fill. We say by tail how far we are. What the client can write is loaded once and judged from our copy, as in
 * vring.h; a client that breaks the rules loses its connection.
 *
 *	state		lanes			control
 *	stopped		do not touch it		may set it up: memif_rings_start
 *	running		take, give, put		memif_rings_halt, a grace period, and then unmap
 *	broken		leave it alone		the same
 */
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/count.h"
#include "base/spin.h"
#include "guest/mem.h"
#include "guest/memif_proto.h"
#include "nic/sink.h"
#include "nic/source.h"
#include "nic/vport.h"

/* Why a connection was given up; text for people. */
#define MEMIF_FAULTS(X)                                                   \
	X(NONE, "none")                                                   \
	X(INDEX_JUMPED, "the head of a ring is more than its size ahead") \
	X(BAD_ADDRESS, "a buffer is empty, or does not lie in a region")  \
	X(ENDLESS, "a frame does not end in the slots that were handed over")

enum memif_fault {
#define X(id, text) MEMIF_FAULT_##id,
	MEMIF_FAULTS(X)
#undef X
		MEMIF_FAULT_COUNT
};

/* Never NULL. Any thread. */
const char *memif_fault_text(enum memif_fault fault);

/* Where byte 0 of a region stands in struct guest_mem: offsets have 32 bits. */
#define MEMIF_REGION_BITS 32

struct memif_ring {
	/* Set by control before it runs; lanes read. */
	struct memif_shared *shared;
	uint32_t size;
	uint16_t mask;

	/* Written by: the lane that has the queue, or the lock. */
	uint16_t next; /* slot that is taken, or filled, next: what tail is, or will be once a burst is done */
	unsigned hint; /* guest_span's */
};

struct memif_rings {
	struct source source; /* first: the ring to us */
	struct sink sink;
	const struct guest_mem *_Atomic mem;
	struct vport *vport;  /* whose books a frame enters that cannot even be shown */
	_Atomic bool running; /* that the sink may be used */
	_Atomic uint8_t fault;
	_Atomic unsigned mtu;
	int call_fd; /* eventfd by which the peer is told of frames */

	struct memif_ring rx __rte_cache_aligned; /* to us */
	unsigned taken;                           /* slots, not given back yet */
	bool armed;                               /* the peer was asked to interrupt us */

	struct spin lock __rte_cache_aligned;
	struct memif_ring tx; /* to the peer */
	counter interrupts;   /* sent; several lanes may add to it */
};

/* Stopped. ingress: where frames of the peer enter. Control. */
void memif_rings_init(struct memif_rings *r, struct ingress *ingress, struct vport *vport, unsigned mtu);

/* What control has checked: both rings lie whole in mem. wake_fd: by which the peer wakes us, call_fd: we it; borrowed. */
struct memif_setup {
	struct memif_shared *rx, *tx;
	uint32_t rx_size, tx_size;
	const struct guest_mem *mem;
	int wake_fd, call_fd;
};

/* Runs them; the source is the caller's to put into its queue. Control. */
void memif_rings_start(struct memif_rings *r, const struct memif_setup *setup);

/* The source is out of its queue already. No lane begins anything any more; after a grace period none does anything. Control. */
void memif_rings_halt(struct memif_rings *r);

static inline enum memif_fault
memif_rings_fault(const struct memif_rings *r)
{
	return (enum memif_fault)atomic_load_explicit(&((struct memif_rings *)(uintptr_t)r)->fault,
						      memory_order_acquire);
}
#endif
