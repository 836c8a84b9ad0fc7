/*
 * ringpath.c - what the switch's own path costs a frame: from a guest's transmit ring through the switch into a guest's receive
 * ring, all in this process, so that nothing but the path is counted.
 *
 * With one worker A sends to Z. With several each has a sender of its own, and all write to Z's one ring ("incast"), or, with
 * --apart, each to a receiver of its own: what they share then is the switch. Guests are
 * played by tables that are filled once: what a driver does between bursts is not timed, and its cache lines are the same
 * core's. One line of JSON: cycles of the time-stamp counter for each frame, median, least and most of the rounds.
 */
#include <getopt.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <rte_eal.h>

#include "base/clock.h"
#include "base/qsbr.h"
#include "base/thread.h"
#include "bench/rounds.h"
#include "guest/vhost_rings.h"
#include "pkt/wire.h"
#include "vsw/learn.h"
#include "vsw/switch.h"

#define WORKERS_MAX 4
#define RING 256
#define SINK_RING 4096 /* so large that two workers do not overrun who refills it */
#define BUFFER 2048
#define GPA 0x40000000ull
#define BURSTS 2000 /* a round: 64000 frames */
#define ROUNDS_MAX 64

/* A guest's memory and what it plays. */
struct player {
	struct vport vport;
	struct port port;
	struct vhost_rings rings;
	struct guest_mem *mem;
	uint8_t *va;
	struct vring_desc *desc;
	struct vring_avail *avail;
	struct vring_used *used;
	uint8_t *buffers;
	uint32_t size;
};

struct job {
	struct player *from, *to;
	struct lane lane;
	unsigned cpu;
	pthread_t thread;
	double cycles[ROUNDS_MAX];
};

static unsigned size = 64, n_workers = 1, rounds = 7;
static bool apart; /* a receiver for each worker */
static pthread_barrier_t barrier;
static struct player players[2 * WORKERS_MAX]; /* senders, then receivers */
static struct job jobs[WORKERS_MAX];

static struct mac
address(unsigned i)
{
	return (struct mac){ { 0x02, 0xf1, 0, 0, 0, (uint8_t)(i + 1) } };
}

static _Noreturn void
fail(const char *what)
{
	fprintf(stderr, "ringpath: %s\n", what);
	exit(1);
}

static void
make_memory(struct player *p, uint32_t ring)
{
	uint64_t tables = 1 << 20, len = tables + (uint64_t)ring * BUFFER;

	p->size = ring;
	p->va = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	p->mem = calloc(1, sizeof(*p->mem) + sizeof(p->mem->region[0]));
	if (p->va == MAP_FAILED || p->mem == NULL)
		fail("no memory");
	p->mem->n = 1;
	p->mem->region[0] = (struct guest_region){ .gpa = GPA, .len = len, .va = p->va };
	p->desc = (struct vring_desc *)p->va;
	p->avail = (struct vring_avail *)(p->va + (512 << 10));
	p->used = (struct vring_used *)(p->va + (768 << 10));
	p->buffers = p->va + tables;
}

/* Each descriptor is a buffer of its own, for good, and each entry of the available ring its descriptor. */
static void
fill_ring(struct player *p, uint32_t len, uint16_t flags)
{
	for (uint32_t i = 0; i < p->size; i++) {
		p->desc[i] = (struct vring_desc){ GPA + (uint64_t)(p->buffers - p->va) + (uint64_t)i * BUFFER, len,
						  flags, 0 };
		p->avail->ring[i] = (uint16_t)i;
	}
	p->avail->flags = VRING_AVAIL_F_NO_INTERRUPT;
}

static void
write_frames(struct player *p, const struct mac *from, const struct mac *to)
{
	for (uint32_t i = 0; i < p->size; i++) {
		uint8_t *f = p->buffers + (uint64_t)i * BUFFER + 12, *ip = f + ETH_HEADER_LEN;

		memcpy(f, to->byte, MAC_LEN);
		memcpy(f + MAC_LEN, from->byte, MAC_LEN);
		put_be16(f + ETH_ADDRS_LEN, TYPE_IPV4);
		ip[0] = 0x45;
		put_be16(ip + IP4_LEN_AT, (uint16_t)(size - ETH_HEADER_LEN));
		ip[8] = 64;
		ip[IP4_PROTO_AT] = 17;
		put_be16(ip + 24, (uint16_t)(size - ETH_HEADER_LEN - 20));
	}
}

static void
start_ring(struct player *p, struct vring *r)
{
	struct vring_setup setup = {
		.features = { .header_len = 12, .mergeable = true, .event_idx = true },
		.size = p->size,
		.desc = p->desc,
		.avail = p->avail,
		.used = p->used,
		.call_fd = -1,
		.kick_fd = -1,
		.mem = &p->rings.mem,
	};

	if (vring_start(r, &setup) < 0)
		fail("ring refused");
}

static unsigned
receiver_of(unsigned worker)
{
	return WORKERS_MAX + (apart ? worker : 0);
}

static void
make_player(unsigned i, struct vswitch *sw, bool receiver)
{
	struct player *p = &players[i];
	struct port_conf conf = { .mac = address(i), .spoof_check = true, .vlan = PORT_UNTAGGED };
	struct mac to = address(receiver_of(i));
	static struct spread spread = { .n_entries = 1 };
	char name[8];

	snprintf(name, sizeof(name), "p%u", i);
	if (vport_init(&p->vport, name) < 0)
		fail("no memory");
	p->port.vport = &p->vport;
	make_memory(p, receiver ? SINK_RING : RING);
	fill_ring(p, receiver ? BUFFER : size + 12, receiver ? VRING_DESC_F_WRITE : 0);
	vring_init(&p->rings.rx[0], NULL, &p->vport);
	vring_init(&p->rings.tx[0], &p->port.ingress, &p->vport);
	p->rings.sink.ops = &vhost_sink_ops;
	p->rings.n_pairs = 1;
	atomic_store(&p->rings.mtu, 9216);
	atomic_store(&p->rings.mem, p->mem);
	if (receiver) {
		p->avail->idx = SINK_RING / 2;
		atomic_store(&p->rings.spread, &spread);
	} else {
		write_frames(p, &conf.mac, &to);
	}
	start_ring(p, receiver ? &p->rings.rx[0] : &p->rings.tx[0]);
	if (port_attach(&p->port, sw, &conf) < 0)
		fail("port refused");
	atomic_store(&p->port.sink, &p->rings.sink);
}

/* The receiver's driver gives back what was used. Any worker may play it: the index only grows. */
static void
refill(struct player *z)
{
	uint16_t want = (uint16_t)(__atomic_load_n(&z->used->idx, __ATOMIC_ACQUIRE) + SINK_RING / 2);
	uint16_t had = __atomic_load_n(&z->avail->idx, __ATOMIC_RELAXED);

	while ((int16_t)(want - had) > 0 &&
	       !__atomic_compare_exchange_n(&z->avail->idx, &had, want, false, __ATOMIC_RELEASE, __ATOMIC_RELAXED))
		;
}

/* What worker_source does, timed; and between bursts, what drivers do. */
static double
run_round(struct job *j)
{
	struct source *s = &j->from->rings.tx[0].source;
	uint64_t cycles = 0, frames = 0;

	for (unsigned i = 0; i < BURSTS; i++) {
		uint64_t begin;
		unsigned n;

		__atomic_store_n(&j->from->avail->idx, (uint16_t)(j->from->avail->idx + PKT_BURST), __ATOMIC_RELEASE);
		refill(j->to);
		begin = clock_cycles();
		n = s->ops->take(s, &j->lane);
		if (source_enter(s, &j->lane) != 0)
			fail("a frame was dropped");
		s->ops->give(s, &j->lane);
		cycles += clock_cycles() - begin;
		frames += n;
		qsbr_quiescent(j->lane.reader);
	}
	return (double)cycles / (double)frames;
}

static void *
work(void *arg)
{
	struct job *j = arg;

	lane_enter(&j->lane);
	run_round(j); /* addresses are learnt, caches warm */
	for (unsigned i = 0; i < rounds; i++) {
		pthread_barrier_wait(&barrier);
		j->cycles[i] = run_round(j);
	}
	lane_leave(&j->lane);
	return NULL;
}

static void
report(void)
{
	double mean[ROUNDS_MAX];

	for (unsigned i = 0; i < rounds; i++) {
		mean[i] = 0;
		for (unsigned k = 0; k < n_workers; k++)
			mean[i] += jobs[k].cycles[i] / n_workers;
	}
	rounds_sort(mean, rounds);
	printf("{\"size\": %u, \"workers\": %u, \"apart\": %s, \"cycles\": %.1f, \"low\": %.1f, \"high\": %.1f, "
	       "\"rounds\": %u}\n",
	       size, n_workers, apart ? "true" : "false", mean[rounds / 2], mean[0], mean[rounds - 1], rounds);
}

static unsigned
number(const char *text, unsigned least, unsigned most)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	if (*text < '0' || *text > '9' || *end != '\0' || n < least || n > most) {
		fprintf(stderr, "ringpath: '%s' is not a number from %u to %u\n", text, least, most);
		exit(2);
	}
	return (unsigned)n;
}

static void
parse(int argc, char **argv)
{
	static const struct option options[] = {
		{ "size", required_argument, NULL, 's' },
		{ "workers", required_argument, NULL, 'w' },
		{ "rounds", required_argument, NULL, 'r' },
		{ "apart", no_argument, NULL, 'a' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 's':
			size = number(optarg, 60, BUFFER - 12);
			break;
		case 'w':
			n_workers = number(optarg, 1, WORKERS_MAX);
			break;
		case 'r':
			rounds = number(optarg, 1, ROUNDS_MAX);
			break;
		case 'a':
			apart = true;
			break;
		default:
			fputs("usage: ringpath [--size BYTES] [--workers N] [--rounds N] [--apart]\n", stderr);
			exit(2);
		}
	}
}

int
main(int argc, char **argv)
{
	char *eal[] = { argv[0], "--no-huge", "--no-pci", "--no-telemetry",     "--no-shconf", "-m",
			"64",    "--lcores",  "0@0",      "--log-level=*:error" };
	struct vswitch *sw;

	parse(argc, argv);
	setenv("RUNTIME_DIRECTORY", "/proc/none", 1); /* or EAL makes a folder and leaves it */
	if (rte_eal_init(RTE_DIM(eal), eal) < 0 || qsbr_init() < 0)
		fail("EAL did not start");
	vport_set_lanes(n_workers);
	if (learn_start(n_workers) < 0)
		fail("the learner did not start");
	sw = switch_new("ringpath", SWITCH_KIND_PRIVATE, 8192, 300);
	if (sw == NULL)
		fail("no switch");
	for (unsigned i = 0; i < (apart ? n_workers : 1); i++)
		make_player(WORKERS_MAX + i, sw, true);
	pthread_barrier_init(&barrier, NULL, n_workers);
	for (unsigned i = 0; i < n_workers; i++) {
		make_player(i, sw, false);
		jobs[i].from = &players[i];
		jobs[i].to = &players[receiver_of(i)];
		if (lane_init(&jobs[i].lane, i) < 0)
			fail("no memory");
	}
	for (unsigned i = 0; i < n_workers; i++)
		if (thread_start(&jobs[i].thread, "ringpath", (int)i, work, &jobs[i]) < 0)
			fail("no thread");
	for (unsigned i = 0; i < n_workers; i++)
		pthread_join(jobs[i].thread, NULL);
	report();
	return 0;
}
