#ifndef GUEST_VHOST_RINGS_H
#define GUEST_VHOST_RINGS_H
/*
 * vhost_rings.h - what lanes see of a vhost device: its rings, its memory, and which receive rings take frames.
 */
#include "guest/vhost.h"

struct vhost_rings {
	struct sink sink; /* first; ops: vhost_sink_ops */
	unsigned n_pairs;
	_Atomic unsigned mtu;                /* bytes of L2 payload that the receiver takes */
	const struct guest_mem *_Atomic mem; /* NULL: none */
	const struct spread
		*_Atomic spread; /* over the receive rings that run and are enabled, immutable; NULL: none do */
	struct vring rx[VHOST_PAIRS_MAX]; /* virtqueue 2i: what the guest receives from */
	struct vring tx[VHOST_PAIRS_MAX]; /* virtqueue 2i + 1: what the guest sends by */
};

extern const struct sink_ops vhost_sink_ops;
#endif
