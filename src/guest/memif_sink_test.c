/* memif_sink_test.c - frames to a memif's peer: whole, cut, finished; full rings, and peers that break the rules of theirs. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "guest/memif_ring.h"
#include "guest/test_memif.h"
#include "pkt/build.h"
#include "pkt/testframe.h"
#include "pkt/wire.h"

static struct wire wire;

static int
open_wire(void **state)
{
	wire_open(&wire);
	wire_up(&wire);
	return 0;
}

static int
close_wire(void **state)
{
	muser_close(&wire.peer);
	wire_poll();
	wire_close(&wire);
	return 0;
}

static void
frames_arrive_whole(void **state)
{
	static const uint32_t lens[] = { 14, 60, 64, 128, 129, 1514, 2048, 2049, 4096, 9014 };
	uint8_t sent[10000], got[10000];

	for (unsigned i = 0; i < 20 * LEN(lens); i++) {
		uint32_t len = lens[i % LEN(lens)];

		wire_frame(sent, i, len);
		assert_int_equal(wire_put_bytes(&wire, sent, len, PKT_TAG_NONE), SINK_TAKEN);
		assert_int_equal(muser_ready(wire_back(&wire)), (len + ROOM - 1) / ROOM);
		assert_int_equal(wire_receive(&wire, got), len);
		assert_memory_equal(got, sent, len);
	}
}

static void
a_frame_gets_its_tag(void **state)
{
	uint8_t sent[2000], got[2000], want[2004];

	wire_frame(sent, 1, 1000);
	assert_int_equal(wire_put_bytes(&wire, sent, 1000, 0x200a), SINK_TAKEN);
	memcpy(want, sent, 12);
	memcpy(want + 12, "\x81\x00\x20\x0a", 4);
	memcpy(want + 16, sent + 12, 988);
	assert_int_equal(wire_receive(&wire, got), 1004);
	assert_memory_equal(got, want, 1004);
}

static void
what_is_longer_than_the_mtu_is_too_big(void **state)
{
	uint8_t sent[10000];

	wire_frame(sent, 1, WIRE_MTU + ETH_HEADER_LEN + 1);
	assert_int_equal(wire_put_bytes(&wire, sent, WIRE_MTU + ETH_HEADER_LEN, PKT_TAG_NONE), SINK_TAKEN);
	assert_int_equal(wire_put_bytes(&wire, sent, WIRE_MTU + ETH_HEADER_LEN + 1, PKT_TAG_NONE), DROP_TOO_BIG);
}

static struct testplace
load(struct pkt *pkt, const struct testframe *f, uint8_t *bytes, struct iovec *segs, uint16_t gso_size)
{
	struct testplace place = testframe_make(f, bytes);
	enum drop_reason why;

	*pkt = (struct pkt){ 0 };
	testframe_load(pkt, bytes, place.len, segs, 0);
	pkt->claim = testframe_claim(&place, gso_size > 0 ? PKT_GSO_TCP4 : PKT_GSO_NONE, gso_size);
	assert_int_equal(pkt_parse(pkt, &why), 0);
	assert_int_equal(pkt->csum, PKT_CSUM_PARTIAL);
	return place;
}

static void
a_checksum_is_finished(void **state)
{
	static const struct testframe f = { .version = 4, .proto = 17, .payload = 1000, .partial = true };
	static uint8_t sent[TESTFRAME_MAX];
	struct iovec segs[PKT_SEGS_MAX];
	struct testplace place;
	uint8_t got[2000];
	struct pkt pkt;

	place = load(&pkt, &f, sent, segs, 0);
	assert_int_equal(wire_put(&wire, &pkt, PKT_TAG_NONE), SINK_TAKEN);
	assert_int_equal(wire_receive(&wire, got), place.len);
	assert_true(testframe_judge(got, place.len, &place));
}

/* Into buffers that hold a segment, and into smaller ones. All segments or none. */
static void
large_segments_are_cut(void **state)
{
	static const struct testframe f = { .version = 4, .proto = 6, .payload = 30000, .partial = true };
	static uint8_t sent[TESTFRAME_MAX];
	uint8_t got[2000];

	for (unsigned room = ROOM; room > 1000; room -= 1000) {
		struct iovec segs[PKT_SEGS_MAX];
		struct testplace place;
		struct pkt pkt;
		uint32_t payload = 0, len;
		unsigned frames = 0;

		wire_down(&wire);
		wire_up(&wire);
		for (unsigned i = 0; i < SLOTS; i++)
			wire_back(&wire)->ring->desc[i].length = room;
		load(&pkt, &f, sent, segs, 1448);
		assert_int_equal(wire_put(&wire, &pkt, PKT_TAG_NONE), SINK_TAKEN);
		for (; (len = wire_receive(&wire, got)) > 0; frames++) {
			assert_true(testframe_judge(got, len, &place));
			for (uint32_t i = place.payload; i < place.end; i++, payload++)
				if (got[i] != testframe_byte(payload))
					fail_msg("buffers of %u: byte %u of the payload is wrong", room, payload);
		}
		assert_int_equal(payload, 30000);
		assert_int_equal(frames, 21); /* 30000 / 1448, rounded up */
	}
	wire_down(&wire);
	wire_up(&wire);
	for (unsigned i = 0; i < 3; i++) {
		struct iovec segs[PKT_SEGS_MAX];
		struct pkt pkt;

		load(&pkt, &f, sent, segs, 1448);
		assert_int_equal(wire_put(&wire, &pkt, PKT_TAG_NONE), SINK_TAKEN);
	}
	assert_int_equal(muser_ready(wire_back(&wire)), 63);
	for (unsigned i = 0; i < 2; i++) {
		struct iovec segs[PKT_SEGS_MAX];
		struct pkt pkt;

		load(&pkt, &f, sent, segs, 1448);
		assert_int_equal(wire_put(&wire, &pkt, PKT_TAG_NONE), DROP_RECEIVER_FULL);
		assert_int_equal(muser_ready(wire_back(&wire)), 63);
	}
}

static void
a_full_ring_refuses_whole_frames(void **state)
{
	uint8_t sent[10000], got[10000];

	wire_frame(sent, 1, 5000); /* three slots */
	for (unsigned i = 0; i < SLOTS / 3; i++)
		assert_int_equal(wire_put_bytes(&wire, sent, 5000, PKT_TAG_NONE), SINK_TAKEN);
	assert_int_equal(muser_ready(wire_back(&wire)), SLOTS - 1);
	assert_int_equal(wire_put_bytes(&wire, sent, 5000, PKT_TAG_NONE), DROP_RECEIVER_FULL);
	assert_int_equal(muser_ready(wire_back(&wire)), SLOTS - 1); /* nothing of it */
	assert_int_equal(wire_put_bytes(&wire, sent, 60, PKT_TAG_NONE), SINK_TAKEN);
	assert_int_equal(wire_put_bytes(&wire, sent, 60, PKT_TAG_NONE), DROP_RECEIVER_FULL);
	for (unsigned i = 0; i < SLOTS / 3; i++) {
		assert_int_equal(wire_receive(&wire, got), 5000);
		assert_memory_equal(got, sent, 5000);
	}
	assert_int_equal(wire_receive(&wire, got), 60);
	assert_int_equal(wire_receive(&wire, got), 0);
}

static void
tiny_buffers_are_too_small(void **state)
{
	uint8_t sent[1514], got[1514];

	for (unsigned i = 0; i < SLOTS; i++)
		wire_back(&wire)->ring->desc[i].length = 10;
	wire_frame(sent, 1, 1514);
	assert_int_equal(wire_put_bytes(&wire, sent, 1514, PKT_TAG_NONE), DROP_BUFFER_TOO_SMALL);
	assert_int_equal(wire_put_bytes(&wire, sent, 60, PKT_TAG_NONE), SINK_TAKEN); /* six of them */
	assert_int_equal(wire_receive(&wire, got), 60);
	assert_memory_equal(got, sent, 60);
}

static bool
was_told(int fd)
{
	eventfd_t n;

	return eventfd_read(fd, &n) == 0;
}

static void
a_peer_is_interrupted_if_it_wants(void **state)
{
	uint8_t sent[60];

	wire_frame(sent, 1, 60);
	muser_ask_interrupts(wire_back(&wire), false);
	assert_int_equal(wire_put_bytes(&wire, sent, 60, PKT_TAG_NONE), SINK_TAKEN);
	assert_false(was_told(wire_back(&wire)->event_fd));
	muser_ask_interrupts(wire_back(&wire), true);
	assert_int_equal(wire_put_bytes(&wire, sent, 60, PKT_TAG_NONE), SINK_TAKEN);
	assert_true(was_told(wire_back(&wire)->event_fd));
}

/* ---- peers that break the rules ---- */

static void
put_jump(void)
{
	wire_back(&wire)->ring->head += SLOTS + 1;
}
static void
put_no_room(void)
{
	wire_back(&wire)->ring->desc[0].length = 0;
}
static void
put_far_away(void)
{
	wire_back(&wire)->ring->desc[0].offset = UINT32_MAX - 10;
}
static void
put_too_much(void)
{
	wire_back(&wire)->ring->desc[0].length = UINT32_MAX;
}
static void
put_elsewhere(void)
{
	wire_back(&wire)->ring->desc[0].region = 9;
}

static void
a_broken_ring_to_the_peer_is_its_end(void **state)
{
	static void (*const rows[])(void) = { put_jump, put_no_room, put_far_away, put_too_much, put_elsewhere };
	uint8_t sent[60];

	wire_frame(sent, 1, 60);
	for (unsigned i = 0; i < LEN(rows); i++) {
		uint8_t verdict;

		rows[i]();
		verdict = wire_put_bytes(&wire, sent, 60, PKT_TAG_NONE);
		if (verdict != DROP_LINK_DOWN)
			fail_msg("row %u: %s", i, drop_reason_text(verdict));
		assert_int_equal(wire_put_bytes(&wire, sent, 60, PKT_TAG_NONE), DROP_LINK_DOWN);
		wire_expect_the_end(&wire, i);
	}
}

static void
without_a_peer_there_is_no_link(void **state)
{
	uint8_t sent[60];

	wire_frame(sent, 1, 60);
	wire_down(&wire);
	assert_int_equal(wire_put_bytes(&wire, sent, 60, PKT_TAG_NONE), DROP_LINK_DOWN);
	assert_int_equal(wire_take(&wire), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_wire, close_wire)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(frames_arrive_whole),
		TEST(a_frame_gets_its_tag),
		TEST(what_is_longer_than_the_mtu_is_too_big),
		TEST(a_checksum_is_finished),
		TEST(large_segments_are_cut),
		TEST(a_full_ring_refuses_whole_frames),
		TEST(tiny_buffers_are_too_small),
		TEST(a_peer_is_interrupted_if_it_wants),
		TEST(a_broken_ring_to_the_peer_is_its_end),
		TEST(without_a_peer_there_is_no_link),
	};

	return cmocka_run_group_tests(tests, wire_start, wire_stop);
}
