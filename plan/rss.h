#ifndef PLAN_RSS_H
#define PLAN_RSS_H
/*
 * rss.h - which processors serve an adapter's RSS queues, where each queue stands, and what the indirection table says.
 *
 * Pure decisions: libc only, no clock, no I/O; the same input gives the same answer. Rules (windows-semantics, 2.4 and 2.5):
 *
 *  - Eligible are the processors from the base to the last one, both inclusive; hyper-thread siblings are skipped (one logical processor a
 *    core). The base is the first of them, whatever the profile.
 *  - The profile orders them. Closest, ClosestStatic and Conservative: the base's NUMA node first, then the other nodes, in the order in
 *    which the processors come. NUMA and NUMAStatic: one of each node in turn, beginning with the base's node.
 *  - Of these, in that order, at most `most` are used.
 *  - The dynamic profiles begin with all queues on the base, and the balancer (balance.h) spreads and packs them; the static ones place
 *    them at once, in turn, and leave them there.
 */
#include <stdbool.h>
#include <stdint.h>

#include "plan/vmq.h"

#define PLAN_RSS_ENTRIES_MAX 512 /* our limit; native RSS has 128 (windows-semantics, 2.4) */

enum plan_rss_profile {
	PLAN_RSS_CLOSEST,
	PLAN_RSS_CLOSEST_STATIC,
	PLAN_RSS_NUMA,
	PLAN_RSS_NUMA_STATIC, /* the default of Windows, and ours */
	PLAN_RSS_CONSERVATIVE,
};

/*
 * The usable processors in the order in which queues are put on them: fills out[0..n_cpus) and *n, at least 1 unless an error comes back.
 * cpus[0..n_cpus): rising by number.
 */
enum plan_range_error plan_rss_processors(const struct plan_cpu *cpus, size_t n_cpus, const struct plan_range *range,
					  enum plan_rss_profile profile, unsigned *out, size_t *n);

/* Where queue i stands: fills place[0..n_queues) with processors of order[0..n_order), n_order >= 1, as plan_rss_processors gave them. */
void plan_rss_place(enum plan_rss_profile profile, const unsigned *order, size_t n_order, unsigned *place,
		    size_t n_queues);

/*
 * The indirection table: fills entries[0..n_entries) with indexes of queues, in turn. n_entries: a power of two, at most
 * PLAN_RSS_ENTRIES_MAX; n_queues >= 1. The index of a frame is the low bits of its hash.
 */
void plan_rss_table(uint16_t *entries, size_t n_entries, size_t n_queues);

/* Whether the balancer moves the queues of this profile. */
bool plan_rss_is_dynamic(enum plan_rss_profile profile);

/* As it is written in a file and shown: "numa-static". */
const char *plan_rss_profile_text(enum plan_rss_profile profile);
#endif
