/* pace_test.c - naps are as long as they may be for open streams, and as short as they must be for closed loops. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdbool.h>
#include <string.h>

#include "nic/pace.h"

#define LEN(a) (sizeof(a) / sizeof((a)[0]))
#define HZ 1000000000ull /* a cycle is a ns */
#define US 1000ull
#define MS 1000000ull
#define BURST 32
#define IN_FLIGHT_MAX 1024

/* ---- a worker in a world of two kinds of senders ---- */

/* What a take, a packet, a look that finds nothing and a nap cost, ns. As seen on machines of today, roughly. */
#define TAKE_NS 300
#define PACKET_NS 50
#define LOOK_NS 100
#define NAP_NS 3000

struct world {
	/* An open stream. */
	double gap_ns; /* between packets, on average; 0: none */
	double next_ns;
	bool random;
	/* A closed loop: so many packets, which come back one by one, each `each_ns` after the one before, `after_ns` after they were sent. */
	unsigned in_flight;
	double each_ns, after_ns;
	double back[IN_FLIGHT_MAX]; /* when they are back, in order */
	unsigned first, n_back;
	double last_back;

	struct pace pace;
	bool eager; /* never naps */
	unsigned slots;
	double now;
	uint64_t packets, naps, takes;
	double awake;
	unsigned seed, backlog, worst_backlog;
};

static void
open_world(struct world *w)
{
	pace_init(&w->pace, HZ, 0);
	w->seed = 1;
	for (unsigned i = 0; i < w->in_flight; i++)
		w->back[i] = 0;
	w->n_back = w->in_flight;
}

/* Exponential gaps by sixteen equally likely values would do; this is their sum over one draw: -ln(u), u uniform. */
static double
draw_gap(struct world *w)
{
	double u, ln = 0;

	if (!w->random)
		return w->gap_ns;
	w->seed = w->seed * 1664525 + 1013904223;
	u = ((w->seed >> 8) + 1) / 16777217.0;
	for (; u < 0.5; u *= 2)
		ln += 0.69314718056;
	/* ln(1/u) for u in 0.5 to 1, by its series in 1 - u. */
	for (double term = 1 - u, k = 1; k < 30; k++, term *= 1 - u)
		ln += term / k;
	return w->gap_ns * ln;
}

static void
arrive(struct world *w)
{
	while (w->gap_ns > 0 && w->next_ns <= w->now) {
		w->backlog++;
		w->next_ns += draw_gap(w);
	}
	while (w->n_back > 0 && w->back[w->first] <= w->now) {
		w->backlog++;
		w->first = (w->first + 1) % IN_FLIGHT_MAX;
		w->n_back--;
	}
	if (w->backlog > w->worst_backlog)
		w->worst_backlog = w->backlog;
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

/* What worker.c does: a round; when it was a thin one, perhaps a nap. */
static void
turn(struct world *w)
{
	unsigned n;
	uint64_t nap;
	double cost;

	arrive(w);
	n = w->backlog < BURST ? w->backlog : BURST;
	cost = n > 0 ? TAKE_NS + n * PACKET_NS : LOOK_NS;
	w->now += cost;
	w->awake += cost;
	w->backlog -= n;
	w->packets += n;
	w->takes += n > 0;
	send_back(w, n);
	if (n >= BURST / 2 || w->eager)
		return;
	nap = pace_nap(&w->pace, (uint64_t)w->now, w->packets, w->slots);
	if (nap > 0) {
		w->now += (double)nap + NAP_NS;
		w->awake += NAP_NS;
		w->naps++;
	}
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

	w->worst_backlog = 0;
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
 * After a twentieth of a second naps are the longest: a turn T then is the nap, its cost, and the cost c of the packets that came in
 * T, so T = (nap + cost) / (1 - rate * c), and what is no nap of it the worker is awake.
 */
static double
awake_share(double mpps, double nap_ns)
{
	double load = mpps / 1000 * (PACKET_NS + (double)TAKE_NS / BURST);

	return 1 - nap_ns / ((nap_ns + NAP_NS) / (1 - load));
}

static void
an_open_stream_gets_the_longest_naps(void **state)
{
	static const struct {
		double mpps;
		unsigned slots;
		double nap_us;
	} rows[] = {
		{ 0.3, 256, 64 }, { 1, 256, 64 }, { 2, 0, 64 },  { 4, 256, 32 },
		{ 4, 1023, 32 },  { 8, 256, 16 }, { 1, 64, 32 },
	};

	for (unsigned i = 0; i < LEN(rows); i++) {
		struct world w = { .gap_ns = 1000 / rows[i].mpps, .random = true, .slots = rows[i].slots };
		double want = awake_share(rows[i].mpps, rows[i].nap_us * 1000);
		struct figures f;

		open_world(&w);
		run(&w, 50 * MS);
		f = run(&w, 200 * MS);
		print_message("          %.1f Mpps: awake %.0f %%, at best %.0f, takes of %.1f, backlog %u\n",
			      rows[i].mpps, 100 * f.awake, 100 * want, f.take, w.worst_backlog);
		assert_true(f.rate > 0.98e6 * rows[i].mpps && f.rate < 1.02e6 * rows[i].mpps);
		assert_true(f.awake < want + 0.05); /* thin takes at the end of each turn, and trials */
		/* The nap's half of a ring, what came while waking up, what a thin round left; and chance. */
		assert_true(w.worst_backlog < (rows[i].nap_us * 1000 + NAP_NS) / w.gap_ns + BURST + 40);
	}
}

/* Twice as much from one moment to the next fits: a nap fills half a ring at most. What comes while waking up, and what a thin round left, is beside that. */
static void
a_load_that_doubles_finds_room(void **state)
{
	struct world w = { .gap_ns = 1000, .slots = 256 };

	open_world(&w);
	run(&w, 50 * MS);
	for (; w.gap_ns > 100; w.gap_ns /= 2) {
		struct figures f = run(&w, 20 * MS);

		assert_true(f.naps > 100);
		assert_true(w.worst_backlog < 256 + NAP_NS / w.gap_ns + BURST);
	}
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

	for (unsigned i = 0; i < LEN(rows); i++) {
		struct world w = { .in_flight = rows[i].in_flight,
				   .each_ns = rows[i].each_ns,
				   .after_ns = rows[i].after_ns };
		struct world eager = w;
		struct figures f, best;

		eager.eager = true;
		open_world(&eager);
		open_world(&w);
		best = run(&eager, 200 * MS);
		run(&w, 50 * MS);
		f = run(&w, 200 * MS);
		print_message("          %3u in flight: %.2f of %.2f Mpps, awake %.0f %%, take %.1f, %lu naps, level "
			      "%u\n",
			      rows[i].in_flight, f.rate / 1e6, best.rate / 1e6, 100 * f.awake, f.take,
			      (unsigned long)f.naps, w.pace.level);
		assert_true(f.rate > 0.82 * best.rate);
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
	w.in_flight = w.n_back = w.backlog = 0;
	run(&w, 50 * MS);
	assert_true(run(&w, 100 * MS).awake < 0.2);
}

/* ---- single calls ---- */

static void
a_nap_is_bounded_by_time_and_by_room(void **state)
{
	static const struct {
		double packets_per_us;
		unsigned slots;
		uint64_t ns;
	} rows[] = {
		{ 0.5, 256, 64 * US }, /* 128 packets would take 256 us */
		{ 2, 256, 64 * US },   /* just so: 128 at 2 Mpps */
		{ 4, 256, 32 * US },
		{ 4, 0, 32 * US }, /* unknown: as 256 */
		{ 4, 1024, 32 * US },
		{ 4, 64, 8 * US },
		{ 4, 128, 16 * US },
		{ 4, 2, 8 * US },
		/* a burst at least */ { 8, 256, 16 * US },
	};

	for (unsigned i = 0; i < LEN(rows); i++) {
		struct pace p;
		uint64_t nap = 0, packets = 0, now = 0;

		pace_init(&p, HZ, 0);
		for (unsigned k = 0; k < 20000; k++) {
			now += 10 * US;
			packets += (uint64_t)(10 * rows[i].packets_per_us);
			nap = pace_nap(&p, now, packets, rows[i].slots);
			assert_true(nap <= rows[i].ns + 1);
		}
		assert_int_equal(p.level, PACE_LEVELS);
		assert_true(nap >= rows[i].ns / 2 - 1); /* a trial may be going on */
	}
}

static void
nothing_came_no_nap(void **state)
{
	struct pace p;
	uint64_t now = 0, packets = 0;

	pace_init(&p, HZ, 0);
	assert_int_equal(pace_nap(&p, 10, 0, 0), 0);
	assert_int_equal(pace_nap(&p, 20, 1, 0), 0); /* the first packet ever */
	for (unsigned k = 0; k < 20000; k++)
		pace_nap(&p, now += 10 * US, packets += 20, 256);
	assert_true(pace_nap(&p, now += 10 * US, packets += 20, 256) > 0);
	assert_int_equal(pace_nap(&p, now += 64 * US, packets, 256), 0);
	assert_int_equal(pace_nap(&p, now += 64 * US, packets, 256), 0);
	/* A packet after a second is taken at once. */
	assert_int_equal(pace_nap(&p, now + 1000 * MS, packets + 1, 256), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_open_stream_gets_the_longest_naps),
		cmocka_unit_test(a_load_that_doubles_finds_room),
		cmocka_unit_test(a_quiet_stream_is_never_kept_waiting),
		cmocka_unit_test(a_closed_loop_is_not_throttled),
		cmocka_unit_test(a_stream_that_becomes_a_loop_is_seen_soon),
		cmocka_unit_test(a_nap_is_bounded_by_time_and_by_room),
		cmocka_unit_test(nothing_came_no_nap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
