/* test_session.c - ports that count and echo, and their peers; see test_session.h. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "base/log.h"
#include "guest/test_session.h"

struct session_loop *loop;
int handed;
static char folder[] = "/tmp/fl-session-XXXXXX";

static int
payload_len(void *owner, const uint8_t *header, struct err *err)
{
	struct message m;

	memcpy(&m, header, HEADER);
	if (m.op == OP_BAD_HEADER)
		return err_set(err, -EBADMSG, "bad header");
	return (int)m.len;
}

static int
on_message(void *owner, struct session_message *came, struct err *err)
{
	static uint8_t answer[LONG_ANSWER];
	struct port *p = owner;
	struct message m;

	memcpy(&m, came->bytes, came->len);
	assert_int_equal(came->len, HEADER + m.len);
	p->messages++;
	p->n_fds = came->n_fds;
	p->more_fds = came->more_fds;
	if (m.op == OP_REFUSE)
		return err_set(err, -EINVAL, "refused");
	if (m.op == OP_KEEP) {
		p->kept = came->fds[0];
		came->fds[0] = -1;
	}
	if (m.op == OP_ECHO)
		return session_send(p->session, came->bytes, came->len);
	return m.op == OP_LONG ? session_send(p->session, answer, sizeof(answer)) : 0;
}

static void
begun(void *owner)
{
	((struct port *)owner)->begun++;
}

static void
ended(void *owner, const char *why)
{
	struct port *p = owner;

	p->ended++;
	snprintf(p->why, sizeof(p->why), "%s", why != NULL ? why : "");
}

const struct session_kind port_kind = { "peer", HEADER, HEADER + PAYLOAD_MAX, payload_len, on_message, begun, ended };

/* ---- rig ---- */

void
port_open(struct port *p)
{
	static unsigned number;
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	struct session_options o = { .kind = &port_kind, .owner = p, .name = "vm1" };
	struct err err = { 0 };

	memset(p, 0, sizeof(*p));
	p->kept = -1;
	snprintf(p->path, sizeof(p->path), "%s/%u", folder, number++);
	memcpy(at.sun_path, p->path, sizeof(p->path));
	o.listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	assert_int_equal(bind(o.listen_fd, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(o.listen_fd, 128), 0);
	p->session = session_open(loop, &o, &err);
	assert_non_null(p->session);
}

void
port_close(struct port *p)
{
	session_close(p->session);
	unlink(p->path);
}

int
peer_connect(const struct port *p)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	memcpy(at.sun_path, p->path, sizeof(p->path));
	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	return fd;
}

void
send_with(int fd, const void *bytes, size_t len, unsigned n)
{
	static char control[CMSG_SPACE(253 * sizeof(int))];
	struct iovec from = { (void *)(uintptr_t)bytes, len };
	struct msghdr msg = { .msg_iov = &from, .msg_iovlen = 1 };
	struct cmsghdr *c;

	if (n > 0) {
		msg.msg_control = control;
		msg.msg_controllen = CMSG_SPACE(n * sizeof(int));
		c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(n * sizeof(int));
		for (unsigned i = 0; i < n; i++)
			memcpy(CMSG_DATA(c) + i * sizeof(int), &handed, sizeof(int));
	}
	assert_int_equal(sendmsg(fd, &msg, MSG_NOSIGNAL), len);
}

void
send_message(int fd, enum op op, uint32_t len, unsigned n_fds)
{
	struct message m = { .op = op, .len = len };

	send_with(fd, &m, HEADER + len, n_fds);
}

bool
until(const unsigned *counter, unsigned value, unsigned ms)
{
	uint64_t end = clock_ns() + ms * NSEC_PER_MS;

	while (*counter < value && clock_ns() < end) {
		struct pollfd p = { .fd = session_loop_fd(loop), .events = POLLIN };

		if (poll(&p, 1, 1) == 1)
			session_loop_poll(loop);
	}
	return *counter >= value;
}

unsigned
round_trip(struct port *p, int fd)
{
	uint64_t start = clock_ns();
	unsigned want = p->messages + 1;
	struct message m;

	send_message(fd, OP_ECHO, 16, 0);
	assert_true(until(&p->messages, want, 5000));
	assert_int_equal(recv(fd, &m, sizeof(m), MSG_DONTWAIT), HEADER + 16);
	return (unsigned)((clock_ns() - start) / NSEC_PER_US);
}

bool
is_closed(int fd)
{
	uint8_t byte;

	return recv(fd, &byte, 1, MSG_DONTWAIT) == 0 || errno == ECONNRESET;
}

int
session_start(void **state)
{
	log_set_level(LOG_LEVEL_ERROR);
	if (mkdtemp(folder) == NULL)
		return -1;
	handed = memfd_create("handed", MFD_CLOEXEC);
	loop = session_loop_new();
	return handed < 0 || loop == NULL ? -1 : 0;
}

int
session_stop(void **state)
{
	session_loop_free(loop);
	session_loop_free(NULL);
	session_close(NULL);
	close(handed);
	return rmdir(folder);
}
