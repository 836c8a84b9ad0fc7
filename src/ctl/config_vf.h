#ifndef CTL_CONFIG_VF_H
#define CTL_CONFIG_VF_H
/*
 * config_vf.h - what a port of the configuration has more with `nic: vf`; a part of config.h.
 */
#include <stdbool.h>

#include "ctl/config_adapter.h"

#define CONFIG_VFS_MAX 256    /* of one adapter: what PCI SR-IOV leaves to one function of a bus, and fits our tables */
#define CONFIG_VF_QUEUES 2    /* queue pairs of each; ixgbevf uses no more */
#define CONFIG_VF_HV_MTU 1504 /* the _hv models' driver takes no more: 1518 bytes of frame and a tag */
#define CONFIG_VF_RATE 10000  /* Mb/s; none has a faster link */

enum config_vf_model { MODEL_X550, MODEL_X540, MODEL_82599, MODEL_X550_HV, MODEL_X540_HV, MODEL_82599_HV };
/* What to do where a policy of the port needs the switch, which a VF bypasses. */
enum config_on_policy { POLICY_SWITCH, POLICY_REFUSE, POLICY_BYPASS };

struct config_standby {
	char socket[CONFIG_ARG_MAX]; /* of the vhost device beside the VF, as given; empty: there is none */
};

struct config_vf {
	int adapter; /* index; -1: not named, that of its switch */
	enum config_vf_model model;
	enum config_on_policy on_policy;
	bool trapped; /* doorbell: trapped */
	bool ipsec_offload;
	bool trust;
	bool link;
	unsigned rate_mbps; /* 0: no cap */
	struct config_standby standby;
};

/* Whether the model is one whose driver can neither ask for VLANs nor take more than CONFIG_VF_HV_MTU. */
static inline bool
config_vf_is_hv(const struct config_vf *vf)
{
	return vf->model >= MODEL_X550_HV;
}
#endif
