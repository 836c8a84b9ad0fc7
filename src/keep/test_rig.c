/* test_rig.c - see test_rig.h. */
#include "keep/test_rig.h"

#include <dirent.h>
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* The address sanitizer's, where it is there: the keeper process is a fork, whose leaks nobody else would report. */
int __lsan_do_recoverable_leak_check(void) __attribute__((weak));

int
sh(const char *fmt, ...)
{
	char command[1024];
	va_list ap;
	int status;

	va_start(ap, fmt);
	vsnprintf(command, sizeof(command), fmt, ap);
	va_end(ap);
	status = system(command); /* NOLINT(cert-env33-c): the test's own words */
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void
end_as_asked(int signal)
{
	_exit(signal == SIGUSR1 ? 42 : 0);
}

static void __attribute__((noreturn)) be_data_plane(int report, bool deaf)
{
	pid_t self = getpid();

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGTERM, deaf ? SIG_IGN : SIG_DFL);
	signal(SIGUSR1, end_as_asked);
	signal(SIGUSR2, end_as_asked);
	if (write(report, &self, sizeof(self)) != sizeof(self))
		_exit(98);
	close(report);
	for (;;)
		pause();
}

static void __attribute__((noreturn)) be_keeper(int sock, int report, uid_t uid, bool deaf)
{
	struct keep_options options = { .run_dir = RIG_DIR, .config_path = RIG_CONFIG, .stop_ms = 1000 };
	pid_t child;
	int status;

	prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that failed must not leave it */
	child = fork();
	if (child == 0) {
		close(sock);
		be_data_plane(report, deaf);
	}
	close(report);
	if (child < 0 || (uid != 0 && setresuid(uid, uid, uid) < 0))
		_exit(97);
	if (access(RIG_CONFIG, F_OK) < 0)
		options.config_path = NULL;
	status = keep_serve(sock, child, &options);
	if (__lsan_do_recoverable_leak_check && __lsan_do_recoverable_leak_check())
		_exit(96);
	_exit(status < 0 ? 95 : WIFSIGNALED(status) ? 100 + WTERMSIG(status) : WEXITSTATUS(status));
}

void
rig_start(struct rig *r, uid_t uid, bool deaf)
{
	int pair[2], report[2];
	struct keep_link lo;

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(pipe(report), 0);
	fflush(NULL);
	r->keeper = fork();
	assert_true(r->keeper >= 0);
	if (r->keeper == 0) {
		close(pair[1]);
		close(report[0]);
		be_keeper(pair[0], report[1], uid, deaf);
	}
	close(pair[0]);
	close(report[1]);
	assert_int_equal(read(report[0], &r->data_plane, sizeof(r->data_plane)), sizeof(r->data_plane));
	close(report[0]);
	r->sock = pair[1];
	keep_client_init(r->sock);
	assert_int_equal(keep_link_show("lo", NULL, &lo, NULL), 0); /* now it has all descriptors that it will have */
}

int
rig_wait(struct rig *r)
{
	int status;

	assert_int_equal(waitpid(r->keeper, &status, 0), r->keeper);
	close(r->sock);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 200 + WTERMSIG(status);
}

int
rig_stop(struct rig *r, int signal)
{
	kill(r->data_plane, signal);
	return rig_wait(r);
}

unsigned
rig_fds(pid_t pid)
{
	char path[64];
	unsigned n = 0;
	DIR *d;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	d = opendir(path);
	assert_non_null(d);
	while (readdir(d) != NULL)
		n++;
	closedir(d);
	return n;
}

int
rig_setup(void **state)
{
	rig_teardown(state);
	if (unshare(CLONE_NEWNET) < 0)
		return -1;
	return sh("ip link set lo up && ip netns add " RIG_NS " && ip netns add " RIG_NS2);
}

int
rig_teardown(void **state)
{
	return sh("for n in " RIG_NS " " RIG_NS2 "; do ip netns del $n 2>/dev/null; done; rm -rf " RIG_DIR
		  " " RIG_CONFIG " " RIG_CONFIG ".*; ! ls -d /run/netns/flkeep* " RIG_DIR " " RIG_CONFIG
		  "* 2>/dev/null");
}

struct keep_tap
rig_tap(const char *netns, const char *interface, unsigned queues)
{
	struct keep_tap t = { .queues = queues };

	snprintf(t.netns, sizeof(t.netns), "%s", netns);
	snprintf(t.interface, sizeof(t.interface), "%s", interface);
	return t;
}

void
rig_close(int *fds, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		assert_int_equal(close(fds[i]), 0);
}
