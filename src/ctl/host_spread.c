/*
 * host_spread.c - how frames are spread over the queues of ports' NICs: the port's vRSS, by the hash of its switch's adapter; see host.h.
 *
 * A key is prepared once for all ports that have it. It goes with the last rule that borrows it: a medium that has taken another
 * one has seen its lanes pass on.
 */
#include "ctl/host_medium.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ENTRIES 128 /* of a port without an adapter: native RSS' maximum, NDIS */

struct host_key {
	struct host_key *next;
	unsigned rules; /* that borrow it */
	struct toeplitz *toeplitz;
	uint8_t bytes[TOEPLITZ_KEY_LEN];
};

/* NULL without memory. */
static struct host_key *
key_take(struct host *host, const uint8_t bytes[TOEPLITZ_KEY_LEN])
{
	struct host_key *key = host->keys;

	while (key != NULL && memcmp(key->bytes, bytes, sizeof(key->bytes)) != 0)
		key = key->next;
	if (key == NULL) {
		key = calloc(1, sizeof(*key));
		if (key == NULL)
			return NULL;
		key->toeplitz = toeplitz_new(bytes, true);
		if (key->toeplitz == NULL) {
			free(key);
			return NULL;
		}
		memcpy(key->bytes, bytes, sizeof(key->bytes));
		key->next = host->keys;
		host->keys = key;
	}
	key->rules++;
	return key;
}

static void
key_give(struct host *host, struct host_key *key)
{
	struct host_key **at = &host->keys;

	if (key == NULL || --key->rules > 0)
		return;
	while (*at != key)
		at = &(*at)->next;
	*at = key->next;
	toeplitz_free(key->toeplitz);
	free(key);
}

/* The table is the front end's for as many rings as there are queues: what came by ring i ends in queue i. */
static void
rule_of(const struct host_port *hp, const struct toeplitz *toeplitz, struct spread_rule *rule)
{
	const struct config_rss *rss = hp->on->adapter != NULL ? &hp->on->adapter_is.rss : NULL;
	unsigned first = hp->is.vrss.exclude_primary && hp->n_queues > 1;

	spread_rule_init(rule, toeplitz);
	rule->enabled = hp->is.vrss.enabled;
	rule->n_entries = rss != NULL ? (uint16_t)rss->entries : ENTRIES;
	if (rss != NULL)
		rule->hash_types = config_hash_types(rss);
	for (unsigned i = 0; i < rule->n_entries; i++)
		rule->entry[i] = (uint16_t)(first + i % (hp->n_queues - first));
}

int
host_port_spread(struct host *host, struct host_port *hp, struct err *err)
{
	const uint8_t *bytes = hp->on->adapter != NULL ? hp->on->adapter_is.rss.key : toeplitz_default_key;
	struct spread_rule rule;
	struct host_key *key;
	int ret = -ENOMEM;

	if (hp->nic == NULL)
		return 0;
	key = key_take(host, bytes);
	if (key != NULL) {
		rule_of(hp, key->toeplitz, &rule);
		if (key == hp->key && memcmp(&rule, &hp->rule, sizeof(rule)) == 0)
			ret = 0;
		else
			ret = hp->medium->set_spread(hp, &rule);
	}
	if (ret < 0) {
		key_give(host, key);
		return err_set(err, ret, "port '%s': no memory for the table of its queues", hp->is.name);
	}
	key_give(host, hp->key);
	hp->key = key;
	hp->rule = rule;
	return 0;
}

void
host_port_unspread(struct host *host, struct host_port *hp)
{
	key_give(host, hp->key);
	hp->key = NULL;
}
