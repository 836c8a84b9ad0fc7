#ifndef VSW_LEARN_H
#define VSW_LEARN_H
/*
 * learn.h - the one thread that writes filtering databases.
 *
 * Workers do not enter addresses themselves: they put what they saw into a ring of their own and go on. So a flood of
 * invented addresses costs a worker a bounded ring, and no worker ever waits for another. A ring that is full counts a
 * missed learning; the next frame of that station tries again.
 */
#include <pthread.h>
#include <stdint.h>

#include "base/count.h"

/* Starts the learner for lanes 0..n_lanes-1. Returns 0 or -errno. Control. */
int learn_start(unsigned n_lanes);
void learn_stop(void);

/* Tells that key was seen at slot of switch sw_index. Lanes. */
void learn_tell(unsigned lane, uint64_t key, unsigned sw_index, unsigned slot);

/* Seconds since start, coarse: the stamp of fdb entries. Lanes. */
uint32_t learn_now_s(void);

/* Who changes an fdb, or frees a switch, holds this. Control. */
void learn_lock(void);
void learn_unlock(void);

/* Handles all events told so far: before a port's slot is used again. Control, without the lock. */
void learn_drain(void);

/* Events that found a ring full. Control. */
uint64_t learn_missed(void);
#endif
