/* vmq.c - who gets a VM queue, and where it stands; see vmq.h. */
#include "plan/vmq.h"

#include <stdbool.h>

/* Whether a lower entry is on the same core: then cpus[i] is skipped. */
static bool
is_sibling(const struct plan_cpu *cpus, size_t i)
{
	for (size_t j = 0; j < i; j++)
		if (cpus[j].core == cpus[i].core)
			return true;
	return false;
}

/* Position of the base, or n_cpus when there is none. */
static size_t
find_base(const struct plan_cpu *cpus, size_t n_cpus, int base)
{
	size_t i;

	if (base == PLAN_NONE && n_cpus <= 2)
		return 0;
	for (i = 0; i < n_cpus; i++)
		if (base == PLAN_NONE ? cpus[i].core != 0 : cpus[i].processor == (unsigned)base)
			return i;
	return base == PLAN_NONE ? 0 : n_cpus;
}

enum plan_range_error
plan_vmq_range(const struct plan_cpu *cpus, size_t n_cpus, const struct plan_range *range, unsigned *out, size_t *n)
{
	size_t first = find_base(cpus, n_cpus, range->base);

	*n = 0;
	if (first >= n_cpus)
		return PLAN_RANGE_NO_BASE;
	if (is_sibling(cpus, first))
		return PLAN_RANGE_SIBLING;
	for (size_t i = first; i < n_cpus && (range->most == 0 || *n < range->most); i++) {
		if (range->last != PLAN_NONE && (int)cpus[i].processor > range->last)
			break;
		if (!is_sibling(cpus, i))
			out[(*n)++] = cpus[i].processor;
	}
	return *n > 0 ? PLAN_RANGE_OK : PLAN_RANGE_EMPTY;
}

static bool
is_usable(const unsigned *usable, size_t n_usable, int processor)
{
	for (size_t i = 0; i < n_usable; i++)
		if (processor >= 0 && usable[i] == (unsigned)processor)
			return true;
	return false;
}

/* The usable processor with the fewest queues; the default queue is one more on the base. */
static int
emptiest(const struct plan_vmq_vport *vports, size_t n, const unsigned *usable, size_t n_usable)
{
	size_t best = 0, best_queues = n + 2;

	for (size_t i = 0; i < n_usable; i++) {
		size_t queues = i == 0 ? 1 : 0;

		for (size_t v = 0; v < n; v++)
			queues += vports[v].queue != PLAN_NONE && vports[v].processor == (int)usable[i];
		if (queues < best_queues) {
			best = i;
			best_queues = queues;
		}
	}
	return (int)usable[best];
}

static bool
is_held(const struct plan_vmq_vport *vports, size_t n, int queue)
{
	for (size_t v = 0; v < n; v++)
		if (vports[v].queue == queue)
			return true;
	return false;
}

/* Takes the queues of those that shall not have one; returns how many are still held. */
static unsigned
drop_holders(struct plan_vmq_vport *vports, size_t n, unsigned queues)
{
	unsigned held = 0;

	for (size_t v = 0; v < n; v++) {
		if (vports[v].queue == PLAN_NONE || vports[v].weight == 0 || held == queues) {
			vports[v].queue = PLAN_NONE;
			vports[v].processor = PLAN_NONE;
		} else {
			held++;
		}
	}
	return held;
}

/* A number for each holder that has none of its own in 1..queues; its processor stays. */
static void
number_holders(struct plan_vmq_vport *vports, size_t n, unsigned queues)
{
	int next = 1;

	for (size_t v = 0; v < n; v++) {
		int queue = vports[v].queue;

		if (queue == PLAN_NONE || (queue >= 1 && (unsigned)queue <= queues && !is_held(vports, v, queue)))
			continue;
		while (is_held(vports, n, next))
			next++;
		vports[v].queue = next;
	}
}

/* Who is next to get a queue: the highest weight, of these the first; n when nobody waits. */
static size_t
next_waiting(const struct plan_vmq_vport *vports, size_t n)
{
	size_t best = n;

	for (size_t v = 0; v < n; v++)
		if (vports[v].queue == PLAN_NONE && vports[v].weight > (best < n ? vports[best].weight : 0))
			best = v;
	return best;
}

void
plan_vmq_assign(struct plan_vmq_vport *vports, size_t n, unsigned queues, const unsigned *usable, size_t n_usable)
{
	unsigned held = drop_holders(vports, n, queues);
	int next = 1;

	number_holders(vports, n, queues);
	/* All that must move leave first: a queue that is about to go must not make its old processor look fuller. */
	for (size_t v = 0; v < n; v++)
		if (vports[v].queue != PLAN_NONE && !is_usable(usable, n_usable, vports[v].processor))
			vports[v].processor = PLAN_NONE;
	for (size_t v = 0; v < n; v++)
		if (vports[v].queue != PLAN_NONE && vports[v].processor == PLAN_NONE)
			vports[v].processor = emptiest(vports, n, usable, n_usable);
	for (; held < queues; held++) {
		size_t v = next_waiting(vports, n);

		if (v == n)
			return;
		while (is_held(vports, n, next))
			next++;
		vports[v].queue = next;
		vports[v].processor = emptiest(vports, n, usable, n_usable);
	}
}
