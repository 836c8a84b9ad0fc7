#ifndef NIC_HOTSET_H
#define NIC_HOTSET_H
/*
 * hotset.h - the queues of a processor that want a look, as a bitmap: a thousand idle ones cost nothing.
 *
 * The protocol of looking, kicking, sleeping and moving, all of it. A queue is hot, its bit is set in the set of the
 * processor that it stands on, or cold. A worker looks at hot queues only, and sleeps only when it has none.
 *
 *	who brings work (queue_kick)    the worker, cooling (queue_cool)   the worker, before sleep (processor_sleep)
 *	  1 publish it                    1 clear the bit                    1 cool every hot queue
 *	  2 fence                         2 arm the sources                  2 armed = true
 *	  3 read the owner                3 fence                            3 fence
 *	  4 its bit is set? done          4 mine, and something there?       4 set empty? sleep
 *	  5 set it                          set the bit again                  else armed = false
 *	  6 fence                                                          a mover (queue_move)
 *	  7 armed? take it and wake     a guest that was asked to kick        1 change the owner
 *	                                  1 publish                           2 fence
 *	                                  2 fence                             3 set the bit at the new one
 *	                                  3 asked? kick: an event of epoll,   4 wake it
 *	                                    by which the worker sets the bit
 *
 * Nothing is lost, because of two things on two sides each side writes one and then reads the other, a fence between:
 *	kick 1/4  and cool 1/4:   the kicker sees the bit cleared and sets it, or the worker sees the work
 *	kick 5/7  and sleep 2/4:  the kicker sees armed and wakes, or the worker sees the bit
 *	kick 1/3  and move 1/3:   the kicker sees the new owner; or the new one, who looks because of the bit, sees the work
 *	guest 1/3 and cool 2/4:   the guest sees that it is asked, or the worker sees the work
 *	cool 1/4  and move 1/3:   a worker that finds a queue not its own clears the bit as when cooling; when the mover gives the
 *	                          queue back meanwhile, either its bit comes after the clearing, or the worker sees that it is its own
 *
 * A queue that is set, moved, or kicked needs no more than its bit: one look finds out. A safety timer looks at all queues each
 * 100 ms all the same, and counts what it finds as a missed kick.
 *
 * No DPDK, no clock.
 */
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define HOTSET_IDS 4096 /* QUEUES_MAX: a word of words */

/* Written by: any thread. Lines apart from the rest of whatever it lies in: kickers read them, and write when they wake a queue. */
struct hotset {
	_Alignas(64) _Atomic uint64_t summary; /* bit w: word[w] may have one */
	_Alignas(64) _Atomic uint64_t word[HOTSET_IDS / 64];
};

/* Adds id. Returns false when it was in the set already. Does not fence before it looks; fences when it adds. Any thread. */
bool hotset_put(struct hotset *h, unsigned id);

/* Takes id out. No fence. Worker. */
void hotset_clear(struct hotset *h, unsigned id);

static inline bool
hotset_has(const struct hotset *h, unsigned id)
{
	return atomic_load_explicit(&((struct hotset *)(uintptr_t)h)->word[id / 64], memory_order_relaxed) >>
		       (id % 64) &
	       1;
}

/* Costs a load. May say no though there is no member, until the next hotset_next from 0 on. */
static inline bool
hotset_is_empty(const struct hotset *h)
{
	return atomic_load_explicit(&((struct hotset *)(uintptr_t)h)->summary, memory_order_relaxed) == 0;
}

/* The first member from `from` on, -1 when there is none: for (id = hotset_next(h, 0); id >= 0; id = hotset_next(h, id + 1)). Worker. */
int hotset_next(struct hotset *h, unsigned from);
#endif
