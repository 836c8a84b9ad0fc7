#ifndef CTL_CONFIG_MISTAKES_H
#define CTL_CONFIG_MISTAKES_H
/*
 * config_mistakes.h - what is wrong in a configuration file: all of it, each with its place. Any thread.
 */
#include "base/err.h"

/* One mistake; line and column count from 1, 0 when unknown. */
struct config_mistake {
	unsigned line, column;
	struct err err; /* msg, hint ("valid: ...", "did you mean ...?"), path ("switches[0].ports[2].vlan.id") */
};

struct config_mistakes {
	struct config_mistake *list;
	unsigned n;
	unsigned hidden; /* beyond the first 100 */
};

void config_mistakes_free(struct config_mistakes *mistakes);

/* "converged.yaml:12:9: port 'vm1': unknown key 'vlna' ...\n  hint: did you mean 'vlan'?" for all of them. Caller frees. */
char *config_mistakes_text(const struct config_mistakes *mistakes, const char *file);
#endif
