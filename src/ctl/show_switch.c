/* show_switch.c - switches and their MAC tables; see handlers.h. */
#include <errno.h>
#include <stdlib.h>

#include "ctl/handlers.h"
#include "vsw/learn.h"

static const char *const kind_names[] = {
	[SWITCH_EXTERNAL] = "external",
	[SWITCH_INTERNAL] = "internal",
	[SWITCH_PRIVATE] = "private",
};

static json_t *
switch_row(const struct host *host, const struct host_switch *hs)
{
	struct fdb_usage usage;
	int ports = 0;

	for (unsigned i = 0; i < host->n_ports; i++)
		ports += host->ports[i]->on == hs;
	learn_lock();
	fdb_usage(hs->sw->fdb, &usage);
	learn_unlock();
	return json_pack("{s:s, s:s, s:s?, s:i, s:i, s:i, s:I, s:i}", "name", hs->is.name, "kind",
			 kind_names[hs->is.kind], "uplink", hs->adapter != NULL ? hs->adapter->name : NULL, "ports",
			 ports, "fdb_used", (int)usage.used, "fdb_entries", (int)usage.entries, "fdb_full",
			 (json_int_t)usage.full, "ageing_s", (int)hs->is.ageing_s);
}

int
switch_list(void *ctx, const json_t *params, json_t **result, struct err *err)
{
	const struct host *host = ((const struct control *)ctx)->host;

	*result = json_array();
	for (unsigned i = 0; i < host->n_switches; i++)
		list_add(result, switch_row(host, host->switches[i]));
	return result_done(result, err);
}

static int
by_vlan_and_mac(const void *left, const void *right)
{
	const struct fdb_entry *a = left, *b = right;
	uint64_t x = fdb_key(a->mac.byte, 0), y = fdb_key(b->mac.byte, 0);

	if (a->vid != b->vid)
		return a->vid < b->vid ? -1 : 1;
	return x < y ? -1 : x > y;
}

static json_t *
station_row(const struct vswitch *sw, const struct fdb_entry *e, uint32_t now_s)
{
	const struct port_set *set = atomic_load(&((struct vswitch *)(uintptr_t)sw)->ports);
	const struct port *port = set != NULL && e->slot < set->n ? set->port[e->slot] : NULL;

	return json_pack("{s:o, s:i, s:s?, s:b, s:I}", "mac", json_mac(&e->mac), "vlan", (int)e->vid, "port",
			 port != NULL ? port->vport->name : NULL, "static", e->is_static, "age_s",
			 e->is_static || now_s < e->stamp_s ? (json_int_t)0 : (json_int_t)(now_s - e->stamp_s));
}

/* NULL without memory. */
static json_t *
stations(const struct vswitch *sw, size_t most)
{
	struct fdb_entry *entry = calloc(most + 1, sizeof(*entry));
	json_t *list = json_array();
	size_t n;

	if (entry == NULL) {
		json_decref(list);
		return NULL;
	}
	learn_lock();
	n = fdb_list(sw->fdb, entry, most);
	learn_unlock();
	if (n > most)
		n = most;
	qsort(entry, n, sizeof(*entry), by_vlan_and_mac);
	for (size_t i = 0; i < n; i++)
		list_add(&list, station_row(sw, &entry[i], learn_now_s()));
	free(entry);
	return list;
}

int
switch_show(void *ctx, const json_t *params, json_t **result, struct err *err)
{
	const struct host *host = ((const struct control *)ctx)->host;
	const struct host_switch *hs = named_switch(host, params, err);
	json_int_t most = json_integer_value(json_object_get(params, "limit"));

	if (hs == NULL)
		return -ENOENT;
	*result = switch_row(host, hs);
	return result_join(result, json_pack("{s:o}", "fdb", stations(hs->sw, (size_t)most)), err);
}
