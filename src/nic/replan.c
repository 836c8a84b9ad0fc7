/*
 * replan.c - from what an adapter's queues are to what they shall be, whole or not at all; see adapter.h.
 *
 * What can fail comes first and leaves no trace: new queues and rings are made, queues go to their processors (which loses and reorders
 * nothing, queue.h), the next receive plan is built. Then the front end goes over to that plan (rxplan.h), and what it does not
 * use any more is given up. At rest the places of a->queue, a->ring and m->ring behind those in use are NULL.
 */
#include "nic/replan.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "nic/hwrss.h"
#include "nic/vmq.h"

/* ---- rings ---- */

static struct rxring *
ring_new(struct adapter *a, struct queue *q, struct vport *vport)
{
	static unsigned made; /* of all adapters: long names may begin alike */
	char name[RTE_RING_NAMESIZE];
	struct rxring *r;

	snprintf(name, sizeof(name), "%.14s.%u", a->name, made++);
	r = rxring_new(name, q, vport, a->ingress);
	if (r != NULL)
		queue_set_source(q, QUEUE_FROM_WIRE, &r->source);
	return r;
}

/*
 * Frames of a ring that was given up, because its processor got no time at all for RXPLAN_WAIT_NS: they came in by the wire and end at
 * the vport's full queue. The front end may be counting right now, so this is control's own slot.
 */
static void
count_lost(struct adapter *a, struct vport *vport, unsigned lost)
{
	unsigned lane = vport_control_lane();

	count_add(&a->wire.stats[lane].rx_packets, lost);
	if (vport == &a->wire) {
		count_add(&a->wire.stats[lane].rx_drops[DROP_QUEUE_FULL], lost);
		return;
	}
	count_add(&vport->stats[lane].tx_offered, lost);
	count_add(&vport->stats[lane].tx_drops[DROP_QUEUE_FULL], lost);
}

/* The front end does not know the ring any more, or never did. */
static void
ring_drop(struct adapter *a, struct queue *q, struct rxring **ring)
{
	struct vport *vport;
	unsigned lost;

	if (*ring == NULL)
		return;
	vport = (*ring)->vport;
	queue_set_source(q, QUEUE_FROM_WIRE, NULL);
	rxring_free(*ring, &lost);
	*ring = NULL;
	count_lost(a, vport, lost);
}

int
replan_make_queue(struct adapter *a, unsigned i)
{
	a->queue[i] = queue_new(&a->wire, i);
	if (a->queue[i] == NULL)
		return -ENOMEM;
	a->ring[i] = ring_new(a, a->queue[i], &a->wire);
	if (a->ring[i] != NULL)
		return 0;
	queue_free(a->queue[i]);
	a->queue[i] = NULL;
	return -ENOMEM;
}

void
replan_drop_queues(struct adapter *a, unsigned from)
{
	for (unsigned i = from; i < ADAPTER_RX_QUEUES_MAX && a->queue[i] != NULL; i++) {
		ring_drop(a, a->queue[i], &a->ring[i]);
		queue_free(a->queue[i]);
		a->queue[i] = NULL;
	}
}

static void
drop_rings(struct adapter *a, struct adapter_member *m, unsigned from)
{
	for (unsigned i = from; i < ADAPTER_PAIRS_MAX && m->ring[i] != NULL; i++)
		ring_drop(a, m->queues[i], &m->ring[i]);
}

/* Gives up what is not in use. */
static void
trim(struct adapter *a)
{
	replan_drop_queues(a, a->n_queues);
	for (unsigned i = 0; i < a->n_members; i++)
		drop_rings(a, a->members[i], a->members[i]->n_rings);
}

static int
make(struct adapter *a, const struct vmq_outcome *shall)
{
	for (unsigned i = a->n_queues; i < shall->n_queues; i++)
		if (replan_make_queue(a, i) < 0)
			return -ENOMEM;
	for (unsigned i = 0; i < a->n_members; i++) {
		struct adapter_member *m = a->members[i];

		for (unsigned k = m->n_rings; k < shall->share[i].n_rings; k++) {
			m->ring[k] = ring_new(a, m->queues[k], m->vport);
			if (m->ring[k] == NULL)
				return -ENOMEM;
		}
	}
	return 0;
}

/* ---- processors ---- */

/* Queues that moved, and where they stood. */
struct moves {
	unsigned n;
	struct {
		struct queue *queue;
		unsigned from;
	} made[];
};

static int
move(struct moves *moves, struct queue *q, unsigned to)
{
	unsigned from = queue_processor(q);
	int err = queue_move(q, to);

	if (err < 0 || from == to)
		return err;
	moves->made[moves->n].queue = q;
	moves->made[moves->n++].from = from;
	return 0;
}

/* A place that cannot be had again for want of memory is no loss: frames are served where the queue is. */
static void
move_back(struct moves *moves)
{
	while (moves != NULL && moves->n > 0) {
		moves->n--;
		queue_move(moves->made[moves->n].queue, moves->made[moves->n].from);
	}
}

static struct moves *
moves_alloc(const struct adapter *a, const struct vmq_outcome *shall)
{
	size_t most = shall->n_queues + a->n_queues;

	for (unsigned i = 0; i < a->n_members; i++)
		most += a->members[i]->n_queues;
	return calloc(1, sizeof(struct moves) + most * sizeof(((struct moves *)NULL)->made[0]));
}

static int
move_all(struct adapter *a, const struct vmq_outcome *shall, struct moves *moves)
{
	int err = 0;

	for (unsigned i = 0; i < shall->n_queues && err == 0; i++)
		err = move(moves, a->queue[i], shall->processor[i]);
	for (unsigned i = 0; i < a->n_members && err == 0; i++) {
		const struct adapter_member *m = a->members[i];

		for (unsigned k = 0; k < m->n_queues && err == 0; k++)
			err = move(moves, m->queues[k], shall->share[i].processor[k % ADAPTER_PAIRS_MAX]);
	}
	return err;
}

/* ---- the receive plan ---- */

static struct rxplan_share
default_share(const struct adapter *a, const struct vmq_outcome *shall)
{
	return (struct rxplan_share){ .ring = a->ring,
				      .n_rings = shall->n_queues,
				      .n_entries = a->settings.rss.entries,
				      .n_used = shall->n_queues };
}

static struct rxplan_share
share_of(const struct adapter *a, const struct adapter_member *m, unsigned n_rings)
{
	unsigned first = m->vrss.exclude_primary && n_rings > 1, n_used = n_rings - first;

	if (m->in_table > 0 && a->settings.dynamic && m->vrss.dynamic)
		n_used = RTE_MIN(n_used, m->in_table);
	return (struct rxplan_share){ .mac = m->mac,
				      .vid = m->vid,
				      .ring = m->ring,
				      .n_rings = n_rings,
				      .n_entries = a->settings.rss.entries,
				      .first = first,
				      .n_used = n_used };
}

static struct rxplan *
plan_new(const struct adapter *a, const struct vmq_outcome *shall)
{
	const struct rxplan_hash hash = { a->settings.rss.key, a->settings.rss.hash_types };
	struct rxplan_share *shares = calloc(a->n_members + 1, sizeof(*shares));
	struct rxplan *plan;
	unsigned n = 1;

	if (shares == NULL)
		return NULL;
	shares[0] = default_share(a, shall);
	for (unsigned i = 0; i < a->n_members; i++)
		if (shall->share[i].n_rings > 0)
			shares[n++] = share_of(a, a->members[i], shall->share[i].n_rings);
	plan = rxplan_new(atomic_load(&a->frontend.plan), shares, n, &hash);
	free(shares);
	return plan;
}

static void
publish(struct adapter *a, struct rxplan *plan)
{
	const struct rxplan *former = atomic_load(&a->frontend.plan);

	if (plan == NULL)
		return;
	if (former == NULL)
		frontend_set_plan(&a->frontend, plan);
	else if (rxplan_equal(former, plan)) /* a member without a VM queue came or went: a thousand may */
		rxplan_free(plan);
	else
		rxplan_switch(&a->frontend.plan, plan);
}

/* ---- all of it ---- */

static void
settle(struct adapter *a, const struct vmq_outcome *shall)
{
	a->n_queues = shall->n_queues;
	for (unsigned i = 0; i < a->n_members; i++) {
		a->members[i]->n_rings = shall->share[i].n_rings;
		a->members[i]->vm_queue = shall->share[i].vm_queue;
	}
	trim(a);
}

static int
carry_out(struct adapter *a, const struct vmq_outcome *shall)
{
	/* A medium's frames pass no front end, and those of an adapter that has stopped do not come. */
	bool sorts = !a->stopped && !uplink_is_medium(&a->uplink);
	struct moves *moves = moves_alloc(a, shall);
	struct rxplan *plan = NULL;
	int err = moves != NULL ? make(a, shall) : -ENOMEM;

	if (err == 0)
		err = move_all(a, shall, moves);
	if (err == 0 && sorts) {
		plan = plan_new(a, shall);
		err = plan != NULL ? 0 : -ENOMEM;
	}
	if (err < 0) {
		move_back(moves);
		trim(a);
	} else {
		publish(a, plan);
		if (sorts)
			hwrss_carry_out(a, shall->n_queues);
		settle(a, shall);
	}
	free(moves);
	return err;
}

int
adapter_replan(struct adapter *a, bool fresh, struct err *err)
{
	struct vmq_outcome shall;
	int ret = vmq_decide(a, fresh, &shall, err);

	if (ret < 0)
		return ret;
	ret = carry_out(a, &shall);
	vmq_outcome_free(&shall);
	if (ret < 0)
		err_set(err, ret, "adapter '%s': no memory for its queues, or the host has %u already", a->name,
			QUEUES_MAX);
	return ret;
}

int
adapter_fold(struct adapter *a, struct adapter_member *m, unsigned n, struct err *err)
{
	unsigned former = m->in_table;
	int ret;

	m->in_table = n;
	ret = adapter_replan(a, false, err);
	if (ret < 0)
		m->in_table = former;
	return ret;
}
