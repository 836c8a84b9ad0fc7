#ifndef NIC_SPREAD_H
#define NIC_SPREAD_H
/*
 * spread.h - receive side scaling towards a vport's own receiver: the Toeplitz hash of a packet and an indirection table
 * pick one of its queues. The same hash that the front end uses, from headers that are parsed already.
 */
#include "nic/rxmap.h"
#include "pkt/pkt.h"

struct spread {
	const struct toeplitz *toeplitz; /* borrowed */
	unsigned hash_types;             /* HASH_* */
	uint16_t n_entries;              /* power of two */
	uint16_t entry[RXMAP_TABLE_MAX]; /* queue indexes */
};

/* Fills s for queues 0..n_queues-1, round robin over a table of at least 4 entries a queue (NDIS: 2 to 8 a processor); one queue needs no hash. */
void spread_init(struct spread *s, const struct toeplitz *toeplitz, unsigned n_queues);

/* Hash of a packet that was let pass and the HASH_* type it was made by, 0 for both when none applies. Lanes. */
uint32_t spread_hash(const struct spread *s, struct pkt *pkt, uint8_t *type);

/* Queue index for pkt. Lanes. */
unsigned spread_queue(const struct spread *s, struct pkt *pkt);
#endif
