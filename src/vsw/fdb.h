#ifndef VSW_FDB_H
#define VSW_FDB_H
/*
 * fdb.h - the filtering database of one switch: (MAC, VLAN) to port.
 *
 * Bounded: at most `entries` of them, at most a quarter of those learned on one port (three quarters on the
 * uplink, behind which most stations are), so that a guest that invents
 * addresses cannot push the others' out. What finds no room is not learned, is counted, and its frames are flooded.
 *
 * Workers look up and refresh without locks. One thread at a time changes entries: the learner, or the control thread
 * with the learner's lock held (learn.h). An entry that was removed is reused only after a grace period, so a worker
 * never sees one key with another key's port.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"

#define FDB_MISS (-1)

struct fdb;

/* MAC and VLAN as one word. Bit 60 is always set: 0 marks an empty place, and the zero address may be looked up too. */
static inline uint64_t
fdb_key(const uint8_t mac[MAC_LEN], uint16_t vid)
{
	return 1ull << 60 | mac_number(mac) << 12 | (vid & 0xfff);
}

/* entries: 64 to 2^20, rounded up to a power of two. NULL without memory. Control. */
struct fdb *fdb_new(unsigned entries);
void fdb_free(struct fdb *fdb);

/* slot is the uplink's (-1: there is none): it may hold three quarters. Learner's lock. */
void fdb_set_uplink(struct fdb *fdb, int slot);

/* Port slot of key, or FDB_MISS. Workers. */
int fdb_lookup(const struct fdb *fdb, uint64_t key);

/*
 * Whether key is known to be at slot; refreshes its age (now_s: seconds, coarse). False: the learner should hear of it. True too for a
 * static entry at another port: those do not move. Workers.
 */
bool fdb_refresh(struct fdb *fdb, uint64_t key, unsigned slot, uint32_t now_s);

/* Enters or moves a learned entry. Returns 0, -ENOSPC (counted), -EPERM for one that is static. Learner. */
int fdb_learn(struct fdb *fdb, uint64_t key, unsigned slot, uint32_t now_s);

/*
 * Enters or removes a static entry. It replaces a learned one of that key, and where there is no room it puts out a learned
 * one of another key; that waits for a grace period. Returns 0, -ENOSPC (static ones all around), -EEXIST (static at another
 * port), -ENOENT (no static one at slot). Control, with the learner's lock.
 */
int fdb_add_static(struct fdb *fdb, uint64_t key, unsigned slot);
int fdb_remove_static(struct fdb *fdb, uint64_t key, unsigned slot);

/* Removes learned entries that nobody refreshed for ageing_s. Learner. */
void fdb_age(struct fdb *fdb, uint32_t now_s, uint32_t ageing_s);

/* Removes what points to slot; with_static: static entries too. Learner's lock. */
void fdb_flush(struct fdb *fdb, unsigned slot, bool with_static);

struct fdb_entry {
	struct mac mac;
	uint16_t vid;
	uint16_t slot;
	bool is_static;
	uint32_t stamp_s; /* last refresh */
};

/* Copies up to most entries in table order. Returns how many there are. Learner's lock. */
size_t fdb_list(const struct fdb *fdb, struct fdb_entry *out, size_t most);

struct fdb_usage {
	unsigned used, entries;
	uint64_t full;  /* learnings refused for want of room */
	uint64_t moved; /* stations seen on another port than before */
};
void fdb_usage(const struct fdb *fdb, struct fdb_usage *out);
#endif
