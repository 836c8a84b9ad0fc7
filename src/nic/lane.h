#ifndef NIC_LANE_H
#define NIC_LANE_H
/*
 * lane.h - what a data-path thread owns: its slot in every counter, its reader id, and the burst it works on.
 */
#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "pkt/pkt.h"

/* One frame of any length with room for a virtio-net header; not a multiple of 4096, so that 32 of them do not share cache sets. */
#define BURST_ROOM 66176
#define BURST_SEGS \
	24 /* spans that one packet may have in a source's memory: a 64 KiB frame of a Linux guest has 18 (MAX_SKB_FRAGS) */

/* A burst taken from one source: views, the spans they point to, and memory for sources that have none of their own. */
struct burst {
	unsigned n;
	struct pkt *pkt;   /* PKT_BURST */
	struct iovec *seg; /* PKT_BURST * BURST_SEGS; packet i uses those from i * BURST_SEGS on */
	uint8_t *room;     /* (PKT_BURST + 1) * BURST_ROOM, mapped, touched on use only */
};

struct holds;
struct nicswitch_table;

struct lane {
	unsigned id; /* slot in counters: processors first, then front ends */
	int reader;  /* qsbr */
	struct burst burst;
	uint8_t *spare; /* BURST_ROOM, for a sink that cannot work in the receiver's memory */
	/* The NIC switch's (nicswitch.h): the table that the present burst goes by, and whether it came out of there. */
	const struct nicswitch_table *table;
	bool from_nic;
	struct holds *holds; /* interrupts that it holds back (hold.h); NULL: it never does */
};

/* Control. Returns 0, -ENOMEM or -ENOSPC. */
int lane_init(struct lane *lane, unsigned id);
void lane_fini(struct lane *lane);

/*
 * First and last thing in the thread of a lane: a DPDK thread with a mempool cache, precise short sleeps, online in QSBR, and
 * without any capability, since it touches what guests and the wire send. Returns the Linux thread id.
 */
int lane_enter(struct lane *lane);
void lane_leave(struct lane *lane);

/*
 * Two ways to sleep for a moment, offline; the lane's thread, online. Interrupts that the lane holds back (hold.h) are sent, of those
 * that come due meanwhile: by a nap, which ends at `end` (cycles; a timer is `late` cycles late), when they are due; by a pause of
 * ns, in which no work is wanted, before it.
 */
void lane_nap(struct lane *lane, uint64_t end, uint64_t late);
void lane_pause(struct lane *lane, uint64_t ns);

static inline uint8_t *
burst_room(const struct burst *b, unsigned i)
{
	return b->room + (size_t)i * BURST_ROOM;
}
#endif
