/*
 * session.c - sockets, framing and deadlines; see session.h.
 *
 * Theory of operation. One epoll descriptor has, for each session, its listening socket and its connection, and one timer for all.
 * A poll takes one event at a time, so that epoll's own queue is the round robin: who was served goes behind the others. An event is
 * a small piece of work: at most two reads and one message, or ACCEPTS connects.
 *
 *	deadline_ns != 0  <=>  a message has begun and is not whole, or an answer is not sent whole
 *	an answer waits	   =>  no message is read, so at most one answer waits
 *	descriptors: all that arrived are in fds[0..n_fds), with the message that is being read; the surplus is closed on arrival
 *	its closer is full =>  nothing is read or accepted (base/closer.h)
 *
 * The timer is set to the earliest deadline and is never taken back: when it strikes, all sessions are looked at.
 */
#include "guest/session.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/closer.h"
#include "base/log.h"
#include "guest/outbox.h"

#define TURNS 64                  /* steps of one poll; our choice */
#define TURN_NS (5 * NSEC_PER_MS) /* our choice, as for the RPC server: the caller's other work is never far */
#define ACCEPTS 4                 /* of one step; our choice */
#define ARRIVE_MAX 253            /* SCM_MAX_FD of the kernel (include/net/scm.h): what one sendmsg can carry */
#define PAUSE_MS 100              /* until a closer that was full is asked again; our choice */
#define NAME_MAX_LEN 64

enum tale { TALE_BEGUN, TALE_ENDED, TALE_TURNED_AWAY, TALE_REFUSED, TALES };

/* What an epoll event points to. */
struct watch {
	struct session *session; /* NULL: the timer */
	bool listens;
};

struct session {
	struct session_loop *loop;
	struct session *next;
	struct session_options is;
	char name[NAME_MAX_LEN];
	struct watch listen_watch, watch;
	struct closer *closer;
	bool paused; /* nobody is accepted until its closer is less full */
	int fd;      /* of the connection, -1: none */
	uint32_t events;
	uint64_t deadline_ns; /* 0: none */
	uint64_t connect_ns;  /* when a client tries next */
	uint64_t told_ns[TALES];
	uint8_t *in; /* message_max bytes */
	size_t have, want;
	int fds[SESSION_FDS_MAX];
	unsigned n_fds;
	bool more_fds;
	struct outbox out;
};

struct session_loop {
	int epoll_fd, timer_fd;
	int spare_fd; /* given up for a moment to turn a peer away when no descriptor is left */
	struct watch timer_watch;
	uint64_t timer_ns; /* what the timer is set to; 0: nothing */
	struct session *sessions;
};

/* ---- time ---- */

static void
timer_set(struct session_loop *loop, uint64_t at_ns)
{
	struct itimerspec when = { .it_value = { (time_t)(at_ns / NSEC_PER_S), (long)(at_ns % NSEC_PER_S) } };

	if (at_ns == 0 || (loop->timer_ns != 0 && loop->timer_ns <= at_ns))
		return;
	loop->timer_ns = at_ns;
	timerfd_settime(loop->timer_fd, TFD_TIMER_ABSTIME, &when, NULL);
}

static void
be_patient(struct session *s)
{
	s->deadline_ns = clock_ns() + SESSION_PATIENCE_MS * NSEC_PER_MS;
	timer_set(s->loop, s->deadline_ns);
}

/* At most one line a second of each sort, whatever peers do. */
static bool
may_tell(struct session *s, enum tale tale)
{
	uint64_t now = clock_ns();

	if (s->told_ns[tale] != 0 && now - s->told_ns[tale] < NSEC_PER_S)
		return false;
	s->told_ns[tale] = now;
	return true;
}

/* ---- one connection ---- */

static void
close_fds(struct session *s)
{
	for (unsigned i = 0; i < s->n_fds; i++)
		closer_close(s->closer, s->fds[i]);
	s->n_fds = 0;
	s->more_fds = false;
}

static void
next_message(struct session *s)
{
	close_fds(s);
	s->have = 0;
	s->want = s->is.kind->header_len;
	if (!outbox_waits(&s->out))
		s->deadline_ns = 0;
}

static int
watch_for(struct session *s, uint32_t events)
{
	struct epoll_event ev = { .events = events, .data.ptr = &s->watch };
	int op = s->events == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;

	if (events == s->events)
		return 0;
	if (epoll_ctl(s->loop->epoll_fd, op, s->fd, &ev) < 0)
		return -errno;
	s->events = events;
	return 0;
}

static int
attach(struct session *s, int fd)
{
	s->fd = fd;
	s->events = 0;
	outbox_clear(&s->out);
	next_message(s);
	if (watch_for(s, EPOLLIN) < 0) {
		closer_hang_up(s->closer, fd);
		s->fd = -1;
		return -ENOMEM;
	}
	if (may_tell(s, TALE_BEGUN))
		log_info("%s connected port=%s", s->is.kind->peer, s->name);
	s->is.kind->begun(s->is.owner);
	return 0;
}

void
session_end(struct session *s, const char *why)
{
	if (s->fd < 0)
		return;
	/* Close alone does not take it out while another process has it. */
	epoll_ctl(s->loop->epoll_fd, EPOLL_CTL_DEL, s->fd, NULL);
	closer_hang_up(s->closer, s->fd);
	s->fd = -1;
	outbox_clear(&s->out);
	next_message(s);
	if (why != NULL && may_tell(s, TALE_ENDED))
		log_warn("%s was cut off port=%s reason=\"%s\"", s->is.kind->peer, s->name, why);
	else if (why == NULL && may_tell(s, TALE_ENDED))
		log_info("%s left port=%s", s->is.kind->peer, s->name);
	s->is.kind->ended(s->is.owner, why);
	if (s->is.listen_fd < 0) {
		s->connect_ns = clock_ns() + SESSION_RETRY_MS * NSEC_PER_MS;
		timer_set(s->loop, s->connect_ns);
	}
}

void
session_refused(struct session *s, const char *why)
{
	if (may_tell(s, TALE_REFUSED))
		log_warn("%s was refused what it asked for port=%s reason=\"%s\"", s->is.kind->peer, s->name, why);
}

bool
session_has_peer(const struct session *s)
{
	return s->fd >= 0;
}

/* Those that came with one read. False: the kernel could not hand them all over. */
static bool
take_fds(struct session *s, struct msghdr *msg)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c != NULL; c = CMSG_NXTHDR(msg, c)) {
		size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < n; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof(fd), sizeof(fd));
			if (s->n_fds < SESSION_FDS_MAX) {
				s->fds[s->n_fds++] = fd;
			} else {
				closer_close(s->closer, fd);
				s->more_fds = true;
			}
		}
	}
	return !(msg->msg_flags & MSG_CTRUNC);
}

/* Reads up to `want`. Returns bytes, 0 when there are none now, -ECONNRESET when the peer is gone, or -errno and err. */
static int
receive(struct session *s, struct err *err)
{
	union {
		char room[CMSG_SPACE(ARRIVE_MAX * sizeof(int))];
		struct cmsghdr align;
	} control;
	struct iovec into = { s->in + s->have, s->want - s->have };
	struct msghdr msg = {
		.msg_iov = &into, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)
	};
	ssize_t n = recvmsg(s->fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n < 0 && errno != ECONNRESET)
		return err_set(err, -errno, "socket: %s", strerror(errno));
	if (n <= 0)
		return -ECONNRESET;
	if (!take_fds(s, &msg))
		return err_set(err, -EMFILE, "descriptors got lost on their way here");
	if (closer_is_full(s->closer))
		return err_set(err, -EBUSY, "descriptors that it sent take too long to be closed");
	s->have += (size_t)n;
	return (int)n;
}

static int
deliver(struct session *s, struct err *err)
{
	struct session_message m = { s->in, s->have, s->fds, s->n_fds, s->more_fds };
	int ret = s->is.kind->message(s->is.owner, &m, err);

	next_message(s);
	return ret;
}

/* The header is whole: how much follows? */
static int
judge_header(struct session *s, struct err *err)
{
	int len = s->is.kind->payload_len(s->is.owner, s->in, err);

	if (len < 0)
		return len;
	if (s->want + (size_t)len > s->is.kind->message_max)
		return err_set(err, -EMSGSIZE, "message of %d bytes is too long", len);
	s->want += (size_t)len;
	return 0;
}

/* One step: what is there of one message, in at most two reads, so that a message that comes byte by byte takes many steps. */
static int
read_some(struct session *s, struct err *err)
{
	for (unsigned i = 0; i < 2; i++) {
		bool began = s->have == 0;
		int ret = receive(s, err);

		if (ret <= 0)
			return ret;
		if (began)
			be_patient(s);
		if (s->have == s->is.kind->header_len && s->have == s->want) {
			ret = judge_header(s, err);
			if (ret < 0)
				return ret;
		}
		if (s->have == s->want)
			return deliver(s, err);
	}
	return 0;
}

int
session_send(struct session *s, const void *bytes, size_t len)
{
	return session_send_fd(s, bytes, len, -1);
}

int
session_send_fd(struct session *s, const void *bytes, size_t len, int fd)
{
	int ret = s->fd < 0 ? -ENOTCONN : outbox_send(&s->out, s->fd, bytes, len, fd);

	if (ret < 0 || !outbox_waits(&s->out))
		return ret;
	be_patient(s);
	return watch_for(s, EPOLLOUT);
}

/* Sends what waits. */
static int
flush(struct session *s, struct err *err)
{
	int ret = outbox_flush(&s->out, s->fd);

	if (ret < 0)
		return ret == -EPIPE || ret == -ECONNRESET ? -ECONNRESET
							   : err_set(err, ret, "socket: %s", strerror(-ret));
	if (!outbox_waits(&s->out))
		s->deadline_ns = 0;
	return 0;
}

static void
connection_event(struct session *s)
{
	bool within = s->have > 0;
	struct err err = { 0 };
	int ret = outbox_waits(&s->out) ? flush(s, &err) : read_some(s, &err);

	if (ret == -ECONNRESET && err.code == 0) {
		session_end(s, within || s->have > 0 ? "it left within a message" : NULL);
		return;
	}
	if (ret >= 0)
		ret = watch_for(s, outbox_waits(&s->out) ? EPOLLOUT : EPOLLIN);
	if (ret < 0)
		session_end(s, err.code != 0 ? err.msg : strerror(-ret));
}

/* ---- who comes ---- */

static bool
peer_is_gone(const struct session *s)
{
	struct pollfd p = { .fd = s->fd, .events = POLLRDHUP };

	return poll(&p, 1, 0) == 1 && (p.revents & (POLLRDHUP | POLLHUP | POLLERR));
}

/* Without this the listening socket would stay readable and the loop would spin. */
static void
no_descriptor_left(struct session *s)
{
	struct session_loop *loop = s->loop;
	int fd;

	if (loop->spare_fd >= 0)
		close(loop->spare_fd);
	fd = accept4(s->is.listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd >= 0)
		closer_hang_up(s->closer, fd);
	loop->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (may_tell(s, TALE_TURNED_AWAY))
		log_warn("%s was turned away: no descriptor is left port=%s", s->is.kind->peer, s->name);
}

/* Nobody is accepted while s is paused; it is looked after when the timer strikes. */
static void
pause_listening(struct session *s, bool paused)
{
	struct epoll_event ev = { .events = paused ? 0 : EPOLLIN, .data.ptr = &s->listen_watch };

	if (s->paused != paused && epoll_ctl(s->loop->epoll_fd, EPOLL_CTL_MOD, s->is.listen_fd, &ev) == 0)
		s->paused = paused;
	if (s->paused)
		timer_set(s->loop, clock_ns() + PAUSE_MS * NSEC_PER_MS);
	if (s->paused && may_tell(s, TALE_TURNED_AWAY))
		log_warn("%s has to wait: descriptors that former ones sent take too long to be closed port=%s",
			 s->is.kind->peer, s->name);
}

static void
listener_event(struct session *s)
{
	for (unsigned i = 0; i < ACCEPTS; i++) {
		int fd;

		if (closer_is_full(s->closer)) {
			pause_listening(s, true);
			return;
		}
		fd = accept4(s->is.listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (fd < 0 && (errno == EMFILE || errno == ENFILE))
			no_descriptor_left(s);
		if (fd < 0)
			return;
		/* One that died is not in the way of its successor. */
		if (s->fd >= 0 && peer_is_gone(s))
			session_end(s, NULL);
		if (s->fd < 0) {
			attach(s, fd);
			continue;
		}
		closer_hang_up(s->closer, fd);
		if (may_tell(s, TALE_TURNED_AWAY))
			log_warn("second %s was turned away, the first one is still there port=%s", s->is.kind->peer,
				 s->name);
	}
}

static void
try_connect(struct session *s)
{
	int fd = s->is.connect(s->is.connect_arg);

	if (fd < 0 || attach(s, fd) < 0)
		s->connect_ns = clock_ns() + SESSION_RETRY_MS * NSEC_PER_MS;
	else
		s->connect_ns = 0;
}

static void
look_at_the_clock(struct session_loop *loop)
{
	uint64_t now = clock_ns(), count;

	if (read(loop->timer_fd, &count, sizeof(count)) < 0)
		return; /* not yet */
	loop->timer_ns = 0;
	for (struct session *s = loop->sessions; s != NULL; s = s->next) {
		if (s->fd >= 0 && s->deadline_ns != 0 && s->deadline_ns <= now)
			session_end(s, outbox_waits(&s->out) ? "it did not read an answer within a second"
							     : "the rest of a message did not come within a second");
		else if (s->fd < 0 && s->connect_ns != 0 && s->connect_ns <= now)
			try_connect(s);
		timer_set(loop, s->fd >= 0 ? s->deadline_ns : s->connect_ns);
		if (s->paused)
			pause_listening(s, closer_is_full(s->closer));
	}
}

/* ---- the loop ---- */

void
session_loop_poll(struct session_loop *loop)
{
	uint64_t end = clock_ns() + TURN_NS;
	struct epoll_event ev;

	for (unsigned i = 0; i < TURNS && epoll_wait(loop->epoll_fd, &ev, 1, 0) == 1; i++) {
		struct watch *w = ev.data.ptr;

		if (w->session == NULL)
			look_at_the_clock(loop);
		else if (w->listens)
			listener_event(w->session);
		else
			connection_event(w->session);
		if (clock_ns() >= end)
			return;
	}
}

struct session_loop *
session_loop_new(void)
{
	struct session_loop *loop = calloc(1, sizeof(*loop));
	struct epoll_event ev = { .events = EPOLLIN };
	int saved;

	if (loop == NULL)
		return NULL;
	ev.data.ptr = &loop->timer_watch;
	loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	loop->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	loop->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (loop->epoll_fd >= 0 && loop->timer_fd >= 0 && loop->spare_fd >= 0 &&
	    epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, loop->timer_fd, &ev) == 0)
		return loop;
	saved = errno;
	session_loop_free(loop);
	errno = saved;
	return NULL;
}

int
session_loop_fd(const struct session_loop *loop)
{
	return loop->epoll_fd;
}

void
session_loop_free(struct session_loop *loop)
{
	if (loop == NULL)
		return;
	if (loop->epoll_fd >= 0)
		close(loop->epoll_fd);
	if (loop->timer_fd >= 0)
		close(loop->timer_fd);
	if (loop->spare_fd >= 0)
		close(loop->spare_fd);
	free(loop);
}

/* Makes it listen, or have its first try at the next poll. */
static int
begin(struct session *s)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = &s->listen_watch };

	if (s->is.listen_fd >= 0)
		return epoll_ctl(s->loop->epoll_fd, EPOLL_CTL_ADD, s->is.listen_fd, &ev) < 0 ? -errno : 0;
	s->connect_ns = clock_ns();
	timer_set(s->loop, s->connect_ns);
	return 0;
}

struct session *
session_open(struct session_loop *loop, const struct session_options *options, struct err *err)
{
	struct session *s = calloc(1, sizeof(*s));
	int ret = -ENOMEM;

	if (s == NULL)
		goto close_listener;
	s->loop = loop;
	s->is = *options;
	snprintf(s->name, sizeof(s->name), "%s", options->name);
	s->is.name = s->name;
	s->watch.session = s->listen_watch.session = s;
	s->listen_watch.listens = true;
	s->fd = -1;
	outbox_init(&s->out);
	s->in = malloc(options->kind->message_max);
	s->closer = closer_new();
	if (s->in == NULL || s->closer == NULL)
		goto free_buffer;
	ret = begin(s);
	if (ret < 0)
		goto free_buffer;
	s->next = loop->sessions;
	loop->sessions = s;
	return s;
free_buffer:
	closer_free(s->closer);
	free(s->in);
	free(s);
close_listener:
	if (options->listen_fd >= 0)
		close(options->listen_fd);
	err_set(err, ret, "socket of port '%s' cannot be served: %s", options->name, strerror(-ret));
	return NULL;
}

void
session_close(struct session *s)
{
	struct session **at;

	if (s == NULL)
		return;
	session_end(s, NULL);
	for (at = &s->loop->sessions; *at != s; at = &(*at)->next)
		;
	*at = s->next;
	if (s->is.listen_fd >= 0) {
		epoll_ctl(s->loop->epoll_fd, EPOLL_CTL_DEL, s->is.listen_fd, NULL);
		closer_unlisten(s->closer, s->is.listen_fd);
	}
	closer_free(s->closer);
	free(s->in);
	free(s);
}
