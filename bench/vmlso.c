/*
 * vmlso.c - frames of 64 KiB that are to be segmented (LSO) from vhost-user device A to B, which takes them whole.
 *
 * A sends TCP over IPv4 with a partial checksum and TSO asked for; B has mergeable buffers. A fixed number of frames is under way,
 * no more than B's buffers hold, so a frame that is missing was lost in between. Each frame is numbered (TCP sequence) and its
 * lengths, header and segmentation state are checked; of one in SAMPLE, each byte is.
 */
#include <arpa/inet.h>
#include <linux/virtio_net.h>
#include <stdio.h>
#include <string.h>

#include "bench/vmpair.h"
#include "bench/vmpool.h"

#define MSS 1448    /* of Ethernet with TCP timestamps, what a Linux sender uses */
#define SEGMENTS 45 /* as many as fit into 64 KiB with their headers, as Linux sends them */
#define HEADERS (VM_ETHERNET + VM_IPV4 + VM_TCP)
#define PAYLOAD (MSS * SEGMENTS)
#define FRAME (HEADERS + PAYLOAD)
#define BUFFERS_MAX 1024 /* of one frame: 64 KiB in buffers of 64 bytes */
#define SAMPLE 64
#define STALL_MS 1000 /* longer than a switch may be off its CPU */
#define PATTERN 251   /* the longest prime period in a byte: a shift by any power of two shows */
#define FEATURES                                                                                        \
	(1ull << VIRTIO_NET_F_CSUM | 1ull << VIRTIO_NET_F_GUEST_CSUM | 1ull << VIRTIO_NET_F_HOST_TSO4 | \
	 1ull << VIRTIO_NET_F_GUEST_TSO4 | 1ull << VIRTIO_NET_F_MRG_RXBUF)

struct lso {
	unsigned long in_flight, frames, rx_buffer, rx_ring;

	struct vuser_queue *tx, *rx;
	struct vmpool pool;
	uint8_t expected[PAYLOAD];
	uint64_t sent, received, bytes; /* frames; payload */
	uint64_t given_up;              /* frames: lost, since nothing came for STALL_MS */
	uint64_t next;                  /* number that is due */
	uint64_t reordered, cut, gso_changed, sampled, corrupt, foreign;
};

/* ---- frames ---- */

static void
set_number(uint8_t *frame, uint32_t number)
{
	uint32_t seq = htonl(number);

	memcpy(frame + VM_SEQ_AT, &seq, sizeof(seq));
}

/* Compares the payload of a frame that came in n buffers. */
static bool
is_same(const struct lso *l, const struct vuser_done *done, unsigned n)
{
	uint32_t skip = VM_HEADER + HEADERS, at = 0;

	for (unsigned i = 0; i < n; i++) {
		uint32_t len = done[i].len;

		if (len <= skip) {
			skip -= len;
			continue;
		}
		if (memcmp((const uint8_t *)(uintptr_t)done[i].token + skip, l->expected + at, len - skip) != 0)
			return false;
		at += len - skip;
		skip = 0;
	}
	return at == PAYLOAD;
}

static void
judge(struct lso *l, const struct vuser_done *done, unsigned n)
{
	const uint8_t *first = (const uint8_t *)(uintptr_t)done[0].token;
	const struct virtio_net_hdr_v1 *header = (const struct virtio_net_hdr_v1 *)first;
	uint32_t len = 0, number;

	for (unsigned i = 0; i < n; i++)
		len += done[i].len;
	if (done[0].len < VM_HEADER + HEADERS || memcmp(first + VM_HEADER + 12, "\x08\x00", 2) != 0) {
		l->foreign++;
		return;
	}
	if (len != VM_HEADER + FRAME) {
		l->cut++;
		return;
	}
	memcpy(&number, first + VM_SEQ_AT, sizeof(number));
	number = ntohl(number);
	if (number != (uint32_t)l->next)
		l->reordered++;
	l->next = number + 1ull;
	if (header->gso_type != VIRTIO_NET_HDR_GSO_TCPV4 || header->gso_size != MSS)
		l->gso_changed++;
	if (l->received % SAMPLE == 0) {
		l->sampled++;
		l->corrupt += !is_same(l, done, n);
	}
	l->received++;
	l->bytes += PAYLOAD;
}

/* ---- the loop ---- */

/* Takes a frame, if there is one. */
static bool
receive(const struct vmpair *p, struct lso *l)
{
	static struct vuser_done done[BUFFERS_MAX];
	static uint64_t token[BUFFERS_MAX];
	int n = vuser_take_frame(l->rx, done, BUFFERS_MAX);

	if (n < 0)
		vmpair_broken();
	if (n == 0)
		return false;
	judge(l, done, (unsigned)n);
	for (int i = 0; i < n; i++)
		token[i] = done[i].token;
	vmpair_repost(p, l->rx, token, (unsigned)n);
	return true;
}

static void
send_some(struct lso *l, unsigned long n)
{
	uint64_t token;

	if (vmpool_reclaim(&l->pool, l->tx) < 0)
		vmpair_broken();
	for (; n > 0 && vuser_room(l->tx) > 0 && vmpool_take(&l->pool, &token, 1) == 1; n--) {
		set_number((uint8_t *)(uintptr_t)token, (uint32_t)l->sent++);
		vuser_put(l->tx, &token, 1, VM_HEADER + FRAME, 0);
	}
	vuser_flush(l->tx);
}

/* Keeps in_flight frames under way until the time is over, then waits for the last ones. Returns seconds of sending. */
static double
run(const struct vmpair *p, struct lso *l)
{
	uint64_t began = vmpair_cycles(), now = began, ended = 0, end = began + p->seconds * p->cycles_per_s;
	struct vmwait wait = vmwait_begin(STALL_MS * p->cycles_per_s / 1000, began);

	for (;; now = vmpair_cycles()) {
		uint64_t base = l->received + l->cut + l->given_up;

		if (ended == 0 && (now >= end || vmpair_stopped)) {
			ended = now;
			vmwait_renew(&wait);
		}
		if (receive(p, l)) {
			vmwait_renew(&wait);
		} else if (vmwait_is_over(&wait, now)) {
			if (ended != 0)
				break;
			l->given_up += l->sent - base;
			vmwait_renew(&wait);
		}
		if (ended == 0 && l->sent < base + l->in_flight)
			send_some(l, base + l->in_flight - l->sent);
	}
	return (double)(ended - began) / (double)p->cycles_per_s;
}

static void
set_up(struct vmpair *p, struct lso *l)
{
	struct vmframe way = vmpair_way(p, 0, 0, FRAME);

	if (p->queues > 1)
		options_refuse("--queues: one only");
	if ((l->rx_ring & (l->rx_ring - 1)) != 0)
		options_refuse("--rx-ring: %lu is no power of two", l->rx_ring);
	if (l->in_flight * ((VM_HEADER + FRAME + l->rx_buffer - 1) / l->rx_buffer) > l->rx_ring)
		options_refuse("--in-flight: %lu frames do not fit into %lu buffers of %lu bytes", l->in_flight,
			       l->rx_ring, l->rx_buffer);
	if (l->frames < l->in_flight)
		options_refuse("--frames: at least as many as are in flight");
	p->rx_ring = (unsigned)l->rx_ring;
	p->rx_len = (uint32_t)l->rx_buffer;
	p->features = FEATURES;
	p->memory = (l->frames + 1) * (VM_HEADER + FRAME + 128);
	vmpair_open(p);
	l->tx = vmpair_tx(p, 0, 0);
	l->rx = vmpair_rx(p, 0, 0);
	for (unsigned i = 0; i < PAYLOAD; i++)
		l->expected[i] = (uint8_t)(i % PATTERN);
	vmpool_init(&l->pool, (uint32_t)l->frames);
	for (unsigned long i = 0; i < l->frames; i++) {
		uint8_t *frame = vmpair_buffer(p, VM_HEADER + FRAME);

		vmframe_lso(frame, &way, MSS);
		memcpy(frame + VM_HEADER + HEADERS, l->expected, PAYLOAD);
		vmpool_give(&l->pool, (uintptr_t)frame);
	}
}

#define AT(field) offsetof(struct lso, field)
static const struct option_row rows[] = {
	{ "in-flight", OPTION_NUMBER, AT(in_flight), 1, 4096, "N", "frames under way" },
	{ "frames", OPTION_NUMBER, AT(frames), 1, 4096, "N", "buffers of A, 64 KiB each, used in turn" },
	{ "rx-buffer", OPTION_NUMBER, AT(rx_buffer), 128, 1 << 17, "BYTES", "of a receive buffer of B" },
	{ "rx-ring", OPTION_NUMBER, AT(rx_ring), 4, VUSER_RING_MAX, "N", "entries of a receive ring" },
	{ NULL },
};
#undef AT

int
main(int argc, char **argv)
{
	static struct lso l = { .in_flight = 8, .frames = 16, .rx_buffer = 4096, .rx_ring = 1024 };
	static struct vmpair p;
	double seconds;

	p = vmpair_defaults;
	options_read((struct option_group[]){ { rows, &l }, { vmpair_options, &p } }, 2,
		     "Frames of 64 KiB to be segmented, from A to B, taken whole; ends with a line of JSON.", argv);
	set_up(&p, &l);
	vmpair_prime(&p);
	seconds = run(&p, &l);
	printf("{\"frame\":%d,\"gso_size\":%d,\"in_flight\":%lu,\"frames\":%lu,\"rx_buffer\":%lu,\"rx_ring\":%lu,",
	       FRAME, MSS, l.in_flight, l.frames, l.rx_buffer, l.rx_ring);
	vmpair_print(&p);
	printf(",\"seconds\":%.3f,\"gbytes_per_s\":%.3f,\"frames_per_s\":%.0f,\"sent\":%lu,\"received\":%lu,\"lost\":%"
	       "lu,"
	       "\"not_whole\":%lu,\"gso_changed\":%lu,\"reordered\":%lu,\"sampled\":%lu,\"corrupt\":%lu,\"foreign\":%"
	       "lu}"
	       "\n",
	       seconds, (double)l.bytes / seconds / 1e9, (double)l.received / seconds, l.sent, l.received,
	       l.sent > l.received + l.cut ? l.sent - l.received - l.cut : 0, l.cut, l.gso_changed, l.reordered,
	       l.sampled, l.corrupt, l.foreign);
	vmpool_fini(&l.pool);
	vmpair_close(&p);
	return 0;
}
