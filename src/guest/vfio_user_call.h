#ifndef GUEST_VFIO_USER_CALL_H
#define GUEST_VFIO_USER_CALL_H
/*
 * vfio_user_call.h - a session of vfio-user and a request on its way through its handler. Inside of guest/vfio_user*.c.
 *
 * All is the control thread's, but `published`, which lanes load.
 */
#include "guest/vfio_user.h"
#include "guest/vfio_user_proto.h"

/*
 * Our choice: QEMU's default machine has about 20, with the pieces below 1 MiB. Told as max_dma_maps in the answer to VERSION;
 * GUEST_REGIONS_MAX of them can be memory.
 */
#define VFIO_SECTIONS_MAX 256

/* Bytes of payload, in either direction. */
#define VFIO_PAYLOAD_MAX (sizeof(struct vfio_user_access) + VFIO_XFER_MAX)

/* What DMA_MAP announced. */
struct vfio_section {
	uint64_t iova, size;
	bool mapped; /* it is a region of mem; else it came without a file, or is a region of the device itself */
};

struct vfio_user {
	const struct guest_mem *_Atomic published; /* mem */
	struct guest_mem *mem;                     /* the current generation; NULL: none */
	struct vfio_user_options is;
	struct session *session;
	bool agreed; /* on the version */
	unsigned n_sections;
	struct vfio_section section[VFIO_SECTIONS_MAX]; /* not overlapping */
	uint64_t connects, traps;
	char last_error[160];
};

struct vfio_call {
	const struct vfio_user_header *header;
	const uint8_t *payload; /* len bytes; any alignment */
	size_t len;
	int *fds; /* as of struct session_message */
	unsigned n_fds;
	bool over; /* a refusal ends the connection */
	/* The answer: nothing but the header unless the handler says more. */
	uint8_t *answer; /* room for VFIO_PAYLOAD_MAX bytes */
	size_t answer_len;
	int answer_fd; /* borrowed; -1: none */
};

typedef int vfio_handler(struct vfio_user *v, struct vfio_call *c, struct err *err);

/* Handlers; they return 0, or -errno and err, which the client gets. vfio_user_info.c: */
vfio_handler vfio_get_info, vfio_get_region_info, vfio_get_irq_info, vfio_set_irqs;
/* vfio_user_mem.c: */
vfio_handler vfio_dma_map, vfio_dma_unmap;

/* Forgets all sections; lanes are off the memory when this returns, and it is unmapped. */
void vfio_mem_clear(struct vfio_user *v);
#endif
