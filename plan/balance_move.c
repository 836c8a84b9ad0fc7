/* balance_move.c - lists of queues, where one may go, and moves that can be taken back. */
#include "plan/balance_call.h"

/*
 * So often a rest is doubled: 8 s. The square waves of the simulation come to rest without. On its traces, which never stay the same, 2 takes
 * a third more moves and loses as much, 4 loses a fifth more where queues are few.
 */
#define RESTLESS_MAX 3
#define SOON 4 /* rests: who moves again within so many is restless */
/*
 * Percent of a processor. In simulation, where cores are shared, 1 and 2 make 31 and 21 moves a minute of 4; square waves are followed as
 * soon with each.
 */
#define LOSES 4
#define FULL 100.0 /* percent */
#define UNFAIR 1.5 /* our choice: what full processors want is seen with errors of a fifth */

static bool
goes_first(const struct balance_call *c, unsigned a, unsigned b)
{
	return c->queues[a].scratch.want >= c->queues[b].scratch.want;
}

/* Takes up to `most` queues off *from; returns them as a list. */
static unsigned
cut(struct balance_call *c, unsigned *from, size_t most)
{
	unsigned first = *from, last = NIL;

	for (; most > 0 && *from != NIL; most--) {
		last = *from;
		*from = c->queues[last].scratch.next;
	}
	if (last != NIL)
		c->queues[last].scratch.next = NIL;
	return first;
}

/* Appends the merged lists a and b at *tail; returns the new tail. */
static unsigned *
merge(struct balance_call *c, unsigned a, unsigned b, unsigned *tail)
{
	while (a != NIL || b != NIL) {
		unsigned *from = b == NIL || (a != NIL && goes_first(c, a, b)) ? &a : &b;

		*tail = *from;
		tail = &c->queues[*from].scratch.next;
		*from = *tail;
	}
	*tail = NIL;
	return tail;
}

/* A merge sort of a list, since 1024 queues may stand on one processor. */
unsigned
balance_list(struct balance_call *c, unsigned p)
{
	bool merged = !(c->sorted & bit(p));

	c->sorted |= bit(p);
	for (size_t run = 1; merged; run *= 2) {
		unsigned rest = c->head[p], *tail = &c->head[p];

		merged = false;
		while (rest != NIL) {
			unsigned a = cut(c, &rest, run), b = cut(c, &rest, run);

			merged |= b != NIL;
			tail = merge(c, a, b, tail);
		}
	}
	return c->head[p];
}

static uint64_t
rest_of(const struct balance_call *c, const struct plan_balance_queue *q)
{
	return c->params->rest_ns << q->memory.restless;
}

bool
balance_has_rested(const struct balance_call *c, const struct plan_balance_queue *q)
{
	/* By hand it may have moved after the sample. */
	return q->memory.moved_ns == 0 ||
	       (c->now_ns >= q->memory.moved_ns && c->now_ns - q->memory.moved_ns >= rest_of(c, q));
}

bool
balance_may_stand(const struct balance_call *c, const struct plan_balance_queue *q, unsigned p)
{
	return p < c->n_processors && (q->allowed & bit(p)) && c->processors[p].usable;
}

unsigned
balance_node(const struct balance_call *c, const struct plan_balance_queue *q)
{
	unsigned home = q->n_order > 0 && q->order[0] < c->n_processors ? q->order[0] : q->processor;

	return c->processors[home].numa;
}

unsigned
balance_fullest(const struct balance_call *c, uint64_t among)
{
	unsigned best = ALL;

	for (unsigned p = 0; p < c->n_processors; p++)
		if ((among & bit(p)) && (best == ALL || c->load[p] > c->load[best]))
			best = p;
	return best;
}

unsigned
balance_target(const struct balance_call *c, const struct plan_balance_queue *q)
{
	unsigned best = ALL, node = balance_node(c, q);
	double best_load = 0;

	for (unsigned k = 0; k < q->n_order; k++) {
		unsigned p = q->order[k];
		double load;

		if (p == q->processor || !balance_may_stand(c, q, p))
			continue;
		load = c->load[p] + (c->processors[p].numa == node ? 0 : c->params->within);
		/* As long as those in use have room, an idle one is taken only when there is no other. */
		if (c->params->fill > 0 && c->load[p] < 1)
			load = max(load, c->params->fill - q->scratch.want);
		if (best == ALL || load < best_load) {
			best = p;
			best_load = load;
		}
	}
	return best;
}

bool
balance_loses(const struct balance_call *c, unsigned p)
{
	return c->state->loss[p] >= LOSES;
}

static double
gap(const struct balance_call *c, unsigned from, unsigned to)
{
	return min(c->load[from], c->mean[from]) - max(c->load[to], c->mean[to]);
}

/* Noise is great beside what an exchange moves, which must gain as much as a processor's moves in all; of a move the drain sees to that. */
static bool
gains_by_means(const struct balance_call *c, double apart, unsigned give, unsigned take)
{
	double moved = c->queues[give].memory.slow;

	if (take == NIL)
		return apart >= moved + min(moved, c->params->gain);
	moved -= c->queues[take].memory.slow;
	return 2 * min(moved, apart - moved) >= c->params->gain;
}

/*
 * Between two processors that are full nothing more gets done, and what their queues want is known by guess: whoever goes by that moves
 * queues for ever. Only one that has much more to do than the other may give it some, so that no queue gets far less than others.
 */
static bool
gets_done(const struct balance_call *c, unsigned from, unsigned to, unsigned give, unsigned take)
{
	double moved = c->queues[give].scratch.want - (take != NIL ? c->queues[take].scratch.want : 0);

	return c->load[to] + moved <= c->params->high || FULL - max(c->load[to], c->mean[to]) >= c->params->gain ||
	       (c->load[from] >= UNFAIR * c->load[to] && c->mean[from] >= UNFAIR * c->mean[to]);
}

bool
balance_is_worth_it(const struct balance_call *c, unsigned from, unsigned to, unsigned give, unsigned take)
{
	if (c->wary && !balance_loses(c, from) && !gains_by_means(c, gap(c, from, to), give, take))
		return false;
	return gets_done(c, from, to, give, take);
}

static void
make_restless(const struct balance_call *c, struct plan_balance_memory *m, uint64_t rest)
{
	if (m->moved_ns == 0)
		return;
	if (c->now_ns - m->moved_ns >= SOON * rest)
		m->restless = 0;
	else if (m->restless < RESTLESS_MAX)
		m->restless++;
}

void
balance_move(struct balance_call *c, unsigned i, unsigned to, enum plan_balance_why why)
{
	struct plan_balance_queue *q = &c->queues[i];
	unsigned from = q->processor;
	struct plan_balance_move *m = &c->moves[c->out->n_moves++];
	double want = q->scratch.want, peak = peak_of(q), mean = q->memory.slow;

	*m = (struct plan_balance_move){ .queue = i, .from = from, .to = to, .why = why };
	m->from_before = c->load[from];
	m->to_before = c->load[to];
	m->from_after = c->load[from] = max(0, c->load[from] - want);
	m->to_after = c->load[to] += want;
	c->mean[from] = max(0, c->mean[from] - mean);
	c->mean[to] += mean;
	c->peak[from] = max(0, c->peak[from] - peak);
	c->peak[to] += peak;
	q->processor = (uint8_t)to;
}

static void
move_back(struct balance_call *c, const struct plan_balance_move *m)
{
	struct plan_balance_queue *q = &c->queues[m->queue];
	double want = q->scratch.want, peak = peak_of(q), mean = q->memory.slow;

	c->load[m->from] += want;
	c->load[m->to] = max(0, c->load[m->to] - want);
	c->mean[m->from] += mean;
	c->mean[m->to] = max(0, c->mean[m->to] - mean);
	c->peak[m->from] += peak;
	c->peak[m->to] = max(0, c->peak[m->to] - peak);
	q->processor = m->from;
}

void
balance_drop_moves(struct balance_call *c, unsigned first, uint64_t from)
{
	unsigned n = c->out->n_moves;

	for (unsigned k = n; k-- > first;)
		move_back(c, &c->moves[k]);
	c->out->n_moves = first;
	for (unsigned k = first; k < n; k++) {
		struct plan_balance_move m = c->moves[k];

		/* Without the others it may gain no more. */
		if (!(from & bit(m.from)) && c->load[m.to] + c->queues[m.queue].scratch.want < c->load[m.from])
			balance_move(c, m.queue, m.to, m.why);
	}
}

void
balance_settle(struct balance_call *c, unsigned first)
{
	for (unsigned k = first; k < c->out->n_moves; k++) {
		const struct plan_balance_move *m = &c->moves[k];
		struct plan_balance_queue *q = &c->queues[m->queue];

		if (m->why != PLAN_BALANCE_GONE)
			make_restless(c, &q->memory, rest_of(c, q));
		q->memory.moved_ns = c->now_ns > 0 ? c->now_ns : 1;
		c->state->streak_high[m->from] = c->state->streak_high[m->to] = 0;
		c->state->losing &= ~(bit(m->from) | bit(m->to));
		if (m->why != PLAN_BALANCE_PACK)
			c->state->spread_ns = c->now_ns;
	}
}
