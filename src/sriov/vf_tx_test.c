/* vf_tx_test.c - what a driver asks a transmit ring for, and what becomes of it. Frames are judged by testframe_judge. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "pkt/build.h"
#include "pkt/crc32c.h"
#include "pkt/testframe.h"
#include "pkt/wire.h"
#include "sriov/test_vf_rings.h"

#define LEN(a) (sizeof(a) / sizeof((a)[0]))
#define TEST(f) cmocka_unit_test_setup_teardown(f, vft_open, vft_close)

static uint8_t frame[TESTFRAME_MAX], got[TESTFRAME_MAX];

/* The bytes of pkt as they would leave, untouched by offloads. */
static uint32_t
bytes_of(const struct pkt *pkt, uint8_t *out)
{
	struct iovec span[PKT_SEGS_MAX];
	uint8_t tag_room[4];
	unsigned n =
		pkt_spans(pkt, pkt->tagged ? pkt->pcp << 13 | pkt->vid : PKT_TAG_NONE, tag_room, span, PKT_SEGS_MAX);
	uint32_t len = 0;

	for (unsigned i = 0; i < n; i++) {
		memcpy(out + len, span[i].iov_base, span[i].iov_len);
		len += (uint32_t)span[i].iov_len;
	}
	return len;
}

static void
plain(uint8_t *out, uint32_t len, uint8_t seed)
{
	for (uint32_t i = 0; i < len; i++)
		out[i] = (uint8_t)(seed + i * 7);
	memset(out, 2, 12);
	put_be16(out + 12, 0x88b5); /* IEEE 802, local experimental */
}

static void
frames_are_taken_in_order_and_reported(void **state)
{
	enum drop_reason why;

	for (unsigned i = 0; i < 5; i++) {
		plain(frame, 60 + i, (uint8_t)i);
		vft_send(&vft_tx[0], 0, vft_context_high(0, 0, 0, 0), 0, frame, 60 + i, 0);
	}
	assert_int_equal(vft_take(0), 5);
	assert_int_equal(vft_sent(&vft_tx[0]), 0);
	for (unsigned i = 0; i < 5; i++) {
		struct pkt *pkt = &vft_lane.burst.pkt[i];

		assert_int_equal(pkt_parse(pkt, &why), 0);
		assert_int_equal(bytes_of(pkt, got), 60 + i);
		plain(frame, 60 + i, (uint8_t)i);
		assert_memory_equal(got, frame, 60 + i);
	}
	vft_give(0);
	assert_int_equal(vft_sent(&vft_tx[0]), 5);
	assert_int_equal(vft_take(0), 0);
	vf_rings_sample(vft);
	assert_int_equal(vft_read(true, 0, 0x10), 10);
	assert_null(vf_rings_fault(vft));
}

static void
the_ring_wraps_and_long_bursts_come_in_several(void **state)
{
	unsigned n = 0, sent = 0;

	plain(frame, 100, 0);
	for (unsigned round = 0; round < 8; round++) {
		for (unsigned i = 0; i < 80; i++)
			vft_send(&vft_tx[0], 0, vft_context_high(0, 0, 0, 0), 0, frame, 100, i % 3 ? 0 : 40);
		for (unsigned k = 0; k < 3; k++) {
			unsigned took = vft_take(0);

			assert_in_range(took, 1, PKT_BURST);
			n += took;
			vft_give(0);
		}
		sent += vft_sent(&vft_tx[0]);
		vft_mem.used = 1 << 20;
	}
	assert_int_equal(n, 640);
	assert_int_equal(sent, 640);
	assert_null(vf_rings_fault(vft));
}

static void
frames_of_many_descriptors_are_whole(void **state)
{
	static const uint32_t pieces[] = { 20, 13, 64, 1000, 4096, 5 };
	enum drop_reason why;

	for (unsigned i = 0; i < LEN(pieces); i++) {
		uint32_t len = pieces[i] * 40 < 9000 ? pieces[i] * 40 : 9000;
		struct pkt *pkt = &vft_lane.burst.pkt[0];

		plain(frame, len, (uint8_t)i);
		vft_send(&vft_tx[0], 0, vft_context_high(0, 0, 0, 0), 0, frame, len, pieces[i]);
		assert_int_equal(vft_take(0), 1);
		assert_int_equal(pkt_parse(pkt, &why), 0);
		assert_int_equal(bytes_of(pkt, got), len);
		assert_memory_equal(got, frame, len);
		vft_give(0);
		assert_int_equal(vft_sent(&vft_tx[0]), 1);
	}
	assert_null(vf_rings_fault(vft));
}

static const struct kind {
	struct testframe frame;
	bool tagged;
} kinds[] = {
	{ { .version = 4, .proto = 6, .seq = 77, .id = 0xffff, .tcp_flags = 0x18 } },
	{ { .version = 6, .proto = 6, .seq = 0xfffffff0, .tcp_options = 12 } },
	{ { .version = 4, .proto = 17 } },
	{ { .version = 6, .proto = 17 } },
	{ { .version = 4, .proto = 6, .ip_options = 8 } },
	{ { .version = 6, .proto = 17, .ext = "d" } },
	{ { .version = 4, .proto = 17, .tagged = true, .tci = 5 } },
};

/* A frame with a checksum request, to which the driver has a tag inserted, or not; what comes out. */
static void
check_checksum(const struct kind *k, uint32_t payload, bool insert)
{
	struct testframe f = k->frame;
	struct testplace at, found;
	struct pkt *pkt = &vft_lane.burst.pkt[0];
	uint64_t kind = (f.proto == 6 ? VFT_L4T_TCP : 0) | (f.version == 4 ? VFT_IPV4 : 0);
	struct pkt_cut cut;
	enum drop_reason why;
	int parsed, len;

	f.partial = true;
	f.payload = payload;
	at = testframe_make(&f, frame);
	vft_send(&vft_tx[0], vft_context_low(0x6007, at.ip, at.l4 - at.ip), vft_context_high(0, 0, 0, kind),
		 VFT_TXSM | (insert ? VFT_VLE : 0), frame, at.len, 0);
	assert_int_equal(vft_take(0), 1);
	parsed = pkt_parse(pkt, &why);
	assert_int_equal(parsed, 0);
	if (insert) {
		assert_int_equal(pkt->vid, 7);
		assert_int_equal(pkt->pcp, 3);
	}
	pkt_cut_start(&cut, pkt, PKT_TAG_NONE);
	len = pkt_cut_next(&cut, got, sizeof(got));
	assert_true(len > 0);
	if (!(insert && f.tagged)) /* whose own tag is the payload's */
		assert_true(testframe_judge(got, (size_t)len, &found));
	vft_give(0);
	assert_int_equal(vft_sent(&vft_tx[0]), 1);
}

static void
checksums_that_are_asked_for_are_finished(void **state)
{
	for (unsigned i = 0; i < LEN(kinds); i++) {
		check_checksum(&kinds[i], 31, false);
		check_checksum(&kinds[i], 1000, false);
	}
	for (unsigned i = 0; i < LEN(kinds); i++)
		if (!kinds[i].frame.tagged)
			check_checksum(&kinds[i], 1000, true);
}

static void
large_segments_get_their_lengths_and_are_cut(void **state)
{
	for (unsigned i = 0; i < 2; i++) {
		struct testframe f = kinds[i].frame;
		struct pkt *pkt = &vft_lane.burst.pkt[0];
		uint32_t cut_bytes = 0, l4_header;
		struct testplace at, found;
		struct pkt_cut cut;
		enum drop_reason why;
		uint16_t sum;
		int len;

		f.partial = true;
		f.payload = 20000;
		at = testframe_make(&f, frame);
		l4_header = at.payload - at.l4;
		/* As the driver has it: no lengths, no IP checksum, a pseudo header's sum without length. */
		if (f.version == 4) {
			memset(frame + at.ip + 2, 0, 2);
			memset(frame + at.ip + 10, 0, 2);
			sum = testframe_sum(0, frame + at.ip + 12, 8);
		} else {
			memset(frame + at.ip + 4, 0, 2);
			sum = testframe_sum(0, frame + at.ip + 8, 32);
		}
		sum = testframe_sum(sum, (const uint8_t[]){ 0, 6 }, 2);
		put_be16(frame + at.l4 + 16, sum);
		vft_send(&vft_tx[0], vft_context_low(0, at.ip, at.l4 - at.ip),
			 vft_context_high(1400, l4_header, 1, VFT_L4T_TCP | (f.version == 4 ? VFT_IPV4 : 0)),
			 VFT_TSE | VFT_TXSM | (f.version == 4 ? VFT_IXSM : 0) | 1ull << 36, frame, at.len, 4000);
		assert_int_equal(vft_take(0), 1);
		assert_int_equal(pkt_parse(pkt, &why), 0);
		assert_int_equal(pkt->gso, f.version == 4 ? PKT_GSO_TCP4 : PKT_GSO_TCP6);
		assert_int_equal(pkt->gso_size, 1400);
		pkt_cut_start(&cut, pkt, PKT_TAG_NONE);
		while ((len = pkt_cut_next(&cut, got, sizeof(got))) > 0) {
			assert_true(testframe_judge(got, (size_t)len, &found));
			for (uint32_t b = found.payload; b < found.end; b++)
				assert_int_equal(got[b], testframe_byte(cut_bytes++));
		}
		assert_int_equal(cut_bytes, 20000);
		vft_give(0);
	}
}

static void
a_tag_is_inserted_into_any_frame(void **state)
{
	static const uint32_t lens[] = { 14, 15, 60, 123, 124, 125, 127, 128, 129, 1514 };
	enum drop_reason why;

	for (unsigned i = 0; i < LEN(lens); i++) {
		struct pkt *pkt = &vft_lane.burst.pkt[0];

		plain(frame, lens[i], 9);
		vft_send(&vft_tx[0], vft_context_low(0x2123, 14, 0), vft_context_high(0, 0, 0, 0), VFT_VLE, frame,
			 lens[i], 50);
		assert_int_equal(vft_take(0), 1);
		assert_int_equal(pkt_parse(pkt, &why), 0);
		assert_int_equal(pkt->vid, 0x123);
		assert_int_equal(pkt->pcp, 1);
		pkt->tagged = false;
		assert_int_equal(bytes_of(pkt, got), lens[i]);
		assert_memory_equal(got, frame, lens[i]);
		vft_give(0);
	}
}

static void
sctp_gets_its_crc(void **state)
{
	struct pkt *pkt = &vft_lane.burst.pkt[0];
	enum drop_reason why;
	uint32_t crc;

	plain(frame, 200, 3);
	put_be16(frame + 12, 0x0800);
	vft_send(&vft_tx[0], vft_context_low(0, 14, 20), vft_context_high(0, 0, 0, VFT_L4T_SCTP | VFT_IPV4), VFT_TXSM,
		 frame, 200, 70);
	assert_int_equal(vft_take(0), 1);
	assert_int_equal(pkt_parse(pkt, &why), 0);
	assert_int_equal(bytes_of(pkt, got), 200);
	memset(frame + 34 + 8, 0, 4);
	crc = crc32c(frame + 34, 166);
	for (unsigned i = 0; i < 4; i++)
		frame[34 + 8 + i] = (uint8_t)(crc >> 8 * i);
	assert_memory_equal(got, frame, 200);
	vft_give(0);
}

static void
the_context_before_a_frame_counts_and_else_the_one_of_its_index(void **state)
{
	static const struct {
		uint64_t index; /* of the data descriptor; 2: without a context before it */
		bool before;
		uint16_t vid;
	} rows[] = { { 0, false, 11 }, { 1, false, 22 }, { 1, true, 33 }, { 0, false, 33 } };
	enum drop_reason why;

	plain(frame, 60, 0);
	vft_add(&vft_tx[0], vft_context_low(11, 14, 0), vft_context_high(0, 0, 0, 0));
	vft_add(&vft_tx[0], vft_context_low(22, 14, 0), vft_context_high(0, 0, 1, 0));
	vft_bell(&vft_tx[0]);
	assert_int_equal(vft_take(0), 0);
	for (unsigned i = 0; i < LEN(rows); i++) {
		uint8_t *at = vft_buffer(60);

		memcpy(at, frame, 60);
		if (rows[i].before) /* of another index than its frame says, as Linux does for IPsec */
			vft_add(&vft_tx[0], vft_context_low(33, 14, 0), vft_context_high(0, 0, 0, 0));
		vft_add(&vft_tx[0], vft_gpa(at),
			VFT_DATA | 60 | VFT_EOP | VFT_RS | VFT_VLE | VFT_CC | rows[i].index << 36);
		vft_bell(&vft_tx[0]);
		assert_int_equal(vft_take(0), 1);
		assert_int_equal(pkt_parse(&vft_lane.burst.pkt[0], &why), 0);
		assert_int_equal(vft_lane.burst.pkt[0].vid, rows[i].vid);
		vft_give(0);
	}
	vf_rings_sample(vft);
	assert_int_equal(vft_read(true, 0, 0x10), vft_tx[0].next);
}

/* Requests that fit no frame end in a drop of pkt_parse's, and cost the ring nothing. */
static void
requests_that_fit_no_frame_are_refused(void **state)
{
	static const struct {
		uint64_t low, high, options;
	} rows[] = {
		{ 0, VFT_CONTEXT | VFT_L4T_TCP | 1400ull << 48, VFT_TSE }, /* no IP at all */
		{ 14 << 9 | 20, VFT_CONTEXT | 1400ull << 48, VFT_TSE },    /* UDP segments */
		{ 127 << 9 | 511, VFT_CONTEXT | VFT_L4T_TCP, VFT_TXSM },   /* behind the frame */
		{ 14 << 9 | 20, VFT_CONTEXT | 0x1800, VFT_TXSM },          /* no such protocol */
		{ 127 << 9 | 511, VFT_CONTEXT | VFT_L4T_SCTP, VFT_TXSM },  /* the same */
		{ 14 << 9 | 20, VFT_CONTEXT, VFT_IXSM },                   /* of what is no IPv4 */
		{ 14 << 9 | 20, VFT_CONTEXT, 0x400ull << 32 },             /* IPsec */
		{ 14 << 9 | 20, VFT_CONTEXT | VFT_L4T_TCP | 1400ull << 48,
		  VFT_TSE | VFT_VLE | VFT_TXSM }, /* and a tag */
	};
	enum drop_reason why;

	plain(frame, 100, 0);
	for (unsigned i = 0; i < LEN(rows); i++) {
		int parsed;

		vft_send(&vft_tx[0], rows[i].low, rows[i].high, rows[i].options, frame, 100, 0);
		assert_int_equal(vft_take(0), 1);
		parsed = pkt_parse(&vft_lane.burst.pkt[0], &why);
		if (parsed == 1) /* who finishes it finds that it lies outside */
			assert_true(pkt_claim_finish(got, 100, vft_lane.burst.pkt[0].claim.csum_start, 16) < 0);
		else
			assert_int_equal(parsed, -1);
		assert_int_equal(why, DROP_BAD_OFFLOAD);
		vft_give(0);
		assert_int_equal(vft_sent(&vft_tx[0]), 1);
	}
	plain(frame, 5, 0);
	vft_send(&vft_tx[0], 0, vft_context_high(0, 0, 0, 0), VFT_VLE, frame, 5, 0);
	assert_int_equal(vft_take(0), 1);
	assert_int_equal(pkt_parse(&vft_lane.burst.pkt[0], &why), -1);
	assert_int_equal(why, DROP_RUNT);
	vft_give(0);
	assert_null(vf_rings_fault(vft));
}

/* Both rings of a queue are served, in turn. */
static void
the_rings_for_xdp_are_served_too(void **state)
{
	unsigned seen[2] = { 0 };

	vft_start(&vft_tx[2], 2, true, 64, 0, 0x02000000);
	for (unsigned i = 0; i < 20; i++) {
		plain(frame, 60, 0);
		vft_send(&vft_tx[0], 0, vft_context_high(0, 0, 0, 0), 0, frame, 60, 0);
		vft_send(&vft_tx[2], 0, vft_context_high(0, 0, 0, 0), 0, frame, 61, 0);
	}
	for (unsigned i = 0; i < 2; i++) {
		unsigned n = vft_take(0);

		assert_int_equal(n, 20);
		seen[vft_lane.burst.pkt[0].len - 60] += n;
		vft_give(0);
	}
	assert_int_equal(seen[0], 20);
	assert_int_equal(seen[1], 20);
	assert_int_equal(vft_sent(&vft_tx[0]), 20);
	assert_int_equal(vft_sent(&vft_tx[2]), 20);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(frames_are_taken_in_order_and_reported),
		TEST(the_ring_wraps_and_long_bursts_come_in_several),
		TEST(frames_of_many_descriptors_are_whole),
		TEST(checksums_that_are_asked_for_are_finished),
		TEST(large_segments_get_their_lengths_and_are_cut),
		TEST(a_tag_is_inserted_into_any_frame),
		TEST(sctp_gets_its_crc),
		TEST(the_context_before_a_frame_counts_and_else_the_one_of_its_index),
		TEST(requests_that_fit_no_frame_are_refused),
		TEST(the_rings_for_xdp_are_served_too),
	};

	return cmocka_run_group_tests(tests, vft_group_start, vft_group_end);
}
