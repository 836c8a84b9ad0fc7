/* top_keys.c - what a key does, and what is said then; see top_keys.h. */
#include "cli/top_keys.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INTERVALS (sizeof(intervals_ms) / sizeof(intervals_ms[0]))
#define PAGE 10

/* What a key is pressed at. */
struct press {
	struct top_view *view;
	const struct top_model *model;
	const struct top_rows *rows;
	struct top_call *call;
};

struct command {
	int key, also;            /* also: another key for the same; 0: none */
	const char *shown, *hint; /* hint: in the last line; NULL: there is no room for it */
	const char *help;
	const char *method; /* without it in the schema the key is refused; NULL: asks nothing of the daemon */
	enum top_order (*press)(struct press *p);
};

static const unsigned intervals_ms[] = { 100, 200, 500, 1000, 2000, 5000, 10000 };

/* ---- looking ---- */

static enum top_order
walk(struct press *p, int dy, int dx)
{
	top_view_walk(p->view, p->rows, dy, dx);
	return TOP_REDRAW;
}

static enum top_order
press_up(struct press *p)
{
	return walk(p, -1, 0);
}

static enum top_order
press_down(struct press *p)
{
	return walk(p, 1, 0);
}

static enum top_order
press_left(struct press *p)
{
	return walk(p, 0, -1);
}

static enum top_order
press_right(struct press *p)
{
	return walk(p, 0, 1);
}

static enum top_order
press_page_up(struct press *p)
{
	return walk(p, -PAGE, 0);
}

static enum top_order
press_page_down(struct press *p)
{
	return walk(p, PAGE, 0);
}

static enum top_order
press_home(struct press *p)
{
	return walk(p, -(int)p->rows->n_rows, 0);
}

static enum top_order
press_end(struct press *p)
{
	return walk(p, (int)p->rows->n_rows, 0);
}

static enum top_order
press_sort(struct press *p)
{
	p->view->sort = (p->view->sort + 1) % TOP_SORTS;
	p->view->first_row = 0;
	top_say(p->view, TOP_NEUTRAL, "processors sorted by %s", top_sort_text(p->view->sort));
	return TOP_REDRAW;
}

static enum top_order
press_filter(struct press *p)
{
	p->view->mode = TOP_ASK_FILTER;
	memcpy(p->view->input, p->view->filter, sizeof(p->view->input));
	return TOP_REDRAW;
}

static enum top_order
press_pause(struct press *p)
{
	p->view->paused = !p->view->paused;
	top_say(p->view, TOP_NEUTRAL, p->view->paused ? "paused; space goes on" : "");
	return TOP_REDRAW;
}

static enum top_order
change_interval(struct press *p, bool longer)
{
	unsigned now = p->view->interval_ms, next = now;

	for (size_t i = 0; i < INTERVALS; i++) {
		if (longer && intervals_ms[i] > now) {
			next = intervals_ms[i];
			break;
		}
		if (!longer && intervals_ms[i] < now)
			next = intervals_ms[i];
	}
	p->view->interval_ms = next;
	top_say(p->view, TOP_NEUTRAL, "every %g s", next / 1000.0);
	return TOP_REDRAW;
}

static enum top_order
press_longer(struct press *p)
{
	return change_interval(p, true);
}

static enum top_order
press_shorter(struct press *p)
{
	return change_interval(p, false);
}

static enum top_order
press_help(struct press *p)
{
	p->view->mode = TOP_HELP;
	return TOP_REDRAW;
}

static enum top_order
press_quit(struct press *p)
{
	return TOP_QUIT;
}

/* Clears what was said, then the filter. */
static enum top_order
press_escape(struct press *p)
{
	if (p->view->said[0] == '\0')
		p->view->filter[0] = '\0';
	p->view->said[0] = '\0';
	return TOP_REDRAW;
}

/* ---- changing ---- */

static enum top_order
refuse(struct press *p, const char *why)
{
	top_say(p->view, TOP_REFUSED, "%s", why);
	return TOP_REDRAW;
}

static const struct top_queue *
selected_queue(const struct press *p)
{
	return p->view->queue >= 0 ? top_model_queue(p->model, (unsigned)p->view->queue) : NULL;
}

/* The adapter of the selected queue; without one, the only one there is. NULL: said why. */
static const struct top_adapter *
meant_adapter(struct press *p)
{
	const struct top_queue *q = selected_queue(p);
	const struct top_adapter *a = q != NULL ? top_model_adapter_of(p->model, q) : NULL;

	if (a != NULL)
		return a;
	if (q != NULL && p->model->n_adapters != 1) {
		top_say(p->view, TOP_REFUSED, "%s is on no adapter", q->name);
		return NULL;
	}
	if (p->model->n_adapters == 1)
		return &p->model->adapters[0];
	top_say(p->view, TOP_REFUSED,
		p->model->n_adapters == 0
			? "there is no adapter"
			: "which adapter? there are several: select one of its queues first (arrows)");
	return NULL;
}

/* Asks for method with params (taken over). The texts of call are set by the caller. */
static enum top_order
ask(struct press *p, const char *method, json_t *params)
{
	p->call->method = schema_method_by_name(method);
	p->call->params = params;
	if (params == NULL)
		return refuse(p, "out of memory");
	top_say(p->view, TOP_NEUTRAL, "%s ...", p->call->object);
	return TOP_CALL;
}

/* method NOUN.enable or NOUN.disable of an object. */
static enum top_order
ask_switch(struct press *p, const char *noun, const char *key, const char *name, bool on)
{
	char method[64];

	snprintf(method, sizeof(method), "%s.%s", noun, on ? "enable" : "disable");
	snprintf(p->call->object, sizeof(p->call->object), "%s %s", noun, name);
	snprintf(p->call->what, sizeof(p->call->what), "%s %s: switched %s", noun, name, on ? "on" : "off");
	return ask(p, method, json_pack("{s:s}", key, name));
}

static enum top_order
press_vmq(struct press *p)
{
	const struct top_adapter *a = meant_adapter(p);

	if (a == NULL)
		return TOP_REDRAW;
	return ask_switch(p, "vmq", "adapter", a->name, strcmp(a->mode, "vmq") != 0);
}

static enum top_order
press_rss(struct press *p)
{
	const struct top_adapter *a = meant_adapter(p);

	if (a == NULL)
		return TOP_REDRAW;
	return ask_switch(p, "rss", "adapter", a->name, strcmp(a->mode, "rss") != 0 || !a->rss);
}

static enum top_order
press_dynamic(struct press *p)
{
	const struct top_adapter *a = meant_adapter(p);

	if (a == NULL)
		return TOP_REDRAW;
	if (schema_key_find(schema_method_by_name("vmq.set")->params, "dynamic") == NULL)
		return refuse(p, "this version does not move queues by load");
	snprintf(p->call->object, sizeof(p->call->object), "vmq %s", a->name);
	snprintf(p->call->what, sizeof(p->call->what), "vmq %s: %s", a->name,
		 a->dynamic ? "static, queues stay where they are" : "dynamic, queues move by load");
	return ask(p, "vmq.set", json_pack("{s:s, s:b}", "adapter", a->name, "dynamic", !a->dynamic));
}

static enum top_order
press_vrss(struct press *p)
{
	const struct top_queue *q = selected_queue(p);
	const struct top_vrss *now;

	if (q == NULL || q->port[0] == '\0')
		return refuse(p, "select a queue of the port first (arrows)");
	now = top_model_vrss(p->model, q->port);
	return ask_switch(p, "vrss", "port", q->port, now == NULL || !now->enabled);
}

static enum top_order
press_move(struct press *p)
{
	if (selected_queue(p) == NULL)
		return refuse(p, "select a queue first (arrows)");
	p->view->mode = TOP_ASK_PROCESSOR;
	p->view->input[0] = '\0';
	return TOP_REDRAW;
}

static enum top_order
press_pin(struct press *p)
{
	const struct top_queue *q = selected_queue(p);

	if (q == NULL)
		return refuse(p, "select a queue first (arrows)");
	snprintf(p->call->object, sizeof(p->call->object), "queue %u (%.40s)", q->id, q->name);
	snprintf(p->call->what, sizeof(p->call->what), "%s: %s", p->call->object,
		 q->pinned ? "may be moved by load again" : "pinned, it stays where it is");
	return ask(p, q->pinned ? "queue.unpin" : "queue.pin", json_pack("{s:i}", "queue", (int)q->id));
}

/* ---- all keys ---- */

static const struct command commands[] = {
	{ 'h', '?', "h ?", "help", "this help", NULL, press_help },
	{ 'q', 'Q', "q", "quit", "leave", NULL, press_quit },
	{ TOP_KEY_UP, 'k', "Up k", NULL, "the processor above", NULL, press_up },
	{ TOP_KEY_DOWN, 'j', "Down j", NULL, "the processor below", NULL, press_down },
	{ TOP_KEY_RIGHT, 'l', "Right l", NULL, "the next queue on it", NULL, press_right },
	{ TOP_KEY_LEFT, 0, "Left", NULL, "the queue before; left of the first one, the processor itself", NULL,
	  press_left },
	{ TOP_KEY_PAGE_UP, 0, "PgUp", NULL, "ten processors up", NULL, press_page_up },
	{ TOP_KEY_PAGE_DOWN, 0, "PgDn", NULL, "ten processors down", NULL, press_page_down },
	{ TOP_KEY_HOME, 'g', "Home g", NULL, "the first processor", NULL, press_home },
	{ TOP_KEY_END, 'G', "End G", NULL, "the last processor", NULL, press_end },
	{ 's', 0, "s", "sort", "sort processors by number, busy or packets", NULL, press_sort },
	{ '/', 0, "/", "filter", "show only queues whose name has what you type; Esc shows all", NULL, press_filter },
	{ 'm', 0, "m", "move", "move the selected queue to the processor that you type", "queue.move", press_move },
	{ 'p', 0, "p", "pin", "pin the selected queue, so that load does not move it; or let it go", "queue.pin",
	  press_pin },
	{ 'v', 0, "v", "VMQ", "VM queues of the adapter on or off", "vmq.enable", press_vmq },
	{ 'd', 0, "d", "dynamic", "dynamic VMQ of the adapter on or off", "vmq.set", press_dynamic },
	{ 'r', 0, "r", "RSS", "RSS of the adapter on or off", "rss.enable", press_rss },
	{ 'R', 0, "R", "vRSS", "vRSS of the selected queue's port on or off", "vrss.enable", press_vrss },
	{ ' ', 0, "Space", "pause", "stop looking, and go on", NULL, press_pause },
	{ '+', '=', "+", NULL, "look less often", NULL, press_longer },
	{ '-', '_', "-", NULL, "look more often", NULL, press_shorter },
	{ TOP_KEY_ESCAPE, 0, "Esc", NULL, "forget the last message, then the filter", NULL, press_escape },
};

#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static bool
is_offered(const struct command *c)
{
	return c->method == NULL || schema_method_by_name(c->method) != NULL;
}

/* ---- typing ---- */

/* Returns true when the input is complete; *cancelled tells how. */
static bool
take_input(struct top_view *v, int key, bool digits, bool *cancelled)
{
	size_t len = strlen(v->input);

	*cancelled = key == TOP_KEY_ESCAPE;
	if (key == TOP_KEY_ERASE || key == '\b')
		v->input[len > 0 ? len - 1 : 0] = '\0';
	else if (key > ' ' && key <= '~' && (!digits || isdigit(key)) && len + 1 < (digits ? 4 : sizeof(v->input))) {
		v->input[len] = (char)key;
		v->input[len + 1] = '\0';
	}
	return key == TOP_KEY_ENTER || key == '\r' || *cancelled;
}

static enum top_order
type_filter(struct press *p, int key)
{
	struct top_view *v = p->view;
	bool cancelled;

	if (!take_input(v, key, false, &cancelled)) {
		memcpy(v->filter, v->input, sizeof(v->filter));
		return TOP_REDRAW;
	}
	v->mode = TOP_LOOK;
	v->said[0] = '\0';
	if (cancelled)
		v->filter[0] = '\0';
	return TOP_REDRAW;
}

static enum top_order
type_processor(struct press *p, int key)
{
	const struct top_queue *q = selected_queue(p);
	struct top_view *v = p->view;
	bool cancelled;
	int to;

	if (q == NULL) {
		v->mode = TOP_LOOK;
		return refuse(p, "the queue is gone");
	}
	if (!take_input(v, key, true, &cancelled))
		return TOP_REDRAW;
	v->mode = TOP_LOOK;
	v->said[0] = '\0';
	if (cancelled || v->input[0] == '\0')
		return TOP_REDRAW;
	to = (int)strtol(v->input, NULL, 10);
	snprintf(p->call->object, sizeof(p->call->object), "queue %u (%.40s)", q->id, q->name);
	snprintf(p->call->what, sizeof(p->call->what), "%s: moved to processor %d", p->call->object, to);
	return ask(p, "queue.move", json_pack("{s:i, s:i}", "queue", (int)q->id, "processor", to));
}

/* ---- the module ---- */

enum top_order
top_keys_take(struct top_view *v, const struct top_model *m, const struct top_rows *rows, int key,
	      struct top_call *call)
{
	struct press p = { .view = v, .model = m, .rows = rows, .call = call };

	*call = (struct top_call){ 0 };
	if (v->mode == TOP_HELP) {
		v->mode = TOP_LOOK;
		return key == 'q' ? TOP_QUIT : TOP_REDRAW;
	}
	if (v->mode == TOP_ASK_FILTER)
		return type_filter(&p, key);
	if (v->mode == TOP_ASK_PROCESSOR)
		return type_processor(&p, key);
	for (size_t i = 0; i < COMMANDS; i++) {
		const struct command *c = &commands[i];

		if (key != c->key && (c->also == 0 || key != c->also))
			continue;
		if (is_offered(c))
			return c->press(&p);
		top_say(v, TOP_REFUSED, "this version has no %s", c->method);
		return TOP_REDRAW;
	}
	return TOP_STAY;
}

void
top_keys_answered(struct top_view *v, const struct top_call *call, const json_t *result, const struct err *err)
{
	if (result == NULL)
		top_say(v, TOP_REFUSED, "%s unchanged: %s%s%s", call->object, err->msg,
			err->hint[0] != '\0' ? "; " : "", err->hint);
	else if (json_is_false(json_object_get(result, "changed")))
		top_say(v, TOP_NEUTRAL, "%s unchanged: it was so already", call->object);
	else
		top_say(v, TOP_DONE, "%s", call->what);
}

void
top_keys_hints(struct canvas *c, int y)
{
	int x = 1;

	for (size_t i = 0; i < COMMANDS; i++) {
		const struct command *k = &commands[i];
		int len = k->hint == NULL ? 0 : (int)(strcspn(k->shown, " ") + 1 + strlen(k->hint));

		if (len == 0 || !is_offered(k) || x + len > c->width)
			continue;
		x = canvas_printf(c, y, x, STYLE_LABEL, "%.*s", (int)strcspn(k->shown, " "), k->shown);
		x = canvas_printf(c, y, x, STYLE_DIM, " %s", k->hint) + 2;
	}
}

/* On a low terminal in two columns, and what still does not fit is left out. */
void
top_keys_help(struct canvas *c)
{
	int y = 2;

	canvas_put(c, 0, 1, STYLE_TITLE, "fairlead top: a bar per processor, and which queues stand on it");
	for (size_t i = 0; i < COMMANDS && y < c->height - 1; i++) {
		const struct command *k = &commands[i];

		if (!is_offered(k))
			continue;
		canvas_put(c, y, 1, STYLE_LABEL, k->shown);
		canvas_put(c, y++, 10, STYLE_PLAIN, k->help);
	}
	canvas_put(c, c->height - 1, 1, STYLE_DIM, "any key goes back");
}
