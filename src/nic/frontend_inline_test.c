/* frontend_inline_test.c - front ends that share a processor, and what their sockets report beside frames. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <rte_ethdev.h>

#include "nic/frontend.h"
#include "nic/test_eal.h"

#define SIDES 3

/* A front end on a ring device, which receives what is sent to it, with a plan of one ring. */
struct side {
	struct uplink uplink;
	struct frontend fe;
	struct vport wire;
	struct queue *queue;
	struct rxplan *plan;
};

static struct side sides[SIDES];

/* fd: one to sleep on, or -1. */
static void
open_side(struct side *s, unsigned i, bool threaded, int fd)
{
	static const uint16_t entry = 0;
	struct rxmap_vport vport = { 1, &entry };
	struct err err = { 0 };
	char name[16];

	memset((void *)s, 0, sizeof(*s));
	snprintf(name, sizeof(name), "side%u", i);
	uplink_init(&s->uplink, name, UPLINK_TYPE_RING, name);
	if (uplink_open(&s->uplink, 0, &err) < 0)
		fail_msg("%s", err.msg);
	if (fd >= 0)
		s->uplink.fds[s->uplink.n_fds++] = fd;
	assert_int_equal(vport_init(&s->wire, name), 0);
	s->queue = queue_new(&s->wire, 0);
	s->plan = calloc(1, sizeof(*s->plan) + sizeof(s->plan->ring[0]));
	assert_non_null(s->plan);
	s->plan->ring[0] = rxring_new(name, s->queue, &s->wire, NULL);
	s->plan->n_rings = 1;
	s->plan->map = rxmap_new(&vport, 1, NULL, 0, NULL, 0);
	assert_non_null(s->plan->map);
	assert_int_equal(frontend_start(&s->fe, &s->uplink, &s->wire, 1 + i, threaded ? NULL : processors[0]), 0);
	frontend_set_plan(&s->fe, s->plan);
}

static void
close_side(struct side *s)
{
	frontend_set_plan(&s->fe, NULL);
	frontend_stop(&s->fe);
	rxring_free(s->plan->ring[0], NULL);
	rxmap_free(s->plan->map);
	free(s->plan);
	queue_free(s->queue);
	vport_fini(&s->wire);
	uplink_detach(&s->uplink);
	uplink_close(&s->uplink);
	rte_mempool_free(s->uplink.pool);
}

static void
arrive(struct side *s)
{
	static const uint8_t frame[64] = { 2, [6] = 2 };
	struct rte_mbuf *m = test_mbuf(s->uplink.pool, frame, sizeof(frame));

	assert_int_equal(rte_eth_tx_burst((uint16_t)uplink_port(&s->uplink), 0, &m, 1), 1);
}

static int
open_processor(void **state)
{
	test_processors_open(1, 0);
	return 0;
}

static int
close_processor(void **state)
{
	test_processors_close();
	return 0;
}

/* With one processor every adapter's front end is inline on it. */
static void
all_front_ends_of_a_processor_are_polled(void **state)
{
	const struct lane *lane = &processors[0]->lane;

	for (unsigned i = 0; i < SIDES; i++) {
		open_side(&sides[i], i, false, -1);
		arrive(&sides[i]);
	}
	assert_int_equal(frontend_poll_inline(processors[0], lane), SIDES);
	for (unsigned i = 0; i < SIDES; i++)
		assert_int_equal(count_get(&sides[i].fe.packets), 1);
	assert_true(frontend_inline_is_blind(processors[0])); /* ring devices have no descriptor */
	for (unsigned i = 0; i < SIDES; i++)
		close_side(&sides[i]);
	assert_int_equal(frontend_poll_inline(processors[0], lane), 0);
	assert_false(frontend_inline_is_blind(processors[0]));
}

static void
a_front_end_that_stops_leaves_the_others(void **state)
{
	for (unsigned gone = 0; gone < SIDES; gone++) {
		for (unsigned i = 0; i < SIDES; i++)
			open_side(&sides[i], i, false, -1);
		close_side(&sides[gone]);
		for (unsigned i = 0; i < SIDES; i++)
			if (i != gone)
				arrive(&sides[i]);
		assert_int_equal(frontend_poll_inline(processors[0], &processors[0]->lane), SIDES - 1);
		for (unsigned i = 0; i < SIDES; i++)
			if (i != gone)
				close_side(&sides[i]);
	}
}

/* A socket with a pending error, as a packet socket has one whose interface went down: sent to a port where nobody listens. */
static int
broken_socket(void)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), closed = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(to);

	assert_int_equal(bind(closed, (struct sockaddr *)&to, sizeof(to)), 0);
	assert_int_equal(getsockname(closed, (struct sockaddr *)&to, &len), 0);
	close(closed);
	assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	assert_int_equal(send(fd, "", 1, 0), 1);
	return fd;
}

static void
a_socket_that_reports_an_error_lets_the_front_end_sleep(void **state)
{
	struct side *s = &sides[0];
	uint64_t before;

	open_side(s, 0, true, broken_socket());
	frontend_refresh(&s->fe);
	usleep(50000);
	before = count_get(&s->fe.wakeups);
	usleep(300000);
	assert_true(count_get(&s->fe.wakeups) - before <= 5); /* three times 100 ms */
	close(s->uplink.fds[0]);
	close_side(s);
}

static void
an_error_is_taken_from_the_sockets_of_inline_front_ends(void **state)
{
	struct side *s = &sides[0];
	int error = 0;
	socklen_t len = sizeof(error);

	open_side(s, 0, false, broken_socket());
	frontend_inline_take_errors(processors[0]);
	assert_int_equal(getsockopt(s->uplink.fds[0], SOL_SOCKET, SO_ERROR, &error, &len), 0);
	assert_int_equal(error, 0);
	close(s->uplink.fds[0]);
	close_side(s);
}

int
main(void)
{
#define PROCESSOR_TEST(name) cmocka_unit_test_setup_teardown(name, open_processor, close_processor)
	const struct CMUnitTest tests[] = {
		PROCESSOR_TEST(all_front_ends_of_a_processor_are_polled),
		PROCESSOR_TEST(a_front_end_that_stops_leaves_the_others),
		PROCESSOR_TEST(a_socket_that_reports_an_error_lets_the_front_end_sleep),
		PROCESSOR_TEST(an_error_is_taken_from_the_sockets_of_inline_front_ends),
	};

	return cmocka_run_group_tests(tests, test_eal_start, NULL);
}
