/* netlink.c - rtnetlink, as far as the keeper needs it; see ops.h. Answers come from the kernel and are trusted. */
#include <linux/rtnetlink.h>
#include <stdlib.h>

#include "keep/ops.h"

#define MESSAGES_MAX (1 << 20) /* bytes: some thousand routes; our choice */

static struct nlmsghdr *
nl_begin(char buf[256], uint16_t type, uint16_t flags, const void *header, size_t len)
{
	struct nlmsghdr *h = mnl_nlmsg_put_header(buf);

	h->nlmsg_type = type;
	h->nlmsg_flags = NLM_F_REQUEST | flags;
	memcpy(mnl_nlmsg_put_extra_header(h, len), header, len);
	return h;
}

static int
nl_talk(struct mnl_socket *nl, struct nlmsghdr *h, mnl_cb_t cb, void *arg)
{
	static uint32_t seq;
	char buf[32768]; /* as much as the kernel puts into one answer: netlink_dump() */
	ssize_t n;
	int more;

	h->nlmsg_seq = ++seq;
	if (mnl_socket_sendto(nl, h, h->nlmsg_len) < 0)
		return -errno;
	do {
		n = mnl_socket_recvfrom(nl, buf, sizeof(buf));
		more = n < 0 ? MNL_CB_ERROR : mnl_cb_run(buf, (size_t)n, seq, 0, cb, arg);
	} while (more > MNL_CB_STOP);
	return more < 0 ? -errno : 0;
}

static int
link_cb(const struct nlmsghdr *h, void *arg)
{
	const struct ifinfomsg *ifi = mnl_nlmsg_get_payload(h);
	struct link *l = arg;
	const struct nlattr *a;

	mnl_attr_for_each(a, h, sizeof(*ifi))
	{
		const char *value = mnl_attr_get_payload(a);
		size_t len = mnl_attr_get_payload_len(a);
		uint16_t type = mnl_attr_get_type(a);

		if (type == IFLA_ADDRESS && len == MAC_LEN)
			memcpy(l->show.mac.byte, value, MAC_LEN);
		else if (type == IFLA_MTU)
			l->show.mtu = mnl_attr_get_u32(a);
		else if (type == IFLA_TXQLEN)
			l->txqueuelen = mnl_attr_get_u32(a);
		else if (type == IFLA_MASTER)
			l->show.enslaved = true;
		else if (type == IFLA_IFALIAS)
			snprintf(l->alias, sizeof(l->alias), "%.*s", (int)len, value);
	}
	l->show.ifindex = (unsigned)ifi->ifi_index;
	l->show.up = ifi->ifi_flags & IFF_UP;
	return MNL_CB_OK;
}

int
link_find(struct call *c, const char *name, struct link *out)
{
	char buf[256];
	struct nlmsghdr *h = nl_begin(buf, RTM_GETLINK, NLM_F_ACK, &(struct ifinfomsg){ 0 }, sizeof(struct ifinfomsg));

	c->re.step = KEEP_AT_LINK;
	memset(out, 0, sizeof(*out));
	mnl_attr_put_strz(h, IFLA_IFNAME, name);
	return nl_talk(c->nl, h, link_cb, out);
}

int
link_set(struct mnl_socket *nl, unsigned ifindex, const struct link_change *change)
{
	struct ifinfomsg ifi = { .ifi_index = (int)ifindex, .ifi_flags = IFF_UP, .ifi_change = IFF_UP };
	char buf[256];
	struct nlmsghdr *h = nl_begin(buf, RTM_SETLINK, NLM_F_ACK, &ifi, sizeof(ifi));

	if (!mac_is_zero(&change->mac))
		mnl_attr_put(h, IFLA_ADDRESS, MAC_LEN, change->mac.byte);
	if (change->mtu != 0)
		mnl_attr_put_u32(h, IFLA_MTU, change->mtu);
	if (change->txqueuelen != 0)
		mnl_attr_put_u32(h, IFLA_TXQLEN, change->txqueuelen);
	if (change->alias != NULL)
		mnl_attr_put(h, IFLA_IFALIAS, strlen(change->alias), change->alias);
	return nl_talk(nl, h, NULL, NULL);
}

int
address_set(struct mnl_socket *nl, uint16_t type, unsigned ifindex, const struct prefix *p)
{
	struct ifaddrmsg ifa = { .ifa_family = p->family, .ifa_prefixlen = p->bits, .ifa_index = ifindex };
	uint16_t flags = NLM_F_ACK | (type == RTM_NEWADDR ? NLM_F_CREATE | NLM_F_EXCL : 0);
	char buf[256];
	struct nlmsghdr *h = nl_begin(buf, type, flags, &ifa, sizeof(ifa));

	mnl_attr_put(h, IFA_LOCAL, p->family == AF_INET6 ? 16 : 4, p->addr);
	mnl_attr_put(h, IFA_ADDRESS, p->family == AF_INET6 ? 16 : 4, p->addr);
	return nl_talk(nl, h, NULL, NULL);
}

bool
address_read(const struct nlmsghdr *h, struct prefix *out)
{
	const struct ifaddrmsg *ifa = mnl_nlmsg_get_payload(h);
	const struct nlattr *a;
	bool local = false; /* where there is an IFA_LOCAL, IFA_ADDRESS is the other end's: rtnetlink(7) */

	*out = (struct prefix){ .family = ifa->ifa_family, .bits = ifa->ifa_prefixlen };
	mnl_attr_for_each(a, h, sizeof(*ifa))
	{
		if (mnl_attr_get_type(a) == IFA_LOCAL || (mnl_attr_get_type(a) == IFA_ADDRESS && !local))
			memcpy(out->addr, mnl_attr_get_payload(a), ifa->ifa_family == AF_INET6 ? 16 : 4);
		local |= mnl_attr_get_type(a) == IFA_LOCAL;
	}
	return out->family == AF_INET ? out->addr[0] == 169 && out->addr[1] == 254
				      : out->addr[0] == 0xfe && (out->addr[1] & 0xc0) == 0x80;
}

int
nl_dump(struct mnl_socket *nl, uint16_t type, unsigned ifindex, mnl_cb_t cb, void *arg)
{
	struct ifaddrmsg ifa = { .ifa_index = ifindex };
	struct rtmsg rt = { 0 };
	bool routes = type == RTM_GETROUTE;
	char buf[256];
	struct nlmsghdr *h =
		nl_begin(buf, type, NLM_F_DUMP, routes ? (void *)&rt : &ifa, routes ? sizeof(rt) : sizeof(ifa));

	if (routes)
		mnl_attr_put_u32(h, RTA_OIF, ifindex);
	return nl_talk(nl, h, cb, arg);
}

int
messages_add(const struct nlmsghdr *h, void *arg)
{
	struct messages *m = arg;

	if (m->bytes == NULL && (m->bytes = malloc(MESSAGES_MAX)) == NULL)
		return MNL_CB_ERROR;
	if (MNL_ALIGN(h->nlmsg_len) > MESSAGES_MAX - m->len) {
		errno = E2BIG;
		return MNL_CB_ERROR;
	}
	memcpy(m->bytes + m->len, h, h->nlmsg_len);
	m->len += MNL_ALIGN(h->nlmsg_len);
	return MNL_CB_OK;
}

void
messages_free(struct messages *m)
{
	free(m->bytes);
	*m = (struct messages){ 0 };
}

/* Points a saved message at an interface. Returns in which pass it is to be sent, or -1: not at all. */
static int
message_aim(struct nlmsghdr *h, bool address, unsigned ifindex, bool lent)
{
	struct ifaddrmsg *ifa = mnl_nlmsg_get_payload(h);
	struct rtmsg *rt = mnl_nlmsg_get_payload(h);
	struct prefix p;
	struct nlattr *a;
	int pass = 1;

	if (address) {
		pass = address_read(h, &p) && p.family == AF_INET6 && lent ? -1 : 0;
		ifa->ifa_index = ifindex;
	} else {
		rt->rtm_flags &= RTNH_F_ONLINK; /* the others tell of a state, and some are refused in a request */
	}
	mnl_attr_for_each(a, h, address ? sizeof(*ifa) : sizeof(*rt))
	{
		uint16_t type = mnl_attr_get_type(a);
		uint32_t *value = mnl_attr_get_payload(a);

		if (!address && type == RTA_OIF)
			*value = ifindex;
		else if (!address && (type == RTA_GATEWAY || type == RTA_VIA))
			pass = 2;
		/* A label begins with its own interface's name; type 0 is skipped by the kernel. */
		else if (address && p.family == AF_INET && (type == IFA_LABEL || type == IFA_UNSPEC))
			a->nla_type = lent ? IFA_UNSPEC : IFA_LABEL;
		/* This host had the address already, and a route cannot name a source that DAD has not cleared yet. */
		else if (address && p.family == AF_INET6 && type == IFA_FLAGS)
			*value |= IFA_F_NODAD;
	}
	return pass;
}

int
messages_send(struct messages *m, struct mnl_socket *nl, bool add, unsigned ifindex, bool lent)
{
	int code, first = 0;

	/* Addresses, then routes, then those with a gateway, which is accepted only when there is a route to it. */
	for (int pass = 0; pass < 3; pass++) {
		for (size_t at = 0; at < m->len;) {
			struct nlmsghdr *h = (struct nlmsghdr *)(void *)(m->bytes + at);
			bool address = h->nlmsg_type == RTM_NEWADDR || h->nlmsg_type == RTM_DELADDR;

			at += MNL_ALIGN(h->nlmsg_len);
			if (message_aim(h, address, ifindex, lent) != pass)
				continue;
			h->nlmsg_type = address ? (add ? RTM_NEWADDR : RTM_DELADDR) : add ? RTM_NEWROUTE : RTM_DELROUTE;
			h->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | (add ? NLM_F_CREATE | NLM_F_EXCL : 0);
			code = nl_talk(nl, h, NULL, NULL);
			if (add && code < 0 && code != -EEXIST && first == 0)
				first = code;
		}
	}
	return first;
}
