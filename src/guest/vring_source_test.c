/* vring_source_test.c - frames out of a guest's transmit ring: any layout, any length, what they ask for, how much at once. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include <linux/virtio_net.h>

#include "guest/test_rings.h"
#include "guest/vring_chain.h"
#include "pkt/build.h"
#include "pkt/testframe.h"

#define LEN(a) (sizeof(a) / sizeof((a)[0]))
#define CUTS_MAX 1100

static const struct vring_features old_header = { .header_len = 10 };
static const uint8_t no_header[12];
static uint8_t frame[PKT_FRAME_MAX + 2], got[PKT_FRAME_MAX + 2];

static int
open_rings(void **state)
{
	for (uint32_t i = 0; i < sizeof(frame); i++)
		frame[i] = testframe_byte(i);
	rings_open(&rings_bare);
	return 0;
}

static int
close_rings(void **state)
{
	rings_close();
	return 0;
}

/* pkt is the first len bytes of `frame`: the copy of its headers, and what spans make of it. */
static void
check_frame(const struct pkt *pkt, uint32_t len)
{
	struct iovec span[PKT_SEGS_MAX];
	uint8_t tag_room[4];
	unsigned n = pkt_spans(pkt, PKT_TAG_NONE, tag_room, span, PKT_SEGS_MAX);
	uint32_t done = 0;

	assert_int_equal(pkt->len, len);
	assert_int_equal(pkt->hdr_len, len < 128 ? len : 128);
	assert_int_equal(pkt->skip, pkt->hdr_len);
	assert_memory_equal(pkt->hdr, frame, pkt->hdr_len);
	assert_in_range(pkt->n_segs, 1, BURST_SEGS);
	assert_true(n > 0);
	for (unsigned i = 0; i < n; i++) {
		memcpy(got + done, span[i].iov_base, span[i].iov_len);
		done += (uint32_t)span[i].iov_len;
	}
	assert_int_equal(done, len);
	assert_memory_equal(got, frame, len);
}

/* ---- layouts ---- */

static unsigned
at_once(uint32_t header, uint32_t len, uint32_t *cuts)
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
header_in_three(uint32_t header, uint32_t len, uint32_t *cuts)
{
	cuts[0] = 3;
	cuts[1] = 7;
	cuts[2] = header;
	return 3;
}

/* The last piece of the header has the first of the frame, and no piece begins at a word. */
static unsigned
header_across(uint32_t header, uint32_t len, uint32_t *cuts)
{
	cuts[0] = 1;
	cuts[1] = header - 1;
	cuts[2] = header + 13;
	return 3;
}

static unsigned
header_in_bytes(uint32_t header, uint32_t len, uint32_t *cuts)
{
	for (uint32_t i = 0; i < header + 4; i++)
		cuts[i] = i + 1;
	return header + 4;
}

static unsigned
around_128(uint32_t header, uint32_t len, uint32_t *cuts)
{
	unsigned n = 0;

	for (uint32_t at = 127; at <= 129; at++)
		if (at < len)
			cuts[n++] = header + at;
	return n;
}

static unsigned
with_empty_pieces(uint32_t header, uint32_t len, uint32_t *cuts)
{
	cuts[0] = cuts[1] = 0;
	cuts[2] = cuts[3] = cuts[4] = header;
	cuts[5] = cuts[6] = header + len / 2;
	cuts[7] = cuts[8] = header + len;
	return 9;
}

static unsigned
pieces(uint32_t all, unsigned n, uint32_t *cuts)
{
	for (unsigned i = 0; i + 1 < n; i++)
		cuts[i] = (uint32_t)((uint64_t)all * (i + 1) / n);
	return n - 1;
}

/* As many as a packet may point at, behind a header of its own; and one more. */
static unsigned
as_many_as_fit(uint32_t header, uint32_t len, uint32_t *cuts)
{
	cuts[0] = header;
	for (unsigned i = 1; i < BURST_SEGS; i++)
		cuts[i] = header + len * i / BURST_SEGS;
	return BURST_SEGS;
}

static unsigned
one_too_many(uint32_t header, uint32_t len, uint32_t *cuts)
{
	return pieces(header + len, BURST_SEGS + 1, cuts);
}

static unsigned
every_100(uint32_t header, uint32_t len, uint32_t *cuts)
{
	unsigned n = 0;

	for (uint32_t at = 100; at < header + len && n < VRING_CHAIN_SPANS - 1; at += 100)
		cuts[n++] = at;
	return n;
}

static unsigned
as_many_as_are_kept(uint32_t header, uint32_t len, uint32_t *cuts)
{
	return header + len < VRING_CHAIN_SPANS ? 0 : pieces(header + len, VRING_CHAIN_SPANS, cuts);
}

static unsigned (*const layouts[])(uint32_t header, uint32_t len, uint32_t *cuts) = {
	at_once,           header_apart,   header_in_three, header_across, header_in_bytes,     around_128,
	with_empty_pieces, as_many_as_fit, one_too_many,    every_100,     as_many_as_are_kept,
};

static void
one_frame(const struct vring_features *f, size_t layout, uint32_t len, bool indirect)
{
	uint32_t cuts[CUTS_MAX];
	unsigned n = layouts[layout](f->header_len, len, cuts);

	if (!indirect && n >= RINGS_SIZE)
		return;
	rings_send(no_header, f->header_len, frame, len, cuts, n, indirect);
	if (rings_take() != 1)
		fail_msg("layout %zu, %u bytes, indirect %d: no frame", layout, len, indirect);
	check_frame(&rings_lane.burst.pkt[0], len);
	assert_int_equal(rings_sent(), 0);
	rings_give();
	assert_int_equal(rings_sent(), 1);
	rings_rewind();
}

static void
frames_of_any_layout_are_taken_whole(void **state)
{
	static const uint32_t lens[] = { 14, 15, 60, 64, 127, 128, 129, 1514, 9000, 65000, PKT_FRAME_MAX };
	static const struct vring_features *const features[] = { &rings_bare, &old_header, &rings_full };

	for (size_t k = 0; k < LEN(features); k++) {
		rings_close();
		rings_open(features[k]);
		for (size_t layout = 0; layout < LEN(layouts); layout++)
			for (size_t i = 0; i < LEN(lens); i++)
				for (int indirect = 0; indirect < 2; indirect++)
					one_frame(features[k], layout, lens[i], indirect != 0);
	}
	assert_int_equal(rings_refused(), 0);
	assert_int_equal(vring_fault(&rings.tx[0]), VRING_FAULT_NONE);
}

/* virtio 1.2, 2.7.5.3.2: a device must handle descriptors of the ring with a last one that names a table. */
static void
a_chain_may_end_in_an_indirect_table(void **state)
{
	for (unsigned direct = 1; direct <= 8; direct++)
		for (unsigned in_table = 1; in_table <= 8; in_table++) {
			uint8_t *at = rings_buffer(12 + 1000);
			struct vuser_desc *table = (void *)rings_buffer(in_table * sizeof(*table));
			struct vuser_part part[8];
			uint64_t gpa = vuser_gpa(&rings_mem, at);
			struct vuser_desc *last;

			memcpy(at, no_header, 12);
			memcpy(at + 12, frame, 1000);
			for (unsigned i = 0; i < direct; i++)
				part[i] = (struct vuser_part){ gpa + i * 12, 12, false };
			/* The ring's last descriptor is made over into the table's. */
			assert_int_equal(vuser_add(&rings_tx, part, direct, NULL, 0, rings_tx.next_avail), 0);
			last = &rings_tx.desc[rings_tx.free[(uint16_t)(rings_tx.free_take - 1) & rings_tx.mask]];
			*last = (struct vuser_desc){ vuser_gpa(&rings_mem, table), in_table * 16, VUSER_DESC_INDIRECT,
						     0 };
			for (unsigned i = 0; i < in_table; i++) {
				uint32_t from = (direct - 1) * 12 + i * 10;

				table[i] = (struct vuser_desc){ gpa + from, i + 1 < in_table ? 10 : 1012 - from,
								i + 1 < in_table ? VUSER_DESC_NEXT : 0,
								(uint16_t)(i + 1) };
			}
			vuser_publish(&rings_tx);
			if (rings_take() != 1)
				fail_msg("%u direct, %u in the table: %s", direct, in_table,
					 vring_fault_text(vring_fault(&rings.tx[0])));
			check_frame(&rings_lane.burst.pkt[0], 1000);
			rings_give();
			assert_int_equal(rings_sent(), 1);
			rings_rewind();
		}
}

/* 2.7.5.3.2: the device must ignore VIRTQ_DESC_F_WRITE of a descriptor that names a table. */
static void
the_direction_of_a_descriptor_that_names_a_table_means_nothing(void **state)
{
	uint16_t head = rings_tx.free[rings_tx.free_take & rings_tx.mask];
	uint32_t cut = 12;

	rings_add_frame(no_header, 12, frame, 60, &cut, 1, true);
	rings_tx.desc[head].flags |= VUSER_DESC_WRITE;
	vuser_publish(&rings_tx);
	assert_int_equal(rings_take(), 1);
	check_frame(&rings_lane.burst.pkt[0], 60);
	rings_give();
}

/* 2.7.5.3.2: a chain is as long as the ring at most; a ring of 1024, QEMU's largest, has tables of 1024. */
static void
a_table_of_1024_descriptors_is_walked(void **state)
{
	uint32_t cuts[CUTS_MAX];

	memset(cuts, 0, sizeof(cuts));
	rings_send(no_header, 12, frame, 60, cuts, 1023, true);
	assert_int_equal(rings_take(), 1);
	check_frame(&rings_lane.burst.pkt[0], 60);
	rings_give();
	assert_int_equal(rings_sent(), 1);
}

static void
a_buffer_that_crosses_adjacent_regions_is_taken_whole(void **state)
{
	for (uint32_t cut = 1; cut < 12 + 200; cut++) {
		uint8_t *first = rings_buffer(cut), *second = rings_buffer(12 + 200 - cut);
		struct guest_region regions[] = { { .gpa = 0x1000, .len = cut, .va = first },
						  { .gpa = 0x1000 + cut, .len = 12 + 200 - cut, .va = second } };
		struct vuser_part part = { 0x1000, 12 + 200, false };

		memcpy(got, no_header, 12);
		memcpy(got + 12, frame, 200);
		memcpy(first, got, cut);
		memcpy(second, got + cut, 12 + 200 - cut);
		rings_set_regions(regions, 2);
		assert_int_equal(vuser_add(&rings_tx, &part, 1, NULL, 0, rings_tx.next_avail), 0);
		vuser_publish(&rings_tx);
		assert_int_equal(rings_take(), 1);
		check_frame(&rings_lane.burst.pkt[0], 200);
		rings_give();
		assert_int_equal(rings_sent(), 1);
		rings_rewind();
	}
}

/* ---- what is asked for ---- */

static const struct {
	struct virtio_net_hdr header;
	uint16_t type; /* EtherType */
	struct pkt_claim want;
} claims[] = {
	{ { 0, 0, 99, 98, 97, 96 }, 0x0800, { 0 } },
	{ { VIRTIO_NET_HDR_F_NEEDS_CSUM, 0, 0, 0, 34, 6 },
	  0x0800,
	  { .csum = true, .csum_start = 34, .csum_offset = 6 } },
	{ { VIRTIO_NET_HDR_F_NEEDS_CSUM, VIRTIO_NET_HDR_GSO_TCPV4, 54, 1448, 34, 16 },
	  0x0800,
	  { .csum = true, .csum_start = 34, .csum_offset = 16, .gso = PKT_GSO_TCP4, .gso_size = 1448 } },
	{ { VIRTIO_NET_HDR_F_NEEDS_CSUM, VIRTIO_NET_HDR_GSO_TCPV4 | VIRTIO_NET_HDR_GSO_ECN, 54, 536, 34, 16 },
	  0x0800,
	  { .csum = true, .csum_start = 34, .csum_offset = 16, .gso = PKT_GSO_TCP4, .gso_size = 536 } },
	{ { VIRTIO_NET_HDR_F_NEEDS_CSUM, VIRTIO_NET_HDR_GSO_TCPV6, 74, 1428, 54, 16 },
	  0x86dd,
	  { .csum = true, .csum_start = 54, .csum_offset = 16, .gso = PKT_GSO_TCP6, .gso_size = 1428 } },
	{ { VIRTIO_NET_HDR_F_NEEDS_CSUM, VIRTIO_NET_GSO_UDP_L4, 62, 1400, 54, 6 },
	  0x86dd,
	  { .csum = true, .csum_start = 54, .csum_offset = 6, .gso = PKT_GSO_UDP6, .gso_size = 1400 } },
	{ { VIRTIO_NET_HDR_F_NEEDS_CSUM, VIRTIO_NET_GSO_UDP_L4, 42, 1400, 34, 6 },
	  0x0800,
	  { .csum = true, .csum_start = 34, .csum_offset = 6, .gso = PKT_GSO_UDP4, .gso_size = 1400 } },
	/* A guest cannot vouch for a checksum: only NICs can (virtio 1.2, 5.1.6.2: the driver must not set it). */
	{ { VIRTIO_NET_HDR_F_DATA_VALID, 0, 0, 0, 0, 0 }, 0x0800, { 0 } },
};

static void
a_frame_asks_for_what_its_header_says(void **state)
{
	static const uint32_t cuts[] = { 5, 12 };

	for (size_t i = 0; i < LEN(claims); i++)
		for (unsigned n = 0; n <= 2; n++) {
			uint8_t header[12] = { 0 };
			const struct pkt_claim *c = &rings_lane.burst.pkt[0].claim, *want = &claims[i].want;

			memcpy(header, &claims[i].header, sizeof(claims[i].header));
			header[10] = 7; /* num_buffers means nothing here: 5.1.6.2 */
			frame[12] = (uint8_t)(claims[i].type >> 8);
			frame[13] = (uint8_t)claims[i].type;
			rings_send(header, 12, frame, 100, cuts, n, false);
			assert_int_equal(rings_take(), 1);
			assert_int_equal(c->csum, want->csum);
			assert_int_equal(c->gso, want->gso);
			assert_false(c->csum_good || c->unchecked);
			if (want->csum) {
				assert_int_equal(c->csum_start, want->csum_start);
				assert_int_equal(c->csum_offset, want->csum_offset);
			}
			if (want->gso != PKT_GSO_NONE)
				assert_int_equal(c->gso_size, want->gso_size);
			check_frame(&rings_lane.burst.pkt[0], 100);
			rings_give();
		}
}

/* ---- how much at once ---- */

static void
a_burst_has_32_frames_at_most(void **state)
{
	rings_send_plain(40, 60, 0);
	assert_int_equal(rings_take(), 32);
	assert_int_equal(rings.tx[0].source.waiting, 40);
	for (unsigned i = 0; i < 32; i++)
		assert_int_equal(rings_lane.burst.pkt[i].hdr[20], i);
	rings_give();
	assert_int_equal(rings_sent(), 32);
	assert_int_equal(rings_take(), 8);
	assert_int_equal(rings.tx[0].source.waiting, 8);
	assert_int_equal(rings_lane.burst.pkt[0].hdr[20], 32);
	rings_give();
	assert_int_equal(rings_sent(), 8);
	assert_int_equal(rings_take(), 0);
	assert_int_equal(rings_sent(), 0);
}

/* It ends with the frame by which it has 256 KiB: of 65,000 bytes the fifth, on either path. */
static void
a_burst_has_256_kib_at_most(void **state)
{
	static const uint32_t cut = 12;

	for (unsigned cuts = 0; cuts < 2; cuts++) {
		for (unsigned i = 0; i < 8; i++)
			rings_send(no_header, 12, frame, 65000, &cut, cuts, false);
		assert_int_equal(rings_take(), 5);
		rings_give();
		assert_int_equal(rings_sent(), 5);
		assert_int_equal(rings_take(), 3);
		rings_give();
		assert_int_equal(rings_sent(), 3);
		rings_rewind();
	}
}

/* 2.7.6 and 2.7.8: both indexes run through all 16 bits. */
static void
indexes_wrap(void **state)
{
	uint8_t next = 0;

	rings_close();
	rings_open_at(&rings_bare, 65530);
	for (unsigned round = 0; round < 3000; round++) {
		unsigned n = 1 + round % 50, left = n;

		rings_send_plain(n, 60, next);
		while (left > 0) {
			unsigned k = rings_take();

			assert_int_equal(k, left < 32 ? left : 32);
			for (unsigned i = 0; i < k; i++)
				assert_int_equal(rings_lane.burst.pkt[i].hdr[20], next++);
			rings_give();
			assert_int_equal(rings_sent(), k);
			left -= k;
		}
		rings_rewind();
	}
	assert_int_equal(vring_fault(&rings.tx[0]), VRING_FAULT_NONE);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_rings, close_rings)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(frames_of_any_layout_are_taken_whole),
		TEST(a_chain_may_end_in_an_indirect_table),
		TEST(the_direction_of_a_descriptor_that_names_a_table_means_nothing),
		TEST(a_table_of_1024_descriptors_is_walked),
		TEST(a_buffer_that_crosses_adjacent_regions_is_taken_whole),
		TEST(a_frame_asks_for_what_its_header_says),
		TEST(a_burst_has_32_frames_at_most),
		TEST(a_burst_has_256_kib_at_most),
		TEST(indexes_wrap),
	};

	return cmocka_run_group_tests(tests, rings_group_start, rings_group_end);
}
