#ifndef NIC_VMQ_H
#define NIC_VMQ_H
/*
 * vmq.h - asks plan/vmq.c what an adapter's queues should be, and tells how that differs from what they are. Control.
 */
#include "nic/adapter.h"

struct vmq_change {
	struct adapter_member *member;
	unsigned vm_queue, processor;
};

struct vmq_outcome {
	unsigned base;                /* processor of the default queue, and of all members without a VM queue */
	struct adapter_member **lost; /* hold a queue and shall not */
	unsigned n_lost;
	struct vmq_change *gained; /* shall hold one and do not */
	unsigned n_gained;
	struct vmq_change *stay; /* keep theirs, perhaps on another processor */
	unsigned n_stay;
};

/* Fills out, which the caller frees. Returns 0, -EINVAL with err (settings that do not fit the host), or -ENOMEM. */
int vmq_decide(const struct adapter *a, struct vmq_outcome *out, struct err *err);
void vmq_outcome_free(struct vmq_outcome *out);

/*
 * The processors that VM queues may stand on: fills usable[0..*n), room for PROCESSORS_MAX; the first is the base. Returns 0, or
 * -EINVAL with err.
 */
int vmq_processors(const char *adapter, const struct adapter_settings *settings, unsigned *usable, size_t *n,
		   struct err *err);

/* Whether settings fit the host; *base: the processor of the default queue. Returns 0, or -EINVAL with err. */
int vmq_base(const char *adapter, const struct adapter_settings *settings, unsigned *base, struct err *err);
#endif
