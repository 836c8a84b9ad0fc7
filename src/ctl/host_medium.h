#ifndef CTL_HOST_MEDIUM_H
#define CTL_HOST_MEDIUM_H
/*
 * host_medium.h - what can stand behind a port: one struct host_medium for each `nic` of the configuration.
 *
 * host_port.c knows the port: queues, place on the switch, filter. A medium knows the NIC: where frames come from and go to,
 * its address, its MTU. Control thread only.
 */
#include "ctl/host.h"

struct host_medium {
	/*
	 * Brings the NIC there, with the address mac (zero: as it likes): hp->nic, hp->mac, a source for each of hp->queues, and
	 * hp->port.sink. Returns 0, or -errno and err with nothing left.
	 */
	int (*open)(struct host *host, struct host_port *hp, const struct mac *mac, struct err *err);

	/* Its mirror; hp->nic may be NULL. The sink is the port's no more, but lanes may still hold it. Leaves hp->mac. */
	void (*close)(struct host_port *hp);

	/* Looks after a NIC that is there, in every host_tend. Returns false when it went away by itself: it is closed then, and opened again. */
	bool (*tend)(struct host_port *hp);

	/* Whether a NIC that is there can become what `to` says, and whether there is anything to do for it. */
	bool (*can_change)(const struct config_port *from, const struct config_port *to);
	bool (*is_same)(const struct config_port *from, const struct config_port *to);

	/* Does it, and gives it the address mac (zero: leave it); sets hp->mac. Returns 0, or -errno and err with all as before. */
	int (*change)(struct host_port *hp, const struct config_port *to, const struct mac *mac, struct err *err);

	/* How frames are spread over the queues of a NIC that is there: as vhost_set_spread and tap_set_spread say. */
	int (*set_spread)(struct host_port *hp, const struct spread_rule *rule);

	/* Frames that queue i of a NIC that is there took for its receiver since it was opened. */
	uint64_t (*delivered)(const struct host_port *hp, unsigned i);

	/* "up", or why not, of a NIC that is there. */
	const char *(*state)(const struct host_port *hp);

	/*
	 * What the log says about its coming and going: "interface=eth0 netns=vm1". Writes size bytes with NUL; returns out. NULL: it
	 * never goes.
	 */
	const char *(*place)(const struct config_port *is, char *out, size_t size);
};

extern const struct host_medium host_medium_tap, host_medium_vhost, host_medium_vf;

/* What the switch is to know of a port that is as `is` says, and has that address. */
void host_port_rights(const struct config_port *is, const struct mac *mac, struct port_conf *out);
#endif
