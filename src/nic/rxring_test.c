/* rxring_test.c - a receive ring: no further than its limit, positions that tell when frames are done, counted losses. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include <unistd.h>

#include "nic/rxring.h"
#include "nic/test_eal.h"
#include "pkt/testframe.h"

#define MANY 2048

static struct rte_mempool *pool;
static struct vport vport;
static struct queue *queue;
static struct ingress ingress;

static int
open_all(void **state)
{
	if (test_eal_start(state) < 0)
		return -1;
	test_processors_open(2, 0);
	pool = test_pool_open(4095);
	queue = queue_new(&vport, 0);
	return queue != NULL ? queue_move(queue, 1) : -1;
}

static int
close_all(void **state)
{
	queue_free(queue);
	test_processors_close();
	assert_int_equal(rte_mempool_in_use_count(pool), 0); /* every buffer came home */
	rte_mempool_free(pool);
	return 0;
}

static struct rxring *
open_ring(void)
{
	struct rxring *r = rxring_new("ring", queue, &vport, &ingress);

	assert_non_null(r);
	return r;
}

/* Puts n frames in whose first word is their number, from `from` on; returns how many found room. */
static unsigned
put(struct rxring *r, uint32_t from, unsigned n)
{
	struct rte_mbuf *mbufs[MANY];
	unsigned done;

	for (unsigned i = 0; i < n; i++) {
		uint32_t number[15] = { from + i };

		mbufs[i] = test_mbuf(pool, number, sizeof(number));
		assert_non_null(mbufs[i]);
	}
	done = rxring_put(r, mbufs, n);
	for (unsigned i = done; i < n; i++)
		rte_pktmbuf_free(mbufs[i]);
	return done;
}

static unsigned
take(struct rxring *r)
{
	return r->source.ops->take(&r->source, &processors[1]->lane);
}

static void
give(struct rxring *r)
{
	r->source.ops->give(&r->source, &processors[1]->lane);
}

static bool
pending(struct rxring *r)
{
	return r->source.ops->pending(&r->source);
}

static void
nothing_behind_the_limit_is_taken_or_pending(void **state)
{
	struct rxring *r = open_ring();
	struct hotset *hot = &processors[1]->hot;

	assert_false(pending(r));
	assert_int_equal(take(r), 0);
	assert_int_equal(put(r, 0, 5), 5);
	rxring_fence(r, true);
	assert_false(rxring_passed_fence(r));
	assert_int_equal(put(r, 5, 40), 40);
	assert_true(pending(r));
	assert_int_equal(take(r), 5); /* not a whole burst */
	assert_int_equal(r->source.waiting, 45);
	assert_false(rxring_passed_fence(r));
	give(r);
	assert_true(rxring_passed_fence(r));
	assert_false(pending(r)); /* or its worker would never sleep */
	assert_int_equal(take(r), 0);
	hotset_clear(hot, queue->id);
	rxring_lift(r);
	assert_true(hotset_has(hot, queue->id)); /* what came in meanwhile is looked at */
	assert_true(pending(r));
	assert_int_equal(take(r), PKT_BURST);
	give(r);
	rxring_fence(r, false); /* a position only */
	assert_int_equal(put(r, 45, 1), 1);
	assert_false(rxring_passed_fence(r));
	assert_int_equal(take(r), 9);
	give(r);
	assert_true(rxring_passed_fence(r));
	rxring_free(r, NULL);
}

static void
frames_come_out_in_order_a_burst_at_a_time(void **state)
{
	struct rxring *r = open_ring();
	struct burst *b = &processors[1]->lane.burst;
	uint32_t next = 0, number;

	assert_int_equal(put(r, 0, 70), 70);
	for (unsigned want = 70; want > 0; want -= b->n) {
		assert_int_equal(take(r), want < PKT_BURST ? want : PKT_BURST);
		assert_int_equal(r->source.waiting, want);
		for (unsigned i = 0; i < b->n; i++) {
			memcpy(&number, b->pkt[i].hdr, sizeof(number));
			assert_int_equal(number, next++);
		}
		give(r);
	}
	assert_int_equal(take(r), 0);
	assert_ptr_equal(r->source.ingress, &ingress);
	assert_int_equal(r->source.fd, -1);
	rxring_free(r, NULL);
}

/* "Passed" means delivered or dropped, not taken: a frame in a worker's hands may still be overtaken. */
static void
a_position_has_passed_when_its_frames_were_given_back(void **state)
{
	struct rxring *r = open_ring();
	uint64_t first, second;

	assert_int_equal(rxring_position(r), 0);
	assert_true(rxring_passed(r, 0));
	put(r, 0, 40);
	first = rxring_position(r);
	put(r, 40, 10);
	second = rxring_position(r);
	assert_int_equal(first, 40);
	assert_int_equal(second, 50);
	assert_false(rxring_passed(r, 1));
	take(r);
	assert_false(rxring_passed(r, 1));
	give(r);
	assert_true(rxring_passed(r, 32));
	assert_false(rxring_passed(r, first));
	take(r);
	give(r);
	assert_true(rxring_passed(r, first));
	assert_true(rxring_passed(r, second));
	assert_false(rxring_passed(r, second + 1));
	rxring_free(r, NULL);
}

/* A ring of 1024 descriptors holds 1023: one stays free to tell full from empty (rte_ring without RING_F_EXACT_SZ). */
static void
a_full_ring_takes_what_has_room_and_no_more(void **state)
{
	struct rxring *r = open_ring();

	assert_int_equal(put(r, 0, 1000), 1000);
	assert_int_equal(put(r, 1000, 100), RXRING_SIZE - 1 - 1000);
	assert_int_equal(put(r, 2000, 1), 0);
	assert_int_equal(rxring_position(r), RXRING_SIZE - 1); /* those without room are not in the books */
	take(r);
	give(r);
	assert_int_equal(put(r, 3000, 100), PKT_BURST);
	assert_int_equal(rxring_position(r), RXRING_SIZE - 1 + PKT_BURST);
	rxring_free(r, NULL);
}

static void
a_ring_that_goes_tells_what_was_lost(void **state)
{
	unsigned before = rte_mempool_in_use_count(pool), lost = 77;
	struct rxring *r = open_ring();

	rxring_free(r, &lost);
	assert_int_equal(lost, 0);
	r = open_ring();
	put(r, 0, 100);
	take(r);
	give(r);
	rxring_free(r, &lost);
	assert_int_equal(lost, 100 - PKT_BURST);
	assert_int_equal(rte_mempool_in_use_count(pool), before);
	lost = 77;
	rxring_free(NULL, &lost);
	assert_int_equal(lost, 0);
}

static void
only_a_cold_queue_of_a_sleeper_costs_an_interrupt(void **state)
{
	struct rxring *r = open_ring();
	struct hotset *hot = &processors[1]->hot;
	uint64_t count;

	while (read(processors[1]->wake_fd, &count, sizeof(count)) > 0)
		; /* what placing the queue left */
	hotset_clear(hot, queue->id);
	put(r, 0, 1);
	assert_true(hotset_has(hot, queue->id));
	assert_int_equal(count_get(&r->interrupts), 0);
	assert_int_equal(read(processors[1]->wake_fd, &count, sizeof(count)), -1);
	hotset_clear(hot, queue->id);
	atomic_store(&processors[1]->armed, true);
	put(r, 1, 1);
	put(r, 2, 1);
	assert_int_equal(count_get(&r->interrupts), 1);
	assert_int_equal(read(processors[1]->wake_fd, &count, sizeof(count)), sizeof(count));
	hotset_clear(hot, queue->id);
	atomic_store(&processors[1]->armed, true);
	assert_int_equal(rxring_put(r, NULL, 0), 0); /* nothing: nobody is woken */
	assert_false(hotset_has(hot, queue->id));
	assert_int_equal(count_get(&r->interrupts), 1);
	assert_int_equal(queue_move(queue, PROCESSOR_NONE), 0);
	put(r, 3, 1); /* stands nowhere: nobody to wake, and no crash */
	assert_int_equal(count_get(&r->interrupts), 1);
	atomic_store(&processors[1]->armed, false);
	assert_int_equal(queue_move(queue, 1), 0);
	rxring_free(r, NULL);
}

/* ---- what a packet says of its mbuf ---- */

static void
a_frame_from_a_wire_is_unchecked_unless_the_nic_checked_it(void **state)
{
	static const struct {
		uint64_t flags;
		bool good;
	} rows[] = {
		{ 0, false },
		{ RTE_MBUF_F_RX_L4_CKSUM_GOOD, true },
		{ RTE_MBUF_F_RX_L4_CKSUM_BAD, false },
		{ RTE_MBUF_F_RX_L4_CKSUM_NONE, false },
		{ RTE_MBUF_F_RX_IP_CKSUM_GOOD, false }, /* says nothing of L4 */
	};
	static uint8_t frame[TESTFRAME_MAX];
	struct testframe f = { .version = 4, .proto = 17, .payload = 100 };
	struct testplace at = testframe_make(&f, frame);
	struct rxring *r = open_ring();
	struct burst *b = &processors[1]->lane.burst;

	for (unsigned i = 0; i < RTE_DIM(rows); i++) {
		struct rte_mbuf *m = test_mbuf(pool, frame, at.len);
		enum drop_reason why;

		m->ol_flags = rows[i].flags;
		assert_int_equal(rxring_put(r, &m, 1), 1);
		assert_int_equal(take(r), 1);
		assert_int_equal(pkt_parse(&b->pkt[0], &why), 0);
		assert_int_equal(b->pkt[0].csum, rows[i].good ? PKT_CSUM_GOOD : PKT_CSUM_UNKNOWN);
		assert_int_equal(b->pkt[0].gso, PKT_GSO_NONE);
		give(r);
	}
	rxring_free(r, NULL);
}

/* A burst before this one left its claims in the same places. */
static void
nothing_of_an_earlier_packet_is_left(void **state)
{
	struct burst *b = &processors[1]->lane.burst;
	struct rxring *r = open_ring();

	for (unsigned i = 0; i < PKT_BURST; i++)
		memset(&b->pkt[i], 0xff, sizeof(b->pkt[i]));
	put(r, 0, PKT_BURST);
	assert_int_equal(take(r), PKT_BURST);
	for (unsigned i = 0; i < PKT_BURST; i++) {
		const struct pkt *pkt = &b->pkt[i];

		assert_int_equal(pkt->len, 60);
		assert_int_equal(pkt->hdr_len, 60);
		assert_int_equal(pkt->skip, 60);
		assert_int_equal(pkt->n_segs, 1);
		assert_int_equal(pkt->segs[0].iov_len, 60);
		assert_false(pkt->writable || pkt->claim.csum || pkt->claim.csum_good);
		assert_int_equal(pkt->claim.gso, PKT_GSO_NONE);
		assert_true(pkt->claim.unchecked);
	}
	give(r);
	rxring_free(r, NULL);
}

/* A chain of n buffers of 200 bytes. */
static struct rte_mbuf *
chain_of(unsigned n)
{
	uint8_t bytes[200];
	struct rte_mbuf *head = NULL;

	memset(bytes, 0x42, sizeof(bytes));
	for (unsigned i = 0; i < n; i++) {
		struct rte_mbuf *m = test_mbuf(pool, bytes, sizeof(bytes));

		assert_non_null(m);
		if (head == NULL)
			head = m;
		else
			assert_int_equal(rte_pktmbuf_chain(head, m), 0);
	}
	return head;
}

static void
a_chain_is_shown_as_spans_within_their_bound(void **state)
{
	struct burst *b = &processors[1]->lane.burst;
	struct rxring *r = open_ring();

	for (unsigned parts = 1; parts <= BURST_SEGS + 4; parts++) {
		struct rte_mbuf *m = chain_of(parts), *after = chain_of(1);

		assert_int_equal(rxring_put(r, &m, 1), 1);
		assert_int_equal(rxring_put(r, &after, 1), 1);
		assert_int_equal(take(r), 2);
		assert_int_equal(b->pkt[0].len, 200 * parts);
		assert_int_equal(b->pkt[0].n_segs, parts < BURST_SEGS ? parts : BURST_SEGS);
		assert_int_equal(b->pkt[1].n_segs, 1); /* the next one's spans are its own */
		assert_ptr_equal(b->pkt[1].segs[0].iov_base, rte_pktmbuf_mtod(after, void *));
		give(r);
	}
	rxring_free(r, NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_behind_the_limit_is_taken_or_pending),
		cmocka_unit_test(frames_come_out_in_order_a_burst_at_a_time),
		cmocka_unit_test(a_position_has_passed_when_its_frames_were_given_back),
		cmocka_unit_test(a_full_ring_takes_what_has_room_and_no_more),
		cmocka_unit_test(a_ring_that_goes_tells_what_was_lost),
		cmocka_unit_test(only_a_cold_queue_of_a_sleeper_costs_an_interrupt),
		cmocka_unit_test(a_frame_from_a_wire_is_unchecked_unless_the_nic_checked_it),
		cmocka_unit_test(nothing_of_an_earlier_packet_is_left),
		cmocka_unit_test(a_chain_is_shown_as_spans_within_their_bound),
	};

	return cmocka_run_group_tests(tests, open_all, close_all);
}
