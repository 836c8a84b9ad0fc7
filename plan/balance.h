#ifndef PLAN_BALANCE_H
#define PLAN_BALANCE_H
/*
 * balance.h - which queues move to which processor, and when: dynamic VMQ, the dynamic RSS profiles, and vRSS folding.
 *
 * A pure decision: libc only, no clock, no I/O; the same input and state give the same moves. Called with one sample of the host
 * every period. Two regimes (docs/balancer.md):
 *
 *  - Spread, when a usable processor is above `high` in `samples` samples in a row: queues leave the fullest ones until all are
 *    within `within` points of each other, or nothing gains `gain` points. On a saturated processor demand is understated, because
 *    senders back off: what waits on a queue's ring, and what it lost, counts as demand.
 *    Soon after a spread the next one is slower and must be sure: `unrest` below.
 *  - Pack, when the most that a processor's queues had to do in the last `quiet_ns` fits on earlier processors of their order with
 *    each below `low`: they go there, so that processors are emptied from the last one of the order on.
 *
 * A queue that moved rests for `rest_ns`, and twice as long, up to eight times, when it moves again soon after. A queue above `high` by
 * itself cannot be helped by a move; it is reported, and the others leave its processor.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PLAN_BALANCE_PROCESSORS_MAX 64

/* docs/balancer.md has what each default is good for, by simulation. */
struct plan_balance_params {
	double high; /* percent of a processor, busy and waiting: above it is overloaded. 90 is the figure commonly given for Windows */
	double low;    /* percent: packing may fill a processor up to here. 50 */
	double within; /* points: balanced when the fullest and the emptiest processor that may share lie this close. 10 */
	double gain; /* points that a processor and those that take from it must come closer by all moves from it in a call. 10 */
	double fill; /* percent: a processor without work is used only when those in use would be fuller. 0: all are used at once */
	/* Between two moves of a queue, at least. 1 s. */
	uint64_t rest_ns;
	/* Without spreading, until queues are packed; and how long a peak is remembered, at least. 5 s. */
	uint64_t quiet_ns;
	unsigned samples; /* in a row that must agree before queues leave a processor. 2 */
};

/* The values above, and fill 0. */
extern const struct plan_balance_params plan_balance_defaults;

struct plan_balance_processor {
	double load; /* percent of what it may have, busy and waiting, all that it does, also what is not in a queue below */
	unsigned numa; /* node: a move prefers the node of the queue's home, else of where it stands */
	bool usable;   /* false: it was taken away; queues on it must leave at once */
};

/* What is remembered of a queue: kept by the caller from call to call, zero at first. */
struct plan_balance_memory {
	double smooth;           /* percent: demand, of this sample and those before */
	double slow;             /* the same, over 640 ms */
	double backlog, waiting; /* of the last sample */
	double peak[2];          /* percent: the most in this window of quiet_ns and in the one before */
	uint64_t moved_ns;       /* when it last moved; 0: never */
	unsigned restless;       /* how often it moved soon after a rest; doubles its rest */
};

struct plan_balance_queue {
	/* Bit p: may stand on processor p; 0: pinned where it is. */
	uint64_t allowed;
	/* The processors of `allowed`, each once, in the order in which packing fills them: home first. */
	uint8_t order[PLAN_BALANCE_PROCESSORS_MAX];
	uint8_t n_order;
	uint8_t processor; /* where it stands; in and out */
	double demand;     /* percent of a processor that it used since the last sample */
	double backlog;    /* frames waiting, as a share of what its ring holds, 0 to 1 */
	double waiting;    /* percent of a processor for a period: what those frames will take; 0 when not known */
	double lost; /* frames for it that found no room, as a share of all that came since the last sample, 0 to 1 */
	struct plan_balance_memory memory;
	struct {
		double want;
		unsigned next;
	} scratch; /* of the call */
};

/* The host's, likewise. */
struct plan_balance_state {
	unsigned streak_high[PLAN_BALANCE_PROCESSORS_MAX]; /* samples above `high` */
	unsigned calm[PLAN_BALANCE_PROCESSORS_MAX];        /* samples since the last of them */
	uint64_t losing;                                   /* bit p: something was lost in one of them */
	double loss[PLAN_BALANCE_PROCESSORS_MAX];  /* percent: what was lost for its queues, mean of 16 samples */
	double other[PLAN_BALANCE_PROCESSORS_MAX]; /* percent: load that is not of a queue, mean */
	uint64_t even_ns;                          /* until then, what has rested is evened out; 0: never */
	uint64_t window_ns;                        /* when the window of the peaks began */
	uint64_t spread_ns;                        /* when queues last moved for load, or of the first call */
	/*
	 * Spreads since all was calm, up to 3. From 1 on, a move must gain by means too, or end losses; from 2 on, it takes twice and four
	 * times the samples. Calm: no processor was above `high` for 10 s, or none above `low` for two rests.
	 */
	unsigned unrest;
	uint64_t hot_ns;           /* of the last of them */
	uint64_t full_ns, busy_ns; /* when a processor was last above `high` for `samples`; above `low` */
	bool begun;
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
	unsigned n_stranded;  /* queues on a processor that is not usable, which are pinned or have no other */
};

/*
 * Decides: fills moves[0..most) in the order in which they are to be made, and sets `processor` and `memory` of the queues.
 * processors[0..n_processors), n_processors from 1 to 64; queues[0..n_queues). now_ns: of any clock that does not go back.
 * A queue on a processor beyond n_processors is left alone.
 */
void plan_balance(const struct plan_balance_params *params, struct plan_balance_state *state, uint64_t now_ns,
		  const struct plan_balance_processor *processors, size_t n_processors,
		  struct plan_balance_queue *queues, size_t n_queues, struct plan_balance_move *moves, size_t most,
		  struct plan_balance_result *out);
#endif
