/* balance_property_test.c - what must hold whatever the load is: many hosts by chance, each for some seconds. */
#include <math.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "plan/balance_world.h"

#define HOSTS 20
#define SAMPLES 700 /* 14 s: packing, too, when the peaks are forgotten */

static struct world w, twin;
static uint64_t random_state;
static bool quiet;

/* xorshift64* (Vigna, 2016). */
static uint64_t
any(uint64_t below)
{
	random_state ^= random_state >> 12;
	random_state ^= random_state << 25;
	random_state ^= random_state >> 27;
	return below > 0 ? (random_state * 0x2545f4914f6cdd1du >> 33) % below : 0;
}

/* Puts what the queue may stand on into a random order, its home first. */
static void
shuffle_order(struct plan_balance_queue *q)
{
	q->n_order = 0;
	for (unsigned p = 0; p < w.n_processors; p++)
		if (q->allowed >> p & 1)
			q->order[q->n_order++] = (uint8_t)p;
	for (unsigned k = q->n_order; k > 1; k--) {
		unsigned other = (unsigned)any(k);
		uint8_t p = q->order[k - 1];

		q->order[k - 1] = q->order[other];
		q->order[other] = p;
	}
}

static void
random_host(uint64_t seed)
{
	unsigned n;

	random_state = seed * 0x9e3779b97f4a7c15u + 1;
	quiet = any(3) == 0;
	world_begin(&w, 1 + any(16));
	n = (unsigned)any(100);
	for (unsigned p = 0; p < w.n_processors; p++) {
		w.processors[p].numa = (unsigned)any(2);
		w.other[p] = any(4) ? 0 : (double)any(60);
	}
	for (unsigned i = 0; i < n; i++) {
		struct plan_balance_queue *q = &w.queues[world_queue(&w, (unsigned)any(w.n_processors), 0)];

		q->allowed = any(8) == 0 ? 0 : q->allowed & (any(2) ? UINT64_MAX : any(1u << 31));
		shuffle_order(q);
	}
	w.most = any(4) ? WORLD_QUEUES : any(8);
}

/* Loads that jump, stay, swing; rings and losses as they come; processors that come and go. A quiet host has little to do from 2 s on. */
static void
random_sample(unsigned t)
{
	double mean = w.n_queues > 0 ? 70.0 * (double)w.n_processors / (double)w.n_queues : 0;

	if (quiet && t >= 100) {
		for (unsigned i = 0; i < w.n_queues; i++)
			w.queues[i].demand = w.queues[i].backlog = w.queues[i].waiting = w.queues[i].lost = 0;
		return;
	}

	for (unsigned i = 0; i < w.n_queues; i++) {
		struct plan_balance_queue *q = &w.queues[i];

		if (i % 3 == 0 && t % 10 == 0)
			q->demand = (double)any(200) / 100 * mean;
		if (i % 3 == 1)
			q->demand = (t / (i % 40 + 1)) % 2 ? 2 * mean : 0;
		if (i % 3 == 2 && t % 100 == 0)
			q->demand = any(5) ? mean / 10 : 5 * mean;
		q->backlog = any(3) ? 0 : (double)any(100) / 100;
		q->waiting = q->backlog * 5;
		q->lost = any(20) ? 0 : (double)any(100) / 100;
	}
	if (t % 50 == 0)
		w.processors[any(w.n_processors)].usable = any(3) != 0;
}

static unsigned
usable(void)
{
	unsigned n = 0;

	for (unsigned p = 0; p < w.n_processors; p++)
		n += w.processors[p].usable;
	return n;
}

/* Plays every host, calls check after every sample. */
static void
play(void (*check)(const struct plan_balance_queue *before))
{
	static struct plan_balance_queue before[WORLD_QUEUES];

	for (uint64_t seed = 1; seed <= HOSTS; seed++) {
		random_host(seed);
		for (unsigned t = 0; t < SAMPLES; t++) {
			random_sample(t);
			memcpy(before, w.queues, sizeof(before));
			world_sample(&w);
			check(before);
		}
	}
}

static void
check_where(const struct plan_balance_queue *before)
{
	for (unsigned k = 0; k < w.result.n_moves; k++) {
		const struct plan_balance_move *m = &w.moves[k];

		assert_true(m->queue < w.n_queues);
		assert_true(m->to < w.n_processors && m->from < w.n_processors && m->from != m->to);
		assert_true(before[m->queue].allowed >> m->to & 1);
		assert_true(w.processors[m->to].usable);
		assert_int_equal(before[m->queue].processor, m->from);
		assert_int_equal(w.queues[m->queue].processor, m->to);
	}
}

static void
queues_go_only_to_processors_that_are_allowed_and_usable(void **state)
{
	play(check_where);
}

static void
check_gain(const struct plan_balance_queue *before)
{
	for (unsigned k = 0; k < w.result.n_moves; k++) {
		const struct plan_balance_move *m = &w.moves[k];

		if ((m->why == PLAN_BALANCE_OVERLOAD || m->why == PLAN_BALANCE_EVEN) &&
		    fmax(m->from_after, m->to_after) >= fmax(m->from_before, m->to_before))
			fail_msg("%f %f to %f %f", m->from_before, m->from_after, m->to_before, m->to_after);
		else if (m->why == PLAN_BALANCE_PACK)
			assert_true(m->to_after <= w.params.low + 1e-6);
	}
}

static void
each_move_leaves_the_fuller_of_two_processors_emptier_or_packs_below_low(void **state)
{
	play(check_gain);
}

static void
check_number(const struct plan_balance_queue *before)
{
	static unsigned seen[WORLD_QUEUES], call;
	unsigned changed = 0;

	call++;
	assert_true(w.result.n_moves <= w.n_queues && w.result.n_moves <= w.most);
	for (unsigned k = 0; k < w.result.n_moves; k++) {
		assert_true(seen[w.moves[k].queue] != call);
		seen[w.moves[k].queue] = call;
	}
	for (unsigned i = 0; i < w.n_queues; i++)
		changed += w.queues[i].processor != before[i].processor;
	assert_int_equal(changed, w.result.n_moves);
}

static void
a_call_moves_each_queue_once_at_most_and_tells_of_every_move(void **state)
{
	play(check_number);
}

static void
check_rest(const struct plan_balance_queue *before)
{
	for (unsigned k = 0; k < w.result.n_moves; k++) {
		const struct plan_balance_move *m = &w.moves[k];
		uint64_t last = before[m->queue].memory.moved_ns;

		assert_true(m->why == PLAN_BALANCE_GONE || last == 0 || w.now_ns - last >= w.params.rest_ns);
		assert_true(m->why != PLAN_BALANCE_GONE || !w.processors[m->from].usable);
		assert_true(w.queues[m->queue].memory.moved_ns == w.now_ns);
	}
}

static void
no_queue_moves_twice_within_its_rest_unless_its_processor_is_gone(void **state)
{
	play(check_rest);
}

static void
check_gone(const struct plan_balance_queue *before)
{
	unsigned left = 0;

	for (unsigned i = 0; i < w.n_queues; i++)
		left += !w.processors[w.queues[i].processor].usable;
	if (w.most == WORLD_QUEUES)
		assert_int_equal(left, w.result.n_stranded);
	assert_true(usable() > 0 || w.result.n_moves == 0);
}

static void
nobody_stays_on_a_processor_that_is_gone_but_the_stranded(void **state)
{
	play(check_gone);
}

/* The same again, with all that is not input filled with something else. */
static void
check_twin(const struct plan_balance_queue *before)
{
	static struct plan_balance_state state;

	memcpy(twin.queues, before, sizeof(twin.queues));
	for (unsigned i = 0; i < w.n_queues; i++)
		memset(&twin.queues[i].scratch, (int)any(256), sizeof(twin.queues[i].scratch));
	memset(twin.moves, (int)any(256), sizeof(twin.moves));
	memset(&twin.result, 0xa5, sizeof(twin.result));
	if (w.now_ns == 100 * S + 20 * MS)
		memset(&state, 0, sizeof(state));
	plan_balance(&w.params, &state, w.now_ns, w.processors, w.n_processors, twin.queues, w.n_queues, twin.moves,
		     w.most, &twin.result);
	assert_memory_equal(&state, &w.state, sizeof(state));
	assert_int_equal(twin.result.n_moves, w.result.n_moves);
	for (unsigned k = 0; k < w.result.n_moves; k++) {
		assert_int_equal(twin.moves[k].queue, w.moves[k].queue);
		assert_int_equal(twin.moves[k].to, w.moves[k].to);
	}
	for (unsigned i = 0; i < w.n_queues; i++)
		assert_memory_equal(&twin.queues[i].memory, &w.queues[i].memory, sizeof(w.queues[i].memory));
}

static void
the_same_input_gives_the_same_answer(void **state)
{
	play(check_twin);
}

/* By chance: would the checks above see anything? */
static unsigned moved[4];

static void
count_whys(const struct plan_balance_queue *before)
{
	for (unsigned k = 0; k < w.result.n_moves; k++)
		moved[w.moves[k].why]++;
}

static void
the_hosts_see_moves_of_every_kind(void **state)
{
	play(count_whys);
	for (int why = 0; why < 4; why++)
		if (moved[why] < 100)
			fail_msg("%u moves of kind %d", moved[why], why);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(queues_go_only_to_processors_that_are_allowed_and_usable),
		cmocka_unit_test(each_move_leaves_the_fuller_of_two_processors_emptier_or_packs_below_low),
		cmocka_unit_test(a_call_moves_each_queue_once_at_most_and_tells_of_every_move),
		cmocka_unit_test(no_queue_moves_twice_within_its_rest_unless_its_processor_is_gone),
		cmocka_unit_test(nobody_stays_on_a_processor_that_is_gone_but_the_stranded),
		cmocka_unit_test(the_same_input_gives_the_same_answer),
		cmocka_unit_test(the_hosts_see_moves_of_every_kind),
	};

	return cmocka_run_group_tests_name("plan/balance_property", tests, NULL, NULL);
}
