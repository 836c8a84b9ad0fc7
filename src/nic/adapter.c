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
#include "nic/vmq.h"

#define DRAIN_MAX_NS (2 * NSEC_PER_S) /* a ring of an emulated processor at 1 % takes about a second */

static struct rxring *
ring_new(struct adapter *a, struct queue *q, struct vport *vport, void *ingress)
{
	static unsigned made; /* of all adapters: long names may begin alike */
	char name[RTE_RING_NAMESIZE];

	snprintf(name, sizeof(name), "%.14s.%u", a->name, made++);
	return rxring_new(name, q, vport, ingress);
}

/* A plan with the default ring and those of the members that hold one. The caller publishes or frees it. */
static struct rxplan *
plan_new(const struct adapter *a)
{
	struct rxplan *plan = calloc(1, sizeof(*plan) + (a->n_members + 1) * sizeof(plan->ring[0]));
	struct rxmap_filter *filter = calloc(a->n_members + 1, sizeof(*filter));
	struct rxmap_vport *vport = calloc(a->n_members + 1, sizeof(*vport));
	uint16_t *entry = calloc(a->n_members + 1, sizeof(*entry));
	unsigned n = 1;

	if (plan == NULL || filter == NULL || vport == NULL || entry == NULL) {
		free(plan);
		plan = NULL;
		goto free_lists;
	}
	plan->ring[0] = a->default_ring;
	vport[0] = (struct rxmap_vport){ 1, &entry[0] };
	for (unsigned i = 0; i < a->n_members; i++) {
		const struct adapter_member *m = a->members[i];

		if (m->ring == NULL)
			continue;
		plan->ring[n] = m->ring;
		entry[n] = (uint16_t)n;
		vport[n] = (struct rxmap_vport){ 1, &entry[n] };
		filter[n - 1] = (struct rxmap_filter){ m->mac, m->vid, (uint16_t)n };
		n++;
	}
	plan->n_rings = n;
	plan->map = rxmap_new(vport, n, filter, n - 1, NULL, 0);
	if (plan->map == NULL) {
		free(plan);
		plan = NULL;
	}
free_lists:
	free(entry);
	free(vport);
	free(filter);
	return plan;
}

static void
plan_free(const struct rxplan *plan)
{
	if (plan == NULL)
		return;
	rxmap_free(plan->map);
	free((void *)(uintptr_t)plan);
}

static bool
wait_until_passed(struct rxring *r, uint64_t position)
{
	uint64_t end = clock_ns() + DRAIN_MAX_NS;

	while (!rxring_passed(r, position) && clock_ns() < end)
		usleep(50);
	return rxring_passed(r, position);
}

static void
ring_open(struct rxring *r, bool open)
{
	atomic_store_explicit(&r->open, open, memory_order_release);
	if (open)
		queue_kick(r->queue); /* what came in meanwhile */
}

static void
member_place(struct adapter_member *m, unsigned processor)
{
	for (unsigned i = 0; i < m->n_queues; i++)
		queue_move(m->queues[i], processor);
}

/* Publishes what members hold now; the former plan is freed. Without memory the former one goes on. */
static int
publish(struct adapter *a)
{
	const struct rxplan *next;

	if (a->stopped)
		return 0;
	next = plan_new(a);
	if (next == NULL)
		return -ENOMEM;
	plan_free(frontend_set_plan(&a->frontend, next));
	a->plan = next;
	return 0;
}

/* A ring that the front end never saw. */
static void
give_up_ring(struct adapter_member *m)
{
	if (m->ring == NULL)
		return;
	queue_set_source(m->queues[0], QUEUE_FROM_WIRE, NULL);
	rxring_free(m->ring, NULL);
	m->ring = NULL;
}

/*
 * Gives rings to members: until the default queue has passed the frames that it had of them, theirs stay closed, so that
 * no frame overtakes another of its flow.
 */
static int
gain(struct adapter *a, const struct vmq_change *change, unsigned n)
{
	int err = 0;

	for (unsigned i = 0; i < n && err == 0; i++) {
		struct adapter_member *m = change[i].member;

		m->ring = ring_new(a, m->queues[0], m->vport, a->default_ring->source.port);
		if (m->ring == NULL) {
			err = -ENOMEM;
			break;
		}
		m->vm_queue = change[i].vm_queue;
		queue_set_source(m->queues[0], QUEUE_FROM_WIRE, &m->ring->source);
		member_place(m, change[i].processor);
	}
	if (err == 0)
		err = publish(a);
	if (err < 0) {
		for (unsigned i = 0; i < n; i++)
			give_up_ring(change[i].member);
		return err;
	}
	wait_until_passed(a->default_ring, rxring_position(a->default_ring));
	for (unsigned i = 0; i < n; i++)
		ring_open(change[i].member->ring, true);
	return 0;
}

/*
 * A ring that was given up with frames in it, because its processor got no time at all for DRAIN_MAX_NS: they came in by
 * the wire and end at the member's full queue. Their front end may be counting right now, so this is control's own slot.
 */
static void
count_lost(struct adapter *a, const struct adapter_member *m, unsigned lost)
{
	unsigned lane = vport_control_lane();

	count_add(&a->wire.stats[lane].rx_packets, lost);
	count_add(&m->vport->stats[lane].tx_offered, lost);
	count_add(&m->vport->stats[lane].tx_drops[DROP_QUEUE_FULL], lost);
}

/*
 * Takes rings away. Each member's queue first joins the default queue's processor: its ring is then drained by the same
 * worker that will get its next frames, and the default queue stands still just as long.
 */
static int
lose(struct adapter *a, struct adapter_member *const *losers, unsigned n)
{
	struct rxring **old = calloc(n + 1, sizeof(struct rxring *));
	unsigned lost;
	int err;

	if (old == NULL)
		return -ENOMEM;
	for (unsigned i = 0; i < n; i++) {
		member_place(losers[i], adapter_base(a));
		old[i] = losers[i]->ring;
		losers[i]->ring = NULL;
	}
	ring_open(a->default_ring, false);
	/* A worker that saw it open before may not take what the next plan puts there. */
	qsbr_synchronize();
	err = publish(a);
	for (unsigned i = 0; i < n; i++) {
		if (err < 0) { /* nothing has changed */
			losers[i]->ring = old[i];
			continue;
		}
		wait_until_passed(old[i], rxring_position(old[i]));
		queue_set_source(losers[i]->queues[0], QUEUE_FROM_WIRE, NULL);
		rxring_free(old[i], &lost);
		count_lost(a, losers[i], lost);
	}
	ring_open(a->default_ring, true);
	free(old);
	return err;
}

int
adapter_check(const struct adapter *a, const struct adapter_settings *s, struct err *err)
{
	unsigned base;

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
adapter_replan(struct adapter *a, struct err *err)
{
	struct vmq_outcome out;
	int ret = vmq_decide(a, &out, err);

	if (ret < 0)
		return ret;
	queue_move(a->default_queue, out.base);
	if (out.n_lost > 0)
		ret = lose(a, out.lost, out.n_lost);
	if (ret == 0 && out.n_gained > 0)
		ret = gain(a, out.gained, out.n_gained);
	for (unsigned i = 0; i < out.n_stay; i++) {
		out.stay[i].member->vm_queue = out.stay[i].vm_queue;
		member_place(out.stay[i].member, out.stay[i].processor);
	}
	for (unsigned i = 0; i < a->n_members; i++)
		if (a->members[i]->ring == NULL)
			member_place(a->members[i], out.base);
	vmq_outcome_free(&out);
	if (ret < 0)
		err_set(err, ret, "adapter '%s': no memory for VM queues", a->name);
	return ret;
}

int
adapter_join(struct adapter *a, struct adapter_member *m, struct err *err)
{
	int ret;

	if (a->n_members == ADAPTER_MEMBERS_MAX)
		return err_set(err, -ENOSPC, "adapter '%s' has %u ports already", a->name, a->n_members);
	m->arrival = ++a->arrivals;
	m->ring = NULL;
	a->members[a->n_members++] = m;
	ret = adapter_replan(a, err);
	if (ret < 0)
		adapter_leave(a, m);
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
	while (m->ring != NULL && lose(a, &m, 1) < 0)
		usleep(1000); /* for memory: a ring whose port is gone may not stay */
	memmove(&a->members[i], &a->members[i + 1], (a->n_members - i - 1) * sizeof(struct adapter_member *));
	a->n_members--;
	adapter_replan(a, NULL);
}

int
adapter_change(struct adapter *a, struct adapter_member *m, const struct adapter_member *next, struct err *err)
{
	struct vmq_change same = { m, m->vm_queue, queue_processor(m->queues[0]) };
	bool refilter = m->ring != NULL && (!mac_equal(&m->mac, &next->mac) || m->vid != next->vid);
	int ret = 0;

	/* The frames of the new address came by the default queue so far: the ring goes and comes as at any other change. */
	if (refilter && lose(a, &m, 1) < 0)
		return err_set(err, -ENOMEM, "adapter '%s': no memory for VM queues", a->name);
	m->mac = next->mac;
	m->vid = next->vid;
	m->weight = next->weight;
	if (refilter && m->weight > 0 && !mac_is_zero(&m->mac))
		ret = gain(a, &same, 1);
	if (ret < 0)
		return err_set(err, ret, "adapter '%s': no memory for VM queues", a->name);
	return adapter_replan(a, err);
}

static int
start_queues(struct adapter *a, void *ingress, struct err *err)
{
	int ret;

	a->default_queue = queue_new(&a->wire, 0);
	if (a->default_queue != NULL)
		a->default_ring = ring_new(a, a->default_queue, &a->wire, ingress);
	if (a->default_ring == NULL)
		return err_set(err, -ENOMEM, "adapter '%s': no memory for its default queue", a->name);
	atomic_store(&a->default_ring->open, true);
	queue_set_source(a->default_queue, QUEUE_FROM_WIRE, &a->default_ring->source);
	if (uplink_is_medium(&a->uplink)) /* its frames are where they belong */
		return 0;
	ret = frontend_start(&a->frontend, &a->uplink, &a->wire, a->lane_id, n_processors == 1 ? processors[0] : NULL);
	if (ret < 0)
		return err_set(err, ret, "adapter '%s': cannot start its front end", a->name);
	return 0;
}

static int
open_uplink(struct adapter *a, void *ingress, struct err *err)
{
	struct uplink_medium_options options = { .queue = a->default_queue, .vport = &a->wire, .ingress = ingress };

	return uplink_is_medium(&a->uplink) ? uplink_open_medium(&a->uplink, a->mtu, &options, err)
					    : uplink_open(&a->uplink, a->mtu, err);
}

static void
stop_frontend(struct adapter *a)
{
	if (!uplink_is_medium(&a->uplink))
		frontend_stop(&a->frontend);
}

static void
free_queues(struct adapter *a)
{
	queue_free(a->default_queue);
	rxring_free(a->default_ring, NULL);
}

struct adapter *
adapter_new(const char *name, enum uplink_type type, const char *arg, unsigned mtu,
	    const struct adapter_settings *settings, unsigned lane_id, void *ingress, struct err *err)
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
	uplink_init(&a->uplink, name, type, arg);
	if (adapter_check(a, settings, err) < 0)
		goto free_adapter;
	if (start_queues(a, ingress, err) < 0)
		goto free_queues;
	if (open_uplink(a, ingress, err) < 0)
		goto stop_frontend;
	return a;

stop_frontend:
	stop_frontend(a);
free_queues:
	free_queues(a);
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
	free_queues(a);
	plan_free(a->plan);
	rte_mempool_free(a->uplink.pool);
	vport_fini(&a->wire);
	free(a);
}

int
adapter_start(struct adapter *a, struct err *err)
{
	if (publish(a) < 0)
		return err_set(err, -ENOMEM, "adapter '%s': no memory for its receive filters", a->name);
	if (!uplink_is_medium(&a->uplink))
		frontend_refresh(&a->frontend);
	return adapter_replan(a, err);
}

/* Waits until no ring holds a frame in the uplink's buffers. False: some still do. */
static bool
drain(struct adapter *a)
{
	bool empty = wait_until_passed(a->default_ring, rxring_position(a->default_ring));

	for (unsigned i = 0; i < a->n_members; i++)
		if (a->members[i]->ring != NULL)
			empty &= wait_until_passed(a->members[i]->ring, rxring_position(a->members[i]->ring));
	return empty;
}

void
adapter_stop(struct adapter *a)
{
	a->stopped = true;
	plan_free(frontend_set_plan(&a->frontend, NULL));
	a->plan = NULL;
	drain(a);
	queue_move(a->default_queue, PROCESSOR_NONE);
}

static void
find_again(struct adapter *a)
{
	struct err err;

	if (keep_link_up(a->uplink.arg, &err) == 0 && uplink_open(&a->uplink, a->mtu, &err) == 0) {
		frontend_refresh(&a->frontend);
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
		a->leaving = true;
		log_warn("uplink went away adapter=%s interface=%s", a->name, a->uplink.arg);
	}
	if (a->leaving) {
		if (!drain(a))
			return;
		uplink_close(&a->uplink);
		a->leaving = a->told = false;
	}
	if (uplink_exists(&a->uplink))
		find_again(a);
}
