/*
 * vf_race_test.c - a guest with another processor, which rewrites descriptors, registers and frames while we read them. It may break its
 * rings; ASan finds whatever else happens, since all that is not its own is poisoned. Races on purpose: not for TSan.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <sanitizer/asan_interface.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "pkt/admit.h"
#include "pkt/build.h"
#include "pkt/wire.h"
#include "sriov/test_vf_rings.h"

#define LEN(a) (sizeof(a) / sizeof((a)[0]))
#define TEST(f) cmocka_unit_test_setup_teardown(f, open_all, vft_close)
#define SIZE 16 /* descriptors of each ring: few, so that each is hit often */
#define ROUNDS 30000
#define ENABLE 0x02000000u
#define VME 0x40000000u

static _Atomic bool ended;
static uint64_t own, own_end; /* the guest's memory: rings, then buffers of 2 KiB */

static int
open_all(void **state)
{
	vft_open_with(&(struct vf_rings_setup){ 0 });
	vft_rules(9500, true);
	atomic_store(&ended, false);
	return 0;
}

static uint32_t
random_next(uint32_t *r)
{
	*r = *r * 1664525 + 1013904223; /* Numerical Recipes */
	return *r >> 8;
}

static uint64_t
some_address(uint32_t *r)
{
	const uint64_t some[] = { own - 1, own_end - 1, own_end, UINT64_MAX - 7, 0, own + random_next(r) % 512 };
	uint64_t buffer = own + 1024 + random_next(r) % (2 * SIZE) * 2048;

	/* Mostly a good one, or the rings would only ever be broken. */
	return random_next(r) % 64 ? buffer : some[random_next(r) % LEN(some)];
}

static uint64_t
some_command(uint32_t *r)
{
	static const uint64_t commands[] = { VFT_DATA | VFT_EOP | VFT_RS, VFT_DATA | VFT_EOP,
					     VFT_DATA | VFT_EOP | VFT_RS | VFT_VLE, VFT_DATA | VFT_EOP | VFT_TXSM,
					     VFT_CONTEXT | VFT_L4T_TCP | 1400ull << 48 };
	static const uint64_t rare[] = { VFT_DATA, VFT_DATA | VFT_EOP | VFT_TSE | VFT_TXSM, 0, VFT_CONTEXT,
					 UINT64_MAX };
	static const uint16_t lens[] = { 60, 60, 64, 200, 1514, 2048, 128, 14 };
	static const uint16_t odd[] = { 0, 1, 13, 65535 };

	return (random_next(r) % 16 ? commands[random_next(r) % LEN(commands)] : rare[random_next(r) % LEN(rare)]) |
	       (random_next(r) % 64 ? lens[random_next(r) % LEN(lens)] : odd[random_next(r) % LEN(odd)]);
}

static void
scribble_register(uint32_t *r)
{
	static const uint32_t sizes[] = { SIZE * 16, SIZE * 16, 0, 129, 65536 + 128 };
	unsigned t = random_next(r) % 2;

	switch (random_next(r) % 64) {
	case 0:
		vft_write(t, 0, 0x08, sizes[random_next(r) % LEN(sizes)]);
		break;
	case 1:
		vft_write(t, 0, 0x00, (uint32_t)some_address(r));
		break;
	case 2:
		vft_write(t, 0, 0x28, random_next(r) % 4 ? ENABLE | VME : random_next(r));
		break;
	case 3:
		vft_write(t, 0, 0x18, random_next(r) % 8 ? SIZE : random_next(r));
		break;
	case 4:
		vft_write(false, 0, 0x14, 0x10000000 | random_next(r));
		break;
	default:
		vft_write(t, 0, 0x18, random_next(r) % SIZE);
	}
}

static void
scribble(uint32_t *r)
{
	uint64_t *ring = (uint64_t *)(void *)(vft_mem.va + (own - VUSER_GPA)) + (random_next(r) % 2 ? 2 * SIZE : 0);
	uint64_t *word = ring + 2 * (random_next(r) % SIZE);

	switch (random_next(r) % 8) {
	case 0:
	case 1:
	case 2:
		__atomic_store_n(&word[0], some_address(r), __ATOMIC_RELAXED);
		break;
	case 3:
	case 4:
		__atomic_store_n(&word[1], some_command(r), __ATOMIC_RELAXED);
		break;
	case 5:
		__atomic_store_n(vft_mem.va + (own - VUSER_GPA) + 1024 + random_next(r) % (2 * SIZE) * 2048 +
					 random_next(r) % 128,
				 (uint8_t)random_next(r), __ATOMIC_RELAXED);
		break;
	default:
		scribble_register(r);
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

/* The guest's memory, and nothing around it that may be touched. */
static void
make_room(void)
{
	uint32_t len = 1024 + 2 * SIZE * 2048;
	uint8_t *at = vft_buffer(len);
	struct guest_region all = { .gpa = vft_gpa(at), .len = len, .va = at };

	memset(at, 2, len);
	ASAN_POISON_MEMORY_REGION(vft_mem.va + vft_mem.used, VFT_MEMORY - vft_mem.used);
	own = all.gpa;
	own_end = own + len;
	vft_set_regions(&all, 1);
}

/* The driver's reset: both rings are good again, one behind the other. */
static void
restart(void)
{
	uint64_t *word = (uint64_t *)(void *)(vft_mem.va + (own - VUSER_GPA));

	vf_rings_stop(vft);
	for (unsigned i = 0; i < 2 * SIZE; i++) {
		__atomic_store_n(&word[2 * i], own + 1024 + i * 2048, __ATOMIC_RELAXED);
		__atomic_store_n(&word[2 * i + 1], i < SIZE ? VFT_DATA | 60 | VFT_EOP | VFT_RS : 0, __ATOMIC_RELAXED);
	}
	for (unsigned t = 0; t < 2; t++) {
		vft_write(t, 0, 0x00, (uint32_t)(own + (t ? 0 : SIZE * 16)));
		vft_write(t, 0, 0x04, (uint32_t)(own >> 32));
		vft_write(t, 0, 0x08, SIZE * 16);
		vft_write(t, 0, 0x14, 0x12000402);
		vft_write(t, 0, 0x28, ENABLE | VME);
	}
	vf_rings_sample(vft);
}

/* What worker and switch do of a burst, all of it to one receiver: the guest itself. */
static unsigned
forward(unsigned n)
{
	struct burst *b = &vft_lane.burst;
	struct pkt *pkts[PKT_BURST];
	uint8_t verdict[PKT_BURST];
	unsigned k = 0, taken = 0;
	int tags[PKT_BURST];
	enum drop_reason why;

	for (unsigned i = 0; i < n; i++) {
		if (pkt_admit(&b->pkt[i], &why) != 0)
			continue;
		tags[k] = i % 4 == 0 ? 10 : PKT_TAG_NONE;
		pkts[k++] = &b->pkt[i];
	}
	if (k == 0)
		return 0;
	vf_sink_ops.put(vf_rings_sink(vft), &vft_lane, pkts, tags, k, verdict);
	for (unsigned i = 0; i < k; i++) {
		assert_true(verdict[i] == SINK_TAKEN || verdict[i] < DROP_REASON_COUNT);
		taken += verdict[i] == SINK_TAKEN;
	}
	return taken;
}

static void
a_guest_that_rewrites_everything_harms_nobody(void **state)
{
	unsigned frames = 0, taken = 0, broken = 0;
	pthread_t thread;

	make_room();
	restart();
	assert_int_equal(pthread_create(&thread, NULL, run_scribbler, NULL), 0);
	/* Until something was seen of everything, however few processors there are. */
	for (unsigned round = 0; round < ROUNDS || ((frames == 0 || taken == 0 || broken == 0) && round < 100 * ROUNDS);
	     round++) {
		unsigned n = vft_take(0);

		frames += n;
		taken += forward(n);
		if (n > 0)
			vft_give(0);
		if (round % 16 == 0)
			vf_rings_sample(vft);
		broken += vf_rings_fault(vft) != NULL;
		if (vf_rings_fault(vft) != NULL || round % 256 == 0)
			restart(); /* it may have disabled them, too */
		if (round % 64 == 0)
			sched_yield(); /* so that both run where there is one processor */
	}
	atomic_store(&ended, true);
	pthread_join(thread, NULL);
	assert_true(frames > 0 && taken > 0 && broken > 0);
	restart();
	vft_write(true, 0, 0x18, 2);
	assert_int_equal(vft_take(0), 2);
	vft_give(0);
	assert_null(vf_rings_fault(vft));
}

/* ---- one word that is never the same ---- */

static struct {
	uint64_t *at, a, b;
} flip;

static void *
run_flipper(void *arg)
{
	for (bool odd = false; !atomic_load_explicit(&ended, memory_order_relaxed); odd = !odd)
		__atomic_store_n(flip.at, odd ? flip.a : flip.b, __ATOMIC_RELAXED);
	return NULL;
}

/* Sends descriptor 0 again and again: a frame of `len` or of `other` bytes, or the ring breaks; never anything else. */
static void
while_it_flips(unsigned word, uint64_t a, uint64_t b, uint32_t len, uint32_t other)
{
	uint64_t *ring = (uint64_t *)(void *)(vft_mem.va + (own - VUSER_GPA));
	unsigned seen[3] = { 0 };
	pthread_t thread;

	flip.at = &ring[word];
	flip.a = a;
	flip.b = b;
	restart();
	assert_int_equal(pthread_create(&thread, NULL, run_flipper, NULL), 0);
	for (unsigned round = 0; round < ROUNDS || (seen[0] == 0 && round < 100 * ROUNDS); round++) {
		unsigned n;

		if (round % 64 == 0)
			sched_yield();
		vf_rings_stop(vft);
		__atomic_store_n(&ring[0], own + 1024, __ATOMIC_RELAXED);
		vft_write(true, 0, 0x00, (uint32_t)own);
		vft_write(true, 0, 0x04, (uint32_t)(own >> 32));
		vft_write(true, 0, 0x08, SIZE * 16);
		vft_write(true, 0, 0x28, ENABLE);
		vf_rings_sample(vft);
		vft_write(true, 0, 0x18, 1);
		n = vft_take(0);
		if (n == 0) {
			seen[2]++;
			continue;
		}
		assert_true(vft_lane.burst.pkt[0].len == len || vft_lane.burst.pkt[0].len == other);
		seen[vft_lane.burst.pkt[0].len == other]++;
		vft_give(0);
	}
	atomic_store(&ended, true);
	pthread_join(thread, NULL);
	assert_true(seen[0] > 0);
}

static void
a_command_is_read_once(void **state)
{
	make_room();
	while_it_flips(1, VFT_DATA | VFT_EOP | 60, VFT_DATA | VFT_EOP, 60, 0);
}

static void
a_length_that_fits_is_read_once(void **state)
{
	make_room();
	while_it_flips(1, VFT_DATA | VFT_EOP | 60, VFT_DATA | VFT_EOP | 1000, 60, 1000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_guest_that_rewrites_everything_harms_nobody),
		TEST(a_command_is_read_once),
		TEST(a_length_that_fits_is_read_once),
	};

	return cmocka_run_group_tests(tests, vft_group_start, vft_group_end);
}
