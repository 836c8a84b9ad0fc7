/* help.c - the schema as help texts; see help.h. */
#include "cli/help.h"

#include <ctype.h>
#include <string.h>

#include "cli/args.h"

#define LEFT_WIDTH 26 /* of the column of words, in characters */

/* What stands for key's value: PORT, N, SECONDS, on|off, bash|zsh. */
static char *
value_word(const struct schema_key *key, char *out, size_t size)
{
	size_t len = 0;

	out[0] = '\0';
	if (key->type == SCHEMA_BOOL) {
		snprintf(out, size, "on|off");
	} else if (key->type == SCHEMA_ENUM) {
		for (size_t i = 0; key->choices[i] != NULL && len < size; i++)
			len += (size_t)snprintf(out + len, size - len, "%s%s", i == 0 ? "" : "|", key->choices[i]);
	} else if (key->type == SCHEMA_INT && key->unit != NULL) {
		snprintf(out, size, "%s", strcmp(key->unit, "s") == 0 ? "SECONDS" : key->unit);
	} else if (key->type == SCHEMA_INT && !key->required) {
		snprintf(out, size, "N");
	} else {
		snprintf(out, size, "%s", key->name);
	}
	for (char *p = out; *p != '\0' && key->type != SCHEMA_BOOL && key->type != SCHEMA_ENUM; p++)
		*p = (char)toupper((unsigned char)*p);
	return out;
}

/* "--vlan N", "--take-over", or "PORT" for the word. */
static char *
param_form(const struct schema_method *m, const struct schema_key *key, char *out, size_t size)
{
	char option[ARGS_OPTION_LEN], value[64];

	if (key == schema_word(m))
		return value_word(key, out, size);
	if (args_is_flag(key))
		snprintf(out, size, "%s", args_option(key, option));
	else
		snprintf(out, size, "%s %s", args_option(key, option), value_word(key, value, sizeof(value)));
	return out;
}

void
help_usage(FILE *out, const struct schema_method *m)
{
	const struct schema_key *word = schema_word(m);
	char form[128];

	fprintf(out, "fairlead %s", m->noun);
	if (m->verb != NULL)
		fprintf(out, " %s", m->verb);
	if (word != NULL)
		fprintf(out, word->required ? " %s" : " [%s]", param_form(m, word, form, sizeof(form)));
	for (const struct schema_key *k = m->params; k != NULL && k->name != NULL; k++)
		if (k != word && !k->filled)
			fprintf(out, k->required ? " %s" : " [%s]", param_form(m, k, form, sizeof(form)));
}

char *
help_limits(const struct schema_key *k, char *out, size_t size)
{
	char list[128] = "";
	size_t n = 0;

	out[0] = '\0';
	if (k->type == SCHEMA_INT && k->max > 0)
		snprintf(list, sizeof(list), "%lld to %lld%s%s", (long long)k->min, (long long)k->max,
			 k->unit == NULL ? "" : " ", k->unit == NULL ? "" : k->unit);
	if (k->type == SCHEMA_ENUM || (k->type == SCHEMA_LIST && k->item == SCHEMA_ENUM)) {
		while (k->choices[n] != NULL)
			n++;
		schema_join(k->choices, n, list, sizeof(list));
	}
	n = (size_t)snprintf(out, size, "%s", list);
	if (k->fallback != NULL && k->fallback[0] != '\0' && n < size)
		snprintf(out + n, size - n, "%sdefault %s", n == 0 ? "" : "; ", k->fallback);
	return out;
}

static void
param_line(FILE *out, const struct schema_method *m, const struct schema_key *k)
{
	char form[128], limits[256];

	help_limits(k, limits, sizeof(limits));
	fprintf(out, "  %-*s %s", LEFT_WIDTH, param_form(m, k, form, sizeof(form)), k->help);
	fprintf(out, limits[0] == '\0' || args_is_flag(k) ? "\n" : " (%s)\n", limits);
}

static void
common_options(FILE *out)
{
	fprintf(out, "  %-*s answer as JSON, with the same keys in every version\n", LEFT_WIDTH, "--json");
	fprintf(out, "  %-*s the daemon's socket (default: FAIRLEAD_RPC, else /run/fairlead/fairlead.sock)\n",
		LEFT_WIDTH, "--rpc SOCKET");
}

void
help_method(FILE *out, const struct schema_method *m)
{
	fprintf(out, "usage: ");
	help_usage(out, m);
	fprintf(out, "\n\n%s.\n\n", m->summary);
	for (const struct schema_key *k = m->params; k != NULL && k->name != NULL; k++)
		if (!k->filled)
			param_line(out, m, k);
	common_options(out);
	if (m->columns != NULL)
		fprintf(out, "\nanswer%s:\n", m->result == RESULT_LIST ? ", for each" : "");
	for (const struct schema_key *k = m->columns; k != NULL && k->name != NULL; k++)
		fprintf(out, "  %-*s %s\n", LEFT_WIDTH, k->name, k->help);
	if (m->errors != NULL)
		fprintf(out, "\nrefused with:\n");
	for (const struct schema_error *e = m->errors; e != NULL && e->code != 0; e++)
		fprintf(out, "  %-*s %s\n", LEFT_WIDTH, strerrorname_np(e->code), e->text);
	fprintf(out, "\nexample:\n  %s\n", m->example);
}

static void
method_line(FILE *out, const struct schema_method *m)
{
	char command[64];

	snprintf(command, sizeof(command), "%s%s%s", m->noun, m->verb == NULL ? "" : " ",
		 m->verb == NULL ? "" : m->verb);
	fprintf(out, "  %-*s %s\n", LEFT_WIDTH, command, m->summary);
}

void
help_noun(FILE *out, const char *noun)
{
	const struct schema_method *m = schema_method_find(noun, NULL);

	if (m != NULL) {
		help_method(out, m);
		return;
	}
	fprintf(out, "usage: fairlead %s VERB ...\n\n", noun);
	for (m = schema_methods; m->noun != NULL; m++)
		if (strcmp(m->noun, noun) == 0)
			method_line(out, m);
	fprintf(out, "\nfairlead %s VERB --help tells more, with an example.\n", noun);
}

void
help_all(FILE *out)
{
	fprintf(out, "usage: fairlead [--rpc SOCKET] NOUN VERB [NAME] [--option value] [--json]\n\n"
		     "Looks at and changes the running daemon, fairleadd.\n\n");
	for (const struct schema_method *m = schema_methods; m->noun != NULL; m++)
		method_line(out, m);
	fprintf(out, "\noptions of every command:\n");
	common_options(out);
	fprintf(out, "  %-*s this, or more about a NOUN, or a NOUN VERB\n", LEFT_WIDTH, "--help");
	fprintf(out, "  %-*s version of this program\n", LEFT_WIDTH, "--version");
	fprintf(out, "\nexit status: 0 done, 1 refused or failed, 2 the command line is misused\n\n"
		     "example:\n  fairlead processor list\n");
}
