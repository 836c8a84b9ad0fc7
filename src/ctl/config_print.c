/* config_print.c - fields as YAML text; see config_value.h. */
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

/* Words that other YAML readers take for something else than text (YAML 1.1: null, bool). */
static void
print_name(FILE *out, const char *name)
{
	static const char *const odd[] = { "null", "true", "false", "yes", "no", "on", "off", "y", "n" };

	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		if (strcasecmp(name, odd[i]) == 0) {
			print_quoted(out, name);
			return;
		}
	}
	fputs(name, out);
}

void
config_value_print(FILE *out, const struct schema_key *key, enum schema_type type, const void *field)
{
	const struct config_bind *bind = key->bind;
	char text[CONFIG_ARG_MAX + 32];
	int64_t number;

	switch (type) {
	case SCHEMA_STRING:
		print_quoted(out, bind->codec ? bind->codec->format(field, text, sizeof(text)) : field);
		return;
	case SCHEMA_NAME:
		print_name(out, field);
		return;
	case SCHEMA_MAC:
		print_quoted(out, mac_format(field, text));
		return;
	case SCHEMA_PREFIX:
		print_quoted(out, prefix_format(field, text));
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
