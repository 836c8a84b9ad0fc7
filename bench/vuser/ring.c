/*
 * ring.c - see ring.h.
 *
 * Descriptors are taken and given back first in, first out. A device that uses chains in order thus gets them in table order,
 * wrapping around, as IN_ORDER demands (2.7.9), without a path of its own.
 *
 *	next_used  <=  used->idx  <=  published  <=  next_avail		(16 bits, they wrap)
 *	free_give - free_take + descriptors in chains == size
 */
#include "bench/vuser/ring.h"

#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <linux/virtio_net.h>

#define LINE 64
#define OFFERED UINT16_MAX /* slot.n of a raw chain; more than a ring has */

/* Calls asked for so far ahead do not come; renewed when half of that is gone. Our choice: the farthest that 16 bits allow. */
#define EVENT_FAR 0x8000
#define EVENT_NEAR 0x4000

static uint16_t *
used_event_of(struct vuser_queue *q)
{
	return &q->avail->ring[q->size];
}

static uint16_t *
avail_event_of(const struct vuser_queue *q)
{
	return (uint16_t *)(void *)(q->used->ring + q->size);
}

static int
carve(struct vuser_queue *q, struct vuser_mem *mem)
{
	/* A line each: one side's writes do not take the other side's lines. */
	q->desc = vuser_mem_carve(mem, q->size * sizeof(*q->desc), LINE);
	q->avail = vuser_mem_carve(mem, sizeof(*q->avail) + (q->size + 1u) * sizeof(q->avail->ring[0]), LINE);
	q->used = vuser_mem_carve(mem, sizeof(*q->used) + (q->size + 1u) * sizeof(q->used->ring[0]), LINE);
	q->free = calloc(q->size, sizeof(*q->free));
	q->heads = calloc(q->size, sizeof(*q->heads));
	q->slot = calloc(q->size, sizeof(*q->slot));
	if (q->desc == NULL || q->avail == NULL || q->used == NULL || q->free == NULL || q->heads == NULL ||
	    q->slot == NULL)
		return -ENOMEM;
	return 0;
}

int
vuser_queue_init(struct vuser_queue *q, struct vuser_mem *mem, unsigned size, const struct vuser_rules *rules)
{
	int err;

	*q = (struct vuser_queue){ .mem = mem, .rules = *rules, .kick_fd = -1, .call_fd = -1 };
	if (size == 0 || size > VUSER_RING_MAX || (size & (size - 1)) != 0)
		return -EINVAL;
	q->size = (uint16_t)size;
	q->mask = (uint16_t)(size - 1);
	err = carve(q, mem);
	if (err < 0)
		goto fini;
	q->kick_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	q->call_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (q->kick_fd < 0 || q->call_fd < 0) {
		err = -errno;
		goto fini;
	}
	vuser_queue_reset(q, 0);
	return 0;

fini:
	vuser_queue_fini(q);
	return err;
}

void
vuser_queue_reset(struct vuser_queue *q, uint16_t base)
{
	memset(q->desc, 0, q->size * sizeof(*q->desc));
	memset(q->avail, 0, sizeof(*q->avail) + (q->size + 1u) * sizeof(q->avail->ring[0]));
	memset(q->used, 0, sizeof(*q->used) + (q->size + 1u) * sizeof(q->used->ring[0]));
	memset(q->slot, 0, q->size * sizeof(*q->slot));
	for (unsigned i = 0; i < q->size; i++)
		q->free[i] = (uint16_t)i;
	q->avail->idx = q->used->idx = q->next_avail = q->published = q->next_used = base;
	q->used_event = *used_event_of(q) = base;
	*avail_event_of(q) = base;
	q->free_take = 0;
	q->free_give = q->size;
	q->polled = false;
}

void
vuser_queue_fini(struct vuser_queue *q)
{
	if (q->kick_fd >= 0)
		close(q->kick_fd);
	if (q->call_fd >= 0)
		close(q->call_fd);
	free(q->free);
	free(q->heads);
	free(q->slot);
	*q = (struct vuser_queue){ .kick_fd = -1, .call_fd = -1 };
}

static void
offer(struct vuser_queue *q, uint16_t head)
{
	uint16_t at = q->next_avail++ & q->mask;

	q->heads[at] = head;
	/* In order, the entry of a round ago is the same: not writing it leaves the line with the device as well. */
	if (q->avail->ring[at] != head)
		q->avail->ring[at] = head;
}

static uint16_t
take_free(struct vuser_queue *q)
{
	return q->free[q->free_take++ & q->mask];
}

static void
give_free(struct vuser_queue *q, uint16_t head)
{
	struct vuser_slot *s = &q->slot[head];
	uint16_t n = s->n == OFFERED ? 0 : s->n, id = head;

	s->n = 0;
	for (; n > 0; n--) {
		q->free[q->free_give++ & q->mask] = id;
		id = q->slot[id].next;
	}
}

static uint32_t
fill(struct vuser_desc *d, const struct vuser_part *part)
{
	*d = (struct vuser_desc){ part->addr, part->len, part->writable ? VUSER_DESC_WRITE : 0, 0 };
	return part->writable ? part->len : 0;
}

static uint16_t
add_indirect(struct vuser_queue *q, const struct vuser_part *part, unsigned n, struct vuser_desc *table,
	     uint64_t table_gpa)
{
	uint16_t head = take_free(q);
	struct vuser_slot *s = &q->slot[head];

	*s = (struct vuser_slot){ .n = 1 };
	for (unsigned i = 0; i < n; i++) {
		s->room += fill(&table[i], &part[i]);
		if (i + 1 < n) {
			table[i].flags |= VUSER_DESC_NEXT;
			table[i].next = (uint16_t)(i + 1);
		}
	}
	q->desc[head] = (struct vuser_desc){ table_gpa, n * (uint32_t)sizeof(*table), VUSER_DESC_INDIRECT, 0 };
	return head;
}

static uint16_t
add_direct(struct vuser_queue *q, const struct vuser_part *part, unsigned n)
{
	uint16_t head = q->free[q->free_take & q->mask], id, before = head;
	struct vuser_slot *s = &q->slot[head];

	*s = (struct vuser_slot){ .n = (uint16_t)n };
	for (unsigned i = 0; i < n; i++) {
		id = take_free(q);
		s->room += fill(&q->desc[id], &part[i]);
		if (i > 0) {
			q->desc[before].flags |= VUSER_DESC_NEXT;
			q->desc[before].next = q->slot[before].next = id;
		}
		before = id;
	}
	return head;
}

int
vuser_add(struct vuser_queue *q, const struct vuser_part *part, unsigned n, struct vuser_desc *table,
	  uint64_t table_gpa, uint64_t token)
{
	uint16_t head;

	if (n == 0)
		return -EINVAL;
	if (vuser_room(q) < (table != NULL ? 1 : n))
		return -ENOSPC;
	head = table != NULL ? add_indirect(q, part, n, table, table_gpa) : add_direct(q, part, n);
	q->slot[head].token = token;
	offer(q, head);
	return 0;
}

unsigned
vuser_put(struct vuser_queue *q, const uint64_t *token, unsigned n, uint32_t len, uint16_t flags)
{
	uint32_t room = flags & VUSER_DESC_WRITE ? len : 0;

	if (n > vuser_room(q))
		n = vuser_room(q);
	for (unsigned i = 0; i < n; i++) {
		uint16_t id = take_free(q);

		q->desc[id] = (struct vuser_desc){ token[i] - (uintptr_t)q->mem->va + q->mem->gpa, len, flags, 0 };
		q->slot[id] = (struct vuser_slot){ token[i], room, 1, 0 };
		offer(q, id);
	}
	return n;
}

void
vuser_offer(struct vuser_queue *q, uint16_t head, uint64_t token, uint32_t room)
{
	if (head < q->size)
		q->slot[head] = (struct vuser_slot){ token, room, OFFERED, 0 };
	offer(q, head);
}

static bool
need_event(uint16_t event, uint16_t now, uint16_t before)
{
	/* 2.7.7.1 and 2.7.10.1: when the index passed the event. */
	return (uint16_t)(now - event - 1) < (uint16_t)(now - before);
}

static void
renew_calls_off(struct vuser_queue *q)
{
	if (!q->polled || !q->rules.event_idx || (uint16_t)(q->used_event - q->next_used) >= EVENT_NEAR)
		return;
	q->used_event = (uint16_t)(q->next_used + EVENT_FAR);
	__atomic_store_n(used_event_of(q), q->used_event, __ATOMIC_RELAXED);
}

bool
vuser_publish(struct vuser_queue *q)
{
	uint16_t before = q->published;

	renew_calls_off(q);
	if (before == q->next_avail)
		return false;
	q->published = q->next_avail;
	/* Release: descriptors and entries are there before the index; partner: the device's acquiring load of it. */
	__atomic_store_n(&q->avail->idx, q->published, __ATOMIC_RELEASE);
	/* Index before event: partner: the device's fence between asking for a kick and looking at the index again (2.7.13.4). */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (q->rules.event_idx)
		return need_event(__atomic_load_n(avail_event_of(q), __ATOMIC_RELAXED), q->published, before);
	return (__atomic_load_n(&q->used->flags, __ATOMIC_RELAXED) & VUSER_USED_NO_NOTIFY) == 0;
}

void
vuser_kick(struct vuser_queue *q)
{
	/* The one error of a valid eventfd is a full counter, which is a kick that nobody read yet. */
	if (eventfd_write(q->kick_fd, 1) == 0)
		q->kicks++;
}

/* Whether a used element is one that the device may write at this place. */
static bool
is_valid(const struct vuser_queue *q, const struct vuser_used_elem *e, uint32_t head, uint16_t expected)
{
	if (head >= q->size || q->slot[head].n == 0 || e->len > q->slot[head].room)
		return false;
	return !q->rules.all_written || (e->id == head && head == expected);
}

int
vuser_take(struct vuser_queue *q, struct vuser_done *done, unsigned most)
{
	/* Acquire: elements and buffers are there; partner: the device's release of used->idx. */
	uint16_t used = __atomic_load_n(&q->used->idx, __ATOMIC_ACQUIRE);
	unsigned n = (uint16_t)(used - q->next_used);

	if (n > (uint16_t)(q->published - q->next_used))
		return -EPROTO;
	if (n > most)
		n = most;
	for (unsigned i = 0; i < n; i++) {
		uint16_t at = q->next_used & q->mask, expected = q->heads[at];
		struct vuser_used_elem e = q->used->ring[at];
		/* In order, the device may write the last element of a batch alone (2.7.9): the place tells the head. */
		uint32_t head = q->rules.in_order ? expected : e.id;

		if (!is_valid(q, &e, head, expected))
			return -EPROTO;
		done[i] = (struct vuser_done){ q->slot[head].token, e.len, (uint16_t)head };
		give_free(q, (uint16_t)head);
		q->next_used++;
	}
	return (int)n;
}

/* The token of the used entry that is next. */
static int
peek(const struct vuser_queue *q, uint64_t *token)
{
	uint16_t at = q->next_used & q->mask;
	uint32_t head = q->rules.in_order ? q->heads[at] : q->used->ring[at].id;

	if (head >= q->size || q->slot[head].n == 0)
		return -EPROTO;
	*token = q->slot[head].token;
	return 0;
}

int
vuser_take_frame(struct vuser_queue *q, struct vuser_done *done, unsigned most)
{
	unsigned ready = (uint16_t)(__atomic_load_n(&q->used->idx, __ATOMIC_ACQUIRE) - q->next_used), n = 1;
	uint64_t token;

	if (ready == 0)
		return 0;
	if (q->rules.mergeable) {
		if (peek(q, &token) < 0)
			return -EPROTO;
		n = ((const struct virtio_net_hdr_v1 *)(uintptr_t)token)->num_buffers;
		/* All buffers of a frame are used at once: Linux's driver, too, takes no half frame. */
		if (n == 0 || n > ready)
			return -EPROTO;
	}
	if (n > most)
		return -ENOBUFS;
	return vuser_take(q, done, n);
}

void
vuser_calls_off(struct vuser_queue *q)
{
	q->polled = true;
	q->used_event = q->next_used;
	renew_calls_off(q);
	__atomic_store_n(&q->avail->flags, q->rules.event_idx ? 0 : VUSER_AVAIL_NO_INTERRUPT, __ATOMIC_RELAXED);
}

bool
vuser_calls_on(struct vuser_queue *q)
{
	q->polled = false;
	q->used_event = q->next_used;
	__atomic_store_n(used_event_of(q), q->used_event, __ATOMIC_RELAXED);
	__atomic_store_n(&q->avail->flags, 0, __ATOMIC_RELAXED);
	/* Event before index: partner: the device's fence between publishing used->idx and reading the event (2.7.8.2). */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return __atomic_load_n(&q->used->idx, __ATOMIC_RELAXED) != q->next_used;
}

uint64_t
vuser_called(struct vuser_queue *q)
{
	eventfd_t calls = 0;

	return eventfd_read(q->call_fd, &calls) == 0 ? calls : 0;
}
