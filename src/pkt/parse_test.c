/* parse_test.c - header copies and claims, honest, broken and hostile. Offsets are sums of header lengths. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "pkt/admit.h"
#include "pkt/build.h"
#include "pkt/pkt.h"
#include "pkt/testframe.h"

#define LEN(a) (sizeof(a) / sizeof((a)[0]))

static uint8_t frame[TESTFRAME_MAX];
static struct iovec segs[PKT_SEGS_MAX];

static int
parse(struct pkt *pkt, uint32_t len, struct pkt_claim claim, enum drop_reason *why)
{
	memset(pkt, 0xdd, sizeof(*pkt));
	pkt->claim = claim;
	testframe_load(pkt, frame, len, segs, 0);
	return pkt_parse(pkt, why);
}

static const struct row {
	const char *name;
	struct testframe f;
	uint8_t ip_version, l4_proto;
	bool fragment;
	uint16_t l4_off, payload_off;
} rows[] = {
	{ "TCP", { .version = 4, .proto = 6 }, 4, 6, false, 34, 54 },
	{ "TCP, tagged", { .tagged = true, .tci = 10, .version = 4, .proto = 6 }, 4, 6, false, 34, 54 },
	{ "TCP, all options",
	  { .version = 4, .proto = 6, .ip_options = 40, .tcp_options = 40, .payload = 9 },
	  4,
	  6,
	  false,
	  74,
	  134 },
	{ "UDP", { .version = 4, .proto = 17, .payload = 1 }, 4, 17, false, 34, 42 },
	{ "UDP, padded", { .version = 4, .proto = 17, .payload = 1, .padding = 17 }, 4, 17, false, 34, 42 },
	{ "ICMP", { .version = 4, .proto = 1, .payload = 8 }, 4, 1, false, 0, 0 },
	{ "first fragment", { .version = 4, .proto = 17, .fragment = 0x2000, .payload = 8 }, 4, 17, true, 0, 0 },
	{ "TCP over IPv6", { .version = 6, .proto = 6 }, 6, 6, false, 54, 74 },
	{ "UDP behind three headers", { .version = 6, .proto = 17, .ext = "hrd" }, 6, 17, false, 78, 86 },
	{ "fragment of IPv6", { .version = 6, .proto = 17, .ext = "f", .payload = 8 }, 6, 17, true, 0, 0 },
	{ "nine headers, L4 behind the copy", { .version = 6, .proto = 6, .ext = "dddddddddd" }, 6, 0, false, 0, 0 },
	{ "no IP", { .payload = 50 }, 0, 0, false, 0, 0 },
};

static void
headers_are_found_where_their_lengths_put_them(void **state)
{
	for (size_t i = 0; i < LEN(rows); i++) {
		const struct row *r = &rows[i];
		struct testplace at = testframe_make(&r->f, frame);
		uint32_t copied = at.len < PKT_HDR_MAX ? at.len : PKT_HDR_MAX, tag = r->f.tagged ? 4 : 0;
		uint16_t l4 = r->payload_off > copied - tag ? 0 : r->l4_off, payload = l4 ? r->payload_off : 0;
		enum drop_reason why;
		struct pkt pkt;

		assert_int_equal(parse(&pkt, at.len, (struct pkt_claim){ 0 }, &why), 0);
		if (pkt.ip_version != r->ip_version || pkt.l4_proto != r->l4_proto || pkt.fragment != r->fragment ||
		    pkt.l4_off != l4 || pkt.payload_off != payload)
			fail_msg("%s: got version %u proto %u fragment %d l4 %u payload %u", r->name, pkt.ip_version,
				 pkt.l4_proto, pkt.fragment, pkt.l4_off, pkt.payload_off);
		assert_int_equal(pkt.len, at.len - tag);
		assert_int_equal(pkt.hdr_len, copied - tag);
		assert_int_equal(pkt.skip, copied);
		assert_int_equal(pkt.csum, PKT_CSUM_NONE);
		assert_false(pkt_is_gso(&pkt));
		assert_memory_equal(pkt.hdr, frame, 12);
		assert_memory_equal(pkt.hdr + 12, frame + 12 + tag, pkt.hdr_len - 12);
	}
}

/* IEEE 802.1Q-2022, 9.6: PCP in 3 bits, DEI, VID in 12; VID 0 is a priority tag, 4095 reserved. */
static void
one_tag_is_taken_out(void **state)
{
	static const struct {
		uint16_t tci, vid;
		uint8_t pcp;
		int want;
	} tags[] = {
		{ 0x0001, 1, 0, 0 },  { 0xefff - 1, 4094, 7, 0 }, { 0xa000, 0, 5, 0 },
		{ 0x300a, 10, 1, 0 }, { 0x0fff, 0, 0, -1 },       { 0xffff, 0, 0, -1 },
	};

	for (size_t i = 0; i < LEN(tags); i++) {
		struct testframe f = { .tagged = true, .tci = tags[i].tci, .version = 4, .proto = 6 };
		struct testplace at = testframe_make(&f, frame);
		enum drop_reason why = DROP_RUNT;
		struct pkt pkt;

		assert_int_equal(parse(&pkt, at.len, (struct pkt_claim){ 0 }, &why), tags[i].want);
		if (tags[i].want < 0) {
			assert_int_equal(why, DROP_VLAN_DENIED);
			continue;
		}
		assert_true(pkt.tagged);
		assert_int_equal(pkt.vid, tags[i].vid);
		assert_int_equal(pkt.pcp, tags[i].pcp);
	}
}

static void
a_second_tag_stays_in_the_frame(void **state)
{
	enum drop_reason why;
	struct pkt pkt;

	testframe_make(&(struct testframe){ .tagged = true, .tci = 7, .payload = 60 }, frame);
	memcpy(frame + 16, "\x81\x00\x00\x08\x08\x00", 6);
	assert_int_equal(parse(&pkt, 78, (struct pkt_claim){ 0 }, &why), 0);
	assert_int_equal(pkt.vid, 7);
	assert_int_equal(pkt.ip_version, 0);
	assert_memory_equal(pkt.hdr + 12, "\x81\x00\x00\x08", 4);
}

static const struct {
	const char *name;
	struct testframe f;
	uint16_t at;
	uint8_t byte;
	uint8_t ip_version;
} broken[] = {
	{ "IPv4 of version 5", { .version = 4, .proto = 6 }, 14, 0x55, 0 },
	{ "IPv4 header of 16 bytes", { .version = 4, .proto = 6 }, 14, 0x44, 0 },
	{ "IPv4 header longer than the packet", { .version = 4, .proto = 6 }, 14, 0x4b, 0 },
	{ "IPv4 packet longer than the frame", { .version = 4, .proto = 6 }, 17, 41, 4 },
	{ "IPv4 packet ends inside TCP", { .version = 4, .proto = 6 }, 17, 39, 4 },
	{ "TCP header of 16 bytes", { .version = 4, .proto = 6 }, 46, 0x40, 4 },
	{ "TCP header longer than the packet", { .version = 4, .proto = 6 }, 46, 0x60, 4 },
	{ "UDP length below 8", { .version = 4, .proto = 17, .payload = 9 }, 39, 7, 4 },
	{ "UDP length behind the packet", { .version = 4, .proto = 17, .payload = 9, .padding = 9 }, 39, 18, 4 },
	{ "IPv6 of version 4", { .version = 6, .proto = 6 }, 14, 0x40, 0 },
	{ "IPv6 packet longer than the frame", { .version = 6, .proto = 6 }, 19, 21, 6 },
	{ "IPv6 packet ends inside TCP", { .version = 6, .proto = 6 }, 19, 19, 6 },
	{ "IPv6 header longer than the packet", { .version = 6, .proto = 6, .ext = "d" }, 55, 4, 6 },
};

static void
broken_headers_are_plain_ethernet_unless_something_is_claimed(void **state)
{
	for (size_t i = 0; i < LEN(broken); i++) {
		struct testplace at = testframe_make(&broken[i].f, frame);
		enum drop_reason why;
		struct pkt pkt;

		frame[broken[i].at] = broken[i].byte;
		assert_int_equal(parse(&pkt, at.len, (struct pkt_claim){ .csum_good = true }, &why), 0);
		if (pkt.ip_version != broken[i].ip_version || pkt.l4_off != 0 || pkt.payload_off != 0)
			fail_msg("%s: got version %u l4 %u", broken[i].name, pkt.ip_version, pkt.l4_off);
		assert_int_equal(pkt.csum, PKT_CSUM_NONE);
		assert_int_equal(parse(&pkt, at.len, testframe_claim(&at, PKT_GSO_NONE, 0), &why), 1);
		assert_int_equal(parse(&pkt, at.len, testframe_claim(&at, PKT_GSO_TCP4, 100), &why), -1);
		assert_int_equal(why, DROP_BAD_OFFLOAD);
	}
}

static void
every_length_of_a_cut_off_frame_is_survived(void **state)
{
	for (size_t i = 0; i < LEN(rows); i++) {
		struct testframe f = rows[i].f;
		struct testplace at;
		uint32_t least = f.tagged ? 18 : 14;

		f.payload += 240;
		at = testframe_make(&f, frame);
		for (uint32_t len = 0; len <= 300 && len <= at.len; len++) {
			uint8_t *exact = malloc(len + 1); /* so that a read behind it is seen */
			enum drop_reason why = DROP_PORT_DOWN;
			struct pkt pkt = { .n_segs = 0 };
			int got;

			assert_non_null(exact);
			memcpy(exact + 1, frame, len);
			testframe_load(&pkt, exact + 1, len, segs, 0);
			got = pkt_parse(&pkt, &why);
			assert_int_equal(got, len < least ? -1 : 0);
			if (len < least && len >= 14)
				assert_int_equal(why, DROP_RUNT);
			if (got == 0 && len < at.end)
				assert_int_equal(pkt.l4_off, 0);
			free(exact);
		}
	}
}

static const struct testframe tcp4 = { .version = 4, .proto = 6, .partial = true, .payload = 3000 };
static const struct testframe udp6 = { .version = 6, .proto = 17, .partial = true, .payload = 3000 };

static const struct {
	const char *name;
	const struct testframe *f;
	enum pkt_gso gso;
	uint16_t size;
	int start, offset; /* added to what is right */
	int want;
	enum drop_reason why;
	enum pkt_gso got; /* with want 0 */
} claims[] = {
	{ "checksum", &tcp4, PKT_GSO_NONE, 0, 0, 0, 0, 0, PKT_GSO_NONE },
	{ "checksum of UDP", &udp6, PKT_GSO_NONE, 0, 0, 0, 0, 0, PKT_GSO_NONE },
	{ "elsewhere", &tcp4, PKT_GSO_NONE, 0, 4, 0, 1, DROP_BAD_OFFLOAD, 0 },
	{ "another field", &tcp4, PKT_GSO_NONE, 0, 0, -2, 1, DROP_BAD_OFFLOAD, 0 },
	{ "field ends with the frame", &tcp4, PKT_GSO_NONE, 0, 3054 - 2 - 50, 0, 1, DROP_BAD_OFFLOAD, 0 },
	{ "field across the end", &tcp4, PKT_GSO_NONE, 0, 3054 - 1 - 50, 0, -1, DROP_BAD_OFFLOAD, 0 },
	{ "field far outside", &tcp4, PKT_GSO_NONE, 0, 65535 - 34, 65535 - 16, -1, DROP_BAD_OFFLOAD, 0 },
	{ "segments", &tcp4, PKT_GSO_TCP4, 1460, 0, 0, 0, 0, PKT_GSO_TCP4 },
	{ "datagrams", &udp6, PKT_GSO_UDP6, 1000, 0, 0, 0, 0, PKT_GSO_UDP6 },
	{ "one segment", &tcp4, PKT_GSO_TCP4, 3000, 0, 0, 0, 0, PKT_GSO_NONE },
	{ "one segment and a byte", &tcp4, PKT_GSO_TCP4, 2999, 0, 0, 0, 0, PKT_GSO_TCP4 },
	{ "segments of nothing", &tcp4, PKT_GSO_TCP4, 0, 0, 0, -1, DROP_BAD_OFFLOAD, 0 },
	{ "segments of one byte", &tcp4, PKT_GSO_TCP4, 1, 0, 0, -1, DROP_BAD_OFFLOAD, 0 },
	{ "as many segments as can be", &udp6, PKT_GSO_UDP6, 2, 0, 0, 0, 0, PKT_GSO_UDP6 },
	{ "TCP4 said to be TCP6", &tcp4, PKT_GSO_TCP6, 1460, 0, 0, -1, DROP_BAD_OFFLOAD, 0 },
	{ "TCP4 said to be UDP4", &tcp4, PKT_GSO_UDP4, 1460, 0, 0, -1, DROP_BAD_OFFLOAD, 0 },
	{ "UDP6 said to be UDP4", &udp6, PKT_GSO_UDP4, 1460, 0, 0, -1, DROP_BAD_OFFLOAD, 0 },
	{ "unknown kind", &tcp4, (enum pkt_gso)99, 1460, 0, 0, -1, DROP_BAD_OFFLOAD, 0 },
	{ "segments with a checksum elsewhere", &tcp4, PKT_GSO_TCP4, 1460, 4, 0, -1, DROP_BAD_OFFLOAD, 0 },
};

static void
a_claim_must_be_the_one_that_our_parse_would_make(void **state)
{
	for (size_t i = 0; i < LEN(claims); i++)
		for (int tagged = 0; tagged < 2; tagged++) {
			struct testframe f = *claims[i].f;
			enum drop_reason why = 0;
			struct pkt_claim claim;
			struct testplace at;
			struct pkt pkt;
			int got;

			f.tagged = tagged;
			at = testframe_make(&f, frame);
			claim = testframe_claim(&at, claims[i].gso, claims[i].size);
			claim.csum_start += claims[i].start;
			claim.csum_offset += claims[i].offset;
			got = parse(&pkt, at.len, claim, &why);
			if (got != claims[i].want || why != claims[i].why)
				fail_msg("%s: got %d %s", claims[i].name, got, drop_reason_name(why));
			if (got != 0)
				continue;
			assert_int_equal(pkt.csum, PKT_CSUM_PARTIAL);
			if (pkt.gso != claims[i].got)
				fail_msg("%s: got gso %u", claims[i].name, pkt.gso);
			assert_int_equal(pkt.gso_size, pkt.gso ? claims[i].size : 0);
		}
}

/* Virtio 1.2, 5.1.6.2.1: a driver that sets gso_type MUST set NEEDS_CSUM. */
static void
segments_without_a_checksum_request_are_refused(void **state)
{
	struct testplace at = testframe_make(&tcp4, frame);
	struct pkt_claim claim = testframe_claim(&at, PKT_GSO_TCP4, 1460);
	enum drop_reason why;
	struct pkt pkt;

	claim.csum = false;
	assert_int_equal(parse(&pkt, at.len, claim, &why), -1);
	assert_int_equal(why, DROP_BAD_OFFLOAD);
}

static void
the_right_sum_in_another_field_is_not_our_claim(void **state)
{
	struct testplace at = testframe_make(&tcp4, frame);
	struct pkt_claim claim = testframe_claim(&at, PKT_GSO_NONE, 0);
	enum drop_reason why;
	struct pkt pkt;

	memcpy(frame + at.l4 + 18, frame + at.l4 + 16, 2); /* the urgent pointer */
	claim.csum_offset = 18;
	assert_int_equal(parse(&pkt, at.len, claim, &why), 1);
	assert_int_equal(why, DROP_BAD_OFFLOAD);
}

static void
a_claim_on_headers_behind_the_copy_says_so(void **state)
{
	struct testframe f = { .version = 6, .proto = 6, .ext = "dddddddddd", .partial = true, .payload = 2000 };
	struct testplace at = testframe_make(&f, frame);
	enum drop_reason why;
	struct pkt pkt;

	assert_int_equal(parse(&pkt, at.len, testframe_claim(&at, PKT_GSO_TCP6, 1000), &why), -1);
	assert_int_equal(why, DROP_HEADERS_TOO_LONG);
	assert_int_equal(parse(&pkt, at.len, testframe_claim(&at, PKT_GSO_NONE, 0), &why), 1);
	assert_int_equal(why, DROP_HEADERS_TOO_LONG);
	/* TCP begins at 14 + 40 + 64 = 118: 10 bytes of it are in the copy. */
	f.ext = "dddddddd";
	at = testframe_make(&f, frame);
	assert_int_equal(parse(&pkt, at.len, testframe_claim(&at, PKT_GSO_TCP6, 1000), &why), -1);
	assert_int_equal(why, DROP_HEADERS_TOO_LONG);
	/* 14 + 60 + 60 bytes: the last TCP options are not in the copy. */
	f = (struct testframe){ .version = 4, .proto = 6, .ip_options = 40, .tcp_options = 40, .partial = true };
	at = testframe_make(&f, frame);
	assert_int_equal(parse(&pkt, at.len, testframe_claim(&at, PKT_GSO_NONE, 0), &why), 1);
	assert_int_equal(why, DROP_HEADERS_TOO_LONG);
}

/* An IPv6 routing header, a source route: the sum in the field is for another address than the header shows. */
static void
a_foreign_pseudo_header_is_finished_by_the_source(void **state)
{
	struct testplace at = testframe_make(&tcp4, frame);
	enum drop_reason why;
	struct pkt pkt;

	frame[at.l4 + 17] ^= 1;
	assert_int_equal(parse(&pkt, at.len, testframe_claim(&at, PKT_GSO_NONE, 0), &why), 1);
	assert_int_equal(parse(&pkt, at.len, testframe_claim(&at, PKT_GSO_TCP4, 1000), &why), -1);
	assert_int_equal(why, DROP_BAD_OFFLOAD);
}

static void
a_segment_request_may_leave_the_length_out_of_its_sum(void **state)
{
	struct testplace at = testframe_make(&tcp4, frame);
	uint8_t minus_len[2], whole[2];
	enum drop_reason why;
	struct pkt pkt;

	/* One's complement: adding the inverse of the TCP length takes it out. */
	minus_len[0] = (uint8_t) ~(3020 >> 8);
	minus_len[1] = (uint8_t) ~(3020 & 0xff);
	memcpy(whole, frame + at.l4 + 16, 2);
	{
		uint16_t sum = testframe_sum((uint16_t)(whole[0] << 8 | whole[1]), minus_len, 2);

		frame[at.l4 + 16] = (uint8_t)(sum >> 8);
		frame[at.l4 + 17] = (uint8_t)sum;
	}
	assert_int_equal(parse(&pkt, at.len, testframe_claim(&at, PKT_GSO_NONE, 0), &why), 1);
	assert_int_equal(parse(&pkt, at.len, testframe_claim(&at, PKT_GSO_TCP4, 1000), &why), 0);
	assert_memory_equal(pkt.hdr + pkt.l4_off + 16, whole, 2);
}

static void
ecn_is_read_from_the_flags(void **state)
{
	struct testframe f = tcp4;
	struct testplace at;
	enum drop_reason why;
	struct pkt pkt;

	at = testframe_make(&f, frame);
	assert_int_equal(parse(&pkt, at.len, testframe_claim(&at, PKT_GSO_TCP4, 1000), &why), 0);
	assert_false(pkt.gso_ecn);
	f.tcp_flags = 0x80;
	at = testframe_make(&f, frame);
	assert_int_equal(parse(&pkt, at.len, testframe_claim(&at, PKT_GSO_TCP4, 1000), &why), 0);
	assert_true(pkt.gso_ecn);
}

static void
only_a_nic_makes_a_checksum_good_and_only_a_wire_unknown(void **state)
{
	static const struct {
		bool good, unchecked;
		enum pkt_csum want;
	} says[] = {
		{ false, false, PKT_CSUM_NONE },
		{ true, false, PKT_CSUM_GOOD },
		{ true, true, PKT_CSUM_GOOD },
		{ false, true, PKT_CSUM_UNKNOWN },
	};
	struct testplace at = testframe_make(&(struct testframe){ .version = 4, .proto = 6 }, frame);

	for (size_t i = 0; i < LEN(says); i++) {
		struct pkt_claim claim = { .csum_good = says[i].good, .unchecked = says[i].unchecked };
		enum drop_reason why;
		struct pkt pkt;

		assert_int_equal(parse(&pkt, at.len, claim, &why), 0);
		assert_int_equal(pkt.csum, says[i].want);
	}
}

/* UDP whose length ends before its packet does: the rest belongs to no datagram, so it cannot be cut. */
static void
a_short_udp_length_allows_a_checksum_but_no_cut(void **state)
{
	struct testframe f = { .version = 4, .proto = 17, .partial = true, .payload = 100 };
	struct testplace at = testframe_make(&f, frame);
	enum drop_reason why;
	struct pkt pkt;

	frame[17] = (uint8_t)(frame[17] + 20); /* 128 to 148 */
	assert_int_equal(parse(&pkt, at.len + 20, testframe_claim(&at, PKT_GSO_NONE, 0), &why), 0);
	assert_int_equal(parse(&pkt, at.len + 20, testframe_claim(&at, PKT_GSO_UDP4, 50), &why), -1);
	assert_int_equal(why, DROP_BAD_OFFLOAD);
}

static void
a_claim_is_finished_at_any_place_of_the_frame(void **state)
{
	static const struct testframe kinds[] = {
		{ .version = 4, .proto = 6, .partial = true, .payload = 3000 },
		{ .version = 4, .proto = 17, .partial = true, .payload = 1 },
		{ .tagged = true, .tci = 5, .version = 6, .proto = 17, .ext = "hd", .partial = true, .payload = 777 },
		{ .version = 6, .proto = 6, .ext = "dddddddddd", .partial = true, .payload = 12 },
	};

	for (size_t i = 0; i < LEN(kinds); i++) {
		struct testplace at = testframe_make(&kinds[i], frame), judged;

		assert_int_equal(pkt_claim_finish(frame, at.len, (uint16_t)at.l4, at.csum_at), 0);
		assert_true(testframe_judge(frame, at.len, &judged));
	}
}

static void
a_finished_zero_is_sent_as_ones(void **state)
{
	/* The words ffff and 0000: their sum is ffff, its inverse 0. */
	uint8_t bytes[] = { 0xff, 0xff, 0x00, 0x00 };

	assert_int_equal(pkt_claim_finish(bytes, sizeof(bytes), 0, 2), 0);
	assert_int_equal(bytes[2] << 8 | bytes[3], 0xffff);
}

static void
a_claim_outside_the_frame_is_not_finished(void **state)
{
	uint8_t bytes[8] = { 0 };

	assert_int_equal(pkt_claim_finish(bytes, 8, 4, 2), 0);
	assert_int_equal(pkt_claim_finish(bytes, 8, 4, 3), -1);
	assert_int_equal(pkt_claim_finish(bytes, 8, 65535, 65535), -1);
	assert_int_equal(pkt_claim_finish(bytes, 0, 0, 0), -1);
}

/* Frames that ask for nothing are let pass unread: else they are what pkt_parse makes of them. */
static void
what_is_let_pass_unread_is_the_same_frame(void **state)
{
	for (size_t i = 0; i < LEN(rows); i++) {
		struct testplace at = testframe_make(&rows[i].f, frame);
		struct pkt_claim claim = { .unchecked = i % 2 };
		enum drop_reason why;
		struct pkt now, later;

		assert_int_equal(parse(&now, at.len, claim, &why), 0);
		memset(&later, 0xdd, sizeof(later));
		later.claim = claim;
		testframe_load(&later, frame, at.len, segs, 0);
		assert_int_equal(pkt_admit(&later, &why), 0);
		if (later.vid != now.vid || later.pcp != now.pcp || later.tagged != now.tagged ||
		    later.len != now.len || later.hdr_len != now.hdr_len || later.csum != now.csum ||
		    later.gso != now.gso || later.gso_ecn != now.gso_ecn)
			fail_msg("%s: another frame", rows[i].name);
	}
}

/* Whoever asks for something, and whatever is too short, is judged at once. */
static void
what_asks_for_something_is_read_at_once(void **state)
{
	static const struct testframe tcp = { .version = 4, .proto = 6, .payload = 3000, .partial = true };
	struct testplace at = testframe_make(&tcp, frame);
	enum drop_reason why;
	struct pkt pkt;

	pkt.claim = testframe_claim(&at, PKT_GSO_TCP4, 1448);
	testframe_load(&pkt, frame, at.len, segs, 0);
	assert_int_equal(pkt_admit(&pkt, &why), 0);
	assert_int_equal(pkt.l4_proto, 6); /* TCP */
	assert_int_equal(pkt.gso, PKT_GSO_TCP4);
	pkt.claim = (struct pkt_claim){ .csum_good = true };
	testframe_load(&pkt, frame, at.len, segs, 0);
	assert_int_equal(pkt_admit(&pkt, &why), 0);
	assert_int_equal(pkt.csum, PKT_CSUM_GOOD);
	pkt.claim = (struct pkt_claim){ 0 };
	for (uint32_t len = 0; len < 14; len++) {
		testframe_load(&pkt, frame, len, segs, 0);
		assert_int_equal(pkt_admit(&pkt, &why), -1);
		assert_int_equal(why, DROP_RUNT);
	}
}

/* A frame that came with any tag, and is to go on with any other, is one that its new sender could have sent. */
static void
what_was_parsed_is_parsed_again_with_another_tag(void **state)
{
	static const int tags[] = { -1, 10, 7 << 13 | 4094 };
	static const uint32_t payloads[] = {
		0, 54, 66, 70, 71, 72, 73, 74, 75, 1400
	}; /* the copy ends in it, or it in the copy */
	enum { TCP_AT = 34 };

	for (size_t i = 0; i < 3 * 3 * LEN(payloads); i++) {
		int from = tags[i % 3], to = tags[i / 3 % 3];
		struct testframe f = { .tagged = from >= 0,
				       .tci = (uint16_t)from,
				       .version = 4,
				       .proto = 6,
				       .payload = payloads[i / 9],
				       .partial = true };
		struct testplace at = testframe_make(&f, frame);
		enum drop_reason why;
		struct iovec span[PKT_SEGS_MAX];
		struct pkt pkt, before;
		uint8_t room[4], out[2048];
		size_t done = 0;

		assert_int_equal(parse(&pkt, at.len, testframe_claim(&at, PKT_GSO_NONE, 0), &why), 0);
		before = pkt;
		pkt_unparse(&pkt, to);
		assert_int_equal(pkt.len, before.len + (to >= 0 ? 4 : 0));
		assert_true(pkt.hdr_len <= PKT_HDR_MAX);
		assert_int_equal(pkt_parse(&pkt, &why), 0);
		assert_int_equal(pkt.vid, to < 0 ? 0 : to & 0xfff);
		assert_int_equal(pkt.pcp, to < 0 ? 0 : to >> 13);
		assert_int_equal(pkt.tagged, to >= 0);
		assert_int_equal(pkt.len, before.len);
		assert_int_equal(pkt.csum, PKT_CSUM_PARTIAL);
		assert_int_equal(pkt.l4_off, TCP_AT);
		f.tagged = false;
		at = testframe_make(&f, out); /* the same frame without a tag */
		for (unsigned k = 0, n = pkt_spans(&pkt, -1, room, span, PKT_SEGS_MAX); k < n; k++) {
			assert_memory_equal(span[k].iov_base, out + done, span[k].iov_len);
			done += span[k].iov_len;
		}
		assert_int_equal(done, at.len);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(headers_are_found_where_their_lengths_put_them),
		cmocka_unit_test(what_is_let_pass_unread_is_the_same_frame),
		cmocka_unit_test(what_asks_for_something_is_read_at_once),
		cmocka_unit_test(one_tag_is_taken_out),
		cmocka_unit_test(a_second_tag_stays_in_the_frame),
		cmocka_unit_test(broken_headers_are_plain_ethernet_unless_something_is_claimed),
		cmocka_unit_test(every_length_of_a_cut_off_frame_is_survived),
		cmocka_unit_test(a_claim_must_be_the_one_that_our_parse_would_make),
		cmocka_unit_test(segments_without_a_checksum_request_are_refused),
		cmocka_unit_test(the_right_sum_in_another_field_is_not_our_claim),
		cmocka_unit_test(a_claim_on_headers_behind_the_copy_says_so),
		cmocka_unit_test(a_foreign_pseudo_header_is_finished_by_the_source),
		cmocka_unit_test(a_segment_request_may_leave_the_length_out_of_its_sum),
		cmocka_unit_test(ecn_is_read_from_the_flags),
		cmocka_unit_test(only_a_nic_makes_a_checksum_good_and_only_a_wire_unknown),
		cmocka_unit_test(a_short_udp_length_allows_a_checksum_but_no_cut),
		cmocka_unit_test(a_claim_is_finished_at_any_place_of_the_frame),
		cmocka_unit_test(a_finished_zero_is_sent_as_ones),
		cmocka_unit_test(a_claim_outside_the_frame_is_not_finished),
		cmocka_unit_test(what_was_parsed_is_parsed_again_with_another_tag),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
