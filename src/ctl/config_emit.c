/*
 * config_emit.c - a struct config as YAML text, along the rows of schema_config.c; see config.h.
 *
 * What has its default is left out, so the text says what somebody chose.
 */
#include <stdlib.h>
#include <string.h>

#include "ctl/config_value.h"

struct emitter {
	const struct config *config;
	FILE *out;
	bool dash; /* the next line begins an entry of a list */
};

struct span {
	const char *item;
	size_t size;
	unsigned n;
};

static struct span
items_span(const struct config *config, enum config_items items)
{
	switch (items) {
	case ITEMS_ADAPTERS:
		return (struct span){ (const char *)config->adapters, sizeof(*config->adapters), config->n_adapters };
	case ITEMS_SWITCHES:
		return (struct span){ (const char *)config->switches, sizeof(*config->switches), config->n_switches };
	case ITEMS_PORTS:
		return (struct span){ (const char *)config->ports, sizeof(*config->ports), config->n_ports };
	case ITEMS_STATICS:
		return (struct span){ (const char *)config->statics, sizeof(*config->statics), config->n_statics };
	default:
		return (struct span){ NULL, 0, 0 };
	}
}

/* Ports and static entries stand in their switch; the others in the file itself. */
static bool
item_lies_in(const struct config *config, enum config_items items, unsigned i, unsigned parent)
{
	if (items == ITEMS_PORTS)
		return config->ports[i].sw == parent;
	if (items == ITEMS_STATICS)
		return config->statics[i].sw == parent;
	return true;
}

static bool
has_items(const struct config *config, enum config_items items, unsigned parent)
{
	struct span span = items_span(config, items);

	for (unsigned i = 0; i < span.n; i++)
		if (item_lies_in(config, items, i, parent))
			return true;
	return false;
}

static const char *
ref_name(const struct config *config, const struct schema_key *key, const void *object, unsigned parent)
{
	const struct config_bind *bind = key->bind;
	int index;

	memcpy(&index, (const char *)object + bind->offset, sizeof(index));
	if (bind->ref == REF_ADAPTER)
		return index >= 0 ? config->adapters[index].name : "";
	if (index >= 0)
		return config->ports[index].name;
	index = config->switches[parent].adapter;
	return index >= 0 ? config->adapters[index].name : "";
}

static bool
vlans_empty(const uint64_t *set)
{
	for (unsigned i = 0; i < 4096 / 64; i++)
		if (set[i] != 0)
			return false;
	return true;
}

static bool
scalar_is_default(const struct schema_key *key, const void *field)
{
	const struct config_bind *bind = key->bind;
	struct ynode node = { .kind = YNODE_SCALAR, .plain = true, .text = key->fallback };
	char text[CONFIG_ARG_MAX];
	int64_t fallback = 0;
	struct err err;

	if (bind->codec)
		return strcmp(bind->codec->format(field, text, sizeof(text)), key->fallback) == 0;
	if (key->type == SCHEMA_STRING || key->type == SCHEMA_NAME)
		return *(const char *)field == '\0';
	if (key->fallback == NULL)
		return (key->type == SCHEMA_INT || key->type == SCHEMA_SPEED) &&
		       config_load(field, bind->size) == bind->absent;
	return config_value_parse(key, key->type, &node, &fallback, &err) == 0 &&
	       config_load(&fallback, bind->size) == config_load(field, bind->size);
}

static bool key_is_default(const struct config *config, const struct schema_key *key, const char *object,
			   unsigned parent);

static bool
object_is_default(const struct config *config, const struct schema_object *of, const char *object, unsigned parent)
{
	for (const struct schema_key *key = of->keys; key->name; key++)
		if (key->bind && !key_is_default(config, key, object, parent))
			return false;
	return true;
}

static bool
key_is_default(const struct config *config, const struct schema_key *key, const char *object, unsigned parent)
{
	const struct config_bind *bind = key->bind;

	if (key->required)
		return false;
	if (bind->items != ITEMS_NONE)
		return !has_items(config, bind->items, parent);
	if (bind->ref != REF_NONE)
		return ref_name(config, key, object, parent)[0] == '\0';
	if (bind->given)
		return !*(const bool *)(object + bind->given);
	if (bind->implied)
		return config_load(object + bind->offset, bind->size) == bind->implied(object);
	if (key->type == SCHEMA_OBJECT)
		return object_is_default(config, key->of, object + bind->offset, parent);
	if (key->type == SCHEMA_LIST)
		return *(const unsigned *)(const void *)(object + bind->count) == 0;
	if (key->type == SCHEMA_VLAN_SET)
		return vlans_empty((const uint64_t *)(const void *)(object + bind->offset));
	return scalar_is_default(key, object + bind->offset);
}

static void
begin_line(struct emitter *e, unsigned indent, const char *key)
{
	fprintf(e->out, "%*s%s%s:", (int)(e->dash ? indent - 2 : indent), "", e->dash ? "- " : "", key);
	e->dash = false;
}

/* One alone stands without brackets. */
static void
emit_scalars(struct emitter *e, const struct schema_key *key, const char *object)
{
	const struct config_bind *bind = key->bind;
	unsigned n = *(const unsigned *)(const void *)(object + bind->count);

	fputs(n == 1 ? " " : " [", e->out);
	for (unsigned i = 0; i < n; i++) {
		fputs(i > 0 ? ", " : "", e->out);
		config_value_print(e->out, key, key->item, object + bind->offset + i * bind->size);
	}
	fputs(n == 1 ? "\n" : "]\n", e->out);
}

static void emit_object(struct emitter *e, const struct schema_object *of, const char *object, unsigned parent,
			unsigned indent);

static void
emit_items(struct emitter *e, const struct schema_key *key, unsigned parent, unsigned indent)
{
	const struct config_bind *bind = key->bind;
	struct span span = items_span(e->config, bind->items);

	fputc('\n', e->out);
	for (unsigned i = 0; i < span.n; i++) {
		unsigned within = bind->items == ITEMS_SWITCHES ? i : parent;

		if (!item_lies_in(e->config, bind->items, i, parent))
			continue;
		e->dash = true;
		emit_object(e, key->of, span.item + i * span.size, within, indent + 4);
	}
}

static void
emit_value(struct emitter *e, const struct schema_key *key, const char *object, unsigned parent, unsigned indent)
{
	const struct config_bind *bind = key->bind;

	begin_line(e, indent, key->name);
	if (bind->items != ITEMS_NONE) {
		emit_items(e, key, parent, indent);
		return;
	}
	if (key->type == SCHEMA_OBJECT) {
		fputc('\n', e->out);
		emit_object(e, key->of, object + bind->offset, parent, indent + 2);
		return;
	}
	if (key->type == SCHEMA_LIST) {
		emit_scalars(e, key, object);
		return;
	}
	fputc(' ', e->out);
	if (key->type == SCHEMA_VLAN_SET)
		config_vlan_print(e->out, (const uint64_t *)(const void *)(object + bind->offset));
	else if (bind->ref != REF_NONE)
		config_value_print(e->out, key, key->type, ref_name(e->config, key, object, parent));
	else
		config_value_print(e->out, key, key->type, object + bind->offset);
	fputc('\n', e->out);
}

/* parent: index of the switch that object is or lies in. */
static void
emit_object(struct emitter *e, const struct schema_object *of, const char *object, unsigned parent, unsigned indent)
{
	for (const struct schema_key *key = of->keys; key->name; key++)
		if (key->bind && !key_is_default(e->config, key, object, parent))
			emit_value(e, key, object, parent, indent);
}

char *
config_emit(const struct config *config)
{
	struct emitter e = { .config = config };
	char *text = NULL;
	size_t len = 0;

	e.out = open_memstream(&text, &len);
	if (e.out == NULL)
		return NULL;
	fputs("version: 1\n", e.out); /* the one key that no field holds: this is the only version */
	emit_object(&e, &schema_config, (const char *)config, 0, 0);
	if (fclose(e.out) != 0) {
		free(text);
		return NULL;
	}
	return text;
}
