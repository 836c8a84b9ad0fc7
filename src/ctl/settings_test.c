/*
 * settings_test.c - RSS, VM queues, vRSS and offloads of a running host by their methods: what excludes what, why something is not in
 * effect, and that what cannot be changes nothing.
 */
#include "ctl/test_rig.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/config_diff.h"
#include "ctl/params.h"

#define N(rows) (sizeof(rows) / sizeof((rows)[0]))

/* The text of a key of an answer, which is taken over; until the next call. */
static const char *
text_at(json_t *result, const char *key)
{
	static char text[512];
	const char *value = json_string_value(json_object_get(result, key));

	assert_non_null(value);
	snprintf(text, sizeof(text), "%s", value);
	json_decref(result);
	return text;
}

static void
begins(const char *text, const char *with)
{
	if (strncmp(text, with, strlen(with)) != 0)
		fail_msg("'%s' does not begin with '%s'", text, with);
}

static void
refused(const char *method, const char *params, int ret, const char *msg, const char *hint)
{
	struct config *before = config_copy(host.running);
	json_t *result;
	struct err err = { 0 };

	assert_non_null(before);
	assert_int_equal(call(method, json_of("%s", params), &result, &err), ret);
	if (strstr(err.msg, msg) == NULL || strstr(err.hint, hint) == NULL || strstr(err.msg, "in line") != NULL)
		fail_msg("%s %s: '%s', hint '%s'", method, params, err.msg, err.hint);
	assert_int_equal(config_diff(before, host.running, NULL, NULL), 0);
	config_free(before);
}

static void
done(const char *method, const char *params)
{
	json_decref(asked(method, "%s", params));
}

#define WIRE "{'adapter': 'wire'}"

/* A-6, B-6. */
static void
rss_and_vm_queues_exclude_each_other_with_a_way_out(void **state)
{
	refused("rss.enable", WIRE, -EOPNOTSUPP,
		"adapter 'wire' cannot have RSS: vmq: the adapter's queues are VM queues",
		"fairlead vmq disable wire, then fairlead rss enable wire");
	begins(text_at(asked("rss.show", WIRE), "reason"), "vmq: ");
	done("vmq.disable", WIRE);
	done("rss.enable", WIRE);
	key_is(asked("rss.show", WIRE), "operational", "true");
	key_is(asked("adapter.show", WIRE), "mode", "'rss'");
	refused("vmq.enable", WIRE, -EOPNOTSUPP,
		"adapter 'wire' cannot have VM queues: rss: RSS has the adapter's queues",
		"fairlead rss disable wire, then fairlead vmq enable wire");
	key_is(asked("vmq.disable", WIRE), "changed", "false"); /* there are none; RSS stays */
	key_is(asked("rss.show", WIRE), "enabled", "true");
	begins(text_at(asked("vmq.show", WIRE), "reason"), "rss: ");
	done("rss.disable", WIRE);
	begins(text_at(asked("rss.show", WIRE), "reason"), "switched off; fairlead rss enable wire");
	done("vmq.enable", WIRE);
	key_is(asked("vmq.show", WIRE), "operational", "true");
}

static void
each_setting_is_changed_once_and_shown(void **state)
{
	static const struct {
		const char *method, *params, *show, *show_params, *key, *value;
	} rows[] = {
		{ "rss.set", "{'adapter': 'wire', 'profile': 'closest'}", "rss.show", WIRE, "profile", "'closest'" },
		{ "rss.set", "{'adapter': 'wire', 'profile': 'closest-static'}", "rss.show", WIRE, "dynamic", "false" },
		{ "rss.set", "{'adapter': 'wire', 'hash_types': ['tcp-ipv6', 'ipv4']}", "rss.show", WIRE, "hash_types",
		  "['ipv4', 'tcp-ipv6']" },
		{ "rss.set", "{'adapter': 'wire', 'entries': 512}", "rss.show", WIRE, "entries", "512" },
		{ "rss.set",
		  "{'adapter': 'wire', 'key': "
		  "'000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F2021222324252627'}",
		  "rss.show", WIRE, "key",
		  "'000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f2021222324252627'" },
		{ "rss.set", "{'adapter': 'wire', 'base_processor': 0, 'max_processors': 2, 'queues': 4}", "rss.show",
		  WIRE, "processors", "[0, 1]" },
		{ "rss.set", "{'adapter': 'wire', 'max_processor': 1}", "rss.show", WIRE, "max_processor", "1" },
		{ "vmq.set", "{'adapter': 'wire', 'dynamic': true}", "vmq.show", WIRE, "dynamic_operational", "true" },
		{ "vmq.set", "{'adapter': 'wire', 'high_percent': 80, 'low_percent': 20}", "vmq.show", WIRE,
		  "high_percent", "80" },
		{ "vmq.set", "{'adapter': 'wire', 'rest_ms': 0, 'period_ms': 100, 'samples': 5}", "vmq.show", WIRE,
		  "samples", "5" },
		{ "vmq.set", "{'adapter': 'wire', 'within_percent': 20, 'gain_percent': 15}", "vmq.show", WIRE,
		  "within_percent", "20" },
		{ "vmq.set", "{'adapter': 'wire', 'queues': 3}", "vmq.show", WIRE, "queues", "3" },
		{ "vrss.set", "{'port': 'inner', 'min_queues': 2, 'scheduling': 'static'}", "vrss.show",
		  "{'port': 'inner'}", "scheduling", "'static'" },
		{ "vrss.set", "{'port': 'inner', 'exclude_primary': true}", "vrss.show", "{'port': 'inner'}",
		  "exclude_primary", "true" },
		{ "vrss.disable", "{'port': 'vm1'}", "vrss.show", "{'port': 'vm1'}", "enabled", "false" },
		{ "vrss.enable", "{'port': 'vm1'}", "vrss.show", "{'port': 'vm1'}", "enabled", "true" },
		{ "offload.set", "{'adapter': 'wire', 'rx_checksum': false}", "offload.show", WIRE, "rx_checksum",
		  "false" },
		{ "offload.set", "{'adapter': 'wire', 'tx_checksum': false}", "offload.show", WIRE, "lso_operational",
		  "false" },
		{ "offload.set", "{'adapter': 'wire', 'lso': false}", "offload.show", WIRE, "lso", "false" },
		{ "rss.disable", "{'adapter': 'spare'}", "rss.show", "{'adapter': 'spare'}", "enabled", "false" },
	};

	for (size_t i = 0; i < N(rows); i++) {
		print_message("%s %s\n", rows[i].method, rows[i].params);
		key_is(asked(rows[i].method, "%s", rows[i].params), "changed", "true");
		key_is(asked(rows[i].show, "%s", rows[i].show_params), rows[i].key, "%s", rows[i].value);
		key_is(asked(rows[i].method, "%s", rows[i].params), "changed", "false");
	}
}

static void
a_setting_that_cannot_be_is_refused_and_changes_nothing(void **state)
{
	static const struct {
		const char *method, *params, *msg, *hint;
	} rows[] = {
		{ "rss.set", WIRE, "no setting was named", "fairlead rss set --help" },
		{ "rss.set", "{'adapter': 'wire', 'random_key': false}", "no setting was named", "rss set --help" },
		{ "vmq.set", WIRE, "no setting was named", "fairlead vmq set --help" },
		{ "vrss.set", "{'port': 'vm1'}", "no setting was named", "fairlead vrss set --help" },
		{ "offload.set", WIRE, "no setting was named", "fairlead offload set --help" },
		{ "rss.set", "{'adapter': 'wire', 'base_processor': 3}", "base_processor 3 is no processor",
		  "valid: 0 to 2" },
		{ "rss.set", "{'adapter': 'wire', 'max_processor': 3}", "max_processor 3 is no processor", "0 to 2" },
		{ "rss.set", "{'adapter': 'wire', 'base_processor': 2, 'max_processor': 1}", "below base_processor 2",
		  "" },
		{ "vmq.set", "{'adapter': 'wire', 'max_processors': 4}", "4 is more than there are", "1 to 3" },
		{ "rss.set", "{'adapter': 'wire', 'entries': 100}", "100 is not a power of two", "64 or 128" },
		{ "rss.set", "{'adapter': 'wire', 'hash_types': ['ipv4', 'ipv4']}", "'ipv4' is given already", "once" },
		{ "rss.set", "{'adapter': 'wire', 'key': '6d5a'}", "4 hexadecimal digits, a key has 80",
		  "--random-key" },
		{ "rss.set", "{'adapter': 'wire', 'key': '6d', 'random_key': true}", "contradict each other", "" },
		{ "vmq.set", "{'adapter': 'wire', 'low_percent': 95}", "95 is not below high_percent, 90", "" },
		{ "vmq.set", "{'adapter': 'wire', 'high_percent': 40}", "40 is not above low_percent, 50", "" },
		{ "vrss.set", "{'port': 'inner', 'min_queues': 3}", "3 is more than the port has: queues is 2",
		  "queues: 3" },
		{ "port.set", "{'port': 'vm1', 'interrupt_moderation': 'low'}", "is only for nic vhost", "" },
	};

	for (size_t i = 0; i < N(rows); i++)
		refused(rows[i].method, rows[i].params, -EINVAL, rows[i].msg, rows[i].hint);
}

/* B-21. */
static void
rss_says_which_offload_it_lacks(void **state)
{
	static const struct {
		const char *off, *on, *reason;
	} rows[] = {
		{ "{'adapter': 'wire', 'rx_checksum': false}", "{'adapter': 'wire', 'rx_checksum': true}",
		  "checksum: it depends on receive checksum offload, which is off; fairlead offload set wire" },
		{ "{'adapter': 'wire', 'lso': false}", "{'adapter': 'wire', 'lso': true}", "lso: it depends on" },
		{ "{'adapter': 'wire', 'tx_checksum': false}", "{'adapter': 'wire', 'tx_checksum': true}",
		  "lso: it depends on" },
	};

	done("vmq.disable", WIRE);
	done("rss.enable", WIRE);
	for (size_t i = 0; i < N(rows); i++) {
		done("offload.set", rows[i].off);
		key_is(asked("rss.show", WIRE), "enabled", "true");
		key_is(asked("rss.show", WIRE), "operational", "false");
		key_is(asked("rss.show", WIRE), "indirection", "[]");
		begins(text_at(asked("rss.show", WIRE), "reason"), rows[i].reason);
		done("offload.set", rows[i].on);
		key_is(asked("rss.show", WIRE), "operational", "true");
		key_is(asked("rss.show", WIRE), "reason", "''");
	}
	done("offload.set", "{'adapter': 'wire', 'tx_checksum': false}");
	begins(text_at(asked("offload.show", WIRE), "lso_reason"), "checksum: ");
}

/* Another number of queue pairs is another NIC to the guest: the port goes, with all its connections, and comes. */
static void
a_change_says_when_the_port_is_made_anew(void **state)
{
	key_is(asked("vrss.set", "{'port': 'vm1', 'queues': 2}"), "made_anew", "true");
	key_is(asked("vrss.set", "{'port': 'vm1', 'queues': 2}"), "made_anew", "false");
	key_is(asked("vrss.set", "{'port': 'vm1', 'scheduling': 'static'}"), "made_anew", "false");
	key_is(asked("port.set", "{'port': 'vm1', 'mtu': 1400}"), "made_anew", "false");
}

/* accepted, without effect, and the reason told. */
static void
vrss_says_what_it_lacks(void **state)
{
	begins(text_at(asked("vrss.show", "{'port': 'inner'}"), "reason"), "no-adapter: ");
	begins(text_at(asked("vrss.show", "{'port': 'vm1'}"), "reason"), "one-queue: ");
	begins(text_at(asked("vrss.show", "{'port': 'vm3'}"), "reason"), "weight: ");
	done("vmq.disable", WIRE);
	key_is(asked("vrss.enable", "{'port': 'vm1'}"), "changed", "false");
	begins(text_at(asked("vrss.show", "{'port': 'vm1'}"), "reason"),
	       "no-vmq: it depends on VM queues, which are not in effect on wire; fairlead vmq show wire says why");
	done("vrss.disable", "{'port': 'vm1'}");
	begins(text_at(asked("vrss.show", "{'port': 'vm1'}"), "reason"), "switched off; fairlead vrss enable vm1");
	key_is(row_of(asked("vrss.list", "{}"), "port", "vm1"), "enabled", "false");
}

static void
vrss_is_in_effect_on_vm_queues(void **state)
{
	char *two = replaced("interface: flm1,", "interface: flm1, queues: 2,");

	json_decref(applied(two, 0));
	free(two);
	key_is(asked("vrss.show", "{'port': 'vm1'}"), "reason", "''");
	key_is(asked("vrss.show", "{'port': 'vm1'}"), "operational", "true");
	key_is(asked("vrss.show", "{'port': 'vm1'}"), "running", "2");
	/* A VM queue for each pair: the adapter spreads by a table of the port's. */
	done("vmq.set", "{'adapter': 'wire', 'queues': 4}");
	done("rss.set", "{'adapter': 'wire', 'entries': 4}");
	key_is(asked("vrss.show", "{'port': 'vm1'}"), "granted", "2");
	key_is(asked("vrss.show", "{'port': 'vm1'}"), "offloaded", "true");
	key_is(asked("vrss.show", "{'port': 'vm1'}"), "indirection", "[0, 1, 0, 1]");
	key_is(asked("vrss.show", "{'port': 'vm1'}"), "in_table", "2");
	done("vrss.set", "{'port': 'vm1', 'exclude_primary': true}");
	key_is(asked("vrss.show", "{'port': 'vm1'}"), "indirection", "[1]");
	key_is(row_of(asked("vrss.list", "{}"), "port", "vm1"), "in_table", "1");
	done("port.set", "{'port': 'vm2', 'vmq_weight': 0}"); /* it came first: vm1 was made anew */
	done("vmq.set", "{'adapter': 'wire', 'queues': 1}");
	key_is(asked("vrss.show", "{'port': 'vm1'}"), "granted", "1");
	key_is(asked("vrss.show", "{'port': 'vm1'}"), "operational", "true");
	begins(text_at(asked("vrss.show", "{'port': 'vm1'}"), "offloaded_reason"),
	       "no-queue: no second VM queue was left");
	done("vrss.disable", "{'port': 'vm1'}");
	begins(text_at(asked("vrss.show", "{'port': 'vm1'}"), "offloaded_reason"), "switched off; ");
}

static void
dynamic_vmq_says_why_nothing_moves(void **state)
{
	begins(text_at(asked("vmq.show", WIRE), "dynamic_reason"), "queues stay where they are put; ");
	done("vmq.set", "{'adapter': 'wire', 'dynamic': true, 'max_processors': 1}");
	begins(text_at(asked("vmq.show", WIRE), "dynamic_reason"), "one-processor: ");
	done("vmq.disable", WIRE);
	begins(text_at(asked("vmq.show", WIRE), "dynamic_reason"), "no-vmq: ");
}

static void
a_key_by_chance_is_another_one_each_time(void **state)
{
	char first[128];

	done("rss.set", "{'adapter': 'wire', 'random_key': true}");
	snprintf(first, sizeof(first), "%.80s", text_at(asked("rss.show", WIRE), "key"));
	assert_int_equal(strlen(first), 80);
	done("rss.set", "{'adapter': 'wire', 'random_key': true}");
	assert_string_not_equal(text_at(asked("rss.show", WIRE), "key"), first);
}

/* numa-static, four queues over processors 1 and 2 (of three, the first is core 0's): in turn, 8 entries. */
static void
the_indirection_table_names_the_processor_of_each_entry(void **state)
{
	done("vmq.disable", WIRE);
	done("rss.enable", WIRE);
	done("rss.set", "{'adapter': 'wire', 'queues': 4, 'entries': 8}");
	key_is(asked("rss.show", WIRE), "base_processor", "1");
	key_is(asked("rss.show", WIRE), "processors", "[1, 2]");
	key_is(asked("rss.show", WIRE), "indirection", "[1, 2, 1, 2, 1, 2, 1, 2]");
	done("rss.set", "{'adapter': 'wire', 'base_processor': 2}");
	key_is(asked("rss.show", WIRE), "indirection", "[2, 2, 2, 2, 2, 2, 2, 2]");
}

/* The number of the last event; 0: none. */
static int
last_event(void)
{
	json_t *list = asked("vmq.watch", "{}");
	size_t n = json_array_size(list);
	int serial = n == 0 ? 0 : (int)json_integer_value(json_object_get(json_array_get(list, n - 1), "serial"));

	json_decref(list);
	return serial;
}

static void
moves_are_told_of_an_adapter_its_ports_and_nobody_else(void **state)
{
	static const struct {
		const char *port;
		bool wire; /* it is one of that adapter's, or of its ports */
	} rows[] = { { "vm1", true }, { "wire", true }, { "inner", false } };

	for (size_t i = 0; i < N(rows); i++) {
		json_t *row = row_of(asked("queue.list", "{}"), "vport", rows[i].port), *told;
		int id = (int)json_integer_value(json_object_get(row, "id")), since = last_event();
		int from = (int)json_integer_value(json_object_get(row, "processor"));

		json_decref(row);
		key_is(asked("queue.move", "{'queue': %d, 'processor': %d}", id, (from + 1) % 3), "changed", "true");
		told = row_of(asked("vmq.watch", "{'since': %d}", since), "port", rows[i].port);
		json_incref(told);
		key_is(told, "why", "'by-hand'");
		json_incref(told);
		key_is(told, "from", "%d", from);
		key_is(told, "to", "%d", (from + 1) % 3);
		told = asked("vmq.watch", "{'since': %d, 'adapter': 'wire'}", since);
		assert_int_equal(json_array_size(told), rows[i].wire ? 1 : 0);
		json_decref(told);
		told = asked("vmq.watch", "{'since': %d, 'adapter': 'spare'}", since);
		assert_int_equal(json_array_size(told), 0);
		json_decref(told);
	}
}

static int
tests(void)
{
	const struct CMUnitTest all[] = {
		RIG_TEST(rss_and_vm_queues_exclude_each_other_with_a_way_out),
		RIG_TEST(each_setting_is_changed_once_and_shown),
		RIG_TEST(a_change_says_when_the_port_is_made_anew),
		RIG_TEST(a_setting_that_cannot_be_is_refused_and_changes_nothing),
		RIG_TEST(rss_says_which_offload_it_lacks),
		RIG_TEST(vrss_says_what_it_lacks),
		RIG_TEST(vrss_is_in_effect_on_vm_queues),
		RIG_TEST(dynamic_vmq_says_why_nothing_moves),
		RIG_TEST(a_key_by_chance_is_another_one_each_time),
		RIG_TEST(the_indirection_table_names_the_processor_of_each_entry),
		RIG_TEST(moves_are_told_of_an_adapter_its_ports_and_nobody_else),
	};

	return cmocka_run_group_tests(all, rig_start, rig_stop);
}

int
main(void)
{
	return rig_main(tests);
}
