/* ixring_test.c - the driver's side of both rings against a small device in the same process. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "bench/vfuser/ixring.h"

#define RING 16
#define ROOM 2048

static struct vuser_mem mem;
static struct ix_rx rx;
static struct ix_tx tx;
static uint32_t tail;

static int
make(void **state)
{
	if (vuser_mem_open(&mem, 1 << 20, VUSER_GPA, false) < 0 || ix_rx_init(&rx, &mem, RING, ROOM) < 0 ||
	    ix_tx_init(&tx, &mem, RING) < 0)
		return -1;
	rx.bell.at = tx.bell.at = &tail;
	tail = 0;
	return 0;
}

static int
unmake(void **state)
{
	ix_rx_fini(&rx);
	ix_tx_fini(&tx);
	vuser_mem_close(&mem);
	return 0;
}

static uint64_t
buffer(void)
{
	return (uintptr_t)vuser_mem_carve(&mem, ROOM, 64);
}

static void
put_some(unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		uint64_t token = buffer();

		assert_int_equal(ix_rx_put(&rx, &token, 1), 1);
	}
	ix_rx_flush(&rx);
}

/* As the device does it: the second word in one store, behind the first. */
static void
write_back(unsigned at, uint16_t len, uint32_t status)
{
	union ix_rx_desc d = { .wb = { 0x111, 0, 0xabcdef01, status, len, 5 } };

	rx.desc[at].word[0] = d.word[0];
	__atomic_store_n(&rx.desc[at].word[1], d.word[1], __ATOMIC_RELEASE);
}

/* ---- receive ---- */

static void
buffers_are_told_by_the_tail(void **state)
{
	uint64_t token = buffer();

	assert_int_equal(ix_rx_put(&rx, &token, 1), 1);
	assert_int_equal(tail, 0);
	assert_int_equal(rx.desc[0].read.packet, vuser_gpa(&mem, (void *)(uintptr_t)token));
	ix_rx_flush(&rx);
	assert_int_equal(tail, 1);
	/* The tail never stands at the head again: 15 of 16. */
	for (unsigned i = 1; i < RING - 1; i++)
		assert_int_equal(ix_rx_put(&rx, &token, 1), 1);
	assert_int_equal(ix_rx_put(&rx, &token, 1), 0);
	ix_rx_flush(&rx);
	assert_int_equal(tail, RING - 1);
}

static void
buffers_come_back_in_order_and_are_posted_again(void **state)
{
	struct ix_rx_done done[8];
	uint64_t first;

	put_some(RING - 1);
	first = rx.token[0];
	for (unsigned i = 0; i < 1000; i++) {
		unsigned at = i % RING;
		uint64_t token;

		assert_int_equal(ix_rx_take(&rx, done, 8), 0);
		write_back(at, (uint16_t)(60 + i), IX_RX_DD | IX_RX_EOP | IX_RX_VP);
		assert_int_equal(ix_rx_take(&rx, done, 8), 1);
		assert_int_equal(done[0].len, 60 + i);
		assert_int_equal(done[0].hash, 0xabcdef01);
		assert_int_equal(done[0].info, 0x111);
		assert_int_equal(done[0].vlan, 5);
		token = done[0].token;
		assert_int_equal(token == first, i % (RING - 1) == 0);
		assert_int_equal(ix_rx_put(&rx, &token, 1), 1);
		assert_int_equal(rx.desc[(at + RING - 1) % RING].wb.len, 0);
		ix_rx_flush(&rx);
		assert_int_equal(tail, (i + RING) % RING);
	}
}

/* What was written back long ago is not taken for what comes next. */
static void
a_ring_that_is_used_up_has_nothing(void **state)
{
	struct ix_rx_done done[RING];

	put_some(4);
	for (unsigned i = 0; i < RING; i++)
		write_back(i, 60, IX_RX_DD | IX_RX_EOP);
	assert_int_equal(ix_rx_take(&rx, done, RING), 4);
	assert_int_equal(ix_rx_take(&rx, done, RING), 0);
}

static void
a_frame_is_taken_when_its_last_buffer_is_there(void **state)
{
	struct ix_rx_done done[4];

	put_some(8);
	write_back(0, ROOM, IX_RX_DD);
	assert_int_equal(ix_rx_take_frame(&rx, done, 4), 0);
	write_back(1, ROOM, IX_RX_DD);
	write_back(2, 100, IX_RX_DD | IX_RX_EOP);
	assert_int_equal(ix_rx_take_frame(&rx, done, 2), -ENOBUFS);
	assert_int_equal(ix_rx_take_frame(&rx, done, 4), 3);
	assert_int_equal(done[0].len + done[1].len + done[2].len, 2 * ROOM + 100);
	assert_int_equal(ix_rx_held(&rx), 5);
}

static void
a_device_that_breaks_the_rules_is_seen(void **state)
{
	struct ix_rx_done done[4];

	put_some(8);
	write_back(0, ROOM + 1, IX_RX_DD | IX_RX_EOP);
	assert_int_equal(ix_rx_take(&rx, done, 4), -EPROTO);
	write_back(0, ROOM, IX_RX_EOP);
	assert_int_equal(ix_rx_take(&rx, done, 4), -EPROTO);
	assert_int_equal(ix_rx_take_frame(&rx, done, 4), -EPROTO);
	write_back(0, ROOM, IX_RX_EOP | IX_RX_DD);
	assert_int_equal(ix_rx_take(&rx, done, 4), 1);
}

/* ---- transmit ---- */

static void
a_plain_packet_is_a_context_and_its_data(void **state)
{
	uint64_t token = buffer();

	assert_int_equal(ix_tx_put(&tx, &token, 1, 60), 1);
	assert_int_equal(tail, 0);
	ix_tx_flush(&tx);
	assert_int_equal(tail, 2);
	/* Datasheet 7.2.3.2.3: DTYP 2 and DEXT; MACLEN 14. */
	assert_int_equal(tx.desc[0].context.vlan_macip, 14 << 9);
	assert_int_equal(tx.desc[0].context.tucmd, 0x20200000);
	assert_int_equal(tx.desc[0].context.mss_l4, 0);
	/* 7.2.3.2.4: DTYP 3, EOP, IFCS, RS, DEXT; PAYLEN 60, CC. */
	assert_int_equal(tx.desc[1].data.addr, vuser_gpa(&mem, (void *)(uintptr_t)token));
	assert_int_equal(tx.desc[1].data.cmd_len, 0x2b300000 | 60);
	assert_int_equal(tx.desc[1].data.olinfo, 60 << 14 | 0x80);
}

static void
offloads_stand_where_the_datasheet_has_them(void **state)
{
	static const struct {
		const char *name;
		struct ix_offload o;
		uint32_t vlan_macip, tucmd, mss_l4, cmd, olinfo; /* of a packet of 1000 and 2000 bytes */
	} rows[] = {
		{ "tag",
		  { .insert_vlan = true, .vlan = 0x6005 },
		  0x6005u << 16 | 14 << 9,
		  0x20200000,
		  0,
		  0x40000000,
		  3000 << 14 | 0x80 },
		{ "TCP checksum over IPv4",
		  { .checksum = true, .ipv4 = true, .l4 = IX_TX_TCP, .ip_len = 20, .l4_len = 20 },
		  14 << 9 | 20,
		  0x20200000 | 0x400 | 0x800,
		  20 << 8,
		  0,
		  3000 << 14 | 0x80 | 0x200 },
		{ "TSO over IPv4",
		  { .mss = 1448, .ipv4 = true, .l4 = IX_TX_TCP, .ip_len = 20, .l4_len = 32 },
		  14 << 9 | 20,
		  0x20200000 | 0x400 | 0x800,
		  1448u << 16 | 32 << 8 | 1 << 4,
		  0x80000000,
		  (3000 - 66) << 14 | 0x80 | 0x300 | 1 << 4 },
		{ "TSO over IPv6",
		  { .mss = 1428, .l4 = IX_TX_TCP, .ip_len = 40, .l4_len = 20, .mac_len = 18 },
		  18 << 9 | 40,
		  0x20200000 | 0x800,
		  1428u << 16 | 20 << 8 | 1 << 4,
		  0x80000000,
		  (3000 - 78) << 14 | 0x80 | 0x200 | 1 << 4 },
	};

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct ix_part parts[] = { { VUSER_GPA, 1000 }, { VUSER_GPA + 4096, 2000 } };

		ix_tx_reset(&tx);
		assert_int_equal(ix_tx_add(&tx, parts, 2, &rows[i].o, 7), 0);
		if (tx.desc[0].context.vlan_macip != rows[i].vlan_macip || tx.desc[0].context.tucmd != rows[i].tucmd ||
		    tx.desc[0].context.mss_l4 != rows[i].mss_l4 ||
		    tx.desc[1].data.cmd_len != (0x22300000 | rows[i].cmd | 1000) ||
		    tx.desc[1].data.olinfo != rows[i].olinfo ||
		    tx.desc[2].data.cmd_len != (0x2b300000 | rows[i].cmd | 2000) || tx.desc[2].data.olinfo != 0)
			fail_msg("%s", rows[i].name);
	}
}

static void
packets_are_cleaned_by_their_last_descriptor(void **state)
{
	struct ix_part parts[] = { { VUSER_GPA, 1000 }, { VUSER_GPA + 4096, 2000 } };
	uint64_t token[4];

	for (uint64_t i = 0; i < 1000; i++) {
		unsigned at = (unsigned)(i * 6) % RING;

		assert_int_equal(ix_tx_add(&tx, parts, 2, NULL, 2 * i), 0);
		assert_int_equal(ix_tx_add(&tx, parts, 2, NULL, 2 * i + 1), 0);
		ix_tx_flush(&tx);
		assert_int_equal(tail, (i + 1) * 6 % RING);
		assert_int_equal(ix_tx_clean(&tx, token, 4), 0);
		tx.desc[(at + 2) % RING].data.olinfo = IX_TX_DD;
		assert_int_equal(ix_tx_clean(&tx, token, 4), 1);
		assert_int_equal(token[0], 2 * i);
		assert_int_equal(ix_tx_room(&tx), RING - 1 - 3);
		tx.desc[(at + 5) % RING].data.olinfo = IX_TX_DD;
		assert_int_equal(ix_tx_clean(&tx, token, 4), 1);
		assert_int_equal(token[0], 2 * i + 1);
	}
}

static void
there_is_an_end_to_a_ring(void **state)
{
	struct ix_part parts[IX_PARTS_MAX + 1] = { { VUSER_GPA, 16384 } };
	uint64_t tokens[RING] = { 0 };

	for (unsigned i = 0; i < RING; i++)
		tokens[i] = buffer();
	assert_int_equal(ix_tx_put(&tx, tokens, RING, 60), 7); /* 14 of 15 descriptors */
	assert_int_equal(ix_tx_add(&tx, parts, 1, NULL, 0), -ENOSPC);
	assert_int_equal(ix_tx_add(&tx, parts, 0, NULL, 0), -EINVAL);
	assert_int_equal(ix_tx_add(&tx, parts, IX_PARTS_MAX + 1, NULL, 0), -EINVAL);
	parts[0].len = 16385;
	assert_int_equal(ix_tx_add(&tx, parts, 1, NULL, 0), -EINVAL);
}

static void
note_tail(void *arg, uint32_t offset, uint32_t value)
{
	*(uint64_t *)arg = (uint64_t)offset << 32 | value;
}

static void
a_ring_without_a_page_tells_by_message(void **state)
{
	uint64_t said = 0, token = buffer();

	rx.bell = (struct ix_bell){ NULL, note_tail, &said, IX_RX(1) + IX_DT };
	ix_rx_put(&rx, &token, 1);
	ix_rx_flush(&rx);
	assert_int_equal(said, 0x1058ull << 32 | 1);
	said = 0;
	ix_rx_flush(&rx); /* nothing new */
	assert_int_equal(said, 0);
}

static void
sizes_that_cannot_be_are_refused(void **state)
{
	struct ix_rx r;
	struct ix_tx t;

	assert_int_equal(ix_rx_init(&r, &mem, 0, ROOM), -EINVAL);
	assert_int_equal(ix_rx_init(&r, &mem, 24, ROOM), -EINVAL);
	assert_int_equal(ix_rx_init(&r, &mem, 8192, ROOM), -EINVAL);
	assert_int_equal(ix_rx_init(&r, &mem, 64, 1500), -EINVAL);
	assert_int_equal(ix_tx_init(&t, &mem, 4), -EINVAL);
	mem.used = mem.len - 100;
	assert_int_equal(ix_rx_init(&r, &mem, 64, ROOM), -ENOMEM);
	assert_int_equal(ix_tx_init(&t, &mem, 64), -ENOMEM);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make, unmake)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(buffers_are_told_by_the_tail),
		TEST(buffers_come_back_in_order_and_are_posted_again),
		TEST(a_ring_that_is_used_up_has_nothing),
		TEST(a_frame_is_taken_when_its_last_buffer_is_there),
		TEST(a_device_that_breaks_the_rules_is_seen),
		TEST(a_plain_packet_is_a_context_and_its_data),
		TEST(offloads_stand_where_the_datasheet_has_them),
		TEST(packets_are_cleaned_by_their_last_descriptor),
		TEST(there_is_an_end_to_a_ring),
		TEST(a_ring_without_a_page_tells_by_message),
		TEST(sizes_that_cannot_be_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
