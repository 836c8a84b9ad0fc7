/* edit.c - changes of single settings, for every handler that makes some; see edit.h. */
#include "ctl/edit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The first mistake, without the place in a file that the user never saw. */
static int
mistake(struct config_mistakes *mistakes, struct err *err)
{
	char *line;

	*err = mistakes->list[0].err;
	line = strstr(err->msg, ", in line ");
	if (line == NULL)
		line = strstr(err->msg, " in line ");
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

static struct config_port *
port_in(struct config *config, const char *name)
{
	for (unsigned i = 0; i < config->n_ports; i++)
		if (strcmp(config->ports[i].name, name) == 0)
			return &config->ports[i];
	return NULL;
}

/* Runs with edited, which is freed here; key: the parameter that names the object. */
static int
finish(struct host *host, struct config *edited, const json_t *params, const char *key, json_t **result,
       struct err *err)
{
	bool changed = false;
	int ret = run_with(host, edited, &changed, err);

	if (ret < 0)
		return ret;
	*result = json_pack("{s:O, s:b}", key, json_object_get(params, key), "changed", changed);
	return result_done(result, err);
}

int
edit_port(struct host *host, const json_t *params, edit_port_fn set, json_t **result, struct err *err)
{
	const struct host_port *hp = named_port(host, params, err);
	struct config *edited;
	struct config_port *is;
	bool anew;
	int ret;

	if (hp == NULL)
		return -ENOENT;
	edited = config_copy(host->running);
	is = edited != NULL ? port_in(edited, hp->is.name) : NULL;
	ret = is != NULL ? set(is, params, err) : err_set(err, -ENOMEM, "out of memory");
	if (ret < 0) {
		config_free(edited);
		return ret;
	}
	anew = !host_port_can_change(hp, is); /* hp is gone then */
	ret = finish(host, edited, params, "port", result, err);
	if (ret == 0 && json_object_set_new(*result, "made_anew", json_boolean(anew)) < 0)
		ret = err_set(err, -ENOMEM, "out of memory");
	return ret;
}

int
edit_adapter(struct host *host, const json_t *params, edit_adapter_fn set, json_t **result, struct err *err)
{
	int index = named_adapter(host, params, err), ret;
	struct config *edited;

	if (index < 0)
		return index;
	edited = config_copy(host->running);
	ret = edited != NULL ? set(&edited->adapters[index], params, err) : err_set(err, -ENOMEM, "out of memory");
	if (ret < 0) {
		config_free(edited);
		return ret;
	}
	return finish(host, edited, params, "adapter", result, err);
}

void
edit_number(const json_t *params, const char *key, unsigned *field)
{
	const json_t *v = json_object_get(params, key);

	if (v != NULL)
		*field = (unsigned)json_integer_value(v);
}

void
edit_bool(const json_t *params, const char *key, bool *field)
{
	const json_t *v = json_object_get(params, key);

	if (v != NULL)
		*field = json_is_true(v);
}

void
edit_word(const json_t *params, const char *key, const char *const *choices, unsigned *field)
{
	const char *word = json_string_value(json_object_get(params, key));

	for (unsigned i = 0; word != NULL && choices[i] != NULL; i++)
		if (strcmp(choices[i], word) == 0)
			*field = i;
}

int
edit_something(const json_t *params, const char *noun, const char *verb, struct err *err)
{
	const struct schema_key *keys = schema_method_find(noun, verb)->params;
	const char *key;
	json_t *value;
	size_t n = 0;

	/* A flag is always there, by its default; json_object_foreach() takes no const object, and nothing is changed. */
	json_object_foreach((json_t *)params, key, value) n +=
		!json_is_false(value) || schema_key_find(keys, key)->fallback == NULL;
	if (n > 1)
		return 0;
	err_set(err, -EINVAL, "no setting was named");
	err_hint(err, "fairlead %s %s --help shows which there are", noun, verb);
	return -EINVAL;
}
