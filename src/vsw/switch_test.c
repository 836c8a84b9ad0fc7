/* switch_test.c - ports that come, change and go: their addresses, their slots, and what is refused. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "base/qsbr.h"
#include "nic/test_eal.h"
#include "vsw/learn.h"
#include "vsw/test_port.h"

#define CHANGES 3000

static struct vswitch *sw;

static int
start(void **state)
{
	return test_eal_start(state) < 0 ? -1 : learn_start(TEST_LANES);
}

static int
stop(void **state)
{
	learn_stop();
	return 0;
}

static int
open_switch(void **state)
{
	sw = switch_new("sw", SWITCH_KIND_EXTERNAL, 64, 300);
	return sw != NULL ? 0 : -1;
}

static int
close_switch(void **state)
{
	switch_free(sw);
	return 0;
}

static int
at(const struct mac *mac, uint16_t vid)
{
	return fdb_lookup(sw->fdb, fdb_key(mac->byte, vid));
}

static int
attach(struct test_port *p, struct port_conf conf)
{
	return port_attach(&p->port, sw, &conf);
}

static int
change(struct test_port *p, struct port_conf conf)
{
	return port_set_conf(&p->port, &conf);
}

static void
an_address_is_anothers_where_both_ports_may_speak(void **state)
{
	const struct port_conf owner[] = {
		{ .mac = test_mac(1), .vlan = PORT_UNTAGGED },
		{ .mac = test_mac(2), .vlan = PORT_ACCESS, .vid = 10 },
		{ .mac = test_mac(3), .vlan = PORT_TRUNK, .allowed = { 1ull << 20 } },
	};
	static const struct {
		struct port_conf asks;
		bool has[3];
	} rows[] = {
		{ { .vlan = PORT_UNTAGGED }, { true, false, false } },
		{ { .vlan = PORT_ACCESS, .vid = 10 }, { false, true, false } },
		{ { .vlan = PORT_ACCESS, .vid = 20 }, { false, false, true } },
		{ { .vlan = PORT_TRUNK, .allowed = { 1ull << 10 | 1 } }, { true, true, false } },
		{ { .vlan = PORT_TRUNK, .allowed = { 1ull << 20 | 1ull << 30 } }, { false, false, true } },
	};
	struct test_port p[3];

	for (unsigned i = 0; i < 3; i++) {
		test_port_open(&p[i], "p");
		assert_int_equal(attach(&p[i], owner[i]), 0);
	}
	for (unsigned k = 0; k < sizeof(rows) / sizeof(rows[0]); k++) {
		for (unsigned i = 0; i < 3; i++) {
			struct port_conf asks = rows[k].asks;

			asks.mac = owner[i].mac;
			assert_int_equal(switch_has_address(sw, NULL, &asks), rows[k].has[i]);
			assert_false(switch_has_address(sw, &p[i].port, &asks));
		}
	}
	for (unsigned i = 0; i < 3; i++)
		test_port_close(&p[i]);
}

static void
a_ports_own_address_is_known_from_the_start(void **state)
{
	static const uint16_t allowed[] = { 10, 0 };
	struct mac mac[4] = { test_mac(1), test_mac(2), test_mac(3), { { 0 } } };
	struct test_port p[4];

	for (unsigned i = 0; i < 4; i++)
		test_port_open(&p[i], "p");
	assert_int_equal(attach(&p[0], test_conf_untagged(&mac[0])), 0);
	assert_int_equal(attach(&p[1], test_conf_access(&mac[1], 10)), 0);
	assert_int_equal(attach(&p[2], test_conf_trunk(&mac[2], 0, allowed)), 0);
	assert_int_equal(attach(&p[3], test_conf_untagged(&mac[3])), 0);
	assert_int_equal(at(&mac[0], 0), (int)p[0].port.slot);
	assert_int_equal(at(&mac[1], 10), (int)p[1].port.slot);
	assert_int_equal(at(&mac[1], 0), FDB_MISS);
	assert_int_equal(at(&mac[2], 0), FDB_MISS); /* a trunk's is learned where it speaks */
	assert_int_equal(at(&mac[2], 10), FDB_MISS);
	assert_int_equal(at(&mac[3], 0), FDB_MISS); /* none is none, not the zero address */
	for (unsigned i = 0; i < 4; i++)
		test_port_close(&p[i]);
	assert_int_equal(at(&mac[0], 0), FDB_MISS);
	assert_int_equal(at(&mac[1], 10), FDB_MISS);
}

static void
two_ports_with_one_address_in_one_vlan_are_refused(void **state)
{
	struct mac mac = test_mac(1);
	struct test_port a, b;

	test_port_open(&a, "a");
	test_port_open(&b, "b");
	assert_int_equal(attach(&a, test_conf_untagged(&mac)), 0);
	assert_int_equal(attach(&b, test_conf_untagged(&mac)), -EEXIST);
	assert_null(b.port.sw);
	assert_null(atomic_load(&b.port.conf));
	assert_int_equal(at(&mac, 0), (int)a.port.slot);
	assert_int_equal(attach(&b, test_conf_access(&mac, 10)), 0); /* another VLAN is another place */
	/* Changed into the other's place: nothing was changed. */
	assert_int_equal(change(&b, test_conf_untagged(&mac)), -EEXIST);
	assert_int_equal(atomic_load(&b.port.conf)->vlan, PORT_ACCESS);
	assert_int_equal(at(&mac, 10), (int)b.port.slot);
	assert_int_equal(at(&mac, 0), (int)a.port.slot);
	test_port_close(&a);
	assert_int_equal(change(&b, test_conf_untagged(&mac)), 0);
	assert_int_equal(at(&mac, 0), (int)b.port.slot);
	assert_int_equal(at(&mac, 10), FDB_MISS);
	test_port_close(&b);
}

static void
a_change_moves_the_ports_own_address(void **state)
{
	static const uint16_t allowed[] = { 10, 0 };
	struct mac old = test_mac(1), new = test_mac(2);
	struct test_port p;

	test_port_open(&p, "p");
	assert_int_equal(attach(&p, test_conf_untagged(&old)), 0);
	assert_int_equal(change(&p, test_conf_untagged(&new)), 0);
	assert_int_equal(at(&old, 0), FDB_MISS);
	assert_int_equal(at(&new, 0), (int)p.port.slot);
	assert_int_equal(change(&p, test_conf_access(&new, 5)), 0);
	assert_int_equal(at(&new, 0), FDB_MISS);
	assert_int_equal(at(&new, 5), (int)p.port.slot);
	assert_int_equal(change(&p, test_conf_trunk(&new, 0, allowed)), 0);
	assert_int_equal(at(&new, 5), FDB_MISS);
	assert_int_equal(change(&p, test_conf_access(&new, 5)), 0);
	assert_int_equal(change(&p, test_conf_access(&new, 5)), 0); /* the same again */
	assert_int_equal(at(&new, 5), (int)p.port.slot);
	test_port_close(&p);
}

/* What was learned in VLANs that the port is not in any more would lead frames astray for up to ageing_s. */
static void
a_change_forgets_what_was_learned_there_and_told_before(void **state)
{
	static const uint16_t allowed[] = { 10, 20, 0 };
	struct mac station = test_mac(77), late = test_mac(78), elsewhere = test_mac(79);
	struct test_port p, q;

	test_port_open(&p, "p");
	test_port_open(&q, "q");
	assert_int_equal(attach(&p, test_conf_trunk(NULL, 0, allowed)), 0);
	assert_int_equal(attach(&q, test_conf_untagged(NULL)), 0);
	learn_tell(0, fdb_key(station.byte, 10), sw->index, p.port.slot);
	learn_tell(0, fdb_key(elsewhere.byte, 0), sw->index, q.port.slot);
	learn_drain();
	learn_lock(); /* the learner stands still: what is told now is entered during the change, or after it */
	learn_tell(1, fdb_key(late.byte, 20), sw->index, p.port.slot);
	learn_unlock();
	assert_int_equal(change(&p, test_conf_access(NULL, 5)), 0);
	learn_drain();
	assert_int_equal(at(&station, 10), FDB_MISS);
	assert_int_equal(at(&late, 20), FDB_MISS);
	assert_int_equal(at(&elsewhere, 0), (int)q.port.slot);
	test_port_close(&p);
	test_port_close(&q);
}

static void
slots_are_used_again_without_the_former_ports_stations(void **state)
{
	struct mac station = test_mac(77), own = test_mac(1);
	struct test_port p[3];
	unsigned slot;

	for (unsigned i = 0; i < 3; i++) {
		test_port_open(&p[i], "p");
		assert_int_equal(attach(&p[i], test_conf_untagged(i == 1 ? &own : NULL)), 0);
		assert_int_equal(p[i].port.slot, i);
	}
	slot = p[1].port.slot;
	learn_lock(); /* as above */
	learn_tell(0, fdb_key(station.byte, 0), sw->index, slot);
	learn_unlock();
	port_detach(&p[1].port);
	assert_null(p[1].port.sw);
	assert_int_equal(at(&own, 0), FDB_MISS);
	assert_int_equal(attach(&p[1], test_conf_untagged(NULL)), 0);
	assert_int_equal(p[1].port.slot, slot);
	learn_drain();
	assert_int_equal(at(&station, 0), FDB_MISS);
	for (unsigned i = 0; i < 3; i++)
		test_port_close(&p[i]);
	assert_int_equal(atomic_load(&sw->ports)->n, 0);
}

static void
a_switch_holds_1024_ports_and_an_uplink(void **state)
{
	static struct test_port p[SWITCH_PORTS_MAX + 1];

	for (unsigned i = 0; i < SWITCH_PORTS_MAX; i++) {
		p[i].port.vport = &p[i].vport;
		assert_int_equal(attach(&p[i], test_conf_untagged(NULL)), 0);
	}
	p[SWITCH_PORTS_MAX].port.vport = &p[SWITCH_PORTS_MAX].vport;
	assert_int_equal(attach(&p[SWITCH_PORTS_MAX], test_conf_untagged(NULL)), -ENOSPC);
	assert_int_equal(atomic_load(&sw->ports)->n, SWITCH_PORTS_MAX);
	for (unsigned i = 0; i < SWITCH_PORTS_MAX; i++)
		port_detach(&p[i].port);
}

static void
switches_are_bounded_and_their_places_used_again(void **state)
{
	struct vswitch *more[SWITCHES_MAX];
	unsigned n = 0, index;

	while (n < SWITCHES_MAX && (more[n] = switch_new("more", SWITCH_KIND_PRIVATE, 64, 1)) != NULL)
		n++;
	assert_int_equal(n, SWITCHES_MAX - 1); /* sw is one */
	index = more[5]->index;
	switch_free(more[5]);
	assert_null(atomic_load(&vswitches[index]));
	more[5] = switch_new("again", SWITCH_KIND_PRIVATE, 64, 1);
	assert_int_equal(more[5]->index, index);
	for (unsigned i = 0; i < n; i++)
		switch_free(more[i]);
	switch_free(NULL);
}

static void
an_uplink_allows_all_but_the_reserved_vid(void **state)
{
	struct port_conf conf;

	memset(&conf, 0xee, sizeof(conf));
	port_conf_uplink(&conf);
	assert_int_equal(conf.vlan, PORT_TRUNK);
	assert_int_equal(conf.vid, 0);
	assert_false(conf.spoof_check);
	assert_true(mac_is_zero(&conf.mac));
	for (unsigned vid = 0; vid < VID_COUNT; vid++)
		assert_int_equal(conf.allowed[vid / 64] >> (vid % 64) & 1, vid != 4095);
}

/* ---- changes beside a lane that forwards ---- */

static struct test_port here, there;
static _Atomic bool stop_sending;

static void *
send(void *arg)
{
	struct mac src = test_mac(50), dst = test_mac(51);
	static uint8_t frames[PKT_BURST][64];
	struct lane *lane = arg;

	qsbr_online(lane->reader);
	while (!atomic_load(&stop_sending)) {
		for (uint32_t i = 0; i < PKT_BURST; i++)
			test_add(lane, frames[i], test_frame(&dst, &src, TEST_NO_TAG, i, frames[i]));
		test_input(lane, &here);
		qsbr_quiescent(lane->reader);
		sched_yield();
	}
	qsbr_offline(lane->reader);
	return NULL;
}

/* Attach, change, detach and free ports, while a burst may be going there: nothing is touched after its end. */
static void
ports_come_and_go_beside_a_lane_that_forwards(void **state)
{
	struct test_port *all[2] = { &here, &there };
	uint64_t gone_offered = 0;
	struct vport_totals t;
	pthread_t thread;
	struct lane lane;

	assert_int_equal(lane_init(&lane, 0), 0);
	test_port_open(&here, "here");
	test_port_open(&there, "there");
	assert_int_equal(attach(&here, test_conf_untagged(NULL)), 0);
	assert_int_equal(attach(&there, test_conf_untagged(NULL)), 0);
	assert_int_equal(pthread_create(&thread, NULL, send, &lane), 0);
	for (unsigned i = 0; i < CHANGES; i++) {
		struct test_port *p = malloc(sizeof(*p)); /* so that a late use is seen by a sanitizer */
		struct mac mac = test_mac(51);

		assert_non_null(p);
		test_port_open(p, "p");
		assert_int_equal(attach(p, test_conf_untagged(i % 2 ? &mac : NULL)), 0);
		sched_yield();
		assert_int_equal(change(p, test_conf_access(&mac, 3)), 0);
		assert_int_equal(change(p, test_conf_untagged(&mac)), 0);
		port_detach(&p->port);
		vport_sum(&p->vport, &t);
		assert_int_equal(t.tx_packets, p->n_taken);
		gone_offered += t.tx_offered;
		test_port_close(p);
		free(p);
	}
	atomic_store(&stop_sending, true);
	pthread_join(thread, NULL);
	vport_sum(&here.vport, &t);
	assert_true(t.rx_packets > PKT_BURST);
	assert_int_equal(t.rx_packets - t.rx_dropped + t.copies, there.n_taken + gone_offered);
	for (unsigned i = 0; i < 2; i++)
		test_port_close(all[i]);
	lane_fini(&lane);
}

static void
an_address_is_told_to_be_here_or_behind_the_uplink(void **state)
{
	struct mac own = test_mac(1), far = test_mac(2), none = test_mac(3);
	struct port_conf conf = test_conf_access(&own, 10), all;
	struct test_port up, vm;

	test_port_open(&up, "up");
	test_port_open(&vm, "vm");
	up.port.is_uplink = true;
	port_conf_uplink(&all);
	assert_int_equal(port_attach(&up.port, sw, &all), 0);
	assert_int_equal(port_attach(&vm.port, sw, &conf), 0);
	learn_lock();
	assert_int_equal(fdb_add_static(sw->fdb, fdb_key(far.byte, 10), up.port.slot), 0);
	learn_unlock();
	assert_int_equal(port_locate(&up.port.ingress, own.byte, 10), NICSWITCH_HOST);
	assert_int_equal(port_locate(&up.port.ingress, own.byte, 20), NICSWITCH_UNKNOWN);
	assert_int_equal(port_locate(&up.port.ingress, far.byte, 10), NICSWITCH_WIRE);
	assert_int_equal(port_locate(&up.port.ingress, none.byte, 10), NICSWITCH_UNKNOWN);
	test_port_close(&vm);
	test_port_close(&up);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_switch, close_switch)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_ports_own_address_is_known_from_the_start),
		TEST(an_address_is_anothers_where_both_ports_may_speak),
		TEST(two_ports_with_one_address_in_one_vlan_are_refused),
		TEST(a_change_moves_the_ports_own_address),
		TEST(a_change_forgets_what_was_learned_there_and_told_before),
		TEST(slots_are_used_again_without_the_former_ports_stations),
		TEST(a_switch_holds_1024_ports_and_an_uplink),
		TEST(switches_are_bounded_and_their_places_used_again),
		TEST(an_uplink_allows_all_but_the_reserved_vid),
		TEST(ports_come_and_go_beside_a_lane_that_forwards),
		TEST(an_address_is_told_to_be_here_or_behind_the_uplink),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
