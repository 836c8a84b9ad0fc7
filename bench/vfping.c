/*
 * vfping.c - the time of one small frame from virtual function A to B and back, one under way, both ends polled; with --one-way the way
 * there alone, with --sleep likewise, to a receiver that sleeps until it is interrupted. With --interval-ms there is silence before each.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/vfpair.h"

#define SIZE 64
#define WARM 100
#define PATIENCE_MS 1000
#define COUNT_MAX 10000000

struct ping {
	unsigned long count, interval_ms;
	bool sleeps, one_way;

	uint8_t *frame[2];
	uint32_t *ns;
	unsigned long n, lost;
	uint64_t number;
};

static void
send_frame(struct vfpair *p, const struct ping *g, unsigned way)
{
	struct ix_tx *tx = vfpair_tx(p, way);
	uint64_t token = (uintptr_t)g->frame[way];

	ix_tx_clean(tx, NULL, 4);
	memcpy(g->frame[way] + VM_NUMBER_AT - VM_HEADER, &g->number, sizeof(g->number));
	ix_tx_put(tx, &token, 1, SIZE);
	ix_tx_flush(tx);
}

/* Waits until the frame comes, or until end_ns. */
static bool
await_frame(struct vfpair *p, const struct ping *g, unsigned way, uint64_t end_ns)
{
	struct ix_rx *rx = vfpair_rx(p, way);
	bool come = false;

	while (!come && vmpair_ns() < end_ns) {
		struct ix_rx_done done;
		int n;

		if (g->sleeps && !ix_rx_is_done(rx, 0) && ixvf_wait(&p->port[1 - way], 0, PATIENCE_MS) == 0)
			break;
		n = ix_rx_take(rx, &done, 1);
		if (n < 0)
			vfpair_broken();
		if (n == 0)
			continue;
		come = done.len == SIZE && memcmp((uint8_t *)(uintptr_t)done.token + VM_NUMBER_AT - VM_HEADER,
						  &g->number, sizeof(g->number)) == 0;
		ix_rx_put(rx, &done.token, 1);
		ix_rx_flush(rx);
	}
	return come;
}

/* Returns the time in ns; 0 when a frame was lost. */
static uint64_t
round_trip(struct vfpair *p, struct ping *g)
{
	uint64_t began = vmpair_ns(), end = began + PATIENCE_MS * 1000000ull;

	g->number++;
	send_frame(p, g, 0);
	if (!await_frame(p, g, 0, end))
		return 0;
	if (g->sleeps || g->one_way)
		return vmpair_ns() - began;
	send_frame(p, g, 1);
	return await_frame(p, g, 1, end) ? vmpair_ns() - began : 0;
}

static void
silence(struct vfpair *p, const struct ping *g)
{
	struct timespec t = { (time_t)(g->interval_ms / 1000), (long)(g->interval_ms % 1000) * 1000000 };

	if (g->interval_ms > 0)
		nanosleep(&t, NULL);
	if (!g->sleeps)
		return;
	/* As the end of an interrupt: what came before is not counted. */
	ixvf_unmask(&p->port[1], 0);
	ixvf_wait(&p->port[1], 0, 0);
	ixvf_unmask(&p->port[1], 0);
}

static void
run(struct vfpair *p, struct ping *g)
{
	uint64_t end = vmpair_ns() + p->seconds * VM_NS_PER_S;

	for (unsigned i = 0; i < WARM && g->interval_ms == 0; i++)
		round_trip(p, g);
	for (unsigned long i = 0; i < g->count && !vmpair_stopped && vmpair_ns() < end; i++) {
		uint64_t ns;

		silence(p, g);
		ns = round_trip(p, g);
		if (ns == 0)
			g->lost++;
		else
			g->ns[g->n++] = (uint32_t)ns;
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
percentile(const struct ping *g, double percent)
{
	unsigned long at = (unsigned long)((double)g->n * percent / 100);

	return g->n == 0 ? 0 : g->ns[at < g->n ? at : g->n - 1] / 1e3;
}

#define AT(field) offsetof(struct ping, field)
static const struct option_row rows[] = {
	{ "count", OPTION_NUMBER, AT(count), 1, COUNT_MAX, "N", "round trips at most" },
	{ "interval-ms", OPTION_NUMBER, AT(interval_ms), 0, 10000, "MS", "silence before each" },
	{ "one-way", OPTION_FLAG, AT(one_way), 0, 0, NULL, "only the way there counts" },
	{ "sleep", OPTION_FLAG, AT(sleeps), 0, 0, NULL, "the receiver sleeps; only the way there counts" },
	{ NULL },
};
#undef AT

int
main(int argc, char **argv)
{
	static struct ping g = { .count = 100000 };
	static struct vfpair p;

	p = vfpair_defaults;
	options_read((struct option_group[]){ { rows, &g }, { vfpair_options, &p } }, 2,
		     "The time of a small frame from function A to B and back; ends with a line of JSON.", argv);
	g.ns = calloc(g.count, sizeof(*g.ns));
	if (g.ns == NULL)
		bench_fail("times", ENOMEM);
	p.memory = 1 << 16;
	vfpair_open(&p);
	for (unsigned way = 0; way < 2; way++) {
		g.frame[way] = vfpair_buffer(&p, SIZE);
		vfpair_frame(&p, way, g.frame[way], SIZE);
	}
	vfpair_prime(&p);
	run(&p, &g);
	qsort(g.ns, g.n, sizeof(*g.ns), by_time);
	printf("{\"interval_ms\":%lu,\"sleep\":%s,", g.interval_ms, g.sleeps ? "true" : "false");
	vfpair_print(&p);
	printf(",\"count\":%lu,\"lost\":%lu,\"min_us\":%.2f,\"p50_us\":%.2f,\"p90_us\":%.2f,\"p99_us\":%.2f,\"max_us\":"
	       "%.2f}\n",
	       g.n, g.lost, percentile(&g, 0), percentile(&g, 50), percentile(&g, 90), percentile(&g, 99),
	       percentile(&g, 100));
	vfpair_close(&p);
	return 0;
}
