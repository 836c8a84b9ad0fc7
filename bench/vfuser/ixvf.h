#ifndef BENCH_VFUSER_IXVF_H
#define BENCH_VFUSER_IXVF_H
/*
 * ixvf.h - a tiny driver of an 82599, X540 or X550 virtual function whose guest is this program: it does what Linux' ixgbevf does,
 * in the same order, over vfio-user.
 *
 * ixvf_attach, ixvf_begin and ixvf_up make a running function; ixvf_open is all three. Each step can be done apart, left out, or done
 * wrong. All functions with a result return 0 or -errno: those of vfuser.h; -EREMOTEIO also for a message that the mailbox refuses.
 * One thread.
 */
#include "bench/vfuser/ixring.h"
#include "bench/vfuser/vfuser.h"

#define IXVF_PAIRS 2
#define IXVF_VECTORS 3 /* of the pairs, and of mailbox and link */

struct ixvf_options {
	const char *path;          /* of the socket */
	unsigned n_pairs;          /* 1 or 2 */
	unsigned rx_size, tx_size; /* descriptors, powers of two */
	uint32_t rx_room;          /* bytes of a buffer: 2048 or 3072 with ixgbevf */
	uint32_t rx_limit;         /* RLPML; 0: not used */
	unsigned max_frame;        /* with FCS, told by SET_LPE; 0: 1518 */
	bool trapped;              /* tails by messages, even where they could be mapped */
	bool hyper_v;              /* an _HV function: no mailbox, no reset */
};

struct ixvf {
	struct vfuser vmm; /* timeout_ms and idle may be set before attach */
	struct ixvf_options is;
	struct vuser_mem *mem;
	struct vfuser_region bar;
	uint8_t *page[2]; /* of receive and transmit queues; NULL: every access is a message */
	uint16_t device_id;
	uint8_t mac[6];           /* by the RESET message, or from the configuration space */
	unsigned api;             /* 10 for 1.0, 17 for 1.7 */
	uint32_t features;        /* of API 1.7 */
	int vector[IXVF_VECTORS]; /* eventfds, non-blocking */
	int failed;               /* why an access failed since it was last set to 0; the guest read all ones */
	uint64_t traps;           /* messages for registers */
	struct ix_rx rx[IXVF_PAIRS];
	struct ix_tx tx[IXVF_PAIRS];
};

/* v is zeroed before, or has timeout_ms and idle set. Closed after a failure. */
int ixvf_open(struct ixvf *v, const struct ixvf_options *o, struct vuser_mem *mem);
void ixvf_close(struct ixvf *v);

/* The VMM's part: connects, maps the pages, shares mem, gives vectors. The guest's memory and bus mastering are on after it. */
int ixvf_attach(struct ixvf *v, const struct ixvf_options *o, struct vuser_mem *mem);

/* The driver's probe: reset, API, queues. */
int ixvf_begin(struct ixvf *v);

/* ifup: rings (made if there are none), receive buffers apart; interrupts routed and on. ifdown: and again off, with a reset. */
int ixvf_up(struct ixvf *v);
int ixvf_down(struct ixvf *v);

/* One ring, as ifup does it; and disabled. */
void ixvf_rx_start(struct ixvf *v, unsigned i);
void ixvf_rx_stop(struct ixvf *v, unsigned i);
void ixvf_tx_start(struct ixvf *v, unsigned i);
void ixvf_tx_stop(struct ixvf *v, unsigned i);

/* A register of BAR 0: on a mapped page, or by a message. */
uint32_t ixvf_read(struct ixvf *v, uint32_t offset);
void ixvf_write(struct ixvf *v, uint32_t offset, uint32_t value);

/* VFCTRL.RST and what belongs to it, with the RESET message. */
int ixvf_reset(struct ixvf *v);

/* A message of n words and its answer, `answer` words of it in the same place, in the old dialect. */
int ixvf_message(struct ixvf *v, uint32_t *words, unsigned n, unsigned answer);

/* What ixgbevf tells. vid: added or removed; mac: its own address. */
int ixvf_set_vlan(struct ixvf *v, unsigned vid, bool on);
int ixvf_set_mac(struct ixvf *v, const uint8_t *mac);
int ixvf_set_xcast(struct ixvf *v, unsigned mode);
int ixvf_set_max_frame(struct ixvf *v, unsigned bytes);

/* The end of an interrupt's handling: VTEIMS. */
void ixvf_unmask(struct ixvf *v, unsigned vector);

/* Waits for a vector's interrupt, at most ms. Returns how many there were since the last time. */
uint64_t ixvf_wait(struct ixvf *v, unsigned vector, unsigned ms);
#endif
