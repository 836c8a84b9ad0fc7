/* outbox.c - see outbox.h. */
#include "guest/outbox.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

void
outbox_init(struct outbox *o)
{
	o->len = o->sent = 0;
	o->fd = -1;
}

void
outbox_clear(struct outbox *o)
{
	if (o->fd >= 0)
		close(o->fd);
	outbox_init(o);
}

/* Returns bytes that the socket took, 0 when it takes none now, or -errno. */
static ssize_t
transmit(int sock, const void *bytes, size_t len, int fd)
{
	union {
		char room[CMSG_SPACE(sizeof(int))];
		struct cmsghdr head;
	} control = { .head = { CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS } };
	struct iovec from = { (void *)(uintptr_t)bytes, len };
	struct msghdr msg = { .msg_iov = &from, .msg_iovlen = 1 };
	ssize_t n;

	if (fd >= 0) {
		memcpy(CMSG_DATA(&control.head), &fd, sizeof(fd));
		msg.msg_control = &control;
		msg.msg_controllen = sizeof(control);
	}
	n = sendmsg(sock, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	return n;
}

int
outbox_send(struct outbox *o, int sock, const void *bytes, size_t len, int fd)
{
	ssize_t n;

	if (o->len > 0 || len > OUTBOX_MAX)
		return -ENOBUFS;
	n = transmit(sock, bytes, len, fd);
	if (n < 0 || (size_t)n == len)
		return n < 0 ? (int)n : 0;
	if (n == 0 && fd >= 0) {
		o->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
		if (o->fd < 0)
			return -errno;
	}
	o->len = len - (size_t)n;
	memcpy(o->bytes, (const uint8_t *)bytes + n, o->len);
	return 0;
}

int
outbox_flush(struct outbox *o, int sock)
{
	ssize_t n = transmit(sock, o->bytes + o->sent, o->len - o->sent, o->fd);

	if (n < 0)
		return (int)n;
	if (n == 0)
		return 0;
	if (o->fd >= 0)
		close(o->fd);
	o->fd = -1;
	o->sent += (size_t)n;
	if (o->sent == o->len)
		outbox_init(o);
	return 0;
}
