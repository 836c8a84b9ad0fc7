#ifndef CLI_CLIENT_H
#define CLI_CLIENT_H
/*
 * client.h - one question to the daemon, over its Unix socket.
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
#endif
