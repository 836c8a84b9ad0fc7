#ifndef NIC_NICSWITCH_H
#define NIC_NICSWITCH_H
/*
 * nicswitch.h - the switch in an adapter (a VEB, virtual Ethernet bridge: IEEE 802.1Q, 5.22): between virtual functions, the wire, and the
 * default vport, behind which the external switch has its uplink port. Frames of virtual functions go here, and not through that switch.
 *
 *	            member (VF)   member (VF)   ...
 *	                 \            |
 *	   wire ------- NIC switch ------- uplink port of the external switch --- its other ports
 *
 *	from		to
 *	a member	source address checked, then VLAN; the member that a filter {MAC, VID} names; else, as the host says where an address
 *			is, the external switch or the wire; groups to members that subscribed, to the wire and to the external switch
 *	the switch	the member that a filter names; else the wire. Groups to the wire and to members that subscribed
 *	the wire	the member that a filter names; else the external switch, and of groups a copy to members that subscribed
 *
 * What a burst is switched by is one immutable table, which the lane looks up once for each burst. So a member is led from this switch
 * to the external one and back between two bursts: each frame takes the old way or the new one, also where both switches have a part in it.
 * Its port in the external switch has the member's gate for a sink, all the time; the gate takes no flooded copy of what comes here.
 *
 * While an adapter has no member nothing of this is in any frame's way.
 *
 * Books. The wire's vport (adapter.h) is the uplink port of the external switch and counts what enters and leaves that, and what members
 * get from the wire and send to it. What passes between members and the external switch is counted in nicswitch_vport, too: rx is what
 * members got from the switch, tx what the switch got from members. So sum(forwarded + copies) == sum(tx_offered) holds over all.
 */
#include "base/addr.h"
#include "base/err.h"
#include "nic/ingress.h"
#include "nic/sink.h"
#include "nic/vport.h"

#define NICSWITCH_MEMBERS_MAX 256 /* VFs of a NIC: windows-semantics, 5.8 */
#define NICSWITCH_MACS_MAX 17     /* of a member: its own, and 16 more. Our choice */
#define NICSWITCH_VIDS 4096
#define NICSWITCH_HASHES 4096 /* of group addresses: 12 bits, 82599 datasheet, 7.1.1.1.3 */

struct nicswitch;

enum nicswitch_place { NICSWITCH_UNKNOWN, NICSWITCH_WIRE, NICSWITCH_HOST };

/* The host's side of an adapter. */
struct nicswitch_host {
	struct ingress *ingress;    /* the uplink port of the external switch */
	struct sink *_Atomic *sink; /* that port's; written here: the uplink's own while there are no members */
	/* Where an address that no member has is known to be. Lanes. */
	enum nicswitch_place (*locate)(const struct ingress *ingress, const uint8_t *mac, uint16_t vid);
	bool wants_unknown; /* what is for an unknown address goes to the switch, too, and not to the wire only as a NIC does it */
};

struct nicswitch_options {
	const char *name;    /* the adapter's */
	struct vport *wire;  /* of the uplink port */
	struct sink *uplink; /* where frames leave for the wire */
	struct nicswitch_host host;
	/* Makes `in` where the frames of all sources of the adapter enter, from their next bursts on. Control. */
	void (*lead)(void *arg, struct ingress *in);
	void *arg;
};

/* What is so with a member, and may change while it runs. */
struct nicswitch_rules {
	/*
	 * Its way. NULL: frames from it and for it are switched here. Else its port in the external switch: what it sends enters there, what is
	 * for it is left to that switch. A port with two attachments (a VF, and a standby that receives by now) is of the second kind.
	 */
	struct ingress *through;
	struct sink *sink; /* where its frames end, on both ways; NULL: they are dropped, its interface is down */

	/* Transparent VLAN: its frames are untagged, all others' have this VID, up to 4094. 0: none, it may tag. */
	uint16_t vlan;
	bool spoof_check; /* frames from other addresses than mac[] are dropped */

	/* What it asks for. Zero and group addresses are passed over; of two members with one address (and VLAN) the first one has it. */
	struct mac mac[NICSWITCH_MACS_MAX]; /* its own first */
	unsigned n_macs;
	uint64_t vlans[NICSWITCH_VIDS / 64]; /* VIDs that it is in, where it may tag; bit 0: untagged */
	bool all_vlans;
	bool broadcast, all_multicast;
	bool promiscuous; /* gets all groups of its VLANs, and copies of what is for addresses that no member has */
	uint8_t multicast_type; /* 0 to 3: which 12 bits of a group address are its hash, 82599 datasheet, 8.2.3.7.14, MCSTCTRL.MO */
	uint64_t multicast[NICSWITCH_HASHES / 64]; /* bit for each hash that it subscribed to */
};

/* A VF as this switch sees it. The caller's, from join to leave; name and books (vport) are filled in by the caller. */
struct nicswitch_member {
	struct ingress ingress; /* first: where frames of its sources enter, always */
	struct sink gate;       /* the sink of its port in the external switch, always */
	struct vport *vport;
	struct nicswitch *ns;
	unsigned slot;
	struct nicswitch_rules rules; /* as published; control's copy */
};

/* A switch without members; options are copied. NULL: no memory. Free it without members, when no lane uses its gates. Control. */
struct nicswitch *nicswitch_new(const struct nicswitch_options *options);
void nicswitch_free(struct nicswitch *ns);

/*
 * Makes m a member. 0; or -EINVAL (a VLAN or a hash type that does not exist), -ENOSPC or -ENOMEM with err, and nothing has changed. No
 * source leads to m before. Control.
 */
int nicswitch_join(struct nicswitch *ns, struct nicswitch_member *m, const struct nicswitch_rules *rules,
		   struct err *err);

/*
 * Takes m out, which must neither send nor be sent to by the external switch any more. When this returns no lane uses its sink. Without
 * memory it waits for some. Control.
 */
void nicswitch_leave(struct nicswitch_member *m);

/*
 * Publishes other rules for m. No frame is lost or doubled by a change of its way, provided that its port is in the external switch before
 * it is led there and stays until it was led back, with the gate for a sink and m's addresses as static entries. When this returns no lane
 * uses what the former rules had. 0, -EINVAL or -ENOMEM with err, and nothing has changed. Control.
 */
int nicswitch_change(struct nicswitch_member *m, const struct nicswitch_rules *rules, struct err *err);

/* Where the frames of the adapter's sources enter now. Control. */
struct ingress *nicswitch_wire_ingress(struct nicswitch *ns);

/* Members now; and the books of what passed between members and the external switch; NULL: there never was a member. Control. */
unsigned nicswitch_members(const struct nicswitch *ns);
const struct vport *nicswitch_vport(const struct nicswitch *ns);

/* The hash of a group address by multicast_type. Any thread. */
unsigned nicswitch_hash(const uint8_t mac[MAC_LEN], unsigned multicast_type);
#endif
