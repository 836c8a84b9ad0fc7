#ifndef BASE_CLOSER_H
#define BASE_CLOSER_H
/*
 * closer.h - closes what peers of a Unix socket chose to send, and their connections, without waiting for them.
 *
 * close(2) may take as long as a peer likes: of a socket with SO_LINGER until what is unsent was read (socket(7)), of a file on FUSE
 * until its server answers; and a connection that is closed takes along the descriptors that lie unread in it. Whoever closes the
 * last descriptor of a guest's memory frees it: 0.3 s for each GiB that it was mapped and used in pages of 4 KiB. So all but what is
 * done at once is left to threads: one, and one more for each peer that has it wait. A peer whose descriptors do not close soon comes to be full,
 * and is not listened to until they did.
 *
 * For one thread, the control thread; closers of several threads may be used at once.
 */
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define CLOSER_WAITING_MAX \
	256 /* descriptors of one peer from which on it is full; a message brings 253 (SCM_MAX_FD). Our choice */

struct closer; /* what waits of one peer, or of all peers of one socket */

/* NULL: no memory. */
struct closer *closer_new(void);

/* What waits is closed all the same. NULL is nothing. */
void closer_free(struct closer *c);

/* Closes a descriptor that came with a message; -1 is nothing. An eventfd, or a little file in memory, is closed when it returns. */
void closer_close(struct closer *c, int fd);

/* Unmaps len bytes at base of a file in memory, then closes it: at once if there are at most 64 MiB (our choice), or without a closer (NULL). */
void closer_unmap(struct closer *c, void *base, size_t len, int fd);

/* Ends a connection: the peer notices when it returns. */
void closer_hang_up(struct closer *c, int fd);

/* Ends a listening socket (non-blocking), and those that wait to be accepted. */
void closer_unlisten(struct closer *c, int fd);

/* Reads as recv(2) with MSG_DONTWAIT does; *with_fds: descriptors came along, and are closed. */
ssize_t closer_recv(struct closer *c, int fd, void *room, size_t len, bool *with_fds);

/* Whether so many wait that nothing more should be taken from this peer. */
bool closer_is_full(struct closer *c);
#endif
