/* params_test.c - parameters and results against the schema. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ctl/params.h"

/* want: the parameters a handler sees, sorted; or NULL, and msg, hint and path of the refusal. */
struct row {
	const char *noun, *verb, *in, *want, *msg, *hint, *path;
};

#define TYPES "valid: ipv4, tcp-ipv4, udp-ipv4, ipv6, tcp-ipv6, udp-ipv6, ipv6-ex, tcp-ipv6-ex, udp-ipv6-ex"

static const struct row rows[] = {
	{ "port", "list", NULL, "{}" },
	{ "port", "list", "{}", "{}" },
	{ "port", "show", "{\"port\":\"vm1\"}", "{\"port\":\"vm1\"}" },
	/* defaults */
	{ "switch", "show", "{\"switch\":\"ext\"}", "{\"limit\":4096,\"switch\":\"ext\"}" },
	{ "config", "apply", "{\"file\":\"f\",\"text\":\"\"}",
	  "{\"caller\":\"\",\"confirm_s\":0,\"file\":\"f\",\"take_over\":false,\"text\":\"\"}" },
	/* edges of a range; a MAC in either case */
	{ "port", "set", "{\"port\":\"vm1\",\"vlan\":4094,\"mac\":\"02:F1:00:00:00:0A\",\"spoof_check\":false}",
	  "{\"mac\":\"02:f1:00:00:00:0a\",\"port\":\"vm1\",\"spoof_check\":false,\"untagged\":false,\"vlan\":4094}" },
	{ "port", "set", "{\"port\":\"vm1\",\"vlan\":4095}", NULL, "vlan 4095 is outside 1 to 4094", "", "vlan" },
	{ "port", "set", "{\"port\":\"vm1\",\"vlan\":0}", NULL, "vlan 0 is outside 1 to 4094", "", "vlan" },
	{ "port", "set", "{\"port\":\"vm1\",\"vlan\":-9223372036854775808}", NULL,
	  "vlan -9223372036854775808 is outside 1 to 4094", "", "vlan" },
	/* types */
	{ "port", "set", "{\"port\":\"vm1\",\"vlan\":\"10\"}", NULL, "vlan takes a whole number, got a text", "",
	  "vlan" },
	{ "port", "set", "{\"port\":\"vm1\",\"vlan\":10.5}", NULL,
	  "vlan takes a whole number, got a number with a fraction", "", "vlan" },
	{ "port", "set", "{\"port\":\"vm1\",\"vlan\":null}", NULL, "vlan takes a whole number, got null", "", "vlan" },
	{ "port", "set", "{\"port\":\"vm1\",\"spoof_check\":\"on\"}", NULL,
	  "spoof_check takes true or false, got a text", "", "spoof_check" },
	{ "port", "set", "{\"port\":[\"vm1\"]}", NULL, "port takes a text, got a list", "", "port" },
	{ "port", "set", "{\"port\":\"vm1\",\"mac\":\"02:f1\"}", NULL,
	  "mac '02:f1' is not a MAC address, as 02:f1:00:00:00:01", "", "mac" },
	/* names */
	{ "port", "show", "{\"port\":\"\"}", NULL, "port '' is not a name",
	  "a name begins with a letter and has letters, digits, '-', '_' and '.'", "port" },
	{ "port", "show", "{\"port\":\"1vm\"}", NULL, "port '1vm' is not a name",
	  "a name begins with a letter and has letters, digits, '-', '_' and '.'", "port" },
	{ "port", "show", "{\"port\":\"../x\"}", NULL, "port '../x' is not a name",
	  "a name begins with a letter and has letters, digits, '-', '_' and '.'", "port" },
	{ "port", "show", "{\"port\":\"a234567890123456789012345678901\"}",
	  "{\"port\":\"a234567890123456789012345678901\"}" },
	{ "port", "show", "{\"port\":\"a2345678901234567890123456789012\"}", NULL,
	  "port 'a2345678901234567890123456789012' is longer than 31 characters", "", "port" },
	{ "config", "apply", "{\"file\":\"\",\"text\":\"\"}", NULL, "file is empty", "", "file" },
	/* missing and unknown */
	{ "port", "show", NULL, NULL, "port is missing", "port: name of the port", "port" },
	{ "queue", "move", "{\"queue\":3}", NULL, "processor is missing",
	  "processor: the processor that shall serve it", "processor" },
	{ "port", "set", "{\"port\":\"vm1\",\"vlna\":1}", NULL, "port.set has no parameter 'vlna'",
	  "did you mean 'vlan'?", "vlna" },
	{ "port", "set", "{\"port\":\"vm1\",\"vmq-weight\":1}", NULL, "port.set has no parameter 'vmq-weight'",
	  "did you mean 'vmq_weight'?", "vmq-weight" },
	{ "queue", "move", "{\"elsewhere\":1}", NULL, "queue.move has no parameter 'elsewhere'",
	  "parameters: queue, processor", "elsewhere" },
	{ "rss", "set", "{\"adapter\":\"w\",\"hash_types\":[\"ipv4\",\"tcp-ipv6\"]}",
	  "{\"adapter\":\"w\",\"hash_types\":[\"ipv4\",\"tcp-ipv6\"],\"random_key\":false}" },
	{ "rss", "set", "{\"adapter\":\"w\",\"hash_types\":[\"ipv4\",\"tcp-ipv5\"]}", NULL,
	  "hash_types cannot be 'tcp-ipv5'", "did you mean 'tcp-ipv4'? " TYPES, "hash_types" },
	{ "rss", "set", "{\"adapter\":\"w\",\"hash_types\":[\"ipv4,tcp-ipv4\"]}", NULL,
	  "hash_types cannot be 'ipv4,tcp-ipv4'", TYPES, "hash_types" },
	{ "rss", "set", "{\"adapter\":\"w\",\"hash_types\":[4]}", NULL, "hash_types takes a text, got a whole number",
	  "", "hash_types" },
	{ "rss", "set", "{\"adapter\":\"w\",\"hash_types\":[]}", NULL, "hash_types is empty", "", "hash_types" },
	{ "rss", "set", "{\"adapter\":\"w\",\"hash_types\":\"ipv4\"}", NULL,
	  "hash_types takes a list of texts, got a text", "", "hash_types" },
	{ "rss", "set",
	  "{\"adapter\":\"w\",\"hash_types\":[\"ipv4\",\"ipv4\",\"ipv4\",\"ipv4\",\"ipv4\",\"ipv4\",\"ipv4\",\"ipv4\","
	  "\"ipv4\",\"ipv4\"]}",
	  NULL, "hash_types has 10 elements; there are 9 to choose from", "", "hash_types" },
	{ "port", "list", "{\"x\":1}", NULL, "port.list has no parameter 'x'", "it takes none", "x" },
};

static void
judge(const struct row *row)
{
	json_t *in = row->in == NULL ? NULL : json_loads(row->in, 0, NULL), *out = NULL;
	struct err err = { 0 };
	int rc = params_check(schema_method_find(row->noun, row->verb), in, &out, &err);

	if (row->want != NULL) {
		char *text = json_dumps(out, JSON_COMPACT | JSON_SORT_KEYS);

		assert_int_equal(rc, 0);
		assert_string_equal(text, row->want);
		free(text);
	} else {
		assert_int_equal(rc, -EINVAL);
		assert_null(out);
		assert_int_equal(err.code, -EINVAL);
		assert_string_equal(err.msg, row->msg);
		assert_string_equal(err.hint, row->hint);
		assert_string_equal(err.path, row->path);
	}
	json_decref(in);
	json_decref(out);
}

static void
parameters_are_judged_and_filled_in(void **state)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		judge(&rows[i]);
}

static void
a_configuration_over_a_mebibyte_is_refused(void **state)
{
	size_t max = 1u << 20;
	char *text = malloc(max + 2);
	struct err err;
	json_t *in, *out;

	memset(text, 'a', max + 1);
	text[max + 1] = '\0';
	in = json_pack("{s:s, s:s}", "file", "f", "text", text);
	assert_int_equal(params_check(schema_method_find("config", "apply"), in, &out, &err), -EINVAL);
	assert_string_equal(err.msg, "text has 1048577 bytes; at most 1048576 fit");
	json_decref(in);
	text[max] = '\0';
	in = json_pack("{s:s, s:s}", "file", "f", "text", text);
	assert_int_equal(params_check(schema_method_find("config", "apply"), in, &out, &err), 0);
	json_decref(in);
	json_decref(out);
	free(text);
}

static void
words_mean_values_by_the_type_of_their_key(void **state)
{
	const struct schema_key on = { "k", SCHEMA_BOOL }, n = { "k", SCHEMA_INT, .max = 9 };
	static const struct {
		const char *text;
		int boolean, integer; /* -1: refused */
	} words[] = {
		{ "on", 1, -1 },   { "true", 1, -1 },  { "yes", 1, -1 },
		{ "off", 0, -1 },  { "false", 0, -1 }, { "no", 0, -1 },
		{ "On", -1, -1 },  { "", -1, -1 },     { "1", -1, 1 },
		{ "12", -1, 12 },  { " 1", -1, -1 },   { "1 ", -1, -1 },
		{ "0x1", -1, -1 }, { "1.5", -1, -1 },  { "99999999999999999999", -1, -1 },
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		int64_t got = -1;

		assert_int_equal(schema_parse(&on, words[i].text, &got, NULL), words[i].boolean < 0 ? -EINVAL : 0);
		assert_int_equal(got, words[i].boolean);
		got = -1;
		assert_int_equal(schema_parse(&n, words[i].text, &got, NULL), words[i].integer < 0 ? -EINVAL : 0);
		assert_int_equal(got, words[i].integer);
	}
}

static bool
type_is_checked(enum schema_type t)
{
	return t == SCHEMA_BOOL || t == SCHEMA_INT || t == SCHEMA_ENUM || t == SCHEMA_NAME || t == SCHEMA_STRING ||
	       t == SCHEMA_MAC || t == SCHEMA_LIST;
}

static void
every_parameter_of_the_schema_can_be_judged(void **state)
{
	for (const struct schema_method *m = schema_methods; m->noun != NULL; m++) {
		unsigned n = 0;

		for (const struct schema_key *k = m->params; k != NULL && k->name != NULL; k++, n++) {
			struct err err = { 0 };
			int64_t number = 0;

			assert_true(type_is_checked(k->type));
			assert_non_null(k->help);
			assert_false(k->required && k->fallback != NULL);
			if (k->type == SCHEMA_INT)
				assert_true(k->min < k->max);
			if (k->type == SCHEMA_STRING)
				assert_true(k->max > 0);
			if (k->type == SCHEMA_LIST)
				assert_int_equal(k->item, SCHEMA_ENUM);
			if (k->type == SCHEMA_ENUM || k->type == SCHEMA_LIST)
				assert_non_null(k->choices);
			if (k->fallback != NULL)
				assert_int_equal(schema_parse(k, k->fallback, &number, &err), 0);
			if (k->fallback != NULL && k->type == SCHEMA_INT)
				assert_in_range(number, k->min, k->max);
		}
		assert_true(n < 64); /* params.c, WORDS_MAX */
	}
}

static void
every_method_is_told_in_full(void **state)
{
	unsigned n = 0;

	for (const struct schema_method *m = schema_methods; m->noun != NULL; m++, n++) {
		char name[64];

		schema_method_name(m, name, sizeof(name));
		assert_true(strlen(name) < 32);
		assert_ptr_equal(schema_method_by_name(name), m);
		assert_ptr_equal(schema_method_find(m->noun, m->verb), m);
		assert_true(strlen(m->summary) > 0);
		assert_non_null(strstr(m->example, m->noun));
		for (const struct schema_key *k = m->columns; k != NULL && k->name != NULL; k++) {
			assert_non_null(k->help);
			if (k->type == SCHEMA_ENUM)
				assert_non_null(k->choices);
			if (k->type == SCHEMA_LIST)
				assert_true((k->item == SCHEMA_OBJECT) == (k->of != NULL));
		}
	}
	assert_true(n < 256); /* rpc_message.c, METHODS_MAX */
}

/* The words scripts rely on: the design's table of keys, which may only grow. */
static void
the_keys_that_scripts_rely_on_are_there_in_order(void **state)
{
	static const struct {
		const char *noun, *verb, *keys;
	} tables[] = {
		{ "processor", "list",
		  "id cpu numa emulated busy_percent waiting_percent idle_percent queues wakeups packets" },
		{ "queue", "list",
		  "id vport port index processor state busy_percent packets bytes drops moved interrupts pinned" },
		{ "vmq", "list", "queue port mac vlan processor dynamic" },
		{ "rss", "show",
		  "adapter enabled operational reason backing key hash_types base_processor max_processors "
		  "max_processor queues profile dynamic processors entries indirection" },
		{ "vrss", "list", "port queues granted in_table running processors enabled operational reason" },
		{ "offload", "list", "adapter backing rx_checksum tx_checksum lso" },
		{ "port", "list",
		  "name switch nic path state mac vlan vlan_mode queues rx_packets rx_bytes tx_packets tx_bytes drops "
		  "ipsec" },
		{ "drops", NULL, "port reason count means" },
	};

	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
		char keys[512] = "";
		const struct schema_method *m = schema_method_find(tables[i].noun, tables[i].verb);

		for (const struct schema_key *k = m->columns; k->name != NULL; k++) {
			strcat(keys, keys[0] == '\0' ? "" : " ");
			strcat(keys, k->name);
		}
		assert_string_equal(keys, tables[i].keys);
	}
}

static void
a_result_with_other_keys_or_types_is_found(void **state)
{
	static const struct {
		const char *noun, *verb, *result;
		bool good;
	} results[] = {
		{ "vmq", "list", "[]", true },
		{ "vmq", "list", "{}", false },
		{ "vmq", "list",
		  "[{\"queue\":1,\"port\":null,\"mac\":null,\"vlan\":0,\"processor\":1,\"dynamic\":false}]", true },
		{ "vmq", "list",
		  "[{\"queue\":1,\"port\":\"vm1\",\"mac\":\"x\",\"vlan\":0,\"processor\":1,\"dynamic\":false}]",
		  false },
		{ "vmq", "list", "[{\"queue\":1,\"port\":\"vm1\",\"mac\":null,\"vlan\":0,\"processor\":1}]", false },
		{ "queue", "move", "{\"queue\":1,\"processor\":2,\"changed\":true}", true },
		{ "queue", "move", "{\"queue\":1,\"processor\":2.5,\"changed\":true}", false },
		{ "queue", "move", "{\"queue\":1,\"processor\":2,\"changed\":true,\"more\":1}", false },
		{ "config", "apply", "{\"changed\":true,\"steps\":[\"port vm1 added\"],\"confirm_s\":0}", true },
		{ "config", "apply", "{\"changed\":true,\"steps\":[1],\"confirm_s\":0}", false },
		{ "completion", NULL, "{}", false },
	};

	for (size_t i = 0; i < sizeof(results) / sizeof(results[0]); i++) {
		json_t *result = json_loads(results[i].result, 0, NULL);
		struct err err = { 0 };

		assert_int_equal(result_check(schema_method_find(results[i].noun, results[i].verb), result, &err),
				 results[i].good ? 0 : -EPROTO);
		json_decref(result);
	}
}

static void
text_that_is_no_utf8_is_still_shown(void **state)
{
	json_t *s = json_text("a\xff\xc3");

	assert_string_equal(json_string_value(s), "a??");
	json_decref(s);
	s = json_text("caf\xc3\xa9");
	assert_string_equal(json_string_value(s), "caf\xc3\xa9");
	json_decref(s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parameters_are_judged_and_filled_in),
		cmocka_unit_test(a_configuration_over_a_mebibyte_is_refused),
		cmocka_unit_test(words_mean_values_by_the_type_of_their_key),
		cmocka_unit_test(every_parameter_of_the_schema_can_be_judged),
		cmocka_unit_test(every_method_is_told_in_full),
		cmocka_unit_test(the_keys_that_scripts_rely_on_are_there_in_order),
		cmocka_unit_test(a_result_with_other_keys_or_types_is_found),
		cmocka_unit_test(text_that_is_no_utf8_is_still_shown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
