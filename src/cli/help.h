#ifndef CLI_HELP_H
#define CLI_HELP_H
/*
 * help.h - what the schema says about commands, as text for a terminal.
 */
#include <stdio.h>

#include "ctl/schema.h"

void help_all(FILE *out);
void help_noun(FILE *out, const char *noun);
void help_method(FILE *out, const struct schema_method *method);

/* "fairlead port set PORT [--vlan N] ..." on one line, without a newline; docs and help share it. */
void help_usage(FILE *out, const struct schema_method *method);

/* "1 to 4094", "68 to 9216 bytes", "bash, zsh", "default 4096", joined by "; "; empty when there is nothing to say. Returns out. */
char *help_limits(const struct schema_key *key, char *out, size_t size);
#endif
