/* wire.c - messages of vfio-user on the socket; see vfuser.h. */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "bench/vfuser/vfuser.h"

#define PATIENCE_MS 1 /* between two calls of idle */

static int64_t
now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int
wait_for(struct vfuser *v, short events, int64_t end_ms)
{
	struct pollfd p = { .fd = v->sock, .events = events };

	for (;;) {
		int64_t left = end_ms - now_ms();
		int n;

		if (v->idle != NULL)
			v->idle(v->idle_arg);
		n = poll(&p, 1, v->idle != NULL ? PATIENCE_MS : (int)(left > 0 ? left : 0));
		if (n > 0)
			return 0;
		if (n < 0 && errno != EINTR)
			return -errno;
		if (left <= 0)
			return -ETIMEDOUT;
	}
}

static int
send_some(struct vfuser *v, const struct msghdr *h, int64_t end_ms)
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
vfuser_send_bytes(struct vfuser *v, const void *bytes, size_t len)
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
vfuser_send(struct vfuser *v, const struct vfuser_msg *m, const int *fds, unsigned n_fds)
{
	union {
		struct cmsghdr align;
		uint8_t bytes[CMSG_SPACE(VFUSER_FDS_MAX * sizeof(int))];
	} control = { 0 };
	struct iovec from = { (void *)(uintptr_t)m, m->size };
	struct msghdr h = { .msg_iov = &from, .msg_iovlen = 1 };
	int n;

	if (n_fds > VFUSER_FDS_MAX || m->size > sizeof(*m))
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
	return vfuser_send_bytes(v, (const uint8_t *)m + n, m->size - (size_t)n);
}

/* Keeps the first one in *kept, if that is -1, and closes the rest. */
static void
take_fds(struct msghdr *h, int *kept)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(h); c != NULL; c = CMSG_NXTHDR(h, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t at = 0; at + sizeof(int) <= c->cmsg_len - CMSG_LEN(0); at += sizeof(int)) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + at, sizeof(fd));
			if (*kept < 0)
				*kept = fd;
			else
				close(fd);
		}
	}
}

static int
receive_bytes(struct vfuser *v, void *out, size_t len, int64_t end_ms, int *fd)
{
	union {
		struct cmsghdr align;
		uint8_t bytes[CMSG_SPACE(VFUSER_FDS_MAX * sizeof(int))];
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
		take_fds(&h, fd);
		out = (uint8_t *)out + n;
		len -= (size_t)n;
	}
	return 0;
}

int
vfuser_receive(struct vfuser *v, struct vfuser_msg *m, int *fd)
{
	int64_t end_ms = now_ms() + v->timeout_ms;
	int kept = -1, err = receive_bytes(v, m, VFUSER_HEADER_LEN, end_ms, &kept);

	if (err == 0 && (m->size < VFUSER_HEADER_LEN || m->size > sizeof(*m)))
		err = -EPROTO;
	if (err == 0)
		err = receive_bytes(v, m->raw, m->size - VFUSER_HEADER_LEN, end_ms, &kept);
	if ((err < 0 || fd == NULL) && kept >= 0) {
		close(kept);
		kept = -1;
	}
	if (fd != NULL)
		*fd = kept;
	return err;
}

int
vfuser_ask(struct vfuser *v, struct vfuser_msg *m, unsigned len, const int *fds, unsigned n_fds, unsigned least,
	   int *fd)
{
	uint16_t command = m->command;
	int err;

	m->id = ++v->id;
	m->size = VFUSER_HEADER_LEN + len;
	m->flags = m->error = 0;
	err = vfuser_send(v, m, fds, n_fds);
	if (err == 0)
		err = vfuser_receive(v, m, fd);
	if (err < 0)
		return err;
	if (m->id != v->id || m->command != command || (m->flags & VFUSER_TYPE) != VFUSER_REPLY)
		return -EPROTO;
	if (m->flags & VFUSER_ERROR) {
		v->error = m->error;
		return m->error != 0 && m->size == VFUSER_HEADER_LEN ? -EREMOTEIO : -EPROTO;
	}
	return m->error == 0 && m->size >= VFUSER_HEADER_LEN + least ? 0 : -EPROTO;
}
