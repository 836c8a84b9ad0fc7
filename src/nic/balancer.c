/* balancer.c - samples, asks, moves; see balancer.h. */
#include "nic/balancer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "nic/balancer_sample.h"
#include "nic/vmq.h"
#include "plan/fold.h"

/* Between runs while nothing has work. Our choice: a load that begins is seen a quarter of 200 ms later at most. */
#define IDLE_NS (50 * NSEC_PER_MS)
#define COST_SHARE 250 /* at most one part in so many of a processor: 0.4 %, and below 0.5 where the mean cost lags */
#define COST_RUNS 16   /* that the mean cost is of. Our choice */
#define MEAN_RUNS 8    /* the same of a queue's demand */
#define PERIOD_MIN_NS (5 * NSEC_PER_MS)
#define NO_RUN UINT64_MAX
/*
 * Between two runs everything leaves the caches. Members and queues that are fetched so many turns before they are looked at: a run of
 * balancer_bench takes a fifth less.
 */
#define AHEAD 8
#define BALANCER_ADAPTERS_MAX 16 /* front ends have that many lanes, ctl/host.h */

/* Queues that move together, as one queue of the plan: queues[0], [step], [2 * step] ... below n. */
struct item {
	struct queue *const *queues;
	unsigned n, step;
	const struct queue *apart;    /* not on the processor of that one; itself: it stays. NULL: none */
	struct adapter_member *folds; /* with its first queue pair: whose table may fold; else NULL */
};

/* Processors that an adapter's queues may stand on, in the order in which they are filled. */
struct places {
	uint64_t allowed;
	uint8_t order[PLAN_BALANCE_PROCESSORS_MAX];
	uint8_t n_order;
};

/* What is remembered of an adapter from run to run. */
struct balanced {
	const struct adapter *adapter;
	uint64_t run; /* the last one that it took part in */
	struct plan_balance_state state;
	struct places places; /* that the plan's queues have */
	unsigned n;
	unsigned *first; /* id of each item's first queue */
	struct plan_balance_queue *queue;
};

struct balancer {
	struct balancer_sample sample;
	double cost_ns; /* mean CPU time of a run */
	struct balanced *known[BALANCER_ADAPTERS_MAX];
	unsigned n_known;
	/* Of the adapter that is being looked at. */
	struct item *item;
	unsigned n_items, room;
	struct plan_balance_move *moves; /* as many as items */
	uint64_t period_ns;              /* of this run */
	struct balancer_stats stats;
};

struct balancer *
balancer_new(void)
{
	struct balancer *b = calloc(1, sizeof(*b));

	if (b != NULL)
		balancer_sample_init(&b->sample);
	return b;
}

static void
balanced_free(struct balanced *d)
{
	free(d->first);
	free(d->queue);
	free(d);
}

void
balancer_free(struct balancer *b)
{
	if (b == NULL)
		return;
	for (unsigned i = 0; i < b->n_known; i++)
		balanced_free(b->known[i]);
	free(b->item);
	free(b->moves);
	free(b);
}

bool
balancer_wants(const struct adapter *a)
{
	const struct adapter_settings *s = &a->settings;

	if (a->stopped || uplink_is_medium(&a->uplink))
		return false;
	return s->mode == ADAPTER_MODE_VMQ ? s->dynamic
					   : s->mode == ADAPTER_MODE_RSS && plan_rss_is_dynamic(s->rss.profile);
}

/* ---- what an adapter has to balance ---- */

static int
item_add(struct balancer *b, struct queue *const *queues, unsigned n, unsigned step)
{
	if (b->n_items == b->room) {
		unsigned room = b->room > 0 ? 2 * b->room : 64;
		struct item *item = realloc(b->item, room * sizeof(*item));
		struct plan_balance_move *moves = realloc(b->moves, room * sizeof(*moves));

		b->item = item != NULL ? item : b->item;
		b->moves = moves != NULL ? moves : b->moves;
		if (item == NULL || moves == NULL)
			return -ENOMEM;
		b->room = room;
	}
	b->item[b->n_items++] = (struct item){ queues, n, step, NULL, NULL };
	return 0;
}

/*
 * Queue pairs without a VM queue of their own have only what their sender gives, which is for the processor of the VM queue that they
 * are with to forward.
 */
static int
add_member(struct balancer *b, struct adapter_member *m)
{
	unsigned n = RTE_MIN(m->n_rings, m->n_queues);
	int err = 0;

	if (n == 0)
		return 0;
	if (!m->vrss.enabled || m->n_queues == 1)
		return item_add(b, m->queues, m->n_queues, 1);
	for (unsigned i = 0; i < n && m->vrss.dynamic && err == 0; i++) {
		err = item_add(b, &m->queues[i], m->n_queues - i, n);
		if (err == 0 && i == 0 && n > 1)
			b->item[b->n_items - 1].folds = m;
		if (err == 0 && n > 1 && m->vrss.exclude_primary)
			b->item[b->n_items - 1].apart = m->queues[0];
	}
	return err;
}

static void
fetch(const void *p, size_t size)
{
	for (size_t at = 0; at < size; at += RTE_CACHE_LINE_SIZE)
		rte_prefetch0((const char *)p + at);
}

static int
gather(struct balancer *b, const struct adapter *a)
{
	bool rss = a->settings.mode == ADAPTER_MODE_RSS;
	int err = 0;

	b->n_items = 0;
	for (unsigned i = 0; i < a->n_queues && rss && err == 0; i++)
		err = item_add(b, &a->queue[i], 1, 1);
	for (unsigned i = 0; i < a->n_members && !rss && err == 0; i++) {
		if (i + AHEAD < a->n_members)
			fetch(a->members[i + AHEAD], offsetof(struct adapter_member, ring));
		err = add_member(b, a->members[i]);
	}
	return err;
}

/* Where a's queues may stand. 0 or -errno. */
static int
places_of(const struct adapter *a, struct places *places)
{
	unsigned usable[PROCESSORS_MAX];
	size_t n;
	int err = vmq_processors(a->name, &a->settings, usable, &n, NULL);

	if (err < 0)
		return err;
	*places = (struct places){ .n_order = (uint8_t)n };
	for (size_t i = 0; i < n; i++) {
		places->order[i] = (uint8_t)usable[i];
		places->allowed |= 1ull << usable[i];
	}
	return 0;
}

static bool
is_as_before(const struct balancer *b, const struct balanced *d)
{
	if (d->n != b->n_items)
		return false;
	for (unsigned i = 0; i < d->n; i++)
		if (d->first[i] != b->item[i].queues[0]->id)
			return false;
	return true;
}

/* Makes room for the items that there are now. The memory of each queue stays its own. */
static int
follow(const struct balancer *b, struct balanced *d)
{
	static uint16_t at[QUEUES_MAX]; /* 1 + its place so far */
	struct plan_balance_queue *queue = calloc(b->n_items + 1, sizeof(*queue));
	unsigned *first = calloc(b->n_items + 1, sizeof(*first));

	if (queue == NULL || first == NULL) {
		free(queue);
		free(first);
		return -ENOMEM;
	}
	memset(at, 0, sizeof(at));
	for (unsigned i = 0; i < d->n; i++)
		at[d->first[i]] = (uint16_t)(i + 1);
	for (unsigned i = 0; i < b->n_items; i++) {
		first[i] = b->item[i].queues[0]->id;
		if (at[first[i]] > 0)
			queue[i].memory = d->queue[at[first[i]] - 1].memory;
	}
	free(d->queue);
	free(d->first);
	d->queue = queue;
	d->first = first;
	d->n = b->n_items;
	return 0;
}

static bool
is_pinned(const struct item *it)
{
	for (unsigned i = 0; i < it->n; i += it->step)
		if (it->queues[i]->pinned)
			return true;
	return false;
}

/*
 * Bits of the processors that it may stand on; 0: it stays. Where the first pair is left out of a table, so is its processor, for which it
 * stays: it has only what cannot be hashed to do. VrssExcludePrimaryProcessor of Windows.
 */
static uint64_t
allowed_to(const struct item *it, uint64_t allowed)
{
	uint64_t others;

	if (is_pinned(it) || it->apart == it->queues[0])
		return 0;
	if (it->apart == NULL || queue_processor(it->apart) >= PROCESSORS_MAX)
		return allowed;
	others = allowed & ~(1ull << queue_processor(it->apart));
	return others != 0 ? others : allowed;
}

/* Returns whether somebody has put it where it is since the last look. */
static bool
sample_item(struct balancer *b, const struct item *it, struct plan_balance_queue *to)
{
	const struct queue *first = it->queues[0];
	unsigned p = queue_processor(first);
	bool placed = false;

	to->processor = (uint8_t)(p < n_processors ? p : UINT8_MAX);
	to->demand = to->backlog = to->waiting = to->lost = 0;
	if (!balancer_sample_knows(&b->sample, first))
		memset(&to->memory, 0, sizeof(to->memory));
	for (unsigned i = 0; i < it->n; i += it->step) {
		balancer_sample_queue(&b->sample, it->queues[i], to);
		/* There it stays for as long as if the plan had put it; how restless it was elsewhere says nothing here. */
		if (it->queues[i]->placed_ns > to->memory.moved_ns) {
			to->memory.moved_ns = it->queues[i]->placed_ns;
			to->memory.restless = 0;
			placed = true;
		}
	}
	return placed;
}

/* The order is the same for all, and mostly that of the last run. */
static void
set_places(struct balanced *d, const struct places *places)
{
	for (unsigned i = 0; i < d->n; i++) {
		memcpy(d->queue[i].order, places->order, sizeof(places->order));
		d->queue[i].n_order = places->n_order;
	}
	d->places = *places;
}

/* Fills d->queue. 0 or -errno. */
static int
sample(struct balancer *b, struct balanced *d)
{
	struct places places;
	int err = gather(b, d->adapter);
	bool others = err == 0 && !is_as_before(b, d);

	if (others)
		err = follow(b, d);
	if (err == 0)
		err = places_of(d->adapter, &places);
	if (err < 0)
		return err;
	if (others || places.n_order != d->places.n_order ||
	    memcmp(places.order, d->places.order, sizeof(places.order)) != 0)
		set_places(d, &places);
	for (unsigned i = 0; i < d->n; i++) {
		if (i + AHEAD < d->n)
			fetch(b->item[i + AHEAD].queues[0], sizeof(struct queue));
		d->queue[i].allowed = allowed_to(&b->item[i], places.allowed);
		/* Another host than that which moves made uneasy. */
		if (sample_item(b, &b->item[i], &d->queue[i]))
			d->state.unrest = 0;
	}
	return 0;
}

/* ---- moves ---- */

static struct balancer_event
event_of(const struct adapter *a, const struct queue *q, enum balancer_why why)
{
	struct balancer_event e = {
		.queue = q->id, .index = q->index, .why = why, .from = queue_processor(q), .to = queue_processor(q)
	};

	if (a != NULL)
		snprintf(e.adapter, sizeof(e.adapter), "%s", a->name);
	snprintf(e.port, sizeof(e.port), "%s", q->vport->name);
	return e;
}

static void
carry_out(struct balancer *b, const struct balanced *d, const struct plan_balance_move *m)
{
	static const enum balancer_why why[] = {
		[PLAN_BALANCE_OVERLOAD] = BALANCER_OVERLOAD,
		[PLAN_BALANCE_EVEN] = BALANCER_EVEN,
		[PLAN_BALANCE_PACK] = BALANCER_PACK,
		[PLAN_BALANCE_GONE] = BALANCER_GONE,
	};
	const struct item *it = &b->item[m->queue];
	struct balancer_event e = event_of(d->adapter, it->queues[0], why[m->why]);

	for (unsigned i = 0; i < it->n; i += it->step) {
		int err = queue_move(it->queues[i], m->to);

		if (err < 0) /* it stays; the plan lets it rest all the same */
			log_warn("queue could not be moved port=%s queue=%u from=%u to=%u reason=\"%s\"", e.port,
				 it->queues[i]->id, m->from, m->to, strerror(-err));
	}
	if (queue_processor(it->queues[0]) != m->to)
		return;
	e.to = m->to;
	e.from_before = m->from_before;
	e.from_after = m->from_after;
	e.to_before = m->to_before;
	e.to_after = m->to_after;
	balancer_event_add(&e);
	/* What other adapters find. */
	b->sample.processor[m->from].load = up_to_100(m->from_after);
	b->sample.processor[m->to].load = up_to_100(m->to_after);
	b->stats.moves++;
}

/* ---- tables ---- */

/* The table of the port whose first queue pair is item `first`. */
static void
fold(const struct balancer *b, const struct balanced *d, struct adapter *a, unsigned first)
{
	const struct item *it = &b->item[first];
	struct adapter_member *m = it->folds;
	struct plan_fold_port port = { .n = it->step, .min = m->vrss.min_queues, .quiet_since_ns = m->quiet_since_ns };
	struct err err = { 0 };
	unsigned next;

	port.used = m->in_table > 0 ? RTE_MIN(m->in_table, port.n) : port.n;
	for (unsigned i = first; i < first + it->step; i++) {
		port.demand += d->queue[i].demand;
		port.lost = RTE_MAX(port.lost, d->queue[i].lost);
	}
	next = plan_fold(&a->settings.balance, b->sample.at_ns, &port);
	m->quiet_since_ns = port.quiet_since_ns;
	if (next == port.used)
		return;
	if (adapter_fold(a, m, next < port.n ? next : 0, &err) < 0)
		log_warn("vRSS table could not be changed port=%s reason=\"%s\"", m->port, err.msg);
	else
		log_debug("vRSS table changed port=%s queues=%u before=%u demand_percent=%.0f", m->port, next,
			  port.used, port.demand);
}

static void
fold_all(const struct balancer *b, const struct balanced *d, struct adapter *a)
{
	for (unsigned i = 0; i < b->n_items; i++)
		if (b->item[i].folds != NULL)
			fold(b, d, a, i);
}

/* Tells once of each queue that no move can help, until it has less to do. */
static void
tell_unsplittable(const struct balancer *b, const struct balanced *d)
{
	const struct plan_balance_params *params = &d->adapter->settings.balance;

	for (unsigned i = 0; i < d->n; i++) {
		struct queue *q = b->item[i].queues[0];

		q->mean_percent += ((float)d->queue[i].demand - q->mean_percent) / MEAN_RUNS;
		if ((double)q->mean_percent > params->high && !q->unsplittable) {
			struct balancer_event e = event_of(d->adapter, q, BALANCER_UNSPLITTABLE);

			e.from_before = e.from_after = e.to_before = e.to_after = q->mean_percent;
			q->unsplittable = true;
			balancer_event_add(&e);
		}
		if ((double)q->mean_percent >= params->high - params->within) {
			q->filled_ns = b->sample.at_ns;
		} else if (b->sample.at_ns - q->filled_ns >= params->quiet_ns) {
			q->unsplittable = false;
		}
	}
}

static struct balanced *
remembered(struct balancer *b, const struct adapter *a)
{
	struct balanced *d;

	for (unsigned i = 0; i < b->n_known; i++)
		if (b->known[i]->adapter == a)
			return b->known[i];
	if (b->n_known == BALANCER_ADAPTERS_MAX)
		return NULL;
	d = calloc(1, sizeof(*d));
	if (d == NULL)
		return NULL;
	d->adapter = a;
	b->known[b->n_known++] = d;
	return d;
}

/* Conservative: as few processors as can carry the load. */
static struct plan_balance_params
params_of(const struct adapter *a)
{
	struct plan_balance_params params = a->settings.balance;

	if (a->settings.mode == ADAPTER_MODE_RSS && a->settings.rss.profile == PLAN_RSS_CONSERVATIVE)
		params.fill = params.high;
	return params;
}

static void
balance(struct balancer *b, struct adapter *a)
{
	struct plan_balance_params params = params_of(a);
	struct balanced *d = remembered(b, a);
	struct plan_balance_result out;

	if (d == NULL || sample(b, d) < 0)
		return;
	if (d->run + 1 != b->sample.run)
		memset(&d->state, 0, sizeof(d->state));
	d->run = b->sample.run;
	b->stats.queues += d->n;
	if (d->n == 0)
		return;
	plan_balance(&params, &d->state, b->sample.at_ns, b->sample.processor, n_processors, d->queue, d->n, b->moves,
		     d->n, &out);
	for (unsigned i = 0; i < out.n_moves; i++)
		carry_out(b, d, &b->moves[i]);
	tell_unsplittable(b, d);
	fold_all(b, d, a);
}

/* What was said of its queues is not looked after any more. */
static void
take_back(const struct balanced *d)
{
	for (unsigned i = 0; i < d->n; i++) {
		struct queue *q = atomic_load(&queue_table[d->first[i]]);

		if (q != NULL) {
			q->unsplittable = false;
			q->mean_percent = 0;
		}
	}
}

/* Adapters that took no part in run number `run`. */
static void
forget(struct balancer *b, uint64_t run)
{
	for (unsigned i = 0; i < b->n_known;) {
		if (b->known[i]->run == run) {
			i++;
			continue;
		}
		take_back(b->known[i]);
		balanced_free(b->known[i]);
		b->known[i] = b->known[--b->n_known];
	}
}

/* When the next run is due, after one that cost so much CPU time. */
static uint64_t
next_in(struct balancer *b, uint64_t cost_ns)
{
	uint64_t ns = b->sample.busy ? b->period_ns : RTE_MAX(b->period_ns, IDLE_NS);

	b->cost_ns += ((double)cost_ns - b->cost_ns) / COST_RUNS;
	return RTE_MAX(ns, (uint64_t)b->cost_ns * COST_SHARE);
}

uint64_t
balancer_run(struct balancer *b, struct adapter *const *adapters, unsigned n, uint64_t now_ns)
{
	uint64_t began_ns = clock_thread_cpu_ns(), cost_ns;

	b->period_ns = 0;
	for (unsigned i = 0; i < n; i++) {
		uint64_t ns = adapters[i]->settings.period_ms * NSEC_PER_MS;

		if (balancer_wants(adapters[i]) && (b->period_ns == 0 || ns < b->period_ns))
			b->period_ns = RTE_MAX(ns, PERIOD_MIN_NS);
	}
	if (b->period_ns == 0) {
		forget(b, NO_RUN);
		return 0;
	}
	if (!balancer_sample_begin(&b->sample, now_ns))
		return b->period_ns;
	b->stats.queues = 0;
	for (unsigned i = 0; i < n; i++)
		if (balancer_wants(adapters[i]))
			balance(b, adapters[i]);
	forget(b, b->sample.run);
	cost_ns = clock_thread_cpu_ns() - began_ns;
	b->stats.runs++;
	b->stats.cpu_ns += cost_ns;
	return next_in(b, cost_ns);
}

void
balancer_moved_by_hand(struct queue *q, unsigned from)
{
	struct balancer_event e = event_of(NULL, q, BALANCER_HAND);

	q->placed_ns = clock_ns();
	e.from = from;
	balancer_event_add(&e);
}

struct balancer_stats
balancer_stats(const struct balancer *b)
{
	return b != NULL ? b->stats : (struct balancer_stats){ 0 };
}
