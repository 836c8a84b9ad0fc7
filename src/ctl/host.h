#ifndef CTL_HOST_H
#define CTL_HOST_H
/*
 * host.h - the running host: what stands behind the configuration's names.
 *
 * Made from a struct config and changed from one to the next by the difference: objects that are the same in both are
 * not touched, settings that can change while running are changed, the rest is replaced. A change happens whole or not
 * at all. Control thread only.
 */
#include <limits.h>

#include "ctl/config.h"
#include "keep/keep.h"
#include "nic/adapter.h"
#include "nic/spread.h"
#include "nic/balancer.h"
#include "vsw/switch.h"

struct host_switch {
	struct config_switch is;
	struct vswitch *sw;
	struct port uplink;      /* external switches: the adapter's side */
	struct adapter *adapter; /* NULL: none */
	struct config_adapter adapter_is;
};

struct host_port {
	struct config_port is;
	struct host_switch *on;
	struct vport vport;
	struct port port;
	const struct host_medium *medium; /* host_medium.h */
	void *nic;                        /* the medium's: a struct tap; NULL while it is gone */
	struct mac mac;                   /* of its NIC, also while that is gone; zero: not known */
	struct queue *queues[KEEP_TAP_QUEUES_MAX];
	unsigned n_queues;
	struct spread_rule rule; /* that its NIC has while key is not NULL */
	struct host_key *key;
	struct adapter_member member;
	bool is_member;
	struct mac first_mac; /* of the NIC when it was made: what it has without a configured one */
	uint64_t retry_ns;    /* when to try to open it again */
};

struct host_options {
	const char *run_dir; /* where sockets lie; of host_start only */
	bool take_over;
	bool again;         /* back to what ran before: its uplinks are taken whatever they carry by now */
	const char *caller; /* the caller's own connection ends at this address of ours; NULL or empty: none */
};

/* A port that a change removed, and may make anew. */
struct host_former {
	char name[CONFIG_NAME_MAX];
	struct mac mac; /* of its NIC when that was made */
};

struct host {
	struct config *running;
	char run_dir[PATH_MAX];    /* where the keeper makes sockets */
	struct toeplitz *toeplitz; /* of NICs that have no rule yet */
	struct host_key *keys;     /* host_spread.c */
	struct balancer *balancer; /* made when there is something to balance */
	struct host_switch *switches[CONFIG_SWITCHES_MAX];
	unsigned n_switches;
	struct host_port *ports[CONFIG_PORTS_MAX];
	unsigned n_ports;
	struct host_former former[2 * CONFIG_PORTS_MAX]; /* during one change, and on its way back */
	unsigned n_former;
	unsigned lane_of_frontends; /* first lane behind the processors' */
	char taken_over[IFNAMSIZ];  /* uplink whose addresses vnic has; empty: none */
	struct host_port *vnic;
	struct mac vnic_mac;           /* that it had before */
	char had_taken_over[IFNAMSIZ]; /* while a change is made: the same as it was before */
};

/* Makes the processors and their workers as config says, then everything else. Returns 0, or -errno with nothing left. Takes config over when it returns 0. */
int host_start(struct host *host, struct config *config, const struct host_options *options, struct err *err);
void host_stop(struct host *host);

struct host_change {
	unsigned added, removed, changed; /* objects */
};

/*
 * From what runs to next. Returns 0 (next is then the host's), or -errno with everything as before and next still the
 * caller's. -EBUSY: an uplink carries the default route or the caller and take_over is not given. -EOPNOTSUPP: the
 * processors differ, which needs a restart.
 */
int host_apply(struct host *host, struct config *next, const struct host_options *options, struct host_change *change,
	       struct err *err);

/* Looks after what changed by itself: uplinks and interfaces that went or came back; samples of load. Every half second. */
void host_tend(struct host *host);

/* ---- host_balance.c: queues that move by themselves ---- */

/* One run of the balancer over all adapters. Returns in how many ns the next one is due; 0: there is nothing to balance now. */
uint64_t host_balance(struct host *host);

struct host_port *host_find_port(const struct host *host, const char *name);
struct host_switch *host_find_switch(const struct host *host, const char *name);
struct adapter *host_find_adapter(const struct host *host, const char *name);

/* ---- host_port.c: one port ---- */

int host_port_add(struct host *host, struct host_switch *on, const struct config_port *is, struct err *err);
void host_port_remove(struct host *host, struct host_port *hp);
/* Forwarding and filters follow the NIC, which is there, and whose address is now mac. */
int host_port_set_mac(struct host_port *hp, const struct mac *mac, struct err *err);
/* Whether the running port can become `is` without being replaced. */
bool host_port_can_change(const struct host_port *hp, const struct config_port *is);
int host_port_change(struct host_port *hp, const struct config_port *is, struct err *err);
/* Whether `is` gives the port another place in the switch's table: address or VLAN. */
bool host_port_readdresses(const struct host_port *hp, const struct config_port *is);
/* Opens the NIC of a port again that went away. */
void host_port_tend(struct host *host, struct host_port *hp);
const char *host_port_state(const struct host_port *hp); /* "up", or why not */
/* Frames that queue i of the NIC took for its receiver since that was opened. */
uint64_t host_port_delivered(const struct host_port *hp, unsigned i);

/* Spreads frames over its NIC's queues as its vRSS and its adapter's hash say: 0, or -ENOMEM with all as before. Undone when the NIC is closed. */
int host_port_spread(struct host *host, struct host_port *hp, struct err *err);
void host_port_unspread(struct host *host, struct host_port *hp);

/* ---- host_switch.c: switches and their adapters ---- */

/* What the adapter is told, from what the file says: a mode that depends on something that is off is none. */
void host_adapter_settings(const struct config_adapter *is, struct adapter_settings *out);

int host_switch_add(struct host *host, const struct config *config, const struct config_switch *is,
		    const struct host_options *options, struct err *err);
void host_switch_remove(struct host *host, struct host_switch *hs);
bool host_switch_can_change(const struct host_switch *hs, const struct config *config, const struct config_switch *is);
int host_switch_change(struct host_switch *hs, const struct config *config, const struct config_switch *is,
		       struct err *err);
/*
 * Gives the addresses of an uplink to the host vNIC of its switch: with take_over those of one that carries the host, and always
 * those of had_taken_over. Returns 0 (also when there is nothing to take), -ENOENT without a host vNIC.
 */
int host_take_over(struct host *host, const struct host_options *options, struct err *err);
/* Whether the uplink had been taken over when the present change began: it may be again. */
bool host_had_taken_over(const struct host *host, const struct config_adapter *is);
/* Back to the uplink; before its host vNIC or its adapter goes. */
void host_give_back(struct host *host);
/* The static entries of a switch on the way from one configuration (NULL: none) to the next: first those that are not in `to` go. */
void host_switch_drop_statics(struct host *host, struct host_switch *hs, const struct config *from,
			      const struct config *to);
int host_switch_statics(struct host *host, struct host_switch *hs, const struct config *config, struct err *err);
#endif
