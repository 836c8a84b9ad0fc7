#ifndef CLI_SCREEN_H
#define CLI_SCREEN_H
/*
 * screen.h - a terminal that shows a canvas and hears keys: the one place that knows curses.
 *
 * One screen in a process. One thread.
 */
#include "base/err.h"
#include "cli/canvas.h"

/*
 * Takes the terminal of standard input and output. Colours when it has some and NO_COLOR (no-color.org) is not set. Returns 0, or a
 * negative errno with err set and the terminal as it was: -ENOTTY, or -ENOTSUP for one that cannot move its cursor.
 */
int screen_open(struct err *err);

/* Gives the terminal back as it was. */
void screen_close(void);

void screen_size(int *width, int *height);
void screen_show(const struct canvas *c);

/* Has everything painted anew by the next screen_show: the size is another one, or somebody else wrote to the terminal. */
void screen_refresh(void);

/* The next key that was pressed: enum top_key, or a character; SCREEN_RESIZED; TOP_KEY_NONE: none is waiting. */
#define SCREEN_RESIZED 1000
int screen_key(void);
#endif
