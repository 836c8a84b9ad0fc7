/* rpc_client.c - the bytes of one connection; see rpc_client.h. */
#include "ctl/rpc_client.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* The first read of a client; a usual request is under 200 bytes. */
#define IN_SIZE_MIN 1024
/* The most that one client is read in one turn, so that all others come between. Our choice. */
#define READ_MAX (64u << 10)

size_t
rpc_client_held(const struct rpc_client *c)
{
	return c->in_size + c->out_size;
}

static int
in_grow(struct rpc_client *c)
{
	size_t max = c->who.read_only ? RPC_LINE_MAX_READ_ONLY : RPC_LINE_MAX;
	size_t size = c->in_size == 0 ? IN_SIZE_MIN : c->in_size * 2;
	char *in;

	if (c->in_len < c->in_size)
		return 0;
	if (size > max)
		return -EMSGSIZE;
	in = realloc(c->in, size);
	if (in == NULL)
		return -ENOMEM;
	c->in = in;
	c->in_size = size;
	return 0;
}

int
rpc_client_read(struct rpc_client *c)
{
	bool with_fds;
	size_t room;
	ssize_t n;
	int rc;

	rc = in_grow(c);
	if (rc < 0)
		return rc;
	room = c->in_size - c->in_len;
	n = closer_recv(c->closer, c->fd, c->in + c->in_len, room < READ_MAX ? room : READ_MAX, &with_fds);
	if (with_fds)
		return -EBADMSG;
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	if (n == 0)
		c->eof = true;
	c->in_len += (size_t)n;
	return 0;
}

/* A last line without its '\n' counts when nothing more can follow: a cut object is no JSON, so no harm comes of half a request. */
bool
rpc_client_line(struct rpc_client *c, char **line, size_t *len)
{
	char *end;

	if (c->in_len == 0)
		return false;
	end = memchr(c->in + c->in_seen, '\n', c->in_len - c->in_seen);
	if (end == NULL) {
		c->in_seen = c->in_len;
		if (!c->eof)
			return false;
		end = c->in + c->in_len;
	}
	*line = c->in;
	*len = (size_t)(end - c->in);
	return true;
}

void
rpc_client_consume(struct rpc_client *c, size_t len)
{
	size_t used = len < c->in_len ? len + 1 : len;

	c->in_len -= used;
	c->in_seen = 0;
	if (c->in_len > 0) {
		memmove(c->in, c->in + used, c->in_len);
	} else { /* a thousand idle clients hold nothing */
		free(c->in);
		c->in = NULL;
		c->in_size = 0;
	}
}

int
rpc_client_flush(struct rpc_client *c)
{
	while (c->out_sent < c->out_len) {
		ssize_t n = send(c->fd, c->out + c->out_sent, c->out_len - c->out_sent, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? 0 : -errno;
		c->out_sent += (size_t)n;
	}
	free(c->out);
	c->out = NULL;
	c->out_len = c->out_size = c->out_sent = 0;
	return 0;
}

int
rpc_client_send(struct rpc_client *c, struct rpc_text *text)
{
	size_t unsent = rpc_client_unsent(c);
	char *out;

	if (unsent == 0) {
		free(c->out);
		c->out = text->data;
		c->out_len = text->len;
		c->out_size = text->size;
		c->out_sent = 0;
		return rpc_client_flush(c);
	}
	out = malloc(unsent + text->len);
	if (out != NULL) {
		memcpy(out, c->out + c->out_sent, unsent);
		memcpy(out + unsent, text->data, text->len);
		free(c->out);
		c->out = out;
		c->out_len = c->out_size = unsent + text->len;
		c->out_sent = 0;
	}
	free(text->data);
	return out == NULL ? -ENOMEM : rpc_client_flush(c);
}

void
rpc_client_clear(struct rpc_client *c)
{
	free(c->in);
	free(c->out);
	c->in = c->out = NULL;
	c->in_len = c->in_size = c->in_seen = 0;
	c->out_len = c->out_size = c->out_sent = 0;
}
