#ifndef NIC_HWRSS_H
#define NIC_HWRSS_H
/*
 * hwrss.h - RSS of an adapter in its NIC: when the uplink's own receive queues serve in place of the front end, and the way to and fro.
 *
 * In mode rss, with an uplink that can do what the settings ask for (hwqueue.h), receive queue i is a source of queue i of the default
 * vport. The receive plan is made as ever (rxplan.h), its table is what the NIC is told; the front end idles.
 *
 *	to the NIC		the front end takes nothing any more; rings worked off; sources put in; key, types and table programmed
 *	another table		sources of new queues put in; programmed; queues that left the table worked off, their sources taken out
 *	from the NIC		table to queue 0; the others worked off; all sources taken out; the front end takes from queue 0
 *	more queues		from the NIC; the port is stopped, configured, started: what comes in meanwhile the wire loses; to the NIC
 *
 * Nothing of what the NIC took in is lost by the others. The order of a flow whose entry changes is best effort: the NIC puts its frames
 * into the new queue at once, whose processor does not wait for the old one's. What cannot be programmed is left to the front end.
 *
 * Control.
 */
#include "nic/adapter.h"

/* Notes at a's uplink what its settings ask of a NIC. Before it is opened. */
void hwrss_ask(struct adapter *a);

/*
 * After a's plan was published, or its uplink was opened: has the NIC carry out that plan, or the front end. The first n queues of a are to
 * be used; those that were used before exist still, and may be given up afterwards. Cannot fail: whoever could before still serves.
 */
void hwrss_carry_out(struct adapter *a, unsigned n);

/* Takes all sources out, so that no frames come in by them; the front end takes part again. For an uplink that is gone, or is to be. */
void hwrss_leave(struct adapter *a);
#endif
