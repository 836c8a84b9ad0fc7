#ifndef BENCH_VFUSER_IXREGS_H
#define BENCH_VFUSER_IXREGS_H
/*
 * ixregs.h - what a driver writes and reads of an 82599, X540 or X550 virtual function: the Intel 82599 10 GbE Controller Datasheet,
 * 8.3 (registers) and 7.1, 7.2 (descriptors), as Linux' ixgbevf uses them. Shared with no device of ours, so that both do not make
 * the same mistake.
 */
#include <stdint.h>

/* BAR 0, by offset. */
enum ix_register {
	IX_CTRL = 0x0000,
	IX_STATUS = 0x0008,
	IX_LINKS = 0x0010,
	IX_EICR = 0x0100,
	IX_EICS = 0x0104,
	IX_EIMS = 0x0108,
	IX_EIMC = 0x010c,
	IX_EIAC = 0x0110,
	IX_EIAM = 0x0114,
	IX_IVAR = 0x0120, /* queues 0 and 1, a byte each: receive, transmit, receive, transmit */
	IX_IVAR_MISC = 0x0140,
	IX_MBMEM = 0x0200, /* 16 words */
	IX_MAILBOX = 0x02fc,
	IX_PSRTYPE = 0x0300,
	IX_EITR = 0x0820, /* + 4 for each vector */
	IX_MRQC = 0x3000,
	IX_RSSRK = 0x3100, /* 10 words */
	IX_RETA = 0x3200,  /* 16 words, a byte for each entry */
};

/* Of a queue: page, block of the queue, register. */
#define IX_PAGE 0x1000u
#define IX_RX(q) (0x1000u + 0x40u * (q))
#define IX_TX(q) (0x2000u + 0x40u * (q))

enum ix_queue_register {
	IX_DBAL = 0x00,
	IX_DBAH = 0x04,
	IX_DLEN = 0x08,
	IX_DCA = 0x0c,
	IX_DH = 0x10,
	IX_SRRCTL = 0x14, /* receive */
	IX_DT = 0x18,
	IX_GPC = 0x1c, /* packets; queue 0 */
	IX_GOC = 0x20, /* octets */
	IX_DCTL = 0x28,
	IX_MPRC = 0x34,  /* receive */
	IX_DWBAL = 0x38, /* transmit */
	IX_DWBAH = 0x3c,
};

#define IX_CTRL_RST 0x04000000u
#define IX_LINKS_UP 0x40000000u
#define IX_PSRTYPE_ONE 0x00001330u
#define IX_PSRTYPE_TWO 0x20001330u
#define IX_SRRCTL_DROP 0x12000400u /* drop without buffers, advanced, headers of 256; + KiB of a buffer */
#define IX_RXDCTL_ENABLE 0x02000000u
#define IX_RXDCTL_VME 0x40000000u
#define IX_RXDCTL_RLPML_EN 0x00008000u
#define IX_TXDCTL_FLUSH 0x04000000u
#define IX_TXDCTL_ENABLE 0x02080120u /* with the thresholds of ixgbevf */
#define IX_RX_DCA 0x00000200u
#define IX_TX_DCA 0x00002200u
#define IX_MRQC_RSS 0x00330001u /* TCP and IP, 4 and 6 */
#define IX_IVAR_VALID 0x80u
#define IX_EITR_CNT_WDIS 0x80000000u

/* The mailbox. */
#define IX_MB_REQ 0x01u
#define IX_MB_ACK 0x02u
#define IX_MB_VFU 0x04u
#define IX_MB_PFSTS 0x10u
#define IX_MB_PFACK 0x20u
#define IX_MB_RESETS 0xc0u /* RSTI, RSTD */
#define IX_MB_WORDS 16

enum ix_message {
	IX_MSG_RESET = 0x01,
	IX_MSG_SET_MAC = 0x02,
	IX_MSG_SET_MULTICAST = 0x03,
	IX_MSG_SET_VLAN = 0x04,
	IX_MSG_SET_LPE = 0x05,
	IX_MSG_SET_MACVLAN = 0x06,
	IX_MSG_API = 0x08,
	IX_MSG_GET_QUEUE = 0x09,
	IX_MSG_GET_RETA = 0x0a,
	IX_MSG_GET_RSS_KEY = 0x0b,
	IX_MSG_XCAST = 0x0c,
	IX_MSG_LINK_STATE = 0x10,
	IX_MSG_FEATURES = 0x12,
};

#define IX_MSG_SUCCESS 0x80000000u
#define IX_MSG_FAILURE 0x40000000u
#define IX_MSG_CTS 0x20000000u

/* Descriptors. Little-endian, as are the machines that this runs on. */
union ix_rx_desc {
	struct {
		uint64_t packet, header; /* addresses */
	} read;
	struct {
		uint16_t info, header; /* RSS type 3:0, packet type 15:4 */
		uint32_t hash;
		uint32_t status;
		uint16_t len, vlan; /* len is not 0 once it is written back */
	} wb;
	uint64_t word[2];
};

#define IX_RX_DD 0x1u
#define IX_RX_EOP 0x2u
#define IX_RX_VP 0x8u
#define IX_RX_L4CS 0x20u
#define IX_RX_IPCS 0x40u
#define IX_RX_TCPE 0x40000000u
#define IX_RX_IPE 0x80000000u

union ix_tx_desc {
	struct {
		uint64_t addr;
		uint32_t cmd_len, olinfo; /* olinfo: status when written back */
	} data;
	struct {
		uint32_t vlan_macip, seqnum, tucmd, mss_l4;
	} context;
	uint64_t word[2];
};

#define IX_TX_CONTEXT 0x20200000u /* DTYP, DEXT */
#define IX_TX_DATA 0x22300000u    /* DTYP, DEXT, IFCS */
#define IX_TX_EOP 0x01000000u
#define IX_TX_RS 0x08000000u
#define IX_TX_VLE 0x40000000u
#define IX_TX_TSE 0x80000000u
#define IX_TX_DD 0x1u
#define IX_TX_CC 0x80u
#define IX_TX_IXSM 0x100u
#define IX_TX_TXSM 0x200u
#define IX_TX_IPV4 0x400u
#define IX_TX_TCP 0x800u
#define IX_TX_SCTP 0x1000u
#endif
