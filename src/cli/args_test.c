/* args_test.c - command lines, good and misused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/args.h"

#define ARGV_MAX 32

/* Splits line at single blanks; an empty pair of quotes is an empty word. line must live as long as argv. */
static int
split(char *line, char *argv[ARGV_MAX])
{
	int n = 0;

	for (char *p = strtok(line, " "); p != NULL && n < ARGV_MAX; p = strtok(NULL, " "))
		argv[n++] = strcmp(p, "''") == 0 ? strchr(p, '\0') : p;
	return n;
}

struct good_row {
	const char *line, *method, *params, *rpc; /* rpc NULL: none */
	bool json;
};

#define TYPES "valid: ipv4, tcp-ipv4, udp-ipv4, ipv6, tcp-ipv6, udp-ipv6, ipv6-ex, tcp-ipv6-ex, udp-ipv6-ex"

static const struct good_row good[] = {
	{ "fairlead port list", "port.list", "{}" },
	{ "fairlead port list --json", "port.list", "{}", NULL, true },
	{ "fairlead --json --rpc /x port list", "port.list", "{}", "/x", true },
	{ "fairlead port --rpc=/x list", "port.list", "{}", "/x" },
	{ "fairlead port show vm1", "port.show", "{\"port\":\"vm1\"}" },
	{ "fairlead port show --port vm1", "port.show", "{\"port\":\"vm1\"}" },
	{ "fairlead drops", "drops", "{}" },
	{ "fairlead drops vm1", "drops", "{\"port\":\"vm1\"}" },
	{ "fairlead stats show", "stats.show", "{}" },
	{ "fairlead queue move 3 --processor 1", "queue.move", "{\"processor\":1,\"queue\":3}" },
	{ "fairlead queue move --processor 1 3", "queue.move", "{\"processor\":1,\"queue\":3}" },
	{ "fairlead rss set w --hash-types ipv4,tcp-ipv6", "rss.set",
	  "{\"adapter\":\"w\",\"hash_types\":[\"ipv4\",\"tcp-ipv6\"]}" },
	{ "fairlead rss set w --hash-types=ipv4 --random-key", "rss.set",
	  "{\"adapter\":\"w\",\"hash_types\":[\"ipv4\"],\"random_key\":true}" },
	{ "fairlead port set vm1 --vlan 4095", "port.set", "{\"port\":\"vm1\",\"vlan\":4095}" },
	{ "fairlead port set vm1 --vlan -5", "port.set", "{\"port\":\"vm1\",\"vlan\":-5}" },
	{ "fairlead port set vm1 --vmq-weight 1 --spoof_check off", "port.set",
	  "{\"port\":\"vm1\",\"spoof_check\":false,\"vmq_weight\":1}" },
	{ "fairlead port set vm1 --untagged --mac=02:f1:00:00:00:01", "port.set",
	  "{\"mac\":\"02:f1:00:00:00:01\",\"port\":\"vm1\",\"untagged\":true}" },
	{ "fairlead port set vm1 --untagged=no", "port.set", "{\"port\":\"vm1\",\"untagged\":false}" },
	{ "fairlead vmq set wire --base_processor 1 --max-processors 3", "vmq.set",
	  "{\"adapter\":\"wire\",\"base_processor\":1,\"max_processors\":3}" },
	{ "fairlead config apply f.yaml --confirm 60 --take-over", "config.apply",
	  "{\"confirm_s\":60,\"file\":\"f.yaml\",\"take_over\":true}" },
	{ "fairlead config apply --take-over f.yaml --confirm-s 60", "config.apply",
	  "{\"confirm_s\":60,\"file\":\"f.yaml\",\"take_over\":true}" },
	{ "fairlead config check -", "config.check", "{\"file\":\"-\"}" },
	{ "fairlead config check -- --odd", "config.check", "{\"file\":\"--odd\"}" },
	{ "fairlead completion zsh", "completion", "{\"shell\":\"zsh\"}" },
};

static void
a_good_command_line_becomes_a_method_and_its_parameters(void **state)
{
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		char line[256], *argv[ARGV_MAX], name[64], *params;
		struct args args;
		struct err err = { 0 };

		strcpy(line, good[i].line);
		if (args_parse(split(line, argv), argv, &args, &err) != 0)
			fail_msg("%s: %s", good[i].line, err.msg);
		assert_int_equal(args.want, ARGS_RUN);
		assert_string_equal(schema_method_name(args.method, name, sizeof(name)), good[i].method);
		params = json_dumps(args.params, JSON_COMPACT | JSON_SORT_KEYS);
		assert_string_equal(params, good[i].params);
		free(params);
		assert_int_equal(args.json, good[i].json);
		if (good[i].rpc == NULL)
			assert_null(args.rpc);
		else
			assert_string_equal(args.rpc, good[i].rpc);
		args_free(&args);
	}
}

static void
a_misused_command_line_is_told_what_and_how(void **state)
{
	static const struct {
		const char *line, *msg, *hint;
	} rows[] = {
		{ "fairlead", "no command is given", "fairlead --help lists them" },
		{ "fairlead prot list", "there is no command 'prot'", "did you mean 'port'?" },
		{ "fairlead port", "port needs a verb", "valid: list, show, qemu-args, set" },
		{ "fairlead port lst", "port has no verb 'lst'", "did you mean 'list'?" },
		{ "fairlead port frobnicate", "port has no verb 'frobnicate'", "valid: list, show, qemu-args, set" },
		{ "fairlead port show", "port show needs a port", "example: fairlead port show vm1" },
		{ "fairlead vmq enable", "vmq enable needs an adapter", "example: fairlead vmq enable wire" },
		{ "fairlead rss set w --hash-types ipv4,tcp-ipv5", "hash_types cannot be 'tcp-ipv5'",
		  "did you mean 'tcp-ipv4'? " TYPES },
		{ "fairlead rss set w --hash-types ipv4,", "hash_types cannot be ''", TYPES },
		{ "fairlead port show vm1 vm2", "the word 'vm2' is one too many", "" },
		{ "fairlead port list vm1", "the word 'vm1' is one too many", "" },
		{ "fairlead queue move 3", "queue move needs --processor",
		  "example: fairlead queue move 0 --processor 1" },
		{ "fairlead queue show x", "queue takes a whole number, got 'x'", "" },
		{ "fairlead port set vm1 --vlna 1", "there is no option '--vlna'", "did you mean '--vlan'?" },
		{ "fairlead port list --elsewhere", "there is no option '--elsewhere'",
		  "valid: --json, --rpc, --help" },
		{ "fairlead --vlan 1 port set vm1", "there is no option '--vlan'", "valid: --json, --rpc, --help" },
		{ "fairlead port set vm1 --vlan", "--vlan needs a value", "" },
		{ "fairlead port set vm1 --vlan --untagged", "--vlan needs a value", "" },
		{ "fairlead port set vm1 --vlan 1 --vlan 2", "vlan is given twice", "" },
		{ "fairlead port set vm1 --vlan ten", "vlan takes a whole number, got 'ten'", "" },
		{ "fairlead port set vm1 --spoof-check maybe", "spoof_check takes on or off, got 'maybe'", "" },
		{ "fairlead port set vm1 --untagged=maybe", "untagged takes on or off, got 'maybe'", "" },
		{ "fairlead port set vm1 --json=1", "there is no option '--json'", "did you mean '--json'?" },
		{ "fairlead port list -j", "there is no option '-j'", "options begin with two dashes" },
		{ "fairlead --rpc", "--rpc needs a value", "" },
		/* What the CLI fills in itself is no option. */
		{ "fairlead config apply f --text x", "there is no option '--text'",
		  "valid: --confirm, --take-over, --json, --rpc, --help" },
		{ "fairlead completion fish", "shell cannot be 'fish'", "did you mean 'bash'? valid: bash, zsh" },
		{ "fairlead port show a\xff", "port is not UTF-8 text", "" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char line[256], *argv[ARGV_MAX];
		struct args args;
		struct err err = { 0 };

		strcpy(line, rows[i].line);
		if (args_parse(split(line, argv), argv, &args, &err) == 0)
			fail_msg("%s: taken", rows[i].line);
		assert_string_equal(err.msg, rows[i].msg);
		assert_string_equal(err.hint, rows[i].hint);
	}
}

static void
help_is_given_at_each_level_whatever_is_missing(void **state)
{
	static const struct {
		const char *line, *noun, *method;
	} rows[] = {
		{ "fairlead --help", NULL, NULL },
		{ "fairlead -h", NULL, NULL },
		{ "fairlead port --help", "port", NULL },
		{ "fairlead --help port", "port", NULL },
		{ "fairlead port set --help", "port", "port.set" },
		{ "fairlead port set vm1 --vlan 3 --help", "port", "port.set" },
		{ "fairlead drops --help", "drops", "drops" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char line[256], *argv[ARGV_MAX], name[64];
		struct args args;
		struct err err = { 0 };

		strcpy(line, rows[i].line);
		assert_int_equal(args_parse(split(line, argv), argv, &args, &err), 0);
		assert_int_equal(args.want, ARGS_HELP);
		if (rows[i].noun == NULL)
			assert_null(args.noun);
		else
			assert_string_equal(args.noun, rows[i].noun);
		if (rows[i].method == NULL)
			assert_null(args.method);
		else
			assert_string_equal(schema_method_name(args.method, name, sizeof(name)), rows[i].method);
		args_free(&args);
	}
}

static void
every_example_of_the_schema_is_a_command_line_of_its_method(void **state)
{
	for (const struct schema_method *m = schema_methods; m->noun != NULL; m++) {
		char line[256], *argv[ARGV_MAX];
		struct args args;
		struct err err = { 0 };

		strcpy(line, m->example);
		if (args_parse(split(line, argv), argv, &args, &err) != 0)
			fail_msg("%s: %s", m->example, err.msg);
		assert_ptr_equal(args.method, m);
		args_free(&args);
	}
}

/* Two parameters with one option name, or a name that does not fit, would make one of them unreachable. */
static void
every_parameter_has_an_option_of_its_own(void **state)
{
	for (const struct schema_method *m = schema_methods; m->noun != NULL; m++)
		for (const struct schema_key *k = m->params; k != NULL && k->name != NULL; k++) {
			char option[ARGS_OPTION_LEN], other[ARGS_OPTION_LEN];

			assert_true(strlen(k->name) + 3 < ARGS_OPTION_LEN);
			args_option(k, option);
			assert_true(strcmp(option, "--json") != 0 && strcmp(option, "--rpc") != 0 &&
				    strcmp(option, "--help") != 0 && strcmp(option, "--version") != 0);
			for (const struct schema_key *o = m->params; o != k; o++)
				assert_string_not_equal(option, args_option(o, other));
		}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_good_command_line_becomes_a_method_and_its_parameters),
		cmocka_unit_test(a_misused_command_line_is_told_what_and_how),
		cmocka_unit_test(help_is_given_at_each_level_whatever_is_missing),
		cmocka_unit_test(every_example_of_the_schema_is_a_command_line_of_its_method),
		cmocka_unit_test(every_parameter_has_an_option_of_its_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
