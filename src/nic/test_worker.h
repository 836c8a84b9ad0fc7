#ifndef NIC_TEST_WORKER_H
#define NIC_TEST_WORKER_H
/*
 * test_worker.h - for tests that look at what queues bring: a worker as worker.c is one, as far as QSBR is concerned.
 */
#include "nic/queue.h"

/* Rounds over p, each of which returns its packets, until *stop; after one without any it is away for a moment. The worker's thread. */
void test_work(struct processor *p, const _Atomic bool *stop, unsigned (*round)(struct processor *p));

/* Serves each queue that stands on p, of which serve returns the packets. Returns their sum. That thread. */
unsigned test_serve_all(struct processor *p, unsigned (*serve)(struct queue *q, struct lane *lane, unsigned p));
#endif
