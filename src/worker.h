#ifndef WORKER_H
#define WORKER_H
/*
 * worker.h - the thread of a processor. Control.
 */
#include "nic/processor.h"

/* Starts p's worker, pinned to its CPU. Returns 0, or -errno with no thread: -EINVAL for a CPU that it may not run on. */
int worker_start(struct processor *p);

/* Stops and joins it; queues may still stand on p, but nobody serves them then. */
void worker_stop(struct processor *p);
#endif
