#ifndef SRIOV_VF_RINGS_H
#define SRIOV_VF_RINGS_H
/*
 * vf_rings.h - the queues of a VF: what the guest writes on BAR 0's pages 1 and 2 means, and the data path behind it. For src/sriov/.
 *
 * The guest maps both pages, so enable bits and doorbells change without a message. Control looks before each answer to a trapped access
 * (vf_rings_sample): base and length of a ring are latched when its enable bit is seen to go on; when it is seen off the ring stops, and
 * the answer is sent after all lanes have let go of it. A lane looks at the enable bit and the base again at each burst: a changed base
 * is a restart with head = tail = 0. Nothing on the pages is believed twice; heads and counters are our own, and only shown there: by
 * every sample, by vf_rings_show, and of a transmit ring when its queue cools.
 *
 *	ring		lanes					control
 *	off		leave it alone				starts it
 *	on		take and give, or put			stops it: waits for its lock (receive), or marks its queue busy (transmit)
 *	broken		leave it alone				the same
 *
 * A lane that finds the enable bit gone turns the ring off itself. A broken ring runs again when its enable bit was off and on, or after
 * vf_rings_stop. Whoever sends and receives else loses nothing by it.
 */
#include <stdbool.h>
#include <stdint.h>

#include "guest/mem.h"
#include "nic/queue.h"
#include "nic/sink.h"
#include "pkt/toeplitz.h"
#include "sriov/vf_interrupt.h"
#include "sriov/vf_layout.h"

#define VF_RX_RINGS 2
#define VF_TX_RINGS 4 /* two, and two more for XDP (ixgbevf) */
#define VF_RING_MAX \
	4096 /* descriptors: ixgbevf, IXGBEVF_MAX_TXD; a multiple of 8 (datasheet 8.2.3.8.7, VFRDLEN is one of 128 bytes) */

/* Why a ring was given up; text for people. */
#define VF_FAULTS(X)                                                                          \
	X(NONE, "none")                                                                       \
	X(RING_SIZE, "a ring's length is 0, more than 4096 descriptors, or no multiple of 8") \
	X(RING_ADDRESS, "a ring is not in the guest's memory, or not aligned to 128 bytes")   \
	X(TAIL, "a tail is beyond the end of its ring")                                       \
	X(BUFFER_TYPE, "a receive ring's descriptors are not advanced ones with one buffer")  \
	X(BUFFER_SIZE, "a receive ring's buffers have a size of 0, or more than 16 KiB")      \
	X(BUFFER_ADDRESS, "a buffer is not in the guest's memory")                            \
	X(LEGACY, "a transmit descriptor is not an advanced one")                             \
	X(TYPE, "a transmit descriptor is of no known type")                                  \
	X(NO_END, "the tail is in the middle of a frame")                                     \
	X(EMPTY, "a transmit buffer has no bytes")                                            \
	X(TOO_LONG, "a frame to send is longer than 65553 bytes")                             \
	X(MSS, "a segmentation request without a segment size")

enum vf_fault {
#define X(id, text) VF_FAULT_##id,
	VF_FAULTS(X)
#undef X
		VF_FAULT_COUNT
};

struct vf_rings;

struct vf_rings_setup {
	struct queue *const
		*queues; /* VF_RX_RINGS; borrowed. Transmit rings i and i + 2 are QUEUE_FROM_SENDER of queue i */
	struct ingress *ingress;
	bool fixed_rlpml; /* 82599: RLPML in RXDCTL has no meaning */
	bool trapped;     /* doorbells: vf_rings_kick follows each; else a worker looks at the pages */
	uint8_t *rx_page,
		*tx_page; /* pages 1 and 2 of BAR 0, 4 KiB each; the guest writes them any time (or the trap handler does) */
	const struct guest_mem *_Atomic *mem;
	struct vf_interrupt *interrupt;
};

/* What receiving depends on beside the ring's own registers; published as a whole. */
struct vf_rx_rules {
	bool link;           /* else nothing is taken */
	bool rss;            /* over both rings; else all goes to ring 0 */
	uint32_t max_frame;  /* bytes without FCS and tag */
	unsigned hash_types; /* HASH_* */
	uint16_t n_entries;  /* 64 or 128 */
	uint8_t key[TOEPLITZ_KEY_LEN];
	uint8_t entry[128]; /* ring; what is none is ring 0 */
};

/* Of a direction; since vf_rings_new. */
struct vf_rings_count {
	unsigned running;                  /* rings */
	uint64_t frames, bytes, multicast; /* bytes without FCS; multicast of received ones, broadcast not counted */
};

/* Nothing runs; nothing is received before vf_rings_set_rules. Puts its sources into the queues. NULL: no memory. Control. */
struct vf_rings *vf_rings_new(const struct vf_rings_setup *setup);

/* Stops all, takes its sources from the queues. The sink must be out of use before. NULL is nothing. Control. */
void vf_rings_free(struct vf_rings *r);

/* Looks at all enable bits, and shows heads. When this returns no lane touches a ring whose enable bit was off. Control. */
void vf_rings_sample(struct vf_rings *r);

/* Shows heads and counters on the pages; about every half second. Control. */
void vf_rings_show(struct vf_rings *r);

/* VFCTRL.RST, DEVICE_RESET, the client's end: all rings are off, both pages zero, faults forgotten; no lane touches any. Control. */
void vf_rings_stop(struct vf_rings *r);

/* 0, or -ENOMEM with the former ones in force. Control. */
int vf_rings_set_rules(struct vf_rings *r, const struct vf_rx_rules *rules);

/* Where its frames enter from the next burst on. When this returns no lane uses the former one for it. Control. */
void vf_rings_set_ingress(struct vf_rings *r, struct ingress *ingress);

/* The most that the guest may send, Mb/s of frames without FCS; 0: no cap. Control. */
void vf_rings_set_rate(struct vf_rings *r, unsigned mbps);

/* A doorbell that was trapped, or any sign of life: its transmit rings are looked at soon. Control. */
void vf_rings_kick(struct vf_rings *r);

struct sink *vf_rings_sink(struct vf_rings *r);

/* How the driver broke a ring, of the first that is broken; NULL: none is. Any thread. */
const char *vf_rings_fault(const struct vf_rings *r);

/* Never NULL. Any thread. */
const char *vf_fault_text(enum vf_fault fault);

void vf_rings_count(const struct vf_rings *r, bool transmit, struct vf_rings_count *out);

/* Frames that receive ring i < VF_RX_RINGS took since vf_rings_new. Any thread. */
uint64_t vf_rings_delivered(const struct vf_rings *r, unsigned i);
#endif
