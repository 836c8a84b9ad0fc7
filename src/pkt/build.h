#ifndef PKT_BUILD_H
#define PKT_BUILD_H
/*
 * build.h - a parsed packet on its way out: as spans, as a virtio-net header, or as
 * complete frames with finished checksums and segments cut. Workers only.
 *
 * tag: the 802.1Q TCI to put in front of the EtherType (PCP << 13 | VID), or PKT_TAG_NONE.
 */
#include <linux/virtio_net.h>

#include "pkt/pkt.h"

#define PKT_TAG_NONE (-1)
#define VIRTIO_NET_GSO_UDP_L4 5 /* virtio 1.2, 5.1.6: not in the kernel headers of Debian 12 */

/* The frame as at most max spans (PKT_SEGS_MAX is always enough for n_segs <= PKT_SEGS_MAX - 3), nothing copied
 * but the tag, which lives in tag_room[4]. Returns the number of spans, 0 when max is too small or segs hold less than
 * pkt->len says. */
unsigned pkt_spans(const struct pkt *pkt, int tag, uint8_t tag_room[4], struct iovec *out, unsigned max);

/*
 * Copies the whole frame, as it lies in its sender's memory, to room, which becomes its one, writable span; seg is for
 * that. The header copy stays what it was. Returns its bytes, or 0 when it holds more than size.
 */
uint32_t pkt_gather(struct pkt *pkt, uint8_t *room, uint32_t size, struct iovec *seg);

/* Bytes of the frame as it leaves, tag counted, before any cut. */
static inline uint32_t
pkt_out_len(const struct pkt *pkt, int tag)
{
	return pkt->len + (tag == PKT_TAG_NONE ? 0 : 4);
}

/* The header that tells a receiver with all offloads about pkt: made from our parse alone (virtio 1.2, 5.1.6.2).
 * GOOD gives DATA_VALID, PARTIAL gives NEEDS_CSUM, the rest no flags. Fields are little-endian. */
void pkt_virtio_header(const struct pkt *pkt, int tag, struct virtio_net_hdr *out);

/*
 * Cutting: one packet to one or more complete frames (software GSO). A packet without gso gives one frame.
 *
 *	struct pkt_cut cut;
 *	pkt_cut_start(&cut, pkt, tag);
 *	while ((n = pkt_cut_next(&cut, room, size)) > 0)
 *		send(room, n);
 */
struct pkt_cut {
	const struct pkt *pkt;
	int tag;
	uint16_t head;  /* bytes of hdr that every frame begins with */
	uint32_t total; /* bytes behind them */
	uint32_t done;  /* of these, already cut */
	uint16_t index; /* frames made */
	bool finished;
	uint16_t seg; /* where the first byte that is not in hdr and not cut yet lies: */
	size_t seg_off;
};

void pkt_cut_start(struct pkt_cut *cut, const struct pkt *pkt, int tag);

/*
 * Copies the next complete frame to dst and finishes its checksums in the same pass: TCP/UDP when the packet
 * was PARTIAL or is cut, the IPv4 header's when it is cut (RFC 1624 not needed: both are made anew). dst may be a
 * guest's memory: what was written there is read back only to sum it. TCP: sequence
 * number, FIN and PSH on the last segment only, CWR on the first only, IPv4 id increments per segment. UDP (USO): length and checksum per
 * datagram. Returns the frame's length in bytes, 0 when all frames were made, or -1 when room is too small or segs
 * hold less than pkt->len says.
 */
int pkt_cut_next(struct pkt_cut *cut, uint8_t *dst, uint32_t room);

/* Frames that cutting will give, 1 without gso; and the length in bytes of the longest of them, tag counted. */
unsigned pkt_cut_count(const struct pkt *pkt);
uint32_t pkt_cut_longest(const struct pkt *pkt, int tag);
#endif
