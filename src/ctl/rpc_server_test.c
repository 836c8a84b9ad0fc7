/* rpc_server_test.c - real sockets, and clients of every kind, against the server driven in this thread. */
#include <setjmp.h>
#include <stdarg.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"
#include "ctl/rpc_dummy.h"

#define LIST "{\"jsonrpc\":\"2.0\",\"method\":\"port.list\",\"id\":1}\n"
#define SHOW "{\"jsonrpc\":\"2.0\",\"method\":\"switch.show\",\"params\":{\"switch\":\"ext\"},\"id\":2}\n"
#define SET "{\"jsonrpc\":\"2.0\",\"method\":\"port.set\",\"params\":{\"port\":\"vm1\"},\"id\":3}\n"

struct fixture {
	char dir[32], path[64], path_ro[64];
	struct rpc_dummy dummy;
	struct rpc_server *server;
};

static int
listen_at(const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
	assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(listen(fd, 1200), 0);
	return fd;
}

static int
start(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	strcpy(f->dir, "/tmp/flrpc-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	snprintf(f->path, sizeof(f->path), "%s/s.sock", f->dir);
	snprintf(f->path_ro, sizeof(f->path_ro), "%s/s-ro.sock", f->dir);
	f->server = rpc_server_new(dummy_handlers, &f->dummy);
	assert_non_null(f->server);
	assert_int_equal(rpc_server_listen(f->server, listen_at(f->path), false), 0);
	assert_int_equal(rpc_server_listen(f->server, listen_at(f->path_ro), true), 0);
	*state = f;
	return 0;
}

static int
stop(void **state)
{
	struct fixture *f = *state;

	rpc_server_free(f->server);
	unlink(f->path);
	unlink(f->path_ro);
	rmdir(f->dir);
	free(f);
	return 0;
}

static int
connect_to(const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	return fd;
}

/* Lets the server work until its descriptor is quiet; fails when that takes more than turns polls. */
static void
drive(struct fixture *f, int turns)
{
	struct pollfd p = { .fd = rpc_server_fd(f->server), .events = POLLIN };

	while (poll(&p, 1, 0) > 0) {
		assert_true(turns-- > 0);
		rpc_server_poll(f->server);
	}
}

static void
say(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

/* What has arrived, at most size - 1 bytes; "" when there is nothing, or when the other end is closed. */
static char *
hear(int fd, char *text, size_t size)
{
	ssize_t n = recv(fd, text, size - 1, 0);

	text[n < 0 ? 0 : n] = '\0';
	return text;
}

static bool
is_closed(int fd)
{
	char c;

	return recv(fd, &c, 1, MSG_PEEK) == 0;
}

static void
a_request_in_many_pieces_is_one_request(void **state)
{
	struct fixture *f = *state;
	int fd = connect_to(f->path);
	char text[512];

	for (const char *p = LIST; *p != '\0'; p++) {
		assert_int_equal(send(fd, p, 1, MSG_NOSIGNAL), 1);
		drive(f, 10);
		assert_int_equal(f->dummy.calls, p[1] == '\0' ? 1 : 0);
	}
	hear(fd, text, sizeof(text));
	assert_non_null(strstr(text, "\"vm1\""));
	assert_non_null(strstr(text, "\"id\":1}\n"));
	close(fd);
}

static void
several_requests_in_one_piece_are_answered_in_order(void **state)
{
	struct fixture *f = *state;
	int fd = connect_to(f->path);
	char text[2048], *second;

	say(fd, LIST "\n \t\r\n" SHOW LIST);
	drive(f, 10);
	hear(fd, text, sizeof(text));
	assert_int_equal(f->dummy.calls, 3);
	second = strstr(text, "\"id\":2}\n");
	assert_non_null(second);
	assert_true(strstr(text, "\"id\":1}\n") < second);
	assert_non_null(strstr(second, "\"id\":1}\n"));
	close(fd);
}

static void
half_messages_of_some_delay_no_other(void **state)
{
	struct fixture *f = *state;
	int slow[50], fd = connect_to(f->path);
	char text[512];

	for (int i = 0; i < 50; i++) {
		slow[i] = connect_to(f->path);
		say(slow[i], "{\"jsonrpc\":\"2.0\",\"meth");
	}
	say(fd, LIST);
	drive(f, 20);
	assert_non_null(strstr(hear(fd, text, sizeof(text)), "vm1"));
	assert_int_equal(rpc_server_clients(f->server), 51);
	for (int i = 0; i < 50; i++) {
		say(slow[i], "od\":\"port.list\",\"id\":7}\n");
		drive(f, 10);
		assert_non_null(strstr(hear(slow[i], text, sizeof(text)), "\"id\":7}"));
		close(slow[i]);
	}
	close(fd);
}

/* A thousand requests in one go of one client: another's single request is answered after one turn. */
static void
a_greedy_client_takes_turns_with_the_others(void **state)
{
	struct fixture *f = *state;
	int greedy = connect_to(f->path), fd = connect_to(f->path), sent = 0;
	unsigned before;
	char text[512];

	drive(f, 10);
	while (sent < 1000 && send(greedy, LIST, strlen(LIST), MSG_NOSIGNAL) > 0)
		sent++;
	rpc_server_poll(f->server);
	before = f->dummy.calls;
	assert_in_range(before, 1, 32);
	say(fd, LIST);
	/* A slow machine may end a poll after one request: then the next begins with the other client. */
	for (int i = 0; i < 2 && hear(fd, text, sizeof(text))[0] == '\0'; i++)
		rpc_server_poll(f->server);
	assert_non_null(strstr(text[0] == '\0' ? hear(fd, text, sizeof(text)) : text, "vm1"));
	assert_in_range(f->dummy.calls, before + 1, before + 64);
	drive(f, 2000);
	assert_true(sent > 100);
	assert_int_equal(f->dummy.calls, sent + 1);
	close(greedy);
	close(fd);
}

static void
a_request_is_done_although_its_sender_has_gone(void **state)
{
	struct fixture *f = *state;
	int fd = connect_to(f->path);

	say(fd, SET);
	close(fd);
	drive(f, 10);
	assert_int_equal(f->dummy.calls, 1);
	assert_int_equal(rpc_server_clients(f->server), 0);
}

static void
a_client_that_shuts_its_side_gets_its_answer_also_without_a_newline(void **state)
{
	struct fixture *f = *state;
	int fd = connect_to(f->path);
	char text[512];

	assert_int_equal(send(fd, LIST, strlen(LIST) - 1, MSG_NOSIGNAL), strlen(LIST) - 1);
	shutdown(fd, SHUT_WR);
	drive(f, 10);
	assert_non_null(strstr(hear(fd, text, sizeof(text)), "vm1"));
	assert_true(is_closed(fd));
	close(fd);
}

static void
garbage_gets_an_error_and_the_connection_lives_on(void **state)
{
	struct fixture *f = *state;
	int fd = connect_to(f->path);
	char text[2048];

	assert_int_equal(send(fd, "GET / HTTP/1.1\r\n\0\x01\xff\n", 20, MSG_NOSIGNAL), 20);
	say(fd, LIST);
	drive(f, 10);
	hear(fd, text, sizeof(text));
	assert_non_null(strstr(text, "-32700"));
	assert_non_null(strstr(text, "vm1"));
	close(fd);
}

/* Sends bytes of 'x' without an end until the server has closed, or enough was sent. */
static size_t
flood(struct fixture *f, int fd, size_t most)
{
	static char block[65536];
	size_t sent = 0;

	memset(block, 'x', sizeof(block));
	while (sent < most) {
		ssize_t n = send(fd, block, sizeof(block), MSG_NOSIGNAL);

		if (n < 0 && (errno == EPIPE || errno == ECONNRESET))
			break;
		sent += n < 0 ? 0 : (size_t)n;
		drive(f, 100);
	}
	return sent;
}

static void
a_line_without_end_is_told_and_closed(void **state)
{
	struct fixture *f = *state;
	static const struct {
		bool read_only;
		size_t max;
	} rows[] = { { false, 8u << 20 }, { true, 64u << 10 } };

	for (int i = 0; i < 2; i++) {
		int fd = connect_to(rows[i].read_only ? f->path_ro : f->path);
		char text[512];
		/* The server's own socket buffer takes some more. */
		size_t sent = flood(f, fd, rows[i].max + (4u << 20));

		assert_true(sent >= rows[i].max && sent < rows[i].max + (4u << 20));
		assert_non_null(strstr(hear(fd, text, sizeof(text)), "message is longer than"));
		assert_int_equal(rpc_server_clients(f->server), 0);
		close(fd);
	}
}

static void
a_thousand_clients_are_served_and_one_more_is_told(void **state)
{
	struct fixture *f = *state;
	static int fds[RPC_CLIENTS_MAX];
	int late, ro;
	char text[512];

	for (int i = 0; i < RPC_CLIENTS_MAX; i++) {
		fds[i] = connect_to(f->path);
		say(fds[i], LIST);
	}
	drive(f, 300);
	assert_int_equal(rpc_server_clients(f->server), RPC_CLIENTS_MAX);
	for (int i = 0; i < RPC_CLIENTS_MAX; i++)
		assert_non_null(strstr(hear(fds[i], text, sizeof(text)), "vm1"));

	late = connect_to(f->path);
	drive(f, 10);
	assert_non_null(strstr(hear(late, text, sizeof(text)), "all places are taken"));
	assert_true(is_closed(late));
	close(late);
	/* The other socket has places of its own. */
	ro = connect_to(f->path_ro);
	say(ro, LIST);
	drive(f, 10);
	assert_non_null(strstr(hear(ro, text, sizeof(text)), "vm1"));
	close(ro);
	/* A place that is given up is taken again. */
	close(fds[0]);
	drive(f, 10);
	fds[0] = connect_to(f->path);
	say(fds[0], LIST);
	drive(f, 10);
	assert_non_null(strstr(hear(fds[0], text, sizeof(text)), "vm1"));
	for (int i = 0; i < RPC_CLIENTS_MAX; i++)
		close(fds[i]);
	drive(f, 300);
	assert_int_equal(rpc_server_clients(f->server), 0);
}

static void
the_read_only_twin_refuses_a_change(void **state)
{
	struct fixture *f = *state;
	int fd = connect_to(f->path_ro);
	char text[1024];

	say(fd, SET LIST);
	drive(f, 10);
	hear(fd, text, sizeof(text));
	assert_non_null(strstr(text, "EROFS"));
	assert_non_null(strstr(text, "vm1"));
	assert_int_equal(f->dummy.calls, 1);
	close(fd);
}

/* Asks for 1.4 MB of answer without end and reads nothing: it stalls alone, and holds no more than one answer. */
static void
a_client_that_does_not_read_stalls_itself_alone(void **state)
{
	struct fixture *f = *state;
	int slow = connect_to(f->path), fd = connect_to(f->path);
	char text[65536];
	unsigned before;
	size_t got = 0;

	f->dummy.fdb = 40000;
	for (int i = 0; i < 20; i++)
		say(slow, SHOW);
	drive(f, 100);
	before = f->dummy.calls;
	assert_in_range(before, 1, 2);
	say(fd, LIST);
	drive(f, 10);
	assert_non_null(strstr(hear(fd, text, sizeof(text)), "vm1"));
	/* Once it reads, it gets all twenty. */
	for (int i = 0; i < 4000 && f->dummy.calls < 21; i++) {
		ssize_t n = recv(slow, text, sizeof(text), 0);

		got += n > 0 ? (size_t)n : 0;
		drive(f, 100);
	}
	assert_int_equal(f->dummy.calls, 21);
	assert_true(got > 19u * 40000 * 30);
	close(slow);
	close(fd);
}

/* Twelve answers of about 7 MB that nobody reads do not fit into 64 MiB; whoever asks for little is served all the same. */
static void
memory_held_by_slow_readers_is_bounded(void **state)
{
	struct fixture *f = *state;
	int slow[12], fd;
	char text[512];

	f->dummy.fdb = 180000;
	for (int i = 0; i < 12; i++) {
		slow[i] = connect_to(f->path);
		say(slow[i], SHOW);
		drive(f, 100);
	}
	assert_in_range(rpc_server_clients(f->server), 3, 9);
	fd = connect_to(f->path);
	say(fd, LIST);
	drive(f, 10);
	assert_non_null(strstr(hear(fd, text, sizeof(text)), "vm1"));
	for (int i = 0; i < 12; i++)
		close(slow[i]);
	close(fd);
	drive(f, 100);
	assert_int_equal(rpc_server_clients(f->server), 0);
}

static void
the_loop_does_not_spin_when_descriptors_run_out(void **state)
{
	struct fixture *f = *state;
	struct rlimit old, low;
	int fd = connect_to(f->path), first, late;
	char text[512];

	drive(f, 10);
	late = connect_to(f->path); /* not accepted yet */
	first = dup(fd);
	close(first);
	getrlimit(RLIMIT_NOFILE, &old);
	low = old;
	low.rlim_cur = (rlim_t)first; /* the next descriptor would be one too many */
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
	drive(f, 10);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	assert_non_null(strstr(hear(late, text, sizeof(text)), "no descriptor left"));
	assert_true(is_closed(late));
	say(fd, LIST);
	drive(f, 10);
	assert_non_null(strstr(hear(fd, text, sizeof(text)), "vm1"));
	close(late);
	close(fd);
}

static void
idle_clients_stay_and_a_quiet_server_is_not_readable(void **state)
{
	struct fixture *f = *state;
	struct pollfd p = { .fd = rpc_server_fd(f->server), .events = POLLIN };
	int fd = connect_to(f->path);

	drive(f, 10);
	assert_int_equal(poll(&p, 1, 20), 0);
	assert_int_equal(rpc_server_clients(f->server), 1);
	assert_false(is_closed(fd));
	close(fd);
}

static void
a_handler_without_a_method_in_the_schema_is_refused(void **state)
{
	static const struct rpc_handler unknown[] = { { "port.explode", dummy_port_list }, { NULL } };
	static const struct rpc_handler local[] = { { "config.check", dummy_port_list }, { NULL } };

	assert_null(rpc_server_new(unknown, NULL));
	assert_int_equal(errno, EINVAL);
	assert_null(rpc_server_new(local, NULL));
}

/* Clients that connect, send random bytes or messages, and go at random, for a second; then an honest one is served. */
static void
restless_clients_leave_nothing_behind(void **state)
{
	struct fixture *f = *state;
	static const char *const said[] = { LIST, SHOW, SET, "{", "\n", "}\n", "[1,2,", "\"\n", "x" };
	int fds[40], fd;
	struct timespec now, end;
	char text[512];

	srandom(7);
	for (int i = 0; i < 40; i++)
		fds[i] = connect_to(i % 2 ? f->path : f->path_ro);
	f->dummy.fdb = 3000;
	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec++;
	do {
		int i = (int)(random() % 40);

		if (random() % 10 == 0) {
			close(fds[i]);
			fds[i] = connect_to(i % 2 ? f->path : f->path_ro);
		} else if (random() % 3 == 0) {
			hear(fds[i], text, sizeof(text));
		} else {
			const char *t = said[random() % 9];

			if (send(fds[i], t, strlen(t), MSG_NOSIGNAL) < 0)
				assert_true(errno == EAGAIN || errno == EPIPE);
		}
		if (random() % 4 == 0)
			rpc_server_poll(f->server);
		clock_gettime(CLOCK_MONOTONIC, &now);
	} while (now.tv_sec < end.tv_sec || (now.tv_sec == end.tv_sec && now.tv_nsec < end.tv_nsec));
	for (int i = 0; i < 40; i++)
		close(fds[i]);
	drive(f, 10000);
	assert_int_equal(rpc_server_clients(f->server), 0);
	fd = connect_to(f->path);
	say(fd, LIST);
	drive(f, 10);
	assert_non_null(strstr(hear(fd, text, sizeof(text)), "vm1"));
	close(fd);
}

#define on_server(test) cmocka_unit_test_setup_teardown(test, start, stop)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		on_server(a_request_in_many_pieces_is_one_request),
		on_server(several_requests_in_one_piece_are_answered_in_order),
		on_server(half_messages_of_some_delay_no_other),
		on_server(a_greedy_client_takes_turns_with_the_others),
		on_server(a_request_is_done_although_its_sender_has_gone),
		on_server(a_client_that_shuts_its_side_gets_its_answer_also_without_a_newline),
		on_server(garbage_gets_an_error_and_the_connection_lives_on),
		on_server(a_line_without_end_is_told_and_closed),
		on_server(a_thousand_clients_are_served_and_one_more_is_told),
		on_server(the_read_only_twin_refuses_a_change),
		on_server(a_client_that_does_not_read_stalls_itself_alone),
		on_server(memory_held_by_slow_readers_is_bounded),
		on_server(the_loop_does_not_spin_when_descriptors_run_out),
		on_server(idle_clients_stay_and_a_quiet_server_is_not_readable),
		cmocka_unit_test(a_handler_without_a_method_in_the_schema_is_refused),
		on_server(restless_clients_leave_nothing_behind),
	};
	struct rlimit files;

	/* A thousand clients have two ends each here. */
	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max < 4096 ? files.rlim_max : 4096;
	setrlimit(RLIMIT_NOFILE, &files);
	log_set_level(LOG_LEVEL_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
