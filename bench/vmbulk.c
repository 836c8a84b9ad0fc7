/*
 * vmbulk.c - frames from vhost-user device A to B, whose receiver sleeps until it is interrupted, and how often that was.
 *
 * The receiver is a thread of its own: it asks for an interrupt, looks once more, sleeps in poll(2), takes all there is, gives the
 * buffers back, and asks again, as a guest's driver does. The sender is paced, and does the same with what it has sent: it takes
 * back buffers when it is interrupted, or when it has no room, and asks again. The receiver runs at once when it is interrupted, as an
 * interrupt does, whatever the sender does on the same CPU (SCHED_FIFO). Nothing polls a ring.
 */
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>

#include "bench/vmpair.h"

#define BURST_MAX 32 /* frames at once, when the sender was off its CPU */

struct bulk {
	unsigned long size, rate_kpps;

	struct vmpair *pair;
	uint8_t *frame;
	int stop_fd;
	uint64_t sent, refused, tx_interrupts;
	_Atomic uint64_t received, rx_interrupts; /* written by: the receiver */
};

/* ---- the receiver ---- */

static void
take_all(struct bulk *b, struct vuser_queue *rx)
{
	struct vuser_done done[VM_BATCH];
	uint64_t token[VM_BATCH];
	int n;

	while ((n = vuser_take(rx, done, VM_BATCH)) > 0) {
		for (int i = 0; i < n; i++)
			token[i] = done[i].token;
		vmpair_repost(b->pair, rx, token, (unsigned)n);
		atomic_fetch_add_explicit(&b->received, (uint64_t)n, memory_order_relaxed);
	}
	if (n < 0)
		vmpair_broken();
}

static void *
receive(void *arg)
{
	struct bulk *b = arg;
	struct vuser_queue *rx = vmpair_rx(b->pair, 0, 0);
	struct pollfd fds[2] = { { .fd = rx->call_fd, .events = POLLIN }, { .fd = b->stop_fd, .events = POLLIN } };

	for (;;) {
		if (!vuser_calls_on(rx) && poll(fds, 2, -1) < 0)
			bench_fail("poll", errno);
		if (fds[1].revents != 0)
			return NULL;
		atomic_fetch_add_explicit(&b->rx_interrupts, vuser_called(rx), memory_order_relaxed);
		take_all(b, rx);
	}
}

/* ---- the sender ---- */

static void
reclaim(struct bulk *b, struct vuser_queue *tx)
{
	struct vuser_done done[VM_BATCH];
	int n;

	do {
		n = vuser_take(tx, done, VM_BATCH);
	} while (n > 0 || (n == 0 && vuser_calls_on(tx)));
	if (n < 0)
		vmpair_broken();
}

/* All that is due. For what there is no room it is too late. */
static void
send_due(struct bulk *b, struct vuser_queue *tx, uint64_t due)
{
	uint64_t token[BURST_MAX];
	unsigned n = due < BURST_MAX ? (unsigned)due : BURST_MAX, put;

	if (vuser_room(tx) < n)
		reclaim(b, tx);
	for (unsigned i = 0; i < n; i++)
		token[i] = (uintptr_t)b->frame;
	put = vuser_put(tx, token, n, (uint32_t)(VM_HEADER + b->size), 0);
	vuser_flush(tx);
	b->sent += put;
	b->refused += due - put;
}

static void
run(struct bulk *b)
{
	struct vuser_queue *tx = vmpair_tx(b->pair, 0, 0);
	uint64_t began = vmpair_ns(), end = began + b->pair->seconds * VM_NS_PER_S, now, done = 0;

	reclaim(b, tx);
	while ((now = vmpair_ns()) < end && !vmpair_stopped) {
		uint64_t due = (uint64_t)((double)(now - began) * (double)b->rate_kpps / 1e6) - done, calls;

		if (due > 0) {
			send_due(b, tx, due);
			done += due;
		}
		calls = vuser_called(tx);
		b->tx_interrupts += calls;
		if (calls > 0)
			reclaim(b, tx);
	}
}

static void
report(const struct bulk *b)
{
	printf("{\"size\":%lu,\"rate_kpps\":%lu,", b->size, b->rate_kpps);
	vmpair_print(b->pair);
	printf(",\"sent\":%lu,\"refused\":%lu,\"received\":%lu,\"rx_interrupts\":%lu,\"tx_interrupts\":%lu}\n", b->sent,
	       b->refused, b->received, b->rx_interrupts, b->tx_interrupts);
}

#define AT(field) offsetof(struct bulk, field)
static const struct option_row rows[] = {
	{ "size", OPTION_NUMBER, AT(size), 60, 1514, "BYTES", "of a frame without its checksum" },
	{ "rate-kpps", OPTION_NUMBER, AT(rate_kpps), 1, 10000, "N", "thousand frames a second" },
	{ NULL },
};
#undef AT

int
main(int argc, char **argv)
{
	static struct bulk b = { .size = 1500, .rate_kpps = 100 };
	static struct vmpair p;
	struct sched_param first = { .sched_priority = sched_get_priority_max(SCHED_FIFO) };
	struct vmframe f;
	pthread_t thread;
	int err;

	p = vmpair_defaults;
	options_read((struct option_group[]){ { rows, &b }, { vmpair_options, &p } }, 2,
		     "Frames from A to B, who sleeps until he is interrupted; ends with a line of JSON.", argv);
	p.rx_len = 2048;
	p.memory = 1 << 16;
	vmpair_open(&p);
	b.pair = &p;
	b.frame = vmpair_buffer(&p, (uint32_t)(VM_HEADER + b.size));
	f = vmpair_way(&p, 0, 0, (uint32_t)b.size);
	vmframe_udp(b.frame, &f);
	vmpair_prime(&p);
	b.stop_fd = eventfd(0, EFD_CLOEXEC);
	if (b.stop_fd < 0)
		bench_fail("eventfd", errno);
	err = pthread_create(&thread, NULL, receive, &b);
	if (err != 0)
		bench_fail("a thread", err);
	err = pthread_setschedparam(thread, SCHED_FIFO, &first);
	if (err != 0)
		bench_fail("SCHED_FIFO", err);
	run(&b);
	eventfd_write(b.stop_fd, 1);
	pthread_join(thread, NULL);
	report(&b);
	vmpair_close(&p);
	return 0;
}
