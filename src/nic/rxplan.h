#ifndef NIC_RXPLAN_H
#define NIC_RXPLAN_H
/*
 * rxplan.h - what an adapter's front end sorts frames by: receive filters, a table of rings for each vport; and how it goes
 * from one plan to the next without losing a frame or letting one overtake another of its flow.
 *
 * A plan is immutable and replaced as a whole. The front end is the one producer of all rings. Before the first frame that it
 * sorts by a new plan it adopts the plan: it notes the position of every ring, the ring's fence, all at one moment. What it put in
 * before lies before the fences, what it puts in from now on behind them. Where the new plan leads a flow from ring A to ring B,
 * B waits for A: B has a limit, its own fence, until A's consumer has passed A's fence. Control looks when that is, and lifts it.
 *
 *	old plan:  flow f -> A, flow g -> B          A: f f f | g g          B: g g | f f f
 *	new plan:  flow f -> B, flow g -> A                   fence               fence
 *
 * What precedes a fence waits for nothing but its processor; what follows one waits only for what precedes fences. So no circle
 * of rings can come to a standstill, and rings that no flow comes to go on as ever.
 *
 *	state		front end				control
 *	LIVE		sorts by it				may publish the next one
 *	NEW		may adopt: FENCING			may adopt in its place, when no lane sorts by the former plan any more
 *	FENCING		(who adopts: notes, then LIVE)		waits; the other one polls nothing meanwhile
 *
 * Control adopts where no front end runs: it sleeps, its processor gets no time, the uplink is away.
 *
 * A ring whose processor gets no time at all bounds the wait: after RXPLAN_WAIT_NS limits are lifted in any case, and what is left in a
 * ring that goes away is the caller's to count.
 */
#include "base/addr.h"
#include "nic/rxmap.h"
#include "nic/rxring.h"

#define RXPLAN_WAIT_NS 2000000000ull /* a ring of an emulated processor at 1 % takes about a second. Our choice */

enum rxplan_state { RXPLAN_LIVE, RXPLAN_NEW, RXPLAN_FENCING };

struct rxplan_change;

struct rxplan {
	struct rxmap *map;         /* its indirection entries are indexes into ring[] */
	struct toeplitz *toeplitz; /* NULL when no vport spreads */
	_Atomic int state;
	/* Control only: what the next plan is compared with. */
	uint8_t key[TOEPLITZ_KEY_LEN];
	unsigned hash_types;
	unsigned n_vports;
	struct rxmap_vport *vport;
	struct rxmap_filter *filter;  /* of vport 1 and so on, one each */
	uint16_t *entry;              /* of all vports */
	struct rxplan_change *change; /* valid until the plan is LIVE and its limits are lifted */

	unsigned n_rings;
	struct rxring *ring[]; /* [0]: the default queue's */
};

/* The rings of one vport and how its frames are spread over them. */
struct rxplan_share {
	struct mac mac; /* its filter; the first share is the default vport's, which has none */
	uint16_t vid;   /* RXMAP_VID_* */
	struct rxring *const *ring;
	unsigned n_rings; /* 1 or more; all of the plan's 65535 at most */
	unsigned
		n_entries; /* of its indirection table: a power of two up to RXMAP_TABLE_MAX; of no meaning with one ring */
	unsigned first, n_used; /* the table leads to n_used rings from `first` on, 1 or more; the others stay empty */
};

struct rxplan_hash {
	const uint8_t *key; /* TOEPLITZ_KEY_LEN bytes */
	unsigned types;     /* HASH_* */
};

/*
 * A plan for shares[0..n), n >= 1, that is to follow `former` (NULL: the first one): everything that can fail is done here. A frame
 * without a hash goes where the first entry of its vport's table says. Returns NULL without memory or with arguments that rxmap_new
 * refuses. Control.
 */
struct rxplan *rxplan_new(const struct rxplan *former, const struct rxplan_share *shares, unsigned n,
			  const struct rxplan_hash *hash);

/* Whether both lead every frame to the same ring: then there is nothing to switch. Control. */
bool rxplan_equal(const struct rxplan *a, const struct rxplan *b);

/* Frees a plan that no lane can see; NULL is all right. Its rings are the caller's. Control. */
void rxplan_free(struct rxplan *plan);

/*
 * Publishes next in *at, in place of the plan that it was made to follow, waits until all flows that change rings have done so, and frees
 * the former plan. Then no lane puts a frame into a ring that next does not have, and such a ring is empty, unless the wait was given
 * up. Returns whether all consumers passed their fences. Control.
 */
bool rxplan_switch(struct rxplan *_Atomic *at, struct rxplan *next);

/* Adopts a plan that is not LIVE. Returns whether it is LIVE now; if not, somebody is at it: poll nothing. Front end, control. */
bool rxplan_adopt(struct rxplan *plan);

/* Whether frames may be sorted by plan. Front end. */
static inline bool
rxplan_is_ready(struct rxplan *plan)
{
	return likely(atomic_load_explicit(&plan->state, memory_order_acquire) == RXPLAN_LIVE) || rxplan_adopt(plan);
}
#endif
