/* test_nicswitch.c - see test_nicswitch.h. */
#include "nic/test_nicswitch.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "nic/nicswitch_table.h"
#include "nic/test_eal.h"
#include "pkt/wire.h"

#define FRAME_LEN 64

struct test_end end[ENDS];
struct nicswitch_member member[MEMBERS];
struct nicswitch *ns;
struct lane lane;
struct ingress *wire_leads;
struct sink *_Atomic host_sends;

static uint8_t frames[PKT_BURST][FRAME_LEN + VLAN_TAG_LEN];

static void
keep(struct test_end *e, const struct pkt *pkt, int tag)
{
	uint8_t number[4], room[4];
	struct iovec span[PKT_SEGS_MAX];
	unsigned n = pkt_spans(pkt, tag, room, span, PKT_SEGS_MAX);

	assert_true(n > 0 && span[n - 1].iov_len >= sizeof(number) && e->n < RTE_DIM(e->got));
	memcpy(number, (const uint8_t *)span[n - 1].iov_base + span[n - 1].iov_len - sizeof(number), sizeof(number));
	memcpy(&e->got[e->n].number, number, sizeof(number));
	e->got[e->n].tag = tag;
	e->got[e->n++].len = pkt_out_len(pkt, tag);
	e->taken++;
}

static void
keeping_put(struct sink *s, struct lane *l, struct pkt *const *pkts, const int *tags, unsigned n, uint8_t *verdict)
{
	struct test_end *e = (struct test_end *)s;

	for (unsigned i = 0; i < n; i++) {
		verdict[i] = e->refusal;
		if (e->refusal == SINK_TAKEN)
			keep(e, pkts[i], tags[i]);
	}
}

static const struct sink_ops keeping_ops = { .put = keeping_put };

/* The external switch: parses what it is given, and passes all of it on to one port. */
static unsigned
host_input(struct lane *l, struct ingress *in, struct burst *b)
{
	struct vport_stats *books = &end[WIRE].vport.stats[l->id];
	unsigned dropped = 0;

	assert_true(l->from_nic || wire_leads == in);
	for (unsigned i = 0; i < b->n; i++) {
		struct pkt *pkt = &b->pkt[i];
		enum drop_reason why;
		int tag;

		count_add(&books->rx_packets, 1);
		if (burst_admit(&l->burst, pkt, &why) < 0) {
			drop_rx(&end[WIRE].vport, l->id, why);
			dropped++;
			continue;
		}
		tag = pkt->vid == 0 ? PKT_TAG_NONE : pkt->pcp << 13 | pkt->vid;
		dropped += 1 - deliver(l, &end[HOST].vport, &end[HOST].sink, &pkt, &tag, 1);
	}
	return dropped;
}

static struct ingress host_ingress = { host_input };

static enum nicswitch_place
locate(const struct ingress *in, const uint8_t *mac, uint16_t vid)
{
	assert_ptr_equal(in, &host_ingress);
	return mac[5] == NEAR ? NICSWITCH_HOST : mac[5] == FAR ? NICSWITCH_WIRE : NICSWITCH_UNKNOWN;
}

struct nicswitch_host host = { .ingress = &host_ingress, .sink = &host_sends, .locate = locate };

static void
lead(void *arg, struct ingress *in)
{
	assert_ptr_equal(arg, &end[WIRE]);
	wire_leads = in;
}

struct mac
test_vf_mac(unsigned n)
{
	return (struct mac){ { 0x02, 0xf1, 0, 0, 1, (uint8_t)(n + 1) } };
}

struct nicswitch_rules
test_rules(unsigned which)
{
	struct nicswitch_rules r = { .sink = &end[which].sink,
				     .spoof_check = true,
				     .vlan = which == C   ? 0
					     : which == D ? 20
							  : 10,
				     .mac = { test_vf_mac(which) },
				     .n_macs = 1,
				     .broadcast = true };

	if (which == C)
		r.vlans[0] = 1 | 1ull << 20;
	return r;
}

void
test_change(unsigned which, const struct nicswitch_rules *rules)
{
	struct err err = { 0 };

	if (nicswitch_change(&member[which], rules, &err) < 0)
		fail_msg("%s", err.msg);
}

int
nicswitch_rig_start(void **state)
{
	return test_eal_start(state) < 0 || lane_init(&lane, 0) < 0 ? -1 : 0;
}

int
nicswitch_rig_stop(void **state)
{
	lane_fini(&lane);
	return 0;
}

int
nicswitch_rig_open(void **state)
{
	struct nicswitch_options options = { .name = "up",
					     .wire = &end[WIRE].vport,
					     .uplink = &end[WIRE].sink,
					     .host = host,
					     .lead = lead,
					     .arg = &end[WIRE] };

	memset((void *)end, 0, sizeof(end));
	for (unsigned i = 0; i < ENDS; i++) {
		end[i].sink.ops = &keeping_ops;
		end[i].refusal = SINK_TAKEN;
		assert_int_equal(vport_init(&end[i].vport, "end"), 0);
	}
	atomic_store(&host_sends, &end[WIRE].sink);
	wire_leads = &host_ingress;
	ns = nicswitch_new(&options);
	assert_non_null(ns);
	for (unsigned i = 0; i < MEMBERS; i++) {
		struct nicswitch_rules rules = test_rules(i);
		struct err err = { 0 };

		member[i].vport = &end[i].vport;
		assert_int_equal(nicswitch_join(ns, &member[i], &rules, &err), 0);
	}
	return 0;
}

int
nicswitch_rig_close(void **state)
{
	for (unsigned i = 0; i < MEMBERS; i++)
		if (member[i].ns != NULL)
			nicswitch_leave(&member[i]);
	assert_ptr_equal(wire_leads, &host_ingress);
	assert_ptr_equal(atomic_load(&host_sends), &end[WIRE].sink);
	nicswitch_free(ns);
	for (unsigned i = 0; i < ENDS; i++)
		vport_fini(&end[i].vport);
	return 0;
}

void
test_add_frame(const struct mac *dst, const struct mac *src, int tci, uint32_t number)
{
	struct burst *b = &lane.burst;
	struct pkt *pkt = &b->pkt[b->n];
	uint8_t *frame = frames[b->n], *type = frame + ETH_ADDRS_LEN;
	uint32_t len = FRAME_LEN + (tci != NO_TAG ? VLAN_TAG_LEN : 0);

	memset(frame, 0, len);
	memcpy(frame, dst->byte, MAC_LEN);
	memcpy(frame + MAC_LEN, src->byte, MAC_LEN);
	if (tci != NO_TAG) {
		put_be16(type, TYPE_VLAN);
		put_be16(type + 2, (uint16_t)tci);
		type += VLAN_TAG_LEN;
	}
	put_be16(type, 0x88b5); /* IEEE 802, local experiments */
	memcpy(frame + len - sizeof(number), &number, sizeof(number));
	b->seg[b->n * BURST_SEGS] = (struct iovec){ frame, len };
	memset(pkt, 0, sizeof(*pkt));
	pkt_view(pkt, frame, len);
	pkt->segs = &b->seg[b->n * BURST_SEGS];
	pkt->n_segs = 1;
	b->n++;
}

/* What the external switch does with frames of a port of its own that leave by the uplink port. */
static void
host_sends_burst(void)
{
	struct sink *sink = atomic_load(&host_sends);
	struct pkt *pkts[PKT_BURST];
	int tags[PKT_BURST];

	for (unsigned i = 0; i < lane.burst.n; i++) {
		enum drop_reason why;

		pkts[i] = &lane.burst.pkt[i];
		assert_int_equal(burst_admit(&lane.burst, pkts[i], &why), 0);
		tags[i] = pkts[i]->vid == 0 ? PKT_TAG_NONE : pkts[i]->pcp << 13 | pkts[i]->vid;
		count_add(&end[HOST].vport.stats[0].rx_packets, 1);
	}
	deliver(&lane, &end[WIRE].vport, sink, pkts, tags, lane.burst.n);
}

unsigned
test_send_burst(unsigned from)
{
	struct ingress *in = from == WIRE ? wire_leads : &member[from % MEMBERS].ingress;
	unsigned dropped = 0;

	lane.table = NULL;
	if (from == HOST)
		host_sends_burst();
	else
		dropped = in->input(&lane, in, &lane.burst);
	lane.burst.n = 0;
	return dropped;
}

unsigned
test_send(unsigned from, const struct mac *dst, const struct mac *src, int tci, uint32_t number)
{
	test_add_frame(dst, src, tci, number);
	return test_send_burst(from);
}

void
test_expect(unsigned who, const int tag[ENDS])
{
	static const int none[ENDS] = { NO_TAG, NO_TAG, NO_TAG, NO_TAG, NO_TAG, NO_TAG, NO_TAG };

	tag = tag != NULL ? tag : none;
	for (unsigned i = 0; i < ENDS; i++) {
		if (end[i].n != (who >> i & 1))
			fail_msg("end %u got %u frames", i, end[i].n);
		if (end[i].n == 1 &&
		    (end[i].got[0].tag != tag[i] || end[i].got[0].len != FRAME_LEN + (tag[i] != NO_TAG ? 4 : 0)))
			fail_msg("end %u got tag %d, length %u; want tag %d", i, end[i].got[0].tag, end[i].got[0].len,
				 tag[i]);
		end[i].n = 0;
	}
}

uint64_t
test_drops(const struct vport *vport, enum drop_reason why)
{
	struct vport_totals t;

	vport_sum(vport, &t);
	return t.drops[why];
}

void
test_balance(void)
{
	const struct vport *all[ENDS + 1];
	uint64_t forwarded = 0, offered = 0;

	for (unsigned i = 0; i < ENDS; i++)
		all[i] = &end[i].vport;
	all[ENDS] = nicswitch_vport(ns);
	for (unsigned i = 0; i < RTE_DIM(all); i++) {
		struct vport_totals t;

		vport_sum(all[i], &t);
		assert_true(t.rx_dropped <= t.rx_packets);
		assert_int_equal(t.tx_offered, t.tx_packets + t.tx_dropped);
		if (i < MEMBERS || i == HOST)
			assert_int_equal(t.tx_packets, end[i].taken);
		forwarded += t.rx_packets - t.rx_dropped + t.copies;
		offered += t.tx_offered;
	}
	assert_int_equal(forwarded, offered);
}
