/* queue.c - where queues stand and how they move; see queue.h. */
#include "nic/queue.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/qsbr.h"

struct queue *_Atomic queue_table[QUEUES_MAX];

struct queue *
queue_new(struct vport *vport, unsigned index)
{
	struct queue *q;

	for (unsigned id = 0; id < QUEUES_MAX; id++) {
		if (atomic_load(&queue_table[id]) != NULL)
			continue;
		q = aligned_alloc(64, RTE_ALIGN_CEIL(sizeof(*q), 64));
		if (q == NULL)
			return NULL;
		memset((void *)q, 0, sizeof(*q));
		q->id = id;
		q->vport = vport;
		q->index = index;
		atomic_store(&q->owner, PROCESSOR_NONE << 1);
		atomic_store(&queue_table[id], q);
		return q;
	}
	return NULL;
}

static struct processor *
owner_of(const struct queue *q)
{
	unsigned p = queue_processor(q);

	return p < n_processors ? processors[p] : NULL;
}

static void
watch(const struct processor *p, const struct queue *q, const struct source *s, bool on)
{
	struct epoll_event event = { .events = EPOLLIN, .data.u32 = q->id };

	/* An error means that the descriptor is dead already: the worker that reads it says so. */
	if (p != NULL && s != NULL && s->fd >= 0 && !atomic_load(&s->dead))
		epoll_ctl(p->epfd, on ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, s->fd, &event);
}

static void
watch_all(const struct processor *p, struct queue *q, bool on)
{
	for (int i = 0; i < QUEUE_SOURCES; i++)
		watch(p, q, atomic_load(&q->source[i]), on);
}

struct source *
queue_set_source(struct queue *q, enum queue_source which, struct source *s)
{
	struct processor *p = owner_of(q);
	struct source *former = atomic_load(&q->source[which]);

	watch(p, q, former, false);
	atomic_store_explicit(&q->source[which], s, memory_order_release);
	watch(p, q, s, true);
	if (former != NULL)
		qsbr_synchronize();
	if (p != NULL && s != NULL)
		processor_look(p);
	return former;
}

/* p's list with q added or taken out; the old one is freed after a grace period. */
static int
list_change(struct processor *p, struct queue *q, bool add)
{
	const struct queue_list *old = atomic_load(&p->queues);
	unsigned n = old != NULL ? old->n : 0;
	struct queue_list *next = malloc(sizeof(*next) + (n + 1) * sizeof(next->queue[0]));

	if (next == NULL)
		return -ENOMEM;
	next->n = 0;
	for (unsigned i = 0; i < n; i++)
		if (old->queue[i] != q)
			next->queue[next->n++] = old->queue[i];
	if (add)
		next->queue[next->n++] = q;
	atomic_store_explicit(&p->queues, next, memory_order_release);
	qsbr_free((void *)(uintptr_t)old);
	return 0;
}

static void
change_owner(struct queue *q, unsigned from, unsigned to)
{
	uint32_t idle = from << 1;

	/* Release of what the old worker wrote, acquire for the new one; the old worker is inside one burst at most. */
	while (!atomic_compare_exchange_weak_explicit(&q->owner, &idle, to << 1, memory_order_acq_rel,
						      memory_order_relaxed)) {
		idle = from << 1;
		sched_yield();
	}
	/* Partner: the fence in rxring_put between its frames and the owner. It sees the new one, or that one sees the frames. */
	atomic_thread_fence(memory_order_seq_cst);
}

int
queue_move(struct queue *q, unsigned to)
{
	unsigned from = queue_processor(q);
	struct processor *old = owner_of(q);
	struct processor *next = to < n_processors ? processors[to] : NULL;

	if (next == NULL && to != PROCESSOR_NONE)
		return -EINVAL;
	if (next == old)
		return 0;
	if (next != NULL && list_change(next, q, true) < 0)
		return -ENOMEM;
	change_owner(q, from, to);
	watch_all(old, q, false);
	watch_all(next, q, true);
	if (next != NULL) {
		/* Events that the old epoll had reported are not lost: one unconditional look. */
		for (int i = 0; i < QUEUE_SOURCES; i++) {
			struct source *s = atomic_load(&q->source[i]);

			if (s != NULL && s->fd >= 0)
				atomic_store(&s->ready, true);
		}
		processor_look(next);
	}
	if (old != NULL) {
		/* Without memory the old list keeps q: its worker finds that it is not the owner and passes on. */
		list_change(old, q, false);
		count_add(&q->moved, 1);
	}
	return 0;
}

void
queue_free(struct queue *q)
{
	if (q == NULL)
		return;
	queue_move(q, PROCESSOR_NONE);
	for (unsigned i = 0; i < n_processors; i++) {
		const struct queue_list *list = atomic_load(&processors[i]->queues);

		for (unsigned k = 0; list != NULL && k < list->n; k++)
			while (list->queue[k] == q && list_change(processors[i], q, false) < 0)
				sched_yield();
	}
	atomic_store(&queue_table[q->id], NULL);
	qsbr_synchronize();
	free(q);
}
