#ifndef GUEST_OUTBOX_H
#define GUEST_OUTBOX_H
/*
 * outbox.h - an answer on its way to a peer that may not read it now. Never blocks. One thread.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OUTBOX_MAX (128 + 4096) /* bytes that wait: a whole configuration space (vfio_user.h) with the longest header */

struct outbox {
	size_t len, sent; /* len 0: nothing waits */
	int fd;           /* ours, goes with the first byte; -1: none, or gone already */
	uint8_t bytes[OUTBOX_MAX];
};

void outbox_init(struct outbox *o);

/* Forgets what waits. */
void outbox_clear(struct outbox *o);

static inline bool
outbox_waits(const struct outbox *o)
{
	return o->len > 0;
}

/*
 * Sends bytes, with a descriptor (stays the caller's; -1: none), to a socket, or keeps what it does not take now. Returns 0, -ENOBUFS
 * when something waits already or len is above OUTBOX_MAX, -EMFILE, or what sendmsg says.
 */
int outbox_send(struct outbox *o, int sock, const void *bytes, size_t len, int fd);

/* Sends what waits, as far as the socket takes it. Returns 0, or what sendmsg says. */
int outbox_flush(struct outbox *o, int sock);
#endif
