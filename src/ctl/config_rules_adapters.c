/* config_rules_adapters.c - what must hold between an adapter's keys; see config_check.h. */
#include <stdlib.h>
#include <string.h>

#include "ctl/config_check.h"

#define HINT_MAX sizeof(((struct err *)0)->hint)

/* An adapter of the file and what its processors are told by. */
struct subject {
	struct config_check *check;
	const struct config_adapter *is;
	struct ynode *node;
	unsigned count;     /* processors of the host */
	const char *source; /* of that number, for a message */
};

/* A key that names a processor; false, with a mistake, when there is none of its number. */
static bool
rule_is_processor(const struct subject *s, const char *key, unsigned number)
{
	char hint[HINT_MAX];

	if (number < s->count)
		return true;
	snprintf(hint, sizeof(hint), "valid: 0 to %u", s->count - 1);
	config_value_mistake(s->check->log, ynode_get(s->node, key), hint,
			     "%u is no processor: processors.count is %u%s", number, s->count, s->source);
	return false;
}

/* How many there are from base to last. */
static void
rule_max_processors(const struct subject *s, unsigned base, unsigned last)
{
	char hint[HINT_MAX];

	if (!config_node_good(s->node, "max_processors") || s->is->max_processors <= last - base + 1)
		return;
	snprintf(hint, sizeof(hint), "valid: 1 to %u", last - base + 1);
	if (last == s->count - 1)
		config_value_mistake(s->check->log, ynode_get(s->node, "max_processors"), hint,
				     "%u is more than there are from processor %u on: processors.count is %u%s",
				     s->is->max_processors, base, s->count, s->source);
	else
		config_value_mistake(s->check->log, ynode_get(s->node, "max_processors"), hint,
				     "%u is more than there are from processor %u to %u", s->is->max_processors, base,
				     last);
}

static void
rules_processors_of(const struct subject *s)
{
	unsigned base = s->is->base_processor < 0 ? 0 : (unsigned)s->is->base_processor, last = s->count - 1;
	char hint[HINT_MAX];

	if (!config_node_usable(s->check->root, "processors") || !config_node_usable(s->node, "base_processor") ||
	    !rule_is_processor(s, "base_processor", base))
		return;
	if (config_node_good(s->node, "max_processor")) {
		last = (unsigned)s->is->max_processor;
		if (!rule_is_processor(s, "max_processor", last))
			return;
		if (last < base) {
			snprintf(hint, sizeof(hint), "it is the number of the last one: %u to %u, or leave it out",
				 base, s->count - 1);
			config_value_mistake(s->check->log, ynode_get(s->node, "max_processor"), hint,
					     "%u is below base_processor %u", last, base);
			return;
		}
	}
	rule_max_processors(s, base, last);
}

static unsigned
power_below(unsigned n)
{
	unsigned power = 1;

	while (2 * power <= n)
		power *= 2;
	return power;
}

static void
rule_entries(const struct subject *s, struct ynode *rss)
{
	unsigned entries = s->is->rss.entries, power = power_below(entries);
	char hint[HINT_MAX];

	if (!config_node_usable(rss, "entries"))
		return;
	if (power != entries) {
		snprintf(hint, sizeof(hint), "write %u or %u", power, 2 * power);
		config_value_mistake(s->check->log, ynode_get(rss, "entries"), hint, "%u is not a power of two",
				     entries);
		return;
	}
	if (!config_node_good(rss, "entries") || !config_node_usable(s->node, "queues") ||
	    !config_node_good(s->node, "mode") || s->is->mode != ADAPTER_RSS || entries >= s->is->queues)
		return;
	snprintf(hint, sizeof(hint),
		 "a queue without an entry would get nothing: at least as many as there are queues");
	config_value_mistake(s->check->log, ynode_get(rss, "entries"), hint, "%u cannot name %u queues", entries,
			     s->is->queues);
}

static void
rule_hash_types(const struct subject *s, struct ynode *rss)
{
	struct ynode *types = ynode_get(rss, "hash_types");
	struct config_once list[HASH_TYPES];
	unsigned n = 0;

	if (types == NULL || types->kind != YNODE_LIST || types->bad)
		return;
	for (struct ynode *type = types->first; type != NULL && n < HASH_TYPES; type = type->next) {
		if (type->bad || type->kind != YNODE_SCALAR)
			continue;
		list[n].node = type;
		snprintf(list[n++].key, sizeof(list[0].key), "%s", type->text);
	}
	config_rule_once(s->check, list, n, "is given already", "name each hash type once");
}

static void
rule_balance(const struct subject *s)
{
	struct ynode *balance = ynode_get(s->node, "balance");
	const struct config_balance *b = &s->is->balance;
	bool low = config_node_good(balance, "low_percent");
	const char *key = low ? "low_percent" : "high_percent";

	if (!config_node_good(balance, key) || !config_node_usable(balance, "low_percent") ||
	    !config_node_usable(balance, "high_percent") || b->low_percent < b->high_percent)
		return;
	config_value_mistake(s->check->log, ynode_get(balance, key),
			     "what is packed up to the low mark must not be over the high one at once",
			     low ? "%u is not below high_percent, %u" : "%u is not above low_percent, %u",
			     low ? b->low_percent : b->high_percent, low ? b->high_percent : b->low_percent);
}

void
config_rules_adapters(struct config_check *check)
{
	const struct config *config = check->config;
	const struct config_processors *p = &config->processors;

	for (unsigned i = 0; i < config->n_adapters; i++) {
		struct subject s = {
			.check = check,
			.is = &config->adapters[i],
			.node = check->lists[ITEMS_ADAPTERS].node[i],
			.count = p->count,
			.source = p->count_asked ? ""
				  : p->n_cpus    ? " (the entries of cpus)"
						 : " (the online CPUs)",
		};
		struct ynode *rss = ynode_get(s.node, "rss");

		rules_processors_of(&s);
		rule_entries(&s, rss);
		rule_hash_types(&s, rss);
		rule_balance(&s);
	}
}
