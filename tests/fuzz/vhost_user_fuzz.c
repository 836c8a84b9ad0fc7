/*
 * vhost_user_fuzz.c - any messages, with descriptors of any kind, to real sessions of three ports, while their rings are worked on
 * and their memory is written to and shrinks.
 *
 * Input: actions, one after the other. Byte 0 says which (bits 0 to 2) and for which port (bits 3 and 4); what follows is in
 * act_*. What must hold: no report of a sanitizer, no descriptor and no mapping left at the end.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "base/qsbr.h"
#include "guest/vhost.h"
#include "guest/vhost_user.h"
#include "pkt/build.h"
#include "tests/fuzz/fuzz.h"

#define PORTS 3
#define PAIRS 2
#define MEMORY (1u << 20)
#define GPA 0x100000000ull
#define USER 0x7f0000000000ull
#define RING_SIZE 16
#define RING_BYTES 4096 /* a page for each ring of a port, from the beginning of its memory */

enum kind { KIND_MEMORY, KIND_EVENT, KIND_DEVICE, KIND_SOCKET, KIND_SHORT, KIND_OTHER_MEMORY, KINDS };

static struct port {
	struct vhost *vhost;
	int ours, theirs; /* the connection: what the port gets, and our end of it */
} ports[PORTS];

static struct vport vport;
static struct queue *queues[PORTS][PAIRS];
static struct lane lane;
static int fds[KINDS];

static int
hand_out(void *arg)
{
	struct port *p = arg;
	int fd = p->ours;

	p->ours = -1;
	return fd >= 0 ? fd : -1;
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	int ends[2];

	log_set_level(LOG_LEVEL_ERROR);
	vport_set_lanes(1);
	must(qsbr_init() == 0 && vport_init(&vport, "vm") == 0 && lane_init(&lane, 0) == 0 && vhost_loop_init() == 0);
	for (unsigned i = 0; i < PORTS * PAIRS; i++)
		must((queues[i / PAIRS][i % PAIRS] = queue_new(&vport, i)) != NULL);
	fds[KIND_MEMORY] = memfd_create("fl-fuzz", MFD_CLOEXEC);
	fds[KIND_EVENT] = eventfd(0, EFD_CLOEXEC);
	fds[KIND_DEVICE] = open("/dev/null", O_RDWR | O_CLOEXEC);
	must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
	fds[KIND_SOCKET] = ends[0];
	fds[KIND_SHORT] = memfd_create("fl-fuzz", MFD_CLOEXEC);
	fds[KIND_OTHER_MEMORY] = memfd_create("fl-fuzz", MFD_CLOEXEC);
	must(ftruncate(fds[KIND_MEMORY], MEMORY) == 0 && ftruncate(fds[KIND_SHORT], 100) == 0 &&
	     ftruncate(fds[KIND_OTHER_MEMORY], MEMORY) == 0);
	return 0;
}

/* ---- actions ---- */

static void
transmit(const struct port *p, const void *bytes, size_t len, uint16_t kinds, unsigned n)
{
	int some[FUZZ_FDS_MAX];

	for (unsigned i = 0; i < n; i++)
		some[i] = fds[(kinds >> i / 2 * 3 & 7) % KINDS];
	fuzz_send(p->theirs, bytes, len, some, n);
}

/* Any message: request, flags, kinds and number of descriptors, length, payload; all of it may lie. */
static void
act_message(struct port *p, struct input *in)
{
	uint8_t bytes[VHOST_USER_HEADER_LEN + 300] = { 0 };
	uint32_t header[3] = { (uint32_t)next(in, 1), (uint32_t)next(in, 1) ^ VHOST_USER_VERSION, 0 };
	uint16_t kinds = (uint16_t)next(in, 2);
	unsigned n = (unsigned)next(in, 1) % 17;
	size_t len;

	header[2] = (uint32_t)next(in, 2);
	len = header[2] < 300 ? header[2] : 300;
	memcpy(bytes, header, sizeof(header));
	for (size_t i = 0; i < len; i++)
		bytes[VHOST_USER_HEADER_LEN + i] = (uint8_t)next(in, 1);
	transmit(p, bytes, VHOST_USER_HEADER_LEN + len, kinds, n);
}

/* A good step of the set-up of ring i, so that inputs get far. */
static void
act_good(struct port *p, struct input *in)
{
	unsigned step = (unsigned)next(in, 1), i = step / 16 % (2 * PAIRS);
	uint64_t at = USER + (uint64_t)i * RING_BYTES;
	struct vhost_user_message m = { .flags = VHOST_USER_VERSION };
	uint16_t kind = KIND_EVENT;
	unsigned n = 0;

	switch (step % 16) {
	case 0:
		m.request = VHOST_USER_SET_MEM_TABLE;
		m.size = 40;
		m.table.n = n = 1;
		m.table.region[0] = (struct vhost_user_region){ GPA, MEMORY, USER, 0 };
		kind = KIND_MEMORY;
		break;
	case 1:
		m.request = VHOST_USER_SET_FEATURES;
		m.size = 8;
		m.u64 = VHOST_USER_OFFER & ~VHOST_USER_LOG_ALL & ~(next(in, 1) << 28);
		break;
	case 2:
		m.request = VHOST_USER_SET_VRING_NUM;
		m.size = 8;
		m.state.index = i;
		m.state.num = RING_SIZE;
		break;
	case 3:
		m.request = VHOST_USER_SET_VRING_ADDR;
		m.size = 40;
		m.addr.index = i;
		m.addr.desc = at;
		m.addr.avail = at + 1024;
		m.addr.used = at + 2048;
		break;
	case 4:
		m.request = VHOST_USER_SET_VRING_KICK;
		m.size = 8;
		m.u64 = i;
		n = 1;
		break;
	case 5:
		m.request = VHOST_USER_SET_VRING_CALL;
		m.size = 8;
		m.u64 = i;
		n = 1;
		break;
	case 6:
		m.request = VHOST_USER_SET_VRING_ENABLE;
		m.size = 8;
		m.state.index = i;
		m.state.num = 1;
		break;
	case 7:
		m.request = VHOST_USER_SET_LOG_BASE;
		m.size = 16;
		m.log.len = MEMORY;
		kind = KIND_OTHER_MEMORY;
		n = 1;
		break;
	case 8:
		m.request = VHOST_USER_SET_FEATURES;
		m.size = 8;
		m.u64 = VHOST_USER_OFFER;
		break;
	default:
		m.request = VHOST_USER_GET_VRING_BASE;
		m.size = 8;
		m.state.index = i;
	}
	transmit(p, &m, VHOST_USER_HEADER_LEN + m.size, kind, n);
}

/* Bytes of no message at all. */
static void
act_raw(struct port *p, struct input *in)
{
	struct input raw = next_part(in, next(in, 1));

	if (raw.left > 0)
		transmit(p, raw.at, raw.left, 0, 0);
}

/* The guest writes to its memory: most of it into its rings. */
static void
act_write(struct input *in)
{
	size_t at = next(in, 2) % (4 * RING_BYTES), len = next(in, 1) % 32;

	for (size_t i = 0; i < len; i++) {
		uint8_t byte = (uint8_t)next(in, 1);

		if (pwrite(fds[KIND_MEMORY], &byte, 1, (off_t)(at + i)) < 0)
			return;
	}
}

static void
act_lane(const struct port *p)
{
	static const uint8_t frame[60] = { [0] = 2, [12] = 0x88, [13] = 0xb5 };
	struct sink *sink = vhost_sink(p->vhost);
	struct iovec seg = { (void *)(uintptr_t)frame, sizeof(frame) };
	struct pkt pkt = { .segs = &seg, .n_segs = 1 }, *pkts = &pkt;
	int tag = PKT_TAG_NONE;
	enum drop_reason why;
	uint8_t verdict;

	pkt_view(&pkt, frame, sizeof(frame));
	must(pkt_parse(&pkt, &why) == 0);
	sink->ops->put(sink, &lane, &pkts, &tag, 1, &verdict);
	for (unsigned i = 0; i < PAIRS; i++) {
		struct source *s = atomic_load(&queues[p - ports][i]->source[QUEUE_FROM_SENDER]);

		if (s == NULL)
			continue;
		if (s->ops->take(s, &lane) > 0 && s->ops->give != NULL)
			s->ops->give(s, &lane);
		s->ops->arm(s);
		s->ops->pending(s);
	}
}

static void
act(struct port *p, unsigned action, struct input *in)
{
	switch (action) {
	case 0:
	case 1:
		act_message(p, in);
		break;
	case 2:
	case 3:
		act_good(p, in);
		break;
	case 4:
		act_raw(p, in);
		break;
	case 5:
		act_write(in);
		break;
	case 6:
		act_lane(p);
		break;
	default:
		if (next(in, 1) % 8 == 0)
			must(ftruncate(fds[KIND_MEMORY], (off_t)(next(in, 2) * 16)) == 0);
		else
			vhost_tend(p->vhost);
	}
}

/* ---- one input ---- */

static void
settle(void)
{
	uint8_t answers[8192];
	struct vhost_info info;

	vhost_loop_poll();
	for (unsigned i = 0; i < PORTS; i++) {
		while (recv(ports[i].theirs, answers, sizeof(answers), MSG_DONTWAIT) > 0)
			;
		vhost_info(ports[i].vhost, &info);
		must(info.state == VHOST_NO_FRONT_END || info.last_error[0] == '\0');
	}
}

static void
open_ports(void)
{
	struct vhost_options o = { .name = "vm", .n_pairs = PAIRS, .mtu = 1500, .vport = &vport };
	static struct toeplitz *toeplitz;

	if (toeplitz == NULL)
		must((toeplitz = toeplitz_new(toeplitz_default_key, false)) != NULL);
	o.toeplitz = toeplitz;
	for (unsigned i = 0; i < PORTS; i++) {
		int ends[2];

		must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) == 0);
		ports[i].ours = ends[0];
		ports[i].theirs = ends[1];
		o.queues = queues[i];
		must((ports[i].vhost = vhost_open(&o, -1, hand_out, &ports[i], NULL)) != NULL);
	}
	while (ports[0].ours >= 0 || ports[1].ours >= 0 || ports[2].ours >= 0)
		vhost_loop_poll();
}

static void
close_ports(void)
{
	for (unsigned i = 0; i < PORTS; i++) {
		vhost_close(ports[i].vhost);
		close(ports[i].theirs);
	}
	qsbr_reclaim();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };
	int free_before = fuzz_free_fd(fds[KIND_DEVICE]);

	must(ftruncate(fds[KIND_MEMORY], 0) == 0 && ftruncate(fds[KIND_MEMORY], MEMORY) == 0); /* zeros */
	open_ports();
	while (in.left > 0) {
		uint8_t first = (uint8_t)next(&in, 1);

		act(&ports[first >> 3 & 3 ? (first >> 3 & 3) - 1 : 0], first & 7, &in);
		settle();
	}
	close_ports();
	must(fuzz_comes_free(fds[KIND_DEVICE], free_before));
	return 0;
}
