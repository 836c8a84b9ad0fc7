/* vmq.c - from an adapter's members to plan/vmq.c's input and back; see vmq.h. */
#include "nic/vmq.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "plan/vmq.h"

int
vmq_processors(const char *adapter, const struct adapter_settings *settings, unsigned *usable, size_t *n,
	       struct err *err)
{
	struct plan_range range = {
		.base = settings->base < 0 ? PLAN_NONE : settings->base,
		.last = settings->max_processor < 0 ? PLAN_NONE : settings->max_processor,
		.most = settings->max_processors,
	};
	struct plan_cpu cpus[PROCESSORS_MAX];
	int ret;

	for (unsigned i = 0; i < n_processors; i++) {
		/* Emulated processors are hosts' processors in their own right, whatever core they borrow. */
		unsigned core = processors[i]->speed_percent ? i : processors[i]->core;

		cpus[i] = (struct plan_cpu){ i, core, processors[i]->numa };
	}
	switch (plan_vmq_range(cpus, n_processors, &range, usable, n)) {
	case PLAN_RANGE_OK:
		return 0;
	case PLAN_RANGE_NO_BASE:
		ret = err_set(err, -EINVAL, "adapter '%s': base processor %d does not exist", adapter, settings->base);
		err_hint(err, "the host has processors 0 to %u", n_processors - 1);
		return ret;
	case PLAN_RANGE_EMPTY:
		return err_set(err, -EINVAL, "adapter '%s': the last processor, %d, lies below the base", adapter,
			       settings->max_processor);
	case PLAN_RANGE_SIBLING:
		break;
	}
	ret = err_set(err, -EINVAL, "adapter '%s': base processor %d is a hyper-thread sibling", adapter,
		      settings->base);
	err_hint(err, "VM queues use one processor of each core: name the lowest of it");
	return ret;
}

int
vmq_base(const char *adapter, const struct adapter_settings *settings, unsigned *base, struct err *err)
{
	unsigned usable[PROCESSORS_MAX];
	size_t n;
	int ret = vmq_processors(adapter, settings, usable, &n, err);

	*base = ret == 0 ? usable[0] : 0;
	return ret;
}

static int
outcome_alloc(struct vmq_outcome *out, unsigned n)
{
	memset(out, 0, sizeof(*out));
	out->lost = calloc(n + 1, sizeof(struct adapter_member *));
	out->gained = calloc(n + 1, sizeof(*out->gained));
	out->stay = calloc(n + 1, sizeof(*out->stay));
	if (out->lost != NULL && out->gained != NULL && out->stay != NULL)
		return 0;
	vmq_outcome_free(out);
	return -ENOMEM;
}

void
vmq_outcome_free(struct vmq_outcome *out)
{
	free(out->lost);
	free(out->gained);
	free(out->stay);
	memset(out, 0, sizeof(*out));
}

/* Sorts one member's answer into what changes. */
static void
sort_in(struct vmq_outcome *out, struct adapter_member *m, const struct plan_vmq_vport *answer)
{
	struct vmq_change change = { m, (unsigned)answer->queue, (unsigned)answer->processor };

	if (answer->queue == PLAN_NONE) {
		if (m->ring != NULL)
			out->lost[out->n_lost++] = m;
	} else if (m->ring == NULL) {
		out->gained[out->n_gained++] = change;
	} else {
		out->stay[out->n_stay++] = change;
	}
}

int
vmq_decide(const struct adapter *a, struct vmq_outcome *out, struct err *err)
{
	struct plan_vmq_vport *vports = calloc(a->n_members + 1, sizeof(*vports));
	unsigned usable[PROCESSORS_MAX];
	size_t n_usable;
	int ret = vports != NULL ? outcome_alloc(out, a->n_members) : -ENOMEM;

	if (ret < 0) {
		free(vports);
		return err_set(err, ret, "adapter '%s': no memory for VM queues", a->name);
	}
	ret = vmq_processors(a->name, &a->settings, usable, &n_usable, err);
	if (ret < 0) {
		vmq_outcome_free(out);
		free(vports);
		return ret;
	}
	out->base = usable[0];
	for (unsigned i = 0; i < a->n_members; i++) {
		const struct adapter_member *m = a->members[i];

		vports[i].weight = mac_is_zero(&m->mac) ? 0 : m->weight;
		vports[i].queue = m->ring != NULL ? (int)m->vm_queue : PLAN_NONE;
		vports[i].processor = m->ring != NULL ? (int)queue_processor(m->queues[0]) : PLAN_NONE;
	}
	plan_vmq_assign(vports, a->n_members,
			a->settings.mode == ADAPTER_MODE_VMQ && !uplink_is_medium(&a->uplink) ? a->settings.queues : 0,
			usable, n_usable);
	for (unsigned i = 0; i < a->n_members; i++)
		sort_in(out, a->members[i], &vports[i]);
	free(vports);
	return 0;
}
