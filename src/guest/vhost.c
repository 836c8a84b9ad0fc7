/* vhost.c - a guest's network device from open to close; see vhost.h. */
#include "guest/vhost.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_common.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/qsbr.h"
#include "guest/interrupt.h"
#include "guest/vhost_device.h"

static struct session_loop *loop;

int
vhost_loop_init(void)
{
	int ret = interrupt_init();

	if (ret < 0)
		return ret;
	guest_mem_init();
	loop = session_loop_new();
	if (loop != NULL)
		return 0;
	ret = -errno;
	interrupt_fini();
	return ret;
}

int
vhost_loop_fd(void)
{
	return session_loop_fd(loop);
}

struct session_loop *
vhost_session_loop(void)
{
	return loop;
}

void
vhost_loop_poll(void)
{
	session_loop_poll(loop);
}

void
vhost_loop_fini(void)
{
	session_loop_free(loop);
	loop = NULL;
	interrupt_fini();
}

/* ---- what the front end changes ---- */

void
vhost_apply_mtu(struct vhost *v)
{
	unsigned mtu = v->is.mtu;

	if (v->mtu_front_end != 0 && v->mtu_front_end < mtu)
		mtu = v->mtu_front_end;
	atomic_store_explicit(&v->rings.mtu, mtu, memory_order_relaxed);
}

int
vhost_set_features(struct vhost *v, uint64_t features, struct err *err)
{
	uint64_t changed = v->features ^ features;
	int ret;

	if (features & ~VHOST_USER_OFFER)
		return err_set(err, -EINVAL, "features 0x%llx were never offered",
			       (unsigned long long)(features & ~VHOST_USER_OFFER));
	/* The log comes and goes on running rings; the rest shapes what they do. */
	if (changed & ~VHOST_USER_LOG_ALL)
		vhost_rings_halt(v, VHOST_ALL_RINGS);
	v->features = features;
	/* "Ring states": without it there is no SET_VRING_ENABLE. With it a ring stays as it is. */
	if (!(features & VHOST_USER_PROTOCOL_FEATURES))
		for (unsigned i = 0; i < vhost_n_rings(v); i++)
			vhost_ring_allow(v, i);
	ret = vhost_log_apply(v, err);
	if (ret < 0)
		return ret;
	vhost_rings_run(v, VHOST_ALL_RINGS, NULL);
	return 0;
}

void
vhost_reset(struct vhost *v)
{
	vhost_rings_halt(v, VHOST_ALL_RINGS);
	for (unsigned i = 0; i < vhost_n_rings(v); i++)
		vhost_ring_forget(v, i);
	v->status = 0;
}

/* ---- open and close ---- */

struct vhost *
vhost_open(const struct vhost_options *options, int server, int (*connect)(void *arg), void *arg, struct err *err)
{
	struct vhost *v = aligned_alloc(RTE_CACHE_LINE_SIZE, RTE_ALIGN_CEIL(sizeof(*v), (size_t)RTE_CACHE_LINE_SIZE));
	struct session_options session = { &vhost_user_kind, v, options->name, server, connect, arg };

	if (v == NULL) {
		if (server >= 0)
			close(server);
		err_set(err, -ENOMEM, "no memory for the device of port '%s'", options->name);
		return NULL;
	}
	memset((void *)v, 0, sizeof(*v));
	v->is = *options;
	memcpy(v->queue, options->queues, options->n_pairs * sizeof(v->queue[0]));
	v->is.queues = v->queue;
	spread_rule_init(&v->rule, options->toeplitz);
	v->log_fd = -1;
	v->rings.sink.ops = &vhost_sink_ops;
	v->rings.n_pairs = options->n_pairs;
	vhost_rings_init(v);
	vhost_apply_mtu(v);
	v->session = session_open(loop, &session, err);
	if (v->session == NULL) {
		free(v);
		return NULL;
	}
	return v;
}

void
vhost_close(struct vhost *v)
{
	if (v == NULL)
		return;
	session_close(v->session);
	free(v);
}

struct sink *
vhost_sink(struct vhost *v)
{
	return &v->rings.sink;
}

void
vhost_set_mtu(struct vhost *v, unsigned mtu)
{
	v->is.mtu = mtu;
	vhost_apply_mtu(v);
}

int
vhost_set_spread(struct vhost *v, const struct spread_rule *rule)
{
	struct spread_rule former = v->rule;
	int ret;

	v->rule = *rule;
	ret = vhost_spread_publish(v, true);
	if (ret < 0)
		v->rule = former;
	else
		qsbr_synchronize();
	return ret;
}

/* ---- what a person sees ---- */

/* Why ring i is broken, VRING_FAULT_NONE: it is not. */
static enum vring_fault
ring_fault(const struct vhost *v, unsigned i)
{
	if (v->ring[i].misfit)
		return VRING_FAULT_INDEX_JUMPED;
	return v->ring[i].runs ? vring_fault(vhost_vring((struct vhost *)(uintptr_t)v, i)) : VRING_FAULT_NONE;
}

/* The fault of the first ring that has one, and how many pairs run. */
static enum vring_fault
look_at_rings(const struct vhost *v, unsigned *pairs_running)
{
	enum vring_fault fault = VRING_FAULT_NONE;

	*pairs_running = 0;
	for (unsigned i = 0; i < vhost_n_rings(v); i++) {
		if (fault == VRING_FAULT_NONE)
			fault = ring_fault(v, i);
		if (i % 2 == 1)
			*pairs_running += v->ring[i - 1].runs && v->ring[i].runs;
	}
	return fault;
}

static enum vhost_state
state_of(const struct vhost *v, enum vring_fault fault, unsigned pairs_running)
{
	if (!session_has_peer(v->session))
		return VHOST_NO_FRONT_END;
	if (fault != VRING_FAULT_NONE)
		return VHOST_BROKEN;
	return pairs_running > 0 ? VHOST_UP : VHOST_WAITING;
}

enum vhost_state
vhost_state(const struct vhost *v, enum vring_fault *fault)
{
	unsigned pairs_running;

	*fault = VRING_FAULT_NONE;
	if (!session_has_peer(v->session))
		return VHOST_NO_FRONT_END;
	*fault = look_at_rings(v, &pairs_running);
	return state_of(v, *fault, pairs_running);
}

static void
fill_interrupts(const struct vhost *v, struct vhost_info *out)
{
	for (unsigned pair = 0; pair < v->rings.n_pairs; pair++) {
		out->rx_interrupts[pair] = count_get(&v->rings.rx[pair].interrupts);
		out->tx_interrupts[pair] = count_get(&v->rings.tx[pair].interrupts);
		out->interrupts += out->rx_interrupts[pair] + out->tx_interrupts[pair];
	}
}

void
vhost_info(const struct vhost *v, struct vhost_info *out)
{
	memset(out, 0, sizeof(*out));
	out->features = v->features;
	out->protocol_features = v->protocol_features;
	out->mtu = atomic_load_explicit(&((struct vhost *)(uintptr_t)v)->rings.mtu, memory_order_relaxed);
	out->connects = v->connects;
	snprintf(out->last_error, sizeof(out->last_error), "%s", v->last_error);
	fill_interrupts(v, out);
	out->fault = look_at_rings(v, &out->pairs_running);
	for (unsigned i = 0; v->mem != NULL && i < v->mem->n; i++)
		out->memory_bytes += v->mem->region[i].len;
	out->regions = v->mem != NULL ? v->mem->n : 0;
	out->logging = v->mem != NULL && v->mem->log.bits != NULL;
	out->state = state_of(v, out->fault, out->pairs_running);
}

uint64_t
vhost_delivered(const struct vhost *v, unsigned pair)
{
	return count_get(&v->rings.rx[pair].delivered);
}

const char *
vhost_state_text(enum vhost_state state)
{
	static const char *const text[] = { [VHOST_NO_FRONT_END] = "no front end",
					    [VHOST_WAITING] = "waiting for the driver",
					    [VHOST_UP] = "up",
					    [VHOST_BROKEN] = "broken" };

	return (unsigned)state < RTE_DIM(text) ? text[state] : "unknown";
}

void
vhost_tell_fault(struct vhost *v, unsigned i)
{
	enum vring_fault fault = ring_fault(v, i);
	uint64_t now = clock_ns();

	if (fault == VRING_FAULT_NONE || v->ring[i].told ||
	    (v->ring[i].told_ns != 0 && now - v->ring[i].told_ns < NSEC_PER_S))
		return;
	if (guest_mem_is_dead(v->mem))
		return; /* what is read of it is no driver's doing */
	v->ring[i].told = true;
	v->ring[i].told_ns = now;
	log_warn("guest broke a queue, which stands until its driver sets it up again port=%s ring=%s%u reason=\"%s\"",
		 v->is.name, i % 2 == 0 ? "rx" : "tx", i / 2, vring_fault_text(fault));
}

void
vhost_tend(struct vhost *v)
{
	if (guest_mem_is_dead(v->mem))
		session_end(v->session, "memory shrank");
	vhost_rings_drain(v);
	for (unsigned i = 0; i < vhost_n_rings(v); i++)
		vhost_tell_fault(v, i);
}
