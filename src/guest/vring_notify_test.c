/* vring_notify_test.c - kicks and interrupts, announcements, and how a ring stops and goes on. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "guest/test_rings.h"
#include "pkt/admit.h"
#include "pkt/build.h"
#include "pkt/testframe.h"

#define LEN(a) (sizeof(a) / sizeof((a)[0]))

static const struct vring_features with_events = { .header_len = 12, .mergeable = true, .event_idx = true };

static int
open_rings(void **state)
{
	rings_open(&with_events);
	return 0;
}

static int
close_rings(void **state)
{
	rings_close();
	return 0;
}

static void
reopen(const struct vring_features *f, uint16_t base)
{
	rings_close();
	rings_open_at(f, base);
}

static void
arm(void)
{
	struct source *s = &rings.tx[0].source;

	s->ops->arm(s);
}

static bool
pending(void)
{
	struct source *s = &rings.tx[0].source;

	return s->ops->pending(s);
}

/* Sends a frame. Returns whether the driver has to kick for it. */
static bool
send_one(void)
{
	uint16_t published = rings_tx.published;
	bool kick;

	rings_send_plain(1, 60, 0);
	/* The same once more, to hear the answer: nobody was between. */
	rings_tx.published = published;
	kick = vuser_publish(&rings_tx);
	return kick;
}

static void
take_and_give(unsigned n)
{
	assert_int_equal(rings_take(), n);
	rings_give();
	assert_int_equal(rings_sent(), n);
}

/* ---- kicks: virtio 1.2, 2.7.7.1 and 2.7.10 ---- */

static void
a_driver_kicks_only_when_it_was_asked_to(void **state)
{
	static const struct vring_features *const features[] = { &rings_bare, &with_events };
	static const uint16_t bases[] = { 1, 65534 };

	for (size_t k = 0; k < LEN(features); k++)
		for (size_t b = 0; b < LEN(bases); b++) {
			reopen(features[k], bases[b]);
			arm();
			assert_false(pending());
			assert_true(send_one());
			take_and_give(1);
			for (unsigned i = 0; i < 5; i++) {
				assert_false(send_one()); /* its lane looks by itself now */
				assert_true(pending());
				take_and_give(1);
			}
			assert_int_equal(rings_take(), 0);
			arm();
			arm();
			assert_int_equal(rings_take(), 0); /* nothing there: the request stands */
			assert_true(send_one());
			take_and_give(1);
			assert_false(send_one());
		}
}

static void
a_ring_that_was_never_armed_asks_for_no_kicks(void **state)
{
	reopen(&rings_bare, 0);
	assert_false(send_one());
	take_and_give(1);
	assert_false(send_one());
}

/* Nobody listens to the kicks of a receive ring. */
static void
a_receive_ring_asks_for_no_kicks(void **state)
{
	uint64_t token = (uint64_t)(uintptr_t)rings_buffer(100);

	reopen(&rings_bare, 0);
	assert_int_equal(vuser_put(&rings_rx, &token, 1, 100, VUSER_DESC_WRITE), 1);
	assert_false(vuser_publish(&rings_rx));
}

/* With event indexes the flags are to be zero: 2.7.10.1. */
static void
flags_stay_zero_with_event_indexes(void **state)
{
	arm();
	send_one();
	take_and_give(1);
	assert_int_equal(rings_tx.used->flags, 0);
	assert_int_equal(rings_rx.used->flags, 0);
}

/* ---- interrupts: virtio 1.2, 2.7.7 ---- */

static void
a_driver_is_interrupted_only_when_it_wants_that(void **state)
{
	static const struct vring_features *const features[] = { &rings_bare, &with_events };

	for (size_t k = 0; k < LEN(features); k++) {
		reopen(features[k], 65533);
		vuser_calls_on(&rings_tx);
		rings_send_plain(3, 60, 0);
		take_and_give(3);
		assert_int_equal(vuser_called(&rings_tx), 1);
		assert_int_equal(count_get(&rings.tx[0].interrupts), 1);
		vuser_calls_off(&rings_tx);
		for (unsigned i = 0; i < 10; i++) {
			rings_send_plain(3, 60, 0);
			take_and_give(3);
		}
		assert_int_equal(vuser_called(&rings_tx), 0);
		assert_false(vuser_calls_on(&rings_tx));
		rings_send_plain(3, 60, 0);
		take_and_give(3);
		assert_int_equal(vuser_called(&rings_tx), 1);
		assert_int_equal(count_get(&rings.tx[0].interrupts), 2);
	}
}

/* The event says after which entry: not a burst before, and not again after. */
static void
an_interrupt_comes_when_the_event_is_passed(void **state)
{
	uint16_t *event = &rings_tx.avail->ring[RINGS_SIZE];

	rings_send_plain(1, 60, 0);
	take_and_give(1);
	vuser_called(&rings_tx);
	*event = 8; /* the ninth entry */
	for (unsigned burst = 0; burst < 6; burst++) {
		rings_send_plain(3, 60, 0);
		take_and_give(3); /* 4, 7, 10, ... are used then */
		assert_int_equal(vuser_called(&rings_tx), burst == 2 ? 1 : 0);
	}
}

static void
a_ring_without_a_descriptor_interrupts_nobody(void **state)
{
	int other = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	eventfd_t n = 0;

	vring_set_call(&rings.tx[0], -1);
	vuser_calls_on(&rings_tx);
	send_one();
	take_and_give(1);
	assert_int_equal(count_get(&rings.tx[0].interrupts), 0);
	vring_set_call(&rings.tx[0], other);
	vuser_calls_on(&rings_tx);
	send_one();
	take_and_give(1);
	assert_int_equal(vuser_called(&rings_tx), 0);
	assert_int_equal(eventfd_read(other, &n), 0);
	assert_int_equal(n, 1);
	close(other);
}

/* A front end may fill the counter of its eventfd and have writes to it block: that must not stop the lane. */
static void
a_full_eventfd_stops_nobody(void **state)
{
	assert_int_equal(eventfd_write(rings_tx.call_fd, UINT64_MAX - 1), 0);
	assert_int_equal(fcntl(rings_tx.call_fd, F_SETFL, 0), 0);
	vuser_calls_on(&rings_tx);
	alarm(10);
	send_one();
	take_and_give(1);
	alarm(0);
	assert_true(vuser_called(&rings_tx) >= UINT64_MAX - 1);
}

static void
a_burst_received_is_one_interrupt(void **state)
{
	static uint8_t bytes[60];
	struct iovec seg[PKT_SEGS_MAX];
	struct pkt pkt, *pkts[PKT_BURST];
	int tags[PKT_BURST];
	uint8_t verdict[PKT_BURST];
	enum drop_reason why;

	testframe_load(&pkt, bytes, sizeof(bytes), seg, 0);
	memset(&pkt.claim, 0, sizeof(pkt.claim));
	assert_int_equal(pkt_admit(&pkt, &why), 0);
	for (unsigned i = 0; i < PKT_BURST; i++) {
		pkts[i] = &pkt;
		tags[i] = i % 3 == 0 ? 10 : PKT_TAG_NONE;
	}
	rings_post(PKT_BURST, 200);
	vuser_calls_on(&rings_rx);
	rings.sink.ops->put(&rings.sink, &rings_lane, pkts, tags, PKT_BURST, verdict);
	assert_int_equal(vuser_ready(&rings_rx), PKT_BURST);
	assert_int_equal(vuser_called(&rings_rx), 1);
	/* Nothing delivered: nothing to tell. */
	rings.sink.ops->put(&rings.sink, &rings_lane, pkts, tags, PKT_BURST, verdict);
	assert_int_equal(verdict[0], DROP_RECEIVER_FULL);
	assert_int_equal(vuser_called(&rings_rx), 0);
}

/* ---- announcements ---- */

/* RFC 903 in an Ethernet frame, padded: hardware 1, protocol 0x0800, lengths 6 and 4, "reverse request" (3), the same station twice. */
static const uint8_t rarp[60] = {
	0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02, 0xf1, 0, 0, 0,    7,    0x80, 0x35, /* to all, from it, RARP */
	0,    1,    0x08, 0,    6,    4,    0,    3,                                  /* what is asked */
	0x02, 0xf1, 0,    0,    0,    7,    0,    0,    0, 0, 0x02, 0xf1, 0,    0,    0, 7, 0, 0, 0, 0,
};

static void
an_announcement_is_sent_first_and_once(void **state)
{
	static const uint8_t mac[6] = { 0x02, 0xf1, 0, 0, 0, 7 };
	struct pkt *pkt = &rings_lane.burst.pkt[0];
	enum drop_reason why;

	assert_false(pending());
	rings_send_plain(2, 60, 5);
	vring_announce(&rings.tx[0], mac);
	assert_true(pending());
	assert_int_equal(rings_take(), 1);
	assert_int_equal(rings_lane.burst.n, 1);
	assert_int_equal(pkt->len, 60);
	assert_int_equal(pkt_admit(pkt, &why), 0);
	assert_memory_equal(pkt->segs[0].iov_base, rarp, sizeof(rarp));
	assert_memory_equal(pkt->hdr, rarp, sizeof(rarp));
	rings_give();
	assert_int_equal(rings_sent(), 0); /* no buffer of the guest was in it */
	assert_int_equal(rings_take(), 2);
	assert_int_equal(pkt->hdr[20], 5);
	rings_give();
	assert_int_equal(rings_sent(), 2);
	assert_int_equal(rings_take(), 0);
	assert_false(pending());
}

static void
a_broken_ring_announces_nothing(void **state)
{
	static const uint8_t mac[6] = { 0x02, 0xf1, 0, 0, 0, 7 };

	vuser_offer(&rings_tx, 65535, 0, 0);
	vuser_publish(&rings_tx);
	assert_int_equal(rings_take(), 0);
	vring_announce(&rings.tx[0], mac);
	assert_false(pending());
	assert_int_equal(rings_take(), 0);
}

/* ---- stop and start ---- */

static void
restart(int base)
{
	vring_init(&rings.tx[0], NULL, &rings_vport);
	assert_int_equal(rings_run(&rings.tx[0], &rings_tx, &with_events, base), 0);
}

static void
a_ring_goes_on_where_it_stopped(void **state)
{
	for (int by_used = 0; by_used < 2; by_used++) {
		reopen(&with_events, 65520);
		rings_send_plain(40, 60, 0);
		assert_int_equal(rings_take(), 32);
		rings_give();
		assert_int_equal(rings_sent(), 32);
		assert_int_equal(vring_stop(&rings.tx[0]), (uint16_t)(65520 + 32));
		restart(by_used ? -1 : (uint16_t)(65520 + 32));
		assert_true(pending());
		assert_int_equal(rings_take(), 8);
		assert_int_equal(rings_lane.burst.pkt[0].hdr[20], 32);
		rings_give();
		assert_int_equal(rings_sent(), 8);
		assert_int_equal(rings_take(), 0);
	}
}

/* Who died between take and give had not delivered for the driver's part: it comes again, in order. */
static void
what_was_taken_and_not_given_back_comes_again(void **state)
{
	rings_send_plain(5, 60, 0);
	assert_int_equal(rings_take(), 5);
	restart(-1);
	assert_int_equal(rings_take(), 5);
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(rings_lane.burst.pkt[i].hdr[20], i);
	rings_give();
	assert_int_equal(rings_sent(), 5);
}

/* Of a ring whose index stands at 10: the entries from base on are at most as many as it has. */
static void
a_base_that_does_not_fit_is_refused(void **state)
{
	static const struct {
		int base, want;
	} bases[] = {
		{ 10, 0 },
		{ 0, 0 },
		{ (uint16_t)(10 - RINGS_SIZE), 0 },
		{ (uint16_t)(9 - RINGS_SIZE), -EPROTO },
		{ 11, -EPROTO },
		{ 0x800a, -EPROTO },
		{ -1, 0 },
	};

	rings_send_plain(10, 60, 0);
	for (size_t i = 0; i < LEN(bases); i++) {
		vring_init(&rings.tx[0], NULL, &rings_vport);
		assert_int_equal(rings_run(&rings.tx[0], &rings_tx, &with_events, bases[i].base), bases[i].want);
	}
	rings_tx.used->idx = 11; /* more used than available */
	vring_init(&rings.tx[0], NULL, &rings_vport);
	assert_int_equal(rings_run(&rings.tx[0], &rings_tx, &with_events, -1), -EPROTO);
	restart(0);
}

static void
each_fault_has_its_text(void **state)
{
	for (int i = 0; i < VRING_FAULT_COUNT; i++)
		for (int k = 0; k < i; k++)
			assert_string_not_equal(vring_fault_text((enum vring_fault)i),
						vring_fault_text((enum vring_fault)k));
	assert_string_equal(vring_fault_text(VRING_FAULT_COUNT), "unknown");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_rings, close_rings)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_driver_kicks_only_when_it_was_asked_to),
		TEST(a_ring_that_was_never_armed_asks_for_no_kicks),
		TEST(a_receive_ring_asks_for_no_kicks),
		TEST(flags_stay_zero_with_event_indexes),
		TEST(a_driver_is_interrupted_only_when_it_wants_that),
		TEST(an_interrupt_comes_when_the_event_is_passed),
		TEST(a_ring_without_a_descriptor_interrupts_nobody),
		TEST(a_full_eventfd_stops_nobody),
		TEST(a_burst_received_is_one_interrupt),
		TEST(an_announcement_is_sent_first_and_once),
		TEST(a_broken_ring_announces_nothing),
		TEST(a_ring_goes_on_where_it_stopped),
		TEST(what_was_taken_and_not_given_back_comes_again),
		TEST(a_base_that_does_not_fit_is_refused),
		TEST(each_fault_has_its_text),
	};

	return cmocka_run_group_tests(tests, rings_group_start, rings_group_end);
}
