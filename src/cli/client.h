#ifndef CLI_CLIENT_H
#define CLI_CLIENT_H
/*
 * client.h - questions to the daemon, over its Unix socket: one, or many over a connection that stays.
 */
#include <jansson.h>

#include "base/err.h"
#include "ctl/schema.h"

#define CLIENT_SOCKET "/run/fairlead/fairlead.sock"
#define CLIENT_REFUSED 1

/*
 * Calls method at the socket path. When the socket is not the caller's to use and the method only reads, the read-only twin is
 * asked (x.sock: x-ro.sock). Waits at most timeout_s for each step.
 * Returns 0 with a new reference in *result; CLIENT_REFUSED with the daemon's own words in err; or a negative errno with err saying
 * why nothing, or nothing sensible, was heard.
 */
int client_call(const char *path, const struct schema_method *method, json_t *params, int timeout_s, json_t **result,
		struct err *err);

struct client;

/*
 * Connects to the socket path, or, when that is not the caller's to use, to its read-only twin. timeout_s: of each step of sending,
 * and of receiving with wait. Returns 0, or a negative errno with err set. path must outlive it.
 */
int client_open(const char *path, int timeout_s, struct client **out, struct err *err);

/* Readable when there may be an answer. */
int client_fd(const struct client *c);

/* Sends a question under a number of the caller's. Returns 0, or a negative errno with err set: then the connection is broken. */
int client_send(struct client *c, const struct schema_method *method, json_t *params, int id, struct err *err);

struct client_answer {
	int id;         /* of the question */
	json_t *result; /* a new reference; NULL: refused, and why says how, in the daemon's words */
	bool unknown;   /* refused because the daemon does not have such a method */
	struct err why;
};

/*
 * The next answer; they come in the order of the questions. wait: until there is one. Returns 1 with *out, 0 when there is none yet, or a
 * negative errno with err set: then the connection is broken, or not with fairleadd.
 */
int client_receive(struct client *c, bool wait, struct client_answer *out, struct err *err);

/* NULL is nothing. */
void client_close(struct client *c);
#endif
