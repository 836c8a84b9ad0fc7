/*
 * Every mistake that one key or one value can have, each in a file that has no other. The mark stands before the text that is
 * wrong; ranges and words come from the configuration's description (config.h, the table of keys).
 */
#include "ctl/config_test.h"

/* A file with one port, whose further keys go in at line 6. */
#define PORT(keys)             \
	"version: 1\n"         \
	"switches:\n"          \
	"  - name: sw\n"       \
	"    kind: internal\n" \
	"    ports:\n"         \
	"      - {name: vm1, nic: tap, netns: flvm1, interface: eth0, " keys "}\n"
#define VHOST(keys) "version: 1\nswitches: [{name: sw, kind: internal, ports: [{name: vm1, nic: vhost, " keys "}]}]\n"
#define PROCESSORS(keys) "version: 1\nprocessors: {" keys "}\n"
#define ADAPTER(keys) "version: 1\nadapters: [{name: wire, uplink: \"af_xdp:flwire0\", " keys "}]\n"
#define UPLINK(text) "version: 1\nadapters: [{name: wire, uplink: " text "}]\n"
#define SWITCH(keys) "version: 1\nswitches: [{name: sw, kind: internal, " keys "}]\n"

static void
text_that_is_not_yaml_is_refused_at_its_place(void **state)
{
	static const struct mistake_row rows[] = {
		{ "empty", "`", "the file is empty", "version: 1", "" },
		{ "only a comment", "`# nothing\n", "the file is empty", "version: 1", "" },
		{ "only a document mark", "`---\n", "the file is empty", "version: 1", "" },
		{ "a list", "`- version: 1\n", "the file is a list where a mapping", "version", "" },
		{ "a word", "`version 1\n", "the file is a single value where", "version", "" },
		{ "tab", "version: 1\nlog:\n`\tlevel: info\n", "a tab indents this line", "only spaces", NULL },
		{ "tab after blanks", "version: 1\nlog:\n  `\tlevel: info\n", "a tab indents", "spaces", NULL },
		{ "tab in a blank line", "version: 1\n`\t\nlog: {}\n", "a tab indents", "spaces", NULL },
		{ "tab before a comment", "version: 1\n`\t# text\n", "a tab indents", "spaces", NULL },
		{ "tab after a dash", "version: 1 # \xc3\xa4\nadapters:\n-`\tname: wire\n", "a tab stands where",
		  "spaces", NULL },
		{ "not UTF-8", "version: 1\nlog: {level: `\xff}\n", "the byte 0xff is not UTF-8", "UTF-8", NULL },
		{ "overlong UTF-8", "version: 1 # `\xc0\x80\n", "the byte 0xc0", "", NULL },
		{ "surrogate", "version: 1 # `\xed\xa0\x80\n", "the byte 0xed", "", NULL },
		{ "control character", "version: 1 # `\x1b[2J\n", "U+001B", "take it out", NULL },
		{ "byte order mark", "version: 1 # `\xef\xbb\xbf\n", "the control character U+FEFF", "take it out",
		  NULL },
		{ "odd line break", "version: 1 # `\xe2\x80\xa8\n", "line break U+2028", "Enter", NULL },
		{ "open brace", "version: 1\nlog: {level: info\n`", "this is not YAML", "close each '{'", NULL },
		{ "open quote", "version: 1\nlog: {level: \"info}\n`", "this is not YAML", "close the quotes", NULL },
		{ "bad indent", "version: 1\nlog:\n   level: info\n  `x: 1\n", "this is not YAML", "indentation",
		  NULL },
		{ "colon in value", "version: 1\nlog: level`: info\n", "mapping values", "quotes", NULL },
		{ "bad escape", "version: 1\nlog: {level: \"`\\q\"}\n", "unknown escape", "backslash", NULL },
		{ "at sign", "version: `@1\n", "cannot start any token", "quotes", NULL },
		{ "second document", "version: 1\n`---\nversion: 1\n", "a second document", "one document", NULL },
		{ "anchor", "version: `&v 1\n", "anchors", "write the values out", NULL },
		{ "alias", "version: 1\nlog: {level: `*v}\n", "aliases", "write the values out", NULL },
		{ "alias as a key", "version: 1\n`*v : 1\n", "aliases", "", NULL },
		{ "tag", "version: `!!int 1\n", "tags", "leave the tag out", NULL },
		{ "list as a key", "version: 1\n? `[a, b]\n: 1\n", "where a key belongs", "word", NULL },
		{ "NUL by escape", "version: 1\nlog: {level: `\"a\\0b\"}\n", "has a NUL", "", NULL },
		{ "too deep", "version: 1\nlog: [[[[[[[[[[[[[[[`[1]]]]]]]]]]]]]]]]\n", "more than 16 levels", "8",
		  NULL },
	};

	rows_check(rows);
}

static void
keys_that_are_wrong_are_named_with_the_nearest_right_one(void **state)
{
	static const struct mistake_row rows[] = {
		{ "version missing", "`log: {level: info}\n", "the file lacks 'version'", "write version: 1", "" },
		{ "version 2", "version: `2\n", "version 2 is not 1", "valid: 1", "version" },
		{ "version text", "version: `\"1\"\n", "text '1', not a number", "write 1 without quotes", "version" },
		{ "misspelt top key", "version: 1\n`switchs: []\n", "unknown key 'switchs'", "did you mean 'switches'?",
		  "switchs" },
		{ "misspelt port key", PORT("`vlna: {mode: access}"), "port 'vm1': unknown key 'vlna'",
		  "did you mean 'vlan'?", "switches[0].ports[0].vlna" },
		{ "far from all", "version: 1\n`frobnicate: 1\n", "unknown key 'frobnicate'",
		  "valid: version, processors", NULL },
		{ "key of another object", "version: 1\n`speed_percent: 10\n", "unknown key 'speed_percent'",
		  "'speed_percent' is a key of processors", "speed_percent" },
		{ "merge key", "version: 1\n`<<: {level: info}\n", "unknown key '<<'", "merge keys", NULL },
		{ "no blank after the colon", "version: 1\nlog: {`level:info}\n", "unknown key 'level:info'",
		  "blank is missing", NULL },
		{ "capital letters", "version: 1\n`Log: {level: info}\n", "unknown key 'Log'", "did you mean 'log'?",
		  NULL },
		{ "twice", "version: 1\nlog: {level: info}\n`log: {level: warn}\n",
		  "'log' is given twice, first in line 2", "take one of the two out", "log" },
		{ "twice in a port", PORT("mtu: 1500, `mtu: 1400"),
		  "port 'vm1': the key 'mtu' is given twice, first in line 6", "", NULL },
		{ "no value", "version: 1\nswitches:`\n", "switches has no value", "", "switches" },
		{ "tilde", "version: 1\nlog: `~\n", "log has no value", "", "log" },
		{ "no value in a list", "version: 1\nprocessors: {cpus: [0, `~]}\n", "processors.cpus[1] has no value",
		  "", NULL },
		{ "port without a name",
		  "version: 1\nswitches:\n- name: sw\n  kind: internal\n  ports:\n  - `{nic: tap, netns: a, interface: "
		  "b}\n",
		  "switch 'sw': ports[0] lacks 'name'", "name:", "switches[0].ports[0]" },
		{ "port without nic",
		  "version: 1\nswitches:\n- name: sw\n  kind: internal\n  ports:\n  - `{name: vm1, netns: a, "
		  "interface: b}\n",
		  "port 'vm1': 'nic' is missing", "valid: tap, vhost, vf;", NULL },
		{ "switch without kind", "version: 1\nswitches:\n- `name: sw\n", "switch 'sw': 'kind' is missing",
		  "valid: external, internal, private", NULL },
		{ "adapter without uplink", "version: 1\nadapters:\n- `name: wire\n",
		  "adapter 'wire': 'uplink' is missing", "af_xdp:IFNAME", NULL },
		{ "static without port", SWITCH("static: [`{mac: \"02:f1:00:00:00:01\"}]"),
		  "switch 'sw': static[0] lacks 'port'", "", "switches[0].static[0]" },
	};

	rows_check(rows);
}

static void
a_value_of_the_wrong_shape_is_refused(void **state)
{
	static const struct mistake_row rows[] = {
		{ "list for a mapping", "version: 1\nprocessors: `[count, 8]\n",
		  "processors is a list where a mapping of keys is expected", "count, cpus, idle", "processors" },
		{ "word for a mapping", PORT("vlan: `10"), "port 'vm1': vlan is a single value where a mapping",
		  "mode, id", NULL },
		{ "mapping for a list", "version: 1\nadapters: `{name: wire}\n",
		  "adapters is a mapping of keys where a list", "'- '", NULL },
		{ "mapping for a list of scalars", PROCESSORS("cpus: `{a: 1}"),
		  "cpus is a mapping of keys where a list", "[A, B]", NULL },
		{ "list for a value", PROCESSORS("count: `[8]"), "count is a list where a single value", "", NULL },
		{ "list in a list", PROCESSORS("cpus: [`[0]]"), "cpus[0] is a list where a single value", "", NULL },
		{ "mapping for VLANs", PORT("vlan: {mode: trunk, ids: `{a: 1}}"),
		  "vlan.ids is a mapping of keys where a list", "", NULL },
		{ "list of VLAN lists", PORT("vlan: {mode: trunk, ids: [`[1]]}"), "vlan.ids[0] is a list where a VLAN",
		  "", NULL },
		{ "word in a list of objects", "version: 1\nadapters: [`wire]\n",
		  "adapters[0] is a single value where a mapping", "uplink", NULL },
		{ "empty cpus", PROCESSORS("cpus: `[]"), "cpus has 0 entries, 1 to 64", "", NULL },
		{ "nine addresses",
		  PORT("address: `[1.0.0.1/8, 1.0.0.2/8, 1.0.0.3/8, 1.0.0.4/8, 1.0.0.5/8, 1.0.0.6/8, 1.0.0.7/8, "
		       "1.0.0.8/8, 1.0.0.9/8]"),
		  "address has 9 entries, 0 to 8", "", NULL },
	};

	rows_check(rows);
}

static void
numbers_are_decimal_and_in_their_range(void **state)
{
	static const struct mistake_row rows[] = {
		{ "zero", PROCESSORS("count: `0"), "processors.count 0 is outside 1 to 64", "valid: 1 to 64 processors",
		  "processors.count" },
		{ "too many", PROCESSORS("count: `65"), "count 65 is outside 1 to 64", "1 to 64", NULL },
		{ "negative", PROCESSORS("count: `-1"), "count -1 is outside 1 to 64", "1 to 64", NULL },
		{ "exponent", PROCESSORS("count: `1e3"), "count 1e3 is not a whole number", "1 to 64", NULL },
		{ "fraction", PROCESSORS("count: `1.5"), "count 1.5 is not a whole number", "1 to 64", NULL },
		{ "plus sign", PROCESSORS("count: `+8"), "count +8 is not a whole number", "", NULL },
		{ "underscore", PROCESSORS("count: `1_0"), "count 1_0 is not a whole number", "", NULL },
		{ "octal", PROCESSORS("count: `010"), "count 010 begins with 0, which can mean octal", "write 10;",
		  NULL },
		{ "hexadecimal", PROCESSORS("count: `0x10"), "count 0x10 is not a decimal number", "write 16;", NULL },
		{ "new octal", PROCESSORS("count: `0o10"), "count 0o10 is not a whole number", "", NULL },
		{ "beyond 64 bits", PROCESSORS("count: `18446744073709551617"),
		  "count 18446744073709551617 is outside 1 to 64", "", NULL },
		{ "beyond 32 bits", PROCESSORS("count: `4294967297"), "count 4294967297 is outside 1 to 64", "", NULL },
		{ "in quotes", PROCESSORS("count: `\"8\""), "count is the text '8', not a number",
		  "write 8 without quotes", NULL },
		{ "a word", PROCESSORS("count: `many"), "count many is not a whole number", "", NULL },
		{ "speed_percent 0", PROCESSORS("speed_percent: `0"), "speed_percent 0 is outside 1 to 100", "", NULL },
		{ "speed_percent 101", PROCESSORS("speed_percent: `101"), "speed_percent 101 is outside 1 to 100", "",
		  NULL },
		{ "CPU number", PROCESSORS("cpus: [0, `1024]"), "cpus[1] 1024 is outside 0 to 1023", "",
		  "processors.cpus[1]" },
		{ "adapter queues 0", ADAPTER("mode: vmq, queues: `0"), "adapter 'wire': queues 0 is outside 1 to 256",
		  "default 8", NULL },
		{ "adapter queues 257", ADAPTER("queues: `257"), "queues 257 is outside 1 to 256", "default 8", NULL },
		{ "adapter mtu", ADAPTER("mtu: `67"), "mtu 67 is outside 68 to 9216", "bytes", NULL },
		{ "base processor", ADAPTER("base_processor: `-1"), "base_processor -1 is outside 0 to 63", "", NULL },
		{ "port queues", PORT("queues: `17"), "port 'vm1': queues 17 is outside 1 to 16", "default 1", NULL },
		{ "port mtu", PORT("mtu: `9217"), "mtu 9217 is outside 68 to 9216", "left out: 1500", NULL },
		{ "txqueuelen", PORT("txqueuelen: `0"), "txqueuelen 0 is outside 1 to 100000", "packets, default 256",
		  NULL },
		{ "vmq_weight", PORT("vmq_weight: `101"), "vmq_weight 101 is outside 0 to 100", "default 100", NULL },
		{ "fdb_entries", SWITCH("fdb_entries: `63"), "switch 'sw': fdb_entries 63 is outside 64 to 1048576",
		  "default 8192", NULL },
		{ "ageing_s", SWITCH("ageing_s: `9"), "ageing_s 9 is outside 10 to 1000000", "s, default 300", NULL },
		{ "VLAN 0", PORT("vlan: {mode: access, id: `0}"), "port 'vm1': vlan.id 0 is outside 1 to 4094",
		  "reserved (IEEE 802.1Q)", "switches[0].ports[0].vlan.id" },
		{ "VLAN 4095", PORT("vlan: {mode: access, id: `4095}"), "vlan.id 4095 is outside 1 to 4094", "reserved",
		  NULL },
		{ "trunk 4095", PORT("vlan: {mode: trunk, ids: [10, `4000-4095]}"),
		  "vlan.ids[1] 4000-4095 is outside 1 to 4094", "reserved", NULL },
		{ "trunk 0", PORT("vlan: {mode: trunk, ids: `0}"), "vlan.ids 0 is outside 1 to 4094", "reserved",
		  NULL },
		{ "trunk overflow", PORT("vlan: {mode: trunk, ids: [`1-99999999999999999999]}"), "is outside 1 to 4094",
		  "", NULL },
		{ "trunk backwards", PORT("vlan: {mode: trunk, ids: [`30-20]}"),
		  "vlan.ids[0] the range 30-20 runs backwards", "write 20-30", NULL },
		{ "trunk word", PORT("vlan: {mode: trunk, ids: [`all]}"), "'all' is neither a VLAN nor a range",
		  "[10, 20-30]", NULL },
		{ "trunk octal", PORT("vlan: {mode: trunk, ids: [`1-010]}"), "'1-010' is neither", "", NULL },
		{ "trunk empty", PORT("vlan: {mode: trunk, ids: `[]}"), "vlan.ids is an empty list", "[10, 20-30]",
		  NULL },
		{ "native 4095", PORT("vlan: {mode: trunk, ids: [1], native: `4095}"),
		  "vlan.native 4095 is outside 0 to 4094", "", NULL },
		{ "speed without unit", ADAPTER("speed: `10"), "speed '10' is not a speed", "10G or 2500M", NULL },
		{ "speed 0", ADAPTER("speed: `0G"), "speed 0G is outside 1M to 800G", "", NULL },
		{ "speed of other unit", ADAPTER("speed: `10GB"), "'10GB' is not a speed", "", NULL },
		{ "fraction of a megabit", ADAPTER("speed: `2.5M"), "'2.5M' is not a speed", "", NULL },
		{ "speed beyond", ADAPTER("speed: `801G"), "speed 801G is outside 1M to 800G", "", NULL },
	};

	rows_check(rows);
}

static void
words_are_from_their_list_and_hints_name_it(void **state)
{
	static const struct mistake_row rows[] = {
		{ "misspelt kind", "version: 1\nswitches: [{name: sw, kind: `externl}]\n",
		  "switch 'sw': kind 'externl' is not one of its values",
		  "did you mean 'external'? valid: external, internal, private", "switches[0].kind" },
		{ "far from all", "version: 1\nswitches: [{name: sw, kind: `bridge}]\n", "kind 'bridge' is not one",
		  "valid: external, internal, private", NULL },
		{ "idle", PROCESSORS("idle: `slep"), "idle 'slep' is not one of its values",
		  "did you mean 'sleep'? valid: sleep, poll", NULL },
		{ "log level", "version: 1\nlog: {level: `verbose}\n", "log.level 'verbose'",
		  "valid: error, warn, info, debug", "log.level" },
		{ "vlan mode", PORT("vlan: {mode: `acess, id: 10}"), "vlan.mode 'acess'", "did you mean 'access'?",
		  NULL },
		{ "capitals", PORT("vlan: {mode: `Access, id: 10}"), "vlan.mode 'Access'", "did you mean 'access'?",
		  NULL },
		{ "switch as a number", PORT("spoof_check: `1"), "spoof_check is '1', not on or off", "valid: on, off",
		  NULL },
		{ "switch misspelt", PORT("spoof_check: `ture"), "spoof_check is 'ture', not on or off",
		  "did you mean 'true'?", NULL },
		{ "switch as text", PORT("spoof_check: `\"off\""), "spoof_check is the text 'off'",
		  "write off without quotes", NULL },
		{ "switch as true text", PORT("spoof_check: `'true'"), "spoof_check is the text 'true'",
		  "write true without quotes", NULL },
	};

	rows_check(rows);
}

#define KEY_DIGITS "6d5a56da255b0ec24167253d43a38fb0d0ca2bcbae7b30b477cb2da38030f20c6a42b73bbeac01f" /* 79 of 80 */

static void
settings_of_queues_keep_their_rules(void **state)
{
	static const struct mistake_row rows[] = {
		{ "no queues", ADAPTER("queues: `0"), "adapter 'wire': queues 0 is outside 1 to 256",
		  "valid: 1 to 256 queues, default 8", "adapters[0].queues" },
		{ "a million queues", ADAPTER("queues: `1000000"), "queues 1000000 is outside 1 to 256", "1 to 256",
		  NULL },
		{ "no queues of a port", PORT("queues: `0"), "port 'vm1': queues 0 is outside 1 to 16", "1 to 16",
		  NULL },
		{ "a million queues of a port", PORT("queues: `1000000"), "queues 1000000 is outside 1 to 16", "",
		  NULL },
		{ "mode misspelt", ADAPTER("mode: `rrs"), "mode 'rrs' is not one of its values",
		  "did you mean 'rss'? valid: none, rss, vmq", NULL },
		{ "profile misspelt", ADAPTER("rss: {profile: `numa_static}"),
		  "rss.profile 'numa_static' is not one of its values", "did you mean 'numa-static'?",
		  "adapters[0].rss.profile" },
		{ "hash type misspelt", ADAPTER("rss: {hash_types: [ipv4, `tcp-ipv5]}"),
		  "rss.hash_types[1] 'tcp-ipv5' is not one of its values", "did you mean 'tcp-ipv4'?",
		  "adapters[0].rss.hash_types[1]" },
		{ "one hash type misspelt", ADAPTER("rss: {hash_types: `upd-ipv6}"), "'upd-ipv6'",
		  "did you mean 'udp-ipv6'?", NULL },
		{ "no hash types", ADAPTER("rss: {hash_types: `[]}"), "has 0 entries, 1 to 9 are taken", "left out",
		  NULL },
		{ "ten hash types",
		  ADAPTER("rss: {hash_types: `[ipv4, ipv4, ipv4, ipv4, ipv4, ipv4, ipv4, ipv4, ipv4, ipv4]}"),
		  "has 10 entries, 1 to 9 are taken", "", NULL },
		{ "a key that is short by a digit", ADAPTER("rss: {key: `" KEY_DIGITS "}"),
		  "adapter 'wire': rss.key has 79 hexadecimal digits, a key has 80 (40 bytes)", "--random-key",
		  "adapters[0].rss.key" },
		{ "a key that is long by a digit", ADAPTER("rss: {key: `" KEY_DIGITS "ab}"),
		  "has 81 hexadecimal digits", "", NULL },
		{ "a key with a blank", ADAPTER("rss: {key: `\"" KEY_DIGITS " \"}"),
		  "has a sign in it that is no hexadecimal digit", "80 hexadecimal digits", NULL },
		{ "an empty key", ADAPTER("rss: {key: `\"\"}"), "rss.key is empty", "40 bytes", NULL },
		{ "no entries", ADAPTER("rss: {entries: `0}"), "rss.entries 0 is outside 1 to 512", "power of two",
		  NULL },
		{ "entries beyond the limit", ADAPTER("rss: {entries: `1024}"), "1024 is outside 1 to 512", "", NULL },
		{ "threshold beyond 100", ADAPTER("balance: {high_percent: `101}"),
		  "balance.high_percent 101 is outside 1 to 100", "default 90", "adapters[0].balance.high_percent" },
		{ "period 0", ADAPTER("balance: {period_ms: `0}"), "0 is outside 5 to 10000", "20", NULL },
		{ "unknown offload", ADAPTER("offload: {`rx_checksums: off}"), "unknown key 'rx_checksums'",
		  "did you mean 'rx_checksum'?", NULL },
		{ "offload as a word", ADAPTER("offload: `off"), "offload is a single value where a mapping of keys",
		  "offered: rx_checksum, tx_checksum, lso", NULL },
		{ "vrss as a word", PORT("vrss: `on"), "port 'vm1': vrss is a single value where a mapping of keys",
		  "offered: enabled, min_queues", "switches[0].ports[0].vrss" },
		{ "scheduling misspelt", PORT("vrss: {scheduling: `statics}"), "vrss.scheduling 'statics'",
		  "did you mean 'static'?", NULL },
		{ "max_processor beyond all", ADAPTER("max_processor: `64"), "max_processor 64 is outside 0 to 63", "",
		  NULL },
	};

	rows_check(rows);
}

static void
what_this_version_does_not_offer_is_said_honestly(void **state)
{
	static const struct mistake_row rows[] = {
		{ "teams", "version: 1\n`teams: []\n", "'teams' is not offered by this version",
		  "offered: version, processors, adapters", "teams" },
		{ "rdma", "version: 1\n`rdma: {port: host}\n", "'rdma' is not offered by this version",
		  "offered:", NULL },
		{ "ipsec", "version: 1\n`ipsec: {}\n", "'ipsec' is not offered by this version", "offered:", NULL },
		{ "vms", "version: 1\n`vms: []\n", "'vms' is not offered by this version", "offered:", NULL },
		{ "fleet", "version: 1\n`fleet: {}\n", "'fleet' is not offered by this version", "offered:", NULL },
		{ "web", "version: 1\n`web: {listen: \"127.0.0.1:8089\"}\n", "'web' is not offered by this version",
		  "offered:", NULL },
	};

	rows_check(rows);
}

static void
names_addresses_and_uplinks_keep_their_rules(void **state)
{
	static const struct mistake_row rows[] = {
		{ "name with a blank", "version: 1\nadapters: [{name: `my wire, uplink: null}]\n",
		  "adapter 'my wire': name 'my wire' has a sign", "letters, digits", "adapters[0].name" },
		{ "name of a digit", "version: 1\nadapters: [{name: `1wire, uplink: null}]\n",
		  "name '1wire' does not begin with a letter", "letters", NULL },
		{ "name of 32 bytes",
		  "version: 1\nadapters: [{name: `a2345678901234567890123456789012, uplink: null}]\n",
		  "has 32 bytes, at most 31", "", NULL },
		{ "empty name", "version: 1\nadapters: [{name: `\"\", uplink: null}]\n",
		  "adapters[0].name '' does not begin", "letters", NULL },
		{ "umlaut", "version: 1\nadapters: [{name: `w\xc3\xa4re, uplink: null}]\n",
		  "name 'w\xc3\xa4re' has a sign", "letters", NULL },
		{ "interface of 16 bytes",
		  "version: 1\nswitches: [{name: sw, kind: internal, ports: [{name: a, nic: tap, interface: "
		  "`a234567890123456}]}]\n",
		  "port 'a': interface 'a234567890123456' has 16 bytes, at most 15", "15 bytes",
		  "switches[0].ports[0].interface" },
		{ "interface with slash",
		  "version: 1\nswitches: [{name: sw, kind: internal, ports: [{name: a, nic: tap, interface: `a/b}]}]\n",
		  "interface 'a/b' has a '/' in it", "without", NULL },
		{ "interface with blank",
		  "version: 1\nswitches: [{name: sw, kind: internal, ports: [{name: a, nic: tap, interface: `a b}]}]\n",
		  "interface 'a b' has a blank in it", "without", NULL },
		{ "interface pattern",
		  "version: 1\nswitches: [{name: sw, kind: internal, ports: [{name: a, nic: tap, interface: "
		  "`tap%d}]}]\n",
		  "interface 'tap%d' has a '%' in it", "without", NULL },
		{ "interface dots",
		  "version: 1\nswitches: [{name: sw, kind: internal, ports: [{name: a, nic: tap, interface: `..}]}]\n",
		  "interface '..' is not the name of an interface", "", NULL },
		{ "interface empty",
		  "version: 1\nswitches: [{name: sw, kind: internal, ports: [{name: a, nic: tap, interface: "
		  "`\"\"}]}]\n",
		  "interface is empty", "eth0", NULL },
		{ "netns path",
		  "version: 1\nswitches: [{name: sw, kind: internal, ports: [{name: a, nic: tap, interface: b, netns: "
		  "`/run/netns/x}]}]\n",
		  "netns '/run/netns/x' has a '/' in it", "without", NULL },
		{ "netns of 64 bytes",
		  "version: 1\nswitches: [{name: sw, kind: internal, ports: [{name: a, nic: tap, interface: b, "
		  "netns: `n123456789012345678901234567890123456789012345678901234567890123}]}]\n",
		  "has 64 bytes, at most 63", "", NULL },
		{ "MAC broadcast", PORT("mac: `\"ff:ff:ff:ff:ff:ff\""),
		  "port 'vm1': mac ff:ff:ff:ff:ff:ff is a group address", "first one even", NULL },
		{ "MAC multicast", PORT("mac: `01:00:5e:00:00:01"), "mac 01:00:5e:00:00:01 is a group address", "even",
		  NULL },
		{ "MAC zero", PORT("mac: `00:00:00:00:00:00"), "mac 00:00:00:00:00:00 is zero", "six bytes", NULL },
		{ "MAC short", PORT("mac: `02:f1:00:00:01"), "'02:f1:00:00:01' is not a MAC address", "six bytes",
		  NULL },
		{ "MAC dashes", PORT("mac: `02-f1-00-00-00-01"), "is not a MAC address", "six bytes", NULL },
		{ "address without bits", PORT("address: `10.77.0.1"), "address 10.77.0.1 lacks the length",
		  "10.77.0.1/24", NULL },
		{ "address bits 33", PORT("address: `10.77.0.1/33"), "'10.77.0.1/33' is not an address", "", NULL },
		{ "address multicast", PORT("address: `224.0.0.1/4"),
		  "224.0.0.1/4 is not an address that an interface can have", "", NULL },
		{ "address v6 multicast", PORT("address: [\"fd00::1/64\", `\"ff02::1/64\"]"),
		  "address[1] ff02::1/64 is not an address that", "", NULL },
		{ "address zero", PORT("address: `0.0.0.0/0"), "0.0.0.0/0 is not an address that", "", NULL },
		{ "address octal", PORT("address: `010.0.0.1/8"), "'010.0.0.1/8' is not an address", "", NULL },
		{ "uplink kind", UPLINK("`\"af_xpd:eth0\""),
		  "adapter 'wire': uplink 'af_xpd:eth0' is not KIND:ARGUMENT", "did you mean 'af_xdp'?",
		  "adapters[0].uplink" },
		{ "uplink bare interface", UPLINK("`eth0"), "uplink 'eth0' is not KIND:ARGUMENT",
		  "valid: af_xdp:IFNAME", NULL },
		{ "uplink without argument", UPLINK("`\"af_xdp:\""), "'af_xdp' needs an argument", "af_xdp:eth0",
		  NULL },
		{ "uplink null with one", UPLINK("`\"null:x\""), "'null' takes nothing after it", "alone", NULL },
		{ "uplink long interface", UPLINK("`\"af_packet:a234567890123456\""), "has 16 bytes, at most 15", "",
		  NULL },
		{ "uplink further arguments", UPLINK("`\"af_packet:eth0,blocksz=1\""), "has a ',' in it", "", NULL },
		{ "uplink PCI", UPLINK("`\"pci:17:00\""), "'17:00' is not a PCI address", "lspci", NULL },
		{ "uplink PCI function", UPLINK("`\"pci:0000:17:00.8\""), "is not a PCI address", "", NULL },
		{ "uplink PCI to come", UPLINK("`\"pci:17:00.0\""),
		  "uplink of kind 'pci' is not offered by this version", "offered: af_xdp:IFNAME", NULL },
		{ "uplink TAP to come", UPLINK("`\"tap:eth0\""), "uplink of kind 'tap' is not offered by this version",
		  "offered: af_xdp:IFNAME", NULL },
		{ "uplink memif arguments", UPLINK("`\"memif:/run/a,role=server\""), "has a sign in it", "path", NULL },
		{ "uplink three files", UPLINK("`\"pcap:a.pcap,b.pcap,c.pcap\""), "has a sign in it", "path", NULL },
		{ "uplink no second file", UPLINK("`\"pcap:a.pcap,\""), "has no file name", "", NULL },
		{ "uplink ring name", UPLINK("`\"ring:0\""), "'0' does not begin with a letter", "", NULL },
	};

	rows_check(rows);
}

static void
sockets_have_a_name_an_owner_and_a_mode(void **state)
{
	static const struct mistake_row rows[] = {
		{ "socket in a folder", VHOST("socket: `guests/a.sock"),
		  "port 'vm1': socket 'guests/a.sock' is neither a name nor a plain path",
		  "sockets lie in the daemon's run directory: write socket: a.sock", "switches[0].ports[0].socket" },
		{ "socket by a way up", VHOST("socket: `/run/fairlead/../a.sock"), "is neither a name nor a plain path",
		  "write socket: a.sock", NULL },
		{ "socket by a detour", VHOST("socket: `/run/./a.sock"), "neither a name nor", "", NULL },
		{ "socket by two slashes", VHOST("socket: `//run/a.sock"), "neither a name nor", "", NULL },
		{ "socket is a folder", VHOST("socket: `/run/fairlead/"),
		  "socket '/run/fairlead/' is not the name of a socket", "letters, digits", NULL },
		{ "socket up", VHOST("socket: `.."), "'..' is not the name of a socket", "", NULL },
		{ "socket with a blank", VHOST("socket: `a b"), "'a b' has a sign in it that the name of a socket",
		  "letters, digits", NULL },
		{ "socket with a comma", VHOST("socket: `\"a,server=on\""), "has a sign in it", "letters, digits",
		  NULL },
		{ "socket of 64 bytes",
		  VHOST("socket: `s123456789012345678901234567890123456789012345678901234567890123"),
		  "has 64 bytes, at most 63", "", NULL },
		{ "socket empty", VHOST("socket: `\"\""), "socket is empty", "", NULL },
		{ "owner without a group", VHOST("socket_owner: `root"),
		  "socket_owner 'root' is not a user and a group", "as root:kvm", "switches[0].ports[0].socket_owner" },
		{ "owner of nothing", VHOST("socket_owner: `\":\""), "':' is not a user and a group", "", NULL },
		{ "owner of three", VHOST("socket_owner: `\"a:b:c\""), "'a:b:c' has a sign in it", "", NULL },
		{ "owner with a blank", VHOST("socket_owner: `\"a b:c\""), "'a b:c' has a sign in it", "", NULL },
		{ "mode in decimal", VHOST("socket_mode: `0680"), "socket_mode '0680' is not the mode of a socket",
		  "octal digits", "switches[0].ports[0].socket_mode" },
		{ "mode of a sticky socket", VHOST("socket_mode: `\"1660\""), "'1660' is not the mode", "0 to 0777",
		  NULL },
		{ "mode in letters", VHOST("socket_mode: `rw-rw----"), "'rw-rw----' is not the mode", "", NULL },
		{ "mode too long", VHOST("socket_mode: `00660"), "'00660' is not the mode", "", NULL },
		{ "role", VHOST("role: `sever"), "role 'sever' is not one of its values", "did you mean 'server'?",
		  NULL },
		{ "queues", VHOST("queues: `17"), "queues 17 is outside 1 to 16", "", NULL },
	};

	rows_check(rows);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_that_is_not_yaml_is_refused_at_its_place),
		cmocka_unit_test(keys_that_are_wrong_are_named_with_the_nearest_right_one),
		cmocka_unit_test(a_value_of_the_wrong_shape_is_refused),
		cmocka_unit_test(numbers_are_decimal_and_in_their_range),
		cmocka_unit_test(words_are_from_their_list_and_hints_name_it),
		cmocka_unit_test(settings_of_queues_keep_their_rules),
		cmocka_unit_test(what_this_version_does_not_offer_is_said_honestly),
		cmocka_unit_test(names_addresses_and_uplinks_keep_their_rules),
		cmocka_unit_test(sockets_have_a_name_an_owner_and_a_mode),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
