/* vf_live_test.c - a lane works on all rings while the driver resets its function in every way, and dies. Sanitizers judge it, too. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>

#include "base/clock.h"
#include "base/qsbr.h"
#include "sriov/test_vf.h"
#include "sriov/vf_layout.h"

static struct vm vm;
static _Atomic bool stop;
static _Atomic uint64_t taken, put, rounds;
static const uint8_t frame[VM_FRAME] = { 0x02, 0xf1, 0, 0, 0, 1, 0x02, 0xf1, 0, 0, 0, 2, 0x88, 0xb5 };

static void
take_from(unsigned i)
{
	struct queue *q = vm.queue[i];
	struct source *s = atomic_load(&q->source[QUEUE_FROM_SENDER]);
	unsigned n;

	if (!queue_enter(q, 0))
		return;
	n = s->ops->take(s, &vm.lane);
	if (n > 0)
		s->ops->give(s, &vm.lane);
	queue_leave(q, 0);
	atomic_fetch_add(&taken, n);
}

static void *
work(void *arg)
{
	lane_enter(&vm.lane);
	while (!atomic_load(&stop)) {
		for (unsigned i = 0; i < VF_PAIRS; i++)
			take_from(i);
		atomic_fetch_add(&put, vm_put(&vm, frame) == SINK_TAKEN);
		qsbr_quiescent(vm.lane.reader);
		atomic_fetch_add(&rounds, 1);
		sched_yield();
	}
	lane_leave(&vm.lane);
	return NULL;
}

/* Waits until the lane has done n rounds more; at most 10 s. */
static void
wait_rounds(uint64_t n)
{
	uint64_t end = clock_ns() + 10 * NSEC_PER_S, until = atomic_load(&rounds) + n;

	while (atomic_load(&rounds) < until && clock_ns() < end)
		sched_yield();
	assert_true(atomic_load(&rounds) >= until);
}

/* One way for rings to stop: number `way`, of WAYS; the driver is probed afterwards. */
#define WAYS 6
static void
stop_by(unsigned way)
{
	uint16_t command = 0x0002, control = 0x8000;

	switch (way) {
	case 0:
		vm_down(&vm);
		return;
	case 1:
		ixvf_write(&vm.driver, VFCTRL, VFCTRL_RST);
		break;
	case 2:
		assert_int_equal(vfuser_reset(&vm.driver.vmm), 0);
		break;
	case 3:
		assert_int_equal(vfuser_write(&vm.driver.vmm, VFUSER_CONFIG, 0xA8, &control, 2), 0);
		break;
	case 4:
		assert_int_equal(vfuser_write(&vm.driver.vmm, VFUSER_CONFIG, 0x04, &command, 2), 0);
		break;
	default:
		vm_leave(&vm);
		vm.mem.used = 0;
		vm_probe(&vm);
		return;
	}
	vm_begin(&vm);
}

/* From the answer on no lane writes to memory that the driver takes back (sriov, vf_rings.h): it fills it, and looks again. */
static void
buffers_are_the_drivers_again_once_it_is_told(void)
{
	uint8_t *from = vm.mem.va + vm.mem.len / 2;

	memset(from, 0x5a, vm.mem.len / 2);
	wait_rounds(3);
	for (uint64_t i = 0; i < vm.mem.len / 2; i += 64)
		assert_int_equal(from[i], 0x5a);
}

static void
rings_stop_in_every_way_under_a_lane(void **state)
{
	for (unsigned trapped = 0; trapped < 2; trapped++) {
		pthread_t thread;

		vm_prepare(&vm, VF_X550);
		vm.options.trapped = vm.driver_is.trapped = trapped;
		vm_open(&vm);
		vm_probe(&vm);
		atomic_store(&stop, false);
		atomic_store(&taken, 0);
		atomic_store(&put, 0);
		assert_int_equal(pthread_create(&thread, NULL, work, NULL), 0);
		for (unsigned n = 0; n < 20 * WAYS; n++) {
			vm_up(&vm);
			vm.mem.used = vm.mem.len / 2;
			for (unsigned i = 0; i < VF_PAIRS; i++) {
				vm_post(&vm, i, 32);
				vm_send(&vm, i, 16, frame);
			}
			wait_rounds(1 + n % 3);
			stop_by(n % WAYS);
			buffers_are_the_drivers_again_once_it_is_told();
			vf_tend(vm.vf);
		}
		assert_true(atomic_load(&taken) > 0);
		assert_true(atomic_load(&put) > 0);
		assert_null(vm_info(&vm).fault);
		atomic_store(&stop, true);
		pthread_join(thread, NULL);
		vm_close(&vm);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(rings_stop_in_every_way_under_a_lane) };

	return cmocka_run_group_tests_name("vf_live", tests, vm_start, vm_stop);
}
