/* outbox_test.c - answers to a peer that reads, reads late, or not at all. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/test_held.h"
#include "guest/outbox.h"

static struct outbox box;
static int ends[2];
static uint8_t answer[OUTBOX_MAX + 1];

static int
open_box(void **state)
{
	int least = 1; /* the kernel takes its own minimum, 4608 bytes with its overhead */

	outbox_init(&box);
	for (unsigned i = 0; i < sizeof(answer); i++)
		answer[i] = (uint8_t)(i * 3);
	return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0 ||
	       setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &least, sizeof(least)) < 0;
}

static int
close_box(void **state)
{
	outbox_clear(&box);
	close(ends[0]);
	if (ends[1] >= 0)
		close(ends[1]);
	return 0;
}

/* What came with the first bytes; *fd: -1 when none did. */
static ssize_t
receive(void *bytes, size_t len, int *fd)
{
	union {
		char room[CMSG_SPACE(sizeof(int))];
		struct cmsghdr head;
	} control = { 0 };
	struct iovec into = { bytes, len };
	struct msghdr msg = {
		.msg_iov = &into, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)
	};
	ssize_t n = recvmsg(ends[1], &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

	*fd = -1;
	if (n > 0 && CMSG_FIRSTHDR(&msg) != NULL)
		memcpy(fd, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(*fd));
	return n;
}

/* The peer does not read, until something waits. */
static void
fill(void)
{
	for (unsigned i = 0; i < 100 && !outbox_waits(&box); i++)
		assert_int_equal(outbox_send(&box, ends[0], answer, 64, -1), 0);
	assert_true(outbox_waits(&box));
}

static void
empty(void)
{
	uint8_t bytes[256];
	int fd;

	while (receive(bytes, sizeof(bytes), &fd) > 0)
		;
}

static void
an_answer_is_sent_at_once(void **state)
{
	uint8_t got[OUTBOX_MAX];
	int fd, pipes[2];

	assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
	assert_int_equal(outbox_send(&box, ends[0], answer, 100, pipes[0]), 0);
	assert_false(outbox_waits(&box));
	assert_int_equal(receive(got, sizeof(got), &fd), 100);
	assert_memory_equal(got, answer, 100);
	assert_true(fd >= 0 && fd != pipes[0]);
	close(fd);
	close(pipes[0]);
	close(pipes[1]);
}

static void
what_waits_arrives_in_order_and_whole(void **state)
{
	uint8_t got[OUTBOX_MAX] = { 0 };
	size_t have = 0;
	int fd;

	fill();
	assert_int_equal(outbox_send(&box, ends[0], answer, 1, -1), -ENOBUFS);
	assert_int_equal(outbox_flush(&box, ends[0]), 0); /* nothing is read yet */
	assert_true(outbox_waits(&box));
	empty();
	assert_int_equal(outbox_flush(&box, ends[0]), 0);
	assert_false(outbox_waits(&box));
	assert_int_equal(receive(got, sizeof(got), &fd), 64);
	assert_memory_equal(got, answer, 64);

	/* The longest one, in as many pieces as it takes. */
	assert_int_equal(outbox_send(&box, ends[0], answer, OUTBOX_MAX, -1), 0);
	while (have < OUTBOX_MAX) {
		ssize_t n = receive(got + have, 100, &fd);

		if (n > 0)
			have += (size_t)n;
		else
			assert_int_equal(outbox_flush(&box, ends[0]), 0);
	}
	assert_memory_equal(got, answer, OUTBOX_MAX);
	assert_false(outbox_waits(&box));
}

static void
a_descriptor_waits_with_its_answer(void **state)
{
	uint8_t got[OUTBOX_MAX];
	int fd, pipes[2], came = -1;
	unsigned before;

	assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
	before = test_open_fds();
	fill();
	outbox_clear(&box); /* the socket is full, the box is empty */
	assert_int_equal(outbox_send(&box, ends[0], answer, 64, pipes[0]), 0);
	assert_true(outbox_waits(&box));
	close(pipes[0]); /* whoever sent it need not keep it */
	empty();
	assert_int_equal(outbox_flush(&box, ends[0]), 0);
	assert_int_equal(receive(got, sizeof(got), &came), 64);
	assert_true(came >= 0);
	assert_int_equal(write(pipes[1], "x", 1), 1);
	assert_int_equal(read(came, got, 1), 1);
	assert_int_equal(receive(got, sizeof(got), &fd), -1);
	close(came);
	close(pipes[1]);
	assert_int_equal(test_open_fds(), before - 2);
}

static void
what_is_forgotten_leaves_no_descriptor(void **state)
{
	unsigned before = test_open_fds();

	fill();
	outbox_clear(&box);
	assert_int_equal(outbox_send(&box, ends[0], answer, 64, ends[1]), 0);
	assert_int_equal(test_open_fds(), before + 1);
	outbox_clear(&box);
	assert_false(outbox_waits(&box));
	assert_int_equal(test_open_fds(), before);
}

static void
a_peer_that_is_gone_is_an_error(void **state)
{
	assert_int_equal(outbox_send(&box, ends[0], answer, OUTBOX_MAX + 1, -1), -ENOBUFS);
	fill();
	close(ends[1]);
	ends[1] = -1;
	assert_true(outbox_flush(&box, ends[0]) < 0);
	outbox_clear(&box);
	assert_int_equal(outbox_send(&box, ends[0], answer, 1, -1), -EPIPE);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_box, close_box)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_answer_is_sent_at_once),          TEST(what_waits_arrives_in_order_and_whole),
		TEST(a_descriptor_waits_with_its_answer), TEST(what_is_forgotten_leaves_no_descriptor),
		TEST(a_peer_that_is_gone_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
