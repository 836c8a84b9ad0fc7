/* sim_load.c - adversarial and recorded loads for a simulated host; see sim_load.h. */
#include "plan/sim_load.h"

#include <string.h>

#define BEGIN_MS 10000     /* before it: little to do */
#define SECOND_MS 100000   /* of the second step */
#define LITTLE 0.05        /* of what comes later */
#define MEAN 70.0          /* percent of the host */
#define RECORDED_MEAN 60.0 /* percent of the host: its bursts come on top */
#define ELEPHANT 85.0
#define STUCK 150.0
#define FULL_MEAN 130.0
#define GONE_MS 60000
#define BACK_MS 120000
#define ROW_SHIFT_MS 7000 /* between two queues that play the same column */

static const char *const names[SIM_KINDS] = {
	[SIM_STEPS] = "steps",
	[SIM_STEPS_TCP] = "steps, TCP",
	[SIM_RAMP] = "ramp",
	[SIM_SQUARE_50MS] = "square 50 ms",
	[SIM_SQUARE_200MS] = "square 200 ms",
	[SIM_SQUARE_1S] = "square 1 s",
	[SIM_SQUARE_5S] = "square 5 s",
	[SIM_ELEPHANT] = "elephant",
	[SIM_STUCK] = "stuck elephant",
	[SIM_ALIKE] = "all alike",
	[SIM_ZIPF] = "Zipf",
	[SIM_WALK] = "walk",
	[SIM_GONE] = "taken away",
	[SIM_FULL] = "too much",
	[SIM_FULL_TCP] = "too much, TCP",
	[SIM_SHARED] = "shared cores",
	[SIM_RECORDED] = "recorded",
};

const char *
sim_kind_name(enum sim_kind kind)
{
	return kind < SIM_KINDS ? names[kind] : "unknown";
}

/* xorshift64* (Vigna, 2016). */
double
sim_random(uint64_t *state)
{
	uint64_t x = *state;

	x ^= x >> 12;
	x ^= x << 25;
	x ^= x >> 27;
	*state = x;
	return (double)(x * 0x2545f4914f6cdd1du >> 11) / (double)((uint64_t)1 << 53);
}

/* Shares that add up to sum percent, none above most. */
static void
scale(double *share, unsigned n, double sum, double most)
{
	for (int round = 0; round < 20; round++) {
		double free = 0, left = sum;

		for (unsigned i = 0; i < n; i++) {
			if (share[i] >= most)
				left -= share[i] = most;
			else
				free += share[i];
		}
		for (unsigned i = 0; i < n && free > 0; i++)
			if (share[i] < most)
				share[i] *= left / free;
	}
}

/* Shares of different size, by chance: from 1 to 5. */
static void
mixed(struct sim_load *load, double *share)
{
	for (unsigned i = 0; i < load->n_queues; i++)
		share[i] = 1 + 4 * sim_random(&load->random);
	scale(share, load->n_queues, MEAN * load->n_processors, ELEPHANT);
}

/* One queue wants `great`, the others share what is left of the host's mean. */
static void
one_great(struct sim_load *load, double great)
{
	load->share[0] = 0;
	for (unsigned i = 1; i < load->n_queues; i++)
		load->share[i] = 1 + sim_random(&load->random);
	scale(load->share, load->n_queues, MEAN * (load->n_processors - 1), ELEPHANT);
	load->share[0] = great;
}

/* How many processors are taken away: a quarter, one at least. */
static unsigned
n_gone(const struct sim_load *load)
{
	return (load->n_processors + 3) / 4;
}

/* Of the columns that the queues play. */
static double
sum_of_means(const struct sim_load *load)
{
	double sum = 0;

	for (unsigned i = 0; i < load->n_queues; i++)
		for (size_t row = 0; row < load->trace->rows; row++)
			sum += (double)load->trace->value[row][i % SIM_TRACE_COLUMNS] / (double)load->trace->rows;
	return sum > 0 ? sum : 1;
}

static void
fill_shares(struct sim_load *load)
{
	unsigned n = load->n_queues;

	mixed(load, load->share);
	mixed(load, load->second);
	if (load->kind == SIM_ELEPHANT)
		one_great(load, ELEPHANT);
	if (load->kind == SIM_STUCK)
		one_great(load, STUCK);
	if (load->kind == SIM_ALIKE)
		for (unsigned i = 0; i < n; i++)
			load->share[i] = MEAN * load->n_processors / n;
	if (load->kind == SIM_ZIPF) {
		for (unsigned i = 0; i < n; i++)
			load->share[i] = 1.0 / (i + 1);
		scale(load->share, n, MEAN * load->n_processors, ELEPHANT);
	}
	if (load->kind == SIM_GONE)
		scale(load->share, n, MEAN * (load->n_processors - n_gone(load)), ELEPHANT);
	if (load->kind == SIM_FULL || load->kind == SIM_FULL_TCP)
		scale(load->share, n, FULL_MEAN * load->n_processors, ELEPHANT);
	if (load->kind >= SIM_SQUARE_50MS && load->kind <= SIM_SQUARE_5S)
		scale(load->share, n, MEAN * load->n_processors, ELEPHANT / 2);
	/* So much for each percent of a column that the host is at RECORDED_MEAN. */
	if (load->kind == SIM_RECORDED) {
		double share = RECORDED_MEAN * load->n_processors / sum_of_means(load);

		for (unsigned i = 0; i < n; i++)
			load->share[i] = share;
	}
	memcpy(load->level, load->share, sizeof(load->level));
}

void
sim_load_begin(struct sim_load *load, enum sim_kind kind, unsigned n_processors, unsigned n_queues,
	       const struct sim_trace *trace)
{
	memset(load, 0, sizeof(*load));
	load->kind = kind;
	load->n_processors = n_processors;
	load->n_queues = n_queues;
	load->trace = trace;
	load->random = 0x9e3779b97f4a7c15u + kind;
	load->tcp = kind == SIM_STEPS_TCP || kind == SIM_FULL_TCP || kind == SIM_RECORDED;
	load->shared = kind == SIM_SHARED;
	fill_shares(load);
	if (kind == SIM_STEPS || kind == SIM_STEPS_TCP || kind == SIM_ELEPHANT || kind == SIM_STUCK ||
	    kind == SIM_ALIKE || kind == SIM_ZIPF || kind == SIM_SHARED)
		load->event_ms[load->n_events++] = BEGIN_MS;
	if (kind == SIM_STEPS || kind == SIM_STEPS_TCP)
		load->event_ms[load->n_events++] = SECOND_MS;
	if (kind == SIM_GONE)
		load->event_ms[load->n_events++] = GONE_MS;
}

static double
square(const struct sim_load *load, unsigned queue, unsigned t_ms, unsigned period_ms)
{
	bool first_half = t_ms % period_ms < period_ms / 2;

	return first_half == (queue % 2 == 0) ? 2 * load->share[queue] : 0;
}

/* Up to the mean and a fifth more at half time, and back. */
static double
ramp(const struct sim_load *load, unsigned queue, unsigned t_ms)
{
	double half = SIM_SECONDS * 500.0;
	double height = t_ms < half ? t_ms / half : 2 - t_ms / half;

	return load->share[queue] * 1.2 * height;
}

/* Ten times a second a step of up to a tenth, between a third of its share and twice that. */
static double
walk(struct sim_load *load, unsigned queue, unsigned t_ms)
{
	double *level = &load->level[queue];

	if (t_ms % 100 == 0)
		*level *= 1 + 0.2 * (sim_random(&load->random) - 0.5);
	if (*level < load->share[queue] / 3)
		*level = load->share[queue] / 3;
	if (*level > load->share[queue] * 2)
		*level = load->share[queue] * 2;
	return *level < 95 ? *level : 95;
}

static double
recorded(const struct sim_load *load, unsigned queue, unsigned t_ms)
{
	const struct sim_trace *trace = load->trace;
	unsigned turn = queue / SIM_TRACE_COLUMNS;
	size_t row = (t_ms + (size_t)turn * ROW_SHIFT_MS) / trace->row_ms % trace->rows;
	double value = trace->value[row][queue % SIM_TRACE_COLUMNS] * load->share[queue];

	return value < 95 ? value : 95;
}

static double
want_of(struct sim_load *load, unsigned queue, unsigned t_ms)
{
	switch (load->kind) {
	case SIM_RAMP:
		return ramp(load, queue, t_ms);
	case SIM_SQUARE_50MS:
		return square(load, queue, t_ms, 50);
	case SIM_SQUARE_200MS:
		return square(load, queue, t_ms, 200);
	case SIM_SQUARE_1S:
		return square(load, queue, t_ms, 1000);
	case SIM_SQUARE_5S:
		return square(load, queue, t_ms, 5000);
	case SIM_WALK:
		return walk(load, queue, t_ms);
	case SIM_RECORDED:
		return recorded(load, queue, t_ms);
	case SIM_STEPS:
	case SIM_STEPS_TCP:
		return t_ms < SECOND_MS ? load->share[queue] : load->second[queue];
	default:
		return load->share[queue];
	}
}

void
sim_load_at(struct sim_load *load, unsigned t_ms, double *want)
{
	double height = t_ms < BEGIN_MS && load->kind != SIM_RAMP ? LITTLE : 1;

	for (unsigned i = 0; i < load->n_queues; i++)
		want[i] = height * want_of(load, i, t_ms);
}

bool
sim_load_usable(const struct sim_load *load, unsigned processor, unsigned t_ms)
{
	bool goes = load->kind == SIM_GONE && processor >= load->n_processors - n_gone(load);

	return !goes || t_ms < GONE_MS || t_ms >= BACK_MS;
}
