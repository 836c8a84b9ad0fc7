#ifndef BASE_TEST_HELD_H
#define BASE_TEST_HELD_H
/*
 * test_held.h - for tests: what this process holds, so that a leak is seen.
 *
 * Descriptors are waited for up to ms milliseconds: those that could take their time are closed by another thread (closer.h).
 */
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Descriptors that are open, of the first 1024. */
static inline unsigned
test_open_fds(void)
{
	unsigned n = 0;

	for (int fd = 0; fd < 1024; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

/* Whether there come to be n of them. */
static inline bool
test_has_fds(unsigned n, unsigned ms)
{
	for (; test_open_fds() != n && ms > 0; ms--)
		usleep(1000);
	return test_open_fds() == n;
}

/* Whether there come to be no more than n. */
static inline bool
test_has_only_fds(unsigned n, unsigned ms)
{
	for (; test_open_fds() > n && ms > 0; ms--)
		usleep(1000);
	return test_open_fds() <= n;
}

/* Mappings of files in memory. Without /proc there is no test. */
static inline unsigned
test_mappings(void)
{
	FILE *f = fopen("/proc/self/maps", "re");
	char line[512];
	unsigned n = 0;

	if (f == NULL)
		abort();
	while (fgets(line, sizeof(line), f) != NULL)
		n += strstr(line, "/memfd:") != NULL;
	fclose(f);
	return n;
}
#endif
