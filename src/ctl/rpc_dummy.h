#ifndef CTL_RPC_DUMMY_H
#define CTL_RPC_DUMMY_H
/*
 * rpc_dummy.h - a daemon of one port for the tests and the fuzz target of the RPC: real methods, made-up answers.
 */
#include <errno.h>
#include <string.h>

#include "ctl/rpc_server.h"

/* What the handlers saw last; a test looks at it. */
struct rpc_dummy {
	unsigned calls;
	char params[256]; /* as JSON, keys sorted */
	unsigned fdb;     /* entries that switch.show answers with */
};

static inline int
dummy_see(void *ctx, const json_t *params)
{
	struct rpc_dummy *d = ctx;
	char *text = json_dumps(params, JSON_COMPACT | JSON_SORT_KEYS);

	d->calls++;
	snprintf(d->params, sizeof(d->params), "%s", text == NULL ? "" : text);
	free(text);
	return 0;
}

static inline int
dummy_port_list(void *ctx, const json_t *params, json_t **result, struct err *err)
{
	dummy_see(ctx, params);
	*result = json_pack("[{s:s}]", "name", "vm1");
	return 0;
}

static inline int
dummy_port_set(void *ctx, const json_t *params, json_t **result, struct err *err)
{
	const char *port = json_string_value(json_object_get(params, "port"));

	dummy_see(ctx, params);
	if (strcmp(port, "vm1") != 0) {
		err_set(err, -ENOENT, "no port '%s'", port);
		err_hint(err, "ports: vm1");
		err_path(err, "port");
		return -ENOENT;
	}
	*result = json_pack("{s:s, s:b}", "port", port, "changed", 1);
	return 0;
}

/* An answer of a wanted length. */
static inline int
dummy_switch_show(void *ctx, const json_t *params, json_t **result, struct err *err)
{
	struct rpc_dummy *d = ctx;
	json_t *fdb = json_array();

	dummy_see(ctx, params);
	for (unsigned i = 0; i < d->fdb; i++)
		json_array_append_new(fdb, json_pack("{s:s, s:i}", "mac", "02:f1:00:00:00:01", "vlan", (int)i));
	*result = json_pack("{s:o}", "fdb", fdb);
	return 0;
}

/* Breaks the contract: no result, and says nothing about it. */
static inline int
dummy_config_save(void *ctx, const json_t *params, json_t **result, struct err *err)
{
	dummy_see(ctx, params);
	return 0;
}

static inline int
dummy_config_apply(void *ctx, const json_t *params, json_t **result, struct err *err)
{
	dummy_see(ctx, params);
	*result = json_pack("{s:i}", "bytes", (int)json_string_length(json_object_get(params, "text")));
	return 0;
}

static const struct rpc_handler dummy_handlers[] = {
	{ "port.list", dummy_port_list },       { "port.set", dummy_port_set },
	{ "switch.show", dummy_switch_show },   { "config.save", dummy_config_save },
	{ "config.apply", dummy_config_apply }, { NULL },
};
#endif
