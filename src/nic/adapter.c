/* adapter.c - life of an adapter, and moving its vports' frames between rings; see adapter.h. */
#include "nic/adapter.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/qsbr.h"
#include "keep/keep.h"
#include "nic/hwrss.h"
#include "nic/replan.h"
#include "nic/vmq.h"

#define TEND_WAIT_NS (20 * NSEC_PER_MS) /* for rings; whoever tends looks again in half a second. Our choice */

void
adapter_settings_init(struct adapter_settings *s)
{
	*s = (struct adapter_settings){
		.mode = ADAPTER_MODE_NONE,
		.queues = 8, /* as the configuration's default */
		.base = -1,
		.max_processor = -1,
		.rx_checksum = true,
		.rss = { .profile = PLAN_RSS_NUMA_STATIC,
			 .hash_types = HASH_TYPES_PLAIN,
			 .entries = 128 }, /* native RSS' most: windows-semantics, 2.4 */
		.balance = plan_balance_defaults,
		.period_ms = 20,
	};
	memcpy(s->rss.key, toeplitz_default_key, sizeof(s->rss.key));
}

int
adapter_check(const struct adapter *a, const struct adapter_settings *s, struct err *err)
{
	unsigned most = s->mode == ADAPTER_MODE_RSS ? ADAPTER_RX_QUEUES_MAX : ADAPTER_VM_QUEUES_MAX, base;

	if (s->queues > most || (s->mode == ADAPTER_MODE_RSS && s->queues == 0))
		return err_set(err, -EINVAL, "adapter '%s': %u queues are not 1 to %u", a->name, s->queues, most);
	if (s->rss.entries == 0 || s->rss.entries > RXMAP_TABLE_MAX || (s->rss.entries & (s->rss.entries - 1)) != 0)
		return err_set(err, -EINVAL, "adapter '%s': %u indirection entries are not a power of two up to %u",
			       a->name, s->rss.entries, RXMAP_TABLE_MAX);
	return vmq_base(a->name, s, &base, err);
}

unsigned
adapter_base(const struct adapter *a)
{
	unsigned base;

	vmq_base(a->name, &a->settings, &base, NULL); /* 0 if it does not fit: adapter_check was asked before */
	return base;
}

int
adapter_set(struct adapter *a, const struct adapter_settings *s, struct err *err)
{
	struct adapter_settings former = a->settings;
	int ret = adapter_check(a, s, err);

	if (ret < 0)
		return ret;
	a->settings = *s;
	ret = adapter_replan(a, true, err);
	if (ret < 0)
		a->settings = former;
	else
		atomic_store(&a->frontend.doubts_checksums, !s->rx_checksum);
	return ret;
}

static void
forget(struct adapter *a, const struct adapter_member *m)
{
	unsigned i;

	for (i = 0; a->members[i] != m; i++)
		;
	memmove(&a->members[i], &a->members[i + 1], (a->n_members - i - 1) * sizeof(struct adapter_member *));
	a->n_members--;
}

int
adapter_join(struct adapter *a, struct adapter_member *m, struct err *err)
{
	int ret;

	if (a->n_members == ADAPTER_MEMBERS_MAX)
		return err_set(err, -ENOSPC, "adapter '%s' has %u ports already", a->name, a->n_members);
	m->arrival = ++a->arrivals;
	memset(m->ring, 0, sizeof(m->ring));
	m->n_rings = 0;
	m->in_table = 0;
	m->leaving = false;
	a->members[a->n_members++] = m;
	ret = adapter_replan(a, false, err);
	if (ret < 0)
		forget(a, m);
	return ret;
}

void
adapter_leave(struct adapter *a, struct adapter_member *m)
{
	unsigned i;

	for (i = 0; i < a->n_members && a->members[i] != m; i++)
		;
	if (i == a->n_members)
		return;
	m->leaving = true;
	/* Rings whose port is gone may not stay: without memory this waits for some. Without rings the others have time. */
	while (adapter_replan(a, false, NULL) < 0 && m->n_rings > 0)
		usleep(1000);
	m->leaving = false;
	forget(a, m);
}

static void
become(struct adapter_member *m, const struct adapter_member *next)
{
	m->mac = next->mac;
	m->vid = next->vid;
	m->weight = next->weight;
	m->vrss = next->vrss;
	m->n_queues = next->n_queues;
}

int
adapter_change(struct adapter *a, struct adapter_member *m, const struct adapter_member *next, struct err *err)
{
	struct adapter_member former = *m;
	int ret;

	become(m, next);
	ret = adapter_replan(a, false, err);
	if (ret < 0)
		become(m, &former);
	return ret;
}

static int
start_queues(struct adapter *a, struct err *err)
{
	int ret;

	if (replan_make_queue(a, 0) < 0)
		return err_set(err, -ENOMEM, "adapter '%s': no memory for its default queue", a->name);
	a->n_queues = 1;
	if (uplink_is_medium(&a->uplink)) /* its frames are where they belong */
		return 0;
	ret = frontend_start(&a->frontend, &a->uplink, &a->wire, a->lane_id, n_processors == 1 ? processors[0] : NULL);
	if (ret < 0)
		return err_set(err, ret, "adapter '%s': cannot start its front end", a->name);
	atomic_store(&a->frontend.doubts_checksums, !a->settings.rx_checksum);
	return 0;
}

static int
open_uplink(struct adapter *a, struct err *err)
{
	struct uplink_medium_options options = { .queue = a->queue[0], .vport = &a->wire, .ingress = a->ingress };

	hwrss_ask(a);
	return uplink_is_medium(&a->uplink) ? uplink_open_medium(&a->uplink, a->mtu, &options, err)
					    : uplink_open(&a->uplink, a->mtu, err);
}

static void
stop_frontend(struct adapter *a)
{
	if (!uplink_is_medium(&a->uplink))
		frontend_stop(&a->frontend);
}

struct adapter *
adapter_new(const char *name, enum uplink_type type, const char *arg, unsigned mtu,
	    const struct adapter_settings *settings, unsigned lane_id, struct ingress *ingress, struct err *err)
{
	struct adapter *a = aligned_alloc(64, RTE_ALIGN_CEIL(sizeof(*a), 64));

	if (a != NULL)
		memset((void *)a, 0, sizeof(*a));
	if (a == NULL || vport_init(&a->wire, name) < 0) {
		err_set(err, -ENOMEM, "no memory for adapter '%s'", name);
		free(a);
		return NULL;
	}
	snprintf(a->name, sizeof(a->name), "%s", name);
	a->lane_id = lane_id;
	a->mtu = mtu;
	a->settings = *settings;
	a->ingress = ingress;
	uplink_init(&a->uplink, name, type, arg);
	if (adapter_check(a, settings, err) < 0)
		goto free_adapter;
	if (start_queues(a, err) < 0)
		goto drop_queues;
	if (open_uplink(a, err) < 0)
		goto stop_frontend;
	return a;

stop_frontend:
	stop_frontend(a);
drop_queues:
	replan_drop_queues(a, 0);
free_adapter:
	vport_fini(&a->wire);
	free(a);
	return NULL;
}

void
adapter_free(struct adapter *a)
{
	if (a == NULL)
		return;
	uplink_detach(&a->uplink);
	stop_frontend(a);
	uplink_close(&a->uplink); /* a medium's source leaves the default queue here */
	replan_drop_queues(a, 0);
	rxplan_free(atomic_load(&a->frontend.plan));
	rte_mempool_free(a->uplink.pool);
	nicswitch_free(a->nicswitch);
	vport_fini(&a->wire);
	free(a);
}

static void
lead_sources(struct queue *q, struct ingress *in)
{
	for (unsigned i = 0; i < QUEUE_SOURCES; i++) {
		struct source *s = atomic_load(&q->source[i]);

		if (s != NULL)
			source_set_ingress(s, in);
	}
}

/* All that the wire brings: by the default queues, and by VM queues. What members send is their own. */
static void
lead(void *arg, struct ingress *in)
{
	struct adapter *a = arg;

	a->ingress = in;
	for (unsigned i = 0; i < a->n_queues; i++)
		lead_sources(a->queue[i], in);
	for (unsigned i = 0; i < a->n_members; i++)
		for (unsigned k = 0; k < a->members[i]->n_rings; k++)
			source_set_ingress(&a->members[i]->ring[k]->source, in);
}

int
adapter_host(struct adapter *a, const struct nicswitch_host *host, struct err *err)
{
	struct nicswitch_options options = { .name = a->name,
					     .wire = &a->wire,
					     .uplink = uplink_sink(&a->uplink),
					     .host = *host,
					     .lead = lead,
					     .arg = a };

	a->nicswitch = nicswitch_new(&options);
	return a->nicswitch != NULL ? 0 : err_set(err, -ENOMEM, "no memory for the switch of adapter '%s'", a->name);
}

int
adapter_start(struct adapter *a, struct err *err)
{
	int ret = adapter_replan(a, true, err);

	if (ret == 0 && !uplink_is_medium(&a->uplink))
		frontend_refresh(&a->frontend);
	return ret;
}

static bool
wait_until_passed(const struct rxring *r, uint64_t end)
{
	uint64_t position = rxring_position(r);

	while (!rxring_passed(r, position) && clock_ns() < end)
		usleep(50);
	return rxring_passed(r, position);
}

/* Waits, so long for all of them together, until no ring holds a frame in the uplink's buffers. False: some still do. */
static bool
drain(const struct adapter *a, uint64_t wait_ns)
{
	uint64_t end = clock_ns() + wait_ns;
	bool empty = true;

	for (unsigned i = 0; i < a->n_queues; i++)
		empty &= wait_until_passed(a->ring[i], end);
	for (unsigned i = 0; i < a->n_members; i++)
		for (unsigned k = 0; k < a->members[i]->n_rings; k++)
			empty &= wait_until_passed(a->members[i]->ring[k], end);
	return empty;
}

void
adapter_stop(struct adapter *a)
{
	a->stopped = true;
	hwrss_leave(a);
	rxplan_free(frontend_set_plan(&a->frontend, NULL));
	drain(a, RXPLAN_WAIT_NS);
	for (unsigned i = 0; i < a->n_queues; i++)
		queue_move(a->queue[i], PROCESSOR_NONE);
}

static void
find_again(struct adapter *a)
{
	struct err err;

	if ((!uplink_is_interface(&a->uplink) || keep_link_up(a->uplink.arg, &err) == 0) &&
	    uplink_open(&a->uplink, a->mtu, &err) == 0) {
		frontend_refresh(&a->frontend);
		hwrss_carry_out(a, a->n_queues);
		log_info("uplink came back adapter=%s interface=%s", a->name, a->uplink.arg);
	} else if (!a->told) {
		log_warn("uplink is there but cannot be opened adapter=%s reason=\"%s\"", a->name, err.msg);
		a->told = true;
	}
}

static void
tell_link(struct adapter *a)
{
	bool no_link = !uplink_has_link(&a->uplink);

	if (no_link && !a->no_link)
		log_warn("uplink has no link adapter=%s uplink=%s", a->name, a->uplink.arg);
	else if (!no_link && a->no_link)
		log_info("uplink has a link again adapter=%s uplink=%s", a->name, a->uplink.arg);
	a->no_link = no_link;
}

/*
 *	present		its interface went away: no lane may use it any more -> leaving
 *	leaving		frames in rings still lie in its buffers; when they are gone, close -> absent
 *	absent		an interface of that name exists: open -> present
 */
void
adapter_tend(struct adapter *a)
{
	if (a->uplink.medium != NULL) {
		a->uplink.medium->ops->tend(a->uplink.medium);
		tell_link(a);
		return;
	}
	if (uplink_port(&a->uplink) != UPLINK_ABSENT) {
		if (!uplink_is_replaced(&a->uplink)) {
			tell_link(a);
			return;
		}
		uplink_detach(&a->uplink);
		hwrss_leave(a);
		a->leaving = true;
		log_warn("uplink went away adapter=%s interface=%s", a->name, a->uplink.arg);
	}
	if (a->leaving) {
		if (!drain(a, TEND_WAIT_NS))
			return;
		uplink_close(&a->uplink);
		a->leaving = a->told = false;
	}
	if (uplink_exists(&a->uplink))
		find_again(a);
}
