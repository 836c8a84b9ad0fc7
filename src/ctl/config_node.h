#ifndef CTL_CONFIG_NODE_H
#define CTL_CONFIG_NODE_H
/*
 * config_node.h - mistakes said at a node of the file, with the user's own names. Private to the configuration.
 */
#include <stdarg.h>

#include "ctl/config_log.h"
#include "ctl/ydoc.h"

#define CONFIG_PATH_MAX 128

/* "switches[0].ports[2].vlan.id", from below top (NULL: the root). Writes CONFIG_PATH_MAX bytes; returns out. */
char *config_node_path(const struct ynode *node, const struct ynode *top, char out[CONFIG_PATH_MAX]);

/*
 * Adds "port 'vm1': <text>" at node, where port 'vm1' is the nearest object with a name, and marks node as bad.
 * hint may be empty.
 */
void config_mistake_at(struct config_log *log, struct ynode *node, const char *hint, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* The same with the value's key before the text: "port 'vm1': vlan.id <text>". */
void config_value_mistake(struct config_log *log, struct ynode *node, const char *hint, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* Adds "port 'vm1': 'nic' is missing" at the mapping that lacks the key. */
void config_missing(struct config_log *log, struct ynode *map, const char *key, const char *hint);

/* Is the key there, and without a mistake in it? */
bool config_node_good(const struct ynode *map, const char *key);

/* Is the key left out, or without a mistake in it? Then the object's field may be relied on. */
bool config_node_usable(const struct ynode *map, const char *key);
#endif
