#ifndef CTL_RPC_CLIENT_H
#define CTL_RPC_CLIENT_H
/*
 * rpc_client.h - one connection of the RPC server: bytes in, complete lines out, answers back. Used by rpc_server.c alone.
 *
 * A connection holds what was read of its next lines, and what its peer has not yet taken of the answers. It reads on only while
 * no complete line waits and little is unsent, so a client that sends without reading stalls itself and nobody else.
 */
#include <stdint.h>

#include "base/closer.h"
#include "ctl/rpc_message.h"

/* Unsent bytes from which on a client's next request waits. Our choice: about one socket buffer. */
#define RPC_CLIENT_UNSENT_MAX (256u << 10)

struct rpc_client {
	int fd;                /* -1: closed, to be freed */
	struct closer *closer; /* of the socket that it came in by */
	struct rpc_caller who;
	unsigned listener; /* index of the socket that it came in by */
	bool eof;          /* it sends nothing more */
	bool closing;      /* closed once its answers are sent */
	bool ready;        /* stands in the server's list of those with a complete line */
	uint32_t events;   /* what epoll watches for */
	size_t counted;    /* its share of what the server has counted as held */
	char *in;          /* in_size bytes, in_len of them read */
	size_t in_len, in_size;
	size_t in_seen; /* bytes known to hold no '\n' */
	char *out;      /* out_len bytes, out_sent of them sent */
	size_t out_len, out_size, out_sent;
	struct rpc_client *prev, *next;             /* all clients */
	struct rpc_client *ready_prev, *ready_next; /* those with a complete line */
};

/* Bytes of memory that its buffers take. */
size_t rpc_client_held(const struct rpc_client *c);

/*
 * Reads once, what is there and fits. Returns 0, -EMSGSIZE when the line is longer than the client may send, -EBADMSG when it sends
 * descriptors, for which there is no use here, or another negative errno when the connection is broken.
 */
int rpc_client_read(struct rpc_client *c);

/* The next complete line in *line and *len, without its '\n', until rpc_client_consume(); false when there is none. */
bool rpc_client_line(struct rpc_client *c, char **line, size_t *len);

/* Forgets the line that rpc_client_line() gave. */
void rpc_client_consume(struct rpc_client *c, size_t len);

/* Takes over text's bytes as the next to be sent, and sends what goes. Returns 0, -ENOMEM, or why the connection is broken. */
int rpc_client_send(struct rpc_client *c, struct rpc_text *text);

/* Sends what the socket takes. Returns 0, or why the connection is broken. */
int rpc_client_flush(struct rpc_client *c);

static inline size_t
rpc_client_unsent(const struct rpc_client *c)
{
	return c->out_len - c->out_sent;
}

/* Frees the buffers; the descriptor is the caller's to close. */
void rpc_client_clear(struct rpc_client *c);
#endif
