#ifndef SRIOV_VF_MAILBOX_H
#define SRIOV_VF_MAILBOX_H
/*
 * vf_mailbox.h - what the driver asks of the PF, by 16 words and a control register. For src/sriov/, control.
 *
 * Messages and their answers: Linux, ixgbevf/{mbx,vf,ipsec}.c, and the PF's side, ixgbe/ixgbe_sriov.c. A request is answered before the
 * write of VFMAILBOX that makes it is: the driver waits in a busy loop. The answer stays in the buffer, where the driver looks for
 * CTS when it checks its link.
 *
 * Which API is agreed on decides whether the driver offers IPsec to its stack, once, at probe: 1.4 has it, 1.7 if bit 0 of its features
 * is set, 1.5 and 1.6 never. So 1.5 and 1.6 are refused; with IPsec 1.7, 1.4 and below 1.4 are accepted, without it 1.7 and below 1.4.
 *
 *	state			left by
 *	no CTS			RESET: addresses, lists and API are as new, CTS
 *	CTS			VFCTRL.RST; or the host, who has the driver reset itself (vf_mailbox_restart)
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "pkt/toeplitz.h"
#include "sriov/vf.h"
#include "sriov/vf_layout.h"

#define VF_RSS_ENTRIES 128u /* of the host's table, for 82599 and X540 (ixgbevf.h, IXGBEVF_82599_RETA_SIZE) */

/* What a message changed, for its owner to act on. */
enum vf_mailbox_effect {
	VF_MAILBOX_FILTERS = 0x1, /* vf_mailbox_filters */
	VF_MAILBOX_FRAME = 0x2,   /* vf_mailbox_max_frame */
	VF_MAILBOX_CALL = 0x4,    /* the mailbox's interrupt is due */
};

struct vf_mailbox {
	enum vf_model model;
	bool ipsec;
	const struct vf_policy *policy; /* borrowed; changes between calls */
	const uint8_t *rss_key;         /* borrowed, TOEPLITZ_KEY_LEN */

	uint32_t word[VFMBMEM_WORDS];
	uint32_t unread; /* bits of VFMAILBOX that a read clears */
	bool vfu;        /* the buffer is the driver's */
	bool answered;   /* and the driver has not taken the answer */
	bool cts;
	bool restart;      /* the driver is to be told, once the buffer is free */
	unsigned api;      /* 10 for 1.0; 0: no RESET yet */
	uint32_t features; /* agreed on */

	struct mac mac;    /* in force */
	bool mac_is_guest; /* the driver chose it */
	unsigned n_others;
	struct mac other[VF_OTHER_MACS]; /* SET_MACVLAN */
	uint32_t xcast;                  /* as asked for, trusted or not */
	bool many_groups;                /* more than a message holds */
	uint64_t vlans[4096 / 64], multicast[4096 / 64];
	uint32_t lpe;      /* SET_LPE, bytes with FCS; 0: not told */
	uint64_t messages; /* since vf_mailbox_init */
};

/* policy, rss_key: borrowed as long as the mailbox is used. */
void vf_mailbox_init(struct vf_mailbox *m, const struct vf_options *options, const struct vf_policy *policy);

/* VFCTRL.RST. */
void vf_mailbox_reset(struct vf_mailbox *m);

/* DEVICE_RESET, or another client: nothing that the former driver chose is left. */
void vf_mailbox_forget(struct vf_mailbox *m);

/* Whether offset is VFMAILBOX or one of VFMBMEM. */
bool vf_mailbox_has(uint32_t offset);

/* The driver's accesses to these; a write returns enum vf_mailbox_effect, OR-ed. */
uint32_t vf_mailbox_read(struct vf_mailbox *m, uint32_t offset);
unsigned vf_mailbox_write(struct vf_mailbox *m, uint32_t offset, uint32_t value);

/* The policy was `former` until now. Returns effects, as vf_mailbox_write. */
unsigned vf_mailbox_policy(struct vf_mailbox *m, const struct vf_policy *former);

/* An _HV driver reads its address, which its reset does first. Returns effects. */
unsigned vf_mailbox_hv_reset(struct vf_mailbox *m);

void vf_mailbox_filters(const struct vf_mailbox *m, struct vf_filters *out);

/* Bytes of a received frame without FCS and tag. */
uint32_t vf_mailbox_max_frame(const struct vf_mailbox *m);

/* Ring of entry i of the host's table. */
static inline uint8_t
vf_rss_entry(unsigned i)
{
	return (uint8_t)(i % VF_PAIRS);
}
#endif
