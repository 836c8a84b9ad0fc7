/*
 * vf_rings_test.c - rings that start, stop, start anew and break: what a driver does wrong costs it that ring, until it has the ring
 * disabled and enabled again or resets the device.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>

#include "base/qsbr.h"
#include "pkt/build.h"
#include "pkt/wire.h"
#include "sriov/test_vf_rings.h"

#define LEN(a) (sizeof(a) / sizeof((a)[0]))
#define TEST(f) cmocka_unit_test_setup_teardown(f, vft_open, vft_close)
#define ENABLE 0x02000000u
#define VME 0x40000000u

static uint8_t frame[4096];
static struct iovec seg;

static void
load(struct pkt *pkt, uint32_t len)
{
	enum drop_reason why;

	memset(frame, 2, sizeof(frame));
	put_be16(frame + 12, 0x88b5);
	pkt_view(pkt, frame, len);
	seg = (struct iovec){ frame, len };
	pkt->segs = &seg;
	pkt->n_segs = 1;
	pkt->writable = false;
	memset(&pkt->claim, 0, sizeof(pkt->claim));
	assert_int_equal(pkt_parse(pkt, &why), 0);
}

static void
send_one(struct vft_ring *ring)
{
	memset(frame, 2, sizeof(frame));
	vft_send(ring, 0, vft_context_high(0, 0, 0, 0), 0, frame, 60, 0);
}

/* It has been broken: others of the VF go on, and a disable and enable brings it back. */
static void
check_broken(struct vft_ring *ring, enum vf_fault fault)
{
	struct vft_ring *other = &vft_tx[1];
	struct source *s = &vft->tx[0].source;
	struct pkt pkt;

	vf_rings_sample(vft); /* does not help it */
	assert_string_equal(vf_rings_fault(vft), vf_fault_text(fault));
	assert_false(s->ops->pending(s));
	vft_start(other, 1, true, 64, 0, ENABLE);
	send_one(other);
	assert_int_equal(vft_take(1), 1);
	vft_give(1);
	assert_int_equal(vft_sent(other), 1);
	vft_stop(other);

	vft_stop(ring);
	assert_null(vf_rings_fault(vft));
	vft_start(ring, 0, ring->transmit, VFT_SIZE, 0x12000402, ENABLE | VME);
	if (ring->transmit) {
		send_one(ring);
		assert_int_equal(vft_take(0), 1);
		vft_give(0);
		assert_int_equal(vft_sent(ring), 1);
	} else {
		vft_post(ring, 1, 2048);
		load(&pkt, 60);
		assert_int_equal(vft_put(&pkt, PKT_TAG_NONE), SINK_TAKEN);
	}
	assert_null(vf_rings_fault(vft));
}

static void
transmit_descriptors_that_are_nonsense_break_their_ring(void **state)
{
	const uint64_t good = vft_gpa(vft_buffer(4096)), end = VUSER_GPA + VFT_MEMORY;
	const uint64_t data = VFT_DATA | VFT_EOP | VFT_RS;
	const struct {
		struct vf_desc desc[2];
		unsigned n;
		enum vf_fault fault;
	} rows[] = {
		{ { { good, 60 | VFT_EOP | VFT_RS } }, 1, VF_FAULT_LEGACY },
		{ { { 0, 0 } }, 1, VF_FAULT_LEGACY },
		{ { { good, 60 | 0x20100000 | VFT_EOP } }, 1, VF_FAULT_TYPE },
		{ { { good, VFT_DATA | 60 }, { 0, VFT_CONTEXT } }, 2, VF_FAULT_TYPE },
		{ { { good, VFT_DATA | 60 } }, 1, VF_FAULT_NO_END },
		{ { { good, VFT_DATA | 60 }, { good, VFT_DATA | 60 } }, 2, VF_FAULT_NO_END },
		{ { { good, data } }, 1, VF_FAULT_EMPTY },
		{ { { good, VFT_DATA | 60 }, { good, data } }, 2, VF_FAULT_EMPTY },
		{ { { VUSER_GPA - 1, data | 60 } }, 1, VF_FAULT_BUFFER_ADDRESS },
		{ { { 0, data | 60 } }, 1, VF_FAULT_BUFFER_ADDRESS },
		{ { { end - 59, data | 60 } }, 1, VF_FAULT_BUFFER_ADDRESS },
		{ { { end, data | 60 } }, 1, VF_FAULT_BUFFER_ADDRESS },
		{ { { UINT64_MAX - 10, data | 60 } }, 1, VF_FAULT_BUFFER_ADDRESS },
		{ { { good, VFT_DATA | 65535 }, { good, data | 65535 } }, 2, VF_FAULT_TOO_LONG },
		{ { { 0, VFT_CONTEXT | VFT_L4T_TCP }, { good, data | 60 | VFT_TSE } }, 2, VF_FAULT_MSS },
		{ { { good, data | 60 | VFT_TSE } }, 1, VF_FAULT_MSS },
	};

	for (unsigned i = 0; i < LEN(rows); i++) {
		send_one(&vft_tx[0]);
		for (unsigned k = 0; k < rows[i].n; k++)
			vft_add(&vft_tx[0], rows[i].desc[k].low, rows[i].desc[k].high);
		vft_bell(&vft_tx[0]);
		/* What came before it is sent. */
		assert_int_equal(vft_take(0), 1);
		vft_give(0);
		assert_int_equal(vft_sent(&vft_tx[0]), 1);
		assert_int_equal(vft_take(0), 0);
		check_broken(&vft_tx[0], rows[i].fault);
	}
}

static void
a_buffer_that_ends_where_memory_does_is_good(void **state)
{
	uint64_t end = VUSER_GPA + VFT_MEMORY;

	memset(vft_mem.va + VFT_MEMORY - 60, 2, 60);
	vft_add(&vft_tx[0], end - 60, VFT_DATA | 60 | VFT_EOP | VFT_RS);
	vft_bell(&vft_tx[0]);
	assert_int_equal(vft_take(0), 1);
	vft_give(0);
	assert_null(vf_rings_fault(vft));
}

/* Sizes are judged when the ring is enabled, tails when they are seen. */
static void
registers_that_are_nonsense_break_their_ring(void **state)
{
	static const struct {
		uint32_t bytes, tail;
		enum vf_fault fault;
	} rows[] = {
		{ 0, 0, VF_FAULT_RING_SIZE },
		{ 64, 0, VF_FAULT_RING_SIZE },
		{ 129, 1, VF_FAULT_RING_SIZE },
		{ 4096 * 16 + 128, 1, VF_FAULT_RING_SIZE },
		{ UINT32_MAX & ~127u, 1, VF_FAULT_RING_SIZE },
		{ 128, 8, VF_FAULT_TAIL },
		{ 128, UINT32_MAX, VF_FAULT_TAIL },
	};

	for (unsigned i = 0; i < LEN(rows) * 2; i++) {
		struct vft_ring *ring = i % 2 ? &vft_tx[0] : &vft_rx[0];
		struct pkt pkt;

		vft_stop(ring);
		vft_write(ring->transmit, 0, 0x08, rows[i / 2].bytes);
		vft_write(ring->transmit, 0, 0x18, rows[i / 2].tail);
		vft_write(ring->transmit, 0, 0x28, ENABLE);
		vf_rings_sample(vft);
		load(&pkt, 60);
		if (ring->transmit)
			assert_int_equal(vft_take(0), 0);
		else
			assert_int_equal(vft_put(&pkt, PKT_TAG_NONE), DROP_PORT_DOWN);
		check_broken(ring, rows[i / 2].fault);
	}
}

static void
receive_rings_of_another_kind_break(void **state)
{
	static const struct {
		uint32_t srrctl;
		enum vf_fault fault;
	} rows[] = {
		{ 0x10000402, VF_FAULT_BUFFER_TYPE }, /* legacy */
		{ 0x14000402, VF_FAULT_BUFFER_TYPE }, /* header split */
		{ 0x1a000402, VF_FAULT_BUFFER_TYPE }, /* header split, always */
		{ 0x12000400, VF_FAULT_BUFFER_SIZE }, { 0x12000411, VF_FAULT_BUFFER_SIZE },
	};

	for (unsigned i = 0; i < LEN(rows); i++) {
		struct pkt pkt;

		vft_stop(&vft_rx[0]);
		vft_start(&vft_rx[0], 0, false, 64, rows[i].srrctl, ENABLE);
		load(&pkt, 60);
		assert_int_equal(vft_put(&pkt, PKT_TAG_NONE), DROP_PORT_DOWN);
		check_broken(&vft_rx[0], rows[i].fault);
	}
}

static void
receive_buffers_outside_of_memory_break_their_ring(void **state)
{
	const uint64_t end = VUSER_GPA + VFT_MEMORY, rows[] = { 0, VUSER_GPA - 1, end - 2047, end, UINT64_MAX };

	for (unsigned i = 0; i < LEN(rows); i++) {
		struct pkt pkt;

		vft_post(&vft_rx[0], 1, 2048);
		vft_add(&vft_rx[0], rows[i], 0);
		vft_bell(&vft_rx[0]);
		load(&pkt, 60);
		assert_int_equal(vft_put(&pkt, PKT_TAG_NONE), SINK_TAKEN);
		assert_int_equal(vft_put(&pkt, PKT_TAG_NONE), DROP_PORT_DOWN);
		assert_int_equal(vft_put(&pkt, PKT_TAG_NONE), DROP_PORT_DOWN);
		check_broken(&vft_rx[0], VF_FAULT_BUFFER_ADDRESS);
	}
}

static void
memory_that_may_not_be_written_is_none(void **state)
{
	struct guest_region all = { .gpa = VUSER_GPA, .len = VFT_MEMORY, .va = vft_mem.va, .read_only = true };
	struct pkt pkt;

	vft_post(&vft_rx[0], 4, 2048);
	send_one(&vft_tx[0]);
	vft_set_regions(&all, 1);
	load(&pkt, 60);
	assert_int_equal(vft_put(&pkt, PKT_TAG_NONE), DROP_PORT_DOWN);
	assert_int_equal(vft_take(0), 0);
	assert_string_equal(vf_rings_fault(vft), vf_fault_text(VF_FAULT_RING_ADDRESS));
}

static void
a_ring_whose_memory_goes_breaks_and_without_any_it_waits(void **state)
{
	struct guest_region half = { .gpa = VUSER_GPA + VFT_MEMORY / 2, .len = VFT_MEMORY / 2, .va = vft_mem.va };
	struct guest_region all = { .gpa = VUSER_GPA, .len = VFT_MEMORY, .va = vft_mem.va };
	struct source *s = &vft->tx[0].source;

	send_one(&vft_tx[0]);
	vft_set_regions(NULL, 0);
	assert_false(s->ops->pending(s));
	assert_int_equal(vft_take(0), 0);
	vft_set_regions(&all, 1);
	assert_int_equal(vft_take(0), 1);
	vft_give(0);
	send_one(&vft_tx[0]);
	vft_set_regions(&half, 1);
	assert_int_equal(vft_take(0), 0);
	assert_string_equal(vf_rings_fault(vft), vf_fault_text(VF_FAULT_RING_ADDRESS));
}

/* A buffer over two regions that do not lie together with us. */
static void
transmit_buffers_may_lie_in_two_regions(void **state)
{
	uint64_t half = VFT_MEMORY / 2;
	struct guest_region two[] = { { .gpa = VUSER_GPA, .len = half, .va = vft_mem.va },
				      { .gpa = VUSER_GPA + half, .len = half - 4096, .va = vft_mem.va + half + 4096 } };
	struct pkt *pkt = &vft_lane.burst.pkt[0];
	enum drop_reason why;

	memset(vft_mem.va + half - 30, 0x22, 30);
	memset(vft_mem.va + half + 4096, 0x44, 30);
	vft_set_regions(two, 2);
	vft_add(&vft_tx[0], VUSER_GPA + half - 30, VFT_DATA | 60 | VFT_EOP);
	vft_bell(&vft_tx[0]);
	assert_int_equal(vft_take(0), 1);
	assert_int_equal(pkt_parse(pkt, &why), 0);
	assert_int_equal(pkt->n_segs, 2);
	assert_int_equal(pkt->hdr[29], 0x22);
	assert_int_equal(pkt->hdr[30], 0x44);
	vft_give(0);
	assert_int_equal(vft_sent(&vft_tx[0]), 0); /* it asked for no report */
}

/* ---- starting and stopping ---- */

static void
another_base_is_a_restart_at_zero(void **state)
{
	struct vft_ring *ring = &vft_tx[0];
	uint64_t base;

	send_one(ring);
	assert_int_equal(vft_take(0), 1);
	vft_give(0);
	ring->desc = (struct vf_desc *)(void *)vft_buffer(VFT_SIZE * 16);
	ring->next = ring->clean = 0;
	base = vft_gpa(ring->desc);
	vft_write(true, 0, 0x18, 0);
	vft_write(true, 0, 0x00, (uint32_t)base);
	send_one(ring);
	assert_int_equal(vft_take(0), 1);
	vft_give(0);
	assert_int_equal(vft_sent(ring), 1);
	vf_rings_sample(vft);
	assert_int_equal(vft_read(true, 0, 0x10), 2);
}

/* Between two looks of control: the lane sees it off, and leaves it alone until control has seen it on again. */
static void
a_ring_that_is_disabled_behind_our_back_is_left_alone(void **state)
{
	struct vft_ring *ring = &vft_tx[0];
	struct pkt pkt;

	send_one(ring);
	vft_write(true, 0, 0x28, 0);
	assert_int_equal(vft_take(0), 0);
	vft_write(true, 0, 0x28, ENABLE);
	assert_int_equal(vft_take(0), 0);
	vf_rings_sample(vft);
	assert_int_equal(vft_take(0), 1);
	vft_give(0);

	vft_post(&vft_rx[0], 4, 2048);
	load(&pkt, 60);
	vft_write(false, 0, 0x28, 0);
	assert_int_equal(vft_put(&pkt, PKT_TAG_NONE), DROP_PORT_DOWN);
	vft_write(false, 0, 0x28, ENABLE);
	vf_rings_sample(vft);
	assert_int_equal(vft_put(&pkt, PKT_TAG_NONE), SINK_TAKEN);
}

static void
a_reset_stops_all_and_wipes_the_pages(void **state)
{
	static const uint8_t zeros[4096];
	struct vf_rings_count count;

	vft_add(&vft_tx[0], 0, 0);
	vft_bell(&vft_tx[0]);
	assert_int_equal(vft_take(0), 0);
	assert_non_null(vf_rings_fault(vft));
	vft_post(&vft_rx[0], 4, 2048);
	vf_rings_stop(vft);
	assert_null(vf_rings_fault(vft));
	assert_memory_equal(vft_pages[0], zeros, 4096);
	assert_memory_equal(vft_pages[1], zeros, 4096);
	for (unsigned t = 0; t < 2; t++) {
		vf_rings_count(vft, t, &count);
		assert_int_equal(count.running, 0);
	}
	vft_start(&vft_tx[0], 0, true, VFT_SIZE, 0, ENABLE);
	send_one(&vft_tx[0]);
	assert_int_equal(vft_take(0), 1);
	vft_give(0);
}

/* ---- with lanes ---- */

struct lanes {
	_Atomic bool ended;
	_Atomic uint64_t delivered, sent;
};

/* Delivers and takes without end, as a worker does: a queue is marked busy for a burst. */
static void *
lane_main(void *arg)
{
	struct lanes *l = arg;
	struct queue *q = vft->queue[0];
	struct source *s = &vft->tx[0].source;
	struct pkt pkt, *pkts = &pkt;
	int tag = PKT_TAG_NONE;
	uint8_t verdict;

	load(&pkt, 60);
	qsbr_online(vft_lane.reader);
	while (!atomic_load(&l->ended)) {
		unsigned p = queue_processor(q), n = 0;

		vf_sink_ops.put(vf_rings_sink(vft), &vft_lane, &pkts, &tag, 1, &verdict);
		atomic_fetch_add(&l->delivered, verdict == SINK_TAKEN);
		if (queue_enter(q, p)) {
			if (s->ops->pending(s) && (n = s->ops->take(s, &vft_lane)) > 0)
				s->ops->give(s, &vft_lane);
			queue_leave(q, p);
		}
		atomic_fetch_add(&l->sent, n);
		qsbr_quiescent(vft_lane.reader);
		sched_yield();
	}
	qsbr_offline(vft_lane.reader);
	return NULL;
}

static void
wait_until_more(_Atomic uint64_t *total, uint64_t than)
{
	for (unsigned i = 0; atomic_load(total) <= than; i++) {
		assert_true(i < 100000000);
		sched_yield();
	}
}

/*
 * The driver disables a ring, has control look, and takes its memory away at once: whoever still touched it would crash. Control's
 * look is the only barrier.
 */
static void
no_lane_touches_a_ring_that_was_seen_off(void **state)
{
	struct lanes l = { 0 };
	uint64_t delivered, sent;
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, lane_main, &l), 0);
	for (unsigned round = 0; round < 50; round++) {
		vft_stop(&vft_rx[0]);
		vft_stop(&vft_tx[0]);
		assert_int_equal(mprotect(vft_mem.va, VFT_MEMORY, PROT_NONE), 0);
		sched_yield();
		assert_int_equal(mprotect(vft_mem.va, VFT_MEMORY, PROT_READ | PROT_WRITE), 0);
		vft_rewind();
		delivered = atomic_load(&l.delivered);
		sent = atomic_load(&l.sent);
		vft_start(&vft_rx[0], 0, false, VFT_SIZE, 0x12000402, ENABLE | VME);
		vft_start(&vft_tx[0], 0, true, VFT_SIZE, 0, ENABLE);
		vft_post(&vft_rx[0], 100, 2048);
		for (unsigned i = 0; i < 100; i++) {
			uint8_t *at = vft_buffer(64);

			vft_add(&vft_tx[0], vft_gpa(at), VFT_DATA | 60 | VFT_EOP | VFT_RS);
		}
		vft_bell(&vft_tx[0]);
		wait_until_more(&l.delivered, delivered);
		wait_until_more(&l.sent, sent);
		if (round % 8 == 7)
			vf_rings_stop(vft);
	}
	atomic_store(&l.ended, true);
	pthread_join(thread, NULL);
	assert_null(vf_rings_fault(vft));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(transmit_descriptors_that_are_nonsense_break_their_ring),
		TEST(a_buffer_that_ends_where_memory_does_is_good),
		TEST(registers_that_are_nonsense_break_their_ring),
		TEST(receive_rings_of_another_kind_break),
		TEST(receive_buffers_outside_of_memory_break_their_ring),
		TEST(memory_that_may_not_be_written_is_none),
		TEST(a_ring_whose_memory_goes_breaks_and_without_any_it_waits),
		TEST(transmit_buffers_may_lie_in_two_regions),
		TEST(another_base_is_a_restart_at_zero),
		TEST(a_ring_that_is_disabled_behind_our_back_is_left_alone),
		TEST(a_reset_stops_all_and_wipes_the_pages),
		TEST(no_lane_touches_a_ring_that_was_seen_off),
	};

	return cmocka_run_group_tests(tests, vft_group_start, vft_group_end);
}
