#ifndef SRIOV_VF_LAYOUT_H
#define SRIOV_VF_LAYOUT_H
/*
 * vf_layout.h - BAR 0 of a virtual function: where its registers are, and their bits. For src/sriov/ and its tests.
 *
 * Names, offsets and bits are those of the Intel 82599 10 GbE Controller Datasheet, 8.3 ("Device Registers - VF"), which X540 and X550
 * share; those of page 3 are X550's alone. What the driver writes where is Linux' ixgbevf (regs.h, defines.h, ixgbevf_main.c).
 */
#include <stdint.h>

#define VF_BAR_SIZE 0x4000u /* BAR 0 and BAR 3: 16 KiB each (datasheet 9.3.6.1) */
#define VF_PAGE_SIZE 0x1000u
#define VF_RX_PAGE 0x1000u  /* receive queues: what the guest may map */
#define VF_TX_PAGE 0x2000u  /* transmit queues: likewise */
#define VF_RSS_PAGE 0x3000u /* X550's own RSS */

/* ---- page 0: every access is a message ---- */

#define VFCTRL 0x0000u
#define VFCTRL_RST 0x04000000u
#define VFSTATUS 0x0008u
#define VFLINKS 0x0010u
#define VFLINKS_UP 0x40000000u
#define VFLINKS_10G 0x30000000u
#define VFLINKS_1G 0x20000000u
#define VFLINKS_100M 0x10000000u
#define VFFRTIMER 0x0048u

/* A bit for each vector. */
#define VTEICR 0x0100u /* causes; a read clears them */
#define VTEICS 0x0104u /* sets causes */
#define VTEIMS 0x0108u /* sets mask bits: interrupts that may be sent */
#define VTEIMC 0x010Cu /* clears mask bits */
#define VTEIAC 0x0110u /* causes that are cleared as their interrupt is sent */
#define VTEIAM 0x0114u /* mask bits that are cleared as their interrupt is sent */
#define VT_VECTORS 0x7u
#define VTIVAR(i) (0x0120u + 4 * (i)) /* of queues 2i and 2i + 1, a byte each: receive, transmit, receive, transmit */
#define VTIVARS 4u                    /* of 8 queues */
#define VTIVAR_MISC 0x0140u           /* low byte: mailbox and link */
#define VTIVAR_VECTOR 0x03u
#define VTIVAR_VALID 0x80u
#define VTRSCINT(i) (0x0180u + 4 * (i))
#define VTEITR(v) (0x0820u + 4 * (v))
#define VTEITR_INTERVAL 0x00000FF8u /* in 2 us units from bit 3 on: (value & this) >> 2 is microseconds */
#define VTEITR_CNT_WDIS 0x80000000u /* the running interval goes on */

#define VFMBMEM(i) (0x0200u + 4 * (i))
#define VFMBMEM_WORDS 16u
#define VFMAILBOX 0x02FCu
#define VFMAILBOX_REQ 0x01u   /* w: a message is ready */
#define VFMAILBOX_ACK 0x02u   /* w: the reply was taken */
#define VFMAILBOX_VFU 0x04u   /* the buffer is the VF's */
#define VFMAILBOX_PFU 0x08u   /* the buffer is the PF's */
#define VFMAILBOX_PFSTS 0x10u /* the PF wrote a message; a read clears it */
#define VFMAILBOX_PFACK 0x20u /* the PF took the message; a read clears it */
#define VFMAILBOX_RSTI 0x40u  /* a reset of the PF goes on */
#define VFMAILBOX_RSTD 0x80u  /* a reset of the PF is done; a read clears it */
#define VFPSRTYPE 0x0300u
#define VFPSRTYPE_RQPL 0x20000000u /* RSS over two queues */

/* ---- pages 1 and 2: a block for each queue ---- */

#define VF_QUEUE_BLOCKS 8u                  /* on each page */
#define VF_QUEUE_STRIDE 0x40u               /* bytes from block to block */
#define VF_QUEUE(q) (VF_QUEUE_STRIDE * (q)) /* of block q in its page */

/* In a block of page 1. VFGPRC to VFGORC_MSB and VFMPRC are there in block 0 alone. */
#define VFRDBAL 0x00u
#define VFRDBAH 0x04u
#define VFRDLEN 0x08u /* bytes */
#define VFDCA_RXCTRL 0x0Cu
#define VFRDH 0x10u
#define VFSRRCTL 0x14u
#define VFRDT 0x18u
#define VFGPRC 0x1Cu     /* packets, 32 bits, wraps */
#define VFGORC_LSB 0x20u /* octets, 36 bits, wraps */
#define VFGORC_MSB 0x24u
#define VFRXDCTL 0x28u
#define VFRSCCTL 0x2Cu
#define VFMPRC 0x34u /* multicast packets, 32 bits, wraps */

#define VFSRRCTL_BSIZEPKT 0x0000001Fu /* of a buffer, KiB */
#define VFSRRCTL_BSIZEHDR 0x00003F00u /* 64 bytes */
#define VFSRRCTL_DESCTYPE 0x0E000000u /* 1: advanced, one buffer */
#define VFSRRCTL_ONE_BUFFER 0x02000000u
#define VFSRRCTL_DROP_EN 0x10000000u
#define VFRXDCTL_RLPML 0x00003FFFu /* bytes that a frame may have; not on 82599 */
#define VFRXDCTL_RLPML_EN 0x00008000u
#define VFRXDCTL_ENABLE 0x02000000u
#define VFRXDCTL_VME 0x40000000u /* strips 802.1Q tags */

/* In a block of page 2. Counters are there in block 0 alone. */
#define VFTDBAL 0x00u
#define VFTDBAH 0x04u
#define VFTDLEN 0x08u /* bytes */
#define VFDCA_TXCTRL 0x0Cu
#define VFTDH 0x10u
#define VFTDT 0x18u
#define VFGPTC 0x1Cu     /* packets, 32 bits, wraps */
#define VFGOTC_LSB 0x20u /* octets, 36 bits, wraps */
#define VFGOTC_MSB 0x24u
#define VFTXDCTL 0x28u
#define VFTDWBAL 0x38u
#define VFTDWBAH 0x3Cu

#define VFTXDCTL_ENABLE 0x02000000u
#define VFTXDCTL_SWFLSH 0x04000000u

/* What of a queue's registers holds what was written (ixgbevf/ethtool.c, reg_test_vf; datasheet 8.3.5). */
#define VF_DBAL_BITS 0xFFFFFF80u /* 128-byte aligned */
#define VF_DLEN_BITS 0x000FFF80u
#define VF_POINTER_BITS 0x0000FFFFu /* heads and tails */
#define VF_DESC_SIZE 16u            /* bytes; VFRDLEN / this: descriptors of a ring */

/* ---- page 3 ---- */

#define VFMRQC 0x3000u
#define VFMRQC_RSSEN 0x00000001u
#define VFMRQC_TCP_IPV4 0x00010000u
#define VFMRQC_IPV4 0x00020000u
#define VFMRQC_IPV6 0x00100000u
#define VFMRQC_TCP_IPV6 0x00200000u
#define VFMRQC_UDP_IPV4 0x00400000u
#define VFMRQC_UDP_IPV6 0x00800000u
#define VFRSSRK(i) (0x3100u + 4 * (i)) /* 40 bytes of key, little-endian */
#define VFRSSRKS 10u
#define VFRXMEMWRAP 0x3190u
#define VFRETA(i) (0x3200u + 4 * (i)) /* 64 entries, a byte each: the queue */
#define VFRETAS 16u
#endif
