/* balancer_live_test.c - a thousand moves of the balancer under workers that never stop: nothing lost, nothing out of order. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/qsbr.h"
#include "nic/balancer.h"
#include "nic/test_eal.h"

#define WORKERS 4
#define QUEUES 16
#define MOVES 1000
#define RUNS_MAX 20000
#define PERIOD_MS 20

/* A source whose plain fields are safe only while one worker at a time is inside. */
struct numbers {
	struct source source;
	_Atomic int inside;
	uint64_t next, delivered; /* of the worker that is inside */
	_Atomic uint64_t met, wrong;
};

static struct numbers numbers[QUEUES];
static struct queue *queues[QUEUES];
static struct vport vports[QUEUES];
static struct adapter_member members[QUEUES];
static struct adapter adapter;
static struct adapter *adapters[] = { &adapter };
static _Atomic bool stop;
static _Atomic uint64_t bursts[WORKERS];

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

static const struct source_ops numbers_ops = { numbers_take, numbers_give, NULL };

static void
serve(struct queue *q, struct lane *lane, unsigned p)
{
	struct numbers *from;
	struct source *s;
	unsigned n;

	if (!queue_enter(q, p))
		return;
	s = atomic_load_explicit(&q->source[QUEUE_FROM_SENDER], memory_order_acquire);
	from = (struct numbers *)s;
	n = s->ops->take(s, lane);
	for (unsigned i = 0; i < n; i++)
		if ((uintptr_t)lane->burst.pkt[i].cookie != from->delivered++)
			atomic_fetch_add(&from->wrong, 1);
	s->ops->give(s, lane);
	atomic_fetch_add_explicit(&bursts[p], 1, memory_order_relaxed);
	queue_leave(q, p);
}

/* What worker.c does, as far as queues are concerned. */
static void *
work(void *arg)
{
	struct processor *p = arg;

	qsbr_online(p->lane.reader);
	for (unsigned round = 0; !atomic_load_explicit(&stop, memory_order_relaxed); round++) {
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

static uint64_t
all_bursts(void)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < WORKERS; i++)
		n += atomic_load(&bursts[i]);
	return n;
}

/* Moves that no worker has time to notice test nothing. */
static void
let_workers_work(void)
{
	uint64_t want = all_bursts() + QUEUES;

	while (all_bursts() < want)
		sched_yield();
}

static void
open_rig(void)
{
	test_processors_open(WORKERS, 0);
	strcpy(adapter.name, "wire");
	adapter.settings = (struct adapter_settings){ .mode = ADAPTER_MODE_VMQ,
						      .queues = QUEUES,
						      .base = 0,
						      .max_processor = -1,
						      .dynamic = true,
						      .period_ms = PERIOD_MS,
						      .balance = plan_balance_defaults };
	adapter.settings.balance.rest_ns = PERIOD_MS * NSEC_PER_MS;
	for (unsigned i = 0; i < QUEUES; i++) {
		queues[i] = queue_new(&vports[i], 0);
		assert_non_null(queues[i]);
		source_init(&numbers[i].source, &numbers_ops, -1, NULL);
		queue_set_source(queues[i], QUEUE_FROM_SENDER, &numbers[i].source);
		assert_int_equal(queue_move(queues[i], i % WORKERS), 0);
		members[i] = (struct adapter_member){
			.vport = &vports[i], .queues = &queues[i], .n_queues = 1, .n_rings = 1, .vm_queue = i + 1
		};
		adapter.members[i] = &members[i];
	}
	adapter.n_members = QUEUES;
	for (unsigned i = 0; i < WORKERS; i++)
		assert_int_equal(pthread_create(&processors[i]->thread, NULL, work, processors[i]), 0);
	for (unsigned i = 0; i < WORKERS; i++) /* each has its turn */
		while (atomic_load(&bursts[i]) == 0)
			sched_yield();
}

/*
 * A load that is anew on one processor each time: its queues have 40 % each, the others nothing. The counters are made up, the
 * moves are not. A minute passes between, so that queues have rested.
 */
static void
make_load(unsigned victim, uint64_t window_ns)
{
	uint64_t all = (uint64_t)((double)window_ns * (double)rte_get_tsc_hz() / 1e9);
	unsigned there = 0;

	for (unsigned i = 0; i < QUEUES; i++) {
		if (queue_processor(queues[i]) != victim)
			continue;
		count_add(&queues[i]->cycles, all * 4 / 10);
		there++;
	}
	count_add(&processors[victim]->work_cycles, all * RTE_MIN(10, 4 * there) / 10);
}

static void
a_thousand_moves_lose_and_reorder_nothing(void **state)
{
	struct balancer *b = balancer_new();
	uint64_t now_ns = NSEC_PER_S, slowest_ns = 0;
	unsigned runs = 0;

	assert_non_null(b);
	open_rig();
	balancer_run(b, adapters, 1, now_ns);
	for (; balancer_stats(b).moves < MOVES && runs < RUNS_MAX; runs++) {
		uint64_t step = runs % 3 == 0 ? 60 * NSEC_PER_S : PERIOD_MS * NSEC_PER_MS, began;

		now_ns += step;
		make_load(runs / 3 % WORKERS, step);
		began = clock_ns();
		balancer_run(b, adapters, 1, now_ns);
		slowest_ns = RTE_MAX(slowest_ns, clock_ns() - began);
		let_workers_work();
	}
	print_message("          %lu moves in %u runs, %lu us CPU in all, slowest run %lu us\n",
		      (unsigned long)balancer_stats(b).moves, runs, (unsigned long)(balancer_stats(b).cpu_ns / 1000),
		      (unsigned long)(slowest_ns / 1000));
	assert_true(balancer_stats(b).moves >= MOVES);
	for (unsigned i = 0; i < QUEUES; i++) /* their sources are readable by us from here on */
		queue_move(queues[i], PROCESSOR_NONE);
	for (unsigned i = 0; i < QUEUES; i++) {
		assert_int_equal(atomic_load(&numbers[i].met), 0);
		assert_int_equal(atomic_load(&numbers[i].wrong), 0);
		assert_true(numbers[i].next == numbers[i].delivered);
		assert_true(numbers[i].next > 0);
	}
	atomic_store(&stop, true);
	for (unsigned i = 0; i < WORKERS; i++)
		pthread_join(processors[i]->thread, NULL);
	balancer_free(b);
	for (unsigned i = 0; i < QUEUES; i++)
		queue_free(queues[i]);
	test_processors_close();
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(a_thousand_moves_lose_and_reorder_nothing) };

	log_set_level(LOG_LEVEL_ERROR);
	return cmocka_run_group_tests(tests, test_eal_start, NULL);
}
