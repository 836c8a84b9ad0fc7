/*
 * vmping.c - the time of one small frame from vhost-user device A to B and back, one under way.
 *
 * Both ends are polled here, so the time is that of what stands between, twice, and of the kicks that it asks for. With
 * --interval-ms there is silence before each frame: the first one after it finds everything asleep that sleeps. With --sleep
 * the receiver does, too, until the device interrupts it, and the time is that of the way there alone: the way back would find
 * everything awake; with --sleep-both both do, and the time is there and back. --floor-cpu tells what of it is the machine's: in the middle of each silence a thread on that CPU, which sleeps
 * likewise, is woken by an eventfd, and wakes us by another.
 */
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

#include "bench/vmpair.h"

#define SIZE 64
#define WARM 100 /* round trips that are not counted; none with --interval-ms, where each is as cold as the first */
#define PATIENCE_MS 1000 /* longer than a switch may be off its CPU */
#define COUNT_MAX 10000000
#define NO_CPU CPU_SETSIZE

struct times {
	uint32_t *ns;
	unsigned long n;
};

struct ping {
	unsigned long count, interval_ms, floor_cpu;
	bool sleeps, both_sleep;

	uint8_t *frame[2];
	struct times way, floor;
	unsigned long lost;
	uint64_t number;
	int wake_fd, woken_fd; /* of the floor */
};

static void
send_frame(struct vmpair *p, struct ping *g, unsigned way)
{
	struct vuser_queue *tx = vmpair_tx(p, way, 0);
	uint64_t token = (uintptr_t)g->frame[way];
	struct vuser_done done[4];

	/* The one before was used by now, unless it was lost on the way: it is the same buffer, and may be sent twice. */
	if (vuser_take(tx, done, 4) < 0)
		vmpair_broken();
	memcpy(g->frame[way] + VM_NUMBER_AT, &g->number, sizeof(g->number));
	vuser_put(tx, &token, 1, VM_HEADER + SIZE, 0);
	vuser_flush(tx);
}

/* Until a queue of the receiver has a frame, or end_ns. Returns whether there is one. */
static bool
sleep_until_called(struct vmpair *p, unsigned way, uint64_t end_ns)
{
	struct pollfd fds[VUSER_PAIRS_MAX];
	uint64_t now = vmpair_ns();
	bool called = false;

	for (unsigned q = 0; q < p->queues; q++) {
		struct vuser_queue *rx = vmpair_rx(p, way, q);

		fds[q] = (struct pollfd){ .fd = rx->call_fd, .events = POLLIN };
		called |= vuser_calls_on(rx);
	}
	if (!called && now < end_ns)
		called = poll(fds, (nfds_t)p->queues, 1 + (int)((end_ns - now) / 1000000)) > 0;
	for (unsigned q = 0; q < p->queues; q++)
		vuser_called(vmpair_rx(p, way, q));
	return called;
}

/* Waits until the frame comes, or until end_ns. */
static bool
await_frame(struct vmpair *p, struct ping *g, unsigned way, uint64_t end_ns)
{
	bool come = false;

	while (!come && vmpair_ns() < end_ns) {
		if ((g->sleeps || g->both_sleep) && !sleep_until_called(p, way, end_ns))
			break;
		for (unsigned q = 0; q < p->queues; q++) {
			struct vuser_queue *rx = vmpair_rx(p, way, q);
			struct vuser_done done;
			int n = vuser_take(rx, &done, 1);

			if (n < 0)
				vmpair_broken();
			if (n == 0)
				continue;
			come = done.len == VM_HEADER + SIZE && memcmp((uint8_t *)(uintptr_t)done.token + VM_NUMBER_AT,
								      &g->number, sizeof(g->number)) == 0;
			vmpair_repost(p, rx, &done.token, 1);
			if (come)
				break;
		}
	}
	return come;
}

/* Returns the time there and back in ns, or there alone; 0 when a frame was lost. */
static uint64_t
round_trip(struct vmpair *p, struct ping *g)
{
	uint64_t began = vmpair_ns(), end = began + PATIENCE_MS * 1000000ull;

	g->number++;
	send_frame(p, g, 0);
	if (!await_frame(p, g, 0, end))
		return 0;
	if (g->sleeps)
		return vmpair_ns() - began;
	send_frame(p, g, 1);
	return await_frame(p, g, 1, end) ? vmpair_ns() - began : 0;
}

static void
silence(unsigned long ms)
{
	struct timespec t = { (time_t)(ms / 1000), (long)(ms % 1000) * 1000000 };

	if (ms > 0)
		nanosleep(&t, NULL);
}

/* ---- the floor: two wake-ups ---- */

static void *
answer(void *arg)
{
	struct ping *g = arg;
	eventfd_t n;
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(g->floor_cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set) < 0)
		bench_fail("cannot run on that CPU", errno);
	while (eventfd_read(g->wake_fd, &n) == 0 && eventfd_write(g->woken_fd, 1) == 0)
		continue;
	return NULL;
}

static void
floor_start(struct ping *g)
{
	pthread_t thread;
	int err;

	g->wake_fd = eventfd(0, EFD_CLOEXEC);
	g->woken_fd = eventfd(0, EFD_CLOEXEC);
	if (g->wake_fd < 0 || g->woken_fd < 0)
		bench_fail("eventfd", errno);
	err = pthread_create(&thread, NULL, answer, g); /* it ends with the program */
	if (err != 0)
		bench_fail("a thread", err);
}

static void
floor_once(struct ping *g)
{
	uint64_t began = vmpair_ns();
	eventfd_t n;

	eventfd_write(g->wake_fd, 1);
	if (eventfd_read(g->woken_fd, &n) == 0)
		g->floor.ns[g->floor.n++] = (uint32_t)(vmpair_ns() - began);
}

/* ---- */

static void
wait_in_silence(struct ping *g)
{
	if (g->floor_cpu == NO_CPU) {
		silence(g->interval_ms);
		return;
	}
	silence(g->interval_ms / 2);
	floor_once(g);
	silence(g->interval_ms / 2);
}

static void
run(struct vmpair *p, struct ping *g)
{
	uint64_t end = vmpair_ns() + p->seconds * VM_NS_PER_S;

	for (unsigned i = 0; i < WARM && g->interval_ms == 0; i++)
		round_trip(p, g);
	for (unsigned long i = 0; i < g->count && !vmpair_stopped && vmpair_ns() < end; i++) {
		uint64_t ns;

		wait_in_silence(g);
		ns = round_trip(p, g);
		if (ns == 0)
			g->lost++;
		else
			g->way.ns[g->way.n++] = (uint32_t)ns;
	}
}

static int
by_time(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

/* The time in us that `percent` of them, sorted, do not exceed. */
static double
percentile(const struct times *t, double percent)
{
	unsigned long at = (unsigned long)((double)t->n * percent / 100);

	return t->n == 0 ? 0 : t->ns[at < t->n ? at : t->n - 1] / 1e3;
}

static void
times_new(struct times *t, unsigned long n)
{
	t->ns = calloc(n, sizeof(*t->ns));
	if (t->ns == NULL)
		bench_fail("times", ENOMEM);
}

static void
report(const struct vmpair *p, struct ping *g)
{
	const struct times *way = &g->way, *floor = &g->floor;

	qsort(way->ns, way->n, sizeof(*way->ns), by_time);
	qsort(floor->ns, floor->n, sizeof(*floor->ns), by_time);
	printf("{\"interval_ms\":%lu,\"sleep\":%s,", g->interval_ms, g->sleeps || g->both_sleep ? "true" : "false");
	vmpair_print(p);
	printf(",\"count\":%lu,\"lost\":%lu,\"min_us\":%.2f,\"p50_us\":%.2f,\"p90_us\":%.2f,\"p99_us\":%.2f,\"p999_"
	       "us\":%.2f,"
	       "\"max_us\":%.2f,\"floor_p50_us\":%.2f,\"floor_p99_us\":%.2f}\n",
	       way->n, g->lost, percentile(way, 0), percentile(way, 50), percentile(way, 90), percentile(way, 99),
	       percentile(way, 99.9), percentile(way, 100), percentile(floor, 50), percentile(floor, 99));
}

#define AT(field) offsetof(struct ping, field)
static const struct option_row rows[] = {
	{ "count", OPTION_NUMBER, AT(count), 1, COUNT_MAX, "N", "round trips at most" },
	{ "interval-ms", OPTION_NUMBER, AT(interval_ms), 0, 10000, "MS", "silence before each" },
	{ "sleep", OPTION_FLAG, AT(sleeps), 0, 0, NULL, "the receiver sleeps; only the way there counts" },
	{ "sleep-both", OPTION_FLAG, AT(both_sleep), 0, 0, NULL, "each receiver sleeps; there and back" },
	{ "floor-cpu", OPTION_NUMBER, AT(floor_cpu), 0, CPU_SETSIZE - 1, "N",
	  "time two wake-ups, there and back, too" },
	{ NULL },
};
#undef AT

int
main(int argc, char **argv)
{
	static struct ping g = { .count = 100000, .floor_cpu = NO_CPU };
	static struct vmpair p;

	p = vmpair_defaults;
	options_read((struct option_group[]){ { rows, &g }, { vmpair_options, &p } }, 2,
		     "The time of a small frame from A to B and back; ends with a line of JSON.", argv);
	times_new(&g.way, g.count);
	times_new(&g.floor, g.count);
	if (g.floor_cpu != NO_CPU)
		floor_start(&g);
	p.rx_len = 2048;
	p.memory = 1 << 16;
	vmpair_open(&p);
	for (unsigned way = 0; way < 2; way++) {
		struct vmframe f = vmpair_way(&p, way, 0, SIZE);

		g.frame[way] = vmpair_buffer(&p, VM_HEADER + SIZE);
		vmframe_udp(g.frame[way], &f);
	}
	vmpair_prime(&p);
	run(&p, &g);
	report(&p, &g);
	vmpair_close(&p);
	return 0;
}
