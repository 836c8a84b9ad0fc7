/* vf_policy_test.c - what the host decides about a virtual function while it runs, and what it is told of the driver. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "sriov/test_vf.h"
#include "sriov/vf_layout.h"

#define MAILBOX 2 /* vector of mailbox and link, with two pairs */

static struct vm vm;
static const uint8_t frame[VM_FRAME] = { 0x02, 0xf1, 0, 0, 0, 1, 0x02, 0xf1, 0, 0, 0, 2, 0x88, 0xb5 };

static int
open_x550(void **state)
{
	vm_prepare(&vm, VF_X550);
	vm_open(&vm);
	return 0;
}

static int
close_vm(void **state)
{
	vm_close(&vm);
	return 0;
}

static void
write_command(uint16_t command)
{
	assert_int_equal(vfuser_write(&vm.driver.vmm, VFUSER_CONFIG, 0x04, &command, sizeof(command)), 0);
}

static void
set(const struct vf_policy *policy)
{
	vm.options.policy = *policy;
	vf_set(vm.vf, policy);
}

/* ---- what control is told ---- */

static void
control_hears_of_the_receive_side(void **state)
{
	vm_probe(&vm);
	assert_string_equal(vm.story, "");
	vm_up(&vm);
	assert_string_equal(vm.story, "on ");
	vm_down(&vm); /* MSI-X stays on */
	assert_string_equal(vm.story, "on off ");
	vm_up(&vm);
	vm_down(&vm);
	assert_string_equal(vm.story, "on off on off ");
	/* ixgbevf_remove: MSI-X goes off, then the device is disabled. */
	assert_int_equal(vfuser_vectors_off(&vm.driver.vmm), 0);
	assert_string_equal(vm.story, "on off on off ");
	write_command(0x0002);
	assert_string_equal(vm.story, "on off on off withdrawn ");
	write_command(0x0006);
	write_command(0x0002);
	assert_string_equal(vm.story, "on off on off withdrawn ");
}

static void
control_hears_of_a_vmm_that_dies(void **state)
{
	vm_probe(&vm);
	vm_up(&vm);
	vm_leave(&vm);
	assert_string_equal(vm.story, "on off withdrawn ");
}

static void
control_hears_of_a_driver_that_is_reset_away(void **state)
{
	vm_probe(&vm);
	vm_up(&vm);
	assert_int_equal(vfuser_vectors_off(&vm.driver.vmm), 0);
	assert_int_equal(vfuser_reset(&vm.driver.vmm), 0);
	assert_string_equal(vm.story, "on withdrawn ");
}

static void
control_hears_of_filters(void **state)
{
	unsigned before;

	vm_probe(&vm);
	vm_up(&vm);
	before = vm.filters;
	assert_int_equal(ixvf_set_vlan(&vm.driver, 5, true), 0);
	assert_int_equal(vm.filters, before + 1);
	assert_int_equal(vm_filters(&vm).vlans[0], 1 | 1 << 5);
	assert_int_equal(ixvf_set_vlan(&vm.driver, 5, true), 0); /* nothing new */
	assert_int_equal(ixvf_set_xcast(&vm.driver, 3), 0);      /* granted as groups */
	assert_int_equal(vm.filters, before + 1);
	assert_false(vm_filters(&vm).promiscuous);
	vm.options.policy.trust = true;
	set(&vm.options.policy);
	assert_int_equal(vm.filters, before + 2);
	assert_true(vm_filters(&vm).promiscuous);
}

/* ---- what the host changes ---- */

/* Else the driver finds its carrier up to two seconds later. */
static void
the_end_of_ifup_has_the_driver_look_at_its_link(void **state)
{
	vm_probe(&vm);
	for (unsigned n = 0; n < 2; n++) {
		vm_up(&vm);
		assert_true(ixvf_wait(&vm.driver, MAILBOX, 5000) > 0);
		ixvf_unmask(&vm.driver, MAILBOX);
		ixvf_unmask(&vm.driver, 0);
		assert_int_equal(ixvf_wait(&vm.driver, MAILBOX, 20), 0); /* once */
		vm_down(&vm);
	}
}

static void
the_link_changes_while_the_driver_runs(void **state)
{
	static const struct {
		bool link;
		unsigned mbps;
		uint32_t links;
		unsigned interrupts;
	} rows[] = { { false, 10000, 0, 1 },
		     { false, 10000, 0, 0 },
		     { true, 10000, 0x70000000, 1 },
		     { true, 1000, 0x60000000, 1 },
		     { true, 1000, 0x60000000, 0 } };

	vm_probe(&vm);
	vm_up(&vm);
	vm_post(&vm, 0, 32);
	assert_true(ixvf_wait(&vm.driver, MAILBOX, 5000) > 0);
	for (unsigned i = 0; i < LEN(rows); i++) {
		struct vf_policy policy = vm.options.policy;

		ixvf_unmask(&vm.driver, MAILBOX);
		policy.link = rows[i].link;
		policy.link_mbps = rows[i].mbps;
		set(&policy);
		assert_int_equal(ixvf_read(&vm.driver, VFLINKS), rows[i].links);
		assert_int_equal(ixvf_wait(&vm.driver, MAILBOX, rows[i].interrupts ? 5000 : 20), rows[i].interrupts);
		assert_int_equal(vm_put(&vm, frame) == SINK_TAKEN, rows[i].link);
	}
}

/* ixgbevf_check_mac_link_vf as the other interrupt's handler leads to it. */
static void
a_new_address_makes_the_driver_reset_itself(void **state)
{
	struct vf_policy policy = vm.options.policy;
	uint32_t word;

	vm_probe(&vm);
	vm_up(&vm);
	assert_true(ixvf_wait(&vm.driver, MAILBOX, 5000) > 0);
	ixvf_unmask(&vm.driver, MAILBOX);
	policy.mac.byte[5] = 0x77;
	set(&policy);
	assert_int_equal(ixvf_wait(&vm.driver, MAILBOX, 5000), 1);
	assert_int_equal(vm_info(&vm).mac.byte[5], 1);
	assert_true(ixvf_read(&vm.driver, VFLINKS) & VFLINKS_UP);
	word = ixvf_read(&vm.driver, VFMBMEM(0));
	assert_false(word & 0x20000000); /* CTS */
	assert_true(word & 0x40000000);
	vm_down(&vm);
	vm_up(&vm);
	assert_int_equal(vm.driver.mac[5], 0x77);
	assert_int_equal(vm_info(&vm).mac.byte[5], 0x77);
	assert_int_equal(vm_filters(&vm).mac[0].byte[5], 0x77);
}

static void
an_hv_driver_finds_a_new_address_at_its_next_reset(void **state)
{
	struct vf_policy policy;

	vm_close(&vm);
	vm_prepare(&vm, VF_X540_HV);
	vm_open(&vm);
	vm_probe(&vm);
	vm_up(&vm);
	policy = vm.options.policy;
	policy.mac.byte[5] = 0x77;
	set(&policy);
	assert_int_equal(vm_info(&vm).mac.byte[5], 1);
	vm_down(&vm);
	assert_int_equal(vm.driver.mac[5], 0x77);
	assert_int_equal(vm_info(&vm).mac.byte[5], 0x77);
}

static void
the_mtu_bounds_what_is_delivered(void **state)
{
	struct vf_policy policy = vm.options.policy;

	vm_probe(&vm);
	vm_up(&vm);
	assert_int_equal(vm_info(&vm).max_frame, 1514);
	assert_int_equal(ixvf_set_max_frame(&vm.driver, 9018), 0);
	assert_int_equal(vm_info(&vm).max_frame, 9014);
	policy.mtu = 1500;
	set(&policy);
	assert_int_equal(vm_info(&vm).max_frame, 1514);
	assert_int_equal(ixvf_set_max_frame(&vm.driver, 9018), -EREMOTEIO);
}

/* ---- what a driver does wrong ---- */

static void
a_broken_ring_is_shown_and_the_drivers_reset_brings_it_back(void **state)
{
	uint8_t got[2048];

	vm_probe(&vm);
	vm_up(&vm);
	ixvf_write(&vm.driver, 0x2018, VM_RING + 1); /* a tail beyond the end */
	assert_int_equal(vm_take(&vm, 0, got), 0);
	vf_tend(vm.vf);
	assert_int_equal(vm_info(&vm).state, VF_BROKEN);
	assert_non_null(strstr(vm_info(&vm).fault, "tail"));
	vm_post(&vm, 0, 4);
	assert_int_equal(vm_put(&vm, frame), SINK_TAKEN); /* the others go on */
	vm_down(&vm);
	vm_up(&vm);
	assert_int_equal(vm_info(&vm).state, VF_UP);
	assert_null(vm_info(&vm).fault);
	vm_send(&vm, 0, 1, frame);
	assert_int_equal(vm_take(&vm, 0, got), 1);
}

/* Everything that a guest can write, in every size, while its rings run; the host's answers stay inside what was asked. */
static void
any_access_of_any_region_is_answered(void **state)
{
	static const unsigned lens[] = { 1, 2, 4, 8 };
	static const struct {
		unsigned region, size;
	} regions[] = { { 0, 0x4000 }, { 3, 0x4000 }, { 7, 4096 } };
	uint8_t bytes[8], got[2048];

	vm_probe(&vm);
	srand(11);
	for (unsigned n = 0; n < 20000; n++) {
		unsigned r = (unsigned)rand() % 8 < 6 ? 0 : 1 + (unsigned)rand() % 2, len = lens[rand() % 4];
		uint64_t at = (uint64_t)rand() % (regions[r].size - len + 1) & (rand() % 4 ? ~3ull : ~0ull);

		for (unsigned i = 0; i < 8; i++)
			bytes[i] = (uint8_t)rand();
		if (rand() % 2)
			assert_int_equal(vfuser_read(&vm.driver.vmm, regions[r].region, at, bytes, len), 0);
		else
			assert_int_equal(vfuser_write(&vm.driver.vmm, regions[r].region, at, bytes, len), 0);
		if (n % 16 == 0) {
			struct source *s = atomic_load(&vm.queue[n / 16 % 2]->source[QUEUE_FROM_SENDER]);

			if (s->ops->take(s, &vm.lane) > 0)
				s->ops->give(s, &vm.lane);
			vm_put(&vm, frame);
		}
	}
	assert_int_equal(vfuser_reset(&vm.driver.vmm), 0);
	vm_begin(&vm);
	vm_up(&vm);
	vm_post(&vm, 0, 4);
	assert_int_equal(vm_put(&vm, frame), SINK_TAKEN);
	assert_int_equal(vm_receive(&vm, 0, got), VM_FRAME);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, open_x550, close_vm)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(control_hears_of_the_receive_side),
		TEST(control_hears_of_a_vmm_that_dies),
		TEST(control_hears_of_a_driver_that_is_reset_away),
		TEST(control_hears_of_filters),
		TEST(the_end_of_ifup_has_the_driver_look_at_its_link),
		TEST(the_link_changes_while_the_driver_runs),
		TEST(a_new_address_makes_the_driver_reset_itself),
		TEST(an_hv_driver_finds_a_new_address_at_its_next_reset),
		TEST(the_mtu_bounds_what_is_delivered),
		TEST(a_broken_ring_is_shown_and_the_drivers_reset_brings_it_back),
		TEST(any_access_of_any_region_is_answered),
	};

	return cmocka_run_group_tests_name("vf_policy", tests, vm_start, vm_stop);
}
