/*
 * schema_config.c - the objects of the configuration file: each key described once.
 *
 * From these rows come the file's checks (config_check.c), the defaults, the emitted text (config_emit.c), and the
 * reference page. To add a key: a field in config.h, a row here, and, when it depends on other keys, a rule in config_rules.c.
 */
#include "ctl/config_bind.h"

#define BIND(type, field, ...)        \
	(&(const struct config_bind){ \
		.offset = offsetof(struct type, field), .size = sizeof(((struct type *)0)->field), __VA_ARGS__ })
#define LIST_BIND(type, field, number, at_least)                                    \
	(&(const struct config_bind){ .offset = offsetof(struct type, field),       \
				      .size = sizeof(((struct type *)0)->field[0]), \
				      .count = offsetof(struct type, number),       \
				      .least = at_least,                            \
				      .most = sizeof(((struct type *)0)->field) /   \
					      sizeof(((struct type *)0)->field[0]) })
#define ITEMS_BIND(which) (&(const struct config_bind){ .items = which })
#define WORDS(...) ((const char *const[]){ __VA_ARGS__, NULL })
#define NOT_OFFERED(key, kind, text)                                         \
	{                                                                    \
		.name = key, .type = kind, .not_offered = true, .help = text \
	}
#define END_OF_KEYS          \
	{                    \
		.name = NULL \
	}

static const struct schema_key processors_keys[] = {
	{ .name = "count",
	  .type = SCHEMA_INT,
	  .min = 1,
	  .max = CONFIG_CPUS_MAX,
	  .unit = "processors",
	  .help = "processors that serve queues; left out: one for each entry of cpus, else for each online CPU",
	  .bind = BIND(config_processors, count_asked) },
	{ .name = "cpus",
	  .type = SCHEMA_LIST,
	  .item = SCHEMA_INT,
	  .min = 0,
	  .max = 1023,
	  .help = "the CPUs that they run on, as [0, 1], in order, again from the start when there are fewer",
	  .bind = LIST_BIND(config_processors, cpus, n_cpus, 1) },
	{ .name = "idle",
	  .type = SCHEMA_ENUM,
	  .choices = WORDS("sleep", "poll"),
	  .fallback = "sleep",
	  .help = "what one without work does: sleep until there is some, or poll at 100 %",
	  .bind = BIND(config_processors, poll) },
	{ .name = "speed_percent",
	  .type = SCHEMA_INT,
	  .min = 1,
	  .max = 100,
	  .unit = "percent",
	  .help = "emulates slow processors, each capped at this share of a CPU; left out: real ones",
	  .bind = BIND(config_processors, speed_percent) },
	END_OF_KEYS
};

static const struct schema_object processors = { "processors", "Who does the work.", processors_keys };

static const struct schema_key adapter_keys[] = {
	{ .name = "name",
	  .type = SCHEMA_NAME,
	  .required = true,
	  .help = "its name, as wire",
	  .bind = BIND(config_adapter, name) },
	{ .name = "uplink",
	  .type = SCHEMA_STRING,
	  .required = true,
	  .min = 1,
	  .max = CONFIG_ARG_MAX + 16,
	  .help = "af_xdp:IFNAME, af_packet:IFNAME, memif:SOCKET, pcap:RX[,TX], ring:NAME or null (not offered yet: "
		  "pci:ADDRESS, tap:NAME)",
	  .bind = &(const struct config_bind){ .codec = &config_uplink_codec } },
	{ .name = "mode",
	  .type = SCHEMA_ENUM,
	  .choices = WORDS("none", "rss", "vmq"),
	  .planned = WORDS("rss"),
	  .fallback = "none",
	  .help = "none: all on one processor; vmq: a queue and a processor for each VM NIC",
	  .bind = BIND(config_adapter, mode) },
	{ .name = "queues",
	  .type = SCHEMA_INT,
	  .min = 1,
	  .max = 256,
	  .fallback = "8",
	  .unit = "queues",
	  .help = "VM queues beside the default queue, in mode vmq",
	  .bind = BIND(config_adapter, queues) },
	{ .name = "dynamic",
	  .type = SCHEMA_BOOL,
	  .planned = WORDS("on"),
	  .fallback = "off",
	  .help = "on: a balancer moves queues between processors",
	  .bind = BIND(config_adapter, dynamic) },
	{ .name = "base_processor",
	  .type = SCHEMA_INT,
	  .min = 0,
	  .max = CONFIG_CPUS_MAX - 1,
	  .help = "first processor for its queues; left out: the first that is not on core 0 when there are more than "
		  "two",
	  .bind = BIND(config_adapter, base_processor, .absent = -1) },
	{ .name = "max_processors",
	  .type = SCHEMA_INT,
	  .min = 1,
	  .max = CONFIG_CPUS_MAX,
	  .unit = "processors",
	  .help = "how many from the base on; left out: all",
	  .bind = BIND(config_adapter, max_processors) },
	{ .name = "speed",
	  .type = SCHEMA_SPEED,
	  .min = 1,
	  .max = 800000,
	  .unit = "Mb/s",
	  .help = "what it is taken for, as 10G or 2500M; left out: the link's own",
	  .bind = BIND(config_adapter, speed_mbps) },
	{ .name = "mtu",
	  .type = SCHEMA_INT,
	  .min = 68,
	  .max = 9216,
	  .unit = "bytes",
	  .help = "largest packet without the Ethernet header; left out: the interface's own",
	  .bind = BIND(config_adapter, mtu) },
	NOT_OFFERED("vfs", SCHEMA_INT, "virtual functions"),
	END_OF_KEYS
};

static const struct schema_object adapter = { "adapter", "A NIC that leads out of the host.", adapter_keys };

static const struct schema_key vlan_keys[] = {
	{ .name = "mode",
	  .type = SCHEMA_ENUM,
	  .choices = WORDS("untagged", "access", "trunk"),
	  .fallback = "untagged",
	  .help = "untagged: no VLAN; access: one VLAN, its tag put on and taken off by the switch; trunk: several, "
		  "tagged",
	  .bind = BIND(config_vlan, mode) },
	{ .name = "id",
	  .type = SCHEMA_INT,
	  .min = 1,
	  .max = 4094,
	  .help = "the VLAN of an access port; 0 and 4095 are reserved (IEEE 802.1Q)",
	  .bind = BIND(config_vlan, id) },
	{ .name = "ids",
	  .type = SCHEMA_VLAN_SET,
	  .min = 1,
	  .max = 4094,
	  .help = "the VLANs of a trunk, as [10, 20-30]; 0 and 4095 are reserved (IEEE 802.1Q)",
	  .bind = BIND(config_vlan, allowed) },
	{ .name = "native",
	  .type = SCHEMA_INT,
	  .min = 0,
	  .max = 4094,
	  .fallback = "0",
	  .help = "the VLAN that a trunk's untagged frames belong to; 0: they stay untagged",
	  .bind = BIND(config_vlan, native) },
	END_OF_KEYS
};

static const struct schema_object vlan = { "vlan", "The VLANs of a port.", vlan_keys };

static const struct schema_key port_keys[] = {
	{ .name = "name",
	  .type = SCHEMA_NAME,
	  .required = true,
	  .help = "its name, unique on this host, as vm1",
	  .bind = BIND(config_port, name) },
	{ .name = "nic",
	  .type = SCHEMA_ENUM,
	  .required = true,
	  .choices = WORDS("tap", "vhost", "vf"),
	  .planned = WORDS("vf"),
	  .help = "what stands behind it: tap is an interface of this host or a namespace, vhost the NIC of a QEMU "
		  "guest",
	  .bind = BIND(config_port, nic) },
	{ .name = "netns",
	  .type = SCHEMA_STRING,
	  .min = 1,
	  .max = sizeof(((struct config_port *)0)->netns) - 1,
	  .help = "tap: the namespace (ip netns) that the interface lies in; left out: the host's own",
	  .bind = BIND(config_port, netns, .check = config_check_netns) },
	{ .name = "interface",
	  .type = SCHEMA_STRING,
	  .min = 1,
	  .max = IFNAMSIZ - 1,
	  .help = "tap: name of the interface that is made, as eth0",
	  .bind = BIND(config_port, interface, .check = config_check_interface) },
	{ .name = "address",
	  .type = SCHEMA_LIST,
	  .item = SCHEMA_PREFIX,
	  .help = "tap: addresses that the interface gets, one or a list, as 10.77.0.1/24",
	  .bind = LIST_BIND(config_port, address, n_addresses, 0) },
	{ .name = "txqueuelen",
	  .type = SCHEMA_INT,
	  .min = 1,
	  .max = 100000,
	  .fallback = "256",
	  .unit = "packets",
	  .help = "tap: packets that the kernel holds for us",
	  .bind = BIND(config_port, txqueuelen) },
	{ .name = "socket",
	  .type = SCHEMA_STRING,
	  .min = 1,
	  .max = CONFIG_ARG_MAX - 1,
	  .help = "vhost: the socket between QEMU and us, a name in the run directory (/run/fairlead) or its path; "
		  "left "
		  "out: the port's name and .sock",
	  .bind = BIND(config_port, socket, .check = config_check_socket) },
	{ .name = "role",
	  .type = SCHEMA_ENUM,
	  .choices = WORDS("server", "client"),
	  .fallback = "server",
	  .help = "vhost: server: we listen and QEMU connects; client: QEMU listens, and we try until it does",
	  .bind = BIND(config_port, role) },
	{ .name = "socket_owner",
	  .type = SCHEMA_STRING,
	  .min = 1,
	  .max = CONFIG_ARG_MAX - 1,
	  .help = "vhost, server: whom the socket belongs to, as root:kvm; left out: the user that the daemon was "
		  "started as",
	  .bind = BIND(config_port, socket_owner, .check = config_check_owner) },
	{ .name = "socket_mode",
	  .type = SCHEMA_STRING,
	  .fallback = "0660",
	  .help = "vhost, server: its mode, in octal; who may write to it may connect",
	  .bind = BIND(config_port, socket_mode, .codec = &config_mode_codec) },
	{ .name = "mac",
	  .type = SCHEMA_MAC,
	  .help = "its MAC; left out: of a tap one by chance, another at each start; of a vhost NIC the first source "
		  "address that its guest uses",
	  .bind = BIND(config_port, mac, .given = offsetof(struct config_port, has_mac)) },
	{ .name = "queues",
	  .type = SCHEMA_INT,
	  .min = 1,
	  .max = 16,
	  .fallback = "1",
	  .unit = "queues",
	  .help = "queue pairs of the NIC",
	  .bind = BIND(config_port, queues) },
	{ .name = "mtu",
	  .type = SCHEMA_INT,
	  .min = 68,
	  .max = 9216,
	  .unit = "bytes",
	  .help = "largest packet without the Ethernet header; left out: 1500, or for a vhost NIC 9216, less if QEMU "
		  "says so",
	  .bind = BIND(config_port, mtu, .implied = config_port_mtu_implied) },
	{ .name = "vmq_weight",
	  .type = SCHEMA_INT,
	  .min = 0,
	  .max = 100,
	  .fallback = "100",
	  .help = "claim on a VM queue where they are few; 0: never one",
	  .bind = BIND(config_port, vmq_weight) },
	{ .name = "spoof_check",
	  .type = SCHEMA_BOOL,
	  .fallback = "on",
	  .help = "on: frames with another source MAC than the port's are dropped",
	  .bind = BIND(config_port, spoof_check) },
	{ .name = "vlan",
	  .type = SCHEMA_OBJECT,
	  .of = &vlan,
	  .help = "left out: untagged",
	  .bind = BIND(config_port, vlan) },
	NOT_OFFERED("adapter", SCHEMA_NAME, "the adapter of a vf NIC"),
	NOT_OFFERED("model", SCHEMA_ENUM, "the model of a vf NIC"),
	NOT_OFFERED("on_policy", SCHEMA_ENUM, "what a vf NIC does when a policy forbids the bypass"),
	NOT_OFFERED("doorbell", SCHEMA_ENUM, "how a vf NIC's doorbells are watched"),
	NOT_OFFERED("ipsec_offload", SCHEMA_BOOL, "IPsec by the NIC"),
	NOT_OFFERED("trust", SCHEMA_BOOL, "may the guest change its MAC"),
	NOT_OFFERED("rate_mbps", SCHEMA_INT, "a cap on what it sends"),
	NOT_OFFERED("standby", SCHEMA_OBJECT, "the synthetic NIC that takes over from a vf"),
	END_OF_KEYS
};

static const struct schema_object port = { "port", "A NIC on a switch.", port_keys };

static const struct schema_key static_keys[] = {
	{ .name = "mac",
	  .type = SCHEMA_MAC,
	  .required = true,
	  .help = "the station's MAC",
	  .bind = BIND(config_static, mac) },
	{ .name = "vlan",
	  .type = SCHEMA_INT,
	  .min = 0,
	  .max = 4094,
	  .fallback = "0",
	  .help = "its VLAN; 0: untagged",
	  .bind = BIND(config_static, vlan) },
	{ .name = "port",
	  .type = SCHEMA_NAME,
	  .required = true,
	  .help = "where it is: a port of this switch, or its uplink's adapter",
	  .bind = BIND(config_static, port, .ref = REF_PORT) },
	END_OF_KEYS
};

static const struct schema_object static_entry = { "static", "A MAC address whose port is told, not learned.",
						   static_keys };

static const struct schema_key switch_keys[] = {
	{ .name = "name",
	  .type = SCHEMA_NAME,
	  .required = true,
	  .help = "its name, as ext",
	  .bind = BIND(config_switch, name) },
	{ .name = "kind",
	  .type = SCHEMA_ENUM,
	  .required = true,
	  .choices = WORDS("external", "internal", "private"),
	  .help = "external: with an uplink; internal: VMs and the host; private: VMs only",
	  .bind = BIND(config_switch, kind) },
	{ .name = "uplink",
	  .type = SCHEMA_NAME,
	  .help = "the adapter of an external switch",
	  .bind = BIND(config_switch, adapter, .ref = REF_ADAPTER) },
	{ .name = "fdb_entries",
	  .type = SCHEMA_INT,
	  .min = 64,
	  .max = 1048576,
	  .fallback = "8192",
	  .unit = "entries",
	  .help = "MAC addresses that it can know, rounded up to a power of two",
	  .bind = BIND(config_switch, fdb_entries) },
	{ .name = "ageing_s",
	  .type = SCHEMA_INT,
	  .min = 10,
	  .max = 1000000,
	  .fallback = "300",
	  .unit = "s",
	  .help = "a learned address is forgotten after this time without a frame (IEEE 802.1Q-2022, table 8-6)",
	  .bind = BIND(config_switch, ageing_s) },
	{ .name = "ports",
	  .type = SCHEMA_LIST,
	  .max = CONFIG_PORTS_MAX,
	  .of = &port,
	  .help = "its NICs",
	  .bind = ITEMS_BIND(ITEMS_PORTS) },
	{ .name = "static",
	  .type = SCHEMA_LIST,
	  .max = CONFIG_STATICS_MAX,
	  .of = &static_entry,
	  .help = "addresses whose port is told, not learned",
	  .bind = ITEMS_BIND(ITEMS_STATICS) },
	END_OF_KEYS
};

static const struct schema_object switch_object = { "switch", "An Ethernet switch in software.", switch_keys };

static const struct schema_key log_keys[] = { { .name = "level",
						.type = SCHEMA_ENUM,
						.choices = WORDS("error", "warn", "info", "debug"),
						.fallback = "info",
						.help = "the least important line that is written",
						.bind = BIND(config, log_level) },
					      END_OF_KEYS };

static const struct schema_object log_object = { "log", "What is written about events.", log_keys };

static const struct schema_key config_keys[] = {
	{ .name = "version", .type = SCHEMA_INT, .required = true, .min = 1, .max = 1, .help = "of this format" },
	{ .name = "processors",
	  .type = SCHEMA_OBJECT,
	  .of = &processors,
	  .help = "who does the work",
	  .bind = BIND(config, processors) },
	{ .name = "adapters",
	  .type = SCHEMA_LIST,
	  .max = CONFIG_ADAPTERS_MAX,
	  .of = &adapter,
	  .help = "the NICs that lead out of the host",
	  .bind = ITEMS_BIND(ITEMS_ADAPTERS) },
	{ .name = "switches",
	  .type = SCHEMA_LIST,
	  .max = CONFIG_SWITCHES_MAX,
	  .of = &switch_object,
	  .help = "the switches with their ports",
	  .bind = ITEMS_BIND(ITEMS_SWITCHES) },
	{ .name = "log",
	  .type = SCHEMA_OBJECT,
	  .of = &log_object,
	  .help = "what is written about events",
	  .bind = &(const struct config_bind){ .size = sizeof(struct config) } },
	NOT_OFFERED("teams", SCHEMA_LIST, "several NICs as one"),
	NOT_OFFERED("rdma", SCHEMA_OBJECT, "RDMA on a port"),
	NOT_OFFERED("ipsec", SCHEMA_OBJECT, "IPsec policies and associations"),
	NOT_OFFERED("vms", SCHEMA_LIST, "the VMs that migrate"),
	NOT_OFFERED("fleet", SCHEMA_OBJECT, "the other hosts"),
	NOT_OFFERED("web", SCHEMA_OBJECT, "the dashboard"),
	END_OF_KEYS
};

const struct schema_object schema_config = { "configuration", "The whole file.", config_keys };
