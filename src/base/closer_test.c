/* closer_test.c - descriptors that take an hour to close, what lies unread in connections, and memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/closer.h"

#define HOUR_S 3600
#define AT_ONCE_MS 500 /* on a busy machine; an hour is more */
#define PATIENCE_MS 5000

static uint64_t
now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static unsigned
open_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned n = 0;

	assert_non_null(dir);
	while (readdir(dir) != NULL)
		n++;
	closedir(dir);
	return n;
}

/* Waits until there are as many descriptors. */
static void
expect_fds(unsigned want)
{
	for (unsigned ms = 0; ms < PATIENCE_MS && open_fds() != want; ms++)
		usleep(1000);
	assert_int_equal(open_fds(), want);
}

/* A TCP socket whose last close waits for an hour, until the other end, *reader, is closed. */
static int
lingering(int *reader)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct linger hour = { 1, HOUR_S };
	static char bytes[1 << 16];
	socklen_t len = sizeof(at);
	int listener = socket(AF_INET, SOCK_STREAM, 0), fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(bind(listener, (struct sockaddr *)&at, len), 0);
	assert_int_equal(listen(listener, 1), 0);
	getsockname(listener, (struct sockaddr *)&at, &len);
	assert_int_equal(connect(fd, (struct sockaddr *)&at, len), 0);
	*reader = accept(listener, NULL, NULL);
	close(listener);
	while (send(fd, bytes, sizeof(bytes), MSG_DONTWAIT) > 0)
		;
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &hour, sizeof(hour));
	return fd;
}

static void
send_fd(int socket, int fd)
{
	union {
		char room[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = { 0 };
	struct iovec byte = { "x", 1 };
	struct msghdr msg = {
		.msg_iov = &byte, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)
	};
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	assert_int_equal(sendmsg(socket, &msg, MSG_NOSIGNAL), 1);
}

static struct closer *
closer(void)
{
	struct closer *c = closer_new();

	assert_non_null(c);
	return c;
}

static void
what_takes_an_hour_holds_up_nobody(void **state)
{
	unsigned before = open_fds();
	struct closer *slow[3], *other = closer();
	uint64_t began = now_ms();
	int reader[3], fd;

	for (unsigned i = 0; i < 3; i++) {
		slow[i] = closer();
		closer_close(slow[i], lingering(&reader[i]));
		closer_close(slow[i], dup(STDIN_FILENO)); /* waits behind it */
	}
	/* Somebody else's goes meanwhile. */
	fd = open("/dev/null", O_RDONLY);
	closer_close(other, fd);
	for (unsigned ms = 0; ms < PATIENCE_MS && fcntl(fd, F_GETFD) >= 0; ms++)
		usleep(1000);
	assert_int_equal(fcntl(fd, F_GETFD), -1);
	assert_true(now_ms() - began < 2 * PATIENCE_MS);
	assert_true(open_fds() >=
		    before + 3 + 3); /* readers, and what waits; a number is free before its close waits */
	closer_free(slow[0]);        /* in the middle of it */
	for (unsigned i = 0; i < 3; i++)
		close(reader[i]);
	expect_fds(before);
	closer_free(slow[1]);
	closer_free(slow[2]);
	closer_free(other);
}

static void
what_front_ends_send_is_closed_at_once(void **state)
{
	struct closer *c = closer();
	int memory = memfd_create("guest", 0), fds[] = { eventfd(0, 0), memory };

	assert_int_equal(ftruncate(memory, (off_t)1 << 40), 0); /* holes are no memory */
	for (unsigned i = 0; i < 2; i++) {
		assert_true(fds[i] >= 0);
		closer_close(c, fds[i]);
		assert_int_equal(fcntl(fds[i], F_GETFD), -1);
		assert_int_equal(errno, EBADF);
	}
	closer_close(c, -1);
	closer_free(c);
	closer_free(NULL);
}

static void
a_peer_that_has_too_many_wait_is_full(void **state)
{
	unsigned before = open_fds();
	struct closer *c = closer();
	int reader;

	closer_close(c, lingering(&reader));
	for (unsigned i = 1; i < CLOSER_WAITING_MAX; i++) {
		assert_false(closer_is_full(c));
		closer_close(c, dup(STDIN_FILENO));
	}
	assert_true(closer_is_full(c));
	close(reader);
	expect_fds(before);
	assert_false(closer_is_full(c));
	closer_free(c);
}

static void
descriptors_that_come_with_bytes_are_closed(void **state)
{
	unsigned before = open_fds();
	struct closer *c = closer();
	int pair[2], reader, fd = lingering(&reader);
	bool with_fds;
	char byte;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	assert_int_equal(send(pair[0], "y", 1, 0), 1);
	send_fd(pair[0], fd);
	close(fd);
	assert_int_equal(closer_recv(c, pair[1], &byte, 1, &with_fds), 1);
	assert_true(byte == 'y' && !with_fds);
	assert_int_equal(closer_recv(c, pair[1], &byte, 1, &with_fds), 1);
	assert_true(byte == 'x' && with_fds);
	assert_int_equal(closer_recv(c, pair[1], &byte, 1, &with_fds), -1);
	assert_int_equal(errno, EAGAIN);
	close(reader);
	close(pair[0]);
	close(pair[1]);
	expect_fds(before);
	closer_free(c);
}

/* A hostile peer's end, and ours, of a connection in which so many descriptors lie unread. */
static void
a_connection_ends_with_all_that_lies_unread_in_it(void **state)
{
	static const int types[] = { SOCK_STREAM, SOCK_SEQPACKET };

	for (unsigned i = 0; i < 2; i++) {
		unsigned before = open_fds();
		struct closer *c = closer();
		uint64_t began = now_ms();
		int pair[2], reader, fd = lingering(&reader);
		char byte;

		assert_int_equal(socketpair(AF_UNIX, types[i], 0, pair), 0);
		if (types[i] == SOCK_SEQPACKET)
			assert_int_equal(send(pair[0], "", 0, 0), 0);
		send_fd(pair[0], fd);
		close(fd);
		closer_hang_up(c, pair[1]);
		assert_true(now_ms() - began < AT_ONCE_MS);
		assert_true(recv(pair[0], &byte, 1, 0) <= 0); /* the peer has noticed */
		assert_int_equal(send(pair[0], "x", 1, MSG_NOSIGNAL), -1);
		close(reader);
		close(pair[0]);
		expect_fds(before);
		closer_free(c);
	}
}

static void
a_listener_ends_with_those_that_wait(void **state)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	unsigned before = open_fds();
	struct closer *c = closer();
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0), peer[4], reader[4];
	uint64_t began;

	snprintf(at.sun_path + 1, sizeof(at.sun_path) - 1, "fl-closer-%d", getpid());
	assert_int_equal(bind(listener, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(listener, 4), 0);
	for (unsigned i = 0; i < 4; i++) {
		int fd = lingering(&reader[i]);

		peer[i] = socket(AF_UNIX, SOCK_STREAM, 0);
		assert_int_equal(connect(peer[i], (struct sockaddr *)&at, sizeof(at)), 0);
		send_fd(peer[i], fd);
		close(fd);
	}
	began = now_ms();
	closer_unlisten(c, listener);
	assert_true(now_ms() - began < AT_ONCE_MS);
	for (unsigned i = 0; i < 4; i++) {
		assert_int_equal(send(peer[i], "x", 1, MSG_NOSIGNAL), -1);
		close(reader[i]);
		close(peer[i]);
	}
	expect_fds(before);
	closer_free(c);
}

static void
memory_is_unmapped_and_its_file_closed(void **state)
{
	static const size_t lens[] = { 4096, (size_t)256 << 20 };

	for (unsigned i = 0; i < 2; i++) {
		unsigned before = open_fds();
		struct closer *c = closer();
		int fd = memfd_create("guest", 0);
		unsigned char there;
		void *base;

		assert_int_equal(ftruncate(fd, (off_t)lens[i]), 0);
		base = mmap(NULL, lens[i], PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		assert_true(base != MAP_FAILED);
		closer_unmap(c, base, lens[i], fd);
		expect_fds(before);
		assert_int_equal(mincore(base, 1, &there), -1);
		assert_int_equal(errno, ENOMEM);
		closer_free(c);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_takes_an_hour_holds_up_nobody),
		cmocka_unit_test(what_front_ends_send_is_closed_at_once),
		cmocka_unit_test(a_peer_that_has_too_many_wait_is_full),
		cmocka_unit_test(descriptors_that_come_with_bytes_are_closed),
		cmocka_unit_test(a_connection_ends_with_all_that_lies_unread_in_it),
		cmocka_unit_test(a_listener_ends_with_those_that_wait),
		cmocka_unit_test(memory_is_unmapped_and_its_file_closed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
