/* config_diff_test.c - differences of configurations, one row each, and copies. */
#include "ctl/config_test.h"

#include <errno.h>

#include "ctl/config_diff.h"

#define BASE                                                                                                        \
	"version: 1\n"                                                                                              \
	"processors: {count: 4}\n"                                                                                  \
	"adapters:\n"                                                                                               \
	"- {name: wire, uplink: \"af_xdp:eth7\"}\n"                                                                 \
	"switches:\n"                                                                                               \
	"- name: ext\n"                                                                                             \
	"  kind: external\n"                                                                                        \
	"  uplink: wire\n"                                                                                          \
	"  ports:\n"                                                                                                \
	"  - {name: vm1, nic: tap, netns: a, interface: eth0, mac: \"02:f1:00:00:00:01\", address: 10.77.0.1/24}\n" \
	"  - {name: vm2, nic: tap, netns: b, interface: eth0}\n"                                                    \
	"  static:\n"                                                                                               \
	"  - {mac: \"02:f1:00:00:00:09\", port: wire}\n"                                                            \
	"- {name: own, kind: internal}\n"                                                                           \
	"- {name: guests, kind: internal, ports: [{name: vm3, nic: vhost}]}\n"

static struct config *
parsed(const char *yaml)
{
	struct config_mistakes m = { 0 };
	struct config *config = config_parse(yaml, strlen(yaml), &m);

	if (config == NULL)
		print_error("%s\n%s\n", yaml, config_mistakes_text(&m, "row"));
	assert_non_null(config);
	return config;
}

/* text with the first `from` in it replaced by `to`. */
static char *
replaced(const char *text, const char *from, const char *to)
{
	const char *at = strstr(text, from);
	char *out = calloc(1, strlen(text) + strlen(to) + 1);

	assert_non_null(at);
	assert_non_null(out);
	sprintf(out, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
	return out;
}

static void
note(void *arg, const struct config_difference *d)
{
	static const char *const kind[] = {
		[CONFIG_GONE] = "gone", [CONFIG_ADDED] = "added", [CONFIG_CHANGED] = "changed"
	};
	char *text = arg;
	size_t len = strlen(text);

	if (d->kind == CONFIG_CHANGED)
		snprintf(text + len, 1024 - len, "%s %s: %s to %s\n", d->object, d->key,
			 d->first[0] != '\0' ? d->first : "-", d->second[0] != '\0' ? d->second : "-");
	else
		snprintf(text + len, 1024 - len, "%s %s\n", d->object, kind[d->kind]);
}

static void
each_difference_is_told_with_its_object_and_values(void **state)
{
	static const struct {
		const char *from, *to, *told;
	} rows[] = {
		{ "count: 4", "count: 5", "processors count: 4 to 5\n" },
		{ "count: 4}", "count: 4, idle: poll}", "processors idle: sleep to poll\n" },
		{ "count: 4}", "count: 4, cpus: [0, 1]}", "processors cpus: - to 0, 1\n" },
		{ "version: 1", "version: 1\nlog: {level: debug}", "log level: info to debug\n" },
		{ "eth7\"}", "eth7\", mode: vmq}", "adapter wire mode: none to vmq\n" },
		{ "eth7\"}", "eth7\", base_processor: 0}", "adapter wire base_processor: - to 0\n" },
		{ "eth7\"}", "eth7\", speed: 2500M}", "adapter wire speed: - to 2500M\n" },
		{ "eth7", "eth8", "adapter wire uplink: af_xdp:eth7 to af_xdp:eth8\n" },
		{ "- name: ext\n", "- name: ext\n  ageing_s: 10\n", "switch ext ageing_s: 300 to 10\n" },
		{ "kind: external\n  uplink: wire", "kind: external\n  uplink: wire", "" },
		{ "vm2", "vm9", "port vm2 gone\nport vm9 added\n" },
		{ "02:f1:00:00:00:01", "02:f1:00:00:00:05", "port vm1 mac: 02:f1:00:00:00:01 to 02:f1:00:00:00:05\n" },
		{ ", mac: \"02:f1:00:00:00:01\"", "", "port vm1 mac: 02:f1:00:00:00:01 to -\n" },
		{ "address: 10.77.0.1/24", "address: [10.77.0.1/24, \"fd00::1/64\"]",
		  "port vm1 address: 10.77.0.1/24 to 10.77.0.1/24, fd00::1/64\n" },
		{ "netns: b, interface: eth0}", "netns: b, interface: eth0, vlan: {mode: access, id: 9}}",
		  "port vm2 vlan.mode: untagged to access\nport vm2 vlan.id: - to 9\n" },
		{ "netns: b, interface: eth0}", "netns: b, interface: eth0, vlan: {mode: trunk, ids: [4, 6-8]}}",
		  "port vm2 vlan.mode: untagged to trunk\nport vm2 vlan.ids: - to [4, 6-8]\n" },
		{ "netns: b", "netns: c", "port vm2 netns: b to c\n" },
		{ "netns: b, ", "", "port vm2 netns: b to -\n" },
		{ "vm2, nic", "vm2, spoof_check: off, nic", "port vm2 spoof_check: on to off\n" },
		{ "vm2, nic: tap, netns: b, interface: eth0", "vm2, nic: vhost",
		  "port vm2 nic: tap to vhost\nport vm2 netns: b to -\nport vm2 interface: eth0 to -\n"
		  "port vm2 mtu: 1500 to 9216\n" },
		{ "vm3, nic: vhost", "vm3, nic: vhost, socket: a, socket_owner: \"a:b\", socket_mode: 0600",
		  "port vm3 socket: - to a\nport vm3 socket_owner: - to a:b\nport vm3 socket_mode: 0660 to 0600\n" },
		{ "vm3, nic: vhost", "vm3, nic: vhost, role: client, mtu: 1500",
		  "port vm3 role: server to client\nport vm3 mtu: 9216 to 1500\n" },
		{ "vm3, nic: vhost", "vm3, nic: vhost, mtu: 9216, socket_mode: \"0660\"", "" },
		{ "port: wire", "port: vm2",
		  "static entry 02:f1:00:00:00:09, VLAN 0 of switch ext port: wire to vm2\n" },
		{ "00:09", "00:0a",
		  "static entry 02:f1:00:00:00:09, VLAN 0 of switch ext gone\n"
		  "static entry 02:f1:00:00:00:0a, VLAN 0 of switch ext added\n" },
		{ "- {name: own, kind: internal}\n", "", "switch own gone\n" },
		{ "- {name: own", "- {name: new, kind: private}\n- {name: own", "switch new added\n" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char *yaml = replaced(BASE, rows[i].from, rows[i].to), text[1024] = "";
		struct config *a = parsed(BASE), *b = parsed(yaml);

		config_diff(a, b, note, text);
		if (strcmp(text, rows[i].told) != 0)
			print_error("row %zu: '%s' to '%s'\n", i, rows[i].from, rows[i].to);
		assert_string_equal(text, rows[i].told);
		config_free(a);
		config_free(b);
		free(yaml);
	}
}

static void
a_port_that_moved_to_another_switch_says_so(void **state)
{
	char *without = replaced(BASE, "  - {name: vm2, nic: tap, netns: b, interface: eth0}\n", "");
	char *yaml = replaced(without, "kind: internal}",
			      "kind: internal, ports: [{name: vm2, nic: tap, netns: b, interface: eth0}]}");
	struct config *a = parsed(BASE), *b = parsed(yaml);
	char text[1024] = "";

	assert_int_equal(config_diff(a, b, note, text), 1);
	assert_string_equal(text, "port vm2 switch: ext to own\n");
	config_free(a);
	config_free(b);
	free(without);
	free(yaml);
}

/* Indexes differ, names do not: nothing of it is a difference. */
static void
another_order_is_no_difference(void **state)
{
	static const char *const other = "version: 1\n"
					 "processors: {count: 4}\n"
					 "switches:\n"
					 "- {name: guests, kind: internal, ports: [{name: vm3, nic: vhost}]}\n"
					 "- {name: own, kind: internal}\n"
					 "- name: ext\n"
					 "  kind: external\n"
					 "  uplink: wire\n"
					 "  static:\n"
					 "  - {mac: \"02:f1:00:00:00:09\", port: wire}\n"
					 "  ports:\n"
					 "  - {name: vm2, nic: tap, netns: b, interface: eth0}\n"
					 "  - {name: vm1, nic: tap, netns: a, interface: eth0, mac: "
					 "\"02:f1:00:00:00:01\", address: 10.77.0.1/24}\n"
					 "adapters:\n"
					 "- {name: wire, uplink: \"af_xdp:eth7\"}\n";
	struct config *a = parsed(BASE), *b = parsed(other);

	assert_int_equal(config_diff(a, b, NULL, NULL), 0);
	config_free(a);
	config_free(b);
}

static void
a_copy_says_the_same_and_shares_nothing(void **state)
{
	struct config *config = parsed(BASE), *copy = config_copy(config), *again = parsed(BASE);

	assert_non_null(copy);
	assert_ptr_not_equal(copy->ports, config->ports);
	assert_ptr_not_equal(copy->statics, config->statics);
	assert_ptr_not_equal(copy->text, config->text);
	/* What is done to the first one is not seen in the copy. */
	config->ports[0].mtu = 1000;
	config->statics[0].vlan = 7;
	config->text[0] = 'X';
	config_free(config);
	assert_int_equal(config_diff(again, copy, NULL, NULL), 0);
	assert_string_equal(copy->text, BASE);
	assert_int_equal(copy->text_len, strlen(BASE));
	config_free(again);
	config_free(copy);
}

static void
a_configuration_without_lists_can_be_copied(void **state)
{
	struct config *config = parsed("version: 1\n"), *copy = config_copy(config);

	assert_non_null(copy);
	assert_int_equal(config_diff(config, copy, NULL, NULL), 0);
	config_free(config);
	config_free(copy);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_difference_is_told_with_its_object_and_values),
		cmocka_unit_test(a_port_that_moved_to_another_switch_says_so),
		cmocka_unit_test(another_order_is_no_difference),
		cmocka_unit_test(a_copy_says_the_same_and_shares_nothing),
		cmocka_unit_test(a_configuration_without_lists_can_be_copied),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
