#ifndef KEEP_PROTO_H
#define KEEP_PROTO_H
/*
 * proto.h - what the data plane and the keeper say to each other; inside keep/ only.
 *
 * One request, one answer, each a fixed struct and one SOCK_SEQPACKET message; descriptors go along by SCM_RIGHTS.
 * An answer repeats its request's seq, so that one that came too late is not taken for the next request's.
 */
#include "keep/keep.h"

#define KEEP_VERSION 1
#define KEEP_FDS_MAX KEEP_TAP_QUEUES_MAX
#define KEEP_TXQUEUELEN_MAX 100000 /* our choice, as the configuration's */
#define KEEP_NO_ID UINT32_MAX      /* as chown(2) has it */
#define KEEP_CONFIG_MAX (1 << 20)  /* bytes; as the configuration's limit */

/*
 * In this order: what begins with TAP uses all of struct keep_tap, those to LINK_SHOW its netns, to TAKE_OVER its interface; from
 * LISTEN to CONNECT, name.
 */
enum keep_op {
	KEEP_TAP_OPEN,
	KEEP_TAP_SET,
	KEEP_LINK_IS_UP,
	KEEP_LINK_SHOW,
	KEEP_LINK_UP,
	KEEP_TAKE_OVER, /* interface: the uplink */
	KEEP_GIVE_BACK,
	KEEP_LISTEN,
	KEEP_UNLISTEN,
	KEEP_CONNECT,
	KEEP_SAVE_CONFIG, /* the text comes as one descriptor: a memfd sealed against writing and shrinking */
	KEEP_OPS
};

struct keep_request {
	uint32_t version, size, op, seq;
	struct keep_tap tap;
	char to[IFNAMSIZ];        /* TAKE_OVER */
	struct prefix caller;     /* LINK_SHOW; family 0: nobody */
	char name[KEEP_NAME_MAX]; /* of a socket in the run directory */
	uint32_t mode, uid, gid;  /* LISTEN; KEEP_NO_ID: the keeper's own */
};

/* The step that a request had come to; with the errno, what a sentence is made from (sentence.c, in the data plane). */
enum keep_step {
	KEEP_AT_CHECK,
	KEEP_AT_NAMESPACE,
	KEEP_AT_TUN,
	KEEP_AT_CREATE,
	KEEP_AT_LINK,
	KEEP_AT_OWNER, /* whether this keeper made the interface */
	KEEP_AT_ADDRESS,
	KEEP_AT_MOVE,
	KEEP_AT_FILE
};

struct keep_reply {
	uint32_t seq;
	int32_t code; /* 0 or negative errno; descriptors come with 0 only */
	enum keep_step step;
	uint32_t index;        /* KEEP_AT_ADDRESS: which */
	struct mac mac;        /* TAP_OPEN */
	struct keep_link link; /* LINK_SHOW; LINK_IS_UP: no more of it than RTM_GETLINK tells */
};

/*
 * Whether len bytes at q, which came with n_fds descriptors, are a request that may be looked at: 0 or -EPROTO.
 * Pure: no side effect, no read beyond len; the fuzz target's entry.
 */
int keep_request_check(const struct keep_request *q, size_t len, unsigned n_fds);

/* Makes the sentence and the hint of an answer with a negative code; returns that code. */
int keep_sentence(const struct keep_request *q, const struct keep_reply *re, struct err *err);

/* Sends one message with n_fds (to KEEP_FDS_MAX) descriptors; never blocks. 0 or -errno. */
int keep_send(int sock, const void *msg, size_t len, const int *fds, unsigned n_fds);

/*
 * Takes one message; fds has room for KEEP_FDS_MAX (further ones are closed by the kernel) and is the caller's to close.
 * Returns the message's own length, which may be more than the len bytes that were written to msg, or -errno.
 */
ssize_t keep_recv(int sock, void *msg, size_t len, int *fds, unsigned *n_fds);

void keep_close_all(int *fds, unsigned *n_fds);
#endif
