#ifndef CLI_ARGS_H
#define CLI_ARGS_H
/*
 * args.h - the command line, judged by the schema: `fairlead [--rpc SOCKET] NOUN VERB [NAME] [--option value] [--json]`.
 *
 * Pure: no daemon, no file, no output.
 */
#include <jansson.h>

#include "base/err.h"
#include "ctl/schema.h"

#define ARGS_OPTION_LEN 40 /* "--base-processor" and a NUL; args_test.c checks that the schema's fit */

enum args_want { ARGS_RUN, ARGS_HELP, ARGS_VERSION };

struct args {
	enum args_want want;
	const char *noun;                   /* help: of this noun; NULL: of everything */
	const struct schema_method *method; /* run: never NULL. help: of this method, or NULL */
	const char *rpc;                    /* --rpc, or NULL */
	bool json;
	json_t *params; /* run: an object; what the CLI fills in itself is not there yet */
};

/*
 * Reads argv[1..argc). The strings in out are argv's and the schema's; params is freed by args_free().
 * Returns 0, or -EINVAL with err set: the command line is misused. Ranges are not judged: the daemon refuses those.
 */
int args_parse(int argc, char **argv, struct args *out, struct err *err);
void args_free(struct args *args);

/* "--confirm" for confirm_s, "--vmq-weight" for vmq_weight: a unit is not part of an option's name. Returns out. */
char *args_option(const struct schema_key *key, char out[ARGS_OPTION_LEN]);

/* An option that is on when it is named: a switch that is off by default. */
bool args_is_flag(const struct schema_key *key);

/* Whether name ends in the unit's letters ("_s", "_percent", "_mbps"): bytes of name before them, else the whole length. */
size_t args_stem(const struct schema_key *key);
#endif
