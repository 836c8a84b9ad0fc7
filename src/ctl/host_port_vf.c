/*
 * host_port_vf.c - a virtual function behind a port; see host_medium.h.
 *
 * Its frames go through the adapter's switch (nic/nicswitch.h); where a policy of the port needs the external one, through that. Of both
 * it is a part all the time. The guest's driver may take another address than the configured one (trust), and takes a changed one at
 * its next reset: both switches follow what is in force, as the function tells.
 */
#include "ctl/host_port_vf.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/qsbr.h"
#include "ctl/host_medium.h"
#include "guest/vhost.h"

struct vf_nic {
	struct vf *vf;
	char socket[CONFIG_SOCKET_MAX]; /* in the run directory */
	unsigned id;
	struct vf_policy policy; /* that the function has */
	struct nicswitch_member member;
	struct mac refused;   /* an address that the guest cannot have, once told */
	bool untold;          /* it has taken another, and the log has not got that yet */
	uint64_t told_ns;     /* of its addresses */
	char state_text[192]; /* of vf_nic_state */
};

/* ---- what the configuration means to the function ---- */

/* The words of the configuration are in the order of the function's. */
static_assert((int)MODEL_X550 == (int)VF_X550 && (int)MODEL_X540 == (int)VF_X540 && (int)MODEL_82599 == (int)VF_82599 &&
		      (int)MODEL_X550_HV == (int)VF_X550_HV && (int)MODEL_X540_HV == (int)VF_X540_HV &&
		      (int)MODEL_82599_HV == (int)VF_82599_HV,
	      "one order");
static_assert(CONFIG_VF_QUEUES == VF_PAIRS, "each has them all");

/* What the guest is shown; a link without a speed of its own is as fast as it can be. */
static unsigned
link_mbps(const struct host_switch *on)
{
	uint64_t speed = on->adapter_is.speed_mbps;

	return speed == 0 || speed >= 10000 ? 10000 : speed >= 1000 ? 1000 : 100;
}

static void
policy_of(const struct config_port *is, const struct host_switch *on, const struct mac *mac, struct vf_policy *out)
{
	memset(out, 0, sizeof(*out));
	out->mac = *mac;
	out->vlan = is->vlan.mode == VLAN_ACCESS ? is->vlan.id : 0;
	out->trust = is->vf.trust;
	out->spoof_check = is->spoof_check;
	out->rate_mbps = is->vf.rate_mbps;
	out->link = is->vf.link;
	out->link_mbps = link_mbps(on);
	out->mtu = is->mtu;
}

/* What leads its frames through the external switch, for people; NULL: nothing does. */
static const char *
why_switched(const struct config_port *is)
{
	return is->vf.on_policy == POLICY_BYPASS ? NULL : config_vf_policy(is);
}

/* A locally administered one (IEEE 802, 8.4), for the driver finds none of its own. */
static int
mac_by_chance(struct mac *out, struct err *err)
{
	if (getrandom(out->byte, sizeof(out->byte), 0) != sizeof(out->byte))
		return err_set(err, -EIO, "cannot make a MAC address: %s", strerror(errno));
	out->byte[0] = (uint8_t)((out->byte[0] & ~1u) | 2);
	return 0;
}

/* The lowest number that no other function of its adapter has. */
static unsigned
free_id(const struct host *host, const struct host_port *hp)
{
	bool used[CONFIG_VFS_MAX + 1] = { false };
	unsigned id = 0;

	for (unsigned i = 0; i < host->n_ports; i++) {
		const struct host_port *other = host->ports[i];

		if (other != hp && other->is.nic == NIC_VF && other->nic != NULL && other->on == hp->on)
			used[host_port_vf_id(other)] = true;
	}
	while (id < CONFIG_VFS_MAX && used[id])
		id++;
	return id;
}

/* ---- what the guest's driver does ---- */

/* A guest may change its address as often as it likes: that is a line a second at most, and the last change is told. */
static bool
may_tell(struct vf_nic *nic)
{
	uint64_t now = clock_ns();

	if (nic->told_ns != 0 && now - nic->told_ns < NSEC_PER_S)
		return false;
	nic->told_ns = now;
	return true;
}

static void
take_address(struct host_port *hp, const struct mac *mac)
{
	struct vf_nic *nic = hp->nic;
	char text[MAC_TEXT_LEN];
	struct err err;

	if (host_port_set_mac(hp, mac, &err) == 0) {
		nic->untold = true;
		memset(&nic->refused, 0, sizeof(nic->refused));
	} else if (!mac_equal(mac, &nic->refused) && may_tell(nic)) {
		nic->refused = *mac;
		mac_format(mac, text);
		log_warn("address of the guest is another's port=%s mac=%s reason=\"%s\"", hp->is.name, text, err.msg);
	}
}

/* The switch knows the port by the address that its driver uses. */
static void
follow_address(struct host_port *hp)
{
	struct vf_nic *nic = hp->nic;
	char text[MAC_TEXT_LEN];
	struct vf_info info;

	vf_info(nic->vf, &info);
	if (!mac_is_zero(&info.mac) && !mac_equal(&info.mac, &hp->mac))
		take_address(hp, &info.mac);
	if (!nic->untold || !may_tell(nic))
		return;
	nic->untold = false;
	mac_format(&hp->mac, text);
	log_info("address of the guest changed port=%s mac=%s", hp->is.name, text);
}

/*
 * An address that the guest chose, as far as no other port has it: the adapter's switch delivers by what it is told here, and knows of no
 * port but functions. Of what is another's a zero is left, which no frame has; the next one does not become its own by that.
 */
static struct mac
granted(const struct host_port *hp, const struct config_port *is, const struct mac *asked)
{
	const struct vf_nic *nic = hp->nic;
	struct port_conf conf;

	host_port_rights(is, asked, &conf);
	if (!mac_equal(asked, &nic->policy.mac) && switch_has_address(hp->on->sw, &hp->port, &conf))
		return (struct mac){ 0 };
	return *asked;
}

/*
 * The rules of the adapter's switch. VLANs are those that the port may use on the external switch, whatever the driver asks for: no way
 * lets pass what the other one refuses.
 */
static void
rules_of(struct host_port *hp, const struct config_port *is, struct nicswitch_rules *out)
{
	struct vf_nic *nic = hp->nic;
	struct vf_filters asked;

	vf_filters(nic->vf, &asked);
	memset(out, 0, sizeof(*out));
	out->through = why_switched(is) != NULL ? &hp->port.ingress : NULL;
	out->sink = vf_sink(nic->vf);
	out->vlan = nic->policy.vlan;
	out->spoof_check = is->spoof_check;
	static_assert(sizeof(out->mac) == sizeof(asked.mac), "as many addresses");
	out->n_macs = asked.n_macs;
	for (unsigned i = 0; i < asked.n_macs; i++)
		out->mac[i] = granted(hp, is, &asked.mac[i]);
	static_assert(sizeof(out->vlans) == sizeof(is->vlan.allowed), "a bit for each VID");
	if (is->vlan.mode == VLAN_TRUNK)
		for (unsigned i = 0; i < sizeof(out->vlans) / sizeof(out->vlans[0]); i++)
			out->vlans[i] = is->vlan.allowed[i] & (asked.all_vlans ? UINT64_MAX : asked.vlans[i]);
	out->vlans[0] |= is->vlan.mode != VLAN_TRUNK || is->vlan.native == 0;
	out->broadcast = asked.broadcast;
	out->all_multicast = asked.all_multicast;
	out->promiscuous = asked.promiscuous;
	out->multicast_type = asked.multicast_type;
	static_assert(sizeof(out->multicast) == sizeof(asked.multicast), "a bit for each hash");
	memcpy(out->multicast, asked.multicast, sizeof(out->multicast));
}

/* Tells the adapter's switch what the port and its driver want by now. Returns 0, or -errno and err with nothing changed. */
static int
follow_rules(struct host_port *hp, const struct config_port *is, struct err *err)
{
	struct vf_nic *nic = hp->nic;
	struct nicswitch_rules rules;

	rules_of(hp, is, &rules);
	return nicswitch_change(&nic->member, &rules, err);
}

/* Of the addresses that it added some may have become another port's, or nobody's again, which no port is told of. */
static void
look_at_addresses(struct host_port *hp)
{
	struct vf_nic *nic = hp->nic;
	struct nicswitch_rules rules;
	struct err err;

	rules_of(hp, &hp->is, &rules);
	if (memcmp(rules.mac, nic->member.rules.mac, sizeof(rules.mac)) != 0 &&
	    nicswitch_change(&nic->member, &rules, &err) < 0)
		log_warn("addresses of the guest do not hold port=%s reason=\"%s\"", hp->is.name, err.msg);
}

static void
filters_changed(void *arg)
{
	struct host_port *hp = arg;
	struct err err;

	/* While it is being opened or closed there is nobody to tell. */
	if (hp->nic == NULL || hp->port.sw == NULL)
		return;
	follow_address(hp);
	if (follow_rules(hp, &hp->is, &err) < 0)
		log_warn("filters of the guest do not hold port=%s reason=\"%s\"", hp->is.name, err.msg);
}

/* ---- open and close ---- */

static struct vf *
open_function(struct host_port *hp, struct vf_nic *nic, struct err *err)
{
	struct vf_options options = { .name = hp->is.name,
				      .model = (enum vf_model)hp->is.vf.model,
				      .trapped = hp->is.vf.trapped,
				      .ipsec = hp->is.vf.ipsec_offload,
				      .policy = nic->policy,
				      .queues = hp->queues,
				      .ingress = &nic->member.ingress,
				      .filters_changed = filters_changed,
				      .arg = hp };
	int server;
	struct vf *vf;

	/* Nothing enters there before it has joined: there is no client. */
	static_assert(sizeof(options.rss_key) == CONFIG_RSS_KEY_LEN, "one length");
	memcpy(options.rss_key, hp->on->adapter_is.rss.key, sizeof(options.rss_key));
	server = keep_listen(nic->socket, hp->is.socket_mode, hp->is.socket_owner, err);
	if (server < 0)
		return NULL;
	vf = vf_open(vhost_session_loop(), &options, server, err);
	if (vf == NULL)
		keep_unlisten(nic->socket, NULL);
	return vf;
}

static void
close_function(struct host_port *hp)
{
	struct vf_nic *nic = hp->nic;
	struct err err;

	hp->nic = NULL;
	vf_close(nic->vf);
	if (keep_unlisten(nic->socket, &err) < 0)
		log_warn("socket stays until the daemon ends port=%s socket=%s reason=\"%s\"", hp->is.name, nic->socket,
			 err.msg);
	free(nic);
}

static int
vf_nic_open(struct host *host, struct host_port *hp, const struct mac *mac, struct err *err)
{
	struct vf_nic *nic = calloc(1, sizeof(*nic));
	struct nicswitch_rules rules;
	struct mac own = *mac;
	int ret = 0;

	if (nic == NULL)
		return err_set(err, -ENOMEM, "no memory for its virtual function");
	if (hp->is.vf.standby.socket[0] != '\0') {
		ret = err_set(err, -EOPNOTSUPP, "a standby is not offered by this version");
		err_hint(err, "take standby out; a second port with nic: vhost is a NIC of its own");
		goto free_nic;
	}
	if (mac_is_zero(&own))
		ret = mac_by_chance(&own, err);
	if (ret < 0)
		goto free_nic;
	config_port_socket(&hp->is, nic->socket);
	nic->id = free_id(host, hp);
	policy_of(&hp->is, hp->on, &own, &nic->policy);
	nic->vf = open_function(hp, nic, err);
	if (nic->vf == NULL) {
		ret = err->code;
		goto free_nic;
	}
	hp->nic = nic;
	rules_of(hp, &hp->is, &rules);
	nic->member.vport = &hp->vport;
	ret = nicswitch_join(hp->on->adapter->nicswitch, &nic->member, &rules, err);
	if (ret < 0) {
		close_function(hp);
		return ret;
	}
	hp->mac = own;
	atomic_store_explicit(&hp->port.sink, &nic->member.gate, memory_order_release);
	return 0;

free_nic:
	free(nic);
	return ret;
}

/* The port's sink is gone already. What the function still sends enters the external switch, where its port is until after this. */
static void
vf_nic_close(struct host_port *hp)
{
	struct vf_nic *nic = hp->nic;

	if (nic == NULL)
		return;
	vf_set_ingress(nic->vf, &hp->port.ingress);
	qsbr_synchronize();
	nicswitch_leave(&nic->member);
	close_function(hp);
}

static bool
same_policy(const struct vf_policy *a, const struct vf_policy *b)
{
	return mac_equal(&a->mac, &b->mac) && a->vlan == b->vlan && a->trust == b->trust &&
	       a->spoof_check == b->spoof_check && a->rate_mbps == b->rate_mbps && a->link == b->link &&
	       a->link_mbps == b->link_mbps && a->mtu == b->mtu;
}

static void
set_policy(struct vf_nic *nic, const struct vf_policy *policy)
{
	if (same_policy(&nic->policy, policy))
		return;
	nic->policy = *policy;
	vf_set(nic->vf, policy);
}

/* The adapter's speed may have changed, which no port is told of. */
static bool
vf_nic_tend(struct host_port *hp)
{
	struct vf_nic *nic = hp->nic;
	struct vf_policy policy;

	policy_of(&hp->is, hp->on, &nic->policy.mac, &policy);
	set_policy(nic, &policy);
	vf_tend(nic->vf);
	follow_address(hp);
	look_at_addresses(hp);
	return true;
}

/* ---- change ---- */

static bool
vf_nic_can_change(const struct config_port *from, const struct config_port *to)
{
	char a[CONFIG_SOCKET_MAX], b[CONFIG_SOCKET_MAX];

	return from->vf.model == to->vf.model && from->vf.trapped == to->vf.trapped &&
	       from->vf.ipsec_offload == to->vf.ipsec_offload && from->socket_mode == to->socket_mode &&
	       strcmp(from->socket_owner, to->socket_owner) == 0 &&
	       strcmp(config_port_socket(from, a), config_port_socket(to, b)) == 0 &&
	       strcmp(config_standby_socket(from, a), config_standby_socket(to, b)) == 0;
}

static bool
vf_nic_is_same(const struct config_port *a, const struct config_port *b)
{
	return a->mtu == b->mtu && a->has_mac == b->has_mac && mac_equal(&a->mac, &b->mac) &&
	       a->spoof_check == b->spoof_check && a->vf.trust == b->vf.trust && a->vf.link == b->vf.link &&
	       a->vf.rate_mbps == b->vf.rate_mbps && a->vlan.mode == b->vlan.mode && a->vlan.id == b->vlan.id &&
	       a->vlan.native == b->vlan.native && a->vf.on_policy == b->vf.on_policy &&
	       memcmp(a->vlan.allowed, b->vlan.allowed, sizeof(a->vlan.allowed)) == 0;
}

/*
 * The driver takes another address when it resets, which it is told to do at once: the one in force is the port's until then. mac is not
 * asked: on the way back it would be the guest's own, and not the one that the host gave.
 */
static int
vf_nic_change(struct host_port *hp, const struct config_port *to, const struct mac *mac, struct err *err)
{
	struct vf_nic *nic = hp->nic;
	struct vf_policy former = nic->policy, policy;
	struct mac had = hp->mac;
	struct vf_info info;
	int ret;

	policy_of(to, hp->on, to->has_mac ? &to->mac : &hp->first_mac, &policy);
	set_policy(nic, &policy);
	vf_info(nic->vf, &info);
	hp->mac = mac_is_zero(&info.mac) ? policy.mac : info.mac;
	ret = follow_rules(hp, to, err);
	if (ret < 0) {
		set_policy(nic, &former);
		hp->mac = had;
	}
	return ret;
}

/* Over its queues a VF's frames are spread by the guest's own table. */
static int
vf_nic_set_spread(struct host_port *hp, const struct spread_rule *rule)
{
	return 0;
}

/* ---- what a person sees ---- */

static uint64_t
vf_nic_delivered(const struct host_port *hp, unsigned i)
{
	const struct vf_nic *nic = hp->nic;

	return vf_delivered(nic->vf, i);
}

static const char *
vf_nic_state(const struct host_port *hp)
{
	struct vf_nic *nic = hp->nic;
	struct vf_info info;

	vf_info(nic->vf, &info);
	if (info.state != VF_BROKEN || info.fault == NULL)
		return vf_state_text(info.state);
	snprintf(nic->state_text, sizeof(nic->state_text), "%s: %s", vf_state_text(info.state), info.fault);
	return nic->state_text;
}

unsigned
host_port_vf_id(const struct host_port *hp)
{
	const struct vf_nic *nic = hp->nic;

	return nic->id;
}

void
host_port_vf_info(const struct host_port *hp, struct vf_info *out)
{
	const struct vf_nic *nic = hp->nic;

	vf_info(nic->vf, out);
}

const char *
host_port_vf_path(const struct host_port *hp)
{
	return host_port_vf_why_switched(hp) == NULL ? "vf" : "vf-switched";
}

const char *
host_port_vf_why_switched(const struct host_port *hp)
{
	return why_switched(&hp->is);
}

const struct host_medium host_medium_vf = {
	.open = vf_nic_open,
	.close = vf_nic_close,
	.tend = vf_nic_tend,
	.can_change = vf_nic_can_change,
	.is_same = vf_nic_is_same,
	.change = vf_nic_change,
	.set_spread = vf_nic_set_spread,
	.delivered = vf_nic_delivered,
	.state = vf_nic_state,
};
