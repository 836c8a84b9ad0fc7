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

static json_int_t
speed_of(const struct config_adapter *is, const struct adapter *a)
{
	if (is->speed_mbps != 0)
		return (json_int_t)is->speed_mbps;
	if (a == NULL || (is->kind != UPLINK_AF_XDP && is->kind != UPLINK_AF_PACKET))
		return 0;
	return kernel_speed(is->arg);
}

static json_t *
own_mac(const struct adapter *a)
{
	int port = a != NULL ? uplink_port(&a->uplink) : UPLINK_ABSENT;
	struct rte_ether_addr addr;
	struct mac mac;

	if (port == UPLINK_ABSENT || rte_eth_macaddr_get((uint16_t)port, &addr) != 0)
		return json_null();
	memcpy(mac.byte, addr.addr_bytes, MAC_LEN);
	return json_mac(&mac);
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

/* hs: the switch on it; NULL: none uses it, and nothing was opened. */
static json_t *
adapter_row(const struct config_adapter *is, const struct host_switch *hs)
{
	const struct adapter *a = hs != NULL ? hs->adapter : NULL;
	struct vport_totals books = { 0 };
	char uplink[CONFIG_ARG_MAX + 16];

	if (a != NULL)
		vport_sum(&a->wire, &books);
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:I, s:i, s:o, s:s?, s:i, s:i, s:I, s:I, s:I, s:I, s:I}", "name",
			 is->name, "uplink", config_uplink_codec.format(is, uplink, sizeof(uplink)), "mode",
			 mode_names[is->mode], "backing", rss_backing(a), "state",
			 a != NULL && uplink_has_link(&a->uplink) ? "up" : "down", "speed_mbps", speed_of(is, a), "mtu",
			 a != NULL ? (int)atomic_load(&a->uplink.mtu) : (int)is->mtu, "mac", own_mac(a), "switch",
			 hs != NULL ? hs->is.name : NULL, "queues", is->mode != ADAPTER_NONE ? (int)is->queues : 0,
			 "queues_used", (int)queues_used(is, a), "rx_packets", (json_int_t)books.rx_packets, "rx_bytes",
			 (json_int_t)books.rx_bytes, "tx_packets", (json_int_t)books.tx_packets, "tx_bytes",
			 (json_int_t)books.tx_bytes, "drops", (json_int_t)(books.rx_dropped + books.tx_dropped));
}

int
adapter_list(void *ctx, const json_t *params, json_t **result, struct err *err)
{
	const struct host *host = ((const struct control *)ctx)->host;

	*result = json_array();
	for (unsigned i = 0; i < host->running->n_adapters; i++) {
		const struct config_adapter *is = &host->running->adapters[i];

		list_add(result, adapter_row(is, switch_on_adapter(host, is->name)));
	}
	return result_done(result, err);
}

/* In percent of a core; an inline front end's time is its processor's. */
static json_t *
front_end_percent(struct adapter *a)
{
	if (a == NULL || !a->frontend.threaded)
		return json_null();
	frontend_sample(&a->frontend);
	return json_integer(lround(frontend_load(&a->frontend)));
}

int
adapter_show(void *ctx, const json_t *params, json_t **result, struct err *err)
{
	const struct host *host = ((const struct control *)ctx)->host;
	int index = named_adapter(host, params, err);
	const struct config_adapter *is;
	const struct host_switch *hs;
	unsigned usable[PROCESSORS_MAX];
	struct adapter *a;
	json_t *more;
	size_t n;

	if (index < 0)
		return index;
	is = &host->running->adapters[index];
	hs = switch_on_adapter(host, is->name);
	a = hs != NULL ? hs->adapter : NULL;
	n = vmq_usable(is, usable);
	*result = adapter_row(is, hs);
	more = json_pack("{s:s?, s:b, s:o, s:I, s:o, s:i, s:b}", "driver", driver(a), "front_end_thread",
			 a != NULL && a->frontend.threaded, "front_end_percent", front_end_percent(a),
			 "front_end_packets", a != NULL ? (json_int_t)count_get(&a->frontend.direct.packets) : 0,
			 "base_processor", n > 0 ? json_integer(usable[0]) : json_null(), "max_processors", (int)n,
			 "dynamic", is->dynamic);
	return result_join(result, more, err);
}
