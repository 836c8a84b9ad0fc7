/* vmpair.c - see vmpair.h. */
#include "bench/vmpair.h"

#include <linux/virtio_config.h>
#include <linux/virtio_net.h>
#include <linux/virtio_ring.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>

#define LINE 64
#define PROBE_LEN 60    /* the shortest frame, without its checksum */
#define PROBE_MS 100    /* until the next probe is sent */
#define PROBES_MAX 100  /* then nothing forwards */
#define LATE_MS 20      /* for probes that come late */
#define CALIBRATE_MS 20 /* 0.1 % of it is far above what reading the clock costs */

/* What every program asks for; more is its own business. */
#define FEATURES                                                                                             \
	(1ull << VIRTIO_F_VERSION_1 | 1ull << VIRTIO_NET_F_MRG_RXBUF | 1ull << VIRTIO_RING_F_INDIRECT_DESC | \
	 1ull << VUSER_F_PROTOCOL_FEATURES)
#define PROTOCOL_FEATURES                                                                                \
	(1ull << VUSER_PROTOCOL_REPLY_ACK | 1ull << VUSER_PROTOCOL_MQ | 1ull << VUSER_PROTOCOL_NET_MTU | \
	 1ull << VUSER_PROTOCOL_MEM_SLOTS | 1ull << VUSER_PROTOCOL_STATUS)

#define AT(field) offsetof(struct vmpair, field)
const struct option_row vmpair_options[] = {
	{ "a", OPTION_TEXT, AT(path[0]), 0, 0, "SOCKET", "vhost-user socket of device A" },
	{ "b", OPTION_TEXT, AT(path[1]), 0, 0, "SOCKET", "of device B" },
	{ "mac-a", OPTION_MAC, AT(mac[0]), 0, 0, "MAC", "of A" },
	{ "mac-b", OPTION_MAC, AT(mac[1]), 0, 0, "MAC", "of B" },
	{ "server", OPTION_FLAG, AT(server), 0, 0, NULL, "listen on the sockets: the back end is the client" },
	{ "hugepages", OPTION_FLAG, AT(huge), 0, 0, NULL, "guest memory in pages of 2 MiB" },
	{ "cpu", OPTION_NUMBER, AT(cpu), 0, CPU_SETSIZE - 1, "N", "the CPU to run on; none given: any" },
	{ "ring", OPTION_NUMBER, AT(ring), 4, VUSER_RING_MAX, "N", "entries of a ring, a power of two" },
	{ "queues", OPTION_NUMBER, AT(queues), 1, VUSER_PAIRS_MAX, "N", "queue pairs of a device" },
	{ "mtu", OPTION_NUMBER, AT(mtu), 68, 65535, "N", "told to the back end; none given: not told" },
	{ "no-in-order", OPTION_FLAG, AT(no_in_order), 0, 0, NULL, "do not take VIRTIO_F_IN_ORDER" },
	{ "no-event-idx", OPTION_FLAG, AT(no_event_idx), 0, 0, NULL, "do not take VIRTIO_RING_F_EVENT_IDX" },
	{ "seconds", OPTION_NUMBER, AT(seconds), 1, 3600, "N", "how long at most" },
	{ NULL },
};
#undef AT

const struct vmpair vmpair_defaults = {
	.mac = { { 2, 0, 0, 0, 0, 0x0a }, { 2, 0, 0, 0, 0, 0x0b } },
	.cpu = VM_ANY_CPU,
	.ring = 256,
	.queues = 1,
	.seconds = 5,
};

volatile sig_atomic_t vmpair_stopped;

static void
stop(int number)
{
	vmpair_stopped = 1;
}

static uint64_t
stride_of(uint32_t len)
{
	/* An odd number of lines: at powers of two, the first lines of all buffers would share a few sets of the caches. */
	return ((len + LINE - 1) / LINE | 1) * LINE;
}

static uint64_t
rings_len(const struct vmpair *p)
{
	uint64_t tx = p->ring, rx = p->rx_ring, entry = 16 + 2 + 8,
		 rest = 4 * LINE + 16; /* virtio 1.2, 2.7: split rings */

	return 2 * p->queues * ((tx + rx) * entry + 2 * rest + rx * stride_of(p->rx_len)) + (64 << 10);
}

void
vmpair_settle(unsigned long cpu)
{
	cpu_set_t set;

	sigaction(SIGTERM, &(struct sigaction){ .sa_handler = stop }, NULL);
	sigaction(SIGINT, &(struct sigaction){ .sa_handler = stop }, NULL);
	prctl(PR_SET_TIMERSLACK, 1);
	if (cpu == VM_ANY_CPU)
		return;
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set) < 0)
		bench_fail("cannot run on that CPU", errno);
}

uint64_t
vmpair_calibrate(void)
{
	uint64_t began = vmpair_ns(), cycles = vmpair_cycles(), now;

	while ((now = vmpair_ns()) - began < CALIBRATE_MS * 1000000ull)
		;
	return (uint64_t)((double)(vmpair_cycles() - cycles) * VM_NS_PER_S / (double)(now - began));
}

static void
open_port(struct vmpair *p, unsigned i)
{
	struct vuser_options o = {
		.path = p->path[i],
		.server = p->server,
		.n_pairs = (unsigned)p->queues,
		.rx_size = p->rx_ring,
		.tx_size = (unsigned)p->ring,
		.features = FEATURES | p->features,
		.protocol_features = PROTOCOL_FEATURES,
		.mtu = (unsigned)p->mtu,
	};
	int err;

	if (p->queues > 1)
		o.features |= 1ull << VIRTIO_NET_F_MQ;
	if (!p->no_in_order)
		o.features |= 1ull << VIRTIO_F_IN_ORDER;
	if (!p->no_event_idx)
		o.features |= 1ull << VIRTIO_RING_F_EVENT_IDX;
	err = vuser_open(&p->port[i], &o, &p->mem);
	if (err < 0)
		bench_fail(p->path[i], -err);
	if ((p->port[i].features & p->features) != p->features || !vuser_has(&p->port[i], VIRTIO_F_VERSION_1)) {
		fprintf(stderr, "%s: the back end offers features %#lx; %#llx are needed\n", p->path[i],
			p->port[i].offered, p->features | 1ull << VIRTIO_F_VERSION_1);
		exit(1);
	}
}

static void
post_all(struct vmpair *p, struct vuser_queue *rx)
{
	for (unsigned i = 0; i < rx->size; i++) {
		uint64_t token = (uintptr_t)vmpair_buffer(p, p->rx_len);

		vuser_put(rx, &token, 1, p->rx_len, VUSER_DESC_WRITE);
	}
	vuser_flush(rx);
}

void
vmpair_open(struct vmpair *p)
{
	int err;

	if (p->path[0] == NULL || p->path[1] == NULL)
		options_refuse("--a and --b are needed");
	if (p->rx_ring == 0)
		p->rx_ring = (unsigned)p->ring;
	if ((p->ring & (p->ring - 1)) != 0)
		options_refuse("--ring: %lu is no power of two", p->ring);
	vmpair_settle(p->cpu);
	err = vuser_mem_open(&p->mem, rings_len(p) + p->memory, VUSER_GPA, p->huge);
	if (err < 0)
		bench_fail(p->huge ? "cannot get the memory in huge pages (see nr_hugepages)" : "cannot get the memory",
			   -err);
	for (unsigned i = 0; i < 2; i++) {
		open_port(p, i);
		for (unsigned q = 0; q < p->port[i].n_queues; q++)
			vuser_calls_off(&p->port[i].queue[q]);
		for (unsigned q = 0; q < p->queues; q++)
			post_all(p, &p->port[i].queue[2 * q]);
	}
	p->cycles_per_s = vmpair_calibrate();
}

void
vmpair_close(struct vmpair *p)
{
	vuser_close(&p->port[0]);
	vuser_close(&p->port[1]);
	vuser_mem_close(&p->mem);
}

_Noreturn void
vmpair_broken(void)
{
	bench_fail("the device broke the rules of a queue", EPROTO);
}

uint8_t *
vmpair_buffer(struct vmpair *p, uint32_t len)
{
	uint8_t *buffer = vuser_mem_carve(&p->mem, stride_of(len), LINE);

	if (buffer == NULL)
		bench_fail("buffers", ENOMEM);
	return buffer;
}

void
vmpair_repost(const struct vmpair *p, struct vuser_queue *rx, const uint64_t *token, unsigned n)
{
	vuser_put(rx, token, n, p->rx_len, VUSER_DESC_WRITE);
	vuser_flush(rx);
}

struct vmframe
vmpair_way(const struct vmpair *p, unsigned way, unsigned flow, uint32_t len)
{
	return (struct vmframe){ p->mac[way], p->mac[1 - way], way, flow, len };
}

/* ---- probes ---- */

/* Takes everything that came that way and gives it back to the ring. Returns how many frames. */
static unsigned
drain(struct vmpair *p, unsigned way)
{
	unsigned frames = 0;

	for (unsigned q = 0; q < p->queues; q++) {
		struct vuser_queue *rx = vmpair_rx(p, way, q);
		struct vuser_done done[VM_BATCH];
		uint64_t token[VM_BATCH];
		int n = vuser_take(rx, done, VM_BATCH);

		if (n < 0)
			vmpair_broken();
		for (int i = 0; i < n; i++)
			token[i] = done[i].token;
		vmpair_repost(p, rx, token, (unsigned)n);
		frames += (unsigned)n;
	}
	return frames;
}

static unsigned
drain_for(struct vmpair *p, unsigned way, unsigned ms, bool any)
{
	uint64_t end = vmpair_ns() + ms * 1000000ull;
	unsigned frames = 0;

	while (!(any && frames > 0) && vmpair_ns() < end)
		frames += drain(p, way);
	return frames;
}

static void
probe(struct vmpair *p, unsigned way, uint8_t *frame)
{
	struct vuser_queue *tx = vmpair_tx(p, way, 0);
	struct vmframe f = vmpair_way(p, way, 0, PROBE_LEN);
	uint64_t token = (uintptr_t)frame;
	unsigned sent = 0, back = 0;
	struct vuser_done done;

	vmframe_probe(frame, &f);
	do {
		if (sent == PROBES_MAX || vmpair_stopped)
			bench_fail("nothing forwards between A and B", ETIMEDOUT);
		if (vuser_put(tx, &token, 1, VM_HEADER + PROBE_LEN, 0) == 1)
			sent++;
		vuser_flush(tx);
	} while (drain_for(p, way, PROBE_MS, true) == 0);
	for (uint64_t end = vmpair_ns() + VM_NS_PER_S; back < sent; back += vuser_take(tx, &done, 1) == 1)
		if (vmpair_ns() > end)
			bench_fail("a sent frame is not given back", ETIMEDOUT);
	drain_for(p, way, LATE_MS, false);
}

void
vmpair_prime(struct vmpair *p)
{
	uint8_t *frame = vmpair_buffer(p, VM_HEADER + PROBE_LEN);

	probe(p, 0, frame);
	probe(p, 1, frame);
}

/* ---- report ---- */

void
vmpair_print(const struct vmpair *p)
{
	uint64_t kicks = 0, calls = 0;

	for (unsigned i = 0; i < 2; i++) {
		for (unsigned q = 0; q < p->port[i].n_queues; q++) {
			kicks += p->port[i].queue[q].kicks;
			calls += vuser_called(&p->port[i].queue[q]);
		}
	}
	printf("\"queues\":%lu,\"ring\":%lu,\"hugepages\":%s,\"features\":\"%#lx\",\"in_order\":%s,\"event_idx\":%s,"
	       "\"kicks\":%lu,\"calls\":%lu",
	       p->queues, p->ring, p->huge ? "true" : "false", p->port[0].features,
	       vuser_has(&p->port[0], VIRTIO_F_IN_ORDER) ? "true" : "false",
	       vuser_has(&p->port[0], VIRTIO_RING_F_EVENT_IDX) ? "true" : "false", kicks, calls);
}
