/* learn.c - from workers' rings into the filtering databases, and ageing; see learn.h. */
#include "vsw/learn.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <rte_ring_elem.h>

#include "base/clock.h"
#include "base/qsbr.h"
#include "base/thread.h"
#include "vsw/switch.h"

#define RING_SIZE 512 /* events of one lane between two looks of the learner. Our choice */
#define RECENT 64     /* events that a lane remembers, not to tell them for each frame of a burst */
#define RECENT_CYCLES_US 2000
#define TICK_MS 1000

struct event {
	uint64_t key;
	uint32_t sw_index, slot;
};

struct recent {
	uint64_t key, at;
	uint32_t sw_index, slot;
};

struct mailbox {
	struct rte_ring *ring;
	struct recent recent[RECENT]; /* lane only */
	counter missed;
};

static struct mailbox *mailboxes;
static unsigned n_mailboxes;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_t thread;
static int wake_fd = -1;
static _Atomic bool stop, asleep;
static _Atomic uint32_t now_s;
static uint64_t recent_cycles;

uint32_t
learn_now_s(void)
{
	return atomic_load_explicit(&now_s, memory_order_relaxed);
}

void
learn_lock(void)
{
	pthread_mutex_lock(&lock);
}

void
learn_unlock(void)
{
	pthread_mutex_unlock(&lock);
}

static void
wake(void)
{
	uint64_t one = 1;

	if (write(wake_fd, &one, sizeof(one)) < 0)
		return; /* it has been told already */
}

void
learn_tell(unsigned lane, uint64_t key, unsigned sw_index, unsigned slot)
{
	struct mailbox *box = &mailboxes[lane];
	struct recent *r = &box->recent[(key >> 12 ^ key) % RECENT];
	struct event event = { key, sw_index, slot };
	uint64_t now = clock_cycles();

	if (r->key == key && r->sw_index == sw_index && r->slot == slot && now - r->at < recent_cycles)
		return;
	*r = (struct recent){ key, now, sw_index, slot };
	if (rte_ring_sp_enqueue_elem(box->ring, &event, sizeof(event)) != 0) {
		count_add(&box->missed, 1);
		return;
	}
	/* Partner: the fence in learner_main between `asleep` and the last look. */
	atomic_thread_fence(memory_order_seq_cst);
	if (atomic_load_explicit(&asleep, memory_order_relaxed) &&
	    atomic_exchange_explicit(&asleep, false, memory_order_relaxed))
		wake();
}

/*
 * What was told before the call: a ring's worth of each lane. No more, or lanes that tell faster than one thread can enter
 * would keep the lock from whoever attaches a port.
 */
static unsigned
read_mailboxes(void)
{
	unsigned n = 0;

	pthread_mutex_lock(&lock);
	for (unsigned i = 0; i < n_mailboxes; i++) {
		struct event event;
		unsigned k = 0;

		while (k < RING_SIZE && rte_ring_sc_dequeue_elem(mailboxes[i].ring, &event, sizeof(event)) == 0) {
			struct vswitch *sw = atomic_load(&vswitches[event.sw_index]);

			if (sw != NULL)
				fdb_learn(sw->fdb, event.key, event.slot, learn_now_s());
			k++;
		}
		n += k;
	}
	pthread_mutex_unlock(&lock);
	return n;
}

void
learn_drain(void)
{
	read_mailboxes();
}

static void
tick(uint64_t start_ns)
{
	uint32_t s = (uint32_t)((clock_ns() - start_ns) / NSEC_PER_S);

	if (s == learn_now_s())
		return;
	atomic_store_explicit(&now_s, s, memory_order_relaxed);
	pthread_mutex_lock(&lock);
	for (unsigned i = 0; i < SWITCHES_MAX; i++) {
		struct vswitch *sw = atomic_load(&vswitches[i]);

		if (sw != NULL)
			fdb_age(sw->fdb, s, atomic_load_explicit(&sw->ageing_s, memory_order_relaxed));
	}
	pthread_mutex_unlock(&lock);
}

static void *
learner_main(void *arg)
{
	struct pollfd pfd = { .fd = wake_fd, .events = POLLIN };
	uint64_t start_ns = clock_ns(), count;

	while (!atomic_load(&stop)) {
		tick(start_ns);
		atomic_store_explicit(&asleep, true, memory_order_relaxed);
		/* Partner: the fence in learn_tell between its event and `asleep`. */
		atomic_thread_fence(memory_order_seq_cst);
		if (read_mailboxes() > 0)
			continue;
		if (poll(&pfd, 1, TICK_MS) > 0 && read(wake_fd, &count, sizeof(count)) < 0)
			continue;
	}
	return NULL;
}

int
learn_start(unsigned n_lanes)
{
	atomic_store(&stop, false);
	recent_cycles = clock_us_to_cycles(RECENT_CYCLES_US);
	mailboxes = calloc(n_lanes, sizeof(*mailboxes));
	wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (mailboxes == NULL || wake_fd < 0)
		return -ENOMEM;
	for (n_mailboxes = 0; n_mailboxes < n_lanes; n_mailboxes++) {
		char name[RTE_RING_NAMESIZE];

		snprintf(name, sizeof(name), "fl_learn_%u", n_mailboxes);
		mailboxes[n_mailboxes].ring = rte_ring_create_elem(name, sizeof(struct event), RING_SIZE, SOCKET_ID_ANY,
								   RING_F_SP_ENQ | RING_F_SC_DEQ);
		if (mailboxes[n_mailboxes].ring == NULL)
			return -ENOMEM;
	}
	return thread_start(&thread, "fl-learner", THREAD_ANY_CPU, learner_main, NULL);
}

void
learn_stop(void)
{
	if (wake_fd < 0)
		return;
	atomic_store(&stop, true);
	wake();
	pthread_join(thread, NULL);
	for (unsigned i = 0; i < n_mailboxes; i++)
		rte_ring_free(mailboxes[i].ring);
	free(mailboxes);
	close(wake_fd);
	wake_fd = -1;
}

uint64_t
learn_missed(void)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < n_mailboxes; i++)
		n += count_get(&mailboxes[i].missed);
	return n;
}
