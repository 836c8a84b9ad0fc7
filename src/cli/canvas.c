/* canvas.c - a picture made of characters; see canvas.h. */
#include "cli/canvas.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define WIDTH_MAX 1000
#define HEIGHT_MAX 5000
#define LINE_LEN (WIDTH_MAX * 4 + 1)

static int
within(int n, int most)
{
	return n < 1 ? 1 : n > most ? most : n;
}

int
canvas_reset(struct canvas *c, int width, int height)
{
	struct canvas_cell *cell;
	size_t n;

	width = within(width, WIDTH_MAX);
	height = within(height, HEIGHT_MAX);
	n = (size_t)width * (size_t)height;
	cell = realloc(c->cell, n * sizeof(*cell));
	if (cell == NULL)
		return -ENOMEM;
	c->cell = cell;
	c->width = width;
	c->height = height;
	for (size_t i = 0; i < n; i++)
		cell[i] = (struct canvas_cell){ .text = " " };
	return 0;
}

void
canvas_free(struct canvas *c)
{
	free(c->cell);
	*c = (struct canvas){ .utf8 = c->utf8 };
}

/* Bytes of the character that text begins with: 1 to 4, never beyond its NUL. */
static int
character(const char *text)
{
	int n = 1;

	while (n < 4 && ((unsigned char)text[n] & 0xc0) == 0x80)
		n++;
	return n;
}

int
text_width(const char *text)
{
	int n = 0;

	for (; *text != '\0'; text += character(text))
		n++;
	return n;
}

int
canvas_put(struct canvas *c, int y, int x, enum canvas_style style, const char *text)
{
	for (; *text != '\0'; x++) {
		int n = character(text);

		if (y >= 0 && y < c->height && x >= 0 && x < c->width) {
			struct canvas_cell *cell = &c->cell[y * c->width + x];

			memset(cell->text, 0, sizeof(cell->text));
			memcpy(cell->text, text, (size_t)n);
			cell->style = (unsigned char)style;
		}
		text += n;
	}
	return x;
}

int
canvas_printf(struct canvas *c, int y, int x, enum canvas_style style, const char *fmt, ...)
{
	char line[LINE_LEN];
	va_list args;

	va_start(args, fmt);
	vsnprintf(line, sizeof(line), fmt, args);
	va_end(args);
	return canvas_put(c, y, x, style, line);
}

int
canvas_fit(struct canvas *c, int y, int x, enum canvas_style style, const char *fmt, ...)
{
	char line[LINE_LEN];
	va_list args;
	size_t len;
	int end;

	va_start(args, fmt);
	vsnprintf(line, sizeof(line), fmt, args);
	va_end(args);
	end = x + text_width(line);
	for (len = strlen(line); len > 0 && line[len - 1] == ' '; len--)
		end--;
	return end > c->width ? c->width : canvas_put(c, y, x, style, line);
}

void
canvas_cut(struct canvas *c, int y, int x, enum canvas_style style, const char *text)
{
	if (canvas_put(c, y, x, style, text) > c->width)
		canvas_put(c, y, c->width - 1, style, c->utf8 ? "\u2026" : "~");
}

/* Bytes of text that a line of `width` characters takes: up to the last blank within it, unless the rest fits, or there is no blank. */
static size_t
line_len(const char *text, int width)
{
	size_t len = 0, blank = 0;

	for (int n = 0; text[len] != '\0'; n++) {
		if (n == width)
			return blank > 0 ? blank : len;
		if (text[len] == ' ')
			blank = len;
		len += (size_t)character(text + len);
	}
	return len;
}

int
canvas_wrap(struct canvas *c, int y, int lines, int width, enum canvas_style style, const char *text)
{
	int n = 0;

	for (width = within(width - 2, WIDTH_MAX); *text != '\0' && n < lines; n++) {
		size_t len = line_len(text, width);

		if (c != NULL)
			canvas_printf(c, y + n, 1, style, "%.*s", (int)len, text);
		text += len;
		text += strspn(text, " ");
	}
	return n;
}

void
canvas_restyle(struct canvas *c, int y, int x, int n, enum canvas_style style)
{
	if (y < 0 || y >= c->height)
		return;
	for (int end = x + n; x < end; x++)
		if (x >= 0 && x < c->width)
			c->cell[y * c->width + x].style = (unsigned char)style;
}

enum canvas_style
canvas_run(const struct canvas *c, int y, int x, int *n, char *out)
{
	const struct canvas_cell *row = &c->cell[y * c->width];
	enum canvas_style style = row[x].style;
	size_t len = 0;

	for (*n = 0; x < c->width && row[x].style == style; x++, ++*n) {
		size_t bytes = strlen(row[x].text);

		memcpy(out + len, row[x].text, bytes);
		len += bytes;
	}
	out[len] = '\0';
	return style;
}

/* How many of row y's cells there are up to the last that is not blank. */
static int
used(const struct canvas *c, int y)
{
	int n = c->width;

	while (n > 0 && strcmp(c->cell[y * c->width + n - 1].text, " ") == 0)
		n--;
	return n;
}

void
canvas_print(const struct canvas *c, FILE *out)
{
	int rows = c->height;

	while (rows > 0 && used(c, rows - 1) == 0)
		rows--;
	for (int y = 0; y < rows; y++) {
		for (int x = 0, n = used(c, y); x < n; x++)
			fputs(c->cell[y * c->width + x].text, out);
		fputc('\n', out);
	}
}

char *
text_safe(const char *text, char *out, size_t size)
{
	size_t n = 0;

	for (; text != NULL && *text != '\0' && n + 1 < size; text++)
		out[n++] = *text >= ' ' && *text <= '~' ? *text : '?';
	out[n] = '\0';
	return out;
}
