#ifndef GUEST_SESSION_H
#define GUEST_SESSION_H
/*
 * session.h - one Unix socket connection per port, with messages and descriptors: what vhost-user and vfio-user have in common.
 *
 * A session is a port's end. It listens (server) or connects again and again (client), has at most one peer at a time, cuts what
 * comes into messages with their descriptors, and sends answers. Never blocks: a peer that withholds the rest of a message, or
 * does not read its answers, is cut off after SESSION_PATIENCE_MS and costs the others nothing meanwhile.
 *
 * All sessions stand in a loop, which is one descriptor for the caller's own loop. Everything here is for the control thread.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define SESSION_HEADER_MAX 128 /* bytes; vhost-user has 12, vfio-user 16, a memif's messages, one datagram each, 128 */
#define SESSION_FDS_MAX 8 /* that a message may use: regions of SET_MEM_TABLE (QEMU: VHOST_MEMORY_BASELINE_NREGIONS) */
#define SESSION_PATIENCE_MS 1000 /* for the rest of a message, and for a peer to read an answer; our choice */
#define SESSION_RETRY_MS 1000    /* between two attempts of a client to connect; our choice */

struct session;
struct session_loop;

struct session_message {
	uint8_t *bytes; /* header and payload; valid during the call, may be changed */
	size_t len;
	int *fds; /* n_fds; whoever keeps one puts -1 in its place, the rest is closed */
	unsigned n_fds;
	bool more_fds; /* others came with it, beyond SESSION_FDS_MAX, and are closed already */
};

/* What speaks on the session. owner: of struct session_options. */
struct session_kind {
	const char *peer;    /* who the other end is, for people: "front end" */
	unsigned header_len; /* bytes, 1 to SESSION_HEADER_MAX */
	size_t message_max;  /* bytes with header */
	/* Bytes that follow this header, so that all is at most message_max; or -errno and err: no such message. */
	int (*payload_len)(void *owner, const uint8_t *header, struct err *err);
	/* A whole message. Returns 0, or -errno and err: the connection ends for this reason. */
	int (*message)(void *owner, struct session_message *m, struct err *err);
	void (*begun)(void *owner);
	/* The connection is over. why: NULL when the peer left by itself, between two messages. */
	void (*ended)(void *owner, const char *why);
};

struct session_options {
	const struct session_kind *kind;
	void *owner;
	const char *name;          /* the port's, for logs; copied, up to 63 bytes */
	int listen_fd;             /* server: a listening, non-blocking Unix socket; else -1 */
	int (*connect)(void *arg); /* client: a connected socket, or -errno; must not block */
	void *connect_arg;
};

/* Returns NULL with errno set: ENOMEM, EMFILE. */
struct session_loop *session_loop_new(void);

/* Readable while session_loop_poll has something to do, deadlines included. */
int session_loop_fd(const struct session_loop *loop);

/* Bounded work: at most 64 steps (a message, some connects), none begun after 5 ms, turn by turn over those that have some. */
void session_loop_poll(struct session_loop *loop);

/* All sessions are closed before. NULL is nothing. */
void session_loop_free(struct session_loop *loop);

/* A session without a peer. listen_fd is taken over, also when this fails. Returns NULL and err. */
struct session *session_open(struct session_loop *loop, const struct session_options *options, struct err *err);

/* Ends the connection, `ended` included, and frees all. Not from inside a callback. NULL is nothing. */
void session_close(struct session *s);

bool session_has_peer(const struct session *s);

/*
 * Sends bytes to the peer, or what its socket does not take once it does; no further message is read until then. Returns 0,
 * -ENOTCONN, -ENOBUFS when more waits than an answer, or what send says; after an error the caller ends the connection.
 */
int session_send(struct session *s, const void *bytes, size_t len);

/* The same with a descriptor along, which stays the caller's; -1: none. */
int session_send_fd(struct session *s, const void *bytes, size_t len, int fd);

/* Tells in the log that the peer was refused something and goes on; at most once a second. */
void session_refused(struct session *s, const char *why);

/* Ends the connection for a reason. Not from inside a callback: return an error there. */
void session_end(struct session *s, const char *why);
#endif
