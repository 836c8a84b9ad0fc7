/*
 * vmbounce.c - packets between two vhost-user devices A and B, as many as go through what stands between.
 *
 *	bounce	a fixed number of packets is under way in each direction: what arrives at one end is sent again by the other,
 *		in the very buffer it came in, as a forwarding program of two ports does it
 *	oneway	A sends as fast as its ring takes it, or at --rate; B receives
 *	both	the same in both directions
 *
 * With --pairs there are several A and B of their own, with the load shared among them.
 *
 * Of a packet, the 24 bytes of the virtio-net header and both addresses are written before it is sent; its payload is never
 * touched. Buffers are used in turn, so their number is the working set. The rings are looked at only when a burst can have
 * come: an eager poller sees two or three packets at a time, and the rings' cache lines travel for each of them.
 */
#include <stdio.h>
#include <string.h>

#include "bench/vmpair.h"
#include "bench/vmpool.h"

#define HEAD 24          /* VM_HEADER and two addresses */
#define LEAST 32         /* packets that are worth a look at once */
#define LOOK_NS 150      /* between two looks at a ring */
#define PATIENCE_NS 3000 /* after which less than LEAST is taken */
#define WARM_MS 500
#define STALL_MS 1000 /* what is under way is lost then; longer than a switch may be off its CPU */
#define DRAIN_MS 200  /* at the end */
#define PAIRS_MAX 16

enum mode { BOUNCE, ONEWAY, BOTH };

static const char *const mode_names[] = { "bounce", "oneway", "both" };

struct way {
	const struct vmpair *pair;
	struct vuser_queue *tx, *rx;
	struct vmpool pool;
	uint64_t head[HEAD / sizeof(uint64_t)];
	uint64_t sent, received, foreign;
	uint64_t scheduled;    /* paced: packets whose time has come */
	uint64_t refused;      /* of these: there was no room in the ring */
	uint64_t late;         /* of these: more than a batch at once, because the program was off its CPU */
	uint64_t look, served; /* when to look again, when served; cycles */
	struct vmwait wait;    /* for anything to come */
};

struct bounce {
	const char *mode_name;
	unsigned long size, in_flight, mbufs, pairs;
	double rate_mpps;

	enum mode mode;
	unsigned n_ways;
	uint32_t len;                   /* of a packet with its header */
	uint64_t cycles_per_packet;     /* paced */
	uint64_t began;                 /* cycles */
	unsigned least;                 /* packets worth a look */
	uint64_t look, patience, stall; /* cycles */
	uint64_t busy;                  /* cycles that were spent on packets */
	uint64_t longest;               /* step, cycles: how long the program was off its CPU at most */
	uint64_t stalls;
	struct way way[2 * PAIRS_MAX];
};

/* ---- one way ---- */

static unsigned
reclaim(struct way *w, unsigned want)
{
	if (vuser_room(w->tx) < want && vmpool_reclaim(&w->pool, w->tx) < 0)
		vmpair_broken();
	return vuser_room(w->tx) < want ? vuser_room(w->tx) : want;
}

/* Sends buffers whose payload is there. There must be room. */
static void
send_buffers(const struct bounce *b, struct way *w, const uint64_t *token, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		memcpy((void *)(uintptr_t)token[i], w->head, HEAD);
	w->sent += vuser_put(w->tx, token, n, b->len, 0);
	vuser_flush(w->tx);
}

/* Takes up to most packets. Returns how many tokens there are; those of foreign frames went into the pool. */
static unsigned
receive(const struct bounce *b, struct way *w, uint64_t *token, unsigned most, unsigned *taken)
{
	struct vuser_done done[VM_BATCH];
	int n = vuser_take(w->rx, done, most);
	unsigned ours = 0;

	if (n < 0)
		vmpair_broken();
	for (int i = 0; i < n; i++)
		__builtin_prefetch((void *)(uintptr_t)done[i].token, 1);
	for (int i = 0; i < n; i++) {
		if (done[i].len == b->len)
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

	if (vmpool_count(&w->pool) < n && vmpool_reclaim(&w->pool, w->tx) < 0)
		vmpair_broken();
	vmpair_repost(w->pair, w->rx, token, vmpool_take(&w->pool, token, n));
}

/* Receives and sends again. Returns how many packets. */
static unsigned
bounce(const struct bounce *b, struct way *w)
{
	unsigned room = reclaim(w, VM_BATCH), taken, n;
	uint64_t token[VM_BATCH];

	n = receive(b, w, token, room, &taken);
	/* Buffers for receiving first: then the ring holds as many as are under way, and nothing is lost for lack of them. */
	refill(w, taken);
	send_buffers(b, w, token, n);
	return taken;
}

/* Receives for good. */
static unsigned
absorb(const struct bounce *b, struct way *w)
{
	uint64_t token[VM_BATCH];
	unsigned taken, n = receive(b, w, token, VM_BATCH, &taken);

	/* In place of foreign frames' buffers some of the pool are posted. */
	vmpair_repost(w->pair, w->rx, token, n + vmpool_take(&w->pool, token + n, taken - n));
	return taken;
}

/* Sends up to most packets from the pool. */
static unsigned
emit(const struct bounce *b, struct way *w, unsigned most)
{
	uint64_t token[VM_BATCH];
	unsigned n = reclaim(w, most);

	n = vmpool_take(&w->pool, token, n);
	send_buffers(b, w, token, n);
	return n;
}

/* ---- both ways ---- */

/* Whether it is time to look at a ring, and a burst is there. */
static bool
is_worth(const struct bounce *b, struct way *w, uint64_t now)
{
	unsigned ready;

	if ((int64_t)(now - w->look) < 0)
		return false;
	w->look = now + b->look;
	ready = vuser_ready(w->rx);
	return ready >= b->least || (ready > 0 && now - w->served > b->patience);
}

/* Sends what the ring has room for. Returns how many packets. */
static unsigned
send_all(const struct bounce *b, struct way *w)
{
	return vuser_room(w->tx) + vuser_ready(w->tx) >= b->least ? emit(b, w, VM_BATCH) : 0;
}

/* Sends packets whose time has come; for which there is no room, it has passed: they are not sent. */
static unsigned
send_due(const struct bounce *b, struct way *w, uint64_t now)
{
	uint64_t packets = (now - b->began) / b->cycles_per_packet - w->scheduled;
	unsigned due = packets < VM_BATCH ? (unsigned)packets : VM_BATCH, n;

	if (packets < LEAST)
		return 0;
	n = emit(b, w, due);
	w->scheduled += packets;
	w->refused += due - n;
	w->late += packets - due;
	return n;
}

static unsigned
step_way(const struct bounce *b, struct way *w, uint64_t now)
{
	unsigned n = 0;

	if (is_worth(b, w, now)) {
		n = b->mode == BOUNCE ? bounce(b, w) : absorb(b, w);
		w->served = now;
		vmwait_renew(&w->wait);
	}
	if (b->mode == BOUNCE)
		return n;
	return n + (b->cycles_per_packet > 0 ? send_due(b, w, now) : send_all(b, w));
}

static void
begin(struct bounce *b, struct way *w)
{
	for (unsigned long left = b->mode == BOUNCE ? b->in_flight : 0, n; left > 0; left -= n) {
		n = emit(b, w, left < VM_BATCH ? (unsigned)left : VM_BATCH);
		if (n == 0)
			break;
	}
	w->look = w->served = vmpair_cycles();
	w->wait = vmwait_begin(b->stall, w->look);
}

/* Runs for ms, or until a signal. */
static void
run(const struct vmpair *p, struct bounce *b, uint64_t ms)
{
	uint64_t now = vmpair_cycles(), end = now + ms * p->cycles_per_s / 1000;

	while (now < end && !vmpair_stopped) {
		for (unsigned i = 0; i < b->n_ways; i++) {
			struct way *w = &b->way[i];
			unsigned n = step_way(b, w, now);
			uint64_t after = vmpair_cycles();

			if (n > 0)
				b->busy += after - now;
			if (after - now > b->longest)
				b->longest = after - now;
			now = after;
			if (vmwait_is_over(&w->wait, now) && b->mode == BOUNCE) {
				b->stalls++;
				begin(b, w);
			}
		}
	}
}

/* Receives what is still under way. */
static void
finish(const struct vmpair *p, struct bounce *b)
{
	struct vmwait wait = vmwait_begin(DRAIN_MS * p->cycles_per_s / 1000, vmpair_cycles());

	while (!vmwait_is_over(&wait, vmpair_cycles())) {
		for (unsigned i = 0; i < b->n_ways; i++)
			if (absorb(b, &b->way[i]) > 0)
				vmwait_renew(&wait);
	}
}

/* ---- set-up and report ---- */

static void
set_up_way(struct vmpair *p, struct bounce *b, struct way *w, unsigned i)
{
	struct vmframe way = vmpair_way(p, i, 0, (uint32_t)b->size);

	w->pair = p;
	w->tx = vmpair_tx(p, i, 0);
	w->rx = vmpair_rx(p, i, 0);
	vmpool_init(&w->pool, (uint32_t)(b->mbufs + p->rx_ring));
	for (unsigned long n = 0; n < b->mbufs; n++) {
		uint8_t *frame = vmpair_buffer(p, p->rx_len);

		vmframe_udp(frame, &way);
		memcpy(w->head, frame, HEAD);
		vmpool_give(&w->pool, (uintptr_t)frame);
	}
}

/* What the options say; ends the program when it makes no sense. */
static void
check(const struct vmpair *p, struct bounce *b)
{
	for (b->mode = BOUNCE; strcmp(b->mode_name, mode_names[b->mode]) != 0; b->mode++)
		if (b->mode == BOTH)
			options_refuse("--mode: '%s' is none of bounce, oneway, both", b->mode_name);
	if (b->mode == BOUNCE && b->in_flight > p->ring)
		options_refuse("--in-flight: %lu packets do not fit into rings of %lu", b->in_flight, p->ring);
	if (b->mode == BOUNCE && b->rate_mpps > 0)
		options_refuse("--rate: only for the modes oneway and both");
	if (p->queues > 1)
		options_refuse("--queues: one only; see vmseq");
}

/* Pair i > 0: as the first one, but for its sockets and addresses. */
static void
name_pair(struct vmpair *p, const struct vmpair *first, unsigned i)
{
	static char path[PAIRS_MAX][2][108]; /* sun_path, unix(7) */

	*p = *first;
	for (unsigned k = 0; k < 2 && first->path[k] != NULL; k++) {
		snprintf(path[i][k], sizeof(path[i][k]), "%s%u", first->path[k], i);
		p->path[k] = path[i][k];
		p->mac[k][5] = (uint8_t)(p->mac[k][5] + 2 * i);
	}
}

static void
set_up(struct vmpair *p, struct bounce *b)
{
	unsigned per_pair = b->mode == ONEWAY ? 1 : 2;
	/* What can be in use at once: a full transmit ring and a batch, beside what the receive ring has. */
	unsigned long least = p->ring + VM_BATCH;

	b->n_ways = (unsigned)b->pairs * per_pair;
	b->mbufs = b->mbufs / b->n_ways > p->ring + least ? b->mbufs / b->n_ways - p->ring : least;
	b->len = VM_HEADER + (uint32_t)b->size;
	p->rx_len = b->len < 2048 ? 2048 : b->len;
	p->memory = 2 * (b->mbufs + 1) * (p->rx_len + 128);
	for (unsigned i = 1; i < b->pairs; i++)
		name_pair(&p[i], p, i);
	for (unsigned i = 0; i < b->pairs; i++)
		vmpair_open(&p[i]);
	for (unsigned i = 0; i < b->n_ways; i++)
		set_up_way(&p[i / per_pair], b, &b->way[i], i % per_pair);
	b->least = p->ring / 2 < LEAST ? (unsigned)p->ring / 2 : LEAST;
	b->look = LOOK_NS * p->cycles_per_s / VM_NS_PER_S;
	b->patience = PATIENCE_NS * p->cycles_per_s / VM_NS_PER_S;
	b->stall = STALL_MS * p->cycles_per_s / 1000;
	if (b->rate_mpps > 0)
		b->cycles_per_packet = (uint64_t)((double)p->cycles_per_s / (b->rate_mpps * 1e6) * b->n_ways);
}

/* The sum of a counter over all ways: its place in struct way. */
static uint64_t
sum_of(const struct bounce *b, size_t at)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < b->n_ways; i++)
		sum += *(const uint64_t *)((const char *)&b->way[i] + at);
	return sum;
}
#define SUM(b, field) sum_of(b, offsetof(struct way, field))

static void
report(const struct vmpair *p, const struct bounce *b, uint64_t packets, double seconds, double busy)
{
	uint64_t sent = SUM(b, sent), received = SUM(b, received);

	printf("{\"mode\":\"%s\",\"pairs\":%lu,\"size\":%lu,\"in_flight\":%lu,\"mbufs\":%lu,\"rate_mpps\":%g,",
	       b->mode_name, b->pairs, b->size, b->mode == BOUNCE ? b->in_flight : 0, b->n_ways * (b->mbufs + p->ring),
	       b->rate_mpps);
	vmpair_print(p);
	printf(",\"seconds\":%.3f,\"mpps\":%.3f,\"gbps\":%.2f,\"load_busy_percent\":%.1f,\"load_cycles_per_packet\":%."
	       "0f,\"sent\":%lu,"
	       "\"received\":%lu,\"lost\":%lu,\"not_sent\":%lu,\"late\":%lu,\"stalls\":%lu,\"foreign\":%lu,\"load_"
	       "absent_us\":%.0f}"
	       "\n",
	       seconds, (double)packets / seconds / 1e6, (double)packets * (double)b->size * 8 / seconds / 1e9,
	       100 * busy, packets > 0 ? busy * seconds * (double)p->cycles_per_s / (double)packets : 0, sent, received,
	       sent > received ? sent - received : 0, SUM(b, refused), SUM(b, late), b->stalls, SUM(b, foreign),
	       (double)b->longest * 1e6 / (double)p->cycles_per_s);
}

#define AT(field) offsetof(struct bounce, field)
static const struct option_row rows[] = {
	{ "mode", OPTION_TEXT, AT(mode_name), 0, 0, "NAME", "bounce, oneway, or both" },
	{ "size", OPTION_NUMBER, AT(size), 64, 9216, "BYTES", "of a frame, without its checksum" },
	{ "in-flight", OPTION_NUMBER, AT(in_flight), 1, VUSER_RING_MAX, "N", "bounce: packets in each direction" },
	{ "mbufs", OPTION_NUMBER, AT(mbufs), 1, 1 << 20, "N",
	  "buffers of both directions; more if the rings need them" },
	{ "pairs", OPTION_NUMBER, AT(pairs), 1, PAIRS_MAX, "N",
	  "of devices; sockets of the second pair end in 1, and its addresses are higher by 2" },
	{ "rate", OPTION_REAL, AT(rate_mpps), 0, 1000, "MPPS", "oneway, both: packets in all; 0: as fast as it goes" },
	{ NULL },
};
#undef AT

int
main(int argc, char **argv)
{
	static struct bounce b = { .mode_name = "bounce", .size = 64, .in_flight = 256, .pairs = 1 };
	static struct vmpair p[PAIRS_MAX];
	uint64_t packets, began, ended, busy;

	p[0] = vmpair_defaults;
	options_read((struct option_group[]){ { rows, &b }, { vmpair_options, &p[0] } }, 2,
		     "Packets between two vhost-user devices, and how many go through; ends with a line of JSON.",
		     argv);
	check(p, &b);
	set_up(p, &b);
	for (unsigned i = 0; i < b.pairs; i++)
		vmpair_prime(&p[i]);
	b.began = vmpair_cycles();
	for (unsigned i = 0; i < b.n_ways; i++)
		begin(&b, &b.way[i]);
	run(p, &b, WARM_MS);
	packets = SUM(&b, received);
	busy = b.busy;
	began = vmpair_cycles();
	run(p, &b, p->seconds * 1000);
	ended = vmpair_cycles();
	packets = SUM(&b, received) - packets;
	busy = b.busy - busy;
	finish(p, &b);
	report(p, &b, packets, (double)(ended - began) / (double)p->cycles_per_s,
	       (double)busy / (double)(ended - began));
	for (unsigned i = 0; i < b.n_ways; i++)
		vmpool_fini(&b.way[i].pool);
	for (unsigned i = 0; i < b.pairs; i++)
		vmpair_close(&p[i]);
	return 0;
}
