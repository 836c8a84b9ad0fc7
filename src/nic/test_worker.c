/* test_worker.c - the loop of a test's worker; see test_worker.h. */
#include "nic/test_worker.h"

#include <unistd.h>

#include "base/qsbr.h"

#define AWAY_US 20

void
test_work(struct processor *p, const _Atomic bool *stop, unsigned (*round)(struct processor *p))
{
	qsbr_online(p->lane.reader);
	while (!atomic_load_explicit((_Atomic bool *)(uintptr_t)stop, memory_order_relaxed)) {
		unsigned n = round(p);

		qsbr_quiescent(p->lane.reader);
		if (n == 0) {
			qsbr_offline(p->lane.reader);
			usleep(AWAY_US);
			qsbr_online(p->lane.reader);
		}
	}
	qsbr_offline(p->lane.reader);
}

unsigned
test_serve_all(struct processor *p, unsigned (*serve)(struct queue *q, struct lane *lane, unsigned p))
{
	const struct queue_list *list = atomic_load_explicit(&p->queues, memory_order_acquire);
	unsigned n = 0;

	for (unsigned i = 0; list != NULL && i < list->n; i++)
		n += serve(list->queue[i], &p->lane, p->id);
	return n;
}
