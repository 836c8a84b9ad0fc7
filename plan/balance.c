/* balance.c - the rule of dynamic VMQ; see balance.h for what it promises, docs/balancer.md for why. */
#include "plan/balance.h"

#include "plan/balance_call.h"

/* Our choice. In simulation, where 4 processors of 16 queues share cores, 10 s are 9 moves a minute, 5 s 23, and 2 s 58. */
#define CALM_NS 10000000000
#define UNREST_MAX 3 /* waits for 32 rests. OVS's rule always waits for a minute */

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

/* The queue that is next to leave one of the processors of `from`: the one that wants most; ALL when there is none. */
static unsigned
next_source(const struct balance_call *c, uint64_t from, const unsigned *next)
{
	unsigned best = ALL;

	for (; from != 0; from &= from - 1) {
		unsigned p = (unsigned)__builtin_ctzll(from);

		if (next[p] != NIL &&
		    (best == ALL || c->queues[next[p]].scratch.want > c->queues[next[best]].scratch.want))
			best = p;
	}
	return best;
}

/*
 * The great ones of all these processors first, each to the emptiest processor, as long as the fuller of the two gains by it:
 * when one processor after the other was drained, the great ones of the last would find all others filled with small ones.
 */
static void
drain(struct balance_call *c, uint64_t from, enum plan_balance_why why)
{
	unsigned next[PLAN_BALANCE_PROCESSORS_MAX], p;

	for (p = 0; p < c->n_processors; p++)
		next[p] = from & bit(p) ? balance_list(c, p) : NIL;
	while (has_room(c) && (p = next_source(c, from, next)) != ALL) {
		unsigned i = next[p], to;
		double want;

		next[p] = c->queues[i].scratch.next;
		if (!may_leave(c, i, p))
			continue;
		to = balance_target(c, &c->queues[i]);
		want = c->queues[i].scratch.want;
		if (to != ALL && want + min(want, c->params->gain) <= c->load[p] - c->load[to] &&
		    balance_is_worth_it(c, p, to, i, NIL))
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
		if (to == ALL || !balance_is_worth_it(c, from, to, i, NIL))
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

static double
emptiest_load(const struct balance_call *c, uint64_t among)
{
	double least = c->load[balance_fullest(c, among)];

	for (unsigned p = 0; p < c->n_processors; p++)
		if ((among & bit(p)) && c->load[p] < least)
			least = c->load[p];
	return least;
}

/* Bit p: what left processor p since the first move is too little to be worth it. */
static uint64_t
gained_little(const struct balance_call *c, unsigned first)
{
	double gained[PLAN_BALANCE_PROCESSORS_MAX] = { 0 };
	uint64_t little = 0;

	for (unsigned k = first; k < c->out->n_moves; k++)
		gained[c->moves[k].from] += c->queues[c->moves[k].queue].scratch.want;
	/* What leaves brings both ends closer by twice its demand. Beside a queue that has too little of a whole processor all gain. */
	for (unsigned p = 0; p < c->n_processors; p++)
		if (2 * gained[p] < c->params->gain && !(c->stuck & bit(p)))
			little |= bit(p);
	return little;
}

/* Moves queues off the processors of `from`, where that gains enough. */
static void
relieve(struct balance_call *c, uint64_t from, enum plan_balance_why why)
{
	unsigned first = c->out->n_moves, p;
	double least = emptiest_load(c, c->usable);

	for (p = 0; p < c->n_processors; p++)
		if (c->load[p] - least <= c->params->within)
			from &= ~bit(p);
	if (from == 0)
		return;
	drain(c, from, why);
	for (; from != 0; from &= ~bit(p)) {
		p = balance_fullest(c, from);
		while (exchange_ends(c, p, why))
			;
	}
	balance_drop_moves(c, first, gained_little(c, first));
}

/* Bit p: processor p was above `high` in so many samples in a row. */
static uint64_t
full_for(const struct balance_call *c, unsigned samples)
{
	uint64_t full = 0;

	for (unsigned p = 0; p < c->n_processors; p++)
		full |= c->state->streak_high[p] >= samples ? bit(p) : 0;
	return full & c->usable;
}

static void
watch_unrest(const struct balance_call *c)
{
	struct plan_balance_state *s = c->state;
	unsigned fullest = balance_fullest(c, c->usable);

	if (full_for(c, c->params->samples) != 0)
		s->full_ns = c->now_ns;
	if (fullest != ALL && c->load[fullest] > c->params->low)
		s->busy_ns = c->now_ns;
	if (c->now_ns - s->full_ns >= CALM_NS || c->now_ns - s->busy_ns >= 2 * c->params->rest_ns)
		s->unrest = 0;
}

/* Bit p: of these, processor p loses much. */
static uint64_t
those_that_lose(const struct balance_call *c, uint64_t among)
{
	uint64_t lose = 0;

	for (; among != 0; among &= among - 1) {
		unsigned p = (unsigned)__builtin_ctzll(among);

		lose |= balance_loses(c, p) ? bit(p) : 0;
	}
	return lose;
}

/* Bit p: processor p was too full for long enough. As long as nothing is lost, each spread soon after others waits four times as long. */
static uint64_t
find_hot(const struct balance_call *c)
{
	const struct plan_balance_state *s = c->state;
	uint64_t soon = full_for(c, c->params->samples);

	if (s->unrest == 0)
		return soon;
	if (c->now_ns < s->hot_ns + (c->params->rest_ns << (2 * s->unrest - 1)))
		return those_that_lose(c, soon);
	return full_for(c, c->params->samples << (s->unrest - 1)) | those_that_lose(c, soon);
}

static void
spread(struct balance_call *c)
{
	unsigned first = c->out->n_moves;
	uint64_t hot;

	watch_unrest(c);
	hot = find_hot(c);
	if (hot == 0)
		return;
	c->wary = c->state->unrest > 0;
	relieve(c, hot, PLAN_BALANCE_OVERLOAD);
	balance_swap(c, hot, PLAN_BALANCE_OVERLOAD);
	if (c->out->n_moves == first)
		return;
	if (!c->wary || those_that_lose(c, hot) != 0) {
		relieve(c, c->usable & ~hot, PLAN_BALANCE_EVEN);
		balance_swap(c, c->usable, PLAN_BALANCE_EVEN);
	}
	c->state->hot_ns = c->now_ns;
	c->state->unrest += c->state->unrest < UNREST_MAX;
	balance_settle(c, first);
	c->state->even_ns = c->now_ns + 2 * c->params->rest_ns;
}

/* Within a factor of two, our choice. */
static bool
is_steady(const struct plan_balance_memory *m)
{
	return m->smooth <= 2 * m->slow && m->slow <= 2 * m->smooth;
}

/*
 * Once more when those that moved have rested: what was seen of a full processor was wrong in part. By means, which are not in a hurry
 * now, and never for long: a load that swings would never be even.
 */
static void
spread_again(struct balance_call *c)
{
	unsigned first = c->out->n_moves;

	if (c->state->unrest > 1 || c->now_ns >= c->state->even_ns ||
	    c->now_ns - c->state->spread_ns < c->params->rest_ns || c->usable == 0)
		return;
	c->sorted = 0;
	for (unsigned p = 0; p < c->n_processors; p++)
		c->load[p] = clamp(c->state->other[p], DEMAND_MAX);
	for (unsigned i = 0; i < c->n_queues; i++) {
		struct plan_balance_queue *q = &c->queues[i];

		if (q->processor >= c->n_processors)
			continue;
		/* Who has begun or ended since stays: a mean says nothing of it. */
		q->scratch.want = is_steady(&q->memory) ? q->memory.slow : 0;
		c->load[q->processor] += q->memory.slow;
	}
	relieve(c, c->usable, PLAN_BALANCE_EVEN);
	balance_swap(c, c->usable, PLAN_BALANCE_EVEN);
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
			balance_drop_moves(c, first, UINT64_MAX);
			return;
		}
		balance_move(c, i, to, PLAN_BALANCE_PACK);
	}
	balance_settle(c, first);
}

/* Percent that all but p could take more below `low`. Who wants more than that need not look for places. */
static double
room_beside(const struct balance_call *c, unsigned p)
{
	double room = 0;

	for (unsigned k = 0; k < c->n_processors; k++)
		if (k != p && (c->usable & bit(k)))
			room += max(0, c->params->low - c->peak[k]);
	return room;
}

static void
pack(struct balance_call *c)
{
	uint8_t last[PLAN_BALANCE_PROCESSORS_MAX] = { 0 };
	double peaks[PLAN_BALANCE_PROCESSORS_MAX] = { 0 };

	if (room_beside(c, ALL) <= 0)
		return;
	for (unsigned p = 0; p < c->n_processors; p++)
		for (unsigned i = c->head[p]; i != NIL; i = c->queues[i].scratch.next) {
			unsigned place = place_of(&c->queues[i], p);

			last[p] = place > last[p] ? (uint8_t)place : last[p];
			if (place > 0 && c->queues[i].allowed != 0)
				peaks[p] += peak_of(&c->queues[i]);
		}
	for (unsigned place = PLAN_BALANCE_PROCESSORS_MAX; place > 0; place--)
		for (unsigned p = (unsigned)c->n_processors; p-- > 0;)
			if (last[p] == place && (c->usable & bit(p)) && room_beside(c, p) >= peaks[p])
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
