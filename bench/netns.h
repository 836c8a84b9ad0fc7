#ifndef BENCH_NETNS_H
#define BENCH_NETNS_H
/* netns.h - the load programs stand in two network namespaces at once: sockets of either, one clock. */
#include <stddef.h>

/*
 * A socket of the namespace called name under /run/netns, as socket(2) makes it; the calling thread stays where it is.
 * Returns the descriptor, or -errno.
 */
int netns_socket(const char *name, int family, int type, int protocol);

/* Index of an interface of that namespace, or -errno. */
int netns_ifindex(const char *name, const char *interface);

/* Ends the program with a sentence: what failed, and why (a positive errno). */
_Noreturn void bench_fail(const char *what, int error);

/* A whole number of an option, from 1 to most; ends the program with status 2 when it is none. */
unsigned long bench_number(const char *option, const char *text, unsigned long most);
#endif
