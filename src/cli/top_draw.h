#ifndef CLI_TOP_DRAW_H
#define CLI_TOP_DRAW_H
/*
 * top_draw.h - the picture of `fairlead top`, painted on a canvas of any size.
 *
 * Pure: the same model, view and moment give the same picture. top_draw.c: what stands where. top_bars.c: a line for each processor with
 * the queues on it, and for each NIC.
 */
#include "cli/canvas.h"
#include "cli/top_view.h"

/* How long a queue that moved is told from the others. */
#define TOP_MOVED_NS 2000000000ull

/* What there is to paint. The canvas has its size already. */
struct top_picture {
	struct canvas *canvas;
	const struct top_model *model;
	const struct top_rows *rows;
	uint64_t now_ns;   /* of the clock of top_model_take() */
	const char *clock; /* "14:03:22", for people */
	bool live;         /* somebody sits before it: the selection, what keys do, and what they did are shown */
};

/* Paints all of it. v->first_row is moved so that the selection is in sight. */
void top_draw(const struct top_picture *p, struct top_view *v);

/* Rows that show everything at the canvas's width, for a picture that is printed and does not scroll. */
int top_draw_height(const struct top_picture *p, const struct top_view *v);

/* ---- top_bars.c ---- */

/* Columns of a bar's line: label, bar, percents, and the rest. */
struct top_columns {
	int bar, bar_width; /* of the label the width is `bar` */
	int percent;
	int rest, rest_width;
	bool cpu, waiting; /* there is room for these */
};

struct top_columns top_columns_of(const struct top_model *m, int width);

/* The line above the processors. */
void top_bars_head(const struct top_picture *p, int y, const struct top_columns *k);

/* Lines that the row's queues take when none is left out; at least 1. */
int top_bars_need(const struct top_picture *p, const struct top_view *v, const struct top_row *row,
		  const struct top_columns *k);

/* A processor on `lines` lines from y on; queues that have no room there become "+17". */
void top_bars_processor(const struct top_picture *p, const struct top_view *v, const struct top_row *row, int y,
			int lines, const struct top_columns *k);

/* An adapter's front end: the NIC's own work. */
void top_bars_adapter(const struct top_picture *p, const struct top_adapter *a, int y, const struct top_columns *k);

/* ---- top_text.c: numbers for people; each returns out ---- */

#define TOP_NUMBER_LEN 32
#define TOP_MODE_LEN 64

/* "0", "<1", "412", "1.2k", "88k", "1.2M"; "-" for TOP_UNKNOWN. */
char *top_short(double n, char out[TOP_NUMBER_LEN]);

/* "4.31 Gb/s", "12.3 Mb/s", "3 kb/s", "0 b/s"; "- b/s" for TOP_UNKNOWN. */
char *top_bits(double bits_s, char out[TOP_NUMBER_LEN]);

/* "dynamic VMQ", "VMQ", "RSS numa-static", "RSS off", "none". */
char *top_mode(const struct top_adapter *a, char out[TOP_MODE_LEN]);
#endif
