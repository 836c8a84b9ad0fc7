/* adapter_medium_test.c - an adapter whose uplink is no ethdev: its frames are the default queue's own, and members have no VM queues. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "nic/adapter.h"
#include "nic/test_eal.h"

static struct fake {
	struct uplink_medium medium;
	struct uplink_medium_options options;
	struct sink sink;
	struct source source;
	bool link, refuses;
	unsigned opened, closed, tended;
} fake;
static struct ingress ingress;

static unsigned
take_nothing(struct source *s, struct lane *lane)
{
	return 0;
}

static bool
never(struct source *s)
{
	return false;
}

static const struct source_ops source_ops = { .take = take_nothing, .pending = never };

static void
close_fake(struct uplink_medium *m)
{
	fake.closed++;
	/* The queue is still there. */
	assert_int_equal(queue_set_source(fake.options.queue, QUEUE_FROM_SENDER, NULL), 0);
}

static bool
fake_link(const struct uplink_medium *m)
{
	return fake.link;
}

static void
tend_fake(struct uplink_medium *m)
{
	fake.tended++;
}

static const struct uplink_medium_ops fake_ops = { "fake", close_fake, fake_link, tend_fake };

static struct uplink_medium *
open_fake(const struct uplink_medium_options *options, struct err *err)
{
	if (fake.refuses) {
		err_set(err, -EADDRINUSE, "adapter '%s': cannot listen at %s", options->name, options->arg);
		return NULL;
	}
	fake.opened++;
	fake.options = *options;
	fake.medium = (struct uplink_medium){ &fake_ops, &fake.sink };
	source_init(&fake.source, &source_ops, -1, options->ingress);
	assert_int_equal(queue_set_source(options->queue, QUEUE_FROM_SENDER, &fake.source), 0);
	return &fake.medium;
}

static int
open_all(void **state)
{
	log_set_level(LOG_LEVEL_ERROR);
	memset((void *)&fake, 0, sizeof(fake));
	test_processors_open(2, 0);
	uplink_register(UPLINK_TYPE_MEMIF, open_fake);
	return 0;
}

static int
close_all(void **state)
{
	test_processors_close();
	return 0;
}

static struct adapter *
make(unsigned mtu, struct err *err)
{
	struct adapter_settings settings;

	adapter_settings_init(&settings);
	settings.mode = ADAPTER_MODE_VMQ;
	settings.queues = 4;
	*err = (struct err){ 0 };
	return adapter_new("wire", UPLINK_TYPE_MEMIF, "/somewhere", mtu, &settings, 3, &ingress, err);
}

static void
its_frames_are_the_default_queues(void **state)
{
	struct err err;
	struct adapter *a = make(9000, &err);

	assert_non_null(a);
	assert_string_equal(fake.options.name, "wire");
	assert_string_equal(fake.options.arg, "/somewhere");
	assert_int_equal(fake.options.mtu, 9000);
	assert_int_equal(atomic_load(&a->uplink.mtu), 9000);
	assert_ptr_equal(fake.options.queue, a->queue[0]);
	assert_ptr_equal(fake.options.vport, &a->wire);
	assert_ptr_equal(fake.options.ingress, &ingress);
	assert_ptr_equal(uplink_sink(&a->uplink), &fake.sink);
	assert_int_equal(adapter_start(a, &err), 0);
	assert_int_equal(queue_processor(a->queue[0]), adapter_base(a));
	assert_true(hotset_has(&processors[adapter_base(a)]->hot, a->queue[0]->id));
	assert_false(a->frontend.threaded);
	adapter_stop(a);
	adapter_free(a);
	assert_int_equal(fake.opened, 1);
	assert_int_equal(fake.closed, 1);
}

static void
members_have_no_vm_queues(void **state)
{
	struct vport vport;
	struct queue *queue;
	struct adapter_member member = {
		.vport = &vport, .queues = &queue, .n_queues = 1, .mac = { { 2, 0, 0, 0, 0, 1 } }, .weight = 100
	};
	struct err err;
	struct adapter *a = make(0, &err);

	assert_int_equal(fake.options.mtu, 1500);
	assert_int_equal(adapter_start(a, &err), 0);
	assert_int_equal(vport_init(&vport, "vm"), 0);
	queue = queue_new(&vport, 0);
	assert_int_equal(adapter_join(a, &member, &err), 0);
	assert_int_equal(member.n_rings, 0);
	assert_int_equal(queue_processor(queue), adapter_base(a));
	adapter_leave(a, &member);
	queue_free(queue);
	vport_fini(&vport);
	adapter_stop(a);
	adapter_free(a);
}

static void
its_link_is_what_the_medium_says(void **state)
{
	struct err err;
	struct adapter *a = make(0, &err);

	assert_false(uplink_has_link(&a->uplink));
	fake.link = true;
	assert_true(uplink_has_link(&a->uplink));
	adapter_tend(a);
	adapter_tend(a);
	assert_int_equal(fake.tended, 2);
	assert_int_equal(fake.opened, 1); /* it is never absent, so never opened again */
	adapter_free(a);
}

static void
one_that_cannot_be_opened_leaves_nothing(void **state)
{
	struct err err;

	fake.refuses = true;
	assert_null(make(0, &err));
	assert_int_equal(err.code, -EADDRINUSE);
	assert_string_equal(err.msg, "adapter 'wire': cannot listen at /somewhere");
	for (unsigned i = 0; i < QUEUES_MAX; i++)
		assert_null(atomic_load(&queue_table[i]));
	uplink_register(UPLINK_TYPE_MEMIF, NULL);
	assert_null(make(0, &err));
	assert_int_equal(err.code, -ENOTSUP);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_all, close_all)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(its_frames_are_the_default_queues),
		TEST(members_have_no_vm_queues),
		TEST(its_link_is_what_the_medium_says),
		TEST(one_that_cannot_be_opened_leaves_nothing),
	};

	return cmocka_run_group_tests(tests, test_eal_start, NULL);
}
