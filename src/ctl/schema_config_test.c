/*
 * The table of keys against its own rules: what the checker, the emitter and the help rely on without looking.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/config_value.h"

typedef void (*visit_fn)(const struct schema_object *of, const struct schema_key *key);

static void
visit(const struct schema_object *of, visit_fn fn)
{
	for (const struct schema_key *key = of->keys; key->name; key++) {
		fn(of, key);
		if (key->of)
			visit(key->of, fn);
	}
}

static void
check_key(const struct schema_object *of, const struct schema_key *key)
{
	unsigned same = 0;

	assert_true(key->help && key->help[0] != '\0' && strchr(key->help, '\n') == NULL);
	for (const struct schema_key *other = of->keys; other->name; other++)
		same += strcmp(other->name, key->name) == 0;
	assert_int_equal(same, 1);
	if (key->not_offered)
		return;
	assert_true(key->bind || (of == &schema_config && strcmp(key->name, "version") == 0));
	if (key->type == SCHEMA_OBJECT)
		assert_non_null(key->of);
	if (key->type == SCHEMA_INT || key->type == SCHEMA_SPEED)
		assert_true(key->min <= key->max && key->max <= INT32_MAX);
	for (const char *const *word = key->planned; word && *word; word++) {
		bool found = key->type == SCHEMA_BOOL;

		for (const char *const *choice = key->choices; choice && *choice; choice++)
			found |= strcmp(*word, *choice) == 0;
		assert_true(found);
	}
}

/* What stands for "left out" must not be a value that a file can give, or the emitter would lose it. */
static void
check_absent(const struct schema_object *of, const struct schema_key *key)
{
	const struct config_bind *bind = key->bind;

	if (bind && bind->ref == REF_NONE && !key->fallback && !key->required &&
	    (key->type == SCHEMA_INT || key->type == SCHEMA_SPEED))
		assert_true(bind->absent < key->min || bind->absent > key->max);
}

static void
check_fallback(const struct schema_object *of, const struct schema_key *key)
{
	struct ynode node = { .kind = YNODE_SCALAR, .plain = true, .text = key->fallback };
	uint64_t field[64] = { 0 };
	char *text = NULL;
	size_t len = 0;
	struct err err;
	FILE *out;

	if (key->fallback == NULL)
		return;
	assert_false(key->required);
	assert_int_equal(config_value_parse(key, key->type, &node, field, &err), 0);
	out = open_memstream(&text, &len);
	assert_non_null(out);
	config_value_print(out, key, key->type, field);
	fclose(out);
	if (text[0] == '"') /* text of digits is quoted in a file */
		assert_memory_equal(text + 1, key->fallback, len - 2);
	else
		assert_string_equal(text, key->fallback);
	free(text);
}

static void
each_row_is_whole(void **state)
{
	visit(&schema_config, check_key);
}

static void
what_stands_for_left_out_is_no_value(void **state)
{
	visit(&schema_config, check_absent);
}

static void
each_default_is_valid_and_as_it_would_be_printed(void **state)
{
	visit(&schema_config, check_fallback);
}

/* Words are stored by their place, which is the enum's. */
static void
words_stand_in_the_order_of_their_enum(void **state)
{
	static const struct {
		const char *object, *key, *word;
		int value;
	} rows[] = {
		{ "adapter", "mode", "none", ADAPTER_NONE },
		{ "adapter", "mode", "rss", ADAPTER_RSS },
		{ "adapter", "mode", "vmq", ADAPTER_VMQ },
		{ "rss", "profile", "closest", RSS_CLOSEST },
		{ "rss", "profile", "closest-static", RSS_CLOSEST_STATIC },
		{ "rss", "profile", "numa", RSS_NUMA },
		{ "rss", "profile", "numa-static", RSS_NUMA_STATIC },
		{ "rss", "profile", "conservative", RSS_CONSERVATIVE },
		{ "rss", "hash_types", "ipv4", HASH_TYPE_IPV4 },
		{ "rss", "hash_types", "tcp-ipv4", HASH_TYPE_TCP_IPV4 },
		{ "rss", "hash_types", "udp-ipv4", HASH_TYPE_UDP_IPV4 },
		{ "rss", "hash_types", "ipv6", HASH_TYPE_IPV6 },
		{ "rss", "hash_types", "tcp-ipv6", HASH_TYPE_TCP_IPV6 },
		{ "rss", "hash_types", "udp-ipv6", HASH_TYPE_UDP_IPV6 },
		{ "rss", "hash_types", "ipv6-ex", HASH_TYPE_IPV6_EX },
		{ "rss", "hash_types", "tcp-ipv6-ex", HASH_TYPE_TCP_IPV6_EX },
		{ "rss", "hash_types", "udp-ipv6-ex", HASH_TYPE_UDP_IPV6_EX },
		{ "vrss", "scheduling", "dynamic", VRSS_DYNAMIC },
		{ "vrss", "scheduling", "static", VRSS_STATIC },
		{ "port", "interrupt_moderation", "adaptive", INTERRUPTS_ADAPTIVE },
		{ "port", "interrupt_moderation", "off", INTERRUPTS_OFF },
		{ "port", "interrupt_moderation", "low", INTERRUPTS_LOW },
		{ "port", "interrupt_moderation", "medium", INTERRUPTS_MEDIUM },
		{ "port", "interrupt_moderation", "high", INTERRUPTS_HIGH },
		{ "vlan", "mode", "untagged", VLAN_UNTAGGED },
		{ "vlan", "mode", "access", VLAN_ACCESS },
		{ "vlan", "mode", "trunk", VLAN_TRUNK },
		{ "port", "nic", "tap", NIC_TAP },
		{ "port", "nic", "vhost", NIC_VHOST },
		{ "port", "nic", "vf", NIC_VF },
		{ "port", "model", "x550", MODEL_X550 },
		{ "port", "model", "x540", MODEL_X540 },
		{ "port", "model", "82599", MODEL_82599 },
		{ "port", "model", "x550_hv", MODEL_X550_HV },
		{ "port", "model", "x540_hv", MODEL_X540_HV },
		{ "port", "model", "82599_hv", MODEL_82599_HV },
		{ "port", "doorbell", "mapped", false },
		{ "port", "doorbell", "trapped", true },
		{ "port", "on_policy", "switch", POLICY_SWITCH },
		{ "port", "on_policy", "refuse", POLICY_REFUSE },
		{ "port", "on_policy", "bypass", POLICY_BYPASS },
		{ "port", "role", "server", ROLE_SERVER },
		{ "port", "role", "client", ROLE_CLIENT },
		{ "switch", "kind", "external", SWITCH_EXTERNAL },
		{ "switch", "kind", "internal", SWITCH_INTERNAL },
		{ "switch", "kind", "private", SWITCH_PRIVATE },
		{ "processors", "idle", "sleep", false },
		{ "processors", "idle", "poll", true },
	};
	static const struct schema_object *objects[16];
	unsigned n = 0;

	for (const struct schema_key *key = schema_config.keys; key->name; key++) {
		if (key->of)
			objects[n++] = key->of;
		for (const struct schema_key *in = key->of ? key->of->keys : key; in->name && key->of; in++) {
			if (in->of)
				objects[n++] = in->of;
			for (const struct schema_key *deep = in->of ? in->of->keys : in; deep->name && in->of; deep++)
				if (deep->of)
					objects[n++] = deep->of;
		}
	}
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct schema_key *key = NULL;

		for (unsigned o = 0; o < n; o++)
			for (const struct schema_key *k = objects[o]->keys; k->name; k++)
				if (strcmp(objects[o]->name, rows[i].object) == 0 && strcmp(k->name, rows[i].key) == 0)
					key = k;
		assert_non_null(key);
		assert_string_equal(key->choices[rows[i].value], rows[i].word);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_row_is_whole),
		cmocka_unit_test(what_stands_for_left_out_is_no_value),
		cmocka_unit_test(each_default_is_valid_and_as_it_would_be_printed),
		cmocka_unit_test(words_stand_in_the_order_of_their_enum),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
