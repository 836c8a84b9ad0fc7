/* lane.c - memory of a data-path thread; see lane.h. */
#include "nic/lane.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <rte_lcore.h>

#include "base/clock.h"
#include "base/qsbr.h"
#include "nic/hold.h"
#include "nic/vport.h"

#define ROOM_LEN ((size_t)(PKT_BURST + 1) * BURST_ROOM)

int
lane_init(struct lane *lane, unsigned id)
{
	struct burst *b = &lane->burst;

	lane->id = id;
	vport_use_lane(id);
	lane->holds = NULL;
	b->n = 0;
	b->pkt = aligned_alloc(64, PKT_BURST * sizeof(*b->pkt));
	b->seg = calloc(PKT_BURST * BURST_SEGS, sizeof(*b->seg));
	b->room = mmap(NULL, ROOM_LEN, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	lane->reader = -1;
	if (b->room == MAP_FAILED)
		b->room = NULL;
	else
		lane->spare = burst_room(b, PKT_BURST);
	if (b->pkt != NULL && b->seg != NULL && b->room != NULL)
		lane->reader = qsbr_register();
	if (lane->reader < 0) {
		lane_fini(lane);
		return b->pkt == NULL || b->seg == NULL || b->room == NULL ? -ENOMEM : -ENOSPC;
	}
	return 0;
}

void
lane_fini(struct lane *lane)
{
	struct burst *b = &lane->burst;

	if (lane->reader >= 0)
		qsbr_unregister(lane->reader);
	if (b->room != NULL)
		munmap(b->room, ROOM_LEN);
	free(b->seg);
	free(b->pkt);
}

int
lane_enter(struct lane *lane)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = { 0 };

	rte_thread_register(); /* it can only fail by being one thread too many: then there is no cache */
	prctl(PR_SET_TIMERSLACK, 1);
	syscall(SYS_capset, &header, none);
	qsbr_online(lane->reader);
	return gettid();
}

void
lane_leave(struct lane *lane)
{
	qsbr_offline(lane->reader);
	rte_thread_unregister();
}

static void
sleep_ns(const struct lane *lane, uint64_t ns)
{
	struct timespec ts = { .tv_sec = (time_t)(ns / NSEC_PER_S), .tv_nsec = (long)(ns % NSEC_PER_S) };

	qsbr_offline(lane->reader);
	nanosleep(&ts, NULL);
	qsbr_online(lane->reader);
}

void
lane_nap(struct lane *lane, uint64_t end, uint64_t late)
{
	for (;;) {
		uint64_t now = clock_cycles(), until;

		holds_run(lane, now + late);
		until = RTE_MIN(end, holds_next(lane));
		if (until <= now + late)
			return;
		sleep_ns(lane, clock_cycles_to_ns(until - late - now));
	}
}

void
lane_pause(struct lane *lane, uint64_t ns)
{
	if (ns == 0)
		return;
	holds_run(lane, clock_cycles() + clock_us_to_cycles(ns / NSEC_PER_US));
	sleep_ns(lane, ns);
}
