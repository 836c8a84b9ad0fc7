#ifndef KEEP_OPS_H
#define KEEP_OPS_H
/*
 * ops.h - inside the keeper process: what it remembers, rtnetlink, and one function for each operation of proto.h.
 *
 * Functions return 0 or negative errno, so that steps are chained by the GNU a ?: b ("a failed, else b"), and leave in
 * c->re.step how far they came. The keeper makes no sentences: sentence.c does, in the data plane.
 */
#include <errno.h>
#include <libmnl/libmnl.h>

#include "keep/proto.h"

/* Messages of a netlink dump, kept whole so that they can be sent again. bytes NULL: none. */
struct messages {
	char *bytes;
	size_t len;
};

struct link { /* what RTM_GETLINK tells */
	struct keep_link show;
	unsigned txqueuelen;
	char alias[64];
};

struct keeper {
	const struct keep_options *options;
	int own_ns;
	char alias[64]; /* IFLA_IFALIAS of the interfaces that this keeper made, and of no other */
	struct keeper_socket {
		char path[KEEP_PATH_MAX]; /* empty: a free entry */
		ino_t ino;
	} sockets[KEEP_SOCKETS_MAX];
	struct keeper_take {
		unsigned uplink, to; /* ifindex; uplink 0: nothing is taken over */
		struct mac to_mac;   /* the one that `to` had before */
		struct messages saved;
	} take;
};

/* A request on its way. Once it is answered, nl and fds[0..n_fds) are closed; the first n_give go with the answer. */
struct call {
	struct keep_request q; /* has passed keep_request_check */
	struct keep_reply re;
	struct mnl_socket *nl; /* in the namespace that it is about; from ns_open */
	int fds[KEEP_FDS_MAX];
	unsigned n_fds, n_give;
};

/* Keeps an open descriptor until the request is answered; -errno when fd is -1. */
static inline int
call_hold(struct call *c, int fd)
{
	if (fd < 0)
		return -errno;
	c->fds[c->n_fds++] = fd;
	return 0;
}

int op_tap_open(struct keeper *k, struct call *c);
int op_tap_set(struct keeper *k, struct call *c);
int op_link_show(struct keeper *k, struct call *c); /* and KEEP_LINK_IS_UP, which needs less of it */
int op_link_up(struct keeper *k, struct call *c);
int op_take_over(struct keeper *k, struct call *c);
int op_give_back(struct keeper *k, struct call *c);
int op_listen(struct keeper *k, struct call *c);
int op_unlisten(struct keeper *k, struct call *c);
int op_connect(struct keeper *k, struct call *c);
int op_save_config(struct keeper *k, struct call *c);
void socket_remove(struct keeper_socket *entry);

/* Opens c->nl, and n descriptors of /dev/net/tun in c->fds, in a namespace (empty: the own). */
int ns_open(const struct keeper *k, struct call *c, const char *netns, unsigned n);

/* An interface by name, in the namespace where c->nl is; tap_find: only one that op_tap_open made. */
int link_find(struct call *c, const char *name, struct link *out);
int tap_find(const struct keeper *k, struct call *c, const char *name, struct link *out);

struct link_change { /* zero and NULL: stays */
	struct mac mac;
	unsigned mtu, txqueuelen;
	const char *alias;
};
/* Also brings the interface up. */
int link_set(struct mnl_socket *nl, unsigned ifindex, const struct link_change *change);

/* type: RTM_NEWADDR or RTM_DELADDR. */
int address_set(struct mnl_socket *nl, uint16_t type, unsigned ifindex, const struct prefix *p);

/* The address of an RTM_GETADDR message; returns whether it is link-local (RFC 3927, RFC 4291 2.5.6). */
bool address_read(const struct nlmsghdr *h, struct prefix *out);

/* Calls cb for each message of an RTM_GETADDR or RTM_GETROUTE dump that concerns the interface. */
int nl_dump(struct mnl_socket *nl, uint16_t type, unsigned ifindex, mnl_cb_t cb, void *arg);

/* A dump's callback: appends a copy of h to arg, a struct messages. */
int messages_add(const struct nlmsghdr *h, void *arg);

/*
 * Sends all again about interface ifindex: as additions, or as deletions (whose errors do not matter). lent: to an
 * interface that is not their own, so without labels and link-local IPv6 addresses. Goes through; returns the first error.
 */
int messages_send(struct messages *m, struct mnl_socket *nl, bool add, unsigned ifindex, bool lent);
void messages_free(struct messages *m);
#endif
