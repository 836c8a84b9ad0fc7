/*
 * vfio_user_cve_test.c - known holes of others as a VMM would try them on our session; what a guest's descriptors can do is tested
 * with the device. Each test names its pattern.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/qsbr.h"
#include "base/test_held.h"
#include "guest/test_vfio.h"

#define GPA VUSER_GPA

static struct device d, neighbour;

static int
open_devices(void **state)
{
	device_open(&d);
	device_open(&neighbour);
	device_agree(&neighbour);
	return 0;
}

static int
close_devices(void **state)
{
	device_close(&d);
	device_close(&neighbour);
	return 0;
}

/* Microseconds that the neighbour waits for a register. */
static uint64_t
neighbour_us(void)
{
	uint64_t began = clock_ns();
	uint32_t value;

	assert_int_equal(vfuser_read(&neighbour.vmm, 0, 0x108, &value, 4), 0);
	return (clock_ns() - began) / NSEC_PER_US;
}

/* ---- memory ---- */

/* Reads everywhere in the guest's memory as a lane does, as fast as it can. */
struct lane_of_test {
	pthread_t thread;
	_Atomic bool stop;
	_Atomic uint64_t rounds, read;
};

static void *
read_memory(void *arg)
{
	struct lane_of_test *lane = arg;
	int reader = qsbr_register();
	unsigned hint = 0;
	uint8_t sum = 0;

	qsbr_online(reader);
	while (!atomic_load(&lane->stop)) {
		const struct guest_mem *mem = atomic_load(vfio_user_memory(d.v));

		for (uint64_t at = 0; mem != NULL && at < 4 * MIB; at += 64 * 1024) {
			uint8_t *va;

			if (guest_span(mem, &hint, GPA + at, 1, &va) == 0)
				continue;
			sum ^= *(volatile uint8_t *)va;
			atomic_fetch_add(&lane->read, 1);
		}
		atomic_fetch_add(&lane->rounds, 1);
		qsbr_quiescent(reader);
	}
	qsbr_offline(reader);
	qsbr_unregister(reader);
	return (void *)(uintptr_t)(sum & 1);
}

/* CVE-2026-86567: addresses kept after the guest's memory has gone; spdk#2074: maps and unmaps at any time. */
static void
cve_2026_86567_memory_goes_while_it_is_used(void **state)
{
	static struct lane_of_test lane;
	uint64_t end = clock_ns() + 10 * NSEC_PER_S;
	unsigned mappings;

	device_share(&d); /* 8 MiB at GPA */
	mappings = test_mappings();
	assert_int_equal(vfuser_unmap_all(&d.vmm), 0);
	assert_int_equal(pthread_create(&lane.thread, NULL, read_memory, &lane), 0);
	for (unsigned i = 0; i < 300 || (atomic_load(&lane.read) < 1000 && clock_ns() < end); i++) {
		assert_int_equal(vfuser_map(&d.vmm, GPA, MIB, d.mem.fd, 0, false), 0);
		assert_int_equal(vfuser_map(&d.vmm, GPA + MIB, MIB, d.mem.fd, MIB, true), 0);
		assert_int_equal(vfuser_unmap(&d.vmm, GPA, MIB), 0);
		/* It is unmapped when the answer is there. */
		assert_int_equal(test_mappings(), mappings);
		assert_int_equal(vfuser_unmap_all(&d.vmm), 0);
		assert_int_equal(test_mappings(), mappings - 1);
	}
	assert_true(atomic_load(&lane.read) > 0);
	/* A VMM that dies takes it away, too. */
	assert_int_equal(vfuser_share(&d.vmm, &d.mem), 0);
	device_hang_up(&d);
	assert_true(device_until(&d.ended, 1));
	atomic_store(&lane.stop, true);
	pthread_join(lane.thread, NULL);
}

/* CVE-2026-86561, -86563, CVE-2020-10722: sizes and offsets that are not checked, or wrap when they are added. */
static void
cve_2020_10722_a_map_lies_inside_its_file(void **state)
{
	static const struct {
		uint64_t offset, size;
		unsigned error;
	} rows[] = {
		{ GUEST_MEMORY, PAGE, EFBIG },
		{ UINT64_MAX - PAGE + 1, PAGE, EINVAL },
		{ UINT64_MAX - PAGE + 1, 2 * PAGE, EINVAL },
		{ INT64_MAX - PAGE + 1, PAGE, EFBIG },
		{ (uint64_t)INT64_MAX + 1, PAGE, EFBIG },
		{ PAGE, UINT64_MAX - PAGE + 1, EINVAL },
		{ 0, GUEST_MEMORY + PAGE, EFBIG },
		{ 1, GUEST_MEMORY, EFBIG },
		{ GUEST_MEMORY - PAGE, PAGE, 0 },
	};
	int empty = memfd_create("fl-vfio-test", MFD_CLOEXEC);

	device_share(&d);
	assert_int_equal(vfuser_unmap_all(&d.vmm), 0);
	for (unsigned i = 0; i < LEN(rows); i++) {
		int ret = vfuser_map(&d.vmm, 0, rows[i].size, d.mem.fd, rows[i].offset, false);

		if (ret != (rows[i].error != 0 ? -EREMOTEIO : 0) || (ret < 0 && d.vmm.error != rows[i].error))
			fail_msg("row %u: %d, %u", i, ret, d.vmm.error);
	}
	assert_int_equal(vfuser_map(&d.vmm, GPA, PAGE, empty, 0, false), -EREMOTEIO);
	assert_int_equal(d.vmm.error, EFBIG);
	close(empty);
}

/* CVE-2023-3019: a frame that is written where the device's own registers are. */
static void
cve_2023_3019_a_function_does_not_reach_its_own_registers(void **state)
{
	struct vfuser_region r;

	device_share(&d);
	assert_int_equal(vfuser_region(&d.vmm, 0, &r), 0);
	/* QEMU announces them, so this is no error; but neither is it memory. */
	assert_int_equal(vfuser_map(&d.vmm, 0xfe000000, 2 * PAGE, r.fd, PAGE, false), 0);
	assert_int_equal(vfuser_map(&d.vmm, 0xff000000, 2 * PAGE, d.bar, PAGE, false), 0);
	assert_int_equal(device_info(&d).sections, 3);
	assert_int_equal(device_info(&d).regions, 1);
	assert_int_equal(device_memory(&d)->region[0].gpa, GPA);
	assert_int_equal(vfuser_unmap(&d.vmm, 0xfe000000, 2 * PAGE), 0);
	close(r.fd);
}

/* QEMU's #3867, the other way round: no answer of ours says of a region what wraps, or lies outside of its file. */
static void
qemu_3867_a_regions_areas_lie_inside_of_it(void **state)
{
	struct vfuser_region r;

	device_agree(&d);
	for (unsigned i = 0; i < VFIO_REGIONS; i++) {
		assert_int_equal(vfuser_region(&d.vmm, i, &r), 0);
		assert_true(r.offset + r.size >= r.offset);
		for (unsigned a = 0; a < r.n_areas; a++) {
			assert_true(r.area[a].offset <= r.size && r.area[a].size <= r.size - r.area[a].offset);
			assert_true((off_t)(r.offset + r.area[a].offset + r.area[a].size) <= lseek(r.fd, 0, SEEK_END));
		}
		if (r.fd >= 0)
			close(r.fd);
	}
}

/* ---- descriptors ---- */

/* CVE-2022-0669, CVE-2020-10726, CVE-2019-14818: descriptors that nobody asked for, again and again. */
static void
cve_2019_14818_descriptors_are_not_piled_up(void **state)
{
	int event = eventfd(0, EFD_CLOEXEC), fds[200];
	unsigned before;

	for (unsigned i = 0; i < LEN(fds); i++)
		fds[i] = event;
	device_share(&d);
	before = test_open_fds();
	for (unsigned round = 0; round < 20; round++) {
		for (unsigned command = 0; command < 20; command++) {
			struct vfuser_msg m = { .command = command };
			unsigned n = round % 2 ? 8 : LEN(fds);

			assert_int_equal(vfuser_ask(&d.vmm, &m, 64, fds, n, 0, NULL), -EREMOTEIO);
		}
		/* Those that are wanted replace one another. */
		for (unsigned i = 0; i < 50; i++)
			assert_int_equal(vfuser_vectors(&d.vmm, 0, fds, VECTORS), 0);
	}
	assert_true(test_has_only_fds(before + VECTORS, 2000));
	assert_int_equal(vfuser_vectors_off(&d.vmm), 0);
	assert_true(test_has_only_fds(before, 2000));
	close(event);
}

/* With no answer asked for there is nobody to be slow: descriptors on a flood of messages. */
static void
descriptors_on_posted_messages_are_closed(void **state)
{
	struct vfuser_msg m = { .command = VFUSER_REGION_WRITE, .flags = VFUSER_NO_REPLY, .size = 16 + 16 + 4 };
	int event = eventfd(0, EFD_CLOEXEC), fds[8];
	unsigned before;
	uint32_t value;

	for (unsigned i = 0; i < LEN(fds); i++)
		fds[i] = event;
	device_agree(&d);
	before = test_open_fds();
	m.access.count = 4;
	for (unsigned i = 0; i < 20000; i++)
		assert_int_equal(vfuser_send(&d.vmm, &m, fds, LEN(fds)), 0);
	assert_int_equal(vfuser_read(&d.vmm, 0, 0, &value, 4), 0);
	assert_int_equal(d.writes, 0);
	assert_true(test_has_only_fds(before, 2000));
	close(event);
}

/* ---- a VMM that wants to be a nuisance ---- */

static void
half_a_message_costs_its_own_connection_alone(void **state)
{
	struct vfuser_msg m = { .command = VFUSER_REGION_WRITE, .size = 16 + 16 + 4096 };
	uint64_t longest = 0, end = clock_ns() + 10 * NSEC_PER_S;

	device_agree(&d);
	assert_int_equal(vfuser_send_bytes(&d.vmm, &m, 100), 0);
	while (d.ended == 0 && clock_ns() < end) {
		uint64_t us = neighbour_us();

		longest = us > longest ? us : longest;
	}
	assert_int_equal(d.ended, 1);
	assert_non_null(strstr(d.why, "did not come within a second"));
	assert_int_equal(neighbour.ended, 0);
	assert_true(longest < 500000); /* nobody waited for it */
	assert_int_equal(d.writes, 0);
}

static void
a_message_of_4_gib_is_never_waited_for(void **state)
{
	struct vfuser_msg m = { .command = VFUSER_VERSION, .size = UINT32_MAX };

	device_connect(&d);
	assert_int_equal(vfuser_send_bytes(&d.vmm, &m, 16), 0);
	assert_true(device_until(&d.ended, 1));
	assert_true(neighbour_us() < 500000);
}

/* 64 messages are handled in one turn at most, then it is the others'. */
static void
a_flood_leaves_the_others_their_turn(void **state)
{
	uint32_t value = 1;
	unsigned done;

	device_agree(&d);
	for (unsigned i = 0; i < 200; i++)
		assert_int_equal(vfuser_post(&d.vmm, 0, 0x108, &value, 4), 0);
	done = d.writes;
	neighbour_us();
	assert_true(d.writes - done <= 3 * 64);
	assert_true(device_until(&d.writes, 200));
}

static void
answers_that_are_not_read_end_the_connection(void **state)
{
	struct vfuser_msg m = { .command = VFUSER_REGION_READ, .size = 32 };
	uint64_t end = clock_ns() + 10 * NSEC_PER_S;

	device_agree(&d);
	m.access.region = VFUSER_CONFIG;
	m.access.count = 4096;
	while (d.ended == 0 && clock_ns() < end) {
		if (send(d.vmm.stream.sock, &m, 32, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
			usleep(1000);
		session_loop_poll(loop);
	}
	assert_int_equal(d.ended, 1);
	assert_non_null(strstr(d.why, "did not read an answer"));
	assert_true(neighbour_us() < 500000);
}

/* Every command with every kind of payload that is easily made. */
static void
noise_is_refused_and_harms_nobody(void **state)
{
	unsigned fds, seed = 1;

	device_agree(&d);
	fds = test_open_fds();
	for (unsigned i = 0; i < 20000; i++) {
		struct vfuser_msg m = { 0 };
		unsigned len = (seed >> 8) % 64;

		m.command = (uint16_t)((seed >> 16) % 20);
		for (unsigned at = 0; at < len; at++) {
			seed = seed * 1103515245 + 12345;
			m.raw[at] = seed >> 28 ? 0 : (uint8_t)(seed >> 16);
		}
		seed = seed * 1103515245 + 12345;
		if (m.command == VFUSER_VERSION)
			continue;
		assert_int_not_equal(vfuser_ask(&d.vmm, &m, len, NULL, 0, 0, NULL), -ECONNRESET);
	}
	assert_int_equal(d.ended, 0);
	assert_true(test_has_only_fds(fds, 2000));
	assert_true(neighbour_us() < 500000);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_devices, close_devices)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(cve_2026_86567_memory_goes_while_it_is_used),
		TEST(cve_2020_10722_a_map_lies_inside_its_file),
		TEST(cve_2023_3019_a_function_does_not_reach_its_own_registers),
		TEST(qemu_3867_a_regions_areas_lie_inside_of_it),
		TEST(cve_2019_14818_descriptors_are_not_piled_up),
		TEST(descriptors_on_posted_messages_are_closed),
		TEST(half_a_message_costs_its_own_connection_alone),
		TEST(a_message_of_4_gib_is_never_waited_for),
		TEST(a_flood_leaves_the_others_their_turn),
		TEST(answers_that_are_not_read_end_the_connection),
		TEST(noise_is_refused_and_harms_nobody),
	};

	return cmocka_run_group_tests(tests, device_start, device_stop);
}
