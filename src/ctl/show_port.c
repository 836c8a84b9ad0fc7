/* show_port.c - ports, in the view of the NIC that is plugged in: rx is what it received; see handlers.h. */
#include <errno.h>
#include <stdio.h>

#include "ctl/handlers.h"
#include "nic/moderation.h"

static const char *const vlan_mode_names[] = {
	[VLAN_UNTAGGED] = "untagged",
	[VLAN_ACCESS] = "access",
	[VLAN_TRUNK] = "trunk",
};

static const char *const nic_names[] = {
	[NIC_TAP] = "tap",
	[NIC_VHOST] = "vhost",
	[NIC_VF] = "vf",
};

static unsigned
vlan_of(const struct config_vlan *vlan)
{
	switch (vlan->mode) {
	case VLAN_ACCESS:
		return vlan->id;
	case VLAN_TRUNK:
		return vlan->native;
	default:
		return 0;
	}
}

static json_t *
port_row(const struct host_port *hp)
{
	struct vport_totals books;

	vport_sum(&hp->vport, &books);
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:o, s:i, s:s, s:i, s:I, s:I, s:I, s:I, s:I, s:s}", "name",
			 hp->is.name, "switch", hp->on->is.name, "nic", nic_names[hp->is.nic], "path", "synthetic",
			 "state", host_port_state(hp), "mac", json_mac(&hp->mac), "vlan", (int)vlan_of(&hp->is.vlan),
			 "vlan_mode", vlan_mode_names[hp->is.vlan.mode], "queues", (int)hp->n_queues, "rx_packets",
			 (json_int_t)books.tx_packets, "rx_bytes", (json_int_t)books.tx_bytes, "tx_packets",
			 (json_int_t)books.rx_packets, "tx_bytes", (json_int_t)books.rx_bytes, "drops",
			 (json_int_t)(books.rx_dropped + books.tx_dropped), "ipsec", "none");
}

int
port_list(void *ctx, const json_t *params, json_t **result, struct err *err)
{
	const struct host *host = ((const struct control *)ctx)->host;

	*result = json_array();
	for (unsigned i = 0; i < host->n_ports; i++)
		list_add(result, port_row(host->ports[i]));
	return result_done(result, err);
}

static bool
vlan_allowed(const struct config_vlan *vlan, unsigned id)
{
	return id < VID_COUNT && (vlan->allowed[id / 64] >> (id % 64) & 1);
}

/* "10,20-30" for a trunk, null for other ports. At worst 2,047 single VLANs of 4 digits. */
static json_t *
vlans_of(const struct config_vlan *vlan)
{
	char text[2048 * 5 + 1];
	size_t len = 0;

	if (vlan->mode != VLAN_TRUNK)
		return json_null();
	text[0] = '\0';
	for (unsigned first = 1; first < VID_COUNT; first++) {
		unsigned last = first;

		if (!vlan_allowed(vlan, first))
			continue;
		while (vlan_allowed(vlan, last + 1))
			last++;
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%u", len > 0 ? "," : "", first);
		if (last > first)
			len += (size_t)snprintf(text + len, sizeof(text) - len, "-%u", last);
		first = last;
	}
	return json_string(text);
}

static json_t *
delivered_of(const struct host_port *hp)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < hp->n_queues; i++)
		list_add(&list, json_integer((json_int_t)host_port_delivered(hp, i)));
	return list;
}

static json_t *
of_interface(const struct config_port *is, const char *text)
{
	return is->nic == NIC_TAP ? json_text(text) : json_null();
}

int
port_show(void *ctx, const json_t *params, json_t **result, struct err *err)
{
	const struct host *host = ((const struct control *)ctx)->host;
	const struct host_port *hp = named_port(host, params, err);
	const struct config_port *is;
	json_t *more;

	if (hp == NULL)
		return -ENOENT;
	is = &hp->is;
	*result = port_row(hp);
	more = json_pack("{s:o, s:o, s:i, s:o, s:i, s:b, s:s?, s:o, s:o}", "interface", of_interface(is, is->interface),
			 "netns", of_interface(is, is->netns), "mtu", (int)is->mtu, "vlan_allowed", vlans_of(&is->vlan),
			 "vmq_weight", (int)is->vmq_weight, "spoof_check", is->spoof_check, "interrupt_moderation",
			 is->nic == NIC_VHOST ? moderation_text((enum moderation_mode)is->interrupt_moderation) : NULL,
			 "delivered", delivered_of(hp), "guest", guest_of(host, hp));
	return result_join(result, more, err);
}
