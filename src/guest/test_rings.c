/* test_rings.c - see test_rings.h. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <sanitizer/asan_interface.h>
#include <stdlib.h>
#include <string.h>

#include "guest/interrupt.h"
#include "guest/test_rings.h"
#include "nic/test_eal.h"

#define FRAME_BUFFERS 4096
#define RED_ZONE 64 /* bytes behind each buffer that nobody may touch */

struct vuser_mem rings_mem = { .fd = -1 };
struct vuser_queue rings_tx, rings_rx;
struct vhost_rings rings;
struct lane rings_lane;
struct vport rings_vport;
uint64_t rings_hz;

const struct vring_features rings_full = {
	.header_len = 12,
	.mergeable = true,
	.event_idx = true,
	.guest_csum = true,
	.guest_tso4 = true,
	.guest_tso6 = true,
	.guest_ecn = true,
	.guest_uso4 = true,
	.guest_uso6 = true,
};

const struct vring_features rings_bare = { .header_len = 12 };

static struct spread spread = { .n_entries = 1 };
static uint64_t opened;     /* bytes of rings_mem that the rings take */
static uint32_t header_len; /* as negotiated */

int
rings_group_start(void **state)
{
	if (test_eal_start(state) != 0 || interrupt_init() < 0 || vport_init(&rings_vport, "vm1") < 0 ||
	    lane_init(&rings_lane, 0) < 0)
		return -1;
	return vuser_mem_open(&rings_mem, RINGS_MEMORY, VUSER_GPA, false);
}

int
rings_group_end(void **state)
{
	vuser_mem_close(&rings_mem);
	lane_fini(&rings_lane);
	vport_fini(&rings_vport);
	interrupt_fini();
	return 0;
}

static void
publish(struct guest_mem *next)
{
	free((void *)(uintptr_t)atomic_exchange(&rings.mem, next));
}

void
rings_set_regions(const struct guest_region *region, unsigned n)
{
	struct guest_mem *mem = calloc(1, sizeof(*mem) + n * sizeof(*region));

	assert_non_null(mem);
	mem->n = n;
	memcpy(mem->region, region, n * sizeof(*region));
	publish(mem);
}

void
rings_set_log(uint8_t *bits, uint64_t len)
{
	const struct guest_mem *now = atomic_load(&rings.mem);
	size_t bytes = sizeof(*now) + now->n * sizeof(now->region[0]);
	struct guest_mem *mem = malloc(bytes);

	assert_non_null(mem);
	memcpy((void *)mem, now, bytes);
	mem->log.bits = (_Atomic uint8_t *)bits;
	mem->log.len = len;
	publish(mem);
}

int
rings_run(struct vring *r, struct vuser_queue *q, const struct vring_features *f, int base)
{
	struct vring_setup setup = {
		.features = *f,
		.size = q->size,
		.desc = (struct vring_desc *)q->desc,
		.avail = (struct vring_avail *)q->avail,
		.used = (struct vring_used *)q->used,
		.used_log = true,
		.used_log_gpa = vuser_gpa(&rings_mem, q->used),
		.base = base,
		.call_fd = q->call_fd,
		.kick_fd = q->kick_fd,
		.hz = rings_hz,
		.mem = &rings.mem,
	};

	return vring_start(r, &setup);
}

void
rings_queue_open(struct vuser_queue *q, unsigned size, const struct vring_features *f, uint16_t base)
{
	struct vuser_rules rules = {
		.event_idx = f->event_idx, .in_order = f->in_order, .all_written = true, .mergeable = f->mergeable
	};

	assert_int_equal(vuser_queue_init(q, &rings_mem, size, &rules), 0);
	vuser_queue_reset(q, base);
	opened = rings_mem.used;
	header_len = f->header_len;
}

void
rings_open_at(const struct vring_features *f, uint16_t base)
{
	struct guest_region all = { .gpa = VUSER_GPA, .len = RINGS_MEMORY, .user = VUSER_GPA, .va = rings_mem.va };

	memset((void *)&rings, 0, sizeof(rings));
	memset((void *)rings_vport.stats, 0, TEST_LANES * sizeof(*rings_vport.stats));
	ASAN_UNPOISON_MEMORY_REGION(rings_mem.va, RINGS_MEMORY);
	rings_mem.used = 0;
	rings_set_regions(&all, 1);
	atomic_store(&rings.mtu, 65535);
	atomic_store(&rings.spread, &spread);
	rings.sink.ops = &vhost_sink_ops;
	rings.n_pairs = 1;
	rings_queue_open(&rings_tx, RINGS_SIZE, f, base);
	rings_queue_open(&rings_rx, RINGS_SIZE, f, base);
	vring_init(&rings.tx[0], NULL, &rings_vport);
	vring_init(&rings.rx[0], NULL, &rings_vport);
	assert_int_equal(rings_run(&rings.tx[0], &rings_tx, f, base), 0);
	assert_int_equal(rings_run(&rings.rx[0], &rings_rx, f, base), 0);
}

void
rings_open(const struct vring_features *f)
{
	rings_open_at(f, 0);
}

void
rings_close(void)
{
	vring_stop(&rings.rx[0]);
	vring_stop(&rings.tx[0]);
	vuser_queue_fini(&rings_tx);
	vuser_queue_fini(&rings_rx);
	publish(NULL);
	ASAN_UNPOISON_MEMORY_REGION(rings_mem.va, RINGS_MEMORY);
}

uint8_t *
rings_buffer(uint32_t len)
{
	uint8_t *p = vuser_mem_carve(&rings_mem, len + RED_ZONE, 16);

	assert_non_null(p);
	ASAN_POISON_MEMORY_REGION(p + len, RED_ZONE);
	return p;
}

void
rings_rewind(void)
{
	ASAN_UNPOISON_MEMORY_REGION(rings_mem.va + opened, rings_mem.used - opened);
	rings_mem.used = opened;
}

void
rings_post(unsigned n, uint32_t len)
{
	for (unsigned i = 0; i < n; i++) {
		uint64_t token = (uint64_t)(uintptr_t)rings_buffer(len);

		assert_int_equal(vuser_put(&rings_rx, &token, 1, len, VUSER_DESC_WRITE), 1);
	}
	vuser_publish(&rings_rx);
}

void
rings_add_frame(const void *header, uint32_t n_header, const void *frame, uint32_t len, const uint32_t *cuts,
		unsigned n_cuts, bool indirect)
{
	uint8_t *at = rings_buffer(n_header + len);
	struct vuser_part part[VRING_CHAIN_MAX + 1];
	struct vuser_desc *table = NULL;
	uint32_t from = 0;
	unsigned n = 0;

	memcpy(at, header, n_header);
	memcpy(at + n_header, frame, len);
	for (unsigned i = 0; i <= n_cuts; i++) {
		uint32_t to = i < n_cuts ? cuts[i] : n_header + len;

		part[n++] = (struct vuser_part){ vuser_gpa(&rings_mem, at + from), to - from, false };
		from = to;
	}
	if (indirect)
		table = (struct vuser_desc *)(void *)rings_buffer(n * (uint32_t)sizeof(*table));
	assert_int_equal(vuser_add(&rings_tx, part, n, table, table ? vuser_gpa(&rings_mem, table) : 0,
				   rings_tx.next_avail),
			 0);
}

void
rings_send(const void *header, uint32_t n_header, const void *frame, uint32_t len, const uint32_t *cuts,
	   unsigned n_cuts, bool indirect)
{
	rings_add_frame(header, n_header, frame, len, cuts, n_cuts, indirect);
	vuser_publish(&rings_tx);
}

void
rings_send_plain(unsigned n, uint32_t len, uint8_t first)
{
	static const uint8_t header[12];
	uint8_t frame[2048] = { 0 };

	assert_in_range(len, 21, sizeof(frame));
	for (unsigned i = 0; i < n; i++) {
		frame[20] = (uint8_t)(first + i);
		rings_add_frame(header, header_len, frame, len, NULL, 0, false);
	}
	vuser_publish(&rings_tx);
}

unsigned
rings_take(void)
{
	struct source *s = &rings.tx[0].source;

	return s->ops->take(s, &rings_lane);
}

void
rings_give(void)
{
	struct source *s = &rings.tx[0].source;

	s->ops->give(s, &rings_lane);
}

unsigned
rings_sent(void)
{
	struct vuser_done done[RINGS_SIZE];
	uint16_t next = rings_tx.next_used;
	int n = vuser_take(&rings_tx, done, RINGS_SIZE);

	assert_true(n >= 0);
	for (int i = 0; i < n; i++) {
		assert_int_equal(done[i].token, (uint16_t)(next + i));
		assert_int_equal(done[i].len, 0);
	}
	return (unsigned)n;
}

uint8_t
rings_put(struct pkt *pkt, int tag)
{
	uint8_t verdict = 0xee;

	rings.sink.ops->put(&rings.sink, &rings_lane, &pkt, &tag, 1, &verdict);
	return verdict;
}

uint32_t
rings_receive_from(struct vuser_queue *q, uint8_t header[12], uint8_t *frame, unsigned *buffers)
{
	static struct vuser_done done[FRAME_BUFFERS];
	uint32_t len = 0;
	int n = vuser_take_frame(q, done, FRAME_BUFFERS);

	assert_true(n >= 0);
	*buffers = (unsigned)n;
	for (int i = 0; i < n; i++) {
		const uint8_t *from = (const uint8_t *)(uintptr_t)done[i].token;
		uint32_t skip = i == 0 ? header_len : 0;

		assert_true(done[i].len >= skip);
		if (i == 0)
			memcpy(header, from, header_len);
		memcpy(frame + len, from + skip, done[i].len - skip);
		len += done[i].len - skip;
	}
	return len;
}

uint32_t
rings_receive(uint8_t header[12], uint8_t *frame, unsigned *buffers)
{
	return rings_receive_from(&rings_rx, header, frame, buffers);
}

uint64_t
rings_drops(enum drop_reason why)
{
	struct vport_totals t;

	vport_sum(&rings_vport, &t);
	return t.drops[why];
}

uint64_t
rings_refused(void)
{
	struct vport_totals t;

	vport_sum(&rings_vport, &t);
	assert_int_equal(t.rx_packets, t.rx_dropped);
	assert_int_equal(t.tx_dropped, 0);
	return t.rx_packets;
}
