/*
 * vf_regs_test.c - BAR 0 by messages. Sequences and values are ixgbevf's (ixgbevf_main.c, vf.c, ethtool.c), masks those of its register
 * test.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "nic/flowhash.h"
#include "nic/test_eal.h"
#include "sriov/vf_regs.h"

#define LEN(a) (sizeof(a) / sizeof((a)[0]))

static struct vf_regs regs;
static struct vf_mailbox mailbox;
static struct vf_interrupt interrupt;
static struct vf_policy policy;
static struct vf_options options;
static _Alignas(8) uint8_t pages[2 * VF_PAGE_SIZE];

static void
open_as(enum vf_model model)
{
	policy =
		(struct vf_policy){ .mac = { { 2, 0xf1, 0, 0, 0, 1 } }, .link = true, .link_mbps = 10000, .mtu = 9000 };
	options = (struct vf_options){ .name = "vm1", .model = model };
	for (unsigned i = 0; i < TOEPLITZ_KEY_LEN; i++)
		options.rss_key[i] = (uint8_t)(i + 1);
	memset(pages, 0, sizeof(pages));
	vf_mailbox_init(&mailbox, &options, &policy);
	vf_interrupt_init(&interrupt, 0);
	vf_regs_init(&regs, model, &mailbox, &interrupt, pages);
	vf_regs_set_link(&regs, true, 10000);
}

static int
fresh(void **state)
{
	open_as(VF_X550);
	return 0;
}

static int
close_all(void **state)
{
	vf_interrupt_fini(&interrupt);
	return 0;
}

static uint32_t
get(uint32_t offset)
{
	uint32_t value = 0x5AA5F00F;

	vf_regs_read(&regs, offset, &value, 4);
	return value;
}

static unsigned
put(uint32_t offset, uint32_t value)
{
	return vf_regs_write(&regs, offset, &value, 4);
}

/* ---- sequences ---- */

struct step {
	char what; /* W; R: read, expecting value; r: read, whatever comes */
	uint32_t offset, value;
	unsigned effect; /* of a write */
};

static void
drive(const char *name, const struct step *steps, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		const struct step *s = &steps[i];

		if (s->what != 'W') {
			uint32_t value = get(s->offset);

			if (s->what == 'R' && value != s->value)
				fail_msg("%s, step %u: %x reads %x", name, i, s->offset, value);
		} else {
			unsigned effect = put(s->offset, s->value);

			if (effect != s->effect)
				fail_msg("%s, step %u: %x has effect %x", name, i, s->offset, effect);
		}
	}
}

#define R(offset, value)              \
	{                             \
		'R', offset, value, 0 \
	}
#define W(offset, value, effect)           \
	{                                  \
		'W', offset, value, effect \
	}
#define RESET_EFFECT (VF_MAILBOX_FILTERS | VF_MAILBOX_FRAME)

/* ixgbevf_reset_hw_vf, then a RESET and an API_NEGOTIATE as ixgbevf_write_mbx_vf_legacy sends them. */
static const struct step reset_steps[] = {
	R(0x1028, 0),
	R(0x1068, 0),
	R(0x0008, 0),
	W(0x010C, 7, 0),
	R(0x0100, 0),
	R(0x2028, 0),
	R(0x2068, 0),
	W(0x0000, 0x04000000, VF_REGS_RESET),
	R(0x0008, 0),
	R(0x02FC, 0),
	R(0x02FC, 0),
	W(0x02FC, 4, 0),
	R(0x02FC, 4),
	W(0x0200, 1, 0),
	W(0x02FC, 1, RESET_EFFECT),
	R(0x02FC, 0x30),
	W(0x02FC, 4, 0),
	R(0x02FC, 4),
	R(0x0200, 0x80000001),
	R(0x0204, 0x0000F102),
	R(0x0208, 0x00000100),
	R(0x020C, 0),
	W(0x02FC, 2, 0),
	W(0x02FC, 4, 0),
	R(0x02FC, 4),
	W(0x0200, 8, 0),
	W(0x0204, 8, 0),
	W(0x0208, 0, 0),
	W(0x02FC, 1, 0),
	R(0x02FC, 0x30),
	W(0x02FC, 4, 0),
	R(0x0200, 0xA0000008),
	W(0x02FC, 2, 0),
};

/* ixgbevf_configure and ixgbevf_up_complete for one pair; what goes by mailbox apart. */
static const struct step up_steps[] = {
	W(0x2028, 0x04000000, VF_REGS_CONTROL),
	R(0x0008, 0),
	W(0x2000, 0x12345000, 0),
	W(0x2004, 1, 0),
	W(0x2008, 16384, 0),
	W(0x203C, 0, 0),
	W(0x2038, 0, 0),
	W(0x200C, 0x2200, 0),
	W(0x2010, 0, 0),
	W(0x2018, 0, VF_REGS_TAIL),
	W(0x2028, 0x02080120, VF_REGS_CONTROL),
	R(0x2028, 0x02080120),
	W(0x0300, 0x20001330, VF_REGS_RSS),
	W(0x3100, 0xFFFFFFFF, VF_REGS_RSS),
	W(0x3200, 0x01000100, VF_REGS_RSS),
	W(0x3000, 0x00330001, VF_REGS_RSS),
	R(0x1028, 0),
	W(0x1028, 0, VF_REGS_CONTROL),
	R(0x1028, 0),
	W(0x1000, 0x23456000, 0),
	W(0x1004, 1, 0),
	W(0x1008, 8192, 0),
	W(0x100C, 0x200, 0),
	W(0x1010, 0, 0),
	W(0x1018, 0, VF_REGS_TAIL),
	W(0x1014, 0x12000402, 0),
	W(0x1028, 0x42008680, VF_REGS_CONTROL),
	R(0x1028, 0x42008680),
	W(0x1018, 511, VF_REGS_TAIL),
	R(0x0120, 0),
	W(0x0120, 0x00008080, 0),
	R(0x0120, 0x8080),
	W(0x0820, 0xC8, 0),
	R(0x0140, 0),
	W(0x0140, 0x81, 0),
	R(0x0140, 0x81),
	{ 'r', 0x0100, 0, 0 },
	W(0x0114, 3, 0),
	W(0x0110, 3, 0),
	W(0x0108, 3, VF_REGS_UNMASK),
	R(0x0108, 3),
	R(0x0010, 0x70000000),
};

/* ixgbevf_down, up to its reset. */
static const struct step down_steps[] = {
	R(0x1028, 0x42008680),
	W(0x1028, 0x40008680, VF_REGS_CONTROL),
	R(0x1028, 0x40008680),
	W(0x0114, 0, 0),
	W(0x010C, 0xFFFFFFFF, 0),
	W(0x0110, 0, 0),
	R(0x0008, 0),
	W(0x2028, 0x04000000, VF_REGS_CONTROL),
	R(0x0108, 0),
	R(0x0114, 0),
	R(0x0110, 0),
};

static void
the_driver_probes_and_comes_up_and_goes_down(void **state)
{
	drive("reset", reset_steps, LEN(reset_steps));
	drive("up", up_steps, LEN(up_steps));
	drive("down", down_steps, LEN(down_steps));
}

/* ---- the register test of ethtool -t offline: reg_pattern_test of ixgbevf/ethtool.c ---- */

static void
its_register_test_passes(void **state)
{
	static const uint32_t patterns[] = { 0x5A5A5A5A, 0xA5A5A5A5, 0x00000000, 0xFFFFFFFF };
	static const struct {
		uint32_t offset, mask, write; /* write 0: only written, with mask */
	} rows[] = {
		{ 0x1000, 0xFFFFFF80, 0xFFFFFF80 }, { 0x1004, 0xFFFFFFFF, 0xFFFFFFFF },
		{ 0x1008, 0x000FFF80, 0x000FFFFF }, { 0x1028, 0x02000000, 0 },
		{ 0x1018, 0x0000FFFF, 0x0000FFFF }, { 0x1028, 0, 0 },
		{ 0x2000, 0xFFFFFF80, 0xFFFFFFFF }, { 0x2004, 0xFFFFFFFF, 0xFFFFFFFF },
		{ 0x2008, 0x000FFF80, 0x000FFF80 },
	};

	for (unsigned i = 0; i < LEN(rows); i++)
		for (uint32_t at = rows[i].offset; at <= rows[i].offset + 0x40; at += 0x40) {
			if (rows[i].write == 0)
				put(at, rows[i].mask);
			for (unsigned k = 0; rows[i].write != 0 && k < LEN(patterns); k++) {
				uint32_t before = get(at);

				put(at, patterns[k] & rows[i].write);
				if (get(at) != (patterns[k] & rows[i].write & rows[i].mask))
					fail_msg("%x with %x reads %x", at, patterns[k], get(at));
				put(at, before);
			}
		}
}

/* ---- single registers ---- */

static void
the_link_is_shown(void **state)
{
	static const struct {
		bool up;
		unsigned mbps;
		uint32_t links;
	} rows[] = { { true, 10000, 0x70000000 },
		     { true, 1000, 0x60000000 },
		     { true, 100, 0x50000000 },
		     { true, 40000, 0x70000000 },
		     { false, 10000, 0 } };

	for (unsigned i = 0; i < LEN(rows); i++) {
		vf_regs_set_link(&regs, rows[i].up, rows[i].mbps);
		assert_int_equal(get(VFLINKS), rows[i].links);
		put(VFLINKS, 0x12345678);
		assert_int_equal(get(VFLINKS), rows[i].links);
	}
}

static void
only_the_reset_bit_resets(void **state)
{
	assert_int_equal(put(VFCTRL, 0xFBFFFFFF), 0);
	assert_int_equal(put(VFCTRL, VFCTRL_RST), VF_REGS_RESET);
	assert_int_equal(get(VFCTRL), 0);
}

static void
counters_are_not_the_drivers_to_write(void **state)
{
	static const uint32_t at[] = { 0x101C, 0x1020, 0x1024, 0x1034, 0x201C, 0x2020, 0x2024 };

	for (unsigned i = 0; i < LEN(at); i++) {
		uint32_t value = 77 + i;

		memcpy(pages + (at[i] - VF_RX_PAGE), &value, 4);
		assert_int_equal(put(at[i], 1), 0);
		assert_int_equal(get(at[i]), 77 + i);
		assert_int_equal(get(at[i]), 77 + i); /* and a read does not clear them */
	}
}

static void
accesses_of_other_sizes_are_defined(void **state)
{
	uint32_t two[2] = { 0x11111100, 0x22222222 }, back[2] = { 0 };
	uint16_t half = 0xBEEF, word;
	uint8_t byte;

	/* Eight bytes: two registers. */
	assert_int_equal(vf_regs_write(&regs, 0x1000, two, 8), 0);
	vf_regs_read(&regs, 0x1000, back, 8);
	assert_memory_equal(back, two, 8);
	/* Parts: read, not written. */
	assert_int_equal(vf_regs_write(&regs, 0x1004, &half, 2), 0);
	assert_int_equal(vf_regs_write(&regs, 0x1005, &half, 1), 0);
	assert_int_equal(get(0x1004), 0x22222222);
	vf_regs_read(&regs, 0x0012, &word, 2);
	assert_int_equal(word, 0x7000); /* VFLINKS' upper half */
	vf_regs_read(&regs, 0x0013, &byte, 1);
	assert_int_equal(byte, 0x70);
	/* Across two registers: nothing. */
	memset(back, 0xFF, sizeof(back));
	vf_regs_read(&regs, 0x1002, back, 4);
	assert_int_equal(back[0], 0);
	assert_int_equal(vf_regs_write(&regs, 0x1002, two, 4), 0);
	assert_int_equal(get(0x1000), two[0]);
	/* A doorbell in the upper half of eight bytes rings. */
	assert_int_equal(vf_regs_write(&regs, 0x1014, two, 8), VF_REGS_TAIL);
}

static void
what_is_no_register_reads_zero(void **state)
{
	static const uint32_t at[] = { 0x0004, 0x0018, 0x0048, 0x0180, 0x0240, 0x02F8, 0x0304,
				       0x0830, 0x0FFC, 0x1030, 0x1200, 0x1FFC, 0x2014, 0x202C,
				       0x2200, 0x2FFC, 0x3004, 0x3128, 0x3190, 0x3240, 0x3FFC };

	for (unsigned i = 0; i < LEN(at); i++) {
		assert_int_equal(put(at[i], 0xFFFFFFFF), 0);
		if (get(at[i]) != 0)
			fail_msg("%x reads %x", at[i], get(at[i]));
	}
}

/* A driver that fills a register with ones reads VFSTATUS next, and goes on when that is none of it (ixgbevf_check_remove). */
static void
ones_everywhere_do_not_look_like_a_device_that_is_gone(void **state)
{
	for (uint32_t at = 0; at < VF_BAR_SIZE; at += 4)
		if (at != VFMAILBOX)
			put(at, 0xFFFFFFFF);
	for (uint32_t at = 0; at < VF_BAR_SIZE; at += 4) {
		bool addresses =
			at >= 0x1000 && at < 0x3000 && at % 0x1000 < 0x200 && (at % 0x40 == 4 || at % 0x40 == 0x3C);
		bool words = (at >= VFMBMEM(0) && at < VFMBMEM(16)) || (at >= VFRSSRK(0) && at < VFRSSRK(10));

		if (get(at) == 0xFFFFFFFF && !addresses && !words)
			fail_msg("%x reads all ones", at);
	}
	assert_int_equal(get(VFSTATUS), 0);
}

/* ---- rules ---- */

static void
an_x550_spreads_by_its_own_registers(void **state)
{
	static const struct {
		uint32_t psrtype, mrqc;
		bool rss;
		unsigned types;
	} rows[] = {
		{ 0x00001330, 0x00330001, false, HASH_IPV4 | HASH_TCP_IPV4 | HASH_IPV6 | HASH_TCP_IPV6 },
		{ 0x20001330, 0x00330001, true, HASH_IPV4 | HASH_TCP_IPV4 | HASH_IPV6 | HASH_TCP_IPV6 },
		{ 0x20001330, 0x00330000, false, HASH_IPV4 | HASH_TCP_IPV4 | HASH_IPV6 | HASH_TCP_IPV6 },
		{ 0x20001330, 0x00C00001, true, HASH_UDP_IPV4 | HASH_UDP_IPV6 },
	};
	struct vf_rx_rules rules;

	for (unsigned i = 0; i < 10; i++)
		put(VFRSSRK(i), 0x03020100 + i * 0x04040404);
	for (unsigned i = 0; i < 16; i++)
		put(VFRETA(i), 0x01000001);
	for (unsigned i = 0; i < LEN(rows); i++) {
		put(VFPSRTYPE, rows[i].psrtype);
		put(VFMRQC, rows[i].mrqc);
		vf_regs_rules(&regs, &rules);
		assert_int_equal(rules.rss, rows[i].rss);
		assert_int_equal(rules.hash_types, rows[i].types);
		assert_int_equal(rules.n_entries, 64);
		for (unsigned k = 0; k < 40; k++)
			assert_int_equal(rules.key[k], k); /* little-endian words */
		for (unsigned k = 0; k < 64; k++)
			assert_int_equal(rules.entry[k], k % 4 == 0 || k % 4 == 3);
	}
	assert_true(rules.link);
	assert_int_equal(rules.max_frame, 1514);
	put(VFRETA(0), 0xFFFFFFFF); /* rings that are not there */
	vf_regs_rules(&regs, &rules);
	for (unsigned k = 0; k < 64; k++)
		assert_true(rules.entry[k] < VF_RX_RINGS);
}

static void
others_spread_by_the_hosts_key(void **state)
{
	struct vf_rx_rules rules;

	open_as(VF_82599);
	assert_int_equal(put(VFMRQC, 0x00330001), 0); /* there is none */
	assert_int_equal(get(VFMRQC), 0);
	vf_regs_rules(&regs, &rules);
	assert_false(rules.rss);
	assert_int_equal(put(VFPSRTYPE, 0x20001330), VF_REGS_RSS);
	vf_regs_rules(&regs, &rules);
	assert_true(rules.rss);
	assert_int_equal(rules.n_entries, 128);
	for (unsigned k = 0; k < 128; k++)
		assert_int_equal(rules.entry[k], k % 2);
	assert_memory_equal(rules.key, options.rss_key, TOEPLITZ_KEY_LEN);
}

static void
a_reset_forgets_all_but_the_link(void **state)
{
	struct vf_rx_rules rules;

	put(VFPSRTYPE, 0x20001330);
	put(VFMRQC, 0x00330001);
	put(VFRETA(0), 0x01010101);
	put(VFRSSRK(0), 1);
	vf_regs_reset(&regs);
	vf_regs_rules(&regs, &rules);
	assert_false(rules.rss);
	assert_int_equal(rules.hash_types | rules.entry[0] | rules.key[0], 0);
	assert_int_equal(get(VFPSRTYPE), 0);
	assert_int_equal(get(VFLINKS), 0x70000000);
}

/* ---- anything ---- */

static void
any_access_is_taken(void **state)
{
	static const unsigned lens[] = { 1, 2, 4, 8 };
	struct vf_rx_rules rules;

	srand(3);
	for (unsigned n = 0; n < 300000; n++) {
		unsigned len = lens[rand() % 4];
		uint32_t at = (uint32_t)rand() % (VF_BAR_SIZE - len + 1) & (rand() % 4 ? ~3u : ~0u);
		uint8_t bytes[8];

		if (rand() % 2) {
			memset(bytes, 0xEE, sizeof(bytes));
			vf_regs_read(&regs, at, bytes, len);
			for (unsigned i = len; i < sizeof(bytes); i++)
				assert_int_equal(bytes[i], 0xEE);
		} else {
			for (unsigned i = 0; i < sizeof(bytes); i++)
				bytes[i] = (uint8_t)rand();
			vf_regs_write(&regs, at, bytes, len);
		}
		assert_int_equal(get(VFSTATUS), 0);
	}
	vf_regs_rules(&regs, &rules);
	for (unsigned k = 0; k < 64; k++)
		assert_true(rules.entry[k] < VF_RX_RINGS);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, fresh, close_all)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_driver_probes_and_comes_up_and_goes_down),
		TEST(its_register_test_passes),
		TEST(the_link_is_shown),
		TEST(only_the_reset_bit_resets),
		TEST(counters_are_not_the_drivers_to_write),
		TEST(accesses_of_other_sizes_are_defined),
		TEST(what_is_no_register_reads_zero),
		TEST(ones_everywhere_do_not_look_like_a_device_that_is_gone),
		TEST(an_x550_spreads_by_its_own_registers),
		TEST(others_spread_by_the_hosts_key),
		TEST(a_reset_forgets_all_but_the_link),
		TEST(any_access_is_taken),
	};

	return cmocka_run_group_tests_name("vf_regs", tests, test_eal_start, NULL);
}
