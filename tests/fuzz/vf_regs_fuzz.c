/*
 * vf_regs_fuzz.c - any accesses to the registers, the mailbox and the configuration space of a virtual function of any model, with a
 * policy that changes meanwhile.
 *
 * Input: byte 0 says which model (bits 0 to 2) and whether IPsec is offered (bit 3); then actions: byte 0 says which and how long
 * (act); offset, two bytes, and for writes up to eight bytes follow. What must hold: no report of a sanitizer; VFSTATUS reads 0 and
 * VFMAILBOX shows neither a request nor a reset; addresses, lists, frames and rules stay within their bounds; the driver's reset is
 * answered as ever at the end.
 */
#include <stdlib.h>
#include <string.h>

#include "sriov/vf_config.h"
#include "sriov/vf_model.h"
#include "sriov/vf_regs.h"
#include "tests/fuzz/fuzz.h"

#define MTU 9000

static struct vf_regs regs;
static struct vf_mailbox mailbox;
static struct vf_interrupt interrupt;
static struct vf_config config;
static struct vf_policy policy;
static _Alignas(8) uint8_t pages[2 * VF_PAGE_SIZE];

static uint32_t
get(uint32_t offset)
{
	uint32_t value;

	vf_regs_read(&regs, offset, &value, sizeof(value));
	return value;
}

static void
put(uint32_t offset, uint32_t value)
{
	if (vf_regs_write(&regs, offset, &value, sizeof(value)) & VF_REGS_RESET)
		vf_mailbox_reset(&mailbox);
}

/* ---- actions ---- */

static void
access_bar(uint8_t what, uint32_t offset, const uint8_t bytes[8])
{
	static const uint8_t lens[] = { 4, 1, 2, 8 };
	unsigned len = lens[what >> 3 & 3];
	uint8_t room[8];

	offset %= VF_BAR_SIZE - 7;
	if (what & 0x20) { /* near the mailbox, where most happens */
		offset = offset & 1 ? VFMAILBOX : VFMBMEM(offset / 2 % VFMBMEM_WORDS);
		len = 4;
	}
	if (what & 0x40)
		vf_regs_read(&regs, offset, room, len);
	else if (vf_regs_write(&regs, offset, bytes, len) & VF_REGS_RESET) {
		vf_interrupt_reset(&interrupt);
		vf_regs_reset(&regs);
		vf_mailbox_reset(&mailbox);
	}
}

static void
access_config(uint8_t what, uint32_t offset, const uint8_t bytes[8])
{
	uint8_t room[8];
	uint32_t len = 1 + (what >> 3 & 7);

	offset %= VF_CONFIG_SIZE - 8;
	if (what & 0x40)
		vf_config_read(&config, offset, room, len);
	else
		vf_config_write(&config, offset, bytes, len);
	vf_config_read(&config, 0, room, 4);
	must(room[0] == 0x86 && room[1] == 0x80);
}

static void
change_policy(const uint8_t bytes[8])
{
	struct vf_policy former = policy;

	policy.trust = bytes[0] & 1;
	policy.link = bytes[0] & 2;
	policy.vlan = bytes[0] & 4 ? 7 : 0;
	policy.mac.byte[5] = bytes[1];
	policy.mtu = 68 + bytes[2] * 35u;
	vf_mailbox_policy(&mailbox, &former);
	vf_regs_set_link(&regs, policy.link, bytes[3] * 1000u);
}

static void
act(uint8_t what, uint32_t offset, const uint8_t bytes[8])
{
	switch (what & 7) {
	default:
		access_bar(what, offset, bytes);
		break;
	case 5:
		access_config(what, offset, bytes);
		break;
	case 6:
		change_policy(bytes);
		break;
	case 7:
		vf_mailbox_hv_reset(&mailbox);
	}
}

/* ---- what must hold ---- */

static void
check(void)
{
	struct vf_rx_rules rules;
	struct vf_filters filters;

	must(get(VFSTATUS) == 0);
	must((get(VFMAILBOX) & ~(VFMAILBOX_VFU | VFMAILBOX_PFSTS | VFMAILBOX_PFACK)) == 0);
	vf_mailbox_filters(&mailbox, &filters);
	must(filters.n_macs >= 1 && filters.n_macs <= 1 + VF_OTHER_MACS && filters.vlans[0] & 1);
	for (unsigned i = 0; i < filters.n_macs; i++)
		must(!mac_is_group(&filters.mac[i]) && !mac_is_zero(&filters.mac[i]));
	must(policy.trust || (!filters.promiscuous && filters.n_macs == 1));
	vf_regs_rules(&regs, &rules);
	must(rules.n_entries <= sizeof(rules.entry) && rules.max_frame <= policy.mtu + 14);
	for (unsigned i = 0; i < rules.n_entries; i++)
		must(rules.entry[i] < VF_RX_RINGS);
}

static void
reset_as_the_driver_does(void)
{
	put(VFCTRL, VFCTRL_RST);
	must((get(VFMAILBOX) & (VFMAILBOX_RSTI | VFMAILBOX_RSTD)) == 0);
	put(VFMAILBOX, VFMAILBOX_VFU);
	must(get(VFMAILBOX) & VFMAILBOX_VFU);
	put(VFMBMEM(0), 1);
	put(VFMAILBOX, VFMAILBOX_REQ);
	if (vf_model_traits(regs.model)->hv)
		return;
	must(get(VFMAILBOX) & VFMAILBOX_PFSTS);
	must(get(VFMBMEM(0)) == 0x80000001);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct vf_options options = { .name = "vm" };
	size_t at = 1;

	if (size == 0)
		return 0;
	options.model = (enum vf_model)((data[0] & 7) % VF_MODELS);
	options.ipsec = data[0] & 8;
	policy = (struct vf_policy){ .mac = { { 2, 0xf1, 0, 0, 0, 1 } }, .link = true, .link_mbps = 10000, .mtu = MTU };
	memset(pages, 0, sizeof(pages));
	vf_config_init(&config, options.model, &policy.mac);
	vf_mailbox_init(&mailbox, &options, &policy);
	vf_interrupt_init(&interrupt, 0);
	vf_regs_init(&regs, options.model, &mailbox, &interrupt, pages);
	while (at + 3 <= size) {
		uint8_t what = data[at], bytes[8] = { 0 };
		uint32_t offset = data[at + 1] | (uint32_t)data[at + 2] << 8;
		size_t n = size - at - 3 < sizeof(bytes) ? size - at - 3 : sizeof(bytes);

		at += 3;
		if (!(what & 0x40)) { /* a read needs none */
			memcpy(bytes, data + at, n);
			at += n;
		}
		act(what, offset, bytes);
		check();
	}
	reset_as_the_driver_does();
	vf_interrupt_fini(&interrupt);
	return 0;
}
