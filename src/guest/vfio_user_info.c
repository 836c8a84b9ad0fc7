/* vfio_user_info.c - what a function has, and its vectors; see vfio_user.h. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>

#include "guest/interrupt.h"
#include "guest/vfio_user_call.h"

#define REGION_INFO_MAX                                                           \
	(sizeof(struct vfio_user_region_info) + sizeof(struct vfio_user_sparse) + \
	 VFIO_AREAS_MAX * sizeof(struct vfio_area))

static_assert(REGION_INFO_MAX <= VFIO_PAYLOAD_MAX, "an answer");

static int
answer(struct vfio_call *c, const void *bytes, size_t len)
{
	memcpy(c->answer + c->answer_len, bytes, len);
	c->answer_len += len;
	return 0;
}

static int
too_small(uint32_t argsz, struct err *err)
{
	return err_set(err, -EINVAL, "argsz is %" PRIu32 ": no room for an answer", argsz);
}

int
vfio_get_info(struct vfio_user *v, struct vfio_call *c, struct err *err)
{
	struct vfio_user_device_info info;

	memcpy(&info, c->payload, sizeof(info));
	if (info.argsz < sizeof(info))
		return too_small(info.argsz, err);
	info = (struct vfio_user_device_info){ sizeof(info), VFIO_USER_DEVICE_RESETS | VFIO_USER_DEVICE_PCI,
					       VFIO_REGIONS, VFIO_IRQS };
	return answer(c, &info, sizeof(info));
}

/* Of a region that the client may map areas of: whole if it has room, else only how much room is needed. */
static int
answer_mappable(struct vfio_call *c, struct vfio_user_region_info *info, const struct vfio_region *r, uint32_t room)
{
	struct vfio_user_sparse sparse = { VFIO_USER_CAP_SPARSE, VFIO_USER_CAP_SPARSE_VERSION, 0, r->n_areas, 0 };

	info->flags |= VFIO_USER_REGION_MMAP | VFIO_USER_REGION_CAPS;
	/* Also where they do not follow: QEMU gives up when it is below (hw/vfio-user/device.c). */
	info->cap_offset = sizeof(*info);
	info->argsz = (uint32_t)(sizeof(*info) + sizeof(sparse) + r->n_areas * sizeof(r->area[0]));
	if (room < info->argsz)
		return answer(c, info, sizeof(*info));
	answer(c, info, sizeof(*info));
	answer(c, &sparse, sizeof(sparse));
	c->answer_fd = r->fd;
	return answer(c, r->area, r->n_areas * sizeof(r->area[0]));
}

int
vfio_get_region_info(struct vfio_user *v, struct vfio_call *c, struct err *err)
{
	struct vfio_user_region_info info;
	struct vfio_region r = { .fd = -1 };
	uint32_t room;

	memcpy(&info, c->payload, sizeof(info));
	room = info.argsz;
	if (room < sizeof(info))
		return too_small(room, err);
	if (info.index >= VFIO_REGIONS)
		return err_set(err, -EINVAL, "region %" PRIu32 " of %d", info.index, VFIO_REGIONS);
	v->is.ops->region(v->is.device, info.index, &r);
	/* One that is not there is no error: its size says so (QEMU asks for all six BARs). */
	info = (struct vfio_user_region_info){
		.argsz = sizeof(info), .index = info.index, .size = r.size, .offset = r.fd >= 0 ? r.fd_offset : 0
	};
	if (r.size > 0)
		info.flags = VFIO_USER_REGION_READS | (r.writable ? VFIO_USER_REGION_WRITES : 0);
	if (r.fd >= 0 && r.n_areas > 0)
		return answer_mappable(c, &info, &r, room);
	return answer(c, &info, sizeof(info));
}

/*
 * Interrupts of a type. ERR is a device's last word, which stops the VM: we never say it, but QEMU complains to its user where there is
 * none.
 */
static unsigned
count_irqs(const struct vfio_user *v, uint32_t type)
{
	return type == VFIO_IRQ_MSIX ? v->is.ops->n_vectors : type == VFIO_IRQ_ERR;
}

int
vfio_get_irq_info(struct vfio_user *v, struct vfio_call *c, struct err *err)
{
	struct vfio_user_irq_info info;

	memcpy(&info, c->payload, sizeof(info));
	if (info.argsz < sizeof(info))
		return too_small(info.argsz, err);
	if (info.index >= VFIO_IRQS)
		return err_set(err, -EINVAL, "interrupt type %" PRIu32 " of %d", info.index, VFIO_IRQS);
	info = (struct vfio_user_irq_info){ sizeof(info), 0, info.index, count_irqs(v, info.index) };
	if (info.count > 0)
		info.flags = VFIO_USER_IRQ_EVENTFD; /* not NORESIZE: vectors come one by one */
	return answer(c, &info, sizeof(info));
}

/* ---- vectors ---- */

static void
vectors_off(struct vfio_user *v)
{
	for (unsigned i = 0; i < v->is.ops->n_vectors; i++)
		v->is.ops->set_vector(v->is.device, i, -1);
	v->is.ops->vectors_off(v->is.device);
}

/* An eventfd for each of the vectors, or for none of them. */
static int
check_eventfds(const struct vfio_user *v, const struct vfio_call *c, const struct vfio_user_set_irqs *s,
	       struct err *err)
{
	unsigned n = count_irqs(v, s->index);

	if (n == 0)
		return err_set(err, -EINVAL, "there are no interrupts of type %" PRIu32, s->index);
	if (s->count == 0 || s->start >= n || s->count > n - s->start)
		return err_set(err, -EINVAL, "%" PRIu32 " vectors from %" PRIu32 " on, of %u", s->count, s->start, n);
	if (c->n_fds != 0 && c->n_fds != s->count)
		return err_set(err, -EINVAL, "%u descriptors for %" PRIu32 " vectors", c->n_fds, s->count);
	for (unsigned i = 0; i < c->n_fds; i++)
		if (!interrupt_is_eventfd(c->fds[i]))
			return err_set(err, -EBADF, "vector %" PRIu32 " got a descriptor that is no eventfd",
				       s->start + i);
	return 0;
}

int
vfio_set_irqs(struct vfio_user *v, struct vfio_call *c, struct err *err)
{
	struct vfio_user_set_irqs s;
	int ret;

	memcpy(&s, c->payload, sizeof(s));
	if (s.argsz < sizeof(s) || c->len != sizeof(s))
		return err_set(err, -EINVAL, "interrupts: argsz is %" PRIu32 ", in %zu bytes", s.argsz, c->len);
	if (s.index >= VFIO_IRQS)
		return err_set(err, -EINVAL, "interrupt type %" PRIu32 " of %d", s.index, VFIO_IRQS);
	if (s.flags == (VFIO_USER_IRQ_NONE | VFIO_USER_IRQ_TRIGGER) && s.start == 0 && s.count == 0 && c->n_fds == 0) {
		/* Types that we have not got are off anyway. */
		if (s.index == VFIO_IRQ_MSIX)
			vectors_off(v);
		return 0;
	}
	if (s.flags != (VFIO_USER_IRQ_EVENTFDS | VFIO_USER_IRQ_TRIGGER))
		return err_set(err, -EINVAL, "interrupts cannot be set by flags 0x%" PRIx32, s.flags);
	ret = check_eventfds(v, c, &s, err);
	if (ret < 0)
		return ret;
	for (unsigned i = 0; i < s.count && s.index == VFIO_IRQ_MSIX; i++) {
		int fd = c->n_fds > 0 ? c->fds[i] : -1;

		if (fd >= 0) {
			c->fds[i] = -1;
			fcntl(fd, F_SETFL, O_NONBLOCK);
		}
		v->is.ops->set_vector(v->is.device, s.start + i, fd);
	}
	return 0;
}
