/* moderation_test.c - interrupts counted on a clock of the test's own, a ns a cycle, with receivers of several habits. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "nic/moderation.h"

#define LEN(a) (sizeof(a) / sizeof((a)[0]))
#define HZ 1000000000ull
#define US 1000ull
#define MS (1000 * US)
#define S (1000 * MS)
#define TRIAL_US \
	(3 * MODERATION_SHORTEST_US) /* what one in vain costs: a wait of twice the shortest gap, and one of it */
#define LARGE 32768                  /* entries: half of it is never reached */

/* A ring, and who is interrupted for it: he wants an interrupt for each entry, unless `polls`. */
static struct sim {
	struct moderation m;
	uint16_t used;
	bool held, polls;
	uint64_t due;
	uint64_t calls, last_call, entries;
	uint64_t worst; /* how long an entry waited for an interrupt, at most */
	uint64_t oldest;
	unsigned untold; /* entries that no interrupt told of */
	unsigned worst_untold;
} sim;

static void
open_ring(enum moderation_mode mode, uint32_t size, uint16_t used)
{
	memset((void *)&sim, 0, sizeof(sim));
	moderation_set(&sim.m, mode);
	moderation_init(&sim.m, HZ, size, used);
	sim.used = used;
}

static void
call(uint64_t at)
{
	sim.calls++;
	sim.last_call = at;
	sim.held = false;
	if (sim.untold > 0 && at - sim.oldest > sim.worst)
		sim.worst = at - sim.oldest;
	sim.untold = 0;
}

/* The lane that holds it. */
static void
pass(uint64_t now)
{
	if (sim.held && sim.due <= now)
		call(sim.due);
}

static void
publish(uint64_t now, unsigned n)
{
	pass(now);
	sim.used = (uint16_t)(sim.used + n);
	sim.entries += n;
	if (sim.polls && !sim.m.holding)
		return;
	if (sim.untold == 0)
		sim.oldest = now;
	sim.untold += n;
	switch (moderation_look(&sim.m, now, sim.used, !sim.polls && !sim.held, sim.held)) {
	case MODERATION_HOLD:
		sim.held = true;
		sim.due = sim.m.next;
		assert_true(sim.due > now);
		break;
	case MODERATION_TAKE:
		assert_true(sim.held);
		call(now);
		break;
	case MODERATION_CALL:
		assert_false(sim.held);
		call(now);
		break;
	default:
		break;
	}
	if (sim.untold > sim.worst_untold)
		sim.worst_untold = sim.untold;
}

/* n entries at a time, evenly, for that long. */
static void
stream(uint64_t from, uint64_t duration, uint64_t every, unsigned n)
{
	for (uint64_t t = from; t < from + duration; t += every)
		publish(t, n);
	pass(from + duration - 1);
}

static double
entries_per_call(void)
{
	return (double)sim.entries / (double)sim.calls;
}

/* ---- fixed rates ---- */

/* An entry each us: one call at 0, and one each time a gap is over. */
static void
each_fixed_mode_keeps_its_rate(void **state)
{
	static const struct {
		enum moderation_mode mode;
		uint64_t calls_a_second;
	} rows[] = {
		{ MODERATION_OFF, 1000000 },
		{ MODERATION_LOW, 50000 },
		{ MODERATION_MEDIUM, 20000 },
		{ MODERATION_HIGH, 8000 },
	};

	for (size_t i = 0; i < LEN(rows); i++) {
		open_ring(rows[i].mode, LARGE, 65530);
		stream(0, S, US, 1);
		assert_int_equal(sim.calls, rows[i].calls_a_second);
		assert_int_equal(sim.entries, 1000000);
	}
}

static void
what_comes_slower_than_the_rate_is_told_of_at_once(void **state)
{
	for (int mode = 0; mode < MODERATION_MODES; mode++) {
		open_ring((enum moderation_mode)mode, LARGE, 0);
		stream(0, S, 300 * US, 1); /* 256 us is the longest gap */
		assert_int_equal(sim.calls, sim.entries);
		assert_int_equal(sim.worst, 0);
	}
}

static void
no_entry_waits_longer_than_the_gap(void **state)
{
	static const uint64_t longest_us[MODERATION_MODES] = { [MODERATION_ADAPTIVE] = 256,
							       [MODERATION_OFF] = 0,
							       [MODERATION_LOW] = MODERATION_LOW_US,
							       [MODERATION_MEDIUM] = MODERATION_MEDIUM_US,
							       [MODERATION_HIGH] = MODERATION_HIGH_US };

	for (int mode = 0; mode < MODERATION_MODES; mode++)
		for (uint64_t every = 100; every < 100 * US; every = every * 3 / 2) {
			open_ring((enum moderation_mode)mode, LARGE, 0);
			stream(0, 20 * MS, every, 1);
			assert_true(sim.worst <= longest_us[mode] * US);
		}
}

/* At 4 Mpps a ring of 256 fills in 64 us, and the highest gap is 125. */
static void
a_ring_half_full_of_news_does_not_wait(void **state)
{
	static const uint32_t sizes[] = { 1, 2, 64, 256, 1024 };

	for (int mode = 0; mode < MODERATION_MODES; mode++)
		for (size_t i = 0; i < LEN(sizes); i++) {
			open_ring((enum moderation_mode)mode, sizes[i], 0);
			stream(0, 10 * MS, 250, 1);
			assert_true(sim.worst_untold <= (sizes[i] + 1) / 2);
		}
}

static void
who_polls_is_not_interrupted(void **state)
{
	open_ring(MODERATION_ADAPTIVE, 256, 0);
	sim.polls = true;
	stream(0, 100 * MS, US, 1);
	assert_int_equal(sim.calls, 0);
	sim.polls = false;
	publish(100 * MS, 1); /* asks again: told at once */
	assert_int_equal(sim.calls, 1);
	assert_int_equal(sim.last_call, 100 * MS);
}

static void
another_mode_is_in_force_at_once(void **state)
{
	open_ring(MODERATION_HIGH, LARGE, 0);
	publish(0, 1);
	publish(US, 1);
	assert_true(sim.held);
	moderation_set(&sim.m, MODERATION_OFF);
	publish(2 * US, 1); /* the one that was held back is sent now */
	assert_int_equal(sim.calls, 2);
	publish(3 * US, 1);
	publish(4 * US, 1);
	assert_int_equal(sim.calls, 4);
	moderation_set(&sim.m, MODERATION_HIGH);
	publish(5 * US, 1);
	assert_int_equal(sim.calls, 5);
	publish(6 * US, 1);
	assert_int_equal(sim.calls, 5);
	pass(5 * US + 125 * US - 1);
	assert_int_equal(sim.calls, 5);
	pass(5 * US + 125 * US);
	assert_int_equal(sim.calls, 6);
}

/* Whoever holds it may be off its CPU. */
static void
one_that_is_overdue_is_sent_by_who_comes_first(void **state)
{
	for (int mode = 0; mode < MODERATION_MODES; mode++) {
		uint64_t t = 20 * MS, calls;

		if (mode == MODERATION_OFF)
			continue;
		open_ring((enum moderation_mode)mode, LARGE, 0);
		stream(0, t, 12 * US, 1); /* which adaptive holds back, too */
		for (; !sim.held; t += US)
			publish(t, 1);
		calls = sim.calls;
		sim.due = UINT64_MAX; /* its lane does not come */
		publish(t + MS, 1);
		assert_int_equal(sim.calls, calls + 1);
		assert_int_equal(sim.last_call, t + MS);
	}
}

/* A lane that cannot hold it has called in its place. */
static void
a_call_in_place_of_holding_begins_a_gap(void **state)
{
	open_ring(MODERATION_HIGH, LARGE, 0);
	publish(0, 1);
	assert_int_equal(moderation_look(&sim.m, US, 2, true, false), MODERATION_HOLD);
	moderation_called(&sim.m, US, 2);
	assert_int_equal(moderation_look(&sim.m, 125 * US, 3, true, false), MODERATION_HOLD);
	assert_int_equal(sim.m.next, 126 * US);
}

/* ---- adaptive ---- */

/* From 50,000 packets a second on: 13 in 256 us, and some without a gap. */
static void
bulk_is_told_of_in_tens(void **state)
{
	static const uint64_t every[] = { 20 * US, 12 * US, 6 * US, US, US / 4 };

	for (size_t i = 0; i < LEN(every); i++) {
		open_ring(MODERATION_ADAPTIVE, 1024, 0);
		stream(0, S, every[i], 1);
		assert_true(entries_per_call() >= 10);
		assert_true(entries_per_call() <= 512);
	}
}

/* Gaps between packets as of a Poisson process: -ln(u) is 1 on the mean. Here by quantiles, shuffled by a linear generator. */
static uint64_t
random_gap(uint64_t mean)
{
	/* Thousandths of -ln((2 i + 1) / 32): their mean is 0.98. */
	static const uint16_t quantile[16] = { 3466, 2367, 1856, 1520, 1269, 1068, 901, 758,
					       633,  521,  421,  330,  247,  170,  98,  32 };
	static uint32_t seed = 1;

	seed = seed * 1664525 + 1013904223; /* Numerical Recipes, 7.1 */
	return mean * quantile[seed >> 28] / 1000 + 1;
}

/* As of a sender that is itself interrupted: he has two frames to send each time. */
static void
bulk_in_pairs_is_told_of_in_tens_too(void **state)
{
	open_ring(MODERATION_ADAPTIVE, 1024, 0);
	stream(0, S, 40 * US, 2);
	assert_true(entries_per_call() >= 10);
}

static void
bulk_at_random_is_told_of_in_tens_too(void **state)
{
	uint64_t t = 0;

	open_ring(MODERATION_ADAPTIVE, 1024, 0);
	while (t < S) {
		publish(t, 1);
		t += random_gap(12 * US);
	}
	assert_true(entries_per_call() >= 10);
}

/*
 * A round trip: an entry comes `trip` after the interrupt for the one before. Each trial costs TRIAL_US at most. They come
 * after 128, 256, 512 and each 1024 entries, or more: of 10,000, at most 3 + 8.
 */
static uint64_t
ping_pong(uint64_t from, uint64_t trip, unsigned rounds)
{
	uint64_t t = from;

	for (unsigned i = 0; i < rounds; i++) {
		publish(t, 1);
		t = sim.held ? sim.due : t;
		pass(t);
		t += trip;
	}
	return t - from;
}

static void
a_request_waits_for_nothing_but_rare_trials(void **state)
{
	static const uint64_t trips[] = { 5 * US, 10 * US, 30 * US, 63 * US, 100 * US, 300 * US };

	for (size_t i = 0; i < LEN(trips); i++) {
		uint64_t took;

		open_ring(MODERATION_ADAPTIVE, 256, 0);
		took = ping_pong(0, trips[i], 10000);
		assert_int_equal(sim.calls, 10000);
		assert_true(took - trips[i] * 10000 <= 11ull * TRIAL_US * US);
	}
}

static void
after_bulk_a_request_waits_six_times_at_most(void **state)
{
	uint64_t t = S, took;

	open_ring(MODERATION_ADAPTIVE, 1024, 0);
	stream(0, S, 12 * US, 1);
	assert_int_equal(sim.m.level, MODERATION_LEVELS);
	took = ping_pong(t, 20 * US, 1 + MODERATION_LEVELS + MODERATION_FAITH); /* the first one may find a gap over */
	took = ping_pong(t + took, 20 * US, MODERATION_TRIAL_MIN - 1);
	assert_int_equal(took, (MODERATION_TRIAL_MIN - 1) * 20 * US);
}

/* 2 ms at 100,000 a second, then nothing for 10 ms: 6 bursts of 200 are 8.2 ms of 128 entries and more; then tens. */
static void
bulk_in_bursts_is_told_of_in_tens_too(void **state)
{
	uint64_t entries, calls;

	open_ring(MODERATION_ADAPTIVE, 1024, 0);
	for (unsigned i = 0; i < 6; i++)
		stream(i * 12 * MS, 2 * MS, 10 * US, 1);
	entries = sim.entries;
	calls = sim.calls;
	for (unsigned i = 6; i < 50; i++)
		stream(i * 12 * MS, 2 * MS, 10 * US, 1);
	assert_true(sim.entries - entries >= 10 * (sim.calls - calls));
}

/* Short talks with silence between: as without it, a trial in 128 entries at most. */
static void
talks_with_silence_between_are_not_made_to_wait(void **state)
{
	uint64_t took = 0;

	open_ring(MODERATION_ADAPTIVE, 256, 0);
	for (unsigned i = 0; i < 1000; i++)
		took += ping_pong(i * 20 * MS, 20 * US, 4);
	assert_true(took <= 4000 * 20 * US + 4000 / MODERATION_TRIAL_MIN * TRIAL_US * US);
}

static void
after_silence_a_long_gap_is_forgotten(void **state)
{
	open_ring(MODERATION_ADAPTIVE, 1024, 0);
	stream(0, S, 12 * US, 1);
	assert_int_equal(sim.m.level, MODERATION_LEVELS);
	publish(S + 20 * MS, 1);
	assert_int_equal(sim.last_call, S + 20 * MS);
	publish(S + 20 * MS + US, 1);
	assert_int_equal(sim.due, S + 20 * MS + 2 * MODERATION_SHORTEST_US * US); /* and not 4 */
}

/* So many clients, each of whom sends once he was answered, a trip after the interrupt that told of him. Returns how many in a second. */
static uint64_t
closed_loop(unsigned clients, uint64_t trip)
{
	uint64_t ready[64], t = 0;

	for (unsigned i = 0; i < clients; i++)
		ready[i] = i * 200;
	while (t < S) {
		unsigned first = 0;

		for (unsigned i = 1; i < clients; i++)
			if (ready[i] < ready[first])
				first = i;
		if (sim.held && sim.due < ready[first]) {
			pass(sim.due);
		} else {
			t = ready[first];
			publish(t, 1);
			ready[first] = UINT64_MAX; /* until he is told */
		}
		for (unsigned i = 0; i < clients && sim.untold == 0; i++)
			if (ready[i] == UINT64_MAX)
				ready[i] = sim.last_call + trip + i * 200;
	}
	return sim.entries;
}

static void
many_who_wait_for_answers_are_served_as_without_moderation(void **state)
{
	static const unsigned clients[] = { 1, 2, 4, 16, 64 };
	static const uint64_t trips[] = { 10 * US, 30 * US, 60 * US };

	for (size_t i = 0; i < LEN(clients); i++)
		for (size_t k = 0; k < LEN(trips); k++) {
			uint64_t off, adaptive;

			open_ring(MODERATION_OFF, 1024, 0);
			off = closed_loop(clients[i], trips[k]);
			open_ring(MODERATION_ADAPTIVE, 1024, 0);
			adaptive = closed_loop(clients[i], trips[k]);
			assert_true(adaptive * 10 >= off * 9);
		}
}

static void
each_mode_has_its_word(void **state)
{
	static const char *const words[MODERATION_MODES] = { "adaptive", "off", "low", "medium", "high" };

	for (int i = 0; i < MODERATION_MODES; i++)
		assert_string_equal(moderation_text((enum moderation_mode)i), words[i]);
	assert_string_equal(moderation_text(MODERATION_MODES), "unknown");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_fixed_mode_keeps_its_rate),
		cmocka_unit_test(what_comes_slower_than_the_rate_is_told_of_at_once),
		cmocka_unit_test(no_entry_waits_longer_than_the_gap),
		cmocka_unit_test(a_ring_half_full_of_news_does_not_wait),
		cmocka_unit_test(who_polls_is_not_interrupted),
		cmocka_unit_test(another_mode_is_in_force_at_once),
		cmocka_unit_test(one_that_is_overdue_is_sent_by_who_comes_first),
		cmocka_unit_test(a_call_in_place_of_holding_begins_a_gap),
		cmocka_unit_test(bulk_is_told_of_in_tens),
		cmocka_unit_test(bulk_in_pairs_is_told_of_in_tens_too),
		cmocka_unit_test(bulk_at_random_is_told_of_in_tens_too),
		cmocka_unit_test(a_request_waits_for_nothing_but_rare_trials),
		cmocka_unit_test(after_bulk_a_request_waits_six_times_at_most),
		cmocka_unit_test(bulk_in_bursts_is_told_of_in_tens_too),
		cmocka_unit_test(talks_with_silence_between_are_not_made_to_wait),
		cmocka_unit_test(after_silence_a_long_gap_is_forgotten),
		cmocka_unit_test(many_who_wait_for_answers_are_served_as_without_moderation),
		cmocka_unit_test(each_mode_has_its_word),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
