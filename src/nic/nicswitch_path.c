/*
 * nicswitch_path.c - bursts through an adapter's switch; see nicswitch.h.
 *
 * Frames of members are parsed first, so that what is wrong with them is counted at their sender; what goes on to the external switch is
 * made again what that one parses. Frames from the wire are looked at raw, since most of them are the external switch's.
 */
#include <stddef.h>
#include <string.h>

#include <rte_branch_prediction.h>
#include <rte_common.h>

#include "nic/deliver.h"
#include "nic/nicswitch_table.h"
#include "pkt/wire.h"

/* Where a frame goes; a number from 0 on is a member's slot. */
#define TO_NOBODY (-1) /* ended already, or left to be handed on */
#define TO_WIRE (-2)
#define TO_HOST (-3)
#define TO_MANY (-4) /* a group, or an address that nobody knows */

#define FROM_OUTSIDE (-1) /* in place of a sender's slot */

/* A burst on its way through. */
struct pass {
	struct lane *lane;
	struct nicswitch *ns;
	const struct nicswitch_table *t;
};

/* The table of the present burst, the same for all that it meets on its way. */
static inline const struct nicswitch_table *
present_table(struct lane *lane, const struct nicswitch *ns)
{
	if (lane->table == NULL || lane->table->ns != ns)
		lane->table = atomic_load_explicit((const struct nicswitch_table *_Atomic *)(uintptr_t)&ns->table,
						   memory_order_acquire);
	return lane->table;
}

static inline const struct nicswitch_entry *
entry_of(const struct nicswitch_table *t, const struct nicswitch_member *m)
{
	return m->slot < t->n && t->entry[m->slot].member == m ? &t->entry[m->slot] : NULL;
}

/* ---- rules ---- */

static bool
has_bit(const uint64_t *bits, unsigned i)
{
	return bits[i / 64] >> (i % 64) & 1;
}

static inline bool
is_in_vlan(const struct nicswitch_rules *r, uint16_t vid)
{
	if (r->vlan != 0)
		return vid == r->vlan;
	return r->all_vlans || has_bit(r->vlans, vid);
}

unsigned
nicswitch_hash(const uint8_t mac[MAC_LEN], unsigned multicast_type)
{
	static const uint8_t shift[] = { 4, 3, 2, 0 }; /* of the two last bytes, the last one higher */

	return (((unsigned)mac[5] << 8 | mac[4]) >> shift[multicast_type & 3]) & (NICSWITCH_HASHES - 1);
}

static bool
is_broadcast(const uint8_t *mac)
{
	return (mac[0] & mac[1] & mac[2] & mac[3] & mac[4] & mac[5]) == 0xff;
}

static bool
is_subscribed(const struct nicswitch_rules *r, const uint8_t *group)
{
	if (r->promiscuous)
		return true;
	if (is_broadcast(group))
		return r->broadcast;
	return r->all_multicast || has_bit(r->multicast, nicswitch_hash(group, r->multicast_type));
}

static bool
owns(const struct nicswitch_rules *r, const uint8_t *mac)
{
	for (unsigned i = 0; i < r->n_macs && i < NICSWITCH_MACS_MAX; i++)
		if (memcmp(r->mac[i].byte, mac, MAC_LEN) == 0)
			return true;
	return false;
}

/* The slot that a filter names for a unicast address; below 0: none. */
static inline int
find(const struct nicswitch_table *t, const uint8_t *dst, uint16_t vid)
{
	int slot = (int)rxmap_vport(t->map, dst, vid) - 1;

	return slot >= 0 && is_in_vlan(&t->entry[slot].rules, vid) ? slot : -1;
}

/* The tag with which a frame leaves for the wire or the external switch, and for a member. */
static inline int
tag_outside(const struct pkt *pkt)
{
	return pkt->vid == 0 ? PKT_TAG_NONE : pkt->pcp << 13 | pkt->vid;
}

static inline int
tag_inside(const struct nicswitch_rules *r, const struct pkt *pkt)
{
	return r->vlan != 0 ? PKT_TAG_NONE : tag_outside(pkt);
}

/* A priority tag is not kept, and who gets the frame would look behind it for the VLAN: no way in may let such a frame pass. */
static inline bool
hides_a_tag(const struct pkt *pkt)
{
	return unlikely(pkt->tagged) && pkt->vid == 0 && pkt_has_inner_tag(pkt);
}

/* Puts a member's frame into its VLAN. False when it may not speak there. */
static bool
vlan_ingress(const struct nicswitch_rules *r, struct pkt *pkt)
{
	if (hides_a_tag(pkt))
		return false;
	if (r->vlan == 0)
		return is_in_vlan(r, pkt->vid);
	if (pkt->vid != 0)
		return false;
	pkt->vid = r->vlan;
	return true;
}

/* ---- delivery ---- */

/* All of pkts[first..n) that go where the first one goes. Returns how many of them nobody took. */
static unsigned
deliver_group(const struct pass *p, struct pkt *const *pkts, int16_t *to, unsigned first, unsigned n)
{
	const struct nicswitch_entry *e = to[first] >= 0 ? &p->t->entry[to[first]] : NULL;
	struct pkt *group[PKT_BURST];
	int tags[PKT_BURST];
	int16_t where = to[first];
	unsigned k = 0;

	for (unsigned i = first; i < n; i++) {
		if (to[i] != where)
			continue;
		to[i] = TO_NOBODY;
		tags[k] = e != NULL ? tag_inside(&e->rules, pkts[i]) : tag_outside(pkts[i]);
		group[k++] = pkts[i];
	}
	if (e != NULL)
		return k - deliver(p->lane, e->vport, e->rules.sink, group, tags, k);
	return k - deliver(p->lane, p->ns->is.wire, p->ns->is.uplink, group, tags, k);
}

/*
 * Copies of a group frame, or of one for an unknown address, to the members that want it. receivers: how many it has so far; those beyond the
 * first are the sender's copies. Returns whether any took it.
 */
static bool
copy_to_members(const struct pass *p, struct vport *sender, int from, struct pkt *pkt, unsigned *receivers)
{
	bool group = pkt->hdr[0] & 1;
	unsigned taken = 0;

	for (unsigned slot = 0; slot < p->t->n; slot++) {
		const struct nicswitch_entry *e = &p->t->entry[slot];
		const struct nicswitch_rules *r = &e->rules;
		int tag;

		if (e->member == NULL || (int)slot == from || r->through != NULL || !is_in_vlan(r, pkt->vid) ||
		    (group ? !is_subscribed(r, pkt->hdr) : !r->promiscuous))
			continue;
		/* Before it arrives, or whoever reads the books meanwhile finds more out than in. */
		if ((*receivers)++ > 0)
			count_add(&sender->stats[p->lane->id].copies, 1);
		tag = tag_inside(r, pkt);
		taken += deliver(p->lane, e->vport, r->sink, &pkt, &tag, 1);
	}
	return taken > 0;
}

/* Hands the frames [first, first + n) of b, as they came, to the external switch. Returns how many end in a drop only. */
static unsigned
enter_host(const struct pass *p, const struct burst *b, unsigned first, unsigned n)
{
	struct ingress *host = p->ns->is.host.ingress;
	struct burst part = {
		.n = n, .pkt = b->pkt + first, .seg = b->seg + (size_t)first * BURST_SEGS, .room = burst_room(b, first)
	};
	unsigned dropped;

	p->lane->from_nic = true;
	dropped = host->input(p->lane, host, &part);
	p->lane->from_nic = false;
	return dropped;
}

/* The same of all frames of b whose bit is set, in as few parts as may be. */
static unsigned
enter_host_all(const struct pass *p, const struct burst *b, uint32_t which)
{
	unsigned dropped = 0;

	while (which != 0) {
		unsigned first = (unsigned)__builtin_ctz(which);
		uint32_t behind = ~(which >> first); /* a bit above the run: it is shorter than 32, or all */
		unsigned n = behind != 0 ? (unsigned)__builtin_ctz(behind) : PKT_BURST;

		dropped += enter_host(p, b, first, n);
		which &= n + first < PKT_BURST ? UINT32_MAX << (first + n) : 0;
	}
	return dropped;
}

_Static_assert(PKT_BURST == 32, "a burst is a word of bits");

/* ---- from a member ---- */

static int
ended(const struct pass *p, const struct nicswitch_entry *e, enum drop_reason why)
{
	drop_rx(e->vport, p->lane->id, why);
	return TO_NOBODY;
}

/* Where a unicast frame goes that no member has the address of. */
static int
place_unknown(const struct pass *p, const struct pkt *pkt)
{
	const struct nicswitch_host *host = &p->ns->is.host;
	enum nicswitch_place at = host->locate(host->ingress, pkt->hdr, pkt->vid);

	if (at == NICSWITCH_HOST)
		return TO_HOST;
	if (p->t->n_promiscuous > 0 || (at == NICSWITCH_UNKNOWN && host->wants_unknown))
		return TO_MANY;
	return TO_WIRE;
}

static int
classify(const struct pass *p, const struct nicswitch_entry *e, struct pkt *pkt)
{
	const struct mac *dst = (const struct mac *)&pkt->hdr[0], *src = (const struct mac *)&pkt->hdr[MAC_LEN];
	int slot;

	if (unlikely(mac_is_group(src) || mac_is_zero(src)))
		return ended(p, e, DROP_BAD_SOURCE);
	if (e->rules.spoof_check && unlikely(!owns(&e->rules, src->byte)))
		return ended(p, e, DROP_SPOOFED);
	if (unlikely(!vlan_ingress(&e->rules, pkt)))
		return ended(p, e, DROP_VLAN_DENIED);
	if (mac_is_group(dst))
		return mac_is_link_local(dst) ? ended(p, e, DROP_LINK_LOCAL) : TO_MANY;
	slot = find(p->t, dst->byte, pkt->vid);
	if (slot < 0)
		return place_unknown(p, pkt);
	if (unlikely(&p->t->entry[slot] == e))
		return ended(p, e, DROP_SAME_PORT);
	return p->t->entry[slot].rules.through == NULL ? slot : TO_HOST;
}

/* What was found for the last frame with one receiver; it holds for the next one of the same addresses. */
struct last {
	uint8_t addrs[ETH_ADDRS_LEN];
	uint16_t vid;
	int to; /* TO_NOBODY: nothing is known */
};

static inline int
classify_next(const struct pass *p, const struct nicswitch_entry *e, struct pkt *pkt, struct last *last)
{
	enum drop_reason why;
	int to;

	if (unlikely(burst_admit(&p->lane->burst, pkt, &why) != 0))
		return ended(p, e, why);
	if (last->to != TO_NOBODY && !pkt->tagged && memcmp(pkt->hdr, last->addrs, ETH_ADDRS_LEN) == 0) {
		pkt->vid = last->vid;
		return last->to;
	}
	to = classify(p, e, pkt);
	if (to != TO_NOBODY && to != TO_MANY && !pkt->tagged) {
		memcpy(last->addrs, pkt->hdr, ETH_ADDRS_LEN);
		last->vid = pkt->vid;
		last->to = to;
	}
	return to;
}

/* A frame of a member that is to enter the external switch: counted, and made what that one parses. */
static void
leave_for_host(const struct pass *p, struct pkt *pkt)
{
	struct vport_stats *inner = &p->ns->inner.stats[p->lane->id];

	pkt_unparse(pkt, tag_outside(pkt));
	count_add(&inner->tx_offered, 1);
	count_add(&inner->tx_packets, 1);
	count_add(&inner->tx_bytes, pkt->len);
}

/* Frame i of b to the wire, to members, and to the external switch as the last one. Returns whether anybody took it. */
static bool
flood(const struct pass *p, const struct nicswitch_entry *e, const struct burst *b, unsigned i)
{
	struct pkt *pkt = &b->pkt[i];
	bool group = pkt->hdr[0] & 1, taken;
	unsigned receivers = 1;
	int tag = tag_outside(pkt);

	taken = deliver(p->lane, p->ns->is.wire, p->ns->is.uplink, &pkt, &tag, 1) > 0;
	taken |= copy_to_members(p, e->vport, (int)(e - p->t->entry), pkt, &receivers);
	if (!group && !p->ns->is.host.wants_unknown)
		return taken;
	count_add(&e->vport->stats[p->lane->id].copies, 1);
	leave_for_host(p, pkt);
	return enter_host(p, b, i, 1) == 0 || taken;
}

/* What was sorted: by receiver. Returns how many of them nobody took. */
static unsigned
deliver_sorted(const struct pass *p, const struct nicswitch_entry *e, const struct burst *b, int16_t *to)
{
	struct pkt *pkts[PKT_BURST];
	uint32_t host = 0;
	unsigned dropped = 0;

	for (unsigned i = 0; i < b->n; i++)
		pkts[i] = &b->pkt[i];
	for (unsigned i = 0; i < b->n; i++) {
		if (to[i] == TO_MANY) {
			dropped += !flood(p, e, b, i);
		} else if (to[i] == TO_HOST) {
			leave_for_host(p, pkts[i]);
			host |= 1u << i;
		} else if (to[i] != TO_NOBODY) {
			dropped += deliver_group(p, pkts, to, i, b->n);
		}
	}
	return dropped + enter_host_all(p, b, host);
}

static unsigned
member_burst(const struct pass *p, const struct nicswitch_entry *e, const struct burst *b)
{
	struct vport_stats *books = &e->vport->stats[p->lane->id];
	struct last last = { .to = TO_NOBODY };
	int16_t to[PKT_BURST];
	unsigned dropped = 0;
	uint64_t bytes = 0;

	for (unsigned i = 0; i < b->n; i++) {
		bytes += b->pkt[i].len;
		to[i] = (int16_t)classify_next(p, e, &b->pkt[i], &last);
		dropped += to[i] == TO_NOBODY;
	}
	count_add(&books->rx_packets, b->n);
	count_add(&books->rx_bytes, bytes);
	return dropped + deliver_sorted(p, e, b, to);
}

/* A burst of one that is not a member, or not any more. */
static unsigned
refuse(struct lane *lane, struct vport *vport, const struct burst *b)
{
	for (unsigned i = 0; i < b->n; i++) {
		count_add(&vport->stats[lane->id].rx_bytes, b->pkt[i].len);
		drop_rx(vport, lane->id, DROP_NO_RECEIVER);
	}
	count_add(&vport->stats[lane->id].rx_packets, b->n);
	return b->n;
}

unsigned
nicswitch_member_input(struct lane *lane, struct ingress *in, struct burst *b)
{
	struct nicswitch_member *m = (struct nicswitch_member *)in;
	struct pass p = { lane, m->ns, present_table(lane, m->ns) };
	const struct nicswitch_entry *e = entry_of(p.t, m);

	if (unlikely(e == NULL))
		return refuse(lane, m->vport, b);
	if (e->rules.through != NULL)
		return e->rules.through->input(lane, e->rules.through, b);
	return member_burst(&p, e, b);
}

/* ---- from the wire ---- */

/* Copies of a frame that goes to the external switch: of a view of its own, since that switch parses it, too. */
static void
copy_from_wire(const struct pass *p, const struct pkt *pkt)
{
	struct pkt copy = *pkt;
	enum drop_reason why;
	unsigned receivers = 1;

	if (pkt_admit(&copy, &why) == 0 && !hides_a_tag(&copy) && !mac_is_link_local((const struct mac *)copy.hdr))
		copy_to_members(p, p->ns->is.wire, FROM_OUTSIDE, &copy, &receivers);
}

/* A frame of a member's, or TO_HOST. */
static int
sort(const struct pass *p, const struct pkt *pkt)
{
	bool tagged = get_be16(pkt->hdr + ETH_ADDRS_LEN) == TYPE_VLAN, group = pkt->hdr[0] & 1;
	uint16_t vid = tagged ? get_be16(pkt->hdr + ETH_HEADER_LEN) & 0xfff : 0;
	int slot;

	if (unlikely(pkt->hdr_len < ETH_HEADER_LEN + VLAN_TAG_LEN))
		return TO_HOST;
	slot = group ? -1 : find(p->t, pkt->hdr, vid);
	if (slot >= 0)
		return p->t->entry[slot].rules.through == NULL ? slot : TO_HOST;
	if (group || p->t->n_promiscuous > 0)
		copy_from_wire(p, pkt);
	return TO_HOST;
}

/* Frame of the wire for a member: counted and parsed. Returns its place in `to`. */
static int
take_in(const struct pass *p, struct burst *b, unsigned i, int slot)
{
	struct vport *wire = p->ns->is.wire;
	enum drop_reason why;

	count_add(&wire->stats[p->lane->id].rx_packets, 1);
	count_add(&wire->stats[p->lane->id].rx_bytes, b->pkt[i].len);
	if (unlikely(burst_admit(&p->lane->burst, &b->pkt[i], &why) != 0))
		drop_rx(wire, p->lane->id, why);
	else if (hides_a_tag(&b->pkt[i]))
		drop_rx(wire, p->lane->id, DROP_VLAN_DENIED);
	else
		return slot;
	return TO_NOBODY;
}

unsigned
nicswitch_wire_input(struct lane *lane, struct ingress *in, struct burst *b)
{
	struct nicswitch *ns = RTE_PTR_SUB(in, offsetof(struct nicswitch, from_wire));
	struct pass p = { lane, ns, present_table(lane, ns) };
	struct pkt *pkts[PKT_BURST];
	int16_t to[PKT_BURST];
	uint32_t host = 0;
	unsigned dropped = 0;

	for (unsigned i = 0; i < b->n; i++) {
		int slot = sort(&p, &b->pkt[i]);

		pkts[i] = &b->pkt[i];
		to[i] = TO_NOBODY;
		if (slot == TO_HOST) {
			host |= 1u << i;
			continue;
		}
		to[i] = (int16_t)take_in(&p, b, i, slot);
		dropped += to[i] == TO_NOBODY;
	}
	for (unsigned i = 0; i < b->n; i++)
		if (to[i] >= 0)
			dropped += deliver_group(&p, pkts, to, i, b->n);
	return dropped + enter_host_all(&p, b, host);
}

/* ---- from the external switch ---- */

/* Where a frame goes that leaves by the uplink port; copies are made here. */
static int
sort_out(const struct pass *p, struct pkt *pkt)
{
	bool group = pkt->hdr[0] & 1;
	unsigned receivers = 1;
	int slot = group ? -1 : find(p->t, pkt->hdr, pkt->vid);

	if (slot >= 0)
		return slot;
	if (group || p->t->n_promiscuous > 0)
		copy_to_members(p, p->ns->is.wire, FROM_OUTSIDE, pkt, &receivers);
	return TO_WIRE;
}

static void
put_on_wire(const struct pass *p, struct pkt *const *pkts, const int *tags, const int16_t *to, unsigned n,
	    uint8_t *verdict)
{
	struct pkt *rest[PKT_BURST];
	int rest_tags[PKT_BURST];
	uint8_t rest_verdict[PKT_BURST];
	unsigned k = 0;

	for (unsigned i = 0; i < n; i++) {
		if (to[i] != TO_WIRE)
			continue;
		rest[k] = pkts[i];
		rest_tags[k++] = tags[i];
	}
	if (k == 0)
		return;
	p->ns->is.uplink->ops->put(p->ns->is.uplink, p->lane, rest, rest_tags, k, rest_verdict);
	k = 0;
	for (unsigned i = 0; i < n; i++)
		if (to[i] == TO_WIRE)
			verdict[i] = rest_verdict[k++];
}

/* What a member's sink does with a frame is in the member's books; for the uplink port it was taken. */
static void
host_put(struct sink *s, struct lane *lane, struct pkt *const *pkts, const int *tags, unsigned n, uint8_t *verdict)
{
	struct nicswitch *ns = RTE_PTR_SUB(s, offsetof(struct nicswitch, from_host));
	struct pass p = { lane, ns, present_table(lane, ns) };
	struct vport_stats *inner = &ns->inner.stats[lane->id];
	int16_t to[PKT_BURST];

	for (unsigned i = 0; i < n; i++) {
		to[i] = (int16_t)sort_out(&p, pkts[i]);
		verdict[i] = SINK_TAKEN;
		if (to[i] < 0)
			continue;
		count_add(&inner->rx_packets, 1);
		count_add(&inner->rx_bytes, pkt_out_len(pkts[i], tags[i]));
	}
	put_on_wire(&p, pkts, tags, to, n, verdict);
	for (unsigned i = 0; i < n; i++)
		if (to[i] >= 0)
			deliver_group(&p, pkts, to, i, n);
}

const struct sink_ops nicswitch_host_ops = { .put = host_put };

/* ---- a member's port in the external switch ---- */

static void
gate_put(struct sink *s, struct lane *lane, struct pkt *const *pkts, const int *tags, unsigned n, uint8_t *verdict)
{
	const struct nicswitch_member *m = RTE_PTR_SUB(s, offsetof(struct nicswitch_member, gate));
	const struct nicswitch_entry *e = entry_of(present_table(lane, m->ns), m);

	if (likely(e != NULL && e->rules.sink != NULL))
		e->rules.sink->ops->put(e->rules.sink, lane, pkts, tags, n, verdict);
	else
		memset(verdict, DROP_PORT_DOWN, n);
}

/*
 * Flooded copies. What the NIC switch delivers by itself is not wanted: groups and unknown addresses while the member is switched there, what is
 * for itself where the uplink port gets a copy too, whose sink finds its filter. That port gets none of what came in by it.
 */
static bool
gate_wants(struct sink *s, struct lane *lane, const struct pkt *pkt)
{
	const struct nicswitch_member *m = RTE_PTR_SUB(s, offsetof(struct nicswitch_member, gate));
	const struct nicswitch_table *t = present_table(lane, m->ns);
	const struct nicswitch_entry *e = entry_of(t, m);

	if (e == NULL)
		return false;
	if (!(pkt->hdr[0] & 1) && find(t, pkt->hdr, pkt->vid) == (int)m->slot)
		return lane->from_nic;
	return e->rules.through != NULL;
}

const struct sink_ops nicswitch_gate_ops = { .put = gate_put, .wants = gate_wants };
