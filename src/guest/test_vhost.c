/* test_vhost.c - a guest without a virtual machine; see test_vhost.h. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/qsbr.h"
#include "guest/test_vhost.h"
#include "nic/test_eal.h"
#include "pkt/build.h"

#define HEADER_LEN 12
#define BUFFER_LEN 2048

static char folder[] = "/tmp/fl-vhost-XXXXXX";
static struct toeplitz *toeplitz;
static const uint8_t frame[FRAME_LEN] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02, 0xf1, 0, 0, 0, 1, 0x88, 0xb5 };

int
guest_start(void **state)
{
	log_set_level(LOG_LEVEL_ERROR);
	toeplitz = toeplitz_new(toeplitz_default_key, false);
	if (toeplitz == NULL || mkdtemp(folder) == NULL || test_eal_start(state) < 0)
		return -1;
	test_processors_open(1, 0);
	return vhost_loop_init();
}

int
guest_stop(void **state)
{
	vhost_loop_fini();
	test_processors_close();
	toeplitz_free(toeplitz);
	return rmdir(folder);
}

static int
listener(struct guest *g)
{
	static unsigned number;
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	snprintf(g->path, sizeof(g->path), "%s/%u", folder, number++);
	memcpy(at.sun_path, g->path, sizeof(g->path));
	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(fd, 16), 0);
	return fd;
}

static void
poll_loop(void *arg)
{
	vhost_loop_poll();
}

void
guest_open(struct guest *g, unsigned n_pairs)
{
	struct vhost_options o = { .name = "vm1", .n_pairs = n_pairs, .mtu = PORT_MTU, .queues = g->queue };
	struct err err = { 0 };

	memset((void *)g, 0, sizeof(*g));
	g->n_pairs = n_pairs;
	g->front.stream.sock = -1;
	g->front.stream.idle = poll_loop;
	g->mem.fd = -1;
	g->options = (struct vuser_options){ .path = g->path,
					     .n_pairs = n_pairs,
					     .rx_size = RING_SIZE,
					     .tx_size = RING_SIZE,
					     .features = GUEST_FEATURES,
					     .protocol_features = GUEST_PROTOCOL };
	assert_int_equal(vport_init(&g->vport, "vm1"), 0);
	for (unsigned i = 0; i < n_pairs; i++) {
		g->queue[i] = queue_new(&g->vport, i);
		assert_non_null(g->queue[i]);
		assert_int_equal(queue_move(g->queue[i], 0), 0);
	}
	o.vport = &g->vport;
	o.toeplitz = toeplitz;
	g->vhost = vhost_open(&o, listener(g), NULL, NULL, &err);
	if (g->vhost == NULL)
		fail_msg("%s", err.msg);
	assert_int_equal(lane_init(&g->lane, 0), 0);
}

void
guest_close(struct guest *g)
{
	vhost_close(g->vhost);
	guest_down(g);
	for (unsigned i = 0; i < g->n_pairs; i++)
		queue_free(g->queue[i]);
	qsbr_reclaim();
	lane_fini(&g->lane);
	vport_fini(&g->vport);
	unlink(g->path);
}

void
guest_up(struct guest *g)
{
	if (g->mem.fd < 0)
		assert_int_equal(vuser_mem_open(&g->mem, GUEST_MEMORY, VUSER_GPA, false), 0);
	assert_int_equal(vuser_open(&g->front, &g->options, &g->mem), 0);
}

void
guest_down(struct guest *g)
{
	vuser_close(&g->front);
	if (g->mem.fd >= 0)
		vuser_mem_close(&g->mem);
	g->mem = (struct vuser_mem){ .fd = -1 };
}

void
guest_prepare(struct guest *g)
{
	struct vuser_rules rules = { .mergeable = true };

	assert_int_equal(vuser_mem_open(&g->mem, GUEST_MEMORY, VUSER_GPA, false), 0);
	assert_int_equal(vuser_connect(&g->front, &g->options), 0);
	assert_int_equal(vuser_negotiate(&g->front, &g->options), 0);
	g->front.queue = calloc(2 * g->n_pairs, sizeof(*g->front.queue));
	for (; g->front.n_queues < 2 * g->n_pairs; g->front.n_queues++)
		assert_int_equal(vuser_queue_init(&g->front.queue[g->front.n_queues], &g->mem, RING_SIZE, &rules), 0);
}

void
guest_give(struct guest *g, unsigned i, enum need need)
{
	const struct vuser_queue *q = &g->front.queue[i];
	struct vuser_msg m = { .request = VUSER_SET_VRING_ADDR, .size = sizeof(m.addr) };

	switch (need) {
	case NEED_MEMORY:
		assert_int_equal(vuser_share(&g->front, &g->mem, 1), 0);
		break;
	case NEED_SIZE:
		assert_int_equal(guest_state(g, VUSER_SET_VRING_NUM, i, RING_SIZE), 0);
		break;
	case NEED_BASE:
		assert_int_equal(guest_state(g, VUSER_SET_VRING_BASE, i, 0), 0);
		break;
	case NEED_ADDRESSES:
		m.addr.index = i;
		m.addr.desc = (uintptr_t)q->desc;
		m.addr.used = (uintptr_t)q->used;
		m.addr.avail = (uintptr_t)q->avail;
		assert_int_equal(vuser_tell(&g->front, &m, NULL, 0), 0);
		break;
	case NEED_KICK:
		m = (struct vuser_msg){ .request = VUSER_SET_VRING_KICK, .size = 8, .u64 = i };
		assert_int_equal(vuser_tell(&g->front, &m, &q->kick_fd, 1), 0);
		break;
	default:
		assert_int_equal(guest_state(g, VUSER_SET_VRING_ENABLE, i, 1), 0);
	}
}

/* ---- the lane ---- */

/* With PKT_BURST frames at most each. */
static unsigned
take_from(struct guest *g, unsigned pair)
{
	struct source *s = atomic_load_explicit(&g->queue[pair]->source[QUEUE_FROM_SENDER], memory_order_acquire);
	unsigned n = s != NULL ? s->ops->take(s, &g->lane) : 0;

	for (unsigned i = 0; i < n; i++)
		if (memcmp(g->lane.burst.pkt[i].hdr, frame, 14) != 0)
			atomic_fetch_add(&g->runts, 1);
	if (n > 0 && s->ops->give != NULL)
		s->ops->give(s, &g->lane);
	return n;
}

static uint8_t
put_one(struct guest *g)
{
	struct sink *sink = vhost_sink(g->vhost);
	struct iovec seg = { (void *)(uintptr_t)frame, sizeof(frame) };
	struct pkt pkt = { .segs = &seg, .n_segs = 1 }, *pkts = &pkt;
	enum drop_reason why;
	uint8_t verdict = 0;
	int tag = PKT_TAG_NONE;

	pkt_view(&pkt, frame, sizeof(frame));
	assert_int_equal(pkt_parse(&pkt, &why), 0);
	sink->ops->put(sink, &g->lane, &pkts, &tag, 1, &verdict);
	return verdict;
}

static void *
work(void *arg)
{
	struct guest *g = arg;

	lane_enter(&g->lane);
	while (!atomic_load(&g->stop)) {
		for (unsigned i = 0; i < g->n_pairs; i++)
			atomic_fetch_add(&g->taken, take_from(g, i));
		switch (put_one(g)) {
		case SINK_TAKEN:
			atomic_fetch_add(&g->put, 1);
			break;
		case DROP_PORT_DOWN:
			atomic_fetch_add(&g->down, 1);
			break;
		default: /* no buffer */
			break;
		}
		qsbr_quiescent(g->lane.reader);
		atomic_fetch_add(&g->rounds, 1);
	}
	lane_leave(&g->lane);
	return NULL;
}

void
guest_work(struct guest *g)
{
	atomic_store(&g->stop, false);
	assert_int_equal(pthread_create(&g->thread, NULL, work, g), 0);
}

void
guest_rest(struct guest *g)
{
	atomic_store(&g->stop, true);
	pthread_join(g->thread, NULL);
}

void
guest_wait_rounds(struct guest *g, uint64_t n)
{
	uint64_t want = atomic_load(&g->rounds) + n, end = clock_ns() + 10 * NSEC_PER_S;

	while (atomic_load(&g->rounds) < want && clock_ns() < end)
		sched_yield();
	assert_true(atomic_load(&g->rounds) >= want);
}

unsigned
guest_take(struct guest *g, unsigned pair)
{
	return take_from(g, pair);
}

uint8_t
guest_put(struct guest *g)
{
	return put_one(g);
}

/* ---- the driver ---- */

unsigned
guest_send(struct guest *g, unsigned pair, unsigned n)
{
	struct vuser_queue *q = &g->front.queue[2 * pair + 1];
	struct vuser_done done[RING_SIZE];
	unsigned sent = 0;

	while (vuser_take(q, done, RING_SIZE) > 0)
		;
	for (; sent < n && vuser_room(q) > 0; sent++) {
		uint8_t *at = vuser_mem_carve(&g->mem, HEADER_LEN + FRAME_LEN, 1);
		uint64_t token = (uintptr_t)at;

		if (at == NULL) { /* any place will do */
			at = g->mem.va + GUEST_MEMORY / 2;
			token = (uintptr_t)at;
		}
		memset(at, 0, HEADER_LEN);
		memcpy(at + HEADER_LEN, frame, FRAME_LEN);
		assert_int_equal(vuser_put(q, &token, 1, HEADER_LEN + FRAME_LEN, 0), 1);
	}
	vuser_flush(q);
	return sent;
}

unsigned
guest_post(struct guest *g, unsigned pair, unsigned n)
{
	struct vuser_queue *q = &g->front.queue[2 * pair];
	struct vuser_done done[RING_SIZE];
	uint64_t token = (uintptr_t)(g->mem.va + GUEST_MEMORY - BUFFER_LEN);
	unsigned posted = 0;

	while (vuser_take(q, done, RING_SIZE) > 0)
		;
	while (posted < n && vuser_put(q, &token, 1, BUFFER_LEN, VUSER_DESC_WRITE) == 1)
		posted++;
	vuser_flush(q);
	return posted;
}

int
guest_u64(struct guest *g, enum vuser_request request, uint64_t value)
{
	struct vuser_msg m = { .request = request, .size = sizeof(m.u64), .u64 = value };

	return vuser_tell(&g->front, &m, NULL, 0);
}

int
guest_state(struct guest *g, enum vuser_request request, unsigned index, unsigned num)
{
	struct vuser_msg m = { .request = request, .size = sizeof(m.state), .state = { index, num } };

	return vuser_tell(&g->front, &m, NULL, 0);
}

/* ---- what a test asks ---- */

struct vhost_info
guest_info(const struct guest *g)
{
	struct vhost_info info;

	vhost_info(g->vhost, &info);
	return info;
}

bool
guest_until(struct guest *g, enum vhost_state state)
{
	uint64_t end = clock_ns() + 2 * NSEC_PER_S;

	while (guest_info(g).state != state && clock_ns() < end) {
		struct pollfd p = { .fd = vhost_loop_fd(), .events = POLLIN };

		if (poll(&p, 1, 5) == 1)
			vhost_loop_poll();
	}
	return guest_info(g).state == state;
}
