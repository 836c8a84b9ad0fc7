/* config_rules_ports.c - what must hold between keys: ports and static entries; see config_check.h. */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/config_check.h"

#define HINT_MAX sizeof(((struct err *)0)->hint)
#define VLAN_WORDS (4096 / 64)

static struct ynode *
port_node(const struct config_check *check, unsigned i)
{
	return check->lists[ITEMS_PORTS].node[i];
}

static struct ynode *
switch_node(const struct config_check *check, unsigned i)
{
	return check->lists[ITEMS_SWITCHES].node[i];
}

static bool
vlan_has(const uint64_t *set, unsigned id)
{
	return set[id / 64] >> (id % 64) & 1;
}

static void
rules_vlan(struct config_check *check, const struct config_vlan *vlan, struct ynode *node)
{
	if (node == NULL || node->kind != YNODE_MAP || !config_node_usable(node, "mode"))
		return;
	if (vlan->mode != VLAN_ACCESS)
		config_only_for(check, node, "id", "mode", "access");
	else if (ynode_get(node, "id") == NULL)
		config_missing(check->log, node, "id", "id: the VLAN of an access port, 1 to 4094");
	if (vlan->mode != VLAN_TRUNK) {
		config_only_for(check, node, "ids", "mode", "trunk");
		config_only_for(check, node, "native", "mode", "trunk");
		return;
	}
	if (ynode_get(node, "ids") == NULL)
		config_missing(check->log, node, "ids", "ids: the VLANs of a trunk, as [10, 20-30]");
	else if (config_node_good(node, "ids") && config_node_good(node, "native") && vlan->native != 0 &&
		 !vlan_has(vlan->allowed, vlan->native))
		config_value_mistake(check->log, ynode_get(node, "native"), "add it to ids, or write native: 0",
				     "%u is not among ids", vlan->native);
}

static void
rules_nic(struct config_check *check, const struct config_port *port, struct ynode *node)
{
	static const char *const of_tap[] = { "netns", "interface", "address", "txqueuelen" };
	static const char *const of_vhost[] = { "role", "interrupt_moderation" };
	static const char *const of_guests[] = { "socket", "socket_owner", "socket_mode" };

	for (size_t i = 0; i < 4 && port->nic != NIC_TAP; i++)
		config_only_for(check, node, of_tap[i], "nic", "tap");
	for (size_t i = 0; i < 2 && port->nic != NIC_VHOST; i++)
		config_only_for(check, node, of_vhost[i], "nic", "vhost");
	for (size_t i = 0; i < 3 && port->nic == NIC_TAP; i++)
		config_only_for(check, node, of_guests[i], "nic", "vhost or vf");
	if (port->role == ROLE_SERVER)
		return;
	/* The socket is made by who listens. */
	config_only_for(check, node, "socket_owner", "role", "server");
	config_only_for(check, node, "socket_mode", "role", "server");
}

static void
rule_vrss(struct config_check *check, const struct config_port *port, struct ynode *node)
{
	struct ynode *vrss = ynode_get(node, "vrss");
	char hint[HINT_MAX];

	if (!config_node_good(vrss, "min_queues") || !config_node_usable(node, "queues") ||
	    port->vrss.min_queues <= port->queues)
		return;
	snprintf(hint, sizeof(hint), "valid: 1 to %u, or write queues: %u", port->queues, port->vrss.min_queues);
	config_value_mistake(check->log, ynode_get(vrss, "min_queues"), hint,
			     "%u is more than the port has: queues is %u", port->vrss.min_queues, port->queues);
}

static void
rules_port(struct config_check *check, const struct config_port *port, struct ynode *node)
{
	const struct config_switch *sw = &check->config->switches[port->sw];
	bool tap = config_node_good(node, "nic") && port->nic == NIC_TAP;

	if (tap && ynode_get(node, "interface") == NULL)
		config_missing(check->log, node, "interface", "interface: name of the interface that is made, as eth0");
	if (tap && config_node_good(switch_node(check, port->sw), "kind") && sw->kind == SWITCH_PRIVATE &&
	    ynode_get(node, "netns") == NULL)
		config_mistake_at(check->log, node, "give it a netns, or make the switch kind: internal",
				  "it lies in the host's own namespace, but a private switch is for VMs only");
	if (config_node_good(node, "nic"))
		rules_nic(check, port, node);
	rules_vlan(check, &port->vlan, ynode_get(node, "vlan"));
	rule_vrss(check, port, node);
}

/* One switch shows its uplink beside its ports, by the adapter's name. */
static void
rule_port_and_adapter_names(struct config_check *check)
{
	const struct config *config = check->config;

	for (unsigned a = 0; a < config->n_adapters; a++) {
		const struct ynode *node = ynode_get(check->lists[ITEMS_ADAPTERS].node[a], "name");

		for (unsigned i = 0; i < config->n_ports && config->adapters[a].name[0]; i++)
			if (strcmp(config->ports[i].name, config->adapters[a].name) == 0)
				config_value_mistake(check->log, ynode_get(port_node(check, i), "name"),
						     "choose another name for one of the two",
						     "'%s' is the name of an adapter, in line %u",
						     config->ports[i].name, node->line);
	}
}

static void
once_add(struct config_once *list, unsigned *n, struct ynode *node, const char *netns, const char *name)
{
	list[*n].node = node;
	snprintf(list[*n].key, sizeof(list[*n].key), "%s/%s", netns, name);
	(*n)++;
}

/* Interfaces of ports and uplinks, of which each can be one thing only; null takes none. */
static void
rule_interfaces(struct config_check *check)
{
	const struct config *config = check->config;
	struct config_once *list = calloc(config->n_adapters + config->n_ports + 1, sizeof(*list));
	unsigned n = 0;

	if (list == NULL) {
		config_check_no_memory(check);
		return;
	}
	for (unsigned i = 0; i < config->n_adapters; i++) {
		const struct config_adapter *a = &config->adapters[i];
		bool interface = a->kind == UPLINK_AF_XDP || a->kind == UPLINK_AF_PACKET || a->kind == UPLINK_TAP;
		struct ynode *node = check->lists[ITEMS_ADAPTERS].node[i];

		/* No namespace is called "/": the key of another uplink never equals that of an interface. */
		if (config_node_good(node, "uplink") && a->kind != UPLINK_NULL)
			once_add(list, &n, ynode_get(node, "uplink"), interface ? "" : "/", a->arg);
	}
	for (unsigned i = 0; i < config->n_ports; i++)
		if (config_node_good(port_node(check, i), "interface") &&
		    config_node_usable(port_node(check, i), "netns"))
			once_add(list, &n, ynode_get(port_node(check, i), "interface"), config->ports[i].netns,
				 config->ports[i].interface);
	config_rule_once(check, list, n, "is taken already,", "each interface belongs to one port or one uplink");
	free(list);
}

static bool
same_directory(const char *a, const char *b)
{
	size_t n = (size_t)(strrchr(a, '/') - a), m = (size_t)(strrchr(b, '/') - b);

	return n == m && memcmp(a, b, n) == 0;
}

/* The sockets of a file, which lie in one directory. */
struct sockets {
	struct config_check *check;
	struct config_once *list;
	unsigned n;
	const struct ynode *first; /* that is given with its directory */
};

/* node: what it is given by, a scalar; NULL: nothing, its name follows from that of the port. */
static void
socket_add(struct sockets *s, struct ynode *port, struct ynode *node, const char *name)
{
	if (node != NULL && node->text[0] == '/' && s->first == NULL)
		s->first = node;
	if (node != NULL && node->text[0] == '/' && !same_directory(node->text, s->first->text))
		config_value_mistake(s->check->log, node, "all sockets lie in the daemon's run directory",
				     "'%s' lies in another directory than the socket in line %u", node->text,
				     s->first->line);
	once_add(s->list, &s->n, node != NULL ? node : ynode_get(port, "name"), "", name);
}

/* The daemon's sockets lie in one directory. Which one it is, is not in the file; that there are not two can be seen. */
static void
rule_sockets(struct config_check *check)
{
	const struct config *config = check->config;
	struct sockets s = { .check = check, .list = calloc(2 * (size_t)config->n_ports + 1, sizeof(*s.list)) };

	if (s.list == NULL) {
		config_check_no_memory(check);
		return;
	}
	for (unsigned i = 0; i < config->n_ports; i++) {
		const struct config_port *port = &config->ports[i];
		struct ynode *node = port_node(check, i), *standby = ynode_get(node, "standby");
		char name[CONFIG_SOCKET_MAX];

		if (port->nic != NIC_TAP && config_node_good(node, "nic") && config_node_usable(node, "socket") &&
		    config_node_good(node, "name"))
			socket_add(&s, node, ynode_get(node, "socket"), config_port_socket(port, name));
		if (port->nic == NIC_VF && config_node_good(standby, "socket"))
			socket_add(&s, node, ynode_get(standby, "socket"), config_standby_socket(port, name));
	}
	config_rule_once(check, s.list, s.n, "is the socket of another port already,",
			 "each port has a socket of its own");
	free(s.list);
}

static void
rule_addresses(struct config_check *check)
{
	const struct config *config = check->config;
	struct config_once *list = calloc((size_t)config->n_ports * CONFIG_ADDRESSES_MAX + 1, sizeof(*list));
	unsigned n = 0;

	if (list == NULL) {
		config_check_no_memory(check);
		return;
	}
	for (unsigned i = 0; i < config->n_ports; i++) {
		struct ynode *node = ynode_get(port_node(check, i), "address"), *entry;
		unsigned k = 0;

		if (!config_node_good(port_node(check, i), "address") ||
		    !config_node_usable(port_node(check, i), "netns"))
			continue;
		entry = node->kind == YNODE_LIST ? node->first : node;
		for (; entry && k < config->ports[i].n_addresses; entry = entry->next) {
			const struct prefix *p = &config->ports[i].address[k++];
			char text[INET6_ADDRSTRLEN] = "";

			inet_ntop(p->family, p->addr, text, sizeof(text));
			once_add(list, &n, entry, config->ports[i].netns, text);
		}
	}
	config_rule_once(check, list, n, "is given in the same namespace already,",
			 "an address belongs to one interface");
	free(list);
}

/* The VLANs that a port is in, as the switch counts them: 0 is untagged. */
static void
port_vlans(const struct config_port *port, uint64_t set[VLAN_WORDS])
{
	memset(set, 0, VLAN_WORDS * sizeof(*set));
	if (port->vlan.mode == VLAN_TRUNK) {
		memcpy(set, port->vlan.allowed, VLAN_WORDS * sizeof(*set));
		if (port->vlan.native == 0)
			set[0] |= 1;
	} else {
		unsigned id = port->vlan.mode == VLAN_ACCESS ? port->vlan.id : 0;

		set[id / 64] |= UINT64_C(1) << (id % 64);
	}
}

static bool
ports_share_vlan(const struct config_port *a, const struct config_port *b)
{
	uint64_t va[VLAN_WORDS], vb[VLAN_WORDS];

	port_vlans(a, va);
	port_vlans(b, vb);
	for (unsigned i = 0; i < VLAN_WORDS; i++)
		if (va[i] & vb[i])
			return true;
	return false;
}

/* May mac and vlan of this port be relied on? */
static bool
port_station_known(const struct config_check *check, unsigned i)
{
	return check->config->ports[i].has_mac && config_node_usable(port_node(check, i), "vlan");
}

static void
rule_macs(struct config_check *check)
{
	const struct config_port *ports = check->config->ports;

	for (unsigned i = 1; i < check->config->n_ports; i++) {
		for (unsigned k = 0; k < i && port_station_known(check, i); k++) {
			struct ynode *mac = ynode_get(port_node(check, i), "mac");
			char text[MAC_TEXT_LEN];

			if (ports[k].sw != ports[i].sw || !ports[k].has_mac ||
			    !mac_equal(&ports[k].mac, &ports[i].mac) || !port_station_known(check, k) ||
			    !ports_share_vlan(&ports[k], &ports[i]))
				continue;
			config_value_mistake(check->log, mac, "two stations in one VLAN need two MACs",
					     "%s is the MAC of port '%s' in the same VLAN already, in line %u",
					     mac_format(&ports[i].mac, text), ports[k].name,
					     ynode_get(port_node(check, k), "mac")->line);
			break;
		}
	}
}

static void
unknown_port(struct config_check *check, const struct config_static *s, struct ynode *node)
{
	const struct config *config = check->config;
	const char *words[CONFIG_PORTS_MAX + 1];
	char hint[HINT_MAX], shown[CONFIG_SHOW_MAX];
	size_t n = 0;

	for (unsigned i = 0; i < config->n_ports; i++) {
		if (config->ports[i].sw == s->sw && config->ports[i].name[0])
			words[n++] = config->ports[i].name;
		if (config->ports[i].sw != s->sw && strcmp(config->ports[i].name, node->text) == 0) {
			config_value_mistake(check->log, node, "a static entry points to a port of its own switch",
					     "'%s' is a port of another switch, in line %u", node->text,
					     port_node(check, i)->line);
			return;
		}
	}
	if (config->switches[s->sw].adapter >= 0)
		words[n++] = config->adapters[config->switches[s->sw].adapter].name;
	config_names_hint(node->text, words, n, hint, sizeof(hint));
	config_value_mistake(check->log, node, hint, "'%s' is not a port of this switch",
			     config_show(node->text, shown));
}

/* Fills s->port: a port of the switch, -1 for its uplink. */
static void
static_resolve(struct config_check *check, struct config_static *s, struct ynode *node)
{
	const struct config *config = check->config;
	const struct config_switch *sw = &config->switches[s->sw];
	struct ynode *port = ynode_get(node, "port");

	if (!config_node_good(node, "port"))
		return;
	for (unsigned i = 0; i < config->n_ports; i++) {
		if (config->ports[i].sw == s->sw && strcmp(config->ports[i].name, port->text) == 0) {
			s->port = (int)i;
			return;
		}
	}
	if (sw->adapter < 0 || strcmp(config->adapters[sw->adapter].name, port->text) != 0)
		unknown_port(check, s, port);
}

/* Is the entry's VLAN one of its port's? The uplink is in all of them. */
static bool
static_vlan_fits(struct config_check *check, const struct config_static *s, struct ynode *node)
{
	const char *hint = "give the vlan that the port is in; 0 is untagged";
	const struct config_port *port = &check->config->ports[s->port];
	struct ynode *vlan = ynode_get(node, "vlan");
	uint64_t set[VLAN_WORDS];

	port_vlans(port, set);
	if (vlan_has(set, s->vlan))
		return true;
	if (vlan)
		config_value_mistake(check->log, vlan, hint, "%u is no VLAN of port '%s'", s->vlan, port->name);
	else
		config_value_mistake(check->log, node, hint, "is untagged, but port '%s' is not", port->name);
	return false;
}

static void
rules_static(struct config_check *check, const struct config_static *s, struct ynode *node)
{
	const struct config_port *ports = check->config->ports;
	uint64_t set[VLAN_WORDS];

	if (!config_node_good(node, "mac") || !config_node_usable(node, "vlan") || !config_node_good(node, "port"))
		return;
	if (s->port >= 0 && config_node_usable(port_node(check, (unsigned)s->port), "vlan") &&
	    !static_vlan_fits(check, s, node))
		return;
	for (unsigned i = 0; i < check->config->n_ports; i++) {
		if (ports[i].sw != s->sw || (int)i == s->port || !mac_equal(&ports[i].mac, &s->mac) ||
		    !port_station_known(check, i))
			continue;
		port_vlans(&ports[i], set);
		if (!vlan_has(set, s->vlan))
			continue;
		config_value_mistake(check->log, ynode_get(node, "mac"), "point the entry to that port, or take it out",
				     "is the MAC of port '%s', in line %u", ports[i].name,
				     ynode_get(port_node(check, i), "mac")->line);
		return;
	}
}

static void
rule_statics_once(struct config_check *check)
{
	const struct config *config = check->config;
	struct config_once *list = calloc(config->n_statics + 1, sizeof(*list));
	unsigned n = 0;

	if (list == NULL) {
		config_check_no_memory(check);
		return;
	}
	for (unsigned i = 0; i < config->n_statics; i++) {
		const struct config_static *s = &config->statics[i];
		struct ynode *node = check->lists[ITEMS_STATICS].node[i];
		char mac[MAC_TEXT_LEN];

		if (!config_node_good(node, "mac") || !config_node_usable(node, "vlan"))
			continue;
		list[n].node = ynode_get(node, "mac");
		snprintf(list[n].key, sizeof(list[n].key), "%u %s %u", s->sw, mac_format(&s->mac, mac), s->vlan);
		n++;
	}
	config_rule_once(check, list, n, "has a static entry in the same VLAN already,", "take one of the two out");
	free(list);
}

void
config_rules_ports(struct config_check *check)
{
	struct config *config = check->config;

	for (unsigned i = 0; i < config->n_ports; i++)
		rules_port(check, &config->ports[i], port_node(check, i));
	rule_port_and_adapter_names(check);
	rule_interfaces(check);
	rule_sockets(check);
	rule_addresses(check);
	rule_macs(check);
	for (unsigned i = 0; i < config->n_statics; i++)
		static_resolve(check, &config->statics[i], check->lists[ITEMS_STATICS].node[i]);
	for (unsigned i = 0; i < config->n_statics; i++)
		rules_static(check, &config->statics[i], check->lists[ITEMS_STATICS].node[i]);
	rule_statics_once(check);
}
