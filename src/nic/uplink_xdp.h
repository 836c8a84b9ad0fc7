#ifndef NIC_UPLINK_XDP_H
#define NIC_UPLINK_XDP_H
/*
 * uplink_xdp.h - who has the XDP hook of an interface: us, somebody else, or a daemon of ours that was killed. Control.
 */
#include "base/err.h"

/*
 * Claims the hook of interface: takes away the program of a data plane that was killed (its sockets went with it, the
 * program did not), refuses anybody else's. Returns a descriptor that holds the claim against other daemons of this
 * network namespace until it is closed, or -EBUSY or another -errno with err. adapter: for messages.
 */
int uplink_xdp_claim(const char *adapter, const char *interface, struct err *err);
#endif
