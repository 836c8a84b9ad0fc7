/* test_memif.c - a wire without anything behind it; see test_memif.h. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/qsbr.h"
#include "guest/test_memif.h"
#include "guest/vhost.h"
#include "nic/test_eal.h"
#include "pkt/build.h"

static struct sigaction fault_handler;
static char folder[] = "/tmp/fl-memif-XXXXXX";

int
wire_start(void **state)
{
	log_set_level(LOG_LEVEL_ERROR);
	if (mkdtemp(folder) == NULL || test_eal_start(state) < 0)
		return -1;
	test_processors_open(1, 0);
	if (vhost_loop_init() < 0)
		return -1;
	return sigaction(SIGBUS, NULL, &fault_handler);
}

void
wire_catch_faults(void)
{
	assert_int_equal(sigaction(SIGBUS, &fault_handler, NULL), 0);
}

int
wire_stop(void **state)
{
	vhost_loop_fini();
	test_processors_close();
	return rmdir(folder);
}

void
wire_poll(void)
{
	struct pollfd p = { .fd = vhost_loop_fd(), .events = POLLIN };

	while (poll(&p, 1, 0) == 1)
		vhost_loop_poll();
}

void
wire_open(struct wire *w)
{
	struct uplink_medium_options o = { .name = "wire", .arg = w->path, .mtu = WIRE_MTU };
	static unsigned number;
	struct err err = { 0 };

	memset((void *)w, 0, sizeof(*w));
	muser_init(&w->peer);
	w->peer.idle = wire_poll;
	snprintf(w->path, sizeof(w->path), "%s/%u", folder, number++);
	assert_int_equal(vport_init(&w->vport, "wire"), 0);
	w->queue = queue_new(&w->vport, 0);
	assert_non_null(w->queue);
	assert_int_equal(queue_move(w->queue, 0), 0);
	o.queue = w->queue;
	o.vport = &w->vport;
	w->medium = memif_open(&o, &err);
	if (w->medium == NULL)
		fail_msg("%s", err.msg);
	assert_int_equal(lane_init(&w->lane, 0), 0);
}

void
wire_close(struct wire *w)
{
	w->medium->ops->close(w->medium);
	queue_free(w->queue);
	qsbr_reclaim();
	lane_fini(&w->lane);
	vport_fini(&w->vport);
	assert_int_equal(access(w->path, F_OK), -1); /* nothing is left */
}

void
wire_up(struct wire *w)
{
	struct muser_shape shape = { LOG2_SLOTS, ROOM, 1 };

	assert_int_equal(muser_open(&w->peer, w->path, &shape), 0);
	assert_true(wire_has_link(w));
}

void
wire_down(struct wire *w)
{
	muser_close(&w->peer);
	wire_poll();
	assert_false(wire_has_link(w));
}

bool
wire_has_link(const struct wire *w)
{
	return w->medium->ops->has_link(w->medium);
}

struct source *
wire_source(const struct wire *w)
{
	return atomic_load(&w->queue->source[QUEUE_FROM_SENDER]);
}

unsigned
wire_take(struct wire *w)
{
	struct source *s = wire_source(w);

	return s != NULL && s->ops->pending(s) ? s->ops->take(s, &w->lane) : 0;
}

void
wire_give(struct wire *w)
{
	struct source *s = wire_source(w);

	s->ops->give(s, &w->lane);
}

uint8_t
wire_put(struct wire *w, struct pkt *pkt, int tag)
{
	uint8_t verdict = 0;

	w->medium->sink->ops->put(w->medium->sink, &w->lane, &pkt, &tag, 1, &verdict);
	return verdict;
}

uint8_t
wire_put_bytes(struct wire *w, const uint8_t *bytes, uint32_t len, int tag)
{
	struct iovec seg = { (void *)(uintptr_t)bytes, len };
	struct pkt pkt = { .segs = &seg, .n_segs = 1 };
	enum drop_reason why;

	pkt_view(&pkt, bytes, len);
	assert_int_equal(pkt_parse(&pkt, &why), 0);
	return wire_put(w, &pkt, tag);
}

/* ---- the peer ---- */

void
wire_fill(uint8_t *at, unsigned number, uint32_t from, uint32_t len)
{
	for (uint32_t i = 0; i < len; i++)
		at[i] = wire_byte(number, from + i);
}

unsigned
wire_lay(struct wire *w, unsigned ahead, unsigned number, uint32_t len, uint32_t piece)
{
	struct muser_end *tx = &w->peer.tx;
	unsigned slots = 0;

	for (uint32_t done = 0; done < len; slots++) {
		struct muser_desc *d = &tx->ring->desc[(tx->next + ahead + slots) & tx->mask];
		uint32_t here = len - done < piece ? len - done : piece;

		wire_fill(muser_buffer(&w->peer, tx, (uint16_t)(ahead + slots)), number, done, here);
		done += here;
		d->length = here;
		d->flags = done < len ? MUSER_DESC_NEXT : 0;
	}
	return slots;
}

void
wire_publish(struct wire *w, unsigned slots)
{
	struct muser_end *tx = &w->peer.tx;

	tx->next = (uint16_t)(tx->next + slots);
	__atomic_store_n(&tx->ring->head, tx->next, __ATOMIC_RELEASE);
}

uint32_t
wire_receive(struct wire *w, uint8_t *out)
{
	struct muser_end *rx = wire_back(w);
	unsigned n = muser_ready(rx), i = 0;
	uint32_t len = 0;
	bool more = n > 0;

	for (; more; i++) {
		const struct muser_desc *d = &rx->ring->desc[(rx->next + i) & rx->mask];

		assert_true(i < n);
		more = d->flags & MUSER_DESC_NEXT;
		memcpy(out + len, muser_buffer(&w->peer, rx, (uint16_t)i), d->length);
		len += d->length;
	}
	muser_repost(&w->peer, rx, (uint16_t)i);
	return len;
}

void
wire_frame(uint8_t *at, unsigned number, uint32_t len)
{
	wire_fill(at, number, 0, len);
	at[12] = 0x88; /* IEEE 802, local experiments */
	at[13] = 0xb5;
}

void
wire_expect_the_end(struct wire *w, unsigned row)
{
	struct source *s = wire_source(w);

	if (s->ops->pending(s) || s->ops->take(s, &w->lane) != 0)
		fail_msg("row %u: it goes on", row);
	w->medium->ops->tend(w->medium);
	if (wire_has_link(w))
		fail_msg("row %u: it is still there", row);
	assert_null(wire_source(w));
	muser_close(&w->peer);
	wire_up(w); /* a better one */
}
