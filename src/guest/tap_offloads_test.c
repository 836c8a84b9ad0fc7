/* tap_offloads_test.c - what a frame asks for passes through real TAPs: large segments, checksums, tags; and nonsense. Needs root. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "guest/test_taps.h"
#include "pkt/build.h"
#include "pkt/testframe.h"

struct lso_row {
	struct testframe frame;
	enum pkt_gso gso;
	uint8_t type; /* as virtio says it */
};

static const struct lso_row lso_rows[] = {
	{ { .version = 4, .proto = 6, .payload = 65000, .partial = true }, PKT_GSO_TCP4, VIRTIO_NET_HDR_GSO_TCPV4 },
	{ { .version = 4, .proto = 6, .payload = 9000, .partial = true, .tcp_options = 12 },
	  PKT_GSO_TCP4,
	  VIRTIO_NET_HDR_GSO_TCPV4 },
	{ { .version = 6, .proto = 6, .payload = 65000, .partial = true }, PKT_GSO_TCP6, VIRTIO_NET_HDR_GSO_TCPV6 },
	{ { .version = 4, .proto = 17, .payload = 60000, .partial = true }, PKT_GSO_UDP4, VIRTIO_NET_GSO_UDP_L4 },
	{ { .version = 6, .proto = 17, .payload = 60000, .partial = true }, PKT_GSO_UDP6, VIRTIO_NET_GSO_UDP_L4 },
};

/* Not cut, not summed, on either side. */
static void
a_large_segment_passes_whole(void **state)
{
	for (size_t i = 0; i < sizeof(lso_rows) / sizeof(lso_rows[0]); i++) {
		const struct lso_row *row = &lso_rows[i];
		struct testplace at = testframe_make(&row->frame, taps_sent);
		struct virtio_net_hdr out = taps_header(&at, row->type, 1400), in;
		const struct pkt *pkt = &taps_lane.burst.pkt[0];
		int tci;

		if (!taps_transmit(&taps_a, &out, at.len))
			fail_msg("row %zu: the kernel did not take it", i);
		assert_int_equal(taps_take(&taps_a), 1);
		if (pkt->len != at.len)
			fail_msg("row %zu: %u bytes of %u: the kernel cut it", i, pkt->len, at.len);
		assert_int_equal(taps_parse(0), 0);
		assert_int_equal(pkt->gso, row->gso);
		assert_int_equal(pkt->gso_size, 1400);
		assert_int_equal(taps_put(&taps_b, 0, PKT_TAG_NONE), SINK_TAKEN);
		assert_int_equal(taps_receive(&taps_b, &in, &tci), at.len);
		assert_memory_equal(taps_got, taps_sent, at.len);
		assert_int_equal(in.gso_type, row->type);
		assert_int_equal(in.gso_size, 1400);
		assert_int_equal(in.flags, VIRTIO_NET_HDR_F_NEEDS_CSUM);
		assert_int_equal(in.csum_start, at.l4);
		assert_int_equal(in.csum_offset, at.csum_at);
	}
}

static void
a_checksum_request_is_passed_on(void **state)
{
	struct testframe frame = { .version = 4, .proto = 17, .payload = 500, .partial = true };
	struct testplace at = testframe_make(&frame, taps_sent);
	struct virtio_net_hdr out = taps_header(&at, VIRTIO_NET_HDR_GSO_NONE, 0), in;
	int tci;

	assert_true(taps_transmit(&taps_a, &out, at.len));
	assert_int_equal(taps_take(&taps_a), 1);
	assert_int_equal(taps_parse(0), 0);
	assert_int_equal(taps_lane.burst.pkt[0].csum, PKT_CSUM_PARTIAL);
	assert_int_equal(taps_put(&taps_b, 0, PKT_TAG_NONE), SINK_TAKEN);
	assert_int_equal(taps_receive(&taps_b, &in, &tci), at.len);
	assert_int_equal(in.flags, VIRTIO_NET_HDR_F_NEEDS_CSUM);
	assert_int_equal(in.csum_start, at.l4);
	assert_memory_equal(taps_got, taps_sent, at.len);
}

/* IEEE 802.1Q: PCP 3, VID 10. The tag goes in front of what was asked for, and with it the place of the checksum. */
static void
a_tag_is_taken_off_and_put_on(void **state)
{
	static const struct {
		uint8_t proto, type;
		enum pkt_gso gso;
	} rows[] = { { 6, VIRTIO_NET_HDR_GSO_TCPV4, PKT_GSO_TCP4 }, { 17, VIRTIO_NET_GSO_UDP_L4, PKT_GSO_UDP4 } };

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct testframe frame = { .tagged = true, .tci = 0x600a, .version = 4, .payload = 20000 };
		const struct pkt *pkt = &taps_lane.burst.pkt[0];
		struct virtio_net_hdr out, in;
		struct testplace at;
		int tci;

		frame.proto = rows[i].proto;
		frame.partial = true;
		at = testframe_make(&frame, taps_sent);
		out = taps_header(&at, rows[i].type, 1400);
		assert_true(taps_transmit(&taps_a, &out, at.len));
		assert_int_equal(taps_take(&taps_a), 1);
		assert_int_equal(pkt->len, at.len);
		assert_int_equal(taps_parse(0), 0);
		assert_int_equal(pkt->vid, 10);
		assert_int_equal(pkt->pcp, 3);
		assert_int_equal(pkt->gso, rows[i].gso);
		assert_int_equal(taps_put(&taps_b, 0, 0x600a), SINK_TAKEN);
		assert_int_equal(taps_receive(&taps_b, &in, &tci), at.len - 4); /* the kernel takes it off, and tells */
		assert_int_equal(tci, 0x600a);
		assert_memory_equal(taps_got + 12, taps_sent + 16, at.len - 16);
		assert_int_equal(in.gso_type, rows[i].type);
		assert_int_equal(taps_put(&taps_b, 0, PKT_TAG_NONE), SINK_TAKEN);
		assert_int_equal(taps_receive(&taps_b, &in, &tci), at.len - 4);
		assert_int_equal(tci, -1);
		assert_int_equal(in.csum_start, at.l4 - 4);
	}
}

/* The kernel checks little of what a packet socket asks for, and nothing of what a guest would: any header may come. */
static void
any_header_that_the_kernel_passes_is_survived(void **state)
{
	unsigned arrived = 0, r = 5;

	for (unsigned i = 0; i < 30000; i++) {
		struct testframe frame = lso_rows[i % 5].frame;
		struct testplace at;
		struct virtio_net_hdr out;
		unsigned n;

		frame.payload = i % 3000;
		at = testframe_make(&frame, taps_sent);
		out = taps_header(&at, lso_rows[i % 5].type, 1400);
		r = r * 1664525 + 1013904223;
		if (r >> 31)
			out.csum_start = (uint16_t)((r >> 8) % (at.len + 20));
		if (r >> 30 & 1)
			out.csum_offset = (uint16_t)((r >> 4) % 64);
		if (r >> 29 & 1)
			out.gso_size = (uint16_t)(r >> 12);
		if (r >> 28 & 1)
			out.gso_type = (uint8_t)(r >> 16 & 7);
		if (r >> 27 & 1)
			out.flags = (uint8_t)(r >> 20 & 7);
		if ((r >> 24 & 7) == 0)
			taps_sent[at.ip] ^= (uint8_t)r;
		if (!taps_transmit(&taps_a, &out, at.len))
			continue;
		while ((n = taps_take(&taps_a)) > 0) {
			for (unsigned k = 0; k < n; k++) {
				arrived++;
				if (taps_parse(k) == 0)
					assert_in_set(taps_put(&taps_b, k, PKT_TAG_NONE),
						      ((LargestIntegralType[]){ SINK_TAKEN, DROP_BAD_OFFLOAD }), 2);
			}
		}
		while (recv(taps_b.sock, taps_got, sizeof(taps_got), MSG_DONTWAIT) > 0)
			;
	}
	assert_true(arrived > 3000);
	assert_false(tap_is_gone(taps_a.tap));
}

/* What the kernel refuses of ours is a drop of its own, not a reason to give the port up. */
static void
a_header_that_the_kernel_refuses_is_a_bad_offload(void **state)
{
	struct testplace at = testframe_make(&lso_rows[0].frame, taps_sent);
	struct virtio_net_hdr out = taps_header(&at, VIRTIO_NET_HDR_GSO_TCPV4, 1400), in;
	int tci;

	assert_true(taps_transmit(&taps_a, &out, at.len));
	assert_int_equal(taps_take(&taps_a), 1);
	assert_int_equal(taps_parse(0), 0);
	taps_lane.burst.pkt[0].gso_size = 0;
	assert_int_equal(taps_put(&taps_b, 0, PKT_TAG_NONE), DROP_BAD_OFFLOAD);
	taps_lane.burst.pkt[0].gso_size = 1400;
	assert_int_equal(taps_put(&taps_b, 0, PKT_TAG_NONE), SINK_TAKEN);
	assert_int_equal(taps_receive(&taps_b, &in, &tci), at.len);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, taps_open, taps_close)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_large_segment_passes_whole),
		TEST(a_checksum_request_is_passed_on),
		TEST(a_tag_is_taken_off_and_put_on),
		TEST(any_header_that_the_kernel_passes_is_survived),
		TEST(a_header_that_the_kernel_refuses_is_a_bad_offload),
	};

	return cmocka_run_group_tests(tests, taps_start, taps_stop);
}
