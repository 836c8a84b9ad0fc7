/* frontend_room_test.c - rings that nobody empties leave buffers for those of others. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_ethdev.h>

#include "nic/frontend.h"
#include "nic/test_eal.h"

#define RINGS_MAX 33 /* the default one, and VM queues */
#define FRAME_LEN 64

static struct uplink uplink;
static struct frontend fe;
static struct vport vport[RINGS_MAX];
static struct queue *queue[RINGS_MAX];
static struct rxplan *plan;

static struct mac
mac_of(unsigned ring)
{
	return (struct mac){ { 0x02, 0xf1, 0, 0, 0, (uint8_t)ring } };
}

static void
open_plan(unsigned n)
{
	uint16_t entry[RINGS_MAX];
	struct rxmap_vport vports[RINGS_MAX];
	struct rxmap_filter filters[RINGS_MAX];

	plan = calloc(1, sizeof(*plan) + n * sizeof(plan->ring[0]));
	assert_non_null(plan);
	for (uint16_t i = 0; i < n; i++) {
		char name[16];

		snprintf(name, sizeof(name), "room%u", i);
		assert_int_equal(vport_init(&vport[i], name), 0);
		queue[i] = queue_new(&vport[i], 0);
		plan->ring[i] = rxring_new(name, queue[i], &vport[i], NULL);
		assert_non_null(plan->ring[i]);
		entry[i] = i;
		vports[i] = (struct rxmap_vport){ 1, &entry[i] };
		if (i > 0)
			filters[i - 1] = (struct rxmap_filter){ mac_of(i), RXMAP_VID_ANY, i };
	}
	plan->n_rings = n;
	plan->map = rxmap_new(vports, n, filters, n - 1, NULL, 0);
	assert_non_null(plan->map);
}

static void
open_wire(unsigned n)
{
	struct err err = { 0 };

	test_processors_open(1, 0);
	uplink_init(&uplink, "wire", UPLINK_TYPE_RING, "");
	if (uplink_open(&uplink, 0, &err) < 0)
		fail_msg("%s", err.msg);
	open_plan(n);
	assert_int_equal(frontend_start(&fe, &uplink, &vport[0], 1, processors[0]), 0);
	frontend_set_plan(&fe, plan);
}

static void
close_wire(void)
{
	frontend_set_plan(&fe, NULL);
	frontend_stop(&fe);
	for (unsigned i = 0; i < plan->n_rings; i++) {
		queue_free(queue[i]);
		rxring_free(plan->ring[i], NULL);
		vport_fini(&vport[i]);
	}
	rxmap_free(plan->map);
	free(plan);
	uplink_detach(&uplink);
	uplink_close(&uplink);
	assert_int_equal(rte_mempool_in_use_count(uplink.pool), 0);
	rte_mempool_free(uplink.pool);
	test_processors_close();
}

/* One frame by the wire to each of rings [first, end); the ring device holds no more than that. */
static void
arrive(unsigned first, unsigned end)
{
	for (unsigned i = first; i < end; i++) {
		uint8_t frame[FRAME_LEN] = { 0 };
		struct mac dst = mac_of(i);
		struct rte_mbuf *m;

		memcpy(frame, dst.byte, MAC_LEN);
		frame[MAC_LEN] = 2;
		m = test_mbuf(uplink.pool, frame, sizeof(frame));
		assert_non_null(m);
		assert_int_equal(rte_eth_tx_burst((uint16_t)uplink_port(&uplink), 0, &m, 1), 1);
	}
	while (frontend_poll(&fe, &processors[0]->lane) > 0)
		;
}

static uint64_t
dropped(unsigned ring)
{
	struct vport_totals t;

	vport_sum(&vport[ring], &t);
	return t.drops[DROP_QUEUE_FULL];
}

/*
 * n rings that overflow hold UPLINK_BUFS_IN_RINGS / (n + 1) frames each, and a ring's worth as long as there are few; the
 * same is left for one more.
 */
static void
rings_that_overflow_leave_as_much_for_another(void **state)
{
	static const unsigned rows[][2] = { { 1, 1023 }, { 2, 1023 }, { 3, 768 }, { 7, 384 }, { 11, 256 }, { 31, 96 } };

	for (unsigned row = 0; row < sizeof(rows) / sizeof(rows[0]); row++) {
		unsigned n = rows[row][0], share = rows[row][1];

		open_wire(n + 2);
		for (unsigned i = 0; i < share + 50; i++)
			arrive(1, n + 1);
		for (unsigned ring = 1; ring <= n; ring++) {
			assert_int_equal(rxring_held(plan->ring[ring]), share);
			assert_int_equal(dropped(ring), 50);
		}
		for (unsigned i = 0; i < share / 2; i++) /* it overflows when it holds half of what is left */
			arrive(n + 1, n + 2);
		assert_int_equal(dropped(n + 1), 0);
		close_wire();
	}
}

/* What their consumers take is seen at the next count. */
static void
rings_that_are_emptied_have_room_again(void **state)
{
	struct lane *lane;

	open_wire(5);
	lane = &processors[0]->lane;
	for (unsigned i = 0; i < 700; i++)
		arrive(1, 5);
	for (unsigned ring = 1; ring < 5; ring++) {
		struct source *s = &plan->ring[ring]->source;

		assert_true(dropped(ring) > 0);
		while (s->ops->take(s, lane) > 0)
			s->ops->give(s, lane);
		assert_int_equal(rxring_held(plan->ring[ring]), 0);
	}
	rte_delay_us_block(200);
	for (unsigned i = 0; i < 1000; i++)
		arrive(1, 2);
	assert_int_equal(rxring_held(plan->ring[1]), 1000);
	close_wire();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rings_that_overflow_leave_as_much_for_another),
		cmocka_unit_test(rings_that_are_emptied_have_room_again),
	};

	return cmocka_run_group_tests(tests, test_eal_start, NULL);
}
