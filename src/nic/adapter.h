#ifndef NIC_ADAPTER_H
#define NIC_ADAPTER_H
/*
 * adapter.h - a NIC: its uplink, its front end, its default queue, and the VM queues that vports hold.
 *
 * Every vport behind the adapter is a member: it has a queue pair (what its sender gives is taken there), and, while it
 * holds a VM queue, a receive ring of its own with a filter on its MAC and VLAN. A member without one gets its frames
 * through the default queue. Members' queue pairs stand on the processor of their VM queue, else on the base
 * processor, where the default queue stands. Which member gets what is decided in plan/vmq.c; here it is carried out.
 *
 * Control thread only.
 */
#include "base/addr.h"
#include "base/err.h"
#include "nic/frontend.h"
#include "plan/balance.h"
#include "plan/rss.h"

#define ADAPTER_MEMBERS_MAX 1024
#define ADAPTER_VM_QUEUES_MAX 256

/* Which offload has the adapter's queues: they are the same ones, so RSS and VMQ exclude each other. */
enum adapter_mode { ADAPTER_MODE_NONE, ADAPTER_MODE_RSS, ADAPTER_MODE_VMQ };

struct adapter_settings {
	enum adapter_mode mode;
	unsigned queues; /* vmq: VM queues beside the default queue; rss: receive queues, the default one among them */
	int base;        /* processor; -1: the default rule */
	unsigned max_processors; /* 0: all from base on */
	int max_processor;       /* the last that may be used, inclusive; -1: no limit */
	bool dynamic;            /* vmq: the balancer moves the queues */
	struct {
		enum plan_rss_profile profile;
		unsigned hash_types; /* HASH_*; for the tables of vRSS ports, too */
		uint8_t key[TOEPLITZ_KEY_LEN];
		unsigned entries; /* of each indirection table: a power of two up to RXMAP_TABLE_MAX */
	} rss;
	struct plan_balance_params balance;
	unsigned period_ms; /* of the balancer */
};

struct adapter_member {
	char port[VPORT_NAME_MAX];
	struct vport *vport;
	struct queue **queues; /* the port's queue pairs; [0] takes what the filter accepts */
	unsigned n_queues;
	struct mac mac;   /* zero: not known yet, no filter */
	uint16_t vid;     /* RXMAP_VID_* */
	unsigned weight;  /* 0 to 100 */
	uint64_t arrival; /* first come, first served */
	struct {
		bool enabled;         /* one VM queue for each queue pair, as far as they go */
		unsigned min_queues;  /* that the balancer leaves in the table */
		bool dynamic;         /* the balancer moves its queues, and folds the table */
		bool exclude_primary; /* the first queue pair is left out of the table when there are others */
	} vrss;
	struct rxring *ring; /* NULL: by the default queue */
	unsigned vm_queue;   /* 1 to queues while ring != NULL */
};

struct adapter {
	char name[VPORT_NAME_MAX];
	unsigned lane_id;
	unsigned mtu; /* configured; 0: the interface's own */
	struct adapter_settings settings;
	struct uplink uplink;
	struct frontend frontend;
	struct vport wire; /* the default vport: books of the external port */
	struct queue *default_queue;
	struct rxring *default_ring;
	const struct rxplan *plan;
	struct adapter_member *members[ADAPTER_MEMBERS_MAX];
	unsigned n_members;
	uint64_t arrivals;
	bool stopped; /* no frames come in any more: adapter_stop */
	bool leaving; /* its uplink went away and is not closed yet: adapter_tend */
	bool told;    /* that it cannot be opened again, once */
	bool no_link; /* as last told */
};

/*
 * Makes an adapter and opens its uplink. ingress: the struct port that its frames enter. Returns NULL and err. lane_id: of its front end.
 */
struct adapter *adapter_new(const char *name, enum uplink_type type, const char *arg, unsigned mtu,
			    const struct adapter_settings *settings, unsigned lane_id, void *ingress, struct err *err);
void adapter_free(struct adapter *a);

/* Lets frames in, once the ingress port is on its switch (0, or -errno with err); and stops them, before it leaves. */
int adapter_start(struct adapter *a, struct err *err);
void adapter_stop(struct adapter *a);

/* Joins or leaves; m is the caller's and stays until it has left. Both end with adapter_replan. */
int adapter_join(struct adapter *a, struct adapter_member *m, struct err *err);
void adapter_leave(struct adapter *a, struct adapter_member *m);

/* Gives a member the mac, vid and weight of next. It keeps the VM queue that it holds, whoever waits for one. 0 or -errno with err. Control. */
int adapter_change(struct adapter *a, struct adapter_member *m, const struct adapter_member *next, struct err *err);

/* Checks s against the host (a base processor that does not exist). Returns 0 or -errno with err. */
int adapter_check(const struct adapter *a, const struct adapter_settings *s, struct err *err);

/* Makes the queues and processors what settings and members ask for; moves flows without loss or reordering. */
int adapter_replan(struct adapter *a, struct err *err);

/* The processor of the default queue under the present settings. */
unsigned adapter_base(const struct adapter *a);

/* Notices an uplink that went away (closes it) or came back (opens it), and tells. Called about every half second. */
void adapter_tend(struct adapter *a);
#endif
