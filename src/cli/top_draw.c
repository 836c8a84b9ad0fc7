/* top_draw.c - what stands where in the picture; see top_draw.h. */
#include "cli/top_draw.h"

#include <string.h>

#include "cli/top_keys.h"

#define ADAPTERS_SHOWN 4 /* when lines are few */
#define MOVES_SHOWN 6
#define MORE_ADAPTERS_LEN 14 /* "  +12 adapters" */
#define SAID_LINES 4
#define ROW_LINES_MAX 100 /* of one processor in a picture that does not scroll */
#define ROWS_FIRST 4      /* processors that are shown before anything beside them gets a line */

/* Lines that each part gets; what is 0 is left out. From the top to the bottom of the picture. */
struct layout {
	int head, columns, processors, gap, adapters, totals, drops, moves_gap, moves, filler, selection, status;
};

static int
least(int a, int b)
{
	return a < b ? a : b;
}

/* Gives a part up to `want` lines of those that are left. */
static void
give(int *left, int *part, int want)
{
	int n = least(*left, want - *part);

	if (n <= 0)
		return;
	*part += n;
	*left -= n;
}

/* What matters most is given its lines first. said: lines of the status; 0: nobody sits before it. rows: of processors; and without folding. */
static struct layout
layout_of(const struct top_model *m, int height, int said, int rows, int rows_unfolded)
{
	struct layout l = { 0 };
	int left = height, adapters = (int)m->n_adapters, moves = m->n_moves == 0 ? 0 : 1 + (int)m->n_moves;

	give(&left, &l.head, 1);
	give(&left, &l.status, said);
	give(&left, &l.processors, least(rows, ROWS_FIRST));
	give(&left, &l.totals, 1);
	give(&left, &l.columns, 1);
	give(&left, &l.adapters, least(adapters, 1));
	give(&left, &l.processors, least(rows, height / 2));
	give(&left, &l.adapters, least(adapters, ADAPTERS_SHOWN));
	give(&left, &l.selection, said > 0);
	give(&left, &l.drops, m->has_drops);
	give(&left, &l.moves, least(moves, 4));
	give(&left, &l.gap, 1);
	give(&left, &l.processors, rows);
	give(&left, &l.moves_gap, least(l.moves, 1));
	give(&left, &l.processors, rows_unfolded);
	give(&left, &l.adapters, adapters);
	give(&left, &l.moves, least(moves, 1 + MOVES_SHOWN));
	l.filler = said > 0 ? left : 0;
	return l;
}

/* ---- the top and the bottom ---- */

/* Ports whose queues are spread, as far as there is room for their names. */
static void
put_spread_ports(const struct top_picture *p, struct canvas *line, int x)
{
	const char *before = "vRSS:";

	for (size_t i = 0; i < p->model->n_vrss; i++) {
		const struct top_vrss *is = &p->model->vrss[i];

		if (!is->operational)
			continue;
		x = canvas_fit(line, 0, x, STYLE_DIM, "%s", before);
		x = canvas_fit(line, 0, x, STYLE_LABEL, " %s", is->port);
		before = "";
	}
}

/* "wire: dynamic VMQ  store: RSS numa-static  +2 adapters" */
static int
put_modes(const struct top_picture *p, struct canvas *line, int x)
{
	size_t n = p->model->n_adapters;
	char mode[TOP_MODE_LEN];

	for (size_t i = 0; i < n; i++) {
		const struct top_adapter *a = &p->model->adapters[i];
		int more = i + 1 < n ? MORE_ADAPTERS_LEN : 0;

		if (x + 4 + (int)strlen(a->name) + (int)strlen(top_mode(a, mode)) + more > line->width)
			return canvas_fit(line, 0, x + 2, STYLE_DIM, "+%zu adapter%s", n - i, n - i == 1 ? "" : "s");
		x = canvas_fit(line, 0, x + 2, STYLE_DIM, "%s: ", a->name);
		x = canvas_fit(line, 0, x, STYLE_LABEL, "%s", mode);
	}
	return x;
}

static void
put_head(const struct top_picture *p, const struct top_view *v)
{
	char right[64];
	struct canvas left = *p->canvas; /* the part of its first row that is not taken by the clock */
	int x;

	if (p->live)
		snprintf(right, sizeof(right), "%severy %g s  %s", v->paused ? "PAUSED  " : "", v->interval_ms / 1000.0,
			 p->clock);
	else
		snprintf(right, sizeof(right), "%s", p->clock);
	left.width -= (int)strlen(right) + 3;
	if (left.width < 8)
		left.width = p->canvas->width;
	else
		canvas_put(p->canvas, 0, left.width + 2, v->paused ? STYLE_MOVED : STYLE_DIM, right);
	x = put_modes(p, &left, canvas_fit(&left, 0, 1, STYLE_TITLE, "%s", v->host));
	put_spread_ports(p, &left, x + 2);
}

static int
put_books(const struct top_picture *p, int y, int x)
{
	const struct top_books *b = &p->model->books;
	char number[TOP_NUMBER_LEN];

	if (!b->known)
		return x;
	if (!b->balanced)
		return canvas_fit(p->canvas, y, x, STYLE_BAD, "THE BOOKS DO NOT BALANCE  ");
	x = canvas_fit(p->canvas, y, x, STYLE_GOOD, "books balance");
	if (b->held > 0)
		x = canvas_fit(p->canvas, y, x, STYLE_DIM, ", %s held", top_short((double)b->held, number));
	return x + 2;
}

static void
put_totals(const struct top_picture *p, const struct top_view *v, int y)
{
	struct top_totals t = top_model_totals(p->model);
	char number[TOP_NUMBER_LEN];
	int x;

	x = canvas_fit(p->canvas, y, 1, STYLE_LABEL, "TOTAL  ");
	x = canvas_fit(p->canvas, y, x, STYLE_PLAIN, "%s packets/s  ", top_short(t.packets_s, number));
	x = canvas_fit(p->canvas, y, x, STYLE_PLAIN, "%s  ", top_bits(t.bits_s, number));
	x = canvas_fit(p->canvas, y, x, t.drops_s > 0 ? STYLE_BAD : STYLE_PLAIN, "%s drops/s  ",
		       top_short(t.drops_s, number));
	x = put_books(p, y, x);
	if (v->sort != TOP_BY_NUMBER)
		x = canvas_fit(p->canvas, y, x, STYLE_LABEL, "sorted by %s  ", top_sort_text(v->sort));
	if (v->filter[0] != '\0')
		canvas_fit(p->canvas, y, x, STYLE_MOVED, "filter: %s", v->filter);
}

/* Reasons that happen now, with their rates; then those that did, with their counts. */
static void
put_drops(const struct top_picture *p, int y)
{
	const struct top_model *m = p->model;
	char number[TOP_NUMBER_LEN];
	int x = canvas_fit(p->canvas, y, 1, STYLE_LABEL, "DROPS  ");

	for (size_t i = 0; i < m->n_drops; i++)
		if (m->drops[i].packets.per_s > 0)
			x = canvas_fit(p->canvas, y, x, STYLE_BAD, "%s %s/s  ", m->drops[i].reason,
				       top_short(m->drops[i].packets.per_s, number));
	for (size_t i = 0; i < m->n_drops; i++)
		if (m->drops[i].packets.per_s <= 0)
			x = canvas_fit(p->canvas, y, x, STYLE_DIM, "%s %s  ", m->drops[i].reason,
				       top_short((double)m->drops[i].packets.count, number));
	if (m->n_drops == 0)
		canvas_fit(p->canvas, y, x, STYLE_GOOD, "none so far");
}

static void
put_move(const struct top_picture *p, const struct top_move *move, int y, enum canvas_style style)
{
	const char *arrow = p->canvas->utf8 ? "\u2192" : "->";
	char at[16] = "";
	struct tm local;
	int x;

	if (localtime_r(&move->at, &local) != NULL)
		strftime(at, sizeof(at), "%H:%M:%S", &local);
	x = canvas_fit(p->canvas, y, 1, STYLE_DIM, "%s  ", at);
	x = canvas_fit(p->canvas, y, x, style, "%-8s  ", move->name);
	if (move->from == move->to)
		x = canvas_fit(p->canvas, y, x, style, "stays on %u  ", move->to);
	else
		x = canvas_fit(p->canvas, y, x, style, "%2u %s %u%*s", move->from, arrow, move->to,
			       move->to < 10 ? 3 : 2, "");
	x = canvas_fit(p->canvas, y, x, style, "%s", move->why);
	if (move->from != move->to && (move->from_before > 0 || move->to_after > 0))
		x = canvas_fit(p->canvas, y, x, style, ", %u: %.0f %% %s %.0f %%, %u: %.0f %% %s %.0f %%", move->from,
			       move->from_before, arrow, move->from_after, move->to, move->to_before, arrow,
			       move->to_after);
	if (x < p->canvas->width)
		canvas_cut(p->canvas, y, x + 2, STYLE_DIM, move->means);
}

/* The last one first. */
static void
put_moves(const struct top_picture *p, int y, int lines)
{
	size_t n = p->model->n_moves;

	canvas_put(p->canvas, y, 1, STYLE_LABEL, "MOVES");
	for (size_t i = 0; (int)i < lines - 1 && i < n; i++)
		put_move(p, &p->model->moves[n - 1 - i], y + 1 + (int)i, i == 0 ? STYLE_PLAIN : STYLE_DIM);
}

/* ---- the selection ---- */

static void
put_selected_queue(const struct top_picture *p, const struct top_queue *q, int y)
{
	double bits_s = q->bytes.per_s < 0 ? TOP_UNKNOWN : q->bytes.per_s * 8;
	char number[TOP_NUMBER_LEN];
	int x = canvas_fit(p->canvas, y, 1, STYLE_TITLE, "%s", q->name);

	x = canvas_fit(p->canvas, y, x, STYLE_PLAIN, "  queue %u on processor %d%s", q->id, q->processor,
		       q->pinned ? ", pinned" : "");
	if (q->share >= 0)
		x = canvas_fit(p->canvas, y, x, STYLE_PLAIN, "  %.0f %% of it", q->share);
	x = canvas_fit(p->canvas, y, x, STYLE_PLAIN, "  %s packets/s", top_short(q->packets.per_s, number));
	x = canvas_fit(p->canvas, y, x, STYLE_PLAIN, "  %s", top_bits(bits_s, number));
	x = canvas_fit(p->canvas, y, x, q->drops.per_s > 0 ? STYLE_BAD : STYLE_PLAIN, "  %s drops/s",
		       top_short(q->drops.per_s, number));
	x = canvas_fit(p->canvas, y, x, STYLE_PLAIN, "  moved %llu time%s", (unsigned long long)q->moved,
		       q->moved == 1 ? "" : "s");
	canvas_fit(p->canvas, y, x, STYLE_PLAIN, "  %s interrupts/s", top_short(q->interrupts.per_s, number));
}

static void
put_selected_processor(const struct top_picture *p, const struct top_processor *is, int y)
{
	char number[TOP_NUMBER_LEN];
	int x = canvas_fit(p->canvas, y, 1, STYLE_TITLE, "processor %u", is->id);

	x = canvas_fit(p->canvas, y, x, STYLE_PLAIN, "  %s packets/s", top_short(is->packets.per_s, number));
	x = canvas_fit(p->canvas, y, x, STYLE_PLAIN, "  %s wake-ups/s", top_short(is->wakeups.per_s, number));
	x = canvas_fit(p->canvas, y, x, STYLE_PLAIN, "  on CPU %u", is->cpu);
	if (is->emulated)
		canvas_fit(p->canvas, y, x, STYLE_PLAIN, ", emulated: capped, no measure of speed");
}

static void
put_selection(const struct top_picture *p, const struct top_view *v, int y)
{
	const struct top_queue *q = v->queue >= 0 ? top_model_queue(p->model, (unsigned)v->queue) : NULL;
	const struct top_processor *is = top_model_processor(p->model, v->processor);

	if (q != NULL)
		put_selected_queue(p, q, y);
	else if (is != NULL)
		put_selected_processor(p, is, y);
}

static void
put_status(const struct top_picture *p, const struct top_view *v, int y)
{
	static const enum canvas_style tones[] = { STYLE_PLAIN, STYLE_GOOD, STYLE_BAD };
	const struct top_queue *q = v->queue >= 0 ? top_model_queue(p->model, (unsigned)v->queue) : NULL;

	if (v->mode == TOP_ASK_FILTER)
		canvas_printf(p->canvas, y, 1, STYLE_MOVED, "show queues whose name has: %s_", v->input);
	else if (v->mode == TOP_ASK_PROCESSOR)
		canvas_printf(p->canvas, y, 1, STYLE_MOVED, "move %s to processor: %s_", q != NULL ? q->name : "",
			      v->input);
	else if (v->said[0] != '\0')
		canvas_wrap(p->canvas, y, SAID_LINES, p->canvas->width, tones[v->tone], v->said);
	else
		top_keys_hints(p->canvas, y);
}

/* A refusal with its hint is longer than most terminals are wide. */
static int
said_lines(const struct top_picture *p, const struct top_view *v)
{
	if (!p->live)
		return 0;
	if (v->mode != TOP_LOOK || v->said[0] == '\0')
		return 1;
	return canvas_wrap(NULL, 0, least(SAID_LINES, 1 + p->canvas->height / 8), p->canvas->width, STYLE_PLAIN,
			   v->said);
}

/* ---- all of it ---- */

/* Lines that all rows take when none may take more than `most`. */
static int
lines_within(const struct top_picture *p, const struct top_view *v, const struct top_columns *k, int most)
{
	int lines = 0;

	for (size_t i = 0; i < p->rows->n_rows; i++)
		lines += least(top_bars_need(p, v, &p->rows->row[i], k), most);
	return lines;
}

static void
keep_in_sight(struct top_view *v, const struct top_rows *rows, int lines)
{
	unsigned n = (unsigned)rows->n_rows, at = 0;

	while (at < n && rows->row[at].processor->id != v->processor)
		at++;
	if (at < n && at < v->first_row)
		v->first_row = at;
	if (at < n && at >= v->first_row + (unsigned)lines)
		v->first_row = at - (unsigned)lines + 1;
	if (v->first_row + (unsigned)lines > n)
		v->first_row = n > (unsigned)lines ? n - (unsigned)lines : 0;
}

/* Each processor has a line; where lines are left, those with many queues take more. */
static void
put_processors(const struct top_picture *p, struct top_view *v, const struct top_columns *k, int y, int lines)
{
	int n = (int)p->rows->n_rows, most = 1, end = y + lines;

	if (n == 0)
		canvas_put(p->canvas, y, 1, STYLE_DIM,
			   v->filter[0] != '\0' ? "no queue has such a name" : "no processors");
	keep_in_sight(v, p->rows, lines);
	while (n <= lines && most < lines && lines_within(p, v, k, most + 1) <= lines)
		most++;
	for (size_t i = v->first_row; i < p->rows->n_rows && y < end; i++) {
		int own = least(top_bars_need(p, v, &p->rows->row[i], k), most);

		top_bars_processor(p, v, &p->rows->row[i], y, own, k);
		y += own;
	}
}

static void
put_adapters(const struct top_picture *p, const struct top_columns *k, int y, int lines)
{
	int n = (int)p->model->n_adapters;

	for (int i = 0; i < n && i < lines; i++) {
		top_bars_adapter(p, &p->model->adapters[i], y + i, k);
		if (i == lines - 1 && n > lines)
			canvas_printf(p->canvas, y + i, 0, STYLE_LABEL, "+");
	}
}

void
top_draw(const struct top_picture *p, struct top_view *v)
{
	struct top_columns k = top_columns_of(p->model, p->canvas->width);
	int rows = (int)p->rows->n_rows, y = 0;
	struct layout l;

	if (v->mode == TOP_HELP) {
		top_keys_help(p->canvas);
		return;
	}
	rows = rows > 0 ? rows : 1; /* that says that there are none */
	l = layout_of(p->model, p->canvas->height, said_lines(p, v), rows, lines_within(p, v, &k, p->canvas->height));
	put_head(p, v);
	y += l.head;
	if (l.columns > 0)
		top_bars_head(p, y, &k);
	y += l.columns;
	put_processors(p, v, &k, y, l.processors);
	y += l.processors + l.gap;
	put_adapters(p, &k, y, l.adapters);
	y += l.adapters;
	if (l.totals > 0)
		put_totals(p, v, y);
	y += l.totals;
	if (l.drops > 0)
		put_drops(p, y);
	y += l.drops + l.moves_gap;
	if (l.moves > 0)
		put_moves(p, y, l.moves);
	y += l.moves + l.filler;
	if (l.selection > 0)
		put_selection(p, v, y);
	if (l.status > 0)
		put_status(p, v, y + l.selection);
}

int
top_draw_height(const struct top_picture *p, const struct top_view *v)
{
	struct top_columns k = top_columns_of(p->model, p->canvas->width);
	int moves = p->model->n_moves > 0 ? 2 + least((int)p->model->n_moves, MOVES_SHOWN) : 0;

	return 2 + lines_within(p, v, &k, ROW_LINES_MAX) + 1 + (int)p->model->n_adapters + 2 + moves;
}
