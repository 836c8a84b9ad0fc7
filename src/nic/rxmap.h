#ifndef NIC_RXMAP_H
#define NIC_RXMAP_H
/*
 * rxmap.h - what a NIC's silicon does with an arriving frame: receive filter (destination MAC and VLAN) picks
 * the vport, a Toeplitz hash and the vport's indirection table pick the queue.
 *
 * A struct rxmap is immutable: built by the control thread, published by RCU, read by the front end. Filters are
 * tested as NDIS says: fields inside one AND, filters of one vport OR; a frame that no filter accepts, and each
 * group frame, belongs to the default vport (index 0). Of two filters that accept a frame, the one that names its
 * VLAN counts before RXMAP_VID_ANY.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "nic/flowhash.h"

#define RXMAP_VID_ANY 0xffff /* any tag or none: a trunk's filter (NDIS 6.30: MAC only, flag clear) */
#define RXMAP_VID_UNTAGGED 0 /* untagged or VID 0 */
#define RXMAP_TABLE_MAX 512  /* indirection entries of one vport; a power of two */

struct rxmap_filter {
	struct mac mac;
	uint16_t vid;   /* RXMAP_VID_UNTAGGED, 1 to 4094, or RXMAP_VID_ANY */
	uint16_t vport; /* index into vports, not 0 */
};

struct rxmap_vport {
	uint16_t
		n_entries; /* power of two up to RXMAP_TABLE_MAX; 0 or 1: no spreading, entry[0] (0 when there is none) */
	const uint16_t *entry; /* queue slot per entry: what rxmap_classify returns; copied by rxmap_new */
};

struct rxmap;

/*
 * Builds a map. vports[0..n_vports) with n_vports from 1 to 65536, filters[0..n_filters) naming them, their MACs neither
 * zero nor group addresses; the first of two equal filters counts. toeplitz may be NULL when no vport spreads; it is
 * borrowed and must outlive the map. With it every frame's hash is computed, whether its vport spreads or not.
 * hash_types: HASH_*, for all vports. Returns NULL without memory or with arguments out of range. Control thread.
 */
struct rxmap *rxmap_new(const struct rxmap_vport *vports, size_t n_vports, const struct rxmap_filter *filters,
			size_t n_filters, const struct toeplitz *toeplitz, unsigned hash_types);
void rxmap_free(struct rxmap *map);

/* The vport whose filter accepts destination MAC mac[0..6), which is no group address, in a VLAN; 0: none. Eight bytes are read. Lanes. */
unsigned rxmap_vport(const struct rxmap *map, const uint8_t *mac, uint16_t vid);

struct rxmap_verdict {
	uint16_t vport; /* 0: default */
	uint16_t slot;  /* queue slot, from the vport's indirection table */
	uint32_t hash;
	uint16_t hash_type; /* one HASH_* bit, 0 when no hash could be computed (then entry[0]) */
};

/*
 * Classifies one frame, at most len contiguous bytes of it looked at; any bytes, any length. Below 14 bytes: default
 * vport, no hash. One 802.1Q tag counts. flowhash.h says what is hashed. Front end and workers.
 */
void rxmap_classify(const struct rxmap *map, const uint8_t *frame, size_t len, struct rxmap_verdict *out);
#endif
