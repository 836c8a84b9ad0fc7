#ifndef GUEST_VFIO_USER_H
#define GUEST_VFIO_USER_H
/*
 * vfio_user.h - a PCI function for a VMM, by vfio-user: the session. What the function is and does is behind struct vfio_device_ops.
 *
 * The server's half of the protocol as QEMU's client (vfio-user-pci, QEMU >= 10.1) drives it; the message formats are those of
 * the vfio-user specification, version 0.9.2 (docs/interop/vfio-user.rst of QEMU). Sockets and framing are session.h's. All of it is
 * for the control thread; lanes see only the guest's memory: a generation that is published here, used until their next quiescent
 * state, and unmapped after a grace period.
 *
 * A part of a region that the client maps cannot be watched. So before a request other than VERSION and GET_*_INFO is carried out,
 * `sync` has the device look at what the guest may have written meanwhile: the answer tells the guest that this is done.
 */
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "guest/mem.h"
#include "guest/session.h"

/* linux/vfio.h, VFIO_PCI_*_REGION_INDEX and VFIO_PCI_*_IRQ_INDEX. */
enum vfio_region_index {
	VFIO_REGION_BAR0,
	VFIO_REGION_BAR5 = 5,
	VFIO_REGION_ROM,
	VFIO_REGION_CONFIG,
	VFIO_REGION_VGA,
	VFIO_REGIONS
};

enum vfio_irq_index { VFIO_IRQ_INTX, VFIO_IRQ_MSI, VFIO_IRQ_MSIX, VFIO_IRQ_ERR, VFIO_IRQ_REQ, VFIO_IRQS };

#define VFIO_AREAS_MAX 4    /* our choice */
#define VFIO_XFER_MAX 4096  /* bytes of one read or write: a whole configuration space, which QEMU reads at once */
#define VFIO_VECTORS_MAX 16 /* our choice */

struct vfio_area {
	uint64_t offset, size; /* bytes in the region, whole pages */
};

struct vfio_region {
	uint64_t size; /* bytes; 0: there is no such region */
	bool writable;
	int fd; /* what the client may map areas of; borrowed as long as the device lives; -1: nothing */
	uint64_t
		fd_offset; /* where the region's first byte lies in fd, which has to reach to the end of the last area */
	unsigned n_areas;
	struct vfio_area area[VFIO_AREAS_MAX];
};

/*
 * What the device does; called in the control thread, from session_loop_poll, vfio_user_end or vfio_user_close. None of them may
 * call vfio_user_end or vfio_user_close. Nothing may be NULL.
 */
struct vfio_device_ops {
	unsigned n_vectors; /* of MSI-X, up to VFIO_VECTORS_MAX */

	/* Fills *out, which is zeroed, fd -1; index below VFIO_REGIONS. Always the same answer. */
	void (*region)(void *device, unsigned index, struct vfio_region *out);
	/*
	 * offset + len is inside the region. len: 1, 2, 4 or 8, not always aligned; in the configuration space 1 to VFIO_XFER_MAX.
	 * Return 0, or -errno, which the client gets; then nothing of bytes is.
	 */
	int (*read)(void *device, unsigned region, uint64_t offset, void *bytes, unsigned len);
	int (*write)(void *device, unsigned region, uint64_t offset, const void *bytes, unsigned len);
	/*
	 * Another eventfd for a vector, below n_vectors, taken over; -1: none any more. It is one (interrupt_is_eventfd), O_NONBLOCK.
	 * The former one is the device's to close, after a grace period. Also -1 for one that had none.
	 */
	void (*set_vector)(void *device, unsigned vector, int fd);
	/* MSI-X was switched off (SET_IRQS with DATA_NONE, ACTION_TRIGGER, count 0); every vector was set to -1 just before. */
	void (*vectors_off)(void *device);
	/* DEVICE_RESET: no lane touches the guest's memory for it any more when this returns. */
	void (*reset)(void *device);
	void (*sync)(void *device);
	/*
	 * The guest's memory is about to become `next` (NULL: none), which lacks something that the former one had. Lanes still
	 * use the former; the device may halt what stands on what goes. It is published, with a grace period, right after.
	 */
	void (*memory_goes)(void *device, const struct guest_mem *next);
	/* A client connected. */
	void (*begun)(void *device);
	/* It left: all vectors were set to -1 and memory_goes(NULL) called, in this order, just before. why: as of session_kind. */
	void (*ended)(void *device, const char *why);
};

struct vfio_user_options {
	const char *name;                  /* the port's, for logs; copied */
	const struct vfio_device_ops *ops; /* borrowed, with device, until vfio_user_close has returned */
	void *device;
};

struct vfio_user_info {
	bool connected;
	uint64_t connects; /* clients that came since it was opened */
	unsigned sections; /* of DMA_MAP, with those that cannot be mapped */
	unsigned regions;  /* that are mapped */
	uint64_t memory_bytes;
	uint64_t traps;       /* reads and writes of regions since it was opened */
	char last_error[160]; /* why the last client was cut off, or was last refused something; empty: never */
};

struct vfio_user;

/*
 * A function without a client. server: a listening, non-blocking Unix stream socket, taken over in any case. NULL and err: no memory,
 * or the socket cannot be watched. Control.
 */
struct vfio_user *vfio_user_open(struct session_loop *loop, const struct vfio_user_options *options, int server,
				 struct err *err);

/* Ends the connection (`ended` included) and frees all. Not from a callback. NULL is nothing. Control. */
void vfio_user_close(struct vfio_user *v);

/*
 * Where the current generation of the guest's memory stands: lanes load it (acquire) once a burst; NULL there: none. Valid from open
 * to close. Any thread.
 */
const struct guest_mem *_Atomic *vfio_user_memory(struct vfio_user *v);

/* Ends the connection for a reason, as session_end. Not from a callback. Control. */
void vfio_user_end(struct vfio_user *v, const char *why);

/* Cuts off a client that took memory away which it had shared; about every half second. Not from a callback. Control. */
void vfio_user_tend(struct vfio_user *v);

void vfio_user_info(const struct vfio_user *v, struct vfio_user_info *out);
#endif
