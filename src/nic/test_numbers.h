#ifndef NIC_TEST_NUMBERS_H
#define NIC_TEST_NUMBERS_H
/*
 * test_numbers.h - for tests of moves: sources that never end and number what they give, and workers that never stop.
 */
#include "nic/queue.h"

/* A source whose plain fields are safe only while one worker at a time is inside. */
struct numbers {
	struct source source;
	_Atomic int inside;
	uint64_t next, delivered;    /* of the worker that is inside */
	_Atomic uint64_t met, wrong; /* times that two were inside; numbers that came out of order */
};

extern const struct source_ops numbers_ops;

extern _Atomic bool numbers_stop;                       /* ends all workers */
extern _Atomic uint64_t numbers_bursts[PROCESSORS_MAX]; /* of each */

/* What worker.c does, as far as queues are concerned. A thread's function; arg: struct processor. */
void *numbers_work(void *arg);
#endif
