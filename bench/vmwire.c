/*
 * vmwire.c - packets between a wire, which is a memif, and a guest on a vhost-user port, one way, as many as go through what
 * stands between.
 *
 * A fixed number of packets is under way: as many are sent at one end as have come at the other, so none is lost for lack of
 * room, and the figure is that of one direction. As in vmbounce.c, of a packet the headers are written before it is sent, its
 * payload is never touched, buffers are used in turn, and rings are looked at when a burst can have come.
 */
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>

#include <linux/virtio_config.h>
#include <linux/virtio_net.h>
#include <linux/virtio_ring.h>

#include "bench/muser/muser.h"
#include "bench/vmpair.h"
#include "bench/vmpool.h"

#define HEAD 24          /* VM_HEADER and two addresses */
#define LEAST 32         /* packets that are worth a look at once */
#define LOOK_NS 150      /* between two looks at a ring */
#define PATIENCE_NS 3000 /* after which less than LEAST is taken */
#define WARM_MS 500
#define DRAIN_MS 50   /* at the end */
#define STALL_MS 1000 /* nothing came for so long: what is under way is lost */
#define PROBE_MS 100
#define PROBES_MAX 100
#define WIRE_ROOM 2048
#define CALIBRATE_MS 20
#define VM_FEATURES                                                                                          \
	(1ull << VIRTIO_F_VERSION_1 | 1ull << VIRTIO_NET_F_MRG_RXBUF | 1ull << VIRTIO_RING_F_INDIRECT_DESC | \
	 1ull << VIRTIO_F_IN_ORDER | 1ull << VIRTIO_RING_F_EVENT_IDX | 1ull << VUSER_F_PROTOCOL_FEATURES)
#define VM_PROTOCOL_FEATURES                                                                             \
	(1ull << VUSER_PROTOCOL_REPLY_ACK | 1ull << VUSER_PROTOCOL_MQ | 1ull << VUSER_PROTOCOL_NET_MTU | \
	 1ull << VUSER_PROTOCOL_MEM_SLOTS | 1ull << VUSER_PROTOCOL_STATUS)

struct wire {
	const char *wire_path, *vm_path, *way_name;
	uint8_t mac_wire[6], mac_vm[6];
	unsigned long cpu, ring, log2_wire_ring, wire_queues, size, in_flight, seconds;
	bool huge;

	bool to_vm;
	struct muser peer;
	struct vuser vm;
	struct vuser_mem mem;
	struct vmpool pool;    /* frames of the guest that are not under way */
	uint8_t head[2][HEAD]; /* of a frame to the VM, and to the wire: virtio-net header and addresses */
	uint64_t cycles_per_s;
	uint64_t look, patience, stall;
	uint64_t sent, received, foreign, lost;
	uint64_t looked, served, arrived; /* cycles */
	uint64_t busy;
};

static struct vuser_queue *
vm_rx(struct wire *w)
{
	return &w->vm.queue[0];
}

static struct vuser_queue *
vm_tx(struct wire *w)
{
	return &w->vm.queue[1];
}

/* ---- the ends ---- */

static uint32_t
vm_room(const struct wire *w)
{
	return (uint32_t)(w->size < 1518 ? 1518 : w->size) + VM_HEADER;
}

static unsigned
take_from_vm(struct wire *w, bool any)
{
	struct vuser_done done[VM_BATCH];
	uint64_t token[VM_BATCH];
	unsigned ours = 0;
	int n = vuser_take(vm_rx(w), done, VM_BATCH);

	if (n < 0)
		vmpair_broken();
	for (int i = 0; i < n; i++) {
		token[i] = done[i].token;
		ours += any || done[i].len == w->size + VM_HEADER;
	}
	vuser_put(vm_rx(w), token, (unsigned)n, vm_room(w), VUSER_DESC_WRITE);
	vuser_flush(vm_rx(w));
	w->foreign += (unsigned)n - ours;
	return ours;
}

static unsigned
take_from_wire(struct wire *w, bool any)
{
	unsigned ours = 0;

	for (unsigned i = 0; i < w->peer.n_rx; i++) {
		struct muser_end *rx = &w->peer.rx[i];
		unsigned n = muser_ready(rx);

		n = n < VM_BATCH ? n : VM_BATCH;
		for (unsigned k = 0; k < n; k++)
			if (any || muser_length(rx, (uint16_t)k) == w->size)
				ours++;
			else
				w->foreign++;
		if (n > 0)
			muser_repost(&w->peer, rx, (uint16_t)n);
	}
	return ours;
}

/* The compiler's own prefetch is for reading unless it is told the processor. */
static inline void
fetch_to_write(const void *p)
{
#if defined(__x86_64__)
	__asm__ volatile("prefetchw %0" : : "m"(*(const char *)p));
#else
	__builtin_prefetch(p, 1);
#endif
}

static unsigned
send_on_wire(struct wire *w, unsigned most)
{
	unsigned n = muser_room(&w->peer);

	n = n < most ? n : most;
	/* The server had the lines last: they are on their way together, not one after the other. */
	for (unsigned i = 0; i < n; i++) {
		fetch_to_write(muser_buffer(&w->peer, &w->peer.tx, (uint16_t)i));
		fetch_to_write(muser_desc(&w->peer.tx, (uint16_t)i));
	}
	for (unsigned i = 0; i < n; i++)
		memcpy(muser_buffer(&w->peer, &w->peer.tx, (uint16_t)i), w->head[0] + VM_HEADER, HEAD - VM_HEADER);
	if (n > 0)
		muser_send(&w->peer, (uint16_t)n, (uint32_t)w->size);
	return n;
}

static unsigned
send_from_vm(struct wire *w, unsigned most)
{
	uint64_t token[VM_BATCH];
	unsigned n;

	if (vmpool_count(&w->pool) < most && vmpool_reclaim(&w->pool, vm_tx(w)) < 0)
		vmpair_broken();
	n = vmpool_take(&w->pool, token, most);
	for (unsigned i = 0; i < n; i++)
		fetch_to_write((void *)(uintptr_t)token[i]);
	for (unsigned i = 0; i < n; i++)
		memcpy((void *)(uintptr_t)token[i], w->head[1], HEAD);
	n = vuser_put(vm_tx(w), token, n, (uint32_t)w->size + VM_HEADER, 0);
	vuser_flush(vm_tx(w));
	return n;
}

/* ---- the load ---- */

static unsigned
ready(struct wire *w)
{
	unsigned n = 0;

	if (w->to_vm)
		return vuser_ready(vm_rx(w));
	for (unsigned i = 0; i < w->peer.n_rx; i++)
		n += muser_ready(&w->peer.rx[i]);
	return n;
}

/* Sends what has room among those under way. */
static void
fill(struct wire *w)
{
	uint64_t under_way = w->sent - w->received - w->lost;

	while (under_way < w->in_flight) {
		unsigned most = w->in_flight - under_way < VM_BATCH ? (unsigned)(w->in_flight - under_way) : VM_BATCH;
		unsigned n = w->to_vm ? send_on_wire(w, most) : send_from_vm(w, most);

		if (n == 0)
			break;
		w->sent += n;
		under_way += n;
	}
}

static void
step(struct wire *w, uint64_t now)
{
	unsigned n;

	w->looked = now;
	n = ready(w);
	if (n >= LEAST || (n > 0 && now - w->served > w->patience)) {
		w->received += w->to_vm ? take_from_vm(w, false) : take_from_wire(w, false);
		w->served = w->arrived = now;
		fill(w);
		w->busy += vmpair_cycles() - now;
	} else if (now - w->arrived > w->stall) {
		w->lost += w->sent - w->received - w->lost;
		w->arrived = now;
		fill(w);
	}
}

static void
run(struct wire *w, uint64_t ms)
{
	uint64_t now = vmpair_cycles(), end = now + ms * w->cycles_per_s / 1000;

	for (; now < end && !vmpair_stopped; now = vmpair_cycles())
		if (now - w->looked >= w->look)
			step(w, now);
}

/* Takes what is still under way: a server may be in the rings as long as there is something, and not stand it when we leave. */
static void
finish(struct wire *w)
{
	uint64_t last = vmpair_cycles(), drain = DRAIN_MS * w->cycles_per_s / 1000;

	while (vmpair_cycles() - last < drain)
		if ((w->to_vm ? take_from_vm(w, true) : take_from_wire(w, true)) > 0)
			last = vmpair_cycles();
}

/* ---- set-up ---- */

/* A frame one way and the other until it comes: both ends are known then. */
static void
probe(struct wire *w, bool to_vm, uint8_t *frame)
{
	uint64_t token = (uintptr_t)frame;

	for (unsigned tries = 0; tries < PROBES_MAX && !vmpair_stopped; tries++) {
		uint64_t end = vmpair_ns() + PROBE_MS * 1000000ull;

		if (to_vm) {
			memcpy(muser_buffer(&w->peer, &w->peer.tx, 0), frame + VM_HEADER, 60);
			memcpy(muser_buffer(&w->peer, &w->peer.tx, 0), w->head[0] + VM_HEADER, HEAD - VM_HEADER);
			muser_send(&w->peer, 1, 60);
		} else {
			struct vuser_done done[4];

			memcpy(frame, w->head[1], HEAD);
			vuser_take(vm_tx(w), done, 4);
			vuser_put(vm_tx(w), &token, 1, VM_HEADER + 60, 0);
			vuser_flush(vm_tx(w));
		}
		while (vmpair_ns() < end)
			if ((to_vm ? take_from_vm(w, true) : take_from_wire(w, true)) > 0)
				return;
	}
	bench_fail(to_vm ? "nothing comes from the wire to the VM" : "nothing comes from the VM to the wire",
		   ETIMEDOUT);
}

static uint8_t *
carve(struct wire *w, uint32_t len)
{
	/* An odd number of lines, as in vmpair.c. */
	uint8_t *at = vuser_mem_carve(&w->mem, ((len + 63) / 64 | 1) * 64, 64);

	if (at == NULL)
		bench_fail("buffers", ENOMEM);
	return at;
}

static void
open_vm(struct wire *w)
{
	struct vuser_options o = {
		.path = w->vm_path,
		.n_pairs = 1,
		.rx_size = (unsigned)w->ring,
		.tx_size = (unsigned)w->ring,
		.features = VM_FEATURES,
		.protocol_features = VM_PROTOCOL_FEATURES,
	};
	int err = vuser_mem_open(&w->mem, w->ring * (2 * (uint64_t)vm_room(w) + 512) + (1 << 20), VUSER_GPA, w->huge);

	if (err < 0)
		bench_fail("guest memory", -err);
	err = vuser_open(&w->vm, &o, &w->mem);
	if (err < 0)
		bench_fail(w->vm_path, -err);
	vuser_calls_off(vm_rx(w));
	vuser_calls_off(vm_tx(w));
	for (unsigned long i = 0; i < w->ring; i++) {
		uint64_t token = (uintptr_t)carve(w, vm_room(w));

		vuser_put(vm_rx(w), &token, 1, vm_room(w), VUSER_DESC_WRITE);
	}
	vuser_flush(vm_rx(w));
}

/* Frames of both ends, with all their headers. */
static void
make_frames(struct wire *w)
{
	struct vmframe to_vm = { w->mac_wire, w->mac_vm, 0, 0, (uint32_t)w->size };
	struct vmframe to_wire = { w->mac_vm, w->mac_wire, 1, 0, (uint32_t)w->size };
	uint8_t room[WIRE_ROOM + VM_HEADER] = { 0 };

	vmframe_udp(room, &to_vm);
	memcpy(w->head[0], room, HEAD);
	for (uint32_t i = 0; i < w->peer.size; i++)
		memcpy(w->peer.tx.buffers + (uint64_t)i * w->peer.room, room + VM_HEADER, w->size);
	vmpool_init(&w->pool, (uint32_t)w->ring);
	for (unsigned long i = 0; i < w->ring; i++) {
		uint8_t *frame = carve(w, (uint32_t)w->size + VM_HEADER);

		vmframe_udp(frame, &to_wire);
		memcpy(w->head[1], frame, HEAD);
		vmpool_give(&w->pool, (uintptr_t)frame);
	}
}

static void
pin(unsigned long cpu)
{
	cpu_set_t set;

	if (cpu == CPU_SETSIZE)
		return;
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set) < 0)
		bench_fail("cannot run on that CPU", errno);
}

static uint64_t
calibrate(void)
{
	uint64_t began = vmpair_ns(), cycles = vmpair_cycles(), now;

	while ((now = vmpair_ns()) - began < CALIBRATE_MS * 1000000ull)
		;
	return (uint64_t)((double)(vmpair_cycles() - cycles) * VM_NS_PER_S / (double)(now - began));
}

static void
stop(int number)
{
	vmpair_stopped = 1;
}

static void
set_up(struct wire *w)
{
	int err;

	if (w->wire_path == NULL || w->vm_path == NULL)
		options_refuse("--wire and --vm are needed");
	w->to_vm = strcmp(w->way_name, "to-vm") == 0;
	if (!w->to_vm && strcmp(w->way_name, "to-wire") != 0)
		options_refuse("--way: '%s' is none of to-vm, to-wire", w->way_name);
	sigaction(SIGTERM, &(struct sigaction){ .sa_handler = stop }, NULL);
	sigaction(SIGINT, &(struct sigaction){ .sa_handler = stop }, NULL);
	prctl(PR_SET_TIMERSLACK, 1);
	pin(w->cpu);
	w->cycles_per_s = calibrate();
	w->look = LOOK_NS * w->cycles_per_s / VM_NS_PER_S;
	w->patience = PATIENCE_NS * w->cycles_per_s / VM_NS_PER_S;
	w->stall = STALL_MS * w->cycles_per_s / 1000;
	err = muser_open(&w->peer, w->wire_path,
			 &(struct muser_shape){ (unsigned)w->log2_wire_ring, WIRE_ROOM, (unsigned)w->wire_queues });
	if (err < 0)
		bench_fail(w->wire_path, -err);
	for (unsigned i = 0; i < w->peer.n_rx; i++)
		muser_ask_interrupts(&w->peer.rx[i], false);
	open_vm(w);
	make_frames(w);
}

#define AT(field) offsetof(struct wire, field)
static const struct option_row rows[] = {
	{ "wire", OPTION_TEXT, AT(wire_path), 0, 0, "SOCKET", "memif socket of the server" },
	{ "vm", OPTION_TEXT, AT(vm_path), 0, 0, "SOCKET", "vhost-user socket of the VM's port" },
	{ "mac-wire", OPTION_MAC, AT(mac_wire), 0, 0, "MAC", "of who is at the wire" },
	{ "mac-vm", OPTION_MAC, AT(mac_vm), 0, 0, "MAC", "of the VM" },
	{ "way", OPTION_TEXT, AT(way_name), 0, 0, "NAME", "to-vm or to-wire" },
	{ "size", OPTION_NUMBER, AT(size), 64, 2000, "BYTES", "of a frame, without its checksum" },
	{ "in-flight", OPTION_NUMBER, AT(in_flight), 1, 32768, "N", "packets under way" },
	{ "ring", OPTION_NUMBER, AT(ring), 64, 32768, "N", "entries of the VM's rings, a power of two" },
	{ "log2-wire-ring", OPTION_NUMBER, AT(log2_wire_ring), 6, 14, "N",
	  "slots of the wire's rings, as a power of two" },
	{ "wire-queues", OPTION_NUMBER, AT(wire_queues), 1, MUSER_RX_MAX, "N", "queues that the server sends by" },
	{ "hugepages", OPTION_FLAG, AT(huge), 0, 0, NULL, "guest memory in pages of 2 MiB" },
	{ "cpu", OPTION_NUMBER, AT(cpu), 0, CPU_SETSIZE - 1, "N", "the CPU to run on; none given: any" },
	{ "seconds", OPTION_NUMBER, AT(seconds), 1, 3600, "N", "how long" },
	{ NULL },
};
#undef AT

int
main(int argc, char **argv)
{
	static struct wire w = {
		.way_name = "to-vm",
		.mac_wire = { 2, 0, 0, 0, 0, 0x0b },
		.mac_vm = { 2, 0, 0, 0, 0, 0x0a },
		.cpu = CPU_SETSIZE,
		.ring = 256,
		.log2_wire_ring = 10,
		.wire_queues = 1,
		.size = 64,
		.in_flight = 256,
		.seconds = 5,
	};
	uint64_t packets, busy, began, ended;
	uint8_t *frame;

	options_read((struct option_group[]){ { rows, &w } }, 1,
		     "Packets between a memif and a guest, one way, and how many go through; ends with a line of JSON.",
		     argv);
	set_up(&w);
	frame = carve(&w, VM_HEADER + 60);
	vmframe_probe(frame, &(struct vmframe){ w.mac_vm, w.mac_wire, 0, 0, 60 });
	probe(&w, false, frame);
	probe(&w, true, frame);
	w.arrived = w.served = vmpair_cycles();
	fill(&w);
	run(&w, WARM_MS);
	packets = w.received;
	busy = w.busy;
	began = vmpair_cycles();
	run(&w, w.seconds * 1000);
	ended = vmpair_cycles();
	packets = w.received - packets;
	finish(&w);
	printf("{\"way\":\"%s\",\"size\":%lu,\"in_flight\":%lu,\"ring\":%lu,\"seconds\":%.3f,\"mpps\":%.3f,\"gbps\":%."
	       "2f,"
	       "\"load_busy_percent\":%.1f,\"sent\":%lu,\"received\":%lu,\"lost\":%lu,\"foreign\":%lu}\n",
	       w.way_name, w.size, w.in_flight, w.ring, (double)(ended - began) / (double)w.cycles_per_s,
	       (double)packets * (double)w.cycles_per_s / (double)(ended - began) / 1e6,
	       (double)packets * (double)w.size * 8 * (double)w.cycles_per_s / (double)(ended - began) / 1e9,
	       100 * (double)(w.busy - busy) / (double)(ended - began), w.sent, w.received, w.lost, w.foreign);
	vuser_close(&w.vm);
	muser_close(&w.peer);
	return 0;
}
