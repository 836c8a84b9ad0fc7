#ifndef CTL_PRIVILEGE_H
#define CTL_PRIVILEGE_H
/*
 * privilege.h - what the data plane may do: no more than its uplinks need. It parses what guests and the wire send;
 * whoever takes it over shall find little.
 */
#include <sys/types.h>

#include "base/err.h"
#include "ctl/config.h"

/*
 * The threads that touch packets give up the rest as well when they start (lane_enter in nic/lane.h): only the control
 * thread, which opens uplinks, has any.
 *
 * Gives up what config's uplinks do not need, for good: all capabilities but those of AF_XDP and AF_PACKET, the user root
 * (unless an uplink is a file or a memif socket), new privileges, and a list of system calls that no data plane needs.
 * It also ties this process's life to that of its parent, keeper. Before the uplinks are opened and before threads are made. Returns 0, or -errno and err. Control, once.
 */
int privilege_drop(const struct config *config, pid_t keeper, struct err *err);
#endif
