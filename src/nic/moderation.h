#ifndef NIC_MODERATION_H
#define NIC_MODERATION_H
/*
 * moderation.h - how often the receiver behind a ring is interrupted: the decision, for one ring, without a clock of its own.
 *
 * An interrupt that is wanted is sent at once when the last one is a gap ago, so the first frame after silence never waits; else it
 * is held back until the gap is over, and tells of all that came meanwhile. Low, medium and high are fixed gaps. Adaptive finds the
 * gap by looking at what waits are good for:
 *
 *	entries kept coming until the second half of the wait	good: the gap doubles, unless an interrupt tells of ENOUGH already
 *	they did not						in vain: the gap halves; from the shortest it goes to none
 *	fewer entries a second than without a gap, by a quarter	harm: no gap
 *
 * Who waits for an answer before he sends more (ping-pong, a transmit ring that is full) goes silent while an interrupt is held
 * back, so his waits are in vain, and after a few there are none: two in a trial, and as many more as there were good ones just before,
 * up to FAITH, for a single one may be chance: somebody was off his CPU. Of many such, one is always left to send, but all
 * together send less: that is seen in HARM times EPOCH entries. Who sends on regardless (bulk) is worth waiting for. How many entries come
 * without a gap is measured for some entries and the time of as many shortest gaps, after which the second one is tried: TRIAL_MIN, and
 * twice as many after each trial in vain or with harm, TRIAL_MAX at most. So a steady ping-pong loses a thousandth of its time to
 * them. It is measured again each second. SILENCE_MS without an interrupt are no part of a rate, and after them a long gap is forgotten.
 *
 * A ring half full of what was not told of is told of in any case: a driver may be waiting for room, or run out of buffers.
 *
 * To learn from: Linux, lib/dim/ (adaptive moderation by trial of a level), and the two timers of Intel's 8254x, RDTR and RADV (silence
 * ends a wait). Figures that are not theirs are our choice.
 */
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum moderation_mode {
	MODERATION_ADAPTIVE,
	MODERATION_OFF,
	MODERATION_LOW,
	MODERATION_MEDIUM,
	MODERATION_HIGH,
	MODERATION_MODES
};

/* Gaps in us. Fixed: 50,000, 20,000 and 8,000 a second; the last is what Intel's drivers for Linux long had. */
#define MODERATION_LOW_US 20
#define MODERATION_MEDIUM_US 50
#define MODERATION_HIGH_US 125
#define MODERATION_LEVELS 3 /* of adaptive, above none: 64, 128, 256 us; the longest as in Linux, net_dim.c */
#define MODERATION_SHORTEST_US 64
#define MODERATION_TRIED 2   /* level that is tried first: frames that come in pairs, each 40 us, are not seen in 64 */
#define MODERATION_ENOUGH 32 /* entries that an interrupt tells of: more save hardly anything */
#define MODERATION_TRIAL_MIN 128
#define MODERATION_TRIAL_MAX 1024
#define MODERATION_EPOCH 256 /* entries; and EPOCH_MS: a packet more or less makes no difference then */
#define MODERATION_EPOCH_MS 4
#define MODERATION_HARM 2
#define MODERATION_FAITH 3
#define MODERATION_SILENCE_MS 4

enum moderation_verdict {
	MODERATION_NOTHING, /* none is wanted, or one is held back that will tell of this too */
	MODERATION_CALL,
	MODERATION_HOLD, /* hold one back until m->next; when that cannot be done, call, and say moderation_called */
	MODERATION_TAKE, /* the one that is held back is to be sent now, by whoever gets hold of it */
};

struct moderation {
	_Atomic uint8_t mode; /* enum moderation_mode. Written by: control */

	/* Written by: who publishes in the ring: its lock, or its queue, lets one at a time. */
	bool holding;        /* an interrupt was held back, and what for was not judged yet */
	uint8_t is;          /* the mode in force */
	uint8_t level;       /* of adaptive */
	uint8_t faith, harm; /* good waits just before; epochs with harm */
	uint16_t limit;      /* entries that nobody was told of: then somebody is */
	uint16_t told, last; /* used index at the last interrupt; when it was looked at last */
	uint32_t us;         /* cycles */
	uint32_t trial;
	uint64_t next;             /* cycles: no interrupt before, and when one that is held back is due */
	uint64_t hold_at, last_at; /* cycles: when it was held back; when more came */
	struct moderation_rate {
		uint64_t entries, cycles;
	} free;            /* without a gap; no entries: not measured */
	uint64_t entries;  /* since then, with a gap or without one, whichever it is now: */
	uint64_t since;    /* cycles */
	uint64_t again_at; /* cycles: when to measure without a gap again */
};

/* In words of the configuration: "adaptive", "off", ...; never NULL. */
const char *moderation_text(enum moderation_mode mode);

/* For a ring of that many entries, whose used index is now `used`. hz: cycles a second. Control, before it runs. */
void moderation_init(struct moderation *m, uint64_t hz, uint32_t size, uint16_t used);

/* Another mode from the next look on. Control. */
static inline void
moderation_set(struct moderation *m, enum moderation_mode mode)
{
	atomic_store_explicit(&m->mode, (uint8_t)mode, memory_order_relaxed);
}

/*
 * What to do now (cycles) that the used index has become `used`. wanted: the driver asks for an interrupt. held: one is held back, and
 * nobody has taken it. Need not be called when none is wanted and m->holding is false. Who publishes.
 */
enum moderation_verdict moderation_look(struct moderation *m, uint64_t now, uint16_t used, bool wanted, bool held);

/* One was sent in place of MODERATION_HOLD. Who publishes. */
void moderation_called(struct moderation *m, uint64_t now, uint16_t used);
#endif
