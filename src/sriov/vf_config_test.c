/* vf_config_test.c - PCI configuration space. Numbers: PCI Local Bus 3.0, chapter 6; PCI Express Base 3.0, 7.8; ids: ixgbevf/defines.h. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "sriov/vf_config.h"

#define LEN(a) (sizeof(a) / sizeof((a)[0]))

static const struct mac mac = { { 0x02, 0xf1, 0x11, 0x22, 0x33, 0x44 } };

static uint32_t
read_at(const struct vf_config *c, uint32_t offset, unsigned len)
{
	uint32_t value = 0;

	vf_config_read(c, offset, &value, len);
	return value;
}

static void
each_model_has_its_ids(void **state)
{
	static const struct {
		enum vf_model model;
		uint32_t ids;
	} rows[] = {
		{ VF_X550, 0x15658086 },    { VF_X540, 0x15158086 },    { VF_82599, 0x10ED8086 },
		{ VF_X550_HV, 0x15648086 }, { VF_X540_HV, 0x15308086 }, { VF_82599_HV, 0x152E8086 },
	};

	for (unsigned i = 0; i < LEN(rows); i++) {
		struct vf_config c;

		vf_config_init(&c, rows[i].model, &mac);
		assert_int_equal(read_at(&c, 0, 4), rows[i].ids);
		assert_int_equal(read_at(&c, 8, 4), 0x02000001); /* Ethernet */
		assert_int_equal(read_at(&c, 0x0E, 1), 0);       /* header type */
		assert_int_equal(read_at(&c, 0x3D, 1), 0);       /* no interrupt pin */
	}
}

/* What a kernel does: pci_find_capability, then the capability's own words. */
static void
the_list_of_capabilities_is_walked_to_its_end(void **state)
{
	struct vf_config c;
	uint32_t at;

	vf_config_init(&c, VF_X550, &mac);
	assert_true(read_at(&c, 0x06, 2) & 0x10);
	at = read_at(&c, 0x34, 1);
	assert_int_equal(at, 0x70);
	assert_int_equal(read_at(&c, at, 1), 0x11);
	assert_int_equal(read_at(&c, at + 2, 2) & 0x7FF, 2);  /* three vectors */
	assert_int_equal(read_at(&c, at + 4, 4), 0x00000003); /* table: BAR 3 */
	assert_int_equal(read_at(&c, at + 8, 4), 0x00002003); /* pending bits: there, at 8 KiB */
	at = read_at(&c, at + 1, 1);
	assert_int_equal(at, 0xA0);
	assert_int_equal(read_at(&c, at, 1), 0x10);
	assert_int_equal(read_at(&c, at + 2, 2) & 0xFF, 0x02); /* version 2, an endpoint */
	assert_true(read_at(&c, at + 4, 4) & 1u << 28);        /* FLR */
	assert_int_equal(read_at(&c, at + 1, 1), 0);
	/* pci_cfg_space_size_ext: neither all-ones nor the ids again. */
	assert_int_equal(read_at(&c, 0x100, 4), 0);
}

static void
a_bar_tells_its_size(void **state)
{
	static const struct {
		uint32_t at, low, high;
	} rows[] = {
		{ 0x10, 0xFFFFC00C, 0xFFFFFFFF }, /* 16 KiB, 64 bits, prefetchable */
		{ 0x18, 0, 0xFFFFC00C },          /* BAR 2; BAR 3 */
		{ 0x20, 0xFFFFFFFF, 0 },          /* BAR 4 is BAR 3's upper half; BAR 5 */
		{ 0x30, 0, 0 },                   /* ROM */
	};
	uint32_t ones = 0xFFFFFFFF;
	struct vf_config c;

	vf_config_init(&c, VF_X550, &mac);
	for (unsigned i = 0; i < LEN(rows); i++) {
		assert_int_equal(vf_config_write(&c, rows[i].at, &ones, 4), 0);
		assert_int_equal(vf_config_write(&c, rows[i].at + 4, &ones, 4), 0);
		assert_int_equal(read_at(&c, rows[i].at, 4), rows[i].low);
		if (rows[i].at != 0x30)
			assert_int_equal(read_at(&c, rows[i].at + 4, 4), rows[i].high);
	}
}

static void
a_write_changes_what_may_be_written(void **state)
{
	static const struct {
		const char *name;
		uint32_t at, len, value, is;
	} rows[] = {
		{ "ids", 0x00, 4, 0xFFFFFFFF, 0x15658086 },
		{ "command: memory, master, parity, SERR, INTx", 0x04, 2, 0xFFFF, 0x0546 },
		{ "status", 0x06, 2, 0xFFFF, 0x0010 },
		{ "class", 0x08, 4, 0, 0x02000001 },
		{ "cache line", 0x0C, 1, 0x10, 0x10 },
		{ "subsystem", 0x2C, 4, 0xFFFFFFFF, 0x00008086 },
		{ "capabilities", 0x34, 1, 0, 0x70 },
		{ "interrupt line", 0x3C, 1, 0x0B, 0x0B },
		{ "interrupt pin", 0x3D, 1, 1, 0 },
		{ "MSI-X control", 0x72, 2, 0xFFFF, 0xC002 },
		{ "MSI-X control, its second byte", 0x73, 1, 0x80, 0x80 },
		{ "MSI-X table", 0x74, 4, 0xFFFFFFFF, 3 },
		{ "device control", 0xA8, 2, 0x7FFF, 0x79FF },
		{ "link capabilities", 0xAC, 4, 0xFFFFFFFF, 0x82 },
		{ "extended", 0x100, 4, 0xFFFFFFFF, 0 },
		{ "the last byte", 0xFFF, 1, 0xFF, 0 },
	};

	for (unsigned i = 0; i < LEN(rows); i++) {
		struct vf_config c;

		vf_config_init(&c, VF_X550, &mac);
		vf_config_write(&c, rows[i].at, &rows[i].value, rows[i].len);
		if (read_at(&c, rows[i].at, rows[i].len) != rows[i].is)
			fail_msg("%s: %x", rows[i].name, read_at(&c, rows[i].at, rows[i].len));
	}
}

static void
a_reset_of_the_function_is_heard_and_not_kept(void **state)
{
	uint16_t control = 0xA810;
	uint8_t high = 0x80;
	struct vf_config c;

	vf_config_init(&c, VF_X550, &mac);
	assert_int_equal(vf_config_write(&c, 0xA8, &control, 2), VF_CONFIG_RESET);
	assert_int_equal(read_at(&c, 0xA8, 2), 0x2810);
	assert_int_equal(vf_config_write(&c, 0xA9, &high, 1), VF_CONFIG_RESET);
	assert_int_equal(vf_config_write(&c, 0xA8, &high, 1), 0);
}

static void
the_end_of_bus_mastering_is_heard(void **state)
{
	uint16_t on = 0x0006, off = 0x0002;
	struct vf_config c;

	vf_config_init(&c, VF_X550, &mac);
	assert_false(vf_config_is_master(&c));
	assert_int_equal(vf_config_write(&c, 0x04, &on, 2), 0);
	assert_true(vf_config_is_master(&c));
	assert_int_equal(vf_config_write(&c, 0x04, &on, 2), 0);
	assert_int_equal(vf_config_write(&c, 0x04, &off, 2), VF_CONFIG_MASTER_OFF);
	assert_int_equal(vf_config_write(&c, 0x04, &off, 2), 0);
}

/* ixgbevf_hv_reset_hw_vf reads six bytes from 0x201 on, one by one. */
static void
only_an_hv_model_shows_its_address(void **state)
{
	for (unsigned model = 0; model < VF_MODELS; model++) {
		bool hv = model >= VF_X550_HV;
		struct vf_config c;

		vf_config_init(&c, (enum vf_model)model, &mac);
		for (unsigned i = 0; i < 6; i++)
			assert_int_equal(read_at(&c, 0x201 + i, 1), hv ? mac.byte[i] : 0);
		assert_int_equal(read_at(&c, 0x200, 1), 0);
		assert_int_equal(read_at(&c, 0x207, 1), 0);
		vf_config_write(&c, 0x201, "\xff\xff\xff\xff\xff\xff", 6);
		assert_int_equal(read_at(&c, 0x201, 1), hv ? mac.byte[0] : 0);
	}
}

static void
no_sequence_of_writes_changes_what_is_fixed(void **state)
{
	struct vf_config c;

	vf_config_init(&c, VF_X550, &mac);
	srand(1);
	for (unsigned n = 0; n < 20000; n++) {
		uint8_t bytes[8];
		uint32_t len = 1 + (uint32_t)rand() % 8, at = (uint32_t)rand() % (n % 2 ? 256 : VF_CONFIG_SIZE - 8);

		for (unsigned i = 0; i < len; i++)
			bytes[i] = (uint8_t)rand();
		vf_config_write(&c, at, bytes, len);
	}
	assert_int_equal(read_at(&c, 0, 4), 0x15658086);
	assert_int_equal(read_at(&c, 0x04, 2) & ~0x0546u, 0);
	assert_int_equal(read_at(&c, 0x10, 4) & 0x3FFF, 0xC);
	assert_int_equal(read_at(&c, 0x72, 2) & 0x3FFF, 2);
	for (uint32_t at = 0x100; at < VF_CONFIG_SIZE; at++)
		assert_int_equal(read_at(&c, at, 1), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_model_has_its_ids),
		cmocka_unit_test(the_list_of_capabilities_is_walked_to_its_end),
		cmocka_unit_test(a_bar_tells_its_size),
		cmocka_unit_test(a_write_changes_what_may_be_written),
		cmocka_unit_test(a_reset_of_the_function_is_heard_and_not_kept),
		cmocka_unit_test(the_end_of_bus_mastering_is_heard),
		cmocka_unit_test(only_an_hv_model_shows_its_address),
		cmocka_unit_test(no_sequence_of_writes_changes_what_is_fixed),
	};

	return cmocka_run_group_tests_name("vf_config", tests, NULL, NULL);
}
