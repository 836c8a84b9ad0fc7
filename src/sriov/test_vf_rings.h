#ifndef SRIOV_TEST_VF_RINGS_H
#define SRIOV_TEST_VF_RINGS_H
/*
 * test_vf_rings.h - for tests: the rings of a VF on memory of our own, and a driver for them in the same thread.
 *
 * Registers and descriptors are written as the 82599 datasheet has them, in numbers of the test's own, so that both sides do not make
 * the same mistake. Under AddressSanitizer what lies between buffers is poisoned.
 */
#include "bench/vuser/mem.h"
#include "nic/test_eal.h"
#include "sriov/vf_ring.h"

#define VFT_MEMORY (16u << 20)
#define VFT_SIZE 512 /* descriptors of each ring */

/* Transmit descriptors, high word: 7.2.3.2.3, 7.2.3.2.4. */
#define VFT_DATA 0x20300000ull
#define VFT_CONTEXT 0x20200000ull
#define VFT_EOP 0x01000000ull
#define VFT_RS 0x08000000ull
#define VFT_VLE 0x40000000ull
#define VFT_TSE 0x80000000ull
#define VFT_IXSM (0x100ull << 32)
#define VFT_TXSM (0x200ull << 32)
#define VFT_CC (0x80ull << 32)
#define VFT_L4T_TCP 0x800ull
#define VFT_L4T_SCTP 0x1000ull
#define VFT_IPV4 0x400ull

/* A ring as the driver has it. */
struct vft_ring {
	unsigned index;
	bool transmit;
	uint32_t size, next, clean;
	struct vf_desc *desc;
	uint8_t *buffer[4096]; /* receive: of each descriptor */
};

/* Written by vft_open; each test begins with them enabled and empty. */
extern struct vf_rings *vft;
extern struct vf_interrupt vft_interrupt;
extern struct vuser_mem vft_mem;
extern struct lane vft_lane;
extern struct vft_ring vft_tx[VF_TX_RINGS], vft_rx[VF_RX_RINGS];
extern uint8_t *vft_pages[2]; /* receive, transmit */
extern struct ingress vft_ingress;
extern struct vport vft_vport;

/* cmocka's group set-up and tear-down. */
int vft_group_start(void **state);
int vft_group_end(void **state);

/* cmocka's set-up and tear-down: a VF with a receive and a transmit ring that run, and the link up; frames up to 9,500 bytes. */
int vft_open(void **state);
int vft_close(void **state);

/* The same with another setup: what is not set is filled in. */
void vft_open_with(const struct vf_rings_setup *setup);

void vft_write(bool transmit, unsigned queue, unsigned offset, uint32_t value);
uint32_t vft_read(bool transmit, unsigned queue, unsigned offset);

/* What the driver does to have a ring run, and the look of control; srrctl and control bits for receive rings. */
void vft_start(struct vft_ring *ring, unsigned index, bool transmit, uint32_t size, uint32_t srrctl, uint32_t control);
void vft_stop(struct vft_ring *ring);
void vft_rules(uint32_t max_frame, bool rss);

/* What the device knows as the guest's memory, from now on: those regions alone. */
void vft_set_regions(const struct guest_region *region, unsigned n);

/* len bytes of guest memory, and where the guest has them. */
uint8_t *vft_buffer(uint32_t len);
void vft_rewind(void); /* all of it is free again, rings too */
uint64_t vft_gpa(const void *va);

/* Posts n buffers of `len` bytes each. */
void vft_post(struct vft_ring *ring, unsigned n, uint32_t len);

/* One descriptor, which is the device's with vft_ring_bell. */
void vft_add(struct vft_ring *ring, uint64_t low, uint64_t high);
void vft_bell(struct vft_ring *ring);

/* A frame in pieces of `piece` bytes (0: one), behind a context; options: bits of the first data descriptor. Rings the bell. */
void vft_send(struct vft_ring *ring, uint64_t context_low, uint64_t context_high, uint64_t options, const void *frame,
	      uint32_t len, uint32_t piece);

/* VLAN tag, and lengths of the MAC and IP headers; MSS, length of the L4 header and kind. */
static inline uint64_t
vft_context_low(uint16_t tci, unsigned maclen, unsigned iplen)
{
	return (uint64_t)tci << 16 | maclen << 9 | iplen;
}

static inline uint64_t
vft_context_high(uint16_t mss, unsigned l4len, unsigned index, uint64_t kind)
{
	return VFT_CONTEXT | kind | (uint64_t)mss << 48 | (uint64_t)l4len << 40 | (uint64_t)index << 36;
}

/* A burst of the queue of transmit ring i, and its end. */
unsigned vft_take(unsigned i);
void vft_give(unsigned i);

/* Frames that the driver finds sent. */
unsigned vft_sent(struct vft_ring *ring);

/* Delivers one packet. Returns its verdict. */
uint8_t vft_put(struct pkt *pkt, int tag);

/* A received frame: of its last descriptor, the low word, and the high one without length. Returns bytes, 0: none is there. */
uint32_t vft_receive(struct vft_ring *ring, uint8_t *frame, uint64_t *low, uint64_t *high, unsigned *buffers);
#endif
