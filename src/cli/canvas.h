#ifndef CLI_CANVAS_H
#define CLI_CANVAS_H
/*
 * canvas.h - a picture made of characters, each with a style: what `fairlead top` paints, before anybody asks on what.
 *
 * A terminal shows it in colour (screen.h); as plain text it is its characters alone. Pure. What does not fit is cut.
 */
#include <stdbool.h>
#include <stdio.h>

enum canvas_style {
	STYLE_PLAIN,
	STYLE_DIM,
	STYLE_TITLE,
	STYLE_LABEL,
	STYLE_CALM, /* bars, by how full they are */
	STYLE_WARM,
	STYLE_FULL,
	STYLE_WAITING,
	STYLE_NIC,
	STYLE_MOVED,
	STYLE_GOOD,
	STYLE_BAD,
	STYLE_SELECTED,
	STYLE_OWNER, /* and the next five: one for each port, so that its queues are seen as its own */
	STYLE_COUNT = STYLE_OWNER + 6
};

struct canvas_cell {
	char text[5]; /* one character in UTF-8 */
	unsigned char style;
};

struct canvas {
	int width, height;
	bool utf8;                /* what it is for shows more than ASCII */
	struct canvas_cell *cell; /* width x height, by rows */
};

/* Gives c so many blanks; what it held before is gone. At least 1 x 1, at most 1000 x 5000. Returns 0 or -ENOMEM. */
int canvas_reset(struct canvas *c, int width, int height);
void canvas_free(struct canvas *c);

/*
 * Writes text (our own, or what text_safe() gave) from column x of row y on. Returns the column behind it, also when that is beyond
 * the edge. A row or a column outside of c is nothing.
 */
int canvas_put(struct canvas *c, int y, int x, enum canvas_style style, const char *text);
int canvas_printf(struct canvas *c, int y, int x, enum canvas_style style, const char *fmt, ...)
	__attribute__((format(printf, 5, 6)));

/*
 * The same for a piece of a line that is worth nothing when it is cut: it is left out then, and so is what comes after it, because
 * the column that comes back is the right edge. Blanks at the end of text may be beyond it.
 */
int canvas_fit(struct canvas *c, int y, int x, enum canvas_style style, const char *fmt, ...)
	__attribute__((format(printf, 5, 6)));

/* The same for a sentence: where it does not fit it ends in a sign that there is more. */
void canvas_cut(struct canvas *c, int y, int x, enum canvas_style style, const char *text);

/*
 * Writes text from column 1 of row y on, over at most `lines` rows, broken between words; c may be NULL, to count only. Returns the
 * rows that it takes.
 */
int canvas_wrap(struct canvas *c, int y, int lines, int width, enum canvas_style style, const char *text);

/* Gives n characters of row y from x on another style. */
void canvas_restyle(struct canvas *c, int y, int x, int n, enum canvas_style style);

/* The characters of row y from x on that have one style: *n of them, as text in out (4 x width + 1 bytes). Returns the style. */
enum canvas_style canvas_run(const struct canvas *c, int y, int x, int *n, char *out);

/* The picture as text: rows without blanks at their ends, and without empty rows at its end. */
void canvas_print(const struct canvas *c, FILE *out);

/* Columns that a text takes: one for each character, since none of ours is wide. */
int text_width(const char *text);

/* Copies at most size bytes with NUL; whatever could steer a terminal, or is not ASCII, becomes '?'. text may be NULL. Returns out. */
char *text_safe(const char *text, char *out, size_t size);
#endif
