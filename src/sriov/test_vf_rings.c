/* test_vf_rings.c - see test_vf_rings.h. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <sanitizer/asan_interface.h>
#include <stdlib.h>
#include <string.h>

#include "base/qsbr.h"
#include "guest/interrupt.h"
#include "nic/processor.h"
#include "sriov/test_vf_rings.h"

#define RED_ZONE 64 /* bytes behind each buffer that nobody may touch */
#define ENABLE 0x02000000u
#define VME 0x40000000u

struct vf_rings *vft;
struct vf_interrupt vft_interrupt;
struct vuser_mem vft_mem = { .fd = -1 };
struct lane vft_lane;
struct vft_ring vft_tx[VF_TX_RINGS], vft_rx[VF_RX_RINGS];
uint8_t *vft_pages[2];
struct ingress vft_ingress;
struct vport vft_vport;

static struct queue *queues[VF_RX_RINGS];
static const struct guest_mem *_Atomic published;

int
vft_group_start(void **state)
{
	if (test_eal_start(state) != 0 || interrupt_init() < 0 || vport_init(&vft_vport, "vf1") < 0 ||
	    lane_init(&vft_lane, 0) < 0)
		return -1;
	qsbr_offline(vft_lane.reader);
	for (unsigned i = 0; i < 2; i++)
		vft_pages[i] = aligned_alloc(4096, 4096);
	return vuser_mem_open(&vft_mem, VFT_MEMORY, VUSER_GPA, false);
}

int
vft_group_end(void **state)
{
	vuser_mem_close(&vft_mem);
	free(vft_pages[0]);
	free(vft_pages[1]);
	lane_fini(&vft_lane);
	vport_fini(&vft_vport);
	interrupt_fini();
	return 0;
}

void
vft_set_regions(const struct guest_region *region, unsigned n)
{
	struct guest_mem *mem = NULL;

	if (n > 0) {
		mem = calloc(1, sizeof(*mem) + n * sizeof(*region));
		assert_non_null(mem);
		mem->n = n;
		memcpy(mem->region, region, n * sizeof(*region));
	}
	free((void *)(uintptr_t)atomic_exchange(&published, mem));
}

void
vft_open_with(const struct vf_rings_setup *setup)
{
	struct guest_region all = { .gpa = VUSER_GPA, .len = VFT_MEMORY, .va = vft_mem.va };
	struct vf_rings_setup full = *setup;

	ASAN_UNPOISON_MEMORY_REGION(vft_mem.va, VFT_MEMORY);
	vft_mem.used = 0;
	vft_set_regions(&all, 1);
	memset(vft_pages[0], 0, 4096);
	memset(vft_pages[1], 0, 4096);
	for (unsigned i = 0; i < VF_RX_RINGS; i++) {
		queues[i] = queue_new(&vft_vport, i);
		assert_non_null(queues[i]);
	}
	vf_interrupt_init(&vft_interrupt, 0);
	full.queues = queues;
	full.ingress = &vft_ingress;
	full.rx_page = vft_pages[0];
	full.tx_page = vft_pages[1];
	full.mem = &published;
	full.interrupt = &vft_interrupt;
	vft = vf_rings_new(&full);
	assert_non_null(vft);
}

int
vft_open(void **state)
{
	vft_open_with(&(struct vf_rings_setup){ 0 });
	vft_rules(9500, false);
	vft_start(&vft_tx[0], 0, true, VFT_SIZE, 0, ENABLE);
	vft_start(&vft_rx[0], 0, false, VFT_SIZE, 0x12000402, ENABLE | VME);
	return 0;
}

int
vft_close(void **state)
{
	vf_rings_free(vft);
	for (unsigned i = 0; i < VF_RX_RINGS; i++)
		queue_free(queues[i]);
	vf_interrupt_fini(&vft_interrupt);
	vft_set_regions(NULL, 0);
	ASAN_UNPOISON_MEMORY_REGION(vft_mem.va, VFT_MEMORY);
	return 0;
}

void
vft_write(bool transmit, unsigned queue, unsigned offset, uint32_t value)
{
	__atomic_store_n((uint32_t *)(void *)(vft_pages[transmit] + 0x40 * queue + offset), value, __ATOMIC_RELEASE);
}

uint32_t
vft_read(bool transmit, unsigned queue, unsigned offset)
{
	return __atomic_load_n((uint32_t *)(void *)(vft_pages[transmit] + 0x40 * queue + offset), __ATOMIC_ACQUIRE);
}

uint8_t *
vft_buffer(uint32_t len)
{
	uint8_t *p = vuser_mem_carve(&vft_mem, len + RED_ZONE, 128);

	assert_non_null(p);
	ASAN_POISON_MEMORY_REGION(p + len, RED_ZONE);
	return p;
}

void
vft_rewind(void)
{
	ASAN_UNPOISON_MEMORY_REGION(vft_mem.va, VFT_MEMORY);
	vft_mem.used = 0;
}

uint64_t
vft_gpa(const void *va)
{
	return vuser_gpa(&vft_mem, va);
}

void
vft_start(struct vft_ring *ring, unsigned index, bool transmit, uint32_t size, uint32_t srrctl, uint32_t control)
{
	uint64_t base;

	ring->index = index;
	ring->transmit = transmit;
	ring->size = size;
	ring->next = ring->clean = 0;
	ring->desc = (struct vf_desc *)(void *)vft_buffer((size > 0 ? size : 1) * 16);
	memset(ring->desc, 0, size * 16);
	base = vft_gpa(ring->desc);
	vft_write(transmit, index, 0x00, (uint32_t)base);
	vft_write(transmit, index, 0x04, (uint32_t)(base >> 32));
	vft_write(transmit, index, 0x08, size * 16);
	vft_write(transmit, index, 0x10, 0);
	vft_write(transmit, index, 0x18, 0);
	if (!transmit)
		vft_write(transmit, index, 0x14, srrctl);
	vft_write(transmit, index, 0x28, control);
	vf_rings_sample(vft);
}

void
vft_stop(struct vft_ring *ring)
{
	vft_write(ring->transmit, ring->index, 0x28, 0);
	vf_rings_sample(vft);
}

void
vft_rules(uint32_t max_frame, bool rss)
{
	struct vf_rx_rules rules = { .link = true,
				     .rss = rss,
				     .max_frame = max_frame,
				     .hash_types = HASH_IPV4 | HASH_TCP_IPV4 | HASH_IPV6 | HASH_TCP_IPV6,
				     .n_entries = 64 };

	memcpy(rules.key, toeplitz_default_key, sizeof(rules.key));
	for (unsigned i = 0; i < 64; i++)
		rules.entry[i] = i % 2;
	assert_int_equal(vf_rings_set_rules(vft, &rules), 0);
}

void
vft_add(struct vft_ring *ring, uint64_t low, uint64_t high)
{
	ring->desc[ring->next] = (struct vf_desc){ low, high };
	ring->next = (ring->next + 1) % ring->size;
}

void
vft_bell(struct vft_ring *ring)
{
	vft_write(ring->transmit, ring->index, 0x18, ring->next);
}

void
vft_post(struct vft_ring *ring, unsigned n, uint32_t len)
{
	for (unsigned i = 0; i < n; i++) {
		uint8_t *buffer = vft_buffer(len);

		ring->buffer[ring->next] = buffer;
		vft_add(ring, vft_gpa(buffer), 0);
	}
	vft_bell(ring);
}

void
vft_send(struct vft_ring *ring, uint64_t context_low, uint64_t context_high, uint64_t options, const void *frame,
	 uint32_t len, uint32_t piece)
{
	uint8_t *at = vft_buffer(len);

	memcpy(at, frame, len);
	vft_add(ring, context_low, context_high);
	if (piece == 0)
		piece = len;
	for (uint32_t done = 0; done < len; done += piece) {
		uint32_t here = len - done < piece ? len - done : piece;
		bool last = done + here == len;

		vft_add(ring, vft_gpa(at + done),
			VFT_DATA | here | (done == 0 ? options : options & UINT32_MAX) | (last ? VFT_EOP | VFT_RS : 0));
	}
	vft_bell(ring);
}

unsigned
vft_take(unsigned i)
{
	struct source *s = &vft->tx[i % VF_RX_RINGS].source;

	return s->ops->take(s, &vft_lane);
}

void
vft_give(unsigned i)
{
	struct source *s = &vft->tx[i % VF_RX_RINGS].source;

	s->ops->give(s, &vft_lane);
}

unsigned
vft_sent(struct vft_ring *ring)
{
	unsigned n = 0;

	for (uint32_t i = ring->clean; i != ring->next; i = (i + 1) % ring->size)
		if (ring->desc[i].high >> 32 & 1) {
			n++;
			ring->clean = (i + 1) % ring->size;
			ring->desc[i].high = 0;
		}
	return n;
}

uint8_t
vft_put(struct pkt *pkt, int tag)
{
	struct sink *s = vf_rings_sink(vft);
	uint8_t verdict = 0xee;

	s->ops->put(s, &vft_lane, &pkt, &tag, 1, &verdict);
	return verdict;
}

uint32_t
vft_receive(struct vft_ring *ring, uint8_t *frame, uint64_t *low, uint64_t *high, unsigned *buffers)
{
	uint32_t len = 0;

	for (*buffers = 0;; ++*buffers) {
		struct vf_desc *d = &ring->desc[ring->clean];
		uint32_t here = d->high >> 32 & 0xffff;

		if (ring->clean == ring->next || here == 0) {
			assert_int_equal(len, 0); /* the end of a frame is missing */
			return 0;
		}
		memcpy(frame + len, ring->buffer[ring->clean], here);
		len += here;
		*low = d->low;
		*high = d->high & ~(0xffffull << 32);
		ring->clean = (ring->clean + 1) % ring->size;
		assert_true(d->high & 1);
		if (!(d->high & 2))
			continue;
		++*buffers;
		return len;
	}
}
