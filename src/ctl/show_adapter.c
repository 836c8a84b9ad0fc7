/* show_adapter.c - adapters: uplinks, their link and their books; see handlers.h. */
#include <errno.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <rte_ethdev.h>

#include "ctl/config_bind.h"
#include "ctl/handlers.h"

static const char *const mode_names[] = { [ADAPTER_NONE] = "none", [ADAPTER_RSS] = "rss", [ADAPTER_VMQ] = "vmq" };

/*
 * What the kernel says of an interface, Mb/s; 0 when it does not know. DPDK's own figure for these drivers is a constant.
 * ETHTOOL_GSET ends at 2^32 - 1 Mb/s and knows no lanes, which is all right for one number.
 */
static unsigned
kernel_speed(const char *interface)
{
	struct ethtool_cmd command = { .cmd = ETHTOOL_GSET };
	struct ifreq request = { .ifr_data = (void *)&command };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	uint32_t speed = (uint32_t)SPEED_UNKNOWN;

	if (fd < 0)
		return 0;
	snprintf(request.ifr_name, sizeof(request.ifr_name), "%.15s", interface);
	if (ioctl(fd, SIOCETHTOOL, &request) == 0)
		speed = ethtool_cmd_speed(&command);
	close(fd);
	return speed == (uint32_t)SPEED_UNKNOWN ? 0 : speed;
}

static uint64_t
speed_of(const struct config_adapter *is, const struct adapter *a)
{
	if (is->speed_mbps != 0)
		return is->speed_mbps;
	if (a == NULL || (is->kind != UPLINK_AF_XDP && is->kind != UPLINK_AF_PACKET))
		return 0;
	return kernel_speed(is->arg);
}

static void
put_own_mac(struct rpc_text *out, const struct adapter *a)
{
	int port = a != NULL ? uplink_port(&a->uplink) : UPLINK_ABSENT;
	struct rte_ether_addr addr = { 0 };
	struct mac mac = { 0 };

	if (port != UPLINK_ABSENT && rte_eth_macaddr_get((uint16_t)port, &addr) == 0)
		memcpy(mac.byte, addr.addr_bytes, MAC_LEN);
	put_mac(out, "mac", &mac);
}

static const char *
driver(const struct adapter *a)
{
	int port = a != NULL ? uplink_port(&a->uplink) : UPLINK_ABSENT;
	struct rte_eth_dev_info info;

	if (a != NULL && a->uplink.medium != NULL)
		return a->uplink.medium->ops->driver;
	return port != UPLINK_ABSENT && rte_eth_dev_info_get((uint16_t)port, &info) == 0 ? info.driver_name : NULL;
}

/* Mode rss: those that frames are hashed over; one of them is the default queue, which is always there. */
static unsigned
queues_used(const struct config_adapter *is, const struct adapter *a)
{
	if (is->mode != ADAPTER_RSS)
		return vmq_used(a);
	return a != NULL && a->settings.mode == ADAPTER_MODE_RSS ? a->n_queues : 0;
}

/* The keys of a list's row, into an object that is open. hs: the switch on it; NULL: none uses it, and nothing was opened. */
static void
put_adapter(struct rpc_text *out, const struct config_adapter *is, const struct host_switch *hs)
{
	const struct adapter *a = hs != NULL ? hs->adapter : NULL;
	struct vport_totals books = { 0 };
	char uplink[CONFIG_ARG_MAX + 16];

	if (a != NULL)
		vport_sum(&a->wire, &books);
	put_text(out, "name", is->name);
	put_text(out, "uplink", config_uplink_codec.format(is, uplink, sizeof(uplink)));
	put_text(out, "mode", mode_names[is->mode]);
	put_text(out, "backing", rss_backing(a));
	put_text(out, "state", a != NULL && uplink_has_link(&a->uplink) ? "up" : "down");
	put_count(out, "speed_mbps", speed_of(is, a));
	put_count(out, "mtu", a != NULL ? atomic_load(&a->uplink.mtu) : is->mtu);
	put_own_mac(out, a);
	put_text(out, "switch", hs != NULL ? hs->is.name : NULL);
	put_count(out, "queues", is->mode != ADAPTER_NONE ? is->queues : 0);
	put_count(out, "queues_used", queues_used(is, a));
	put_count(out, "rx_packets", books.rx_packets);
	put_count(out, "rx_bytes", books.rx_bytes);
	put_count(out, "tx_packets", books.tx_packets);
	put_count(out, "tx_bytes", books.tx_bytes);
	put_count(out, "drops", books.rx_dropped + books.tx_dropped);
}

int
adapter_list(void *ctx, const json_t *params, struct rpc_text *out, struct err *err)
{
	const struct host *host = ((const struct control *)ctx)->host;

	put_list(out, NULL);
	for (unsigned i = 0; i < host->running->n_adapters; i++) {
		const struct config_adapter *is = &host->running->adapters[i];

		put_object(out, NULL);
		put_adapter(out, is, switch_on_adapter(host, is->name));
		put_object_end(out);
	}
	put_list_end(out);
	return 0;
}

/* In percent of a core; an inline front end's time is its processor's. */
static void
put_front_end(struct rpc_text *out, struct adapter *a)
{
	bool threaded = a != NULL && a->frontend.threaded;

	put_bool(out, "front_end_thread", threaded);
	if (threaded) {
		frontend_sample(&a->frontend);
		put_int(out, "front_end_percent", lround(frontend_load(&a->frontend)));
	} else {
		put_null(out, "front_end_percent");
	}
	put_count(out, "front_end_packets", a != NULL ? count_get(&a->frontend.direct.packets) : 0);
}

int
adapter_show(void *ctx, const json_t *params, struct rpc_text *out, struct err *err)
{
	const struct host *host = ((const struct control *)ctx)->host;
	int index = named_adapter(host, params, err);
	const struct config_adapter *is;
	const struct host_switch *hs;
	unsigned usable[PROCESSORS_MAX];
	struct adapter *a;
	size_t n;

	if (index < 0)
		return index;
	is = &host->running->adapters[index];
	hs = switch_on_adapter(host, is->name);
	a = hs != NULL ? hs->adapter : NULL;
	n = vmq_usable(is, usable);
	put_object(out, NULL);
	put_adapter(out, is, hs);
	put_text(out, "driver", driver(a));
	put_front_end(out, a);
	if (n > 0)
		put_count(out, "base_processor", usable[0]);
	else
		put_null(out, "base_processor");
	put_count(out, "max_processors", n);
	put_bool(out, "dynamic", is->dynamic);
	put_object_end(out);
	return 0;
}
