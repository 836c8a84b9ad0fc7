/*
 * balance_swap.c - the last points: one queue of a full processor for a smaller one, or for none, of an emptier one.
 *
 * Where a processor has few queues, single moves end far from even: 60 and 35 beside 50 and 20 are 95 and 70, each move makes it worse,
 * and 60 for 50 makes 85 and 80 of it. Of two lists that are sorted the best pair is found in one pass over both.
 */
#include "plan/balance_call.h"

/* Emptiest processors that are tried for one giver. Of hosts of 16 x 64 at 80 % by chance 17 % stay uneven with 2, 11 with 4, 10 with 8 or all. */
#define TAKERS 8

struct swap {
	unsigned give, take; /* queues: of the giver, and of the taker or NIL */
	unsigned taker;
	double fuller; /* what the fuller of both has after it */
};

static bool
can_go(const struct balance_call *c, unsigned i, unsigned from, unsigned to)
{
	const struct plan_balance_queue *q = &c->queues[i];

	return q->processor == from && q->scratch.want > 0 && balance_has_rested(c, q) && balance_may_stand(c, q, to);
}

/* Points that a swap must gain more for each queue that leaves the node of its home. */
static double
distance(const struct balance_call *c, unsigned i, unsigned to)
{
	if (i == NIL || c->processors[to].numa == balance_node(c, &c->queues[i]))
		return 0;
	return c->params->within;
}

/* Whether the swap brings both processors closer by enough; then, and if it is better than *best, it becomes that. */
static void
judge(const struct balance_call *c, unsigned giver, struct swap s, struct swap *best)
{
	double apart = c->load[giver] - c->load[s.taker];
	double moved = c->queues[s.give].scratch.want - (s.take == NIL ? 0 : c->queues[s.take].scratch.want);
	double after = max(apart - 2 * moved, 2 * moved - apart);
	double need = min(c->params->gain, max(apart - c->params->within, 0) + c->params->gain / 4);

	need = c->wary ? c->params->gain : need;
	need += distance(c, s.give, s.taker) + distance(c, s.take, giver);
	if (moved <= 0 || apart - after < need)
		return;
	if (!balance_is_worth_it(c, giver, s.taker, s.give, s.take))
		return;
	s.fuller = max(c->load[giver] - moved, c->load[s.taker] + moved);
	if (best->give == NIL || s.fuller < best->fuller)
		*best = s;
}

/* The first queue of the list from i on that may go; NIL when there is none. */
static unsigned
first_that_can(const struct balance_call *c, unsigned i, unsigned from, unsigned to)
{
	while (i != NIL && !can_go(c, i, from, to))
		i = c->queues[i].scratch.next;
	return i;
}

/* The best swap of the giver with this taker, if it is better than *best. */
static void
try_taker(struct balance_call *c, unsigned giver, unsigned taker, struct swap *best)
{
	double half = (c->load[giver] - c->load[taker]) / 2;
	unsigned greater = NIL, take = first_that_can(c, balance_list(c, taker), taker, giver);

	for (unsigned give = balance_list(c, giver); give != NIL; give = c->queues[give].scratch.next) {
		if (!can_go(c, give, giver, taker))
			continue;
		/* As `give` gets smaller, so does what fits it: the last that is too great, and the first that is not. */
		while (take != NIL && c->queues[take].scratch.want > c->queues[give].scratch.want - half) {
			greater = take;
			take = first_that_can(c, c->queues[take].scratch.next, taker, giver);
		}
		judge(c, giver, (struct swap){ .give = give, .take = take, .taker = taker }, best);
		if (greater != NIL)
			judge(c, giver, (struct swap){ .give = give, .take = greater, .taker = taker }, best);
		judge(c, giver, (struct swap){ .give = give, .take = NIL, .taker = taker }, best);
	}
}

/* The emptiest usable processor that is not in `but`; ALL when there is none. */
static unsigned
emptiest(const struct balance_call *c, uint64_t but)
{
	unsigned best = ALL;

	for (unsigned p = 0; p < c->n_processors; p++) {
		if (!(c->usable & ~but & bit(p)) || (c->params->fill > 0 && c->load[p] < 1))
			continue;
		if (best == ALL || c->load[p] < c->load[best])
			best = p;
	}
	return best;
}

/* Makes the best swap that takes load off the giver. Both moves tell what comes of both. */
static bool
swap_off(struct balance_call *c, unsigned giver, enum plan_balance_why why)
{
	struct swap best = { .give = NIL, .take = NIL };
	uint64_t tried = bit(giver);

	for (unsigned n = 0, p; n < TAKERS && (p = emptiest(c, tried)) != ALL; n++, tried |= bit(p))
		if (c->load[giver] - c->load[p] > c->params->within)
			try_taker(c, giver, p, &best);
	if (best.give == NIL || c->out->n_moves + 2 > c->most)
		return false;
	balance_move(c, best.give, best.taker, why);
	if (best.take != NIL) {
		struct plan_balance_move *there = &c->moves[c->out->n_moves - 1], *back = there + 1;

		balance_move(c, best.take, giver, PLAN_BALANCE_EVEN);
		there->from_after = back->to_after;
		there->to_after = back->from_after;
		back->from_before = there->to_before;
		back->to_before = there->from_before;
	}
	return true;
}

void
balance_swap(struct balance_call *c, uint64_t givers, enum plan_balance_why why)
{
	/* Two moves for each processor are what it takes at most, in practice; a bound in any case. */
	for (size_t left = 4 * c->n_processors; left > 0 && givers != 0; left--) {
		unsigned p = balance_fullest(c, givers), least = emptiest(c, 0);

		if (least == ALL || c->load[p] - c->load[least] <= c->params->within)
			return;
		if (!swap_off(c, p, why))
			givers &= ~bit(p);
	}
}
