#ifndef PKT_ADMIT_H
#define PKT_ADMIT_H
/*
 * admit.h - letting packets pass with their IP headers unread. Workers only.
 */
#include "pkt/pkt.h"
#include "pkt/wire.h"

/*
 * As pkt_parse, but a frame without tag that asks for nothing is let pass with its IP headers unread, and what pkt says of them
 * undefined: most frames are only forwarded.
 */
static inline int
pkt_admit(struct pkt *pkt, enum drop_reason *why)
{
	const uint8_t *type = &pkt->hdr[12]; /* behind the addresses */

	if (pkt->hdr_len < 18 || (type[0] == 0x81 && type[1] == 0x00) || pkt->claim.csum || pkt->claim.csum_good ||
	    pkt->claim.gso != PKT_GSO_NONE)
		return pkt_parse(pkt, why);
	pkt->vid = 0;
	pkt->pcp = 0;
	pkt->tagged = false;
	pkt->csum = pkt->claim.unchecked ? PKT_CSUM_UNKNOWN : PKT_CSUM_NONE;
	pkt->gso = PKT_GSO_NONE;
	pkt->gso_ecn = false;
	return 0;
}

/*
 * Whether a second tag follows the one that was taken out. When such a frame leaves without its own tag, who reads tags
 * takes it for one of the inner VLAN: the sender would choose a VLAN that it is not in ("double tagging").
 */
static inline bool
pkt_has_inner_tag(const struct pkt *pkt)
{
	return get_be16(pkt->hdr + ETH_ADDRS_LEN) == TYPE_VLAN;
}
#endif
