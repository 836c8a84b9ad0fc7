/*
 * forward.c - a burst from its ingress port to wherever it belongs.
 *
 * Two passes: classify the whole burst, then deliver per destination, each once. Frames of one destination keep their
 * order. Flooded frames are delivered one by one, at their place.
 */
#include <string.h>

#include <rte_branch_prediction.h>

#include "nic/deliver.h"
#include "pkt/build.h"
#include "pkt/wire.h"
#include "vsw/learn.h"
#include "vsw/switch.h"

#define TO_NOBODY (-1) /* ended already */
#define TO_ALL (-2)
#define NOT_MEMBER (-2) /* beside PKT_TAG_NONE (-1) and TCIs */

static bool
allowed(const struct port_conf *conf, uint16_t vid)
{
	return conf->allowed[vid / 64] >> (vid % 64) & 1;
}

/* Puts the frame into its VLAN: IEEE 802.1Q-2022, 6.9. False when the port may not speak there. */
static bool
vlan_ingress(const struct port_conf *conf, struct pkt *pkt)
{
	/* A priority tag is not kept, and Linux for one looks behind it for the VLAN. */
	if (unlikely(pkt->tagged) && pkt->vid == 0 && pkt_has_inner_tag(pkt))
		return false;
	switch (conf->vlan) {
	case PORT_UNTAGGED:
		return pkt->vid == 0;
	case PORT_ACCESS:
		if (pkt->vid != 0)
			return false;
		pkt->vid = conf->vid;
		return true;
	case PORT_TRUNK:
		if (pkt->vid == 0)
			pkt->vid = conf->vid;
		return allowed(conf, pkt->vid);
	}
	return false;
}

/* The tag that pkt leaves with towards a port, PKT_TAG_NONE, or NOT_MEMBER. */
static inline int
vlan_egress(const struct port_conf *conf, const struct pkt *pkt)
{
	switch (conf->vlan) {
	case PORT_UNTAGGED:
		return pkt->vid == 0 ? PKT_TAG_NONE : NOT_MEMBER;
	case PORT_ACCESS:
		return pkt->vid == conf->vid ? PKT_TAG_NONE : NOT_MEMBER;
	case PORT_TRUNK:
		if (!allowed(conf, pkt->vid) || (pkt->vid == conf->vid && pkt_has_inner_tag(pkt)))
			return NOT_MEMBER;
		return pkt->vid == conf->vid || pkt->vid == 0 ? PKT_TAG_NONE : pkt->pcp << 13 | pkt->vid;
	}
	return NOT_MEMBER;
}

static int
ended(const struct port *in, unsigned lane, enum drop_reason why)
{
	drop_rx(in->vport, lane, why);
	return TO_NOBODY;
}

/* Whether another port has this address for its own in the frame's VLAN. */
static bool
is_own_of_another(const struct port *in, const struct port_conf *conf, const struct mac *src, const struct pkt *pkt)
{
	const struct port_set *set = atomic_load_explicit(&in->sw->ports, memory_order_acquire);
	uint64_t key = fdb_key(src->byte, pkt->vid != 0 ? pkt->vid : conf->vid);
	int slot = fdb_lookup(in->sw->fdb, key);
	const struct port *owner = slot >= 0 && (unsigned)slot < set->n ? set->port[slot] : NULL;

	return owner != NULL && owner != in && port_has_address(owner, key);
}

/* Whether the port's own address is not known yet, and may be src: then it is, if no frame was faster. */
static bool
is_first_source(struct port *in, const struct port_conf *conf, const struct mac *src, const struct pkt *pkt)
{
	uint64_t none = 0, first = 0;

	if (!mac_is_zero(&conf->mac) || is_own_of_another(in, conf, src, pkt))
		return false;
	memcpy(&first, src, sizeof(*src));
	if (atomic_load_explicit(&in->first_source, memory_order_relaxed) == 0)
		atomic_compare_exchange_strong_explicit(&in->first_source, &none, first, memory_order_relaxed,
							memory_order_relaxed);
	return true;
}

/*
 * Source check, VLAN, learn, look up. Returns the destination's slot, TO_ALL, or TO_NOBODY: then it was counted.
 *
 * Learn before lookup: a frame that a station sends to itself must find that station on this port and be filtered, not
 * flooded (IEEE 802.1Q-2022, 8.7).
 */
static int
classify(struct lane *lane, struct port *in, const struct port_conf *conf, struct pkt *pkt)
{
	struct vswitch *sw = in->sw;
	const struct mac *dst = (const struct mac *)&pkt->hdr[0], *src = (const struct mac *)&pkt->hdr[MAC_LEN];
	uint64_t key;
	int slot;

	if (unlikely(mac_is_group(src) || mac_is_zero(src)))
		return ended(in, lane->id, DROP_BAD_SOURCE);
	if (conf->spoof_check && unlikely(!mac_equal(src, &conf->mac)) && !is_first_source(in, conf, src, pkt))
		return ended(in, lane->id, DROP_SPOOFED);
	if (unlikely(!vlan_ingress(conf, pkt)))
		return ended(in, lane->id, DROP_VLAN_DENIED);

	key = fdb_key(src->byte, pkt->vid);
	if (unlikely(!fdb_refresh(sw->fdb, key, in->slot, learn_now_s())))
		learn_tell(lane->id, key, sw->index, in->slot);

	if (mac_is_group(dst))
		return mac_is_link_local(dst) ? ended(in, lane->id, DROP_LINK_LOCAL) : TO_ALL;
	slot = fdb_lookup(sw->fdb, fdb_key(dst->byte, pkt->vid));
	if (slot == FDB_MISS)
		return TO_ALL;
	if (unlikely((unsigned)slot == in->slot))
		return ended(in, lane->id, DROP_SAME_PORT);
	return slot;
}

/* What was found for the last frame with a known receiver; it holds for the next one of the same addresses and VLAN. */
struct last {
	uint8_t addrs[ETH_ADDRS_LEN];
	uint16_t vid; /* behind vlan_ingress */
	int slot;     /* TO_NOBODY: nothing is known */
};

/* Frames of a flow come together: most of a burst needs no look into the tables. Only untagged ones are compared. */
static inline int
classify_next(struct lane *lane, struct port *in, const struct port_conf *conf, struct pkt *pkt, struct last *last)
{
	enum drop_reason why;
	int slot;

	if (unlikely(burst_admit(&lane->burst, pkt, &why) != 0))
		return ended(in, lane->id, why);
	if (last->slot >= 0 && !pkt->tagged && memcmp(pkt->hdr, last->addrs, ETH_ADDRS_LEN) == 0) {
		pkt->vid = last->vid;
		return last->slot;
	}
	slot = classify(lane, in, conf, pkt);
	if (slot >= 0 && !pkt->tagged) {
		memcpy(last->addrs, pkt->hdr, ETH_ADDRS_LEN);
		last->vid = pkt->vid;
		last->slot = slot;
	}
	return slot;
}

static struct sink *
port_sink(const struct port *out)
{
	return atomic_load_explicit((struct sink * _Atomic *)(uintptr_t)&out->sink, memory_order_acquire);
}

/* To every other port in the frame's VLAN. Returns whether anybody took it. */
static bool
flood(struct lane *lane, const struct port_set *set, struct port *in, struct pkt *pkt)
{
	unsigned receivers = 0, taken = 0;

	for (unsigned slot = 0; slot < set->n; slot++) {
		struct port *out = set->port[slot];
		struct sink *sink;
		int tag;

		if (out == NULL || out == in)
			continue;
		tag = vlan_egress(atomic_load_explicit(&out->conf, memory_order_acquire), pkt);
		if (tag == NOT_MEMBER)
			continue;
		sink = port_sink(out);
		if (sink != NULL && sink->ops->wants != NULL && !sink->ops->wants(sink, lane, pkt))
			continue;
		/* Before it arrives, or whoever reads the books meanwhile finds more out than in. */
		if (receivers++ > 0)
			count_add(&in->vport->stats[lane->id].copies, 1);
		taken += deliver(lane, out->vport, sink, &pkt, &tag, 1);
	}
	if (receivers == 0)
		drop_rx(in->vport, lane->id, DROP_NO_RECEIVER);
	return taken > 0;
}

/* All frames of the burst from `first` on that go where that one goes. Returns how many of them ended in a drop. */
static unsigned
deliver_group(struct lane *lane, const struct port_set *set, struct port *in, struct burst *b, int16_t *to,
	      unsigned first)
{
	struct pkt *group[PKT_BURST];
	int tags[PKT_BURST];
	unsigned slot = (unsigned)to[first], n = 0, dropped = 0;
	struct port *out = slot < set->n ? set->port[slot] : NULL;
	const struct port_conf *conf = out ? atomic_load_explicit(&out->conf, memory_order_acquire) : NULL;

	for (unsigned i = first; i < b->n; i++) {
		int tag;

		if (to[i] != (int16_t)slot)
			continue;
		to[i] = TO_NOBODY;
		tag = out != NULL ? vlan_egress(conf, &b->pkt[i]) : NOT_MEMBER;
		if (unlikely(tag == NOT_MEMBER)) {
			drop_rx(in->vport, lane->id, DROP_NO_RECEIVER);
			dropped++;
			continue;
		}
		tags[n] = tag;
		group[n++] = &b->pkt[i];
	}
	return dropped + n - (n > 0 ? deliver(lane, out->vport, port_sink(out), group, tags, n) : 0);
}

unsigned
switch_input(struct lane *lane, struct ingress *ingress, struct burst *b)
{
	struct port *in = (struct port *)ingress;
	const struct port_set *set = atomic_load_explicit(&in->sw->ports, memory_order_acquire);
	const struct port_conf *conf = atomic_load_explicit(&in->conf, memory_order_acquire);
	struct vport_stats *books = &in->vport->stats[lane->id];
	struct last last = { .slot = TO_NOBODY };
	int16_t to[PKT_BURST];
	uint64_t bytes = 0;
	unsigned dropped = 0;

	for (unsigned i = 0; i < b->n; i++) {
		bytes += b->pkt[i].len;
		to[i] = (int16_t)classify_next(lane, in, conf, &b->pkt[i], &last);
		dropped += to[i] == TO_NOBODY;
	}
	count_add(&books->rx_packets, b->n);
	count_add(&books->rx_bytes, bytes);
	for (unsigned i = 0; i < b->n; i++) {
		if (to[i] == TO_ALL)
			dropped += !flood(lane, set, in, &b->pkt[i]);
		else if (to[i] != TO_NOBODY)
			dropped += deliver_group(lane, set, in, b, to, i);
	}
	return dropped;
}
