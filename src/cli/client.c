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
#define READ_SIZE (64u << 10)   /* room for what comes, at first */
#define METHOD_NOT_FOUND -32601 /* JSON-RPC 2.0, 5.1 */

struct client {
	int fd;
	const char *path;
	bool changes; /* a question was one that changes something */
	char *in;     /* size bytes, used of them read, seen of those known to hold no newline */
	size_t size, used, seen;
};

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
broken(const struct client *c, int rc, struct err *err)
{
	if (rc == -EAGAIN)
		err_set(err, -ETIMEDOUT, "the daemon on %.200s did not answer in time", c->path);
	else
		err_set(err, rc, "the connection to the daemon on %.200s broke: %s", c->path, strerror(-rc));
	if (c->changes)
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

/* Makes room behind what was read. */
static int
grow(struct client *c)
{
	size_t size = c->size == 0 ? READ_SIZE : c->size * 2;
	char *more;

	if (c->used < c->size)
		return 0;
	if (c->size >= ANSWER_MAX)
		return -EMSGSIZE;
	more = realloc(c->in, size);
	if (more == NULL)
		return -ENOMEM;
	c->in = more;
	c->size = size;
	return 0;
}

/* Reads until there is a line: 1 with its length (without the newline) in *len; 0: none yet, and it was not to wait; or -errno. */
static int
read_line(struct client *c, bool wait, size_t *len)
{
	for (;;) {
		char *end = c->used > c->seen ? memchr(c->in + c->seen, '\n', c->used - c->seen) : NULL;
		ssize_t n;
		int rc;

		if (end != NULL) {
			*len = (size_t)(end - c->in);
			return 1;
		}
		c->seen = c->used;
		rc = grow(c);
		if (rc < 0)
			return rc;
		n = recv(c->fd, c->in + c->used, c->size - c->used, wait ? 0 : MSG_DONTWAIT);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN && !wait ? 0 : -errno;
		if (n == 0)
			return -ECONNRESET;
		c->used += (size_t)n;
	}
}

static void
drop_line(struct client *c, size_t len)
{
	c->used -= len + 1;
	c->seen = 0;
	memmove(c->in, c->in + len + 1, c->used);
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

/* The number of an error answer that the server gives before it has read one: too many clients, too long a line. */
#define NO_ID (-1)

static int
answer_read(const struct client *c, size_t len, struct client_answer *out, struct err *err)
{
	json_t *answer = json_loadb(c->in, len, 0, NULL);
	const json_t *error = json_object_get(answer, "error"), *id = json_object_get(answer, "id");
	int rc = 1;

	*out = (struct client_answer){ .id = json_is_integer(id) ? (int)json_integer_value(id) : NO_ID };
	if (json_is_object(error)) {
		err_from_answer(error, &out->why);
		out->unknown = json_integer_value(json_object_get(error, "code")) == METHOD_NOT_FOUND;
	} else {
		out->result = json_incref(json_object_get(answer, "result"));
		if (out->result == NULL)
			rc = err_set(err, -EPROTO, "what answers on %.200s is not fairleadd", c->path);
	}
	json_decref(answer);
	return rc;
}

/* The request as one line; NULL when memory is short. */
static char *
request_text(const struct schema_method *method, json_t *params, int id)
{
	char name[64];
	json_t *request = json_pack("{s:s, s:s, s:O, s:i}", "jsonrpc", "2.0", "method",
				    schema_method_name(method, name, sizeof(name)), "params", params, "id", id);
	char *text = request == NULL ? NULL : json_dumps(request, JSON_COMPACT), *line = NULL;

	if (text != NULL && asprintf(&line, "%s\n", text) < 0)
		line = NULL;
	free(text);
	json_decref(request);
	return line;
}

/* twin: its read-only twin is good enough. */
static int
open_at(const char *path, bool twin, int timeout_s, struct client **out, struct err *err)
{
	struct client *c = calloc(1, sizeof(*c));
	int fd = connect_to(path, timeout_s);

	if (fd == -EACCES && twin) {
		int other = connect_to_twin(path, timeout_s);

		fd = other >= 0 ? other : fd;
	}
	if (c == NULL && fd >= 0) {
		close(fd);
		fd = -ENOMEM;
	}
	if (fd < 0) {
		free(c);
		return no_connection(path, fd, err);
	}
	*c = (struct client){ .fd = fd, .path = path };
	*out = c;
	return 0;
}

int
client_open(const char *path, int timeout_s, struct client **out, struct err *err)
{
	return open_at(path, true, timeout_s, out, err);
}

int
client_fd(const struct client *c)
{
	return c->fd;
}

int
client_send(struct client *c, const struct schema_method *method, json_t *params, int id, struct err *err)
{
	char *request = request_text(method, params, id);
	int rc = request == NULL ? -ENOMEM : send_all(c->fd, request, strlen(request));

	free(request);
	c->changes |= method->changes;
	return rc < 0 ? broken(c, rc, err) : 0;
}

int
client_receive(struct client *c, bool wait, struct client_answer *out, struct err *err)
{
	size_t len = 0;
	int rc = read_line(c, wait, &len);

	if (rc < 0)
		return broken(c, rc, err);
	if (rc == 0)
		return 0;
	rc = answer_read(c, len, out, err);
	drop_line(c, len);
	return rc;
}

void
client_close(struct client *c)
{
	if (c == NULL)
		return;
	close(c->fd);
	free(c->in);
	free(c);
}

int
client_call(const char *path, const struct schema_method *method, json_t *params, int timeout_s, json_t **result,
	    struct err *err)
{
	struct client_answer answer;
	struct client *c;
	int rc = open_at(path, !method->changes, timeout_s, &c, err);

	if (rc < 0)
		return rc;
	rc = client_send(c, method, params, 1, err);
	if (rc == 0)
		rc = client_receive(c, true, &answer, err);
	client_close(c);
	if (rc < 0)
		return rc;
	*result = answer.result;
	if (answer.result != NULL)
		return 0;
	*err = answer.why;
	return CLIENT_REFUSED;
}
