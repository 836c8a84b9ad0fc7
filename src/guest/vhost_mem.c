/* vhost_mem.c - the memory and the dirty log of a vhost device; see vhost_device.h. */
#include <errno.h>
#include <unistd.h>

#include "base/qsbr.h"
#include "guest/vhost_device.h"

void
vhost_mem_publish(struct vhost *v, struct guest_mem *next)
{
	struct guest_mem *former = v->mem;

	if (next == former)
		return;
	v->mem = next;
	/* Release: its content is seen; partner: the acquire of the rings' lanes (vring_source.c, vring_sink.c). */
	atomic_store_explicit(&v->rings.mem, next, memory_order_release);
	if (former == NULL)
		return;
	qsbr_synchronize();
	guest_mem_free(former);
}

/* ---- the log ---- */

static bool
is_logging(const struct vhost *v)
{
	return (v->features & VHOST_USER_LOG_ALL) && v->log_fd >= 0;
}

/* mem (taken over, may be NULL) as it has to be logged now. Returns NULL and err; mem is freed then. */
static struct guest_mem *
with_log(const struct vhost *v, struct guest_mem *mem, struct err *err)
{
	struct guest_mem *logged;

	if (!is_logging(v))
		return mem;
	logged = guest_mem_logged(mem, v->log_fd, v->log_offset, v->log_len, err);
	guest_mem_free(mem);
	return logged;
}

int
vhost_log_apply(struct vhost *v, struct err *err)
{
	bool on = is_logging(v);
	struct guest_mem *next;

	if (!on && (v->mem == NULL || v->mem->log.bits == NULL))
		return 0;
	next = guest_mem_logged(v->mem, on ? v->log_fd : -1, v->log_offset, v->log_len, err);
	if (next == NULL)
		return err->code;
	vhost_mem_publish(v, next);
	return 0;
}

int
vhost_log_set(struct vhost *v, int fd, uint64_t offset, uint64_t len, struct err *err)
{
	/* Mapped once to know that it can be: whether it is used now or later, this is the message that is refused. */
	struct guest_mem *probe = guest_mem_logged(NULL, fd, offset, len, err);

	if (probe == NULL)
		return err->code;
	guest_mem_free(probe);
	if (v->log_fd >= 0)
		close(v->log_fd);
	v->log_fd = fd;
	v->log_offset = offset;
	v->log_len = len;
	return vhost_log_apply(v, err);
}

/* ---- regions ---- */

/* Rings that cannot run on the new memory stand still: the front end may be about to tell them new addresses. */
static void
replace(struct vhost *v, struct guest_mem *next)
{
	vhost_rings_halt(v, VHOST_ALL_RINGS);
	vhost_mem_publish(v, next);
	vhost_rings_run(v, VHOST_ALL_RINGS, NULL);
}

int
vhost_mem_set(struct vhost *v, const struct guest_region_claim *claims, const int *fds, unsigned n, struct err *err)
{
	struct guest_mem *next = NULL;

	for (unsigned i = 0; i < n; i++) {
		struct guest_mem *former = next;

		next = guest_mem_with(former, &claims[i], fds[i], err);
		guest_mem_free(former);
		if (next == NULL)
			return err->code;
	}
	if (is_logging(v)) {
		next = with_log(v, next, err);
		if (next == NULL)
			return err->code;
	}
	replace(v, next);
	return 0;
}

/*
 * QEMU up to 7.2 speaks of each region once for every queue pair that it starts: what is there is not to be added again, and what
 * is gone not to be missed.
 */
static bool
has_region(const struct guest_mem *mem, const struct guest_region_claim *claim)
{
	for (unsigned i = 0; mem != NULL && i < mem->n; i++) {
		const struct guest_region *r = &mem->region[i];

		if (r->gpa == claim->gpa && r->len == claim->len && r->user == claim->user)
			return true;
	}
	return false;
}

int
vhost_mem_add(struct vhost *v, const struct guest_region_claim *claim, int fd, struct err *err)
{
	bool first = v->mem == NULL;
	struct guest_mem *next;

	if (has_region(v->mem, claim))
		return 0;
	next = guest_mem_with(v->mem, claim, fd, err);
	if (next != NULL && first)
		next = with_log(v, next, err);
	if (next == NULL)
		return err->code;
	vhost_mem_publish(v, next);
	vhost_rings_run(v, VHOST_ALL_RINGS, NULL);
	return 0;
}

int
vhost_mem_remove(struct vhost *v, const struct guest_region_claim *claim, struct err *err)
{
	struct guest_mem *next;

	if (!has_region(v->mem, claim))
		return 0;
	next = guest_mem_without(v->mem, claim, err);
	if (next == NULL)
		return err->code;
	replace(v, next);
	return 0;
}
