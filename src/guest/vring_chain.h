#ifndef GUEST_VRING_CHAIN_H
#define GUEST_VRING_CHAIN_H
/*
 * vring_chain.h - inside the rings: what is available, the chains that it names, and giving them back.
 */
#include <errno.h>

#include <rte_branch_prediction.h>
#include <rte_prefetch.h>

#include "guest/copy.h"
#include "guest/vring.h"
#include "guest/vring_load.h"

#define VRING_CHAIN_SPANS \
	256 /* spans of one chain that are kept; a 64 KiB frame has 19 from Linux, 34 from FreeBSD. Our choice */

struct vring_span {
	uint8_t *va;
	uint32_t len;
	uint64_t gpa;
};

/* A chain: where its bytes lie. more: it has further spans, for which there was no room. */
struct vring_chain {
	unsigned n, descs; /* spans, and descriptors that were looked at */
	bool more;
	uint32_t len; /* bytes in span[0..n) */
	struct vring_span span[VRING_CHAIN_SPANS];
};

/* Gives the ring up. Returns 0, for `return vring_break(...)`. */
static inline unsigned
vring_break(struct vring *r, enum vring_fault fault)
{
	atomic_store_explicit(&r->fault, (uint8_t)fault, memory_order_release);
	return 0;
}

static inline bool
vring_is_broken(const struct vring *r)
{
	return vring_fault(r) != VRING_FAULT_NONE;
}

/* Entries that the guest made available and that were not taken; 0 also when that cannot be: then the ring is broken. */
static inline unsigned
vring_available(struct vring *r)
{
	/* Acquire: entries and descriptors are read after the index; partner: the driver's barrier before it stores idx
	 * (virtio 1.2, 2.7.13.3). */
	uint16_t idx = le16toh(__atomic_load_n(&r->avail->idx, __ATOMIC_ACQUIRE));
	uint16_t n = (uint16_t)(idx - r->next_avail);

	if (unlikely(n > r->size))
		return vring_break(r, VRING_FAULT_INDEX_JUMPED);
	return n;
}

/* The head of the chain at the next entry + ahead; size and more when the guest wrote nonsense. */
static inline uint16_t
vring_head(const struct vring *r, unsigned ahead)
{
	return guest_load16(&r->avail->ring[(uint16_t)(r->next_avail + ahead) & r->mask]);
}

/* A chain of one plain descriptor in one region: what drivers use most. False: walk it. */
static inline bool
vring_simple(struct vring *r, const struct guest_mem *mem, uint16_t head, uint16_t direction, struct vring_span *out)
{
	struct vring_buffer b = guest_load_desc(&r->desc[head]);

	if (unlikely(b.flags != direction))
		return false;
	out->len = b.len;
	out->gpa = b.gpa;
	return likely(guest_span(mem, &r->hint, b.gpa, b.len, &out->va) == b.len && b.len > 0);
}

/* Walks the chain from head, any number. direction: 0 or VRING_DESC_F_WRITE, of all its buffers. False: the ring is broken now. */
bool vring_walk(struct vring *r, const struct guest_mem *mem, uint16_t head, uint16_t direction,
		struct vring_chain *out);

/* Writes the used entry at r->next_used + ahead: unseen by the guest until used->idx passes it. */
static inline void
vring_used_set(struct vring *r, unsigned ahead, uint16_t head, uint32_t len)
{
	struct vring_used_elem *e = &r->used->ring[(uint16_t)(r->next_used + ahead) & r->mask];

	e->id = htole32(head);
	e->len = htole32(len);
}

/* Has the lines of the next n used entries, and of their index, fetched. */
static inline void
vring_used_fetch(const struct vring *r, unsigned n)
{
	unsigned per_line = RTE_CACHE_LINE_SIZE / sizeof(struct vring_used_elem);

	prefetch_to_write(r->used);
	for (unsigned i = 0; i < n + per_line; i += per_line)
		prefetch_to_write(&r->used->ring[(uint16_t)(r->next_used + i) & r->mask]);
}

/*
 * Makes the next n used entries visible. Returns whether the guest is to be interrupted now (virtio 1.2, 2.7.7; not when lane holds
 * that back): call vring_call then, once the lock is free.
 */
bool vring_used_publish(struct vring *r, struct lane *lane, const struct guest_mem *mem, unsigned n);

/* Interrupts the guest. */
void vring_call(struct vring *r);

/* The same for r->hold, unless the driver does not wait any more. */
void vring_hold_send(struct hold *h);

/* Asks for no more kicks. */
void vring_disarm(struct vring *r);

extern const struct source_ops vring_source_ops;
#endif
