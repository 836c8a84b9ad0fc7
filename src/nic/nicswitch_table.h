#ifndef NIC_NICSWITCH_TABLE_H
#define NIC_NICSWITCH_TABLE_H
/*
 * nicswitch_table.h - what bursts are switched by, for nicswitch.c, which makes tables, and nicswitch_path.c, which reads them.
 */
#include "nic/nicswitch.h"
#include "nic/rxmap.h"

struct nicswitch_entry {
	const struct nicswitch_member *member; /* NULL: a hole */
	struct vport *vport;
	struct nicswitch_rules rules;
};

/* Immutable. */
struct nicswitch_table {
	const struct nicswitch *ns;
	struct rxmap *map; /* vport i + 1 is entry i */
	unsigned n;
	unsigned n_promiscuous;
	struct nicswitch_entry entry[];
};

struct nicswitch {
	struct ingress from_wire; /* of the adapter's sources while there are members */
	struct sink from_host;    /* of the uplink port while there are members */
	struct nicswitch_options is;
	const struct nicswitch_table *_Atomic table;
	struct vport inner; /* nicswitch_vport */
	/* Control. */
	struct nicswitch_member *members[NICSWITCH_MEMBERS_MAX]; /* by slot */
	unsigned n_members;
	bool used; /* there was a member */
};

/* Members. Lanes. */
unsigned nicswitch_member_input(struct lane *lane, struct ingress *in, struct burst *b);
unsigned nicswitch_wire_input(struct lane *lane, struct ingress *in, struct burst *b);
extern const struct sink_ops nicswitch_gate_ops, nicswitch_host_ops;
#endif
