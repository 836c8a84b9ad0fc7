/* memif_source_test.c - frames from a memif's peer, in every layout, and peers that break the rules of their ring. */
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

/* Fails unless packet i of the burst is that frame. */
static void
expect_packet(unsigned i, unsigned number, uint32_t len)
{
	const struct pkt *pkt = &wire.lane.burst.pkt[i];
	uint32_t at = 0;

	assert_int_equal(pkt->len, len);
	assert_int_equal(pkt->hdr_len, len < PKT_HDR_MAX ? len : PKT_HDR_MAX);
	assert_int_equal(pkt->skip, pkt->hdr_len);
	assert_true(pkt->claim.unchecked);
	assert_false(pkt->claim.csum || pkt->claim.csum_good || pkt->writable);
	for (; at < pkt->hdr_len; at++)
		assert_int_equal(pkt->hdr[at], wire_byte(number, at));
	at = 0;
	for (unsigned k = 0; k < pkt->n_segs; k++)
		for (size_t n = 0; n < pkt->segs[k].iov_len; n++, at++)
			assert_int_equal(((uint8_t *)pkt->segs[k].iov_base)[n], wire_byte(number, at));
	assert_int_equal(at, len);
}

static void
frames_come_as_they_were_sent(void **state)
{
	static const uint32_t lens[] = { 1, 13, 14, 60, 64, 65, 127, 128, 129, 1514, 2047, 2048 };
	unsigned number = 0;

	for (unsigned round = 0; round < 40; round++) { /* six times around the ring */
		for (unsigned i = 0; i < LEN(lens); i++)
			assert_int_equal(wire_lay(&wire, i, number + i, lens[i], ROOM), 1);
		wire_publish(&wire, LEN(lens));
		assert_int_equal(wire_take(&wire), LEN(lens));
		assert_int_equal(wire_source(&wire)->waiting, LEN(lens));
		for (unsigned i = 0; i < LEN(lens); i++)
			expect_packet(i, number + i, lens[i]);
		assert_int_equal(muser_room(&wire.peer), SLOTS - LEN(lens)); /* they are the peer's until the end */
		wire_give(&wire);
		assert_int_equal(muser_room(&wire.peer), SLOTS);
		assert_int_equal(wire_take(&wire), 0);
		number += LEN(lens);
	}
}

static void
frames_come_in_pieces(void **state)
{
	static const struct {
		uint32_t len, piece;
	} rows[] = { { 2, 1 }, { 60, 59 }, { 60, 7 }, { 200, 50 }, { 1514, 64 }, { 9014, 2048 }, { 24 * 10, 10 } };
	unsigned slots = 0;

	for (unsigned i = 0; i < 10 * LEN(rows); i++) {
		uint32_t len = rows[i % LEN(rows)].len, piece = rows[i % LEN(rows)].piece;

		/* Between two plain ones. */
		slots = wire_lay(&wire, 0, 1, 60, ROOM);
		slots += wire_lay(&wire, slots, 2, len, piece);
		slots += wire_lay(&wire, slots, 3, 61, ROOM);
		wire_publish(&wire, slots);
		assert_int_equal(wire_take(&wire), 3);
		expect_packet(0, 1, 60);
		expect_packet(1, 2, len);
		expect_packet(2, 3, 61);
		wire_give(&wire);
		assert_int_equal(muser_room(&wire.peer), SLOTS);
	}
}

/* It cannot be shown, but it was sent: it stands in the books, and the others go on. */
static void
a_frame_in_too_many_pieces_is_dropped(void **state)
{
	struct vport_totals books;
	unsigned slots = wire_lay(&wire, 0, 1, 60, ROOM);

	slots += wire_lay(&wire, slots, 2, BURST_SEGS + 1, 1);
	slots += wire_lay(&wire, slots, 3, 61, ROOM);
	wire_publish(&wire, slots);
	assert_int_equal(wire_take(&wire), 2);
	expect_packet(0, 1, 60);
	expect_packet(1, 3, 61);
	wire_give(&wire);
	wire_publish(&wire, wire_lay(&wire, 0, 4, BURST_SEGS + 2, 1)); /* nothing else in the burst */
	assert_int_equal(wire_take(&wire), 0);
	assert_int_equal(muser_room(&wire.peer), SLOTS);
	vport_sum(&wire.vport, &books);
	assert_int_equal(books.rx_packets, 2);
	assert_int_equal(books.rx_bytes, 2 * BURST_SEGS + 3);
	assert_int_equal(books.drops[DROP_TOO_BIG], 2);
}

static void
a_full_ring_comes_in_bursts(void **state)
{
	for (unsigned i = 0; i < SLOTS; i++)
		wire_lay(&wire, i, i, 60, ROOM);
	wire_publish(&wire, SLOTS);
	for (unsigned done = 0; done < SLOTS; done += PKT_BURST) {
		assert_int_equal(wire_take(&wire), PKT_BURST);
		for (unsigned i = 0; i < PKT_BURST; i++)
			expect_packet(i, done + i, 60);
		wire_give(&wire);
	}
	assert_int_equal(wire_take(&wire), 0);
}

/* ---- interrupts ---- */

static bool
was_told(int fd)
{
	eventfd_t n;

	return eventfd_read(fd, &n) == 0;
}

static void
we_want_interrupts_only_when_we_sleep(void **state)
{
	struct source *s = wire_source(&wire);

	wire_publish(&wire, wire_lay(&wire, 0, 1, 60, ROOM));
	assert_int_equal(wire_take(&wire), 1);
	wire_give(&wire);
	assert_int_equal(wire.peer.tx.ring->flags, MUSER_NO_INTERRUPT);
	s->ops->arm(s);
	s->ops->arm(s);
	assert_int_equal(wire.peer.tx.ring->flags, 0);
	assert_false(s->ops->pending(s));
	memset(muser_buffer(&wire.peer, &wire.peer.tx, 0), 0, 60);
	muser_send(&wire.peer, 1, 60);
	assert_true(was_told(wire.peer.tx.event_fd));
	assert_true(s->ops->pending(s));
	assert_int_equal(wire_take(&wire), 1);
	wire_give(&wire);
	assert_int_equal(wire.peer.tx.ring->flags, MUSER_NO_INTERRUPT);
}

/* ---- peers that break the rules ---- */

static void
jump(void)
{
	wire.peer.tx.ring->head = (uint16_t)(wire.peer.tx.next + SLOTS + 1);
}
static void
step_back(void)
{
	wire.peer.tx.ring->head = (uint16_t)(wire.peer.tx.next - 1);
}
static void
no_bytes(void)
{
	wire.peer.tx.ring->desc[0].length = 0;
	wire_publish(&wire, 1);
}
static void
endless_len(void)
{
	wire.peer.tx.ring->desc[0].length = UINT32_MAX;
	wire_publish(&wire, 1);
}
static void
behind_the_end(void)
{
	wire.peer.tx.ring->desc[0].offset = (uint32_t)wire.peer.len;
	wire_publish(&wire, 1);
}
static void
over_the_end(void)
{
	wire.peer.tx.ring->desc[0].offset = (uint32_t)wire.peer.len - 59;
	wire_publish(&wire, 1);
}
static void
far_away(void)
{
	wire.peer.tx.ring->desc[0].offset = UINT32_MAX;
	wire_publish(&wire, 1);
}
static void
other_region(void)
{
	wire.peer.tx.ring->desc[0].region = 1;
	wire_publish(&wire, 1);
}
static void
last_region(void)
{
	wire.peer.tx.ring->desc[0].region = UINT16_MAX;
	wire_publish(&wire, 1);
}
static void
no_end(void)
{
	wire.peer.tx.ring->desc[0].flags = MUSER_DESC_NEXT;
	wire_publish(&wire, 1);
}

static void
no_end_at_all(void)
{
	for (unsigned i = 0; i < SLOTS; i++)
		wire.peer.tx.ring->desc[i].flags = MUSER_DESC_NEXT;
	wire_publish(&wire, SLOTS);
}

static void
bad_in_the_middle(void)
{
	wire.peer.tx.ring->desc[0].flags = MUSER_DESC_NEXT;
	wire.peer.tx.ring->desc[1].offset = UINT32_MAX;
	wire_publish(&wire, 3);
}

static void
a_broken_ring_from_the_peer_is_its_end(void **state)
{
	static const struct {
		void (*bend)(void);
		enum memif_fault fault;
	} rows[] = {
		{ jump, MEMIF_FAULT_INDEX_JUMPED },          { step_back, MEMIF_FAULT_INDEX_JUMPED },
		{ no_bytes, MEMIF_FAULT_BAD_ADDRESS },       { endless_len, MEMIF_FAULT_BAD_ADDRESS },
		{ behind_the_end, MEMIF_FAULT_BAD_ADDRESS }, { over_the_end, MEMIF_FAULT_BAD_ADDRESS },
		{ far_away, MEMIF_FAULT_BAD_ADDRESS },       { other_region, MEMIF_FAULT_BAD_ADDRESS },
		{ last_region, MEMIF_FAULT_BAD_ADDRESS },    { no_end, MEMIF_FAULT_ENDLESS },
		{ no_end_at_all, MEMIF_FAULT_ENDLESS },      { bad_in_the_middle, MEMIF_FAULT_BAD_ADDRESS },
	};

	for (unsigned i = 0; i < LEN(rows); i++) {
		const struct memif_rings *r = (const struct memif_rings *)wire_source(&wire);

		for (unsigned k = 0; k < SLOTS; k++)
			wire_lay(&wire, k, k, 60, ROOM);
		rows[i].bend();
		assert_int_equal(wire_take(&wire), 0);
		if (memif_rings_fault(r) != rows[i].fault)
			fail_msg("row %u: %s", i, memif_fault_text(memif_rings_fault(r)));
		wire_expect_the_end(&wire, i);
	}
}

/* What stands before a bad slot is good. */
static void
frames_before_a_broken_one_arrive(void **state)
{
	wire_lay(&wire, 0, 1, 60, ROOM);
	wire_lay(&wire, 1, 2, 61, ROOM);
	wire_lay(&wire, 2, 3, 62, ROOM);
	wire.peer.tx.ring->desc[2].region = 7;
	wire_publish(&wire, 3);
	assert_int_equal(wire_take(&wire), 2);
	expect_packet(0, 1, 60);
	expect_packet(1, 2, 61);
	wire_give(&wire);
	wire_expect_the_end(&wire, 0);
}

/* With the same memory: its rings go on where they were. */
static void
a_peer_that_comes_back_goes_on(void **state)
{
	uint8_t sent[60], got[60];

	for (unsigned round = 0; round < 10; round++) {
		wire_frame(sent, round, 60);
		for (unsigned i = 0; i < 7; i++) {
			wire_publish(&wire, wire_lay(&wire, 0, i, 60, ROOM));
			assert_int_equal(wire_take(&wire), 1);
			expect_packet(0, i, 60);
			wire_give(&wire);
			assert_int_equal(wire_put_bytes(&wire, sent, 60, PKT_TAG_NONE), SINK_TAKEN);
			assert_int_equal(wire_receive(&wire, got), 60);
			assert_memory_equal(got, sent, 60);
		}
		muser_hang_up(&wire.peer);
		wire_poll();
		assert_false(wire_has_link(&wire));
		assert_int_equal(muser_connect(&wire.peer, wire.path), 0);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_wire, close_wire)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(frames_come_as_they_were_sent),         TEST(frames_come_in_pieces),
		TEST(a_frame_in_too_many_pieces_is_dropped), TEST(a_full_ring_comes_in_bursts),
		TEST(we_want_interrupts_only_when_we_sleep), TEST(a_broken_ring_from_the_peer_is_its_end),
		TEST(frames_before_a_broken_one_arrive),     TEST(a_peer_that_comes_back_goes_on),
	};

	return cmocka_run_group_tests(tests, wire_start, wire_stop);
}
