#ifndef GUEST_VRING_LAYOUT_H
#define GUEST_VRING_LAYOUT_H
/*
 * vring_layout.h - a split virtqueue as it lies in the guest's memory, little-endian: virtio 1.2, 2.7.5 to 2.7.8. (The kernel's
 * header of the same has a struct vring of its own.)
 */
#include <stdbool.h>
#include <stdint.h>

#define VRING_DESC_F_NEXT 1
#define VRING_DESC_F_WRITE 2
#define VRING_DESC_F_INDIRECT 4
#define VRING_AVAIL_F_NO_INTERRUPT 1
#define VRING_USED_F_NO_NOTIFY 1

struct vring_desc {
	uint64_t addr;
	uint32_t len;
	uint16_t flags, next;
};

struct vring_avail {
	uint16_t flags, idx;
	uint16_t ring[]; /* ring[size]: used_event */
};

struct vring_used_elem {
	uint32_t id, len;
};

struct vring_used {
	uint16_t flags, idx;
	struct vring_used_elem ring[]; /* ring[size]: avail_event, 16 bits of it */
};

/* Bytes of the three tables, event words counted. */
static inline uint64_t
vring_desc_bytes(uint32_t size)
{
	return size * (uint64_t)sizeof(struct vring_desc);
}

static inline uint64_t
vring_avail_bytes(uint32_t size)
{
	return sizeof(struct vring_avail) + (size + (uint64_t)1) * sizeof(uint16_t);
}

static inline uint64_t
vring_used_bytes(uint32_t size)
{
	return sizeof(struct vring_used) + size * (uint64_t)sizeof(struct vring_used_elem) + sizeof(uint16_t);
}

/* Whether an index that went from `from` to `to` has passed event: virtio 1.2, 2.7.7.2. */
static inline bool
vring_passed_event(uint16_t event, uint16_t from, uint16_t to)
{
	return (uint16_t)(to - event - 1) < (uint16_t)(to - from);
}
#endif
