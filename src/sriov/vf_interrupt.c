/* vf_interrupt.c - see vf_interrupt.h for the protocol. */
#include "sriov/vf_interrupt.h"

#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/qsbr.h"
#include "guest/interrupt.h"

#define CAUSE(bits) ((uint64_t)(bits) << 32)

static unsigned
index_of(const struct vf_vector *x)
{
	return (unsigned)(x - x->of->vector);
}

/* In cycles; 0: none. */
static uint64_t
gap(const struct vf_vector *x)
{
	uint32_t itr = atomic_load_explicit(&((struct vf_vector *)(uintptr_t)x)->itr, memory_order_relaxed);

	return ((itr & VTEITR_INTERVAL) >> 2) * x->of->cycles_per_us;
}

static void
send_to(struct vf_interrupt *v, int fd)
{
	atomic_fetch_add_explicit(&v->sent, 1, memory_order_relaxed);
	interrupt_send(fd);
}

static void
send(struct vf_vector *x)
{
	int fd = atomic_load(&x->fd);

	if (fd < 0) {
		/* Partner: the exchanges in vf_interrupt_set_vector, the other way round. */
		atomic_store(&x->owed, true);
		fd = atomic_load(&x->fd);
		if (fd < 0 || !atomic_exchange(&x->owed, false))
			return;
	}
	send_to(x->of, fd);
}

/* Whether cause and mask of x stand in the word: then they are taken out, as far as they go by themselves. */
static bool
take(struct vf_vector *x)
{
	struct vf_interrupt *v = x->of;
	uint64_t bit = 1u << index_of(x), word = atomic_load(&v->word), next;
	uint64_t out = (atomic_load_explicit(&v->auto_mask, memory_order_relaxed) & bit) |
		       CAUSE(atomic_load_explicit(&v->auto_clear, memory_order_relaxed) & bit);

	do {
		if (!(word & word >> 32 & bit))
			return false;
		next = word & ~out;
	} while (!atomic_compare_exchange_weak(&v->word, &word, next));
	return true;
}

/* At once, and none of a lane's for a gap. */
static void
send_now(struct vf_vector *x)
{
	uint64_t cycles = gap(x);

	if (!take(x))
		return;
	if (cycles > 0)
		atomic_store_explicit(&x->next, clock_cycles() + cycles, memory_order_relaxed);
	send(x);
}

static void
hold_send(struct hold *h)
{
	send_now((struct vf_vector *)((char *)h - offsetof(struct vf_vector, hold)));
}

/* Whether a lane has it, or has taken it, until the gap is over. The fetch_or in complete is the fence before this. */
static bool
is_held(struct vf_vector *x, struct lane *lane, uint64_t cycles)
{
	uint64_t now = clock_cycles(), next;
	bool held = false;

	spin_lock(&x->lock);
	next = atomic_load_explicit(&x->next, memory_order_relaxed);
	/* A gap that was made shorter, or a reset, counts at once. */
	if (now < next && next - now <= cycles)
		held = hold_is_on(&x->hold) || hold_begin(&x->hold, lane, next);
	spin_unlock(&x->lock);
	return held;
}

/* Complete 4 and 5. lane NULL: control, which holds nothing back. */
static void
complete(struct vf_vector *x, struct lane *lane)
{
	uint64_t bit = 1u << index_of(x), word = atomic_fetch_or(&x->of->word, CAUSE(bit)), cycles;

	if (!(word & bit))
		return;
	cycles = lane != NULL ? gap(x) : 0;
	if (cycles == 0 || !is_held(x, lane, cycles))
		send_now(x);
}

/* The vector that a byte of VTIVAR names; NULL: none. */
static struct vf_vector *
route(struct vf_interrupt *v, uint32_t entry)
{
	unsigned x = entry & VTIVAR_VECTOR;

	return entry & VTIVAR_VALID && x < VF_VECTORS ? &v->vector[x] : NULL;
}

void
vf_interrupt_ring(struct vf_interrupt *v, struct lane *lane, bool transmit, unsigned i)
{
	struct vf_vector *x;
	uint64_t bit, word;

	/* Complete 2. Partners: the compare and exchange of unmask, and the fence in write_route. */
	atomic_thread_fence(memory_order_seq_cst);
	x = route(v, atomic_load_explicit(&v->ivar[i / 2], memory_order_relaxed) >> (i % 2 * 16 + transmit * 8));
	if (x == NULL)
		return;
	bit = 1u << index_of(x);
	word = atomic_load_explicit(&v->word, memory_order_relaxed);
	if (!(word & CAUSE(bit)) || word & bit)
		complete(x, lane);
}

void
vf_interrupt_mailbox(struct vf_interrupt *v)
{
	struct vf_vector *x = route(v, atomic_load_explicit(&v->ivar_misc, memory_order_relaxed));

	if (x != NULL)
		complete(x, NULL);
}

void
vf_interrupt_init(struct vf_interrupt *v, uint64_t hz)
{
	memset((void *)v, 0, sizeof(*v));
	v->cycles_per_us = hz / 1000000;
	for (unsigned i = 0; i < VF_VECTORS; i++) {
		v->vector[i].of = v;
		v->vector[i].hold.send = hold_send;
		atomic_init(&v->vector[i].fd, -1);
	}
}

void
vf_interrupt_reset(struct vf_interrupt *v)
{
	atomic_store(&v->word, 0);
	atomic_store(&v->auto_clear, 0);
	atomic_store(&v->auto_mask, 0);
	atomic_store(&v->ivar_misc, 0);
	for (unsigned i = 0; i < VTIVARS; i++)
		atomic_store(&v->ivar[i], 0);
	for (unsigned i = 0; i < VF_VECTORS; i++) {
		atomic_store(&v->vector[i].itr, 0);
		atomic_store(&v->vector[i].owed, false);
	}
}

void
vf_interrupt_fini(struct vf_interrupt *v)
{
	bool wait = false;

	for (unsigned i = 0; i < VF_VECTORS; i++) {
		hold_take(&v->vector[i].hold);
		wait |= atomic_load_explicit(&v->vector[i].hold.at, memory_order_relaxed) != NULL;
	}
	if (wait)
		qsbr_synchronize();
	for (unsigned i = 0; i < VF_VECTORS; i++)
		vf_interrupt_set_vector(v, i, -1);
}

void
vf_interrupt_set_vector(struct vf_interrupt *v, unsigned vector, int fd)
{
	struct vf_vector *x = &v->vector[vector];
	int former = atomic_exchange(&x->fd, fd);

	if (fd >= 0 && atomic_exchange(&x->owed, false))
		send_to(v, fd);
	if (former < 0)
		return;
	qsbr_synchronize();
	close(former);
}

/* A ring may have completed before anybody knew whom to tell. */
static void
write_route(struct vf_interrupt *v, unsigned i, uint32_t value)
{
	uint32_t former = atomic_exchange(&v->ivar[i], value);

	/* Partner: complete 2. */
	atomic_thread_fence(memory_order_seq_cst);
	for (unsigned byte = 0; byte < 4; byte++) {
		struct vf_vector *x = route(v, value >> 8 * byte);

		if (x != NULL && (former >> 8 * byte & 0xff) != (value >> 8 * byte & 0xff))
			complete(x, NULL);
	}
}

static void
set_causes(struct vf_interrupt *v, uint32_t causes)
{
	for (unsigned i = 0; i < VF_VECTORS; i++)
		if (causes >> i & 1)
			complete(&v->vector[i], NULL);
}

static void
unmask(struct vf_interrupt *v, uint32_t bits)
{
	atomic_fetch_or(&v->word, bits & VT_VECTORS);
	for (unsigned i = 0; i < VF_VECTORS; i++)
		if (bits >> i & 1)
			send_now(&v->vector[i]);
}

bool
vf_interrupt_has(uint32_t offset)
{
	return offset % 4 == 0 &&
	       ((offset >= VTEICR && offset <= VTEIAM) || (offset >= VTIVAR(0) && offset < VTIVAR(VTIVARS)) ||
		offset == VTIVAR_MISC || (offset >= VTEITR(0) && offset < VTEITR(VF_VECTORS)));
}

/* Where a register that only keeps a value keeps it, and the bits that it has; NULL: it is none of these. */
static _Atomic uint32_t *
plain(struct vf_interrupt *v, uint32_t offset, uint32_t *bits)
{
	*bits = VT_VECTORS;
	if (offset == VTEIAC)
		return &v->auto_clear;
	if (offset == VTEIAM)
		return &v->auto_mask;
	*bits = VTIVAR_VALID | VTIVAR_VECTOR;
	if (offset == VTIVAR_MISC)
		return &v->ivar_misc;
	*bits *= 0x01010101u;
	if (offset >= VTIVAR(0) && offset < VTIVAR(VTIVARS))
		return &v->ivar[(offset - VTIVAR(0)) / 4];
	*bits = VTEITR_INTERVAL;
	if (offset >= VTEITR(0) && offset < VTEITR(VF_VECTORS))
		return &v->vector[(offset - VTEITR(0)) / 4].itr;
	return NULL;
}

uint32_t
vf_interrupt_read(struct vf_interrupt *v, uint32_t offset)
{
	_Atomic uint32_t *at;
	uint32_t bits;

	if (!vf_interrupt_has(offset))
		return 0;
	switch (offset) {
	case VTEICR:
		return (uint32_t)(atomic_fetch_and(&v->word, UINT32_MAX) >> 32);
	case VTEICS:
		return (uint32_t)(atomic_load(&v->word) >> 32);
	case VTEIMS:
	case VTEIMC:
		return (uint32_t)atomic_load(&v->word);
	}
	at = plain(v, offset, &bits);
	return at != NULL ? atomic_load(at) : 0;
}

void
vf_interrupt_write(struct vf_interrupt *v, uint32_t offset, uint32_t value)
{
	_Atomic uint32_t *at;
	uint32_t bits;

	if (!vf_interrupt_has(offset))
		return;
	at = plain(v, offset, &bits);
	if (offset == VTEICS)
		set_causes(v, value);
	else if (offset == VTEIMS)
		unmask(v, value);
	else if (offset == VTEIMC)
		atomic_fetch_and(&v->word, ~(uint64_t)(value & VT_VECTORS));
	else if (offset >= VTIVAR(0) && offset < VTIVAR(VTIVARS))
		write_route(v, (offset - VTIVAR(0)) / 4, value & bits);
	else if (at != NULL)
		atomic_store(at, value & bits);
}
