/*
 * top.c - `fairlead top`: the loop that asks, draws, and hears keys; see top.h.
 *
 * What is known is in the model, what the person made of it in the view. A picture is painted from both on a canvas, and the screen shows
 * that. Nothing waits but one poll(), for a key, for an answer, or for the next round.
 */
#include "cli/top.h"

#include <errno.h>
#include <langinfo.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cli/answer.h"
#include "cli/screen.h"
#include "cli/top_ask.h"
#include "cli/top_clock.h"
#include "cli/top_draw.h"
#include "ctl/schema.h"

#define NS_PER_MS 1000000ull
#define CTRL_L ('L' - '@')
#define INTERVAL_MS 1000 /* the schema's default */
#define ONCE_MS 500      /* between the two looks of a picture that is printed: rates need two */
#define ONCE_WIDTH 100   /* of what goes into a file */
#define ANSWER_S 10
#define SAID_NS 8000000000ull /* what was said gives way to the keys */
#define LOOK_MS 500           /* at least so often the loop looks whether a signal came */

struct top {
	struct top_ask *ask;
	struct top_model model;
	struct top_view view;
	struct top_rows rows;
	struct canvas canvas;
	bool glows;      /* a queue that just moved is lit, and has to go out in time */
	unsigned n_said; /* v.n_said when we last looked, and since when it is so */
	uint64_t said_ns;
};

static volatile sig_atomic_t ended;

static void
on_signal(int signal_number)
{
	ended = 1;
}

/* Not restarted: poll() is to return. */
static void
hear_signals(void)
{
	struct sigaction action = { .sa_handler = on_signal };

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGHUP, &action, NULL);
}

/* ---- the picture ---- */

static void
clock_text(char *out, size_t size)
{
	time_t now = time(NULL);
	struct tm local;

	if (localtime_r(&now, &local) == NULL || strftime(out, size, "%H:%M:%S", &local) == 0)
		out[0] = '\0';
}

/* Paints on a canvas of this size; height 0: as high as everything needs. */
static int
paint(struct top *t, int width, int height)
{
	char now[16];
	struct top_picture p = { .canvas = &t->canvas,
				 .model = &t->model,
				 .rows = &t->rows,
				 .now_ns = top_clock_ns(),
				 .clock = now,
				 .live = height > 0 };

	clock_text(now, sizeof(now));
	if (top_rows_make(&t->rows, &t->model, &t->view) < 0)
		return -ENOMEM;
	top_view_follow(&t->view, &t->model, &t->rows);
	t->canvas.width = width;
	if (height == 0)
		height = top_draw_height(&p, &t->view);
	if (canvas_reset(&t->canvas, width, height) < 0)
		return -ENOMEM;
	top_draw(&p, &t->view);
	return 0;
}

static bool
glows(const struct top_model *m, uint64_t now_ns)
{
	for (size_t i = 0; i < m->n_queues; i++)
		if (m->queues[i].from >= 0 && now_ns - m->queues[i].moved_ns < TOP_MOVED_NS)
			return true;
	return false;
}

static void
repaint(struct top *t)
{
	int width, height;

	t->glows = glows(&t->model, top_clock_ns());
	screen_size(&width, &height);
	if (paint(t, width, height) == 0)
		screen_show(&t->canvas);
}

/* ---- once ---- */

static int
output_width(void)
{
	struct winsize size;

	return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : ONCE_WIDTH;
}

static int
look_and_wait(struct top *t, struct err *err)
{
	top_ask_round(t->ask, &t->model, &t->view, top_clock_ns());
	return top_ask_wait(t->ask, &t->model, &t->view, ANSWER_S, err);
}

static int
print_json(struct top *t, struct err *err)
{
	json_t *all = top_model_json(&t->model, t->view.host);
	int rc = all == NULL ? err_set(err, -ENOMEM, "out of memory") : 0;

	if (rc == 0)
		answer_json(stdout, all);
	json_decref(all);
	return rc;
}

static int
run_once(struct top *t, bool json, struct err *err)
{
	int rc = look_and_wait(t, err);

	if (rc < 0)
		return rc;
	poll(NULL, 0, ONCE_MS);
	top_ask_everything(t->ask);
	rc = look_and_wait(t, err);
	if (rc < 0)
		return rc;
	if (json)
		return print_json(t, err);
	if (paint(t, output_width(), 0) < 0)
		return err_set(err, -ENOMEM, "out of memory");
	canvas_print(&t->canvas, stdout);
	return 0;
}

/* ---- live ---- */

/* One key. The rows are made anew: answers that came since may have taken away what they point to. */
static enum top_order
take_key(struct top *t, int key)
{
	struct top_call call;
	enum top_order order;

	if (key == SCREEN_RESIZED || key == CTRL_L) {
		screen_refresh();
		return TOP_REDRAW;
	}
	if (top_rows_make(&t->rows, &t->model, &t->view) < 0)
		return TOP_STAY;
	order = top_keys_take(&t->view, &t->model, &t->rows, key, &call);
	if (order == TOP_CALL)
		top_ask_change(t->ask, &call, &t->view);
	return order;
}

/* All keys that wait. Returns false when the person leaves; *changed: there is something new to see. */
static bool
take_keys(struct top *t, bool *changed)
{
	int key;

	while ((key = screen_key()) != TOP_KEY_NONE) {
		enum top_order order = take_key(t, key);

		if (order == TOP_QUIT)
			return false;
		*changed |= order != TOP_STAY;
	}
	return true;
}

/* Until the next round, a key, or an answer. Returns false when the terminal is gone. */
static bool
wait_for_something(struct top *t, uint64_t next_ns)
{
	struct pollfd p[2] = { { .fd = STDIN_FILENO, .events = POLLIN },
			       { .fd = top_ask_fd(t->ask), .events = POLLIN } };
	uint64_t now_ns = top_clock_ns();
	uint64_t left_ms = next_ns > now_ns ? (next_ns - now_ns) / NS_PER_MS + 1 : 0;

	if (t->view.paused || left_ms > LOOK_MS)
		left_ms = LOOK_MS;
	return poll(p, 2, (int)left_ms) <= 0 || (p[0].revents & (POLLHUP | POLLERR | POLLNVAL)) == 0;
}

/* What was said long ago, and is not still so, makes room. Returns whether it did. */
static bool
forget_said(struct top *t, uint64_t now_ns)
{
	if (t->n_said != t->view.n_said) {
		t->n_said = t->view.n_said;
		t->said_ns = now_ns;
	}
	if (t->view.said[0] == '\0' || !t->view.connected || now_ns - t->said_ns < SAID_NS)
		return false;
	t->view.said[0] = '\0';
	return true;
}

/* While it is paused the picture stays, but a daemon that is lost is looked for all the same. */
static void
begin_round(struct top *t, uint64_t now_ns)
{
	if (t->view.paused)
		top_ask_connect(t->ask, &t->view);
	else
		top_ask_round(t->ask, &t->model, &t->view, now_ns);
}

static void
run_live(struct top *t)
{
	uint64_t next_ns = top_clock_ns();
	bool changed = true;

	hear_signals();
	while (!ended) {
		uint64_t now_ns = top_clock_ns();

		if (now_ns >= next_ns && (!t->view.paused || !t->view.connected)) {
			changed |= top_ask_fd(t->ask) < 0;
			begin_round(t, now_ns);
			changed |= t->n_said != t->view.n_said;
			next_ns = now_ns + t->view.interval_ms * NS_PER_MS;
		}
		if (forget_said(t, now_ns) || changed || t->glows)
			repaint(t);
		changed = false;
		if (!wait_for_something(t, next_ns) || !take_keys(t, &changed))
			return;
		if (top_ask_fd(t->ask) >= 0)
			changed |= top_ask_read(t->ask, &t->model, &t->view, top_clock_ns());
		if (next_ns > top_clock_ns() + t->view.interval_ms * NS_PER_MS)
			next_ns = top_clock_ns() + t->view.interval_ms * NS_PER_MS;
	}
}

/* ---- the module ---- */

/* The command line leaves ranges to the daemon, which is not asked about this. */
static int
set_interval(struct top_view *v, const json_t *params, struct err *err)
{
	const struct schema_key *key = schema_key_find(schema_method_find("top", NULL)->params, "interval_ms");
	const json_t *value = json_object_get(params, key->name);
	json_int_t ms = value != NULL ? json_integer_value(value) : INTERVAL_MS;

	if (ms < key->min || ms > key->max)
		return err_set(err, -EINVAL, "--interval-ms %lld is outside %lld to %lld", (long long)ms,
			       (long long)key->min, (long long)key->max);
	v->interval_ms = (unsigned)ms;
	return 0;
}

static void
set_view(struct top_view *v, const json_t *params)
{
	const char *sort = json_string_value(json_object_get(params, "sort"));
	char host[sizeof(v->host)] = "";

	gethostname(host, sizeof(host) - 1);
	text_safe(host, v->host, sizeof(v->host));
	text_safe(json_string_value(json_object_get(params, "filter")), v->filter, sizeof(v->filter));
	v->queue = -1;
	v->connected = true;
	for (enum top_sort s = 0; sort != NULL && s < TOP_SORTS; s++)
		if (strcmp(sort, top_sort_text(s)) == 0)
			v->sort = s;
}

int
top_run(const char *socket, const json_t *params, bool json, struct err *err)
{
	struct top t = { .ask = top_ask_new(socket) };
	bool once = json || json_is_true(json_object_get(params, "once")) || !isatty(STDOUT_FILENO) ||
		    !isatty(STDIN_FILENO);
	int rc;

	if (t.ask == NULL)
		return err_set(err, -ENOMEM, "out of memory");
	set_view(&t.view, params);
	t.canvas.utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
	rc = set_interval(&t.view, params, err);
	if (rc == 0 && once) {
		rc = run_once(&t, json, err);
	} else if (rc == 0) {
		rc = screen_open(err);
		if (rc == 0)
			run_live(&t);
		screen_close();
	}
	top_ask_free(t.ask);
	top_rows_free(&t.rows);
	top_model_clear(&t.model);
	canvas_free(&t.canvas);
	return rc;
}
