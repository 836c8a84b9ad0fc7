#ifndef NIC_TEST_ADAPTER_H
#define NIC_TEST_ADAPTER_H
/*
 * test_adapter.h - for tests: an adapter with a front end of its own and three members, and workers that serve its queues.
 *
 * The wire is DPDK's ring device, which receives what is sent to it. Workers serve the queues as worker.c does, and see each frame's
 * flow and number. Flow f is of member f modulo 4, of nobody's address when that is 3; flows of one member have ports of their own.
 */
#include "nic/adapter.h"

#define WORKERS 2
#define MEMBERS 3
#define PAIRS 4 /* queue pairs that a member may have; it begins with one */
#define FLOWS ((MEMBERS + 1) * 5)

extern struct adapter *adapter; /* mode vmq with a queue for each member */
extern struct vport vports[MEMBERS];
extern struct queue *queues[MEMBERS][PAIRS];
extern struct adapter_member members[MEMBERS];
extern struct ingress ingress;
extern _Atomic bool paused; /* workers: no time for anything */

/* Per flow. seen: of the worker that delivers; its order is what is tested, so it is exchanged, not added to. */
extern _Atomic uint64_t sent[FLOWS], seen[FLOWS], by_vm_queue;

/* Per test. inline: one processor, whose worker polls the front end. */
int open_adapter(void **state);
int open_adapter_inline(void **state);
int close_adapter(void **state);

/* Puts the next frame of a flow on the wire; false when there is no room. */
bool send_one(uint32_t flow);

/* Frames of all flows, as many as may be on their way, until end_load. */
void begin_load(void);
void end_load(void);

/* Whether all that was sent arrived; within two seconds. */
bool all_arrived(void);
uint64_t seen_in_all(void);

/* That all arrived, in order, and nothing was dropped. */
void expect_nothing_lost(void);

/* Carries out new settings or weights; fails the test when that fails. */
void replan(void);

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_adapter, close_adapter)
#endif
