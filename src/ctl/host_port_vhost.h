#ifndef CTL_HOST_PORT_VHOST_H
#define CTL_HOST_PORT_VHOST_H
/*
 * host_port_vhost.h - ports with `nic: vhost`: where their sockets lie, and what is known of their guests. Control thread only.
 */
#include "ctl/host.h"
#include "guest/vhost.h"

/* What vhost_info tells, and why we cannot connect where we are the client. hp->nic is there and a vhost NIC. */
void host_port_vhost_info(const struct host_port *hp, struct vhost_info *out);

/* Whether all sockets of config lie in the host's run directory: 0, or -EINVAL with err and nothing done. */
int host_check_sockets(const struct host *host, const struct config *config, struct err *err);
#endif
