#ifndef BENCH_VFUSER_PROTO_H
#define BENCH_VFUSER_PROTO_H
/*
 * proto.h - messages of vfio-user, as a VMM sends them (QEMU's docs/interop/vfio-user.rst, version 0.9.2). Shared with no server of
 * ours, so that both do not make the same mistake.
 */
#include <stdint.h>

enum vfuser_command {
	VFUSER_VERSION = 1,
	VFUSER_DMA_MAP = 2,
	VFUSER_DMA_UNMAP = 3,
	VFUSER_GET_INFO = 4,
	VFUSER_GET_REGION_INFO = 5,
	VFUSER_GET_IRQ_INFO = 7,
	VFUSER_SET_IRQS = 8,
	VFUSER_REGION_READ = 9,
	VFUSER_REGION_WRITE = 10,
	VFUSER_RESET = 13,
};

/* "Header": the flags. */
#define VFUSER_TYPE 0xfu
#define VFUSER_REPLY 1u
#define VFUSER_NO_REPLY 0x10u
#define VFUSER_ERROR 0x20u

#define VFUSER_HEADER_LEN 16
#define VFUSER_CONFIG 7 /* the region of the configuration space */
#define VFUSER_MSIX 2   /* the interrupt index */

/* Of GET_REGION_INFO. */
#define VFUSER_REGION_READS 1u
#define VFUSER_REGION_WRITES 2u
#define VFUSER_REGION_MMAP 4u
#define VFUSER_REGION_CAPS 8u
#define VFUSER_CAP_SPARSE 1

/* Of SET_IRQS. */
#define VFUSER_IRQ_NONE 1u
#define VFUSER_IRQ_EVENTFD 4u
#define VFUSER_IRQ_TRIGGER 0x20u

#define VFUSER_DMA_READ 1u
#define VFUSER_DMA_WRITE 2u
#define VFUSER_UNMAP_ALL 2u

struct vfuser_area {
	uint64_t offset, size;
};

struct vfuser_msg {
	uint16_t id, command;
	uint32_t size, flags, error; /* size: bytes with this header */
	union {
		struct {
			uint16_t major, minor;
			char data[1020];
		} version;
		struct {
			uint32_t argsz, flags;
			uint64_t offset, iova, size;
		} map;
		struct {
			uint32_t argsz, flags;
			uint64_t iova, size;
		} unmap;
		struct {
			uint32_t argsz, flags, n_regions, n_irqs;
		} info;
		struct {
			uint32_t argsz, flags, index, cap_offset;
			uint64_t size, offset;
			struct {
				uint16_t id, version;
				uint32_t next, n_areas, reserved;
				struct vfuser_area area[16];
			} sparse;
		} region;
		struct {
			uint32_t argsz, flags, index, count;
		} irq;
		struct {
			uint32_t argsz, flags, index, start, count;
		} set_irqs;
		struct {
			uint64_t offset;
			uint32_t region, count;
			uint8_t bytes[4096];
		} access;
		uint8_t raw[8192];
	};
} __attribute__((packed, aligned(8)));
#endif
