#ifndef BASE_COUNT_H
#define BASE_COUNT_H
/*
 * count.h - a counter with one writer, read by anybody: no lock, no atomic read-modify-write, no torn value.
 */
#include <stdatomic.h>
#include <stdint.h>

typedef _Atomic uint64_t counter;

/* The one writer only. */
static inline void
count_add(counter *c, uint64_t n)
{
	atomic_store_explicit(c, atomic_load_explicit(c, memory_order_relaxed) + n, memory_order_relaxed);
}

static inline uint64_t
count_get(const counter *c)
{
	return atomic_load_explicit((counter *)(uintptr_t)c, memory_order_relaxed);
}
#endif
