/*
 * vring_moderation_test.c - interrupts of a guest's rings, at once or held back: none is lost, whatever happens meanwhile.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "guest/test_moderation.h"
#include "pkt/build.h"

#define LEN(a) (sizeof(a) / sizeof((a)[0]))
#define SLOW_HZ \
	4000000000000000ull /* a gap of a us is 4 * 10^9 cycles then, a second or more: nothing comes due by itself */
#define BUFFER 100

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
		assert_int_equal(rings_put(&moderation_frame, PKT_TAG_NONE), SINK_TAKEN);
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
	};

	return cmocka_run_group_tests(tests, rings_group_start, rings_group_end);
}
