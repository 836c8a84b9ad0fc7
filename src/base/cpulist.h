#ifndef BASE_CPULIST_H
#define BASE_CPULIST_H
/*
 * cpulist.h - which CPUs this process may run on, and how they lie on cores and NUMA nodes. Control.
 */
#include <stddef.h>

struct cpu {
	unsigned id;   /* Linux CPU number */
	unsigned core; /* the lowest CPU of the same core: its own id unless it is a hyper-thread sibling */
	unsigned numa;
};

/* Fills out[0..most) with the CPUs of our affinity mask, ascending. Returns how many there are, or -errno. */
int cpulist_online(struct cpu *out, size_t most);

/* What sysfs says of one CPU; unknown values read as core = id, node 0. */
struct cpu cpulist_describe(unsigned id);
#endif
