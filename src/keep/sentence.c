/* sentence.c - what the keeper's refusals mean to a person; runs in the data plane; see proto.h. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "keep/proto.h"

static const struct {
	int code;
	enum keep_step step;
	const char *hint;
} hints[] = {
	{ -EPROTO, KEEP_AT_CHECK,
	  "names are 1 to 15 (interfaces) or 63 of A-Z a-z 0-9 _ . -; 1 to 16 queues, MTU 68 to 65521, 8 addresses, no "
	  "group MAC" },
	{ -ENOENT, KEEP_AT_TUN, "load the driver: modprobe tun" },
	{ -ENODEV, KEEP_AT_TUN, "load the driver: modprobe tun" },
	{ -ENODEV, KEEP_AT_LINK, "see which interfaces there are: ip link" },
	{ -ENODEV, KEEP_AT_OWNER, "those that it made have an alias that begins with 'fairlead': ip link" },
	{ -EINTR, KEEP_AT_LINK, "the network configuration changed at this moment: try again" },
	{ -E2BIG, KEEP_AT_LINK, "it has more addresses and routes than 1 MiB of the kernel's messages" },
	{ -ENOENT, KEEP_AT_MOVE, "take one over first" },
	{ -EBUSY, KEEP_AT_MOVE, "give back the one that is taken over first" },
	{ -EACCES, KEEP_AT_MOVE,
	  "IPv6 is disabled at the receiving interface (net.ipv6.conf.*.disable_ipv6), but not at the uplink" },
	{ -EOPNOTSUPP, KEEP_AT_LINK, "routes over several interfaces (nexthop groups) cannot be moved: ip route" },
	{ -EADDRINUSE, KEEP_AT_FILE,
	  "another daemon listens there: stop it, or choose another name by --name, --rpc or the port's socket" },
	{ -ENOSPC, KEEP_AT_FILE, "a daemon has 1026 sockets at most; or the file system is full" },
	{ -EAGAIN, KEEP_AT_FILE, "another daemon makes its socket at this moment: try again" },
	{ -EEXIST, KEEP_AT_FILE, "what stands there is not a socket: remove it" },
	{ -ENOENT, KEEP_AT_FILE, "the run directory or the configuration file is gone: make it again" },
	{ -EROFS, KEEP_AT_FILE, "start fairleadd with --config FILE, on a file system that can be written" },
};

static const char *const doing[KEEP_OPS] = {
	[KEEP_TAP_OPEN] = "make interface",
	[KEEP_TAP_SET] = "change interface",
	[KEEP_LINK_IS_UP] = "read interface",
	[KEEP_LINK_SHOW] = "read interface",
	[KEEP_LINK_UP] = "bring up interface",
	[KEEP_TAKE_OVER] = "take over uplink",
	[KEEP_GIVE_BACK] = "give back uplink",
	[KEEP_LISTEN] = "listen on",
	[KEEP_UNLISTEN] = "remove socket",
	[KEEP_CONNECT] = "connect to",
	[KEEP_SAVE_CONFIG] = "save to the configuration file",
};

int
keep_sentence(const struct keep_request *q, const struct keep_reply *re, struct err *err)
{
	const struct keep_tap *t = &q->tap;
	const char *why = strerror(-re->code);
	char text[PREFIX_TEXT_LEN], name[KEEP_NAME_MAX + 4] = "";
	const char *in = t->netns[0] ? " in namespace " : "";

	if (q->op < KEEP_GIVE_BACK)
		snprintf(name, sizeof(name), " '%.*s'", IFNAMSIZ, t->interface);
	else if (q->op >= KEEP_LISTEN && q->op <= KEEP_CONNECT)
		snprintf(name, sizeof(name), " '%.*s'", KEEP_NAME_MAX - 1, q->name);
	if (re->step == KEEP_AT_NAMESPACE && re->code == -ENOENT) {
		err_set(err, re->code, "namespace '%s' does not exist", t->netns);
		err_hint(err, "create it: ip netns add %s", t->netns);
	} else if (re->step == KEEP_AT_NAMESPACE) {
		err_set(err, re->code, "cannot enter namespace '%s': %s", t->netns, why);
	} else if (re->step == KEEP_AT_CREATE && re->code == -EEXIST) {
		err_set(err, re->code, "interface '%s' exists already%s%s", t->interface, in, t->netns);
		err_hint(err, "choose another name, or remove it: ip%s%s link del %s", *in ? " -n " : "", t->netns,
			 t->interface);
	} else if (re->step == KEEP_AT_OWNER) {
		err_set(err, re->code,
			"interface '%s' was not made by this daemon, or was removed, renamed or moved since",
			q->op == KEEP_TAKE_OVER ? q->to : t->interface);
	} else if (re->step == KEEP_AT_ADDRESS && re->index < KEEP_ADDRESSES_MAX) {
		err_set(err, re->code, "interface '%s'%s%s cannot have address %s: %s", t->interface, in, t->netns,
			prefix_format(&t->address[re->index], text), why);
		if (t->address[re->index].family == AF_INET6)
			err_hint(err, "IPv6 needs net.ipv6.conf.%s.disable_ipv6 = 0 and an MTU of 1280 or more",
				 t->interface);
	} else {
		err_set(err, re->code, "cannot %s%s%s%s: %s", doing[q->op], name, in, t->netns, why);
	}
	for (unsigned i = 0; i < sizeof(hints) / sizeof(hints[0]); i++)
		if (re->code == hints[i].code && re->step == hints[i].step)
			err_hint(err, "%s", hints[i].hint);
	if (q->op == KEEP_CONNECT && (re->code == -ENOENT || re->code == -ECONNREFUSED))
		err_hint(err, "nobody listens there now");
	if (re->code == -EPERM && q->op == KEEP_SAVE_CONFIG)
		err_hint(err, "its attributes forbid it: lsattr");
	else if (re->code == -EPERM || (re->code == -EACCES && re->step != KEEP_AT_ADDRESS && re->step != KEEP_AT_MOVE))
		err_hint(err, "start fairleadd as root, or with CAP_NET_ADMIN and CAP_SYS_ADMIN");
	return re->code;
}
