/* simulate.c - a host in numbers; see simulate.h for what is modelled. */
#include "plan/simulate.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "plan/sim_rule.h"

/* Percent of a processor times milliseconds: a ring holds 1024 frames, which a processor of 1 Mpps does in about 1 ms. */
#define RING 100.0
/* On shared cores processors are slow, as emulated ones are: 1024 frames are 12 ms of one that has a tenth of a core. */
#define SHARED_RING 1200.0
#define FULL (100.0 * SIM_STEP_MS)
#define OVERHEAD 1.0    /* percent of a processor, beside its queues */
#define ERROR 0.05      /* of a value in a sample */
#define TCP_LESS 0.7    /* after a loss in a step, as CUBIC does (RFC 9438, 4.6) */
#define TCP_LEAST 0.02  /* of what is wanted */
#define TCP_BACK_MS 200 /* from nothing to all of it */
/* On shared cores: in each step, that a processor, or all senders together, stop. Then for 5 to 20 ms in every 140. */
#define STOP_CHANCE 0.04
#define STOP_STEPS 4
#define HOLD_MS 100   /* a balance that does not last so long is none */
#define LATE_MS 60000 /* at the end: what still moves then */

struct event {
	unsigned begun_ms, since_ms; /* since_ms: balanced since; 0: not */
	bool reached;
};

struct host {
	struct sim_load *load;
	struct sim_rule_state rule;
	uint64_t random;
	double want[SIM_QUEUES_MAX];    /* percent, now */
	double rate[SIM_QUEUES_MAX];    /* percent, what its sender sends: less than want after a loss */
	double waiting[SIM_QUEUES_MAX]; /* on its ring */
	double done[SIM_QUEUES_MAX];    /* since the last sample */
	double lost[SIM_QUEUES_MAX];    /* the same */
	double balance_ms[SIM_EVENTS_MAX];
	uint16_t by_processor[SIM_QUEUES_MAX];
	unsigned first[SIM_PROCESSORS_MAX + 1];
	double best,
		best_of[SIM_QUEUES_MAX]; /* how full the fullest is when it is placed best, and what was wanted then */
	struct event event;
	unsigned stopped[SIM_PROCESSORS_MAX]; /* steps left */
	unsigned senders_stopped;
	double held_back[SIM_QUEUES_MAX]; /* what they have not sent meanwhile */
	unsigned late_ms;
	double all_wanted, all_done, apart, in_use;
	unsigned apart_samples, samples, moves, late_moves;
};

static double
with_error(struct host *h, double x)
{
	return x * (1 + ERROR * (2 * sim_random(&h->random) - 1));
}

static double
ring_of(const struct host *h)
{
	return h->load->shared ? SHARED_RING : RING;
}

/* Half of the senders of a TCP load stop while the ring is full, as guests do; the others lose frames and slow down. */
static bool
sender_waits(const struct host *h, unsigned i)
{
	return h->load->tcp && i % 2 == 1;
}

static void
arrive(struct host *h, unsigned i)
{
	if (!h->load->tcp) {
		h->rate[i] = h->want[i];
	} else if (h->rate[i] < h->want[i]) {
		h->rate[i] += h->want[i] * SIM_STEP_MS / TCP_BACK_MS;
	}
	if (h->rate[i] > h->want[i])
		h->rate[i] = h->want[i];
	h->held_back[i] += h->rate[i] * SIM_STEP_MS;
	if (h->senders_stopped == 0) {
		h->waiting[i] += h->held_back[i];
		h->held_back[i] = 0;
	}
	h->all_wanted += h->want[i] * SIM_STEP_MS;
}

static void
do_work(struct host *h, unsigned i, double work)
{
	h->waiting[i] -= work;
	h->done[i] += work;
	h->all_done += work;
	if (h->waiting[i] <= ring_of(h))
		return;
	if (!sender_waits(h, i)) {
		h->lost[i] += h->waiting[i] - ring_of(h);
		h->rate[i] *= TCP_LESS;
		if (h->rate[i] < h->want[i] * TCP_LEAST)
			h->rate[i] = h->want[i] * TCP_LEAST;
	}
	h->waiting[i] = ring_of(h);
}

/* Lists the queues of each processor: they stand at by_processor[first[p]] to first[p + 1]. */
static void
list_queues(struct host *h)
{
	unsigned n = 0;

	for (unsigned p = 0; p < h->rule.n_processors; p++) {
		h->first[p] = n;
		for (unsigned i = 0; i < h->rule.n_queues; i++)
			if (h->rule.queues[i].processor == p)
				h->by_processor[n++] = (uint16_t)i;
	}
	h->first[h->rule.n_processors] = n;
}

/*
 * How much each queue of a processor may have at most, so that they share its time evenly: those that want less have all of it. Found
 * by giving what is left to those that still want, until nobody leaves some.
 */
static double
fair_share(const struct host *h, unsigned p, double time)
{
	double share = time / (h->first[p + 1] - h->first[p]);

	for (;;) {
		double left = time;
		unsigned wanting = 0;

		for (unsigned k = h->first[p]; k < h->first[p + 1]; k++) {
			double waiting = h->waiting[h->by_processor[k]];

			if (waiting <= share)
				left -= waiting;
			else
				wanting++;
		}
		if (wanting == 0 || left / wanting <= share * (1 + 1e-9))
			return share;
		share = left / wanting;
	}
}

static void
step_processor(struct host *h, unsigned p)
{
	double time = FULL * (1 - OVERHEAD / 100), share = 0, waiting = 0;

	for (unsigned k = h->first[p]; k < h->first[p + 1]; k++) {
		arrive(h, h->by_processor[k]);
		waiting += h->waiting[h->by_processor[k]];
	}
	if (h->rule.processors[p].usable && h->stopped[p] == 0)
		share = waiting <= time ? waiting : fair_share(h, p, time);
	for (unsigned k = h->first[p]; k < h->first[p + 1]; k++) {
		unsigned i = h->by_processor[k];

		do_work(h, i, h->waiting[i] < share ? h->waiting[i] : share);
	}
}

/* Counts a stop down; when there is none, one may begin. */
static void
run_or_stop(struct host *h, unsigned *stopped)
{
	if (*stopped > 0)
		--*stopped;
	else if (sim_random(&h->random) < STOP_CHANCE)
		*stopped = 1 + (unsigned)(sim_random(&h->random) * STOP_STEPS);
}

static void
step(struct host *h, unsigned t_ms)
{
	sim_load_at(h->load, t_ms, h->want);
	for (unsigned p = 0; p < h->rule.n_processors && h->load->shared; p++)
		run_or_stop(h, &h->stopped[p]);
	if (h->load->shared)
		run_or_stop(h, &h->senders_stopped);
	for (unsigned p = 0; p < h->rule.n_processors; p++)
		step_processor(h, p);
}

static void
take_sample(struct host *h)
{
	double done[SIM_PROCESSORS_MAX] = { 0 };

	for (unsigned i = 0; i < h->rule.n_queues; i++) {
		struct plan_balance_queue *q = &h->rule.queues[i];
		double came = h->done[i] + h->waiting[i] - q->waiting * SIM_SAMPLE_MS + h->lost[i];

		q->demand = with_error(h, h->done[i] / SIM_SAMPLE_MS);
		q->backlog = h->waiting[i] / ring_of(h);
		q->waiting = h->waiting[i] / SIM_SAMPLE_MS;
		q->lost = came > 0 ? h->lost[i] / came : 0;
		done[q->processor] += h->done[i] / SIM_SAMPLE_MS;
		h->done[i] = h->lost[i] = 0;
	}
	for (unsigned p = 0; p < h->rule.n_processors; p++) {
		double load = with_error(h, done[p] + OVERHEAD);

		h->rule.processors[p].load = load < 100 ? load : 100;
	}
}

/* What is wanted of each processor, how full the fullest is, and in *mean the mean of the usable ones; counts what is in use. */
static double
wanted(struct host *h, double *mean)
{
	double load[SIM_PROCESSORS_MAX] = { 0 }, sum = 0, most = 0;
	unsigned usable = 0;

	for (unsigned i = 0; i < h->rule.n_queues; i++) {
		load[h->rule.queues[i].processor] += h->want[i];
		sum += h->want[i];
	}
	for (unsigned p = 0; p < h->rule.n_processors; p++) {
		usable += h->rule.processors[p].usable;
		h->in_use += load[p] > 0;
		most = load[p] > most ? load[p] : most;
	}
	*mean = usable > 0 ? sum / usable : 0;
	return most;
}

static bool
is_balanced(struct host *h, double most)
{
	const struct plan_balance_params *is = &plan_balance_defaults;
	uint8_t place[SIM_QUEUES_MAX];

	if (most <= is->high)
		return true;
	if (memcmp(h->best_of, h->want, h->rule.n_queues * sizeof(h->best_of[0])) != 0) {
		memcpy(h->best_of, h->want, sizeof(h->best_of));
		h->best = sim_place_best(&h->rule, h->want, place);
	}
	return most <= h->best + is->within;
}

static void
watch_event(struct host *h, unsigned t_ms, double most, struct sim_figures *out)
{
	struct event *e = &h->event;

	for (unsigned k = 0; k < h->load->n_events; k++)
		if (t_ms == h->load->event_ms[k]) {
			*e = (struct event){ .begun_ms = t_ms };
			h->best_of[0] = -1; /* the processors may be others */
			out->events++;
		}
	if (out->events == 0 || e->reached)
		return;
	if (!is_balanced(h, most))
		e->since_ms = 0;
	else if (e->since_ms == 0)
		e->since_ms = t_ms;
	if (e->since_ms != 0 && t_ms - e->since_ms >= HOLD_MS) {
		e->reached = true;
		h->balance_ms[out->reached++] = e->since_ms - e->begun_ms;
	}
}

static void
sample(struct host *h, unsigned t_ms, struct sim_figures *out)
{
	double mean, most;
	unsigned moves;

	take_sample(h);
	for (unsigned p = 0; p < h->rule.n_processors; p++)
		h->rule.processors[p].usable = sim_load_usable(h->load, p, t_ms);
	moves = sim_rule_ask(&h->rule, t_ms);
	if (moves > 0)
		list_queues(h);
	h->moves += moves;
	h->late_moves += t_ms >= h->late_ms ? moves : 0;
	most = wanted(h, &mean);
	if (mean > 50) {
		h->apart += most / mean;
		h->apart_samples++;
	}
	h->samples++;
	watch_event(h, t_ms, most, out);
}

static double
median(double *x, unsigned n)
{
	if (n == 0)
		return -1;
	for (unsigned i = 1; i < n; i++)
		for (unsigned k = i; k > 0 && x[k] < x[k - 1]; k--) {
			double t = x[k];

			x[k] = x[k - 1];
			x[k - 1] = t;
		}
	return (x[(n - 1) / 2] + x[n / 2]) / 2;
}

static void
set_up(struct host *h, struct sim_load *load, enum sim_rule rule, const struct plan_balance_params *params)
{
	h->load = load;
	h->random = 0x2545f4914f6cdd1du;
	h->rule.rule = rule;
	h->rule.params = params;
	h->rule.n_processors = load->n_processors;
	h->rule.n_queues = load->n_queues;
	h->rule.want = h->want;
	for (unsigned p = 0; p < load->n_processors; p++)
		h->rule.processors[p].usable = true;
	for (unsigned i = 0, at = 0; i < load->n_queues; i++, at = at + 1 < load->n_processors ? at + 1 : 0) {
		struct plan_balance_queue *q = &h->rule.queues[i];

		q->processor = (uint8_t)at;
		q->n_order = (uint8_t)load->n_processors;
		for (unsigned p = 0; p < load->n_processors; p++) {
			q->allowed |= (uint64_t)1 << p;
			q->order[p] = (uint8_t)p;
		}
	}
}

int
simulate(struct sim_load *load, enum sim_rule rule, const struct plan_balance_params *params, unsigned ms,
	 struct sim_figures *out)
{
	struct host *h = calloc(1, sizeof(*h));

	if (h == NULL)
		return -ENOMEM;
	*out = (struct sim_figures){ 0 };
	set_up(h, load, rule, params);
	list_queues(h);
	h->late_ms = ms > LATE_MS ? ms - LATE_MS : 0;
	for (unsigned t_ms = 0; t_ms < ms; t_ms += SIM_STEP_MS) {
		step(h, t_ms);
		if (t_ms % SIM_SAMPLE_MS == 0 && t_ms > 0)
			sample(h, t_ms, out);
	}
	out->balance_ms = median(h->balance_ms, out->reached);
	out->moves_per_minute = h->moves * 60000.0 / ms;
	out->late_per_minute = h->late_moves * 60000.0 / (ms - h->late_ms);
	out->imbalance = h->apart_samples > 0 ? h->apart / h->apart_samples : 0;
	if (h->all_done < h->all_wanted) /* rounded, a sum can be greater */
		out->lost_percent = 100 * (1 - h->all_done / h->all_wanted);
	out->in_use = h->samples > 0 ? h->in_use / h->samples : 0;
	free(h);
	return 0;
}
