/* balancer_sample.c - counters to percents; see balancer_sample.h. */
#include "nic/balancer_sample.h"

#include <string.h>
#include <time.h>

#include "base/clock.h"

void
balancer_sample_init(struct balancer_sample *s)
{
	memset(s, 0, sizeof(*s));
	s->run = 1; /* the first is 2: no queue was in the one before */
}

/* CPU time of p's worker so far; 0: it has none. */
static uint64_t
worker_cpu_ns(const struct processor *p)
{
	struct timespec ts;
	clockid_t clock;

	if (p->tid == 0 || pthread_getcpuclockid(p->thread, &clock) != 0 || clock_gettime(clock, &ts) < 0)
		return 0;
	return (uint64_t)ts.tv_sec * NSEC_PER_S + (uint64_t)ts.tv_nsec;
}

static void
sample_processor(struct balancer_sample *s, const struct processor *p, uint64_t window_ns)
{
	double share = p->speed_percent ? p->speed_percent / 100.0 : 1, per_ns = 100 / ((double)window_ns * share);
	uint64_t work = count_get(&p->work_cycles), cpu_ns = p->speed_percent ? worker_cpu_ns(p) : 0;
	uint64_t worked = work - s->at[p->id].work_cycles;
	double used_ns = cpu_ns > 0 ? (double)(cpu_ns - s->at[p->id].cpu_ns) : (double)clock_cycles_to_ns(worked);
	bool seen = s->at[p->id].seen;

	s->processor[p->id] = (struct plan_balance_processor){
		.load = seen ? up_to_100(per_ns * used_ns) : 0,
		.numa = p->numa,
		.usable = true,
	};
	s->at[p->id].per_cycle = seen && worked > 0 ? per_ns * used_ns / (double)worked : 0;
	s->at[p->id].work_cycles = work;
	s->at[p->id].cpu_ns = cpu_ns;
	s->at[p->id].seen = true;
}

bool
balancer_sample_begin(struct balancer_sample *s, uint64_t now_ns)
{
	if (now_ns <= s->at_ns)
		return false;
	for (unsigned i = 0; i < n_processors; i++)
		sample_processor(s, processors[i], now_ns - s->at_ns);
	s->run++;
	s->at_ns = now_ns;
	s->busy = false;
	return true;
}

/* What waited at q's last burst: how full its fullest ring was, and frames in all. */
static double
backlog_of(const struct queue *q, unsigned *frames)
{
	double most = 0;

	*frames = 0;
	for (int i = 0; i < QUEUE_SOURCES; i++) {
		uint32_t seen =
			atomic_load_explicit((_Atomic uint32_t *)(uintptr_t)&q->backlog[i], memory_order_relaxed);
		unsigned slots = seen >> 16, waiting = seen & UINT16_MAX;
		double full = slots > 0 ? (double)waiting / slots : 0;

		most = full > most ? full : most;
		*frames += waiting;
	}
	return most < 1 ? most : 1;
}

/* Of a queue that had a burst: what waited before says nothing. */
static void
add_burst(struct plan_balance_queue *to, const struct queue *q, double percent, uint64_t packets)
{
	unsigned frames;
	double backlog = backlog_of(q, &frames);

	to->demand = up_to_100(to->demand + percent);
	to->backlog = backlog > to->backlog ? backlog : to->backlog;
	if (packets > 0)
		to->waiting += percent * frames / (double)packets;
}

void
balancer_sample_queue(struct balancer_sample *s, struct queue *q, struct plan_balance_queue *to)
{
	uint64_t cycles = count_get(&q->cycles), packets = count_get(&q->packets);
	uint64_t overflowed = count_get(&q->overflowed);
	uint64_t did = cycles - q->seen_cycles, took = packets - q->seen_packets,
		 lost = overflowed - q->seen_overflowed;
	unsigned p = queue_processor(q);

	if (balancer_sample_knows(s, q) && p < n_processors && did + lost > 0) {
		double share = (double)lost / (double)(lost + took + 1);

		if (did > 0)
			add_burst(to, q, (double)did * s->at[p].per_cycle, took);
		to->lost = share > to->lost ? share : to->lost;
		s->busy = true;
	}
	q->seen_in = s->run;
	q->seen_cycles = cycles;
	q->seen_packets = packets;
	q->seen_overflowed = overflowed;
}
