#ifndef CTL_DAEMON_H
#define CTL_DAEMON_H
/*
 * daemon.h - the data plane's control thread: starts DPDK and the host, answers RPC, looks after things. Control.
 */
#include "ctl/methods.h"
#include "ctl/options.h"

struct daemon {
	struct host host;
	struct control control;
	struct rpc_server *rpc;
	int signal_fd, timer_fd, balance_fd, epfd;
	bool balancing; /* balance_fd is set */
};

/* Returns 0 once traffic can flow (and has said so), or -errno and err with nothing left. */
int daemon_start(struct daemon *d, const struct options *options, struct err *err);

/* Serves until SIGTERM or SIGINT. Returns the exit status. */
int daemon_run(struct daemon *d);
void daemon_stop(struct daemon *d);
#endif
