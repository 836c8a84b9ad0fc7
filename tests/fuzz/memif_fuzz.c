/*
 * memif_fuzz.c - any messages, with descriptors of any kind, to a memif on a real socket, while its rings are worked on and their
 * memory is written to and shrinks.
 *
 * Input: actions, one after the other; byte 0 says which, what follows is in act_*. What must hold: no report of a sanitizer, no
 * descriptor left at the end.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"
#include "base/qsbr.h"
#include "guest/memif.h"
#include "guest/memif_proto.h"
#include "guest/vhost.h"
#include "nic/queue.h"
#include "pkt/build.h"
#include "tests/fuzz/fuzz.h"

#define MEMORY (1u << 16)
#define LOG2_SLOTS 3
#define TO_PEER_AT 1024 /* where the second ring lies */

enum kind { KIND_MEMORY, KIND_EVENT, KIND_DEVICE, KIND_SHORT, KINDS };

static struct uplink_medium *medium;
static struct vport vport;
static struct queue *queue;
static struct lane lane;
static int fds[KINDS], peer = -1;
static struct sockaddr_un at = { .sun_family = AF_UNIX };

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	log_set_level(LOG_LEVEL_ERROR);
	vport_set_lanes(1);
	must(qsbr_init() == 0 && vport_init(&vport, "wire") == 0 && lane_init(&lane, 0) == 0 && vhost_loop_init() == 0);
	must((queue = queue_new(&vport, 0)) != NULL);
	snprintf(at.sun_path, sizeof(at.sun_path), "/tmp/fl-memif-fuzz-%d", getpid());
	fds[KIND_MEMORY] = memfd_create("fl-fuzz", MFD_CLOEXEC);
	fds[KIND_EVENT] = eventfd(0, EFD_CLOEXEC);
	fds[KIND_DEVICE] = open("/dev/null", O_RDWR | O_CLOEXEC);
	fds[KIND_SHORT] = memfd_create("fl-fuzz", MFD_CLOEXEC);
	must(ftruncate(fds[KIND_SHORT], 100) == 0);
	return 0;
}

/* ---- actions ---- */

static void
transmit(const struct memif_message *m, size_t len, unsigned n, unsigned kind)
{
	int some[4];

	for (unsigned i = 0; i < n; i++)
		some[i] = fds[(kind + i) % KINDS];
	fuzz_send(peer, m, len, some, n);
}

/* Any message: its length, descriptors, type, and content. */
static void
act_message(struct input *in)
{
	struct memif_message m = { 0 };
	uint8_t shape = (uint8_t)next(in, 1), len = (uint8_t)next(in, 1);

	m.type = (uint16_t)next(in, 1);
	for (unsigned i = 0; i < 40; i++)
		m.bytes[i] = (uint8_t)next(in, 1);
	transmit(&m, len & 0x80 ? sizeof(m) : len + 1u, shape & 3, shape >> 2 & 3);
}

/* A good step of the hand-shake, so that inputs get far. */
static void
act_good(unsigned step)
{
	struct memif_message m = { 0 };

	switch (step) {
	case 0:
		m.type = MEMIF_INIT;
		m.init.version = MEMIF_VERSION;
		transmit(&m, sizeof(m), 0, 0);
		return;
	case 1:
		m.type = MEMIF_ADD_REGION;
		m.add_region.size = MEMORY;
		transmit(&m, sizeof(m), 1, KIND_MEMORY);
		return;
	case 2:
	case 3:
		m.type = MEMIF_ADD_RING;
		m.add_ring.flags = step == 2;
		m.add_ring.offset = step == 2 ? 0 : TO_PEER_AT;
		m.add_ring.log2_size = LOG2_SLOTS;
		transmit(&m, sizeof(m), 1, KIND_EVENT);
		return;
	default:
		m.type = MEMIF_CONNECT;
		transmit(&m, sizeof(m), 0, 0);
	}
}

/* The peer writes into its memory: most of it into its rings. */
static void
act_write(struct input *in)
{
	size_t to = next(in, 2) % (2 * TO_PEER_AT), len = next(in, 1) % 32;

	for (size_t i = 0; i < len; i++) {
		uint8_t byte = (uint8_t)next(in, 1);

		if (pwrite(fds[KIND_MEMORY], &byte, 1, (off_t)(to + i)) < 0)
			return;
	}
}

static void
act_lane(void)
{
	static const uint8_t frame[1500] = { [0] = 2, [12] = 0x88, [13] = 0xb5 };
	struct source *s = atomic_load(&queue->source[QUEUE_FROM_SENDER]);
	struct iovec seg = { (void *)(uintptr_t)frame, sizeof(frame) };
	struct pkt pkt = { .segs = &seg, .n_segs = 1 }, *pkts = &pkt;
	int tag = PKT_TAG_NONE;
	enum drop_reason why;
	uint8_t verdict;

	pkt_view(&pkt, frame, sizeof(frame));
	must(pkt_parse(&pkt, &why) == 0);
	medium->sink->ops->put(medium->sink, &lane, &pkts, &tag, 1, &verdict);
	if (s == NULL)
		return;
	if (s->ops->take(s, &lane) > 0)
		s->ops->give(s, &lane);
	s->ops->arm(s);
	s->ops->pending(s);
}

static void
act_call(void)
{
	if (peer >= 0)
		close(peer);
	peer = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	must(peer >= 0 && connect(peer, (struct sockaddr *)&at, sizeof(at)) == 0);
}

static void
act(struct input *in)
{
	uint8_t first = (uint8_t)next(in, 1);

	switch (first & 7) {
	case 0:
	case 1:
		act_message(in);
		break;
	case 2:
		act_good(first >> 3 & 7);
		break;
	case 3:
		for (unsigned step = 0; step < 5; step++) {
			act_good(step);
			vhost_loop_poll();
		}
		break;
	case 4:
		act_write(in);
		break;
	case 5:
		act_lane();
		break;
	case 6:
		act_call();
		break;
	default:
		if (first >> 3 == 0)
			must(ftruncate(fds[KIND_MEMORY], (off_t)next(in, 2)) == 0);
		medium->ops->tend(medium);
	}
}

/* ---- one input ---- */

static void
settle(void)
{
	uint8_t answers[1024];

	vhost_loop_poll();
	while (recv(peer, answers, sizeof(answers), MSG_DONTWAIT) > 0)
		;
}

static void
lay_out_rings(void)
{
	struct memif_shared ring = { .cookie = MEMIF_COOKIE };

	must(ftruncate(fds[KIND_MEMORY], 0) == 0 && ftruncate(fds[KIND_MEMORY], MEMORY) == 0); /* zeros */
	must(pwrite(fds[KIND_MEMORY], &ring, sizeof(ring), 0) == sizeof(ring));
	must(pwrite(fds[KIND_MEMORY], &ring, sizeof(ring), TO_PEER_AT) == sizeof(ring));
	for (unsigned i = 0; i < 2 << LOG2_SLOTS; i++) {
		struct memif_slot slot = { .len = 1000, .offset = 4096 + i * 1024 };
		unsigned to = (i >> LOG2_SLOTS ? TO_PEER_AT : 0) + (unsigned)sizeof(ring);

		must(pwrite(fds[KIND_MEMORY], &slot, sizeof(slot),
			    to + (i & ((1u << LOG2_SLOTS) - 1)) * (unsigned)sizeof(slot)) == sizeof(slot));
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct uplink_medium_options o = {
		.name = "wire", .arg = at.sun_path, .mtu = 9000, .queue = queue, .vport = &vport
	};
	struct input in = { data, size };
	int free_before = fuzz_free_fd(fds[KIND_DEVICE]);
	struct err err;

	lay_out_rings();
	must((medium = memif_open(&o, &err)) != NULL);
	act_call();
	while (in.left > 0) {
		act(&in);
		settle();
	}
	medium->ops->close(medium);
	close(peer);
	peer = -1;
	qsbr_reclaim();
	must(fuzz_comes_free(fds[KIND_DEVICE], free_before));
	return 0;
}
