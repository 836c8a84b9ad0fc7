/* vf_guest_test.c - a virtual function and its driver, by messages, pages and interrupts, from attach to the VMM's end. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "base/clock.h"
#include "sriov/test_vf_guest.h"

#define LEN(a) (sizeof(a) / sizeof((a)[0]))
#define LINK_UP_10G 0x70000000 /* VFLINKS */

static struct vfg a, b;

static int
open_pair(void **state)
{
	vfg_open(&a, 1, VF_X550, false);
	vfg_open(&b, 2, VF_X550, false);
	vfg_join(&a, &b);
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
reopen(enum vf_model model, bool trapped)
{
	close_pair(NULL);
	vfg_open(&a, 1, model, trapped);
	vfg_open(&b, 2, model, trapped);
	vfg_join(&a, &b);
}

/* A frame from one to the other, whole. */
static void
check_way(struct vfg *from, struct vfg *to, uint32_t len, uint32_t part, unsigned seed)
{
	assert_true(vfg_send(from, 0, len, part, seed));
	assert_int_equal(vfg_carry(from), 1);
	assert_int_equal(vfg_receive(to, 0, seed), len);
	assert_int_equal(ix_tx_clean(&from->ix.tx[0], NULL, 8), 1);
}

static void
a_driver_attaches_comes_up_and_leaves(void **state)
{
	struct vf_info info = vfg_info(&a);

	assert_int_equal(info.state, VF_NO_CLIENT);
	vfg_up(&a);
	info = vfg_info(&a);
	assert_int_equal(info.state, VF_UP);
	assert_int_equal(info.rx_rings, 1);
	assert_int_equal(info.tx_rings, 1);
	assert_int_equal(a.ix.device_id, 0x1565);
	assert_memory_equal(a.ix.mac, a.policy.mac.byte, 6);
	assert_int_equal(a.ix.api, 17); /* without IPsec: 1.7, none of its features */
	assert_int_equal(a.ix.features, 0);
	assert_int_equal(ixvf_read(&a.ix, IX_LINKS), LINK_UP_10G);
	assert_int_equal(a.began, 1);
	/* At the end of ifup the driver is told to look at its link. */
	assert_true(ixvf_wait(&a.ix, 1, 5000) > 0);
	vfg_down(&a);
	assert_int_equal(a.withdrawn, 1);
	assert_int_equal(vfg_info(&a).session.regions, 0);
	vfg_up(&a);
	assert_int_equal(vfg_info(&a).state, VF_UP);
}

static void
every_model_is_driven(void **state)
{
	static const struct {
		enum vf_model model;
		uint16_t id;
		bool trapped;
	} rows[] = {
		{ VF_X550, 0x1565, true },     { VF_X540, 0x1515, false },    { VF_X540, 0x1515, true },
		{ VF_82599, 0x10ed, false },   { VF_82599, 0x10ed, true },    { VF_X550_HV, 0x1564, false },
		{ VF_X540_HV, 0x1530, false }, { VF_82599_HV, 0x152e, true },
	};

	for (unsigned i = 0; i < LEN(rows); i++) {
		reopen(rows[i].model, rows[i].trapped);
		vfg_up(&a);
		vfg_up(&b);
		assert_int_equal(a.ix.device_id, rows[i].id);
		assert_memory_equal(a.ix.mac, a.policy.mac.byte, 6);
		assert_int_equal(a.ix.page[0] == NULL, rows[i].trapped);
		for (unsigned n = 0; n < 3 * VFG_RING; n++) {
			check_way(&a, &b, 60 + n, 0, n);
			check_way(&b, &a, 1514 - n, 0, n);
		}
	}
}

static void
frames_of_all_lengths_arrive_whole(void **state)
{
	static const struct {
		uint32_t len, part;
	} rows[] = { { 60, 0 },   { 60, 14 },     { 61, 0 },      { 1514, 0 },   { 1514, 100 }, { 2047, 0 },
		     { 2048, 0 }, { 2049, 0 },    { 4096, 0 },    { 4097, 512 }, { 9018, 0 },   { 9018, 4096 },
		     { 9514, 0 }, { 9724, 1000 }, { 9018, 9017 }, { 9018, 1 } };

	a.driver.max_frame = b.driver.max_frame = 9728;
	vfg_up(&a);
	vfg_up(&b);
	for (unsigned i = 0; i < LEN(rows); i++) {
		/* 21 parts are the most of a packet: the rest in one. */
		uint32_t part = rows[i].part * IX_PARTS_MAX >= rows[i].len ? rows[i].part : 0;

		check_way(&a, &b, rows[i].len, part, i);
	}
	/* Longer than the driver said that it takes. */
	assert_true(vfg_send(&a, 0, 9725, 0, 0));
	assert_int_equal(vfg_carry(&a), 1);
	assert_int_equal(vfg_receive(&b, 0, 0), 0);
}

static void
an_interrupt_comes_once_until_it_is_unmasked(void **state)
{
	vfg_up(&a);
	vfg_up(&b);
	check_way(&a, &b, 60, 0, 1);
	assert_true(ixvf_wait(&b.ix, 0, 5000) > 0);
	check_way(&a, &b, 60, 0, 2);
	assert_int_equal(ixvf_wait(&b.ix, 0, 50), 0); /* auto-mask */
	/* What came while it was masked is not forgotten. */
	ixvf_unmask(&b.ix, 0);
	assert_true(ixvf_wait(&b.ix, 0, 5000) > 0);
}

/* As `ip link set down` and up, again and again: nothing is written after the driver was told that its rings are off. */
static void
a_driver_goes_down_and_up(void **state)
{
	vfg_up(&a);
	vfg_up(&b);
	for (unsigned i = 0; i < 50; i++) {
		check_way(&a, &b, 60 + i, 0, i);
		assert_int_equal(ixvf_down(&b.ix), 0);
		assert_int_equal(vfg_info(&b).rx_rings, 0);
		memset(b.ix.rx[0].desc, 0xee, VFG_RING * 16);
		assert_true(vfg_send(&a, 0, 60, 0, i));
		assert_int_equal(vfg_carry(&a), 1);
		for (unsigned at = 0; at < VFG_RING; at++)
			assert_int_equal(b.ix.rx[0].desc[at].word[1], 0xeeeeeeeeeeeeeeeeull);
		b.mem.used = 1 << 20;
		assert_int_equal(ixvf_up(&b.ix), 0);
		vfg_post(&b, 0);
	}
}

static void
the_host_sets_the_link_at_run_time(void **state)
{
	struct vf_policy policy;

	vfg_up(&a);
	vfg_up(&b);
	assert_true(ixvf_wait(&b.ix, 1, 5000) > 0);
	ixvf_unmask(&b.ix, 1);
	policy = b.policy;
	policy.link = false;
	vf_set(b.vf, &policy);
	assert_true(ixvf_wait(&b.ix, 1, 5000) > 0);
	assert_int_equal(ixvf_read(&b.ix, IX_LINKS) & 0x40000000, 0);
	vfg_send(&a, 0, 60, 0, 1);
	vfg_carry(&a);
	assert_int_equal(vfg_receive(&b, 0, 1), 0);
	policy.link = true;
	vf_set(b.vf, &policy);
	assert_int_equal(ixvf_read(&b.ix, IX_LINKS), LINK_UP_10G);
	check_way(&a, &b, 60, 0, 1);
}

static void
two_queues_send_and_receive(void **state)
{
	unsigned got = 0;

	a.driver.n_pairs = b.driver.n_pairs = 2;
	vfg_up(&a);
	vfg_up(&b);
	assert_int_equal(vfg_info(&b).rx_rings, 2);
	for (unsigned i = 0; i < 32; i++) {
		assert_true(vfg_send(&a, i % 2, 100, 0, 7));
		assert_int_equal(vfg_carry(&a), 1);
		for (unsigned ring = 0; ring < 2; ring++)
			got += vfg_receive(&b, ring, 7) == 100;
	}
	assert_int_equal(got, 32);
}

/* As fast as a lane can in a thread of its own, while the driver's own side goes on. */
static void
nothing_is_lost_or_swapped_beside_a_busy_lane(void **state)
{
	uint64_t end = clock_ns() + 20 * NSEC_PER_S;
	unsigned sent = 0, got = 0;

	vfg_up(&a);
	vfg_up(&b);
	vfg_work(&a, &b);
	while (got < 20000 && clock_ns() < end) {
		if (sent - got < VFG_RING / 2 && sent < 20000 && vfg_send(&a, 0, 60 + sent % 1000, 0, sent))
			sent++;
		if (vfg_receive(&b, 0, got) > 0)
			got++;
	}
	vfg_rest();
	assert_int_equal(got, 20000);
	assert_int_equal(atomic_load(&a.arrived), 20000);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_pair, close_pair)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_driver_attaches_comes_up_and_leaves),
		TEST(every_model_is_driven),
		TEST(frames_of_all_lengths_arrive_whole),
		TEST(an_interrupt_comes_once_until_it_is_unmasked),
		TEST(a_driver_goes_down_and_up),
		TEST(the_host_sets_the_link_at_run_time),
		TEST(two_queues_send_and_receive),
		TEST(nothing_is_lost_or_swapped_beside_a_busy_lane),
	};

	return cmocka_run_group_tests(tests, vfg_start, vfg_stop);
}
