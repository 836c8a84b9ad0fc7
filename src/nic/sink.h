#ifndef NIC_SINK_H
#define NIC_SINK_H
/*
 * sink.h - where frames end: a TAP's write side, a guest's receive ring, an uplink's transmit queue.
 *
 * Any worker may write to any sink. A sink that is shared memory takes one spinlock for reserve, copy, publish, once per
 * destination and burst; one whose write is a system call that is atomic per frame (TAP) needs none.
 */
#include <stdbool.h>
#include <stdint.h>

#include "nic/lane.h"

#define SINK_TAKEN 0xff /* verdict of a frame that was delivered; else its enum drop_reason */

struct sink;

struct sink_ops {
	/*
	 * Delivers pkts[0..n) in order, n <= PKT_BURST; tags[i] is the 802.1Q TCI to send it with, or PKT_TAG_NONE. Checksums
	 * and segments are finished here as far as the receiver cannot take them. Fills verdict[0..n). Never blocks, never
	 * waits for the receiver: a full one gets one more try, then the frame's verdict is RECEIVER_FULL.
	 */
	void (*put)(struct sink *s, struct lane *lane, struct pkt *const *pkts, const int *tags, unsigned n,
		    uint8_t *verdict);
	/* Whether it is to get its copy of a frame that is flooded; NULL: of all. */
	bool (*wants)(struct sink *s, struct lane *lane, const struct pkt *pkt);
};

struct sink {
	const struct sink_ops *ops;
};
#endif
