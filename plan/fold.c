/* fold.c - how many queues a table leads to; see fold.h. */
#include "plan/fold.h"

#define QUIET_SHARE \
	4 /* of the mark that opens a table. Our choice: what folds can grow fourfold before it opens again */

unsigned
plan_fold(const struct plan_balance_params *params, uint64_t now_ns, struct plan_fold_port *port)
{
	unsigned least = port->min < 1 ? 1 : port->min > port->n ? port->n : port->min;

	if (port->demand > params->low || port->lost > 0) {
		port->quiet_since_ns = 0;
		return port->n;
	}
	if (port->used <= least)
		return least;
	if (port->demand >= params->low / QUIET_SHARE) {
		port->quiet_since_ns = 0;
		return port->used;
	}
	if (port->quiet_since_ns == 0)
		port->quiet_since_ns = now_ns;
	return now_ns - port->quiet_since_ns >= params->quiet_ns ? least : port->used;
}
