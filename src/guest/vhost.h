#ifndef GUEST_VHOST_H
#define GUEST_VHOST_H
/*
 * vhost.h - a guest's virtio-net device as a port's medium, by vhost-user.
 *
 * The device is here, the data path in vring*.c, the messages in vhost_user.c, sockets and framing in session.c. Sessions are
 * state machines in the control thread's loop: a front end that stalls costs nobody else anything.
 *
 * States of a ring: what the front end said of it (size, addresses, base, descriptors, enabled) is collected; it runs from the
 * moment when all is there and valid, until GET_VRING_BASE, RESET_OWNER, a change of what it stands on, or the end of the
 * connection. A change on a running ring: halt, grace period, close and unmap, answer, run again.
 *
 * A receive ring that is disabled gets nothing more; frames go to the others that run. A transmit ring that is disabled runs on: for a
 * second what is in it is sent, and what the guest still adds, since Linux tells the device first and its own stack after that
 * (virtnet_set_channels). Then what comes is thrown away, as the specification asks for ("Ring states"), and counted: nothing that is old
 * leaves when the ring is enabled again.
 */
#include <sys/types.h>

#include "base/addr.h"
#include "base/err.h"
#include "guest/vring.h"
#include "nic/queue.h"
#include "nic/sink.h"
#include "nic/spread.h"

#define VHOST_PAIRS_MAX 16 /* queue pairs of a port; config's limit */

enum vhost_state {
	VHOST_NO_FRONT_END, /* nobody is connected */
	VHOST_WAITING,      /* connected, the guest's driver has not set up a queue */
	VHOST_UP,
	VHOST_BROKEN, /* the driver broke a queue's rules; see vhost_fault */
};

struct vhost_options {
	const char *name;                /* the port's, for logs */
	unsigned n_pairs;                /* 1 to VHOST_PAIRS_MAX */
	unsigned mtu;                    /* bytes of L2 payload, an upper bound; the front end may set less */
	enum moderation_mode moderation; /* of its interrupts */
	struct queue *const
		*queues;         /* n_pairs; transmit rings become their QUEUE_FROM_SENDER. Borrowed while it lives */
	struct ingress *ingress; /* where frames of the guest enter */
	struct vport *vport;     /* whose books a transmit ring's malformed frame enters */
	const struct toeplitz *toeplitz; /* borrowed, of the default rule: spread.h */
};

/* What a person wants to know of a port's guest. */
struct vhost_info {
	enum vhost_state state;
	uint64_t features, protocol_features; /* negotiated */
	unsigned pairs_running;
	unsigned mtu;          /* in force */
	uint64_t memory_bytes; /* of the guest, mapped */
	unsigned regions;
	enum vring_fault fault;                                                  /* of the first broken ring */
	bool logging;                                                            /* a migration's dirty log is on */
	uint64_t interrupts;                                                     /* sent to the guest */
	uint64_t rx_interrupts[VHOST_PAIRS_MAX], tx_interrupts[VHOST_PAIRS_MAX]; /* of them, for each pair */
	uint64_t connects;                                                       /* front ends that ever connected */
	char last_error[160]; /* why the last connection ended; empty: it did not, or by itself */
};

struct vhost;
struct session_loop;

/* The sessions of all ports: one descriptor for the control loop, as rpc_server has. Control. */
int vhost_loop_init(void);  /* 0 or -errno; once */
int vhost_loop_fd(void);    /* readable when vhost_loop_poll has something to do; deadlines included */
void vhost_loop_poll(void); /* bounded work, never blocks on a peer */
void vhost_loop_fini(void);
struct session_loop *vhost_session_loop(void); /* for what else has sessions in guest/ */

/*
 * A device without a front end. server: a listening, non-blocking SOCK_STREAM Unix socket, taken over, or -1; else connect is
 * called to get a connected one, again and again (1 s) until there is one: it returns a descriptor or -errno. Returns NULL and err.
 */
struct vhost *vhost_open(const struct vhost_options *options, int server, int (*connect)(void *arg), void *arg,
			 struct err *err);

/* Ends the connection and frees all. Afterwards no lane uses it any more; the port's sink must be gone before. Control. */
void vhost_close(struct vhost *v);

/* Where the port delivers to; put answers PORT_DOWN while the guest takes nothing. Valid from open to close. */
struct sink *vhost_sink(struct vhost *v);

/* Changes the upper bound of the MTU while running. Control. */
void vhost_set_mtu(struct vhost *v, unsigned mtu);

/*
 * How frames are spread over the receive rings that run (vRSS), from the next burst on; a flow that changes its ring may overtake itself
 * inside the guest, as NDIS has it for a changed table. When it returns 0 no lane uses the former rule's toeplitz any more; with
 * -ENOMEM all is as before. Control.
 */
int vhost_set_spread(struct vhost *v, const struct spread_rule *rule);

/* Another moderation of its interrupts, running or not. Control. */
void vhost_set_moderation(struct vhost *v, enum moderation_mode mode);

void vhost_info(const struct vhost *v, struct vhost_info *out);

/* Of vhost_info only the state and what goes with it, for lists of many ports. *fault: VRING_FAULT_NONE unless it is broken. */
enum vhost_state vhost_state(const struct vhost *v, enum vring_fault *fault);

/* Frames that the receive ring of a pair took since the port was made. Any thread. */
uint64_t vhost_delivered(const struct vhost *v, unsigned pair);

/* "no front end", "waiting for the driver", "up", ... for tables. Never NULL. */
const char *vhost_state_text(enum vhost_state state);

/* Looks after disabled rings, guests whose memory shrank, or that broke a queue: told once in the log. About every half second. Control. */
void vhost_tend(struct vhost *v);
#endif
