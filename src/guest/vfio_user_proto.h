#ifndef GUEST_VFIO_USER_PROTO_H
#define GUEST_VFIO_USER_PROTO_H
/*
 * vfio_user_proto.h - the messages of vfio-user, version 0.9.2 of its specification ("Header", "Commands"). Numbers stand in the order
 * of the bytes of the host. Inside of guest/vfio_user*.c, and for its fuzzer.
 */
#include <assert.h>
#include <stdint.h>

enum vfio_user_command {
	VFIO_USER_VERSION = 1,
	VFIO_USER_DMA_MAP = 2,
	VFIO_USER_DMA_UNMAP = 3,
	VFIO_USER_DEVICE_GET_INFO = 4,
	VFIO_USER_DEVICE_GET_REGION_INFO = 5,
	VFIO_USER_DEVICE_GET_IRQ_INFO = 7,
	VFIO_USER_DEVICE_SET_IRQS = 8,
	VFIO_USER_REGION_READ = 9,
	VFIO_USER_REGION_WRITE = 10,
	VFIO_USER_DEVICE_RESET = 13,
	VFIO_USER_COMMANDS
};

#define VFIO_USER_HEADER_LEN 16

struct vfio_user_header {
	uint16_t id, command;
	uint32_t size; /* bytes of the whole message */
	uint32_t flags;
	uint32_t error; /* errno, positive */
};

/* Of the header's flags. */
#define VFIO_USER_TYPE 0xfu
#define VFIO_USER_REQUEST 0u
#define VFIO_USER_REPLY 1u
#define VFIO_USER_NO_REPLY 0x10u
#define VFIO_USER_ERROR 0x20u

#define VFIO_USER_MAJOR 0
#define VFIO_USER_MINOR 0

struct vfio_user_version {
	uint16_t major, minor;
	char data[]; /* JSON, NUL-terminated; may be left out */
};

struct vfio_user_dma_map {
	uint32_t argsz, flags;
	uint64_t offset, iova, size;
};

#define VFIO_USER_DMA_READ 1u
#define VFIO_USER_DMA_WRITE 2u

struct vfio_user_dma_unmap {
	uint32_t argsz, flags;
	uint64_t iova, size;
};

#define VFIO_USER_UNMAP_ALL 2u

struct vfio_user_device_info {
	uint32_t argsz, flags, n_regions, n_irqs;
};

#define VFIO_USER_DEVICE_RESETS 1u
#define VFIO_USER_DEVICE_PCI 2u

struct vfio_user_region_info {
	uint32_t argsz, flags, index, cap_offset;
	uint64_t size, offset;
};

#define VFIO_USER_REGION_READS 1u
#define VFIO_USER_REGION_WRITES 2u
#define VFIO_USER_REGION_MMAP 4u
#define VFIO_USER_REGION_CAPS 8u

/* linux/vfio.h, vfio_region_info_cap_sparse_mmap; struct vfio_area (vfio_user.h) follows, n_areas times. */
struct vfio_user_sparse {
	uint16_t id, version;
	uint32_t next, n_areas, reserved;
};

#define VFIO_USER_CAP_SPARSE 1
#define VFIO_USER_CAP_SPARSE_VERSION 1

struct vfio_user_irq_info {
	uint32_t argsz, flags, index, count;
};

#define VFIO_USER_IRQ_EVENTFD 1u

struct vfio_user_set_irqs {
	uint32_t argsz, flags, index, start, count;
};

#define VFIO_USER_IRQ_NONE 1u /* data */
#define VFIO_USER_IRQ_BOOL 2u
#define VFIO_USER_IRQ_EVENTFDS 4u
#define VFIO_USER_IRQ_MASK 8u /* action */
#define VFIO_USER_IRQ_UNMASK 0x10u
#define VFIO_USER_IRQ_TRIGGER 0x20u

/* Of a read and a write; the bytes follow in the read's answer and in the write. */
struct vfio_user_access {
	uint64_t offset;
	uint32_t region, count;
};

static_assert(sizeof(struct vfio_user_header) == VFIO_USER_HEADER_LEN && sizeof(struct vfio_user_version) == 4 &&
		      sizeof(struct vfio_user_dma_map) == 32 && sizeof(struct vfio_user_dma_unmap) == 24 &&
		      sizeof(struct vfio_user_device_info) == 16 && sizeof(struct vfio_user_region_info) == 32 &&
		      sizeof(struct vfio_user_sparse) == 16 && sizeof(struct vfio_user_irq_info) == 16 &&
		      sizeof(struct vfio_user_set_irqs) == 20 && sizeof(struct vfio_user_access) == 16,
	      "no padding");
#endif
