/* show_processor.c - processors and the queues that stand on them; see handlers.h. */
#include <assert.h>
#include <errno.h>
#include <math.h>

#include "ctl/handlers.h"
#include "ctl/host_port_vhost.h"
#include "nic/rxring.h"

/* ---- processors ---- */

/* Which queues stand on which processor, from one walk over all of them; each list in the order of their numbers. */
struct standing {
	uint16_t first[PROCESSORS_MAX], next[QUEUES_MAX]; /* QUEUES_MAX: none */
};
static_assert(QUEUES_MAX <= UINT16_MAX, "numbers of queues fit");

static void
find_standing(struct standing *s)
{
	for (unsigned p = 0; p < PROCESSORS_MAX; p++)
		s->first[p] = QUEUES_MAX;
	for (unsigned i = QUEUES_MAX; i-- > 0;) {
		const struct queue *q = atomic_load(&queue_table[i]);
		unsigned p = q != NULL ? queue_processor(q) : PROCESSOR_NONE;

		if (p >= PROCESSORS_MAX)
			continue;
		s->next[i] = s->first[p];
		s->first[p] = (uint16_t)i;
	}
}

static void
put_queues_on(struct rpc_text *out, const struct processor *p, const struct standing *s)
{
	put_list(out, "queues");
	for (unsigned i = s->first[p->id]; i < QUEUES_MAX; i = s->next[i])
		put_count(out, NULL, i);
	put_list_end(out);
}

/* Whole percents whose sum is 100. */
static void
round_load(const struct processor_load *load, int *busy, int *waiting, int *idle)
{
	*busy = (int)lround(load->busy);
	*waiting = (int)lround(load->waiting);
	if (*busy + *waiting > 100)
		*waiting = 100 - *busy;
	*idle = 100 - *busy - *waiting;
}

/* The keys of a list's row, into an object that is open. */
static void
put_processor(struct rpc_text *out, const struct processor *p, const struct standing *standing)
{
	struct processor_load load = processor_load(p);
	int busy, waiting, idle;

	round_load(&load, &busy, &waiting, &idle);
	put_count(out, "id", p->id);
	put_count(out, "cpu", p->cpu);
	put_count(out, "numa", p->numa);
	put_bool(out, "emulated", p->speed_percent != 0);
	put_int(out, "busy_percent", busy);
	put_int(out, "waiting_percent", waiting);
	put_int(out, "idle_percent", idle);
	put_queues_on(out, p, standing);
	put_count(out, "wakeups", count_get(&p->wakeups));
	put_count(out, "packets", count_get(&p->packets));
}

json_t *
packets_per_time(uint64_t packets, uint64_t times)
{
	return times == 0 ? json_null() : json_integer((json_int_t)((packets + times / 2) / times));
}

int
processor_list(void *ctx, const json_t *params, struct rpc_text *out, struct err *err)
{
	struct standing standing;

	processor_sample();
	find_standing(&standing);
	put_list(out, NULL);
	for (unsigned i = 0; i < n_processors; i++) {
		put_object(out, NULL);
		put_processor(out, processors[i], &standing);
		put_object_end(out);
	}
	put_list_end(out);
	return 0;
}

int
processor_show(void *ctx, const json_t *params, struct rpc_text *out, struct err *err)
{
	json_int_t id = json_integer_value(json_object_get(params, "processor"));
	struct standing standing;
	const struct processor *p;

	if (id >= n_processors) {
		err_set(err, -ENOENT, "no processor %lld", (long long)id);
		err_hint(err, "the host has processors 0 to %u", n_processors - 1);
		err_path(err, "processor");
		return -ENOENT;
	}
	processor_sample();
	find_standing(&standing);
	p = processors[id];
	put_object(out, NULL);
	put_processor(out, p, &standing);
	put_int(out, "wakeups_per_second", llround(processor_load(p).wakeups_per_s));
	put_json(out, "packets_per_wakeup", packets_per_time(count_get(&p->packets), count_get(&p->wakeups)));
	put_object_end(out);
	return 0;
}

/* ---- queues ---- */

static bool
is_default_queue(const struct host *host, const struct queue *q)
{
	for (unsigned i = 0; i < host->n_switches; i++)
		if (host->switches[i]->adapter != NULL && &host->switches[i]->adapter->wire == q->vport)
			return true;
	return false;
}

static const char *
queue_state(const struct queue *q)
{
	unsigned p = queue_processor(q);

	if (p >= n_processors)
		return "stopped";
	return atomic_load(&processors[p]->armed) ? "sleeping" : "running";
}

/* What woke its processor: descriptors by the queue itself, frames from the wire by its receive ring. */
static uint64_t
interrupts(const struct queue *q)
{
	const struct source *wire = atomic_load(&((struct queue *)(uintptr_t)q)->source[QUEUE_FROM_WIRE]);

	return count_get(&q->interrupts) + (wire != NULL ? count_get(&((const struct rxring *)wire)->interrupts) : 0);
}

/* Of its guest, for this queue pair; null: no guest. */
static json_t *
guest_interrupts(const struct host *host, const struct queue *q)
{
	struct vhost_info info;

	for (unsigned i = 0; i < host->n_ports; i++) {
		const struct host_port *hp = host->ports[i];

		if (&hp->vport != q->vport)
			continue;
		if (hp->is.nic != NIC_VHOST || hp->nic == NULL)
			break;
		host_port_vhost_info(hp, &info);
		return json_integer((json_int_t)(info.rx_interrupts[q->index] + info.tx_interrupts[q->index]));
	}
	return json_null();
}

/* The keys of a list's row, into an object that is open. */
static void
put_queue(struct rpc_text *out, const struct host *host, const struct queue *q)
{
	unsigned p = queue_processor(q);
	double busy = queue_busy(q);

	put_count(out, "id", q->id);
	put_text(out, "vport", q->vport->name);
	put_text(out, "port", is_default_queue(host, q) ? NULL : q->vport->name);
	put_count(out, "index", q->index);
	if (p < n_processors)
		put_count(out, "processor", p);
	else
		put_null(out, "processor");
	put_text(out, "state", queue_state(q));
	if (busy < 0)
		put_null(out, "busy_percent");
	else
		put_int(out, "busy_percent", lround(busy));
	put_count(out, "packets", count_get(&q->packets));
	put_count(out, "bytes", count_get(&q->bytes));
	put_count(out, "drops", count_get(&q->drops));
	put_count(out, "moved", count_get(&q->moved));
	put_count(out, "interrupts", interrupts(q));
	put_bool(out, "pinned", q->pinned);
}

int
queue_list_all(void *ctx, const json_t *params, struct rpc_text *out, struct err *err)
{
	const struct control *control = ctx;

	processor_sample();
	put_list(out, NULL);
	for (unsigned i = 0; i < QUEUES_MAX; i++) {
		const struct queue *q = atomic_load(&queue_table[i]);

		if (q == NULL)
			continue;
		put_object(out, NULL);
		put_queue(out, control->host, q);
		put_object_end(out);
	}
	put_list_end(out);
	return 0;
}

int
queue_show(void *ctx, const json_t *params, struct rpc_text *out, struct err *err)
{
	const struct control *control = ctx;
	const struct queue *q = named_queue(params, err);

	if (q == NULL)
		return -ENOENT;
	processor_sample();
	put_object(out, NULL);
	put_queue(out, control->host, q);
	put_json(out, "packets_per_interrupt", packets_per_time(count_get(&q->packets), interrupts(q)));
	put_json(out, "guest_interrupts", guest_interrupts(control->host, q));
	put_object_end(out);
	return 0;
}
