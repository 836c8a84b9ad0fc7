/*
 * vf_cve_test.c - known holes of others as a guest or its VMM would try them on a running function: each test names its pattern. What
 * happens to the function alone is told, a reset brings it back, and its neighbour loses nothing.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "sriov/test_vf_guest.h"

#define LEN(a) (sizeof(a) / sizeof((a)[0]))

static struct vfg a, b;

static int
open_pair(void **state)
{
	vfg_open(&a, 1, VF_X550, false);
	vfg_open(&b, 2, VF_X550, false);
	vfg_join(&a, &b);
	vfg_up(&a);
	vfg_up(&b);
	return 0;
}

static int
close_pair(void **state)
{
	vfg_close(&a);
	vfg_close(&b);
	return 0;
}

static void
check_way(struct vfg *from, struct vfg *to)
{
	assert_true(vfg_send(from, 0, 200, 0, 3));
	assert_int_equal(vfg_carry(from), 1);
	assert_int_equal(vfg_receive(to, 0, 3), 200);
}

/* The driver's reset. */
static void
recover(struct vfg *g)
{
	g->mem.used = 1 << 20;
	assert_int_equal(ixvf_begin(&g->ix), 0);
	assert_null(vfg_info(g).fault);
	assert_int_equal(ixvf_up(&g->ix), 0);
	vfg_post(g, 0);
	assert_int_equal(vfg_info(g).state, VF_UP);
}

/* ... and everything is well again. */
static void
check_recovers(struct vfg *g)
{
	recover(g);
	check_way(&a, &b);
	check_way(&b, &a);
}

static void
carry_all(void)
{
	for (unsigned i = 0; i < 10; i++) {
		vfg_carry(&a);
		vfg_carry(&b);
	}
}

/* CVE-2026-86846: an index beyond the ring. */
static void
cve_2026_86846_a_tail_lies_in_its_ring(void **state)
{
	static const uint32_t tails[] = { VFG_RING, VFG_RING + 1, 0x7fff, 0xffff, 0x10000, UINT32_MAX };

	for (unsigned i = 0; i < LEN(tails); i++) {
		ixvf_write(&a.ix, IX_TX(0) + IX_DT, tails[i]);
		carry_all();
		assert_non_null(vfg_info(&a).fault);
		assert_null(vfg_info(&b).fault);
		check_recovers(&a);
		ixvf_write(&b.ix, IX_RX(0) + IX_DT, tails[i]);
		vfg_send(&a, 0, 60, 0, 1);
		carry_all();
		assert_non_null(vfg_info(&b).fault);
		check_recovers(&b);
	}
}

/* CVE-2026-86565: a ring's size that changes while it runs. */
static void
cve_2026_86565_a_ring_changes_its_size_while_it_runs(void **state)
{
	static const uint32_t lens[] = { 0, 16, 128, 1u << 20, UINT32_MAX };

	for (unsigned i = 0; i < LEN(lens); i++) {
		ixvf_write(&a.ix, IX_TX(0) + IX_DLEN, lens[i]);
		ixvf_write(&b.ix, IX_RX(0) + IX_DLEN, lens[i]);
		ixvf_write(&a.ix, IX_TX(0) + IX_DT, 2);
		carry_all();
		recover(&a);
		check_recovers(&b);
	}
}

/* CVE-2026-86566: a receive buffer of no size. */
static void
cve_2026_86566_a_receive_buffer_has_a_size(void **state)
{
	ixvf_rx_stop(&b.ix, 0);
	ixvf_read(&b.ix, IX_STATUS);
	ixvf_write(&b.ix, IX_RX(0) + IX_SRRCTL, 0);
	ixvf_write(&b.ix, IX_RX(0) + IX_DCTL, IX_RXDCTL_ENABLE);
	ixvf_read(&b.ix, IX_STATUS);
	for (unsigned i = 0; i < 10; i++)
		vfg_send(&a, 0, 1500, 0, i);
	carry_all();
	assert_non_null(vfg_info(&b).fault);
	for (unsigned i = 0; i < VFG_RING; i++)
		assert_int_equal(b.ix.rx[0].desc[i].wb.len, 0);
	check_recovers(&b);
}

/* CVE-2026-86567: memory that goes while rings stand on it. */
static void
cve_2026_86567_memory_is_unmapped_while_rings_run(void **state)
{
	uint64_t end = clock_ns() + 10 * NSEC_PER_S;

	vfg_work(&a, &b);
	for (unsigned round = 0; round < 50 && clock_ns() < end; round++) {
		for (unsigned i = 0; i < 20; i++)
			vfg_send(&a, 0, 1000, 100, i);
		assert_int_equal(vfuser_unmap_all(&a.ix.vmm), 0);
		assert_int_equal(vfg_info(&a).session.regions, 0);
		assert_int_equal(vfuser_share(&a.ix.vmm, &a.mem), 0);
		a.mem.used = 1 << 20;
		assert_int_equal(ixvf_begin(&a.ix), 0);
		assert_int_equal(ixvf_up(&a.ix), 0);
	}
	vfg_rest();
	recover(&a);
	check_recovers(&b);
}

/* CVE-2020-10725 and -10723, CVE-2018-1059: addresses that leave their region, or lie in none. */
static void
cve_2018_1059_a_buffer_lies_in_one_region(void **state)
{
	const uint64_t end = VUSER_GPA + VFG_MEMORY;
	const struct ix_part rows[] = {
		{ end - 10, 60 },        { end, 60 },          { VUSER_GPA - 10, 60 }, { 0, 60 }, { UINT64_MAX, 60 },
		{ UINT64_MAX - 30, 60 }, { end - 100, 16384 },
	};

	for (unsigned i = 0; i < LEN(rows); i++) {
		uint64_t entered = atomic_load(&a.entered);

		assert_int_equal(ix_tx_add(&a.ix.tx[0], &rows[i], 1, NULL, 0), 0);
		ix_tx_flush(&a.ix.tx[0]);
		carry_all();
		assert_int_equal(atomic_load(&a.entered), entered);
		assert_non_null(vfg_info(&a).fault);
		check_recovers(&a);
	}
}

/* CVE-2023-3019: a descriptor whose buffer is the function's own registers. */
static void
cve_2023_3019_frames_are_not_written_into_registers(void **state)
{
	const uint64_t where = 0xfe001000;
	uint32_t before;

	assert_int_equal(vfuser_map(&b.ix.vmm, where, 0x2000, b.ix.bar.fd, 0x1000, false), 0);
	before = ixvf_read(&b.ix, IX_RX(0) + IX_DCTL);
	for (unsigned i = 0; i < VFG_RING; i++)
		b.ix.rx[0].desc[i].read.packet = where;
	vfg_send(&a, 0, 1500, 0, 1);
	carry_all();
	assert_int_equal(ixvf_read(&b.ix, IX_RX(0) + IX_DCTL), before);
	check_recovers(&b);
}

/* CVE-2020-12888: a function whose bus mastering is off does not touch memory, whatever its rings say. */
static void
cve_2020_12888_a_function_that_is_no_master_is_still(void **state)
{
	const uint16_t off = 0, on = 0x0406;

	assert_int_equal(vfuser_write(&b.ix.vmm, VFUSER_CONFIG, 4, &off, 2), 0);
	vfg_send(&a, 0, 60, 0, 1);
	carry_all();
	assert_int_equal(vfg_receive(&b, 0, 1), 0);
	assert_int_equal(vfuser_write(&b.ix.vmm, VFUSER_CONFIG, 4, &on, 2), 0);
	check_recovers(&b);
}

/* DPDK 73ea4437, 21d9fb6b, CVE-2026-86845: an end while frames are under way. */
static void
dpdk_73ea4437_a_vmm_dies_under_traffic(void **state)
{
	vfg_work(&a, &b);
	for (unsigned round = 0; round < 20; round++) {
		for (unsigned i = 0; i < 20; i++) {
			vfg_send(&a, 0, 1000, 0, i);
			vfg_send(&b, 0, 1000, 0, i);
		}
		if (round % 2 == 0)
			vfg_down(&b);
		else
			assert_int_equal(vfuser_reset(&b.ix.vmm), 0);
		vfg_down(&b);
		vfg_up(&b);
	}
	vfg_rest();
	check_recovers(&a);
}

/* An MSI-X table that is rewritten while vectors fire. */
static void
vectors_change_while_they_fire(void **state)
{
	int other = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	vfg_work(&a, &b);
	for (unsigned i = 0; i < 500; i++) {
		vfg_send(&a, 0, 60, 0, 5);
		assert_int_equal(vfuser_vectors(&b.ix.vmm, 0, &other, 1), 0);
		ixvf_unmask(&b.ix, 0);
		assert_int_equal(vfuser_vectors(&b.ix.vmm, 0, NULL, 1), 0);
		assert_int_equal(vfuser_vectors(&b.ix.vmm, 0, b.ix.vector, 1), 0);
		ixvf_unmask(&b.ix, 0);
		while (vfg_receive(&b, 0, 5) > 0)
			;
	}
	vfg_rest();
	while (vfg_receive(&b, 0, 5) > 0)
		;
	ixvf_wait(&b.ix, 0, 0);
	ixvf_unmask(&b.ix, 0);
	check_way(&a, &b);
	assert_true(ixvf_wait(&b.ix, 0, 5000) > 0);
	close(other);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_pair, close_pair)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(cve_2026_86846_a_tail_lies_in_its_ring),
		TEST(cve_2026_86565_a_ring_changes_its_size_while_it_runs),
		TEST(cve_2026_86566_a_receive_buffer_has_a_size),
		TEST(cve_2026_86567_memory_is_unmapped_while_rings_run),
		TEST(cve_2018_1059_a_buffer_lies_in_one_region),
		TEST(cve_2023_3019_frames_are_not_written_into_registers),
		TEST(cve_2020_12888_a_function_that_is_no_master_is_still),
		TEST(dpdk_73ea4437_a_vmm_dies_under_traffic),
		TEST(vectors_change_while_they_fire),
	};

	return cmocka_run_group_tests(tests, vfg_start, vfg_stop);
}
