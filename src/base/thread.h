#ifndef BASE_THREAD_H
#define BASE_THREAD_H
/*
 * thread.h - starting a thread with a name, on one CPU or on any.
 */
#include <pthread.h>

#define THREAD_ANY_CPU (-1)

/* name: up to 15 bytes, what ps and top show. Returns 0, or -errno with no thread: -EINVAL for a CPU that it may not run on. Any thread. */
int thread_start(pthread_t *out, const char *name, int cpu, void *(*run)(void *), void *arg);
#endif
