/* rpc_message.c - JSON-RPC 2.0 messages, judged and answered; see rpc_message.h. */
#include "ctl/rpc_message.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/audit.h"
#include "ctl/params.h"

#define ID_MAX 128      /* bytes; our choice: a UUID has 36 */
#define METHODS_MAX 256 /* rpc_message_test.c checks that the schema has fewer */

static_assert(RPC_BATCH_MAX * 8192 < (1u << 20), "the errors of a batch fit behind its results");

/* One request of a line, on its way through this file. */
struct request {
	const struct rpc_service *service;
	const struct rpc_caller *who;
	const json_t *id; /* NULL: a notification, which is never answered */
	struct rpc_text *out;
	bool full; /* an answer before it found no room: what follows in the batch is not begun */
};

/* The end of an answer. id is borrowed. Returns what the text says: 0, -EMSGSIZE or -ENOMEM. */
static int
answer_end(struct rpc_text *out, const json_t *id)
{
	put_json(out, "id", json_incref((json_t *)(uintptr_t)id));
	put_object_end(out);
	return out->failed;
}

static int
error_write(struct rpc_text *out, const json_t *id, enum rpc_code code, const struct err *err)
{
	put_object(out, NULL);
	put_text(out, "jsonrpc", "2.0");
	put_object(out, "error");
	put_int(out, "code", code);
	put_text(out, "message", err->msg);
	put_object(out, "data");
	put_text(out, "errno", err->code < 0 ? strerrorname_np(-err->code) : NULL);
	put_text(out, "hint", err->hint);
	put_text(out, "path", err->path);
	put_object_end(out);
	put_object_end(out);
	return answer_end(out, id);
}

static int
refuse(const struct request *r, enum rpc_code code, const struct err *err)
{
	return r->id == NULL ? 0 : error_write(r->out, r->id, code, err);
}

int
rpc_answer_error(struct rpc_text *out, enum rpc_code code, const struct err *err)
{
	if (error_write(out, json_null(), code, err) < 0 || rpc_text_add(out, "\n", 1) < 0)
		return -ENOMEM;
	return 0;
}

static void
no_method(const char *name, struct err *err)
{
	char names[METHODS_MAX][32];
	const char *words[METHODS_MAX], *near;
	size_t n = 0;

	for (const struct schema_method *m = schema_methods; m->noun != NULL && n < METHODS_MAX; m++)
		if (!m->local) {
			words[n] = schema_method_name(m, names[n], sizeof(names[n]));
			n++;
		}
	err_set(err, -ENOSYS, "no method '%.64s'", name);
	near = err_nearest(name, words, n);
	if (near != NULL)
		err_hint(err, "did you mean '%s'?", near);
	else
		err_hint(err, "docs/rpc.md has them all");
}

static const struct rpc_handler *
handler_find(const struct rpc_service *service, const char *method)
{
	for (const struct rpc_handler *h = service->handlers; h->method != NULL; h++)
		if (strcmp(h->method, method) == 0)
			return h;
	return NULL;
}

static int
refuse_full(const struct request *r)
{
	struct err err = { 0 };

	err_set(&err, -EMSGSIZE, "the answer is longer than %u MiB", RPC_OUT_MAX >> 20);
	err_hint(&err, "ask for less, or in several lines");
	return refuse(r, RPC_REFUSED, &err);
}

/* What a method gave is behind the first `before` bytes; notifications are not answered. */
static int
result_end(struct request *r, size_t before)
{
	int rc = r->id != NULL ? answer_end(r->out, r->id) : 0;

	if (rc == 0 && r->id != NULL && r->out->len <= RPC_OUT_MAX)
		return 0;
	rpc_text_cut(r->out, before);
	if (r->id == NULL || rc == -ENOMEM)
		return rc;
	r->full = true;
	return refuse_full(r);
}

/* Writes the result behind its key. Returns what the handler says. */
static int
handler_run(const struct request *r, const struct rpc_handler *handler, const json_t *params, struct err *err)
{
	json_t *result = NULL;
	int rc;

	if (handler->write != NULL)
		return handler->write(r->service->ctx, params, r->out, err);
	rc = handler->fn(r->service->ctx, params, &result, err);
	if (rc >= 0 && result != NULL)
		put_json(r->out, NULL, result);
	else
		json_decref(result);
	return rc;
}

static int
call(struct request *r, const struct schema_method *method, const struct rpc_handler *handler, const json_t *params)
{
	size_t before = r->out->len, empty;
	struct err err = { 0 };
	json_t *checked = NULL;
	int rc;

	rc = params_check(method, params, &checked, &err);
	if (rc < 0) {
		if (method->changes)
			audit_change(r->who, method, params, rc);
		return refuse(r, rc == -EINVAL ? RPC_INVALID_PARAMS : RPC_INTERNAL_ERROR, &err);
	}
	put_object(r->out, NULL);
	put_text(r->out, "jsonrpc", "2.0");
	put_key(r->out, "result");
	empty = r->out->len;
	rc = handler_run(r, handler, checked, &err);
	if (method->changes)
		audit_change(r->who, method, checked, rc < 0 ? rc : 0);
	json_decref(checked);
	if (rc >= 0 && (r->out->len > empty || r->out->failed < 0))
		return result_end(r, before);
	rpc_text_cut(r->out, before);
	if (rc >= 0) {
		err_set(&err, -EPROTO, "%s gave no result", handler->method);
		return refuse(r, RPC_INTERNAL_ERROR, &err);
	}
	if (err.msg[0] == '\0')
		err_set(&err, rc, "%s failed: %s", handler->method, strerror(-rc));
	err.code = rc;
	return refuse(r, RPC_REFUSED, &err);
}

static int
method_call(struct request *r, const char *name, const json_t *params)
{
	const struct schema_method *method = schema_method_by_name(name);
	const struct rpc_handler *handler = handler_find(r->service, name);
	struct err err = { 0 };

	if (method == NULL || method->local) {
		no_method(name, &err);
		return refuse(r, RPC_METHOD_NOT_FOUND, &err);
	}
	if (handler == NULL) {
		err_set(&err, -ENOSYS, "this daemon does not offer %s", name);
		return refuse(r, RPC_METHOD_NOT_FOUND, &err);
	}
	if (method->changes && r->who->read_only) {
		err_set(&err, -EROFS, "this socket is for reading, and %s makes a change", name);
		err_hint(&err, "use the daemon's other socket, the one without -ro in its name");
		return refuse(r, RPC_REFUSED, &err);
	}
	if (params != NULL && !json_is_object(params)) {
		err_set(&err, -EINVAL, "parameters are given by name, in an object");
		return refuse(r, RPC_INVALID_PARAMS, &err);
	}
	if (r->full)
		return refuse_full(r);
	/* Nobody would see what it reads, so a batch of such costs nothing. */
	if (r->id == NULL && !method->changes)
		return 0;
	return call(r, method, handler, params);
}

/* JSON-RPC 2.0, 4: what a request must have. An invalid one is answered with a null id, also without an id. */
static int
request_answer(struct request *r, const json_t *message)
{
	const json_t *method = json_object_get(message, "method"), *params = json_object_get(message, "params");
	const json_t *id = json_object_get(message, "id");
	const char *version = json_string_value(json_object_get(message, "jsonrpc"));
	struct err err = { 0 };

	if (!json_is_object(message))
		err_set(&err, -EINVAL, "a request is an object");
	else if (version == NULL || strcmp(version, "2.0") != 0)
		err_set(&err, -EINVAL, "a request has \"jsonrpc\": \"2.0\"");
	else if (!json_is_string(method))
		err_set(&err, -EINVAL, "a request has a method, which is a text");
	else if (params != NULL && !json_is_object(params) && !json_is_array(params))
		err_set(&err, -EINVAL, "a request's params are an object");
	else if (id != NULL && !json_is_string(id) && !json_is_number(id) && !json_is_null(id))
		err_set(&err, -EINVAL, "a request's id is a text or a number");
	else if (json_string_length(id) > ID_MAX)
		err_set(&err, -EINVAL, "a request's id has at most %d bytes", ID_MAX);
	if (err.code != 0)
		return error_write(r->out, json_null(), RPC_INVALID_REQUEST, &err);
	r->id = id;
	return method_call(r, json_string_value(method), params);
}

/* JSON-RPC 2.0, 6: one list of answers, without those of notifications; nothing at all when none is left. */
static int
batch_answer(struct request *r, const json_t *batch)
{
	struct err err = { 0 };
	const json_t *message;
	size_t i, n = json_array_size(batch);
	int rc;

	if (n == 0 || n > RPC_BATCH_MAX) {
		err_set(&err, -EINVAL, "a batch has 1 to %d requests, this one has %zu", RPC_BATCH_MAX, n);
		return error_write(r->out, json_null(), RPC_INVALID_REQUEST, &err);
	}
	put_list(r->out, NULL);
	json_array_foreach(batch, i, message)
	{
		rc = request_answer(r, message);
		if (rc < 0)
			return rc;
	}
	if (r->out->len > 1)
		put_list_end(r->out);
	else
		rpc_text_cut(r->out, 0);
	return r->out->failed;
}

/*
 * Bounds what parsing can cost, without parsing: brackets and separators outside of texts. Malformed JSON may be counted wrong
 * in either direction, and is refused by the parser all the same.
 */
static const char *
bounds_check(const char *line, size_t len)
{
	unsigned depth = 0, values = 1;
	bool in_text = false;

	for (size_t i = 0; i < len; i++) {
		char c = line[i];

		if (in_text) {
			if (c == '\\')
				i++;
			else if (c == '"')
				in_text = false;
			continue;
		}
		if (c == '"')
			in_text = true;
		else if (c == '[' || c == '{')
			depth++, values++;
		else if ((c == ']' || c == '}') && depth > 0)
			depth--;
		else if (c == ',')
			values++;
		if (depth > RPC_DEPTH_MAX)
			return "nested too deeply";
		if (values > RPC_VALUES_MAX)
			return "of too many values";
	}
	return NULL;
}

static int
line_answer(struct request *r, const char *line, size_t len)
{
	const char *beyond = bounds_check(line, len);
	struct err err = { 0 };
	json_error_t why;
	json_t *message;
	int rc;

	if (beyond != NULL) {
		err_set(&err, -EMSGSIZE, "message %s", beyond);
		err_hint(&err, "%d levels and %d values fit", RPC_DEPTH_MAX, RPC_VALUES_MAX);
		return error_write(r->out, json_null(), RPC_INVALID_REQUEST, &err);
	}
	message = json_loadb(line, len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &why);
	if (message == NULL) {
		err_set(&err, -EBADMSG, "not JSON: %s at byte %d", why.text, why.position);
		err_hint(&err, "one JSON-RPC 2.0 object on one line");
		return error_write(r->out, json_null(), RPC_PARSE_ERROR, &err);
	}
	rc = json_is_array(message) ? batch_answer(r, message) : request_answer(r, message);
	json_decref(message);
	return rc;
}

int
rpc_answer(const struct rpc_service *service, const struct rpc_caller *who, const char *line, size_t len,
	   struct rpc_text *out)
{
	struct request r = { .service = service, .who = who, .out = out };
	int rc = line_answer(&r, line, len);

	if (rc == 0 && out->len > 0)
		rc = rpc_text_add(out, "\n", 1);
	return rc < 0 ? -ENOMEM : 0;
}
