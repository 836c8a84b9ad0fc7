/* test_vf_guest.c - guests without a virtual machine; see test_vf_guest.h. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/qsbr.h"
#include "guest/interrupt.h"
#include "pkt/build.h"
#include "sriov/test_vf_guest.h"

struct lane vfg_lane;
static struct session_loop *loop;
static char folder[] = "/tmp/fl-vfguest-XXXXXX";
static struct vfg *ends[2];
static pthread_t thread;
static _Atomic bool stop;

int
vfg_start(void **state)
{
	log_set_level(LOG_LEVEL_ERROR);
	guest_mem_init();
	loop = session_loop_new();
	if (loop == NULL || mkdtemp(folder) == NULL || test_eal_start(state) < 0 || interrupt_init() < 0)
		return -1;
	return lane_init(&vfg_lane, 0);
}

int
vfg_stop(void **state)
{
	lane_fini(&vfg_lane);
	interrupt_fini();
	session_loop_free(loop);
	return rmdir(folder);
}

/* ---- the wire ---- */

static unsigned
over_the_wire(struct lane *lane, struct ingress *in, struct burst *burst)
{
	struct vfg *g = (struct vfg *)in;
	struct pkt *pkts[PKT_BURST];
	uint8_t verdict[PKT_BURST];
	int tags[PKT_BURST];
	unsigned n = 0;

	for (unsigned i = 0; i < burst->n; i++) {
		enum drop_reason why;

		atomic_fetch_add(&g->entered, 1);
		if (pkt_parse(&burst->pkt[i], &why) < 0)
			continue;
		tags[n] = PKT_TAG_NONE;
		pkts[n++] = &burst->pkt[i];
	}
	if (g->peer == NULL || n == 0)
		return burst->n;
	vf_sink(g->peer->vf)->ops->put(vf_sink(g->peer->vf), lane, pkts, tags, n, verdict);
	for (unsigned i = 0; i < n; i++)
		if (verdict[i] == SINK_TAKEN)
			atomic_fetch_add(&g->arrived, 1);
	return 0;
}

unsigned
vfg_carry(struct vfg *g)
{
	unsigned total = 0;

	for (unsigned i = 0; i < VF_PAIRS; i++) {
		struct source *s = atomic_load_explicit(&g->queue[i]->source[QUEUE_FROM_SENDER], memory_order_acquire);
		unsigned n = s != NULL ? s->ops->take(s, &vfg_lane) : 0;

		if (n == 0)
			continue;
		source_enter(s, &vfg_lane);
		if (s->ops->give != NULL)
			s->ops->give(s, &vfg_lane);
		total += n;
	}
	return total;
}

static void *
work(void *arg)
{
	lane_enter(&vfg_lane);
	while (!atomic_load(&stop)) {
		vfg_carry(ends[0]);
		vfg_carry(ends[1]);
		qsbr_quiescent(vfg_lane.reader);
		sched_yield();
	}
	lane_leave(&vfg_lane);
	return NULL;
}

void
vfg_work(struct vfg *a, struct vfg *b)
{
	ends[0] = a;
	ends[1] = b;
	atomic_store(&stop, false);
	assert_int_equal(pthread_create(&thread, NULL, work, NULL), 0);
}

void
vfg_rest(void)
{
	atomic_store(&stop, true);
	pthread_join(thread, NULL);
}

/* ---- the function ---- */

static void
filters_changed(void *arg)
{
	((struct vfg *)arg)->filters_changed++;
}

static void
receives(void *arg, bool on, bool withdrawn)
{
	struct vfg *g = arg;

	if (on)
		g->began++;
	else
		g->over++;
	if (withdrawn)
		g->withdrawn++;
}

static void
poll_loop(void *arg)
{
	session_loop_poll(loop);
}

static int
listener(struct vfg *g)
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

void
vfg_open(struct vfg *g, unsigned number, enum vf_model model, bool trapped)
{
	struct vf_options o = { .name = "vm1", .model = model, .trapped = trapped, .queues = g->queue, .arg = g };
	struct err err = { 0 };

	memset((void *)g, 0, sizeof(*g));
	g->ingress.input = over_the_wire;
	g->mem.fd = g->ix.vmm.stream.sock = g->ix.bar.fd = -1;
	g->ix.vmm.stream.idle = poll_loop;
	g->policy = (struct vf_policy){
		.mac = { { 2, 0xf1, 0, 0, 0, (uint8_t)number } }, .link = true, .link_mbps = 10000, .mtu = VF_MTU_MAX
	};
	g->driver = (struct ixvf_options){ .path = g->path,
					   .n_pairs = 1,
					   .rx_size = VFG_RING,
					   .tx_size = VFG_RING,
					   .rx_room = 2048,
					   .trapped = trapped,
					   .hyper_v = model >= VF_X550_HV };
	assert_int_equal(vport_init(&g->vport, "vm1"), 0);
	for (unsigned i = 0; i < VF_PAIRS; i++) {
		g->queue[i] = queue_new(&g->vport, i);
		assert_non_null(g->queue[i]);
	}
	o.policy = g->policy;
	o.ingress = &g->ingress;
	o.filters_changed = filters_changed;
	o.receives = receives;
	g->vf = vf_open(loop, &o, listener(g), &err);
	if (g->vf == NULL)
		fail_msg("%s", err.msg);
}

void
vfg_close(struct vfg *g)
{
	vfg_down(g);
	vf_close(g->vf);
	for (unsigned i = 0; i < VF_PAIRS; i++)
		queue_free(g->queue[i]);
	qsbr_reclaim();
	vport_fini(&g->vport);
	unlink(g->path);
}

void
vfg_join(struct vfg *a, struct vfg *b)
{
	a->peer = b;
	b->peer = a;
}

struct vf_info
vfg_info(const struct vfg *g)
{
	struct vf_info info;

	vf_info(g->vf, &info);
	return info;
}

bool
vfg_until(struct vfg *g, enum vf_state state)
{
	uint64_t end = clock_ns() + 10 * NSEC_PER_S;

	while (vfg_info(g).state != state && clock_ns() < end) {
		struct pollfd p = { .fd = session_loop_fd(loop), .events = POLLIN };

		poll(&p, 1, 1);
		session_loop_poll(loop);
		vf_tend(g->vf);
	}
	return vfg_info(g).state == state;
}

/* ---- the guest ---- */

void
vfg_up(struct vfg *g)
{
	int ret;

	if (g->mem.fd < 0)
		assert_int_equal(vuser_mem_open(&g->mem, VFG_MEMORY, VUSER_GPA, false), 0);
	g->mem.used = 0;
	ret = ixvf_open(&g->ix, &g->driver, &g->mem);
	if (ret < 0)
		fail_msg("the driver does not come up: %s, %u", strerror(-ret), g->ix.vmm.error);
	for (unsigned i = 0; i < g->driver.n_pairs; i++)
		vfg_post(g, i);
}

void
vfg_down(struct vfg *g)
{
	ixvf_close(&g->ix);
	vuser_mem_close(&g->mem);
	assert_true(vfg_until(g, VF_NO_CLIENT));
}

void
vfg_post(struct vfg *g, unsigned ring)
{
	uint64_t token;

	do {
		token = (uintptr_t)vuser_mem_carve(&g->mem, g->driver.rx_room, 1024);
		assert_int_not_equal(token, 0);
	} while (ix_rx_put(&g->ix.rx[ring], &token, 1) == 1);
	ix_rx_flush(&g->ix.rx[ring]);
}

/* Byte i of the frame that was made of seed: to everybody, of a type for experiments. */
static uint8_t
byte_of(uint32_t i, unsigned seed)
{
	static const uint8_t type[] = { 0x88, 0xb5 };

	if (i < 6)
		return 0xff;
	if (i < 12)
		return i == 6 ? 2 : (uint8_t)i;
	return i < 14 ? type[i - 12] : (uint8_t)(i * 31 + seed + i / 251);
}

bool
vfg_send(struct vfg *g, unsigned ring, uint32_t len, uint32_t part, unsigned seed)
{
	static uint32_t turn;
	struct ix_tx *tx = &g->ix.tx[ring];
	struct ix_part parts[IX_PARTS_MAX];
	unsigned n = 0;
	uint8_t *frame;

	ix_tx_clean(tx, NULL, VFG_RING);
	if (ix_tx_room(tx) <= IX_PARTS_MAX)
		return false;
	/* The last 2 MiB of the memory, in 64 slots. */
	frame = g->mem.va + VFG_MEMORY - (2u << 20) + (turn++ % 64) * (32u << 10);
	for (uint32_t i = 0; i < len; i++)
		frame[i] = byte_of(i, seed);
	for (uint32_t at = 0; at < len; n++) {
		uint32_t some = part == 0 || len - at < part ? len - at : part;

		assert_true(n < IX_PARTS_MAX);
		parts[n] = (struct ix_part){ vuser_gpa(&g->mem, frame + at), some };
		at += some;
	}
	assert_int_equal(ix_tx_add(tx, parts, n, NULL, seed), 0);
	ix_tx_flush(tx);
	if (g->ix.page[1] == NULL)
		ixvf_read(&g->ix, IX_STATUS); /* the tail was a message: it has arrived */
	return true;
}

uint32_t
vfg_receive(struct vfg *g, unsigned ring, unsigned seed)
{
	struct ix_rx_done done[8];
	struct ix_rx *rx = &g->ix.rx[ring];
	int n = ix_rx_take_frame(rx, done, 8);
	uint32_t len = 0;

	assert_true(n >= 0);
	for (int i = 0; i < n; i++) {
		const uint8_t *bytes = (const uint8_t *)(uintptr_t)done[i].token;

		for (uint32_t at = 0; at < done[i].len; at++, len++)
			if (bytes[at] != byte_of(len, seed))
				fail_msg("byte %u of frame %u is %#x", len, seed, bytes[at]);
		assert_int_equal(ix_rx_put(rx, &done[i].token, 1), 1);
	}
	ix_rx_flush(rx);
	if (n > 0 && g->ix.page[0] == NULL)
		ixvf_read(&g->ix, IX_STATUS);
	return len;
}
