/* vhost_user_test.c - each message, and what it is refused for. Numbers are those of QEMU's docs/interop/vhost-user.rst. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/test_held.h"
#include "guest/test_vhost.h"
#include "nic/test_eal.h"

/* Descriptors that come along. */
enum along { NONE, EVENT, TWO_EVENTS, MEMORY, SHORT_MEMORY, EIGHT_MEMORIES, DEVICE, ALONG };

static int event, memory, short_memory, device;

static unsigned
descriptors(enum along along, int *fds)
{
	static const unsigned n[ALONG] = {
		[EVENT] = 1, [TWO_EVENTS] = 2, [MEMORY] = 1, [SHORT_MEMORY] = 1, [EIGHT_MEMORIES] = 8, [DEVICE] = 1
	};
	const int fd[ALONG] = {
		[EVENT] = event,           [TWO_EVENTS] = event, [MEMORY] = memory, [SHORT_MEMORY] = short_memory,
		[EIGHT_MEMORIES] = memory, [DEVICE] = device
	};

	for (unsigned i = 0; i < n[along]; i++)
		fds[i] = fd[along];
	return n[along];
}

static void
send_along(struct guest *g, struct vuser_msg *m, enum along along, bool need_reply)
{
	int fds[8];
	unsigned n = descriptors(along, fds);

	m->flags = VUSER_VERSION | (need_reply ? VUSER_NEED_REPLY : 0);
	assert_int_equal(vuser_send(&g->front, m, fds, n), 0);
}

static int
open_group(void **state)
{
	event = eventfd(0, EFD_CLOEXEC);
	memory = memfd_create("fl-vhost-test", MFD_CLOEXEC);
	short_memory = memfd_create("fl-vhost-test", MFD_CLOEXEC);
	device = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (ftruncate(memory, GUEST_MEMORY) < 0 || ftruncate(short_memory, MIB - 1) < 0)
		return -1;
	return guest_start(state);
}

static int
close_group(void **state)
{
	close(event);
	close(memory);
	close(short_memory);
	close(device);
	return guest_stop(state);
}

/* ---- refusals ---- */

#define GPA VUSER_GPA
#define REGION(n, at, bytes, from)                   \
	{                                            \
		at, bytes, 0x10000000ull * (n), from \
	}

/* What a front end that is up can say wrong. Its memory is one region of 8 MiB at VUSER_GPA; it has one pair of rings. */
static const struct wrong {
	const char *name;
	struct vuser_msg m;
	enum along along;
	const char *why; /* part of the reason */
} wrongs[] = {
	{ "features: packed rings", { .request = 2, .size = 8, .u64 = 1ull << 34 }, NONE, "never offered" },
	{ "features: all", { .request = 2, .size = 8, .u64 = UINT64_MAX }, NONE, "never offered" },
	{ "protocol features: inflight", { .request = 16, .size = 8, .u64 = 1 << 12 }, NONE, "never offered" },
	{ "size 0", { .request = 8, .size = 8, .state = { 0, 0 } }, NONE, "power of two" },
	{ "size 3", { .request = 8, .size = 8, .state = { 0, 3 } }, NONE, "power of two" },
	{ "size 65536", { .request = 8, .size = 8, .state = { 0, 65536 } }, NONE, "power of two" },
	{ "size 2^31", { .request = 8, .size = 8, .state = { 0, 1u << 31 } }, NONE, "power of two" },
	{ "size of ring 2", { .request = 8, .size = 8, .state = { 2, 64 } }, NONE, "virtqueue 2 of 2" },
	{ "size of the last ring", { .request = 8, .size = 8, .state = { UINT32_MAX, 64 } }, NONE, "virtqueue" },
	{ "address of ring 2", { .request = 9, .size = 40, .addr = { .index = 2 } }, NONE, "virtqueue 2 of 2" },
	{ "odd descriptors", { .request = 9, .size = 40, .addr = { .desc = 8 } }, NONE, "not aligned" },
	{ "odd available ring", { .request = 9, .size = 40, .addr = { .avail = 1 } }, NONE, "not aligned" },
	{ "odd used ring", { .request = 9, .size = 40, .addr = { .used = 2 } }, NONE, "not aligned" },
	{ "addresses of nothing", { .request = 9, .size = 40, .addr = { 0, 0, 16, 32, 48, 0 } }, NONE, "does not lie" },
	{ "base of ring 256", { .request = 10, .size = 8, .state = { 256, 0 } }, NONE, "virtqueue 256 of 2" },
	{ "base 65536", { .request = 10, .size = 8, .state = { 0, 65536 } }, NONE, "cannot begin" },
	{ "base of ring 2, asked for", { .request = 11, .size = 8, .state = { 2, 0 } }, NONE, "virtqueue 2 of 2" },
	{ "kick of ring 2", { .request = 12, .size = 8, .u64 = 2 }, EVENT, "virtqueue 2 of 2" },
	{ "kick of ring 255, none", { .request = 12, .size = 8, .u64 = 0x1ff }, NONE, "virtqueue 255 of 2" },
	{ "kick that did not come", { .request = 12, .size = 8 }, NONE, "0 descriptors instead of 1" },
	{ "two kicks", { .request = 12, .size = 8 }, TWO_EVENTS, "2 descriptors instead of 1" },
	{ "kick by memory", { .request = 12, .size = 8 }, MEMORY, "no eventfd" },
	{ "kick by a device", { .request = 12, .size = 8 }, DEVICE, "no eventfd" },
	{ "call of ring 2", { .request = 13, .size = 8, .u64 = 2 }, EVENT, "virtqueue 2 of 2" },
	{ "call that did not come", { .request = 13, .size = 8, .u64 = 1 }, NONE, "0 descriptors instead of 1" },
	{ "eight calls", { .request = 13, .size = 8 }, EIGHT_MEMORIES, "8 descriptors instead of 1" },
	{ "call to memory", { .request = 13, .size = 8 }, MEMORY, "no eventfd" },
	{ "call to a device", { .request = 13, .size = 8 }, DEVICE, "no eventfd" },
	{ "error to a device", { .request = 14, .size = 8 }, DEVICE, "no eventfd" },
	{ "error of ring 7", { .request = 14, .size = 8, .u64 = 7 }, EVENT, "virtqueue 7 of 2" },
	{ "ring 9 enabled", { .request = 18, .size = 8, .state = { 9, 1 } }, NONE, "virtqueue 9 of 2" },
	{ "ring enabled by 2", { .request = 18, .size = 8, .state = { 0, 2 } }, NONE, "not by 2" },
	{ "9 regions", { .request = 5, .size = 264, .table = { .n = 9 } }, EIGHT_MEMORIES, "9 memory regions" },
	{ "2^32 - 1 regions",
	  { .request = 5, .size = 264, .table = { .n = UINT32_MAX } },
	  EIGHT_MEMORIES,
	  "memory regions" },
	{ "8 regions, 1 descriptor",
	  { .request = 5, .size = 264, .table = { .n = 8 } },
	  MEMORY,
	  "1 descriptors instead of 8" },
	{ "1 region, none there",
	  { .request = 5, .size = 8, .table = { .n = 1 } },
	  MEMORY,
	  "1 memory regions in 8 bytes" },
	{ "no region, 1 descriptor", { .request = 5, .size = 8 }, MEMORY, "1 descriptors instead of 0" },
	{ "empty region",
	  { .request = 5, .size = 40, .table = { 1, 0, { REGION(1, GPA, 0, 0) } } },
	  MEMORY,
	  "empty or wraps" },
	{ "region that wraps",
	  { .request = 5, .size = 40, .table = { 1, 0, { REGION(1, UINT64_MAX, 2, 0) } } },
	  MEMORY,
	  "empty or wraps" },
	{ "region that is longer than its file",
	  { .request = 5, .size = 40, .table = { 1, 0, { REGION(1, GPA, MIB, 0) } } },
	  SHORT_MEMORY,
	  "1048576 are needed" },
	{ "region whose offset wraps",
	  { .request = 5, .size = 40, .table = { 1, 0, { REGION(1, GPA, MIB, UINT64_MAX) } } },
	  MEMORY,
	  "wrap" },
	{ "region of an eventfd",
	  { .request = 5, .size = 40, .table = { 1, 0, { REGION(1, GPA, 8, 0) } } },
	  EVENT,
	  "memory file" },
	{ "regions that overlap",
	  { .request = 5,
	    .size = 264,
	    .table = { 8,
		       0,
		       { REGION(1, 0, MIB, 0), REGION(2, MIB, MIB, 0), REGION(3, 2 * MIB, MIB, 0),
			 REGION(4, 9 * MIB, MIB, 0), REGION(5, 8 * MIB, MIB + 1, 0) } } },
	  EIGHT_MEMORIES,
	  "overlaps" },
	{ "one more region, without memory",
	  { .request = 37, .size = 40, .slot = { 0, REGION(1, 0, MIB, 0) } },
	  NONE,
	  "instead of 1" },
	{ "one more region, overlapping",
	  { .request = 37, .size = 40, .slot = { 0, REGION(1, GPA + GUEST_MEMORY - 1, MIB, 0) } },
	  MEMORY,
	  "overlaps" },
	{ "one more region of a device",
	  { .request = 37, .size = 40, .slot = { 0, REGION(1, 0, 1, 0) } },
	  DEVICE,
	  "memory file" },
	{ "log that did not come", { .request = 6, .size = 16, .log = { MIB, 0 } }, NONE, "instead of 1" },
	{ "empty log", { .request = 6, .size = 16, .log = { 0, 0 } }, MEMORY, "empty" },
	{ "log beyond its file", { .request = 6, .size = 16, .log = { MIB, 0 } }, SHORT_MEMORY, "are needed" },
	{ "log whose offset wraps", { .request = 6, .size = 16, .log = { 2, UINT64_MAX } }, MEMORY, "wrap" },
	{ "log of an eventfd", { .request = 6, .size = 16, .log = { 8, 0 } }, EVENT, "memory file" },
	{ "MTU 67", { .request = 20, .size = 8, .u64 = 67 }, NONE, "MTU 67" },
	{ "MTU above the port's", { .request = 20, .size = 8, .u64 = PORT_MTU + 1 }, NONE, "MTU 9217" },
	{ "unknown request", { .request = 31, .size = 24 }, NONE, "request 31 is not known" },
};

static void
expect_end(struct guest *g, const char *why)
{
	struct vuser_msg m;

	assert_int_equal(vuser_receive(&g->front, &m), -ECONNRESET);
	assert_int_equal(guest_info(g).state, VHOST_NO_FRONT_END);
	if (strstr(guest_info(g).last_error, why) == NULL)
		fail_msg("'%s' is not in '%s'", why, guest_info(g).last_error);
}

static void
whatever_is_wrong_ends_the_connection_with_its_reason(void **state)
{
	unsigned fds, mappings;
	struct guest g;

	guest_open(&g, 1);
	fds = test_open_fds();
	mappings = test_mappings();
	for (size_t i = 0; i < LEN(wrongs); i++) {
		struct vuser_msg m = wrongs[i].m;

		print_message("  %s\n", wrongs[i].name);
		guest_up(&g);
		assert_int_equal(guest_info(&g).state, VHOST_UP);
		send_along(&g, &m, wrongs[i].along, false);
		expect_end(&g, wrongs[i].why);
		guest_down(&g);
		assert_true(test_has_fds(fds, 2000));
		assert_int_equal(test_mappings(), mappings);
	}
	guest_close(&g);
}

/* REPLY_ACK: "MUST respond with ... non-zero on failure". */
static void
whoever_asks_for_an_answer_is_told_first(void **state)
{
	struct guest g;

	guest_open(&g, 1);
	for (size_t i = 0; i < LEN(wrongs); i++) {
		struct vuser_msg m = wrongs[i].m, reply;
		bool goes_on = m.request == VUSER_NET_SET_MTU || m.request == 31;

		guest_up(&g);
		send_along(&g, &m, wrongs[i].along, true);
		assert_int_equal(vuser_receive(&g.front, &reply), 0);
		assert_int_equal(reply.request, m.request);
		assert_int_equal(reply.flags, VUSER_VERSION | VUSER_REPLY);
		assert_int_equal(reply.size, 8);
		assert_true(reply.u64 != 0);
		if (goes_on)
			assert_int_equal(guest_u64(&g, VUSER_NET_SET_MTU, 1500), 0);
		else
			expect_end(&g, wrongs[i].why);
		guest_down(&g);
		assert_true(guest_until(&g, VHOST_NO_FRONT_END));
	}
	guest_close(&g);
}

/* Bytes of payload, as the specification lays them out. */
static const struct {
	uint32_t request, size;
} sizes[] = { { 1, 0 },  { 2, 8 },  { 3, 0 },  { 4, 0 },   { 6, 16 },  { 7, 0 },  { 8, 8 },  { 9, 40 }, { 10, 8 },
	      { 11, 8 }, { 12, 8 }, { 13, 8 }, { 14, 8 },  { 15, 0 },  { 16, 8 }, { 17, 0 }, { 18, 8 }, { 19, 8 },
	      { 20, 8 }, { 34, 0 }, { 36, 0 }, { 37, 40 }, { 38, 40 }, { 39, 8 }, { 40, 0 } };

static void
a_message_of_another_length_ends_the_connection(void **state)
{
	struct guest g;

	guest_open(&g, 1);
	for (size_t i = 0; i < LEN(sizes); i++)
		for (int more = -1; more <= 1; more += 2) {
			struct vuser_msg m = { .request = sizes[i].request, .size = sizes[i].size + (uint32_t)more };

			if (sizes[i].size == 0 && more < 0)
				m.size = UINT32_MAX;
			assert_int_equal(vuser_connect(&g.front, &g.options), 0);
			m.flags = VUSER_VERSION | VUSER_NEED_REPLY;
			assert_int_equal(vuser_send_bytes(&g.front, &m, 12 + (m.size < 100 ? m.size : 0)), 0);
			expect_end(&g, "bytes");
			vuser_close(&g.front);
		}
	guest_close(&g);
}

static void
a_header_of_something_else_ends_the_connection(void **state)
{
	static const struct {
		uint32_t request, flags, size;
	} rows[] = {
		{ 1, 0, 0 },
		{ 1, 2, 0 },
		{ 1, 3, 0 },               /* versions */
		{ 1, VUSER_REPLY | 1, 0 }, /* an answer, unasked */
		{ 31, 1, 2049 },
		{ 31, 1, UINT32_MAX }, /* unknown and too long */
		{ 5, 1, 8 + 9 * 32 },
		{ 5, 1, 4 },
	};
	struct guest g;

	guest_open(&g, 1);
	for (size_t i = 0; i < LEN(rows); i++) {
		assert_int_equal(vuser_connect(&g.front, &g.options), 0);
		assert_int_equal(vuser_send_bytes(&g.front, &rows[i], 12), 0);
		expect_end(&g, "");
		vuser_close(&g.front);
	}
	guest_close(&g);
}

static void
a_request_that_we_do_not_know_is_answered_so(void **state)
{
	static const uint32_t rows[] = { 0,  21, 22, 23, 24, 25, 26, 27, 28,   29,        30,
					 31, 32, 33, 35, 41, 42, 43, 44, 1000, UINT32_MAX };
	struct guest g;

	guest_open(&g, 1);
	assert_int_equal(vuser_connect(&g.front, &g.options), 0);
	for (size_t i = 0; i < LEN(rows); i++) {
		struct vuser_msg m = { .request = rows[i], .size = i * 100 }, reply;

		send_along(&g, &m, i % ALONG, true);
		assert_int_equal(vuser_receive(&g.front, &reply), 0);
		assert_int_equal(reply.request, rows[i]);
		assert_true(reply.u64 != 0);
	}
	assert_int_equal(guest_info(&g).state, VHOST_WAITING);
	vuser_close(&g.front);
	guest_close(&g);
}

/* ---- answers ---- */

static uint64_t
ask(struct guest *g, enum vuser_request request)
{
	struct vuser_msg m = { .request = request };

	assert_int_equal(vuser_ask(&g->front, &m, 8), 0);
	assert_int_equal(m.size, 8);
	return m.u64;
}

static void
questions_are_answered(void **state)
{
	/* By number: virtio 1.2, 5.1.3 and 6; 26 LOG_ALL and 30 PROTOCOL_FEATURES are vhost-user's. */
	static const unsigned offered[] = { 0,  1,  3,  7,  8,  9,  11, 12, 13, 15, 16, 17, 18,
					    21, 22, 26, 27, 28, 29, 30, 32, 35, 54, 55, 56 };
	/* UFO, GSO of old, NOTIFY_ON_EMPTY, IOMMU, packed rings, notification data, ring reset, RSS */
	static const unsigned others[] = { 6, 10, 14, 24, 33, 34, 38, 40, 57, 60 };
	uint64_t features;
	struct guest g;

	guest_open(&g, 4);
	assert_int_equal(vuser_connect(&g.front, &g.options), 0);
	features = ask(&g, VUSER_GET_FEATURES);
	for (size_t i = 0; i < LEN(offered); i++)
		assert_true(features >> offered[i] & 1);
	for (size_t i = 0; i < LEN(others); i++)
		assert_false(features >> others[i] & 1);
	/* MQ, LOG_SHMFD, RARP, REPLY_ACK, MTU, RESET_DEVICE, CONFIGURE_MEM_SLOTS, STATUS */
	assert_int_equal(ask(&g, VUSER_GET_PROTOCOL_FEATURES), 0x1f | 1 << 13 | 1 << 15 | 1 << 16);
	assert_int_equal(ask(&g, VUSER_GET_QUEUE_NUM), 4);
	assert_int_equal(ask(&g, VUSER_GET_MAX_MEM_SLOTS), 64);
	assert_int_equal(ask(&g, VUSER_GET_STATUS), 0);
	assert_int_equal(guest_u64(&g, VUSER_SET_STATUS, 0x0f), 0);
	assert_int_equal(ask(&g, VUSER_GET_STATUS), 0x0f);
	assert_int_equal(guest_u64(&g, VUSER_SET_STATUS, 0), 0);
	assert_int_equal(ask(&g, VUSER_GET_STATUS), 0);
	assert_int_equal(guest_u64(&g, VUSER_SET_PROTOCOL_FEATURES, 1 << 3), 0);
	assert_int_equal(ask(&g, VUSER_GET_STATUS), 0);
	assert_int_equal(guest_info(&g).protocol_features, 1 << 3);
	vuser_close(&g.front);
	guest_close(&g);
}

static void
the_lower_mtu_holds(void **state)
{
	struct guest g;

	guest_open(&g, 1);
	assert_int_equal(guest_info(&g).mtu, PORT_MTU);
	guest_up(&g);
	assert_int_equal(guest_u64(&g, VUSER_NET_SET_MTU, 68), 0); /* the least of virtio 1.2, 5.1.4.1 */
	assert_int_equal(guest_info(&g).mtu, 68);
	assert_int_equal(guest_u64(&g, VUSER_NET_SET_MTU, PORT_MTU + 1), -EREMOTEIO);
	assert_int_equal(guest_info(&g).mtu, 68);
	assert_int_equal(guest_u64(&g, VUSER_NET_SET_MTU, 9000), 0);
	vhost_set_mtu(g.vhost, 1500);
	assert_int_equal(guest_info(&g).mtu, 1500);
	vhost_set_mtu(g.vhost, 10000);
	assert_int_equal(guest_info(&g).mtu, 9000);
	guest_down(&g);
	assert_true(guest_until(&g, VHOST_NO_FRONT_END));
	assert_int_equal(guest_info(&g).mtu, 10000); /* the next one has not said anything yet */
	guest_close(&g);
}

/* QEMU waits for an answer to SET_LOG_BASE, asked for or not. */
static void
what_has_to_be_answered_is_answered_and_the_rest_is_not(void **state)
{
	struct guest g;
	struct vuser_msg m;

	guest_open(&g, 1);
	guest_up(&g);
	m = (struct vuser_msg){ .request = VUSER_SET_LOG_BASE, .size = 16, .log = { MIB, MIB } };
	send_along(&g, &m, MEMORY, false);
	assert_int_equal(vuser_receive(&g.front, &m), 0);
	assert_int_equal(m.request, VUSER_SET_LOG_BASE);
	assert_int_equal(m.flags, VUSER_VERSION | VUSER_REPLY);
	for (uint32_t request = VUSER_SET_OWNER; request <= VUSER_SET_LOG_FD; request++) {
		if (request == VUSER_SET_MEM_TABLE || request == VUSER_SET_LOG_BASE)
			continue;
		m = (struct vuser_msg){ .request = request };
		send_along(&g, &m, EVENT, false);
	}
	/* The next thing that comes is the answer to a question. */
	m = (struct vuser_msg){ .request = VUSER_GET_QUEUE_NUM };
	assert_int_equal(vuser_ask(&g.front, &m, 8), 0);
	assert_int_equal(guest_info(&g).state, VHOST_UP); /* RESET_OWNER changes nothing */
	guest_close(&g);
}

/* ---- descriptors ---- */

/* CVE-2022-0669, CVE-2020-10726, CVE-2019-14818: each message with descriptors that it does not take, or again and again. */
static void
cve_2022_0669_2020_10726_and_2019_14818_no_message_leaves_descriptors_or_memory(void **state)
{
	static const uint32_t takers[] = { 5, 6, 12, 13, 14, 37 };
	unsigned fds, mappings;
	struct guest g;

	guest_open(&g, 1);
	guest_up(&g);
	fds = test_open_fds();
	mappings = test_mappings();
	for (unsigned round = 0; round < 20; round++)
		for (size_t i = 0; i < LEN(sizes); i++) {
			struct vuser_msg m = { .request = sizes[i].request, .size = sizes[i].size };
			bool takes = false;

			for (size_t k = 0; k < LEN(takers); k++)
				takes |= m.request == takers[k];
			/* Those that change the device have rows elsewhere. */
			if (takes || m.request == 2 || m.request == 8 || m.request == 9 || m.request == 20 ||
			    m.request == 38 || m.request == 16)
				continue;
			send_along(&g, &m, EIGHT_MEMORIES, true);
			assert_int_equal(vuser_receive(&g.front, &m), 0);
		}
	/* All that were running were reset: their kick and call are closed. */
	assert_int_equal(test_open_fds(), fds - 4);
	assert_int_equal(test_mappings(), mappings);
	guest_down(&g);
	assert_true(guest_until(&g, VHOST_NO_FRONT_END));
	guest_close(&g);
}

static void
the_same_message_again_and_again_costs_nothing(void **state)
{
	struct guest g;
	unsigned fds, mappings;
	struct vuser_msg rows[] = {
		{ .request = VUSER_SET_VRING_NUM, .size = 8, .state = { 0, RING_SIZE } },
		{ .request = VUSER_SET_VRING_CALL, .size = 8, .u64 = 0 },
		{ .request = VUSER_SET_VRING_KICK, .size = 8, .u64 = 1 },
		{ .request = VUSER_SET_VRING_ERR, .size = 8, .u64 = 1 },
		{ .request = VUSER_SET_LOG_FD },
		{ .request = VUSER_SET_LOG_BASE, .size = 16, .log = { MIB, 0 } },
		{ .request = VUSER_SET_MEM_TABLE,
		  .size = 264,
		  .table = { 8,
			     0,
			     { REGION(1, 0, 1, 0), REGION(2, 1, 1, 0), REGION(3, 2, 1, 0), REGION(4, 3, 1, 0),
			       REGION(5, 4, 1, 0), REGION(6, 5, 1, 0), REGION(7, 6, 1, 0), REGION(8, 7, 1, 0) } } },
	};
	static const enum along along[] = { NONE, EVENT, EVENT, EVENT, EVENT, MEMORY, EIGHT_MEMORIES };

	guest_open(&g, 1);
	guest_up(&g);
	for (size_t i = 0; i < LEN(rows); i++)
		for (unsigned n = 0; n < 1000; n++) {
			struct vuser_msg m = rows[i];

			send_along(&g, &m, along[i], true);
			assert_int_equal(vuser_receive(&g.front, &m), 0);
			assert_int_equal(m.u64, 0);
			if (n == 0) {
				fds = test_open_fds();
				mappings = test_mappings();
			}
			if (n == 999) {
				assert_int_equal(test_open_fds(), fds);
				assert_int_equal(test_mappings(), mappings);
			}
		}
	guest_close(&g);
}

static void
a_table_may_be_empty_or_full_and_slots_as_many_as_we_said(void **state)
{
	struct vuser_msg m = { .request = VUSER_SET_MEM_TABLE, .size = 8 };
	struct guest g;

	guest_open(&g, 1);
	assert_int_equal(vuser_connect(&g.front, &g.options), 0);
	send_along(&g, &m, NONE, true);
	assert_int_equal(vuser_receive(&g.front, &m), 0);
	assert_int_equal(m.u64, 0);
	for (unsigned i = 0; i < 65; i++) {
		struct vuser_msg add = { .request = VUSER_ADD_MEM_REG, .size = 40 };

		add.slot.region = (struct vuser_region){ i * MIB, MIB, i * MIB, 0 };
		send_along(&g, &add, MEMORY, true);
		assert_int_equal(vuser_receive(&g.front, &add), 0);
		assert_int_equal(add.u64 == 0, i < 64);
		assert_int_equal(guest_info(&g).regions, i < 64 ? i + 1 : 0); /* the 65th ends it all */
	}
	vuser_close(&g.front);
	/* One away again, with a descriptor along or without. */
	assert_int_equal(vuser_connect(&g.front, &g.options), 0);
	for (unsigned i = 0; i < 4; i++) {
		struct vuser_msg slot = { .request = i % 2 ? VUSER_REM_MEM_REG : VUSER_ADD_MEM_REG, .size = 40 };

		slot.slot.region = (struct vuser_region){ 0, MIB, 0, i };
		send_along(&g, &slot, i == 3 ? NONE : MEMORY, true);
		assert_int_equal(vuser_receive(&g.front, &slot), 0);
		assert_int_equal(slot.u64, 0);
		assert_int_equal(guest_info(&g).regions, 1 - i % 2);
	}
	vuser_close(&g.front);
	guest_close(&g);
}

/* As QEMU 7.2 does it. */
static void
a_region_may_be_told_once_for_every_queue_pair(void **state)
{
	struct guest g;

	guest_open(&g, 2);
	assert_int_equal(vuser_connect(&g.front, &g.options), 0);
	for (unsigned i = 0; i < 8; i++) {
		struct vuser_msg slot = { .request = i % 4 < 2 ? VUSER_ADD_MEM_REG : VUSER_REM_MEM_REG, .size = 40 };

		slot.slot.region = (struct vuser_region){ 0, MIB, 0, 0 };
		send_along(&g, &slot, i % 4 < 2 ? MEMORY : NONE, true);
		assert_int_equal(vuser_receive(&g.front, &slot), 0);
		assert_int_equal(slot.u64, 0);
		assert_int_equal(guest_info(&g).regions, i % 4 < 2 ? 1 : 0);
	}
	vuser_close(&g.front);
	guest_close(&g);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whatever_is_wrong_ends_the_connection_with_its_reason),
		cmocka_unit_test(whoever_asks_for_an_answer_is_told_first),
		cmocka_unit_test(a_message_of_another_length_ends_the_connection),
		cmocka_unit_test(a_header_of_something_else_ends_the_connection),
		cmocka_unit_test(a_request_that_we_do_not_know_is_answered_so),
		cmocka_unit_test(questions_are_answered),
		cmocka_unit_test(the_lower_mtu_holds),
		cmocka_unit_test(what_has_to_be_answered_is_answered_and_the_rest_is_not),
		cmocka_unit_test(cve_2022_0669_2020_10726_and_2019_14818_no_message_leaves_descriptors_or_memory),
		cmocka_unit_test(the_same_message_again_and_again_costs_nothing),
		cmocka_unit_test(a_table_may_be_empty_or_full_and_slots_as_many_as_we_said),
		cmocka_unit_test(a_region_may_be_told_once_for_every_queue_pair),
	};

	return cmocka_run_group_tests(tests, open_group, close_group);
}
