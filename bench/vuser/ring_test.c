/* ring_test.c - the driver's side of a split ring against a small device in the same process. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>
#include <linux/virtio_net.h>

#include "bench/vuser/ring.h"

#define N(rows) (sizeof(rows) / sizeof((rows)[0]))
#define RING 8
#define BUFFER 256

static struct vuser_mem mem;
static struct vuser_queue q;

/* The device: what it took and gave back, counted. */
static uint16_t device_taken, device_used;

static void
make(unsigned size, const struct vuser_rules *rules, uint16_t base)
{
	assert_int_equal(vuser_mem_open(&mem, 1 << 20, VUSER_GPA, false), 0);
	assert_int_equal(vuser_queue_init(&q, &mem, size, rules), 0);
	vuser_queue_reset(&q, base);
	device_taken = device_used = base;
}

static void
unmake(void)
{
	vuser_queue_fini(&q);
	vuser_mem_close(&mem);
}

static uint16_t
device_take(void)
{
	assert_int_not_equal(q.avail->idx, device_taken);
	return q.avail->ring[device_taken++ % q.size];
}

/* Writes a used element; `used` elements are published. */
static void
device_use(uint32_t head, uint32_t len)
{
	q.used->ring[device_used++ % q.size] = (struct vuser_used_elem){ head, len };
}

static void
device_publish(void)
{
	__atomic_store_n(&q.used->idx, device_used, __ATOMIC_RELEASE);
}

static void
device_set_event(uint16_t event)
{
	*(uint16_t *)(void *)(q.used->ring + q.size) = event;
}

/* A chain of n writable parts, with its number as token. */
static void
add(unsigned n, uint64_t token)
{
	struct vuser_part part[RING];

	for (unsigned i = 0; i < n; i++)
		part[i] = (struct vuser_part){ VUSER_GPA, BUFFER, true };
	assert_int_equal(vuser_add(&q, part, n, NULL, 0, token), 0);
}

static const struct vuser_rules plain, in_order = { .in_order = true }, strict = { .all_written = true };

static void
a_chain_is_laid_out_as_the_standard_says(void **state)
{
	static const struct vuser_part part[] = {
		{ 0x1000, 12, false },
		{ 0x2000, 100, false },
		{ 0x3000, 1, true },
	};
	/* virtio 1.2, 2.7.5: NEXT (1) on all but the last, WRITE (2) on what the device writes. */
	static const struct vuser_desc expected[] = { { 0x1000, 12, 1, 1 },
						      { 0x2000, 100, 1, 2 },
						      { 0x3000, 1, 2, 0 } };

	make(RING, &plain, 0);
	assert_int_equal(vuser_add(&q, part, N(part), NULL, 0, 77), 0);
	assert_memory_equal(q.desc, expected, sizeof(expected));
	assert_int_equal(q.avail->ring[0], 0);
	assert_int_equal(q.avail->idx, 0);
	vuser_publish(&q);
	assert_int_equal(q.avail->idx, 1);
	assert_int_equal(vuser_room(&q), RING - 3);
	unmake();
}

static void
an_indirect_chain_takes_one_descriptor(void **state)
{
	static const struct vuser_part part[] = { { 0x1000, 12, false }, { 0x2000, 100, true } };
	static const struct vuser_desc expected[] = { { 0x1000, 12, 1, 1 }, { 0x2000, 100, 2, 0 } };
	struct vuser_desc *table;
	struct vuser_done done;

	make(RING, &plain, 0);
	table = vuser_mem_carve(&mem, sizeof(expected), 16);
	assert_int_equal(vuser_add(&q, part, N(part), table, vuser_gpa(&mem, table), 5), 0);
	vuser_publish(&q);
	assert_memory_equal(table, expected, sizeof(expected));
	assert_int_equal(q.desc[0].addr, vuser_gpa(&mem, table));
	assert_int_equal(q.desc[0].len, sizeof(expected));
	assert_int_equal(q.desc[0].flags, VUSER_DESC_INDIRECT);
	assert_int_equal(vuser_room(&q), RING - 1);
	device_use(device_take(), 100);
	device_publish();
	assert_int_equal(vuser_take(&q, &done, 1), 1);
	assert_int_equal(done.token, 5);
	assert_int_equal(done.len, 100);
	assert_int_equal(vuser_room(&q), RING);
	unmake();
}

static void
rings_that_cannot_be_are_refused(void **state)
{
	static const unsigned sizes[] = { 0, 3, 100, 65536 };

	assert_int_equal(vuser_mem_open(&mem, 4096, VUSER_GPA, false), 0);
	for (unsigned i = 0; i < N(sizes); i++)
		assert_int_equal(vuser_queue_init(&q, &mem, sizes[i], &plain), -EINVAL);
	assert_int_equal(vuser_queue_init(&q, &mem, 32768, &plain), -ENOMEM);
	vuser_mem_close(&mem);
}

static void
a_full_ring_takes_no_more(void **state)
{
	static const struct vuser_part part[RING];
	uint64_t token[RING] = { 0 };
	struct vuser_done done;

	make(RING, &plain, 0);
	assert_int_equal(vuser_add(&q, part, 0, NULL, 0, 0), -EINVAL);
	add(RING - 2, 1);
	assert_int_equal(vuser_add(&q, part, 3, NULL, 0, 0), -ENOSPC);
	for (unsigned i = 0; i < RING; i++)
		token[i] = (uintptr_t)mem.va + i * BUFFER;
	assert_int_equal(vuser_put(&q, token, RING, BUFFER, VUSER_DESC_WRITE), 2);
	assert_int_equal(vuser_add(&q, part, 1, NULL, 0, 0), -ENOSPC);
	vuser_publish(&q);
	device_use(device_take(), 0);
	device_publish();
	assert_int_equal(vuser_take(&q, &done, 1), 1);
	assert_int_equal(vuser_room(&q), RING - 2);
	unmake();
}

static void
a_put_buffer_is_named_by_its_guest_address(void **state)
{
	uint64_t token;

	make(RING, &plain, 0);
	token = (uintptr_t)mem.va + 0x400;
	assert_int_equal(vuser_put(&q, &token, 1, 60, 0), 1);
	assert_int_equal(q.desc[0].addr, VUSER_GPA + 0x400);
	assert_int_equal(q.desc[0].len, 60);
	assert_int_equal(q.desc[0].flags, 0);
	unmake();
}

static void
the_device_is_kicked_only_if_it_asks(void **state)
{
	static const struct {
		bool event_idx;
		uint16_t base, chains, event, flags;
		bool kicks;
	} rows[] = {
		{ false, 0, 1, 0, 0, true },
		{ false, 0, 1, 0, VUSER_USED_NO_NOTIFY, false },
		{ false, 0, 0, 0, 0, false },
		/* 2.7.10.1: with event indexes the flags say nothing; a kick when entry number `event` is made available. */
		{ true, 0, 1, 0, VUSER_USED_NO_NOTIFY, true },
		{ true, 0, 1, 1, 0, false },
		{ true, 0, 2, 1, 0, true },
		{ true, 10, 3, 9, 0, false }, /* entries 10, 11, 12 */
		{ true, 10, 3, 10, 0, true },
		{ true, 10, 3, 12, 0, true },
		{ true, 10, 3, 13, 0, false },
		{ true, 65534, 4, 65533, 0, false }, /* entries 65534, 65535, 0, 1 */
		{ true, 65534, 4, 65534, 0, true },
		{ true, 65534, 4, 65535, 0, true },
		{ true, 65534, 4, 0, 0, true },
		{ true, 65534, 4, 1, 0, true },
		{ true, 65534, 4, 2, 0, false },
	};

	for (unsigned i = 0; i < N(rows); i++) {
		struct vuser_rules rules = { .event_idx = rows[i].event_idx };

		make(RING, &rules, rows[i].base);
		device_set_event(rows[i].event);
		q.used->flags = rows[i].flags;
		for (unsigned n = 0; n < rows[i].chains; n++)
			add(1, n);
		vuser_flush(&q);
		assert_int_equal(q.kicks, rows[i].kicks);
		unmake();
	}
}

static void
tokens_come_back_over_many_rounds_of_16_bits(void **state)
{
	static const struct vuser_rules *const rules[] = { &plain, &in_order, &strict };
	static const uint16_t bases[] = { 0, 65533 };

	for (unsigned i = 0; i < N(rules) * N(bases); i++) {
		uint64_t next = 0;

		make(4, rules[i / N(bases)], bases[i % N(bases)]);
		for (uint64_t sent = 0; sent < 150000;) {
			struct vuser_done done[4];
			unsigned n = 1 + sent % 4;

			for (unsigned k = 0; k < n; k++)
				add(1, sent++);
			vuser_publish(&q);
			for (unsigned k = 0; k < n; k++)
				device_use(device_take(), k);
			device_publish();
			assert_int_equal(vuser_ready(&q), n);
			assert_int_equal(vuser_take(&q, done, 4), n);
			for (unsigned k = 0; k < n; k++) {
				assert_int_equal(done[k].token, next++);
				assert_int_equal(done[k].len, k);
			}
		}
		unmake();
	}
}

static void
chains_used_in_any_order_are_told_apart(void **state)
{
	struct vuser_done done[3];

	make(RING, &plain, 0);
	for (unsigned round = 0; round < 1000; round++) {
		uint16_t head[3];

		add(2, 10);
		add(1, 20);
		add(3, 30);
		vuser_publish(&q);
		for (unsigned i = 0; i < 3; i++)
			head[i] = device_take();
		device_use(head[2], 3);
		device_use(head[0], 1);
		device_use(head[1], 2);
		device_publish();
		assert_int_equal(vuser_take(&q, done, 1), 1);
		assert_int_equal(done[0].token, 30);
		assert_int_equal(vuser_take(&q, done, 3), 2);
		assert_int_equal(done[0].token, 10);
		assert_int_equal(done[1].token, 20);
		assert_int_equal(done[1].len, 2);
		assert_int_equal(vuser_room(&q), RING);
	}
	unmake();
}

static void
in_order_descriptors_go_round_the_table(void **state)
{
	/* 2.7.9: chains of 3 in a table of 8 begin at 0, 3, 6, 1, 4, 7, 2, 5, 0, ... */
	make(RING, &in_order, 0);
	for (unsigned i = 0; i < 100; i++) {
		struct vuser_done done;
		uint16_t head;

		add(3, i);
		vuser_publish(&q);
		head = device_take();
		assert_int_equal(head, 3 * i % RING);
		assert_int_equal(q.desc[head].next, (head + 1) % RING);
		device_use(head, 0);
		device_publish();
		assert_int_equal(vuser_take(&q, &done, 1), 1);
	}
	unmake();
}

static void
in_order_the_last_element_of_a_batch_is_enough(void **state)
{
	struct vuser_done done[4];
	uint16_t head = 0;

	make(RING, &in_order, 0);
	for (unsigned i = 0; i < 4; i++)
		add(1, 100 + i);
	vuser_publish(&q);
	for (unsigned i = 0; i < 4; i++)
		head = device_take();
	q.used->ring[3] = (struct vuser_used_elem){ head, 9 };
	device_used += 4;
	device_publish();
	assert_int_equal(vuser_take(&q, done, 4), 4);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(done[i].token, 100 + i);
	assert_int_equal(done[3].len, 9);
	unmake();
}

static void
a_device_that_breaks_the_rules_is_found_out(void **state)
{
	/* Three chains of one descriptor are available: heads 0, 1, 2. */
	static const struct {
		const struct vuser_rules *rules;
		struct vuser_used_elem elem[3];
		uint16_t used;
		int found;
	} rows[] = {
		{ &plain, { { 0, BUFFER }, { 1, 0 }, { 2, 1 } }, 3, 3 },
		{ &plain, { { 2, 0 } }, 1, 1 },
		{ &plain, { { 0, BUFFER + 1 } }, 1, -EPROTO },  /* more than the buffer holds */
		{ &plain, { { 3, 0 } }, 1, -EPROTO },           /* not available */
		{ &plain, { { RING, 0 } }, 1, -EPROTO },        /* outside of the table */
		{ &plain, { { 0x10000, 0 } }, 1, -EPROTO },     /* 16 bits of it are fine */
		{ &plain, { { 1, 0 }, { 1, 0 } }, 2, -EPROTO }, /* twice */
		{ &plain, { { 0 } }, 4, -EPROTO },              /* more used than available */
		{ &plain, { { 0 } }, 65535, -EPROTO },          /* backwards */
		{ &strict, { { 0, 1 }, { 1, 1 }, { 2, 1 } }, 3, 3 },
		{ &strict, { { 1, 0 } }, 1, -EPROTO },                     /* out of order */
		{ &strict, { { 0, 0 }, { 0, 0 }, { 2, 0 } }, 3, -EPROTO }, /* the second is not written */
		{ &in_order, { { 2, 0 } }, 1, 1 },                         /* the place tells */
	};

	for (unsigned i = 0; i < N(rows); i++) {
		struct vuser_done done[3];

		make(RING, rows[i].rules, 0);
		for (unsigned n = 0; n < 3; n++)
			add(1, n);
		vuser_publish(&q);
		memcpy(q.used->ring, rows[i].elem, sizeof(rows[i].elem));
		device_used = rows[i].used;
		device_publish();
		assert_int_equal(vuser_take(&q, done, 3), rows[i].found);
		unmake();
	}
}

static void
a_raw_chain_is_offered_as_it_stands(void **state)
{
	struct vuser_done done;

	make(RING, &plain, 0);
	q.desc[5] = (struct vuser_desc){ 1, 2, VUSER_DESC_NEXT, 5 }; /* loops */
	vuser_offer(&q, 5, 55, 10);
	vuser_offer(&q, 60000, 56, 0);
	vuser_publish(&q);
	assert_int_equal(device_take(), 5);
	assert_int_equal(device_take(), 60000);
	assert_int_equal(q.desc[5].next, 5);
	device_use(5, 10);
	device_publish();
	assert_int_equal(vuser_take(&q, &done, 1), 1);
	assert_int_equal(done.token, 55);
	assert_int_equal(vuser_room(&q), RING);
	unmake();
}

static void
a_merged_frame_is_taken_whole(void **state)
{
	static const struct {
		bool mergeable;
		uint16_t num_buffers, used;
		unsigned most;
		int found;
	} rows[] = {
		{ true, 3, 3, 8, 3 },        { true, 3, 4, 8, 3 },       { true, 1, 4, 8, 1 },
		{ true, 3, 3, 2, -ENOBUFS }, { true, 3, 2, 8, -EPROTO }, /* half a frame */
		{ true, 0, 1, 8, -EPROTO },                              /* 5.1.6.4: at least one */
		{ true, 1, 0, 8, 0 },        { false, 3, 4, 8, 1 },      /* not negotiated: not looked at */
	};

	for (unsigned i = 0; i < N(rows); i++) {
		struct vuser_rules rules = { .mergeable = rows[i].mergeable };
		struct vuser_done done[RING];
		uint64_t token[RING];

		make(RING, &rules, 65534);
		for (unsigned n = 0; n < RING; n++)
			token[n] = (uintptr_t)vuser_mem_carve(&mem, BUFFER, 64);
		assert_int_equal(vuser_put(&q, token, RING, BUFFER, VUSER_DESC_WRITE), RING);
		vuser_publish(&q);
		((struct virtio_net_hdr_v1 *)(uintptr_t)token[0])->num_buffers = rows[i].num_buffers;
		for (unsigned n = 0; n < rows[i].used; n++)
			device_use(device_take(), n + 1);
		device_publish();
		assert_int_equal(vuser_take_frame(&q, done, rows[i].most), rows[i].found);
		for (int n = 0; n < rows[i].found; n++) {
			assert_int_equal(done[n].token, token[n]);
			assert_int_equal(done[n].len, n + 1);
		}
		unmake();
	}
}

/* 2.7.7.1: the device calls when it used entry number used_event. */
static bool
device_calls(const struct vuser_rules *rules, uint16_t before)
{
	uint16_t event = q.avail->ring[q.size];

	if (!rules->event_idx)
		return (q.avail->flags & VUSER_AVAIL_NO_INTERRUPT) == 0;
	for (uint16_t i = before; i != device_used; i++)
		if (i == event)
			return true;
	return false;
}

static void
a_polled_queue_is_never_called(void **state)
{
	static const struct vuser_rules rules[] = { { .event_idx = false }, { .event_idx = true } };

	for (unsigned i = 0; i < N(rules); i++) {
		make(RING, &rules[i], 0);
		vuser_calls_off(&q);
		for (unsigned n = 0; n < 200000; n++) {
			struct vuser_done done;

			add(1, n);
			vuser_publish(&q);
			device_use(device_take(), 0);
			device_publish();
			assert_false(device_calls(&rules[i], (uint16_t)(device_used - 1)));
			assert_int_equal(vuser_take(&q, &done, 1), 1);
		}
		/* Asked for, the next one calls; nothing is there yet. */
		assert_false(vuser_calls_on(&q));
		add(1, 0);
		vuser_publish(&q);
		device_use(device_take(), 0);
		device_publish();
		assert_true(device_calls(&rules[i], (uint16_t)(device_used - 1)));
		/* Asked for too late: the driver is told to look. */
		assert_true(vuser_calls_on(&q));
		unmake();
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_chain_is_laid_out_as_the_standard_says),
		cmocka_unit_test(an_indirect_chain_takes_one_descriptor),
		cmocka_unit_test(rings_that_cannot_be_are_refused),
		cmocka_unit_test(a_full_ring_takes_no_more),
		cmocka_unit_test(a_put_buffer_is_named_by_its_guest_address),
		cmocka_unit_test(the_device_is_kicked_only_if_it_asks),
		cmocka_unit_test(tokens_come_back_over_many_rounds_of_16_bits),
		cmocka_unit_test(chains_used_in_any_order_are_told_apart),
		cmocka_unit_test(in_order_descriptors_go_round_the_table),
		cmocka_unit_test(in_order_the_last_element_of_a_batch_is_enough),
		cmocka_unit_test(a_device_that_breaks_the_rules_is_found_out),
		cmocka_unit_test(a_raw_chain_is_offered_as_it_stands),
		cmocka_unit_test(a_merged_frame_is_taken_whole),
		cmocka_unit_test(a_polled_queue_is_never_called),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
