#ifndef SRIOV_VF_LOOK_H
#define SRIOV_VF_LOOK_H
/*
 * vf_look.h - inside vf_rings.h: how a lane that has a ring looks at it.
 *
 * Descriptors: 82599 datasheet, 7.1.6 (receive) and 7.2.3.2 (transmit), advanced ones alone. Another processor of the guest may rewrite
 * them while we look, so each word is loaded once, and only that copy is checked and used.
 */
#include <endian.h>

#include <rte_branch_prediction.h>
#include <rte_prefetch.h>

#include "guest/copy.h"
#include "guest/vring_load.h"
#include "sriov/vf_ring.h"

/* What a lane found at the beginning of a burst. */
struct vf_look {
	struct vf_desc *desc;
	uint32_t head, n; /* descriptors from head on that are ours */
	uint32_t size, control;
};

static inline uint32_t
vf_reg(const struct vf_ring *r, unsigned offset)
{
	return le32toh(__atomic_load_n((const uint32_t *)(const void *)(r->block + offset), __ATOMIC_RELAXED));
}

static inline void
vf_reg_set(const struct vf_ring *r, unsigned offset, uint32_t value)
{
	__atomic_store_n((uint32_t *)(void *)(r->block + offset), htole32(value), __ATOMIC_RELAXED);
}

static inline uint64_t
vf_load64(const uint64_t *p)
{
	return le64toh(__atomic_load_n(p, __ATOMIC_RELAXED));
}

/* Gives the ring up. Returns false, for `return vf_break(...)`. */
static inline bool
vf_break(struct vf_ring *r, enum vf_fault fault)
{
	atomic_store_explicit(&r->fault, (uint8_t)fault, memory_order_release);
	return false;
}

static inline bool
vf_is_broken(const struct vf_ring *r)
{
	return atomic_load_explicit(&((struct vf_ring *)(uintptr_t)r)->fault, memory_order_acquire) != VF_FAULT_NONE;
}

/* The descriptor n < size further than at. */
static inline uint32_t
vf_step(uint32_t at, uint32_t n, uint32_t size)
{
	at += n;
	return at < size ? at : at - size;
}

/* Latches what the registers say, and begins at 0. False: broken. Who has the ring. */
bool vf_ring_latch(struct vf_ring *r, bool transmit);

/* Descriptors from head to the tail, which is read anew. 0 also when that lies nowhere: then the ring is broken. Who has the ring. */
static inline uint32_t
vf_ring_ready(struct vf_ring *r, uint32_t head)
{
	/* Acquire: descriptors are read after the tail; partner: the driver's wmb() before it writes it. */
	uint32_t tail = le32toh(
		__atomic_load_n((const uint32_t *)(const void *)(r->block + VFRDT), __ATOMIC_ACQUIRE)); /* as VFTDT */

	if (unlikely(tail >= r->size))
		return vf_break(r, VF_FAULT_TAIL);
	return tail >= head ? tail - head : tail + r->size - head;
}

/* Bytes at gpa that lie together and may be written, as guest_span. */
static inline uint64_t
vf_span(const struct guest_mem *mem, unsigned *hint, uint64_t gpa, uint64_t len, uint8_t **va)
{
	uint64_t n = guest_span(mem, hint, gpa, len, va);

	return likely(n > 0) && unlikely(mem->region[*hint].read_only) ? 0 : n;
}

/* A look at the ring. False: leave it alone. Who has the ring. */
static inline bool
vf_ring_look(struct vf_ring *r, const struct guest_mem *mem, bool transmit, struct vf_look *out)
{
	uint8_t *va = NULL;

	if (unlikely(mem == NULL || !atomic_load_explicit(&r->on, memory_order_relaxed) || vf_is_broken(r)))
		return false;
	out->control = vf_reg(r, VFRXDCTL); /* as VFTXDCTL */
	if (unlikely(!(out->control & VFRXDCTL_ENABLE))) {
		/* Release: control, which finds it off, finds us gone. */
		atomic_store_explicit(&r->on, false, memory_order_release);
		return false;
	}
	if (unlikely((vf_load64((const uint64_t *)(const void *)(r->block + VFRDBAL)) & ~127ull) != r->base ||
		     vf_reg(r, VFRDLEN) != r->len) &&
	    !vf_ring_latch(r, transmit))
		return false;
	if (unlikely(vf_span(mem, &r->base_hint, r->base, r->len, &va) != r->len || (uintptr_t)va % 16 != 0))
		return vf_break(r, VF_FAULT_RING_ADDRESS);
	out->desc = (struct vf_desc *)(void *)va;
	out->size = r->size;
	out->head = atomic_load_explicit(&r->head, memory_order_relaxed);
	out->n = vf_ring_ready(r, out->head);
	return likely(!vf_is_broken(r));
}
#endif
