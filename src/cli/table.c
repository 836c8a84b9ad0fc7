/* table.c - answers for people; see table.h. */
#include "cli/table.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "cli/args.h"

#define BAR_CELLS 20
#define COLUMNS_MAX 64
#define LIST_LEN 25 /* of a list in a column, with NUL: a processor with many queues must not push the rest away */
#define GAP 2       /* between columns */

char *
table_number(long long n, char out[CELL_LEN])
{
	char digits[32];
	unsigned long long size = n < 0 ? 0ull - (unsigned long long)n : (unsigned long long)n;
	int len = snprintf(digits, sizeof(digits), "%llu", size), at = 0;

	if (n < 0)
		out[at++] = '-';
	for (int i = 0; i < len; i++) {
		if (i > 0 && (len - i) % 3 == 0)
			out[at++] = ',';
		out[at++] = digits[i];
	}
	out[at] = '\0';
	return out;
}

static int
cells_of(double percent)
{
	if (percent < 0)
		percent = 0;
	if (percent > 100)
		percent = 100;
	return (int)(percent * BAR_CELLS / 100 + 0.5);
}

char *
table_bar(double busy, double waiting, bool utf8, char out[CELL_LEN])
{
	static const char *const signs[2][3] = { { "#", "+", "." }, { "\u2588", "\u2592", "\u00b7" } };
	int n_busy = cells_of(busy), n_work = cells_of(busy + (waiting > 0 ? waiting : 0));

	out[0] = '\0';
	for (int i = 0; i < BAR_CELLS; i++)
		strcat(out, signs[utf8][i < n_busy ? 0 : i < n_work ? 1 : 2]);
	return out;
}

/* Characters that a text takes on a terminal: our own texts have no wide or combining ones. */
static int
width_of(const char *text)
{
	int n = 0;

	for (; *text != '\0'; text++)
		n += ((unsigned char)*text & 0xc0) != 0x80;
	return n;
}

/* What came from a daemon must not steer the terminal. */
static void
copy_safe(char out[CELL_LEN], const char *text)
{
	size_t n = 0;

	for (; *text != '\0' && n < CELL_LEN - 1; text++)
		out[n++] = iscntrl((unsigned char)*text) ? '?' : *text;
	out[n] = '\0';
}

/* "packets" after 2, "packet" after 1, "entry" of entries; the units of the schema are regular. */
static void
put_unit(char out[CELL_LEN], const char *unit, bool one)
{
	size_t n = strlen(unit), len = strlen(out);
	bool many = n > 1 && unit[n - 1] == 's' && isalpha((unsigned char)unit[n - 2]);

	if (one && n > 3 && strcmp(unit + n - 3, "ies") == 0)
		snprintf(out + len, CELL_LEN - len, " %.*sy", (int)n - 3, unit);
	else
		snprintf(out + len, CELL_LEN - len, " %.*s", (int)n - (one && many), unit);
}

/* "rx_bytes: 60" says already what is counted. */
static bool
name_has_unit(const char *name, const char *unit)
{
	size_t n = strlen(name), len = strlen(unit);

	return n >= len && strcmp(name + n - len, unit) == 0;
}

static void
number_cell(const struct schema_key *key, const json_t *value, bool named, char out[CELL_LEN])
{
	bool in_name = key->name[args_stem(key)] != '\0'; /* the header is cut to the stem, so the unit stands here */

	if (json_is_real(value))
		snprintf(out, CELL_LEN, "%.1f", json_real_value(value));
	else if (key->unit == NULL)
		snprintf(out, CELL_LEN, "%lld", (long long)json_integer_value(value));
	else
		table_number(json_integer_value(value), out);
	if (key->unit != NULL && (in_name || (named && !name_has_unit(key->name, key->unit))))
		put_unit(out, key->unit, json_is_integer(value) && json_integer_value(value) == 1);
}

/* As many elements as limit bytes hold, NUL and the sign that there are more among them. */
static void
list_cell(const json_t *list, size_t limit, char out[CELL_LEN])
{
	static const char more[] = ",..";
	const json_t *v;
	size_t i, len = 0;
	char text[CELL_LEN];

	out[0] = '\0';
	json_array_foreach(list, i, v)
	{
		bool last = i == json_array_size(list) - 1;

		if (json_is_string(v))
			copy_safe(text, json_string_value(v));
		else
			snprintf(text, sizeof(text), "%lld", (long long)json_integer_value(v));
		if (i > 0 && len + 1 + strlen(text) + (last ? 1 : sizeof(more)) > limit) {
			strcpy(out + len, more);
			return;
		}
		len += (size_t)snprintf(out + len, CELL_LEN - len, "%s%.200s", i == 0 ? "" : ",", text);
	}
}

char *
table_cell(const struct schema_key *key, const json_t *value, bool named, char out[CELL_LEN])
{
	out[0] = '\0';
	if (json_is_number(value))
		number_cell(key, value, named, out);
	else if (json_is_boolean(value))
		snprintf(out, CELL_LEN, "%s", json_is_true(value) ? "on" : "off");
	else if (json_is_string(value))
		copy_safe(out, json_string_value(value));
	else if (json_is_array(value))
		list_cell(value, named ? CELL_LEN : LIST_LEN, out);
	if (out[0] == '\0')
		strcpy(out, "-");
	return out;
}

static char *
header_of(const struct schema_key *key, char out[CELL_LEN])
{
	snprintf(out, CELL_LEN, "%.*s", (int)args_stem(key), key->name);
	for (char *p = out; *p != '\0'; p++)
		*p = (char)toupper((unsigned char)*p);
	return out;
}

/* Pads by hand: printf counts bytes, not characters. */
static void
put_cell(FILE *out, const char *text, int width, bool right, bool last)
{
	int pad = width - width_of(text);

	if (right)
		fprintf(out, "%*s", pad, "");
	fputs(text, out);
	if (!right && !last)
		fprintf(out, "%*s", pad, "");
	fputs(last ? "\n" : "  ", out);
}

static double
share(const json_t *row, const char *key)
{
	return json_number_value(json_object_get(row, key));
}

/* A table on its way out. */
struct table {
	FILE *out;
	const struct schema_key *keys;
	const json_t *rows;
	const struct table_style *style;
	int width[COLUMNS_MAX];
	int n; /* columns, without the bar */
};

static void
measure(struct table *t)
{
	const json_t *row;
	char cell[CELL_LEN];
	size_t i;

	for (t->n = 0; t->keys[t->n].name != NULL && t->n < COLUMNS_MAX; t->n++) {
		const struct schema_key *key = &t->keys[t->n];

		t->width[t->n] = width_of(header_of(key, cell));
		json_array_foreach(t->rows, i, row)
		{
			int w = width_of(table_cell(key, json_object_get(row, key->name), false, cell));

			if (w > t->width[t->n])
				t->width[t->n] = w;
		}
	}
}

/* The end of the columns from first on that fit into a line behind column 0; one more than first at least. */
static int
fitting(const struct table *t, int first)
{
	int used = first == 0 ? -GAP : t->width[0], k = first;

	for (; k < t->n; k++) {
		bool last = k == t->n - 1, may_be_long = last && !t->style->bar && t->keys[k].type == SCHEMA_STRING;

		used += GAP + (may_be_long ? 0 : t->width[k]) + (last && t->style->bar ? GAP + BAR_CELLS : 0);
		if (used > t->style->width && t->style->width > 0 && k > first)
			break;
	}
	return k;
}

/* The header, or one row, of column 0 and those from first to end. */
static void
put_row(const struct table *t, const json_t *row, int first, int end)
{
	bool bar = t->style->bar && end == t->n;
	char cell[CELL_LEN];

	for (int k = 0; k < end; k = k == 0 && first > 0 ? first : k + 1) {
		const struct schema_key *key = &t->keys[k];

		if (row == NULL)
			header_of(key, cell);
		else
			table_cell(key, json_object_get(row, key->name), false, cell);
		put_cell(t->out, cell, t->width[k], key->type == SCHEMA_INT, k == end - 1 && !bar);
	}
	if (bar && row == NULL)
		put_cell(t->out, "LOAD", 0, false, true);
	else if (bar)
		put_cell(t->out,
			 table_bar(share(row, "busy_percent"), share(row, "waiting_percent"), t->style->utf8, cell), 0,
			 false, true);
}

void
table_list(FILE *out, const struct schema_key *keys, const json_t *list, const struct table_style *style)
{
	struct table t = { .out = out, .keys = keys, .rows = list, .style = style };
	const json_t *row;
	size_t i;

	measure(&t);
	for (int first = 0, end; first < t.n; first = end) {
		end = fitting(&t, first);
		if (first > 0)
			fputs("\n", out);
		put_row(&t, NULL, first, end);
		json_array_foreach(list, i, row) put_row(&t, row, first, end);
	}
}

static bool
is_table(const struct schema_key *key)
{
	return key->type == SCHEMA_LIST && key->of != NULL;
}

static void
put_keys(FILE *out, const struct schema_key *keys, const json_t *object, int indent)
{
	char cell[CELL_LEN];

	for (const struct schema_key *k = keys; k->name != NULL; k++)
		if (!is_table(k) && k->type != SCHEMA_OBJECT)
			fprintf(out, "%*s%.*s: %s\n", indent, "", (int)args_stem(k), k->name,
				table_cell(k, json_object_get(object, k->name), true, cell));
	for (const struct schema_key *k = keys; k->name != NULL; k++) {
		const json_t *inner = json_object_get(object, k->name);

		if (k->type != SCHEMA_OBJECT || !json_is_object(inner))
			continue;
		fprintf(out, "%*s%s:\n", indent, "", k->name);
		put_keys(out, k->of->keys, inner, indent + 2);
	}
}

void
table_object(FILE *out, const struct schema_key *keys, const json_t *object, const struct table_style *style)
{
	const struct table_style plain = { .utf8 = style->utf8, .width = style->width };
	char cell[CELL_LEN];

	put_keys(out, keys, object, 0);
	if (style->bar)
		fprintf(out, "load: %s\n",
			table_bar(share(object, "busy_percent"), share(object, "waiting_percent"), style->utf8, cell));
	for (const struct schema_key *k = keys; k->name != NULL; k++) {
		const json_t *list = json_object_get(object, k->name);

		if (!is_table(k) || json_array_size(list) == 0)
			continue;
		fprintf(out, "\n");
		table_list(out, k->of->keys, list, &plain);
	}
}
