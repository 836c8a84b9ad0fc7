/*
 * Mistakes between keys and between objects, each in a file that has no other; several at once come in the order of the file.
 */
#include "ctl/config_test.h"

#define HEAD "version: 1\n"
#define WIRE "adapters: [{name: wire, uplink: \"af_xdp:flwire0\"}]\n"
#define SWITCH(kind) "switches:\n- name: sw\n  kind: " kind "\n"
#define PORTS SWITCH("internal") "  ports:\n"
#define VHOST(n, keys) "  - {name: vm" n ", nic: vhost" keys "}\n"
#define VM(n, keys) "  - {name: vm" n ", nic: tap, netns: flvm" n ", interface: eth0" keys "}\n"

static void
processors_and_adapters_agree(void **state)
{
	static const struct mistake_row rows[] = {
		{ "poll and capped", HEAD "processors: {idle: `poll, speed_percent: 10}\n",
		  "processors.idle poll and speed_percent exclude each other", "take idle: poll", "processors.idle" },
		{ "CPU twice", HEAD "processors: {cpus: [0, 1, `0]}\n",
		  "processors.cpus[2] '0' is given already in line 2", "once", "processors.cpus[2]" },
		{ "base beyond count",
		  HEAD "processors: {count: 4}\nadapters: [{name: wire, uplink: null, base_processor: `4}]\n",
		  "adapter 'wire': base_processor 4 is no processor: processors.count is 4", "valid: 0 to 3",
		  "adapters[0].base_processor" },
		{ "base beyond cpus",
		  HEAD "processors: {cpus: [0, 1]}\nadapters: [{name: wire, uplink: null, base_processor: `2}]\n",
		  "processors.count is 2 (the entries of cpus)", "valid: 0 to 1", NULL },
		{ "max beyond count",
		  HEAD "processors: {count: 4}\nadapters: [{name: wire, uplink: null, max_processors: `5}]\n",
		  "max_processors 5 is more than there are from processor 0 on", "valid: 1 to 4", NULL },
		{ "max beyond base",
		  HEAD "processors: {count: 4}\nadapters: [{name: wire, uplink: null, base_processor: 2, "
		       "max_processors: `3}]\n",
		  "max_processors 3 is more than there are from processor 2 on", "valid: 1 to 2", NULL },
		{ "adapter twice",
		  HEAD "adapters:\n- {name: wire, uplink: \"pcap:a\"}\n- {name: `wire, uplink: null}\n",
		  "adapter 'wire': name 'wire' is the name of another adapter already, in line 3", "another name",
		  "adapters[1].name" },
		{ "uplink twice",
		  HEAD "adapters:\n- {name: a, uplink: \"af_xdp:eth0\"}\n- {name: b, uplink: `\"af_packet:eth0\"}\n",
		  "adapter 'b': uplink 'af_packet:eth0' is taken already, in line 3", "one port or one uplink", NULL },
		{ "memif twice",
		  HEAD "adapters:\n- {name: a, uplink: \"memif:/run/a\"}\n- {name: b, uplink: `\"memif:/run/a\"}\n",
		  "uplink 'memif:/run/a' is taken already, in line 3", "", NULL },
	};

	rows_check(rows);
}

#define CPUS_4 HEAD "processors: {count: 4}\n"
#define WITH(keys) "adapters: [{name: wire, uplink: null, " keys "}]\n"
#define SPREAD(keys) HEAD PORTS VHOST("1", keys)

static void
queues_and_processors_of_an_adapter_agree(void **state)
{
	static const struct mistake_row rows[] = {
		{ "last beyond count", CPUS_4 WITH("max_processor: `4"),
		  "adapter 'wire': max_processor 4 is no processor: processors.count is 4", "valid: 0 to 3",
		  "adapters[0].max_processor" },
		{ "last below the base", CPUS_4 WITH("base_processor: 2, max_processor: `1"),
		  "max_processor 1 is below base_processor 2", "2 to 3, or leave it out", NULL },
		{ "more than there are up to the last",
		  CPUS_4 WITH("base_processor: 1, max_processor: 2, max_processors: `3"),
		  "max_processors 3 is more than there are from processor 1 to 2", "valid: 1 to 2", NULL },
		{ "entries no power of two", CPUS_4 WITH("rss: {entries: `100}"),
		  "adapter 'wire': rss.entries 100 is not a power of two", "write 64 or 128",
		  "adapters[0].rss.entries" },
		{ "entries just below the most", CPUS_4 WITH("rss: {entries: `511}"), "511 is not a power of two",
		  "write 256 or 512", NULL },
		{ "fewer entries than queues", CPUS_4 WITH("mode: rss, queues: 9, rss: {entries: `8}"),
		  "rss.entries 8 cannot name 9 queues", "at least as many", NULL },
		{ "fewer entries than queues by default", CPUS_4 WITH("mode: rss, rss: {entries: `4}"),
		  "4 cannot name 8 queues", "", NULL },
		{ "a hash type twice", CPUS_4 WITH("rss: {hash_types: [ipv4, tcp-ipv4, `ipv4]}"),
		  "rss.hash_types[2] 'ipv4' is given already in line 3", "once", "adapters[0].rss.hash_types[2]" },
		{ "low above high", CPUS_4 WITH("balance: {low_percent: `91}"),
		  "balance.low_percent 91 is not below high_percent, 90", "low mark", NULL },
		{ "high below low", CPUS_4 WITH("balance: {high_percent: `50}"),
		  "balance.high_percent 50 is not above low_percent, 50", "", "adapters[0].balance.high_percent" },
		{ "more queues to keep than there are", SPREAD(", queues: 2, vrss: {min_queues: `3}"),
		  "port 'vm1': vrss.min_queues 3 is more than the port has: queues is 2",
		  "valid: 1 to 2, or write queues: 3", "switches[0].ports[0].vrss.min_queues" },
		{ "more queues to keep than the default", SPREAD(", vrss: {min_queues: `2}"), "queues is 1", "", NULL },
		{ "interrupts of a tap", HEAD PORTS VM("1", ", interrupt_moderation: `low"),
		  "port 'vm1': interrupt_moderation is only for nic vhost", "take interrupt_moderation out", NULL },
	};

	rows_check(rows);
}

/* What has no effect in the present mode is kept, not refused: Windows tracks the parameters of the inactive state (2.7). */
static void
settings_of_another_mode_are_kept(void **state)
{
	static const char *const rows[] = {
		CPUS_4 WITH("mode: vmq, rss: {profile: closest, entries: 4, key: "
			    "'ffffffffffffffffffffffffffffffffffffffffff"
			    "ffffffffffffffffffffffffffffffffffffff'}"),
		CPUS_4 WITH("mode: none, dynamic: on, balance: {high_percent: 80}"),
		CPUS_4 WITH("mode: rss, dynamic: on, rss: {enabled: off}"),
		CPUS_4 WITH("mode: rss, queues: 1, rss: {entries: 1}"),
		CPUS_4 WITH("mode: rss, offload: {rx_checksum: off, lso: off}"),
		CPUS_4 WITH("base_processor: 3, max_processor: 3, max_processors: 1"),
		SPREAD(", vrss: {enabled: on}"),
		SPREAD(", queues: 16, vrss: {min_queues: 16, scheduling: static, exclude_primary: on}, "
		       "interrupt_moderation: off"),
		HEAD PORTS VM("1", ", queues: 4, vrss: {enabled: off}"),
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct config_mistakes m;
		struct config *first = config_parse(rows[i], strlen(rows[i]), &m), *second;
		char *text;

		print_message("%s", rows[i]);
		assert_non_null(first);
		text = config_emit(first);
		assert_non_null(text);
		second = config_parse(text, strlen(text), &m);
		assert_non_null(second);
		assert_memory_equal(first->adapters, second->adapters, sizeof(first->adapters));
		assert_int_equal(first->n_ports, second->n_ports);
		assert_memory_equal(first->ports, second->ports, first->n_ports * sizeof(first->ports[0]));
		free(text);
		config_free(first);
		config_free(second);
	}
}

static void
switches_have_the_uplink_of_their_kind(void **state)
{
	static const struct mistake_row rows[] = {
		{ "external without", HEAD "switches: [`{name: sw, kind: external}]\n",
		  "switch 'sw': 'uplink' is missing", "needs an adapter", "switches[0]" },
		{ "internal with", HEAD WIRE "switches: [{name: sw, kind: internal, uplink: `wire}]\n",
		  "switch 'sw': uplink is not for this switch: kind is internal", "take the uplink out",
		  "switches[0].uplink" },
		{ "private with", HEAD WIRE "switches: [{name: sw, kind: private, uplink: `wire}]\n", "kind is private",
		  "kind: external", NULL },
		{ "misspelt", HEAD WIRE "switches: [{name: sw, kind: external, uplink: `wier}]\n",
		  "switch 'sw': uplink 'wier' is not the name of an adapter", "did you mean 'wire'?",
		  "switches[0].uplink" },
		{ "unknown", HEAD WIRE "switches: [{name: sw, kind: external, uplink: `other}]\n",
		  "'other' is not the name of an adapter", "there are: wire", NULL },
		{ "none there", HEAD "switches: [{name: sw, kind: external, uplink: `wire}]\n",
		  "'wire' is not the name of an adapter", "there is none", NULL },
		{ "used twice",
		  HEAD WIRE
		  "switches:\n- {name: a, kind: external, uplink: wire}\n- {name: b, kind: external, uplink: `wire}\n",
		  "switch 'b': uplink 'wire' is the uplink of another switch already, in line 4", "one switch",
		  "switches[1].uplink" },
		{ "name twice", HEAD "switches:\n- {name: a, kind: internal}\n- {name: `a, kind: private}\n",
		  "switch 'a': name 'a' is the name of another switch already, in line 3", "another name", NULL },
	};

	rows_check(rows);
}

static void
ports_share_nothing_that_is_one(void **state)
{
	static const struct mistake_row rows[] = {
		{ "name twice over switches",
		  HEAD PORTS VM("1", "") "- name: other\n  kind: private\n  ports:\n"
					 "  - {name: `vm1, nic: tap, netns: a, interface: b}\n",
		  "port 'vm1': name 'vm1' is the name of another port already, in line 6", "another name",
		  "switches[1].ports[0].name" },
		{ "name of an adapter", HEAD WIRE PORTS "  - {name: `wire, nic: tap, netns: a, interface: b}\n",
		  "port 'wire': name 'wire' is the name of an adapter, in line 2", "another name", NULL },
		{ "interface twice", HEAD PORTS VM("1", "") "  - {name: b, nic: tap, netns: flvm1, interface: `eth0}\n",
		  "port 'b': interface 'eth0' is taken already, in line 6", "one port or one uplink",
		  "switches[0].ports[1].interface" },
		{ "interface twice, own namespace",
		  HEAD PORTS "  - {name: a, nic: tap, interface: x}\n  - {name: b, nic: tap, interface: `x}\n",
		  "interface 'x' is taken already, in line 6", "", NULL },
		{ "interface of an uplink", HEAD WIRE PORTS "  - {name: a, nic: tap, interface: `flwire0}\n",
		  "interface 'flwire0' is taken already, in line 2", "", NULL },
		{ "no interface", HEAD PORTS "  - `{name: a, nic: tap, netns: b}\n", "port 'a': 'interface' is missing",
		  "eth0", NULL },
		{ "address twice",
		  HEAD PORTS VM("1", ", address: 10.0.0.1/24") "  - {name: b, nic: tap, netns: flvm1, interface: eth1, "
							       "address: [10.0.0.2/24, `10.0.0.1/16]}\n",
		  "port 'b': address[1] '10.0.0.1/16' is given in the same namespace already, in line 6",
		  "one interface", "switches[0].ports[1].address[1]" },
		{ "address twice on a port", HEAD PORTS VM("1", ", address: [\"fd00::1/64\", `\"fd00:0::1/64\"]"),
		  "'fd00:0::1/64' is given in the same namespace already, in line 6", "", NULL },
		{ "MAC twice", HEAD PORTS VM("1", ", mac: 02:f1:00:00:00:0a") VM("2", ", mac: `02:F1:00:00:00:0A"),
		  "port 'vm2': mac 02:f1:00:00:00:0a is the MAC of port 'vm1' in the same VLAN already, in line 6",
		  "two MACs", "switches[0].ports[1].mac" },
		{ "MAC twice in an access VLAN",
		  HEAD PORTS VM("1", ", mac: 02:f1:00:00:00:0a, vlan: {mode: access, id: 5}")
			  VM("2", ", mac: `02:f1:00:00:00:0a, vlan: {mode: trunk, ids: [4-6]}"),
		  "the MAC of port 'vm1' in the same VLAN", "", NULL },
		{ "MAC twice untagged and native 0",
		  HEAD PORTS VM("1", ", mac: 02:f1:00:00:00:0a")
			  VM("2", ", mac: `02:f1:00:00:00:0a, vlan: {mode: trunk, ids: [4-6]}"),
		  "the MAC of port 'vm1' in the same VLAN", "", NULL },
		{ "host on a private switch",
		  HEAD SWITCH("private") "  ports:\n  - `{name: a, nic: tap, interface: b}\n",
		  "port 'a': it lies in the host's own namespace, but a private switch is for VMs only",
		  "give it a netns", "switches[0].ports[0]" },
	};

	rows_check(rows);
}

static void
keys_fit_their_nic(void **state)
{
	static const struct mistake_row rows[] = {
		{ "interface of vhost", HEAD PORTS VHOST("1", ", interface: `eth0"),
		  "port 'vm1': interface is only for nic tap", "write nic: tap, or take interface out",
		  "switches[0].ports[0].interface" },
		{ "netns of vhost", HEAD PORTS VHOST("1", ", netns: `a"), "netns is only for nic tap", "take netns out",
		  NULL },
		{ "address of vhost", HEAD PORTS VHOST("1", ", address: `10.0.0.1/8"), "address is only for nic tap",
		  "", NULL },
		{ "addresses of vhost", HEAD PORTS VHOST("1", ", address: `[10.0.0.1/8]"),
		  "address is only for nic tap", "", NULL },
		{ "txqueuelen of vhost", HEAD PORTS VHOST("1", ", txqueuelen: `256"), "txqueuelen is only for nic tap",
		  "", NULL },
		{ "socket of tap", HEAD PORTS VM("1", ", socket: `a"), "port 'vm1': socket is only for nic vhost",
		  "write nic: vhost or vf, or take socket out", "switches[0].ports[0].socket" },
		{ "role of tap", HEAD PORTS VM("1", ", role: `server"), "role is only for nic vhost", "", NULL },
		{ "socket_owner of tap", HEAD PORTS VM("1", ", socket_owner: `\"a:b\""), "only for nic vhost", "",
		  NULL },
		{ "socket_mode of tap", HEAD PORTS VM("1", ", socket_mode: `\"0660\""), "only for nic vhost", "",
		  NULL },
		{ "owner of a client", HEAD PORTS VHOST("1", ", role: client, socket_owner: `\"a:b\""),
		  "socket_owner is only for role server", "write role: server, or take socket_owner out", NULL },
		{ "mode of a client", HEAD PORTS VHOST("1", ", role: client, socket_mode: `\"0660\""),
		  "socket_mode is only for role server", "", NULL },
		{ "one socket twice", HEAD PORTS VHOST("1", ", socket: a") VHOST("2", ", socket: `a"),
		  "port 'vm2': socket 'a' is the socket of another port already, in line 6", "a socket of its own",
		  "switches[0].ports[1].socket" },
		{ "one socket twice, by path", HEAD PORTS VHOST("1", ", socket: a") VHOST("2", ", socket: `/run/x/a"),
		  "is the socket of another port already, in line 6", "", NULL },
		{ "one socket twice, by name", HEAD PORTS VHOST("1", "") VHOST("2", ", socket: `vm1.sock"),
		  "is the socket of another port already, in line 6", "", NULL },
		{ "one socket for two sides",
		  HEAD PORTS VHOST("1", ", socket: a") VHOST("2", ", socket: `a, role: client"),
		  "is the socket of another port already", "", NULL },
		{ "two directories", HEAD PORTS VHOST("1", ", socket: /run/x/a") VHOST("2", ", socket: `/run/xy/b"),
		  "'/run/xy/b' lies in another directory than the socket in line 6", "the daemon's run directory",
		  NULL },
		{ "two directories, one in the other",
		  HEAD PORTS VHOST("1", ", socket: /run/x/y/a") VHOST("2", ", socket: `/run/x/b"),
		  "lies in another directory than", "", NULL },
	};

	rows_check(rows);
}

static void
vlan_keys_fit_their_mode(void **state)
{
	static const struct mistake_row rows[] = {
		{ "access without id", HEAD PORTS VM("1", ", vlan: `{mode: access}"), "port 'vm1': vlan lacks 'id'",
		  "1 to 4094", "switches[0].ports[0].vlan" },
		{ "trunk without ids", HEAD PORTS VM("1", ", vlan: `{mode: trunk}"), "vlan lacks 'ids'", "[10, 20-30]",
		  NULL },
		{ "id without mode", HEAD PORTS VM("1", ", vlan: {id: `10}"), "vlan.id is only for mode access",
		  "write mode: access", NULL },
		{ "id in a trunk", HEAD PORTS VM("1", ", vlan: {mode: trunk, ids: [1], id: `10}"),
		  "vlan.id is only for mode access", "", NULL },
		{ "ids in access", HEAD PORTS VM("1", ", vlan: {mode: access, id: 1, ids: `[1]}"),
		  "vlan.ids is only for mode trunk", "write mode: trunk", NULL },
		{ "native in access", HEAD PORTS VM("1", ", vlan: {mode: access, id: 1, native: `1}"),
		  "vlan.native is only for mode trunk", "", NULL },
		{ "native not in ids", HEAD PORTS VM("1", ", vlan: {mode: trunk, ids: [10, 20-30], native: `31}"),
		  "vlan.native 31 is not among ids", "add it to ids", "switches[0].ports[0].vlan.native" },
	};

	rows_check(rows);
}

static void
static_entries_point_where_their_station_can_be(void **state)
{
	static const struct mistake_row rows[] = {
		{ "misspelt port", HEAD PORTS VM("1", "") "  static: [{mac: 02:f1:00:00:00:0a, port: `vn1}]\n",
		  "switch 'sw': static[0].port 'vn1' is not a port of this switch", "did you mean 'vm1'?",
		  "switches[0].static[0].port" },
		{ "port of another switch",
		  HEAD PORTS VM("1",
				"") "- name: b\n  kind: internal\n  static: [{mac: 02:f1:00:00:00:0a, port: `vm1}]\n",
		  "'vm1' is a port of another switch, in line 6", "its own switch", NULL },
		{ "adapter of another switch",
		  HEAD WIRE PORTS VM("1", "") "  static: [{mac: 02:f1:00:00:00:0a, port: `wire}]\n",
		  "'wire' is not a port of this switch", "there are: vm1", NULL },
		{ "group", HEAD PORTS VM("1", "") "  static: [{mac: `01:00:5e:00:00:0a, port: vm1}]\n",
		  "static[0].mac 01:00:5e:00:00:0a is a group", "", NULL },
		{ "twice",
		  HEAD PORTS VM("1", "") "  static:\n  - {mac: 02:f1:00:00:00:0a, port: vm1}\n  - {mac: "
					 "`02:f1:00:00:00:0a, port: vm1}\n",
		  "static[1].mac '02:f1:00:00:00:0a' has a static entry in the same VLAN already, in line 8", "",
		  NULL },
		{ "VLAN of none",
		  HEAD PORTS VM("1", ", vlan: {mode: access, id: 10}") "  static: [{mac: 02:f1:00:00:00:0a, vlan: `20, "
								       "port: vm1}]\n",
		  "static[0].vlan 20 is no VLAN of port 'vm1'", "the vlan that the port is in", NULL },
		{ "VLAN left out",
		  HEAD PORTS VM("1",
				", vlan: {mode: access, id: 10}") "  static: [`{mac: 02:f1:00:00:00:0a, port: vm1}]\n",
		  "static[0] is untagged, but port 'vm1' is not", "", NULL },
		{ "MAC of another port",
		  HEAD PORTS VM("1", "")
			  VM("2", ", mac: 02:f1:00:00:00:0a") "  static: [{mac: `02:f1:00:00:00:0a, port: vm1}]\n",
		  "is the MAC of port 'vm2', in line 7", "point the entry to that port", NULL },
	};

	rows_check(rows);
}

static void
all_mistakes_come_in_the_order_of_the_file(void **state)
{
	/* Found in another order: the walk finds lines 2, 7, 8, 9, the rules then 5 and 6. */
	static const char yaml[] = "version: 1\n"
				   "processors: {cout: 8}\n"
				   "adapters:\n"
				   "- {name: a, uplink: null}\n"
				   "- {name: a, uplink: null}\n"
				   "switches: [{name: sw, kind: external,\n"
				   "  ports: [{name: p, nic: fv, mtu: 1,\n"
				   "    vlan: {mode: access, id: 0}}]}]\n"
				   "log: {level: loud}\n";
	static const struct {
		unsigned line;
		const char *msg;
	} want[] = {
		{ 2, "'cout'" }, { 5, "another adapter" }, { 6, "'uplink' is missing" }, { 7, "nic 'fv'" },
		{ 7, "mtu 1 " }, { 8, "vlan.id 0" },       { 9, "log.level 'loud'" },
	};
	struct config_mistakes m;

	assert_null(config_parse(yaml, sizeof(yaml) - 1, &m));
	assert_int_equal(m.n, sizeof(want) / sizeof(want[0]));
	for (unsigned i = 0; i < m.n; i++) {
		assert_int_equal(m.list[i].line, want[i].line);
		assert_non_null(strstr(m.list[i].err.msg, want[i].msg));
	}
	config_mistakes_free(&m);
}

/* CONFIG_ADAPTERS_MAX and CONFIG_SWITCHES_MAX; ports have a test of their own in config_test.c. */
static void
one_too_many_is_said_once(void **state)
{
	static const struct {
		const char *list, *keys, *msg;
		unsigned most;
	} rows[] = {
		{ "adapters", "uplink: null", "16 are the most of adapters", 16 },
		{ "switches", "kind: internal", "64 are the most of switches", 64 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		for (unsigned n = rows[i].most; n <= rows[i].most + 2; n++) {
			char text[8192];
			size_t len = (size_t)snprintf(text, sizeof(text), "version: 1\n%s:\n", rows[i].list);
			struct config_mistakes m;
			struct config *c;

			for (unsigned k = 0; k < n; k++)
				len += (size_t)snprintf(text + len, sizeof(text) - len, "- {name: a%u, %s}\n", k,
							rows[i].keys);
			c = config_parse(text, len, &m);
			assert_int_equal(c != NULL, n == rows[i].most);
			if (c == NULL) {
				assert_int_equal(m.n, 1);
				assert_int_equal(m.list[0].line, 3 + rows[i].most);
				assert_non_null(strstr(m.list[0].err.msg, rows[i].msg));
			}
			config_free(c);
			config_mistakes_free(&m);
		}
	}
}

/* One mistake must not be said again in other words by the rules that look at the same keys. */
static void
a_mistake_is_said_once(void **state)
{
	static const struct mistake_row rows[] = {
		{ "kind misspelt, no uplink", HEAD "switches: [{name: sw, kind: `externl}]\n", "kind 'externl'", "",
		  NULL },
		{ "kind misspelt, uplink", HEAD WIRE "switches: [{name: sw, kind: `externl, uplink: wire}]\n",
		  "kind 'externl'", "", NULL },
		{ "uplink of no form", HEAD "switches: [{name: sw, kind: external, uplink: `\"a b\"}]\n",
		  "uplink 'a b' has a sign", "", NULL },
		{ "adapter name bad", HEAD "adapters: [{name: `1, uplink: null}, {name: a, uplink: null}]\n",
		  "name '1'", "", NULL },
		{ "count bad, base beyond",
		  HEAD "processors: {count: `0}\nadapters: [{name: a, uplink: null, base_processor: 63}]\n", "count 0",
		  "", NULL },
		{ "VLAN mode bad", HEAD PORTS VM("1", ", vlan: {mode: `trnk, ids: [1], native: 2}"), "'trnk'", "",
		  NULL },
		{ "ids bad, native", HEAD PORTS VM("1", ", vlan: {mode: trunk, ids: [`0], native: 2}"), "ids[0] 0", "",
		  NULL },
		{ "MACs bad and equal",
		  HEAD PORTS VM("1", ", mac: 02:f1:00:00:00:0a, vlan: {mode: access, id: `0}")
			  VM("2", ", mac: 02:f1:00:00:00:0a"),
		  "id 0", "", NULL },
		{ "netns bad, private",
		  HEAD SWITCH("private") "  ports:\n  - {name: a, nic: tap, netns: `/x, interface: b}\n", "netns '/x'",
		  "", NULL },
		{ "static to a port without a name",
		  HEAD PORTS VM("1", "") "  static: [{mac: 02:f1:00:00:00:0a, port: `\"\"}]\n", "port ''", "", NULL },
	};

	rows_check(rows);
}

/* Two values that could not be read are not equal. */
static void
two_bad_values_do_not_clash(void **state)
{
	static const char *const rows[] = {
		HEAD PORTS VM("1", ", mac: zero") VM("2", ", mac: zero"),
		HEAD PORTS VM("1", ", address: none") VM("1b", ", address: none"),
		HEAD "switches: [{name: 1, kind: internal}, {name: 1, kind: internal}]\n",
		HEAD "adapters: [{name: a, uplink: x}, {name: b, uplink: x}]\n",
		HEAD "processors: {cpus: [a, a]}\n",
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct config_mistakes m;

		assert_null(config_parse(rows[i], strlen(rows[i]), &m));
		assert_int_equal(m.n, 2);
		config_mistakes_free(&m);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(processors_and_adapters_agree),
		cmocka_unit_test(queues_and_processors_of_an_adapter_agree),
		cmocka_unit_test(settings_of_another_mode_are_kept),
		cmocka_unit_test(switches_have_the_uplink_of_their_kind),
		cmocka_unit_test(ports_share_nothing_that_is_one),
		cmocka_unit_test(keys_fit_their_nic),
		cmocka_unit_test(vlan_keys_fit_their_mode),
		cmocka_unit_test(static_entries_point_where_their_station_can_be),
		cmocka_unit_test(all_mistakes_come_in_the_order_of_the_file),
		cmocka_unit_test(one_too_many_is_said_once),
		cmocka_unit_test(a_mistake_is_said_once),
		cmocka_unit_test(two_bad_values_do_not_clash),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
