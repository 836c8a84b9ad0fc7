/* wire.c - messages of vhost-user on the socket; see vuser.h. */
#include "bench/vuser/vuser.h"

#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PATIENCE_MS 1 /* between two calls of idle */

static int64_t
now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int
wait_for(struct vuser *v, short events, int64_t end_ms)
{
	struct pollfd p = { .fd = v->sock, .events = events };

	for (;;) {
		int64_t left = end_ms - now_ms();
		int n = poll(&p, 1, v->idle != NULL ? PATIENCE_MS : (int)(left > 0 ? left : 0));

		if (n > 0)
			return 0;
		if (n < 0 && errno != EINTR)
			return -errno;
		if (left <= 0)
			return -ETIMEDOUT;
		if (v->idle != NULL)
			v->idle(v->idle_arg);
	}
}

static int
send_some(struct vuser *v, const struct msghdr *h, int64_t end_ms)
{
	for (;;) {
		ssize_t n = sendmsg(v->sock, h, MSG_NOSIGNAL | MSG_DONTWAIT);
		int err;

		if (n >= 0)
			return (int)n;
		if (errno != EAGAIN && errno != EINTR)
			return errno == EPIPE ? -ECONNRESET : -errno;
		err = wait_for(v, POLLOUT, end_ms);
		if (err < 0)
			return err;
	}
}

int
vuser_send_bytes(struct vuser *v, const void *bytes, size_t len)
{
	int64_t end_ms = now_ms() + v->timeout_ms;

	while (len > 0) {
		struct iovec from = { (void *)(uintptr_t)bytes, len };
		struct msghdr h = { .msg_iov = &from, .msg_iovlen = 1 };
		int n = send_some(v, &h, end_ms);

		if (n < 0)
			return n;
		bytes = (const uint8_t *)bytes + n;
		len -= (size_t)n;
	}
	return 0;
}

int
vuser_send(struct vuser *v, const struct vuser_msg *m, const int *fds, unsigned n_fds)
{
	union {
		struct cmsghdr align;
		uint8_t bytes[CMSG_SPACE(VUSER_FDS_MAX * sizeof(int))];
	} control = { 0 };
	size_t len = VUSER_HEADER_LEN + m->size;
	struct iovec from = { (void *)(uintptr_t)m, len };
	struct msghdr h = { .msg_iov = &from, .msg_iovlen = 1 };
	int n;

	if (n_fds > VUSER_FDS_MAX || m->size > sizeof(m->raw))
		return -EINVAL;
	if (n_fds > 0) {
		h.msg_control = &control;
		h.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
		*CMSG_FIRSTHDR(&h) = (struct cmsghdr){ CMSG_LEN(n_fds * sizeof(int)), SOL_SOCKET, SCM_RIGHTS };
		memcpy(CMSG_DATA(CMSG_FIRSTHDR(&h)), fds, n_fds * sizeof(int));
	}
	n = send_some(v, &h, now_ms() + v->timeout_ms);
	if (n < 0)
		return n;
	return vuser_send_bytes(v, (const uint8_t *)m + n, len - (size_t)n);
}

static void
close_fds(struct msghdr *h)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(h); c != NULL; c = CMSG_NXTHDR(h, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t at = 0; at + sizeof(int) <= c->cmsg_len - CMSG_LEN(0); at += sizeof(int)) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + at, sizeof(fd));
			close(fd);
		}
	}
}

static int
receive_bytes(struct vuser *v, uint8_t *out, size_t len, int64_t end_ms)
{
	union {
		struct cmsghdr align;
		uint8_t bytes[CMSG_SPACE(VUSER_FDS_MAX * sizeof(int))];
	} control;

	while (len > 0) {
		struct iovec into = { out, len };
		struct msghdr h = {
			.msg_iov = &into, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)
		};
		int err = wait_for(v, POLLIN, end_ms);
		ssize_t n;

		if (err < 0)
			return err;
		n = recvmsg(v->sock, &h, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
		if (n == 0)
			return -ECONNRESET;
		if (n < 0) {
			if (errno != EAGAIN && errno != EINTR)
				return -errno;
			continue;
		}
		close_fds(&h);
		out += n;
		len -= (size_t)n;
	}
	return 0;
}

int
vuser_receive(struct vuser *v, struct vuser_msg *m)
{
	int64_t end_ms = now_ms() + v->timeout_ms;
	int err = receive_bytes(v, (uint8_t *)m, VUSER_HEADER_LEN, end_ms);

	if (err < 0)
		return err;
	if (m->size > sizeof(m->raw))
		return -EPROTO;
	return receive_bytes(v, m->raw, m->size, end_ms);
}

/* The answer to `request`, of at least `least` bytes, into m. */
static int
receive_answer(struct vuser *v, struct vuser_msg *m, uint32_t request, unsigned least)
{
	int err = vuser_receive(v, m);

	if (err < 0)
		return err;
	return m->request == request && (m->flags & VUSER_REPLY) != 0 && m->size >= least ? 0 : -EPROTO;
}

int
vuser_tell(struct vuser *v, struct vuser_msg *m, const int *fds, unsigned n_fds)
{
	bool acknowledged = vuser_has_protocol(v, VUSER_PROTOCOL_REPLY_ACK);
	int err;

	m->flags = VUSER_VERSION | (acknowledged ? VUSER_NEED_REPLY : 0);
	err = vuser_send(v, m, fds, n_fds);
	if (err < 0 || !acknowledged)
		return err;
	err = receive_answer(v, m, m->request, sizeof(m->u64));
	if (err < 0)
		return err;
	return m->u64 == 0 ? 0 : -EREMOTEIO;
}

int
vuser_ask(struct vuser *v, struct vuser_msg *m, unsigned least)
{
	uint32_t request = m->request;
	int err;

	m->flags = VUSER_VERSION;
	err = vuser_send(v, m, NULL, 0);
	return err < 0 ? err : receive_answer(v, m, request, least);
}
