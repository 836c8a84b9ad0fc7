/* vhost_ring.c - when the rings of a vhost device run; see vhost_device.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_cycles.h>

#include "base/clock.h"
#include "base/qsbr.h"
#include "guest/interrupt.h"
#include "guest/vhost_device.h"
#include "guest/vring_load.h"

#define RECEIVE_RINGS 0x55555555u
/* Between telling the device and telling its stack a guest may wait for a crowded host's processor. Our choice. */
#define DRAIN_NS NSEC_PER_S

void
vhost_rings_init(struct vhost *v)
{
	for (unsigned i = 0; i < VHOST_RINGS_MAX; i++) {
		vring_init(vhost_vring(v, i), i % 2 == 0 ? NULL : v->is.ingress, v->is.vport);
		moderation_set(&vhost_vring(v, i)->moderation, v->is.moderation);
		v->ring[i].kick_fd = v->ring[i].call_fd = -1;
	}
}

static void
close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* ---- which receive rings take frames ---- */

/* Over those that run; NULL for none of them, or with -ENOMEM. */
static struct spread *
spread_make(const struct vhost *v, int *ret)
{
	uint16_t running[VHOST_PAIRS_MAX];
	struct spread *s;
	unsigned n = 0;

	*ret = 0;
	for (unsigned pair = 0; pair < v->rings.n_pairs; pair++)
		if (v->ring[2 * pair].runs)
			running[n++] = (uint16_t)pair;
	if (n == 0)
		return NULL;
	s = malloc(sizeof(*s));
	if (s == NULL) {
		*ret = -ENOMEM;
		return NULL;
	}
	spread_init(s, &v->rule, running, n);
	return s;
}

int
vhost_spread_publish(struct vhost *v, bool former_is_good)
{
	int ret;
	const struct spread *next = spread_make(v, &ret);

	if (ret < 0 && former_is_good)
		return ret;
	/* Release: its content is seen; partner: the acquire of the sink (vring_sink.c). */
	qsbr_free((void *)(uintptr_t)atomic_exchange_explicit(&v->rings.spread, next, memory_order_acq_rel));
	return ret;
}

/* ---- stopping ---- */

/* Frames go to the receive rings that are left before one stops: none finds it stopped. */
void
vhost_rings_halt(struct vhost *v, uint32_t which)
{
	uint32_t halted = 0;
	bool held = false;

	for (unsigned i = 0; i < vhost_n_rings(v); i++)
		if ((which >> i & 1) && v->ring[i].runs) {
			vhost_tell_fault(v, i);
			v->ring[i].runs = false;
			halted |= 1u << i;
		}
	if (halted & RECEIVE_RINGS) {
		vhost_spread_publish(v, false);
		qsbr_synchronize();
	}
	for (unsigned i = 1; i < vhost_n_rings(v); i += 2)
		if (halted >> i & 1)
			queue_set_source(v->queue[i / 2], QUEUE_FROM_SENDER, NULL);
	for (unsigned i = 0; i < vhost_n_rings(v); i++)
		if (halted >> i & 1)
			held |= vring_settle(vhost_vring(v, i));
	if (held)
		qsbr_synchronize();
	for (unsigned i = 0; i < vhost_n_rings(v); i++)
		if (halted >> i & 1) {
			v->ring[i].base = vring_stop(vhost_vring(v, i));
			v->ring[i].has_base = true;
		}
}

void
vhost_ring_allow(struct vhost *v, unsigned i)
{
	v->ring[i].enabled = true;
	v->ring[i].discards = false;
	atomic_store(&vhost_vring(v, i)->discards, false);
}

int
vhost_ring_enable(struct vhost *v, unsigned i, struct err *err)
{
	vhost_ring_allow(v, i);
	return vhost_rings_run(v, 1u << i, err);
}

void
vhost_ring_disable(struct vhost *v, unsigned i)
{
	struct vhost_ring *r = &v->ring[i];

	if (!r->enabled)
		return;
	r->enabled = false;
	r->disabled_ns = clock_ns();
	if (i % 2 == 0)
		vhost_rings_halt(v, 1u << i);
}

static bool
has_drained(const struct vhost_ring *r)
{
	return !r->enabled && r->disabled_ns != 0 && clock_ns() - r->disabled_ns >= DRAIN_NS;
}

void
vhost_rings_drain(struct vhost *v)
{
	for (unsigned i = 1; i < vhost_n_rings(v); i += 2) {
		struct vhost_ring *r = &v->ring[i];

		if (r->discards || !has_drained(r))
			continue;
		r->discards = true;
		atomic_store(&vhost_vring(v, i)->discards, true);
		vhost_rings_run(v, 1u << i, NULL); /* what it stood on was changed meanwhile */
	}
}

void
vhost_ring_unkick(struct vhost *v, unsigned i)
{
	struct vhost_ring *r = &v->ring[i];

	close_fd(&r->kick_fd);
	r->has_kick = r->has_base = r->misfit = false;
}

void
vhost_ring_forget(struct vhost *v, unsigned i)
{
	struct vhost_ring *r = &v->ring[i];

	close_fd(&r->kick_fd);
	close_fd(&r->call_fd);
	*r = (struct vhost_ring){ .kick_fd = -1, .call_fd = -1, .told_ns = r->told_ns };
}

/* ---- running ---- */

static bool
has(const struct vhost *v, unsigned feature)
{
	return (v->features >> feature & 1) != 0;
}

static void
fill_features(const struct vhost *v, struct vring_features *f)
{
	f->mergeable = has(v, VIRTIO_NET_F_MRG_RXBUF);
	f->header_len = has(v, VIRTIO_F_VERSION_1) || f->mergeable ? 12 : 10; /* virtio 1.2, 5.1.6.1 */
	f->event_idx = has(v, VHOST_USER_EVENT_IDX);
	f->in_order = has(v, VIRTIO_F_IN_ORDER);
	f->guest_csum = has(v, VIRTIO_NET_F_GUEST_CSUM);
	f->guest_tso4 = has(v, VIRTIO_NET_F_GUEST_TSO4);
	f->guest_tso6 = has(v, VIRTIO_NET_F_GUEST_TSO6);
	f->guest_ecn = has(v, VIRTIO_NET_F_GUEST_ECN);
	f->guest_uso4 = has(v, VIRTIO_NET_F_GUEST_USO4);
	f->guest_uso6 = has(v, VIRTIO_NET_F_GUEST_USO6);
}

/* Alignments: virtio 1.2, 2.7. The event index at a table's end stands there whether it is used or not. */
static int
find_tables(const struct vhost *v, unsigned i, struct vring_setup *s, struct err *err)
{
	const struct vhost_ring *r = &v->ring[i];
	const char *which = i % 2 == 0 ? "receive" : "transmit";

	s->desc = guest_mem_user(v->mem, r->desc, vring_desc_bytes(r->size));
	s->avail = guest_mem_user(v->mem, r->avail, vring_avail_bytes(r->size));
	s->used = guest_mem_user(v->mem, r->used, vring_used_bytes(r->size));
	if (s->desc == NULL || s->avail == NULL || s->used == NULL)
		return err_set(err, -EFAULT, "%s queue %u does not lie in the guest's memory", which, i / 2);
	if ((uintptr_t)s->desc % 16 != 0 || (uintptr_t)s->avail % 2 != 0 || (uintptr_t)s->used % 4 != 0)
		return err_set(err, -EINVAL, "%s queue %u is not aligned", which, i / 2);
	return 0;
}

static bool
is_complete(const struct vhost *v, const struct vhost_ring *r)
{
	return r->size != 0 && r->has_addr && r->has_kick && (r->enabled || r->discards) && v->mem != NULL &&
	       v->mem->n > 0;
}

/* What SEND_RARP asked for while no transmit ring ran. */
static void
announce(struct vhost *v, unsigned pair)
{
	static const uint8_t none[sizeof(v->announce)];

	if (memcmp(v->announce, none, sizeof(none)) == 0)
		return;
	vring_announce(&v->rings.tx[pair], v->announce);
	queue_kick(v->queue[pair]);
	memset(v->announce, 0, sizeof(v->announce));
}

/* A ring whose indexes do not fit is its driver's fault, not the front end's: it stands still, and vhost_tend tells. */
static int
ring_start(struct vhost *v, unsigned i, struct err *err)
{
	struct vhost_ring *r = &v->ring[i];
	struct vring *vring = vhost_vring(v, i);
	struct vring_setup s = { .size = r->size,
				 .used_log = r->logs,
				 .used_log_gpa = r->log,
				 .base = r->has_base ? r->base : -1,
				 .call_fd = r->call_fd,
				 .kick_fd = r->kick_fd,
				 .hz = rte_get_tsc_hz(),
				 .mem = &v->rings.mem };
	int ret = find_tables(v, i, &s, err);

	if (ret < 0)
		return ret;
	fill_features(v, &s.features);
	atomic_store(&vring->discards, r->discards);
	r->misfit = vring_start(vring, &s) < 0;
	if (r->misfit)
		return 0;
	r->told = false;
	if (i % 2 == 1)
		ret = queue_set_source(v->queue[i / 2], QUEUE_FROM_SENDER, &vring->source);
	if (ret < 0) {
		vring_stop(vring);
		return err_set(err, ret, "kicks of transmit queue %u cannot be waited for: %s", i / 2, strerror(-ret));
	}
	r->runs = true;
	/* Who served it before us may have died while it held an interrupt back. */
	if (guest_load16(&s.used->idx) != 0 && r->call_fd >= 0)
		interrupt_send(r->call_fd);
	if (i % 2 == 1)
		announce(v, i / 2);
	return 0;
}

int
vhost_rings_run(struct vhost *v, uint32_t which, struct err *err)
{
	bool receives = false;
	int first = 0, ret;

	for (unsigned i = 0; i < vhost_n_rings(v); i++) {
		if (!(which >> i & 1) || v->ring[i].runs || !is_complete(v, &v->ring[i]))
			continue;
		ret = ring_start(v, i, first == 0 ? err : NULL);
		if (first == 0)
			first = ret;
		receives |= i % 2 == 0 && v->ring[i].runs;
	}
	if (receives && vhost_spread_publish(v, true) < 0 && first == 0)
		first = err_set(err, -ENOMEM, "no memory for the table of receive queues");
	return first;
}

/* ---- interrupts ---- */

void
vhost_ring_set_call(struct vhost *v, unsigned i, int fd)
{
	struct vhost_ring *r = &v->ring[i];
	int former = r->call_fd;

	r->call_fd = fd;
	if (r->runs) {
		vring_set_call(vhost_vring(v, i), fd);
		qsbr_synchronize();
		/* What was used since the former one went is told by this one: the guest may get one interrupt too many. */
		if (fd >= 0)
			interrupt_send(fd);
	}
	close_fd(&former);
}

void
vhost_set_moderation(struct vhost *v, enum moderation_mode mode)
{
	v->is.moderation = mode;
	for (unsigned i = 0; i < vhost_n_rings(v); i++)
		moderation_set(&vhost_vring(v, i)->moderation, mode);
}
