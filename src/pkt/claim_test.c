/* claim_test.c - what a virtio-net header asks for. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <endian.h>

#include "pkt/build.h"
#include "pkt/claim.h"
#include "pkt/wire.h"

static const struct {
	uint8_t flags, gso_type;
	uint16_t type, inner_type; /* EtherType, and the one behind a tag */
	bool csum;
	enum pkt_gso gso;
} rows[] = {
	{ 0, VIRTIO_NET_HDR_GSO_NONE, TYPE_IPV4, 0, false, PKT_GSO_NONE },
	{ VIRTIO_NET_HDR_F_NEEDS_CSUM, VIRTIO_NET_HDR_GSO_NONE, TYPE_IPV4, 0, true, PKT_GSO_NONE },
	{ VIRTIO_NET_HDR_F_DATA_VALID, VIRTIO_NET_HDR_GSO_NONE, TYPE_IPV4, 0, false, PKT_GSO_NONE },
	{ VIRTIO_NET_HDR_F_NEEDS_CSUM, VIRTIO_NET_HDR_GSO_TCPV4, TYPE_IPV4, 0, true, PKT_GSO_TCP4 },
	{ VIRTIO_NET_HDR_F_NEEDS_CSUM, VIRTIO_NET_HDR_GSO_TCPV4 | VIRTIO_NET_HDR_GSO_ECN, TYPE_IPV4, 0, true,
	  PKT_GSO_TCP4 },
	{ VIRTIO_NET_HDR_F_NEEDS_CSUM, VIRTIO_NET_HDR_GSO_TCPV6, TYPE_IPV6, 0, true, PKT_GSO_TCP6 },
	{ VIRTIO_NET_HDR_F_NEEDS_CSUM, VIRTIO_NET_GSO_UDP_L4, TYPE_IPV4, 0, true, PKT_GSO_UDP4 },
	{ VIRTIO_NET_HDR_F_NEEDS_CSUM, VIRTIO_NET_GSO_UDP_L4, TYPE_IPV6, 0, true, PKT_GSO_UDP6 },
	{ VIRTIO_NET_HDR_F_NEEDS_CSUM, VIRTIO_NET_GSO_UDP_L4, TYPE_VLAN, TYPE_IPV4, true, PKT_GSO_UDP4 },
	{ VIRTIO_NET_HDR_F_NEEDS_CSUM, VIRTIO_NET_GSO_UDP_L4, TYPE_VLAN, TYPE_IPV6, true, PKT_GSO_UDP6 },
	{ 0, VIRTIO_NET_HDR_GSO_TCPV4, TYPE_IPV4, 0, false, PKT_GSO_TCP4 }, /* pkt_parse refuses it */
};

static void
a_header_becomes_a_claim(void **state)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct virtio_net_hdr h = {
			.flags = rows[i].flags,
			.gso_type = rows[i].gso_type,
			.gso_size = htole16(1448),
			.hdr_len = 0xffff, /* not looked at */
			.csum_start = htole16(34),
			.csum_offset = htole16(16),
		};
		struct pkt pkt = { .claim = { .csum_good = true, .unchecked = true } };

		put_be16(pkt.hdr + ETH_ADDRS_LEN, rows[i].type);
		put_be16(pkt.hdr + ETH_ADDRS_LEN + VLAN_TAG_LEN, rows[i].inner_type);
		pkt_claim_read(&pkt, &h);
		if (pkt.claim.csum != rows[i].csum || pkt.claim.gso != rows[i].gso)
			fail_msg("row %zu: csum %d, gso %d", i, pkt.claim.csum, pkt.claim.gso);
		assert_false(pkt.claim.csum_good);
		assert_false(pkt.claim.unchecked);
		if (rows[i].csum) {
			assert_int_equal(pkt.claim.csum_start, 34);
			assert_int_equal(pkt.claim.csum_offset, 16);
			assert_int_equal(pkt.claim.gso_size, 1448);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(a_header_becomes_a_claim) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
