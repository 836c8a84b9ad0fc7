/* schema_top.c - `fairlead top`: its options, and the keys of the picture as a program reads it; see schema_columns.h. */
#include "ctl/schema_columns.h"

static const char *const orders[] = { "number", "busy", "packets", NULL };

const struct schema_key top_params[] = {
	{ "once", SCHEMA_BOOL, .fallback = "off", .help = "print one picture, as text, and end" },
	{ "interval_ms", SCHEMA_INT, .min = 100, .max = 60000, .unit = "ms", .fallback = "1000",
	  .help = "how often it looks" },
	{ "sort", SCHEMA_ENUM, .choices = orders, .fallback = "number", .help = "order of the processors" },
	{ "filter", SCHEMA_STRING, .min = 1, .max = 31,
	  .help = "only queues whose name has this, and the processors that they stand on" },
	{ NULL },
};

#define RATE(key, what)                                                                  \
	{                                                                                \
		key, SCHEMA_INT, .help = what " in the last second; null: not known yet" \
	}

static const struct schema_key processor_keys[] = {
	{ "id", SCHEMA_INT, .help = "number of the processor" },
	{ "cpu", SCHEMA_INT, .help = "the CPU that it runs on" },
	{ "emulated", SCHEMA_BOOL, .help = "capped; never a figure for speed" },
	{ "busy_percent", SCHEMA_INT, .unit = "%", .help = "time at work, of the time that it may have" },
	{ "waiting_percent", SCHEMA_INT, .unit = "%", .help = "time in which it had work and was not run" },
	RATE("packets_s", "frames that it took from its queues"),
	RATE("wakeups_s", "times that it was woken"),
	{ "queues", SCHEMA_LIST, SCHEMA_INT, .help = "numbers of the queues that stand on it" },
	{ NULL },
};
static const struct schema_object processor = { "processor", "one bar", processor_keys };

static const struct schema_key queue_keys[] = {
	{ "id", SCHEMA_INT, .help = "number of the queue" },
	{ "name", SCHEMA_STRING, .help = "as the picture has it: vm1, or vm1.2 where a port has several" },
	{ "port", SCHEMA_NAME, .help = "switch port behind it; null for a queue of an adapter" },
	{ "processor", SCHEMA_INT, .help = "the one that serves it; null: none" },
	{ "pinned", SCHEMA_BOOL, .help = "not moved by load" },
	{ "moved", SCHEMA_INT, .unit = "times", .help = "times that it changed its processor" },
	RATE("packets_s", "frames taken from it"),
	RATE("bytes_s", "bytes of these frames"),
	RATE("drops_s", "frames that it lost"),
	RATE("interrupts_s", "times that it woke its processor"),
	{ NULL },
};
static const struct schema_object queue = { "queue", "one queue", queue_keys };

static const struct schema_key adapter_keys[] = {
	{ "name", SCHEMA_NAME, .help = "the adapter" },
	{ "mode", SCHEMA_STRING, .help = "none, rss or vmq" },
	{ "dynamic", SCHEMA_BOOL, .help = "its queues are moved by load" },
	{ "front_end_percent", SCHEMA_INT, .unit = "%",
	  .help = "the front end's time at work, of a core; null: it is a processor's" },
	RATE("rx_packets_s", "received from the wire"),
	RATE("rx_bytes_s", "bytes received from the wire"),
	RATE("tx_packets_s", "sent to the wire"),
	RATE("tx_bytes_s", "bytes sent to the wire"),
	RATE("drops_s", "frames lost"),
	{ NULL },
};
static const struct schema_object adapter = { "adapter", "one NIC", adapter_keys };

static const struct schema_key reason_keys[] = {
	{ "reason", SCHEMA_STRING, .help = "name of the reason" },
	{ "count", SCHEMA_INT, .unit = "packets", .help = "frames of all ports, since the daemon started" },
	RATE("packets_s", "such frames"),
	{ NULL },
};
static const struct schema_object reason = { "reason", "one reason for drops", reason_keys };

static const struct schema_key move_keys[] = {
	{ "serial", SCHEMA_INT, .help = "number of the event, as in `vmq watch`" },
	{ "at_s", SCHEMA_INT, .unit = "s", .help = "when, since 1970 UTC" },
	{ "name", SCHEMA_STRING, .help = "the queue, as in the picture" },
	{ "from", SCHEMA_INT, .help = "the processor that it left" },
	{ "to", SCHEMA_INT, .help = "the processor that serves it now; the same when no move would help" },
	{ "why", SCHEMA_STRING, .help = "a word for the reason" },
	{ "means", SCHEMA_STRING, .help = "the reason in words" },
	{ NULL },
};
static const struct schema_object move = { "move", "a queue that moved, or could not be helped", move_keys };

const struct schema_key top_details[] = {
	{ "host", SCHEMA_STRING, .help = "name of the host" },
	RATE("packets_s", "frames taken from queues"),
	RATE("bits_s", "bits of these frames"),
	RATE("drops_s", "frames lost, all reasons"),
	{ "held", SCHEMA_INT, .unit = "packets", .help = "on their way while the books were read" },
	{ "balanced", SCHEMA_BOOL, .help = "the books balance" },
	{ "processors", SCHEMA_LIST, SCHEMA_OBJECT, .of = &processor, .help = "the bars" },
	{ "queues", SCHEMA_LIST, SCHEMA_OBJECT, .of = &queue, .help = "what stands on them" },
	{ "adapters", SCHEMA_LIST, SCHEMA_OBJECT, .of = &adapter, .help = "the NICs" },
	{ "drops", SCHEMA_LIST, SCHEMA_OBJECT, .of = &reason, .help = "the reasons that ever happened" },
	{ "moves", SCHEMA_LIST, SCHEMA_OBJECT, .of = &move, .help = "the last moves, oldest first" },
	{ NULL },
};
