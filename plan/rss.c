/* rss.c - where RSS queues stand, and what the table says; see rss.h. */
#include "plan/rss.h"

static const struct {
	const char *text;
	bool in_turn; /* one of each node in turn, not node after node */
	bool dynamic;
} profiles[] = {
	[PLAN_RSS_CLOSEST] = { "closest", false, true },
	[PLAN_RSS_CLOSEST_STATIC] = { "closest-static", false, false },
	[PLAN_RSS_NUMA] = { "numa", true, true },
	[PLAN_RSS_NUMA_STATIC] = { "numa-static", true, false },
	[PLAN_RSS_CONSERVATIVE] = { "conservative", false, true },
};

static unsigned
node_of(const struct plan_cpu *cpus, size_t n_cpus, unsigned processor)
{
	for (size_t i = 0; i < n_cpus; i++)
		if (cpus[i].processor == processor)
			return cpus[i].numa;
	return 0;
}

static void
swap(unsigned *a, unsigned *b)
{
	unsigned was = *a;

	*a = *b;
	*b = was;
}

/* Brings entry `from` to place `to`, and moves those between by one: what is left keeps its order. */
static void
pull(unsigned *list, size_t from, size_t to)
{
	for (; from > to; from--)
		swap(&list[from], &list[from - 1]);
}

/* Node after node, each as a whole, in the order in which they first come; the base's is the first. */
static void
order_by_node(const struct plan_cpu *cpus, size_t n_cpus, unsigned *list, size_t n)
{
	size_t done = 1;

	for (size_t head = 0; head < n; head = done++)
		for (size_t i = done; i < n; i++)
			if (node_of(cpus, n_cpus, list[i]) == node_of(cpus, n_cpus, list[head]))
				pull(list, i, done++);
}

/* The first one of that node in list[from..n), or n. */
static size_t
find_on_node(const struct plan_cpu *cpus, size_t n_cpus, const unsigned *list, size_t from, size_t n, unsigned node)
{
	while (from < n && node_of(cpus, n_cpus, list[from]) != node)
		from++;
	return from;
}

/* Rounds of one of each node, as long as it has some. */
static void
order_in_turn(const struct plan_cpu *cpus, size_t n_cpus, unsigned *list, size_t n)
{
	size_t nodes = 0, done;

	for (size_t i = 0; i < n; i++)
		if (find_on_node(cpus, n_cpus, list, 0, nodes, node_of(cpus, n_cpus, list[i])) == nodes)
			pull(list, i, nodes++);
	done = nodes;
	for (size_t turn = 0; done < n; turn++) {
		unsigned node = node_of(cpus, n_cpus, list[turn % nodes]);
		size_t i = find_on_node(cpus, n_cpus, list, done, n, node);

		if (i < n)
			pull(list, i, done++);
	}
}

enum plan_range_error
plan_rss_processors(const struct plan_cpu *cpus, size_t n_cpus, const struct plan_range *range,
		    enum plan_rss_profile profile, unsigned *out, size_t *n)
{
	/* The order decides who is among the first `most`: so all of them are ordered. */
	struct plan_range all = { range->base, range->last, 0 };
	enum plan_range_error ret = plan_vmq_range(cpus, n_cpus, &all, out, n);

	if (ret != PLAN_RANGE_OK)
		return ret;
	if (profiles[profile].in_turn)
		order_in_turn(cpus, n_cpus, out, *n);
	else
		order_by_node(cpus, n_cpus, out, *n);
	if (range->most > 0 && *n > range->most)
		*n = range->most;
	return PLAN_RANGE_OK;
}

void
plan_rss_place(enum plan_rss_profile profile, const unsigned *order, size_t n_order, unsigned *place, size_t n_queues)
{
	for (size_t i = 0; i < n_queues; i++)
		place[i] = profiles[profile].dynamic ? order[0] : order[i % n_order];
}

void
plan_rss_table(uint16_t *entries, size_t n_entries, size_t n_queues)
{
	for (size_t i = 0; i < n_entries; i++)
		entries[i] = (uint16_t)(i % n_queues);
}

bool
plan_rss_is_dynamic(enum plan_rss_profile profile)
{
	return profiles[profile].dynamic;
}

const char *
plan_rss_profile_text(enum plan_rss_profile profile)
{
	return profiles[profile].text;
}
