/* top_model.c - the daemon's answers, and the rates between them; see top_model.h. */
#include "cli/top_model.h"

#include <errno.h>
#include <string.h>

#include "cli/top_take.h"

/* ---- processors ---- */

static int
take_processors(struct top_model *m, const json_t *list, uint64_t now_ns)
{
	struct top_processor *next = array_for(list, sizeof(*next));
	double seconds = seconds_since(m->processors_ns, now_ns);
	const json_t *row;
	size_t i;

	if (next == NULL)
		return -ENOMEM;
	json_array_foreach(list, i, row)
	{
		struct top_processor *p = &next[i];
		const struct top_processor *before = top_model_processor(m, number_of(row, "id"));

		*p = (struct top_processor){
			.id = number_of(row, "id"),
			.cpu = number_of(row, "cpu"),
			.emulated = is_true(row, "emulated"),
			.busy = percent_of(row, "busy_percent"),
			.waiting = percent_of(row, "waiting_percent"),
		};
		rate_set(&p->packets, before != NULL ? &before->packets : NULL, row, "packets", seconds);
		rate_set(&p->wakeups, before != NULL ? &before->wakeups : NULL, row, "wakeups", seconds);
	}
	free(m->processors);
	m->processors = next;
	m->n_processors = json_array_size(list);
	m->processors_ns = now_ns;
	return 0;
}

/* ---- queues ---- */

static int
by_name(const void *a, const void *b)
{
	return strcmp(a, b);
}

/* Gives each queue its name: those whose vport has several say which they are. */
static int
name_queues(struct top_queue *queues, size_t n)
{
	char(*several)[TOP_NAME_LEN] = calloc(n + 1, TOP_NAME_LEN);
	size_t n_several = 0;

	if (several == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		if (queues[i].index == 1)
			memcpy(several[n_several++], queues[i].vport, TOP_NAME_LEN);
	qsort(several, n_several, TOP_NAME_LEN, by_name);
	for (size_t i = 0; i < n; i++) {
		struct top_queue *q = &queues[i];

		if (q->index > 0 || bsearch(q->vport, several, n_several, TOP_NAME_LEN, by_name) != NULL)
			snprintf(q->name, sizeof(q->name), "%s.%u", q->vport, q->index);
		else
			snprintf(q->name, sizeof(q->name), "%s", q->vport);
	}
	free(several);
	return 0;
}

/* The same queue in the last answer, which stood near place i there: a number may have come to another vport since. */
static const struct top_queue *
queue_before(const struct top_model *m, size_t i, const struct top_queue *q)
{
	const struct top_queue *before =
		i < m->n_queues && m->queues[i].id == q->id ? &m->queues[i] : top_model_queue(m, q->id);

	return before != NULL && before->index == q->index && strcmp(before->vport, q->vport) == 0 ? before : NULL;
}

static void
queue_set(struct top_queue *q, const json_t *row)
{
	const json_t *processor = json_object_get(row, "processor");

	*q = (struct top_queue){
		.id = number_of(row, "id"),
		.index = number_of(row, "index"),
		.processor = json_is_integer(processor) ? (int)number_of(row, "processor") : -1,
		.pinned = is_true(row, "pinned"),
		.share = percent_if_told(row, "busy_percent"),
		.moved = count_of(row, "moved"),
		.from = -1,
	};
	NAME_OF(row, "vport", q->vport);
	NAME_OF(row, "port", q->port);
}

static void
queue_compare(struct top_queue *q, const struct top_queue *before, const json_t *row, double seconds, uint64_t now_ns)
{
	rate_set(&q->packets, before != NULL ? &before->packets : NULL, row, "packets", seconds);
	rate_set(&q->bytes, before != NULL ? &before->bytes : NULL, row, "bytes", seconds);
	rate_set(&q->drops, before != NULL ? &before->drops : NULL, row, "drops", seconds);
	rate_set(&q->interrupts, before != NULL ? &before->interrupts : NULL, row, "interrupts", seconds);
	if (before == NULL)
		return;
	q->from = before->from;
	q->moved_ns = before->moved_ns;
	if (q->processor != before->processor && before->processor >= 0) {
		q->from = before->processor;
		q->moved_ns = now_ns;
	}
}

static int
take_queues(struct top_model *m, const json_t *list, uint64_t now_ns)
{
	struct top_queue *next = array_for(list, sizeof(*next));
	double seconds = seconds_since(m->queues_ns, now_ns);
	size_t i, n = json_array_size(list);
	const json_t *row;

	if (next == NULL)
		return -ENOMEM;
	json_array_foreach(list, i, row)
	{
		queue_set(&next[i], row);
		queue_compare(&next[i], queue_before(m, i, &next[i]), row, seconds, now_ns);
	}
	if (name_queues(next, n) < 0) {
		free(next);
		return -ENOMEM;
	}
	free(m->queues);
	m->queues = next;
	m->n_queues = n;
	m->queues_ns = now_ns;
	return 0;
}

/* ---- adapters ---- */

static struct top_adapter *
adapter_named(const struct top_model *m, const char *name)
{
	for (size_t i = 0; i < m->n_adapters; i++)
		if (strcmp(m->adapters[i].name, name) == 0)
			return &m->adapters[i];
	return NULL;
}

/* before: as it was in the last answer, with what other answers said of it; NULL: it is new. */
static void
adapter_set(struct top_adapter *a, const struct top_adapter *before, const json_t *row, double seconds)
{
	const char *state = json_string_value(json_object_get(row, "state"));

	*a = before != NULL ? *before : (struct top_adapter){ .front_end = TOP_UNKNOWN };
	NAME_OF(row, "name", a->name);
	NAME_OF(row, "mode", a->mode);
	NAME_OF(row, "switch", a->on_switch);
	a->up = state != NULL && strcmp(state, "up") == 0;
	a->queues = number_of(row, "queues");
	a->queues_used = number_of(row, "queues_used");
	rate_set(&a->rx_packets, before != NULL ? &before->rx_packets : NULL, row, "rx_packets", seconds);
	rate_set(&a->rx_bytes, before != NULL ? &before->rx_bytes : NULL, row, "rx_bytes", seconds);
	rate_set(&a->tx_packets, before != NULL ? &before->tx_packets : NULL, row, "tx_packets", seconds);
	rate_set(&a->tx_bytes, before != NULL ? &before->tx_bytes : NULL, row, "tx_bytes", seconds);
	rate_set(&a->drops, before != NULL ? &before->drops : NULL, row, "drops", seconds);
}

static int
take_adapters(struct top_model *m, const json_t *list, uint64_t now_ns)
{
	struct top_adapter *next = array_for(list, sizeof(*next));
	double seconds = seconds_since(m->adapters_ns, now_ns);
	char name[TOP_NAME_LEN];
	const json_t *row;
	size_t i;

	if (next == NULL)
		return -ENOMEM;
	json_array_foreach(list, i, row)
		adapter_set(&next[i], adapter_named(m, NAME_OF(row, "name", name)), row, seconds);
	free(m->adapters);
	m->adapters = next;
	m->n_adapters = json_array_size(list);
	m->adapters_ns = now_ns;
	return 0;
}

static int
take_adapter(struct top_model *m, const json_t *row)
{
	char name[TOP_NAME_LEN];
	struct top_adapter *a = adapter_named(m, NAME_OF(row, "name", name));

	if (a == NULL)
		return 0;
	a->dynamic = is_true(row, "dynamic");
	a->has_front_end = is_true(row, "front_end_thread");
	a->front_end = percent_if_told(row, "front_end_percent");
	return 0;
}

static int
take_rss(struct top_model *m, const json_t *list)
{
	char name[TOP_NAME_LEN];
	const json_t *row;
	size_t i;

	json_array_foreach(list, i, row)
	{
		struct top_adapter *a = adapter_named(m, NAME_OF(row, "adapter", name));

		if (a == NULL)
			continue;
		a->rss = is_true(row, "enabled");
		a->rss_operational = is_true(row, "operational");
		NAME_OF(row, "profile", a->profile);
	}
	return 0;
}

/* ---- ports ---- */

static int
take_ports(struct top_model *m, const json_t *list)
{
	struct top_port *next = array_for(list, sizeof(*next));
	const json_t *row;
	size_t i;

	if (next == NULL)
		return -ENOMEM;
	json_array_foreach(list, i, row)
	{
		NAME_OF(row, "name", next[i].name);
		NAME_OF(row, "switch", next[i].on_switch);
	}
	free(m->ports);
	m->ports = next;
	m->n_ports = json_array_size(list);
	return 0;
}

static int
take_vrss(struct top_model *m, const json_t *list)
{
	struct top_vrss *next = array_for(list, sizeof(*next));
	const json_t *row;
	size_t i;

	if (next == NULL)
		return -ENOMEM;
	json_array_foreach(list, i, row)
	{
		NAME_OF(row, "port", next[i].port);
		next[i].enabled = is_true(row, "enabled");
		next[i].operational = is_true(row, "operational");
	}
	free(m->vrss);
	m->vrss = next;
	m->n_vrss = json_array_size(list);
	return 0;
}

uint64_t
top_model_last_move(const struct top_model *m)
{
	return m->n_moves > 0 ? m->moves[m->n_moves - 1].serial : 0;
}

/* ---- the model ---- */

int
top_model_take(struct top_model *m, enum top_part part, const json_t *answer, uint64_t now_ns)
{
	switch (part) {
	case TOP_PROCESSORS:
		return take_processors(m, answer, now_ns);
	case TOP_QUEUES:
		return take_queues(m, answer, now_ns);
	case TOP_ADAPTERS:
		return take_adapters(m, answer, now_ns);
	case TOP_ADAPTER:
		return take_adapter(m, answer);
	case TOP_RSS:
		return take_rss(m, answer);
	case TOP_PORTS:
		return take_ports(m, answer);
	case TOP_DROPS:
		return top_take_drops(m, answer, now_ns);
	case TOP_BOOKS:
		return top_take_books(m, answer);
	case TOP_VRSS:
		return take_vrss(m, answer);
	case TOP_MOVES:
		return top_take_moves(m, answer);
	default:
		return 0;
	}
}

void
top_model_clear(struct top_model *m)
{
	free(m->processors);
	free(m->queues);
	free(m->adapters);
	free(m->ports);
	free(m->vrss);
	free(m->drops);
	free(m->moves);
	*m = (struct top_model){ 0 };
}

static void
add_rate(double *sum, double per_s)
{
	if (per_s < 0)
		return;
	*sum = (*sum < 0 ? 0 : *sum) + per_s;
}

struct top_totals
top_model_totals(const struct top_model *m)
{
	struct top_totals t = { TOP_UNKNOWN, TOP_UNKNOWN, TOP_UNKNOWN };

	for (size_t i = 0; i < m->n_queues; i++) {
		add_rate(&t.packets_s, m->queues[i].packets.per_s);
		add_rate(&t.bits_s, m->queues[i].bytes.per_s < 0 ? TOP_UNKNOWN : m->queues[i].bytes.per_s * 8);
	}
	for (size_t i = 0; i < m->n_drops; i++)
		add_rate(&t.drops_s, m->drops[i].packets.per_s);
	if (m->has_drops && m->n_drops == 0)
		t.drops_s = 0;
	return t;
}

const struct top_queue *
top_model_queue(const struct top_model *m, unsigned id)
{
	size_t low = 0, high = m->n_queues;

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (m->queues[mid].id == id)
			return &m->queues[mid];
		if (m->queues[mid].id < id)
			low = mid + 1;
		else
			high = mid;
	}
	return NULL;
}

const struct top_processor *
top_model_processor(const struct top_model *m, unsigned id)
{
	for (size_t i = 0; i < m->n_processors; i++)
		if (m->processors[i].id == id)
			return &m->processors[i];
	return NULL;
}

const struct top_vrss *
top_model_vrss(const struct top_model *m, const char *port)
{
	for (size_t i = 0; i < m->n_vrss; i++)
		if (strcmp(m->vrss[i].port, port) == 0)
			return &m->vrss[i];
	return NULL;
}

const struct top_adapter *
top_model_adapter_of(const struct top_model *m, const struct top_queue *q)
{
	const char *on_switch = NULL;

	if (q->port[0] == '\0')
		return adapter_named(m, q->vport);
	for (size_t i = 0; i < m->n_ports && on_switch == NULL; i++)
		if (strcmp(m->ports[i].name, q->port) == 0)
			on_switch = m->ports[i].on_switch;
	for (size_t i = 0; on_switch != NULL && i < m->n_adapters; i++)
		if (strcmp(m->adapters[i].on_switch, on_switch) == 0)
			return &m->adapters[i];
	return NULL;
}
