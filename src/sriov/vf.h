#ifndef SRIOV_VF_H
#define SRIOV_VF_H
/*
 * vf.h - a virtual function in software, as Intel's ixgbevf drives it: what control and the rest of the data plane see.
 *
 * Registers and sequences: Intel 82599 10 GbE Controller Datasheet, section 9 (PCIe) and 8.3 (VF registers), and what Linux' driver does
 * (drivers/net/ethernet/intel/ixgbevf). The session is guest/vfio_user.h. Frames go by struct source and struct sink, as everywhere.
 */
#include "base/addr.h"
#include "base/err.h"
#include "guest/vfio_user.h"
#include "nic/ingress.h"
#include "nic/queue.h"
#include "nic/sink.h"
#include "pkt/toeplitz.h"

#define VF_PAIRS 2       /* queue pairs that ixgbevf uses at most */
#define VF_VECTORS 3     /* MSI-X: one for each pair, one for mailbox and link */
#define VF_MTU_MAX 9710  /* ixgbevf, max_mtu */
#define VF_OTHER_MACS 16 /* unicast addresses beside its own that a trusted driver may ask for; our choice */

/* In words of the configuration: x550 (default), x540, 82599, x550_hv, x540_hv, 82599_hv. */
enum vf_model { VF_X550, VF_X540, VF_82599, VF_X550_HV, VF_X540_HV, VF_82599_HV, VF_MODELS };

enum vf_state {
	VF_NO_CLIENT, /* no VMM is connected */
	VF_WAITING,   /* connected; the driver has not enabled a receive queue */
	VF_UP,
	VF_BROKEN, /* the driver broke a rule, see vf_info.fault; its reset brings it back */
};

/* What the host decides, may change while the driver runs (vf_set). */
struct vf_policy {
	struct mac mac; /* not zero */
	/* Transparent: the guest's frames are untagged, the switch's have this VID; 0: none, the guest may tag. */
	uint16_t vlan;
	bool trust; /* may set its address, may be promiscuous */
	bool spoof_check;
	unsigned rate_mbps; /* the most that it may send; 0: no cap */
	bool link;          /* the link that the guest sees is up */
	unsigned link_mbps; /* 100, 1000 or 10000: what the guest is shown; nothing faster can be */
	unsigned mtu;       /* bytes of L2 payload, an upper bound, up to VF_MTU_MAX */
};

struct vf_options {
	const char *name; /* the port's */
	enum vf_model model;
	bool trapped; /* doorbells: every write is a message; else pages that the guest maps and a worker looks at */
	bool ipsec;   /* the mailbox API that IPsec needs is offered; for the VF's life */
	struct vf_policy policy;
	/* VF_PAIRS; transmit rings become their QUEUE_FROM_SENDER. Borrowed while it lives. */
	struct queue *const *queues;
	struct ingress *ingress;           /* where frames of the guest enter */
	uint8_t rss_key[TOEPLITZ_KEY_LEN]; /* for 82599 and X540, whose key is the host's */
	/* The driver asked for other filters (address, VLANs, multicast, promiscuous): vf_filters has them. Control; may be NULL. */
	void (*filters_changed)(void *arg);
	/* Its receive side began (true) or ended (false) to take frames; withdrawn: MSI-X and bus master are off, too. Control; may be NULL. */
	void (*receives)(void *arg, bool on, bool withdrawn);
	void *arg;
};

/* What the NIC switch delivers to it. */
struct vf_filters {
	struct mac mac[1 + VF_OTHER_MACS]; /* its own address, then SET_MACVLAN's */
	unsigned n_macs;
	uint64_t vlans[4096 / 64]; /* VIDs that it has asked for; bit 0: untagged */
	bool all_vlans;            /* _HV models cannot ask */
	bool broadcast, all_multicast, promiscuous;
	uint8_t multicast_type;        /* which 12 bits of a group address are its hash: mc_filter_type */
	uint64_t multicast[4096 / 64]; /* bit for each hash that it subscribed to */
};

struct vf_info {
	enum vf_state state;
	const char *fault; /* NULL, or for people */
	enum vf_model model;
	struct vfio_user_info session;
	struct mac mac;              /* in force */
	unsigned mailbox_api;        /* 10 for 1.0, 17 for 1.7; 0: nothing negotiated */
	unsigned rx_rings, tx_rings; /* running */
	unsigned max_frame;          /* bytes without FCS, as the driver set it */
	uint64_t interrupts, mailbox_messages, resets;
};

struct vf;

/* A VF that waits for a VMM. server: as vfio_user_open. NULL and err. Control. */
struct vf *vf_open(struct session_loop *loop, const struct vf_options *options, int server, struct err *err);

/* Ends its session and frees all; no lane uses it any more when this returns. Its sink must be out of use before. Control. */
void vf_close(struct vf *vf);

/* Where frames for the guest go; put answers PORT_DOWN while it takes none. Valid from open to close. */
struct sink *vf_sink(struct vf *vf);

/* Changes the policy while the driver runs: a new MAC holds from its next reset, which it is told to do; link at once. Control. */
void vf_set(struct vf *vf, const struct vf_policy *policy);

/* Where its frames enter from the next burst on. When this returns no lane uses the former one for it. Control. */
void vf_set_ingress(struct vf *vf, struct ingress *ingress);

void vf_filters(const struct vf *vf, struct vf_filters *out);
void vf_info(const struct vf *vf, struct vf_info *out);

/* Looks after its rings and doorbells; about every half second. Control. */
void vf_tend(struct vf *vf);

/* Frames that receive ring i took since the VF was made. Any thread. */
uint64_t vf_delivered(const struct vf *vf, unsigned i);

const char *vf_state_text(enum vf_state state); /* never NULL */
const char *vf_model_text(enum vf_model model);
#endif
