#ifndef NIC_UPLINK_H
#define NIC_UPLINK_H
/*
 * uplink.h - a DPDK ethdev as the wire of an adapter: opened by name, lost and found again while the rest runs.
 *
 *	state		lanes may			control may
 *	absent		count link_down			try to open (uplink_open)
 *	present		receive (front end), send	close (uplink_close), which waits for a grace period
 *
 * The sockets behind af_xdp and af_packet have no receive interrupt in DPDK; they are found among the process's own
 * descriptors after the start and slept on like any other (descriptors that were not there before, by SO_DOMAIN).
 *
 * A memif is no ethdev, but a medium that folders above bring along: its frames are a source of the adapter's default queue, with no
 * front end and no mbufs, and so with no VM queues; it is never absent.
 */
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <rte_ether.h>
#include <rte_mempool.h>

#include "base/err.h"
#include "base/spin.h"
#include "nic/hwqueue.h"
#include "nic/sink.h"

#define UPLINK_FDS_MAX 16
#define UPLINK_BUFS_IN_RINGS 3072 /* of its buffers that receive rings may hold together: three full ones, uplink.c */
#define UPLINK_ABSENT (-1)

enum uplink_type {
	UPLINK_TYPE_AF_XDP,
	UPLINK_TYPE_AF_PACKET,
	UPLINK_TYPE_PCAP,
	UPLINK_TYPE_NULL,
	UPLINK_TYPE_RING,
	UPLINK_TYPE_MEMIF,
};

struct queue;
struct vport;
struct uplink_medium;

struct uplink_medium_ops {
	const char *driver;                     /* for people */
	void (*close)(struct uplink_medium *m); /* lanes do not use its sink any more; its source is taken out here */
	bool (*has_link)(const struct uplink_medium *m);
	void (*tend)(struct uplink_medium *m); /* about every half second */
};

/* The first member of whatever stands behind such an uplink. */
struct uplink_medium {
	const struct uplink_medium_ops *ops;
	struct sink *sink;
};

struct uplink_medium_options {
	const char *name, *arg; /* the adapter's, the uplink's; copied */
	unsigned mtu;
	struct queue *queue;     /* its frames are this one's QUEUE_FROM_SENDER; outlives it */
	struct vport *vport;     /* whose books a frame enters that cannot even be shown */
	struct ingress *ingress; /* where its frames enter */
};

/* Returns NULL and err. */
typedef struct uplink_medium *(*uplink_medium_open)(const struct uplink_medium_options *options, struct err *err);

struct uplink {
	char name[32]; /* the adapter's */
	enum uplink_type type;
	char arg[108];            /* interface, files, socket: as configured */
	char device[40];          /* DPDK's name of it */
	_Atomic int port;         /* ethdev port id, or UPLINK_ABSENT */
	_Atomic unsigned mtu;     /* bytes of L2 payload */
	struct rte_mempool *pool; /* of the present port; lives until the next open */
	int fds[UPLINK_FDS_MAX];  /* to sleep on; the driver's, not ours to close */
	unsigned n_fds;
	int maps[UPLINK_FDS_MAX]; /* the driver's BPF maps */
	unsigned n_maps;
	struct hwqueue_rule rss; /* what is asked of a NIC that hashes; before uplink_open */
	unsigned rx_queues;      /* receive queues of the present port: 1, or rss.queues when it was configured */
	unsigned generation;     /* which of all opens of the process made device and pool */
	int claim;               /* on the interface's XDP hook; -1: none */
	unsigned ifindex;        /* of the interface that is open; 0: none */
	/* The interface's own before it was opened; given back when it is closed. */
	bool was_promiscuous;
	bool was_joining; /* generic receive offload */
	uint16_t was_mtu; /* 0: left as it was */

	struct uplink_medium *medium; /* NULL: an ethdev */
	struct sink sink;             /* of an ethdev */
	struct spin tx_lock;
};

/* Who knows how uplinks of a type without ethdev are opened tells it. Before the first one. Control. */
void uplink_register(enum uplink_type type, uplink_medium_open open);

/* Whether it is such a type. */
bool uplink_is_medium(const struct uplink *u);

/* For these in place of uplink_open, with the same results. options: name, arg and mtu are filled in here. */
int uplink_open_medium(struct uplink *u, unsigned mtu, struct uplink_medium_options *options, struct err *err);

/* Where frames go out; valid while it is open. */
static inline struct sink *
uplink_sink(struct uplink *u)
{
	return u->medium != NULL ? u->medium->sink : &u->sink;
}

/* Fills u; opens nothing. Control. */
void uplink_init(struct uplink *u, const char *name, enum uplink_type type, const char *arg);

/*
 * Makes and starts the device, promiscuous, with one transmit queue, and one receive queue, or as many as u->rss asks for where it can
 * do all of that; its table leads to the first one, until it is told. mtu: 0 for the interface's own. Returns 0, or -errno with nothing left behind and err set. Control.
 */
int uplink_open(struct uplink *u, unsigned mtu, struct err *err);

/*
 * The same with a device that is open: stops it and starts it as u->rss asks now. The wire loses what comes in meanwhile; buffers stay
 * valid. Its receive queues but the first have no reader. Returns 0; or -errno with err, and it runs with one receive queue, or is absent
 * if it would not do even that. Control.
 */
int uplink_configure_again(struct uplink *u, unsigned mtu, struct err *err);

/* Takes it from the lanes, waits for them, closes it. The caller has drained the rings that hold its frames (uplink_detach first). Control. */
void uplink_detach(struct uplink *u);
void uplink_close(struct uplink *u);

/* Whether a kernel interface is behind it. Control. */
bool uplink_is_interface(const struct uplink *u);

/* Whether the interface behind it still exists (kernel interfaces; the others always do), and whether it has carrier. Control. */
bool uplink_exists(const struct uplink *u);
/* Whether another interface has its name by now: deleted and made again between two looks. Control. */
bool uplink_is_replaced(const struct uplink *u);
bool uplink_has_link(const struct uplink *u);

static inline int
uplink_port(const struct uplink *u)
{
	return atomic_load_explicit((_Atomic int *)(uintptr_t)&u->port, memory_order_acquire);
}
#endif
