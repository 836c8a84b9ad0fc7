#ifndef SRIOV_TEST_VF_GUEST_H
#define SRIOV_TEST_VF_GUEST_H
/*
 * test_vf_guest.h - for tests: virtual functions on real sockets, two of them joined by a wire, guests whose driver is bench/vfuser's, and
 * a lane. Everything is in the test's thread, control included, but for vfg_work.
 */
#include <sys/un.h>

#include "bench/vfuser/ixvf.h"
#include "nic/test_eal.h"
#include "sriov/vf.h"

#define VFG_MEMORY (8u << 20)
#define VFG_RING 64

struct vfg {
	struct ingress ingress; /* first: to the other end of the wire */
	struct vf *vf;
	struct vport vport;
	struct queue *queue[VF_PAIRS];
	struct vfg *peer; /* NULL: frames end here */
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
	struct vf_policy policy;
	struct ixvf_options driver; /* of vfg_up */
	struct ixvf ix;
	struct vuser_mem mem;
	unsigned filters_changed, began, over, withdrawn; /* calls of the callbacks */
	_Atomic uint64_t entered, arrived; /* frames that came from it, and of these those that its peer took */
};

extern struct lane vfg_lane;

/* Group setup and teardown. */
int vfg_start(void **state);
int vfg_stop(void **state);

/* A function without a guest; number: its MAC ends with it. */
void vfg_open(struct vfg *g, unsigned number, enum vf_model model, bool trapped);
void vfg_close(struct vfg *g);
void vfg_join(struct vfg *a, struct vfg *b);

/* A guest whose driver is up, with all receive buffers posted; and away again. */
void vfg_up(struct vfg *g);
void vfg_down(struct vfg *g);

/* Buffers of a receive ring, as many as it takes. */
void vfg_post(struct vfg *g, unsigned ring);

struct vf_info vfg_info(const struct vfg *g);

/* Whether the control loop brings it to that state within some seconds. */
bool vfg_until(struct vfg *g, enum vf_state state);

/* A lane's turn: what its transmit rings have goes over the wire. Returns frames. */
unsigned vfg_carry(struct vfg *g);

/* The lane takes turns in a thread of its own, over both ends of the wire. */
void vfg_work(struct vfg *a, struct vfg *b);
void vfg_rest(void);

/* The driver sends a frame of len bytes, made of `seed`, in parts of `part` bytes at most (0: one). Whether there was room. */
bool vfg_send(struct vfg *g, unsigned ring, uint32_t len, uint32_t part, unsigned seed);

/* It takes a frame, gives the buffers back, and compares it with what was sent. Returns bytes, 0 when there is none. */
uint32_t vfg_receive(struct vfg *g, unsigned ring, unsigned seed);
#endif
