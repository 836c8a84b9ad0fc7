#ifndef TEST_WORKER_H
#define TEST_WORKER_H
/*
 * test_worker.h - for tests of real workers: a switch on which what comes in at one port goes out at another, whose sink
 * looks at number and time of each frame.
 */
#include "nic/queue.h"
#include "nic/rxring.h"
#include "vsw/test_port.h"

#define WORKERS 2
#define SAFETY_NS (100 * NSEC_PER_MS) /* the timer that would find what a lost wake-up left, worker.c */
#define FRAME_LEN 64

extern struct test_port rig_in, rig_out;
extern struct rxring *rig_ring; /* of queue rig_ring->queue */

extern struct rig_watcher {
	struct sink sink;
	_Atomic uint64_t n, disorder, worst_ns; /* written by: the worker that has the queue */
} rig_watcher;

/* Group setup and teardown; and those of a test. */
int rig_start(void **state);
int rig_stop(void **state);
int rig_open(void **state);
int rig_close(void **state);

/* Starts n workers (up to WORKERS) on the CPUs that we have; stops all. */
void rig_workers(unsigned n, unsigned speed_percent, bool poll);
void rig_workers_stop(void);

/* A queue of rig_in with s as a source, standing nowhere. */
struct queue *rig_queue(struct source *s, enum queue_source which);

/* rig_ring, open, its queue on that processor; and its end. */
void rig_ring_open(unsigned processor);
void rig_ring_close(void);

/*
 * A frame to rig_out with a number and the time, FRAME_LEN bytes; and n of them, up to PKT_BURST, into rig_ring, waiting for
 * room: put tells the processor, add does not.
 */
void rig_stamp(uint32_t number, uint8_t *frame);
void rig_add(uint32_t from, unsigned n);
void rig_put(uint32_t from, unsigned n);

/* Fails unless n frames have arrived within five seconds, numbers 0 to n - 1 in order. */
void rig_expect(uint64_t n);

/* Time that we and the workers were runnable and did not run, ns; CPU time of a worker, ns. */
uint64_t rig_waited_ns(void);
uint64_t rig_cpu_ns(const struct processor *p);

/* Of all workers. */
uint64_t rig_missed_kicks(void);

/* Fails unless no kick was missed, and nothing lay until the safety timer: what waited longer waited for a core. */
void rig_expect_kicks(uint64_t waited_before);
#endif
