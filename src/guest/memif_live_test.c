/* memif_live_test.c - peers that come, send, and are gone in the middle of it, under a lane that works on. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/qsbr.h"
#include "guest/test_memif.h"
#include "pkt/build.h"

#define PEERS 200
#define FRAMES 2000
#define WALL_NS (4 * NSEC_PER_S) /* on a busy machine: when to be content with less */

static struct wire wire;
static pthread_t thread;
static _Atomic bool stop;
static _Atomic uint64_t taken, put, strange;

static unsigned
take(void)
{
	struct source *s = atomic_load_explicit(&wire.queue->source[QUEUE_FROM_SENDER], memory_order_acquire);
	unsigned n = s != NULL && s->ops->pending(s) ? s->ops->take(s, &wire.lane) : 0;

	for (unsigned i = 0; i < n; i++) {
		const struct pkt *pkt = &wire.lane.burst.pkt[i];

		/* Only the payload is read here once more: the peer may be gone, but its memory is not. */
		if (pkt->len != 1000 || pkt->n_segs != 1 || pkt->hdr[5] != wire_byte(7, 5) ||
		    ((uint8_t *)pkt->segs[0].iov_base)[999] != wire_byte(7, 999))
			atomic_fetch_add(&strange, 1);
	}
	if (n > 0)
		s->ops->give(s, &wire.lane);
	return n;
}

static void *
work(void *arg)
{
	uint8_t frame[60];

	lane_enter(&wire.lane);
	wire_frame(frame, 1, sizeof(frame));
	while (!atomic_load(&stop)) {
		atomic_fetch_add(&taken, take());
		if (wire_put_bytes(&wire, frame, sizeof(frame), PKT_TAG_NONE) == SINK_TAKEN)
			atomic_fetch_add(&put, 1);
		qsbr_quiescent(wire.lane.reader);
	}
	lane_leave(&wire.lane);
	return NULL;
}

static void
start(void)
{
	atomic_store(&stop, false);
	atomic_store(&taken, 0);
	atomic_store(&put, 0);
	atomic_store(&strange, 0);
	assert_int_equal(pthread_create(&thread, NULL, work, NULL), 0);
}

static void
finish(void)
{
	atomic_store(&stop, true);
	pthread_join(thread, NULL);
	assert_int_equal(atomic_load(&strange), 0);
}

/* Sends what there is room for, takes what came. Returns the frames sent. */
static unsigned
exchange(unsigned most)
{
	unsigned n = muser_room(&wire.peer), ready = muser_ready(wire_back(&wire));

	n = n < most ? n : most;
	for (unsigned i = 0; i < n; i++)
		wire_fill(muser_buffer(&wire.peer, &wire.peer.tx, (uint16_t)i), 7, 0, 1000);
	if (n > 0)
		muser_send(&wire.peer, (uint16_t)n, 1000);
	if (ready > 0)
		muser_repost(&wire.peer, wire_back(&wire), (uint16_t)ready);
	return n;
}

static void
all_frames_go_both_ways(void **state)
{
	uint64_t sent = 0, end = clock_ns() + WALL_NS;

	wire_open(&wire);
	start();
	wire_up(&wire);
	while ((sent < FRAMES || atomic_load(&put) < FRAMES) && clock_ns() < end) {
		sent += exchange(SLOTS);
		sched_yield();
	}
	end = clock_ns() + WALL_NS;
	while (atomic_load(&taken) < sent && clock_ns() < end)
		sched_yield();
	assert_true(sent >= FRAMES);
	assert_int_equal(atomic_load(&taken), sent);
	assert_true(atomic_load(&put) >= FRAMES);
	wire_down(&wire);
	finish();
	wire_close(&wire);
}

/* The server's memory of it has to live until the lane is out of it. */
static void
a_peer_that_is_gone_takes_nobody_with_it(void **state)
{
	uint64_t end = clock_ns() + WALL_NS;
	unsigned peers = 0;

	wire_open(&wire);
	start();
	for (; peers < PEERS && (peers < 10 || clock_ns() < end); peers++) {
		wire_up(&wire);
		for (unsigned i = 0; i < peers % 5; i++) {
			exchange(SLOTS);
			sched_yield();
		}
		exchange(SLOTS); /* under way */
		wire_down(&wire);
	}
	finish();
	print_message("          %u peers, %lu frames from and %lu to them\n", peers,
		      (unsigned long)atomic_load(&taken), (unsigned long)atomic_load(&put));
	assert_true(atomic_load(&taken) > 0);
	assert_true(atomic_load(&put) > 0);
	wire_close(&wire);
}

/* A hostile one writes into the rings while we are in them. */
static void
a_peer_that_scribbles_harms_itself(void **state)
{
	uint64_t end = clock_ns() + WALL_NS;
	unsigned random = 1, ends = 0;

	wire_open(&wire);
	start();
	wire_up(&wire);
	while (ends < 200 && clock_ns() < end) {
		struct muser_end *of = random >> 30 & 1 ? &wire.peer.tx : wire_back(&wire);
		uint8_t *at = (uint8_t *)of->ring;

		for (unsigned i = 0; i < 100; i++) {
			random = random * 1664525 + 1013904223;
			__atomic_store_n(&at[random >> 8 & (random >> 29 ? 127 : 1023)], (uint8_t)(random >> 21),
					 __ATOMIC_RELAXED);
			exchange(2);
		}
		wire.medium->ops->tend(wire.medium);
		if (wire_has_link(&wire))
			continue;
		ends++;
		muser_close(&wire.peer);
		wire_up(&wire);
	}
	print_message("          %u ends\n", ends);
	assert_true(ends > 0);
	atomic_store(&strange, 0); /* frames of nonsense are its own business */
	wire_down(&wire);
	finish();
	wire_close(&wire);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_frames_go_both_ways),
		cmocka_unit_test(a_peer_that_is_gone_takes_nobody_with_it),
		cmocka_unit_test(a_peer_that_scribbles_harms_itself),
	};

	return cmocka_run_group_tests(tests, wire_start, wire_stop);
}
