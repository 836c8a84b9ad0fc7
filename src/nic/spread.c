/* spread.c - hash of a parsed packet, and its queue; see spread.h. */
#include "nic/spread.h"

#include <string.h>

#define ENTRIES_PER_QUEUE 4

void
spread_rule_init(struct spread_rule *rule, const struct toeplitz *toeplitz)
{
	memset(rule, 0, sizeof(*rule));
	rule->enabled = true;
	rule->toeplitz = toeplitz;
	rule->hash_types = HASH_TYPES_PLAIN;
}

uint16_t
spread_fill(uint16_t entry[RXMAP_TABLE_MAX], unsigned n_queues)
{
	unsigned n = 1;

	while (n_queues > 1 && n < n_queues * ENTRIES_PER_QUEUE && n < RXMAP_TABLE_MAX)
		n <<= 1;
	for (unsigned i = 0; i < n; i++)
		entry[i] = (uint16_t)(i % n_queues);
	return (uint16_t)n;
}

/* Puts the n queues that there are in place of those that entries name. */
static void
fold(struct spread *s, const uint16_t *queue, unsigned n)
{
	unsigned first = UINT16_MAX, rest;

	for (unsigned i = 0; i < s->n_entries; i++)
		first = s->entry[i] < first ? s->entry[i] : first;
	if (first >= n)
		first = 0;
	rest = n > first ? n - first : 1;
	for (unsigned i = 0; i < s->n_entries; i++) {
		uint16_t nth = (uint16_t)(first + (s->entry[i] - first) % rest);

		s->entry[i] = queue != NULL ? queue[nth] : nth;
	}
}

void
spread_init(struct spread *s, const struct spread_rule *rule, const uint16_t *queue, unsigned n)
{
	bool spreads = rule->enabled && rule->toeplitz != NULL && n > 1;

	flowhash_init(&s->hash, rule->toeplitz, rule->hash_types);
	if (!spreads || rule->n_entries == 0) {
		s->n_entries = spread_fill(s->entry, spreads ? n : 1);
	} else {
		s->n_entries = rule->n_entries;
		memcpy(s->entry, rule->entry, rule->n_entries * sizeof(rule->entry[0]));
	}
	fold(s, queue, n);
}

uint32_t
spread_hash(const struct spread *s, const struct pkt *pkt, uint16_t *type)
{
	uint32_t hash = 0;

	*type = flowhash_ip(&s->hash, pkt->hdr + ETH_HEADER_LEN, pkt->hdr_len - (size_t)ETH_HEADER_LEN,
			    get_be16(pkt->hdr + ETH_ADDRS_LEN), &hash);
	return hash;
}

unsigned
spread_queue(const struct spread *s, const struct pkt *pkt)
{
	uint16_t type;

	if (s->n_entries <= 1)
		return s->entry[0];
	return s->entry[spread_hash(s, pkt, &type) & (s->n_entries - 1u)];
}
