/* config_diff.c - where two configurations differ; see config_diff.h. */
#include "ctl/config_diff.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/config_value.h"

#define OBJECT_LEN 96
#define KEY_LEN 64

struct diff {
	const struct config *config[2];
	void (*tell)(void *arg, const struct config_difference *d);
	void *arg;
	int n;
	bool no_memory;
};

/* One object in both configurations, to be compared key by key. */
struct pair {
	const char *object[2];
	unsigned parent[2]; /* the switch that it lies in */
	char name[OBJECT_LEN];
};

static void
told(struct diff *d, const struct config_difference *difference)
{
	d->n++;
	if (d->tell != NULL)
		d->tell(d->arg, difference);
}

static const char *
ref_name(const struct config *config, const struct config_bind *bind, const char *object, unsigned parent)
{
	int index = (int)config_load(object + bind->offset, sizeof(index));

	if (bind->ref == REF_PORT && index >= 0)
		return config->ports[index].name;
	if (bind->ref == REF_PORT)
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

/* Whether nothing was said and nothing is meant. */
static bool
is_left_out(const struct schema_key *key, const char *object)
{
	const struct config_bind *bind = key->bind;
	const char *field = object + bind->offset;

	if (bind->given)
		return !*(const bool *)(object + bind->given);
	if (key->type == SCHEMA_LIST)
		return config_load(object + bind->count, sizeof(unsigned)) == 0;
	if (key->type == SCHEMA_VLAN_SET)
		return vlans_empty((const uint64_t *)(const void *)field);
	if (key->type == SCHEMA_STRING)
		return bind->codec == NULL && field[0] == '\0';
	return key->fallback == NULL && (key->type == SCHEMA_INT || key->type == SCHEMA_SPEED) &&
	       config_load(field, bind->size) == bind->absent;
}

static void
print_list(FILE *out, const struct schema_key *key, const char *object)
{
	const struct config_bind *bind = key->bind;
	unsigned n = (unsigned)config_load(object + bind->count, sizeof(n));

	for (unsigned i = 0; i < n; i++) {
		fputs(i > 0 ? ", " : "", out);
		config_value_print(out, key, key->item, object + bind->offset + i * bind->size);
	}
}

/* One value in words, without the quotes of YAML; empty: left out. NULL without memory. The caller frees. */
static char *
value_text(const struct config *config, const struct schema_key *key, const char *object, unsigned parent)
{
	const struct config_bind *bind = key->bind;
	char *text = NULL, *from, *to;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	if (out == NULL)
		return NULL;
	if (bind->ref != REF_NONE)
		fputs(ref_name(config, bind, object, parent), out);
	else if (key->type == SCHEMA_LIST)
		print_list(out, key, object);
	else if (key->type == SCHEMA_VLAN_SET && !is_left_out(key, object))
		config_vlan_print(out, (const uint64_t *)(const void *)(object + bind->offset));
	else if (!is_left_out(key, object))
		config_value_print(out, key, key->type, object + bind->offset);
	if (fclose(out) != 0) {
		free(text);
		return NULL;
	}
	for (from = to = text; *from != '\0'; from++)
		if (*from != '"')
			*to++ = *from;
	*to = '\0';
	return text;
}

/* Bytes that are the same mean the same; only references are worth a second look. */
static bool
same_bytes(const struct schema_key *key, const struct pair *p)
{
	const struct config_bind *bind = key->bind;
	size_t size = key->type == SCHEMA_VLAN_SET ? 4096 / 8 : bind->size;

	return bind->ref == REF_NONE && bind->codec == NULL && key->type != SCHEMA_LIST && bind->given == 0 &&
	       key->type != SCHEMA_STRING && key->type != SCHEMA_NAME &&
	       memcmp(p->object[0] + bind->offset, p->object[1] + bind->offset, size) == 0;
}

static void
compare_value(struct diff *d, const struct schema_key *key, const struct pair *p, const char *path)
{
	char *text[2];

	if (same_bytes(key, p))
		return;
	for (int i = 0; i < 2; i++)
		text[i] = value_text(d->config[i], key, p->object[i], p->parent[i]);
	if (text[0] == NULL || text[1] == NULL)
		d->no_memory = true;
	else if (strcmp(text[0], text[1]) != 0)
		told(d, &(struct config_difference){ CONFIG_CHANGED, p->name, path, text[0], text[1] });
	free(text[0]);
	free(text[1]);
}

static void compare_inner(struct diff *d, const struct schema_key *key, const struct pair *p, const char *path);

/* before: "vlan." for the keys of an object inside the object. */
static void
compare_keys(struct diff *d, const struct schema_object *of, const struct pair *p, const char *before)
{
	char path[KEY_LEN];

	for (const struct schema_key *key = of->keys; key->name != NULL; key++) {
		const struct config_bind *bind = key->bind;

		if (bind == NULL || bind->items != ITEMS_NONE)
			continue;
		snprintf(path, sizeof(path), "%s%s", before, key->name);
		if (key->type == SCHEMA_OBJECT)
			compare_inner(d, key, p, path);
		else
			compare_value(d, key, p, path);
	}
}

static void
compare_inner(struct diff *d, const struct schema_key *key, const struct pair *p, const char *path)
{
	const struct config_bind *bind = key->bind;
	struct pair inner = *p;
	char before[KEY_LEN + 1];

	inner.object[0] += bind->offset;
	inner.object[1] += bind->offset;
	snprintf(before, sizeof(before), "%s.", path);
	compare_keys(d, key->of, &inner, before);
}

/* ---- lists of objects ---- */

typedef char object_name[OBJECT_LEN];

/* The objects of one kind in one configuration. */
struct objects {
	const char *item;
	size_t size;
	unsigned n;
	object_name *name;
};

static unsigned
switch_of(enum config_items items, const void *item, unsigned index)
{
	if (items == ITEMS_PORTS)
		return ((const struct config_port *)item)->sw;
	if (items == ITEMS_STATICS)
		return ((const struct config_static *)item)->sw;
	return index;
}

static void
name_object(const struct config *config, enum config_items items, const void *item, object_name out)
{
	const struct config_static *s = item;
	char mac[MAC_TEXT_LEN];

	switch (items) {
	case ITEMS_ADAPTERS:
		snprintf(out, OBJECT_LEN, "adapter %.31s", ((const struct config_adapter *)item)->name);
		break;
	case ITEMS_SWITCHES:
		snprintf(out, OBJECT_LEN, "switch %.31s", ((const struct config_switch *)item)->name);
		break;
	case ITEMS_PORTS:
		snprintf(out, OBJECT_LEN, "port %.31s", ((const struct config_port *)item)->name);
		break;
	default:
		snprintf(out, OBJECT_LEN, "static entry %s, VLAN %u of switch %.31s", mac_format(&s->mac, mac), s->vlan,
			 config->switches[s->sw].name);
	}
}

static struct objects
objects_of(const struct config *config, enum config_items items)
{
	struct objects o = { 0 };

	if (items == ITEMS_ADAPTERS)
		o = (struct objects){ (const char *)config->adapters, sizeof(*config->adapters), config->n_adapters };
	else if (items == ITEMS_SWITCHES)
		o = (struct objects){ (const char *)config->switches, sizeof(*config->switches), config->n_switches };
	else if (items == ITEMS_PORTS)
		o = (struct objects){ (const char *)config->ports, sizeof(*config->ports), config->n_ports };
	else
		o = (struct objects){ (const char *)config->statics, sizeof(*config->statics), config->n_statics };
	o.name = calloc(o.n + 1, sizeof(*o.name));
	for (unsigned i = 0; o.name != NULL && i < o.n; i++)
		name_object(config, items, o.item + i * o.size, o.name[i]);
	return o;
}

/* Index of the object with that name, or o->n. The likely place first: most files change little. */
static unsigned
object_find(const struct objects *o, const char *name, unsigned likely)
{
	unsigned i;

	if (likely < o->n && strcmp(o->name[likely], name) == 0)
		return likely;
	for (i = 0; i < o->n && strcmp(o->name[i], name) != 0; i++)
		;
	return i;
}

static void
compare_pair(struct diff *d, const struct schema_object *of, enum config_items items, const struct objects o[2],
	     const unsigned index[2])
{
	const char *sw[2];
	struct pair p;

	for (int i = 0; i < 2; i++) {
		p.object[i] = o[i].item + index[i] * o[i].size;
		p.parent[i] = switch_of(items, p.object[i], index[i]);
		sw[i] = d->config[i]->switches[p.parent[i] % CONFIG_SWITCHES_MAX].name;
	}
	snprintf(p.name, sizeof(p.name), "%s", o[0].name[index[0]]);
	if (items == ITEMS_PORTS && strcmp(sw[0], sw[1]) != 0)
		told(d, &(struct config_difference){ CONFIG_CHANGED, p.name, "switch", sw[0], sw[1] });
	compare_keys(d, of, &p, "");
}

static void
compare_objects(struct diff *d, const struct schema_object *of, enum config_items items)
{
	struct objects o[2] = { objects_of(d->config[0], items), objects_of(d->config[1], items) };

	if (o[0].name == NULL || o[1].name == NULL) {
		d->no_memory = true;
		goto free_names;
	}
	for (unsigned i = 0; i < o[0].n; i++)
		if (object_find(&o[1], o[0].name[i], i) == o[1].n)
			told(d, &(struct config_difference){ CONFIG_GONE, o[0].name[i] });
	for (unsigned i = 0; i < o[1].n; i++) {
		unsigned index[2] = { object_find(&o[0], o[1].name[i], i), i };

		if (index[0] == o[0].n)
			told(d, &(struct config_difference){ CONFIG_ADDED, o[1].name[i] });
		else
			compare_pair(d, of, items, o, index);
	}
free_names:
	free(o[0].name);
	free(o[1].name);
}

/* The rows of all objects below of: the file, then its switches. */
static void
compare_below(struct diff *d, const struct schema_object *of)
{
	for (const struct schema_key *key = of->keys; key->name != NULL; key++) {
		const struct config_bind *bind = key->bind;
		struct pair p = { 0 };

		if (bind != NULL && bind->items != ITEMS_NONE) {
			compare_objects(d, key->of, bind->items);
			compare_below(d, key->of);
		} else if (bind != NULL && key->type == SCHEMA_OBJECT && of == &schema_config) {
			p.object[0] = (const char *)d->config[0] + bind->offset;
			p.object[1] = (const char *)d->config[1] + bind->offset;
			snprintf(p.name, sizeof(p.name), "%s", key->name);
			compare_keys(d, key->of, &p, "");
		}
	}
}

int
config_diff(const struct config *first, const struct config *second,
	    void (*tell)(void *arg, const struct config_difference *d), void *arg)
{
	struct diff d = { .config = { first, second }, .tell = tell, .arg = arg };

	compare_below(&d, &schema_config);
	return d.no_memory ? -ENOMEM : d.n;
}
