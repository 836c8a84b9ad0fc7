/* host_take_over.c - an uplink that the host lives on: its addresses move to the host vNIC; see host.h. */
#include "ctl/host.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"

/* The first interface in the host's own namespace on a switch. */
static struct host_port *
host_vnic(const struct host *host, const struct host_switch *hs)
{
	for (unsigned i = 0; i < host->n_ports; i++)
		if (host->ports[i]->on == hs && host->ports[i]->is.nic == NIC_TAP &&
		    host->ports[i]->is.netns[0] == '\0')
			return host->ports[i];
	return NULL;
}

static bool
carries_the_host(const struct config_adapter *is, const struct host_options *options)
{
	struct keep_link link;

	return (is->kind == UPLINK_AF_XDP || is->kind == UPLINK_AF_PACKET) &&
	       keep_link_show(is->arg, options->caller != NULL && options->caller[0] ? options->caller : NULL, &link,
			      NULL) == 0 &&
	       (link.default_route || link.has_caller);
}

bool
host_had_taken_over(const struct host *host, const struct config_adapter *is)
{
	return host->had_taken_over[0] != '\0' && strcmp(host->had_taken_over, is->arg) == 0;
}

static int
no_vnic(const struct host_switch *hs, struct err *err)
{
	int ret = err_set(err, -ENOENT, "switch '%s' has no host vNIC that could take over the addresses of '%s'",
			  hs->is.name, hs->adapter_is.arg);

	err_hint(err, "add a port without netns: {name: host, nic: tap, interface: flhost}");
	return ret;
}

static int
take_over(struct host *host, struct host_switch *hs, struct err *err)
{
	struct host_port *vnic = host_vnic(host, hs);
	struct keep_link link;
	int ret;

	if (vnic == NULL)
		return no_vnic(hs, err);
	if (vnic->nic == NULL)
		return err_set(err, -ENODEV, "port '%s': its interface is gone", vnic->is.name);
	ret = keep_link_show(hs->adapter_is.arg, NULL, &link, err);
	if (ret == 0)
		ret = keep_take_over(hs->adapter_is.arg, vnic->is.interface, err);
	if (ret < 0)
		return ret;
	snprintf(host->taken_over, sizeof(host->taken_over), "%.15s", hs->adapter_is.arg);
	host->vnic = vnic;
	host->vnic_mac = vnic->mac;
	/* The address that the wire knows is the host vNIC's from now on. */
	ret = host_port_set_mac(vnic, &link.mac, err);
	if (ret < 0) {
		host_give_back(host);
		return ret;
	}
	log_info("host vNIC took over the uplink's addresses port=%s uplink=%s", vnic->is.name, hs->adapter_is.arg);
	return 0;
}

int
host_take_over(struct host *host, const struct host_options *options, struct err *err)
{
	for (unsigned i = 0; i < host->n_switches && host->taken_over[0] == '\0'; i++) {
		struct host_switch *hs = host->switches[i];
		int ret = 0;

		if (hs->adapter == NULL)
			continue;
		if (host_had_taken_over(host, &hs->adapter_is) ||
		    (options->take_over && carries_the_host(&hs->adapter_is, options)))
			ret = take_over(host, hs, err);
		if (ret < 0)
			return ret;
	}
	return 0;
}

void
host_give_back(struct host *host)
{
	struct err err;

	/* What the keeper cannot give back now it tries again when the daemon ends. */
	if (keep_give_back(&err) < 0)
		log_error("addresses could not be given back uplink=%s reason=\"%s\"", host->taken_over, err.msg);
	else
		log_info("host vNIC gave the uplink's addresses back port=%s uplink=%s", host->vnic->is.name,
			 host->taken_over);
	if (host->vnic->nic != NULL)
		host_port_set_mac(host->vnic, &host->vnic_mac, NULL);
	host->taken_over[0] = '\0';
	host->vnic = NULL;
}
