/*
 * vring_offloads_test.c - what a frame asks for, at a receive ring: passed on to a guest that takes it, else cut and finished. What
 * comes out is judged by testframe_judge, which shares no code with it.
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
#define TCI 0x600a /* PCP 3, VID 10 */
#define CWR 0x80

static uint8_t frame[TESTFRAME_MAX], got[TESTFRAME_MAX];

static int
open_rings(void **state)
{
	rings_open(&rings_full);
	return 0;
}

static int
close_rings(void **state)
{
	rings_close();
	return 0;
}

static void
reopen(const struct vring_features *f)
{
	rings_close();
	rings_open(f);
}

static const struct kind {
	struct testframe frame;
	enum pkt_gso gso;
	uint8_t type;   /* virtio 1.2, 5.1.6 */
	size_t feature; /* offset of the one of the receiver that takes it whole */
} kinds[] = {
	{ { .version = 4, .proto = 6, .seq = 77, .id = 0xffff, .tcp_flags = 0x18 },
	  PKT_GSO_TCP4,
	  VIRTIO_NET_HDR_GSO_TCPV4,
	  offsetof(struct vring_features, guest_tso4) },
	{ { .version = 6, .proto = 6, .seq = 0xfffffff0, .tcp_options = 12 },
	  PKT_GSO_TCP6,
	  VIRTIO_NET_HDR_GSO_TCPV6,
	  offsetof(struct vring_features, guest_tso6) },
	{ { .version = 4, .proto = 17 },
	  PKT_GSO_UDP4,
	  VIRTIO_NET_GSO_UDP_L4,
	  offsetof(struct vring_features, guest_uso4) },
	{ { .version = 6, .proto = 17 },
	  PKT_GSO_UDP6,
	  VIRTIO_NET_GSO_UDP_L4,
	  offsetof(struct vring_features, guest_uso6) },
};

/* A packet of `payload` bytes behind its headers that wants segments of `size` bytes; 0: a checksum only. */
static struct testplace
load(struct pkt *pkt, struct iovec *seg, const struct testframe *f, enum pkt_gso gso, uint32_t payload, uint16_t size)
{
	struct testframe full = *f;
	struct testplace at;
	enum drop_reason why;

	full.partial = true;
	full.payload = payload;
	at = testframe_make(&full, frame);
	testframe_load(pkt, frame, at.len, seg, at.len / 20 + 1);
	pkt->claim = testframe_claim(&at, size > 0 ? gso : PKT_GSO_NONE, size);
	assert_int_equal(pkt_parse(pkt, &why), 0);
	return at;
}

/* The header tells of `from`, behind a tag or not: 5.1.6.2. */
static void
check_header(const uint8_t header[12], const struct testplace *from, uint8_t type, uint16_t size, uint32_t tag)
{
	struct virtio_net_hdr h;

	memcpy(&h, header, sizeof(h));
	assert_int_equal(h.flags, VIRTIO_NET_HDR_F_NEEDS_CSUM);
	assert_int_equal(h.csum_start, from->l4 + tag);
	assert_int_equal(h.csum_offset, from->csum_at);
	assert_int_equal(h.gso_type, type);
	assert_int_equal(h.gso_size, size);
	if (size > 0)
		assert_int_equal(h.hdr_len, from->payload + tag);
}

static void
check_whole(const struct testplace *from, uint8_t type, uint16_t size, int tag)
{
	uint32_t more = tag == PKT_TAG_NONE ? 0 : 4;
	uint8_t header[12];
	unsigned buffers;

	assert_int_equal(rings_receive(header, got, &buffers), from->len + more);
	check_header(header, from, type, size, more);
	assert_memory_equal(got, frame, 12);
	if (more) {
		assert_int_equal(got[12] << 8 | got[13], 0x8100);
		assert_int_equal(got[14] << 8 | got[15], TCI);
	}
	assert_memory_equal(got + 12 + more, frame + 12, from->len - 12);
	assert_int_equal(vuser_ready(&rings_rx), 0);
}

/* All segments of `from`, complete, and nothing else. */
static void
check_cut(const struct kind *k, const struct testplace *from, uint16_t size, int tag)
{
	uint32_t all = from->end - from->payload, done = 0, more = tag == PKT_TAG_NONE ? 0 : 4;

	do {
		uint8_t header[12];
		struct testplace at;
		unsigned buffers;
		uint32_t len = rings_receive(header, got, &buffers), n;

		for (unsigned i = 0; i < 10; i++)
			assert_int_equal(header[i], 0);
		assert_true(testframe_judge(got, len, &at));
		n = at.end - at.payload;
		assert_int_equal(n, all - done < size ? all - done : size);
		assert_int_equal(at.ip, 14 + more);
		assert_int_equal(at.payload, from->payload + more);
		for (uint32_t i = 0; i < n; i++)
			assert_int_equal(got[at.payload + i], testframe_byte(done + i));
		if (k->frame.proto == 6)
			assert_int_equal(get_be32(got + at.l4 + 4), k->frame.seq + done);
		done += n;
	} while (done < all);
	assert_int_equal(vuser_ready(&rings_rx), 0);
}

static void
a_guest_that_takes_large_segments_gets_them_whole(void **state)
{
	static const uint32_t buffers[] = { 100, 2048, 65562 };

	for (size_t k = 0; k < LEN(kinds); k++)
		for (size_t b = 0; b < LEN(buffers); b++)
			for (int tag = PKT_TAG_NONE; tag <= TCI; tag += TCI - PKT_TAG_NONE) {
				struct iovec seg[PKT_SEGS_MAX];
				struct pkt pkt;
				struct testplace at = load(&pkt, seg, &kinds[k].frame, kinds[k].gso, 65000, 1400);

				reopen(&rings_full);
				rings_post((12 + at.len + 4 + buffers[b] - 1) / buffers[b], buffers[b]);
				assert_int_equal(rings_put(&pkt, tag), SINK_TAKEN);
				check_whole(&at, kinds[k].type, 1400, tag);
			}
}

/* Without the one feature, or without GUEST_CSUM, which all of them need: virtio 1.2, 5.1.3.1. */
static struct vring_features
lacking(const struct kind *k, bool csum, bool mergeable, uint8_t header_len)
{
	struct vring_features f = rings_full;

	if (csum)
		f.guest_csum = false;
	else
		*((bool *)&f + k->feature) = false;
	f.mergeable = mergeable;
	f.header_len = header_len;
	return f;
}

static void
one_cut(const struct kind *k, const struct vring_features *f, uint32_t payload, uint32_t buffer, int tag)
{
	struct iovec seg[PKT_SEGS_MAX];
	struct pkt pkt;
	struct testplace at = load(&pkt, seg, &k->frame, k->gso, payload, 1400);
	uint32_t frames = (payload + 1399) / 1400, each = (f->header_len + at.payload + 4 + 1400 + buffer - 1) / buffer;

	reopen(f);
	rings_post(frames * each < RINGS_SIZE ? frames * each : RINGS_SIZE, buffer);
	assert_int_equal(rings_put(&pkt, tag), SINK_TAKEN);
	check_cut(k, &at, 1400, tag);
}

static void
a_guest_that_takes_none_gets_frames_that_are_complete(void **state)
{
	static const uint32_t payloads[] = { 1, 1400, 1401, 20000 };

	for (size_t k = 0; k < LEN(kinds); k++)
		for (size_t i = 0; i < 2 * LEN(payloads); i++)
			for (int tag = PKT_TAG_NONE; tag <= TCI; tag += TCI - PKT_TAG_NONE) {
				struct vring_features small = lacking(&kinds[k], i % 2, true, 12);
				struct vring_features one = lacking(&kinds[k], i % 2, false, 12);
				struct vring_features old = lacking(&kinds[k], i % 2, false, 10);

				if (payloads[i / 2] <= 1400 && i % 2 == 0)
					continue; /* one segment is no large one: it is passed on, below */
				one_cut(&kinds[k], &small, payloads[i / 2], 100, tag);
				one_cut(&kinds[k], &small, payloads[i / 2], 1500, tag); /* no room for one at once */
				one_cut(&kinds[k], &one, payloads[i / 2], 2048, tag);
				one_cut(&kinds[k], &old, payloads[i / 2], 65562, tag);
			}
}

/* An IPv4 packet of 65535 bytes, less what a tag takes of it. */
static void
the_longest_is_cut_too(void **state)
{
	struct vring_features f = lacking(&kinds[0], false, true, 12);

	one_cut(&kinds[0], &f, 65495, 2048, PKT_TAG_NONE);
	f = lacking(&kinds[2], false, false, 12);
	one_cut(&kinds[2], &f, 65507 - 4, 1600, TCI);
}

/* Chains whose header is a descriptor of its own, and whose first piece is too short for a frame. */
static void
segments_are_cut_into_chains(void **state)
{
	for (size_t k = 0; k < LEN(kinds); k++) {
		struct vring_features f = lacking(&kinds[k], false, k % 2, 12);
		struct iovec seg[PKT_SEGS_MAX];
		struct pkt pkt;
		struct testplace at = load(&pkt, seg, &kinds[k].frame, kinds[k].gso, 20000, 1400);

		reopen(&f);
		for (unsigned i = 0; i < 15; i++) {
			uint8_t *to = rings_buffer(2000);
			uint64_t gpa = vuser_gpa(&rings_mem, to);
			uint32_t first = i % 3 == 0 ? 12 : 100 * i;
			struct vuser_part part[] = { { gpa, first, true }, { gpa + first, 2000 - first, true } };

			assert_int_equal(vuser_add(&rings_rx, part, 2, NULL, 0, (uint64_t)(uintptr_t)to), 0);
		}
		vuser_publish(&rings_rx);
		assert_int_equal(rings_put(&pkt, PKT_TAG_NONE), SINK_TAKEN);
		check_cut(&kinds[k], &at, 1400, PKT_TAG_NONE);
	}
}

static void
all_segments_are_delivered_or_none(void **state)
{
	struct vring_features f = lacking(&kinds[0], false, true, 12);
	struct iovec seg[PKT_SEGS_MAX];
	struct pkt pkt;
	struct testplace at = load(&pkt, seg, &kinds[0].frame, kinds[0].gso, 20000, 1400); /* 15 segments */

	reopen(&f);
	rings_post(14, 2048);
	assert_int_equal(rings_put(&pkt, PKT_TAG_NONE), DROP_RECEIVER_FULL);
	assert_int_equal(vuser_ready(&rings_rx), 0);
	rings_post(1, 2048);
	assert_int_equal(rings_put(&pkt, PKT_TAG_NONE), SINK_TAKEN);
	check_cut(&kinds[0], &at, 1400, PKT_TAG_NONE);
	/* The least segments that are let in, 2340 of them, into a ring of 1024. */
	load(&pkt, seg, &kinds[0].frame, kinds[0].gso, 65495, 28);
	rings_post(RINGS_SIZE, 100);
	assert_int_equal(rings_put(&pkt, PKT_TAG_NONE), DROP_RECEIVER_FULL);
	assert_int_equal(vuser_ready(&rings_rx), 0);
	f.mergeable = false;
	reopen(&f);
	load(&pkt, seg, &kinds[0].frame, kinds[0].gso, 20000, 1400);
	rings_post(20, 1000);
	assert_int_equal(rings_put(&pkt, PKT_TAG_NONE), DROP_BUFFER_TOO_SMALL);
	assert_int_equal(vuser_ready(&rings_rx), 0);
}

/* What is cut has to keep the MTU, not what comes. */
static void
segments_may_not_be_longer_than_the_mtu(void **state)
{
	struct iovec seg[PKT_SEGS_MAX];
	struct pkt pkt;
	struct testplace at = load(&pkt, seg, &kinds[0].frame, kinds[0].gso, 20000, 1460); /* 1500 with its headers */

	rings_post(10, 65562);
	atomic_store(&rings.mtu, 1499);
	assert_int_equal(rings_put(&pkt, PKT_TAG_NONE), DROP_TOO_BIG);
	atomic_store(&rings.mtu, 1500);
	assert_int_equal(rings_put(&pkt, PKT_TAG_NONE), SINK_TAKEN);
	check_whole(&at, VIRTIO_NET_HDR_GSO_TCPV4, 1460, PKT_TAG_NONE);
}

/* RFC 3168, 6.1.2: CWR stands on one segment, so a guest that does not know of it must not cut. */
static void
congestion_marks_need_a_guest_that_knows_them(void **state)
{
	for (int knows = 0; knows < 2; knows++) {
		struct vring_features f = rings_full;
		struct testframe marked = { .version = 4, .proto = 6, .tcp_flags = 0x10 | CWR };
		struct iovec seg[PKT_SEGS_MAX];
		struct testplace at;
		struct pkt pkt;
		uint8_t header[12];
		unsigned buffers;

		f.guest_ecn = knows;
		reopen(&f);
		rings_post(10, 65562);
		at = load(&pkt, seg, &marked, PKT_GSO_TCP4, 2800, 1400);
		assert_int_equal(rings_put(&pkt, PKT_TAG_NONE), SINK_TAKEN);
		if (knows) {
			check_whole(&at, VIRTIO_NET_HDR_GSO_TCPV4 | VIRTIO_NET_HDR_GSO_ECN, 1400, PKT_TAG_NONE);
			continue;
		}
		for (unsigned i = 0; i < 2; i++) {
			assert_int_equal(rings_receive(header, got, &buffers), at.payload + 1400);
			assert_int_equal(got[at.l4 + 13], i == 0 ? 0x10 | CWR : 0x10);
			assert_true(testframe_judge(got, at.payload + 1400, &at));
		}
		assert_int_equal(vuser_ready(&rings_rx), 0);
	}
}

static void
a_checksum_is_finished_for_a_guest_that_cannot(void **state)
{
	for (size_t k = 0; k < LEN(kinds); k++)
		for (uint32_t payload = 0; payload < 300; payload++)
			for (int can = 0; can < 2; can++) {
				int tag = payload % 3 == 0 ? TCI : PKT_TAG_NONE;
				struct vring_features f = rings_full;
				struct iovec seg[PKT_SEGS_MAX];
				struct pkt pkt;
				struct testplace at = load(&pkt, seg, &kinds[k].frame, PKT_GSO_NONE, payload, 0), now;
				uint8_t header[12];
				unsigned buffers;
				uint32_t len;

				f.guest_csum = can;
				f.mergeable = payload % 2;
				reopen(&f);
				rings_post(10, payload % 2 ? 100 : 2048);
				assert_int_equal(rings_put(&pkt, tag), SINK_TAKEN);
				if (can) {
					check_whole(&at, VIRTIO_NET_HDR_GSO_NONE, 0, tag);
					continue;
				}
				len = rings_receive(header, got, &buffers);
				for (unsigned i = 0; i < 10; i++)
					assert_int_equal(header[i], 0);
				assert_int_equal(len, at.len + (tag == PKT_TAG_NONE ? 0 : 4));
				assert_true(testframe_judge(got, len, &now));
				assert_int_equal(now.end - now.payload, payload);
			}
}

/* virtio 1.2, 5.1.6.3.2: DATA_VALID only when GUEST_CSUM was negotiated; and only of what a NIC has checked. */
static void
only_what_a_nic_checked_is_called_valid(void **state)
{
	static const enum pkt_csum states[] = { PKT_CSUM_NONE, PKT_CSUM_GOOD, PKT_CSUM_UNKNOWN };

	for (size_t i = 0; i < 2 * LEN(states); i++)
		for (int simple = 0; simple < 2; simple++) {
			struct testframe whole = { .version = 4, .proto = 6, .payload = 100 };
			struct vring_features f = rings_full;
			struct iovec seg[PKT_SEGS_MAX];
			struct testplace at = testframe_make(&whole, frame);
			uint8_t header[12], want;
			unsigned buffers;
			struct pkt pkt;
			enum drop_reason why;

			f.guest_csum = i % 2;
			reopen(&f);
			testframe_load(&pkt, frame, at.len, seg, 0);
			memset(&pkt.claim, 0, sizeof(pkt.claim));
			pkt.claim.csum_good = states[i / 2] == PKT_CSUM_GOOD;
			pkt.claim.unchecked = states[i / 2] == PKT_CSUM_UNKNOWN;
			assert_int_equal(pkt_parse(&pkt, &why), 0);
			assert_int_equal(pkt.csum, states[i / 2]);
			rings_post(10, simple ? 1000 : 50);
			assert_int_equal(rings_put(&pkt, PKT_TAG_NONE), SINK_TAKEN);
			assert_int_equal(rings_receive(header, got, &buffers), at.len);
			want = f.guest_csum && pkt.csum == PKT_CSUM_GOOD ? VIRTIO_NET_HDR_F_DATA_VALID : 0;
			assert_int_equal(header[0], want);
			for (unsigned k = 1; k < 10; k++)
				assert_int_equal(header[k], 0);
			assert_memory_equal(got, frame, at.len);
		}
}

static void
a_tag_goes_in_front_of_the_type(void **state)
{
	struct testframe whole = { .version = 4, .proto = 17, .payload = 100 };
	struct testplace at = testframe_make(&whole, frame);

	for (uint32_t buffer = 30; buffer < 200; buffer++) {
		struct iovec seg[PKT_SEGS_MAX];
		uint8_t header[12];
		enum drop_reason why;
		unsigned buffers;
		struct pkt pkt;

		rings_post(6, buffer);
		testframe_load(&pkt, frame, at.len, seg, buffer);
		memset(&pkt.claim, 0, sizeof(pkt.claim));
		assert_int_equal(pkt_admit(&pkt, &why), 0);
		assert_int_equal(rings_put(&pkt, TCI), SINK_TAKEN);
		assert_int_equal(rings_receive(header, got, &buffers), at.len + 4);
		assert_memory_equal(got, frame, 12);
		assert_memory_equal(got + 12, ((uint8_t[]){ 0x81, 0x00, TCI >> 8, TCI & 0xff }), 4);
		assert_memory_equal(got + 16, frame + 12, at.len - 12);
		reopen(&rings_full);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_rings, close_rings)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_guest_that_takes_large_segments_gets_them_whole),
		TEST(a_guest_that_takes_none_gets_frames_that_are_complete),
		TEST(the_longest_is_cut_too),
		TEST(segments_are_cut_into_chains),
		TEST(all_segments_are_delivered_or_none),
		TEST(segments_may_not_be_longer_than_the_mtu),
		TEST(congestion_marks_need_a_guest_that_knows_them),
		TEST(a_checksum_is_finished_for_a_guest_that_cannot),
		TEST(only_what_a_nic_checked_is_called_valid),
		TEST(a_tag_goes_in_front_of_the_type),
	};

	return cmocka_run_group_tests(tests, rings_group_start, rings_group_end);
}
