#ifndef GUEST_MEMIF_SLOT_H
#define GUEST_MEMIF_SLOT_H
/* memif_slot.h - inside the rings of a memif: reading what the peer wrote, each word once; for memif_*.c alone. */
#include "guest/memif_ring.h"
#include "guest/vring_chain.h"

/* A slot as it was when we loaded it, and where its bytes lie. */
struct memif_piece {
	uint8_t *va;
	uint32_t len;
	bool more; /* MEMIF_SLOT_NEXT */
};

static inline unsigned
memif_break(struct memif_rings *r, enum memif_fault fault)
{
	atomic_store_explicit(&r->fault, (uint8_t)fault, memory_order_release);
	return 0;
}

/* Slots that the client has handed over and we have not given back; 0 also when that cannot be: it is broken then. */
static inline unsigned
memif_available(struct memif_rings *r, const struct memif_ring *ring)
{
	/* Acquire: slots and frames are read after the head; partner: the client's release. */
	uint16_t n = (uint16_t)(__atomic_load_n(&ring->shared->head, __ATOMIC_ACQUIRE) - ring->next);

	if (unlikely(n > ring->size))
		return memif_break(r, MEMIF_FAULT_INDEX_JUMPED);
	return n;
}

static inline struct memif_slot *
memif_slot_at(const struct memif_ring *ring, unsigned ahead)
{
	return &ring->shared->slot[(uint16_t)(ring->next + ahead) & ring->mask];
}

/* Looks at the slot `ahead` of ring->next. False: it cannot be used, and the connection is broken now. */
static inline bool
memif_look(struct memif_rings *r, struct memif_ring *ring, const struct guest_mem *mem, unsigned ahead,
	   struct memif_piece *out)
{
	const uint64_t *word = (const uint64_t *)memif_slot_at(ring, ahead);
	uint64_t low = __atomic_load_n(&word[0], __ATOMIC_RELAXED);
	uint64_t high = __atomic_load_n(&word[1], __ATOMIC_RELAXED);
	uint64_t gpa = (low >> 16 & 0xffff) << MEMIF_REGION_BITS | (uint32_t)high;

	out->len = (uint32_t)(low >> 32);
	out->more = low & MEMIF_SLOT_NEXT;
	if (likely(out->len > 0 && guest_span(mem, &ring->hint, gpa, out->len, &out->va) == out->len))
		return true;
	return memif_break(r, MEMIF_FAULT_BAD_ADDRESS);
}

extern const struct source_ops memif_source_ops;
extern const struct sink_ops memif_sink_ops;
#endif
