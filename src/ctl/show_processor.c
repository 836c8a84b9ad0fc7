/* show_processor.c - processors and the queues that stand on them; see handlers.h. */
#include <errno.h>
#include <math.h>

#include "ctl/handlers.h"
#include "ctl/host_port_vhost.h"
#include "nic/rxring.h"

/* ---- processors ---- */

static json_t *
queues_on(const struct processor *p)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < QUEUES_MAX; i++) {
		const struct queue *q = atomic_load(&queue_table[i]);

		if (q != NULL && queue_processor(q) == p->id)
			list_add(&list, json_integer(i));
	}
	return list;
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

static json_t *
processor_row(const struct processor *p)
{
	struct processor_load load = processor_load(p);
	int busy, waiting, idle;

	round_load(&load, &busy, &waiting, &idle);
	return json_pack("{s:i, s:i, s:i, s:b, s:i, s:i, s:i, s:o, s:I, s:I}", "id", (int)p->id, "cpu", (int)p->cpu,
			 "numa", (int)p->numa, "emulated", p->speed_percent != 0, "busy_percent", busy,
			 "waiting_percent", waiting, "idle_percent", idle, "queues", queues_on(p), "wakeups",
			 (json_int_t)count_get(&p->wakeups), "packets", (json_int_t)count_get(&p->packets));
}

json_t *
packets_per_time(uint64_t packets, uint64_t times)
{
	return times == 0 ? json_null() : json_integer((json_int_t)((packets + times / 2) / times));
}

int
processor_list(void *ctx, const json_t *params, json_t **result, struct err *err)
{
	processor_sample();
	*result = json_array();
	for (unsigned i = 0; i < n_processors; i++)
		list_add(result, processor_row(processors[i]));
	return result_done(result, err);
}

int
processor_show(void *ctx, const json_t *params, json_t **result, struct err *err)
{
	json_int_t id = json_integer_value(json_object_get(params, "processor"));
	const struct processor *p;
	json_t *more;

	if (id >= n_processors) {
		err_set(err, -ENOENT, "no processor %lld", (long long)id);
		err_hint(err, "the host has processors 0 to %u", n_processors - 1);
		err_path(err, "processor");
		return -ENOENT;
	}
	processor_sample();
	p = processors[id];
	*result = processor_row(p);
	more = json_pack("{s:I, s:o}", "wakeups_per_second", (json_int_t)llround(processor_load(p).wakeups_per_s),
			 "packets_per_wakeup", packets_per_time(count_get(&p->packets), count_get(&p->wakeups)));
	return result_join(result, more, err);
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

static json_t *
queue_row(const struct host *host, const struct queue *q)
{
	unsigned p = queue_processor(q);

	return json_pack("{s:i, s:s, s:s?, s:i, s:o, s:s, s:I, s:I, s:I, s:I, s:I, s:b}", "id", (int)q->id, "vport",
			 q->vport->name, "port", is_default_queue(host, q) ? NULL : q->vport->name, "index",
			 (int)q->index, "processor", p < n_processors ? json_integer(p) : json_null(), "state",
			 queue_state(q), "packets", (json_int_t)count_get(&q->packets), "bytes",
			 (json_int_t)count_get(&q->bytes), "drops", (json_int_t)count_get(&q->drops), "moved",
			 (json_int_t)count_get(&q->moved), "interrupts", (json_int_t)interrupts(q), "pinned",
			 q->pinned);
}

int
queue_list_all(void *ctx, const json_t *params, json_t **result, struct err *err)
{
	const struct control *control = ctx;

	*result = json_array();
	for (unsigned i = 0; i < QUEUES_MAX; i++) {
		const struct queue *q = atomic_load(&queue_table[i]);

		if (q != NULL)
			list_add(result, queue_row(control->host, q));
	}
	return result_done(result, err);
}

int
queue_show(void *ctx, const json_t *params, json_t **result, struct err *err)
{
	const struct control *control = ctx;
	const struct queue *q = named_queue(params, err);
	json_t *more;

	if (q == NULL)
		return -ENOENT;
	*result = queue_row(control->host, q);
	more = json_pack("{s:o, s:o}", "packets_per_interrupt", packets_per_time(count_get(&q->packets), interrupts(q)),
			 "guest_interrupts", guest_interrupts(control->host, q));
	return result_join(result, more, err);
}
