#ifndef PLAN_BALANCE_H
#define PLAN_BALANCE_H
/*
 * balance.h - which queues move to which processor, and when: dynamic VMQ, the dynamic RSS profiles, and vRSS folding.
 *
 * A pure decision: libc only, no clock, no I/O; the same input and state give the same moves. Called with one sample of the host
 * every period. Two regimes:
 *
 *  - Spread, when a usable processor is above `high` in two samples in a row: queues leave the fullest ones until all are within
 *    `within` points of each other, or no move gains `gain` points. On a saturated processor demand is understated, because senders
 *    back off: what waits on a queue's ring, and what it drops, counts as demand.
 *  - Pack, when all that is to be done fits on fewer processors with each below `low`: queues go back, the last processor of their order
 *    first, towards the home processor.
 *
 * A queue that moved rests for `rest_ns`. A queue that is above `high` by itself cannot be helped by a move, and is reported.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PLAN_BALANCE_PROCESSORS_MAX 64

struct plan_balance_params {
	double high; /* percent of a processor, busy and waiting: above it is overloaded. 90 is the figure commonly given for Windows */
	double low;    /* percent: packing may fill a processor up to here. Our choice: 50 */
	double within; /* points: balanced when the fullest and the emptiest processor that may share lie this close. 10 */
	double gain;      /* points that the fuller of the two processors must gain by a move. 10 */
	uint64_t rest_ns; /* between two moves of a queue. 1 s */
	unsigned samples; /* in a row that must agree before anything happens. 2 */
};

/* The values above. */
extern const struct plan_balance_params plan_balance_defaults;

struct plan_balance_processor {
	double load; /* percent of what it may have, busy and waiting, all that it does, also what is not in a queue below */
	unsigned numa; /* node: a move prefers the node that the queue is on */
	bool usable;   /* false: it was taken away; queues on it must leave at once */
};

struct plan_balance_queue {
	uint64_t allowed; /* bit p: may stand on processor p; 0: pinned where it is */
	uint8_t order
		[PLAN_BALANCE_PROCESSORS_MAX]; /* processors of `allowed` in the order in which packing fills them: home first */
	uint8_t n_order;
	uint8_t processor; /* where it stands; in and out */
	double demand;     /* percent of a processor that it used since the last sample */
	double backlog;    /* frames waiting, as a share of what its ring holds, 0 to 1 */
	bool dropped;      /* frames for it found no room since the last sample */
	uint64_t moved_ns; /* when it last moved; 0: never; in and out */
};

/* Kept by the caller from call to call, zero at first. */
struct plan_balance_state {
	unsigned streak_high[PLAN_BALANCE_PROCESSORS_MAX];
	unsigned streak_low;
};

enum plan_balance_why {
	PLAN_BALANCE_OVERLOAD, /* left a processor above `high` */
	PLAN_BALANCE_EVEN,     /* while spreading, to come within `within` */
	PLAN_BALANCE_PACK,     /* little to do: back towards home */
	PLAN_BALANCE_GONE,     /* its processor is not usable any more */
};

struct plan_balance_move {
	unsigned queue; /* index */
	uint8_t from, to;
	enum plan_balance_why why;
	double from_before, from_after, to_before, to_after; /* percent, as expected */
};

struct plan_balance_result {
	unsigned n_moves;
	unsigned n_stuck;     /* queues above `high` by themselves: not splittable, vRSS would help */
	unsigned first_stuck; /* index of one of them; valid while n_stuck > 0 */
};

/*
 * Decides: fills moves[0..most) in the order in which they are to be made, and sets `processor` and `moved_ns` of the queues that move.
 * processors[0..n_processors), n_processors from 1 to 64; queues[0..n_queues). now_ns: of any clock that does not go back. O(queues x
 * processors) for a call that moves nothing.
 */
void plan_balance(const struct plan_balance_params *params, struct plan_balance_state *state, uint64_t now_ns,
		  const struct plan_balance_processor *processors, size_t n_processors,
		  struct plan_balance_queue *queues, size_t n_queues, struct plan_balance_move *moves, size_t most,
		  struct plan_balance_result *out);
#endif
