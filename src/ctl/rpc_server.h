#ifndef CTL_RPC_SERVER_H
#define CTL_RPC_SERVER_H
/*
 * rpc_server.h - JSON-RPC 2.0 on Unix sockets, one object per line.
 *
 * Runs in the caller's loop: rpc_server_fd() becomes readable, rpc_server_poll() does a bounded piece of work and never blocks.
 * Handlers run inside rpc_server_poll(), in the caller's thread. Control thread only.
 */
#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

#include "base/err.h"

/* A configuration of CONFIG_TEXT_MAX bytes, escaped: at worst 6 bytes for one ("\u0001"). */
#define RPC_LINE_MAX (8u << 20)
/* On the read-only socket nobody sends a configuration. Our choice. */
#define RPC_LINE_MAX_READ_ONLY (64u << 10)
/* One answer; a longer one becomes an error. Our choice: twice the longest MAC table that switch.show gives. */
#define RPC_OUT_MAX (16u << 20)
/* Clients at once, on each listening socket, so that readers never take the places of those who may change. */
#define RPC_CLIENTS_MAX 1000
/* Bytes that the server keeps for all clients together; beyond it the client that holds most is closed. Our choice. */
#define RPC_HELD_MAX (64u << 20)

struct rpc_server;
struct rpc_text;

/*
 * A method's code. params: an object that fits the schema, defaults filled in; the server's. The result is in the shape that the schema's
 * columns say (result_check() in params.h): fn makes *result, a new reference; write, of methods that people ask ten times a second on
 * hosts with a thousand ports, writes it as one value without a key. Returns 0, or a negative errno with err set; then nothing was changed.
 */
struct rpc_handler {
	const char *method; /* "port.set"; "drops" for a noun without verbs */
	int (*fn)(void *ctx, const json_t *params, json_t **result, struct err *err);
	int (*write)(void *ctx, const json_t *params, struct rpc_text *out, struct err *err); /* in place of fn */
};

/*
 * handlers ends with method NULL and must outlive the server; a method of the schema without one is answered as not available.
 * Returns NULL with errno set: EINVAL when a handler names no method of the schema, ENOMEM, EMFILE.
 */
struct rpc_server *rpc_server_new(const struct rpc_handler *handlers, void *ctx);

/*
 * Takes over fd, a listening SOCK_STREAM Unix socket (also when this fails). read_only: methods that change are refused there.
 * At most 4 sockets. Returns 0, -ENOSPC, or what epoll says.
 */
int rpc_server_listen(struct rpc_server *server, int fd, bool read_only);

/* A descriptor that is readable while there is something to do; it stays the server's. */
int rpc_server_fd(const struct rpc_server *server);

/*
 * Does what is ready: at most 32 requests, none begun after 5 ms; rpc_server_fd() stays readable when more is waiting. To be called
 * every second or so in any case: a socket that nobody is accepted from, because descriptors of former clients do not close, is looked at.
 */
void rpc_server_poll(struct rpc_server *server);

/* Clients connected now. */
unsigned rpc_server_clients(const struct rpc_server *server);

/* Closes the clients and the listening sockets. NULL is nothing. */
void rpc_server_free(struct rpc_server *server);
#endif
