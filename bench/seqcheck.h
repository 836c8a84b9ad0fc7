#ifndef BENCH_SEQCHECK_H
#define BENCH_SEQCHECK_H
/*
 * seqcheck.h - what became of a numbered stream: lost, overtaken, doubled.
 *
 * Numbers begin with 0 and rise by 1. A number that comes after a higher one was overtaken (reordered); it is not lost.
 * The receiving thread only.
 */
#include <stdbool.h>
#include <stdint.h>

/* Newest numbers of which duplicates are known: far more than any window of the load generator. A power of two. */
#define SEQCHECK_WINDOW 65536

struct seqcheck {
	uint64_t next;                  /* one more than the highest number seen */
	uint64_t received;              /* different numbers */
	uint64_t reordered;             /* numbers that came after a higher one */
	uint64_t duplicates;            /* numbers that had come before */
	uint64_t seen[SEQCHECK_WINDOW]; /* number + 1 at its place; 0: none yet */
};

/* Takes a number; a zeroed struct is the start. */
static inline void
seqcheck_see(struct seqcheck *s, uint64_t seq)
{
	uint64_t *place = &s->seen[seq % SEQCHECK_WINDOW];

	if (*place == seq + 1) {
		s->duplicates++;
		return;
	}
	/* A straggler from before the window takes no newer number's place. */
	if (*place < seq + 1)
		*place = seq + 1;
	s->received++;
	if (seq < s->next)
		s->reordered++;
	else
		s->next = seq + 1;
}

/* How many of the numbers below sent never came. */
static inline uint64_t
seqcheck_lost(const struct seqcheck *s, uint64_t sent)
{
	return sent > s->received ? sent - s->received : 0;
}
#endif
