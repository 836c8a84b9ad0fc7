#ifndef BENCH_VUSER_RING_H
#define BENCH_VUSER_RING_H
/*
 * ring.h - a split virtqueue from the driver's side (virtio 1.2, 2.7), on plain memory: no socket is needed.
 *
 * put or add makes chains, flush publishes them and kicks if the device asks for it, take harvests what the device used.
 * desc, avail and used are the ring itself: who plays a hostile driver writes there. One thread.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>

#include "bench/vuser/mem.h"

/* virtio 1.2, 2.7.5 to 2.7.8; little-endian, as are the machines that this runs on. */
#define VUSER_DESC_NEXT 1
#define VUSER_DESC_WRITE 2
#define VUSER_DESC_INDIRECT 4
#define VUSER_AVAIL_NO_INTERRUPT 1
#define VUSER_USED_NO_NOTIFY 1
#define VUSER_RING_MAX 32768

struct vuser_desc {
	uint64_t addr;
	uint32_t len;
	uint16_t flags, next;
};

struct vuser_avail {
	uint16_t flags, idx, ring[]; /* ring[size]: used_event */
};

struct vuser_used {
	uint16_t flags, idx;
	struct vuser_used_elem {
		uint32_t id, len;
	} ring[]; /* ring[size]: avail_event */
};

struct vuser_part {
	uint64_t addr; /* guest physical */
	uint32_t len;
	bool writable; /* by the device */
};

struct vuser_done {
	uint64_t token; /* as given when the chain was made */
	uint32_t len;   /* bytes that the device says it wrote */
	uint16_t head;
};

/* What was negotiated, and what is expected beyond it. */
struct vuser_rules {
	bool event_idx, in_order;
	bool all_written; /* each used element has to be written, in ring order: a device may not spare or swap any */
	bool mergeable;
};

struct vuser_queue {
	struct vuser_desc *desc;
	struct vuser_avail *avail;
	struct vuser_used *used;
	const struct vuser_mem *mem;
	struct vuser_rules rules;
	uint16_t size, mask;
	int kick_fd, call_fd; /* eventfds, non-blocking, ours; kick_fd -1: none */

	uint16_t next_avail, published, next_used;
	uint16_t free_take, free_give; /* descriptors in use and given back, counted */
	uint16_t used_event;           /* as we wrote it last */
	bool polled;                   /* calls are not wanted */
	uint64_t kicks;
	uint16_t *free, *heads; /* size each: free descriptors, first come first served; heads by available index */
	struct vuser_slot {
		uint64_t token;
		uint32_t room; /* bytes that the device may write */
		uint16_t n;    /* descriptors of the chain that begins here; 0: none does */
		uint16_t next; /* of the chain */
	} * slot;              /* size */
};

/* Carves an empty ring of size entries (a power of two up to VUSER_RING_MAX) from mem. Returns 0, -EINVAL, -ENOMEM or -EMFILE. */
int vuser_queue_init(struct vuser_queue *q, struct vuser_mem *mem, unsigned size, const struct vuser_rules *rules);

/* Empties the ring as a reset does, on both sides, with all indexes at base; the device must not be running. */
void vuser_queue_reset(struct vuser_queue *q, uint16_t base);

void vuser_queue_fini(struct vuser_queue *q);

/*
 * Makes a chain of n parts available with the next flush. table: guest memory for n descriptors at table_gpa, then the chain
 * is indirect; NULL: it takes n descriptors of the ring. Returns 0, -EINVAL for n 0, or -ENOSPC.
 */
int vuser_add(struct vuser_queue *q, const struct vuser_part *part, unsigned n, struct vuser_desc *table,
	      uint64_t table_gpa, uint64_t token);

/*
 * Makes n buffers of len bytes each available with the next flush, a descriptor each; their tokens are their addresses (in the
 * queue's memory). flags: VUSER_DESC_WRITE or 0. Returns how many there was room for.
 */
unsigned vuser_put(struct vuser_queue *q, const uint64_t *token, unsigned n, uint32_t len, uint16_t flags);

/*
 * Raw: makes a chain available that begins at descriptor head, whatever stands there, even a head outside of the table. Its
 * descriptors are the caller's, before and after; the device may write room bytes.
 */
void vuser_offer(struct vuser_queue *q, uint16_t head, uint64_t token, uint32_t room);

/* Publishes what was put, added or offered. Returns whether the device wants a kick for it (2.7.10). */
bool vuser_publish(struct vuser_queue *q);

void vuser_kick(struct vuser_queue *q);

/* Publishes, and kicks if the device wants it. */
static inline void
vuser_flush(struct vuser_queue *q)
{
	if (vuser_publish(q))
		vuser_kick(q);
}

/* Used entries that were not taken yet; free descriptors. */
static inline uint16_t
vuser_ready(const struct vuser_queue *q)
{
	return (uint16_t)(__atomic_load_n(&q->used->idx, __ATOMIC_RELAXED) - q->next_used);
}

static inline uint16_t
vuser_room(const struct vuser_queue *q)
{
	return (uint16_t)(q->free_give - q->free_take);
}

/* Harvests up to most used chains. Returns how many, or -EPROTO when the device broke the rules: the ring needs a reset then. */
int vuser_take(struct vuser_queue *q, struct vuser_done *done, unsigned most);

/*
 * All buffers of the next frame of a receive queue, whose tokens are the buffers' addresses. Returns how many; 0: there is no
 * frame; -ENOBUFS when it has more than most; -EPROTO when the device broke the rules, num_buffers (5.1.6.4) among them.
 */
int vuser_take_frame(struct vuser_queue *q, struct vuser_done *done, unsigned most);

/* Asks for no calls (as far as the device is able to), or for one with the next used entry. On: whether there are some already. */
void vuser_calls_off(struct vuser_queue *q);
bool vuser_calls_on(struct vuser_queue *q);

/* Calls since the last time. */
uint64_t vuser_called(struct vuser_queue *q);
#endif
