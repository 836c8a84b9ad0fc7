/* vf_rx_test.c - what a driver finds in its receive rings. Frames that were finished or cut are judged by testframe_judge. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "pkt/build.h"
#include "pkt/testframe.h"
#include "pkt/wire.h"
#include "sriov/test_vf_rings.h"

#define LEN(a) (sizeof(a) / sizeof((a)[0]))
#define TEST(f) cmocka_unit_test_setup_teardown(f, vft_open, vft_close)
#define TCI 0x600a

/* Status bits of the write-back format, 82599 datasheet 7.1.6.2. */
#define DD 0x1u
#define EOP 0x2u
#define VP 0x8u
#define L4CS 0x20u
#define IPCS 0x40u

static uint8_t frame[TESTFRAME_MAX], got[TESTFRAME_MAX];
static struct iovec segs[PKT_SEGS_MAX];

/* pkt becomes a frame of len bytes that asks for nothing. */
static void
plain(struct pkt *pkt, uint32_t len, uint8_t seed, uint32_t piece)
{
	enum drop_reason why;

	for (uint32_t i = 0; i < len; i++)
		frame[i] = (uint8_t)(seed + i * 7);
	memset(frame, 2, 12);
	put_be16(frame + 12, 0x88b5);
	testframe_load(pkt, frame, len, segs, piece);
	memset(&pkt->claim, 0, sizeof(pkt->claim));
	assert_int_equal(pkt_parse(pkt, &why), 0);
}

/* A ring with other registers in place of the one that runs. */
static void
restart(uint32_t srrctl, uint32_t control)
{
	vft_stop(&vft_rx[0]);
	vft_start(&vft_rx[0], 0, false, VFT_SIZE, srrctl, control);
}

static void
a_frame_lies_in_as_many_buffers_as_it_takes(void **state)
{
	static const struct {
		uint32_t kib, len;
		unsigned buffers;
	} rows[] = { { 2, 14, 1 },   { 2, 60, 1 },    { 2, 128, 1 },   { 2, 129, 1 },  { 2, 2048, 1 },
		     { 2, 2049, 2 }, { 2, 4096, 2 },  { 3, 3072, 1 },  { 3, 9000, 3 }, { 3, 9216, 3 },
		     { 3, 9217, 4 }, { 1, 9500, 10 }, { 16, 9500, 1 }, { 1, 1024, 1 } };
	static const uint32_t pieces[] = { 0, 61, 1000 };

	for (unsigned i = 0; i < LEN(rows) * LEN(pieces); i++) {
		uint32_t kib = rows[i / LEN(pieces)].kib, len = rows[i / LEN(pieces)].len,
			 piece = pieces[i % LEN(pieces)];
		uint64_t low, high;
		unsigned buffers;
		struct pkt pkt;

		if (piece == 61 && len > 1200)
			continue;
		vft_rewind();
		restart(0x12000000 | kib, 0x42000000);
		vft_post(&vft_rx[0], 12, kib * 1024);
		plain(&pkt, len, (uint8_t)i, piece);
		assert_int_equal(vft_put(&pkt, PKT_TAG_NONE), SINK_TAKEN);
		assert_int_equal(vft_receive(&vft_rx[0], got, &low, &high, &buffers), len);
		assert_memory_equal(got, frame, len);
		assert_int_equal(buffers, rows[i / LEN(pieces)].buffers);
		assert_int_equal(low, 0);
		assert_int_equal(high, DD | EOP);
		vf_rings_sample(vft);
		assert_int_equal(vft_read(false, 0, 0x10), buffers);
	}
	assert_null(vf_rings_fault(vft));
}

static void
tags_are_stripped_as_the_ring_says(void **state)
{
	static const struct {
		uint32_t control;
		int tag;
		uint32_t len;
		uint64_t high;
	} rows[] = {
		{ 0x42000000, PKT_TAG_NONE, 60, DD | EOP },
		{ 0x42000000, TCI, 60, DD | EOP | VP | (uint64_t)TCI << 48 },
		{ 0x42000000, 0, 60, DD | EOP | VP },
		{ 0x02000000, TCI, 64, DD | EOP },
	};

	for (unsigned i = 0; i < LEN(rows); i++) {
		uint64_t low, high;
		unsigned buffers;
		struct pkt pkt;

		restart(0x12000402, rows[i].control);
		vft_post(&vft_rx[0], 4, 2048);
		plain(&pkt, 60, 1, 0);
		assert_int_equal(vft_put(&pkt, rows[i].tag), SINK_TAKEN);
		assert_int_equal(vft_receive(&vft_rx[0], got, &low, &high, &buffers), rows[i].len);
		assert_int_equal(high, rows[i].high);
		if (rows[i].len == 64) {
			assert_memory_equal(got + 12, ((const uint8_t[]){ 0x81, 0, 0x60, 0x0a }), 4);
			assert_memory_equal(got + 16, frame + 12, 48);
		}
	}
}

static const struct kind {
	struct testframe frame;
	enum pkt_gso gso;
	uint32_t type; /* in the low word */
	uint8_t rss;
} kinds[] = {
	{ { .version = 4, .proto = 6, .seq = 77, .id = 0xffff, .tcp_flags = 0x18 }, PKT_GSO_TCP4, 0x110, 1 },
	{ { .version = 6, .proto = 6, .seq = 0xfffffff0, .tcp_options = 12 }, PKT_GSO_TCP6, 0x140, 3 },
	{ { .version = 4, .proto = 17 }, PKT_GSO_UDP4, 0x210, 2 },
	{ { .version = 6, .proto = 17 }, PKT_GSO_UDP6, 0x240, 5 },
};

static struct testplace
load(struct pkt *pkt, const struct kind *k, uint32_t payload, uint16_t size, bool partial)
{
	struct testframe f = k->frame;
	struct testplace at;
	enum drop_reason why;

	f.partial = partial;
	f.payload = payload;
	at = testframe_make(&f, frame);
	testframe_load(pkt, frame, at.len, segs, 3000);
	memset(&pkt->claim, 0, sizeof(pkt->claim));
	if (partial)
		pkt->claim = testframe_claim(&at, size > 0 ? k->gso : PKT_GSO_NONE, size);
	assert_int_equal(pkt_parse(pkt, &why), 0);
	return at;
}

static void
checksums_are_finished_and_said_to_be_good(void **state)
{
	vft_post(&vft_rx[0], 64, 2048);
	for (unsigned i = 0; i < LEN(kinds); i++) {
		struct testplace at, found;
		uint64_t low, high;
		unsigned buffers;
		struct pkt pkt;

		at = load(&pkt, &kinds[i], 900, 0, true);
		assert_int_equal(vft_put(&pkt, TCI), SINK_TAKEN);
		assert_int_equal(vft_receive(&vft_rx[0], got, &low, &high, &buffers), at.len);
		assert_true(testframe_judge(got, at.len, &found));
		assert_int_equal(high, DD | EOP | VP | L4CS | (uint64_t)TCI << 48);
		assert_int_equal(low, kinds[i].type);

		/* Nobody looked at it: the driver has to. */
		load(&pkt, &kinds[i], 100, 0, false);
		assert_int_equal(vft_put(&pkt, PKT_TAG_NONE), SINK_TAKEN);
		vft_receive(&vft_rx[0], got, &low, &high, &buffers);
		assert_int_equal(high, DD | EOP);
		/* A NIC did. */
		pkt.csum = PKT_CSUM_GOOD;
		assert_int_equal(vft_put(&pkt, PKT_TAG_NONE), SINK_TAKEN);
		vft_receive(&vft_rx[0], got, &low, &high, &buffers);
		assert_int_equal(high, DD | EOP | L4CS);
		if (kinds[i].frame.proto != 17)
			continue;
		/* A NIC did, but there is none: RFC 768. */
		memset(pkt.hdr + pkt.l4_off + 6, 0, 2);
		assert_int_equal(vft_put(&pkt, PKT_TAG_NONE), SINK_TAKEN);
		vft_receive(&vft_rx[0], got, &low, &high, &buffers);
		assert_int_equal(high, DD | EOP);
	}
}

/* Frames of the guest's size, over buffers of any size, whole or not at all. */
static void
large_segments_are_cut_for_the_driver(void **state)
{
	for (unsigned i = 0; i < LEN(kinds) * 2; i++) {
		uint32_t kib = 1 + i % 2, bytes = 0, n = 0, len, before;
		const struct kind *k = &kinds[i / 2];
		struct testplace found;
		uint64_t low, high;
		unsigned buffers;
		struct pkt pkt;

		vft_rewind();
		restart(0x12000000 | kib, 0x42000000);
		vft_post(&vft_rx[0], 25, kib * 1024);
		load(&pkt, k, 30000, 1400, true); /* 22 frames */
		before = vft_rx[0].clean;
		if (kib == 1) {
			assert_int_equal(vft_put(&pkt, PKT_TAG_NONE), DROP_RECEIVER_FULL);
			assert_int_equal(vft_rx[0].clean, before);
			vft_post(&vft_rx[0], 19, kib * 1024);
		}
		assert_int_equal(vft_put(&pkt, PKT_TAG_NONE), SINK_TAKEN);
		while ((len = vft_receive(&vft_rx[0], got, &low, &high, &buffers)) > 0) {
			assert_true(testframe_judge(got, len, &found));
			for (uint32_t b = found.payload; b < found.end; b++)
				assert_int_equal(got[b], testframe_byte(bytes++));
			assert_int_equal(high, DD | EOP | L4CS | (k->frame.version == 4 ? IPCS : 0));
			n++;
		}
		assert_int_equal(n, 22);
		assert_int_equal(bytes, 30000);
	}
	assert_null(vf_rings_fault(vft));
}

static void
a_ring_without_buffers_drops_and_goes_on(void **state)
{
	uint64_t low, high;
	unsigned buffers;
	struct pkt pkt;

	plain(&pkt, 60, 1, 0);
	assert_int_equal(vft_put(&pkt, PKT_TAG_NONE), DROP_RECEIVER_FULL);
	vft_post(&vft_rx[0], 2, 2048);
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(vft_put(&pkt, PKT_TAG_NONE), SINK_TAKEN);
	assert_int_equal(vft_put(&pkt, PKT_TAG_NONE), DROP_RECEIVER_FULL);
	plain(&pkt, 5000, 1, 0);
	vft_post(&vft_rx[0], 2, 2048); /* 3 are needed */
	assert_int_equal(vft_put(&pkt, PKT_TAG_NONE), DROP_RECEIVER_FULL);
	vft_post(&vft_rx[0], 1, 2048);
	assert_int_equal(vft_put(&pkt, PKT_TAG_NONE), SINK_TAKEN);
	assert_int_equal(vft_receive(&vft_rx[0], got, &low, &high, &buffers), 60);
	assert_int_equal(vft_receive(&vft_rx[0], got, &low, &high, &buffers), 60);
	assert_int_equal(vft_receive(&vft_rx[0], got, &low, &high, &buffers), 5000);
	assert_int_equal(vft_receive(&vft_rx[0], got, &low, &high, &buffers), 0);
	assert_int_equal(vf_rings_delivered(vft, 0), 3);
	assert_null(vf_rings_fault(vft));
}

/* The longest frame is the mailbox's (SET_LPE), and the ring's where the model has that register. */
static void
frames_that_are_too_long_are_dropped(void **state)
{
	static const struct {
		uint32_t max_frame, control;
		bool fixed;
		uint32_t longest;
	} rows[] = {
		{ 1514, 0x42000000, false, 1514 },
		{ 1514, 0x42000000 | 0x8000 | 1664, false, 1514 },
		{ 9500, 0x42000000 | 0x8000 | 1664, false, 1664 },
		{ 9500, 0x42000000 | 0x8000 | 1664, true, 9500 },
		{ 9500, 0x42000000 | 1664, false, 9500 },
		{ 9500, 0x02000000 | 0x8000 | 1664, false, 1660 }, /* with room for a tag that stays */
	};

	vft_close(NULL);
	for (unsigned i = 0; i < LEN(rows); i++) {
		struct pkt pkt;

		vft_open_with(&(struct vf_rings_setup){ .fixed_rlpml = rows[i].fixed });
		vft_rules(rows[i].max_frame, false);
		vft_start(&vft_rx[0], 0, false, VFT_SIZE, 0x12000402, rows[i].control);
		vft_post(&vft_rx[0], 20, 2048);
		plain(&pkt, rows[i].longest, 1, 0);
		assert_int_equal(vft_put(&pkt, PKT_TAG_NONE), SINK_TAKEN);
		plain(&pkt, rows[i].longest + 1, 1, 0);
		assert_int_equal(vft_put(&pkt, PKT_TAG_NONE), DROP_TOO_BIG);
		if (i + 1 < LEN(rows))
			vft_close(NULL);
	}
}

/* By hash, type and table: 82599 datasheet, 7.1.2.8; the vectors are NDIS' ("Verifying the RSS Hash Calculation"). */
static void
frames_are_spread_by_their_hash(void **state)
{
	static const struct {
		uint8_t addrs[8], ports[4];
		uint32_t pair, quad;
	} rows[] = {
		{ { 66, 9, 149, 187, 161, 142, 100, 80 },
		  { 2794 >> 8, 2794 & 255, 1766 >> 8, 1766 & 255 },
		  0x323e8fc2,
		  0x51ccc178 },
		{ { 199, 92, 111, 2, 65, 69, 140, 83 },
		  { 14230 >> 8, 14230 & 255, 4739 >> 8, 4739 & 255 },
		  0xd718262a,
		  0xc626b0ea },
	};

	vft_rules(9500, true);
	vft_start(&vft_rx[1], 1, false, 64, 0x12000402, 0x42000000);
	vft_post(&vft_rx[0], 16, 2048);
	vft_post(&vft_rx[1], 16, 2048);
	for (unsigned i = 0; i < LEN(rows) * 2; i++) {
		const uint8_t proto = i % 2 ? 17 : 6;
		uint32_t hash = proto == 6 ? rows[i / 2].quad : rows[i / 2].pair;
		struct testframe f = { .version = 4, .proto = proto, .payload = 10 };
		struct vft_ring *ring = &vft_rx[hash & 1];
		struct testplace at = testframe_make(&f, frame);
		uint64_t low, high;
		unsigned buffers;
		struct pkt pkt;

		memcpy(frame + 26, rows[i / 2].addrs, 8);
		memcpy(frame + 34, rows[i / 2].ports, 4);
		pkt_view(&pkt, frame, at.len);
		segs[0] = (struct iovec){ frame, at.len };
		pkt.segs = segs;
		pkt.n_segs = 1;
		pkt.csum = PKT_CSUM_NONE;
		pkt.gso = PKT_GSO_NONE;
		assert_int_equal(vft_put(&pkt, PKT_TAG_NONE), SINK_TAKEN);
		assert_int_equal(vft_receive(ring, got, &low, &high, &buffers), at.len);
		assert_int_equal(low >> 32, hash);
		assert_int_equal(low & 0xffffffff, proto == 6 ? 0x111 : 0x212);
	}
}

static void
a_burst_keeps_its_order_in_each_ring(void **state)
{
	struct pkt pkts[PKT_BURST], *all[PKT_BURST];
	static uint8_t bytes[PKT_BURST][64];
	static struct iovec seg[PKT_BURST];
	unsigned buffers, n[2] = { 0 };
	uint8_t verdict[PKT_BURST];
	int tags[PKT_BURST];
	uint64_t low, high;

	vft_rules(9500, true);
	vft_start(&vft_rx[1], 1, false, 64, 0x12000402, 0x42000000);
	vft_post(&vft_rx[0], 40, 2048);
	vft_post(&vft_rx[1], 40, 2048);
	for (unsigned i = 0; i < PKT_BURST; i++) {
		struct testframe f = { .version = 4, .proto = 6, .payload = 4 };
		struct testplace at = testframe_make(&f, bytes[i]);

		bytes[i][35] = (uint8_t)(i * 5);
		bytes[i][at.payload] = (uint8_t)i;
		pkt_view(&pkts[i], bytes[i], at.len);
		seg[i] = (struct iovec){ bytes[i], at.len };
		pkts[i].segs = &seg[i];
		pkts[i].n_segs = 1;
		pkts[i].csum = PKT_CSUM_NONE;
		pkts[i].gso = PKT_GSO_NONE;
		all[i] = &pkts[i];
		tags[i] = PKT_TAG_NONE;
	}
	vf_rings_sink(vft)->ops->put(vf_rings_sink(vft), &vft_lane, all, tags, PKT_BURST, verdict);
	for (unsigned r = 0; r < 2; r++) {
		int last = -1;

		while (vft_receive(&vft_rx[r], got, &low, &high, &buffers) > 0) {
			assert_true(got[54] > last);
			last = got[54];
			n[r]++;
		}
		assert_true(n[r] > 0);
	}
	for (unsigned i = 0; i < PKT_BURST; i++)
		assert_int_equal(verdict[i], SINK_TAKEN);
	assert_int_equal(n[0] + n[1], PKT_BURST);
	assert_int_equal(vf_rings_delivered(vft, 0), n[0]);
	assert_int_equal(vf_rings_delivered(vft, 1), n[1]);
}

static void
counters_are_shown_on_the_page(void **state)
{
	struct vf_rings_count count;
	struct pkt pkt;

	vft_post(&vft_rx[0], 16, 2048);
	for (unsigned i = 0; i < 5; i++) {
		plain(&pkt, 100 + i, 1, 0);
		pkt.hdr[0] = i < 2 ? 0x33 : 2;
		if (i == 4)
			memset(pkt.hdr, 0xff, 6);
		assert_int_equal(vft_put(&pkt, PKT_TAG_NONE), SINK_TAKEN);
	}
	vf_rings_show(vft);
	assert_int_equal(vft_read(false, 0, 0x1c), 5);
	assert_int_equal(vft_read(false, 0, 0x20), 510);
	assert_int_equal(vft_read(false, 0, 0x24), 0);
	assert_int_equal(vft_read(false, 0, 0x34), 2);
	assert_int_equal(vft_read(false, 0, 0x10), 5);
	vf_rings_count(vft, false, &count);
	assert_int_equal(count.running, 1);
}

static void
nothing_is_taken_before_the_link_is_up_and_the_ring_runs(void **state)
{
	struct vf_rx_rules down = { .max_frame = 9500 };
	struct pkt pkt;

	vft_post(&vft_rx[0], 16, 2048);
	plain(&pkt, 60, 1, 0);
	assert_int_equal(vf_rings_set_rules(vft, &down), 0);
	assert_int_equal(vft_put(&pkt, PKT_TAG_NONE), DROP_PORT_DOWN);
	vft_rules(9500, false);
	assert_int_equal(vft_put(&pkt, PKT_TAG_NONE), SINK_TAKEN);
	vft_stop(&vft_rx[0]);
	assert_int_equal(vft_put(&pkt, PKT_TAG_NONE), DROP_PORT_DOWN);
	vft_rules(9500, true);
	assert_int_equal(vft_put(&pkt, PKT_TAG_NONE), DROP_PORT_DOWN);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_frame_lies_in_as_many_buffers_as_it_takes),
		TEST(tags_are_stripped_as_the_ring_says),
		TEST(checksums_are_finished_and_said_to_be_good),
		TEST(large_segments_are_cut_for_the_driver),
		TEST(a_ring_without_buffers_drops_and_goes_on),
		TEST(frames_that_are_too_long_are_dropped),
		TEST(frames_are_spread_by_their_hash),
		TEST(a_burst_keeps_its_order_in_each_ring),
		TEST(counters_are_shown_on_the_page),
		TEST(nothing_is_taken_before_the_link_is_up_and_the_ring_runs),
	};

	return cmocka_run_group_tests(tests, vft_group_start, vft_group_end);
}
