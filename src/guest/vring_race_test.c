/*
 * vring_race_test.c - a guest with another processor, which rewrites rings, tables, headers and frames while we read them. It may
 * break its rings; ASan finds whatever else happens, since all that is not its own is poisoned. Races on purpose: not for TSan.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include <linux/virtio_net.h>

#include "guest/test_rings.h"
#include "pkt/admit.h"
#include "pkt/build.h"
#include "pkt/testframe.h"

#define LEN(a) (sizeof(a) / sizeof((a)[0]))
#define HEADS 16 /* descriptors of the ring that are in use: few, so that each is hit often */
#define TABLE 8  /* entries of an indirect table */
#define ROUNDS 30000

static _Atomic bool ended;

static int
open_rings(void **state)
{
	rings_open(&rings_full);
	atomic_store(&ended, false);
	return 0;
}

static int
close_rings(void **state)
{
	rings_close();
	return 0;
}

static uint32_t
random_next(uint32_t *r)
{
	*r = *r * 1664525 + 1013904223; /* Numerical Recipes */
	return *r >> 8;
}

/* ---- a guest that writes nonsense at full speed ---- */

static struct vuser_desc *tables[2][HEADS]; /* of both rings */
static uint8_t *buffers[2];                 /* 2 KiB for each head */
static uint64_t memory_end[2];              /* where that memory ends, and what is poisoned begins */

/* The receiver is another guest: ports of one never see each other's frames at the same addresses. */
static const struct guest_mem *_Atomic receiver_mem;

static uint64_t
some_address(uint32_t *r, unsigned which)
{
	const uint64_t some[] = { vuser_gpa(&rings_mem, buffers[which]),
				  memory_end[which] - 1,
				  memory_end[which],
				  vuser_gpa(&rings_mem, tables[which][0]) - 1,
				  UINT64_MAX - 7,
				  vuser_gpa(&rings_mem, tables[which][random_next(r) % HEADS]) };

	/* Mostly a good one, or the rings would only ever be broken. */
	return random_next(r) % 8 < 6 ? some[0] + random_next(r) % 2048 : some[random_next(r) % LEN(some)];
}

/* Length, flags and next as one word, as they lie in memory. */
static uint64_t
some_rest(uint32_t *r, uint16_t dir)
{
	static const uint32_t lens[] = { 0, 1, 11, 12, 13, 100, 1526, 65549, 65562, UINT32_MAX, 16, 128 };
	static const uint16_t flags[] = {
		0, 0, 0, VUSER_DESC_NEXT, VUSER_DESC_NEXT, VUSER_DESC_WRITE, VUSER_DESC_INDIRECT
	};
	static const uint16_t nexts[] = { 0, 1, 2, 3, 7, 8, 15, 1023, 1024, 65535 };
	uint32_t good = random_next(r) % 4;

	return (good ? lens[random_next(r) % 7] : lens[random_next(r) % LEN(lens)]) |
	       (uint64_t)(flags[random_next(r) % LEN(flags)] ^ dir) << 32 |
	       (uint64_t)nexts[random_next(r) % (good ? 7 : LEN(nexts))] << 48;
}

static void
scribble_desc(struct vuser_desc *d, uint32_t *r, unsigned which)
{
	uint64_t *word = (uint64_t *)(void *)d;

	if (random_next(r) % 2)
		__atomic_store_n(&word[0], some_address(r, which), __ATOMIC_RELAXED);
	else
		__atomic_store_n(&word[1], some_rest(r, which ? VUSER_DESC_WRITE : 0), __ATOMIC_RELAXED);
}

static void
scribble(uint32_t *r)
{
	unsigned which = random_next(r) % 2, head = random_next(r) % HEADS;
	struct vuser_queue *q = which ? &rings_rx : &rings_tx;
	uint16_t idx = __atomic_load_n(&q->avail->idx, __ATOMIC_RELAXED);

	switch (random_next(r) % 16) {
	case 0:
		__atomic_store_n(&q->avail->ring[random_next(r) % RINGS_SIZE],
				 random_next(r) % 64 ? head : (uint16_t)random_next(r), __ATOMIC_RELAXED);
		break;
	case 1:
		__atomic_store_n(&q->avail->idx, (uint16_t)(idx + random_next(r) % 40), __ATOMIC_RELAXED);
		break;
	case 2:
		__atomic_store_n(&q->used->idx, (uint16_t)random_next(r), __ATOMIC_RELAXED);
		break;
	case 3:
	case 4:
	case 5: /* virtio-net header and frame */
		__atomic_store_n(&buffers[which][2048 * head + random_next(r) % 128], (uint8_t)random_next(r),
				 __ATOMIC_RELAXED);
		break;
	case 6:
	case 7:
	case 8:
	case 9:
		scribble_desc(&tables[which][head][random_next(r) % TABLE], r, which);
		break;
	default:
		scribble_desc(&q->desc[head], r, which);
	}
}

static void *
run_scribbler(void *arg)
{
	uint32_t r = 1;

	while (!atomic_load_explicit(&ended, memory_order_relaxed))
		scribble(&r);
	return NULL;
}

/* All heads are good again: half of them one buffer, half of them an indirect table of two. */
static void
fill_queue(struct vuser_queue *q, unsigned which)
{
	uint16_t dir = which ? VUSER_DESC_WRITE : 0;

	for (unsigned i = 0; i < HEADS; i++) {
		uint64_t gpa = vuser_gpa(&rings_mem, buffers[which] + 2048 * i);

		tables[which][i][0] = (struct vuser_desc){ gpa, 12, VUSER_DESC_NEXT | dir, 1 };
		tables[which][i][1] = (struct vuser_desc){ gpa + 12, 1500, dir, 0 };
		if (i % 2)
			q->desc[i] = (struct vuser_desc){ vuser_gpa(&rings_mem, tables[which][i]), TABLE * 16,
							  VUSER_DESC_INDIRECT, 0 };
		else
			q->desc[i] = (struct vuser_desc){ gpa, 1512, dir, 0 };
	}
	for (unsigned i = 0; i < RINGS_SIZE; i++)
		q->avail->ring[i] = i % HEADS;
}

/* The driver's reset, and control's restart; refused while the index is nonsense. */
static void
restart(struct vring *r, struct vuser_queue *q, unsigned which)
{
	vring_stop(r);
	do {
		fill_queue(q, which);
		q->avail->idx = q->used->idx = 0;
	} while (rings_run(r, q, &rings_full, 0) < 0);
	if (which == 1)
		r->mem = &receiver_mem;
}

/* Makes n entries available behind those that were taken. */
static void
offer(struct vuser_queue *q, const struct vring *r, unsigned n)
{
	__atomic_store_n(&q->avail->idx, (uint16_t)(r->next_avail + n), __ATOMIC_RELEASE);
}

/* What worker and switch do of a burst, all of it to one receiver. */
static unsigned
forward(unsigned n)
{
	struct burst *b = &rings_lane.burst;
	struct pkt *pkts[PKT_BURST];
	int tags[PKT_BURST];
	uint8_t verdict[PKT_BURST];
	unsigned k = 0, taken = 0;
	enum drop_reason why;

	for (unsigned i = 0; i < n; i++) {
		if (pkt_admit(&b->pkt[i], &why) != 0)
			continue;
		tags[k] = i % 4 == 0 ? 10 : PKT_TAG_NONE;
		pkts[k++] = &b->pkt[i];
	}
	if (k == 0)
		return 0;
	rings.sink.ops->put(&rings.sink, &rings_lane, pkts, tags, k, verdict);
	for (unsigned i = 0; i < k; i++) {
		assert_true(verdict[i] == SINK_TAKEN || verdict[i] < DROP_REASON_COUNT);
		taken += verdict[i] == SINK_TAKEN;
	}
	return taken;
}

/* Tables and buffers side by side are all that the guest has, and nothing lies around them. */
static void
make_room(unsigned which)
{
	uint32_t table = TABLE * sizeof(struct vuser_desc), len = HEADS * (table + 2048);
	uint8_t *at = rings_buffer(len);
	struct guest_region all = { .gpa = vuser_gpa(&rings_mem, at), .len = len, .va = at };

	for (unsigned i = 0; i < HEADS; i++)
		tables[which][i] = (void *)(at + i * table);
	buffers[which] = at + HEADS * table;
	memory_end[which] = all.gpa + len;
	rings_set_regions(&all, 1);
}

static void
a_guest_that_rewrites_everything_harms_nobody(void **state)
{
	unsigned frames = 0, taken = 0, broken = 0;
	pthread_t thread;

	make_room(1);
	atomic_store(&receiver_mem, atomic_exchange(&rings.mem, NULL));
	make_room(0);
	restart(&rings.tx[0], &rings_tx, 0);
	restart(&rings.rx[0], &rings_rx, 1);
	assert_int_equal(pthread_create(&thread, NULL, run_scribbler, NULL), 0);
	for (unsigned round = 0; round < ROUNDS; round++) {
		unsigned n;

		offer(&rings_tx, &rings.tx[0], round % 9);
		offer(&rings_rx, &rings.rx[0], 32);
		n = rings_take();
		frames += n;
		taken += forward(n);
		rings_give();
		if (vring_fault(&rings.tx[0]) != VRING_FAULT_NONE) {
			restart(&rings.tx[0], &rings_tx, 0);
			broken++;
		}
		if (vring_fault(&rings.rx[0]) != VRING_FAULT_NONE)
			restart(&rings.rx[0], &rings_rx, 1);
		if (round % 64 == 0)
			sched_yield(); /* so that both run where there is one processor */
	}
	atomic_store(&ended, true);
	pthread_join(thread, NULL);
	assert_true(frames > 0 && taken > 0 && broken > 0);
	restart(&rings.tx[0], &rings_tx, 0);
	rings_tx.avail->idx = 2;
	assert_int_equal(rings_take(), 2);
	rings_give();
	free((void *)(uintptr_t)atomic_load(&receiver_mem));
}

/* ---- one word that is never the same ---- */

static struct {
	void *at;
	uint64_t a, b;
	unsigned bytes;
} flip;

static void *
run_flipper(void *arg)
{
	for (bool odd = false; !atomic_load_explicit(&ended, memory_order_relaxed); odd = !odd) {
		uint64_t value = odd ? flip.a : flip.b;

		if (flip.bytes == 8)
			__atomic_store_n((uint64_t *)flip.at, value, __ATOMIC_RELAXED);
		else
			__atomic_store_n((uint16_t *)flip.at, (uint16_t)value, __ATOMIC_RELAXED);
	}
	return NULL;
}

static uint64_t
rest_word(uint32_t len, uint16_t flags, uint16_t next)
{
	return len | (uint64_t)flags << 32 | (uint64_t)next << 48;
}

/*
 * Sends the chain of head 0 again and again while one word of it flips: a frame of `len` bytes, or one of `other` (0: none), or the
 * ring breaks; all of them what one of the two values says.
 */
static void
while_it_flips(void *at, uint64_t a, uint64_t b, unsigned bytes, uint32_t len, uint32_t other)
{
	unsigned seen[3] = { 0 };
	pthread_t thread;

	flip.at = at;
	flip.a = a;
	flip.b = b;
	flip.bytes = bytes;
	assert_int_equal(pthread_create(&thread, NULL, run_flipper, NULL), 0);
	/* Both go on until something good was seen, however few processors there are. */
	for (unsigned round = 0; round < ROUNDS || (seen[0] == 0 && round < 100 * ROUNDS); round++) {
		uint32_t got;

		if (round % 64 == 0)
			sched_yield();
		if (vring_fault(&rings.tx[0]) != VRING_FAULT_NONE) {
			vring_stop(&rings.tx[0]);
			rings_tx.avail->idx = rings_tx.used->idx = 0;
			assert_int_equal(rings_run(&rings.tx[0], &rings_tx, &rings_full, 0), 0);
		}
		offer(&rings_tx, &rings.tx[0], 1);
		if (rings_take() == 0) {
			assert_true(vring_fault(&rings.tx[0]) != VRING_FAULT_NONE || rings_refused() > 0);
			seen[2]++;
			continue;
		}
		got = rings_lane.burst.pkt[0].len;
		if (got != len && (other == 0 || got != other))
			fail_msg("a frame of %u bytes, which neither value says", got);
		seen[got == other]++;
		rings_give();
	}
	atomic_store(&ended, true);
	pthread_join(thread, NULL);
	assert_true(seen[0] > 0);
}

/* The ring's first descriptor names a table of two, header and frame of 100 bytes, with nothing behind it. */
static struct vuser_desc *
flip_table(void)
{
	uint8_t *at = memset(rings_buffer(112), 0, 112);
	struct vuser_desc *t = (void *)rings_buffer(2 * sizeof(*t));

	t[0] = (struct vuser_desc){ vuser_gpa(&rings_mem, at), 12, VUSER_DESC_NEXT, 1 };
	t[1] = (struct vuser_desc){ vuser_gpa(&rings_mem, at) + 12, 100, 0, 0 };
	rings_tx.desc[0] = (struct vuser_desc){ vuser_gpa(&rings_mem, t), 32, VUSER_DESC_INDIRECT, 0 };
	return t;
}

/* Its length is what the bounds of each step come from: once checked, it may not be another. */
static void
cve_2026_93683_an_indirect_table_is_read_once(void **state)
{
	flip_table();
	while_it_flips((uint64_t *)(void *)&rings_tx.desc[0] + 1, rest_word(32, VUSER_DESC_INDIRECT, 0),
		       rest_word(1 << 19, VUSER_DESC_INDIRECT, 0), 8, 100, 0);
}

static void
cve_2026_86848_a_next_index_is_read_once(void **state)
{
	struct vuser_desc *t = flip_table();

	while_it_flips((uint64_t *)(void *)&t[0] + 1, rest_word(12, VUSER_DESC_NEXT, 1),
		       rest_word(12, VUSER_DESC_NEXT, 2), 8, 100, 0);
}

static void
cve_2026_86562_a_descriptor_is_read_once(void **state)
{
	struct vuser_desc *t = flip_table();

	while_it_flips((uint64_t *)(void *)&t[1] + 1, rest_word(100, 0, 0), rest_word(UINT32_MAX, 0, 0), 8, 100, 0);
}

static void
cve_2020_14375_an_address_is_read_once(void **state)
{
	struct vuser_desc *t = flip_table();

	while_it_flips(&t[1].addr, t[1].addr, VUSER_GPA + RINGS_MEMORY - 50, 8, 100, 0);
}

static void
cve_2020_14376_a_length_is_read_once(void **state)
{
	uint8_t *at = memset(rings_buffer(2000), 0, 2000);

	rings_tx.desc[0] = (struct vuser_desc){ vuser_gpa(&rings_mem, at), 2000, 0, 0 };
	while_it_flips((uint64_t *)(void *)&rings_tx.desc[0] + 1, rest_word(2000, 0, 0), rest_word(72, 0, 0), 8, 1988,
		       60);
}

/*
 * DPDK 285e6b8b: a virtio-net header was judged in the guest's memory, and read there again. Here it may come half of one and half
 * of the other, but what was judged is what is used: segments only of a size that is one, with a checksum to finish.
 */
static void
dpdk_285e6b8b_a_virtio_net_header_is_judged_from_a_copy(void **state)
{
	struct virtio_net_hdr asks = { .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
				       .gso_type = VIRTIO_NET_HDR_GSO_TCPV4,
				       .gso_size = 1000,
				       .csum_start = 34,
				       .csum_offset = 16 };
	struct testframe f = { .version = 4, .proto = 6, .payload = 2000, .partial = true };
	static uint8_t frame[TESTFRAME_MAX];
	uint32_t len = testframe_make(&f, frame).len;
	uint8_t *at = rings_buffer(12 + len);
	struct pkt *pkt = &rings_lane.burst.pkt[0];
	unsigned cut = 0;
	pthread_t thread;

	memcpy(at, &asks, sizeof(asks));
	memcpy(at + 12, frame, len);
	flip.at = at;
	memcpy(&flip.a, at, sizeof(flip.a));
	flip.b = flip.a & 0xff; /* no segments, of size 0, and a checksum from byte 0 on */
	flip.bytes = 8;
	rings_tx.desc[0] = (struct vuser_desc){ vuser_gpa(&rings_mem, at), 12 + len, 0, 0 };
	assert_int_equal(pthread_create(&thread, NULL, run_flipper, NULL), 0);
	for (unsigned round = 0; round < ROUNDS || (cut == 0 && round < 100 * ROUNDS); round++) {
		enum drop_reason why;

		offer(&rings_tx, &rings.tx[0], 1);
		assert_int_equal(rings_take(), 1);
		if (pkt_admit(pkt, &why) == 0 && pkt_is_gso(pkt)) {
			assert_int_equal(pkt->gso, PKT_GSO_TCP4);
			assert_int_equal(pkt->gso_size, 1000);
			assert_int_equal(pkt->csum, PKT_CSUM_PARTIAL);
			assert_int_equal(pkt->l4_off, 34);
			cut++;
		}
		rings_give();
		if (round % 64 == 0)
			sched_yield();
	}
	atomic_store(&ended, true);
	pthread_join(thread, NULL);
	assert_true(cut > 0);
}

static void
a_head_is_read_once(void **state)
{
	flip_table();
	while_it_flips(&rings_tx.avail->ring[0], 0, RINGS_SIZE, 2, 100, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_rings, close_rings)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_guest_that_rewrites_everything_harms_nobody),
		TEST(cve_2026_93683_an_indirect_table_is_read_once),
		TEST(cve_2026_86848_a_next_index_is_read_once),
		TEST(cve_2026_86562_a_descriptor_is_read_once),
		TEST(cve_2020_14375_an_address_is_read_once),
		TEST(cve_2020_14376_a_length_is_read_once),
		TEST(dpdk_285e6b8b_a_virtio_net_header_is_judged_from_a_copy),
		TEST(a_head_is_read_once),
	};

	return cmocka_run_group_tests(tests, rings_group_start, rings_group_end);
}
