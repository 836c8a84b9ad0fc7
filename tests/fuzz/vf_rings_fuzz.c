/*
 * vf_rings_fuzz.c - any bytes as the memory and the registers of a virtual function's guest, and what happens: takes, deliveries, looks,
 * resets. What it sends goes to itself, and frames come from elsewhere, too.
 *
 * Input: CONFIG_LEN bytes (regions, model, RSS), the length of the script, the script, then what memory begins with: the transmit ring at 0,
 * the receive ring at RX_RING, buffers behind them. Memory is of the heap, so that AddressSanitizer sees what lies outside.
 */
#include <stdlib.h>
#include <string.h>

#include <rte_cycles.h>

#include "base/qsbr.h"
#include "guest/interrupt.h"
#include "nic/mute.h"
#include "pkt/admit.h"
#include "pkt/build.h"
#include "pkt/wire.h"
#include "sriov/vf_look.h"
#include "tests/fuzz/fuzz.h"

#define CONFIG_LEN 2
#define MEMORY 16384
#define IMAGE 2048
#define RX_RING 1024
#define GAP 8192 /* from here on the second region begins, when there are two */
#define SLOW_HZ 4000000000000000ull

static struct lane lane;
static struct vf_interrupt interrupt;
static uint8_t *page[2], *memory[2];
static const struct guest_mem *_Atomic published;
static struct vf_rings *rings;
static struct queue queue[VF_RX_RINGS];

/* What the rings need of the NIC switch: one thread, no processors, nothing to wait for. */
struct processor *processors[PROCESSORS_MAX];
unsigned n_processors;

int
queue_set_source(struct queue *q, enum queue_source which, struct source *s)
{
	atomic_store(&q->source[which], s);
	return 0;
}

/* No rate is set. */
uint64_t
rte_get_tsc_hz(void)
{
	return SLOW_HZ;
}

bool
queue_kick(struct queue *q)
{
	return false;
}

void
queue_expect(struct queue *q)
{
}

void
qsbr_synchronize(void)
{
}

int
interrupt_send(int fd)
{
	return 0;
}

static void
init(void)
{
	if (lane.spare != NULL)
		return;
	lane.burst.pkt = calloc(PKT_BURST, sizeof(*lane.burst.pkt));
	lane.burst.seg = calloc(PKT_BURST * BURST_SEGS, sizeof(*lane.burst.seg));
	lane.burst.room = calloc(PKT_BURST, BURST_ROOM);
	lane.spare = malloc(BURST_ROOM);
	page[0] = aligned_alloc(4096, 4096);
	page[1] = aligned_alloc(4096, 4096);
	must(lane.burst.pkt && lane.burst.seg && lane.burst.room && lane.spare && page[0] && page[1]);
	holds_open(&lane, SLOW_HZ);
}

static void
write_register(unsigned t, unsigned ring, unsigned offset, uint32_t value)
{
	memcpy(page[t] + VF_QUEUE(ring) + offset, &value, sizeof(value));
}

/* ---- the guest ---- */

static struct guest_mem *
open_memory(struct input *in, bool apart, bool read_only)
{
	uint32_t first = apart ? GAP : MEMORY;
	struct guest_mem *mem = calloc(1, sizeof(*mem) + 2 * sizeof(mem->region[0]));

	memory[0] = aligned_alloc(128, first);
	memory[1] = calloc(1, MEMORY - first + 1);
	must(mem && memory[0] && memory[1]);
	memset(memory[0], 0, first);
	mem->n = apart ? 2 : 1;
	mem->region[0] = (struct guest_region){ .gpa = 0, .len = first, .va = memory[0] };
	mem->region[1] =
		(struct guest_region){ .gpa = first, .len = MEMORY - first, .va = memory[1], .read_only = read_only };
	for (uint32_t i = 0; i < IMAGE && in->left > 0; i++)
		memory[0][i] = next_byte(in);
	return mem;
}

static void
enable(unsigned t, uint8_t size, uint32_t srrctl)
{
	write_register(t, 0, VFRDBAL, t ? 0 : RX_RING);
	write_register(t, 0, VFRDLEN, 128u * (1 + size % 8));
	write_register(t, 0, VFSRRCTL, srrctl);
	write_register(t, 0, VFRXDCTL, VFRXDCTL_ENABLE | VFRXDCTL_VME);
}

static void
rules(uint8_t bits)
{
	struct vf_rx_rules r = { .link = true,
				 .rss = bits & 1,
				 .max_frame = bits & 2 ? 1514 : 9500,
				 .hash_types = HASH_TYPES_ALL,
				 .n_entries = 64 };

	r.entry[5] = bits >> 4;
	must(vf_rings_set_rules(rings, &r) == 0);
}

/* ---- what is seen of it ---- */

static void
check_pkt(const struct pkt *pkt)
{
	uint64_t sum = 0;

	must(pkt->len <= PKT_FRAME_MAX + VLAN_TAG_LEN && pkt->hdr_len <= PKT_HDR_MAX && pkt->hdr_len <= pkt->len);
	must(pkt->n_segs > 0 && pkt->n_segs <= BURST_SEGS);
	for (unsigned i = 0; i < pkt->n_segs; i++)
		sum += pkt->segs[i].iov_len;
	must(sum - pkt->skip == pkt->len - pkt->hdr_len);
}

static void
put(struct pkt *const *pkts, const int *tags, unsigned n)
{
	uint8_t verdict[PKT_BURST];

	memset(verdict, DROP_REASON_COUNT, sizeof(verdict));
	vf_sink_ops.put(vf_rings_sink(rings), &lane, pkts, tags, n, verdict);
	for (unsigned i = 0; i < n; i++)
		must(verdict[i] == SINK_TAKEN || verdict[i] < DROP_REASON_COUNT);
}

/* As a worker does it. */
static void
forward(unsigned i, bool deliver, int tag)
{
	struct source *s = &rings->tx[i].source;
	struct pkt *pkts[PKT_BURST];
	int tags[PKT_BURST];
	unsigned n = s->ops->take(s, &lane), k = 0;
	enum drop_reason why;

	must(n <= PKT_BURST);
	for (unsigned j = 0; j < n; j++) {
		struct pkt *pkt = &lane.burst.pkt[j];

		check_pkt(pkt);
		if (pkt_admit(pkt, &why) == 0) {
			tags[k] = tag;
			pkts[k++] = pkt;
		}
	}
	if (deliver && k > 0)
		put(pkts, tags, k);
	if (n > 0)
		s->ops->give(s, &lane);
	must(rings->tx[i].taken == NULL);
}

/* A frame from elsewhere, with a large segment in it or not, so that cutting does not wait for the fuzzer to find one. */
static void
put_large(uint8_t kind, uint16_t payload, int tag)
{
	static uint8_t frame[14 + 20 + 20 + UINT16_MAX];
	uint32_t len = 54 + payload, sum = 6 + 20 + payload;
	struct iovec seg = { frame, len };
	struct pkt pkt, *pkts = &pkt;
	enum drop_reason why;

	if (40 + payload > UINT16_MAX)
		return;
	put_be16(frame + ETH_ADDRS_LEN, TYPE_IPV4);
	frame[14] = 0x45;
	put_be16(frame + 16, (uint16_t)(len - 14));
	frame[23] = 6;
	frame[34 + 12] = 0x50;
	/* The pseudo header's sum, without addresses: RFC 9293, 3.1. */
	put_be16(frame + 34 + 16, (uint16_t)(sum + (sum >> 16)));
	pkt_view(&pkt, frame, len);
	pkt.segs = &seg;
	pkt.n_segs = 1;
	pkt.writable = true;
	pkt.claim = (struct pkt_claim){ .csum = kind & 1,
					.csum_start = 34,
					.csum_offset = 16,
					.gso = kind & 4 ? PKT_GSO_NONE : PKT_GSO_TCP4,
					.gso_size = (uint16_t)(28 + 8 * (kind >> 3)) };
	if (!(kind & 1))
		pkt.claim.gso = PKT_GSO_NONE;
	if (pkt_parse(&pkt, &why) == 0)
		put(&pkts, &tag, 1);
}

/* ---- the script ---- */

static void
poke(struct input *in)
{
	uint32_t at = (uint32_t)next(in, 2), first = (uint32_t)atomic_load(&published)->region[0].len;

	if (at < first)
		memory[0][at] = next_byte(in);
	else if (at < MEMORY)
		memory[1][at - first] = next_byte(in);
}

static void
step(struct input *in)
{
	uint8_t op = next_byte(in);
	unsigned t = op >> 7, at = (op >> 4 & 7) % 4;

	switch (op & 15) {
	case 0:
	case 1:
		forward(at & 1, op & 1, op & 64 ? 10 : PKT_TAG_NONE);
		break;
	case 2:
		vf_rings_sample(rings);
		break;
	case 3:
		write_register(t, at, VFRDT, next_byte(in) % 64);
		break;
	case 4:
		poke(in);
		break;
	case 5:
		put_large(next_byte(in), (uint16_t)next(in, 2), op & 16 ? 10 : PKT_TAG_NONE);
		break;
	case 6:
		enable(t, next_byte(in), 0x12000400 | next_byte(in) % 32);
		break;
	case 7:
		write_register(t, at, next_byte(in) & 0x3c, (uint32_t)next(in, 4));
		break;
	case 8:
		vf_rings_stop(rings);
		must(vf_rings_fault(rings) == NULL);
		break;
	case 9:
		holds_run(&lane, HOLD_NEVER);
		break;
	case 10:
		rules(next_byte(in));
		break;
	case 11:
		vf_interrupt_write(&interrupt, 4u * next_byte(in), (uint32_t)next(in, 4));
		break;
	case 12:
		if (rings->tx[at & 1].source.ops->pending(&rings->tx[at & 1].source))
			must(!vf_is_broken(&rings->tx[at & 1].ring[0].ring) ||
			     !vf_is_broken(&rings->tx[at & 1].ring[1].ring));
		break;
	case 13:
		vf_rings_show(rings);
		break;
	default:
		break;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct queue *queues[VF_RX_RINGS] = { &queue[0], &queue[1] };
	struct input all = { data, size }, script;
	struct vf_rings_setup setup = { .queues = queues, .mem = &published, .interrupt = &interrupt };
	struct guest_mem *mem;
	uint8_t config[CONFIG_LEN];

	init();
	for (unsigned i = 0; i < CONFIG_LEN; i++)
		config[i] = next_byte(&all);
	script = next_part(&all, next_byte(&all));
	mem = open_memory(&all, config[0] & 1, config[0] & 2);
	atomic_store(&published, mem);
	memset(page[0], 0, 4096);
	memset(page[1], 0, 4096);
	memset((void *)queue, 0, sizeof(queue));
	vf_interrupt_init(&interrupt, config[0] & 4 ? SLOW_HZ : 0);
	setup.rx_page = page[0];
	setup.tx_page = page[1];
	setup.fixed_rlpml = config[0] & 8;
	rings = vf_rings_new(&setup);
	must(rings != NULL);
	rules(config[1]);
	enable(0, config[0] >> 4, 0x12000401);
	enable(1, config[0] >> 4, 0);
	vf_rings_sample(rings);
	while (script.left > 0)
		step(&script);
	vf_rings_free(rings);
	vf_interrupt_fini(&interrupt);
	free(memory[0]);
	free(memory[1]);
	free(mem);
	return 0;
}
