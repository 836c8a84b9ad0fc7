#ifndef PLAN_SIM_LOAD_H
#define PLAN_SIM_LOAD_H
/*
 * sim_load.h - what the queues of a simulated host want over time: the loads that a balancer is tried with.
 *
 * The same kind, sizes and seed give the same load. Loads are made for a host: on average they want 50 to 80 percent of it, so that a
 * placement without overload exists unless the kind says otherwise.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SIM_QUEUES_MAX 1024
#define SIM_PROCESSORS_MAX 64
#define SIM_EVENTS_MAX 4
#define SIM_TRACE_COLUMNS 8

enum sim_kind {
	SIM_STEPS,       /* from little to much at once, twice, each time with other queues */
	SIM_STEPS_TCP,   /* the same by senders that back off */
	SIM_RAMP,        /* slowly from nothing to much and back */
	SIM_SQUARE_50MS, /* queues of even and of odd index by turns, each at twice its mean; the period is in the name */
	SIM_SQUARE_200MS,
	SIM_SQUARE_1S,
	SIM_SQUARE_5S,
	SIM_ELEPHANT, /* one queue wants 85 percent of a processor, the others share the rest */
	SIM_STUCK,    /* one queue wants 150 percent: no placement helps it */
	SIM_ALIKE,    /* all the same, from a step on */
	SIM_ZIPF,     /* the k-th queue wants 1/k of the first, at most 85 percent */
	SIM_WALK,     /* every queue wanders */
	SIM_GONE,     /* steady; a quarter of the processors is taken away and given back */
	SIM_FULL,     /* from a step on 130 percent of the host: no placement carries it */
	SIM_FULL_TCP, /* the same by senders that back off */
	SIM_SHARED, /* steady, but processors and senders share their cores: they stop, and what waited comes at once */
	SIM_RECORDED, /* a trace: columns over time */
	SIM_KINDS
};

/* Rows of percent of a processor per column. */
struct sim_trace {
	unsigned row_ms;
	size_t rows;
	uint16_t (*value)[SIM_TRACE_COLUMNS];
};

struct sim_load {
	enum sim_kind kind;
	unsigned n_processors, n_queues;
	const struct sim_trace *trace; /* of SIM_RECORDED */
	bool tcp;                      /* senders back off */
	bool shared;                   /* processors and senders stop for moments */
	unsigned n_events;
	unsigned event_ms[SIM_EVENTS_MAX]; /* when a step leaves the host out of balance */
	/* sim_load.c's own. */
	double share[SIM_QUEUES_MAX];
	double second[SIM_QUEUES_MAX];
	double level[SIM_QUEUES_MAX];
	uint64_t random;
};

/* Text for people. */
const char *sim_kind_name(enum sim_kind kind);

/* A load for a host of that size, from its beginning. trace: only for SIM_RECORDED; it must outlive the load. */
void sim_load_begin(struct sim_load *load, enum sim_kind kind, unsigned n_processors, unsigned n_queues,
		    const struct sim_trace *trace);

/* Fills want[0..n_queues) with percent of a processor at t_ms. Called with growing t_ms, in steps of SIM_STEP_MS. */
void sim_load_at(struct sim_load *load, unsigned t_ms, double *want);

/* Whether the processor can be used at t_ms. */
bool sim_load_usable(const struct sim_load *load, unsigned processor, unsigned t_ms);

/* A number from 0 to 1 out of *state, which changes. */
double sim_random(uint64_t *state);

#define SIM_STEP_MS 5
#define SIM_SECONDS 180 /* a load's length: OVS's rule takes up to two minutes to act */
#endif
