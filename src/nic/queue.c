/* queue.c - where queues stand and how they move; see queue.h. */
#include "nic/queue.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/qsbr.h"
#include "nic/mute.h"

struct queue *_Atomic queue_table[QUEUES_MAX];
struct queue_look queue_looks[QUEUES_MAX][2];

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
		memset(queue_looks[id], 0, sizeof(queue_looks[id])); /* of a former queue of that number */
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

static bool
is_watched(const struct source *s)
{
	return s != NULL && s->fd >= 0 && !atomic_load(&((struct source *)(uintptr_t)s)->dead);
}

/* Puts s's descriptor into p's epoll. Returns 0 or -errno: -EPERM for what cannot be polled, a regular file. */
static int
watch(const struct processor *p, const struct queue *q, const struct source *s)
{
	struct epoll_event event = { .events = EPOLLIN, .data.u32 = q->id };

	if (p == NULL || !is_watched(s))
		return 0;
	if (s->ops->pending != NULL)
		event.events |= EPOLLET; /* a hint that nobody reads */
	return epoll_ctl(p->epfd, EPOLL_CTL_ADD, s->fd, &event) < 0 ? -errno : 0;
}

static void
unwatch(const struct processor *p, const struct source *s)
{
	/* It is not there when the worker found it dead and took it out. */
	if (p != NULL && s != NULL && s->fd >= 0)
		epoll_ctl(p->epfd, EPOLL_CTL_DEL, s->fd, NULL);
}

static void
unwatch_all(const struct processor *p, struct queue *q, int n)
{
	for (int i = 0; i < n; i++)
		unwatch(p, atomic_load(&q->source[i]));
}

static int
watch_all(const struct processor *p, struct queue *q)
{
	for (int i = 0; i < QUEUE_SOURCES; i++) {
		int err = watch(p, q, atomic_load(&q->source[i]));

		if (err < 0) {
			unwatch_all(p, q, i);
			return err;
		}
	}
	return 0;
}

int
queue_set_source(struct queue *q, enum queue_source which, struct source *s)
{
	struct processor *p = owner_of(q);
	struct source *former = atomic_load(&q->source[which]);
	int err;

	unwatch(p, former);
	err = watch(p, q, s);
	if (err < 0)
		s = NULL;
	atomic_store_explicit(&q->source[which], s, memory_order_release);
	if (former != NULL)
		qsbr_synchronize();
	if (p != NULL && s != NULL) {
		queue_kick(q);
		processor_look(p);
	}
	return err;
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
	/* Move 2, hotset.h. Partners: the fences in queue_kick and in queue_cool. */
	atomic_thread_fence(memory_order_seq_cst);
}

int
queue_move(struct queue *q, unsigned to)
{
	unsigned from = queue_processor(q);
	struct processor *old = owner_of(q);
	struct processor *next = to < n_processors ? processors[to] : NULL;
	int err;

	if (next == NULL && to != PROCESSOR_NONE)
		return -EINVAL;
	if (next == old)
		return 0;
	/* What can fail comes first: a worker that is not the owner passes on. */
	err = watch_all(next, q);
	if (err < 0)
		return err;
	if (next != NULL && list_change(next, q, true) < 0) {
		unwatch_all(next, q, QUEUE_SOURCES);
		return -ENOMEM;
	}
	change_owner(q, from, to);
	unwatch_all(old, q, QUEUE_SOURCES);
	if (next != NULL) {
		/* Events that the old epoll had reported are not lost: one look in any case. */
		for (int i = 0; i < QUEUE_SOURCES; i++) {
			struct source *s = atomic_load(&q->source[i]);

			if (s != NULL && s->fd >= 0 && s->ops->pending == NULL)
				atomic_store(&s->ready, true);
		}
		hotset_put(&next->hot, q->id);
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
queue_pin(struct queue *q, bool pinned)
{
	q->pinned = pinned;
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

bool
queue_kick(struct queue *q)
{
	unsigned p;

	/* Kick 2, hotset.h. Partners: the fences in queue_cool and in change_owner. */
	atomic_thread_fence(memory_order_seq_cst);
	p = queue_processor(q);
	return p < n_processors && hotset_put(&processors[p]->hot, q->id) && processor_wake(processors[p]);
}

bool
queue_has_work(struct queue *q)
{
	for (int i = 0; i < QUEUE_SOURCES; i++) {
		struct source *s = atomic_load_explicit(&q->source[i], memory_order_acquire);

		if (s != NULL && source_has_work(s))
			return true;
	}
	return false;
}

/* Asks for kicks. Returns whether q is p's. */
static bool
arm(struct queue *q, unsigned p)
{
	if (q == NULL || !queue_enter(q, p))
		return false;
	for (int i = 0; i < QUEUE_SOURCES; i++) {
		struct source *s = atomic_load_explicit(&q->source[i], memory_order_acquire);

		if (s != NULL && s->ops->arm != NULL)
			s->ops->arm(s);
	}
	queue_leave(q, p);
	return true;
}

void
queue_cool(struct processor *p, unsigned id)
{
	struct queue *q;
	bool armed;

	hotset_clear(&p->hot, id);
	armed = arm(atomic_load_explicit(&queue_table[id], memory_order_acquire), p->id);
	/* Cool 3, hotset.h. Partners: the fences in queue_kick, in change_owner, and a guest's. */
	atomic_thread_fence(memory_order_seq_cst);
	q = atomic_load_explicit(&queue_table[id], memory_order_acquire);
	if (q == NULL || queue_processor(q) != p->id)
		return;
	if (!armed || queue_has_work(q))
		hotset_put(&p->hot, id);
	else
		mute_cool(p, q);
}

/* Whether there is work in memory; *mute: and nobody would kick for it. */
static bool
has_memory_work(struct queue *q, bool *mute)
{
	bool work = false;

	*mute = false;
	for (int i = 0; i < QUEUE_SOURCES; i++) {
		struct source *s = atomic_load_explicit(&q->source[i], memory_order_acquire);

		if (s == NULL || s->ops->pending == NULL || !s->ops->pending(s))
			continue;
		work = true;
		*mute |= source_is_mute(s);
	}
	return work;
}

/* Returns whether q is to be looked at again soon: its kick may still come. */
static bool
look_at(struct processor *p, struct queue *q)
{
	uint64_t mark = count_get(&q->packets) + 1;
	bool mute, work = has_memory_work(q, &mute);

	if (!work || hotset_has(&p->hot, q->id)) {
		atomic_store_explicit(&q->stuck, 0, memory_order_relaxed);
		return false;
	}
	if (!mute && atomic_load_explicit(&q->stuck, memory_order_relaxed) != mark) {
		atomic_store_explicit(&q->stuck, mark, memory_order_relaxed);
		return true;
	}
	if (!mute)
		count_add(&p->missed_kicks, 1);
	hotset_put(&p->hot, q->id);
	return false;
}

bool
queue_look_at_all(struct processor *p)
{
	const struct queue_list *list = atomic_load_explicit(&p->queues, memory_order_acquire);
	bool soon = false;

	for (unsigned i = 0; list != NULL && i < list->n; i++)
		if (queue_processor(list->queue[i]) == p->id)
			soon |= look_at(p, list->queue[i]);
	return soon;
}
