#ifndef CLI_TEST_TOP_H
#define CLI_TEST_TOP_H
/*
 * test_top.h - models for tests, from answers as a daemon would give them.
 */
#include "cli/canvas.h"
#include "cli/top_view.h"

#define SECOND 1000000000ull

/* Takes an answer in, given as JSON with ' for ", as heard at second s. */
void take(struct top_model *m, enum top_part part, double s, const char *json);

/*
 * A host of four emulated processors on two CPUs, with one adapter "wire", two ports of one queue (vm1, vm2) and one of two pairs (vm4),
 * seen at second 1 and at second 2. In between vm2's queue (number 3) moved from processor 1 to processor 2.
 */
void take_small_host(struct top_model *m);

/* Processors 0 to n-1 and queues that stand on them in turn, seen twice. Queue i has i * 10 packets a second. */
void take_large_host(struct top_model *m, unsigned processors, unsigned queues);

/* The canvas as text; the caller frees it. */
char *text_of(const struct canvas *c);
#endif
