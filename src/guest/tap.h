#ifndef GUEST_TAP_H
#define GUEST_TAP_H
/*
 * tap.h - a TAP interface as a port's medium: a source for each queue, and one sink.
 *
 * The keeper opens it (host vNIC or a network namespace) and hands the descriptors over. Frames carry a virtio-net header
 * both ways, so an LSO frame passes whole. readv and writev move one frame each and are atomic for it: a TAP sink needs no
 * lock. io_uring is not used: kernels before 6.2 run tun requests in helper threads, which costs order and CPU time.
 *
 * The queue that a frame is written to is no more to the kernel's stack than a queue number in its hash for RPS; but answers of the
 * same flow are given to us by the queue that the flow was last written to (tun_flow_update, drivers/net/tun.c).
 */
#include <sys/types.h>

#include "base/addr.h"
#include "base/count.h"
#include "base/err.h"
#include "keep/keep.h"
#include "nic/sink.h"
#include "nic/source.h"
#include "nic/spread.h"

struct tap_queue {
	struct source source; /* first: the source is the queue */
	counter written;      /* frames that the kernel took by it; lanes add */
};

struct tap {
	struct keep_tap is;     /* as asked of the keeper */
	struct mac mac;         /* as it is */
	ino_t namespace_number; /* of the namespace that it lies in; 0: our own */
	struct sink sink;
	struct spread_rule rule;
	const struct spread *_Atomic spread; /* immutable */
	_Atomic unsigned mtu;                /* bytes of L2 payload */
	unsigned n_queues;
	struct tap_queue queue[KEEP_TAP_QUEUES_MAX];
};

/*
 * Opens the interface that want describes. ingress: where its frames enter. toeplitz: borrowed, of the default rule
 * (spread.h). Returns NULL and err. Control.
 */
struct tap *tap_open(const struct keep_tap *want, struct ingress *ingress, const struct toeplitz *toeplitz,
		     struct err *err);

/* Closes the descriptors, and with them the interface is gone. No lane may use it any more. Control. */
void tap_close(struct tap *tap);

/* Changes MTU, MAC and addresses of the running interface to those of want. Returns 0 or -errno and err. Control. */
int tap_change(struct tap *tap, const struct keep_tap *want, struct err *err);

/*
 * How frames are spread over its queues, from the next burst on. When it returns 0 no lane uses the former rule's toeplitz any
 * more; with -ENOMEM all is as before. Control.
 */
int tap_set_spread(struct tap *tap, const struct spread_rule *rule);

/*
 * Whether the interface is gone: a lane found it deleted, or its namespace's name is no more or is another one's. (The namespace
 * itself cannot end before us: a TAP's descriptor holds it.) Control.
 */
bool tap_is_gone(const struct tap *tap);
#endif
