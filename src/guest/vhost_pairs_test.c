/* vhost_pairs_test.c - queue pairs that a guest enables and disables while it runs, and how frames are spread over them. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "guest/test_vhost.h"
#include "nic/spread.h"
#include "pkt/build.h"
#include "pkt/testframe.h"
#include "pkt/wire.h"

#define FLOWS 32
#define DRAIN_US 1000000 /* how long a disabled transmit ring runs on: vhost.h */

static struct toeplitz *toeplitz;

static int
open_group(void **state)
{
	toeplitz = toeplitz_new(toeplitz_default_key, false);
	return toeplitz != NULL ? guest_start(state) : -1;
}

static int
close_group(void **state)
{
	toeplitz_free(toeplitz);
	return guest_stop(state);
}

static void
enable_pair(struct guest *g, unsigned pair, bool on)
{
	for (unsigned i = 2 * pair; i < 2 * pair + 2; i++)
		assert_int_equal(vuser_queue_enable(&g->front, i, on), 0);
}

/* ---- what a guest sends ---- */

static void
a_disabled_pair_gets_no_frames_and_goes_on_where_it_was(void **state)
{
	struct guest g;

	guest_open(&g, 2);
	guest_up(&g);
	guest_post(&g, 1, 8); /* pair 0 has no buffers */
	enable_pair(&g, 1, false);
	for (unsigned i = 0; i < 100; i++)
		assert_int_equal(guest_put(&g), DROP_RECEIVER_FULL);
	enable_pair(&g, 0, false);
	assert_int_equal(guest_put(&g), DROP_PORT_DOWN);
	enable_pair(&g, 1, true);
	assert_int_equal(guest_put(&g), SINK_TAKEN);
	guest_close(&g);
}

/* Linux goes on to use a queue for a moment after it had the device disable it: virtnet_set_channels, drivers/net/virtio_net.c. */
static void
a_disabled_transmit_ring_sends_for_a_second_and_then_discards(void **state)
{
	struct vport_totals t;
	struct guest g;

	guest_open(&g, 2);
	guest_up(&g);
	guest_send(&g, 1, 3);
	enable_pair(&g, 1, false);
	assert_int_equal(guest_info(&g).pairs_running, 1);
	assert_int_equal(guest_take(&g, 1), 3);
	guest_send(&g, 1, 2);
	vhost_tend(g.vhost);
	assert_int_equal(guest_take(&g, 1), 2);
	enable_pair(&g, 1, false); /* again: its time is not longer */
	usleep(DRAIN_US);
	vhost_tend(g.vhost);
	assert_int_equal(guest_send(&g, 1, 4), 4);
	assert_int_equal(guest_take(&g, 1), 0);
	vport_sum(&g.vport, &t);
	assert_int_equal(t.drops[DROP_QUEUE_DISABLED], 4);
	assert_int_equal(t.rx_packets, 4); /* the switch counts those that were sent, and is not here */
	assert_int_equal(t.rx_dropped, 4);
	for (unsigned k = 0; k < 1000; k++) { /* the guest gets its buffers back */
		assert_int_equal(guest_send(&g, 1, 1), 1);
		assert_int_equal(guest_take(&g, 1), 0);
	}
	guest_give(&g, 3, NEED_MEMORY); /* it stands on something new, and is no other */
	guest_send(&g, 1, 1);
	assert_int_equal(guest_take(&g, 1), 0);
	enable_pair(&g, 1, true);
	assert_int_equal(guest_take(&g, 1), 0); /* nothing old */
	guest_send(&g, 1, 2);
	assert_int_equal(guest_take(&g, 1), 2);
	assert_int_equal(guest_info(&g).pairs_running, 2);
	assert_int_equal(guest_info(&g).fault, VRING_FAULT_NONE);
	guest_close(&g);
}

static void
a_ring_that_is_enabled_again_runs_on(void **state)
{
	struct guest g;

	guest_open(&g, 1);
	guest_up(&g);
	enable_pair(&g, 0, false);
	enable_pair(&g, 0, true);
	usleep(DRAIN_US);
	vhost_tend(g.vhost);
	guest_send(&g, 0, 5);
	assert_int_equal(guest_take(&g, 0), 5);
	guest_close(&g);
}

/* GET_VRING_BASE stops a ring, and what it is made of can be changed: a ring that drains does not outlast that. */
static void
a_ring_that_drains_stops_at_once_when_it_is_told_to(void **state)
{
	static const enum need changes[] = { NEED_SIZE, NEED_BASE, NEED_ADDRESSES, NEED_KICK, NEED_MEMORY };
	struct guest g;
	uint16_t base;

	for (size_t i = 0; i <= LEN(changes); i++) {
		guest_open(&g, 1);
		guest_up(&g);
		guest_send(&g, 0, 3);
		assert_int_equal(guest_take(&g, 0), 3);
		assert_int_equal(vuser_queue_enable(&g.front, 1, false), 0);
		guest_send(&g, 0, 2);
		if (i < LEN(changes)) {
			guest_give(&g, 1, changes[i]);
		} else {
			assert_int_equal(vuser_queue_stop(&g.front, 1, &base), 0);
			assert_int_equal(base, 3);
		}
		assert_int_equal(guest_take(&g, 0), 0);
		guest_close(&g);
	}
}

/* ---- what a guest receives ---- */

/* One frame of UDP flow n, untagged. Its verdict. */
static uint8_t
put_flow(struct guest *g, uint16_t n, struct pkt *pkt)
{
	static uint8_t bytes[TESTFRAME_MAX];
	static struct iovec segs[PKT_SEGS_MAX];
	struct testplace at = testframe_make(&(struct testframe){ .version = 4, .proto = 17, .payload = 20 }, bytes);
	struct sink *sink = vhost_sink(g->vhost);
	int tag = PKT_TAG_NONE;
	enum drop_reason why;
	uint8_t verdict;

	put_be16(bytes + at.l4, n);
	memset(pkt, 0, sizeof(*pkt));
	testframe_load(pkt, bytes, at.len, segs, 0);
	assert_int_equal(pkt_parse(pkt, &why), 0);
	sink->ops->put(sink, &g->lane, &pkt, &tag, 1, &verdict);
	return verdict;
}

/* Puts FLOWS flows; ring[i] is the one that flow i came out of, -1 for none. */
static void
rings_of_flows(struct guest *g, int ring[FLOWS])
{
	for (uint16_t n = 0; n < FLOWS; n++) {
		uint16_t before[VHOST_PAIRS_MAX];
		struct pkt pkt;

		for (unsigned i = 0; i < g->n_pairs; i++) {
			guest_post(g, i, RING_SIZE);
			before[i] = g->front.queue[2 * i].used->idx;
		}
		ring[n] = -1;
		if (put_flow(g, n, &pkt) != SINK_TAKEN)
			continue;
		for (unsigned i = 0; i < g->n_pairs; i++)
			if (g->front.queue[2 * i].used->idx != before[i])
				ring[n] = (int)i;
	}
}

static uint32_t
rings_used(const int ring[FLOWS])
{
	uint32_t used = 0;

	for (unsigned i = 0; i < FLOWS; i++)
		used |= ring[i] < 0 ? 1u << 31 : 1u << ring[i];
	return used;
}

static void
a_rule_holds_for_the_rings_that_the_guest_uses(void **state)
{
	int ring[FLOWS], again[FLOWS];
	struct spread_rule rule;
	struct guest g;

	spread_rule_init(&rule, toeplitz);
	guest_open(&g, 4);
	guest_up(&g);
	rings_of_flows(&g, ring);
	assert_int_equal(rings_used(ring), 0xf);
	rings_of_flows(&g, again);
	assert_memory_equal(ring, again, sizeof(ring));
	rule.enabled = false;
	assert_int_equal(vhost_set_spread(g.vhost, &rule), 0);
	rings_of_flows(&g, ring);
	assert_int_equal(rings_used(ring), 1);
	enable_pair(&g, 0, false);
	rings_of_flows(&g, ring);
	assert_int_equal(rings_used(ring), 2);
	rule.enabled = true;
	assert_int_equal(vhost_set_spread(g.vhost, &rule), 0);
	rings_of_flows(&g, ring);
	assert_int_equal(rings_used(ring), 0xe);
	enable_pair(&g, 3, false);
	rings_of_flows(&g, ring);
	assert_int_equal(rings_used(ring), 6);
	enable_pair(&g, 0, true);
	enable_pair(&g, 3, true);
	rings_of_flows(&g, ring);
	assert_memory_equal(ring, again, sizeof(ring));
	guest_close(&g);
}

/* What came by ring i of a port, by the front end's table, goes into queue i of the guest. */
static void
the_front_end_and_the_guest_agree_by_the_same_table(void **state)
{
	struct rxmap_vport vport = { .n_entries = 64 };
	struct spread_rule rule;
	struct rxmap *map;
	int ring[FLOWS];
	struct guest g;

	spread_rule_init(&rule, toeplitz);
	rule.n_entries = 64;
	for (unsigned i = 0; i < 64; i++)
		rule.entry[i] = (uint16_t)((i * i + 3) % 4);
	vport.entry = rule.entry;
	map = rxmap_new(&vport, 1, NULL, 0, toeplitz, rule.hash_types);
	assert_non_null(map);
	guest_open(&g, 4);
	assert_int_equal(vhost_set_spread(g.vhost, &rule), 0); /* before the guest is there */
	guest_up(&g);
	rings_of_flows(&g, ring);
	for (uint16_t n = 0; n < FLOWS; n++) {
		struct rxmap_verdict verdict;
		struct pkt pkt;

		put_flow(&g, n, &pkt);
		rxmap_classify(map, pkt.segs[0].iov_base, pkt.segs[0].iov_len, &verdict);
		assert_int_equal(ring[n], verdict.slot);
	}
	rxmap_free(map);
	guest_close(&g);
}

/* A lane puts all the time while one of two pairs comes and goes, and the rule changes: no frame finds a ring that was stopped. */
static void
no_frame_is_lost_to_a_ring_that_stops(void **state)
{
	struct spread_rule rule;
	struct guest g;

	spread_rule_init(&rule, toeplitz);
	guest_open(&g, 2);
	guest_up(&g);
	guest_work(&g);
	for (unsigned n = 0; n < 400; n++) {
		guest_post(&g, 0, RING_SIZE);
		guest_post(&g, 1, RING_SIZE);
		guest_send(&g, 0, 4);
		guest_send(&g, 1, 4);
		enable_pair(&g, n % 2, false);
		if (n % 8 == 0) {
			rule.enabled = !rule.enabled;
			assert_int_equal(vhost_set_spread(g.vhost, &rule), 0);
		}
		enable_pair(&g, n % 2, true);
	}
	guest_wait_rounds(&g, 100);
	guest_rest(&g);
	assert_true(atomic_load(&g.put) > 0);
	assert_int_equal(atomic_load(&g.down), 0);
	assert_int_equal(atomic_load(&g.runts), 0);
	assert_int_equal(guest_info(&g).fault, VRING_FAULT_NONE);
	guest_close(&g);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_disabled_pair_gets_no_frames_and_goes_on_where_it_was),
		cmocka_unit_test(a_disabled_transmit_ring_sends_for_a_second_and_then_discards),
		cmocka_unit_test(a_ring_that_is_enabled_again_runs_on),
		cmocka_unit_test(a_ring_that_drains_stops_at_once_when_it_is_told_to),
		cmocka_unit_test(a_rule_holds_for_the_rings_that_the_guest_uses),
		cmocka_unit_test(the_front_end_and_the_guest_agree_by_the_same_table),
		cmocka_unit_test(no_frame_is_lost_to_a_ring_that_stops),
	};

	return cmocka_run_group_tests(tests, open_group, close_group);
}
