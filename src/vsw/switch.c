/* switch.c - life of switches and ports; see switch.h. Forwarding is in forward.c. */
#include "vsw/switch.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/qsbr.h"
#include "vsw/learn.h"

struct vswitch *_Atomic vswitches[SWITCHES_MAX];

struct vswitch *
switch_new(const char *name, enum switch_kind kind, unsigned fdb_entries, unsigned ageing_s)
{
	struct vswitch *sw;
	unsigned i;

	for (i = 0; i < SWITCHES_MAX && atomic_load(&vswitches[i]) != NULL; i++)
		;
	sw = i < SWITCHES_MAX ? calloc(1, sizeof(*sw)) : NULL;
	if (sw == NULL)
		return NULL;
	snprintf(sw->name, sizeof(sw->name), "%s", name);
	sw->kind = kind;
	sw->index = i;
	atomic_init(&sw->ageing_s, ageing_s);
	sw->fdb = fdb_new(fdb_entries);
	if (sw->fdb == NULL) {
		free(sw);
		return NULL;
	}
	atomic_store(&vswitches[i], sw);
	return sw;
}

void
switch_free(struct vswitch *sw)
{
	if (sw == NULL)
		return;
	learn_lock();
	atomic_store(&vswitches[sw->index], NULL);
	learn_unlock();
	qsbr_synchronize();
	fdb_free(sw->fdb);
	free((void *)(uintptr_t)atomic_load(&sw->ports));
	free(sw);
}

static const struct port_set *
set_copy_with(const struct vswitch *sw, unsigned slot, struct port *port)
{
	const struct port_set *old = atomic_load(&sw->ports);
	unsigned n = old != NULL ? old->n : 0;
	unsigned want = slot + 1 > n ? slot + 1 : n;
	struct port_set *next = calloc(1, sizeof(*next) + want * sizeof(next->port[0]));

	if (next == NULL)
		return NULL;
	if (old != NULL)
		memcpy(next->port, old->port, n * sizeof(next->port[0]));
	next->n = want;
	next->port[slot] = port;
	while (next->n > 0 && next->port[next->n - 1] == NULL)
		next->n--;
	return next;
}

static void
publish_set(struct vswitch *sw, const struct port_set *next)
{
	const struct port_set *old = atomic_exchange_explicit(&sw->ports, next, memory_order_acq_rel);

	qsbr_free((void *)(uintptr_t)old);
}

static int
free_slot(const struct vswitch *sw)
{
	const struct port_set *set = atomic_load(&sw->ports);
	unsigned slot = 0;

	while (set != NULL && slot < set->n && set->port[slot] != NULL)
		slot++;
	return slot < SWITCH_PORTS_MAX ? (int)slot : -ENOSPC;
}

/*
 * A port's own address is a static entry where it is in one VLAN: it is known from the start, and nobody on the wire can
 * take it over. A trunk's is learned in each VLAN that it speaks in.
 */
static bool
own_key(const struct port_conf *conf, uint64_t *key)
{
	if (mac_is_zero(&conf->mac) || conf->vlan == PORT_TRUNK)
		return false;
	*key = fdb_key(conf->mac.byte, conf->vlan == PORT_ACCESS ? conf->vid : 0);
	return true;
}

static int
enter_own_address(struct port *port, const struct port_conf *conf)
{
	uint64_t key;
	int err = 0;

	if (own_key(conf, &key)) {
		learn_lock();
		err = fdb_add_static(port->sw->fdb, key, port->slot);
		learn_unlock();
	}
	return err;
}

static void
remove_own_address(struct port *port, const struct port_conf *conf)
{
	uint64_t key;

	if (!own_key(conf, &key))
		return;
	learn_lock();
	fdb_remove_static(port->sw->fdb, key, port->slot);
	learn_unlock();
}

static struct port_conf *
conf_copy(const struct port_conf *conf)
{
	struct port_conf *copy = malloc(sizeof(*copy));

	if (copy != NULL)
		*copy = *conf;
	return copy;
}

static void
mark_uplink(struct vswitch *sw, int slot)
{
	learn_lock();
	fdb_set_uplink(sw->fdb, slot);
	learn_unlock();
}

int
port_attach(struct port *port, struct vswitch *sw, const struct port_conf *conf)
{
	int slot = free_slot(sw), err;
	const struct port_set *next;

	if (slot < 0)
		return slot;
	port->ingress.input = switch_input;
	port->sw = sw;
	port->slot = (unsigned)slot;
	atomic_store(&port->conf, conf_copy(conf));
	next = set_copy_with(sw, port->slot, port);
	if (next == NULL || atomic_load(&port->conf) == NULL) {
		err = -ENOMEM;
		goto free_both;
	}
	err = enter_own_address(port, conf);
	if (err < 0)
		goto free_both;
	if (port->is_uplink)
		mark_uplink(sw, slot);
	publish_set(sw, next);
	return 0;

free_both:
	free((void *)(uintptr_t)next);
	free((void *)(uintptr_t)atomic_load(&port->conf));
	atomic_store(&port->conf, NULL);
	port->sw = NULL;
	return err;
}

void
port_detach(struct port *port)
{
	struct vswitch *sw = port->sw;
	const struct port_set *next;

	/* Without memory for a smaller set, wait for some: a port that is freed may not stay in the set. */
	while ((next = set_copy_with(sw, port->slot, NULL)) == NULL)
		qsbr_reclaim();
	publish_set(sw, next);
	qsbr_synchronize();
	learn_drain();
	learn_lock();
	fdb_flush(sw->fdb, port->slot, true);
	learn_unlock();
	if (port->is_uplink)
		mark_uplink(sw, -1);
	free((void *)(uintptr_t)atomic_load(&port->conf));
	atomic_store(&port->conf, NULL);
	port->sw = NULL;
}

int
port_set_conf(struct port *port, const struct port_conf *conf)
{
	const struct port_conf *old = atomic_load(&port->conf);
	struct port_conf *next = conf_copy(conf);
	uint64_t old_key = 0, key = 0;
	bool had = own_key(old, &old_key), has = own_key(conf, &key);
	int err;

	if (next == NULL)
		return -ENOMEM;
	err = enter_own_address(port, conf);
	if (err < 0) {
		free(next);
		return err;
	}
	if (had && (!has || key != old_key))
		remove_own_address(port, old);
	atomic_store_explicit(&port->conf, next, memory_order_release);
	qsbr_synchronize();
	free((void *)(uintptr_t)old);
	/* What it said before in other VLANs is not true any more, nor what lanes told of it and nobody has entered yet. */
	learn_drain();
	learn_lock();
	fdb_flush(port->sw->fdb, port->slot, false);
	learn_unlock();
	return 0;
}

void
port_release_address(struct port *port)
{
	remove_own_address(port, atomic_load(&port->conf));
}

int
port_claim_address(struct port *port)
{
	return enter_own_address(port, atomic_load(&port->conf));
}

bool
port_has_address(const struct port *port, uint64_t key)
{
	uint64_t own;

	return own_key(atomic_load(&((struct port *)(uintptr_t)port)->conf), &own) && own == key;
}

static bool
speaks_in(const struct port_conf *conf, uint16_t vid)
{
	if (conf->vlan == PORT_TRUNK)
		return conf->allowed[vid / 64] >> (vid % 64) & 1;
	return vid == (conf->vlan == PORT_ACCESS ? conf->vid : 0);
}

static bool
share_a_vlan(const struct port_conf *a, const struct port_conf *b)
{
	bool shared = false;

	if (a->vlan != PORT_TRUNK)
		return speaks_in(b, a->vlan == PORT_ACCESS ? a->vid : 0);
	if (b->vlan != PORT_TRUNK)
		return share_a_vlan(b, a);
	for (unsigned i = 0; i < VID_COUNT / 64; i++)
		shared |= (a->allowed[i] & b->allowed[i]) != 0;
	return shared;
}

bool
switch_has_address(const struct vswitch *sw, const struct port *but, const struct port_conf *conf)
{
	const struct port_set *set = atomic_load(&((struct vswitch *)(uintptr_t)sw)->ports);

	for (unsigned i = 0; set != NULL && i < set->n; i++) {
		const struct port_conf *theirs;

		if (set->port[i] == NULL || set->port[i] == but)
			continue;
		theirs = atomic_load(&set->port[i]->conf);
		if (mac_equal(&theirs->mac, &conf->mac) && share_a_vlan(theirs, conf))
			return true;
	}
	return false;
}

bool
port_first_source(const struct port *port, struct mac *out)
{
	uint64_t first = atomic_load(&((struct port *)(uintptr_t)port)->first_source);

	memcpy(out, &first, sizeof(*out));
	return first != 0;
}

enum nicswitch_place
port_locate(const struct ingress *ingress, const uint8_t *mac, uint16_t vid)
{
	const struct port *uplink = (const struct port *)ingress;
	int slot = fdb_lookup(uplink->sw->fdb, fdb_key(mac, vid));

	if (slot == FDB_MISS)
		return NICSWITCH_UNKNOWN;
	return (unsigned)slot == uplink->slot ? NICSWITCH_WIRE : NICSWITCH_HOST;
}

void
port_conf_uplink(struct port_conf *out)
{
	memset(out, 0, sizeof(*out));
	out->vlan = PORT_TRUNK;
	memset(out->allowed, 0xff, sizeof(out->allowed));
	out->allowed[VID_COUNT / 64 - 1] &= ~(1ull << 63); /* 4095 is reserved: IEEE 802.1Q-2022, table 9-2 */
}
