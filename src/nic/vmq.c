/* vmq.c - from an adapter's members to the input of plan/vmq.c and plan/rss.c, and back; see vmq.h. */
#include "nic/vmq.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "plan/vmq.h"

static int
range_error(const char *adapter, const struct adapter_settings *settings, enum plan_range_error why, struct err *err)
{
	int ret = -EINVAL;

	switch (why) {
	case PLAN_RANGE_OK:
		return 0;
	case PLAN_RANGE_NO_BASE:
		err_set(err, ret, "adapter '%s': base processor %d does not exist", adapter, settings->base);
		err_hint(err, "the host has processors 0 to %u", n_processors - 1);
		return ret;
	case PLAN_RANGE_EMPTY:
		return err_set(err, ret, "adapter '%s': the last processor, %d, lies below the base", adapter,
			       settings->max_processor);
	case PLAN_RANGE_SIBLING:
		break;
	}
	err_set(err, ret, "adapter '%s': base processor %d is a hyper-thread sibling", adapter, settings->base);
	err_hint(err, "queues use one processor of each core: name the lowest of it");
	return ret;
}

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
	enum plan_range_error why;

	for (unsigned i = 0; i < n_processors; i++) {
		/* Emulated processors are hosts' processors in their own right, whatever core they borrow. */
		unsigned core = processors[i]->speed_percent ? i : processors[i]->core;

		cpus[i] = (struct plan_cpu){ i, core, processors[i]->numa };
	}
	if (settings->mode == ADAPTER_MODE_RSS)
		why = plan_rss_processors(cpus, n_processors, &range, settings->rss.profile, usable, n);
	else
		why = plan_vmq_range(cpus, n_processors, &range, usable, n);
	return range_error(adapter, settings, why, err);
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

/* ---- what a decision looks at ---- */

struct view {
	const struct adapter *a;
	struct plan_vmq_pool pool;
	unsigned usable[PROCESSORS_MAX];
};

static bool
is_usable(const struct view *v, unsigned processor)
{
	for (size_t i = 0; i < v->pool.n_usable; i++)
		if (v->usable[i] == processor)
			return true;
	return false;
}

/* Where somebody pinned a queue it stays, if that is a processor of the adapter's. */
static bool
is_pinned(const struct view *v, const struct queue *q)
{
	return q->pinned && is_usable(v, queue_processor(q));
}

/* VM queues to hand out; a medium's frames are where they belong. */
static unsigned
vm_queues(const struct adapter *a)
{
	return a->settings.mode == ADAPTER_MODE_VMQ && !uplink_is_medium(&a->uplink) && !a->stopped ? a->settings.queues
												    : 0;
}

/* ---- the default vport ---- */

static void
place_queues(const struct view *v, bool fresh, struct vmq_outcome *out)
{
	const struct adapter *a = v->a;
	const struct adapter_settings *s = &a->settings;
	bool spreads = s->mode == ADAPTER_MODE_RSS && !uplink_is_medium(&a->uplink) && !a->stopped;
	bool stay = !fresh || plan_rss_is_dynamic(s->rss.profile);

	out->n_queues = spreads ? s->queues : 1;
	plan_rss_place(s->rss.profile, v->usable, v->pool.n_usable, out->processor, out->n_queues);
	if (!spreads)
		out->processor[0] = v->usable[0];
	for (unsigned i = 0; i < out->n_queues && i < a->n_queues; i++)
		if (is_pinned(v, a->queue[i]) || (spreads && stay && is_usable(v, queue_processor(a->queue[i]))))
			out->processor[i] = queue_processor(a->queue[i]);
}

/* ---- members ---- */

static void
ask(const struct adapter_member *m, struct plan_vmq_vport *out)
{
	bool spreads = m->vrss.enabled && m->n_queues > 1;

	out->weight = mac_is_zero(&m->mac) || m->leaving ? 0 : m->weight;
	out->asked = spreads ? RTE_MIN(m->n_queues, (unsigned)ADAPTER_PAIRS_MAX) : 1;
	out->exclude_primary = spreads && m->vrss.exclude_primary;
	out->granted = m->n_rings;
	out->queue = m->n_rings > 0 ? (int)m->vm_queue : PLAN_NONE;
	out->processor = m->n_rings > 0 ? (int)queue_processor(m->queues[0]) : PLAN_NONE;
}

/* Whether pair i > 0 may stand there: where the first pair is left out, so is its processor, when there are others. */
static bool
may_stay(const struct view *v, const struct plan_vmq_vport *answer, unsigned processor)
{
	return is_usable(v, processor) &&
	       !(answer->exclude_primary && (int)processor == answer->processor && v->pool.n_usable > 1);
}

/* A VM queue's place: where it is, if it is one already; else at home for the balancer to move, or where it stays. */
static unsigned
place_pair(const struct view *v, const struct adapter_member *m, const struct plan_vmq_vport *answer, unsigned i)
{
	unsigned now = i < m->n_rings ? queue_processor(m->queues[i]) : PROCESSOR_NONE;

	if (i > 0 && may_stay(v, answer, now))
		return now;
	if (i > 0 && v->pool.dynamic && m->vrss.dynamic && may_stay(v, answer, v->usable[0]))
		return v->usable[0];
	return plan_vmq_pair(&v->pool, (unsigned)answer->processor, i, answer->exclude_primary);
}

/* A queue pair without a VM queue: what it sends is forwarded there. */
static unsigned
place_sender(const struct view *v, const struct adapter_member *m, const struct vmq_share *share, unsigned i)
{
	bool spreads = v->a->settings.mode == ADAPTER_MODE_RSS && m->n_queues > 1;

	if (share->n_rings > 0)
		return share->processor[i % share->n_rings];
	return v->usable[spreads ? i % v->pool.n_usable : 0];
}

static void
place_member(const struct view *v, const struct adapter_member *m, const struct plan_vmq_vport *answer,
	     struct vmq_share *out)
{
	out->n_rings = answer->granted;
	out->vm_queue = answer->granted > 0 ? (unsigned)answer->queue : 0;
	for (unsigned i = 0; i < m->n_queues && i < ADAPTER_PAIRS_MAX; i++) {
		if (is_pinned(v, m->queues[i]))
			out->processor[i] = queue_processor(m->queues[i]);
		else if (i < out->n_rings)
			out->processor[i] = place_pair(v, m, answer, i);
		else
			out->processor[i] = place_sender(v, m, out, i);
	}
}

void
vmq_outcome_free(struct vmq_outcome *out)
{
	free(out->share);
	out->share = NULL;
}

int
vmq_decide(const struct adapter *a, bool fresh, struct vmq_outcome *out, struct err *err)
{
	struct plan_vmq_vport *vports = calloc(a->n_members + 1, sizeof(*vports));
	struct view v = { .a = a };
	int ret;

	memset(out, 0, sizeof(*out));
	out->share = calloc(a->n_members + 1, sizeof(*out->share));
	ret = vports != NULL && out->share != NULL ? 0 : -ENOMEM;
	if (ret < 0)
		err_set(err, ret, "adapter '%s': no memory for its queues", a->name);
	else
		ret = vmq_processors(a->name, &a->settings, v.usable, &v.pool.n_usable, err);
	if (ret < 0) {
		free(vports);
		vmq_outcome_free(out);
		return ret;
	}
	v.pool.usable = v.usable;
	v.pool.queues = vm_queues(a);
	v.pool.dynamic = a->settings.dynamic;
	place_queues(&v, fresh, out);
	for (unsigned i = 0; i < a->n_members; i++)
		ask(a->members[i], &vports[i]);
	plan_vmq_assign(vports, a->n_members, &v.pool);
	for (unsigned i = 0; i < a->n_members; i++)
		place_member(&v, a->members[i], &vports[i], &out->share[i]);
	free(vports);
	return 0;
}
