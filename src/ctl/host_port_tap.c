/* host_port_tap.c - a TAP interface behind a port; see host_medium.h. */
#include "ctl/host_medium.h"

#include <stdio.h>
#include <string.h>

#include "base/qsbr.h"
#include "guest/tap.h"

static void
interface_wanted(const struct config_port *is, const struct mac *mac, struct keep_tap *out)
{
	memset(out, 0, sizeof(*out));
	snprintf(out->netns, sizeof(out->netns), "%s", is->netns);
	snprintf(out->interface, sizeof(out->interface), "%s", is->interface);
	out->queues = is->queues;
	out->mac = *mac;
	out->mtu = is->mtu;
	out->txqueuelen = is->txqueuelen;
	memcpy(out->address, is->address, is->n_addresses * sizeof(is->address[0]));
	out->n_addresses = is->n_addresses;
}

static int
tap_nic_open(struct host *host, struct host_port *hp, const struct mac *mac, struct err *err)
{
	struct keep_tap want;
	struct tap *tap;

	interface_wanted(&hp->is, mac, &want);
	tap = tap_open(&want, &hp->port.ingress, host->toeplitz, err);
	if (tap == NULL)
		return err->code;
	hp->nic = tap;
	hp->mac = tap->mac;
	for (unsigned i = 0; i < hp->n_queues; i++)
		queue_set_source(hp->queues[i], QUEUE_FROM_SENDER, &tap->queue[i].source);
	atomic_store_explicit(&hp->port.sink, &tap->sink, memory_order_release);
	return 0;
}

static void
tap_nic_close(struct host_port *hp)
{
	for (unsigned i = 0; i < hp->n_queues; i++)
		queue_set_source(hp->queues[i], QUEUE_FROM_SENDER, NULL);
	qsbr_synchronize();
	tap_close(hp->nic);
	hp->nic = NULL;
}

static bool
tap_nic_tend(struct host_port *hp)
{
	return !tap_is_gone(hp->nic);
}

static bool
tap_nic_can_change(const struct config_port *from, const struct config_port *to)
{
	return from->queues == to->queues && from->txqueuelen == to->txqueuelen &&
	       strcmp(from->netns, to->netns) == 0 && strcmp(from->interface, to->interface) == 0;
}

static bool
tap_nic_is_same(const struct config_port *a, const struct config_port *b)
{
	return a->mtu == b->mtu && a->has_mac == b->has_mac && mac_equal(&a->mac, &b->mac) &&
	       a->n_addresses == b->n_addresses &&
	       memcmp(a->address, b->address, a->n_addresses * sizeof(a->address[0])) == 0;
}

static int
tap_nic_change(struct host_port *hp, const struct config_port *to, const struct mac *mac, struct err *err)
{
	struct tap *tap = hp->nic;
	struct keep_tap want;
	int ret;

	interface_wanted(to, mac, &want);
	ret = tap_change(tap, &want, err);
	hp->mac = tap->mac;
	return ret;
}

static int
tap_nic_set_spread(struct host_port *hp, const struct spread_rule *rule)
{
	return tap_set_spread(hp->nic, rule);
}

static uint64_t
tap_nic_delivered(const struct host_port *hp, unsigned i)
{
	const struct tap *tap = hp->nic;

	return count_get(&tap->queue[i].written);
}

static const char *
tap_nic_state(const struct host_port *hp)
{
	bool up;

	if (keep_link_is_up(hp->is.netns, hp->is.interface, &up, NULL) < 0)
		return "unknown";
	return up ? "up" : "down";
}

static const char *
tap_nic_place(const struct config_port *is, char *out, size_t size)
{
	snprintf(out, size, "interface=%s netns=%s", is->interface, is->netns);
	return out;
}

const struct host_medium host_medium_tap = {
	.open = tap_nic_open,
	.close = tap_nic_close,
	.tend = tap_nic_tend,
	.can_change = tap_nic_can_change,
	.is_same = tap_nic_is_same,
	.change = tap_nic_change,
	.set_spread = tap_nic_set_spread,
	.delivered = tap_nic_delivered,
	.state = tap_nic_state,
	.place = tap_nic_place,
};
