/* schema_columns.c - the keys of the methods' results, in the order of the CLI's tables; see schema_columns.h. */
#include "ctl/schema_columns.h"

#include "ctl/schema_words.h"

static const char *const idle_states[] = { "running", "sleeping", "stopped", NULL };
static const char *const link_states[] = { "up", "down", NULL };
static const char *const backings[] = { "software", "hardware", NULL };
static const char *const adapter_modes[] = { "none", "rss", "vmq", NULL };
static const char *const switch_kinds[] = { "external", "internal", "private", NULL };
static const char *const nic_kinds[] = { "tap", "vhost", "vf", NULL };
static const char *const roles[] = { "server", "client", NULL };
static const char *const paths[] = { "vf", "vf-switched", "synthetic", NULL };
static const char *const vlan_modes[] = { "untagged", "access", "trunk", NULL };
static const char *const moderations[] = { MODERATION_WORDS, NULL };
static const char *const ipsec_states[] = { "none", "software", "hardware", NULL };

#define PROCESSOR_KEYS                                                                                             \
	{ "id", SCHEMA_INT, .help = "number of the processor, from 0" },                                           \
		{ "cpu", SCHEMA_INT, .help = "the CPU that it runs on" },                                          \
		{ "numa", SCHEMA_INT, .help = "NUMA node of that CPU" },                                           \
		{ "emulated", SCHEMA_BOOL,                                                                         \
		  .help = "capped at processors.speed_percent of a core; never a figure for speed" },              \
		{ "busy_percent", SCHEMA_INT, .unit = "%", .help = "time at work, of the time that it may have" }, \
		{ "waiting_percent", SCHEMA_INT, .unit = "%",                                                      \
		  .help = "time in which it had work and was not run (a shared core)" },                           \
		{ "idle_percent", SCHEMA_INT, .unit = "%", .help = "the rest" },                                   \
		{ "queues", SCHEMA_LIST, SCHEMA_INT, .help = "queues that it serves" },                            \
		{ "wakeups", SCHEMA_INT, .unit = "times",                                                          \
		  .help = "times that it was woken from sleep (its interrupts)" },                                 \
	{                                                                                                          \
		"packets", SCHEMA_INT, .unit = "packets", .help = "frames that it took from its queues"            \
	}

const struct schema_key processor_columns[] = { PROCESSOR_KEYS, { NULL } };

const struct schema_key processor_details[] = {
	PROCESSOR_KEYS,
	{ "wakeups_per_second", SCHEMA_INT, .unit = "times", .help = "that it was woken, lately" },
	{ "packets_per_wakeup", SCHEMA_INT, .unit = "packets",
	  .help = "that it took for each time, rounded; null: it was never woken" },
	{ NULL },
};

#define QUEUE_KEYS                                                                                         \
	{ "id", SCHEMA_INT, .help = "number of the queue" },                                               \
		{ "vport", SCHEMA_STRING, .help = "virtual port of the NIC switch that owns it" },         \
		{ "port", SCHEMA_STRING, .help = "switch port behind it; null for a default queue" },      \
		{ "index", SCHEMA_INT, .help = "its number within the vport" },                            \
		{ "processor", SCHEMA_INT, .help = "the one processor that serves it now" },               \
		{ "state", SCHEMA_ENUM, .choices = idle_states,                                            \
		  .help = "whether its processor polls it or sleeps on it" },                              \
		{ "busy_percent", SCHEMA_INT, .unit = "%",                                                 \
		  .help = "its part of its processor's time at work; null: it came there just now" },      \
		{ "packets", SCHEMA_INT, .unit = "packets", .help = "frames taken from it" },              \
		{ "bytes", SCHEMA_INT, .unit = "bytes", .help = "bytes of these frames" },                 \
		{ "drops", SCHEMA_INT, .unit = "packets", .help = "frames that it lost, all reasons" },    \
		{ "moved", SCHEMA_INT, .unit = "times", .help = "times that it changed its processor" },   \
		{ "interrupts", SCHEMA_INT, .unit = "times", .help = "times that it woke its processor" }, \
	{                                                                                                  \
		"pinned", SCHEMA_BOOL, .help = "no load moves it; `queue move` does"                       \
	}

const struct schema_key queue_columns[] = { QUEUE_KEYS, { NULL } };

const struct schema_key queue_details[] = {
	QUEUE_KEYS,
	{ "packets_per_interrupt", SCHEMA_INT, .unit = "packets",
	  .help = "frames taken for each of them, rounded; null: there was none" },
	{ "guest_interrupts", SCHEMA_INT, .unit = "times",
	  .help = "times that its guest was interrupted for this queue pair; null: no vhost NIC" },
	{ NULL },
};

#define ADAPTER_KEYS                                                                                              \
	{ "name", SCHEMA_NAME, .help = "the adapter" },                                                           \
		{ "uplink", SCHEMA_STRING, .help = "what it stands on, as in the configuration" },                \
		{ "mode", SCHEMA_ENUM, .choices = adapter_modes, .help = "how received frames are spread" },      \
		{ "backing", SCHEMA_ENUM, .choices = backings,                                                    \
		  .help = "who filters and hashes: the NIC, or the front end" },                                  \
		{ "state", SCHEMA_ENUM, .choices = link_states, .help = "its link" },                             \
		{ "speed_mbps", SCHEMA_INT, .unit = "Mb/s", .help = "speed of the link; 0: unknown" },            \
		{ "mtu", SCHEMA_INT, .unit = "bytes", .help = "largest packet without its Ethernet header" },     \
		{ "mac", SCHEMA_MAC, .help = "its own address" },                                                 \
		{ "switch", SCHEMA_NAME, .help = "the switch on it; null for none" },                             \
		{ "queues", SCHEMA_INT, .help = "VM queues beside the default queue; mode rss: receive queues" }, \
		{ "queues_used", SCHEMA_INT,                                                                      \
		  .help = "VM queues that have a port; mode rss: that frames are hashed over" },                  \
		{ "rx_packets", SCHEMA_INT, .unit = "packets", .help = "received from the wire" },                \
		{ "rx_bytes", SCHEMA_INT, .unit = "bytes", .help = "received from the wire" },                    \
		{ "tx_packets", SCHEMA_INT, .unit = "packets", .help = "sent to the wire" },                      \
		{ "tx_bytes", SCHEMA_INT, .unit = "bytes", .help = "sent to the wire" },                          \
	{                                                                                                         \
		"drops", SCHEMA_INT, .unit = "packets", .help = "all reasons"                                     \
	}

const struct schema_key adapter_columns[] = { ADAPTER_KEYS, { NULL } };

const struct schema_key adapter_details[] = {
	ADAPTER_KEYS,
	{ "driver", SCHEMA_STRING, .help = "DPDK driver of the uplink" },
	{ "front_end_thread", SCHEMA_BOOL, .help = "a thread of its own does what the NIC's silicon would" },
	{ "front_end_percent", SCHEMA_INT, .unit = "%",
	  .help = "the front end's time at work, of a core; null: it is its processor's" },
	{ "front_end_packets", SCHEMA_INT, .unit = "packets",
	  .help = "delivered by the front end itself: the first after silence, whose processor slept" },
	{ "base_processor", SCHEMA_INT, .help = "first processor for its queues" },
	{ "max_processors", SCHEMA_INT, .help = "how many processors they may use" },
	{ "dynamic", SCHEMA_BOOL, .help = "queues are moved by load" },
	{ NULL },
};

#define SWITCH_KEYS                                                                                            \
	{ "name", SCHEMA_NAME, .help = "the switch" },                                                         \
		{ "kind", SCHEMA_ENUM, .choices = switch_kinds, .help = "who is on it beside the VMs" },       \
		{ "uplink", SCHEMA_NAME, .help = "its adapter; null for none" },                               \
		{ "ports", SCHEMA_INT, .help = "number of its ports" },                                        \
		{ "fdb_used", SCHEMA_INT, .unit = "entries", .help = "addresses in its MAC table" },           \
		{ "fdb_entries", SCHEMA_INT, .unit = "entries", .help = "addresses that fit" },                \
		{ "fdb_full", SCHEMA_INT, .unit = "times",                                                     \
		  .help = "times that an address was not learned because the table was full" },                \
	{                                                                                                      \
		"ageing_s", SCHEMA_INT, .unit = "s",                                                           \
					.help = "a learned address that is not heard for so long is forgotten" \
	}

const struct schema_key switch_columns[] = { SWITCH_KEYS, { NULL } };

static const struct schema_key fdb_keys[] = {
	{ "mac", SCHEMA_MAC, .help = "the station" },
	{ "vlan", SCHEMA_INT, .help = "its VLAN; 0: untagged" },
	{ "port", SCHEMA_NAME, .help = "where it is: a port, or the adapter" },
	{ "static", SCHEMA_BOOL, .help = "from the configuration; not learned, does not age" },
	{ "age_s", SCHEMA_INT, .unit = "s", .help = "since its last frame; 0 for a static one" },
	{ NULL },
};
static const struct schema_object fdb_entry = { "fdb entry", "one station of the MAC table", fdb_keys };

const struct schema_key switch_details[] = {
	SWITCH_KEYS,
	{ "fdb", SCHEMA_LIST, SCHEMA_OBJECT, .of = &fdb_entry, .help = "the MAC table, at most --limit entries" },
	{ NULL },
};

#define PORT_KEYS                                                                                                    \
	{ "name", SCHEMA_NAME, .help = "the port" }, { "switch", SCHEMA_NAME, .help = "its switch" },                \
		{ "nic", SCHEMA_ENUM, .choices = nic_kinds, .help = "what is plugged in" },                          \
		{ "path", SCHEMA_ENUM, .choices = paths,                                                             \
		  .help = "the way of its frames: vf, vf-switched or synthetic" },                                   \
		{ "state", SCHEMA_STRING,                                                                            \
		  .help = "its link: up, down, unknown, or gone: the interface was deleted, and is made again once " \
			  "it can be; of a vhost NIC up, no front end, waiting for the driver, or broken with the "  \
			  "reason" },                                                                                \
		{ "mac", SCHEMA_MAC, .help = "its address; null until one is known" },                               \
		{ "vlan", SCHEMA_INT, .help = "access or native VLAN; 0: untagged" },                                \
		{ "vlan_mode", SCHEMA_ENUM, .choices = vlan_modes, .help = "which frames carry a tag here" },        \
		{ "queues", SCHEMA_INT, .help = "number of its queues" },                                            \
		{ "rx_packets", SCHEMA_INT, .unit = "packets", .help = "that it received" },                         \
		{ "rx_bytes", SCHEMA_INT, .unit = "bytes", .help = "that it received" },                             \
		{ "tx_packets", SCHEMA_INT, .unit = "packets", .help = "that it sent" },                             \
		{ "tx_bytes", SCHEMA_INT, .unit = "bytes", .help = "that it sent" },                                 \
		{ "drops", SCHEMA_INT, .unit = "packets",                                                            \
		  .help = "all reasons; `fairlead drops PORT` tells them apart" },                                   \
	{                                                                                                            \
		"ipsec", SCHEMA_ENUM, .choices = ipsec_states, .help = "who does its IPsec"                          \
	}

const struct schema_key port_columns[] = { PORT_KEYS, { NULL } };

static const struct schema_key guest_keys[] = {
	{ "socket", SCHEMA_STRING, .help = "the socket between the front end (QEMU) and the daemon" },
	{ "role", SCHEMA_ENUM, .choices = roles, .help = "server: the front end connects; client: the daemon does" },
	{ "queues_running", SCHEMA_INT, .help = "queue pairs that its driver has set up" },
	{ "mtu", SCHEMA_INT, .unit = "bytes", .help = "in force: what the front end says, within the port's" },
	{ "features", SCHEMA_LIST, SCHEMA_STRING,
	  .help = "what its driver and the daemon agreed on (virtio 1.2, 5.1.3 and 6)" },
	{ "protocol_features", SCHEMA_LIST, SCHEMA_STRING,
	  .help = "what the front end and the daemon agreed on (vhost-user)" },
	{ "memory", SCHEMA_INT, .unit = "bytes", .help = "of the guest, mapped into the daemon" },
	{ "memory_regions", SCHEMA_INT, .help = "pieces that it consists of" },
	{ "dirty_log", SCHEMA_BOOL, .help = "a migration is told what the daemon writes into it" },
	{ "interrupts", SCHEMA_INT, .unit = "times", .help = "that it was interrupted" },
	{ "rx_interrupts", SCHEMA_LIST, SCHEMA_INT, .unit = "times",
	  .help = "of them, those that told of what it received, by each of its queues" },
	{ "tx_interrupts", SCHEMA_LIST, SCHEMA_INT, .unit = "times",
	  .help = "of them, those that gave back what it had sent, by each of its queues" },
	{ "packets_per_interrupt", SCHEMA_INT, .unit = "packets",
	  .help = "that it received or sent for each interrupt, rounded; null: there was none" },
	{ "front_ends", SCHEMA_INT, .unit = "times", .help = "that one connected, since the port was made" },
	{ "fault", SCHEMA_STRING, .help = "how its driver broke a queue; null: it did not" },
	{ "last_error", SCHEMA_STRING,
	  .help = "why the last connection was cut off, or there is none yet; null: there is nothing to tell" },
	{ NULL },
};
static const struct schema_object guest = { "guest", "what is behind a vhost NIC", guest_keys };

const struct schema_key port_details[] = {
	PORT_KEYS,
	{ "interface", SCHEMA_STRING, .help = "name of the network interface; null: it is not one" },
	{ "netns", SCHEMA_STRING, .help = "network namespace of the interface; empty: the daemon's own" },
	{ "mtu", SCHEMA_INT, .unit = "bytes", .help = "largest packet without its Ethernet header" },
	{ "vlan_allowed", SCHEMA_STRING, .help = "VLANs of a trunk, as 10,20-30" },
	{ "vmq_weight", SCHEMA_INT, .help = "importance when VM queues are handed out; 0: none for this port" },
	{ "spoof_check", SCHEMA_BOOL, .help = "frames with another source address are dropped" },
	{ "interrupt_moderation", SCHEMA_ENUM, .choices = moderations,
	  .help = "how interrupts of a vhost NIC's guest are held back; null for others" },
	{ "delivered", SCHEMA_LIST, SCHEMA_INT, .unit = "packets", .help = "that it received by each of its queues" },
	{ "guest", SCHEMA_OBJECT, .of = &guest, .help = "what is behind a vhost NIC; null for others" },
	{ NULL },
};

const struct schema_key qemu_details[] = {
	{ "port", SCHEMA_NAME, .help = "the port" },
	{ "text", SCHEMA_STRING, .help = "to be pasted: options with a backslash at the end of each line, or XML" },
	{ "args", SCHEMA_LIST, SCHEMA_STRING, .help = "the options, each word by itself; none for libvirt" },
	{ NULL },
};

const struct schema_key drop_columns[] = {
	{ "port", SCHEMA_NAME, .help = "the port that the frames are booked on, or the adapter" },
	{ "reason", SCHEMA_STRING, .help = "name of the reason" },
	{ "count", SCHEMA_INT, .unit = "packets", .help = "frames since the daemon started" },
	{ "means", SCHEMA_STRING, .help = "the reason in words" },
	{ NULL },
};

#define BOOK_KEYS(what_offered, what_copies, what_delivered, what_dropped)                                      \
	{ "offered", SCHEMA_INT, .unit = "packets", .help = what_offered },                                     \
		{ "copies", SCHEMA_INT, .unit = "packets", .help = what_copies },                               \
		{ "delivered", SCHEMA_INT, .unit = "packets", .help = what_delivered },                         \
		{ "dropped", SCHEMA_INT, .unit = "packets", .help = what_dropped },                             \
		{ "held", SCHEMA_INT, .unit = "packets", .help = "on their way while the counters were read" }, \
	{                                                                                                       \
		"balanced", SCHEMA_BOOL,                                                                        \
			.help = "offered + copies = delivered + dropped + held, each from counters of its own"  \
	}

static const struct schema_key port_books[] = {
	{ "port", SCHEMA_NAME, .help = "the port, or the adapter" },
	BOOK_KEYS("frames that it sent, and frames that were meant for it", "copies that flooding made of what it sent",
		  "frames and copies that it sent and that were passed on, and frames that it received",
		  "frames that it sent, or that were meant for it, and that ended here, all reasons"),
	{ NULL },
};
static const struct schema_object port_book = { "books", "the books of one port", port_books };

const struct schema_key book_details[] = {
	{ "port", SCHEMA_NAME, .help = "the port asked for; null: these are the totals of the host" },
	BOOK_KEYS("frames that were sent by anybody; of a port: and those that were meant for it",
		  "copies that flooding made of them",
		  "frames and copies that reached a receiver; of a port: and what it sent and was passed on",
		  "frames and copies that did not, all reasons"),
	{ "ports", SCHEMA_LIST, SCHEMA_OBJECT, .of = &port_book,
	  .help = "each port's books; empty when one was asked for" },
	{ NULL },
};

static const struct schema_key mistake_keys[] = {
	{ "line", SCHEMA_INT, .help = "counted from 1; 0: unknown" },
	{ "column", SCHEMA_INT, .help = "counted from 1; 0: unknown" },
	{ "message", SCHEMA_STRING, .help = "what is wrong" },
	{ "hint", SCHEMA_STRING, .help = "what to do; may be empty" },
	{ "path", SCHEMA_STRING, .help = "the key, as switches[0].ports[2].vlan.id; may be empty" },
	{ NULL },
};
static const struct schema_object mistake = { "mistake", "one mistake of the file", mistake_keys };

const struct schema_key check_details[] = {
	{ "file", SCHEMA_STRING, .help = "the file" },
	{ "valid", SCHEMA_BOOL, .help = "without a mistake" },
	{ "mistakes", SCHEMA_LIST, SCHEMA_OBJECT, .of = &mistake, .help = "in the order of the file, 100 at most" },
	{ NULL },
};

const struct schema_key apply_details[] = {
	{ "changed", SCHEMA_BOOL, .help = "off: the daemon ran with this already" },
	{ "steps", SCHEMA_LIST, SCHEMA_STRING, .help = "what was done, one sentence each" },
	{ "confirm_s", SCHEMA_INT, .unit = "s", .help = "taken back after so long without a confirmation; 0: stays" },
	{ NULL },
};

const struct schema_key config_details[] = {
	{ "text", SCHEMA_STRING, .help = "the running configuration as YAML; secrets as (set), defaults left out" },
	{ "file", SCHEMA_STRING, .help = "the file that the daemon was started with" },
	{ "drift", SCHEMA_LIST, SCHEMA_STRING,
	  .help = "where the running one differs from that file, one sentence each" },
	{ "confirm_s", SCHEMA_INT, .unit = "s",
	  .help = "what runs is taken back after so long without a confirmation; 0: it stays" },
	{ NULL },
};

const struct schema_key save_details[] = {
	{ "file", SCHEMA_STRING,
	  .help = "the file that was written: as it was applied, or without comments after `port set` and the like" },
	{ "changed", SCHEMA_BOOL, .help = "off: the file said this already" },
	{ NULL },
};

#define CHANGED_KEY                                                      \
	{                                                                \
		"changed", SCHEMA_BOOL, .help = "off: it was so already" \
	}

const struct schema_key port_changed[] = {
	{ "port", SCHEMA_NAME, .help = "the port" },
	CHANGED_KEY,
	{ "made_anew", SCHEMA_BOOL,
	  .help = "on: another port of this name took its place; its guest has to connect again, or set its interface "
		  "up again" },
	{ NULL },
};

const struct schema_key adapter_changed[] = {
	{ "adapter", SCHEMA_NAME, .help = "the adapter" },
	CHANGED_KEY,
	{ NULL },
};

const struct schema_key queue_changed[] = {
	{ "queue", SCHEMA_INT, .help = "the queue" },
	{ "processor", SCHEMA_INT, .help = "the processor that serves it now" },
	CHANGED_KEY,
	{ NULL },
};

const struct schema_key pin_changed[] = {
	{ "queue", SCHEMA_INT, .help = "the queue" },
	{ "pinned", SCHEMA_BOOL, .help = "no load moves it" },
	CHANGED_KEY,
	{ NULL },
};
