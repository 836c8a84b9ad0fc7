/*
 * config_check.c - text to a struct config, by the rows of schema_config.c; see config.h.
 *
 * The tree is walked along the tables: each key is looked up in its object's table, its value read by its row, and put where
 * the row's bind says. What no single row can know (names, what must hold between keys) is in config_rules.c.
 */
#include "ctl/config_check.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cpulist.h"
#include "base/log.h"
#include "ctl/config_value.h"

#define KEYS_MAX 32 /* of one object; config_test.c holds the tables against it */
#define HINT_MAX sizeof(((struct err *)0)->hint)

/* The log's level is stored by the place of its word. */
static_assert(LOG_LEVEL_ERROR == 0 && LOG_LEVEL_WARN == 1 && LOG_LEVEL_INFO == 2 && LOG_LEVEL_DEBUG == 3, "log.level");

static const struct {
	size_t size;
	const char *many;
} items_of[ITEMS_COUNT] = {
	[ITEMS_ADAPTERS] = { sizeof(struct config_adapter), "adapters" },
	[ITEMS_SWITCHES] = { sizeof(struct config_switch), "switches" },
	[ITEMS_PORTS] = { sizeof(struct config_port), "ports, over all switches" },
	[ITEMS_STATICS] = { sizeof(struct config_static), "static entries, over all switches" },
};

size_t
config_items_size(enum config_items items)
{
	return items_of[items].size;
}

void
config_check_no_memory(struct config_check *check)
{
	struct err err;

	err_set(&err, -ENOMEM, "there is not enough memory to check the configuration");
	config_log_add(check->log, 0, 0, &err);
}

/* Room for one more; NULL when there is none. */
static void *
list_add(struct config_list *list, size_t size, struct ynode *node, unsigned parent)
{
	void *item;

	if (list->n == list->room) {
		unsigned room = list->room ? 2 * list->room : 16;
		void *items = realloc(list->item, room * size);
		struct ynode **nodes = items ? realloc(list->node, room * sizeof(*nodes)) : NULL;
		unsigned *parents = nodes ? realloc(list->parent, room * sizeof(*parents)) : NULL;

		list->item = items ? items : list->item;
		list->node = nodes ? nodes : list->node;
		list->parent = parents ? parents : list->parent;
		if (parents == NULL)
			return NULL;
		list->room = room;
	}
	list->node[list->n] = node;
	list->parent[list->n] = parent;
	item = (char *)list->item + list->n++ * size;
	memset(item, 0, size);
	return item;
}

static void
lists_free(struct config_check *check)
{
	for (int i = 0; i < ITEMS_COUNT; i++) {
		free(check->lists[i].item);
		free(check->lists[i].node);
		free(check->lists[i].parent);
	}
}

static void
object_defaults(const struct schema_object *of, void *object)
{
	for (const struct schema_key *key = of->keys; key->name; key++) {
		const struct config_bind *bind = key->bind;
		struct ynode node = { .kind = YNODE_SCALAR, .plain = true, .text = key->fallback };
		void *field = bind ? (char *)object + bind->offset : NULL;
		struct err err;

		if (bind == NULL)
			continue;
		if (key->type == SCHEMA_OBJECT) {
			object_defaults(key->of, field);
		} else if (bind->ref != REF_NONE) {
			config_store(field, bind->size, -1);
		} else if (key->fallback) {
			int ret = config_value_parse(key, key->type, &node, field, &err);

			assert(ret == 0); /* our own text; config_test.c reads all of them */
			(void)ret;
		} else if (key->type == SCHEMA_INT || key->type == SCHEMA_SPEED) {
			config_store(field, bind->size, bind->absent);
		}
	}
}

/* "name, uplink, mode": the keys that are offered. */
static char *
keys_text(const struct schema_object *of, char *out, size_t size)
{
	size_t len = 0;

	out[0] = '\0';
	for (const struct schema_key *key = of->keys; key->name && len < size; key++)
		if (!key->not_offered)
			len += (size_t)snprintf(out + len, size - len, "%s%s", len > 0 ? ", " : "", key->name);
	return out;
}

/* The first object at or below of that has this key. */
static const struct schema_object *
key_owner(const struct schema_object *of, const char *name)
{
	const struct schema_object *found = NULL;

	for (const struct schema_key *key = of->keys; key->name && found == NULL; key++) {
		if (!key->not_offered && strcmp(key->name, name) == 0)
			return of;
		if (key->of)
			found = key_owner(key->of, name);
	}
	return found;
}

static void
unknown_key(struct config_check *check, const struct schema_object *of, struct ynode *key)
{
	const char *words[KEYS_MAX], *near, *colon = strchr(key->text, ':');
	const struct schema_object *owner = key_owner(&schema_config, key->text);
	char shown[CONFIG_SHOW_MAX], keys[HINT_MAX - 40], hint[HINT_MAX];
	size_t n = 0;

	if (config_log_hides(check->log, key->line, key->column)) {
		ynode_spoil(key);
		return;
	}
	config_show(key->text, shown);
	for (const struct schema_key *k = of->keys; k->name && n < KEYS_MAX; k++)
		if (!k->not_offered)
			words[n++] = k->name;
	near = err_nearest(key->text, words, n);
	if (strcmp(key->text, "<<") == 0)
		snprintf(hint, sizeof(hint), "merge keys are not taken here; write the values out at each place");
	else if (colon && colon[1] != '\0')
		snprintf(hint, sizeof(hint), "a blank is missing after the colon");
	else if (near)
		snprintf(hint, sizeof(hint), "did you mean '%s'?", near);
	else if (owner)
		snprintf(hint, sizeof(hint), "'%s' is a key of %s, not of %s; valid: %.200s", shown, owner->name,
			 of->name, keys_text(of, keys, sizeof(keys)));
	else
		snprintf(hint, sizeof(hint), "valid: %s", keys_text(of, keys, sizeof(keys)));
	config_mistake_at(check->log, key, hint, "unknown key '%s'", shown);
}

static const char *
shape(const struct ynode *node)
{
	return node->kind == YNODE_LIST ? "a list" : node->kind == YNODE_MAP ? "a mapping of keys" : "a single value";
}

static void
wrong_shape(struct config_check *check, struct ynode *node, const char *expected, const char *hint)
{
	if (node->parent == NULL)
		config_mistake_at(check->log, node, hint, "the file is %s where %s is expected", shape(node), expected);
	else
		config_value_mistake(check->log, node, hint, "is %s where %s is expected", shape(node), expected);
}

static bool
has_no_value(const struct ynode *node)
{
	return node->kind == YNODE_SCALAR && node->plain && (node->text[0] == '\0' || strcmp(node->text, "~") == 0);
}

static void
check_scalar(struct config_check *check, const struct schema_key *key, enum schema_type type, struct ynode *node,
	     void *field)
{
	struct err err;

	if (node->kind == YNODE_REFUSED)
		return;
	if (node->kind != YNODE_SCALAR)
		wrong_shape(check, node, "a single value", key->help);
	else if (has_no_value(node))
		config_value_mistake(check->log, node, key->help, "has no value");
	else if (config_value_parse(key, type, node, field, &err) < 0)
		config_value_mistake(check->log, node, err.hint, "%s", err.msg);
}

/* A list of scalars; a single one stands for a list of one. */
static void
check_scalars(struct config_check *check, const struct schema_key *key, struct ynode *node, char *object)
{
	const struct config_bind *bind = key->bind;
	unsigned *count = (unsigned *)(void *)(object + bind->count);

	if (node->kind == YNODE_SCALAR) {
		check_scalar(check, key, key->item, node, object + bind->offset);
		*count = 1;
		return;
	}
	if (node->kind != YNODE_LIST) {
		wrong_shape(check, node, "a list", "write [A, B]");
		return;
	}
	if (node->n < bind->least || node->n > bind->most) {
		config_value_mistake(check->log, node, key->help, "has %u entries, %u to %u are taken", node->n,
				     bind->least, bind->most);
		return;
	}
	for (struct ynode *entry = node->first; entry; entry = entry->next)
		check_scalar(check, key, key->item, entry, object + bind->offset + bind->size * (*count)++);
}

static void
check_vlans(struct config_check *check, const struct schema_key *key, struct ynode *node, uint64_t *set)
{
	struct ynode *entry = node->kind == YNODE_LIST ? node->first : node;
	struct err err;

	if (node->kind == YNODE_MAP) {
		wrong_shape(check, node, "a list", key->help);
		return;
	}
	if (entry == NULL)
		config_value_mistake(check->log, node, key->help, "is an empty list: the port would be in no VLAN");
	for (; entry; entry = node->kind == YNODE_LIST ? entry->next : NULL) {
		if (entry->kind == YNODE_REFUSED)
			continue;
		if (entry->kind != YNODE_SCALAR)
			wrong_shape(check, entry, "a VLAN or a range", key->help);
		else if (config_vlan_add(key, entry, set, &err) < 0)
			config_value_mistake(check->log, entry, err.hint, "%s", err.msg);
	}
}

static void check_object(struct config_check *check, const struct schema_object *of, struct ynode *node, void *object,
			 unsigned index);

static void
check_items(struct config_check *check, const struct schema_key *key, struct ynode *node, unsigned parent)
{
	const struct config_bind *bind = key->bind;
	struct config_list *list = &check->lists[bind->items];

	if (node->kind != YNODE_LIST) {
		wrong_shape(check, node, "a list", "begin each entry with '- '");
		return;
	}
	for (struct ynode *entry = node->first; entry; entry = entry->next) {
		void *item;

		if (entry->kind == YNODE_REFUSED)
			continue;
		if (list->n >= key->max) {
			if (!list->full)
				config_value_mistake(check->log, entry, "", "is one too many: %lld are the most of %s",
						     (long long)key->max, items_of[bind->items].many);
			list->full = true;
			return;
		}
		item = list_add(list, items_of[bind->items].size, entry, parent);
		if (item == NULL) {
			config_check_no_memory(check);
			return;
		}
		object_defaults(key->of, item);
		check_object(check, key->of, entry, item, list->n - 1);
	}
}

static void
check_value(struct config_check *check, const struct schema_key *key, struct ynode *node, char *object, unsigned index)
{
	const struct config_bind *bind = key->bind;
	uint64_t unbound;

	if (node->kind == YNODE_REFUSED)
		return;
	if (has_no_value(node)) {
		config_value_mistake(check->log, node, key->help, "has no value; leave the key out for its default");
	} else if (key->type == SCHEMA_OBJECT) {
		check_object(check, key->of, node, object + bind->offset, index);
	} else if (key->type == SCHEMA_VLAN_SET) {
		check_vlans(check, key, node, (uint64_t *)(void *)(object + bind->offset));
	} else if (key->type != SCHEMA_LIST) {
		check_scalar(check, key, key->type, node, bind ? object + bind->offset : (void *)&unbound);
		if (bind && bind->given && !node->bad)
			*(bool *)(object + bind->given) = true;
	} else if (key->of) {
		check_items(check, key, node, index);
	} else {
		check_scalars(check, key, node, object);
	}
}

static void
check_missing(struct config_check *check, const struct schema_key *key, struct ynode *map)
{
	char hint[HINT_MAX], words[HINT_MAX / 2];

	if (key->type == SCHEMA_ENUM)
		snprintf(hint, sizeof(hint), "valid: %s; %s", config_choices_text(key, words, sizeof(words)),
			 key->help);
	else if (key->min == key->max && key->type == SCHEMA_INT)
		snprintf(hint, sizeof(hint), "write %s: %lld", key->name, (long long)key->min);
	else
		snprintf(hint, sizeof(hint), "%s: %s", key->name, key->help);
	config_missing(check->log, map, key->name, hint);
}

/* index: of the named object that object is or lies in, for the lists in it. */
static void
check_object(struct config_check *check, const struct schema_object *of, struct ynode *node, void *object,
	     unsigned index)
{
	const struct ynode *seen[KEYS_MAX] = { NULL };
	char hint[HINT_MAX], keys[HINT_MAX - 40];

	snprintf(hint, sizeof(hint), "offered: %s", keys_text(of, keys, sizeof(keys)));
	if (node->kind != YNODE_MAP) {
		wrong_shape(check, node, "a mapping of keys", hint);
		return;
	}
	node->noun = of->name;
	for (struct ynode *entry = node->first; entry; entry = entry->next) {
		const struct schema_key *key = of->keys;

		if (entry->key->kind == YNODE_REFUSED)
			continue;
		while (key->name && strcmp(key->name, entry->key->text) != 0)
			key++;
		if (key->name == NULL) {
			unknown_key(check, of, entry->key);
		} else if (seen[key - of->keys]) {
			config_mistake_at(check->log, entry->key, "take one of the two out",
					  "the key '%s' is given twice, first in line %u", key->name,
					  seen[key - of->keys]->line);
		} else if (key->not_offered) {
			seen[key - of->keys] = entry->key;
			config_mistake_at(check->log, entry->key, hint, "'%s' is not offered by this version",
					  key->name);
		} else {
			seen[key - of->keys] = entry->key;
			check_value(check, key, entry, object, index);
		}
	}
	for (const struct schema_key *key = of->keys; key->name; key++)
		if (key->required && seen[key - of->keys] == NULL)
			check_missing(check, key, node);
}

/* The lists' items to where struct config has them. */
static void
lists_give(struct config_check *check)
{
	struct config *config = check->config;
	struct config_list *lists = check->lists;

	config->n_adapters = lists[ITEMS_ADAPTERS].n;
	config->n_switches = lists[ITEMS_SWITCHES].n;
	if (config->n_adapters > 0)
		memcpy(config->adapters, lists[ITEMS_ADAPTERS].item, config->n_adapters * sizeof(*config->adapters));
	if (config->n_switches > 0)
		memcpy(config->switches, lists[ITEMS_SWITCHES].item, config->n_switches * sizeof(*config->switches));
	config->ports = lists[ITEMS_PORTS].item;
	config->n_ports = lists[ITEMS_PORTS].n;
	config->statics = lists[ITEMS_STATICS].item;
	config->n_statics = lists[ITEMS_STATICS].n;
	lists[ITEMS_PORTS].item = NULL;
	lists[ITEMS_STATICS].item = NULL;
	for (unsigned i = 0; i < config->n_ports; i++)
		config->ports[i].sw = lists[ITEMS_PORTS].parent[i];
	for (unsigned i = 0; i < config->n_statics; i++)
		config->statics[i].sw = lists[ITEMS_STATICS].parent[i];
}

/* In one order, for two files that name the same ones mean the same. */
static void
sort_hash_types(struct config_rss *rss)
{
	for (unsigned i = 1; i < rss->n_hash_types; i++) {
		uint8_t type = rss->hash_type[i];
		unsigned to = i;

		for (; to > 0 && rss->hash_type[to - 1] > type; to--)
			rss->hash_type[to] = rss->hash_type[to - 1];
		rss->hash_type[to] = type;
	}
}

/* Defaults and roundings that depend on other values. */
static void
config_complete(struct config *config)
{
	struct config_processors *p = &config->processors;
	struct cpu cpus[CONFIG_CPUS_MAX];

	p->count = p->count_asked;
	if (p->count == 0)
		p->count = p->n_cpus;
	if (p->count == 0) {
		int online = cpulist_online(cpus, CONFIG_CPUS_MAX);

		p->count = online < 1 ? 1 : online > CONFIG_CPUS_MAX ? CONFIG_CPUS_MAX : (unsigned)online;
	}
	for (unsigned i = 0; i < config->n_adapters; i++)
		sort_hash_types(&config->adapters[i].rss);
	for (unsigned i = 0; i < config->n_ports; i++) {
		struct config_port *port = &config->ports[i];

		if (port->mtu == 0)
			port->mtu = (unsigned)config_port_mtu_implied(port);
	}
	for (unsigned i = 0; i < config->n_switches; i++) {
		unsigned power = 1;

		while (power < config->switches[i].fdb_entries)
			power *= 2;
		config->switches[i].fdb_entries = power;
	}
}

static void
check_document(struct config_check *check, struct ynode *root)
{
	struct err err;

	if (root == NULL || has_no_value(root)) {
		err_set(&err, -EINVAL, "the file is empty");
		err_hint(&err, "begin it with: version: 1");
		config_log_add(check->log, 1, 1, &err);
		return;
	}
	check->root = root;
	object_defaults(&schema_config, check->config);
	check_object(check, &schema_config, root, check->config, 0);
	lists_give(check);
	config_complete(check->config);
	config_rules(check);
	config_rules_ports(check);
	config_rules_vfs(check);
}

static void
refuse_size(struct config_log *log, size_t len)
{
	struct err err;

	err_set(&err, -EFBIG, "the file has %zu bytes, at most %d are taken", len, CONFIG_TEXT_MAX);
	config_log_add(log, 0, 0, &err);
}

static struct config *
config_new(const char *text, size_t len)
{
	struct config *config = calloc(1, sizeof(*config));

	if (config == NULL)
		return NULL;
	config->text = malloc(len + 1);
	if (config->text == NULL) {
		free(config);
		return NULL;
	}
	if (len > 0)
		memcpy(config->text, text, len);
	config->text[len] = '\0';
	config->text_len = len;
	return config;
}

struct config *
config_parse(const char *text, size_t len, struct config_mistakes *mistakes)
{
	struct config_log log;
	struct config_check check = { .log = &log };
	struct ydoc doc = { .root = NULL };

	if (config_log_init(&log) < 0)
		goto out;
	if (len > CONFIG_TEXT_MAX) {
		refuse_size(&log, len);
		goto out;
	}
	check.config = config_new(text, len);
	if (check.config == NULL)
		config_check_no_memory(&check);
	else if (ydoc_read(&doc, text, len, &log) == 0)
		check_document(&check, doc.root);
	lists_free(&check);
	ydoc_free(&doc);
	if (config_log_count(&log) > 0) {
		config_free(check.config);
		check.config = NULL;
	}
out:
	config_log_take(&log, mistakes);
	return check.config;
}

void
config_free(struct config *config)
{
	if (config == NULL)
		return;
	free(config->ports);
	free(config->statics);
	free(config->text);
	free(config);
}
