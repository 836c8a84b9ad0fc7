#ifndef PLAN_BALANCE_CALL_H
#define PLAN_BALANCE_CALL_H
/* balance_call.h - one call of plan_balance() and what it is made of; its own. */
#include <limits.h>

#include "plan/balance.h"

#define NIL UINT_MAX      /* no queue */
#define ALL 64            /* no processor */
#define DEMAND_MAX 1000.0 /* percent: what is above is a mistake in the sample */

struct balance_call {
	const struct plan_balance_params *params;
	struct plan_balance_state *state;
	const struct plan_balance_processor *processors;
	struct plan_balance_queue *queues;
	struct plan_balance_move *moves;
	struct plan_balance_result *out;
	uint64_t now_ns;
	size_t n_processors, n_queues, most;
	double load[PLAN_BALANCE_PROCESSORS_MAX];    /* as it will be after the moves */
	double mean[PLAN_BALANCE_PROCESSORS_MAX];    /* the same, by what its queues wanted over 640 ms */
	double peak[PLAN_BALANCE_PROCESSORS_MAX];    /* the same, of the most that its queues had */
	unsigned head[PLAN_BALANCE_PROCESSORS_MAX];  /* queues that stood there when the call began */
	uint64_t sorted;                             /* bit p: head[p] begins with the greatest want */
	uint64_t stuck;                              /* bit p: a queue that stands there is stuck */
	double waited[PLAN_BALANCE_PROCESSORS_MAX];  /* backlog of its queues at the last sample */
	double waiting[PLAN_BALANCE_PROCESSORS_MAX]; /* now */
	uint64_t losing;                             /* bit p: frames for its queues found no room */
	double lost[PLAN_BALANCE_PROCESSORS_MAX];    /* percent: for its queues, in this sample */
	uint64_t usable;
	bool wary; /* queues moved lately: only what gains by means too, or ends losses */
};

/* Percent for a number that may be none, 0 to most. */
static inline double
clamp(double x, double most)
{
	if (!(x > 0)) /* also not a number */
		return 0;
	return x < most ? x : most;
}

static inline double
max(double a, double b)
{
	return a > b ? a : b;
}

static inline double
min(double a, double b)
{
	return a < b ? a : b;
}

static inline uint64_t
bit(unsigned p)
{
	return (uint64_t)1 << p;
}

/* The most that it had to do lately. */
static inline double
peak_of(const struct plan_balance_queue *q)
{
	return max(q->memory.peak[0], q->memory.peak[1]);
}

static inline bool
has_room(const struct balance_call *c)
{
	return c->out->n_moves < c->most;
}

/* ---- balance_sample.c ---- */

/* Reads the sample: what each processor and queue has to do, which processors are full, and who is stuck. */
void balance_read(struct balance_call *c);

/* ---- balance_move.c ---- */

/* The queues that stood on processor p when the call began, the greatest want first, linked by scratch.next; NIL: none. */
unsigned balance_list(struct balance_call *c, unsigned p);

/* Whether q's rest is over. */
bool balance_has_rested(const struct balance_call *c, const struct plan_balance_queue *q);

/* Whether q may stand on processor p. */
bool balance_may_stand(const struct balance_call *c, const struct plan_balance_queue *q, unsigned p);

/*
 * Where q had best go from where it stands: the processor that will be the emptiest, one of another node counting as fuller by
 * `within`. ALL when there is none.
 */
unsigned balance_target(const struct balance_call *c, const struct plan_balance_queue *q);

/* Whether processor p loses so much that it cannot wait for means. */
bool balance_loses(const struct balance_call *c, unsigned p);

/*
 * Whether it is worth it to give queue `give` from one processor to another for queue `take` of that, or NIL, beyond what it gains in this
 * sample: by means, if the call is wary; and in work that gets done, if the other one will be too full.
 */
bool balance_is_worth_it(const struct balance_call *c, unsigned from, unsigned to, unsigned give, unsigned take);

/* Moves queue i, and writes it down: has_room(c). */
void balance_move(struct balance_call *c, unsigned i, unsigned to, enum plan_balance_why why);

/* Takes back the moves since the first that left a processor of `from` (bits); the others are made again, those that still gain. */
void balance_drop_moves(struct balance_call *c, unsigned first, uint64_t from);

/* The node that q's moves prefer. */
unsigned balance_node(const struct balance_call *c, const struct plan_balance_queue *q);

/* The fullest of those processors; ALL when there are none. */
unsigned balance_fullest(const struct balance_call *c, uint64_t among);

/* What stays of the moves from the first on is remembered with the queues; their processors are watched anew. */
void balance_settle(struct balance_call *c, unsigned first);

/* ---- balance_swap.c ---- */

/* Takes load off these processors, the fullest first, by moves and exchanges of two queues, as long as that gains. */
void balance_swap(struct balance_call *c, uint64_t givers, enum plan_balance_why why);
#endif
