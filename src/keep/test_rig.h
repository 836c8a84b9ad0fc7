#ifndef KEEP_TEST_RIG_H
#define KEEP_TEST_RIG_H
/*
 * test_rig.h - for the keeper's tests only: a keeper process with a data plane that does nothing, and the test as the one who asks.
 *
 * rig_own_namespace puts the test into a network namespace of its own before the first test; named ones begin with "flkeep".
 * What the kernel has is asked with ip(8), not with the code under test.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdbool.h>
#include <sys/types.h>
#include <cmocka.h>

#include "keep/proto.h"

#define RIG_DIR "/tmp/flkeep-run"
#define RIG_CONFIG "/tmp/flkeep-config.yaml"
#define RIG_NS "flkeepa"
#define RIG_NS2 "flkeepb"

struct rig {
	int sock;         /* the data plane's end */
	pid_t keeper;     /* its child is data_plane */
	pid_t data_plane; /* waits for a signal */
};

/* Starts a keeper; uid: whom it runs as. The data plane ignores SIGTERM when deaf. */
void rig_start(struct rig *r, uid_t uid, bool deaf);

/* Kills the data plane with signal, waits for the keeper, returns its verdict: the data plane's exit status or 100 + signal. */
int rig_stop(struct rig *r, int signal);

/* Waits for the keeper and returns its verdict. */
int rig_wait(struct rig *r);

/* Runs a shell command made of fmt; returns its exit status. */
int sh(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Number of open descriptors of a process. */
unsigned rig_fds(pid_t pid);

/* Group set-up and teardown: namespaces, directory, and nothing left of them. */
int rig_setup(void **state);
int rig_teardown(void **state);

/* A TAP as most tests want it. */
struct keep_tap rig_tap(const char *netns, const char *interface, unsigned queues);
void rig_close(int *fds, unsigned n);
#endif
