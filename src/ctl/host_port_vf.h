#ifndef CTL_HOST_PORT_VF_H
#define CTL_HOST_PORT_VF_H
/*
 * host_port_vf.h - ports with `nic: vf`: which way their frames go, and what is known of their guests. Control thread only.
 */
#include "ctl/host.h"
#include "sriov/vf.h"

/* Which of its adapter's functions it is: from 0, the same until the port goes. hp->nic is there and a VF. */
unsigned host_port_vf_id(const struct host_port *hp);

/* What vf_info tells. hp->nic is there and a VF. */
void host_port_vf_info(const struct host_port *hp, struct vf_info *out);

/* "vf": it bypasses the switch, or "vf-switched". Any port with nic: vf. */
const char *host_port_vf_path(const struct host_port *hp);

/* Why it does not bypass the switch, a phrase; NULL where it does. Any port with nic: vf. */
const char *host_port_vf_why_switched(const struct host_port *hp);
#endif
