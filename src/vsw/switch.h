#ifndef VSW_SWITCH_H
#define VSW_SWITCH_H
/*
 * switch.h - the extensible switch: ports, VLANs, filtering database.
 *
 * A struct port lives from port_attach to port_detach; what may change about it while it runs is a struct port_conf,
 * published as a whole. Lanes read conf and the switch's port set once for each burst.
 */
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "nic/ingress.h"
#include "nic/lane.h"
#include "nic/nicswitch.h"
#include "nic/sink.h"
#include "nic/vport.h"
#include "vsw/fdb.h"

#define SWITCHES_MAX 64
#define SWITCH_PORTS_MAX 1025 /* 1024 and the uplink */
#define VID_COUNT 4096

enum port_vlan_mode { PORT_UNTAGGED, PORT_ACCESS, PORT_TRUNK };

/* What a port is allowed; immutable once published. */
struct port_conf {
	struct mac mac; /* the port's own; zero: not known, or an uplink */
	/* Frames from other addresses are dropped; while mac is zero those from another port's own one, and first_source is noted. */
	bool spoof_check;
	enum port_vlan_mode vlan;
	uint16_t vid;                     /* access: its VLAN; trunk: the native one, 0 for "untagged stays untagged" */
	uint64_t allowed[VID_COUNT / 64]; /* trunk: bit per VID; bit 0: untagged */
};

struct vswitch;

struct port {
	struct ingress ingress; /* first: where its frames enter is the port */
	struct vport *vport;    /* name and books */
	struct vswitch *sw;
	unsigned slot; /* in its switch's port set */
	bool is_uplink;
	const struct port_conf *_Atomic conf;
	struct sink *_Atomic sink; /* NULL: interface down or gone */

	/*
	 * Where the first frame came from since it was 0, while conf had spoof_check and no mac; the six bytes in order, as in memory.
	 * Written by: lanes; by control to begin anew.
	 */
	_Atomic uint64_t first_source;
};

/* The ports of a switch by slot, NULL where there is none; immutable. */
struct port_set {
	unsigned n; /* slots in use, holes counted */
	struct port *port[];
};

enum switch_kind { SWITCH_KIND_EXTERNAL, SWITCH_KIND_INTERNAL, SWITCH_KIND_PRIVATE };

struct vswitch {
	char name[VPORT_NAME_MAX];
	enum switch_kind kind;
	unsigned index; /* in vswitches[] */
	_Atomic uint32_t ageing_s;
	struct fdb *fdb;
	const struct port_set *_Atomic ports;
};

/* By index; NULL where there is none. Learner and control. */
extern struct vswitch *_Atomic vswitches[SWITCHES_MAX];

/* Returns NULL without memory or with SWITCHES_MAX in use. Control. */
struct vswitch *switch_new(const char *name, enum switch_kind kind, unsigned fdb_entries, unsigned ageing_s);
/* Frees a switch without ports. Control. */
void switch_free(struct vswitch *sw);

/* Puts a port (vport and sink set) into sw with a copy of conf. Returns 0, -ENOSPC, -ENOMEM, or -EEXIST: another port has that MAC and VLAN. Control. */
int port_attach(struct port *port, struct vswitch *sw, const struct port_conf *conf);

/* Takes a port out; no lane uses it any more afterwards. Control. */
void port_detach(struct port *port);

/* Publishes a copy of conf. Returns 0, -ENOMEM or -EEXIST (nothing was changed). Control. */
int port_set_conf(struct port *port, const struct port_conf *conf);

/*
 * A port's own address where it is in one VLAN is a static entry. Ports that change addresses among each other: all of them
 * release theirs, then each gets its next conf. claim enters it again (0, -ENOSPC, -EEXIST). has tells whether key is it; lanes may ask.
 * Control.
 */
void port_release_address(struct port *port);
int port_claim_address(struct port *port);
bool port_has_address(const struct port *port, uint64_t key);

/* Whether another port of sw than `but` has conf's address for its own, in a VLAN that conf lets its port speak in. Control. */
bool switch_has_address(const struct vswitch *sw, const struct port *but, const struct port_conf *conf);

/* The address that first_source holds. Returns false when there is none. Control. */
bool port_first_source(const struct port *port, struct mac *out);

/* The port allows everything, untagged frames and all VLANs: what an uplink is. */
void port_conf_uplink(struct port_conf *out);

/* What this switch knows of an address, for the adapter behind its uplink port, `ingress`: as nicswitch_host's locate. Lanes. */
enum nicswitch_place port_locate(const struct ingress *ingress, const uint8_t *mac, uint16_t vid);

/*
 * Forwards a burst that entered by a port: parse, source check, VLAN, learn, forward, deliver; as struct ingress says. Returns how many of
 * the burst ended in a drop only. Lanes.
 */
unsigned switch_input(struct lane *lane, struct ingress *ingress, struct burst *burst);
#endif
