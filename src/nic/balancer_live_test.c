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
#include "nic/test_numbers.h"

#define WORKERS 4
#define QUEUES 16
#define MOVES 1000
#define RUNS_MAX 20000
#define PERIOD_MS 20

static struct numbers numbers[QUEUES];
static struct queue *queues[QUEUES];
static struct vport vports[QUEUES];
static struct adapter_member members[QUEUES];
static struct adapter adapter;
static struct adapter *adapters[] = { &adapter };

static uint64_t
all_bursts(void)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < WORKERS; i++)
		n += atomic_load(&numbers_bursts[i]);
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
		assert_int_equal(pthread_create(&processors[i]->thread, NULL, numbers_work, processors[i]), 0);
	for (unsigned i = 0; i < WORKERS; i++) /* each has its turn */
		while (atomic_load(&numbers_bursts[i]) == 0)
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
	atomic_store(&numbers_stop, true);
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
