/*
 * copy.c - how fast memcpy moves frames of 64 KiB on this CPU, from few buffers into many, as bench/vmlso has them: 16 at the
 * sender, 4 MiB of receive buffers. One line of JSON; median of the rounds.
 */
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "bench/rounds.h"

#define FRAME (64u << 10)
#define SOURCES 16
#define TARGETS 64
#define FRAMES 4096 /* a round: 256 MiB */
#define ROUNDS 9

static double
seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int
main(int argc, char **argv)
{
	double speed[ROUNDS];
	cpu_set_t cpus;
	uint8_t *from, *to;

	CPU_ZERO(&cpus);
	CPU_SET(argc == 3 && strcmp(argv[1], "--cpu") == 0 ? atoi(argv[2]) : 0, &cpus);
	sched_setaffinity(0, sizeof(cpus), &cpus);
	from = mmap(NULL, FRAME * SOURCES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	to = mmap(NULL, FRAME * TARGETS, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (from == MAP_FAILED || to == MAP_FAILED) {
		fputs("copy: no memory\n", stderr);
		return 1;
	}
	for (unsigned i = 0; i < ROUNDS; i++) {
		double began = seconds();

		for (unsigned k = 0; k < FRAMES; k++) {
			memcpy(to + k % TARGETS * FRAME, from + k % SOURCES * FRAME, FRAME);
			__asm__ volatile("" ::: "memory"); /* each of them is wanted */
		}
		speed[i] = (double)FRAMES * FRAME / 1e9 / (seconds() - began);
	}
	rounds_sort(speed, ROUNDS);
	printf("{\"gbytes_per_s\": %.3f, \"low\": %.3f, \"high\": %.3f}\n", speed[ROUNDS / 2], speed[0],
	       speed[ROUNDS - 1]);
	return 0;
}
