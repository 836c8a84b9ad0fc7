/* vf_config.c - see vf_config.h. */
#include "sriov/vf_config.h"

#include <string.h>

#include <rte_common.h>

#include "sriov/vf_layout.h"
#include "sriov/vf_model.h"

#define COMMAND 0x04u
#define COMMAND_MASTER 0x4u
#define DEVICE_CONTROL (VF_CONFIG_PCIE + 0x08u)
#define DEVICE_CONTROL_FLR 0x80u /* in its second byte: PCIe 7.8.4, bit 15 */

/* What stands there, and which bits of it a write changes. */
struct field {
	uint16_t at;
	uint8_t len; /* bytes, little-endian */
	uint32_t value, writable;
};

#define BAR_LOW 0x0000000Cu /* memory, 64 bits, prefetchable (PCI 6.2.5.1) */
#define BAR_LOW_BITS (~(VF_BAR_SIZE - 1))

static const struct field fields[] = {
	{ 0x00, 2, 0x8086, 0 },
	/* I/O there is none; memory, bus master, parity, SERR, INTx disable. */
	{ COMMAND, 2, 0, 0x0546 },
	{ 0x06, 2, 0x0010, 0 },     /* status: capabilities */
	{ 0x08, 4, 0x02000001, 0 }, /* class: Ethernet; revision 1 */
	{ 0x0C, 1, 0, 0xFF },       /* cache line size */
	{ 0x10, 4, BAR_LOW, BAR_LOW_BITS },
	{ 0x14, 4, 0, 0xFFFFFFFF },
	{ 0x1C, 4, BAR_LOW, BAR_LOW_BITS },
	{ 0x20, 4, 0, 0xFFFFFFFF },
	{ 0x2C, 2, 0x8086, 0 }, /* subsystem vendor; its device is 0 */
	{ 0x34, 1, VF_CONFIG_MSIX, 0 },
	{ 0x3C, 1, 0, 0xFF }, /* interrupt line; there is no pin */

	/* MSI-X: id, next; control: size - 1, function mask, enable; table and PBA with their BAR. */
	{ VF_CONFIG_MSIX, 2, VF_CONFIG_PCIE << 8 | 0x11, 0 },
	{ VF_CONFIG_MSIX + 2, 2, VF_VECTORS - 1, 0xC000 },
	{ VF_CONFIG_MSIX + 4, 4, VF_MSIX_BAR, 0 },
	{ VF_CONFIG_MSIX + 8, 4, VF_MSIX_PBA | VF_MSIX_BAR, 0 },

	/* PCI Express: id; version 2, endpoint. Payloads of 512 bytes, extended tags, role-based errors, FLR. */
	{ VF_CONFIG_PCIE, 2, 0x10, 0 },
	{ VF_CONFIG_PCIE + 0x02, 2, 0x0002, 0 },
	{ VF_CONFIG_PCIE + 0x04, 4, 0x10008022, 0 },
	/* Reporting, relaxed ordering, payload, extended tags, no snoop, read request; 512 bytes as after reset. FLR reads 0. */
	{ DEVICE_CONTROL, 2, 0x2810, 0x79FF },
	/* A link of 5 GT/s and 8 lanes, as the card has; nothing depends on it. */
	{ VF_CONFIG_PCIE + 0x0C, 4, 0x00000082, 0 },
	{ VF_CONFIG_PCIE + 0x10, 2, 0, 0x01C3 },
	{ VF_CONFIG_PCIE + 0x12, 2, 0x0082, 0 },
};

static void
store(uint8_t *at, uint32_t value, unsigned len)
{
	for (unsigned i = 0; i < len; i++)
		at[i] = (uint8_t)(value >> 8 * i);
}

static uint8_t
writable_bits(uint32_t offset)
{
	for (unsigned i = 0; i < RTE_DIM(fields); i++)
		if (offset - fields[i].at < fields[i].len)
			return (uint8_t)(fields[i].writable >> 8 * (offset - fields[i].at));
	return 0;
}

void
vf_config_init(struct vf_config *c, enum vf_model model, const struct mac *mac)
{
	const struct vf_model_traits *traits = vf_model_traits(model);

	memset(c, 0, sizeof(*c));
	for (unsigned i = 0; i < RTE_DIM(fields); i++)
		store(c->byte + fields[i].at, fields[i].value, fields[i].len);
	store(c->byte + 0x02, traits->device, 2);
	if (traits->hv)
		vf_config_set_mac(c, mac);
}

void
vf_config_set_mac(struct vf_config *c, const struct mac *mac)
{
	memcpy(c->byte + VF_CONFIG_MAC, mac->byte, MAC_LEN);
}

void
vf_config_read(const struct vf_config *c, uint32_t offset, void *bytes, uint32_t len)
{
	memcpy(bytes, c->byte + offset, len);
}

unsigned
vf_config_write(struct vf_config *c, uint32_t offset, const void *bytes, uint32_t len)
{
	const uint8_t *from = bytes;
	bool was_master = vf_config_is_master(c);
	unsigned effect = 0;

	for (uint32_t i = 0; i < len; i++) {
		uint32_t at = offset + i;
		uint8_t bits = writable_bits(at);

		c->byte[at] = (uint8_t)((c->byte[at] & ~bits) | (from[i] & bits));
		if (at == DEVICE_CONTROL + 1 && from[i] & DEVICE_CONTROL_FLR)
			effect |= VF_CONFIG_RESET;
	}
	if (was_master && !vf_config_is_master(c))
		effect |= VF_CONFIG_MASTER_OFF;
	return effect;
}

bool
vf_config_is_master(const struct vf_config *c)
{
	return c->byte[COMMAND] & COMMAND_MASTER;
}
