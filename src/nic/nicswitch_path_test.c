/* nicswitch_path_test.c - each rule of an adapter's switch. Expected receivers and tags follow from the table in nicswitch.h. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "nic/test_nicswitch.h"
#include "pkt/wire.h"

#define ONLY(who) (1u << (who))

static const struct mac everybody = { { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff } };
static const struct mac group = { { 0x01, 0x00, 0x5e, 0x00, 0x12, 0x34 } };
static const struct mac link_local = { { 0x01, 0x80, 0xc2, 0x00, 0x00, 0x0e } };

/* One frame of a member from its own address. */
static unsigned
send_own(unsigned from, const struct mac *dst, int tci)
{
	struct mac src = test_vf_mac(from);

	return test_send(from, dst, &src, tci, 4711);
}

static unsigned
send_to(unsigned from, uint8_t to, int tci)
{
	struct mac dst = { { 0x02, 0xf1, 0, 0, to < MEMBERS, to < MEMBERS ? to + 1 : to } };

	return from < MEMBERS ? send_own(from, &dst, tci)
			      : test_send(from, &dst, &(struct mac){ { 2, 9, 9, 9, 9, from } }, tci, 4711);
}

static void
a_frame_for_another_member_goes_to_it_alone(void **state)
{
	assert_int_equal(send_to(A, B, NO_TAG), 0);
	test_expect(ONLY(B), NULL);
	test_balance();
}

static void
members_of_other_vlans_are_not_found(void **state)
{
	const int tag[ENDS] = { [WIRE] = 10 };

	send_to(A, D, NO_TAG);
	test_expect(ONLY(WIRE), tag);
	send_to(A, C, NO_TAG);
	test_expect(ONLY(WIRE), tag);
	test_balance();
}

static void
a_member_that_tags_reaches_a_transparent_one_and_back(void **state)
{
	const int tag[ENDS] = { [C] = 20 };

	send_to(C, D, 5 << 13 | 20);
	test_expect(ONLY(D), (int[ENDS]){ [D] = NO_TAG });
	send_to(D, C, NO_TAG);
	test_expect(ONLY(C), tag);
	test_balance();
}

static void
one_address_in_two_vlans_is_two_members(void **state)
{
	struct nicswitch_rules rules = test_rules(D);

	rules.mac[0] = test_vf_mac(B);
	test_change(D, &rules);
	send_to(A, B, NO_TAG);
	test_expect(ONLY(B), NULL);
	send_to(C, B, 20);
	test_expect(ONLY(D), NULL);
	test_balance();
}

static void
of_two_members_with_one_address_the_owner_has_it(void **state)
{
	struct nicswitch_rules rules = test_rules(A);

	rules.mac[1] = test_vf_mac(B);
	rules.n_macs = 2;
	test_change(A, &rules);
	send_to(E, B, NO_TAG);
	test_expect(ONLY(B), NULL);
}

static void
an_address_that_was_added_is_received_and_sent_from(void **state)
{
	struct nicswitch_rules rules = test_rules(A);
	struct mac more = { { 2, 7, 7, 7, 7, 7 } }, to = test_vf_mac(B), src = test_vf_mac(B);

	assert_int_equal(test_send(A, &to, &more, NO_TAG, 1), 1);
	test_expect(0, NULL);
	rules.mac[1] = more;
	rules.n_macs = 2;
	test_change(A, &rules);
	test_send(B, &more, &src, NO_TAG, 1);
	test_expect(ONLY(A), NULL);
	test_send(A, &to, &more, NO_TAG, 1);
	test_expect(ONLY(B), NULL);
}

static void
a_foreign_source_address_is_dropped_and_counted(void **state)
{
	struct mac dst = test_vf_mac(B), src = test_vf_mac(E);
	struct nicswitch_rules rules = test_rules(A);

	assert_int_equal(test_send(A, &dst, &src, NO_TAG, 1), 1);
	test_expect(0, NULL);
	assert_int_equal(test_drops(&end[A].vport, DROP_SPOOFED), 1);
	rules.spoof_check = false;
	test_change(A, &rules);
	assert_int_equal(test_send(A, &dst, &src, NO_TAG, 1), 0);
	test_expect(ONLY(B), NULL);
	test_balance();
}

static void
group_and_zero_source_addresses_are_dropped(void **state)
{
	struct mac dst = test_vf_mac(B), zero = { { 0 } };

	test_send(A, &dst, &group, NO_TAG, 1);
	test_send(A, &dst, &zero, NO_TAG, 1);
	test_expect(0, NULL);
	assert_int_equal(test_drops(&end[A].vport, DROP_BAD_SOURCE), 2);
	test_balance();
}

static void
a_tag_of_a_transparent_member_is_denied(void **state)
{
	assert_int_equal(send_to(A, B, 10), 1);
	assert_int_equal(send_to(A, B, 20), 1);
	test_expect(0, NULL);
	assert_int_equal(test_drops(&end[A].vport, DROP_VLAN_DENIED), 2);
	assert_int_equal(send_to(A, B, 3 << 13), 0); /* a priority tag names no VLAN: IEEE 802.1Q-2022, 6.9 */
	test_expect(ONLY(B), NULL);
	test_balance();
}

static void
a_member_that_tags_speaks_in_its_own_vlans_only(void **state)
{
	struct nicswitch_rules rules = test_rules(C);

	assert_int_equal(send_to(C, FAR, 21), 1);
	assert_int_equal(test_drops(&end[C].vport, DROP_VLAN_DENIED), 1);
	test_expect(0, NULL);
	send_to(C, FAR, 20);
	test_expect(ONLY(WIRE), (int[ENDS]){ [WIRE] = 20 });
	rules.all_vlans = true;
	test_change(C, &rules);
	send_to(C, FAR, 21);
	test_expect(ONLY(WIRE), (int[ENDS]){ [WIRE] = 21 });
	test_balance();
}

static void
a_priority_tag_does_not_hide_a_second_one(void **state)
{
	struct mac dst = test_vf_mac(B), src = test_vf_mac(A);

	test_add_frame(&dst, &src, 0, 1);
	put_be16(lane.burst.pkt[0].hdr + 16, TYPE_VLAN);
	put_be16(lane.burst.pkt[0].hdr + 18, 20);
	assert_int_equal(test_send_burst(A), 1);
	assert_int_equal(test_drops(&end[A].vport, DROP_VLAN_DENIED), 1);
}

/* As the external switch has it: behind the tag that is taken off who gets the frame would find another VLAN's. */
static void
a_priority_tag_of_the_wire_does_not_hide_a_second_one(void **state)
{
	const struct mac dst[] = { test_vf_mac(C), everybody };
	struct mac src = { { 2, 9, 9, 9, 9, WIRE } };

	for (unsigned i = 0; i < 2; i++) {
		test_add_frame(&dst[i], &src, 0, i);
		put_be16(lane.burst.pkt[0].hdr + 16, TYPE_VLAN);
		put_be16(lane.burst.pkt[0].hdr + 18, 99);
		assert_int_equal(test_send_burst(WIRE), i == 0);
		assert_int_equal(end[C].n, 0);
		assert_int_equal(end[HOST].n, i); /* which drops it itself */
	}
	assert_int_equal(test_drops(&end[WIRE].vport, DROP_VLAN_DENIED), 1);
}

static void
a_frame_to_oneself_is_dropped(void **state)
{
	assert_int_equal(send_to(A, A, NO_TAG), 1);
	test_expect(0, NULL);
	assert_int_equal(test_drops(&end[A].vport, DROP_SAME_PORT), 1);
	test_balance();
}

static void
a_broken_frame_is_counted_at_its_sender(void **state)
{
	struct mac dst = { { 2, 0, 0, 0, 0, NEAR } }, src = test_vf_mac(A);

	test_add_frame(&dst, &src, NO_TAG, 1);
	lane.burst.pkt[0].hdr_len = lane.burst.pkt[0].skip = 13;
	lane.burst.pkt[0].len = 13;
	assert_int_equal(test_send_burst(A), 1);
	assert_int_equal(test_drops(&end[A].vport, DROP_RUNT), 1);
	test_expect(0, NULL);
	test_balance();
}

static void
reserved_addresses_of_bridges_are_not_forwarded(void **state)
{
	assert_int_equal(send_own(A, &link_local, NO_TAG), 1);
	test_expect(0, NULL);
	assert_int_equal(test_drops(&end[A].vport, DROP_LINK_LOCAL), 1);
	test_send(WIRE, &link_local, &(struct mac){ { 2, 9, 9, 9, 9, 9 } }, NO_TAG,
		  1); /* the external switch's to judge */
	test_expect(ONLY(HOST), NULL);
}

static void
what_the_host_has_goes_there_with_its_vlan(void **state)
{
	assert_int_equal(send_to(A, NEAR, NO_TAG), 0);
	test_expect(ONLY(HOST), (int[ENDS]){ [HOST] = 10 });
	send_to(C, NEAR, NO_TAG);
	test_expect(ONLY(HOST), (int[ENDS]){ [HOST] = NO_TAG });
	send_to(C, NEAR, 4 << 13 | 20);
	test_expect(ONLY(HOST), (int[ENDS]){ [HOST] = 4 << 13 | 20 });
	test_balance();
}

static void
what_the_wire_has_goes_there_with_its_vlan(void **state)
{
	send_to(A, FAR, NO_TAG);
	test_expect(ONLY(WIRE), (int[ENDS]){ [WIRE] = 10 });
	send_to(C, FAR, NO_TAG);
	test_expect(ONLY(WIRE), (int[ENDS]){ [WIRE] = NO_TAG });
	test_balance();
}

static void
an_unknown_address_is_sought_on_the_wire(void **state)
{
	send_to(A, STRANGER, NO_TAG);
	test_expect(ONLY(WIRE), (int[ENDS]){ [WIRE] = 10 });
	test_balance();
}

static int
open_wanting_unknown(void **state)
{
	host.wants_unknown = true;
	return nicswitch_rig_open(state);
}

static int
close_wanting_unknown(void **state)
{
	host.wants_unknown = false;
	return nicswitch_rig_close(state);
}

static void
and_behind_the_external_switch_if_that_wants_it(void **state)
{
	send_to(A, STRANGER, NO_TAG);
	test_expect(ONLY(WIRE) | ONLY(HOST), (int[ENDS]){ [WIRE] = 10, [HOST] = 10 });
	send_to(A, FAR, NO_TAG);
	test_expect(ONLY(WIRE), (int[ENDS]){ [WIRE] = 10 });
	test_balance();
}

static void
a_broadcast_goes_to_all_of_its_vlan_but_the_sender(void **state)
{
	assert_int_equal(send_own(A, &everybody, NO_TAG), 0);
	test_expect(ONLY(B) | ONLY(E) | ONLY(WIRE) | ONLY(HOST),
		    (int[ENDS]){ [B] = NO_TAG, [E] = NO_TAG, [WIRE] = 10, [HOST] = 10 });
	send_own(D, &everybody, NO_TAG);
	test_expect(ONLY(C) | ONLY(WIRE) | ONLY(HOST), (int[ENDS]){ [C] = 20, [WIRE] = 20, [HOST] = 20 });
	test_balance();
}

static void
a_broadcast_passes_those_who_do_not_want_it(void **state)
{
	struct nicswitch_rules rules = test_rules(B);

	rules.broadcast = false;
	rules.all_multicast = true;
	test_change(B, &rules);
	send_own(A, &everybody, NO_TAG);
	test_expect(ONLY(E) | ONLY(WIRE) | ONLY(HOST), (int[ENDS]){ [E] = NO_TAG, [WIRE] = 10, [HOST] = 10 });
}

/* 82599 datasheet, 8.2.3.7.14, MO: bits 47:36, 46:35, 45:34 or 43:32 of the address, whose last byte is the highest. */
static void
the_hash_of_a_group_is_twelve_bits_of_its_address(void **state)
{
	static const struct {
		unsigned type, hash;
	} rows[] = { { 0, 0x341 }, { 1, 0x682 }, { 2, 0xd04 }, { 3, 0x412 } }; /* of 0x3412, shifted by 4, 3, 2, 0 */

	for (unsigned i = 0; i < RTE_DIM(rows); i++)
		assert_int_equal(nicswitch_hash(group.byte, rows[i].type), rows[i].hash);
}

static void
a_group_goes_to_those_who_subscribed(void **state)
{
	struct nicswitch_rules rules = test_rules(B);

	rules.multicast[0x341 / 64] = 1ull << (0x341 % 64);
	test_change(B, &rules);
	send_own(A, &group, NO_TAG);
	test_expect(ONLY(B) | ONLY(WIRE) | ONLY(HOST), (int[ENDS]){ [B] = NO_TAG, [WIRE] = 10, [HOST] = 10 });
	rules.multicast_type = 3; /* now the bit means another group */
	test_change(B, &rules);
	send_own(A, &group, NO_TAG);
	test_expect(ONLY(WIRE) | ONLY(HOST), (int[ENDS]){ [WIRE] = 10, [HOST] = 10 });
	rules.all_multicast = true;
	test_change(B, &rules);
	send_own(A, &group, NO_TAG);
	test_expect(ONLY(B) | ONLY(WIRE) | ONLY(HOST), (int[ENDS]){ [B] = NO_TAG, [WIRE] = 10, [HOST] = 10 });
	test_balance();
}

static void
a_promiscuous_member_gets_groups_and_what_is_for_nobody(void **state)
{
	struct nicswitch_rules rules = test_rules(B);

	rules.promiscuous = true;
	test_change(B, &rules);
	send_own(A, &group, NO_TAG);
	test_expect(ONLY(B) | ONLY(WIRE) | ONLY(HOST), (int[ENDS]){ [B] = NO_TAG, [WIRE] = 10, [HOST] = 10 });
	send_to(A, STRANGER, NO_TAG);
	test_expect(ONLY(B) | ONLY(WIRE), (int[ENDS]){ [B] = NO_TAG, [WIRE] = 10 });
	send_to(WIRE, STRANGER, 10);
	test_expect(ONLY(B) | ONLY(HOST), (int[ENDS]){ [B] = NO_TAG, [HOST] = 10 });
	send_to(HOST, STRANGER, 10);
	test_expect(ONLY(B) | ONLY(WIRE), (int[ENDS]){ [B] = NO_TAG, [WIRE] = 10 });
	send_to(D, STRANGER, NO_TAG); /* not in its VLAN */
	test_expect(ONLY(WIRE), (int[ENDS]){ [WIRE] = 20 });
	send_to(A, E, NO_TAG);
	test_expect(ONLY(E), NULL);
	test_balance();
}

static void
the_host_reaches_a_member_and_the_wire_hears_nothing(void **state)
{
	send_to(HOST, A, 10);
	test_expect(ONLY(A), NULL);
	send_to(HOST, C, 6 << 13 | 20);
	test_expect(ONLY(C), (int[ENDS]){ [C] = 6 << 13 | 20 });
	send_to(HOST, A, 20); /* not in its VLAN */
	test_expect(ONLY(WIRE), (int[ENDS]){ [WIRE] = 20 });
	send_to(HOST, FAR, NO_TAG);
	test_expect(ONLY(WIRE), (int[ENDS]){ [WIRE] = NO_TAG });
	test_balance();
}

static void
a_group_of_the_host_goes_to_the_wire_and_to_members(void **state)
{
	test_send(HOST, &everybody, &(struct mac){ { 2, 9, 9, 9, 9, 9 } }, 10, 1);
	test_expect(ONLY(A) | ONLY(B) | ONLY(E) | ONLY(WIRE), (int[ENDS]){ NO_TAG, NO_TAG, [E] = NO_TAG, [WIRE] = 10 });
	test_balance();
}

static void
the_wire_reaches_a_member_and_the_host_hears_nothing(void **state)
{
	send_to(WIRE, B, 10);
	test_expect(ONLY(B), NULL);
	send_to(WIRE, C, NO_TAG);
	test_expect(ONLY(C), NULL);
	send_to(WIRE, C, 2 << 13 | 20);
	test_expect(ONLY(C), (int[ENDS]){ [C] = 2 << 13 | 20 });
	send_to(WIRE, B, NO_TAG);
	test_expect(ONLY(HOST), NULL);
	test_balance();
}

static void
a_group_of_the_wire_goes_to_members_and_to_the_host(void **state)
{
	test_send(WIRE, &everybody, &(struct mac){ { 2, 9, 9, 9, 9, 9 } }, 20, 1);
	test_expect(ONLY(C) | ONLY(D) | ONLY(HOST), (int[ENDS]){ [C] = 20, [D] = NO_TAG, [HOST] = 20 });
	test_balance();
}

static void
a_full_burst_of_all_kinds_ends_where_each_frame_belongs(void **state)
{
	struct mac near = { { 2, 0, 0, 0, 0, NEAR } }, far = { { 2, 0, 0, 0, 0, FAR } }, src = test_vf_mac(A);
	struct mac b = test_vf_mac(B), e = test_vf_mac(E);
	const struct mac *to[] = { &b, &near, &near, &e, &far, &b, &near, &far };

	for (uint32_t i = 0; i < PKT_BURST; i++)
		test_add_frame(to[i % 8], &src, NO_TAG, i);
	assert_int_equal(test_send_burst(A), 0);
	assert_int_equal(end[B].n, 8);
	assert_int_equal(end[E].n, 4);
	assert_int_equal(end[HOST].n, 12);
	assert_int_equal(end[WIRE].n, 8);
	for (unsigned who = 0; who < ENDS; who++)
		for (unsigned i = 1; i < end[who].n; i++)
			assert_true(end[who].got[i].number > end[who].got[i - 1].number);
	for (uint32_t i = 0; i < PKT_BURST; i++) /* all of them the host's: in one part */
		test_add_frame(&near, &src, NO_TAG, i);
	end[HOST].n = 0;
	assert_int_equal(test_send_burst(A), 0);
	assert_int_equal(end[HOST].n, 32);
	test_balance();
}

static void
a_receiver_that_is_full_costs_its_own_frames_only(void **state)
{
	end[B].refusal = DROP_RECEIVER_FULL;
	assert_int_equal(send_to(A, B, NO_TAG), 1);
	assert_int_equal(test_drops(&end[B].vport, DROP_RECEIVER_FULL), 1);
	assert_int_equal(send_own(A, &everybody, NO_TAG), 0);
	test_expect(ONLY(E) | ONLY(WIRE) | ONLY(HOST), (int[ENDS]){ [E] = NO_TAG, [WIRE] = 10, [HOST] = 10 });
	send_to(HOST, B, 10);
	send_to(WIRE, B, 10);
	assert_int_equal(test_drops(&end[B].vport, DROP_RECEIVER_FULL), 4);
	test_balance();
}

static void
a_member_without_a_receiver_drops_as_down(void **state)
{
	struct nicswitch_rules rules = test_rules(B);

	rules.sink = NULL;
	test_change(B, &rules);
	assert_int_equal(send_to(A, B, NO_TAG), 1);
	assert_int_equal(test_drops(&end[B].vport, DROP_PORT_DOWN), 1);
	test_balance();
}

static unsigned bursts_through;

static unsigned
through_input(struct lane *l, struct ingress *in, struct burst *b)
{
	bursts_through += b->n;
	return 0;
}

static void
a_member_that_goes_through_the_external_switch_is_left_to_it(void **state)
{
	struct ingress port = { through_input };
	struct nicswitch_rules rules = test_rules(B);

	rules.through = &port;
	test_change(B, &rules);
	bursts_through = 0;
	send_to(B, A, NO_TAG);
	assert_int_equal(bursts_through, 1);
	test_expect(0, NULL);
	send_to(A, B, NO_TAG);
	test_expect(ONLY(HOST), (int[ENDS]){ [HOST] = 10 });
	send_to(WIRE, B, 10);
	test_expect(ONLY(HOST), (int[ENDS]){ [HOST] = 10 });
	send_own(A, &everybody, NO_TAG);
	test_expect(ONLY(E) | ONLY(WIRE) | ONLY(HOST), (int[ENDS]){ [E] = NO_TAG, [WIRE] = 10, [HOST] = 10 });
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, nicswitch_rig_open, nicswitch_rig_close)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_frame_for_another_member_goes_to_it_alone),
		TEST(members_of_other_vlans_are_not_found),
		TEST(a_member_that_tags_reaches_a_transparent_one_and_back),
		TEST(one_address_in_two_vlans_is_two_members),
		TEST(of_two_members_with_one_address_the_owner_has_it),
		TEST(an_address_that_was_added_is_received_and_sent_from),
		TEST(a_foreign_source_address_is_dropped_and_counted),
		TEST(group_and_zero_source_addresses_are_dropped),
		TEST(a_tag_of_a_transparent_member_is_denied),
		TEST(a_member_that_tags_speaks_in_its_own_vlans_only),
		TEST(a_priority_tag_does_not_hide_a_second_one),
		TEST(a_priority_tag_of_the_wire_does_not_hide_a_second_one),
		TEST(a_frame_to_oneself_is_dropped),
		TEST(a_broken_frame_is_counted_at_its_sender),
		TEST(reserved_addresses_of_bridges_are_not_forwarded),
		TEST(what_the_host_has_goes_there_with_its_vlan),
		TEST(what_the_wire_has_goes_there_with_its_vlan),
		TEST(an_unknown_address_is_sought_on_the_wire),
		cmocka_unit_test_setup_teardown(and_behind_the_external_switch_if_that_wants_it, open_wanting_unknown,
						close_wanting_unknown),
		TEST(a_broadcast_goes_to_all_of_its_vlan_but_the_sender),
		TEST(a_broadcast_passes_those_who_do_not_want_it),
		TEST(the_hash_of_a_group_is_twelve_bits_of_its_address),
		TEST(a_group_goes_to_those_who_subscribed),
		TEST(a_promiscuous_member_gets_groups_and_what_is_for_nobody),
		TEST(the_host_reaches_a_member_and_the_wire_hears_nothing),
		TEST(a_group_of_the_host_goes_to_the_wire_and_to_members),
		TEST(the_wire_reaches_a_member_and_the_host_hears_nothing),
		TEST(a_group_of_the_wire_goes_to_members_and_to_the_host),
		TEST(a_full_burst_of_all_kinds_ends_where_each_frame_belongs),
		TEST(a_receiver_that_is_full_costs_its_own_frames_only),
		TEST(a_member_without_a_receiver_drops_as_down),
		TEST(a_member_that_goes_through_the_external_switch_is_left_to_it),
	};

	return cmocka_run_group_tests(tests, nicswitch_rig_start, nicswitch_rig_stop);
}
