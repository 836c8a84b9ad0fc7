#ifndef BASE_SPIN_H
#define BASE_SPIN_H
/*
 * spin.h - the spinlock of a sink, the only lock on the data path.
 *
 * Spins a bounded while, then yields: threads may share a core, and a preempted holder would otherwise cost the waiter
 * its whole time slice. Never nested, never held over a sleep, a pause or a system call that can block. Workers.
 */
#include <sched.h>
#include <stdatomic.h>

#include <rte_pause.h>

#define SPIN_TRIES 1000 /* about 40 us on a current x86; a holder copies at most 32 packets. Our choice */

struct spin {
	_Atomic int held;
};

static inline void
spin_lock(struct spin *s)
{
	for (;;) {
		for (int i = 0; i < SPIN_TRIES; i++) {
			if (atomic_load_explicit(&s->held, memory_order_relaxed) == 0 &&
			    atomic_exchange_explicit(&s->held, 1, memory_order_acquire) == 0)
				return;
			rte_pause();
		}
		sched_yield();
	}
}

static inline void
spin_unlock(struct spin *s)
{
	atomic_store_explicit(&s->held, 0, memory_order_release);
}
#endif
