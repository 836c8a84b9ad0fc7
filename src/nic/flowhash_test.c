/*
 * flowhash_test.c - what is hashed of packets whose makers know where everything lies, and that the front end, which sees frames, and
 * the spread towards a receiver, which sees parsed packets, find the same.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "nic/spread.h"
#include "pkt/admit.h"

#define LEN(a) (sizeof(a) / sizeof((a)[0]))
#define ROOM 512
#define EXT_MAX 4
#define FRAMES 200000
#define RH2_LEN 24 /* RFC 6275, 6.4.1 */

/* An IPv6 extension header. */
enum ext {
	EXT_NONE,
	EXT_HOP,         /* hop-by-hop, padding */
	EXT_ROUTING,     /* of type 2 with a home address */
	EXT_ROUTING_0,   /* of type 0, as long */
	EXT_ROUTING_END, /* of type 2 without segments left */
	EXT_OPTIONS,     /* destination options, padding */
	EXT_HOME,        /* the same with a home address, behind some padding */
	EXT_FRAGMENT,
	EXT_KINDS,
};

struct made {
	bool tagged, fragment, fragment4;
	uint8_t version, proto, options; /* options: bytes of IPv4 options */
	enum ext ext[EXT_MAX];
	/* Where things lie, from the IP header on; 0: there is none. */
	size_t at, src, dst, home_src, home_dst, ports, len; /* at: of the IP header in the frame; len: of the frame */
	uint8_t frame[ROOM];
};

static uint32_t
next_random(void)
{
	static uint64_t state = 1; /* Marsaglia, "Xorshift RNGs" (2003), 64 bits */

	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint32_t)(state >> 16);
}

static void
fill_random(uint8_t *out, size_t n)
{
	for (size_t i = 0; i < n; i++)
		out[i] = (uint8_t)next_random();
}

static const uint8_t ext_proto[EXT_KINDS] = {
	[EXT_HOP] = IPPROTO_HOPOPTS,         [EXT_ROUTING] = IPPROTO_ROUTING, [EXT_ROUTING_0] = IPPROTO_ROUTING,
	[EXT_ROUTING_END] = IPPROTO_ROUTING, [EXT_OPTIONS] = IPPROTO_DSTOPTS, [EXT_HOME] = IPPROTO_DSTOPTS,
	[EXT_FRAGMENT] = IPPROTO_FRAGMENT,
};

/* Writes one at ip + off; returns its length. */
static size_t
make_ext(struct made *m, uint8_t *ip, size_t off, enum ext kind, uint8_t next)
{
	uint8_t *p = ip + off;

	p[0] = next;
	switch (kind) {
	case EXT_HOP:
	case EXT_OPTIONS:
		memcpy(p + 1, (uint8_t[]){ 0, 1, 4, 0, 0, 0, 0 }, 7); /* PadN: RFC 8200, 4.2 */
		return 8;
	case EXT_FRAGMENT:
		memcpy(p + 1, (uint8_t[]){ 0, 0, 1, 0, 0, 0, 9 }, 7);
		m->fragment = true;
		return 8;
	case EXT_HOME:
		memcpy(p + 1, (uint8_t[]){ 2, 1, 1, 0, 0, 201, 16 }, 7); /* PadN of 1, Pad1, home address */
		fill_random(p + 8, 16);
		if (m->home_src == 0)
			m->home_src = off + 8;
		return RH2_LEN;
	default:
		memcpy(p + 1,
		       (uint8_t[]){ 2, kind == EXT_ROUTING_0 ? 0 : 2, kind == EXT_ROUTING_END ? 0 : 1, 0, 0, 0, 0 }, 7);
		fill_random(p + 8, 16);
		if (kind == EXT_ROUTING && m->home_dst == 0)
			m->home_dst = off + 8;
		return RH2_LEN;
	}
}

static size_t
make_ip6(struct made *m, uint8_t *ip)
{
	size_t off = IP6_HEADER_LEN;
	uint8_t *next = &ip[IP6_NEXT_AT];

	ip[0] = 0x60;
	m->src = IP6_ADDRS_AT;
	m->dst = IP6_ADDRS_AT + IP6_ADDR_LEN;
	for (unsigned i = 0; i < EXT_MAX && m->ext[i] != EXT_NONE && !m->fragment; i++) {
		*next = ext_proto[m->ext[i]];
		next = &ip[off];
		off += make_ext(m, ip, off, m->ext[i], 0);
	}
	*next = m->proto;
	return off;
}

static size_t
make_ip4(struct made *m, uint8_t *ip)
{
	ip[0] = (uint8_t)(0x45 + m->options / 4);
	ip[IP4_PROTO_AT] = m->proto;
	if (m->fragment4)
		put_be16(ip + IP4_FRAGMENT_AT, 0x2000); /* the first of several */
	m->fragment = m->fragment4;
	m->src = IP4_ADDRS_AT;
	m->dst = IP4_ADDRS_AT + 4;
	return IP4_HEADER_LEN + m->options;
}

/* From what m says of itself: the frame, payload bytes behind the last header. */
static void
make(struct made *m, size_t payload)
{
	uint8_t *ip;
	size_t off, len;

	memset(m->frame, 0, sizeof(m->frame));
	m->fragment = false;
	m->home_src = m->home_dst = 0;
	m->at = ETH_HEADER_LEN + m->tagged * VLAN_TAG_LEN;
	if (m->tagged) {
		put_be16(m->frame + ETH_ADDRS_LEN, TYPE_VLAN);
		put_be16(m->frame + ETH_HEADER_LEN, 0x6064);
	}
	put_be16(m->frame + m->at - 2, m->version == 4 ? TYPE_IPV4 : TYPE_IPV6);
	ip = m->frame + m->at;
	off = m->version == 4 ? make_ip4(m, ip) : make_ip6(m, ip);
	fill_random(ip + m->src, m->version == 4 ? 8 : 32);
	fill_random(ip + off, payload);
	len = off + payload;
	put_be16(ip + (m->version == 4 ? IP4_LEN_AT : IP6_LEN_AT),
		 (uint16_t)(m->version == 4 ? len : len - IP6_HEADER_LEN));
	m->ports = m->fragment ? 0 : off;
	m->len = m->at + len;
}

/* The type that NDIS has for it, of those in types; *in and its length: what is hashed. len: bytes of the frame that there are. */
static uint16_t
expected(const struct made *m, size_t len, unsigned types, uint8_t *in, size_t *n)
{
	static const uint16_t of[2][3][2] = {
		/* pair, TCP, UDP: _EX, plain */
		{ { 0, HASH_IPV4 }, { 0, HASH_TCP_IPV4 }, { 0, HASH_UDP_IPV4 } },
		{ { HASH_IPV6_EX, HASH_IPV6 },
		  { HASH_TCP_IPV6_EX, HASH_TCP_IPV6 },
		  { HASH_UDP_IPV6_EX, HASH_UDP_IPV6 } },
	};
	size_t seen = len - m->at < FLOWHASH_REACH ? len - m->at : FLOWHASH_REACH, addr = m->version == 4 ? 4 : 16;
	unsigned v6 = m->version == 6, l4 = m->proto == IPPROTO_TCP ? 1 : m->proto == IPPROTO_UDP ? 2 : 0;
	size_t src = m->src, dst = m->dst;
	uint16_t type = 0;

	if (l4 != 0 && m->ports != 0 && m->ports + 4 <= seen)
		type = types & of[v6][l4][0] ? of[v6][l4][0] : (uint16_t)(types & of[v6][l4][1]);
	if (type == 0) {
		l4 = 0;
		type = types & of[v6][0][0] ? of[v6][0][0] : (uint16_t)(types & of[v6][0][1]);
	}
	if (type & HASH_TYPES_EX) {
		if (m->home_src != 0 && m->home_src + 16 <= seen)
			src = m->home_src;
		if (m->home_dst != 0 && m->home_dst + 16 <= seen)
			dst = m->home_dst;
	}
	memcpy(in, m->frame + m->at + src, addr);
	memcpy(in + addr, m->frame + m->at + dst, addr);
	*n = 2 * addr;
	if (type != 0 && l4 != 0) {
		memcpy(in + *n, m->frame + m->at + m->ports, 4);
		*n += 4;
	}
	return type;
}

/* ---- both ways ---- */

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

static struct rxmap *maps[HASH_TYPES_ALL + 1];
static struct spread spreads[HASH_TYPES_ALL + 1];

static void
open_types(unsigned types)
{
	static const uint16_t entries[] = { 0, 1, 2, 3 };
	const struct rxmap_vport vport = { LEN(entries), entries };
	struct spread_rule rule;

	if (maps[types] != NULL)
		return;
	spread_rule_init(&rule, toeplitz);
	rule.hash_types = types;
	rule.n_entries = LEN(entries);
	memcpy(rule.entry, entries, sizeof(entries));
	spread_init(&spreads[types], &rule, NULL, LEN(entries));
	maps[types] = rxmap_new(&vport, 1, NULL, 0, toeplitz, types);
	assert_non_null(maps[types]);
}

static int
close_types(void **state)
{
	for (unsigned i = 0; i <= HASH_TYPES_ALL; i++) {
		rxmap_free(maps[i]);
		maps[i] = NULL;
	}
	return 0;
}

/* What the front end says of a frame; and fails when the spread does not say the same of the packet, parsed or let pass unread. */
static struct rxmap_verdict
classify(const uint8_t *frame, size_t len, unsigned types)
{
	struct iovec seg = { (void *)(uintptr_t)frame, len };
	struct rxmap_verdict got;

	open_types(types);
	rxmap_classify(maps[types], frame, len, &got);
	for (int admit = 0; admit < 2; admit++) {
		struct pkt pkt = { .segs = &seg, .n_segs = 1 };
		enum drop_reason why;
		uint16_t type;
		uint32_t hash;

		pkt_view(&pkt, frame, (uint32_t)len);
		if ((admit ? pkt_admit(&pkt, &why) : pkt_parse(&pkt, &why)) != 0)
			continue; /* it gets no further */
		hash = spread_hash(&spreads[types], &pkt, &type);
		if (hash != got.hash || type != got.hash_type)
			fail_msg("types %x: front end %x by type %x, spread %x by %x", types, got.hash, got.hash_type,
				 hash, type);
		assert_int_equal(spread_queue(&spreads[types], &pkt), got.slot);
	}
	return got;
}

static void
make_random(struct made *m)
{
	static const uint8_t protos[] = { IPPROTO_TCP, IPPROTO_UDP,  IPPROTO_TCP,
					  IPPROTO_UDP, IPPROTO_ICMP, IPPROTO_ICMPV6 };

	*m = (struct made){ .tagged = next_random() & 1, .version = next_random() & 1 ? 4 : 6 };
	m->proto = protos[next_random() % LEN(protos)];
	m->options = next_random() & 1 ? 0 : (uint8_t)(next_random() % 11 * 4);
	m->fragment4 = next_random() % 8 == 0;
	for (unsigned i = 0; i < EXT_MAX; i++)
		m->ext[i] = next_random() & 1 ? next_random() % EXT_KINDS : EXT_NONE;
	make(m, next_random() % 60);
}

static void
every_packet_is_hashed_by_what_its_maker_put_where(void **state)
{
	unsigned ex = 0, none = 0, ports = 0;

	for (unsigned i = 0; i < FRAMES; i++) {
		uint8_t in[TOEPLITZ_INPUT_MAX];
		struct rxmap_verdict got;
		unsigned types = next_random() & HASH_TYPES_ALL;
		struct made m;
		uint16_t want;
		size_t n;

		make_random(&m);
		want = expected(&m, m.len, types, in, &n);
		got = classify(m.frame, m.len, types);
		if (got.hash_type != want || got.hash != (want != 0 ? toeplitz_hash(toeplitz, in, n) : 0))
			fail_msg("frame %u, types %x: got type %x hash %x, want %x", i, types, got.hash_type, got.hash,
				 want);
		ex += (want & HASH_TYPES_EX) && (m.home_src != 0 || m.home_dst != 0);
		ports += want != 0 && !(want & HASH_TYPES_PAIR);
		none += want == 0;
	}
	/* Not by luck: each kind was there often. */
	assert_true(ex > FRAMES / 50 && none > FRAMES / 50 && ports > FRAMES / 10);
}

/* Frames that are cut off anywhere, or with any bytes changed: whatever is found, both find it. */
static void
of_broken_frames_both_ways_find_the_same(void **state)
{
	for (unsigned i = 0; i < FRAMES; i++) {
		unsigned types = next_random() & HASH_TYPES_ALL;
		struct made m;

		make_random(&m);
		for (unsigned k = next_random() % 4; k > 0; k--)
			m.frame[ETH_ADDRS_LEN + next_random() % (m.len - ETH_ADDRS_LEN)] = (uint8_t)next_random();
		classify(m.frame, next_random() & 1 ? m.len : next_random() % (m.len + 1), types);
	}
}

/* RFC 6275, 6.3 and 6.4: the addresses that stay when a mobile node moves; so its flow stays on its queue. */
static void
a_mobile_node_keeps_its_hash_when_it_moves(void **state)
{
	struct made home = { .version = 6, .proto = IPPROTO_TCP };
	struct made away = { .version = 6, .proto = IPPROTO_TCP, .ext = { EXT_ROUTING, EXT_HOME } };
	struct rxmap_verdict at_home, abroad;

	make(&home, 20);
	make(&away, 20);
	memcpy(away.frame + away.at + away.home_src, home.frame + home.at + home.src, 16);
	memcpy(away.frame + away.at + away.home_dst, home.frame + home.at + home.dst, 16);
	memcpy(away.frame + away.at + away.ports, home.frame + home.at + home.ports, 4);
	at_home = classify(home.frame, home.len, HASH_TYPES_ALL);
	abroad = classify(away.frame, away.len, HASH_TYPES_ALL);
	assert_int_equal(abroad.hash_type, HASH_TCP_IPV6_EX);
	assert_int_equal(abroad.hash, at_home.hash);
	/* Without _EX it is another flow: source and destination differ. */
	at_home = classify(home.frame, home.len, HASH_TYPES_PLAIN);
	abroad = classify(away.frame, away.len, HASH_TYPES_PLAIN);
	assert_int_equal(abroad.hash_type, HASH_TCP_IPV6);
	assert_int_not_equal(abroad.hash, at_home.hash);
}

/* A header chain without end costs no more than what a header copy holds: 8 headers of 8 bytes fit in front of the ports. */
static void
ports_behind_the_header_copy_are_not_looked_for(void **state)
{
	static uint8_t frame[2048];
	uint8_t *ip = frame + ETH_HEADER_LEN;

	for (unsigned headers = 0; headers < 200; headers++) {
		size_t off = IP6_HEADER_LEN + 8 * (size_t)headers;

		memset(frame, 0, sizeof(frame));
		put_be16(frame + ETH_ADDRS_LEN, TYPE_IPV6);
		ip[0] = 0x60;
		put_be16(ip + IP6_LEN_AT, (uint16_t)(8 * headers + 20));
		ip[IP6_NEXT_AT] = headers > 0 ? IPPROTO_DSTOPTS : IPPROTO_TCP;
		for (unsigned i = 0; i < headers; i++)
			ip[IP6_HEADER_LEN + 8 * i] = i + 1 < headers ? IPPROTO_DSTOPTS : IPPROTO_TCP;
		assert_int_equal(classify(frame, ETH_HEADER_LEN + off + 20, HASH_TYPES_PLAIN).hash_type,
				 headers <= 8 ? HASH_TCP_IPV6 : HASH_IPV6);
	}
}

#define TEST(name) cmocka_unit_test_teardown(name, close_types)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(every_packet_is_hashed_by_what_its_maker_put_where),
		TEST(of_broken_frames_both_ways_find_the_same),
		TEST(a_mobile_node_keeps_its_hash_when_it_moves),
		TEST(ports_behind_the_header_copy_are_not_looked_for),
	};

	return cmocka_run_group_tests(tests, open_key, close_key);
}
