#ifndef CLI_TOP_H
#define CLI_TOP_H
/*
 * top.h - `fairlead top`: the picture that explains the product, live in a terminal, or printed once.
 */
#include <jansson.h>

#include "base/err.h"

/*
 * socket: the daemon's. params: those of the schema's method, without defaults filled in. json: prints the model once. Without a
 * terminal the picture is printed once, too. Returns 0 when the person left or the picture is printed; a negative errno with err set.
 */
int top_run(const char *socket, const json_t *params, bool json, struct err *err);
#endif
