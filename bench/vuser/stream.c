/* stream.c - bytes and descriptors over a Unix stream socket; see stream.h. */
#include "bench/vuser/stream.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PATIENCE_MS 1 /* between two calls of idle */

union control {
	struct cmsghdr align;
	uint8_t bytes[CMSG_SPACE(STREAM_FDS_MAX * sizeof(int))];
};

static int64_t
now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int64_t
stream_deadline(const struct stream *s)
{
	return now_ms() + s->timeout_ms;
}

static int
wait_for(const struct stream *s, short events, int64_t end_ms)
{
	struct pollfd p = { .fd = s->sock, .events = events };

	for (;;) {
		int64_t left = end_ms - now_ms();
		int n;

		if (s->idle != NULL)
			s->idle(s->idle_arg);
		n = poll(&p, 1, s->idle != NULL ? PATIENCE_MS : (int)(left > 0 ? left : 0));
		if (n > 0)
			return 0;
		if (n < 0 && errno != EINTR)
			return -errno;
		if (left <= 0)
			return -ETIMEDOUT;
	}
}

/* Returns bytes, 1 or more. */
static int
send_some(const struct stream *s, const struct msghdr *h, int64_t end_ms)
{
	for (;;) {
		ssize_t n = sendmsg(s->sock, h, MSG_NOSIGNAL | MSG_DONTWAIT);
		int err;

		if (n >= 0)
			return (int)n;
		if (errno != EAGAIN && errno != EINTR)
			return errno == EPIPE ? -ECONNRESET : -errno;
		err = wait_for(s, POLLOUT, end_ms);
		if (err < 0)
			return err;
	}
}

int
stream_send(const struct stream *s, const void *bytes, size_t len, const int *fds, unsigned n_fds)
{
	int64_t end_ms = stream_deadline(s);
	union control control;

	if (n_fds > STREAM_FDS_MAX)
		return -EINVAL;
	for (; len > 0; n_fds = 0) {
		struct iovec from = { (void *)(uintptr_t)bytes, len };
		struct msghdr h = { .msg_iov = &from, .msg_iovlen = 1 };
		int n;

		if (n_fds > 0) {
			h.msg_control = &control;
			h.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
			memset(&control, 0, h.msg_controllen);
			control.align = (struct cmsghdr){ CMSG_LEN(n_fds * sizeof(int)), SOL_SOCKET, SCM_RIGHTS };
			memcpy(CMSG_DATA(&control.align), fds, n_fds * sizeof(int));
		}
		n = send_some(s, &h, end_ms);
		if (n < 0)
			return n;
		bytes = (const uint8_t *)bytes + n;
		len -= (size_t)n;
	}
	return 0;
}

static void
take_fds(struct msghdr *h, int *kept)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(h); c != NULL; c = CMSG_NXTHDR(h, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t at = 0; at + sizeof(int) <= c->cmsg_len - CMSG_LEN(0); at += sizeof(int)) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + at, sizeof(fd));
			if (kept != NULL && *kept < 0)
				*kept = fd;
			else
				close(fd);
		}
	}
}

int
stream_receive(const struct stream *s, void *out, size_t len, int64_t end_ms, int *kept)
{
	union control control;

	while (len > 0) {
		struct iovec into = { out, len };
		struct msghdr h = {
			.msg_iov = &into, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)
		};
		int err = wait_for(s, POLLIN, end_ms);
		ssize_t n;

		if (err < 0)
			return err;
		n = recvmsg(s->sock, &h, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
		if (n == 0)
			return -ECONNRESET;
		if (n < 0) {
			if (errno != EAGAIN && errno != EINTR)
				return -errno;
			continue;
		}
		take_fds(&h, kept);
		out = (uint8_t *)out + n;
		len -= (size_t)n;
	}
	return 0;
}
