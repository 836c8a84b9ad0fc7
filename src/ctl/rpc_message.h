#ifndef CTL_RPC_MESSAGE_H
#define CTL_RPC_MESSAGE_H
/*
 * rpc_message.h - one line from a client in, one line of answer out: JSON-RPC 2.0 without the sockets.
 *
 * The line is hostile: its size is the server's business, its depth and the number of its values are bounded here before it is
 * parsed, so that 8 MiB of "{},{},..." do not become a gigabyte of objects. Control thread only.
 */
#include <sys/types.h>

#include "ctl/rpc_server.h"
#include "ctl/rpc_text.h"

/* The method with the most parameters has seven, one level deep; a batch multiplies that. Our choice. */
#define RPC_DEPTH_MAX 32
#define RPC_VALUES_MAX 10000
/* Requests in one batch: they are answered in one go, while others wait. Our choice. */
#define RPC_BATCH_MAX 64

/* JSON-RPC 2.0, 5.1; the last is of the range left to servers: refused by an object, data.errno says how. */
enum rpc_code {
	RPC_PARSE_ERROR = -32700,
	RPC_INVALID_REQUEST = -32600,
	RPC_METHOD_NOT_FOUND = -32601,
	RPC_INVALID_PARAMS = -32602,
	RPC_INTERNAL_ERROR = -32603,
	RPC_REFUSED = -32000
};

/* Who sent it: SO_PEERCRED at the moment of connecting. */
struct rpc_caller {
	uid_t uid;
	pid_t pid;
	bool read_only;
};

struct rpc_service {
	const struct rpc_handler *handlers; /* ends with method NULL */
	void *ctx;
};

/*
 * Answers one line (without its '\n'); out begins empty. out->len stays 0 when nothing is to be sent: notifications.
 * Returns 0, or -ENOMEM: then the connection can only be closed.
 */
int rpc_answer(const struct rpc_service *service, const struct rpc_caller *who, const char *line, size_t len,
	       struct rpc_text *out);

/* An error answer without an id, for what is no message at all: too long a line, too many clients. Returns 0 or -ENOMEM. */
int rpc_answer_error(struct rpc_text *out, enum rpc_code code, const struct err *err);
#endif
