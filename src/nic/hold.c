/* hold.c - interrupts that are held back; see hold.h for the protocol. */
#include "nic/hold.h"

#include <assert.h>

#include "nic/processor.h"

#define WORDS (HOLDS_MAX / 64)
static_assert(HOLDS_MAX % 64 == 0, "a bit for each place");

struct hold_place {
	struct hold *_Atomic what; /* NULL: nothing, or taken. Written by: its lane; to NULL by any */
	uint64_t due;              /* cycles. The lane's, as is all below */
};

struct holds {
	_Alignas(64) uint64_t first; /* cycles: when to look at places next */
	uint64_t early;              /* HOLD_EARLY_US in cycles */
	uint64_t in_use[WORDS];
	struct hold_place place[HOLDS_MAX];
};

/* By lane. Never freed: see hold.h. */
static struct holds all[PROCESSORS_MAX];

void
holds_open(struct lane *lane, uint64_t hz)
{
	struct holds *holds = &all[lane->id];

	assert(lane->id < PROCESSORS_MAX);
	holds->first = HOLD_NEVER;
	holds->early = hz / 1000000 * HOLD_EARLY_US;
	lane->holds = holds;
}

void
holds_close(struct lane *lane)
{
	holds_run(lane, HOLD_NEVER);
}

bool
hold_is_on(const struct hold *h)
{
	struct hold_place *p = atomic_load_explicit(&((struct hold *)(uintptr_t)h)->at, memory_order_relaxed);

	return p != NULL && atomic_load_explicit(&p->what, memory_order_relaxed) == h;
}

static struct hold_place *
free_place(struct holds *holds)
{
	for (unsigned w = 0; w < WORDS; w++) {
		unsigned bit;

		if (holds->in_use[w] == UINT64_MAX)
			continue;
		bit = (unsigned)__builtin_ctzll(~holds->in_use[w]);
		holds->in_use[w] |= 1ull << bit;
		return &holds->place[w * 64 + bit];
	}
	return NULL;
}

bool
hold_begin(struct hold *h, struct lane *lane, uint64_t due)
{
	struct holds *holds = lane->holds;
	struct hold_place *p = holds != NULL ? free_place(holds) : NULL;

	if (p == NULL)
		return false;
	p->due = due;
	atomic_store_explicit(&p->what, h, memory_order_relaxed);
	atomic_store_explicit(&h->at, p, memory_order_relaxed);
	if (due < holds->first)
		holds->first = due;
	return true;
}

/* Full barriers on both sides of success: lane 1 and 2 of the protocol, and what is published before a hold_take. */
static bool
take(struct hold_place *p, struct hold *h)
{
	bool mine = atomic_compare_exchange_strong(&p->what, &h, NULL);

	atomic_thread_fence(memory_order_seq_cst);
	return mine;
}

bool
hold_take(struct hold *h)
{
	struct hold_place *p = atomic_load_explicit(&h->at, memory_order_relaxed);

	return p != NULL && take(p, h);
}

/* Returns whether p is free now. */
static bool
run(struct hold_place *p, uint64_t until)
{
	struct hold *h = atomic_load_explicit(&p->what, memory_order_relaxed);

	if (h == NULL)
		return true;
	if (p->due > until)
		return false;
	if (take(p, h))
		h->send(h);
	return true;
}

void
holds_run(struct lane *lane, uint64_t now)
{
	struct holds *holds = lane->holds;
	uint64_t until, next = HOLD_NEVER;

	if (holds == NULL || holds->first == HOLD_NEVER)
		return;
	until = now < HOLD_NEVER - holds->early ? now + holds->early : HOLD_NEVER;
	if (holds->first > until)
		return;
	for (unsigned w = 0; w < WORDS; w++)
		for (uint64_t left = holds->in_use[w]; left != 0; left &= left - 1) {
			unsigned bit = (unsigned)__builtin_ctzll(left);
			struct hold_place *p = &holds->place[w * 64 + bit];

			if (run(p, until))
				holds->in_use[w] &= ~(1ull << bit);
			else if (p->due < next)
				next = p->due;
		}
	holds->first = next;
}

uint64_t
holds_next(const struct lane *lane)
{
	return lane->holds != NULL ? lane->holds->first : HOLD_NEVER;
}
