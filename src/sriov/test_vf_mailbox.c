/* test_vf_mailbox.c - see test_vf_mailbox.h. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "sriov/test_vf_mailbox.h"

struct vf_mailbox mailbox;
struct vf_policy policy;
unsigned effects;

static struct vf_options options;

void
mailbox_open(enum vf_model model, bool ipsec)
{
	policy =
		(struct vf_policy){ .mac = { { 2, 0xf1, 0, 0, 0, 1 } }, .link = true, .link_mbps = 10000, .mtu = 9000 };
	options = (struct vf_options){ .name = "vm1", .model = model, .ipsec = ipsec };
	for (unsigned i = 0; i < TOEPLITZ_KEY_LEN; i++)
		options.rss_key[i] = (uint8_t)(i + 1);
	vf_mailbox_init(&mailbox, &options, &policy);
}

int
mailbox_fresh(void **state)
{
	mailbox_open(VF_X550, false);
	return 0;
}

/* ixgbevf_write_mbx_vf_legacy and ixgbevf_read_mbx_vf_legacy: lock, words, REQ; PFSTS; lock, words, ACK. */
uint32_t
mailbox_say(uint32_t *words, unsigned n)
{
	effects = vf_mailbox_write(&mailbox, VFMAILBOX, VFMAILBOX_VFU);
	assert_int_equal(vf_mailbox_read(&mailbox, VFMAILBOX) & (VFMAILBOX_VFU | VFMAILBOX_REQ | VFMAILBOX_ACK),
			 VFMAILBOX_VFU);
	for (unsigned i = 0; i < n; i++)
		effects |= vf_mailbox_write(&mailbox, VFMBMEM(i), words[i]);
	effects |= vf_mailbox_write(&mailbox, VFMAILBOX, VFMAILBOX_REQ);
	assert_int_equal(vf_mailbox_read(&mailbox, VFMAILBOX), VFMAILBOX_PFSTS | VFMAILBOX_PFACK);
	assert_int_equal(vf_mailbox_read(&mailbox, VFMAILBOX), 0);
	effects |= vf_mailbox_write(&mailbox, VFMAILBOX, VFMAILBOX_VFU);
	for (unsigned i = 0; i < n; i++)
		words[i] = vf_mailbox_read(&mailbox, VFMBMEM(i));
	effects |= vf_mailbox_write(&mailbox, VFMAILBOX, VFMAILBOX_ACK);
	return words[0];
}

uint32_t
mailbox_say_two(uint32_t word0, uint32_t word1)
{
	uint32_t words[2] = { word0, word1 };

	return mailbox_say(words, 2);
}

void
mailbox_up(unsigned api)
{
	uint32_t words[4] = { 1 };

	assert_int_equal(mailbox_say(words, 4), 0x80000001);
	assert_int_equal(mailbox_say_two(0x08, api), 0x08 | GRANTED);
}

struct vf_filters
mailbox_filters(void)
{
	struct vf_filters f;

	vf_mailbox_filters(&mailbox, &f);
	return f;
}

uint32_t
mailbox_say_mac(uint32_t word0, const uint8_t mac[6])
{
	uint32_t words[3] = { word0 };

	memcpy(words + 1, mac, 6);
	return mailbox_say(words, 3);
}
