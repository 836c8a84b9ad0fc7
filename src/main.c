/* main.c - fairleadd: start order and its mirror, nothing else. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "ctl/daemon.h"
#include "ctl/options.h"
#include "keep/keep.h"

/* The data plane: everything but what needs privilege. Returns the exit status. */
static int
data_plane(const struct options *options, int sock)
{
	struct daemon daemon;
	struct err err;
	int status;

	keep_client_init(sock);
	if (daemon_start(&daemon, options, &err) < 0) {
		log_error("%s", err.msg);
		if (err.hint[0] != '\0')
			log_error("hint: %s", err.hint);
		return EXIT_FAILURE;
	}
	status = daemon_run(&daemon);
	daemon_stop(&daemon);
	return status;
}

int
main(int argc, char **argv)
{
	struct options options;
	int pair[2], status;
	pid_t pid;

	status = options_parse(&options, argc, argv);
	if (status != OPTIONS_RUN)
		return status;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
		perror("fairleadd: socketpair");
		return EXIT_FAILURE;
	}
	options.keeper = getpid();
	pid = fork();
	if (pid < 0) {
		perror("fairleadd: fork");
		return EXIT_FAILURE;
	}
	if (pid == 0) {
		close(pair[0]);
		_exit(data_plane(&options, pair[1]));
	}
	close(pair[1]);
	status = keep_serve(pair[0], pid, &options.keep);
	if (status < 0)
		return EXIT_FAILURE;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status); /* as a shell says it */
}
