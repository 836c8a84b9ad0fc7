/* vf_regs.c - see vf_regs.h. */
#include "sriov/vf_regs.h"

#include <stdatomic.h>
#include <string.h>

#include <rte_common.h>

#include "nic/flowhash.h"
#include "sriov/vf_model.h"

/* ---- pages 1 and 2 ---- */

/* Bits that hold what was written; others are 0, or ours to show (counters). */
static const uint32_t rx_bits[VF_QUEUE_STRIDE / 4] = {
	[VFRDBAL / 4] = VF_DBAL_BITS,    [VFRDBAH / 4] = 0xFFFFFFFF,    [VFRDLEN / 4] = VF_DLEN_BITS,
	[VFDCA_RXCTRL / 4] = 0xFF00FFFF, [VFRDH / 4] = VF_POINTER_BITS, [VFSRRCTL / 4] = 0x1FC03F1F,
	[VFRDT / 4] = VF_POINTER_BITS,   [VFRXDCTL / 4] = 0x4200BFFF,   [VFRSCCTL / 4] = 0x0000000D,
};
static const uint32_t tx_bits[VF_QUEUE_STRIDE / 4] = {
	[VFTDBAL / 4] = VF_DBAL_BITS,    [VFTDBAH / 4] = 0xFFFFFFFF,    [VFTDLEN / 4] = VF_DLEN_BITS,
	[VFDCA_TXCTRL / 4] = 0xFF00FFFF, [VFTDH / 4] = VF_POINTER_BITS, [VFTDT / 4] = VF_POINTER_BITS,
	[VFTXDCTL / 4] = 0x067F7F7F,     [VFTDWBAL / 4] = 0xFFFFFFFD,   [VFTDWBAH / 4] = 0xFFFFFFFF,
};
_Static_assert(VFRDT == VFTDT && VFRXDCTL == VFTXDCTL, "both directions alike");

static _Atomic uint32_t *
queue_register(const struct vf_regs *r, uint32_t offset)
{
	return (_Atomic uint32_t *)(void *)(r->pages + (offset - VF_RX_PAGE));
}

static unsigned
write_queue(struct vf_regs *r, uint32_t offset, uint32_t value)
{
	uint32_t in_page = offset % VF_PAGE_SIZE, in_block = offset % VF_QUEUE_STRIDE;

	if (in_page >= VF_QUEUE(VF_QUEUE_BLOCKS))
		return 0;
	value &= (offset < VF_TX_PAGE ? rx_bits : tx_bits)[in_block / 4];
	if ((offset < VF_TX_PAGE ? rx_bits : tx_bits)[in_block / 4] == 0)
		return 0;
	/* Release: descriptors that a tail stands for were written before; partner: the lane's acquire of it (vf_rings.h). */
	atomic_store_explicit(queue_register(r, offset), value, memory_order_release);
	if (in_block == VFRDT)
		return VF_REGS_TAIL;
	return in_block == VFRXDCTL ? VF_REGS_CONTROL : 0;
}

/* ---- page 3 ---- */

#define MRQC_BITS 0x00FF0001u /* fields that 82599 datasheet 8.2.3.7.1 (MRQC) has for RSS */
#define RETA_BITS 0x03030303u

static uint32_t *
rss_register(struct vf_regs *r, uint32_t offset, uint32_t *bits)
{
	if (offset == VFMRQC) {
		*bits = MRQC_BITS;
		return &r->mrqc;
	}
	if (offset >= VFRSSRK(0) && offset < VFRSSRK(VFRSSRKS)) {
		*bits = 0xFFFFFFFF;
		return &r->rssrk[(offset - VFRSSRK(0)) / 4];
	}
	if (offset >= VFRETA(0) && offset < VFRETA(VFRETAS)) {
		*bits = RETA_BITS;
		return &r->reta[(offset - VFRETA(0)) / 4];
	}
	return NULL;
}

/* ---- page 0, and all ---- */

#define PSRTYPE_BITS 0xE0001FFFu

static uint32_t
read_register(struct vf_regs *r, uint32_t offset)
{
	uint32_t bits;
	uint32_t *rss;

	if (offset >= VF_RX_PAGE && offset < VF_RSS_PAGE)
		return atomic_load_explicit(queue_register(r, offset), memory_order_relaxed);
	if (offset >= VF_RSS_PAGE) {
		rss = vf_model_traits(r->model)->own_rss ? rss_register(r, offset, &bits) : NULL;
		return rss != NULL ? *rss : 0;
	}
	if (vf_interrupt_has(offset))
		return vf_interrupt_read(r->interrupt, offset);
	if (vf_mailbox_has(offset))
		return vf_mailbox_read(r->mailbox, offset);
	if (offset == VFLINKS)
		return r->links;
	return offset == VFPSRTYPE ? r->psrtype : 0;
}

static unsigned
write_register(struct vf_regs *r, uint32_t offset, uint32_t value)
{
	uint32_t bits;
	uint32_t *rss;

	if (offset >= VF_RX_PAGE && offset < VF_RSS_PAGE)
		return write_queue(r, offset, value);
	if (offset >= VF_RSS_PAGE) {
		rss = vf_model_traits(r->model)->own_rss ? rss_register(r, offset, &bits) : NULL;
		if (rss == NULL)
			return 0;
		*rss = value & bits;
		return VF_REGS_RSS;
	}
	if (vf_interrupt_has(offset)) {
		vf_interrupt_write(r->interrupt, offset, value);
		return offset == VTEIMS ? VF_REGS_UNMASK : 0;
	}
	if (vf_mailbox_has(offset))
		return vf_mailbox_write(r->mailbox, offset, value);
	if (offset == VFCTRL)
		return value & VFCTRL_RST ? VF_REGS_RESET : 0;
	if (offset != VFPSRTYPE)
		return 0;
	r->psrtype = value & PSRTYPE_BITS;
	return VF_REGS_RSS;
}

void
vf_regs_read(struct vf_regs *r, uint32_t offset, void *bytes, unsigned len)
{
	uint32_t value;

	if (len > 0 && offset % 4 + len <= 4) {
		value = read_register(r, offset & ~3u);
		memcpy(bytes, (uint8_t *)&value + offset % 4, len);
		return;
	}
	memset(bytes, 0, len);
	if (offset % 4 != 0 || len % 4 != 0)
		return;
	for (unsigned i = 0; i < len; i += 4) {
		value = read_register(r, offset + i);
		memcpy((uint8_t *)bytes + i, &value, sizeof(value));
	}
}

unsigned
vf_regs_write(struct vf_regs *r, uint32_t offset, const void *bytes, unsigned len)
{
	unsigned effect = 0;
	uint32_t value;

	if (offset % 4 != 0 || len % 4 != 0)
		return 0;
	for (unsigned i = 0; i < len; i += 4) {
		memcpy(&value, (const uint8_t *)bytes + i, sizeof(value));
		effect |= write_register(r, offset + i, value);
	}
	return effect;
}

/* ---- its owner ---- */

void
vf_regs_init(struct vf_regs *r, enum vf_model model, struct vf_mailbox *mailbox, struct vf_interrupt *interrupt,
	     uint8_t *pages)
{
	*r = (struct vf_regs){ .model = model, .mailbox = mailbox, .interrupt = interrupt, .pages = pages };
}

void
vf_regs_reset(struct vf_regs *r)
{
	r->psrtype = r->mrqc = 0;
	memset(r->rssrk, 0, sizeof(r->rssrk));
	memset(r->reta, 0, sizeof(r->reta));
}

void
vf_regs_set_link(struct vf_regs *r, bool up, unsigned mbps)
{
	uint32_t speed = mbps == 1000 ? VFLINKS_1G : mbps == 100 ? VFLINKS_100M : VFLINKS_10G;

	r->links = up ? VFLINKS_UP | speed : 0;
}

/* VFMRQC's fields as NDIS has them. */
static unsigned
hash_types(uint32_t mrqc)
{
	static const struct {
		uint32_t bit;
		unsigned type;
	} rows[] = {
		{ VFMRQC_IPV4, HASH_IPV4 }, { VFMRQC_TCP_IPV4, HASH_TCP_IPV4 }, { VFMRQC_UDP_IPV4, HASH_UDP_IPV4 },
		{ VFMRQC_IPV6, HASH_IPV6 }, { VFMRQC_TCP_IPV6, HASH_TCP_IPV6 }, { VFMRQC_UDP_IPV6, HASH_UDP_IPV6 },
	};
	unsigned types = 0;

	for (unsigned i = 0; i < RTE_DIM(rows); i++)
		if (mrqc & rows[i].bit)
			types |= rows[i].type;
	return types;
}

void
vf_regs_rules(const struct vf_regs *r, struct vf_rx_rules *out)
{
	bool two = r->psrtype & VFPSRTYPE_RQPL;

	*out = (struct vf_rx_rules){ .link = r->links & VFLINKS_UP, .max_frame = vf_mailbox_max_frame(r->mailbox) };
	if (vf_model_traits(r->model)->own_rss) {
		out->rss = two && r->mrqc & VFMRQC_RSSEN;
		out->hash_types = hash_types(r->mrqc);
		out->n_entries = VFRETAS * 4;
		memcpy(out->key, r->rssrk, sizeof(out->key));
		for (unsigned i = 0; i < out->n_entries; i++)
			out->entry[i] = (uint8_t)(r->reta[i / 4] >> 8 * (i % 4) & 1);
		return;
	}
	out->rss = two;
	/* As ixgbe has it for its VFs (ixgbe_main.c, ixgbe_setup_mrqc). */
	out->hash_types = HASH_IPV4 | HASH_TCP_IPV4 | HASH_IPV6 | HASH_TCP_IPV6;
	out->n_entries = VF_RSS_ENTRIES;
	memcpy(out->key, r->mailbox->rss_key, sizeof(out->key));
	for (unsigned i = 0; i < out->n_entries; i++)
		out->entry[i] = vf_rss_entry(i);
}
