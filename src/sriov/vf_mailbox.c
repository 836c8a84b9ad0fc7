/* vf_mailbox.c - see vf_mailbox.h. */
#include "sriov/vf_mailbox.h"

#include <errno.h>
#include <string.h>

#include <rte_common.h>

#include "sriov/vf_model.h"

/* Word 0: ixgbevf/mbx.h. */
#define MSG_ID 0x0000FFFFu
#define MSG_INFO_SHIFT 16
#define MSG_INFO 0xFFu
#define MSG_CTS 0x20000000u
#define MSG_FAILURE 0x40000000u
#define MSG_SUCCESS 0x80000000u

enum message_id {
	MSG_RESET = 0x01,
	MSG_SET_MAC_ADDR = 0x02,
	MSG_SET_MULTICAST = 0x03,
	MSG_SET_VLAN = 0x04,
	MSG_SET_LPE = 0x05,
	MSG_SET_MACVLAN = 0x06,
	MSG_API_NEGOTIATE = 0x08,
	MSG_GET_QUEUE = 0x09,
	MSG_GET_RETA = 0x0A,
	MSG_GET_RSS_KEY = 0x0B,
	MSG_UPDATE_XCAST_MODE = 0x0C,
	MSG_IPSEC_ADD = 0x0D,
	MSG_IPSEC_DEL = 0x0E,
	MSG_GET_LINK_STATE = 0x10,
	MSG_FEATURES_NEGOTIATE = 0x12,
	MSG_PF_CONTROL = 0x100,
};

enum xcast { XCAST_NONE, XCAST_MULTI, XCAST_ALLMULTI, XCAST_PROMISC };

#define FEATURE_IPSEC 0x1u
#define GROUPS_MAX 30 /* hashes in a message; ixgbevf/vf.c, ixgbevf_update_mc_addr_list_vf */
#define HASH_BITS 0xFFFu
#define VID_BITS 0xFFFu
#define MC_FILTER_TYPE 0 /* bits 47 to 36 of a group address */
#define FCS_LEN 4
#define ETH_OVERHEAD 14 /* of a frame, beside its payload, without FCS */
#define DEFAULT_MTU 1500
#define LPE_MIN 64  /* a frame with FCS: IEEE 802.3, 4A.4.2 */
#define TX_QUEUES 4 /* the driver's two, and one for XDP beside each (VF_TX_RINGS) */

static void
bit_set(uint64_t *bits, unsigned i, bool on)
{
	if (on)
		bits[i / 64] |= 1ull << i % 64;
	else
		bits[i / 64] &= ~(1ull << i % 64);
}

/* What was agreed on and asked for since the last reset. */
static void
be_new(struct vf_mailbox *m)
{
	m->features = 0;
	m->n_others = 0;
	m->xcast = XCAST_MULTI; /* of a driver too old to say */
	m->many_groups = false;
	memset(m->vlans, 0, sizeof(m->vlans));
	memset(m->multicast, 0, sizeof(m->multicast));
	m->lpe = 0;
	/* An address that the driver chose outlives its resets, as with the PF of Linux, or each ifdown would undo it. */
	if (!m->mac_is_guest || !m->policy->trust) {
		m->mac = m->policy->mac;
		m->mac_is_guest = false;
	}
}

/* ---- messages: each says whether it is granted ---- */

static bool
set_mac_addr(struct vf_mailbox *m, unsigned *effect)
{
	struct mac mac;

	memcpy(mac.byte, m->word + 1, MAC_LEN);
	if (mac_is_zero(&mac) || mac_is_group(&mac))
		return false;
	if (!mac_equal(&mac, &m->policy->mac) && !m->policy->trust)
		return false;
	m->mac = mac;
	m->mac_is_guest = !mac_equal(&mac, &m->policy->mac);
	*effect |= VF_MAILBOX_FILTERS;
	return true;
}

static bool
set_multicast(struct vf_mailbox *m, unsigned *effect)
{
	unsigned n = m->word[0] >> MSG_INFO_SHIFT & MSG_INFO;

	/* A driver with more groups sends the first ones, and does not say so. */
	m->many_groups = n >= GROUPS_MAX;
	if (n > GROUPS_MAX)
		n = GROUPS_MAX;
	memset(m->multicast, 0, sizeof(m->multicast));
	for (unsigned i = 0; i < n; i++)
		bit_set(m->multicast, m->word[1 + i / 2] >> 16 * (i % 2) & HASH_BITS, true);
	*effect |= VF_MAILBOX_FILTERS;
	return true;
}

static bool
set_vlan(struct vf_mailbox *m, unsigned *effect)
{
	bool add = m->word[0] >> MSG_INFO_SHIFT & MSG_INFO;
	unsigned vid = m->word[1] & VID_BITS;

	if (vid == 0) /* priority tags: the stack asks for it by itself (IEEE 802.1Q, 9.6), and always has it */
		return true;
	if (m->policy->vlan != 0)
		return false;
	bit_set(m->vlans, vid, add);
	*effect |= VF_MAILBOX_FILTERS;
	return true;
}

static bool
set_lpe(struct vf_mailbox *m, unsigned *effect)
{
	if (m->word[1] < LPE_MIN || m->word[1] > m->policy->mtu + ETH_OVERHEAD + FCS_LEN)
		return false;
	m->lpe = m->word[1];
	*effect |= VF_MAILBOX_FRAME;
	return true;
}

static bool
set_macvlan(struct vf_mailbox *m, unsigned *effect)
{
	unsigned index = m->word[0] >> MSG_INFO_SHIFT & MSG_INFO;
	struct mac mac;

	memcpy(mac.byte, m->word + 1, MAC_LEN);
	if (index > 0 && (!m->policy->trust || mac_is_zero(&mac) || mac_is_group(&mac)))
		return false;
	if (index <= 1 && m->n_others > 0) {
		m->n_others = 0;
		*effect |= VF_MAILBOX_FILTERS;
	}
	if (index == 0)
		return true;
	if (m->n_others == VF_OTHER_MACS)
		return false;
	m->other[m->n_others++] = mac;
	*effect |= VF_MAILBOX_FILTERS;
	return true;
}

static bool
api_negotiate(struct vf_mailbox *m, unsigned *effect)
{
	/* By enum ixgbe_pfvf_api_rev; 2.0 came before 1.1. */
	static const uint8_t apis[] = { 10, 20, 11, 12, 13, 14, 15, 16, 17 };
	unsigned api = m->word[1] < RTE_DIM(apis) ? apis[m->word[1]] : 0;

	if (api < 10 || (api > 14 && api != 17) || (api == 14 && !m->ipsec))
		return false;
	m->api = api;
	m->features = 0;
	return true;
}

static bool
features_negotiate(struct vf_mailbox *m, unsigned *effect)
{
	m->features = m->word[1] & (m->ipsec ? FEATURE_IPSEC : 0);
	m->word[1] = m->features;
	return true;
}

static bool
get_queue(struct vf_mailbox *m, unsigned *effect)
{
	m->word[1] = TX_QUEUES;
	m->word[2] = VF_PAIRS;
	m->word[3] = 0; /* traffic classes: none */
	m->word[4] = 0; /* default queue */
	return true;
}

static bool
get_reta(struct vf_mailbox *m, unsigned *effect)
{
	if (vf_model_traits(m->model)->own_rss)
		return false;
	memset(m->word + 1, 0, VF_RSS_ENTRIES * 2 / 8);
	for (unsigned i = 0; i < VF_RSS_ENTRIES; i++)
		m->word[1 + i / 16] |= (uint32_t)vf_rss_entry(i) << 2 * (i % 16);
	return true;
}

static bool
get_rss_key(struct vf_mailbox *m, unsigned *effect)
{
	if (vf_model_traits(m->model)->own_rss)
		return false;
	memcpy(m->word + 1, m->rss_key, TOEPLITZ_KEY_LEN);
	return true;
}

/* What a driver that is not trusted asks for beyond groups is granted as groups: it is told so, and may be trusted later. */
static enum xcast
xcast_in_force(const struct vf_mailbox *m)
{
	return m->xcast > XCAST_MULTI && !m->policy->trust ? XCAST_MULTI : (enum xcast)m->xcast;
}

static bool
update_xcast_mode(struct vf_mailbox *m, unsigned *effect)
{
	if (m->word[1] > XCAST_PROMISC || (m->word[1] == XCAST_PROMISC && m->api < 13))
		return false;
	m->xcast = m->word[1];
	m->word[1] = xcast_in_force(m);
	*effect |= VF_MAILBOX_FILTERS;
	return true;
}

static bool
ipsec(struct vf_mailbox *m, unsigned *effect)
{
	m->word[1] = (uint32_t)-EOPNOTSUPP; /* the guest's stack does it in software */
	return false;
}

static bool
get_link_state(struct vf_mailbox *m, unsigned *effect)
{
	/* The driver asks at ifup alone, and a 0 would keep its carrier down for ever after; VFLINKS says when the link is down. */
	m->word[1] = 1;
	return true;
}

static const struct message {
	enum message_id id;
	unsigned api; /* from which on */
	bool (*handle)(struct vf_mailbox *m, unsigned *effect);
} messages[] = {
	{ MSG_SET_MAC_ADDR, 10, set_mac_addr },
	{ MSG_SET_MULTICAST, 10, set_multicast },
	{ MSG_SET_VLAN, 10, set_vlan },
	{ MSG_SET_LPE, 10, set_lpe },
	{ MSG_SET_MACVLAN, 10, set_macvlan },
	{ MSG_API_NEGOTIATE, 10, api_negotiate },
	{ MSG_GET_QUEUE, 11, get_queue },
	{ MSG_GET_RETA, 12, get_reta },
	{ MSG_GET_RSS_KEY, 12, get_rss_key },
	{ MSG_UPDATE_XCAST_MODE, 12, update_xcast_mode },
	{ MSG_IPSEC_ADD, 10, ipsec },
	{ MSG_IPSEC_DEL, 10, ipsec },
	{ MSG_GET_LINK_STATE, 10, get_link_state },
	{ MSG_FEATURES_NEGOTIATE, 17, features_negotiate },
};

static void
reset_message(struct vf_mailbox *m, unsigned *effect)
{
	m->cts = true;
	m->restart = false;
	m->api = 10;
	be_new(m);
	/* Without CTS, and nothing else in it: the driver compares (ixgbevf/vf.c, ixgbevf_reset_hw_vf). */
	m->word[0] = MSG_RESET | MSG_SUCCESS;
	m->word[2] = 0;
	memcpy(m->word + 1, m->mac.byte, MAC_LEN);
	m->word[3] = MC_FILTER_TYPE;
	*effect |= VF_MAILBOX_FILTERS | VF_MAILBOX_FRAME;
}

static void
answer(struct vf_mailbox *m, unsigned *effect)
{
	uint32_t id = m->word[0] & MSG_ID;
	uint32_t verdict = MSG_FAILURE;

	m->messages++;
	m->answered = true;
	m->unread |= VFMAILBOX_PFSTS | VFMAILBOX_PFACK;
	if (id == MSG_RESET) {
		reset_message(m, effect);
		return;
	}
	m->word[0] &= MSG_ID | MSG_INFO << MSG_INFO_SHIFT;
	if (!m->cts) {
		m->word[0] |= MSG_FAILURE;
		return;
	}
	for (unsigned i = 0; i < RTE_DIM(messages); i++)
		if (messages[i].id == id && m->api >= messages[i].api && messages[i].handle(m, effect))
			verdict = MSG_SUCCESS;
	m->word[0] |= verdict | MSG_CTS;
}

/* ---- registers ---- */

bool
vf_mailbox_has(uint32_t offset)
{
	return offset == VFMAILBOX || (offset >= VFMBMEM(0) && offset < VFMBMEM(VFMBMEM_WORDS));
}

uint32_t
vf_mailbox_read(struct vf_mailbox *m, uint32_t offset)
{
	uint32_t value;

	if (offset != VFMAILBOX)
		return m->word[(offset - VFMBMEM(0)) / 4];
	value = m->unread | (m->vfu ? VFMAILBOX_VFU : 0);
	m->unread = 0;
	return value;
}

/* Tells the driver that it has to reset itself. Not while it writes a request, or has an answer to take. */
static unsigned
tell_restart(struct vf_mailbox *m)
{
	if (!m->restart || m->vfu || m->answered)
		return 0;
	m->restart = false;
	/* No CTS, but FAILURE: its link check takes that for a lost PF, and starts over (ixgbevf/vf.c, ixgbevf_check_mac_link_vf). */
	m->word[0] = MSG_PF_CONTROL | MSG_FAILURE;
	m->unread |= VFMAILBOX_PFSTS;
	return VF_MAILBOX_CALL;
}

unsigned
vf_mailbox_write(struct vf_mailbox *m, uint32_t offset, uint32_t value)
{
	unsigned effect = 0;

	if (offset != VFMAILBOX) {
		m->word[(offset - VFMBMEM(0)) / 4] = value;
		return 0;
	}
	m->vfu = value & VFMAILBOX_VFU;
	if (value & VFMAILBOX_ACK)
		m->answered = false;
	if (value & VFMAILBOX_REQ && !vf_model_traits(m->model)->hv) /* no PF listens behind those */
		answer(m, &effect);
	return effect | tell_restart(m);
}

/* ---- its owner ---- */

void
vf_mailbox_init(struct vf_mailbox *m, const struct vf_options *options, const struct vf_policy *policy)
{
	memset(m, 0, sizeof(*m));
	m->model = options->model;
	m->ipsec = options->ipsec;
	m->rss_key = options->rss_key;
	m->policy = policy;
	be_new(m);
}

void
vf_mailbox_reset(struct vf_mailbox *m)
{
	memset(m->word, 0, sizeof(m->word));
	m->unread = 0;
	m->vfu = m->answered = m->cts = m->restart = false;
	m->api = 0;
	be_new(m);
}

void
vf_mailbox_forget(struct vf_mailbox *m)
{
	m->mac_is_guest = false;
	vf_mailbox_reset(m);
}

unsigned
vf_mailbox_policy(struct vf_mailbox *m, const struct vf_policy *former)
{
	bool new_mac = !mac_equal(&former->mac, &m->policy->mac);

	/* An address of its own is no longer granted, or no longer what the host wants. */
	if (new_mac || (m->mac_is_guest && !m->policy->trust)) {
		m->mac_is_guest = false;
		m->restart |= m->cts;
		m->cts = false;
		if (m->api == 0 &&
		    !vf_model_traits(m->model)->hv) /* no driver to keep its address until it resets itself */
			m->mac = m->policy->mac;
	}
	return VF_MAILBOX_FILTERS | VF_MAILBOX_FRAME | tell_restart(m);
}

unsigned
vf_mailbox_hv_reset(struct vf_mailbox *m)
{
	if (mac_equal(&m->mac, &m->policy->mac))
		return 0;
	m->mac = m->policy->mac;
	return VF_MAILBOX_FILTERS;
}

void
vf_mailbox_filters(const struct vf_mailbox *m, struct vf_filters *out)
{
	bool hv = vf_model_traits(m->model)->hv;
	enum xcast xcast = xcast_in_force(m);

	memset(out, 0, sizeof(*out));
	out->mac[out->n_macs++] = m->mac;
	for (unsigned i = 0; m->policy->trust && i < m->n_others; i++)
		out->mac[out->n_macs++] = m->other[i];
	if (m->policy->vlan == 0)
		memcpy(out->vlans, m->vlans, sizeof(out->vlans));
	bit_set(out->vlans, 0, true);
	out->broadcast = xcast != XCAST_NONE;
	out->promiscuous = xcast == XCAST_PROMISC;
	out->all_multicast = hv || xcast >= XCAST_ALLMULTI || (xcast == XCAST_MULTI && m->many_groups);
	out->all_vlans = m->policy->vlan == 0 && (hv || out->promiscuous);
	out->multicast_type = MC_FILTER_TYPE;
	if (xcast != XCAST_NONE)
		memcpy(out->multicast, m->multicast, sizeof(out->multicast));
}

uint32_t
vf_mailbox_max_frame(const struct vf_mailbox *m)
{
	uint32_t limit = m->policy->mtu + ETH_OVERHEAD;
	uint32_t asked = m->lpe != 0 ? m->lpe - FCS_LEN : DEFAULT_MTU + ETH_OVERHEAD;

	/* An _HV driver has nobody to ask. */
	return vf_model_traits(m->model)->hv || asked > limit ? limit : asked;
}
