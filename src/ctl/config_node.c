/* config_node.c - where a mistake is, in the user's own names; see config_node.h. */
#include "ctl/config_node.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* The nodes from below top down to node; levels are bounded by YDOC_DEPTH_MAX. */
static unsigned
lineage(const struct ynode *node, const struct ynode *top, const struct ynode *out[YDOC_DEPTH_MAX + 1])
{
	unsigned n = 0;

	for (; node && node != top && n <= YDOC_DEPTH_MAX; node = node->parent)
		out[n++] = node;
	return n;
}

char *
config_node_path(const struct ynode *node, const struct ynode *top, char out[CONFIG_PATH_MAX])
{
	const struct ynode *line[YDOC_DEPTH_MAX + 1];
	unsigned n = lineage(node, top, line);
	size_t len = 0;
	char word[CONFIG_SHOW_MAX];

	out[0] = '\0';
	while (n-- > 0 && len < CONFIG_PATH_MAX) {
		const struct ynode *at = line[n];
		char *to = out + len;
		size_t room = CONFIG_PATH_MAX - len;

		if (at->parent && at->parent->kind == YNODE_LIST)
			len += (size_t)snprintf(to, room, "[%u]", at->index);
		else if (at->parent) /* a value in a mapping, or the key itself */
			len += (size_t)snprintf(to, room, "%s%s", len > 0 ? "." : "",
						config_show(at->key ? at->key->text : at->text, word));
	}
	return out;
}

/* Marks node; is that all that there is to do, because the mistake is hidden? */
static bool
is_hidden(struct config_log *log, struct ynode *node)
{
	ynode_spoil(node);
	return config_log_hides(log, node->line, node->column);
}

/* The nearest object with a name around node, node among them; NULL when there is none. */
static const struct ynode *
named_around(const struct ynode *node, const struct ynode **name)
{
	for (; node; node = node->parent) {
		*name = node->noun ? ynode_get(node, "name") : NULL;
		if (*name && (*name)->kind == YNODE_SCALAR && (*name)->text[0] != '\0')
			return node;
	}
	return NULL;
}

static void
mistake_add(struct config_log *log, struct ynode *node, const char *hint, const char *key_path, const char *text)
{
	struct err err = { .code = -EINVAL };
	char name_shown[CONFIG_SHOW_MAX], path[CONFIG_PATH_MAX];
	const struct ynode *name, *owner = named_around(node, &name);

	if (owner)
		err_set(&err, -EINVAL, "%s '%s': %s%s%s", owner->noun, config_show(name->text, name_shown), key_path,
			key_path[0] ? " " : "", text);
	else
		err_set(&err, -EINVAL, "%s%s%s", key_path, key_path[0] ? " " : "", text);
	err_hint(&err, "%s", hint);
	err_path(&err, "%s", config_node_path(node, NULL, path));
	config_log_add(log, node->line, node->column, &err);
}

void
config_mistake_at(struct config_log *log, struct ynode *node, const char *hint, const char *fmt, ...)
{
	char text[sizeof(((struct err *)0)->msg)];
	va_list ap;

	if (is_hidden(log, node))
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	mistake_add(log, node, hint, "", text);
}

void
config_value_mistake(struct config_log *log, struct ynode *node, const char *hint, const char *fmt, ...)
{
	char text[sizeof(((struct err *)0)->msg)], path[CONFIG_PATH_MAX];
	const struct ynode *name;
	va_list ap;

	if (is_hidden(log, node))
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	mistake_add(log, node, hint, config_node_path(node, named_around(node, &name), path), text);
}

void
config_missing(struct config_log *log, struct ynode *map, const char *key, const char *hint)
{
	const struct ynode *name;

	if (map->parent == NULL)
		config_mistake_at(log, map, hint, "the file lacks '%s'", key);
	else if (named_around(map, &name) == map)
		config_mistake_at(log, map, hint, "'%s' is missing", key);
	else
		config_value_mistake(log, map, hint, "lacks '%s'", key);
}

bool
config_node_good(const struct ynode *map, const char *key)
{
	const struct ynode *node = ynode_get(map, key);

	return node && !node->bad;
}

bool
config_node_usable(const struct ynode *map, const char *key)
{
	const struct ynode *node = ynode_get(map, key);

	return node == NULL || !node->bad;
}
