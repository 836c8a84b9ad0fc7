/* vring_refused_test.c - what a guest sends that is no frame, but no fault either: counted with its reason, given back, and on. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "guest/test_rings.h"
#include "guest/vring_chain.h"
#include "pkt/admit.h"

#define LEN(a) (sizeof(a) / sizeof((a)[0]))

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

/* virtio 1.2, 5.1.6.2: the header is there, whole. Split or not, with whatever around it. */
static void
a_chain_shorter_than_its_header_is_a_runt(void **state)
{
	static const uint8_t nothing[12];
	uint64_t runts = 0;

	for (uint32_t len = 0; len < 12; len++)
		for (uint32_t cut = 0; cut <= len; cut++) {
			rings_send_plain(1, 60, 7);
			rings_send(nothing, len, nothing, 0, &cut, cut > 0, false);
			rings_send_plain(1, 60, 8);
			runts++;
			assert_int_equal(rings_take(), 2);
			assert_int_equal(rings_lane.burst.pkt[0].hdr[20], 7);
			assert_int_equal(rings_lane.burst.pkt[1].hdr[20], 8);
			rings_give();
			assert_int_equal(rings_sent(), 3);
			assert_int_equal(rings_drops(DROP_RUNT), runts);
			assert_int_equal(rings_refused(), runts);
		}
}

/* Nobody gives a burst back that has no frame: the source does it itself. */
static void
a_burst_of_nothing_but_runts_is_given_back(void **state)
{
	static const uint8_t nothing[12];

	for (unsigned i = 0; i < 40; i++)
		rings_send(nothing, i % 12, nothing, 0, NULL, 0, false);
	assert_int_equal(rings_take(), 0);
	assert_int_equal(rings_sent(), 32);
	assert_int_equal(rings_take(), 0);
	assert_int_equal(rings_sent(), 8);
	assert_int_equal(rings_refused(), 40);
}

/* 4096 descriptors are looked at, and the rest of a chain: then it is the turn of others. */
static void
chains_without_an_end_take_no_longer_than_others(void **state)
{
	static const uint32_t lens[] = { 0, 1 };

	for (unsigned i = 0; i < LEN(lens); i++) {
		uint64_t refused = rings_refused();
		struct vuser_desc *table = (struct vuser_desc *)(uintptr_t)rings_buffer(VRING_CHAIN_MAX * 16);
		uint8_t *bytes = rings_buffer(64);
		unsigned done = 0;

		for (unsigned k = 0; k < VRING_CHAIN_MAX; k++)
			table[k] =
				(struct vuser_desc){ vuser_gpa(&rings_mem, bytes), lens[i],
						     k + 1 < VRING_CHAIN_MAX ? VUSER_DESC_NEXT : 0, (uint16_t)(k + 1) };
		for (uint16_t n = 0; n < 32; n++) {
			rings_tx.desc[n] = (struct vuser_desc){ vuser_gpa(&rings_mem, table), VRING_CHAIN_MAX * 16,
								VUSER_DESC_INDIRECT, 0 };
			vuser_offer(&rings_tx, n, n, 0);
		}
		vuser_publish(&rings_tx);
		for (unsigned take = 1; take <= 8; take++) {
			assert_int_equal(rings_take(), 0);
			done += 4; /* 4096 / 1024 */
			assert_int_equal(rings_tx.used->idx, done);
		}
		assert_int_equal(rings_refused() - refused, 32);
		assert_int_equal(vring_fault(&rings.tx[0]), VRING_FAULT_NONE);
		rings_close();
		rings_open(&rings_full);
	}
}

/* A header with less than an Ethernet header behind it is a frame as far as a ring is concerned; the parser refuses it. */
static void
a_frame_of_less_than_14_bytes_is_refused_by_the_parser(void **state)
{
	static const uint8_t bytes[26];
	static const uint32_t cuts[] = { 12, 13 };

	for (uint32_t len = 0; len < 14; len++)
		for (unsigned n = 0; n <= (len > 1 ? 2 : 1); n++) {
			struct pkt *pkt = &rings_lane.burst.pkt[0];
			enum drop_reason why = DROP_REASON_COUNT;

			rings_send(bytes, 12, bytes, len, cuts, n, false);
			assert_int_equal(rings_take(), 1);
			assert_int_equal(pkt->len, len);
			assert_int_equal(pkt->hdr_len, len);
			assert_int_equal(pkt_admit(pkt, &why), -1);
			assert_int_equal(why, DROP_RUNT);
			rings_give();
			assert_int_equal(rings_sent(), 1);
		}
	assert_int_equal(rings_refused(), 0);
}

/* The longest is an IPv4 packet of 65535 bytes with Ethernet header and tag; or a chain whose pieces are more than are kept. */
static void
a_frame_that_is_too_long_is_refused(void **state)
{
	static uint8_t bytes[PKT_FRAME_MAX + 100];
	uint32_t cuts[300];
	struct vport_totals t;

	for (uint32_t i = 0; i < LEN(cuts); i++)
		cuts[i] = 12 + i;
	rings_send(bytes, 12, bytes, PKT_FRAME_MAX, NULL, 0, false);
	rings_send(bytes, 12, bytes, PKT_FRAME_MAX + 1, NULL, 0, false);
	rings_send(bytes, 12, bytes, PKT_FRAME_MAX + 1, cuts, 1, false);
	rings_send(bytes, 12, bytes, 1000, cuts, VRING_CHAIN_SPANS, true); /* a span more than that */
	rings_send_plain(1, 60, 9);
	assert_int_equal(rings_take(), 2);
	assert_int_equal(rings_lane.burst.pkt[0].len, PKT_FRAME_MAX);
	assert_int_equal(rings_lane.burst.pkt[1].hdr[20], 9);
	rings_give();
	assert_int_equal(rings_sent(), 5);
	assert_int_equal(rings_drops(DROP_TOO_BIG), 3);
	assert_int_equal(rings_refused(), 3);
	vport_sum(&rings_vport, &t);
	assert_int_equal(t.rx_bytes, 2 * (PKT_FRAME_MAX + 1) + VRING_CHAIN_SPANS - 1); /* 255 of 1 behind the header */
}

/* 32-bit lengths whose sum is a small number again. */
static void
lengths_that_sum_up_beyond_32_bits_are_too_long(void **state)
{
	const struct guest_region big = { .gpa = 0x100000000000, .len = 1ull << 33, .va = rings_mem.va };
	struct guest_region region[2];
	struct vuser_part part[3];

	/* None of it is there but the first bytes; a frame this long is not looked at. */
	region[0] = (struct guest_region){ .gpa = VUSER_GPA, .len = RINGS_MEMORY, .va = rings_mem.va };
	region[1] = big;
	rings_set_regions(region, 2);
	part[0] = (struct vuser_part){ big.gpa, 0x80000000, false };
	part[1] = (struct vuser_part){ big.gpa, 0x7fffffff, false };
	part[2] = (struct vuser_part){ big.gpa, 100, false };
	assert_int_equal(vuser_add(&rings_tx, part, 3, NULL, 0, rings_tx.next_avail), 0);
	vuser_publish(&rings_tx);
	rings_send_plain(1, 60, 9);
	assert_int_equal(rings_take(), 1);
	assert_int_equal(rings_lane.burst.pkt[0].hdr[20], 9);
	rings_give();
	assert_int_equal(rings_sent(), 2);
	assert_int_equal(rings_drops(DROP_TOO_BIG), 1);
}

/* A head that is bad ends the ring; what is refused in front of it is given back like the frames around it. */
static void
what_is_refused_in_front_of_a_fault_is_given_back(void **state)
{
	static const uint8_t nothing[12];

	rings_send_plain(1, 60, 1);
	rings_send(nothing, 3, nothing, 0, NULL, 0, false);
	rings_send_plain(1, 60, 2);
	vuser_offer(&rings_tx, 65535, 0, 0);
	vuser_publish(&rings_tx);
	assert_int_equal(rings_take(), 2);
	rings_give();
	assert_int_equal(rings_sent(), 3);
	assert_int_equal(vring_fault(&rings.tx[0]), VRING_FAULT_BAD_HEAD);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_rings, close_rings)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_chain_shorter_than_its_header_is_a_runt),
		TEST(a_burst_of_nothing_but_runts_is_given_back),
		TEST(chains_without_an_end_take_no_longer_than_others),
		TEST(a_frame_of_less_than_14_bytes_is_refused_by_the_parser),
		TEST(a_frame_that_is_too_long_is_refused),
		TEST(lengths_that_sum_up_beyond_32_bits_are_too_long),
		TEST(what_is_refused_in_front_of_a_fault_is_given_back),
	};

	return cmocka_run_group_tests(tests, rings_group_start, rings_group_end);
}
