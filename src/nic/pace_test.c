/* pace_test.c - naps are as long as they may be for open streams, and as short as they must be for closed loops. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "nic/pace.h"

#define LEN(a) (sizeof(a) / sizeof((a)[0]))
#define HZ 1000000000ull /* a cycle is a ns */
#define US 1000ull
#define MS 1000000ull
#define BURST 32
#define RINGS_MAX 16
#define IN_FLIGHT_MAX 1024

/* ---- a worker in a world of two kinds of senders ---- */

/* What a take, a packet and a look that finds nothing cost, ns. As seen on machines of today, roughly. */
#define TAKE_NS 300
#define PACKET_NS 50
#define LOOK_NS 100

/* How much longer than asked for a nap takes, and how much of it is work: with a timer of the machine's own, and as seen in a guest. */
struct timer {
	double excess_ns, work_ns;
};
static const struct timer cheap = { 3000, 3000 }, dear = { 15000, 12500 };

struct ring {
	unsigned backlog, worst;
};

struct world {
	/* An open stream. */
	double gap_ns; /* between packets, on average; 0: none */
	double next_ns;
	bool random;
	unsigned batch; /* so many come at once, into one ring; 0: one */
	/* A closed loop: so many packets, which come back one by one, each `each_ns` after the one before, `after_ns` after they were sent. */
	unsigned in_flight;
	double each_ns, after_ns;
	double back[IN_FLIGHT_MAX]; /* when they are back, in order */
	unsigned first, n_back;
	double last_back;

	unsigned n_rings, slots; /* 0: one, of which nothing is known */
	struct ring ring[RINGS_MAX];
	unsigned at;      /* the ring of the next packet */
	uint64_t refused; /* found their ring full */

	/* Somebody else has the worker's CPU for so long, so long after the last time; 0: never. */
	double robbed_ns, alone_ns, robbed_at;

	struct timer timer;
	struct pace pace;
	struct pace_ring fullest; /* since the last nap */
	bool eager;               /* never naps */
	double now;
	uint64_t packets, naps, takes;
	double awake;
	unsigned seed;
};

static void
open_world(struct world *w)
{
	pace_init(&w->pace, HZ, 0);
	if (w->timer.excess_ns == 0)
		w->timer = cheap;
	if (w->n_rings == 0)
		w->n_rings = 1;
	w->seed = 1;
	for (unsigned i = 0; i < w->in_flight; i++)
		w->back[i] = 0;
	w->n_back = w->in_flight;
}

/* Exponential gaps: -ln(u), u uniform. */
static double
draw_gap(struct world *w)
{
	double u;

	if (!w->random)
		return w->gap_ns;
	w->seed = w->seed * 1664525 + 1013904223;
	u = ((w->seed >> 8) + 1) / 16777217.0;
	return w->gap_ns * -log(u);
}

static void
put(struct world *w)
{
	struct ring *r = &w->ring[w->at % w->n_rings];

	if (w->slots > 0 && r->backlog == w->slots) {
		w->refused++;
		return;
	}
	r->backlog++;
	if (r->backlog > r->worst)
		r->worst = r->backlog;
}

static void
arrive(struct world *w)
{
	while (w->gap_ns > 0 && w->next_ns <= w->now) {
		for (unsigned i = 0; i < (w->batch > 0 ? w->batch : 1); i++) {
			put(w);
			w->next_ns += draw_gap(w);
		}
		w->at++;
	}
	while (w->n_back > 0 && w->back[w->first] <= w->now) {
		put(w);
		w->first = (w->first + 1) % IN_FLIGHT_MAX;
		w->n_back--;
	}
}

static void
send_back(struct world *w, unsigned n)
{
	for (unsigned i = 0; i < n && w->in_flight > 0; i++) {
		double ready = w->now + w->after_ns;

		w->last_back = (w->last_back > ready ? w->last_back : ready) + w->each_ns;
		w->back[(w->first + w->n_back++) % IN_FLIGHT_MAX] = w->last_back;
	}
}

static void
spend(struct world *w, double ns)
{
	w->now += ns;
	w->awake += ns;
}

/* Takes a burst. Returns whether it left something. */
static bool
take(struct world *w, struct ring *r)
{
	unsigned n = r->backlog < BURST ? r->backlog : BURST;
	bool left = r->backlog > n;

	if (n == 0)
		return false;
	pace_find(&w->fullest, r->backlog, w->slots > 0 ? w->slots : PACE_RING);
	r->backlog -= n;
	w->packets += n;
	w->takes++;
	send_back(w, n);
	spend(w, TAKE_NS + n * PACKET_NS);
	arrive(w);
	return left;
}

/* What worker.c does: a round; when it left nothing, perhaps a nap. */
static void
turn(struct world *w)
{
	bool thick = false;
	uint64_t nap;

	if (w->robbed_ns > 0 && w->now - w->robbed_at > w->alone_ns) {
		w->now += w->robbed_ns;
		w->robbed_at = w->now;
	}
	spend(w, LOOK_NS);
	arrive(w);
	for (unsigned i = 0; i < w->n_rings; i++)
		thick |= take(w, &w->ring[i]);
	nap = thick || w->eager ? 0 : pace_nap(&w->pace, (uint64_t)w->now, w->packets, w->fullest);
	if (nap == 0)
		return;
	w->now += (double)nap + w->timer.excess_ns;
	w->awake += w->timer.work_ns;
	w->naps++;
	pace_wake(&w->pace, (uint64_t)w->now);
	w->fullest = (struct pace_ring){ 0 };
}

struct figures {
	double rate; /* packets a second */
	double awake, take;
	uint64_t naps;
};

static struct figures
run(struct world *w, double ns)
{
	double begin = w->now, awake = w->awake;
	uint64_t packets = w->packets, naps = w->naps, takes = w->takes;

	while (w->now - begin < ns)
		turn(w);
	return (struct figures){ .rate = (double)(w->packets - packets) / (w->now - begin) * 1e9,
				 .awake = (w->awake - awake) / (w->now - begin),
				 .take = w->takes > takes ? (double)(w->packets - packets) / (double)(w->takes - takes)
							  : 0,
				 .naps = w->naps - naps };
}

/* ---- open streams ---- */

/*
 * After a twentieth of a second naps are the longest. Of a turn, the nap is asleep but for the work of its timer, and the rest is what
 * the packets of the whole turn cost.
 */
static double
awake_share(double mpps, double nap_ns, const struct timer *timer)
{
	double load = mpps / 1000 * (PACKET_NS + (double)TAKE_NS / BURST);

	return load + (1 - load) * timer->work_ns / nap_ns;
}

static void
an_open_stream_gets_the_longest_naps(void **state)
{
	static const struct {
		double mpps;
		unsigned rings, slots;
		const struct timer *timer;
		double nap_us; /* in which the fullest ring gets half full, or the longest */
	} rows[] = {
		{ 0.3, 1, 256, &cheap, 128 }, { 1, 1, 256, &cheap, 128 }, { 2, 1, 256, &cheap, 64 },
		{ 4, 1, 256, &cheap, 32 },    { 8, 1, 256, &cheap, 16 },  { 2, 1, 0, &cheap, 64 },
		{ 4, 1, 1023, &cheap, 128 },  { 1, 1, 64, &cheap, 32 },   { 4, 4, 256, &cheap, 128 },
		{ 8, 8, 256, &cheap, 128 },   { 8, 4, 256, &cheap, 64 },  { 1, 1, 256, &dear, 128 },
		{ 2, 1, 256, &dear, 64 },     { 4, 1, 256, &dear, 32 },   { 4, 4, 256, &dear, 128 },
	};

	for (unsigned i = 0; i < LEN(rows); i++) {
		struct world w = { .gap_ns = 1000 / rows[i].mpps,
				   .random = true,
				   .n_rings = rows[i].rings,
				   .slots = rows[i].slots,
				   .timer = *rows[i].timer };
		double want = awake_share(rows[i].mpps, rows[i].nap_us * 1000, rows[i].timer);
		struct figures f;

		open_world(&w);
		run(&w, 50 * MS);
		f = run(&w, 200 * MS);
		print_message("          %.1f Mpps: awake %.0f %%, at best %.0f, takes of %.1f, backlog %u\n",
			      rows[i].mpps, 100 * f.awake, 100 * want, f.take, w.ring[0].worst);
		assert_true(f.rate > 0.98e6 * rows[i].mpps && f.rate < 1.02e6 * rows[i].mpps);
		/* Random arrivals make one of several rings fuller than the others, and trials cost something. */
		assert_true(f.awake < 1.15 * want + 0.03);
		assert_true(f.awake > want - 0.02);
		assert_int_equal(w.refused, 0);
	}
}

/* Which look like a high rate to who polls; and as if a ring got full sooner than it does. */
static void
senders_that_send_batches_leave_naps_long(void **state)
{
	static const struct {
		double mpps;
		unsigned rings;
		const struct timer *timer;
		double nap_us;
	} rows[] = {
		{ 1, 1, &cheap, 128 }, { 4, 1, &cheap, 32 }, { 4, 4, &cheap, 128 },
		{ 4, 1, &dear, 32 },   { 4, 4, &dear, 128 },
	};

	for (unsigned i = 0; i < LEN(rows); i++) {
		struct world w = { .gap_ns = 1000 / rows[i].mpps,
				   .batch = 32,
				   .n_rings = rows[i].rings,
				   .slots = 256,
				   .timer = *rows[i].timer };
		struct figures f;

		open_world(&w);
		run(&w, 50 * MS);
		f = run(&w, 200 * MS);
		/* A batch more than half a ring: naps are a fifth shorter. */
		assert_true(f.awake < 1.1 * awake_share(rows[i].mpps, rows[i].nap_us * 800, rows[i].timer));
		assert_int_equal(w.refused, 0);
	}
}

/* A nap fills half a ring, so three quarters more from one moment to the next find room. */
static void
a_load_that_grows_finds_room(void **state)
{
	static const struct timer *const timers[] = { &cheap, &dear };

	for (unsigned i = 0; i < LEN(timers); i++) {
		struct world w = { .gap_ns = 1000, .slots = 256, .timer = *timers[i] };

		open_world(&w);
		run(&w, 50 * MS);
		while (w.gap_ns > 100) {
			run(&w, 20 * MS);
			assert_int_equal(w.refused, 0);
			w.gap_ns /= 1.75;
		}
	}
	/* Within an epoch, too. */
	struct world w = { .gap_ns = 1000, .slots = 256 };

	open_world(&w);
	run(&w, 50 * MS);
	while (w.gap_ns > 150) {
		run(&w, 140 * US);
		w.gap_ns /= 1.75;
	}
	run(&w, 1 * MS);
	assert_int_equal(w.refused, 0);
}

/* Four rings share the load; then all of it goes into one. Naps of 128 us bring 512 packets, of which half are too many. */
static void
a_load_that_moves_into_one_ring_is_seen_at_once(void **state)
{
	struct world w = { .gap_ns = 250, .n_rings = 4, .slots = 256 };
	uint64_t refused;

	open_world(&w);
	run(&w, 100 * MS);
	assert_int_equal(w.refused, 0);
	w.n_rings = 1;
	run(&w, 1 * MS);
	refused = w.refused;
	assert_true(refused < 3 * 256);
	run(&w, 100 * MS);
	assert_int_equal(w.refused, refused);
	/* And back. */
	w.n_rings = 4;
	run(&w, 20 * MS);
	assert_true(run(&w, 100 * MS).awake < 1.15 * awake_share(4, 128000, &cheap) + 0.03);
}

/* 8 Mpps fill half a ring in 16 us; a nap takes 15 us more than is asked for, so it could ask for 1 us. */
static void
a_nap_that_is_not_worth_its_timer_is_not_taken(void **state)
{
	struct world w = { .gap_ns = 125, .batch = 32, .slots = 256, .timer = dear };
	struct figures f;

	open_world(&w);
	run(&w, 50 * MS);
	f = run(&w, 500 * MS);
	assert_true((double)f.naps * dear.excess_ns < 0.02 * 500 * MS);
	assert_int_equal(w.refused, 0);
	/* When the load spreads, or gets lighter, naps come back. */
	w.n_rings = 8;
	run(&w, 2000 * MS);
	assert_true(run(&w, 100 * MS).awake < 1.15 * awake_share(8, 128000, &dear) + 0.03);
	w.n_rings = 1;
	run(&w, 500 * MS);
	w.gap_ns = 500;
	w.next_ns = w.now;
	run(&w, 100 * MS);
	assert_true(run(&w, 100 * MS).awake < 1.15 * awake_share(2, 64000, &dear) + 0.03);
	w.gap_ns = 125;
	w.n_rings = 8;
	run(&w, 1000 * MS);
	assert_true(run(&w, 100 * MS).awake < 1.15 * awake_share(8, 128000, &dear) + 0.03);
}

static void
a_quiet_stream_is_never_kept_waiting(void **state)
{
	struct world w = { .gap_ns = 6 * US, .random = true };

	open_world(&w);
	assert_int_equal(run(&w, 500 * MS).naps, 0);
	/* After load, too: it takes an epoch to see. */
	w.gap_ns = 500;
	assert_true(run(&w, 50 * MS).naps > 100);
	w.gap_ns = 100 * US;
	w.next_ns = w.now;
	assert_true(run(&w, 20 * MS).naps < 30);
	assert_int_equal(run(&w, 500 * MS).naps, 0);
}

/* ---- closed loops ---- */

/* 7/8 of what an eager worker forwards, pace.h; a little more is lost by trials. */
static void
a_closed_loop_is_not_throttled(void **state)
{
	static const struct {
		unsigned in_flight;
		double each_ns, after_ns;
	} rows[] = {
		{ 1, 50, 2000 }, /* ping-pong with somebody who polls */
		{ 1, 50, 8000 },    { 2, 50, 2000 },   { 8, 100, 5000 },  { 32, 50, 2000 }, { 32, 50, 20000 },
		{ 128, 50, 2000 },  { 128, 20, 2000 }, { 512, 80, 1000 }, /* the load tool, which is the bottleneck */
		{ 512, 20, 1000 },                                        /* the worker is */
		{ 64, 100, 50000 },
	};

	for (unsigned i = 0; i < 2 * LEN(rows); i++) {
		struct world w = { .in_flight = rows[i / 2].in_flight,
				   .each_ns = rows[i / 2].each_ns,
				   .after_ns = rows[i / 2].after_ns,
				   .slots = 512,
				   .timer = i % 2 == 0 ? cheap : dear };
		struct world eager = w;
		struct figures f, best;

		eager.eager = true;
		open_world(&eager);
		open_world(&w);
		best = run(&eager, 200 * MS);
		run(&w, 50 * MS);
		f = run(&w, 200 * MS);
		assert_true(f.rate > 0.82 * best.rate);
	}
}

/* Whose rate falls for a moment because somebody else has the CPU: what is found then must not pass for a rate that naps may have. */
static void
a_closed_loop_on_a_shared_cpu_is_not_throttled(void **state)
{
	static const struct {
		unsigned in_flight;
		double robbed_us, alone_us;
	} rows[] = {
		{ 8, 20, 300 }, { 8, 150, 700 },   { 8, 400, 1700 },   { 8, 3000, 4000 },
		{ 32, 20, 97 }, { 32, 300, 1000 }, { 32, 1000, 2500 }, { 100, 130, 1100 },
	};

	for (unsigned i = 0; i < LEN(rows); i++) {
		struct world w = { .in_flight = rows[i].in_flight,
				   .each_ns = 50,
				   .after_ns = 2000,
				   .slots = 512,
				   .robbed_ns = rows[i].robbed_us * 1000,
				   .alone_ns = rows[i].alone_us * 1000,
				   .timer = dear };
		struct world eager = w;
		struct figures f, best;

		eager.eager = true;
		open_world(&eager);
		open_world(&w);
		best = run(&eager, 500 * MS);
		f = run(&w, 500 * MS);
		assert_true(f.rate > 0.9 * best.rate);
	}
}

/* When an open stream becomes a loop, its long naps end within a few of them. */
static void
a_stream_that_becomes_a_loop_is_seen_soon(void **state)
{
	struct world w = { .gap_ns = 500, .slots = 256 };
	struct figures f;

	open_world(&w);
	run(&w, 50 * MS);
	assert_int_equal(w.pace.level, PACE_LEVELS);
	w.gap_ns = 0;
	w.in_flight = w.n_back = 8;
	w.each_ns = 100;
	w.after_ns = 2000;
	for (unsigned i = 0; i < 8; i++)
		w.back[i] = w.now;
	run(&w, 10 * MS);
	f = run(&w, 50 * MS);
	/* A loop of 8 takes 2 us, 8 * 100 ns, 8 * 50 ns and a few looks: about 4 us without naps. */
	assert_true(f.rate > 0.75 * 8 / 4e-6);
	/* And back. */
	w.gap_ns = 500;
	w.next_ns = w.now;
	w.in_flight = w.n_back = w.ring[0].backlog = 0;
	run(&w, 50 * MS);
	assert_true(run(&w, 100 * MS).awake < 0.2);
}

/* ---- single calls ---- */

static void
a_nap_is_bounded_by_time_and_by_room(void **state)
{
	static const struct {
		double packets_per_us;
		struct pace_ring found; /* when 10 us had passed, all of them asleep */
		uint64_t ns;
	} rows[] = {
		{ 0.5, { 5, 256 }, 128 * US }, /* 128 packets would take 256 us */
		{ 1, { 10, 256 }, 128 * US },  /* just so */
		{ 4, { 40, 256 }, 32 * US },   { 4, { 40, 1024 }, 128 * US },
		{ 4, { 10, 256 }, 128 * US },                                /* a quarter of the load in each */
		{ 4, { 20, 256 }, 64 * US },   { 4, { 160, 256 }, 32 * US }, /* a burst; they were 40 */
		{ 4, { 40, 64 }, 8 * US },     { 4, { 40, 128 }, 16 * US },
		{ 4, { 2, 2 }, 128 * US }, /* small rings are taken for some of 64 */
		{ 8, { 80, 256 }, 16 * US },
	};

	for (unsigned i = 0; i < LEN(rows); i++) {
		struct pace p;
		uint64_t nap = 0, packets = 0, now = 0;

		pace_init(&p, HZ, 0);
		p.excess = p.step = 0;
		for (unsigned k = 0; k < 20000; k++) {
			struct pace_ring fullest = { 0 };

			pace_find(&fullest, rows[i].found.waiting, rows[i].found.slots);
			now += 10 * US;
			packets += (uint64_t)(10 * rows[i].packets_per_us);
			if (nap > 0)
				pace_wake(&p, now);
			nap = pace_nap(&p, now, packets, fullest);
			assert_true(k < 1000 || nap <= rows[i].ns * 1.01 + 1);
		}
		assert_int_equal(p.level, PACE_LEVELS);
		assert_true(nap >= rows[i].ns * 0.99 / 2 - 1); /* a trial may be going on */
	}
}

static void
what_naps_take_too_long_is_learned_as_the_median(void **state)
{
	struct world w = { .gap_ns = 500, .n_rings = 4, .slots = 1024, .timer = dear };

	open_world(&w);
	/* After each third nap somebody else has the CPU for a millisecond: 500 packets for each ring. */
	while (w.naps < 5000) {
		w.timer.excess_ns = dear.excess_ns + (w.naps % 3 == 0 ? 1 * MS : 0);
		turn(&w);
	}
	assert_true(w.pace.excess > dear.excess_ns - 1 * US && w.pace.excess < dear.excess_ns + 1 * US);
}

/* Or a rate that falls for a moment would meet naps that nobody has tried at it. */
static void
naps_that_were_not_tried_are_not_kept(void **state)
{
	struct pace p;
	uint64_t now = 0, packets = 0;

	pace_init(&p, HZ, 0);
	p.excess = 1 * MS; /* none is worth it, and in a tenth of a second that is not forgotten */
	for (unsigned k = 0; k < 10000; k++)
		assert_int_equal(pace_nap(&p, now += 10 * US, packets += 20, (struct pace_ring){ 20, 256 }), 0);
	assert_int_equal(p.level, 0);
}

static void
nothing_came_no_nap(void **state)
{
	struct pace_ring some = { 20, 256 };
	struct pace p;
	uint64_t now = 0, packets = 0;

	pace_init(&p, HZ, 0);
	assert_int_equal(pace_nap(&p, 10, 0, (struct pace_ring){ 0 }), 0);
	assert_int_equal(pace_nap(&p, 20, 1, some), 0); /* the first packet ever */
	for (unsigned k = 0; k < 20000; k++)
		if (pace_nap(&p, now += 10 * US, packets += 20, some) > 0)
			pace_wake(&p, now + 5 * US);
	assert_true(pace_nap(&p, now += 10 * US, packets += 20, some) > 0);
	assert_int_equal(pace_nap(&p, now += 64 * US, packets, some), 0);
	assert_int_equal(pace_nap(&p, now += 64 * US, packets, some), 0);
	/* A packet after a second is taken at once. */
	assert_int_equal(pace_nap(&p, now + 1000 * MS, packets + 1, some), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_open_stream_gets_the_longest_naps),
		cmocka_unit_test(senders_that_send_batches_leave_naps_long),
		cmocka_unit_test(a_load_that_grows_finds_room),
		cmocka_unit_test(a_load_that_moves_into_one_ring_is_seen_at_once),
		cmocka_unit_test(a_nap_that_is_not_worth_its_timer_is_not_taken),
		cmocka_unit_test(a_quiet_stream_is_never_kept_waiting),
		cmocka_unit_test(a_closed_loop_is_not_throttled),
		cmocka_unit_test(a_closed_loop_on_a_shared_cpu_is_not_throttled),
		cmocka_unit_test(a_stream_that_becomes_a_loop_is_seen_soon),
		cmocka_unit_test(a_nap_is_bounded_by_time_and_by_room),
		cmocka_unit_test(what_naps_take_too_long_is_learned_as_the_median),
		cmocka_unit_test(naps_that_were_not_tried_are_not_kept),
		cmocka_unit_test(nothing_came_no_nap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
