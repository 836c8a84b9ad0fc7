#ifndef NIC_HWQUEUE_H
#define NIC_HWQUEUE_H
/*
 * hwqueue.h - receive queues of a NIC that hashes by itself: what it has to be able to, how it is told, and each of its queues as a
 * source.
 *
 * What decides is the ethdev's own word (rte_eth_dev_info), never which driver it is: several receive queues, an indirection table, a
 * hash key of 40 bytes, and the hash types that are asked for. hwrss.h says when such queues serve an adapter.
 *
 * A queue of an ethdev tells nobody that it has frames, so its worker has to look: more and more seldom while there are none, and once
 * in a millisecond when it sleeps (a mute source, source.h).
 */
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "nic/rxmap.h"
#include "nic/source.h"

#define HWQUEUES_MAX \
	16 /* of one uplink; each keeps descriptors full of its buffers, HWQUEUE_DESC in all (uplink.c). Our choice */
#define HWQUEUE_DESC 4096
#define HWQUEUE_TABLE_MAX 512 /* RTE_ETH_RSS_RETA_SIZE_512: our own largest table, too */

/* What the NIC is to do. */
struct hwqueue_rule {
	unsigned queues;     /* 0 or 1: nothing, one queue is enough */
	unsigned hash_types; /* HASH_* */
	unsigned entries;    /* of the table, a power of two */
	uint8_t key[TOEPLITZ_KEY_LEN];
};

_Static_assert(sizeof(struct hwqueue_rule) == 3 * sizeof(unsigned) + TOEPLITZ_KEY_LEN, "rules are compared as memory");

struct frontend;
struct rte_eth_conf;

/*
 * Whether the ethdev can do all of it. A table longer than the rule's will do, since both go by the low bits of the hash: it holds the
 * rule's several times. Control.
 */
bool hwqueue_can(uint16_t port, const struct hwqueue_rule *rule);

/* Adds to conf, for rte_eth_dev_configure, that the port hashes by rule, which it can. Control. */
void hwqueue_configure(uint16_t port, const struct hwqueue_rule *rule, struct rte_eth_conf *conf);

/*
 * Programs key and types, then the table: entry[0..n_entries), a power of two, receive queues of the port. What can be read back is
 * compared. Returns 0; -EIO when something else is read, or what the driver says. After an error the port hashes by anything, but it was
 * told only of queues that entry names. Control.
 */
int hwqueue_program(uint16_t port, const struct hwqueue_rule *rule, const uint16_t *entry, unsigned n_entries);

/* Programs a table that leads to receive queue 0 alone. Returns 0 or what the driver says. Control. */
int hwqueue_unite(uint16_t port);

/* One receive queue. */
struct hwqueue {
	struct source source;
	const struct frontend *fe; /* whose uplink it is of, and whether that one's word on checksums counts */
	uint16_t index;
	/* Written by: the worker whose queue it is. */
	_Atomic uint64_t look_at; /* cycles: not to be looked at before */
	_Atomic uint64_t empty;   /* times that it was found empty, or the uplink absent */
	uint64_t gap;             /* cycles: between the last two such looks */
};

/* Those of an adapter: hwrss.h. */
struct hwrss {
	struct hwqueue queue[HWQUEUES_MAX]; /* [i]: source of queue i of the default vport */
	unsigned n;                         /* of them in use; 0: the front end sorts */
	struct hwqueue_rule refused;        /* what the uplink said it can, and could not: it is not asked again */
};

/* Makes q the source of receive queue index of fe's uplink, whose frames enter `ingress`. No lane knows q. Control. */
void hwqueue_init(struct hwqueue *q, const struct frontend *fe, unsigned index, struct ingress *ingress);

/* How often q was found empty so far. Two more than at a moment: what came before that moment was taken. Control. */
uint64_t hwqueue_empty(const struct hwqueue *q);
#endif
