#ifndef CTL_PARAMS_H
#define CTL_PARAMS_H
/*
 * params.h - parameters of methods and their results, judged by the schema.
 *
 * The server judges what clients send; the CLI makes parameters from words. Control thread, and the CLI.
 */
#include <jansson.h>

#include "base/err.h"
#include "ctl/schema.h"

/*
 * Judges in (an object, or NULL for none) and makes *out: a new object with the defaults filled in, MACs in lower case.
 * Returns 0, -EINVAL with err saying which parameter and why (err->path is its name), or -ENOMEM.
 */
int params_check(const struct schema_method *method, const json_t *in, json_t **out, struct err *err);

/*
 * The value that a word means for key: "on" becomes true, "12" a number. Judges the type only, not the range.
 * Returns a new reference in *out, -EINVAL with err set, or -ENOMEM.
 */
int params_from_text(const struct schema_key *key, const char *text, json_t **out, struct err *err);

/*
 * Whether a handler's result has the keys and types that the schema promises, all of them and no others; null stands for "not there".
 * For tests. Returns 0, or -EPROTO with err set.
 */
int result_check(const struct schema_method *method, const json_t *result, struct err *err);

/* "port.set", "drops": at most size bytes with NUL; returns out. */
char *method_name(const struct schema_method *method, char *out, size_t size);

/* By "port.set"; NULL when there is none. */
const struct schema_method *method_by_name(const char *name);

/* A string, bytes that are no UTF-8 shown as '?'. NULL when memory is short. */
json_t *json_text(const char *text);
#endif
