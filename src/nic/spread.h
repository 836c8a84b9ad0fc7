#ifndef NIC_SPREAD_H
#define NIC_SPREAD_H
/*
 * spread.h - vRSS: the Toeplitz hash of a packet and an indirection table pick one of its receiver's queues. The same hash that the
 * front end uses (flowhash.h), so that by the same key, types and table what came by ring i of a port ends in its queue i.
 */
#include "nic/flowhash.h"
#include "nic/rxmap.h"
#include "pkt/pkt.h"

/* What control wants of a port, whichever of its queues the receiver uses at the moment. */
struct spread_rule {
	bool enabled;                    /* vRSS; off: everything goes to the first queue */
	const struct toeplitz *toeplitz; /* borrowed while any spread is made of it */
	unsigned hash_types;             /* HASH_* */
	uint16_t n_entries;              /* power of two up to RXMAP_TABLE_MAX; 0: as spread_fill makes them */
	uint16_t entry[RXMAP_TABLE_MAX]; /* queue indexes */
};

/* A rule carried out; immutable. */
struct spread {
	struct flowhash hash;
	uint16_t n_entries;              /* power of two */
	uint16_t entry[RXMAP_TABLE_MAX]; /* queue indexes */
};

/* The default: on, all types but _EX, a table of its own. */
void spread_rule_init(struct spread_rule *rule, const struct toeplitz *toeplitz);

/* Fills entry with queues 0..n_queues-1, round robin; returns how many entries: at least 4 a queue (NDIS: 2 to 8 a processor). Control. */
uint16_t spread_fill(uint16_t entry[RXMAP_TABLE_MAX], unsigned n_queues);

/*
 * Carries a rule out over the n queues, 1 or more, that the receiver uses; queue: their indexes, ascending, NULL for 0..n-1. With all
 * of them in use each entry means what it says. While there are fewer, an entry's queue counts modulo n; the first ones, where the
 * table names none of them, stay left out as far as there are others. One queue needs no hash. Control.
 */
void spread_init(struct spread *s, const struct spread_rule *rule, const uint16_t *queue, unsigned n);

/* Hash of a packet that was let pass and the HASH_* type it was made by, 0 for both when none applies. Lanes. */
uint32_t spread_hash(const struct spread *s, const struct pkt *pkt, uint16_t *type);

/* Queue index for pkt. Lanes. */
unsigned spread_queue(const struct spread *s, const struct pkt *pkt);
#endif
