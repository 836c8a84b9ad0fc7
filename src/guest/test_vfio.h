#ifndef GUEST_TEST_VFIO_H
#define GUEST_TEST_VFIO_H
/*
 * test_vfio.h - for tests: a function that only remembers, on a real socket, and a VMM in the same thread.
 */
#include <sys/un.h>

#include "bench/vfuser/vfuser.h"
#include "guest/vfio_user.h"

#define LEN(a) (sizeof(a) / sizeof((a)[0]))
#define PAGE 4096ull
#define MIB (1ull << 20)
#define GUEST_MEMORY (8 * MIB)
#define BAR_SIZE 0x4000 /* of BAR 0, whose pages 1 and 2 can be mapped; BAR 3 is as long, and is read only */
#define VECTORS 3

struct device {
	struct vfio_user *v;
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
	int bar; /* memfd with a page for each of BAR 0 */
	uint8_t config[VFIO_XFER_MAX], page0[BAR_SIZE];
	int vector[VECTORS]; /* as set last, its own to close; -1: none */
	int fails;           /* what reads and writes return, when it is not 0 */
	unsigned syncs, reads, writes, resets, offs, begun, ended;
	unsigned kept_regions; /* of the last memory_goes */
	char story[512];       /* what was called, but sync, read and write: "begun memory 0 ended " */
	char why[512];
	struct vfuser vmm;
	struct vuser_mem mem; /* the guest's; fd -1: not yet */
};

extern struct session_loop *loop;

/* Group setup and teardown. */
int device_start(void **state);
int device_stop(void **state);

/* A function that waits for a VMM; a VMM that has agreed on the version, or only connected; and away again. */
void device_open(struct device *d);
void device_close(struct device *d);
void device_connect(struct device *d);
void device_agree(struct device *d);
void device_hang_up(struct device *d);

/* A VMM that has shared its memory, at VUSER_GPA. */
void device_share(struct device *d);

/* The control loop works until *seen is value, or 5 s have passed. Returns whether it is. */
bool device_until(const unsigned *seen, unsigned value);

struct vfio_user_info device_info(const struct device *d);

/* What lanes see. */
const struct guest_mem *device_memory(const struct device *d);

#endif
