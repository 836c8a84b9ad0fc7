/*
 * fdb.c - a hash table with two buckets of eight for each key; see fdb.h.
 *
 * A bucket is one cache line of keys and one of values. At most half of the places are ever used (entries is half of
 * them), so that with two choices a bucket that is full while the table is not is rarer than one in a million.
 *
 * value: slot (16 bits) | static (bit 16) | stamp in seconds (upper 32 bits). Workers change the stamp only, by compare
 * and exchange, so that they never undo a move.
 */
#include "vsw/fdb.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <rte_random.h>

#include "base/count.h"
#include "base/qsbr.h"

#define WAYS 8
#define STATIC_BIT (1u << 16)
#define PORTS_MAX 65536 /* slots that a value can name */

struct bucket {
	_Atomic uint64_t key[WAYS];
	_Atomic uint64_t value[WAYS];
} __attribute__((aligned(64)));

struct fdb {
	struct bucket *bucket;
	uint64_t seed;
	uint64_t *freed;   /* per place: qsbr token of its last removal */
	uint32_t *on_port; /* learned entries per slot */
	unsigned mask;     /* buckets - 1 */
	unsigned entries, used;
	int uplink; /* slot of the uplink; -1: none */
	counter full, moved;
};

struct place {
	unsigned bucket, way;
};

static uint64_t
value_make(unsigned slot, bool is_static, uint32_t stamp)
{
	return (uint64_t)stamp << 32 | (is_static ? STATIC_BIT : 0) | slot;
}

static unsigned
value_slot(uint64_t v)
{
	return v & 0xffff;
}

static uint64_t
mix(const struct fdb *fdb, uint64_t key)
{
	/*
	 * splitmix64's finalizer (Steele, Lea, Flood 2014): vendors' MACs differ in few bits. The seed is the table's secret,
	 * or a guest could invent the sixteen addresses that fill the two buckets of another's.
	 */
	key ^= fdb->seed;
	key ^= key >> 30;
	key *= 0xbf58476d1ce4e5b9ull;
	key ^= key >> 27;
	key *= 0x94d049bb133111ebull;
	return key ^ key >> 31;
}

struct fdb *
fdb_new(unsigned entries)
{
	struct fdb *fdb = calloc(1, sizeof(*fdb));
	unsigned size = 64, buckets;

	if (fdb == NULL)
		return NULL;
	while (size < entries && size < 1u << 20)
		size <<= 1;
	buckets = size * 2 / WAYS;
	fdb->entries = size;
	fdb->uplink = -1;
	fdb->mask = buckets - 1;
	fdb->seed = rte_rand();
	fdb->bucket = aligned_alloc(64, buckets * sizeof(struct bucket));
	fdb->freed = calloc((size_t)buckets * WAYS, sizeof(*fdb->freed));
	fdb->on_port = calloc(PORTS_MAX, sizeof(*fdb->on_port));
	if (fdb->bucket == NULL || fdb->freed == NULL || fdb->on_port == NULL) {
		fdb_free(fdb);
		return NULL;
	}
	memset((void *)fdb->bucket, 0, buckets * sizeof(struct bucket));
	return fdb;
}

void
fdb_free(struct fdb *fdb)
{
	if (fdb == NULL)
		return;
	free(fdb->on_port);
	free(fdb->freed);
	free(fdb->bucket);
	free(fdb);
}

/* The place of key, or false. */
static inline bool
find(const struct fdb *fdb, uint64_t key, struct place *out)
{
	uint64_t h = mix(fdb, key);

	for (int choice = 0; choice < 2; choice++, h >>= 32) {
		struct bucket *b = &fdb->bucket[h & fdb->mask];

		for (unsigned way = 0; way < WAYS; way++) {
			/* Acquire: the value stored before this key; partner: the release in put(). */
			if (atomic_load_explicit(&b->key[way], memory_order_acquire) == key) {
				*out = (struct place){ (unsigned)(h & fdb->mask), way };
				return true;
			}
		}
	}
	return false;
}

static _Atomic uint64_t *
value_at(const struct fdb *fdb, struct place at)
{
	return &fdb->bucket[at.bucket].value[at.way];
}

int
fdb_lookup(const struct fdb *fdb, uint64_t key)
{
	struct place at;

	if (!find(fdb, key, &at))
		return FDB_MISS;
	return (int)value_slot(atomic_load_explicit(value_at(fdb, at), memory_order_relaxed));
}

bool
fdb_refresh(struct fdb *fdb, uint64_t key, unsigned slot, uint32_t now_s)
{
	struct place at;
	uint64_t value;

	if (!find(fdb, key, &at))
		return false;
	value = atomic_load_explicit(value_at(fdb, at), memory_order_relaxed);
	if (value & STATIC_BIT)
		return true;
	if (value_slot(value) != slot)
		return false;
	if (value >> 32 != now_s)
		atomic_compare_exchange_strong_explicit(value_at(fdb, at), &value, value_make(slot, false, now_s),
							memory_order_relaxed, memory_order_relaxed);
	return true;
}

/* Free places of bucket b that no worker can still be reading; *way: the first. */
static unsigned
free_places(const struct fdb *fdb, unsigned b, unsigned *way)
{
	unsigned n = 0;

	for (unsigned w = WAYS; w-- > 0;) {
		uint64_t freed = fdb->freed[b * WAYS + w];

		if (atomic_load_explicit(&fdb->bucket[b].key[w], memory_order_relaxed) != 0 ||
		    (freed != 0 && !qsbr_passed(freed)))
			continue;
		*way = w;
		n++;
	}
	return n;
}

/* Enters key in the emptier of its buckets: taking the first that has room would fill a tenth of them too early. */
static int
put(struct fdb *fdb, uint64_t key, uint64_t value)
{
	uint64_t h = mix(fdb, key);
	unsigned one = h & fdb->mask, two = h >> 32 & fdb->mask, way = 0, way_two = 0;
	unsigned room = free_places(fdb, one, &way), room_two = free_places(fdb, two, &way_two);

	if (fdb->used == fdb->entries || room + room_two == 0)
		return -ENOSPC;
	if (room_two > room) {
		one = two;
		way = way_two;
	}
	atomic_store_explicit(&fdb->bucket[one].value[way], value, memory_order_relaxed);
	atomic_store_explicit(&fdb->bucket[one].key[way], key, memory_order_release);
	fdb->used++;
	return 0;
}

static void
take_out(struct fdb *fdb, struct place at)
{
	uint64_t value = atomic_load(value_at(fdb, at));

	atomic_store_explicit(&fdb->bucket[at.bucket].key[at.way], 0, memory_order_release);
	fdb->freed[at.bucket * WAYS + at.way] = qsbr_token();
	fdb->used--;
	if (!(value & STATIC_BIT))
		fdb->on_port[value_slot(value)]--;
}

/* A learned entry of bucket b; false when there is none. */
static bool
find_learned(const struct fdb *fdb, unsigned b, struct place *out)
{
	for (unsigned way = 0; way < WAYS; way++) {
		struct place at = { b, way };

		if (atomic_load(&fdb->bucket[b].key[way]) != 0 && !(atomic_load(value_at(fdb, at)) & STATIC_BIT)) {
			*out = at;
			return true;
		}
	}
	return false;
}

/*
 * For a static entry that found no room: puts a learned one out, of one of key's buckets if there is one (these may be
 * full), else of any (the table is), and waits until no worker can still be reading its place.
 */
static void
make_room(struct fdb *fdb, uint64_t key)
{
	uint64_t h = mix(fdb, key);
	struct place victim;
	bool found = find_learned(fdb, h & fdb->mask, &victim) || find_learned(fdb, h >> 32 & fdb->mask, &victim);

	for (unsigned b = 0; !found && fdb->used == fdb->entries && b <= fdb->mask; b++)
		found = find_learned(fdb, b, &victim);
	if (found)
		take_out(fdb, victim);
	qsbr_synchronize();
}

static void
replace(struct fdb *fdb, struct place at, uint64_t value)
{
	uint64_t old = atomic_exchange(value_at(fdb, at), value);

	if (!(old & STATIC_BIT))
		fdb->on_port[value_slot(old)]--;
	if (!(value & STATIC_BIT))
		fdb->on_port[value_slot(value)]++;
}

void
fdb_set_uplink(struct fdb *fdb, int slot)
{
	fdb->uplink = slot;
}

/* How many learned entries slot may hold. */
static unsigned
share(const struct fdb *fdb, unsigned slot)
{
	return (int)slot == fdb->uplink ? fdb->entries / 4 * 3 : fdb->entries / 4;
}

int
fdb_learn(struct fdb *fdb, uint64_t key, unsigned slot, uint32_t now_s)
{
	struct place at;
	bool known = find(fdb, key, &at);
	uint64_t old = known ? atomic_load(value_at(fdb, at)) : 0;

	if (known && (old & STATIC_BIT))
		return -EPERM;
	if (known && value_slot(old) == slot)
		return 0;
	if (fdb->on_port[slot] >= share(fdb, slot))
		goto full;
	if (known) {
		replace(fdb, at, value_make(slot, false, now_s));
		count_add(&fdb->moved, 1);
		return 0;
	}
	if (put(fdb, key, value_make(slot, false, now_s)) < 0)
		goto full;
	fdb->on_port[slot]++;
	return 0;

full:
	count_add(&fdb->full, 1);
	return -ENOSPC;
}

int
fdb_add_static(struct fdb *fdb, uint64_t key, unsigned slot)
{
	struct place at;
	uint64_t old;

	if (!find(fdb, key, &at)) {
		if (put(fdb, key, value_make(slot, true, 0)) == 0)
			return 0;
		make_room(fdb, key);
		return put(fdb, key, value_make(slot, true, 0));
	}
	old = atomic_load(value_at(fdb, at));
	if ((old & STATIC_BIT) && value_slot(old) != slot)
		return -EEXIST;
	replace(fdb, at, value_make(slot, true, 0));
	return 0;
}

int
fdb_remove_static(struct fdb *fdb, uint64_t key, unsigned slot)
{
	struct place at;

	if (!find(fdb, key, &at) || atomic_load(value_at(fdb, at)) != value_make(slot, true, 0))
		return -ENOENT;
	take_out(fdb, at);
	return 0;
}

void
fdb_age(struct fdb *fdb, uint32_t now_s, uint32_t ageing_s)
{
	for (unsigned b = 0; b <= fdb->mask; b++) {
		for (unsigned way = 0; way < WAYS; way++) {
			struct place at = { b, way };
			uint64_t value = atomic_load_explicit(value_at(fdb, at), memory_order_relaxed);

			if (atomic_load_explicit(&fdb->bucket[b].key[way], memory_order_relaxed) != 0 &&
			    !(value & STATIC_BIT) && now_s - (uint32_t)(value >> 32) > ageing_s)
				take_out(fdb, at);
		}
	}
}

void
fdb_flush(struct fdb *fdb, unsigned slot, bool with_static)
{
	for (unsigned b = 0; b <= fdb->mask; b++) {
		for (unsigned way = 0; way < WAYS; way++) {
			struct place at = { b, way };
			uint64_t value = atomic_load(value_at(fdb, at));

			if (atomic_load(&fdb->bucket[b].key[way]) != 0 && value_slot(value) == slot &&
			    (with_static || !(value & STATIC_BIT)))
				take_out(fdb, at);
		}
	}
}

size_t
fdb_list(const struct fdb *fdb, struct fdb_entry *out, size_t most)
{
	size_t n = 0;

	for (unsigned i = 0; i < (fdb->mask + 1) * WAYS; i++) {
		const struct bucket *b = &fdb->bucket[i / WAYS];
		uint64_t key = atomic_load((_Atomic uint64_t *)(uintptr_t)&b->key[i % WAYS]);
		uint64_t value = atomic_load((_Atomic uint64_t *)(uintptr_t)&b->value[i % WAYS]);

		if (key == 0)
			continue;
		if (n < most) {
			out[n] = (struct fdb_entry){ .vid = key & 0xfff,
						     .slot = (uint16_t)value_slot(value),
						     .is_static = value & STATIC_BIT,
						     .stamp_s = (uint32_t)(value >> 32) };
			for (int k = 0; k < MAC_LEN; k++)
				out[n].mac.byte[k] = (uint8_t)(key >> (12 + 8 * (MAC_LEN - 1 - k)));
		}
		n++;
	}
	return n;
}

void
fdb_usage(const struct fdb *fdb, struct fdb_usage *out)
{
	*out = (struct fdb_usage){ fdb->used, fdb->entries, count_get(&fdb->full), count_get(&fdb->moved) };
}
