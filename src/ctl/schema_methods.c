/* schema_methods.c - the RPC methods, which are the CLI's commands too; see schema.h. */
#include "ctl/schema_columns.h"

#include <errno.h>
#include <string.h>

#include "ctl/config.h"
#include "ctl/schema_words.h"

static const char *const qemu_formats[] = { "qemu", "libvirt", NULL };
static const char *const profiles[] = { RSS_PROFILE_WORDS, NULL };
static const char *const hash_types[] = { HASH_TYPE_WORDS, NULL };
static const char *const schedulings[] = { SCHEDULING_WORDS, NULL };
static const char *const moderations[] = { MODERATION_WORDS, NULL };
static const char *const shells[] = { "bash", "zsh", NULL };

/* The limit on --limit keeps an answer under RPC_OUT_MAX: 65536 stations are about 7 MiB of JSON. */
#define FDB_LIMIT_MAX 65536

static const struct schema_key processor_name[] = {
	{ "processor", SCHEMA_INT, .required = true, .max = CONFIG_CPUS_MAX - 1, .help = "number of the processor" },
	{ NULL },
};

#define QUEUE_ID                                                                                                       \
	{                                                                                                              \
		"queue", SCHEMA_INT, .required = true, .max = 65535, .help = "number of the queue, as in `queue list`" \
	}

static const struct schema_key queue_name[] = { QUEUE_ID, { NULL } };

static const struct schema_key queue_move[] = {
	QUEUE_ID,
	{ "processor", SCHEMA_INT, .required = true, .max = CONFIG_CPUS_MAX - 1,
	  .help = "the processor that shall serve it" },
	{ NULL },
};

static const struct schema_key switch_show[] = {
	{ "switch", SCHEMA_NAME, .required = true, .help = "name of the switch" },
	{ "limit", SCHEMA_INT, .max = FDB_LIMIT_MAX, .fallback = "4096",
	  .help = "at most so many entries of the MAC table" },
	{ NULL },
};

#define PORT_NAME                                                                 \
	{                                                                         \
		"port", SCHEMA_NAME, .required = true, .help = "name of the port" \
	}

static const struct schema_key port_name[] = { PORT_NAME, { NULL } };

static const struct schema_key port_qemu_args[] = {
	PORT_NAME,
	{ "format", SCHEMA_ENUM, .choices = qemu_formats, .fallback = "qemu",
	  .help = "QEMU's options, or libvirt's XML" },
	{ "memory", SCHEMA_INT, .min = 1, .max = 1 << 30, .unit = "MiB", .fallback = "1024",
	  .help = "memory of the guest, which it shares with the daemon" },
	{ "reconnect_ms", SCHEMA_BOOL, .fallback = "off",
	  .help = "for QEMU from 9.2 on, which 11 needs: reconnect-ms in place of reconnect" },
	{ NULL },
};

static const struct schema_key port_set[] = {
	PORT_NAME,
	{ "vlan", SCHEMA_INT, .min = 1, .max = 4094,
	  .help = "its access VLAN: 802.1Q, 9.6 keeps 0 and 4095 for itself" },
	{ "untagged", SCHEMA_BOOL, .fallback = "off", .help = "no VLAN any more" },
	{ "mac", SCHEMA_MAC, .help = "its address" },
	{ "mtu", SCHEMA_INT, .min = 68, .max = 9216, .unit = "bytes",
	  .help = "largest packet without its Ethernet header" },
	{ "vmq_weight", SCHEMA_INT, .max = 100, .help = "importance when VM queues are handed out; 0: none" },
	{ "spoof_check", SCHEMA_BOOL, .help = "drop frames with another source address" },
	{ "interrupt_moderation", SCHEMA_ENUM, .choices = moderations,
	  .help = "how far its guest's interrupts are held back to be fewer" },
	{ NULL },
};

static const struct schema_key vf_set[] = {
	PORT_NAME,
	{ "mac", SCHEMA_MAC, .help = "its address; its driver takes it at the reset that it is told to do" },
	{ "vlan", SCHEMA_INT, .min = 1, .max = 4094,
	  .help = "the VLAN of its frames, whose tag the guest never sees: 802.1Q, 9.6 keeps 0 and 4095 for itself" },
	{ "untagged", SCHEMA_BOOL, .fallback = "off", .help = "no VLAN any more" },
	{ "rate_mbps", SCHEMA_INT, .max = CONFIG_VF_RATE, .unit = "Mb/s",
	  .help = "the most that it may send; 0: no cap" },
	{ "spoof_check", SCHEMA_BOOL, .help = "drop frames with another source address" },
	{ "trust", SCHEMA_BOOL, .help = "its guest may change its address and be promiscuous" },
	{ "link", SCHEMA_BOOL, .help = "off: its guest sees its link down" },
	{ "mtu", SCHEMA_INT, .min = 68, .max = 9216, .unit = "bytes",
	  .help = "largest packet without its Ethernet header" },
	{ NULL },
};

static const struct schema_key some_port[] = {
	{ "port", SCHEMA_NAME, .help = "only this port, or this adapter" },
	{ NULL },
};

#define ADAPTER_NAME                                                                    \
	{                                                                               \
		"adapter", SCHEMA_NAME, .required = true, .help = "name of the adapter" \
	}

static const struct schema_key adapter_name[] = { ADAPTER_NAME, { NULL } };

#define PROCESSOR_KEYS(queues_help)                                                                     \
	{ "queues", SCHEMA_INT, .min = 1, .max = 256, .help = queues_help },                            \
		{ "base_processor", SCHEMA_INT, .max = CONFIG_CPUS_MAX - 1,                             \
		  .help = "first processor that may serve its queues" },                                \
		{ "max_processors", SCHEMA_INT, .min = 1, .max = CONFIG_CPUS_MAX,                       \
		  .help = "how many processors may serve them" },                                       \
	{                                                                                               \
		"max_processor", SCHEMA_INT, .max = CONFIG_CPUS_MAX - 1,                                \
					     .help = "number of the last processor that may serve them" \
	}

static const struct schema_key vmq_set[] = {
	ADAPTER_NAME,
	PROCESSOR_KEYS("VM queues beside the default queue"),
	{ "dynamic", SCHEMA_BOOL, .help = "a balancer moves them by load" },
	{ "high_percent", SCHEMA_INT, .min = 1, .max = 100, .unit = "%",
	  .help = "a processor above it is overloaded: queues leave it" },
	{ "low_percent", SCHEMA_INT, .max = 99, .unit = "%",
	  .help = "when all work fits on fewer processors below it, queues go back to these; 0: never" },
	{ "within_percent", SCHEMA_INT, .min = 1, .max = 100, .unit = "%",
	  .help = "balanced: the fullest and the emptiest processor lie so close" },
	{ "gain_percent", SCHEMA_INT, .min = 1, .max = 100, .unit = "%", .help = "what a move must gain at least" },
	{ "rest_ms", SCHEMA_INT, .max = 3600000, .unit = "ms", .help = "a queue that moved stays so long" },
	{ "period_ms", SCHEMA_INT, .min = 5, .max = 10000, .unit = "ms", .help = "time between two looks at the load" },
	{ "samples", SCHEMA_INT, .min = 1, .max = 100, .unit = "looks",
	  .help = "so many in a row must agree before a queue moves" },
	{ NULL },
};

static const struct schema_key vmq_watch[] = {
	{ "adapter", SCHEMA_NAME, .help = "only this adapter's queues" },
	{ "since", SCHEMA_INT, .max = INT64_MAX, .fallback = "0", .help = "only what came after this number" },
	{ NULL },
};

static const struct schema_key rss_set[] = {
	ADAPTER_NAME,
	PROCESSOR_KEYS("receive queues"),
	{ "profile", SCHEMA_ENUM, .choices = profiles, .help = "which processors serve its queues" },
	{ "hash_types", SCHEMA_LIST, SCHEMA_ENUM, .choices = hash_types,
	  .help = "which header fields are hashed; for the command line with commas between" },
	{ "key", SCHEMA_STRING, .min = 1, .max = 256, .help = "of the hash: 40 bytes in hexadecimal" },
	{ "random_key", SCHEMA_BOOL, .fallback = "off", .help = "a new key by chance" },
	{ "entries", SCHEMA_INT, .min = 1, .max = 512, .help = "length of the indirection table, a power of two" },
	{ NULL },
};

static const struct schema_key vrss_set[] = {
	PORT_NAME,
	{ "queues", SCHEMA_INT, .min = 1, .max = 16,
	  .help = "queue pairs of the NIC; the port is made anew, and the guest has to connect again" },
	{ "min_queues", SCHEMA_INT, .min = 1, .max = 16,
	  .help = "queue pairs that stay in use when there is little to do" },
	{ "scheduling", SCHEMA_ENUM, .choices = schedulings, .help = "whether a balancer moves its queues" },
	{ "exclude_primary", SCHEMA_BOOL, .help = "the first queue pair takes only what cannot be hashed" },
	{ NULL },
};

static const struct schema_key offload_set[] = {
	ADAPTER_NAME,
	{ "rx_checksum", SCHEMA_BOOL, .help = "pass on the uplink's word on received checksums" },
	{ "tx_checksum", SCHEMA_BOOL, .help = "leave checksums of what is sent to the uplink" },
	{ "lso", SCHEMA_BOOL, .help = "leave large sends to the uplink to be cut" },
	{ NULL },
};

#define FILE_NAME(what)                                                                      \
	{                                                                                    \
		"file", SCHEMA_STRING, .required = true, .min = 1, .max = 4095, .help = what \
	}

static const struct schema_key config_check[] = { FILE_NAME("the YAML file; - reads standard input"), { NULL } };

static const struct schema_key config_apply[] = {
	FILE_NAME("the YAML file, named in messages; - reads standard input"),
	{ "text", SCHEMA_STRING, .required = true, .max = CONFIG_TEXT_MAX, .help = "what stands in it",
	  .filled = true },
	{ "confirm_s", SCHEMA_INT, .max = 86400, .unit = "s", .fallback = "0",
	  .help = "take it back after so long, unless it is applied again without this; 0: it stays" },
	{ "take_over", SCHEMA_BOOL, .fallback = "off",
	  .help = "take an uplink although the host's default route or the caller's connection is on it" },
	{ "caller", SCHEMA_STRING, .max = 64, .fallback = "", .filled = true,
	  .help = "the address of this host that the caller is connected to (SSH_CONNECTION)" },
	{ NULL },
};

static const struct schema_key shell_name[] = {
	{ "shell", SCHEMA_ENUM, .required = true, .choices = shells, .help = "the shell that shall complete" },
	{ NULL },
};

#define NOT_THERE(what)                            \
	{                                          \
		ENOENT, "no " what " of this name" \
	}

static const struct schema_error processor_errors[] = { { ENOENT, "no processor of this number" }, { 0 } };
static const struct schema_error queue_errors[] = { { ENOENT, "no queue of this number" }, { 0 } };
static const struct schema_error move_errors[] = {
	{ ENOENT, "no queue, or no processor, of this number" },
	{ 0 },
};
static const struct schema_error adapter_errors[] = { NOT_THERE("adapter"), { 0 } };
static const struct schema_error switch_errors[] = { NOT_THERE("switch"), { 0 } };
static const struct schema_error port_errors[] = { NOT_THERE("port"), { 0 } };
static const struct schema_error qemu_errors[] = {
	NOT_THERE("port"),
	{ EOPNOTSUPP, "the port is not the NIC of a guest" },
	{ 0 },
};
static const struct schema_error port_set_errors[] = {
	NOT_THERE("port"),
	{ EINVAL, "the settings contradict each other, or the address is a group address" },
	{ EEXIST, "another port of the switch has this address on this VLAN" },
	{ 0 },
};
static const struct schema_error vf_errors[] = {
	{ ENOENT, "no virtual function of this name" },
	{ 0 },
};
static const struct schema_error vf_set_errors[] = {
	{ ENOENT, "no virtual function of this name" },
	{ EINVAL, "the settings contradict each other, or the address is a group address" },
	{ EEXIST, "another port of the switch has this address on this VLAN" },
	{ 0 },
};
static const struct schema_error enable_errors[] = {
	NOT_THERE("adapter"),
	{ EINVAL, "the adapter's other settings do not go with it" },
	{ EOPNOTSUPP, "the adapter's queues have another use: RSS and VM queues exclude each other" },
	{ 0 },
};
static const struct schema_error adapter_set_errors[] = {
	NOT_THERE("adapter"),
	{ EINVAL, "no such processor, or the settings contradict each other" },
	{ 0 },
};
static const struct schema_error vrss_errors[] = {
	NOT_THERE("port"),
	{ EINVAL, "the settings contradict each other" },
	{ 0 },
};
static const struct schema_error check_errors[] = {
	{ ENOENT, "the file cannot be read" },
	{ EINVAL, "the file has mistakes; all of them are told" },
	{ 0 },
};
static const struct schema_error apply_errors[] = {
	{ EINVAL, "the file has mistakes" },
	{ ENODEV, "an interface that it names does not exist" },
	{ EBUSY, "an uplink carries the default route or the caller's connection: --take-over" },
	{ 0 },
};
static const struct schema_error save_errors[] = {
	{ EACCES, "the file, or its folder, cannot be written" },
	{ ENOENT, "the daemon was not started with a file" },
	{ EBUSY, "a change waits for its confirmation" },
	{ 0 },
};

const struct schema_method schema_methods[] = {
	{ "processor", "list", "Processors, how busy they are, and the queues that stand on each", NULL, RESULT_LIST,
	  processor_columns, NULL, "fairlead processor list" },
	{ "processor", "show", "One processor", processor_name, RESULT_OBJECT, processor_details, processor_errors,
	  "fairlead processor show 0" },
	{ "queue", "list", "Queues, and the processor that serves each", NULL, RESULT_LIST, queue_columns, NULL,
	  "fairlead queue list" },
	{ "queue", "show", "One queue", queue_name, RESULT_OBJECT, queue_details, queue_errors,
	  "fairlead queue show 0" },
	{ "queue", "move", "Serve a queue by another processor, without loss or reordering", queue_move, RESULT_OBJECT,
	  queue_changed, move_errors, "fairlead queue move 0 --processor 1", .changes = true },
	{ "queue", "pin", "Let no load move a queue, until it is let go or the daemon ends", queue_name, RESULT_OBJECT,
	  pin_changed, queue_errors, "fairlead queue pin 0", .changes = true },
	{ "queue", "unpin", "Let load move a queue again, where its adapter or port is dynamic", queue_name,
	  RESULT_OBJECT, pin_changed, queue_errors, "fairlead queue unpin 0", .changes = true },
	{ "adapter", "list", "Adapters: the uplinks and their queues", NULL, RESULT_LIST, adapter_columns, NULL,
	  "fairlead adapter list" },
	{ "adapter", "show", "One adapter", adapter_name, RESULT_OBJECT, adapter_details, adapter_errors,
	  "fairlead adapter show wire" },
	{ "switch", "list", "Switches", NULL, RESULT_LIST, switch_columns, NULL, "fairlead switch list" },
	{ "switch", "show", "One switch and its MAC table", switch_show, RESULT_OBJECT, switch_details, switch_errors,
	  "fairlead switch show ext" },
	{ "port", "list", "Ports of all switches", NULL, RESULT_LIST, port_columns, NULL, "fairlead port list" },
	{ "port", "show", "One port", port_name, RESULT_OBJECT, port_details, port_errors, "fairlead port show vm1" },
	{ "port", "qemu-args", "What QEMU or libvirt is to be told, to give a guest this NIC", port_qemu_args,
	  RESULT_OBJECT, qemu_details, qemu_errors, "fairlead port qemu-args vm1" },
	{ "port", "set", "Give a port these settings; those not named stay", port_set, RESULT_OBJECT, port_changed,
	  port_set_errors, "fairlead port set vm1 --vmq-weight 50", .changes = true },
	{ "vf", "list", "Virtual functions of all adapters", NULL, RESULT_LIST, vf_columns, NULL, "fairlead vf list" },
	{ "vf", "show", "One virtual function, and what its driver does", port_name, RESULT_OBJECT, vf_details,
	  vf_errors, "fairlead vf show vm3" },
	{ "vf", "set", "Give a virtual function these settings, while its driver runs; those not named stay", vf_set,
	  RESULT_OBJECT, port_changed, vf_set_errors, "fairlead vf set vm3 --trust on", .changes = true },
	{ "vmq", "list", "VM queues: the port, filter and processor of each", NULL, RESULT_LIST, vmq_columns, NULL,
	  "fairlead vmq list" },
	{ "vmq", "show", "Settings of an adapter's VM queues", adapter_name, RESULT_OBJECT, vmq_details, adapter_errors,
	  "fairlead vmq show wire" },
	{ "vmq", "enable", "Give the ports VM queues", adapter_name, RESULT_OBJECT, adapter_changed, enable_errors,
	  "fairlead vmq enable wire", .changes = true },
	{ "vmq", "disable", "Put every port on the default queue", adapter_name, RESULT_OBJECT, adapter_changed,
	  adapter_errors, "fairlead vmq disable wire", .changes = true },
	{ "vmq", "set", "Choose the processors of an adapter's VM queues, and the balancer; what is not named stays",
	  vmq_set, RESULT_OBJECT, adapter_changed, adapter_set_errors,
	  "fairlead vmq set wire --base-processor 1 --max-processors 3", .changes = true },
	{ "vmq", "watch", "Moves of queues between processors as they happen, and why; Ctrl-C ends it", vmq_watch,
	  RESULT_LIST, watch_columns, adapter_errors, "fairlead vmq watch wire", .follows = true },
	{ "rss", "list", "Receive side scaling of all adapters", NULL, RESULT_LIST, rss_columns, NULL,
	  "fairlead rss list" },
	{ "rss", "show", "Receive side scaling of an adapter: hash, processors, indirection table", adapter_name,
	  RESULT_OBJECT, rss_details, adapter_errors, "fairlead rss show wire" },
	{ "rss", "set", "Choose an adapter's hash and the processors of its receive queues; what is not named stays",
	  rss_set, RESULT_OBJECT, adapter_changed, adapter_set_errors,
	  "fairlead rss set wire --profile closest --entries 64", .changes = true },
	{ "rss", "enable", "Hash what an adapter receives over several queues; refused while it has VM queues",
	  adapter_name, RESULT_OBJECT, adapter_changed, enable_errors, "fairlead rss enable wire", .changes = true },
	{ "rss", "disable", "Receive by one queue; the settings are kept", adapter_name, RESULT_OBJECT, adapter_changed,
	  adapter_errors, "fairlead rss disable wire", .changes = true },
	{ "vrss", "list", "Spreading over the queue pairs of each port", NULL, RESULT_LIST, vrss_columns, NULL,
	  "fairlead vrss list" },
	{ "vrss", "show", "Spreading over the queue pairs of a port: processors and table", port_name, RESULT_OBJECT,
	  vrss_details, port_errors, "fairlead vrss show vm1" },
	{ "vrss", "set", "Choose how a port's frames are spread; what is not named stays", vrss_set, RESULT_OBJECT,
	  port_changed, vrss_errors, "fairlead vrss set vm1 --scheduling static", .changes = true },
	{ "vrss", "enable", "Spread a port's frames over its queue pairs", port_name, RESULT_OBJECT, port_changed,
	  port_errors, "fairlead vrss enable vm1", .changes = true },
	{ "vrss", "disable", "Give all frames of a port to its first queue pair", port_name, RESULT_OBJECT,
	  port_changed, port_errors, "fairlead vrss disable vm1", .changes = true },
	{ "offload", "list", "Checksums and large sends: what is left to each uplink", NULL, RESULT_LIST,
	  offload_columns, NULL, "fairlead offload list" },
	{ "offload", "show", "What is left to an uplink", adapter_name, RESULT_OBJECT, offload_details, adapter_errors,
	  "fairlead offload show wire" },
	{ "offload", "set", "Choose what is left to an uplink; what is not named stays", offload_set, RESULT_OBJECT,
	  adapter_changed, adapter_set_errors, "fairlead offload set wire --lso on", .changes = true },
	{ "drops", NULL, "Frames that were not delivered, by port and reason", some_port, RESULT_LIST, drop_columns,
	  port_errors, "fairlead drops vm1" },
	{ "stats", "show", "The books: nothing is lost between offered and delivered", some_port, RESULT_OBJECT,
	  book_details, port_errors, "fairlead stats show" },
	{ "config", "check", "Tell every mistake of a configuration file; change nothing, ask no daemon", config_check,
	  RESULT_OBJECT, check_details, check_errors, "fairlead config check examples/converged-host.yaml",
	  .local = true },
	{ "config", "apply", "Make the daemon run with a file; ports that stay the same lose no traffic", config_apply,
	  RESULT_OBJECT, apply_details, apply_errors, "fairlead config apply examples/converged-host.yaml --confirm 60",
	  .changes = true },
	{ "config", "show", "The running configuration", NULL, RESULT_OBJECT, config_details, NULL,
	  "fairlead config show" },
	{ "config", "save", "Write the running configuration to the file that the daemon was started with", NULL,
	  RESULT_OBJECT, save_details, save_errors, "fairlead config save", .changes = true },
	{ "top", NULL, "A bar per processor and which queues stand on it, live; its keys change things, h tells them",
	  top_params, RESULT_OBJECT, top_details, NULL, "fairlead top --once", .local = true },
	{ "completion", NULL, "Print a script that completes commands", shell_name, RESULT_OBJECT, NULL, NULL,
	  "fairlead completion bash", .local = true },
	{ NULL },
};

const struct schema_method *
schema_method_find(const char *noun, const char *verb)
{
	if (verb != NULL && verb[0] == '\0')
		verb = NULL;
	for (const struct schema_method *m = schema_methods; m->noun != NULL; m++) {
		if (strcmp(m->noun, noun) != 0)
			continue;
		if (verb == NULL ? m->verb == NULL : m->verb != NULL && strcmp(m->verb, verb) == 0)
			return m;
	}
	return NULL;
}

const struct schema_key *
schema_word(const struct schema_method *method)
{
	const struct schema_key *k;

	if (method->params == NULL)
		return NULL;
	for (k = method->params; k->name != NULL; k++)
		if (k->type == SCHEMA_NAME)
			return k;
	for (k = method->params; k->name != NULL; k++)
		if (k->required)
			return k;
	return NULL;
}

static bool
same_name(const char *a, const char *b)
{
	for (; *a != '\0' && *b != '\0'; a++, b++)
		if ((*a == '-' ? '_' : *a) != (*b == '-' ? '_' : *b))
			return false;
	return *a == *b;
}

const struct schema_key *
schema_key_find(const struct schema_key *keys, const char *name)
{
	for (; keys != NULL && keys->name != NULL; keys++)
		if (same_name(keys->name, name))
			return keys;
	return NULL;
}
