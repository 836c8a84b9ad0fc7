/* rxplan_test.c - what a change of the receive plan makes wait, and for how long: a step at a time. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <sched.h>
#include <unistd.h>

#include "base/clock.h"
#include "nic/test_eal.h"
#include "nic/test_rxplan.h"

#define ANY RXMAP_VID_ANY
#define ONLY(...)                               \
	{                                       \
		{                               \
			{                       \
				__VA_ARGS__, -1 \
			}                       \
		}                               \
	}

/* Which rings have to wait: those that flows come to. */
static void
rings_that_flows_come_to_wait_and_no_others(void **state)
{
	static const struct {
		const char *name;
		struct vport_row old[VPORTS], next[VPORTS];
		unsigned n_old, n_next, old_entries, next_entries, next_key;
		uint64_t limited; /* bit i: ring i */
	} rows[] = {
		{ "nothing changes", ONLY(0, 1), ONLY(0, 1), 1, 1, 8, 8, 0, 0 },
		{ "a first VM queue", ONLY(0), { { { 0, -1 } }, { { 1, -1 } } }, 1, 2, 8, 8, 0, 0x2 },
		{ "and back", { { { 0, -1 } }, { { 1, -1 } } }, ONLY(0), 2, 1, 8, 8, 0, 0x1 },
		/* 0 1 0 1 0 1 0 1 and 0 1 2 3 0 1 2 3: rings 0 and 1 only lose. */
		{ "more rings", ONLY(0, 1), ONLY(0, 1, 2, 3), 1, 1, 8, 8, 0, 0xc },
		/* 0 1 2 3 and 0 1 0 1. */
		{ "fewer rings", ONLY(0, 1, 2, 3), ONLY(0, 1), 1, 1, 8, 8, 0, 0x3 },
		/* 0 1 2 and 0 1 2 0 1 2 0 1 2 ...: entries 0 to 7 mod 4 and mod 8: 0 1 2 0 0 1 2 0 and 0 1 2 0 1 2 0 1. */
		{ "a longer table", ONLY(0, 1, 2), ONLY(0, 1, 2), 1, 1, 4, 8, 0, 0x7 },
		{ "a longer table of two rings is the same table", ONLY(0, 1), ONLY(0, 1), 1, 1, 4, 8, 0, 0 },
		{ "another key", ONLY(0, 1), ONLY(0, 1), 1, 1, 8, 8, 1, 0x3 },
		{ "another key where nothing spreads", ONLY(0), ONLY(0), 1, 1, 8, 8, 1, 0 },
		{ "two rings change places", ONLY(0, 1), ONLY(1, 0), 1, 1, 8, 8, 0, 0x3 },
		{ "the first is spared", ONLY(0, 1), { { { 0, 1, -1 }, .spared = 1 } }, 1, 1, 8, 8, 0, 0x2 },
		{ "a vport that was there goes on while another comes",
		  { { { 0, -1 } }, { { 1, 2, -1 } } },
		  { { { 0, -1 } }, { { 1, 2, -1 } }, { { 3, -1 } } },
		  2,
		  3,
		  8,
		  8,
		  0,
		  0x8 },
		/* What was its address is the default's, and the other way round. */
		{ "another address",
		  { { { 0, -1 } }, { { 1, -1 } } },
		  { { { 0, -1 } }, { { 1, -1 }, .mac = 7 } },
		  2,
		  2,
		  8,
		  8,
		  0,
		  0x3 },
		/* Frames of VLANs other than 5 come, none goes. */
		{ "one VLAN becomes any",
		  { { { 0, -1 } }, { { 1, -1 }, .vid = 5 } },
		  { { { 0, -1 } }, { { 1, -1 }, .vid = ANY } },
		  2,
		  2,
		  8,
		  8,
		  0,
		  0x2 },
		/* Of one address: VLAN 5 went to ring 2, and goes to ring 1 with all the others. */
		{ "the filter that named the VLAN goes",
		  { { { 0, -1 } }, { { 1, -1 }, .vid = ANY }, { { 2, -1 }, .vid = 5, .mac = 1 } },
		  { { { 0, -1 } }, { { 1, -1 }, .vid = ANY } },
		  3,
		  2,
		  8,
		  8,
		  0,
		  0x2 },
	};

	for (unsigned i = 0; i < RTE_DIM(rows); i++) {
		struct rxplan *old = plan_of(NULL, rows[i].old, rows[i].n_old, rows[i].old_entries, 0), *next;
		uint64_t limited = 0;

		assert_non_null(old);
		next = plan_of(old, rows[i].next, rows[i].n_next, rows[i].next_entries, rows[i].next_key);
		assert_non_null(next);
		assert_true(rxplan_adopt(next));
		for (unsigned k = 0; k < RINGS; k++) {
			limited |= (uint64_t)is_limited(k) << k;
			rxring_lift(rings[k]);
		}
		if (limited != rows[i].limited)
			fail_msg("%s: rings %#lx wait, not %#lx", rows[i].name, (unsigned long)limited,
				 (unsigned long)rows[i].limited);
		rxplan_free(next);
		rxplan_free(old);
	}
}

static void
plans_are_equal_when_all_that_they_lead_by_is(void **state)
{
	static const struct vport_row base[] = { { { 0, 3, -1 } }, { { 1, 2, -1 }, .vid = 5 } };
	static const struct {
		const char *name;
		struct vport_row vport;
		unsigned n, entries, key;
	} rows[] = {
		{ "a ring less", { { 1, -1 }, .vid = 5 }, 2, 8, 0 },
		{ "another ring", { { 1, 4, -1 }, .vid = 5 }, 2, 8, 0 },
		{ "another order", { { 2, 1, -1 }, .vid = 5 }, 2, 8, 0 },
		{ "another VLAN", { { 1, 2, -1 }, .vid = 6 }, 2, 8, 0 },
		{ "another address", { { 1, 2, -1 }, .vid = 5, .mac = 9 }, 2, 8, 0 },
		{ "one is spared", { { 1, 2, -1 }, .vid = 5, .spared = 1 }, 2, 8, 0 },
		{ "a vport less", { { 1, 2, -1 }, .vid = 5 }, 1, 8, 0 },
		{ "a longer table", { { 1, 2, -1 }, .vid = 5 }, 2, 16, 0 },
		{ "another key", { { 1, 2, -1 }, .vid = 5 }, 2, 8, 1 },
	};
	struct rxplan *a = plan_of(NULL, base, 2, 8, 0), *b = plan_of(NULL, base, 2, 8, 0);

	assert_true(rxplan_equal(a, b));
	rxplan_free(b);
	for (unsigned i = 0; i < RTE_DIM(rows); i++) {
		struct vport_row other[] = { base[0], rows[i].vport };

		b = plan_of(NULL, other, rows[i].n, rows[i].entries, rows[i].key);
		assert_non_null(b);
		if (rxplan_equal(a, b))
			fail_msg("%s: equal", rows[i].name);
		rxplan_free(b);
	}
	rxplan_free(a);
}

/* ---- by hand, a step at a time ---- */

static void
put(unsigned ring)
{
	struct rte_mbuf *m = test_mbuf(pool, &(uint8_t[60]){ 0 }, 60);

	assert_non_null(m);
	assert_int_equal(rxring_put(rings[ring], &m, 1), 1);
}

/* Takes a burst and gives it back; returns how many there were. */
static unsigned
take(unsigned ring)
{
	struct source *s = &rings[ring]->source;
	unsigned n = s->ops->take(s, &processors[0]->lane);

	if (n > 0)
		s->ops->give(s, &processors[0]->lane);
	return n;
}

static bool
pending(unsigned ring)
{
	return rings[ring]->source.ops->pending(&rings[ring]->source);
}

static _Atomic int switched; /* 0: not yet; else 1 + what rxplan_switch returned */

static void *
go_to(void *next)
{
	atomic_store(&switched, 1 + rxplan_switch(&plan, next));
	return NULL;
}

static const struct vport_row one_each[] = { { { 0, -1 } }, { { 1, -1 } }, { { 2, -1 } } };
static const struct vport_row changed_places[] = { { { 0, -1 } }, { { 2, -1 } }, { { 1, -1 } } };

/* Publishes `changed_places` after `one_each` from another thread, and waits until it is adopted. */
static pthread_t
begin_to_change_places(void)
{
	struct rxplan *next;
	pthread_t control;

	atomic_store(&plan, plan_of(NULL, one_each, 3, 8, 0));
	put(0);
	put(1);
	put(2);
	next = plan_of(atomic_load(&plan), changed_places, 3, 8, 0);
	assert_non_null(next);
	atomic_store(&switched, 0);
	assert_int_equal(pthread_create(&control, NULL, go_to, next), 0);
	/* Nobody polls: control adopts it. */
	while (atomic_load(&plan) != next || atomic_load(&next->state) != RXPLAN_LIVE)
		sched_yield();
	return control;
}

static bool
is_lifted(unsigned ring)
{
	for (unsigned i = 0; i < 5000 && is_limited(ring); i++)
		usleep(100);
	return !is_limited(ring);
}

static void
a_ring_waits_until_the_one_that_its_flows_left_has_passed(void **state)
{
	pthread_t control = begin_to_change_places();

	assert_true(is_limited(1));
	assert_true(is_limited(2));
	assert_false(is_limited(0)); /* nothing comes to it */
	put(0);
	put(1); /* of a flow whose frame before this lies in 2 */
	put(2);
	assert_int_equal(take(0), 2);
	/* What precedes the fence does not wait, though each of the two waits for the other. */
	assert_int_equal(take(1), 1);
	assert_false(pending(1)); /* or its worker would not sleep */
	assert_int_equal(take(1), 0);
	usleep(20000);
	assert_true(is_limited(1)); /* 2 has not passed */
	assert_true(is_lifted(2));  /* 1 has */
	assert_int_equal(take(2), 2);
	assert_true(is_lifted(1));
	assert_true(pending(1));
	assert_true(hotset_has(&processors[1]->hot, queues[1]->id)); /* its worker is told */
	assert_int_equal(take(1), 1);
	pthread_join(control, NULL);
	assert_int_equal(atomic_load(&switched), 2);
}

/* Taken is not delivered: a frame in a worker's hands may still be overtaken. */
static void
a_frame_in_hands_has_not_passed(void **state)
{
	pthread_t control = begin_to_change_places();
	struct source *s = &rings[1]->source;

	assert_int_equal(s->ops->take(s, &processors[1]->lane), 1);
	usleep(20000);
	assert_true(is_limited(2));
	s->ops->give(s, &processors[1]->lane);
	assert_true(is_lifted(2));
	assert_int_equal(take(2), 1);
	pthread_join(control, NULL);
	assert_int_equal(take(0), 1);
}

static void
who_finds_a_plan_in_the_middle_of_adoption_polls_nothing(void **state)
{
	struct rxplan *old = plan_of(NULL, one_each, 3, 8, 0), *next = plan_of(old, changed_places, 3, 8, 0);

	assert_true(rxplan_is_ready(old));
	atomic_store(&next->state, RXPLAN_FENCING);
	assert_false(rxplan_is_ready(next));
	assert_false(is_limited(1));
	atomic_store(&next->state, RXPLAN_NEW);
	assert_true(rxplan_is_ready(next)); /* adopts it */
	assert_true(is_limited(1));
	put(1);
	assert_true(rxplan_is_ready(next)); /* once only: the fence stays where it was */
	assert_int_equal(atomic_load(&rings[1]->limit), 0);
	rxring_lift(rings[1]);
	rxring_lift(rings[2]);
	assert_int_equal(take(1), 1);
	rxplan_free(next);
	rxplan_free(old);
}

static void
a_processor_without_time_bounds_the_wait(void **state)
{
	uint64_t begin = clock_ns();
	pthread_t control = begin_to_change_places();

	put(1);
	assert_int_equal(take(1), 1); /* its limit is lifted in the end, though nobody takes from 2 */
	pthread_join(control, NULL);
	assert_int_equal(atomic_load(&switched), 1);
	assert_true(clock_ns() - begin >= RXPLAN_WAIT_NS);
	assert_int_equal(take(1), 1);
	assert_int_equal(take(2), 1);
	assert_int_equal(take(0), 1);
}

static void
what_the_receive_map_refuses_is_no_plan(void **state)
{
	static const struct vport_row two[] = { { { 0, 1, -1 } } }, group[] = { { { 0, -1 } }, { { 1, -1 } } };
	struct rxplan *p;

	assert_null(plan_of(NULL, two, 1, 12, 0)); /* no power of two */
	p = plan_of(NULL, group, 2, 8, 0);
	assert_non_null(p);
	rxplan_free(p);
	rxplan_free(NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_rings, close_rings)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(rings_that_flows_come_to_wait_and_no_others),
		TEST(plans_are_equal_when_all_that_they_lead_by_is),
		TEST(a_ring_waits_until_the_one_that_its_flows_left_has_passed),
		TEST(a_frame_in_hands_has_not_passed),
		TEST(who_finds_a_plan_in_the_middle_of_adoption_polls_nothing),
		TEST(a_processor_without_time_bounds_the_wait),
		TEST(what_the_receive_map_refuses_is_no_plan),
	};

	return cmocka_run_group_tests(tests, open_all, close_all);
}
