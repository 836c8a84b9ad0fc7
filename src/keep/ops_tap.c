/* ops_tap.c - TAP interfaces in namespaces; see ops.h. The keeper keeps no descriptor of them: they end with the data plane. */
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/rtnetlink.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "keep/ops.h"

#define VNET_HDR_LEN 10 /* struct virtio_net_hdr without num_buffers: Virtio 1.2, 5.1.6 */

static int
ns_open_here(struct call *c, unsigned n)
{
	int one = 1, code = 0;

	c->re.step = KEEP_AT_TUN;
	c->nl = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	/* Without strict checking the kernel overlooks which interface is asked for and dumps them all. */
	if (c->nl == NULL || mnl_socket_setsockopt(c->nl, NETLINK_GET_STRICT_CHK, &one, sizeof(one)) < 0)
		return -errno;
	while (code == 0 && c->n_fds < n)
		code = call_hold(c, open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC));
	return code;
}

int
ns_open(const struct keeper *k, struct call *c, const char *netns, unsigned n)
{
	char path[sizeof("/run/netns/") + KEEP_NAME_MAX];
	int code, fd;

	if (netns[0] == '\0')
		return ns_open_here(c, n);
	c->re.step = KEEP_AT_NAMESPACE;
	snprintf(path, sizeof(path), "/run/netns/%s", netns);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	code = fd < 0 || setns(fd, CLONE_NEWNET) < 0 ? -errno : 0;
	if (fd >= 0)
		close(fd);
	if (code == 0) {
		code = ns_open_here(c, n);
		/* In the wrong namespace every later request would act on other interfaces than it names. */
		if (setns(k->own_ns, CLONE_NEWNET) < 0)
			abort();
	}
	return code;
}

int
tap_find(const struct keeper *k, struct call *c, const char *name, struct link *out)
{
	int code = link_find(c, name, out);

	c->re.step = KEEP_AT_OWNER;
	return code ?: strcmp(out->alias, k->alias) == 0 ? 0 : -ENODEV;
}

static int
tap_create(struct call *c)
{
	const struct keep_tap *t = &c->q.tap;
	int len = VNET_HDR_LEN;

	c->re.step = KEEP_AT_CREATE;
	for (unsigned i = 0; i < t->queues; i++) {
		struct ifreq ifr = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR };

		/* With it the kernel makes room for 256 queues, and for txqueuelen packets thrice in each of them. */
		ifr.ifr_flags |= t->queues > 1 ? IFF_MULTI_QUEUE : 0;
		/* The first queue must make the interface, not join one that is somebody's. */
		ifr.ifr_flags |= i == 0 ? IFF_TUN_EXCL : 0;
		memcpy(ifr.ifr_name, t->interface, IFNAMSIZ);
		if (ioctl(c->fds[i], TUNSETIFF, &ifr) < 0 || ioctl(c->fds[i], TUNSETVNETHDRSZ, &len) < 0)
			return errno == EBUSY ? -EEXIST : -errno;
	}
	return 0;
}

/* Adds the addresses that are missing; *added tells which (a bit each), so that they can be taken away again. */
static int
tap_addresses(struct call *c, unsigned ifindex, unsigned *added)
{
	const struct keep_tap *t = &c->q.tap;

	c->re.step = KEEP_AT_ADDRESS;
	for (unsigned i = 0; i < t->n_addresses; i++) {
		int code = address_set(c->nl, RTM_NEWADDR, ifindex, &t->address[i]);

		c->re.index = i;
		*added |= code == 0 ? 1U << i : 0;
		if (code < 0 && code != -EEXIST)
			return code;
	}
	return 0;
}

int
op_tap_open(struct keeper *k, struct call *c)
{
	const struct keep_tap *t = &c->q.tap;
	struct link_change change = { t->mac, t->mtu, t->txqueuelen, k->alias };
	struct link link = { 0 };
	unsigned added = 0;
	int code = ns_open(k, c, t->netns, t->queues) ?: tap_create(c) ?: link_find(c, t->interface, &link);

	if (code == 0)
		code = link_set(c->nl, link.show.ifindex, &change) ?: tap_addresses(c, link.show.ifindex, &added);
	if (code == 0)
		code = link_find(c, t->interface, &link);
	c->re.mac = link.show.mac;
	c->n_give = t->queues;
	return code;
}

struct surplus {
	const struct keep_tap *wanted;
	struct messages found;
};

static int
surplus_cb(const struct nlmsghdr *h, void *arg)
{
	struct surplus *s = arg;
	struct prefix p;
	bool stays = address_read(h, &p) && p.family == AF_INET6;

	for (unsigned i = 0; i < s->wanted->n_addresses && !stays; i++) {
		const struct prefix *w = &s->wanted->address[i];

		stays = w->family == p.family && w->bits == p.bits && memcmp(w->addr, p.addr, sizeof(p.addr)) == 0;
	}
	return stays ? MNL_CB_OK : messages_add(h, &s->found);
}

int
op_tap_set(struct keeper *k, struct call *c)
{
	const struct keep_tap *t = &c->q.tap;
	struct link_change change = { t->mac, t->mtu, t->txqueuelen, NULL };
	struct surplus s = { .wanted = t };
	struct link old;
	unsigned added = 0;
	int code = ns_open(k, c, t->netns, 0) ?: tap_find(k, c, t->interface, &old);

	if (code < 0)
		return code;
	c->re.step = KEEP_AT_LINK;
	code = link_set(c->nl, old.show.ifindex, &change) ?: tap_addresses(c, old.show.ifindex, &added) ?:
	       nl_dump(c->nl, RTM_GETADDR, old.show.ifindex, surplus_cb, &s);
	if (code == 0) {
		messages_send(&s.found, c->nl, false, old.show.ifindex, false);
		/* Once more: the kernel takes the secondary addresses of a subnet away together with its primary one. */
		code = tap_addresses(c, old.show.ifindex, &added);
	} else {
		for (unsigned i = 0; i < t->n_addresses; i++)
			if (added & 1U << i)
				address_set(c->nl, RTM_DELADDR, old.show.ifindex, &t->address[i]);
		link_set(c->nl, old.show.ifindex,
			 &(struct link_change){ old.show.mac, old.show.mtu, old.txqueuelen, NULL });
	}
	messages_free(&s.found);
	return code;
}
