/* docs_rpc.c - docs/rpc.md, from the schema; see docs.h. */
#include "cli/docs.h"

#include <stdlib.h>
#include <string.h>

#include "cli/args.h"
#include "cli/help.h"

static const char intro[] =
	"# RPC\n"
	"\n"
	"Made from the schema by `scripts/gen_reference`; change `src/ctl/schema_methods.c`, not this page.\n"
	"\n"
	"The daemon answers JSON-RPC 2.0, one message per line, on two Unix sockets: `/run/fairlead/fairlead.sock`, "
	"and\n"
	"`/run/fairlead/fairlead-ro.sock`, which refuses every method that makes a change. `fairlead` is a client of "
	"them and has\n"
	"no other way in: each method below is a command, with the same parameters. Try one by hand:\n"
	"\n"
	"```\n"
	"echo '{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"port.list\"}' | nc -U -N /run/fairlead/fairlead.sock\n"
	"```\n"
	"\n"
	"- Parameters are given by name. What is left out has its default, or stays as it is; an unknown name is an "
	"error.\n"
	"- A change happens whole or not at all, and leaves one line in the daemon's log: uid, pid, method, object, "
	"result.\n"
	"- Batches (up to 64 requests) and notifications are answered as the specification says.\n"
	"- A key of a result that has no value now is null. Keys are only ever added.\n"
	"- Limits: a line of 8 MiB (64 KiB on the read-only socket), 10,000 values in it, 32 levels deep, an answer of "
	"16 MiB, 1000\n"
	"  clients on each socket. Beyond a limit there is an error, not silence.\n"
	"\n"
	"| code | means |\n"
	"|---|---|\n"
	"| -32700 | not JSON |\n"
	"| -32600 | not a request, or beyond a limit |\n"
	"| -32601 | no such method here |\n"
	"| -32602 | a parameter is missing, unknown, mistyped or out of range |\n"
	"| -32603 | the daemon made a mistake of its own |\n"
	"| -32000 | refused; `data.errno` says how |\n"
	"\n"
	"Every error has `message`, one sentence, and `data` with `errno` (a name, as `ENOENT`), `hint` (what to do) "
	"and `path` (the\n"
	"parameter, or the key of the configuration); the last two may be empty.\n";

static const char *
type_name(const struct schema_key *k)
{
	static const char *const names[] = {
		[SCHEMA_BOOL] = "boolean",  [SCHEMA_INT] = "integer",          [SCHEMA_ENUM] = "string",
		[SCHEMA_NAME] = "name",     [SCHEMA_STRING] = "string",        [SCHEMA_MAC] = "MAC",
		[SCHEMA_PREFIX] = "prefix", [SCHEMA_SPEED] = "speed",          [SCHEMA_VLAN_SET] = "list of VLANs",
		[SCHEMA_OBJECT] = "object", [SCHEMA_LIST] = "list of objects",
	};

	if (k->type == SCHEMA_LIST && k->item == SCHEMA_INT)
		return "list of integers";
	if (k->type == SCHEMA_LIST && k->of == NULL)
		return "list of strings";
	if (k->type == SCHEMA_INT && k->unit != NULL && k->unit[0] == '%') /* as result_check() takes it */
		return "number";
	return names[k->type];
}

static void
params_table(FILE *out, const struct schema_method *m)
{
	char limits[256], option[ARGS_OPTION_LEN];

	if (m->params == NULL)
		return;
	fputs("\n| parameter | option | type | | meaning |\n|---|---|---|---|---|\n", out);
	for (const struct schema_key *k = m->params; k->name != NULL; k++) {
		fprintf(out, "| `%s` | ", k->name);
		if (k == schema_word(m))
			fputs("(the word)", out);
		else if (k->filled)
			fputs("(by `fairlead`)", out);
		else
			fprintf(out, "`%s`", args_option(k, option));
		fprintf(out, " | %s | %s", type_name(k), k->required ? "required" : "");
		help_limits(k, limits, sizeof(limits));
		fprintf(out, "%s%s | ", k->required && limits[0] != '\0' ? "; " : "", limits);
		docs_cell(out, k->help);
		fputs(" |\n", out);
	}
}

static void
keys_table(FILE *out, const char *title, const struct schema_key *keys)
{
	char limits[256];

	fprintf(out, "\n| %s | type | | meaning |\n|---|---|---|---|\n", title);
	for (const struct schema_key *k = keys; k->name != NULL; k++) {
		help_limits(k, limits, sizeof(limits));
		fprintf(out, "| `%s` | %s | %s | ", k->name, type_name(k),
			limits[0] != '\0' || k->unit == NULL ? limits : k->unit);
		docs_cell(out, k->help);
		fputs(" |\n", out);
	}
	for (const struct schema_key *k = keys; k->name != NULL; k++)
		if (k->of != NULL)
			keys_table(out, k->name, k->of->keys);
}

/* The request that the example's command line sends. */
static void
request(FILE *out, const struct schema_method *m)
{
	char line[256], *argv[32], name[64], *text = NULL;
	int argc = 0;
	struct args args;
	struct err err;
	json_t *message;

	snprintf(line, sizeof(line), "%s", m->example);
	for (char *p = strtok(line, " "); p != NULL && argc < 32; p = strtok(NULL, " "))
		argv[argc++] = p;
	if (args_parse(argc, argv, &args, &err) < 0)
		return;
	for (const struct schema_key *k = m->params; k != NULL && k->name != NULL; k++)
		if (k->filled && k->required)
			json_object_set_new(args.params, k->name, json_string("..."));
	message = json_pack("{s:s, s:i, s:s}", "jsonrpc", "2.0", "id", 1, "method",
			    schema_method_name(m, name, sizeof(name)));
	if (message != NULL && json_object_size(args.params) > 0)
		json_object_set(message, "params", args.params);
	if (message != NULL)
		text = json_dumps(message, JSON_COMPACT);
	fprintf(out, "%s\n", text == NULL ? "" : text);
	free(text);
	json_decref(message);
	args_free(&args);
}

static void
method(FILE *out, const struct schema_method *m)
{
	char name[64];

	fprintf(out, "\n### %s\n\n%s.%s%s\n\n```\n", schema_method_name(m, name, sizeof(name)), m->summary,
		m->changes ? " Makes a change." : "", m->local ? " A command only: `fairlead` does it itself." : "");
	help_usage(out, m);
	fprintf(out, "\n```\n\nExample:\n\n```\n%s\n", m->example);
	if (!m->local)
		request(out, m);
	fputs("```\n", out);
	params_table(out, m);
	if (m->columns != NULL)
		keys_table(out, m->result == RESULT_LIST ? "result, a list of" : "result", m->columns);
	if (m->errors != NULL)
		fputs("\n| refused with | when |\n|---|---|\n", out);
	for (const struct schema_error *e = m->errors; e != NULL && e->code != 0; e++) {
		fprintf(out, "| %s | ", strerrorname_np(e->code));
		docs_cell(out, e->text);
		fputs(" |\n", out);
	}
}

void
docs_rpc(FILE *out)
{
	const char *noun = "";

	fputs(intro, out);
	for (const struct schema_method *m = schema_methods; m->noun != NULL; m++) {
		if (strcmp(m->noun, noun) != 0)
			fprintf(out, "\n## %s\n", m->noun);
		noun = m->noun;
		method(out, m);
	}
}
