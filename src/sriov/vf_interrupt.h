#ifndef SRIOV_VF_INTERRUPT_H
#define SRIOV_VF_INTERRUPT_H
/*
 * vf_interrupt.h - causes, masks and vectors of a VF: VTEICR to VTEIAM, VTIVAR, VTEITR (82599 datasheet, 8.3.5.1 to 8.3.5.10). For
 * src/sriov/.
 *
 * Bit v of each register is vector v. A cause that comes while it is masked is latched, and sent when the mask goes, for the driver does
 * not look at its rings after it has unmasked. Causes and mask are one word, changed by compare and exchange alone: who makes a cause
 * and its mask bit stand in it together takes both out again (as far as VTEIAC and VTEIAM say so) and sends.
 *
 *	who completes				the driver's VTEIMS write (control)	the lane that holds it back
 *	  1 descriptor written			  1 mask bit into the word		  1 exchange `what` for nothing (hold.h)
 *	  2 fence				  2 a cause stands in it: send		  2 fence
 *	  3 latched and masked already? done						  3 cause and mask stand in it: send
 *	  4 cause into the word
 *	  5 its mask bit stands in it:
 *	    held back already? leave it to that lane
 *	    else send, or hold it back
 *
 * Nothing is lost:
 *	complete 1/3 and unmask 1, then the driver's look:	who completes finds the word as it was before the mask came, so the
 *						interrupt of unmask 2 comes after it, and the driver's look sees what 1 wrote; or finds the
 *						mask, and sends it himself
 *	complete 4/5 and unmask 1/2:		the word has one order of changes: the later of both sees the other
 *	complete 4/5 and hold 1/3:		who completes finds the hold gone and sends it himself, or the lane sees his cause
 *
 * A vector without a descriptor, or with one that was replaced meanwhile, is owed: the next descriptor is signalled at once.
 * VTEITR is a least gap between two interrupts of a vector that lanes send. Control sends at once: the message that it answers took longer.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/count.h"
#include "base/spin.h"
#include "nic/hold.h"
#include "sriov/vf_layout.h"

#define VF_VECTORS 3 /* MSI-X: one for each pair, one for mailbox and link */

struct vf_vector {
	struct hold hold;
	struct spin lock;      /* of hold and next; taken only when there is something to send */
	_Atomic uint64_t next; /* cycles: no interrupt of a lane before */
	_Atomic uint32_t itr;  /* VTEITR */
	_Atomic int fd;        /* -1: none */
	_Atomic bool owed;
	struct vf_interrupt *of;
};

struct vf_interrupt {
	_Atomic uint64_t word; /* causes << 32 | mask */
	_Atomic uint32_t auto_clear, auto_mask;
	_Atomic uint32_t ivar[VTIVARS], ivar_misc;
	uint64_t cycles_per_us;
	counter sent; /* interrupts; several may add to it */
	struct vf_vector vector[VF_VECTORS];
};

/* hz: cycles a second; 0: no interrupt is held back. Control, once. */
void vf_interrupt_init(struct vf_interrupt *v, uint64_t hz);

/* Masks, causes, routes and gaps as new; vectors stay. What is held back is forgotten. Control. */
void vf_interrupt_reset(struct vf_interrupt *v);

/* No lane completes anything any more. Waits for those that hold interrupts back, closes all descriptors. Control, at the end. */
void vf_interrupt_fini(struct vf_interrupt *v);

/* Takes fd (-1: none) over; the former one is closed after a grace period, before this returns. Control. */
void vf_interrupt_set_vector(struct vf_interrupt *v, unsigned vector, int fd);

/* Whether offset is a register of this file's: VTEICR to VTEIAM, VTIVAR, VTIVAR_MISC, VTEITR of VF_VECTORS. */
bool vf_interrupt_has(uint32_t offset);

/* The driver's accesses to these registers; others read as 0. Control. */
uint32_t vf_interrupt_read(struct vf_interrupt *v, uint32_t offset);
void vf_interrupt_write(struct vf_interrupt *v, uint32_t offset, uint32_t value);

/* Ring i of a direction has completions that the driver may wait for; without a lock held. Lanes. */
void vf_interrupt_ring(struct vf_interrupt *v, struct lane *lane, bool transmit, unsigned i);

/* The cause of VTIVAR_MISC: mailbox, link. Control. */
void vf_interrupt_mailbox(struct vf_interrupt *v);
#endif
