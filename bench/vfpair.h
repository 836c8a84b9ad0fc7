#ifndef BENCH_VFPAIR_H
#define BENCH_VFPAIR_H
/*
 * vfpair.h - two virtual functions, A and B, of one program that drives them as ixgbevf does, with something between them that
 * forwards frames: what the load programs for functions stand on. Both share one guest memory. One thread.
 */
#include "bench/vfuser/ixvf.h"
#include "bench/vmpair.h"

#define VF_HEADROOM \
	64 /* in front of a frame: vmframe_udp writes a virtio-net header there, and a frame begins a cache line */

struct vfpair {
	/* Options. */
	const char *path[2];
	bool huge, trapped;
	unsigned long cpu, ring, seconds;

	/* Before vfpair_open: what the program needs. */
	uint64_t memory;  /* bytes for buffers of the program */
	uint32_t rx_room; /* bytes of a receive buffer, a multiple of 1024 */

	struct vuser_mem mem;
	struct ixvf port[2];
	uint64_t cycles_per_s;
};

extern const struct option_row vfpair_options[];
extern const struct vfpair vfpair_defaults;

/* Opens both functions and posts all receive buffers; ends the program with a sentence when that is impossible. */
void vfpair_open(struct vfpair *p);
void vfpair_close(struct vfpair *p);

/* Sends a probe each way until it arrives, so that what stands between has begun and knows both; ends the program otherwise. */
void vfpair_prime(struct vfpair *p);

/* Ends the program: the function broke the rules of a ring. */
_Noreturn void vfpair_broken(void);

/* A buffer of len bytes with headroom in front of it, at a distance from the one before that is no power of two. */
uint8_t *vfpair_buffer(struct vfpair *p, uint32_t len);

/* The ends of a way (0: from A to B, 1: from B to A). */
static inline struct ix_tx *
vfpair_tx(struct vfpair *p, unsigned way)
{
	return &p->port[way].tx[0];
}

static inline struct ix_rx *
vfpair_rx(struct vfpair *p, unsigned way)
{
	return &p->port[1 - way].rx[0];
}

/* A UDP frame of that way, with a virtio-net header in its headroom. */
void vfpair_frame(const struct vfpair *p, unsigned way, uint8_t *frame, uint32_t len);

/* The first fields of the JSON object: what was set up, and messages for registers. */
void vfpair_print(const struct vfpair *p);
#endif
