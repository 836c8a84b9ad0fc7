#ifndef CTL_CONFIG_CHECK_H
#define CTL_CONFIG_CHECK_H
/*
 * config_check.h - what the walk over the tables leaves for the rules that look at several keys. Private to the configuration.
 */
#include "ctl/config_bind.h"
#include "ctl/config_node.h"

struct config_list {
	void *item;          /* n structs, as config_items_size() */
	struct ynode **node; /* where each stands in the file */
	unsigned *parent;    /* index of the object that each lies in */
	unsigned n, room;
	bool full; /* a mistake already */
};

struct config_check {
	struct config *config;
	struct config_log *log;
	struct ynode *root;
	struct config_list lists[ITEMS_COUNT];
};

/* Bytes of one object of a list. */
size_t config_items_size(enum config_items items);

/*
 * Once the walk is over and struct config has its lists: names to indexes, and what must hold between keys. Mistakes go to
 * the log; a rule is left out where a key that it looks at has a mistake already.
 */
void config_rules(struct config_check *check); /* config_rules.c: names, processors, switches; calls the next */
void config_rules_adapters(struct config_check *check); /* config_rules_adapters.c */
void config_rules_ports(struct config_check *check);    /* config_rules_ports.c: ports and static entries */
void config_rules_vfs(struct config_check *check);      /* config_rules_vfs.c: ports with nic: vf; after both others */

/* A key that means something only where another key has that word: says so where map has it nevertheless. */
void config_only_for(struct config_check *check, const struct ynode *map, const char *key, const char *other,
		     const char *word);

/* Index of the adapter that name, a scalar, is the name of; -1 with a mistake there when it is of none. */
int config_adapter_find(struct config_check *check, struct ynode *name);

/* Something that may be there once only. */
struct config_once {
	char key[160];
	struct ynode *node; /* a scalar */
};

/*
 * Sorts n entries and says at all but the first with the same key: "<path> '<value>' <what> in line N". what: "is taken already".
 */
void config_rule_once(struct config_check *check, struct config_once *list, unsigned n, const char *what,
		      const char *hint);

/* "did you mean 'wire'?", else "there are: wire, wire2", for a name that is none of words[0..n). Writes size bytes. */
void config_names_hint(const char *name, const char *const *words, size_t n, char *out, size_t size);

/* Says that there is not enough memory. */
void config_check_no_memory(struct config_check *check);
#endif
