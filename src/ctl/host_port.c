/* host_port.c - a port of the running host: queues, place on a switch, and the NIC behind it; see host.h. */
#include "ctl/host_medium.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/qsbr.h"

#define RETRY_NS NSEC_PER_S /* between tries to open a NIC again. Our choice */
#define PLACE_LEN 160

static const struct host_medium *const media[] = {
	[NIC_TAP] = &host_medium_tap,
	[NIC_VHOST] = &host_medium_vhost,
	[NIC_VF] = &host_medium_vf,
};

/* mac: the NIC's own, configured or not; zero: not known. Until then the first source is noted, whether it is checked later or not. */
void
host_port_rights(const struct config_port *is, const struct mac *mac, struct port_conf *out)
{
	static const enum port_vlan_mode mode[] = {
		[VLAN_UNTAGGED] = PORT_UNTAGGED,
		[VLAN_ACCESS] = PORT_ACCESS,
		[VLAN_TRUNK] = PORT_TRUNK,
	};

	memset(out, 0, sizeof(*out));
	out->mac = *mac;
	out->spoof_check = is->spoof_check || mac_is_zero(mac);
	out->vlan = mode[is->vlan.mode];
	out->vid = is->vlan.mode == VLAN_ACCESS ? is->vlan.id : is->vlan.native;
	memcpy(out->allowed, is->vlan.allowed, sizeof(out->allowed));
	if (is->vlan.native == 0)
		out->allowed[0] |= 1; /* untagged frames stay untagged */
}

static void
as_member(struct host_port *hp, struct adapter_member *m)
{
	snprintf(m->port, sizeof(m->port), "%s", hp->is.name);
	m->vport = &hp->vport;
	m->queues = hp->queues;
	m->n_queues = hp->n_queues;
	m->mac = hp->mac;
	m->weight = hp->is.vmq_weight;
	m->vrss.enabled = hp->is.vrss.enabled && hp->is.nic != NIC_VF; /* the guest spreads them itself */
	m->vrss.min_queues = hp->is.vrss.min_queues;
	m->vrss.dynamic = hp->is.vrss.scheduling == VRSS_DYNAMIC;
	m->vrss.exclude_primary = hp->is.vrss.exclude_primary;
	switch (hp->is.vlan.mode) {
	case VLAN_UNTAGGED:
		m->vid = RXMAP_VID_UNTAGGED;
		break;
	case VLAN_ACCESS:
		m->vid = hp->is.vlan.id;
		break;
	case VLAN_TRUNK:
		m->vid = RXMAP_VID_ANY;
		break;
	}
}

/* The processor with the fewest queues, the lowest of those: ports that no adapter places. */
static unsigned
least_loaded(void)
{
	unsigned best = 0, fewest = UINT32_MAX;

	for (unsigned i = 0; i < n_processors; i++) {
		const struct queue_list *list = atomic_load(&processors[i]->queues);
		unsigned n = list != NULL ? list->n : 0;

		if (n < fewest) {
			best = i;
			fewest = n;
		}
	}
	return best;
}

static int
place(struct host_port *hp, struct err *err)
{
	unsigned processor;
	int ret;

	if (hp->on->adapter != NULL) {
		as_member(hp, &hp->member);
		ret = adapter_join(hp->on->adapter, &hp->member, err);
		hp->is_member = ret == 0;
		return ret;
	}
	processor = least_loaded();
	for (unsigned i = 0; i < hp->n_queues; i++) {
		ret = queue_move(hp->queues[i], processor);
		if (ret < 0)
			return err_set(err, ret, "port '%s': cannot place its queues: %s", hp->is.name, strerror(-ret));
	}
	return 0;
}

static int
make_queues(struct host_port *hp, struct err *err)
{
	for (; hp->n_queues < config_port_queues(&hp->is); hp->n_queues++) {
		struct queue *q = queue_new(&hp->vport, hp->n_queues);

		if (q == NULL)
			return err_set(err, -ENOSPC, "port '%s': the host has %u queues already, or no memory",
				       hp->is.name, QUEUES_MAX);
		hp->queues[hp->n_queues] = q;
	}
	return 0;
}

static int
attach(struct host_port *hp, struct err *err)
{
	struct port_conf conf;
	int ret;

	host_port_rights(&hp->is, &hp->mac, &conf);
	ret = port_attach(&hp->port, hp->on->sw, &conf);
	if (ret == -EEXIST)
		err_set(err, ret, "port '%s': another port of switch '%s' has its MAC address on this VLAN",
			hp->is.name, hp->on->is.name);
	else if (ret < 0)
		err_set(err, ret, "port '%s': no room on switch '%s'", hp->is.name, hp->on->is.name);
	return ret;
}

static void
remember(struct host *host, const struct host_port *hp)
{
	struct host_former *f = &host->former[host->n_former];

	if (hp->nic == NULL || host->n_former == sizeof(host->former) / sizeof(host->former[0]))
		return;
	snprintf(f->name, sizeof(f->name), "%s", hp->is.name);
	f->mac = hp->first_mac;
	host->n_former++;
}

/* The address for a new NIC: the configured one, else what the kernel chose for the port that it replaces, the first of them. */
static struct mac
first_mac(const struct host *host, const struct config_port *is)
{
	for (unsigned i = 0; i < host->n_former && !is->has_mac; i++)
		if (strcmp(host->former[i].name, is->name) == 0)
			return host->former[i].mac;
	return is->mac;
}

static int
open_nic(struct host *host, struct host_port *hp, struct err *err)
{
	struct mac mac = first_mac(host, &hp->is);
	int ret = hp->medium->open(host, hp, &mac, err);

	if (ret < 0)
		err_prefix(err, "port '%s'", hp->is.name);
	else
		hp->first_mac = hp->mac;
	return ret;
}

static void
close_nic(struct host *host, struct host_port *hp)
{
	atomic_store(&hp->port.sink, NULL);
	hp->medium->close(hp);
	host_port_unspread(host, hp);
}

int
host_port_add(struct host *host, struct host_switch *on, const struct config_port *is, struct err *err)
{
	struct host_port *hp = aligned_alloc(64, (sizeof(*hp) + 63) / 64 * 64);
	int ret;

	if (hp == NULL)
		return err_set(err, -ENOMEM, "no memory for port '%s'", is->name);
	memset((void *)hp, 0, sizeof(*hp));
	hp->is = *is;
	hp->on = on;
	hp->medium = media[is->nic];
	hp->port.vport = &hp->vport;
	if (vport_init(&hp->vport, is->name) < 0) {
		free(hp);
		return err_set(err, -ENOMEM, "no memory for port '%s'", is->name);
	}
	ret = make_queues(hp, err);
	if (ret == 0)
		ret = open_nic(host, hp, err);
	if (ret == 0)
		ret = attach(hp, err);
	if (ret == 0)
		ret = place(hp, err);
	if (ret < 0) {
		host_port_remove(host, hp);
		return ret;
	}
	host->ports[host->n_ports++] = hp;
	return 0;
}

void
host_port_remove(struct host *host, struct host_port *hp)
{
	if (hp->is_member)
		adapter_leave(hp->on->adapter, &hp->member);
	for (unsigned i = 0; i < hp->n_queues; i++)
		queue_move(hp->queues[i], PROCESSOR_NONE);
	remember(host, hp);
	close_nic(host, hp);
	for (unsigned i = 0; i < hp->n_queues; i++)
		queue_free(hp->queues[i]);
	if (hp->port.sw != NULL)
		port_detach(&hp->port);
	for (unsigned i = 0; i < host->n_ports; i++) {
		if (host->ports[i] == hp) {
			memmove(&host->ports[i], &host->ports[i + 1],
				(host->n_ports - i - 1) * sizeof(struct host_port *));
			host->n_ports--;
			break;
		}
	}
	vport_fini(&hp->vport);
	free(hp);
}

bool
host_port_can_change(const struct host_port *hp, const struct config_port *is)
{
	return hp->is.nic == is->nic && hp->medium->can_change(&hp->is, is);
}

static bool
same_vlan(const struct config_vlan *a, const struct config_vlan *b)
{
	return a->mode == b->mode && a->id == b->id && a->native == b->native &&
	       memcmp(a->allowed, b->allowed, sizeof(a->allowed)) == 0;
}

/* Filter, weight, vRSS: the adapter decides anew. */
static int
rejoin(struct host_port *hp, struct err *err)
{
	struct adapter_member next = hp->member;

	if (!hp->is_member)
		return 0;
	as_member(hp, &next);
	return adapter_change(hp->on->adapter, &hp->member, &next, err);
}

bool
host_port_readdresses(const struct host_port *hp, const struct config_port *is)
{
	return hp->is.has_mac != is->has_mac || !mac_equal(&hp->is.mac, &is->mac) ||
	       !same_vlan(&hp->is.vlan, &is->vlan);
}

/*
 * The address that the NIC is to be given: zero, to leave it, when the configured one stays as it is (a host vNIC may have taken
 * an uplink's over).
 */
static struct mac
mac_change(const struct host_port *hp, const struct config_port *is)
{
	if (hp->is.has_mac == is->has_mac && mac_equal(&hp->is.mac, &is->mac))
		return (struct mac){ 0 };
	return is->has_mac ? is->mac : hp->first_mac;
}

int
host_port_change(struct host_port *hp, const struct config_port *is, struct err *err)
{
	bool nic_differs = !hp->medium->is_same(&hp->is, is), vlan_differs = !same_vlan(&hp->is.vlan, &is->vlan);
	struct config_port was = hp->is;
	struct mac mac = mac_change(hp, is), had = hp->mac;
	struct port_conf conf;
	struct err back;
	int ret = 0;

	if (hp->nic == NULL) { /* takes effect when it is there again */
		hp->is = *is;
		hp->mac = is->has_mac ? is->mac : had;
		return 0;
	}
	if (nic_differs)
		ret = hp->medium->change(hp, is, &mac, err);
	if (ret < 0) {
		err_prefix(err, "port '%s' unchanged", hp->is.name);
		return ret;
	}
	host_port_rights(is, &hp->mac, &conf);
	ret = port_set_conf(&hp->port, &conf);
	if (ret < 0) {
		if (nic_differs)
			hp->medium->change(hp, &was, &had, &back);
		hp->mac = had;
		return err_set(err, ret,
			       "port '%s' unchanged: another port of the switch has this MAC address on "
			       "this VLAN",
			       hp->is.name);
	}
	hp->is = *is;
	if (nic_differs || vlan_differs || was.vmq_weight != is->vmq_weight ||
	    memcmp(&was.vrss, &is->vrss, sizeof(was.vrss)) != 0)
		return rejoin(hp, err);
	return 0;
}

int
host_port_set_mac(struct host_port *hp, const struct mac *mac, struct err *err)
{
	struct mac had = hp->mac;
	struct port_conf conf;
	int ret;

	hp->mac = *mac;
	host_port_rights(&hp->is, mac, &conf);
	ret = port_set_conf(&hp->port, &conf);
	if (ret < 0) {
		hp->mac = had;
		return err_set(err, ret, "port '%s': another port of the switch has its MAC address", hp->is.name);
	}
	return rejoin(hp, err);
}

void
host_port_tend(struct host *host, struct host_port *hp)
{
	struct mac mac;
	struct err err;
	char place[PLACE_LEN];

	if (hp->nic != NULL && !hp->medium->tend(hp)) {
		close_nic(host, hp);
		hp->mac = hp->is.has_mac ? hp->is.mac : hp->mac; /* it shall have it again */
		log_warn("interface went away port=%s %s", hp->is.name,
			 hp->medium->place(&hp->is, place, sizeof(place)));
	}
	if (hp->nic != NULL || clock_ns() < hp->retry_ns)
		return;
	hp->retry_ns = clock_ns() + RETRY_NS;
	mac = hp->mac;
	if (hp->medium->open(host, hp, &mac, &err) < 0) {
		log_debug("interface cannot be opened again port=%s reason=\"%s\"", hp->is.name, err.msg);
		return;
	}
	if (host_port_set_mac(hp, &hp->mac, &err) < 0 || host_port_spread(host, hp, &err) < 0)
		log_warn("interface is there again, but: %s", err.msg);
	log_info("interface is there again port=%s %s", hp->is.name, hp->medium->place(&hp->is, place, sizeof(place)));
}

const char *
host_port_state(const struct host_port *hp)
{
	return hp->nic != NULL ? hp->medium->state(hp) : "gone";
}

uint64_t
host_port_delivered(const struct host_port *hp, unsigned i)
{
	return hp->nic != NULL ? hp->medium->delivered(hp, i) : 0;
}
