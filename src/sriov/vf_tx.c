/*
 * vf_tx.c - a VF's transmit rings as a source queue.
 *
 * A take goes over the descriptors first, and has each frame's first bytes fetched while it looks at the next ones; then it shows the
 * frames. They stay where they are until `give`, which reports to the driver: the status of the last descriptor of each frame that asks
 * for it, at once (WTHRESH may delay it, and need not), and one interrupt for all.
 *
 * What the guest asks for is a claim that pkt_parse judges. Lengths and offsets in descriptors are taken for no more: PAYLEN is not read.
 * A request that fits no frame is made one that pkt_parse refuses, so that the frame is counted as any other.
 */
#include <netinet/in.h>
#include <string.h>

#include "base/clock.h"
#include "guest/frame.h"
#include "pkt/crc32c.h"
#include "pkt/csum.h"
#include "pkt/wire.h"
#include "sriov/vf_look.h"

/* High word, low half, of both kinds: 82599 datasheet, 7.2.3.2.3 and 7.2.3.2.4. */
#define DTYP 0x00f00000u
#define DTYP_CONTEXT 0x00200000u
#define DTYP_DATA 0x00300000u
#define DEXT 0x20000000u
/* Of data. */
#define DTALEN 0x0000ffffu
#define EOP 0x01000000u
#define RS 0x08000000u
#define VLE 0x40000000u
#define TSE 0x80000000u
/* High word, high half, of data. */
#define STATUS_DD 0x1u
#define IDX_SHIFT 4
#define IXSM 0x100u
#define TXSM 0x200u
#define IPSEC 0x400u
/* Of context: low word, low half; high word, low half. */
#define IPLEN 0x1ffu
#define MACLEN_SHIFT 9
#define MACLEN 0x7fu
#define L4T 0x1800u
#define L4T_UDP 0x0000u
#define L4T_TCP 0x0800u
#define L4T_SCTP 0x1000u

#define SCTP_HEADER_LEN 12 /* RFC 9260, 3.1 */
#define SCTP_CSUM_AT 8

/* What a frame asks for beside being sent. */
struct ask {
	uint32_t command, status;
	struct vf_desc context; /* host byte order */
};

/* Where a take stands. */
struct walk {
	struct vf_look look;
	const struct guest_mem *mem;
	uint32_t at, left; /* the next descriptor; how many there are */
	uint32_t asks;     /* bit i: frame i asks for something */
	uint32_t len[PKT_BURST];
	struct ask ask[PKT_BURST];
};

/* ---- descriptors ---- */

/* A frame in more spans than a burst keeps: what there is of it goes to room, and what follows too. */
static void
gather(const struct lane *lane, struct pkt *pkt, unsigned i, uint32_t len)
{
	struct iovec *seg = &lane->burst.seg[i * BURST_SEGS];
	uint8_t *room = burst_room(&lane->burst, i);
	uint32_t done = 0;

	for (unsigned k = 0; k < pkt->n_segs; k++) {
		guest_copy(room + done, seg[k].iov_base, seg[k].iov_len);
		done += (uint32_t)seg[k].iov_len;
	}
	seg[0] = (struct iovec){ room, len };
	pkt->n_segs = 1;
	pkt->writable = true;
}

/* len bytes at gpa become the end of frame i, which had `had`. False: the ring is broken. */
static bool
add_piece(struct vf_tx *r, struct walk *w, const struct lane *lane, unsigned i, uint64_t gpa, uint32_t len)
{
	struct iovec *seg = &lane->burst.seg[i * BURST_SEGS];
	struct pkt *pkt = &lane->burst.pkt[i];

	if (unlikely(len == 0))
		return vf_break(&r->ring, VF_FAULT_EMPTY);
	if (unlikely(w->len[i] + len > PKT_FRAME_MAX))
		return vf_break(&r->ring, VF_FAULT_TOO_LONG);
	if (unlikely(gpa + len < gpa && gpa + len != 0))
		return vf_break(&r->ring, VF_FAULT_BUFFER_ADDRESS);
	while (len > 0) {
		uint8_t *va = NULL;
		uint32_t here = (uint32_t)guest_span(w->mem, &r->ring.hint, gpa, len, &va);

		if (unlikely(here == 0))
			return vf_break(&r->ring, VF_FAULT_BUFFER_ADDRESS);
		if (unlikely(pkt->n_segs == BURST_SEGS))
			gather(lane, pkt, i, w->len[i]);
		if (unlikely(pkt->writable)) {
			guest_copy(burst_room(&lane->burst, i) + w->len[i], va, here);
			seg[0].iov_len += here;
		} else {
			seg[pkt->n_segs++] = (struct iovec){ va, here };
		}
		w->len[i] += here;
		gpa += here;
		len -= here;
	}
	return true;
}

/*
 * The first data descriptor of frame i. The context that counts stands right before it, or is the one of its index: IPsec's of Linux
 * name another index than their context has.
 */
static bool
begin_frame(struct vf_tx *r, struct walk *w, unsigned i, uint64_t high, const struct vf_desc *before)
{
	uint32_t command = (uint32_t)high, status = (uint32_t)(high >> 32);
	struct ask *ask = &w->ask[i];

	w->asks |= 1u << i;
	ask->command = command;
	ask->status = status;
	ask->context = before != NULL ? *before : r->context[status >> IDX_SHIFT & 1];
	if (command & TSE && ask->context.high >> 48 == 0)
		return vf_break(&r->ring, VF_FAULT_MSS);
	return true;
}

/* Frame i, from descriptor w->at on. Returns 1; 0 when there is none; -1: the ring is broken. */
static int
collect(struct vf_tx *r, struct walk *w, const struct lane *lane, unsigned i)
{
	const struct vf_desc *before = NULL;
	bool begun = false;

	w->len[i] = 0;
	lane->burst.pkt[i].n_segs = 0;
	lane->burst.pkt[i].writable = false;
	while (w->left > 0) {
		const struct vf_desc *d = &w->look.desc[w->at];
		uint64_t low = vf_load64(&d->low), high = vf_load64(&d->high);
		uint32_t command = (uint32_t)high;
		uint16_t at = (uint16_t)w->at;

		w->at = vf_step(w->at, 1, w->look.size);
		w->left--;
		if (unlikely((command & (DEXT | DTYP)) != (DEXT | DTYP_DATA))) {
			if ((command & (DEXT | DTYP)) != (DEXT | DTYP_CONTEXT) || begun)
				return vf_break(&r->ring, command & DEXT ? VF_FAULT_TYPE : VF_FAULT_LEGACY) - 1;
			before = &r->context[high >> (32 + IDX_SHIFT) & 1];
			r->context[high >> (32 + IDX_SHIFT) & 1] = (struct vf_desc){ low, high };
			continue;
		}
		if (!begun && unlikely(command & (VLE | TSE) || high >> 32 & (IXSM | TXSM | IPSEC)) &&
		    !begin_frame(r, w, i, high, before))
			return -1;
		begun = true;
		if (unlikely(!add_piece(r, w, lane, i, low, command & DTALEN)))
			return -1;
		if (command & EOP) {
			if (command & RS)
				r->done[r->n_done++] = at;
			return 1;
		}
	}
	return begun ? vf_break(&r->ring, VF_FAULT_NO_END) - 1 : 0;
}

/*
 * The same for what most frames are: one buffer, which asks for nothing, behind a context or without one. False: collect has to look;
 * a context that was kept meanwhile is kept once more.
 */
static inline bool
collect_simple(struct vf_tx *r, struct walk *w, const struct lane *lane, unsigned i)
{
	uint32_t at = w->at, left = w->left, len;
	const struct vf_desc *d = &w->look.desc[at];
	uint64_t high = vf_load64(&d->high);
	uint8_t *va = NULL;

	if ((high & (DEXT | DTYP)) == (DEXT | DTYP_CONTEXT) && left > 1) {
		r->context[high >> (32 + IDX_SHIFT) & 1] = (struct vf_desc){ vf_load64(&d->low), high };
		at = vf_step(at, 1, w->look.size);
		left--;
		d = &w->look.desc[at];
		high = vf_load64(&d->high);
	}
	if (unlikely((high & (DEXT | DTYP | EOP | VLE | TSE | (uint64_t)(IXSM | TXSM | IPSEC) << 32)) !=
		     (DEXT | DTYP_DATA | EOP)))
		return false;
	len = high & DTALEN;
	if (unlikely(len == 0 || guest_span(w->mem, &r->ring.hint, vf_load64(&d->low), len, &va) != len))
		return false;
	lane->burst.seg[i * BURST_SEGS] = (struct iovec){ va, len };
	lane->burst.pkt[i].n_segs = 1;
	lane->burst.pkt[i].writable = false;
	w->len[i] = len;
	r->done[r->n_done] = (uint16_t)at;
	r->n_done += (high & RS) != 0;
	w->at = vf_step(at, 1, w->look.size);
	w->left = left - 1;
	return true;
}

/* ---- requests ---- */

/* Makes the claim one that pkt_parse refuses: virtio 1.2, 5.1.6.2.1, segmentation without a checksum request. */
static void
refuse(struct pkt *pkt)
{
	pkt->claim = (struct pkt_claim){ .gso = PKT_GSO_TCP4 };
}

/* Where the IP header begins, behind a tag that the frame brings itself. */
static uint32_t
ip_at(const struct pkt *pkt)
{
	return get_be16(pkt->hdr + ETH_ADDRS_LEN) == TYPE_VLAN ? ETH_HEADER_LEN + VLAN_TAG_LEN : ETH_HEADER_LEN;
}

/* The IPv4 header's checksum, in the copy. False: there is no such header in it. */
static bool
finish_ip4(struct pkt *pkt, uint32_t at)
{
	uint8_t *ip = pkt->hdr + at;
	uint32_t len = at < pkt->hdr_len ? (ip[0] & 0xfu) * 4 : 0;

	if (len < IP4_HEADER_LEN || at + len > pkt->hdr_len || ip[0] >> 4 != 4)
		return false;
	put_be16(ip + IP4_CSUM_AT, 0);
	csum_store(ip + IP4_CSUM_AT, (uint16_t)~csum_fold(csum_add(0, ip, len)));
	return true;
}

/* A driver leaves the lengths of IP headers to the device that cuts: 82599 datasheet, 7.2.4.4. Returns the kind of segments. */
static enum pkt_gso
fill_lengths(struct pkt *pkt)
{
	uint32_t at = ip_at(pkt), len = pkt->len - at;
	uint16_t type = pkt->len >= at ? get_be16(pkt->hdr + at - 2) : 0;

	if (type == TYPE_IPV4 && len <= UINT16_MAX && at + IP4_HEADER_LEN <= pkt->hdr_len) {
		put_be16(pkt->hdr + at + IP4_LEN_AT, (uint16_t)len);
		return finish_ip4(pkt, at) ? PKT_GSO_TCP4 : PKT_GSO_NONE;
	}
	if (type == TYPE_IPV6 && len - IP6_HEADER_LEN <= UINT16_MAX && at + IP6_HEADER_LEN <= pkt->hdr_len) {
		put_be16(pkt->hdr + at + IP6_LEN_AT, (uint16_t)(len - IP6_HEADER_LEN));
		return PKT_GSO_TCP6;
	}
	return PKT_GSO_NONE;
}

/* Whether the claim is one that pkt_parse will take as it is, as far as this is seen at once. */
static bool
is_usual(const struct pkt *pkt)
{
	uint32_t at = ip_at(pkt);
	const uint8_t *ip = pkt->hdr + at;

	if (pkt->claim.csum_start + 4u > pkt->hdr_len)
		return false;
	if (get_be16(ip - 2) == TYPE_IPV4)
		return ip[0] == IP4_NO_OPTIONS && pkt->claim.csum_start == at + IP4_HEADER_LEN;
	return get_be16(ip - 2) == TYPE_IPV6 && pkt->claim.csum_start == at + IP6_HEADER_LEN;
}

/* Puts a tag into the copy. */
static void
insert_tag(struct pkt *pkt, uint16_t tci)
{
	if (pkt->hdr_len < ETH_HEADER_LEN)
		return; /* a runt, with it or without */
	if (pkt->hdr_len > PKT_HDR_MAX - VLAN_TAG_LEN)
		pkt->hdr_len = pkt->skip = PKT_HDR_MAX - VLAN_TAG_LEN;
	memmove(pkt->hdr + ETH_ADDRS_LEN + VLAN_TAG_LEN, pkt->hdr + ETH_ADDRS_LEN,
		PKT_HDR_MAX - ETH_ADDRS_LEN - VLAN_TAG_LEN);
	put_be16(pkt->hdr + ETH_ADDRS_LEN, TYPE_VLAN);
	put_be16(pkt->hdr + ETH_ADDRS_LEN + 2, tci);
	pkt->hdr_len += VLAN_TAG_LEN;
	pkt->len += VLAN_TAG_LEN;
	pkt->claim.csum_start += pkt->claim.csum ? VLAN_TAG_LEN : 0;
}

/* The frame, its copy's edits in it, to memory of our own; where it is there already, the edits alone. Returns where. */
static uint8_t *
own(const struct lane *lane, struct pkt *pkt, unsigned i)
{
	struct iovec *seg = &lane->burst.seg[i * BURST_SEGS], out[PKT_SEGS_MAX];
	uint8_t *room = burst_room(&lane->burst, i), none[VLAN_TAG_LEN];
	uint32_t done = pkt->hdr_len;
	unsigned n;

	if (pkt->writable) {
		memmove(room + pkt->hdr_len, room + pkt->skip, pkt->len - pkt->hdr_len);
	} else {
		n = pkt_spans(pkt, PKT_TAG_NONE, none, out, PKT_SEGS_MAX);
		for (unsigned k = 1; k < n; k++) {
			guest_copy(room + done, out[k].iov_base, out[k].iov_len);
			done += (uint32_t)out[k].iov_len;
		}
	}
	memcpy(room, pkt->hdr, pkt->hdr_len);
	seg[0] = (struct iovec){ room, pkt->len };
	pkt->n_segs = 1;
	pkt->writable = true;
	pkt_view(pkt, room, pkt->len);
	return room;
}

/* RFC 9260, appendix A: the sum's bytes lie the other way round than numbers do elsewhere. */
static bool
finish_sctp(const struct lane *lane, struct pkt *pkt, unsigned i, uint32_t start)
{
	uint8_t *frame;
	uint32_t crc;

	if (start + SCTP_HEADER_LEN > pkt->len)
		return false;
	frame = own(lane, pkt, i);
	memset(frame + start + SCTP_CSUM_AT, 0, sizeof(crc));
	crc = htole32(crc32c(frame + start, pkt->len - start));
	memcpy(frame + start + SCTP_CSUM_AT, &crc, sizeof(crc));
	pkt_view(pkt, frame, pkt->len);
	return true;
}

/* Segments, or a checksum: what the claim is to be. Returns whether there is one at all. */
static bool
claim_it(const struct lane *lane, struct pkt *pkt, unsigned i, const struct ask *ask)
{
	uint32_t low = (uint32_t)ask->context.low, kind = (uint32_t)ask->context.high & L4T;
	uint32_t start = (low >> MACLEN_SHIFT & MACLEN) + (low & IPLEN);

	if (ask->status & IPSEC)
		return false;
	if (ask->command & TSE) {
		pkt->claim.gso = kind == L4T_TCP ? fill_lengths(pkt) : PKT_GSO_NONE;
		pkt->claim.gso_size = (uint16_t)(ask->context.high >> 48);
		if (pkt->claim.gso == PKT_GSO_NONE)
			return false;
	} else {
		if (ask->status & IXSM && !finish_ip4(pkt, ip_at(pkt)))
			return false;
		if (!(ask->status & TXSM))
			return true;
		if (kind == L4T_SCTP)
			return finish_sctp(lane, pkt, i, start);
	}
	pkt->claim.csum = true;
	pkt->claim.csum_start = (uint16_t)start;
	pkt->claim.csum_offset = kind == L4T_TCP ? TCP_CSUM_AT : UDP_CSUM_AT;
	return kind == L4T_TCP || kind == L4T_UDP;
}

static void
carry_out(const struct lane *lane, struct pkt *pkt, unsigned i, const struct ask *ask)
{
	bool finished_elsewhere;

	if (pkt->hdr_len < ETH_HEADER_LEN)
		return; /* a runt */
	if (!claim_it(lane, pkt, i, ask)) {
		refuse(pkt);
		return;
	}
	/* Who finishes such a checksum does it in the frame as it lies in memory, without what we edit in the copy. */
	finished_elsewhere = pkt->claim.csum && !(ask->command & TSE) && !is_usual(pkt);
	if (ask->command & VLE)
		insert_tag(pkt, (uint16_t)(ask->context.low >> 16));
	if (finished_elsewhere && (ask->command & VLE || ask->status & IXSM))
		own(lane, pkt, i);
}

/* ---- the source ---- */

static inline void
show(const struct lane *lane, unsigned i, const struct walk *w)
{
	struct pkt *pkt = &lane->burst.pkt[i];

	pkt->segs = &lane->burst.seg[i * BURST_SEGS];
	if (likely(pkt->n_segs == 1))
		pkt_view(pkt, pkt->segs[0].iov_base, w->len[i]);
	else
		frame_view(pkt, w->len[i]);
	memset(&pkt->claim, 0, sizeof(pkt->claim));
	if (unlikely(w->asks >> i & 1))
		carry_out(lane, pkt, i, &w->ask[i]);
}

static void
fetch_descriptors(const struct vf_look *look)
{
	uint32_t n = RTE_MIN(look->n, 2u * PKT_BURST);

	for (uint32_t i = 0; i < n; i += RTE_CACHE_LINE_SIZE / sizeof(struct vf_desc))
		rte_prefetch0(&look->desc[vf_step(look->head, i, look->size)]);
}

/* Returns frames. */
static unsigned
take_ring(struct vf_tx_source *t, struct vf_tx *r, struct lane *lane)
{
	struct walk w;
	unsigned n = 0, bytes = 0;

	w.mem = atomic_load_explicit(t->of->mem, memory_order_acquire);
	if (!vf_ring_look(&r->ring, w.mem, true, &w.look) || w.look.n == 0)
		return 0;
	fetch_descriptors(&w.look);
	w.at = w.look.head;
	w.left = w.look.n;
	w.asks = 0;
	r->desc = w.look.desc;
	r->n_done = 0;
	r->next = w.at;
	while (n < PKT_BURST && bytes < BURST_BYTES && w.look.n - w.left < BURST_DESCS) {
		int found = w.left > 0 && likely(collect_simple(r, &w, lane, n)) ? 1 : collect(r, &w, lane, n);

		if (found >= 0)
			r->next = w.at;
		if (found <= 0)
			break;
		rte_prefetch0(lane->burst.seg[n * BURST_SEGS].iov_base);
		bytes += w.len[n++];
	}
	for (unsigned i = 0; i < n; i++)
		show(lane, i, &w);
	r->n_frames = n;
	r->n_bytes = bytes;
	t->source.slots = r->ring.size / 2; /* a context and a buffer each */
	t->source.waiting = w.look.n / 2;
	t->taken = r;
	lane->burst.n = n;
	return n;
}

static void vf_give(struct source *s, struct lane *lane);

static unsigned
vf_take(struct source *s, struct lane *lane)
{
	struct vf_tx_source *t = (struct vf_tx_source *)s;
	struct rate *rate = &t->of->rate;
	unsigned n = 0;

	if (unlikely(rate_is_set(rate)) && !rate_allows(rate, clock_cycles()))
		return 0;
	for (unsigned i = 0; i < VF_TX_RINGS / VF_RX_RINGS && n == 0; i++) {
		struct vf_tx *r = &t->ring[t->turn];

		t->taken = NULL;
		t->turn = (t->turn + 1) % (VF_TX_RINGS / VF_RX_RINGS);
		n = take_ring(t, r, lane);
		if (unlikely(n == 0 && t->taken != NULL))
			vf_give(s, lane);
	}
	if (unlikely(rate_is_set(rate)) && n > 0)
		rate_charge(rate, t->taken->n_bytes, clock_cycles());
	return n;
}

static void
vf_give(struct source *s, struct lane *lane)
{
	struct vf_tx_source *t = (struct vf_tx_source *)s;
	struct vf_tx *r = t->taken;

	/* Release: the buffers were read before; partner: the driver's read of the status before it frees them. */
	for (unsigned i = 0; i < r->n_done; i++)
		__atomic_store_n((uint32_t *)(void *)&r->desc[r->done[i]].high + 1, htole32(STATUS_DD),
				 __ATOMIC_RELEASE);
	atomic_store_explicit(&r->ring.head, r->next, memory_order_relaxed);
	count_add(&r->ring.frames, r->n_frames);
	count_add(&r->ring.bytes, r->n_bytes);
	t->taken = NULL;
	if (r->n_done > 0)
		vf_interrupt_ring(t->of->interrupt, lane, true, t->index + (unsigned)(r - t->ring) * VF_RX_RINGS);
}

static bool
vf_pending(struct source *s)
{
	struct vf_tx_source *t = (struct vf_tx_source *)s;
	unsigned enabled = atomic_load_explicit(&t->enabled, memory_order_acquire);

	for (unsigned i = 0; enabled >> i != 0; i++) {
		struct vf_ring *r = &t->ring[i].ring;

		if (likely(atomic_load_explicit(&r->on, memory_order_acquire)) && !vf_is_broken(r) &&
		    vf_reg(r, VFTDT) != atomic_load_explicit(&r->head, memory_order_relaxed))
			return atomic_load_explicit(t->of->mem, memory_order_relaxed) != NULL;
	}
	return false;
}

/* While its rate has to be waited for there is nothing to do: a queue that nobody kicks for is looked at every millisecond. */
static bool
vf_mapped_pending(struct source *s)
{
	const struct rate *rate = &((struct vf_tx_source *)s)->of->rate;

	if (unlikely(rate_is_set(rate)) && !rate_allows(rate, clock_cycles()))
		return false;
	return vf_pending(s);
}

/* Nobody can be asked for kicks. But a driver that finds a head that stands still takes its device for hung. */
static void
vf_arm(struct source *s)
{
	struct vf_tx_source *t = (struct vf_tx_source *)s;

	for (unsigned i = 0; i < VF_TX_RINGS / VF_RX_RINGS; i++) {
		struct vf_ring *r = &t->ring[i].ring;
		uint32_t head = atomic_load_explicit(&r->head, memory_order_relaxed);

		if (atomic_load_explicit(&r->on, memory_order_relaxed) && vf_reg(r, VFTDH) != head)
			vf_reg_set(r, VFTDH, head);
	}
}

const struct source_ops vf_source_ops = {
	.take = vf_take,
	.give = vf_give,
	.pending = vf_mapped_pending,
	.arm = vf_arm,
};

const struct source_ops vf_trapped_source_ops = {
	.take = vf_take,
	.give = vf_give,
	.pending = vf_pending,
};
