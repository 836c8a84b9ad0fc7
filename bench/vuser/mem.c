/* mem.c - see mem.h. */
#include "bench/vuser/mem.h"

#include <errno.h>
#include <linux/memfd.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE 4096ull
#define HUGE_PAGE (2ull << 20)

int
vuser_mem_open(struct vuser_mem *m, uint64_t len, uint64_t gpa, bool huge)
{
	uint64_t page = huge ? HUGE_PAGE : PAGE;
	int err;

	*m = (struct vuser_mem){ .gpa = gpa, .len = (len + page - 1) & ~(page - 1) };
	m->fd = memfd_create("vuser", MFD_CLOEXEC | (huge ? MFD_HUGETLB | MFD_HUGE_2MB : 0));
	if (m->fd < 0)
		return -errno;
	if (ftruncate(m->fd, (off_t)m->len) < 0) {
		err = -errno;
		goto close_fd;
	}
	m->va = mmap(NULL, m->len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, m->fd, 0);
	if (m->va == MAP_FAILED) {
		err = -errno;
		goto close_fd;
	}
	return 0;

close_fd:
	close(m->fd);
	*m = (struct vuser_mem){ .fd = -1 };
	return err;
}

void
vuser_mem_close(struct vuser_mem *m)
{
	if (m->fd < 0)
		return;
	munmap(m->va, m->len);
	close(m->fd);
	*m = (struct vuser_mem){ .fd = -1 };
}

void *
vuser_mem_carve(struct vuser_mem *m, uint64_t len, uint64_t align)
{
	uint64_t at = (m->used + align - 1) & ~(align - 1);

	if (at > m->len || len > m->len - at)
		return NULL;
	m->used = at + len;
	return m->va + at;
}
