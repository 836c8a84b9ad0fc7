/*
 * vfidle.c - drivers of many virtual functions, all up with their receive buffers posted, that do nothing until a signal: what they cost
 * the host is measured from outside. Prints a line when all are up.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "bench/vfpair.h"

#define FUNCTIONS_MAX 1024
#define RING 64
#define ROOM 2048
#define MEMORY ((RING + 16) * ROOM + (64u << 10))

struct idle {
	const char *prefix;
	unsigned long n, cpu;
};

static struct ixvf port[FUNCTIONS_MAX];
static struct vuser_mem mem[FUNCTIONS_MAX];

static void
open_one(const struct idle *g, unsigned i)
{
	char path[108]; /* sun_path, unix(7) */
	struct ixvf_options o = { .path = path, .n_pairs = 1, .rx_size = RING, .tx_size = RING, .rx_room = ROOM };
	uint64_t token;
	int err = vuser_mem_open(&mem[i], MEMORY, VUSER_GPA, false);

	snprintf(path, sizeof(path), "%s%u.vf.sock", g->prefix, i);
	if (err == 0)
		err = ixvf_open(&port[i], &o, &mem[i]);
	if (err < 0)
		bench_fail(path, -err);
	do
		token = (uintptr_t)vuser_mem_carve(&mem[i], ROOM, ROOM);
	while (token != 0 && ix_rx_put(&port[i].rx[0], &token, 1) == 1);
	ix_rx_flush(&port[i].rx[0]);
}

/* Six descriptors of each. */
static void
raise_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

#define AT(field) offsetof(struct idle, field)
static const struct option_row rows[] = {
	{ "prefix", OPTION_TEXT, AT(prefix), 0, 0, "PATH", "of the sockets: PATH0.vf.sock and so on" },
	{ "functions", OPTION_NUMBER, AT(n), 1, FUNCTIONS_MAX, "N", "how many" },
	{ "cpu", OPTION_NUMBER, AT(cpu), 0, VM_ANY_CPU - 1, "N", "the CPU to run on; none given: any" },
	{ NULL },
};
#undef AT

int
main(int argc, char **argv)
{
	static struct idle g = { .n = 1, .cpu = VM_ANY_CPU };
	uint64_t began;

	options_read((struct option_group[]){ { rows, &g } }, 1,
		     "Drivers of many functions that do nothing, until a signal.", argv);
	if (g.prefix == NULL)
		options_refuse("--prefix is needed");
	vmpair_settle(g.cpu);
	raise_limit();
	began = vmpair_ns();
	for (unsigned i = 0; i < g.n; i++)
		open_one(&g, i);
	printf("{\"functions\":%lu,\"attach_ms\":%.1f}\n", g.n, (double)(vmpair_ns() - began) / 1e6);
	fflush(stdout);
	while (!vmpair_stopped)
		pause();
	for (unsigned i = 0; i < g.n; i++) {
		ixvf_close(&port[i]);
		vuser_mem_close(&mem[i]);
	}
	return 0;
}
