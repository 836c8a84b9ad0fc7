/* vf_interrupt_test.c - causes that are latched, masked, cleared and held back; and none that is lost. ThreadSanitizer judges it, too. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/qsbr.h"
#include "nic/hold.h"
#include "sriov/test_vf_rings.h"

#define LEN(a) (sizeof(a) / sizeof((a)[0]))
#define TEST(f) cmocka_unit_test_setup_teardown(f, open_all, close_all)
/* So that a gap of 10 us lasts longer than any test. */
#define SLOW_HZ 4000000000000000ull

static struct vf_interrupt it;
static int fds[VF_VECTORS];

/* The test's own descriptor of what it gives away. */
static void
give(unsigned vector)
{
	fds[vector] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	assert_true(fds[vector] >= 0);
	vf_interrupt_set_vector(&it, vector, fcntl(fds[vector], F_DUPFD_CLOEXEC, 0));
}

static void
open_with(uint64_t hz)
{
	vf_interrupt_init(&it, hz);
	for (unsigned i = 0; i < VF_VECTORS; i++)
		give(i);
}

static int
open_all(void **state)
{
	open_with(0);
	return 0;
}

static int
close_all(void **state)
{
	vf_interrupt_fini(&it);
	for (unsigned i = 0; i < VF_VECTORS; i++)
		close(fds[i]);
	return 0;
}

/* Interrupts of a vector since the last look. */
static uint64_t
got(unsigned vector)
{
	uint64_t n = 0;

	return read(fds[vector], &n, sizeof(n)) == sizeof(n) ? n : 0;
}

static void
write_reg(uint32_t offset, uint32_t value)
{
	vf_interrupt_write(&it, offset, value);
}

/* As ixgbevf with two pairs has it (ixgbevf_configure_msix): vector i for pair i, the last one for the mailbox. */
static void
configure(void)
{
	write_reg(0x120, 0x81818080);
	write_reg(0x140, 0x82);
	write_reg(0x114, 7);
	write_reg(0x110, 7);
	write_reg(0x108, 7);
	/* A ring may have completed before there was a route: one for each vector that got one. */
	for (unsigned i = 0; i < VF_VECTORS; i++)
		assert_int_equal(got(i), i < 2);
	write_reg(0x108, 7);
}

static void
causes_come_by_the_vector_that_they_are_routed_to(void **state)
{
	static const struct {
		bool transmit;
		unsigned ring, vector;
	} rows[] = { { false, 0, 0 }, { true, 0, 0 }, { false, 1, 1 }, { true, 1, 1 } };

	configure();
	for (unsigned i = 0; i < LEN(rows); i++) {
		vf_interrupt_ring(&it, &vft_lane, rows[i].transmit, rows[i].ring);
		for (unsigned v = 0; v < VF_VECTORS; v++)
			assert_int_equal(got(v), v == rows[i].vector);
		assert_int_equal(vf_interrupt_read(&it, 0x108), 7u & ~(1u << rows[i].vector)); /* masks itself */
		write_reg(0x108, 7);
		assert_int_equal(got(rows[i].vector), 0); /* and its cause is gone */
	}
	vf_interrupt_mailbox(&it);
	assert_int_equal(got(2), 1);
	/* Transmit rings 2 and 3 have bytes in the next register; no route: nobody is told. */
	vf_interrupt_ring(&it, &vft_lane, true, 2);
	write_reg(0x108, 7);
	for (unsigned v = 0; v < VF_VECTORS; v++)
		assert_int_equal(got(v), 0);
	assert_int_equal(count_get(&it.sent), 5 + 2); /* two by configure */
}

static void
a_masked_cause_is_latched_and_sent_when_the_mask_goes(void **state)
{
	configure();
	write_reg(0x10c, 1);
	for (unsigned i = 0; i < 3; i++)
		vf_interrupt_ring(&it, &vft_lane, false, 0);
	assert_int_equal(got(0), 0);
	write_reg(0x108, 2); /* another one's */
	assert_int_equal(got(0), 0);
	write_reg(0x108, 1);
	assert_int_equal(got(0), 1);
	write_reg(0x108, 1);
	assert_int_equal(got(0), 0);
}

static void
reading_the_causes_clears_them(void **state)
{
	configure();
	write_reg(0x10c, UINT32_MAX);
	vf_interrupt_ring(&it, &vft_lane, false, 1);
	vf_interrupt_mailbox(&it);
	assert_int_equal(vf_interrupt_read(&it, 0x100), 6);
	assert_int_equal(vf_interrupt_read(&it, 0x100), 0);
	write_reg(0x108, 7);
	for (unsigned v = 0; v < VF_VECTORS; v++)
		assert_int_equal(got(v), 0);
}

static void
the_driver_may_set_causes_itself(void **state)
{
	configure();
	write_reg(0x104, 3);
	assert_int_equal(got(0), 1);
	assert_int_equal(got(1), 1);
	assert_int_equal(got(2), 0);
	write_reg(0x104, 1); /* masked by now */
	assert_int_equal(got(0), 0);
	write_reg(0x104, UINT32_MAX & ~7u);
	write_reg(0x108, 1);
	assert_int_equal(got(0), 1);
}

static void
without_auto_clear_and_auto_mask_every_completion_is_sent(void **state)
{
	configure();
	write_reg(0x110, 0);
	write_reg(0x114, 0);
	for (unsigned i = 0; i < 3; i++) {
		vf_interrupt_ring(&it, &vft_lane, false, 0);
		assert_int_equal(got(0), 1);
	}
	assert_int_equal(vf_interrupt_read(&it, 0x108), 7);
	assert_int_equal(vf_interrupt_read(&it, 0x100), 1);
}

static void
what_completes_before_there_is_a_route_is_told_with_the_route(void **state)
{
	vf_interrupt_ring(&it, &vft_lane, false, 0);
	write_reg(0x120, 0x80);
	write_reg(0x114, 7);
	write_reg(0x110, 7);
	write_reg(0x108, 7);
	assert_int_equal(got(0), 1);
}

static void
registers_read_as_they_were_written(void **state)
{
	static const struct {
		uint32_t offset, value, read;
	} rows[] = {
		{ 0x110, 0xffffffff, 7 },     { 0x114, 5, 5 },          { 0x120, 0xffffffff, 0x83838383 },
		{ 0x12c, 0x80, 0x80 },        { 0x140, 0x82, 0x82 },    { 0x820, 0x800000c8, 0xc8 },
		{ 0x828, 0xffffffff, 0xff8 }, { 0x82c, 0xffffffff, 0 }, { 0x130, 0xffffffff, 0 },
		{ 0x0fc, 0xffffffff, 0 },     { 0x121, 0xffffffff, 0 },
	};

	for (unsigned i = 0; i < LEN(rows); i++) {
		write_reg(rows[i].offset, rows[i].value);
		assert_int_equal(vf_interrupt_read(&it, rows[i].offset), rows[i].read);
	}
	vf_interrupt_reset(&it);
	for (unsigned i = 0; i < LEN(rows); i++)
		assert_int_equal(vf_interrupt_read(&it, rows[i].offset), 0);
}

static void
a_vector_without_a_descriptor_is_owed(void **state)
{
	configure();
	vf_interrupt_set_vector(&it, 0, -1);
	vf_interrupt_ring(&it, &vft_lane, false, 0);
	close(fds[0]);
	give(0);
	assert_int_equal(got(0), 1);
	/* Another one in place of it gets what comes from now on. */
	close(fds[0]);
	give(0);
	assert_int_equal(got(0), 0);
	write_reg(0x108, 1);
	vf_interrupt_ring(&it, &vft_lane, false, 0);
	assert_int_equal(got(0), 1);
}

static void
a_gap_lies_between_two_interrupts_of_a_lane(void **state)
{
	close_all(NULL);
	open_with(SLOW_HZ);
	holds_open(&vft_lane, SLOW_HZ);
	configure();
	write_reg(0x820, 40); /* 10 us */
	vf_interrupt_ring(&it, &vft_lane, false, 0);
	assert_int_equal(got(0), 1); /* after silence at once */
	write_reg(0x108, 1);
	for (unsigned i = 0; i < 3; i++)
		vf_interrupt_ring(&it, &vft_lane, i % 2, 0);
	assert_int_equal(got(0), 0);
	assert_true(hold_is_on(&it.vector[0].hold));
	vf_interrupt_ring(&it, &vft_lane, false, 1); /* another vector is not held up */
	assert_int_equal(got(1), 1);
	holds_run(&vft_lane, HOLD_NEVER);
	assert_int_equal(got(0), 1);
	holds_run(&vft_lane, HOLD_NEVER);
	assert_int_equal(got(0), 0);

	/* Masked meanwhile: it is sent by the mask that goes, not by the lane. */
	write_reg(0x108, 1);
	vf_interrupt_ring(&it, &vft_lane, false, 0);
	assert_true(hold_is_on(&it.vector[0].hold));
	write_reg(0x10c, 1);
	holds_run(&vft_lane, HOLD_NEVER);
	assert_int_equal(got(0), 0);
	write_reg(0x108, 1);
	assert_int_equal(got(0), 1);
	holds_close(&vft_lane);
	vft_lane.holds = NULL;

	/* A lane without a timer does not hold back, and no gap is none. */
	write_reg(0x108, 1);
	vf_interrupt_ring(&it, &vft_lane, false, 0);
	assert_int_equal(got(0), 1);
}

/* ---- with another processor ---- */

#define ROUNDS 20000

static _Atomic uint64_t written; /* descriptors, as it were */
static _Atomic bool ended;

static void *
completes(void *arg)
{
	while (!atomic_load_explicit(&ended, memory_order_relaxed)) {
		if (atomic_load_explicit(&written, memory_order_relaxed) - *(_Atomic uint64_t *)arg < 2) {
			atomic_store_explicit(&written, atomic_load_explicit(&written, memory_order_relaxed) + 1,
					      memory_order_release);
			vf_interrupt_ring(&it, &vft_lane, false, 0);
		}
	}
	return NULL;
}

/*
 * A driver that sleeps until it is interrupted, looks at what was written, and unmasks. It never waits for long, for whatever is written
 * after its look is told.
 */
static void
no_completion_is_lost(void **state)
{
	static _Atomic uint64_t seen;
	pthread_t thread;

	configure();
	atomic_store(&seen, 0);
	assert_int_equal(pthread_create(&thread, NULL, completes, &seen), 0);
	for (unsigned i = 0; i < ROUNDS; i++) {
		struct pollfd fd = { .fd = fds[0], .events = POLLIN };
		uint64_t last = atomic_load(&seen), now;

		while ((now = atomic_load_explicit(&written, memory_order_acquire)) == last) {
			assert_int_equal(poll(&fd, 1, 20000), 1);
			got(0);
			if (atomic_load_explicit(&written, memory_order_acquire) == last)
				write_reg(0x108, 1);
		}
		atomic_store(&seen, now);
		write_reg(0x108, 1);
	}
	atomic_store(&ended, true);
	pthread_join(thread, NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(causes_come_by_the_vector_that_they_are_routed_to),
		TEST(a_masked_cause_is_latched_and_sent_when_the_mask_goes),
		TEST(reading_the_causes_clears_them),
		TEST(the_driver_may_set_causes_itself),
		TEST(without_auto_clear_and_auto_mask_every_completion_is_sent),
		TEST(what_completes_before_there_is_a_route_is_told_with_the_route),
		TEST(registers_read_as_they_were_written),
		TEST(a_vector_without_a_descriptor_is_owed),
		TEST(a_gap_lies_between_two_interrupts_of_a_lane),
		TEST(no_completion_is_lost),
	};

	return cmocka_run_group_tests(tests, vft_group_start, vft_group_end);
}
