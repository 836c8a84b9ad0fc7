/* pace.c - the length of naps; see pace.h. */
#include "nic/pace.h"

#define EPOCH_MIN_US 500   /* four of the longest naps; without packets for as long, somebody else had the CPU */
#define EPOCH_MAX_US 5000  /* a thousand packets of the slowest load that has naps */
#define EPOCH_PACKETS 1024 /* random arrivals then vary by 3 %, half of what is to be seen */
#define QUIET_RATE 200000  /* packets a second: a core could serve as many by sleeps and kicks, 5 us of CPU each */
#define MARGIN (1.0 / 16)
#define SURPRISE (1.0 / 4)
#define WINDOW_PACKETS 64 /* half as many of a random stream are one case in a hundred thousand */
#define PATIENCE_MAX 64   /* trials take 1.5 % of the time then */
#define FULL (1.0 / 2)    /* of the fullest ring: twice as much from one moment to the next finds room */
#define ALARM (1.0 / 4)   /* of the difference: how fast `share` rises, */
#define CALM (1.0 / 8)    /* and falls */
/* Of what naps have taught, in an epoch without one: by half in 0.1 to 1 s. Then the load may be another one. */
#define FORGET (1.0 / 256)
#define WORTH (1.0 / 4) /* of the excess is the least that is asked for */
#define EXCESS_US 3     /* where timers are cheap */
#define STEPS_US 4      /* the excess is learned in steps of so many to a us: 15 us in 60 naps */

void
pace_init(struct pace *p, uint64_t hz, uint64_t now)
{
	*p = (struct pace){ .nap_max = hz / 1000000 * PACE_MAX_US,
			    .epoch_min = hz / 1000000 * EPOCH_MIN_US,
			    .epoch_max = hz / 1000000 * EPOCH_MAX_US,
			    .quiet = (double)QUIET_RATE / (double)hz,
			    .epoch_at = now,
			    .call_at = now,
			    .next_trial = 1,
			    .patience = 1,
			    .excess = (double)hz / 1e6 * EXCESS_US,
			    .step = (double)hz / 1e6 / STEPS_US,
			    .share = 1.0 / PACE_RING };
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

/* Whether the trial was worth it. Naps cost nothing as long as the rate stays; without one, nothing was tried. */
static bool
is_better(const struct pace *p, double rate)
{
	return p->trial > 0 ? p->napped && rate >= p->base * (1 - MARGIN) : rate > p->base * (1 + MARGIN);
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
	p->napped = false;
}

static unsigned
level_now(const struct pace *p)
{
	return (unsigned)((int)p->level + p->trial);
}

static void
end_epoch(struct pace *p, uint64_t now, uint64_t packets)
{
	double rate = (double)(packets - p->epoch_packets) / (double)(now - p->epoch_at);

	if (!p->napped) {
		p->share -= p->share * FORGET;
		p->excess -= p->excess * FORGET;
	}
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

/* What the last nap told of how much of the load goes through one ring. */
static void
learn_share(struct pace *p, uint64_t now, uint64_t packets, struct pace_ring fullest)
{
	double brought = (double)(packets - p->call_packets), cycles = (double)(now - p->call_at), seen;

	if (p->gathered == 0 || fullest.slots == 0)
		return;
	seen = fullest.waiting * cycles / ((double)p->gathered * brought);
	if (seen > 1)
		seen = 1; /* a packet fills one place: it was a burst */
	seen /= fullest.slots;
	p->share += (seen - p->share) * (seen > p->share ? ALARM : CALM);
}

/* The rate to expect. The faster of both: a load that has just grown must find room. */
static double
rate_now(const struct pace *p, uint64_t now, uint64_t packets)
{
	double turn = (double)(packets - p->call_packets) / (double)(now - p->call_at);

	return turn > p->base ? turn : p->base;
}

/* For how long to nap at that rate: what is asked for; 0: not at all. */
static uint64_t
length(const struct pace *p, double rate)
{
	double longest = FULL / (p->share * rate), shortest = p->excess * (1 + WORTH), nap;

	if (longest > (double)p->nap_max)
		longest = (double)p->nap_max;
	if (level_now(p) == 0 || longest < shortest)
		return 0;
	nap = longest / (1 << (PACE_LEVELS - level_now(p)));
	return (uint64_t)((nap > shortest ? nap : shortest) - p->excess);
}

/* Follows the rate, from epoch to epoch. */
static void
follow(struct pace *p, uint64_t now, uint64_t packets)
{
	bool over = now - p->epoch_at >= p->epoch_max ||
		    (now - p->epoch_at >= p->epoch_min && packets - p->epoch_packets >= EPOCH_PACKETS);

	if (now - p->call_at >= p->epoch_max) {
		forget(p); /* a pause, or full rounds for as long */
		begin_epoch(p, now, packets);
	} else if (now - p->call_at >= p->epoch_min) {
		begin_epoch(p, now, packets); /* what was measured tells of somebody else */
	} else if (over || (level_now(p) > 0 && falls_short(p, now, packets))) {
		end_epoch(p, now, packets);
	}
}

uint64_t
pace_nap(struct pace *p, uint64_t now, uint64_t packets, struct pace_ring fullest)
{
	if (packets == p->call_packets) {
		p->gathered = 0;
		return 0; /* nothing came since the last call: nothing to wait for */
	}
	follow(p, now, packets);
	learn_share(p, now, packets, fullest);
	p->asked = length(p, rate_now(p, now, packets));
	p->gathered = 0;
	p->call_at = now;
	p->call_packets = packets;
	return p->asked;
}

void
pace_wake(struct pace *p, uint64_t now)
{
	p->napped = true;
	p->gathered = now - p->call_at;
	/* Steps in either direction find the median; what others did on our CPU for milliseconds counts as little as a us does. */
	p->excess += (double)p->gathered > p->excess + (double)p->asked ? p->step : -p->step;
	if (p->excess < 0)
		p->excess = 0;
}
