/* cpulist.c - CPU topology from sched_getaffinity and sysfs; see cpulist.h. */
#include "base/cpulist.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <unistd.h>

#define SYS_CPU "/sys/devices/system/cpu/cpu%u"
#define NODES_MAX 64

static unsigned
first_sibling(unsigned id)
{
	char path[96];
	unsigned first = id;
	FILE *f;

	snprintf(path, sizeof(path), SYS_CPU "/topology/thread_siblings_list", id);
	f = fopen(path, "re");
	if (f == NULL)
		return id;
	if (fscanf(f, "%u", &first) != 1)
		first = id;
	fclose(f);
	return first;
}

struct cpu
cpulist_describe(unsigned id)
{
	struct cpu cpu = { .id = id, .core = first_sibling(id) };
	char path[96];

	for (unsigned node = 0; node < NODES_MAX; node++) {
		snprintf(path, sizeof(path), SYS_CPU "/node%u", id, node);
		if (access(path, F_OK) == 0) {
			cpu.numa = node;
			break;
		}
	}
	return cpu;
}

int
cpulist_online(struct cpu *out, size_t most)
{
	cpu_set_t set;
	int n = 0;

	if (sched_getaffinity(0, sizeof(set), &set) < 0)
		return -errno;
	for (unsigned id = 0; id < CPU_SETSIZE; id++) {
		if (!CPU_ISSET(id, &set))
			continue;
		if ((size_t)n < most)
			out[n] = cpulist_describe(id);
		n++;
	}
	return n;
}
