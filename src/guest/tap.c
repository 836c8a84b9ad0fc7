/* tap.c - frames from and to a TAP interface; see tap.h. Facts of the medium: Documentation/networking/tuntap.rst. */
#include "guest/tap.h"

#include <errno.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/qsbr.h"
#include "pkt/build.h"
#include "pkt/claim.h"

/*
 * Bytes that one burst reads: the frames are read and written again at once, so what a burst holds should stay in the
 * core's L2. 64 KiB frames are then taken four at a time, small ones by PKT_BURST.
 */
#define BURST_BYTES (256 * 1024)

/* Since kernel 6.2, so not in every linux/if_tun.h that we build with. */
#ifndef TUN_F_USO4
#define TUN_F_USO4 0x20
#define TUN_F_USO6 0x40
#endif

/*
 * No frame: nothing there, one that the kernel could not describe (tun_put_user, drivers/net/tun.c), or the interface is gone for
 * good, which only EBADFD says: it was deleted under us (tun_get). More frames are reported by epoll.
 */
static void
read_failed(struct source *s, int error)
{
	atomic_store_explicit(&s->ready, false, memory_order_relaxed);
	if (error == EBADFD)
		atomic_store_explicit(&s->dead, true, memory_order_release);
}

static unsigned
tap_take(struct source *s, struct lane *lane)
{
	struct burst *b = &lane->burst;
	unsigned bytes = 0, n = 0;

	while (n < PKT_BURST && bytes < BURST_BYTES) {
		struct virtio_net_hdr header;
		struct iovec into[2] = { { &header, sizeof(header) }, { burst_room(b, n), BURST_ROOM } };
		struct pkt *pkt = &b->pkt[n];
		ssize_t len = readv(s->fd, into, 2);

		if (len < (ssize_t)sizeof(header)) {
			read_failed(s, len < 0 ? errno : EBADFD);
			break;
		}
		len -= (ssize_t)sizeof(header);
		pkt_view(pkt, into[1].iov_base, (uint32_t)len);
		pkt_claim_read(pkt, &header);
		b->seg[n * BURST_SEGS] = (struct iovec){ into[1].iov_base, (size_t)len };
		pkt->segs = &b->seg[n * BURST_SEGS];
		pkt->n_segs = 1;
		pkt->writable = true;
		pkt->cookie = NULL;
		bytes += (unsigned)len;
		n++;
	}
	b->n = n;
	return n;
}

static const struct source_ops tap_source_ops = { .take = tap_take };

static uint8_t
write_error(int error)
{
	switch (error) {
	case EAGAIN:
	case ENOBUFS:
	case ENOMEM:
		return DROP_RECEIVER_FULL;
	case EINVAL:
		return DROP_BAD_OFFLOAD; /* the kernel refused the header that we made */
	default:
		return DROP_PORT_DOWN; /* EIO: interface is down; EBADFD: gone */
	}
}

static uint8_t
write_frame(struct tap_queue *q, struct pkt *pkt, int tag)
{
	struct iovec span[PKT_SEGS_MAX + 1];
	struct virtio_net_hdr header;
	uint8_t tag_room[4];
	unsigned n = pkt_spans(pkt, tag, tag_room, &span[1], PKT_SEGS_MAX);

	pkt_virtio_header(pkt, tag, &header);
	span[0] = (struct iovec){ &header, sizeof(header) };
	if (writev(q->source.fd, span, (int)n + 1) < 0 &&
	    (write_error(errno) != DROP_RECEIVER_FULL || writev(q->source.fd, span, (int)n + 1) < 0))
		return write_error(errno);
	/* Not count_add: several lanes write. Beside a system call it is nothing. */
	atomic_fetch_add_explicit(&q->written, 1, memory_order_relaxed);
	return SINK_TAKEN;
}

static void
tap_put(struct sink *sink, struct lane *lane, struct pkt *const *pkts, const int *tags, unsigned n, uint8_t *verdict)
{
	struct tap *tap = (struct tap *)((char *)sink - offsetof(struct tap, sink));
	const struct spread *spread = atomic_load_explicit(&tap->spread, memory_order_acquire);
	uint32_t longest = atomic_load_explicit(&tap->mtu, memory_order_relaxed) + 14; /* Ethernet header */

	for (unsigned i = 0; i < n; i++) {
		/* The kernel would take it, and its stack choke on it: a wire drops it. */
		if (pkt_cut_longest(pkts[i], PKT_TAG_NONE) > longest)
			verdict[i] = DROP_TOO_BIG;
		else
			verdict[i] = write_frame(&tap->queue[spread_queue(spread, pkts[i])], pkts[i], tags[i]);
	}
}

static const struct sink_ops tap_sink_ops = { tap_put };

/* Without any of them the kernel finishes and cuts before it gives us a frame: slower, not wrong. */
static void
ask_offloads(int fd)
{
	unsigned tcp = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN;

	if (ioctl(fd, TUNSETOFFLOAD, tcp | TUN_F_USO4 | TUN_F_USO6) < 0)
		ioctl(fd, TUNSETOFFLOAD, tcp);
}

/* Tells namespaces of one name apart: the number of the one that has it now, 0 for none. One that a TAP of ours lies in keeps its number. */
static ino_t
namespace_number(const char *netns)
{
	char path[sizeof("/run/netns/") + KEEP_NAME_MAX];
	struct stat st;

	snprintf(path, sizeof(path), "/run/netns/%s", netns);
	return netns[0] != '\0' && stat(path, &st) == 0 ? st.st_ino : 0;
}

/* Carries tap->rule out. Returns 0, or -ENOMEM with the former table. */
static int
spread_publish(struct tap *tap)
{
	struct spread *next = malloc(sizeof(*next));

	if (next == NULL)
		return -ENOMEM;
	spread_init(next, &tap->rule, NULL, tap->n_queues);
	/* Release: its content is seen; partner: the acquire in tap_put. */
	qsbr_free((void *)(uintptr_t)atomic_exchange_explicit(&tap->spread, (const struct spread *)next,
							      memory_order_acq_rel));
	return 0;
}

struct tap *
tap_open(const struct keep_tap *want, struct ingress *ingress, const struct toeplitz *toeplitz, struct err *err)
{
	struct tap *tap = aligned_alloc(64, (sizeof(*tap) + 63) / 64 * 64);
	int fds[KEEP_TAP_QUEUES_MAX];

	if (tap == NULL) {
		err_set(err, -ENOMEM, "no memory for interface '%s'", want->interface);
		return NULL;
	}
	memset((void *)tap, 0, sizeof(*tap));
	tap->is = *want;
	tap->n_queues = want->queues;
	tap->namespace_number = namespace_number(want->netns);
	spread_rule_init(&tap->rule, toeplitz);
	if (spread_publish(tap) < 0) {
		free(tap);
		err_set(err, -ENOMEM, "no memory for interface '%s'", want->interface);
		return NULL;
	}
	if (keep_tap_open(want, fds, &tap->mac, err) < 0) {
		free((void *)(uintptr_t)atomic_load(&tap->spread));
		free(tap);
		return NULL;
	}
	ask_offloads(fds[0]);
	tap->sink.ops = &tap_sink_ops;
	atomic_store(&tap->mtu, want->mtu ? want->mtu : 1500);
	for (unsigned i = 0; i < tap->n_queues; i++)
		source_init(&tap->queue[i].source, &tap_source_ops, fds[i], ingress);
	return tap;
}

void
tap_close(struct tap *tap)
{
	if (tap == NULL)
		return;
	for (unsigned i = 0; i < tap->n_queues; i++)
		close(tap->queue[i].source.fd);
	free((void *)(uintptr_t)atomic_load(&tap->spread));
	free(tap);
}

int
tap_set_spread(struct tap *tap, const struct spread_rule *rule)
{
	struct spread_rule former = tap->rule;
	int ret;

	tap->rule = *rule;
	ret = spread_publish(tap);
	if (ret < 0)
		tap->rule = former;
	else
		qsbr_synchronize();
	return ret;
}

int
tap_change(struct tap *tap, const struct keep_tap *want, struct err *err)
{
	int ret = keep_tap_set(want, err);

	if (ret < 0)
		return ret;
	if (!mac_is_zero(&want->mac))
		tap->mac = want->mac;
	tap->is = *want;
	atomic_store(&tap->mtu, want->mtu ? want->mtu : 1500);
	return 0;
}

bool
tap_is_gone(const struct tap *tap)
{
	for (unsigned i = 0; i < tap->n_queues; i++)
		if (atomic_load(&((struct tap *)(uintptr_t)tap)->queue[i].source.dead))
			return true;
	return namespace_number(tap->is.netns) != tap->namespace_number;
}
