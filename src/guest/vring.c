/* vring.c - starting and stopping a virtqueue, and walking its chains; see vring.h. */
#include "guest/vring.h"

#include <string.h>

#include "guest/vring_chain.h"

const char *
vring_fault_text(enum vring_fault fault)
{
	static const char *const text[] = {
#define X(id, text) [VRING_FAULT_##id] = text,
		VRING_FAULTS(X)
#undef X
	};

	return fault < VRING_FAULT_COUNT ? text[fault] : "unknown";
}

void
vring_init(struct vring *r, struct ingress *ingress, struct vport *vport)
{
	memset((void *)r, 0, sizeof(*r));
	source_init(&r->source, &vring_source_ops, -1, ingress);
	r->vport = vport;
	r->hold.send = vring_hold_send;
	atomic_init(&r->call_fd, -1);
}

/* The next entry to take: what the front end says, or where the guest's driver would recover. */
static int
find_base(const struct vring *r, int base, uint16_t *out)
{
	uint16_t at = base < 0 ? guest_load16(&r->used->idx) : (uint16_t)base;

	if ((uint16_t)(guest_load16(&r->avail->idx) - at) > r->size)
		return -EPROTO;
	*out = at;
	return 0;
}

void
vring_disarm(struct vring *r)
{
	r->armed = false;
	/* With event indexes the stale one does it. */
	if (!r->is.event_idx)
		guest_store16(&r->used->flags, VRING_USED_F_NO_NOTIFY);
}

int
vring_start(struct vring *r, const struct vring_setup *setup)
{
	uint16_t base;

	r->size = setup->size;
	r->mask = setup->size - 1;
	r->desc = setup->desc;
	r->avail = setup->avail;
	r->used = setup->used;
	if (find_base(r, setup->base, &base) < 0)
		return -EPROTO;
	r->is = setup->features;
	r->mem = setup->mem;
	r->used_log = setup->used_log;
	r->used_log_gpa = setup->used_log_gpa;
	r->source.fd = setup->kick_fd;
	r->source.slots = setup->size;
	atomic_store(&r->call_fd, setup->call_fd);
	r->next_avail = base;
	/* Entries are used in order, so what was taken was used. */
	r->next_used = base;
	r->signalled_valid = false;
	moderation_init(&r->moderation, setup->hz, r->size, base);
	r->hint = 0;
	r->n_heads = 0;
	/* Nobody wants kicks: of a receive ring never, of a transmit ring when its lane asks for them. */
	vring_disarm(r);
	atomic_store(&r->fault, VRING_FAULT_NONE);
	/* Release: a lane that finds it running sees the rest. */
	atomic_store_explicit(&r->running, true, memory_order_release);
	return 0;
}

uint16_t
vring_stop(struct vring *r)
{
	atomic_store(&r->running, false);
	atomic_store(&r->call_fd, -1);
	r->source.fd = -1;
	return r->next_avail;
}

void
vring_set_call(struct vring *r, int fd)
{
	atomic_store_explicit(&r->call_fd, fd, memory_order_release);
}

void
vring_announce(struct vring *r, const uint8_t mac[6])
{
	uint64_t address = 0;

	memcpy(&address, mac, 6);
	atomic_store_explicit(&r->announce, address, memory_order_release);
}

/* Where a walk stands: in the ring's own table, or in an indirect one. */
struct walk {
	const struct vring_desc *table;
	uint32_t n; /* its entries */
	bool indirect;
};

/*
 * Goes over to the indirect table that b names, which is the last of its chain whatever else its flags say: virtio 1.2, 2.7.5.3.
 * Alignment is not demanded there, but loads that are never torn need it, and all drivers have it.
 */
static bool
enter_table(struct vring *r, const struct guest_mem *mem, struct walk *w, const struct vring_buffer *b)
{
	uint8_t *va = NULL;

	if (w->indirect || b->len == 0 || b->len % sizeof(struct vring_desc) != 0 ||
	    b->len / sizeof(struct vring_desc) > VRING_SIZE_MAX)
		return vring_break(r, VRING_FAULT_BAD_INDIRECT);
	if (guest_span(mem, &r->hint, b->gpa, b->len, &va) != b->len)
		return vring_break(r, VRING_FAULT_BAD_ADDRESS);
	if ((uintptr_t)va % 8 != 0)
		return vring_break(r, VRING_FAULT_BAD_INDIRECT);
	w->table = (const struct vring_desc *)va;
	w->n = b->len / sizeof(struct vring_desc);
	w->indirect = true;
	return true;
}

/* The spans of one buffer: more than one where it crosses from a region into the next. */
static bool
add_spans(struct vring *r, const struct guest_mem *mem, struct vring_buffer b, struct vring_chain *out)
{
	if (b.gpa + b.len < b.gpa && b.gpa + b.len != 0)
		return vring_break(r, VRING_FAULT_BAD_ADDRESS);
	while (b.len > 0) {
		uint8_t *va;
		uint32_t len = (uint32_t)guest_span(mem, &r->hint, b.gpa, b.len, &va);

		if (len == 0)
			return vring_break(r, VRING_FAULT_BAD_ADDRESS);
		if (out->n == VRING_CHAIN_SPANS) {
			out->more = true;
			return true;
		}
		/* The sum stays below 2^32: a chain that long is cut, which no frame needs. */
		if (out->len + len < out->len) {
			out->more = true;
			return true;
		}
		out->span[out->n++] = (struct vring_span){ va, len, b.gpa };
		out->len += len;
		b.gpa += len;
		b.len -= len;
	}
	return true;
}

bool
vring_walk(struct vring *r, const struct guest_mem *mem, uint16_t head, uint16_t direction, struct vring_chain *out)
{
	struct walk w = { .table = r->desc, .n = r->size };
	uint32_t at = head;

	out->n = 0;
	out->descs = 0;
	out->len = 0;
	out->more = false;
	for (;;) {
		struct vring_buffer b;

		if (unlikely(at >= w.n))
			return vring_break(r, VRING_FAULT_BAD_HEAD);
		b = guest_load_desc(&w.table[at]);
		if (b.flags & VRING_DESC_F_INDIRECT) {
			/* At most once: a nested one is refused. */
			if (!enter_table(r, mem, &w, &b))
				return false;
			at = 0;
			continue;
		}
		if (unlikely((b.flags & VRING_DESC_F_WRITE) != direction))
			return vring_break(r, VRING_FAULT_BAD_DIRECTION);
		if (!add_spans(r, mem, b, out))
			return false;
		out->descs++;
		if (!(b.flags & VRING_DESC_F_NEXT))
			return true;
		if (unlikely(out->descs == VRING_CHAIN_MAX))
			return vring_break(r, VRING_FAULT_LOOP);
		at = b.next;
	}
}
