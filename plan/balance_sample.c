/* balance_sample.c - what a sample says: who has how much to do, and which processors are too full. */
#include "plan/balance_call.h"

/* Our choice: beyond it, what was done is too little to be measured. */
#define LOST_MAX 0.9995
/* Of a ring. A queue with so much waiting on a full processor wants more than it gets; how much more nobody knows when its sender waits. */
#define PRESSED_BACKLOG 0.5
#define PRESSED_FACTOR 1.5
#define SMOOTH 0.25     /* share of a new sample in a mean: it follows a step in 4 samples */
#define SLOW (1.0 / 32) /* the same in 640 ms */
#define LOSS (1.0 / 16) /* the same of losses: in 320 ms */
#define CATCH_UP 0.1    /* of a ring, and of what waited: less says nothing */
/* Samples. A load that swings in 50 ms is above in one sample, and again two or three later; twice that. */
#define LOSING_GAP 5

/* Percent that came for q: what it used, what came to wait, and what was lost. */
static double
demand_of(const struct plan_balance_queue *q)
{
	double grown = clamp(q->waiting, DEMAND_MAX) - q->memory.waiting;

	return clamp(clamp(q->demand, DEMAND_MAX) + grown, DEMAND_MAX) / (1 - clamp(q->lost, LOST_MAX));
}

static void
remember(struct plan_balance_queue *q, double demand, bool new_window)
{
	struct plan_balance_memory *m = &q->memory;

	m->smooth += SMOOTH * (demand - m->smooth);
	m->slow += SLOW * (demand - m->slow);
	if (new_window) {
		m->peak[1] = m->peak[0];
		m->peak[0] = 0;
	}
	m->peak[0] = max(m->peak[0], m->smooth);
	q->scratch.want = demand;
}

/* Whether processor p has no time left, as far as a sample can tell: only then a ring waits for want of it. */
static bool
is_full(const struct balance_call *c, unsigned p)
{
	return c->processors[p].load > (c->params->high + 100) / 2;
}

/* Reads queue i's sample into the sums of its processor. */
static void
read_queue(struct balance_call *c, unsigned i, bool new_window, double *used)
{
	struct plan_balance_queue *q = &c->queues[i];
	unsigned p = q->processor;
	double demand = demand_of(q);

	if (p >= c->n_processors)
		return;
	c->stuck |= demand > c->params->high ? bit(p) : 0;
	c->lost[p] += demand * clamp(q->lost, LOST_MAX);
	if (is_full(c, p) && q->backlog >= PRESSED_BACKLOG)
		demand = max(demand, clamp(q->demand, DEMAND_MAX) * PRESSED_FACTOR);
	remember(q, demand, new_window);
	/* Told only when it lasts, or it would flicker. */
	if (q->memory.smooth > c->params->high)
		c->out->first_stuck = c->out->n_stuck++ ? c->out->first_stuck : i;
	c->losing |= q->lost > 0 ? bit(p) : 0;
	c->waited[p] += q->memory.backlog;
	c->waiting[p] += q->memory.backlog = clamp(q->backlog, 1);
	q->memory.waiting = clamp(q->waiting, DEMAND_MAX);
	used[p] += clamp(q->demand, DEMAND_MAX);
	c->load[p] += q->scratch.want;
	c->mean[p] += q->memory.slow;
	c->peak[p] += peak_of(q);
}

/* Lists in the order of their indices: what is equal is taken in that order. */
static void
list_queues(struct balance_call *c)
{
	for (unsigned p = 0; p < c->n_processors; p++)
		c->head[p] = NIL;
	for (unsigned i = (unsigned)c->n_queues; i-- > 0;) {
		unsigned p = c->queues[i].processor;

		if (p >= c->n_processors)
			continue;
		c->queues[i].scratch.next = c->head[p];
		c->head[p] = i;
	}
}

/* What is there to do is more than what comes: a processor that works off what waited, mostly after a move, says nothing of its load. */
static bool
catches_up(const struct balance_call *c, unsigned p)
{
	return !(c->losing & bit(p)) && c->waited[p] > CATCH_UP && c->waiting[p] < c->waited[p] * (1 - CATCH_UP);
}

/* Samples above `high` in a row. When something was lost in them, a short gap in between does not end the row: the load swings faster. */
static void
count_high(struct balance_call *c, unsigned p)
{
	struct plan_balance_state *s = c->state;

	if (c->processors[p].usable && max(c->load[p], c->processors[p].load) > c->params->high) {
		if (catches_up(c, p))
			return;
		s->streak_high[p] += s->streak_high[p] < UINT_MAX;
		s->calm[p] = 0;
		s->losing |= c->losing & bit(p);
	} else if (!(s->losing & bit(p)) || ++s->calm[p] > LOSING_GAP) {
		s->streak_high[p] = 0;
		s->losing &= ~bit(p);
	}
}

void
balance_read(struct balance_call *c)
{
	struct plan_balance_state *s = c->state;
	double used[PLAN_BALANCE_PROCESSORS_MAX] = { 0 };
	bool new_window = c->now_ns - s->window_ns >= c->params->quiet_ns;

	if (new_window || !s->begun)
		s->window_ns = c->now_ns;
	if (!s->begun)
		s->spread_ns = c->now_ns;
	for (unsigned i = 0; i < c->n_queues; i++)
		read_queue(c, i, new_window, used);
	for (unsigned p = 0; p < c->n_processors; p++) {
		double other = clamp(c->processors[p].load, DEMAND_MAX) - used[p];

		s->other[p] += (s->begun ? SMOOTH : 1) * (other - s->other[p]);
		other = clamp(other, DEMAND_MAX);
		s->loss[p] += LOSS * (c->lost[p] - s->loss[p]);
		c->usable |= c->processors[p].usable ? bit(p) : 0;
		c->load[p] += other;
		c->mean[p] += other;
		c->peak[p] += other;
		count_high(c, p);
	}
	s->begun = true;
	list_queues(c);
}
