/* host.c - the running host as a whole, and the difference from one configuration to the next; see host.h. */
#include "ctl/host_port_vhost.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cpulist.h"
#include "base/log.h"
#include "base/qsbr.h"
#include "guest/memif.h"
#include "vsw/learn.h"
#include "worker.h"

struct host_port *
host_find_port(const struct host *host, const char *name)
{
	for (unsigned i = 0; i < host->n_ports; i++)
		if (strcmp(host->ports[i]->is.name, name) == 0)
			return host->ports[i];
	return NULL;
}

struct host_switch *
host_find_switch(const struct host *host, const char *name)
{
	for (unsigned i = 0; i < host->n_switches; i++)
		if (strcmp(host->switches[i]->is.name, name) == 0)
			return host->switches[i];
	return NULL;
}

struct adapter *
host_find_adapter(const struct host *host, const char *name)
{
	for (unsigned i = 0; i < host->n_switches; i++)
		if (host->switches[i]->adapter != NULL && strcmp(host->switches[i]->adapter->name, name) == 0)
			return host->switches[i]->adapter;
	return NULL;
}

static const struct config_port *
config_find_port(const struct config *config, const char *name)
{
	for (unsigned i = 0; i < config->n_ports; i++)
		if (strcmp(config->ports[i].name, name) == 0)
			return &config->ports[i];
	return NULL;
}

static const struct config_switch *
config_find_switch(const struct config *config, const char *name)
{
	for (unsigned i = 0; i < config->n_switches; i++)
		if (strcmp(config->switches[i].name, name) == 0)
			return &config->switches[i];
	return NULL;
}

/* ---- the difference ---- */

static bool
port_stays(const struct host_port *hp, const struct config *next)
{
	const struct config_port *is = config_find_port(next, hp->is.name);
	const struct config_switch *sw = is != NULL ? &next->switches[is->sw] : NULL;

	return is != NULL && strcmp(sw->name, hp->on->is.name) == 0 && host_switch_can_change(hp->on, next, sw) &&
	       host_port_can_change(hp, is);
}

static void
remove_what_goes(struct host *host, const struct config *next, struct host_change *change)
{
	/* One plan, and one wait, for all of them: a processor may take a second to let go of a ring. */
	for (unsigned i = 0; i < host->n_ports; i++)
		host->ports[i]->member.leaving = !port_stays(host->ports[i], next);
	for (unsigned i = host->n_ports; i-- > 0;) {
		if (port_stays(host->ports[i], next))
			continue;
		if (host->ports[i] == host->vnic) /* the uplink's switch never goes without its ports */
			host_give_back(host);
		host_port_remove(host, host->ports[i]);
		change->removed++;
	}
	for (unsigned i = host->n_switches; i-- > 0;) {
		const struct config_switch *is = config_find_switch(next, host->switches[i]->is.name);

		if (is != NULL && host_switch_can_change(host->switches[i], next, is))
			continue;
		host_switch_remove(host, host->switches[i]);
		change->removed++;
	}
}

static int
make_switches(struct host *host, const struct config *next, const struct host_options *options,
	      struct host_change *change, struct err *err)
{
	int ret = 0;

	for (unsigned i = 0; i < next->n_switches && ret == 0; i++) {
		const struct config_switch *is = &next->switches[i];
		struct host_switch *hs = host_find_switch(host, is->name);

		if (hs != NULL) {
			ret = host_switch_change(hs, next, is, err);
		} else {
			ret = host_switch_add(host, next, is, options, err);
			change->added++;
		}
	}
	return ret;
}

static bool
same_port(const struct config_port *a, const struct config_port *b)
{
	struct config_port x = *a, y = *b;

	x.sw = y.sw = 0; /* an index of its own configuration */
	return memcmp(&x, &y, sizeof(x)) == 0;
}

/* So that ports can hand their addresses on to each other: all that get others let theirs go first. */
static void
release_addresses(struct host *host, const struct config *next)
{
	for (unsigned i = 0; i < host->n_ports; i++)
		if (host_port_readdresses(host->ports[i], config_find_port(next, host->ports[i]->is.name)))
			port_release_address(&host->ports[i]->port);
	/* On the way back from a change that failed: these were released, and not changed yet. */
	for (unsigned i = 0; i < host->n_ports; i++)
		if (!host_port_readdresses(host->ports[i], config_find_port(next, host->ports[i]->is.name)))
			port_claim_address(&host->ports[i]->port);
}

static int
make_ports(struct host *host, const struct config *next, struct host_change *change, struct err *err)
{
	int ret = 0;

	release_addresses(host, next);
	for (unsigned i = 0; i < next->n_ports && ret == 0; i++) {
		const struct config_port *is = &next->ports[i];
		struct host_port *hp = host_find_port(host, is->name);

		if (hp == NULL) {
			ret = host_port_add(host, host_find_switch(host, next->switches[is->sw].name), is, err);
			change->added++;
		} else if (!same_port(&hp->is, is)) {
			/* The keeper gives an interface the addresses of its port, no others: they are taken over anew. */
			if (hp == host->vnic)
				host_give_back(host);
			ret = host_port_change(hp, is, err);
			change->changed++;
		}
	}
	return ret;
}

/* from: what runs, or what failed half-way and is being taken back; NULL: nothing. */
static int
make(struct host *host, const struct config *from, const struct config *next, const struct host_options *options,
     struct host_change *change, struct err *err)
{
	int ret;

	remove_what_goes(host, next, change);
	for (unsigned i = 0; i < host->n_switches; i++)
		host_switch_drop_statics(host, host->switches[i], from, next);
	ret = make_switches(host, next, options, change, err);
	if (ret == 0)
		ret = make_ports(host, next, change, err);
	for (unsigned i = 0; i < host->n_ports && ret == 0; i++)
		ret = host_port_spread(host, host->ports[i], err);
	for (unsigned i = 0; i < host->n_switches && ret == 0; i++)
		ret = host_switch_statics(host, host->switches[i], next, err);
	if (ret == 0)
		ret = host_take_over(host, options, err);
	return ret;
}

static int
check_processors(const struct config *now, const struct config *next, struct err *err)
{
	const struct config_processors *a = &now->processors, *b = &next->processors;

	if (a->count == b->count && a->n_cpus == b->n_cpus && a->speed_percent == b->speed_percent &&
	    memcmp(a->cpus, b->cpus, a->n_cpus * sizeof(a->cpus[0])) == 0 && a->poll == b->poll)
		return 0;
	err_set(err, -EOPNOTSUPP, "processors: they cannot be changed while the daemon runs");
	err_hint(err, "nothing was changed; save the file and restart the daemon");
	err_path(err, "processors");
	return -EOPNOTSUPP;
}

/* Whole or not at all. What ran before can run again: its interfaces were there. */
static void
go_back(struct host *host, const struct config *failed, const struct config *before)
{
	struct host_options options = { .again = true };
	struct host_change change;
	struct err err;

	if (make(host, failed, before, &options, &change, &err) < 0)
		log_error("could not go back to the former configuration: %s", err.msg);
}

int
host_apply(struct host *host, struct config *next, const struct host_options *options, struct host_change *change,
	   struct err *err)
{
	struct config *before = host->running;
	int ret;

	memset(change, 0, sizeof(*change));
	ret = check_processors(before, next, err);
	if (ret == 0)
		ret = host_check_sockets(host, next, err);
	if (ret < 0)
		return ret;
	memcpy(host->had_taken_over, host->taken_over, sizeof(host->had_taken_over));
	ret = make(host, before, next, options, change, err);
	if (ret < 0)
		go_back(host, next, before);
	host->had_taken_over[0] = '\0';
	host->n_former = 0;
	if (ret < 0)
		return ret;
	host->running = next;
	log_set_level((enum log_level)next->log_level);
	config_free(before);
	qsbr_reclaim();
	return 0;
}

/* ---- start and stop ---- */

static int
start_processors(struct host *host, const struct config_processors *is, struct err *err)
{
	struct cpu cpus[PROCESSORS_MAX];
	int n = cpulist_online(cpus, PROCESSORS_MAX);

	if (n <= 0)
		return err_set(err, -EIO, "cannot tell which CPUs there are");
	for (unsigned i = 0; i < is->count; i++) {
		unsigned cpu = is->n_cpus ? is->cpus[i % is->n_cpus] : cpus[i % (unsigned)n].id;
		int ret = -ENOMEM;

		processors[i] = processor_new(i, cpu, is->speed_percent, is->poll);
		if (processors[i] != NULL)
			ret = worker_start(processors[i]);
		if (ret < 0) {
			err_set(err, ret, "processor %u cannot run on CPU %u: %s", i, cpu, strerror(-ret));
			err_hint(err, "processors.cpus may name CPUs of this machine that the daemon may run on");
			processor_free(processors[i]);
			processors[i] = NULL;
			return ret;
		}
		n_processors = i + 1;
	}
	host->lane_of_frontends = n_processors;
	return 0;
}

static void
stop_workers(void)
{
	for (unsigned i = 0; i < n_processors; i++)
		worker_stop(processors[i]);
}

static void
free_processors(void)
{
	for (unsigned i = 0; i < n_processors; i++)
		processor_free(processors[i]);
	n_processors = 0;
}

int
host_start(struct host *host, struct config *config, const struct host_options *options, struct err *err)
{
	struct host_change change = { 0 };
	unsigned lanes = config->processors.count + CONFIG_ADAPTERS_MAX;
	int ret;

	memset((void *)host, 0, sizeof(*host));
	if (realpath(options->run_dir, host->run_dir) == NULL)
		return err_set(err, -errno, "run directory '%s': %s", options->run_dir, strerror(errno));
	vport_set_lanes(lanes);
	host->toeplitz = toeplitz_new(toeplitz_default_key, true);
	if (host->toeplitz == NULL || qsbr_init() < 0 || learn_start(lanes) < 0 || vhost_loop_init() < 0)
		return err_set(err, -ENOMEM, "no memory to start");
	uplink_register(UPLINK_TYPE_MEMIF, memif_open);
	ret = host_check_sockets(host, config, err);
	if (ret == 0)
		ret = start_processors(host, &config->processors, err);
	if (ret == 0)
		ret = make(host, NULL, config, options, &change, err);
	if (ret < 0) {
		host_stop(host);
		return ret;
	}
	host->running = config;
	log_set_level((enum log_level)config->log_level);
	return 0;
}

void
host_stop(struct host *host)
{
	/* Workers end once no frame comes in any more; from there on nobody has to be waited for. */
	for (unsigned i = 0; i < host->n_switches; i++)
		if (host->switches[i]->adapter != NULL)
			adapter_stop(host->switches[i]->adapter);
	stop_workers();
	while (host->n_ports > 0)
		host_port_remove(host, host->ports[host->n_ports - 1]);
	while (host->n_switches > 0)
		host_switch_remove(host, host->switches[host->n_switches - 1]);
	vhost_loop_fini();
	learn_stop();
	free_processors();
	toeplitz_free(host->toeplitz);
	balancer_free(host->balancer);
	host->balancer = NULL;
	config_free(host->running);
	host->running = NULL;
}

void
host_tend(struct host *host)
{
	for (unsigned i = 0; i < host->n_switches; i++)
		if (host->switches[i]->adapter != NULL)
			adapter_tend(host->switches[i]->adapter);
	for (unsigned i = 0; i < host->n_ports; i++)
		host_port_tend(host, host->ports[i]);
	processor_sample();
	qsbr_reclaim();
}
