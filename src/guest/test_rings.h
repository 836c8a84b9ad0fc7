#ifndef GUEST_TEST_RINGS_H
#define GUEST_TEST_RINGS_H
/*
 * test_rings.h - for tests: one transmit and one receive ring on memory of our own, with a driver in the same thread.
 *
 * Device and driver see the memory at the same place. Under AddressSanitizer what lies between buffers is poisoned.
 */
#include "bench/vuser/ring.h"
#include "guest/vhost_rings.h"

#define RINGS_SIZE 1024          /* as much as a chain, QEMU's largest */
#define RINGS_MEMORY (16u << 20) /* bytes from VUSER_GPA on */

/* Written by rings_open; each test begins with them empty. */
extern struct vuser_mem rings_mem;
extern struct vuser_queue rings_tx, rings_rx; /* the driver's side */
extern struct vhost_rings rings;              /* the device's side, pair 0 */
extern struct lane rings_lane;
extern struct vport rings_vport;
extern uint64_t rings_hz; /* as in vring_setup, of rings that are run from now on; 0: no interrupt is held back */

/* cmocka's group set-up and tear-down. */
int rings_group_start(void **state);
int rings_group_end(void **state);

/* Makes both rings anew and runs them with those features; all indexes at 0, or at base. */
void rings_open(const struct vring_features *f);
void rings_open_at(const struct vring_features *f, uint16_t base);
void rings_close(void);

/* All offloads, mergeable buffers, VERSION_1 header, event indexes; and nothing of that but the header. */
extern const struct vring_features rings_full, rings_bare;

/* Makes a driver's queue anew, and runs r on it. base as in vring_setup. Returns what vring_start says. */
void rings_queue_open(struct vuser_queue *q, unsigned size, const struct vring_features *f, uint16_t base);
int rings_run(struct vring *r, struct vuser_queue *q, const struct vring_features *f, int base);

/* What the device knows as the guest's memory, from now on: those regions alone. */
void rings_set_regions(const struct guest_region *region, unsigned n);

/* Has the device log its writes into bits, len bytes; NULL: no more. */
void rings_set_log(uint8_t *bits, uint64_t len);

/* len bytes of guest memory. rings_rewind: all of them since the rings were opened are free again. */
uint8_t *rings_buffer(uint32_t len);
void rings_rewind(void);

/* Posts n receive buffers of len bytes each, a descriptor each. */
void rings_post(unsigned n, uint32_t len);

/*
 * Sends header and frame as one chain whose spans are cut at the n_cuts offsets (ascending, counted from the header's first
 * byte), indirect or not. rings_add_frame: without publishing it.
 */
void rings_send(const void *header, uint32_t header_len, const void *frame, uint32_t len, const uint32_t *cuts,
		unsigned n_cuts, bool indirect);
void rings_add_frame(const void *header, uint32_t header_len, const void *frame, uint32_t len, const uint32_t *cuts,
		     unsigned n_cuts, bool indirect);

/* n plain frames of len bytes behind a header of zeros, a descriptor each; payload byte 20 tells them apart, from first on. */
void rings_send_plain(unsigned n, uint32_t len, uint8_t first);

/* Takes a burst from the transmit ring. */
unsigned rings_take(void);
void rings_give(void);

/* Frames that the driver finds sent, in ring order; fails on any other. */
unsigned rings_sent(void);

/* Delivers one packet to the receive side. Returns its verdict. */
uint8_t rings_put(struct pkt *pkt, int tag);

/*
 * The next frame that the driver received: its header and bytes to header[12] and frame. Returns its length, 0 when there is
 * none; *buffers: how many it came in.
 */
uint32_t rings_receive(uint8_t header[12], uint8_t *frame, unsigned *buffers);

/* The same of any queue. */
uint32_t rings_receive_from(struct vuser_queue *q, uint8_t header[12], uint8_t *frame, unsigned *buffers);

uint64_t rings_drops(enum drop_reason why);

/* Frames that the books of the transmit side know, and that all of them ended in a drop, which a transmit ring alone does. */
uint64_t rings_refused(void);
#endif
