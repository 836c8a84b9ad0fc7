/* vring_lanes_test.c - several lanes deliver into one receive ring, also while it stops and starts. ThreadSanitizer judges it, too. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "base/qsbr.h"
#include "guest/test_rings.h"
#include "pkt/admit.h"
#include "pkt/build.h"
#include "pkt/testframe.h"
#include "pkt/wire.h"

#define LEN(a) (sizeof(a) / sizeof((a)[0]))
#define LANES 2
#define FRAMES 100000 /* each lane offers */
#define BUFFER 100
#define BUFFERS 256

struct sender {
	struct lane lane;
	pthread_t thread;
	uint32_t taken; /* frames that were delivered, as its verdicts say */
};

static struct sender senders[LANES];
static _Atomic unsigned sending;

static int
open_rings(void **state)
{
	rings_open(&rings_full);
	rings_post(BUFFERS, BUFFER);
	return 0;
}

static int
close_rings(void **state)
{
	rings_close();
	return 0;
}

/* A frame of 60 to 259 bytes, in one to three buffers, which says whose it is and the how manieth. */
static void
make(struct pkt *pkt, uint8_t *bytes, struct iovec *seg, unsigned lane, uint32_t number)
{
	uint32_t len = 60 + number % 200;
	enum drop_reason why;

	memset(bytes, (int)(number & 0xff), len);
	put_be16(bytes + 12, 0x88b5); /* for experiments, IEEE 802 */
	bytes[20] = (uint8_t)lane;
	put_be32(bytes + 21, number);
	testframe_load(pkt, bytes, len, seg, 0);
	memset(&pkt->claim, 0, sizeof(pkt->claim));
	if (pkt_admit(pkt, &why) != 0)
		pkt->len = 0; /* the receiver finds it missing */
}

/* Returns whether any was delivered. */
static bool
send_burst(struct sender *s, uint32_t first, unsigned n)
{
	uint8_t bytes[PKT_BURST][260], verdict[PKT_BURST];
	struct iovec seg[PKT_BURST][PKT_SEGS_MAX];
	struct pkt pkt[PKT_BURST], *pkts[PKT_BURST] = { 0 };
	int tags[PKT_BURST] = { 0 };
	uint32_t before = s->taken;

	for (unsigned i = 0; i < n; i++) {
		make(&pkt[i], bytes[i], seg[i], s->lane.id, first + i);
		pkts[i] = &pkt[i];
		tags[i] = PKT_TAG_NONE;
	}
	rings.sink.ops->put(&rings.sink, &s->lane, pkts, tags, n, verdict);
	for (unsigned i = 0; i < n; i++)
		s->taken += verdict[i] == SINK_TAKEN;
	return s->taken != before;
}

static void *
run_sender(void *arg)
{
	struct sender *s = arg;

	qsbr_online(s->lane.reader);
	for (uint32_t number = 0, n; number < FRAMES; number += n) {
		n = 1 + number % PKT_BURST;
		if (!send_burst(s, number, n))
			sched_yield(); /* full: let the receiver run */
		qsbr_quiescent(s->lane.reader);
	}
	qsbr_offline(s->lane.reader);
	atomic_fetch_sub(&sending, 1);
	return NULL;
}

static void
start_senders(void)
{
	atomic_store(&sending, LANES);
	for (unsigned i = 0; i < LANES; i++) {
		senders[i].taken = 0;
		assert_int_equal(lane_init(&senders[i].lane, i + 1), 0);
		assert_int_equal(pthread_create(&senders[i].thread, NULL, run_sender, &senders[i]), 0);
	}
}

/* Returns how many frames they found delivered. */
static uint32_t
join_senders(void)
{
	uint32_t taken = 0;

	for (unsigned i = 0; i < LANES; i++) {
		pthread_join(senders[i].thread, NULL);
		taken += senders[i].taken;
		lane_fini(&senders[i].lane);
	}
	return taken;
}

/* The driver: takes what is there and posts it again. A lane's frames come in its order, each once. Returns how many. */
static uint32_t
receive(uint32_t next[LANES + 1])
{
	struct vuser_done done[4];
	uint32_t frames = 0;
	int n;

	while ((n = vuser_take_frame(&rings_rx, done, LEN(done))) > 0) {
		const uint8_t *bytes = (const uint8_t *)(uintptr_t)done[0].token + 12;
		uint32_t number = get_be32(bytes + 21), len = done[0].len - 12;

		for (int i = 1; i < n; i++)
			len += done[i].len;
		assert_in_range(bytes[20], 1, LANES);
		assert_true(number >= next[bytes[20]]);
		assert_int_equal(len, 60 + number % 200);
		assert_int_equal(bytes[30], number & 0xff);
		next[bytes[20]] = number + 1;
		for (int i = 0; i < n; i++)
			assert_int_equal(vuser_put(&rings_rx, &done[i].token, 1, BUFFER, VUSER_DESC_WRITE), 1);
		frames++;
	}
	assert_int_equal(n, 0);
	vuser_publish(&rings_rx);
	return frames;
}

static void
two_lanes_into_one_ring_lose_and_double_nothing(void **state)
{
	uint32_t next[LANES + 1] = { 0 }, received = 0;

	start_senders();
	while (atomic_load(&sending) > 0) {
		uint32_t n = receive(next);

		received += n;
		if (n == 0)
			sched_yield();
	}
	received += receive(next);
	assert_int_equal(join_senders(), received);
	assert_true(received > 2 * BUFFERS);
	assert_int_equal(vring_fault(&rings.rx[0]), VRING_FAULT_NONE);
}

/* DPDK 73ea4437 and others: what is torn down under traffic. Here as vhost_ring.c does it: out of the table, grace period, stop; and on again. */
static void
a_ring_that_stops_and_starts_under_traffic_loses_nothing_that_was_taken(void **state)
{
	const struct spread *spread = atomic_load(&rings.spread);
	uint32_t next[LANES + 1] = { 0 }, received = 0;
	unsigned restarts = 0;

	start_senders();
	while (atomic_load(&sending) > 0) {
		uint16_t base;

		received += receive(next);
		atomic_store_explicit(&rings.spread, NULL, memory_order_release);
		qsbr_synchronize();
		base = vring_stop(&rings.rx[0]);
		received += receive(next);
		assert_int_equal(rings_rx.used->idx, base);
		assert_int_equal(rings_run(&rings.rx[0], &rings_rx, &rings_full, restarts % 2 ? base : -1), 0);
		atomic_store_explicit(&rings.spread, spread, memory_order_release);
		restarts++;
		sched_yield();
	}
	received += receive(next);
	assert_int_equal(join_senders(), received);
	assert_true(restarts > 2);
}

/* A generation of memory that is replaced is not touched after its grace period: here it is overwritten then. */
static void
memory_that_was_replaced_is_not_looked_at(void **state)
{
	uint32_t next[LANES + 1] = { 0 }, received = 0;

	start_senders();
	while (atomic_load(&sending) > 0) {
		const struct guest_mem *former = atomic_load(&rings.mem);
		struct guest_mem *now = malloc(sizeof(*now) + sizeof(now->region[0]));

		assert_non_null(now);
		memcpy((void *)now, former, sizeof(*now) + sizeof(now->region[0]));
		atomic_store_explicit(&rings.mem, now, memory_order_release);
		qsbr_synchronize();
		memset((void *)(uintptr_t)former, 0, sizeof(*former) + sizeof(former->region[0]));
		free((void *)(uintptr_t)former);
		received += receive(next);
		sched_yield();
	}
	received += receive(next);
	assert_int_equal(join_senders(), received);
	assert_int_equal(vring_fault(&rings.rx[0]), VRING_FAULT_NONE);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_rings, close_rings)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(two_lanes_into_one_ring_lose_and_double_nothing),
		TEST(a_ring_that_stops_and_starts_under_traffic_loses_nothing_that_was_taken),
		TEST(memory_that_was_replaced_is_not_looked_at),
	};

	return cmocka_run_group_tests(tests, rings_group_start, rings_group_end);
}
