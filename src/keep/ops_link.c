/*
 * ops_link.c - interfaces that are not ours: looked at, brought up, and the uplink's addresses lent to a TAP; see ops.h.
 *
 * Take-over: the uplink's addresses and routes are remembered as the kernel tells them, deleted, and added again at
 * the TAP, which gets the uplink's MAC. The uplink keeps its MAC too: its hardware filter must go on accepting these
 * frames. Giving back is the same in the other direction, and is also the undo of a take-over that failed half-way.
 * Lifetimes of addresses begin anew each time; routes over several interfaces are refused.
 */
#include <linux/rtnetlink.h>

#include "keep/ops.h"

static int
show_address_cb(const struct nlmsghdr *h, void *arg)
{
	struct call *c = arg;
	struct prefix p;

	c->re.link.n_addresses += !address_read(h, &p);
	c->re.link.has_caller |=
		p.family == c->q.caller.family && memcmp(p.addr, c->q.caller.addr, sizeof(p.addr)) == 0;
	return MNL_CB_OK;
}

static int
show_route_cb(const struct nlmsghdr *h, void *arg)
{
	const struct rtmsg *r = mnl_nlmsg_get_payload(h);
	struct call *c = arg;

	c->re.link.default_route |= r->rtm_dst_len == 0 && r->rtm_table == RT_TABLE_MAIN && r->rtm_type == RTN_UNICAST;
	return MNL_CB_OK;
}

int
op_link_show(struct keeper *k, struct call *c)
{
	struct link link = { 0 };
	int code = ns_open(k, c, c->q.tap.netns, 0) ?: link_find(c, c->q.tap.interface, &link);

	c->re.link = link.show;
	if (code < 0 || c->q.op == KEEP_LINK_IS_UP)
		return code;
	return nl_dump(c->nl, RTM_GETADDR, link.show.ifindex, show_address_cb, c)
		       ?: nl_dump(c->nl, RTM_GETROUTE, link.show.ifindex, show_route_cb, c);
}

int
op_link_up(struct keeper *k, struct call *c)
{
	struct link link;
	int code = ns_open(k, c, "", 0) ?: link_find(c, c->q.tap.interface, &link);

	return code ?: link_set(c->nl, link.show.ifindex, &(struct link_change){ 0 });
}

static int
take_route_cb(const struct nlmsghdr *h, void *arg)
{
	const struct rtmsg *r = mnl_nlmsg_get_payload(h);
	const struct nlattr *a;

	/* What the kernel makes of its own accord with an address, it also makes at the other interface. */
	if (r->rtm_table == RT_TABLE_LOCAL || r->rtm_type != RTN_UNICAST ||
	    (r->rtm_family != AF_INET && r->rtm_family != AF_INET6))
		return MNL_CB_OK;
	mnl_attr_for_each(a, h, sizeof(*r))
	{
		const uint8_t *value = mnl_attr_get_payload(a);
		uint16_t type = mnl_attr_get_type(a);

		if (type == RTA_DST && r->rtm_family == AF_INET6 && value[0] == 0xfe && (value[1] & 0xc0) == 0x80)
			return MNL_CB_OK;
		if (type == RTA_MULTIPATH || type == RTA_NH_ID) {
			errno = EOPNOTSUPP;
			return MNL_CB_ERROR;
		}
	}
	return messages_add(h, arg);
}

static int
take_undo(struct keeper_take *take, struct mnl_socket *nl)
{
	int code;

	messages_send(&take->saved, nl, false, take->to, true);
	/* Fails when the data plane has ended, and its TAP with it. */
	link_set(nl, take->to, &(struct link_change){ .mac = take->to_mac });
	code = messages_send(&take->saved, nl, true, take->uplink, false);
	/* What cannot be given back now may be when the data plane ends; never when the uplink is gone. */
	if (code == 0 || code == -ENODEV) {
		messages_free(&take->saved);
		take->uplink = 0;
	}
	return code;
}

int
op_take_over(struct keeper *k, struct call *c)
{
	struct keeper_take *take = &k->take;
	struct link uplink, to;
	int code;

	c->re.step = KEEP_AT_MOVE;
	if (take->uplink != 0)
		return -EBUSY;
	code = ns_open(k, c, "", 0) ?: tap_find(k, c, c->q.to, &to) ?: link_find(c, c->q.tap.interface, &uplink);
	if (code == 0 && uplink.show.ifindex == to.show.ifindex)
		code = -EINVAL;
	if (code == 0)
		code = nl_dump(c->nl, RTM_GETADDR, uplink.show.ifindex, messages_add, &take->saved)
			       ?: nl_dump(c->nl, RTM_GETROUTE, uplink.show.ifindex, take_route_cb, &take->saved);
	if (code < 0) {
		messages_free(&take->saved);
		return code;
	}
	c->re.step = KEEP_AT_MOVE;
	take->uplink = uplink.show.ifindex;
	take->to = to.show.ifindex;
	take->to_mac = to.show.mac;
	messages_send(&take->saved, c->nl, false, take->uplink, false);
	code = link_set(c->nl, take->to, &(struct link_change){ .mac = uplink.show.mac })
		       ?: messages_send(&take->saved, c->nl, true, take->to, true);
	if (code < 0)
		take_undo(take, c->nl);
	return code;
}

int
op_give_back(struct keeper *k, struct call *c)
{
	c->re.step = KEEP_AT_MOVE;
	return k->take.uplink == 0 ? -ENOENT : ns_open(k, c, "", 0) ?: take_undo(&k->take, c->nl);
}
