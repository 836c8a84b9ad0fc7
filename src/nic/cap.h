#ifndef NIC_CAP_H
#define NIC_CAP_H
/*
 * cap.h - what makes an emulated processor slow: at most a share of a core in CPU time, with debt.
 *
 * The kernel's work inside our system calls (a TAP receiver's TCP) is our CPU time too, as it is on a host. Worker.
 */
#include <stdint.h>

struct cap {
	unsigned percent;  /* of a core; 0: no cap */
	int64_t budget_ns; /* CPU time that may still be used; negative: debt */
	uint64_t cpu_ns, wall_ns, sampled, sample_cycles;
};

void cap_init(struct cap *cap, unsigned percent);

/* How long to pause now, ns; mostly 0. now: cycles. Call between bursts, with nothing held. */
uint64_t cap_pause_ns(struct cap *cap, uint64_t now);
#endif
