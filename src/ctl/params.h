#ifndef CTL_PARAMS_H
#define CTL_PARAMS_H
/*
 * params.h - parameters of methods and their results, judged by the schema.
 *
 * Control thread only.
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
 * Whether a handler's result has the keys and types that the schema promises, all of them and no others; null stands for "not there".
 * For tests. Returns 0, or -EPROTO with err set.
 */
int result_check(const struct schema_method *method, const json_t *result, struct err *err);

/* A string, bytes that are no UTF-8 shown as '?'. NULL when memory is short. */
json_t *json_text(const char *text);
#endif
