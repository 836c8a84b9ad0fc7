/* config_queues_test.c - keys about queues, RSS, balancing and offloads reach their fields, and what is left out has its default. */
#include "ctl/config_test.h"

static struct config *
parse(const char *yaml)
{
	struct config_mistakes m;
	struct config *config = config_parse(yaml, strlen(yaml), &m);

	assert_non_null(config);
	assert_int_equal(m.n, 0);
	return config;
}

static void
check_queue_settings(const struct config_adapter *a)
{
	assert_false(a->rss.enabled);
	assert_int_equal(a->rss.profile, RSS_CONSERVATIVE);
	assert_int_equal(a->rss.n_hash_types, 3);
	assert_int_equal(a->rss.hash_type[0], HASH_TYPE_IPV4); /* in one order, whatever the file's */
	assert_int_equal(a->rss.hash_type[1], HASH_TYPE_TCP_IPV4);
	assert_int_equal(a->rss.hash_type[2], HASH_TYPE_UDP_IPV6_EX);
	assert_int_equal(config_hash_types(&a->rss), 0x103);
	assert_int_equal(a->rss.entries, 512);
	for (unsigned i = 0; i < CONFIG_RSS_KEY_LEN; i++)
		assert_int_equal(a->rss.key[i], i);
	assert_int_equal(a->balance.high_percent, 80);
	assert_int_equal(a->balance.low_percent, 30);
	assert_int_equal(a->balance.within_percent, 20);
	assert_int_equal(a->balance.gain_percent, 5);
	assert_int_equal(a->balance.rest_ms, 0);
	assert_int_equal(a->balance.period_ms, 100);
	assert_int_equal(a->balance.samples, 3);
	assert_false(a->offload.rx_checksum);
	assert_false(a->offload.tx_checksum);
	assert_false(a->offload.lso);
}

static void
check_queue_defaults(const struct config_adapter *a)
{
	static const uint8_t first[] = { 0x6d, 0x5a, 0x56, 0xda }, last[] = { 0xbe, 0xac, 0x01, 0xfa };

	assert_int_equal(a->max_processor, -1);
	assert_true(a->rss.enabled);
	assert_int_equal(a->rss.profile, RSS_NUMA_STATIC);
	assert_int_equal(a->rss.n_hash_types, 0);
	assert_int_equal(config_hash_types(&a->rss), 0x3f); /* all but EX */
	assert_int_equal(a->rss.entries, 128);
	/* windows-semantics, 2.2: the verification key, its ends. */
	assert_memory_equal(a->rss.key, first, 4);
	assert_memory_equal(a->rss.key + 36, last, 4);
	assert_int_equal(a->balance.high_percent, 90);
	assert_int_equal(a->balance.low_percent, 50);
	assert_int_equal(a->balance.within_percent, 10);
	assert_int_equal(a->balance.gain_percent, 10);
	assert_int_equal(a->balance.rest_ms, 1000);
	assert_int_equal(a->balance.period_ms, 20);
	assert_int_equal(a->balance.samples, 2);
	assert_true(a->offload.rx_checksum);
	assert_true(a->offload.tx_checksum);
	assert_true(a->offload.lso);
}

static void
each_key_reaches_its_field(void **state)
{
	struct config *c = parse(
		"version: 1\n"
		"processors: {count: 4}\n"
		"adapters:\n"
		"- {name: wire, uplink: null, mode: rss, dynamic: on, max_processor: 2,\n"
		"   rss: {enabled: off, profile: conservative, hash_types: [udp-ipv6-ex, ipv4, tcp-ipv4], entries: "
		"512,\n"
		"         key: 000102030405060708090A0b0c0d0e0f101112131415161718191a1b1c1d1e1f2021222324252627},\n"
		"   balance: {high_percent: 80, low_percent: 30, within_percent: 20, gain_percent: 5, rest_ms: 0,\n"
		"             period_ms: 100, samples: 3},\n"
		"   offload: {rx_checksum: off, tx_checksum: off, lso: off}}\n"
		"switches:\n"
		"- name: sw\n"
		"  kind: internal\n"
		"  ports:\n"
		"  - {name: vm1, nic: vhost, queues: 4, interrupt_moderation: high,\n"
		"     vrss: {enabled: off, min_queues: 2, scheduling: static, exclude_primary: on}}\n");
	const struct config_port *vm1 = &c->ports[0];

	assert_int_equal(c->adapters[0].mode, ADAPTER_RSS);
	assert_true(c->adapters[0].dynamic);
	assert_int_equal(c->adapters[0].max_processor, 2);
	check_queue_settings(&c->adapters[0]);
	assert_false(vm1->vrss.enabled);
	assert_int_equal(vm1->vrss.min_queues, 2);
	assert_int_equal(vm1->vrss.scheduling, VRSS_STATIC);
	assert_true(vm1->vrss.exclude_primary);
	assert_int_equal(vm1->interrupt_moderation, INTERRUPTS_HIGH);
	config_free(c);
}

static void
what_is_left_out_has_its_default(void **state)
{
	struct config *c = parse("version: 1\n"
				 "adapters: [{name: w, uplink: null}]\n"
				 "switches: [{name: s, kind: internal, ports: [{name: v, nic: vhost}]}]\n");

	check_queue_defaults(&c->adapters[0]);
	assert_true(c->ports[0].vrss.enabled);
	assert_int_equal(c->ports[0].vrss.min_queues, 1);
	assert_int_equal(c->ports[0].vrss.scheduling, VRSS_DYNAMIC);
	assert_false(c->ports[0].vrss.exclude_primary);
	assert_int_equal(c->ports[0].interrupt_moderation, INTERRUPTS_ADAPTIVE);
	config_free(c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_key_reaches_its_field),
		cmocka_unit_test(what_is_left_out_has_its_default),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
