/*
 * segment_test.c - cutting: the frames are put together again and compared byte for byte with what went in; every
 * length and checksum is judged by testframe_judge.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "pkt/build.h"
#include "pkt/testframe.h"
#include "pkt/wire.h"

#define LEN(a) (sizeof(a) / sizeof((a)[0]))
#define FLAGS_ALL 0xff

static uint8_t frame[TESTFRAME_MAX], out[TESTFRAME_MAX];
static struct iovec segs[PKT_SEGS_MAX];

static struct testplace
make(struct pkt *pkt, const struct testframe *f, enum pkt_gso gso, uint16_t size, uint32_t piece)
{
	struct testplace at = testframe_make(f, frame);
	enum drop_reason why;

	pkt->claim = f->partial ? testframe_claim(&at, gso, size) : (struct pkt_claim){ 0 };
	testframe_load(pkt, frame, at.len, segs, piece);
	assert_int_equal(pkt_parse(pkt, &why), 0);
	return at;
}

static enum pkt_gso
kind_of(const struct testframe *f)
{
	if (f->version == 4)
		return f->proto == 6 ? PKT_GSO_TCP4 : PKT_GSO_UDP4;
	return f->proto == 6 ? PKT_GSO_TCP6 : PKT_GSO_UDP6;
}

/* One cut frame: the fields that change from frame to frame. RFC 9293, 3.1; RFC 3168, 6.1.2 (CWR on one segment). */
static void
check_fields(const struct testframe *f, const struct testplace *at, uint32_t index, uint32_t done)
{
	const uint8_t *l4 = out + at->l4;
	bool last = done + (at->end - at->payload) == f->payload;
	uint8_t flags = f->tcp_flags;

	if (f->version == 4)
		assert_int_equal(get_be16(out + at->ip + 4), (uint16_t)(f->id + index));
	if (f->proto != 6)
		return;
	if (!last)
		flags &= (uint8_t)~0x09;
	if (index > 0)
		flags &= 0x7f;
	assert_int_equal(l4[13], flags);
	assert_int_equal(get_be32(l4 + 4), f->seq + done);
}

/* Header bytes that must be the same in every frame: all but lengths, id, sequence, flags and checksums. */
static void
check_rest_of_header(const struct testframe *f, const struct testplace *at, const struct testplace *from, int tag)
{
	uint8_t want[256], got[256];
	uint32_t len = at->payload - at->ip;

	assert_int_equal(len, from->payload - from->ip);
	memcpy(want, frame + from->ip, len);
	memcpy(got, out + at->ip, len);
	for (int i = 0; i < 2; i++) {
		uint8_t *p = i ? got : want, *l4 = p + (at->l4 - at->ip);

		memset(p + (f->version == 4 ? 2 : 4), 0, f->version == 4 ? 4 : 2);
		if (f->version == 4)
			memset(p + 10, 0, 2);
		memset(l4 + 4, 0, 4);
		if (f->proto == 6)
			l4[13] = 0;
		if (f->proto == 6)
			memset(l4 + 16, 0, 2);
	}
	assert_memory_equal(got, want, len);
	assert_memory_equal(out, frame, 12);
	assert_int_equal(at->ip, tag == PKT_TAG_NONE ? 14 : 18);
	if (tag != PKT_TAG_NONE)
		assert_int_equal(get_be16(out + 14), tag);
}

static void
check_cut(const struct testframe *f, uint16_t size, uint32_t piece, int tag)
{
	uint32_t done = 0, index = 0, longest = 0;
	struct testplace from, at;
	struct pkt_cut cut;
	struct pkt pkt;
	int n;

	from = make(&pkt, f, kind_of(f), size, piece);
	pkt_cut_start(&cut, &pkt, tag);
	while ((n = pkt_cut_next(&cut, out, pkt_cut_longest(&pkt, tag))) > 0) {
		uint32_t payload;

		assert_true(testframe_judge(out, (size_t)n, &at));
		payload = at.end - at.payload;
		assert_true(payload <= size);
		if (pkt_is_gso(&pkt))
			assert_int_equal(at.len, at.end); /* no padding behind a cut frame */
		check_fields(f, &at, index, done);
		check_rest_of_header(f, &at, &from, tag);
		for (uint32_t i = 0; i < payload; i++)
			assert_int_equal(out[at.payload + i], testframe_byte(done + i));
		done += payload;
		longest = (uint32_t)n > longest ? (uint32_t)n : longest;
		index++;
	}
	assert_int_equal(n, 0);
	assert_int_equal(pkt_cut_next(&cut, out, sizeof(out)), 0);
	assert_int_equal(done, f->payload);
	assert_int_equal(index, pkt_cut_count(&pkt));
	assert_int_equal(index, f->payload == 0 ? 1 : (f->payload + size - 1) / size);
	assert_int_equal(longest, pkt_cut_longest(&pkt, tag));
}

static const struct testframe kinds[] = {
	{ .version = 4, .proto = 6, .tcp_flags = FLAGS_ALL, .id = 0xfffe, .seq = 0xffffff00 },
	{ .version = 4, .proto = 6, .tcp_flags = 0x18, .ip_options = 8, .tcp_options = 12, .id = 7 },
	{ .version = 4, .proto = 17, .id = 0x1234, .fragment = 0x4000 },
	{ .version = 4, .proto = 17, .ip_options = 40 },
	{ .version = 6, .proto = 6, .tcp_flags = FLAGS_ALL, .tcp_options = 40, .seq = 1 },
	{ .version = 6, .proto = 6, .ext = "hd", .tcp_flags = 0x90 },
	{ .version = 6, .proto = 17 },
	{ .version = 6, .proto = 17, .ext = "hdd" },
};

static void
cut_frames_put_together_are_what_went_in(void **state)
{
	static const uint32_t payloads[] = { 1, 2, 99, 100, 101, 1000, 4321 };
	static const uint16_t sizes[] = { 2, 99, 100, 999, 1448, 9000 };
	static const uint32_t pieces[] = { 0, 1, 100, 131 };

	for (size_t i = 0; i < LEN(kinds) * LEN(payloads) * LEN(sizes) * LEN(pieces) * 4; i++) {
		size_t rest = i / LEN(kinds);
		struct testframe f = kinds[i % LEN(kinds)];
		uint16_t size;
		uint32_t piece;

		f.partial = true;
		f.payload = payloads[rest % LEN(payloads)];
		rest /= LEN(payloads);
		size = sizes[rest % LEN(sizes)];
		rest /= LEN(sizes);
		piece = pieces[rest % LEN(pieces)];
		rest /= LEN(pieces);
		f.tagged = rest & 1;
		if (f.payload > 2000u * size)
			continue;
		check_cut(&f, size, piece, rest & 2 ? 0x600a : PKT_TAG_NONE);
	}
}

static void
the_longest_packets_are_cut(void **state)
{
	/* 65535 bytes of IPv4, or of IPv6 payload, less the TCP header. */
	struct testframe f = { .version = 4, .proto = 6, .partial = true, .payload = 65535 - 40 };

	check_cut(&f, 1460, 4096, PKT_TAG_NONE);
	check_cut(&f, 28, 0, 10);
	f.version = 6;
	f.payload = 65535 - 20 - 18 - 40; /* PKT_FRAME_MAX bounds a frame */
	check_cut(&f, 1440, 4096, 10);
}

static void
ethernet_padding_is_not_cut_into_frames(void **state)
{
	struct testframe f = { .version = 4, .proto = 6, .partial = true, .payload = 300, .padding = 33 };

	check_cut(&f, 100, 0, PKT_TAG_NONE);
	f = (struct testframe){ .version = 6, .proto = 17, .partial = true, .payload = 300, .padding = 1 };
	check_cut(&f, 100, 50, 10);
}

/* A packet that asks for no segments leaves whole, padding counted, its checksum finished over the IP length. */
static void
a_partial_checksum_is_finished_at_every_payload_length(void **state)
{
	for (size_t i = 0; i < LEN(kinds); i++)
		for (uint32_t payload = 0; payload <= 300; payload++) {
			struct testframe f = kinds[i];
			struct testplace from, at;
			struct pkt_cut cut;
			struct pkt pkt;

			f.partial = true;
			f.payload = payload;
			f.padding = payload % 3 * 7;
			from = make(&pkt, &f, PKT_GSO_NONE, 0, 64);
			pkt_cut_start(&cut, &pkt, PKT_TAG_NONE);
			assert_int_equal(pkt_cut_count(&pkt), 1);
			assert_int_equal(pkt_cut_longest(&pkt, PKT_TAG_NONE), from.len);
			assert_int_equal(pkt_cut_next(&cut, out, from.len), from.len);
			assert_true(testframe_judge(out, from.len, &at));
			f.partial = false;
			testframe_make(&f, frame);
			assert_memory_equal(out, frame, from.len);
			assert_int_equal(pkt_cut_next(&cut, out, from.len), 0);
		}
}

static void
a_complete_packet_leaves_as_it_came(void **state)
{
	static const struct testframe whole[] = {
		{ .payload = 46 },
		{ .version = 4, .proto = 1, .payload = 1472 },
		{ .version = 4, .proto = 17, .payload = 1472, .udp_no_csum = true },
		{ .version = 4, .proto = 17, .payload = 1480, .fragment = 0x2000 },
		{ .tagged = true, .tci = 0xe064, .version = 6, .proto = 6, .payload = 9 },
	};

	for (size_t i = 0; i < LEN(whole); i++) {
		int tag = whole[i].tagged ? whole[i].tci : PKT_TAG_NONE;
		struct pkt_cut cut;
		struct pkt pkt;
		struct testplace at = make(&pkt, &whole[i], PKT_GSO_NONE, 0, 100);

		pkt_cut_start(&cut, &pkt, tag);
		assert_int_equal(pkt_cut_next(&cut, out, at.len), at.len);
		assert_memory_equal(out, frame, at.len);
	}
}

/* RFC 768: "If the computed checksum is zero, it is transmitted as all ones". TCP has no such rule. */
static void
a_zero_checksum_of_udp_is_sent_as_ones(void **state)
{
	for (int tcp = 0; tcp < 2; tcp++) {
		struct testframe f = { .version = 4, .proto = tcp ? 6 : 17, .payload = 2 };
		struct testplace at = testframe_make(&f, frame);
		struct pkt_cut cut;
		enum drop_reason why;
		struct pkt pkt;
		uint16_t sum;

		/* The payload takes up its own checksum, so that the sum of all is ffff and its inverse 0. */
		sum = testframe_sum(get_be16(frame + at.l4 + at.csum_at), frame + at.payload, 2);
		f.partial = true;
		at = testframe_make(&f, frame);
		put_be16(frame + at.payload, sum);
		pkt.claim = testframe_claim(&at, PKT_GSO_NONE, 0);
		testframe_load(&pkt, frame, at.len, segs, 0);
		assert_int_equal(pkt_parse(&pkt, &why), 0);
		pkt_cut_start(&cut, &pkt, PKT_TAG_NONE);
		assert_int_equal(pkt_cut_next(&cut, out, at.len), at.len);
		assert_int_equal(get_be16(out + at.l4 + at.csum_at), tcp ? 0 : 0xffff);
	}
}

static void
too_little_room_is_refused_and_nothing_is_lost(void **state)
{
	struct testframe f = { .version = 4, .proto = 6, .partial = true, .payload = 250 };
	struct testplace at;
	struct pkt_cut cut;
	struct pkt pkt;

	make(&pkt, &f, PKT_GSO_TCP4, 100, 0);
	pkt_cut_start(&cut, &pkt, 10);
	assert_int_equal(pkt_cut_next(&cut, out, 157), -1);
	assert_int_equal(pkt_cut_next(&cut, out, 158), 158); /* 14 + 4 + 20 + 20 + 100 */
	assert_int_equal(pkt_cut_next(&cut, out, 0), -1);
	assert_int_equal(pkt_cut_next(&cut, out, 158), 158);
	assert_true(testframe_judge(out, 158, &at));
	assert_int_equal(out[at.payload], testframe_byte(100));
	assert_int_equal(pkt_cut_next(&cut, out, 108), 108);
	assert_int_equal(pkt_cut_next(&cut, out, 0), 0);
}

static void
segs_that_hold_less_than_the_length_are_refused(void **state)
{
	struct testframe f = { .version = 4, .proto = 6, .payload = 500 };
	struct pkt_cut cut;
	struct pkt pkt;

	make(&pkt, &f, PKT_GSO_NONE, 0, 0);
	segs[0].iov_len--;
	pkt_cut_start(&cut, &pkt, PKT_TAG_NONE);
	assert_int_equal(pkt_cut_next(&cut, out, sizeof(out)), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cut_frames_put_together_are_what_went_in),
		cmocka_unit_test(the_longest_packets_are_cut),
		cmocka_unit_test(ethernet_padding_is_not_cut_into_frames),
		cmocka_unit_test(a_partial_checksum_is_finished_at_every_payload_length),
		cmocka_unit_test(a_complete_packet_leaves_as_it_came),
		cmocka_unit_test(a_zero_checksum_of_udp_is_sent_as_ones),
		cmocka_unit_test(too_little_room_is_refused_and_nothing_is_lost),
		cmocka_unit_test(segs_that_hold_less_than_the_length_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
