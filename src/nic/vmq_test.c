/* vmq_test.c - what an adapter's members should hold, as a difference from what they do hold. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "nic/test_eal.h"
#include "nic/vmq.h"

#define MEMBERS 4
#define PAIRS 4

/* An adapter with MEMBERS members that have a MAC and weight 100, no queue, on a host with four processors. */
static struct adapter *adapter;
static struct adapter_member members[MEMBERS];
static struct queue *queues[MEMBERS][PAIRS];
static struct vport vports[MEMBERS];

static int
open_adapter(void **state)
{
	static struct adapter a;

	test_processors_open(4, 10);
	memset((void *)&a, 0, sizeof(a));
	adapter = &a;
	strcpy(adapter->name, "up");
	adapter_settings_init(&adapter->settings);
	adapter->settings.mode = ADAPTER_MODE_VMQ;
	adapter->settings.queues = 2;
	for (unsigned i = 0; i < MEMBERS; i++) {
		for (unsigned k = 0; k < PAIRS; k++) {
			queues[i][k] = queue_new(&vports[i], k);
			queue_move(queues[i][k], 0);
		}
		members[i] = (struct adapter_member){ .queues = queues[i],
						      .n_queues = 1,
						      .vport = &vports[i],
						      .mac = { { 2, 0, 0, 0, 0, (uint8_t)(i + 1) } },
						      .weight = 100 };
		adapter->members[i] = &members[i];
	}
	adapter->n_members = MEMBERS;
	return 0;
}

static int
close_adapter(void **state)
{
	for (unsigned i = 0; i < MEMBERS; i++)
		for (unsigned k = 0; k < PAIRS; k++)
			queue_free(queues[i][k]);
	test_processors_close();
	return 0;
}

static void
hold(unsigned i, unsigned vm_queue, unsigned processor)
{
	members[i].n_rings = 1;
	members[i].vm_queue = vm_queue;
	assert_int_equal(queue_move(queues[i][0], processor), 0);
}

static struct vmq_outcome
decide_anew(bool fresh)
{
	struct vmq_outcome out;
	struct err err = { 0 };

	if (vmq_decide(adapter, fresh, &out, &err) < 0)
		fail_msg("%s", err.msg);
	return out;
}

static struct vmq_outcome
decide(void)
{
	return decide_anew(false);
}

static void
expect(const struct vmq_outcome *out, unsigned member, unsigned n_rings, unsigned vm_queue, unsigned processor)
{
	assert_int_equal(out->share[member].n_rings, n_rings);
	assert_int_equal(out->share[member].vm_queue, vm_queue);
	assert_int_equal(out->share[member].processor[0], processor);
}

/* More than two processors: core 0 is spared (plan/vmq.h), so 1 is the base; two queues go to the first two members. */
static void
queues_are_gained_first_come_first_served(void **state)
{
	struct vmq_outcome out = decide();

	assert_int_equal(out.n_queues, 1);
	assert_int_equal(out.processor[0], 1);
	/* The base has the default queue already. */
	expect(&out, 0, 1, 1, 2);
	expect(&out, 1, 1, 2, 3);
	expect(&out, 2, 0, 0, 1);
	expect(&out, 3, 0, 0, 1);
	vmq_outcome_free(&out);
}

static void
holders_stay_where_they_stand(void **state)
{
	struct vmq_outcome out;

	hold(2, 2, 3);
	out = decide();
	expect(&out, 2, 1, 2, 3);
	expect(&out, 0, 1, 1, 2);
	expect(&out, 1, 0, 0, 1);
	vmq_outcome_free(&out);
	adapter->settings.dynamic = true; /* what is new begins at home */
	out = decide();
	expect(&out, 2, 1, 2, 3);
	expect(&out, 0, 1, 1, 1);
	vmq_outcome_free(&out);
}

static void
what_takes_a_queue_away(void **state)
{
	static const struct {
		const char *why;
		unsigned weight, queues;
		enum adapter_mode mode;
		bool has_mac, leaving, stopped;
	} rows[] = {
		{ "weight 0", 0, 2, ADAPTER_MODE_VMQ, true },
		{ "VMQ off", 100, 2, ADAPTER_MODE_NONE, true },
		{ "RSS on", 100, 2, ADAPTER_MODE_RSS, true },
		{ "no queues", 100, 0, ADAPTER_MODE_VMQ, true },
		{ "its address is not known any more", 100, 2, ADAPTER_MODE_VMQ, false },
		{ "it leaves", 100, 2, ADAPTER_MODE_VMQ, true, .leaving = true },
		{ "the adapter stops", 100, 2, ADAPTER_MODE_VMQ, true, .stopped = true },
	};

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct vmq_outcome out;

		hold(3, 1, 2);
		members[3].weight = rows[i].weight;
		members[3].mac.byte[0] = rows[i].has_mac ? 2 : 0;
		members[3].mac.byte[5] = rows[i].has_mac ? 4 : 0;
		members[3].leaving = rows[i].leaving;
		adapter->stopped = rows[i].stopped;
		adapter->settings.queues = rows[i].queues;
		adapter->settings.mode = rows[i].mode;
		out = decide();
		print_message("%s\n", rows[i].why);
		expect(&out, 3, 0, 0, 1);
		vmq_outcome_free(&out);
	}
}

static void
a_range_of_one_processor_holds_everything(void **state)
{
	struct vmq_outcome out;

	adapter->settings.base = 3;
	adapter->settings.max_processors = 1;
	adapter->settings.queues = 4;
	hold(0, 1, 2);
	out = decide();
	assert_int_equal(out.processor[0], 3);
	for (unsigned i = 0; i < MEMBERS; i++)
		expect(&out, i, 1, i + 1, 3); /* 2 is not usable any more */
	vmq_outcome_free(&out);
}

static void
expect_places(const struct vmq_outcome *out, unsigned member, const unsigned *place, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		assert_int_equal(out->share[member].processor[i], place[i]);
}

/* windows-semantics, 3.6: 16 requested, 4 granted. Usable are 1, 2, 3; the default queue is on 1. */
static void
a_port_with_vrss_gets_a_queue_for_each_pair_as_far_as_they_go(void **state)
{
	struct vmq_outcome out;

	adapter->settings.queues = 5;
	for (unsigned i = 0; i < 2; i++) {
		members[i].n_queues = PAIRS;
		members[i].vrss.enabled = true;
	}
	out = decide();
	expect(&out, 0, 4, 1, 2);
	expect_places(&out, 0, (unsigned[]){ 2, 3, 1, 2 }, 4);
	/* The second gets one: there are 2 on 1, 2 on 2, 1 on 3. All that it sends is that one's processor's. */
	expect(&out, 1, 1, 2, 3);
	expect_places(&out, 1, (unsigned[]){ 3, 3, 3, 3 }, 4);
	expect(&out, 2, 0, 0, 1);
	vmq_outcome_free(&out);
	members[0].vrss.exclude_primary = true;
	out = decide();
	expect_places(&out, 0, (unsigned[]){ 2, 3, 1, 3 }, 4);
	vmq_outcome_free(&out);
	members[0].vrss.enabled = false; /* several pairs without vRSS: one queue, on whose processor they all stand */
	out = decide();
	expect(&out, 0, 1, 1, 2);
	expect_places(&out, 0, (unsigned[]){ 2, 2, 2, 2 }, 4);
	expect(&out, 1, 4, 2, 3); /* and the second all that it asks for */
	vmq_outcome_free(&out);
}

static void
dynamic_vrss_begins_at_home_and_stays_where_the_balancer_put_it(void **state)
{
	struct vmq_outcome out;

	adapter->settings.queues = 8;
	adapter->settings.dynamic = true;
	members[0].n_queues = PAIRS;
	members[0].vrss.enabled = members[0].vrss.dynamic = true;
	out = decide();
	expect_places(&out, 0, (unsigned[]){ 1, 1, 1, 1 }, 4);
	vmq_outcome_free(&out);
	members[0].n_rings = 3;
	members[0].vm_queue = 1;
	queue_move(queues[0][0], 3);
	queue_move(queues[0][1], 2);
	queue_move(queues[0][2], 0); /* not one of the adapter's */
	out = decide();
	expect_places(&out, 0, (unsigned[]){ 3, 2, 1, 1 }, 4);
	vmq_outcome_free(&out);
	members[0].vrss.dynamic = false; /* the first one is VMQ's; the others follow it and stay */
	out = decide();
	expect_places(&out, 0, (unsigned[]){ 3, 2, 2, 3 }, 4);
	vmq_outcome_free(&out);
}

static void
dynamic_vrss_that_leaves_out_its_first_pair_leaves_out_that_ones_processor(void **state)
{
	struct vmq_outcome out;

	adapter->settings.queues = 8;
	adapter->settings.dynamic = true;
	members[0].n_queues = PAIRS;
	members[0].vrss.enabled = members[0].vrss.dynamic = members[0].vrss.exclude_primary = true;
	out = decide();
	expect_places(&out, 0, (unsigned[]){ 1, 2, 3, 2 }, 4);
	vmq_outcome_free(&out);
	members[0].n_rings = 4;
	members[0].vm_queue = 1;
	queue_move(queues[0][0], 3);
	queue_move(queues[0][1], 2);
	queue_move(queues[0][2], 3); /* with the first one: as after a change of the setting */
	queue_move(queues[0][3], 1);
	out = decide();
	expect_places(&out, 0, (unsigned[]){ 3, 2, 1, 1 }, 4);
	vmq_outcome_free(&out);
}

static void
rss_has_the_queues_of_the_default_vport(void **state)
{
	struct vmq_outcome out;

	adapter->settings.mode = ADAPTER_MODE_RSS;
	adapter->settings.queues = 5;
	members[1].n_queues = PAIRS;
	members[1].vrss.enabled = true;
	out = decide();
	assert_int_equal(out.n_queues, 5);
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(out.processor[i], 1 + i % 3);
	expect(&out, 0, 0, 0, 1);
	expect(&out, 1, 0, 0, 1);
	expect_places(&out, 1, (unsigned[]){ 1, 2, 3, 1 }, 4);
	vmq_outcome_free(&out);
	adapter->settings.rss.profile = PLAN_RSS_CLOSEST; /* dynamic: all at home */
	out = decide();
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(out.processor[i], 1);
	vmq_outcome_free(&out);
}

static void
receive_queues_stay_unless_the_settings_are_new(void **state)
{
	static const struct {
		enum plan_rss_profile profile;
		bool fresh;
		unsigned place[3];
	} rows[] = {
		{ PLAN_RSS_NUMA_STATIC, true, { 1, 2, 3 } },
		{ PLAN_RSS_NUMA_STATIC, false, { 3, 3, 3 } }, /* 0 is not one of the adapter's */
		{ PLAN_RSS_CONSERVATIVE, true, { 3, 3, 1 } },
		{ PLAN_RSS_CONSERVATIVE, false, { 3, 3, 1 } },
	};

	adapter->settings.mode = ADAPTER_MODE_RSS;
	adapter->settings.queues = 3;
	for (unsigned i = 0; i < 3; i++)
		adapter->queue[i] = queues[3][i];
	adapter->n_queues = 3;
	queue_move(queues[3][0], 3);
	queue_move(queues[3][1], 3);
	queue_move(queues[3][2], 0);
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct vmq_outcome out;

		adapter->settings.rss.profile = rows[i].profile;
		out = decide_anew(rows[i].fresh);
		for (unsigned k = 0; k < 3; k++)
			assert_int_equal(out.processor[k], rows[i].place[k]);
		vmq_outcome_free(&out);
	}
}

static void
a_pinned_queue_stays_where_it_may(void **state)
{
	struct vmq_outcome out;

	members[0].n_queues = 2;
	queue_move(queues[0][0], 3);
	queue_pin(queues[0][0], true);
	queue_move(queues[1][0], 3); /* not pinned: to the base when it gets no VM queue */
	queue_move(queues[2][0], 0); /* not one of the adapter's */
	queue_pin(queues[2][0], true);
	adapter->settings.queues = 0;
	out = decide();
	expect(&out, 0, 0, 0, 3);
	assert_int_equal(out.share[0].processor[1], 1);
	expect(&out, 1, 0, 0, 1);
	expect(&out, 2, 0, 0, 1);
	vmq_outcome_free(&out);
}

static void
settings_that_do_not_fit_the_host_are_refused_with_a_sentence(void **state)
{
	struct vmq_outcome out;
	struct err err = { 0 };
	unsigned base = 77;

	adapter->settings.base = 4;
	assert_int_equal(vmq_decide(adapter, false, &out, &err), -EINVAL);
	assert_string_equal(err.msg, "adapter 'up': base processor 4 does not exist");
	assert_string_equal(err.hint, "the host has processors 0 to 3");
	assert_int_equal(vmq_base("up", &adapter->settings, &base, NULL), -EINVAL);
	assert_int_equal(base, 0);
	adapter->settings.base = 3;
	assert_int_equal(vmq_base("up", &adapter->settings, &base, NULL), 0);
	assert_int_equal(base, 3);
	adapter->settings.max_processor = 2;
	assert_int_equal(vmq_base("up", &adapter->settings, &base, &err), -EINVAL);
	assert_string_equal(err.msg, "adapter 'up': the last processor, 2, lies below the base");
}

/* Two processors on one core: VM queues take one of each core. Emulated ones are processors in their own right. */
static void
siblings_are_skipped_unless_they_are_emulated(void **state)
{
	unsigned usable[PROCESSORS_MAX];
	struct err err = { 0 };
	size_t n = 0;

	adapter->settings.base = 0;
	for (unsigned i = 0; i < 4; i++)
		processors[i]->core = i / 2 * 2; /* 0 0 2 2 */
	assert_int_equal(vmq_processors("up", &adapter->settings, usable, &n, &err), 0);
	assert_int_equal(n, 4);
	for (unsigned i = 0; i < 4; i++)
		processors[i]->speed_percent = 0;
	assert_int_equal(vmq_processors("up", &adapter->settings, usable, &n, &err), 0);
	assert_int_equal(n, 2);
	assert_int_equal(usable[0], 0);
	assert_int_equal(usable[1], 2);
	adapter->settings.base = 1;
	assert_int_equal(vmq_processors("up", &adapter->settings, usable, &n, &err), -EINVAL);
	assert_string_equal(err.msg, "adapter 'up': base processor 1 is a hyper-thread sibling");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_adapter, close_adapter)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(queues_are_gained_first_come_first_served),
		TEST(holders_stay_where_they_stand),
		TEST(what_takes_a_queue_away),
		TEST(a_range_of_one_processor_holds_everything),
		TEST(a_port_with_vrss_gets_a_queue_for_each_pair_as_far_as_they_go),
		TEST(dynamic_vrss_begins_at_home_and_stays_where_the_balancer_put_it),
		TEST(dynamic_vrss_that_leaves_out_its_first_pair_leaves_out_that_ones_processor),
		TEST(rss_has_the_queues_of_the_default_vport),
		TEST(receive_queues_stay_unless_the_settings_are_new),
		TEST(a_pinned_queue_stays_where_it_may),
		TEST(settings_that_do_not_fit_the_host_are_refused_with_a_sentence),
		TEST(siblings_are_skipped_unless_they_are_emulated),
	};

	return cmocka_run_group_tests(tests, test_eal_start, NULL);
}
