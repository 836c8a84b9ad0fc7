#ifndef BENCH_VFUSER_VFUSER_H
#define BENCH_VFUSER_VFUSER_H
/*
 * vfuser.h - a VMM's end of vfio-user: what QEMU says to a PCI function in another process.
 *
 * Each step can be done apart, left out, or done wrong, and messages can be sent raw. All functions with a result return 0 or
 * -errno: -ETIMEDOUT when the server does not answer, -ECONNRESET when it hung up, -EPROTO when it answers something else,
 * -EREMOTEIO when it refuses (error: why). One thread.
 */
#include <stdbool.h>
#include <stddef.h>

#include "bench/vfuser/proto.h"
#include "bench/vuser/mem.h"
#include "bench/vuser/stream.h"

#define VFUSER_AREAS_MAX 16

struct vfuser {
	struct stream stream; /* timeout_ms 0: 5000, as QEMU has it */
	uint16_t id;          /* of the last request */
	uint32_t error;       /* errno of the last answer that was a refusal */
};

/* What the server says of a region. */
struct vfuser_region {
	uint64_t size, offset; /* offset: in fd */
	uint32_t flags;
	int fd; /* ours; -1: none came */
	unsigned n_areas;
	struct vfuser_area area[VFUSER_AREAS_MAX];
};

/* Connects to the socket; longer than sun_path takes is -ENAMETOOLONG. v is zeroed before, or has timeout_ms and idle of stream set. */
int vfuser_connect(struct vfuser *v, const char *path);
void vfuser_close(struct vfuser *v);

/* VERSION with QEMU's capabilities; *data: the server's, NUL-terminated, into room for 1020 bytes; may be NULL. */
int vfuser_negotiate(struct vfuser *v, char *data);

/* DEVICE_GET_INFO; GET_REGION_INFO, asked a second time where it needs room; GET_IRQ_INFO. */
int vfuser_info(struct vfuser *v, uint32_t *flags, uint32_t *n_regions, uint32_t *n_irqs);
int vfuser_region(struct vfuser *v, unsigned index, struct vfuser_region *out);
int vfuser_irqs(struct vfuser *v, unsigned index, uint32_t *flags, uint32_t *count);

/* Maps area i of a region into this process; NULL when that fails. */
void *vfuser_map_area(const struct vfuser_region *r, unsigned i);

/* Lets the function reach memory (DMA_MAP), read-only if told; fd -1: a section that cannot be mapped. */
int vfuser_map(struct vfuser *v, uint64_t iova, uint64_t size, int fd, uint64_t offset, bool read_only);
int vfuser_unmap(struct vfuser *v, uint64_t iova, uint64_t size);
int vfuser_unmap_all(struct vfuser *v);

/* All of mem at its own address. */
static inline int
vfuser_share(struct vfuser *v, const struct vuser_mem *mem)
{
	return vfuser_map(v, mem->gpa, mem->len, mem->fd, 0, false);
}

/* REGION_READ and REGION_WRITE, up to 4096 bytes; post: a write whose answer is not wanted. */
int vfuser_read(struct vfuser *v, unsigned region, uint64_t offset, void *bytes, unsigned len);
int vfuser_write(struct vfuser *v, unsigned region, uint64_t offset, const void *bytes, unsigned len);
int vfuser_post(struct vfuser *v, unsigned region, uint64_t offset, const void *bytes, unsigned len);

/* SET_IRQS for MSI-X: eventfds for n vectors from start on; fds NULL: none for them; and off. */
int vfuser_vectors(struct vfuser *v, unsigned start, const int *fds, unsigned n);
int vfuser_vectors_off(struct vfuser *v);

/* DEVICE_RESET. */
int vfuser_reset(struct vfuser *v);

/* Sends a message with descriptors, as it is; the id is the caller's. */
int vfuser_send(struct vfuser *v, const struct vfuser_msg *m, const int *fds, unsigned n_fds);

/* Sends any bytes. */
int vfuser_send_bytes(struct vfuser *v, const void *bytes, size_t len);

/* The next message of the server; *fd: a descriptor that came with it, ours, or -1; NULL: it is closed. */
int vfuser_receive(struct vfuser *v, struct vfuser_msg *m, int *fd);

/*
 * Sends m as the next request, len bytes of payload, and replaces it by the answer, which must have at least `least` bytes of it
 * unless it is a refusal. fd as above.
 */
int vfuser_ask(struct vfuser *v, struct vfuser_msg *m, unsigned len, const int *fds, unsigned n_fds, unsigned least,
	       int *fd);
#endif
