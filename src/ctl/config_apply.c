/*
 * config_apply.c - config.apply: from what runs to what a file says, for good or until it is confirmed; see handlers.h.
 *
 *	nothing waits --apply with confirm_s--> waiting --apply without it--> nothing waits
 *	                                        waiting --time is over------> nothing waits, the former one runs again
 *
 * While a change waits, whatever else is changed is taken back with it: the configuration before the first unconfirmed
 * change is the one that somebody is known to reach the host by.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "ctl/handlers.h"

#define TAKE_BACK_AGAIN_NS (10 * NSEC_PER_S) /* when it could not be done. Our choice */
#define STEP_LEN 512

/* ---- what is told ---- */

/* Adds a sentence to *steps, which becomes NULL without memory. */
static void __attribute__((format(printf, 2, 3))) step(json_t **steps, const char *fmt, ...)
{
	char text[STEP_LEN];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	list_add(steps, json_text(text));
}

static void
step_of(void *arg, const struct config_difference *d)
{
	json_t **steps = arg;

	if (d->kind == CONFIG_ADDED)
		step(steps, "%s added", d->object);
	else if (d->kind == CONFIG_GONE)
		step(steps, "%s removed", d->object);
	else if (d->first[0] == '\0')
		step(steps, "%s: %s set to %.128s", d->object, d->key, d->second);
	else if (d->second[0] == '\0')
		step(steps, "%s: %s %.128s taken out", d->object, d->key, d->first);
	else
		step(steps, "%s: %s changed from %.128s to %.128s", d->object, d->key, d->first, d->second);
}

static const struct config_switch *
next_switch(const struct config *next, const char *name)
{
	for (unsigned i = 0; i < next->n_switches; i++)
		if (strcmp(next->switches[i].name, name) == 0)
			return &next->switches[i];
	return NULL;
}

static const struct config_port *
next_port(const struct config *next, const char *name)
{
	for (unsigned i = 0; i < next->n_ports; i++)
		if (strcmp(next->ports[i].name, name) == 0)
			return &next->ports[i];
	return NULL;
}

/* Which objects that stay cannot be changed while they run: their traffic will be interrupted. */
static void
steps_of_replaced(const struct host *host, const struct config *next, json_t **steps)
{
	for (unsigned i = 0; i < host->n_switches; i++) {
		const struct host_switch *hs = host->switches[i];
		const struct config_switch *is = next_switch(next, hs->is.name);

		if (is != NULL && !host_switch_can_change(hs, next, is))
			step(steps, "switch %s replaced, with its ports: this cannot be changed while it runs",
			     is->name);
	}
	for (unsigned i = 0; i < host->n_ports; i++) {
		const struct host_port *hp = host->ports[i];
		const struct config_port *is = next_port(next, hp->is.name);

		if (is != NULL &&
		    (!host_port_can_change(hp, is) || strcmp(next->switches[is->sw].name, hp->on->is.name) != 0))
			step(steps, "port %s replaced: this cannot be changed while it runs", is->name);
	}
}

/* The first of them, as "file:12:9: port 'vm1': ..."; and frees them. */
static int
first_mistake(struct config_mistakes *mistakes, const char *file, struct err *err)
{
	const struct config_mistake *m = &mistakes->list[0];
	unsigned more = mistakes->n + mistakes->hidden - 1;
	char place[40] = "";

	if (m->line > 0)
		snprintf(place, sizeof(place), ":%u:%u", m->line, m->column);
	err_set(err, m->err.code, "%.100s%s: %s", file, place, m->err.msg);
	if (more == 0)
		err_hint(err, "%s", m->err.hint);
	else
		err_hint(err, "%s%sand %u more: fairlead config check %.100s", m->err.hint,
			 m->err.hint[0] != '\0' ? "; " : "", more, file);
	err_path(err, "%s", m->err.path);
	config_mistakes_free(mistakes);
	return err->code;
}

/* ---- what is done ---- */

/* next is the host's when this returns 0. */
static int
run_next(struct control *control, struct config *next, const json_t *params, struct err *err)
{
	struct host_options options = {
		.take_over = json_is_true(json_object_get(params, "take_over")),
		.caller = json_string_value(json_object_get(params, "caller")),
	};
	bool waits = json_integer_value(json_object_get(params, "confirm_s")) > 0;
	struct config *before = NULL;
	struct host_change change;
	int ret;

	if (waits && control->unconfirmed_before == NULL) {
		before = config_copy(control->host->running);
		if (before == NULL)
			return err_set(err, -ENOMEM, "out of memory");
	}
	ret = host_apply(control->host, next, &options, &change, err);
	if (ret < 0)
		config_free(before);
	else if (before != NULL)
		control->unconfirmed_before = before;
	return ret;
}

/* Starts or ends the waiting. Returns for how long it waits now, s. */
static json_int_t
confirm(struct control *control, json_int_t confirm_s, json_t **steps)
{
	if (control->unconfirmed_before == NULL)
		return 0;
	if (confirm_s > 0) {
		control->confirm_end_ns = clock_ns() + (uint64_t)confirm_s * NSEC_PER_S;
		return confirm_s;
	}
	config_free(control->unconfirmed_before);
	control->unconfirmed_before = NULL;
	step(steps, "confirmed: the change stays");
	return 0;
}

static int
apply(struct control *control, struct config *next, const json_t *params, json_t **result, struct err *err)
{
	struct host *host = control->host;
	bool had_taken_over = host->taken_over[0] != '\0';
	json_t *steps = json_array();
	int n = config_diff(host->running, next, step_of, &steps), ret = 0;
	json_int_t confirm_s;

	if (n > 0) {
		steps_of_replaced(host, next, &steps);
		ret = run_next(control, next, params, err);
	} else {
		config_free(next);
		next = NULL;
		if (n < 0)
			ret = err_set(err, n, "out of memory");
	}
	if (ret < 0) {
		config_free(next);
		json_decref(steps);
		return ret;
	}
	if (!had_taken_over && host->taken_over[0] != '\0')
		step(&steps, "the host vNIC took over the addresses of %s", host->taken_over);
	confirm_s = confirm(control, json_integer_value(json_object_get(params, "confirm_s")), &steps);
	*result = json_pack("{s:b, s:o, s:I}", "changed", n > 0, "steps", steps, "confirm_s", confirm_s);
	return result_done(result, err);
}

int
config_apply(void *ctx, const json_t *params, json_t **result, struct err *err)
{
	const json_t *text = json_object_get(params, "text");
	struct config_mistakes mistakes = { 0 };
	struct config *next = config_parse(json_string_value(text), json_string_length(text), &mistakes);

	if (next == NULL)
		return first_mistake(&mistakes, json_string_value(json_object_get(params, "file")), err);
	config_mistakes_free(&mistakes);
	return apply(ctx, next, params, result, err);
}

void
config_apply_tend(struct control *control)
{
	struct config *before = control->unconfirmed_before;
	struct host_options options = { .take_over = false };
	struct host_change change;
	struct err err = { 0 };
	int ret;

	if (before == NULL || clock_ns() < control->confirm_end_ns)
		return;
	ret = host_apply(control->host, before, &options, &change, &err);
	if (ret == -EBUSY) {
		/* It ran with this uplink before, so that was asked for. */
		options.take_over = true;
		ret = host_apply(control->host, before, &options, &change, &err);
	}
	if (ret < 0) {
		control->confirm_end_ns = clock_ns() + TAKE_BACK_AGAIN_NS;
		log_error("unconfirmed change could not be taken back, trying again: %s", err.msg);
		return;
	}
	control->unconfirmed_before = NULL;
	log_warn("change was taken back, nobody confirmed it in time");
}
