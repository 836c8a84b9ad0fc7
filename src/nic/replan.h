#ifndef NIC_REPLAN_H
#define NIC_REPLAN_H
/*
 * replan.h - the queues and rings of an adapter, made and given up. For adapter.c; others call adapter_replan. Control.
 */
#include "nic/adapter.h"

/* Makes queue i of a's default vport with its ring; it stands nowhere. Returns 0 or -ENOMEM with nothing left. */
int replan_make_queue(struct adapter *a, unsigned i);

/* Gives up the queues of a's default vport from `from` on, and counts the frames that were left in their rings. */
void replan_drop_queues(struct adapter *a, unsigned from);
#endif
