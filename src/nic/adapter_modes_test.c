/*
 * adapter_modes_test.c - RSS and vRSS as settings of an adapter: flows spread over queues, and every setting changes under load without
 * loss or reordering.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "nic/balancer.h"
#include "nic/test_adapter.h"
#include "nic/test_eal.h"

#define CHANGES 1000

static void
set(const struct adapter_settings *s)
{
	struct err err = { 0 };

	if (adapter_set(adapter, s, &err) < 0)
		fail_msg("%s", err.msg);
}

static struct adapter_settings
rss(unsigned n)
{
	struct adapter_settings s = adapter->settings;

	s.mode = ADAPTER_MODE_RSS;
	s.queues = n;
	return s;
}

static void
send_each(unsigned times)
{
	for (unsigned k = 0; k < times; k++)
		for (unsigned flow = 0; flow < FLOWS; flow++)
			while (!send_one(flow))
				usleep(10);
}

static void
with_rss_all_flows_spread_over_the_queues_of_the_default_vport(void **state)
{
	struct adapter_settings s = rss(4);
	unsigned used = 0;

	set(&s);
	assert_int_equal(adapter->n_queues, 4);
	for (unsigned i = 0; i < MEMBERS; i++)
		assert_int_equal(members[i].n_rings, 0);
	send_each(20);
	expect_nothing_lost();
	assert_int_equal(atomic_load(&by_vm_queue), 0);
	for (unsigned i = 0; i < 4; i++) {
		assert_int_equal(adapter->queue[i]->index, i);
		assert_ptr_equal(adapter->queue[i]->vport, &adapter->wire);
		assert_int_equal(queue_processor(adapter->queue[i]),
				 i % WORKERS);                               /* numa-static: in turn from the base on */
		assert_int_equal(rxring_position(adapter->ring[i]) % 20, 0); /* whole flows */
		used += rxring_position(adapter->ring[i]) > 0;
	}
	assert_true(used >= 3); /* of 4, by 20 flows: all in two queues would be a chance of 6 / 2^20 */
	s.mode = ADAPTER_MODE_NONE;
	set(&s);
	assert_int_equal(adapter->n_queues, 1);
	assert_null(adapter->queue[1]);
	assert_null(adapter->ring[1]);
	send_each(1);
	expect_nothing_lost();
}

static void
with_no_hash_type_everything_goes_to_the_default_queue(void **state)
{
	struct adapter_settings s = rss(4);

	s.rss.hash_types = HASH_TCP_IPV4 | HASH_IPV6; /* the flows are UDP over IPv4 */
	set(&s);
	send_each(10);
	expect_nothing_lost();
	assert_int_equal(rxring_position(adapter->ring[0]), 10 * FLOWS);
}

static struct adapter_member
with_vrss(unsigned member, unsigned n_queues)
{
	struct adapter_member next = members[member];

	next.n_queues = n_queues;
	next.vrss.enabled = true;
	return next;
}

static void
change(unsigned member, const struct adapter_member *next)
{
	struct err err = { 0 };

	if (adapter_change(adapter, &members[member], next, &err) < 0)
		fail_msg("%s", err.msg);
}

static void
with_vrss_a_members_flows_spread_over_its_queue_pairs(void **state)
{
	struct adapter_settings s = adapter->settings;
	struct adapter_member next;
	unsigned used = 0;

	s.queues = 5;
	set(&s);
	next = with_vrss(1, PAIRS);
	change(1, &next);
	assert_int_equal(members[1].n_rings, 3); /* of five the others have two */
	for (unsigned i = 0; i < 3; i++) {
		assert_ptr_equal(members[1].ring[i]->queue, queues[1][i]);
		assert_ptr_equal(atomic_load(&queues[1][i]->source[QUEUE_FROM_WIRE]), &members[1].ring[i]->source);
	}
	send_each(20);
	expect_nothing_lost();
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(rxring_position(members[1].ring[i]) % 20, 0);
		used += rxring_position(members[1].ring[i]) > 0;
	}
	assert_true(used >= 2); /* five flows */
	next.vrss.exclude_primary = true;
	change(1, &next);
	used = (unsigned)rxring_position(members[1].ring[0]);
	send_each(20);
	expect_nothing_lost();
	assert_int_equal(rxring_position(members[1].ring[0]), used);
	next.n_queues = 1; /* the guest uses one pair now */
	change(1, &next);
	assert_int_equal(members[1].n_rings, 1);
	assert_null(atomic_load(&queues[1][1]->source[QUEUE_FROM_WIRE]));
	send_each(20);
	expect_nothing_lost();
}

/* Queues that the table of member 1 leads to, as bits. */
static unsigned
in_table(void)
{
	const struct rxplan *plan = atomic_load(&adapter->frontend.plan);
	unsigned found = 0;

	for (unsigned v = 1; v < plan->n_vports; v++)
		for (unsigned i = 0; i < plan->vport[v].n_entries; i++)
			for (unsigned k = 0; k < members[1].n_rings; k++)
				if (plan->ring[plan->vport[v].entry[i]] == members[1].ring[k])
					found |= 1u << k;
	return found;
}

/* For so long by the balancer's clock; workers of the test count no time, so all is quiet. */
static void
let_balance(struct balancer *b, uint64_t *now_ns, unsigned seconds)
{
	for (unsigned i = 0; i < 10 * seconds; i++)
		balancer_run(b, &adapter, 1, *now_ns += NSEC_PER_S / 10);
}

static void
the_table_of_a_quiet_port_folds_and_its_queues_stay(void **state)
{
	struct adapter_settings s = adapter->settings;
	struct adapter_member next = with_vrss(1, PAIRS);
	struct balancer *b = balancer_new();
	uint64_t now_ns = NSEC_PER_S;

	s.queues = 8;
	s.dynamic = true;
	set(&s);
	next.vrss.dynamic = true;
	next.vrss.min_queues = 1;
	change(1, &next);
	let_balance(b, &now_ns, 3);
	assert_int_equal(in_table(), 0xf);
	let_balance(b, &now_ns, 5);
	assert_int_equal(in_table(), 0x1);
	assert_int_equal(members[1].n_rings, PAIRS);
	send_each(20);
	expect_nothing_lost();
	assert_int_equal(rxring_position(members[1].ring[0]), 20 * FLOWS / (MEMBERS + 1));
	next.vrss.min_queues = 2;
	change(1, &next);
	let_balance(b, &now_ns, 1);
	assert_int_equal(in_table(), 0x3);
	next.vrss.exclude_primary = true; /* two of the others */
	change(1, &next);
	assert_int_equal(in_table(), 0x6);
	next.vrss.dynamic = false;
	change(1, &next);
	assert_int_equal(in_table(), 0xe);
	balancer_free(b);
}

/* Any setting of RSS, VMQ and vRSS, often several at once. */
static void
change_something(unsigned r)
{
	static const unsigned types[] = { 0x3f, HASH_IPV4, HASH_UDP_IPV4, 0x3f };
	struct adapter_settings s = adapter->settings;
	struct adapter_member next = with_vrss(r % MEMBERS, 1 + (r >> 2) % PAIRS);

	s.queues = 1 + (r >> 8) % 8;
	if (r >> 4 & 1)
		s.mode = (r >> 5) % 3;
	if (r >> 12 & 1)
		s.rss.entries = 4u << (r >> 13) % 8;
	if (r >> 16 & 1)
		s.rss.key[r >> 17 & 7] ^= 0x5a;
	if (r >> 20 & 1)
		s.rss.hash_types = types[r >> 21 & 3];
	s.rss.profile = (r >> 23) % 5;
	s.base = (int)((r >> 25) % (n_processors + 1)) - 1;
	s.dynamic = r >> 27 & 1;
	next.vrss.enabled = r >> 28 & 1;
	next.vrss.exclude_primary = r >> 29 & 1;
	if ((r >> 30 & 3) == 3)
		assert_int_equal(adapter_fold(adapter, &members[r % MEMBERS], r >> 6 & 3, NULL), 0);
	else if (r >> 30 & 1)
		change(r % MEMBERS, &next);
	else
		set(&s);
}

static void
move_something(unsigned r)
{
	unsigned i = r >> 4;
	struct queue *q = r & 8 ? adapter->queue[i % adapter->n_queues] : queues[r % MEMBERS][i % PAIRS];

	if (queue_processor(q) != PROCESSOR_NONE)
		assert_int_equal(queue_move(q, (r >> 16) % n_processors), 0);
}

static void
a_thousand_changes_and_moves_under_load_lose_and_reorder_nothing(void **state)
{
	unsigned r = 3, several = 0;
	uint64_t begin;

	begin_load();
	for (unsigned i = 0; i < CHANGES; i++) {
		r = r * 1664525 + 1013904223;
		change_something(r ^ r >> 16);
		move_something(r >> 7);
		several += adapter->n_queues > 1 || members[0].n_rings + members[1].n_rings + members[2].n_rings > 3;
		begin = seen_in_all();
		for (unsigned k = 0; k < 50 && r >> 31 && seen_in_all() - begin < 100; k++)
			usleep(200);
	}
	end_load();
	expect_nothing_lost();
	print_message("          %lu frames, %lu of them by VM queues\n", (unsigned long)seen_in_all(),
		      (unsigned long)atomic_load(&by_vm_queue));
	assert_true(several > CHANGES / 4);
	assert_true(seen_in_all() > 10 * CHANGES);
}

static void
a_thousand_changes_under_load_where_one_processor_does_it_all(void **state)
{
	a_thousand_changes_and_moves_under_load_lose_and_reorder_nothing(state);
}

/* The queues of other members and their places are as before: never half. */
static void
what_is_refused_changes_nothing(void **state)
{
	struct adapter_settings s = rss(4), before = adapter->settings;
	struct err err = { 0 };

	s.base = WORKERS;
	assert_int_equal(adapter_set(adapter, &s, &err), -EINVAL);
	assert_string_equal(err.msg, "adapter 'up': base processor 2 does not exist");
	s = rss(0);
	assert_int_equal(adapter_set(adapter, &s, &err), -EINVAL);
	assert_string_equal(err.msg, "adapter 'up': 0 queues are not 1 to 256");
	s = rss(1000000);
	assert_int_equal(adapter_set(adapter, &s, &err), -EINVAL);
	s = rss(4);
	s.rss.entries = 96;
	assert_int_equal(adapter_set(adapter, &s, &err), -EINVAL);
	assert_string_equal(err.msg, "adapter 'up': 96 indirection entries are not a power of two up to 512");
	assert_memory_equal(&adapter->settings, &before, sizeof(before));
	assert_int_equal(adapter->n_queues, 1);
	for (unsigned i = 0; i < MEMBERS; i++)
		assert_int_equal(members[i].n_rings, 1);
}

/* The host has no queue left for the default vport's fourth: the two that were made are gone again. */
static void
without_queues_left_nothing_changes(void **state)
{
	static struct queue *others[QUEUES_MAX];
	struct adapter_settings s = rss(4);
	struct err err = { 0 };
	unsigned n = 0;

	while ((others[n] = queue_new(&vports[0], 0)) != NULL)
		n++;
	queue_free(others[--n]);
	queue_free(others[--n]);
	assert_int_equal(adapter_set(adapter, &s, &err), -ENOMEM);
	assert_string_equal(err.msg, "adapter 'up': no memory for its queues, or the host has 4096 already");
	assert_int_equal(adapter->settings.mode, ADAPTER_MODE_VMQ);
	assert_int_equal(adapter->n_queues, 1);
	assert_null(adapter->queue[1]);
	for (unsigned i = 0; i < MEMBERS; i++)
		assert_int_equal(members[i].n_rings, 1);
	send_each(5);
	expect_nothing_lost();
	assert_int_equal(atomic_load(&by_vm_queue), 5 * FLOWS * MEMBERS / (MEMBERS + 1));
	s.queues = 3;
	set(&s);
	assert_int_equal(adapter->n_queues, 3);
	while (n > 0)
		queue_free(others[--n]);
}

/*
 * Its frames lie in rings whose processors get no time. Whoever tends it, or stops it, has other things to do: what all rings together
 * may take is what one may take in a change of plan. When they have time again, the uplink is opened.
 */
static void
an_uplink_goes_and_comes_while_processors_get_no_time(void **state)
{
	struct adapter_settings s = rss(16);
	unsigned held = 0;
	uint64_t begin;

	set(&s);
	atomic_store(&paused, true);
	send_each(2);
	for (unsigned i = 0; i < 10000 && count_get(&adapter->frontend.packets) < 2 * FLOWS; i++)
		usleep(1000);
	for (unsigned i = 0; i < 16; i++)
		held += rxring_position(adapter->ring[i]) > 0;
	assert_true(held >= 4); /* of 16, by 20 flows; the key is fixed */
	uplink_detach(&adapter->uplink);
	adapter->leaving = true;
	begin = clock_ns();
	adapter_tend(adapter);
	assert_true(clock_ns() - begin < 2 * RXPLAN_WAIT_NS);
	assert_true(adapter->leaving);
	assert_int_equal(uplink_port(&adapter->uplink), UPLINK_ABSENT);
	atomic_store(&paused, false);
	for (unsigned i = 0; i < 100 && adapter->leaving; i++) {
		adapter_tend(adapter);
		usleep(10000);
	}
	assert_false(adapter->leaving);
	assert_int_not_equal(uplink_port(&adapter->uplink), UPLINK_ABSENT);
	expect_nothing_lost();
	send_each(2);
	expect_nothing_lost();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(with_rss_all_flows_spread_over_the_queues_of_the_default_vport),
		TEST(with_no_hash_type_everything_goes_to_the_default_queue),
		TEST(with_vrss_a_members_flows_spread_over_its_queue_pairs),
		TEST(the_table_of_a_quiet_port_folds_and_its_queues_stay),
		TEST(a_thousand_changes_and_moves_under_load_lose_and_reorder_nothing),
		cmocka_unit_test_setup_teardown(a_thousand_changes_under_load_where_one_processor_does_it_all,
						open_adapter_inline, close_adapter),
		TEST(an_uplink_goes_and_comes_while_processors_get_no_time),
		TEST(what_is_refused_changes_nothing),
		TEST(without_queues_left_nothing_changes),
	};

	return cmocka_run_group_tests(tests, test_eal_start, NULL);
}
