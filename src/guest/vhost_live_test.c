/* vhost_live_test.c - a lane works while control changes everything under it, and while a guest breaks things. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/qsbr.h"
#include "base/test_held.h"
#include "guest/test_vhost.h"
#include "nic/test_eal.h"

static void
rings_stop_and_start_under_a_lane(void **state)
{
	struct guest g;
	uint16_t base;

	guest_open(&g, 2);
	guest_up(&g);
	guest_work(&g);
	for (unsigned n = 0; n < 300; n++) {
		unsigned i = n % 4;

		guest_send(&g, n % 2, 8);
		guest_post(&g, n % 2, 8);
		switch (n / 4 % 4) {
		case 0:
			assert_int_equal(vuser_queue_stop(&g.front, i, &base), 0);
			assert_int_equal(vuser_queue_start(&g.front, i, base), 0);
			break;
		case 1:
			assert_int_equal(vuser_queue_enable(&g.front, i, false), 0);
			assert_int_equal(vuser_queue_enable(&g.front, i, true), 0);
			break;
		case 2:
			assert_int_equal(vuser_share(&g.front, &g.mem, 1), 0); /* all of it anew */
			break;
		default:
			guest_give(&g, i, NEED_ADDRESSES);
			guest_give(&g, i, NEED_KICK);
		}
		assert_int_equal(guest_info(&g).pairs_running, 2);
	}
	guest_wait_rounds(&g, 100);
	guest_rest(&g);
	assert_int_equal(guest_info(&g).fault, VRING_FAULT_NONE);
	assert_int_equal(atomic_load(&g.runts), 0);
	/* Nothing was lost or taken twice: the driver checks the used ring as it goes. */
	for (unsigned p = 0; p < 2; p++) {
		guest_send(&g, p, 1);
		while (guest_take(&g, p) > 0)
			;
		guest_send(&g, p, 0);
		assert_int_equal(vuser_room(&g.front.queue[2 * p + 1]), RING_SIZE);
	}
	assert_true(atomic_load(&g.put) > 0);
	guest_close(&g);
}

/* A lane in the middle of a burst, for 50 ms. */
struct busy {
	int reader;
	_Atomic bool began, ended;
};

static void *
be_busy(void *arg)
{
	struct busy *b = arg;

	qsbr_online(b->reader);
	atomic_store(&b->began, true);
	usleep(50000);
	atomic_store(&b->ended, true);
	qsbr_offline(b->reader);
	return NULL;
}

static int
stop_receive(struct guest *g)
{
	uint16_t base;

	return vuser_queue_stop(&g->front, 0, &base);
}

static int
stop_transmit(struct guest *g)
{
	uint16_t base;

	return vuser_queue_stop(&g->front, 1, &base);
}

static int
change_memory(struct guest *g)
{
	return vuser_share(&g->front, &g->mem, 1);
}

static int
change_call(struct guest *g)
{
	struct vuser_msg m = { .request = VUSER_SET_VRING_CALL, .size = 8 };

	return vuser_tell(&g->front, &m, &g->front.queue[0].call_fd, 1);
}

static int
change_size(struct guest *g)
{
	return guest_state(g, VUSER_SET_VRING_NUM, 0, RING_SIZE);
}

static int
disable(struct guest *g)
{
	return vuser_queue_enable(&g->front, 0, false);
}

static int
leave(struct guest *g)
{
	guest_down(g);
	return guest_until(g, VHOST_NO_FRONT_END) ? 0 : -ETIMEDOUT;
}

static void
nothing_is_answered_before_lanes_have_passed(void **state)
{
	static int (*const change[])(struct guest *) = { stop_receive, stop_transmit, change_memory, change_call,
							 change_size,  disable,       leave };
	struct guest g;

	guest_open(&g, 1);
	for (size_t i = 0; i < LEN(change); i++) {
		struct busy b = { .reader = qsbr_register() };
		pthread_t thread;

		guest_up(&g);
		assert_int_equal(pthread_create(&thread, NULL, be_busy, &b), 0);
		while (!atomic_load(&b.began))
			sched_yield();
		assert_int_equal(change[i](&g), 0);
		assert_true(atomic_load(&b.ended));
		pthread_join(thread, NULL);
		qsbr_unregister(b.reader);
		guest_down(&g);
		assert_true(guest_until(&g, VHOST_NO_FRONT_END));
	}
	guest_close(&g);
}

/* CVE-2026-86567: rings' pointers that were kept when their memory went. */
static void
cve_2026_86567_memory_goes_only_when_no_lane_has_it(void **state)
{
	struct vuser_mem more = { .fd = -1 };
	struct guest g;
	unsigned mappings;

	guest_open(&g, 1);
	g.options.protocol_features = VHOST_USER_PROTOCOL_OFFER;
	assert_int_equal(vuser_mem_open(&more, MIB, VUSER_GPA + 64 * MIB, false), 0);
	guest_up(&g);
	mappings = test_mappings();
	guest_work(&g);
	for (unsigned n = 0; n < 100; n++) {
		guest_send(&g, 0, 8);
		guest_post(&g, 0, 8);
		/* A region more and less: the rings run on. */
		assert_int_equal(vuser_share(&g.front, &more, 1), 0);
		assert_int_equal(guest_info(&g).state, VHOST_UP);
		assert_int_equal(test_mappings(), mappings + 1);
		assert_int_equal(vuser_unshare(&g.front, &more), 0);
		assert_int_equal(guest_info(&g).state, VHOST_UP);
		/* The one that they stand in: they stop before it goes, and come back with it. */
		assert_int_equal(vuser_unshare(&g.front, &g.mem), 0);
		assert_int_equal(guest_info(&g).state, VHOST_WAITING);
		assert_int_equal(test_mappings(), mappings - 1);
		assert_int_equal(vuser_share(&g.front, &g.mem, 1), 0);
		assert_int_equal(guest_info(&g).state, VHOST_UP);
	}
	guest_wait_rounds(&g, 100);
	guest_rest(&g);
	assert_int_equal(guest_info(&g).fault, VRING_FAULT_NONE);
	vuser_mem_close(&more);
	guest_close(&g);
}

/* 73ea4437 and 21d9fb6b of DPDK: use after free when a device goes under traffic. */
static void
dpdk_73ea4437_and_21d9fb6b_a_front_end_leaves_under_traffic(void **state)
{
	unsigned fds, mappings;
	struct guest g;

	guest_open(&g, 2);
	guest_work(&g);
	fds = test_open_fds();
	mappings = test_mappings();
	for (unsigned n = 0; n < 50; n++) {
		guest_up(&g);
		assert_int_equal(guest_info(&g).state, VHOST_UP);
		guest_send(&g, n % 2, 20);
		guest_post(&g, n % 2, 20);
		if (n % 4 == 0)
			guest_wait_rounds(&g, 5);
		guest_down(&g);
		assert_true(guest_until(&g, VHOST_NO_FRONT_END));
		assert_int_equal(test_open_fds(), fds);
		assert_int_equal(test_mappings(), mappings);
	}
	assert_int_equal(guest_info(&g).connects, 50);
	guest_up(&g);
	guest_rest(&g);
	guest_close(&g); /* while a front end is up */
}

/* ---- migration ---- */

static unsigned
dirty_pages(const uint8_t *log, size_t len)
{
	unsigned n = 0;

	for (size_t i = 0; i < len; i++)
		n += (unsigned)__builtin_popcount(log[i]);
	return n;
}

static void
the_log_comes_and_goes_on_running_rings(void **state)
{
	struct vuser_msg m = { .request = VUSER_SET_LOG_BASE, .size = 16 };
	/* The guest's memory ends at VUSER_GPA + 8 MiB: a bit for each page below. */
	size_t len = (VUSER_GPA + GUEST_MEMORY) / 4096 / 8;
	int fd = memfd_create("fl-vhost-log", MFD_CLOEXEC);
	uint8_t *log;
	struct guest g;

	assert_int_equal(ftruncate(fd, (off_t)len), 0);
	log = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	guest_open(&g, 1);
	guest_up(&g);
	guest_post(&g, 0, 8);
	m.log.len = len;
	m.flags = VUSER_VERSION;
	assert_int_equal(vuser_send(&g.front, &m, &fd, 1), 0);
	assert_int_equal(vuser_receive(&g.front, &m), 0);
	assert_int_equal(m.u64, 0);
	assert_false(guest_info(&g).logging);
	assert_int_equal(guest_put(&g), SINK_TAKEN);
	assert_int_equal(dirty_pages(log, len), 0);
	/* LOG_ALL: the buffer's page. */
	assert_int_equal(guest_u64(&g, VUSER_SET_FEATURES, GUEST_FEATURES | VHOST_USER_LOG_ALL), 0);
	assert_true(guest_info(&g).logging);
	assert_int_equal(guest_info(&g).state, VHOST_UP);
	assert_int_equal(guest_put(&g), SINK_TAKEN);
	assert_int_equal(dirty_pages(log, len), 1);
	assert_true(log[(VUSER_GPA + GUEST_MEMORY - 4096) / 4096 / 8] & 0x80); /* guest_post: the last page */
	/* VHOST_VRING_F_LOG: the used ring, too, at the address that was told. */
	m = (struct vuser_msg){ .request = VUSER_SET_VRING_ADDR, .size = 40 };
	m.addr.flags = 1;
	m.addr.desc = (uintptr_t)g.front.queue[0].desc;
	m.addr.used = (uintptr_t)g.front.queue[0].used;
	m.addr.avail = (uintptr_t)g.front.queue[0].avail;
	m.addr.log = 0x5000;
	assert_int_equal(vuser_tell(&g.front, &m, NULL, 0), 0);
	assert_int_equal(guest_put(&g), SINK_TAKEN);
	assert_int_equal(log[0], 1 << 5);
	/* Memory that is told anew is logged, too. */
	memset(log, 0, len);
	assert_int_equal(vuser_share(&g.front, &g.mem, 1), 0);
	assert_true(guest_info(&g).logging);
	assert_int_equal(guest_put(&g), SINK_TAKEN);
	assert_int_equal(dirty_pages(log, len), 2);
	memset(log, 0, len);
	assert_int_equal(guest_u64(&g, VUSER_SET_FEATURES, GUEST_FEATURES), 0);
	assert_false(guest_info(&g).logging);
	assert_int_equal(guest_put(&g), SINK_TAKEN);
	assert_int_equal(dirty_pages(log, len), 0);
	guest_close(&g);
	munmap(log, len);
	close(fd);
}

static void
the_log_comes_and_goes_under_a_lane(void **state)
{
	struct vuser_msg m = { .request = VUSER_SET_LOG_BASE, .size = 16, .log = { MIB, 0 } };
	int fd = memfd_create("fl-vhost-log", MFD_CLOEXEC);
	struct guest g;

	assert_int_equal(ftruncate(fd, MIB), 0);
	guest_open(&g, 1);
	guest_up(&g);
	m.flags = VUSER_VERSION;
	assert_int_equal(vuser_send(&g.front, &m, &fd, 1), 0);
	assert_int_equal(vuser_receive(&g.front, &m), 0);
	guest_work(&g);
	for (unsigned n = 0; n < 200; n++) {
		guest_post(&g, 0, 8);
		assert_int_equal(guest_u64(&g, VUSER_SET_FEATURES, GUEST_FEATURES | (n % 2 ? 0 : VHOST_USER_LOG_ALL)),
				 0);
		assert_int_equal(guest_info(&g).logging, 1 - n % 2);
	}
	guest_rest(&g);
	assert_int_equal(guest_info(&g).fault, VRING_FAULT_NONE);
	guest_close(&g);
	close(fd);
}

/* The RARP frame of SEND_RARP is taken first: 60 bytes from the address that was told. */
static void
an_announcement_is_sent_by_a_running_ring_or_by_the_next(void **state)
{
	static const uint8_t address[8] = { 0x02, 0xf1, 0, 0, 0, 7 };
	struct guest g;
	uint64_t value;

	memcpy(&value, address, sizeof(value));
	guest_open(&g, 1);
	guest_up(&g);
	assert_int_equal(guest_u64(&g, VUSER_SEND_RARP, value), 0);
	assert_int_equal(guest_take(&g, 0), 1);
	assert_memory_equal(&g.lane.burst.pkt[0].hdr[6], address, 6);
	assert_int_equal(g.lane.burst.pkt[0].len, 60);
	assert_int_equal(guest_take(&g, 0), 0);
	assert_int_equal(vuser_queue_enable(&g.front, 1, false), 0);
	assert_int_equal(guest_u64(&g, VUSER_SEND_RARP, value), 0);
	assert_int_equal(vuser_queue_enable(&g.front, 1, true), 0);
	assert_int_equal(guest_take(&g, 0), 1);
	assert_memory_equal(&g.lane.burst.pkt[0].hdr[6], address, 6);
	assert_int_equal(guest_take(&g, 0), 0);
	guest_close(&g);
}

/* ---- guests that break things ---- */

static void
a_broken_queue_costs_the_guest_this_queue(void **state)
{
	struct guest g;

	guest_open(&g, 2);
	guest_up(&g);
	g.front.queue[1].avail->idx = RING_SIZE + 1;
	assert_int_equal(guest_take(&g, 0), 0);
	assert_int_equal(guest_info(&g).state, VHOST_BROKEN);
	assert_int_equal(guest_info(&g).fault, VRING_FAULT_INDEX_JUMPED);
	vhost_tend(g.vhost);
	guest_send(&g, 1, 2);
	assert_int_equal(guest_take(&g, 1), 2);
	guest_post(&g, 0, 8);
	guest_post(&g, 1, 8);
	assert_int_equal(guest_put(&g), SINK_TAKEN);
	/* Its driver sets it up again; but not so that it does not fit. */
	assert_int_equal(guest_state(&g, VUSER_SET_VRING_BASE, 1, 0), 0);
	assert_int_equal(guest_info(&g).state, VHOST_BROKEN);
	vhost_tend(g.vhost);
	vuser_queue_reset(&g.front.queue[1], 9);
	assert_int_equal(guest_state(&g, VUSER_SET_VRING_BASE, 1, 9), 0);
	assert_int_equal(guest_info(&g).state, VHOST_UP);
	guest_send(&g, 0, 3);
	assert_int_equal(guest_take(&g, 0), 3);
	guest_close(&g);
}

static struct sigaction ours;

static void
a_guest_whose_memory_shrinks_loses_its_connection(void **state)
{
	struct guest g, other;

	/* cmocka has taken SIGBUS for the test. */
	assert_int_equal(sigaction(SIGBUS, &ours, NULL), 0);
	guest_open(&g, 1);
	guest_open(&other, 1);
	for (unsigned untouched = 0; untouched < 2; untouched++) {
		guest_up(&g);
		if (!untouched)
			guest_work(&g);
		guest_send(&g, 0, 8);
		vhost_tend(g.vhost);
		assert_int_equal(guest_info(&g).state, VHOST_UP);
		assert_int_equal(ftruncate(g.mem.fd, 0), 0);
		if (!untouched)
			guest_wait_rounds(&g, 10);
		vhost_tend(g.vhost);
		assert_int_equal(guest_info(&g).state, VHOST_NO_FRONT_END);
		assert_string_equal(guest_info(&g).last_error, "memory shrank");
		if (!untouched)
			guest_rest(&g);
		guest_down(&g);
	}
	/* The next one is served, and its neighbour was all the time. */
	guest_up(&g);
	guest_up(&other);
	guest_send(&g, 0, 2);
	assert_int_equal(guest_take(&g, 0), 2);
	guest_close(&g);
	guest_close(&other);
}

static int
open_group(void **state)
{
	int ret = guest_start(state);

	sigaction(SIGBUS, NULL, &ours);
	return ret;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rings_stop_and_start_under_a_lane),
		cmocka_unit_test(nothing_is_answered_before_lanes_have_passed),
		cmocka_unit_test(cve_2026_86567_memory_goes_only_when_no_lane_has_it),
		cmocka_unit_test(dpdk_73ea4437_and_21d9fb6b_a_front_end_leaves_under_traffic),
		cmocka_unit_test(the_log_comes_and_goes_on_running_rings),
		cmocka_unit_test(the_log_comes_and_goes_under_a_lane),
		cmocka_unit_test(an_announcement_is_sent_by_a_running_ring_or_by_the_next),
		cmocka_unit_test(a_broken_queue_costs_the_guest_this_queue),
		cmocka_unit_test(a_guest_whose_memory_shrinks_loses_its_connection),
	};

	return cmocka_run_group_tests(tests, open_group, guest_stop);
}
