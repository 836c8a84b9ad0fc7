#ifndef GUEST_TEST_MEM_H
#define GUEST_TEST_MEM_H
/*
 * test_mem.h - for tests: files of memory as a front end shares them.
 */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "guest/mem.h"

#define LEN(a) (sizeof(a) / sizeof((a)[0]))
#define PAGE 4096ull
#define MIB (1ull << 20)

/* A memfd of len bytes. */
static inline int
memory(uint64_t len)
{
	int fd = memfd_create("fl-mem-test", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)len), 0);
	return fd;
}

/* Mappings of our memfds. */
static inline unsigned
mappings(void)
{
	FILE *f = fopen("/proc/self/maps", "re");
	unsigned n = 0;
	char line[512];

	assert_non_null(f);
	while (fgets(line, sizeof(line), f) != NULL)
		n += strstr(line, "fl-mem-test") != NULL;
	fclose(f);
	return n;
}

/* old and a region more of fd. */
static inline struct guest_mem *
with(struct guest_mem *old, uint64_t gpa, uint64_t len, uint64_t user, uint64_t offset, int fd)
{
	struct guest_region_claim claim = { gpa, len, user, offset, false };
	struct err err = { 0 };
	struct guest_mem *mem = guest_mem_with(old, &claim, fd, &err);

	if (mem == NULL)
		fail_msg("%s", err.msg);
	return mem;
}
#endif
