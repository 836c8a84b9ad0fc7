/* vring_sink_test.c - frames into a guest's receive ring: any length, any buffers, and what happens when there are too few. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "guest/test_rings.h"
#include "pkt/admit.h"
#include "pkt/build.h"
#include "pkt/testframe.h"

#define LEN(a) (sizeof(a) / sizeof((a)[0]))

static const struct vring_features merged = { .header_len = 12, .mergeable = true, .event_idx = true };
static const struct vring_features old_header = { .header_len = 10 };
static uint8_t frame[TESTFRAME_MAX], got[TESTFRAME_MAX];

static int
open_rings(void **state)
{
	for (uint32_t i = 0; i < sizeof(frame); i++)
		frame[i] = testframe_byte(i);
	frame[12] = 0x88; /* an EtherType for experiments, IEEE 802: nothing that is parsed */
	frame[13] = 0xb5;
	rings_open(&merged);
	return 0;
}

static int
close_rings(void **state)
{
	rings_close();
	return 0;
}

/* The first len bytes of `frame` as a packet in pieces. */
static void
load(struct pkt *pkt, uint32_t len, struct iovec seg[PKT_SEGS_MAX], uint32_t piece)
{
	enum drop_reason why;

	testframe_load(pkt, frame, len, seg, piece);
	memset(&pkt->claim, 0, sizeof(pkt->claim));
	assert_int_equal(pkt_admit(pkt, &why), 0);
}

static uint8_t
put(uint32_t len)
{
	struct iovec seg[PKT_SEGS_MAX];
	struct pkt pkt;

	load(&pkt, len, seg, len % 3 == 0 ? 0 : len / 20 + 1);
	return rings_put(&pkt, PKT_TAG_NONE);
}

/* The next frame received is the first len bytes of `frame`, in that many buffers. */
static void
check_received(const struct vring_features *f, uint32_t len, unsigned buffers)
{
	uint8_t header[12] = { 0 };
	unsigned n;

	assert_int_equal(rings_receive(header, got, &n), len);
	assert_int_equal(n, buffers);
	assert_memory_equal(got, frame, len);
	for (unsigned i = 0; i < 10; i++)
		assert_int_equal(header[i], 0);
	if (f->header_len == 12)
		assert_int_equal(header[10] | header[11] << 8, buffers);
}

/* ---- layouts of one chain of len bytes, cut at ---- */

static unsigned
in_one(uint32_t header, uint32_t len, uint32_t *cuts)
{
	return 0;
}

static unsigned
header_apart(uint32_t header, uint32_t len, uint32_t *cuts)
{
	cuts[0] = header;
	return 1;
}

static unsigned
header_in_four(uint32_t header, uint32_t len, uint32_t *cuts)
{
	cuts[0] = 1;
	cuts[1] = 7;
	cuts[2] = header - 1; /* num_buffers in two pieces */
	cuts[3] = header + 5;
	return 4;
}

static unsigned
with_empty_pieces(uint32_t header, uint32_t len, uint32_t *cuts)
{
	cuts[0] = 0;
	cuts[1] = cuts[2] = header;
	cuts[3] = cuts[4] = len;
	return 5;
}

/* As FreeBSD and small pages have it. */
static unsigned
in_many(uint32_t header, uint32_t len, uint32_t *cuts)
{
	unsigned n = 0;

	for (uint32_t at = 97; at < len && n < 200; at += 997)
		cuts[n++] = at;
	return n;
}

static unsigned (*const layouts[])(uint32_t header, uint32_t len, uint32_t *cuts) = {
	in_one, header_apart, header_in_four, with_empty_pieces, in_many,
};

static void
post_chain(uint32_t header, uint32_t len, size_t layout, bool indirect)
{
	uint8_t *at = rings_buffer(len);
	struct vuser_desc *table = indirect ? (void *)rings_buffer(201 * sizeof(*table)) : NULL;
	struct vuser_part part[201];
	uint32_t cuts[201], from = 0;
	unsigned n = layouts[layout](header, len, cuts);

	for (unsigned i = 0; i <= n; i++) {
		uint32_t to = i < n ? cuts[i] : len;

		part[i] = (struct vuser_part){ vuser_gpa(&rings_mem, at + from), to - from, true };
		from = to;
	}
	assert_int_equal(vuser_add(&rings_rx, part, n + 1, table, table ? vuser_gpa(&rings_mem, table) : 0,
				   (uint64_t)(uintptr_t)at),
			 0);
	vuser_publish(&rings_rx);
}

/* A frame of len bytes meets just enough buffers of that size, filled one after the other; or too small ones. */
static void
one_frame(const struct vring_features *f, size_t layout, uint32_t buffer, uint32_t len)
{
	unsigned need = (f->header_len + len + buffer - 1) / buffer;
	bool fits = f->mergeable || need == 1;

	for (unsigned i = 0; i < (fits ? need : 1); i++)
		post_chain(f->header_len, buffer, layout, len % 2 == 0 || need > 100);
	if (put(len) != (fits ? SINK_TAKEN : DROP_BUFFER_TOO_SMALL))
		fail_msg("layout %zu, buffers of %u, frame of %u", layout, buffer, len);
	if (!fits) {
		assert_int_equal(vuser_ready(&rings_rx), 0);
		len = buffer - f->header_len; /* what it is good for */
		assert_int_equal(put(len), SINK_TAKEN);
		need = 1;
	}
	check_received(f, len, need);
	assert_int_equal(vuser_ready(&rings_rx), 0);
	rings_rewind();
}

static void
frames_of_any_length_fill_buffers_of_any_layout(void **state)
{
	static const struct vring_features *const features[] = { &merged, &rings_bare, &old_header };
	static const uint32_t buffers[] = { 100, 1526, 2048, 65562 };

	for (size_t k = 0; k < LEN(features); k++) {
		rings_close();
		rings_open(features[k]);
		for (size_t layout = 0; layout < LEN(layouts); layout++)
			for (size_t b = 0; b < LEN(buffers); b++) {
				for (uint32_t len = 14; len <= 9014; len += len < 200 ? 1 : 61)
					one_frame(features[k], layout, buffers[b], len);
				for (uint32_t len = 1510; len <= 1530; len++)
					one_frame(features[k], layout, buffers[b], len);
				one_frame(features[k], layout, buffers[b], 65549);
			}
	}
	assert_int_equal(vring_fault(&rings.rx[0]), VRING_FAULT_NONE);
}

static void
a_buffer_that_crosses_adjacent_regions_is_filled(void **state)
{
	for (uint32_t cut = 1; cut < 12 + 200; cut++) {
		/* Together, so that the driver reads them as one; known as two. */
		uint8_t *at = rings_buffer(12 + 200);
		struct guest_region regions[] = { { .gpa = 0x1000, .len = cut, .va = at },
						  { .gpa = 0x1000 + cut, .len = 12 + 200 - cut, .va = at + cut } };
		struct vuser_part part = { 0x1000, 12 + 200, true };

		rings_set_regions(regions, 2);
		assert_int_equal(vuser_add(&rings_rx, &part, 1, NULL, 0, (uint64_t)(uintptr_t)at), 0);
		vuser_publish(&rings_rx);
		assert_int_equal(put(200), SINK_TAKEN);
		check_received(&merged, 200, 1);
		rings_rewind();
	}
}

static void
indexes_wrap(void **state)
{
	rings_close();
	rings_open_at(&merged, 65000);
	for (unsigned i = 0; i < 70000; i++) {
		uint32_t len = 60 + i % 200;

		rings_post(3, 100);
		assert_int_equal(put(len), SINK_TAKEN);
		check_received(&merged, len, (12 + len + 99) / 100);
		for (unsigned k = (12 + len + 99) / 100; k < 3; k++) {
			assert_int_equal(put(60), SINK_TAKEN);
			check_received(&merged, 60, 1);
		}
		rings_rewind();
	}
}

/* ---- too few, too small ---- */

static void
a_ring_without_buffers_is_full(void **state)
{
	assert_int_equal(put(60), DROP_RECEIVER_FULL);
	rings_post(1, 100);
	assert_int_equal(put(60), SINK_TAKEN);
	assert_int_equal(put(60), DROP_RECEIVER_FULL);
	check_received(&merged, 60, 1);
	assert_int_equal(vring_fault(&rings.rx[0]), VRING_FAULT_NONE);
}

static void
a_frame_that_finds_half_its_buffers_takes_none(void **state)
{
	rings_post(3, 100);
	assert_int_equal(put(500), DROP_RECEIVER_FULL);
	assert_int_equal(vuser_ready(&rings_rx), 0);
	assert_int_equal(put(80), SINK_TAKEN);
	assert_int_equal(put(289), DROP_RECEIVER_FULL); /* 301 bytes with its header */
	assert_int_equal(put(188), SINK_TAKEN);
	check_received(&merged, 80, 1);
	check_received(&merged, 188, 2);
	assert_int_equal(put(60), DROP_RECEIVER_FULL);
}

static void
the_others_of_a_burst_go_on_around_one_that_does_not_fit(void **state)
{
	static const uint32_t lens[] = { 60, 400, 61, 62, 300, 63 };
	static const int tags[LEN(lens)] = { PKT_TAG_NONE, PKT_TAG_NONE, PKT_TAG_NONE,
					     PKT_TAG_NONE, PKT_TAG_NONE, PKT_TAG_NONE };
	struct iovec seg[LEN(lens)][PKT_SEGS_MAX];
	struct pkt pkt[LEN(lens)], *pkts[LEN(lens)];
	uint8_t verdict[LEN(lens)];

	for (size_t i = 0; i < LEN(lens); i++) {
		load(&pkt[i], lens[i], seg[i], 0);
		pkts[i] = &pkt[i];
	}
	rings_post(4, 100);
	vuser_calls_on(&rings_rx);
	rings.sink.ops->put(&rings.sink, &rings_lane, pkts, tags, LEN(lens), verdict);
	for (size_t i = 0; i < LEN(lens); i++)
		assert_int_equal(verdict[i], lens[i] < 100 ? SINK_TAKEN : DROP_RECEIVER_FULL);
	assert_int_equal(vuser_called(&rings_rx), 1);
	for (size_t i = 0; i < LEN(lens); i++)
		if (lens[i] < 100)
			check_received(&merged, lens[i], 1);
}

/* The receiver posts while we write: here, because what we write is its index. */
static void
buffers_that_come_meanwhile_are_found(void **state)
{
	uint8_t *first = rings_buffer(100), *second = rings_buffer(300);
	struct vuser_part parts[] = { { vuser_gpa(&rings_mem, first), 100, true },
				      { vuser_gpa(&rings_mem, &rings_rx.avail->idx), 2, true } };
	struct vuser_part more = { vuser_gpa(&rings_mem, second), 300, true };

	assert_int_equal(vuser_add(&rings_rx, parts, 2, NULL, 0, (uint64_t)(uintptr_t)first), 0);
	vuser_publish(&rings_rx);
	assert_int_equal(vuser_add(&rings_rx, &more, 1, NULL, 0, (uint64_t)(uintptr_t)second), 0);
	frame[88] = 2; /* the byte behind 12 of header and 88 of frame */
	frame[89] = 0;
	assert_int_equal(put(300), SINK_TAKEN);
	assert_int_equal(rings_rx.used->idx, 2);
	assert_int_equal(rings_rx.used->ring[0].len, 102);
	assert_int_equal(rings_rx.used->ring[1].len, 12 + 300 - 102);
	assert_int_equal(first[10] | first[11] << 8, 2);
	assert_memory_equal(first + 12, frame, 88);
	assert_memory_equal(second, frame + 90, 210);
}

/* 5.1.6.3.2: the header, whole, is in the first buffer. */
static void
a_buffer_that_does_not_hold_the_header_takes_no_frame(void **state)
{
	for (uint32_t len = 1; len < 12; len++) {
		rings_close();
		rings_open(&merged);
		rings_post(50, len);
		assert_int_equal(put(60), DROP_BUFFER_TOO_SMALL);
		assert_int_equal(vuser_ready(&rings_rx), 0);
	}
}

static void
a_buffer_of_just_the_header_is_filled_up_with_the_next(void **state)
{
	rings_post(1, 12);
	rings_post(2, 30);
	assert_int_equal(put(60), SINK_TAKEN);
	check_received(&merged, 60, 3);
}

static void
a_buffer_without_room_ends_a_frame(void **state)
{
	rings_post(1, 60);
	rings_post(5, 0);
	assert_int_equal(put(60), DROP_BUFFER_TOO_SMALL);
	assert_int_equal(put(40), SINK_TAKEN);
	check_received(&merged, 40, 1);
}

/* 1024 chains of 1000 descriptors, with room for 13 bytes each: what one burst looks at stays below 40,000 descriptors. */
static void
a_receiver_of_crumbs_costs_a_bounded_look(void **state)
{
	uint8_t *at = rings_buffer(13);
	struct vuser_desc *table = (void *)rings_buffer(1000 * sizeof(*table));
	struct iovec seg[PKT_SEGS_MAX];
	struct pkt pkt, *pkts[PKT_BURST];
	int tags[PKT_BURST];
	uint8_t verdict[PKT_BURST];

	for (unsigned i = 0; i < 1000; i++)
		table[i] = (struct vuser_desc){ vuser_gpa(&rings_mem, at), i < 999 ? 0 : 13,
						VUSER_DESC_WRITE | (i < 999 ? VUSER_DESC_NEXT : 0), (uint16_t)(i + 1) };
	for (unsigned i = 0; i < RINGS_SIZE; i++) {
		rings_rx.desc[i] = (struct vuser_desc){ vuser_gpa(&rings_mem, table), 16000, VUSER_DESC_INDIRECT, 0 };
		vuser_offer(&rings_rx, (uint16_t)i, (uint64_t)(uintptr_t)at, 13);
	}
	vuser_publish(&rings_rx);
	load(&pkt, 100, seg, 0);
	for (unsigned i = 0; i < PKT_BURST; i++) {
		pkts[i] = &pkt;
		tags[i] = PKT_TAG_NONE;
	}
	rings.sink.ops->put(&rings.sink, &rings_lane, pkts, tags, PKT_BURST, verdict);
	assert_int_equal(verdict[0], SINK_TAKEN);
	assert_int_equal(verdict[PKT_BURST - 1], DROP_BUFFER_TOO_SMALL);
	assert_in_range(rings_rx.used->idx, 9, 40);
	assert_int_equal(vring_fault(&rings.rx[0]), VRING_FAULT_NONE);
	assert_int_equal(put(100), SINK_TAKEN); /* the next burst begins anew */
}

/* ---- not running ---- */

static void
a_ring_that_does_not_run_is_down(void **state)
{
	const struct spread *spread = atomic_load(&rings.spread);

	rings_post(10, 100);
	atomic_store(&rings.spread, NULL);
	assert_int_equal(put(60), DROP_PORT_DOWN);
	atomic_store(&rings.spread, spread);
	assert_int_equal(put(60), SINK_TAKEN);
	assert_int_equal(vring_stop(&rings.rx[0]), 1);
	assert_int_equal(put(60), DROP_PORT_DOWN);
	assert_int_equal(vuser_ready(&rings_rx), 1);
	assert_int_equal(rings_run(&rings.rx[0], &rings_rx, &merged, 1), 0);
	assert_int_equal(put(60), SINK_TAKEN);
	check_received(&merged, 60, 1);
	check_received(&merged, 60, 1);
}

/* The MTU counts without Ethernet header and tag: IEEE 802.3, 3.2.7. */
static void
a_frame_beyond_the_mtu_is_too_big_and_no_other(void **state)
{
	static const uint32_t lens[] = { 1514, 1515, 60, 9000, 1514 };
	static const int tags[LEN(lens)] = { 10, 10, PKT_TAG_NONE, PKT_TAG_NONE, PKT_TAG_NONE };
	struct iovec seg[LEN(lens)][PKT_SEGS_MAX];
	struct pkt pkt[LEN(lens)], *pkts[LEN(lens)];
	uint8_t verdict[LEN(lens)], header[12];
	unsigned buffers;

	atomic_store(&rings.mtu, 1500);
	for (size_t i = 0; i < LEN(lens); i++) {
		load(&pkt[i], lens[i], seg[i], 0);
		pkts[i] = &pkt[i];
	}
	rings_post(10, 2048);
	vuser_calls_on(&rings_rx);
	rings.sink.ops->put(&rings.sink, &rings_lane, pkts, tags, LEN(lens), verdict);
	for (size_t i = 0; i < LEN(lens); i++)
		assert_int_equal(verdict[i], lens[i] <= 1514 ? SINK_TAKEN : DROP_TOO_BIG);
	assert_int_equal(vuser_called(&rings_rx), 1);
	assert_int_equal(rings_receive(header, got, &buffers), 1518);
	assert_int_equal(rings_receive(header, got, &buffers), 60);
	assert_int_equal(rings_receive(header, got, &buffers), 1514);
	assert_int_equal(rings_receive(header, got, &buffers), 0);
	rings.sink.ops->put(&rings.sink, &rings_lane, &pkts[1], &tags[1], 1, verdict);
	assert_int_equal(verdict[0], DROP_TOO_BIG);
}

/* An uplink's frame may come in more mbufs than are kept as spans: a frame that is not all there is no frame. */
static void
a_frame_whose_rest_is_missing_is_not_delivered(void **state)
{
	struct iovec seg[PKT_SEGS_MAX];
	struct pkt pkt;

	rings_post(10, 2048);
	load(&pkt, 3000, seg, 1000);
	pkt.n_segs--;
	assert_int_equal(rings_put(&pkt, PKT_TAG_NONE), DROP_TOO_BIG);
	assert_int_equal(vuser_ready(&rings_rx), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_rings, close_rings)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(frames_of_any_length_fill_buffers_of_any_layout),
		TEST(a_buffer_that_crosses_adjacent_regions_is_filled),
		TEST(indexes_wrap),
		TEST(a_ring_without_buffers_is_full),
		TEST(a_frame_that_finds_half_its_buffers_takes_none),
		TEST(the_others_of_a_burst_go_on_around_one_that_does_not_fit),
		TEST(buffers_that_come_meanwhile_are_found),
		TEST(a_buffer_that_does_not_hold_the_header_takes_no_frame),
		TEST(a_buffer_of_just_the_header_is_filled_up_with_the_next),
		TEST(a_buffer_without_room_ends_a_frame),
		TEST(a_receiver_of_crumbs_costs_a_bounded_look),
		TEST(a_ring_that_does_not_run_is_down),
		TEST(a_frame_beyond_the_mtu_is_too_big_and_no_other),
		TEST(a_frame_whose_rest_is_missing_is_not_delivered),
	};

	return cmocka_run_group_tests(tests, rings_group_start, rings_group_end);
}
