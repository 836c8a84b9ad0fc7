/* show_port.c - ports, in the view of the NIC that is plugged in: rx is what it received; see handlers.h. */
#include <errno.h>
#include <stdio.h>

#include <rte_prefetch.h>

#include "ctl/handlers.h"
#include "ctl/host_port_vf.h"
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

/* The keys of a list's row, into an object that is open. */
static void
put_port(struct rpc_text *out, const struct host_port *hp)
{
	struct vport_totals books;

	vport_sum(&hp->vport, &books);
	put_text(out, "name", hp->is.name);
	put_text(out, "switch", hp->on->is.name);
	put_text(out, "nic", nic_names[hp->is.nic]);
	put_text(out, "path", hp->is.nic == NIC_VF ? host_port_vf_path(hp) : "synthetic");
	put_text(out, "state", host_port_state(hp));
	put_mac(out, "mac", &hp->mac);
	put_count(out, "vlan", vlan_of(&hp->is.vlan));
	put_text(out, "vlan_mode", vlan_mode_names[hp->is.vlan.mode]);
	put_count(out, "queues", hp->n_queues);
	put_count(out, "rx_packets", books.tx_packets);
	put_count(out, "rx_bytes", books.tx_bytes);
	put_count(out, "tx_packets", books.rx_packets);
	put_count(out, "tx_bytes", books.rx_bytes);
	put_count(out, "drops", books.rx_dropped + books.tx_dropped);
	put_text(out, "ipsec", "none");
}

/*
 * Fetches what the rows behind row i need: of a thousand ports nothing is in the cache, and waiting for it was a third of an answer.
 * A row takes about as long as a fetch.
 */
static void
look_ahead(const struct host *host, unsigned i)
{
	if (i + 4 < host->n_ports) {
		const struct host_port *hp = host->ports[i + 4];

		rte_prefetch0(&hp->is);
		rte_prefetch0(&hp->vport);
		rte_prefetch0(&hp->mac);
		rte_prefetch0(&hp->nic);
		rte_prefetch0(&hp->on);
	}
	if (i + 2 < host->n_ports)
		vport_prefetch(&host->ports[i + 2]->vport);
}

int
port_list(void *ctx, const json_t *params, struct rpc_text *out, struct err *err)
{
	const struct host *host = ((const struct control *)ctx)->host;

	put_list(out, NULL);
	for (unsigned i = 0; i < host->n_ports; i++) {
		look_ahead(host, i);
		put_object(out, NULL);
		put_port(out, host->ports[i]);
		put_object_end(out);
	}
	put_list_end(out);
	return 0;
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

static void
put_delivered(struct rpc_text *out, const struct host_port *hp)
{
	put_list(out, "delivered");
	for (unsigned i = 0; i < hp->n_queues; i++)
		put_count(out, NULL, host_port_delivered(hp, i));
	put_list_end(out);
}

int
port_show(void *ctx, const json_t *params, struct rpc_text *out, struct err *err)
{
	const struct host *host = ((const struct control *)ctx)->host;
	const struct host_port *hp = named_port(host, params, err);
	const struct config_port *is;
	bool is_tap, is_vhost;

	if (hp == NULL)
		return -ENOENT;
	is = &hp->is;
	is_tap = is->nic == NIC_TAP;
	is_vhost = is->nic == NIC_VHOST;
	put_object(out, NULL);
	put_port(out, hp);
	put_text(out, "interface", is_tap ? is->interface : NULL);
	put_text(out, "netns", is_tap ? is->netns : NULL);
	put_count(out, "mtu", is->mtu);
	put_json(out, "vlan_allowed", vlans_of(&is->vlan));
	put_count(out, "vmq_weight", is->vmq_weight);
	put_bool(out, "spoof_check", is->spoof_check);
	put_text(out, "interrupt_moderation",
		 is_vhost ? moderation_text((enum moderation_mode)is->interrupt_moderation) : NULL);
	put_delivered(out, hp);
	put_json(out, "guest", guest_of(host, hp));
	put_object_end(out);
	return 0;
}
