/*
 * vring_used.c - telling the driver what was used: the index, and the interrupt, at once or held back; see vring.h, and nic/hold.h for
 * the protocol.
 */
#include <stddef.h>

#include "base/clock.h"
#include "guest/interrupt.h"
#include "guest/vring_chain.h"

/* virtio 1.2, 2.7.7.2: interrupt when used_event lies in what was just used. */
static bool
wants_call(struct vring *r, uint16_t now)
{
	uint16_t former = r->signalled;
	bool was_valid = r->signalled_valid;

	if (!r->is.event_idx)
		return !(guest_load16(&r->avail->flags) & VRING_AVAIL_F_NO_INTERRUPT);
	r->signalled = now;
	r->signalled_valid = true;
	return !was_valid || vring_passed_event(guest_load16(&r->avail->ring[r->size]), former, now);
}

/* Entries and index as they were written: a page that is noted before it is written may be sent too early. */
static void
log_used(const struct vring *r, const struct guest_mem *mem, unsigned n)
{
	size_t entries = offsetof(struct vring_used, ring);

	for (unsigned i = 1; i <= n; i++) {
		size_t at = (uint16_t)(r->next_used - i) & r->mask;

		guest_log_write(mem, r->used_log_gpa + entries + at * sizeof(struct vring_used_elem),
				sizeof(struct vring_used_elem));
	}
	guest_log_write(mem, r->used_log_gpa, entries);
}

/* Entries became visible, or an interrupt was held back before. Returns whether to interrupt now. */
static bool
moderate(struct vring *r, struct lane *lane, bool wanted)
{
	struct moderation *m = &r->moderation;
	uint64_t now = clock_cycles();

	switch (moderation_look(m, now, r->next_used, wanted, hold_is_on(&r->hold))) {
	case MODERATION_CALL:
		return true;
	case MODERATION_TAKE:
		return hold_take(&r->hold);
	case MODERATION_HOLD:
		if (hold_begin(&r->hold, lane, m->next))
			return false;
		moderation_called(m, now, r->next_used);
		return true;
	default:
		return false;
	}
}

bool
vring_used_publish(struct vring *r, struct lane *lane, const struct guest_mem *mem, unsigned n)
{
	bool wanted;

	r->next_used = (uint16_t)(r->next_used + n);
	/* Release: buffers and entries before the index; partner: the driver's barrier after it reads idx. */
	__atomic_store_n(&r->used->idx, htole16(r->next_used), __ATOMIC_RELEASE);
	if (unlikely(mem->log.bits != NULL && r->used_log))
		log_used(r, mem, n);
	/* Publish 2, hold.h. Partner: the driver's fence between its used_event (or flags) and its last look at used->idx (virtio 1.2, 2.7.7.1). */
	atomic_thread_fence(memory_order_seq_cst);
	wanted = wants_call(r, r->next_used);
	return unlikely(wanted || r->moderation.holding) && moderate(r, lane, wanted);
}

void
vring_call(struct vring *r)
{
	int fd = atomic_load_explicit(&r->call_fd, memory_order_acquire);

	if (fd < 0)
		return;
	/* Not count_add: several lanes interrupt for one receive ring, each when it has let go of the lock. */
	atomic_fetch_add_explicit(&r->interrupts, 1, memory_order_relaxed);
	interrupt_send(fd);
}

/*
 * Lane 3, hold.h: whether the driver waits for an entry that is used by now. It need not: it may have come by itself, as Linux' does
 * for its transmit rings when it sends. An event that was left behind, by a driver that polls, counts as waiting.
 */
static bool
still_wants_call(const struct vring *r)
{
	if (!r->is.event_idx)
		return !(guest_load16(&r->avail->flags) & VRING_AVAIL_F_NO_INTERRUPT);
	return (uint16_t)(guest_load16(&r->used->idx) - guest_load16(&r->avail->ring[r->size]) - 1) < 0x8000;
}

void
vring_hold_send(struct hold *h)
{
	struct vring *r = (struct vring *)((char *)h - offsetof(struct vring, hold));

	if (still_wants_call(r))
		vring_call(r);
}

bool
vring_settle(struct vring *r)
{
	if (hold_take(&r->hold))
		vring_call(r);
	return atomic_load_explicit(&r->hold.at, memory_order_relaxed) != NULL;
}
