/* vfpair.c - see vfpair.h. */
#include "bench/vfpair.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE 64
#define PROBE_LEN 60
#define PROBE_MS 100
#define PROBES_MAX 100 /* then nothing forwards */
#define LATE_MS 20
#define TX_PER_RING 4 /* descriptors of a transmit ring to a packet of --ring: a context with each frame, and room */
#define RX_PER_RING 2 /* with the default of 256: 512 and 1024 descriptors, as ixgbevf has it */

#define AT(field) offsetof(struct vfpair, field)
const struct option_row vfpair_options[] = {
	{ "a", OPTION_TEXT, AT(path[0]), 0, 0, "SOCKET", "vfio-user socket of function A" },
	{ "b", OPTION_TEXT, AT(path[1]), 0, 0, "SOCKET", "of function B" },
	{ "hugepages", OPTION_FLAG, AT(huge), 0, 0, NULL, "guest memory in pages of 2 MiB" },
	{ "trapped", OPTION_FLAG, AT(trapped), 0, 0, NULL, "tails by messages, even where they could be mapped" },
	{ "cpu", OPTION_NUMBER, AT(cpu), 0, VM_ANY_CPU - 1, "N", "the CPU to run on; none given: any" },
	{ "ring", OPTION_NUMBER, AT(ring), 16, 1024, "N",
	  "packets, a power of two: 2 descriptors to receive and 4 to send for each" },
	{ "seconds", OPTION_NUMBER, AT(seconds), 1, 3600, "N", "how long at most" },
	{ NULL },
};
#undef AT

const struct vfpair vfpair_defaults = { .cpu = VM_ANY_CPU, .ring = 256, .seconds = 5, .rx_room = 2048 };

/* An odd number of lines: at powers of two, the first lines of all buffers would share a few sets of the caches. */
static uint64_t
stride_of(uint32_t len)
{
	return ((len + VF_HEADROOM + LINE - 1) / LINE | 1) * LINE;
}

static void
open_port(struct vfpair *p, unsigned i)
{
	struct ixvf_options o = {
		.path = p->path[i],
		.n_pairs = 1,
		.rx_size = RX_PER_RING * (unsigned)p->ring,
		.tx_size = TX_PER_RING * (unsigned)p->ring,
		.rx_room = p->rx_room,
		.max_frame = p->rx_room > 2048 ? 9728 : 0,
		.trapped = p->trapped,
	};
	struct ixvf *v = &p->port[i];
	int err = ixvf_open(v, &o, &p->mem);

	if (err < 0)
		bench_fail(p->path[i], -err);
	for (uint64_t token = 1; token != 0;) {
		token = (uintptr_t)vfpair_buffer(p, p->rx_room);
		if (ix_rx_put(&v->rx[0], &token, 1) == 0)
			token = 0; /* that one is nobody's */
	}
	ix_rx_flush(&v->rx[0]);
}

void
vfpair_open(struct vfpair *p)
{
	uint64_t rings, len;
	int err;

	if (p->path[0] == NULL || p->path[1] == NULL)
		options_refuse("--a and --b are needed");
	if ((p->ring & (p->ring - 1)) != 0)
		options_refuse("--ring: %lu is no power of two", p->ring);
	vmpair_settle(p->cpu);
	rings = 2 * p->ring * (RX_PER_RING + TX_PER_RING) * sizeof(union ix_rx_desc);
	len = rings + 2 * (RX_PER_RING * p->ring + 1) * stride_of(p->rx_room) + p->memory + (64 << 10);
	err = vuser_mem_open(&p->mem, len, VUSER_GPA, p->huge);
	if (err < 0)
		bench_fail(p->huge ? "cannot get the memory in huge pages (see nr_hugepages)" : "cannot get the memory",
			   -err);
	open_port(p, 0);
	open_port(p, 1);
	p->cycles_per_s = vmpair_calibrate();
}

void
vfpair_close(struct vfpair *p)
{
	ixvf_close(&p->port[0]);
	ixvf_close(&p->port[1]);
	vuser_mem_close(&p->mem);
}

_Noreturn void
vfpair_broken(void)
{
	bench_fail("the function broke the rules of a ring", EPROTO);
}

uint8_t *
vfpair_buffer(struct vfpair *p, uint32_t len)
{
	uint8_t *buffer = vuser_mem_carve(&p->mem, stride_of(len), LINE);

	if (buffer == NULL)
		bench_fail("buffers", ENOMEM);
	return buffer + VF_HEADROOM;
}

static struct vmframe
way_of(const struct vfpair *p, unsigned way, uint32_t len)
{
	return (struct vmframe){ p->port[way].mac, p->port[1 - way].mac, way, 0, len };
}

void
vfpair_frame(const struct vfpair *p, unsigned way, uint8_t *frame, uint32_t len)
{
	struct vmframe f = way_of(p, way, len);

	vmframe_udp(frame - VM_HEADER, &f);
}

/* ---- probes ---- */

/* Takes everything that came that way and gives it back to the ring. Returns how many frames. */
static unsigned
drain_for(struct vfpair *p, unsigned way, unsigned ms, bool any)
{
	struct ix_rx *rx = vfpair_rx(p, way);
	uint64_t end = vmpair_ns() + ms * 1000000ull;
	unsigned frames = 0;

	while (!(any && frames > 0) && vmpair_ns() < end) {
		struct ix_rx_done done[VM_BATCH];
		int n = ix_rx_take(rx, done, VM_BATCH);

		if (n < 0)
			vfpair_broken();
		for (int i = 0; i < n; i++)
			ix_rx_put(rx, &done[i].token, 1);
		ix_rx_flush(rx);
		frames += (unsigned)n;
	}
	return frames;
}

static void
probe(struct vfpair *p, unsigned way, uint8_t *frame)
{
	struct ix_tx *tx = vfpair_tx(p, way);
	struct vmframe f = way_of(p, way, PROBE_LEN);
	uint64_t token = (uintptr_t)frame;
	unsigned sent = 0, back = 0;

	vmframe_probe(frame - VM_HEADER, &f);
	do {
		if (sent == PROBES_MAX || vmpair_stopped)
			bench_fail("nothing forwards between A and B", ETIMEDOUT);
		sent += ix_tx_put(tx, &token, 1, PROBE_LEN);
		ix_tx_flush(tx);
		back += ix_tx_clean(tx, NULL, VM_BATCH);
	} while (drain_for(p, way, PROBE_MS, true) == 0);
	for (uint64_t end = vmpair_ns() + VM_NS_PER_S; back < sent; back += ix_tx_clean(tx, NULL, VM_BATCH))
		if (vmpair_ns() > end)
			bench_fail("a sent frame is not given back", ETIMEDOUT);
	drain_for(p, way, LATE_MS, false);
}

void
vfpair_prime(struct vfpair *p)
{
	uint8_t *frame = vfpair_buffer(p, PROBE_LEN);

	probe(p, 0, frame);
	probe(p, 1, frame);
}

void
vfpair_print(const struct vfpair *p)
{
	printf("\"ring\":%lu,\"hugepages\":%s,\"trapped\":%s,\"traps\":%lu", p->ring, p->huge ? "true" : "false",
	       p->port[0].page[0] == NULL ? "true" : "false", p->port[0].traps + p->port[1].traps);
}
