/* show_vmq.c - VM queues: who has one, and where it stands; see handlers.h. */
#include <errno.h>
#include <stdio.h>

#include "ctl/effect.h"
#include "ctl/handlers.h"
#include "nic/vmq.h"

size_t
vmq_usable(const struct config_adapter *is, unsigned *usable)
{
	struct adapter_settings settings;
	size_t n;

	host_adapter_settings(is, &settings);
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

static json_t *
reason_of(const struct config_adapter *is, enum plan_reason why)
{
	char text[400];

	return json_text(effect_reason(why, is->name, NULL, text, sizeof(text)));
}

static json_t *
balance_of(const struct config_balance *b)
{
	return json_pack("{s:i, s:i, s:i, s:i, s:i, s:i, s:i}", "high_percent", (int)b->high_percent, "low_percent",
			 (int)b->low_percent, "within_percent", (int)b->within_percent, "gain_percent",
			 (int)b->gain_percent, "rest_ms", (int)b->rest_ms, "period_ms", (int)b->period_ms, "samples",
			 (int)b->samples);
}

static json_t *
dynamic_of(const struct config_adapter *is, enum plan_reason why)
{
	return json_pack("{s:b, s:b, s:o}", "dynamic", is->dynamic, "dynamic_operational",
			 why == PLAN_REASON_OPERATIONAL, "dynamic_reason", reason_of(is, why));
}

static json_t *
processor_numbers(const unsigned *usable, size_t n)
{
	json_t *list = json_array();

	for (size_t i = 0; i < n; i++)
		list_add(&list, json_integer(usable[i]));
	return list;
}

/* What the balancer says of one queue that fills a processor by itself. */
static json_t *
unsplittable_row(const struct queue *q)
{
	char text[160];

	snprintf(text, sizeof(text), "%s queue %u has %.0f %% of processor %u: not splittable, vRSS would help",
		 q->vport->name, q->id, q->mean_percent, queue_processor(q));
	return json_text(text);
}

/* Moves of an adapter's queues so far, and those that no move would help; a may be NULL. */
static json_t *
moves_of(const struct adapter *a)
{
	json_t *list = json_array();
	json_int_t moves = 0;

	for (unsigned i = 0; a != NULL && i < a->n_queues; i++)
		moves += (json_int_t)count_get(&a->queue[i]->moved);
	for (unsigned i = 0; a != NULL && i < a->n_members; i++) {
		for (unsigned k = 0; k < a->members[i]->n_queues; k++) {
			const struct queue *q = a->members[i]->queues[k];

			moves += (json_int_t)count_get(&q->moved);
			if (q->unsplittable)
				list_add(&list, unsplittable_row(q));
		}
	}
	return json_pack("{s:I, s:o}", "moves", moves, "unsplittable", list);
}

int
vmq_show(void *ctx, const json_t *params, json_t **result, struct err *err)
{
	const struct host *host = ((const struct control *)ctx)->host;
	int index = named_adapter(host, params, err);
	enum plan_reason why[PLAN_FEATURE_COUNT];
	unsigned usable[PROCESSORS_MAX];
	const struct config_adapter *is;
	const struct host_switch *hs;
	size_t n;
	int last;

	if (index < 0)
		return index;
	is = &host->running->adapters[index];
	hs = switch_on_adapter(host, is->name);
	effect_of_adapter(host, is, why);
	n = vmq_usable(is, usable);
	last = is->max_processor >= 0 ? is->max_processor : (int)n_processors - 1;
	*result = json_pack("{s:s, s:b, s:b, s:o, s:s, s:i, s:i, s:o, s:i, s:o, s:i}", "adapter", is->name, "enabled",
			    is->mode == ADAPTER_VMQ, "operational", why[PLAN_VMQ] == PLAN_REASON_OPERATIONAL, "reason",
			    reason_of(is, why[PLAN_VMQ]), "backing", "software", "queues", (int)is->queues,
			    "queues_used", (int)vmq_used(hs != NULL ? hs->adapter : NULL), "base_processor",
			    n > 0 ? json_integer(usable[0]) : json_null(), "max_processors", (int)n, "processors",
			    processor_numbers(usable, n), "max_processor", last);
	if (result_join(result, dynamic_of(is, why[PLAN_DYNAMIC_VMQ]), err) < 0 ||
	    result_join(result, moves_of(hs != NULL ? hs->adapter : NULL), err) < 0)
		return err->code;
	return result_join(result, balance_of(&is->balance), err);
}
