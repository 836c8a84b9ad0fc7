#ifndef NIC_ADAPTER_H
#define NIC_ADAPTER_H
/*
 * adapter.h - a NIC: its uplink, its front end, the queues of its default vport, and the VM queues that vports hold.
 *
 * Every vport behind the adapter is a member: it has queue pairs (what its sender gives is taken there), and, while it holds VM queues,
 * receive rings of its own, one for each of its first queue pairs, with a filter on its MAC and VLAN; several are hashed into by a
 * table of the member's. A member without any gets its frames through the default vport's queues: one, or in mode rss several, hashed
 * into likewise. Who gets what and where it stands is decided in plan/; here it is carried out.
 *
 *	mode	queues of the default vport	a member's VM queues		its queue pairs stand on
 *	none	1, on the base			0				the base
 *	vmq	1, on the base			0, 1, or with vRSS up to one	the processors of its VM queues; without
 *						for each queue pair		one the base
 *	rss	settings.queues			0				the base; several in turn on all
 *
 * Control thread only.
 */
#include "base/addr.h"
#include "base/err.h"
#include "nic/frontend.h"
#include "nic/nicswitch.h"
#include "plan/balance.h"
#include "plan/rss.h"

#define ADAPTER_MEMBERS_MAX 1024
#define ADAPTER_VM_QUEUES_MAX 256
#define ADAPTER_RX_QUEUES_MAX 256 /* of the default vport, in mode rss */
#define ADAPTER_PAIRS_MAX 16      /* of a member: VmmqQueuePairs' default. More are served by the default queues only */

/* Which offload has the adapter's queues: they are the same ones, so RSS and VMQ exclude each other. */
enum adapter_mode { ADAPTER_MODE_NONE, ADAPTER_MODE_RSS, ADAPTER_MODE_VMQ };

struct adapter_settings {
	enum adapter_mode mode;
	unsigned queues; /* vmq: VM queues beside the default queue; rss: receive queues, the default one among them */
	int base;        /* processor; -1: the default rule */
	unsigned max_processors; /* 0: all from base on */
	int max_processor;       /* the last that may be used, inclusive; -1: no limit */
	bool dynamic;            /* vmq: the balancer moves the queues */
	bool rx_checksum;        /* what the uplink says of received checksums is passed on */
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
	struct queue **queues; /* the port's queue pairs; the first n_rings of them take what the filter accepts */
	unsigned n_queues;
	struct mac mac;   /* zero: not known yet, no filter */
	uint16_t vid;     /* RXMAP_VID_* */
	unsigned weight;  /* 0 to 100 */
	uint64_t arrival; /* first come, first served */
	struct {
		bool enabled;         /* one VM queue for each queue pair, as far as they go */
		unsigned min_queues;  /* that a folded table leads to; plan/fold.h */
		bool dynamic;         /* the balancer moves its queues, and folds the table */
		bool exclude_primary; /* the first queue pair is left out of the table when there are others */
	} vrss;
	unsigned n_rings;        /* VM queues that it holds; 0: by the default queues */
	unsigned vm_queue;       /* their number, 1 to settings.queues, while n_rings > 0 */
	unsigned in_table;       /* how many of them the table leads to; 0: all. adapter_fold */
	uint64_t quiet_since_ns; /* plan/fold.h; the balancer's */
	bool leaving; /* inside adapter_leave; set before for all that are to leave: the first one's plan serves all */
	struct rxring *ring[ADAPTER_PAIRS_MAX]; /* each is a VM queue; ring i is the source of queue pair i */
};

struct adapter {
	char name[VPORT_NAME_MAX];
	unsigned lane_id;
	unsigned mtu; /* configured; 0: the interface's own */
	struct adapter_settings settings;
	struct uplink uplink;
	struct frontend frontend;
	struct vport wire;                          /* the default vport: books of the external port */
	struct queue *queue[ADAPTER_RX_QUEUES_MAX]; /* of the default vport; [0] is the default queue */
	struct rxring *ring[ADAPTER_RX_QUEUES_MAX];
	unsigned n_queues;
	struct hwrss hw;             /* the NIC's part */
	struct ingress *ingress;     /* where its frames enter: the given one, or nicswitch's */
	struct nicswitch *nicswitch; /* NULL: adapter_host was not called */
	struct adapter_member *members[ADAPTER_MEMBERS_MAX];
	unsigned n_members;
	uint64_t arrivals;
	bool stopped;       /* no frames come in any more: adapter_stop */
	bool leaving;       /* its uplink went away and is not closed yet: adapter_tend */
	bool told, no_link; /* that it cannot be opened again, once; as last told */
};

/* Makes an adapter and opens its uplink. ingress: where its frames enter. Returns NULL and err. lane_id: of its front end. */
struct adapter *adapter_new(const char *name, enum uplink_type type, const char *arg, unsigned mtu,
			    const struct adapter_settings *settings, unsigned lane_id, struct ingress *ingress,
			    struct err *err);
void adapter_free(struct adapter *a);

/* Gives it a switch for VFs, once, before adapter_start; its members leave before adapter_stop. 0, or -ENOMEM with err. */
int adapter_host(struct adapter *a, const struct nicswitch_host *host, struct err *err);

/* Lets frames in, once the ingress port is on its switch (0, or -errno with err); and stops them, before it leaves. */
int adapter_start(struct adapter *a, struct err *err);
void adapter_stop(struct adapter *a);

/* Joins or leaves; m is the caller's and stays until it has left. Both end with adapter_replan. A join that fails leaves all as it was. */
int adapter_join(struct adapter *a, struct adapter_member *m, struct err *err);
void adapter_leave(struct adapter *a, struct adapter_member *m);

/*
 * Gives a member the mac, vid, weight and vrss of next, and n_queues, of which the caller has that many. It keeps the VM queues that it
 * holds, as far as it still asks for them, whoever waits for one. 0; or -errno with err, and nothing has changed. Control.
 */
int adapter_change(struct adapter *a, struct adapter_member *m, const struct adapter_member *next, struct err *err);

/*
 * Folds a member's table to n of its VM queues (0: all; more than it holds: all), without losing frames or reordering flows; it stays so
 * until the next call, while its vRSS and the adapter's VMQ are dynamic. The others it keeps, empty. 0; or -errno with err, and nothing
 * has changed. For the balancer. Control.
 */
int adapter_fold(struct adapter *a, struct adapter_member *m, unsigned n, struct err *err);

/* What a host begins with: no mode, Windows' defaults for RSS, the balancer's own (plan/balance.h). */
void adapter_settings_init(struct adapter_settings *s);

/* Checks s against the host (a base processor that does not exist). Returns 0 or -EINVAL with err. */
int adapter_check(const struct adapter *a, const struct adapter_settings *s, struct err *err);

/*
 * Makes s the settings and carries them out: mode, queues, processors, hash, tables, without losing frames or reordering flows. Returns
 * 0; or -errno with err, and nothing has changed.
 */
int adapter_set(struct adapter *a, const struct adapter_settings *s, struct err *err);

/*
 * Makes the queues and processors what settings and members ask for; moves flows without loss or reordering. Queues that the balancer
 * moved, or somebody by hand, stay where they are if that is a processor of theirs. fresh: the settings are new; queues that nobody
 * moves are placed anew. Returns 0; or -errno with err, and nothing has changed.
 */
int adapter_replan(struct adapter *a, bool fresh, struct err *err);

unsigned adapter_base(const struct adapter *a); /* the processor of its default queue under the present settings */

/* Notices an uplink that went away (closes it) or came back (opens it), and tells. Called about every half second. */
void adapter_tend(struct adapter *a);
#endif
