#ifndef TESTS_FUZZ_H
#define TESTS_FUZZ_H
/*
 * fuzz.h - what fuzz targets share: the two functions of libFuzzer, inputs that are read bit by bit, and messages with descriptors.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define FUZZ_FDS_MAX 16 /* of a message: twice as many as any session takes */

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static inline void
must(bool holds)
{
	if (!holds)
		abort();
}

/* What is left of the input. */
struct input {
	const uint8_t *at;
	size_t left;
};

/* The next n <= 8 bytes as a little-endian number; behind the end are zeros. */
static inline uint64_t
next(struct input *in, size_t n)
{
	uint64_t value = 0;

	if (n > in->left)
		n = in->left;
	memcpy(&value, in->at, n);
	in->at += n;
	in->left -= n;
	return value;
}

static inline uint8_t
next_byte(struct input *in)
{
	return (uint8_t)next(in, 1);
}

/* Takes the next n bytes, or what is left, as an input of their own. */
static inline struct input
next_part(struct input *in, size_t n)
{
	struct input part = { in->at, n < in->left ? n : in->left };

	in->at += part.left;
	in->left -= part.left;
	return part;
}

/* Sends len bytes with n <= FUZZ_FDS_MAX descriptors, if the other end is still there and has room. */
static inline void
fuzz_send(int sock, const void *bytes, size_t len, const int *fds, unsigned n)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(FUZZ_FDS_MAX * sizeof(int))] = { 0 };
	struct iovec from = { (void *)(uintptr_t)bytes, len };
	struct msghdr msg = { .msg_iov = &from, .msg_iovlen = 1 };

	if (n > 0) {
		struct cmsghdr *c;

		msg.msg_control = control;
		msg.msg_controllen = CMSG_SPACE(n * sizeof(int));
		c = CMSG_FIRSTHDR(&msg);
		*c = (struct cmsghdr){ CMSG_LEN(n * sizeof(int)), SOL_SOCKET, SCM_RIGHTS };
		memcpy(CMSG_DATA(c), fds, n * sizeof(int));
	}
	if (sendmsg(sock, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		return; /* it was cut off */
}

/* The number that the next descriptor will have: what is left open makes it another. any: one that is open. */
static inline int
fuzz_free_fd(int any)
{
	int fd = dup(any);

	close(fd);
	return fd;
}

/* Whether it comes to be that number, within a second: a thread closes those that could take their time. */
static inline bool
fuzz_comes_free(int any, int fd)
{
	for (unsigned n = 0; fuzz_free_fd(any) != fd && n < 50000; n++)
		usleep(20);
	return fuzz_free_fd(any) == fd;
}
#endif
