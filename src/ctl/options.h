#ifndef CTL_OPTIONS_H
#define CTL_OPTIONS_H
/*
 * options.h - the command line of fairleadd.
 */
#include <stdbool.h>

#include "keep/keep.h"

#define OPTIONS_RUN (-1)

struct options {
	struct keep_options keep; /* run_dir, config_path */
	const char *name;         /* of this daemon */
	char run_dir[KEEP_PATH_MAX];
	char rpc[KEEP_NAME_MAX];           /* socket in run_dir */
	char rpc_read_only[KEEP_NAME_MAX]; /* its read-only twin */
	bool take_over;
	bool hugepages;
	pid_t keeper; /* the parent, set by main before it forks */
};

/* Returns OPTIONS_RUN, or an exit status after it has said why (2: wrong usage; 0: help or version). */
int options_parse(struct options *out, int argc, char **argv);
#endif
