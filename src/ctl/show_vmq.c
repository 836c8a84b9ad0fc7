/* show_vmq.c - VM queues: who has one, and where it stands; see handlers.h. */
#include <errno.h>
#include <stdio.h>

#include "ctl/handlers.h"
#include "nic/vmq.h"

size_t
vmq_usable(const struct config_adapter *is, unsigned *usable)
{
	struct adapter_settings settings;
	size_t n;

	adapter_settings_init(&settings);
	settings.base = is->base_processor;
	settings.max_processors = is->max_processors;
	return vmq_processors(is->name, &settings, usable, &n, NULL) == 0 ? n : 0;
}

unsigned
vmq_used(const struct adapter *a)
{
	unsigned n = 0;

	for (unsigned i = 0; a != NULL && i < a->n_members; i++)
		n += a->members[i]->n_rings;
	return n;
}

static json_t *
processor_of(const struct queue *q)
{
	unsigned p = queue_processor(q);

	return p < n_processors ? json_integer(p) : json_null();
}

static json_t *
default_row(const struct adapter *a, bool dynamic)
{
	return json_pack("{s:i, s:n, s:n, s:n, s:o, s:b}", "queue", (int)a->queue[0]->id, "port", "mac", "vlan",
			 "processor", processor_of(a->queue[0]), "dynamic", dynamic);
}

static json_t *
vm_row(const struct adapter_member *m, unsigned i, bool dynamic)
{
	return json_pack("{s:i, s:s, s:o, s:o, s:o, s:b}", "queue", (int)m->queues[i]->id, "port", m->port, "mac",
			 json_mac(&m->mac), "vlan", m->vid == RXMAP_VID_ANY ? json_null() : json_integer(m->vid),
			 "processor", processor_of(m->queues[i]), "dynamic", dynamic);
}

int
vmq_list(void *ctx, const json_t *params, json_t **result, struct err *err)
{
	const struct host *host = ((const struct control *)ctx)->host;

	*result = json_array();
	for (unsigned i = 0; i < host->n_switches; i++) {
		const struct host_switch *hs = host->switches[i];
		const struct adapter *a = hs->adapter;

		if (a == NULL)
			continue;
		list_add(result, default_row(a, hs->adapter_is.dynamic));
		for (unsigned k = 0; k < a->n_members; k++)
			for (unsigned j = 0; j < a->members[k]->n_rings; j++)
				list_add(result, vm_row(a->members[k], j, hs->adapter_is.dynamic));
	}
	return result_done(result, err);
}

/* Why no VM queue is in effect; empty when they are. */
static const char *
reason(const struct config_adapter *is, const struct adapter *a, char *out, size_t size)
{
	if (is->mode != ADAPTER_VMQ)
		snprintf(out, size, "switched off; fairlead vmq enable %s", is->name);
	else if (a == NULL)
		snprintf(out, size, "no switch uses this adapter");
	else if (uplink_is_medium(&a->uplink))
		snprintf(out, size, "a memif has no VM queues: all its frames are the default queue's");
	else if (uplink_port(&a->uplink) == UPLINK_ABSENT)
		snprintf(out, size, "the uplink %s is gone", is->arg);
	else
		out[0] = '\0';
	return out;
}

static json_t *
processor_numbers(const unsigned *usable, size_t n)
{
	json_t *list = json_array();

	for (size_t i = 0; i < n; i++)
		list_add(&list, json_integer(usable[i]));
	return list;
}

int
vmq_show(void *ctx, const json_t *params, json_t **result, struct err *err)
{
	const struct host *host = ((const struct control *)ctx)->host;
	int index = named_adapter(host, params, err);
	unsigned usable[PROCESSORS_MAX];
	const struct config_adapter *is;
	const struct host_switch *hs;
	char why[CONFIG_ARG_MAX + 64];
	const struct adapter *a;
	size_t n;

	if (index < 0)
		return index;
	is = &host->running->adapters[index];
	hs = switch_on_adapter(host, is->name);
	a = hs != NULL ? hs->adapter : NULL;
	n = vmq_usable(is, usable);
	reason(is, a, why, sizeof(why));
	*result = json_pack("{s:s, s:b, s:b, s:s, s:s, s:i, s:i, s:o, s:i, s:o, s:b}", "adapter", is->name, "enabled",
			    is->mode == ADAPTER_VMQ, "operational", why[0] == '\0', "reason", why, "backing",
			    "software", "queues", (int)is->queues, "queues_used", (int)vmq_used(a), "base_processor",
			    n > 0 ? json_integer(usable[0]) : json_null(), "max_processors", (int)n, "processors",
			    processor_numbers(usable, n), "dynamic", is->dynamic);
	return result_done(result, err);
}
