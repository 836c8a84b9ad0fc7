#ifndef GUEST_VHOST_DEVICE_H
#define GUEST_VHOST_DEVICE_H
/*
 * vhost_device.h - a vhost device as control sees it: what the front end said, and what runs because of it. Inside of guest/vhost*.c.
 *
 * Everything here is the control thread's. What lanes see is `rings`, and changes only so:
 *
 *	a ring's set-up		vhost_rings_halt (a grace period included), change, vhost_rings_run
 *	the memory		a new generation is published; the former one is unmapped after a grace period
 *	a call descriptor	the new one is published; the former one is closed after a grace period
 */
#include <assert.h>

#include "guest/session.h"
#include "guest/vhost_rings.h"
#include "guest/vhost_user.h"

#define VHOST_RINGS_MAX (2 * VHOST_PAIRS_MAX)

/* What the front end said of a virtqueue. */
struct vhost_ring {
	uint32_t size;                   /* 0: not told */
	uint64_t desc, used, avail, log; /* addresses in the front end; log: gpa */
	uint16_t base;
	int kick_fd, call_fd; /* -1: none */
	bool has_addr, has_base, has_kick, logs, enabled;
	bool runs;            /* without enabled: a transmit ring that drains, or discards */
	bool discards;        /* it was disabled a while ago, and is a transmit ring */
	bool misfit;          /* it cannot run: its indexes are further apart than its size */
	bool told;            /* that it is broken, in the log */
	uint64_t told_ns;     /* when; what is set up and broken again and again is told once a second */
	uint64_t disabled_ns; /* when it began to drain */
};

struct vhost {
	struct vhost_rings rings; /* first: whoever has the sink has the device */
	struct vhost_options is;
	struct spread_rule rule;
	struct queue *queue[VHOST_PAIRS_MAX];
	struct session *session;
	struct guest_mem *mem; /* the current generation; NULL: none */
	uint64_t features, protocol_features;
	uint8_t status;         /* virtio 1.2, 2.1, as told */
	unsigned mtu_front_end; /* 0: not told */
	uint8_t announce[6]; /* from which address the next transmit ring that starts has to announce; all zero: none */
	int log_fd;          /* -1: none */
	uint64_t log_offset, log_len;
	struct vhost_ring ring[VHOST_RINGS_MAX];
	uint64_t connects;
	char last_error[160];
};

static inline unsigned
vhost_n_rings(const struct vhost *v)
{
	return 2 * v->rings.n_pairs;
}

/* Virtqueue i: even ones are the guest's receive rings (virtio 1.2, 5.1.2). */
static inline struct vring *
vhost_vring(struct vhost *v, unsigned i)
{
	return i % 2 == 0 ? &v->rings.rx[i / 2] : &v->rings.tx[i / 2];
}

/* ---- vhost_ring.c ---- */

#define VHOST_ALL_RINGS UINT32_MAX
static_assert(VHOST_RINGS_MAX <= 32, "a bit for each ring");

void vhost_rings_init(struct vhost *v);

/* Those of `which` (a bit each) that run do so no more when this returns; their base is where they stopped. */
void vhost_rings_halt(struct vhost *v, uint32_t which);

/*
 * Runs those of `which` that are complete, enabled, and do not run. Returns 0, or for the first that is complete and cannot run:
 * -EFAULT (its tables do not lie in the memory), -EINVAL (they are not aligned), -ENOMEM, and err (may be NULL).
 */
int vhost_rings_run(struct vhost *v, uint32_t which, struct err *err);

/* From now on it may run: enabled. */
void vhost_ring_allow(struct vhost *v, unsigned i);

/* SET_VRING_ENABLE. Enabling returns as vhost_rings_run does; a ring that is disabled already changes nothing. */
int vhost_ring_enable(struct vhost *v, unsigned i, struct err *err);
void vhost_ring_disable(struct vhost *v, unsigned i);

/* Has transmit rings discard that were disabled a while ago. */
void vhost_rings_drain(struct vhost *v);

/* The table of receive rings anew, by v->rule. Returns 0, or -ENOMEM with the former table, if that is still good, or none. */
int vhost_spread_publish(struct vhost *v, bool former_is_good);

/* A halted ring waits for its next kick descriptor, and for a base; the rest of what was told stays. */
void vhost_ring_unkick(struct vhost *v, unsigned i);

/* A halted ring is as new: all that was told of it is forgotten and closed. */
void vhost_ring_forget(struct vhost *v, unsigned i);

/* Takes over fd (-1: none), in place of the former one. Of a running ring too. */
void vhost_ring_set_call(struct vhost *v, unsigned i, int fd);

/* ---- vhost_mem.c ---- */

/* Publishes next (NULL: none; taken over) for rings that do not use what it lacks. The former generation is freed. */
void vhost_mem_publish(struct vhost *v, struct guest_mem *next);

/*
 * Takes over fd as the dirty log (v->log_fd); used while LOG_ALL is negotiated. Returns 0 or -errno and err. A file that
 * cannot be a log stays the caller's, who knows how to close it.
 */
int vhost_log_set(struct vhost *v, int fd, uint64_t offset, uint64_t len, struct err *err);

/* Publishes the current memory with the log as it has to be now. Returns 0 or -errno and err. */
int vhost_log_apply(struct vhost *v, struct err *err);

/* Replaces all regions. Returns 0 or -errno and err, with nothing changed. */
int vhost_mem_set(struct vhost *v, const struct guest_region_claim *claims, const int *fds, unsigned n,
		  struct err *err);
int vhost_mem_add(struct vhost *v, const struct guest_region_claim *claim, int fd, struct err *err);
int vhost_mem_remove(struct vhost *v, const struct guest_region_claim *claim, struct err *err);

/* ---- vhost.c ---- */

/* Returns 0 or -errno and err. */
int vhost_set_features(struct vhost *v, uint64_t features, struct err *err);

/* The MTU that holds now: the lower one of the port's and the front end's. */
void vhost_apply_mtu(struct vhost *v);

/* Tells in the log that ring i is broken, unless that was told, or something of it a second ago. */
void vhost_tell_fault(struct vhost *v, unsigned i);

/* RESET_DEVICE: all rings stop, are disabled and as new; memory and the session stay. */
void vhost_reset(struct vhost *v);
#endif
