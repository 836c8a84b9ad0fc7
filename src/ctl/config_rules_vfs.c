/* config_rules_vfs.c - what must hold between the keys of a port with nic: vf, and of its adapter; see config_check.h. */
#include <stdlib.h>
#include <string.h>

#include "ctl/config_check.h"

#define HINT_MAX sizeof(((struct err *)0)->hint)

static struct ynode *
adapter_node(const struct config_check *check, unsigned i)
{
	return check->lists[ITEMS_ADAPTERS].node[i];
}

/* Index of the adapter that the port's switch leads to; -1: it has none, or there is a mistake about it already. */
static int
adapter_of(struct config_check *check, const struct config_port *port, struct ynode *node)
{
	const struct config_switch *sw = &check->config->switches[port->sw];

	if (sw->kind == SWITCH_EXTERNAL || !config_node_good(check->lists[ITEMS_SWITCHES].node[port->sw], "kind"))
		return sw->adapter;
	config_value_mistake(check->log, ynode_get(node, "nic"), "a VM NIC without an adapter is nic: vhost",
			     "vf is not for this switch: a virtual function belongs to the adapter of an external one");
	return -1;
}

/* The adapter that it names; false with a mistake. */
static bool
rule_adapter(struct config_check *check, struct config_port *port, struct ynode *node, int uplink)
{
	const struct config_adapter *adapters = check->config->adapters;
	struct ynode *name = ynode_get(node, "adapter");
	char hint[HINT_MAX];
	int named;

	if (name == NULL)
		return true;
	if (name->bad)
		return false;
	named = config_adapter_find(check, name);
	if (named < 0)
		return false;
	if (uplink >= 0 && named != uplink) {
		snprintf(hint, sizeof(hint), "write adapter: %s, or leave it out", adapters[uplink].name);
		config_value_mistake(check->log, name, hint, "'%s' is not the uplink of its switch '%s'", name->text,
				     check->config->switches[port->sw].name);
		return false;
	}
	port->vf.adapter = named;
	return true;
}

static void
rule_mtu(struct config_check *check, const struct config_port *port, struct ynode *node)
{
	if (!config_vf_is_hv(&port->vf) || port->mtu <= CONFIG_VF_HV_MTU || !config_node_good(node, "mtu") ||
	    !config_node_good(node, "model"))
		return;
	config_value_mistake(check->log, ynode_get(node, "mtu"),
			     "valid: 68 to 1504, or another model, which takes up to 9216",
			     "%u is more than the driver of model %s takes", port->mtu, ynode_get(node, "model")->text);
}

static void
rule_standby(struct config_check *check, struct ynode *node)
{
	struct ynode *standby = ynode_get(node, "standby");

	if (standby != NULL && standby->kind == YNODE_MAP && ynode_get(standby, "socket") == NULL)
		config_missing(check->log, standby, "socket", "socket: of the vhost device beside the VF, as vm1.sock");
}

static void
rule_policies(struct config_check *check, const struct config_port *port, struct ynode *node)
{
	const char *policy = config_vf_policy(port);

	if (port->vf.on_policy != POLICY_REFUSE || policy == NULL || !config_node_good(node, "on_policy") ||
	    !config_node_usable(node, "vlan"))
		return;
	config_value_mistake(check->log, ynode_get(node, "on_policy"),
			     "write on_policy: switch, or take the policy out",
			     "refuse, but the port has a policy that needs the switch: %s", policy);
}

/* One more of its adapter; n: with it. */
static void
rule_count(struct config_check *check, const struct config_port *port, int uplink, unsigned n)
{
	const struct config_adapter *a = &check->config->adapters[uplink];
	unsigned index = (unsigned)(port - check->config->ports);
	struct ynode *nic = ynode_get(check->lists[ITEMS_PORTS].node[index], "nic");
	char hint[HINT_MAX];

	if (n <= a->vfs || !config_node_usable(adapter_node(check, (unsigned)uplink), "vfs"))
		return;
	snprintf(hint, sizeof(hint), "write vfs: %u in adapter '%s'", n, a->name);
	if (n > CONFIG_VFS_MAX)
		snprintf(hint, sizeof(hint), "an adapter has %d at most; use nic: vhost", CONFIG_VFS_MAX);
	if (a->vfs == 0)
		config_value_mistake(check->log, nic, hint, "vf is not for this switch: vfs of adapter '%s' is 0",
				     a->name);
	else
		config_value_mistake(check->log, nic, hint, "vf is one too many: vfs of adapter '%s' is %u", a->name,
				     a->vfs);
}

static void
rules_nic(struct config_check *check, const struct config_port *port, struct ynode *node)
{
	static const char *const of_vf[] = { "adapter", "model", "doorbell",  "on_policy", "ipsec_offload",
					     "trust",   "link",  "rate_mbps", "standby" };
	static const char *const of_others[] = { "queues", "vrss" };

	for (size_t i = 0; i < sizeof(of_vf) / sizeof(of_vf[0]) && port->nic != NIC_VF; i++)
		config_only_for(check, node, of_vf[i], "nic", "vf");
	for (size_t i = 0; i < sizeof(of_others) / sizeof(of_others[0]) && port->nic == NIC_VF; i++)
		config_only_for(check, node, of_others[i], "nic", "tap or vhost");
}

void
config_rules_vfs(struct config_check *check)
{
	struct config *config = check->config;
	unsigned n[CONFIG_ADAPTERS_MAX] = { 0 };

	for (unsigned i = 0; i < config->n_ports; i++) {
		struct config_port *port = &config->ports[i];
		struct ynode *node = check->lists[ITEMS_PORTS].node[i];
		int uplink;

		if (!config_node_good(node, "nic"))
			continue;
		rules_nic(check, port, node);
		if (port->nic != NIC_VF)
			continue;
		uplink = adapter_of(check, port, node);
		if (rule_adapter(check, port, node, uplink) && uplink >= 0)
			rule_count(check, port, uplink, ++n[uplink]);
		rule_mtu(check, port, node);
		rule_standby(check, node);
		rule_policies(check, port, node);
	}
}
