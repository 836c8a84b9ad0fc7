/*
 * balance_sim.c - what the balancer's rule does on a simulated host, beside OVS's automatic load balancing and the best placement.
 *
 * The loads, the host and the rules are in plan/simulate.h and plan/sim_load.h; the figures are the same on each machine and each time,
 * but for the time of a call (--time).
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "plan/balance_world.h"
#include "plan/sim_rule.h"
#include "plan/simulate.h"

#define TRACES_MAX 16
#define ROWS_MAX 36000 /* two hours by 200 ms */
#define LINE_MAX_BYTES 256
#define CALLS 2001

static const struct {
	unsigned processors, queues;
} sizes[] = { { 2, 4 }, { 4, 16 }, { 8, 64 }, { 64, 1024 } };

#define SIZES (sizeof(sizes) / sizeof(sizes[0]))
#define SWEPT 2 /* the size that settings are compared on: 8 x 64 */

struct recording {
	const char *name;
	struct sim_trace trace;
};

static struct recording recordings[TRACES_MAX];
static unsigned n_recordings;
static struct sim_load played; /* large */
static const char *only;       /* print only the rows of that name; NULL: all */

/* One load under one rule. Ends the program without memory. */
static struct sim_figures
play(unsigned kind, unsigned size, enum sim_rule rule, const struct plan_balance_params *params)
{
	const struct sim_trace *trace = kind < SIM_RECORDED ? NULL : &recordings[kind - SIM_RECORDED].trace;
	struct sim_figures figures;

	sim_load_begin(&played, kind < SIM_RECORDED ? kind : SIM_RECORDED, sizes[size].processors, sizes[size].queues,
		       trace);
	if (simulate(&played, rule, params, SIM_SECONDS * 1000, &figures) < 0) {
		fprintf(stderr, "balance_sim: no memory\n");
		exit(1);
	}
	return figures;
}

static unsigned
n_loads(void)
{
	return SIM_RECORDED + n_recordings;
}

static const char *
load_name(unsigned kind)
{
	return kind < SIM_RECORDED ? sim_kind_name(kind) : recordings[kind - SIM_RECORDED].name;
}

static const char *
time_text(const struct sim_figures *f, char *text, size_t size)
{
	if (f->events == 0)
		return "";
	if (f->reached == 0)
		return "never";
	if (f->balance_ms < 1000)
		snprintf(text, size, "%.0f ms", f->balance_ms);
	else
		snprintf(text, size, "%.1f s", f->balance_ms / 1000);
	if (f->reached < f->events)
		snprintf(text + strlen(text), size - strlen(text), " (%u of %u)", f->reached, f->events);
	return text;
}

static void
print_size(unsigned size)
{
	printf("\n%u processors, %u queues:\n\n", sizes[size].processors, sizes[size].queues);
	printf("| load | balanced after: ours | OVS | moves/min: ours | last minute | OVS | imbalance: ours | OVS | "
	       "best "
	       "| lost %%: ours | OVS | best | in use: ours |\n");
	printf("|---|---|---|---|---|---|---|---|---|---|---|---|---|\n");
	for (unsigned kind = 0; kind < n_loads(); kind++) {
		struct sim_figures f[SIM_RULES];
		char ours[32], ovs[32];

		if (only != NULL && strcmp(only, load_name(kind)) != 0)
			continue;
		for (unsigned rule = 0; rule < SIM_RULES; rule++)
			f[rule] = play(kind, size, rule, &plan_balance_defaults);
		printf("| %s | %s | %s | %.0f | %.0f | %.0f | %.2f | %.2f | %.2f | %.2f | %.2f | %.2f | %.1f |\n",
		       load_name(kind), time_text(&f[SIM_OURS], ours, sizeof(ours)),
		       time_text(&f[SIM_OVS], ovs, sizeof(ovs)), f[SIM_OURS].moves_per_minute,
		       f[SIM_OURS].late_per_minute, f[SIM_OVS].moves_per_minute, f[SIM_OURS].imbalance,
		       f[SIM_OVS].imbalance, f[SIM_BEST].imbalance, f[SIM_OURS].lost_percent, f[SIM_OVS].lost_percent,
		       f[SIM_BEST].lost_percent, f[SIM_OURS].in_use);
		fflush(stdout);
	}
}

/* ---- settings ---- */

enum setting { HIGH, LOW, WITHIN, GAIN, REST, QUIET, IN_A_ROW, FILL, SETTINGS };

static const struct {
	const char *name;
	double values[3];
} settings[SETTINGS] = {
	[HIGH] = { "high_percent", { 80, 90, 97 } },    [LOW] = { "low_percent", { 30, 50, 80 } },
	[WITHIN] = { "within_percent", { 5, 10, 20 } }, [GAIN] = { "gain_percent", { 2, 10, 25 } },
	[REST] = { "rest_ms", { 100, 1000, 5000 } },    [QUIET] = { "quiet, ms", { 500, 5000, 20000 } },
	[IN_A_ROW] = { "samples", { 1, 2, 5 } },        [FILL] = { "fill, percent", { 0, 50, 80 } },
};

static struct plan_balance_params
with(enum setting setting, double value)
{
	struct plan_balance_params p = plan_balance_defaults;

	switch (setting) {
	case HIGH:
		p.high = value;
		break;
	case LOW:
		p.low = value;
		break;
	case WITHIN:
		p.within = value;
		break;
	case GAIN:
		p.gain = value;
		break;
	case REST:
		p.rest_ns = (uint64_t)(value * 1e6);
		break;
	case QUIET:
		p.quiet_ns = (uint64_t)(value * 1e6);
		break;
	case IN_A_ROW:
		p.samples = (unsigned)value;
		break;
	default:
		p.fill = value;
	}
	return p;
}

static void
print_setting(enum setting setting, double value)
{
	struct plan_balance_params params = with(setting, value);
	double slowest = 0, moves = 0, late = 0, imbalance = 0, lost = 0, in_use = 0;
	unsigned events = 0, reached = 0, n = n_loads();

	for (unsigned kind = 0; kind < n; kind++) {
		struct sim_figures f = play(kind, SWEPT, SIM_OURS, &params);

		slowest = f.balance_ms > slowest ? f.balance_ms : slowest;
		events += f.events;
		reached += f.reached;
		moves += f.moves_per_minute / n;
		late += f.late_per_minute / n;
		imbalance += f.imbalance / n;
		lost += f.lost_percent / n;
		in_use += f.in_use / n;
	}
	printf("| %s | %.0f | %.0f ms | %u of %u | %.0f | %.0f | %.2f | %.3f | %.1f |\n", settings[setting].name, value,
	       slowest, reached, events, moves, late, imbalance, lost, in_use);
	fflush(stdout);
}

static void
print_settings(void)
{
	printf("\n%u processors, %u queues, all loads; the slowest, and means:\n\n", sizes[SWEPT].processors,
	       sizes[SWEPT].queues);
	printf("| setting | value | balanced after, at most | steps | moves/min | last minute | imbalance | lost %% | "
	       "in use |\n");
	printf("|---|---|---|---|---|---|---|---|---|\n");
	for (unsigned setting = 0; setting < SETTINGS; setting++)
		for (unsigned k = 0; k < 3; k++)
			if (only == NULL || strcmp(only, settings[setting].name) == 0)
				print_setting(setting, settings[setting].values[k]);
}

/* ---- hosts by chance ---- */

#define HOSTS 1000

static const unsigned chance_sizes[][2] = { { 2, 4 }, { 2, 8 }, { 4, 8 }, { 4, 16 }, { 8, 32 }, { 8, 64 }, { 16, 64 } };

struct chance {
	unsigned hosts, at_once, later, moves;
};

/* Fullest and emptiest processor. */
static void
ends(const struct world *w, double *most, double *least)
{
	*most = 0;
	*least = 1e9;
	for (unsigned p = 0; p < w->n_processors; p++) {
		double load = world_load(w, p);

		*most = load > *most ? load : *most;
		*least = load < *least ? load : *least;
	}
}

/* Puts queues of 1 to 11 parts on processors by chance; percent of the host in all. */
static void
chance_host(struct world *w, const unsigned *size, double percent, uint64_t *random)
{
	double sum = 0;

	world_begin(w, size[0]);
	for (unsigned i = 0; i < size[1]; i++)
		sum += w->queues[world_queue(w, (unsigned)(sim_random(random) * size[0]), 1 + 10 * sim_random(random))]
			       .demand;
	for (unsigned i = 0; i < size[1]; i++)
		w->queues[i].demand *= percent * size[0] / sum;
}

/* Whether the greatest first, each to the emptiest, gives processors within 10 points. */
static bool
can_be_split(const struct world *w)
{
	static struct sim_rule_state s;
	double demand[SIM_QUEUES_MAX], load[PLAN_BALANCE_PROCESSORS_MAX] = { 0 }, most, least;
	uint8_t place[SIM_QUEUES_MAX];

	s.n_processors = (unsigned)w->n_processors;
	s.n_queues = (unsigned)w->n_queues;
	memcpy(s.processors, w->processors, sizeof(s.processors));
	for (unsigned i = 0; i < w->n_queues; i++)
		demand[i] = w->queues[i].demand;
	most = sim_place_best(&s, demand, place);
	for (unsigned i = 0; i < w->n_queues; i++)
		load[place[i]] += demand[i];
	least = load[0];
	for (unsigned p = 1; p < w->n_processors; p++)
		least = load[p] < least ? load[p] : least;
	return most - least <= plan_balance_defaults.within;
}

static void
try_host(struct world *w, struct chance *c)
{
	double most, least;

	ends(w, &most, &least);
	if (most <= w->params.high || !can_be_split(w))
		return;
	c->hosts++;
	world_sample(w);
	c->moves += world_sample(w);
	ends(w, &most, &least);
	c->at_once += most - least <= w->params.within;
	c->moves += world_run(w, 3 * S);
	ends(w, &most, &least);
	c->later += most - least <= w->params.within;
}

static void
print_chance(void)
{
	static struct world w;
	uint64_t random = 1;

	printf("\n| processors, queues | load | hosts | within 10 points after 40 ms | after 3 s | moves "
	       "|\n|---|---|---|---|---|---|\n");
	for (size_t k = 0; k < sizeof(chance_sizes) / sizeof(chance_sizes[0]); k++)
		for (unsigned percent = 50; percent <= 80; percent += 15) {
			struct chance c = { 0 };

			for (unsigned host = 0; host < HOSTS; host++) {
				chance_host(&w, chance_sizes[k], percent, &random);
				try_host(&w, &c);
			}
			if (c.hosts > 0)
				printf("| %u, %u | %u %% | %u | %.0f %% | %.0f %% | %.1f |\n", chance_sizes[k][0],
				       chance_sizes[k][1], percent, c.hosts, 100.0 * c.at_once / c.hosts,
				       100.0 * c.later / c.hosts, (double)c.moves / c.hosts);
		}
}

/* ---- time of a call ---- */

struct host {
	struct plan_balance_state state;
	struct plan_balance_processor processors[64];
	struct plan_balance_queue queues[1024];
	struct plan_balance_move moves[1024];
};

/* A host of 64 x 1024 whose queues want percent each, on `spread` processors. */
static void
set_host(struct host *h, double percent, unsigned spread)
{
	memset(h, 0, sizeof(*h));
	for (unsigned p = 0; p < 64; p++)
		h->processors[p] = (struct plan_balance_processor){ .usable = true, .load = p < spread ? 100 : 0 };
	for (unsigned i = 0; i < 1024; i++) {
		struct plan_balance_queue *q = &h->queues[i];

		q->allowed = UINT64_MAX;
		q->n_order = 64;
		for (unsigned p = 0; p < 64; p++)
			q->order[p] = (uint8_t)p;
		q->processor = i % spread;
		q->demand = percent * (1 + (i * 7919 % 100) / 1000.0);
	}
}

static int
by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double
call_ns(struct host *h, uint64_t now_ns, unsigned *moves)
{
	struct plan_balance_result result;
	struct timespec from, to;

	clock_gettime(CLOCK_MONOTONIC, &from);
	plan_balance(&plan_balance_defaults, &h->state, now_ns, h->processors, 64, h->queues, 1024, h->moves, 1024,
		     &result);
	clock_gettime(CLOCK_MONOTONIC, &to);
	*moves = result.n_moves;
	return (double)(to.tv_sec - from.tv_sec) * 1e9 + (double)(to.tv_nsec - from.tv_nsec);
}

/* Median over calls on a host that is set anew each time, of the second call after `pause_ns`, which acts. */
static void
time_case(const char *name, double percent, unsigned spread, uint64_t pause_ns)
{
	static double ns[CALLS];
	static struct host h;
	unsigned moves = 0;

	for (unsigned k = 0; k < CALLS; k++) {
		set_host(&h, percent, spread);
		for (unsigned p = 0; p < 64; p++)
			h.processors[p].load = percent * 1024 / spread < 100
						       ? h.processors[p].load * percent * 10.24 / spread
						       : h.processors[p].load;
		call_ns(&h, 1000000000, &moves);
		ns[k] = call_ns(&h, 1000000000 + pause_ns, &moves);
	}
	qsort(ns, CALLS, sizeof(ns[0]), by_value);
	printf("%-44s %5u moves  %8.0f ns a call (median of %d; 99 %% within %.0f)\n", name, moves, ns[CALLS / 2],
	       CALLS, ns[CALLS * 99 / 100]);
}

static void
print_times(void)
{
	printf("64 processors, 1024 queues\n");
	time_case("nothing to do, 70 % on each", 70.0 / 16, 64, 20000000);
	time_case("all on one processor, which is full", 70.0 / 16, 1, 20000000);
	time_case("all on eight, which are full", 70.0 / 16, 8, 20000000);
	time_case("all full: nothing gains", 100.0 / 16, 64, 20000000);
	time_case("little to do: all go home", 0.03, 64, 20000000000);
}

/* ---- traces and command line ---- */

/* One row; false when it is not eight numbers from 0 to 100. */
static bool
read_row(char *line, uint16_t *row)
{
	for (unsigned k = 0; k < SIM_TRACE_COLUMNS; k++) {
		char *end;
		unsigned long value = strtoul(line, &end, 10);

		if (end == line || value > 100 || *end != (k + 1 < SIM_TRACE_COLUMNS ? ',' : '\n'))
			return false;
		row[k] = (uint16_t)value;
		line = end + 1;
	}
	return true;
}

/* Fills the trace from f; 0, -EINVAL or -ENOMEM. */
static int
read_rows(FILE *f, struct sim_trace *trace)
{
	char line[LINE_MAX_BYTES];

	trace->value = calloc(ROWS_MAX, sizeof(*trace->value));
	if (trace->value == NULL)
		return -ENOMEM;
	while (fgets(line, sizeof(line), f) != NULL) {
		if (strncmp(line, "# row_ms=", 9) == 0)
			trace->row_ms = (unsigned)strtoul(line + 9, NULL, 10);
		if (line[0] == '#')
			continue;
		if (trace->rows == ROWS_MAX || !read_row(line, trace->value[trace->rows]))
			return -EINVAL;
		trace->rows++;
	}
	return trace->rows > 0 && trace->row_ms > 0 ? 0 : -EINVAL;
}

/* Reads FOLDER/NAME.csv as the trace NAME. Says a sentence and ends the program when it is none. */
static void
read_trace(const char *path)
{
	struct recording *r = &recordings[n_recordings];
	const char *slash = strrchr(path, '/');
	FILE *f = n_recordings < TRACES_MAX ? fopen(path, "r") : NULL;
	char *name = strdup(slash != NULL ? slash + 1 : path);
	int err = f != NULL && name != NULL ? read_rows(f, &r->trace) : -EINVAL;

	if (f != NULL)
		fclose(f);
	if (err < 0) {
		fprintf(stderr,
			"balance_sim: %s is no trace: a line \"# row_ms=N\", then lines of %d numbers from 0 to 100; "
			"%d traces at most\n",
			path, SIM_TRACE_COLUMNS, TRACES_MAX);
		exit(1);
	}
	name[strcspn(name, ".")] = '\0';
	r->name = name;
	n_recordings++;
}

static void
print_sizes(void)
{
	for (unsigned size = 0; size < SIZES; size++)
		print_size(size);
}

static const struct {
	const char *option;
	void (*print)(void);
} parts[] = {
	{ "--loads", print_sizes },
	{ "--chance", print_chance },
	{ "--settings", print_settings },
	{ "--time", print_times },
};

static int
usage(FILE *to, int status)
{
	fprintf(to,
		"usage: balance_sim --loads | --size N | --chance | --settings | --time [--only ROW] [TRACE.csv...]\n"
		"  --loads: each load on each size, as Markdown; --size 0 to 3: on one of them\n"
		"  --chance: hosts by chance, how often they come within 10 points; --settings: what each setting "
		"does\n"
		"  --time: what a call costs on this machine; --only: the rows of that name\n");
	return status;
}

int
main(int argc, char **argv)
{
	bool one_size = argc > 2 && strcmp(argv[1], "--size") == 0;
	char *end = "";
	unsigned long size = one_size ? strtoul(argv[2], &end, 10) : 0;
	int k = one_size ? 3 : 2;

	if (argc > 1 && strcmp(argv[1], "--help") == 0)
		return usage(stdout, 0);
	if (argc < 2 || size >= SIZES || *end != '\0')
		return usage(stderr, 2);
	if (k + 1 < argc && strcmp(argv[k], "--only") == 0) {
		only = argv[k + 1];
		k += 2;
	}
	for (; k < argc; k++)
		read_trace(argv[k]);
	if (one_size) {
		print_size((unsigned)size);
		return 0;
	}
	for (size_t part = 0; part < sizeof(parts) / sizeof(parts[0]); part++)
		if (strcmp(argv[1], parts[part].option) == 0) {
			parts[part].print();
			return 0;
		}
	return usage(stderr, 2);
}
