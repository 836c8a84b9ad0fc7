#ifndef SRIOV_TEST_VF_H
#define SRIOV_TEST_VF_H
/*
 * test_vf.h - for tests: a virtual function on a real socket, a VMM with a driver, and a lane, all in one thread.
 */
#include <sys/un.h>

#include "bench/vfuser/ixvf.h"
#include "nic/test_eal.h"
#include "sriov/vf.h"

#define LEN(a) (sizeof(a) / sizeof((a)[0]))
#define VM_MEMORY (8u << 20)
#define VM_RING 64
#define VM_FRAME 60

struct vm {
	struct vf *vf;
	struct vf_options options; /* used by vm_open; policy is what vm_set changes */
	struct vport vport;
	struct queue *queue[VF_PAIRS];
	struct ingress ingress;
	struct lane lane;
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
	struct ixvf driver;
	struct ixvf_options driver_is;
	struct vuser_mem mem; /* fd -1: none yet */
	unsigned filters;     /* times that they changed */
	char story[512];      /* what control was told of the receive side: "on off withdrawn " */
};

/* Group setup and teardown. */
int vm_start(void **state);
int vm_stop(void **state);

/* A function of that model without a VMM; options may be changed before vm_open is called by hand. */
void vm_prepare(struct vm *vm, enum vf_model model);
void vm_open(struct vm *vm);
void vm_close(struct vm *vm);

/* A VMM with a driver that probed, probes once more, is up; and away again, which the function has noticed when it returns. */
void vm_probe(struct vm *vm);
void vm_begin(struct vm *vm);
void vm_up(struct vm *vm);
void vm_down(struct vm *vm);
void vm_leave(struct vm *vm);

/* The control loop works until nothing happens for 20 ms, or the session has ended, within 5 s. */
void vm_until_gone(struct vm *vm);

/* The driver posts n receive buffers; a frame to it, its verdict; a frame as it comes out of the driver's ring, bytes or 0. */
void vm_post(struct vm *vm, unsigned pair, unsigned n);
uint8_t vm_put(struct vm *vm, const uint8_t frame[VM_FRAME]);
unsigned vm_receive(struct vm *vm, unsigned pair, uint8_t frame[2048]);

/* The driver sends n frames by a pair; the lane takes, of one burst: how many, and the first. */
void vm_send(struct vm *vm, unsigned pair, unsigned n, const uint8_t frame[VM_FRAME]);
unsigned vm_take(struct vm *vm, unsigned pair, uint8_t frame[VM_FRAME]);

struct vf_info vm_info(const struct vm *vm);
struct vf_filters vm_filters(const struct vm *vm);

#endif
