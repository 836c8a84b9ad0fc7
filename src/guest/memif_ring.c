/* memif_ring.c - rings of a memif from start to halt; see memif_ring.h. */
#include "guest/memif_ring.h"

#include <string.h>

#include "guest/memif_slot.h"

const char *
memif_fault_text(enum memif_fault fault)
{
	static const char *const text[] = {
#define X(id, text) text,
		MEMIF_FAULTS(X)
#undef X
	};

	return (unsigned)fault < MEMIF_FAULT_COUNT ? text[fault] : "unknown";
}

void
memif_rings_init(struct memif_rings *r, struct ingress *ingress, struct vport *vport, unsigned mtu)
{
	memset((void *)r, 0, sizeof(*r));
	source_init(&r->source, &memif_source_ops, -1, ingress);
	r->sink.ops = &memif_sink_ops;
	r->vport = vport;
	r->call_fd = -1;
	atomic_store(&r->mtu, mtu);
}

static void
ring_set(struct memif_ring *ring, struct memif_shared *shared, uint32_t size)
{
	ring->shared = shared;
	ring->size = size;
	ring->mask = (uint16_t)(size - 1);
	/* The tail is ours: who comes back with a ring that has been used goes on there. */
	ring->next = __atomic_load_n(&shared->tail, __ATOMIC_RELAXED);
	ring->hint = 0;
}

void
memif_rings_start(struct memif_rings *r, const struct memif_setup *setup)
{
	ring_set(&r->rx, setup->rx, setup->rx_size);
	ring_set(&r->tx, setup->tx, setup->tx_size);
	r->source.fd = setup->wake_fd;
	r->source.slots = setup->rx_size;
	r->call_fd = setup->call_fd;
	r->taken = 0;
	/* Armed until a first take: the queue is looked at in any case when the source comes into it. */
	r->armed = true;
	atomic_store(&r->fault, MEMIF_FAULT_NONE);
	atomic_store_explicit(&r->mem, setup->mem, memory_order_release);
	atomic_store_explicit(&r->running, true, memory_order_release);
}

void
memif_rings_halt(struct memif_rings *r)
{
	atomic_store_explicit(&r->running, false, memory_order_release);
}
