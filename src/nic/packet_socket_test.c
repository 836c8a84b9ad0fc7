/* Tests of packet_socket.c on Unix sockets, which run filters too. What needs tags and interfaces: tests/test_frames.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "nic/packet_socket.h"

#define SOL_PACKET_LEVEL 263 /* linux/socket.h */

static char bytes[PACKET_SOCKET_LONGEST + 1];

static void
pair(int fds[2])
{
	assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM, 0, fds), 0);
}

static void
close_pair(const int fds[2])
{
	close(fds[0]);
	close(fds[1]);
}

/* A Unix socket's sender is not told that a filter took its datagram. */
static bool
is_taken(const int fds[2], size_t len)
{
	assert_int_equal(send(fds[0], bytes, len, 0), len);
	return recv(fds[1], bytes, sizeof(bytes), MSG_DONTWAIT) == (ssize_t)len;
}

static void
a_new_packet_socket_takes_nothing(void **state)
{
	int fds[2], version = TPACKET_V2;

	pair(fds);
	/* A Unix socket has no such option, but by then it has its filter. */
	assert_int_equal(setsockopt(fds[1], SOL_PACKET_LEVEL, PACKET_VERSION, &version, sizeof(version)), -1);
	assert_false(is_taken(fds, 14));
	close_pair(fds);
}

static void
instead_of_a_fan_out_it_takes_frames_that_fit(void **state)
{
	int fds[2], group = 1;

	pair(fds);
	assert_int_equal(setsockopt(fds[1], SOL_PACKET_LEVEL, PACKET_FANOUT, &group, sizeof(group)), 0);
	assert_true(is_taken(fds, 14));
	assert_true(is_taken(fds, PACKET_SOCKET_LONGEST));
	assert_false(is_taken(fds, PACKET_SOCKET_LONGEST + 1));
	close_pair(fds);
}

static void
other_options_are_the_kernels(void **state)
{
	int fds[2], size = 100000, found = 0;
	socklen_t len = sizeof(found);

	pair(fds);
	assert_int_equal(setsockopt(fds[1], SOL_SOCKET, SO_RCVBUF, &size, sizeof(size)), 0);
	assert_int_equal(getsockopt(fds[1], SOL_SOCKET, SO_RCVBUF, &found, &len), 0);
	assert_int_equal(found, 2 * size); /* socket(7): the kernel doubles it */
	assert_true(is_taken(fds, 14));
	close_pair(fds);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_new_packet_socket_takes_nothing),
		cmocka_unit_test(instead_of_a_fan_out_it_takes_frames_that_fit),
		cmocka_unit_test(other_options_are_the_kernels),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
