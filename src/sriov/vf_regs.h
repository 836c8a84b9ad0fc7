#ifndef SRIOV_VF_REGS_H
#define SRIOV_VF_REGS_H
/*
 * vf_regs.h - BAR 0 of a virtual function, by messages: pages 0 and 3, and pages 1 and 2 where the guest has not mapped them. For
 * src/sriov/, control.
 *
 * Registers are 32 bits and are accessed as such (82599 datasheet, 8.1.1); so does ixgbevf. Of what else a guest may do: 8 bytes are two
 * registers; a read of some bytes of one register reads it all; other reads give 0, and writes of parts of registers do nothing.
 *
 * What is no register reads 0: a driver that reads all-ones from two registers in a row takes its device for gone
 * (ixgbevf_main.c, ixgbevf_read_reg). Only a register that the driver filled with ones itself reads as such.
 */
#include <stdint.h>

#include "sriov/vf_interrupt.h"
#include "sriov/vf_mailbox.h"
#include "sriov/vf_rings.h"

/* What a write asks for; enum vf_mailbox_effect is OR-ed in. */
enum vf_regs_effect {
	VF_REGS_RESET = 0x10,   /* VFCTRL.RST; carried out by its owner, mailbox and registers included */
	VF_REGS_RSS = 0x20,     /* vf_regs_rules */
	VF_REGS_TAIL = 0x40,    /* a doorbell */
	VF_REGS_CONTROL = 0x80, /* VFRXDCTL or VFTXDCTL: an enable bit may have changed */
	VF_REGS_UNMASK = 0x100, /* VTEIMS */
};

struct vf_regs {
	enum vf_model model;
	struct vf_mailbox *mailbox;
	struct vf_interrupt *interrupt;
	uint8_t *pages; /* 1 and 2; guest and lanes write and read them meanwhile */

	uint32_t links; /* VFLINKS */
	uint32_t psrtype, mrqc, rssrk[VFRSSRKS], reta[VFRETAS];
};

/* The pointers are borrowed. */
void vf_regs_init(struct vf_regs *r, enum vf_model model, struct vf_mailbox *mailbox, struct vf_interrupt *interrupt,
		  uint8_t *pages);

/* VFCTRL.RST, as far as the registers here are meant; VFLINKS stays. */
void vf_regs_reset(struct vf_regs *r);

/* What VFLINKS says. mbps: as struct vf_policy has it. */
void vf_regs_set_link(struct vf_regs *r, bool up, unsigned mbps);

/* offset + len is inside the BAR. len: any. */
void vf_regs_read(struct vf_regs *r, uint32_t offset, void *bytes, unsigned len);

/* The same; returns effects, OR-ed. */
unsigned vf_regs_write(struct vf_regs *r, uint32_t offset, const void *bytes, unsigned len);

/* How frames are received by what the driver set up. */
void vf_regs_rules(const struct vf_regs *r, struct vf_rx_rules *out);
#endif
