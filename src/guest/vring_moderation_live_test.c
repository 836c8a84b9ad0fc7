/*
 * vring_moderation_live_test.c - interrupts of a guest's rings are held back by several lanes, and a driver that sleeps until it has
 * one misses none. ThreadSanitizer judges it, too.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>

#include "base/clock.h"
#include "base/qsbr.h"
#include "guest/interrupt.h"
#include "guest/test_moderation.h"
#include "pkt/build.h"

#define BUFFER 100
#define LOST_MS 10000 /* no timer makes up for a lost interrupt; more than a thread may be off its CPU */

/* ---- lanes that deliver, and a driver that sleeps until it is interrupted ---- */

#define LANES 2
#define FRAMES 30000 /* each lane delivers */
#define BUFFERS 64

struct sender {
	struct lane lane;
	pthread_t thread;
	uint64_t taken;
};

static struct sender senders[LANES];

/* As a worker: a burst, what is due; when there was no room, until something is due; at times it is away for long. */
static void *
run_sender(void *arg)
{
	struct sender *s = arg;
	uint8_t verdict[PKT_BURST];
	struct pkt *pkts[PKT_BURST];
	int tags[PKT_BURST];

	qsbr_online(s->lane.reader);
	for (unsigned i = 0; i < PKT_BURST; i++) {
		pkts[i] = &moderation_frame;
		tags[i] = PKT_TAG_NONE;
	}
	for (uint64_t round = 0; s->taken < FRAMES; round++) {
		unsigned n = (unsigned)RTE_MIN(1 + round % 7, FRAMES - s->taken), k = 0;

		rings.sink.ops->put(&rings.sink, &s->lane, pkts, tags, n, verdict);
		for (unsigned i = 0; i < n; i++)
			k += verdict[i] == SINK_TAKEN;
		s->taken += k;
		holds_run(&s->lane, clock_cycles());
		qsbr_quiescent(s->lane.reader);
		if (k == 0)
			lane_nap(&s->lane, RTE_MIN(holds_next(&s->lane), clock_cycles() + clock_us_to_cycles(50)), 0);
		if (round % 1024 == 0)
			lane_pause(&s->lane, 300 * NSEC_PER_US);
	}
	holds_close(&s->lane);
	qsbr_offline(s->lane.reader);
	interrupt_thread_fini();
	return NULL;
}

static void
start_senders(void *(*run)(void *))
{
	for (unsigned i = 0; i < LANES; i++) {
		senders[i].taken = 0;
		assert_int_equal(lane_init(&senders[i].lane, i + 1), 0);
		holds_open(&senders[i].lane, rte_get_tsc_hz());
		assert_int_equal(pthread_create(&senders[i].thread, NULL, run, &senders[i]), 0);
	}
}

static uint64_t
join_senders(void)
{
	uint64_t taken = 0;

	for (unsigned i = 0; i < LANES; i++) {
		pthread_join(senders[i].thread, NULL);
		taken += senders[i].taken;
		lane_fini(&senders[i].lane);
	}
	return taken;
}

/* Takes all there is and posts it again. Returns how many frames. */
static uint64_t
receive(void)
{
	struct vuser_done done[BUFFERS];
	int n = vuser_take(&rings_rx, done, BUFFERS);

	assert_true(n >= 0);
	for (int i = 0; i < n; i++)
		assert_int_equal(vuser_put(&rings_rx, &done[i].token, 1, BUFFER, VUSER_DESC_WRITE), 1);
	vuser_publish(&rings_rx);
	return (uint64_t)n;
}

/* Asks, looks once more, sleeps. Without an interrupt it stays asleep, and the ring full. */
static void
sleep_until_interrupted(struct vuser_queue *q)
{
	struct pollfd fd = { .fd = q->call_fd, .events = POLLIN };

	if (vuser_calls_on(q))
		return;
	assert_int_equal(poll(&fd, 1, LOST_MS), 1);
	vuser_called(q);
}

static void
restart_ring(const struct vring_features *f, unsigned times)
{
	const struct spread *spread = atomic_exchange(&rings.spread, NULL);

	qsbr_synchronize();
	vring_settle(&rings.rx[0]);
	qsbr_synchronize();
	vring_stop(&rings.rx[0]);
	assert_false(hold_is_on(&rings.rx[0].hold));
	moderation_set(&rings.rx[0].moderation, (enum moderation_mode)(times % MODERATION_MODES));
	assert_int_equal(rings_run(&rings.rx[0], &rings_rx, f, -1), 0);
	atomic_store(&rings.spread, spread);
}

/* Until all was received. */
static void
run_driver(const struct vring_features *f, unsigned restart_every)
{
	uint64_t received = 0;

	for (unsigned i = 1; received < (uint64_t)LANES * FRAMES; i++) {
		sleep_until_interrupted(&rings_rx);
		received += receive();
		if (restart_every > 0 && i % restart_every == 0)
			restart_ring(f, i);
	}
	assert_int_equal(join_senders(), received);
}

static void
deliver(const struct vring_features *f, enum moderation_mode mode, unsigned restart_every)
{
	open_both(f, rte_get_tsc_hz(), mode);
	rings_post(BUFFERS, BUFFER);
	vuser_calls_on(&rings_rx);
	start_senders(run_sender);
	run_driver(f, restart_every);
	close_both();
}

static void
a_driver_that_sleeps_is_told_of_every_frame(void **state)
{
	for (int mode = 0; mode < MODERATION_MODES; mode++) {
		deliver(&flags, (enum moderation_mode)mode, 0);
		deliver(&events, (enum moderation_mode)mode, 0);
	}
}

static void
a_driver_that_sleeps_is_told_also_when_its_ring_stops_and_starts(void **state)
{
	deliver(&flags, MODERATION_ADAPTIVE, 7);
	deliver(&events, MODERATION_ADAPTIVE, 7);
}

/* ---- lanes between which a transmit ring moves, and a driver that sleeps when it is full ---- */

static struct spin owner; /* as the queue's word: who has it takes and gives */
static _Atomic uint64_t all_taken;

/* As a worker whose queue moves away after each burst, while it holds the interrupt for it back. */
static void *
run_taker(void *arg)
{
	struct source *from = &rings.tx[0].source;
	struct sender *s = arg;

	qsbr_online(s->lane.reader);
	while (atomic_load(&all_taken) < (uint64_t)LANES * FRAMES) {
		unsigned n;

		spin_lock(&owner);
		n = from->ops->take(from, &s->lane);
		from->ops->give(from, &s->lane);
		spin_unlock(&owner);
		s->taken += n;
		atomic_fetch_add(&all_taken, n);
		holds_run(&s->lane, clock_cycles());
		qsbr_quiescent(s->lane.reader);
		if (n == 0)
			lane_nap(&s->lane, RTE_MIN(holds_next(&s->lane), clock_cycles() + clock_us_to_cycles(50)), 0);
	}
	holds_close(&s->lane);
	qsbr_offline(s->lane.reader);
	interrupt_thread_fini();
	return NULL;
}

static void
send_until_full(uint64_t token, uint64_t *sent)
{
	while (*sent < (uint64_t)LANES * FRAMES && vuser_put(&rings_tx, &token, 1, BUFFER, 0) == 1)
		(*sent)++;
	vuser_publish(&rings_tx);
}

static uint64_t
reap(void)
{
	struct vuser_done done[RINGS_SIZE];
	int n = vuser_take(&rings_tx, done, RINGS_SIZE);

	assert_true(n >= 0);
	return (uint64_t)n;
}

static void
transmit(const struct vring_features *f, enum moderation_mode mode)
{
	uint64_t sent = 0, reaped = 0;
	uint8_t *bytes;

	open_both(f, rte_get_tsc_hz(), mode);
	bytes = rings_buffer(BUFFER);
	memset(bytes, 0, BUFFER);
	atomic_store(&all_taken, 0);
	vuser_calls_on(&rings_tx);
	start_senders(run_taker);
	while (reaped < (uint64_t)LANES * FRAMES) {
		send_until_full((uint64_t)(uintptr_t)bytes, &sent);
		sleep_until_interrupted(&rings_tx);
		reaped += reap();
	}
	assert_int_equal(join_senders(), reaped);
	close_both();
}

static void
a_driver_that_sleeps_hears_that_its_frames_were_sent_whoever_has_the_queue(void **state)
{
	for (int mode = 0; mode < MODERATION_MODES; mode++) {
		transmit(&flags, (enum moderation_mode)mode);
		transmit(&events, (enum moderation_mode)mode);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_driver_that_sleeps_is_told_of_every_frame),
		cmocka_unit_test(a_driver_that_sleeps_is_told_also_when_its_ring_stops_and_starts),
		cmocka_unit_test(a_driver_that_sleeps_hears_that_its_frames_were_sent_whoever_has_the_queue),
	};

	return cmocka_run_group_tests(tests, rings_group_start, rings_group_end);
}
