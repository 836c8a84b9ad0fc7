/* host_switch.c - a switch of the running host and the adapter behind it; see host.h. */
#include "ctl/host.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "ctl/effect.h"
#include "vsw/learn.h"

static_assert((int)RSS_CLOSEST == PLAN_RSS_CLOSEST && (int)RSS_NUMA_STATIC == PLAN_RSS_NUMA_STATIC &&
		      (int)RSS_CONSERVATIVE == PLAN_RSS_CONSERVATIVE,
	      "profiles are passed on by number");
static_assert(1 << HASH_TYPE_IPV4 == HASH_IPV4 && 1 << HASH_TYPE_UDP_IPV6 == HASH_UDP_IPV6 &&
		      1 << HASH_TYPE_UDP_IPV6_EX == HASH_UDP_IPV6_EX,
	      "hash types are passed on by bit");
static_assert(CONFIG_RSS_KEY_LEN == TOEPLITZ_KEY_LEN, "the key is passed on as it is");

static int
uplink_type_of(enum config_uplink_kind kind, enum uplink_type *out)
{
	switch (kind) {
	case UPLINK_AF_XDP:
		*out = UPLINK_TYPE_AF_XDP;
		return 0;
	case UPLINK_AF_PACKET:
		*out = UPLINK_TYPE_AF_PACKET;
		return 0;
	case UPLINK_PCAP:
		*out = UPLINK_TYPE_PCAP;
		return 0;
	case UPLINK_NULL:
		*out = UPLINK_TYPE_NULL;
		return 0;
	case UPLINK_RING:
		*out = UPLINK_TYPE_RING;
		return 0;
	case UPLINK_MEMIF:
		*out = UPLINK_TYPE_MEMIF;
		return 0;
	default:
		return -EOPNOTSUPP;
	}
}

/* An interface that the host lives on is not taken by mistake. */
static int
guard(const struct host *host, const struct config_adapter *is, const struct host_options *options, struct err *err)
{
	struct keep_link link;
	int ret;

	if (is->kind != UPLINK_AF_XDP && is->kind != UPLINK_AF_PACKET)
		return 0;
	ret = keep_link_show(is->arg, options->caller != NULL && options->caller[0] ? options->caller : NULL, &link,
			     err);
	if (ret < 0) {
		err_prefix(err, "adapter '%s'", is->name);
		return ret;
	}
	if (link.enslaved) {
		ret = err_set(err, -EBUSY, "adapter '%s': interface '%s' is busy: it belongs to a bridge, bond or team",
			      is->name, is->arg);
		err_hint(err, "take it out first (ip link set %s nomaster), or choose another one", is->arg);
		return ret;
	}
	if ((link.default_route || link.has_caller) && !options->take_over && !options->again &&
	    !host_had_taken_over(host, is)) {
		ret = err_set(err, -EBUSY, "adapter '%s': interface '%s' carries %s", is->name, is->arg,
			      link.has_caller ? "your own connection" : "the host's default route");
		err_hint(err, "choose another interface, or give --take-over: a host vNIC of the switch then gets its "
			      "MAC address, addresses and routes");
		return ret;
	}
	return link.up ? 0 : keep_link_up(is->arg, err);
}

void
host_adapter_settings(const struct config_adapter *is, struct adapter_settings *out)
{
	const struct config_balance *b = &is->balance;

	*out = (struct adapter_settings){
		.mode = effect_mode(is),
		.queues = is->queues,
		.base = is->base_processor,
		.max_processors = is->max_processors,
		.max_processor = is->max_processor,
		.dynamic = is->dynamic,
		.rx_checksum = is->offload.rx_checksum,
		.rss = {
			.profile = (enum plan_rss_profile)is->rss.profile,
			.hash_types = config_hash_types(&is->rss),
			.entries = is->rss.entries,
		},
		.balance = {
			.high = b->high_percent,
			.low = b->low_percent,
			.within = b->within_percent,
			.gain = b->gain_percent,
			.fill = plan_balance_defaults.fill,
			.rest_ns = b->rest_ms * (NSEC_PER_S / 1000),
			.quiet_ns = plan_balance_defaults.quiet_ns,
			.samples = b->samples,
		},
		.period_ms = b->period_ms,
	};
	memcpy(out->rss.key, is->rss.key, sizeof(out->rss.key));
}

static unsigned
free_frontend_lane(const struct host *host)
{
	unsigned lane = host->lane_of_frontends;

	for (bool used = true; used; lane += used) {
		used = false;
		for (unsigned i = 0; i < host->n_switches; i++)
			used |= host->switches[i]->adapter != NULL && host->switches[i]->adapter->lane_id == lane;
	}
	return lane;
}

static void
adapter_close(struct host_switch *hs)
{
	if (hs->adapter == NULL)
		return;
	adapter_stop(hs->adapter);
	port_detach(&hs->uplink);
	atomic_store(&hs->uplink.sink, NULL);
	adapter_free(hs->adapter);
	hs->adapter = NULL;
}

static int
adapter_open(struct host *host, struct host_switch *hs, const struct config_adapter *is,
	     const struct host_options *options, struct err *err)
{
	struct adapter_settings settings;
	struct port_conf conf;
	enum uplink_type type;
	int ret;

	if (uplink_type_of(is->kind, &type) < 0)
		return err_set(err, -EOPNOTSUPP, "adapter '%s': this kind of uplink is not offered by this version",
			       is->name);
	ret = guard(host, is, options, err);
	if (ret < 0)
		return ret;
	host_adapter_settings(is, &settings);
	hs->adapter = adapter_new(is->name, type, is->arg, is->mtu, &settings, free_frontend_lane(host),
				  &hs->uplink.ingress, err);
	if (hs->adapter == NULL)
		return err->code;
	hs->adapter_is = *is;
	hs->uplink.vport = &hs->adapter->wire;
	hs->uplink.is_uplink = true;
	port_conf_uplink(&conf);
	ret = port_attach(&hs->uplink, hs->sw, &conf);
	if (ret < 0) {
		adapter_free(hs->adapter);
		hs->adapter = NULL;
		return err_set(err, ret, "switch '%s': no room for its uplink", hs->is.name);
	}
	atomic_store_explicit(&hs->uplink.sink, uplink_sink(&hs->adapter->uplink), memory_order_release);
	ret = adapter_host(hs->adapter,
			   &(struct nicswitch_host){
				   .ingress = &hs->uplink.ingress, .sink = &hs->uplink.sink, .locate = port_locate },
			   err);
	if (ret == 0)
		ret = adapter_start(hs->adapter, err);
	if (ret < 0)
		adapter_close(hs);
	return ret;
}

int
host_switch_add(struct host *host, const struct config *config, const struct config_switch *is,
		const struct host_options *options, struct err *err)
{
	static const enum switch_kind kind[] = {
		[SWITCH_EXTERNAL] = SWITCH_KIND_EXTERNAL,
		[SWITCH_INTERNAL] = SWITCH_KIND_INTERNAL,
		[SWITCH_PRIVATE] = SWITCH_KIND_PRIVATE,
	};
	struct host_switch *hs = calloc(1, sizeof(*hs));
	int ret = 0;

	if (hs != NULL)
		hs->sw = switch_new(is->name, kind[is->kind], is->fdb_entries, is->ageing_s);
	if (hs == NULL || hs->sw == NULL) {
		free(hs);
		return err_set(err, -ENOMEM, "no memory for switch '%s' with %u stations", is->name, is->fdb_entries);
	}
	hs->is = *is;
	if (is->adapter >= 0)
		ret = adapter_open(host, hs, &config->adapters[is->adapter], options, err);
	if (ret < 0) {
		switch_free(hs->sw);
		free(hs);
		return ret;
	}
	host->switches[host->n_switches++] = hs;
	return 0;
}

void
host_switch_remove(struct host *host, struct host_switch *hs)
{
	adapter_close(hs);
	switch_free(hs->sw);
	for (unsigned i = 0; i < host->n_switches; i++) {
		if (host->switches[i] == hs) {
			memmove(&host->switches[i], &host->switches[i + 1],
				(host->n_switches - i - 1) * sizeof(struct host_switch *));
			host->n_switches--;
			break;
		}
	}
	free(hs);
}

bool
host_switch_can_change(const struct host_switch *hs, const struct config *config, const struct config_switch *is)
{
	const struct config_adapter *a = is->adapter >= 0 ? &config->adapters[is->adapter] : NULL;

	if (hs->is.kind != is->kind || hs->is.fdb_entries != is->fdb_entries || (hs->adapter != NULL) != (a != NULL))
		return false;
	return a == NULL || (strcmp(hs->adapter_is.name, a->name) == 0 && hs->adapter_is.kind == a->kind &&
			     strcmp(hs->adapter_is.arg, a->arg) == 0 && hs->adapter_is.mtu == a->mtu);
}

int
host_switch_change(struct host_switch *hs, const struct config *config, const struct config_switch *is, struct err *err)
{
	struct adapter_settings settings;
	int ret;

	atomic_store_explicit(&hs->sw->ageing_s, is->ageing_s, memory_order_relaxed);
	hs->is = *is;
	if (hs->adapter == NULL)
		return 0;
	host_adapter_settings(&config->adapters[is->adapter], &settings);
	if (memcmp(&hs->adapter_is, &config->adapters[is->adapter], sizeof(hs->adapter_is)) == 0)
		return 0;
	ret = adapter_set(hs->adapter, &settings, err);
	if (ret == 0)
		hs->adapter_is = config->adapters[is->adapter];
	return ret;
}

static struct port *
port_of_static(const struct host *host, struct host_switch *hs, const struct config *config,
	       const struct config_static *entry)
{
	struct host_port *hp;

	if (entry->port < 0)
		return hs->adapter != NULL ? &hs->uplink : NULL;
	hp = host_find_port(host, config->ports[entry->port].name);
	return hp != NULL && hp->on == hs ? &hp->port : NULL;
}

static const char *
port_name_of_static(const struct config *config, const struct config_static *entry)
{
	return entry->port < 0 ? "" : config->ports[entry->port].name;
}

static bool
has_static(const struct config *config, const char *sw, const struct config_static *wanted, const char *port)
{
	for (unsigned i = 0; i < config->n_statics; i++) {
		const struct config_static *entry = &config->statics[i];

		if (entry->vlan == wanted->vlan && mac_equal(&entry->mac, &wanted->mac) &&
		    strcmp(config->switches[entry->sw].name, sw) == 0 &&
		    strcmp(port_name_of_static(config, entry), port) == 0)
			return true;
	}
	return false;
}

void
host_switch_drop_statics(struct host *host, struct host_switch *hs, const struct config *from, const struct config *to)
{
	learn_lock();
	for (unsigned i = 0; from != NULL && i < from->n_statics; i++) {
		const struct config_static *entry = &from->statics[i];
		uint64_t key = fdb_key(entry->mac.byte, entry->vlan);
		const struct port *port;

		if (strcmp(from->switches[entry->sw].name, hs->is.name) != 0 ||
		    has_static(to, hs->is.name, entry, port_name_of_static(from, entry)))
			continue;
		port = port_of_static(host, hs, from, entry);
		if (port != NULL && !port_has_address(port, key))
			fdb_remove_static(hs->sw->fdb, key, port->slot);
	}
	learn_unlock();
}

int
host_switch_statics(struct host *host, struct host_switch *hs, const struct config *config, struct err *err)
{
	char text[MAC_TEXT_LEN];
	int ret = 0;

	learn_lock();
	for (unsigned i = 0; i < config->n_statics && ret == 0; i++) {
		const struct config_static *entry = &config->statics[i];
		struct port *port;

		if (strcmp(config->switches[entry->sw].name, hs->is.name) != 0)
			continue;
		port = port_of_static(host, hs, config, entry);
		if (port != NULL)
			ret = fdb_add_static(hs->sw->fdb, fdb_key(entry->mac.byte, entry->vlan), port->slot);
		if (ret < 0)
			err_set(err, ret, "switch '%s': static entry %s: %s", hs->is.name,
				mac_format(&entry->mac, text),
				ret == -EEXIST ? "the address is another port's own" : "the table is full");
	}
	learn_unlock();
	return ret;
}
