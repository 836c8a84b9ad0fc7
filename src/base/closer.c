/*
 * closer.c - a queue of peers that have descriptors to be closed, and threads that work it off; see closer.h.
 *
 *	a closer is busy    <=>  it stands in the queue, or one thread is at it; so a peer holds up one thread at most
 *	closers in the queue <=  threads that wait for work, or are about to look for it; else one more is started
 *
 * A thread that finds the queue empty waits, one of them; the others end.
 */
#include "base/closer.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/thread.h"

#define ARRIVE_MAX 253            /* SCM_MAX_FD of the kernel (include/net/scm.h): what one sendmsg can carry */
#define ROOM 4096                 /* bytes of what is thrown away at once */
#define LITTLE ((size_t)64 << 20) /* bytes of memory that are freed at once: within 20 ms, see closer.h. Our choice */
#define BLOCK 512                 /* bytes of st_blocks, stat(2) */

struct job {
	struct job *next;
	void *base; /* len 0: nothing is mapped */
	size_t len;
	int fd;
};

/* All under lock. */
struct closer {
	struct closer *next; /* in the queue */
	struct job *first, **last;
	unsigned open; /* jobs that wait, and one that a thread is at */
	bool busy, orphan;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* never held over a close */
static pthread_cond_t work = PTHREAD_COND_INITIALIZER;
static struct closer *first, **last = &first;
static unsigned n_queued, n_free; /* closers in the queue; threads that wait for one */

/* ---- the threads ---- */

static struct closer *
queue_take(void)
{
	struct closer *c = first;

	first = c->next;
	if (first == NULL)
		last = &first;
	n_queued--;
	return c;
}

static void
do_job(const struct job *job)
{
	if (job->len > 0)
		munmap(job->base, job->len);
	close(job->fd);
}

/* With the lock held, which it gives up for each job. */
static void
do_all(struct closer *c)
{
	while (c->first != NULL) {
		struct job *job = c->first;

		c->first = job->next;
		if (c->first == NULL)
			c->last = &c->first;
		pthread_mutex_unlock(&lock);
		do_job(job);
		free(job);
		pthread_mutex_lock(&lock);
		c->open--;
	}
	c->busy = false;
	if (c->orphan)
		free(c);
}

static void *
run(void *arg)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = { 0 };

	syscall(SYS_capset, &header, none);
	pthread_detach(pthread_self());
	pthread_mutex_lock(&lock);
	for (;;) {
		if (first == NULL) {
			if (n_free > 0)
				break;
			n_free++;
			while (first == NULL)
				pthread_cond_wait(&work, &lock);
			n_free--;
		}
		do_all(queue_take());
	}
	pthread_mutex_unlock(&lock);
	return arg;
}

/* Has a thread do what waits of c. With the lock held. */
static void
put_to_work(struct closer *c)
{
	pthread_t thread;

	c->busy = true;
	c->next = NULL;
	*last = c;
	last = &c->next;
	if (++n_queued <= n_free) {
		pthread_cond_signal(&work);
		return;
	}
	/* Without a thread: here and now, or they would be gone for good. */
	if (thread_start(&thread, "fl-closer", THREAD_ANY_CPU, run, NULL) < 0)
		do_all(queue_take());
}

/* ---- descriptors ---- */

/*
 * Eventfds and little files in memory: found out without a word to a file system, which may be the peer's own. It is all that the
 * front ends of guests have a reason to send.
 */
static bool
closes_at_once(int fd)
{
	static const char eventfd[] = "anon_inode:[eventfd]";
	char path[32], is[sizeof(eventfd) + 1];
	struct stat st;

	if (fcntl(fd, F_GET_SEALS) >= 0) /* tmpfs, hugetlbfs */
		return fstat(fd, &st) == 0 && (uint64_t)st.st_blocks * BLOCK <= LITTLE;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return readlink(path, is, sizeof(is)) == sizeof(eventfd) - 1 && memcmp(is, eventfd, sizeof(eventfd) - 1) == 0;
}

static void
do_later(struct closer *c, struct job job)
{
	struct job *mine = malloc(sizeof(*mine));

	if (mine == NULL) {
		do_job(&job);
		return;
	}
	*mine = job;
	pthread_mutex_lock(&lock);
	*c->last = mine;
	c->last = &mine->next;
	c->open++;
	if (!c->busy)
		put_to_work(c);
	pthread_mutex_unlock(&lock);
}

static void
close_later(struct closer *c, int fd)
{
	do_later(c, (struct job){ .fd = fd });
}

void
closer_close(struct closer *c, int fd)
{
	if (fd < 0)
		return;
	if (closes_at_once(fd))
		close(fd);
	else
		close_later(c, fd);
}

void
closer_unmap(struct closer *c, void *base, size_t len, int fd)
{
	struct job job = { .base = base, .len = len, .fd = fd };

	if (c == NULL || len <= LITTLE)
		do_job(&job);
	else
		do_later(c, job);
}

bool
closer_is_full(struct closer *c)
{
	bool full;

	pthread_mutex_lock(&lock);
	full = c->open >= CLOSER_WAITING_MAX;
	pthread_mutex_unlock(&lock);
	return full;
}

/* ---- connections ---- */

ssize_t
closer_recv(struct closer *c, int fd, void *room, size_t len, bool *with_fds)
{
	union {
		char room[CMSG_SPACE(ARRIVE_MAX * sizeof(int))];
		struct cmsghdr align;
	} control;
	struct iovec into = { room, len };
	struct msghdr msg = {
		.msg_iov = &into, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)
	};
	ssize_t n = recvmsg(fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

	*with_fds = false;
	for (struct cmsghdr *m = n < 0 ? NULL : CMSG_FIRSTHDR(&msg); m != NULL; m = CMSG_NXTHDR(&msg, m)) {
		size_t count = (m->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (m->cmsg_level != SOL_SOCKET || m->cmsg_type != SCM_RIGHTS)
			continue;
		*with_fds = true;
		for (size_t i = 0; i < count; i++) {
			int came;

			memcpy(&came, CMSG_DATA(m) + i * sizeof(came), sizeof(came));
			closer_close(c, came);
		}
	}
	return n;
}

void
closer_hang_up(struct closer *c, int fd)
{
	socklen_t len = sizeof(int);
	uint8_t room[ROOM];
	ssize_t n = 1;
	bool with_fds;
	int type;

	/* From now on the peer cannot send any more, so this comes to an end. */
	shutdown(fd, SHUT_RDWR);
	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) < 0 || type != SOCK_STREAM)
		n = 0; /* in a queue of datagrams an empty one looks like the end */
	while (n > 0 && !closer_is_full(c))
		n = closer_recv(c, fd, room, sizeof(room), &with_fds);
	if (n < 0 || (n == 0 && type == SOCK_STREAM))
		close(fd);
	else
		close_later(c, fd);
}

void
closer_unlisten(struct closer *c, int fd)
{
	shutdown(fd, SHUT_RDWR);
	while (!closer_is_full(c)) {
		int waiting = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (waiting < 0 && errno != EMFILE && errno != ENFILE) {
			close(fd); /* nobody waits any more */
			return;
		}
		if (waiting < 0)
			break;
		closer_hang_up(c, waiting);
	}
	close_later(c, fd);
}

/* ---- peers ---- */

struct closer *
closer_new(void)
{
	struct closer *c = calloc(1, sizeof(*c));

	if (c != NULL)
		c->last = &c->first;
	return c;
}

void
closer_free(struct closer *c)
{
	bool busy;

	if (c == NULL)
		return;
	pthread_mutex_lock(&lock);
	busy = c->busy;
	c->orphan = true;
	pthread_mutex_unlock(&lock);
	if (!busy)
		free(c);
}
