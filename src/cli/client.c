/* client.c - one question to the daemon; see client.h. */
#include "cli/client.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

/* Above the 17 MiB that the server sends at most; a daemon that sends more is none of ours. */
#define ANSWER_MAX (64u << 20)

static int
connect_to(const char *path, int timeout_s)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	struct timeval limit = { .tv_sec = timeout_s };
	int fd, saved;

	if (strlen(path) >= sizeof(addr.sun_path))
		return -ENAMETOOLONG;
	strcpy(addr.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) == 0 &&
	    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) == 0 &&
	    connect(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0)
		return fd;
	saved = errno;
	close(fd);
	return -saved;
}

/* x.sock: x-ro.sock. Returns -ENOENT when path has no such twin. */
static int
connect_to_twin(const char *path, int timeout_s)
{
	char twin[sizeof(((struct sockaddr_un *)0)->sun_path)];
	size_t len = strlen(path);

	if (len < 5 || strcmp(path + len - 5, ".sock") != 0 ||
	    snprintf(twin, sizeof(twin), "%.*s-ro.sock", (int)len - 5, path) >= (int)sizeof(twin))
		return -ENOENT;
	return connect_to(twin, timeout_s);
}

static int
no_connection(const char *path, int rc, struct err *err)
{
	err_set(err, rc, "no daemon answers on %.200s: %s", path, strerror(-rc));
	if (rc == -EACCES || rc == -EPERM)
		err_hint(err, "members of the group that owns the socket may use it, and root");
	else
		err_hint(err, "start it: fairleadd --config FILE; or name its socket by --rpc or FAIRLEAD_RPC");
	return rc;
}

static int
broken(const char *path, int rc, const struct schema_method *method, struct err *err)
{
	if (rc == -EAGAIN)
		err_set(err, -ETIMEDOUT, "the daemon on %.200s did not answer in time", path);
	else
		err_set(err, rc, "the connection to the daemon on %.200s broke: %s", path, strerror(-rc));
	if (method->changes)
		err_hint(err, "look whether the change was made before asking again");
	return err == NULL ? rc : err->code;
}

/* The peer may have told why it closes before it took everything: then there is something to read. */
static int
send_all(int fd, const char *text, size_t len)
{
	while (len > 0) {
		ssize_t n = send(fd, text, len, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EPIPE || errno == ECONNRESET ? 0 : -errno;
		text += n;
		len -= (size_t)n;
	}
	return 0;
}

/* Reads one line into *line (malloc'ed, without the newline). */
static int
read_line(int fd, char **line, size_t *len)
{
	size_t size = 64u << 10, used = 0;
	char *text = malloc(size), *more, *end;
	int rc = -ENOMEM;

	while (text != NULL) {
		ssize_t n = recv(fd, text + used, size - used, 0);

		if (n < 0 && errno == EINTR)
			continue;
		rc = n < 0 ? -errno : n == 0 ? -ECONNRESET : 0;
		if (rc < 0)
			break;
		end = memchr(text + used, '\n', (size_t)n);
		used += (size_t)n;
		if (end != NULL) {
			*line = text;
			*len = (size_t)(end - text);
			return 0;
		}
		rc = -EMSGSIZE;
		if (used < size)
			continue;
		if (size >= ANSWER_MAX)
			break;
		size *= 2;
		more = realloc(text, size);
		rc = -ENOMEM;
		if (more == NULL)
			break;
		text = more;
	}
	free(text);
	return rc;
}

/* Words of a daemon, made fit for a terminal in place. */
static void
make_safe(char *text)
{
	for (; *text != '\0'; text++)
		if (iscntrl((unsigned char)*text) && *text != '\n')
			*text = '?';
}

static void
err_from_answer(const json_t *error, struct err *err)
{
	const json_t *data = json_object_get(error, "data");
	const char *hint = json_string_value(json_object_get(data, "hint"));
	const char *path = json_string_value(json_object_get(data, "path"));
	const char *msg = json_string_value(json_object_get(error, "message"));

	err_set(err, -EREMOTEIO, "%s", msg == NULL ? "refused without a reason" : msg);
	err_hint(err, "%s", hint == NULL ? "" : hint);
	err_path(err, "%s", path == NULL ? "" : path);
	make_safe(err->msg);
	make_safe(err->hint);
}

static int
answer_read(const char *path, const char *line, size_t len, json_t **result, struct err *err)
{
	json_t *answer = json_loadb(line, len, 0, NULL);
	const json_t *error = json_object_get(answer, "error");
	int rc = 0;

	*result = json_incref(json_object_get(answer, "result"));
	if (json_is_object(error)) {
		err_from_answer(error, err);
		rc = CLIENT_REFUSED;
	} else if (*result == NULL) {
		rc = err_set(err, -EPROTO, "what answers on %.200s is not fairleadd", path);
	}
	if (rc != 0) {
		json_decref(*result);
		*result = NULL;
	}
	json_decref(answer);
	return rc;
}

/* The request as one line; NULL when memory is short. */
static char *
request_text(const struct schema_method *method, json_t *params)
{
	char name[64];
	json_t *request = json_pack("{s:s, s:s, s:O, s:i}", "jsonrpc", "2.0", "method",
				    schema_method_name(method, name, sizeof(name)), "params", params, "id", 1);
	char *text = request == NULL ? NULL : json_dumps(request, JSON_COMPACT), *line = NULL;

	if (text != NULL && asprintf(&line, "%s\n", text) < 0)
		line = NULL;
	free(text);
	json_decref(request);
	return line;
}

int
client_call(const char *path, const struct schema_method *method, json_t *params, int timeout_s, json_t **result,
	    struct err *err)
{
	int fd = connect_to(path, timeout_s), rc;
	char *request, *line = NULL;
	size_t len = 0;

	if (fd == -EACCES && !method->changes) {
		int twin = connect_to_twin(path, timeout_s);

		fd = twin >= 0 ? twin : fd;
	}
	if (fd < 0)
		return no_connection(path, fd, err);
	request = request_text(method, params);
	rc = request == NULL ? -ENOMEM : send_all(fd, request, strlen(request));
	if (rc == 0)
		rc = read_line(fd, &line, &len);
	free(request);
	close(fd);
	if (rc < 0)
		return broken(path, rc, method, err);
	rc = answer_read(path, line, len, result, err);
	free(line);
	return rc;
}
