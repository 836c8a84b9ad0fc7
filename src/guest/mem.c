/* mem.c - generations of a guest's memory; see mem.h. */
#include "guest/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/closer.h"
#include "guest/fault.h"

/* Owned by the generations that have it. Written by: control. */
struct guest_mapping {
	unsigned refs;
	uint8_t *base;
	size_t len;        /* of the mapping: whole pages of the file's kind */
	int fd, slot;      /* fd: ours, to ask for the file's size */
	uint64_t file_min; /* bytes that the file has to have */
};

static struct closer *closer; /* of memory that takes its time to be freed; NULL: control waits for it */

/* ---- one file ---- */

/*
 * Any other kind of file may have an owner who answers a page fault late or never (FUSE, NFS, a disk): a lane would wait for him.
 * *page: what the kind maps by, bytes.
 */
static int
file_kind(int fd, uint64_t *page, struct err *err)
{
	struct statfs fs = { 0 };
	/* Only files in memory have seals. Asked first: the owner of another file system may answer the other calls late or never. */
	bool in_memory = fcntl(fd, F_GET_SEALS) >= 0;

	if ((!in_memory && errno == EBADF) || (in_memory && fstatfs(fd, &fs) < 0))
		return err_set(err, -errno, "memory file cannot be looked at: %s", strerror(errno));
	if (fs.f_type == TMPFS_MAGIC)
		*page = (uint64_t)sysconf(_SC_PAGESIZE);
	else if (fs.f_type == HUGETLBFS_MAGIC)
		*page = (uint64_t)fs.f_bsize;
	else {
		err_set(err, -EMEDIUMTYPE, "memory file is neither a memfd nor on tmpfs or hugetlbfs");
		err_hint(err, "give the VM -object memory-backend-memfd,share=on");
		return -EMEDIUMTYPE;
	}
	return 0;
}

static int
file_check(int fd, uint64_t offset, uint64_t len, uint64_t *page, struct err *err)
{
	struct stat st;
	int ret = file_kind(fd, page, err);

	if (ret < 0)
		return ret;
	if (fstat(fd, &st) < 0)
		return err_set(err, -errno, "memory file cannot be looked at: %s", strerror(errno));
	if (!S_ISREG(st.st_mode))
		return err_set(err, -EMEDIUMTYPE, "memory file is a device or a folder");
	if (len == 0 || offset + len < offset)
		return err_set(err, -EINVAL, "0x%" PRIx64 " bytes from 0x%" PRIx64 " on are empty or wrap", len,
			       offset);
	if (offset + len > (uint64_t)st.st_size)
		return err_set(err, -EFBIG, "memory file has %" PRIu64 " bytes, %" PRIu64 " are needed",
			       (uint64_t)st.st_size, offset + len);
	return 0;
}

static void
mapping_drop(struct guest_mapping *m)
{
	if (m == NULL || --m->refs > 0)
		return;
	fault_remove(m->slot);
	closer_unmap(closer, m->base, m->len, m->fd);
	free(m);
}

static struct guest_mapping *
mapping_keep(struct guest_mapping *m)
{
	if (m != NULL)
		m->refs++;
	return m;
}

static int
map_pages(struct guest_mapping *m, int fd, uint64_t from, bool read_only, struct err *err)
{
	int ret;

	m->base = mmap(NULL, m->len, PROT_READ | (read_only ? 0 : PROT_WRITE), MAP_SHARED, fd, (off_t)from);
	if (m->base == MAP_FAILED)
		return err_set(err, -errno, "%zu bytes of guest memory cannot be mapped: %s", m->len, strerror(errno));
	m->slot = fault_add(m->base, m->len);
	if (m->slot < 0) {
		ret = err_set(err, m->slot, "%d pieces of guest memory are mapped already, no more are possible",
			      FAULT_MAPPINGS_MAX);
		goto unmap;
	}
	m->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (m->fd < 0) {
		ret = err_set(err, -errno, "no descriptor is left for guest memory: %s", strerror(errno));
		goto remove;
	}
	madvise(m->base, m->len, MADV_DONTDUMP); /* a guest's secrets stay out of our core dumps */
	return 0;
remove:
	fault_remove(m->slot);
unmap:
	munmap(m->base, m->len);
	return ret;
}

/* Maps len bytes from offset on; *va: where they begin. */
static struct guest_mapping *
mapping_new(int fd, uint64_t offset, uint64_t len, bool read_only, uint8_t **va, struct err *err)
{
	struct guest_mapping *m;
	uint64_t page = 1, from;

	if (file_check(fd, offset, len, &page, err) < 0)
		return NULL;
	m = calloc(1, sizeof(*m));
	if (m == NULL) {
		err_set(err, -ENOMEM, "no memory to map a guest's");
		return NULL;
	}
	/* None of this wraps: the file has offset + len bytes, a positive off_t. */
	from = offset & ~(page - 1);
	m->len = ((offset + len + page - 1) & ~(page - 1)) - from;
	m->file_min = offset + len;
	m->refs = 1;
	if (map_pages(m, fd, from, read_only, err) < 0) {
		free(m);
		return NULL;
	}
	*va = m->base + (offset - from);
	return m;
}

static bool
mapping_is_dead(const struct guest_mapping *m)
{
	struct stat st;

	return fault_is_dead(m->slot) || fstat(m->fd, &st) < 0 || (uint64_t)st.st_size < m->file_min;
}

/* ---- generations ---- */

/* n regions and room for one more; all that old has, but its region `skip` (-1: none). */
static struct guest_mem *
mem_copy(const struct guest_mem *old, int skip, struct err *err)
{
	unsigned n = old != NULL ? old->n : 0;
	struct guest_mem *mem = calloc(1, sizeof(*mem) + (n + 1) * sizeof(mem->region[0]));

	if (mem == NULL) {
		err_set(err, -ENOMEM, "no memory for a guest's memory map");
		return NULL;
	}
	if (old == NULL)
		return mem;
	mem->log = old->log;
	mapping_keep(mem->log.mapping);
	for (unsigned i = 0; i < n; i++) {
		if ((int)i == skip)
			continue;
		mem->region[mem->n] = old->region[i];
		mapping_keep(mem->region[mem->n++].mapping);
	}
	return mem;
}

static int
claim_check(const struct guest_mem *old, const struct guest_region_claim *c, struct err *err)
{
	/* The last byte, not the one after it: a region may end with the address space. */
	if (c->len == 0 || c->gpa + (c->len - 1) < c->gpa || c->user + (c->len - 1) < c->user)
		return err_set(err, -EINVAL,
			       "memory region at 0x%" PRIx64 " with 0x%" PRIx64 " bytes is empty or wraps", c->gpa,
			       c->len);
	if (old == NULL)
		return 0;
	if (old->n >= GUEST_REGIONS_MAX)
		return err_set(err, -ENOSPC, "guest has %u memory regions already; %d at most", old->n,
			       GUEST_REGIONS_MAX);
	for (unsigned i = 0; i < old->n; i++) {
		const struct guest_region *r = &old->region[i];

		if (c->gpa - r->gpa < r->len || r->gpa - c->gpa < c->len)
			return err_set(err, -EINVAL,
				       "memory region at 0x%" PRIx64 " overlaps with the one at 0x%" PRIx64, c->gpa,
				       r->gpa);
	}
	return 0;
}

struct guest_mem *
guest_mem_with(const struct guest_mem *old, const struct guest_region_claim *claim, int fd, struct err *err)
{
	struct guest_region r = { claim->gpa, claim->len, claim->user, .read_only = claim->read_only };
	struct guest_mem *mem;
	unsigned at;

	if (claim_check(old, claim, err) < 0)
		return NULL;
	r.mapping = mapping_new(fd, claim->offset, claim->len, claim->read_only, &r.va, err);
	if (r.mapping == NULL)
		return NULL;
	mem = mem_copy(old, -1, err);
	if (mem == NULL) {
		mapping_drop(r.mapping);
		return NULL;
	}
	for (at = mem->n; at > 0 && mem->region[at - 1].gpa > r.gpa; at--)
		mem->region[at] = mem->region[at - 1];
	mem->region[at] = r;
	mem->n++;
	return mem;
}

struct guest_mem *
guest_mem_without(const struct guest_mem *old, const struct guest_region_claim *claim, struct err *err)
{
	for (unsigned i = 0; old != NULL && i < old->n; i++) {
		const struct guest_region *r = &old->region[i];

		if (r->gpa == claim->gpa && r->user == claim->user && r->len == claim->len)
			return mem_copy(old, (int)i, err);
	}
	err_set(err, -ENOENT, "guest has no memory region at 0x%" PRIx64 " with 0x%" PRIx64 " bytes", claim->gpa,
		claim->len);
	return NULL;
}

struct guest_mem *
guest_mem_logged(const struct guest_mem *old, int fd, uint64_t offset, uint64_t len, struct err *err)
{
	struct guest_log log = { 0 };
	struct guest_mem *mem;
	uint8_t *va;

	if (fd >= 0) {
		log.mapping = mapping_new(fd, offset, len, false, &va, err);
		if (log.mapping == NULL)
			return NULL;
		log.bits = (_Atomic uint8_t *)va;
		log.len = len;
	}
	mem = mem_copy(old, -1, err);
	if (mem == NULL) {
		mapping_drop(log.mapping);
		return NULL;
	}
	mapping_drop(mem->log.mapping);
	mem->log = log;
	return mem;
}

void
guest_mem_free(struct guest_mem *mem)
{
	if (mem == NULL)
		return;
	for (unsigned i = 0; i < mem->n; i++)
		mapping_drop(mem->region[i].mapping);
	mapping_drop(mem->log.mapping);
	free(mem);
}

bool
guest_mem_is_dead(const struct guest_mem *mem)
{
	for (unsigned i = 0; mem != NULL && i < mem->n; i++)
		if (mapping_is_dead(mem->region[i].mapping))
			return true;
	return mem != NULL && mem->log.mapping != NULL && mapping_is_dead(mem->log.mapping);
}

/* Ours, of len bytes at `at` bytes into r. */
static void *
inside(const struct guest_region *r, uint64_t at, uint64_t len)
{
	return at < r->len && len <= r->len - at && !r->read_only ? r->va + at : NULL;
}

void *
guest_mem_user(const struct guest_mem *mem, uint64_t user, uint64_t len)
{
	void *va = NULL;

	for (unsigned i = 0; mem != NULL && va == NULL && i < mem->n; i++)
		va = inside(&mem->region[i], user - mem->region[i].user, len);
	return va;
}

void *
guest_mem_gpa(const struct guest_mem *mem, uint64_t gpa, uint64_t len)
{
	void *va = NULL;

	for (unsigned i = 0; mem != NULL && va == NULL && i < mem->n; i++)
		va = inside(&mem->region[i], gpa - mem->region[i].gpa, len);
	return va;
}

void
guest_mem_init(void)
{
	fault_init();
	if (closer == NULL)
		closer = closer_new();
}
