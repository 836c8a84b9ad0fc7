/* answer.c - what a person sees of a result; see answer.h. */
#include "cli/answer.h"

#include <string.h>

static bool
is_method(const struct schema_method *m, const char *name)
{
	char own[64];

	return strcmp(schema_method_name(m, own, sizeof(own)), name) == 0;
}

char *
answer_object(const struct schema_method *m, const json_t *params, char out[CELL_LEN])
{
	const struct schema_key *word = schema_word(m);
	const json_t *v = word == NULL ? NULL : json_object_get(params, word->name);

	if (strcmp(m->noun, "config") == 0)
		snprintf(out, CELL_LEN, "configuration");
	else if (json_is_integer(v))
		snprintf(out, CELL_LEN, "%s %lld", m->noun, (long long)json_integer_value(v));
	else if (json_is_string(v))
		snprintf(out, CELL_LEN, "%s %.128s", m->noun, json_string_value(v));
	else
		snprintf(out, CELL_LEN, "%s", m->noun);
	return out;
}

int
answer_json(FILE *out, const json_t *result)
{
	if (json_dumpf(result, out, JSON_INDENT(2) | JSON_PRESERVE_ORDER) < 0 || fputc('\n', out) == EOF)
		return -1;
	return 0;
}

static void
amount(FILE *out, const char *before, const json_t *books, const char *key)
{
	char number[CELL_LEN];

	fprintf(out, "%s%s %s", before, key, table_number(json_integer_value(json_object_get(books, key)), number));
}

void
answer_books(FILE *out, const json_t *books)
{
	amount(out, "", books, "offered");
	if (json_integer_value(json_object_get(books, "copies")) != 0)
		amount(out, " + ", books, "copies");
	amount(out, json_is_true(json_object_get(books, "balanced")) ? " = " : " is NOT ", books, "delivered");
	amount(out, " + ", books, "dropped");
	amount(out, " + ", books, "held");
	fputs("\n", out);
}

/* The running configuration can be piped into a file: what else there is to say is a comment. */
static void
print_config(FILE *out, const json_t *result)
{
	const char *text = json_string_value(json_object_get(result, "text"));
	json_int_t confirm_s = json_integer_value(json_object_get(result, "confirm_s"));
	const json_t *line;
	size_t i;

	fputs(text == NULL ? "" : text, out);
	json_array_foreach(json_object_get(result, "drift"), i, line)
		fprintf(out, "# %s\n", json_is_string(line) ? json_string_value(line) : "");
	if (confirm_s > 0)
		fprintf(out, "# what runs is taken back in %lld s unless confirmed: fairlead config apply FILE\n",
			(long long)confirm_s);
}

static void
print_applied(FILE *out, const json_t *params, const json_t *result)
{
	const char *file = json_string_value(json_object_get(params, "file"));
	json_int_t confirm_s = json_integer_value(json_object_get(result, "confirm_s"));
	const json_t *line;
	size_t i;

	json_array_foreach(json_object_get(result, "steps"), i, line)
		fprintf(out, "%s\n", json_is_string(line) ? json_string_value(line) : "");
	if (!json_is_true(json_object_get(result, "changed")))
		fprintf(out, "nothing to change: the daemon runs with %s already\n", file);
	if (confirm_s > 0)
		fprintf(out, "taken back in %lld s unless confirmed: fairlead config apply %s\n", (long long)confirm_s,
			file);
}

static void
print_changed(FILE *out, const struct schema_method *m, const json_t *params, const json_t *result)
{
	char object[CELL_LEN];
	bool changed = json_is_true(json_object_get(result, "changed"));
	bool anew = json_is_true(json_object_get(result, "made_anew"));

	fprintf(out, "%s %s\n", answer_object(m, params, object),
		!changed ? "unchanged: it was so already"
		: anew   ? "changed, and made anew: its guest has to connect again"
			 : "changed");
}

void
answer_print(FILE *out, const struct schema_method *m, const json_t *params, const json_t *result,
	     const struct table_style *style)
{
	struct table_style own = *style;
	const char *file = json_string_value(json_object_get(result, "file"));

	own.bar = strcmp(m->noun, "processor") == 0;
	if (is_method(m, "config.show"))
		print_config(out, result);
	else if (is_method(m, "config.apply"))
		print_applied(out, params, result);
	else if (is_method(m, "config.save"))
		fprintf(out, "%s: %s\n", file == NULL ? "-" : file,
			json_is_true(json_object_get(result, "changed")) ? "written" : "said this already");
	else if (is_method(m, "port.qemu-args"))
		fputs(json_string_value(json_object_get(result, "text")), out);
	else if (m->changes)
		print_changed(out, m, params, result);
	else if (m->result == RESULT_LIST)
		table_list(out, m->columns, result, &own);
	else
		table_object(out, m->columns, result, &own);
}
