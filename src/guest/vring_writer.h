#ifndef GUEST_VRING_WRITER_H
#define GUEST_VRING_WRITER_H
/*
 * vring_writer.h - inside the receive ring: a frame written into as many chains as it takes.
 *
 * Used entries of the frame's chains are written as it goes, beyond used->idx, so the guest sees none of it until the burst
 * is published, and a frame that finds no room is taken back by forgetting it.
 */
#include "guest/vring_chain.h"
#include "pkt/pkt.h"

struct vring_writer {
	struct vring *r;
	const struct guest_mem *mem;
	unsigned available; /* chains that the guest has made available, from r->next_avail on */
	unsigned used;      /* of them: frames of this burst that are done, and this frame's chains */
	unsigned walked;    /* what looking at this burst's chains has cost, see WALK_MAX */

	/* This frame. */
	unsigned first;                   /* `used` when it began */
	struct vring_span num_buffers[2]; /* where the two bytes lie; va NULL: there are none */
	struct vring_chain chain;
	uint16_t head;
	unsigned at;      /* span that is written to */
	uint32_t done;    /* bytes of it */
	uint32_t written; /* bytes in this chain */
};

/* Begins a frame with its virtio-net header (r->is.header_len bytes). Returns 0, or the drop reason. */
int vring_writer_begin(struct vring_writer *w, const uint8_t *header);

/* Goes on with n bytes. Returns 0, or the drop reason. */
int vring_writer_put(struct vring_writer *w, const void *bytes, uint32_t n);

/*
 * Where n bytes can be written at once, or NULL when the present buffer has no room for as many; vring_writer_skip says then how
 * many were.
 */
uint8_t *vring_writer_room(struct vring_writer *w, uint32_t n);
void vring_writer_skip(struct vring_writer *w, uint32_t n);

/* Ends the frame: its chains are used once the burst is published. */
void vring_writer_end(struct vring_writer *w);

/* Forgets the frame. */
static inline void
vring_writer_abort(struct vring_writer *w)
{
	w->used = w->first;
}
#endif
