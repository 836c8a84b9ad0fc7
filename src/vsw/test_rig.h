#ifndef VSW_TEST_RIG_H
#define VSW_TEST_RIG_H
/*
 * test_rig.h - for tests of forwarding: one switch with a port of every kind, and one lane.
 *
 * Port	VLAN
 * U, V	untagged
 * A, B	access 10, access 20
 * T	trunk of 10 and 20, untagged frames too
 * N	trunk of 10, 20 and 30, native 10
 * R	trunk of 20 alone, no untagged frames
 * X	what an uplink is: everything
 */
#include "vsw/test_port.h"

enum { U, A, B, T, N, R, X, V, N_PORTS };

extern struct test_port rig_p[N_PORTS];
extern struct test_port *const rig_all[N_PORTS];
extern struct vswitch *rig_sw;
extern struct lane rig_lane;
extern uint8_t rig_frames[PKT_BURST][64];

/* Group setup and teardown: EAL, learner, lane. */
int rig_start(void **state);
int rig_stop(void **state);

/* Setup and teardown of a test: the switch and its ports. */
int rig_open(void **state);
int rig_close(void **state);

/* One frame, number 4711; returns what switch_input does. */
unsigned rig_input(unsigned from, const struct mac *dst, const struct mac *src, int tci);

/* Drops for that reason on a port, both directions. */
uint64_t rig_drops(unsigned port, enum drop_reason why);

/* Empties all sinks. */
void rig_forget(void);
#endif
