/* spread_test.c - the published Toeplitz vectors through parsed packets, what is hashed, and the indirection table. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "nic/spread.h"
#include "pkt/testframe.h"

#define LEN(a) (sizeof(a) / sizeof((a)[0]))

/* NDIS, "Verifying the RSS Hash Calculation". */
static const struct vector {
	uint8_t version;
	const char *src, *dst;
	uint16_t sport, dport;
	uint32_t pair, with_ports;
} vectors[] = {
	{ 4, "66.9.149.187", "161.142.100.80", 2794, 1766, 0x323e8fc2, 0x51ccc178 },
	{ 4, "199.92.111.2", "65.69.140.83", 14230, 4739, 0xd718262a, 0xc626b0ea },
	{ 4, "24.19.198.95", "12.22.207.184", 12898, 38024, 0xd2d0a5de, 0x5c2b394a },
	{ 4, "38.27.205.30", "209.142.163.6", 48228, 2217, 0x82989176, 0xafc7327f },
	{ 4, "153.39.163.191", "202.188.127.2", 44251, 1303, 0x5d1809c5, 0x10e828a2 },
	{ 6, "3ffe:2501:200:1fff::7", "3ffe:2501:200:3::1", 2794, 1766, 0x2cc18cd5, 0x40207d3d },
	{ 6, "3ffe:501:8::260:97ff:fe40:efab", "ff02::1", 14230, 4739, 0x0f0c461c, 0xdde51bbf },
	{ 6, "3ffe:1900:4545:3:200:f8ff:fe21:67cf", "fe80::200:f8ff:fe21:67cf", 44251, 38024, 0x4b61e985, 0x02d1feef },
};

static struct toeplitz *toeplitz;

static int
open_key(void **state)
{
	toeplitz = toeplitz_new(toeplitz_default_key, true);
	return toeplitz != NULL ? 0 : -1;
}

static int
close_key(void **state)
{
	toeplitz_free(toeplitz);
	return 0;
}

/* Parses f with the addresses and ports of v in it. */
static void
parse(const struct vector *v, struct testframe f, struct pkt *pkt)
{
	static uint8_t frame[TESTFRAME_MAX];
	static struct iovec segs[PKT_SEGS_MAX];
	struct testplace at;
	enum drop_reason why;
	uint8_t *addrs;
	uint16_t ports[2] = { htons(v->sport), htons(v->dport) };
	int family = v->version == 4 ? AF_INET : AF_INET6;

	f.version = v->version;
	at = testframe_make(&f, frame);
	addrs = frame + at.ip + (v->version == 4 ? 12 : 8);
	assert_int_equal(inet_pton(family, v->src, addrs), 1);
	assert_int_equal(inet_pton(family, v->dst, addrs + (v->version == 4 ? 4 : 16)), 1);
	memcpy(frame + at.l4, ports, sizeof(ports));
	memset(pkt, 0, sizeof(*pkt));
	testframe_load(pkt, frame, at.len, segs, 0);
	assert_int_equal(pkt_parse(pkt, &why), 0);
}

static void
open_types(struct spread *s, unsigned n_queues, unsigned types)
{
	struct spread_rule rule;

	memset(s, 0xee, sizeof(*s));
	spread_rule_init(&rule, toeplitz);
	rule.hash_types = types;
	spread_init(s, &rule, NULL, n_queues);
}

static void
open_spread(struct spread *s, unsigned n_queues)
{
	open_types(s, n_queues, HASH_TYPES_PLAIN);
}

static void
expect_hash(const struct spread *s, struct pkt *pkt, uint32_t want, uint16_t want_type)
{
	uint16_t type = 0xeee;

	assert_int_equal(spread_hash(s, pkt, &type), want);
	assert_int_equal(type, want_type);
}

static void
published_flows_have_their_published_hashes(void **state)
{
	struct spread s;

	open_spread(&s, 2);
	for (size_t i = 0; i < LEN(vectors); i++) {
		const struct vector *v = &vectors[i];
		bool v4 = v->version == 4;
		struct testframe tcp = { .proto = IPPROTO_TCP, .payload = 10 };
		struct testframe udp = { .proto = IPPROTO_UDP, .payload = 10 };
		struct testframe icmp = { .proto = v4 ? IPPROTO_ICMP : IPPROTO_ICMPV6, .payload = 10 };
		struct pkt pkt;

		parse(v, tcp, &pkt);
		expect_hash(&s, &pkt, v->with_ports, v4 ? HASH_TCP_IPV4 : HASH_TCP_IPV6);
		parse(v, udp, &pkt);
		expect_hash(&s, &pkt, v->with_ports, v4 ? HASH_UDP_IPV4 : HASH_UDP_IPV6);
		parse(v, icmp, &pkt);
		expect_hash(&s, &pkt, v->pair, v4 ? HASH_IPV4 : HASH_IPV6);
	}
}

/* A tag, IPv4 options, TCP options, IPv6 extension headers: the same flow, the same hash. */
static void
where_the_headers_stand_does_not_matter(void **state)
{
	static const struct testframe forms[] = {
		{ .proto = IPPROTO_TCP, .tagged = true, .tci = 0x6064 },
		{ .proto = IPPROTO_TCP, .ip_options = 40 },
		{ .proto = IPPROTO_TCP, .tcp_options = 40, .payload = 1400 },
		{ .proto = IPPROTO_TCP, .tagged = true, .tci = 5, .ip_options = 4, .tcp_options = 12, .payload = 1 },
		{ .proto = IPPROTO_TCP, .ext = "h" },
		{ .proto = IPPROTO_TCP, .ext = "hd" },
	};
	struct spread s;

	open_spread(&s, 2);
	for (size_t i = 0; i < LEN(vectors); i++) {
		for (size_t k = 0; k < LEN(forms); k++) {
			bool v4 = vectors[i].version == 4;
			struct pkt pkt;

			if ((v4 && forms[k].ext != NULL) || (!v4 && forms[k].ip_options > 0))
				continue;
			parse(&vectors[i], forms[k], &pkt);
			expect_hash(&s, &pkt, vectors[i].with_ports, v4 ? HASH_TCP_IPV4 : HASH_TCP_IPV6);
		}
	}
}

/*
 * All fragments of a datagram take one way, the first one too although it has the ports: or they would arrive by two
 * queues (NDIS: "if a packet is a fragment, NDIS_HASH_IPV4 applies").
 */
static void
fragments_are_hashed_by_address_pair(void **state)
{
	static const uint16_t fields[] = { 0x2000, 0x2001, 0x0001, 0x1fff, 0x3fff }; /* more fragments; offset */
	struct spread s;
	struct pkt pkt;

	open_spread(&s, 2);
	for (size_t i = 0; i < LEN(vectors); i++) {
		struct testframe f = { .proto = IPPROTO_UDP, .payload = 100 };

		for (size_t k = 0; k < LEN(fields) && vectors[i].version == 4; k++) {
			f.fragment = fields[k];
			parse(&vectors[i], f, &pkt);
			expect_hash(&s, &pkt, vectors[i].pair, HASH_IPV4);
		}
		if (vectors[i].version == 6) {
			f.ext = "f";
			parse(&vectors[i], f, &pkt);
			expect_hash(&s, &pkt, vectors[i].pair, HASH_IPV6);
		}
	}
	/* "Do not fragment" alone makes no fragment. */
	parse(&vectors[0], (struct testframe){ .proto = IPPROTO_UDP, .fragment = 0x4000 }, &pkt);
	expect_hash(&s, &pkt, vectors[0].with_ports, HASH_UDP_IPV4);
}

static void
types_that_are_off_fall_back_to_the_pair_or_to_nothing(void **state)
{
	static const struct {
		unsigned types;
		uint8_t vector, proto;
		uint16_t type;
	} rows[] = {
		{ HASH_IPV4 | HASH_IPV6, 0, IPPROTO_TCP, HASH_IPV4 },
		{ HASH_IPV4 | HASH_IPV6, 5, IPPROTO_UDP, HASH_IPV6 },
		{ HASH_IPV4 | HASH_TCP_IPV4, 0, IPPROTO_UDP, HASH_IPV4 },
		{ HASH_IPV4 | HASH_TCP_IPV4, 0, IPPROTO_TCP, HASH_TCP_IPV4 },
		{ HASH_TCP_IPV4, 0, IPPROTO_TCP, HASH_TCP_IPV4 },
		{ HASH_TCP_IPV4, 0, IPPROTO_UDP, 0 },
		{ HASH_IPV4 | HASH_TCP_IPV4 | HASH_UDP_IPV4, 5, IPPROTO_TCP, 0 },
		{ HASH_TCP_IPV6, 5, IPPROTO_TCP, HASH_TCP_IPV6 },
		{ 0, 0, IPPROTO_TCP, 0 },
		/* _EX is wider than its plain twin; without home addresses both hash the same. */
		{ HASH_TYPES_ALL, 5, IPPROTO_TCP, HASH_TCP_IPV6_EX },
		{ HASH_TYPES_ALL, 5, IPPROTO_UDP, HASH_UDP_IPV6_EX },
		{ HASH_TYPES_ALL, 0, IPPROTO_TCP, HASH_TCP_IPV4 },
		{ HASH_TCP_IPV6 | HASH_IPV6_EX, 5, IPPROTO_TCP, HASH_TCP_IPV6 },
		{ HASH_TCP_IPV6 | HASH_IPV6_EX, 5, IPPROTO_UDP, HASH_IPV6_EX },
		{ HASH_IPV6 | HASH_IPV6_EX, 5, IPPROTO_UDP, HASH_IPV6_EX },
		{ HASH_UDP_IPV6_EX, 5, IPPROTO_TCP, 0 },
		{ HASH_TYPES_EX, 0, IPPROTO_TCP, 0 },
	};
	struct spread s;

	for (size_t i = 0; i < LEN(rows); i++) {
		const struct vector *v = &vectors[rows[i].vector];
		bool ports = rows[i].type & ~HASH_TYPES_PAIR;
		struct pkt pkt;

		open_types(&s, 4, rows[i].types);
		parse(v, (struct testframe){ .proto = rows[i].proto }, &pkt);
		expect_hash(&s, &pkt, rows[i].type == 0 ? 0 : ports ? v->with_ports : v->pair, rows[i].type);
		if (rows[i].type == 0)
			assert_int_equal(spread_queue(&s, &pkt), s.entry[0]);
	}
}

static void
what_is_not_ip_goes_to_the_first_queue(void **state)
{
	static uint8_t frame[TESTFRAME_MAX];
	struct testplace at = testframe_make(&(struct testframe){ .payload = 50 }, frame);
	struct iovec segs[PKT_SEGS_MAX];
	enum drop_reason why;
	struct pkt pkt = { 0 };
	struct spread s;

	open_spread(&s, 4);
	testframe_load(&pkt, frame, at.len, segs, 0);
	assert_int_equal(pkt_parse(&pkt, &why), 0);
	expect_hash(&s, &pkt, 0, 0);
	assert_int_equal(spread_queue(&s, &pkt), 0);
}

/* The low bits of the hash pick the entry, as NDIS says: 7 bits for a table of 128. */
static void
low_bits_of_the_hash_pick_the_entry(void **state)
{
	struct spread s;

	open_spread(&s, 16);
	s.n_entries = 128;
	for (unsigned i = 0; i < 128; i++)
		s.entry[i] = (uint16_t)(1000 + i);
	for (size_t i = 0; i < LEN(vectors); i++) {
		struct pkt pkt;

		parse(&vectors[i], (struct testframe){ .proto = IPPROTO_TCP }, &pkt);
		assert_int_equal(spread_queue(&s, &pkt), 1000 + (vectors[i].with_ports & 127));
	}
}

/* A power of two of entries, at least 4 a queue as long as 512 allow it, and no queue with two more than another. */
static void
a_table_serves_its_queues_evenly(void **state)
{
	for (unsigned n = 1; n <= 128; n++) {
		unsigned share[128] = { 0 }, least = UINT32_MAX, most = 0;
		struct spread s;

		open_spread(&s, n);
		assert_int_equal(s.n_entries & (s.n_entries - 1), 0);
		assert_in_range(s.n_entries, n > 1 ? 4 * n : 1, n > 1 ? RXMAP_TABLE_MAX : 1);
		for (unsigned i = 0; i < s.n_entries; i++) {
			assert_true(s.entry[i] < n);
			share[s.entry[i]]++;
		}
		for (unsigned q = 0; q < n; q++) {
			least = share[q] < least ? share[q] : least;
			most = share[q] > most ? share[q] : most;
		}
		assert_true(most - least <= 1);
	}
}

static void
a_table_of_one_entry_hashes_nothing(void **state)
{
	struct spread s;
	struct pkt pkt;

	open_spread(&s, 2);
	s.n_entries = 1;
	s.entry[0] = 7;
	s.hash.toeplitz = NULL;
	parse(&vectors[0], (struct testframe){ .proto = IPPROTO_TCP }, &pkt);
	assert_int_equal(spread_queue(&s, &pkt), 7);
}

/* ---- rules ---- */

static void
off_means_the_first_queue_in_use(void **state)
{
	static const uint16_t used[] = { 2, 5, 7 };
	struct spread_rule rule;
	struct spread s;
	struct pkt pkt;

	spread_rule_init(&rule, toeplitz);
	rule.enabled = false;
	for (size_t i = 0; i < LEN(vectors); i++) {
		parse(&vectors[i], (struct testframe){ .proto = IPPROTO_TCP }, &pkt);
		spread_init(&s, &rule, NULL, 4);
		assert_int_equal(spread_queue(&s, &pkt), 0);
		spread_init(&s, &rule, used, LEN(used));
		assert_int_equal(spread_queue(&s, &pkt), 2);
	}
}

/* As the front end's: while all queues are in use each entry names its own; else they share what is left. */
static void
a_given_table_means_what_it_says_while_all_queues_are_in_use(void **state)
{
	static const uint16_t used[] = { 1, 3 };
	struct spread_rule rule;
	struct spread s;

	spread_rule_init(&rule, toeplitz);
	rule.n_entries = 128;
	for (unsigned i = 0; i < 128; i++)
		rule.entry[i] = (uint16_t)(i * 7 % 4);
	spread_init(&s, &rule, NULL, 4);
	assert_int_equal(s.n_entries, 128);
	for (unsigned i = 0; i < 128; i++)
		assert_int_equal(s.entry[i], i * 7 % 4);
	spread_init(&s, &rule, used, LEN(used));
	for (unsigned i = 0; i < 128; i++)
		assert_int_equal(s.entry[i], used[i * 7 % 4 % 2]);
	spread_init(&s, &rule, used, 1);
	assert_int_equal(s.n_entries, 1);
	assert_int_equal(s.entry[0], 1);
}

/* NDIS, VrssExcludePrimaryProcessor: the first queue is in no entry, and stays so while two or more are in use. */
static void
a_queue_that_a_table_leaves_out_stays_left_out(void **state)
{
	static const uint16_t used[] = { 0, 2, 3 };
	struct spread_rule rule;
	struct spread s;

	spread_rule_init(&rule, toeplitz);
	rule.n_entries = 128;
	for (unsigned i = 0; i < 128; i++)
		rule.entry[i] = (uint16_t)(1 + i % 3);
	spread_init(&s, &rule, NULL, 4);
	for (unsigned i = 0; i < 128; i++)
		assert_int_equal(s.entry[i], 1 + i % 3);
	spread_init(&s, &rule, used, LEN(used));
	for (unsigned i = 0; i < 128; i++)
		assert_int_equal(s.entry[i], used[1 + i % 3 % 2]);
	spread_init(&s, &rule, used + 1, 2);
	for (unsigned i = 0; i < 128; i++)
		assert_int_equal(s.entry[i], 3);
	spread_init(&s, &rule, used, 1);
	assert_int_equal(s.entry[0], 0);
	/* Nothing but queues that are not in use. */
	for (unsigned i = 0; i < 128; i++)
		rule.entry[i] = 3;
	spread_init(&s, &rule, NULL, 2);
	for (unsigned i = 0; i < 128; i++)
		assert_int_equal(s.entry[i], 1);
}

static void
without_a_key_nothing_is_spread(void **state)
{
	struct spread_rule rule;
	struct spread s;
	struct pkt pkt;

	spread_rule_init(&rule, NULL);
	spread_init(&s, &rule, NULL, 4);
	parse(&vectors[0], (struct testframe){ .proto = IPPROTO_TCP }, &pkt);
	assert_int_equal(spread_queue(&s, &pkt), 0);
	expect_hash(&s, &pkt, 0, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(published_flows_have_their_published_hashes),
		cmocka_unit_test(where_the_headers_stand_does_not_matter),
		cmocka_unit_test(fragments_are_hashed_by_address_pair),
		cmocka_unit_test(types_that_are_off_fall_back_to_the_pair_or_to_nothing),
		cmocka_unit_test(what_is_not_ip_goes_to_the_first_queue),
		cmocka_unit_test(low_bits_of_the_hash_pick_the_entry),
		cmocka_unit_test(a_table_serves_its_queues_evenly),
		cmocka_unit_test(a_table_of_one_entry_hashes_nothing),
		cmocka_unit_test(off_means_the_first_queue_in_use),
		cmocka_unit_test(a_given_table_means_what_it_says_while_all_queues_are_in_use),
		cmocka_unit_test(a_queue_that_a_table_leaves_out_stays_left_out),
		cmocka_unit_test(without_a_key_nothing_is_spread),
	};

	return cmocka_run_group_tests(tests, open_key, close_key);
}
