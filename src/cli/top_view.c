/* top_view.c - order, filter and selection; see top_view.h. */
#include "cli/top_view.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *
top_sort_text(enum top_sort sort)
{
	static const char *const text[] = { "number", "busy", "packets" };

	return text[sort];
}

void
top_say(struct top_view *v, enum top_tone tone, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(v->said, sizeof(v->said), fmt, args);
	va_end(args);
	v->tone = tone;
	v->n_said++;
}

/* ---- rows ---- */

static int
by_number(const void *a, const void *b)
{
	const struct top_row *x = a, *y = b;

	return x->processor->id < y->processor->id ? -1 : x->processor->id > y->processor->id;
}

/* The larger first; equal ones by number, so that rows do not dance. */
static int
larger_first(double x, double y, const void *a, const void *b)
{
	return x > y ? -1 : x < y ? 1 : by_number(a, b);
}

static int
by_busy(const void *a, const void *b)
{
	const struct top_processor *x = ((const struct top_row *)a)->processor,
				   *y = ((const struct top_row *)b)->processor;

	return larger_first(x->busy + x->waiting, y->busy + y->waiting, a, b);
}

static int
by_packets(const void *a, const void *b)
{
	const struct top_processor *x = ((const struct top_row *)a)->processor,
				   *y = ((const struct top_row *)b)->processor;

	return larger_first(x->packets.per_s, y->packets.per_s, a, b);
}

static bool
is_shown(const struct top_view *v, const struct top_queue *q)
{
	return strstr(q->name, v->filter) != NULL;
}

static int
row_of(const struct top_rows *rows, int processor)
{
	for (size_t i = 0; i < rows->n_rows; i++)
		if (processor >= 0 && rows->row[i].processor->id == (unsigned)processor)
			return (int)i;
	return -1;
}

/* Counts first, then places: the rows' queues lie one behind the other. */
static void
place_queues(struct top_rows *rows, const struct top_model *m, const struct top_view *v)
{
	size_t at = 0;

	for (size_t i = 0; i < m->n_queues; i++) {
		int row = is_shown(v, &m->queues[i]) ? row_of(rows, m->queues[i].processor) : -1;

		if (row >= 0)
			rows->row[row].n_queues++;
	}
	for (size_t i = 0; i < rows->n_rows; i++) {
		rows->row[i].queue = rows->queue + at;
		at += rows->row[i].n_queues;
		rows->row[i].n_queues = 0;
	}
	for (size_t i = 0; i < m->n_queues; i++) {
		int row = is_shown(v, &m->queues[i]) ? row_of(rows, m->queues[i].processor) : -1;

		if (row >= 0)
			rows->row[row].queue[rows->row[row].n_queues++] = &m->queues[i];
	}
}

int
top_rows_make(struct top_rows *rows, const struct top_model *m, const struct top_view *v)
{
	static int (*const order[])(const void *, const void *) = { by_number, by_busy, by_packets };
	size_t n = 0;

	top_rows_free(rows);
	rows->row = calloc(m->n_processors + 1, sizeof(*rows->row));
	rows->queue = calloc(m->n_queues + 1, sizeof(struct top_queue *));
	if (rows->row == NULL || rows->queue == NULL) {
		top_rows_free(rows);
		return -ENOMEM;
	}
	rows->n_rows = m->n_processors;
	for (size_t i = 0; i < m->n_processors; i++)
		rows->row[i].processor = &m->processors[i];
	place_queues(rows, m, v);
	for (size_t i = 0; i < rows->n_rows; i++)
		if (v->filter[0] == '\0' || rows->row[i].n_queues > 0)
			rows->row[n++] = rows->row[i];
	rows->n_rows = n;
	qsort(rows->row, n, sizeof(*rows->row), order[v->sort]);
	return 0;
}

void
top_rows_free(struct top_rows *rows)
{
	free(rows->row);
	free(rows->queue);
	*rows = (struct top_rows){ 0 };
}

/* ---- the selection ---- */

/* Place of queue id on a row; -1: it is not there. */
static int
place_of(const struct top_row *row, int id)
{
	for (size_t i = 0; i < row->n_queues; i++)
		if (id >= 0 && row->queue[i]->id == (unsigned)id)
			return (int)i;
	return -1;
}

void
top_view_follow(struct top_view *v, const struct top_model *m, const struct top_rows *rows)
{
	const struct top_queue *q = v->queue >= 0 ? top_model_queue(m, (unsigned)v->queue) : NULL;

	if (rows->n_rows == 0)
		return;
	if (q != NULL && row_of(rows, q->processor) >= 0)
		v->processor = (unsigned)q->processor;
	if (row_of(rows, (int)v->processor) < 0)
		v->processor = rows->row[0].processor->id;
	if (place_of(&rows->row[row_of(rows, (int)v->processor)], v->queue) < 0)
		v->queue = -1;
}

static int
clamp(int n, int low, int high)
{
	return n > high ? high : n < low ? low : n;
}

void
top_view_walk(struct top_view *v, const struct top_rows *rows, int dy, int dx)
{
	int y = row_of(rows, (int)v->processor), x;
	const struct top_row *row;

	if (rows->n_rows == 0)
		return;
	x = y >= 0 ? place_of(&rows->row[y], v->queue) : -1;
	y = clamp(y + dy, 0, (int)rows->n_rows - 1);
	row = &rows->row[y];
	x = clamp(x + dx, -1, (int)row->n_queues - 1);
	v->processor = row->processor->id;
	v->queue = x >= 0 ? (int)row->queue[x]->id : -1;
}
