/* top_json.c - the model as a program wants it; see top_model.h. */
#include "cli/top_model.h"

#define FIGURE_MAX 9e18

/* Whole; null for TOP_UNKNOWN. A daemon may count what it likes: beyond INT64_MAX it stays there. */
static json_t *
figure(double n)
{
	return n < 0 ? json_null() : json_integer(n < FIGURE_MAX ? (json_int_t)(n + 0.5) : (json_int_t)FIGURE_MAX);
}

static json_t *
rate(const struct top_rate *r)
{
	return figure(r->per_s);
}

static json_t *
name_or_null(const char *name)
{
	return name[0] != '\0' ? json_string(name) : json_null();
}

/* Puts a new element into a list, both maybe NULL for want of memory; then the list becomes NULL. */
static void
add(json_t **list, json_t *element)
{
	if (json_array_append_new(*list, element) == 0)
		return;
	json_decref(*list);
	*list = NULL;
}

static json_t *
processors_json(const struct top_model *m)
{
	json_t *list = json_array();

	for (size_t i = 0; i < m->n_processors; i++) {
		const struct top_processor *p = &m->processors[i];
		json_t *queues = json_array();

		for (size_t k = 0; k < m->n_queues; k++)
			if (m->queues[k].processor == (int)p->id)
				add(&queues, json_integer(m->queues[k].id));
		add(&list, json_pack("{s:i, s:i, s:b, s:f, s:f, s:o, s:o, s:o}", "id", (int)p->id, "cpu", (int)p->cpu,
				     "emulated", p->emulated, "busy_percent", p->busy, "waiting_percent", p->waiting,
				     "packets_s", rate(&p->packets), "wakeups_s", rate(&p->wakeups), "queues", queues));
	}
	return list;
}

static json_t *
queues_json(const struct top_model *m)
{
	json_t *list = json_array();

	for (size_t i = 0; i < m->n_queues; i++) {
		const struct top_queue *q = &m->queues[i];
		json_t *processor = q->processor < 0 ? json_null() : json_integer(q->processor);

		add(&list,
		    json_pack("{s:i, s:s, s:o, s:o, s:b, s:I, s:o, s:o, s:o, s:o}", "id", (int)q->id, "name", q->name,
			      "port", name_or_null(q->port), "processor", processor, "pinned", q->pinned, "moved",
			      (json_int_t)q->moved, "packets_s", rate(&q->packets), "bytes_s", rate(&q->bytes),
			      "drops_s", rate(&q->drops), "interrupts_s", rate(&q->interrupts)));
	}
	return list;
}

static json_t *
adapters_json(const struct top_model *m)
{
	json_t *list = json_array();

	for (size_t i = 0; i < m->n_adapters; i++) {
		const struct top_adapter *a = &m->adapters[i];

		add(&list,
		    json_pack("{s:s, s:s, s:b, s:o, s:o, s:o, s:o, s:o, s:o}", "name", a->name, "mode", a->mode,
			      "dynamic", a->dynamic, "front_end_percent", figure(a->front_end), "rx_packets_s",
			      rate(&a->rx_packets), "rx_bytes_s", rate(&a->rx_bytes), "tx_packets_s",
			      rate(&a->tx_packets), "tx_bytes_s", rate(&a->tx_bytes), "drops_s", rate(&a->drops)));
	}
	return list;
}

static json_t *
drops_json(const struct top_model *m)
{
	json_t *list = json_array();

	for (size_t i = 0; i < m->n_drops; i++)
		add(&list, json_pack("{s:s, s:I, s:o}", "reason", m->drops[i].reason, "count",
				     (json_int_t)m->drops[i].packets.count, "packets_s", rate(&m->drops[i].packets)));
	return list;
}

static json_t *
moves_json(const struct top_model *m)
{
	json_t *list = json_array();

	for (size_t i = 0; i < m->n_moves; i++) {
		const struct top_move *move = &m->moves[i];

		add(&list, json_pack("{s:I, s:I, s:s, s:i, s:i, s:s, s:s}", "serial", (json_int_t)move->serial, "at_s",
				     (json_int_t)move->at, "name", move->name, "from", (int)move->from, "to",
				     (int)move->to, "why", move->why, "means", move->means));
	}
	return list;
}

json_t *
top_model_json(const struct top_model *m, const char *host)
{
	struct top_totals t = top_model_totals(m);

	return json_pack("{s:s, s:o, s:o, s:o, s:I, s:b, s:o, s:o, s:o, s:o, s:o}", "host", host, "packets_s",
			 figure(t.packets_s), "bits_s", figure(t.bits_s), "drops_s", figure(t.drops_s), "held",
			 (json_int_t)m->books.held, "balanced", m->books.balanced, "processors", processors_json(m),
			 "queues", queues_json(m), "adapters", adapters_json(m), "drops", drops_json(m), "moves",
			 moves_json(m));
}
