/* screen.c - a terminal by curses; see screen.h. */
#include "cli/screen.h"

#include <curses.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/top_keys.h"

/* How long curses waits for the rest of an arrow key's bytes after Esc; our choice: nobody types so fast. */
#define ESCAPE_MS 25
#define PALETTE 256

static SCREEN *terminal;
static bool colours;

/* Of a terminal with 256 colours (xterm's numbers), with 8, and without any. */
static const struct {
	short rich, basic;
	attr_t with, without;
} looks[STYLE_COUNT] = {
	[STYLE_PLAIN] = { -1, -1, A_NORMAL, A_NORMAL },
	[STYLE_DIM] = { 244, -1, A_NORMAL, A_NORMAL },
	[STYLE_TITLE] = { -1, -1, A_BOLD, A_BOLD },
	[STYLE_LABEL] = { 75, COLOR_CYAN, A_NORMAL, A_NORMAL },
	[STYLE_CALM] = { 71, COLOR_GREEN, A_NORMAL, A_NORMAL },
	[STYLE_WARM] = { 179, COLOR_YELLOW, A_NORMAL, A_NORMAL },
	[STYLE_FULL] = { 203, COLOR_RED, A_BOLD, A_BOLD },
	[STYLE_WAITING] = { 139, COLOR_MAGENTA, A_NORMAL, A_NORMAL },
	[STYLE_NIC] = { 67, COLOR_CYAN, A_NORMAL, A_NORMAL },
	[STYLE_MOVED] = { 229, COLOR_YELLOW, A_BOLD | A_REVERSE, A_BOLD | A_REVERSE },
	[STYLE_GOOD] = { 114, COLOR_GREEN, A_NORMAL, A_NORMAL },
	[STYLE_BAD] = { 203, COLOR_RED, A_BOLD, A_BOLD },
	[STYLE_SELECTED] = { -1, -1, A_REVERSE, A_REVERSE },
	[STYLE_OWNER + 0] = { 80, COLOR_CYAN, A_NORMAL, A_NORMAL },
	[STYLE_OWNER + 1] = { 114, COLOR_GREEN, A_NORMAL, A_NORMAL },
	[STYLE_OWNER + 2] = { 180, COLOR_YELLOW, A_NORMAL, A_NORMAL },
	[STYLE_OWNER + 3] = { 176, COLOR_MAGENTA, A_NORMAL, A_NORMAL },
	[STYLE_OWNER + 4] = { 111, COLOR_BLUE, A_BOLD, A_NORMAL },
	[STYLE_OWNER + 5] = { 252, COLOR_WHITE, A_NORMAL, A_NORMAL },
};

static void
set_colours(void)
{
	const char *no = getenv("NO_COLOR");

	colours = (no == NULL || no[0] == '\0') && has_colors() && start_color() == OK && use_default_colors() == OK;
	for (short i = 0; colours && i < STYLE_COUNT; i++)
		init_pair(i + 1, COLORS >= PALETTE ? looks[i].rich : looks[i].basic, -1);
}

/* terminfo(5): a capability that is missing is NULL, one that is no string is -1. */
static bool
can_move_cursor(void)
{
	const char *move = tigetstr("cup");

	return move != NULL && move != (const char *)-1;
}

int
screen_open(struct err *err)
{
	const char *term = getenv("TERM");

	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO)) {
		err_set(err, -ENOTTY, "the picture that moves needs a terminal");
		err_hint(err, "fairlead top --once prints one that does not");
		return -ENOTTY;
	}
	terminal = newterm(NULL, stdout, stdin);
	if (terminal == NULL || !can_move_cursor()) {
		if (terminal != NULL)
			screen_close();
		err_set(err, -ENOTSUP, "the terminal '%.40s' is not known, or cannot move its cursor",
			term == NULL ? "" : term);
		err_hint(err, "set TERM, or use fairlead top --once");
		return -ENOTSUP;
	}
	set_escdelay(ESCAPE_MS);
	set_colours();
	cbreak();
	noecho();
	nonl();
	curs_set(0);
	keypad(stdscr, TRUE);
	nodelay(stdscr, TRUE);
	leaveok(stdscr, TRUE);
	return 0;
}

void
screen_close(void)
{
	if (terminal == NULL)
		return;
	endwin();
	delscreen(terminal);
	terminal = NULL;
}

void
screen_size(int *width, int *height)
{
	getmaxyx(stdscr, *height, *width);
}

static void
use_style(enum canvas_style style)
{
	attr_set(colours ? looks[style].with : looks[style].without, colours ? (short)(style + 1) : 0, NULL);
}

void
screen_show(const struct canvas *c)
{
	char *text = malloc((size_t)c->width * 4 + 1);

	if (text == NULL)
		return;
	erase();
	for (int y = 0; y < c->height; y++)
		for (int x = 0, n; x < c->width; x += n) {
			use_style(canvas_run(c, y, x, &n, text));
			mvaddstr(y, x, text);
		}
	free(text);
	refresh();
}

void
screen_refresh(void)
{
	clearok(stdscr, TRUE);
}

int
screen_key(void)
{
	static const struct {
		int curses, ours;
	} keys[] = {
		{ KEY_UP, TOP_KEY_UP },       { KEY_DOWN, TOP_KEY_DOWN },     { KEY_LEFT, TOP_KEY_LEFT },
		{ KEY_RIGHT, TOP_KEY_RIGHT }, { KEY_PPAGE, TOP_KEY_PAGE_UP }, { KEY_NPAGE, TOP_KEY_PAGE_DOWN },
		{ KEY_HOME, TOP_KEY_HOME },   { KEY_END, TOP_KEY_END },       { KEY_BACKSPACE, TOP_KEY_ERASE },
		{ KEY_ENTER, TOP_KEY_ENTER }, { '\r', TOP_KEY_ENTER },        { KEY_RESIZE, SCREEN_RESIZED },
	};
	int key;

	while ((key = getch()) != ERR) {
		for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
			if (key == keys[i].curses)
				return keys[i].ours;
		if (key > 0 && key <= TOP_KEY_ERASE)
			return key;
		/* A key that means nothing here must not look like the end of what was typed. */
	}
	return TOP_KEY_NONE;
}
