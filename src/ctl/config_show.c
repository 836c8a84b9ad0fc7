/* config_show.c - the running configuration, how it differs from the file, and writing it there; see handlers.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "ctl/handlers.h"

#define LINE_LEN 512

/* The file as it is now; NULL with err. */
static struct config *
read_file(const char *path, struct err *err)
{
	struct config_mistakes mistakes = { 0 };
	struct config *config = NULL;
	char *text = malloc(CONFIG_TEXT_MAX + 1);
	FILE *file = fopen(path, "re");
	size_t n = 0;

	if (file == NULL)
		err_set(err, -errno, "the file cannot be read: %s", strerror(errno));
	else if (text == NULL)
		err_set(err, -ENOMEM, "out of memory");
	else
		n = fread(text, 1, CONFIG_TEXT_MAX + 1, file);
	if (file != NULL && text != NULL)
		config = config_parse(text, n, &mistakes);
	if (config == NULL && mistakes.n > 0)
		err_set(err, -EINVAL, "the file has %u mistake%s: fairlead config check %.200s",
			mistakes.n + mistakes.hidden, mistakes.n + mistakes.hidden > 1 ? "s" : "", path);
	config_mistakes_free(&mistakes);
	if (file != NULL)
		fclose(file);
	free(text);
	return config;
}

/* first is the file, second what runs. */
static void
drift_of(void *arg, const struct config_difference *d)
{
	char text[LINE_LEN];
	json_t **list = arg;

	if (d->kind == CONFIG_ADDED)
		snprintf(text, sizeof(text), "%s is not in the file", d->object);
	else if (d->kind == CONFIG_GONE)
		snprintf(text, sizeof(text), "%s is in the file and does not run", d->object);
	else
		snprintf(text, sizeof(text), "%s: %s is %.128s, in the file %.128s", d->object, d->key,
			 d->second[0] != '\0' ? d->second : "left out", d->first[0] != '\0' ? d->first : "left out");
	list_add(list, json_text(text));
}

/* NULL without memory. */
static json_t *
drift(const struct control *control)
{
	json_t *list = json_array();
	struct config *file;
	struct err err = { 0 };

	if (control->config_path == NULL)
		return list;
	file = read_file(control->config_path, &err);
	if (file == NULL) {
		list_add(&list, json_text(err.msg));
	} else if (config_diff(file, control->host->running, drift_of, &list) < 0) {
		json_decref(list);
		list = NULL;
	}
	config_free(file);
	return list;
}

/* Seconds, the last one begun counted as a whole; 0: nothing waits. */
static json_int_t
confirm_left_s(const struct control *control)
{
	uint64_t now = clock_ns();

	if (control->unconfirmed_before == NULL)
		return 0;
	return now < control->confirm_end_ns ? (json_int_t)((control->confirm_end_ns - now) / NSEC_PER_S) + 1 : 1;
}

int
config_show_running(void *ctx, const json_t *params, json_t **result, struct err *err)
{
	const struct control *control = ctx;
	char *text = config_emit(control->host->running);

	if (text == NULL)
		return err_set(err, -ENOMEM, "out of memory");
	*result = json_pack("{s:o, s:o, s:o, s:I}", "text", json_text(text), "file",
			    control->config_path != NULL ? json_text(control->config_path) : json_null(), "drift",
			    drift(control), "confirm_s", confirm_left_s(control));
	free(text);
	return result_done(result, err);
}

int
config_save(void *ctx, const json_t *params, json_t **result, struct err *err)
{
	const struct control *control = ctx;
	const struct config *running = control->host->running;
	struct config *file;
	struct err why = { 0 };
	bool same;
	int ret = 0;

	if (control->config_path == NULL) {
		err_set(err, -ENOENT, "the daemon was not started with a file");
		err_hint(err, "fairlead config show > FILE keeps it, too");
		return -ENOENT;
	}
	if (control->unconfirmed_before != NULL) {
		err_set(err, -EBUSY, "a change waits for its confirmation, and may be taken back");
		err_hint(err, "fairlead config apply FILE, without --confirm, confirms it");
		return -EBUSY;
	}
	file = read_file(control->config_path, &why);
	same = file != NULL && config_diff(file, running, NULL, NULL) == 0;
	config_free(file);
	/* What was given, comments and all: an edit (edit.c) has made its own text already. */
	if (!same)
		ret = keep_save_config(running->text, running->text_len, err);
	if (ret < 0) {
		err_prefix(err, "%s", control->config_path);
		return ret;
	}
	*result = json_pack("{s:o, s:b}", "file", json_text(control->config_path), "changed", !same);
	return result_done(result, err);
}
