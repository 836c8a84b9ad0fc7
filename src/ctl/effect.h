#ifndef CTL_EFFECT_H
#define CTL_EFFECT_H
/*
 * effect.h - which offloads of the running host are in effect, and why others are not: its facts, put to plan/matrix.h. Control.
 */
#include "ctl/host.h"
#include "plan/matrix.h"

/* The mode that an adapter of this configuration works in: none while what it asks for depends on something that is off. */
enum adapter_mode effect_mode(const struct config_adapter *is);

/* Of an adapter, those of ports left out (off). */
void effect_of_adapter(const struct host *host, const struct config_adapter *is,
		       enum plan_reason why[PLAN_FEATURE_COUNT]);

/* Of a port, and of the adapter of its switch. */
void effect_of_port(const struct host *host, const struct host_port *hp, enum plan_reason why[PLAN_FEATURE_COUNT]);

/*
 * Whether `feature` may be switched on beside what the adapter's configuration asks for. Returns 0, or -EOPNOTSUPP with what is in its
 * way, by name, and what to do. What it only depends on does not refuse it: it is then not operational, and says so.
 */
int effect_allow(const struct config_adapter *is, enum plan_feature feature, struct err *err);

/* "name: sentence; hint", without the name when it is only switched off, empty for PLAN_REASON_OPERATIONAL; adapter and port may be NULL. Writes at most size bytes; returns out. */
char *effect_reason(enum plan_reason why, const char *adapter, const char *port, char *out, size_t size);

/* Queue pairs that a port's guest uses; those of a NIC that is no guest's are all in use. */
unsigned effect_running_pairs(const struct host_port *hp);
#endif
