/* nicswitch.c - members of an adapter's switch and the table that they make; see nicswitch.h. */
#include "nic/nicswitch.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/qsbr.h"
#include "nic/nicswitch_table.h"
#include "pkt/wire.h"

/* ---- tables ---- */

static void
table_free(const struct nicswitch_table *t)
{
	if (t == NULL)
		return;
	rxmap_free(t->map);
	free((void *)(uintptr_t)t);
}

static unsigned
macs_of(const struct nicswitch_entry *e)
{
	return e->member == NULL ? 0 : RTE_MIN(e->rules.n_macs, (unsigned)NICSWITCH_MACS_MAX);
}

static void
add_filter(struct rxmap_filter *filter, size_t *n, const struct nicswitch_table *t, unsigned slot, unsigned i)
{
	const struct nicswitch_rules *r = &t->entry[slot].rules;

	if (mac_is_group(&r->mac[i]) || mac_is_zero(&r->mac[i]))
		return;
	filter[(*n)++] =
		(struct rxmap_filter){ r->mac[i], r->vlan != 0 ? r->vlan : RXMAP_VID_ANY, (uint16_t)(slot + 1) };
}

/* The own addresses of all come first: nobody can ask for another's. */
static struct rxmap *
map_new(const struct nicswitch_table *t)
{
	struct rxmap_vport *vports = calloc(t->n + 1, sizeof(*vports));
	struct rxmap_filter *filter = calloc((size_t)t->n * NICSWITCH_MACS_MAX + 1, sizeof(*filter));
	struct rxmap *map = NULL;
	size_t n = 0;

	if (vports != NULL && filter != NULL) {
		for (unsigned slot = 0; slot < t->n; slot++)
			if (macs_of(&t->entry[slot]) > 0)
				add_filter(filter, &n, t, slot, 0);
		for (unsigned slot = 0; slot < t->n; slot++)
			for (unsigned i = 1; i < macs_of(&t->entry[slot]); i++)
				add_filter(filter, &n, t, slot, i);
		map = rxmap_new(vports, t->n + 1, filter, n, NULL, 0);
	}
	free(vports);
	free(filter);
	return map;
}

static const struct nicswitch_table *
table_new(const struct nicswitch *ns)
{
	unsigned n = NICSWITCH_MEMBERS_MAX;
	struct nicswitch_table *t;

	while (n > 0 && ns->members[n - 1] == NULL)
		n--;
	t = calloc(1, sizeof(*t) + n * sizeof(t->entry[0]));
	if (t == NULL)
		return NULL;
	t->ns = ns;
	t->n = n;
	for (unsigned i = 0; i < n; i++) {
		const struct nicswitch_member *m = ns->members[i];

		if (m == NULL)
			continue;
		t->entry[i] = (struct nicswitch_entry){ m, m->vport, m->rules };
		t->n_promiscuous += m->rules.through == NULL && m->rules.promiscuous;
	}
	t->map = map_new(t);
	if (t->map != NULL)
		return t;
	free(t);
	return NULL;
}

/* When this returns no lane goes by the former one. */
static void
publish(struct nicswitch *ns, const struct nicswitch_table *next)
{
	const struct nicswitch_table *former = atomic_exchange_explicit(&ns->table, next, memory_order_acq_rel);

	qsbr_synchronize();
	table_free(former);
}

/* ---- into and out of the frames' way ---- */

static void
stand_in(struct nicswitch *ns)
{
	atomic_store_explicit(ns->is.host.sink, &ns->from_host, memory_order_release);
	ns->is.lead(ns->is.arg, &ns->from_wire);
}

static void
stand_aside(struct nicswitch *ns)
{
	ns->is.lead(ns->is.arg, ns->is.host.ingress);
	atomic_store_explicit(ns->is.host.sink, ns->is.uplink, memory_order_release);
}

/* ---- members ---- */

static int
check(const struct nicswitch_rules *r, struct err *err)
{
	if (r->vlan >= VID_RESERVED)
		return err_set(err, -EINVAL, "VLAN %u is not 0 to %u", r->vlan, VID_RESERVED - 1);
	if (r->multicast_type > 3)
		return err_set(err, -EINVAL, "hash type %u of group addresses is not 0 to 3", r->multicast_type);
	return 0;
}

static int
no_memory(const struct nicswitch *ns, struct err *err)
{
	return err_set(err, -ENOMEM, "adapter '%s': no memory for its switch", ns->is.name);
}

int
nicswitch_join(struct nicswitch *ns, struct nicswitch_member *m, const struct nicswitch_rules *rules, struct err *err)
{
	const struct nicswitch_table *next;
	int ret = check(rules, err);

	if (ret < 0)
		return ret;
	for (m->slot = 0; m->slot < NICSWITCH_MEMBERS_MAX && ns->members[m->slot] != NULL; m->slot++)
		;
	if (m->slot == NICSWITCH_MEMBERS_MAX)
		return err_set(err, -ENOSPC, "adapter '%s' has %u virtual functions already", ns->is.name, m->slot);
	m->ns = ns;
	m->ingress.input = nicswitch_member_input;
	m->gate.ops = &nicswitch_gate_ops;
	m->rules = *rules;
	ns->members[m->slot] = m;
	next = table_new(ns);
	if (next == NULL) {
		ns->members[m->slot] = NULL;
		return no_memory(ns, err);
	}
	publish(ns, next);
	ns->used = true;
	if (ns->n_members++ == 0)
		stand_in(ns);
	return 0;
}

void
nicswitch_leave(struct nicswitch_member *m)
{
	struct nicswitch *ns = m->ns;
	const struct nicswitch_table *next;

	if (--ns->n_members == 0)
		stand_aside(ns);
	ns->members[m->slot] = NULL;
	while ((next = table_new(ns)) == NULL)
		usleep(1000);
	publish(ns, next);
}

int
nicswitch_change(struct nicswitch_member *m, const struct nicswitch_rules *rules, struct err *err)
{
	struct nicswitch_rules former = m->rules;
	const struct nicswitch_table *next;
	int ret = check(rules, err);

	if (ret < 0)
		return ret;
	m->rules = *rules;
	next = table_new(m->ns);
	if (next == NULL) {
		m->rules = former;
		return no_memory(m->ns, err);
	}
	publish(m->ns, next);
	return 0;
}

/* ---- the switch ---- */

struct nicswitch *
nicswitch_new(const struct nicswitch_options *options)
{
	struct nicswitch *ns = calloc(1, sizeof(*ns));
	char name[VPORT_NAME_MAX];

	if (ns == NULL)
		return NULL;
	ns->is = *options;
	ns->from_wire.input = nicswitch_wire_input;
	ns->from_host.ops = &nicswitch_host_ops;
	snprintf(name, sizeof(name), "%.26s.vfs", options->name);
	if (vport_init(&ns->inner, name) < 0) {
		free(ns);
		return NULL;
	}
	ns->is.name = options->wire->name;
	atomic_init(&ns->table, table_new(ns));
	if (atomic_load(&ns->table) != NULL)
		return ns;
	vport_fini(&ns->inner);
	free(ns);
	return NULL;
}

void
nicswitch_free(struct nicswitch *ns)
{
	if (ns == NULL)
		return;
	table_free(atomic_load(&ns->table));
	vport_fini(&ns->inner);
	free(ns);
}

struct ingress *
nicswitch_wire_ingress(struct nicswitch *ns)
{
	return ns->n_members > 0 ? &ns->from_wire : ns->is.host.ingress;
}

unsigned
nicswitch_members(const struct nicswitch *ns)
{
	return ns->n_members;
}

const struct vport *
nicswitch_vport(const struct nicswitch *ns)
{
	return ns->used ? &ns->inner : NULL;
}
