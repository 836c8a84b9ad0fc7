/* spread.c - hash of a parsed packet, and its queue; see spread.h. */
#include "nic/spread.h"

#include <netinet/in.h>
#include <string.h>

#include "pkt/admit.h"

#define ETH_LEN 14
#define IPV4_ADDRS 12 /* offset of source and destination, RFC 791, 3.1 */
#define IPV6_ADDRS 8  /* RFC 8200, 3 */
#define ENTRIES_PER_QUEUE 4

void
spread_init(struct spread *s, const struct toeplitz *toeplitz, unsigned n_queues)
{
	unsigned n = 1;

	while (n_queues > 1 && n < n_queues * ENTRIES_PER_QUEUE && n < RXMAP_TABLE_MAX)
		n <<= 1;
	s->toeplitz = toeplitz;
	s->hash_types = HASH_IPV4 | HASH_TCP_IPV4 | HASH_UDP_IPV4 | HASH_IPV6 | HASH_TCP_IPV6 | HASH_UDP_IPV6;
	s->n_entries = (uint16_t)n;
	for (unsigned i = 0; i < n; i++)
		s->entry[i] = (uint16_t)(i % n_queues);
}

/* The four-tuple type that fits, when it is asked for and the packet has ports of its own; else 0. */
static uint8_t
ports_type(const struct spread *s, const struct pkt *pkt)
{
	bool v4 = pkt->ip_version == 4;
	unsigned type = 0;

	if (pkt->l4_off == 0 || pkt->fragment)
		return 0;
	if (pkt->l4_proto == IPPROTO_TCP)
		type = v4 ? HASH_TCP_IPV4 : HASH_TCP_IPV6;
	else if (pkt->l4_proto == IPPROTO_UDP)
		type = v4 ? HASH_UDP_IPV4 : HASH_UDP_IPV6;
	return (uint8_t)(type & s->hash_types);
}

uint32_t
spread_hash(const struct spread *s, struct pkt *pkt, uint8_t *type)
{
	uint8_t input[TOEPLITZ_INPUT_MAX];
	size_t n;

	*type = 0;
	if (!pkt->ip_read)
		pkt_read_ip(pkt);
	if (pkt->ip_version == 0)
		return 0;
	n = pkt->ip_version == 4 ? 8 : 32;
	memcpy(input, pkt->hdr + ETH_LEN + (pkt->ip_version == 4 ? IPV4_ADDRS : IPV6_ADDRS), n);
	*type = ports_type(s, pkt);
	if (*type != 0) {
		memcpy(input + n, pkt->hdr + pkt->l4_off, 4);
		n += 4;
	} else {
		*type = (uint8_t)((pkt->ip_version == 4 ? HASH_IPV4 : HASH_IPV6) & s->hash_types);
		if (*type == 0)
			return 0;
	}
	return toeplitz_hash(s->toeplitz, input, n);
}

unsigned
spread_queue(const struct spread *s, struct pkt *pkt)
{
	uint8_t type;

	if (s->n_entries <= 1)
		return s->entry[0];
	return s->entry[spread_hash(s, pkt, &type) & (s->n_entries - 1u)];
}
