#ifndef BENCH_ROUNDS_H
#define BENCH_ROUNDS_H
/* rounds.h - figures of some rounds, in order: the median is in the middle, least and most at the ends. */
#include <stdlib.h>

static inline int
rounds_compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static inline void
rounds_sort(double *figure, size_t n)
{
	qsort(figure, n, sizeof(*figure), rounds_compare);
}
#endif
