/* uplink_queues.c - receive and transmit queues of an ethdev; see uplink_queues.h. */
#include "nic/uplink_queues.h"

#include <rte_ethdev.h>

/* Descriptors of each of n receive queues: a power of two, as all drivers take it. */
static uint16_t
descriptors_of(unsigned n)
{
	unsigned share = n > 1 ? rte_align32prevpow2(HWQUEUE_DESC / n) : UPLINK_DESC;

	return (uint16_t)RTE_MIN(share, (unsigned)UPLINK_DESC);
}

/* A port with n receive queues, which hashes by u->rss if there are several; not started yet. 0, or what the driver says. */
static int
set_up_queues(struct uplink *u, uint16_t port, unsigned n)
{
	int socket = rte_eth_dev_socket_id(port), ret;
	uint16_t n_rx = descriptors_of(n), n_tx = UPLINK_DESC;
	struct rte_eth_conf conf = { 0 };

	if (n > 1)
		hwqueue_configure(port, &u->rss, &conf);
	ret = rte_eth_dev_configure(port, (uint16_t)n, 1, &conf);
	if (ret == 0 && n > 1)
		ret = rte_eth_dev_adjust_nb_rx_tx_desc(port, &n_rx, &n_tx);
	for (unsigned i = 0; i < n && ret == 0; i++)
		ret = rte_eth_rx_queue_setup(port, (uint16_t)i, n_rx, (unsigned)socket, NULL, u->pool);
	return ret == 0 ? rte_eth_tx_queue_setup(port, 0, n_tx, (unsigned)socket, NULL) : ret;
}

int
uplink_start_queues(struct uplink *u, uint16_t port, unsigned n, unsigned mtu)
{
	int ret = set_up_queues(u, port, n);

	if (ret == 0 && mtu != 0 && (ret = rte_eth_dev_set_mtu(port, (uint16_t)mtu)) == -ENOTSUP)
		ret = 0;
	if (ret == 0)
		ret = rte_eth_dev_start(port);
	if (ret != 0 || n == 1)
		return ret;
	ret = hwqueue_unite(port); /* whatever the driver's own table is: the others have no reader yet */
	if (ret != 0)
		rte_eth_dev_stop(port);
	return ret;
}
