#ifndef BENCH_VUSER_VUSER_H
#define BENCH_VUSER_VUSER_H
/*
 * vuser.h - the front end of vhost-user: a virtio-net driver whose guest is this program.
 *
 * vuser_connect, vuser_negotiate, vuser_share and vuser_start make a running device; vuser_open is all four. Each step can be
 * done apart, left out, or done wrong, and messages can be sent raw. All functions with a result return 0 or -errno:
 * -ETIMEDOUT when the back end does not answer, -ECONNRESET when it hung up, -EPROTO when it answers something else, -EREMOTEIO
 * when it refuses. One thread.
 */
#include <stddef.h>

#include "bench/vuser/proto.h"
#include "bench/vuser/ring.h"
#include "bench/vuser/stream.h"

#define VUSER_PAIRS_MAX 64 /* our choice */

struct vuser_options {
	const char *path; /* of the socket; longer than sun_path takes is -ENAMETOOLONG */
	bool server;      /* listen there: the back end is the client */
	unsigned n_pairs; /* queue pairs, 1 to VUSER_PAIRS_MAX */
	unsigned rx_size, tx_size;
	uint64_t features;          /* bits wanted; what the back end does not offer is left out */
	uint64_t protocol_features; /* the same; used with bit VUSER_F_PROTOCOL_FEATURES of features */
	unsigned mtu;               /* told by NET_SET_MTU; 0: not told */
	bool all_written;           /* struct vuser_rules */
};

struct vuser {
	struct stream stream; /* timeout_ms 0: 5000 */
	uint64_t offered, features;
	uint64_t protocol_offered, protocol_features;
	unsigned n_pairs, n_queues, pairs_max; /* pairs_max: as the back end says, 1 if it does not */
	struct vuser_queue *queue;             /* 2i: receive, 2i + 1: transmit; n_queues of them are made */
};

/* Whether bit is negotiated. */
static inline bool
vuser_has(const struct vuser *v, unsigned bit)
{
	return (v->features >> bit & 1) != 0;
}

static inline bool
vuser_has_protocol(const struct vuser *v, unsigned bit)
{
	return (v->protocol_features >> bit & 1) != 0;
}

/* Fills v, zeroed before or with timeout_ms and idle of stream set, up to a running device on mem. Closed after a failure. */
int vuser_open(struct vuser *v, const struct vuser_options *o, struct vuser_mem *mem);

/* Ends the connection and frees the queues; mem stays. */
void vuser_close(struct vuser *v);

/* Ends the connection alone: connect, negotiate, share and start go on with the same queues. */
void vuser_hang_up(struct vuser *v);

/* Connects to the socket, or listens there until a back end comes (within timeout_ms). */
int vuser_connect(struct vuser *v, const struct vuser_options *o);

/* SET_OWNER; features and protocol features as wanted and offered; -EOPNOTSUPP when there are fewer pairs than wanted. */
int vuser_negotiate(struct vuser *v, const struct vuser_options *o);

/* Shares memory: one region more if MEM_SLOTS is negotiated, else the n of them in place of all there were. */
int vuser_share(struct vuser *v, const struct vuser_mem *mem, unsigned n);

/* Takes one region back (REM_MEM_REG). */
int vuser_unshare(struct vuser *v, const struct vuser_mem *mem);

/*
 * Makes the queues on mem unless there are some, tells the back end and enables them all. Those that there are go on from the last
 * used entry, as QEMU's do when a back end comes back.
 */
int vuser_start(struct vuser *v, const struct vuser_options *o, struct vuser_mem *mem);

/* One virtqueue: told whole (size, base, addresses, descriptors), enabled or not, and stopped; *base: where it stopped. */
int vuser_queue_start(struct vuser *v, unsigned index, uint16_t base);
int vuser_queue_enable(struct vuser *v, unsigned index, bool on);
int vuser_queue_stop(struct vuser *v, unsigned index, uint16_t *base);

/* Sends a message with descriptors, as it is. */
int vuser_send(struct vuser *v, const struct vuser_msg *m, const int *fds, unsigned n_fds);

/* Sends any bytes. */
int vuser_send_bytes(struct vuser *v, const void *bytes, size_t len);

/* The next message of the back end; descriptors that come with it are closed. */
int vuser_receive(struct vuser *v, struct vuser_msg *m);

/* Sends m, and waits for the acknowledgement if REPLY_ACK is negotiated. */
int vuser_tell(struct vuser *v, struct vuser_msg *m, const int *fds, unsigned n_fds);

/* Sends m, and replaces it by the answer, which must be of at least `least` bytes. */
int vuser_ask(struct vuser *v, struct vuser_msg *m, unsigned least);
#endif
