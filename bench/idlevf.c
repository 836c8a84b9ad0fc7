/*
 * idlevf.c - what idle virtual functions cost a processor, and how long the first frame of one waits: nobody kicks for their doorbells
 * (nic/mute.h). A worker with COUNT of them, each with two transmit rings that run, none of which sends; then each 20 ms one frame of
 * one of them. One line of JSON: share of a core while all are idle, and microseconds from doorbell to switch.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>

#include <rte_eal.h>

#include "base/clock.h"
#include "base/qsbr.h"
#include "bench/rounds.h"
#include "sriov/vf_look.h"
#include "worker.h"

#define COUNT_MAX 256
#define RING 64
#define GPA 0x40000000ull
#define ROOM 4096 /* bytes of memory of each: two rings, and a frame */
#define FRAMES 200
#define IDLE_S 4

struct vf {
	struct vf_interrupt interrupt;
	struct vf_rings *rings;
	struct queue *queue[VF_RX_RINGS];
	uint8_t *page[2];
};

static struct vf vfs[COUNT_MAX];
static const struct guest_mem *_Atomic memory;
static uint8_t *va;
static struct vport vport;
static _Atomic uint64_t came; /* cycles: when the last frame entered; 0: none yet */

static _Noreturn void
fail(const char *what)
{
	fprintf(stderr, "idlevf: %s\n", what);
	exit(1);
}

static unsigned
note(struct lane *lane, struct ingress *in, struct burst *burst)
{
	atomic_store(&came, clock_cycles());
	return burst->n;
}

static struct ingress noted = { note };

static void
make_memory(unsigned n)
{
	struct guest_mem *mem = calloc(1, sizeof(*mem) + sizeof(mem->region[0]));

	va = mmap(NULL, (size_t)n * ROOM, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (va == MAP_FAILED || mem == NULL || vport_init(&vport, "idle") < 0)
		fail("no memory");
	mem->n = 1;
	mem->region[0] = (struct guest_region){ .gpa = GPA, .len = (uint64_t)n * ROOM, .va = va };
	atomic_store(&memory, mem);
}

static void
write_register(const struct vf *v, unsigned ring, unsigned offset, uint32_t value)
{
	__atomic_store_n((uint32_t *)(void *)(v->page[1] + VF_QUEUE(ring) + offset), value, __ATOMIC_RELEASE);
}

static void
make_vf(unsigned i)
{
	struct vf *v = &vfs[i];
	struct vf_rings_setup setup = {
		.queues = v->queue, .ingress = &noted, .mem = &memory, .interrupt = &v->interrupt
	};

	for (unsigned k = 0; k < VF_RX_RINGS; k++) {
		v->queue[k] = queue_new(&vport, k);
		v->page[k] = aligned_alloc(4096, 4096);
		if (v->queue[k] == NULL || v->page[k] == NULL)
			fail("no memory");
		memset(v->page[k], 0, 4096);
	}
	setup.rx_page = v->page[0];
	setup.tx_page = v->page[1];
	vf_interrupt_init(&v->interrupt, 0);
	v->rings = vf_rings_new(&setup);
	if (v->rings == NULL)
		fail("no memory");
	for (unsigned k = 0; k < VF_RX_RINGS; k++) {
		write_register(v, k, VFTDBAL, (uint32_t)(GPA + (uint64_t)i * ROOM + (uint64_t)k * RING * 16));
		write_register(v, k, VFTDLEN, RING * 16);
		write_register(v, k, VFTXDCTL, VFTXDCTL_ENABLE);
	}
	vf_rings_sample(v->rings);
	for (unsigned k = 0; k < VF_RX_RINGS; k++)
		if (queue_move(v->queue[k], 0) < 0)
			fail("no memory");
}

static void
wait_us(uint64_t us)
{
	struct timespec ts = { (time_t)(us / 1000000), (long)(us % 1000000 * 1000) };

	nanosleep(&ts, NULL);
}

/* CPU time of the whole process, whose only busy thread is the worker. */
static double
cpu_s(void)
{
	struct rusage use;

	getrusage(RUSAGE_SELF, &use);
	return (double)use.ru_utime.tv_sec + (double)use.ru_stime.tv_sec +
	       (double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec) / 1e6;
}

/* Microseconds that a frame of ring 0 of VF i waits. */
static double
send_one(unsigned i, uint32_t *tail)
{
	uint8_t *room = va + (size_t)i * ROOM;
	struct vf_desc *d = (struct vf_desc *)(void *)room + tail[i];
	uint64_t begin, end;

	*d = (struct vf_desc){ GPA + (uint64_t)i * ROOM + 2 * RING * 16, 0x2b300000ull | 60 };
	tail[i] = (tail[i] + 1) % RING;
	atomic_store(&came, 0);
	begin = clock_cycles();
	write_register(&vfs[i], 0, VFTDT, tail[i]);
	while ((end = atomic_load(&came)) == 0)
		wait_us(50);
	return (double)clock_cycles_to_ns(end - begin) / 1e3;
}

int
main(int argc, char **argv)
{
	char *eal[] = { argv[0], "--no-huge", "--no-pci", "--no-telemetry",     "--no-shconf", "-m",
			"64",    "--lcores",  "0@0",      "--log-level=*:error" };
	unsigned n = argc == 2 ? (unsigned)strtoul(argv[1], NULL, 10) : COUNT_MAX;
	static uint32_t tail[COUNT_MAX];
	double waited[FRAMES], busy;
	struct processor *p;

	if (argc > 2 || n < 1 || n > COUNT_MAX) {
		fputs("usage: idlevf [COUNT]\n", stderr);
		return 2;
	}
	setenv("RUNTIME_DIRECTORY", "/proc/none", 1); /* or EAL makes a folder and leaves it */
	if (rte_eal_init(RTE_DIM(eal), eal) < 0 || qsbr_init() < 0)
		fail("EAL did not start");
	vport_set_lanes(1);
	p = processors[0] = processor_new(0, 0, 0, false);
	n_processors = 1;
	make_memory(n);
	if (p == NULL || worker_start(p) < 0)
		fail("no worker");
	for (unsigned i = 0; i < n; i++)
		make_vf(i);
	wait_us(200000);
	busy = cpu_s();
	wait_us(IDLE_S * 1000000);
	busy = (cpu_s() - busy) / IDLE_S * 100;
	for (unsigned i = 0; i < FRAMES; i++) {
		wait_us(20000 + i * 7 % 13 * 400); /* at any phase of the looks */
		waited[i] = send_one(i * 37 % n, tail);
	}
	rounds_sort(waited, FRAMES);
	printf("{\"vfs\": %u, \"idle_percent\": %.2f, \"first_us\": %.0f, \"first_us_max\": %.0f}\n", n, busy,
	       waited[FRAMES / 2], waited[FRAMES - 1]);
	worker_stop(p);
	return 0;
}
