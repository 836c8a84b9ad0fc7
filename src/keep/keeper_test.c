/* keeper_test.c - the process: its end, signals, and a data plane that was taken over and sends what it likes. Needs root. */
#include "keep/test_rig.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static struct rig rig;

static int
start(void **state)
{
	rig_start(&rig, 0, false);
	return 0;
}

static int
stop(void **state)
{
	return rig_stop(&rig, SIGKILL) == 100 + SIGKILL ? 0 : -1;
}

static double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

/* A request that is right in all that is looked at before its operation. */
static struct keep_request
good(enum keep_op op)
{
	struct keep_request q = { .version = KEEP_VERSION, .size = sizeof(q), .op = op, .seq = 7 };

	q.tap = rig_tap(RIG_NS, "eth0", 1);
	snprintf(q.to, sizeof(q.to), "flkeepx");
	snprintf(q.name, sizeof(q.name), "flkeep.sock");
	return q;
}

static void
spoil_version(struct keep_request *q)
{
	q->version++;
}

static void
spoil_size(struct keep_request *q)
{
	q->size--;
}

static void
spoil_op(struct keep_request *q)
{
	q->op = KEEP_OPS;
}

static void
spoil_op_far(struct keep_request *q)
{
	q->op = UINT32_MAX;
}

static void
spoil_netns_end(struct keep_request *q)
{
	memset(q->tap.netns, 'a', sizeof(q->tap.netns));
}

static void
spoil_netns_path(struct keep_request *q)
{
	strcpy(q->tap.netns, "../../proc/1/ns");
}

static void
spoil_netns_dots(struct keep_request *q)
{
	strcpy(q->tap.netns, "..");
}

static void
spoil_interface_end(struct keep_request *q)
{
	memset(q->tap.interface, 'a', sizeof(q->tap.interface));
}

static void
spoil_interface_empty(struct keep_request *q)
{
	q->tap.interface[0] = '\0';
}

static void
spoil_interface_template(struct keep_request *q)
{
	strcpy(q->tap.interface, "tap%d");
}

static void
spoil_queues_none(struct keep_request *q)
{
	q->tap.queues = 0;
}

static void
spoil_queues_million(struct keep_request *q)
{
	q->tap.queues = 1000000;
}

static void
spoil_addresses(struct keep_request *q)
{
	q->tap.n_addresses = UINT32_MAX;
}

static void
spoil_address_family(struct keep_request *q)
{
	q->tap.n_addresses = 1;
	q->tap.address[0] = (struct prefix){ .family = AF_UNIX };
}

static void
spoil_address_bits(struct keep_request *q)
{
	q->tap.n_addresses = 1;
	q->tap.address[0] = (struct prefix){ .family = AF_INET, .bits = 33 };
}

static void
spoil_mac(struct keep_request *q)
{
	q->tap.mac.byte[0] = 1;
}

static void
spoil_mtu_low(struct keep_request *q)
{
	q->tap.mtu = 67;
}

static void
spoil_mtu_high(struct keep_request *q)
{
	q->tap.mtu = 65522;
}

static void
spoil_txqueuelen(struct keep_request *q)
{
	q->tap.txqueuelen = 100001;
}

static void
spoil_to(struct keep_request *q)
{
	memset(q->to, 'a', sizeof(q->to));
}

static void
spoil_caller(struct keep_request *q)
{
	q->caller.family = AF_PACKET;
}

static void
spoil_name(struct keep_request *q)
{
	strcpy(q->name, "a/b");
}

static void
spoil_name_end(struct keep_request *q)
{
	memset(q->name, 'a', sizeof(q->name));
}

static void
spoil_mode(struct keep_request *q)
{
	q->mode = 01000;
}

static void
spoil_nothing(struct keep_request *q)
{
}

struct hostile {
	enum keep_op op;
	void (*spoil)(struct keep_request *);
	size_t len;     /* 0: as long as it should be */
	unsigned n_fds; /* descriptors that go along */
};

static const struct hostile hostile[] = {
	{ KEEP_TAP_OPEN, spoil_version, 0, 0 },
	{ KEEP_TAP_OPEN, spoil_size, 0, 0 },
	{ KEEP_TAP_OPEN, spoil_op, 0, 0 },
	{ KEEP_TAP_OPEN, spoil_op_far, 0, 0 },
	{ KEEP_TAP_OPEN, spoil_nothing, 1, 0 },
	{ KEEP_TAP_OPEN, spoil_nothing, sizeof(struct keep_request) - 1, 0 },
	{ KEEP_TAP_OPEN, spoil_nothing, sizeof(struct keep_request) + 1, 0 },
	{ KEEP_TAP_OPEN, spoil_nothing, 65536, KEEP_FDS_MAX },
	{ KEEP_TAP_OPEN, spoil_nothing, 0, 1 },
	{ KEEP_TAP_OPEN, spoil_nothing, 0, KEEP_FDS_MAX },
	{ KEEP_TAP_OPEN, spoil_nothing, 0, KEEP_FDS_MAX + 1 },
	{ KEEP_TAP_OPEN, spoil_nothing, 0, 200 },
	{ KEEP_GIVE_BACK, spoil_nothing, 0, 1 },
	{ KEEP_SAVE_CONFIG, spoil_nothing, 0, 0 },
	{ KEEP_SAVE_CONFIG, spoil_nothing, 0, 1 }, /* of a pipe */
	{ KEEP_SAVE_CONFIG, spoil_nothing, 0, 2 },
	{ KEEP_TAP_OPEN, spoil_netns_end, 0, 0 },
	{ KEEP_TAP_OPEN, spoil_netns_path, 0, 0 },
	{ KEEP_TAP_OPEN, spoil_netns_dots, 0, 0 },
	{ KEEP_TAP_OPEN, spoil_interface_end, 0, 0 },
	{ KEEP_TAP_OPEN, spoil_interface_empty, 0, 0 },
	{ KEEP_TAP_OPEN, spoil_interface_template, 0, 0 },
	{ KEEP_TAP_OPEN, spoil_queues_none, 0, 0 },
	{ KEEP_TAP_OPEN, spoil_queues_million, 0, 0 },
	{ KEEP_TAP_OPEN, spoil_addresses, 0, 0 },
	{ KEEP_TAP_OPEN, spoil_address_family, 0, 0 },
	{ KEEP_TAP_SET, spoil_address_bits, 0, 0 },
	{ KEEP_TAP_SET, spoil_mac, 0, 0 },
	{ KEEP_TAP_SET, spoil_mtu_low, 0, 0 },
	{ KEEP_TAP_SET, spoil_mtu_high, 0, 0 },
	{ KEEP_TAP_SET, spoil_txqueuelen, 0, 0 },
	{ KEEP_LINK_IS_UP, spoil_netns_path, 0, 0 },
	{ KEEP_LINK_SHOW, spoil_caller, 0, 0 },
	{ KEEP_LINK_UP, spoil_interface_end, 0, 0 },
	{ KEEP_TAKE_OVER, spoil_to, 0, 0 },
	{ KEEP_LISTEN, spoil_name, 0, 0 },
	{ KEEP_LISTEN, spoil_name_end, 0, 0 },
	{ KEEP_LISTEN, spoil_mode, 0, 0 },
};
#define N_HOSTILE (sizeof(hostile) / sizeof(hostile[0]))

/* Sends len bytes with n descriptors of fd; more than keep_send would. */
static void
send_raw(const void *bytes, size_t len, int fd, unsigned n)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int) * 200)];
	} control = { 0 };
	struct iovec iov = { (void *)(uintptr_t)bytes, len };
	struct msghdr h = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (n > 0) {
		h.msg_control = &control;
		h.msg_controllen = CMSG_SPACE(sizeof(int) * n);
		control.header = (struct cmsghdr){ .cmsg_len = CMSG_LEN(sizeof(int) * n), SOL_SOCKET, SCM_RIGHTS };
		for (unsigned i = 0; i < n; i++)
			memcpy(CMSG_DATA(&control.header) + i * sizeof(int), &fd, sizeof(int));
	}
	assert_int_equal(sendmsg(rig.sock, &h, MSG_NOSIGNAL), len);
}

static int
answer(void)
{
	struct keep_reply re;
	int fds[KEEP_FDS_MAX];
	unsigned n;

	assert_int_equal(keep_recv(rig.sock, &re, sizeof(re), fds, &n), sizeof(re));
	assert_int_equal(n, 0);
	return re.code;
}

static void
every_malformed_request_is_answered_and_its_descriptors_are_closed(void **state)
{
	static char bytes[65536];
	unsigned before = rig_fds(rig.keeper);
	int pipes[2];

	assert_int_equal(pipe(pipes), 0);
	for (unsigned i = 0; i < 10000; i++) {
		const struct hostile *h = &hostile[i % N_HOSTILE];
		struct keep_request q = good(h->op);

		h->spoil(&q);
		memcpy(bytes, &q, sizeof(q));
		send_raw(bytes, h->len ? h->len : sizeof(q), pipes[1], h->n_fds);
		if (answer() != -EPROTO)
			fail_msg("hostile[%u] was not refused", (unsigned)(i % N_HOSTILE));
	}
	assert_int_equal(rig_fds(rig.keeper), before);
	/* Nobody but us has the pipe's other end any more. */
	close(pipes[1]);
	assert_int_equal(read(pipes[0], bytes, 1), 0);
	close(pipes[0]);
	assert_int_not_equal(sh("ip -n " RIG_NS " link show eth0 2>/dev/null"), 0);
}

static void
an_empty_message_is_answered_too(void **state)
{
	struct keep_link l;

	send_raw("", 0, -1, 0);
	assert_int_equal(answer(), -EPROTO);
	assert_int_equal(keep_link_show("lo", NULL, &l, NULL), 0);
}

static void
only_a_sealed_memory_file_is_read_as_configuration(void **state)
{
	struct keep_request q = good(KEEP_SAVE_CONFIG);
	int fd = memfd_create("flkeep", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	assert_int_equal(sh("echo old > " RIG_CONFIG), 0);
	stop(NULL);
	start(NULL);
	assert_int_equal(write(fd, "new\n", 4), 4);
	send_raw(&q, sizeof(q), fd, 1);
	assert_int_equal(answer(), -EPROTO);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), 0);
	send_raw(&q, sizeof(q), fd, 1);
	assert_int_equal(answer(), -EPROTO);
	assert_int_equal(sh("grep -q old " RIG_CONFIG), 0);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK), 0);
	send_raw(&q, sizeof(q), fd, 1);
	assert_int_equal(answer(), 0);
	assert_int_equal(sh("grep -q new " RIG_CONFIG " && rm " RIG_CONFIG), 0);
	close(fd);
}

static void
unread_answers_do_not_hold_the_keeper_up(void **state)
{
	struct keep_request q = good(KEEP_OPS);
	double begun = now();
	int sent = 0;

	assert_int_equal(fcntl(rig.sock, F_SETFL, O_NONBLOCK), 0);
	while (sent < 20000 && now() - begun < 10) {
		if (send(rig.sock, &q, sizeof(q), MSG_NOSIGNAL) == sizeof(q))
			sent++;
		else
			usleep(100);
	}
	assert_int_equal(sent, 20000);
	begun = now();
	assert_int_equal(rig_stop(&rig, SIGTERM), 100 + SIGTERM);
	assert_true(now() - begun < 2);
	start(NULL);
}

static void
answers_that_come_too_late_are_not_taken_for_the_next(void **state)
{
	struct keep_tap t = rig_tap(RIG_NS, "eth0", 2);
	struct keep_request q = good(KEEP_TAP_OPEN);
	unsigned own = rig_fds(getpid());
	struct keep_link l;
	struct mac mac;
	int fds[2];

	strcpy(q.tap.interface, "eth7");
	send_raw(&q, sizeof(q), -1, 0); /* nobody waits for this one's answer, which brings descriptors */
	assert_int_equal(keep_link_show("lo", NULL, &l, NULL), 0);
	assert_true(l.ifindex == 1);
	assert_int_equal(rig_fds(getpid()), own);
	assert_int_not_equal(sh("ip -n " RIG_NS " link show eth7 2>/dev/null"), 0);
	assert_int_equal(keep_tap_open(&t, fds, &mac, NULL), 0);
	rig_close(fds, 2);
}

static void
a_stopped_keeper_is_a_timeout_and_an_ended_one_an_error(void **state)
{
	double begun = now();
	struct keep_link l;
	struct err err;

	kill(rig.keeper, SIGSTOP);
	assert_int_equal(keep_link_show("lo", NULL, &l, &err), -ETIMEDOUT);
	assert_true(now() - begun > 4.9 && now() - begun < 6);
	assert_non_null(strstr(err.msg, "did not answer within 5 s"));
	kill(rig.keeper, SIGCONT);
	assert_int_equal(keep_link_show("lo", NULL, &l, &err), 0);
	kill(rig.keeper, SIGKILL);
	assert_int_equal(waitpid(rig.keeper, NULL, 0), rig.keeper);
	assert_int_equal(keep_link_show("lo", NULL, &l, &err), -EPIPE);
	assert_non_null(strstr(err.hint, "restart fairleadd"));
	close(rig.sock);
	start(NULL);
}

static void
the_keeper_ends_with_the_data_planes_status(void **state)
{
	static const struct {
		int signal, verdict;
	} rows[] = { { SIGKILL, 100 + SIGKILL }, { SIGTERM, 100 + SIGTERM }, { SIGUSR1, 42 }, { SIGUSR2, 0 } };

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct rig r;

		rig_start(&r, 0, false);
		assert_int_equal(rig_stop(&r, rows[i].signal), rows[i].verdict);
	}
	keep_client_init(rig.sock);
}

static void
a_closed_socket_alone_does_not_end_it(void **state)
{
	struct rig r;

	for (int half = 0; half < 2; half++) {
		int status;

		rig_start(&r, 0, false);
		if (half)
			assert_int_equal(shutdown(r.sock, SHUT_WR), 0);
		else
			assert_int_equal(close(r.sock), 0);
		usleep(1000000);
		assert_int_equal(waitpid(r.keeper, &status, WNOHANG), 0);
		/* It waits, it does not spin: less than 100 ms of CPU time, in ticks of 10 ms (proc(5), fields 14 and 15). */
		assert_int_equal(sh("[ $(awk '{print $14 + $15}' /proc/%d/stat) -lt 10 ]", (int)r.keeper), 0);
		if (!half)
			r.sock = dup(0);
		assert_int_equal(rig_stop(&r, SIGKILL), 100 + SIGKILL);
	}
	keep_client_init(rig.sock);
}

static void
signals_are_passed_on(void **state)
{
	static const int signals[] = { SIGTERM, SIGINT, SIGHUP };

	for (unsigned i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		struct rig r;

		rig_start(&r, 0, false);
		kill(r.keeper, signals[i]);
		assert_int_equal(rig_wait(&r), 100 + signals[i]);
	}
	keep_client_init(rig.sock);
}

static void
a_data_plane_deaf_to_sigterm_is_killed_after_a_while(void **state)
{
	double begun;
	struct rig r;

	rig_start(&r, 0, true);
	begun = now();
	kill(r.keeper, SIGTERM);
	assert_int_equal(rig_wait(&r), 100 + SIGKILL);
	assert_true(now() - begun > 0.9 && now() - begun < 5);
	keep_client_init(rig.sock);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(every_malformed_request_is_answered_and_its_descriptors_are_closed,
						start, stop),
		cmocka_unit_test_setup_teardown(an_empty_message_is_answered_too, start, stop),
		cmocka_unit_test_setup_teardown(only_a_sealed_memory_file_is_read_as_configuration, start, stop),
		cmocka_unit_test_setup_teardown(unread_answers_do_not_hold_the_keeper_up, start, stop),
		cmocka_unit_test_setup_teardown(answers_that_come_too_late_are_not_taken_for_the_next, start, stop),
		cmocka_unit_test_setup_teardown(a_stopped_keeper_is_a_timeout_and_an_ended_one_an_error, start, stop),
		cmocka_unit_test_setup_teardown(the_keeper_ends_with_the_data_planes_status, start, stop),
		cmocka_unit_test_setup_teardown(a_closed_socket_alone_does_not_end_it, start, stop),
		cmocka_unit_test_setup_teardown(signals_are_passed_on, start, stop),
		cmocka_unit_test_setup_teardown(a_data_plane_deaf_to_sigterm_is_killed_after_a_while, start, stop),
	};

	return cmocka_run_group_tests(tests, rig_setup, rig_teardown);
}
