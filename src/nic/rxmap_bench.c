/*
 * rxmap_bench.c - cycles of the time-stamp counter that one 64-byte frame costs in rxmap_classify.
 *
 * 64 vports with 128 indirection entries each, every second one in a VLAN of its own; a working set of 4096 frames
 * (256 KiB: in the second-level cache, not in the first), vport, addresses, ports, TCP or UDP all at random. Each
 * round visits them in another order: a fixed one is learnt by branch predictors (Zen 4 remembers all 4096), which
 * traffic never grants. One line of JSON per variant; median, least and most of 7 runs.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <x86intrin.h>

#include "nic/rxmap.h"
#include "pkt/wire.h"

#define VPORTS 64
#define ENTRIES 128
#define FRAMES 4096
#define FRAME_LEN 64
#define ROUNDS 256 /* over the working set: about 10 ms a run */
#define RUNS 7
#define TYPES (HASH_IPV4 | HASH_TCP_IPV4 | HASH_UDP_IPV4 | HASH_IPV6 | HASH_TCP_IPV6 | HASH_UDP_IPV6)

static uint8_t frames[FRAMES][FRAME_LEN];

static struct rxmap_filter
filter_of(uint16_t vport)
{
	return (struct rxmap_filter){ { { 0x02, 0xf1, 0, 0, 0, (uint8_t)vport } },
				      vport % 2 ? (uint16_t)(100 + vport) : RXMAP_VID_UNTAGGED,
				      vport };
}

static void
make_frame(uint8_t *frame)
{
	struct rxmap_filter to = filter_of((uint16_t)(1 + rand() % (VPORTS - 1)));
	uint8_t *ip = frame + ETH_HEADER_LEN;

	memset(frame, 0, FRAME_LEN);
	memcpy(frame, to.mac.byte, MAC_LEN);
	if (to.vid) {
		put_be16(frame + ETH_ADDRS_LEN, TYPE_VLAN);
		put_be16(frame + ETH_HEADER_LEN, to.vid);
		ip += VLAN_TAG_LEN;
	}
	put_be16(ip - 2, TYPE_IPV4);
	ip[0] = 0x45;
	put_be16(ip + IP4_LEN_AT, (uint16_t)(frame + FRAME_LEN - ip));
	ip[IP4_PROTO_AT] = rand() & 64 ? 6 : 17;
	for (int i = 0; i < IP4_ADDRS_LEN + PORTS_LEN; i++)
		ip[IP4_ADDRS_AT + i] = (uint8_t)(rand() >> 7);
}

static struct rxmap *
make_map(const struct toeplitz *toeplitz)
{
	static uint16_t entries[ENTRIES];
	struct rxmap_filter filters[VPORTS - 1];
	struct rxmap_vport vports[VPORTS];

	for (uint16_t i = 0; i < ENTRIES; i++)
		entries[i] = i % 8;
	for (uint16_t i = 0; i < VPORTS; i++) {
		vports[i] = (struct rxmap_vport){ ENTRIES, entries };
		if (i > 0)
			filters[i - 1] = filter_of(i);
	}
	return rxmap_new(vports, VPORTS, filters, VPORTS - 1, toeplitz, TYPES);
}

/* One round: x -> 5x + step modulo 4096 passes every frame once when step is odd (Hull and Dobell, 1962). */
static uint64_t
round_of(const struct rxmap *map, uint32_t step)
{
	struct rxmap_verdict verdict;
	uint64_t sum = 0;
	uint32_t at = step;

	for (int i = 0; i < FRAMES; i++) {
		at = (5 * at + step) % FRAMES;
		rxmap_classify(map, frames[at], FRAME_LEN, &verdict);
		sum += verdict.slot + verdict.vport;
	}
	return sum;
}

static double
run(const struct rxmap *map)
{
	uint64_t start, sum = 0;

	start = __rdtsc();
	for (uint32_t round = 0; round < ROUNDS; round++)
		sum += round_of(map, 2 * (round * 797 % FRAMES) + 1);
	start = __rdtsc() - start;
	/* A sum that nobody reads would let the compiler leave the work out. */
	__asm__ volatile("" : : "r"(sum));
	return (double)start / (ROUNDS * FRAMES);
}

static int
compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static int
bench(const char *variant, bool gfni)
{
	struct toeplitz *toeplitz = toeplitz_new(toeplitz_default_key, gfni);
	struct rxmap *map = toeplitz ? make_map(toeplitz) : NULL;
	double cycles[RUNS];

	if (!map) {
		toeplitz_free(toeplitz);
		return -1;
	}
	if (toeplitz_is_gfni(toeplitz) == gfni) { /* a processor without GFNI has one line less */
		run(map);
		for (int i = 0; i < RUNS; i++)
			cycles[i] = run(map);
		qsort(cycles, RUNS, sizeof(cycles[0]), compare);
		printf("{\"case\":\"filter\",\"variant\":\"%s\",\"cycles\":%.1f,\"min\":%.1f,\"max\":%.1f,\"runs\":%d}"
		       "\n",
		       variant, cycles[RUNS / 2], cycles[0], cycles[RUNS - 1], RUNS);
	}
	rxmap_free(map);
	toeplitz_free(toeplitz);
	return 0;
}

int
main(void)
{
	srand(1);
	for (int i = 0; i < FRAMES; i++)
		make_frame(frames[i]);
	if (bench("gfni", true) < 0 || bench("table", false) < 0) {
		fprintf(stderr, "rxmap_bench: out of memory\n");
		return 1;
	}
	return 0;
}
