/* host_take_over.c - an uplink that the host lives on: its addresses move to the host vNIC; see host.h. */
#include "ctl/host.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"

/* The first port of the host's own namespace on a switch. */
static struct host_port *
host_vnic(const struct host *host, const struct host_switch *hs)
{
	for (unsigned i = 0; i < host->n_ports; i++)
		if (host->ports[i]->on == hs && host->ports[i]->is.netns[0] == '\0')
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

int
host_take_over(struct host *host, const struct config *config, const struct host_options *options, struct err *err)
{
	for (unsigned i = 0; options->take_over && i < host->n_switches; i++) {
		struct host_switch *hs = host->switches[i];
		struct host_port *vnic;
		struct keep_link link;
		int ret;

		if (hs->adapter == NULL || !carries_the_host(&hs->adapter_is, options))
			continue;
		vnic = host_vnic(host, hs);
		if (vnic == NULL) {
			ret = err_set(err, -ENOENT,
				      "switch '%s' has no host vNIC that could take over the addresses "
				      "of '%s'",
				      hs->is.name, hs->adapter_is.arg);
			err_hint(err, "add a port without netns: {name: host, nic: tap, interface: flhost}");
			return ret;
		}
		ret = keep_link_show(hs->adapter_is.arg, NULL, &link, err);
		if (ret == 0)
			ret = keep_take_over(hs->adapter_is.arg, vnic->is.interface, err);
		if (ret < 0)
			return ret;
		snprintf(host->taken_over, sizeof(host->taken_over), "%.15s", hs->adapter_is.arg);
		log_info("host vNIC took over the uplink's addresses port=%s uplink=%s", vnic->is.name,
			 hs->adapter_is.arg);
		/* The address that the wire knows is the host vNIC's from now on. */
		return host_port_set_mac(vnic, &link.mac, err);
	}
	return 0;
}
