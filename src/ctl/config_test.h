#ifndef CTL_CONFIG_TEST_H
#define CTL_CONFIG_TEST_H
/*
 * config_test.h - one row per mistake in a file, and how a row is held against what the checker says. Tests only.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/config.h"

struct mistake_row {
	const char *name;
	const char *yaml; /* a '`' stands before the place where the mistake is to be said; none: at 0:0 */
	const char *msg;  /* part of the message */
	const char *hint; /* part of the hint; "" for none */
	const char *path; /* the whole path; NULL: not looked at */
};

/* The file of a row without its mark; *line and *column are where the mark stood. The caller frees. */
static inline char *
row_text(const char *yaml, unsigned *line, unsigned *column)
{
	char *text = calloc(1, strlen(yaml) + 1), *out = text;
	unsigned l = 1, c = 1;

	assert_non_null(text);
	*line = *column = 0;
	for (const char *p = yaml; *p != '\0'; p++) {
		if (*p == '`') {
			*line = l;
			*column = c;
			continue;
		}
		*out++ = *p;
		l += *p == '\n';
		c = *p == '\n' ? 1 : c + (((unsigned char)*p & 0xc0) != 0x80);
	}
	return text;
}

/* The row must give this one mistake and no other. */
static inline void
row_check(const struct mistake_row *row)
{
	struct config_mistakes m = { .n = 0 };
	const struct config_mistake *got;
	unsigned line, column;
	char *yaml = row_text(row->yaml, &line, &column), *text;
	struct config *config = config_parse(yaml, strlen(yaml), &m);
	bool good;

	got = m.list;
	good = config == NULL && m.n == 1 && m.hidden == 0 && got->line == line && got->column == column &&
	       strstr(got->err.msg, row->msg) && strstr(got->err.hint, row->hint) &&
	       (row->path == NULL || strcmp(got->err.path, row->path) == 0);
	if (!good) {
		text = config_mistakes_text(&m, "got");
		print_error("%s: want %u:%u '%s' hint '%s' path '%s'\n%s", row->name, line, column, row->msg, row->hint,
			    row->path ? row->path : "", config ? "got: no mistake\n" : text);
		free(text);
	}
	config_free(config);
	config_mistakes_free(&m);
	free(yaml);
	if (!good)
		fail_msg("row '%s'", row->name);
}

#define rows_check(rows)                                                      \
	do {                                                                  \
		for (size_t i = 0; i < sizeof(rows) / sizeof((rows)[0]); i++) \
			row_check(&(rows)[i]);                                \
	} while (0)
#endif
