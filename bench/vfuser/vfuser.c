/* vfuser.c - requests to a PCI function over vfio-user; see vfuser.h. Messages are in message.c. */
#include "bench/vfuser/vfuser.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define TIMEOUT_MS 5000 /* QEMU: x-msg-timeout */
#define ACCESS_LEN 16   /* offset, region, count */
#define REGION_LEN 32
#define SPARSE_LEN 16

/* As QEMU 10.1 says it, in one line. */
static const char capabilities[] =
	"{\"capabilities\":{\"migration\":{\"max_bitmap_size\":268435456,\"pgsize\":4096},\"max_msg_fds\":16,"
	"\"max_data_xfer_size\":1048576,\"pgsizes\":4096,\"max_dma_maps\":65535,\"write_multiple\":true}}";

int
vfuser_connect(struct vfuser *v, const char *path)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int err;

	if (v->stream.timeout_ms == 0)
		v->stream.timeout_ms = TIMEOUT_MS;
	v->stream.sock = -1;
	if (strlen(path) >= sizeof(at.sun_path))
		return -ENAMETOOLONG;
	strcpy(at.sun_path, path);
	v->stream.sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (v->stream.sock < 0)
		return -errno;
	if (connect(v->stream.sock, (struct sockaddr *)&at, sizeof(at)) == 0)
		return 0;
	err = -errno;
	vfuser_close(v);
	return err;
}

void
vfuser_close(struct vfuser *v)
{
	if (v->stream.sock >= 0)
		close(v->stream.sock);
	v->stream.sock = -1;
}

int
vfuser_negotiate(struct vfuser *v, char *data)
{
	struct vfuser_msg m = { .command = VFUSER_VERSION };
	unsigned len = 4 + sizeof(capabilities);
	int err;

	memcpy(m.version.data, capabilities, sizeof(capabilities));
	err = vfuser_ask(v, &m, len, NULL, 0, 4, NULL);
	if (err < 0)
		return err;
	/* QEMU: the answer goes where the request was. */
	if (m.size > VFUSER_HEADER_LEN + len || m.version.major != 0 || m.raw[m.size - VFUSER_HEADER_LEN - 1] != '\0')
		return -EPROTO;
	if (data != NULL)
		snprintf(data, sizeof(m.version.data), "%s", m.version.data);
	return 0;
}

int
vfuser_info(struct vfuser *v, uint32_t *flags, uint32_t *n_regions, uint32_t *n_irqs)
{
	struct vfuser_msg m = { .command = VFUSER_GET_INFO, .info.argsz = sizeof(m.info) };
	int err = vfuser_ask(v, &m, sizeof(m.info), NULL, 0, sizeof(m.info), NULL);

	if (err < 0)
		return err;
	*flags = m.info.flags;
	*n_regions = m.info.n_regions;
	*n_irqs = m.info.n_irqs;
	return 0;
}

/* The areas of a second answer, which has room for all that the first one asked for. */
static int
read_areas(const struct vfuser_msg *m, struct vfuser_region *out)
{
	unsigned n = m->region.sparse.n_areas;

	if (m->region.cap_offset != REGION_LEN || m->region.sparse.id != VFUSER_CAP_SPARSE ||
	    m->region.sparse.version != 1 || n > VFUSER_AREAS_MAX ||
	    m->size < VFUSER_HEADER_LEN + REGION_LEN + SPARSE_LEN + n * sizeof(out->area[0]))
		return -EPROTO;
	out->n_areas = n;
	memcpy(out->area, m->region.sparse.area, n * sizeof(out->area[0]));
	return 0;
}

int
vfuser_region(struct vfuser *v, unsigned index, struct vfuser_region *out)
{
	struct vfuser_msg m = { .command = VFUSER_GET_REGION_INFO };
	uint32_t room = REGION_LEN;
	int err;

	*out = (struct vfuser_region){ .fd = -1 };
	for (unsigned i = 0; i < 2; i++) {
		m.region.argsz = room;
		m.region.index = index;
		err = vfuser_ask(v, &m, REGION_LEN, NULL, 0, REGION_LEN, &out->fd);
		if (err < 0)
			return err;
		/* QEMU: an answer that is larger than what it has room for is lost. */
		if (m.region.index != index || m.size > VFUSER_HEADER_LEN + room)
			goto broken;
		/* QEMU, even where they do not follow. */
		if ((m.region.flags & VFUSER_REGION_CAPS) &&
		    (m.region.cap_offset < REGION_LEN || m.region.cap_offset > m.region.argsz))
			goto broken;
		if (m.region.argsz <= room)
			break;
		room = m.region.argsz;
		if (i == 1 || room > sizeof(m.raw))
			goto broken;
		if (out->fd >= 0)
			close(out->fd);
		out->fd = -1;
	}
	out->size = m.region.size;
	out->offset = m.region.offset;
	out->flags = m.region.flags;
	if (!(out->flags & VFUSER_REGION_CAPS) || read_areas(&m, out) == 0)
		return 0;
broken:
	if (out->fd >= 0)
		close(out->fd);
	out->fd = -1;
	return -EPROTO;
}

void *
vfuser_map_area(const struct vfuser_region *r, unsigned i)
{
	void *va = mmap(NULL, r->area[i].size, PROT_READ | PROT_WRITE, MAP_SHARED, r->fd,
			(off_t)(r->offset + r->area[i].offset));

	return va == MAP_FAILED ? NULL : va;
}

int
vfuser_irqs(struct vfuser *v, unsigned index, uint32_t *flags, uint32_t *count)
{
	struct vfuser_msg m = { .command = VFUSER_GET_IRQ_INFO, .irq = { .argsz = sizeof(m.irq), .index = index } };
	int err = vfuser_ask(v, &m, sizeof(m.irq), NULL, 0, sizeof(m.irq), NULL);

	if (err < 0)
		return err;
	*flags = m.irq.flags;
	*count = m.irq.count;
	return m.irq.index == index ? 0 : -EPROTO;
}

int
vfuser_map(struct vfuser *v, uint64_t iova, uint64_t size, int fd, uint64_t offset, bool read_only)
{
	struct vfuser_msg m = { .command = VFUSER_DMA_MAP };

	m.map.argsz = sizeof(m.map);
	m.map.flags = VFUSER_DMA_READ | (read_only ? 0 : VFUSER_DMA_WRITE);
	m.map.offset = offset;
	m.map.iova = iova;
	m.map.size = size;
	return vfuser_ask(v, &m, sizeof(m.map), &fd, fd >= 0, 0, NULL);
}

static int
unmap(struct vfuser *v, uint32_t flags, uint64_t iova, uint64_t size)
{
	struct vfuser_msg m = { .command = VFUSER_DMA_UNMAP, .unmap = { sizeof(m.unmap), flags, iova, size } };

	return vfuser_ask(v, &m, sizeof(m.unmap), NULL, 0, 0, NULL);
}

int
vfuser_unmap(struct vfuser *v, uint64_t iova, uint64_t size)
{
	return unmap(v, 0, iova, size);
}

int
vfuser_unmap_all(struct vfuser *v)
{
	return unmap(v, VFUSER_UNMAP_ALL, 0, 0);
}

int
vfuser_read(struct vfuser *v, unsigned region, uint64_t offset, void *bytes, unsigned len)
{
	struct vfuser_msg m = { .command = VFUSER_REGION_READ,
				.access = { .offset = offset, .region = region, .count = len } };
	int err;

	if (len > sizeof(m.access.bytes))
		return -EINVAL;
	err = vfuser_ask(v, &m, ACCESS_LEN, NULL, 0, ACCESS_LEN + len, NULL);
	if (err < 0)
		return err;
	if (m.access.offset != offset || m.access.region != region || m.access.count != len)
		return -EPROTO;
	memcpy(bytes, m.access.bytes, len);
	return 0;
}

int
vfuser_write(struct vfuser *v, unsigned region, uint64_t offset, const void *bytes, unsigned len)
{
	struct vfuser_msg m = { .command = VFUSER_REGION_WRITE,
				.access = { .offset = offset, .region = region, .count = len } };

	if (len > sizeof(m.access.bytes))
		return -EINVAL;
	memcpy(m.access.bytes, bytes, len);
	return vfuser_ask(v, &m, ACCESS_LEN + len, NULL, 0, ACCESS_LEN, NULL);
}

int
vfuser_post(struct vfuser *v, unsigned region, uint64_t offset, const void *bytes, unsigned len)
{
	struct vfuser_msg m = { .id = ++v->id,
				.command = VFUSER_REGION_WRITE,
				.size = VFUSER_HEADER_LEN + ACCESS_LEN + len,
				.flags = VFUSER_NO_REPLY,
				.access = { .offset = offset, .region = region, .count = len } };

	if (len > sizeof(m.access.bytes))
		return -EINVAL;
	memcpy(m.access.bytes, bytes, len);
	return vfuser_send(v, &m, NULL, 0);
}

static int
set_irqs(struct vfuser *v, uint32_t flags, unsigned start, const int *fds, unsigned n)
{
	struct vfuser_msg m = { .command = VFUSER_SET_IRQS,
				.set_irqs = { sizeof(m.set_irqs), flags, VFUSER_MSIX, start, n } };

	return vfuser_ask(v, &m, sizeof(m.set_irqs), fds, fds != NULL ? n : 0, 0, NULL);
}

int
vfuser_vectors(struct vfuser *v, unsigned start, const int *fds, unsigned n)
{
	return set_irqs(v, VFUSER_IRQ_EVENTFD | VFUSER_IRQ_TRIGGER, start, fds, n);
}

int
vfuser_vectors_off(struct vfuser *v)
{
	return set_irqs(v, VFUSER_IRQ_NONE | VFUSER_IRQ_TRIGGER, 0, NULL, 0);
}

int
vfuser_reset(struct vfuser *v)
{
	struct vfuser_msg m = { .command = VFUSER_RESET };

	return vfuser_ask(v, &m, 0, NULL, 0, 0, NULL);
}
