/* qsbr.c - one rte_rcu_qsbr variable and a list of what waits to be freed; see qsbr.h. */
#include "base/qsbr.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include <rte_rcu_qsbr.h>

struct waiting {
	struct waiting *next;
	void *ptr;
	uint64_t token;
};

static struct rte_rcu_qsbr *qsbr;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* ids and the waiting list; never taken by a running reader */
static bool id_used[QSBR_READERS_MAX];
static struct waiting *oldest, **newest = &oldest;

int
qsbr_init(void)
{
	size_t size = rte_rcu_qsbr_get_memsize(QSBR_READERS_MAX);

	qsbr = aligned_alloc(RTE_CACHE_LINE_SIZE, RTE_ALIGN_CEIL(size, (size_t)RTE_CACHE_LINE_SIZE));
	if (qsbr == NULL)
		return -ENOMEM;
	rte_rcu_qsbr_init(qsbr, QSBR_READERS_MAX);
	return 0;
}

int
qsbr_register(void)
{
	int id;

	pthread_mutex_lock(&lock);
	for (id = 0; id < QSBR_READERS_MAX && id_used[id]; id++)
		;
	if (id < QSBR_READERS_MAX)
		id_used[id] = true;
	pthread_mutex_unlock(&lock);
	if (id == QSBR_READERS_MAX)
		return -ENOSPC;
	rte_rcu_qsbr_thread_register(qsbr, (unsigned)id);
	return id;
}

void
qsbr_unregister(int reader)
{
	rte_rcu_qsbr_thread_unregister(qsbr, (unsigned)reader);
	pthread_mutex_lock(&lock);
	id_used[reader] = false;
	pthread_mutex_unlock(&lock);
}

void
qsbr_online(int reader)
{
	rte_rcu_qsbr_thread_online(qsbr, (unsigned)reader);
}

void
qsbr_offline(int reader)
{
	rte_rcu_qsbr_thread_offline(qsbr, (unsigned)reader);
}

void
qsbr_quiescent(int reader)
{
	rte_rcu_qsbr_quiescent(qsbr, (unsigned)reader);
}

void
qsbr_synchronize(void)
{
	uint64_t token = qsbr_token();

	/* Not rte_rcu_qsbr_synchronize: it spins, and on few cores the reader it waits for may need this one. */
	while (!qsbr_passed(token))
		sched_yield();
}

uint64_t
qsbr_token(void)
{
	return rte_rcu_qsbr_start(qsbr);
}

bool
qsbr_passed(uint64_t token)
{
	return rte_rcu_qsbr_check(qsbr, token, false) == 1;
}

void
qsbr_free(void *ptr)
{
	struct waiting *w;

	if (ptr == NULL)
		return;
	w = malloc(sizeof(*w));
	if (w == NULL) {
		qsbr_synchronize();
		free(ptr);
		return;
	}
	*w = (struct waiting){ .ptr = ptr, .token = qsbr_token() };
	pthread_mutex_lock(&lock);
	*newest = w;
	newest = &w->next;
	pthread_mutex_unlock(&lock);
	qsbr_reclaim();
}

void
qsbr_reclaim(void)
{
	pthread_mutex_lock(&lock);
	while (oldest != NULL && qsbr_passed(oldest->token)) {
		struct waiting *w = oldest;

		oldest = w->next;
		if (oldest == NULL)
			newest = &oldest;
		free(w->ptr);
		free(w);
	}
	pthread_mutex_unlock(&lock);
}
