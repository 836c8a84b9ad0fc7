/*
 * methods_test.c - every method on a running host: what is answered keeps what the schema promises, and what is refused
 * changes nothing.
 */
#include "ctl/test_rig.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl/config_diff.h"
#include "ctl/params.h"

#define N(rows) (sizeof(rows) / sizeof((rows)[0]))

static void
every_method_that_asks_the_daemon_has_code(void **state)
{
	for (const struct schema_method *m = schema_methods; m->noun != NULL; m++) {
		const struct rpc_handler *h = control_methods;
		char name[64];

		schema_method_name(m, name, sizeof(name));
		while (h->method != NULL && strcmp(h->method, name) != 0)
			h++;
		if ((h->method == NULL) != m->local)
			fail_msg("%s", name);
	}
}

static void
what_is_answered_is_what_the_schema_says(void **state)
{
	static const struct {
		const char *method, *params;
	} rows[] = {
		{ "processor.list", "{}" },
		{ "processor.show", "{'processor': 2}" },
		{ "queue.list", "{}" },
		{ "queue.show", "{'queue': 0}" },
		{ "adapter.list", "{}" },
		{ "adapter.show", "{'adapter': 'wire'}" },
		{ "adapter.show", "{'adapter': 'spare'}" },
		{ "switch.list", "{}" },
		{ "switch.show", "{'switch': 'ext'}" },
		{ "switch.show", "{'switch': 'own', 'limit': 0}" },
		{ "port.list", "{}" },
		{ "port.show", "{'port': 'vm1'}" },
		{ "port.show", "{'port': 'vm3'}" },
		{ "vmq.list", "{}" },
		{ "vmq.show", "{'adapter': 'wire'}" },
		{ "vmq.show", "{'adapter': 'spare'}" },
		{ "vmq.watch", "{}" },
		{ "vmq.watch", "{'adapter': 'wire', 'since': 5}" },
		{ "rss.list", "{}" },
		{ "rss.show", "{'adapter': 'wire'}" },
		{ "rss.show", "{'adapter': 'spare'}" },
		{ "vrss.list", "{}" },
		{ "vrss.show", "{'port': 'vm1'}" },
		{ "vrss.show", "{'port': 'inner'}" },
		{ "offload.list", "{}" },
		{ "offload.show", "{'adapter': 'spare'}" },
		{ "drops", "{}" },
		{ "drops", "{'port': 'wire'}" },
		{ "stats.show", "{}" },
		{ "stats.show", "{'port': 'vm2'}" },
		{ "config.show", "{}" },
	};

	for (size_t i = 0; i < N(rows); i++)
		json_decref(asked(rows[i].method, "%s", rows[i].params));
}

static void
names_that_nobody_has_are_refused_with_a_hint(void **state)
{
	static const struct {
		const char *method, *params, *msg, *hint, *path;
	} rows[] = {
		{ "processor.show", "{'processor': 3}", "no processor 3", "processors 0 to 2", "processor" },
		{ "queue.show", "{'queue': 4095}", "no queue 4095", "queue list", "queue" },
		{ "queue.show", "{'queue': 4096}", "no queue 4096", "queue list", "queue" },
		{ "queue.show", "{'queue': 65535}", "no queue 65535", "queue list", "queue" },
		{ "queue.pin", "{'queue': 4000}", "no queue 4000", "", "queue" },
		{ "queue.move", "{'queue': 4000, 'processor': 0}", "no queue 4000", "", "queue" },
		{ "queue.move", "{'queue': 0, 'processor': 3}", "no processor 3", "0 to 2", "processor" },
		{ "adapter.show", "{'adapter': 'wier'}", "no adapter 'wier'", "did you mean 'wire'?", "adapter" },
		{ "vmq.enable", "{'adapter': 'xyzzy'}", "no adapter 'xyzzy'", "there are: wire, spare", "adapter" },
		{ "switch.show", "{'switch': 'exd'}", "no switch 'exd'", "did you mean 'ext'?", "switch" },
		{ "port.show", "{'port': 'xyzzy'}", "no port 'xyzzy'", "there are: vm1, vm2, vm3, inner", "port" },
		{ "port.set", "{'port': 'vm9', 'mtu': 1400}", "no port 'vm9'", "did you mean 'vm1'?", "port" },
		{ "drops", "{'port': 'wirr'}", "no port or adapter in use with the name 'wirr'", "did you mean 'wire'?",
		  "port" },
		{ "stats.show", "{'port': 'spare'}", "no port or adapter in use with the name 'spare'",
		  "there are: vm1, vm2, vm3, inner, wire", "port" },
	};

	for (size_t i = 0; i < N(rows); i++) {
		json_t *result;
		struct err err;

		assert_int_equal(call(rows[i].method, json_of("%s", rows[i].params), &result, &err), -ENOENT);
		if (strcmp(err.msg, rows[i].msg) != 0 || strstr(err.hint, rows[i].hint) == NULL ||
		    strcmp(err.path, rows[i].path) != 0)
			fail_msg("row %zu: '%s', hint '%s', path '%s'", i, err.msg, err.hint, err.path);
	}
}

static void
ports_show_what_the_file_says(void **state)
{
	key_is(asked("port.show", "{'port': 'vm1'}"), "mac", "'02:f1:00:00:00:01'");
	key_is(asked("port.show", "{'port': 'vm1'}"), "vlan_mode", "'untagged'");
	key_is(asked("port.show", "{'port': 'vm1'}"), "vlan_allowed", "null");
	key_is(asked("port.show", "{'port': 'vm2'}"), "vlan", "10");
	key_is(asked("port.show", "{'port': 'vm3'}"), "vlan", "10");
	key_is(asked("port.show", "{'port': 'vm3'}"), "vlan_allowed", "'10,20-22,4094'");
	key_is(asked("port.show", "{'port': 'inner'}"), "queues", "2");
	key_is(asked("port.show", "{'port': 'inner'}"), "state", "'up'");
	key_is(asked("port.show", "{'port': 'inner'}"), "switch", "'own'");
}

/* Static: what the file enters, and the addresses of ports that are in one VLAN. */
static void
the_mac_table_has_stations_in_order(void **state)
{
	json_t *shown = asked("switch.show", "{'switch': 'ext'}"), *fdb = json_object_get(shown, "fdb"), *row;
	const char *before = "";
	json_int_t vlan = 0;
	size_t i;

	json_array_foreach(fdb, i, row)
	{
		const char *mac = json_string_value(json_object_get(row, "mac"));

		if (json_integer_value(json_object_get(row, "vlan")) > vlan)
			before = "";
		assert_true(strcmp(before, mac) < 0);
		before = mac;
		assert_true(json_integer_value(json_object_get(row, "vlan")) >= vlan);
		vlan = json_integer_value(json_object_get(row, "vlan"));
	}
	json_incref(fdb);
	json_decref(shown);
	row = row_of(fdb, "mac", "02:f1:00:00:00:09");
	json_incref(row);
	key_is(row, "port", "'wire'");
	json_incref(row);
	key_is(row, "vlan", "20");
	key_is(row, "static", "true");
	shown = asked("switch.show", "{'switch': 'ext', 'limit': 1}");
	assert_int_equal(json_array_size(json_object_get(shown, "fdb")), 1);
	json_decref(shown);
}

static void
a_processor_has_the_queues_that_say_so(void **state)
{
	json_t *queues = asked("queue.list", "{}"), *q;
	size_t i, k;

	assert_int_equal(json_array_size(queues), 6); /* the default one, vm1 to vm3, two of inner */
	json_array_foreach(queues, i, q)
	{
		json_int_t p = json_integer_value(json_object_get(q, "processor")), found = 0;
		json_t *shown = asked("processor.show", "{'processor': %d}", (int)p), *id;

		json_array_foreach(json_object_get(shown, "queues"), k, id) found +=
			json_equal(id, json_object_get(q, "id"));
		assert_int_equal(found, 1);
		json_decref(shown);
	}
	json_decref(queues);
	key_is(row_of(asked("queue.list", "{}"), "vport", "wire"), "port", "null");
	key_is(row_of(asked("queue.list", "{}"), "vport", "vm1"), "port", "'vm1'");
}

static void
the_time_of_a_processor_is_a_hundred_percent(void **state)
{
	json_t *list, *row;
	size_t i;

	usleep(200000); /* a window of samples is 150 ms */
	list = asked("processor.list", "{}");
	json_array_foreach(list, i, row)
		assert_int_equal(json_integer_value(json_object_get(row, "busy_percent")) +
					 json_integer_value(json_object_get(row, "waiting_percent")) +
					 json_integer_value(json_object_get(row, "idle_percent")),
				 100);
	json_decref(list);
}

static void
drops_of_one_port_have_a_row_for_each_reason(void **state)
{
	json_t *list = asked("drops", "{'port': 'vm1'}");

	assert_int_equal(json_array_size(list), DROP_REASON_COUNT);
	json_decref(list);
}

static json_int_t
number(const json_t *row, const char *key)
{
	return json_integer_value(json_object_get(row, key));
}

/* Whether this book and those of its ports are balanced, and nothing is on its way. */
static bool
all_balanced(const json_t *book)
{
	bool balanced =
		json_is_true(json_object_get(book, "balanced")) && number(book, "held") == 0 &&
		number(book, "offered") + number(book, "copies") == number(book, "delivered") + number(book, "dropped");
	const json_t *port;
	size_t i;

	json_array_foreach(json_object_get(book, "ports"), i, port) balanced &= all_balanced(port);
	return balanced;
}

/*
 * Interfaces speak by themselves (IPv6, to a group: flooded to the wire and to each other in VLAN 10), so there are frames and
 * copies; each is accounted for, also those of ports that went.
 */
static void
the_books_balance_after_ports_went(void **state)
{
	char *without = replaced("  - {name: vm1, nic: tap, interface: flm1, mac: \"02:f1:00:00:00:01\"}\n", "");
	json_t *books = NULL;
	bool balanced = false;

	usleep(300000);
	json_decref(applied(without, 0));
	free(without);
	for (int i = 0; i < 20 && !balanced; i++) {
		json_decref(books);
		usleep(50000);
		books = asked("stats.show", "{}");
		balanced = all_balanced(books);
	}
	assert_true(balanced);
	assert_int_equal(json_array_size(json_object_get(books, "ports")), 4); /* wire, vm2, vm3, inner */
	assert_true(number(books, "offered") > 0);
	assert_true(number(books, "copies") > 0);
	json_decref(books);
}

/* ---- changing ---- */

static void
a_setting_is_changed_once_and_shown(void **state)
{
	static const struct {
		const char *method, *params, *show, *show_params, *key, *value;
	} rows[] = {
		{ "port.set", "{'port': 'vm1', 'vlan': 30}", "port.show", "{'port': 'vm1'}", "vlan", "30" },
		{ "port.set", "{'port': 'vm1', 'untagged': true}", "port.show", "{'port': 'vm1'}", "vlan", "0" },
		{ "port.set", "{'port': 'vm3', 'vlan': 7}", "port.show", "{'port': 'vm3'}", "vlan_mode", "'access'" },
		{ "port.set", "{'port': 'vm1', 'mac': '02:F1:00:00:00:77'}", "port.show", "{'port': 'vm1'}", "mac",
		  "'02:f1:00:00:00:77'" },
		{ "port.set", "{'port': 'vm1', 'mtu': 1400}", "port.show", "{'port': 'vm1'}", "mtu", "1400" },
		{ "port.set", "{'port': 'vm1', 'vmq_weight': 0}", "port.show", "{'port': 'vm1'}", "vmq_weight", "0" },
		{ "port.set", "{'port': 'vm1', 'spoof_check': false}", "port.show", "{'port': 'vm1'}", "spoof_check",
		  "false" },
		{ "vmq.disable", "{'adapter': 'wire'}", "vmq.show", "{'adapter': 'wire'}", "operational", "false" },
		{ "vmq.enable", "{'adapter': 'wire'}", "vmq.show", "{'adapter': 'wire'}", "operational", "true" },
		{ "vmq.set", "{'adapter': 'wire', 'base_processor': 2}", "vmq.show", "{'adapter': 'wire'}",
		  "processors", "[2]" },
		{ "vmq.set", "{'adapter': 'wire', 'base_processor': 0, 'max_processors': 2}", "vmq.show",
		  "{'adapter': 'wire'}", "processors", "[0, 1]" },
		{ "vmq.enable", "{'adapter': 'spare'}", "vmq.show", "{'adapter': 'spare'}", "enabled", "true" },
	};

	for (size_t i = 0; i < N(rows); i++) {
		key_is(asked(rows[i].method, "%s", rows[i].params), "changed", "true");
		key_is(asked(rows[i].show, "%s", rows[i].show_params), rows[i].key, "%s", rows[i].value);
		key_is(asked(rows[i].method, "%s", rows[i].params), "changed", "false");
	}
}

static void
a_setting_that_cannot_be_changes_nothing(void **state)
{
	static const struct {
		const char *method, *params;
		int ret;
		const char *msg;
	} rows[] = {
		{ "port.set", "{'port': 'vm1'}", -EINVAL, "no setting" },
		{ "port.set", "{'port': 'vm1', 'vlan': 3, 'untagged': true}", -EINVAL, "contradict" },
		{ "port.set", "{'port': 'vm1', 'vlan': 4095}", -EINVAL, "4095" },
		{ "port.set", "{'port': 'vm1', 'mtu': 1400, 'mac': '03:f1:00:00:00:01'}", -EINVAL, "group address" },
		{ "port.set", "{'port': 'vm1', 'mtu': 1400, 'vlan': 10, 'mac': '02:f1:00:00:00:02'}", -EINVAL,
		  "already" },
		{ "vmq.set", "{'adapter': 'wire'}", -EINVAL, "no setting" },
		{ "vmq.set", "{'adapter': 'wire', 'base_processor': 3}", -EINVAL, "base_processor 3" },
		{ "config.apply", "{'file': 'f', 'text': ''}", -EINVAL, "f" },
		{ "config.apply", "{'file': 'f', 'text': 'version: 1\\nprocessors: {count: 4}'}", -EOPNOTSUPP,
		  "processors" },
	};

	for (size_t i = 0; i < N(rows); i++) {
		struct config *before = config_copy(host.running);
		json_t *result;
		struct err err;

		assert_int_equal(call(rows[i].method, json_of("%s", rows[i].params), &result, &err), rows[i].ret);
		if (strstr(err.msg, rows[i].msg) == NULL || strstr(err.msg, "in line") != NULL)
			fail_msg("row %zu: %s", i, err.msg);
		assert_int_equal(config_diff(before, host.running, NULL, NULL), 0);
		config_free(before);
	}
	key_is(asked("port.show", "{'port': 'vm1'}"), "mtu", "1500");
}

/* Two VM queues for vm1 and vm2; vm3 has weight 0. */
static void
vm_queues_are_listed_with_their_filters(void **state)
{
	json_t *row = row_of(asked("vmq.list", "{}"), "port", "vm2"), *queue;

	json_incref(row);
	key_is(row, "mac", "'02:f1:00:00:00:02'");
	json_incref(row);
	key_is(row, "vlan", "10");
	queue = json_object_get(row, "queue");
	key_is(asked("queue.show", "{'queue': %d}", (int)json_integer_value(queue)), "port", "'vm2'");
	json_decref(row);
	key_is(row_of(asked("vmq.list", "{}"), "port", NULL), "mac", "null");
	json_decref(row_of(asked("vmq.list", "{}"), "port", "vm1"));
	row = asked("vmq.list", "{}");
	assert_int_equal(json_array_size(row), 3);
	json_decref(row);
	key_is(asked("adapter.show", "{'adapter': 'wire'}"), "queues_used", "2");
}

static void
a_queue_moves_by_hand(void **state)
{
	json_t *row = row_of(asked("queue.list", "{}"), "port", "inner");
	int id = (int)json_integer_value(json_object_get(row, "id")), p;

	p = ((int)json_integer_value(json_object_get(row, "processor")) + 1) % 3;
	json_decref(row);
	key_is(asked("queue.move", "{'queue': %d, 'processor': %d}", id, p), "changed", "true");
	key_is(asked("queue.show", "{'queue': %d}", id), "processor", "%d", p);
	key_is(asked("queue.move", "{'queue': %d, 'processor': %d}", id, p), "changed", "false");
}

static void
a_queue_is_pinned_until_it_is_let_go(void **state)
{
	json_t *row = row_of(asked("queue.list", "{}"), "port", "inner");
	int id = (int)json_integer_value(json_object_get(row, "id"));

	json_decref(row);
	key_is(asked("queue.show", "{'queue': %d}", id), "pinned", "false");
	key_is(asked("queue.pin", "{'queue': %d}", id), "changed", "true");
	key_is(asked("queue.pin", "{'queue': %d}", id), "changed", "false");
	key_is(asked("queue.show", "{'queue': %d}", id), "pinned", "true");
	key_is(asked("queue.unpin", "{'queue': %d}", id), "pinned", "false");
	key_is(asked("queue.show", "{'queue': %d}", id), "pinned", "false");
}

static int
tests(void)
{
	const struct CMUnitTest all[] = {
		RIG_TEST(every_method_that_asks_the_daemon_has_code),
		RIG_TEST(what_is_answered_is_what_the_schema_says),
		RIG_TEST(names_that_nobody_has_are_refused_with_a_hint),
		RIG_TEST(ports_show_what_the_file_says),
		RIG_TEST(the_mac_table_has_stations_in_order),
		RIG_TEST(a_processor_has_the_queues_that_say_so),
		RIG_TEST(the_time_of_a_processor_is_a_hundred_percent),
		RIG_TEST(drops_of_one_port_have_a_row_for_each_reason),
		RIG_TEST(the_books_balance_after_ports_went),
		RIG_TEST(a_setting_is_changed_once_and_shown),
		RIG_TEST(a_setting_that_cannot_be_changes_nothing),
		RIG_TEST(vm_queues_are_listed_with_their_filters),
		RIG_TEST(a_queue_moves_by_hand),
		RIG_TEST(a_queue_is_pinned_until_it_is_let_go),
	};

	return cmocka_run_group_tests(all, rig_start, rig_stop);
}

int
main(void)
{
	return rig_main(tests);
}
