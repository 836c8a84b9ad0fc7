/*
 * bypass_test.c - an external switch beside the switch of its adapter, with a virtual function that is led from one to the other and
 * back while two lanes forward: nobody misses a frame, gets one twice, or gets them in another order.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/qsbr.h"
#include "nic/nicswitch.h"
#include "nic/test_eal.h"
#include "vsw/learn.h"
#include "vsw/test_port.h"

#define CHANGES 500
#define LANES 2
#define FAR 9 /* a station on the wire */

enum { VF, VF2, VM, WIRE, ENDS };
#define TO(end) (1u << (end))

/* Frames of one sender for one address, numbered. */
static const struct flow {
	unsigned lane, from, to; /* to: an end, FAR, or: */
	unsigned receivers;
} flows[] = {
	{ 0, VM, VF, TO(VF) },
	{ 0, VM, VF2, TO(VF2) },
	{ 0, VM, ENDS, TO(VF) | TO(VF2) | TO(WIRE) }, /* ENDS: everybody */
	{ 0, WIRE, VF, TO(VF) },
	{ 0, WIRE, ENDS, TO(VF) | TO(VF2) | TO(VM) },
	{ 1, VF, VM, TO(VM) },
	{ 1, VF, VF2, TO(VF2) },
	{ 1, VF, FAR, TO(WIRE) },
	{ 1, VF, ENDS, TO(VF2) | TO(VM) | TO(WIRE) },
	{ 1, VF2, VF, TO(VF) },
	{ 1, VF2, VM, TO(VM) },
	{ 1, VF2, ENDS, TO(VF) | TO(VM) | TO(WIRE) },
};

#define FLOWS RTE_DIM(flows)

/* A receiver; what a flow is expected to bring next belongs to the lane of that flow. */
struct end {
	struct sink sink;
	struct vport vport;
	struct port port; /* of WIRE the uplink port */
	uint32_t next[FLOWS];
	uint32_t wrong[FLOWS]; /* frames that were not the next one */
};

static struct end ends[ENDS];
static struct nicswitch_member member[2]; /* VF, VF2 */
static struct nicswitch *ns;
static struct vswitch *sw;
static struct ingress *_Atomic wire_leads;
static struct lane lanes[LANES];
static uint32_t sent[FLOWS];
static _Atomic bool stop;
static _Atomic uint64_t rounds[LANES];

/* The number is the flow's and the frame's: flow << 24 | number; a run of a test has less than 2^24 of a flow. */
static void
end_put(struct sink *s, struct lane *lane, struct pkt *const *pkts, const int *tags, unsigned n, uint8_t *verdict)
{
	struct end *e = (struct end *)s;

	for (unsigned i = 0; i < n; i++) {
		const struct iovec *last = &pkts[i]->segs[pkts[i]->n_segs - 1];
		uint32_t number;

		memcpy(&number, (const uint8_t *)last->iov_base + last->iov_len - sizeof(number), sizeof(number));
		e->wrong[number >> 24] += (number & 0xffffff) != e->next[number >> 24];
		e->next[number >> 24] = (number & 0xffffff) + 1;
		verdict[i] = SINK_TAKEN;
	}
}

static const struct sink_ops end_ops = { .put = end_put };

static void
lead(void *arg, struct ingress *in)
{
	atomic_store(&wire_leads, in);
}

static struct mac
address_of(unsigned who)
{
	return who == ENDS ? (struct mac){ { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff } } : test_mac((uint8_t)(who + 1));
}

static struct nicswitch_rules
rules_of(unsigned who, struct ingress *through)
{
	return (struct nicswitch_rules){ .through = through,
					 .sink = &ends[who].sink,
					 .spoof_check = true,
					 .mac = { address_of(who) },
					 .n_macs = 1,
					 .vlans = { 1 },
					 .broadcast = true };
}

static void
open_end(unsigned who)
{
	struct end *e = &ends[who];
	struct port_conf conf = test_conf_untagged(&(struct mac){ { 0 } });

	memset((void *)e, 0, sizeof(*e));
	e->sink.ops = &end_ops;
	assert_int_equal(vport_init(&e->vport, "end"), 0);
	e->port.vport = &e->vport;
	e->port.is_uplink = who == WIRE;
	atomic_store(&e->port.sink, &e->sink);
	conf.mac = address_of(who);
	if (who == WIRE)
		port_conf_uplink(&conf);
	assert_int_equal(port_attach(&e->port, sw, &conf), 0);
}

static void
open_nicswitch(void)
{
	struct nicswitch_options options = {
		.name = "up",
		.wire = &ends[WIRE].vport,
		.uplink = &ends[WIRE].sink,
		.host = { .ingress = &ends[WIRE].port.ingress, .sink = &ends[WIRE].port.sink, .locate = port_locate },
		.lead = lead
	};

	atomic_store(&wire_leads, &ends[WIRE].port.ingress);
	ns = nicswitch_new(&options);
	assert_non_null(ns);
	for (unsigned i = VF; i <= VF2; i++) {
		struct nicswitch_rules rules = rules_of(i, NULL);
		struct err err = { 0 };

		member[i] = (struct nicswitch_member){ .vport = &ends[i].vport };
		assert_int_equal(nicswitch_join(ns, &member[i], &rules, &err), 0);
		atomic_store(&ends[i].port.sink, &member[i].gate);
	}
}

static int
start(void **state)
{
	if (test_eal_start(state) < 0 || learn_start(TEST_LANES) < 0)
		return -1;
	for (unsigned i = 0; i < LANES; i++)
		if (lane_init(&lanes[i], i) < 0)
			return -1;
	return 0;
}

static int
finish(void **state)
{
	for (unsigned i = 0; i < LANES; i++)
		lane_fini(&lanes[i]);
	learn_stop();
	return 0;
}

static int
open_all(void **state)
{
	struct mac far = address_of(FAR);

	sw = switch_new("ext", SWITCH_KIND_EXTERNAL, 64, 300);
	assert_non_null(sw);
	for (unsigned i = 0; i < ENDS; i++)
		open_end(i);
	open_nicswitch();
	learn_lock();
	assert_int_equal(fdb_add_static(sw->fdb, fdb_key(far.byte, 0), ends[WIRE].port.slot), 0);
	learn_unlock();
	memset(sent, 0, sizeof(sent));
	atomic_store(&stop, false);
	return 0;
}

static int
close_all(void **state)
{
	for (unsigned i = 0; i < ENDS; i++)
		port_detach(&ends[i].port);
	for (unsigned i = VF; i <= VF2; i++)
		nicswitch_leave(&member[i]);
	nicswitch_free(ns);
	for (unsigned i = 0; i < ENDS; i++)
		vport_fini(&ends[i].vport);
	switch_free(sw);
	return 0;
}

static struct ingress *
ingress_of(unsigned from)
{
	if (from == WIRE)
		return atomic_load(&wire_leads);
	return from == VM ? &ends[VM].port.ingress : &member[from].ingress;
}

/* A burst of a flow, as a worker forwards it. */
static void
send_burst(struct lane *lane, unsigned f, unsigned n)
{
	struct mac src = address_of(flows[f].from == WIRE ? FAR : flows[f].from), dst = address_of(flows[f].to);
	struct ingress *in = ingress_of(flows[f].from);
	uint8_t frames[PKT_BURST][64];

	for (unsigned i = 0; i < n; i++)
		test_add(lane, frames[i],
			 test_frame(&dst, &src, TEST_NO_TAG, f << 24 | (sent[f]++ & 0xffffff), frames[i]));
	lane->table = NULL;
	in->input(lane, in, &lane->burst);
	lane->burst.n = 0;
}

static void *
work(void *arg)
{
	struct lane *lane = arg;

	qsbr_online(lane->reader);
	while (!atomic_load_explicit(&stop, memory_order_relaxed)) {
		for (unsigned f = 0; f < FLOWS; f++)
			if (flows[f].lane == lane->id)
				send_burst(lane, f, 1 + (sent[f] + f) % 5);
		atomic_fetch_add(&rounds[lane->id], 1);
		qsbr_quiescent(lane->reader);
	}
	qsbr_offline(lane->reader);
	return NULL;
}

static void
expect_each_frame_once(void)
{
	for (unsigned f = 0; f < FLOWS; f++) {
		for (unsigned i = 0; i < ENDS; i++) {
			uint32_t want = flows[f].receivers & TO(i) ? sent[f] : 0;

			if (ends[i].next[f] != want || ends[i].wrong[f] != 0)
				fail_msg("end %u of flow %u: %u of %u frames, %u out of turn", i, f, ends[i].next[f],
					 want, ends[i].wrong[f]);
		}
	}
}

static void
expect_books_to_balance(void)
{
	uint64_t forwarded = 0, offered = 0;

	for (unsigned i = 0; i <= ENDS; i++) {
		struct vport_totals t;

		vport_sum(i < ENDS ? &ends[i].vport : nicswitch_vport(ns), &t);
		assert_int_equal(t.rx_dropped + t.tx_dropped, 0);
		assert_int_equal(t.tx_offered, t.tx_packets);
		forwarded += t.rx_packets + t.copies;
		offered += t.tx_offered;
	}
	assert_int_equal(forwarded, offered);
}

static void
lead_vf(struct ingress *through)
{
	struct nicswitch_rules rules = rules_of(VF, through);
	struct err err = { 0 };

	if (nicswitch_change(&member[VF], &rules, &err) < 0)
		fail_msg("%s", err.msg);
}

static void
either_way_leads_each_frame_to_its_receivers(void **state)
{
	struct vport_totals t;

	qsbr_online(lanes[0].reader); /* one lane for all here: the test's own thread */
	for (unsigned way = 0; way < 3; way++) {
		qsbr_offline(lanes[0].reader);
		lead_vf(way == 1 ? &ends[VF].port.ingress : NULL);
		qsbr_online(lanes[0].reader);
		for (unsigned f = 0; f < FLOWS; f++)
			send_burst(&lanes[0], f, PKT_BURST);
		expect_each_frame_once();
	}
	qsbr_offline(lanes[0].reader);
	expect_books_to_balance();
	vport_sum(nicswitch_vport(ns), &t);
	assert_true(t.tx_packets > 0);
}

static void
a_change_of_the_way_under_load_loses_and_doubles_nothing(void **state)
{
	pthread_t threads[LANES];

	for (unsigned i = 0; i < LANES; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, work, &lanes[i]), 0);
	for (unsigned i = 0; i < CHANGES; i++) {
		uint64_t seen[LANES];

		for (unsigned k = 0; k < LANES; k++)
			seen[k] = atomic_load(&rounds[k]);
		lead_vf(i % 2 == 0 ? &ends[VF].port.ingress : NULL);
		for (unsigned k = 0; k < LANES; k++) /* each way is gone */
			while (atomic_load(&rounds[k]) == seen[k])
				usleep(10);
	}
	atomic_store(&stop, true);
	for (unsigned i = 0; i < LANES; i++)
		pthread_join(threads[i], NULL);
	expect_each_frame_once();
	expect_books_to_balance();
}

static void
other_filters_under_load_cost_nobody_else_a_frame(void **state)
{
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, work, &lanes[1]), 0);
	for (unsigned i = 0; i < CHANGES; i++) {
		struct nicswitch_member third = { .vport = &ends[VM].vport };
		struct nicswitch_rules rules = rules_of(VM, NULL);
		struct err err = { 0 };

		rules.mac[0] = test_mac((uint8_t)(100 + i % 100));
		rules.vlans[0] = 2; /* not the VLAN of the flows */
		assert_int_equal(nicswitch_join(ns, &third, &rules, &err), 0);
		rules.promiscuous = true;
		assert_int_equal(nicswitch_change(&third, &rules, &err), 0);
		nicswitch_leave(&third);
	}
	atomic_store(&stop, true);
	pthread_join(thread, NULL);
	expect_each_frame_once();
	expect_books_to_balance();
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_all, close_all)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(either_way_leads_each_frame_to_its_receivers),
		TEST(a_change_of_the_way_under_load_loses_and_doubles_nothing),
		TEST(other_filters_under_load_cost_nobody_else_a_frame),
	};

	return cmocka_run_group_tests(tests, start, finish);
}
