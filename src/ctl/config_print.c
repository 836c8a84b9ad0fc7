/* config_print.c - fields as YAML text; see config_value.h. */
#include <ctype.h>
#include <inttypes.h>
#include <string.h>
#include <strings.h>

#include "ctl/config_value.h"

/* In double quotes, where only these two and control characters need an escape; the checks let no control character pass. */
static void
print_quoted(FILE *out, const char *text)
{
	fputc('"', out);
	for (; *text != '\0'; text++) {
		if (*text == '"' || *text == '\\')
			fputc('\\', out);
		fputc(*text, out);
	}
	fputc('"', out);
}

/* Plain where every YAML reader takes it for text: a letter first, nothing but these signs, no word for a null or bool (YAML 1.1). */
static bool
is_plain_text(const char *text)
{
	static const char *const odd[] = { "null", "true", "false", "yes", "no", "on", "off", "y", "n" };

	if (!isascii((unsigned char)text[0]) || !isalpha((unsigned char)text[0]))
		return false;
	for (const char *p = text; *p != '\0'; p++)
		if (!isascii((unsigned char)*p) || (!isalnum((unsigned char)*p) && !strchr("-_.", *p)))
			return false;
	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++)
		if (strcasecmp(text, odd[i]) == 0)
			return false;
	return true;
}

static void
print_text(FILE *out, const char *text)
{
	if (is_plain_text(text))
		fputs(text, out);
	else
		print_quoted(out, text);
}

/* A colon in a plain text is taken differently by different readers; an IPv4 address has none. */
static void
print_prefix(FILE *out, const struct prefix *prefix)
{
	char text[PREFIX_TEXT_LEN];

	prefix_format(prefix, text);
	if (strchr(text, ':'))
		print_quoted(out, text);
	else
		fputs(text, out);
}

void
config_value_print(FILE *out, const struct schema_key *key, enum schema_type type, const void *field)
{
	const struct config_bind *bind = key->bind;
	char text[CONFIG_ARG_MAX + 32];
	int64_t number;

	switch (type) {
	case SCHEMA_STRING:
		print_text(out, bind->codec ? bind->codec->format(field, text, sizeof(text)) : field);
		return;
	case SCHEMA_NAME:
		print_text(out, field);
		return;
	case SCHEMA_MAC:
		print_quoted(out, mac_format(field, text));
		return;
	case SCHEMA_PREFIX:
		print_prefix(out, field);
		return;
	default:
		break;
	}
	number = config_load(field, bind->size);
	if (type == SCHEMA_BOOL)
		fputs(number ? "on" : "off", out);
	else if (type == SCHEMA_ENUM)
		fputs(key->choices[number], out);
	else if (type == SCHEMA_SPEED)
		fprintf(out, "%" PRId64 "%c", number % 1000 ? number : number / 1000, number % 1000 ? 'M' : 'G');
	else
		fprintf(out, "%" PRId64, number);
}

void
config_vlan_print(FILE *out, const uint64_t *set)
{
	const char *separator = "[";

	for (unsigned id = 1; id <= CONFIG_VLAN_MOST; id++) {
		unsigned last = id;

		if (!(set[id / 64] >> (id % 64) & 1))
			continue;
		while (last < CONFIG_VLAN_MOST && (set[(last + 1) / 64] >> ((last + 1) % 64) & 1))
			last++;
		fprintf(out, "%s%u", separator, id);
		if (last > id)
			fprintf(out, "-%u", last);
		separator = ", ";
		id = last;
	}
	fputs(separator[0] == '[' ? "[]" : "]", out);
}
