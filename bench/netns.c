/* netns.c - sockets of other namespaces; see netns.h. */
#include "bench/netns.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

static int
enter(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), err;

	if (fd < 0)
		return -errno;
	err = setns(fd, CLONE_NEWNET) < 0 ? -errno : 0;
	close(fd);
	return err;
}

int
netns_socket(const char *name, int family, int type, int protocol)
{
	int own = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	char path[PATH_MAX];
	int sock;

	if (own < 0)
		return -errno;
	snprintf(path, sizeof(path), "/run/netns/%s", name);
	sock = enter(path);
	if (sock == 0) {
		sock = socket(family, type | SOCK_CLOEXEC, protocol);
		if (sock < 0)
			sock = -errno;
		if (setns(own, CLONE_NEWNET) < 0)
			bench_fail("cannot return to the own namespace", errno);
	}
	close(own);
	return sock;
}

int
netns_ifindex(const char *name, const char *interface)
{
	int sock = netns_socket(name, AF_INET, SOCK_DGRAM, 0), index;
	struct ifreq request = { 0 };

	if (sock < 0)
		return sock;
	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", interface);
	index = ioctl(sock, SIOCGIFINDEX, &request) < 0 ? -errno : request.ifr_ifindex;
	close(sock);
	return index;
}

_Noreturn void
bench_fail(const char *what, int error)
{
	fprintf(stderr, "%s: %s: %s\n", program_invocation_short_name, what, strerror(error));
	exit(1);
}

unsigned long
bench_number(const char *option, const char *text, unsigned long most)
{
	char *end;
	unsigned long n;

	errno = 0;
	n = strtoul(text, &end, 10);
	if (errno != 0 || *end != '\0' || n < 1 || n > most) {
		fprintf(stderr, "%s: --%s: '%s' is no number from 1 to %lu\n", program_invocation_short_name, option,
			text, most);
		exit(2);
	}
	return n;
}
