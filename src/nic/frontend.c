/* frontend.c - the NIC's part in software; see frontend.h. */
#include "nic/frontend.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <rte_ethdev.h>

#include "base/clock.h"
#include "base/qsbr.h"
#include "base/thread.h"

#define BURST PKT_BURST
#define FULL_BURST (BURST / 2)            /* bursts below this under load: poll more rarely */
#define SLEEP_MAX_MS 100                  /* safety timer of the sleep protocol */
#define NAP_NS (30 * NSEC_PER_US)         /* a quarter of a receive ring at 8 Mpps. Our choice */
#define BUSY_GAP_US 100                   /* a burst this soon after the last one means load */
#define BLIND_MIN_US 50                   /* uplinks without a descriptor: scan from 50 us ... */
#define BLIND_MAX_US 5000                 /* ... to 5 ms while quiet */
#define HELD_US 100                       /* between counts of what rings hold. Our choice */
#define SAMPLE_GAP_NS (150 * NSEC_PER_MS) /* as processor.c: shorter windows show time slices. Our choice */

static void
count_full(struct frontend *fe, const struct rxring *r, const struct lane *lane, struct rte_mbuf *m)
{
	struct vport_stats *wire = &fe->wire->stats[lane->id];

	count_add(&wire->rx_packets, 1);
	count_add(&wire->rx_bytes, rte_pktmbuf_pkt_len(m));
	if (r->vport == fe->wire) {
		drop_rx(fe->wire, lane->id, DROP_QUEUE_FULL);
	} else {
		count_add(&r->vport->stats[lane->id].tx_offered, 1);
		drop_tx(r->vport, lane->id, DROP_QUEUE_FULL);
	}
	count_add(&r->queue->overflowed, 1);
	rte_pktmbuf_free(m);
}

/*
 * How many frames more ring r may hold: all rings live on one pool of buffers, and no ring may hold more than is left for the
 * others (dynamic thresholds: Choudhury and Hahne, IEEE/ACM Transactions on Networking 6(2), 1998). So queues of slow
 * processors never keep frames from fast ones; n of them that overflow hold 1/(n+1) each, and as much stays free.
 */
static unsigned
room_for(const struct frontend *fe, const struct rxring *r)
{
	unsigned left = fe->held < UPLINK_BUFS_IN_RINGS ? UPLINK_BUFS_IN_RINGS - fe->held : 0, has = rxring_held(r);

	return left > has ? left - has : 0;
}

static void
count_held(struct frontend *fe, const struct rxplan *plan)
{
	uint64_t now = clock_cycles();

	if (now - fe->held_at < fe->held_cycles)
		return;
	fe->held_at = now;
	fe->held = 0;
	for (unsigned i = 0; i < plan->n_rings; i++)
		fe->held += rxring_held(plan->ring[i]);
}

/* Sees to it that what was added to r goes on. Inline there is nobody else who could. */
static void
go_on(struct frontend *fe, struct rxring *r)
{
	if (!fe->threaded || !direct_deliver(&fe->direct, &fe->lane, r))
		rxring_kick(r);
}

/* Hands the frames of one ring over, in order; mbufs of other rings stay. */
static void
put_ring(struct frontend *fe, const struct lane *lane, struct rxring *r, struct rte_mbuf **mbufs, uint16_t *slot,
	 unsigned first, unsigned n)
{
	struct rte_mbuf *mine[BURST];
	uint16_t which = slot[first];
	unsigned k = 0, put;

	for (unsigned i = first; i < n; i++) {
		if (slot[i] != which)
			continue;
		mine[k++] = mbufs[i];
		slot[i] = UINT16_MAX;
	}
	put = rxring_add(r, mine, RTE_MIN(k, room_for(fe, r)));
	fe->held += put;
	if (put > 0)
		go_on(fe, r);
	for (; put < k; put++)
		count_full(fe, r, lane, mine[put]);
}

unsigned
frontend_poll(struct frontend *fe, const struct lane *lane)
{
	struct rxplan *plan = atomic_load_explicit(&fe->plan, memory_order_acquire);
	int port = uplink_port(fe->uplink);
	struct rte_mbuf *mbufs[BURST];
	uint16_t slot[BURST];
	unsigned n;

	if (port == UPLINK_ABSENT || plan == NULL || !rxplan_is_ready(plan) ||
	    atomic_load_explicit(&fe->idle, memory_order_relaxed))
		return 0;
	n = rte_eth_rx_burst((uint16_t)port, 0, mbufs, BURST);
	if (n == 0)
		return 0;
	if (unlikely(atomic_load_explicit(&fe->doubts_checksums, memory_order_relaxed)))
		for (unsigned i = 0; i < n; i++)
			mbufs[i]->ol_flags &= ~(uint64_t)RTE_MBUF_F_RX_L4_CKSUM_MASK;
	for (unsigned i = 0; i < n; i++) {
		struct rxmap_verdict verdict;

		if (i + 3 < n)
			rte_prefetch0(rte_pktmbuf_mtod(mbufs[i + 3], void *));
		rxmap_classify(plan->map, rte_pktmbuf_mtod(mbufs[i], uint8_t *), rte_pktmbuf_data_len(mbufs[i]),
			       &verdict);
		slot[i] = verdict.slot;
	}
	count_held(fe, plan);
	for (unsigned i = 0; i < n; i++)
		if (slot[i] != UINT16_MAX)
			put_ring(fe, lane, plan->ring[slot[i]], mbufs, slot, i, n);
	count_add(&fe->packets, n);
	count_add(&fe->bursts, 1);
	return n;
}

/* Those that are inline on p, one after the other; valid until the worker's next quiescent state. */
static struct frontend *
first_inline(const struct processor *p)
{
	return atomic_load_explicit((struct frontend * _Atomic *)(uintptr_t)&p->inline_frontends, memory_order_acquire);
}

static struct frontend *
next_inline(const struct frontend *fe)
{
	return atomic_load_explicit((struct frontend * _Atomic *)(uintptr_t)&fe->next, memory_order_acquire);
}

unsigned
frontend_poll_inline(const struct processor *p, const struct lane *lane)
{
	unsigned n = 0;

	for (struct frontend *fe = first_inline(p); fe != NULL; fe = next_inline(fe))
		n += frontend_poll(fe, lane);
	return n;
}

static void
nap(uint64_t ns)
{
	struct timespec ts = { .tv_nsec = (long)ns };

	nanosleep(&ts, NULL);
}

/*
 * A packet socket whose interface went down reports that until somebody asks what it is (net/packet/af_packet.c,
 * packet_notifier): without this, whoever sleeps on it would never sleep again.
 */
static void
take_errors(const struct frontend *fe)
{
	int error;
	socklen_t len = sizeof(error);

	/* Descriptors are the uplink's, and closed only when nobody who is online can see it present. */
	for (unsigned i = 0; uplink_port(fe->uplink) != UPLINK_ABSENT && i < fe->uplink->n_fds; i++)
		getsockopt(fe->uplink->fds[i], SOL_SOCKET, SO_ERROR, &error, &len);
}

void
frontend_inline_take_errors(const struct processor *p)
{
	for (const struct frontend *fe = first_inline(p); fe != NULL; fe = next_inline(fe))
		take_errors(fe);
}

/* Sleeps until a socket of the uplink has frames; without sockets, for a time that grows while it is quiet. */
static void
wait_for_frames(struct frontend *fe, unsigned *blind_us)
{
	struct epoll_event events[UPLINK_FDS_MAX];
	bool blind = frontend_is_blind(fe);
	int n;

	qsbr_offline(fe->lane.reader);
	if (blind) {
		nap(*blind_us * NSEC_PER_US);
		*blind_us = RTE_MIN(*blind_us * 2, (unsigned)BLIND_MAX_US);
	}
	n = epoll_wait(fe->epfd, events, UPLINK_FDS_MAX, blind ? 0 : SLEEP_MAX_MS);
	qsbr_online(fe->lane.reader);
	for (int i = 0; i < n; i++) {
		uint64_t count;

		if (events[i].data.fd == fe->wake_fd && read(fe->wake_fd, &count, sizeof(count)) < 0)
			continue; /* another read got it */
		if (events[i].events & EPOLLERR)
			take_errors(fe);
	}
	count_add(&fe->wakeups, 1);
}

/*
 * The socket reports frames, so there is nothing to arm: level-triggered epoll is the last look. Under load the thread
 * naps for a moment instead of waking for each frame, so that bursts are full.
 */
static void *
frontend_main(void *arg)
{
	struct frontend *fe = arg;
	uint64_t busy_gap = clock_us_to_cycles(BUSY_GAP_US), last = 0;
	unsigned blind_us = BLIND_MIN_US;

	fe->tid = lane_enter(&fe->lane);
	while (!atomic_load_explicit(&fe->stop, memory_order_relaxed)) {
		unsigned n = frontend_poll(fe, &fe->lane);
		uint64_t now = clock_cycles();

		qsbr_quiescent(fe->lane.reader);
		if (n > 0) {
			last = now;
			blind_us = BLIND_MIN_US;
		}
		if (n >= FULL_BURST)
			continue;
		if (now - last < busy_gap) {
			qsbr_offline(fe->lane.reader);
			nap(NAP_NS);
			qsbr_online(fe->lane.reader);
		} else {
			wait_for_frames(fe, &blind_us);
		}
	}
	lane_leave(&fe->lane);
	return NULL;
}

static int
start_thread(struct frontend *fe, unsigned lane_id)
{
	struct epoll_event event = { .events = EPOLLIN };
	int err = lane_init(&fe->lane, lane_id);

	if (err < 0)
		return err;
	fe->epfd = epoll_create1(EPOLL_CLOEXEC);
	fe->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	event.data.fd = fe->wake_fd;
	if (fe->epfd < 0 || fe->wake_fd < 0 || epoll_ctl(fe->epfd, EPOLL_CTL_ADD, fe->wake_fd, &event) < 0) {
		err = -errno;
		goto close_fds;
	}
	err = thread_start(&fe->thread, "fl-frontend", THREAD_ANY_CPU, frontend_main, fe);
	if (err == 0)
		return 0;
close_fds:
	if (fe->wake_fd >= 0)
		close(fe->wake_fd);
	if (fe->epfd >= 0)
		close(fe->epfd);
	lane_fini(&fe->lane);
	return err;
}

int
frontend_start(struct frontend *fe, struct uplink *uplink, struct vport *wire, unsigned lane_id,
	       struct processor *inline_on)
{
	memset((void *)fe, 0, sizeof(*fe));
	fe->uplink = uplink;
	fe->wire = wire;
	fe->threaded = inline_on == NULL;
	fe->inline_on = inline_on;
	fe->held_cycles = clock_us_to_cycles(HELD_US);
	if (fe->threaded)
		return start_thread(fe, lane_id);
	atomic_store(&fe->next, first_inline(inline_on));
	atomic_store_explicit(&inline_on->inline_frontends, fe, memory_order_release);
	return 0;
}

static void
stop_inline(struct frontend *fe)
{
	struct frontend *_Atomic *at = &fe->inline_on->inline_frontends;

	while (atomic_load(at) != fe)
		at = &atomic_load(at)->next;
	atomic_store_explicit(at, next_inline(fe), memory_order_release);
	qsbr_synchronize();
}

void
frontend_stop(struct frontend *fe)
{
	if (fe->threaded) {
		uint64_t one = 1;

		atomic_store(&fe->stop, true);
		if (write(fe->wake_fd, &one, sizeof(one)) == sizeof(one))
			pthread_join(fe->thread, NULL);
		close(fe->wake_fd);
		close(fe->epfd);
		lane_fini(&fe->lane);
		return;
	}
	stop_inline(fe);
}

struct rxplan *
frontend_set_plan(struct frontend *fe, struct rxplan *plan)
{
	struct rxplan *old = atomic_exchange_explicit(&fe->plan, plan, memory_order_acq_rel);

	qsbr_synchronize();
	return old;
}

void
frontend_refresh(struct frontend *fe)
{
	uint64_t one = 1;

	/* Descriptors of a closed uplink have left the epoll set by themselves. */
	for (unsigned i = 0; i < fe->uplink->n_fds; i++) {
		struct epoll_event event = { .events = EPOLLIN };

		if (fe->threaded)
			event.data.fd = fe->uplink->fds[i];
		else
			event.data.u32 = PROCESSOR_EVENT_WAKE;
		epoll_ctl(fe->threaded ? fe->epfd : fe->inline_on->epfd, EPOLL_CTL_ADD, fe->uplink->fds[i], &event);
	}
	if (!fe->threaded)
		processor_look(fe->inline_on);
	else if (write(fe->wake_fd, &one, sizeof(one)) < 0)
		return; /* it is awake */
}

bool
frontend_is_blind(const struct frontend *fe)
{
	return uplink_port(fe->uplink) != UPLINK_ABSENT && fe->uplink->n_fds == 0 &&
	       !atomic_load_explicit((_Atomic bool *)(uintptr_t)&fe->idle, memory_order_relaxed);
}

bool
frontend_inline_is_blind(const struct processor *p)
{
	for (const struct frontend *fe = first_inline(p); fe != NULL; fe = next_inline(fe))
		if (frontend_is_blind(fe))
			return true;
	return false;
}

uint64_t
frontend_cpu_ns(const struct frontend *fe)
{
	struct timespec ts;
	clockid_t clock;

	if (!fe->threaded || pthread_getcpuclockid(fe->thread, &clock) != 0 || clock_gettime(clock, &ts) != 0)
		return 0;
	return (uint64_t)ts.tv_sec * NSEC_PER_S + (uint64_t)ts.tv_nsec;
}

void
frontend_sample(struct frontend *fe)
{
	uint64_t now = clock_ns();

	if (!fe->threaded || now - fe->sample[0].at_ns < SAMPLE_GAP_NS)
		return;
	fe->sample[1] = fe->sample[0];
	fe->sample[0].at_ns = now;
	fe->sample[0].cpu_ns = frontend_cpu_ns(fe);
}

double
frontend_load(const struct frontend *fe)
{
	double percent;

	if (fe->sample[1].at_ns == 0)
		return 0;
	percent = 100.0 * (double)(fe->sample[0].cpu_ns - fe->sample[1].cpu_ns) /
		  (double)(fe->sample[0].at_ns - fe->sample[1].at_ns);
	return percent > 100 ? 100 : percent;
}
