/* edit_vf.c - settings of a virtual function while its guest's driver runs; see handlers.h. */
#include <errno.h>

#include "ctl/edit.h"

static int
set_vf(struct config_port *is, const json_t *params, struct err *err)
{
	int ret = set_port(is, params, err);

	edit_bool(params, "trust", &is->vf.trust);
	edit_bool(params, "link", &is->vf.link);
	edit_number(params, "rate_mbps", &is->vf.rate_mbps);
	return ret;
}

int
vf_set_by_hand(void *ctx, const json_t *params, json_t **result, struct err *err)
{
	struct host *host = ((struct control *)ctx)->host;
	int ret = edit_something(params, "vf", "set", err);

	if (ret == 0 && named_vf(host, params, err) == NULL)
		ret = -ENOENT;
	return ret < 0 ? ret : edit_port(host, params, set_vf, result, err);
}
