/*
 * top_fuzz.c - any answers of a daemon, and any keys, before the picture of `fairlead top`.
 *
 * Each line of the input is an answer: a digit says to which question, the rest is its JSON; or "k" and the keys that are pressed, or "w" and
 * a character for the size of the terminal. Whatever it is, the picture is made of printable ASCII where there is no UTF-8: a daemon
 * cannot steer the terminal.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cli/top_draw.h"
#include "cli/top_keys.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct person {
	struct top_model model;
	struct top_view view;
	struct top_rows rows;
	struct canvas canvas;
	int width, height;
	uint64_t now_ns;
};

static void
look(struct person *p)
{
	struct top_picture picture = { .canvas = &p->canvas,
				       .model = &p->model,
				       .rows = &p->rows,
				       .now_ns = p->now_ns,
				       .clock = "12:00:00",
				       .live = p->width % 2 == 0 };

	if (top_rows_make(&p->rows, &p->model, &p->view) < 0)
		return;
	top_view_follow(&p->view, &p->model, &p->rows);
	if (canvas_reset(&p->canvas, p->width, p->height) < 0)
		return;
	top_draw(&picture, &p->view);
	for (int i = 0; i < p->canvas.width * p->canvas.height; i++)
		if (p->canvas.cell[i].text[0] < ' ' || p->canvas.cell[i].text[0] > '~' ||
		    p->canvas.cell[i].text[1] != '\0')
			abort();
}

static void
press(struct person *p, const uint8_t *keys, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct top_call call;
		struct err err = { 0 };

		if (top_rows_make(&p->rows, &p->model, &p->view) < 0)
			return;
		if (top_keys_take(&p->view, &p->model, &p->rows, keys[i] < 0x80 ? keys[i] : TOP_KEY_UP + keys[i] % 8,
				  &call) != TOP_CALL)
			continue;
		err_set(&err, -1, "refused");
		top_keys_answered(&p->view, &call, i % 2 == 0 ? call.params : NULL, &err);
		json_decref(call.params);
	}
}

static void
line(struct person *p, const uint8_t *text, size_t len)
{
	json_t *answer;

	if (len == 0)
		return;
	if (text[0] == 'k') {
		press(p, text + 1, len - 1);
	} else if (text[0] == 'w' && len > 1) {
		p->width = 1 + text[1] % 200;
		p->height = 1 + text[1] % 61;
	} else {
		answer = json_loadb((const char *)text + 1, len - 1, JSON_DECODE_ANY, NULL);
		p->now_ns += 100000000;
		if (answer != NULL)
			top_model_take(&p->model, (enum top_part)(text[0] % TOP_PARTS), answer, p->now_ns);
		json_decref(answer);
	}
	look(p);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct person p = {
		.view = { .queue = -1, .interval_ms = 1000 }, .width = 80, .height = 24, .now_ns = 1000000000
	};
	json_t *all;

	while (size > 0) {
		const uint8_t *end = memchr(data, '\n', size);
		size_t len = end != NULL ? (size_t)(end - data) : size;

		line(&p, data, len);
		len += end != NULL;
		data += len;
		size -= len;
	}
	all = top_model_json(&p.model, "host");
	json_decref(all);
	top_rows_free(&p.rows);
	top_model_clear(&p.model);
	canvas_free(&p.canvas);
	return 0;
}
