/* vmq.c - who gets a VM queue, and where it stands; see vmq.h. */
#include "plan/vmq.h"

#include <stdint.h>

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

/* Where a processor stands in the list; n_usable when it is not in it. */
static size_t
position(const struct plan_vmq_pool *pool, int processor)
{
	size_t i = 0;

	while (i < pool->n_usable && (processor < 0 || pool->usable[i] != (unsigned)processor))
		i++;
	return i;
}

unsigned
plan_vmq_pair(const struct plan_vmq_pool *pool, unsigned primary, unsigned i, bool exclude_primary)
{
	size_t first = position(pool, (int)primary), n = pool->n_usable;

	if (first == n)
		first = 0;
	if (i == 0 || n == 1)
		return pool->usable[first];
	if (exclude_primary)
		return pool->usable[(first + 1 + (i - 1) % (n - 1)) % n];
	return pool->usable[(first + i) % n];
}

/* Queues of v that stand on a processor, if all are where they are put first. */
static size_t
queues_on(const struct plan_vmq_vport *v, const struct plan_vmq_pool *pool, unsigned processor)
{
	size_t n = 0;

	if (v->granted == 0 || v->processor == PLAN_NONE)
		return 0;
	for (unsigned i = 0; i < v->granted; i++)
		n += plan_vmq_pair(pool, (unsigned)v->processor, i, v->exclude_primary) == processor;
	return n;
}

/* The usable processor with the fewest queues; the default queue is one more on the base. */
static int
emptiest(const struct plan_vmq_vport *vports, size_t n, const struct plan_vmq_pool *pool)
{
	size_t best = 0, fewest = SIZE_MAX;

	for (size_t i = 0; i < pool->n_usable; i++) {
		size_t queues = i == 0 ? 1 : 0;

		for (size_t v = 0; v < n; v++)
			queues += queues_on(&vports[v], pool, pool->usable[i]);
		if (queues < fewest) {
			best = i;
			fewest = queues;
		}
	}
	return (int)pool->usable[best];
}

static int
place(const struct plan_vmq_vport *vports, size_t n, const struct plan_vmq_pool *pool)
{
	return pool->dynamic ? (int)pool->usable[0] : emptiest(vports, n, pool);
}

static bool
is_held(const struct plan_vmq_vport *vports, size_t n, int queue)
{
	for (size_t v = 0; v < n; v++)
		if (vports[v].queue == queue)
			return true;
	return false;
}

static unsigned
at_most(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

/* Takes the queues of those that shall not have them; returns how many are left over. */
static unsigned
drop_holders(struct plan_vmq_vport *vports, size_t n, unsigned queues)
{
	unsigned left = queues;

	for (size_t v = 0; v < n; v++) {
		if (vports[v].granted > 0 && vports[v].weight > 0 && left > 0) {
			left--;
			continue;
		}
		vports[v].granted = 0;
		vports[v].queue = PLAN_NONE;
		vports[v].processor = PLAN_NONE;
	}
	for (size_t v = 0; v < n; v++) {
		unsigned wants = at_most(vports[v].granted, vports[v].asked);

		if (vports[v].granted == 0)
			continue;
		vports[v].granted = 1 + at_most(wants > 0 ? wants - 1 : 0, left);
		left -= vports[v].granted - 1;
	}
	return left;
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

/* Who is next to get queues: of those with none, then of those with fewer than they ask for, the highest weight, of these the first; n: nobody. */
static size_t
next_waiting(const struct plan_vmq_vport *vports, size_t n, bool holders)
{
	size_t best = n;

	for (size_t v = 0; v < n; v++)
		if ((vports[v].granted > 0) == holders && vports[v].granted < vports[v].asked &&
		    vports[v].weight > (best < n ? vports[best].weight : 0))
			best = v;
	return best;
}

void
plan_vmq_assign(struct plan_vmq_vport *vports, size_t n, const struct plan_vmq_pool *pool)
{
	unsigned left = drop_holders(vports, n, pool->queues);
	int next = 1;
	size_t v;

	number_holders(vports, n, pool->queues);
	/* All that must move leave first: a queue that is about to go must not make its old processor look fuller. */
	for (v = 0; v < n; v++)
		if (vports[v].granted > 0 && position(pool, vports[v].processor) == pool->n_usable)
			vports[v].processor = PLAN_NONE;
	for (v = 0; v < n; v++)
		if (vports[v].granted > 0 && vports[v].processor == PLAN_NONE)
			vports[v].processor = place(vports, n, pool);
	for (; left > 0 && (v = next_waiting(vports, n, false)) < n; left -= vports[v].granted) {
		while (is_held(vports, n, next))
			next++;
		vports[v].queue = next;
		vports[v].processor = place(vports, n, pool);
		vports[v].granted = at_most(vports[v].asked, left);
	}
	while (left > 0 && (v = next_waiting(vports, n, true)) < n) {
		unsigned more = at_most(vports[v].asked - vports[v].granted, left);

		vports[v].granted += more;
		left -= more;
	}
}
