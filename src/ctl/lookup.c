/* lookup.c - from the names that a caller gives to objects; see handlers.h. */
#include <errno.h>
#include <string.h>

#include "ctl/handlers.h"

#define NAMES_MAX (CONFIG_PORTS_MAX + CONFIG_ADAPTERS_MAX)

struct names {
	const char *word[NAMES_MAX];
	size_t n;
};

static void
add_name(struct names *names, const char *name)
{
	if (names->n < NAMES_MAX)
		names->word[names->n++] = name;
}

static void
add_ports(struct names *names, const struct host *host)
{
	for (unsigned i = 0; i < host->n_ports; i++)
		add_name(names, host->ports[i]->is.name);
}

/* "no port 'vm9'; did you mean 'vm1'?", or which there are. */
static void
nothing_named(struct err *err, const char *noun, const char *key, const char *name, const struct names *names)
{
	const char *near = err_nearest(name, names->word, names->n);
	char list[160] = "";
	size_t len = 0;

	err_set(err, -ENOENT, "no %s '%s'", noun, name);
	err_path(err, "%s", key);
	for (size_t i = 0; i < names->n && len < sizeof(list) - CONFIG_NAME_MAX - 8; i++)
		len += (size_t)snprintf(list + len, sizeof(list) - len, "%s%s", i > 0 ? ", " : "", names->word[i]);
	if (near != NULL)
		err_hint(err, "did you mean '%s'?", near);
	else if (names->n == 0)
		err_hint(err, "there is none");
	else
		err_hint(err, "there %s: %s%s", names->n == 1 ? "is" : "are", list,
			 len >= sizeof(list) - CONFIG_NAME_MAX - 8 ? ", ..." : "");
}

struct host_port *
named_port(const struct host *host, const json_t *params, struct err *err)
{
	const char *name = json_string_value(json_object_get(params, "port"));
	struct host_port *hp = host_find_port(host, name);
	struct names names = { .n = 0 };

	if (hp != NULL)
		return hp;
	add_ports(&names, host);
	nothing_named(err, "port", "port", name, &names);
	return NULL;
}

struct host_switch *
named_switch(const struct host *host, const json_t *params, struct err *err)
{
	const char *name = json_string_value(json_object_get(params, "switch"));
	struct host_switch *hs = host_find_switch(host, name);
	struct names names = { .n = 0 };

	if (hs != NULL)
		return hs;
	for (unsigned i = 0; i < host->n_switches; i++)
		add_name(&names, host->switches[i]->is.name);
	nothing_named(err, "switch", "switch", name, &names);
	return NULL;
}

int
named_adapter(const struct host *host, const json_t *params, struct err *err)
{
	const char *name = json_string_value(json_object_get(params, "adapter"));
	struct names names = { .n = 0 };

	for (unsigned i = 0; i < host->running->n_adapters; i++)
		if (strcmp(host->running->adapters[i].name, name) == 0)
			return (int)i;
	for (unsigned i = 0; i < host->running->n_adapters; i++)
		add_name(&names, host->running->adapters[i].name);
	nothing_named(err, "adapter", "adapter", name, &names);
	return -ENOENT;
}

struct vport *
named_vport(const struct host *host, const json_t *params, struct err *err)
{
	const char *name = json_string_value(json_object_get(params, "port"));
	struct host_port *hp = host_find_port(host, name);
	struct adapter *a = host_find_adapter(host, name);
	struct names names = { .n = 0 };

	if (hp != NULL)
		return &hp->vport;
	if (a != NULL)
		return &a->wire;
	add_ports(&names, host);
	for (unsigned i = 0; i < host->n_switches; i++)
		if (host->switches[i]->adapter != NULL)
			add_name(&names, host->switches[i]->adapter->name);
	nothing_named(err, "port or adapter in use with the name", "port", name, &names);
	return NULL;
}

struct queue *
named_queue(const json_t *params, struct err *err)
{
	json_int_t id = json_integer_value(json_object_get(params, "queue"));
	struct queue *q = id < QUEUES_MAX ? atomic_load(&queue_table[id]) : NULL;

	if (q != NULL)
		return q;
	err_set(err, -ENOENT, "no queue %lld", (long long)id);
	err_hint(err, "fairlead queue list shows which there are");
	err_path(err, "queue");
	return NULL;
}

struct host_switch *
switch_on_adapter(const struct host *host, const char *name)
{
	for (unsigned i = 0; i < host->n_switches; i++)
		if (host->switches[i]->adapter != NULL && strcmp(host->switches[i]->adapter->name, name) == 0)
			return host->switches[i];
	return NULL;
}
