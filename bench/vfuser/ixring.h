#ifndef BENCH_VFUSER_IXRING_H
#define BENCH_VFUSER_IXRING_H
/*
 * ixring.h - receive and transmit rings of a virtual function from the driver's side, on plain memory: no socket is needed.
 *
 * put and add make buffers and packets ready, flush tells the device (the tail register), take and clean harvest what it has done.
 * desc is the ring itself: who plays a hostile driver writes there. One thread.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>

#include "bench/vfuser/ixregs.h"
#include "bench/vuser/mem.h"

#define IX_RING_MAX 4096 /* descriptors; ixgbevf: 64 to this, a multiple of 8 */
#define IX_PARTS_MAX 21  /* of a packet: ixgbevf's worst case */

/* The tail register: on a page that is mapped, or by a message. */
struct ix_bell {
	uint32_t *at; /* NULL: trap */
	void (*trap)(void *arg, uint32_t offset, uint32_t value);
	void *arg;
	uint32_t offset; /* in BAR 0 */
};

struct ix_rx {
	union ix_rx_desc *desc;
	const struct vuser_mem *mem;
	struct ix_bell bell;
	unsigned size;
	uint32_t room;             /* bytes of a buffer */
	uint32_t put, told, taken; /* buffers, counted; told: what the tail says */
	uint64_t *token;           /* size */
};

struct ix_rx_done {
	uint64_t token; /* the buffer */
	uint32_t status, hash;
	uint16_t len, info, vlan;
};

/* What a context descriptor asks for; all 0: nothing but the frame. */
struct ix_offload {
	uint8_t mac_len, l4_len; /* bytes; mac_len 0: 14 */
	uint16_t ip_len, mss;    /* mss not 0: TSO */
	uint16_t vlan;           /* with insert_vlan: the tag */
	uint32_t l4;             /* IX_TX_TCP, IX_TX_SCTP, 0: UDP; with checksum */
	bool insert_vlan, checksum, ipv4;
};

struct ix_part {
	uint64_t gpa;
	uint32_t len;
};

struct ix_tx {
	union ix_tx_desc *desc;
	const struct vuser_mem *mem;
	struct ix_bell bell;
	unsigned size;
	uint32_t put, told, cleaned; /* descriptors, counted */
	struct ix_tx_slot {
		uint64_t token;
		uint32_t n; /* descriptors of the packet that begins here */
	} * slot;           /* size */
};

/* Carves an empty ring of size descriptors from mem. Returns 0, -EINVAL or -ENOMEM. */
int ix_rx_init(struct ix_rx *rx, struct vuser_mem *mem, unsigned size, uint32_t room);
int ix_tx_init(struct ix_tx *tx, struct vuser_mem *mem, unsigned size);

/* Empties a ring as a reset does; the device must have stopped. */
void ix_rx_reset(struct ix_rx *rx);
void ix_tx_reset(struct ix_tx *tx);

void ix_rx_fini(struct ix_rx *rx);
void ix_tx_fini(struct ix_tx *tx);

/* Makes n buffers ready, whose tokens are their addresses (in the ring's memory). Returns how many there was room for. */
unsigned ix_rx_put(struct ix_rx *rx, const uint64_t *token, unsigned n);
void ix_rx_flush(struct ix_rx *rx);

/* Harvests up to most buffers. Returns how many, or -EPROTO when the device broke the rules: more than there is room for, no DD. */
int ix_rx_take(struct ix_rx *rx, struct ix_rx_done *done, unsigned most);

/* The buffers of the next frame, all but the last without EOP. Returns how many; 0: none is whole; -ENOBUFS: more than most. */
int ix_rx_take_frame(struct ix_rx *rx, struct ix_rx_done *done, unsigned most);

/*
 * Makes a packet of n parts ready, with the context descriptor that ixgbevf puts in front of each. offload may be NULL. Returns 0,
 * -EINVAL or -ENOSPC.
 */
int ix_tx_add(struct ix_tx *tx, const struct ix_part *part, unsigned n, const struct ix_offload *offload,
	      uint64_t token);

/* Makes n packets of len bytes each, whose tokens are their addresses, ready. Returns how many there was room for. */
unsigned ix_tx_put(struct ix_tx *tx, const uint64_t *token, unsigned n, uint32_t len);
void ix_tx_flush(struct ix_tx *tx);

/* Harvests up to most packets that were sent. Returns how many; their tokens may be NULL. */
unsigned ix_tx_clean(struct ix_tx *tx, uint64_t *token, unsigned most);

/* Descriptors that are free; the tail never catches up with the head. */
static inline unsigned
ix_tx_room(const struct ix_tx *tx)
{
	return tx->size - 1 - (tx->put - tx->cleaned);
}

/* Whether the buffer that comes `ahead` after the next one is filled. */
static inline bool
ix_rx_is_done(const struct ix_rx *rx, unsigned ahead)
{
	return ahead < rx->told - rx->taken &&
	       __atomic_load_n(&rx->desc[(rx->taken + ahead) & (rx->size - 1)].wb.len, __ATOMIC_RELAXED) != 0;
}

/* Buffers that the device has, or has filled and nobody took. */
static inline unsigned
ix_rx_held(const struct ix_rx *rx)
{
	return rx->put - rx->taken;
}
#endif
