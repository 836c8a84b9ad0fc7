/* table.c - answers for people; see table.h. */
#include "cli/table.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "cli/args.h"

#define BAR_CELLS 20
#define COLUMNS_MAX 64

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

static void
number_cell(const struct schema_key *key, const json_t *value, bool named, char out[CELL_LEN])
{
	bool in_name = key->name[args_stem(key)] != '\0'; /* the header is cut to the stem, so the unit stands here */
	char number[CELL_LEN];

	if (json_is_real(value))
		snprintf(number, sizeof(number), "%.1f", json_real_value(value));
	else if (key->unit == NULL)
		snprintf(number, sizeof(number), "%lld", (long long)json_integer_value(value));
	else
		table_number(json_integer_value(value), number);
	snprintf(out, CELL_LEN, "%.200s%s%s", number, key->unit != NULL && (in_name || named) ? " " : "",
		 key->unit != NULL && (in_name || named) ? key->unit : "");
}

static void
list_cell(const json_t *list, char out[CELL_LEN])
{
	const json_t *v;
	size_t i, len = 0;
	char text[CELL_LEN];

	out[0] = '\0';
	json_array_foreach(list, i, v)
	{
		if (json_is_string(v))
			copy_safe(text, json_string_value(v));
		else
			snprintf(text, sizeof(text), "%lld", (long long)json_integer_value(v));
		if (len + strlen(text) + 2 > CELL_LEN)
			return;
		len += (size_t)snprintf(out + len, CELL_LEN - len, "%s%s", i == 0 ? "" : ",", text);
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
		list_cell(value, out);
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

void
table_list(FILE *out, const struct schema_key *keys, const json_t *list, const struct table_style *style)
{
	int width[COLUMNS_MAX], n = 0;
	const json_t *row;
	char cell[CELL_LEN];
	size_t i;

	for (; keys[n].name != NULL && n < COLUMNS_MAX; n++) {
		width[n] = width_of(header_of(&keys[n], cell));
		json_array_foreach(list, i, row)
		{
			int w = width_of(table_cell(&keys[n], json_object_get(row, keys[n].name), false, cell));

			if (w > width[n])
				width[n] = w;
		}
	}
	for (int k = 0; k < n; k++)
		put_cell(out, header_of(&keys[k], cell), width[k], keys[k].type == SCHEMA_INT,
			 !style->bar && k == n - 1);
	if (style->bar)
		put_cell(out, "LOAD", 0, false, true);
	json_array_foreach(list, i, row)
	{
		for (int k = 0; k < n; k++)
			put_cell(out, table_cell(&keys[k], json_object_get(row, keys[k].name), false, cell), width[k],
				 keys[k].type == SCHEMA_INT, !style->bar && k == n - 1);
		if (style->bar)
			put_cell(out,
				 table_bar(share(row, "busy_percent"), share(row, "waiting_percent"), style->utf8,
					   cell),
				 0, false, true);
	}
}

static bool
is_table(const struct schema_key *key)
{
	return key->type == SCHEMA_LIST && key->of != NULL;
}

void
table_object(FILE *out, const struct schema_key *keys, const json_t *object, const struct table_style *style)
{
	const struct table_style plain = { .utf8 = style->utf8 };
	char cell[CELL_LEN];

	for (const struct schema_key *k = keys; k->name != NULL; k++)
		if (!is_table(k))
			fprintf(out, "%.*s: %s\n", (int)args_stem(k), k->name,
				table_cell(k, json_object_get(object, k->name), true, cell));
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
