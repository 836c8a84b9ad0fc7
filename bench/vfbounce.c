/*
 * vfbounce.c - packets between two virtual functions A and B, as many as go through what stands between: vmbounce's mode "bounce",
 * driven as ixgbevf does, with a context descriptor in front of each packet.
 *
 * A fixed number of packets is under way in each direction: what arrives at one end is sent again by the other, in the very buffer it
 * came in. Of a packet, both addresses are written before it is sent; its payload is never touched. The rings are looked at only when
 * a burst can have come, for the reason that vmbounce.c gives.
 */
#include <stdio.h>
#include <string.h>

#include "bench/vfpair.h"
#include "bench/vmpool.h"

#define HEAD 12 /* two addresses */
#define LEAST 32
#define LOOK_NS 150
#define PATIENCE_NS 3000
#define WARM_MS 500
#define STALL_MS 1000
#define DRAIN_MS 200

struct way {
	struct ix_tx *tx;
	struct ix_rx *rx;
	struct vmpool pool;
	uint8_t head[HEAD];
	uint64_t sent, received, foreign;
	uint64_t look, served; /* when to look again, when served; cycles */
	struct vmwait wait;    /* for anything to come */
};

struct bounce {
	unsigned long size, in_flight, mbufs;
	uint64_t look, patience, stall; /* cycles */
	uint64_t busy, stalls;
	struct way way[2];
};

/* ---- one way ---- */

static void
reclaim(struct way *w)
{
	uint64_t token[256];
	unsigned n = ix_tx_clean(w->tx, token, 256);

	for (unsigned i = 0; i < n; i++)
		vmpool_give(&w->pool, token[i]);
}

static void
send_buffers(const struct bounce *b, struct way *w, const uint64_t *token, unsigned n)
{
	unsigned put;

	for (unsigned i = 0; i < n; i++)
		memcpy((void *)(uintptr_t)token[i], w->head, HEAD);
	put = ix_tx_put(w->tx, token, n, (uint32_t)b->size);
	for (unsigned i = put; i < n; i++)
		vmpool_give(&w->pool, token[i]);
	ix_tx_flush(w->tx);
	w->sent += put;
}

/* What came: tokens of packets of ours; the rest goes into the pool. Returns how many there are, *taken: in all. */
static unsigned
receive(const struct bounce *b, struct way *w, uint64_t *token, unsigned *taken)
{
	struct ix_rx_done done[VM_BATCH];
	int n = ix_rx_take(w->rx, done, VM_BATCH);
	unsigned ours = 0;

	if (n < 0)
		vfpair_broken();
	for (int i = 0; i < n; i++)
		__builtin_prefetch((void *)(uintptr_t)done[i].token, 1);
	for (int i = 0; i < n; i++) {
		if (done[i].len == b->size)
			token[ours++] = done[i].token;
		else
			vmpool_give(&w->pool, done[i].token);
	}
	w->received += ours;
	w->foreign += (unsigned)n - ours;
	*taken = (unsigned)n;
	return ours;
}

static void
refill(struct way *w, unsigned n)
{
	uint64_t token[VM_BATCH];

	n = vmpool_take(&w->pool, token, n);
	ix_rx_put(w->rx, token, n);
	ix_rx_flush(w->rx);
}

static unsigned
bounce(const struct bounce *b, struct way *w)
{
	uint64_t token[VM_BATCH];
	unsigned taken, n;

	reclaim(w);
	n = receive(b, w, token, &taken);
	/* Buffers for receiving first: then the ring holds as many as are under way, and nothing is lost for lack of them. */
	refill(w, taken);
	send_buffers(b, w, token, n);
	return taken;
}

static bool
is_worth(const struct bounce *b, struct way *w, uint64_t now)
{
	if ((int64_t)(now - w->look) < 0)
		return false;
	w->look = now + b->look;
	return ix_rx_is_done(w->rx, LEAST - 1) || (now - w->served > b->patience && ix_rx_is_done(w->rx, 0));
}

/* ---- both ways ---- */

static void
begin(const struct bounce *b, struct way *w)
{
	reclaim(w);
	for (unsigned long left = b->in_flight, n; left > 0; left -= n) {
		uint64_t token[VM_BATCH];

		n = vmpool_take(&w->pool, token, left < VM_BATCH ? (unsigned)left : VM_BATCH);
		if (n == 0)
			break;
		send_buffers(b, w, token, (unsigned)n);
	}
	w->look = w->served = vmpair_cycles();
	w->wait = vmwait_begin(b->stall, w->look);
}

/* Runs for ms, or until a signal. */
static void
run(const struct vfpair *p, struct bounce *b, uint64_t ms)
{
	uint64_t now = vmpair_cycles(), end = now + ms * p->cycles_per_s / 1000;

	while (now < end && !vmpair_stopped) {
		for (unsigned i = 0; i < 2; i++) {
			struct way *w = &b->way[i];
			uint64_t after;

			if (is_worth(b, w, now)) {
				bounce(b, w);
				w->served = now;
				vmwait_renew(&w->wait);
				after = vmpair_cycles();
				b->busy += after - now;
			} else {
				after = vmpair_cycles();
			}
			now = after;
			if (vmwait_is_over(&w->wait, now)) {
				b->stalls++;
				begin(b, w);
			}
		}
	}
}

/* Receives what is still under way, for good. */
static void
finish(const struct vfpair *p, struct bounce *b)
{
	struct vmwait wait = vmwait_begin(DRAIN_MS * p->cycles_per_s / 1000, vmpair_cycles());

	while (!vmwait_is_over(&wait, vmpair_cycles())) {
		for (unsigned i = 0; i < 2; i++) {
			uint64_t token[VM_BATCH];
			unsigned taken, n = receive(b, &b->way[i], token, &taken);

			for (unsigned k = 0; k < n; k++)
				vmpool_give(&b->way[i].pool, token[k]);
			refill(&b->way[i], taken);
			if (taken > 0)
				vmwait_renew(&wait);
		}
	}
}

/* ---- set-up and report ---- */

static void
set_up(struct vfpair *p, struct bounce *b)
{
	unsigned long each = b->mbufs / 2 > b->in_flight + VM_BATCH ? b->mbufs / 2 : b->in_flight + VM_BATCH;

	if (b->in_flight > p->ring)
		options_refuse("--in-flight: %lu packets do not fit into rings of %lu", b->in_flight, p->ring);
	p->memory = 2 * (each + 2) * (b->size + 512);
	vfpair_open(p);
	for (unsigned i = 0; i < 2; i++) {
		struct way *w = &b->way[i];

		w->tx = vfpair_tx(p, i);
		w->rx = vfpair_rx(p, i);
		vmpool_init(&w->pool, (uint32_t)(each + w->rx->size));
		for (unsigned long n = 0; n < each; n++) {
			uint8_t *frame = vfpair_buffer(p, (uint32_t)b->size);

			vfpair_frame(p, i, frame, (uint32_t)b->size);
			memcpy(w->head, frame, HEAD);
			vmpool_give(&w->pool, (uintptr_t)frame);
		}
	}
	b->look = LOOK_NS * p->cycles_per_s / VM_NS_PER_S;
	b->patience = PATIENCE_NS * p->cycles_per_s / VM_NS_PER_S;
	b->stall = STALL_MS * p->cycles_per_s / 1000;
}

static void
report(const struct vfpair *p, const struct bounce *b, uint64_t packets, double seconds, double busy)
{
	uint64_t sent = b->way[0].sent + b->way[1].sent, received = b->way[0].received + b->way[1].received;

	printf("{\"size\":%lu,\"in_flight\":%lu,", b->size, b->in_flight);
	vfpair_print(p);
	printf(",\"seconds\":%.3f,\"mpps\":%.3f,\"gbps\":%.2f,\"load_busy_percent\":%.1f,\"sent\":%lu,\"received\":%lu,"
	       "\"lost\":%lu,\"stalls\":%lu,\"foreign\":%lu}\n",
	       seconds, (double)packets / seconds / 1e6, (double)packets * (double)b->size * 8 / seconds / 1e9,
	       100 * busy, sent, received, sent > received ? sent - received : 0, b->stalls,
	       b->way[0].foreign + b->way[1].foreign);
}

#define AT(field) offsetof(struct bounce, field)
static const struct option_row rows[] = {
	{ "size", OPTION_NUMBER, AT(size), 64, 1514, "BYTES", "of a frame, without its checksum" },
	{ "in-flight", OPTION_NUMBER, AT(in_flight), 1, 1024, "N", "packets in each direction" },
	{ "mbufs", OPTION_NUMBER, AT(mbufs), 1, 1 << 18, "N", "buffers of both directions beside those of the rings" },
	{ NULL },
};
#undef AT

int
main(int argc, char **argv)
{
	static struct bounce b = { .size = 64, .in_flight = 256, .mbufs = 1 };
	static struct vfpair p;
	uint64_t packets, began, ended, busy;

	p = vfpair_defaults;
	options_read((struct option_group[]){ { rows, &b }, { vfpair_options, &p } }, 2,
		     "Packets between two virtual functions, and how many go through; ends with a line of JSON.", argv);
	set_up(&p, &b);
	vfpair_prime(&p);
	begin(&b, &b.way[0]);
	begin(&b, &b.way[1]);
	run(&p, &b, WARM_MS);
	packets = b.way[0].received + b.way[1].received;
	busy = b.busy;
	began = vmpair_cycles();
	run(&p, &b, p.seconds * 1000);
	ended = vmpair_cycles();
	packets = b.way[0].received + b.way[1].received - packets;
	busy = b.busy - busy;
	finish(&p, &b);
	report(&p, &b, packets, (double)(ended - began) / (double)p.cycles_per_s,
	       (double)busy / (double)(ended - began));
	vmpool_fini(&b.way[0].pool);
	vmpool_fini(&b.way[1].pool);
	vfpair_close(&p);
	return 0;
}
