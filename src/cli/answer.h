#ifndef CLI_ANSWER_H
#define CLI_ANSWER_H
/*
 * answer.h - what a person sees of a method's result. Pure; writes to the stream it is given.
 */
#include <jansson.h>
#include <stdio.h>

#include "cli/table.h"
#include "ctl/schema.h"

/* params: those that were sent. */
void answer_print(FILE *out, const struct schema_method *method, const json_t *params, const json_t *result,
		  const struct table_style *style);

/* The last line of `drops PORT`: "offered 12 = delivered 10 + dropped 2 + held 0". books: the result of stats.show. */
void answer_books(FILE *out, const json_t *books);

/* The result as a program wants it; the keys in the order of the daemon. Returns 0, or -1 when out takes no more. */
int answer_json(FILE *out, const json_t *result);

/* What was asked of, in the user's words: "port vm1", "configuration", "queue 3". Returns out. */
char *answer_object(const struct schema_method *method, const json_t *params, char out[CELL_LEN]);
#endif
