#ifndef CTL_METHODS_H
#define CTL_METHODS_H
/*
 * methods.h - the code behind each RPC method, working on the running host. Control thread, inside rpc_server_poll().
 */
#include "ctl/host.h"
#include "ctl/rpc_server.h"

/* What handlers work on (their ctx). */
struct control {
	struct host *host;
	const char *config_path; /* the file that the daemon was started with; NULL: none */
	struct config
		*unconfirmed_before; /* what runs again unless the change is confirmed in time; NULL: nothing waits */
	uint64_t confirm_end_ns;
};

/* For rpc_server_new; ends with method NULL. */
extern const struct rpc_handler control_methods[];

/* Takes back a change whose time for confirmation is over. Every half second. */
void control_tend(struct control *control);
#endif
