/* interrupt.c - a read of nothing, whose completion signals the eventfd (io_submit(2), IOCB_FLAG_RESFD); see interrupt.h. */
#include "guest/interrupt.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define ROOM 64 /* completions that wait to be taken away. Our choice */

/* Of one thread: its context, 0 until it sends first, and the completions in it. */
static _Thread_local struct {
	aio_context_t context;
	unsigned n;
} mine;

static int nothing = -1; /* /dev/null: a read of it is complete at once */

/*
 * Of threads that get none of their own: the system has room for so many (fs.aio-max-nr), and anybody on it may take them all. Made
 * before any guest is there. 0: there is none.
 */
static aio_context_t shared;

int
interrupt_init(void)
{
	nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (nothing >= 0 && syscall(SYS_io_setup, ROOM, &shared) < 0)
		shared = 0;
	return nothing < 0 ? -errno : 0;
}

void
interrupt_thread_fini(void)
{
	if (mine.context != 0)
		syscall(SYS_io_destroy, mine.context);
	mine.context = 0;
	mine.n = 0;
}

void
interrupt_fini(void)
{
	interrupt_thread_fini();
	if (shared != 0)
		syscall(SYS_io_destroy, shared);
	shared = 0;
	if (nothing >= 0)
		close(nothing);
	nothing = -1;
}

bool
interrupt_is_eventfd(int fd)
{
	static const char want[] = "anon_inode:[eventfd]";
	char path[32], is[sizeof(want) + 1];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	n = readlink(path, is, sizeof(is));
	return n == sizeof(want) - 1 && memcmp(is, want, sizeof(want) - 1) == 0;
}

/* They are all there already, so this waits for nothing. */
static void
take_completions(aio_context_t context)
{
	struct io_event done[ROOM];

	syscall(SYS_io_getevents, context, 0, ROOM, done, NULL);
}

/* Nobody counts what is in it: it is emptied when it is full. */
static int
send_shared(struct iocb *read)
{
	/* Other threads may fill it again meanwhile, but not for ever. */
	while (syscall(SYS_io_submit, shared, 1, &read) != 1) {
		if (errno != EAGAIN)
			return -errno;
		take_completions(shared);
	}
	return 0;
}

/* A system without asynchronous I/O, or that had no room for it from the start: better held up by a hostile peer than silent to all. */
static int
send_by_write(int eventfd)
{
	uint64_t one = 1;

	/* EAGAIN: the counter is as full as can be, so there is an interrupt to come. */
	return write(eventfd, &one, sizeof(one)) < 0 && errno != EAGAIN ? -errno : 0;
}

int
interrupt_send(int eventfd)
{
	uint8_t byte;
	struct iocb read = { .aio_lio_opcode = IOCB_CMD_PREAD,
			     .aio_fildes = (uint32_t)nothing,
			     .aio_buf = (uintptr_t)&byte,
			     .aio_nbytes = 1,
			     .aio_flags = IOCB_FLAG_RESFD,
			     .aio_resfd = (uint32_t)eventfd },
		    *all = &read;

	if (mine.context == 0 && syscall(SYS_io_setup, ROOM, &mine.context) < 0)
		return shared != 0 ? send_shared(&read) : send_by_write(eventfd);
	if (mine.n == ROOM) {
		take_completions(mine.context);
		mine.n = 0;
	}
	if (syscall(SYS_io_submit, mine.context, 1, &all) != 1)
		return -errno;
	mine.n++;
	return 0;
}
