/* vfio_user_mem.c - the memory that a VMM lets its function reach (DMA_MAP, DMA_UNMAP); see vfio_user.h. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#include "base/qsbr.h"
#include "guest/vfio_user_call.h"

#define PAGE 4096u /* what we tell as pgsizes */

static void
publish(struct vfio_user *v, struct guest_mem *next)
{
	struct guest_mem *former = v->mem;

	if (next == former)
		return;
	v->mem = next;
	/* Release: its content is seen; partner: the acquire of the device's lanes, once a burst. */
	atomic_store_explicit(&v->published, next, memory_order_release);
	if (former == NULL)
		return;
	qsbr_synchronize();
	guest_mem_free(former);
}

void
vfio_mem_clear(struct vfio_user *v)
{
	v->n_sections = 0;
	if (v->mem == NULL)
		return;
	v->is.ops->memory_goes(v->is.device, NULL);
	publish(v, NULL);
}

/* ---- map ---- */

/*
 * Whether a file is one that we ourselves let the client map: what a guest announces of its function's own registers, once it enables
 * them. A frame that it wants read or written there would change what we work by while we do.
 */
static bool
is_own(const struct vfio_user *v, int fd)
{
	struct stat theirs, ours;

	/* Asked first: only files in memory have seals, and others may have an owner who answers fstat late or never. */
	if (fcntl(fd, F_GET_SEALS) < 0 || fstat(fd, &theirs) < 0)
		return false;
	for (unsigned i = 0; i < VFIO_REGIONS; i++) {
		struct vfio_region r = { .fd = -1 };

		v->is.ops->region(v->is.device, i, &r);
		if (r.fd >= 0 && fstat(r.fd, &ours) == 0 && ours.st_dev == theirs.st_dev &&
		    ours.st_ino == theirs.st_ino)
			return true;
	}
	return false;
}

static int
check_map(const struct vfio_user *v, const struct vfio_user_dma_map *m, struct err *err)
{
	if (m->argsz < sizeof(*m))
		return err_set(err, -EINVAL, "memory: argsz is %" PRIu32, m->argsz);
	if (m->flags != VFIO_USER_DMA_READ && m->flags != (VFIO_USER_DMA_READ | VFIO_USER_DMA_WRITE))
		return err_set(err, -EINVAL, "memory with flags 0x%" PRIx32 " cannot be read, or more is asked for",
			       m->flags);
	if (m->size == 0 || m->size % PAGE != 0 || m->iova % PAGE != 0 || m->iova + (m->size - 1) < m->iova ||
	    m->offset + (m->size - 1) < m->offset)
		return err_set(err, -EINVAL,
			       "0x%" PRIx64 " bytes of memory at 0x%" PRIx64
			       " are empty, no whole pages, or wrap (offset 0x%" PRIx64 ")",
			       m->size, m->iova, m->offset);
	for (unsigned i = 0; i < v->n_sections; i++) {
		const struct vfio_section *s = &v->section[i];

		if (m->iova - s->iova < s->size || s->iova - m->iova < m->size)
			return err_set(err, -EEXIST,
				       "memory at 0x%" PRIx64 " overlaps with what is at 0x%" PRIx64 " already",
				       m->iova, s->iova);
	}
	if (v->n_sections == VFIO_SECTIONS_MAX)
		return err_set(err, -ENOSPC, "%d pieces of memory are mapped already, no more are possible",
			       VFIO_SECTIONS_MAX);
	return 0;
}

int
vfio_dma_map(struct vfio_user *v, struct vfio_call *c, struct err *err)
{
	struct vfio_user_dma_map m;
	struct guest_mem *next;
	bool mapped;
	int ret;

	memcpy(&m, c->payload, sizeof(m));
	ret = check_map(v, &m, err);
	if (ret < 0)
		return ret;
	/* Without a file: ROM, and what a VMM keeps to itself. Frames there are refused, but QEMU announces it. */
	mapped = c->n_fds == 1 && !is_own(v, c->fds[0]);
	if (mapped) {
		struct guest_region_claim claim = { m.iova, m.size, 0, m.offset, !(m.flags & VFIO_USER_DMA_WRITE) };

		next = guest_mem_with(v->mem, &claim, c->fds[0], err);
		if (next == NULL)
			return err->code;
		publish(v, next);
	}
	v->section[v->n_sections++] = (struct vfio_section){ m.iova, m.size, mapped };
	return 0;
}

/* ---- unmap ---- */

static bool
is_inside(const struct vfio_section *s, const struct vfio_user_dma_unmap *u)
{
	return s->iova >= u->iova && s->iova - u->iova < u->size && s->size <= u->size - (s->iova - u->iova);
}

/* How many sections go; -errno and err when one would be cut, or none is there (linux/vfio.h, VFIO_IOMMU_UNMAP_DMA, type 1v2). */
static int
count_inside(const struct vfio_user *v, const struct vfio_user_dma_unmap *u, struct err *err)
{
	unsigned n = 0;

	for (unsigned i = 0; i < v->n_sections; i++) {
		const struct vfio_section *s = &v->section[i];

		if (is_inside(s, u))
			n++;
		else if (u->iova - s->iova < s->size || s->iova - u->iova < u->size)
			return err_set(err, -EINVAL, "memory at 0x%" PRIx64 " can only be unmapped whole", s->iova);
	}
	if (n == 0)
		return err_set(err, -ENOENT, "no memory is mapped at 0x%" PRIx64, u->iova);
	return (int)n;
}

/* The memory without the sections inside of u; NULL and err->code 0: nothing is left. */
static struct guest_mem *
memory_without(const struct vfio_user *v, const struct vfio_user_dma_unmap *u, struct err *err)
{
	struct guest_mem *next = v->mem;

	for (unsigned i = 0; i < v->n_sections; i++) {
		const struct vfio_section *s = &v->section[i];
		struct guest_region_claim claim = { .gpa = s->iova, .len = s->size };
		struct guest_mem *former = next;

		if (!s->mapped || !is_inside(s, u))
			continue;
		next = guest_mem_without(former, &claim, err);
		if (former != v->mem)
			guest_mem_free(former);
		if (next == NULL)
			return NULL;
	}
	if (next == NULL || next->n > 0 || next == v->mem)
		return next;
	guest_mem_free(next);
	return NULL;
}

static void
forget_inside(struct vfio_user *v, const struct vfio_user_dma_unmap *u)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < v->n_sections; i++)
		if (!is_inside(&v->section[i], u))
			v->section[kept++] = v->section[i];
	v->n_sections = kept;
}

int
vfio_dma_unmap(struct vfio_user *v, struct vfio_call *c, struct err *err)
{
	struct vfio_user_dma_unmap u;
	struct guest_mem *next;
	int ret;

	memcpy(&u, c->payload, sizeof(u));
	if (u.argsz < sizeof(u) || (u.flags != 0 && u.flags != VFIO_USER_UNMAP_ALL))
		return err_set(err, -EINVAL, "memory cannot be unmapped with argsz %" PRIu32 " and flags 0x%" PRIx32,
			       u.argsz, u.flags);
	if (u.flags == VFIO_USER_UNMAP_ALL) {
		if (u.iova != 0 || u.size != 0)
			return err_set(err, -EINVAL, "all memory is unmapped, but an address is given");
		vfio_mem_clear(v);
	} else {
		if (u.size == 0 || u.iova + (u.size - 1) < u.iova)
			return err_set(err, -EINVAL, "0x%" PRIx64 " bytes of memory at 0x%" PRIx64 " are empty or wrap",
				       u.size, u.iova);
		ret = count_inside(v, &u, err);
		if (ret < 0)
			return ret;
		next = memory_without(v, &u, err);
		if (err->code < 0)
			return err->code;
		if (next != v->mem)
			v->is.ops->memory_goes(v->is.device, next);
		publish(v, next);
		forget_inside(v, &u);
	}
	memcpy(c->answer, &u, sizeof(u));
	c->answer_len = sizeof(u);
	return 0;
}
