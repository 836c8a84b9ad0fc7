/*
 * vring_cve_test.c - what other virtqueues fell over, tried on ours. Those that need a second processor are in vring_race_test.c.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include <linux/virtio_net.h>

#include "guest/test_rings.h"
#include "pkt/admit.h"
#include "pkt/build.h"
#include "pkt/testframe.h"
#include "pkt/wire.h"

#define LEN(a) (sizeof(a) / sizeof((a)[0]))

/* A receiver that takes nothing as it is: all that can be cut or finished is. */
static const struct vring_features plain = { .header_len = 12, .mergeable = true, .event_idx = true };
static uint8_t frame[TESTFRAME_MAX], got[TESTFRAME_MAX];

static int
open_rings(void **state)
{
	rings_open(&plain);
	return 0;
}

static int
close_rings(void **state)
{
	rings_close();
	return 0;
}

static uint8_t
put_plain(uint32_t len)
{
	struct iovec seg[PKT_SEGS_MAX];
	struct pkt pkt;
	enum drop_reason why;

	memset(frame, 0, len);
	testframe_load(&pkt, frame, len, seg, 0);
	memset(&pkt.claim, 0, sizeof(pkt.claim));
	assert_int_equal(pkt_admit(&pkt, &why), 0);
	return rings_put(&pkt, PKT_TAG_NONE);
}

/* DPDK took the header's length off a buffer that was shorter, and copied what 32 bits have beside -1. */
static void
cve_2026_86566_a_runt_receive_buffer_underflows_nothing(void **state)
{
	static const struct vring_features *const features[] = { &plain, &rings_bare };

	for (size_t k = 0; k < LEN(features); k++)
		for (uint32_t len = 0; len <= 12; len++) {
			uint8_t want = len == 12 && features[k]->mergeable ? DROP_RECEIVER_FULL : DROP_BUFFER_TOO_SMALL;

			rings_close();
			rings_open(features[k]);
			rings_post(1, len);
			assert_int_equal(put_plain(60), want);
			assert_int_equal(vuser_ready(&rings_rx), 0);
		}
}

/* An index that went on for ever had the device walk the whole ring again and again. */
static void
cve_2026_86846_an_available_index_is_bounded(void **state)
{
	for (unsigned ahead = RINGS_SIZE + 1; ahead <= UINT16_MAX; ahead += 97) {
		rings_close();
		rings_open(&plain);
		rings_tx.avail->idx = rings_rx.avail->idx = (uint16_t)ahead;
		assert_int_equal(rings_take(), 0);
		assert_int_equal(vring_fault(&rings.tx[0]), VRING_FAULT_INDEX_JUMPED);
		assert_int_equal(put_plain(60), DROP_PORT_DOWN);
		assert_int_equal(vring_fault(&rings.rx[0]), VRING_FAULT_INDEX_JUMPED);
		assert_int_equal(rings_tx.used->idx | rings_rx.used->idx, 0);
	}
}

/* Descriptors as they are before a driver wrote any: all lead to the first, with and without bytes. */
static void
cve_2026_86847_a_chain_without_end_is_left(void **state)
{
	uint8_t *at = rings_buffer(60);

	for (uint32_t len = 0; len <= 60; len += 60)
		for (unsigned back = 0; back < RINGS_SIZE; back += 31) {
			rings_close();
			rings_open(&plain);
			for (unsigned i = 0; i < RINGS_SIZE; i++)
				rings_tx.desc[i] = (struct vuser_desc){ vuser_gpa(&rings_mem, at), len, VUSER_DESC_NEXT,
									(uint16_t)(i < back ? i + 1 : 0) };
			vuser_offer(&rings_tx, 0, 0, 0);
			vuser_publish(&rings_tx);
			assert_int_equal(rings_take(), 0);
			assert_int_equal(vring_fault(&rings.tx[0]), VRING_FAULT_LOOP);
		}
}

/* The header was looked for in the first two descriptors only, and read beyond them. */
static void
cve_2022_2132_a_header_may_lie_in_any_number_of_descriptors(void **state)
{
	static const uint8_t header[12];
	uint32_t cuts[12];

	for (unsigned pieces = 1; pieces <= 12; pieces++) {
		for (unsigned i = 0; i < pieces; i++)
			cuts[i] = 12 * (i + 1) / pieces;
		rings_send(header, 12, frame, 60, cuts, pieces, false);
		assert_int_equal(rings_take(), 1);
		assert_int_equal(rings_lane.burst.pkt[0].len, 60);
		rings_give();
		/* And chains that end within it. */
		rings_send(header, 12 * (pieces - 1) / pieces, frame, 0, cuts, pieces - 1, false);
		assert_int_equal(rings_take(), 0);
		assert_int_equal(rings_sent(), 2);
	}
	assert_int_equal(rings_drops(DROP_RUNT), 12);
}

/* Indexes beyond what a ring has were cut to its bits before they were checked. The largest ring is 32768: virtio 1.2, 2.7. */
static void
cve_2020_10723_an_index_is_checked_before_it_is_cut(void **state)
{
	static struct vuser_queue large;
	uint8_t *at = memset(rings_buffer(72), 0, 72);
	struct vring *r = &rings.tx[0];

	rings_queue_open(&large, VRING_SIZE_MAX, &plain, 0);
	vring_init(r, NULL, &rings_vport);
	assert_int_equal(rings_run(r, &large, &plain, 0), 0);
	for (unsigned i = 0; i < VRING_SIZE_MAX; i++) {
		large.desc[i] = (struct vuser_desc){ vuser_gpa(&rings_mem, at), 72, 0, 0 };
		large.avail->ring[i] = (uint16_t)i;
	}
	/* Twice around, so that bit 15 of the index was both. */
	for (unsigned done = 0; done < 2 * VRING_SIZE_MAX; done += PKT_BURST) {
		large.avail->idx = (uint16_t)(done + PKT_BURST);
		assert_int_equal(rings_take(), PKT_BURST);
		assert_int_equal(r->head[PKT_BURST - 1], (done + PKT_BURST - 1) % VRING_SIZE_MAX);
		rings_give();
	}
	large.avail->ring[0] = VRING_SIZE_MAX; /* one beyond, and 0 when cut */
	large.avail->idx = (uint16_t)(2 * VRING_SIZE_MAX + 1);
	assert_int_equal(rings_take(), 0);
	assert_int_equal(vring_fault(r), VRING_FAULT_BAD_HEAD);
	vuser_queue_fini(&large);
}

/* A buffer whose first byte was translated was believed to go on in our memory as it does in the guest's. */
static void
cve_2018_1059_a_buffer_is_translated_to_its_end(void **state)
{
	static const uint64_t gaps[] = { 0, 1, 4096 };
	uint8_t *low = memset(rings_buffer(50), 1, 50), *high = memset(rings_buffer(50), 2, 50);

	for (size_t i = 0; i < LEN(gaps); i++) {
		struct guest_region regions[] = {
			{ .gpa = 0x1000, .len = 50, .va = high }, /* the other way round here */
			{ .gpa = 0x1000 + 50 + gaps[i], .len = 50, .va = low }
		};
		struct vuser_part part = { 0x1000, 100, false };
		const struct pkt *pkt = &rings_lane.burst.pkt[0];

		memset(high, 0, 12);
		rings_set_regions(regions, 2);
		assert_int_equal(vuser_add(&rings_tx, &part, 1, NULL, 0, 0), 0);
		vuser_publish(&rings_tx);
		if (gaps[i] > 0) {
			assert_int_equal(rings_take(), 0);
			assert_int_equal(vring_fault(&rings.tx[0]), VRING_FAULT_BAD_ADDRESS);
		} else {
			assert_int_equal(rings_take(), 1);
			assert_int_equal(pkt->len, 88);
			for (unsigned k = 0; k < 88; k++)
				assert_int_equal(pkt->hdr[k], k < 38 ? 2 : 1);
			rings_give();
		}
		rings_close();
		rings_open(&plain);
	}
}

/* ---- segmentation requests ---- */

/* Sends frame[0..len) behind h, cut at each byte of its first n, and parses it. Returns what pkt_parse says. */
static int
send_and_parse(const struct virtio_net_hdr *h, uint32_t len, uint32_t n, enum drop_reason *why)
{
	uint8_t header[12] = { 0 };
	uint32_t cuts[256];

	if (n > 12 + len)
		n = 12 + len;
	for (uint32_t i = 0; i < n; i++)
		cuts[i] = i + 1;
	memcpy(header, h, sizeof(*h));
	rings_send(header, 12, frame, len, cuts, n, true);
	assert_int_equal(rings_take(), 1);
	return pkt_admit(&rings_lane.burst.pkt[0], why);
}

/* Delivers what was parsed and gives it back. Every frame that arrives is whole and right; returns how many. */
static unsigned
deliver(void)
{
	uint8_t header[12];
	unsigned buffers, n = 0;
	struct testplace at;
	uint32_t len;

	rings_post(200, 1000);
	assert_int_equal(rings_put(&rings_lane.burst.pkt[0], PKT_TAG_NONE), SINK_TAKEN);
	for (; (len = rings_receive(header, got, &buffers)) > 0; n++)
		assert_true(testframe_judge(got, len, &at));
	rings_give();
	assert_int_equal(rings_sent(), 1);
	return n;
}

/* What is wrong with a request for 3000 bytes of TCP in segments of 1000, 54 bytes of headers in front. */
static const struct gso_row {
	const char *what;
	uint16_t hdr_len, gso_size;
	uint8_t type, flags;
	uint8_t at, byte; /* of the frame is another, unless at is 0 */
	uint32_t len;     /* of what is sent, 0: all */
} gso_rows[] = {
	{ "no size", 54, 0, VIRTIO_NET_HDR_GSO_TCPV4, 1 },
	{ "a size of one", 54, 1, VIRTIO_NET_HDR_GSO_TCPV4, 1 },
	{ "no checksum asked for", 54, 1000, VIRTIO_NET_HDR_GSO_TCPV4, 0 },
	{ "another IP version", 54, 1000, VIRTIO_NET_HDR_GSO_TCPV6, 1 },
	{ "another protocol", 54, 1000, VIRTIO_NET_GSO_UDP_L4, 1 },
	{ "UDP's protocol number", 54, 1000, VIRTIO_NET_HDR_GSO_TCPV4, 1, 14 + 9, 17 },
	{ "an IP header of 60 bytes", 54, 1000, VIRTIO_NET_HDR_GSO_TCPV4, 1, 14, 0x4f },
	{ "an IP header of 16 bytes", 54, 1000, VIRTIO_NET_HDR_GSO_TCPV4, 1, 14, 0x44 },
	{ "a TCP header of 16 bytes", 54, 1000, VIRTIO_NET_HDR_GSO_TCPV4, 1, 34 + 12, 0x40 },
	{ "a TCP header longer than the frame", 54, 1000, VIRTIO_NET_HDR_GSO_TCPV4, 1, 34 + 12, 0xf0, 60 },
	{ "half a TCP header", 54, 1000, VIRTIO_NET_HDR_GSO_TCPV4, 1, 0, 0, 44 },
	{ "half an IP header", 54, 1000, VIRTIO_NET_HDR_GSO_TCPV4, 1, 0, 0, 24 },
	{ "an Ethernet header alone", 54, 1000, VIRTIO_NET_HDR_GSO_TCPV4, 1, 0, 0, 14 },
	{ "half an Ethernet header", 54, 1000, VIRTIO_NET_HDR_GSO_TCPV4, 1, 0, 0, 7 },
	{ "an IP length longer than the frame", 54, 1000, VIRTIO_NET_HDR_GSO_TCPV4, 1, 14 + 2, 0x20 },
	{ "a fragment", 54, 1000, VIRTIO_NET_HDR_GSO_TCPV4, 1, 14 + 6, 0x20 },
};

static void
make_tcp(struct virtio_net_hdr *h, struct testplace *at)
{
	struct testframe f = { .version = 4, .proto = 6, .payload = 3000, .partial = true };

	*at = testframe_make(&f, frame);
	*h = (struct virtio_net_hdr){ .csum_start = (uint16_t)at->l4, .csum_offset = at->csum_at };
}

/* Headers that a request lies about were copied by its own length, and taken off a segment that is shorter. */
static void
cve_2026_100236_a_segmentation_request_is_made_anew_from_the_frame(void **state)
{
	for (size_t i = 0; i < LEN(gso_rows); i++) {
		const struct gso_row *row = &gso_rows[i];
		enum drop_reason why = DROP_REASON_COUNT;
		struct virtio_net_hdr h;
		struct testplace at;

		make_tcp(&h, &at);
		h.flags = row->flags;
		h.gso_type = row->type;
		h.gso_size = row->gso_size;
		h.hdr_len = row->hdr_len;
		if (row->at > 0)
			frame[row->at] = row->byte;
		if (send_and_parse(&h, row->len > 0 ? row->len : at.len, 60, &why) != -1)
			fail_msg("%s was let pass", row->what);
		assert_in_set(why, ((LargestIntegralType[]){ DROP_BAD_OFFLOAD, DROP_HEADERS_TOO_LONG, DROP_RUNT }), 3);
		rings_give();
		assert_int_equal(rings_sent(), 1);
		rings_rewind();
	}
}

/* hdr_len is a hint that nobody needs: virtio 1.2, 5.1.6.2. Headers lie in as many descriptors as there are bytes. */
static void
cve_2026_100236_header_lengths_of_a_request_mean_nothing(void **state)
{
	static const uint16_t lens[] = { 0, 1, 13, 54, 1000, 3054, 65535 };

	for (size_t i = 0; i < LEN(lens); i++)
		for (uint32_t n = 0; n < 80; n += 13) {
			enum drop_reason why;
			struct virtio_net_hdr h;
			struct testplace at;

			rings_close();
			rings_open(&plain);
			make_tcp(&h, &at);
			h.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
			h.gso_type = VIRTIO_NET_HDR_GSO_TCPV4;
			h.gso_size = 28; /* shorter than the headers */
			h.hdr_len = lens[i];
			assert_int_equal(send_and_parse(&h, at.len, n, &why), 0);
			assert_int_equal(deliver(), (3000 + 27) / 28);
		}
}

/* Start and offset of a checksum are the sender's word: within the frame it is done, else it is refused. */
static void
cve_2024_11614_a_checksum_outside_of_the_frame_is_refused(void **state)
{
	static const uint16_t places[] = { 0, 1, 13, 14, 34, 50, 98, 99, 100, 101, 0x7fff, 0x8000, 0xfffe, 0xffff };

	memset(frame, 0, 100);
	for (size_t i = 0; i < LEN(places); i++)
		for (size_t k = 0; k < LEN(places); k++) {
			struct virtio_net_hdr h = { .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
						    .csum_start = places[i],
						    .csum_offset = places[k] };
			bool inside = places[i] + places[k] + 2 <= 100;
			enum drop_reason why = DROP_REASON_COUNT;

			assert_int_equal(send_and_parse(&h, 100, (uint32_t)i, &why), inside ? 1 : -1);
			if (!inside)
				assert_int_equal(why, DROP_BAD_OFFLOAD);
			rings_give();
			assert_int_equal(rings_sent(), 1);
			rings_rewind();
		}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_rings, close_rings)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(cve_2026_86566_a_runt_receive_buffer_underflows_nothing),
		TEST(cve_2026_86846_an_available_index_is_bounded),
		TEST(cve_2026_86847_a_chain_without_end_is_left),
		TEST(cve_2022_2132_a_header_may_lie_in_any_number_of_descriptors),
		TEST(cve_2020_10723_an_index_is_checked_before_it_is_cut),
		TEST(cve_2018_1059_a_buffer_is_translated_to_its_end),
		TEST(cve_2026_100236_a_segmentation_request_is_made_anew_from_the_frame),
		TEST(cve_2026_100236_header_lengths_of_a_request_mean_nothing),
		TEST(cve_2024_11614_a_checksum_outside_of_the_frame_is_refused),
	};

	return cmocka_run_group_tests(tests, rings_group_start, rings_group_end);
}
