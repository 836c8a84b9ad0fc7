/* hwrss.c - between front end and NIC; see hwrss.h. */
#include "nic/hwrss.h"

#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/qsbr.h"

#define LOOK_US 200 /* between two looks at what workers have done. Our choice */

void
hwrss_ask(struct adapter *a)
{
	const struct adapter_settings *s = &a->settings;
	struct hwqueue_rule *rule = &a->uplink.rss;

	rule->queues = s->mode == ADAPTER_MODE_RSS ? s->queues : 1;
	rule->hash_types = s->rss.hash_types;
	rule->entries = s->rss.entries;
	memcpy(rule->key, s->rss.key, sizeof(rule->key));
}

/* ---- sources ---- */

/* The place of a medium's frames, in an adapter that has none. */
static void
put_in(struct adapter *a, unsigned n)
{
	for (; a->hw.n < n; a->hw.n++) {
		struct hwqueue *q = &a->hw.queue[a->hw.n];

		hwqueue_init(q, &a->frontend, a->hw.n, a->ingress);
		queue_set_source(a->queue[a->hw.n], QUEUE_FROM_SENDER,
				 &q->source); /* without a descriptor: cannot fail */
	}
}

static void
take_out(struct adapter *a, unsigned n)
{
	while (a->hw.n > n) {
		a->hw.n--;
		queue_set_source(a->queue[a->hw.n], QUEUE_FROM_SENDER, NULL);
	}
}

/* Waits until what the NIC put into queues [from, a->hw.n) so far was taken: at its next look but one each was empty. */
static void
work_off(struct adapter *a, unsigned from)
{
	uint64_t end = clock_ns() + RXPLAN_WAIT_NS, mark[HWQUEUES_MAX];

	for (unsigned i = from; i < a->hw.n; i++)
		mark[i] = hwqueue_empty(&a->hw.queue[i]) + 2;
	for (unsigned i = from; i < a->hw.n; i++) {
		while (queue_processor(a->queue[i]) != PROCESSOR_NONE && hwqueue_empty(&a->hw.queue[i]) < mark[i] &&
		       clock_ns() < end) {
			queue_kick(a->queue[i]);
			usleep(LOOK_US);
		}
	}
}

static void
work_off_rings(const struct adapter *a, unsigned n)
{
	uint64_t end = clock_ns() + RXPLAN_WAIT_NS;

	for (unsigned i = 0; i < n; i++)
		while (!rxring_passed(a->ring[i], rxring_position(a->ring[i])) && clock_ns() < end)
			usleep(LOOK_US);
}

/* ---- between the two ---- */

static void
to_front_end(struct adapter *a)
{
	atomic_store(&a->frontend.idle, false);
	frontend_refresh(&a->frontend);
}

void
hwrss_leave(struct adapter *a)
{
	if (a->hw.n == 0)
		return;
	take_out(a, 0);
	to_front_end(a);
}

static bool
configure_again(struct adapter *a)
{
	struct uplink *u = &a->uplink;
	struct err err;

	if (uplink_configure_again(u, a->mtu, &err) < 0)
		log_warn("uplink cannot be configured again adapter=%s queues=%u reason=\"%s\"", a->name, u->rss.queues,
			 err.msg);
	a->leaving = uplink_port(u) == UPLINK_ABSENT; /* adapter_tend closes and opens it */
	return !a->leaving && u->rx_queues >= u->rss.queues;
}

/* The same with an uplink that goes on: nothing may be left, or come, in a queue that nobody reads. */
static void
from_nic(struct adapter *a)
{
	int port = uplink_port(&a->uplink);
	bool united;

	if (a->hw.n == 0)
		return;
	united = port == UPLINK_ABSENT || hwqueue_unite((uint16_t)port) == 0;
	if (united)
		work_off(a, 1);
	take_out(a, 0);
	if (!united) {
		a->uplink.rss.queues = 1;
		configure_again(a);
	}
	to_front_end(a);
	log_info("front end hashes again adapter=%s", a->name);
}

static void
refuse(struct adapter *a)
{
	a->hw.refused = a->uplink.rss;
	from_nic(a);
}

/* Whether there are as many receive queues as are asked for, of a port that can do all that is asked for. */
static bool
have_queues(struct adapter *a)
{
	struct uplink *u = &a->uplink;
	int port = uplink_port(u);

	if (port == UPLINK_ABSENT || memcmp(&u->rss, &a->hw.refused, sizeof(u->rss)) == 0 ||
	    !hwqueue_can((uint16_t)port, &u->rss))
		return false;
	if (u->rx_queues >= u->rss.queues)
		return true;
	from_nic(a);
	hwrss_ask(a);
	if (configure_again(a))
		return true;
	refuse(a);
	return false;
}

/* Idle before sources are put in: a receive queue has one reader. */
static void
idle_front_end(struct adapter *a, unsigned n)
{
	atomic_store(&a->frontend.idle, true);
	qsbr_synchronize();
	work_off_rings(a, n);
}

static bool
is_asked(const struct adapter *a, unsigned n)
{
	return !a->stopped && a->settings.mode == ADAPTER_MODE_RSS && n > 1 && n <= HWQUEUES_MAX;
}

void
hwrss_carry_out(struct adapter *a, unsigned n)
{
	const struct rxplan *plan = atomic_load(&a->frontend.plan);
	const struct rxmap_vport *table = plan != NULL ? &plan->vport[0] : NULL;
	bool began;
	int ret;

	hwrss_ask(a);
	if (!is_asked(a, n) || table == NULL || table->n_entries == 0 || !have_queues(a)) {
		from_nic(a);
		return;
	}
	began = a->hw.n == 0; /* also after have_queues configured it again */
	if (began)
		idle_front_end(a, n);
	put_in(a, n);
	ret = hwqueue_program((uint16_t)uplink_port(&a->uplink), &a->uplink.rss, table->entry, table->n_entries);
	if (ret < 0) {
		log_warn("uplink cannot be told how to hash adapter=%s reason=\"%s\"", a->name, strerror(-ret));
		refuse(a);
		return;
	}
	if (n < a->hw.n)
		work_off(a, n);
	take_out(a, n);
	if (began)
		log_info("uplink hashes itself adapter=%s queues=%u", a->name, n);
}
