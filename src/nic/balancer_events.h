#ifndef NIC_BALANCER_EVENTS_H
#define NIC_BALANCER_EVENTS_H
/*
 * balancer_events.h - why queues stand where they stand: the last moves, each with its reason, and a line of log for each.
 *
 * Control thread only.
 */
#include "nic/queue.h"

#define BALANCER_EVENTS \
	256 /* kept; older ones are forgotten. Our choice: a minute of a host on which four queues move a second */

/* name, text for people */
#define BALANCER_WHYS(X)                                                           \
	X(OVERLOAD, "overload", "its processor had too much to do")                \
	X(EVEN, "even", "to even out what the processors have to do")              \
	X(PACK, "pack", "there is little to do: back towards its first processor") \
	X(GONE, "gone", "its processor may not serve it any more")                 \
	X(HAND, "by-hand", "it was moved by hand")                                 \
	X(UNSPLITTABLE, "unsplittable",                                            \
	  "it has more to do than a processor can, and is not splittable: vRSS, or more queues, would help")

enum balancer_why {
#define X(name, word, text) BALANCER_##name,
	BALANCER_WHYS(X)
#undef X
		BALANCER_WHY_COUNT
};

/* Percents are of a processor: what it had to do in the last sample, and what is expected after. All 0 where nothing was sampled. */
struct balancer_event {
	uint64_t serial;              /* 1, 2, ... without gaps */
	uint64_t at_ns;               /* CLOCK_REALTIME */
	char adapter[VPORT_NAME_MAX]; /* empty: moved by hand */
	char port[VPORT_NAME_MAX];    /* or the adapter, for a queue of its own */
	unsigned queue, index;        /* its id; its number in its port */
	unsigned from, to;            /* processors; the same when it was not moved */
	enum balancer_why why;
	double from_before, from_after, to_before, to_after;
};

/* Keeps e under the next serial number and the present time, and logs it; at most 20 lines a second, and then how many more there were. */
void balancer_event_add(const struct balancer_event *e);

/*
 * Fills out[0..most) with the events after number `since`, oldest first, and returns how many. The first one's serial is more than
 * since + 1 when events between are forgotten.
 */
unsigned balancer_events(uint64_t since, struct balancer_event *out, unsigned most);

/* The number of the last one; 0: there was none. */
uint64_t balancer_events_last(void);

/* "overload", for programs; and a half-sentence for people. Never NULL. */
const char *balancer_why_word(enum balancer_why why);
const char *balancer_why_text(enum balancer_why why);
#endif
