/* vf_model.c - see vf_model.h. */
#include "sriov/vf_model.h"

#include <rte_common.h>

static const struct vf_model_traits models[] = {
	[VF_X550] = { "x550", 0x1565, .own_rss = true },
	[VF_X540] = { "x540", 0x1515 },
	[VF_82599] = { "82599", 0x10ED, .fixed_rlpml = true },
	[VF_X550_HV] = { "x550_hv", 0x1564, .hv = true, .own_rss = true },
	[VF_X540_HV] = { "x540_hv", 0x1530, .hv = true },
	[VF_82599_HV] = { "82599_hv", 0x152E, .hv = true, .fixed_rlpml = true },
};
_Static_assert(RTE_DIM(models) == VF_MODELS, "each has its traits");

const struct vf_model_traits *
vf_model_traits(enum vf_model model)
{
	return &models[model];
}

const char *
vf_model_text(enum vf_model model)
{
	return (unsigned)model < RTE_DIM(models) ? models[model].name : "unknown";
}

const char *
vf_state_text(enum vf_state state)
{
	static const char *const text[] = { [VF_NO_CLIENT] = "no client",
					    [VF_WAITING] = "waiting for the driver",
					    [VF_UP] = "up",
					    [VF_BROKEN] = "broken" };

	return (unsigned)state < RTE_DIM(text) ? text[state] : "unknown";
}
