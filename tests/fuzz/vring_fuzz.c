/*
 * vring_fuzz.c - any bytes as the memory of two guests, their rings in it, and what happens: takes, deliveries, changes.
 *
 * Input: CONFIG_LEN bytes (features, ring sizes, regions), the length of the script, the script, then IMAGE bytes that the sender's
 * memory begins with, and the receiver's (zeros where the input ends). A ring stands at the beginning of each. Addresses of a guest
 * begin at 0. Memory is of the heap, so that AddressSanitizer sees what lies outside.
 */
#include <stdlib.h>
#include <string.h>

#include "guest/vring_chain.h"
#include "nic/sink.h"
#include "pkt/admit.h"
#include "pkt/build.h"
#include "pkt/wire.h"
#include "tests/fuzz/fuzz.h"

#define CONFIG_LEN 4
#define MEMORY 8192
#define IMAGE 1024
#define RING_LOG2_MAX 4
#define GAP 4096                    /* from here on the second region begins, when there are two */
#define SLOW_HZ 4000000000000000ull /* nothing that is held back comes due by itself */

/* A guest: its memory, in one region or two that do not lie together with us, and its ring. */
struct guest {
	uint8_t *memory[2];
	struct guest_mem *mem;
	const struct guest_mem *_Atomic published;
	struct vring ring;
	uint32_t size;
};

static struct lane lane;
static struct vport vport;
static uint8_t log_bits[2];

static void
init(void)
{
	if (lane.spare != NULL)
		return;
	lane.burst.pkt = calloc(PKT_BURST, sizeof(*lane.burst.pkt));
	lane.burst.seg = calloc(PKT_BURST * BURST_SEGS, sizeof(*lane.burst.seg));
	lane.burst.room = calloc(PKT_BURST, BURST_ROOM);
	lane.spare = malloc(BURST_ROOM);
	vport.stats = aligned_alloc(64, sizeof(*vport.stats));
	must(lane.burst.pkt && lane.burst.seg && lane.burst.room && lane.spare && vport.stats);
	memset((void *)vport.stats, 0, sizeof(*vport.stats));
	holds_open(&lane, SLOW_HZ);
}

/* ---- guests ---- */

static void
open_guest(struct guest *g, struct input *in, bool apart)
{
	uint32_t first = apart ? GAP : MEMORY;

	memset((void *)g, 0, sizeof(*g));
	g->mem = calloc(1, sizeof(*g->mem) + 2 * sizeof(g->mem->region[0]));
	g->memory[0] = calloc(1, first);
	g->memory[1] = calloc(1, MEMORY - first + 1);
	must(g->mem && g->memory[0] && g->memory[1]);
	g->mem->n = apart ? 2 : 1;
	g->mem->region[0] = (struct guest_region){ .gpa = 0, .len = first, .va = g->memory[0] };
	g->mem->region[1] = (struct guest_region){ .gpa = first, .len = MEMORY - first, .va = g->memory[1] };
	for (uint32_t i = 0; i < IMAGE && in->left > 0; i++)
		g->memory[0][i] = next_byte(in);
	atomic_init(&g->published, g->mem);
	vring_init(&g->ring, NULL, &vport);
}

static void
close_guest(struct guest *g)
{
	vring_settle(&g->ring);
	vring_stop(&g->ring);
	must(!hold_is_on(&g->ring.hold));
	free(g->memory[0]);
	free(g->memory[1]);
	free(g->mem);
}

static void
start(struct guest *g, uint8_t features, uint8_t more, int base)
{
	struct vring_setup setup = {
		.features = { .mergeable = features & 1,
			      .header_len = features & 3 ? 12 : 10,
			      .event_idx = features & 4,
			      .guest_csum = features & 8,
			      .guest_tso4 = features & 16,
			      .guest_tso6 = features & 32,
			      .guest_ecn = features & 64,
			      .guest_uso4 = features & 128,
			      .guest_uso6 = more & 8 },
		.size = 1u << (more & 7) % (RING_LOG2_MAX + 1),
		.used_log = true,
		.base = base,
		.call_fd = -1,
		.kick_fd = -1,
		.hz = SLOW_HZ,
		.mem = &g->published,
	};
	uint8_t *at = g->memory[0];

	g->size = setup.size;
	setup.desc = (struct vring_desc *)(void *)at;
	at += vring_desc_bytes(1u << RING_LOG2_MAX);
	setup.avail = (struct vring_avail *)(void *)at;
	at += (vring_avail_bytes(1u << RING_LOG2_MAX) + 3) & ~3ull;
	setup.used = (struct vring_used *)(void *)at;
	setup.used_log_gpa = (uint64_t)(at - g->memory[0]);
	if (vring_start(&g->ring, &setup) < 0)
		vring_stop(&g->ring);
}

static bool
is_running(struct guest *g)
{
	return atomic_load(&g->ring.running);
}

/* ---- what is seen of it ---- */

static bool
lies_in(const struct guest *g, const struct iovec *seg)
{
	for (unsigned i = 0; i < g->mem->n; i++) {
		const struct guest_region *r = &g->mem->region[i];
		uint64_t at = (uint64_t)((uint8_t *)seg->iov_base - r->va);

		if (at <= r->len && seg->iov_len <= r->len - at)
			return true;
	}
	return false;
}

static void
check_pkt(const struct guest *g, const struct pkt *pkt)
{
	uint64_t sum = 0;

	must(pkt->len <= PKT_FRAME_MAX);
	must(pkt->hdr_len == (pkt->len < PKT_HDR_MAX ? pkt->len : PKT_HDR_MAX) && pkt->skip == pkt->hdr_len);
	must(pkt->n_segs <= BURST_SEGS && (pkt->n_segs > 0 || pkt->len == 0));
	for (unsigned i = 0; i < pkt->n_segs; i++) {
		sum += pkt->segs[i].iov_len;
		must(pkt->writable || lies_in(g, &pkt->segs[i]));
	}
	must(sum == pkt->len);
}

static void
put(struct guest *to, struct pkt *const *pkts, const int *tags, unsigned n)
{
	uint8_t verdict[PKT_BURST];
	uint16_t before = to->ring.next_used;

	memset(verdict, DROP_REASON_COUNT, sizeof(verdict));
	vring_put(&to->ring, &lane, pkts, tags, n, verdict);
	for (unsigned i = 0; i < n; i++)
		must(verdict[i] == SINK_TAKEN || verdict[i] < DROP_REASON_COUNT);
	must((uint16_t)(to->ring.next_used - before) <= to->size);
	must(to->ring.next_used == to->ring.next_avail);
}

/* As a worker does it: whatever is parsed goes to the receiver. */
static void
forward(struct guest *from, struct guest *to, int tag, bool deliver)
{
	struct source *s = &from->ring.source;
	struct pkt *pkts[PKT_BURST];
	int tags[PKT_BURST];
	uint16_t before = from->ring.next_used;
	unsigned n, k = 0;
	enum drop_reason why;

	if (!is_running(from))
		return;
	n = s->ops->take(s, &lane);
	must(n <= PKT_BURST && from->ring.n_heads <= from->size);
	for (unsigned i = 0; i < n; i++) {
		struct pkt *pkt = &lane.burst.pkt[i];

		check_pkt(from, pkt);
		if (pkt_admit(pkt, &why) == 0) {
			tags[k] = tag;
			pkts[k++] = pkt;
		}
	}
	if (deliver && k > 0)
		put(to, pkts, tags, k);
	s->ops->give(s, &lane);
	must(from->ring.n_heads == 0 && from->ring.next_used == from->ring.next_avail);
	must((uint16_t)(from->ring.next_used - before) <= PKT_BURST);
}

/* A frame from elsewhere, with a large segment in it or not, so that cutting does not wait for the fuzzer to find one. */
static void
put_large(struct guest *to, uint8_t kind, uint16_t payload, int tag)
{
	static uint8_t frame[14 + 20 + 20 + UINT16_MAX];
	uint32_t l4 = kind & 1 ? 8 : 20, len = 34 + l4 + payload, proto = kind & 1 ? 17 : 6, sum = proto + l4 + payload;
	struct iovec seg = { frame, len };
	struct pkt pkt, *pkts = &pkt;
	enum drop_reason why;

	if (20 + l4 + payload > UINT16_MAX)
		return;
	put_be16(frame + ETH_ADDRS_LEN, TYPE_IPV4);
	frame[14] = 0x45;
	put_be16(frame + 16, (uint16_t)(len - 14));
	frame[23] = (uint8_t)proto;
	put_be16(frame + 34 + 4, (uint16_t)(l4 + payload));
	frame[34 + 12] = 0x50;
	frame[34 + 13] = kind & 2 ? 0x90 : 0x10;
	/* The pseudo header's sum, without addresses: RFC 9293, 3.1. */
	put_be16(frame + 34 + (kind & 1 ? 6 : 16), (uint16_t)(sum + (sum >> 16)));
	pkt_view(&pkt, frame, len);
	pkt.segs = &seg;
	pkt.n_segs = 1;
	pkt.writable = true;
	pkt.claim = (struct pkt_claim){ .csum = true,
					.csum_start = 34,
					.csum_offset = kind & 1 ? 6 : 16,
					.gso = kind & 4   ? PKT_GSO_NONE
					       : kind & 1 ? PKT_GSO_UDP4
							  : PKT_GSO_TCP4,
					.gso_size = (uint16_t)(28 + 8 * (kind >> 3)) };
	if (pkt_parse(&pkt, &why) == 0)
		put(to, &pkts, &tag, 1);
}

/* ---- the script ---- */

static void
poke(struct guest *g, struct input *in)
{
	uint16_t at = (uint16_t)(next_byte(in) | next_byte(in) << 8);
	uint32_t first = (uint32_t)g->mem->region[0].len;

	if (at < first)
		g->memory[0][at] = next_byte(in);
	else if (at < MEMORY)
		g->memory[1][at - first] = next_byte(in);
}

static void
arm(struct guest *g)
{
	struct source *s = &g->ring.source;

	if (!is_running(g))
		return;
	s->ops->arm(s);
	if (s->ops->pending(s))
		must(vring_fault(&g->ring) == VRING_FAULT_NONE);
}

static void
step(struct guest guest[2], struct input *in, const uint8_t *config)
{
	static const uint8_t mac[6] = { 2, 3, 4, 5, 6, 7 };
	uint8_t op = next_byte(in);
	struct guest *g = &guest[op >> 7];

	switch (op & 15) {
	case 0:
	case 1:
		forward(&guest[0], &guest[1], op & 16 ? 10 : PKT_TAG_NONE, op & 1);
		break;
	case 2:
		arm(&guest[0]);
		break;
	case 3: /* the driver makes some available */
		if (is_running(g))
			g->ring.avail->idx = htole16((uint16_t)(g->ring.next_avail + next_byte(in)));
		break;
	case 4:
		poke(g, in);
		break;
	case 5:
		put_large(&guest[1], next_byte(in), (uint16_t)(next_byte(in) | next_byte(in) << 8),
			  op & 16 ? 10 : PKT_TAG_NONE);
		break;
	case 6:
		vring_settle(&g->ring);
		vring_stop(&g->ring);
		start(g, config[0] ^ next_byte(in), config[1 + (op >> 7)], op & 16 ? next_byte(in) : -1);
		break;
	case 7:
		g->mem->log.bits = op & 16 ? (_Atomic uint8_t *)log_bits : NULL;
		g->mem->log.len = sizeof(log_bits);
		break;
	case 8:
		vring_announce(&guest[0].ring, mac);
		break;
	case 9:
		holds_run(&lane, HOLD_NEVER);
		must(!hold_is_on(&guest[0].ring.hold) && !hold_is_on(&guest[1].ring.hold));
		break;
	case 10:
		moderation_set(&g->ring.moderation, (enum moderation_mode)((op >> 4 & 7) % MODERATION_MODES));
		break;
	default:
		break;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input all = { data, size }, script;
	struct guest guest[2];
	uint8_t config[CONFIG_LEN];

	init();
	for (unsigned i = 0; i < CONFIG_LEN; i++)
		config[i] = next_byte(&all);
	script = next_part(&all, next_byte(&all));
	for (unsigned i = 0; i < 2; i++) {
		open_guest(&guest[i], &all, config[3] >> i & 1);
		start(&guest[i], config[0], config[1 + i], config[3] & 4 ? -1 : 0);
	}
	while (script.left > 0)
		step(guest, &script, config);
	for (unsigned i = 0; i < 2; i++)
		close_guest(&guest[i]);
	holds_close(&lane);
	return 0;
}
