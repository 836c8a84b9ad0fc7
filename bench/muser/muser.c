/* muser.c - see muser.h. */
#include "bench/muser/muser.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define ANSWER_MS 5000 /* a server may be busy with other things. Our choice */

/* ---- memory ---- */

static uint64_t
ring_len(const struct muser *m)
{
	return sizeof(struct muser_ring) + m->size * sizeof(struct muser_desc);
}

static uint64_t
buffers_at(const struct muser *m)
{
	return ((1 + m->n_rx) * ring_len(m) + 4095) & ~4095ull;
}

static void
lay_out(struct muser *m, unsigned i, struct muser_end *end)
{
	uint64_t first = buffers_at(m) + (uint64_t)i * m->size * m->room;

	end->ring = (struct muser_ring *)(m->base + i * ring_len(m));
	end->buffers = m->base + first;
	end->mask = (uint16_t)(m->size - 1);
	end->next = 0;
	end->ring->cookie = MUSER_COOKIE;
	end->ring->flags = 0;
	for (uint32_t slot = 0; slot < m->size; slot++)
		end->ring->desc[slot] =
			(struct muser_desc){ .length = m->room, .offset = (uint32_t)(first + slot * m->room) };
}

void
muser_init(struct muser *m)
{
	*m = (struct muser){ .sock = -1, .fd = -1, .tx.event_fd = -1, .idle = m->idle };
	for (unsigned i = 0; i < MUSER_RX_MAX; i++)
		m->rx[i].event_fd = -1;
}

static int
open_events(struct muser *m)
{
	for (unsigned i = 0; i <= m->n_rx; i++) {
		int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);

		if (fd < 0)
			return -errno;
		*(i == 0 ? &m->tx.event_fd : &m->rx[i - 1].event_fd) = fd;
	}
	return 0;
}

int
muser_prepare(struct muser *m, const struct muser_shape *shape)
{
	int err;

	muser_init(m); /* but who is called while we wait */
	m->size = 1u << shape->log2_size;
	m->room = shape->room;
	m->n_rx = shape->n_rx;
	m->len = (buffers_at(m) + (uint64_t)(1 + m->n_rx) * m->size * m->room + 4095) & ~4095ull;
	err = open_events(m);
	if (err < 0)
		return err;
	m->fd = memfd_create("memif", MFD_ALLOW_SEALING | MFD_CLOEXEC);
	if (m->fd < 0 || ftruncate(m->fd, (off_t)m->len) < 0 || fcntl(m->fd, F_ADD_SEALS, F_SEAL_SHRINK) < 0)
		return -errno;
	m->base = mmap(NULL, m->len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, m->fd, 0);
	if (m->base == MAP_FAILED) {
		m->base = NULL;
		return -errno;
	}
	lay_out(m, 0, &m->tx);
	for (unsigned i = 0; i < m->n_rx; i++)
		lay_out(m, 1 + i, &m->rx[i]);
	return 0;
}

/* ---- messages ---- */

int
muser_say(const struct muser *m, const struct muser_msg *msg, int fd)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} control = { .head = { CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS } };
	struct iovec iov = { (void *)(uintptr_t)msg, sizeof(*msg) };
	struct msghdr mh = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (fd >= 0) {
		memcpy(CMSG_DATA(&control.head), &fd, sizeof(fd));
		mh.msg_control = &control;
		mh.msg_controllen = sizeof(control.room);
	}
	return sendmsg(m->sock, &mh, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

/* Waits for a message of that type. */
int
muser_hear(const struct muser *m, uint16_t type, struct muser_msg *msg)
{
	struct pollfd pfd = { .fd = m->sock, .events = POLLIN };
	int left_ms = ANSWER_MS, step_ms = m->idle != NULL ? 1 : ANSWER_MS;
	ssize_t n;

	while (poll(&pfd, 1, step_ms) == 0) {
		left_ms -= step_ms;
		if (left_ms <= 0)
			return -ETIMEDOUT;
		m->idle();
	}
	n = recv(m->sock, msg, sizeof(*msg), 0);
	if (n < 0)
		return -errno;
	if (n == 0 || (n == sizeof(*msg) && msg->type == MUSER_DISCONNECT))
		return -ECONNREFUSED;
	return n == sizeof(*msg) && msg->type == type ? 0 : -EPROTO;
}

int
muser_ask(const struct muser *m, struct muser_msg *msg, int fd, uint16_t answer)
{
	int err = muser_say(m, msg, fd);

	return err < 0 ? err : muser_hear(m, answer, msg);
}

static int
tell_ring(const struct muser *m, uint16_t flags, unsigned index, const struct muser_end *end)
{
	struct muser_msg msg = { .type = MUSER_ADD_RING };

	msg.ring.flags = flags;
	msg.ring.index = (uint16_t)index;
	msg.ring.offset = (uint32_t)((uint8_t *)end->ring - m->base);
	msg.ring.log2_size = (uint8_t)__builtin_ctz(m->size);
	return muser_ask(m, &msg, end->event_fd, MUSER_ACK);
}

static int
shake_hands(const struct muser *m)
{
	struct muser_msg msg, init = { .type = MUSER_INIT }, region = { .type = MUSER_ADD_REGION },
			      connect = { .type = MUSER_CONNECT };
	int err = muser_hear(m, MUSER_HELLO, &msg);

	if (err == 0 && (msg.hello.version_min > MUSER_VERSION || msg.hello.version_max < MUSER_VERSION ||
			 1u << msg.hello.log2_size_max < m->size))
		return -EPROTO;
	init.init.version = MUSER_VERSION;
	strcpy((char *)init.init.name, "bench");
	strcpy((char *)connect.name, "bench");
	region.region.size = m->len;
	if (err == 0)
		err = muser_ask(m, &init, -1, MUSER_ACK);
	if (err == 0)
		err = muser_ask(m, &region, m->fd, MUSER_ACK);
	if (err == 0)
		err = tell_ring(m, MUSER_RING_TO_SERVER, 0, &m->tx);
	for (unsigned i = 0; i < m->n_rx && err == 0; i++)
		err = tell_ring(m, 0, i, &m->rx[i]);
	return err == 0 ? muser_ask(m, &connect, -1, MUSER_CONNECTED) : err;
}

int
muser_call(struct muser *m, const char *path)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };

	if (strlen(path) >= sizeof(at.sun_path))
		return -ENAMETOOLONG;
	strcpy(at.sun_path, path);
	m->sock = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	return m->sock < 0 || connect(m->sock, (struct sockaddr *)&at, sizeof(at)) < 0 ? -errno : 0;
}

int
muser_connect(struct muser *m, const char *path)
{
	int err = muser_call(m, path);

	if (err == 0)
		err = shake_hands(m);
	if (err < 0)
		return err;
	m->tx.next = m->tx.ring->tail;
	for (unsigned i = 0; i < m->n_rx; i++) {
		struct muser_end *rx = &m->rx[i];

		/* After an earlier connection: all slots behind what was sent are posted. */
		rx->next = rx->ring->head = rx->ring->tail;
		muser_repost(m, rx, (uint16_t)m->size);
		rx->next = rx->ring->tail;
	}
	return 0;
}

void
muser_hang_up(struct muser *m)
{
	close(m->sock);
	m->sock = -1;
	m->tx.ring->head = m->tx.ring->tail;
}

int
muser_open(struct muser *m, const char *path, const struct muser_shape *shape)
{
	int err = muser_prepare(m, shape);

	if (err == 0)
		err = muser_connect(m, path);
	if (err < 0)
		muser_close(m);
	return err;
}

void
muser_close(struct muser *m)
{
	int fds[3 + MUSER_RX_MAX] = { m->sock, m->fd, m->tx.event_fd };

	for (unsigned i = 0; i < MUSER_RX_MAX; i++)
		fds[3 + i] = m->rx[i].event_fd;
	for (unsigned i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
		if (fds[i] >= 0)
			close(fds[i]);
	if (m->base != NULL)
		munmap(m->base, m->len);
	muser_init(m);
}

/* ---- frames ---- */

void
muser_send(struct muser *m, uint16_t n, uint32_t len)
{
	struct muser_end *tx = &m->tx;

	for (uint16_t i = 0; i < n; i++) {
		struct muser_desc *d = muser_desc(tx, i);

		d->flags = 0;
		d->length = len;
	}
	tx->next = (uint16_t)(tx->next + n);
	__atomic_store_n(&tx->ring->head, tx->next, __ATOMIC_RELEASE);
	/* Head before flags. Partner: the consumer's fence between allowing interrupts and its last look. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (!(__atomic_load_n(&tx->ring->flags, __ATOMIC_RELAXED) & MUSER_NO_INTERRUPT))
		eventfd_write(tx->event_fd, 1);
}

void
muser_repost(const struct muser *m, struct muser_end *rx, uint16_t n)
{
	for (uint16_t i = 0; i < n; i++) {
		struct muser_desc *d = muser_desc(rx, i);

		d->flags = 0;
		d->length = m->room;
	}
	rx->next = (uint16_t)(rx->next + n);
	/* All slots are posted or wait to be read, so what is free again is what the head comes to next. */
	__atomic_store_n(&rx->ring->head, (uint16_t)(rx->ring->head + n), __ATOMIC_RELEASE);
}
