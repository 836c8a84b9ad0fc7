/* config_rules.c - what must hold between keys: names, processors, switches; see config_check.h. */
#include <stdlib.h>
#include <string.h>

#include "ctl/config_check.h"

#define HINT_MAX sizeof(((struct err *)0)->hint)

static int
once_compare(const void *pa, const void *pb)
{
	const struct config_once *a = pa, *b = pb;
	int order = strcmp(a->key, b->key);

	if (order == 0)
		order = (a->node->line > b->node->line) - (a->node->line < b->node->line);
	if (order == 0)
		order = (a->node->column > b->node->column) - (a->node->column < b->node->column);
	return order;
}

void
config_rule_once(struct config_check *check, struct config_once *list, unsigned n, const char *what, const char *hint)
{
	unsigned first = 0;

	if (n > 0)
		qsort(list, n, sizeof(*list), once_compare);
	for (unsigned i = 1; i < n; i++) {
		char shown[CONFIG_SHOW_MAX];

		if (strcmp(list[i].key, list[first].key) != 0)
			first = i;
		else
			config_value_mistake(check->log, list[i].node, hint, "'%s' %s in line %u",
					     config_show(list[i].node->text, shown), what, list[first].node->line);
	}
}

void
config_names_hint(const char *name, const char *const *words, size_t n, char *out, size_t size)
{
	const char *near = err_nearest(name, words, n);
	size_t len = 0;

	if (n == 0)
		snprintf(out, size, "there is none");
	else if (near)
		snprintf(out, size, "did you mean '%s'?", near);
	else
		for (size_t i = 0; i < n && len < size; i++)
			len += (size_t)snprintf(out + len, size - len, "%s%s", i > 0 ? ", " : "there are: ", words[i]);
}

/* Names of one kind of object, which must differ. */
static void
rule_names(struct config_check *check, enum config_items items, const char *what)
{
	const struct config_list *list = &check->lists[items];
	struct config_once *names = calloc(list->n + 1, sizeof(*names));
	unsigned n = 0;

	if (names == NULL) {
		config_check_no_memory(check);
		return;
	}
	for (unsigned i = 0; i < list->n; i++) {
		if (!config_node_good(list->node[i], "name"))
			continue;
		names[n].node = ynode_get(list->node[i], "name");
		snprintf(names[n].key, sizeof(names[n].key), "%s", names[n].node->text);
		n++;
	}
	config_rule_once(check, names, n, what, "choose another name for one of the two");
	free(names);
}

static void
rules_processors(struct config_check *check)
{
	struct ynode *node = ynode_get(check->root, "processors"), *cpus = ynode_get(node, "cpus");
	const struct config_processors *p = &check->config->processors;
	struct config_once list[CONFIG_CPUS_MAX];
	unsigned n = 0;

	if (config_node_good(node, "idle") && config_node_good(node, "speed_percent") && p->poll)
		config_value_mistake(check->log, ynode_get(node, "idle"), "take idle: poll or speed_percent out",
				     "poll and speed_percent exclude each other: a capped processor cannot poll");
	if (cpus == NULL || cpus->kind != YNODE_LIST || cpus->bad)
		return;
	for (struct ynode *cpu = cpus->first; cpu && n < CONFIG_CPUS_MAX; cpu = cpu->next, n++) {
		list[n].node = cpu;
		snprintf(list[n].key, sizeof(list[n].key), "%s", cpu->text);
	}
	config_rule_once(check, list, n, "is given already", "name each CPU once");
}

void
config_only_for(struct config_check *check, const struct ynode *map, const char *key, const char *other,
		const char *word)
{
	struct ynode *node = ynode_get(map, key);
	char hint[HINT_MAX];

	if (node == NULL || node->bad)
		return;
	snprintf(hint, sizeof(hint), "write %s: %s, or take %s out", other, word, key);
	config_value_mistake(check->log, node, hint, "is only for %s %s", other, word);
}

static void
unknown_adapter(struct config_check *check, struct ynode *name)
{
	const char *words[CONFIG_ADAPTERS_MAX];
	char hint[HINT_MAX], shown[CONFIG_SHOW_MAX];
	size_t n = 0;

	for (unsigned i = 0; i < check->config->n_adapters; i++)
		if (check->config->adapters[i].name[0] != '\0')
			words[n++] = check->config->adapters[i].name;
	config_names_hint(name->text, words, n, hint, sizeof(hint));
	config_value_mistake(check->log, name, hint, "'%s' is not the name of an adapter",
			     config_show(name->text, shown));
}

int
config_adapter_find(struct config_check *check, struct ynode *name)
{
	const struct config_list *list = &check->lists[ITEMS_ADAPTERS];

	for (unsigned i = 0; i < list->n; i++) {
		const struct ynode *node = ynode_get(list->node[i], "name");

		if (node && node->kind == YNODE_SCALAR && strcmp(node->text, name->text) == 0)
			return (int)i;
	}
	unknown_adapter(check, name);
	return -1;
}

/* user[adapter]: the uplink key that has it already. */
static void
rules_switch(struct config_check *check, struct config_switch *sw, struct ynode *node, struct ynode **user)
{
	static const char *const kind[] = { "external", "internal", "private" };
	struct ynode *uplink = ynode_get(node, "uplink");
	int index;

	if (config_node_good(node, "kind") && sw->kind == SWITCH_EXTERNAL && uplink == NULL)
		config_missing(check->log, node, "uplink",
			       "an external switch needs an adapter; kind: internal has none");
	if (uplink == NULL || uplink->bad)
		return;
	if (config_node_good(node, "kind") && sw->kind != SWITCH_EXTERNAL) {
		config_value_mistake(check->log, uplink, "take the uplink out, or make it kind: external",
				     "is not for this switch: kind is %s", kind[sw->kind]);
		return;
	}
	index = config_adapter_find(check, uplink);
	if (index < 0)
		return;
	sw->adapter = index;
	if (user[index])
		config_value_mistake(check->log, uplink,
				     "an adapter leads to one switch; use another adapter, or one switch with VLANs",
				     "'%s' is the uplink of another switch already, in line %u", uplink->text,
				     user[index]->line);
	else
		user[index] = uplink;
}

void
config_rules(struct config_check *check)
{
	struct config *config = check->config;
	struct ynode *user[CONFIG_ADAPTERS_MAX] = { NULL };

	rules_processors(check);
	rule_names(check, ITEMS_ADAPTERS, "is the name of another adapter already,");
	rule_names(check, ITEMS_SWITCHES, "is the name of another switch already,");
	rule_names(check, ITEMS_PORTS, "is the name of another port already,");
	config_rules_adapters(check);
	for (unsigned i = 0; i < config->n_switches; i++)
		rules_switch(check, &config->switches[i], check->lists[ITEMS_SWITCHES].node[i], user);
}
