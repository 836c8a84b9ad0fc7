#ifndef CLI_TABLE_H
#define CLI_TABLE_H
/*
 * table.h - answers for people: aligned tables, and key: value lines. Pure; writes to the stream it is given.
 */
#include <jansson.h>
#include <stdio.h>

#include "ctl/schema.h"

#define CELL_LEN 512 /* bytes of one cell with NUL; a longer text is cut */

/* What a terminal can show: line drawing beyond ASCII needs UTF-8. */
struct table_style {
	bool utf8;
	bool bar;  /* a bar of busy and waiting behind each row: processors */
	int width; /* characters of a line; 0: a table is as wide as it needs */
};

/*
 * One row per element; headers are the keys in capitals, numbers stand right. An empty list has its headers too. A table
 * wider than a line goes on below with its other columns, the first column again before them. A last column of text may
 * be longer than the line.
 */
void table_list(FILE *out, const struct schema_key *keys, const json_t *list, const struct table_style *style);

/* One line per key; objects in it follow with their keys, indented, unless they are null, and lists of objects as tables of their own. */
void table_object(FILE *out, const struct schema_key *keys, const json_t *object, const struct table_style *style);

/* "9,881,020", "12 s", "93 %", "on", "0,2,3", "-" for what is not there. named: the unit is not in a header beside it. */
char *table_cell(const struct schema_key *key, const json_t *value, bool named, char out[CELL_LEN]);

/* 20 characters: busy, waiting and idle in their shares of 100. */
char *table_bar(double busy, double waiting, bool utf8, char out[CELL_LEN]);

/* A number with a comma before each three digits. */
char *table_number(long long n, char out[CELL_LEN]);
#endif
