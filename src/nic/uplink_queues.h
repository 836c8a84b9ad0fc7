#ifndef NIC_UPLINK_QUEUES_H
#define NIC_UPLINK_QUEUES_H
/* uplink_queues.h - receive and transmit queues of an ethdev. For uplink.c. */
#include "nic/uplink.h"

#define UPLINK_DESC 1024 /* descriptors each way; AF_XDP's fill and completion rings are as long. Our choice */

/*
 * Configures port, which is stopped, with n receive queues and one transmit queue, and starts it. mtu: 0 leaves it. With several, which it
 * can have (hwqueue_can), it hashes by u->rss, and its table leads to queue 0. Returns 0; or what the driver says, and it is stopped. Control.
 */
int uplink_start_queues(struct uplink *u, uint16_t port, unsigned n, unsigned mtu);
#endif
