/* file.c - configuration files; see file.h. */
#include "cli/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl/config.h"

static int
read_fd(int fd, char *text, size_t size, size_t *len)
{
	size_t used = 0;

	while (used < size) {
		ssize_t n = read(fd, text + used, size - used);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		used += (size_t)n;
	}
	*len = used;
	return 0;
}

static int
text_check(const char *path, const char *text, size_t len, struct err *err)
{
	json_t *probe;

	if (len > CONFIG_TEXT_MAX)
		return err_set(err, -EFBIG, "%.200s is longer than %d bytes", path, CONFIG_TEXT_MAX);
	probe = json_stringn(text, len);
	if (probe == NULL || memchr(text, '\0', len) != NULL) {
		json_decref(probe);
		return err_set(err, -EINVAL, "%.200s is not a UTF-8 text file", path);
	}
	json_decref(probe);
	return 0;
}

int
file_read(const char *path, char **text, size_t *len, struct err *err)
{
	bool standard = strcmp(path, "-") == 0;
	int fd = standard ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC), rc;
	char *buffer;

	if (fd < 0)
		return err_set(err, -errno, "cannot read %.200s: %s", path, strerror(errno));
	buffer = malloc(CONFIG_TEXT_MAX + 2);
	rc = buffer == NULL ? -ENOMEM : read_fd(fd, buffer, CONFIG_TEXT_MAX + 1, len);
	if (!standard)
		close(fd);
	if (rc < 0)
		err_set(err, rc, "cannot read %.200s: %s", path, strerror(-rc));
	else
		rc = text_check(path, buffer, *len, err);
	if (rc < 0) {
		free(buffer);
		return rc;
	}
	buffer[*len] = '\0';
	*text = buffer;
	return 0;
}

static const char *
shown_name(const char *path)
{
	return strcmp(path, "-") == 0 ? "standard input" : path;
}

static json_t *
mistakes_json(const struct config_mistakes *mistakes)
{
	json_t *list = json_array();

	for (unsigned i = 0; list != NULL && i < mistakes->n; i++) {
		const struct config_mistake *m = &mistakes->list[i];
		/* "*" turns a text that a message cut within a character into null */
		json_t *one = json_pack("{s:i, s:i, s:s*, s:s*, s:s*}", "line", (int)m->line, "column", (int)m->column,
					"message", m->err.msg, "hint", m->err.hint, "path", m->err.path);

		if (one == NULL || json_array_append_new(list, one) < 0) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

int
file_check(const char *path, json_t **result, char **words, struct err *err)
{
	struct config_mistakes mistakes = { 0 };
	struct config *config;
	char *text;
	size_t len;
	int rc = file_read(path, &text, &len, err);

	if (rc < 0)
		return rc;
	config = config_parse(text, len, &mistakes);
	*words = config == NULL ? config_mistakes_text(&mistakes, shown_name(path)) : NULL;
	*result = json_pack("{s:s, s:b, s:o}", "file", path, "valid", config != NULL, "mistakes",
			    mistakes_json(&mistakes));
	rc = *result == NULL || (config == NULL && *words == NULL) ? err_set(err, -ENOMEM, "out of memory") : 0;
	config_free(config);
	config_mistakes_free(&mistakes);
	free(text);
	return rc;
}

/* sshd(8): "client address, client port, server address, server port"; the third is the one that must not be cut off. */
static const char *
caller_address(char *out, size_t size)
{
	const char *connection = getenv("SSH_CONNECTION");
	char address[64];

	out[0] = '\0';
	if (connection != NULL && sscanf(connection, "%*s %*s %63s", address) == 1)
		snprintf(out, size, "%s", address);
	return out;
}

static int
text_judge(const char *path, const char *text, size_t len, char **words)
{
	struct config_mistakes mistakes = { 0 };
	struct config *config = config_parse(text, len, &mistakes);
	int rc = config == NULL ? -EINVAL : 0;

	if (config == NULL)
		*words = config_mistakes_text(&mistakes, shown_name(path));
	config_free(config);
	config_mistakes_free(&mistakes);
	return rc;
}

int
file_fill(json_t *params, char **words, struct err *err)
{
	const char *path = json_string_value(json_object_get(params, "file"));
	char *text, caller[64];
	size_t len;
	int rc = file_read(path, &text, &len, err);

	if (rc < 0)
		return rc;
	rc = text_judge(path, text, len, words);
	if (rc == 0 &&
	    (json_object_set_new(params, "text", json_stringn(text, len)) < 0 ||
	     json_object_set_new(params, "caller", json_string(caller_address(caller, sizeof(caller)))) < 0 ||
	     json_object_set_new(params, "file", json_string(shown_name(path))) < 0))
		rc = err_set(err, -ENOMEM, "out of memory");
	free(text);
	return rc;
}
