/*
 * rxmap.c - receive filter, hash and indirection; see rxmap.h.
 *
 * Filters stand in one open hash table, keyed by MAC and VLAN as one 64-bit number. What the
 * classifier needs of a vport stands in the entry, so a frame costs one line of the table and one of the vport's
 * indirection entries.
 */
#include "nic/rxmap.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "pkt/wire.h"

#define READ_LEN (ETH_HEADER_LEN + VLAN_TAG_LEN) /* read without a question: addresses, EtherType, a tag */
#define VID_MAX 4094
#define VPORTS_MAX 65536       /* vport indices are 16 bits */
#define FILTERS_MAX (1u << 24) /* our choice: 4094 VLANs for each of 4096 addresses */

#define CACHE_LINE 64u
#define TABLE_SPACE 4 /* places per filter: long runs of full places are rare, and 64 filters still fit in 4 KiB */

#define KEY_EMPTY UINT64_MAX /* the broadcast address: no filter and no lookup has it */
#define KEY_MAC_BITS 48
#define KEY_MULTIPLIER 0x9e3779b97f4a7c15u /* 2^64 / golden ratio, odd: Knuth, TAOCP vol. 3, 6.4 */

struct target {
	uint64_t key;
	uint32_t first; /* of its indirection entries in slots */
	uint16_t mask;  /* how many there are, less 1 */
	uint16_t vport;
};

struct rxmap {
	struct target *table;
	uint16_t *slots;
	size_t table_mask;
	unsigned shift; /* of a key's product: leaves as many bits as table_mask has */
	bool has_any;   /* a filter with RXMAP_VID_ANY */
	struct target by_default;
	struct flowhash hash;
};

/* Of bytes[8] the first six are the address. */
static uint64_t
filter_key(const uint8_t bytes[8], uint16_t vid)
{
	uint64_t key;

	memcpy(&key, bytes, sizeof(key));
	return (le64toh(key) & ((1ull << KEY_MAC_BITS) - 1)) | (uint64_t)vid << KEY_MAC_BITS;
}

static bool
vport_ok(const struct rxmap_vport *vport, const struct toeplitz *toeplitz)
{
	uint16_t n = vport->n_entries;

	if (n == 0)
		return true;
	return vport->entry && n <= RXMAP_TABLE_MAX && (n & (n - 1)) == 0 && (n == 1 || toeplitz);
}

static bool
filter_ok(const struct rxmap_filter *filter, size_t n_vports)
{
	return !mac_is_group(&filter->mac) && !mac_is_zero(&filter->mac) && filter->vport != 0 &&
	       filter->vport < n_vports && (filter->vid <= VID_MAX || filter->vid == RXMAP_VID_ANY);
}

/* The place of key in the table, or the empty one where it belongs. The table is never full. */
static struct target *
find(const struct rxmap *map, uint64_t key)
{
	size_t at = (size_t)(key * KEY_MULTIPLIER >> map->shift);

	while (map->table[at].key != key && map->table[at].key != KEY_EMPTY)
		at = (at + 1) & map->table_mask;
	return &map->table[at];
}

static bool
args_ok(const struct rxmap_vport *vports, size_t n_vports, const struct rxmap_filter *filters, size_t n_filters,
	const struct toeplitz *toeplitz)
{
	if (n_vports == 0 || n_vports > VPORTS_MAX || n_filters > FILTERS_MAX)
		return false;
	for (size_t i = 0; i < n_vports; i++)
		if (!vport_ok(&vports[i], toeplitz))
			return false;
	for (size_t i = 0; i < n_filters; i++)
		if (!filter_ok(&filters[i], n_vports))
			return false;
	return true;
}

/* Makes room for everything. Returns false without memory; rxmap_free frees what there is. */
static bool
make_room(struct rxmap *map, const struct rxmap_vport *vports, size_t n_vports, size_t n_filters)
{
	size_t n_slots = 0, size = 2;

	for (size_t i = 0; i < n_vports; i++)
		n_slots += vports[i].n_entries ? vports[i].n_entries : 1;
	map->shift = 63;
	for (; size < TABLE_SPACE * n_filters; size *= 2)
		map->shift--;
	map->table_mask = size - 1;
	map->slots = calloc(n_slots, sizeof(map->slots[0]));
	map->table = aligned_alloc(CACHE_LINE, (size * sizeof(map->table[0]) + CACHE_LINE - 1) & ~(CACHE_LINE - 1));
	if (!map->slots || !map->table)
		return false;
	for (size_t i = 0; i < size; i++)
		map->table[i] = (struct target){ .key = KEY_EMPTY };
	return true;
}

/* Copies the entries of all vports; out[i] becomes the target that leads to vport i. */
static void
fill_slots(struct rxmap *map, const struct rxmap_vport *vports, size_t n_vports, struct target *out)
{
	uint32_t first = 0;

	for (size_t i = 0; i < n_vports; i++) {
		uint16_t n = vports[i].n_entries;

		out[i] = (struct target){ KEY_EMPTY, first, (uint16_t)(n > 1 ? n - 1 : 0), (uint16_t)i };
		if (n > 0)
			memcpy(map->slots + first, vports[i].entry, n * sizeof(map->slots[0]));
		first += n > 0 ? n : 1;
	}
}

static void
fill_table(struct rxmap *map, const struct target *targets, const struct rxmap_filter *filters, size_t n_filters)
{
	for (size_t i = 0; i < n_filters; i++) {
		uint8_t bytes[8] = { 0 };
		struct target *place;
		uint64_t key;

		memcpy(bytes, filters[i].mac.byte, MAC_LEN);
		key = filter_key(bytes, filters[i].vid);
		place = find(map, key);
		if (place->key == key)
			continue;
		*place = targets[filters[i].vport];
		place->key = key;
		map->has_any |= filters[i].vid == RXMAP_VID_ANY;
	}
}

struct rxmap *
rxmap_new(const struct rxmap_vport *vports, size_t n_vports, const struct rxmap_filter *filters, size_t n_filters,
	  const struct toeplitz *toeplitz, unsigned hash_types)
{
	struct target *targets = NULL;
	struct rxmap *map;

	if (!args_ok(vports, n_vports, filters, n_filters, toeplitz) || hash_types & ~(unsigned)HASH_TYPES_ALL)
		return NULL;
	map = calloc(1, sizeof(*map));
	if (!map)
		return NULL;
	targets = malloc(n_vports * sizeof(targets[0]));
	if (!targets || !make_room(map, vports, n_vports, n_filters))
		goto free_map;
	flowhash_init(&map->hash, toeplitz, hash_types);
	fill_slots(map, vports, n_vports, targets);
	map->by_default = targets[0];
	fill_table(map, targets, filters, n_filters);
	free(targets);
	return map;

free_map:
	free(targets);
	rxmap_free(map);
	return NULL;
}

void
rxmap_free(struct rxmap *map)
{
	if (!map)
		return;
	free(map->table);
	free(map->slots);
	free(map);
}

/* Group frames need no question: no filter has a group address. */
static const struct target *
filter_frame(const struct rxmap *map, const uint8_t *frame, uint16_t vid)
{
	const struct target *found = find(map, filter_key(frame, vid));

	if (found->key == KEY_EMPTY && map->has_any)
		found = find(map, filter_key(frame, RXMAP_VID_ANY));
	return found->key == KEY_EMPTY ? &map->by_default : found;
}

unsigned
rxmap_vport(const struct rxmap *map, const uint8_t *mac, uint16_t vid)
{
	return filter_frame(map, mac, vid)->vport;
}

/* len is READ_LEN at least. The tag is taken by arithmetic: tagged and untagged frames come mixed, no branch learns it. */
static inline void
classify(const struct rxmap *map, const uint8_t *frame, size_t len, struct rxmap_verdict *out)
{
	unsigned tagged = get_be16(frame + ETH_ADDRS_LEN) == TYPE_VLAN;
	size_t at = ETH_HEADER_LEN + tagged * VLAN_TAG_LEN;
	uint16_t vid = (uint16_t)(get_be16(frame + ETH_HEADER_LEN) & tagged * 0xfff);
	const struct target *target = filter_frame(map, frame, vid);
	uint32_t hash = 0;

	out->hash_type = flowhash_ip(&map->hash, frame + at, len - at, get_be16(frame + at - 2), &hash);
	out->hash = hash;
	out->vport = target->vport;
	out->slot = map->slots[target->first + (hash & target->mask)];
}

static __attribute__((noinline)) void
classify_short(const struct rxmap *map, const uint8_t *frame, size_t len, struct rxmap_verdict *out)
{
	uint8_t padded[READ_LEN] = { 0 };

	if (len < ETH_HEADER_LEN) {
		*out = (struct rxmap_verdict){ .slot = map->slots[0] };
		return;
	}
	memcpy(padded, frame, len);
	classify(map, padded, READ_LEN, out);
}

void
rxmap_classify(const struct rxmap *map, const uint8_t *frame, size_t len, struct rxmap_verdict *out)
{
	if (len < READ_LEN)
		classify_short(map, frame, len, out);
	else
		classify(map, frame, len, out);
}
