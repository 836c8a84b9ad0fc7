#ifndef CTL_EAL_H
#define CTL_EAL_H
/* eal.h - starting DPDK quietly and small. Control. */
#include <stdbool.h>

#include "base/err.h"

/*
 * Starts DPDK's EAL for n_adapters adapters, in ordinary memory unless hugepages. Its main thread (the caller) keeps its CPUs.
 * Returns 0, or -errno and err. Once.
 */
int eal_start(bool hugepages, unsigned n_adapters, struct err *err);
#endif
