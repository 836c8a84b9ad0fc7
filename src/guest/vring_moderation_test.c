/*
 * vring_moderation_test.c - interrupts of a guest's rings, at once or held back: none is lost, whatever happens meanwhile.
 * ThreadSanitizer judges it, too.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/qsbr.h"
#include "guest/interrupt.h"
#include "guest/test_rings.h"
#include "pkt/admit.h"
#include "pkt/build.h"
#include "pkt/testframe.h"

#define LEN(a) (sizeof(a) / sizeof((a)[0]))
#define SLOW_HZ \
	4000000000000000ull /* a gap of a us is 4 * 10^9 cycles then, a second or more: nothing comes due by itself */
#define BUFFER 100
#define LOST_MS 10000 /* no timer makes up for a lost interrupt; more than a thread may be off its CPU */

static const struct vring_features flags = { .header_len = 12 };
static const struct vring_features events = { .header_len = 12, .event_idx = true };

static struct pkt frame;
static struct iovec frame_seg[PKT_SEGS_MAX];
static uint8_t frame_bytes[60];

static void
make_frame(void)
{
	enum drop_reason why;

	testframe_load(&frame, frame_bytes, sizeof(frame_bytes), frame_seg, 0);
	memset(&frame.claim, 0, sizeof(frame.claim));
	assert_int_equal(pkt_admit(&frame, &why), 0);
}

static void
open_both(const struct vring_features *f, uint64_t hz, enum moderation_mode mode)
{
	rings_hz = hz;
	rings_open_at(f, 65530);
	moderation_set(&rings.rx[0].moderation, mode);
	moderation_set(&rings.tx[0].moderation, mode);
	holds_open(&rings_lane, hz);
	make_frame();
}

static void
close_both(void)
{
	holds_close(&rings_lane);
	rings_close();
	rings_hz = 0;
}

/* A ring, and what uses an entry of it: a delivery, or a frame that was sent. */
struct side {
	struct vring *ring;
	struct vuser_queue *driver;
	bool receives;
};

static const struct side sides[] = { { &rings.rx[0], &rings_rx, true }, { &rings.tx[0], &rings_tx, false } };

static void
use(const struct side *s, unsigned n)
{
	for (unsigned i = 0; i < n && s->receives; i++) {
		rings_post(1, BUFFER);
		assert_int_equal(rings_put(&frame, PKT_TAG_NONE), SINK_TAKEN);
	}
	if (s->receives)
		return;
	rings_send_plain(n, 60, 0);
	assert_int_equal(rings_take(), n);
	rings_give();
}

/* The driver takes all that was used. Returns how many. */
static unsigned
reap(const struct side *s)
{
	struct vuser_done done[RINGS_SIZE];
	int n = vuser_take(s->driver, done, RINGS_SIZE);

	assert_true(n >= 0);
	return (unsigned)n;
}

/* The driver as Linux' is: takes all, and asks for the next one. */
static void
reap_and_ask(const struct side *s, unsigned n)
{
	assert_int_equal(reap(s), n);
	assert_false(vuser_calls_on(s->driver));
}

/* Its lane, when it is due. */
static void
when_due(const struct side *s)
{
	holds_run(&rings_lane, s->ring->moderation.next);
}

/* For each side, with flags and with event indexes. */
static void
each(void (*test)(const struct side *s), enum moderation_mode mode)
{
	static const struct vring_features *const features[] = { &flags, &events };

	for (size_t f = 0; f < LEN(features); f++)
		for (size_t i = 0; i < LEN(sides); i++) {
			open_both(features[f], SLOW_HZ, mode);
			assert_false(vuser_calls_on(sides[i].driver));
			test(&sides[i]);
			close_both();
		}
}

/* ---- one step at a time ---- */

static void
held_and_sent(const struct side *s)
{
	use(s, 1);
	assert_int_equal(vuser_called(s->driver), 1); /* the first after silence */
	reap_and_ask(s, 1);
	use(s, 1);
	use(s, 2);
	assert_int_equal(vuser_called(s->driver), 0);
	assert_true(hold_is_on(&s->ring->hold));
	when_due(s);
	assert_int_equal(vuser_called(s->driver), 1);
	assert_false(hold_is_on(&s->ring->hold));
	reap_and_ask(s, 3);
	when_due(s);
	assert_int_equal(vuser_called(s->driver), 0);
	assert_int_equal(count_get(&s->ring->interrupts), 2);
}

static void
an_interrupt_that_comes_too_soon_is_held_back_and_tells_of_all(void **state)
{
	each(held_and_sent, MODERATION_LOW);
	each(held_and_sent, MODERATION_MEDIUM);
	each(held_and_sent, MODERATION_HIGH);
}

static void
each_one_sent(const struct side *s)
{
	for (unsigned i = 1; i <= 20; i++) {
		use(s, 1);
		assert_int_equal(vuser_called(s->driver), 1);
		reap_and_ask(s, 1);
	}
	assert_int_equal(count_get(&s->ring->interrupts), 20);
}

static void
without_moderation_each_one_is_sent_at_once(void **state)
{
	each(each_one_sent, MODERATION_OFF);
}

/* It looked by itself, and asks for what comes after: nothing is to be told. */
static void
came_by_itself(const struct side *s)
{
	use(s, 1);
	reap_and_ask(s, 1);
	use(s, 1);
	assert_true(hold_is_on(&s->ring->hold));
	if (s->ring->is.event_idx) {
		reap_and_ask(s, 1);
	} else {
		vuser_calls_off(s->driver); /* and polls from now on */
		assert_int_equal(reap(s), 1);
	}
	vuser_called(s->driver);
	when_due(s);
	assert_int_equal(vuser_called(s->driver), 0);
	assert_false(hold_is_on(&s->ring->hold));
	vuser_calls_on(s->driver);
	use(s, 1);
	when_due(s);
	assert_int_equal(vuser_called(s->driver), 1);
}

static void
a_driver_that_came_by_itself_is_not_interrupted(void **state)
{
	each(came_by_itself, MODERATION_HIGH);
}

/* It came by itself, asked again, and something more came: that is told of by the one that was held back before. */
static void
asked_again(const struct side *s)
{
	use(s, 1);
	reap_and_ask(s, 1);
	use(s, 1);
	reap_and_ask(s, 1);
	use(s, 1);
	vuser_called(s->driver);
	when_due(s);
	assert_int_equal(vuser_called(s->driver), 1);
}

static void
what_came_after_the_driver_asked_again_is_told_of(void **state)
{
	each(asked_again, MODERATION_HIGH);
}

static void
half_a_ring(const struct side *s)
{
	use(s, 1);
	vuser_called(s->driver);
	reap_and_ask(s, 1);
	for (unsigned i = 0; i < RINGS_SIZE / 2 - 1; i++) {
		use(s, 1);
		assert_int_equal(vuser_called(s->driver), 0);
	}
	use(s, 1);
	assert_int_equal(vuser_called(s->driver), 1);
	when_due(s);
	assert_int_equal(vuser_called(s->driver), 0);
}

static void
half_a_ring_is_told_of_at_once(void **state)
{
	each(half_a_ring, MODERATION_HIGH);
}

static void
other_lane(const struct side *s)
{
	struct lane lane = rings_lane, first = rings_lane;

	use(s, 1);
	reap_and_ask(s, 1);
	use(s, 1);
	assert_true(hold_is_on(&s->ring->hold));
	vuser_called(s->driver);
	lane.id = first.id + 1;
	holds_open(&lane, SLOW_HZ);
	rings_lane = lane;
	use(s, 1); /* leaves it to the first */
	assert_true(holds_next(&lane) == HOLD_NEVER);
	holds_run(&lane, HOLD_NEVER);
	assert_int_equal(vuser_called(s->driver), 0);
	holds_run(&first, s->ring->moderation.next);
	assert_int_equal(vuser_called(s->driver), 1);
	reap_and_ask(s, 2);
	use(s, 1); /* its own */
	assert_int_equal(vuser_called(s->driver), 0);
	assert_true(holds_next(&first) == HOLD_NEVER);
	holds_run(&lane, s->ring->moderation.next);
	assert_int_equal(vuser_called(s->driver), 1);
	rings_lane = first;
}

static void
of_several_lanes_one_holds_it(void **state)
{
	each(other_lane, MODERATION_HIGH);
}

static void
no_holds(const struct side *s)
{
	struct holds *holds = rings_lane.holds;

	rings_lane.holds = NULL;
	for (unsigned i = 1; i <= 5; i++) {
		use(s, 1);
		assert_int_equal(vuser_called(s->driver), 1);
		reap_and_ask(s, 1);
	}
	rings_lane.holds = holds;
}

static void
a_lane_that_holds_none_interrupts_at_once(void **state)
{
	each(no_holds, MODERATION_HIGH);
}

/* As vhost_ring.c does it, without the grace periods: there is no other lane. */
static void
stopped(const struct side *s)
{
	use(s, 1);
	reap_and_ask(s, 1);
	vuser_called(s->driver);
	use(s, 1);
	vring_settle(s->ring);
	assert_int_equal(vuser_called(s->driver), 1);
	vring_settle(s->ring);
	vring_stop(s->ring);
	holds_run(&rings_lane, HOLD_NEVER);
	assert_int_equal(vuser_called(s->driver), 0);
	assert_int_equal(rings_run(s->ring, s->driver, s->ring->is.event_idx ? &events : &flags, -1), 0);
	reap_and_ask(s, 1);
	use(s, 1);
	assert_int_equal(vuser_called(s->driver), 1);
}

static void
a_ring_that_stops_has_told_of_all(void **state)
{
	each(stopped, MODERATION_HIGH);
}

static void
another_descriptor(const struct side *s)
{
	int other = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	eventfd_t n = 0;

	assert_true(other >= 0);
	use(s, 1);
	reap_and_ask(s, 1);
	vuser_called(s->driver);
	use(s, 1);
	vring_set_call(s->ring, other);
	when_due(s);
	assert_int_equal(vuser_called(s->driver), 0);
	assert_int_equal(eventfd_read(other, &n), 0);
	assert_int_equal(n, 1);
	close(other);
}

static void
it_is_sent_by_the_descriptor_that_there_is_then(void **state)
{
	each(another_descriptor, MODERATION_HIGH);
}

static void
another_mode(const struct side *s)
{
	use(s, 1);
	reap_and_ask(s, 1);
	use(s, 1);
	vuser_called(s->driver);
	moderation_set(&s->ring->moderation, MODERATION_OFF);
	use(s, 1);
	assert_int_equal(vuser_called(s->driver), 1);
	reap_and_ask(s, 2);
	use(s, 1);
	assert_int_equal(vuser_called(s->driver), 1);
}

static void
another_mode_is_in_force_with_the_next_frame(void **state)
{
	each(another_mode, MODERATION_HIGH);
}

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
		pkts[i] = &frame;
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
start_senders(void)
{
	for (unsigned i = 0; i < LANES; i++) {
		senders[i].taken = 0;
		assert_int_equal(lane_init(&senders[i].lane, i + 1), 0);
		holds_open(&senders[i].lane, rte_get_tsc_hz());
		assert_int_equal(pthread_create(&senders[i].thread, NULL, run_sender, &senders[i]), 0);
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
sleep_until_interrupted(void)
{
	struct pollfd fd = { .fd = rings_rx.call_fd, .events = POLLIN };

	if (vuser_calls_on(&rings_rx))
		return;
	assert_int_equal(poll(&fd, 1, LOST_MS), 1);
	vuser_called(&rings_rx);
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
		sleep_until_interrupted();
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
	start_senders();
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

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_interrupt_that_comes_too_soon_is_held_back_and_tells_of_all),
		cmocka_unit_test(without_moderation_each_one_is_sent_at_once),
		cmocka_unit_test(a_driver_that_came_by_itself_is_not_interrupted),
		cmocka_unit_test(what_came_after_the_driver_asked_again_is_told_of),
		cmocka_unit_test(half_a_ring_is_told_of_at_once),
		cmocka_unit_test(of_several_lanes_one_holds_it),
		cmocka_unit_test(a_lane_that_holds_none_interrupts_at_once),
		cmocka_unit_test(a_ring_that_stops_has_told_of_all),
		cmocka_unit_test(it_is_sent_by_the_descriptor_that_there_is_then),
		cmocka_unit_test(another_mode_is_in_force_with_the_next_frame),
		cmocka_unit_test(a_driver_that_sleeps_is_told_of_every_frame),
		cmocka_unit_test(a_driver_that_sleeps_is_told_also_when_its_ring_stops_and_starts),
	};

	return cmocka_run_group_tests(tests, rings_group_start, rings_group_end);
}
