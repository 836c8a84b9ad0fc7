#ifndef SRIOV_VF_MODEL_H
#define SRIOV_VF_MODEL_H
/*
 * vf_model.h - how the models differ. For src/sriov/.
 *
 * Device ids and what the driver does by them: Linux, drivers/net/ethernet/intel/ixgbevf (defines.h, ixgbevf_main.c, hv ops in vf.c).
 */
#include "sriov/vf.h"

struct vf_model_traits {
	const char *name; /* in words of the configuration */
	uint16_t device;  /* PCI device id */
	bool hv;          /* as behind Hyper-V: no mailbox, the address in the configuration space, one pair */
	bool own_rss;     /* key and table in registers of its own; else the host's, read by the mailbox */
	bool fixed_rlpml; /* RLPML of VFRXDCTL has no meaning */
};

/* Never NULL; model is below VF_MODELS. */
const struct vf_model_traits *vf_model_traits(enum vf_model model);
#endif
