/* testframe.c - frames for tests, and their judge; see testframe.h. Slow on purpose, nothing shared. */
#include "pkt/testframe.h"

#include <string.h>

static void
put16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static uint32_t
get16(const uint8_t *p)
{
	return p[0] * 256u + p[1];
}

uint8_t
testframe_byte(uint32_t i)
{
	return (uint8_t)(i * 31 + (i >> 8) * 17 + 5);
}

uint16_t
testframe_sum(uint16_t sum, const uint8_t *p, size_t len)
{
	uint32_t s = sum;

	for (size_t i = 0; i < len; i += 2) {
		s += p[i] * 256u + (i + 1 < len ? p[i + 1] : 0u);
		if (s > 0xffff)
			s = s - 0x10000 + 1;
	}
	return (uint16_t)s;
}

static uint16_t
pseudo_sum(const uint8_t *ip, uint8_t proto, uint32_t len)
{
	uint8_t rest[4] = { 0, proto, (uint8_t)(len >> 8), (uint8_t)len };
	uint16_t sum = ip[0] >> 4 == 4 ? testframe_sum(0, ip + 12, 8) : testframe_sum(0, ip + 8, 32);

	return testframe_sum(sum, rest, 4);
}

static uint8_t
ext_proto(char letter)
{
	return letter == 'h' ? 0 : letter == 'r' ? 43 : letter == 'd' ? 60 : 44;
}

static uint32_t
make_ip4(const struct testframe *f, uint8_t *ip, uint32_t l4_len)
{
	static const uint8_t addrs[8] = { 10, 77, 0, 11, 10, 77, 0, 12 };
	uint32_t header = 20u + f->ip_options;

	memset(ip, 0, header);
	ip[0] = (uint8_t)(0x40 | header / 4);
	put16(ip + 2, header + l4_len);
	put16(ip + 4, f->id);
	put16(ip + 6, f->fragment);
	ip[8] = 64;
	ip[9] = f->proto;
	memcpy(ip + 12, addrs, 8);
	memset(ip + 20, 1, f->ip_options); /* no operation: RFC 791, 3.1 */
	put16(ip + 10, 0xffffu - testframe_sum(0, ip, header));
	return header;
}

static uint32_t
make_ip6(const struct testframe *f, uint8_t *ip, uint32_t l4_len)
{
	const char *ext = f->ext ? f->ext : "";
	uint32_t off = 40, n = (uint32_t)strlen(ext);

	memset(ip, 0, 40 + 8 * n);
	ip[0] = 0x60;
	put16(ip + 4, 8 * n + l4_len);
	ip[6] = n ? ext_proto(ext[0]) : f->proto;
	ip[7] = 64;
	for (uint32_t i = 8; i < 40; i++)
		ip[i] = (uint8_t)(0x20 + i);
	for (; *ext; ext++, off += 8) {
		ip[off] = ext[1] ? ext_proto(ext[1]) : f->proto;
		if (*ext == 'h' || *ext == 'd') {
			ip[off + 2] = 1; /* PadN of 4 bytes: RFC 8200, 4.2 */
			ip[off + 3] = 4;
		}
	}
	return off;
}

/* Returns the header's length; the checksum is finished by the caller. */
static uint32_t
make_l4(const struct testframe *f, uint8_t *l4)
{
	put16(l4, 2794);
	put16(l4 + 2, 1766);
	if (f->proto == 17) {
		put16(l4 + 4, 8 + f->payload);
		put16(l4 + 6, 0);
		return 8;
	}
	if (f->proto != 6)
		return 0;
	memset(l4 + 4, 0, 16);
	put16(l4 + 4, f->seq >> 16);
	put16(l4 + 6, f->seq);
	l4[12] = (uint8_t)((20 + f->tcp_options) / 4 << 4);
	l4[13] = f->tcp_flags;
	memset(l4 + 20, 1, f->tcp_options);
	return 20u + f->tcp_options;
}

static uint32_t
l4_header_len(const struct testframe *f)
{
	return f->proto == 6 ? 20u + f->tcp_options : f->proto == 17 ? 8 : 0;
}

struct testplace
testframe_make(const struct testframe *f, uint8_t *out)
{
	struct testplace at = { .ip = f->tagged ? 18 : 14, .csum_at = f->proto == 6 ? 16 : 6 };
	uint32_t l4_len = l4_header_len(f) + f->payload;
	uint16_t sum;

	memcpy(out, "\x02\xf1\x00\x00\x00\x02\x02\xf1\x00\x00\x00\x01", 12);
	put16(out + 12, 0x8100);
	put16(out + 14, f->tci);
	put16(out + at.ip - 2, f->version == 4 ? 0x0800 : f->version == 6 ? 0x86dd : 0x88b5);
	at.l4 = at.ip;
	if (f->version == 4)
		at.l4 += make_ip4(f, out + at.ip, l4_len);
	else if (f->version == 6)
		at.l4 += make_ip6(f, out + at.ip, l4_len);
	at.payload = at.l4 + make_l4(f, out + at.l4);
	for (uint32_t i = 0; i < f->payload; i++)
		out[at.payload + i] = testframe_byte(i);
	at.end = at.l4 + l4_len;
	at.len = at.end + f->padding;
	memset(out + at.end, 0xee, f->padding);
	if (f->version == 0 || l4_header_len(f) == 0 || f->udp_no_csum)
		return at;
	sum = pseudo_sum(out + at.ip, f->proto, l4_len);
	if (!f->partial) {
		sum = (uint16_t)(0xffff - testframe_sum(sum, out + at.l4, l4_len));
		if (f->proto == 17 && sum == 0)
			sum = 0xffff;
	}
	put16(out + at.l4 + at.csum_at, sum);
	return at;
}

static bool
judge_l4(const uint8_t *frame, uint8_t proto, struct testplace *at)
{
	const uint8_t *l4 = frame + at->l4;
	uint32_t len = at->end - at->l4;

	if (proto == 17) {
		at->csum_at = 6;
		at->payload = at->l4 + 8;
		if (len < 8 || get16(l4 + 4) != len || get16(l4 + 6) == 0)
			return false;
	} else if (proto == 6) {
		at->csum_at = 16;
		if (len < 20)
			return false;
		at->payload = at->l4 + (l4[12] >> 4) * 4u;
		if (at->payload > at->end)
			return false;
	} else {
		return false;
	}
	return testframe_sum(pseudo_sum(frame + at->ip, proto, len), l4, len) == 0xffff;
}

bool
testframe_judge(const uint8_t *frame, size_t len, struct testplace *out)
{
	bool tagged = get16(frame + 12) == 0x8100;
	struct testplace at = { .ip = tagged ? 18 : 14, .len = (uint32_t)len };
	const uint8_t *ip = frame + at.ip;
	uint8_t proto;

	if (ip[0] >> 4 == 4) {
		at.l4 = at.ip + (ip[0] & 15) * 4u;
		at.end = at.ip + get16(ip + 2);
		proto = ip[9];
		if (get16(ip - 2) != 0x0800 || testframe_sum(0, ip, at.l4 - at.ip) != 0xffff)
			return false;
	} else {
		at.l4 = at.ip + 40;
		at.end = at.l4 + get16(ip + 4);
		if (get16(ip - 2) != 0x86dd || at.end > len)
			return false;
		for (proto = ip[6]; proto == 0 || proto == 43 || proto == 60; at.l4 += 8)
			proto = frame[at.l4];
	}
	if (at.end > len || !judge_l4(frame, proto, &at))
		return false;
	*out = at;
	return true;
}

void
testframe_load(struct pkt *pkt, uint8_t *bytes, uint32_t len, struct iovec *segs, uint32_t piece)
{
	uint32_t done = 0;

	pkt->n_segs = 0;
	while (done < len) {
		uint32_t n = len - done;

		if (piece > 0 && n > piece && pkt->n_segs < PKT_SEGS_MAX - 4)
			n = piece;
		segs[pkt->n_segs++] = (struct iovec){ bytes + done, n };
		done += n;
	}
	pkt->segs = segs;
	pkt->len = len;
	pkt->hdr_len = (uint16_t)(len < PKT_HDR_MAX ? len : PKT_HDR_MAX);
	pkt->skip = pkt->hdr_len;
	memset(pkt->hdr, 0xdd, sizeof(pkt->hdr));
	memcpy(pkt->hdr, bytes, pkt->hdr_len);
}

struct pkt_claim
testframe_claim(const struct testplace *at, enum pkt_gso gso, uint16_t gso_size)
{
	return (struct pkt_claim){ .csum = true,
				   .csum_start = (uint16_t)at->l4,
				   .csum_offset = at->csum_at,
				   .gso = gso,
				   .gso_size = gso_size };
}
