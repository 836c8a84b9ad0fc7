/*
 * vf_rx.c - delivering into a VF's receive rings.
 *
 * Under the ring's lock: look, copy, report, once per destination and burst. Buffers of frames that fit one are found for the whole burst
 * first, with the cache lines of the next step on their way. Everything else (a frame over several buffers, one whose checksum must be
 * finished, one that must be cut) goes through the writer. The driver sees a burst at once, and is interrupted when the lock is free.
 *
 * Its test for a completed descriptor is a length that is not 0, in the same word as the status: that word is written last, in one store.
 * Frames find no room, or all room that they need: of what must be cut nothing is delivered when the buffers do not suffice for all of it.
 * Real devices drop such frames when DROP_EN is set, and hold up all others when it is not; here they are always dropped, and counted.
 */
#include <netinet/in.h>
#include <string.h>

#include "guest/frame.h"
#include "nic/mute.h"
#include "pkt/wire.h"
#include "sriov/vf_look.h"

/* Low word of the write-back format: 82599 datasheet, 7.1.6.2. */
#define TYPE_IS_IPV4 0x0010u
#define TYPE_IS_IPV6 0x0040u
#define TYPE_IS_TCP 0x0100u
#define TYPE_IS_UDP 0x0200u
#define HASH_SHIFT 32
/* High word. */
#define STATUS_DD 0x1u
#define STATUS_EOP 0x2u
#define STATUS_VP 0x8u
#define STATUS_L4CS 0x20u
#define STATUS_IPCS 0x40u
#define LENGTH_SHIFT 32
#define TAG_SHIFT 48

#define BACKS 64 /* write-backs that wait for the end of a burst; more of them are shown at once. Our choice */

struct writer {
	struct vf_rx *r;
	const struct guest_mem *mem;
	struct vf_look look;
	uint32_t room;        /* bytes of a buffer */
	unsigned used, shown; /* descriptors from look.head on: filled; and of these, written back */
	uint8_t *at;          /* the buffer that is being filled; NULL: none is */
	uint32_t done;        /* bytes of it */
	struct vf_desc back[BACKS];
};

/* Buffers at look.head + i. Bit i: it is there. */
struct posted {
	uint32_t valid;
	uint8_t *at[PKT_BURST];
};

/* ---- descriptors ---- */

static inline struct vf_desc *
desc_at(const struct writer *w, unsigned ahead)
{
	return &w->look.desc[vf_step(w->look.head, ahead, w->look.size)];
}

/* NULL: not in memory that we may write. Buffers are parts of pages, and so are regions: none lies in two. */
static inline uint8_t *
buffer_at(const struct writer *w, unsigned ahead)
{
	uint64_t gpa = vf_load64(&desc_at(w, ahead)->low);
	uint8_t *va = NULL;

	return likely(vf_span(w->mem, &w->r->ring.hint, gpa, w->room, &va) == w->room) ? va : NULL;
}

static void
look_ahead(const struct writer *w, unsigned n, struct posted *out)
{
	n = RTE_MIN(n, w->look.n);
	out->valid = 0;
	for (unsigned i = 0; i < n; i += RTE_CACHE_LINE_SIZE / sizeof(struct vf_desc))
		prefetch_to_write(desc_at(w, i));
	for (unsigned i = 0; i < n; i++) {
		out->at[i] = buffer_at(w, i);
		if (unlikely(out->at[i] == NULL))
			continue;
		out->valid |= 1u << i;
		prefetch_to_write(out->at[i]);
	}
}

/* Descriptors that are filled become the driver's. */
static void
write_back(struct writer *w)
{
	for (unsigned i = 0; w->shown < w->used; w->shown++, i++) {
		struct vf_desc *d = desc_at(w, w->shown);

		__atomic_store_n(&d->low, htole64(w->back[i].low), __ATOMIC_RELAXED);
		/* Release: the buffer and the other word; partner: the driver's dma_rmb() behind its look at the length. */
		__atomic_store_n(&d->high, htole64(w->back[i].high), __ATOMIC_RELEASE);
	}
}

/* The next descriptor is filled: len > 0 bytes. */
static inline void
close_descriptor(struct writer *w, uint64_t info, uint64_t high, uint32_t len)
{
	if (unlikely(w->used - w->shown == BACKS))
		write_back(w);
	w->back[w->used - w->shown] = (struct vf_desc){ info, high | (uint64_t)len << LENGTH_SHIFT };
	w->used++;
}

/* Whether n descriptors are left; the guest may have posted more meanwhile. */
static inline bool
has_room(struct writer *w, uint64_t n)
{
	if (likely(w->look.n - w->used >= n))
		return true;
	w->look.n = vf_ring_ready(&w->r->ring, w->look.head);
	return w->look.n >= w->used && w->look.n - w->used >= n;
}

/* ---- what is said of a frame ---- */

static inline uint64_t
packet_type(const struct pkt *pkt)
{
	const uint8_t *ip = pkt->hdr + ETH_HEADER_LEN;
	uint16_t type = get_be16(ip - 2);
	uint8_t proto;

	if (pkt->hdr_len < ETH_HEADER_LEN + IP4_HEADER_LEN)
		return 0;
	if (type == TYPE_IPV4 && ip[0] == IP4_NO_OPTIONS) {
		if (get_be16(ip + IP4_FRAGMENT_AT) & IP4_FRAGMENT_BITS)
			return TYPE_IS_IPV4;
		proto = ip[IP4_PROTO_AT];
	} else if (type == TYPE_IPV6 && ip[0] >> 4 == 6) {
		proto = ip[IP6_NEXT_AT];
	} else {
		return 0;
	}
	return (type == TYPE_IPV4 ? TYPE_IS_IPV4 : TYPE_IS_IPV6) | (proto == IPPROTO_TCP   ? TYPE_IS_TCP
								    : proto == IPPROTO_UDP ? TYPE_IS_UDP
											   : 0);
}

/* "RSS Type", by HASH_*: 82599 datasheet, 7.1.6.2, table 7-15. */
static uint64_t
rss_type(uint16_t hash_type)
{
	static const uint8_t type[] = { 2, 1, 7, 5, 3, 8, 4, 6, 9 };

	return hash_type != 0 ? type[__builtin_ctz(hash_type)] : 0;
}

/* What is known of checksums. Nobody says of one that is not there (RFC 768) that it is good. */
static uint64_t
checked(const struct pkt *pkt)
{
	const uint8_t *field = pkt->hdr + pkt->l4_off + UDP_CSUM_AT;

	if (pkt->csum == PKT_CSUM_GOOD && pkt->l4_proto == IPPROTO_UDP && field[0] == 0 && field[1] == 0)
		return 0;
	return STATUS_L4CS | (pkt_is_gso(pkt) && pkt->ip_version == 4 ? STATUS_IPCS : 0);
}

/* The high word of the last descriptor, without its length. */
static inline uint64_t
last_high(const struct writer *w, const struct pkt *pkt, int tag)
{
	uint64_t high = STATUS_DD | STATUS_EOP;

	if (unlikely(pkt->csum == PKT_CSUM_PARTIAL || pkt->csum == PKT_CSUM_GOOD))
		high |= checked(pkt);
	if (tag != PKT_TAG_NONE && w->look.control & VFRXDCTL_VME)
		high |= STATUS_VP | (uint64_t)(uint16_t)tag << TAG_SHIFT;
	return high;
}

/* The tag that stays in the frame. */
static inline int
inline_tag(const struct writer *w, int tag)
{
	return w->look.control & VFRXDCTL_VME ? PKT_TAG_NONE : tag;
}

/* ---- frames ---- */

/* Goes on with n bytes; there are descriptors enough. False: the ring is broken. */
static bool
put_bytes(struct writer *w, uint64_t info, const uint8_t *from, uint32_t n)
{
	while (n > 0) {
		uint32_t here;

		if (w->at != NULL && w->done == w->room) {
			close_descriptor(w, info, STATUS_DD, w->room);
			w->at = NULL;
		}
		if (w->at == NULL) {
			w->at = buffer_at(w, w->used);
			w->done = 0;
			if (w->at == NULL)
				return vf_break(&w->r->ring, VF_FAULT_BUFFER_ADDRESS);
		}
		here = RTE_MIN(n, w->room - w->done);
		guest_copy(w->at + w->done, from, here);
		w->done += here;
		from += here;
		n -= here;
	}
	return true;
}

static void
end_frame(struct writer *w, uint64_t info, uint64_t high)
{
	close_descriptor(w, info, high, w->done);
	w->at = NULL;
}

/* Whether segs hold what len says: an uplink's frame may be in more pieces than are kept of one. */
static bool
is_whole(const struct pkt *pkt)
{
	uint64_t have = 0;

	for (unsigned i = 0; i < pkt->n_segs; i++)
		have += pkt->segs[i].iov_len;
	return have >= pkt->skip && have - pkt->skip >= pkt->len - pkt->hdr_len;
}

/* Returns 0, or the drop reason. */
static int
write_whole(struct writer *w, const struct pkt *pkt, int tag, uint64_t info, uint64_t high)
{
	struct iovec span[PKT_SEGS_MAX];
	uint8_t tag_room[4];
	unsigned n = pkt_spans(pkt, tag, tag_room, span, PKT_SEGS_MAX);

	if (n == 0)
		return DROP_TOO_BIG;
	if (!has_room(w, (pkt_out_len(pkt, tag) + w->room - 1) / w->room))
		return vf_is_broken(&w->r->ring) ? DROP_PORT_DOWN : DROP_RECEIVER_FULL;
	for (unsigned i = 0; i < n; i++)
		if (!put_bytes(w, info, span[i].iov_base, (uint32_t)span[i].iov_len))
			return DROP_PORT_DOWN;
	end_frame(w, info, high);
	return 0;
}

/* The next frame that pkt is cut into, of `longest` bytes at most. False: the ring is broken. */
static bool
write_cut(struct writer *w, struct lane *lane, struct pkt_cut *cut, uint32_t longest, uint64_t info, uint64_t high)
{
	bool direct = longest <= w->room;
	int len;

	if (direct) {
		w->at = buffer_at(w, w->used);
		if (w->at == NULL)
			return vf_break(&w->r->ring, VF_FAULT_BUFFER_ADDRESS);
	}
	len = pkt_cut_next(cut, direct ? w->at : lane->spare, direct ? longest : BURST_ROOM);
	if (len <= 0)
		return false; /* cannot be: is_whole */
	if (direct)
		w->done = (uint32_t)len;
	else if (!put_bytes(w, info, lane->spare, (uint32_t)len))
		return false;
	end_frame(w, info, high);
	return true;
}

/* Returns 0, or the drop reason. */
static int
write_frames(struct writer *w, struct lane *lane, const struct pkt *pkt, int tag, uint64_t info, uint64_t high)
{
	uint32_t longest = pkt_cut_longest(pkt, tag);
	unsigned frames = pkt_cut_count(pkt);
	struct pkt_cut cut;

	if (!is_whole(pkt))
		return DROP_TOO_BIG;
	if (!has_room(w, (uint64_t)frames * ((longest + w->room - 1) / w->room)))
		return vf_is_broken(&w->r->ring) ? DROP_PORT_DOWN : DROP_RECEIVER_FULL;
	pkt_cut_start(&cut, pkt, tag);
	while (!cut.finished)
		if (!write_cut(w, lane, &cut, longest, info, high))
			return DROP_PORT_DOWN;
	return 0;
}

/* pkt, untagged and whole, into one buffer that holds it: the path that nearly all frames take. Returns 0: none is dropped. */
static inline int
write_simple(struct writer *w, uint8_t *to, const struct pkt *pkt, uint64_t info, uint64_t high)
{
	uint32_t rest = pkt->len - pkt->hdr_len;

	pkt_copy_header(to, pkt->hdr, pkt->hdr_len);
	if (rest > 0)
		guest_copy(to + pkt->hdr_len, (const uint8_t *)pkt->segs[0].iov_base + pkt->skip, rest);
	close_descriptor(w, info, high, pkt->len);
	return 0;
}

static inline bool
is_simple(const struct writer *w, const struct posted *posted, const struct pkt *pkt, int tag)
{
	unsigned i = w->used;

	return i < PKT_BURST && posted->valid >> i & 1 && tag == PKT_TAG_NONE && pkt->len <= w->room &&
	       pkt->csum != PKT_CSUM_PARTIAL && pkt->segs[0].iov_len >= pkt->skip &&
	       pkt->segs[0].iov_len - pkt->skip >= pkt->len - pkt->hdr_len;
}

/* ---- bursts ---- */

/* The longest frame that is taken, bytes without tag. */
static uint32_t
longest_of(const struct vf_rings *v, const struct writer *w, const struct vf_rx_state *state)
{
	uint32_t longest = state->max_frame;

	/* What lies behind so many bytes of a buffer may be in use: ixgbevf has its skb_shared_info there. */
	if (w->look.control & VFRXDCTL_RLPML_EN && !v->fixed_rlpml) {
		uint32_t room = w->look.control & VFRXDCTL_RLPML,
			 tag = w->look.control & VFRXDCTL_VME ? 0 : VLAN_TAG_LEN;

		longest = RTE_MIN(longest, room > tag ? room - tag : 0);
	}
	return longest;
}

static void
count(struct vf_rx *r, const struct pkt *pkt)
{
	static const uint8_t broadcast[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

	count_add(&r->ring.bytes, pkt->len);
	if (unlikely(pkt->hdr[0] & 1) && memcmp(pkt->hdr, broadcast, sizeof(broadcast)) != 0)
		count_add(&r->multicast, 1);
}

/* A burst, sorted; what goes to one ring. info: the first words of their descriptors; NULL: without hash. */
struct load {
	struct pkt *const *pkts;
	const int *tags;
	const uint64_t *info;
	unsigned n;
	uint8_t *verdict;
};

static void
write_burst(struct writer *w, struct lane *lane, const struct load *load, uint32_t longest)
{
	struct posted posted;
	unsigned taken = 0;

	look_ahead(w, load->n, &posted);
	for (unsigned i = 0; i < load->n; i++) {
		const struct pkt *pkt = load->pkts[i];
		int tag = inline_tag(w, load->tags[i]), why;
		uint64_t info = load->info != NULL ? load->info[i] : packet_type(pkt);
		uint64_t high = last_high(w, pkt, load->tags[i]);

		if (unlikely(!frame_fits(pkt, longest)))
			why = DROP_TOO_BIG;
		else if (likely(is_simple(w, &posted, pkt, tag)))
			why = write_simple(w, posted.at[w->used], pkt, info, high);
		else if (unlikely(vf_is_broken(&w->r->ring)))
			why = DROP_PORT_DOWN;
		else if (pkt->csum == PKT_CSUM_PARTIAL)
			why = write_frames(w, lane, pkt, tag, info, high);
		else
			why = write_whole(w, pkt, tag, info, high);
		load->verdict[i] = why == 0 ? SINK_TAKEN : (uint8_t)why;
		if (why == DROP_PORT_DOWN)
			posted.valid = 0; /* nothing goes on in a broken ring */
		if (unlikely(why != 0))
			continue;
		taken++;
		count(w->r, pkt);
	}
	count_add(&w->r->ring.frames, taken);
}

static void
put_ring(struct vf_rings *v, unsigned i, struct lane *lane, const struct vf_rx_state *state, const struct load *load)
{
	struct vf_rx *r = &v->rx[i];
	struct writer w;

	spin_lock(&r->lock);
	w.mem = atomic_load_explicit(v->mem, memory_order_acquire);
	if (unlikely(!vf_ring_look(&r->ring, w.mem, false, &w.look))) {
		spin_unlock(&r->lock);
		memset(load->verdict, DROP_PORT_DOWN, load->n);
		return;
	}
	w.r = r;
	w.room = (r->ring.srrctl & VFSRRCTL_BSIZEPKT) * 1024;
	w.used = w.shown = 0;
	w.at = NULL;
	write_burst(&w, lane, load, longest_of(v, &w, state));
	write_back(&w);
	atomic_store_explicit(&r->ring.head, vf_step(w.look.head, w.used, w.look.size), memory_order_relaxed);
	spin_unlock(&r->lock);
	if (w.used > 0)
		vf_interrupt_ring(v->interrupt, lane, false, i);
}

/* ---- spreading ---- */

static void
put_spread(struct vf_rings *v, struct lane *lane, const struct vf_rx_state *state, const struct load *load)
{
	struct frame_group g[VF_RX_RINGS];
	uint64_t info[VF_RX_RINGS][PKT_BURST];

	for (unsigned i = 0; i < VF_RX_RINGS; i++)
		g[i].n = 0;
	for (unsigned i = 0; i < load->n; i++) {
		const struct pkt *pkt = load->pkts[i];
		uint16_t type;
		uint32_t hash = spread_hash(&state->spread, pkt, &type);
		/* A frame without a hash is the first ring's: 82599 datasheet, 7.1.2.8. */
		unsigned to = type != 0 ? state->spread.entry[hash & (state->spread.n_entries - 1u)] : 0;

		info[to][g[to].n] = (uint64_t)hash << HASH_SHIFT | rss_type(type) | packet_type(pkt);
		frame_group_add(&g[to], load->pkts[i], load->tags[i], i);
	}
	for (unsigned i = 0; i < VF_RX_RINGS; i++) {
		if (g[i].n == 0)
			continue;
		put_ring(v, i, lane, state, &(struct load){ g[i].pkt, g[i].tag, info[i], g[i].n, g[i].verdict });
		frame_group_verdicts(&g[i], load->verdict);
	}
}

static void
vf_put(struct sink *s, struct lane *lane, struct pkt *const *pkts, const int *tags, unsigned n, uint8_t *verdict)
{
	struct vf_rings *v = (struct vf_rings *)s;
	const struct vf_rx_state *state = atomic_load_explicit(&v->state, memory_order_acquire);
	struct load load = { pkts, tags, NULL, n, verdict };

	if (unlikely(state == NULL || !state->link))
		memset(verdict, DROP_PORT_DOWN, n);
	else if (state->rss)
		put_spread(v, lane, state, &load);
	else
		put_ring(v, 0, lane, state, &load);
	/* By whichever ring, an answer may come soon. */
	for (unsigned i = 0; i < VF_RX_RINGS && !v->trapped; i++)
		queue_expect(v->queue[i]);
}

const struct sink_ops vf_sink_ops = { vf_put };
