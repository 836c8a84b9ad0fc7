/* vring_spread_test.c - which of several receive rings a frame goes to, and what the dirty log knows of all that is written. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <sanitizer/asan_interface.h>
#include <string.h>

#include "guest/test_rings.h"
#include "nic/spread.h"
#include "pkt/admit.h"
#include "pkt/build.h"
#include "pkt/testframe.h"
#include "pkt/wire.h"

#define RINGS 4
#define PAGE 4096u

static const struct vring_features merged = { .header_len = 12, .mergeable = true, .event_idx = true };
static struct vuser_queue queue[RINGS];
static struct spread spread;
static struct toeplitz *toeplitz;
static uint8_t got[TESTFRAME_MAX];

static int
open_rings(void **state)
{
	struct spread_rule rule;

	toeplitz = toeplitz_new(toeplitz_default_key, false);
	assert_non_null(toeplitz);
	rings_open(&merged);
	spread_rule_init(&rule, toeplitz);
	spread_init(&spread, &rule, NULL, RINGS);
	for (unsigned i = 0; i < RINGS; i++) {
		rings_queue_open(&queue[i], 256, &merged, 0);
		vring_init(&rings.rx[i], NULL, &rings_vport);
		assert_int_equal(rings_run(&rings.rx[i], &queue[i], &merged, 0), 0);
	}
	atomic_store(&rings.spread, &spread);
	rings.n_pairs = RINGS;
	return 0;
}

static int
close_rings(void **state)
{
	for (unsigned i = 0; i < RINGS; i++) {
		vring_stop(&rings.rx[i]);
		vuser_queue_fini(&queue[i]);
	}
	rings_close();
	toeplitz_free(toeplitz);
	return 0;
}

static void
post(struct vuser_queue *q, unsigned n, uint32_t len)
{
	for (unsigned i = 0; i < n; i++) {
		uint64_t token = (uint64_t)(uintptr_t)memset(rings_buffer(len), 0xa5, len);

		assert_int_equal(vuser_put(q, &token, 1, len, VUSER_DESC_WRITE), 1);
	}
	vuser_publish(q);
}

/* Frame `number` of UDP flow `flow`, 100 bytes of payload of which the first say which it is. */
static void
make(struct pkt *pkt, uint8_t *bytes, struct iovec *seg, uint16_t flow, uint32_t number)
{
	struct testframe f = { .version = 4, .proto = 17, .payload = 100 };
	struct testplace at = testframe_make(&f, bytes);
	enum drop_reason why;

	put_be16(bytes + at.l4, (uint16_t)(1000 + flow));
	put_be16(bytes + at.payload, flow);
	put_be32(bytes + at.payload + 2, number);
	testframe_load(pkt, bytes, at.len, seg, 0);
	memset(&pkt->claim, 0, sizeof(pkt->claim));
	assert_int_equal(pkt_admit(pkt, &why), 0);
}

#define FLOWS 40
#define PAYLOAD 42 /* bytes in front of it: Ethernet, IPv4, UDP */

/* Takes what came into ring q: frames of a flow are in order, and always on one ring. Returns how many. */
static unsigned
check_ring(unsigned q, int ring_of[FLOWS], uint32_t next[FLOWS])
{
	uint8_t header[12];
	unsigned buffers, n = 0;

	for (; rings_receive_from(&queue[q], header, got, &buffers) > 0; n++) {
		uint16_t flow = get_be16(got + PAYLOAD);

		assert_in_range(flow, 0, FLOWS - 1);
		if (ring_of[flow] < 0)
			ring_of[flow] = (int)q;
		assert_int_equal(ring_of[flow], q);
		assert_int_equal(get_be32(got + PAYLOAD + 2), next[flow]++);
	}
	return n;
}

static void
a_flow_stays_on_one_ring_and_in_order(void **state)
{
	static uint8_t bytes[PKT_BURST][TESTFRAME_MAX];
	int ring_of[FLOWS], tags[PKT_BURST];
	uint32_t next[FLOWS] = { 0 }, sent[FLOWS] = { 0 };
	unsigned all[RINGS] = { 0 };

	memset(ring_of, -1, sizeof(ring_of));
	for (unsigned round = 0; round < 200; round++) {
		struct iovec seg[PKT_BURST][PKT_SEGS_MAX];
		struct pkt pkt[PKT_BURST], *pkts[PKT_BURST];
		uint8_t verdict[PKT_BURST];
		unsigned n = 1 + round % PKT_BURST;

		for (unsigned i = 0; i < RINGS; i++) {
			post(&queue[i], PKT_BURST, 200);
			vuser_calls_on(&queue[i]);
		}
		for (unsigned i = 0; i < n; i++) {
			uint16_t flow = (uint16_t)((round * 7 + i * i) % FLOWS);

			make(&pkt[i], bytes[i], seg[i], flow, sent[flow]++);
			pkts[i] = &pkt[i];
			tags[i] = PKT_TAG_NONE;
		}
		rings.sink.ops->put(&rings.sink, &rings_lane, pkts, tags, n, verdict);
		for (unsigned i = 0; i < n; i++)
			assert_int_equal(verdict[i], SINK_TAKEN);
		for (unsigned i = 0; i < RINGS; i++) {
			unsigned here = check_ring(i, ring_of, next);

			all[i] += here;
			assert_int_equal(vuser_called(&queue[i]), here > 0 ? 1 : 0);
		}
		/* What is left posted is used up, so that the rings do not fill. */
		for (unsigned i = 0; i < RINGS; i++) {
			vring_stop(&rings.rx[i]);
			vuser_queue_reset(&queue[i], 0);
			assert_int_equal(rings_run(&rings.rx[i], &queue[i], &merged, 0), 0);
		}
		rings_rewind();
	}
	for (unsigned i = 0; i < FLOWS; i++)
		assert_int_equal(next[i], sent[i]);
	for (unsigned i = 0; i < RINGS; i++)
		assert_true(all[i] > 0);
}

/* A full or broken ring costs its own frames, not those of the others. */
static void
each_frame_has_its_own_rings_verdict(void **state)
{
	static uint8_t bytes[PKT_BURST][TESTFRAME_MAX];
	struct iovec seg[PKT_BURST][PKT_SEGS_MAX];
	struct pkt pkt[PKT_BURST], *pkts[PKT_BURST];
	int tags[PKT_BURST];
	uint8_t verdict[PKT_BURST];

	post(&queue[0], PKT_BURST, 200);
	vuser_offer(&queue[1], 65535, 0, 0);
	vuser_publish(&queue[1]);
	vring_stop(&rings.rx[2]);
	for (unsigned i = 0; i < PKT_BURST; i++) {
		make(&pkt[i], bytes[i], seg[i], (uint16_t)i, 0);
		pkts[i] = &pkt[i];
		tags[i] = PKT_TAG_NONE;
	}
	rings.sink.ops->put(&rings.sink, &rings_lane, pkts, tags, PKT_BURST, verdict);
	for (unsigned i = 0; i < PKT_BURST; i++) {
		static const uint8_t want[RINGS] = { SINK_TAKEN, DROP_PORT_DOWN, DROP_PORT_DOWN, DROP_RECEIVER_FULL };

		assert_int_equal(verdict[i], want[spread_queue(&spread, &pkt[i])]);
	}
	assert_int_equal(vring_fault(&rings.rx[1]), VRING_FAULT_BAD_HEAD);
	assert_int_equal(vring_fault(&rings.rx[0]), VRING_FAULT_NONE);
}

/* ---- the dirty log: vhost-user specification, "Migration" ---- */

#define LOG_LEN ((VUSER_GPA + RINGS_MEMORY) / PAGE / 8) /* a bit a page, from 0 on */

static uint8_t bits[LOG_LEN], before[RINGS_MEMORY];

/* Begins to look at what is written. */
static void
log_start(void)
{
	memset(bits, 0, sizeof(bits));
	rings_set_log(bits, sizeof(bits));
	ASAN_UNPOISON_MEMORY_REGION(rings_mem.va, RINGS_MEMORY); /* it is looked at as a whole */
	memcpy(before, rings_mem.va, RINGS_MEMORY);
}

/* Every page that changed is noted, and none outside of guest memory or that was not written. Returns how many. */
static unsigned
log_check(void)
{
	unsigned n = 0;

	for (uint64_t page = 0; page < LOG_LEN * 8; page++) {
		uint64_t at = page * PAGE - VUSER_GPA;
		bool noted = bits[page / 8] >> page % 8 & 1;

		if (page * PAGE < VUSER_GPA) {
			assert_false(noted);
			continue;
		}
		if (noted != (memcmp(rings_mem.va + at, before + at, PAGE) != 0))
			fail_msg("page %llu is %s", (unsigned long long)(at / PAGE),
				 noted ? "noted, not written" : "written, not noted");
		n += noted;
	}
	return n;
}

static uint8_t
put_one(uint32_t payload, int tag, bool partial)
{
	static uint8_t bytes[TESTFRAME_MAX];
	struct testframe f = { .version = 4, .proto = 6, .payload = payload, .partial = partial };
	struct testplace at = testframe_make(&f, bytes);
	struct iovec seg[PKT_SEGS_MAX];
	enum drop_reason why;
	struct pkt pkt;

	testframe_load(&pkt, bytes, at.len, seg, 0);
	memset(&pkt.claim, 0, sizeof(pkt.claim));
	if (partial)
		pkt.claim = testframe_claim(&at, PKT_GSO_TCP4, 1400);
	assert_int_equal(pkt_parse(&pkt, &why), 0);
	return rings_put(&pkt, tag);
}

/* Written buffers, with whatever was written in them: a header alone, the last byte of a frame on a page, the used ring. */
static void
every_page_that_is_written_is_noted_and_no_other(void **state)
{
	static const struct {
		uint32_t buffer, payload;
		int tag;
		bool partial;
	} rows[] = {
		{ 2048, 10, PKT_TAG_NONE, false },
		{ 2048, 1460, PKT_TAG_NONE, false },
		{ 2048, 1460, 10, false },
		{ 100, 9000, PKT_TAG_NONE, false },
		{ 65562, 9000, PKT_TAG_NONE, false },
		{ 1000, 20000, PKT_TAG_NONE, true },
		{ 2048, 20000, PKT_TAG_NONE, true },
		{ 5000, 20000, 10, true },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		for (uint32_t shift = 0; shift < PAGE; shift += 509) {
			close_rings(NULL);
			open_rings(NULL);
			spread.n_entries = 1;
			rings_buffer(shift + 1);
			post(&queue[0], rows[i].buffer > 60000 ? 3 : 200, rows[i].buffer);
			log_start();
			assert_int_equal(put_one(rows[i].payload, rows[i].tag, rows[i].partial), SINK_TAKEN);
			assert_true(log_check() >= 2);
		}
}

static void
a_frame_that_is_taken_back_changes_no_page_unnoted(void **state)
{
	spread.n_entries = 1;
	post(&queue[0], 3, 3000);
	log_start();
	assert_int_equal(put_one(20000, PKT_TAG_NONE, true), DROP_RECEIVER_FULL);
	/* What it wrote before it found that out is in buffers, and noted; used elements are not, the guest does not see them. */
	for (unsigned i = 0; i < 3; i++) {
		uint64_t page = queue[0].desc[i].addr / PAGE;

		assert_true(bits[page / 8] >> page % 8 & 1);
	}
	assert_int_equal(queue[0].used->idx, 0);
}

/* Entry 600 of a used ring lies 4804 bytes behind its index: on another page. */
static void
a_used_ring_is_noted_for_what_is_given_back_and_asked(void **state)
{
	struct source *s = &rings.tx[0].source;

	rings_close();
	rings_open_at(&rings_bare, 600);
	log_start();
	s->ops->arm(s); /* its flags */
	assert_int_equal(log_check(), 1);
	rings_send_plain(5, 60, 0);
	log_start();
	assert_int_equal(rings_take(), 5);
	rings_give();
	assert_int_equal(log_check(), 2);
	rings_close();
	rings_open(&merged);
	rings_tx.used->ring[RINGS_SIZE].id = 7; /* so that asking changes it */
	log_start();
	s->ops->arm(s); /* the event, behind the last entry */
	assert_int_equal(log_check(), 1);
}

/* A log that is shorter than the memory, or a used ring that the front end says lies anywhere. */
static void
a_log_too_short_or_an_address_too_high_writes_nothing_else(void **state)
{
	uint8_t *short_log = memset(rings_buffer(16), 0, 16);

	spread.n_entries = 1;
	post(&queue[0], 3, 3000);
	rings_set_log(short_log, 16);
	rings.rx[0].used_log_gpa = 1ull << 62;
	rings.tx[0].used_log_gpa = 1ull << 62;
	assert_int_equal(put_one(1000, PKT_TAG_NONE, false), SINK_TAKEN);
	rings_send_plain(1, 60, 0);
	assert_int_equal(rings_take(), 1);
	rings_give();
	for (unsigned i = 0; i < 16; i++)
		assert_int_equal(short_log[i], 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_rings, close_rings)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_flow_stays_on_one_ring_and_in_order),
		TEST(each_frame_has_its_own_rings_verdict),
		TEST(every_page_that_is_written_is_noted_and_no_other),
		TEST(a_frame_that_is_taken_back_changes_no_page_unnoted),
		TEST(a_used_ring_is_noted_for_what_is_given_back_and_asked),
		TEST(a_log_too_short_or_an_address_too_high_writes_nothing_else),
	};

	return cmocka_run_group_tests(tests, rings_group_start, rings_group_end);
}
