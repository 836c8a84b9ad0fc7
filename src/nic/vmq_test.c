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

/* An adapter with MEMBERS members that have a MAC and weight 100, no queue, on a host with four processors. */
static struct adapter *adapter;
static struct adapter_member members[MEMBERS];
static struct queue *queues[MEMBERS];
static struct vport vports[MEMBERS];
static struct rxring some_ring; /* its address says that a member holds one */

static int
open_adapter(void **state)
{
	static struct adapter a;

	test_processors_open(4, 10);
	memset((void *)&a, 0, sizeof(a));
	adapter = &a;
	strcpy(adapter->name, "up");
	adapter->settings =
		(struct adapter_settings){ .mode = ADAPTER_MODE_VMQ, .queues = 2, .base = -1, .max_processor = -1 };
	for (unsigned i = 0; i < MEMBERS; i++) {
		queues[i] = queue_new(&vports[i], 0);
		members[i] = (struct adapter_member){ .queues = &queues[i],
						      .n_queues = 1,
						      .vport = &vports[i],
						      .mac = { { 2, 0, 0, 0, 0, (uint8_t)(i + 1) } },
						      .weight = 100 };
		queue_move(queues[i], 0);
		adapter->members[i] = &members[i];
	}
	adapter->n_members = MEMBERS;
	return 0;
}

static int
close_adapter(void **state)
{
	for (unsigned i = 0; i < MEMBERS; i++)
		queue_free(queues[i]);
	test_processors_close();
	return 0;
}

static void
hold(unsigned i, unsigned vm_queue, unsigned processor)
{
	members[i].ring = &some_ring;
	members[i].vm_queue = vm_queue;
	assert_int_equal(queue_move(queues[i], processor), 0);
}

static struct vmq_outcome
decide(void)
{
	struct vmq_outcome out;
	struct err err = { 0 };

	if (vmq_decide(adapter, &out, &err) < 0)
		fail_msg("%s", err.msg);
	return out;
}

/* More than two processors: core 0 is spared (plan/vmq.h), so 1 is the base; two queues go to the first two members. */
static void
queues_are_gained_first_come_first_served(void **state)
{
	struct vmq_outcome out = decide();

	assert_int_equal(out.base, 1);
	assert_int_equal(out.n_gained, 2);
	assert_int_equal(out.n_lost + out.n_stay, 0);
	assert_ptr_equal(out.gained[0].member, &members[0]);
	assert_ptr_equal(out.gained[1].member, &members[1]);
	assert_int_equal(out.gained[0].vm_queue, 1);
	assert_int_equal(out.gained[1].vm_queue, 2);
	/* The base has the default queue already. */
	assert_int_equal(out.gained[0].processor, 2);
	assert_int_equal(out.gained[1].processor, 3);
	vmq_outcome_free(&out);
}

static void
holders_stay_where_they_stand(void **state)
{
	struct vmq_outcome out;

	hold(2, 2, 3);
	out = decide();
	assert_int_equal(out.n_stay, 1);
	assert_ptr_equal(out.stay[0].member, &members[2]);
	assert_int_equal(out.stay[0].vm_queue, 2);
	assert_int_equal(out.stay[0].processor, 3);
	assert_int_equal(out.n_gained, 1);
	assert_ptr_equal(out.gained[0].member, &members[0]);
	assert_int_equal(out.gained[0].vm_queue, 1);
	assert_int_equal(out.gained[0].processor, 2);
	assert_int_equal(out.n_lost, 0);
	vmq_outcome_free(&out);
}

static void
what_takes_a_queue_away(void **state)
{
	static const struct {
		const char *why;
		unsigned weight, queues;
		bool vmq, has_mac;
	} rows[] = {
		{ "weight 0", 0, 2, true, true },
		{ "VMQ off", 100, 2, false, true },
		{ "no queues", 100, 0, true, true },
		{ "its address is not known any more", 100, 2, true, false },
	};

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct vmq_outcome out;
		bool lost = false;

		for (unsigned k = 0; k < MEMBERS; k++)
			members[k].ring = NULL;
		hold(3, 1, 2);
		members[3].weight = rows[i].weight;
		members[3].mac.byte[0] = rows[i].has_mac ? 2 : 0;
		members[3].mac.byte[5] = rows[i].has_mac ? 4 : 0;
		adapter->settings.queues = rows[i].queues;
		adapter->settings.mode = rows[i].vmq ? ADAPTER_MODE_VMQ : ADAPTER_MODE_NONE;
		out = decide();
		for (unsigned k = 0; k < out.n_lost; k++)
			lost |= out.lost[k] == &members[3];
		if (!lost || out.n_lost != 1)
			fail_msg("%s: it was not taken away", rows[i].why);
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
	assert_int_equal(out.base, 3);
	assert_int_equal(out.n_stay, 1);
	assert_int_equal(out.stay[0].processor, 3); /* 2 is not usable any more */
	assert_int_equal(out.n_gained, 3);
	for (unsigned i = 0; i < out.n_gained; i++)
		assert_int_equal(out.gained[i].processor, 3);
	vmq_outcome_free(&out);
}

static void
a_base_that_does_not_exist_is_refused_with_a_sentence(void **state)
{
	struct vmq_outcome out;
	struct err err = { 0 };
	unsigned base = 77;

	adapter->settings.base = 4;
	assert_int_equal(vmq_decide(adapter, &out, &err), -EINVAL);
	assert_string_equal(err.msg, "adapter 'up': base processor 4 does not exist");
	assert_string_equal(err.hint, "the host has processors 0 to 3");
	assert_int_equal(vmq_base("up", &adapter->settings, &base, NULL), -EINVAL);
	assert_int_equal(base, 0);
	adapter->settings.base = 3;
	assert_int_equal(vmq_base("up", &adapter->settings, &base, NULL), 0);
	assert_int_equal(base, 3);
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
		TEST(a_base_that_does_not_exist_is_refused_with_a_sentence),
		TEST(siblings_are_skipped_unless_they_are_emulated),
	};

	return cmocka_run_group_tests(tests, test_eal_start, NULL);
}
