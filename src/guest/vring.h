#ifndef GUEST_VRING_H
#define GUEST_VRING_H
/*
 * vring.h - a split virtqueue of a guest's network device, driven from the host's side (virtio 1.2, 2.7 and 5.1.6).
 *
 * A transmit ring is a source (vring_source.c), a receive ring is written under its lock by whoever delivers
 * (vring_sink.c). Everything that the guest can write is loaded once and judged from our copy. What the guest breaks
 * costs it this ring: it stops with a reason until the driver sets the queue up again; all others go on.
 *
 * Used entries are written in ring order, always: used->idx is the truth that a driver recovers from when we die.
 *	state		lanes				control
 *	stopped		do not touch it			may set it up: vring_start
 *	running		take, give, put			takes it from them, grace period, vring_settle, vring_stop
 *	broken		leave it alone			the same
 *
 * Taken from lanes is a transmit ring by queue_set_source(q, QUEUE_FROM_SENDER, NULL), a receive ring by a table of the sink that
 * does not name it.
 */
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/count.h"
#include "base/spin.h"
#include "guest/mem.h"
#include "guest/vring_layout.h"
#include "nic/hold.h"
#include "nic/moderation.h"
#include "nic/source.h"
#include "nic/vport.h"
#include "pkt/pkt.h"

#define VRING_SIZE_MAX 32768 /* virtio 1.2, 2.7 */
#define VRING_CHAIN_MAX 1024 /* descriptors of one chain; the kernel's vhost takes as many (UIO_MAXIOV) */

/* Why a ring was given up; text for people. */
#define VRING_FAULTS(X)                                                               \
	X(NONE, "none")                                                               \
	X(INDEX_JUMPED, "the available index is more than the ring's size ahead")     \
	X(BAD_HEAD, "a descriptor index is outside of the ring")                      \
	X(LOOP, "a descriptor chain is a loop, or longer than 1024")                  \
	X(BAD_ADDRESS, "a buffer is not in the guest's memory")                       \
	X(BAD_DIRECTION, "a buffer may not be read, or not written, as it has to be") \
	X(BAD_INDIRECT, "an indirect table has no valid size, or is nested")

enum vring_fault {
#define X(id, text) VRING_FAULT_##id,
	VRING_FAULTS(X)
#undef X
		VRING_FAULT_COUNT
};

/* Never NULL. Any thread. */
const char *vring_fault_text(enum vring_fault fault);

/* What both sides agreed on, as far as it matters on the data path: virtio 1.2, 5.1.3. */
struct vring_features {
	uint8_t header_len;       /* bytes of the virtio-net header: 12 with VERSION_1 or MRG_RXBUF, else 10 */
	bool mergeable;           /* MRG_RXBUF */
	bool event_idx, in_order; /* EVENT_IDX, IN_ORDER */
	bool guest_csum;          /* the receiver takes NEEDS_CSUM and DATA_VALID */
	bool guest_tso4, guest_tso6, guest_ecn, guest_uso4, guest_uso6;
};

/* Everything that control has checked before a ring runs. */
struct vring_setup {
	struct vring_features features;
	uint32_t size;           /* power of two, 1 to VRING_SIZE_MAX */
	struct vring_desc *desc; /* ours; each table lies in one region, whole, aligned to 16, 2 and 4 bytes */
	struct vring_avail *avail;
	struct vring_used *used;
	bool used_log; /* VHOST_VRING_F_LOG: writes of the used ring are noted, at */
	uint64_t used_log_gpa;
	int base;    /* index of the first entry not yet taken; -1: begin at used->idx, where a driver recovers */
	int call_fd; /* eventfd that interrupts the guest, non-blocking; -1: it polls. Borrowed while running */
	int kick_fd; /* eventfd by which the guest kicks us; -1: we poll. Borrowed while running */
	uint64_t hz; /* cycles a second; 0: gaps between interrupts are none */
	const struct guest_mem *_Atomic *mem; /* where the current generation stands */
};

struct vring {
	struct source source; /* first; transmit rings */

	/* Set by control before the ring runs; lanes read. */
	struct vring_features is;
	uint32_t size, mask;
	struct vring_desc *desc;
	struct vring_avail *avail;
	struct vring_used *used;
	const struct guest_mem *_Atomic *mem;
	struct vport *vport; /* whose books a frame enters that a transmit ring cannot even show */
	uint64_t used_log_gpa;
	bool used_log;
	_Atomic bool running,
		discards; /* discards: what a transmit ring sends ends here, as DROP_QUEUE_DISABLED. Control */
	_Atomic int call_fd;

	/* Written by: the lane that has the queue (transmit) or the lock (receive). */
	struct spin lock __rte_cache_aligned; /* receive rings only */
	uint16_t next_avail;                  /* first entry not taken yet */
	uint16_t next_used;                   /* what used->idx is, or will be once a burst is given back */
	uint16_t signalled;                   /* used index at the last look at used_event */
	bool signalled_valid;
	bool armed;            /* transmit: the guest was asked to kick */
	unsigned hint;         /* guest_span's */
	_Atomic uint8_t fault; /* enum vring_fault; not NONE: broken */
	uint16_t n_heads;      /* transmit: taken and not given back yet */
	uint32_t walked;       /* transmit: descriptors in chains of this burst that are longer than one */
	counter delivered;     /* receive: frames that the guest got */
	counter interrupts;    /* calls made; several lanes may add to it */
	struct moderation moderation;
	struct hold hold;          /* its interrupt */
	_Atomic uint64_t announce; /* transmit: address of a RARP frame to send first, 0: none; control sets */
	uint16_t head[PKT_BURST];
};

/* Makes a ring, stopped. ingress: where a transmit ring's frames enter; NULL for a receive ring. Control. */
void vring_init(struct vring *r, struct ingress *ingress, struct vport *vport);

/*
 * Runs a stopped ring. Returns 0, or -EPROTO when base does not fit what stands in the ring: more than `size` entries ahead.
 * Lanes find a transmit ring by queue_set_source, which is the caller's to call; a receive ring by the sink's spread. Control.
 */
int vring_start(struct vring *r, const struct vring_setup *setup);

/* After the grace period: sends an interrupt that is held back. True: a lane may be doing so, until another one. Control. */
bool vring_settle(struct vring *r);

/* After that. Returns the first entry that was not taken, for GET_VRING_BASE. Control. */
uint16_t vring_stop(struct vring *r);

/* Another eventfd to interrupt the guest by, -1: none. The former one is in use until a grace period has passed. Control. */
void vring_set_call(struct vring *r, int fd);

/* How the driver broke the queue's rules, or VRING_FAULT_NONE. Any thread. */
static inline enum vring_fault
vring_fault(const struct vring *r)
{
	return (enum vring_fault)atomic_load_explicit(&((struct vring *)(uintptr_t)r)->fault, memory_order_acquire);
}

/* Has a running transmit ring send a RARP frame from that address into the switch. Control. */
void vring_announce(struct vring *r, const uint8_t mac[6]);

/*
 * Delivers pkts[0..n) in order to a receive ring: as sink_ops.put does. A ring that does not run is DROP_PORT_DOWN. Lanes.
 */
void vring_put(struct vring *r, struct lane *lane, struct pkt *const *pkts, const int *tags, unsigned n,
	       uint8_t *verdict);
#endif
