/* docs_config.c - docs/configuration.md, from the schema; see docs.h. */
#include "cli/docs.h"

#include <string.h>

#include "cli/help.h"
#include "ctl/schema.h"

static const char intro[] =
	"# Configuration\n"
	"\n"
	"Made from the schema by `scripts/gen_reference`; change `src/ctl/schema_config.c`, not this page.\n"
	"\n"
	"One YAML file tells the daemon what to be: `fairleadd --config FILE`. `fairlead config check FILE` names "
	"every mistake in it\n"
	"without a daemon, `fairlead config apply FILE` makes a running daemon follow it. Keys that are left out have "
	"their default.\n"
	"`examples/` has whole files that run.\n";

void
docs_cell(FILE *out, const char *text)
{
	if (text == NULL || text[0] == '\0')
		fputc('-', out);
	for (; text != NULL && *text != '\0'; text++) {
		if (*text == '|')
			fputc('\\', out);
		fputc(*text, out);
	}
}

static const char *
scalar_form(enum schema_type type)
{
	static const char *const forms[] = {
		[SCHEMA_BOOL] = "`on` or `off`",
		[SCHEMA_INT] = "number",
		[SCHEMA_ENUM] = "word",
		[SCHEMA_NAME] = "name",
		[SCHEMA_STRING] = "text",
		[SCHEMA_MAC] = "MAC, as `\"02:f1:00:00:00:01\"`",
		[SCHEMA_PREFIX] = "address, as `10.77.0.1/24`",
		[SCHEMA_SPEED] = "speed, as `10G` or `2500M`",
		[SCHEMA_VLAN_SET] = "VLANs, as `[10, 20-30]`",
		[SCHEMA_OBJECT] = "object",
		[SCHEMA_LIST] = "list",
	};

	return forms[type];
}

static bool
is_planned(const struct schema_key *k, const char *choice)
{
	for (size_t i = 0; k->planned != NULL && k->planned[i] != NULL; i++)
		if (strcmp(k->planned[i], choice) == 0)
			return true;
	return false;
}

static void
choices(FILE *out, const struct schema_key *k)
{
	for (size_t i = 0; k->choices[i] != NULL; i++)
		fprintf(out, "%s`%s`%s", i == 0 ? "" : ", ", k->choices[i],
			is_planned(k, k->choices[i]) ? " (not offered yet)" : "");
}

static void
value_form(FILE *out, const struct schema_key *k)
{
	if (k->type == SCHEMA_OBJECT || (k->type == SCHEMA_LIST && k->of != NULL)) {
		fprintf(out, "%s [%s](#%s)", k->type == SCHEMA_LIST ? "list of" : "object", k->of->name, k->of->name);
	} else if (k->type == SCHEMA_LIST && k->item == SCHEMA_ENUM) {
		fputs("list of: ", out);
		choices(out, k);
	} else if (k->type == SCHEMA_LIST) {
		fprintf(out, "list of: %s", scalar_form(k->item));
	} else if (k->type == SCHEMA_ENUM) {
		choices(out, k);
	} else {
		fputs(scalar_form(k->type), out);
	}
}

static void
key_row(FILE *out, const struct schema_key *k)
{
	bool counts = k->type == SCHEMA_INT || (k->type == SCHEMA_LIST && k->of == NULL && k->item == SCHEMA_INT);

	fprintf(out, "| `%s` | ", k->name);
	value_form(out, k);
	fputs(" | ", out);
	if (counts && k->max > 0)
		fprintf(out, "%lld to %lld%s%s", (long long)k->min, (long long)k->max, k->unit == NULL ? "" : " ",
			k->unit == NULL ? "" : k->unit);
	fprintf(out, " | %s%s%s | ",
		k->required           ? "required"
		: k->fallback == NULL ? ""
				      : "`",
		k->fallback == NULL ? "" : k->fallback, k->fallback == NULL ? "" : "`");
	docs_cell(out, k->help);
	fputs(" |\n", out);
}

/* Keys that the checks know by name, so that a file which has them is told why it is refused. */
static void
planned_keys(FILE *out, const struct schema_object *o)
{
	unsigned n = 0;

	for (const struct schema_key *k = o->keys; k->name != NULL; k++)
		if (k->not_offered)
			fprintf(out, "%s`%s` (%s)", n++ == 0 ? "\nNot offered yet: " : ", ", k->name, k->help);
	if (n > 0)
		fputs(".\n", out);
}

/* One section for the object, then those that its keys lead to; none has itself below it. */
static void
object(FILE *out, const struct schema_object *o, unsigned level)
{
	fprintf(out, "\n%.*s %s\n\n%s\n\n| key | value | range | default | meaning |\n|---|---|---|---|---|\n",
		(int)level, "####", o->name, o->help);
	for (const struct schema_key *k = o->keys; k->name != NULL; k++)
		if (!k->not_offered)
			key_row(out, k);
	planned_keys(out, o);
	for (const struct schema_key *k = o->keys; k->name != NULL; k++)
		if (k->of != NULL && !k->not_offered)
			object(out, k->of, level < 4 ? level + 1 : level);
}

void
docs_configuration(FILE *out)
{
	fputs(intro, out);
	object(out, &schema_config, 2);
}
