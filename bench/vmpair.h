#ifndef BENCH_VMPAIR_H
#define BENCH_VMPAIR_H
/*
 * vmpair.h - two virtio-net devices, A and B, of one program, with something between them that forwards frames: what the load
 * programs stand on. Both devices share one guest memory. One thread.
 */
#include <signal.h>
#include <time.h>

#include "bench/netns.h"
#include "bench/options.h"
#include "bench/vmframe.h"
#include "bench/vuser/vuser.h"

#define VM_BATCH 64 /* packets handled at once, at most: twice a usual switch's burst */
#define VM_NS_PER_S 1000000000ull
#define VM_ANY_CPU 1024 /* CPU_SETSIZE: no CPU */

struct vmpair {
	/* Options. */
	const char *path[2];
	uint8_t mac[2][6];
	bool server, huge, no_in_order, no_event_idx;
	unsigned long cpu, ring, queues, seconds, mtu;

	/* Before vmpair_open: what the program needs. */
	uint64_t features; /* beyond those of all */
	uint64_t memory;   /* bytes for buffers of the program */
	unsigned rx_ring;  /* 0: as the option says */
	uint32_t rx_len;   /* bytes of a receive buffer */

	struct vuser_mem mem;
	struct vuser port[2];
	uint64_t cycles_per_s;
};

extern const struct option_row vmpair_options[];
extern const struct vmpair vmpair_defaults;
extern volatile sig_atomic_t vmpair_stopped; /* by a signal: the program prints what it has, and ends */

/* What every load program does first: ends in order by a signal, sleeps precisely, runs on that CPU; ends the program if it cannot. */
void vmpair_settle(unsigned long cpu);

/* Cycles of vmpair_cycles in a second; takes 20 ms. */
uint64_t vmpair_calibrate(void);

/* Opens both devices and posts all receive buffers; ends the program with a sentence when that is impossible. */
void vmpair_open(struct vmpair *p);

/* Sends a probe each way until it arrives, so that what stands between has begun and knows both; ends the program otherwise. */
void vmpair_prime(struct vmpair *p);

void vmpair_close(struct vmpair *p);

/* Ends the program: the device between broke the rules of a queue. */
_Noreturn void vmpair_broken(void);

/* A buffer of the program of len bytes, at a distance from the one before that is no power of two. Ends the program without memory. */
uint8_t *vmpair_buffer(struct vmpair *p, uint32_t len);

/* The ends of a way (0: from A to B, 1: from B to A). */
static inline struct vuser_queue *
vmpair_tx(struct vmpair *p, unsigned way, unsigned queue)
{
	return &p->port[way].queue[2 * queue + 1];
}

static inline struct vuser_queue *
vmpair_rx(struct vmpair *p, unsigned way, unsigned queue)
{
	return &p->port[1 - way].queue[2 * queue];
}

/* Gives receive buffers back to their ring and publishes them. */
void vmpair_repost(const struct vmpair *p, struct vuser_queue *rx, const uint64_t *token, unsigned n);

/* What a frame of that way has in its headers; valid as long as p is. */
struct vmframe vmpair_way(const struct vmpair *p, unsigned way, unsigned flow, uint32_t len);

/* The first fields of the JSON object: "pair":{...}, with what was negotiated. */
void vmpair_print(const struct vmpair *p);

/*
 * A wait that only our own running time uses up: who was off its CPU has not looked, and may find everything there. A step counts
 * for 1/64 of the wait at most. All in cycles.
 */
struct vmwait {
	uint64_t full, left, last;
};

static inline struct vmwait
vmwait_begin(uint64_t full, uint64_t now)
{
	return (struct vmwait){ full, full, now };
}

static inline void
vmwait_renew(struct vmwait *w)
{
	w->left = w->full;
}

static inline bool
vmwait_is_over(struct vmwait *w, uint64_t now)
{
	uint64_t step = now - w->last < w->full / 64 ? now - w->last : w->full / 64;

	w->last = now;
	w->left -= step < w->left ? step : w->left;
	return w->left == 0;
}

static inline uint64_t
vmpair_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * VM_NS_PER_S + (uint64_t)t.tv_nsec;
}

/* A counter of constant rate, cycles_per_s; 10 times cheaper than the clock. */
static inline uint64_t
vmpair_cycles(void)
{
#if defined(__x86_64__)
	return __builtin_ia32_rdtsc();
#elif defined(__aarch64__)
	uint64_t n;

	__asm__ volatile("mrs %0, cntvct_el0" : "=r"(n));
	return n;
#else
	return vmpair_ns();
#endif
}
#endif
