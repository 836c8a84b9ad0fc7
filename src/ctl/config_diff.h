#ifndef CTL_CONFIG_DIFF_H
#define CTL_CONFIG_DIFF_H
/*
 * config_diff.h - where two configurations differ, object by object and key by key, along the rows of schema_config.c.
 *
 * Objects are the same when they have the same name; the order of a file does not count. Control thread.
 */
#include "ctl/config.h"

enum config_difference_kind {
	CONFIG_GONE,    /* object is in the first one only */
	CONFIG_ADDED,   /* object is in the second one only */
	CONFIG_CHANGED, /* key has another value */
};

struct config_difference {
	enum config_difference_kind kind;
	const char *object;         /* "port vm1", "processors" */
	const char *key;            /* "vlan.id"; NULL unless CONFIG_CHANGED */
	const char *first, *second; /* its values as the file has them; empty: left out, and without a default */
};

/*
 * Calls tell (NULL: nobody) for each difference, adapters first; what it is given is valid during the call. Returns how
 * many there are, or -ENOMEM: then some may have been told.
 */
int config_diff(const struct config *first, const struct config *second,
		void (*tell)(void *arg, const struct config_difference *d), void *arg);
#endif
