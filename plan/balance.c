/* balance.c - the rule of dynamic VMQ; see balance.h for what it promises, docs/balancer.md for why. */
#include "plan/balance.h"

#include "plan/balance_call.h"

const struct plan_balance_params plan_balance_defaults = {
	.high = 90,
	.low = 50,
	.within = 10,
	.gain = 10,
	.rest_ns = 1000000000,
	.quiet_ns = 5000000000,
	.samples = 2,
};

/* Queues leave processors that are not usable. */
static void
leave_gone(struct balance_call *c)
{
	unsigned first = c->out->n_moves;

	for (unsigned p = 0; p < c->n_processors; p++) {
		if (c->processors[p].usable)
			continue;
		for (unsigned i = balance_list(c, p); i != NIL; i = c->queues[i].scratch.next) {
			unsigned to = balance_target(c, &c->queues[i]);

			if (to == ALL)
				c->out->n_stranded++;
			else if (has_room(c))
				balance_move(c, i, to, PLAN_BALANCE_GONE);
		}
	}
	balance_settle(c, first);
}

static bool
may_leave(const struct balance_call *c, unsigned i, unsigned from)
{
	const struct plan_balance_queue *q = &c->queues[i];

	return q->processor == from && q->allowed != 0 && q->scratch.want > 0 && balance_has_rested(c, q);
}

/* The great ones first, each to the emptiest processor, as long as that does not get fuller than this one becomes. */
static void
drain(struct balance_call *c, unsigned from, enum plan_balance_why why)
{
	for (unsigned i = balance_list(c, from); i != NIL && has_room(c); i = c->queues[i].scratch.next) {
		const struct plan_balance_queue *q = &c->queues[i];
		unsigned to;

		if (!may_leave(c, i, from))
			continue;
		to = balance_target(c, q);
		if (to != ALL && 2 * q->scratch.want <= c->load[from] - c->load[to])
			balance_move(c, i, to, why);
	}
}

/* What is left is too great to go without making the other one fuller than this: one of them may still make both closer. */
static bool
exchange_ends(struct balance_call *c, unsigned from, enum plan_balance_why why)
{
	unsigned best = NIL, best_to = ALL;
	double best_apart = 0;

	if (!has_room(c))
		return false;
	for (unsigned i = balance_list(c, from); i != NIL; i = c->queues[i].scratch.next) {
		double apart, after;
		unsigned to;

		if (!may_leave(c, i, from))
			continue;
		to = balance_target(c, &c->queues[i]);
		if (to == ALL)
			continue;
		apart = c->load[from] - c->load[to];
		after = 2 * c->queues[i].scratch.want - apart;
		after = after < 0 ? -after : after;
		if (apart - after >= c->params->gain && (best == NIL || after < best_apart)) {
			best = i;
			best_to = to;
			best_apart = after;
		}
	}
	if (best != NIL)
		balance_move(c, best, best_to, why);
	return best != NIL;
}

static unsigned
fullest(const struct balance_call *c, uint64_t among)
{
	unsigned best = ALL;

	for (unsigned p = 0; p < c->n_processors; p++)
		if ((among & bit(p)) && (best == ALL || c->load[p] > c->load[best]))
			best = p;
	return best;
}

static double
emptiest_load(const struct balance_call *c, uint64_t among)
{
	double least = c->load[fullest(c, among)];

	for (unsigned p = 0; p < c->n_processors; p++)
		if ((among & bit(p)) && c->load[p] < least)
			least = c->load[p];
	return least;
}

/* Moves queues off a processor; returns whether that gained enough, else nothing has changed. */
static bool
relieve(struct balance_call *c, unsigned from, enum plan_balance_why why)
{
	unsigned first = c->out->n_moves;
	double before = c->load[from];

	if (before - emptiest_load(c, c->usable) <= c->params->within)
		return false;
	drain(c, from, why);
	while (exchange_ends(c, from, why))
		;
	if (c->out->n_moves == first)
		return false;
	/* What leaves brings both ends closer by twice its demand. Beside a queue that has too little of a whole processor all gain. */
	if (2 * (before - c->load[from]) < c->params->gain && !(c->stuck & bit(from))) {
		balance_move_back(c, first);
		return false;
	}
	return true;
}

/* All but those that have been relieved already. */
static void
even(struct balance_call *c, uint64_t among)
{
	for (unsigned p; among != 0; among &= ~bit(p)) {
		p = fullest(c, among);
		relieve(c, p, PLAN_BALANCE_EVEN);
	}
}

static void
spread(struct balance_call *c)
{
	uint64_t hot = 0, left;
	unsigned first = c->out->n_moves, p;

	for (p = 0; p < c->n_processors; p++)
		hot |= c->state->streak_high[p] >= c->params->samples ? bit(p) : 0;
	hot &= c->usable;
	for (left = hot; left != 0; left &= ~bit(p)) {
		p = fullest(c, left);
		relieve(c, p, PLAN_BALANCE_OVERLOAD);
	}
	if (c->out->n_moves == first)
		return;
	even(c, c->usable & ~hot);
	balance_settle(c, first);
	c->state->even_ns = c->now_ns + 2 * c->params->rest_ns;
}

/*
 * Once more when those that moved have rested: what was seen of a full processor was wrong in part. By means, which are not in a hurry
 * now, and never for long: a load that swings would never be even.
 */
static void
spread_again(struct balance_call *c)
{
	unsigned first = c->out->n_moves;

	if (c->now_ns >= c->state->even_ns || c->now_ns - c->state->spread_ns < c->params->rest_ns)
		return;
	c->sorted = 0;
	for (unsigned p = 0; p < c->n_processors; p++)
		c->load[p] = clamp(c->state->other[p], DEMAND_MAX);
	for (unsigned i = 0; i < c->n_queues; i++) {
		struct plan_balance_queue *q = &c->queues[i];

		if (q->processor >= c->n_processors)
			continue;
		q->scratch.want = q->memory.smooth;
		c->load[q->processor] += q->scratch.want;
	}
	even(c, c->usable);
	balance_settle(c, first);
}

/* Place of p in the queue's order; n_order when it is not in it. */
static unsigned
place_of(const struct plan_balance_queue *q, unsigned p)
{
	unsigned k = 0;

	while (k < q->n_order && q->order[k] != p)
		k++;
	return k;
}

/* The first processor of the order before p that has room for the queue's peak; ALL when there is none. */
static unsigned
earlier_with_room(const struct balance_call *c, const struct plan_balance_queue *q, unsigned p)
{
	for (unsigned k = 0; k < q->n_order && q->order[k] != p; k++)
		if (balance_may_stand(c, q, q->order[k]) && c->peak[q->order[k]] + peak_of(q) <= c->params->low)
			return q->order[k];
	return ALL;
}

/* Sends all queues of p that have an earlier place to one, or none of them: a processor that keeps some is not saved. */
static void
empty(struct balance_call *c, unsigned p)
{
	unsigned first = c->out->n_moves;

	for (unsigned i = balance_list(c, p); i != NIL; i = c->queues[i].scratch.next) {
		const struct plan_balance_queue *q = &c->queues[i];
		unsigned to;

		if (q->processor != p || q->allowed == 0 || place_of(q, p) == 0)
			continue;
		to = balance_has_rested(c, q) && has_room(c) ? earlier_with_room(c, q, p) : ALL;
		if (to == ALL) {
			balance_move_back(c, first);
			return;
		}
		balance_move(c, i, to, PLAN_BALANCE_PACK);
	}
	balance_settle(c, first);
}

static void
pack(struct balance_call *c)
{
	uint8_t last[PLAN_BALANCE_PROCESSORS_MAX] = { 0 };

	for (unsigned p = 0; p < c->n_processors; p++)
		for (unsigned i = c->head[p]; i != NIL; i = c->queues[i].scratch.next) {
			unsigned place = place_of(&c->queues[i], p);

			last[p] = place > last[p] ? (uint8_t)place : last[p];
		}
	for (unsigned place = PLAN_BALANCE_PROCESSORS_MAX; place > 0; place--)
		for (unsigned p = (unsigned)c->n_processors; p-- > 0;)
			if (last[p] == place && c->processors[p].usable)
				empty(c, p);
}

void
plan_balance(const struct plan_balance_params *params, struct plan_balance_state *state, uint64_t now_ns,
	     const struct plan_balance_processor *processors, size_t n_processors, struct plan_balance_queue *queues,
	     size_t n_queues, struct plan_balance_move *moves, size_t most, struct plan_balance_result *out)
{
	struct balance_call c = {
		.params = params,
		.state = state,
		.processors = processors,
		.queues = queues,
		.moves = moves,
		.out = out,
		.now_ns = now_ns,
		.n_processors = n_processors,
		.n_queues = n_queues,
		.most = most,
	};

	*out = (struct plan_balance_result){ 0 };
	balance_read(&c);
	leave_gone(&c);
	spread(&c);
	if (out->n_moves == 0)
		spread_again(&c);
	if (out->n_moves == 0 && now_ns - state->spread_ns >= params->quiet_ns)
		pack(&c);
}
