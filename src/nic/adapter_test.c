/*
 * adapter_test.c - VM queues come and go under load: no frame is lost, none overtakes another of its flow.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include <rte_ethdev.h>

#include "base/clock.h"
#include "nic/test_adapter.h"
#include "nic/test_eal.h"

#define CHANGES 400

static void
a_member_with_a_queue_gets_its_frames_by_it(void **state)
{
	for (unsigned i = 0; i < MEMBERS; i++) {
		assert_int_equal(members[i].n_rings, 1);
		assert_in_range(members[i].vm_queue, 1, MEMBERS);
		for (unsigned k = 0; k < i; k++)
			assert_int_not_equal(members[i].vm_queue, members[k].vm_queue);
		for (unsigned k = 0; k < 50; k++)
			assert_true(send_one(i));
	}
	expect_nothing_lost();
	assert_int_equal(atomic_load(&by_vm_queue), 50 * MEMBERS);
	for (unsigned k = 0; k < 50; k++)
		assert_true(send_one(MEMBERS)); /* nobody's: the default queue */
	members[1].weight = 0;
	replan();
	assert_int_equal(members[1].n_rings, 0);
	assert_int_equal(queue_processor(queues[1][0]), adapter_base(adapter));
	for (unsigned k = 0; k < 50; k++)
		assert_true(send_one(1));
	expect_nothing_lost();
	assert_int_equal(atomic_load(&by_vm_queue), 50 * MEMBERS);
}

static void
queues_beyond_the_settings_are_given_back_and_numbered_anew(void **state)
{
	adapter->settings.queues = 1;
	replan();
	assert_int_equal(members[0].n_rings, 1); /* who came last loses: plan/vmq.h */
	assert_int_equal(members[1].n_rings, 0);
	assert_int_equal(members[2].n_rings, 0);
	adapter->settings.queues = MEMBERS;
	replan();
	members[0].weight = 0;
	replan();
	adapter->settings.queues = 2; /* of 2 and 3 */
	replan();
	assert_int_equal(members[0].n_rings, 0);
	for (unsigned i = 1; i < MEMBERS; i++) {
		assert_int_equal(members[i].n_rings, 1);
		assert_in_range(members[i].vm_queue, 1, 2);
	}
	assert_int_not_equal(members[1].vm_queue, members[2].vm_queue);
	adapter->settings.mode = ADAPTER_MODE_NONE;
	replan();
	for (unsigned i = 0; i < MEMBERS; i++)
		assert_int_equal(members[i].n_rings, 0);
}

/* Weights, number of queues, base, members that leave and join: under load. */
static void
change_something(unsigned r)
{
	struct adapter_member *m = &members[r % MEMBERS];
	struct err err = { 0 };

	switch (r >> 8 & 7) {
	case 0:
		adapter->settings.queues = (r >> 16) % (MEMBERS + 1);
		break;
	case 1:
		adapter->settings.base = (int)((r >> 16) % (WORKERS + 1)) - 1;
		break;
	case 2:
		adapter->settings.mode =
			adapter->settings.mode == ADAPTER_MODE_VMQ ? ADAPTER_MODE_NONE : ADAPTER_MODE_VMQ;
		break;
	case 3:
		adapter_leave(adapter, m);
		assert_int_equal(m->n_rings, 0);
		assert_int_equal(adapter_join(adapter, m, &err), 0);
		break;
	default:
		m->weight = m->weight ? 0 : 100;
	}
	replan();
}

static void
queues_come_and_go_under_load_without_loss_or_disorder(void **state)
{
	unsigned r = 7, gained = 0;
	uint64_t begin;

	begin_load();
	for (unsigned i = 0; i < CHANGES; i++) {
		unsigned held = 0;

		r = r * 1664525 + 1013904223;
		change_something(r >> 4);
		for (unsigned k = 0; k < MEMBERS; k++)
			held += members[k].n_rings;
		gained += held;
		/* Half of the changes follow at once, the others when there was some traffic. */
		begin = seen_in_all();
		for (unsigned k = 0; k < 100 && r >> 31 && seen_in_all() - begin < 200; k++)
			usleep(200);
	}
	end_load();
	expect_nothing_lost();
	print_message("          %lu frames, %lu of them by VM queues\n", (unsigned long)seen_in_all(),
		      (unsigned long)atomic_load(&by_vm_queue));
	assert_true(gained > CHANGES / 4);
	assert_true(atomic_load(&by_vm_queue) > 1000);
	for (unsigned i = 0; i < FLOWS; i++)
		assert_true(atomic_load(&seen[i]) > 200);
}

/*
 * A processor that gets no time at all: after two seconds its ring is given up, and what it held is in the books, of the wire
 * and of the port: sum(forwarded + copies) == sum(tx_offered), vport.h.
 */
static void
a_ring_that_is_given_up_is_booked(void **state)
{
	struct vport_totals wire, vm;

	atomic_store(&paused, true);
	for (unsigned k = 0; k < 100; k++)
		assert_true(send_one(2));
	while (rxring_position(members[2].ring[0]) < 100)
		usleep(100);
	members[2].weight = 0;
	replan();
	atomic_store(&paused, false);
	atomic_fetch_add(&seen[2], 100);
	vport_sum(&adapter->wire, &wire);
	vport_sum(&vports[2], &vm);
	assert_int_equal(vm.drops[DROP_QUEUE_FULL], 100);
	assert_int_equal(vm.tx_offered, vm.tx_packets + vm.tx_dropped);
	assert_int_equal(wire.rx_packets, 100);
	assert_int_equal(wire.rx_packets - wire.rx_dropped, vm.tx_offered);
	assert_true(send_one(2)); /* and what comes afterwards arrives by the default queue */
	assert_true(all_arrived());
}

/* The same, when all members leave at once: their rings are given up together. */
static void
members_that_leave_together_are_waited_for_once(void **state)
{
	struct vport_totals t;
	uint64_t begin;

	atomic_store(&paused, true);
	for (unsigned i = 0; i < MEMBERS; i++) {
		for (unsigned k = 0; k < 10; k++)
			assert_true(send_one(i));
		while (rxring_position(members[i].ring[0]) < 10)
			usleep(100);
		members[i].leaving = true;
	}
	begin = clock_ns();
	for (unsigned i = 0; i < MEMBERS; i++)
		adapter_leave(adapter, &members[i]);
	assert_true(clock_ns() - begin < 2 * RXPLAN_WAIT_NS);
	atomic_store(&paused, false);
	for (unsigned i = 0; i < MEMBERS; i++) {
		vport_sum(&vports[i], &t);
		assert_int_equal(t.drops[DROP_QUEUE_FULL], 10);
		atomic_fetch_add(&seen[i], 10);
	}
	assert_true(send_one(0)); /* it arrives by the default queue */
	assert_true(all_arrived());
}

/* Untagged and any VLAN mean the same to its flow. The others wait for a queue all the time, and get none of these. */
static void
a_filter_changes_under_load_and_its_member_keeps_the_queue(void **state)
{
	struct adapter_member *m = &members[1], next = *m;
	struct err err = { 0 };
	unsigned processor;

	adapter->settings.queues = 1;
	members[0].weight = members[2].weight = 0;
	replan();
	members[0].weight = members[2].weight = 100;
	processor = queue_processor(queues[1][0]);
	begin_load();
	for (unsigned i = 0; i < CHANGES; i++) {
		next.vid = i % 2 ? RXMAP_VID_UNTAGGED : RXMAP_VID_ANY;
		next.weight = 1 + i % 100;
		assert_int_equal(adapter_change(adapter, m, &next, &err), 0);
		assert_int_equal(m->vid, next.vid);
		assert_int_equal(m->n_rings, 1);
		assert_int_equal(members[0].n_rings, 0);
		assert_int_equal(m->vm_queue, 1);
		assert_int_equal(queue_processor(queues[1][0]), processor);
	}
	for (unsigned i = 0; i < 20000 && atomic_load(&by_vm_queue) == 0; i++)
		usleep(100); /* the load may not have had a core yet */
	end_load();
	expect_nothing_lost();
	assert_true(atomic_load(&by_vm_queue) > 0);
}

static void
settings_that_do_not_fit_the_host_change_nothing(void **state)
{
	struct adapter_settings bad = adapter->settings;
	struct rxring *had = members[0].ring[0];
	struct err err = { 0 };

	bad.base = WORKERS;
	assert_int_equal(adapter_check(adapter, &bad, &err), -EINVAL);
	assert_string_equal(err.msg, "adapter 'up': base processor 2 does not exist");
	assert_ptr_equal(members[0].ring[0], had);
	assert_int_equal(adapter_check(adapter, &adapter->settings, &err), 0);
}

static void
an_uplink_that_cannot_be_opened_is_told_in_a_sentence(void **state)
{
	struct adapter_settings settings;
	struct err err = { 0 };
	unsigned before = rte_eth_dev_count_avail();

	adapter_settings_init(&settings);
	assert_null(adapter_new("other", UPLINK_TYPE_PCAP, "/nowhere/at/all.pcap", 0, &settings, WORKERS + 1, &ingress,
				&err));
	assert_true(err.code < 0);
	assert_non_null(strstr(err.msg, "adapter 'other'"));
	assert_non_null(strstr(err.msg, "/nowhere/at/all.pcap"));
	assert_int_equal(rte_eth_dev_count_avail(), before);
	assert_null(
		adapter_new("other", UPLINK_TYPE_AF_PACKET, "flnosuchif", 0, &settings, WORKERS + 1, &ingress, &err));
	assert_non_null(strstr(err.msg, "flnosuchif"));
	assert_true(err.hint[0] != '\0');
	assert_int_equal(rte_eth_dev_count_avail(), before);
	settings.base = 99;
	assert_null(adapter_new("other", UPLINK_TYPE_NULL, "", 0, &settings, WORKERS + 1, &ingress, &err));
	assert_string_equal(err.msg, "adapter 'other': base processor 99 does not exist");
	assert_int_equal(rte_eth_dev_count_avail(), before);
	adapter_free(NULL);
}

static enum nicswitch_place
locate(const struct ingress *in, const uint8_t *mac, uint16_t vid)
{
	return NICSWITCH_UNKNOWN;
}

static void
expect_all_lead_to(const struct ingress *in)
{
	assert_ptr_equal(adapter->ingress, in);
	for (unsigned i = 0; i < adapter->n_queues; i++)
		assert_ptr_equal(atomic_load(&adapter->ring[i]->source.ingress), in);
	for (unsigned i = 0; i < MEMBERS; i++)
		for (unsigned k = 0; k < members[i].n_rings; k++)
			assert_ptr_equal(atomic_load(&members[i].ring[k]->source.ingress), in);
}

static void
a_virtual_function_leads_the_wire_to_the_nic_switch_while_it_is_there(void **state)
{
	struct sink *_Atomic sink = uplink_sink(&adapter->uplink);
	const struct nicswitch_host host = { .ingress = &ingress, .sink = &sink, .locate = locate };
	struct nicswitch_member vf = { .vport = &vports[0] };
	struct nicswitch_rules rules = { .vlan = 10 };
	struct err err = { 0 };

	assert_int_equal(adapter_host(adapter, &host, &err), 0);
	assert_null(nicswitch_vport(adapter->nicswitch));
	expect_all_lead_to(&ingress);
	assert_int_equal(nicswitch_join(adapter->nicswitch, &vf, &rules, &err), 0);
	expect_all_lead_to(nicswitch_wire_ingress(adapter->nicswitch));
	assert_ptr_not_equal(adapter->ingress, &ingress);
	assert_ptr_not_equal(sink, uplink_sink(&adapter->uplink));
	adapter->settings.mode = ADAPTER_MODE_RSS; /* queues that are made meanwhile lead there, too */
	adapter->settings.queues = 4;
	replan();
	assert_int_equal(adapter->n_queues, 4);
	expect_all_lead_to(nicswitch_wire_ingress(adapter->nicswitch));
	nicswitch_leave(&vf);
	expect_all_lead_to(&ingress);
	assert_ptr_equal(sink, uplink_sink(&adapter->uplink));
	assert_non_null(nicswitch_vport(adapter->nicswitch));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_member_with_a_queue_gets_its_frames_by_it),
		TEST(queues_beyond_the_settings_are_given_back_and_numbered_anew),
		TEST(queues_come_and_go_under_load_without_loss_or_disorder),
		TEST(a_ring_that_is_given_up_is_booked),
		TEST(members_that_leave_together_are_waited_for_once),
		TEST(a_filter_changes_under_load_and_its_member_keeps_the_queue),
		TEST(settings_that_do_not_fit_the_host_change_nothing),
		TEST(an_uplink_that_cannot_be_opened_is_told_in_a_sentence),
		TEST(a_virtual_function_leads_the_wire_to_the_nic_switch_while_it_is_there),
	};

	return cmocka_run_group_tests(tests, test_eal_start, NULL);
}
