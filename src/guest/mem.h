#ifndef GUEST_MEM_H
#define GUEST_MEM_H
/*
 * mem.h - the memory of a guest, as regions of files that its front end shares with us.
 *
 * struct guest_mem is immutable and published by RCU: lanes read the pointer once per burst and use nothing of it after
 * their next quiescent state. Control makes the next one, publishes it, waits for the grace period, and only then
 * unmaps what the new one has not (vhost-user and vfio-user alike).
 *
 * A front end that shrinks its file costs a SIGBUS: the handler (fault.h) maps zeros over the whole mapping and marks it dead, so
 * the copy goes on; control finds it dead and resets the port. A system call on such memory says EFAULT: the same case, which
 * control finds by the file's size.
 */
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <rte_branch_prediction.h>

#include "base/err.h"

#define GUEST_REGIONS_MAX 64 /* our choice: what we answer to GET_MAX_MEM_SLOTS; QEMU's default machine uses 2 to 4 */

#define GUEST_PAGE_BITS 12 /* VHOST_LOG_PAGE of the dirty log, vhost-user specification, "Migration" */

/* What a front end says of a region; nothing of it is believed yet. All in bytes. */
struct guest_region_claim {
	uint64_t gpa;  /* guest physical address, or IOVA */
	uint64_t len;  /* > 0 */
	uint64_t user; /* address in the front end, which ring addresses are given in; 0 where there is no such thing */
	uint64_t offset; /* of the region in its file */
	bool read_only;  /* we may not write (vfio-user DMA_MAP flags) */
};

struct guest_mapping; /* one mmap, shared by all generations that have the region */

struct guest_region {
	uint64_t gpa, len, user;
	uint8_t *va; /* ours, of gpa */
	bool read_only;
	struct guest_mapping *mapping;
};

/* Where writes into guest memory are noted while a VM migrates: a bit per page of gpa. */
struct guest_log {
	_Atomic uint8_t *bits;
	uint64_t len; /* bytes */
	struct guest_mapping *mapping;
};

struct guest_mem {
	struct guest_log log; /* bits NULL: nobody wants to know */
	unsigned n;           /* sorted by gpa, not overlapping */
	struct guest_region region[];
};

/*
 * A new generation: those of `old` (may be NULL) with one region more, whose file is fd (stays the caller's). Returns NULL and err:
 * -EINVAL (empty, wrapping, overlapping in gpa), -ENOSPC (GUEST_REGIONS_MAX, or no room for one more mapping), -EFBIG (file shorter
 * than offset + len), -EMEDIUMTYPE (neither memfd, tmpfs nor hugetlbfs: an access could block), -ENOMEM, -EMFILE, or what mmap
 * says (-EACCES, -EPERM: a file that we may not write to). Control.
 */
struct guest_mem *guest_mem_with(const struct guest_mem *old, const struct guest_region_claim *claim, int fd,
				 struct err *err);

/* A new generation without the region that has these gpa, user and len. NULL and err: -ENOENT, -ENOMEM. Control. */
struct guest_mem *guest_mem_without(const struct guest_mem *old, const struct guest_region_claim *claim,
				    struct err *err);

/*
 * A new generation of the same regions (none for old NULL) that logs writes into fd, len bytes from offset on; fd -1: logs no more.
 * NULL and err as above. Control.
 */
struct guest_mem *guest_mem_logged(const struct guest_mem *old, int fd, uint64_t offset, uint64_t len, struct err *err);

/* Frees a generation that no lane reads any more, and unmaps what no other one has. NULL is nothing. Control. */
void guest_mem_free(struct guest_mem *mem);

/* Whether a file of it shrank under us, met by an access or not. NULL is alive. Control. */
bool guest_mem_is_dead(const struct guest_mem *mem);

/* Ours, of an address range in the front end; NULL when it does not lie in one region that we may write to. mem may be NULL. Control. */
void *guest_mem_user(const struct guest_mem *mem, uint64_t user, uint64_t len);

/* The same of a guest physical one. */
void *guest_mem_gpa(const struct guest_mem *mem, uint64_t gpa, uint64_t len);

/* Installs the SIGBUS handler, once, before the first region. One that is not for guest memory is passed on. Control. */
void guest_mem_init(void);

/*
 * Bytes of [gpa, gpa + len) that lie together at *va, from gpa on; 0 when gpa lies in no region. Less than len where a
 * region ends: ask again for the rest. *hint: index of the region of the last hit, any value. Lanes.
 */
static inline uint64_t
guest_span(const struct guest_mem *mem, unsigned *hint, uint64_t gpa, uint64_t len, uint8_t **va)
{
	const struct guest_region *r;
	uint64_t at;

	if (unlikely(*hint >= mem->n))
		*hint = 0;
	r = &mem->region[*hint];
	if (unlikely(mem->n == 0 || gpa - r->gpa >= r->len)) {
		unsigned i = 0, end = mem->n;

		/* The last one that begins at or below gpa, if any does, is in [i, end). A guest may jump between all of them. */
		while (end - i > 1) {
			unsigned middle = (i + end) / 2;

			if (mem->region[middle].gpa <= gpa)
				i = middle;
			else
				end = middle;
		}
		if (end == 0 || gpa - mem->region[i].gpa >= mem->region[i].len)
			return 0;
		*hint = i;
		r = &mem->region[i];
	}
	at = gpa - r->gpa;
	*va = r->va + at;
	return len <= r->len - at ? len : r->len - at;
}

/* Notes that len bytes at gpa were written. Lanes, and control. */
static inline void
guest_log_write(const struct guest_mem *mem, uint64_t gpa, uint64_t len)
{
	if (likely(mem->log.bits == NULL) || len == 0)
		return;
	for (uint64_t page = gpa >> GUEST_PAGE_BITS; page <= (gpa + len - 1) >> GUEST_PAGE_BITS; page++)
		/* Release: the write is seen before the bit; partner: the front end's exchange of the log's words. */
		if (page / 8 < mem->log.len)
			atomic_fetch_or_explicit(&mem->log.bits[page / 8], (uint8_t)(1u << (page % 8)),
						 memory_order_release);
}
#endif
