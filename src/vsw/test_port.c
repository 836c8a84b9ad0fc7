/* test_port.c - ports for tests; see test_port.h. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "pkt/build.h"
#include "vsw/test_port.h"

#define NUMBER_AT 60

static void
keep(struct test_port *p, const struct pkt *pkt, int tag)
{
	struct test_kept *kept = &p->kept[p->n];
	struct iovec span[PKT_SEGS_MAX];
	uint8_t tag_room[4];
	unsigned n = pkt_spans(pkt, tag, tag_room, span, PKT_SEGS_MAX);
	size_t done = 0;

	p->n_taken++;
	if (p->n == TEST_KEPT)
		return;
	kept->tag = tag;
	kept->len = pkt_out_len(pkt, tag);
	memset(kept->bytes, 0, sizeof(kept->bytes));
	for (unsigned i = 0; i < n && done < TEST_KEPT_BYTES; i++) {
		size_t len = span[i].iov_len < TEST_KEPT_BYTES - done ? span[i].iov_len : TEST_KEPT_BYTES - done;

		memcpy(kept->bytes + done, span[i].iov_base, len);
		done += len;
	}
	p->n++;
}

static void
keeping_put(struct sink *s, struct lane *lane, struct pkt *const *pkts, const int *tags, unsigned n, uint8_t *verdict)
{
	struct test_port *p = (struct test_port *)((char *)s - offsetof(struct test_port, sink));

	for (unsigned i = 0; i < n; i++) {
		verdict[i] = p->refusal;
		if (p->room == 0)
			continue;
		p->room--;
		verdict[i] = SINK_TAKEN;
		keep(p, pkts[i], tags[i]);
	}
}

static const struct sink_ops keeping_ops = { keeping_put };

void
test_port_open(struct test_port *p, const char *name)
{
	memset((void *)p, 0, sizeof(*p));
	assert_int_equal(vport_init(&p->vport, name), 0);
	p->port.vport = &p->vport;
	p->sink.ops = &keeping_ops;
	p->room = UINT32_MAX;
	p->refusal = DROP_RECEIVER_FULL;
	atomic_store(&p->port.sink, &p->sink);
}

void
test_port_close(struct test_port *p)
{
	if (p->port.sw != NULL)
		port_detach(&p->port);
	vport_fini(&p->vport);
}

struct port_conf
test_conf_untagged(const struct mac *mac)
{
	struct port_conf conf = { .vlan = PORT_UNTAGGED };

	if (mac != NULL)
		conf.mac = *mac;
	return conf;
}

struct port_conf
test_conf_access(const struct mac *mac, uint16_t vid)
{
	struct port_conf conf = test_conf_untagged(mac);

	conf.vlan = PORT_ACCESS;
	conf.vid = vid;
	return conf;
}

struct port_conf
test_conf_trunk(const struct mac *mac, uint16_t native, const uint16_t *allowed)
{
	struct port_conf conf = test_conf_untagged(mac);

	conf.vlan = PORT_TRUNK;
	conf.vid = native;
	if (native == 0)
		conf.allowed[0] = 1;
	for (; *allowed != 0; allowed++)
		conf.allowed[*allowed / 64] |= 1ull << (*allowed % 64);
	return conf;
}

struct mac
test_mac(uint8_t n)
{
	return (struct mac){ { 0x02, 0xf1, 0, 0, 0, n } };
}

uint32_t
test_frame(const struct mac *dst, const struct mac *src, int tci, uint32_t number, uint8_t *out)
{
	static const uint8_t type[2] = { 0x88, 0xb5 }; /* IEEE 802, local experiments */
	uint8_t *p = out + 2 * MAC_LEN;

	memset(out, 0, 64);
	memcpy(out, dst->byte, MAC_LEN);
	memcpy(out + MAC_LEN, src->byte, MAC_LEN);
	if (tci != TEST_NO_TAG) {
		p[0] = 0x81;
		p[2] = (uint8_t)(tci >> 8);
		p[3] = (uint8_t)tci;
		p += 4;
	}
	memcpy(p, type, sizeof(type));
	memcpy(out + NUMBER_AT, &number, sizeof(number));
	return 64;
}

uint32_t
test_frame_number(const struct test_kept *kept)
{
	uint32_t number;

	memcpy(&number, kept->bytes + kept->len - sizeof(number), sizeof(number));
	return number;
}

void
test_add(struct lane *lane, uint8_t *bytes, uint32_t len)
{
	struct burst *b = &lane->burst;
	struct pkt *pkt = &b->pkt[b->n];
	struct iovec *seg = &b->seg[b->n * BURST_SEGS];

	assert_true(b->n < PKT_BURST);
	*seg = (struct iovec){ bytes, len };
	memset(pkt, 0, sizeof(*pkt));
	pkt_view(pkt, bytes, len);
	pkt->segs = seg;
	pkt->n_segs = 1;
	b->n++;
}

unsigned
test_input(struct lane *lane, struct test_port *p)
{
	unsigned dropped = switch_input(lane, &p->port.ingress, &lane->burst);

	lane->burst.n = 0;
	return dropped;
}

void
test_books(struct test_port *const *ports, unsigned n)
{
	uint64_t forwarded = 0, copies = 0, offered = 0;

	for (unsigned i = 0; i < n; i++) {
		struct vport_totals t;

		vport_sum(&ports[i]->vport, &t);
		assert_true(t.rx_dropped <= t.rx_packets);
		forwarded += t.rx_packets - t.rx_dropped;
		copies += t.copies;
		offered += t.tx_offered;
		assert_int_equal(t.tx_offered, t.tx_packets + t.tx_dropped);
		assert_int_equal(t.tx_packets, ports[i]->n_taken);
	}
	assert_int_equal(forwarded + copies, offered);
}
