#ifndef NIC_VMQ_H
#define NIC_VMQ_H
/*
 * vmq.h - asks plan/vmq.c and plan/rss.c what an adapter's queues should be, and where they should stand. Control.
 */
#include "nic/adapter.h"

/* What a member shall hold, and where its queue pairs shall stand. */
struct vmq_share {
	unsigned n_rings,
		vm_queue; /* VM queues, for its first queue pairs; 0: it shall be served by the default queue */
	unsigned processor[ADAPTER_PAIRS_MAX];
};

struct vmq_outcome {
	unsigned n_queues;                         /* of the default vport */
	unsigned processor[ADAPTER_RX_QUEUES_MAX]; /* of these; [0]: the base */
	struct vmq_share *share;                   /* as the adapter's members */
};

/*
 * Fills out for a with its present settings; the caller gives it back to vmq_outcome_free. fresh: the settings are new, so receive
 * queues that nobody moves stand where the profile says, not where they are. Returns 0, -EINVAL with err (settings that do not fit the
 * host), or -ENOMEM with err.
 */
int vmq_decide(const struct adapter *a, bool fresh, struct vmq_outcome *out, struct err *err);
void vmq_outcome_free(struct vmq_outcome *out);

/*
 * The processors that queues may stand on, in the order in which they are used: fills usable[0..*n), room for PROCESSORS_MAX; the
 * first is the base. Returns 0, or -EINVAL with err.
 */
int vmq_processors(const char *adapter, const struct adapter_settings *settings, unsigned *usable, size_t *n,
		   struct err *err);

/* Whether settings fit the host; *base: the processor of the default queue. Returns 0, or -EINVAL with err. */
int vmq_base(const char *adapter, const struct adapter_settings *settings, unsigned *base, struct err *err);
#endif
