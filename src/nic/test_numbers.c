/* test_numbers.c - see test_numbers.h. */
#include "nic/test_numbers.h"

#include <sched.h>

#include "base/qsbr.h"

_Atomic bool numbers_stop;
_Atomic uint64_t numbers_bursts[PROCESSORS_MAX];

static unsigned
numbers_take(struct source *s, struct lane *lane)
{
	struct numbers *from = (struct numbers *)s;
	struct burst *b = &lane->burst;

	if (atomic_exchange_explicit(&from->inside, 1, memory_order_relaxed) != 0)
		atomic_fetch_add(&from->met, 1);
	b->n = 1 + from->next % 5;
	for (unsigned i = 0; i < b->n; i++)
		b->pkt[i].cookie = (void *)(uintptr_t)from->next++;
	return b->n;
}

static void
numbers_give(struct source *s, struct lane *lane)
{
	atomic_store_explicit(&((struct numbers *)s)->inside, 0, memory_order_relaxed);
}

const struct source_ops numbers_ops = { numbers_take, numbers_give, NULL };

static void
serve(struct queue *q, struct lane *lane, unsigned p)
{
	struct source *s;

	if (!queue_enter(q, p))
		return;
	s = atomic_load_explicit(&q->source[QUEUE_FROM_SENDER], memory_order_acquire);
	if (s != NULL) {
		struct numbers *from = (struct numbers *)s;
		unsigned n = s->ops->take(s, lane);

		for (unsigned i = 0; i < n; i++)
			if ((uintptr_t)lane->burst.pkt[i].cookie != from->delivered++)
				atomic_fetch_add(&from->wrong, 1);
		s->ops->give(s, lane);
		atomic_fetch_add_explicit(&numbers_bursts[p], 1, memory_order_relaxed);
	}
	queue_leave(q, p);
}

void *
numbers_work(void *arg)
{
	struct processor *p = arg;

	qsbr_online(p->lane.reader);
	for (unsigned round = 0; !atomic_load_explicit(&numbers_stop, memory_order_relaxed); round++) {
		const struct queue_list *list = atomic_load_explicit(&p->queues, memory_order_acquire);
		unsigned n = list != NULL ? list->n : 0;

		for (unsigned i = 0; i < n; i++)
			serve(list->queue[i], &p->lane, p->id);
		qsbr_quiescent(p->lane.reader);
		if (n == 0 || round % 64 == 0) {
			qsbr_offline(p->lane.reader);
			sched_yield();
			qsbr_online(p->lane.reader);
		}
	}
	qsbr_offline(p->lane.reader);
	return NULL;
}
