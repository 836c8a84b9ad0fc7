#ifndef KEEP_KEEP_H
#define KEEP_KEEP_H
/*
 * keep.h - the keeper: the small privileged process beside the data plane, and how to ask it.
 *
 * fairleadd forks before anything else is set up. The parent stays the keeper: it holds the privileges, parses
 * no packet, and serves a closed list of requests over one SOCK_SEQPACKET pair, handing descriptors over with
 * SCM_RIGHTS. The child is the data plane. Requests are fixed structs; every field is checked by the keeper, which
 * does not trust the data plane (it parses the guests' packets): names are bounded and without '/', counts are
 * bounded, the paths that may be listened on or written to are those given at start.
 *
 * Caller: the control thread of the data plane only, one request at a time; each call blocks for the answer
 * (a few ms; 5 s at most, then -ETIMEDOUT). A malformed request is -EPROTO, a keeper that has ended -EPIPE.
 *
 * Who dies: when the data plane ends, however, its TAPs vanish with their last descriptor and the keeper puts back the
 * rest. When the keeper is killed by SIGKILL nothing is put back; the data plane reads end-of-file from its socket and
 * should end (main.c: PR_SET_PDEATHSIG).
 */
#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/addr.h"
#include "base/err.h"

#define KEEP_NAME_MAX 64
#define KEEP_TAP_QUEUES_MAX 16
#define KEEP_ADDRESSES_MAX 8
#define KEEP_PATH_MAX 108     /* sockaddr_un */
#define KEEP_SOCKETS_MAX 1026 /* one for each port of a configuration, and the two of RPC */

struct keep_options {
	const char *run_dir;     /* sockets may be made in here only; made when it does not exist */
	const char *config_path; /* the one file that keep_save_config may replace; NULL: none */
	int stop_ms; /* how long the data plane may take to end after SIGTERM or SIGINT before it is killed */
};

#define KEEP_STOP_MS 30000 /* our choice: the kernel takes 20 ms to remove an interface, and there may be 1024 */

/* ---- the parent's side ---- */

/*
 * Serves until the data plane (pid, a child; it has the other end of sock, which the caller has closed here) ends. Then
 * gives back what was taken over, removes the sockets that it made, and returns the data plane's exit status as waitpid
 * gave it, or -errno when it could not serve and killed the data plane. Passes SIGTERM, SIGINT and SIGHUP on; a data
 * plane that does not end within options->stop_ms after SIGTERM or SIGINT is killed. Single-threaded processes only: it changes
 * umask and network namespace for moments. options are borrowed until it returns.
 */
int keep_serve(int sock, pid_t data_plane, const struct keep_options *options);

/* ---- the data plane's side ---- */

/* The data plane's end of the pair; set once, before the first request. */
void keep_client_init(int sock);

struct keep_tap {
	char netns[KEEP_NAME_MAX]; /* a name under /run/netns; empty: the daemon's own */
	char interface[IFNAMSIZ];
	unsigned queues;     /* 1 to KEEP_TAP_QUEUES_MAX */
	struct mac mac;      /* zero: the kernel chooses */
	unsigned mtu;        /* bytes, 68 to 65521; 0: leave 1500 */
	unsigned txqueuelen; /* packets; 0: leave the kernel's */
	struct prefix address[KEEP_ADDRESSES_MAX];
	unsigned n_addresses;
};

/*
 * Makes a TAP interface (IFF_TAP | IFF_NO_PI | IFF_VNET_HDR, with several queues IFF_MULTI_QUEUE, not persistent, header 10
 * bytes), gives it MAC, MTU, txqueuelen and addresses, brings it up. fds[0..queues) are non-blocking, close-on-exec and the caller's;
 * *mac_out is the MAC that it has in the end. -EEXIST: there is an interface of that name; -ENOENT: no such namespace.
 * Nothing is left behind after an error. Its alias ("fairlead PID.TIME") is how the keeper knows it again: leave it.
 */
int keep_tap_open(const struct keep_tap *tap, int *fds, struct mac *mac_out, struct err *err);

/*
 * Changes MAC (unless zero), MTU and txqueuelen (unless 0), and addresses (to exactly these; link-local IPv6 ones stay)
 * of an interface that keep_tap_open made, and brings it up; queues does not matter. -ENODEV: it is another's, or was
 * removed, renamed or moved. After an error all is as before.
 */
int keep_tap_set(const struct keep_tap *tap, struct err *err);

/* Whether an interface is up. netns may be empty. */
int keep_link_is_up(const char *netns, const char *interface, bool *up, struct err *err);

struct keep_link {
	unsigned ifindex;
	struct mac mac;
	unsigned mtu;
	bool up;
	bool default_route;   /* an IPv4 or IPv6 default route leaves through it */
	unsigned n_addresses; /* other than link-local */
	bool has_caller;      /* carries the address given as caller, below */
	bool enslaved;        /* to a bridge, bond or team */
};
/*
 * What an uplink candidate in the daemon's own namespace is. caller: textual IP address (server side) of the user's own connection, or NULL.
 * -ENODEV when there is none of that name.
 */
int keep_link_show(const char *interface, const char *caller, struct keep_link *out, struct err *err);

/* Brings an interface of the daemon's namespace up. */
int keep_link_up(const char *interface, struct err *err);

/*
 * Moves addresses and routes of uplink (of all tables; those over several interfaces are -EOPNOTSUPP) to interface `to`,
 * a TAP that keep_tap_open made in the daemon's own namespace, which also gets the uplink's MAC. The uplink keeps its
 * MAC but no address. The keeper remembers, and gives all back when the data plane ends or on keep_give_back. One at a
 * time: -EBUSY. After an error all is as before. A DHCP client that runs on the uplink is not told.
 */
int keep_take_over(const char *uplink, const char *to, struct err *err);
int keep_give_back(struct err *err);

/*
 * A listening, non-blocking SOCK_STREAM unix socket at run_dir/name with that mode and owner: "user:group", names or numbers, either of
 * them may be empty; NULL or "": whom the keeper runs as. A stale socket (nobody listens) is replaced; a live one is -EADDRINUSE; a
 * user or group that does not exist is -EINVAL. Returns the descriptor or -errno. There are KEEP_SOCKETS_MAX at most: -ENOSPC.
 */
int keep_listen(const char *name, mode_t mode, const char *owner, struct err *err);

/* Removes a socket that keep_listen made, from its directory only: close its descriptor first. -ENOENT: it made none of that name. */
int keep_unlisten(const char *name, struct err *err);

/*
 * Connects to run_dir/name, as the keeper. Returns a non-blocking descriptor, or -errno: -ENOENT and -ECONNREFUSED when nobody
 * listens there now, -EAGAIN when too many wait to be accepted, -EEXIST when it is no socket.
 */
int keep_connect(const char *name, struct err *err);

/* Replaces the configuration file by text (written beside it, fsync, rename; mode and owner kept). -EROFS when started without a file. */
int keep_save_config(const char *text, size_t len, struct err *err);
#endif
