/*
 * vf_mailbox_test.c - what a driver asks, and what it is told. Expected words follow from ixgbevf's mbx.c and vf.c, and from ixgbe's
 * ixgbe_sriov.c.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "sriov/test_vf_mailbox.h"

/* ---- reset and API ---- */

static void
a_reset_gives_the_address_and_no_cts(void **state)
{
	uint32_t words[4] = { 1, 0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF };

	assert_int_equal(mailbox_say(words, 4), 0x80000001);
	assert_int_equal(words[1], 0x0000F102); /* bytes in the order of memory */
	assert_int_equal(words[2], 0x00000100);
	assert_int_equal(words[3], 0); /* mc_filter_type */
	assert_true(effects & VF_MAILBOX_FILTERS);
	assert_true(effects & VF_MAILBOX_FRAME);
}

static void
nothing_is_granted_before_a_reset(void **state)
{
	for (uint32_t id = 2; id < 0x20; id++)
		assert_int_equal(mailbox_say_two(id, 2), id | FAILURE);
	assert_int_equal(mailbox.api, 0);
	mailbox_up(2);
	vf_mailbox_reset(&mailbox); /* VFCTRL.RST */
	assert_int_equal(mailbox_say_two(0x10, 0), 0x10 | FAILURE);
}

static void
apis_are_agreed_on_by_ipsec(void **state)
{
	/* By the driver's numbers: 1.0, 2.0, 1.1 to 1.7, and one that there is not. */
	static const struct {
		uint32_t number;
		bool without, with;
		unsigned api;
	} rows[] = {
		{ 0, true, true, 10 }, { 1, false, false, 0 }, { 2, true, true, 11 },           { 3, true, true, 12 },
		{ 4, true, true, 13 }, { 5, false, true, 14 }, { 6, false, false, 0 },          { 7, false, false, 0 },
		{ 8, true, true, 17 }, { 9, false, false, 0 }, { UINT32_MAX, false, false, 0 },
	};

	for (unsigned ipsec = 0; ipsec < 2; ipsec++)
		for (unsigned i = 0; i < LEN(rows); i++) {
			uint32_t words[4] = { 1 };
			bool is = ipsec ? rows[i].with : rows[i].without;

			mailbox_open(VF_X550, ipsec);
			mailbox_say(words, 4);
			assert_int_equal(mailbox_say_two(0x08, rows[i].number), 0x08 | (is ? GRANTED : REFUSED));
			assert_int_equal(mailbox.api, is ? rows[i].api : 10);
		}
}

/* ixgbevf_negotiate_api: from the newest down until one is accepted; then features, with 1.7. */
static void
a_new_driver_gets_features_only_with_ipsec(void **state)
{
	for (unsigned ipsec = 0; ipsec < 2; ipsec++) {
		uint32_t words[2] = { 0x12, 3 };

		mailbox_open(VF_X550, ipsec);
		mailbox_up(8);
		assert_int_equal(mailbox_say(words, 2), 0x12 | GRANTED);
		assert_int_equal(words[1], ipsec); /* never bit 1: the other dialect of the mailbox */
	}
	mailbox_open(VF_X550, true);
	mailbox_up(5);
	assert_int_equal(mailbox_say_two(0x12, 3), 0x12 | REFUSED);
}

static void
ipsec_is_left_to_the_guest(void **state)
{
	uint32_t words[16] = { 0x0D };

	mailbox_open(VF_X550, true);
	mailbox_up(8);
	assert_int_equal(mailbox_say(words, 16), 0x0D | REFUSED);
	assert_int_equal((int32_t)words[1], -95); /* EOPNOTSUPP, as the driver's kernel has it */
	assert_int_equal(mailbox_say_two(0x0E, 0), 0x0E | REFUSED);
}

static void
messages_need_their_api(void **state)
{
	/* ixgbe_sriov.c: which API each handler asks for. */
	static const struct {
		uint32_t id, word1;
		unsigned api; /* the lowest that has it, as the driver's number; 99: none of these */
	} rows[] = {
		{ 0x09, 0, 2 },  { 0x0C, 1, 3 },  { 0x0C, 3, 4 },   { 0x10, 0, 0 },    { 0x12, 3, 8 },
		{ 0x11, 0, 99 }, { 0x07, 0, 99 }, { 0x100, 0, 99 }, { 0xFFFF, 0, 99 }, { 0, 0, 99 },
	};
	static const unsigned numbers[] = { 0, 2, 3, 4, 8 };

	for (unsigned i = 0; i < LEN(rows); i++)
		for (unsigned k = 0; k < LEN(numbers); k++) {
			mailbox_fresh(NULL);
			mailbox_up(numbers[k]);
			if (mailbox_say_two(rows[i].id, rows[i].word1) !=
			    (rows[i].id | (numbers[k] >= rows[i].api ? GRANTED : REFUSED)))
				fail_msg("message %x with api %u", rows[i].id, numbers[k]);
		}
}

/* ---- the rest ---- */

static void
frames_are_as_long_as_both_want(void **state)
{
	/* The driver says mtu + 18; policy: 9000. A frame without FCS is mtu + 14. */
	static const struct {
		uint32_t lpe;
		bool granted;
		uint32_t max_frame;
	} rows[] = { { 1518, true, 1514 },  { 86, true, 82 },    { 9018, true, 9014 }, { 9019, false, 1514 },
		     { 9728, false, 1514 }, { 63, false, 1514 }, { 0, false, 1514 },   { UINT32_MAX, false, 1514 } };

	for (unsigned i = 0; i < LEN(rows); i++) {
		mailbox_fresh(NULL);
		mailbox_up(8);
		assert_int_equal(mailbox_say_two(0x05, rows[i].lpe), 0x05 | (rows[i].granted ? GRANTED : REFUSED));
		assert_int_equal(vf_mailbox_max_frame(&mailbox), rows[i].max_frame);
	}
	mailbox_fresh(NULL);
	mailbox_up(8);
	mailbox_say_two(0x05, 9018);
	policy.mtu = 2000;
	assert_int_equal(vf_mailbox_max_frame(&mailbox), 2014);
	policy.mtu = 1400;
	mailbox_up(8);
	assert_int_equal(vf_mailbox_max_frame(&mailbox), 1414);
}

static void
queues_are_told(void **state)
{
	uint32_t words[5] = { 0x09 };

	mailbox_up(8);
	assert_int_equal(mailbox_say(words, 5), 0x09 | GRANTED);
	assert_int_equal(words[1], 4); /* transmit: with XDP's */
	assert_int_equal(words[2], 2);
	assert_int_equal(words[3], 0);
	assert_int_equal(words[4], 0);
}

/* ixgbevf_get_reta_locked and ixgbevf_get_rss_key_locked; the X550 does not ask. */
static void
the_hosts_rss_is_told_to_models_without_their_own(void **state)
{
	uint32_t words[11] = { 0x0A };

	mailbox_open(VF_82599, false);
	mailbox_up(4);
	assert_int_equal(mailbox_say(words, 9), 0x0A | GRANTED);
	for (unsigned i = 0; i < 128; i++)
		assert_int_equal(words[1 + i / 16] >> 2 * (i % 16) & 3, i % 2);
	words[0] = 0x0B;
	assert_int_equal(mailbox_say(words, 11), 0x0B | GRANTED);
	for (unsigned i = 0; i < 40; i++)
		assert_int_equal(words[1 + i / 4] >> 8 * (i % 4) & 0xFF, i + 1);
	mailbox_open(VF_X550, false);
	mailbox_up(8);
	assert_int_equal(mailbox_say_two(0x0A, 0), 0x0A | REFUSED);
	assert_int_equal(mailbox_say_two(0x0B, 0), 0x0B | REFUSED);
}

static void
the_link_is_never_disabled_by_message(void **state)
{
	uint32_t words[2] = { 0x10, 0 };

	policy.link = false;
	mailbox_up(8);
	assert_int_equal(mailbox_say(words, 2), 0x10 | GRANTED);
	assert_int_equal(words[1], 1);
}

/* ixgbevf_check_mac_link_vf takes the lock and reads word 0, whether something came or not. */
static void
the_last_answer_stays_in_the_buffer(void **state)
{
	mailbox_up(8);
	mailbox_say_two(0x10, 0);
	vf_mailbox_write(&mailbox, VFMAILBOX, VFMAILBOX_VFU);
	assert_true(vf_mailbox_read(&mailbox, VFMBMEM(0)) & CTS);
	vf_mailbox_write(&mailbox, VFMAILBOX, VFMAILBOX_ACK);
	assert_true(vf_mailbox_read(&mailbox, VFMBMEM(0)) & CTS);
}

/* The driver's bits beside REQ, ACK and VFU are what it read before. */
static void
the_pfs_bits_are_not_the_drivers(void **state)
{
	assert_int_equal(vf_mailbox_write(&mailbox, VFMAILBOX, 0xFFFFFFF8), 0);
	assert_int_equal(vf_mailbox_read(&mailbox, VFMAILBOX), 0);
	assert_int_equal(vf_mailbox_write(&mailbox, VFMAILBOX, 0xFFFFFFFC), 0);
	assert_int_equal(vf_mailbox_read(&mailbox, VFMAILBOX), VFMAILBOX_VFU);
}

/* ---- the host ---- */

static unsigned
host_mac(uint8_t last)
{
	struct vf_policy former = policy;

	policy.mac.byte[5] = last;
	return vf_mailbox_policy(&mailbox, &former);
}

static void
a_new_address_has_the_driver_start_over(void **state)
{
	uint32_t words[4] = { 1 };

	mailbox_up(8);
	mailbox_say_two(0x10, 0);
	assert_true(host_mac(2) & VF_MAILBOX_CALL);
	assert_int_equal(mailbox_filters().mac[0].byte[5], 1); /* until it has */
	assert_true(vf_mailbox_read(&mailbox, VFMAILBOX) & VFMAILBOX_PFSTS);
	assert_int_equal(vf_mailbox_read(&mailbox, VFMBMEM(0)),
			 0x100 | FAILURE); /* no CTS: check_link fails, which resets */
	assert_int_equal(mailbox_say_two(0x10, 0), 0x10 | FAILURE);
	mailbox_say(words, 4);
	assert_int_equal(words[2] >> 8, 2);
	assert_int_equal(mailbox_filters().mac[0].byte[5], 2);
	assert_int_equal(mailbox_say_two(0x10, 0), 0x10 | GRANTED);
}

static void
the_driver_is_told_after_its_own_message(void **state)
{
	static const struct {
		uint32_t control; /* what the driver wrote to VFMAILBOX last */
		unsigned call;    /* when it has done with the buffer */
	} rows[] = { { VFMAILBOX_VFU, VF_MAILBOX_CALL }, { VFMAILBOX_REQ, VF_MAILBOX_CALL } };

	for (unsigned i = 0; i < LEN(rows); i++) {
		mailbox_fresh(NULL);
		mailbox_up(8);
		vf_mailbox_write(&mailbox, VFMBMEM(0), 0x10);
		vf_mailbox_write(&mailbox, VFMAILBOX, rows[i].control);
		assert_false(host_mac(2) & VF_MAILBOX_CALL);
		assert_int_equal(vf_mailbox_read(&mailbox, VFMBMEM(0)) & 0xFFFF, 0x10);
		assert_int_equal(vf_mailbox_write(&mailbox, VFMAILBOX, VFMAILBOX_ACK), rows[i].call);
		assert_int_equal(vf_mailbox_read(&mailbox, VFMBMEM(0)), 0x100 | FAILURE);
	}
}

static void
a_new_address_holds_at_once_without_a_driver(void **state)
{
	assert_int_equal(host_mac(2) & VF_MAILBOX_CALL, 0);
	assert_int_equal(mailbox_filters().mac[0].byte[5], 2);
	mailbox_up(8);
	/* Twice before the driver looks: the last one counts. */
	host_mac(3);
	host_mac(4);
	assert_int_equal(mailbox_filters().mac[0].byte[5], 2);
	mailbox_up(8);
	assert_int_equal(mailbox_filters().mac[0].byte[5], 4);
}

static void
trust_that_goes_takes_the_drivers_address_along(void **state)
{
	struct vf_policy former;

	policy.trust = true;
	mailbox_up(8);
	mailbox_say_mac(0x02, (const uint8_t[6]){ 2, 1, 2, 3, 4, 5 });
	former = policy;
	policy.trust = false;
	assert_true(vf_mailbox_policy(&mailbox, &former) & VF_MAILBOX_CALL);
	mailbox_up(8);
	assert_memory_equal(mailbox_filters().mac[0].byte, policy.mac.byte, 6);
}

/* ---- models without a mailbox ---- */

static void
an_hv_model_answers_nothing_and_hears_everything_of_its_own(void **state)
{
	struct vf_filters f;

	mailbox_open(VF_82599_HV, false);
	vf_mailbox_write(&mailbox, VFMBMEM(0), 1);
	assert_int_equal(vf_mailbox_write(&mailbox, VFMAILBOX, VFMAILBOX_REQ), 0);
	assert_int_equal(vf_mailbox_read(&mailbox, VFMAILBOX), 0);
	assert_int_equal(vf_mailbox_read(&mailbox, VFMBMEM(0)), 1);
	f = mailbox_filters();
	assert_true(f.all_multicast && f.broadcast && f.all_vlans);
	assert_false(f.promiscuous);
	assert_int_equal(vf_mailbox_max_frame(&mailbox), 9014);
	host_mac(2);
	assert_int_equal(mailbox_filters().mac[0].byte[5], 1);
	assert_int_equal(vf_mailbox_hv_reset(&mailbox), VF_MAILBOX_FILTERS);
	assert_int_equal(mailbox_filters().mac[0].byte[5], 2);
	assert_int_equal(vf_mailbox_hv_reset(&mailbox), 0);
}

/* ---- anything ---- */

static void
any_words_leave_a_mailbox_that_works(void **state)
{
	srand(7);
	for (unsigned n = 0; n < 200000; n++) {
		uint32_t offset = rand() % 4 == 0 ? VFMAILBOX : VFMBMEM((uint32_t)rand() % 16);
		uint32_t value = (uint32_t)rand() << 16 ^ (uint32_t)rand();

		if (offset == VFMBMEM(0) && rand() % 2)
			value = (uint32_t)rand() % 0x14 | ((uint32_t)rand() % 40) << 16;
		policy.trust = rand() % 2;
		vf_mailbox_write(&mailbox, offset, value);
		assert_int_equal(vf_mailbox_read(&mailbox, VFMAILBOX) & ~0x34u, 0);
		assert_true(mailbox.n_others <= VF_OTHER_MACS);
		assert_true(vf_mailbox_max_frame(&mailbox) <= 9014);
		assert_false(mac_is_group(&mailbox.mac) || mac_is_zero(&mailbox.mac));
	}
	mailbox_up(8);
	assert_int_equal(mailbox_say_two(0x10, 0), 0x10 | GRANTED);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_reset_gives_the_address_and_no_cts, mailbox_fresh),
		cmocka_unit_test_setup(nothing_is_granted_before_a_reset, mailbox_fresh),
		cmocka_unit_test_setup(apis_are_agreed_on_by_ipsec, mailbox_fresh),
		cmocka_unit_test_setup(a_new_driver_gets_features_only_with_ipsec, mailbox_fresh),
		cmocka_unit_test_setup(ipsec_is_left_to_the_guest, mailbox_fresh),
		cmocka_unit_test_setup(messages_need_their_api, mailbox_fresh),
		cmocka_unit_test_setup(frames_are_as_long_as_both_want, mailbox_fresh),
		cmocka_unit_test_setup(queues_are_told, mailbox_fresh),
		cmocka_unit_test_setup(the_hosts_rss_is_told_to_models_without_their_own, mailbox_fresh),
		cmocka_unit_test_setup(the_link_is_never_disabled_by_message, mailbox_fresh),
		cmocka_unit_test_setup(the_last_answer_stays_in_the_buffer, mailbox_fresh),
		cmocka_unit_test_setup(the_pfs_bits_are_not_the_drivers, mailbox_fresh),
		cmocka_unit_test_setup(a_new_address_has_the_driver_start_over, mailbox_fresh),
		cmocka_unit_test_setup(the_driver_is_told_after_its_own_message, mailbox_fresh),
		cmocka_unit_test_setup(a_new_address_holds_at_once_without_a_driver, mailbox_fresh),
		cmocka_unit_test_setup(trust_that_goes_takes_the_drivers_address_along, mailbox_fresh),
		cmocka_unit_test_setup(an_hv_model_answers_nothing_and_hears_everything_of_its_own, mailbox_fresh),
		cmocka_unit_test_setup(any_words_leave_a_mailbox_that_works, mailbox_fresh),
	};

	return cmocka_run_group_tests_name("vf_mailbox", tests, NULL, NULL);
}
