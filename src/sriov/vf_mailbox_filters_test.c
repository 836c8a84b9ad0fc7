/*
 * vf_mailbox_filters_test.c - addresses, groups, VLANs and modes that a driver asks for, and what is listened to by them. Expected words
 * follow from ixgbevf's vf.c and from ixgbe's ixgbe_sriov.c.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "sriov/test_vf_mailbox.h"

static bool
has_bit(const uint64_t *bits, unsigned i)
{
	return bits[i / 64] >> i % 64 & 1;
}

static unsigned
count_bits(const uint64_t *bits)
{
	unsigned n = 0;

	for (unsigned i = 0; i < 64; i++)
		n += (unsigned)__builtin_popcountll(bits[i]);
	return n;
}

/* ---- addresses ---- */

static void
an_address_is_taken_by_trust(void **state)
{
	static const uint8_t own[6] = { 2, 0xf1, 0, 0, 0, 1 }, other[6] = { 2, 1, 2, 3, 4, 5 };
	static const uint8_t zero[6], group[6] = { 3, 1, 2, 3, 4, 5 };
	static const struct {
		const uint8_t *mac;
		bool trust, granted;
	} rows[] = { { own, false, true },  { own, true, true },   { other, false, false },
		     { other, true, true }, { zero, true, false }, { group, true, false } };

	for (unsigned i = 0; i < LEN(rows); i++) {
		struct vf_filters f;

		mailbox_fresh(NULL);
		policy.trust = rows[i].trust;
		mailbox_up(8);
		assert_int_equal(mailbox_say_mac(0x02, rows[i].mac), 0x02 | (rows[i].granted ? GRANTED : REFUSED));
		f = mailbox_filters();
		assert_int_equal(f.n_macs, 1);
		assert_memory_equal(f.mac[0].byte, rows[i].granted ? rows[i].mac : own, 6);
		assert_int_equal(!!(effects & VF_MAILBOX_FILTERS), rows[i].granted);
	}
}

static void
an_address_of_its_own_outlives_the_drivers_resets_while_trusted(void **state)
{
	static const uint8_t other[6] = { 2, 1, 2, 3, 4, 5 };
	uint32_t words[4] = { 1 };

	policy.trust = true;
	mailbox_up(8);
	mailbox_say_mac(0x02, other);
	vf_mailbox_reset(&mailbox);
	mailbox_say(words, 4);
	assert_memory_equal(words + 1, other, 6);
	policy.trust = false;
	words[0] = 1;
	mailbox_say(words, 4);
	assert_memory_equal(words + 1, policy.mac.byte, 6);
	policy.trust = true;
	mailbox_say_mac(0x02, other);
	vf_mailbox_forget(&mailbox); /* the VM was reset */
	assert_memory_equal(mailbox_filters().mac[0].byte, policy.mac.byte, 6);
}

static void
other_addresses_are_a_list_of_a_trusted_driver(void **state)
{
	struct vf_filters f;

	mailbox_up(8);
	assert_int_equal(mailbox_say_mac(0x06 | 1 << 16, (const uint8_t[6]){ 2, 0, 0, 0, 0, 9 }),
			 (0x06 | 1 << 16) | REFUSED);
	assert_int_equal(mailbox_say_mac(0x06, (const uint8_t[6]){ 0 }), 0x06 | GRANTED);
	policy.trust = true;
	for (uint8_t i = 1; i <= VF_OTHER_MACS + 1; i++) {
		uint32_t word0 = 0x06 | (uint32_t)i << 16;

		assert_int_equal(mailbox_say_mac(word0, (const uint8_t[6]){ 2, 0, 0, 0, 1, i }),
				 word0 | (i <= VF_OTHER_MACS ? GRANTED : REFUSED));
	}
	f = mailbox_filters();
	assert_int_equal(f.n_macs, 1 + VF_OTHER_MACS);
	assert_int_equal(f.mac[VF_OTHER_MACS].byte[5], VF_OTHER_MACS);
	policy.trust = false;
	assert_int_equal(mailbox_filters().n_macs, 1);
	policy.trust = true;
	assert_int_equal(mailbox_say_mac(0x06 | 1 << 16, (const uint8_t[6]){ 2, 0, 0, 0, 2, 1 }),
			 (0x06 | 1 << 16) | GRANTED);
	assert_int_equal(mailbox_filters().n_macs, 2); /* 1 begins anew */
	assert_int_equal(mailbox_say_mac(0x06 | 2 << 16, (const uint8_t[6]){ 1, 0, 0, 0, 2, 1 }),
			 (0x06 | 2 << 16) | REFUSED);
	mailbox_say_mac(0x06, (const uint8_t[6]){ 0 });
	assert_int_equal(mailbox_filters().n_macs, 1);
}

/* ---- groups, VLANs ---- */

static void
groups_are_kept_by_hash(void **state)
{
	uint32_t words[16] = { 0x03 | 3 << 16, 0x0FFF0000, 0xFFFF0123, 0x55555555 };
	struct vf_filters f;

	mailbox_up(8);
	assert_int_equal(mailbox_say(words, 16), (0x03 | 3 << 16) | GRANTED);
	f = mailbox_filters();
	assert_int_equal(count_bits(f.multicast), 3);
	assert_true(has_bit(f.multicast, 0) && has_bit(f.multicast, 0xFFF) && has_bit(f.multicast, 0x123));
	assert_false(f.all_multicast);
	words[0] = 0x03; /* none any more */
	mailbox_say(words, 16);
	assert_int_equal(count_bits(mailbox_filters().multicast), 0);
}

/* ixgbevf_update_mc_addr_list_vf sends 30 at most, and does not say how many more there are. */
static void
as_many_groups_as_a_message_holds_are_taken_for_all(void **state)
{
	static const struct {
		uint32_t count;
		unsigned bits;
		bool all;
	} rows[] = { { 29, 29, false }, { 30, 30, true }, { 255, 30, true } };

	mailbox_up(8);
	for (unsigned i = 0; i < LEN(rows); i++) {
		uint32_t words[16] = { 0x03 | rows[i].count << 16 };

		for (unsigned k = 0; k < 30; k++)
			words[1 + k / 2] |= (k + 1) << 16 * (k % 2);
		mailbox_say(words, 16);
		assert_int_equal(count_bits(mailbox_filters().multicast), rows[i].bits);
		assert_int_equal(mailbox_filters().all_multicast, rows[i].all);
	}
}

static void
vlans_are_added_and_removed(void **state)
{
	struct vf_filters f;

	mailbox_up(8);
	f = mailbox_filters();
	assert_int_equal(count_bits(f.vlans), 1); /* untagged */
	assert_true(has_bit(f.vlans, 0));
	assert_int_equal(mailbox_say_two(0x04 | 1 << 16, 5), (0x04 | 1 << 16) | GRANTED);
	assert_int_equal(mailbox_say_two(0x04 | 1 << 16, 4095), (0x04 | 1 << 16) | GRANTED);
	assert_int_equal(mailbox_say_two(0x04 | 1 << 16, 0), (0x04 | 1 << 16) | GRANTED);
	f = mailbox_filters();
	assert_int_equal(count_bits(f.vlans), 3);
	assert_true(has_bit(f.vlans, 5) && has_bit(f.vlans, 4095));
	assert_int_equal(mailbox_say_two(0x04, 5), 0x04 | GRANTED);
	assert_int_equal(mailbox_say_two(0x04, 0), 0x04 | GRANTED);
	f = mailbox_filters();
	assert_int_equal(count_bits(f.vlans), 2);
	assert_true(has_bit(f.vlans, 0) && has_bit(f.vlans, 4095));
	assert_false(f.all_vlans);
}

static void
a_transparent_vlan_leaves_the_driver_none(void **state)
{
	mailbox_up(8);
	mailbox_say_two(0x04 | 1 << 16, 5);
	policy.vlan = 7;
	assert_int_equal(count_bits(mailbox_filters().vlans), 1);
	assert_int_equal(mailbox_say_two(0x04 | 1 << 16, 6), (0x04 | 1 << 16) | REFUSED);
	assert_int_equal(mailbox_say_two(0x04 | 1 << 16, 0), (0x04 | 1 << 16) | GRANTED); /* the stack's own */
	policy.vlan = 0;
	assert_true(has_bit(mailbox_filters().vlans, 5));
}

static void
what_it_listens_to_goes_by_trust(void **state)
{
	static const struct {
		uint32_t mode;
		bool trust, broadcast, all_multicast, promiscuous;
		uint32_t told;
	} rows[] = {
		{ 0, false, false, false, false, 0 }, { 1, false, true, false, false, 1 },
		{ 2, false, true, false, false, 1 },  { 3, false, true, false, false, 1 },
		{ 0, true, false, false, false, 0 },  { 1, true, true, false, false, 1 },
		{ 2, true, true, true, false, 2 },    { 3, true, true, true, true, 3 },
	};

	for (unsigned i = 0; i < LEN(rows); i++) {
		uint32_t words[2] = { 0x0C, rows[i].mode };
		struct vf_filters f;

		mailbox_fresh(NULL);
		policy.trust = rows[i].trust;
		mailbox_up(8);
		assert_int_equal(mailbox_say(words, 2), 0x0C | GRANTED);
		assert_int_equal(words[1], rows[i].told);
		f = mailbox_filters();
		assert_int_equal(f.broadcast, rows[i].broadcast);
		assert_int_equal(f.all_multicast, rows[i].all_multicast);
		assert_int_equal(f.promiscuous, rows[i].promiscuous);
		assert_int_equal(f.all_vlans, rows[i].promiscuous);
	}
	assert_int_equal(mailbox_say_two(0x0C, 4), 0x0C | REFUSED);
	/* Trust that comes and goes. */
	policy.trust = false;
	assert_false(mailbox_filters().promiscuous);
	policy.trust = true;
	assert_true(mailbox_filters().promiscuous);
	policy.vlan = 7; /* everything, but of its own VLAN */
	assert_false(mailbox_filters().all_vlans);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(an_address_is_taken_by_trust, mailbox_fresh),
		cmocka_unit_test_setup(an_address_of_its_own_outlives_the_drivers_resets_while_trusted, mailbox_fresh),
		cmocka_unit_test_setup(other_addresses_are_a_list_of_a_trusted_driver, mailbox_fresh),
		cmocka_unit_test_setup(groups_are_kept_by_hash, mailbox_fresh),
		cmocka_unit_test_setup(as_many_groups_as_a_message_holds_are_taken_for_all, mailbox_fresh),
		cmocka_unit_test_setup(vlans_are_added_and_removed, mailbox_fresh),
		cmocka_unit_test_setup(a_transparent_vlan_leaves_the_driver_none, mailbox_fresh),
		cmocka_unit_test_setup(what_it_listens_to_goes_by_trust, mailbox_fresh),
	};

	return cmocka_run_group_tests_name("vf_mailbox_filters", tests, NULL, NULL);
}
