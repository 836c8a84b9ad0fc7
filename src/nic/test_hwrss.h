#ifndef NIC_TEST_HWRSS_H
#define NIC_TEST_HWRSS_H
/*
 * test_hwrss.h - for tests: an adapter whose NIC hashes by itself, workers that look at each frame, and that NIC.
 *
 * The NIC is DPDK's null device, which keeps queues, key and table as it is told; its frames are the test's. What takes a frame from a
 * queue is replaced: that takes it from a ring, into which the test's wire put it by the key and the table that the device has then.
 */
#include <rte_ring.h>

#include "nic/hwrss.h"

#define WORKERS 2
#define QUEUES 4
#define FLOWS 32
#define OUTSTANDING 200

extern struct adapter *adapter; /* mode rss with QUEUES */
extern struct rte_ring *rings[HWQUEUES_MAX];
extern _Atomic uint64_t rest_until; /* ns: workers do nothing before */
extern _Atomic int seen_by[FLOWS];  /* the queue's index, of the last frame */
extern _Atomic uint64_t disorder, by_front_end;
extern uint64_t sent[FLOWS];

extern _Atomic bool refuses;  /* the NIC does not take a table */
extern unsigned refused;      /* times that it was told one in vain */
extern unsigned stubborn;     /* times that it will not start */
extern _Atomic bool replaced; /* it is not the one that was opened any more */

/* Per test. */
int open_nic(void **state);
int close_nic(void **state);

/* Settings of mode rss; and carries some out. */
struct adapter_settings rss(unsigned queues);
void set(const struct adapter_settings *s);

/* Which queue the device puts a flow into, by what it was told last; and the hash types that it was told, with the key. */
unsigned queue_of(uint32_t flow);
uint64_t read_key(uint8_t *key);

/* Puts the next frame of a flow, or some of each, on the wire; false when there is no room. */
bool send_one(uint32_t flow);
void send_each(unsigned times);

/* Frames that were sent and not seen. */
uint64_t outstanding(void);
void expect_all_arrived(void);

/* What the NIC has been told: n queues in turn, none behind them, and the settings' key. n 1: no more than the table. */
void expect_told(unsigned n);

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_nic, close_nic)
#endif
