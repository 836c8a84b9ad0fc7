#ifndef BENCH_VUSER_MEM_H
#define BENCH_VUSER_MEM_H
/*
 * mem.h - guest memory of our own: one shared file, from which rings and buffers are carved. One thread.
 */
#include <stdbool.h>
#include <stdint.h>

/* Where a guest's memory begins unless told otherwise (our choice): like no pointer of ours, so that mixed-up addresses fail. */
#define VUSER_GPA 0x100000000ull

struct vuser_mem {
	int fd; /* memfd */
	uint8_t *va;
	uint64_t gpa;  /* guest physical address of va */
	uint64_t len;  /* bytes, whole pages */
	uint64_t used; /* bytes carved so far */
};

/*
 * Makes at least len bytes of zeros, all present, at guest physical address gpa; huge: in pages of 2 MiB. Returns 0, or
 * -errno with nothing left: -ENOMEM when there are not that many free (huge) pages.
 */
int vuser_mem_open(struct vuser_mem *m, uint64_t len, uint64_t gpa, bool huge);

/* Unmaps and closes it; who has mapped the file keeps the pages. A zeroed struct with fd -1 is nothing. */
void vuser_mem_close(struct vuser_mem *m);

/* The next len bytes whose address is a multiple of align (a power of two up to a page); NULL when there are no more. */
void *vuser_mem_carve(struct vuser_mem *m, uint64_t len, uint64_t align);

static inline uint64_t
vuser_gpa(const struct vuser_mem *m, const void *va)
{
	return (uint64_t)((const uint8_t *)va - m->va) + m->gpa;
}
#endif
