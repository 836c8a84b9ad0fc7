/* top_bars.c - a line for each processor, with the queues that stand on it, and for each NIC; see top_draw.h. */
#include <stdlib.h>
#include <string.h>

#include "cli/top_draw.h"

#define LABEL_MIN 9     /* ">63 emu 63": number and CPU */
#define WIDTH_NARROW 60 /* columns below which the CPU and the waiting time are left out */
#define FULL_PERCENT 90 /* from here on a processor is overloaded: the balancer's own mark */
#define WARM_PERCENT 60
#define GAP 2          /* between queues */
#define MORE_LEN 6     /* "+1024" and a blank */
#define TRAFFIC_LEN 64 /* "in 412k/s 999.9 Mb/s  out 412k/s 999.9 Mb/s  RSS numa-static" */
#define NAME_SHOWN 20  /* characters of a queue's name */

/* ---- columns ---- */

static int
clamp(int n, int low, int high)
{
	return n > high ? high : n < low ? low : n;
}

static int
label_width(const struct top_model *m, int width)
{
	int label = LABEL_MIN;

	for (size_t i = 0; i < m->n_adapters; i++)
		label = clamp((int)strlen(m->adapters[i].name) + 7, label, width / 5);
	return label + 2;
}

struct top_columns
top_columns_of(const struct top_model *m, int width)
{
	struct top_columns k = { .cpu = width >= WIDTH_NARROW, .waiting = width >= WIDTH_NARROW };

	k.bar = k.cpu ? label_width(m, width) : 5;
	k.bar_width = clamp(width * 3 / 10 - 4, 6, 48);
	k.percent = k.bar + k.bar_width + 1;
	k.rest = k.percent + (k.waiting ? 14 : 6);
	k.rest_width = clamp(width - k.rest, 1, width);
	return k;
}

void
top_bars_head(const struct top_picture *p, int y, const struct top_columns *k)
{
	const char *full = p->canvas->utf8 ? "\u2588" : "#", *part = p->canvas->utf8 ? "\u2592" : "+";
	int x;

	canvas_put(p->canvas, y, 1, STYLE_LABEL, k->cpu ? "PROCESSOR" : "P");
	x = canvas_put(p->canvas, y, k->bar, STYLE_CALM, k->cpu ? full : "");
	x = canvas_put(p->canvas, y, x, STYLE_LABEL, k->cpu ? " busy  " : "LOAD");
	x = canvas_put(p->canvas, y, x, STYLE_WAITING, k->cpu ? part : "");
	canvas_put(p->canvas, y, x, STYLE_LABEL, k->cpu ? " waiting" : "");
	canvas_put(p->canvas, y, k->percent, STYLE_LABEL, " BUSY");
	if (k->waiting)
		canvas_put(p->canvas, y, k->percent + 7, STYLE_LABEL, " WAIT");
	canvas_put(p->canvas, y, k->rest, STYLE_LABEL, k->rest_width >= 28 ? "QUEUES, and their packets/s" : "QUEUES");
}

static int
cells_of(double percent, int width)
{
	return clamp((int)(percent * width / 100 + 0.5), 0, width);
}

/* Busy, then waiting, then idle; a processor that works at all shows it. */
static void
put_bar(const struct top_picture *p, int y, const struct top_columns *k, double busy, double waiting,
	enum canvas_style style)
{
	static const char *const signs[2][3] = { { "#", "+", "." }, { "\u2588", "\u2592", "\u00b7" } };
	int n_busy = cells_of(busy, k->bar_width), n_work = cells_of(busy + waiting, k->bar_width);
	const char *const *sign = signs[p->canvas->utf8];

	for (int i = 0; i < k->bar_width; i++) {
		int what = i < n_busy ? 0 : i < n_work ? 1 : 2;
		const enum canvas_style styles[] = { style, STYLE_WAITING, STYLE_DIM };

		canvas_put(p->canvas, y, k->bar + i, styles[what], sign[what]);
	}
}

/* ---- the queues on a processor ---- */

static bool
has_just_moved(const struct top_picture *p, const struct top_queue *q)
{
	return q->from >= 0 && p->now_ns - q->moved_ns < TOP_MOVED_NS;
}

/* "vm1 88k"; "vm1* 88k" when it is pinned; "vm1 <- 3 88k" when it just came from processor 3. */
static void
token_text(const struct top_picture *p, const struct top_queue *q, int most, char out[TOP_TOKEN_LEN * 2])
{
	char from[16] = "", rate[TOP_NUMBER_LEN] = "", number[TOP_NUMBER_LEN];

	if (has_just_moved(p, q))
		snprintf(from, sizeof(from), " %s %d", p->canvas->utf8 ? "\u2190" : "<-", q->from);
	if (q->packets.per_s > 0)
		snprintf(rate, sizeof(rate), " %s", top_short(q->packets.per_s, number));
	most = clamp(most - text_width(from) - text_width(rate) - q->pinned, 3, NAME_SHOWN);
	if ((int)strlen(q->name) > most)
		snprintf(out, TOP_TOKEN_LEN * 2, "%.*s~%s%s%s", most - 1, q->name, q->pinned ? "*" : "", from, rate);
	else
		snprintf(out, TOP_TOKEN_LEN * 2, "%s%s%s%s", q->name, q->pinned ? "*" : "", from, rate);
}

/* A colour of its own for each port, so that one sees whose queues stand where. FNV-1a. */
static enum canvas_style
owner_style(const char *name)
{
	uint32_t hash = 2166136261u;

	for (; *name != '\0'; name++)
		hash = (hash ^ (unsigned char)*name) * 16777619u;
	return (enum canvas_style)(STYLE_OWNER + hash % (STYLE_COUNT - STYLE_OWNER));
}

static bool
is_selected(const struct top_picture *p, const struct top_view *v, const struct top_queue *q)
{
	return p->live && v->queue >= 0 && q->id == (unsigned)v->queue;
}

static enum canvas_style
token_style(const struct top_picture *p, const struct top_view *v, const struct top_queue *q)
{
	if (is_selected(p, v, q))
		return STYLE_SELECTED;
	if (has_just_moved(p, q))
		return STYLE_MOVED;
	return q->packets.per_s == 0 ? STYLE_DIM : owner_style(q->vport);
}

/* Where the next of several texts of one width goes; lines are width long. */
struct flow {
	int x, line, width;
};

static void
flow_next(struct flow *f, int len)
{
	if (f->x > 0 && f->x + GAP + len > f->width) {
		f->x = 0;
		f->line++;
	}
	f->x += (f->x > 0 ? GAP : 0) + len;
}

/* Lines that the chosen queues take (chosen NULL: all), with a "+17" behind them when some are left out. */
static int
lines_of(const struct top_picture *p, const struct top_row *row, const bool *chosen, const struct top_columns *k)
{
	struct flow f = { .width = k->rest_width };
	char text[TOP_TOKEN_LEN * 2];
	bool all = true;

	for (size_t i = 0; i < row->n_queues; i++) {
		if (chosen != NULL && !chosen[i]) {
			all = false;
			continue;
		}
		token_text(p, row->queue[i], k->rest_width, text);
		flow_next(&f, text_width(text));
	}
	if (!all)
		flow_next(&f, MORE_LEN - 1);
	return f.line + 1;
}

int
top_bars_need(const struct top_picture *p, const struct top_view *v, const struct top_row *row,
	      const struct top_columns *k)
{
	return lines_of(p, row, NULL, k);
}

struct candidate {
	double weight;
	size_t place;
};

static int
heavier_first(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;

	if (x->weight != y->weight)
		return x->weight > y->weight ? -1 : 1;
	return x->place < y->place ? -1 : x->place > y->place;
}

/* Whom to show where there is no room for all: the selected one, those that just moved, then those with most packets. */
static void
choose(const struct top_picture *p, const struct top_view *v, const struct top_row *row, int lines,
       const struct top_columns *k, bool *chosen)
{
	struct candidate *all = calloc(row->n_queues, sizeof(*all));

	if (all == NULL)
		return;
	for (size_t i = 0; i < row->n_queues; i++) {
		const struct top_queue *q = row->queue[i];

		all[i] = (struct candidate){ q->packets.per_s, i };
		if (has_just_moved(p, q))
			all[i].weight += 1e15;
		if (is_selected(p, v, q))
			all[i].weight += 1e18;
	}
	qsort(all, row->n_queues, sizeof(*all), heavier_first);
	for (size_t i = 0; i < row->n_queues; i++) {
		chosen[all[i].place] = true;
		if (lines_of(p, row, chosen, k) > lines) {
			chosen[all[i].place] = false;
			break;
		}
	}
	free(all);
}

static void
put_queues(const struct top_picture *p, const struct top_view *v, const struct top_row *row, int y, const bool *chosen,
	   const struct top_columns *k)
{
	struct flow f = { .width = k->rest_width };
	char text[TOP_TOKEN_LEN * 2];
	size_t hidden = 0;

	for (size_t i = 0; i < row->n_queues; i++) {
		const struct top_queue *q = row->queue[i];
		int len;

		if (chosen != NULL && !chosen[i]) {
			hidden++;
			continue;
		}
		token_text(p, q, k->rest_width, text);
		len = text_width(text);
		flow_next(&f, len);
		canvas_put(p->canvas, y + f.line, k->rest + f.x - len, token_style(p, v, q), text);
	}
	if (hidden == 0)
		return;
	snprintf(text, sizeof(text), "+%zu", hidden);
	flow_next(&f, (int)strlen(text));
	canvas_put(p->canvas, y + f.line, k->rest + f.x - (int)strlen(text), STYLE_LABEL, text);
}

static void
queues_of(const struct top_picture *p, const struct top_view *v, const struct top_row *row, int y, int lines,
	  const struct top_columns *k)
{
	bool *chosen;

	if (lines_of(p, row, NULL, k) <= lines) {
		put_queues(p, v, row, y, NULL, k);
		return;
	}
	chosen = calloc(row->n_queues, sizeof(*chosen));
	if (chosen == NULL)
		return;
	choose(p, v, row, lines, k, chosen);
	put_queues(p, v, row, y, chosen, k);
	free(chosen);
}

/* ---- lines ---- */

static enum canvas_style
heat(double percent)
{
	return percent >= FULL_PERCENT ? STYLE_FULL : percent >= WARM_PERCENT ? STYLE_WARM : STYLE_CALM;
}

void
top_bars_processor(const struct top_picture *p, const struct top_view *v, const struct top_row *row, int y, int lines,
		   const struct top_columns *k)
{
	const struct top_processor *is = row->processor;
	bool selected = p->live && is->id == v->processor;
	enum canvas_style style = heat(is->busy + is->waiting);
	int x;

	x = canvas_printf(p->canvas, y, 0, selected ? STYLE_TITLE : STYLE_PLAIN, "%s%2u", selected ? ">" : " ", is->id);
	if (k->cpu)
		canvas_printf(p->canvas, y, x + 1, STYLE_DIM, "%s %u", is->emulated ? "emu" : "cpu", is->cpu);
	put_bar(p, y, k, is->busy, is->waiting, style);
	canvas_printf(p->canvas, y, k->percent, style, "%3.0f %%", is->busy);
	if (k->waiting)
		canvas_printf(p->canvas, y, k->percent + 7, is->waiting >= 0.5 ? STYLE_WAITING : STYLE_DIM, "%3.0f %%",
			      is->waiting);
	queues_of(p, v, row, y, lines, k);
	if (selected && v->queue < 0)
		canvas_restyle(p->canvas, y, 1, 2, STYLE_SELECTED);
}

/* "in 412k/s 4.00 Gb/s  "; without packets where the line is short. */
static int
put_flow(const struct top_picture *p, int y, int x, const char *before, const struct top_rate *packets,
	 const struct top_rate *bytes, bool brief)
{
	double bits_s = bytes->per_s < 0 ? TOP_UNKNOWN : bytes->per_s * 8;
	char number[TOP_NUMBER_LEN], bits[TOP_NUMBER_LEN];

	if (brief)
		return canvas_fit(p->canvas, y, x, STYLE_PLAIN, "%s %s  ", before, top_bits(bits_s, bits));
	return canvas_fit(p->canvas, y, x, STYLE_PLAIN, "%s %s/s %s  ", before, top_short(packets->per_s, number),
			  top_bits(bits_s, bits));
}

/* What comes in, goes out, and how it is spread. */
static void
put_traffic(const struct top_picture *p, const struct top_adapter *a, int y, const struct top_columns *k)
{
	bool brief = k->rest_width < TRAFFIC_LEN;
	char mode[TOP_MODE_LEN];
	int x = k->rest;

	x = put_flow(p, y, x, "in", &a->rx_packets, &a->rx_bytes, brief);
	x = put_flow(p, y, x, "out", &a->tx_packets, &a->tx_bytes, brief);
	x = canvas_fit(p->canvas, y, x, STYLE_DIM, "%s", top_mode(a, mode));
	if (strcmp(a->mode, "vmq") == 0)
		canvas_fit(p->canvas, y, x, STYLE_DIM, ", %u of %u queues", a->queues_used, a->queues);
}

void
top_bars_adapter(const struct top_picture *p, const struct top_adapter *a, int y, const struct top_columns *k)
{
	if (k->cpu)
		canvas_printf(p->canvas, y, 1, STYLE_NIC, "%.*s's NIC", k->bar - 8, a->name);
	else
		canvas_put(p->canvas, y, 1, STYLE_NIC, "NIC");
	if (!a->up) {
		canvas_printf(p->canvas, y, k->bar, STYLE_BAD, "%.*s", k->bar_width, "its link is down");
	} else if (a->has_front_end && a->front_end >= 0) {
		put_bar(p, y, k, a->front_end, 0, STYLE_NIC);
		canvas_printf(p->canvas, y, k->percent, STYLE_NIC, "%3.0f %%", a->front_end);
	} else {
		canvas_printf(p->canvas, y, k->bar, STYLE_DIM, "%.*s", k->bar_width, "(a processor's work)");
	}
	put_traffic(p, a, y, k);
}
