/* proto.c - both ends' framing, and the check that stands before every operation; see proto.h. */
#include "keep/proto.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define NAME_CHARS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-"

static bool
name_is_good(const char *s, size_t size)
{
	size_t n = strnlen(s, size);

	return n > 0 && n < size && strspn(s, NAME_CHARS) == n && strcmp(s, ".") != 0 && strcmp(s, "..") != 0;
}

static bool
prefix_is_good(const struct prefix *p)
{
	return (p->family == AF_INET && p->bits <= 32) || (p->family == AF_INET6 && p->bits <= 128);
}

static bool
tap_is_good(const struct keep_tap *t)
{
	if (mac_is_group(&t->mac) || t->txqueuelen > KEEP_TXQUEUELEN_MAX || t->n_addresses > KEEP_ADDRESSES_MAX)
		return false;
	for (unsigned i = 0; i < t->n_addresses; i++)
		if (!prefix_is_good(&t->address[i]))
			return false;
	return t->mtu == 0 || (t->mtu >= 68 && t->mtu <= 65521); /* RFC 791 and the TUN driver's MAX_MTU */
}

int
keep_request_check(const struct keep_request *q, size_t len, unsigned n_fds)
{
	const struct keep_tap *t = &q->tap;

	if (len != sizeof(*q) || q->size != sizeof(*q) || q->version != KEEP_VERSION || q->op >= KEEP_OPS ||
	    n_fds != (q->op == KEEP_SAVE_CONFIG ? 1 : 0))
		return -EPROTO;
	if ((q->op <= KEEP_TAP_SET && !tap_is_good(t)) ||
	    (q->op <= KEEP_LINK_SHOW && t->netns[0] && !name_is_good(t->netns, sizeof(t->netns))) ||
	    (q->op <= KEEP_TAKE_OVER && !name_is_good(t->interface, sizeof(t->interface))) ||
	    (q->op == KEEP_TAP_OPEN && (t->queues < 1 || t->queues > KEEP_TAP_QUEUES_MAX)) ||
	    (q->op == KEEP_LINK_SHOW && q->caller.family && !prefix_is_good(&q->caller)) ||
	    (q->op == KEEP_TAKE_OVER && !name_is_good(q->to, sizeof(q->to))) ||
	    (q->op >= KEEP_LISTEN && q->op <= KEEP_CONNECT && !name_is_good(q->name, sizeof(q->name))) ||
	    (q->op == KEEP_LISTEN && q->mode > 0777))
		return -EPROTO;
	return 0;
}

union control {
	struct cmsghdr header;
	char bytes[CMSG_SPACE(sizeof(int) * KEEP_FDS_MAX)];
};

int
keep_send(int sock, const void *msg, size_t len, const int *fds, unsigned n_fds)
{
	union control control = { 0 };
	struct iovec iov = { (void *)(uintptr_t)msg, len };
	struct msghdr h = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (n_fds > 0) {
		h.msg_control = &control;
		h.msg_controllen = CMSG_SPACE(sizeof(int) * n_fds);
		control.header = (struct cmsghdr){ CMSG_LEN(sizeof(int) * n_fds), SOL_SOCKET, SCM_RIGHTS };
		memcpy(CMSG_DATA(&control.header), fds, sizeof(int) * n_fds);
	}
	return sendmsg(sock, &h, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 ? -errno : 0;
}

ssize_t
keep_recv(int sock, void *msg, size_t len, int *fds, unsigned *n_fds)
{
	union control control;
	struct iovec iov = { msg, len };
	struct msghdr h = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)
	};
	struct cmsghdr *c;
	ssize_t n;

	*n_fds = 0;
	do
		n = recvmsg(sock, &h, MSG_CMSG_CLOEXEC | MSG_TRUNC);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	c = CMSG_FIRSTHDR(&h); /* the only one: the kernel merges all of a message's descriptors into it */
	if (c != NULL && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS) {
		memcpy(fds, CMSG_DATA(c), c->cmsg_len - CMSG_LEN(0));
		*n_fds = (unsigned)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
	}
	return n;
}

void
keep_close_all(int *fds, unsigned *n_fds)
{
	while (*n_fds > 0)
		close(fds[--*n_fds]);
}
