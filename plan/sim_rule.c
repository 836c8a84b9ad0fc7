/* sim_rule.c - the three rules of the simulation; see simulate.h for what they are. */
#include "plan/sim_rule.h"

#include <string.h>

#define EXACT_QUEUES 8
#define EXACT_PROCESSORS 4

/* OVS, "PMD Automatic Load Balance": load threshold, variance threshold, interval, minutes between two assignments. */
#define OVS_LOAD 95.0
#define OVS_IMPROVEMENT 25.0
#define OVS_INTERVAL_MS 10000
#define OVS_REBALANCE_MS 60000

static unsigned
ask_ours(struct sim_rule_state *s, unsigned t_ms)
{
	struct plan_balance_result result;

	plan_balance(s->params, &s->balance, ((uint64_t)t_ms + 1) * 1000000, s->processors, s->n_processors, s->queues,
		     s->n_queues, s->moves, SIM_QUEUES_MAX, &result);
	return result.n_moves;
}

/* ---- the greatest first ---- */

/* Indices by falling demand: Shell's sort, gaps by Ciura. */
static void
sort_by_demand(const double *demand, unsigned n, uint16_t *index)
{
	static const unsigned gaps[] = { 701, 301, 132, 57, 23, 10, 4, 1 };

	for (unsigned i = 0; i < n; i++)
		index[i] = (uint16_t)i;
	for (unsigned g = 0; g < sizeof(gaps) / sizeof(gaps[0]); g++)
		for (unsigned i = gaps[g]; i < n; i++) {
			uint16_t it = index[i];
			unsigned k = i;

			for (; k >= gaps[g] && demand[index[k - gaps[g]]] < demand[it]; k -= gaps[g])
				index[k] = index[k - gaps[g]];
			index[k] = it;
		}
}

static double
fullest_load(const double *load, unsigned n)
{
	double most = 0;

	for (unsigned p = 0; p < n; p++)
		most = load[p] > most ? load[p] : most;
	return most;
}

/* Lets the first of heap[0..n) sink to its place: each is not fuller than those at twice its place. */
static void
sink(uint8_t *heap, unsigned n, const double *load)
{
	unsigned i = 0, next;

	for (; (next = 2 * i + 1) < n; i = next) {
		uint8_t it = heap[i];

		if (next + 1 < n && load[heap[next + 1]] < load[heap[next]])
			next++;
		if (load[it] <= load[heap[next]])
			return;
		heap[i] = heap[next];
		heap[next] = it;
	}
}

static double
place_greatest_first(const struct sim_rule_state *s, const double *demand, uint8_t *place)
{
	double load[SIM_PROCESSORS_MAX] = { 0 };
	uint8_t heap[SIM_PROCESSORS_MAX];
	uint16_t index[SIM_QUEUES_MAX];
	unsigned n = 0;

	for (unsigned p = 0; p < s->n_processors; p++)
		if (s->processors[p].usable)
			heap[n++] = (uint8_t)p;
	sort_by_demand(demand, s->n_queues, index);
	for (unsigned k = 0; k < s->n_queues && n > 0; k++) {
		place[index[k]] = heap[0];
		load[heap[0]] += demand[index[k]];
		sink(heap, n, load);
	}
	return fullest_load(load, s->n_processors);
}

/* Tries all places of queue i and those after it; keeps the best in best[], *least. */
static void
try_places(const struct sim_rule_state *s, const double *demand, unsigned i, double *load, uint8_t *place,
	   uint8_t *best, double *least)
{
	if (fullest_load(load, s->n_processors) >= *least)
		return;
	if (i == s->n_queues) {
		*least = fullest_load(load, s->n_processors);
		memcpy(best, place, s->n_queues);
		return;
	}
	for (unsigned p = 0; p < s->n_processors; p++) {
		if (!s->processors[p].usable)
			continue;
		place[i] = (uint8_t)p;
		load[p] += demand[i];
		try_places(s, demand, i + 1, load, place, best, least);
		load[p] -= demand[i];
	}
}

double
sim_place_best(const struct sim_rule_state *s, const double *demand, uint8_t *place)
{
	double load[SIM_PROCESSORS_MAX] = { 0 }, least = place_greatest_first(s, demand, place);
	uint8_t tried[EXACT_QUEUES];

	if (s->n_queues <= EXACT_QUEUES && s->n_processors <= EXACT_PROCESSORS)
		try_places(s, demand, 0, load, tried, place, &least);
	return least;
}

static unsigned
take_places(struct sim_rule_state *s, const uint8_t *place)
{
	unsigned moved = 0;

	for (unsigned i = 0; i < s->n_queues; i++) {
		moved += s->queues[i].processor != place[i];
		s->queues[i].processor = place[i];
	}
	return moved;
}

static uint64_t
usable_mask(const struct sim_rule_state *s)
{
	uint64_t mask = 0;

	for (unsigned p = 0; p < s->n_processors; p++)
		mask |= s->processors[p].usable ? (uint64_t)1 << p : 0;
	return mask;
}

static unsigned
ask_best(struct sim_rule_state *s)
{
	uint8_t place[SIM_QUEUES_MAX] = { 0 };

	if (memcmp(s->placed, s->want, s->n_queues * sizeof(s->placed[0])) == 0 && s->usable == usable_mask(s))
		return 0;
	memcpy(s->placed, s->want, sizeof(s->placed));
	s->usable = usable_mask(s);
	sim_place_best(s, s->want, place);
	return take_places(s, place);
}

/* ---- OVS ---- */

/* Of the loads of usable processors when the queues stand so. */
static double
variance(const struct sim_rule_state *s, const double *demand, const uint8_t *place)
{
	double load[SIM_PROCESSORS_MAX] = { 0 }, sum = 0, square = 0;
	unsigned n = 0;

	for (unsigned i = 0; i < s->n_queues; i++)
		load[place[i]] += demand[i];
	for (unsigned p = 0; p < s->n_processors; p++) {
		if (!s->processors[p].usable)
			continue;
		n++;
		sum += load[p];
		square += load[p] * load[p];
	}
	return n > 0 ? square / n - sum / n * (sum / n) : 0;
}

static unsigned
place_anew(struct sim_rule_state *s, bool only_if_better)
{
	double demand[SIM_QUEUES_MAX] = { 0 }, now, then;
	uint8_t place[SIM_QUEUES_MAX] = { 0 }, current[SIM_QUEUES_MAX] = { 0 };

	for (unsigned i = 0; i < s->n_queues; i++) {
		demand[i] = 0;
		for (unsigned k = 1; k <= SIM_INTERVALS; k++)
			demand[i] += s->used[i][k] / SIM_INTERVALS;
		current[i] = s->queues[i].processor;
	}
	place_greatest_first(s, demand, place);
	now = variance(s, demand, current);
	then = variance(s, demand, place);
	if (only_if_better && (now <= 0 || (now - then) * 100 / now < OVS_IMPROVEMENT))
		return 0;
	return take_places(s, place);
}

static void
end_interval(struct sim_rule_state *s)
{
	for (unsigned p = 0; p < s->n_processors; p++) {
		s->above[p] = s->busy[p] / s->samples > OVS_LOAD ? s->above[p] + 1 : 0;
		s->busy[p] = 0;
	}
	for (unsigned i = 0; i < s->n_queues; i++) {
		memmove(&s->used[i][1], &s->used[i][0], sizeof(s->used[i]) - sizeof(s->used[i][0]));
		s->used[i][0] = 0;
	}
	s->samples = 0;
}

static unsigned
ask_ovs(struct sim_rule_state *s, unsigned t_ms)
{
	uint64_t usable = usable_mask(s);
	bool overloaded = false, changed = usable != s->usable && s->usable != 0;

	s->usable = usable;
	s->samples++;
	for (unsigned p = 0; p < s->n_processors; p++)
		s->busy[p] += s->processors[p].load;
	for (unsigned i = 0; i < s->n_queues; i++)
		s->used[i][0] += s->queues[i].demand * SIM_SAMPLE_MS / OVS_INTERVAL_MS;
	if (changed)
		return place_anew(s, false);
	if (t_ms % OVS_INTERVAL_MS == 0)
		end_interval(s);
	if (t_ms % OVS_REBALANCE_MS != 0)
		return 0;
	for (unsigned p = 0; p < s->n_processors; p++)
		overloaded |= s->above[p] >= SIM_INTERVALS;
	return overloaded ? place_anew(s, true) : 0;
}

unsigned
sim_rule_ask(struct sim_rule_state *s, unsigned t_ms)
{
	switch (s->rule) {
	case SIM_OURS:
		return ask_ours(s, t_ms);
	case SIM_OVS:
		return ask_ovs(s, t_ms);
	default:
		return ask_best(s);
	}
}
