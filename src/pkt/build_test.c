/* build_test.c - spans and virtio-net headers. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "pkt/build.h"
#include "pkt/testframe.h"

#define LEN(a) (sizeof(a) / sizeof((a)[0]))

static uint8_t frame[TESTFRAME_MAX];
static struct iovec segs[PKT_SEGS_MAX];

static struct testplace
make(struct pkt *pkt, const struct testframe *f, struct pkt_claim claim, uint32_t piece)
{
	struct testplace at = testframe_make(f, frame);
	enum drop_reason why;

	if (claim.csum)
		claim = testframe_claim(&at, claim.gso, claim.gso_size);
	pkt->claim = claim;
	testframe_load(pkt, frame, at.len, segs, piece);
	assert_int_equal(pkt_parse(pkt, &why), 0);
	return at;
}

/* What the spans hold must be the frame as testframe_make makes it with that tag. */
static void
check_spans(const struct pkt *pkt, const struct testframe *f, int tag)
{
	static uint8_t want[TESTFRAME_MAX], got[TESTFRAME_MAX];
	struct iovec out[PKT_SEGS_MAX];
	struct testframe wanted = *f;
	uint8_t tag_room[4];
	uint32_t len = 0;
	unsigned n;

	wanted.tagged = tag != PKT_TAG_NONE;
	wanted.tci = (uint16_t)tag;
	n = pkt_spans(pkt, tag, tag_room, out, PKT_SEGS_MAX);
	assert_true(n > 0 && n <= pkt->n_segs + (wanted.tagged ? 3u : 1u));
	for (unsigned i = 0; i < n; i++) {
		assert_true(out[i].iov_len > 0);
		memcpy(got + len, out[i].iov_base, out[i].iov_len);
		len += (uint32_t)out[i].iov_len;
	}
	assert_int_equal(len, pkt_out_len(pkt, tag));
	assert_int_equal(len, testframe_make(&wanted, want).len);
	assert_memory_equal(got, want, len);
	assert_int_equal(pkt_spans(pkt, tag, tag_room, out, n), n);
	assert_int_equal(pkt_spans(pkt, tag, tag_room, out, n - 1), 0);
}

static void
a_gathered_frame_is_one_span_of_ours(void **state)
{
	static const struct testframe f = { .version = 4, .proto = 6, .payload = 1000 };
	static uint8_t room[TESTFRAME_MAX];
	struct iovec own;
	struct pkt pkt;
	struct testplace at = make(&pkt, &f, (struct pkt_claim){ 0 }, 100);

	pkt.writable = false;
	assert_true(pkt.n_segs > 5);
	assert_int_equal(pkt_gather(&pkt, room, at.len - 1, &own), 0);
	assert_false(pkt.writable);
	assert_int_equal(pkt_gather(&pkt, room, at.len, &own), at.len);
	assert_true(pkt.writable);
	assert_int_equal(pkt.n_segs, 1);
	assert_ptr_equal(pkt.segs, &own);
	assert_int_equal(own.iov_len, at.len);
	assert_memory_equal(room, frame, at.len);
}

static void
spans_are_the_frame_with_the_tag_that_is_asked_for(void **state)
{
	static const uint32_t payloads[] = { 0, 1, 73, 74, 75, 200, 9000 };
	static const uint32_t pieces[] = { 0, 1, 14, 60, 127, 128, 129, 1000 };

	for (size_t i = 0; i < LEN(payloads); i++)
		for (size_t j = 0; j < LEN(pieces); j++)
			for (int tagged = 0; tagged < 2; tagged++) {
				struct testframe f = { .tagged = tagged,
						       .tci = 0x2005,
						       .version = 4,
						       .proto = 6,
						       .payload = payloads[i] };
				struct pkt pkt;

				make(&pkt, &f, (struct pkt_claim){ 0 }, pieces[j]);
				check_spans(&pkt, &f, PKT_TAG_NONE);
				check_spans(&pkt, &f, 0xe00a);
				check_spans(&pkt, &f, 0);
			}
}

static void
the_most_segs_fit_the_room_that_is_promised(void **state)
{
	struct testframe f = { .version = 4, .proto = 6, .payload = 4000 };
	struct pkt pkt;

	make(&pkt, &f, (struct pkt_claim){ 0 }, 130);
	assert_int_equal(pkt.n_segs, PKT_SEGS_MAX - 3);
	check_spans(&pkt, &f, 10);
}

static void
empty_segs_give_no_spans(void **state)
{
	struct testframe f = { .version = 4, .proto = 6, .payload = 500 };
	struct iovec with_empty[4], out[PKT_SEGS_MAX];
	uint8_t tag_room[4];
	struct pkt pkt;

	make(&pkt, &f, (struct pkt_claim){ 0 }, 0);
	with_empty[0] = with_empty[2] = with_empty[3] = (struct iovec){ frame, 0 };
	with_empty[1] = segs[0];
	pkt.segs = with_empty;
	pkt.n_segs = 4;
	check_spans(&pkt, &f, PKT_TAG_NONE);
	assert_int_equal(pkt_spans(&pkt, PKT_TAG_NONE, tag_room, out, PKT_SEGS_MAX), 2);
}

static void
segs_that_hold_less_than_the_length_give_nothing(void **state)
{
	struct testframe f = { .version = 4, .proto = 6, .payload = 500 };
	struct iovec out[PKT_SEGS_MAX];
	uint8_t tag_room[4];
	struct pkt pkt;

	make(&pkt, &f, (struct pkt_claim){ 0 }, 0);
	segs[0].iov_len--;
	assert_int_equal(pkt_spans(&pkt, PKT_TAG_NONE, tag_room, out, PKT_SEGS_MAX), 0);
	assert_int_equal(pkt_spans(&pkt, 10, tag_room, out, 2), 0);
}

/* Virtio 1.2, 5.1.6: flags 1 NEEDS_CSUM, 2 DATA_VALID; gso_type 1 TCPV4, 4 TCPV6, 5 UDP_L4, 0x80 ECN. */
static const struct {
	const char *name;
	struct testframe f;
	struct pkt_claim claim;
	struct virtio_net_hdr want; /* without a tag */
} headers[] = {
	{ "complete", { .version = 4, .proto = 6 }, { 0 }, { 0 } },
	{ "good", { .version = 4, .proto = 6 }, { .csum_good = true }, { .flags = 2 } },
	{ "unknown", { .version = 4, .proto = 6 }, { .unchecked = true }, { 0 } },
	{ "partial UDP",
	  { .version = 4, .proto = 17, .partial = true },
	  { .csum = true },
	  { .flags = 1, .csum_start = 34, .csum_offset = 6 } },
	{ "TCP4",
	  { .version = 4, .proto = 6, .partial = true, .tcp_options = 12, .payload = 2000 },
	  { .csum = true, .gso = PKT_GSO_TCP4, .gso_size = 1448 },
	  { .flags = 1, .gso_type = 1, .hdr_len = 66, .gso_size = 1448, .csum_start = 34, .csum_offset = 16 } },
	{ "TCP6 with CWR",
	  { .version = 6, .proto = 6, .partial = true, .tcp_flags = 0x80, .payload = 2000 },
	  { .csum = true, .gso = PKT_GSO_TCP6, .gso_size = 1440 },
	  { .flags = 1, .gso_type = 0x84, .hdr_len = 74, .gso_size = 1440, .csum_start = 54, .csum_offset = 16 } },
	{ "UDP4",
	  { .version = 4, .proto = 17, .partial = true, .payload = 2000 },
	  { .csum = true, .gso = PKT_GSO_UDP4, .gso_size = 1000 },
	  { .flags = 1, .gso_type = 5, .hdr_len = 42, .gso_size = 1000, .csum_start = 34, .csum_offset = 6 } },
	{ "UDP6",
	  { .version = 6, .proto = 17, .partial = true, .payload = 2000 },
	  { .csum = true, .gso = PKT_GSO_UDP6, .gso_size = 1000 },
	  { .flags = 1, .gso_type = 5, .hdr_len = 62, .gso_size = 1000, .csum_start = 54, .csum_offset = 6 } },
};

static void
the_virtio_header_says_what_our_parse_found(void **state)
{
	for (size_t i = 0; i < LEN(headers); i++)
		for (int tagged = 0; tagged < 2; tagged++) {
			struct virtio_net_hdr want = headers[i].want, got;
			struct testframe f = headers[i].f;
			struct pkt pkt;

			f.tagged = !tagged; /* the tag that came says nothing about the one that goes */
			make(&pkt, &f, headers[i].claim, 0);
			pkt_virtio_header(&pkt, tagged ? 10 : PKT_TAG_NONE, &got);
			if (tagged && want.flags == 1)
				want.csum_start += 4;
			if (tagged && want.gso_type)
				want.hdr_len += 4;
			if (memcmp(&want, &got, sizeof(want)) != 0)
				fail_msg("%s: got flags %u type %x hdr_len %u size %u start %u offset %u",
					 headers[i].name, got.flags, got.gso_type, got.hdr_len, got.gso_size,
					 got.csum_start, got.csum_offset);
		}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_gathered_frame_is_one_span_of_ours),
		cmocka_unit_test(spans_are_the_frame_with_the_tag_that_is_asked_for),
		cmocka_unit_test(the_most_segs_fit_the_room_that_is_promised),
		cmocka_unit_test(empty_segs_give_no_spans),
		cmocka_unit_test(segs_that_hold_less_than_the_length_give_nothing),
		cmocka_unit_test(the_virtio_header_says_what_our_parse_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
