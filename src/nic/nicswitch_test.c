/* nicswitch_test.c - members that join, leave and change. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "nic/test_nicswitch.h"

static void
without_members_nothing_is_in_the_way(void **state)
{
	for (unsigned i = 0; i < MEMBERS; i++) {
		assert_ptr_not_equal(wire_leads, host.ingress);
		assert_ptr_not_equal(atomic_load(&host_sends), &end[WIRE].sink);
		assert_int_equal(nicswitch_members(ns), MEMBERS - i);
		nicswitch_leave(&member[i]);
		member[i].ns = NULL;
	}
	assert_ptr_equal(wire_leads, host.ingress);
	assert_ptr_equal(nicswitch_wire_ingress(ns), host.ingress);
	assert_ptr_equal(atomic_load(&host_sends), &end[WIRE].sink);
}

static void
what_is_out_of_range_is_refused_and_changes_nothing(void **state)
{
	static const struct {
		uint16_t vlan;
		uint8_t type;
	} rows[] = { { 4095, 0 }, { 65535, 0 }, { 10, 4 }, { 10, 255 } };
	struct mac dst = test_vf_mac(A), src = test_vf_mac(B);

	for (unsigned i = 0; i < RTE_DIM(rows); i++) {
		struct nicswitch_rules rules = test_rules(A);
		struct nicswitch_member other = { .vport = &end[A].vport };
		struct err err = { 0 };

		rules.vlan = rows[i].vlan;
		rules.multicast_type = rows[i].type;
		assert_int_equal(nicswitch_change(&member[A], &rules, &err), -EINVAL);
		assert_true(err.msg[0] != '\0');
		assert_int_equal(nicswitch_join(ns, &other, &rules, &err), -EINVAL);
	}
	assert_int_equal(nicswitch_members(ns), MEMBERS);
	test_send(B, &dst, &src, NO_TAG, 1);
	test_expect(1u << A, NULL);
}

static void
addresses_that_are_none_are_passed_over(void **state)
{
	struct nicswitch_rules rules = test_rules(A);
	struct mac dst = test_vf_mac(A), src = test_vf_mac(B);

	for (unsigned i = 1; i < NICSWITCH_MACS_MAX; i++)
		rules.mac[i] = (struct mac){ { i % 2, 0, 0, 0, 0, 0 } }; /* groups and zeros */
	rules.n_macs = 1000;
	test_change(A, &rules);
	test_send(B, &dst, &src, NO_TAG, 1);
	test_expect(1u << A, NULL);
}

static void
as_many_members_as_a_nic_has_functions_join_and_no_more(void **state)
{
	struct nicswitch_member *more = calloc(NICSWITCH_MEMBERS_MAX, sizeof(*more));
	struct nicswitch_rules rules = test_rules(A);
	struct mac src = test_vf_mac(B), dst;
	struct err err = { 0 };
	unsigned n;

	assert_non_null(more);
	for (n = 0; n < NICSWITCH_MEMBERS_MAX - MEMBERS; n++) {
		rules.mac[0] = test_vf_mac(MEMBERS + n);
		more[n].vport = &end[A].vport;
		assert_int_equal(nicswitch_join(ns, &more[n], &rules, &err), 0);
	}
	assert_int_equal(nicswitch_join(ns, &more[n], &rules, &err), -ENOSPC);
	dst = rules.mac[0];
	test_send(B, &dst, &src, NO_TAG, 1);
	test_expect(1u << A, NULL);
	while (n-- > 0)
		nicswitch_leave(&more[n]);
	free(more);
	test_send(B, &dst, &src, NO_TAG, 1);
	test_expect(1u << WIRE, (int[ENDS]){ [WIRE] = 10 });
}

static void
who_left_neither_sends_nor_receives(void **state)
{
	struct mac a = test_vf_mac(A), b = test_vf_mac(B);

	nicswitch_leave(&member[A]);
	assert_int_equal(test_send(A, &b, &a, NO_TAG, 1), 1);
	assert_int_equal(test_drops(&end[A].vport, DROP_NO_RECEIVER), 1);
	test_expect(0, NULL);
	test_send(B, &a, &b, NO_TAG, 1);
	test_expect(1u << WIRE, (int[ENDS]){ [WIRE] = 10 });
	member[A].ns = NULL;
	test_balance();
}

static void
a_place_that_was_left_is_taken_again(void **state)
{
	struct mac a = test_vf_mac(A), b = test_vf_mac(B);
	struct nicswitch_rules rules = test_rules(A);
	struct err err = { 0 };

	nicswitch_leave(&member[A]);
	assert_int_equal(nicswitch_join(ns, &member[A], &rules, &err), 0);
	assert_int_equal(member[A].slot, 0);
	test_send(B, &a, &b, NO_TAG, 1);
	test_expect(1u << A, NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, nicswitch_rig_open, nicswitch_rig_close)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(without_members_nothing_is_in_the_way),
		TEST(what_is_out_of_range_is_refused_and_changes_nothing),
		TEST(addresses_that_are_none_are_passed_over),
		TEST(as_many_members_as_a_nic_has_functions_join_and_no_more),
		TEST(who_left_neither_sends_nor_receives),
		TEST(a_place_that_was_left_is_taken_again),
	};

	return cmocka_run_group_tests(tests, nicswitch_rig_start, nicswitch_rig_stop);
}
