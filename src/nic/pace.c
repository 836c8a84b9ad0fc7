/* pace.c - the length of naps; see pace.h. */
#include "nic/pace.h"

#include <stdbool.h>

#define EPOCH_MIN_US 500   /* eight of the longest naps */
#define EPOCH_MAX_US 5000  /* a thousand packets of the slowest load that has naps */
#define EPOCH_PACKETS 1024 /* random arrivals then vary by 3 %, half of what is to be seen */
#define QUIET_RATE 200000  /* packets a second: a core could serve as many by sleeps and kicks, 5 us of CPU each */
#define MARGIN (1.0 / 16)
#define SURPRISE (1.0 / 4)
#define WINDOW_PACKETS 64 /* half as many of a random stream are one case in a hundred thousand */
#define PATIENCE_MAX 64   /* trials take 1.5 % of the time then */

void
pace_init(struct pace *p, uint64_t hz, uint64_t now)
{
	*p = (struct pace){ .nap_max = hz / 1000000 * PACE_MAX_US,
			    .epoch_min = hz / 1000000 * EPOCH_MIN_US,
			    .epoch_max = hz / 1000000 * EPOCH_MAX_US,
			    .quiet = (double)QUIET_RATE / (double)hz,
			    .epoch_at = now,
			    .nap_at = now,
			    .next_trial = 1,
			    .patience = 1 };
}

/* Begins anew, without naps. */
static void
forget(struct pace *p)
{
	p->level = 0;
	p->trial = 0;
	p->hold = 0;
	p->patience = 1;
	p->next_trial = 1;
}

static bool
in_range(const struct pace *p, int trial)
{
	return trial < 0 ? p->level > 0 : p->level < PACE_LEVELS;
}

/* Whether the trial was worth it. Naps cost nothing as long as the rate stays. */
static bool
is_better(const struct pace *p, double rate)
{
	return p->trial > 0 ? rate >= p->base * (1 - MARGIN) : rate > p->base * (1 + MARGIN);
}

static void
end_trial(struct pace *p, double rate)
{
	bool better = is_better(p, rate);

	if (better) {
		p->level += (unsigned)p->trial;
		p->base = rate;
		p->patience = 1;
		if (in_range(p, p->trial))
			return; /* on */
	}
	p->next_trial = -p->trial;
	p->trial = 0;
	p->hold = p->patience;
	if (!better && p->patience < PATIENCE_MAX)
		p->patience *= 2;
}

static void
end_hold(struct pace *p, double rate)
{
	bool fell = rate<p->base *(1 - SURPRISE), rose = rate> p->base * (1 + SURPRISE);

	p->base = rate;
	if (rate < p->quiet) {
		forget(p);
		return;
	}
	if (fell || rose) {
		p->next_trial = rose ? 1 : -1;
		p->hold = 0;
		p->patience = 1;
	}
	if (p->hold > 0 && --p->hold > 0)
		return;
	if (!in_range(p, p->next_trial))
		p->next_trial = -p->next_trial;
	p->trial = p->next_trial;
}

static void
begin_epoch(struct pace *p, uint64_t now, uint64_t packets)
{
	p->epoch_at = p->window_at = now;
	p->epoch_packets = p->window_packets = packets;
}

static void
end_epoch(struct pace *p, uint64_t now, uint64_t packets)
{
	double rate = (double)(packets - p->epoch_packets) / (double)(now - p->epoch_at);

	if (p->trial != 0)
		end_trial(p, rate);
	else
		end_hold(p, rate);
	begin_epoch(p, now, packets);
}

/* Whether there came less than half of what the rate promised; then the epoch is what there came since. */
static bool
falls_short(struct pace *p, uint64_t now, uint64_t packets)
{
	double promised = p->base * (double)(now - p->window_at);

	if (promised < WINDOW_PACKETS)
		return false;
	if ((double)(packets - p->window_packets) < promised / 2) {
		p->epoch_at = p->window_at;
		p->epoch_packets = p->window_packets;
		return true;
	}
	p->window_at = now;
	p->window_packets = packets;
	return false;
}

static unsigned
level_now(const struct pace *p)
{
	return (unsigned)((int)p->level + p->trial);
}

/* What may come during a nap, packets. */
static double
room_of(unsigned slots)
{
	if (slots == 0 || slots / 2 > PACE_ROOM)
		return PACE_ROOM;
	return slots / 2 < PACE_ROOM_MIN ? PACE_ROOM_MIN : slots / 2;
}

uint64_t
pace_nap(struct pace *p, uint64_t now, uint64_t packets, unsigned slots)
{
	double brought = (double)(packets - p->nap_packets), cycles = (double)(now - p->nap_at), rate, nap;
	bool over = now - p->epoch_at >= p->epoch_max ||
		    (now - p->epoch_at >= p->epoch_min && packets - p->epoch_packets >= EPOCH_PACKETS);

	if (brought == 0)
		return 0; /* nothing came since the last one: nothing to wait for */
	if (now - p->nap_at >= p->epoch_max) {
		forget(p); /* a pause, or full rounds for as long */
		begin_epoch(p, now, packets);
	} else if (over || falls_short(p, now, packets)) {
		end_epoch(p, now, packets);
	}
	p->nap_at = now;
	p->nap_packets = packets;
	if (level_now(p) == 0)
		return 0;
	/* The faster of both: a load that has just grown must find room. */
	rate = brought > p->base * cycles ? brought / cycles : p->base;
	nap = room_of(slots) / rate;
	if (nap > (double)p->nap_max)
		nap = (double)p->nap_max;
	return (uint64_t)nap >> (PACE_LEVELS - level_now(p));
}
