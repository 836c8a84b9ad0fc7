/* options.c - see options.h. */
#include "bench/options.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

_Noreturn void
options_refuse(const char *fmt, ...)
{
	va_list args;

	fprintf(stderr, "%s: ", program_invocation_short_name);
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fputs(" (--help says more)\n", stderr);
	exit(2);
}

static void
print_default(const struct option_row *row, const void *value)
{
	const uint8_t *mac = value;
	const char *text;

	switch (row->kind) {
	case OPTION_NUMBER:
		if (*(const unsigned long *)value >= row->least && *(const unsigned long *)value <= row->most)
			printf(" [%lu]", *(const unsigned long *)value);
		break;
	case OPTION_REAL:
		printf(" [%g]", *(const double *)value);
		break;
	case OPTION_TEXT:
		text = *(const char *const *)value;
		if (text != NULL)
			printf(" [%s]", text);
		break;
	case OPTION_MAC:
		printf(" [%02x:%02x:%02x:%02x:%02x:%02x]", mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
		break;
	case OPTION_FLAG:
		break;
	}
}

static _Noreturn void
print_help(const struct option_group *groups, unsigned n, const char *about)
{
	printf("usage: %s [--option value]...\n\n%s\n\n", program_invocation_short_name, about);
	for (unsigned g = 0; g < n; g++) {
		for (const struct option_row *row = groups[g].rows; row->name != NULL; row++) {
			char left[64];

			snprintf(left, sizeof(left), "--%s %s", row->name, row->argument != NULL ? row->argument : "");
			printf("  %-22s %s", left, row->help);
			print_default(row, (const uint8_t *)groups[g].into + row->at);
			putchar('\n');
		}
	}
	exit(0);
}

static void
set_number(const struct option_row *row, unsigned long *value, const char *text)
{
	char *end;

	errno = 0;
	*value = strtoul(text, &end, 10);
	if (errno != 0 || *end != '\0' || end == text || *text == '-' || *value < row->least || *value > row->most)
		options_refuse("--%s: '%s' is no number from %lu to %lu", row->name, text, row->least, row->most);
}

static void
set_real(const struct option_row *row, double *value, const char *text)
{
	char *end;

	*value = strtod(text, &end);
	if (*end != '\0' || end == text || !(*value >= 0) || *value > (double)row->most)
		options_refuse("--%s: '%s' is no number from 0 to %lu", row->name, text, row->most);
}

static void
set_mac(const struct option_row *row, uint8_t *mac, const char *text)
{
	int end = 0;

	if (sscanf(text, "%2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx%n", &mac[0], &mac[1], &mac[2], &mac[3], &mac[4], &mac[5],
		   &end) != 6 ||
	    text[end] != '\0')
		options_refuse("--%s: '%s' is no MAC address", row->name, text);
}

static void
set(const struct option_row *row, void *value, const char *text)
{
	switch (row->kind) {
	case OPTION_NUMBER:
		set_number(row, value, text);
		break;
	case OPTION_REAL:
		set_real(row, value, text);
		break;
	case OPTION_TEXT:
		*(const char **)value = text;
		break;
	case OPTION_FLAG:
		*(bool *)value = true;
		break;
	case OPTION_MAC:
		set_mac(row, value, text);
		break;
	}
}

static const struct option_row *
find(const struct option_group *groups, unsigned n, const char *name, void **value)
{
	for (unsigned g = 0; g < n; g++) {
		for (const struct option_row *row = groups[g].rows; row->name != NULL; row++) {
			if (strcmp(row->name, name) == 0) {
				*value = (uint8_t *)groups[g].into + row->at;
				return row;
			}
		}
	}
	return NULL;
}

void
options_read(const struct option_group *groups, unsigned n, const char *about, char **argv)
{
	for (argv++; *argv != NULL; argv++) {
		const struct option_row *row;
		void *value = NULL;

		if (strcmp(*argv, "--help") == 0)
			print_help(groups, n, about);
		row = strncmp(*argv, "--", 2) == 0 ? find(groups, n, *argv + 2, &value) : NULL;
		if (row == NULL)
			options_refuse("'%s' is no option", *argv);
		if (row->kind == OPTION_FLAG) {
			set(row, value, NULL);
			continue;
		}
		if (argv[1] == NULL)
			options_refuse("--%s needs a value", row->name);
		set(row, value, *++argv);
	}
}
