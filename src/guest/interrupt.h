#ifndef GUEST_INTERRUPT_H
#define GUEST_INTERRUPT_H
/*
 * interrupt.h - signals an eventfd that a peer shares with us, without ever waiting for that peer.
 *
 * O_NONBLOCK belongs to the open file, so the peer can take it away again, and a counter that it has filled up makes write(2)
 * wait for as long as it likes: a lane that waits is a host that stands still. Here the kernel signals the eventfd itself, as it
 * does when asynchronous I/O has ended, which never waits. It costs 0.75 us where a write costs 0.3 us.
 */

#include <stdbool.h>

/* Once, before any thread sends. Returns 0 or -errno. Control. */
int interrupt_init(void);
void interrupt_fini(void);

/* Whether a descriptor that a peer sent is one: of any other kind even epoll may wait, or lanes. Control. */
bool interrupt_is_eventfd(int fd);

/*
 * Adds 1 to the eventfd; a full one stays full. Returns 0; -EINVAL for another kind of descriptor, -EBADF. Any
 * thread, each with a context of its own.
 */
int interrupt_send(int eventfd);

/* A thread that sent gives back what it had for it; may be left to the end of the process. */
void interrupt_thread_fini(void);
#endif
