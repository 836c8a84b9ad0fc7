/* top_events.c - what happened, as the daemon tells it: drops, the books, moves; see top_take.h. */
#include <errno.h>
#include <string.h>

#include "cli/top_take.h"

/* ---- drops and books ---- */

static struct top_drop *
drop_named(struct top_drop *drops, size_t n, const char *reason)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(drops[i].reason, reason) == 0)
			return &drops[i];
	return NULL;
}

/* A reason that is not in the last answer had happened to nobody then: its rate is known. */
static void
drop_rate(struct top_drop *d, const struct top_model *m, double seconds)
{
	const struct top_drop *before = drop_named(m->drops, m->n_drops, d->reason);
	uint64_t count = before != NULL ? before->packets.count : 0;

	d->packets.per_s = TOP_UNKNOWN;
	if (seconds > 0 && d->packets.count >= count)
		d->packets.per_s = (double)(d->packets.count - count) / seconds;
}

int
top_take_drops(struct top_model *m, const json_t *list, uint64_t now_ns)
{
	struct top_drop *next = array_for(list, sizeof(*next));
	double seconds = seconds_since(m->drops_ns, now_ns);
	size_t i, n = 0;
	const json_t *row;

	if (next == NULL)
		return -ENOMEM;
	json_array_foreach(list, i, row)
	{
		char reason[TOP_NAME_LEN];
		struct top_drop *d = drop_named(next, n, NAME_OF(row, "reason", reason));

		if (d == NULL) {
			d = &next[n++];
			memcpy(d->reason, reason, sizeof(reason));
		}
		d->packets.count += count_of(row, "count");
	}
	for (i = 0; i < n; i++)
		drop_rate(&next[i], m, seconds);
	free(m->drops);
	m->drops = next;
	m->n_drops = n;
	m->drops_ns = now_ns;
	m->has_drops = true;
	return 0;
}

int
top_take_books(struct top_model *m, const json_t *row)
{
	m->books = (struct top_books){
		.known = json_is_object(row),
		.balanced = is_true(row, "balanced"),
		.offered = count_of(row, "offered"),
		.copies = count_of(row, "copies"),
		.delivered = count_of(row, "delivered"),
		.dropped = count_of(row, "dropped"),
		.held = count_of(row, "held"),
	};
	return 0;
}

/* ---- moves ---- */

/* Seconds since 1970 of "2026-11-24T13:41:07.123Z"; 0 when it is not like that. */
static time_t
time_of(const json_t *row, const char *key)
{
	const char *text = json_string_value(json_object_get(row, key));
	struct tm tm = { 0 };

	return text != NULL && strptime(text, "%Y-%m-%dT%H:%M:%S", &tm) != NULL ? timegm(&tm) : 0;
}

/* As the queue itself is called, if it is still there; else by what the event says. */
static void
name_move(struct top_move *move, const struct top_model *m, const json_t *row)
{
	const struct top_queue *q = top_model_queue(m, number_of(row, "queue"));
	char vport[TOP_NAME_LEN];
	unsigned index = number_of(row, "index");

	NAME_OF(row, "port", vport);
	if (q != NULL && q->index == index && strcmp(q->vport, vport) == 0)
		snprintf(move->name, sizeof(move->name), "%s", q->name);
	else if (index > 0)
		snprintf(move->name, sizeof(move->name), "%s.%u", vport, index);
	else
		snprintf(move->name, sizeof(move->name), "%s", vport);
}

static void
move_set(struct top_move *move, const struct top_model *m, const json_t *row)
{
	*move = (struct top_move){
		.serial = count_of(row, "serial"),
		.at = time_of(row, "at"),
		.from = number_of(row, "from"),
		.to = number_of(row, "to"),
		.from_before = percent_of(row, "from_before"),
		.from_after = percent_of(row, "from_after"),
		.to_before = percent_of(row, "to_before"),
		.to_after = percent_of(row, "to_after"),
	};
	NAME_OF(row, "why", move->why);
	NAME_OF(row, "means", move->means);
	name_move(move, m, row);
}

static void
forget_move(struct top_model *m, size_t i)
{
	m->n_moves--;
	memmove(&m->moves[i], &m->moves[i + 1], (m->n_moves - i) * sizeof(*m->moves));
}

/* That a queue cannot be helped is told again and again while it is near the mark: the last time is enough. */
static void
forget_like(struct top_model *m, const struct top_move *next)
{
	for (size_t i = m->n_moves; next->from == next->to && i > 0; i--) {
		const struct top_move *old = &m->moves[i - 1];

		if (old->from == old->to && strcmp(old->name, next->name) == 0)
			forget_move(m, i - 1);
	}
}

/* Behind those that are known; the oldest go. */
int
top_take_moves(struct top_model *m, const json_t *list)
{
	size_t n = json_array_size(list), skipped = n > TOP_MOVES_KEPT ? n - TOP_MOVES_KEPT : 0;

	if (n == 0)
		return 0;
	if (m->moves == NULL)
		m->moves = calloc(TOP_MOVES_KEPT, sizeof(*m->moves));
	if (m->moves == NULL)
		return -ENOMEM;
	for (size_t i = skipped; i < n; i++) {
		struct top_move next;

		move_set(&next, m, json_array_get(list, i));
		forget_like(m, &next);
		if (m->n_moves == TOP_MOVES_KEPT)
			forget_move(m, 0);
		m->moves[m->n_moves++] = next;
	}
	return 0;
}
