/* mem_test.c - what a front end may share and what it may not, and its generations. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/memfd.h>
#include <sys/eventfd.h>

#include "base/test_held.h"
#include "guest/test_mem.h"

#define HUGE (2ull << 20)

/* Nothing is reserved for a mapping, so that one of huge pages needs none; *mapped is what was asked for. */
static struct {
	size_t len;
	off_t offset;
} mapped;

void *__real_mmap64(void *address, size_t len, int prot, int flags, int fd, off_t offset);
void *__wrap_mmap64(void *address, size_t len, int prot, int flags, int fd, off_t offset);

void *
__wrap_mmap64(void *address, size_t len, int prot, int flags, int fd, off_t offset)
{
	if (fd >= 0) {
		mapped.len = len;
		mapped.offset = offset;
	}
	return __real_mmap64(address, len, prot, flags | MAP_NORESERVE, fd, offset);
}

/* ---- refusals ---- */

static void
what_cannot_be_a_region_is_refused(void **state)
{
	static const struct {
		const char *name;
		uint64_t gpa, len, user, offset;
		int code;
	} rows[] = {
		/* The memory has [1 MiB, 2 MiB); the file has 4 MiB. */
		{ "empty", 8 * MIB, 0, 0, 0, -EINVAL },
		{ "guest addresses wrap", UINT64_MAX - PAGE + 1, PAGE + 1, 0, 0, -EINVAL },
		{ "guest addresses wrap far", 8 * MIB, UINT64_MAX, 0, 0, -EINVAL },
		{ "addresses of the front end wrap", 8 * MIB, 2 * PAGE, UINT64_MAX - PAGE, 0, -EINVAL },
		{ "offset wraps", 8 * MIB, PAGE, 0, UINT64_MAX - PAGE + 1, -EINVAL },
		{ "offset wraps into the file", 8 * MIB, MIB, 0, UINT64_MAX - MIB + 1, -EINVAL },
		{ "the same again", MIB, MIB, 0, 0, -EINVAL },
		{ "from left", MIB - PAGE, PAGE + 1, 0, 0, -EINVAL },
		{ "last byte", 2 * MIB - 1, PAGE, 0, 0, -EINVAL },
		{ "inside", MIB + PAGE, PAGE, 0, 0, -EINVAL },
		{ "around", 0, 3 * MIB, 0, 0, -EINVAL },
		{ "one byte beyond the file", 8 * MIB, 4 * MIB + 1, 0, 0, -EFBIG },
		{ "one byte beyond the file, by its offset", 8 * MIB, PAGE, 0, 4 * MIB - PAGE + 1, -EFBIG },
		{ "far beyond the file", 8 * MIB, MIB, 0, 1ull << 62, -EFBIG },
	};
	int fd = memory(4 * MIB);
	struct guest_mem *mem = with(NULL, MIB, MIB, 0x7f0000000000, 0, fd);
	unsigned fds = test_open_fds();

	for (size_t i = 0; i < LEN(rows); i++) {
		struct guest_region_claim claim = { rows[i].gpa, rows[i].len, rows[i].user, rows[i].offset, false };
		struct err err = { 0 };

		print_message("  %s\n", rows[i].name);
		assert_null(guest_mem_with(mem, &claim, fd, &err));
		assert_int_equal(err.code, rows[i].code);
		assert_true(err.msg[0] != '\0');
	}
	assert_int_equal(test_open_fds(), fds);
	assert_int_equal(mappings(), 1);
	guest_mem_free(mem);
	close(fd);
}

/* CVE-2026-86561, CVE-2026-86563: a size of mmap that nobody checked; an offset that was added twice. CVE-2020-10722: offset + size wrapped. */
static void
cve_2026_86561_2026_86563_and_2020_10722_offset_and_size_stay_inside_the_file(void **state)
{
	static const struct {
		uint64_t len, offset;
		bool fits;
	} rows[] = {
		{ 4 * MIB, 0, true },
		{ 2 * MIB, 2 * MIB, true }, /* offset added twice would be 6 MiB */
		{ 1, 4 * MIB - 1, true },
		{ PAGE, 3 * PAGE + 5, true }, /* not mappable there: from the page before */
		{ 4 * MIB, 1, false },
		{ UINT64_MAX, 1, false },
		{ UINT64_MAX - 4 * MIB + 1, 4 * MIB, false },
		{ 1ull << 63, 1ull << 63, false },
		{ 2, UINT64_MAX, false },
	};
	int fd = memory(4 * MIB);

	for (size_t i = 0; i < LEN(rows); i++) {
		struct guest_region_claim claim = { 0, rows[i].len, 0, rows[i].offset, false };
		struct err err = { 0 };
		struct guest_mem *mem = guest_mem_with(NULL, &claim, fd, &err);
		struct guest_mem *logged = guest_mem_logged(NULL, fd, rows[i].offset, rows[i].len, &err);

		assert_int_equal(mem != NULL, rows[i].fits);
		assert_int_equal(logged != NULL, rows[i].fits);
		if (mem != NULL) {
			uint8_t byte = (uint8_t)(i + 1);

			/* The last byte is the file's byte there. */
			mem->region[0].va[rows[i].len - 1] = byte;
			byte = 0;
			assert_int_equal(pread(fd, &byte, 1, (off_t)(rows[i].offset + rows[i].len - 1)), 1);
			assert_int_equal(byte, i + 1);
		}
		guest_mem_free(mem);
		guest_mem_free(logged);
	}
	assert_int_equal(mappings(), 0);
	close(fd);
}

static int
sealed(void)
{
	int fd = memory(MIB);

	assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), 0);
	return fd;
}

static int
read_only(void)
{
	int fd = memory(MIB), again;
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	again = open(path, O_RDONLY | O_CLOEXEC);
	close(fd);
	return again;
}

static int
event(void)
{
	return eventfd(0, EFD_CLOEXEC);
}

static int
one_end_of_a_pipe(void)
{
	int ends[2];

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	close(ends[1]);
	return ends[0];
}

static int
device(void)
{
	return open("/dev/zero", O_RDWR | O_CLOEXEC);
}

static int
other_file_system(void)
{
	return open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
}

static int
folder(void)
{
	return open("/dev/shm", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static int
none(void)
{
	return -1;
}

/* An access to it could block a lane, or it is nothing to write to. */
static void
other_kinds_of_files_are_refused(void **state)
{
	static const struct {
		int (*make)(void);
		int code;
	} rows[] = {
		{ event, -EMEDIUMTYPE },  { one_end_of_a_pipe, -EMEDIUMTYPE },
		{ device, -EMEDIUMTYPE }, { other_file_system, -EMEDIUMTYPE },
		{ folder, -EMEDIUMTYPE }, { sealed, -EPERM },
		{ read_only, -EACCES },   { none, -EBADF },
	};
	unsigned fds = test_open_fds();

	for (size_t i = 0; i < LEN(rows); i++) {
		struct guest_region_claim claim = { .len = PAGE };
		int fd = rows[i].make();
		struct err err = { 0 };

		assert_null(guest_mem_with(NULL, &claim, fd, &err));
		assert_int_equal(err.code, rows[i].code);
		if (fd >= 0) {
			assert_null(guest_mem_logged(NULL, fd, 0, PAGE, &err));
			close(fd);
		}
	}
	assert_int_equal(test_open_fds(), fds);
	assert_int_equal(mappings(), 0);
}

/* vfio-user's DMA_MAP flags: what we may not write to can be read, and is no place for a ring. */
static void
a_region_to_read_only_needs_no_right_to_write(void **state)
{
	int fd = read_only();
	struct guest_region_claim claim = { .gpa = MIB, .len = MIB, .user = 1, .read_only = true };
	struct guest_mem *mem = guest_mem_with(NULL, &claim, fd, NULL);
	uint8_t *va = NULL;
	unsigned hint = 0;

	assert_non_null(mem);
	assert_int_equal(guest_span(mem, &hint, MIB, 1, &va), 1);
	assert_int_equal(*va, 0);
	assert_true(mem->region[0].read_only);
	assert_null(guest_mem_user(mem, 1, 1));
	assert_null(guest_mem_gpa(mem, MIB, 1));
	guest_mem_free(mem);
	close(fd);
}

static void
there_are_as_many_regions_as_we_said(void **state)
{
	struct guest_region_claim beyond = { GUEST_REGIONS_MAX * PAGE, PAGE, 0, 0, false };
	struct guest_mem *mem = NULL, *next;
	struct err err = { 0 };
	int fd = memory(PAGE);

	for (unsigned i = 0; i < GUEST_REGIONS_MAX; i++) {
		/* From both ends, so that they have to be sorted. */
		unsigned at = i % 2 ? GUEST_REGIONS_MAX - 1 - i / 2 : i / 2;

		next = with(mem, at * PAGE, PAGE, 0, 0, fd);
		guest_mem_free(mem);
		mem = next;
	}
	assert_int_equal(mem->n, GUEST_REGIONS_MAX);
	for (unsigned i = 0; i < mem->n; i++)
		assert_int_equal(mem->region[i].gpa, i * PAGE);
	assert_null(guest_mem_with(mem, &beyond, fd, &err));
	assert_int_equal(err.code, -ENOSPC);
	guest_mem_free(mem);
	assert_int_equal(mappings(), 0);
	close(fd);
}

/* hugetlbfs maps whole pages of its own size: QEMU's second region begins at 0xc0000 of the file. */
static void
huge_pages_are_mapped_whole(void **state)
{
	struct guest_region_claim claim = { 0xc0000, 3 * MIB, 0, 0xc0000, false };
	int fd = memfd_create("fl-mem-test", MFD_CLOEXEC | MFD_HUGETLB | MFD_HUGE_2MB);
	struct guest_mem *mem;

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, 2 * HUGE), 0);
	mem = guest_mem_with(NULL, &claim, fd, NULL);
	assert_non_null(mem);
	assert_int_equal(mapped.offset, 0);
	assert_int_equal(mapped.len, 2 * HUGE); /* 0xc0000 + 3 MiB, up to the next page */
	assert_int_equal((uintptr_t)mem->region[0].va % HUGE, 0xc0000);
	guest_mem_free(mem);
	assert_int_equal(mappings(), 0); /* a length that is no multiple would not be unmapped */
	close(fd);
}

/* ---- generations ---- */

static void
generations_share_what_they_have_in_common(void **state)
{
	struct guest_region_claim second = { 4 * MIB, MIB, 0x20000000, MIB, false }, nearly = second;
	int fd = memory(4 * MIB), log = memory(PAGE);
	struct guest_mem *one, *two, *logged, *quiet, *three;
	unsigned fds = test_open_fds();
	struct err err = { 0 };

	one = with(NULL, 0, MIB, 0x10000000, 0, fd);
	two = guest_mem_with(one, &second, fd, NULL);
	assert_ptr_equal(two->region[0].va, one->region[0].va);
	assert_int_equal(mappings(), 2);
	guest_mem_free(one);
	assert_int_equal(mappings(), 2);

	logged = guest_mem_logged(two, log, 0, PAGE, NULL);
	assert_int_equal(mappings(), 3);
	assert_non_null(logged->log.bits);
	three = with(logged, 8 * MIB, MIB, 0, 2 * MIB, fd); /* is logged, too */
	assert_ptr_equal(three->log.bits, logged->log.bits);
	guest_mem_free(two);
	guest_mem_free(logged);
	quiet = guest_mem_logged(three, -1, 0, 0, NULL);
	assert_null(quiet->log.bits);
	guest_mem_free(three);
	assert_int_equal(mappings(), 3);

	/* A region goes by address, length and address in the front end, all of them; the offset does not count. */
	nearly.len++;
	assert_null(guest_mem_without(quiet, &nearly, &err));
	assert_int_equal(err.code, -ENOENT);
	nearly = second;
	nearly.user++;
	assert_null(guest_mem_without(quiet, &nearly, &err));
	second.offset = 77;
	one = guest_mem_without(quiet, &second, NULL);
	assert_int_equal(one->n, 2);
	assert_int_equal(one->region[0].gpa, 0);
	assert_int_equal(one->region[1].gpa, 8 * MIB);
	guest_mem_free(quiet);
	assert_int_equal(mappings(), 2);
	guest_mem_free(one);
	assert_int_equal(mappings(), 0);
	assert_int_equal(test_open_fds(), fds);
	guest_mem_free(NULL);
	close(fd);
	close(log);
}

/* CVE-2020-10723, CVE-2020-10725, CVE-2018-1059: an address that was translated, and its length not checked against the region. */
static void
cve_2020_10723_2020_10725_and_2018_1059_a_range_lies_in_one_region(void **state)
{
	static const struct {
		uint64_t gpa, len, span; /* span: bytes that lie together */
		bool whole;
	} rows[] = {
		/* [1 MiB, 2 MiB), [2 MiB, 3 MiB) of another place, [2^64 - 1 MiB, 2^64) */
		{ MIB, MIB, MIB, true },
		{ MIB, 1, 1, true },
		{ 2 * MIB - 1, 1, 1, true },
		{ 2 * MIB - 1, 2, 1, false },
		{ MIB, 2 * MIB, MIB, false },
		{ MIB - 1, 2, 0, false },
		{ 0, 1, 0, false },
		{ 3 * MIB, 1, 0, false },
		{ 2 * MIB, UINT64_MAX, MIB, false },
		{ MIB + 16, UINT64_MAX - 8, MIB - 16, false },
		{ UINT64_MAX, 1, 1, true },
		{ UINT64_MAX, 2, 1, false },
		{ UINT64_MAX - MIB + 1, MIB, MIB, true },
	};
	int fd = memory(4 * MIB);
	struct guest_mem *a = with(NULL, 2 * MIB, MIB, 0x10000000 + 2 * MIB, 0, fd),
			 *b = with(a, MIB, MIB, 0x10000000 + MIB, 2 * MIB, fd),
			 *mem = with(b, UINT64_MAX - MIB + 1, MIB, 0x90000000, 3 * MIB, fd);

	guest_mem_free(a);
	guest_mem_free(b);
	for (size_t i = 0; i < LEN(rows); i++)
		for (unsigned hint = 0; hint < 5; hint++) {
			unsigned h = hint;
			uint8_t *va = NULL;

			assert_int_equal(guest_span(mem, &h, rows[i].gpa, rows[i].len, &va), rows[i].span);
			assert_int_equal(guest_mem_gpa(mem, rows[i].gpa, rows[i].len) != NULL, rows[i].whole);
			if (rows[i].whole)
				assert_ptr_equal(guest_mem_gpa(mem, rows[i].gpa, rows[i].len), va);
		}
	assert_ptr_equal(guest_mem_user(mem, 0x10000000 + MIB + 5, 9), guest_mem_gpa(mem, MIB + 5, 9));
	assert_null(guest_mem_user(mem, 0x10000000 + 2 * MIB - 1, 2));
	assert_null(guest_mem_user(mem, 0x90000000 + MIB, 1));
	assert_null(guest_mem_user(mem, 0x90000000 + 1, UINT64_MAX));
	assert_null(guest_mem_user(NULL, 0, 1));
	assert_null(guest_mem_gpa(NULL, 0, 1));
	guest_mem_free(mem);
	close(fd);
}

/* vhost-user specification, "Migration": page = addr / 4096; log[page / 8] |= 1 << page % 8. */
static void
writes_are_noted_by_page(void **state)
{
	int fd = memory(4 * MIB), log = memory(PAGE);
	struct guest_mem *plain = with(NULL, 0, 4 * MIB, 0, 0, fd), *mem = guest_mem_logged(plain, log, 3, 4, NULL);
	uint8_t bits[8];

	guest_log_write(plain, 0, 4096); /* nobody wants to know */
	guest_log_write(mem, 0x0, 1);
	guest_log_write(mem, 0x1fff, 2);        /* pages 1 and 2 */
	guest_log_write(mem, 0x9000, 0);        /* nothing */
	guest_log_write(mem, 0x1f000, 0x1000);  /* page 31, the last one that the log has a bit for */
	guest_log_write(mem, 0x20000, 0x10000); /* beyond it */
	guest_log_write(mem, 1ull << 60, 1);
	guest_log_write(mem, UINT64_MAX, 1);
	assert_int_equal(pread(log, bits, sizeof(bits), 0), sizeof(bits));
	assert_memory_equal(bits, ((uint8_t[]){ 0, 0, 0, 0x07, 0, 0, 0x80, 0 }), 8);
	guest_mem_free(plain);
	guest_mem_free(mem);
	close(fd);
	close(log);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_cannot_be_a_region_is_refused),
		cmocka_unit_test(cve_2026_86561_2026_86563_and_2020_10722_offset_and_size_stay_inside_the_file),
		cmocka_unit_test(other_kinds_of_files_are_refused),
		cmocka_unit_test(a_region_to_read_only_needs_no_right_to_write),
		cmocka_unit_test(there_are_as_many_regions_as_we_said),
		cmocka_unit_test(huge_pages_are_mapped_whole),
		cmocka_unit_test(generations_share_what_they_have_in_common),
		cmocka_unit_test(cve_2020_10723_2020_10725_and_2018_1059_a_range_lies_in_one_region),
		cmocka_unit_test(writes_are_noted_by_page),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
