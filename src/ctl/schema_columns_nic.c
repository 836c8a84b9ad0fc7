/* schema_columns_nic.c - the keys of results about offloads: virtual functions, VM queues, RSS, vRSS, checksums; see schema_columns.h. */
#include "ctl/schema_columns.h"
#include "ctl/schema_words.h"

static const char *const backings[] = { "software", "hardware", NULL };
static const char *const profiles[] = { RSS_PROFILE_WORDS, NULL };
static const char *const hash_types[] = { HASH_TYPE_WORDS, NULL };
static const char *const schedulings[] = { SCHEDULING_WORDS, NULL };

static const char *const link_states[] = { "up", "down", NULL };
static const char *const paths[] = { "vf", "vf-switched", "synthetic", NULL };
static const char *const models[] = { VF_MODEL_WORDS, NULL };
static const char *const doorbells[] = { "mapped", "trapped", NULL };
static const char *const on_policies[] = { "switch", "refuse", "bypass", NULL };

#define VF_KEYS                                                                                                    \
	{ "id", SCHEMA_INT, .help = "its number among its adapter's" },                                            \
		{ "adapter", SCHEMA_NAME, .help = "the adapter that it is a function of" },                        \
		{ "port", SCHEMA_NAME, .help = "the port of the switch that it is" },                              \
		{ "socket", SCHEMA_STRING, .help = "the socket between QEMU and the daemon" },                     \
		{ "backing", SCHEMA_ENUM, .choices = backings, .help = "who it is: the NIC, or the daemon" },      \
		{ "migratable", SCHEMA_STRING, .help = "yes, or no and why" },                                     \
		{ "path", SCHEMA_ENUM, .choices = paths,                                                           \
		  .help = "vf: its frames bypass the switch; vf-switched: they go through it; synthetic: its "     \
			  "standby receives" },                                                                    \
		{ "state", SCHEMA_STRING, .help = "up, or why not: no client, waiting, broken and how" },          \
		{ "mac", SCHEMA_MAC, .help = "its address, as its driver has it" },                                \
		{ "vlan", SCHEMA_INT, .help = "the VLAN of its frames; 0: none" },                                 \
		{ "queues", SCHEMA_INT, .help = "queue pairs that it has" },                                       \
		{ "link", SCHEMA_ENUM, .choices = link_states, .help = "what its guest is shown, as configured" }, \
		{ "trust", SCHEMA_BOOL, .help = "its guest may change its address and be promiscuous" },           \
		{ "spoof_check", SCHEMA_BOOL, .help = "frames with another source address are dropped" },          \
		{ "rate_mbps", SCHEMA_INT, .unit = "Mb/s", .help = "the most that it may send; 0: no cap" },       \
		{ "rx_packets", SCHEMA_INT, .unit = "packets", .help = "that its guest received" },                \
	{                                                                                                          \
		"tx_packets", SCHEMA_INT, .unit = "packets", .help = "that its guest sent"                         \
	}

const struct schema_key vf_columns[] = { VF_KEYS, { NULL } };

const struct schema_key vf_details[] = {
	VF_KEYS,
	{ "switched_because", SCHEMA_STRING, .help = "why it does not bypass the switch; null: it does" },
	{ "on_policy", SCHEMA_ENUM, .choices = on_policies, .help = "what a policy that needs the switch does" },
	{ "model", SCHEMA_ENUM, .choices = models, .help = "the device that its guest finds" },
	{ "doorbell", SCHEMA_ENUM, .choices = doorbells, .help = "how its guest's doorbells are seen" },
	{ "ipsec_offload", SCHEMA_BOOL, .help = "its driver is offered IPsec by the NIC" },
	{ "mtu", SCHEMA_INT, .unit = "bytes", .help = "largest packet without its Ethernet header" },
	{ "standby", SCHEMA_STRING, .help = "socket of the vhost device beside it; null: there is none" },
	{ "mailbox_api", SCHEMA_STRING, .help = "that its driver speaks, as 1.7; null: it has not said" },
	{ "rx_rings", SCHEMA_INT, .help = "receive rings that run" },
	{ "tx_rings", SCHEMA_INT, .help = "transmit rings that run" },
	{ "max_frame", SCHEMA_INT, .unit = "bytes", .help = "that its driver takes, without FCS" },
	{ "interrupts", SCHEMA_INT, .unit = "times", .help = "that its guest was interrupted" },
	{ "messages", SCHEMA_INT, .help = "that its driver sent by the mailbox" },
	{ "resets", SCHEMA_INT, .unit = "times", .help = "that its driver, or the guest, reset it" },
	{ "traps", SCHEMA_INT, .unit = "times", .help = "that its guest waited for an access to a register" },
	{ "memory", SCHEMA_INT, .unit = "bytes", .help = "of the guest, mapped into the daemon" },
	{ "memory_regions", SCHEMA_INT, .help = "pieces that it consists of" },
	{ "clients", SCHEMA_INT, .unit = "times", .help = "that a QEMU connected, since the port was made" },
	{ "fault", SCHEMA_STRING, .help = "how its driver broke a rule; null: it did not" },
	{ "last_error", SCHEMA_STRING, .help = "why the last connection was cut off; null: it was not" },
	{ NULL },
};

#define BALANCE_KEYS                                                                                                \
	{ "high_percent", SCHEMA_INT, .unit = "%", .help = "a processor above it is overloaded: queues leave it" }, \
		{ "low_percent", SCHEMA_INT, .unit = "%", .help = "packing fills processors up to it" },            \
		{ "within_percent", SCHEMA_INT, .unit = "%", .help = "balanced: processors lie so close" },         \
		{ "gain_percent", SCHEMA_INT, .unit = "%", .help = "what a move must gain at least" },              \
		{ "rest_ms", SCHEMA_INT, .unit = "ms", .help = "a queue that moved stays so long" },                \
		{ "period_ms", SCHEMA_INT, .unit = "ms", .help = "time between two looks at the load" },            \
	{                                                                                                           \
		"samples", SCHEMA_INT, .unit = "looks", .help = "so many in a row must agree before a queue moves"  \
	}

const struct schema_key vmq_columns[] = {
	{ "queue", SCHEMA_INT, .help = "number of the queue, as in `queue list`" },
	{ "port", SCHEMA_NAME, .help = "the port that it is for; null: the adapter's default queue" },
	{ "mac", SCHEMA_MAC, .help = "address of its receive filter; null: whatever no filter takes" },
	{ "vlan", SCHEMA_INT, .help = "VLAN of its receive filter; 0: untagged; null: any" },
	{ "processor", SCHEMA_INT, .help = "the one processor that serves it now" },
	{ "dynamic", SCHEMA_BOOL, .help = "moved by load" },
	{ NULL },
};

const struct schema_key vmq_details[] = {
	{ "adapter", SCHEMA_NAME, .help = "the adapter" },
	{ "enabled", SCHEMA_BOOL, .help = "as configured" },
	{ "operational", SCHEMA_BOOL, .help = "in effect now" },
	{ "reason", SCHEMA_STRING, .help = "why not, when it is not in effect; else empty" },
	{ "backing", SCHEMA_ENUM, .choices = backings, .help = "who filters: the NIC, or the front end" },
	{ "queues", SCHEMA_INT, .help = "VM queues that the adapter has, beside the default queue" },
	{ "queues_used", SCHEMA_INT, .help = "VM queues that have a port" },
	{ "base_processor", SCHEMA_INT, .help = "first processor that may serve them" },
	{ "max_processors", SCHEMA_INT, .help = "how many processors may serve them" },
	{ "processors", SCHEMA_LIST, SCHEMA_INT, .help = "the processors that follow from these" },
	{ "max_processor", SCHEMA_INT, .help = "highest number of a processor that may serve them" },
	{ "dynamic", SCHEMA_BOOL, .help = "queues are moved by load, as configured" },
	{ "dynamic_operational", SCHEMA_BOOL, .help = "in effect now" },
	{ "dynamic_reason", SCHEMA_STRING, .help = "why not, when it is not in effect; else empty" },
	{ "moves", SCHEMA_INT, .unit = "times",
	  .help = "times that a queue of the adapter or its ports changed its processor" },
	{ "unsplittable", SCHEMA_LIST, SCHEMA_STRING,
	  .help = "queues that fill a processor by themselves: no move helps them" },
	BALANCE_KEYS,
	{ NULL },
};

const struct schema_key watch_columns[] = {
	{ "serial", SCHEMA_INT,
	  .help = "number of the event; gaps: older ones are forgotten, or were another adapter's" },
	{ "at", SCHEMA_STRING, .help = "when, UTC" },
	{ "adapter", SCHEMA_NAME, .help = "the adapter; null: moved by hand" },
	{ "port", SCHEMA_NAME, .help = "the port, or the adapter for a queue of its own" },
	{ "queue", SCHEMA_INT, .help = "number of the queue, as in `queue list`" },
	{ "index", SCHEMA_INT, .help = "its number within the port" },
	{ "from", SCHEMA_INT, .help = "the processor that it left" },
	{ "to", SCHEMA_INT, .help = "the processor that serves it now; the same when it was not moved" },
	{ "why", SCHEMA_STRING, .help = "a word for the reason" },
	{ "means", SCHEMA_STRING, .help = "the reason in words" },
	{ "from_before", SCHEMA_INT, .unit = "%",
	  .help = "what the one had to do; 0 in all four: nothing was sampled" },
	{ "from_after", SCHEMA_INT, .unit = "%", .help = "what it is expected to have to do" },
	{ "to_before", SCHEMA_INT, .unit = "%", .help = "what the other had to do" },
	{ "to_after", SCHEMA_INT, .unit = "%", .help = "what it is expected to have to do" },
	{ NULL },
};

#define STATE_KEYS                                                                                                    \
	{ "enabled", SCHEMA_BOOL, .help = "as configured" }, { "operational", SCHEMA_BOOL, .help = "in effect now" }, \
	{                                                                                                             \
		"reason", SCHEMA_STRING, .help = "why not, when it is not in effect; else empty"                      \
	}

#define RSS_KEYS                                                                                            \
	{ "base_processor", SCHEMA_INT, .help = "first processor that may serve it" },                      \
		{ "max_processors", SCHEMA_INT, .help = "how many processors may serve it" },               \
		{ "max_processor", SCHEMA_INT, .help = "highest number of a processor that may serve it" }, \
		{ "queues", SCHEMA_INT, .help = "receive queues" },                                         \
	{                                                                                                   \
		"profile", SCHEMA_ENUM, .choices = profiles, .help = "which processors serve its queues"    \
	}

const struct schema_key rss_columns[] = {
	{ "adapter", SCHEMA_NAME, .help = "the adapter" },
	RSS_KEYS,
	STATE_KEYS,
	{ NULL },
};

const struct schema_key rss_details[] = {
	{ "adapter", SCHEMA_NAME, .help = "the adapter" },
	STATE_KEYS,
	{ "backing", SCHEMA_ENUM, .choices = backings, .help = "who hashes: the NIC, or the front end" },
	{ "key", SCHEMA_STRING, .help = "of the hash, 40 bytes in hexadecimal" },
	{ "hash_types", SCHEMA_LIST, SCHEMA_ENUM, .choices = hash_types, .help = "which header fields are hashed" },
	RSS_KEYS,
	{ "dynamic", SCHEMA_BOOL, .help = "the profile follows the load" },
	{ "processors", SCHEMA_LIST, SCHEMA_INT, .help = "the processors that may serve its queues, in order" },
	{ "entries", SCHEMA_INT, .help = "length of the indirection table" },
	{ "indirection", SCHEMA_LIST, SCHEMA_INT,
	  .help = "the processor that serves each entry's queue; empty while it is not in effect" },
	{ NULL },
};

#define VRSS_KEYS                                                                                                 \
	{ "queues", SCHEMA_INT, .help = "queue pairs asked for" },                                                \
		{ "granted", SCHEMA_INT, .help = "of them with a VM queue of their own, filled by the adapter" }, \
		{ "in_table", SCHEMA_INT,                                                                         \
		  .help = "of these, those that its table leads to now: fewer while it is folded" },              \
		{ "running", SCHEMA_INT, .help = "of them in use by the guest" },                                 \
	{                                                                                                         \
		"processors", SCHEMA_LIST, SCHEMA_INT, .help = "the processor of each queue pair"                 \
	}

const struct schema_key vrss_columns[] = {
	{ "port", SCHEMA_NAME, .help = "the port" },
	VRSS_KEYS,
	STATE_KEYS,
	{ NULL },
};

const struct schema_key vrss_details[] = {
	{ "port", SCHEMA_NAME, .help = "the port" },
	STATE_KEYS,
	{ "backing", SCHEMA_ENUM, .choices = backings, .help = "who spreads: the NIC, or our software" },
	{ "offloaded", SCHEMA_BOOL,
	  .help = "VMMQ: frames from the wire are spread before a processor has them; off: by the processor of the VM "
		  "queue" },
	{ "offloaded_reason", SCHEMA_STRING, .help = "why not, when it is not; else empty" },
	VRSS_KEYS,
	{ "min_queues", SCHEMA_INT, .help = "queue pairs that stay in use when there is little to do" },
	{ "scheduling", SCHEMA_ENUM, .choices = schedulings, .help = "whether a balancer moves its queues" },
	{ "exclude_primary", SCHEMA_BOOL, .help = "the first queue pair takes only what cannot be hashed" },
	{ "indirection", SCHEMA_LIST, SCHEMA_INT, .help = "the queue pair that each entry of its table names" },
	{ NULL },
};

#define OFFLOAD_KEYS                                                                                                   \
	{ "adapter", SCHEMA_NAME, .help = "the adapter" },                                                             \
		{ "backing", SCHEMA_ENUM, .choices = backings, .help = "who does it: the NIC, or our software" },      \
		{ "rx_checksum", SCHEMA_BOOL, .help = "the uplink's word on a checksum is passed on, as configured" }, \
		{ "tx_checksum", SCHEMA_BOOL, .help = "checksums are left to the uplink, as configured" },             \
	{                                                                                                              \
		"lso", SCHEMA_BOOL, .help = "large sends are left to the uplink to be cut, as configured"              \
	}

const struct schema_key offload_columns[] = { OFFLOAD_KEYS, { NULL } };

const struct schema_key offload_details[] = {
	OFFLOAD_KEYS,
	{ "lso_operational", SCHEMA_BOOL, .help = "LSO in effect now" },
	{ "lso_reason", SCHEMA_STRING, .help = "why not, when it is not in effect; else empty" },
	{ NULL },
};
