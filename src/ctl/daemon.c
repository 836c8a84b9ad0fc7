/* daemon.c - the control thread; see daemon.h. */
#include "ctl/daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "ctl/eal.h"
#include "ctl/notify.h"
#include "ctl/privilege.h"
#include "guest/vhost.h"

#define TEND_MS 500 /* how soon a lost interface is noticed; also the window of processor loads */
#define LOOP_FDS 5  /* signals, two timers, RPC, front ends of guests */
#define SOCKET_MODE 0660
#define SOCKET_GROUP "fairlead"

static struct config *
read_config(const char *path, struct err *err)
{
	struct config_mistakes mistakes = { 0 };
	struct config *config = NULL;
	char *text = malloc(CONFIG_TEXT_MAX + 1);
	FILE *f = fopen(path, "re");
	size_t n;

	if (f == NULL || text == NULL) {
		err_set(err, -errno, "cannot read configuration '%s': %s", path, strerror(errno));
		goto close_file;
	}
	n = fread(text, 1, CONFIG_TEXT_MAX + 1, f);
	config = config_parse(text, n, &mistakes);
	if (config == NULL) {
		char *all = config_mistakes_text(&mistakes, path);

		fputs(all != NULL ? all : "", stderr);
		free(all);
		err_set(err, -EINVAL, "configuration '%s' has %u mistake%s", path, mistakes.n + mistakes.hidden,
			mistakes.n + mistakes.hidden == 1 ? "" : "s");
	}
	config_mistakes_free(&mistakes);
close_file:
	if (f != NULL)
		fclose(f);
	free(text);
	return config;
}

static int
listen_rpc(struct daemon *d, const struct options *o, struct err *err)
{
	const char *name[2] = { o->rpc, o->rpc_read_only };
	const char *owner = getgrnam(SOCKET_GROUP) != NULL ? ":" SOCKET_GROUP : "";

	d->rpc = rpc_server_new(control_methods, &d->control);
	if (d->rpc == NULL)
		return err_set(err, -errno, "cannot start the RPC server: %s", strerror(errno));
	for (int i = 0; i < 2; i++) {
		int fd = keep_listen(name[i], i == 0 ? SOCKET_MODE : 0666, owner, err), ret;

		if (fd < 0) {
			err_prefix(err, "%s", o->run_dir);
			return fd;
		}
		ret = rpc_server_listen(d->rpc, fd, i == 1);
		if (ret < 0)
			return err_set(err, ret, "cannot serve '%s/%s': %s", o->run_dir, name[i], strerror(-ret));
	}
	return 0;
}

static int
watch(struct daemon *d, int fd)
{
	struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };

	return fd >= 0 && epoll_ctl(d->epfd, EPOLL_CTL_ADD, fd, &event) == 0 ? 0 : -errno;
}

static int
start_loop(struct daemon *d, const sigset_t *signals, struct err *err)
{
	struct itimerspec every = {
		.it_interval.tv_nsec = TEND_MS * NSEC_PER_MS,
		.it_value.tv_nsec = TEND_MS * NSEC_PER_MS,
	};

	d->epfd = epoll_create1(EPOLL_CLOEXEC);
	d->signal_fd = signalfd(-1, signals, SFD_CLOEXEC | SFD_NONBLOCK);
	d->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	d->balance_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (d->epfd < 0 || timerfd_settime(d->timer_fd, 0, &every, NULL) < 0 || watch(d, d->signal_fd) < 0 ||
	    watch(d, d->timer_fd) < 0 || watch(d, d->balance_fd) < 0 || watch(d, rpc_server_fd(d->rpc)) < 0 ||
	    watch(d, vhost_loop_fd()) < 0)
		return err_set(err, -errno, "cannot start the control loop: %s", strerror(errno));
	return 0;
}

static void
close_loop(struct daemon *d)
{
	int fds[] = { d->balance_fd, d->timer_fd, d->signal_fd, d->epfd };

	for (unsigned i = 0; i < 4; i++)
		if (fds[i] >= 0)
			close(fds[i]);
}

static void
tell_start(const struct host *host, const struct options *o)
{
	log_info("fairleadd " FAIRLEAD_VERSION " started config=%s rpc=%s/%s processors=%u adapters=%u switches=%u "
		 "ports=%u",
		 o->keep.config_path, o->run_dir, o->rpc, n_processors, host->running->n_adapters, host->n_switches,
		 host->n_ports);
}

int
daemon_start(struct daemon *d, const struct options *o, struct err *err)
{
	struct host_options host_options = { .run_dir = o->run_dir,
					     .take_over = o->take_over,
					     .caller = caller_address() };
	struct config *config;
	sigset_t signals;
	int ret;

	memset((void *)d, 0, sizeof(*d));
	d->epfd = d->signal_fd = d->timer_fd = d->balance_fd = -1;
	/* Before any thread is made: they inherit it, and only the control loop reads signals. */
	sigemptyset(&signals);
	for (int i = 0; i < 4; i++)
		sigaddset(&signals, (const int[]){ SIGTERM, SIGINT, SIGHUP, SIGPIPE }[i]);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	sigdelset(&signals, SIGPIPE); /* stays blocked: a client that closes is an errno */

	config = read_config(o->keep.config_path, err);
	if (config == NULL)
		return err->code;
	ret = eal_start(o->hugepages, config->n_adapters, err);
	if (ret == 0)
		ret = privilege_drop(config, o->keeper, err);
	d->control = (struct control){ .host = &d->host, .config_path = o->keep.config_path };
	/* Before the ports: a second daemon of this name would complain of the first one's, and have them removed. */
	if (ret == 0)
		ret = listen_rpc(d, o, err);
	if (ret == 0)
		ret = host_start(&d->host, config, &host_options, err);
	if (ret < 0) {
		rpc_server_free(d->rpc);
		config_free(config);
		return ret;
	}
	ret = start_loop(d, &signals, err);
	if (ret < 0) {
		daemon_stop(d);
		return ret;
	}
	tell_start(&d->host, o);
	notify_ready();
	return 0;
}

/* A run of the balancer, and the timer for the next one. */
static void
balance(struct daemon *d)
{
	uint64_t ns = host_balance(&d->host);
	struct itimerspec once = {
		.it_value = { .tv_sec = (time_t)(ns / NSEC_PER_S), .tv_nsec = (long)(ns % NSEC_PER_S) },
	};

	if (ns > 0 || d->balancing)
		timerfd_settime(d->balance_fd, 0, &once, NULL);
	d->balancing = ns > 0;
}

int
daemon_run(struct daemon *d)
{
	for (;;) {
		struct signalfd_siginfo signal;
		struct epoll_event events[LOOP_FDS];
		uint64_t ticks;

		if (epoll_wait(d->epfd, events, LOOP_FDS, -1) < 0 && errno != EINTR)
			return EXIT_FAILURE;
		if (read(d->signal_fd, &signal, sizeof(signal)) == sizeof(signal) && signal.ssi_signo != SIGHUP)
			return EXIT_SUCCESS;
		rpc_server_poll(d->rpc);
		vhost_loop_poll();
		if (read(d->timer_fd, &ticks, sizeof(ticks)) == sizeof(ticks)) {
			host_tend(&d->host);
			control_tend(&d->control);
		}
		/* Whatever woke us may have given it something to do. */
		if (read(d->balance_fd, &ticks, sizeof(ticks)) == sizeof(ticks) || !d->balancing)
			balance(d);
	}
}

void
daemon_stop(struct daemon *d)
{
	rpc_server_free(d->rpc);
	close_loop(d);
	config_free(d->control.unconfirmed_before);
	host_stop(&d->host);
}
