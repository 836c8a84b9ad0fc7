/*
 * vmseq.c - numbered streams from vhost-user device A to B, at full load or paced, and what became of them.
 *
 * A flow for each queue pair, sent by that queue alone, told by its UDP source port; B takes it from whichever queue it comes by.
 * At full load a fixed number of packets is under way, fewer than B's buffers, so what is missing was lost in between; when nothing
 * comes for STALL_MS, what is under way is given up. With --rate, A sends at that pace and never waits: what its ring has no room
 * for is not sent, and has no number.
 *
 * A gap of at least GAP_NS between two looks that found packets is written to FILE as two native 64-bit words, its begin
 * (CLOCK_REALTIME, ns) and its length (ns). The CPU of this program must be its own, or its own absence counts.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "bench/seqcheck.h"
#include "bench/vmpair.h"
#include "bench/vmpool.h"

#define LEAST 16         /* packets that are sent at once, unless they are the last of a window */
#define GAP_NS 10000     /* below this arrivals are one burst */
#define GAPS_MAX 1000000 /* 16 MB; more are counted, not kept */
#define STALL_MS 1000    /* longer than a switch may be off its CPU */
#define NS_PER_MS 1000000ull

struct flow {
	struct vuser_queue *tx;
	struct vmpool pool;
	uint64_t sent, base; /* base: what came, or was given up */
	struct seqcheck check;
};

struct gap {
	uint64_t begin, length; /* ns */
};

struct seq {
	unsigned long size, window;
	double rate_mpps;
	const char *gaps_path;

	struct flow *flow; /* a flow for each queue */
	uint64_t foreign, stalls, not_sent;
	uint64_t arrived;   /* when packets came last, cycles */
	uint64_t longest;   /* gap, cycles */
	uint64_t gap;       /* GAP_NS, cycles */
	struct vmwait wait; /* for anything to come */
	struct gap *gaps;
	size_t n_gaps, lost_gaps;
};

/* ---- receiving ---- */

static void
take_gap(const struct vmpair *p, struct seq *s, uint64_t cycles)
{
	struct timespec t;
	uint64_t ns = (uint64_t)((double)cycles * VM_NS_PER_S / (double)p->cycles_per_s);

	if (cycles > s->longest)
		s->longest = cycles;
	if (s->n_gaps == GAPS_MAX) {
		s->lost_gaps++;
		return;
	}
	clock_gettime(CLOCK_REALTIME, &t);
	s->gaps[s->n_gaps++] = (struct gap){ (uint64_t)t.tv_sec * VM_NS_PER_S + (uint64_t)t.tv_nsec - ns, ns };
}

static void
see(const struct vmpair *p, struct seq *s, const struct vuser_done *done)
{
	const uint8_t *frame = (const uint8_t *)(uintptr_t)done->token;
	uint64_t number;
	uint16_t port;

	memcpy(&port, frame + VM_NUMBER_AT - VM_UDP, sizeof(port));
	port = (uint16_t)(ntohs(port) - VM_UDP_PORT);
	if (done->len != VM_HEADER + s->size || port >= p->queues) {
		s->foreign++;
		return;
	}
	memcpy(&number, frame + VM_NUMBER_AT, sizeof(number));
	seqcheck_see(&s->flow[port].check, number);
}

/* Takes what came by one queue of B. */
static unsigned
receive(const struct vmpair *p, struct seq *s, struct vuser_queue *rx)
{
	struct vuser_done done[VM_BATCH];
	uint64_t token[VM_BATCH];
	int n = vuser_take(rx, done, VM_BATCH);

	if (n < 0)
		vmpair_broken();
	for (int i = 0; i < n; i++)
		__builtin_prefetch((void *)(uintptr_t)done[i].token);
	for (int i = 0; i < n; i++) {
		see(p, s, &done[i]);
		token[i] = done[i].token;
	}
	vmpair_repost(p, rx, token, (unsigned)n);
	return (unsigned)n;
}

static void
receive_all(struct vmpair *p, struct seq *s)
{
	unsigned n = 0;
	uint64_t now;

	for (unsigned q = 0; q < p->queues; q++)
		n += receive(p, s, vmpair_rx(p, 0, q));
	if (n == 0)
		return;
	now = vmpair_cycles();
	if (s->arrived != 0 && now - s->arrived >= s->gap)
		take_gap(p, s, now - s->arrived);
	s->arrived = now;
	vmwait_renew(&s->wait);
}

/* ---- sending ---- */

/* Sends the next n numbers of a flow, as far as there is room. Returns how many. */
static unsigned
send_numbers(const struct seq *s, struct flow *f, unsigned long n)
{
	uint64_t token[VM_BATCH];
	unsigned got;

	if (vuser_room(f->tx) < VM_BATCH && vmpool_reclaim(&f->pool, f->tx) < 0)
		vmpair_broken();
	if (n > vuser_room(f->tx))
		n = vuser_room(f->tx);
	got = vmpool_take(&f->pool, token, n < VM_BATCH ? (unsigned)n : VM_BATCH);
	for (unsigned i = 0; i < got; i++) {
		uint8_t *frame = (uint8_t *)(uintptr_t)token[i];
		uint64_t number = f->sent++;

		memset(frame, 0, VM_HEADER);
		memcpy(frame + VM_NUMBER_AT, &number, sizeof(number));
	}
	vuser_put(f->tx, token, got, VM_HEADER + (uint32_t)s->size, 0);
	vuser_flush(f->tx);
	return got;
}

static void
fill_window(const struct seq *s, struct flow *f)
{
	unsigned long room;

	if (f->check.next > f->base)
		f->base = f->check.next;
	room = s->window - (f->sent - f->base);
	if (room >= LEAST || room == s->window)
		send_numbers(s, f, room);
}

static void
give_up(const struct vmpair *p, struct seq *s)
{
	s->stalls++;
	vmwait_renew(&s->wait);
	for (unsigned i = 0; i < p->queues; i++)
		s->flow[i].base = s->flow[i].sent;
}

/* Runs until the time is over, then waits for the last ones. Returns seconds of sending. */
static double
run(struct vmpair *p, struct seq *s)
{
	uint64_t began = vmpair_cycles(), now = began, end = began + p->seconds * p->cycles_per_s, scheduled = 0;
	double pace = s->rate_mpps * 1e6 / (double)p->cycles_per_s;

	s->arrived = began;
	s->wait = vmwait_begin(STALL_MS * p->cycles_per_s / 1000, began);
	for (unsigned i = 0; now < end && !vmpair_stopped; now = vmpair_cycles(), i = (i + 1) % (unsigned)p->queues) {
		uint64_t due = (uint64_t)((double)(now - began) * pace) - scheduled;

		receive_all(p, s);
		if (pace == 0) {
			fill_window(s, &s->flow[i]);
			if (vmwait_is_over(&s->wait, now))
				give_up(p, s);
		} else if (due >= LEAST) {
			scheduled += due;
			for (unsigned n = 1; n > 0 && due > 0; due -= n)
				n = send_numbers(s, &s->flow[i], due);
			s->not_sent += due;
		}
	}
	end = now;
	for (vmwait_renew(&s->wait); !vmwait_is_over(&s->wait, vmpair_cycles());)
		receive_all(p, s);
	return (double)(end - began) / (double)p->cycles_per_s;
}

/* ---- set-up and report ---- */

static void
set_up(struct vmpair *p, struct seq *s)
{
	if (s->window == 0)
		s->window = p->ring / p->queues;
	if (s->window * p->queues > p->ring || s->window > SEQCHECK_WINDOW / 2)
		options_refuse("--window: %lu packets of %lu flows do not fit into a ring of %lu", s->window, p->queues,
			       p->ring);
	p->rx_len = 2048;
	p->memory = 2 * p->queues * (p->ring + 1) * (p->rx_len + 128);
	vmpair_open(p);
	s->flow = calloc(p->queues, sizeof(*s->flow));
	s->gaps = calloc(GAPS_MAX, sizeof(*s->gaps));
	if (s->flow == NULL || s->gaps == NULL)
		bench_fail("flows", ENOMEM);
	for (unsigned i = 0; i < p->queues; i++) {
		struct vmframe way = vmpair_way(p, 0, i, (uint32_t)s->size);
		struct flow *f = &s->flow[i];

		f->tx = vmpair_tx(p, 0, i);
		vmpool_init(&f->pool, 2 * f->tx->size);
		for (unsigned n = 0; n < 2u * f->tx->size; n++) {
			uint8_t *frame = vmpair_buffer(p, VM_HEADER + (uint32_t)s->size);

			vmframe_udp(frame, &way);
			vmpool_give(&f->pool, (uintptr_t)frame);
		}
	}
	s->gap = GAP_NS * p->cycles_per_s / VM_NS_PER_S;
}

static void
write_gaps(const struct seq *s)
{
	FILE *f;

	if (s->gaps_path == NULL)
		return;
	f = fopen(s->gaps_path, "we");
	if (f == NULL || fwrite(s->gaps, sizeof(*s->gaps), s->n_gaps, f) != s->n_gaps || fclose(f) != 0)
		bench_fail(s->gaps_path, errno);
}

static void
report(const struct vmpair *p, const struct seq *s, double seconds)
{
	uint64_t sent = 0, received = 0, lost = 0, reordered = 0, duplicates = 0;

	for (unsigned i = 0; i < p->queues; i++) {
		const struct flow *f = &s->flow[i];

		sent += f->sent;
		received += f->check.received;
		lost += seqcheck_lost(&f->check, f->sent);
		reordered += f->check.reordered;
		duplicates += f->check.duplicates;
	}
	printf("{\"size\":%lu,\"window\":%lu,\"rate_mpps\":%g,", s->size, s->window, s->rate_mpps);
	vmpair_print(p);
	printf(",\"seconds\":%.3f,\"mpps\":%.3f,\"sent\":%lu,\"received\":%lu,\"lost\":%lu,\"reordered\":%lu,"
	       "\"duplicates\":%lu,"
	       "\"stalls\":%lu,\"not_sent\":%lu,\"foreign\":%lu,\"gaps\":%zu,\"gaps_not_kept\":%zu,\"longest_gap_us\":%"
	       ".1f}\n",
	       seconds, (double)received / seconds / 1e6, sent, received, lost, reordered, duplicates, s->stalls,
	       s->not_sent, s->foreign, s->n_gaps, s->lost_gaps, (double)s->longest * 1e6 / (double)p->cycles_per_s);
}

#define AT(field) offsetof(struct seq, field)
static const struct option_row rows[] = {
	{ "size", OPTION_NUMBER, AT(size), 64, 2036, "BYTES", "of a frame, without its checksum" },
	{ "window", OPTION_NUMBER, AT(window), LEAST, SEQCHECK_WINDOW / 2, "N",
	  "packets of a flow under way; 0: ring / queues" },
	{ "rate", OPTION_REAL, AT(rate_mpps), 0, 1000, "MPPS", "all flows together; 0: full load" },
	{ "gaps", OPTION_TEXT, AT(gaps_path), 0, 0, "FILE", "gets the gaps between arrivals" },
	{ NULL },
};
#undef AT

int
main(int argc, char **argv)
{
	static struct seq s = { .size = 64 };
	static struct vmpair p;
	double seconds;

	p = vmpair_defaults;
	options_read((struct option_group[]){ { rows, &s }, { vmpair_options, &p } }, 2,
		     "Numbered streams from A to B: lost, reordered, doubled; ends with a line of JSON.", argv);
	set_up(&p, &s);
	vmpair_prime(&p);
	seconds = run(&p, &s);
	write_gaps(&s);
	report(&p, &s, seconds);
	for (unsigned i = 0; i < p.queues; i++)
		vmpool_fini(&s.flow[i].pool);
	free(s.flow);
	free(s.gaps);
	vmpair_close(&p);
	return 0;
}
