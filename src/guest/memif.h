#ifndef GUEST_MEMIF_H
#define GUEST_MEMIF_H
/*
 * memif.h - a memif (shared memory with another process: VPP, an application on libmemif or DPDK) as an uplink, from its server's
 * side.
 *
 * Messages are here, the data path in memif_ring.h, sockets and framing in session.h. One peer at a time, one ring each way, Ethernet.
 * DPDK's own driver is not used: it believes what the peer writes into rings, and unmaps them under a lane when the peer leaves.
 *
 *	state		message			then
 *	greeted		INIT			told
 *	told		ADD_REGION, ADD_RING	told
 *	told		CONNECT			connected: rings run
 *	connected	none			-
 *	any		DISCONNECT, the end	nobody: halt, grace period, close and unmap
 */
#include "nic/uplink.h"

/* What opens uplinks of this kind (nic/uplink.h): it listens at the socket that is the uplink's argument. Control. */
struct uplink_medium *memif_open(const struct uplink_medium_options *options, struct err *err);
#endif
