#ifndef BENCH_MUSER_MUSER_H
#define BENCH_MUSER_MUSER_H
/*
 * muser.h - the client of a memif: shares memory with a server by a Unix socket, and moves frames through rings in it.
 *
 * The protocol is version 2.0 as VPP, libmemif and DPDK speak it (DPDK: guides/nics/memif). The client owns all memory: a buffer
 * for each slot of a ring, at its place for ever. One thread.
 */
#include <stdbool.h>
#include <stdint.h>

#include "bench/muser/proto.h"

#define MUSER_RX_MAX 8 /* our choice */

/* What a client has: one ring to the server, and some to us, since a server may have several queues that it sends by. */
struct muser_shape {
	unsigned log2_size; /* slots of a ring */
	uint32_t room;      /* bytes of a buffer, one for each slot */
	unsigned n_rx;      /* rings to us, 1 to MUSER_RX_MAX */
};

/* A ring as its producer or consumer here sees it. */
struct muser_end {
	struct muser_ring *ring;
	uint8_t *buffers;
	uint16_t mask, next; /* next: the slot that is filled, or read, next */
	int event_fd;        /* by which who produces wakes who consumes */
};

struct muser {
	int sock, fd;
	uint8_t *base;
	uint64_t len;
	uint32_t size, room; /* slots of a ring; bytes of a buffer */
	unsigned n_rx;
	struct muser_end tx, rx[MUSER_RX_MAX];
	/* Called while an answer is waited for, again and again: where the server runs in the same thread. NULL: sleep. */
	void (*idle)(void);
};

/*
 * Connects to the server at path and shakes hands. m: zeroed, or with idle set. Returns 0, or -errno: -ETIMEDOUT when it does not answer, -ECONNREFUSED when it
 * sends us away, -EPROTO when it says something else.
 */
int muser_open(struct muser *m, const char *path, const struct muser_shape *shape);

/* Nothing is open: what muser_close may be called with, as well as with what muser_prepare left. Keeps idle. */
void muser_init(struct muser *m);

/* The steps of it that tests take alone: memory and rings, without a connection; then the rest, and away again. Close undoes all. */
int muser_prepare(struct muser *m, const struct muser_shape *shape);
int muser_connect(struct muser *m, const char *path);
void muser_hang_up(struct muser *m);

/* Steps of muser_connect: to the socket; a message with a descriptor (-1: none); the next one, which must be of that type; both. */
int muser_call(struct muser *m, const char *path);
int muser_say(const struct muser *m, const struct muser_msg *msg, int fd);
int muser_hear(const struct muser *m, uint16_t type, struct muser_msg *msg);
int muser_ask(const struct muser *m, struct muser_msg *msg, int fd, uint16_t answer);

void muser_close(struct muser *m);

/* Whether the server is to interrupt us (event_fd) when it has sent something by that ring; after a muser_open it is. */
static inline void
muser_ask_interrupts(struct muser_end *rx, bool on)
{
	__atomic_store_n(&rx->ring->flags, on ? 0 : MUSER_NO_INTERRUPT, __ATOMIC_RELAXED);
	/* Flags before tail. Partner: the server's fence between its tail and the flags. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

/* Slots that are free to send. */
static inline uint16_t
muser_room(const struct muser *m)
{
	return (uint16_t)(m->size - (uint16_t)(m->tx.next - __atomic_load_n(&m->tx.ring->tail, __ATOMIC_ACQUIRE)));
}

/* The buffer of the slot that is used after `ahead` others. */
static inline uint8_t *
muser_buffer(const struct muser *m, const struct muser_end *end, uint16_t ahead)
{
	return end->buffers + (uint64_t)((end->next + ahead) & end->mask) * m->room;
}

static inline struct muser_desc *
muser_desc(const struct muser_end *end, uint16_t ahead)
{
	return &end->ring->desc[(end->next + ahead) & end->mask];
}

/* Sends the next n slots, len bytes of each. */
void muser_send(struct muser *m, uint16_t n, uint32_t len);

/* Frames that have come by a ring and were not given back. */
static inline uint16_t
muser_ready(const struct muser_end *rx)
{
	return (uint16_t)(__atomic_load_n(&rx->ring->tail, __ATOMIC_ACQUIRE) - rx->next);
}

/* Bytes of one of them, after `ahead` others. */
static inline uint32_t
muser_length(const struct muser_end *rx, uint16_t ahead)
{
	return muser_desc(rx, ahead)->length;
}

/* Gives the first n back: the server may fill their buffers anew. */
void muser_repost(const struct muser *m, struct muser_end *rx, uint16_t n);
#endif
