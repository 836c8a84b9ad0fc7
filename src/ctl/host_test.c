/* host_test.c - a running host from one configuration to the next: refused ones leave no trace, valid ones find a way. */
#include "ctl/test_rig.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vsw/learn.h"

/* A port whose namespace does not exist: whatever else stands in the file, it is refused when this is reached. */
#define IMPOSSIBLE "\n  - {name: never, nic: tap, netns: flnone, interface: flm9}\n"
#define INNER "  - {name: inner, nic: tap, interface: flm4, queues: 2}\n"

static void
is_refused(const char *yaml, int code)
{
	json_t *params = json_pack("{s:s, s:s}", "file", "f.yaml", "text", yaml), *result;
	struct err err;

	assert_int_equal(call("config.apply", params, &result, &err), code);
}

static struct mac
mac_of(const char *interface)
{
	struct keep_link link;
	struct err err;

	if (keep_link_show(interface, NULL, &link, &err) < 0)
		fail_msg("%s", err.msg);
	return link.mac;
}

static const struct port_conf *
conf_of(const char *port)
{
	return atomic_load(&host_find_port(&host, port)->port.conf);
}

/* The port where the station is a static entry of the switch; NULL: nowhere. */
static const char *
static_at(const char *sw, const char *mac, uint16_t vid)
{
	struct vswitch *vsw = host_find_switch(&host, sw)->sw;
	struct fdb_entry list[64];
	struct mac wanted;
	size_t n;

	assert_int_equal(mac_parse(mac, &wanted), 0);
	learn_lock();
	n = fdb_list(vsw->fdb, list, 64);
	learn_unlock();
	for (size_t i = 0; i < n; i++)
		if (list[i].is_static && list[i].vid == vid && mac_equal(&list[i].mac, &wanted))
			return atomic_load(&vsw->ports)->port[list[i].slot]->vport->name;
	return NULL;
}

/* Interface and switch must agree, or the source check drops all that its guest sends. */
static void
address_is(const char *port, const char *interface, const struct mac *mac)
{
	struct mac is = mac_of(interface);

	assert_memory_equal(&is, mac, sizeof(is));
	assert_memory_equal(&conf_of(port)->mac, mac, sizeof(*mac));
}

static void
a_refused_change_leaves_an_interface_its_own_address(void **state)
{
	char *next = replaced("interface: flm4", "mac: \"02:f1:00:00:00:44\", interface: flm4");
	char *impossible = NULL;
	struct mac own = mac_of("flm4");

	assert_true(asprintf(&impossible, "%s%s", next, IMPOSSIBLE) > 0);
	is_refused(impossible, -ENOENT);
	address_is("inner", "flm4", &own);
	/* Taken and given up again, it has the same one. */
	json_decref(applied(next, 0));
	json_decref(applied(host_text, 0));
	address_is("inner", "flm4", &own);
	free(impossible);
	free(next);
}

/* A guest goes on with the address that it knows, and so do its neighbours. */
static void
a_port_that_is_made_anew_has_the_address_that_it_had(void **state)
{
	char *next = replaced("interface: flm4, queues: 2", "interface: flm4"), *impossible = NULL;
	struct mac own = mac_of("flm4");

	assert_true(asprintf(&impossible, "%s%s", next, IMPOSSIBLE) > 0);
	is_refused(impossible, -ENOENT);
	address_is("inner", "flm4", &own);
	json_decref(applied(next, 0));
	address_is("inner", "flm4", &own);
	free(impossible);
	free(next);
}

/* Another port's address is not in the file, so only the switch knows of it. */
static void
an_address_that_is_taken_leaves_the_interface_its_own(void **state)
{
	char *two = replaced(INNER, INNER "  - {name: second, nic: tap, interface: flm5}\n"), *clash = NULL;
	char text[MAC_TEXT_LEN];
	struct mac first = mac_of("flm4"), own;

	json_decref(applied(two, 0));
	own = mac_of("flm5");
	assert_true(asprintf(&clash, "%.*s, mac: \"%s\"}\n", (int)strlen(two) - 2, two, mac_format(&first, text)) > 0);
	is_refused(clash, -EEXIST);
	address_is("second", "flm5", &own);
	address_is("inner", "flm4", &first);
	free(clash);
	free(two);
}

static void
a_refused_change_leaves_static_entries_as_they_were(void **state)
{
	char *next = replaced("{mac: \"02:f1:00:00:00:09\", vlan: 20, port: wire}",
			      "{mac: \"02:f1:00:00:00:09\", vlan: 20, port: vm3}\n"
			      "  - {mac: \"02:f1:00:00:00:0a\", vlan: 21, port: vm3}");
	char *two = replaced(INNER, INNER "  - {name: second, nic: tap, interface: flm5}\n"), *clash = NULL;
	char text[MAC_TEXT_LEN];
	struct mac inner = mac_of("flm4");

	/* Refused at the last moment: an entry of the second switch is a port's own address. */
	assert_true(asprintf(&clash,
			     "%s  - {name: second, nic: tap, interface: flm5}\n"
			     "  static: [{mac: \"%s\", port: second}]\n",
			     next, mac_format(&inner, text)) > 0);
	is_refused(clash, -EEXIST);
	assert_string_equal(static_at("ext", "02:f1:00:00:00:09", 20), "wire");
	assert_null(static_at("ext", "02:f1:00:00:00:0a", 21));
	assert_string_equal(static_at("own", text, 0), "inner");
	free(clash);
	free(two);
	free(next);
}

static void
a_port_keeps_its_own_address_when_a_static_entry_for_it_goes(void **state)
{
	char *next = replaced("static:\n", "static:\n  - {mac: \"02:f1:00:00:00:01\", port: vm1}\n");

	json_decref(applied(next, 0));
	assert_string_equal(static_at("ext", "02:f1:00:00:00:01", 0), "vm1");
	json_decref(applied(host_text, 0));
	assert_string_equal(static_at("ext", "02:f1:00:00:00:01", 0), "vm1");
	free(next);
}

static void
a_port_takes_the_address_of_a_static_entry_that_goes(void **state)
{
	char *before = replaced("vlan: 20, port: wire", "vlan: 0, port: wire");
	char *next = replaced("mac: \"02:f1:00:00:00:01\"", "mac: \"02:f1:00:00:00:09\"");

	json_decref(applied(before, 0));
	json_decref(applied(next, 0));
	assert_string_equal(static_at("ext", "02:f1:00:00:00:09", 20), "wire");
	assert_string_equal(static_at("ext", "02:f1:00:00:00:09", 0), "vm1");
	free(next);
	free(before);
}

/* And one that stays a static entry when its port has it no more. */
static void
a_static_entry_outlives_the_port_address_that_it_was(void **state)
{
	char *with = replaced("static:\n", "static:\n  - {mac: \"02:f1:00:00:00:01\", port: vm1}\n"), *at, *next;

	json_decref(applied(with, 0));
	next = strdup(with);
	assert_non_null(next);
	at = strstr(next, "mac: \"02:f1:00:00:00:01\""); /* the port's */
	memcpy(at, "mac: \"02:f1:00:00:00:21\"", strlen("mac: \"02:f1:00:00:00:21\""));
	json_decref(applied(next, 0));
	assert_string_equal(static_at("ext", "02:f1:00:00:00:01", 0), "vm1");
	assert_string_equal(static_at("ext", "02:f1:00:00:00:21", 0), "vm1");
	free(next);
	free(with);
}

static const char three[] = "version: 1\n"
			    "processors: {count: 3, speed_percent: 20}\n"
			    "switches:\n"
			    "- name: own\n"
			    "  kind: internal\n"
			    "  ports:\n"
			    "  - {name: a, nic: tap, interface: flm1, mac: \"02:f1:00:00:00:0%c\"}\n"
			    "  - {name: b, nic: tap, interface: flm2, mac: \"02:f1:00:00:00:0%c\"}\n"
			    "  - {name: c, nic: tap, interface: flm3, mac: \"02:f1:00:00:00:0%c\"}\n";

/* Addresses 1 to 5 that ports a, b, c change to, from 1, 2, 3. */
static void
ports_hand_their_addresses_on(void **state)
{
	static const char rows[][4] = { "234", "412", "314", "231", "213", "321", "312" };
	char text[sizeof(three)], mac[] = "02:f1:00:00:00:00";

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		snprintf(text, sizeof(text), three, '1', '2', '3');
		json_decref(applied(text, 0));
		snprintf(text, sizeof(text), three, rows[i][0], rows[i][1], rows[i][2]);
		json_decref(applied(text, 0));
		for (int port = 0; port < 3; port++) {
			const char *at;

			mac[sizeof(mac) - 2] = rows[i][port];
			at = static_at("own", mac, 0);
			assert_non_null(at);
			assert_int_equal(at[0], 'a' + port);
		}
		key_is(asked("switch.show", "{'switch': 'own'}"), "fdb_used", "3");
	}
}

static const char *
vm_queue_of(const char *port)
{
	static char text[32];
	json_t *row = row_of(asked("vmq.list", "{}"), "port", port);
	json_t *queue = json_object_get(row, "queue");

	snprintf(text, sizeof(text), "%d on %d", (int)json_integer_value(queue),
		 (int)json_integer_value(json_object_get(row, "processor")));
	json_decref(row);
	return text;
}

/* The wire has two, vm1 and vm2 hold them, and vm3 waits for one with the highest weight. */
static void
a_port_keeps_its_vm_queue_whatever_becomes_of_its_filter(void **state)
{
	static const char *const changes[] = {
		"{'port': 'vm1', 'vlan': 30}",
		"{'port': 'vm1', 'mac': '02:f1:00:00:00:31'}",
		"{'port': 'vm1', 'vmq_weight': 1}",
		"{'port': 'vm1', 'mtu': 1400}",
	};
	char *next = replaced("interface: flm1", "vmq_weight: 50, interface: flm1"), before[32];

	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		json_decref(applied(next, 0));
		snprintf(before, sizeof(before), "%s", vm_queue_of("vm1"));
		assert_int_not_equal(before[0], '0');
		json_decref(asked("port.set", "{'port': 'vm3', 'vmq_weight': 100}"));
		json_decref(asked("port.set", "%s", changes[i]));
		assert_string_equal(vm_queue_of("vm1"), before);
		rig_fresh(NULL);
	}
	free(next);
}

static void
adapters_with_long_names_that_begin_alike_run_side_by_side(void **state)
{
	json_t *rows;

	json_decref(applied("version: 1\n"
			    "processors: {count: 3, speed_percent: 20}\n"
			    "adapters:\n"
			    "- {name: datacentre-one-upper-uplink-one, uplink: \"null\"}\n"
			    "- {name: datacentre-one-upper-uplink-two, uplink: \"null\"}\n"
			    "switches:\n"
			    "- {name: one, kind: external, uplink: datacentre-one-upper-uplink-one}\n"
			    "- {name: two, kind: external, uplink: datacentre-one-upper-uplink-two}\n",
			    0));
	rows = asked("adapter.list", "{}");
	assert_int_equal(json_array_size(rows), 2);
	json_decref(rows);
}

static int
tests(void)
{
	const struct CMUnitTest list[] = {
		RIG_TEST(a_refused_change_leaves_an_interface_its_own_address),
		RIG_TEST(a_port_that_is_made_anew_has_the_address_that_it_had),
		RIG_TEST(an_address_that_is_taken_leaves_the_interface_its_own),
		RIG_TEST(a_refused_change_leaves_static_entries_as_they_were),
		RIG_TEST(a_port_keeps_its_own_address_when_a_static_entry_for_it_goes),
		RIG_TEST(a_port_takes_the_address_of_a_static_entry_that_goes),
		RIG_TEST(a_static_entry_outlives_the_port_address_that_it_was),
		RIG_TEST(ports_hand_their_addresses_on),
		RIG_TEST(a_port_keeps_its_vm_queue_whatever_becomes_of_its_filter),
		RIG_TEST(adapters_with_long_names_that_begin_alike_run_side_by_side),
	};

	return cmocka_run_group_tests(list, rig_start, rig_stop);
}

int
main(void)
{
	return rig_main(tests);
}
