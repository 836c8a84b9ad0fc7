#ifndef BENCH_VUSER_STREAM_H
#define BENCH_VUSER_STREAM_H
/*
 * stream.h - bytes and descriptors over a Unix stream socket, with patience: what vhost-user and vfio-user have in common at this end.
 *
 * All return 0 or -errno: -ETIMEDOUT when the other end takes or says nothing for too long, -ECONNRESET when it has gone.
 */
#include <stddef.h>
#include <stdint.h>

#define STREAM_FDS_MAX 253 /* that one message can carry: SCM_MAX_FD of the kernel (include/net/scm.h) */

struct stream {
	int sock;
	unsigned timeout_ms; /* for each step */
	/* Called while it is waited, again and again: where the other end runs in the same thread. NULL: sleep. */
	void (*idle)(void *arg);
	void *idle_arg;
};

/* Sends len bytes, n_fds <= STREAM_FDS_MAX descriptors with the first of them. */
int stream_send(const struct stream *s, const void *bytes, size_t len, const int *fds, unsigned n_fds);

/* When a step that begins now has to be over: for stream_receive, milliseconds of a clock of its own. */
int64_t stream_deadline(const struct stream *s);

/*
 * Receives len bytes until end_ms. Of the descriptors that come with them the first one is kept in *kept, if that is -1, and the rest is
 * closed; kept NULL: all are.
 */
int stream_receive(const struct stream *s, void *out, size_t len, int64_t end_ms, int *kept);
#endif
