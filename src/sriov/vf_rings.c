/* vf_rings.c - starting and stopping the rings of a VF, and what its pages show; see vf_rings.h. */
#include "sriov/vf_rings.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/qsbr.h"
#include "nic/mute.h"
#include "sriov/vf_look.h"

#define QUIET_US \
	5000 /* what the first frame after silence may wait for at most, so that 256 idle VFs cost next to nothing. Our choice */
#define BUFFER_KIB_MAX 16 /* 82599 datasheet 8.3.5.7.6, BSIZEPACKET */

const char *
vf_fault_text(enum vf_fault fault)
{
	static const char *const text[] = {
#define X(id, text) [VF_FAULT_##id] = text,
		VF_FAULTS(X)
#undef X
	};

	return fault < VF_FAULT_COUNT ? text[fault] : "unknown";
}

bool
vf_ring_latch(struct vf_ring *r, bool transmit)
{
	uint32_t buffer;

	r->base = vf_load64((const uint64_t *)(const void *)(r->block + VFRDBAL)) & ~127ull;
	r->len = vf_reg(r, VFRDLEN);
	r->size = r->len / VF_DESC_SIZE;
	r->srrctl = transmit ? 0 : vf_reg(r, VFSRRCTL);
	atomic_store_explicit(&r->head, 0, memory_order_relaxed);
	vf_reg_set(r, VFRDH, 0); /* as VFTDH */
	if (r->len == 0 || r->len % (8 * VF_DESC_SIZE) != 0 || r->size > VF_RING_MAX)
		return vf_break(r, VF_FAULT_RING_SIZE);
	if (transmit)
		return true;
	if ((r->srrctl & VFSRRCTL_DESCTYPE) != VFSRRCTL_ONE_BUFFER)
		return vf_break(r, VF_FAULT_BUFFER_TYPE);
	buffer = r->srrctl & VFSRRCTL_BSIZEPKT;
	if (buffer == 0 || buffer > BUFFER_KIB_MAX)
		return vf_break(r, VF_FAULT_BUFFER_SIZE);
	return true;
}

/* ---- who has a ring ---- */

/* Marks q busy, in place of its worker: the other side of queue_enter in a worker. Returns the processor to leave it by. */
static unsigned
have_queue(struct queue *q)
{
	unsigned p;

	do {
		for (int i = 0; i < SPIN_TRIES; i++) {
			p = queue_processor(q);
			if (queue_enter(q, p))
				return p;
			rte_pause();
		}
		sched_yield();
	} while (true);
}

/* An enable bit that has changed since the last look. */
static bool
has_changed(const struct vf_ring *r, bool *enabled)
{
	*enabled = vf_reg(r, VFRXDCTL) & VFRXDCTL_ENABLE; /* as VFTXDCTL */
	/* Acquire: partner of the release in vf_ring_look. */
	return *enabled ? !atomic_load_explicit(&((struct vf_ring *)(uintptr_t)r)->on, memory_order_acquire) &&
				  !vf_is_broken(r)
			: atomic_load_explicit(&((struct vf_ring *)(uintptr_t)r)->on, memory_order_acquire) ||
				  vf_is_broken(r);
}

/* Who has the ring. */
static void
change(struct vf_ring *r, bool enabled, bool transmit)
{
	atomic_store_explicit(&r->fault, VF_FAULT_NONE, memory_order_relaxed);
	if (enabled)
		vf_ring_latch(r, transmit);
	atomic_store_explicit(&r->on, enabled, memory_order_release);
}

static void
change_rx(struct vf_rings *r, unsigned i, bool enabled)
{
	spin_lock(&r->rx[i].lock);
	change(&r->rx[i].ring, enabled, false);
	spin_unlock(&r->rx[i].lock);
}

static void
change_tx(struct vf_rings *r, unsigned i, bool enabled)
{
	struct queue *q = r->queue[i % VF_RX_RINGS];
	struct vf_tx *tx = vf_tx_ring(r, i);
	unsigned p = have_queue(q), bit = 1u << i / VF_RX_RINGS;
	_Atomic unsigned *all = &r->tx[i % VF_RX_RINGS].enabled;

	change(&tx->ring, enabled, true);
	atomic_store_explicit(all, enabled ? atomic_load(all) | bit : atomic_load(all) & ~bit, memory_order_release);
	memset(tx->context, 0, sizeof(tx->context));
	queue_leave(q, p);
	/* A worker that found it marked has left the looking to us. */
	queue_kick(q);
}

/* ---- pages ---- */

static void
show_head(struct vf_ring *r)
{
	uint32_t head = atomic_load_explicit(&r->head, memory_order_relaxed);

	if (atomic_load_explicit(&r->on, memory_order_acquire) && vf_reg(r, VFRDH) != head)
		vf_reg_set(r, VFRDH, head); /* as VFTDH */
}

static void
show_heads(struct vf_rings *r)
{
	for (unsigned i = 0; i < VF_RX_RINGS; i++)
		show_head(&r->rx[i].ring);
	for (unsigned i = 0; i < VF_TX_RINGS; i++)
		show_head(&vf_tx_ring(r, i)->ring);
}

void
vf_rings_sample(struct vf_rings *r)
{
	bool enabled;

	for (unsigned i = 0; i < VF_RX_RINGS; i++)
		if (has_changed(&r->rx[i].ring, &enabled))
			change_rx(r, i, enabled);
	for (unsigned i = 0; i < VF_TX_RINGS; i++)
		if (has_changed(&vf_tx_ring(r, i)->ring, &enabled))
			change_tx(r, i, enabled);
	show_heads(r);
}

static struct vf_ring *
ring_at(struct vf_rings *r, bool transmit, unsigned i)
{
	return transmit ? &vf_tx_ring(r, i)->ring : &r->rx[i].ring;
}

/* Counters stand in block 0, for all queues. */
static void
show_counters(struct vf_rings *r, bool transmit)
{
	struct vf_ring *first = ring_at(r, transmit, 0);
	struct vf_rings_count sum;

	vf_rings_count(r, transmit, &sum);
	vf_reg_set(first, VFGPRC, (uint32_t)sum.frames); /* as VFGPTC, and so on */
	vf_reg_set(first, VFGORC_LSB, (uint32_t)sum.bytes);
	vf_reg_set(first, VFGORC_MSB, sum.bytes >> 32 & 0xf);
	if (!transmit)
		vf_reg_set(first, VFMPRC, (uint32_t)sum.multicast);
}

void
vf_rings_show(struct vf_rings *r)
{
	show_heads(r);
	show_counters(r, false);
	show_counters(r, true);
}

static void
wipe(struct vf_ring *first)
{
	for (unsigned i = 0; i < VF_PAGE_SIZE; i += 4)
		vf_reg_set(first, i, 0);
}

void
vf_rings_stop(struct vf_rings *r)
{
	/* First the pages, or a lane might latch them once more. */
	wipe(&r->rx[0].ring);
	wipe(&r->tx[0].ring[0].ring);
	for (unsigned i = 0; i < VF_RX_RINGS; i++)
		change_rx(r, i, false);
	for (unsigned i = 0; i < VF_TX_RINGS; i++)
		change_tx(r, i, false);
	for (unsigned i = 0; i < VF_RX_RINGS; i++)
		atomic_store_explicit(&r->rx[i].ring.head, 0, memory_order_relaxed);
	for (unsigned i = 0; i < VF_TX_RINGS; i++)
		atomic_store_explicit(&vf_tx_ring(r, i)->ring.head, 0, memory_order_relaxed);
}

/* ---- from making to freeing ---- */

static void
init_source(struct vf_rings *r, const struct vf_rings_setup *setup, unsigned i)
{
	struct vf_tx_source *t = &r->tx[i];

	t->of = r;
	t->index = i;
	source_init(&t->source, setup->trapped ? &vf_trapped_source_ops : &vf_source_ops, -1, setup->ingress);
	t->source.look_us = QUIET_US;
	for (unsigned k = 0; k < VF_TX_RINGS / VF_RX_RINGS; k++)
		t->ring[k].ring.block = setup->tx_page + VF_QUEUE(i + k * VF_RX_RINGS);
}

struct vf_rings *
vf_rings_new(const struct vf_rings_setup *setup)
{
	struct vf_rings *r = aligned_alloc(64, RTE_ALIGN_CEIL(sizeof(*r), 64));

	if (r == NULL)
		return NULL;
	memset((void *)r, 0, sizeof(*r));
	r->sink.ops = &vf_sink_ops;
	r->mem = setup->mem;
	r->interrupt = setup->interrupt;
	r->fixed_rlpml = setup->fixed_rlpml;
	r->trapped = setup->trapped;
	for (unsigned i = 0; i < VF_RX_RINGS; i++) {
		r->queue[i] = setup->queues[i];
		r->rx[i].ring.block = setup->rx_page + VF_QUEUE(i);
		init_source(r, setup, i);
		/* Without a descriptor there is nothing that can fail. */
		queue_set_source(r->queue[i], QUEUE_FROM_SENDER, &r->tx[i].source);
	}
	return r;
}

static void
free_state(const struct vf_rx_state *state)
{
	if (state == NULL)
		return;
	toeplitz_free(state->toeplitz);
	free((void *)(uintptr_t)state);
}

void
vf_rings_free(struct vf_rings *r)
{
	if (r == NULL)
		return;
	vf_rings_stop(r);
	for (unsigned i = 0; i < VF_RX_RINGS; i++)
		queue_set_source(r->queue[i], QUEUE_FROM_SENDER, NULL);
	qsbr_synchronize();
	free_state(atomic_load(&r->state));
	free(r);
}

int
vf_rings_set_rules(struct vf_rings *r, const struct vf_rx_rules *rules)
{
	struct vf_rx_state *next = calloc(1, sizeof(*next));
	const struct vf_rx_state *former;

	if (next == NULL)
		return -ENOMEM;
	next->link = rules->link;
	next->rss = rules->rss;
	next->max_frame = rules->max_frame;
	if (rules->rss) {
		next->toeplitz = toeplitz_new(rules->key, true);
		if (next->toeplitz == NULL) {
			free(next);
			return -ENOMEM;
		}
		flowhash_init(&next->spread.hash, next->toeplitz, rules->hash_types);
		next->spread.n_entries = rules->n_entries == 64 ? 64 : 128;
		for (unsigned i = 0; i < next->spread.n_entries; i++)
			next->spread.entry[i] = rules->entry[i] < VF_RX_RINGS ? rules->entry[i] : 0;
	}
	former = atomic_exchange(&r->state, next);
	if (former != NULL)
		qsbr_synchronize();
	free_state(former);
	return 0;
}

void
vf_rings_set_ingress(struct vf_rings *r, struct ingress *ingress)
{
	for (unsigned i = 0; i < VF_RX_RINGS; i++)
		source_set_ingress(&r->tx[i].source, ingress);
	qsbr_synchronize();
}

void
vf_rings_set_rate(struct vf_rings *r, unsigned mbps)
{
	rate_set(&r->rate, mbps, rte_get_tsc_hz());
}

void
vf_rings_kick(struct vf_rings *r)
{
	for (unsigned i = 0; i < VF_RX_RINGS; i++)
		if (r->trapped)
			queue_kick(r->queue[i]);
		else
			queue_expect(r->queue[i]);
}

struct sink *
vf_rings_sink(struct vf_rings *r)
{
	return &r->sink;
}

const char *
vf_rings_fault(const struct vf_rings *r)
{
	struct vf_rings *all = (struct vf_rings *)(uintptr_t)r;

	for (unsigned i = 0; i < VF_RX_RINGS + VF_TX_RINGS; i++) {
		struct vf_ring *ring = ring_at(all, i >= VF_RX_RINGS, i < VF_RX_RINGS ? i : i - VF_RX_RINGS);
		enum vf_fault fault = (enum vf_fault)atomic_load(&ring->fault);

		if (fault != VF_FAULT_NONE)
			return vf_fault_text(fault);
	}
	return NULL;
}

void
vf_rings_count(const struct vf_rings *r, bool transmit, struct vf_rings_count *out)
{
	struct vf_rings *all = (struct vf_rings *)(uintptr_t)r;

	*out = (struct vf_rings_count){ 0 };
	for (unsigned i = 0; i < (transmit ? VF_TX_RINGS : VF_RX_RINGS); i++) {
		struct vf_ring *ring = ring_at(all, transmit, i);

		out->running += atomic_load(&ring->on) && !vf_is_broken(ring);
		out->frames += count_get(&ring->frames);
		out->bytes += count_get(&ring->bytes);
		out->multicast += transmit ? 0 : count_get(&all->rx[i].multicast);
	}
}

uint64_t
vf_rings_delivered(const struct vf_rings *r, unsigned i)
{
	return i < VF_RX_RINGS ? count_get(&r->rx[i].ring.frames) : 0;
}
