#ifndef CLI_TOP_VIEW_H
#define CLI_TOP_VIEW_H
/*
 * top_view.h - what a person made of the picture: order, filter, selection; and who stands where after that.
 *
 * Pure. One thread.
 */
#include "cli/top_model.h"

#define TOP_SAID_LEN 400
#define TOP_INPUT_LEN 32

enum top_sort { TOP_BY_NUMBER, TOP_BY_BUSY, TOP_BY_PACKETS, TOP_SORTS };
enum top_mode { TOP_LOOK, TOP_ASK_FILTER, TOP_ASK_PROCESSOR, TOP_HELP };
enum top_tone { TOP_NEUTRAL, TOP_DONE, TOP_REFUSED };

struct top_view {
	enum top_sort sort;
	enum top_mode mode;
	char filter[TOP_INPUT_LEN]; /* part of a queue's name; empty: all are shown */
	char input[TOP_INPUT_LEN];  /* what is being typed, in the TOP_ASK_ modes */
	unsigned processor;         /* selected; its number */
	int queue;                  /* selected; its number, -1: the processor itself is */
	unsigned first_row;         /* at the top, of those that scroll; draw keeps the selection in sight */
	bool paused;
	bool connected;
	unsigned interval_ms;
	char said[TOP_SAID_LEN]; /* the last answer to a key; empty: the keys are shown */
	enum top_tone tone;
	unsigned n_said; /* how often something was said */
	char host[64];
};

/* "number", "busy", "packets": as --sort takes them. */
const char *top_sort_text(enum top_sort sort);

/* Says something in the last line. */
void top_say(struct top_view *v, enum top_tone tone, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

struct top_row {
	const struct top_processor *processor;
	const struct top_queue **queue; /* those that stand on it and pass the filter */
	size_t n_queues;
};

/* Points into the model: valid until that takes an answer. */
struct top_rows {
	struct top_row
		*row; /* in the order of the view; a filter leaves out processors without a queue that passes it */
	size_t n_rows;
	const struct top_queue **queue; /* all rows' queues */
};

/* Returns 0, or -ENOMEM with rows empty. rows: all zero at first. Freed with top_rows_free. */
int top_rows_make(struct top_rows *rows, const struct top_model *m, const struct top_view *v);
void top_rows_free(struct top_rows *rows);

/* Keeps the selection on something that is there: follows a queue to its new processor, and leaves one that is gone. */
void top_view_follow(struct top_view *v, const struct top_model *m, const struct top_rows *rows);

/* Selects dy rows further down, and dx queues further right on a row; the processor itself stands left of its first queue. */
void top_view_walk(struct top_view *v, const struct top_rows *rows, int dy, int dx);
#endif
