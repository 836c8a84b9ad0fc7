/* keeper.c - the keeper process: waits for requests, for signals, and for the end of the data plane; see keep.h. */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "keep/ops.h"

#define NEVER INT64_MAX

static int (*const ops[KEEP_OPS])(struct keeper *, struct call *) = {
	[KEEP_TAP_OPEN] = op_tap_open,   [KEEP_TAP_SET] = op_tap_set,         [KEEP_LINK_IS_UP] = op_link_show,
	[KEEP_LINK_SHOW] = op_link_show, [KEEP_LINK_UP] = op_link_up,         [KEEP_TAKE_OVER] = op_take_over,
	[KEEP_GIVE_BACK] = op_give_back, [KEEP_LISTEN] = op_listen,           [KEEP_UNLISTEN] = op_unlisten,
	[KEEP_CONNECT] = op_connect,     [KEEP_SAVE_CONFIG] = op_save_config,
};

static void
call_close(struct call *c)
{
	keep_close_all(c->fds, &c->n_fds);
	if (c->nl != NULL)
		mnl_socket_close(c->nl);
	c->nl = NULL;
	c->n_give = 0;
}

/* Answers one message. False when the data plane has closed its end. */
static bool
serve_one(struct keeper *k, int sock, bool hung_up)
{
	struct call c = { 0 };
	ssize_t n = keep_recv(sock, &c.q, sizeof(c.q), c.fds, &c.n_fds);

	if (n < 0 || (n == 0 && hung_up)) /* 0 alone may be an empty message */
		return n == -EAGAIN;
	c.re.seq = c.q.seq;
	c.re.code = keep_request_check(&c.q, (size_t)n, c.n_fds) ?: ops[c.q.op](k, &c);
	if (c.re.code < 0 || c.n_give == 0)
		call_close(&c); /* who reads of an error finds nothing left of it */
	/* A data plane that leaves its answers unread loses them: the keeper waits for nobody. */
	keep_send(sock, &c.re, sizeof(c.re), c.fds, c.n_give);
	call_close(&c);
	return true;
}

static int64_t
now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

/* Passes on what came; returns when the data plane must have ended, kill_at when that has not changed. */
static int64_t
pass_signals(const struct keeper *k, int sigfd, pid_t data_plane, int64_t kill_at)
{
	struct signalfd_siginfo s;

	while (read(sigfd, &s, sizeof(s)) == sizeof(s)) {
		if (s.ssi_signo == SIGCHLD)
			continue;
		kill(data_plane, (int)s.ssi_signo);
		if (s.ssi_signo != SIGHUP && kill_at == NEVER)
			kill_at = now_ms() + k->options->stop_ms;
	}
	return kill_at;
}

static int
serve_until_end(struct keeper *k, int sock, int sigfd, pid_t data_plane)
{
	int64_t kill_at = NEVER;
	int status = 0;
	pid_t ended;

	while ((ended = waitpid(data_plane, &status, WNOHANG)) == 0) {
		struct pollfd p[] = { { sigfd, POLLIN, 0 }, { sock, POLLIN | POLLRDHUP, 0 } };
		int64_t left = kill_at - now_ms();

		if (left <= 0) {
			log_error("data plane killed: did not end within %d ms pid=%d", k->options->stop_ms,
				  (int)data_plane);
			kill(data_plane, SIGKILL);
			kill_at = NEVER;
		}
		if (poll(p, 2, left > k->options->stop_ms ? -1 : (int)left) < 0)
			continue;
		if (p[0].revents)
			kill_at = pass_signals(k, sigfd, data_plane, kill_at);
		if (p[1].revents && !serve_one(k, sock, p[1].revents & (POLLRDHUP | POLLHUP | POLLERR)))
			sock = -1;
	}
	if (ended > 0 && WIFSIGNALED(status))
		log_error("data plane died, its ports are gone signal=%d (%s)", WTERMSIG(status),
			  strsignal(WTERMSIG(status)));
	return ended < 0 ? -errno : status;
}

int
keep_serve(int sock, pid_t data_plane, const struct keep_options *options)
{
	struct keeper *k = calloc(1, sizeof(*k));
	int own_ns = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	struct call c = { 0 };
	int sigfd, status;
	sigset_t set, old;

	sigemptyset(&set);
	for (unsigned i = 0; i < 5; i++)
		sigaddset(&set, (const int[]){ SIGCHLD, SIGTERM, SIGINT, SIGHUP, SIGPIPE }[i]);
	sigprocmask(SIG_BLOCK, &set, &old);
	sigdelset(&set, SIGPIPE); /* stays blocked: a closed standard error must not end the keeper */
	signal(SIGCHLD, SIG_DFL); /* where it is ignored, a child leaves no status */
	sigfd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (k == NULL || own_ns < 0 || sigfd < 0 || fcntl(sock, F_SETFL, O_NONBLOCK) < 0) {
		kill(data_plane, SIGKILL);
		waitpid(data_plane, NULL, 0);
		status = -EMFILE;
	} else {
		k->options = options;
		k->own_ns = own_ns;
		/* The time tells this keeper from an earlier one that had the same number. */
		snprintf(k->alias, sizeof(k->alias), "fairlead %d.%lld", (int)getpid(), (long long)now_ms());
		mkdir(options->run_dir, 0755); /* whether it serves is seen at the first socket */
		status = serve_until_end(k, sock, sigfd, data_plane);
		if (k->take.uplink != 0 && (c.re.code = op_give_back(k, &c)) < 0)
			log_error("uplink not given back reason=%s", strerror(-c.re.code));
		call_close(&c);
		for (unsigned i = 0; i < KEEP_SOCKETS_MAX; i++)
			if (k->sockets[i].path[0])
				socket_remove(&k->sockets[i]);
		messages_free(&k->take.saved);
	}
	sigprocmask(SIG_SETMASK, &old, NULL);
	close(sigfd);
	close(own_ns);
	free(k);
	return status;
}
