/*
 * Files without a mistake: what they mean, what is left out, and that emitting and reading again changes nothing. And the
 * limits: the most of everything, one more, and no memory.
 */
#include "ctl/config_test.h"

#include <arpa/inet.h>
#include <unistd.h>

#include "base/log.h"

static struct config *
parse(const char *yaml)
{
	struct config_mistakes m;
	struct config *config = config_parse(yaml, strlen(yaml), &m);

	if (config == NULL) {
		char *text = config_mistakes_text(&m, "got");

		print_error("%s", text);
		free(text);
		config_mistakes_free(&m);
		fail();
	}
	assert_int_equal(m.n, 0);
	return config;
}

/* Every key, away from its default. */
static const char full[] =
	"version: 1\n"
	"processors: {count: 4, cpus: [1, 0], speed_percent: 10}\n"
	"adapters:\n"
	"- {name: wire, uplink: \"af_xdp:flwire0\", mode: vmq, queues: 16, dynamic: on, base_processor: 1,\n"
	"   max_processors: 2, max_processor: 2, speed: 2.5G, mtu: 9000,\n"
	"   rss: {enabled: off, profile: conservative, hash_types: [udp-ipv6-ex, ipv4, tcp-ipv4], entries: 512,\n"
	"         key: 000102030405060708090A0b0c0d0e0f101112131415161718191a1b1c1d1e1f2021222324252627},\n"
	"   balance: {high_percent: 80, low_percent: 30, within_percent: 20, gain_percent: 5, rest_ms: 0,\n"
	"             period_ms: 100, samples: 3},\n"
	"   offload: {rx_checksum: off, tx_checksum: off, lso: off}}\n"
	"- {name: other, uplink: 'pcap:a.pcap,b.pcap', speed: 10G}\n"
	"switches:\n"
	"- name: ext\n"
	"  kind: external\n"
	"  uplink: wire\n"
	"  fdb_entries: 65\n"
	"  ageing_s: 10\n"
	"  ports:\n"
	"  - {name: host, nic: tap, interface: flhost, address: 10.77.0.1/24}\n"
	"  - {name: vm1, nic: tap, netns: flvm1, interface: eth0, address: [10.77.0.11/24, fd00::11/64],\n"
	"     mac: \"02:F1:00:00:00:01\", queues: 4, mtu: 1400, txqueuelen: 512, vmq_weight: 0, spoof_check: off,\n"
	"     vrss: {enabled: off, min_queues: 2, scheduling: static, exclude_primary: on},\n"
	"     vlan: {mode: trunk, ids: [10, 20-22, 30, 31, 4094], native: 10}}\n"
	"  static:\n"
	"  - {mac: 02:f1:00:00:00:aa, vlan: 21, port: vm1}\n"
	"  - {mac: 02:f1:00:00:00:bb, port: wire}\n"
	"- name: lab\n"
	"  kind: private\n"
	"  ports:\n"
	"  - {name: vm2, nic: tap, netns: flvm2, interface: eth0, vlan: {mode: access, id: 7}}\n"
	"- name: inside\n"
	"  kind: internal\n"
	"  ports:\n"
	"  - {name: vm3, nic: vhost, socket: /run/fairlead/three.sock, socket_owner: \"root:kvm\", socket_mode: 0600,\n"
	"     mac: \"02:f1:00:00:00:03\", queues: 16, mtu: 9000, interrupt_moderation: high}\n"
	"  - {name: vm4, nic: vhost, socket: four, role: client}\n"
	"log: {level: debug}\n";

static void
each_key_reaches_its_field(void **state)
{
	static const uint8_t v6[16] = { 0xfd, [15] = 0x11 };
	struct config *c = parse(full);
	const struct config_port *vm1 = &c->ports[1];
	char socket[CONFIG_SOCKET_MAX];

	assert_int_equal(c->processors.count, 4);
	assert_int_equal(c->processors.n_cpus, 2);
	assert_int_equal(c->processors.cpus[0], 1);
	assert_int_equal(c->processors.cpus[1], 0);
	assert_int_equal(c->processors.speed_percent, 10);
	assert_int_equal(c->n_adapters, 2);
	assert_string_equal(c->adapters[0].name, "wire");
	assert_int_equal(c->adapters[0].kind, UPLINK_AF_XDP);
	assert_string_equal(c->adapters[0].arg, "flwire0");
	assert_int_equal(c->adapters[0].mode, ADAPTER_VMQ);
	assert_int_equal(c->adapters[0].queues, 16);
	assert_int_equal(c->adapters[0].base_processor, 1);
	assert_true(c->adapters[0].dynamic);
	assert_int_equal(c->adapters[0].max_processors, 2);
	assert_int_equal(c->adapters[0].max_processor, 2);
	assert_int_equal(c->adapters[0].speed_mbps, 2500);
	assert_int_equal(c->adapters[0].mtu, 9000);
	assert_string_equal(c->adapters[1].arg, "a.pcap,b.pcap");
	assert_int_equal(c->adapters[1].speed_mbps, 10000);
	assert_int_equal(c->n_switches, 3);
	assert_int_equal(c->switches[0].adapter, 0);
	assert_int_equal(c->switches[0].fdb_entries, 128); /* 65, rounded up */
	assert_int_equal(c->switches[0].ageing_s, 10);
	assert_int_equal(c->switches[1].kind, SWITCH_PRIVATE);
	assert_int_equal(c->switches[1].adapter, -1);
	assert_int_equal(c->n_ports, 5);
	assert_string_equal(vm1->netns, "flvm1");
	assert_string_equal(vm1->interface, "eth0");
	assert_int_equal(vm1->n_addresses, 2);
	assert_int_equal(vm1->address[1].family, AF_INET6);
	assert_int_equal(vm1->address[1].bits, 64);
	assert_memory_equal(vm1->address[1].addr, v6, 16);
	assert_true(vm1->has_mac);
	assert_int_equal(mac_number(vm1->mac.byte), 0x02f100000001);
	assert_int_equal(vm1->queues, 4);
	assert_int_equal(vm1->mtu, 1400);
	assert_int_equal(vm1->txqueuelen, 512);
	assert_int_equal(vm1->vmq_weight, 0);
	assert_false(vm1->spoof_check);
	assert_int_equal(vm1->vlan.mode, VLAN_TRUNK);
	assert_int_equal(vm1->vlan.native, 10);
	/* VLANs 10, 20 to 22, 30 and 31 in word 0; 4094 is bit 62 of word 63. */
	assert_int_equal(vm1->vlan.allowed[0], 0xc0700400);
	assert_int_equal(vm1->vlan.allowed[63], UINT64_C(1) << 62);
	assert_int_equal(c->ports[2].sw, 1);
	assert_int_equal(c->ports[2].vlan.mode, VLAN_ACCESS);
	assert_int_equal(c->ports[2].vlan.id, 7);
	assert_int_equal(c->ports[3].nic, NIC_VHOST);
	assert_string_equal(c->ports[3].socket, "/run/fairlead/three.sock");
	assert_string_equal(config_port_socket(&c->ports[3], socket), "three.sock");
	assert_string_equal(c->ports[3].socket_owner, "root:kvm");
	assert_int_equal(c->ports[3].socket_mode, 0600);
	assert_int_equal(c->ports[3].role, ROLE_SERVER);
	assert_int_equal(c->ports[3].queues, 16);
	assert_int_equal(c->ports[3].mtu, 9000);
	assert_int_equal(c->ports[4].role, ROLE_CLIENT);
	assert_string_equal(config_port_socket(&c->ports[4], socket), "four");
	assert_int_equal(c->n_statics, 2);
	assert_int_equal(c->statics[0].port, 1);
	assert_int_equal(c->statics[0].vlan, 21);
	assert_int_equal(c->statics[1].port, -1);
	assert_int_equal(c->statics[1].vlan, 0);
	assert_int_equal(c->log_level, LOG_LEVEL_DEBUG);
	assert_string_equal(c->text, full);
	assert_int_equal(c->text_len, sizeof(full) - 1);
	config_free(c);
}

static void
what_is_left_out_has_its_default(void **state)
{
	struct config *c = parse("version: 1\n"
				 "adapters: [{name: w, uplink: null}]\n"
				 "switches: [{name: s, kind: internal, ports: [{name: p, nic: tap, interface: x},\n"
				 "  {name: v, nic: vhost}]}]\n");
	char socket[CONFIG_SOCKET_MAX];
	long online = sysconf(_SC_NPROCESSORS_ONLN);

	/* The machine's CPUs, or fewer where this process may not use all of them. */
	assert_in_range(c->processors.count, 1, online);
	assert_int_equal(c->processors.count_asked, 0);
	assert_int_equal(c->processors.n_cpus, 0);
	assert_false(c->processors.poll);
	assert_int_equal(c->processors.speed_percent, 0);
	assert_int_equal(c->adapters[0].kind, UPLINK_NULL);
	assert_string_equal(c->adapters[0].arg, "");
	assert_int_equal(c->adapters[0].mode, ADAPTER_NONE);
	assert_int_equal(c->adapters[0].queues, 8);
	assert_false(c->adapters[0].dynamic);
	assert_int_equal(c->adapters[0].base_processor, -1);
	assert_int_equal(c->adapters[0].max_processors, 0);
	assert_int_equal(c->adapters[0].speed_mbps, 0);
	assert_int_equal(c->adapters[0].mtu, 0);
	assert_int_equal(c->switches[0].fdb_entries, 8192);
	assert_int_equal(c->switches[0].ageing_s, 300);
	assert_string_equal(c->ports[0].netns, "");
	assert_int_equal(c->ports[0].n_addresses, 0);
	assert_false(c->ports[0].has_mac);
	assert_int_equal(c->ports[0].queues, 1);
	assert_int_equal(c->ports[0].mtu, 1500);
	assert_int_equal(c->ports[0].txqueuelen, 256);
	assert_int_equal(c->ports[0].vmq_weight, 100);
	assert_true(c->ports[0].spoof_check);
	assert_int_equal(c->ports[0].vlan.mode, VLAN_UNTAGGED);
	assert_string_equal(config_port_socket(&c->ports[1], socket), "v.sock");
	assert_string_equal(c->ports[1].socket_owner, "");
	assert_int_equal(c->ports[1].socket_mode, 0660);
	assert_int_equal(c->ports[1].role, ROLE_SERVER);
	assert_int_equal(c->ports[1].mtu, 9216);
	assert_int_equal(c->log_level, LOG_LEVEL_INFO);
	config_free(c);

	c = parse("version: 1\nprocessors: {cpus: [3, 2, 1]}\n");
	assert_int_equal(c->processors.count, 3);
	config_free(c);
}

static void
many_ways_of_writing_are_taken(void **state)
{
	static const char *const rows[] = {
		"version: 1\n",
		"version: 1",
		"\xef\xbb\xbfversion: 1\r\nlog: {level: warn}\r\n",
		"---\nversion: 1\n...\n",
		"{\"version\": 1, \"adapters\": [], \"switches\": [], \"log\": {\"level\": \"info\"}}",
		"version:\t1\t# \xc3\xa4\ttabs that do not indent\n",
		"version: 1\nprocessors: {cpus: 0}\n",
		"version: 1\nprocessors: {}\n",
		"version: 1\nprocessors: {idle: poll}\n",
		"version: 1\nadapters: [{name: null, uplink: null}, {name: on, uplink: null}]\n",
		"version: 1\nadapters: [{name: a, uplink: \"memif:/run/a.sock\"}, {name: b, uplink: \"ring:b\"}]\n",
		"version: 1\nswitches: [{name: s, kind: internal, ports: [{name: p, nic: tap, interface: x, address: "
		"[]}]}]\n",
		/* one MAC on two switches, or in two VLANs, is two stations */
		"version: 1\nswitches:\n- {name: s, kind: internal, ports: [{name: p, nic: tap, interface: x, mac: "
		"02:f1:00:00:00:01}]}\n"
		"- {name: t, kind: internal, ports: [{name: q, nic: tap, interface: y, mac: 02:f1:00:00:00:01},\n"
		"   {name: r, nic: tap, interface: z, mac: 02:f1:00:00:00:01, vlan: {mode: access, id: 5}}]}\n",
		/* one address in two namespaces is two addresses, and so is one interface name */
		"version: 1\nswitches: [{name: s, kind: private, ports: [{name: p, nic: tap, netns: a, interface: x, "
		"address: 10.0.0.1/8},\n"
		"  {name: q, nic: tap, netns: b, interface: x, address: 10.0.0.1/8}]}]\n",
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		config_free(parse(rows[i]));
}

/* The items were zeroed before they were filled, so their bytes are their fields. */
static void
check_equal(const struct config *a, const struct config *b)
{
	assert_memory_equal(&a->processors, &b->processors, sizeof(a->processors));
	assert_int_equal(a->n_adapters, b->n_adapters);
	assert_memory_equal(a->adapters, b->adapters, sizeof(a->adapters));
	assert_int_equal(a->n_switches, b->n_switches);
	assert_memory_equal(a->switches, b->switches, sizeof(a->switches));
	assert_int_equal(a->n_ports, b->n_ports);
	if (a->n_ports > 0)
		assert_memory_equal(a->ports, b->ports, a->n_ports * sizeof(*a->ports));
	assert_int_equal(a->n_statics, b->n_statics);
	if (a->n_statics > 0)
		assert_memory_equal(a->statics, b->statics, a->n_statics * sizeof(*a->statics));
	assert_int_equal(a->log_level, b->log_level);
}

static void
check_round_trip(const char *yaml)
{
	struct config *c = parse(yaml), *again;
	char *text = config_emit(c), *text_again;

	assert_non_null(text);
	again = parse(text);
	check_equal(c, again);
	text_again = config_emit(again);
	assert_string_equal(text, text_again);
	free(text);
	free(text_again);
	config_free(c);
	config_free(again);
}

static void
what_is_emitted_reads_back_as_the_same(void **state)
{
	check_round_trip(full);
	check_round_trip("version: 1\n");
	check_round_trip("version: 1\nprocessors: {idle: poll}\n");
	/* Names that YAML would take for something else, and text that needs an escape. */
	check_round_trip("version: 1\nadapters: [{name: null, uplink: null}, {name: on, uplink: null}]\n"
			 "switches: [{name: \"true\", kind: external, uplink: \"on\", ports: [\n"
			 "  {name: \"no\", nic: tap, netns: \"a\\\\\\\"b\xc3\xa4#\", interface: \"#1\"}]}]\n");
}

static void
the_examples_are_good(void **state)
{
	static const char *const names[] = { "converged-host", "private-switch", "vlans", "vm-host" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char path[512], text[16384];
		size_t n;
		FILE *file;

		snprintf(path, sizeof(path), EXAMPLES "/%s.yaml", names[i]);
		file = fopen(path, "r");
		assert_non_null(file);
		n = fread(text, 1, sizeof(text) - 1, file);
		fclose(file);
		text[n] = '\0';
		check_round_trip(text);
	}
}

static void
only_what_was_chosen_is_emitted(void **state)
{
	static const struct {
		const char *yaml, *want;
	} rows[] = {
		{ "version: 1\n", "version: 1\n" },
		{ "version: 1\nprocessors: {idle: sleep}\nlog: {level: info}\nadapters: []\n", "version: 1\n" },
		{ "version: 1\nprocessors: {cpus: 3}\n", "version: 1\nprocessors:\n  cpus: 3\n" },
		{ "version: 1\nprocessors: {cpus: [0, 1]}\n", "version: 1\nprocessors:\n  cpus: [0, 1]\n" },
		{ "version: 1\nadapters: [{name: w, uplink: null, queues: 8, mode: none, base_processor: 0}]\n",
		  "version: 1\nadapters:\n  - name: w\n    uplink: \"null\"\n    base_processor: 0\n" },
		{ "version: 1\nswitches: [{name: s, kind: internal, ageing_s: 300, ports: [{name: p, nic: tap, "
		  "interface: x, mtu: 1500,\n"
		  "  vlan: {mode: untagged}, spoof_check: yes, address: fd00:0::1/64}]}]\n",
		  "version: 1\nswitches:\n  - name: s\n    kind: internal\n    ports:\n      - name: p\n        nic: "
		  "tap\n"
		  "        interface: x\n        address: \"fd00::1/64\"\n" },
		{ "version: 1\nswitches: [{name: s, kind: internal, ports: [{name: v, nic: vhost, mtu: 9216, role: "
		  "server, "
		  "socket_mode: \"660\"},\n"
		  "  {name: w, nic: vhost, mtu: 1500, socket_mode: \"7\", socket_owner: \"0:0\"}]}]\n",
		  "version: 1\nswitches:\n  - name: s\n    kind: internal\n    ports:\n      - name: v\n        nic: "
		  "vhost\n"
		  "      - name: w\n        nic: vhost\n        socket_owner: \"0:0\"\n        socket_mode: \"0007\"\n"
		  "        mtu: 1500\n" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct config *c = parse(rows[i].yaml);
		char *text = config_emit(c);

		assert_string_equal(text, rows[i].want);
		free(text);
		config_free(c);
	}
}

static void
a_mistake_reads_as_file_line_and_hint(void **state)
{
	static const char yaml[] =
		"version: 1\nswitches:\n- name: s\n  kind: internal\n  ports:\n  - {name: vm1, nic: tap, interface: x, "
		"vlna: 1, mtu: 1}\n";
	struct config_mistakes m;
	char *text;

	assert_null(config_parse(yaml, sizeof(yaml) - 1, &m));
	text = config_mistakes_text(&m, "host.yaml");
	assert_string_equal(text,
			    "host.yaml:6:41: port 'vm1': unknown key 'vlna' (switches[0].ports[0].vlna)\n"
			    "  hint: did you mean 'vlan'?\n"
			    "host.yaml:6:55: port 'vm1': mtu 1 is outside 68 to 9216 (switches[0].ports[0].mtu)\n"
			    "  hint: valid: 68 to 9216 bytes; largest packet without the Ethernet header; left "
			    "out: 1500, for a vhost NIC or a VF 9216 (less if QEMU says so), for an _hv VF 1500\n");
	free(text);
	config_mistakes_free(&m);
}

static void
a_file_cannot_drive_the_terminal(void **state)
{
	/* Escapes inside double quotes make characters that the text itself could not have. */
	static const char yaml[] = "version: 1\n\"\\e[2J\\u009b\\n\": 1\n";
	struct config_mistakes m;

	assert_null(config_parse(yaml, sizeof(yaml) - 1, &m));
	assert_string_equal(m.list[0].err.msg, "unknown key '?[2J?"
					       "?'");
	config_mistakes_free(&m);
}

/* A file of one private switch with n ports; the caller frees. */
static char *
many_ports(unsigned n)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	assert_non_null(out);
	fprintf(out, "version: 1\nswitches:\n- name: s\n  kind: private\n  ports:\n");
	for (unsigned i = 0; i < n; i++)
		fprintf(out,
			"  - {name: vm%u, nic: tap, netns: n%u, interface: eth0, mac: 02:f1:00:00:%02x:%02x, address: "
			"10.0.%u.%u/16}\n",
			i, i, i >> 8, i & 255, i >> 8, i & 255);
	fclose(out);
	return text;
}

static void
as_many_ports_as_the_limit_and_one_more(void **state)
{
	char *text = many_ports(1024);
	struct config_mistakes m;
	struct config *c = parse(text);

	assert_int_equal(c->n_ports, 1024);
	assert_string_equal(c->ports[1023].name, "vm1023");
	config_free(c);
	check_round_trip(text);
	free(text);

	text = many_ports(1030);
	assert_null(config_parse(text, strlen(text), &m));
	assert_int_equal(m.n, 1);
	assert_int_equal(m.list[0].line, 5 + 1025);
	assert_non_null(strstr(m.list[0].err.msg, "1024 are the most of ports, over all switches"));
	config_mistakes_free(&m);
	free(text);
}

static void
the_first_hundred_mistakes_are_said_and_the_others_counted(void **state)
{
	char text[8192] = "version: 1\n", *said;
	struct config_mistakes m;

	for (unsigned i = 0; i < 130; i++)
		strcat(text, "x: 1\n");
	strcat(text, "version: 1\n");
	assert_null(config_parse(text, strlen(text), &m));
	assert_int_equal(m.n, 100);
	assert_int_equal(m.hidden, 31);
	assert_int_equal(m.list[0].line, 2);
	assert_int_equal(m.list[99].line, 101);
	said = config_mistakes_text(&m, "f");
	assert_non_null(strstr(said, "f: 31 more mistakes are not shown\n"));
	free(said);
	config_mistakes_free(&m);
}

static void
a_mebibyte_is_the_most(void **state)
{
	size_t len = CONFIG_TEXT_MAX;
	char *text = malloc(len + 2);
	struct config_mistakes m;
	struct config *c;

	assert_non_null(text);
	memset(text, ' ', len + 1);
	memcpy(text, "version: 1 #", 12);
	text[len + 1] = '\0';
	c = config_parse(text, len, &m);
	assert_non_null(c);
	config_free(c);
	assert_null(config_parse(text, len + 1, &m));
	assert_int_equal(m.n, 1);
	assert_int_equal(m.list[0].line, 0);
	assert_string_equal(m.list[0].err.msg, "the file has 1048577 bytes, at most 1048576 are taken");
	config_mistakes_free(&m);
	free(text);
}

/* One mapping, as many wrong keys as values are taken: the work for each must not grow with their number. */
static void
a_hundred_thousand_mistakes_cost_little(void **state)
{
	static const char *const units[] = { "x: 1\n", "log: 1\n", "web: 1\n" };
	char *text = malloc(CONFIG_TEXT_MAX + 1);
	unsigned n = 120000;

	assert_non_null(text);
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		struct config_mistakes m;
		char *out = text;

		for (unsigned k = 0; k < n; k++)
			out = stpcpy(out, units[i]);
		assert_null(config_parse(text, (size_t)(out - text), &m));
		assert_int_equal(m.n + m.hidden, n + 1); /* and the version is missing */
		config_mistakes_free(&m);
	}
	free(text);
}

/* Files that are made to cost; the test's own time limit says that each was refused quickly. */
static void
a_hostile_file_costs_little(void **state)
{
	static const char *const units[] = { "[",    "{",        "- ", "a: ",    "[],", "? ",     "&a ",
					     "*a\n", "- - - - ", "\"", "x: 1\n", "a,",  "{a: 1}," };
	char *text = malloc(CONFIG_TEXT_MAX);

	assert_non_null(text);
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		struct config_mistakes m;
		size_t n = strlen(units[i]);

		for (size_t at = 0; at < CONFIG_TEXT_MAX; at++)
			text[at] = units[i][at % n];
		assert_null(config_parse(text, CONFIG_TEXT_MAX, &m));
		assert_true(m.n > 0);
		config_mistakes_free(&m);
	}
	free(text);
}

static void
a_nul_byte_is_refused_where_it_stands(void **state)
{
	static const char yaml[] = "version: 1\nlog: {level: in\0fo}\n";
	struct config_mistakes m;

	assert_null(config_parse(yaml, sizeof(yaml) - 1, &m));
	assert_int_equal(m.list[0].line, 2);
	assert_int_equal(m.list[0].column, 16);
	assert_non_null(strstr(m.list[0].err.msg, "a NUL byte"));
	config_mistakes_free(&m);
}

/* The linker sends the allocations of our code, not of libyaml's, through these. */
void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *old, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *old, size_t size);

static long allocations_left = -1; /* negative: no end */

static bool
allocation_fails(void)
{
	return allocations_left >= 0 && allocations_left-- == 0;
}

void *
__wrap_malloc(size_t size)
{
	return allocation_fails() ? NULL : __real_malloc(size);
}

void *
__wrap_calloc(size_t n, size_t size)
{
	return allocation_fails() ? NULL : __real_calloc(n, size);
}

void *
__wrap_realloc(void *old, size_t size)
{
	return allocation_fails() ? NULL : __real_realloc(old, size);
}

static void
a_lack_of_memory_is_one_sentence_and_no_leak(void **state)
{
	char *text = many_ports(40); /* more than one growth of the list of ports */
	struct config *c = NULL;
	long n;

	for (n = 0; c == NULL && n < 1000; n++) {
		struct config_mistakes m;

		allocations_left = n;
		c = config_parse(text, strlen(text), &m);
		allocations_left = -1;
		if (c == NULL) {
			assert_int_equal(m.n, 1);
			assert_non_null(strstr(m.list[0].err.msg, "not enough memory"));
		}
		config_mistakes_free(&m);
	}
	assert_non_null(c);
	assert_true(n > 10);
	config_free(c);
	free(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_key_reaches_its_field),
		cmocka_unit_test(what_is_left_out_has_its_default),
		cmocka_unit_test(many_ways_of_writing_are_taken),
		cmocka_unit_test(what_is_emitted_reads_back_as_the_same),
		cmocka_unit_test(the_examples_are_good),
		cmocka_unit_test(only_what_was_chosen_is_emitted),
		cmocka_unit_test(a_mistake_reads_as_file_line_and_hint),
		cmocka_unit_test(a_file_cannot_drive_the_terminal),
		cmocka_unit_test(as_many_ports_as_the_limit_and_one_more),
		cmocka_unit_test(the_first_hundred_mistakes_are_said_and_the_others_counted),
		cmocka_unit_test(a_mebibyte_is_the_most),
		cmocka_unit_test(a_hundred_thousand_mistakes_cost_little),
		cmocka_unit_test(a_hostile_file_costs_little),
		cmocka_unit_test(a_nul_byte_is_refused_where_it_stands),
		cmocka_unit_test(a_lack_of_memory_is_one_sentence_and_no_leak),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
