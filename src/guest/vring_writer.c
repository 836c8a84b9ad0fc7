/* vring_writer.c - a frame into chains of any layout; see vring_writer.h. */
#include "guest/vring_writer.h"

#include <string.h>

#include "pkt/drop.h"

#define NUM_BUFFERS_AT 10 /* struct virtio_net_hdr_mrg_rxbuf: virtio 1.2, 5.1.6 */

/*
 * What one burst may cost beyond a chain of one descriptor for each frame, counted in descriptors: a receiver that posts a byte
 * a chain, in 1024 descriptors each, would otherwise keep its senders' lanes, and its lock, for 240 ms. Measured: a chain costs
 * 50 ns, a further descriptor 3 ns; so this is 100 to 250 us. In the worst layout that a driver is known to have, 19 for each
 * segment (Linux with big buffers that are not mergeable), 32 frames of 64 KiB have 26,000. Our choice.
 */
#define WALK_MAX 32768
#define WALK_CHAIN 8

/* Goes to the next chain. Returns 0, or the drop reason. */
static int
open_chain(struct vring_writer *w)
{
	if (vring_is_broken(w->r))
		return DROP_PORT_DOWN;
	if (w->walked > WALK_MAX)
		return DROP_BUFFER_TOO_SMALL;
	/* The ring is looked at once more: the receiver may have posted buffers meanwhile. */
	if (w->used >= w->available)
		w->available = vring_available(w->r);
	if (w->used >= w->available)
		return vring_is_broken(w->r) ? DROP_PORT_DOWN : DROP_RECEIVER_FULL;
	w->head = vring_head(w->r, w->used);
	w->at = 0;
	w->done = 0;
	w->written = 0;
	if (!vring_walk(w->r, w->mem, w->head, VRING_DESC_F_WRITE, &w->chain))
		return DROP_PORT_DOWN;
	w->walked += w->chain.descs + WALK_CHAIN;
	return 0;
}

/* The present chain gets its used entry. */
static void
close_chain(struct vring_writer *w)
{
	vring_used_set(w->r, w->used, w->head, w->written);
	w->used++;
}

/* Bytes that the present buffer still takes; 0: the chain is full. */
static uint32_t
room_here(struct vring_writer *w)
{
	while (w->at < w->chain.n && w->done == w->chain.span[w->at].len) {
		w->at++;
		w->done = 0;
	}
	return w->at < w->chain.n ? w->chain.span[w->at].len - w->done : 0;
}

uint8_t *
vring_writer_room(struct vring_writer *w, uint32_t n)
{
	return room_here(w) >= n ? w->chain.span[w->at].va + w->done : NULL;
}

void
vring_writer_skip(struct vring_writer *w, uint32_t n)
{
	guest_log_write(w->mem, w->chain.span[w->at].gpa + w->done, n);
	w->done += n;
	w->written += n;
}

/* Goes on in the next chain, which only mergeable buffers allow. Returns 0, or the drop reason. */
static int
next_chain(struct vring_writer *w)
{
	if (!w->r->is.mergeable)
		return DROP_BUFFER_TOO_SMALL;
	/* A chain without room for a byte would let a guest keep us here for its whole ring. */
	if (w->written == 0)
		return DROP_BUFFER_TOO_SMALL;
	close_chain(w);
	return open_chain(w);
}

int
vring_writer_put(struct vring_writer *w, const void *bytes, uint32_t n)
{
	const uint8_t *from = bytes;

	while (n > 0) {
		uint32_t here = room_here(w);

		if (here == 0) {
			int why = next_chain(w);

			if (why != 0)
				return why;
			continue;
		}
		here = here < n ? here : n;
		guest_copy(w->chain.span[w->at].va + w->done, from, here);
		vring_writer_skip(w, here);
		from += here;
		n -= here;
	}
	return 0;
}

/* The header goes into the first chain, whole: virtio 1.2, 5.1.6.3.2. It may lie in several spans: then a byte at a time. */
static int
put_header(struct vring_writer *w, const uint8_t *header)
{
	uint32_t len = w->r->is.header_len, step = vring_writer_room(w, len) != NULL ? len : 1;

	for (uint32_t i = 0; i < len; i += step) {
		uint8_t *at = vring_writer_room(w, step);

		if (at == NULL)
			return DROP_BUFFER_TOO_SMALL;
		memcpy(at, header + i, step);
		for (uint32_t k = i > NUM_BUFFERS_AT ? i : NUM_BUFFERS_AT; k < i + step; k++)
			w->num_buffers[k - NUM_BUFFERS_AT] = (struct vring_span){
				.va = at + (k - i), .len = 1, .gpa = w->chain.span[w->at].gpa + w->done + (k - i)
			};
		vring_writer_skip(w, step);
	}
	return 0;
}

int
vring_writer_begin(struct vring_writer *w, const uint8_t *header)
{
	int why;

	w->first = w->used;
	w->num_buffers[0].va = NULL;
	why = open_chain(w);
	if (why != 0)
		return why;
	w->walked -= 1 + WALK_CHAIN;
	return put_header(w, header);
}

void
vring_writer_end(struct vring_writer *w)
{
	unsigned n;

	close_chain(w);
	n = w->used - w->first;
	if (w->num_buffers[0].va == NULL)
		return;
	for (unsigned i = 0; i < 2; i++) {
		*w->num_buffers[i].va = (uint8_t)(n >> 8 * i);
		guest_log_write(w->mem, w->num_buffers[i].gpa, 1);
	}
}
