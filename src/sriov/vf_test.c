/* vf_test.c - a virtual function from its VMM's and its driver's side: probe, ifup, frames, ifdown, resets of every kind. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/test_held.h"
#include "sriov/test_vf.h"
#include "sriov/vf_layout.h"

static struct vm vm;
static const uint8_t frame[VM_FRAME] = {
	0x02, 0xf1, 0, 0, 0, 1, 0x02, 0xf1, 0, 0, 0, 2, 0x88, 0xb5, 1, 2, 3, 4, 5, 6, 7
};

static void
open_as(enum vf_model model, bool trapped)
{
	vm_prepare(&vm, model);
	vm.options.trapped = vm.driver_is.trapped = trapped;
	vm_open(&vm);
}

static int
open_mapped(void **state)
{
	open_as(VF_X550, false);
	return 0;
}

static int
close_vm(void **state)
{
	vm_close(&vm);
	return 0;
}

/* A frame in each direction, by each pair that sends. */
static void
exchange(void)
{
	uint8_t got[2048];

	vm.mem.used = vm.mem.len / 2; /* any buffer is free again; the rings lie before */
	vm_post(&vm, 0, 8);
	assert_int_equal(vm_put(&vm, frame), SINK_TAKEN);
	assert_int_equal(vm_receive(&vm, 0, got), VM_FRAME);
	assert_memory_equal(got, frame, VM_FRAME);
	for (unsigned i = 0; i < vm.driver_is.n_pairs; i++) {
		memset(got, 0, sizeof(got));
		vm_send(&vm, i, 3, frame);
		assert_int_equal(vm_take(&vm, i, got), 3);
		assert_memory_equal(got, frame, VM_FRAME);
		assert_int_equal(ix_tx_clean(&vm.driver.tx[i], NULL, 8), 3);
	}
}

/* ---- life ---- */

static void
every_model_probes_comes_up_and_moves_frames(void **state)
{
	for (unsigned model = 0; model < VF_MODELS; model++)
		for (unsigned trapped = 0; trapped < 2; trapped++) {
			struct vf_info info;

			open_as((enum vf_model)model, trapped);
			assert_int_equal(vm_info(&vm).state, VF_NO_CLIENT);
			vm_probe(&vm);
			assert_memory_equal(vm.driver.mac, vm.options.policy.mac.byte, MAC_LEN);
			assert_int_equal(vm_info(&vm).state, VF_WAITING);
			assert_int_equal(vm_put(&vm, frame), DROP_PORT_DOWN);
			vm_up(&vm);
			exchange();
			info = vm_info(&vm);
			assert_int_equal(info.state, VF_UP);
			assert_null(info.fault);
			assert_int_equal(info.rx_rings, vm.driver_is.n_pairs);
			assert_int_equal(info.tx_rings, vm.driver_is.n_pairs);
			assert_int_equal(info.mailbox_api, vm.driver_is.hyper_v ? 0 : 17);
			assert_int_equal(vf_delivered(vm.vf, 0), 1);
			assert_int_equal(vm.driver.page[0] == NULL, trapped);
			vm_close(&vm);
		}
}

static void
an_interface_goes_down_and_up_again_and_again(void **state)
{
	vm_probe(&vm);
	for (unsigned n = 0; n < 100; n++) {
		vm_up(&vm);
		exchange();
		vm_down(&vm);
		assert_int_equal(vm_info(&vm).state, VF_WAITING);
		assert_int_equal(vm_info(&vm).rx_rings + vm_info(&vm).tx_rings, 0);
		assert_int_equal(vm_put(&vm, frame), DROP_PORT_DOWN);
		if (n % 10 == 0)
			assert_int_equal(vfuser_reset(&vm.driver.vmm), 0);
		if (n % 10 == 0)
			vm_begin(&vm);
	}
	assert_int_equal(vf_delivered(vm.vf, 0), 100);
}

/* What ethtool -S would show of it goes on over resets. */
static void
counters_never_go_back(void **state)
{
	uint8_t group[VM_FRAME], got[2048];

	memcpy(group, frame, sizeof(group));
	group[0] = 3;
	vm_probe(&vm);
	for (uint32_t n = 1; n <= 5; n++) {
		vm_up(&vm);
		exchange();
		assert_int_equal(vm_put(&vm, group), SINK_TAKEN);
		assert_int_equal(vm_receive(&vm, 0, got), VM_FRAME);
		vf_tend(vm.vf);
		assert_int_equal(ixvf_read(&vm.driver, 0x101C), 2 * n);            /* VFGPRC */
		assert_int_equal(ixvf_read(&vm.driver, 0x1020), 2 * VM_FRAME * n); /* VFGORC */
		assert_int_equal(ixvf_read(&vm.driver, 0x1034), n);                /* VFMPRC */
		assert_int_equal(ixvf_read(&vm.driver, 0x201C), 6 * n);            /* VFGPTC */
		vm_down(&vm);
	}
}

static void
the_file_that_is_mapped_keeps_its_size(void **state)
{
	struct vfuser_region r;

	vm_probe(&vm);
	assert_int_equal(vfuser_region(&vm.driver.vmm, 0, &r), 0);
	assert_int_equal(r.size, 0x4000);
	assert_int_equal(r.n_areas, 1);
	assert_int_equal(r.area[0].offset, 0x1000);
	assert_int_equal(r.area[0].size, 0x2000);
	assert_true(r.fd >= 0);
	assert_int_equal(ftruncate(r.fd, 0), -1);
	assert_int_equal(ftruncate(r.fd, 1 << 20), -1);
	assert_int_equal(fcntl(r.fd, F_ADD_SEALS, F_SEAL_WRITE), -1);
	close(r.fd);
}

static void
trapped_doorbells_are_mapped_by_nobody(void **state)
{
	struct vfuser_region r;

	vm_close(&vm);
	open_as(VF_X550, true);
	vm_probe(&vm);
	assert_int_equal(vfuser_region(&vm.driver.vmm, 0, &r), 0);
	assert_int_equal(r.n_areas, 0);
	assert_int_equal(r.fd, -1);
}

static void
nothing_stays_open(void **state)
{
	unsigned before;

	vm_close(&vm);
	before = test_open_fds();
	for (unsigned n = 0; n < 3; n++) {
		open_as(VF_X550, n == 1);
		vm_probe(&vm);
		vm_up(&vm);
		exchange();
		if (n == 2)
			vm_leave(&vm);
		vm_close(&vm);
		assert_true(test_has_only_fds(before, 2000));
	}
	open_mapped(NULL);
}

/* ---- resets ---- */

static int
by_ctrl(void)
{
	ixvf_write(&vm.driver, VFCTRL, VFCTRL_RST);
	return 0;
}

static int
by_device_reset(void)
{
	return vfuser_reset(&vm.driver.vmm);
}

static int
by_flr(void)
{
	uint16_t control = 0x8000;

	return vfuser_write(&vm.driver.vmm, VFUSER_CONFIG, 0xA8, &control, 2);
}

static int
by_master_off(void)
{
	uint16_t command = 0x0002;

	return vfuser_write(&vm.driver.vmm, VFUSER_CONFIG, 0x04, &command, 2);
}

static int
by_unmapping_all(void)
{
	return vfuser_unmap_all(&vm.driver.vmm);
}

static void
a_reset_of_any_kind_stops_the_rings_before_it_is_answered(void **state)
{
	static const struct {
		const char *name;
		int (*reset)(void);
		bool memory; /* is there after it */
	} rows[] = {
		{ "VFCTRL", by_ctrl, true },       { "DEVICE_RESET", by_device_reset, true }, { "FLR", by_flr, true },
		{ "master", by_master_off, true }, { "memory", by_unmapping_all, false },
	};

	for (unsigned i = 0; i < LEN(rows); i++) {
		uint8_t got[VM_FRAME];

		vm_close(&vm);
		open_mapped(NULL);
		vm_probe(&vm);
		vm_up(&vm);
		vm_post(&vm, 0, 8);
		vm_send(&vm, 0, 4, frame);
		assert_int_equal(rows[i].reset(), 0);
		if (vm_info(&vm).rx_rings + vm_info(&vm).tx_rings != 0)
			fail_msg("%s: rings run", rows[i].name);
		assert_int_equal(vm_take(&vm, 0, got), 0);
		assert_int_equal(vm_put(&vm, frame), DROP_PORT_DOWN);
		assert_int_equal(ixvf_read(&vm.driver, 0x1028), 0); /* the pages show it */
		if (!rows[i].memory)
			assert_int_equal(vfuser_share(&vm.driver.vmm, &vm.mem), 0);
		vm_begin(&vm);
		vm_up(&vm);
		exchange();
	}
}

static void
a_vmm_that_dies_leaves_a_function_as_new(void **state)
{
	vm.options.policy.trust = true;
	vf_set(vm.vf, &vm.options.policy);
	vm_probe(&vm);
	assert_int_equal(ixvf_set_mac(&vm.driver, (const uint8_t[6]){ 2, 9, 9, 9, 9, 9 }), 0);
	assert_int_equal(ixvf_set_vlan(&vm.driver, 5, true), 0);
	vm_up(&vm);
	vm_post(&vm, 0, 8);
	vm_leave(&vm);
	assert_int_equal(vm_info(&vm).state, VF_NO_CLIENT);
	assert_int_equal(vm_info(&vm).mailbox_api, 0);
	assert_int_equal(vm_put(&vm, frame), DROP_PORT_DOWN);
	assert_memory_equal(vm_filters(&vm).mac[0].byte, vm.options.policy.mac.byte, MAC_LEN);
	assert_int_equal(vm_filters(&vm).vlans[0], 1);
	vm.mem.used = 0;
	vm_probe(&vm);
	vm_up(&vm);
	exchange();
}

static void
resets_of_all_kinds_in_any_order_are_survived(void **state)
{
	static int (*const resets[])(void) = { by_ctrl, by_device_reset, by_flr, by_master_off };

	vm_probe(&vm);
	for (unsigned n = 0; n < 200; n++) {
		vm_up(&vm);
		vm.mem.used = vm.mem.len / 2;
		vm_post(&vm, n % 2, 8);
		vm_send(&vm, n % 2, n % 5, frame);
		for (unsigned k = 0; k <= n % 3; k++)
			assert_int_equal(resets[(n + k) % LEN(resets)](), 0);
		assert_int_equal(vm_info(&vm).rx_rings, 0);
		vm_begin(&vm);
	}
	vm_up(&vm);
	exchange();
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, open_mapped, close_vm)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_model_probes_comes_up_and_moves_frames),
		TEST(an_interface_goes_down_and_up_again_and_again),
		TEST(counters_never_go_back),
		TEST(the_file_that_is_mapped_keeps_its_size),
		TEST(trapped_doorbells_are_mapped_by_nobody),
		TEST(nothing_stays_open),
		TEST(a_reset_of_any_kind_stops_the_rings_before_it_is_answered),
		TEST(a_vmm_that_dies_leaves_a_function_as_new),
		TEST(resets_of_all_kinds_in_any_order_are_survived),
	};

	return cmocka_run_group_tests_name("vf", tests, vm_start, vm_stop);
}
