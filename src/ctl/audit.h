#ifndef CTL_AUDIT_H
#define CTL_AUDIT_H
/*
 * audit.h - one log line for each change over RPC, done or refused. Control thread only.
 */
#include "ctl/params.h"
#include "ctl/rpc_message.h"

/* code: 0, or the negative errno of the refusal. params may be NULL; it may be what the client sent, unchecked. */
void audit_change(const struct rpc_caller *who, const struct schema_method *method, const json_t *params, int code);
#endif
