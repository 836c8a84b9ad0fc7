/* processor.c - making, waking and timing processors; see processor.h. */
#include "nic/processor.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/cpulist.h"
#include "base/qsbr.h"
#include "nic/queue.h"

#define SAMPLES 4
#define WINDOW_MIN_NS \
	(150 * NSEC_PER_MS) /* shorter windows show the scheduler's time slices, not the load. Our choice */

struct sample {
	uint64_t at_ns, run_ns, wait_ns, empty_cycles, work_cycles, wakeups;
};

struct processor *processors[PROCESSORS_MAX];
unsigned n_processors;

static struct sample samples[PROCESSORS_MAX][SAMPLES]; /* control only; [0] is the newest */

struct processor *
processor_new(unsigned id, unsigned cpu, unsigned speed_percent, bool poll)
{
	struct cpu where = cpulist_describe(cpu);
	struct processor *p = aligned_alloc(64, RTE_ALIGN_CEIL(sizeof(*p), 64));
	struct epoll_event event = { .events = EPOLLIN, .data.u32 = PROCESSOR_EVENT_WAKE };

	if (p == NULL)
		return NULL;
	memset((void *)p, 0, sizeof(*p));
	p->id = id;
	p->cpu = cpu;
	p->core = where.core;
	p->numa = where.numa;
	p->speed_percent = speed_percent;
	p->poll = poll;
	p->mute_first = p->mute_scan = UINT64_MAX;
	p->epfd = epoll_create1(EPOLL_CLOEXEC);
	p->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (p->epfd < 0 || p->wake_fd < 0 || epoll_ctl(p->epfd, EPOLL_CTL_ADD, p->wake_fd, &event) < 0)
		goto close_fds;
	if (lane_init(&p->lane, id) < 0)
		goto close_fds;
	memset(samples[id], 0, sizeof(samples[id])); /* of a former processor of that number */
	return p;

close_fds:
	if (p->wake_fd >= 0)
		close(p->wake_fd);
	if (p->epfd >= 0)
		close(p->epfd);
	free(p);
	return NULL;
}

void
processor_free(struct processor *p)
{
	if (p == NULL)
		return;
	lane_fini(&p->lane);
	close(p->wake_fd);
	close(p->epfd);
	free((void *)(uintptr_t)atomic_load(&p->queues));
	free(p);
}

bool
processor_wake(struct processor *p)
{
	/* Kick 6, hotset.h. Partner: the fence in processor_sleep. */
	atomic_thread_fence(memory_order_seq_cst);
	if (!atomic_load_explicit(&p->armed, memory_order_relaxed) ||
	    !atomic_exchange_explicit(&p->armed, false, memory_order_relaxed))
		return false;
	processor_look(p);
	return true;
}

void
processor_look(struct processor *p)
{
	uint64_t one = 1;

	/* EAGAIN cannot lose a wake-up: the counter is then far from zero. */
	if (write(p->wake_fd, &one, sizeof(one)) < 0)
		return;
}

/* Run and run-queue time of a thread, ns: /proc/PID/task/TID/schedstat, Documentation/scheduler/sched-stats. */
static bool
read_schedstat(int tid, struct sample *s)
{
	char path[64], text[96];
	unsigned long long run, wait;
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/self/task/%d/schedstat", tid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n <= 0)
		return false;
	text[n] = '\0';
	if (sscanf(text, "%llu %llu", &run, &wait) != 2)
		return false;
	s->run_ns = run;
	s->wait_ns = wait;
	return true;
}

/* With the sample of its processor of the same time, if there is one; a queue that has moved has none that fits. */
static void
sample_queues(uint64_t since_ns)
{
	for (unsigned i = 0; i < QUEUES_MAX; i++) {
		const struct queue *q = atomic_load(&queue_table[i]);
		unsigned p = q != NULL ? queue_processor(q) : PROCESSOR_NONE;

		if (p >= n_processors || samples[p][0].at_ns < since_ns)
			continue;
		queue_looks[i][1] = queue_looks[i][0];
		queue_looks[i][0] = (struct queue_look){ .processor = p,
							 .at_ns = samples[p][0].at_ns,
							 .cycles = count_get(&q->cycles) };
	}
}

void
processor_sample(void)
{
	uint64_t begin_ns = clock_ns();
	bool any = false;

	for (unsigned i = 0; i < n_processors; i++) {
		struct processor *p = processors[i];
		struct sample s = { .at_ns = clock_ns(),
				    .empty_cycles = count_get(&p->empty_cycles),
				    .work_cycles = count_get(&p->work_cycles),
				    .wakeups = count_get(&p->wakeups) };

		if (s.at_ns - samples[i][0].at_ns < WINDOW_MIN_NS || p->tid == 0 || !read_schedstat(p->tid, &s))
			continue;
		memmove(&samples[i][1], &samples[i][0], (SAMPLES - 1) * sizeof(s));
		samples[i][0] = s;
		any = true;
	}
	if (any)
		sample_queues(begin_ns);
}

static double
clamp_percent(double x, double most)
{
	return x < 0 ? 0 : x > most ? most : x;
}

struct processor_load
processor_load(const struct processor *p)
{
	const struct sample *now = &samples[p->id][0], *then = &samples[p->id][1];
	struct processor_load load = { .idle = 100 };
	double window, share = p->speed_percent ? p->speed_percent / 100.0 : 1.0;
	double busy_ns;

	if (then->at_ns == 0)
		return load;
	window = (double)(now->at_ns - then->at_ns);
	busy_ns = (double)(now->run_ns - then->run_ns) -
		  (double)clock_cycles_to_ns(now->empty_cycles - then->empty_cycles);
	/* An emulated processor is full when it has used its share. */
	load.busy = clamp_percent(100.0 * busy_ns / (window * share), 100);
	load.waiting = clamp_percent(100.0 * (double)(now->wait_ns - then->wait_ns) / window, 100 - load.busy);
	load.idle = 100 - load.busy - load.waiting;
	load.wakeups_per_s = 1e9 * (double)(now->wakeups - then->wakeups) / window;
	return load;
}

double
queue_busy(const struct queue *q)
{
	const struct queue_look *now = &queue_looks[q->id][0], *then = &queue_looks[q->id][1];
	unsigned p = queue_processor(q);
	uint64_t worked, took;

	if (p >= n_processors || samples[p][1].at_ns == 0 || now->processor != p || then->processor != p ||
	    now->at_ns != samples[p][0].at_ns || then->at_ns != samples[p][1].at_ns)
		return -1;
	worked = samples[p][0].work_cycles - samples[p][1].work_cycles;
	took = now->cycles - then->cycles;
	if (took == 0)
		return 0;
	/* A burst under way is the queue's before it is its processor's. */
	return processor_load(processors[p]).busy * (took < worked ? (double)took / (double)worked : 1);
}
