/* rxplan.c - plans, what changes between two of them, and the way from one to the next; see rxplan.h. */
#include "nic/rxplan.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/qsbr.h"
#include "pkt/wire.h"
#include "plan/rss.h"

#define LOOK_US 50 /* between two looks at what consumers have passed. Our choice */

/* Rings of both plans, and who waits for whom. */
struct rxplan_change {
	unsigned n, n_words;
	struct rxring **ring;
	uint64_t *waits;  /* n rows of n_words: bit j of row i: flows go from ring j to ring i */
	uint64_t *open;   /* bit j: ring j has not passed its fence. Written by: control, after the plan is LIVE */
	bool *gains;      /* its row has a bit: it has a limit until that is lifted */
	bool *loses;      /* flows leave it, or it is not in the next plan: it has to pass */
	uint16_t *is_old; /* by index in the former plan, and in the next: index in ring[] */
	uint16_t *is_new;
};

static void
change_free(struct rxplan_change *c)
{
	if (c == NULL)
		return;
	free(c->ring);
	free(c->waits);
	free(c->open);
	free(c->gains);
	free(c->loses);
	free(c->is_old);
	free(c->is_new);
	free(c);
}

static struct rxplan_change *
change_alloc(unsigned n_old, unsigned n_new)
{
	struct rxplan_change *c = calloc(1, sizeof(*c));
	unsigned most = n_old + n_new;

	if (c == NULL)
		return NULL;
	c->n_words = (most + 63) / 64;
	c->ring = calloc(most, sizeof(struct rxring *));
	c->waits = calloc((size_t)most * c->n_words, sizeof(uint64_t));
	c->open = calloc(c->n_words, sizeof(uint64_t));
	c->gains = calloc(most, sizeof(bool));
	c->loses = calloc(most, sizeof(bool));
	c->is_old = calloc(n_old, sizeof(uint16_t));
	c->is_new = calloc(n_new, sizeof(uint16_t));
	if (c->ring != NULL && c->waits != NULL && c->open != NULL && c->gains != NULL && c->loses != NULL &&
	    c->is_old != NULL && c->is_new != NULL)
		return c;
	change_free(c);
	return NULL;
}

/* The index of r, which is added when it is not there. */
static uint16_t
index_of(struct rxplan_change *c, struct rxring *r)
{
	unsigned i = 0;

	while (i < c->n && c->ring[i] != r)
		i++;
	if (i == c->n)
		c->ring[c->n++] = r;
	return (uint16_t)i;
}

static void
wait_for(struct rxplan_change *c, uint16_t gains, uint16_t loses)
{
	if (gains == loses)
		return;
	c->waits[(size_t)gains * c->n_words + loses / 64] |= 1ull << loses % 64;
	c->gains[gains] = true;
	c->loses[loses] = true;
}

static const uint16_t no_entry; /* of a vport without entries: ring 0 */

static unsigned
entries_of(const struct rxplan *plan, unsigned vport, const uint16_t **entry)
{
	const struct rxmap_vport *vp = &plan->vport[vport];

	*entry = vp->n_entries > 0 ? vp->entry : &no_entry;
	return vp->n_entries > 0 ? vp->n_entries : 1;
}

/*
 * Frames of one filter went to a vport of the old plan, and go to one of the next. With the same hash each entry goes to the entry that has
 * the same low bits; with another one from anywhere to anywhere.
 */
static void
compare(struct rxplan_change *c, const struct rxplan *old, unsigned old_vport, const struct rxplan *next,
	unsigned next_vport, bool same_hash)
{
	const uint16_t *from, *to;
	unsigned n_from = entries_of(old, old_vport, &from), n_to = entries_of(next, next_vport, &to);
	unsigned most = n_from > n_to ? n_from : n_to;

	if (same_hash) {
		for (unsigned i = 0; i < most; i++)
			wait_for(c, c->is_new[to[i & (n_to - 1)]], c->is_old[from[i & (n_from - 1)]]);
		return;
	}
	for (unsigned i = 0; i < n_from; i++)
		for (unsigned k = 0; k < n_to; k++)
			wait_for(c, c->is_new[to[k]], c->is_old[from[i]]);
}

/* Where a plan leads the frames that a filter names: by the map itself, which knows which filter counts before which. */
static unsigned
vport_of(const struct rxplan *plan, const struct rxmap_filter *filter)
{
	/* No filter names the reserved one: it stands for all VLANs that none names. */
	uint16_t vid = filter->vid == RXMAP_VID_ANY ? VID_RESERVED : filter->vid;
	uint8_t frame[ETH_HEADER_LEN + VLAN_TAG_LEN] = { 0 };
	struct rxmap_verdict verdict;

	memcpy(frame, filter->mac.byte, MAC_LEN);
	put_be16(frame + ETH_ADDRS_LEN, TYPE_VLAN);
	put_be16(frame + ETH_HEADER_LEN, vid);
	rxmap_classify(plan->map, frame, sizeof(frame), &verdict);
	return verdict.vport;
}

static void
compare_filters(struct rxplan_change *c, const struct rxplan *old, const struct rxplan *next,
		const struct rxplan *whose, bool same_hash)
{
	for (unsigned i = 0; i + 1 < whose->n_vports; i++)
		compare(c, old, vport_of(old, &whose->filter[i]), next, vport_of(next, &whose->filter[i]), same_hash);
}

/* Each frame that can come belongs to a filter of either plan, or to the default vport of both. */
static struct rxplan_change *
change_new(const struct rxplan *old, const struct rxplan *next)
{
	struct rxplan_change *c = change_alloc(old->n_rings, next->n_rings);
	bool same_hash = old->hash_types == next->hash_types && memcmp(old->key, next->key, sizeof(old->key)) == 0;

	if (c == NULL)
		return NULL;
	for (unsigned i = 0; i < old->n_rings; i++) {
		c->is_old[i] = index_of(c, old->ring[i]);
		c->loses[c->is_old[i]] = true;
	}
	for (unsigned i = 0; i < next->n_rings; i++) {
		c->is_new[i] = index_of(c, next->ring[i]);
		c->loses[c->is_new[i]] = false;
	}
	compare(c, old, 0, next, 0, same_hash);
	compare_filters(c, old, next, old, same_hash);
	compare_filters(c, old, next, next, same_hash);
	return c;
}

/* ---- plans ---- */

static unsigned
table_len(const struct rxplan_share *s)
{
	return s->n_used > 1 ? s->n_entries : 1;
}

/* Fills plan for shares, whose tables stand one after the other in plan->entry. Returns whether any vport spreads. */
static bool
fill(struct rxplan *plan, const struct rxplan_share *shares, unsigned n)
{
	uint16_t *entry = plan->entry;
	bool spreads = false;

	for (unsigned i = 0; i < n; i++) {
		const struct rxplan_share *s = &shares[i];
		unsigned len = table_len(s);

		plan_rss_table(entry, len, s->n_used);
		for (unsigned k = 0; k < len; k++)
			entry[k] = (uint16_t)(entry[k] + plan->n_rings + s->first);
		plan->vport[i] = (struct rxmap_vport){ (uint16_t)len, entry };
		if (i > 0)
			plan->filter[i - 1] = (struct rxmap_filter){ s->mac, s->vid, (uint16_t)i };
		memcpy(&plan->ring[plan->n_rings], s->ring, s->n_rings * sizeof(struct rxring *));
		plan->n_rings += s->n_rings;
		entry += len;
		spreads |= len > 1;
	}
	plan->n_vports = n;
	return spreads;
}

static struct rxplan *
plan_alloc(const struct rxplan_share *shares, unsigned n)
{
	size_t n_rings = 0, n_entries = 0;
	struct rxplan *plan;

	for (unsigned i = 0; i < n; i++) {
		n_rings += shares[i].n_rings;
		n_entries += table_len(&shares[i]);
	}
	if (n_rings == 0 || n_rings > UINT16_MAX) /* the last is an index that no frame has: frontend.c */
		return NULL;
	plan = calloc(1, sizeof(*plan) + n_rings * sizeof(plan->ring[0]));
	if (plan == NULL)
		return NULL;
	plan->vport = calloc(n, sizeof(*plan->vport));
	plan->filter = calloc(n, sizeof(*plan->filter));
	plan->entry = calloc(n_entries, sizeof(*plan->entry));
	if (plan->vport != NULL && plan->filter != NULL && plan->entry != NULL)
		return plan;
	rxplan_free(plan);
	return NULL;
}

struct rxplan *
rxplan_new(const struct rxplan *former, const struct rxplan_share *shares, unsigned n, const struct rxplan_hash *hash)
{
	struct rxplan *plan = plan_alloc(shares, n);

	if (plan == NULL)
		return NULL;
	memcpy(plan->key, hash->key, sizeof(plan->key));
	plan->hash_types = hash->types;
	if (fill(plan, shares, n)) {
		plan->toeplitz = toeplitz_new(hash->key, true);
		if (plan->toeplitz == NULL)
			goto free_plan;
	}
	plan->map = rxmap_new(plan->vport, n, plan->filter, n - 1, plan->toeplitz, hash->types);
	if (plan->map == NULL)
		goto free_plan;
	if (former == NULL)
		return plan;
	atomic_store(&plan->state, RXPLAN_NEW);
	plan->change = change_new(former, plan);
	if (plan->change != NULL)
		return plan;
free_plan:
	rxplan_free(plan);
	return NULL;
}

static bool
same_filter(const struct rxmap_filter *a, const struct rxmap_filter *b)
{
	return mac_equal(&a->mac, &b->mac) && a->vid == b->vid;
}

bool
rxplan_equal(const struct rxplan *a, const struct rxplan *b)
{
	if (a->n_rings != b->n_rings || a->n_vports != b->n_vports || a->hash_types != b->hash_types ||
	    memcmp(a->key, b->key, sizeof(a->key)) != 0 ||
	    memcmp(a->ring, b->ring, a->n_rings * sizeof(struct rxring *)) != 0)
		return false;
	for (unsigned i = 0; i < a->n_vports; i++) {
		unsigned n = a->vport[i].n_entries;

		if (n != b->vport[i].n_entries ||
		    memcmp(a->vport[i].entry, b->vport[i].entry, n * sizeof(uint16_t)) != 0)
			return false;
		if (i > 0 && !same_filter(&a->filter[i - 1], &b->filter[i - 1]))
			return false;
	}
	return true;
}

void
rxplan_free(struct rxplan *plan)
{
	if (plan == NULL)
		return;
	change_free(plan->change);
	rxmap_free(plan->map);
	toeplitz_free(plan->toeplitz);
	free(plan->vport);
	free(plan->filter);
	free(plan->entry);
	free(plan);
}

/* ---- from one to the next ---- */

bool
rxplan_adopt(struct rxplan *plan)
{
	const struct rxplan_change *c;
	int expected = RXPLAN_NEW;

	/* Acquire: partner is the release below, or the release by which the plan was published. */
	if (!atomic_compare_exchange_strong_explicit(&plan->state, &expected, RXPLAN_FENCING, memory_order_acquire,
						     memory_order_acquire))
		return expected == RXPLAN_LIVE;
	c = plan->change;
	for (unsigned i = 0; i < c->n; i++)
		rxring_fence(c->ring[i], c->gains[i]);
	/* Release: who sees the plan LIVE, control or the front end, sees the fences. */
	atomic_store_explicit(&plan->state, RXPLAN_LIVE, memory_order_release);
	return true;
}

/* Whether all rings that ring i waits for have passed. */
static bool
may_go_on(const struct rxplan_change *c, unsigned i)
{
	for (unsigned w = 0; w < c->n_words; w++)
		if (c->waits[(size_t)i * c->n_words + w] & c->open[w])
			return false;
	return true;
}

/* One look at the rings. Returns whether every one that has to has passed its fence. */
static bool
look(struct rxplan_change *c)
{
	bool all = true;

	memset(c->open, 0, c->n_words * sizeof(c->open[0]));
	for (unsigned i = 0; i < c->n; i++) {
		if (!c->loses[i] || rxring_passed_fence(c->ring[i]))
			continue;
		c->open[i / 64] |= 1ull << i % 64;
		all = false;
	}
	for (unsigned i = 0; i < c->n; i++) {
		if (!c->gains[i] || !may_go_on(c, i))
			continue;
		c->gains[i] = false;
		rxring_lift(c->ring[i]);
	}
	return all;
}

static bool
wait_for_consumers(struct rxplan_change *c)
{
	uint64_t end = clock_ns() + RXPLAN_WAIT_NS;
	bool all;

	while (!(all = look(c)) && clock_ns() < end)
		usleep(LOOK_US);
	for (unsigned i = 0; i < c->n; i++)
		if (c->gains[i])
			rxring_lift(c->ring[i]);
	return all;
}

bool
rxplan_switch(struct rxplan *_Atomic *at, struct rxplan *next)
{
	struct rxplan *former = atomic_exchange_explicit(at, next, memory_order_acq_rel);
	bool all = true;

	qsbr_synchronize();
	/* No lane sorts by the former plan any more. A front end that is awake has adopted the next one, or will find it adopted. */
	while (!rxplan_is_ready(next))
		usleep(LOOK_US);
	if (next->change != NULL)
		all = wait_for_consumers(next->change);
	change_free(next->change);
	next->change = NULL;
	rxplan_free(former);
	return all;
}
