/*
 * balancer_bench.c - what the balancer costs: 1024 queues on 64 processors, all of them busy, their counters written by another
 * core all the time, as workers do.
 *
 * One line of JSON: CPU time of a run, median, least and most; and the share of a processor that all of them took, beside the
 * pauses that the balancer asked for between them. The loads change, so that in some runs queues move.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_eal.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/qsbr.h"
#include "base/thread.h"
#include "nic/balancer.h"

#define QUEUES 1024
#define PROCESSORS 64
#define RUNS 250
#define PERIOD_MS 20
#define SWING_RUNS 50 /* a second of runs, then other queues have the load */

static struct adapter adapter;
static struct adapter *adapters[] = { &adapter };
static struct adapter_member members[QUEUES];
static struct vport vports[QUEUES];
static struct queue *queues[QUEUES];
static _Atomic bool stop;
static _Atomic unsigned swing;

static _Noreturn void
fail(const char *what)
{
	fprintf(stderr, "balancer_bench: %s\n", what);
	exit(1);
}

/* Percent of a processor: 16 queues on each have 3 on the average, a quarter of them twice that. */
static unsigned
load_of(unsigned i, unsigned phase)
{
	return (i * 7 + phase) % 4 == 0 ? 6 : 2;
}

/* All workers at once: each ms a ms' work of each queue. */
static void *
work(void *arg)
{
	uint64_t ms = clock_us_to_cycles(1000), before = clock_cycles();

	while (!atomic_load_explicit(&stop, memory_order_relaxed)) {
		uint64_t now = clock_cycles();
		unsigned phase = atomic_load_explicit(&swing, memory_order_relaxed);

		if (now - before < ms)
			continue;
		for (unsigned i = 0; i < QUEUES; i++) {
			uint64_t took = (now - before) * load_of(i, phase) / 100;

			count_add(&queues[i]->cycles, took);
			count_add(&queues[i]->packets, took / 200);
			count_add(&processors[queue_processor(queues[i])]->work_cycles, took);
		}
		before = now;
	}
	return NULL;
}

static void
make_host(void)
{
	for (unsigned i = 0; i < PROCESSORS; i++) {
		processors[i] = processor_new(i, 0, 0, false);
		if (processors[i] == NULL)
			fail("no memory");
		processors[i]->core = i;
	}
	n_processors = PROCESSORS;
	adapter.settings = (struct adapter_settings){ .mode = ADAPTER_MODE_VMQ,
						      .queues = QUEUES,
						      .base = 0,
						      .max_processor = -1,
						      .dynamic = true,
						      .period_ms = PERIOD_MS,
						      .balance = plan_balance_defaults };
	for (unsigned i = 0; i < QUEUES; i++) {
		queues[i] = queue_new(&vports[i], 0);
		/* Skewed: the first half of the processors has two thirds of them. */
		if (queues[i] == NULL || queue_move(queues[i], i % 3 ? i % (PROCESSORS / 2) : i % PROCESSORS) < 0)
			fail("no memory");
		members[i] = (struct adapter_member){
			.vport = &vports[i], .queues = &queues[i], .n_queues = 1, .n_rings = 1, .vm_queue = i + 1
		};
		adapter.members[i] = &members[i];
	}
	adapter.n_members = QUEUES;
}

static int
compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static void
measure(struct balancer *b)
{
	static uint64_t cost_ns[RUNS];
	const uint64_t *middle = &cost_ns[RUNS / 2];
	uint64_t paused_ns = 0, sum_ns = 0;

	for (unsigned i = 0; i < RUNS; i++) {
		uint64_t before = balancer_stats(b).cpu_ns, pause = balancer_run(b, adapters, 1, clock_ns());

		cost_ns[i] = balancer_stats(b).cpu_ns - before;
		sum_ns += cost_ns[i];
		paused_ns += pause;
		atomic_store(&swing, i / SWING_RUNS);
		usleep((useconds_t)(pause / NSEC_PER_US));
	}
	qsort(cost_ns, RUNS, sizeof(cost_ns[0]), compare);
	printf("{\"queues\": %u, \"processors\": %u, \"runs\": %u, \"moves\": %lu, \"us\": %.1f, \"low\": %.1f, "
	       "\"high\": %.1f, "
	       "\"percent\": %.3f, \"pause_ms\": %.1f}\n",
	       balancer_stats(b).queues, n_processors, RUNS, (unsigned long)balancer_stats(b).moves,
	       (double)*middle / 1e3, (double)cost_ns[0] / 1e3, (double)cost_ns[RUNS - 1] / 1e3,
	       100 * (double)sum_ns / (double)(sum_ns + paused_ns), (double)paused_ns / RUNS / 1e6);
}

int
main(int argc, char **argv)
{
	char *eal[] = { argv[0], "--no-huge", "--no-pci", "--no-telemetry",     "--no-shconf", "-m",
			"64",    "--lcores",  "0@0",      "--log-level=*:error" };
	struct balancer *b = balancer_new();
	pthread_t thread;

	setenv("RUNTIME_DIRECTORY", "/proc/none", 1); /* or EAL makes a folder and leaves it */
	if (b == NULL || rte_eal_init(RTE_DIM(eal), eal) < 0 || qsbr_init() < 0)
		fail("EAL did not start");
	log_set_level(LOG_LEVEL_ERROR);
	vport_set_lanes(PROCESSORS);
	make_host();
	if (thread_start(&thread, "workers", (int)sysconf(_SC_NPROCESSORS_ONLN) - 1, work, NULL) < 0)
		fail("no thread");
	measure(b);
	atomic_store(&stop, true);
	pthread_join(thread, NULL);
	return 0;
}
