/* vfio_user_mem_test.c - memory that a VMM lets its function reach. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/test_held.h"
#include "guest/test_vfio.h"

#define GPA VUSER_GPA

static struct device d;
static int memory;      /* a memfd of GUEST_MEMORY bytes */
static unsigned before; /* mappings of files in memory, before any of a guest */

static int
open_device(void **state)
{
	memory = memfd_create("fl-vfio-test", MFD_CLOEXEC);
	assert_int_equal(ftruncate(memory, GUEST_MEMORY), 0);
	device_open(&d);
	before = test_mappings();
	return 0;
}

static int
close_device(void **state)
{
	device_close(&d);
	close(memory);
	return 0;
}

/* Sends a DMA_MAP. Returns its errno, 0 when it is no error. */
static unsigned
map(uint32_t argsz, uint32_t flags, uint64_t offset, uint64_t iova, uint64_t size, int fd)
{
	struct vfuser_msg m = { .command = VFUSER_DMA_MAP, .map = { argsz, flags, offset, iova, size } };
	int ret = vfuser_ask(&d.vmm, &m, sizeof(m.map), &fd, fd >= 0, 0, NULL);

	if (ret == -EREMOTEIO)
		return d.vmm.error;
	assert_int_equal(ret, 0);
	return 0;
}

/* Sends a DMA_UNMAP. */
static unsigned
unmap(uint32_t flags, uint64_t iova, uint64_t size)
{
	struct vfuser_msg m = { .command = VFUSER_DMA_UNMAP, .unmap = { 24, flags, iova, size } };
	int ret = vfuser_ask(&d.vmm, &m, sizeof(m.unmap), NULL, 0, 0, NULL);

	if (ret == -EREMOTEIO)
		return d.vmm.error;
	assert_int_equal(ret, 0);
	return 0;
}

/* Ours, of len bytes of the guest; NULL when they are not all in one region. */
static uint8_t *
reach(uint64_t gpa, uint64_t len)
{
	const struct guest_mem *mem = device_memory(&d);
	unsigned hint = 0;
	uint8_t *va;

	return mem != NULL && guest_span(mem, &hint, gpa, len, &va) == len ? va : NULL;
}

/* ---- map ---- */

static void
the_function_reaches_what_is_mapped(void **state)
{
	uint8_t byte;

	device_agree(&d);
	assert_null(device_memory(&d));
	assert_int_equal(map(32, 3, 0, GPA, MIB, memory), 0);
	assert_int_equal(map(32, 3, 4 * MIB, GPA + MIB, PAGE, memory), 0);
	*reach(GPA + MIB - 1, 1) = 0x5a;
	*reach(GPA + MIB, PAGE) = 0xa5;
	assert_null(reach(GPA + MIB - 1, 2));
	assert_null(reach(GPA + MIB + PAGE, 1));
	assert_null(reach(GPA - 1, 1));
	assert_int_equal(pread(memory, &byte, 1, MIB - 1), 1);
	assert_int_equal(byte, 0x5a);
	assert_int_equal(pread(memory, &byte, 1, 4 * MIB), 1);
	assert_int_equal(byte, 0xa5);
	assert_int_equal(device_info(&d).regions, 2);
	assert_int_equal(device_info(&d).memory_bytes, MIB + PAGE);
	assert_string_equal(d.story, "begun "); /* nothing goes when something comes */
}

/* What is not to be written is not, whatever a descriptor says. */
static void
read_only_memory_stays_so(void **state)
{
	int sealed = memfd_create("fl-vfio-test", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	device_agree(&d);
	assert_int_equal(map(32, 1, 0, GPA, MIB, memory), 0);
	assert_true(device_memory(&d)->region[0].read_only);
	assert_null(guest_mem_gpa(device_memory(&d), GPA, 1));
	assert_int_equal(map(32, 3, 0, GPA + MIB, MIB, memory), 0);
	assert_false(device_memory(&d)->region[1].read_only);
	/* A file that may not be written to can be read, and no more. */
	assert_int_equal(ftruncate(sealed, MIB), 0);
	assert_int_equal(fcntl(sealed, F_ADD_SEALS, F_SEAL_WRITE), 0);
	assert_int_equal(map(32, 3, 0, GPA + 2 * MIB, MIB, sealed), EPERM);
	close(sealed);
}

static void
memory_without_a_file_is_accepted_but_not_reached(void **state)
{
	device_agree(&d);
	assert_int_equal(map(32, 1, 0, 0xc0000, 0x20000, -1), 0);
	assert_null(device_memory(&d));
	assert_int_equal(device_info(&d).sections, 1);
	assert_int_equal(map(32, 3, 0, 0xc0000, PAGE, memory), EEXIST);
	assert_int_equal(unmap(0, 0xc0000, 0x20000), 0);
	assert_int_equal(device_info(&d).sections, 0);
	assert_string_equal(d.story, "begun ");
	assert_int_equal(map(32, 3, 0, 0xc0000, PAGE, memory), 0);
}

static void
memory_that_cannot_be_is_refused(void **state)
{
	static const struct {
		uint32_t argsz, flags;
		uint64_t offset, iova, size;
		unsigned error;
	} rows[] = {
		{ 31, 3, 0, GPA, PAGE, EINVAL },
		{ 0, 3, 0, GPA, PAGE, EINVAL },
		{ 32, 0, 0, GPA, PAGE, EINVAL },
		{ 32, 2, 0, GPA, PAGE, EINVAL }, /* it cannot be mapped without being readable */
		{ 32, 4, 0, GPA, PAGE, EINVAL },
		{ 32, 7, 0, GPA, PAGE, EINVAL },
		{ 32, 0x80000001, 0, GPA, PAGE, EINVAL },
		{ 32, 3, 0, GPA, 0, EINVAL },
		{ 32, 3, 0, GPA, 1, EINVAL },
		{ 32, 3, 0, GPA, PAGE + 1, EINVAL },
		{ 32, 3, 0, GPA + 1, PAGE, EINVAL },
		{ 32, 3, 0, GPA + 2048, PAGE, EINVAL },
		{ 32, 3, 0, UINT64_MAX - PAGE + 1, 2 * PAGE, EINVAL },
		{ 32, 3, 0, PAGE, UINT64_MAX - PAGE + 1, EFBIG }, /* ends with the address space */
		{ 32, 3, GUEST_MEMORY, GPA, PAGE, EFBIG },
		{ 32, 3, GUEST_MEMORY - PAGE, GPA, 2 * PAGE, EFBIG },
		{ 32, 3, 0, GPA, 1ull << 62, EFBIG },
	};
	int device = open("/dev/null", O_RDWR | O_CLOEXEC), plain = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

	device_agree(&d);
	for (unsigned i = 0; i < LEN(rows); i++)
		if (map(rows[i].argsz, rows[i].flags, rows[i].offset, rows[i].iova, rows[i].size, memory) !=
		    rows[i].error)
			fail_msg("row %u: %u", i, d.vmm.error);
	assert_int_equal(map(32, 3, 0, GPA, PAGE, device), EMEDIUMTYPE);
	assert_int_equal(map(32, 3, 0, GPA, PAGE, plain), EMEDIUMTYPE);
	assert_null(device_memory(&d));
	assert_int_equal(device_info(&d).sections, 0);
	close(device);
	close(plain);
}

static void
memory_does_not_overlap(void **state)
{
	static const struct {
		uint64_t iova, size;
		unsigned error;
	} rows[] = {
		{ GPA, MIB, EEXIST },
		{ GPA + MIB - PAGE, PAGE, EEXIST },
		{ GPA - PAGE, 2 * PAGE, EEXIST },
		{ GPA - PAGE, 4 * MIB, EEXIST },
		{ GPA - PAGE, PAGE, 0 },
		{ GPA + MIB, PAGE, 0 },
	};

	device_agree(&d);
	assert_int_equal(map(32, 3, 0, GPA, MIB, memory), 0);
	for (unsigned i = 0; i < LEN(rows); i++)
		if (map(32, 3, 0, rows[i].iova, rows[i].size, memory) != rows[i].error)
			fail_msg("row %u: %u", i, d.vmm.error);
	assert_int_equal(device_info(&d).regions, 3);
}

static void
there_is_an_end_to_memory(void **state)
{
	unsigned n = 0;

	device_agree(&d);
	while (n < GUEST_REGIONS_MAX && map(32, 3, 0, GPA + n * 2 * PAGE, PAGE, memory) == 0)
		n++;
	assert_int_equal(n, 64);
	assert_int_equal(map(32, 3, 0, GPA + n * 2 * PAGE, PAGE, memory), ENOSPC);
	for (; n < 256; n++)
		assert_int_equal(map(32, 3, 0, GPA + n * 2 * PAGE, PAGE, -1), 0);
	assert_int_equal(map(32, 3, 0, GPA + n * 2 * PAGE, PAGE, -1), ENOSPC);
	assert_int_equal(unmap(2, 0, 0), 0);
	assert_int_equal(map(32, 3, 0, GPA, MIB, memory), 0);
}

/* ---- unmap ---- */

static void
memory_goes_only_whole(void **state)
{
	static const struct {
		uint32_t flags;
		uint64_t iova, size;
		unsigned error;
		unsigned left; /* regions, of the three at 0, 2 and 4 MiB */
	} rows[] = {
		{ 0, GPA, PAGE, EINVAL, 3 },
		{ 0, GPA + PAGE, MIB, EINVAL, 3 },
		{ 0, GPA - PAGE, MIB, EINVAL, 3 },
		{ 0, GPA + MIB, MIB, ENOENT, 3 },
		{ 0, GPA, 3 * MIB - PAGE, EINVAL, 3 },
		{ 0, GPA, 0, EINVAL, 3 },
		{ 0, UINT64_MAX - PAGE + 1, 2 * PAGE, EINVAL, 3 },
		{ 1, GPA, MIB, EINVAL, 3 }, /* a bitmap of what is dirty: not offered */
		{ 3, 0, 0, EINVAL, 3 },
		{ 2, GPA, 0, EINVAL, 3 },
		{ 2, 0, MIB, EINVAL, 3 },
		{ 0, GPA, 3 * MIB, 0, 1 },
		{ 0, GPA, 3 * MIB, ENOENT, 1 },
		{ 0, 0, UINT64_MAX, 0, 0 },
		{ 2, 0, 0, 0, 0 }, /* all of nothing */
	};

	device_agree(&d);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(map(32, 3, i * MIB, GPA + 2 * i * MIB, MIB, memory), 0);
	for (unsigned i = 0; i < LEN(rows); i++) {
		if (unmap(rows[i].flags, rows[i].iova, rows[i].size) != rows[i].error)
			fail_msg("row %u: %u", i, d.vmm.error);
		assert_int_equal(device_info(&d).regions, rows[i].left);
		assert_int_equal(test_mappings() - before, rows[i].left);
	}
	assert_null(device_memory(&d));
	assert_string_equal(d.story, "begun memory 1 memory 0 ");
}

static void
all_memory_goes_at_once(void **state)
{
	unsigned fds = test_open_fds();

	device_agree(&d);
	for (unsigned i = 0; i < 8; i++)
		assert_int_equal(map(32, 3, 0, GPA + i * MIB, MIB, i % 2 ? memory : -1), 0);
	assert_int_equal(device_info(&d).sections, 8);
	assert_int_equal(device_info(&d).regions, 4);
	assert_int_equal(unmap(2, 0, 0), 0);
	assert_int_equal(device_info(&d).sections, 0);
	assert_int_equal(test_mappings(), before);
	assert_null(device_memory(&d));
	assert_string_equal(d.story, "begun memory 0 ");
	device_hang_up(&d);
	assert_true(device_until(&d.ended, 1));
	assert_true(test_has_only_fds(fds, 2000));
}

/* A firmware that moves its windows sends the same sections again and again. */
static void
memory_comes_and_goes_without_a_trace(void **state)
{
	unsigned fds, mappings;

	device_agree(&d);
	assert_int_equal(map(32, 3, 0, GPA, MIB, memory), 0);
	fds = test_open_fds();
	mappings = test_mappings();
	for (unsigned i = 0; i < 1000; i++) {
		assert_int_equal(map(32, 3, MIB, GPA + MIB, MIB, memory), 0);
		assert_int_equal(unmap(0, GPA + MIB, MIB), 0);
	}
	assert_int_equal(test_mappings(), mappings);
	assert_true(test_has_only_fds(fds, 2000));
}

static void
memory_that_shrinks_ends_the_connection(void **state)
{
	device_agree(&d);
	assert_int_equal(map(32, 3, 0, GPA, MIB, memory), 0);
	vfio_user_tend(d.v);
	assert_int_equal(d.ended, 0);
	assert_int_equal(ftruncate(memory, 0), 0);
	vfio_user_tend(d.v);
	assert_int_equal(d.ended, 1);
	assert_non_null(strstr(d.why, "shrank"));
	assert_null(device_memory(&d));
	assert_int_equal(test_mappings(), before);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_device, close_device)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_function_reaches_what_is_mapped),
		TEST(read_only_memory_stays_so),
		TEST(memory_without_a_file_is_accepted_but_not_reached),
		TEST(memory_that_cannot_be_is_refused),
		TEST(memory_does_not_overlap),
		TEST(there_is_an_end_to_memory),
		TEST(memory_goes_only_whole),
		TEST(all_memory_goes_at_once),
		TEST(memory_comes_and_goes_without_a_trace),
		TEST(memory_that_shrinks_ends_the_connection),
	};

	return cmocka_run_group_tests(tests, device_start, device_stop);
}
