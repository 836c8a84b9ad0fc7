/*
 * rpc_server.c - sockets and turns of the RPC server; see rpc_server.h.
 *
 * Theory of operation. One epoll descriptor, which the caller nests in its own, has the listening sockets, the clients and an
 * eventfd. A poll has two parts. First what the sockets have: accept, one read of at most 64 KiB per client, unsent answers. Then
 * one request each for the clients at the head of the ready list, which is a queue: who has more stands behind everybody else.
 *
 *   a client is in the ready list  <=>  it has a complete line and less than RPC_CLIENT_UNSENT_MAX unsent
 *   a client is watched for input   =>  it has no complete line, so what waits here is bounded by one line and one read
 *   the eventfd is readable        <=>  a poll left clients in the ready list
 *   held == sum of counted of the clients
 *
 * A client with half a message is just one that is not ready. There is no time limit: idle clients may stay, and those that hold
 * much memory go first when it gets scarce.
 */
#include "ctl/rpc_server.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/closer.h"
#include "base/log.h"
#include "ctl/params.h"
#include "ctl/rpc_client.h"

#define LISTENERS_MAX 4
#define TURN_MAX 32 /* events, accepts and requests of one poll; our choice */
/* No request of a poll begins later than this after the first, so that the caller's other work is never far. Our choice. */
#define TURN_US 5000

struct listener {
	int fd;
	struct closer *closer;
	bool read_only;
	bool paused; /* nobody is accepted until its closer is less full */
	unsigned clients;
};

struct rpc_server {
	struct rpc_service service;
	int epoll_fd, again_fd;
	int spare_fd; /* given up for a moment to turn a client away when no descriptor is left */
	struct listener listeners[LISTENERS_MAX];
	unsigned n_listeners;
	struct rpc_client *clients, *ready_first, *ready_last;
	struct rpc_client *closed; /* linked by next; an event of this poll may still name them */
	size_t held;
	int64_t warned_s; /* CLOCK_MONOTONIC, of the last warning */
};

static void
ready_add(struct rpc_server *s, struct rpc_client *c)
{
	if (c->ready)
		return;
	c->ready = true;
	c->ready_prev = s->ready_last;
	c->ready_next = NULL;
	if (s->ready_last != NULL)
		s->ready_last->ready_next = c;
	else
		s->ready_first = c;
	s->ready_last = c;
}

static void
ready_remove(struct rpc_server *s, struct rpc_client *c)
{
	if (!c->ready)
		return;
	c->ready = false;
	if (c->ready_prev != NULL)
		c->ready_prev->ready_next = c->ready_next;
	else
		s->ready_first = c->ready_next;
	if (c->ready_next != NULL)
		c->ready_next->ready_prev = c->ready_prev;
	else
		s->ready_last = c->ready_prev;
}

static void
client_count(struct rpc_server *s, struct rpc_client *c)
{
	size_t held = rpc_client_held(c);

	s->held = s->held - c->counted + held;
	c->counted = held;
}

static void
client_close(struct rpc_server *s, struct rpc_client *c)
{
	ready_remove(s, c);
	if (c->prev != NULL)
		c->prev->next = c->next;
	else
		s->clients = c->next;
	if (c->next != NULL)
		c->next->prev = c->prev;
	/* Close alone does not take it out while a process that was forked a moment ago still has it, and c is freed soon. */
	epoll_ctl(s->epoll_fd, EPOLL_CTL_DEL, c->fd, NULL);
	closer_hang_up(c->closer, c->fd);
	c->fd = -1;
	rpc_client_clear(c);
	client_count(s, c);
	s->listeners[c->listener].clients--;
	c->next = s->closed;
	s->closed = c;
}

static int64_t
now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* At most one line a second, whatever clients do. */
static void
warn(struct rpc_server *s, const char *what)
{
	int64_t now_s = now_us() / 1000000;

	if (now_s == s->warned_s)
		return;
	s->warned_s = now_s;
	log_warn("RPC client turned away: %s", what);
}

/* Too much memory is held for all together: whoever holds most of it goes, which is never a client of small messages. */
static void
shed(struct rpc_server *s)
{
	while (s->held > RPC_HELD_MAX) {
		struct rpc_client *most = s->clients;

		for (struct rpc_client *c = s->clients; c != NULL; c = c->next)
			if (c->counted > most->counted)
				most = c;
		warn(s, "it held most of the memory for unfinished messages and unread answers");
		client_close(s, most);
	}
}

static int
client_watch(struct rpc_server *s, struct rpc_client *c)
{
	struct epoll_event ev = { .data.ptr = c };

	if (!c->eof && !c->closing && !c->ready && rpc_client_unsent(c) < RPC_CLIENT_UNSENT_MAX)
		ev.events |= EPOLLIN;
	if (rpc_client_unsent(c) > 0)
		ev.events |= EPOLLOUT;
	if (ev.events == c->events)
		return 0;
	c->events = ev.events;
	return epoll_ctl(s->epoll_fd, EPOLL_CTL_MOD, c->fd, &ev);
}

/* After anything happened to c: where does it stand, and what does it wait for? */
static void
client_settle(struct rpc_server *s, struct rpc_client *c)
{
	size_t unsent = rpc_client_unsent(c), len;
	char *line;

	if (unsent == 0 && (c->closing || (c->eof && c->in_len == 0))) {
		client_close(s, c);
		return;
	}
	if (!c->closing && unsent < RPC_CLIENT_UNSENT_MAX && rpc_client_line(c, &line, &len))
		ready_add(s, c);
	client_count(s, c);
	if (client_watch(s, c) < 0)
		client_close(s, c);
	shed(s);
}

static int
line_too_long(struct rpc_client *c)
{
	struct rpc_text out = { 0 };
	struct err err;

	err_set(&err, -EMSGSIZE, "message is longer than %u KiB",
		(c->who.read_only ? RPC_LINE_MAX_READ_ONLY : RPC_LINE_MAX) >> 10);
	err_hint(&err, "one JSON-RPC 2.0 object on one line");
	if (rpc_answer_error(&out, RPC_INVALID_REQUEST, &err) < 0) {
		free(out.data);
		return -ENOMEM;
	}
	c->closing = true;
	return rpc_client_send(c, &out);
}

static void
client_event(struct rpc_server *s, struct rpc_client *c, uint32_t events)
{
	int rc = 0;

	if (c->fd < 0)
		return;
	if (rpc_client_unsent(c) > 0)
		rc = rpc_client_flush(c);
	if (rc == 0 && (c->events & EPOLLIN) && (events & ~(uint32_t)EPOLLOUT)) {
		rc = rpc_client_read(c);
		if (rc == -EMSGSIZE)
			rc = line_too_long(c);
	}
	if (rc < 0)
		client_close(s, c);
	else
		client_settle(s, c);
}

static bool
is_blank(const char *line, size_t len)
{
	while (len > 0 && (line[len - 1] == ' ' || line[len - 1] == '\t' || line[len - 1] == '\r'))
		len--;
	return len == 0;
}

/* One request of c; blank lines are none. */
static void
client_turn(struct rpc_server *s, struct rpc_client *c)
{
	struct rpc_text out = { 0 };
	char *line;
	size_t len;
	int rc = 0;

	ready_remove(s, c);
	if (rpc_client_line(c, &line, &len)) {
		if (!is_blank(line, len))
			rc = rpc_answer(&s->service, &c->who, line, len, &out);
		rpc_client_consume(c, len);
	}
	if (rc == 0 && out.len > 0)
		rc = rpc_client_send(c, &out);
	else
		free(out.data);
	if (rc < 0)
		client_close(s, c);
	else
		client_settle(s, c);
}

/* Tells why and closes. What is in the socket's buffer reaches a client that reads; one that does not is not waited for. */
static void
turn_away(struct rpc_server *s, const struct listener *l, int fd, const char *why)
{
	struct rpc_text out = { 0 };
	struct err err;

	err_set(&err, -EUSERS, "the daemon takes no more clients: %s", why);
	err_hint(&err, "close some of the connections, or try again later");
	if (rpc_answer_error(&out, RPC_REFUSED, &err) == 0 &&
	    send(fd, out.data, out.len, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		why = "it does not listen";
	warn(s, why);
	free(out.data);
	closer_hang_up(l->closer, fd);
}

static int
client_add(struct rpc_server *s, unsigned listener, int fd)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);
	struct rpc_client *c;
	struct epoll_event ev = { .events = EPOLLIN };

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0)
		return -errno;
	c = calloc(1, sizeof(*c));
	if (c == NULL)
		return -ENOMEM;
	c->fd = fd;
	c->who = (struct rpc_caller){ cred.uid, cred.pid, s->listeners[listener].read_only };
	c->listener = listener;
	c->closer = s->listeners[listener].closer;
	c->events = ev.events;
	ev.data.ptr = c;
	if (epoll_ctl(s->epoll_fd, EPOLL_CTL_ADD, fd, &ev) < 0) {
		free(c);
		return -errno;
	}
	c->next = s->clients;
	if (c->next != NULL)
		c->next->prev = c;
	s->clients = c;
	s->listeners[listener].clients++;
	return 0;
}

/* Without this the listening socket would stay readable and the loop would spin. */
static void
no_descriptor_left(struct rpc_server *s, const struct listener *l)
{
	int fd;

	if (s->spare_fd >= 0)
		close(s->spare_fd);
	fd = accept4(l->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd >= 0)
		turn_away(s, l, fd, "it has no descriptor left");
	s->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

/* Nobody is accepted while l is paused. */
static void
pause_listening(struct rpc_server *s, struct listener *l, bool paused)
{
	struct epoll_event ev = { .events = paused ? 0 : EPOLLIN, .data.ptr = l };

	if (l->paused != paused && epoll_ctl(s->epoll_fd, EPOLL_CTL_MOD, l->fd, &ev) == 0)
		l->paused = paused;
}

static void
resume_listening(struct rpc_server *s)
{
	for (unsigned i = 0; i < s->n_listeners; i++)
		if (s->listeners[i].paused && !closer_is_full(s->listeners[i].closer))
			pause_listening(s, &s->listeners[i], false);
}

static void
listener_event(struct rpc_server *s, unsigned listener)
{
	struct listener *l = &s->listeners[listener];

	for (unsigned i = 0; i < TURN_MAX; i++) {
		int fd;

		if (closer_is_full(l->closer)) {
			pause_listening(s, l, true);
			warn(s, "descriptors that others sent take too long to be closed");
			return;
		}
		fd = accept4(l->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (fd < 0 && (errno == EMFILE || errno == ENFILE))
			no_descriptor_left(s, l);
		if (fd < 0)
			return;
		if (l->clients >= RPC_CLIENTS_MAX)
			turn_away(s, l, fd, "all places are taken");
		else if (client_add(s, listener, fd) < 0)
			closer_hang_up(l->closer, fd);
	}
}

static void
event_dispatch(struct rpc_server *s, const struct epoll_event *ev)
{
	uint64_t count;

	for (unsigned i = 0; i < s->n_listeners; i++)
		if (ev->data.ptr == &s->listeners[i]) {
			listener_event(s, i);
			return;
		}
	if (ev->data.ptr != &s->again_fd)
		client_event(s, ev->data.ptr, ev->events);
	else if (read(s->again_fd, &count, sizeof(count)) < 0 && errno != EAGAIN)
		warn(s, "its turn was lost"); /* an eventfd of ours has no other error */
}

void
rpc_server_poll(struct rpc_server *s)
{
	struct epoll_event ev[TURN_MAX];
	struct rpc_client *c;
	const uint64_t one = 1;
	int64_t end_us;
	int n;

	resume_listening(s);
	n = epoll_wait(s->epoll_fd, ev, TURN_MAX, 0);
	for (int i = 0; i < n; i++)
		event_dispatch(s, &ev[i]);
	end_us = now_us() + TURN_US;
	for (int i = 0; i < TURN_MAX && s->ready_first != NULL && now_us() < end_us; i++)
		client_turn(s, s->ready_first);
	if (s->ready_first != NULL && write(s->again_fd, &one, sizeof(one)) < 0)
		warn(s, "its turn was lost");
	while ((c = s->closed) != NULL) {
		s->closed = c->next;
		free(c);
	}
}

static bool
handlers_are_declared(const struct rpc_handler *handlers)
{
	for (const struct rpc_handler *h = handlers; h->method != NULL; h++) {
		const struct schema_method *m = schema_method_by_name(h->method);

		if (m == NULL || m->local)
			return false;
	}
	return true;
}

struct rpc_server *
rpc_server_new(const struct rpc_handler *handlers, void *ctx)
{
	struct epoll_event ev = { .events = EPOLLIN };
	struct rpc_server *s;
	int saved;

	if (!handlers_are_declared(handlers)) {
		errno = EINVAL;
		return NULL;
	}
	s = calloc(1, sizeof(*s));
	if (s == NULL)
		return NULL;
	s->service = (struct rpc_service){ handlers, ctx };
	s->warned_s = -1;
	s->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	s->again_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	s->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	ev.data.ptr = &s->again_fd;
	if (s->epoll_fd >= 0 && s->again_fd >= 0 && s->spare_fd >= 0 &&
	    epoll_ctl(s->epoll_fd, EPOLL_CTL_ADD, s->again_fd, &ev) == 0)
		return s;
	saved = errno;
	rpc_server_free(s);
	errno = saved;
	return NULL;
}

int
rpc_server_listen(struct rpc_server *s, int fd, bool read_only)
{
	struct listener *l = &s->listeners[s->n_listeners];
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = l };
	struct closer *closer = closer_new();
	int flags = fcntl(fd, F_GETFL), rc = 0;

	if (s->n_listeners == LISTENERS_MAX)
		rc = -ENOSPC;
	else if (closer == NULL)
		rc = -ENOMEM;
	else if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 ||
		 epoll_ctl(s->epoll_fd, EPOLL_CTL_ADD, fd, &ev) < 0)
		rc = -errno;
	if (rc < 0) {
		close(fd);
		closer_free(closer);
		return rc;
	}
	*l = (struct listener){ .fd = fd, .closer = closer, .read_only = read_only };
	s->n_listeners++;
	return 0;
}

int
rpc_server_fd(const struct rpc_server *s)
{
	return s->epoll_fd;
}

unsigned
rpc_server_clients(const struct rpc_server *s)
{
	unsigned n = 0;

	for (unsigned i = 0; i < s->n_listeners; i++)
		n += s->listeners[i].clients;
	return n;
}

void
rpc_server_free(struct rpc_server *s)
{
	struct rpc_client *c;

	if (s == NULL)
		return;
	while (s->clients != NULL)
		client_close(s, s->clients);
	while ((c = s->closed) != NULL) {
		s->closed = c->next;
		free(c);
	}
	for (unsigned i = 0; i < s->n_listeners; i++) {
		closer_unlisten(s->listeners[i].closer, s->listeners[i].fd);
		closer_free(s->listeners[i].closer);
	}
	if (s->spare_fd >= 0)
		close(s->spare_fd);
	if (s->again_fd >= 0)
		close(s->again_fd);
	if (s->epoll_fd >= 0)
		close(s->epoll_fd);
	free(s);
}
