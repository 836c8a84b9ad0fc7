/*
 * edit.c - changes of single settings: the running configuration, with another value in it; see handlers.h.
 *
 * The edited copy becomes text and is read again, so that one set of checks and one way to change the host serve both the
 * file and the command line.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/handlers.h"

/* The first mistake, without the place in a file that the user never saw. */
static int
mistake(struct config_mistakes *mistakes, struct err *err)
{
	char *line;

	*err = mistakes->list[0].err;
	line = strstr(err->msg, ", in line ");
	if (line != NULL)
		*line = '\0';
	config_mistakes_free(mistakes);
	return err->code;
}

/* Runs with edited (freed here). *changed: whether that differs from what ran. Returns 0, or -errno with err and nothing changed. */
static int
run_with(struct host *host, struct config *edited, bool *changed, struct err *err)
{
	struct host_options options = { .take_over = false };
	struct config_mistakes mistakes = { 0 };
	struct host_change change;
	struct config *next;
	char *text = config_emit(edited);
	int ret;

	config_free(edited);
	if (text == NULL)
		return err_set(err, -ENOMEM, "out of memory");
	next = config_parse(text, strlen(text), &mistakes);
	free(text);
	if (next == NULL)
		return mistake(&mistakes, err);
	ret = config_diff(host->running, next, NULL, NULL);
	*changed = ret > 0;
	if (ret < 0)
		err_set(err, ret, "out of memory");
	else if (ret > 0)
		ret = host_apply(host, next, &options, &change, err);
	if (ret < 0 || !*changed)
		config_free(next);
	return ret < 0 ? ret : 0;
}

/* ---- ports ---- */

static int
set_vlan(struct config_port *is, const json_t *params, struct err *err)
{
	const json_t *vlan = json_object_get(params, "vlan");
	bool untagged = json_is_true(json_object_get(params, "untagged"));

	if (vlan != NULL && untagged) {
		err_set(err, -EINVAL, "vlan and untagged contradict each other");
		err_path(err, "untagged");
		return -EINVAL;
	}
	if (vlan == NULL && !untagged)
		return 0;
	memset(&is->vlan, 0, sizeof(is->vlan));
	if (vlan != NULL) {
		is->vlan.mode = VLAN_ACCESS;
		is->vlan.id = (uint16_t)json_integer_value(vlan);
	}
	return 0;
}

static void
set_number(const json_t *params, const char *key, unsigned *field)
{
	const json_t *v = json_object_get(params, key);

	if (v != NULL)
		*field = (unsigned)json_integer_value(v);
}

static void
set_settings(struct config_port *is, const json_t *params)
{
	const json_t *mac = json_object_get(params, "mac"), *check = json_object_get(params, "spoof_check");

	set_number(params, "mtu", &is->mtu);
	set_number(params, "vmq_weight", &is->vmq_weight);
	if (check != NULL)
		is->spoof_check = json_is_true(check);
	if (mac != NULL)
		is->has_mac = mac_parse(json_string_value(mac), &is->mac) == 0;
}

/* Whether a setting was named; `untagged` is always there, by its default. */
static bool
any_setting(const json_t *params)
{
	return json_object_size(params) > 2 || json_is_true(json_object_get(params, "untagged"));
}

static struct config_port *
port_in(struct config *config, const char *name)
{
	for (unsigned i = 0; i < config->n_ports; i++)
		if (strcmp(config->ports[i].name, name) == 0)
			return &config->ports[i];
	return NULL;
}

int
port_set(void *ctx, const json_t *params, json_t **result, struct err *err)
{
	struct host *host = ((struct control *)ctx)->host;
	const struct host_port *hp = named_port(host, params, err);
	struct config *edited;
	struct config_port *is;
	bool changed;
	int ret;

	if (hp == NULL)
		return -ENOENT;
	if (!any_setting(params)) {
		err_set(err, -EINVAL, "no setting was named");
		err_hint(err, "fairlead port set --help shows which there are");
		return -EINVAL;
	}
	edited = config_copy(host->running);
	is = edited != NULL ? port_in(edited, hp->is.name) : NULL;
	if (is == NULL) {
		config_free(edited);
		return err_set(err, -ENOMEM, "out of memory");
	}
	ret = set_vlan(is, params, err);
	if (ret < 0) {
		config_free(edited);
		return ret;
	}
	set_settings(is, params);
	ret = run_with(host, edited, &changed, err);
	if (ret < 0)
		return ret;
	*result = json_pack("{s:O, s:b}", "port", json_object_get(params, "port"), "changed", changed);
	return result_done(result, err);
}

/* ---- VM queues ---- */

/* set: changes the one adapter of the copy. */
static int
adapter_edit(struct host *host, const json_t *params, void (*set)(struct config_adapter *is, const json_t *params),
	     json_t **result, struct err *err)
{
	int index = named_adapter(host, params, err), ret;
	struct config *edited;
	bool changed;

	if (index < 0)
		return index;
	edited = config_copy(host->running);
	if (edited == NULL)
		return err_set(err, -ENOMEM, "out of memory");
	set(&edited->adapters[index], params);
	ret = run_with(host, edited, &changed, err);
	if (ret < 0)
		return ret;
	*result = json_pack("{s:O, s:b}", "adapter", json_object_get(params, "adapter"), "changed", changed);
	return result_done(result, err);
}

static void
set_enabled(struct config_adapter *is, const json_t *params)
{
	is->mode = ADAPTER_VMQ;
}

static void
set_disabled(struct config_adapter *is, const json_t *params)
{
	is->mode = ADAPTER_NONE;
}

static void
set_processors(struct config_adapter *is, const json_t *params)
{
	const json_t *base = json_object_get(params, "base_processor");

	if (base != NULL)
		is->base_processor = (int)json_integer_value(base);
	set_number(params, "max_processors", &is->max_processors);
}

int
vmq_enable(void *ctx, const json_t *params, json_t **result, struct err *err)
{
	return adapter_edit(((struct control *)ctx)->host, params, set_enabled, result, err);
}

int
vmq_disable(void *ctx, const json_t *params, json_t **result, struct err *err)
{
	return adapter_edit(((struct control *)ctx)->host, params, set_disabled, result, err);
}

int
vmq_set(void *ctx, const json_t *params, json_t **result, struct err *err)
{
	if (json_object_size(params) < 2) {
		err_set(err, -EINVAL, "no setting was named");
		err_hint(err, "base_processor, max_processors, or both");
		return -EINVAL;
	}
	return adapter_edit(((struct control *)ctx)->host, params, set_processors, result, err);
}

/* ---- queues ---- */

int
queue_move_by_hand(void *ctx, const json_t *params, json_t **result, struct err *err)
{
	json_int_t to = json_integer_value(json_object_get(params, "processor"));
	struct queue *q = named_queue(params, err);
	unsigned from;
	int ret;

	if (q == NULL)
		return -ENOENT;
	if (to >= n_processors) {
		err_set(err, -ENOENT, "no processor %lld", (long long)to);
		err_hint(err, "the host has processors 0 to %u", n_processors - 1);
		err_path(err, "processor");
		return -ENOENT;
	}
	from = queue_processor(q);
	ret = queue_move(q, (unsigned)to);
	if (ret < 0)
		return err_set(err, ret, "queue %u cannot be moved: %s", q->id, strerror(-ret));
	if (from != (unsigned)to)
		balancer_moved_by_hand(q, from);
	*result = json_pack("{s:i, s:i, s:b}", "queue", (int)q->id, "processor", (int)to, "changed",
			    from != (unsigned)to);
	return result_done(result, err);
}
