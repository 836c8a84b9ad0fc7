/*
 * vfpath.c - what the switch's own path costs a frame between two virtual functions: from one's transmit ring through the switch into
 * the other's receive ring, all in this process, as ringpath.c does it for vhost's rings. What drivers do between bursts is not timed.
 * One line of JSON: cycles of the time-stamp counter for each frame, median, least and most of the rounds.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <rte_eal.h>

#include "base/clock.h"
#include "base/qsbr.h"
#include "bench/rounds.h"
#include "pkt/wire.h"
#include "sriov/vf_look.h"
#include "vsw/learn.h"
#include "vsw/switch.h"

#define RING 512 /* descriptors; of a sender a context and a buffer for each frame */
#define BUFFER 2048
#define GPA 0x40000000ull
#define TABLES (1u << 20) /* bytes in front of the buffers */
#define BURSTS 2000       /* a round: 64000 frames */
#define ROUNDS 7
#define ENABLE 0x02000000u
#define CONTEXT 0x20200000ull
#define DATA 0x2b300000ull /* EOP, IFCS, RS, DEXT */

struct player {
	struct vport vport;
	struct port port;
	struct vf_interrupt interrupt;
	struct vf_rings *rings;
	struct queue *queue[VF_RX_RINGS];
	const struct guest_mem *_Atomic mem;
	uint8_t *va, *page[2];
	struct vf_desc *desc;
	uint32_t tail;
};

static struct player sender, receiver;
static struct lane lane;
static unsigned size = 64;

static _Noreturn void
fail(const char *what)
{
	fprintf(stderr, "vfpath: %s\n", what);
	exit(1);
}

static void
make_memory(struct player *p)
{
	uint64_t len = TABLES + (uint64_t)RING * BUFFER;
	struct guest_mem *mem = calloc(1, sizeof(*mem) + sizeof(mem->region[0]));

	p->va = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	p->page[0] = aligned_alloc(4096, 4096);
	p->page[1] = aligned_alloc(4096, 4096);
	if (p->va == MAP_FAILED || mem == NULL || p->page[0] == NULL || p->page[1] == NULL)
		fail("no memory");
	memset(p->page[0], 0, 4096);
	memset(p->page[1], 0, 4096);
	mem->n = 1;
	mem->region[0] = (struct guest_region){ .gpa = GPA, .len = len, .va = p->va };
	atomic_store(&p->mem, mem);
	p->desc = (struct vf_desc *)(void *)p->va;
}

static void
write_register(struct player *p, bool transmit, unsigned offset, uint32_t value)
{
	__atomic_store_n((uint32_t *)(void *)(p->page[transmit] + offset), value, __ATOMIC_RELEASE);
}

static uint64_t
buffer(uint32_t i)
{
	return GPA + TABLES + (uint64_t)i * BUFFER;
}

static void
make_player(struct player *p, const char *name, struct vswitch *sw, uint8_t last, bool transmit)
{
	struct port_conf conf = { .mac = { { 2, 0xf1, 0, 0, 0, last } }, .spoof_check = true, .vlan = PORT_UNTAGGED };
	struct vf_rx_rules rules = { .link = true, .max_frame = 9500 };
	struct vf_rings_setup setup = {
		.queues = p->queue, .ingress = &p->port.ingress, .interrupt = &p->interrupt, .mem = &p->mem
	};

	if (vport_init(&p->vport, name) < 0)
		fail("no memory");
	p->port.vport = &p->vport;
	make_memory(p);
	for (unsigned i = 0; i < VF_RX_RINGS; i++)
		p->queue[i] = queue_new(&p->vport, i);
	vf_interrupt_init(&p->interrupt, 0);
	setup.rx_page = p->page[0];
	setup.tx_page = p->page[1];
	p->rings = vf_rings_new(&setup);
	if (p->rings == NULL || vf_rings_set_rules(p->rings, &rules) < 0 || port_attach(&p->port, sw, &conf) < 0)
		fail("no virtual function");
	atomic_store(&p->port.sink, vf_rings_sink(p->rings));
	write_register(p, transmit, VFRDBAL, (uint32_t)GPA);
	write_register(p, transmit, VFRDLEN, RING * 16);
	write_register(p, transmit, VFSRRCTL, transmit ? 0 : 0x12000402);
	write_register(p, transmit, VFRXDCTL, ENABLE | (transmit ? 0 : VFRXDCTL_VME));
	vf_rings_sample(p->rings);
}

static void
write_frames(void)
{
	for (uint32_t i = 0; i < RING; i += 2) {
		uint8_t *f = sender.va + buffer(i) - GPA, *ip = f + ETH_HEADER_LEN;

		memcpy(f, ((const uint8_t[]){ 2, 0xf1, 0, 0, 0, 2, 2, 0xf1, 0, 0, 0, 1 }), 12);
		put_be16(f + ETH_ADDRS_LEN, TYPE_IPV4);
		ip[0] = 0x45;
		put_be16(ip + IP4_LEN_AT, (uint16_t)(size - ETH_HEADER_LEN));
		ip[8] = 64;
		ip[IP4_PROTO_AT] = 17;
		put_be16(ip + 24, (uint16_t)(size - ETH_HEADER_LEN - 20));
		sender.desc[i] = (struct vf_desc){ 14 << 9, CONTEXT };
		sender.desc[i + 1] = (struct vf_desc){ buffer(i), DATA | size | (uint64_t)size << 46 };
	}
}

/* The receiver's driver posts what it has taken. */
static void
post(unsigned n)
{
	for (unsigned i = 0; i < n; i++, receiver.tail = (receiver.tail + 1) % RING)
		receiver.desc[receiver.tail] = (struct vf_desc){ buffer(receiver.tail), 0 };
	write_register(&receiver, false, VFRDT, receiver.tail);
}

/* What a worker does, timed. */
static double
run_round(void)
{
	struct source *s = &sender.rings->tx[0].source;
	uint64_t cycles = 0, frames = 0;

	for (unsigned i = 0; i < BURSTS; i++) {
		uint64_t begin;
		unsigned n;

		sender.tail = (sender.tail + 2 * PKT_BURST) % RING;
		write_register(&sender, true, VFTDT, sender.tail);
		begin = clock_cycles();
		n = s->ops->take(s, &lane);
		if (source_enter(s, &lane) != 0)
			fail("a frame was dropped");
		s->ops->give(s, &lane);
		cycles += clock_cycles() - begin;
		frames += n;
		post(n);
		qsbr_quiescent(lane.reader);
	}
	return (double)cycles / (double)frames;
}

int
main(int argc, char **argv)
{
	char *eal[] = { argv[0], "--no-huge", "--no-pci", "--no-telemetry",     "--no-shconf", "-m",
			"64",    "--lcores",  "0@0",      "--log-level=*:error" };
	double cycles[ROUNDS];
	struct vswitch *sw;

	if (argc == 2)
		size = (unsigned)strtoul(argv[1], NULL, 10);
	if (argc > 2 || size < 60 || size > BUFFER) {
		fputs("usage: vfpath [BYTES]\n", stderr);
		return 2;
	}
	setenv("RUNTIME_DIRECTORY", "/proc/none", 1); /* or EAL makes a folder and leaves it */
	if (rte_eal_init(RTE_DIM(eal), eal) < 0 || qsbr_init() < 0)
		fail("EAL did not start");
	vport_set_lanes(1);
	if (learn_start(1) < 0 || lane_init(&lane, 0) < 0)
		fail("no memory");
	sw = switch_new("vfpath", SWITCH_KIND_PRIVATE, 8192, 300);
	if (sw == NULL)
		fail("no switch");
	make_player(&receiver, "receiver", sw, 2, false);
	make_player(&sender, "sender", sw, 1, true);
	write_frames();
	post(RING / 2);
	lane_enter(&lane);
	run_round(); /* addresses are learnt, caches warm */
	for (unsigned i = 0; i < ROUNDS; i++)
		cycles[i] = run_round();
	rounds_sort(cycles, ROUNDS);
	printf("{\"size\": %u, \"cycles\": %.1f, \"low\": %.1f, \"high\": %.1f, \"rounds\": %u}\n", size,
	       cycles[ROUNDS / 2], cycles[0], cycles[ROUNDS - 1], ROUNDS);
	lane_leave(&lane);
	return 0;
}
