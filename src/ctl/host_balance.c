/* host_balance.c - the balancer over the host's adapters; see host.h. */
#include "base/clock.h"
#include "ctl/host.h"

#define AGAIN_NS NSEC_PER_S /* without memory */

uint64_t
host_balance(struct host *host)
{
	struct adapter *adapters[CONFIG_SWITCHES_MAX];
	unsigned n = 0;

	for (unsigned i = 0; i < host->n_switches; i++)
		if (host->switches[i]->adapter != NULL && balancer_wants(host->switches[i]->adapter))
			adapters[n++] = host->switches[i]->adapter;
	if (n > 0 && host->balancer == NULL)
		host->balancer = balancer_new();
	if (host->balancer == NULL)
		return n > 0 ? AGAIN_NS : 0;
	return balancer_run(host->balancer, adapters, n, clock_ns());
}
