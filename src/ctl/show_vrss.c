/* show_vrss.c - how ports' frames are spread over their queue pairs; see handlers.h. */
#include <errno.h>
#include <stdio.h>

#include "ctl/effect.h"
#include "ctl/handlers.h"

static const char *
adapter_name(const struct host_port *hp)
{
	return hp->on->adapter != NULL ? hp->on->adapter->name : NULL;
}

static json_t *
reason_of(const struct host_port *hp, enum plan_reason why)
{
	char text[400];

	return json_text(effect_reason(why, adapter_name(hp), hp->is.name, text, sizeof(text)));
}

static json_t *
processors_of(const struct host_port *hp)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < hp->n_queues; i++)
		list_add(&list, json_integer(queue_processor(hp->queues[i])));
	return list;
}

static json_t *
state_of(const struct host_port *hp, enum plan_reason why)
{
	return json_pack("{s:b, s:b, s:o}", "enabled", hp->is.vrss.enabled, "operational",
			 why == PLAN_REASON_OPERATIONAL, "reason", reason_of(hp, why));
}

/* The pair whose ring that is, or the member's n_rings. */
static unsigned
pair_of(const struct adapter_member *m, const struct rxring *ring)
{
	unsigned q = 0;

	while (q < m->n_rings && m->ring[q] != ring)
		q++;
	return q;
}

/*
 * Which queue pair each entry of the port's table at its adapter names; empty without VM queues. *used: how many different ones, fewer
 * than it holds while the table is folded.
 */
static json_t *
indirection_of(const struct host_port *hp, unsigned *used)
{
	const struct rxplan *plan = hp->is_member ? atomic_load(&hp->on->adapter->frontend.plan) : NULL;
	const struct adapter_member *m = &hp->member;
	json_t *list = json_array();
	unsigned seen = 0;

	for (unsigned v = 1; plan != NULL && m->n_rings > 0 && v < plan->n_vports; v++) {
		const struct rxmap_vport *vp = &plan->vport[v];

		for (unsigned i = 0; i < vp->n_entries; i++) {
			unsigned q = pair_of(m, plan->ring[vp->entry[i]]);

			if (q == m->n_rings) /* another port's */
				break;
			list_add(&list, json_integer(q));
			seen |= 1u << q;
		}
	}
	*used = (unsigned)__builtin_popcount(seen);
	return list;
}

static json_t *
queues_of(const struct host_port *hp)
{
	unsigned in_table;

	json_decref(indirection_of(hp, &in_table));
	return json_pack("{s:i, s:i, s:i, s:i, s:o}", "queues", (int)hp->is.queues, "granted",
			 hp->is_member ? (int)hp->member.n_rings : 0, "in_table", (int)in_table, "running",
			 (int)effect_running_pairs(hp), "processors", processors_of(hp));
}

static json_t *
with(json_t *row, json_t *more)
{
	result_join(&row, more, NULL);
	return row;
}

int
vrss_list(void *ctx, const json_t *params, json_t **result, struct err *err)
{
	const struct host *host = ((const struct control *)ctx)->host;
	enum plan_reason why[PLAN_FEATURE_COUNT];

	*result = json_array();
	for (unsigned i = 0; i < host->n_ports; i++) {
		const struct host_port *hp = host->ports[i];
		json_t *row = json_pack("{s:s}", "port", hp->is.name);

		effect_of_port(host, hp, why);
		list_add(result, with(with(row, queues_of(hp)), state_of(hp, why[PLAN_VRSS])));
	}
	return result_done(result, err);
}

int
vrss_show(void *ctx, const json_t *params, json_t **result, struct err *err)
{
	const struct host *host = ((const struct control *)ctx)->host;
	const struct host_port *hp = named_port(host, params, err);
	enum plan_reason why[PLAN_FEATURE_COUNT];
	json_t *vmmq, *settings;
	unsigned in_table;

	if (hp == NULL)
		return -ENOENT;
	effect_of_port(host, hp, why);
	vmmq = json_pack("{s:s, s:b, s:o}", "backing", "software", "offloaded",
			 why[PLAN_VMMQ] == PLAN_REASON_OPERATIONAL, "offloaded_reason", reason_of(hp, why[PLAN_VMMQ]));
	settings = json_pack("{s:i, s:s, s:b, s:o}", "min_queues", (int)hp->is.vrss.min_queues, "scheduling",
			     hp->is.vrss.scheduling == VRSS_STATIC ? "static" : "dynamic", "exclude_primary",
			     hp->is.vrss.exclude_primary, "indirection", indirection_of(hp, &in_table));
	*result = json_pack("{s:s}", "port", hp->is.name);
	*result = with(with(with(with(*result, state_of(hp, why[PLAN_VRSS])), vmmq), queues_of(hp)), settings);
	return result_done(result, err);
}
