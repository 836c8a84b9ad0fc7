#ifndef SRIOV_VF_CONFIG_H
#define SRIOV_VF_CONFIG_H
/*
 * vf_config.h - the PCI configuration space of a virtual function: 4096 bytes. For src/sriov/, control.
 *
 * An ordinary endpoint of its own, not a VF behind a PF's capability: ids, command and BARs are there, as a VMM shows them to its guest.
 * PCI Local Bus 3.0, chapter 6, and PCI Express Base 3.0, 7.5 to 7.8; where capabilities stand is the 82599 datasheet's, 9.3. There are
 * no extended capabilities: the dword at 0x100 is 0. What a guest writes of MSI-X is kept to be read; vectors come by the session.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "sriov/vf.h"

#define VF_CONFIG_SIZE 4096u
#define VF_CONFIG_MSIX 0x70u /* capability */
#define VF_CONFIG_PCIE 0xA0u /* capability */
#define VF_CONFIG_MAC 0x201u /* _HV: six bytes (ixgbevf/vf.c, ixgbevf_hv_reset_hw_vf) */
#define VF_MSIX_BAR 3u
#define VF_MSIX_PBA 0x2000u /* in that BAR; the table is at 0 */

struct vf_config {
	uint8_t byte[VF_CONFIG_SIZE];
};

/* What a write asked for. */
enum vf_config_effect {
	VF_CONFIG_RESET = 0x1,      /* function level reset */
	VF_CONFIG_MASTER_OFF = 0x2, /* bus mastering went off */
};

/* As after power-on. mac: what an _HV model shows; no other has it. */
void vf_config_init(struct vf_config *c, enum vf_model model, const struct mac *mac);

/* Another address to show; for an _HV model alone. */
void vf_config_set_mac(struct vf_config *c, const struct mac *mac);

/* offset + len is at most VF_CONFIG_SIZE. */
void vf_config_read(const struct vf_config *c, uint32_t offset, void *bytes, uint32_t len);

/* Writes what may be written; returns enum vf_config_effect, OR-ed. */
unsigned vf_config_write(struct vf_config *c, uint32_t offset, const void *bytes, uint32_t len);

/* Whether it may be a bus master. */
bool vf_config_is_master(const struct vf_config *c);
#endif
